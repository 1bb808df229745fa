/* test_send.c - replies as messages: the recorded requests member by member, the way that is taken, and what answers mean. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "support/malloc.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

static char dir[] = "/tmp/qg-ding-XXXXXX";

static void setup(void)
{
	show_open("", NULL);
}

static void teardown(void)
{
	show_close();
}

/* ---- requests, as recorded ---- */

static const json_t *named(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (strcmp(qg_json_str(one, "name", ""), name) == 0) {
			return one;
		}
	}
	ck_abort_msg("no vector %s", name);
	return NULL;
}

/* msgParam is JSON within a string: its order is free. */
static void assert_same_request(json_t *made, const json_t *recorded)
{
	json_auto_t *wanted = json_deep_copy(recorded);
	const char *a = qg_json_str(made, "msgParam", ""), *b = qg_json_str(wanted, "msgParam", "");
	json_auto_t *inner_a = qg_json_parse(a, strlen(a), NULL);
	json_auto_t *inner_b = qg_json_parse(b, strlen(b), NULL);
	ck_assert_ptr_nonnull(inner_a);
	ck_assert_msg(qg_json_equal(inner_a, inner_b), "%s\n%s", a, b);
	json_object_del(made, "msgParam");
	json_object_del(wanted, "msgParam");
	QG_AUTO(qg_str_free) char *words = qg_json_dump(made);
	ck_assert_msg(qg_json_equal(made, wanted), "%s", words);
}

static const struct dingtalk_whom group = {
	.robot_code = SHOW_CODE, .chat = SHOW_GROUP, .type = QG_CHAT_GROUP};
static const struct dingtalk_whom person = {
	.robot_code = SHOW_CODE, .chat = SHOW_STAFF, .type = QG_CHAT_DIRECT};

START_TEST(test_recorded_texts)
{
	static const struct {
		const char *name;
		const struct dingtalk_whom *whom;
		bool is_plain;
	} rows[] = {{"group_send_text", &group, true}, {"group_send_markdown", &group, false},
		{"direct_send_markdown", &person, false}};
	json_t *root = show_vectors("openapi_requests.json");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *request = json_object_get(
			named(json_object_get(root, "calls"), rows[i].name), "request");
		const json_t *body = json_object_get(request, "body");
		const char *param = qg_json_str(body, "msgParam", "");
		json_auto_t *inner = qg_json_parse(param, strlen(param), NULL);
		json_t *made = NULL;
		ck_assert_int_eq(
			dingtalk_text_body(rows[i].whom, qg_json_str(inner, "title", ""),
				qg_json_str(inner, rows[i].is_plain ? "content" : "text", ""),
				rows[i].is_plain, &made),
			QG_OK);
		assert_same_request(made, body);
		ck_assert_str_eq(
			dingtalk_send_path(rows[i].whom->type), qg_json_str(request, "target", ""));
		json_decref(made);
	}
	json_decref(root);
}
END_TEST

START_TEST(test_recorded_media)
{
	static const char *const names[] = {"group_send_image", "group_send_file"};
	json_t *root = show_vectors("openapi_requests.json");
	for (size_t i = 0; i < 2; i++) {
		const json_t *body = json_object_get(
			json_object_get(named(json_object_get(root, "calls"), names[i]), "request"),
			"body");
		const char *param = qg_json_str(body, "msgParam", "");
		json_auto_t *inner = qg_json_parse(param, strlen(param), NULL);
		json_auto_t *made = dingtalk_media_body(&group, i == 0,
			qg_json_str(inner, i == 0 ? "photoURL" : "mediaId", ""),
			qg_json_str(inner, "fileName", ""));
		assert_same_request(made, body);
	}
	json_decref(root);
}
END_TEST

