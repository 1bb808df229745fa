/* test_resolve.c - what a message points to (a quote, a forwarded talk), and the files of a message. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "support/malloc.h"
#include "world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define KEY "om_quoted"
#define ITEM(id, type, more, content)                                                              \
	"{\"message_id\":\"" id "\",\"msg_type\":\"" type "\",\"sender\":{\"id\":\"ou_a\","        \
	"\"id_type\":\"open_id\",\"sender_type\":\"user\"}," more "\"body\":{\"content\":" content \
	"}}"
#define LIST(items) "{\"code\":0,\"msg\":\"success\",\"data\":{\"items\":[" items "]}}"
#define TEXT(words) "\"{\\\"text\\\":\\\"" words "\\\"}\""
#define UPPER "\"upper_message_id\":\"" KEY "\","

/* ---- answers, read ---- */

static char *read_record(const char *body, enum qg_status expected, json_t **attachments_out)
{
	struct feishu_record record;
	feishu_record_init(&record, APP);
	ck_assert_msg(feishu_record_read(&record, KEY, body, strlen(body)) == expected, "%s", body);
	char *text = feishu_record_steal(&record, QG_QUOTE_MAX);
	if (attachments_out) {
		*attachments_out = json_incref(record.attachments);
	}
	feishu_record_finish(&record);
	return text;
}

