/* http.h - the HTTP front: requests in, answers now or later, server-sent events out.
 *
 * One server is one listener (the platforms' or the admin's). HTTP/1.1 and 1.0, keep-alive, pipelining (answers
 * leave in the order of the requests, one request of a connection is handed out at a time), Content-Length and
 * chunked bodies, Expect: 100-continue. Every limit is enforced before a byte is believed; a broken or slow
 * request costs no other one. All calls on the loop's thread. */
#ifndef QG_HTTP_H
#define QG_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/loop.h"
#include "qg/status.h"

struct qg_http_server;
struct qg_http_exchange;

struct qg_http_limits {
	size_t body;			  /* bytes; 1 MiB by default */
	size_t head;			  /* request line and headers, bytes; 16 KiB */
	unsigned request_ms;		  /* from the first byte of a request to its last; 10,000 */
	unsigned idle_ms;		  /* keep-alive; 60,000 */
	unsigned connections_per_address; /* 256 */
	unsigned connections;		  /* in all; 20,000, lowered to what RLIMIT_NOFILE allows */
	size_t stream_backlog; /* unsent bytes at which a reader of a stream is dropped; 1 MiB */
};

/* The defaults above. */
void qg_http_limits_init(struct qg_http_limits *limits);

/* A whole request. x lives until it is answered or, for a stream, until gone() was called. */
typedef void (*qg_http_handler)(void *arg, struct qg_http_exchange *x);

/* address "HOST:PORT" or "[V6]:PORT", port 0 picks one. On failure NULL and words in error (128 bytes). */
struct qg_http_server *qg_http_server_create(struct qg_loop *loop, const char *address,
	const struct qg_http_limits *limits, qg_http_handler handler, void *arg, char *error);
/* Serves TLS (1.2 and up, HTTP/1.1) with the chain and key of two PEM files. Called again it takes new files for new
 * connections; those open go on. On failure what was in force stays; words in error (128 bytes). */
QG_MUST_CHECK enum qg_status qg_http_server_tls(
	struct qg_http_server *server, const char *cert, const char *key, char *error);
/* "127.0.0.1:8080" as bound. */
const char *qg_http_server_address(const struct qg_http_server *server);
unsigned qg_http_server_port(const struct qg_http_server *server);
/* Stops accepting; idle connections close, answers under way finish (Connection: close). Calls drained(arg)
 * once none is left or after timeout_ms, never from inside. Streams are ended. */
void qg_http_server_drain(
	struct qg_http_server *server, unsigned timeout_ms, void (*drained)(void *arg), void *arg);
/* Closes everything at once; exchanges not answered get gone(). Accepts NULL. */
void qg_http_server_destroy(struct qg_http_server *server);
/* Connections open now, lingering ones included. */
size_t qg_http_server_connections(const struct qg_http_server *server);
/* Peers whose X-Forwarded-For counts: an array of address or CIDR strings, copied; replaces earlier ones. */
QG_MUST_CHECK enum qg_status qg_http_server_trust(
	struct qg_http_server *server, const char *const *proxies, size_t count);
void qg_http_server_set_connections_per_address(struct qg_http_server *server, unsigned limit);

/* The request; all borrowed while x lives. */
const char *qg_http_method(const struct qg_http_exchange *x);
/* Decoded path without query: starts with '/', no "..", "//" or control characters (those got 400). */
const char *qg_http_path(const struct qg_http_exchange *x);
/* What follows '?', raw; "" if absent. */
const char *qg_http_query(const struct qg_http_exchange *x);
/* Case-insensitive; the first of several; NULL if absent. */
const char *qg_http_header(const struct qg_http_exchange *x, const char *name);
/* The value of a cookie, yours to free; NULL if absent. */
char *qg_http_cookie(const struct qg_http_exchange *x, const char *name);
const char *qg_http_body(const struct qg_http_exchange *x, size_t *size_out);
/* Peer address without port; the forwarded one behind a trusted proxy. */
const char *qg_http_peer(const struct qg_http_exchange *x);
/* Monotonic microseconds at which the last byte of the request was read. */
uint64_t qg_http_received_us(const struct qg_http_exchange *x);

/* Called once if the peer leaves before the answer is out or, for a stream, when it ended for any reason but
 * qg_http_stream_end(). x is gone after it. After an answer it is never called. A peer that only shut its side
 * still gets an answer that comes within a second. Without gone(), x stays valid after the peer left and must
 * still be answered: the answer goes nowhere. */
void qg_http_on_gone(struct qg_http_exchange *x, void (*gone)(void *arg), void *arg);

/* Adds a header to the coming answer; copied; a value with a line break is refused with an assertion. */
void qg_http_add_header(struct qg_http_exchange *x, const char *name, const char *value);
/* Answers and gives x back: exactly once an exchange, now or later. type may be NULL without a body. HEAD sends
 * no body. X-Content-Type-Options: nosniff and Cache-Control: no-store stand on every answer. */
void qg_http_answer(
	struct qg_http_exchange *x, int code, const char *type, const void *body, size_t size);
/* {"error": text} for codes over 399. */
void qg_http_answer_error(struct qg_http_exchange *x, int code, const char *text);
/* Starts an answer of unknown length (chunked; type as given). x stays yours until gone() or end. */
void qg_http_stream_begin(struct qg_http_exchange *x, const char *type);
/* QG_TOO_LARGE when the backlog is over its limit, QG_CANCELLED when the peer is lost: gone() follows, never from
 * inside. */
enum qg_status qg_http_stream_write(struct qg_http_exchange *x, const void *data, size_t size);
/* Bytes of a stream that wait for its peer; 0 once the peer left. */
size_t qg_http_stream_backlog(const struct qg_http_exchange *x);
void qg_http_stream_end(struct qg_http_exchange *x);

/* Counters for the metrics: since start. */
struct qg_http_counts {
	uint64_t requests, connections, refused_address, refused_limit, timeouts, bad_requests;
	uint64_t answers[6]; /* by hundreds, [2] = 2xx */
};
void qg_http_server_counts(const struct qg_http_server *server, struct qg_http_counts *counts_out);

#endif
