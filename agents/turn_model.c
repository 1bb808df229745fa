/* turn_model.c - the questions the FAQ left open, given to the bot's models; and how their answer ends the turn. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#include "models/lineup.h"
#include "qg/clock.h"
#include "text.h"

#define MAX_QUESTION (64 * 1024) /* bytes of a question to a model */
#define OFFLINE "offline"
#define BUSY_MS 8000 /* nobody waits longer without a word */

/* ---- the answer ---- */

/* What stands before the first words of an answer: a quote goes behind what the FAQ said; a model was told it. */
static void begin_answer(struct qg_turn *turn, bool streams)
{
	qg_turn_say_notes(turn);
	if (!streams) {
		qg_turn_say_faq(turn);
	}
	qg_buf_add_str(&turn->answer, turn->answer.size > 0 ? "\n\n" : "");
}

static void on_chunk(void *arg, const char *data, size_t size, bool streams)
{
	struct qg_turn *turn = arg;
	if (turn->answer.size == 0) {
		begin_answer(turn, streams);
	}
	if (turn->answer.size + size > QG_ANSWER_MAX) {
		turn->cut = true; /* the rest of an endless answer is not worth a failure */
	}
	if (turn->cut) {
		return;
	}
	qg_buf_add(&turn->answer, data, size);
	if (streams && turn->host->draft != NULL && turn->answer.failed == QG_OK) {
		turn->first_at = turn->first_at != 0 ? turn->first_at : qg_clock_wall();
		turn->host->draft(turn->arg, turn->id, turn->answer.data);
	}
}

/* Beside an FAQ answer the questions left open are named. */
static void name_open(struct qg_turn *turn)
{
	for (size_t i = 0; i < turn->open.count; i++) {
		if (!qg_text_asks(turn->open.items[i])) {
			continue;
		}
		QG_AUTO(qg_str_free) char *suggested = qg_role_suggested(turn->request.role);
		QG_AUTO(qg_str_free)
		char *miss =
			qg_role_words(turn->request.role, "miss", "suggestions", suggested, NULL);
		qg_turn_say(turn, miss != NULL
					  ? qg_str_printf("「%s」：%s", turn->open.items[i], miss)
					  : NULL);
	}
}

/* Nothing in the handbook. Where it only stands in for models that are away or too dear just now, that is no reason
 * to keep quiet for this asker later on. */
static void end_missed(struct qg_turn *turn)
{
	bool stands_in = turn->request.force_model == NULL &&
			 qg_lineup_talks(turn->request.config, turn->request.bot,
				 turn->request.endpoints) != NULL;
	bool documents = qg_turn_has_documents(turn);
	if (documents) { /* nobody read them; and the handbook need not know what they say */
		qg_turn_note_documents(turn);
	}
	if (documents && turn->open.count == 0) {
		qg_turn_finish(turn, "media", true);
		return;
	}
	if (turn->faq.size == 0) {
		qg_handover_miss(turn, !stands_in && !documents);
		qg_turn_finish(turn, turn->handed_over ? "handover" : "offline", true);
		return;
	}
	qg_turn_say_faq(turn);
	name_open(turn);
	qg_turn_finish(turn, "faq", true);
}

/* The budget is used up and the bot shall stop: what needs no money is said, and once a day why there is no more. */
static void end_stopped(struct qg_turn *turn)
{
	turn->limited = false;
	qg_turn_say_faq(turn);
	if (qg_state_first_today(turn, "stopped_told")) {
		qg_turn_say(turn, qg_role_words(turn->request.role, "stopped_at_limit", NULL));
	}
	qg_turn_finish(turn, "limit", false);
}

