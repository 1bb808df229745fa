/* test_webhook.c - the HTTP transport: what is believed and what is not, answers after storing, and event envelopes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/codec.h"
#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define EVENT_TOKEN "pubTok2026"
#define EVENT_KEY "q7Zx2Lm9Vt4Rk8Yb1Nd6Hc3Wf5Gs0Jp7Ua2Ei9Oo4Qz"

static json_t *requests;

static void setup(void)
{
	world_open("transport: webhook\nevent_token: " EVENT_TOKEN "\nevent_aes_key: " EVENT_KEY
		   "\n",
		NULL);
	requests = world_vectors("http_callback");
}

static void teardown(void)
{
	json_decref(requests);
	world_close();
}

/* ---- signatures ---- */

START_TEST(test_signs)
{
	json_t *root = world_vectors("sign");
	const json_t *list = json_object_get(root, "inbound_http_robot");
	ck_assert_uint_ge(json_array_size(list), 25);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *vector = json_array_get(list, i);
		const char *verdict = qg_json_str(vector, "verdict", "");
		bool is = dingtalk_is_signed(qg_json_str(vector, "app_secret", ""),
			qg_json_str(vector, "timestamp", ""), qg_json_str(vector, "sign", ""),
			qg_json_int(vector, "now_ms", 0));
		ck_assert_msg(
			strcmp(verdict, "either") == 0 || is == (strcmp(verdict, "accept") == 0),
			"%s", qg_json_str(vector, "name", "?"));
	}
	ck_assert(!dingtalk_is_signed(NULL, "1767225600000", "x", 1767225600000));
	ck_assert(!dingtalk_is_signed("s", NULL, "x", 1767225600000));
	ck_assert(!dingtalk_is_signed("s", "1767225600000", NULL, 1767225600000));
	json_decref(root);
}
END_TEST

START_TEST(test_card_signs)
{
	json_t *root = world_vectors("sign");
	const json_t *list =
		json_object_get(json_object_get(root, "inbound_http_card_callback"), "vectors");
	ck_assert_uint_ge(json_array_size(list), 2);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *vector = json_array_get(list, i);
		const char *secret = qg_json_str(vector, "api_secret", "");
		const char *time = qg_json_str(vector, "timestamp", "");
		const char *sign = qg_json_str(vector, "signature", "");
		ck_assert(dingtalk_is_card_signed(secret, time, sign, 1767225600000));
		ck_assert(!dingtalk_is_card_signed(secret, time, sign, 1767225600000 + 3600100));
		ck_assert(!dingtalk_is_card_signed(secret, "1767225600001", sign, 1767225600000));
		ck_assert(!dingtalk_is_card_signed("", time, sign, 1767225600000));
	}
	json_decref(root);
}
END_TEST

/* ---- requests ---- */

static void begin(const json_t *request)
{
	const json_t *given = json_object_get(request, "headers");
	const char *body = qg_json_str(request, "body", "");
	const char *headers[8];
	char *lines[8];
	size_t count = json_array_size(given);
	ck_assert_uint_lt(count, 8);
	for (size_t i = 0; i < count; i++) {
		const json_t *pair = json_array_get(given, i);
		lines[i] = qg_str_printf("%s: %s", json_string_value(json_array_get(pair, 0)),
			json_string_value(json_array_get(pair, 1)));
		headers[i] = lines[i];
	}
	headers[count] = NULL;
	world_begin(qg_json_str(request, "method", "POST"), "", headers, body, strlen(body));
	for (size_t i = 0; i < count; i++) {
		free(lines[i]);
	}
}

static const json_t *request_named(const char *name)
{
	return world_named(json_object_get(requests, "requests"), name);
}

static int expected_status(const char *verdict)
{
	return strcmp(verdict, "accept") == 0			 ? 200
	       : strcmp(verdict, "accept_then_bad_request") == 0 ? 400
								 : 401;
}

START_TEST(test_requests)
{
	json_t *messages = world_vectors("messages");
	const json_t *list = json_object_get(requests, "requests");
	ck_assert_uint_ge(json_array_size(list), 15);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *request = json_array_get(list, i);
		const char *name = qg_json_str(request, "name", "?");
		const char *verdict = qg_json_str(request, "verdict", "");
		const char *expect = qg_json_str(request, "expect_message", NULL);
		size_t before = world.host->message_count;
		begin(request);
		world_wait_answer();
		if (strcmp(verdict, "either") == 0) {
			continue;
		}
		ck_assert_msg(
			world.status == expected_status(verdict), "%s: %d", name, world.status);
		ck_assert_uint_eq(world.host->message_count, before + (world.status == 200));
		if (world.status == 200) {
			const json_t *message =
				world_named(json_object_get(messages, "messages"), expect);
			ck_assert_str_eq(world.host->messages[before]->id,
				qg_json_str(json_object_get(message, "expect"), "dedupe_key", ""));
			ck_assert_str_eq(world.answered, "{}");
		}
	}
	json_decref(messages);
}
END_TEST

