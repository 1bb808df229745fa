/* history.c - what a conversation remembers of its talk, and how much of it a prompt holds.
 *
 * An element is one line, ready for a prompt:
 *
 *   u|b TAB sender's id TAB wall ms TAB place TAB wide TAB rest TAB {"role":"...","content":"..."}
 *
 * The JSON at its end is what stands in every prompt that holds the element, with the same bytes: a prompt is made
 * by joining them, without a parse, and begins as the one before did, which is what a provider's prefix cache pays
 * for. wide and rest are its estimated tokens (see tokens.h).
 *
 * place is where the element begins, counted in bytes since the conversation began. A prompt holds what begins
 * behind a mark that depends on the end alone and moves in steps, so it stays where it is over many turns, and
 * stays there too when the store drops its oldest elements.
 *
 * What the store holds is not believed: a line that is not of this form, or whose JSON is not exactly such a
 * message, is left out. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/scan.h"

#define MAX_ELEMENT 4000	    /* bytes of one answer that are remembered */
#define MAX_SENDER 128		    /* bytes of an id */
#define MAX_LINE (12 * MAX_ELEMENT) /* with what came with it, its escapes and all around it */
#define MAX_WINDOW (28 * 1024)	    /* bytes of history in a prompt */
#define STEP (12 * 1024)	    /* that are dropped at a time */
#define ELEMENT_COST 128	    /* bytes each element counts for besides its own */
#define MAX_ELEMENTS (MAX_WINDOW / ELEMENT_COST) /* more do not fit into a prompt */
#define MAX_DIGITS 15
#define MAX_REMEMBERED (64 * 1024 * 1024)

struct element {
	int64_t at, place;
	struct qg_token_count tokens;
	const char *json; /* borrowed from the line */
	size_t size;
};

static int64_t end_of(const struct element *element)
{
	return element->place + (int64_t)element->size + ELEMENT_COST;
}

/* ---- reading ---- */

/* A number and the tab behind it. NULL: none. */
static const char *read_number(const char *at, const char *end, int64_t *out)
{
	const char *start = at;
	int64_t number = 0;
	for (; at < end && at[0] >= '0' && at[0] <= '9' && at - start < MAX_DIGITS; at++) {
		number = number * 10 + (at[0] - '0');
	}
	*out = number;
	return at > start && at < end && at[0] == '\t' ? at + 1 : NULL;
}

/* The parts of a line before its JSON; whether it has them all. */
static bool read_line(const char *line, size_t size, struct element *out)
{
	const char *end = line + size;
	if (size < 2 || (line[0] != 'u' && line[0] != 'b') || line[1] != '\t') {
		return false;
	}
	const char *at = memchr(line + 2, '\t', size - 2);
	int64_t *const numbers[] = {&out->at, &out->place, &out->tokens.wide, &out->tokens.rest};
	at = at != NULL ? at + 1 : NULL;
	for (size_t i = 0; at != NULL && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		at = read_number(at, end, numbers[i]);
	}
	if (at == NULL || at == end) {
		return false;
	}
	out->json = at;
	out->size = (size_t)(end - at);
	int64_t most = (int64_t)out->size; /* a byte is at most one token */
	return most <= MAX_LINE && out->tokens.wide <= most && out->tokens.rest <= 100 * most;
}

/* Is this the JSON of one message, with nothing in it but what we write? */
static bool is_message(const struct element *element)
{
	static const char *const heads[] = {
		"{\"role\":\"user\",\"content\":\"", "{\"role\":\"assistant\",\"content\":\""};
	static const char *const path = "content";
	size_t size = element->size;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		size_t head = strlen(heads[i]);
		if (size > head && memcmp(element->json, heads[i], head) == 0) {
			struct qg_piece content;
			/* The text must end where the object does: nothing stands behind it. */
			return qg_scan(element->json, size, &path, 1, &content) == QG_OK &&
			       content.data == element->json + head &&
			       content.size == size - head - strlen("\"}");
		}
	}
	return false;
}

/* By a person, not by us. */
static bool is_said(const struct element *element)
{
	return element->json[strlen("{\"role\":\"")] == 'u';
}

/* Goes back to the next whole element before *at in history, which then stands at its line; false at the
 * beginning. */
static bool read_before(const char *history, const char **at, struct element *out)
{
	const char *end = *at;
	while (end > history) {
		const char *before = memrchr(history, '\n', (size_t)(end - history));
		const char *line = before != NULL ? before + 1 : history;
		if (read_line(line, (size_t)(end - line), out) && is_message(out)) {
			*at = before != NULL ? before : history;
			return true;
		}
		end = before != NULL ? before : history;
	}
	return false;
}

/* Where the next element begins. */
static int64_t next_place(const char *history)
{
	const char *at = history + strlen(history);
	struct element last;
	return read_before(history, &at, &last) ? end_of(&last) : 0;
}

/* Where a prompt's history begins that ends at end: it moves in steps. */
static int64_t mark_of(int64_t end)
{
	return end > MAX_WINDOW ? (end - MAX_WINDOW + STEP - 1) / STEP * STEP : 0;
}

