/* turn.c - one turn: commands, handover, a look at what is attached (turn_media.c), FAQ, and what is left to a model
 * (turn_model.c); then one reply of it all (turn_reply.c).
 *
 * The steps that need no waiting run in one go, deferred to the loop's next turn so that finished()
 * never comes from inside qg_turn_start(). Only the desk, what is attached, a search and a model are waited
 * for. A turn writes nothing anywhere: all that shall last leaves with the result, and what was spent by the desk. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "text.h"

#define PAUSED_AGAIN_MS (10 * 60 * 1000)

const struct qg_message *qg_turn_last(const struct qg_turn *turn)
{
	return turn->request.messages[turn->request.count - 1];
}

void qg_turn_say(struct qg_turn *turn, char *text)
{
	if (text == NULL) {
		turn->answer.failed = QG_NO_MEMORY;
		return;
	}
	if (text[0] != '\0') {
		qg_buf_printf(&turn->answer, "%s%s", turn->answer.size > 0 ? "\n\n" : "", text);
	}
	free(text);
}

static void destroy(struct qg_turn *turn)
{
	qg_chain_cancel(turn->chain);
	qg_lookup_cancel(turn->lookup);
	qg_timer_destroy(turn->busy);
	if (turn->at_desk) {
		turn->request.desk->forget(turn->request.desk, turn);
	}
	qg_turn_end_looks(turn);
	qg_buf_finish(&turn->answer);
	qg_buf_finish(&turn->faq);
	qg_strings_finish(&turn->open);
	json_decref(turn->sources);
	json_decref(turn->buttons);
	json_decref(turn->history);
	json_decref(turn->state);
	free(turn->messages);
	free(turn->question);
	free(turn->model);
	free(turn->busy_words);
	free(turn->asked);
	qg_role_release(turn->request.role);
	if (turn->request.config != NULL) {
		qg_config_release(turn->request.config);
	}
	free(turn);
}

/* ---- the end ---- */

void qg_turn_fail(struct qg_turn *turn, enum qg_status status, const char *words)
{
	const struct qg_turn_host *host = turn->host;
	host->finished(turn->arg, status, NULL, words);
	destroy(turn);
}

/* The answers change because money does: the group hears that once a day, and no figures. */
static void say_simpler(struct qg_turn *turn)
{
	if (turn->limited && turn->answer.size > 0 && qg_state_first_today(turn, "simpler_told")) {
		qg_turn_say(turn, qg_role_words(turn->request.role, "limit_simpler", NULL));
	}
}

void qg_turn_say_notes(struct qg_turn *turn)
{
	if (turn->notes.size > 0) {
		qg_turn_say(turn, qg_str_copy(turn->notes.data));
		turn->notes_said = true;
	}
}

/* Where nobody said them while the answer was made. */
static void put_notes_first(struct qg_turn *turn)
{
	if (turn->notes.size == 0 || turn->notes_said) {
		return;
	}
	QG_AUTO(qg_str_free)
	char *answer = turn->answer.size > 0 ? qg_str_copy(turn->answer.data) : qg_str_copy("");
	enum qg_status failed = turn->answer.failed;
	qg_buf_reset(&turn->answer);
	turn->answer.failed = failed != QG_OK || answer != NULL ? failed : QG_NO_MEMORY;
	qg_turn_say_notes(turn);
	if (answer != NULL && answer[0] != '\0') {
		qg_turn_say(turn, qg_str_copy(answer));
	}
}

void qg_turn_finish(struct qg_turn *turn, const char *way, bool remember)
{
	put_notes_first(turn);
	say_simpler(turn);
	qg_state_end(turn);
	struct qg_reply *reply = turn->answer.size > 0 ? qg_turn_make_reply(turn) : NULL;
	bool lost = turn->answer.failed != QG_OK || (turn->answer.size > 0 && reply == NULL);
	if (lost || (remember && !qg_history_add(turn))) {
		qg_reply_destroy(reply);
		qg_turn_fail(turn,
			turn->answer.failed != QG_OK ? turn->answer.failed : QG_NO_MEMORY,
			"out of memory");
		return;
	}
	struct qg_turn_result result = {
		.reply = reply,
		.history = turn->history,
		.forget_history = turn->forget_history,
		.state = turn->state,
		.missed = turn->missed,
		.handed_over = turn->handed_over,
		.group = turn->group,
		.way = way,
	};
	turn->host->finished(turn->arg, QG_OK, &result, NULL);
	qg_reply_destroy(result.reply);
	destroy(turn);
}

