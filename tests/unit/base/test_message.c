/* test_message.c - messages and replies survive the wire; what is no message is refused in
 * words. */
#include "qg/message.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/json.h"
#include "qg/str.h"
#include "support/malloc.h"

#define STORED_AT INT64_C(1795000000123)

static struct qg_message *small(void)
{
	struct qg_message *message = qg_message_create();
	message->id = qg_str_copy("m-1");
	message->chat = qg_str_copy("web");
	message->sender = qg_str_copy("web:王");
	message->text = qg_str_copy("你好");
	return message;
}

static struct qg_message *full(void)
{
	struct qg_message *message = small();
	message->kind = QG_MESSAGE_CLICK;
	message->chat_type = QG_CHAT_DIRECT;
	message->chat_name = qg_str_copy("前台\t\"群\"");
	message->thread = qg_str_copy("t/1");
	message->sender_name = qg_str_copy("王 \\ 五");
	message->mentions_bot = true;
	message->sender_is_admin = true;
	message->handle = qg_str_copy("https://example.com/?a=b&c");
	message->quote = qg_str_copy("昨天的\n菜单");
	message->attachments = json_pack("[{s:s, s:s, s:s, s:i, s:b}]", "type", "image", "key",
		"k1", "name", "菜单.png", "size", 77, "quoted", 1);
	message->sent_at = 1795000000000;
	message->received_us = 42;
	return message;
}

static void check_same(const struct qg_message *a, const struct qg_message *b)
{
	ck_assert_str_eq(a->id, b->id);
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_int_eq(a->chat_type, b->chat_type);
	ck_assert_str_eq(a->chat, b->chat);
	ck_assert(qg_str_equal(a->chat_name, b->chat_name));
	ck_assert(qg_str_equal(a->thread, b->thread));
	ck_assert_str_eq(a->sender, b->sender);
	ck_assert(qg_str_equal(a->sender_name, b->sender_name));
	ck_assert_str_eq(a->text, b->text);
	ck_assert_int_eq(a->mentions_bot, b->mentions_bot);
	ck_assert_int_eq(a->sender_is_admin, b->sender_is_admin);
	ck_assert(qg_str_equal(a->handle, b->handle));
	ck_assert(qg_str_equal(a->quote, b->quote));
	ck_assert(qg_json_equal(a->attachments, b->attachments));
	ck_assert_int_eq(a->sent_at, b->sent_at);
	ck_assert_uint_eq(a->received_us, b->received_us);
}

static void check_round(struct qg_message *message)
{
	size_t size = 0;
	int64_t stored_at = 0;
	char error[128] = "";
	char *wire = qg_message_encode(message, STORED_AT, &size);
	ck_assert_ptr_nonnull(wire);
	ck_assert_uint_eq(size, strlen(wire));
	struct qg_message *back = qg_message_decode(wire, size, &stored_at, error);
	ck_assert_msg(back != NULL, "%s", error);
	ck_assert_int_eq(stored_at, STORED_AT);
	check_same(message, back);
	qg_message_destroy(back);
	qg_message_destroy(message);
	free(wire);
}

START_TEST(messages_survive_the_wire)
{
	check_round(small());
	check_round(full());
	struct qg_message *message = small();
	free(message->text);
	message->text = qg_str_copy("");
	check_round(message);
	message = small();
	free(message->text);
	message->text = calloc(1, QG_TEXT_MAX + 1);
	memset(message->text, '\x01', QG_TEXT_MAX);
	check_round(message);
	message = small();
	message->feed_event = qg_str_copy("{}");
	check_round(message);
}
END_TEST

START_TEST(the_head_is_as_scripts_read_it)
{
	struct qg_message *message = full();
	char *wire = qg_message_encode(message, STORED_AT, NULL);
	ck_assert_int_eq(
		strncmp(wire, "1\t1\tm-1\tweb:王\tt/1\t1795000000123\n{\"chat\":\"web\",", 47), 0);
	free(wire);
	free(message->thread);
	message->thread = NULL;
	message->kind = QG_MESSAGE_DUE;
	wire = qg_message_encode(message, QG_STORED_AT_RUN, NULL);
	ck_assert_int_eq(strncmp(wire, "1\t2\tm-1\tweb:王\t\t%TIME%\n{", 25), 0);
	/* Only the script that runs it knows the time: until then it is no message. */
	ck_assert_ptr_null(qg_message_decode(wire, strlen(wire), NULL, NULL));
	free(wire);
	qg_message_destroy(message);
}
END_TEST

