/* test_inbound.c - every recorded body of both transports becomes what it means, and whatever else comes becomes nothing. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook_world.h"
#include "support/malloc.h"

#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

static struct wecom_options options;
static struct qg_bot_config config = {.options = &options};
static struct qg_bot bot = {.config = &config, .name = "xiaoman"};

static enum qg_status read_with(const char *text, const char *key, struct wecom_event *event)
{
	return wecom_event_read(&bot, text, strlen(text), key, event);
}

static void check_text(const json_t *vector, const struct qg_message *message)
{
	const json_t *view = json_object_get(json_object_get(vector, "expect"), "view");
	const char *text = qg_json_str(view, "text_without_mention", NULL);
	if (!text) {
		text = qg_json_str(view, "text", NULL);
	}
	if (text) {
		ck_assert_str_eq(message->text, text);
	}
	if (qg_json_str(view, "text_raw", NULL)) {
		ck_assert_ptr_null(strstr(message->text, "@HarborBot"));
	}
	const char *quote = qg_json_str(view, "quote_text", NULL);
	if (quote) {
		ck_assert_str_eq(message->quote, quote);
	}
}

static void check_urls(const struct qg_message *message, const json_t *urls, bool quoted)
{
	for (size_t i = 0; i < json_array_size(urls); i++) {
		const json_t *item = json_array_get(message->attachments, i);
		ck_assert_str_eq(qg_json_str(item, "type", ""), "image");
		ck_assert_str_eq(
			qg_json_str(item, "url", ""), json_string_value(json_array_get(urls, i)));
		ck_assert_str_eq(qg_json_str(item, "mode", ""), "webhook");
		ck_assert(qg_json_bool(item, "quoted", false) == quoted);
	}
}

static void check_message(const json_t *vector, struct wecom_event *event)
{
	const json_t *expect = json_object_get(vector, "expect");
	const json_t *view = json_object_get(expect, "view"),
		     *body = json_object_get(expect, "message");
	struct qg_message *message = event->message;
	ck_assert_ptr_nonnull(message);
	ck_assert_str_eq(message->id, qg_json_str(body, "msgid", ""));
	ck_assert(message->mentions_bot && message->kind == QG_MESSAGE_TEXT);
	check_text(vector, message);
	check_urls(message, json_object_get(view, "image_urls"), false);
	check_urls(message, json_object_get(view, "quote_image_urls"), true);
	char *wire = qg_message_encode(message, 1, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
}

static enum wecom_kind kind_of(const json_t *body)
{
	static const char *const known[] = {"text", "mixed", "voice", "image", "file", "video"};
	const char *type = qg_json_str(body, "msgtype", "");
	const char *event = qg_json_str(json_object_get(body, "event"), "eventtype", "");
	if (strcmp(type, "stream") == 0) {
		return WECOM_REFRESH;
	}
	if (strcmp(type, "event") == 0) {
		return strcmp(event, "enter_chat") == 0		   ? WECOM_ENTER
		       : strcmp(event, "template_card_event") == 0 ? WECOM_CLICK
		       : strcmp(event, "feedback_event") == 0	   ? WECOM_FEEDBACK
		       : strcmp(event, "disconnected_event") == 0  ? WECOM_KICKED
								   : WECOM_NOTHING;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(type, known[i]) == 0) {
			return WECOM_MESSAGE;
		}
	}
	return WECOM_NOTHING;
}

START_TEST(test_webhook_bodies)
{
	json_t *root = hook_world_vectors("aibot-inbound");
	const json_t *cases = json_object_get(root, "cases");
	ck_assert_uint_ge(json_array_size(cases), 21);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *vector = json_array_get(cases, i);
		const json_t *expect = json_object_get(vector, "expect");
		const json_t *body = json_object_get(expect, "message");
		const json_t *view = json_object_get(expect, "view");
		bool is_group = strcmp(qg_json_str(body, "chattype", ""), "group") == 0;
		const char *user = qg_json_str(json_object_get(body, "from"), "userid", "");
		struct wecom_event event;
		options.display_name = (char *)qg_json_str(vector, "bot_name", NULL);
		ck_assert_int_eq(
			read_with(qg_json_str(expect, "plain", ""), HOOK_KEY, &event), QG_OK);
		ck_assert_int_eq(event.kind, kind_of(body));
		ck_assert_str_eq(event.user, qg_json_str(view, "user", user));
		ck_assert(event.chat_type == (is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT));
		ck_assert_str_eq(event.chat, qg_json_str(body, "chatid", user));
		ck_assert(
			qg_str_equal(event.response_url, qg_json_str(body, "response_url", NULL)));
		if (event.kind == WECOM_MESSAGE) {
			check_message(vector, &event);
		}
		wecom_event_finish(&event);
	}
	json_decref(root);
}
END_TEST

START_TEST(test_events)
{
	struct wecom_event event;
	json_t *root = hook_world_vectors("aibot-inbound");
	const json_t *cases = json_object_get(root, "cases");
	bool seen[8] = {false};
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *expect = json_object_get(json_array_get(cases, i), "expect");
		ck_assert_int_eq(read_with(qg_json_str(expect, "plain", ""), NULL, &event), QG_OK);
		if (event.kind == WECOM_REFRESH) {
			ck_assert_str_eq(event.stream_id, "st-R9fk68llE2");
		} else if (event.kind == WECOM_CLICK) {
			ck_assert_str_eq(event.task_id, "task-HpHhE8");
			ck_assert_str_eq(event.event_key, "button_8RrcW");
			ck_assert_str_eq(event.card_type, "vote_interaction");
			ck_assert_str_eq(event.message->text, "button_8RrcW");
			ck_assert(event.message->kind == QG_MESSAGE_CLICK);
			ck_assert(event.message->sent_at == INT64_C(1763800182000));
		} else if (event.kind == WECOM_FEEDBACK) {
			ck_assert_int_eq(event.feedback, 2);
			ck_assert_str_eq(event.feedback_id, "fb-p3N7we");
		}
		seen[event.kind] = true;
		wecom_event_finish(&event);
	}
	ck_assert(seen[WECOM_REFRESH] && seen[WECOM_CLICK] && seen[WECOM_FEEDBACK]);
	json_decref(root);
}
END_TEST

/* Frames of the long connection: each address brings its key, and raw control characters come inside of strings. */
START_TEST(test_websocket_bodies)
{
	json_t *root = hook_world_vectors("ws-inbound-all-types");
	const json_t *log = json_object_get(root, "log");
	size_t messages = 0, keys = 0, others = 0;
	options.display_name = (char *)"HarborBot";
	for (size_t i = 0; i < json_array_size(log); i++) {
		const json_t *line = json_array_get(log, i);
		const json_t *body = json_object_get(json_object_get(line, "frame"), "body");
		if (strcmp(qg_json_str(line, "dir", ""), "server->client") != 0 ||
			!json_object_get(body, "msgid")) {
			continue;
		}
		char *text = qg_json_dump(body);
		struct wecom_event event;
		ck_assert_int_eq(read_with(text, NULL, &event), QG_OK);
		ck_assert_int_eq(event.kind, kind_of(body));
		const struct qg_message *message = event.message;
		messages += message != NULL;
		others += !message;
		for (size_t at = 0; message && at < json_array_size(message->attachments); at++) {
			const json_t *item = json_array_get(message->attachments, at);
			keys += json_string_length(json_object_get(item, "aeskey")) >= 43;
			ck_assert_ptr_null(json_object_get(item, "mode"));
		}
		wecom_event_finish(&event);
		free(text);
	}
	ck_assert_uint_eq(messages, 6);
	ck_assert_uint_eq(keys, 4);
	ck_assert_uint_eq(others, 3);
	json_decref(root);
}
END_TEST

