/* cases.c - the golden questions of a template, asked through real turns.
 *
 * A case is a small conversation: history and state are carried from turn to turn as a worker does
 * it. What is expected must stand in one of its answers, what must never be said in none; a plain
 * look for substrings, so that whoever writes a template can foresee the outcome. */
#include "qg/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/turn.h"
#include "role_parts.h"
#include "text.h"

#define MAX_ANSWERS (256 * 1024)
#define MAX_WHY 4096

struct qg_cases {
	struct qg_loop *loop;
	struct qg_config *config;
	const struct qg_bot_config *bot;
	struct qg_role *role;
	json_t *all; /* as written; NULL without any */
	struct qg_endpoints *endpoints;
	struct qg_desk *desk;
	char *model;
	const struct qg_cases_host *host;
	void *arg;

	size_t index, ask; /* of the case, and of the question in it */
	size_t ok, failed, left_out;
	uint64_t began_us;
	char *history;
	json_t *state;
	struct qg_buf answers; /* all of the case */
	char *answer;	       /* the last */
	bool handed_over;
	struct qg_message *message;
	int64_t stored_at;
	struct qg_turn *turn;
	bool waits, cancelled;
};

static void next_case(struct qg_cases *cases);

static void destroy(struct qg_cases *cases)
{
	qg_turn_cancel(cases->turn);
	qg_message_destroy(cases->message);
	free(cases->history);
	json_decref(cases->state);
	json_decref(cases->all);
	qg_buf_finish(&cases->answers);
	free(cases->answer);
	free(cases->model);
	qg_role_release(cases->role);
	if (cases->config != NULL) {
		qg_config_release(cases->config);
	}
	free(cases);
}

static const json_t *current(const struct qg_cases *cases)
{
	return json_array_get(cases->all, cases->index);
}

/* A list, or one scalar in its place: the text at index, NULL behind the last. Numbers are text
 * here. */
static const char *item_at(const json_t *value, size_t index, char number[32])
{
	const json_t *item = json_is_array(value) ? json_array_get(value, index)
			     : index == 0	  ? value
						  : NULL;
	if (json_is_integer(item)) {
		snprintf(number, 32, "%lld", (long long)json_integer_value(item));
		return number;
	}
	return json_string_value(item);
}

static const char *ask_at(const struct qg_cases *cases, size_t index, char number[32])
{
	return item_at(json_object_get(current(cases), "ask"), index, number);
}

/* ---- judging ---- */

static void check_all(
	const struct qg_cases *cases, const char *key, bool wanted, struct qg_buf *why)
{
	const json_t *values = json_object_get(current(cases), key);
	const char *said = cases->answers.size > 0 ? cases->answers.data : "";
	char number[32];
	const char *text;
	for (size_t i = 0; (text = item_at(values, i, number)) != NULL; i++) {
		if (qg_text_has(said, text) != wanted) {
			qg_buf_printf(why, "%s%s '%s'", why->size > 0 ? ", " : "",
				wanted ? "lacks" : "says", text);
		}
	}
}

static void report(struct qg_cases *cases, enum qg_case_outcome outcome, const char *why)
{
	char number[32];
	const char *ask = ask_at(cases, 0, number);
	size_t *counter = outcome == QG_CASE_OK	      ? &cases->ok
			  : outcome == QG_CASE_FAILED ? &cases->failed
						      : &cases->left_out;
	*counter += 1;
	struct qg_case result = {
		.index = cases->index,
		.total = json_array_size(cases->all),
		.ask = ask != NULL ? ask : "",
		.outcome = outcome,
		.why = why,
		.answer = outcome != QG_CASE_LEFT_OUT ? cases->answer : NULL,
		.ms = outcome != QG_CASE_LEFT_OUT
			      ? (qg_clock_mono_us() - cases->began_us + 500) / 1000
			      : 0,
	};
	cases->host->each(cases->arg, &result);
}

static void judge(struct qg_cases *cases)
{
	QG_AUTO(qg_buf_finish) struct qg_buf why;
	qg_buf_init(&why, MAX_WHY);
	check_all(cases, "expect", true, &why);
	check_all(cases, "never", false, &why);
	const json_t *handover = json_object_get(current(cases), "handover");
	if (json_is_boolean(handover) && json_is_true(handover) != cases->handed_over) {
		qg_buf_printf(&why, "%s%s", why.size > 0 ? ", " : "",
			cases->handed_over ? "was handed over" : "was not handed over");
	}
	report(cases, why.size > 0 ? QG_CASE_FAILED : QG_CASE_OK, why.size > 0 ? why.data : NULL);
}

/* Why the case cannot be run in this build, or as it was asked for; NULL: it can. */
static const char *leave_out(const struct qg_cases *cases)
{
	const json_t *json = current(cases);
	if (json_object_get(json, "tool") != NULL) {
		return "needs a tool";
	}
	if (json_object_get(json, "record") != NULL) {
		return "needs a record";
	}
	if (cases->model == NULL && !qg_json_bool(json, "offline", false)) {
		return "needs a model";
	}
	return NULL;
}

/* ---- asking ---- */

static struct qg_message *make_message(const struct qg_cases *cases, const char *text)
{
	struct qg_message *message = qg_message_create();
	if (message == NULL) {
		return NULL;
	}
	message->id = qg_str_printf("case-%zu-%zu", cases->index, cases->ask);
	message->chat_type = QG_CHAT_DIRECT;
	message->chat = qg_str_copy("cases");
	message->sender = qg_str_copy("tester");
	message->sender_name = qg_str_copy("tester");
	message->text = qg_str_copy(text);
	message->mentions_bot = true;
	message->sent_at = qg_clock_wall();
	if (message->id == NULL || message->chat == NULL || message->sender == NULL ||
		message->text == NULL) {
		qg_message_destroy(message);
		return NULL;
	}
	return message;
}

