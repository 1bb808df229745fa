/* world.c - a Feishu bot between a webhook's door and a platform that answers from a script. */
#include "world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define SENT                                                                                       \
	"{\"code\":0,\"msg\":\"success\",\"data\":{\"message_id\":\"om_new\",\"card_id\":"         \
	"\"7500034761341082566\"}}"

/* ---- the platform ---- */

static void answer_text(struct qg_http_exchange *x, int code, const char *body)
{
	qg_http_answer(x, code, "application/json", body, strlen(body));
}

static void answer_token(struct world *world, struct qg_http_exchange *x)
{
	char body[128];
	snprintf(body, sizeof(body),
		"{\"code\":0,\"msg\":\"ok\",\"tenant_access_token\":\"t-%u\",\"expire\":7200}",
		++world->tokens);
	answer_text(x, 200, world->token_answer ? world->token_answer : body);
}

static void answer_info(struct world *world, struct qg_http_exchange *x)
{
	world->infos++;
	if (world->silent) {
		world->unanswered[world->unanswered_count++] = x;
		return;
	}
	answer_text(x, 200,
		world->info_answer
			? world->info_answer
			: "{\"code\":0,\"msg\":\"ok\",\"bot\":{\"activate_status\":2,\"app_name\":"
			  "\"小助手\",\"open_id\":\"" OWN "\"}}");
}

static void note(struct world *world, const struct qg_http_exchange *x)
{
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	ck_assert_uint_lt(world->asked_count, ASKED_MAX);
	world->asked[world->asked_count++] =
		(struct asked){.method = qg_str_copy(qg_http_method(x)),
			.path = qg_str_copy(qg_http_path(x)),
			.query = qg_str_copy(qg_http_query(x)),
			.bearer = qg_str_copy(qg_http_header(x, "Authorization")),
			.body = qg_str_copy_n(body ? body : "", size)};
}

static void platform(void *arg, struct qg_http_exchange *x)
{
	struct world *world = arg;
	if (strcmp(qg_http_path(x), TOKEN_PATH) == 0) {
		answer_token(world, x);
		return;
	}
	if (strcmp(qg_http_path(x), INFO_PATH) == 0) {
		answer_info(world, x);
		return;
	}
	note(world, x);
	if (world->mute) {
		world->unanswered[world->unanswered_count++] = x;
		return;
	}
	if (world->script_at == world->script_count) {
		answer_text(x, 200, SENT);
		return;
	}
	const struct answer *answer = &world->script[world->script_at++];
	qg_http_add_header(x, "X-Tt-Logid", "log-1");
	if (answer->reset) {
		qg_http_add_header(x, "x-ogw-ratelimit-reset", answer->reset);
	}
	if (answer->disposition) {
		qg_http_add_header(x, "Content-Disposition", answer->disposition);
	}
	size_t size = answer->size > 0 ? answer->size : strlen(answer->body);
	const char *type = answer->size > 0 ? "application/octet-stream" : "application/json";
	qg_http_answer(x, answer->http, type, answer->body, size);
}

void world_answer(struct world *world, int http, const char *reset, const char *body)
{
	ck_assert_uint_lt(world->script_count, SCRIPT_MAX);
	world->script[world->script_count++] =
		(struct answer){.http = http, .reset = reset, .body = body};
}

void world_answer_file(struct world *world, const char *disposition, const char *data, size_t size)
{
	ck_assert_uint_lt(world->script_count, SCRIPT_MAX);
	world->script[world->script_count++] = (struct answer){
		.http = 200, .body = data, .disposition = disposition, .size = size};
}

/* ---- the bot ---- */

static void front(void *arg, struct qg_http_exchange *x)
{
	struct world *world = arg;
	fake_host_take(world->host, x);
}

void world_open(struct world *world, const char *more)
{
	world_open_with(world, more, NULL);
}

void world_open_with(struct world *world, const char *more, const char *redis_url)
{
	*world = (struct world){.loop = qg_loop_create(1)};
	ck_assert_ptr_nonnull(world->loop);
	world->redis = redis_url ? fake_host_redis(world->loop, redis_url) : NULL;
	world->client = qg_http_client_create(world->loop);
	ck_assert_ptr_nonnull(world->client);
	world->front = fake_host_serve(world->loop, 0, front, world);
	world->platform = fake_host_serve(world->loop, 0, platform, world);
	char options[1024];
	bool has_id = strstr(more, "app_id:") != NULL;
	bool has_transport = strstr(more, "transport:") != NULL;
	snprintf(options, sizeof(options), "%s%sapp_secret: s3cret\napi_base: 'http://%s'\n%s",
		has_id ? "" : "app_id: " APP "\n", has_transport ? "" : "transport: webhook\n",
		qg_http_server_address(world->platform), more);
	world->host = fake_host_create_with(world->loop, qg_adapter_find("feishu"), options,
		world->redis, redis_url, world->client);
	ck_assert_str_eq(world->host->problems, "");
	ck_assert_int_eq(world->host->init, QG_OK);
}

