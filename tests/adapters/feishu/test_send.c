/* test_send.c - replies against a platform that answers from a script: the requests, and what each answer means. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/json.h"
#include "qg/str.h"

#define SECURE "encrypt_key: k"
#define ASKED "om_x1000a47e02ec0e75b0aeaf883987617"
#define REPLY_PATH "/open-apis/im/v1/messages/" ASKED "/reply"
#define CREATE_PATH "/open-apis/im/v1/messages"

static struct world world;

static void setup(void)
{
	world_open(&world, SECURE);
}

static void teardown(void)
{
	world_close(&world);
}

static json_t *body_of(size_t at)
{
	ck_assert_uint_lt(at, world.asked_count);
	json_t *body = qg_json_parse(world.asked[at].body, strlen(world.asked[at].body), NULL);
	ck_assert_ptr_nonnull(body);
	return body;
}

static json_t *content_of(const json_t *body)
{
	const char *text = qg_json_str(body, "content", "");
	json_t *content = qg_json_parse(text, strlen(text), NULL);
	ck_assert_ptr_nonnull(content);
	return content;
}

START_TEST(test_in_place)
{
	static const char text[] = "**bold** `code`\n\n```c\nint x;\n```\n- a\n- \"b\" \\ 🚀";
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, text), QG_OK);
	const struct asked *asked = &world.asked[0];
	ck_assert_uint_eq(world.asked_count, 1);
	ck_assert_str_eq(asked->method, "POST");
	ck_assert_str_eq(asked->path, REPLY_PATH);
	ck_assert_str_eq(asked->bearer, "Bearer t-1");
	json_t *body = body_of(0);
	json_t *content = content_of(body);
	json_t *expected = json_pack("{s:{s:s, s:[[{s:s, s:s}]]}}", "zh_cn", "title", "", "content",
		"tag", "md", "text", text);
	ck_assert_str_eq(qg_json_str(body, "msg_type", ""), "post");
	ck_assert(qg_json_equal(content, expected));
	ck_assert_uint_eq(strlen(qg_json_str(body, "uuid", "")), 32);
	ck_assert_ptr_null(json_object_get(body, "receive_id"));
	ck_assert_uint_eq(json_object_size(body), 3);
	json_decref(expected);
	json_decref(content);
	json_decref(body);
}
END_TEST

START_TEST(test_new_message)
{
	ck_assert_int_eq(world_send(&world, QG_FORM_APART, ASKED, "你好"), QG_OK);
	ck_assert_int_eq(world_send(&world, QG_FORM_PLAIN, ASKED, "你好"), QG_OK);
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, NULL, "你好"), QG_OK);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(world.asked[i].path, CREATE_PATH);
		ck_assert_str_eq(world.asked[i].query, "receive_id_type=chat_id");
		json_t *body = body_of(i);
		ck_assert_str_eq(
			qg_json_str(body, "receive_id", ""), "oc_c963141b9d203a4b527f3dc07426565f");
		ck_assert_str_eq(qg_json_str(body, "msg_type", ""), i == 1 ? "text" : "post");
		json_decref(body);
	}
	json_t *body = body_of(1);
	json_t *content = content_of(body);
	ck_assert_str_eq(qg_json_str(content, "text", ""), "你好");
	json_decref(content);
	json_decref(body);
}
END_TEST

/* A notice to a person goes to the id, not to a chat. */
START_TEST(test_to_person)
{
	struct qg_reply *reply = fake_host_reply("0123456789abcdef0123456789abcdef", "m", "预算");
	free(reply->chat);
	reply->chat = qg_str_copy("ou_4624ead94ad27a730e2fec4562dfe2c6");
	fake_host_send(world.host, reply);
	world_wait_sent(&world, 1);
	ck_assert_int_eq(world.host->sent[0], QG_OK);
	ck_assert_str_eq(world.asked[0].query, "receive_id_type=open_id");
}
END_TEST

