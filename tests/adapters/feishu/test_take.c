/* test_take.c - what either transport hands over: acknowledged once, when it is stored, and in time; what is told of
 * chats. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_server.h"
#include "world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define TOKEN_OPTION "verification_token: EPTe2RR1iYWJk20LhClchH5tUrnc0vO5\n"
#define GROUP "oc_c963141b9d203a4b527f3dc07426565f"

static struct world world;
static json_t *root;

struct outcome {
	unsigned count;
	enum qg_status status;
	char *answer;
};

static void setup(void)
{
	root = world_vectors("events-plain");
	world_open(&world, TOKEN_OPTION);
}

static void teardown(void)
{
	world_close(&world);
	json_decref(root);
}

static json_t *event_of(const char *id)
{
	size_t i;
	json_t *vector;
	json_array_foreach (json_object_get(root, "vectors"), i, vector) {
		if (strcmp(qg_json_str(vector, "id", "") + strlen("plain/"), id) == 0) {
			return json_object_get(vector, "decrypted");
		}
	}
	ck_abort_msg("no vector %s", id);
	return NULL;
}

static void taken(void *arg, const struct feishu_taken *told)
{
	struct outcome *outcome = arg;
	outcome->count++;
	outcome->status = told->status;
	outcome->answer = qg_str_copy(told->answer);
}

static bool is_told(void *arg)
{
	return ((struct outcome *)arg)->count > 0;
}

/* As the long connection hands it over: no token, and so long ago. */
static void take_json(json_t *event, unsigned age_ms, struct outcome *outcome)
{
	struct feishu_envelope envelope;
	json_t *copy = json_deep_copy(event);
	json_object_set_new(json_object_get(copy, "header"), "token", json_string(""));
	char *body = qg_json_dump(copy);
	ck_assert_int_eq(feishu_envelope_read(APP, body, strlen(body), &envelope), FEISHU_EVENT);
	*outcome = (struct outcome){0};
	feishu_take(world_core(&world), &envelope, qg_clock_mono_us() - age_ms * UINT64_C(1000),
		taken, outcome);
	memset(body, 'x', strlen(body)); /* nothing is borrowed beyond the call */
	free(body);
	json_decref(copy);
}

static void take(const char *id, struct outcome *outcome)
{
	take_json(event_of(id), 0, outcome);
}

static enum qg_status take_and_wait(const char *id)
{
	struct outcome outcome;
	take(id, &outcome);
	fake_host_wait(world.loop, is_told, &outcome);
	ck_assert_uint_eq(outcome.count, 1);
	return outcome.status;
}

/* ---- the envelope of a long connection ---- */

static enum feishu_verdict read_text(const char *body)
{
	struct feishu_envelope envelope;
	return feishu_envelope_read(APP, body, strlen(body), &envelope);
}

START_TEST(an_envelope_needs_its_app_and_no_token)
{
	ck_assert_int_eq(read_text("{\"header\":{\"event_type\":\"x\",\"token\":\"\",\"app_id\":"
				   "\"" APP "\"}}"),
		FEISHU_EVENT);
	ck_assert_int_eq(read_text("{\"uuid\":\"1\",\"type\":\"event_callback\"}"), FEISHU_EVENT);
	static const char *const refused[] = {"", "7", "{}", "[]", "{\"header\":{}}",
		"{\"header\":{\"event_type\":\"x\"}}",
		"{\"header\":{\"event_type\":\"x\",\"app_id\":\"cli_other\"}}",
		"{\"type\":\"url_verification\",\"challenge\":\"c\"}",
		"{\"header\":{\"event_type\":\"x\",\"app_id\":\"" APP
		"\"},\"type\":\"url_verification\"}"};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		ck_assert_msg(read_text(refused[i]) == FEISHU_REFUSED, "%s", refused[i]);
	}
}
END_TEST

/* ---- messages ---- */