static const struct {
	const char *text;
	char kind;
} kinds[] = {
	{"你好", '0'}, {"/help", '3'}, {" \n/重置", '3'}, {"／帮助", '3'}, {"a/b", '0'}, {"", '0'}};

START_TEST(slash_words_travel_alone)
{
	struct qg_message *message = small();
	free(message->text);
	message->text = qg_str_copy(kinds[_i].text);
	char *wire = qg_message_encode(message, STORED_AT, NULL);
	ck_assert_int_eq(wire[2], kinds[_i].kind);
	free(wire);
	check_round(message);
}
END_TEST

static void set(char **field, const char *value)
{
	free(*field);
	*field = qg_str_copy(value);
}

static void check_not_encoded(struct qg_message *message)
{
	ck_assert_ptr_null(qg_message_encode(message, STORED_AT, NULL));
	qg_message_destroy(message);
}

START_TEST(fields_out_of_bounds_are_not_encoded)
{
	static const char *const bad_ids[] = {"", "a\tb", "a\nb", "\x7f", "\xc2\x85", "\xff"};
	for (size_t i = 0; i < sizeof(bad_ids) / sizeof(bad_ids[0]); i++) {
		struct qg_message *message = small();
		set(&message->id, bad_ids[i]);
		check_not_encoded(message);
		message = small();
		set(&message->sender, bad_ids[i]);
		check_not_encoded(message);
		message = small();
		set(&message->thread, bad_ids[i]);
		check_not_encoded(message);
		message = small();
		set(&message->chat, bad_ids[i]);
		check_not_encoded(message);
	}
	struct qg_message *message = small();
	free(message->id);
	message->id = calloc(1, QG_ID_MAX + 2);
	memset(message->id, 'i', QG_ID_MAX);
	char *wire = qg_message_encode(message, STORED_AT, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
	message->id[QG_ID_MAX] = 'i';
	check_not_encoded(message);
	message = small();
	free(message->text);
	message->text = calloc(1, QG_TEXT_MAX + 2);
	memset(message->text, 't', QG_TEXT_MAX + 1);
	check_not_encoded(message);
	message = small();
	set(&message->text, "bad \xff text");
	check_not_encoded(message);
	message = small();
	set(&message->text, NULL);
	check_not_encoded(message);
	message = small();
	message->sent_at = -1;
	check_not_encoded(message);
	message = small();
	message->attachments = json_pack("[{s:s}]", "key", "without a type");
	check_not_encoded(message);
	message = small();
	ck_assert_ptr_null(qg_message_encode(message, -2, NULL));
	ck_assert_ptr_null(qg_message_encode(message, INT64_MAX, NULL));
	qg_message_destroy(message);
	check_not_encoded(qg_message_create());
}
END_TEST

static const struct {
	const char *wire;
	const char *error;
} no_messages[] = {
	{"", "the head is no message's"},
	{"1\t0\tm\ts\t\t5", "the head is no message's"},
	{"2\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t4\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t-1\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\t\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\t\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t5\t\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t-5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t5x\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t9007199254740993\n{\"chat\":\"c\",\"text\":\"\"}",
		"the head is no message's"},
	{"1\t0\tm\xff\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t5\n", "ends too early (byte 0)"},
	{"1\t0\tm\ts\t\t5\n[]", "is not an object"},
	{"1\t0\tm\ts\t\t5\n{\"text\":\"\"}", "chat is missing"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\"}", "text is missing"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"\",\"text\":\"\"}", "chat is no id"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"sent_at\":-1}",
		"a time is out of range"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"received_us\":-1}",
		"a time is out of range"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"attachments\":[1]}",
		"attachments are not a list of {type, ...}"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"attachments\":[{\"type\":\"a\",\"key\":["
	 "]}]}",
		"attachments are not a list of {type, ...}"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"mention\":1}",
		"mention is not true or false"},
};

START_TEST(what_is_no_message_is_refused_in_words)
{
	char error[128] = "";
	int64_t stored_at = 77;
	const char *wire = no_messages[_i].wire;
	ck_assert_ptr_null(qg_message_decode(wire, strlen(wire), &stored_at, NULL));
	ck_assert_ptr_null(qg_message_decode(wire, strlen(wire), &stored_at, error));
	ck_assert_str_eq(error, no_messages[_i].error);
	ck_assert_int_eq(stored_at, 77);
}
END_TEST

START_TEST(nul_bytes_and_oversize_are_refused)
{
	char error[128] = "";
	static const char nul[] = "1\t0\tm\0m\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}";
	ck_assert_ptr_null(qg_message_decode(nul, sizeof(nul) - 1, NULL, error));
	size_t size = 4 * 1024 * 1024;
	char *large = malloc(size);
	memset(large, ' ', size);
	ck_assert_ptr_null(qg_message_decode(large, size, NULL, error));
	ck_assert_str_eq(error, "too large");
	ck_assert_ptr_null(qg_reply_decode(large, size, error));
	ck_assert_str_eq(error, "too large");
	free(large);
}
END_TEST

/* size: bytes of a value in each. */
static json_t *pictures(size_t count, size_t size)
{
	char value[4097];
	memset(value, 'v', size);
	value[size] = '\0';
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(list, json_pack("{s:s, s:s}", "type", "image", "url", value));
	}
	return list;
}