START_TEST(test_recorded_webhooks)
{
	json_t *root = show_vectors("webhook_replies.json");
	const json_t *cases = json_object_get(root, "cases");
	size_t seen = 0;
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *one = json_array_get(cases, i);
		const json_t *intent = json_object_get(one, "intent");
		if (json_object_get(intent, "msg_uuid")) {
			continue; /* of a group's own robot */
		}
		struct dingtalk_whom whom = {.staff = qg_json_str(intent, "at_user_id", NULL),
			.sender = qg_json_str(intent, "at_dingtalk_id", NULL)};
		whom.type = whom.staff || whom.sender ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
		struct qg_buf body;
		qg_buf_init(&body, DINGTALK_POST_MOST);
		ck_assert_int_eq(
			dingtalk_webhook_body(&whom, qg_json_str(intent, "title", ""),
				qg_json_str(intent, "text", ""),
				strcmp(qg_json_str(intent, "kind", ""), "text") == 0, &body),
			QG_OK);
		json_auto_t *made = qg_json_parse(body.data, body.size, NULL);
		ck_assert_msg(qg_json_equal(made, json_object_get(one, "body")), "%s\n%s",
			qg_json_str(one, "name", ""), body.data);
		qg_buf_finish(&body);
		seen++;
	}
	ck_assert_uint_eq(seen, 4);
	json_decref(root);
}
END_TEST

/* The name must not spoil the block that it stands behind. */
START_TEST(test_name_behind_blocks)
{
	static const char *const texts[] = {
		"看：\n```\ncode\n```", "- 一\n- 二", "| a |\n|---|\n| b |"};
	struct dingtalk_whom whom = group;
	whom.staff = "u1";
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct qg_buf body;
		qg_buf_init(&body, DINGTALK_POST_MOST);
		ck_assert_int_eq(dingtalk_webhook_body(&whom, "t", texts[i], false, &body), QG_OK);
		ck_assert_ptr_nonnull(strstr(body.data, "\\n\\n@u1\""));
		qg_buf_finish(&body);
	}
}
END_TEST

/* Ids come from outside: none of them calls everyone. */
START_TEST(test_nobody_but_one)
{
	static const char *const ids[] = {"all", "ALL", "@ALL", "所有人", "a b", "a\nb", "", NULL};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		ck_assert(!dingtalk_may_call(ids[i]));
		struct dingtalk_whom whom = group;
		whom.staff = whom.sender = ids[i];
		struct qg_buf body;
		qg_buf_init(&body, DINGTALK_POST_MOST);
		ck_assert_int_eq(dingtalk_webhook_body(&whom, "t", "x", false, &body), QG_OK);
		ck_assert_str_eq(body.data,
			"{\"msgtype\":\"markdown\",\"markdown\":{\"title\":\"t\","
			"\"text\":\"x\"}}");
		qg_buf_finish(&body);
	}
	ck_assert(dingtalk_may_call("$:LWCP_v1:$OGESm9watZohq9w5oDqpD3JCmmZpBDSb"));
	ck_assert(dingtalk_may_call("manager4220"));
}
END_TEST

/* Escaped twice, quotes and line breaks weigh four bytes: it is said before it leaves. */
START_TEST(test_too_large)
{
	char text[DINGTALK_PART_BYTES + 1];
	json_t *body = NULL;
	struct qg_buf post;
	qg_buf_init(&post, DINGTALK_POST_MOST);
	memset(text, '"', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(dingtalk_text_body(&group, "t", text, true, &body), QG_TOO_LARGE);
	ck_assert_ptr_null(body);
	text[DINGTALK_PART_BYTES / 4] = '\0';
	ck_assert_int_eq(dingtalk_text_body(&group, "t", text, true, &body), QG_OK);
	json_decref(body);
	char *large = malloc(DINGTALK_POST_MOST + 1);
	memset(large, 'x', DINGTALK_POST_MOST);
	large[DINGTALK_POST_MOST] = '\0';
	ck_assert_int_eq(dingtalk_webhook_body(&group, "t", large, false, &post), QG_TOO_LARGE);
	large[DINGTALK_PART_BYTES] = '\0';
	ck_assert_int_eq(dingtalk_webhook_body(&group, "t", large, false, &post), QG_OK);
	free(large);
	qg_buf_finish(&post);
}
END_TEST

/* ---- the way ---- */

START_TEST(test_webhook_while_it_lives)
{
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "# 标题\n正文")), QG_OK);
	ck_assert_uint_eq(show.count, 1);
	const struct show_asked *asked = show_last(SHOW_WEBHOOK);
	ck_assert_str_eq(asked->query, "session=5e1f");
	const json_t *markdown = json_object_get(asked->body, "markdown");
	ck_assert_str_eq(qg_json_str(markdown, "title", ""), "标题");
	ck_assert_str_eq(qg_json_str(markdown, "text", ""), "# 标题\n\n正文 @" SHOW_STAFF);
	const json_t *at = json_object_get(asked->body, "at");
	ck_assert_str_eq(
		json_string_value(json_array_get(json_object_get(at, "atUserIds"), 0)), SHOW_STAFF);
	ck_assert(json_is_false(json_object_get(at, "isAtAll")));
}
END_TEST