/* The uuid names reply and part: the same for each try and form, another for the next part. */
START_TEST(test_uuid)
{
	world_answer(&world, 500, NULL, "{}");
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, "一"), QG_IO);
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, "一"), QG_OK);
	ck_assert_int_eq(world_send(&world, QG_FORM_PLAIN, ASKED, "一"), QG_OK);
	struct qg_reply *reply = fake_host_reply("0123456789abcdef0123456789abcdef", "m", "二");
	reply->part = 1;
	fake_host_send(world.host, reply);
	world_wait_sent(&world, 4);
	json_t *bodies[4];
	for (size_t i = 0; i < 4; i++) {
		bodies[i] = body_of(i);
	}
	const char *uuid = qg_json_str(bodies[0], "uuid", "");
	ck_assert_str_eq(qg_json_str(bodies[1], "uuid", ""), uuid);
	ck_assert_str_eq(qg_json_str(bodies[2], "uuid", ""), uuid);
	ck_assert_str_ne(qg_json_str(bodies[3], "uuid", ""), uuid);
	for (size_t i = 0; i < 4; i++) {
		json_decref(bodies[i]);
	}
}
END_TEST

/* ---- whom it calls, and what stands under it ---- */

static struct qg_reply *reply_to(const char *handle, enum qg_form form, const char *text)
{
	struct qg_reply *reply =
		fake_host_reply("0123456789abcdef0123456789abcdef", "om_asked", text);
	free(reply->chat);
	reply->chat = qg_str_copy("oc_c963141b9d203a4b527f3dc07426565f");
	reply->handle = qg_str_copy(handle);
	reply->form = form;
	return reply;
}

static enum qg_status send_one(struct qg_reply *reply)
{
	size_t before = world.host->sent_count;
	fake_host_send(world.host, reply);
	world_wait_sent(&world, before + 1);
	return world.host->sent[before];
}

#define SENDER "ou_4624ead94ad27a730e2fec4562dfe2c6"

static struct qg_reply *to_group(enum qg_form form, const char *sender)
{
	struct qg_reply *reply = reply_to(ASKED, form, "好的");
	reply->chat_type = QG_CHAT_GROUP;
	reply->sender = qg_str_copy(sender);
	return reply;
}

static void check_content(const char *expected)
{
	json_t *body = body_of(world.asked_count - 1);
	json_t *content = content_of(body);
	char *text = qg_json_dump(content);
	ck_assert_str_eq(text, expected);
	free(text);
	json_decref(content);
	json_decref(body);
}

#define POST(paragraphs) "{\"zh_cn\":{\"title\":\"\",\"content\":[" paragraphs "]}}"
#define MD "[{\"tag\":\"md\",\"text\":\"好的\"}]"

START_TEST(test_calls_the_asker)
{
	ck_assert_int_eq(send_one(to_group(QG_FORM_RICH, SENDER)), QG_OK);
	check_content(POST("[{\"tag\":\"at\",\"user_id\":\"" SENDER "\"}]," MD));
	ck_assert_int_eq(send_one(to_group(QG_FORM_PLAIN, SENDER)), QG_OK);
	check_content("{\"text\":\"<at user_id=\\\"" SENDER "\\\"></at> 好的\"}");
	struct qg_reply *second = to_group(QG_FORM_RICH, SENDER);
	second->part = 1;
	ck_assert_int_eq(send_one(second), QG_OK);
	check_content(POST(MD));
	struct qg_reply *direct = to_group(QG_FORM_RICH, SENDER);
	direct->chat_type = QG_CHAT_DIRECT;
	ck_assert_int_eq(send_one(direct), QG_OK);
	check_content(POST(MD));
}
END_TEST

static const char *const nobody[] = {"all", "ou_all\"></at><at user_id=\"all", "on_1", "", NULL};

START_TEST(test_calls_nobody)
{
	ck_assert_int_eq(send_one(to_group(QG_FORM_RICH, nobody[_i])), QG_OK);
	check_content(POST(MD));
}
END_TEST

/* The footnote, else the label, under the last text; a file behind it changes nothing. */
START_TEST(test_line_under)
{
	static const char under[] =
		POST(MD ",[{\"tag\":\"text\",\"style\":[\"italic\"],\"text\":\"AI 生成\"}]");
	for (unsigned part = 0; part < 3; part++) {
		struct qg_reply *reply = reply_to(ASKED, QG_FORM_RICH, "好的");
		reply->label = qg_str_copy("AI 生成");
		reply->files = json_pack("[{s:s}]", "type", "file");
		reply->part = part;
		reply->parts = 3;
		ck_assert_int_eq(send_one(reply), QG_OK);
		check_content(part == 1 ? under : POST(MD));
	}
	struct qg_reply *reply = reply_to(ASKED, QG_FORM_PLAIN, "好的");
	reply->label = qg_str_copy("AI 生成");
	reply->footnote = qg_str_copy("AI 生成 · ¥0.01 @all");
	ck_assert_int_eq(send_one(reply), QG_OK);
	check_content("{\"text\":\"好的\\n\\nAI 生成 · ¥0.01 ＠all\"}");
}
END_TEST