START_TEST(test_raw_control_characters)
{
	struct wecom_event event;
	ck_assert_int_eq(
		read_with("{\"msgid\":\"m1\",\"chattype\":\"single\",\"from\":{\"userid\":\"u\"},"
			  "\"msgtype\":\"text\",\"text\":{\"content\":\"bell\x07"
			  "and vertical\x0b"
			  "tab\"}}",
			NULL, &event),
		QG_OK);
	ck_assert_str_eq(event.message->text, "belland verticaltab");
	wecom_event_finish(&event);
	static const char nul[] = "{\"msgid\":\"m\0\",\"msgtype\":\"text\"}";
	ck_assert_int_eq(wecom_event_read(&bot, nul, sizeof(nul) - 1, NULL, &event), QG_INVALID);
}
END_TEST

/* Ids as numbers, numbers as strings, a missing chattype; ids keep their case. */
START_TEST(test_lenient)
{
	struct wecom_event event;
	ck_assert_int_eq(read_with("{\"msgid\":9007199254740993,\"create_time\":\"1763800182\","
				   "\"chatid\":\"wrAbC\",\"from\":{\"userid\":42},\"msgtype\":"
				   "\"text\",\"text\":{\"content\":\"@a b\"}}",
				 NULL, &event),
		QG_OK);
	ck_assert_str_eq(event.message->id, "9007199254740993");
	ck_assert_str_eq(event.message->sender, "42");
	ck_assert_str_eq(event.message->chat, "wrAbC");
	ck_assert(event.chat_type == QG_CHAT_GROUP);
	ck_assert(event.message->sent_at == INT64_C(1763800182000));
	ck_assert_str_eq(event.message->text, "b");
	wecom_event_finish(&event);
	/* an id that no key of ours can hold is known by its digest, the same each time */
	char text[1024], *id = NULL;
	char wide[300];
	memset(wide, 'x', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	snprintf(text, sizeof(text),
		"{\"msgid\":\"%s\",\"from\":{\"userid\":\"u\"},\"msgtype\":\"text\"}", wide);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(read_with(text, NULL, &event), QG_OK);
		ck_assert_uint_eq(strlen(event.message->id), 32);
		ck_assert(!id || strcmp(id, event.message->id) == 0);
		free(id);
		id = qg_str_copy(event.message->id);
		wecom_event_finish(&event);
	}
	free(id);
}
END_TEST

