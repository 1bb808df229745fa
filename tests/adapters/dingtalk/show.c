/* show.c - a DingTalk bot with a platform that answers what it shows from a script. */
#include "show.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define TOKEN "{\"accessToken\":\"98dde2264e15ba104c81307a0c100f74\",\"expireIn\":7200}"

struct show show;

/* ---- the platform ---- */

static const char *usual(const char *path)
{
	if (strcmp(path, SHOW_WEBHOOK) == 0) {
		return "{\"errcode\":0,\"errmsg\":\"ok\"}";
	}
	if (strcmp(path, SHOW_UPLOAD) == 0) {
		return "{\"errcode\":0,\"errmsg\":\"ok\",\"media_id\":\"@lAzPYM2miGk8\",\"type\":"
		       "\"file\"}";
	}
	if (strcmp(path, SHOW_CREATE) == 0) {
		return "{\"success\":true,\"result\":{\"outTrackId\":\"t\",\"deliverResults\":[{"
		       "\"spaceType\":\"IM_GROUP\",\"success\":true,\"carrierId\":\"c\"}]}}";
	}
	return strstr(path, "/card/") ? "{\"success\":true,\"result\":true}"
				      : "{\"processQueryKey\":\"kuYbHreIIDWLnPGw\"}";
}

static void answer(struct qg_http_exchange *x, const char *path)
{
	for (size_t i = 0; i < show.scripted; i++) {
		if (show.script[i].path && strcmp(show.script[i].path, path) == 0) {
			free(show.script[i].path);
			show.script[i].path = NULL;
			qg_http_answer(x, show.script[i].http, "application/json",
				show.script[i].body, strlen(show.script[i].body));
			return;
		}
	}
	qg_http_answer(x, 200, "application/json", usual(path), strlen(usual(path)));
}

static void platform(void *arg, struct qg_http_exchange *x)
{
	const char *path = qg_http_path(x);
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	(void)arg;
	if (strcmp(path, "/v1.0/oauth2/accessToken") == 0) {
		qg_http_answer(x, 200, "application/json", TOKEN, strlen(TOKEN));
		return;
	}
	ck_assert_uint_lt(show.count, SHOW_MOST);
	show.asked[show.count++] = (struct show_asked){.method = qg_str_copy(qg_http_method(x)),
		.path = qg_str_copy(path),
		.query = qg_str_copy(qg_http_query(x)),
		.raw = qg_str_copy_n(body ? body : "", size),
		.body = body ? qg_json_parse(body, size, NULL) : NULL};
	if (show.mute) {
		show.unanswered[show.unanswered_count++] = x;
	} else {
		answer(x, path);
	}
}

void show_script(const char *path, int http, const char *body)
{
	ck_assert_uint_lt(show.scripted, SHOW_MOST);
	show.script[show.scripted].path = qg_str_copy(path);
	show.script[show.scripted].http = http;
	show.script[show.scripted++].body = qg_str_copy(body);
}

/* ---- the bot ---- */

static char *options;

static void make_host(void)
{
	show.host = fake_host_create_with(
		show.loop, qg_adapter_find("dingtalk"), options, show.redis, NULL, show.client);
	ck_assert_str_eq(show.host->problems, "");
	ck_assert_int_eq(show.host->init, QG_OK);
	show.host->has_words = true;
}

void show_open(const char *more, struct qg_test_redis *redis)
{
	show = (struct show){.wall = 1767225600000, .mono = 1000000};
	qg_clock_fix(show.wall, show.mono);
	show.loop = qg_loop_create(1);
	show.redis = redis ? fake_host_redis(show.loop, qg_test_redis_url(redis)) : NULL;
	show.client = qg_http_client_create(show.loop);
	show.platform = fake_host_serve(show.loop, 21 << 20, platform, NULL);
	const char *address = qg_http_server_address(show.platform);
	options = qg_str_printf("client_id: " SHOW_CODE "\nclient_secret: s3cret\n"
				"api_base: http://%s\noapi_base: http://%s\n%s",
		address, address, more);
	make_host();
}

void show_kill(void)
{
	fake_host_destroy(show.host);
	make_host();
}

void show_close(void)
{
	fake_host_destroy(show.host);
	qg_redis_destroy(show.redis);
	qg_loop_finish_work(show.loop);
	for (size_t i = 0; i < show.unanswered_count; i++) {
		qg_http_answer_error(show.unanswered[i], 503, "late");
	}
	qg_http_client_destroy(show.client);
	qg_http_server_destroy(show.platform);
	qg_loop_destroy(show.loop);
	for (size_t i = 0; i < show.count; i++) {
		free(show.asked[i].method);
		free(show.asked[i].path);
		free(show.asked[i].query);
		free(show.asked[i].raw);
		json_decref(show.asked[i].body);
	}
	for (size_t i = 0; i < show.scripted; i++) {
		free(show.script[i].path);
		free(show.script[i].body);
	}
	free(options);
	qg_clock_fix(-1, 0);
}

