/* test_callback.c - every recorded webhook through a real HTTP door: what must be taken is, what must not is not. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "redis_server.h"
#include "world.h"

#include "qg/json.h"
#include "qg/str.h"

#define SIGNED                                                                                     \
	"encrypt_key: shared-Encrypt-Key-2026\nverification_token: "                               \
	"EPTe2RR1iYWJk20LhClchH5tUrnc0vO5"
#define BARE "verification_token: EPTe2RR1iYWJk20LhClchH5tUrnc0vO5"

static struct world worlds[2]; /* by whether there is a key */

static void open_both(void)
{
	world_open(&worlds[false], BARE);
	world_open(&worlds[true], SIGNED);
	world_start(&worlds[false]);
	world_start(&worlds[true]);
}

static void close_both(void)
{
	world_close(&worlds[false]);
	world_close(&worlds[true]);
}

static struct world *world_of(const json_t *vector)
{
	return &worlds[qg_json_bool(json_object_get(vector, "mode"), "encrypt_key_set", false)];
}

static int post(struct world *world, const json_t *request)
{
	size_t size = 0;
	char *body = world_body(request, &size);
	char **headers = world_headers(json_object_get(request, "headers"));
	int status = world_post(world, "POST", (const char *const *)headers, body, size);
	world_free_headers(headers);
	free(body);
	return status;
}

/* Whether a bot is spoken to by this: a message, of a person. */
static bool is_for_bot(const json_t *vector)
{
	const json_t *normalized = json_object_get(vector, "normalized");
	const json_t *event = json_object_get(json_object_get(vector, "decrypted"), "event");
	const char *sender = qg_json_str(json_object_get(event, "sender"), "sender_type", "user");
	if (normalized) {
		return strcmp(qg_json_str(normalized, "kind", ""), "message") == 0 &&
		       strcmp(sender, "user") == 0;
	}
	return true;
}

static void check_verdict(const json_t *vector)
{
	struct world *world = world_of(vector);
	const char *id = qg_json_str(vector, "id", "?");
	const json_t *required = json_object_get(vector, "required");
	const char *verdict = qg_json_str(required, "verdict", "");
	size_t before = world->host->message_count;
	int status = post(world, json_object_get(vector, "request"));
	size_t delivered = world->host->message_count - before;
	bool refused = status >= 400 && status < 500;
	if (strcmp(verdict, "accept") == 0) {
		ck_assert_msg(status == 200, "%s: %d", id, status);
		ck_assert_msg(delivered == is_for_bot(vector), "%s: %zu delivered", id, delivered);
	} else if (strcmp(verdict, "accept-ignore") == 0) {
		ck_assert_msg(status == 200, "%s: %d", id, status);
		ck_assert_msg(delivered == 0 || json_is_null(json_object_get(required, "deliver")),
			"%s: delivered", id);
	} else if (strcmp(verdict, "challenge") == 0) {
		json_t *body = qg_json_parse(world->answered, strlen(world->answered), NULL);
		ck_assert_msg(status == 200, "%s: %d", id, status);
		ck_assert_msg(qg_json_equal(body, json_object_get(required, "json_body")), "%s: %s",
			id, world->answered);
		json_decref(body);
	} else if (strcmp(verdict, "reject") == 0) {
		ck_assert_msg(refused && delivered == 0, "%s: %d, %zu", id, status, delivered);
		ck_assert_msg(strstr(world->answered, "ajls384kdjx98XX") == NULL, "%s", id);
	} else if (strcmp(verdict, "reject-or-ignore") == 0) {
		ck_assert_msg((refused || status == 200) && delivered == 0, "%s: %d", id, status);
	} else {
		ck_assert_msg(strcmp(verdict, "either") == 0 || strcmp(verdict, "policy") == 0,
			"%s: %s", id, verdict);
		ck_assert_msg(refused || status == 200, "%s: %d", id, status);
	}
}

static void check_file(const char *name, size_t least)
{
	json_t *root = world_vectors(name);
	const json_t *vectors = json_object_get(root, "vectors");
	ck_assert_uint_ge(json_array_size(vectors), least);
	open_both();
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		check_verdict(json_array_get(vectors, i));
	}
	close_both();
	json_decref(root);
}

