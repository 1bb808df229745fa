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
	MOVE_MS = 5000,	 /* between two links that are given to others */
	KICKED_MOST_MS =
		3600000, /* a kick that binds for longer: the wall clock was set back since */
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
	NAME_ROWS = 1024,
	STOP_MS = 300, /* of a drain's time: what bots need to stop once their sends are done */
};

/* Who may hear and send for an account: the lease and the clock behind it. */
struct link {
	struct qg_list item;
	struct qg_gateway *gateway;
	char *id;
	unsigned partition;
	struct qg_list bots; /* that share it, at least one */
	unsigned walks;	     /* over them, under way: it stays, even without any */
	bool dials; /* a connection that one gateway holds: who owns how many is balanced */
	bool owned, taking;
	bool leaving; /* its bots stop, then another gateway may have it */
	bool stays;   /* taken although others had room: it is not given to them */
	uint64_t epoch;
	uint64_t confirmed; /* mono ms at which the last confirmed renewal was sent */
	uint64_t owned_since;
	char *seen;		      /* the row as it was last seen, NULL for none */
	uint64_t seen_since, seen_at; /* mono ms of the first look that saw it, and of the last */
	int64_t kicked_until;	      /* wall ms before which the platform wants no connection */
	int64_t kick_unsaved;	      /* wall ms of that in the row, until it stands there; 0 */
};

/* A chat whose dead letters admins heard of lately. */
struct told {
	char *chat;
	uint64_t at; /* mono ms */
};

