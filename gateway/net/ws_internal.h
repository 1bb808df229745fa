/* ws_internal.h - what the files of the websocket client know of each other; nobody else includes it.
 *
 *   ws.c          one link: what its owner asks, how it ends
 *   ws_client.c   the client: places for handshakes, the order in which things end
 *   ws_context.c  the library's context on our loop, made with the first link; its log
 *   ws_event.c    what the library calls, handed to the link it concerns
 *   ws_attempt.c  from a link to a connection: one address after the other, directly or by a proxy
 *   ws_resolve.c  names to addresses in the pool, each name once for all links
 *   ws_target.c   an address and headers become the parts of a request
 *   ws_proxy.c    the proxy for a target, in parts
 *   ws_trust.c    the one TLS context of all links, and whose name a certificate must bear
 *   ws_clock.c    the one timer of a link: connecting, pings, closing
 *   ws_read.c     fragments become messages
 *   ws_write.c    messages become fragments
 *
 * The library must not be asked to end a connection from inside its callback for another one, but
 * our owners may open, close, cancel and destroy whatever they like inside ours. So what they ask
 * for inside is only noted, and done when the library has returned (ws_client_settle). The
 * library's own timers are not used: set outside its callbacks they fire late, and each idle
 * connection would wake the loop. */
#ifndef QG_NET_WS_INTERNAL_H
#define QG_NET_WS_INTERNAL_H

#include <ev.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/buf.h"
#include "qg/list.h"
#include "qg/ws.h"

/* ---- ws_target.c ---- */

struct ws_target {
	bool tls;
	char *host; /* a name, or an address without brackets */
	unsigned port;
	char *authority; /* the Host header */
	char *path;	 /* with the query */
	char *headers;	 /* lines of the owner, each with its end */
};

/* QG_INVALID where the address or a header cannot be used. Finish it in any case. */
QG_MUST_CHECK enum qg_status ws_target_init(
	struct ws_target *target, const struct qg_ws_request *request);
void ws_target_finish(struct ws_target *target);
bool ws_is_literal(const char *host);

/* ---- ws_proxy.c ---- */

struct ws_proxy {
	char *host; /* NULL: none */
	unsigned port;
	char *user; /* "name:password", or NULL */
};

/* The proxy that the environment names for the target, or none. QG_UNSUPPORTED: one of a kind that is not built in. */
QG_MUST_CHECK enum qg_status ws_proxy_init(struct ws_proxy *proxy, const struct ws_target *target);
void ws_proxy_finish(struct ws_proxy *proxy);

/* ---- ws_resolve.c ---- */

#define WS_ADDRESSES 8 /* of one name */

struct ws_addresses {
	size_t count;
	char text[WS_ADDRESSES][INET6_ADDRSTRLEN];
};

struct ws_names;
struct ws_job;

/* Sets the addresses of all links that wait for some and can have them now, and starts the next question. */
void ws_resolve_run(struct qg_ws_client *client);
/* What the pool still does goes nowhere. */
void ws_resolve_finish(struct qg_ws_client *client);

/* ---- the objects ---- */

enum ws_state {
	WS_WAITING,   /* for a place among the handshakes */
	WS_RESOLVING, /* for the addresses of a name */
	WS_READY,     /* to try an address */
	WS_SHAKING,   /* the library connects and shakes hands */
	WS_OPEN,
	WS_CLOSING, /* our close frame goes out behind what waits, or went */
	WS_OVER,    /* to be told */
};

struct qg_ws {
	struct qg_list link;  /* in one of the client's lists */
	struct qg_list drain; /* in client->drains */
	struct qg_ws_client *client;
	const struct qg_ws_host *host;
	void *arg;
	struct lws *wsi; /* NULL while the library knows no connection of ours */
	enum ws_state state;
	bool cancelled;	       /* nobody is called any more */
	bool in_attempt;       /* the library is being asked for a connection right now */
	bool died;	       /* and let it go at once */
	bool by_proxy;	       /* counted in proxied_links */
	bool has_place, is_up; /* counted in handshakes, in open */
	bool connected;	       /* TCP stands, to the server or to the proxy */
	bool named;	       /* TLS was told whose certificate to ask for */
	bool asked;	       /* the request goes out */
	bool opened, rejected_tls;
	bool wants_ping, wants_close; /* control frames to be sent */
	bool close_sent;
	int fd; /* while shaking and connected; else -1 */
	int status, code;
	/* Of the connecting; gone once it is open. */
	struct ws_target target;
	struct ws_proxy proxy;
	struct ws_addresses *addresses;
	size_t next_address;
	/* Clocks, in milliseconds of qg_clock_mono(). */
	unsigned connect_ms, ping_ms, pong_ms; /* ping_ms 0: no pings */
	unsigned early_ms;		       /* by how much the next ping comes before its time */
	uint64_t began_ms, attempt_ends_ms, heard_ms, pinged_ms, closing_ms;
	uint64_t timer_at_ms;
	ev_timer timer;
	/* In. */
	size_t most;
	struct qg_buf message; /* the fragments so far */
	/* Out. */
	struct qg_list pieces;
	size_t waiting;
	uint16_t close_code;
	char *close_reason;
	const char *why; /* a constant, or why_made; NULL: nothing known */
	char why_made[160];
	const char *const *wanted;
	char *found[QG_WS_WANTED]; /* of a refused upgrade */
};