/* Only the first part calls the asker. */
START_TEST(test_later_parts_call_nobody)
{
	struct qg_reply *reply = show_reply(true, true, "二");
	reply->part = 1;
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_ptr_null(json_object_get(show_last(SHOW_WEBHOOK)->body, "at"));
}
END_TEST

/* Five minutes before its end, and as a message of its own, it goes by the API. */
START_TEST(test_api_instead)
{
	struct qg_reply *reply = show_reply(true, true, "x");
	qg_clock_fix(show.wall + 5400000 - 300000, show.mono);
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_SEND_GROUP), 1);
	qg_clock_fix(show.wall, show.mono);
	reply = show_reply(true, true, "x");
	reply->form = QG_FORM_APART;
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_SEND_GROUP), 2);
	ck_assert_int_eq(show_send_wait(show_reply(false, false, "x")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_SEND_PERSON), 1);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 0);
}
END_TEST

/* HTTP 200 that says: the session is over. The same text goes by the API, and the next does at once. */
START_TEST(test_session_is_over)
{
	show_script(SHOW_WEBHOOK, 200, "{\"errcode\":300001,\"errmsg\":\"session 不存在\"}");
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "x")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
	ck_assert_uint_eq(show_count(SHOW_SEND_GROUP), 1);
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "y")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
	ck_assert_uint_eq(show_count(SHOW_SEND_GROUP), 2);
}
END_TEST

/* A webhook elsewhere is no way: nothing is posted there. */
START_TEST(test_foreign_webhook)
{
	struct qg_reply *reply = show_reply(true, false, "x");
	free(reply->handle);
	reply->handle = qg_str_printf("{\"g\":1,\"r\":\"c\",\"u\":%lld,\"w\":\"https://"
				      "oapi.dingtalk.com.example.com/robot/sendBySession\"}",
		(long long)show.wall + 5400000);
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 0);
	ck_assert_uint_eq(show_count(SHOW_SEND_GROUP), 1);
}
END_TEST

START_TEST(test_outsider)
{
	struct qg_reply *reply = show_reply(false, false, "x");
	free(reply->handle);
	free(reply->chat);
	reply->handle = NULL;
	reply->chat = qg_str_copy("$:LWCP_v1:$abc");
	ck_assert_int_eq(show_send_wait(reply), QG_DENIED);
	ck_assert_uint_eq(show.count, 0);
}
END_TEST

/* Nothing to say needs no call. */
START_TEST(test_empty)
{
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "")), QG_OK);
	ck_assert_uint_eq(show.count, 0);
}
END_TEST

