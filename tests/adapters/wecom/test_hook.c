/* test_hook.c - requests at the door of the webhook transport: what is believed, what is answered, and when. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook_world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

static struct qg_test_redis *redis;
static struct hook_world world;

static void start_redis(void)
{
	redis = qg_test_redis_start(false);
}

static void stop_redis(void)
{
	qg_test_redis_stop(redis);
}

static void setup(void)
{
	qg_test_redis_do(redis, "FLUSHALL", NULL);
	hook_world_open(&world, HOOK_CREDENTIALS "display_name: HarborBot\n", redis);
}

static void teardown(void)
{
	hook_world_close(&world);
}

/* ---- vectors ---- */

static bool has_our_credentials(const json_t *vector)
{
	const json_t *own = json_object_get(vector, "credentials");
	return strcmp(qg_json_str(own, "token", ""), HOOK_TOKEN) == 0 &&
	       strcmp(qg_json_str(own, "encoding_aes_key", ""), HOOK_KEY) == 0 &&
	       strcmp(qg_json_str(own, "receive_id", ""), "") == 0;
}

static int send_vector(const json_t *vector)
{
	const json_t *http = json_object_get(vector, "http");
	char *path = qg_str_printf("?%s", qg_json_str(http, "query", ""));
	const char *body = qg_json_str(http, "body", "");
	int status = hook_world_request(&world, qg_json_str(http, "method", "POST"), path,
		qg_json_str(http, "content_type", NULL), body, strlen(body));
	free(path);
	return status;
}

/* Credentials of another mode or key: a world of its own. */
static void reopen_for(const json_t *vector)
{
	const json_t *own = json_object_get(vector, "credentials");
	char *options = qg_str_printf("bot_id: aibQ7mN2x\ntransport: webhook\ntoken: %s\n"
				      "encoding_aes_key: %s\ndisplay_name: HarborBot\n",
		qg_json_str(own, "token", ""), qg_json_str(own, "encoding_aes_key", ""));
	hook_world_close(&world);
	hook_world_open(&world, options, redis);
	free(options);
}

START_TEST(test_url_check)
{
	json_t *root = hook_world_vectors("url-verify");
	const json_t *cases = json_object_get(root, "cases");
	size_t checked = 0;
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *vector = json_array_get(cases, i);
		const char *id =
			qg_json_str(json_object_get(vector, "credentials"), "receive_id", "");
		reopen_for(vector);
		int status = send_vector(vector);
		if (id[0] != '\0') { /* of an app: an AI bot has no id */
			ck_assert_int_eq(status, 401);
			continue;
		}
		ck_assert_int_eq(status, 200);
		ck_assert_str_eq(world.answered,
			qg_json_str(json_object_get(vector, "expect"), "response_body", "?"));
		checked++;
	}
	ck_assert_uint_eq(checked, 2);
	json_decref(root);
}
END_TEST

static void check_inbound(const json_t *vector)
{
	const json_t *body = json_object_get(json_object_get(vector, "expect"), "message");
	const char *type = qg_json_str(body, "msgtype", "");
	const char *name = qg_json_str(vector, "name", "?");
	bool is_message = strcmp(type, "event") != 0 && strcmp(type, "stream") != 0 &&
			  strncmp(type, "location", 8) != 0;
	size_t before = world.host->message_count;
	ck_assert_msg(send_vector(vector) == 200, "%s", name);
	ck_assert_msg(world.host->message_count - before == is_message, "%s", name);
	json_t *said = hook_world_said(&world);
	const json_t *stream = json_object_get(said, "stream");
	if (is_message) {
		ck_assert_str_eq(qg_json_str(said, "msgtype", ""), "stream");
		ck_assert_uint_eq(strlen(qg_json_str(stream, "id", "")), 32);
		ck_assert(!qg_json_bool(stream, "finish", true));
		ck_assert(qg_str_starts_with(
			qg_json_str(json_object_get(stream, "feedback"), "id", ""), "trace_"));
	} else if (strcmp(type, "stream") == 0) { /* nobody knows it */
		ck_assert_str_eq(qg_json_str(stream, "id", ""), "st-R9fk68llE2");
		ck_assert(qg_json_bool(stream, "finish", false));
	} else if (strcmp(name, "event_enter_chat") == 0) {
		ck_assert_str_eq(qg_json_str(said, "msgtype", ""), "template_card");
	} else {
		ck_assert_msg(said == NULL, "%s", name);
	}
	json_decref(said);
}

