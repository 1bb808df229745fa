/* turn.c - one turn: commands, handover, FAQ, and what is left to a model; then one reply of it
 * all.
 *
 * The steps that need no waiting run in one go, deferred to the loop's next turn so that finished()
 * never comes from inside qg_turn_start(). Only a search and a model are waited for. A turn writes
 * nothing anywhere: all that shall last leaves with the result. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "text.h"

#define PAUSED_AGAIN_MS (10 * 60 * 1000)
#define MAX_QUESTION (64 * 1024) /* bytes of a question to a model */

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
	qg_buf_finish(&turn->answer);
	qg_buf_finish(&turn->faq);
	qg_strings_finish(&turn->open);
	json_decref(turn->sources);
	json_decref(turn->history);
	json_decref(turn->state);
	free(turn->messages);
	free(turn->question);
	free(turn->usage.model);
	qg_role_release(turn->request.role);
	if (turn->request.config != NULL) {
		qg_config_release(turn->request.config);
	}
	free(turn);
}

/* ---- the end ---- */

static bool fill_ids(const struct qg_turn *turn, struct qg_reply *reply)
{
	const struct qg_message *last = qg_turn_last(turn);
	reply->id = qg_str_copy(turn->id);
	reply->bot = qg_str_copy(turn->request.bot->name);
	reply->chat = qg_str_copy(last->chat);
	reply->conversation = turn->request.conversation != NULL
				      ? qg_str_copy(turn->request.conversation)
				      : qg_str_printf("%s/%s", turn->request.bot->name, last->chat);
	reply->chat_type = last->chat_type;
	reply->handle = qg_str_copy(last->handle);
	reply->sender = qg_str_copy(last->sender);
	reply->answers = json_array();
	for (size_t i = 0; reply->answers != NULL && i < turn->request.count; i++) {
		json_array_append_new(reply->answers, json_string(turn->request.messages[i]->id));
	}
	return reply->id != NULL && reply->bot != NULL && reply->chat != NULL &&
	       reply->conversation != NULL && reply->answers != NULL &&
	       json_array_size(reply->answers) == turn->request.count;
}

static struct qg_reply *make_reply(struct qg_turn *turn)
{
	struct qg_reply *reply = qg_reply_create();
	if (reply == NULL || !fill_ids(turn, reply)) {
		qg_reply_destroy(reply);
		return NULL;
	}
	const char *label = turn->request.bot->ai_label;
	reply->text = qg_utf8_clean(turn->answer.data, turn->answer.size);
	reply->label =
		turn->generated && label != NULL && label[0] != '\0' ? qg_str_copy(label) : NULL;
	reply->sources = json_array_size(turn->sources) > 0 ? json_incref(turn->sources) : NULL;
	reply->usage = turn->usage;
	turn->usage = (struct qg_usage){0};
	if (reply->usage.model == NULL) {
		reply->usage.model = qg_str_copy("offline");
	}
	reply->usage.cost = qg_str_copy("{\"CNY\":0}");
	reply->stored_at = turn->request.stored_at != NULL
				   ? turn->request.stored_at[turn->request.count - 1]
				   : turn->now;
	reply->first_at = turn->first_at;
	if (reply->text == NULL || reply->usage.model == NULL || reply->usage.cost == NULL) {
		qg_reply_destroy(reply);
		return NULL;
	}
	return reply;
}

static void fail(struct qg_turn *turn, enum qg_status status, const char *words)
{
	const struct qg_turn_host *host = turn->host;
	host->finished(turn->arg, status, NULL, words);
	destroy(turn);
}