/* A bot of the config in force, or one that is just ending. */
struct bot {
	struct qg_list item, named; /* among all, and among those whose names share a row */
	struct qg_gateway *gateway;
	struct qg_bot bot;	  /* what the adapter sees */
	struct qg_config *config; /* holds bot.config */
	struct qg_role *role;
	char *account;	   /* on the platform; NULL: nobody else has it */
	struct link *link; /* NULL while opening, and once a successor has its place */
	struct qg_list on_link;
	uint64_t fence,
		fence_epoch; /* of its out lists, and the epoch under which they were adopted */
	bool opening;	     /* its role is being read */
	bool ready;	     /* init() was a success */
	bool started, stopping, gone;
	bool adopted;	    /* the out lists know our epoch */
	bool adopting;	    /* they are being told */
	unsigned pins;	    /* walks over its lists under way: it stays, even if it is gone */
	enum qg_link state; /* of the platform's link */
	/* inbound */
	struct qg_list unconfirmed; /* messages in order of arrival */
	size_t held, held_bytes;
	bool stalled; /* one came back unconfirmed: new ones wait behind it until all go again */
	struct qg_list errands;
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

/* What a bot tells each of its admins; borrowed. about and key make the ids. */
struct notice {
	const struct bot *bot;
	const char *about, *key, *text;
};
struct notices { /* one each */
	struct qg_reply **items;
	size_t count;
};

struct rates;

struct qg_gateway {
	struct qg_core *core;
	struct qg_redis_listener *listener;
	struct qg_timer *look_timer, *renew_timer, *drain_timer, *wake_timer, *settle_timer;
	uint64_t wake_at; /* mono ms of the wake timer */
	struct rates *rates;
	struct qg_list bots, links;
	struct qg_list named[NAME_ROWS]; /* the bots again, by their names */
	bool *looking;			 /* at the leases of each partition */
	struct qg_list peers;		 /* other gateways: balance.c */
	unsigned peers_living;
	bool beating;	 /* our beat is on its way */
	bool inspecting; /* a link is looked at that may be given away; how many were before it */
	unsigned inspected;
	uint64_t moved_at;	     /* mono ms at which the last link was given away */
	bool up, draining, stopping; /* stopping: the second half of a drain */
	struct depth_sums depth;
	unsigned depth_calm;
	void (*drained)(void *arg);
	void *drained_arg;
	uint64_t drain_until;
	struct qg_metric *store_seconds, *links_owned, *epochs, *kicks, *moves, *gateways;
};

/* bots.c */
void bots_sync(struct qg_gateway *gateway);
/* The running one of that name, or NULL. */
struct bot *bots_find(struct qg_gateway *gateway, const char *name);
/* One that is still being opened: a new one, or the successor of a running one. */
struct bot *bots_opening(struct qg_gateway *gateway, const char *name);
struct bot *bot_of(struct qg_bot *bot);
static inline const struct qg_ability *bot_ability(const struct bot *bot)
{
	return qg_adapter_ability(bot->bot.adapter, bot->bot.config);
}
/* The link is ours now, or not any more. */
void bot_owned(struct bot *bot);
void bot_lost(struct bot *bot);
/* The link may be open, or shall not: as far as it is not so. */
void bot_open_link(struct bot *bot);
void bot_close_link(struct bot *bot);
/* Ends it: no new work, sends in flight finish, then finish(). */
void bot_stop(struct bot *bot);
void bot_collect(struct bot *bot);
/* Between the two a bot that is gone is not collected. */
void bot_pin(struct bot *bot);
void bot_unpin(struct bot *bot);
void bots_finish(struct qg_gateway *gateway);

/* links.c */
/* A bot that is ready takes its place on the link of its account, else on one of its own; false for no memory. */
bool link_join(struct bot *bot);
/* The last one takes the link with it. */
void link_leave(struct bot *bot);
void links_look(struct qg_gateway *gateway);
/* The same for one that just came to be. */
void link_look(struct link *link);
void links_renew(struct qg_gateway *gateway);
void links_release(struct qg_gateway *gateway);
/* Gives it away and forgets what was seen of it: whoever may takes it. */
void link_give(struct link *link);
/* Ours, and the last confirmed renewal is young enough. link may be NULL: no. */
bool link_may_send(const struct link *link);
/* Ours, and a connection is wanted. */
bool link_may_open(const struct link *link);
struct link *link_find(struct qg_gateway *gateway, const char *id);
/* The first bot's name, for the log; NULL for none. */
const char *link_name(const struct link *link);
/* Whether a bot of the config in force is on it. */
bool link_is_wanted(const struct link *link);
/* Calls tell for each of its bots; the link may end with the last of them. */
void link_each(struct link *link, void (*tell)(struct bot *bot));

/* kicks.c: what opens and closes while a link is ours */
void kicks_note(struct qg_bot *bot, unsigned ms);
/* What the row says binds also who comes after. until: wall ms, 0 for never kicked. */
void kicks_learn(struct link *link, int64_t until);
/* The platform wants no connection yet. */
bool kicks_bind(const struct link *link);
/* Bots start and stop as their links want it; what Redis has not heard is told again. */
void links_settle(struct qg_gateway *gateway);

/* balance.c: gateways that dial share the links evenly */
void balance_beat(struct qg_gateway *gateway);
/* Its rows stand still: it is not there, whatever its last beat says. */
void balance_silent(struct qg_gateway *gateway, const char *process);
/* Whether a link that nobody has is for us; free_ms: for how long it is known to be free. */
bool balance_may_take(struct link *link, uint64_t free_ms);
/* Gives one link away where others have too few. */
void balance_move(struct qg_gateway *gateway);
void balance_leave(struct qg_gateway *gateway);
void balance_finish(struct qg_gateway *gateway);

/* select.c */
/* Whether a bot works in a chat, as far as the config says: where `chats` is empty an admin may have enabled it. */
bool select_serves(const struct qg_bot_config *config, enum qg_chat_type type, const char *chat);
/* Whether a message of that bot is for it, not only noted. */
bool select_message(const struct qg_bot_config *config, const struct qg_message *message);
/* The bot that answers what another one of the same account heard, which may be that one. */
struct bot *select_bot(struct bot *heard, const struct qg_message *message);
/* Whether a bot in force has the account of that one, which has it too. */
bool select_shares(const struct bot *bot, const struct bot *heard);

/* inbound.c */
void inbound_receive(struct qg_bot *bot, struct qg_message *msg, qg_stored_fn stored, void *arg);
/* All that is not confirmed goes again, in order. */
void inbound_resend(struct bot *bot);
/* Waiting longer than the platform does; the bot may end with it. */
void inbound_expire(struct bot *bot);
/* No time is left to store what is held: those who sent it may be told. */
void inbound_give_up(struct bot *bot);
void inbound_finish(struct bot *bot);

/* errands.c: what else an adapter asks for: host calls */
void errands_say(struct qg_bot *bot, struct qg_reply *reply, qg_stored_fn stored, void *arg);
void errands_tell_admins(struct qg_bot *bot, const char *occasion, const char *key);
void errands_withdrawn(
	struct qg_bot *bot, const char *chat, const char *message, qg_stored_fn stored, void *arg);
void errands_left(
	struct qg_bot *bot, const char *chat, const char *event, qg_stored_fn stored, void *arg);
/* Those that Redis did not confirm and nobody repeats go again; the bot may end with them. */
void errands_resend(struct bot *bot);
void errands_finish(struct bot *bot);

/* notice.c */
/* Makes one to each admin: those of the config, and who became admin by a code. false for none, or no memory. */
bool notices_make(
	struct notices *notices, const struct notice *what, const char *const *bound, size_t count);
void notices_end(struct notices *notices);

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
