/* web.h - what the files of the web platform share. */
#ifndef QG_ADAPTERS_WEB_WEB_H
#define QG_ADAPTERS_WEB_WEB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/adapter.h"
#include "qg/list.h"
#include "qg/redis.h"

#define WEB_CHAT "web"	/* the one chat of a web bot */
#define WEB_NAME_MAX 40 /* characters of a person's name */
#define WEB_NAME_BYTES (4 * WEB_NAME_MAX)
#define WEB_CATCHING_MAX 4 /* viewers of a bot that read the feed at a time */
#define WEB_SENDS_MAX 8	   /* replies on their way; the gateway sends one at a time a chat */

struct web_options {
	json_t *members; /* {name: secret} or {name: {secret, admin}}; NULL: whoever holds the admin token */
};

struct web_guesses {
	unsigned wrong; /* logins refused ... */
	uint64_t since; /* ... since, monotonic ms */
};

struct web_member {
	char *name, *secret;
	bool admin;
	struct web_guesses guesses;
};

struct web_members {
	struct web_member *items;
	size_t count;
};

struct web_core;

struct web_send { /* a reply on its way into the feed; free where reply is NULL */
	struct web_core *core;
	struct qg_reply *reply;
	enum qg_status status;
	bool ended; /* sent() is due */
};

/* All of a bot's state. It outlives the bot while commands, stored messages or readers still point at it: each
 * of them holds a reference, and bot is NULL from finish() on. */
struct web_core {
	unsigned references;
	struct qg_bot *bot;
	struct web_members members;
	/* stream.c */
	struct qg_list viewers;
	uint64_t tip_ms, tip_seq; /* the newest event handed to all viewers */
	bool tailing;		  /* tip is set: somebody looks on */
	bool reading, look_again;
	unsigned catching; /* reads of viewers under way */
	bool was_up;	   /* Redis, as the viewers were told */
	/* tail.c */
	struct qg_list tail_link;
	struct web_tail *tail;
	/* web.c */
	struct web_send sends[WEB_SENDS_MAX];
	unsigned posts; /* messages on their way to the store */
	bool stopping, stopped;
	struct qg_timer *timer; /* calls what must not be called from inside */
};

void web_core_take(struct web_core *core);
/* Accepts NULL. */
void web_core_release(struct web_core *core);
/* Something ended: reports due results and, at the end of a stop, stopped(), from the loop. */
void web_core_wake(struct web_core *core);

/* member.c: who may come in. */
/* Says what is wrong in the option `members`; tree: where it stands. */
void web_members_check(
	const json_t *config, const struct qg_tree *tree, struct qg_problems *problems);
enum qg_status web_members_init(struct web_members *members, const json_t *config, const char *bot);
void web_members_finish(struct web_members *members);
const struct web_member *web_members_find(const struct web_members *members, const char *name);
/* The member whose cookie the request carries; NULL without a valid one. */
const struct web_member *web_member_of(
	const struct web_core *core, const struct qg_http_exchange *x);
void web_member_login(struct web_core *core, struct qg_http_exchange *x);
void web_member_logout(struct web_core *core, struct qg_http_exchange *x);
/* 1 to 40 characters, no control or direction characters, no blanks at the ends. */
bool web_name_is_valid(const char *name);

/* event.c: POST messages. */
void web_event_post(struct web_core *core, struct qg_http_exchange *x,
	const struct web_member *member, bool admin);
/* Whether a POST is JSON and comes from our own page; answers 403 or 415 where not. */
bool web_event_is_ours(struct qg_http_exchange *x);

/* page.c: the page and what it is made of. */
void web_page_show(struct web_core *core, struct qg_http_exchange *x);
void web_page_gate(struct web_core *core, struct qg_http_exchange *x);
void web_page_asset(struct qg_http_exchange *x, const char *name);
void web_page_about(struct web_core *core, struct qg_http_exchange *x,
	const struct web_member *member, bool admin);

/* stream.c: GET events. */
void web_stream_open(struct web_core *core, struct qg_http_exchange *x);
void web_stream_draft(struct web_core *core, const struct qg_draft *draft);
/* The feed may have grown. */
void web_stream_look(struct web_core *core);
/* Once a second while there are viewers; beat: say something so that the connection is seen to live. */
void web_stream_tick(struct web_core *core, bool beat);
void web_stream_end_all(struct web_core *core);

/* tail.c: the bells of all web bots of this process. */
/* A viewer came. */
void web_tail_join(struct web_core *core);
void web_tail_leave(struct web_core *core);

/* feed.c: replies into the feed. */
extern const struct qg_redis_script qg_web_feed_script;
void web_feed_send(struct web_core *core, struct web_send *send);
/* Remembers how long a message took to be stored, for the line under its answer. */
void web_feed_note(struct web_core *core, const char *message, uint64_t microseconds);

#endif