void qg_history_join(const char *history, struct qg_buf *out, struct qg_token_count *tokens)
{
	struct element elements[MAX_ELEMENTS]; /* the last first */
	size_t count = 0;
	int64_t mark = 0, before = INT64_MAX;
	const char *at = history != NULL ? history + strlen(history) : NULL;
	while (at != NULL && count < MAX_ELEMENTS && read_before(history, &at, &elements[count])) {
		const struct element *element = &elements[count];
		mark = count == 0 ? mark_of(end_of(element)) : mark;
		/* A place that does not go down: another count began there. */
		if (element->place < mark || element->place >= before) {
			break;
		}
		before = element->place;
		count++;
	}
	while (count > 0 && !is_said(&elements[count - 1])) {
		count--; /* an answer whose question was dropped: some services want the asker first */
	}
	while (count > 0) {
		const struct element *element = &elements[--count];
		qg_buf_add(out, element->json, element->size);
		qg_buf_add_char(out, ',');
		qg_tokens_sum(tokens, &element->tokens);
		tokens->rest += 100 * QG_TOKENS_PER_MESSAGE;
	}
}

/* ---- writing ---- */

/* An id as one field: what could end it becomes a blank. */
static void add_sender(struct qg_buf *line, const char *sender)
{
	size_t size = qg_utf8_cut(sender, strlen(sender), MAX_SENDER);
	QG_AUTO(qg_str_free) char *id = qg_str_copy_n(sender, size);
	if (id == NULL) {
		line->failed = QG_NO_MEMORY;
		return;
	}
	qg_utf8_flatten(id);
	qg_buf_add_str(line, id);
}

/* Appends an element; *place moves behind it. content is what stands in the prompt. */
static bool add_element(json_t *history, const char *role, const char *sender, int64_t at,
	const struct qg_buf *content, int64_t *place)
{
	QG_AUTO(qg_buf_finish) struct qg_buf json;
	QG_AUTO(qg_buf_finish) struct qg_buf line;
	qg_buf_init(&json, MAX_LINE);
	qg_buf_init(&line, 2 * MAX_LINE);
	struct element element = {.at = at, .place = *place};
	if (content->failed != QG_OK || content->size == 0) {
		return false;
	}
	qg_prompt_add_message(&json, role, content);
	qg_tokens_add(&element.tokens, content->data, content->size);
	qg_buf_add_str(&line, strcmp(role, "user") == 0 ? "u\t" : "b\t");
	add_sender(&line, sender);
	const int64_t numbers[] = {at, *place, element.tokens.wide, element.tokens.rest};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		qg_buf_add_char(&line, '\t');
		qg_buf_add_int(&line, numbers[i]);
	}
	qg_buf_add_char(&line, '\t');
	qg_buf_add(&line, json.data, json.size);
	element.size = json.size;
	*place = end_of(&element);
	return json.failed == QG_OK && line.failed == QG_OK &&
	       json_array_append_new(history, json_stringn_nocheck(line.data, line.size)) == 0;
}

static bool add_said(struct qg_turn *turn, size_t i, int64_t *place)
{
	const struct qg_message *message = turn->request.messages[i];
	int64_t at = turn->request.stored_at != NULL ? turn->request.stored_at[i] : turn->now;
	QG_AUTO(qg_buf_finish) struct qg_buf content;
	qg_buf_init(&content, MAX_LINE);
	qg_prompt_add_said(&content, turn, i, false);
	return add_element(turn->history, "user", message->sender != NULL ? message->sender : "",
		at, &content, place);
}

/* As it was shown: without what a reply is cleaned of. */
static bool add_answer(struct qg_turn *turn, int64_t *place)
{
	QG_AUTO(qg_str_free) char *shown = qg_utf8_clean(turn->answer.data, turn->answer.size);
	if (shown == NULL || shown[0] == '\0') {
		return shown != NULL;
	}
	QG_AUTO(qg_buf_finish) struct qg_buf content;
	qg_buf_init(&content, MAX_ELEMENT);
	qg_buf_add(&content, shown, qg_utf8_cut(shown, strlen(shown), MAX_ELEMENT));
	return add_element(turn->history, "assistant", "", turn->now, &content, place);
}

bool qg_history_add(struct qg_turn *turn)
{
	const char *history = turn->request.history;
	int64_t place = history != NULL ? next_place(history) : 0;
	for (size_t i = 0; i < turn->request.count; i++) {
		if (!add_said(turn, i, &place)) {
			return false;
		}
	}
	return turn->answer.size == 0 || add_answer(turn, &place);
}

bool qg_turn_remember(char **history, const struct qg_turn_result *result)
{
	struct qg_buf text;
	qg_buf_init(&text, MAX_REMEMBERED);
	qg_buf_add_str(&text, *history != NULL && !result->forget_history ? *history : "");
	size_t i;
	json_t *element;
	json_array_foreach (result->history, i, element) {
		const char *line = json_string_value(element);
		qg_buf_printf(&text, "%s%s", text.size > 0 ? "\n" : "", line != NULL ? line : "");
	}
	char *kept = qg_buf_steal(&text);
	if (kept != NULL) {
		free(*history);
		*history = kept;
	}
	return kept != NULL;
}
