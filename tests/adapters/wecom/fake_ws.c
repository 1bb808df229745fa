/* fake_ws.c - the websocket client as a test plays it. */
#include "fake_ws.h"

#include <assert.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"

struct qg_ws {
	const struct qg_ws_host *host;
	void *arg;
	bool open, closing;
};

struct peer peer;

void peer_reset(void)
{
	ck_assert_uint_eq(peer.alive, 0);
	for (size_t i = 0; i < peer.count; i++) {
		free(peer.frames[i]);
	}
	peer = (struct peer){0};
}

static void gone(struct qg_ws *ws)
{
	peer.alive--;
	if (peer.now == ws) {
		peer.now = NULL;
	}
	free(ws);
}

struct qg_ws *qg_ws_open(struct qg_ws_client *client, const struct qg_ws_request *request,
	const struct qg_ws_host *host, void *arg)
{
	struct qg_ws *ws = calloc(1, sizeof(*ws));
	if (ws) {
		ws->host = host;
		ws->arg = arg;
		peer.now = ws;
		peer.now_is_open = false;
		peer.opened++;
		peer.alive++;
	}
	return ws;
}

enum qg_status qg_ws_send(struct qg_ws *ws, const void *data, size_t size, bool binary)
{
	if (!ws->open || ws->closing) {
		return QG_CANCELLED;
	}
	if (peer.full) {
		return QG_FULL;
	}
	char *copy = qg_str_copy_n(data, size);
	if (!copy) {
		return QG_NO_MEMORY;
	}
	if (peer.count == PEER_FRAMES_MAX) { /* the older half is not looked at any more */
		for (size_t i = 0; i < PEER_FRAMES_MAX; i++) {
			free(peer.frames[i]);
		}
		peer.count = 0;
	}
	peer.frames[peer.count++] = copy;
	return QG_OK;
}

size_t qg_ws_waiting(const struct qg_ws *ws)
{
	return 0;
}

void qg_ws_close(struct qg_ws *ws, int code, const char *reason)
{
	assert(!ws->closing);
	ws->closing = true;
	peer.closed++;
}

void qg_ws_cancel(struct qg_ws *ws)
{
	if (ws) {
		gone(ws);
	}
}

struct qg_ws_client *qg_ws_client_create(struct qg_loop *loop)
{
	return NULL;
}

void qg_ws_client_destroy(struct qg_ws_client *client)
{
}

enum qg_status qg_ws_client_trust(struct qg_ws_client *client, const char *path)
{
	return QG_OK;
}

void qg_ws_client_counts(const struct qg_ws_client *client, struct qg_ws_counts *out)
{
	*out = (struct qg_ws_counts){0};
}

/* ---- the server ---- */

void peer_accept(void)
{
	assert(peer.now); /* no ck_assert: it allocates */
	peer.now->open = peer.now_is_open = true;
	peer.now->host->opened(peer.now->arg, peer.now);
}

void peer_say(const char *text)
{
	assert(peer.now); /* no ck_assert: it allocates */
	peer.now->host->message(peer.now->arg, peer.now, text, strlen(text), false);
}

void peer_say_json(json_t *frame)
{
	char *text = json_dumps(frame, JSON_COMPACT);
	ck_assert_ptr_nonnull(text);
	peer_say(text);
	free(text);
	json_decref(frame);
}

void peer_answer(size_t at, int64_t code, json_t *body)
{
	json_t *answer = json_pack("{s:{s:s}, s:I, s:s}", "headers", "req_id",
		peer_str(at, "headers.req_id"), "errcode", (json_int_t)code, "errmsg",
		code == 0 ? "ok" : "refused");
	if (body) {
		json_object_set_new(answer, "body", body);
	}
	peer_say_json(answer);
}

void peer_end(void)
{
	ck_assert_ptr_nonnull(peer.now);
	struct qg_ws *ws = peer.now;
	struct qg_ws_end end = {.opened = ws->open, .code = 1006, .why = "the test ended it"};
	peer.now = NULL;
	ws->host->ended(ws->arg, ws, &end);
	gone(ws);
}

json_t *peer_frame(size_t at)
{
	ck_assert_uint_lt(at, peer.count);
	json_t *frame = qg_json_parse(peer.frames[at], strlen(peer.frames[at]), NULL);
	ck_assert_msg(frame != NULL, "%s", peer.frames[at]);
	return frame;
}

const char *peer_str(size_t at, const char *path)
{
	static char held[64 * 1024];
	json_t *frame = peer_frame(at);
	const json_t *value = frame;
	char name[64];
	while (path[0]) {
		size_t size = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)size, path);
		value = json_object_get(value, name);
		path += size + (path[size] == '.');
	}
	snprintf(held, sizeof(held), "%s", json_is_string(value) ? json_string_value(value) : "");
	json_decref(frame);
	return held;
}