static void expect(const char *body, enum qg_status status, const char *expected)
{
	char *text = read_record(body, status, NULL);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(a_text_is_quoted_with_names)
{
	expect(LIST(ITEM(KEY, "text",
		       "\"mentions\":[{\"key\":\"@_user_1\",\"id\":\"ou_b\",\"id_type\":\"open_"
		       "id\",\"name\":\"李四\"}],",
		       TEXT("@_user_1 明天几点"))),
		QG_OK, "@李四 明天几点");
}
END_TEST

START_TEST(other_types_are_quoted)
{
	expect(LIST(ITEM(KEY, "post", "",
		       "\"{\\\"title\\\":\\\"周报\\\",\\\"content\\\":[[{\\\"tag\\\":\\\"text\\\","
		       "\\\"text\\\":\\\"好\\\"}]]}\"")),
		QG_OK, "周报\n好");
	expect(LIST(ITEM(KEY, "interactive", "",
		       "\"{\\\"title\\\":\\\"T\\\",\\\"elements\\\":[[{\\\"tag\\\":\\\"text\\\","
		       "\\\"text\\\":\\\"一\\\"}],[{\\\"tag\\\":\\\"text\\\",\\\"text\\\":"
		       "\\\"二\\\"}]]}\"")),
		QG_OK, "T\n一\n二");
	/* as its maker wrote it, inside one string more */
	expect(LIST(ITEM(KEY, "interactive", "",
		       "\"{\\\"user_dsl\\\":\\\"{\\\\\\\"schema\\\\\\\":\\\\\\\"2.0\\\\\\\","
		       "\\\\\\\"body\\\\\\\":{\\\\\\\"elements\\\\\\\":[{\\\\\\\"tag\\\\\\\":"
		       "\\\\\\\"markdown\\\\\\\",\\\\\\\"content\\\\\\\":\\\\\\\"答\\\\\\\"}]}}\\\""
		       "}\"")),
		QG_OK, "答");
	expect(LIST(ITEM(KEY, "location", "", "\"{\\\"name\\\":\\\"一号楼\\\"}\"")), QG_OK,
		"[位置：一号楼]");
}
END_TEST

START_TEST(files_of_a_quote_are_its_own)
{
	json_t *found = NULL;
	char *text =
		read_record(LIST(ITEM(KEY, "image", "", "\"{\\\"image_key\\\":\\\"img_1\\\"}\"")),
			QG_OK, &found);
	const json_t *item = json_array_get(found, 0);
	ck_assert_str_eq(text, "");
	ck_assert_str_eq(qg_json_str(item, "type", ""), "image");
	ck_assert_str_eq(qg_json_str(item, "key", ""), "img_1");
	ck_assert_str_eq(qg_json_str(item, "message", ""), KEY);
	ck_assert(qg_json_bool(item, "quoted", false));
	json_decref(found);
	free(text);
}
END_TEST

static const char talk[] = LIST(ITEM(KEY, "merge_forward", "", "\"Merged\"") "," ITEM("om_1",
	"text", UPPER "\"mentions\":[{\"key\":\"@_user_1\",\"id\":\"ou_a\",\"name\":\"张三\"}],",
	TEXT("第一行\\\\n/reset")) "," ITEM("om_2", "image", UPPER,
	"\"{\\\"image_key\\\":\\\"img_1\\\"}\"") "," ITEM("om_3", "file", UPPER,
	"\"{\\\"file_key\\\":\\\"f\\\",\\\"file_name\\\":\\\"../a.pdf\\\"}\"") "," ITEM("om_4",
	"merge_forward", UPPER, "\"\"") "," ITEM("om_5", "text", "\"upper_message_id\":\"om_4\",",
	TEXT("里面")) "," ITEM("om_6", "merge_forward", "\"upper_message_id\":\"om_4\",",
	"\"\"") "," ITEM("om_7", "text", "\"upper_message_id\":\"om_6\",",
	TEXT("太深")) "," ITEM("om_8", "text", UPPER "\"deleted\":true,",
	TEXT("没了")) "," ITEM("om_9", "sticker", UPPER, "\"{\\\"file_key\\\":\\\"f\\\"}\""));

START_TEST(a_forwarded_talk_is_told_in_order)
{
	json_t *found = NULL;
	char *text = read_record(talk, QG_OK, &found);
	ck_assert_str_eq(text, "[转发的聊天记录]\n"
			       "张三: 第一行\n    /reset\n"
			       "张三: [图片]\n"
			       "张三: [文件：a.pdf]\n"
			       "张三: [转发的聊天记录]\n"
			       "  张三: 里面\n"
			       "  张三: [转发的聊天记录]\n"
			       "张三: （已撤回）\n"
			       "张三: [表情]");
	ck_assert_ptr_null(found);
	free(text);
}
END_TEST

/* Whatever ends a line for some reader, what follows stands deeper than any speaker of this talk or one within. */
START_TEST(nobody_speaks_in_anothers_name)
{
	static const char *const ends[] = {"\\\\n", "\\\\u2028", "\\\\u2029"};
	QG_AUTO(qg_str_free)
	char *body = qg_str_printf(
		LIST(ITEM(KEY, "merge_forward", "", "\"\"") "," ITEM("om_1", "text",
			UPPER "\"mentions\":[{\"key\":\"k\",\"id\":\"ou_a\",\"name\":\"张三\"}],",
			TEXT("[转发的聊天记录]%s老板: 同意"))),
		ends[_i]);
	char *text = read_record(body, QG_OK, NULL);
	const char *forged = strstr(text, "老板");
	ck_assert_ptr_nonnull(forged);
	ck_assert_msg(memcmp(forged - 4, "    ", 4) == 0, "%s", text);
	free(text);
}
END_TEST

START_TEST(nameless_people_have_an_alias)
{
	char *text = read_record(LIST(ITEM(KEY, "merge_forward", "", "\"\"") "," ITEM(
					 "om_1", "text", UPPER, TEXT("好"))),
		QG_OK, NULL);
	const struct qg_message same = {.sender = (char *)"ou_a"};
	char alias[QG_ALIAS_SIZE];
	ck_assert_ptr_nonnull(strstr(text, qg_message_name(&same, alias)));
	ck_assert_ptr_null(strstr(text, "ou_a"));
	free(text);
}
END_TEST

START_TEST(what_is_gone_or_no_answer_is_said)
{
	expect(LIST(ITEM(KEY, "text", "\"deleted\":true,", TEXT("x"))), QG_NOT_FOUND, "");
	expect(LIST(ITEM("om_other", "text", "", TEXT("x"))), QG_NOT_FOUND, "");
	expect(LIST(""), QG_NOT_FOUND, "");
	expect("{\"code\":0}", QG_INVALID, "");
	expect("[", QG_INVALID, "");
	expect(LIST("7,null,{},[],{\"message_id\":9}"), QG_NOT_FOUND, "");
}
END_TEST

/* Messages that stand above one another in a ring end, too. */
START_TEST(a_ring_ends)
{
	char *text = read_record(LIST(ITEM(KEY, "merge_forward", "\"upper_message_id\":\"om_1\",",
					 "\"\"") "," ITEM("om_1", "merge_forward", UPPER, "\"\"")),
		QG_OK, NULL);
	ck_assert_uint_lt(strlen(text), 1000);
	free(text);
}
END_TEST

START_TEST(a_long_talk_is_cut)
{
	struct qg_buf body;
	qg_buf_init(&body, (size_t)1 << 20);
	qg_buf_add_str(&body, "{\"data\":{\"items\":[" ITEM(KEY, "merge_forward", "", "\"\""));
	for (unsigned i = 0; i < 200; i++) {
		qg_buf_printf(&body,
			",{\"message_id\":\"om_%u\",\"msg_type\":\"text\"," UPPER
			"\"sender\":{\"id\":\"ou_a\"},\"body\":{\"content\":" TEXT(
				"第 %u 条：某某某某某某某某某某某某某某某某某某某某某某某某"
				"某某某某某某某某某某某某某某某某某某某某某某某某某某某某") "}}",
			i, i);
	}
	qg_buf_add_str(&body, "]}}");
	char *text = read_record(body.data, QG_OK, NULL);
	ck_assert_uint_le(strlen(text), QG_QUOTE_MAX);
	ck_assert(qg_utf8_is_valid(text, strlen(text)));
	ck_assert_ptr_nonnull(strstr(text, "（后文过长，已截去）"));
	ck_assert_ptr_nonnull(strstr(text, "第 0 条"));
	free(text);
	qg_buf_finish(&body);
}
END_TEST

static bool read_once(void *arg)
{
	struct feishu_record record;
	feishu_record_init(&record, APP);
	enum qg_status status = feishu_record_read(&record, KEY, arg, strlen(arg));
	char *text = status == QG_OK ? feishu_record_steal(&record, QG_QUOTE_MAX) : NULL;
	feishu_record_finish(&record);
	free(text);
	return text != NULL;
}

START_TEST(a_record_without_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert(read_once((void *)talk)); /* what is made once a process */
		ck_assert_int_gt(qg_test_each_malloc(read_once, (void *)talk), 0);
	}
}
END_TEST

