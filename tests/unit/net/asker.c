/* asker.c - one fetch and what came of it, as asker.h says. */
#include "asker.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qg_http_client *client;
static bool starting;

static void keep(struct asker *asker, const char *data, size_t size)
{
	asker->data = realloc(asker->data, asker->size + size + 1);
	ck_assert_ptr_nonnull(asker->data);
	memcpy(asker->data + asker->size, data, size);
	asker->size += size;
	asker->data[asker->size] = '\0';
}

static void on_data(void *arg, struct qg_fetch *fetch, const char *data, size_t size)
{
	struct asker *asker = arg;
	ck_assert(!starting);
	ck_assert_int_eq(asker->ends, 0);
	ck_assert_ptr_eq(asker->fetch, fetch);
	asker->pieces++;
	keep(asker, data, size);
	if (asker->on_data) {
		asker->on_data(asker);
	}
}

static void on_ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct asker *asker = arg;
	ck_assert(!starting);
	ck_assert_ptr_eq(asker->fetch, fetch);
	const char *header = qg_fetch_header(fetch, "x-test");
	snprintf(asker->header, sizeof(asker->header), "%s", header ? header : "");
	ck_assert_int_eq(end->status, qg_fetch_status(fetch));
	ck_assert_ptr_nonnull(end->body);
	ck_assert_uint_eq(strlen(end->body), end->size);
	if (end->size > 0) {
		keep(asker, end->body, end->size);
	}
	asker->ends++;
	asker->error = end->error;
	asker->status = end->status;
	asker->sent = end->sent;
	snprintf(asker->words, sizeof(asker->words), "%s", end->words);
	asker->fetch = NULL;
	if (asker->on_end) {
		asker->on_end(asker);
	}
}

static const struct qg_fetch_host host = {on_data, on_ended};

void asker_setup(void)
{
	peer_setup();
	client = qg_http_client_create(loop);
	ck_assert_ptr_nonnull(client);
}

void asker_teardown(void)
{
	qg_http_client_destroy(client);
	client = NULL;
	peer_teardown();
}

void ask(struct asker *asker, const struct qg_fetch_request *request)
{
	starting = true;
	asker->fetch = qg_fetch_start(client, request, &host, asker);
	starting = false;
	ck_assert_ptr_nonnull(asker->fetch);
}

void ask_for(struct asker *asker, const char *url, const char *body)
{
	struct qg_fetch_request request = {
		.method = body ? "POST" : "GET",
		.url = url,
		.body = body,
		.body_size = body ? strlen(body) : 0,
		.gathers = true,
	};
	ask(asker, &request);
}

void asker_finish(struct asker *asker)
{
	qg_fetch_cancel(asker->fetch);
	free(asker->data);
	memset(asker, 0, sizeof(*asker));
}

static bool has_end(void *arg)
{
	return ((struct asker *)arg)->ends > 0;
}

void wait_end(struct asker *asker)
{
	run_until(has_end, asker);
	ck_assert_int_eq(asker->ends, 1);
}

static struct asker *sized;

static bool has_size(void *arg)
{
	return sized->size >= *(size_t *)arg || sized->ends > 0;
}

void wait_size(struct asker *asker, size_t size)
{
	sized = asker;
	run_until(has_size, &size);
	ck_assert_uint_ge(asker->size, size);
}

void expect_end(struct asker *asker, enum qg_fetch_error error, int status, const char *body)
{
	wait_end(asker);
	ck_assert_msg(asker->error == error, "%s (%s), expected %s",
		qg_fetch_error_text(asker->error), asker->words, qg_fetch_error_text(error));
	ck_assert_int_eq(asker->status, status);
	if (body) {
		ck_assert_str_eq(asker->data ? asker->data : "", body);
	}
}