/* way: how it was answered. remember: the talk goes into the history. */
static void finish(struct qg_turn *turn, const char *way, bool remember)
{
	qg_state_end(turn);
	struct qg_reply *reply = turn->answer.size > 0 ? make_reply(turn) : NULL;
	bool lost = turn->answer.failed != QG_OK || (turn->answer.size > 0 && reply == NULL);
	if (lost || (remember && !qg_history_add(turn))) {
		qg_reply_destroy(reply);
		fail(turn, turn->answer.failed != QG_OK ? turn->answer.failed : QG_NO_MEMORY,
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
		.way = way,
	};
	turn->host->finished(turn->arg, QG_OK, &result, NULL);
	qg_reply_destroy(result.reply);
	destroy(turn);
}

/* ---- models ---- */

static void keep_usage(struct qg_turn *turn, const struct qg_model_config *endpoint,
	const struct qg_model_result *result)
{
	const char *model = result->model;
	if (model == NULL && endpoint != NULL) {
		model = endpoint->model != NULL ? endpoint->model : endpoint->name;
	}
	turn->usage.model = qg_str_copy(model);
	turn->usage.input = result->tokens.input;
	turn->usage.cached_input = result->tokens.cached_input;
	turn->usage.output = result->tokens.output;
}

static void say_faq(struct qg_turn *turn)
{
	if (turn->faq.size > 0) {
		qg_turn_say(turn, qg_str_copy(turn->faq.data));
	}
}

static void on_chunk(void *arg, const char *data, size_t size, bool streams)
{
	struct qg_turn *turn = arg;
	if (!streams && turn->answer.size == 0) {
		say_faq(turn); /* a quote goes behind what the FAQ said; a model was told it */
		qg_buf_add_str(&turn->answer, turn->answer.size > 0 ? "\n\n" : "");
	}
	if (turn->answer.size + size > QG_ANSWER_MAX) {
		return; /* the rest of an endless answer is not worth a failure */
	}
	qg_buf_add(&turn->answer, data, size);
	if (streams && turn->host->draft != NULL && turn->answer.failed == QG_OK) {
		turn->first_at = turn->first_at != 0 ? turn->first_at : qg_clock_wall();
		turn->host->draft(turn->arg, turn->id, turn->answer.data);
	}
}

/* Nothing in the handbook: beside an FAQ answer the question left open is named, else it is a
 * miss. */
static void end_missed(struct qg_turn *turn)
{
	if (turn->faq.size == 0) {
		qg_handover_miss(turn);
		finish(turn, turn->handed_over ? "handover" : "offline", true);
		return;
	}
	say_faq(turn);
	for (size_t i = 0; i < turn->open.count; i++) {
		if (qg_text_asks(turn->open.items[i])) {
			QG_AUTO(qg_str_free)
			char *suggested = qg_role_suggested(turn->request.role);
			QG_AUTO(qg_str_free)
			char *miss = qg_role_words(
				turn->request.role, "miss", "suggestions", suggested, NULL);
			qg_turn_say(turn, miss != NULL ? qg_str_printf("「%s」：%s",
								 turn->open.items[i], miss)
						       : NULL);
		}
	}
	finish(turn, "faq", true);
}

static void on_ended(void *arg, const struct qg_model_config *endpoint,
	const struct qg_model_result *result, bool shown)
{
	struct qg_turn *turn = arg;
	turn->chain = NULL;
	if (!shown && result->error != QG_MODEL_NONE) {
		fail(turn, QG_FAILED,
			result->words != NULL ? result->words : qg_model_error_text(result->error));
		return;
	}
	keep_usage(turn, endpoint, result);
	if (result->missed) {
		end_missed(turn);
		return;
	}
	turn->generated = result->generated;
	if (result->generated) { /* the FAQ was material, not the answer */
		json_array_clear(turn->sources);
	}
	json_array_extend(turn->sources, result->sources);
	if (result->error != QG_MODEL_NONE) {
		qg_turn_say(turn, qg_role_words(turn->request.role, "interrupted", NULL));
	}
	json_object_del(turn->asker, "misses");
	finish(turn, result->generated ? "model" : "offline", true);
}

static void ask_models(struct qg_turn *turn)
{
	static const struct qg_chain_host host = {on_chunk, on_ended};
	turn->ask = (struct qg_ask){
		.text = turn->question,
		.role = turn->request.role,
		.bot = turn->request.bot,
		.system = turn->request.role->system,
		.messages = turn->messages,
		.messages_size = turn->messages != NULL ? strlen(turn->messages) : 0,
		.max_tokens = turn->request.bot->answer_tokens,
	};
	turn->chain = qg_chain_start(turn->request.loop, turn->request.config, turn->request.bot,
		turn->request.force_model, &turn->ask, &host, turn);
	if (turn->chain == NULL) {
		fail(turn, QG_FAILED, "no model could be asked");
	}
}

static void on_found(void *arg, enum qg_status status, struct qg_found *found, size_t count)
{
	struct qg_turn *turn = arg;
	turn->lookup = NULL;
	turn->messages = qg_prompt_messages(turn, found, status == QG_OK ? count : 0);
	if (turn->messages == NULL) {
		fail(turn, QG_NO_MEMORY, "the prompt: out of memory");
		return;
	}
	ask_models(turn);
}

/* The questions that are open as one text, a line each. */
static char *join(const struct qg_strings *questions)
{
	struct qg_buf text;
	qg_buf_init(&text, MAX_QUESTION + QG_MAX_QUESTIONS);
	for (size_t i = 0; i < questions->count; i++) {
		qg_buf_printf(&text, "%s%s", i > 0 ? "\n" : "", questions->items[i]);
	}
	return qg_buf_steal(&text);
}

static void think(struct qg_turn *turn)
{
	turn->question = join(&turn->open);
	if (turn->question == NULL) {
		fail(turn, QG_NO_MEMORY, "out of memory");
		return;
	}
	if (!qg_chain_wants_prompt(
		    turn->request.config, turn->request.bot, turn->request.force_model)) {
		ask_models(turn);
		return;
	}
	turn->lookup = qg_lookup_start(
		turn->request.loop, turn->request.role, &turn->open, on_found, turn);
	if (turn->lookup == NULL) {
		fail(turn, QG_BUSY, "the pool is full");
	}
}

/* ---- the steps that need no waiting ---- */

static void finish_faq(struct qg_turn *turn)
{
	say_faq(turn);
	qg_turn_say(turn, qg_role_words(turn->request.role, "source_faq", NULL));
	json_object_del(turn->asker, "misses");
	finish(turn, "faq", true);
}

static void keep_paused(struct qg_turn *turn)
{
	int64_t told = qg_json_int(turn->state, "paused_told", 0);
	if (told == 0 || turn->now >= told + PAUSED_AGAIN_MS || turn->now < told) {
		json_object_set_new(turn->state, "paused_told", json_integer(turn->now));
		qg_turn_say(turn, qg_role_words(turn->request.role, "paused", NULL));
	}
	finish(turn, "paused", false);
}

static bool is_empty(const struct qg_message *message)
{
	uint32_t codes[8];
	size_t count = message->text != NULL ? qg_text_codes(message->text, codes, 8) : 0;
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
	const struct qg_message *last = qg_turn_last(turn);
	if (json_array_size(last->attachments) > 0) {
		qg_turn_say(turn, qg_role_words(role, "not_text", NULL));
		finish(turn, "command", false);
		return;
	}
	if (turn->request.history == NULL || turn->request.history[0] == '\0') {
		qg_turn_say(turn, role->greeting[0] != '\0'
					  ? qg_str_copy(role->greeting)
					  : qg_role_words(role, "greeting", NULL));
	}
	QG_AUTO(qg_str_free) char *suggested = qg_role_suggested(role);
	qg_turn_say(turn, qg_role_words(role, "empty_message", "suggestions", suggested, NULL));
	finish(turn, "command", false);
}

/* Commands are carried out in order; whether anything else was said. */
static bool run_commands(struct qg_turn *turn, bool *asked)
{
	bool any = false;
	for (size_t i = 0; i < turn->request.count; i++) {
		const struct qg_message *message = turn->request.messages[i];
		asked[i] = !qg_command_run(turn, message);
		any |= asked[i];
	}
	return any;
}

static void answer(struct qg_turn *turn, const bool *asked)
{
	bool empty = true, good = true;
	for (size_t i = 0; i < turn->request.count && good; i++) {
		const struct qg_message *message = turn->request.messages[i];
		if (asked[i] && !is_empty(message)) {
			empty = false;
			good = qg_turn_ask_faq(turn, message->text);
		}
	}
	if (!good) {
		fail(turn, QG_NO_MEMORY, "out of memory");
	} else if (empty) {
		greet(turn);
	} else if (turn->open.count == 0 && turn->faq.size > 0) {
		finish_faq(turn);
	} else if (turn->open.count == 0) { /* marks only: "？？" */
		greet(turn);
	} else {
		think(turn);
	}
}

static void step(struct qg_turn *turn)
{
	if (!qg_state_begin(turn)) {
		fail(turn, QG_NO_MEMORY, "out of memory");
		return;
	}
	if (turn->request.paused) {
		keep_paused(turn);
		return;
	}
	json_object_del(turn->state, "paused_told");
	bool *asked = calloc(turn->request.count, sizeof(*asked));
	if (asked == NULL) {
		fail(turn, QG_NO_MEMORY, "out of memory");
		return;
	}
	int64_t quiet = 0;
	if (!run_commands(turn, asked)) {
		finish(turn, "command", false);
	} else if ((quiet = qg_state_quiet(turn)) > 0) {
		qg_handover_keep_quiet(turn, quiet);
		finish(turn, "quiet", false);
	} else if (qg_handover_wanted(turn)) {
		qg_handover_do(turn);
		finish(turn, "handover", true);
	} else {
		answer(turn, asked);
	}
	free(asked);
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
	return turn->answer.data != NULL ? turn->answer.data : "";
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