/* ---- the platform, asked ---- */

static struct world world;
static struct qg_message *message;
static unsigned completed_count;
static enum qg_status completed_status;

static void setup(void)
{
	qg_clock_fix(1767225600000, 100000000);
	world_open(&world, "verification_token: t\n");
	message = qg_message_create();
	message->text = qg_str_copy("这是什么");
	message->attachments = json_array();
	completed_count = 0;
}

static void teardown(void)
{
	qg_message_destroy(message);
	world_close(&world);
	qg_clock_fix(-1, 0);
}

static void point(const char *type, const char *key)
{
	json_array_append_new(
		message->attachments, json_pack("{s:s, s:s}", "type", type, "key", key));
}

static void completed(void *arg, enum qg_status status)
{
	ck_assert_ptr_eq(arg, message);
	completed_count++;
	completed_status = status;
}

static bool is_complete(void *arg)
{
	return completed_count > 0;
}

static void begin(void)
{
	feishu_complete(&world.host->bot, message, completed, message);
	ck_assert_uint_eq(completed_count, 0);
}

static void complete(void)
{
	begin();
	fake_host_wait(world.loop, is_complete, NULL);
	ck_assert_uint_eq(completed_count, 1);
}

START_TEST(a_quote_is_fetched)
{
	point("quote", KEY);
	world_answer(&world, 200, NULL,
		LIST(ITEM(KEY, "file", "",
			"\"{\\\"file_key\\\":\\\"f\\\",\\\"file_name\\\":\\\"a.pdf\\\"}\"")));
	complete();
	ck_assert_int_eq(completed_status, QG_OK);
	ck_assert_str_eq(world.asked[0].method, "GET");
	ck_assert_str_eq(world.asked[0].path, "/open-apis/im/v1/messages/" KEY);
	ck_assert_str_eq(message->text, "这是什么");
	ck_assert_ptr_null(message->quote);
	ck_assert_uint_eq(json_array_size(message->attachments), 1);
	const json_t *item = json_array_get(message->attachments, 0);
	ck_assert_str_eq(qg_json_str(item, "name", ""), "a.pdf");
	ck_assert(qg_json_bool(item, "quoted", false));
}
END_TEST