/* ---- what it shows ---- */

char *show_handle(bool is_group, bool with_webhook)
{
	struct dingtalk_handle handle = {
		.webhook = with_webhook ? (char *)"https://oapi.dingtalk.com/robot/"
						  "sendBySession?session=5e1f"
					: NULL,
		.webhook_until = show.wall + 5400000,
		.robot_code = (char *)SHOW_CODE,
		.staff = (char *)SHOW_STAFF,
		.sender = (char *)"$:LWCP_v1:$x",
		.type = is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT,
		.name = (char *)"陈思远"};
	char *text = dingtalk_handle_write(&show.host->bot, &handle);
	ck_assert_ptr_nonnull(text);
	return text;
}

struct qg_reply *show_reply(bool is_group, bool with_webhook, const char *text)
{
	struct qg_reply *reply = fake_host_reply(SHOW_REPLY, "m", text);
	free(reply->chat);
	free(reply->handle);
	reply->chat = qg_str_copy(is_group ? SHOW_GROUP : SHOW_STAFF);
	reply->chat_type = is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	reply->handle = show_handle(is_group, with_webhook);
	return reply;
}

void show_send(struct qg_reply *reply)
{
	fake_host_send(show.host, reply);
}

static bool is_sent(void *arg)
{
	return show.host->sent_count >= *(size_t *)arg;
}

void show_wait_sent(size_t count)
{
	fake_host_wait(show.loop, is_sent, &count);
}

enum qg_status show_send_wait(struct qg_reply *reply)
{
	size_t wanted = show.host->sent_count + 1;
	show_send(reply);
	show_wait_sent(wanted);
	return show.host->sent[wanted - 1];
}

void show_draft(int64_t sequence, const char *text)
{
	QG_AUTO(qg_str_free) char *handle = show_handle(true, true);
	json_auto_t *answers = json_pack("[s]", "m");
	struct qg_draft draft = {.reply = SHOW_REPLY,
		.bot = "xiaoman",
		.chat = SHOW_GROUP,
		.conversation = "c",
		.handle = handle,
		.answers = answers,
		.sequence = sequence,
		.text = text};
	show.host->bot.adapter->draft(&show.host->bot, &draft);
}

static bool is_asked(void *arg)
{
	return show.count >= *(size_t *)arg;
}

void show_wait_asked(size_t count)
{
	fake_host_wait(show.loop, is_asked, &count);
}

struct turns {
	unsigned left;
	bool is_answered;
};

static void ponged(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct turns *turns = arg;
	(void)status;
	(void)reply;
	turns->is_answered = true;
}

static void turned(void *arg)
{
	struct turns *turns = arg;
	turns->left--;
}

static bool has_turned(void *arg)
{
	const struct turns *turns = arg;
	return turns->left == 0 && turns->is_answered;
}

void show_settle(void)
{
	for (unsigned i = 0; i < 4; i++) {
		struct turns turns = {.left = 1, .is_answered = show.redis == NULL};
		ck_assert_int_eq(qg_loop_defer(show.loop, turned, &turns), QG_OK);
		if (show.redis) {
			qg_redis_run(show.redis, ponged, &turns, "PING");
		}
		fake_host_wait(show.loop, has_turned, &turns);
	}
}

void show_pass(uint64_t ms)
{
	show.wall += (int64_t)ms;
	show.mono += ms;
	qg_clock_fix(show.wall, show.mono);
	struct dingtalk_cards *cards = dingtalk_core_of(&show.host->bot)->cards;
	if (cards) {
		qg_livecards_wake(cards->live);
	}
	show_settle();
}

const struct show_asked *show_last(const char *path)
{
	for (size_t i = show.count; i-- > 0;) {
		if (strcmp(show.asked[i].path, path) == 0) {
			return &show.asked[i];
		}
	}
	ck_abort_msg("nothing was asked of %s", path);
	return NULL;
}

size_t show_count(const char *path)
{
	size_t count = 0;
	for (size_t i = 0; i < show.count; i++) {
		count += strcmp(show.asked[i].path, path) == 0;
	}
	return count;
}

json_t *show_vectors(const char *name)
{
	char path[512];
	json_error_t error;
	snprintf(path, sizeof(path), "%s/%s", QG_VECTORS, name);
	json_t *root = json_load_file(path, 0, &error);
	ck_assert_msg(root != NULL, "%s: %s", path, error.text);
	return root;
}
