/* front.c - an HTTP front whose answers hang on what is asked for, as front.h says. */
#include "front.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qg_http_server *server;
struct qg_http_limits limits;

struct qg_http_exchange *held[MAX_HELD];
size_t held_count, gone_count;
bool watch_gone, destroy_in_gone;
char last_path[64];

static void on_gone(void *arg)
{
	gone_count++;
	if (destroy_in_gone) {
		qg_http_server_destroy(server);
		server = NULL;
	}
}

static void hold(struct qg_http_exchange *x)
{
	ck_assert_uint_lt(held_count, MAX_HELD);
	held[held_count++] = x;
	if (watch_gone) {
		qg_http_on_gone(x, on_gone, NULL);
	}
}

static void answer_large(struct qg_http_exchange *x)
{
	size_t size = (size_t)8 << 20;
	char *body = malloc(size);
	ck_assert_ptr_nonnull(body);
	memset(body, 'L', size);
	qg_http_answer(x, 200, "text/plain", body, size);
	free(body);
}

/* What is asked for says how it is answered. */
void front_handle(void *arg, struct qg_http_exchange *x)
{
	const char *path = qg_http_path(x);
	snprintf(last_path, sizeof(last_path), "%s", path);
	if (strncmp(path, "/hold", 5) == 0) {
		hold(x);
	} else if (strcmp(path, "/stream") == 0) {
		qg_http_stream_begin(x, "text/event-stream");
		hold(x);
	} else if (strcmp(path, "/large") == 0) {
		answer_large(x);
	} else if (strcmp(path, "/peer") == 0) {
		qg_http_answer(x, 200, "text/plain", qg_http_peer(x), strlen(qg_http_peer(x)));
	} else if (strcmp(path, "/cookie") == 0) {
		char *value = qg_http_cookie(x, "token");
		qg_http_answer(x, 200, "text/plain", value ? value : "none",
			strlen(value ? value : "none"));
		free(value);
	} else if (strcmp(path, "/header") == 0) {
		qg_http_add_header(x, "X-One", "1");
		qg_http_add_header(x, "X-Two", "2");
		qg_http_answer(x, 204, NULL, NULL, 0);
	} else if (strcmp(path, "/error") == 0) {
		qg_http_answer_error(x, 503, "say \"when\"");
	} else if (strcmp(path, "/destroy") == 0) {
		qg_http_server_destroy(server);
		server = NULL;
		qg_http_answer(x, 200, "text/plain", "late", 4);
	} else {
		qg_http_answer(x, 200, "text/plain", path, strlen(path));
	}
}

void front_start(void)
{
	char error[128];
	server = qg_http_server_create(loop, "127.0.0.1:0", &limits, front_handle, NULL, error);
	ck_assert_msg(server != NULL, "%s", error);
}

void front_setup(void)
{
	peer_setup();
	qg_http_limits_init(&limits);
	held_count = gone_count = 0;
	watch_gone = true;
	destroy_in_gone = false;
}

void front_teardown(void)
{
	qg_http_server_destroy(server);
	peer_teardown();
}

static bool is_held(void *arg)
{
	return held_count >= *(size_t *)arg;
}

void wait_held(size_t count)
{
	run_until(is_held, &count);
}

static bool is_gone(void *arg)
{
	return gone_count >= *(size_t *)arg;
}

void wait_gone(size_t count)
{
	run_until(is_gone, &count);
	ck_assert_uint_eq(gone_count, count);
}

static bool has_connections(void *arg)
{
	return qg_http_server_connections(server) == *(size_t *)arg;
}

void wait_connections(size_t count)
{
	run_until(has_connections, &count);
}

void answer(size_t index, const char *text)
{
	qg_http_answer(held[index], 200, "text/plain", text, strlen(text));
}

void expect(struct peer *peer, int answers, const char *text)
{
	peer_wait_answers(peer, answers);
	ck_assert_msg(
		strstr(peer->data, text) != NULL, "'%s' is not in '%.300s'", text, peer->data);
}