START_TEST(a_message_is_told_when_it_is_stored)
{
	struct outcome outcome;
	world_start(&world);
	world.host->hold = true;
	take("text-group-mention-bot", &outcome);
	ck_assert_uint_eq(world.host->message_count, 1);
	ck_assert_str_eq(world.host->messages[0]->text, "帮我查一下今天的构建状态");
	ck_assert_uint_eq(outcome.count, 0);
	fake_host_release(world.host);
	ck_assert_uint_eq(outcome.count, 1);
	ck_assert_int_eq(outcome.status, QG_OK);
	ck_assert_ptr_null(outcome.answer);
}
END_TEST

static const struct {
	enum qg_status stored, told;
} statuses[] = {{QG_DUPLICATE, QG_OK}, {QG_FULL, QG_OK}, {QG_EMPTY, QG_OK}, {QG_INVALID, QG_OK},
	{QG_TOO_LARGE, QG_OK}, {QG_AWAY, QG_AWAY}, {QG_BUSY, QG_BUSY},
	{QG_CANCELLED, QG_CANCELLED}};

START_TEST(what_the_store_says_is_passed_on)
{
	world_start(&world);
	world.host->answer = statuses[_i].stored;
	ck_assert_int_eq(take_and_wait("text-group-mention-bot"), statuses[_i].told);
}
END_TEST

/* The transport hears in time; the store goes on, and its late word changes nothing. */
START_TEST(a_slow_store_is_not_waited_for)
{
	struct outcome outcome;
	world_start(&world);
	world.host->hold = true;
	take_json(event_of("text-p2p"), FEISHU_TAKE_MS - 20, &outcome);
	fake_host_wait(world.loop, is_told, &outcome);
	ck_assert_int_eq(outcome.status, QG_TIMEOUT);
	fake_host_release(world.host);
	ck_assert_uint_eq(outcome.count, 1);
	ck_assert_uint_eq(world_core(&world)->posts, 0);
}
END_TEST

/* It waits for the own id on bytes of its own, and is understood when that is known. */
START_TEST(a_message_waits_for_the_own_id)
{
	struct outcome outcome;
	take("text-group-mention-bot", &outcome);
	ck_assert_uint_eq(outcome.count, 0);
	ck_assert_uint_eq(world.host->message_count, 0);
	fake_host_wait(world.loop, is_told, &outcome);
	ck_assert_int_eq(outcome.status, QG_OK);
	ck_assert_uint_eq(world.host->message_count, 1);
	ck_assert(world.host->messages[0]->mentions_bot);
	ck_assert_str_eq(world.host->messages[0]->text, "帮我查一下今天的构建状态");
}
END_TEST

START_TEST(nobody_waits_for_the_own_id_for_ever)
{
	struct outcome outcome;
	world.silent = true;
	take_json(event_of("text-group-mention-bot"), FEISHU_TAKE_MS - 20, &outcome);
	fake_host_wait(world.loop, is_told, &outcome);
	ck_assert_int_eq(outcome.status, QG_TIMEOUT);
	ck_assert_uint_eq(world_core(&world)->posts, 0);
	ck_assert_uint_eq(world.host->message_count, 0);
}
END_TEST

START_TEST(what_waits_is_bounded)
{
	enum { COUNT = 70 };
	static struct outcome outcomes[COUNT];
	unsigned refused = 0;
	world.silent = true;
	for (size_t i = 0; i < COUNT; i++) {
		take("text-group-mention-bot", &outcomes[i]);
		refused += outcomes[i].count;
	}
	ck_assert_uint_eq(refused, COUNT - 64);
	ck_assert_int_eq(outcomes[COUNT - 1].status, QG_BUSY);
	fake_host_stop(world.host);
	for (size_t i = 0; i < COUNT; i++) {
		ck_assert_uint_eq(outcomes[i].count, 1);
	}
	ck_assert_int_eq(outcomes[0].status, QG_CANCELLED);
}
END_TEST

/* ---- all else ---- */