static bool has_message(void *arg)
{
	return world.host->message_count > 0;
}

/* Answered when it is stored, not before. */
START_TEST(test_answer_waits_for_store)
{
	world.host->hold = true;
	begin(request_named("plain"));
	world_wait(has_message, NULL);
	world_settle();
	ck_assert(!world.has_answer);
	fake_host_release(world.host);
	world_wait_answer();
	ck_assert_int_eq(world.status, 200);
}
END_TEST

static char *card_sign(const char *timestamp)
{
	uint8_t digest[QG_SHA256_SIZE];
	struct qg_buf out;
	qg_buf_init(&out, 128);
	qg_hmac_sha256(CLIENT_SECRET, strlen(CLIENT_SECRET), timestamp, strlen(timestamp), digest);
	ck_assert_int_eq(qg_base64_encode(digest, sizeof(digest), &out), QG_OK);
	return qg_buf_steal(&out);
}

/* The same of a press: what the card shows is known then. */
START_TEST(test_click_waits_for_store)
{
	QG_AUTO(qg_str_free) char *body = world_press("track1");
	char now[QG_INT64_SIZE];
	qg_str_from_int64(world.wall, now);
	QG_AUTO(qg_str_free) char *sign = card_sign(now);
	QG_AUTO(qg_str_free) char *time = qg_str_printf("x-ddpaas-signature-timestamp: %s", now);
	QG_AUTO(qg_str_free) char *proof = qg_str_printf("x-ddpaas-signature: %s", sign);
	const char *const headers[] = {time, proof, NULL};
	world.host->hold = true;
	world_begin("POST", "/cards", headers, body, strlen(body));
	world_wait(has_message, NULL);
	world_settle();
	ck_assert(!world.has_answer);
	fake_host_release(world.host);
	world_wait_answer();
	ck_assert_int_eq(world.status, 200);
	ck_assert_ptr_nonnull(strstr(world.answered, "click_taken"));
}
END_TEST

/* Not stored in the platform's 2.5 s: it shall send it again, dedupe knows the copy. */
START_TEST(test_not_stored_in_time)
{
	world.host->hold = true;
	begin(request_named("plain"));
	world_wait(has_message, NULL);
	world_pass(2400);
	dingtalk_posts_expire(world_core());
	world_wait_answer();
	ck_assert_int_eq(world.status, 503);
	fake_host_release(world.host);
	world_settle();
}
END_TEST

static const struct {
	enum qg_status stored;
	int status;
} answers[] = {{QG_DUPLICATE, 200}, {QG_FULL, 200}, {QG_EMPTY, 200}, {QG_INVALID, 200},
	{QG_AWAY, 503}, {QG_BUSY, 503}, {QG_CANCELLED, 503}};

START_TEST(test_answers)
{
	world.host->answer = answers[_i].stored;
	begin(request_named("plain"));
	world_wait_answer();
	ck_assert_int_eq(world.status, answers[_i].status);
}
END_TEST

START_TEST(test_doors)
{
	static const char *const none[] = {NULL};
	ck_assert_int_eq(world_request("GET", "", none, NULL, 0), 405);
	ck_assert_int_eq(world_request("POST", "/else", none, "{}", 2), 404);
	ck_assert_int_eq(world_request("POST", "", none, "{}", 2), 401);
	ck_assert_int_eq(world_request("POST", "/cards", none, "{}", 2), 401);
	ck_assert_int_eq(world_request("POST", "/events", none, "{}", 2), 401);
	world_core()->stopping = true;
	ck_assert_int_eq(world_request("POST", "", none, "{}", 2), 503);
	world_core()->stopping = false;
}
END_TEST

START_TEST(test_finish_with_a_request)
{
	world.host->hold = true;
	begin(request_named("plain"));
	world_wait(has_message, NULL);
	world.host->bot.adapter->finish(&world.host->bot);
	world_wait_answer();
	ck_assert_int_eq(world.status, 503);
	fake_host_release(world.host);
}
END_TEST

/* ---- event envelopes ---- */

static char *query_of(const json_t *vector)
{
	const json_t *query = json_object_get(vector, "query");
	return qg_str_printf("msg_signature=%s&timestamp=%s&nonce=%s",
		qg_json_str(query, "msg_signature", ""), qg_json_str(query, "timestamp", ""),
		qg_json_str(query, "nonce", ""));
}

