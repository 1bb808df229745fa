/* openai_read.c - one answer of the OpenAI chat completions form, as some fifteen services speak it.
 *
 * An event is scanned once for all that a chunk may hold; trees are made of nothing, and a chunk that differs
 * from the one before in its text only is not even scanned. Services differ in small things, and all of them
 * are read here, whoever sends them: the reasoning under two names, the usage in four places, tool calls
 * without index, id or type, errors inside a stream with status 200. */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

enum {
	ERROR,
	BASE_CODE,
	USAGE,
	MODEL,
	CHOICES,
	INDEX,
	FINISH,
	CONTENT,
	REASONING,
	REASONING_OTHER,
	REFUSAL,
	TOOLS,
	CHOICE_USAGE,
	WHOLE_CONTENT,
	WHOLE_REASONING,
	WHOLE_REASONING_OTHER,
	WHOLE_REFUSAL,
	WHOLE_TOOLS,
	CHUNK_PATHS
};

static const char *const chunk_paths[CHUNK_PATHS] = {
	[ERROR] = "error",
	[BASE_CODE] = "base_resp.status_code",
	[USAGE] = "usage",
	[MODEL] = "model",
	[CHOICES] = "choices",
	[INDEX] = "choices[0].index",
	[FINISH] = "choices[0].finish_reason",
	[CONTENT] = "choices[0].delta.content",
	[REASONING] = "choices[0].delta.reasoning_content",
	[REASONING_OTHER] = "choices[0].delta.reasoning",
	[REFUSAL] = "choices[0].delta.refusal",
	[TOOLS] = "choices[0].delta.tool_calls",
	[CHOICE_USAGE] = "choices[0].usage",
	[WHOLE_CONTENT] = "choices[0].message.content",
	[WHOLE_REASONING] = "choices[0].message.reasoning_content",
	[WHOLE_REASONING_OTHER] = "choices[0].message.reasoning",
	[WHOLE_REFUSAL] = "choices[0].message.refusal",
	[WHOLE_TOOLS] = "choices[0].message.tool_calls",
};

enum {
	PROMPT,
	COMPLETION,
	TOTAL,
	CACHED,
	CACHED_HIT,
	CACHED_MISS,
	CACHED_TOP,
	WRITTEN,
	WRITTEN_OTHER,
	IMAGE,
	THOUGHT,
	USAGE_PATHS
};

static const char *const usage_paths[USAGE_PATHS] = {
	[PROMPT] = "prompt_tokens",
	[COMPLETION] = "completion_tokens",
	[TOTAL] = "total_tokens",
	[CACHED] = "prompt_tokens_details.cached_tokens",
	[CACHED_HIT] = "prompt_cache_hit_tokens",
	[CACHED_MISS] = "prompt_cache_miss_tokens",
	[CACHED_TOP] = "cached_tokens",
	[WRITTEN] = "prompt_tokens_details.cache_write_tokens",
	[WRITTEN_OTHER] = "prompt_tokens_details.cache_creation_input_tokens",
	[IMAGE] = "prompt_tokens_details.image_tokens",
	[THOUGHT] = "completion_tokens_details.reasoning_tokens",
};

enum { TOOL_INDEX, TOOL_ID, TOOL_NAME, TOOL_ARGUMENTS, TOOL_PATHS };
static const char *const tool_paths[TOOL_PATHS] = {
	[TOOL_INDEX] = "index",
	[TOOL_ID] = "id",
	[TOOL_NAME] = "function.name",
	[TOOL_ARGUMENTS] = "function.arguments",
};

/* The paths of each chunk are prepared once; on the loop's thread only. NULL for no memory. */
static const struct qg_scan_plan *chunk_plan(void)
{
	static struct qg_scan_plan *plan;
	if (plan == NULL) {
		plan = qg_scan_plan_create(chunk_paths, CHUNK_PATHS);
	}
	return plan;
}

static bool is_said(const struct qg_piece *piece)
{
	return piece->kind != QG_PIECE_NONE && piece->kind != QG_PIECE_NULL;
}

static const struct qg_piece *first_said(const struct qg_piece *a, const struct qg_piece *b)
{
	return is_said(a) ? a : b;
}