START_TEST(test_silent)
{
	struct qg_reply *reply = reply_to(ASKED, QG_FORM_RICH, "");
	reply->silent = true;
	ck_assert_int_eq(send_one(reply), QG_OK);
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

/* ---- refusals that another request gets round ---- */

START_TEST(test_withdrawn)
{
	static const char *const gone[] = {"{\"code\":230011,\"msg\":\"recalled\"}",
		"{\"code\":231003,\"msg\":\"not found\"}", "{\"code\":230110,\"msg\":\"deleted\"}"};
	world_answer(&world, 400, NULL, gone[_i]);
	ck_assert_int_eq(send_one(reply_to(ASKED, QG_FORM_RICH, "x")), QG_OK);
	ck_assert_uint_eq(world.asked_count, 1);
	/* who asked another question still wants to hear */
	world_answer(&world, 400, NULL, gone[_i]);
	struct qg_reply *reply = reply_to(ASKED, QG_FORM_RICH, "x");
	json_array_append_new(reply->answers, json_string("om_2"));
	ck_assert_int_eq(send_one(reply), QG_UNSUPPORTED);
}
END_TEST

static void check_same_uuid(size_t one, size_t other)
{
	json_t *first = body_of(one);
	json_t *second = body_of(other);
	ck_assert_str_eq(qg_json_str(first, "uuid", "1"), qg_json_str(second, "uuid", "2"));
	json_decref(first);
	json_decref(second);
}

/* Apps of personal accounts may only answer. */
START_TEST(test_only_answers)
{
	static const char refused[] = "{\"code\":230101,\"msg\":\"unavailable\"}";
	world_answer(&world, 400, NULL, refused);
	ck_assert_int_eq(send_one(reply_to(ASKED, QG_FORM_APART, "x")), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_str_eq(world.asked[0].path, CREATE_PATH);
	ck_assert_str_eq(world.asked[1].path, REPLY_PATH);
	check_same_uuid(0, 1);
	world_answer(&world, 400, NULL, refused); /* nothing to answer */
	ck_assert_int_eq(send_one(reply_to(NULL, QG_FORM_RICH, "x")), QG_DENIED);
	world_answer(&world, 400, NULL, refused); /* no third time */
	world_answer(&world, 400, NULL, refused);
	ck_assert_int_eq(send_one(reply_to(ASKED, QG_FORM_PLAIN, "x")), QG_DENIED);
	ck_assert_uint_eq(world.asked_count, 5);
}
END_TEST

/* What the platform refuses for its words becomes a sentence of the bot's own, which no model made. */
START_TEST(test_refused_words)
{
	static const char refused[] = "{\"code\":230028,\"msg\":\"leak\"}";
	world.host->has_words = true;
	world_answer(&world, 400, NULL, refused);
	struct qg_reply *reply = reply_to(ASKED, QG_FORM_RICH, "x");
	reply->label = qg_str_copy("AI 生成");
	ck_assert_int_eq(send_one(reply), QG_OK);
	check_content(POST("[{\"tag\":\"md\",\"text\":\"content_refused\"}]"));
	check_same_uuid(0, 1);
	world_answer(&world, 400, NULL, refused); /* that one too */
	world_answer(&world, 400, NULL, refused);
	ck_assert_int_eq(send_one(reply_to(ASKED, QG_FORM_RICH, "x")), QG_DENIED);
}
END_TEST

/* The bot was removed and nobody told it: what waits for that group is dropped. */
START_TEST(test_left)
{
	world_answer(&world, 400, NULL, "{\"code\":230002,\"msg\":\"out of the chat\"}");
	ck_assert_int_eq(send_one(to_group(QG_FORM_RICH, SENDER)), QG_NOT_FOUND);
	ck_assert_uint_eq(world.host->errand_count, 1);
	ck_assert_int_eq(world.host->errands[0].kind, FAKE_LEFT);
	ck_assert_str_eq(world.host->errands[0].chat, "oc_c963141b9d203a4b527f3dc07426565f");
}
END_TEST

/* ---- answers ---- */

static const struct {
	const char *action;
	enum qg_status status;
} actions[] = {
	{"retry", QG_BUSY},
	{"retry-backoff", QG_BUSY},
	{"stop-and-tell-admin", QG_DENIED},
	{"drop", QG_NOT_FOUND},
	{"send-without-reply", QG_UNSUPPORTED},
	{"split", QG_TOO_LARGE},
	{"reply-without-thread", QG_UNSUPPORTED},
	{"fall-back-to-text", QG_UNSUPPORTED},
};

static enum qg_status status_of(const char *id, const char *action)
{
	if (strcmp(id, "api-error/user-out-of-scope") == 0) {
		return QG_DENIED; /* dropped as well, and an admin can widen the scope */
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].action, action) == 0) {
			return actions[i].status;
		}
	}
	return QG_OK; /* of cards and of the token: not judged by this table */
}