/* The vendor's name, where it is the vendor that answers: its form of API is spoken by many servers. */
static const char *title_of(const struct qg_model_config *endpoint)
{
	const struct qg_provider *provider =
		endpoint != NULL ? qg_provider_find(endpoint->provider) : NULL;
	bool is_form = endpoint != NULL && endpoint->base_url != NULL &&
		       (strcmp(endpoint->provider, "openai") == 0 ||
			       strcmp(endpoint->provider, "anthropic") == 0);
	QG_AUTO(qg_str_free) char *vendor = is_form ? qg_endpoint_vendor(endpoint) : NULL;
	if (provider == NULL || (is_form && !qg_str_equal(vendor, provider->title))) {
		return NULL;
	}
	return provider->title;
}

static void keep_model(struct qg_turn *turn, const struct qg_chain_end *end)
{
	const char *title = title_of(end->endpoint);
	const char *model = end->result->model;
	if (model == NULL && end->endpoint != NULL) {
		model = qg_endpoint_model(end->endpoint);
		model = model != NULL ? model : end->endpoint->name;
	}
	turn->model = qg_str_copy(model);
	turn->title = title != NULL ? title : turn->model;
}

/* The service took back what it had begun to say: it is said no more, here or in a later prompt. */
static void withdraw(struct qg_turn *turn)
{
	qg_buf_reset(&turn->answer);
	turn->notes_said = false;
	qg_turn_say_faq(turn);
	qg_turn_say(turn, qg_role_words(turn->request.role, "withdrawn", NULL));
	qg_turn_finish(turn, "withdrawn", true);
}

static void end_answered(struct qg_turn *turn, const struct qg_model_result *result)
{
	turn->generated = result->generated;
	if (result->generated) { /* the FAQ was material, not the answer */
		json_array_clear(turn->sources);
	} else if (turn->bill.calls == 0) { /* else a model was asked, and in vain */
		qg_turn_note_saved(turn, "offline");
	}
	json_array_extend(turn->sources, result->sources);
	if (result->error != QG_MODEL_NONE) {
		qg_turn_say(turn, qg_role_words(turn->request.role, "interrupted", NULL));
	} else if (result->cut || turn->cut) {
		qg_turn_say(turn, qg_role_words(turn->request.role, "cut_short", NULL));
	}
	json_object_del(turn->asker, "misses");
	qg_turn_finish(turn, result->generated ? "model" : "offline", true);
}

/* Nobody who sees could answer: the asker hears it, and what was asked beside the pictures goes to all. */
static void go_on_blind(struct qg_turn *turn, enum qg_model_error error)
{
	qg_turn_drop_pictures(turn);
	qg_turn_note(turn, qg_role_words(turn->request.role, "picture_failed", NULL));
	free(turn->question);
	free(turn->messages);
	turn->question = turn->messages = NULL;
	if (error == QG_MODEL_FILTERED) {
		turn->only = OFFLINE; /* no other service gets what one refused */
	}
	if (turn->open.count > 0 || qg_turn_has_documents(turn)) {
		qg_turn_think(turn);
	} else {
		qg_turn_finish(turn, "media", true);
	}
}

static void on_ended(void *arg, const struct qg_chain_end *end)
{
	struct qg_turn *turn = arg;
	const struct qg_model_result *result = end->result;
	turn->chain = NULL;
	turn->bill = *end->bill;
	turn->limited |= end->limited;
	if (end->status != QG_OK) {
		qg_turn_fail(turn, end->status, qg_status_text(end->status));
	} else if (!end->shown && result->error != QG_MODEL_NONE && turn->image_count > 0) {
		go_on_blind(turn, result->error);
	} else if (!end->shown && result->error == QG_MODEL_BUDGET) {
		end_stopped(turn);
	} else if (!end->shown && result->error != QG_MODEL_NONE) {
		qg_turn_fail(turn, QG_FAILED,
			result->words != NULL ? result->words : qg_model_error_text(result->error));
	} else {
		keep_model(turn, end);
		if (result->missed) {
			end_missed(turn);
		} else if (result->error == QG_MODEL_FILTERED) {
			withdraw(turn);
		} else {
			end_answered(turn, result);
		}
	}
}

/* ---- the question ---- */