struct qg_ws_client {
	struct qg_loop *loop;
	struct ev_loop *ev;
	/* The library's, made with the first link. */
	struct lws_context *context;
	struct lws_vhost *direct, *proxied;
	char *proxy_in_force; /* what the proxied one was told, with how many handshakes under way by it: */
	unsigned proxied_links;
	SSL_CTX *tls;
	X509_STORE *trusted; /* NULL until somebody needs it */
	struct ws_names *names;
	struct ws_job *job;	/* the name being asked for */
	struct qg_list waiting; /* for a place */
	struct qg_list shaking; /* have one */
	struct qg_list open;
	struct qg_list over;   /* ended, to be told */
	struct qg_list doomed; /* cancelled inside a callback */
	struct qg_list drains; /* have just opened: more may lie behind the handshake */
	ev_timer settle;       /* never started: fed, to settle after the current callback */
	unsigned depth;	       /* calls of our owners on the stack */
	bool destroyed;	       /* the memory goes when depth is 0 */
	struct qg_ws_counts counts;
};

/* ---- ws_client.c ---- */

/* Settles after the current callback. */
void ws_client_settle_soon(struct qg_ws_client *client);
/* The shaking link whose connection is this descriptor, or NULL. */
struct qg_ws *ws_client_find(struct qg_ws_client *client, int fd);

/* ---- ws.c ---- */

/* It has ended and will be told so when the client settles; why unless something was noted before. */
void ws_over(struct qg_ws *ws, const char *why);
/* Calls ended() and frees. */
void ws_tell(struct qg_ws *ws);
/* Ends its connection, if any, and frees. Not inside the library. */
void ws_free(struct qg_ws *ws);
/* The library let the connection go. */
void ws_lost(struct qg_ws *ws);
/* The upgrade succeeded: the place is free, what connecting needed goes. */
void ws_opened(struct qg_ws *ws);
/* Notes words for the end, bounded and made safe for a log. The first ones stay. */
void ws_note(struct qg_ws *ws, const char *what, const char *words, size_t size);
/* Begins to close, ahead of what waits where it is our complaint. */
void ws_begin_close(struct qg_ws *ws, int code, const char *reason, bool drops);
/* Ends the connection without a word to its link. Not inside the library. */
void ws_drop_connection(struct qg_ws *ws);

/* ---- ws_attempt.c ---- */

/* Has a place now: finds out the way, asks for addresses. */
void ws_attempt_begin(struct qg_ws *ws);
/* Tries the next address, where nothing is in its way. Not inside the library. */
void ws_attempt_next(struct qg_ws *ws);
/* Its connection went, or takes too long, before TCP stood. True: there is another address, which is tried soon. */
bool ws_attempt_again(struct qg_ws *ws);
/* Its handshake by a proxy is over, if it was one. */
void ws_attempt_release(struct qg_ws *ws);
/* The name to ask for. */
const char *ws_attempt_name(const struct qg_ws *ws);

/* ---- ws_context.c ---- */

/* Makes the context where there is none. */
QG_MUST_CHECK enum qg_status ws_context_need(struct qg_ws_client *client);
void ws_context_finish(struct qg_ws_client *client);

/* ---- ws_event.c ---- */

/* lws_protocols' callback. */
int ws_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size);

/* ---- ws_trust.c ---- */

QG_MUST_CHECK enum qg_status ws_trust_need(struct qg_ws_client *client);
void ws_trust_finish(struct qg_ws_client *client);
/* A certificate was looked at; false refuses the connection. */
bool ws_trust_verdict(struct qg_ws *ws, X509_STORE_CTX *context, bool believed);

/* ---- ws_clock.c ---- */

void ws_clock_init(struct qg_ws *ws);
/* After a change of state or of times. */
void ws_clock_arm(struct qg_ws *ws);
void ws_clock_stop(struct qg_ws *ws);
/* Something came from the peer. */
void ws_clock_heard(struct qg_ws *ws);

/* ---- ws_read.c ---- */

/* A fragment. False: the connection shall go. */
bool ws_read_fragment(struct qg_ws *ws, const char *data, size_t size);

/* ---- ws_write.c ---- */

QG_MUST_CHECK enum qg_status ws_write_queue(
	struct qg_ws *ws, const void *data, size_t size, bool binary);
/* The connection takes one frame. False: it shall go. */
bool ws_write_frame(struct qg_ws *ws);
/* Asks for ws_write_frame(). */
void ws_write_soon(struct qg_ws *ws);
/* Drops what waits; what was begun too. */
void ws_write_drop(struct qg_ws *ws);

#endif