START_TEST(what_means_nothing_is_acknowledged)
{
	world_start(&world);
	ck_assert_int_eq(take_and_wait("reaction-created"), QG_OK);
	ck_assert_int_eq(take_and_wait("text-from-bot"), QG_OK);
	struct outcome outcome;
	struct feishu_envelope envelope;
	static const char earlier[] = "{\"ts\":\"1\",\"uuid\":\"u\",\"token\":\"\",\"type\":"
				      "\"event_callback\",\"event\":{\"type\":\"message\"}}";
	ck_assert_int_eq(
		feishu_envelope_read(APP, earlier, sizeof(earlier) - 1, &envelope), FEISHU_EVENT);
	outcome = (struct outcome){0};
	feishu_take(world_core(&world), &envelope, qg_clock_mono_us(), taken, &outcome);
	ck_assert_uint_eq(outcome.count, 1);
	ck_assert_int_eq(outcome.status, QG_OK);
	ck_assert_uint_eq(world.host->message_count + world.host->errand_count, 0);
}
END_TEST

START_TEST(who_is_added_greets_once)
{
	world_start(&world);
	ck_assert_int_eq(take_and_wait("bot-added"), QG_OK);
	ck_assert_int_eq(take_and_wait("bot-added"), QG_OK); /* again: the host knows the id */
	ck_assert_uint_eq(world.host->errand_count, 2);
	const struct qg_reply *reply = world.host->errands[0].reply;
	ck_assert_int_eq(world.host->errands[0].kind, FAKE_SAY);
	ck_assert_str_eq(reply->chat, GROUP);
	ck_assert_int_eq(reply->chat_type, QG_CHAT_GROUP);
	ck_assert_str_eq(reply->text, "你好");
	ck_assert_ptr_null(reply->sender);
	ck_assert_ptr_null(reply->handle);
	ck_assert_uint_eq(json_array_size(reply->answers), 0);
	const json_t *button = json_array_get(reply->buttons, 0);
	ck_assert_str_eq(qg_json_str(button, "text", ""), "几点开门？");
	ck_assert_str_eq(qg_json_str(button, "value", ""), "几点开门？");
	ck_assert_str_eq(reply->id, world.host->errands[1].reply->id);
	char *wire = qg_reply_encode(reply);
	ck_assert_ptr_nonnull(wire);
	free(wire);
	/* added anew later: another event, another greeting */
	struct outcome outcome;
	json_t *later = json_deep_copy(event_of("bot-added"));
	json_object_set_new(json_object_get(later, "header"), "event_id", json_string("e2"));
	take_json(later, 0, &outcome);
	ck_assert_str_ne(world.host->errands[2].reply->id, reply->id);
	fake_host_wait(world.loop, is_told, &outcome);
	json_decref(later);
}
END_TEST

/* Where an admin has a say first, it says so. */
START_TEST(a_greeting_says_how_to_begin)
{
	world_start(&world);
	world.host->has_words = true; /* each reads as its key */
	ck_assert_int_eq(take_and_wait("bot-added"), QG_OK);
	ck_assert_str_eq(world.host->errands[0].reply->text, "你好\n\ngroup_greeting");
	ck_assert_int_eq(take_and_wait("p2p-entered"), QG_OK);
	ck_assert_str_eq(world.host->errands[1].reply->text, "你好");
	world.host->config.any_chat = true;
	ck_assert_int_eq(take_and_wait("bot-added"), QG_OK);
	ck_assert_str_eq(world.host->errands[2].reply->text, "你好");
}
END_TEST

START_TEST(a_greeting_that_is_not_stored_comes_again)
{
	world_start(&world);
	world.host->answer = QG_AWAY;
	ck_assert_int_eq(take_and_wait("bot-added"), QG_AWAY);
	ck_assert_int_eq(take_and_wait("message-recalled"), QG_AWAY);
	ck_assert_int_eq(take_and_wait("bot-deleted"), QG_AWAY);
}
END_TEST

START_TEST(the_end_of_chats_and_messages_is_passed_on)
{
	world_start(&world);
	ck_assert_int_eq(take_and_wait("bot-deleted"), QG_OK);
	ck_assert_int_eq(take_and_wait("message-recalled"), QG_OK);
	const struct fake_errand *left = &world.host->errands[0];
	const struct fake_errand *withdrawn = &world.host->errands[1];
	ck_assert_int_eq(left->kind, FAKE_LEFT);
	ck_assert_str_eq(left->chat, GROUP);
	const json_t *header = json_object_get(event_of("bot-deleted"), "header");
	ck_assert_str_eq(left->about, qg_json_str(header, "event_id", ""));
	ck_assert_int_eq(withdrawn->kind, FAKE_WITHDRAWN);
	ck_assert_str_eq(withdrawn->chat, GROUP);
	ck_assert_str_eq(withdrawn->about, "om_x1000a47e02ec0e75b0aeaf883987617");
}
END_TEST