START_TEST(test_inbound_vectors)
{
	json_t *root = hook_world_vectors("aibot-inbound");
	const json_t *cases = json_object_get(root, "cases");
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *vector = json_array_get(cases, i);
		if (!has_our_credentials(vector)) {
			reopen_for(vector);
			ck_assert_int_eq(send_vector(vector), 200);
			ck_assert_uint_eq(world.host->message_count, 1);
			teardown();
			setup();
			continue;
		}
		check_inbound(vector);
	}
	json_decref(root);
}
END_TEST

START_TEST(test_negative_vectors)
{
	json_t *root = hook_world_vectors("negative");
	const json_t *cases = json_object_get(root, "cases");
	ck_assert_uint_ge(json_array_size(cases), 42);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *vector = json_array_get(cases, i);
		const char *id =
			qg_json_str(json_object_get(vector, "credentials"), "receive_id", "");
		const char *stage = qg_json_str(json_object_get(vector, "expect"), "stage", "");
		if (id[0] != '\0' && strcmp(stage, "receive_id") == 0) {
			continue; /* an app's: to an AI bot no id is the right one */
		}
		if (!has_our_credentials(vector)) {
			reopen_for(vector);
		}
		int status = send_vector(vector);
		ck_assert_msg(status == 401, "%s: %d", qg_json_str(vector, "name", "?"), status);
		ck_assert_uint_eq(world.host->message_count, 0);
		ck_assert_ptr_nonnull(strstr(world.answered, "\"refused\""));
		ck_assert_uint_lt(world.answered_size, 32); /* no word of why */
	}
	json_decref(root);
}
END_TEST

START_TEST(test_padding_vectors)
{
	json_t *root = hook_world_vectors("padding");
	const json_t *cases = json_object_get(root, "cases");
	for (size_t i = 0; i < json_array_size(cases); i++) {
		/* well sealed, but no JSON is in it */
		const json_t *vector = json_array_get(cases, i);
		reopen_for(vector);
		ck_assert_int_eq(send_vector(vector), 401);
		ck_assert_uint_eq(world.host->message_count, 0);
	}
	json_decref(root);
}
END_TEST

START_TEST(test_doors)
{
	ck_assert_int_eq(hook_world_request(&world, "PUT", "", NULL, "x", 1), 405);
	ck_assert_int_eq(hook_world_request(&world, "POST", "/more", NULL, "{}", 2), 404);
	ck_assert_int_eq(hook_world_request(&world, "GET", "", NULL, NULL, 0), 401);
	ck_assert_int_eq(hook_world_request(&world, "GET", "?echostr=x", NULL, NULL, 0), 401);
	ck_assert_int_eq(hook_world_request(&world, "POST", "", NULL, "{}", 2), 401);
}
END_TEST

/* ---- storing ---- */

static char *post_text(const char *msgid, const char *text)
{
	char *body = hook_world_text(msgid, true, "lin.qiao", text);
	hook_world_post(&world, body);
	free(body);
	json_t *said = world.status == 200 ? hook_world_said(&world) : NULL;
	char *id = qg_str_copy(qg_json_str(json_object_get(said, "stream"), "id", ""));
	json_decref(said);
	return id;
}

START_TEST(test_redelivery_has_the_same_stream)
{
	char *first = post_text("m1", "hi");
	world.host->answer = QG_DUPLICATE;
	char *second = post_text("m1", "hi");
	world.host->answer = QG_OK;
	char *other = post_text("m2", "hi");
	ck_assert_uint_eq(strlen(first), 32);
	ck_assert_str_eq(first, second);
	ck_assert_str_ne(first, other);
	ck_assert(qg_str_starts_with(world.host->messages[0]->handle, "hook "));
	free(first);
	free(second);
	free(other);
}
END_TEST

START_TEST(test_not_stored)
{
	world.host->answer = QG_AWAY;
	free(post_text("m1", "hi"));
	ck_assert_int_eq(world.status, 503);
	world.host->answer = QG_BUSY;
	free(post_text("m1", "hi"));
	ck_assert_int_eq(world.status, 503);
	world.host->answer = QG_INVALID;
	free(post_text("m1", "hi"));
	ck_assert_int_eq(world.status, 200);
	ck_assert_uint_eq(world.answered_size, 0);
}
END_TEST

