/* test_inbound.c - every body of the vectors becomes what it means, and whatever else comes becomes nothing. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"
#include "world.h"

#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

static struct dingtalk_options options = {.client_id = (char *)CLIENT_ID};
static struct qg_bot_config config = {.options = &options};
static struct qg_bot bot = {.config = &config, .name = "xiaoman"};

static enum qg_status read_text(const char *text, struct dingtalk_event *event)
{
	return dingtalk_event_read(&bot, text, strlen(text), event);
}

/* ---- the vectors ---- */

static void check_attachments(const json_t *have, size_t from, const json_t *want, bool quoted)
{
	size_t at = from;
	for (size_t i = 0; i < json_array_size(want); i++) {
		const json_t *wanted = json_array_get(want, i);
		if (qg_json_str(wanted, "recognition", NULL)) {
			continue; /* what was spoken came as words */
		}
		const json_t *item = json_array_get(have, at++);
		ck_assert_str_eq(qg_json_str(item, "type", "-"), qg_json_str(wanted, "kind", "?"));
		ck_assert_str_eq(
			qg_json_str(item, "code", "-"), qg_json_str(wanted, "download_code", "?"));
		ck_assert_str_eq(qg_json_str(item, "second_code", ""),
			qg_json_str(wanted, "fallback_code", ""));
		if (qg_json_str(wanted, "file_name", NULL)) {
			ck_assert_str_eq(qg_json_str(item, "name", "-"),
				qg_json_str(wanted, "file_name", "?"));
		}
		ck_assert_str_eq(qg_json_str(item, "robot_code", "-"), CLIENT_ID);
		ck_assert(qg_json_bool(item, "quoted", false) == quoted);
	}
	ck_assert_uint_eq(json_array_size(have), at);
}

static void check_place(const json_t *expect, const struct qg_message *message)
{
	const json_t *place = json_object_get(expect, "conversation");
	const json_t *sender = json_object_get(expect, "sender");
	bool is_group = strcmp(qg_json_str(place, "kind", ""), "group") == 0;
	const char *person =
		qg_json_str(sender, "staff_id", qg_json_str(sender, "dingtalk_id", NULL));
	ck_assert_int_eq(message->chat_type, is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT);
	ck_assert_str_eq(message->sender, person);
	/* A direct chat is written to by its person. */
	ck_assert_str_eq(message->chat, is_group ? qg_json_str(place, "id", "?") : person);
	if (is_group) {
		ck_assert_str_eq(message->chat_name, qg_json_str(place, "title", "?"));
	}
	ck_assert_str_eq(message->sender_name, qg_json_str(sender, "nick", "?"));
}

static void check_handle(const json_t *expect, const struct qg_message *message)
{
	struct dingtalk_handle handle;
	const json_t *sender = json_object_get(expect, "sender");
	const char *staff = qg_json_str(sender, "staff_id", NULL);
	ck_assert_int_eq(dingtalk_handle_read(message->handle, &handle), QG_OK);
	ck_assert_str_eq(handle.webhook, qg_json_str(expect, "session_webhook", "?"));
	ck_assert_int_eq(
		handle.webhook_until, qg_json_int(expect, "session_webhook_expires_ms", 0));
	ck_assert_str_eq(handle.sender, qg_json_str(sender, "dingtalk_id", "?"));
	ck_assert(staff ? strcmp(handle.staff, staff) == 0 : handle.staff == NULL);
	ck_assert_str_eq(handle.robot_code, CLIENT_ID);
	ck_assert_int_eq(handle.type, message->chat_type);
	dingtalk_handle_finish(&handle);
}

static void check_quote(const json_t *expect, const struct qg_message *message)
{
	const json_t *quote = json_object_get(expect, "quote");
	const char *text = qg_json_str(quote, "text", "");
	size_t own = json_array_size(json_object_get(expect, "attachments"));
	if (text[0] != '\0') {
		ck_assert_str_eq(message->quote, text);
	} else {
		ck_assert_ptr_null(message->quote);
	}
	if (quote && json_array_size(json_object_get(quote, "attachments")) > 0) {
		check_attachments(
			message->attachments, own, json_object_get(quote, "attachments"), true);
	} else {
		check_attachments(
			message->attachments, 0, json_object_get(expect, "attachments"), false);
	}
}

