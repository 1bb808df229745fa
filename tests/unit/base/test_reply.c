/* test_reply.c - replies survive the wire; what is none is refused in words; sentences of the bot's own. */
#include "qg/message.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"
#include "support/malloc.h"

#define STORED_AT INT64_C(1795000000123)
#define REPLY_ID "0123456789abcdef0123456789abcdef"

static struct qg_reply *small_reply(void)
{
	struct qg_reply *reply = qg_reply_create();
	reply->id = qg_str_copy(REPLY_ID);
	reply->bot = qg_str_copy("xiaoman");
	reply->chat = qg_str_copy("web");
	reply->conversation = qg_str_copy("xiaoman/web");
	reply->text = qg_str_copy("营业时间 **10:00-22:00**\n");
	return reply;
}

static struct qg_reply *full_reply(void)
{
	struct qg_reply *reply = small_reply();
	reply->chat_type = QG_CHAT_DIRECT;
	reply->handle = qg_str_copy("h");
	reply->answers = json_pack("[s, s]", "m-1", "m-2");
	reply->sender = qg_str_copy("web:王");
	reply->label = qg_str_copy("AI 生成");
	reply->footnote = qg_str_copy("DeepSeek · 1,234 tokens");
	reply->sources = json_pack("[{s:s, s:s}]", "title", "手册", "section", "停车");
	reply->buttons = json_pack("[{s:s, s:s}]", "text", "好", "value", "yes");
	reply->files = json_pack("[{s:s, s:s, s:i, s:s}]", "type", "image", "name", "图.png",
		"size", 9, "file", "0a-b_c.png");
	reply->handles = json_pack("[s, s]", "h1", "");
	reply->silent = true;
	reply->usage.model = qg_str_copy("deepseek-flash");
	reply->usage.input = 1000;
	reply->usage.cached_input = 800;
	reply->usage.output = 234;
	reply->usage.cost = qg_str_copy("{\"CNY\":0.0021}");
	reply->stored_at = STORED_AT;
	reply->first_at = STORED_AT + 40;
	reply->part = 2;
	reply->attempts = 4294967295U;
	reply->repeated = true;
	return reply;
}

static void set(char **field, const char *value)
{
	free(*field);
	*field = qg_str_copy(value);
}

START_TEST(replies_survive_the_wire)
{
	char error[128] = "";
	struct qg_reply *reply = full_reply();
	char *wire = qg_reply_encode(reply);
	ck_assert_ptr_nonnull(wire);
	ck_assert_int_eq(strncmp(wire, REPLY_ID "\n{", 34), 0);
	struct qg_reply *back = qg_reply_decode(wire, strlen(wire), error);
	ck_assert_msg(back != NULL, "%s", error);
	ck_assert_str_eq(back->id, reply->id);
	ck_assert_str_eq(back->bot, reply->bot);
	ck_assert_str_eq(back->chat, reply->chat);
	ck_assert_str_eq(back->conversation, reply->conversation);
	ck_assert_int_eq(back->chat_type, QG_CHAT_DIRECT);
	ck_assert_str_eq(back->handle, "h");
	ck_assert(qg_json_equal(back->answers, reply->answers));
	ck_assert_str_eq(back->sender, reply->sender);
	ck_assert_str_eq(back->text, reply->text);
	ck_assert_str_eq(back->label, reply->label);
	ck_assert_str_eq(back->footnote, reply->footnote);
	ck_assert(qg_json_equal(back->sources, reply->sources));
	ck_assert(qg_json_equal(back->buttons, reply->buttons));
	ck_assert(qg_json_equal(back->files, reply->files));
	ck_assert(qg_json_equal(back->handles, reply->handles));
	ck_assert(back->silent);
	ck_assert_str_eq(back->usage.model, "deepseek-flash");
	ck_assert_int_eq(back->usage.input, 1000);
	ck_assert_int_eq(back->usage.cached_input, 800);
	ck_assert_int_eq(back->usage.output, 234);
	ck_assert_str_eq(back->usage.cost, "{\"CNY\":0.0021}");
	ck_assert_int_eq(back->stored_at, STORED_AT);
	ck_assert_int_eq(back->first_at, STORED_AT + 40);
	ck_assert_uint_eq(back->part, 2);
	ck_assert_uint_eq(back->attempts, 4294967295U);
	ck_assert(back->repeated);
	char *again = qg_reply_encode(back);
	ck_assert_str_eq(again, wire);
	free(again);
	free(wire);
	qg_reply_destroy(back);
	qg_reply_destroy(reply);
}
END_TEST