START_TEST(test_events_plain)
{
	check_file("events-plain", 31);
}
END_TEST

START_TEST(test_events_encrypted)
{
	check_file("events-encrypted", 31);
}
END_TEST

START_TEST(test_challenge)
{
	check_file("challenge", 8);
}
END_TEST

START_TEST(test_signature)
{
	check_file("signature", 26);
}
END_TEST

START_TEST(test_negative)
{
	check_file("negative", 30);
}
END_TEST

/* The store drops repeats by message id within a bot: here it is checked that ids repeat exactly where they must. */
static void check_sequence(const json_t *sequence)
{
	struct world second;
	world_open(&second, "app_id: cli_3fcfefabef149e5c\n" SIGNED);
	world_start(&second);
	open_both();
	const json_t *steps = json_object_get(sequence, "steps");
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);
		bool is_second = json_object_get(step, "app_id") != NULL;
		struct fake_host *host = is_second ? second.host : worlds[true].host;
		size_t before = host->message_count;
		ck_assert_int_eq(post(is_second ? &second : &worlds[true], step), 200);
		ck_assert_uint_eq(host->message_count, before + 1);
		bool known = false;
		for (size_t k = 0; k < before; k++) {
			known |= strcmp(host->messages[k]->id, host->messages[before]->id) == 0;
		}
		bool fresh = qg_json_bool(json_object_get(step, "required"), "deliver", false);
		ck_assert_msg(known != fresh, "%s, step %zu", qg_json_str(sequence, "id", "?"), i);
	}
	close_both();
	world_close(&second);
}

START_TEST(test_repeats)
{
	json_t *root = world_vectors("dedupe-sequences");
	const json_t *sequences = json_object_get(root, "sequences");
	ck_assert_uint_ge(json_array_size(sequences), 5);
	for (size_t i = 0; i < json_array_size(sequences); i++) {
		check_sequence(json_array_get(sequences, i));
	}
	json_decref(root);
}
END_TEST

static json_t *first_of(const char *file, const char *id, json_t **root_out)
{
	json_t *root = world_vectors(file);
	const json_t *vectors = json_object_get(root, "vectors");
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		json_t *vector = json_array_get(vectors, i);
		if (strcmp(qg_json_str(vector, "id", ""), id) == 0) {
			*root_out = root;
			return json_object_get(vector, "request");
		}
	}
	ck_abort_msg("no %s", id);
	return NULL;
}

/* What storing says decides whether the platform is to deliver it again. */
START_TEST(test_stored)
{
	static const struct {
		enum qg_status status;
		int answer;
	} rows[] = {{QG_OK, 200}, {QG_DUPLICATE, 200}, {QG_FULL, 200}, {QG_INVALID, 200},
		{QG_AWAY, 503}, {QG_BUSY, 503}, {QG_NO_MEMORY, 503}, {QG_CANCELLED, 503}};
	json_t *root = NULL;
	const json_t *request =
		first_of("events-encrypted", "encrypted/text-group-mention-bot", &root);
	open_both();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		worlds[true].host->answer = rows[i].status;
		ck_assert_int_eq(post(&worlds[true], request), rows[i].answer);
	}
	close_both();
	json_decref(root);
}
END_TEST

static bool has_infos(void *arg)
{
	return ((struct world *)arg)->infos > 0;
}

/* Until the own id is known, what speaks to somebody in a group waits; the rest passes. */
START_TEST(test_own_id_unknown)
{
	json_t *group_root = NULL;
	json_t *direct_root = NULL;
	json_t *plain_root = NULL;
	const json_t *group =
		first_of("events-encrypted", "encrypted/text-group-mention-bot", &group_root);
	const json_t *direct = first_of("events-encrypted", "encrypted/text-p2p", &direct_root);
	const json_t *plain =
		first_of("events-encrypted", "encrypted/text-group-no-mention", &plain_root);
	struct world world;
	world_open(&world, SIGNED);
	world.info_answer = "{\"code\":99991672,\"msg\":\"scope\"}";
	ck_assert_int_eq(post(&world, group), 503);
	fake_host_wait(world.loop, has_infos, &world);
	ck_assert_int_eq(post(&world, group), 503);
	ck_assert_uint_eq(world.host->message_count, 0);
	ck_assert_int_eq(post(&world, direct), 200);
	ck_assert_int_eq(post(&world, plain), 200);
	ck_assert_uint_eq(world.host->message_count, 2);
	world.info_answer = NULL; /* it is asked for again, by itself */
	world_start(&world);
	ck_assert_int_eq(post(&world, group), 200);
	ck_assert(world.host->messages[2]->mentions_bot);
	world_close(&world);
	json_decref(group_root);
	json_decref(direct_root);
	json_decref(plain_root);
}
END_TEST