static void check_envelope(const json_t *vector)
{
	const struct dingtalk_seal seal = {qg_json_str(vector, "token", ""),
		qg_json_str(vector, "aes_key", ""), qg_json_str(vector, "owner_key", "")};
	const char *verdict = qg_json_str(vector, "verdict", "accept");
	const char *body = qg_json_str(vector, "body", "");
	const char *plaintext = qg_json_str(vector, "plaintext", "");
	struct qg_buf plain;
	char *query = query_of(vector);
	qg_buf_init(&plain, 65536);
	enum qg_status status = dingtalk_envelope_open(&seal, query, body, strlen(body), &plain);
	if (strcmp(verdict, "either") != 0) {
		ck_assert_msg((status == QG_OK) == (strcmp(verdict, "accept") == 0), "%s: %s",
			qg_json_str(vector, "name", "?"), qg_status_name(status));
	}
	if (status == QG_OK) {
		ck_assert_uint_eq(plain.size, strlen(plaintext));
		ck_assert(plain.size == 0 || memcmp(plain.data, plaintext, plain.size) == 0);
	}
	qg_buf_finish(&plain);
	free(query);
}

START_TEST(test_envelopes)
{
	static const char *const lists[] = {"inbound", "official"};
	json_t *root = world_vectors("event_crypto");
	for (size_t l = 0; l < 2; l++) {
		const json_t *list = json_object_get(root, lists[l]);
		ck_assert_uint_ge(json_array_size(list), 1);
		for (size_t i = 0; i < json_array_size(list); i++) {
			check_envelope(json_array_get(list, i));
		}
	}
	json_decref(root);
}
END_TEST

START_TEST(test_success_reply)
{
	json_t *root = world_vectors("event_crypto");
	const json_t *vector = json_object_get(root, "success_reply");
	const struct dingtalk_seal seal = {EVENT_TOKEN, EVENT_KEY, CLIENT_ID};
	char *text = dingtalk_envelope_success(&seal, qg_json_str(vector, "timeStamp", ""),
		qg_json_str(vector, "nonce", ""),
		(const uint8_t *)qg_json_str(vector, "random16", ""));
	json_t *have = qg_json_parse(text, strlen(text), NULL);
	ck_assert_msg(qg_json_equal(have, json_object_get(vector, "response_body")), "%s", text);
	json_decref(have);
	free(text);
	json_decref(root);
}
END_TEST

START_TEST(test_check_url)
{
	static const char *const none[] = {NULL};
	json_t *root = world_vectors("event_crypto");
	const json_t *vector = world_named(json_object_get(root, "inbound"), "check_url");
	const char *body = qg_json_str(vector, "body", "");
	char *query = query_of(vector);
	char *path = qg_str_printf("/events?%s", query);
	ck_assert_int_eq(world_request("POST", path, none, body, strlen(body)), 200);
	json_t *answer = qg_json_parse(world.answered, strlen(world.answered), NULL);
	/* It opens again, by the same rules. */
	const struct dingtalk_seal seal = {EVENT_TOKEN, EVENT_KEY, CLIENT_ID};
	char *back = qg_str_printf("msg_signature=%s&timestamp=%s&nonce=%s",
		qg_json_str(answer, "msg_signature", ""), qg_json_str(answer, "timeStamp", ""),
		qg_json_str(answer, "nonce", ""));
	struct qg_buf plain;
	qg_buf_init(&plain, 4096);
	ck_assert_int_eq(
		dingtalk_envelope_open(&seal, back, world.answered, strlen(world.answered), &plain),
		QG_OK);
	ck_assert_str_eq(plain.data, "success");
	qg_buf_finish(&plain);
	free(back);
	json_decref(answer);
	free(path);
	free(query);
	json_decref(root);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk webhook");
	TCase *tests = tcase_create("webhook");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_signs);
	tcase_add_test(tests, test_card_signs);
	tcase_add_test(tests, test_requests);
	tcase_add_test(tests, test_answer_waits_for_store);
	tcase_add_test(tests, test_click_waits_for_store);
	tcase_add_test(tests, test_not_stored_in_time);
	tcase_add_loop_test(tests, test_answers, 0, (int)(sizeof(answers) / sizeof(answers[0])));
	tcase_add_test(tests, test_doors);
	tcase_add_test(tests, test_finish_with_a_request);
	tcase_add_test(tests, test_envelopes);
	tcase_add_test(tests, test_success_reply);
	tcase_add_test(tests, test_check_url);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