static const char *const nothing[] = {"", "null", "[]", "{", "42", "\"x\"",
	"{\"msgtype\":\"text\"}",
	"{\"msgid\":\"m\",\"msgtype\":\"text\",\"text\":{\"content\":\"x\"}}",
	"{\"msgid\":\"m\",\"chattype\":\"group\",\"from\":{\"userid\":\"u\"},\"msgtype\":\"text\"}",
	"{\"from\":{\"userid\":\"u\"},\"msgtype\":\"text\",\"text\":{\"content\":\"x\"}}",
	"{\"msgid\":\"m\",\"from\":{\"userid\":\"u\\n\"},\"msgtype\":\"text\"}",
	"{\"msgid\":\"m\",\"from\":{\"userid\":\"u\xc2\x99\"},\"msgtype\":\"text\"}",
	"{\"msgid\":\"m\",\"msgtype\":\"stream\",\"stream\":{}}",
	"{\"msgid\":\"m\",\"msgtype\":\"text\",\"msgtype\":\"image\"}"};

START_TEST(test_no_message)
{
	struct wecom_event event;
	ck_assert_int_eq(read_with(nothing[_i], NULL, &event), QG_INVALID);
	ck_assert_ptr_null(event.message);
	wecom_event_finish(&event);
}
END_TEST

