/* turn_parts.h - a turn under way, for the files that each do a step of it. */
#ifndef AGENTS_TURN_PARTS_H
#define AGENTS_TURN_PARTS_H

#include "lookup.h"
#include "models/chain.h"
#include "qg/turn.h"
#include "role_parts.h"
#include "tokens.h"

#define QG_ANSWER_MAX                                                                              \
	(192 * 1024) /* bytes of an answer, so that a reply with all around it stays in bounds */

/* One attachment of the batch, and what came of it. */
struct qg_look {
	struct qg_turn *turn;
	size_t message; /* whose it is: index in the batch */
	const json_t *attachment;
	enum { QG_LOOK_WAITS, QG_LOOK_OPEN, QG_LOOK_DONE } state;
	enum qg_status status;
	bool is_picture;
	bool is_quoted;	 /* of the message that was quoted */
	bool is_foreign; /* nobody here can look at such a thing */
	bool is_blind;	 /* a picture, and no model that sees */
	char *name;	 /* NULL: not told */
	char *text;	 /* of a document */
	size_t size;
	size_t characters;   /* of all of it */
	bool is_cut;	     /* text is not all of it */
	char *type, *base64; /* of a picture */
	size_t base64_size;
};

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
	int group; /* of qg_turn_result */

	struct qg_buf answer; /* what will be said, so far */
	json_t *sources;
	const char *hint;	/* the FAQ question that is near; borrowed from the role */
	struct qg_strings open; /* questions that the FAQ did not answer */

	struct qg_lookup *lookup;
	struct qg_chain *chain;
	struct qg_ask ask;
	char *question;		/* of ask */
	char *messages;		/* of ask */
	int64_t prompt_tokens;	/* estimate of system and messages for any model, upper side */
	size_t history_size;	/* of messages: what stands before the question */
	int64_t history_tokens; /* of prompt_tokens */
	struct qg_token_count prompt_count; /* the same, to be told for one model */
	struct qg_buf faq;		    /* FAQ answers kept aside while a model is asked */
	struct qg_bill bill;
	char *model; /* who answered, as the service names it; NULL: nobody */
	const char
		*title; /* the same for people; borrowed from the config, or model; NULL: nobody */
	bool generated, limited;
	bool cut; /* the answer is over our own ceiling */
	int64_t first_at;
	uint64_t began_us;
	struct qg_timer *busy; /* until something must be heard */
	char *busy_words;

	bool *asked; /* which messages are no commands */
	struct qg_look *looks;
	size_t look_count, look_next, looks_open;
	bool looks_left_out;			/* there were more */
	bool sees;				/* one of the bot's models does */
	bool is_bare;				/* something was sent without a word */
	struct qg_image images[QG_IMAGES_MOST]; /* of ask; borrowed from looks */
	size_t image_count;
	struct qg_buf notes; /* what is said before the answer */
	bool notes_said;
	const char *only; /* the one who is asked from now on; NULL: as the request says */
	json_t *buttons;
	bool at_desk;	    /* a question to the desk is open */
	bool wants_figures; /* /usage */
	char code[8];	    /* /绑定: six digits; "" for none */
};

/* Adds a paragraph to the answer. Takes text; NULL counts as no memory. */
void qg_turn_say(struct qg_turn *turn, char *text);
/* The last message of the batch. */
const struct qg_message *qg_turn_last(const struct qg_turn *turn);
/* The end: the turn is gone after either. way: how it was answered; remember: the talk goes into the history. */
void qg_turn_finish(struct qg_turn *turn, const char *way, bool remember);
void qg_turn_fail(struct qg_turn *turn, enum qg_status status, const char *words);
/* What is left when commands were carried out and the desk was asked. */
void qg_turn_proceed(struct qg_turn *turn);
/* What is left when all was looked at that is attached. */
void qg_turn_answer(struct qg_turn *turn);
/* Says what is to be said before the answer. */
void qg_turn_say_notes(struct qg_turn *turn);
/* Says what the FAQ found. */
void qg_turn_say_faq(struct qg_turn *turn);

/* ---- turn_model.c ---- */

/* Gives the open questions to the bot's models. */
void qg_turn_think(struct qg_turn *turn);
/* After a while without a word the asker hears that it takes time. */
void qg_turn_watch_the_clock(struct qg_turn *turn);
/* Whether there is somebody to talk: not only the search in the handbook. */
bool qg_turn_has_model(const struct qg_turn *turn);
/* Whose calls they are. */
struct qg_payer qg_turn_payer(const struct qg_turn *turn);

/* ---- turn_reply.c ---- */

/* The reply of all that was said. NULL: no memory. */
struct qg_reply *qg_turn_make_reply(struct qg_turn *turn);
/* Tells the desk of an answer that needed no model, where one is there that would have been asked. */
void qg_turn_note_saved(struct qg_turn *turn, const char *way);
/* A button that asks this question; none where it does not fit on one. */
void qg_turn_add_button(struct qg_turn *turn, const char *question);
/* Buttons for some of the role's suggestions. */
void qg_turn_add_suggestions(struct qg_turn *turn);
/* "1,234". out: 32 bytes. */
const char *qg_turn_number(int64_t number, char out[32]);

/* ---- turn_media.c ---- */