/* Nobody's message is answered empty, its redelivery too. */
START_TEST(test_nobodys_message)
{
	world.host->answer = QG_EMPTY;
	free(post_text("m1", "hi"));
	ck_assert_int_eq(world.status, 200);
	ck_assert_uint_eq(world.answered_size, 0);
	world.host->answer = QG_DUPLICATE;
	free(post_text("m1", "hi"));
	ck_assert_int_eq(world.status, 200);
	ck_assert_uint_eq(world.answered_size, 0);
}
END_TEST

static bool is_received(void *arg)
{
	return ((struct hook_world *)arg)->host->message_count > 0;
}

/* What the gateway holds is asked for again after three seconds, and stored all the same. */
START_TEST(test_held_too_long)
{
	world.host->hold = true;
	char *body = hook_world_text("m1", false, "lin.qiao", "hi");
	hook_world_begin_post(&world, body);
	fake_host_wait(world.loop, is_received, &world);
	qg_clock_fix(qg_clock_wall() + 3000, qg_clock_mono() + 3000);
	hook_world_wait_answer(&world);
	qg_clock_fix(-1, 0);
	ck_assert_int_eq(world.status, 503);
	fake_host_release(world.host);
	world.host->hold = false;
	world.host->answer = QG_DUPLICATE;
	ck_assert_int_eq(hook_world_post(&world, body), 200);
	free(body);
}
END_TEST

/* ---- clicks, welcome, feedback ---- */

static int post_click(const char *user, const char *task_id, const char *key)
{
	char *body =
		qg_str_printf("{\"msgid\":\"c\",\"chatid\":\"wrX\",\"chattype\":\"group\",\"from\":"
			      "{\"userid\":\"%s\"},\"msgtype\":\"event\",\"event\":{\"eventtype\":"
			      "\"template_card_event\",\"template_card_event\":{\"card_type\":"
			      "\"button_interaction\",\"event_key\":\"%s\",\"task_id\":\"%s\"}}}",
			user, key, task_id);
	int status = hook_world_post(&world, body);
	free(body);
	return status;
}

static char *issue(const char *asker, int64_t now)
{
	json_t *buttons = json_pack("[{s:s, s:s}]", "text", "菜单", "value", "看菜单");
	json_t *card = wecom_buttons_card(&world.host->bot, "要什么", buttons, asker, now);
	const char *id = qg_json_str(card, "task_id", "");
	ck_assert_uint_le(strlen(id), 128);
	ck_assert_uint_eq(
		strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-@"),
		strlen(id));
	char *copy = qg_str_copy(id);
	json_decref(card);
	json_decref(buttons);
	return copy;
}

/* The card that answers a click, checked; whether only who clicked sees it. */
static bool answered_alone(const char *task_id)
{
	json_t *said = hook_world_said(&world);
	const json_t *card = json_object_get(said, "template_card");
	ck_assert_str_eq(qg_json_str(said, "response_type", ""), "update_template_card");
	ck_assert_str_eq(qg_json_str(card, "task_id", ""), task_id);
	ck_assert_ptr_null(json_object_get(card, "button_list"));
	bool alone = json_array_size(json_object_get(said, "userids")) == 1;
	json_decref(said);
	return alone;
}

START_TEST(test_clicks)
{
	char *id = issue("lin.qiao", qg_clock_wall());
	ck_assert_int_eq(post_click("zhang.san", id, "k"), 200); /* the wrong person */
	ck_assert(answered_alone(id));
	ck_assert_uint_eq(world.host->message_count, 0);
	ck_assert_int_eq(post_click("lin.qiao", id, "看菜单"), 200);
	ck_assert(!answered_alone(id));
	ck_assert_uint_eq(world.host->message_count, 1);
	const struct qg_message *message = world.host->messages[0];
	ck_assert(message->kind == QG_MESSAGE_CLICK);
	ck_assert_str_eq(message->text, "看菜单");
	ck_assert(qg_str_starts_with(message->handle, "hook - "));
	/* twice: one id, so the host knows it */
	world.host->answer = QG_DUPLICATE;
	ck_assert_int_eq(post_click("lin.qiao", id, "看菜单"), 200);
	ck_assert(!answered_alone(id));
	ck_assert_str_eq(world.host->messages[0]->id, world.host->messages[1]->id);
	free(id);
	id = issue("lin.qiao", qg_clock_wall() - 3601000); /* too late */
	ck_assert_int_eq(post_click("lin.qiao", id, "k"), 200);
	ck_assert(!answered_alone(id));
	ck_assert_uint_eq(world.host->message_count, 2);
	free(id);
	id = issue(NULL, qg_clock_wall()); /* anybody's */
	world.host->answer = QG_AWAY;
	ck_assert_int_eq(post_click("zhang.san", id, "k"), 200);
	ck_assert_uint_eq(world.answered_size, 0); /* the card stays */
	free(id);
}
END_TEST

