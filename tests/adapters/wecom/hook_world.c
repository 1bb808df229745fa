/* hook_world.c - a WeCom bot on the webhook transport, between a door and a platform. */
#include "hook_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"
#include "wxcrypt.h"

#define FILE_MAX ((size_t)1 << 20)

/* ---- the platform's API and its store ---- */

static void platform(void *arg, struct qg_http_exchange *x)
{
	struct hook_world *world = arg;
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	ck_assert_uint_lt(world->asked_count, HOOK_ASKED_MAX);
	world->asked[world->asked_count++] =
		(struct hook_asked){.path = qg_str_copy(qg_http_path(x)),
			.query = qg_str_copy(qg_http_query(x)),
			.body = qg_str_copy_n(body ? body : "", size)};
	if (world->mute) {
		world->unanswered[world->unanswered_count++] = x;
		return;
	}
	if (world->disposition) {
		qg_http_add_header(x, "Content-Disposition", world->disposition);
	}
	if (world->location) {
		qg_http_add_header(x, "Location", world->location);
	}
	int status = world->answer_status ? world->answer_status : 200;
	if (world->file) {
		qg_http_answer(
			x, status, "application/octet-stream", world->file, world->file_size);
		return;
	}
	const char *answer = world->answer ? world->answer : "{\"errcode\":0,\"errmsg\":\"ok\"}";
	qg_http_answer(x, status, "application/json", answer, strlen(answer));
}

/* ---- the bot ---- */

static void front(void *arg, struct qg_http_exchange *x)
{
	struct hook_world *world = arg;
	fake_host_take(world->host, x);
}

/* "%API%" becomes the platform's address. */
static char *fill(const char *options, const char *address)
{
	const char *at = strstr(options, "%API%");
	return at ? qg_str_printf("%.*s%s%s", (int)(at - options), options, address, at + 5)
		  : qg_str_copy(options);
}

void hook_world_open(struct hook_world *world, const char *options, struct qg_test_redis *redis)
{
	*world = (struct hook_world){.loop = qg_loop_create(1)};
	ck_assert_ptr_nonnull(world->loop);
	world->redis = redis ? fake_host_redis(world->loop, qg_test_redis_url(redis)) : NULL;
	world->client = qg_http_client_create(world->loop);
	ck_assert_ptr_nonnull(world->client);
	world->front = fake_host_serve(world->loop, 0, front, world);
	world->platform = fake_host_serve(world->loop, 0, platform, world);
	char *text = fill(options, qg_http_server_address(world->platform));
	world->host = fake_host_create_with(world->loop, qg_adapter_find("wecom"), text,
		world->redis, redis ? qg_test_redis_url(redis) : NULL, world->client);
	free(text);
	ck_assert_str_eq(world->host->problems, "");
	ck_assert_int_eq(world->host->init, QG_OK);
}

void hook_world_close(struct hook_world *world)
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
		free(world->asked[i].path);
		free(world->asked[i].query);
		free(world->asked[i].body);
	}
	free(world->answered);
}

/* ---- requests to it ---- */

static void answered(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct hook_world *world = arg;
	world->has_answer = true;
	world->status = end->status;
	world->answered = qg_str_copy_n(end->body, end->size);
	world->answered_size = end->size;
}

static bool has_answer(void *arg)
{
	return ((struct hook_world *)arg)->has_answer;
}

void hook_world_begin(struct hook_world *world, const char *method, const char *path,
	const char *type, const char *body, size_t size)
{
	static const struct qg_fetch_host host = {.ended = answered};
	char *url = qg_str_printf(
		"http://%s" FAKE_HOOK "%s", qg_http_server_address(world->front), path);
	char *header = qg_str_printf("Content-Type: %s", type ? type : "application/json");
	const char *headers[] = {header, NULL};
	free(world->answered);
	world->answered = NULL;
	world->has_answer = false;
	struct qg_fetch_request request = {.method = method,
		.url = url,
		.headers = headers,
		.body = body,
		.body_size = size,
		.gathers = true};
	ck_assert_ptr_nonnull(qg_fetch_start(world->client, &request, &host, world));
	free(header);
	free(url);
}

void hook_world_wait_answer(struct hook_world *world)
{
	fake_host_wait(world->loop, has_answer, world);
}

int hook_world_request(struct hook_world *world, const char *method, const char *path,
	const char *type, const char *body, size_t size)
{
	hook_world_begin(world, method, path, type, body, size);
	hook_world_wait_answer(world);
	return world->status;
}