START_TEST(bare_replies_get_what_must_not_be_absent)
{
	struct qg_reply *reply = small_reply();
	char *wire = qg_reply_encode(reply);
	struct qg_reply *back = qg_reply_decode(wire, strlen(wire), NULL);
	ck_assert_str_eq(back->usage.cost, "{\"CNY\":0}");
	ck_assert_uint_eq(json_array_size(back->answers), 0);
	ck_assert(json_is_array(back->answers));
	ck_assert_str_eq(back->usage.model, "offline");
	ck_assert_ptr_null(back->handle);
	ck_assert_ptr_null(back->files);
	ck_assert_ptr_null(back->handles);
	ck_assert(!back->silent);
	free(wire);
	qg_reply_destroy(back);
	qg_reply_destroy(reply);
	qg_reply_destroy(NULL);
	qg_message_destroy(NULL);
}
END_TEST

static void check_reply_not_encoded(struct qg_reply *reply)
{
	ck_assert_ptr_null(qg_reply_encode(reply));
	qg_reply_destroy(reply);
}

START_TEST(replies_out_of_bounds_are_not_encoded)
{
	static const char *const bad_ids[] = {
		"", "x", "0123456789ABCDEF0123456789ABCDEF", REPLY_ID "0"};
	for (size_t i = 0; i < sizeof(bad_ids) / sizeof(bad_ids[0]); i++) {
		struct qg_reply *reply = small_reply();
		set(&reply->id, bad_ids[i]);
		check_reply_not_encoded(reply);
	}
	static const char *const bad_costs[] = {"", "0", "[]", "{\"CNY\":\"1\"}", "{\"CNY\":1"};
	for (size_t i = 0; i < sizeof(bad_costs) / sizeof(bad_costs[0]); i++) {
		struct qg_reply *reply = small_reply();
		reply->usage.cost = qg_str_copy(bad_costs[i]);
		check_reply_not_encoded(reply);
	}
	struct qg_reply *reply = small_reply();
	reply->answers = json_pack("[s]", "bad\nid");
	check_reply_not_encoded(reply);
	reply = small_reply();
	reply->usage.output = -1;
	check_reply_not_encoded(reply);
	reply = small_reply();
	set(&reply->text, NULL);
	check_reply_not_encoded(reply);
	reply = small_reply();
	reply->buttons = json_pack("[{s:s}]", "text", "no value");
	check_reply_not_encoded(reply);
	reply = small_reply();
	reply->handles = json_pack("[i]", 1);
	check_reply_not_encoded(reply);
	static const char *const bad_files[] = {
		"", ".", "..", ".hidden", "a/b", "a\\b", "a b", "a\n"};
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		reply = small_reply();
		reply->files = json_pack(
			"[{s:s, s:s, s:s}]", "type", "file", "name", "a", "file", bad_files[i]);
		check_reply_not_encoded(reply);
	}
	check_reply_not_encoded(qg_reply_create());
}
END_TEST

START_TEST(a_silent_reply_says_nothing)
{
	struct qg_reply *reply = small_reply();
	set(&reply->text, "");
	reply->silent = true;
	char *wire = qg_reply_encode(reply);
	struct qg_reply *back = qg_reply_decode(wire, strlen(wire), NULL);
	ck_assert(back->silent);
	ck_assert_str_eq(back->text, "");
	free(wire);
	qg_reply_destroy(back);
	qg_reply_destroy(reply);
}
END_TEST

#define BODY "\"bot\":\"b\",\"chat\":\"c\",\"conversation\":\"b/c\",\"text\":\"\""

static const struct {
	const char *wire;
	const char *error;
} no_replies[] = {
	{"", "the head is no reply's"},
	{REPLY_ID, "the head is no reply's"},
	{REPLY_ID "0\n{" BODY "}", "the head is no reply's"},
	{"0123456789abcdeg0123456789abcdef\n{" BODY "}", "the head is no reply's"},
	{REPLY_ID "\n", "ends too early (byte 0)"},
	{REPLY_ID "\n{}", "bot is missing"},
	{REPLY_ID "\n{" BODY ",\"answers\":[1]}", "answers are not a list of ids"},
	{REPLY_ID "\n{" BODY ",\"sources\":[{}]}", "sources are not a list of {title, ...}"},
	{REPLY_ID "\n{" BODY ",\"buttons\":[{\"text\":\"a\"}]}",
		"buttons are not a list of {text, value}"},
	{REPLY_ID "\n{" BODY ",\"handles\":[1]}", "handles are not a list of strings"},
	{REPLY_ID "\n{" BODY ",\"files\":[{\"type\":\"file\",\"name\":\"n\"}]}",
		"files are not a list of {type, name, file}"},
	{REPLY_ID "\n{" BODY ",\"files\":[{\"type\":\"file\",\"name\":\"n\",\"file\":\"../x\"}]}",
		"files are not a list of {type, name, file}"},
	{REPLY_ID "\n{" BODY ",\"cost\":\"free\"}", "cost is no object of numbers"},
	{REPLY_ID "\n{" BODY ",\"input\":-1}", "a number is out of range"},
	{REPLY_ID "\n{" BODY ",\"part\":4294967296}", "a number is out of range"},
};

