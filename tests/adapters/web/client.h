/* client.h - a browser of a test: one connection, driven by the test's own loop. */
#ifndef QG_TESTS_ADAPTERS_WEB_CLIENT_H
#define QG_TESTS_ADAPTERS_WEB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/buf.h"
#include "qg/loop.h"

struct client {
	struct qg_loop *loop;
	int fd;
	struct qg_buf in; /* all that came, raw; NUL-terminated once anything came */
	bool closed;
};

/* Connects to 127.0.0.1. */
void client_open(struct client *client, struct qg_loop *loop, unsigned port);
void client_close(struct client *client);
/* Sends a request; headers: lines each ended by \r\n; body may be NULL. */
void client_ask(struct client *client, const char *method, const char *path, const char *headers,
	const char *body);
/* Waits for a whole answer with Content-Length; its code. The body: client_body(). */
int client_answer(struct client *client);
const char *client_body(const struct client *client);
/* All of it in one: opens, asks, answers with the code; the client is to be closed. */
int client_get(struct client *client, struct qg_loop *loop, unsigned port, const char *path,
	const char *headers);
int client_post(struct client *client, struct qg_loop *loop, unsigned port, const char *path,
	const char *headers, const char *body);
/* Waits until text was read `times` times. */
void client_expect(struct client *client, const char *text, size_t times);
size_t client_count(const struct client *client, const char *text);

#endif