void hook_world_begin_post(struct hook_world *world, const char *plain)
{
	static unsigned count;
	uint8_t key[QG_AES256_KEY];
	char nonce[32], signature[WXCRYPT_SIGNATURE_SIZE];
	struct qg_buf cipher;
	qg_buf_init(&cipher, FILE_MAX);
	snprintf(nonce, sizeof(nonce), "n%u", ++count);
	ck_assert_int_eq(wxcrypt_key(HOOK_KEY, key), QG_OK);
	ck_assert_int_eq(wxcrypt_seal(key, "", plain, strlen(plain), NULL, &cipher), QG_OK);
	wxcrypt_sign(HOOK_TOKEN, "1763800000", nonce, cipher.data, cipher.size, signature);
	char *path =
		qg_str_printf("?msg_signature=%s&timestamp=1763800000&nonce=%s", signature, nonce);
	char *body = qg_str_printf("{\"encrypt\":\"%s\"}", cipher.data);
	hook_world_begin(world, "POST", path, NULL, body, strlen(body));
	free(body);
	free(path);
	qg_buf_finish(&cipher);
}

int hook_world_post(struct hook_world *world, const char *plain)
{
	hook_world_begin_post(world, plain);
	hook_world_wait_answer(world);
	return world->status;
}

json_t *hook_world_said(struct hook_world *world)
{
	if (world->answered_size == 0) {
		return NULL;
	}
	json_t *envelope = qg_json_parse(world->answered, world->answered_size, NULL);
	ck_assert_msg(envelope != NULL, "%s", world->answered);
	const char *cipher = qg_json_str(envelope, "encrypt", "");
	char timestamp[32];
	uint8_t key[QG_AES256_KEY];
	snprintf(timestamp, sizeof(timestamp), "%lld",
		(long long)qg_json_int(envelope, "timestamp", -1));
	ck_assert(wxcrypt_is_signed(HOOK_TOKEN, timestamp, qg_json_str(envelope, "nonce", ""),
		cipher, strlen(cipher), qg_json_str(envelope, "msgsignature", "")));
	struct qg_buf plain;
	qg_buf_init(&plain, FILE_MAX);
	ck_assert_int_eq(wxcrypt_key(HOOK_KEY, key), QG_OK);
	ck_assert_int_eq(wxcrypt_open(key, "", cipher, strlen(cipher), &plain), QG_OK);
	json_t *said = qg_json_parse(plain.data, plain.size, NULL);
	ck_assert_msg(said != NULL, "%s", plain.data);
	qg_buf_finish(&plain);
	json_decref(envelope);
	return said;
}

char *hook_world_text(const char *msgid, bool group, const char *user, const char *text)
{
	json_t *body = json_pack("{s:s, s:s, s:s, s:{s:s}, s:s, s:s, s:{s:s}}", "msgid", msgid,
		"aibotid", "aibQ7mN2x", "chattype", group ? "group" : "single", "from", "userid",
		user, "response_url",
		"https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=c0de", "msgtype",
		"text", "text", "content", text);
	if (group) {
		json_object_set_new(
			body, "chatid", json_string("wrA7dQFAAA0wC3xYzQh5m1kR8nT2pVbw"));
	}
	char *dump = qg_json_dump(body);
	json_decref(body);
	return dump;
}

char *hook_world_refresh(const char *stream_id)
{
	return qg_str_printf("{\"msgid\":\"refresh\",\"aibotid\":\"aibQ7mN2x\",\"chattype\":"
			     "\"single\",\"from\":{\"userid\":\"lin.qiao\"},\"msgtype\":\"stream\","
			     "\"stream\":{\"id\":\"%s\"}}",
		stream_id);
}

struct expected {
	const struct hook_world *world;
	size_t count;
};

static bool has_results(void *arg)
{
	const struct expected *expected = arg;
	return expected->world->host->sent_count >= expected->count;
}

void hook_world_wait_sent(struct hook_world *world, size_t count)
{
	struct expected expected = {world, count};
	fake_host_wait(world->loop, has_results, &expected);
	ck_assert_uint_eq(world->host->sent_count, count);
}

json_t *hook_world_vectors(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), QG_VECTORS "/%s.json", name);
	FILE *file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s", path);
	char *text = malloc(FILE_MAX);
	size_t size = fread(text, 1, FILE_MAX, file);
	fclose(file);
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_ALLOW_NUL, &error);
	ck_assert_msg(root != NULL, "%s: %s", path, error.text);
	free(text);
	return root;
}