void world_close(struct world *world)
{
	fake_host_destroy(world->host);
	qg_redis_destroy(world->redis);
	for (size_t i = 0; i < world->unanswered_count; i++) {
		qg_http_answer_error(world->unanswered[i], 503, "late");
	}
	qg_http_client_destroy(world->client);
	qg_http_server_destroy(world->front);
	qg_http_server_destroy(world->platform);
	qg_loop_destroy(world->loop);
	for (size_t i = 0; i < world->asked_count; i++) {
		struct asked *asked = &world->asked[i];
		free(asked->method);
		free(asked->path);
		free(asked->query);
		free(asked->bearer);
		free(asked->body);
	}
	free(world->answered);
}

struct feishu_core *world_core(const struct world *world)
{
	return *(struct feishu_core **)world->host->bot.state;
}

static bool is_known(void *arg)
{
	return world_core(arg)->account->own.open_id != NULL;
}

void world_start(struct world *world)
{
	ck_assert_int_eq(world->host->bot.adapter->start(&world->host->bot), QG_OK);
	fake_host_wait(world->loop, is_known, world);
}

/* ---- webhooks ---- */

static void answered(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct world *world = arg;
	world->posted = true;
	world->status = end->status;
	world->answered = qg_str_copy_n(end->body, end->size);
}

static bool has_answer(void *arg)
{
	return ((struct world *)arg)->posted;
}

void world_begin_post(struct world *world, const char *method, const char *const *headers,
	const char *body, size_t size)
{
	static const struct qg_fetch_host host = {.ended = answered};
	char url[128];
	snprintf(url, sizeof(url), "http://%s" FAKE_HOOK, qg_http_server_address(world->front));
	free(world->answered);
	world->answered = NULL;
	world->posted = false;
	struct qg_fetch_request request = {.method = method,
		.url = url,
		.headers = headers,
		.body = body,
		.body_size = size,
		.gathers = true};
	ck_assert_ptr_nonnull(qg_fetch_start(world->client, &request, &host, world));
}

int world_post(struct world *world, const char *method, const char *const *headers,
	const char *body, size_t size)
{
	world_begin_post(world, method, headers, body, size);
	fake_host_wait(world->loop, has_answer, world);
	return world->status;
}

/* ---- replies ---- */

struct expected {
	const struct world *world;
	size_t count;
};

static bool has_results(void *arg)
{
	const struct expected *expected = arg;
	return expected->world->host->sent_count >= expected->count;
}

void world_wait_sent(struct world *world, size_t count)
{
	struct expected expected = {world, count};
	fake_host_wait(world->loop, has_results, &expected);
	ck_assert_uint_eq(world->host->sent_count, count);
}

enum qg_status world_send(
	struct world *world, enum qg_form form, const char *handle, const char *text)
{
	struct qg_reply *reply =
		fake_host_reply("0123456789abcdef0123456789abcdef", "om_asked", text);
	free(reply->chat);
	reply->chat = qg_str_copy("oc_c963141b9d203a4b527f3dc07426565f");
	reply->handle = qg_str_copy(handle);
	reply->form = form;
	size_t before = world->host->sent_count;
	fake_host_send(world->host, reply);
	ck_assert_uint_eq(world->host->sent_count, before);
	world_wait_sent(world, before + 1);
	return world->host->sent[before];
}

/* ---- vectors ---- */

json_t *world_vectors(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), QG_VECTORS "/%s.json", name);
	FILE *file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s", path);
	struct qg_buf text;
	qg_buf_init(&text, (size_t)1 << 20);
	char chunk[4096];
	size_t got;
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
		ck_assert_int_eq(qg_buf_add(&text, chunk, got), QG_OK);
	}
	fclose(file);
	json_error_t error;
	json_t *root = json_loadb(text.data, text.size, JSON_ALLOW_NUL, &error);
	ck_assert_msg(root != NULL, "%s: %s", path, error.text);
	qg_buf_finish(&text);
	return root;
}

char *world_body(const json_t *request, size_t *size_out)
{
	const json_t *text = json_object_get(request, "body_utf8");
	if (text) {
		*size_out = json_string_length(text);
		return qg_str_copy_n(json_string_value(text), *size_out);
	}
	const char *coded = qg_json_str(request, "body_b64", "");
	struct qg_buf bytes;
	qg_buf_init(&bytes, (size_t)1 << 20);
	ck_assert_int_eq(qg_base64_decode(coded, strlen(coded), &bytes), QG_OK);
	*size_out = bytes.size;
	return qg_buf_steal(&bytes);
}

char **world_headers(const json_t *headers)
{
	char **lines = calloc(json_object_size(headers) + 1, sizeof(*lines));
	size_t count = 0;
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)headers, name, value) {
		const char *text = json_string_value(value);
		/* A header without a value has a spelling of its own in some clients. */
		lines[count++] = qg_str_printf(text[0] ? "%s: %s" : "%s;%s", name, text);
	}
	return lines;
}

void world_free_headers(char **headers)
{
	for (size_t i = 0; headers[i]; i++) {
		free(headers[i]);
	}
	free(headers);
}
