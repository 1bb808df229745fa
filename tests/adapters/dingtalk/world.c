/* world.c - a DingTalk bot between a platform, connections and a door that the test plays. */
#include "world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

struct world world;

static int a_client; /* never looked into */

/* ---- the platform ---- */

static char *copy_header(struct qg_http_exchange *x, const char *name)
{
	const char *value = qg_http_header(x, name);
	return qg_str_copy(value ? value : "");
}

static void write_down(struct qg_http_exchange *x)
{
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	ck_assert_uint_lt(world.asked_count, ASKED_MAX);
	world.asked[world.asked_count++] = (struct asked){.method = qg_str_copy(qg_http_method(x)),
		.path = qg_str_copy(qg_http_path(x)),
		.query = qg_str_copy(qg_http_query(x)),
		.body = qg_str_copy_n(body ? body : "", size),
		.token = copy_header(x, "x-acs-dingtalk-access-token"),
		.accept = copy_header(x, "accept")};
}

static void say(struct qg_http_exchange *x, int status, const char *text)
{
	qg_http_answer(x, status ? status : 200, "application/json", text, strlen(text));
}

static void platform(void *arg, struct qg_http_exchange *x)
{
	const char *path = qg_http_path(x);
	char text[256];
	write_down(x);
	if (strcmp(path, "/v1.0/oauth2/accessToken") == 0) {
		snprintf(text, sizeof(text), "{\"accessToken\":\"token-%u\",\"expireIn\":7200}",
			++world.tokens);
		say(x, world.token_status, world.token_answer ? world.token_answer : text);
	} else if (strcmp(path, "/v1.0/gateway/connections/open") == 0) {
		snprintf(text, sizeof(text),
			"{\"endpoint\":\"wss://stream.example:443/connect\",\"ticket\":\"t-%u\"}",
			++world.opens);
		say(x, world.open_status, world.open_answer ? world.open_answer : text);
	} else if (qg_str_starts_with(path, "/file/")) {
		qg_http_answer(x, world.file_status ? world.file_status : 200,
			"application/octet-stream", world.file ? world.file : "", world.file_size);
	} else if (world.mute) {
		world.unanswered[world.unanswered_count++] = x;
	} else if (world.refuses_token) {
		world.refuses_token = false;
		say(x, 400, "{\"code\":\"InvalidAuthentication\",\"message\":\"x\"}");
	} else {
		say(x, world.answer_status,
			world.answer ? world.answer : "{\"errcode\":0,\"errmsg\":\"ok\"}");
	}
}

static void front(void *arg, struct qg_http_exchange *x)
{
	fake_host_take(world.host, x);
}

/* ---- time ---- */

static void set_clock(void)
{
	qg_clock_fix(world.wall, world.mono);
}

static bool has_settled(void *arg)
{
	return --*(int *)arg <= 0;
}

void world_settle(void)
{
	int turns = 4;
	fake_host_wait(world.loop, has_settled, &turns);
}

void world_pass(uint64_t ms)
{
	world.wall += (int64_t)ms;
	world.mono += ms;
	set_clock();
	if (world_link()) {
		qg_uplink_tick(world_link());
	}
}

void world_wait(bool (*check)(void *arg), void *arg)
{
	fake_host_wait(world.loop, check, arg);
}

static bool has_lines(void *arg)
{
	return peer.line_count >= *(size_t *)arg;
}

void world_wait_lines(size_t count)
{
	fake_host_wait(world.loop, has_lines, &count);
	ck_assert_uint_eq(peer.line_count, count);
}

static bool has_opens(void *arg)
{
	return world.opens >= *(unsigned *)arg && !(world_link() && world_link()->asking);
}

void world_wait_opens(unsigned count)
{
	fake_host_wait(world.loop, has_opens, &count);
	ck_assert_uint_eq(world.opens, count);
}

static bool has_asked(void *arg)
{
	return world.asked_count >= *(size_t *)arg;
}

void world_wait_asked(size_t count)
{
	fake_host_wait(world.loop, has_asked, &count);
}

/* ---- the bot ---- */