START_TEST(a_quote_and_a_talk_are_both_fetched)
{
	point("quote", KEY);
	json_array_append_new(message->attachments, json_pack("{s:s}", "type", "image"));
	point("forward", KEY);
	world_answer(&world, 200, NULL, LIST(ITEM(KEY, "text", "", TEXT("先前"))));
	world_answer(&world, 200, NULL, talk);
	complete();
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert(qg_str_starts_with(message->quote, "先前\n[转发的聊天记录]\n张三: 第一行"));
	ck_assert_uint_eq(json_array_size(message->attachments), 1);
}
END_TEST

static const struct {
	int http;
	const char *body, *words;
	enum qg_status status;
} refusals[] = {
	{400, "{\"code\":230110,\"msg\":\"gone\"}", "（引用的消息已被撤回或删除）", QG_NOT_FOUND},
	{400, "{\"code\":230002,\"msg\":\"out\"}", "（引用的消息我没有权限看）", QG_DENIED},
	{400, "{\"code\":99991672,\"msg\":\"scope\"}", "（引用的消息我没有权限看）", QG_DENIED},
	{200, LIST(""), "（引用的消息已被撤回或删除）", QG_NOT_FOUND},
	{200, "{\"code\":0}", "（引用的消息暂时没能读取）", QG_INVALID},
};

START_TEST(a_refusal_leaves_words)
{
	point("quote", KEY);
	world_answer(&world, refusals[_i].http, NULL, refusals[_i].body);
	complete();
	ck_assert_str_eq(message->quote, refusals[_i].words);
	ck_assert_int_eq(completed_status, refusals[_i].status);
	ck_assert_ptr_null(message->attachments);
}
END_TEST

static const struct {
	int http;
	const char *body;
} passing[] = {
	{503, "busy"},
	{400, "{\"code\":230020,\"msg\":\"too many\"}"},
	{200, "<html>"},
};

/* What fails once is asked again, before the turn begins. The clock stands: however slow this is, there is time. */
START_TEST(a_failure_is_asked_again)
{
	point("quote", KEY);
	world_answer(&world, passing[_i].http, NULL, passing[_i].body);
	world_answer(&world, 200, NULL, LIST(ITEM(KEY, "text", "", TEXT("先前"))));
	complete();
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_str_eq(message->quote, "先前");
	ck_assert_int_eq(completed_status, QG_OK);
}
END_TEST

/* ... but not for ever, and the other question has tries of its own. */
START_TEST(a_lasting_failure_leaves_words)
{
	point("quote", KEY);
	point("forward", KEY);
	for (int i = 0; i < 4; i++) {
		world_answer(&world, 502, NULL, "bad");
	}
	world_answer(&world, 200, NULL, talk);
	complete();
	ck_assert_uint_eq(world.asked_count, 5);
	ck_assert(
		qg_str_starts_with(message->quote, "（引用的消息暂时没能读取）\n[转发的聊天记录]"));
	ck_assert_int_eq(completed_status, QG_IO);
}
END_TEST

/* A long wait is none to spend a turn's time on. */
START_TEST(a_long_wait_leaves_words)
{
	point("quote", KEY);
	world_answer(&world, 429, "30", "{\"code\":99991400,\"msg\":\"rate\"}");
	complete();
	ck_assert_uint_eq(world.asked_count, 1);
	ck_assert_str_eq(message->quote, "（引用的消息暂时没能读取）");
	ck_assert_int_eq(completed_status, QG_BUSY);
}
END_TEST

