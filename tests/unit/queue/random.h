/* random.h - the workers of test_random.c, and the model that knows what was accepted and what a script may answer. */
#ifndef TESTS_UNIT_QUEUE_RANDOM_H
#define TESTS_UNIT_QUEUE_RANDOM_H

#include "fixture.h"

enum {
	WORKERS = 3,
	LIVES = 600, /* of all workers together */
	TURNS = 4,   /* of a worker at once */
	BATCH = 20,
	TALKS = 5,
	MESSAGES = 2000,
};

struct turn {
	bool on;
	struct qg_entry entry;
	int count, ids[BATCH]; /* of its batch: numbers of messages; 0: not taken */
};
struct worker {
	struct qg_queue *queue;
	int life;
	struct turn turns[TURNS];
};
extern struct worker workers[WORKERS];

extern struct message {
	int talk;
	bool ended, withdrawn;
} messages[MESSAGES];
extern int message_count;

/* The same numbers after the same seed. */
void seed(uint64_t number);
unsigned any(unsigned below);

/* ---- the workers ---- */

int talk_of(const struct qg_entry *entry);
int number_of(const char *id);
/* Some messages kill whoever takes them. */
bool is_poison(int number);
/* Begins, or begins anew under another name. */
void live(size_t number);
void die(size_t number);
/* Of all workers, and of the turns they have. */
void end_lives(void);
/* Takes the entry; one that finds no room is left lying. */
void begin(struct worker *worker, struct qg_entry *entry);
void forget(struct turn *turn);
/* Is it this turn that Redis knows? Then its scripts must succeed, else they must be refused. */
bool is_current(const struct worker *worker, const struct turn *turn);

/* ---- what the model knows ---- */

void end_message(int number);
/* The oldest of a conversation that has not ended, after this one; -1 for none. */
int next_of(int talk, int after);
/* Dead letters come from the front of a conversation. */
void note_dead(int talk);
int waiting(void);
/* One turn a conversation, and Redis counts as the model does. */
void check_all(void);

#endif
