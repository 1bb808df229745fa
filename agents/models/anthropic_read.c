/* anthropic_read.c - one answer of the Anthropic messages form.
 *
 * Events are told apart by the type in their data: relays drop the event's name. Unknown events and deltas
 * are passed over. Counts are running totals: each overwrites what it names. The stream has no [DONE]; its
 * message_stop is one. */
#include "answer.h"

#include <string.h>

enum {
	TYPE,
	INDEX,
	DELTA_TYPE,
	TEXT,
	THINKING,
	PARTIAL,
	STOP,
	BLOCK_TYPE,
	BLOCK_ID,
	BLOCK_NAME,
	BLOCK_TEXT,
	BLOCK_INPUT,
	MODEL,
	START_USAGE,
	USAGE,
	ERROR,
	PATHS
};

static const char *const paths[PATHS] = {
	[TYPE] = "type",
	[INDEX] = "index",
	[DELTA_TYPE] = "delta.type",
	[TEXT] = "delta.text",
	[THINKING] = "delta.thinking",
	[PARTIAL] = "delta.partial_json",
	[STOP] = "delta.stop_reason",
	[BLOCK_TYPE] = "content_block.type",
	[BLOCK_ID] = "content_block.id",
	[BLOCK_NAME] = "content_block.name",
	[BLOCK_TEXT] = "content_block.text",
	[BLOCK_INPUT] = "content_block.input",
	[MODEL] = "message.model",
	[START_USAGE] = "message.usage",
	[USAGE] = "usage",
	[ERROR] = "error",
};

/* Prepared once, on the loop's thread only. NULL for no memory. */
static const struct qg_scan_plan *event_plan(void)
{
	static struct qg_scan_plan *plan;
	if (plan == NULL) {
		plan = qg_scan_plan_create(paths, PATHS);
	}
	return plan;
}

/* input_tokens is what the cache neither gave nor took: the input is the sum of the three. starts: of the message's
 * beginning, before anything was said. */
static void read_usage(struct qg_answer *answer, const struct qg_piece *piece, bool starts)
{
	enum { UNCACHED, READ, WRITTEN, OUTPUT, COUNTS };
	static const char *const names[COUNTS] = {"input_tokens", "cache_read_input_tokens",
		"cache_creation_input_tokens", "output_tokens"};
	struct qg_piece found[COUNTS];
	if (piece->kind != QG_PIECE_OBJECT ||
		qg_scan(piece->data, piece->size, names, COUNTS, found) != QG_OK) {
		return;
	}
	struct qg_answer_usage *usage = &answer->usage;
	int64_t read = usage->cached_input > 0 ? usage->cached_input : 0;
	int64_t written = usage->cache_write > 0 ? usage->cache_write : 0;
	int64_t uncached = usage->input > 0 ? usage->input - read - written : 0;
	int64_t output = usage->output > 0 ? usage->output : 0;
	if ((qg_piece_int(&found[UNCACHED], -1) < 0 && qg_piece_int(&found[OUTPUT], -1) < 0) ||
		qg_answer_is_absurd(&found[UNCACHED]) || qg_answer_is_absurd(&found[OUTPUT])) {
		return; /* {}, nothing but nulls, or what nobody can have used: the estimate is better */
	}
	qg_answer_count(&uncached, &found[UNCACHED]);
	qg_answer_count(&read, &found[READ]);
	qg_answer_count(&written, &found[WRITTEN]);
	qg_answer_count(&output, &found[OUTPUT]);
	*usage = (struct qg_answer_usage){.input = uncached + read + written,
		.cached_input = read,
		.cache_write = written,
		.output = output,
		.reasoning = -1,
		.total = uncached + read + written + output,
		.image = -1};
	answer->has_usage = true;
	/* The first count of the output is that of its first words; a relay may drop the last. */
	answer->usage_grows =
		starts || (answer->usage_grows && qg_piece_int(&found[OUTPUT], -1) < 0);
}

static void start_block(struct qg_answer *answer, const struct qg_piece *found)
{
	if (qg_piece_is(&found[BLOCK_TYPE], "text")) {
		qg_answer_add_text(answer, &found[BLOCK_TEXT]);
	} else if (qg_piece_is(&found[BLOCK_TYPE], "tool_use")) {
		int64_t index = qg_piece_int(&found[INDEX], (int64_t)answer->tool_count);
		(void)qg_answer_tool(answer, index, &found[BLOCK_ID], &found[BLOCK_NAME]);
	}
}

static void read_delta(struct qg_answer *answer, const struct qg_piece *found)
{
	static const struct qg_piece nothing;
	if (qg_piece_is(&found[DELTA_TYPE], "text_delta")) {
		qg_answer_add_text(answer, &found[TEXT]);
	} else if (qg_piece_is(&found[DELTA_TYPE], "thinking_delta")) {
		qg_answer_add_reasoning(answer, &found[THINKING]);
	} else if (qg_piece_is(&found[DELTA_TYPE], "input_json_delta")) {
		struct qg_answer_tool *tool =
			qg_answer_tool(answer, qg_piece_int(&found[INDEX], -1), &nothing, &nothing);
		if (tool != NULL) {
			qg_answer_add_arguments(answer, tool, &found[PARTIAL]);
		}
	}
}