static bool is_asked(void *arg)
{
	(void)arg;
	return world.asked_count > 0;
}

/* Nothing comes back: a second try, while there is time. */
START_TEST(silence_is_asked_again)
{
	point("quote", KEY);
	world.mute = true;
	begin();
	fake_host_wait(world.loop, is_asked, NULL);
	world.mute = false;
	world_answer(&world, 200, NULL, LIST(ITEM(KEY, "text", "", TEXT("先前"))));
	fake_host_wait(world.loop, is_complete, NULL);
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_str_eq(message->quote, "先前");
}
END_TEST

START_TEST(what_is_forgotten_changes_nothing)
{
	point("quote", KEY);
	world.mute = true;
	begin();
	feishu_media_forget(&world.host->bot, message);
	ck_assert_uint_eq(json_array_size(message->attachments), 1);
	begin(); /* and what is under way when the bot ends goes with it */
}
END_TEST

START_TEST(without_pointers_it_just_ends)
{
	complete();
	ck_assert_int_eq(completed_status, QG_OK);
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

/* ---- files ---- */

static struct fetched {
	unsigned count;
	enum qg_status status;
	char *data;
	size_t size;
} fetched;

static void came(void *arg, enum qg_status status, char *data, size_t size)
{
	struct fetched *got = arg;
	got->count++;
	got->status = status;
	got->data = data;
	got->size = size;
}

static bool has_come(void *arg)
{
	return ((struct fetched *)arg)->count > 0;
}

static json_t *fetch(const char *type, size_t most)
{
	json_t *attachment =
		json_pack("{s:s, s:s, s:s}", "type", type, "key", "img v3", "message", "om_1");
	fetched = (struct fetched){0};
	feishu_media(&world.host->bot, attachment, most, came, &fetched);
	ck_assert_uint_eq(fetched.count, 0);
	fake_host_wait(world.loop, has_come, &fetched);
	ck_assert_uint_eq(fetched.count, 1);
	return attachment;
}

START_TEST(a_picture_is_fetched)
{
	world_answer_file(&world, "attachment; filename=\"a%2Fb.png\"", "\x89PNG\0\xff", 6);
	json_t *attachment = fetch("image", 1000);
	ck_assert_int_eq(fetched.status, QG_OK);
	ck_assert_mem_eq(fetched.data, "\x89PNG\0\xff", 7); /* and a NUL behind */
	ck_assert_uint_eq(fetched.size, 6);
	ck_assert_str_eq(world.asked[0].path, "/open-apis/im/v1/messages/om_1/resources/img v3");
	ck_assert_str_eq(world.asked[0].query, "type=image");
	ck_assert_str_eq(qg_json_str(attachment, "name", ""), "b.png");
	json_decref(attachment);
	free(fetched.data);
}
END_TEST

/* What somebody wrote into a file is not the platform's word. */
START_TEST(a_file_may_be_json)
{
	static const char *const bodies[] = {
		"{\"code\":99991663,\"msg\":\"token\"}", "{\"code\":234003,\"msg\":\"not yours\"}"};
	for (size_t i = 0; i < 2; i++) {
		world_answer_file(
			&world, "attachment; filename=\"a.json\"", bodies[i], strlen(bodies[i]));
		json_decref(fetch("file", 1000));
		ck_assert_int_eq(fetched.status, QG_OK);
		ck_assert_str_eq(fetched.data, bodies[i]);
		free(fetched.data);
	}
	ck_assert_uint_eq(world.tokens, 1);
	ck_assert_str_eq(world.asked[0].query, "type=file");
}
END_TEST

static const struct {
	int http;
	const char *body;
	enum qg_status status;
} errors[] = {
	{400, "{\"code\":234001,\"msg\":\"\"}", QG_NOT_FOUND},
	{400, "{\"code\":234003,\"msg\":\"\"}", QG_NOT_FOUND},
	{400, "{\"code\":234004,\"msg\":\"\"}", QG_NOT_FOUND},
	{400, "{\"code\":234008,\"msg\":\"\"}", QG_NOT_FOUND},
	{400, "{\"code\":234037,\"msg\":\"\"}", QG_TOO_LARGE},
	{400, "{\"code\":234038,\"msg\":\"\"}", QG_NOT_FOUND},
	{400, "{\"code\":234040,\"msg\":\"\"}", QG_NOT_FOUND},
	{400, "{\"code\":234043,\"msg\":\"\"}", QG_UNSUPPORTED},
	{400, "{\"code\":230110,\"msg\":\"\"}", QG_NOT_FOUND},
	{400, "{\"code\":99991672,\"msg\":\"scope im:resource\"}", QG_NOT_FOUND},
	{404, "no", QG_NOT_FOUND},
};

START_TEST(errors_have_their_meaning)
{
	world_answer(&world, errors[_i].http, NULL, errors[_i].body);
	json_decref(fetch("image", 1000));
	ck_assert_msg(fetched.status == errors[_i].status, "%s: %s", errors[_i].body,
		qg_status_name(fetched.status));
	ck_assert_ptr_null(fetched.data);
}
END_TEST

START_TEST(what_is_busy_is_asked_again)
{
	world_answer(&world, 503, NULL, "busy");
	world_answer_file(&world, NULL, "x", 1);
	json_decref(fetch("file", 1000));
	ck_assert_int_eq(fetched.status, QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	free(fetched.data);
}
END_TEST

START_TEST(too_large_a_file_is_refused)
{
	world_answer_file(&world, NULL, "0123456789", 10);
	json_decref(fetch("file", 9));
	ck_assert_int_eq(fetched.status, QG_TOO_LARGE);
}
END_TEST

START_TEST(what_names_no_resource_is_not_found)
{
	json_t *attachment = json_pack("{s:s, s:s}", "type", "image", "key", "");
	fetched = (struct fetched){0};
	feishu_media(&world.host->bot, attachment, 10, came, &fetched);
	fake_host_wait(world.loop, has_come, &fetched);
	ck_assert_int_eq(fetched.status, QG_NOT_FOUND);
	ck_assert_uint_eq(world.asked_count, 0);
	json_decref(attachment);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu resolve");
	TCase *records = tcase_create("records");
	tcase_add_test(records, a_text_is_quoted_with_names);
	tcase_add_test(records, other_types_are_quoted);
	tcase_add_test(records, files_of_a_quote_are_its_own);
	tcase_add_test(records, a_forwarded_talk_is_told_in_order);
	tcase_add_loop_test(records, nobody_speaks_in_anothers_name, 0, 3);
	tcase_add_test(records, nameless_people_have_an_alias);
	tcase_add_test(records, what_is_gone_or_no_answer_is_said);
	tcase_add_test(records, a_ring_ends);
	tcase_add_test(records, a_long_talk_is_cut);
	tcase_add_test(records, a_record_without_memory);
	suite_add_tcase(suite, records);
	TCase *tests = tcase_create("platform");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_quote_is_fetched);
	tcase_add_test(tests, a_quote_and_a_talk_are_both_fetched);
	tcase_add_loop_test(
		tests, a_refusal_leaves_words, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_loop_test(
		tests, a_failure_is_asked_again, 0, sizeof(passing) / sizeof(passing[0]));
	tcase_add_test(tests, a_lasting_failure_leaves_words);
	tcase_add_test(tests, a_long_wait_leaves_words);
	tcase_add_test(tests, silence_is_asked_again);
	tcase_add_test(tests, what_is_forgotten_changes_nothing);
	tcase_add_test(tests, without_pointers_it_just_ends);
	tcase_add_test(tests, a_picture_is_fetched);
	tcase_add_test(tests, a_file_may_be_json);
	tcase_add_loop_test(
		tests, errors_have_their_meaning, 0, sizeof(errors) / sizeof(errors[0]));
	tcase_add_test(tests, what_is_busy_is_asked_again);
	tcase_add_test(tests, too_large_a_file_is_refused);
	tcase_add_test(tests, what_names_no_resource_is_not_found);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
