/* offline.c - the model that needs no network: it quotes the handbook, or says honestly that it has
 * nothing.
 *
 * Several questions in one text are answered one after the other; one that finds nothing beside
 * others that do is named, so that nobody takes the quote for its answer. */
#include "qg/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "text.h"

#define MAX_ANSWER (32 * 1024)

struct state {
	struct qg_lookup *lookup;
	struct qg_strings questions;
	bool *gone; /* set by cancel() while a chunk is handed over */
};

extern const struct qg_model qg_model_offline;

static enum qg_status check(const struct qg_model_config *endpoint, char *words)
{
	return QG_OK;
}

/* The same section twice would be one answer said twice. */
static bool was_quoted(
	const struct qg_found *found, size_t count, const struct qg_found_section *section)
{
	for (size_t i = 0; i < count; i++) {
		const struct qg_found_section *first = &found[i].sections[0];
		if (found[i].answers && strcmp(first->title, section->title) == 0 &&
			strcmp(first->text, section->text) == 0) {
			return true;
		}
	}
	return false;
}

static void quote(const struct qg_role *role, const struct qg_found_section *section,
	struct qg_buf *out, json_t *sources)
{
	const char *heading = section->heading[0] != '\0' ? section->heading : section->title;
	QG_AUTO(qg_str_free)
	char *source = qg_role_words(
		role, "source_line", "title", section->title, "section", heading, NULL);
	qg_buf_printf(out, "%s**%s**\n%s\n\n%s", out->size > 0 ? "\n\n" : "", heading,
		section->text, source != NULL ? source : "");
	json_array_append_new(
		sources, json_pack("{s:s, s:s}", "title", section->title, "section", heading));
}

static void admit_miss(const struct qg_role *role, const char *question, struct qg_buf *out)
{
	QG_AUTO(qg_str_free) char *suggested = qg_role_suggested(role);
	QG_AUTO(qg_str_free)
	char *miss = qg_role_words(role, "miss", "suggestions", suggested, NULL);
	if (miss != NULL) {
		qg_buf_printf(out, "%s「%s」：%s", out->size > 0 ? "\n\n" : "", question, miss);
	}
}

static void end(struct qg_model_call *call, const struct qg_model_result *result)
{
	struct state *state = call->state;
	qg_strings_finish(&state->questions);
	call->host->ended(call, result);
}

static void found(void *arg, enum qg_status status, struct qg_found *found, size_t count)
{
	struct qg_model_call *call = arg;
	struct state *state = call->state;
	const struct qg_role *role = call->ask->role;
	state->lookup = NULL;
	struct qg_model_result result = {
		.model = "offline", .has_usage = true, .missed = true, .retry_after_ms = -1};
	json_auto_t *sources = json_array();
	if (status != QG_OK || sources == NULL) {
		result.error = QG_MODEL_SERVER;
		result.words = "the knowledge index cannot be read";
		end(call, &result);
		return;
	}
	QG_AUTO(qg_buf_finish) struct qg_buf answer;
	qg_buf_init(&answer, MAX_ANSWER);
	for (size_t i = 0; i < count; i++) {
		if (found[i].answers && !was_quoted(found, i, &found[i].sections[0])) {
			quote(role, &found[i].sections[0], &answer, sources);
		}
	}
	result.missed = json_array_size(sources) == 0;
	for (size_t i = 0; i < count && !result.missed; i++) {
		if (!found[i].answers && qg_text_asks(state->questions.items[i])) {
			admit_miss(role, state->questions.items[i], &answer);
		}
	}
	result.sources = result.missed ? NULL : sources;
	bool gone = false;
	if (!result.missed && answer.size > 0) {
		state->gone = &gone;
		call->host->chunk(call, answer.data, answer.size);
	}
	if (!gone) {
		end(call, &result);
	}
}

static enum qg_status ask(struct qg_model_call *call)
{
	struct state *state = call->state;
	struct qg_strings asking = {0};
	enum qg_status status = qg_text_questions(call->ask->text, &state->questions, &asking);
	qg_strings_finish(&asking);
	if (status != QG_OK) {
		qg_strings_finish(&state->questions);
		return status;
	}
	state->lookup =
		qg_lookup_start(call->loop, call->ask->role, &state->questions, found, call);
	if (state->lookup == NULL) {
		qg_strings_finish(&state->questions);
		return QG_BUSY;
	}
	return QG_OK;
}

static void cancel(struct qg_model_call *call)
{
	struct state *state = call->state;
	qg_lookup_cancel(state->lookup);
	qg_strings_finish(&state->questions);
	if (state->gone != NULL) {
		*state->gone = true;
	}
}

const struct qg_model qg_model_offline = {
	.name = "offline",
	.is_free = true,
	.state_size = sizeof(struct state),
	.check = check,
	.ask = ask,
	.cancel = cancel,
};