static void check_error(const json_t *vector)
{
	const char *id = qg_json_str(vector, "id", "?");
	const json_t *required = json_object_get(vector, "required");
	const json_t *answer = json_object_get(vector, "answer");
	const json_t *headers = json_object_get(answer, "headers");
	enum qg_status expected = status_of(id, qg_json_str(required, "action", ""));
	if (expected == QG_OK) {
		return;
	}
	char *body = qg_json_dump(json_object_get(answer, "body"));
	world_close(&world); /* a refusal for rate holds the calls after it */
	world_open(&world, SECURE);
	world_answer(&world, (int)qg_json_int(answer, "status", 0),
		qg_json_str(headers, "x-ogw-ratelimit-reset", NULL), body);
	struct qg_reply *reply = reply_to("om_1", QG_FORM_RICH, "x");
	json_array_append_new(reply->answers, json_string("om_2")); /* two questions */
	enum qg_status status = send_one(reply);
	ck_assert_msg(status == expected, "%s: %s", id, qg_status_name(status));
	int64_t wait = qg_json_int(required, "wait_s", expected == QG_BUSY ? 1 : 0) * 1000;
	unsigned given = world.host->retry_ms[world.host->sent_count - 1];
	ck_assert_msg(given >= wait && given <= wait + 3000, "%s: %u ms", id, given);
	free(body);
}

START_TEST(test_errors)
{
	json_t *root = world_vectors("api-requests");
	const char *name;
	json_t *group;
	size_t seen = 0;
	json_object_foreach (root, name, group) {
		for (size_t i = 0; i < json_array_size(group); i++) {
			const json_t *vector = json_array_get(group, i);
			if (qg_str_starts_with(qg_json_str(vector, "id", ""), "api-error/")) {
				seen++;
				check_error(vector);
			}
		}
	}
	ck_assert_uint_ge(seen, 16);
	json_decref(root);
}
END_TEST

static const struct {
	int http;
	const char *body;
	enum qg_status status;
} answers[] = {
	{200, "{\"code\":230019,\"msg\":\"no topic\"}", QG_UNSUPPORTED},
	{200, "{\"code\":99992361,\"msg\":\"cross app\"}", QG_DENIED},
	{200, "{\"code\":99991401,\"msg\":\"ip\"}", QG_DENIED},
	{200, "{\"code\":232009,\"msg\":\"gone\"}", QG_NOT_FOUND},
	{400, "{\"code\":4711,\"msg\":\"new\"}", QG_UNSUPPORTED},
	{500, "{\"code\":2200,\"msg\":\"internal\"}", QG_IO},
	{502, "<html>bad gateway</html>", QG_IO},
	{404, "<html>not here</html>", QG_FAILED},
	{200, "", QG_IO},
	{200, "{}", QG_IO},
	{200, "{\"code\":\"0\"}", QG_IO},
	{200, "{\"code\":0", QG_IO},
	{429, "", QG_BUSY},
	{503, "{\"code\":0,\"msg\":\"success\"}", QG_IO},
};

START_TEST(test_answers)
{
	world_answer(&world, answers[_i].http, NULL, answers[_i].body);
	enum qg_status status = world_send(&world, QG_FORM_RICH, ASKED, "x");
	ck_assert_msg(
		status == answers[_i].status, "%s: %s", answers[_i].body, qg_status_name(status));
}
END_TEST

/* A refused token is replaced, and the call made again with the same body, once. */
START_TEST(test_token_refused)
{
	static const char refused[] = "{\"code\":99991663,\"msg\":\"Invalid access token\"}";
	world_answer(&world, 400, NULL, refused);
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, "x"), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_uint_eq(world.tokens, 2);
	ck_assert_str_eq(world.asked[0].bearer, "Bearer t-1");
	ck_assert_str_eq(world.asked[1].bearer, "Bearer t-2");
	ck_assert_str_eq(world.asked[0].body, world.asked[1].body);
	world_answer(&world, 200, NULL, refused); /* with HTTP 200, and for good */
	world_answer(&world, 200, NULL, refused);
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, "x"), QG_FAILED);
	ck_assert_uint_eq(world.asked_count, 4);
	ck_assert_uint_eq(world.tokens, 3);
}
END_TEST