/* An event without what it is about means nothing, and would come again and again. */
START_TEST(a_tale_without_its_subject_is_acknowledged)
{
	static const char *const ids[] = {
		"bot-added", "bot-deleted", "message-recalled", "p2p-entered"};
	world_start(&world);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct outcome outcome;
		json_t *event = json_deep_copy(event_of(ids[i]));
		json_object_del(json_object_get(event, "event"), "chat_id");
		take_json(event, 0, &outcome);
		fake_host_wait(world.loop, is_told, &outcome);
		ck_assert_int_eq(outcome.status, QG_OK);
		json_decref(event);
	}
	ck_assert_uint_eq(world.host->errand_count, 0);
}
END_TEST

/* People open a direct chat many times a day. */
START_TEST(a_person_is_greeted_once_a_day)
{
	world_close(&world);
	struct qg_test_redis *redis = qg_test_redis_start(false);
	world_open_with(&world, TOKEN_OPTION, qg_test_redis_url(redis));
	world_start(&world);
	world.host->answer = QG_AWAY; /* what was not stored was not said */
	ck_assert_int_eq(take_and_wait("p2p-entered"), QG_AWAY);
	world.host->answer = QG_OK;
	ck_assert_int_eq(take_and_wait("p2p-entered"), QG_OK);
	ck_assert_int_eq(take_and_wait("p2p-entered"), QG_OK);
	ck_assert_uint_eq(world.host->errand_count, 2);
	const struct qg_reply *reply = world.host->errands[1].reply;
	ck_assert_int_eq(reply->chat_type, QG_CHAT_DIRECT);
	ck_assert_str_eq(reply->chat, "oc_d543dbc28661f82f08ce2e7aee0b521f");
	world_close(&world);
	qg_test_redis_stop(redis);
	world_open(&world, TOKEN_OPTION);
}
END_TEST

/* A bot that ends while something is under way tells its transport, and nothing is touched afterwards. */
START_TEST(the_end_of_the_bot_is_told)
{
	struct outcome waits, stays;
	world_start(&world);
	world.host->hold = true;
	take("text-p2p", &stays);
	world_core(&world)->account->own.sure = true;
	take("bot-added", &waits);
	fake_host_stop(world.host);
	ck_assert_uint_eq(stays.count, 0); /* it still may be stored */
	struct outcome late;
	take("text-p2p", &late);
	ck_assert_uint_eq(late.count, 1);
	ck_assert_int_eq(late.status, QG_CANCELLED);
	fake_host_release(world.host);
	ck_assert_uint_eq(stays.count, 1);
	ck_assert_uint_eq(waits.count, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu take");
	TCase *tests = tcase_create("take");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, an_envelope_needs_its_app_and_no_token);
	tcase_add_test(tests, a_message_is_told_when_it_is_stored);
	tcase_add_loop_test(
		tests, what_the_store_says_is_passed_on, 0, sizeof(statuses) / sizeof(statuses[0]));
	tcase_add_test(tests, a_slow_store_is_not_waited_for);
	tcase_add_test(tests, a_message_waits_for_the_own_id);
	tcase_add_test(tests, nobody_waits_for_the_own_id_for_ever);
	tcase_add_test(tests, what_waits_is_bounded);
	tcase_add_test(tests, what_means_nothing_is_acknowledged);
	tcase_add_test(tests, who_is_added_greets_once);
	tcase_add_test(tests, a_greeting_says_how_to_begin);
	tcase_add_test(tests, a_greeting_that_is_not_stored_comes_again);
	tcase_add_test(tests, the_end_of_chats_and_messages_is_passed_on);
	tcase_add_test(tests, a_tale_without_its_subject_is_acknowledged);
	tcase_add_test(tests, a_person_is_greeted_once_a_day);
	tcase_add_test(tests, the_end_of_the_bot_is_told);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
