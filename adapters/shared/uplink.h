/* uplink.h - the connections of an account to its platform, shared by all bots of this process that live on it.
 *
 * What platforms have in common that are dialled to and ask for an address first: who shares a link, one call and then
 * one websocket, waits between tries, another connection in the place of one that goes, goodbyes, and what bots are told
 * of it. A platform brings a struct qg_uplink_kind, and structs of its own that begin with ours. */
#ifndef QG_ADAPTERS_SHARED_UPLINK_H
#define QG_ADAPTERS_SHARED_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "places.h"
#include "qg/adapter.h"
#include "qg/backoff.h"
#include "qg/list.h"
#include "qg/ws.h"

struct qg_uplink_kind;
struct qg_uplink;

struct qg_uplink_member { /* of a bot: embedded in its state, zeroed at first */
	struct qg_list item;
	struct qg_uplink *link; /* NULL: on none */
	struct qg_bot *bot;
	bool leaving; /* its bot stops */
	enum qg_link told;
	struct qg_timer *timer; /* tells, for that must not come from inside */
};

struct qg_uplink_wire {	     /* one connection */
	struct qg_list item; /* of link->wires, oldest first */
	struct qg_uplink *link;
	struct qg_ws *ws;
	bool is_open, closing;
	bool is_leaving; /* another one takes its place; it is served as long as it is there */
	uint64_t opened_at, leave_at;
};

struct qg_uplink {
	struct qg_list item; /* of all links */
	const struct qg_uplink_kind *kind;
	struct qg_list members, wires;
	struct qg_uplink_wire *wire; /* the one that is hoped on; NULL: none, or not yet */
	char *key;
	struct qg_loop *loop;
	struct qg_ws_client *client;
	struct qg_http_client *http;
	struct qg_place place; /* from asking for an address until the connection is open */
	void *asking;	       /* what kind->ask() gave */
	const char *why;       /* of the state, for logs; a literal */
	const char *told;      /* what an operator was told last; a literal */
	bool closing;	       /* nobody joins any more */
	struct qg_backoff backoff;
	uint64_t dial_at, dialled_at; /* dial_at: UINT64_MAX where nothing is to be dialled */
	struct qg_timer *timer;
};

struct qg_uplink_loss {	   /* why there is no connection; literals but for why */
	const char *what;  /* becomes the link's state */
	const char *why;   /* for the log; "" if none */
	const char *words; /* what an operator is to do, said once; NULL: nothing */
	unsigned
		retry_ms; /* at least; 0: as the backoff says. With words this and up to a half more */
};

struct qg_uplink_kind {
	const char *platform, *what;   /* for logs: "dingtalk", "Stream connection" */
	size_t link_size, wire_size;   /* of the platform's structs */
	struct qg_places *places;      /* for all of its links that open */
	struct qg_ws_request request;  /* of each connection, but for the address */
	unsigned first_ms, longest_ms; /* of the backoff; link->backoff may be set later */
	unsigned goodbye_ms; /* what a connection is left once its successor is open; 0: nothing */
	/* Copies what it dials with from a bot that joins; again for each further one, the newest wins. *other_out: it
	 * dialled with something else before. */
	enum qg_status (*set)(struct qg_uplink *link, const struct qg_bot *bot, bool *other_out);
	void (*finish)(struct qg_uplink *link); /* frees what set() made */
	/* Asks for an address: qg_uplink_asked() or qg_uplink_lost() once, never from inside. NULL for no memory. */
	void *(*ask)(struct qg_uplink *link);
	void (*unask)(void *asking); /* none of both will come; accepts NULL */
	/* Optional: a connection to url begins; it is open. */
	void (*made)(struct qg_uplink_wire *wire, const char *url);
	void (*opened)(struct qg_uplink_wire *wire);
	void (*message)(struct qg_uplink_wire *wire, const char *data, size_t size, bool binary);
	/* Its memory goes after this; nothing can be sent any more. */
	void (*gone)(struct qg_uplink_wire *wire);
	/* Does what else is due; when the next is, UINT64_MAX for never. It may drop connections. */
	uint64_t (*tick)(struct qg_uplink *link, uint64_t now);
	/* Optional: what an end means that the platform explains. */
	void (*judge)(const struct qg_ws_end *end, struct qg_uplink_loss *loss);
	/* Of a bot that leaves: a connection has ended. */
	void (*left)(struct qg_uplink_member *member);
};

/* key: those of one kind, loop and key share a link. QG_NO_MEMORY. */
QG_MUST_CHECK enum qg_status qg_uplink_join(const struct qg_uplink_kind *kind,
	struct qg_uplink_member *member, struct qg_bot *bot, const char *key);
/* Its bot stops and hears no more of the state. Where no other stays, goodbye is said on all connections. */
void qg_uplink_retire(struct qg_uplink_member *member);
/* Nothing of it is to be waited for: others go on with the link, or all its connections ended. */
bool qg_uplink_is_over(const struct qg_uplink_member *member);
/* Somebody may have put right what an operator was told of: it is tried again now, once for all its members. Accepts one
 * that is on none. */
void qg_uplink_retry(struct qg_uplink_member *member);
/* Out of it, now; the last one ends the link. Accepts one that is on none. */
void qg_uplink_leave(struct qg_uplink_member *member);

/* A bot that hears what comes: best one that stays. NULL: there is none. */
struct qg_uplink_member *qg_uplink_hearer(const struct qg_uplink *link);
/* For logs; NULL where nobody is left. */
const char *qg_uplink_name(const struct qg_uplink *link);
bool qg_uplink_is_up(const struct qg_uplink *link);

/* For kind->set(): *held becomes a copy of text where that is another. */
QG_MUST_CHECK enum qg_status qg_uplink_renew(char **held, const char *text, bool *other_out);
/* The answer to kind->ask(). url holds a ticket: it is in no log. */
void qg_uplink_asked(struct qg_uplink *link, const char *url);
void qg_uplink_lost(struct qg_uplink *link, const struct qg_uplink_loss *loss);
/* Another connection is opened in the place of this one; ms: goodbye is said then, at the latest. */
void qg_uplink_replace(struct qg_uplink_wire *wire, uint64_t ms);
/* Something came that shows the connection works: the next wait is a short one. */
void qg_uplink_works(struct qg_uplink_wire *wire);
/* It is dead: ended here and now. why: a literal. */
void qg_uplink_drop(struct qg_uplink_wire *wire, const char *why);

/* All that is due by now; the timer calls it. */
void qg_uplink_tick(struct qg_uplink *link);
/* The same, soon. */
void qg_uplink_look(struct qg_uplink *link);

#endif