static void check_message(const json_t *expect, const struct qg_message *message)
{
	ck_assert_str_eq(message->id, qg_json_str(expect, "dedupe_key", "?"));
	ck_assert_str_eq(message->text, qg_json_str(expect, "text", "?"));
	ck_assert_int_eq(message->sent_at, qg_json_int(expect, "created_ms", 0));
	ck_assert(message->mentions_bot == qg_json_bool(expect, "addressed_to_bot", false));
	ck_assert(!message->sender_is_admin);
	check_place(expect, message);
	check_handle(expect, message);
	check_quote(expect, message);
	char *wire = qg_message_encode(message, 1, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
}

static enum dingtalk_kind kind_of(const json_t *expect)
{
	const char *action = qg_json_str(expect, "action", "");
	return strcmp(action, "quota_exceeded") == 0 ? DINGTALK_QUOTA
	       : strcmp(action, "unsupported") == 0  ? DINGTALK_UNSUPPORTED
						     : DINGTALK_MESSAGE;
}

START_TEST(test_vectors)
{
	json_t *root = world_vectors("messages");
	const json_t *messages = json_object_get(root, "messages");
	ck_assert_uint_ge(json_array_size(messages), 27);
	for (size_t i = 0; i < json_array_size(messages); i++) {
		const json_t *vector = json_array_get(messages, i);
		const json_t *expect = json_object_get(vector, "expect");
		struct dingtalk_event event;
		ck_assert_int_eq(read_text(qg_json_str(vector, "data", ""), &event), QG_OK);
		ck_assert_msg(
			event.kind == kind_of(expect), "%s", qg_json_str(vector, "name", "?"));
		ck_assert((event.kind == DINGTALK_QUOTA) == (event.message == NULL));
		if (event.kind == DINGTALK_MESSAGE) {
			check_message(expect, event.message);
		}
		dingtalk_event_finish(&event);
	}
	json_decref(root);
}
END_TEST

/* ---- our own ---- */

#define HEAD                                                                                       \
	"{\"msgId\":\"m1\",\"conversationType\":\"2\",\"conversationId\":\"cid1==\",\"senderId\":" \
	"\"$:x\",\"isInAtList\":true,"

static const struct {
	const char *body, *text, *quote;
} texts[] = {
	{HEAD "\"msgtype\":\"text\",\"content\":\" hi \"}", "hi", NULL},
	{HEAD "\"msgtype\":\"text\",\"content\":{\"content\":\"hi\"}}", "hi", NULL},
	{HEAD "\"msgtype\":\"markdown\",\"content\":{\"title\":\"t\",\"text\":\"# hi\"}}", "# hi",
		NULL},
	{HEAD "\"msgtype\":\"richText\",\"content\":[{\"text\":\"@小助 "
	      "\"},{\"text\":\"a\"},{\"text\":\"\\n\"},"
	      "{\"text\":\"b\"}]}",
		"a\nb", NULL},
	{HEAD "\"msgtype\":\"richText\",\"content\":{\"richText\":{\"richTextList\":[{\"type\":"
	      "\"at\","
	      "\"atName\":\"小助\"},{\"text\":\"看 \"},{\"type\":\"at\",\"atName\":\"老王\"}]}}}",
		"看 @老王", NULL},
	/* the quoted text as a string, and as JSON in a string */
	{HEAD "\"msgtype\":\"text\",\"text\":{\"content\":\"x\",\"isReplyMsg\":true,\"repliedMsg\":"
	      "{"
	      "\"msgType\":\"text\",\"content\":\"just words\"}}}",
		"x", "just words"},
	{HEAD "\"msgtype\":\"text\",\"text\":{\"content\":\"x\",\"repliedMsg\":{\"msgType\":"
	      "\"text\","
	      "\"content\":\"{\\\"content\\\":\\\"inside\\\"}\"}}}",
		"x", "inside"},
	{HEAD "\"msgtype\":\"text\",\"text\":{\"content\":\"x\",\"repliedMsg\":{\"msgType\":"
	      "\"markdown\","
	      "\"content\":{\"text\":\"**m**\"}}}}",
		"x", "**m**"},
	{HEAD "\"msgtype\":\"text\",\"text\":{\"content\":\"x\",\"repliedMsg\":{\"msgType\":"
	      "\"richText\","
	      "\"content\":{\"richText\":[{\"msgType\":\"text\",\"content\":\"@一\"},{\"text\":"
	      "\"二\"}]}}}}",
		"x", "@一二"},
	{HEAD "\"msgtype\":\"text\",\"text\":{\"content\":\"x\",\"repliedMsg\":{\"msgType\":"
	      "\"chatRecord\","
	      "\"content\":{\"summary\":\"a: b\"}}}}",
		"x", "a: b"},
	{HEAD "\"msgtype\":\"richText\",\"content\":{\"richText\":[{\"text\":\"q\"}],"
	      "\"isReplyMsg\":true,"
	      "\"repliedMsg\":{\"msgType\":\"text\",\"content\":{\"text\":\"old\"}}}}",
		"q", "old"},
	{HEAD "\"msgtype\":\"text\",\"text\":{\"content\":\"x\",\"repliedMsg\":{\"msgType\":"
	      "\"unknownMsgType\",\"content\":{\"a\":1}}}}",
		"x", NULL},
	{HEAD "\"msgtype\":\"text\",\"text\":{\"content\":\"x\",\"repliedMsg\":{\"msgType\":"
	      "\"picture\"}}}",
		"x", NULL},
};

START_TEST(test_texts)
{
	struct dingtalk_event event;
	ck_assert_int_eq(read_text(texts[_i].body, &event), QG_OK);
	ck_assert_int_eq(event.kind, DINGTALK_MESSAGE);
	ck_assert_str_eq(event.message->text, texts[_i].text);
	if (texts[_i].quote) {
		ck_assert_str_eq(event.message->quote, texts[_i].quote);
	} else {
		ck_assert_ptr_null(event.message->quote);
	}
	dingtalk_event_finish(&event);
}
END_TEST

static const char *const bad[] = {"", "x", "null", "[]", "{}", "5", "{\"msgId\":\"m\"}",
	"{\"msgId\":\"m\",\"conversationType\":\"2\",\"senderId\":\"s\",\"msgtype\":\"text\"}",
	"{\"msgId\":\"m\",\"conversationType\":\"3\",\"conversationId\":\"c\",\"senderId\":\"s\"}",
	"{\"msgId\":\"\",\"conversationType\":\"1\",\"conversationId\":\"c\",\"senderId\":\"s\"}",
	"{\"msgId\":\"m\",\"conversationType\":\"1\",\"conversationId\":\"c\"}",
	"{\"msgId\":\"m\",\"conversationType\":\"1\",\"conversationId\":\"c\",\"senderId\":{}}"};

START_TEST(test_bad)
{
	struct dingtalk_event event;
	ck_assert_int_eq(read_text(bad[_i], &event), QG_INVALID);
	ck_assert_ptr_null(event.message);
	dingtalk_event_finish(&event);
}
END_TEST

/* Only the platform's own hosts are ever posted to. */
static const struct {
	const char *webhook, *base;
	bool kept;
} webhooks[] = {
	{"https://oapi.dingtalk.com/robot/sendBySession?session=1", NULL, true},
	{"https://OAPI.dingtalk.com/robot/sendBySession?session=1", NULL, true},
	{"https://oapi.dingtalk.com/robot/send?access_token=1", NULL, false},
	{"https://oapi.dingtalk.com/robot/sendBySessions?session=1", NULL, false},
	{"https://oapi.dingtalk.com?/robot/sendBySession", NULL, false},
	{"http://oapi.dingtalk.com/robot/sendBySession?session=1", NULL, false},
	{"https://oapi.dingtalk.com.evil.example/robot/sendBySession", NULL, false},
	{"https://evildingtalk.com/robot/sendBySession", NULL, false},
	{"https://oapi.dingtalk.com@evil.example/robot/sendBySession", NULL, false},
	{"https://127.0.0.1/robot/sendBySession", NULL, false},
	{"http://169.254.169.254/latest", NULL, false},
	{"https://oapi.dingtalk.com/robot/sendBySession?x y", NULL, false},
	{"https://oapi.dingtalk.com/robot/sendBySession", "http://127.0.0.1:9", true},
	{"http://127.0.0.1:9/robot/sendBySession", "http://127.0.0.1:9", true},
	{"http://127.0.0.2:9/robot/sendBySession", "http://127.0.0.1:9", false},
};

START_TEST(test_webhooks)
{
	struct dingtalk_handle in = {.webhook = (char *)webhooks[_i].webhook, .webhook_until = 5},
			       out;
	options.oapi_base = (char *)webhooks[_i].base;
	char *text = dingtalk_handle_write(&bot, &in);
	ck_assert_int_eq(dingtalk_handle_read(text, &out), QG_OK);
	ck_assert((out.webhook != NULL) == webhooks[_i].kept);
	struct dingtalk_core core = {.bot = &bot};
	char *url = dingtalk_webhook_url(&core, webhooks[_i].webhook);
	ck_assert(!webhooks[_i].kept || url != NULL);
	if (url && webhooks[_i].base) {
		ck_assert(qg_str_starts_with(url, webhooks[_i].base));
	}
	free(url);
	free(text);
	dingtalk_handle_finish(&out);
	options.oapi_base = NULL;
}
END_TEST

/* Where nobody says how long a webhook lives, it lives as long as all the others. */
START_TEST(test_webhook_without_end)
{
	struct dingtalk_event event;
	struct dingtalk_handle handle;
	ck_assert_int_eq(
		read_text(
			"{\"msgId\":\"m\",\"conversationType\":\"1\",\"senderId\":\"s\","
			"\"createAt\":\"1767225600000\",\"msgtype\":\"text\",\"text\":{\"content\":"
			"\"x\"},\"sessionWebhook\":"
			"\"https://oapi.dingtalk.com/robot/sendBySession?session=1\"}",
			&event),
		QG_OK);
	ck_assert_int_eq(dingtalk_handle_read(event.message->handle, &handle), QG_OK);
	ck_assert_int_eq(handle.webhook_until, 1767225600000 + 90 * 60000);
	dingtalk_handle_finish(&handle);
	dingtalk_event_finish(&event);
}
END_TEST

static const char *const no_handles[] = {"", "x", "[]", "5", "{\"w\":"};

START_TEST(test_no_handles)
{
	struct dingtalk_handle handle;
	ck_assert_int_eq(dingtalk_handle_read(no_handles[_i], &handle), QG_INVALID);
	ck_assert_int_eq(dingtalk_handle_read(NULL, &handle), QG_INVALID);
	dingtalk_handle_finish(&handle);
}
END_TEST

START_TEST(test_long_text_and_ids)
{
	struct dingtalk_event event;
	char *long_text = malloc(200001);
	for (size_t i = 0; i < 200000; i += 4) {
		memcpy(long_text + i, "\xf0\x9f\x98\x80", 4);
	}
	long_text[200000] = '\0';
	json_t *body = json_pack("{s:s%, s:s, s:s, s:s, s:s, s:{s:s}}", "msgId", long_text,
		(size_t)1000, "conversationType", "1", "conversationId", "c", "senderId", "s",
		"msgtype", "text", "text", "content", long_text);
	char *text = qg_json_dump(body);
	ck_assert_int_eq(read_text(text, &event), QG_OK);
	ck_assert_uint_eq(strlen(event.message->id), 32); /* a digest */
	ck_assert_uint_le(strlen(event.message->text), QG_TEXT_MAX);
	ck_assert(qg_utf8_is_valid(event.message->text, strlen(event.message->text)));
	ck_assert_ptr_nonnull(strstr(event.message->text, "已截去"));
	dingtalk_event_finish(&event);
	free(text);
	free(long_text);
	json_decref(body);
}
END_TEST

/* As many as may travel, no more. */
START_TEST(test_many_pictures)
{
	struct dingtalk_event event;
	json_t *pieces = json_array();
	for (int i = 0; i < 40; i++) {
		json_array_append_new(
			pieces, json_pack("{s:s, s:s}", "type", "picture", "downloadCode", "code"));
	}
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:o}}", "msgId", "m",
		"conversationType", "1", "conversationId", "c", "senderId", "s", "msgtype",
		"richText", "content", "richText", pieces);
	char *text = qg_json_dump(body);
	ck_assert_int_eq(read_text(text, &event), QG_OK);
	ck_assert_uint_eq(json_array_size(event.message->attachments), QG_ATTACHMENTS_MOST);
	char *wire = qg_message_encode(event.message, 1, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
	dingtalk_event_finish(&event);
	free(text);
	json_decref(body);
}
END_TEST