/* The app is refused, not the reply: it waits while somebody puts that right. */
START_TEST(test_no_token)
{
	world.token_answer = "{\"code\":10015,\"msg\":\"app secret invalid\"}";
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, "x"), QG_FAILED);
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

/* The words go into logs, and the other side knows the secret. */
START_TEST(test_token_words)
{
	static const char body[] = "{\"code\":99991400,\"msg\":\"slow down, app_secret hunter2\"}";
	const struct qg_fetch_end answer = {.status = 400, .body = body, .size = sizeof(body) - 1};
	char *token = NULL, words[128] = "";
	int64_t seconds = 0;
	ck_assert_int_eq(feishu_token_read(&answer, &token, &seconds, words), QG_BUSY);
	ck_assert_ptr_nonnull(strstr(words, "99991400"));
	ck_assert_ptr_null(strstr(words, "hunter2"));
	ck_assert_ptr_null(token);
}
END_TEST

/* What never left is no call of unknown outcome. */
START_TEST(test_no_platform)
{
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, "x"), QG_OK);
	qg_http_server_destroy(world.platform);
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, "x"), QG_FAILED);
	world.platform = NULL;
}
END_TEST

/* What the platform would refuse for its size does not leave. */
START_TEST(test_too_large)
{
	char *text = malloc(FEISHU_TEXT_MAX);
	memset(text, '"', FEISHU_TEXT_MAX - 1);
	text[FEISHU_PART_BYTES] = '\0'; /* quotes take four bytes in a post */
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, text), QG_TOO_LARGE);
	ck_assert_int_eq(world_send(&world, QG_FORM_PLAIN, ASKED, text), QG_OK);
	memset(text, 'x', FEISHU_TEXT_MAX - 1);
	text[FEISHU_TEXT_MAX - 1] = '\0';
	ck_assert_int_eq(world_send(&world, QG_FORM_PLAIN, ASKED, text), QG_TOO_LARGE);
	text[FEISHU_PART_BYTES] = '\0';
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, ASKED, text), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	free(text);
}
END_TEST

/* A handle that is none must not become another path. */
START_TEST(test_hostile_handle)
{
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, "om_1?x=1#y", "x"), QG_OK);
	ck_assert_str_eq(world.asked[0].path, "/open-apis/im/v1/messages/om_1?x=1#y/reply");
	ck_assert_str_eq(world.asked[0].query, "");
}
END_TEST

static const struct {
	const char *text, *safe;
} mentions[] = {
	{"<at user_id=\"all\">所有人</at>", "＜at user_id=\"all\">所有人＜/at>"},
	{"<AT id=all></AT>", "＜AT id=all>＜/AT>"},
	{"< at id=ou_1>", "＜ at id=ou_1>"},
	{"<\x06\x7f"
	 "at id=ou_1>",
		"＜\x06\x7f"
		"at id=ou_1>"},
	{"<<at\tid=all>", "<＜at\tid=all>"},
	{"<at", "＜at"},
	{"<at\u00a0user_id=\"all\">", "＜at\u00a0user_id=\"all\">"},
	{"<at\u3000id=all>", "＜at\u3000id=all>"},
	{"&lt;at id=all&gt; &LTat&gt; a&lt;b", "＆lt;at id=all&gt; ＆LTat&gt; a&lt;b"},
	{"&#60;at &#060at &#x3c;/at &#X003C; person",
		"＆#60;at ＆#060at ＆#x3c;/at ＆#X003C; person"},
	{"&#61;at &#;at &#x;at &# 60;at &#-196;at &", "&#61;at &#;at &#x;at &# 60;at &#-196;at &"},
	{"<attr> <b>a</b> 1<2", "<attr> <b>a</b> 1<2"},
	{"@all @ALL，@_all @_user_1 @所有人", "＠all ＠ALL，＠_all ＠_user_1 ＠所有人"},
	{"@all各位", "＠all各位"},
	{"a@allianz.cn @alley @小满", "a@allianz.cn @alley @小满"},
	{"", ""},
	{"<", "<"},
	{"@", "@"},
};

START_TEST(test_mentions_nobody)
{
	struct qg_buf out;
	qg_buf_init(&out, 1024);
	feishu_escape(mentions[_i].text, &out);
	ck_assert_str_eq(out.data ? out.data : "", mentions[_i].safe);
	qg_buf_finish(&out);
}
END_TEST