static void keep_answer(struct qg_cases *cases, const struct qg_turn_result *result)
{
	free(cases->answer);
	cases->answer = NULL;
	if (result->reply != NULL) {
		qg_buf_printf(&cases->answers, "%s\n", result->reply->text);
		cases->answer = qg_str_copy(result->reply->text);
	}
	cases->handed_over |= result->handed_over;
	json_t *state = json_deep_copy(result->state);
	if (state == NULL || !qg_turn_remember(&cases->history, result)) {
		json_decref(state);
		return;
	}
	json_decref(cases->state);
	cases->state = state;
}

static void ask_next(struct qg_cases *cases);

static void turn_finished(
	void *arg, enum qg_status status, struct qg_turn_result *result, const char *words)
{
	struct qg_cases *cases = arg;
	cases->turn = NULL;
	qg_message_destroy(cases->message);
	cases->message = NULL;
	if (status != QG_OK) {
		report(cases, QG_CASE_FAILED, words != NULL ? words : qg_status_text(status));
		cases->index++;
		next_case(cases);
		return;
	}
	keep_answer(cases, result);
	cases->ask++;
	ask_next(cases);
}

static void ask_next(struct qg_cases *cases)
{
	static const struct qg_turn_host host = {NULL, turn_finished};
	char number[32];
	const char *text = ask_at(cases, cases->ask, number);
	if (text == NULL) {
		judge(cases);
		cases->index++;
		next_case(cases);
		return;
	}
	cases->message = make_message(cases, text);
	cases->stored_at = qg_clock_wall();
	struct qg_turn_request request = {
		.loop = cases->loop,
		.endpoints = cases->endpoints,
		.desk = cases->desk,
		.config = cases->config,
		.bot = cases->bot,
		.role = cases->role,
		.conversation = "cases",
		.messages = (struct qg_message *const *)&cases->message,
		.stored_at = &cases->stored_at,
		.count = 1,
		.history = cases->history,
		.state = cases->state,
		.enabled = true,
		.force_model = cases->model != NULL ? cases->model : "offline",
	};
	cases->turn = cases->message != NULL ? qg_turn_start(&request, &host, cases) : NULL;
	if (cases->turn == NULL) {
		report(cases, QG_CASE_FAILED, "out of memory");
		cases->index++;
		next_case(cases);
	}
}

static void begin_case(void *arg)
{
	struct qg_cases *cases = arg;
	cases->waits = false;
	if (cases->cancelled) {
		destroy(cases);
		return;
	}
	while (cases->index < json_array_size(cases->all)) {
		const char *why = leave_out(cases);
		if (why == NULL) {
			free(cases->history);
			cases->history = NULL;
			json_object_clear(cases->state);
			qg_buf_reset(&cases->answers);
			cases->ask = 0;
			cases->handed_over = false;
			cases->began_us = qg_clock_mono_us();
			ask_next(cases);
			return;
		}
		report(cases, QG_CASE_LEFT_OUT, why);
		cases->index++;
	}
	cases->host->ended(cases->arg, cases->ok, cases->failed, cases->left_out);
	destroy(cases);
}

/* Over the loop, so that a long list of cases does not become a deep stack. */
static void next_case(struct qg_cases *cases)
{
	cases->waits = qg_loop_defer(cases->loop, begin_case, cases) == QG_OK;
	if (!cases->waits) {
		begin_case(cases);
	}
}

/* ---- life ---- */

struct qg_cases *qg_cases_run(struct qg_loop *loop, struct qg_config *config,
	const struct qg_bot_config *bot, struct qg_role *role, const char *model,
	const struct qg_cases_host *host, void *arg)
{
	struct qg_cases *cases = calloc(1, sizeof(*cases));
	if (cases == NULL) {
		return NULL;
	}
	cases->loop = loop;
	cases->config = config != NULL ? qg_config_take(config) : NULL;
	cases->bot = bot;
	cases->role = qg_role_take(role);
	cases->all = role->template->cases != NULL ? qg_tree_to_json(role->template->cases) : NULL;
	cases->host = host;
	cases->arg = arg;
	cases->model = qg_str_copy(model);
	cases->state = json_object();
	qg_buf_init(&cases->answers, MAX_ANSWERS);
	if ((model != NULL && cases->model == NULL) || cases->state == NULL ||
		qg_loop_defer(loop, begin_case, cases) != QG_OK) {
		destroy(cases);
		return NULL;
	}
	cases->waits = true;
	return cases;
}

void qg_cases_use(struct qg_cases *cases, struct qg_endpoints *endpoints, struct qg_desk *desk)
{
	cases->endpoints = endpoints;
	cases->desk = desk;
}

void qg_cases_cancel(struct qg_cases *cases)
{
	if (cases == NULL) {
		return;
	}
	if (cases->waits) {
		cases->cancelled = true;
		return;
	}
	destroy(cases);
}

json_t *qg_cases_example_answers(const struct qg_tree *tree)
{
	json_t *answers = json_object();
	const struct qg_tree *interview = qg_tree_get(tree, "interview");
	for (size_t i = 0; answers != NULL && interview != NULL && i < interview->count; i++) {
		const struct qg_tree *key = qg_tree_get(interview->items[i], "key");
		const struct qg_tree *example = qg_tree_get(interview->items[i], "example");
		if (key != NULL && key->kind == QG_TREE_SCALAR && example != NULL &&
			example->kind == QG_TREE_SCALAR) {
			json_object_set_new(answers, key->text, json_string(example->text));
		}
	}
	return answers;
}
