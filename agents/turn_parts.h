/* turn_parts.h - a turn under way, for the files that each do a step of it. */
#ifndef AGENTS_TURN_PARTS_H
#define AGENTS_TURN_PARTS_H

#include "lookup.h"
#include "models/chain.h"
#include "qg/turn.h"
#include "role_parts.h"

#define QG_ANSWER_MAX                                                                              \
	(192 * 1024) /* bytes of an answer, so that a reply with all around it stays in bounds */

struct qg_turn {
	struct qg_turn_request request;
	const struct qg_turn_host *host;
	void *arg;
	char id[33]; /* of the reply */
	int64_t now;
	bool waits;	/* for the loop to come back: only there it may be freed */
	bool cancelled; /* meanwhile */

	json_t *state;	 /* what the conversation's state will be */
	json_t *asker;	 /* this asker's part of it; borrowed */
	json_t *history; /* to append */
	bool forget_history, missed, handed_over;

	struct qg_buf answer; /* what will be said, so far */
	json_t *sources;
	const char *hint;	/* the FAQ question that is near; borrowed from the role */
	struct qg_strings open; /* questions that the FAQ did not answer */

	struct qg_lookup *lookup;
	struct qg_chain *chain;
	struct qg_ask ask;
	char *question;	   /* of ask */
	char *messages;	   /* of ask */
	struct qg_buf faq; /* FAQ answers kept aside while a model is asked */
	struct qg_usage usage;
	bool generated;
	int64_t first_at;
};

/* Adds a paragraph to the answer. Takes text; NULL counts as no memory. */
void qg_turn_say(struct qg_turn *turn, char *text);
/* The last message of the batch. */
const struct qg_message *qg_turn_last(const struct qg_turn *turn);

/* ---- turn_faq.c ---- */

#define QG_MAX_QUESTIONS 8 /* of one batch that are answered one by one */

/* Answers into turn->faq what the FAQ knows of a message, puts the rest into turn->open. false: no
 * memory. */
bool qg_turn_ask_faq(struct qg_turn *turn, const char *text);

/* ---- state.c: what a conversation remembers about each asker ---- */

/* Copies the stored state, drops what no longer matters, and finds the asker. false: no memory. */
bool qg_state_begin(struct qg_turn *turn);
/* Drops what an asker without anything remembered would leave behind. */
void qg_state_end(struct qg_turn *turn);
/* Wall ms until which the bot keeps quiet for this asker; 0 when it does not. */
int64_t qg_state_quiet(const struct qg_turn *turn);
void qg_state_set_quiet(struct qg_turn *turn, int64_t until);
/* Ends the quiet of all askers of the conversation; whether there was one. */
bool qg_state_end_all_quiet(struct qg_turn *turn);

/* ---- commands.c ---- */

/* Whether text is a command; then it was carried out and the answer said. */
bool qg_command_run(struct qg_turn *turn, const struct qg_message *message);

/* ---- handover.c ---- */

/* Does one of the messages ask for a person? */
bool qg_handover_wanted(const struct qg_turn *turn);
/* Says whom to call and keeps quiet for the asker from now on. */
void qg_handover_do(struct qg_turn *turn);
/* Counts a miss: says so, and hands over at the last one allowed. */
void qg_handover_miss(struct qg_turn *turn);
/* Keeps quiet: a line to whom mentions the bot meanwhile, once in a while. */
void qg_handover_keep_quiet(struct qg_turn *turn, int64_t until);
/* "15:30" of a wall time; out: 6 bytes. */
void qg_handover_time(int64_t wall, char out[6]);

/* ---- history.c ---- */

/* The messages of this turn, and its answer, as elements to append. false: no memory. */
bool qg_history_add(struct qg_turn *turn);
/* A stored history as an array; a line that is broken is left out. New reference; NULL for no
 * memory. */
json_t *qg_history_read(const char *text);
/* Where the part of the history begins that a prompt holds: it moves in blocks, so that a prefix
 * stays the same over many turns. */
size_t qg_history_start(const json_t *history);

/* ---- prompt.c ---- */

/* The messages of a prompt as qg_ask wants them: history, then what was found, sender, time and
 * question, all people's words fenced. Yours to free; NULL for no memory. */
char *qg_prompt_messages(
	const struct qg_turn *turn, const struct qg_found *found, size_t found_count);

#endif
