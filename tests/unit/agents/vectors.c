/* vectors.c - see vectors.h. Where a file's remark and a rule of ours differ, it is said here. */
#include "vectors.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

json_t *vectors_load(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s.json", QG_VECTORS, name);
	json_error_t error;
	json_t *file = json_load_file(path, 0, &error);
	ck_assert_msg(file != NULL, "%s: %s", path, error.text);
	json_t *list = json_incref(json_object_get(file, "vectors"));
	json_decref(file);
	ck_assert_uint_gt(json_array_size(list), 0);
	return list;
}

enum qg_model_error vectors_class(const char *name)
{
	static const struct {
		const char *name;
		enum qg_model_error error;
	} known[] = {{"auth", QG_MODEL_AUTH}, {"permission", QG_MODEL_PERMISSION},
		{"balance", QG_MODEL_BALANCE}, {"quota_window", QG_MODEL_QUOTA},
		{"rate", QG_MODEL_RATE}, {"overload", QG_MODEL_OVERLOAD},
		{"server", QG_MODEL_SERVER}, {"timeout", QG_MODEL_TIMEOUT},
		{"transport", QG_MODEL_TRANSPORT}, {"context", QG_MODEL_CONTEXT},
		{"filtered", QG_MODEL_FILTERED}, {"bad_request", QG_MODEL_REQUEST},
		{"model", QG_MODEL_MODEL}, {"protocol", QG_MODEL_SERVER}};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) == 0) {
			return known[i].error;
		}
	}
	ck_abort_msg("no class %s", name);
	return QG_MODEL_NONE;
}

static const char *id(const struct vectors_run *run)
{
	static char text[160];
	snprintf(text, sizeof(text), "%s, first read %zu, then %zu",
		qg_json_str(run->vector, "id", "?"), run->first, run->step);
	return text;
}

static void check_text(const struct vectors_run *run, const char *what, const char *wanted,
	const struct qg_buf *got)
{
	const char *text = got->size > 0 ? got->data : "";
	ck_assert_msg(
		strcmp(wanted, text) == 0, "%s: %s is '%s', not '%s'", id(run), what, text, wanted);
}

static void check_count(
	const struct vectors_run *run, const json_t *usage, const char *name, int64_t got)
{
	const json_t *wanted = json_object_get(usage, name);
	if (wanted == NULL) {
		return;
	}
	int64_t count = json_is_null(wanted) ? -1 : json_integer_value(wanted);
	ck_assert_msg(count == got, "%s: %s is %lld, not %lld", id(run), name, (long long)got,
		(long long)count);
}

static void check_usage(
	const struct vectors_run *run, const json_t *wanted, const struct qg_answer *answer)
{
	const struct qg_answer_usage *usage = &answer->usage;
	if (wanted == NULL) {
		return;
	}
	ck_assert_msg(json_is_null(wanted) == !answer->has_usage, "%s: usage", id(run));
	check_count(run, wanted, "input", usage->input);
	check_count(run, wanted, "cached_input", usage->cached_input);
	check_count(run, wanted, "cache_write", usage->cache_write);
	check_count(run, wanted, "output", usage->output);
	check_count(run, wanted, "reasoning", usage->reasoning);
	check_count(run, wanted, "total", usage->total);
	check_count(run, wanted, "image", usage->image);
	const json_t *uncached = json_object_get(wanted, "uncached_input");
	if (uncached != NULL) {
		check_count(run, wanted, "uncached_input",
			usage->input - usage->cached_input - usage->cache_write);
	}
}

static void check_tools(
	const struct vectors_run *run, const json_t *wanted, const struct qg_answer *answer)
{
	const json_t *as = json_object_get(json_object_get(run->vector, "gateway"), "arguments_as");
	ck_assert_msg(json_array_size(wanted) == answer->tool_count, "%s: %zu calls", id(run),
		answer->tool_count);
	for (size_t i = 0; i < answer->tool_count; i++) {
		const struct qg_answer_tool *tool = &answer->tools[i];
		const json_t *call = json_array_get(wanted, i);
		const char *arguments = qg_json_str(call, "arguments", "");
		ck_assert_str_eq(tool->id, qg_json_str(call, "id", ""));
		ck_assert_str_eq(tool->name, qg_json_str(call, "name", ""));
		ck_assert_str_eq(
			qg_answer_arguments(tool), as != NULL ? json_string_value(as) : arguments);
	}
}

/* A code may be a number in the file and is text with us; null is "". */
static void check_error_text(
	const struct vectors_run *run, const json_t *error, const char *name, const char *got)
{
	const json_t *wanted = json_object_get(error, name);
	char text[32];
	if (wanted == NULL) {
		return;
	}
	snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(wanted));
	const char *words = json_is_integer(wanted)  ? text
			    : json_is_string(wanted) ? json_string_value(wanted)
						     : "";
	ck_assert_msg(strcmp(words, got) == 0, "%s: %s is '%s'", id(run), name, got);
}

