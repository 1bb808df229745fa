/* ws.h - the websocket client: links to platforms on the loop.
 *
 * One client a process. It resolves names off the loop, verifies certificates against the name, honours http_proxy,
 * https_proxy and no_proxy, asks for no compression, and lets at most 20 handshakes run at once, the others wait.
 * Messages arrive whole. A link whose pings stay unanswered is closed. Nothing here connects again: who asks knows
 * when. All calls on the loop's thread. */
#ifndef QG_WS_H
#define QG_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/loop.h"
#include "qg/status.h"

struct qg_ws_client;
struct qg_ws;

struct qg_ws_request {
	const char *url;	    /* ws or wss; never logged whole: it may hold a ticket */
	const char *const *headers; /* "Name: value", ends with NULL; may be NULL */
	size_t most; /* bytes of one message; 0: 1 MiB. A longer one closes with 1009 */
	unsigned
		connect_ms; /* name, TCP, TLS, upgrade; 0: 15 s. Waiting for a place does not count */
	unsigned ping_ms;   /* between control pings where nothing comes; 0: 30 s */
	unsigned pong_ms;   /* closed when no byte came for so long after one; 0: 10 s */
	bool no_pings;	    /* none: the owner sees by itself whether the peer lives */
	/* Headers of a refused upgrade that its end tells: names in lower case with the colon, at most QG_WS_WANTED, ends with
	 * NULL, borrowed until the end; may be NULL. */
	const char *const *wanted;
};

#define QG_WS_WANTED 4

struct qg_ws_end {	   /* borrowed for the call */
	bool opened;	   /* the upgrade had succeeded */
	int status;	   /* HTTP, where the upgrade was refused; else 0 */
	int code;	   /* of the peer's close frame; 0: none came; 1012 to 1014 come as 1002 */
	bool rejected_tls; /* the certificate was refused */
	const char *why;   /* for a log, without the address's query; never NULL */
	const char *found
		[QG_WS_WANTED]; /* of wanted, in its order, safe for a log; NULL where absent */
};

struct qg_ws_host {
	/* The upgrade succeeded: send from here on. A message that came in the same segment follows at once. */
	void (*opened)(void *arg, struct qg_ws *ws);
	/* A whole text or binary message, a NUL behind it; borrowed. The link may be closed or cancelled inside. */
	void (*message)(void *arg, struct qg_ws *ws, const char *data, size_t size, bool binary);
	/* Exactly once unless cancelled, never from inside qg_ws_open() or qg_ws_send(). The link is gone after it. */
	void (*ended)(void *arg, struct qg_ws *ws, const struct qg_ws_end *end);
};

/* NULL for no memory. */
struct qg_ws_client *qg_ws_client_create(struct qg_loop *loop);
/* Cancels all links. Accepts NULL. */
void qg_ws_client_destroy(struct qg_ws_client *client);
/* A PEM file of certificates to trust beside the system's (private deployments, tests). For links opened after it. */
enum qg_status qg_ws_client_trust(struct qg_ws_client *client, const char *path);

/* NULL for no memory; any other failure comes by ended(). request is copied; host is borrowed until the end. */
struct qg_ws *qg_ws_open(struct qg_ws_client *client, const struct qg_ws_request *request,
	const struct qg_ws_host *host, void *arg);
/* Copies and queues one message. QG_FULL: over 16 MiB wait; QG_CANCELLED where it is not open (any more). */
QG_MUST_CHECK enum qg_status qg_ws_send(
	struct qg_ws *ws, const void *data, size_t size, bool binary);
/* Bytes queued and not given to the kernel. */
size_t qg_ws_waiting(const struct qg_ws *ws);
/* Sends what waits, then a close frame; ended() follows within 3 s. reason: at most 123 bytes, may be NULL. */
void qg_ws_close(struct qg_ws *ws, int code, const char *reason);
/* Drops it now; nothing is called any more. Accepts NULL. May be called inside opened() and message(). */
void qg_ws_cancel(struct qg_ws *ws);

struct qg_ws_counts {			       /* since the start, for the metrics */
	uint64_t opened, failed, closed, deaf; /* deaf: pings unanswered */
	unsigned open, handshakes;	       /* now */
};
void qg_ws_client_counts(const struct qg_ws_client *client, struct qg_ws_counts *out);

#endif
