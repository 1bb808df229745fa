/* world.h - a loop, a template of a small shop, a bot of it, and turns to run: what tests of agents
 * share. */
#ifndef TESTS_UNIT_AGENTS_WORLD_H
#define TESTS_UNIT_AGENTS_WORLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "qg/config.h"
#include "qg/loop.h"
#include "qg/role.h"
#include "qg/turn.h"

#define WORLD_NOW 1760000000000LL

struct world {
	struct qg_loop *loop;
	char dir[64]; /* <dir>/templates/shop */
	struct qg_config *config;
	struct qg_bot_config *bot;
	struct qg_role *role;
	char words[512]; /* why there is no role */
	int draining;	 /* threads not met yet */
	/* of the next message */
	const char *sender, *thread;
	bool group, mentions, admin, paused, closed; /* closed: a group that nobody enabled */
	const char *quote;			     /* NULL: none */
	json_t *attachments;			     /* of the last message; taken by it */
	bool handled;				     /* messages have handles: "h0", "h1", ... */
	bool clicks;				     /* a button */
	struct qg_media *media;			     /* NULL: none */
	struct qg_desk *desk;			     /* NULL: none */
	struct qg_endpoints *endpoints;		     /* its own */
	const char *force;
	size_t cancel_at; /* cancels the turn at that draft; 0: never */
	/* of the conversation */
	json_t *history, *state;
	/* of the last turn */
	struct qg_turn *turn;
	enum qg_status status;
	char *text, *label, *way, *id, *model, *draft, *cost, *footnote;
	int group_change; /* of the result */
	bool estimated;
	json_t *sources, *answers, *buttons, *handles;
	int64_t input, output, first_at;
	size_t replies, drafts;
	bool missed, handed_over, finished;
};

/* Puts text into a file below the world's folder, making folders on the way. */
void world_write(struct world *world, const char *path, const char *text);
/* A world with the template but without a role yet. */
void world_begin(struct world *world);
/* Opens the role; data_dir may be NULL. */
void world_open(struct world *world, const char *data_dir);
/* An endpoint {provider: scripted, script: <file>} of that name, asked by the bot in the order of
 * the calls. */
void world_add_script(struct world *world, const char *name, const char *script);
/* Runs a turn of these texts (NULL-terminated), one sender, and keeps its outcome. */
void world_say(struct world *world, const char *text, ...) __attribute__((sentinel));
void world_end(struct world *world);
/* Runs the loop until nothing the test began is left. */
void world_drain(struct world *world);

#endif