static const struct {
	const char *path;
	int http;
	const char *body;
	enum qg_status status;
} answered[] = {
	{SHOW_SEND_PERSON, 200,
		"{\"processQueryKey\":\"k\",\"invalidStaffIdList\":[\"" SHOW_STAFF "\"]}",
		QG_NOT_FOUND},
	{SHOW_SEND_PERSON, 200,
		"{\"processQueryKey\":\"k\",\"flowControlledStaffIdList\":[\"" SHOW_STAFF "\"]}",
		QG_BUSY},
	{SHOW_SEND_PERSON, 200, "{\"processQueryKey\":\"k\",\"invalidStaffIdList\":[\"other\"]}",
		QG_OK},
	{SHOW_SEND_GROUP, 400, "{\"code\":\"invalidParameter.msgParam.tooLong\"}", QG_TOO_LARGE},
	{SHOW_SEND_GROUP, 400, "{\"code\":\"resource.not.found\"}", QG_DENIED},
	{SHOW_SEND_GROUP, 400, "{\"code\":\"unknown.send.result\"}", QG_DENIED},
	{SHOW_SEND_GROUP, 400, "{\"code\":\"send.too.fast\"}", QG_BUSY},
	{SHOW_SEND_GROUP, 504, "<html>", QG_FAILED},
	{SHOW_WEBHOOK, 200, "{\"errcode\":\"0\"}", QG_OK},
	{SHOW_WEBHOOK, 200, "{\"errcode\":460101}", QG_TOO_LARGE},
	{SHOW_WEBHOOK, 200, "{\"errcode\":-1}", QG_BUSY},
	{SHOW_WEBHOOK, 200, "{\"status\":1111,\"punish\":\"deny\"}", QG_BUSY},
	{SHOW_WEBHOOK, 502, "bad gateway", QG_FAILED},
};

START_TEST(test_answers)
{
	bool is_person = strcmp(answered[_i].path, SHOW_SEND_PERSON) == 0;
	bool by_webhook = strcmp(answered[_i].path, SHOW_WEBHOOK) == 0;
	show_script(answered[_i].path, answered[_i].http, answered[_i].body);
	enum qg_status status = show_send_wait(show_reply(!is_person, by_webhook, "x"));
	ck_assert_msg(
		status == answered[_i].status, "%s: %s", answered[_i].body, qg_status_name(status));
	ck_assert_uint_eq(show.count, 1);
}
END_TEST

/* Refused for what it says: a sentence of the bot's own takes its place, once. */
START_TEST(test_content)
{
	show_script(SHOW_WEBHOOK, 200, "{\"errcode\":430101,\"errmsg\":\"unsafe link\"}");
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "http://x")), QG_OK);
	ck_assert_uint_eq(show.count, 2);
	ck_assert_ptr_nonnull(strstr(show_last(SHOW_WEBHOOK)->raw, "content_refused"));
	for (int i = 0; i < 2; i++) {
		show_script(SHOW_SEND_GROUP, 400, "{\"code\":\"contain.unsafe.url\"}");
	}
	ck_assert_int_eq(show_send_wait(show_reply(true, false, "http://x")), QG_DENIED);
	ck_assert_uint_eq(show_count(SHOW_SEND_GROUP), 2);
}
END_TEST

/* ---- files ---- */

static struct qg_reply *file_reply(const char *type, const char *file)
{
	struct qg_reply *reply = show_reply(true, true, "");
	reply->files = json_pack("[{s:s, s:s, s:i, s:s}]", "type", type, "name",
		"七月\"对账单.xlsx", "size", 12, "file", file);
	reply->file = json_array_get(reply->files, 0);
	reply->part = 1;
	return reply;
}

static void put_file(void)
{
	char command[128];
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(command, sizeof(command), "mkdir %s/outbox && printf hello-world. > %s/outbox/%s",
		dir, dir, SHOW_REPLY);
	ck_assert_int_eq(system(command), 0);
	show.host->bot.data_dir = dir;
}