static bool has_answer(void *arg)
{
	return ((struct world *)arg)->posted;
}

/* The first message a process hears waits for the id instead of coming again after 15 s. */
START_TEST(test_own_id_awaited)
{
	json_t *root = NULL;
	const json_t *group =
		first_of("events-encrypted", "encrypted/text-group-mention-bot", &root);
	struct world world;
	world_open(&world, SIGNED);
	ck_assert_int_eq(post(&world, group), 200);
	ck_assert_uint_eq(world.infos, 1);
	ck_assert_uint_eq(world.host->message_count, 1);
	ck_assert(world.host->messages[0]->mentions_bot);
	world_close(&world);
	json_decref(root);
}
END_TEST

/* What still waits when the bot stops, or ends without a stop, is left to the platform; also where that left first. */
START_TEST(test_own_id_awaited_at_the_end)
{
	json_t *root = NULL;
	const json_t *group =
		first_of("events-encrypted", "encrypted/text-group-mention-bot", &root);
	size_t size = 0;
	char *body = world_body(group, &size);
	char **headers = world_headers(json_object_get(group, "headers"));
	struct world world;
	world_open(&world, SIGNED);
	world.silent = true;
	world_begin_post(&world, "POST", (const char *const *)headers, body, size);
	fake_host_wait(world.loop, has_infos, &world);
	ck_assert(!world.posted);
	if (_i == 2) {
		qg_http_server_destroy(world.front);
		world.front = NULL;
	}
	if (_i == 1) {
		fake_host_destroy(world.host);
		world.host = NULL;
	} else {
		fake_host_stop(world.host);
	}
	fake_host_wait(world.loop, has_answer, &world);
	ck_assert_int_eq(world.status, _i == 2 ? 0 : 503);
	world_free_headers(headers);
	free(body);
	world_close(&world);
	json_decref(root);
}
END_TEST

static bool has_heard(void *arg)
{
	return ((struct world *)arg)->host->message_count > 0;
}

/* What one process learned the next one knows at once, while the platform is slow to say it again. */
START_TEST(test_own_id_remembered)
{
	json_t *root = NULL;
	const json_t *group =
		first_of("events-encrypted", "encrypted/text-group-mention-bot", &root);
	struct qg_test_redis *redis = qg_test_redis_start(false);
	for (unsigned i = 0; i < 2; i++) {
		struct world world;
		world_open_with(&world, SIGNED, qg_test_redis_url(redis));
		world.silent = i > 0;
		ck_assert_int_eq(post(&world, group), 200);
		fake_host_wait(world.loop, has_heard, &world);
		ck_assert(world.host->messages[0]->mentions_bot);
		world_close(&world);
	}
	/* another app's bot does not take it for its own */
	struct world other;
	world_open_with(&other, "app_id: cli_other\n" SIGNED, qg_test_redis_url(redis));
	ck_assert_int_eq(other.host->bot.adapter->start(&other.host->bot), QG_OK);
	other.silent = true;
	fake_host_wait(other.loop, has_infos, &other);
	ck_assert_ptr_null((*(struct feishu_core **)other.host->bot.state)->account->own.open_id);
	world_close(&other);
	qg_test_redis_stop(redis);
	json_decref(root);
}
END_TEST

