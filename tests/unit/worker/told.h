/* told.h - roles that need no template, and turns that end when they are told to. */
#ifndef TESTS_UNIT_WORKER_TOLD_H
#define TESTS_UNIT_WORKER_TOLD_H

#include "fixture.h"

struct turn {
	char conversation[64], messages[256]; /* their ids */
	char quotes[64];		      /* of its messages */
	size_t attachments;
	unsigned failures;
	bool live, cancelled;
	bool enabled, admin;  /* the chat; the sender of the last message */
	struct qg_desk *desk; /* while it lives */
	struct qg_media *media;
	unsigned beside;   /* others that were live when it began */
	bool beside_named; /* one of them in a chat whose name begins with "bad" */
	struct qg_turn *handle;
};

enum { TURNS_MOST = 4096 };
extern struct turn turns[TURNS_MOST];
extern size_t turn_count;
/* Turns end by themselves, with an answer. */
extern bool turns_end_alone;
extern bool roles_fail;
extern unsigned roles_opened;

/* Until so many turns began; no more did. */
void wait_turns(size_t count);
void turn_draft(size_t index, const char *text);
/* text NULL: it keeps quiet. */
void turn_answer(size_t index, const char *text);
void turn_fail(size_t index);
/* Its desk said that somebody took over. */
void turn_stale(size_t index);
/* An answer with which an admin enables the group, or disables it. */
void turn_group(size_t index, int group);
unsigned count_live(void);

#endif