START_TEST(test_file)
{
	put_file();
	ck_assert_int_eq(show_send_wait(file_reply("file", SHOW_REPLY)), QG_OK);
	const struct show_asked *upload = show_last(SHOW_UPLOAD);
	ck_assert(qg_str_starts_with(upload->query, "type=file&access_token="));
	ck_assert_ptr_nonnull(strstr(upload->raw, "name=\"media\"; filename=\"七月_对账单.xlsx\""));
	ck_assert_ptr_nonnull(strstr(upload->raw, "\r\n\r\nhello-world.\r\n--"));
	const char *param = qg_json_str(show_last(SHOW_SEND_GROUP)->body, "msgParam", "");
	ck_assert_ptr_nonnull(strstr(param, "\"@lAzPYM2miGk8\""));
	ck_assert_ptr_nonnull(strstr(param, "\"fileType\":\"xlsx\""));
	ck_assert_int_eq(show_send_wait(file_reply("image", SHOW_REPLY)), QG_OK);
	ck_assert_str_eq(
		qg_json_str(show_last(SHOW_SEND_GROUP)->body, "msgKey", ""), "sampleImageMsg");
	qg_test_remove_tree(dir);
}
END_TEST

START_TEST(test_no_file)
{
	put_file();
	ck_assert_int_eq(show_send_wait(file_reply("file", "../../etc/passwd")), QG_DENIED);
	ck_assert_int_eq(show_send_wait(file_reply("file", "f123456789abcdef0123456789abcdef")),
		QG_UNSUPPORTED);
	show_script(SHOW_UPLOAD, 200, "{\"errcode\":40004,\"errmsg\":\"type\"}");
	ck_assert_int_eq(show_send_wait(file_reply("file", SHOW_REPLY)), QG_UNSUPPORTED);
	ck_assert_uint_eq(show_count(SHOW_SEND_GROUP), 0);
	qg_test_remove_tree(dir);
}
END_TEST

/* The bot ends with everything under way. */
START_TEST(test_finish)
{
	put_file();
	show.mute = true;
	show_send(file_reply("file", SHOW_REPLY));
	show_send(show_reply(true, true, "x"));
	show_send(show_reply(true, false, "x"));
	show_wait_asked(2);
	show_kill();
	show_settle();
	qg_test_remove_tree(dir);
}
END_TEST

/* ---- memory ---- */

static bool make_bodies(void *arg)
{
	struct dingtalk_whom whom = group;
	struct qg_buf post;
	json_t *body = NULL;
	(void)arg;
	whom.staff = SHOW_STAFF;
	qg_buf_init(&post, DINGTALK_POST_MOST);
	bool good = dingtalk_webhook_body(&whom, "t", "一\n二", false, &post) == QG_OK;
	good = dingtalk_text_body(&whom, "t", "一\n二", false, &body) == QG_OK && good;
	json_t *media = dingtalk_media_body(&whom, false, "@m", "a.pdf");
	good = good && media;
	json_decref(body);
	json_decref(media);
	qg_buf_finish(&post);
	return good;
}

START_TEST(test_no_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(make_bodies, NULL), 20);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk send");
	TCase *pure = tcase_create("bodies");
	tcase_add_test(pure, test_recorded_texts);
	tcase_add_test(pure, test_recorded_media);
	tcase_add_test(pure, test_recorded_webhooks);
	tcase_add_test(pure, test_name_behind_blocks);
	tcase_add_test(pure, test_nobody_but_one);
	tcase_add_test(pure, test_too_large);
	tcase_add_test(pure, test_no_memory);
	suite_add_tcase(suite, pure);
	TCase *tcase = tcase_create("ways");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_webhook_while_it_lives);
	tcase_add_test(tcase, test_later_parts_call_nobody);
	tcase_add_test(tcase, test_api_instead);
	tcase_add_test(tcase, test_session_is_over);
	tcase_add_test(tcase, test_foreign_webhook);
	tcase_add_test(tcase, test_outsider);
	tcase_add_test(tcase, test_empty);
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answered) / sizeof(answered[0]));
	tcase_add_test(tcase, test_content);
	tcase_add_test(tcase, test_file);
	tcase_add_test(tcase, test_no_file);
	tcase_add_test(tcase, test_finish);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
