/* fetch_internal.h - what the files of the HTTP client know of each other; nobody else includes it.
 *
 *   fetch.c         one fetch: its life, its clocks, what its owner asks of it
 *   fetch_client.c  the client: who is under way, the order in which things end
 *   fetch_multi.c   a libcurl multi on the libev loop: sockets, timer, transfers in and out
 *   fetch_request.c a request becomes a transfer: every option that libcurl is given
 *   fetch_answer.c  what libcurl calls while a transfer runs: sent, headers, body
 *   fetch_origin.c  which servers speak HTTP/2, and how many connections to them are wise
 *   fetch_outside.c requests that may not lead inside
 *   fetch_trust.c   the certificates believed, loaded once for all connections
 *   fetch_error.c   libcurl's errors in our words
 *
 * libcurl must not be called from its own callbacks, but our owners may start, cancel and destroy
 * whatever they like inside data(). So what they ask for inside is only noted, and done when
 * libcurl has returned (fetch_client_settle). */
#ifndef QG_NET_FETCH_INTERNAL_H
#define QG_NET_FETCH_INTERNAL_H

#include <curl/curl.h>
#include <ev.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "qg/buf.h"
#include "qg/fetch.h"
#include "qg/list.h"

/* ---- fetch_multi.c ---- */

struct fetch_multi {
	struct qg_http_client *client;
	CURLM *curl;
	ev_timer timer;
	struct qg_list sockets; /* those that libcurl wants watched */
	size_t active;		/* transfers in it */
};

QG_MUST_CHECK enum qg_status fetch_multi_init(
	struct fetch_multi *multi, struct qg_http_client *client);
/* All transfers must have been removed. Accepts a zeroed one. */
void fetch_multi_finish(struct fetch_multi *multi);
QG_MUST_CHECK enum qg_status fetch_multi_add(struct fetch_multi *multi, struct qg_fetch *fetch);
void fetch_multi_remove(struct qg_fetch *fetch);
/* Ending before its time, its connection is not kept unless others use it. May be called inside
 * libcurl. */
void fetch_multi_abandon(struct qg_fetch *fetch);
/* The next transfer that ended, removed from the multi; NULL if none. */
struct qg_fetch *fetch_multi_take_ended(struct fetch_multi *multi, CURLcode *code_out);

/* ---- fetch_origin.c ---- */

/* Scheme, host and port. Only those of https are kept: plain HTTP never becomes HTTP/2 here. */
struct fetch_origin {
	struct qg_list link;
	char *name;
	bool h2;	    /* its last answer was HTTP/2 */
	size_t active;	    /* fetches that point here */
	size_t multiplexed; /* of them in the HTTP/2 multi */
	size_t connecting;  /* of the active ones, how many make a connection right now */
	size_t extra;	    /* connections beyond the rule, because streams waited */
	uint64_t pushed_ms; /* when extra grew last */
};

struct fetch_origins {
	struct qg_list list; /* the last used first */
	size_t count;
};

void fetch_origins_init(struct fetch_origins *origins);
void fetch_origins_finish(struct fetch_origins *origins);
/* The origin of url, counted as active until put. QG_INVALID: not an address of http or https. *origin_out is NULL
 * for plain HTTP and where the table is full of active ones. */
QG_MUST_CHECK enum qg_status fetch_origins_get(
	struct fetch_origins *origins, const char *url, struct fetch_origin **origin_out);
/* Accepts NULL. */
void fetch_origin_put(struct fetch_origin *origin);
/* How many connections its streams may use now. */
size_t fetch_origin_connections(const struct fetch_origin *origin);

/* ---- fetch_trust.c ---- */

/* CURLOPT_SSL_CTX_FUNCTION: arg is the client. */
CURLcode fetch_trust_apply(CURL *easy, void *context, void *arg);

/* ---- the objects ---- */

enum fetch_state {
	FETCH_WAITING,	 /* in libcurl's queue, resolving, connecting, in the handshake */
	FETCH_SENT,	 /* a connection was got and the request goes out */
	FETCH_ANSWERING, /* the status of the final answer came */
};

