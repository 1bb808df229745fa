/* fake_ws.c - the websocket client as a test plays it, with several connections at a time. */
#include "fake_ws.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

struct qg_ws {
	const struct qg_ws_host *host;
	void *arg;
	size_t line;
};

struct peer peer;

void peer_forget(void)
{
	for (size_t i = 0; i < peer.count; i++) {
		free(peer.frames[i].text);
	}
	peer.count = 0;
}

void peer_reset(void)
{
	assert(peer.alive == 0);
	peer_forget();
	for (size_t i = 0; i < peer.line_count; i++) {
		free(peer.lines[i].url);
	}
	peer = (struct peer){0};
}

static void gone(struct qg_ws *ws)
{
	peer.alive--;
	peer.lines[ws->line].ws = NULL;
	peer.lines[ws->line].is_open = false;
	free(ws);
}

struct qg_ws *qg_ws_open(struct qg_ws_client *client, const struct qg_ws_request *request,
	const struct qg_ws_host *host, void *arg)
{
	struct qg_ws *ws = calloc(1, sizeof(*ws));
	char *url = qg_str_copy(request->url);
	if (!ws || !url) {
		free(ws);
		free(url);
		return NULL;
	}
	assert(peer.line_count < PEER_LINES_MAX);
	ws->host = host;
	ws->arg = arg;
	ws->line = peer.line_count++;
	peer.lines[ws->line] = (struct peer_line){.ws = ws, .url = url, .request = *request};
	peer.alive++;
	return ws;
}

enum qg_status qg_ws_send(struct qg_ws *ws, const void *data, size_t size, bool binary)
{
	struct peer_line *line = &peer.lines[ws->line];
	if (!line->is_open || line->closing) {
		return QG_CANCELLED;
	}
	if (peer.full) {
		return QG_FULL;
	}
	char *copy = qg_str_copy_n(data, size);
	if (!copy) {
		return QG_NO_MEMORY;
	}
	assert(peer.count < PEER_FRAMES_MAX);
	peer.frames[peer.count].line = ws->line;
	peer.frames[peer.count].size = size;
	peer.frames[peer.count].binary = binary;
	peer.frames[peer.count++].text = copy;
	return QG_OK;
}

size_t qg_ws_waiting(const struct qg_ws *ws)
{
	return 0;
}

void qg_ws_close(struct qg_ws *ws, int code, const char *reason)
{
	assert(!peer.lines[ws->line].closing);
	peer.lines[ws->line].closing = true;
	peer.lines[ws->line].close_code = code;
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

void peer_accept(size_t line)
{
	struct qg_ws *ws = peer.lines[line].ws;
	assert(ws && !peer.lines[line].is_open); /* no ck_assert: it allocates */
	peer.lines[line].is_open = true;
	ws->host->opened(ws->arg, ws);
}

void peer_say(size_t line, const char *text)
{
	struct qg_ws *ws = peer.lines[line].ws;
	assert(ws);
	ws->host->message(ws->arg, ws, text, strlen(text), false);
}

void peer_say_bytes(size_t line, const void *data, size_t size)
{
	struct qg_ws *ws = peer.lines[line].ws;
	assert(ws);
	/* Of exactly this size, so that whoever reads behind it is found out. */
	char *copy = malloc(size > 0 ? size : 1);
	if (!copy) {
		return; /* it was the one that had to fail: nothing comes */
	}
	if (size > 0) {
		memcpy(copy, data, size);
	}
	ws->host->message(ws->arg, ws, copy, size, true);
	free(copy);
}

void peer_end(size_t line, int status)
{
	struct qg_ws *ws = peer.lines[line].ws;
	assert(ws);
	struct qg_ws_end end = {.opened = peer.lines[line].is_open,
		.status = status,
		.code = status ? 0 : 1006,
		.why = "the test ended it"};
	for (size_t i = 0; status && i < QG_WS_WANTED; i++) {
		end.found[i] = peer.found[i];
	}
	ws->host->ended(ws->arg, ws, &end);
	gone(ws);
}
