/* fixture.h - gateways on a Redis of the test's own, with platforms and roles that do as they are told. */
#ifndef TESTS_UNIT_FLOW_FIXTURE_H
#define TESTS_UNIT_FLOW_FIXTURE_H

#include <check.h>

#include "gateway.h"
#include "redis_world.h"

#define BOT "shop"
#define PART_BYTES 64 /* of the platforms here */

/* ---- the world ---- */

/* Its file lock is free, for whoever asks. */
extern const char *dead_process;
/* Each write is on disk before its answer: for suites that kill Redis. Set before fixture_run(). */
extern bool redis_keeps_all;

/* A gateway process: its own connection and name. */
struct node {
	struct qg_core core;
	struct qg_gateway *gateway;
	bool drained;
};
extern struct node ann, ben;

void node_start(struct node *node, const char *process);
/* Gone without a word to Redis. */
void node_crash(struct node *node);
/* Drains to the end, then goes. */
void node_drain(struct node *node);
struct bot *bot_at(struct node *node);

/* The config from now on: that bot, or none for NULL. A gateway that runs hears of it by node_reload(). */
void config_bot(const struct qg_bot_config *bot);
void config_bots(const struct qg_bot_config *bots, size_t count);
void node_reload(struct node *node);
/* A bot of that platform ("push" redelivers, "socket" does not, "door" has no link to open, "mail" has an account and
 * writes first, "slow" has an account with rates, "dial" shows files and open messages and has the account that stands as customer). */
struct qg_bot_config a_bot(const char *name, const char *platform, const char *fingerprint);

/* Until this node owns the bot's link and has told the out lists so. */
void wait_owner(struct node *node);
/* Until so many sends were begun, or messages were answered. */
void wait_sends(size_t count);
/* Some looks of every gateway go by. */
void run_looks(void);
/* Until so many gateways hear what is published. */
void wait_listeners(int64_t count);

void fixture_add(TCase *tcase);
int fixture_run(Suite *suite);

/* ---- the platform ---- */

struct send {
	struct qg_bot *bot;
	struct qg_reply *reply; /* NULL once it was ended */
	char id[33], chat[32], text[256], file[64], process[16];
	unsigned part;
	enum qg_form form;
	bool repeated;
};
struct platform {
	bool keeps; /* a send ends by send_end() only, else it lands by itself */
	bool init_fails, role_fails;
	bool keeps_stop;
	const char *account; /* of all bots of "mail" and "slow"; NULL: none */
	unsigned opened, inits, starts, stops, finishes, drafts;
	struct send sends[64];
	size_t send_count;
};
extern struct platform platform;

void send_end(size_t index, enum qg_status status, unsigned retry_ms);
/* What stop() was asked for has happened. */
void stop_end(struct qg_bot *bot);

/* ---- messages in ---- */

struct answer {
	unsigned times;
	enum qg_status status;
};
struct say {
	const char *id, *chat, *sender, *text;
	bool mentions, direct;
};
/* The platform's bot hears it; the answer comes later. */
void hear(struct node *node, const struct say *say, struct answer *answer);
void wait_answer(const struct answer *answer);

/* ---- out lists ---- */

/* id: one hex digit, repeated. */
void put_reply(const char *chat, char id, const char *text);
/* As put_reply(), with something changed in it first. */
void put_changed(const char *chat, char id, void (*change)(struct qg_reply *reply));
/* One that answers nothing, to a person. */
void put_notice(const char *chat, char id, const char *text);
/* Without the bell. */
void put_silently(const char *chat, char id, const char *text);

#endif
