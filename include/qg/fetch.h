/* fetch.h - the HTTP client: requests to models and platforms on the loop, each with its own clocks and ceilings.
 *
 * One client a process. It keeps connections (HTTP/1.1 in a pool, HTTP/2 where the server offered it), resolves names
 * off the loop, verifies certificates, and honours http_proxy, https_proxy and no_proxy. Nothing here retries: who
 * asks knows whether a second copy is harmless. One exception: a request on a pooled connection that dies within a
 * second, before any byte of an answer, is sent again on another, because that is how a connection the server had
 * closed shows itself; a server that dies over a request in that second may get a POST twice, never three times
 * (over HTTP/2 also where the server says that it did not begin). The metrics count it.
 * Redirects are answers, and compressed bodies stay as they are. All calls on the loop's thread. */
#ifndef QG_FETCH_H
#define QG_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/loop.h"
#include "qg/status.h"

struct qg_http_client;
struct qg_fetch;

/* X(name, words for a log) */
#define QG_FETCH_ERROR_MAP(X)                                                                      \
	X(NONE, "ok")                                                                              \
	X(URL, "not a usable address")                                                             \
	X(INSIDE, "it leads inside, where this request may not go")                                \
	X(RESOLVE, "the name does not resolve")                                                    \
	X(CONNECT, "no connection")                                                                \
	X(TLS, "the certificate or the handshake was refused")                                     \
	X(CONNECT_TIMEOUT, "no connection in time")                                                \
	X(FIRST_BYTE_TIMEOUT, "connected, but nothing came in time")                               \
	X(IDLE_TIMEOUT, "the answer stood still")                                                  \
	X(TOTAL_TIMEOUT, "the answer took too long")                                               \
	X(TOO_LARGE, "the answer is too large")                                                    \
	X(BROKEN, "the connection broke in the middle")                                            \
	X(NO_MEMORY, "out of memory")

enum qg_fetch_error {
#define X(name, words) QG_FETCH_##name,
	QG_FETCH_ERROR_MAP(X)
#undef X
};
/* Never NULL. Any thread. */
const char *qg_fetch_error_text(enum qg_fetch_error error);

/* Part of a body that is too large to be copied. */
struct qg_fetch_piece {
	const char *data;
	size_t size;
};

struct qg_fetch_request {
	const char *method; /* "GET", "POST", ... */
	const char *url;    /* http or https; never logged whole: it may hold a key */
	const char *const *headers; /* "Name: value", ends with NULL; may be NULL */
	const void *body;	    /* copied; NULL without one */
	size_t body_size;
	/* Instead of body, for POST: what is sent one behind the other. The list is copied, the bytes are not: they stay
	 * as they are until ended() or qg_fetch_cancel(). NULL without them. */
	const struct qg_fetch_piece *pieces;
	size_t piece_count;
	size_t most;  /* bytes of the answer's body, all in all; 0: 4 MiB */
	bool http1;   /* never HTTP/2 */
	/* For an address that strangers wrote: only public addresses are connected to, whatever the name resolves to, else
	 * it ends with QG_FETCH_INSIDE. By a proxy of the environment only the address as written is judged: what names
	 * lead to is the proxy's matter. */
	bool outside;
	bool gathers; /* the body is kept and given to ended(); data() is not called */
	/* Until the request can leave (a place on a connection, name, TCP, TLS); from there to the status of the answer,
	 * sending the body included; between any two pieces after it; all in all. 0: 8 s, 30 s, 60 s, 600 s */
	unsigned connect_ms, first_byte_ms, idle_ms, total_ms;
};

struct qg_fetch_end { /* borrowed for the call */
	enum qg_fetch_error error;
	int status;	  /* HTTP; 0: none came */
	const char *body; /* gathered, with a NUL behind it; "" else */
	size_t size;
	bool sent; /* the request, or some of it, may have reached the server */
	const char *words; /* the library's detail, without the address; "" if none */
};

struct qg_fetch_host {
	/* Bytes of the body as they come, status and headers are known. Never from inside qg_fetch_start(). The
	 * fetch may be cancelled inside. NULL where it gathers. */
	void (*data)(void *arg, struct qg_fetch *fetch, const char *data, size_t size);
	/* Exactly once unless cancelled, never from inside qg_fetch_start(). The fetch is gone after it. */
	void (*ended)(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end);
};

/* NULL for no memory, or where libcurl would resolve names on the loop. */
struct qg_http_client *qg_http_client_create(struct qg_loop *loop);
/* Cancels what is under way. May be called inside data() and ended(). Accepts NULL. */
void qg_http_client_destroy(struct qg_http_client *client);
/* A PEM file of certificates to trust beside the system's (private deployments, tests), read at once. QG_INVALID
 * where it holds none. */
enum qg_status qg_http_client_trust(struct qg_http_client *client, const char *path);

/* NULL for no memory; any other failure comes by ended(). host is borrowed until the end. */
struct qg_fetch *qg_fetch_start(struct qg_http_client *client,
	const struct qg_fetch_request *request, const struct qg_fetch_host *host, void *arg);
/* Nothing is called any more. Accepts NULL. May be called inside data(). */
void qg_fetch_cancel(struct qg_fetch *fetch);
/* HTTP status; 0 before it came. */
int qg_fetch_status(const struct qg_fetch *fetch);
/* A header of the final answer, case-insensitive, the first of several, borrowed; NULL if absent. */
const char *qg_fetch_header(const struct qg_fetch *fetch, const char *name);

/* Counters for the metrics, since the start. repeated: sent again as said above. */
struct qg_fetch_counts {
	uint64_t requests, failures, connections, reused, http2, repeated;
};
void qg_http_client_counts(const struct qg_http_client *client, struct qg_fetch_counts *out);

#endif