/* ---- the end of a bot ---- */

static bool has_call(void *arg)
{
	return world.unanswered_count > 0;
}

static bool has_stopped(void *arg)
{
	return world.host->stops > 0;
}

static void send_mute(void)
{
	world.mute = true;
	fake_host_send(
		world.host, fake_host_reply("0123456789abcdef0123456789abcdef", "m", "在路上"));
	fake_host_wait(world.loop, has_call, NULL);
}

START_TEST(test_stop_waits)
{
	send_mute();
	fake_host_stop(world.host);
	qg_http_answer(world.unanswered[--world.unanswered_count], 200, "application/json",
		"{\"code\":0}", 10);
	fake_host_wait(world.loop, has_stopped, NULL);
	ck_assert_uint_eq(world.host->sent_count, 1);
	ck_assert_int_eq(world.host->sent[0], QG_OK);
}
END_TEST

/* finish() with a call under way: no callback, no leak. */
START_TEST(test_finish_under_way)
{
	send_mute();
}
END_TEST

/* ---- probe ---- */

static enum qg_status probed;
static char probe_words[512];
static unsigned probes;

static void told(void *arg, enum qg_status status, const char *words)
{
	probes++;
	probed = status;
	snprintf(probe_words, sizeof(probe_words), "%s", words);
}

static bool has_probed(void *arg)
{
	return probes > 0;
}

static void probe(void)
{
	probes = 0;
	qg_adapter_find("feishu")->probe(&world.host->bot, told, NULL);
	ck_assert_uint_eq(probes, 0);
	fake_host_wait(world.loop, has_probed, NULL);
}

START_TEST(test_probe)
{
	probe();
	ck_assert_int_eq(probed, QG_OK);
	ck_assert_str_eq(probe_words, "小助手");
	world.info_answer = "{\"code\":99991672,\"msg\":\"scopes: [im:message]\"}";
	probe();
	ck_assert_int_eq(probed, QG_DENIED);
	ck_assert_ptr_nonnull(strstr(probe_words, "缺少权限 im:message"));
	ck_assert_ptr_nonnull(strstr(probe_words, "/auth?q=im:message&"));
	world.info_answer = "{\"code\":0,\"bot\":{\"open_id\":\"ou_1\",\"activate_status\":1}}";
	probe();
	ck_assert_int_eq(probed, QG_DENIED);
	ck_assert_ptr_nonnull(strstr(probe_words, "版本管理与发布"));
	world.info_answer = "{\"code\":0}";
	probe();
	ck_assert_int_eq(probed, QG_DENIED);
	ck_assert_ptr_nonnull(strstr(probe_words, "机器人"));
}
END_TEST

START_TEST(test_account)
{
	char *account = qg_adapter_find("feishu")->account(&world.host->bot);
	char expected[128];
	snprintf(expected, sizeof(expected), "%s " APP, qg_http_server_address(world.platform));
	ck_assert_str_eq(account, expected);
	free(account);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu send");
	TCase *tests = tcase_create("send");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_in_place);
	tcase_add_test(tests, test_new_message);
	tcase_add_test(tests, test_to_person);
	tcase_add_test(tests, test_uuid);
	tcase_add_test(tests, test_calls_the_asker);
	tcase_add_loop_test(tests, test_calls_nobody, 0, sizeof(nobody) / sizeof(nobody[0]));
	tcase_add_test(tests, test_line_under);
	tcase_add_test(tests, test_silent);
	tcase_add_loop_test(tests, test_withdrawn, 0, 3);
	tcase_add_test(tests, test_only_answers);
	tcase_add_test(tests, test_refused_words);
	tcase_add_test(tests, test_left);
	tcase_add_test(tests, test_errors);
	tcase_add_loop_test(tests, test_answers, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tests, test_token_refused);
	tcase_add_test(tests, test_no_token);
	tcase_add_test(tests, test_token_words);
	tcase_add_test(tests, test_no_platform);
	tcase_add_test(tests, test_too_large);
	tcase_add_test(tests, test_hostile_handle);
	tcase_add_loop_test(tests, test_mentions_nobody, 0, sizeof(mentions) / sizeof(mentions[0]));
	tcase_add_test(tests, test_stop_waits);
	tcase_add_test(tests, test_finish_under_way);
	tcase_add_test(tests, test_probe);
	tcase_add_test(tests, test_account);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