/* The last usage that says anything wins and is whole: services repeat running totals. */
static void read_usage(struct qg_answer *answer, const struct qg_piece *piece)
{
	struct qg_piece found[USAGE_PATHS];
	if (piece->kind != QG_PIECE_OBJECT ||
		qg_scan(piece->data, piece->size, usage_paths, USAGE_PATHS, found) != QG_OK) {
		return;
	}
	struct qg_answer_usage usage;
	int64_t missed = -1;
	qg_answer_clear_usage(&usage);
	qg_answer_count(&usage.input, &found[PROMPT]);
	qg_answer_count(&usage.output, &found[COMPLETION]);
	qg_answer_count(&usage.total, &found[TOTAL]);
	qg_answer_count(&usage.cached_input, &found[CACHED_TOP]);
	qg_answer_count(&usage.cached_input, &found[CACHED_HIT]);
	qg_answer_count(&usage.cached_input, &found[CACHED]);
	qg_answer_count(&usage.cache_write, &found[WRITTEN_OTHER]);
	qg_answer_count(&usage.cache_write, &found[WRITTEN]);
	qg_answer_count(&usage.image, &found[IMAGE]);
	qg_answer_count(&usage.reasoning, &found[THOUGHT]);
	qg_answer_count(&missed, &found[CACHED_MISS]);
	if (usage.input < 0 && usage.cached_input >= 0 && missed >= 0) {
		usage.input = usage.cached_input + missed;
	}
	if ((usage.input < 0 && usage.output < 0) || qg_answer_is_absurd(&found[PROMPT]) ||
		qg_answer_is_absurd(&found[COMPLETION])) {
		return; /* {}, nothing but nulls, or what nobody can have used: the estimate is better */
	}
	usage.input = usage.input < 0 ? 0 : usage.input;
	usage.output = usage.output < 0 ? 0 : usage.output;
	usage.cached_input = usage.cached_input < 0 ? 0 : usage.cached_input;
	usage.total = usage.total < 0 ? usage.input + usage.output : usage.total;
	answer->usage = usage;
	answer->has_usage = true;
}

/* A string, or a list of blocks of which those of type text count. */
static void read_content(struct qg_answer *answer, const struct qg_piece *content)
{
	static const char *const paths[] = {"type", "text"};
	if (content->kind != QG_PIECE_ARRAY) {
		qg_answer_add_text(answer, content);
		return;
	}
	struct qg_scan_walk walk = {0};
	struct qg_piece block, found[2];
	while (qg_scan_next(content, &walk, &block)) {
		if (block.kind == QG_PIECE_OBJECT &&
			qg_scan(block.data, block.size, paths, 2, found) == QG_OK &&
			(!is_said(&found[0]) || qg_piece_is(&found[0], "text"))) {
			qg_answer_add_text(answer, &found[1]);
		}
	}
}

static void read_tools(struct qg_answer *answer, const struct qg_piece *tools)
{
	struct qg_scan_walk walk = {0};
	struct qg_piece entry, found[TOOL_PATHS];
	int64_t position = 0;
	if (tools->kind != QG_PIECE_ARRAY) {
		return;
	}
	for (; qg_scan_next(tools, &walk, &entry); position++) {
		if (entry.kind != QG_PIECE_OBJECT ||
			qg_scan(entry.data, entry.size, tool_paths, TOOL_PATHS, found) != QG_OK) {
			continue;
		}
		int64_t index = qg_piece_int(&found[TOOL_INDEX], position);
		struct qg_answer_tool *tool =
			qg_answer_tool(answer, index, &found[TOOL_ID], &found[TOOL_NAME]);
		if (tool == NULL) {
			return;
		}
		qg_answer_add_arguments(answer, tool, &found[TOOL_ARGUMENTS]);
	}
}

static bool has_said_something(const struct qg_answer *answer)
{
	return answer->text_bytes > 0 || answer->reasoning_bytes > 0 || answer->tool_count > 0 ||
	       answer->refusal.size > 0;
}

/* The message of a whole answer. At the end of a stream it repeats all that came: then it is passed over. */
static void read_message(struct qg_answer *answer, const struct qg_piece *found)
{
	if (has_said_something(answer)) {
		return;
	}
	qg_answer_add_reasoning(
		answer, first_said(&found[WHOLE_REASONING], &found[WHOLE_REASONING_OTHER]));
	read_content(answer, &found[WHOLE_CONTENT]);
	qg_answer_add_refusal(answer, &found[WHOLE_REFUSAL]);
	read_tools(answer, &found[WHOLE_TOOLS]);
}

static void read_choice(struct qg_answer *answer, const struct qg_piece *found)
{
	qg_answer_add_reasoning(answer, first_said(&found[REASONING], &found[REASONING_OTHER]));
	if (is_said(&found[CONTENT])) {
		read_content(answer, &found[CONTENT]);
	}
	qg_answer_add_refusal(answer, &found[REFUSAL]);
	read_tools(answer, &found[TOOLS]);
	if (is_said(&found[WHOLE_CONTENT]) || is_said(&found[WHOLE_TOOLS]) ||
		is_said(&found[WHOLE_REFUSAL])) {
		read_message(answer, found);
	}
	qg_answer_set(answer->finish, sizeof(answer->finish), &found[FINISH]);
	read_usage(answer, &found[CHOICE_USAGE]);
}

/* The first choice is not the one we asked for: it is looked for, as if it stood alone. */
static void find_choice(struct qg_answer *answer, const struct qg_piece *choices)
{
	static const char *const paths[] = {"index"};
	struct qg_scan_walk walk = {0};
	struct qg_piece choice, index;
	while (qg_scan_next(choices, &walk, &choice)) {
		struct qg_piece found[CHUNK_PATHS];
		if (choice.kind != QG_PIECE_OBJECT ||
			qg_scan(choice.data, choice.size, paths, 1, &index) != QG_OK ||
			qg_piece_int(&index, -1) != 0) {
			continue;
		}
		QG_AUTO(qg_buf_finish) struct qg_buf alone;
		qg_buf_init(&alone, QG_SSE_MAX_EVENT + 32);
		qg_buf_add_str(&alone, "{\"choices\":[");
		qg_buf_add(&alone, choice.data, choice.size);
		if (qg_buf_add_str(&alone, "]}") == QG_OK &&
			qg_scan_run(chunk_plan(), alone.data, alone.size, found) == QG_OK) {
			read_choice(answer, found);
		}
		return;
	}
}