void world_open(const char *more, struct qg_test_redis *redis)
{
	world = (struct world){.wall = 1767225600000, .mono = 1000000};
	set_clock();
	world.loop = qg_loop_create(1);
	ck_assert_ptr_nonnull(world.loop);
	world.client = qg_http_client_create(world.loop);
	ck_assert_ptr_nonnull(world.client);
	world.platform = fake_host_serve(world.loop, 0, platform, NULL);
	world.front = fake_host_serve(world.loop, 0, front, NULL);
	world.redis = redis ? fake_host_redis(world.loop, qg_test_redis_url(redis)) : NULL;
	const char *address = qg_http_server_address(world.platform);
	char *options = qg_str_printf("client_id: %s\nclient_secret: %s\napi_base: 'http://%s'\n"
				      "oapi_base: 'http://%s'\n%s",
		CLIENT_ID, CLIENT_SECRET, address, address, more);
	world.host = fake_host_create_with(world.loop, qg_adapter_find("dingtalk"), options,
		world.redis, redis ? qg_test_redis_url(redis) : NULL, world.client);
	free(options);
	ck_assert_str_eq(world.host->problems, "");
	ck_assert_int_eq(world.host->init, QG_OK);
	world.host->has_words = true;
	world.host->bot.ws = (struct qg_ws_client *)&a_client;
}

void world_close(void)
{
	fake_host_destroy(world.host);
	qg_redis_destroy(world.redis);
	for (size_t i = 0; i < world.unanswered_count; i++) {
		qg_http_answer_error(world.unanswered[i], 503, "late");
	}
	qg_http_client_destroy(world.client);
	qg_http_server_destroy(world.front);
	qg_http_server_destroy(world.platform);
	qg_loop_destroy(world.loop);
	for (size_t i = 0; i < world.asked_count; i++) {
		free(world.asked[i].method);
		free(world.asked[i].path);
		free(world.asked[i].query);
		free(world.asked[i].body);
		free(world.asked[i].token);
		free(world.asked[i].accept);
	}
	free(world.answered);
	peer_reset();
	qg_clock_fix(-1, 0);
}

struct dingtalk_core *world_core(void)
{
	return dingtalk_core_of(&world.host->bot);
}

struct qg_uplink *world_link(void)
{
	return world_core() ? world_core()->seat.link : NULL;
}

void world_up(void)
{
	ck_assert_int_eq(world.host->bot.adapter->start(&world.host->bot), QG_OK);
	world_wait_lines(1);
	peer_accept(0);
	world_settle();
	ck_assert_int_eq(world.host->link, QG_LINK_UP);
}

/* ---- requests to it ---- */

static void answered(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	world.has_answer = true;
	world.status = end->status;
	world.answered = qg_str_copy_n(end->body, end->size);
}

static bool has_answer(void *arg)
{
	return world.has_answer;
}

void world_begin(const char *method, const char *path, const char *const *headers, const char *body,
	size_t size)
{
	static const struct qg_fetch_host host = {.ended = answered};
	char *url = qg_str_printf(
		"http://%s" FAKE_HOOK "%s", qg_http_server_address(world.front), path);
	free(world.answered);
	world.answered = NULL;
	world.has_answer = false;
	struct qg_fetch_request request = {.method = method,
		.url = url,
		.headers = headers,
		.body = body,
		.body_size = size,
		.gathers = true};
	ck_assert_ptr_nonnull(qg_fetch_start(world.client, &request, &host, NULL));
	free(url);
}

void world_wait_answer(void)
{
	fake_host_wait(world.loop, has_answer, NULL);
}

int world_request(const char *method, const char *path, const char *const *headers,
	const char *body, size_t size)
{
	world_begin(method, path, headers, body, size);
	world_wait_answer();
	return world.status;
}

/* ---- vectors ---- */

json_t *world_vectors(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), QG_VECTORS "/%s.json", name);
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	ck_assert_msg(root != NULL, "%s: %s", path, error.text);
	return root;
}

const json_t *world_named(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		if (strcmp(qg_json_str(item, "name", ""), name) == 0) {
			return item;
		}
	}
	ck_abort_msg("no vector %s", name);
	return NULL;
}

/* A press of the first button of that card, as the platform tells it; yours to free. */
char *world_press(const char *track)
{
	const struct dingtalk_whom whom = {
		.chat = "cidGroup", .type = QG_CHAT_GROUP, .staff = "manager1"};
	json_auto_t *wanted = json_pack("[{s:s}]", "text", "好的");
	json_auto_t *buttons = dingtalk_card_buttons(world_core(), track, &whom, wanted);
	json_auto_t *content = json_pack("{s:{s:[s], s:{}}}", "cardPrivateData", "actionIds",
		qg_json_str(json_array_get(buttons, 0), "id", ""), "params");
	QG_AUTO(qg_str_free) char *text = qg_json_dump(content);
	json_auto_t *body = json_pack("{s:s, s:s, s:s, s:s}", "outTrackId", track, "userId",
		"manager1", "spaceId", "cidGroup", "content", text);
	return qg_json_dump(body);
}