START_TEST(test_form)
{
	static const char *const json[] = {"Content-Type: application/json", NULL};
	static const char *const text[] = {"Content-Type: text/plain", NULL};
	open_both();
	ck_assert_int_eq(world_post(&worlds[true], "GET", NULL, NULL, 0), 405);
	ck_assert_int_eq(world_post(&worlds[true], "PUT", json, "{}", 2), 405);
	ck_assert_int_eq(world_post(&worlds[true], "POST", text, "{}", 2), 415);
	ck_assert_int_eq(world_post(&worlds[true], "POST", json, "{}", 2), 401);
	close_both();
}
END_TEST

/* A stop waits for the message on its way to the store, and takes no more. */
static bool has_stopped(void *arg)
{
	return ((struct world *)arg)->host->stops > 0;
}

static bool has_message(void *arg)
{
	return ((struct world *)arg)->host->message_count > 0;
}

static void unheard(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	*(int *)arg = end->status;
}

START_TEST(test_stop)
{
	static const struct qg_fetch_host host = {.ended = unheard};
	json_t *root = NULL;
	const json_t *request = first_of("events-encrypted", "encrypted/text-p2p", &root);
	struct world world;
	world_open(&world, SIGNED);
	world_start(&world);
	world.host->hold = true;
	size_t size = 0;
	char *body = world_body(request, &size);
	char **headers = world_headers(json_object_get(request, "headers"));
	char *url = qg_str_printf("http://%s/hook/xiaoman", qg_http_server_address(world.front));
	struct qg_fetch_request asked = {.method = "POST",
		.url = url,
		.headers = (const char *const *)headers,
		.body = body,
		.body_size = size,
		.gathers = true};
	int status = 0;
	ck_assert_ptr_nonnull(qg_fetch_start(world.client, &asked, &host, &status));
	fake_host_wait(world.loop, has_message, &world);
	fake_host_stop(world.host);
	ck_assert_int_eq(post(&world, request), 503);
	ck_assert_uint_eq(world.host->stops, 0);
	fake_host_release(world.host);
	fake_host_wait(world.loop, has_stopped, &world);
	ck_assert_int_eq(status, 200);
	ck_assert_uint_eq(world.host->stops, 1);
	world_free_headers(headers);
	free(body);
	free(url);
	world_close(&world);
	json_decref(root);
}
END_TEST

START_TEST(test_cipher)
{
	json_t *root = world_vectors("cipher");
	const json_t *vectors = json_object_get(root, "vectors");
	struct qg_buf scratch;
	qg_buf_init(&scratch, FEISHU_BODY_MAX);
	ck_assert_uint_ge(json_array_size(vectors), 20);
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		const json_t *vector = json_array_get(vectors, i);
		const json_t *required = json_object_get(vector, "required");
		const char *key = qg_json_str(vector, "encrypt_key", "");
		const char *coded = qg_json_str(vector, "encrypt", "");
		uint8_t cipher_key[QG_AES256_KEY];
		qg_sha256(key, strlen(key), cipher_key);
		const char *plain = NULL;
		size_t size = 0;
		enum qg_status status = feishu_crypt_open(
			cipher_key, coded, strlen(coded), &scratch, &plain, &size);
		bool good = qg_json_bool(required, "ok", false);
		ck_assert_msg((status == QG_OK) == good, "%s: %s", qg_json_str(vector, "id", "?"),
			qg_status_name(status));
		const json_t *expected = json_object_get(required, "plaintext");
		if (good && expected) {
			ck_assert_uint_eq(size, json_string_length(expected));
			ck_assert_mem_eq(plain, json_string_value(expected), size);
		}
	}
	qg_buf_finish(&scratch);
	json_decref(root);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu callback");
	TCase *tests = tcase_create("callback");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_cipher);
	tcase_add_test(tests, test_events_plain);
	tcase_add_test(tests, test_events_encrypted);
	tcase_add_test(tests, test_challenge);
	tcase_add_test(tests, test_signature);
	tcase_add_test(tests, test_negative);
	tcase_add_test(tests, test_repeats);
	tcase_add_test(tests, test_stored);
	tcase_add_test(tests, test_own_id_unknown);
	tcase_add_test(tests, test_own_id_awaited);
	tcase_add_loop_test(tests, test_own_id_awaited_at_the_end, 0, 3);
	tcase_add_test(tests, test_own_id_remembered);
	tcase_add_test(tests, test_form);
	tcase_add_test(tests, test_stop);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