static bool is_failure(const struct qg_piece *found)
{
	return is_said(&found[ERROR]) ||
	       (is_said(&found[BASE_CODE]) && qg_piece_int(&found[BASE_CODE], 0) != 0);
}

/* Whether nothing but the text of a delta would be read from a chunk like this one. */
static bool is_plain_delta(const struct qg_piece *found)
{
	static const size_t others[] = {USAGE, FINISH, REASONING, REASONING_OTHER, REFUSAL, TOOLS,
		CHOICE_USAGE, WHOLE_CONTENT, WHOLE_REASONING, WHOLE_REASONING_OTHER, WHOLE_REFUSAL,
		WHOLE_TOOLS};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (is_said(&found[others[i]])) {
			return false;
		}
	}
	return found[CONTENT].kind == QG_PIECE_STRING;
}

/* QG_INVALID: no JSON; QG_NOT_FOUND: no chunk of an answer. */
static enum qg_status read_chunk(struct qg_answer *answer, const char *data, size_t size)
{
	struct qg_piece found[CHUNK_PATHS];
	if (qg_mould_fits(&answer->delta, data, size, &found[CONTENT])) {
		qg_answer_add_text(answer, &found[CONTENT]);
		return QG_OK;
	}
	const struct qg_scan_plan *plan = chunk_plan();
	if (plan == NULL) {
		answer->overflow = true;
		return QG_OK;
	}
	if (qg_scan_run(plan, data, size, found) != QG_OK) {
		return QG_INVALID;
	}
	if (is_failure(found)) {
		qg_answer_fail(answer, data, size);
		return QG_OK;
	}
	if (answer->model[0] == '\0') {
		qg_answer_set(answer->model, sizeof(answer->model), &found[MODEL]);
	}
	if (qg_piece_int(&found[INDEX], 0) == 0) {
		read_choice(answer, found);
		if (is_plain_delta(found)) {
			qg_mould_take(&answer->delta, data, size, &found[CONTENT]);
		}
	} else {
		find_choice(answer, &found[CHOICES]);
	}
	read_usage(answer, &found[USAGE]);
	return is_said(&found[CHOICES]) || is_said(&found[USAGE]) ? QG_OK : QG_NOT_FOUND;
}

static bool is_done(const char *data, size_t size)
{
	while (size > 0 && (*data == ' ' || *data == '\t')) {
		data++;
		size--;
	}
	return size >= 6 && memcmp(data, "[DONE]", 6) == 0;
}

static void read_event(struct qg_answer *answer, const struct qg_sse_event *event)
{
	answer->events++;
	if (event->is_error) {
		qg_answer_fail(answer, event->data, event->size);
	} else if (is_done(event->data, event->size)) {
		answer->done = true;
	} else if (read_chunk(answer, event->data, event->size) == QG_INVALID) {
		QG_AUTO(qg_str_free)
		char *mended = qg_answer_mend(answer, event->data, event->size);
		if (mended != NULL && read_chunk(answer, mended, strlen(mended)) == QG_INVALID) {
			(void)qg_answer_mend(answer, mended, strlen(mended));
		}
	}
}

static void read_whole(struct qg_answer *answer, const char *body, size_t size)
{
	if (read_chunk(answer, body, size) != QG_OK) {
		qg_answer_fail(answer, body, size);
	} else if (answer->finish[0] == '\0' && has_said_something(answer)) {
		answer->done = true;
	}
}

static enum qg_outcome outcome(struct qg_answer *answer)
{
	static const struct {
		const char *reason;
		enum qg_outcome outcome;
		enum qg_model_error error;
	} known[] = {
		{"length", QG_OUTCOME_TRUNCATED, QG_MODEL_NONE},
		{"max_tokens", QG_OUTCOME_TRUNCATED, QG_MODEL_NONE},
		{"model_context_window_exceeded", QG_OUTCOME_TRUNCATED, QG_MODEL_NONE},
		{"content_filter", QG_OUTCOME_FILTERED, QG_MODEL_FILTERED},
		{"sensitive", QG_OUTCOME_FILTERED, QG_MODEL_FILTERED},
		{"insufficient_system_resource", QG_OUTCOME_ERROR, QG_MODEL_OVERLOAD},
		{"network_error", QG_OUTCOME_ERROR, QG_MODEL_SERVER},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(answer->finish, known[i].reason) == 0) {
			answer->error.error = known[i].error;
			return known[i].outcome;
		}
	}
	return QG_OUTCOME_COMPLETE; /* stop, tool_calls, function_call, and what nobody knows */
}

const struct qg_reader qg_openai_reader = {read_event, read_whole, outcome};