static struct qg_message *with_pictures(size_t count, size_t size)
{
	struct qg_message *message = small();
	message->attachments = pictures(count, size);
	return message;
}

START_TEST(quotes_and_attachments_have_ceilings)
{
	struct qg_message *message = small();
	message->quote = calloc(1, QG_QUOTE_MAX + 2);
	memset(message->quote, 'q', QG_QUOTE_MAX);
	char *wire = qg_message_encode(message, STORED_AT, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
	message->quote[QG_QUOTE_MAX] = 'q';
	check_not_encoded(message);
	check_round(with_pictures(QG_ATTACHMENTS_MOST, 4000));
	check_not_encoded(with_pictures(QG_ATTACHMENTS_MOST, 4096)); /* over 64 KiB */
	check_not_encoded(with_pictures(QG_ATTACHMENTS_MOST + 1, 1));
}
END_TEST

START_TEST(messages_of_earlier_versions_are_read)
{
	char error[128] = "";
	static const char bare[] = "1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"t\"}";
	struct qg_message *message = qg_message_decode(bare, strlen(bare), NULL, error);
	ck_assert_msg(message != NULL, "%s", error);
	ck_assert_ptr_null(message->quote);
	ck_assert_ptr_null(message->attachments);
	qg_message_destroy(message);
	json_t *many = pictures(32, 1); /* they took twice as many */
	char *list = qg_json_dump(many);
	char *wire = qg_str_printf(
		"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"t\",\"attachments\":%s}", list);
	message = qg_message_decode(wire, strlen(wire), NULL, error);
	ck_assert_msg(message != NULL, "%s", error);
	ck_assert_uint_eq(json_array_size(message->attachments), QG_ATTACHMENTS_MOST);
	qg_message_destroy(message);
	free(wire);
	free(list);
	json_decref(many);
}
END_TEST

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

static bool round_message(void *arg)
{
	size_t size = 0;
	char error[128];
	char *wire = qg_message_encode(arg, STORED_AT, &size);
	struct qg_message *back = wire ? qg_message_decode(wire, size, NULL, error) : NULL;
	free(wire);
	qg_message_destroy(back);
	return back != NULL;
}

static bool round_reply(void *arg)
{
	char error[128];
	char *wire = qg_reply_encode(arg);
	struct qg_reply *back = wire ? qg_reply_decode(wire, strlen(wire), error) : NULL;
	free(wire);
	qg_reply_destroy(back);
	return back != NULL;
}

START_TEST(own_sentences_answer_a_message)
{
	struct qg_message *message = full();
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

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		struct qg_message *message = full();
		struct qg_reply *reply = full_reply();
		ck_assert_int_ge(qg_test_each_malloc(round_message, message), 20);
		ck_assert_int_ge(qg_test_each_malloc(round_reply, reply), 30);
		qg_message_destroy(message);
		qg_reply_destroy(reply);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *tcase = tcase_create("message");
	tcase_add_test(tcase, messages_survive_the_wire);
	tcase_add_test(tcase, the_head_is_as_scripts_read_it);
	tcase_add_loop_test(tcase, slash_words_travel_alone, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(tcase, fields_out_of_bounds_are_not_encoded);
	tcase_add_loop_test(tcase, what_is_no_message_is_refused_in_words, 0,
		sizeof(no_messages) / sizeof(no_messages[0]));
	tcase_add_test(tcase, nul_bytes_and_oversize_are_refused);
	tcase_add_test(tcase, quotes_and_attachments_have_ceilings);
	tcase_add_test(tcase, messages_of_earlier_versions_are_read);
	tcase_add_test(tcase, replies_survive_the_wire);
	tcase_add_test(tcase, a_silent_reply_says_nothing);
	tcase_add_test(tcase, bare_replies_get_what_must_not_be_absent);
	tcase_add_test(tcase, replies_out_of_bounds_are_not_encoded);
	tcase_add_loop_test(tcase, what_is_no_reply_is_refused_in_words, 0,
		sizeof(no_replies) / sizeof(no_replies[0]));
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