/* Nothing that we did not sign, and not a character less of what we did. */
START_TEST(test_forged_cards)
{
	char *id = issue("lin.qiao", qg_clock_wall());
	size_t size = strlen(id);
	for (size_t at = 0; at < size; at++) {
		char before = id[at];
		id[at] = before == 'a' ? 'b' : 'a';
		ck_assert_int_eq(post_click("lin.qiao", id, "k"), 200);
		ck_assert_uint_eq(world.answered_size, 0);
		id[at] = before;
	}
	id[size - 1] = '\0';
	ck_assert_int_eq(post_click("lin.qiao", id, "k"), 200);
	ck_assert_int_eq(post_click("lin.qiao", "", "k"), 200);
	ck_assert_int_eq(post_click("lin.qiao", "qg1-0-00000000-0-", "k"), 200);
	ck_assert_uint_eq(world.host->message_count, 0);
	free(id);
}
END_TEST

START_TEST(test_askers)
{
	static const char *const rows[][2] = {{"lin.qiao", "**lin.qiao** "},
		{"zhangsan12", "**zhangsan12** "}, {"T0042", ""},
		{"woAJ2GCAAAXtWyujaWJHDDGi0mAC", ""}, {"a", ""}, {"", ""}, {"boss", "**老板** "},
		{"plain", "**小 张** "}};
	json_t *people = json_pack("{s:{s:s}, s:s}", "boss", "name", "老板", "plain", "小*张");
	world.host->config.people = people;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *asker = wecom_asker(&world.host->bot, QG_CHAT_GROUP, rows[i][0]);
		ck_assert_str_eq(asker, rows[i][1]);
		free(asker);
		asker = wecom_asker(&world.host->bot, QG_CHAT_DIRECT, rows[i][0]);
		ck_assert_str_eq(asker, "");
		free(asker);
	}
	world.host->config.people = NULL;
	json_decref(people);
}
END_TEST

START_TEST(test_stream_limits)
{
	json_t *root = hook_world_vectors("utf8-limit");
	const json_t *cases = json_object_get(root, "cases");
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *vector = json_array_get(cases, i);
		const char *text = qg_json_str(vector, "text", "");
		ck_assert(
			qg_utf8_cut(text, strlen(text), (size_t)qg_json_int(vector, "limit", 0)) ==
			(size_t)qg_json_int(json_object_get(vector, "expect"), "prefix_bytes", -1));
	}
	json_decref(root);
	struct qg_buf text;
	qg_buf_init(&text, 100000);
	while (text.size < WECOM_TEXT_MOST + 10) {
		qg_buf_add_str(&text, "😀长");
	}
	json_t *body = wecom_stream_body("s", false, text.data, NULL);
	const char *content = qg_json_str(json_object_get(body, "stream"), "content", "");
	ck_assert_uint_le(strlen(content), WECOM_TEXT_MOST);
	ck_assert_uint_gt(strlen(content), WECOM_TEXT_MOST - 4);
	ck_assert(qg_utf8_is_valid(content, strlen(content)));
	json_decref(body);
	qg_buf_finish(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom hook");
	TCase *tcase = tcase_create("all");
	tcase_set_timeout(tcase, 30);
	tcase_add_unchecked_fixture(tcase, start_redis, stop_redis);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_url_check);
	tcase_add_test(tcase, test_inbound_vectors);
	tcase_add_test(tcase, test_negative_vectors);
	tcase_add_test(tcase, test_padding_vectors);
	tcase_add_test(tcase, test_doors);
	tcase_add_test(tcase, test_redelivery_has_the_same_stream);
	tcase_add_test(tcase, test_not_stored);
	tcase_add_test(tcase, test_nobodys_message);
	tcase_add_test(tcase, test_held_too_long);
	tcase_add_test(tcase, test_clicks);
	tcase_add_test(tcase, test_forged_cards);
	tcase_add_test(tcase, test_askers);
	tcase_add_test(tcase, test_stream_limits);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
