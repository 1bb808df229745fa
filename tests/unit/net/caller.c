/* caller.c - one websocket link and what came of it, as caller.h says. */
#include "caller.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qg_ws_client *client;
static bool calling;

static void on_opened(void *arg, struct qg_ws *ws)
{
	struct caller *caller = arg;
	ck_assert(!calling);
	ck_assert_ptr_eq(caller->ws, ws);
	ck_assert_int_eq(caller->opens, 0);
	caller->opens++;
	if (caller->on_open) {
		caller->on_open(caller);
	}
}

static void on_message(void *arg, struct qg_ws *ws, const char *data, size_t size, bool binary)
{
	struct caller *caller = arg;
	ck_assert(!calling);
	ck_assert_ptr_eq(caller->ws, ws);
	ck_assert_int_eq(caller->opens, 1);
	ck_assert_int_eq(caller->ends, 0);
	ck_assert_int_eq(data[size], '\0');
	free(caller->data);
	caller->data = malloc(size + 1);
	ck_assert_ptr_nonnull(caller->data);
	memcpy(caller->data, data, size + 1);
	caller->size = size;
	caller->binary = binary;
	caller->messages++;
	if (caller->on_message) {
		caller->on_message(caller);
	}
}

static void on_ended(void *arg, struct qg_ws *ws, const struct qg_ws_end *end)
{
	struct caller *caller = arg;
	ck_assert(!calling);
	ck_assert_ptr_eq(caller->ws, ws);
	ck_assert_int_eq(caller->opens, end->opened);
	ck_assert_ptr_nonnull(end->why);
	ck_assert_uint_eq(qg_ws_waiting(ws), 0);
	ck_assert_int_eq(qg_ws_send(ws, "late", 4, false), QG_CANCELLED);
	caller->ends++;
	caller->opened = end->opened;
	caller->rejected_tls = end->rejected_tls;
	caller->status = end->status;
	caller->code = end->code;
	snprintf(caller->why, sizeof(caller->why), "%s", end->why);
	for (size_t i = 0; i < QG_WS_WANTED; i++) {
		snprintf(caller->found[i], sizeof(caller->found[i]), "%s",
			end->found[i] ? end->found[i] : "-");
	}
	caller->ws = NULL;
	if (caller->on_end) {
		caller->on_end(caller);
	}
}

static const struct qg_ws_host host = {on_opened, on_message, on_ended};

void caller_setup(void)
{
	peer_setup();
	client = qg_ws_client_create(loop);
	ck_assert_ptr_nonnull(client);
}

void caller_teardown(void)
{
	qg_ws_client_destroy(client);
	client = NULL;
	qg_loop_finish_work(loop);
	peer_teardown();
}

void call(struct caller *caller, const struct qg_ws_request *request)
{
	calling = true;
	caller->ws = qg_ws_open(client, request, &host, caller);
	calling = false;
	ck_assert_ptr_nonnull(caller->ws);
}

void call_url(struct caller *caller, const char *url)
{
	struct qg_ws_request request = {.url = url};
	call(caller, &request);
}

void call_station(struct caller *caller, const struct station *station)
{
	call_url(caller, station_url(station, "/"));
	wait_open(caller);
}

void caller_say(struct caller *caller, const char *text)
{
	calling = true;
	ck_assert_int_eq(qg_ws_send(caller->ws, text, strlen(text), false), QG_OK);
	calling = false;
}

void caller_cancel(struct caller *caller)
{
	qg_ws_cancel(caller->ws);
	caller->ws = NULL;
}

void caller_finish(struct caller *caller)
{
	caller_cancel(caller);
	free(caller->data);
	memset(caller, 0, sizeof(*caller));
}

static bool has_open(void *arg)
{
	const struct caller *caller = arg;
	return caller->opens > 0 || caller->ends > 0;
}

void wait_open(struct caller *caller)
{
	run_until(has_open, caller);
	ck_assert_msg(caller->ends == 0, "ended: %s", caller->why);
}

static struct caller *counted;

static bool has_messages(void *arg)
{
	return counted->messages >= *(int *)arg || counted->ends > 0;
}

void wait_messages(struct caller *caller, int count)
{
	counted = caller;
	run_until(has_messages, &count);
	ck_assert_msg(caller->messages >= count, "%d messages, %s", caller->messages, caller->why);
}

static bool has_end(void *arg)
{
	return ((struct caller *)arg)->ends > 0;
}

void wait_end(struct caller *caller)
{
	run_until(has_end, caller);
	ck_assert_int_eq(caller->ends, 1);
}

void expect_end(struct caller *caller, bool opened, int status, int code, const char *words)
{
	wait_end(caller);
	ck_assert_msg(caller->opened == opened && caller->status == status && caller->code == code,
		"opened %d, status %d, code %d: %s", caller->opened, caller->status, caller->code,
		caller->why);
	ck_assert_msg(
		!words || strstr(caller->why, words), "'%s' is not in '%s'", words, caller->why);
}

struct qg_ws_counts counts_now(void)
{
	struct qg_ws_counts counts;
	qg_ws_client_counts(client, &counts);
	return counts;
}