START_TEST(what_is_no_reply_is_refused_in_words)
{
	char error[128] = "";
	const char *wire = no_replies[_i].wire;
	ck_assert_ptr_null(qg_reply_decode(wire, strlen(wire), NULL));
	ck_assert_ptr_null(qg_reply_decode(wire, strlen(wire), error));
	ck_assert_str_eq(error, no_replies[_i].error);
}
END_TEST

START_TEST(oversize_is_refused)
{
	char error[128] = "";
	size_t size = 4 * 1024 * 1024;
	char *large = malloc(size);
	memset(large, ' ', size);
	ck_assert_ptr_null(qg_reply_decode(large, size, error));
	ck_assert_str_eq(error, "too large");
	free(large);
}
END_TEST

/* What a reply may answer. */
static struct qg_message *question(void)
{
	struct qg_message *message = qg_message_create();
	message->id = qg_str_copy("m-1");
	message->chat = qg_str_copy("web");
	message->chat_type = QG_CHAT_DIRECT;
	message->sender = qg_str_copy("web:王");
	message->handle = qg_str_copy("https://example.com/?a=b&c");
	message->text = qg_str_copy("你好");
	return message;
}

START_TEST(own_sentences_answer_a_message)
{
	struct qg_message *message = question();
	struct qg_reply *full_box =
		qg_reply_say("xiaoman", "xiaoman/web", message, "full", qg_str_copy("满了"), 7);
	struct qg_reply *sorry =
		qg_reply_say("xiaoman", "xiaoman/web", message, "apology", qg_str_copy("抱歉"), 7);
	ck_assert_str_eq(full_box->text, "满了");
	ck_assert_str_eq(full_box->chat, message->chat);
	ck_assert_str_eq(full_box->sender, message->sender);
	ck_assert_str_eq(json_string_value(json_array_get(full_box->answers, 0)), message->id);
	ck_assert_int_eq(full_box->stored_at, 7);
	ck_assert_str_ne(full_box->id, sorry->id);
	ck_assert_ptr_null(qg_reply_say("xiaoman", "xiaoman/web", message, "full", NULL, 7));
	qg_reply_destroy(full_box);
	qg_reply_destroy(sorry);
	qg_message_destroy(message);
}
END_TEST

START_TEST(own_sentences_may_answer_nobody)
{
	struct qg_reply *greeting = qg_reply_tell(
		"xiaoman", QG_CHAT_GROUP, "c1", "e1", "greeting", qg_str_copy("你好"), 7);
	struct qg_reply *same = qg_reply_tell(
		"xiaoman", QG_CHAT_GROUP, "c1", "e1", "greeting", qg_str_copy("您好"), 8);
	ck_assert_str_eq(greeting->id, same->id);
	ck_assert_str_eq(greeting->conversation, "xiaoman/c1");
	ck_assert_str_eq(greeting->text, "你好");
	ck_assert_uint_eq(json_array_size(greeting->answers), 0);
	ck_assert_ptr_null(greeting->sender);
	ck_assert_ptr_null(greeting->handle);
	static const char *const others[][3] = {
		{"c2", "e1", "greeting"}, {"c1", "e2", "greeting"}, {"c1", "e1", "goodbye"}};
	for (size_t i = 0; i < 3; i++) {
		struct qg_reply *other = qg_reply_tell("xiaoman", QG_CHAT_DIRECT, others[i][0],
			others[i][1], others[i][2], qg_str_copy("hi"), 7);
		ck_assert_str_ne(other->id, greeting->id);
		ck_assert_str_eq(other->sender, others[i][0]);
		qg_reply_destroy(other);
	}
	ck_assert_ptr_null(
		qg_reply_tell("xiaoman", QG_CHAT_GROUP, "c1", "e1", "greeting", NULL, 7));
	qg_reply_destroy(greeting);
	qg_reply_destroy(same);
}
END_TEST

static bool round_reply(void *arg)
{
	char error[128];
	char *wire = qg_reply_encode(arg);
	struct qg_reply *back = wire ? qg_reply_decode(wire, strlen(wire), error) : NULL;
	free(wire);
	qg_reply_destroy(back);
	return back != NULL;
}

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		struct qg_reply *reply = full_reply();
		ck_assert_int_ge(qg_test_each_malloc(round_reply, reply), 30);
		qg_reply_destroy(reply);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reply");
	TCase *tcase = tcase_create("reply");
	tcase_add_test(tcase, replies_survive_the_wire);
	tcase_add_test(tcase, a_silent_reply_says_nothing);
	tcase_add_test(tcase, bare_replies_get_what_must_not_be_absent);
	tcase_add_test(tcase, replies_out_of_bounds_are_not_encoded);
	tcase_add_loop_test(tcase, what_is_no_reply_is_refused_in_words, 0,
		sizeof(no_replies) / sizeof(no_replies[0]));
	tcase_add_test(tcase, oversize_is_refused);
	tcase_add_test(tcase, own_sentences_answer_a_message);
	tcase_add_test(tcase, own_sentences_may_answer_nobody);
	tcase_add_test(tcase, failing_memory_is_told_and_leaks_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