/* ---- failing memory ---- */

static const char *hungry;

static bool read_hungry(void *arg)
{
	struct dingtalk_event event;
	struct dingtalk_handle handle = {0};
	enum qg_status status = read_text(hungry, &event);
	bool good = status == QG_OK && event.message && event.message->handle;
	if (good) {
		good = dingtalk_handle_read(event.message->handle, &handle) == QG_OK &&
		       handle.webhook && json_array_size(event.message->attachments) == 2;
	}
	dingtalk_handle_finish(&handle);
	dingtalk_event_finish(&event);
	return good;
}

START_TEST(test_failing_malloc)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	json_t *root = world_vectors("messages");
	char *text = qg_str_copy(qg_json_str(
		world_named(json_object_get(root, "messages"), "group_richtext_with_pictures"),
		"data", ""));
	json_decref(root);
	hungry = text;
	ck_assert_int_gt(qg_test_each_malloc(read_hungry, NULL), 50);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk inbound");
	TCase *tests = tcase_create("inbound");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_vectors);
	tcase_add_loop_test(tests, test_texts, 0, (int)(sizeof(texts) / sizeof(texts[0])));
	tcase_add_loop_test(tests, test_bad, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_loop_test(tests, test_webhooks, 0, (int)(sizeof(webhooks) / sizeof(webhooks[0])));
	tcase_add_loop_test(
		tests, test_no_handles, 0, (int)(sizeof(no_handles) / sizeof(no_handles[0])));
	tcase_add_test(tests, test_webhook_without_end);
	tcase_add_test(tests, test_long_text_and_ids);
	tcase_add_test(tests, test_many_pictures);
	tcase_add_test(tests, test_failing_malloc);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
