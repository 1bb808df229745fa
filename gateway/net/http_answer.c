/* http_answer.c - owns what is sent: heads, whole answers, refusals, streams.
 *
 * A whole answer is one send: of a buffer of the server that holds its head and a short body, or of
 * that and a longer body from where the handler has it; only what the kernel does not take at once is
 * copied. */
#include "http_internal.h"

#include <assert.h>
#include <http_parser.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "qg/clock.h"

/* What is copied behind its head: one piece costs the kernel less than two. */
#define SHORT_BODY 512
#define JSON "application/json; charset=utf-8"
/* A size line: hex digits and a line end. */
#define MAX_SIZE_LINE 24

enum { NO_BODY = -1, CHUNKED = -2, UNTIL_CLOSE = -3 };

/* The Date line of this second. */
static const char *date_line(struct qg_http_server *server)
{
	int64_t second = qg_clock_wall() / 1000;
	if (second != server->date_second) {
		time_t now = (time_t)second;
		struct tm parts;
		server->date_second = second;
		/* The program never leaves the C locale for time, so the names are English. */
		strftime(server->date, sizeof(server->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
			gmtime_r(&now, &parts));
	}
	return server->date;
}

#define ADD_TEXT(head, text) qg_buf_add(head, text, sizeof(text) - 1)

static void add_status(struct qg_buf *head, int code)
{
	ADD_TEXT(head, "HTTP/1.1 ");
	qg_buf_add_int(head, code);
	qg_buf_add_char(head, ' ');
	qg_buf_add_str(head, http_status_str((enum http_status)code));
	ADD_TEXT(head, "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n");
}

static void add_type(struct qg_buf *head, const char *type)
{
	if (type) {
		ADD_TEXT(head, "Content-Type: ");
		qg_buf_add_str(head, type);
		ADD_TEXT(head, "\r\n");
	}
}

/* Into the server's buffer. size: bytes of the body, or one of the names above. x may be NULL for a
 * refusal without a request. */
static void make_head(struct qg_http_server *server, const struct qg_http_exchange *x, int code,
	const char *type, int64_t size, bool keep)
{
	struct qg_buf *head = &server->head;
	qg_buf_reset(head);
	add_status(head, code);
	qg_buf_add_str(head, date_line(server));
	add_type(head, type);
	if (size >= 0) {
		ADD_TEXT(head, "Content-Length: ");
		qg_buf_add_int(head, size);
		ADD_TEXT(head, "\r\n");
	} else if (size == CHUNKED) {
		ADD_TEXT(head, "Transfer-Encoding: chunked\r\n");
	}
	if (!keep) {
		ADD_TEXT(head, "Connection: close\r\n");
	} else if (x && x->request.minor == 0) {
		ADD_TEXT(head, "Connection: keep-alive\r\n");
	}
	if (x && x->extra.size > 0) {
		qg_buf_add(head, x->extra.data, x->extra.size);
	}
	ADD_TEXT(head, "\r\n");
	server->counts.answers[code / 100]++;
}

/* {"error": text} into body; text is ours, so only quotes and backslashes could stand in the way.
 * */
static void make_error(const char *text, struct qg_buf *body)
{
	ADD_TEXT(body, "{\"error\":\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\') {
			qg_buf_add_char(body, '\\');
		}
		qg_buf_add_char(body, (unsigned char)*text < ' ' ? ' ' : *text);
	}
	ADD_TEXT(body, "\"}\n");
}

static bool is_head(const struct qg_http_exchange *x)
{
	return http_request_has_head(&x->request) && x->request.method == HTTP_HEAD;
}

/* Sends the head just made and, unless it may not be shown, the body. A head that memory failed is
 * no answer: the connection breaks. */
static void send_answer(struct http_connection *connection, const void *body, size_t size)
{
	struct qg_buf *head = &connection->server->head;
	bool joined = size <= SHORT_BODY && qg_buf_add(head, body, size) == QG_OK;
	if (head->failed != QG_OK) {
		http_connection_break(connection);
		return;
	}
	const struct iovec pieces[] = {{head->data, head->size}, {(void *)body, size}};
	/* A failure shows in the connection's next turn. */
	(void)http_connection_send(connection, pieces, joined ? 1 : 2);
}