static bool is_failure(const struct qg_piece *found)
{
	return found[ERROR].kind == QG_PIECE_OBJECT || found[ERROR].kind == QG_PIECE_STRING;
}

static void take_event(struct qg_answer *answer, const struct qg_piece *found)
{
	const struct qg_piece *type = &found[TYPE];
	answer->events += !qg_piece_is(type, "ping");
	if (qg_piece_is(type, "content_block_delta")) {
		read_delta(answer, found);
	} else if (qg_piece_is(type, "content_block_start")) {
		start_block(answer, found);
	} else if (qg_piece_is(type, "message_start")) {
		qg_answer_set(answer->model, sizeof(answer->model), &found[MODEL]);
		read_usage(answer, &found[START_USAGE], true);
	} else if (qg_piece_is(type, "message_delta")) {
		qg_answer_set(answer->finish, sizeof(answer->finish), &found[STOP]);
		read_usage(answer, &found[USAGE], false);
	} else if (qg_piece_is(type, "message_stop")) {
		answer->done = true;
	}
}

/* false: it is no JSON. */
static bool read_data(struct qg_answer *answer, const char *data, size_t size)
{
	struct qg_piece found[PATHS];
	const struct qg_scan_plan *plan = event_plan();
	if (plan == NULL) {
		answer->overflow = true;
		return true;
	}
	if (qg_scan_run(plan, data, size, found) != QG_OK) {
		return false;
	}
	if (is_failure(found)) {
		qg_answer_fail(answer, data, size);
	} else {
		take_event(answer, found);
	}
	return true;
}

static void read_event(struct qg_answer *answer, const struct qg_sse_event *event)
{
	if (event->is_error) {
		qg_answer_fail(answer, event->data, event->size);
	} else if (!read_data(answer, event->data, event->size)) {
		QG_AUTO(qg_str_free)
		char *mended = qg_answer_mend(answer, event->data, event->size);
		if (mended != NULL && !read_data(answer, mended, strlen(mended))) {
			(void)qg_answer_mend(answer, mended, strlen(mended));
		}
	}
}

static void read_block(struct qg_answer *answer, int64_t index, const struct qg_piece *block)
{
	enum { KIND, BODY, THOUGHT, ID, NAME, INPUT, COUNT };
	static const char *const names[COUNT] = {"type", "text", "thinking", "id", "name", "input"};
	struct qg_piece found[COUNT];
	if (block->kind != QG_PIECE_OBJECT ||
		qg_scan(block->data, block->size, names, COUNT, found) != QG_OK) {
		return;
	}
	if (qg_piece_is(&found[KIND], "text")) {
		qg_answer_add_text(answer, &found[BODY]);
	} else if (qg_piece_is(&found[KIND], "thinking")) {
		qg_answer_add_reasoning(answer, &found[THOUGHT]);
	} else if (qg_piece_is(&found[KIND], "tool_use")) {
		struct qg_answer_tool *tool =
			qg_answer_tool(answer, index, &found[ID], &found[NAME]);
		if (tool != NULL) {
			qg_answer_add_arguments(answer, tool, &found[INPUT]);
		}
	}
}

static void read_whole(struct qg_answer *answer, const char *body, size_t size)
{
	enum { CONTENT, STOP_REASON, COUNTS, NAME, COUNT };
	static const char *const names[COUNT] = {"content", "stop_reason", "usage", "model"};
	struct qg_piece found[COUNT], block;
	if (qg_scan(body, size, names, COUNT, found) != QG_OK ||
		found[CONTENT].kind != QG_PIECE_ARRAY) {
		qg_answer_fail(answer, body, size);
		return;
	}
	struct qg_scan_walk walk = {0};
	for (int64_t index = 0; qg_scan_next(&found[CONTENT], &walk, &block); index++) {
		read_block(answer, index, &block);
	}
	qg_answer_set(answer->model, sizeof(answer->model), &found[NAME]);
	qg_answer_set(answer->finish, sizeof(answer->finish), &found[STOP_REASON]);
	read_usage(answer, &found[COUNTS], false);
	answer->done = true;
}

static enum qg_outcome outcome(struct qg_answer *answer)
{
	static const char *const cuts[] = {
		"max_tokens", "model_context_window_exceeded", "pause_turn"};
	if (strcmp(answer->finish, "refusal") == 0) {
		answer->error.error = QG_MODEL_FILTERED;
		return QG_OUTCOME_FILTERED;
	}
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		if (strcmp(answer->finish, cuts[i]) == 0) {
			return QG_OUTCOME_TRUNCATED;
		}
	}
	return QG_OUTCOME_COMPLETE; /* end_turn, stop_sequence, tool_use, and what nobody knows */
}

const struct qg_reader qg_anthropic_reader = {read_event, read_whole, outcome};