/* Nothing was heard for long: a sentence stands where the answer will be. */
static void say_busy(void *arg)
{
	struct qg_turn *turn = arg;
	if (turn->answer.size == 0) {
		turn->busy_words = qg_role_words(turn->request.role, "busy", NULL);
		if (turn->busy_words != NULL) {
			turn->host->draft(turn->arg, turn->id, turn->busy_words);
		}
	}
}

struct qg_payer qg_turn_payer(const struct qg_turn *turn)
{
	const struct qg_message *last = qg_turn_last(turn);
	return (struct qg_payer){.config = turn->request.config,
		.bot = turn->request.bot,
		.endpoints = turn->request.endpoints,
		.desk = turn->request.desk,
		.chat = last->chat,
		.user = last->sender};
}

bool qg_turn_has_model(const struct qg_turn *turn)
{
	const struct qg_turn_request *request = &turn->request;
	return request->force_model != NULL
		       ? strcmp(request->force_model, OFFLINE) != 0
		       : qg_lineup_talks(request->config, request->bot, request->endpoints) != NULL;
}

void qg_turn_watch_the_clock(struct qg_turn *turn)
{
	if (turn->busy == NULL && turn->host->draft != NULL) {
		turn->busy = qg_timer_create(turn->request.loop, say_busy, turn);
		if (turn->busy != NULL) {
			qg_timer_start(turn->busy, qg_clock_scaled(BUSY_MS));
		}
	}
}

/* Who alone is asked; NULL: the bot's models in their order. */
static const char *only_one(const struct qg_turn *turn)
{
	return turn->only != NULL ? turn->only : turn->request.force_model;
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
		.history_size = turn->history_size,
		.tokens = turn->prompt_tokens,
		.history_tokens = turn->history_tokens,
		.max_tokens = turn->request.bot->answer_tokens,
		.images = turn->images,
		.image_count = turn->image_count,
	};
	struct qg_chain_request request = {.loop = turn->request.loop,
		.payer = qg_turn_payer(turn),
		.force = only_one(turn),
		.ask = &turn->ask,
		.spent = turn->bill};
	if (qg_turn_has_model(turn)) {
		qg_turn_watch_the_clock(turn);
	}
	turn->chain = qg_chain_start(&request, &host, turn);
	if (turn->chain == NULL) {
		qg_turn_fail(turn, QG_NO_MEMORY, "out of memory");
	}
}

static void on_found(void *arg, enum qg_status status, struct qg_found *found, size_t count)
{
	struct qg_turn *turn = arg;
	turn->lookup = NULL;
	turn->messages = qg_prompt_messages(turn, found, status == QG_OK ? count : 0);
	if (turn->messages == NULL) {
		qg_turn_fail(turn, QG_NO_MEMORY, "the prompt: out of memory");
		return;
	}
	ask_models(turn);
}

/* The questions that are open as one text, a line each. */
static char *join(const struct qg_strings *questions)
{
	struct qg_buf text;
	qg_buf_init(&text, MAX_QUESTION + QG_MAX_QUESTIONS);
	qg_buf_add_str(&text, "");
	for (size_t i = 0; i < questions->count; i++) {
		qg_buf_printf(&text, "%s%s", i > 0 ? "\n" : "", questions->items[i]);
	}
	return qg_buf_steal(&text);
}

void qg_turn_think(struct qg_turn *turn)
{
	turn->question = join(&turn->open);
	if (turn->question == NULL) {
		qg_turn_fail(turn, QG_NO_MEMORY, "out of memory");
		return;
	}
	if (!qg_lineup_wants_prompt(turn->request.config, turn->request.bot,
		    turn->request.endpoints, only_one(turn))) {
		ask_models(turn);
		return;
	}
	if (turn->open.count == 0) { /* only what is attached: the handbook does not know it */
		on_found(turn, QG_OK, NULL, 0);
		return;
	}
	turn->lookup = qg_lookup_start(
		turn->request.loop, turn->request.role, &turn->open, on_found, turn);
	if (turn->lookup == NULL) {
		qg_turn_fail(turn, QG_BUSY, "the pool is full");
	}
}