START_TEST(test_media_bounds)
{
	struct wecom_event event;
	struct qg_buf text;
	qg_buf_init(&text, (size_t)1 << 20);
	qg_buf_add_str(&text, "{\"msgid\":\"m\",\"from\":{\"userid\":\"u\"},\"msgtype\":\"mixed\","
			      "\"mixed\":{\"msg_item\":[");
	for (int i = 0; i < 40; i++) {
		qg_buf_printf(&text,
			"{\"msgtype\":\"image\",\"image\":{\"url\":\"https://h.example/"
			"%03900d\"}}%s",
			i, i < 39 ? "," : "");
	}
	qg_buf_add_str(&text, "]}}");
	ck_assert_int_eq(wecom_event_read(&bot, text.data, text.size, HOOK_KEY, &event), QG_OK);
	size_t count = json_array_size(event.message->attachments);
	ck_assert(count > 0 && count <= QG_ATTACHMENTS_MOST);
	char *wire = qg_message_encode(event.message, 1, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
	wecom_event_finish(&event);
	qg_buf_finish(&text);
	/* an address that is none, and one of another kind, bring nothing */
	ck_assert_int_eq(read_with("{\"msgid\":\"m\",\"from\":{\"userid\":\"u\"},\"msgtype\":"
				   "\"image\",\"image\":{\"url\":\"file:///etc/passwd\"}}",
				 NULL, &event),
		QG_OK);
	ck_assert_uint_eq(json_array_size(event.message->attachments), 0);
	wecom_event_finish(&event);
}
END_TEST

START_TEST(test_names_of_files)
{
	struct wecom_event event;
	ck_assert_int_eq(
		read_with("{\"msgid\":\"m\",\"from\":{\"userid\":\"u\"},\"msgtype\":\"file\","
			  "\"file\":{\"url\":\"https://h.example/a/%E6%8A%A5%E8%A1%A8.xlsx?q=1\","
			  "\"size\":\"77\"}}",
			NULL, &event),
		QG_OK);
	const json_t *item = json_array_get(event.message->attachments, 0);
	ck_assert_str_eq(qg_json_str(item, "name", ""), "报表.xlsx");
	ck_assert(qg_json_int(item, "size", 0) == 77);
	ck_assert_str_eq(qg_json_str(item, "type", ""), "file");
	ck_assert_str_eq(event.message->text, "");
	wecom_event_finish(&event);
}
END_TEST

static const struct {
	const char *name, *text, *rest;
} mentions[] = {
	{"HarborBot", "@HarborBot hello", "hello"},
	{"HarborBot", "hello @HarborBot", "hello"},
	{"HarborBot",
		"@HarborBot\xe2\x80\x85"
		"hello",
		"hello"},
	{"HarborBot", "a @HarborBot b @HarborBot c", "a b c"},
	{"HarborBot", "@HarborBot", ""},
	{"HarborBot", "@HarborBot2 hi @HarborBot", "@HarborBot2 hi"},
	{"HarborBot", "@HarborBot，你好", "，你好"},
	{"小满", "@小满满 @小满 在吗", "@小满满 在吗"},
	{"小满", "@小满你好", "你好"},
	{"小满", "@小满\n第一行\n第二行", "第一行\n第二行"},
	{"Front Desk", "@Front Desk /help", "/help"},
	{"Front Desk",
		"@Front\xe2\x80\x85"
		"Desk\xe2\x80\x85/help",
		"/help"},
	{"Front Desk", "ask @Front Desk, now", "ask , now"},
	{NULL, "@Anybody hello @other", "hello @other"},
	{NULL, "hello @Anybody", "hello @Anybody"},
	{NULL,
		"@\xe5\xb0\x8f\xe6\xbb\xa1\xe3\x80\x80"
		"x",
		"x"},
	{NULL, "@", "@"},
	{NULL, "", ""},
	{"Renamed", "@Before hello", "hello"},
	{"x", "a@x.example b", "a@x.example b"},
};

START_TEST(test_mentions)
{
	char *rest = wecom_without_mention(mentions[_i].text, mentions[_i].name);
	ck_assert_str_eq(rest, mentions[_i].rest);
	free(rest);
}
END_TEST

START_TEST(test_long_text)
{
	struct wecom_event event;
	struct qg_buf text;
	qg_buf_init(&text, (size_t)1 << 20);
	qg_buf_add_str(&text,
		"{\"msgid\":\"m\",\"from\":{\"userid\":\"u\"},\"msgtype\":\"text\",\"text\":{"
		"\"content\":\"");
	for (size_t i = 0; i < 60000; i++) {
		qg_buf_add_str(&text, "长");
	}
	qg_buf_add_str(&text, "\"},\"quote\":{\"msgtype\":\"text\",\"text\":{\"content\":\"");
	for (size_t i = 0; i < 60000; i++) {
		qg_buf_add_str(&text, "短");
	}
	qg_buf_add_str(&text, "\"}}}");
	ck_assert_int_eq(wecom_event_read(&bot, text.data, text.size, NULL, &event), QG_OK);
	size_t size = strlen(event.message->text);
	ck_assert_uint_le(size, QG_TEXT_MAX);
	ck_assert_uint_gt(size, QG_TEXT_MAX - 64);
	ck_assert(qg_utf8_is_valid(event.message->text, size));
	ck_assert_ptr_nonnull(strstr(event.message->text, "已截去"));
	ck_assert_uint_le(strlen(event.message->quote), QG_QUOTE_MAX);
	ck_assert(qg_utf8_is_valid(event.message->quote, strlen(event.message->quote)));
	wecom_event_finish(&event);
	qg_buf_finish(&text);
}
END_TEST

static bool read_once(void *arg)
{
	struct wecom_event event;
	enum qg_status status = read_with(arg, HOOK_KEY, &event);
	bool whole = status == QG_OK &&
		     (!event.message || qg_json_str(json_array_get(event.message->attachments, 0),
						"url", NULL) != NULL);
	if ((status != QG_OK && status != QG_NO_MEMORY) || (status != QG_OK && event.message)) {
		abort(); /* a check of Check's would allocate */
	}
	wecom_event_finish(&event);
	return whole;
}

START_TEST(test_failing_malloc)
{
	static char mixed[] =
		"{\"msgid\":\"m\",\"chatid\":\"c\",\"chattype\":\"group\",\"from\":{\"userid\":"
		"\"u\"},"
		"\"response_url\":\"https://qyapi.weixin.qq.com/"
		"x\",\"msgtype\":\"mixed\",\"mixed\":"
		"{\"msg_item\":[{\"msgtype\":\"text\",\"text\":{\"content\":\"@b \x07words\"}},"
		"{\"msgtype\":\"image\",\"image\":{\"url\":\"https://h.example/"
		"a.png\"}}]},\"quote\":"
		"{\"msgtype\":\"text\",\"text\":{\"content\":\"older\"}}}";
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(read_once, mixed), 40);
	}
}
END_TEST