static void check_expected(
	const struct vectors_run *run, const struct qg_answer *answer, const struct qg_buf *text)
{
	const json_t *expected = json_object_get(run->vector, "expected");
	const json_t *gateway = json_object_get(run->vector, "gateway");
	if (!json_is_object(expected)) {
		return;
	}
	check_text(run, "text",
		qg_json_str(run->hides_think ? gateway : expected,
			run->hides_think ? "visible_text" : "text", ""),
		text);
	check_text(run, "reasoning",
		qg_json_str(run->hides_think ? gateway : expected,
			run->hides_think ? "hidden_reasoning" : "reasoning", ""),
		&answer->reasoning);
	check_text(run, "refusal", qg_json_str(expected, "refusal", ""), &answer->refusal);
	check_tools(run, json_object_get(expected, "tool_calls"), answer);
	ck_assert_str_eq(answer->finish,
		qg_json_str(expected, "finish_reason", qg_json_str(expected, "stop_reason", "")));
	check_usage(run, json_object_get(expected, "usage"), answer);
	const json_t *error = json_object_get(expected, "error");
	if (json_is_object(error)) {
		ck_assert_msg(answer->failed, "%s: no error", id(run));
		check_error_text(run, error, "code", answer->error.code);
		check_error_text(run, error, "type", answer->error.type);
		check_error_text(run, error, "message", answer->error.message);
	}
}

static void check_gateway(
	const struct vectors_run *run, const struct qg_answer *answer, enum qg_outcome outcome)
{
	static const char *const names[] = {
		"complete", "truncated", "filtered", "incomplete", "error"};
	const json_t *gateway = json_object_get(run->vector, "gateway");
	const char *wanted = qg_json_str(gateway, "outcome", "complete");
	ck_assert_msg(strcmp(names[outcome], wanted) == 0, "%s: outcome %s, not %s: %s", id(run),
		names[outcome], wanted, answer->error.message);
	const char *class = qg_json_str(gateway, "error_class", NULL);
	if (class != NULL) {
		ck_assert_msg(vectors_class(class) == answer->error.error, "%s: class %s", id(run),
			qg_model_error_text(answer->error.error));
	}
	if (strcmp(qg_json_str(gateway, "meter", ""), "estimate") == 0) {
		ck_assert_msg(!qg_answer_has_final_usage(answer), "%s: usage", id(run));
	}
}

static void feed(const struct vectors_run *run, struct qg_answer *answer, struct qg_buf *text)
{
	size_t at = 0, size = run->first;
	while (at < run->size) {
		size = size < run->size - at ? size : run->size - at;
		bool more = qg_answer_feed(answer, run->body + at, size);
		qg_buf_add(text, answer->text.data, answer->text.size);
		qg_buf_reset(&answer->text);
		if (!more) {
			return;
		}
		at += size;
		size = run->step > 0 ? run->step : run->size;
	}
}

void vectors_check(const struct vectors_run *run)
{
	const json_t *response = json_object_get(run->vector, "response");
	const json_t *headers = json_object_get(response, "headers");
	const struct qg_provider *provider =
		qg_provider_find(qg_json_str(run->vector, "shape", ""));
	struct qg_answer answer;
	struct qg_buf text;
	qg_answer_init(&answer, run->reader);
	qg_buf_init(&text, QG_ANSWER_MAX_TEXT);
	answer.keeps_reasoning = true;
	answer.hides_think = run->hides_think;
	answer.provider = provider != NULL ? provider->name : NULL;
	qg_answer_begin(&answer, qg_json_str(headers, "content-type", NULL));
	feed(run, &answer, &text);
	bool cleanly = strcmp(qg_json_str(response, "end", "close"), "close") == 0;
	enum qg_outcome outcome = qg_answer_end(&answer, cleanly);
	qg_buf_add(&text, answer.text.data, answer.text.size);
	check_expected(run, &answer, &text);
	check_gateway(run, &answer, outcome);
	qg_buf_finish(&text);
	qg_answer_finish(&answer);
}

void vectors_check_streams(const struct qg_reader *reader, const char *name)
{
	json_t *vectors = vectors_load(name), *vector;
	size_t index;
	json_array_foreach (vectors, index, vector) {
		const json_t *response = json_object_get(vector, "response");
		struct vectors_run run = {.reader = reader, .vector = vector};
		run.body = qg_json_str(response, "body", "");
		run.size = strlen(run.body);
		for (run.first = 0; run.first < run.size; run.first++) {
			vectors_check(&run); /* 0: whole */
		}
		run.first = run.step = 1;
		vectors_check(&run);
		run.first = run.step = 3;
		vectors_check(&run);
	}
	json_decref(vectors);
}