/* Looks at what is attached, then goes on with qg_turn_answer(), at once where there is nothing. */
void qg_turn_look(struct qg_turn *turn);
/* Whether it was read, and is a document or a picture. */
bool qg_look_has_text(const struct qg_look *look);
bool qg_look_has_picture(const struct qg_look *look);
/* The file's name; "" for none. */
const char *qg_look_name(const struct qg_look *look);
bool qg_turn_has_documents(const struct qg_turn *turn);
/* Adds a line to the notes, each once. Takes text; NULL counts as no memory. */
void qg_turn_note(struct qg_turn *turn, char *text);
/* Notes how the documents begin, for who has no model to read them. */
void qg_turn_note_documents(struct qg_turn *turn);
/* Nobody looks at the pictures any more. */
void qg_turn_drop_pictures(struct qg_turn *turn);
/* Frees them all, forgets what is still under way. */
void qg_turn_end_looks(struct qg_turn *turn);

/* ---- turn_desk.c ---- */

/* Asks what commands want to know, then proceeds; false: there is nothing to ask. */
bool qg_turn_ask_desk(struct qg_turn *turn);

/* ---- turn_faq.c ---- */

#define QG_MAX_QUESTIONS 8 /* of one batch that are answered one by one */

/* Answers into turn->faq what the FAQ knows of a message, puts the rest into turn->open. false: no
 * memory. */
bool qg_turn_ask_faq(struct qg_turn *turn, const char *text);
/* Leaves a message to the model as it stands: the FAQ does not know what is attached to it. false: no memory. */
bool qg_turn_leave_open(struct qg_turn *turn, const char *text);

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
/* Whether the conversation hears of that for the first time this day of the bot. */
bool qg_state_first_today(struct qg_turn *turn, const char *what);
/* "20261122" of the bot's clock; out: 12 bytes. */
void qg_state_day(const struct qg_turn *turn, char out[12]);

/* ---- commands.c ---- */

/* Whether text is a command; then it was carried out and the answer said. */
bool qg_command_run(struct qg_turn *turn, const struct qg_message *message);
/* An admin of this bot. */
bool qg_command_is_admin(const struct qg_turn *turn, const struct qg_message *message);

/* ---- commands_group.c: who may be served where ---- */

/* rest: what stands behind the command's word. */
void qg_command_enable(struct qg_turn *turn, const struct qg_message *message, const char *rest);
void qg_command_disable(struct qg_turn *turn, const struct qg_message *message, const char *rest);
void qg_command_bind(struct qg_turn *turn, const struct qg_message *message, const char *rest);
/* A turn in a group that no admin enabled. */
void qg_group_closed(struct qg_turn *turn);
/* For a group that is closed to all else: whether message is /启用, or a /绑定 that must hear that a code has no place
 * here; then it was carried out. */
bool qg_command_run_closed(struct qg_turn *turn, const struct qg_message *message);

/* ---- handover.c ---- */

/* Does one of the messages ask for a person? */
bool qg_handover_wanted(const struct qg_turn *turn);
/* Says whom to call and keeps quiet for the asker from now on. */
void qg_handover_do(struct qg_turn *turn);
/* Says that nothing was found. counts: towards handing over, which is done at the last miss allowed. */
void qg_handover_miss(struct qg_turn *turn, bool counts);
/* Keeps quiet: a line to whom mentions the bot meanwhile, once in a while. */
void qg_handover_keep_quiet(struct qg_turn *turn, int64_t until);
/* "15:30" of a wall time by the bot's clock; out: 6 bytes. */
void qg_handover_time(const struct qg_turn *turn, int64_t wall, char out[6]);

/* ---- history.c ---- */

/* The messages of this turn, and its answer, as elements to append. false: no memory. */
bool qg_history_add(struct qg_turn *turn);
/* Appends what a prompt holds of a stored history: elements of a JSON array, a comma behind each; and their tokens
 * to the count. NULL: none. */
void qg_history_join(const char *history, struct qg_buf *out, struct qg_token_count *tokens);

/* ---- prompt.c ---- */

/* The messages of a prompt as qg_ask wants them: history, then what was found, sender, time and
 * question, all people's words fenced. Yours to free; NULL for no memory. Sets prompt_tokens. */
char *qg_prompt_messages(struct qg_turn *turn, const struct qg_found *found, size_t found_count);
#define QG_FENCE "│ " /* stands before every line that others wrote */
/* Appends text with the mark before each of its lines. */
void qg_prompt_fence(struct qg_buf *out, const char *text, size_t size);
#define QG_NAME_SHOWN 60       /* bytes of a person's name */
#define QG_FILE_NAME_SHOWN 150 /* of a file's */
/* Appends a name for our own line: at most so many bytes of it, without what could end it. */
void qg_prompt_add_name(struct qg_buf *out, const char *name, size_t most);
/* Appends {"role":...,"content":...}. */
void qg_prompt_add_message(struct qg_buf *out, const char *role, const struct qg_buf *content);

/* ---- prompt_said.c ---- */

/* Appends what a message's sender says, fenced: the first size bytes of text. */
void qg_prompt_add_speech(
	struct qg_buf *out, const struct qg_message *message, const char *text, size_t size);
/* Appends what a message of the batch brings, fenced; whole: all of it, else what is remembered. */
void qg_prompt_add_said(struct qg_buf *out, const struct qg_turn *turn, size_t index, bool whole);

#endif