void http_answer_refusal(struct http_connection *connection, int code, const char *text)
{
	struct qg_http_server *server = connection->server;
	struct qg_http_exchange *x = connection->x;
	char body[256]; /* text is a constant of ours, short and without quotes */
	int size = snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", text);
	if (x && code == 405) {
		qg_http_add_header(x, "Allow", "GET, HEAD, POST");
	}
	make_head(server, x, code, JSON, size, false);
	send_answer(connection, body, x && is_head(x) ? 0 : (size_t)size);
	if (x) {
		http_exchange_put(x);
	}
	http_connection_answered(connection, false);
}

void qg_http_add_header(struct qg_http_exchange *x, const char *name, const char *value)
{
	assert(!strpbrk(name, "\r\n: ") && !strpbrk(value, "\r\n"));
	qg_buf_add_str(&x->extra, name);
	ADD_TEXT(&x->extra, ": ");
	qg_buf_add_str(&x->extra, value);
	ADD_TEXT(&x->extra, "\r\n");
}

static bool may_keep(const struct qg_http_exchange *x)
{
	const struct http_connection *connection = x->connection;
	return x->request.keep_alive && !x->server->draining && connection->state == HTTP_OPEN;
}

void qg_http_answer(
	struct qg_http_exchange *x, int code, const char *type, const void *body, size_t size)
{
	struct http_connection *connection = x->connection;
	assert(code >= 200 && code <= 599 && x->phase == HTTP_X_HANDED);
	if (!connection) {
		http_exchange_put(x);
		return;
	}
	bool keep = may_keep(x);
	bool bodiless = code == 204 || code == 304;
	if (x->extra.failed != QG_OK) {
		/* A header is missing: half an answer is none. */
		http_connection_break(connection);
	}
	make_head(x->server, x, code, type, bodiless ? NO_BODY : (int64_t)size, keep);
	send_answer(connection, body, bodiless || is_head(x) ? 0 : size);
	http_exchange_put(x);
	http_connection_answered(connection, keep);
}

void qg_http_answer_error(struct qg_http_exchange *x, int code, const char *text)
{
	struct qg_buf body;
	qg_buf_init(&body, 4096);
	make_error(text, &body);
	qg_http_answer(x, code, JSON, body.data, body.size);
	qg_buf_finish(&body);
}

void qg_http_stream_begin(struct qg_http_exchange *x, const char *type)
{
	struct http_connection *connection = x->connection;
	assert(x->phase == HTTP_X_HANDED);
	x->phase = HTTP_X_STREAMING;
	x->silent = is_head(x);
	x->chunked = x->request.minor >= 1;
	if (!connection) {
		return;
	}
	/* Without chunks only the end of the connection can end the stream. */
	x->request.keep_alive = x->request.keep_alive && x->chunked;
	if (x->extra.failed != QG_OK) {
		http_connection_break(connection);
	}
	make_head(x->server, x, 200, type, x->chunked ? CHUNKED : UNTIL_CLOSE, may_keep(x));
	send_answer(connection, NULL, 0);
}

enum qg_status qg_http_stream_write(struct qg_http_exchange *x, const void *data, size_t size)
{
	struct http_connection *connection = x->connection;
	assert(x->phase == HTTP_X_STREAMING);
	if (!connection || connection->broken) {
		return QG_CANCELLED;
	}
	if (x->silent || size == 0) {
		return QG_OK;
	}
	char line[MAX_SIZE_LINE];
	int length = snprintf(line, sizeof(line), "%zx\r\n", size);
	const struct iovec pieces[] = {
		{line, (size_t)length}, {(void *)data, size}, {(char *)"\r\n", 2}};
	bool sent = x->chunked ? http_connection_send(connection, pieces, 3)
			       : http_connection_send(connection, pieces + 1, 1);
	if (!sent) {
		return QG_CANCELLED;
	}
	if (http_connection_backlog(connection) > x->server->limits.stream_backlog) {
		http_connection_break(connection);
		return QG_TOO_LARGE;
	}
	return QG_OK;
}

size_t qg_http_stream_backlog(const struct qg_http_exchange *x)
{
	return x->connection ? http_connection_backlog(x->connection) : 0;
}

bool http_answer_end_stream(struct qg_http_exchange *x)
{
	const struct iovec last = {(char *)"0\r\n\r\n", 5};
	return x->silent || !x->chunked || http_connection_send(x->connection, &last, 1);
}

void qg_http_stream_end(struct qg_http_exchange *x)
{
	struct http_connection *connection = x->connection;
	assert(x->phase == HTTP_X_STREAMING);
	if (!connection) {
		http_exchange_put(x);
		return;
	}
	bool keep = may_keep(x);
	bool whole = http_answer_end_stream(x);
	http_exchange_put(x);
	http_connection_answered(connection, keep && whole);
}
