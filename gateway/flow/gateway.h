/* gateway.h - shared by the files of this folder: the gateway role, its bots, their links, and what is under way. */
#ifndef QG_GATEWAY_H
#define QG_GATEWAY_H

#include "qg/adapter.h"
#include "qg/core.h"
#include "qg/list.h"
#include "qg/metrics.h"
#include "qg/role.h"

enum {
	LOOK_MS = 1000,	 /* at leases, and at out lists whose time has come */
	RENEW_MS = 2000, /* a lease */
	SEND_MS = 5000,	 /* no send when the last confirmed renewal was sent longer ago */
	TAKE_MS = 8000,	 /* a renewal that stands still so long belongs to a dead gateway */
	HOLD_MS =
		1500, /* how long a platform that redelivers waits for our answer, and one look more */
	HELD_MOST = 1000, /* messages of a bot whose platform does not, kept until stored */
	HELD_BYTES = 8 * 1024 * 1024,
	FLYING_MOST = 20000, /* messages of a bot whose platform does, being stored */
	FLYING_BYTES = 64 * 1024 * 1024,
	CALM_LOOKS = 10,       /* an out list is read without a bell every so many looks */
	HEADS = 64,	       /* chats of a bot sent to at once */
	WAIT_MOST_MS = 600000, /* how long a reply may be put off */
	TOLD_MOST = 16,	       /* chats of a bot ... */
	TOLD_MS =
		3600000, /* ... about whose dead letters admins hear no more than once in so long */
	STOP_MS = 300,	 /* of a drain's time: what bots need to stop once their sends are done */
};

/* Who may hear and send for an account: the lease and the clock behind it. */
struct link {
	struct qg_list item;
	struct qg_gateway *gateway;
	char *id;
	unsigned partition;
	bool owned, taking;
	uint64_t epoch;
	uint64_t confirmed; /* mono ms at which the last confirmed renewal was sent */
	uint64_t owned_since;
	char *seen; /* the row as it was last seen, NULL for none */
	uint64_t seen_since;
	int64_t kicked_until;
	struct bot *bot;
};

/* A chat whose dead letters admins heard of lately. */
struct told {
	char *chat;
	uint64_t at; /* mono ms */
};

/* A bot of the config in force, or one that is just ending. */
struct bot {
	struct qg_list item;
	struct qg_gateway *gateway;
	struct qg_bot bot;	  /* what the adapter sees */
	struct qg_config *config; /* holds bot.config */
	struct qg_role *role;
	char *account;	   /* on the platform; NULL: nobody else has it */
	struct link *link; /* NULL while opening, and once a successor has it */
	bool opening;	   /* its role is being read */
	bool ready;	   /* init() was a success */
	bool started, stopping, gone;
	bool adopted;	    /* the out lists know our epoch */
	bool adopting;	    /* they are being told */
	unsigned pins;	    /* walks over its lists under way: it stays, even if it is gone */
	enum qg_link state; /* of the platform's link */
	/* inbound */
	struct qg_list unconfirmed; /* messages in order of arrival */
	size_t held, held_bytes;
	bool stalled; /* one came back unconfirmed: new ones wait behind it until all go again */
	/* outbound */
	struct qg_list sendings;
	bool looking, look_again;
	int64_t next_due; /* wall ms of the next waiting chat, 0 none */
	unsigned calm;
	struct told told[TOLD_MOST]; /* a ring */
	unsigned told_next;
	struct qg_metric *received, *duplicates, *unselected, *refused, *sent, *repeated, *buried,
		*paced;
};

/* Of the look at the queue that is under way. */
struct depth_sums {
	unsigned outstanding;
	bool failed;
	int64_t oldest, entries, pending, dead;
};

struct rates;

struct qg_gateway {
	struct qg_core *core;
	struct qg_redis_listener *listener;
	struct qg_timer *look_timer, *renew_timer, *drain_timer, *wake_timer;
	uint64_t wake_at; /* mono ms of the wake timer */
	struct rates *rates;
	struct qg_list bots, links;
	bool up, draining, stopping; /* stopping: the second half of a drain */
	struct depth_sums depth;
	unsigned depth_calm;
	void (*drained)(void *arg);
	void *drained_arg;
	uint64_t drain_until;
	struct qg_metric *store_seconds, *links_owned, *epochs;
};

/* bots.c */
void bots_sync(struct qg_gateway *gateway);
/* The running one of that name, or NULL. */
struct bot *bots_find(struct qg_gateway *gateway, const char *name);
/* One that is still being opened: a new one, or the successor of a running one. */
struct bot *bots_opening(struct qg_gateway *gateway, const char *name);
struct bot *bot_of(struct qg_bot *bot);
/* The link is ours now, or not any more. */
void bot_owned(struct bot *bot);
void bot_lost(struct bot *bot);
/* Ends it: no new work, sends in flight finish, then finish(). */
void bot_stop(struct bot *bot);
void bot_collect(struct bot *bot);
/* Between the two a bot that is gone is not collected. */
void bot_pin(struct bot *bot);
void bot_unpin(struct bot *bot);
void bots_finish(struct qg_gateway *gateway);

/* links.c */
struct link *link_create(struct qg_gateway *gateway, struct bot *bot);
void link_destroy(struct link *link);
void links_look(struct qg_gateway *gateway);
/* The same for one that just came to be. */
void link_look(struct link *link);
void links_renew(struct qg_gateway *gateway);
void links_release(struct qg_gateway *gateway);
/* Ours, and the last confirmed renewal is young enough. link may be NULL: no. */
bool link_may_send(const struct link *link);

/* select.c */
/* Whether a bot works in a chat, as far as the config says: where `chats` is empty an admin may have enabled it. */
bool select_serves(const struct qg_bot_config *config, enum qg_chat_type type, const char *chat);
/* Whether a message of that bot is for it, not only noted. */
bool select_message(const struct qg_bot_config *config, const struct qg_message *message);
/* The bot that answers what another one of the same account heard, which may be that one. */
struct bot *select_bot(struct bot *heard, const struct qg_message *message);

/* inbound.c */
void inbound_receive(struct qg_bot *bot, struct qg_message *msg, qg_stored_fn stored, void *arg);
/* All that is not confirmed goes again, in order. */
void inbound_resend(struct bot *bot);
/* Waiting longer than the platform does; the bot may end with it. */
void inbound_expire(struct bot *bot);
void inbound_finish(struct bot *bot);

/* outbound.c; outbound_sent() is in sending.c */
void outbound_look(struct bot *bot);
/* The time of a chat that was put off has come. */
bool outbound_is_due(const struct bot *bot);
/* Steps that Redis did not confirm are sent again. */
void outbound_resend(struct bot *bot);
void outbound_sent(
	struct qg_bot *bot, struct qg_reply *reply, enum qg_status status, unsigned retry_ms);
/* Forgets what was not handed to the adapter; somebody else sends it. */
void outbound_lost(struct bot *bot);
void outbound_finish(struct bot *bot);

/* depth.c */
void depth_look(struct qg_gateway *gateway);

/* drafts.c */
void drafts_heard(struct qg_gateway *gateway, const char *row, size_t size);
void drafts_replay(struct qg_bot *bot);

#endif