/* ---- the steps that need no waiting ---- */

void qg_turn_say_faq(struct qg_turn *turn)
{
	if (turn->faq.size > 0) {
		qg_turn_say(turn, qg_str_copy(turn->faq.data));
	}
}

static void finish_faq(struct qg_turn *turn)
{
	qg_turn_say_faq(turn);
	qg_turn_say(turn, qg_role_words(turn->request.role, "source_faq", NULL));
	json_object_del(turn->asker, "misses");
	qg_turn_note_saved(turn, "faq");
	qg_turn_finish(turn, "faq", true);
}

static void keep_paused(struct qg_turn *turn)
{
	int64_t told = qg_json_int(turn->state, "paused_told", 0);
	if (told == 0 || turn->now >= told + PAUSED_AGAIN_MS || turn->now < told) {
		json_object_set_new(turn->state, "paused_told", json_integer(turn->now));
		qg_turn_say(turn, qg_role_words(turn->request.role, "paused", NULL));
	}
	qg_turn_finish(turn, "paused", false);
}

static bool is_blank(const char *text)
{
	uint32_t codes[8];
	size_t count = text != NULL ? qg_text_codes(text, codes, 8) : 0;
	for (size_t i = 0; i < count; i++) {
		if (codes[i] > ' ') {
			return false;
		}
	}
	return true;
}

/* A mention without words: who I am the first time, later only what I can do. */
static void greet(struct qg_turn *turn)
{
	const struct qg_role *role = turn->request.role;
	if (turn->request.history == NULL || turn->request.history[0] == '\0') {
		qg_turn_say(turn, role->greeting[0] != '\0'
					  ? qg_str_copy(role->greeting)
					  : qg_role_words(role, "greeting", NULL));
	}
	QG_AUTO(qg_str_free) char *suggested = qg_role_suggested(role);
	qg_turn_say(turn, qg_role_words(role, "empty_message", "suggestions", suggested, NULL));
	qg_turn_add_suggestions(turn);
	qg_turn_finish(turn, "command", false);
}

/* Commands are carried out in order. */
static void run_commands(struct qg_turn *turn)
{
	for (size_t i = 0; i < turn->request.count; i++) {
		turn->asked[i] = !qg_command_run(turn, turn->request.messages[i]);
	}
}

static bool was_anything_asked(const struct qg_turn *turn)
{
	bool any = false;
	for (size_t i = 0; i < turn->request.count; i++) {
		any |= turn->asked[i];
	}
	return any;
}

/* What a message asks: its words, or, written under another message without any, that one. NULL: nothing. A call for
 * a person is sought in the words alone: what is quoted may be our own sentence that tells how to call one. */
static const char *question_of(const struct qg_message *message)
{
	const char *quote = json_array_size(message->attachments) == 0 ? message->quote : NULL;
	const char *text = !is_blank(message->text) ? message->text : quote;
	return is_blank(text) ? NULL : text;
}

/* Gathers what is asked; *any_out: whether it is anything at all. A question about what was sent along is none for the
 * FAQ where a model reads it. */
static bool gather(struct qg_turn *turn, bool for_model, bool *any_out)
{
	bool good = true;
	*any_out = false;
	for (size_t i = 0; i < turn->request.count && good; i++) {
		const char *text = turn->asked[i] ? question_of(turn->request.messages[i]) : NULL;
		if (text != NULL) {
			*any_out = true;
			good = for_model ? qg_turn_leave_open(turn, text)
					 : qg_turn_ask_faq(turn, text);
		}
	}
	return good;
}

void qg_turn_answer(struct qg_turn *turn)
{
	bool any, documents = qg_turn_has_documents(turn);
	bool for_model = (documents || turn->image_count > 0) && qg_turn_has_model(turn);
	if (!gather(turn, for_model, &any)) {
		qg_turn_fail(turn, QG_NO_MEMORY, "out of memory");
		return;
	}
	if (documents && !for_model) {
		qg_turn_note_documents(turn);
	}
	turn->is_bare = !any;
	if (for_model) {
		qg_turn_think(turn);
	} else if (!any && turn->look_count > 0) {
		qg_turn_finish(turn, "media", documents);
	} else if (!any) {
		greet(turn);
	} else if (turn->open.count == 0 && turn->faq.size > 0) {
		finish_faq(turn);
	} else if (turn->open.count == 0) { /* marks only: "？？" */
		greet(turn);
	} else {
		qg_turn_think(turn);
	}
}