static bool show_once(void *arg)
{
	/* No buttons and no card of ours: a digest that gets no memory ends the process. */
	static const char task[] = "x";
	static struct wecom_event clicked = {.user = (char *)"lin.qiao", .task_id = (char *)task};
	struct qg_bot shown = bot;
	shown.title = "小满";
	shown.greeting = "你好";
	json_t *objects[] = {wecom_welcome(&shown, 1), wecom_click_answer(&shown, &clicked, "好"),
		wecom_stream_body("s", true, "text", "trace_s")};
	char *asker = wecom_asker(&shown, QG_CHAT_GROUP, "lin.qiao");
	char *handle = hook_handle_make(&shown, &clicked, "", 1);
	struct hook_handle read;
	bool whole = asker && handle && hook_handle_read(handle, &read) == QG_OK;
	if (whole) {
		hook_handle_finish(&read);
	}
	for (size_t i = 0; i < 3; i++) {
		whole = whole && objects[i];
		json_decref(objects[i]);
	}
	free(asker);
	free(handle);
	return whole;
}

START_TEST(test_showing_without_memory)
{
	ck_assert(show_once(NULL)); /* contexts of the thread are made */
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(show_once, NULL), 30);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom inbound");
	TCase *tcase = tcase_create("all");
	tcase_add_test(tcase, test_webhook_bodies);
	tcase_add_test(tcase, test_events);
	tcase_add_test(tcase, test_websocket_bodies);
	tcase_add_test(tcase, test_raw_control_characters);
	tcase_add_test(tcase, test_lenient);
	tcase_add_loop_test(tcase, test_no_message, 0, sizeof(nothing) / sizeof(nothing[0]));
	tcase_add_test(tcase, test_media_bounds);
	tcase_add_test(tcase, test_names_of_files);
	tcase_add_loop_test(tcase, test_mentions, 0, sizeof(mentions) / sizeof(mentions[0]));
	tcase_add_test(tcase, test_long_text);
	tcase_add_test(tcase, test_failing_malloc);
	tcase_add_test(tcase, test_showing_without_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