struct qg_fetch {
	struct qg_list link; /* in one of the client's lists */
	struct qg_http_client *client;
	const struct qg_fetch_host *host;
	void *arg;
	CURL *easy;
	struct curl_slist *headers;
	char *body; /* what is sent; goes as soon as it cannot be needed again */
	size_t body_size;
	struct qg_fetch_piece *pieces; /* or it is made of these; their bytes are the asker's */
	size_t piece_count;
	size_t piece, piece_at; /* which comes next, and from where on */
	struct fetch_origin *origin; /* NULL for plain HTTP */
	struct fetch_multi *multi;   /* NULL while in none */
	enum fetch_state state;
	bool gathers, http1;
	bool outside;	  /* connects to public addresses only; never set by a proxy */
	bool turned_away; /* from an address that leads inside */
	bool told;	  /* ended() is running or was */
	bool repeatable;  /* the method is harmless twice */
	unsigned repeats; /* of the request, by libcurl itself */
	bool cancelled;	  /* inside a callback of libcurl; nobody is called any more */
	bool connecting;  /* makes a connection of its own; counted in the origin */
	bool head_done;
	bool http2;
	int status;
	unsigned connect_ms, first_byte_ms, idle_ms, total_ms;
	uint64_t began_ms, sent_ms, heard_ms;
	uint64_t timer_at_ms;
	ev_timer timer; /* fires at or before the deadline, then looks */
	size_t most, received;
	struct qg_buf head; /* header lines of the final answer, each ended by a NUL */
	struct qg_buf answer;
	enum qg_fetch_error failure; /* why we ended it ourselves */
	const char *words;	     /* a constant, or words_made */
	char words_made[96];
};

struct qg_http_client {
	struct qg_loop *loop;
	struct ev_loop *ev;
	CURLSH *share; /* TLS sessions and names, for both multis */
	struct fetch_multi h1, h2;
	size_t h2_connections; /* the limit a host set at h2 */
	struct fetch_origins origins;
	X509_STORE *trusted;
	struct qg_list fetches; /* under way */
	struct qg_list waiting; /* started inside a callback of libcurl */
	struct qg_list doomed;	/* cancelled there */
	struct qg_list over;	/* ended, to be told */
	ev_timer settle;	/* never started: fed, to settle after the current callback */
	bool inside;		/* libcurl is running */
	bool destroyed;		/* the memory goes when depth is 0 */
	unsigned depth;		/* calls of our owners on the stack */
	struct qg_fetch_counts counts;
};

/* ---- fetch_client.c ---- */

/* After libcurl ran: tells who ended, does what was asked for meanwhile. The client may be gone
 * after it. */
void fetch_client_settle(struct qg_http_client *client);
/* The same after the current callback. */
void fetch_client_settle_soon(struct qg_http_client *client);
/* Puts the fetch into the multi that fits its origin. */
void fetch_client_begin(struct qg_fetch *fetch);
/* Sets the limits of the multis to what is under way. */
void fetch_client_fit(struct qg_http_client *client);

/* ---- fetch.c ---- */

/* It has ended and will be told so when the client settles. failure NONE where libcurl says so. */
void fetch_over(struct qg_fetch *fetch, enum qg_fetch_error error);
/* Calls ended() and frees. */
void fetch_tell(struct qg_fetch *fetch);
void fetch_free(struct qg_fetch *fetch);
/* Its clocks after a change of state. */
void fetch_arm(struct qg_fetch *fetch);
/* Making a connection of its own, or not any more. */
void fetch_set_connecting(struct qg_fetch *fetch, bool connecting);

/* ---- fetch_request.c ---- */

/* Makes the transfer. QG_INVALID: the request cannot be sent; fetch->words says why. */
QG_MUST_CHECK enum qg_status fetch_request_apply(
	struct qg_fetch *fetch, const struct qg_fetch_request *request);

/* ---- fetch_answer.c ---- */

/* Names the functions below it to the transfer; what libcurl returned, 0 if all went well. */
QG_MUST_CHECK int fetch_answer_apply(struct qg_fetch *fetch);

/* ---- fetch_outside.c ---- */

/* For a request that may lead outside only. QG_INVALID: its address says that it does not (turned_away). */
QG_MUST_CHECK enum qg_status fetch_outside_apply(struct qg_fetch *fetch, const char *url);
/* Of every request, before a socket is opened to an address. */
bool fetch_may_open(struct qg_fetch *fetch, const struct sockaddr *address);
/* Before it goes out on a connection; peer is an address as text. */
bool fetch_may_use(const struct qg_fetch *fetch, const char *peer);

/* ---- fetch_error.c ---- */

/* sent: the request had a connection. */
enum qg_fetch_error fetch_error_of(CURLcode code, bool sent);
/* Sets fetch->words to what libcurl knows about the end, without names, addresses or keys. */
void fetch_error_describe(struct qg_fetch *fetch, CURLcode code);

#endif