void qg_turn_proceed(struct qg_turn *turn)
{
	int64_t quiet = 0;
	if (!was_anything_asked(turn)) {
		qg_turn_finish(turn, "command", false);
	} else if ((quiet = qg_state_quiet(turn)) > 0) {
		qg_handover_keep_quiet(turn, quiet);
		qg_turn_finish(turn, "quiet", false);
	} else if (qg_handover_wanted(turn)) {
		qg_handover_do(turn);
		qg_turn_finish(turn, "handover", true);
	} else {
		qg_turn_look(turn);
	}
}

static void step(struct qg_turn *turn)
{
	turn->asked = calloc(turn->request.count, sizeof(*turn->asked));
	if (turn->asked == NULL || !qg_state_begin(turn)) {
		qg_turn_fail(turn, QG_NO_MEMORY, "out of memory");
		return;
	}
	if (!turn->request.enabled && qg_turn_last(turn)->chat_type == QG_CHAT_GROUP) {
		qg_group_closed(turn);
		qg_turn_finish(turn, turn->group == QG_GROUP_ENABLED ? "command" : "closed", false);
		return;
	}
	if (turn->request.paused) {
		keep_paused(turn);
		return;
	}
	json_object_del(turn->state, "paused_told");
	run_commands(turn);
	if (!qg_turn_ask_desk(turn)) {
		qg_turn_proceed(turn);
	}
}

static void begin(void *arg)
{
	struct qg_turn *turn = arg;
	turn->waits = false;
	if (turn->cancelled) {
		destroy(turn);
	} else {
		step(turn);
	}
}

/* ---- life ---- */

/* The same for a repeated turn; another one where the batch is another, for what answers two messages is not the
 * answer to one of them. */
static void name_reply(struct qg_turn *turn, const char *conversation)
{
	qg_digest_id(turn->id, conversation, turn->request.messages[0]->id, NULL);
	for (size_t i = 1; i < turn->request.count; i++) {
		char before[sizeof(turn->id)];
		memcpy(before, turn->id, sizeof(before));
		qg_digest_id(turn->id, before, turn->request.messages[i]->id, NULL);
	}
}

struct qg_turn *qg_turn_start(
	const struct qg_turn_request *request, const struct qg_turn_host *host, void *arg)
{
	struct qg_turn *turn = request->count > 0 ? calloc(1, sizeof(*turn)) : NULL;
	if (turn == NULL) {
		return NULL;
	}
	turn->request = *request;
	turn->request.config = request->config != NULL ? qg_config_take(request->config) : NULL;
	turn->request.role = qg_role_take(request->role);
	turn->host = host;
	turn->arg = arg;
	turn->now = qg_clock_wall();
	turn->began_us = qg_clock_mono_us();
	turn->history = json_array();
	turn->sources = json_array();
	qg_buf_init(&turn->answer, QG_ANSWER_MAX + 4096);
	qg_buf_init(&turn->faq, QG_ANSWER_MAX / 2);
	QG_AUTO(qg_str_free) char *made = NULL;
	const char *conversation = request->conversation;
	if (conversation == NULL) {
		conversation = made =
			qg_str_printf("%s/%s", request->bot->name, request->messages[0]->chat);
	}
	if (conversation != NULL) {
		name_reply(turn, conversation);
	}
	if (turn->history == NULL || turn->sources == NULL || conversation == NULL ||
		qg_loop_defer(request->loop, begin, turn) != QG_OK) {
		destroy(turn);
		return NULL;
	}
	turn->waits = true;
	return turn;
}

const char *qg_turn_text(const struct qg_turn *turn)
{
	const char *waiting = turn->busy_words != NULL ? turn->busy_words : "";
	return turn->answer.size > 0 ? turn->answer.data : waiting;
}

void qg_turn_cancel(struct qg_turn *turn)
{
	if (turn == NULL) {
		return;
	}
	if (turn->waits) { /* begin() comes back to it once more */
		turn->cancelled = true;
		return;
	}
	destroy(turn);
}
