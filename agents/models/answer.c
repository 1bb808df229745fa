/* answer.c - from the bytes of an answer to what was said, and the verdict on how it ended.
 *
 * A stream was asked for, but with status 200 a service may as well send an error object, a whole answer, a
 * login page or nothing; taken for a stream, each of them is an empty success. So the first byte that is
 * no blank decides, with the content type where that byte leaves it open. */
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_BODY QG_SSE_MAX_EVENT
#define MAX_ERROR ((size_t)64 << 10)

void qg_answer_clear_usage(struct qg_answer_usage *usage)
{
	*usage = (struct qg_answer_usage){-1, -1, -1, -1, -1, -1, -1};
}

void qg_answer_init(struct qg_answer *answer, const struct qg_reader *reader)
{
	*answer = (struct qg_answer){.reader = reader, .error.wait_ms = -1};
	qg_buf_init(&answer->text, QG_ANSWER_MAX_TEXT);
	qg_buf_init(&answer->refusal, QG_ANSWER_MAX_TEXT);
	qg_buf_init(&answer->reasoning, QG_ANSWER_MAX_TEXT);
	qg_buf_init(&answer->body, MAX_BODY);
	qg_buf_init(&answer->scratch, QG_SSE_MAX_EVENT);
	qg_sse_init(&answer->sse);
	qg_mould_init(&answer->delta);
	qg_answer_clear_usage(&answer->usage);
}

void qg_answer_finish(struct qg_answer *answer)
{
	for (size_t i = 0; i < answer->tool_count; i++) {
		free(answer->tools[i].id);
		free(answer->tools[i].name);
		qg_buf_finish(&answer->tools[i].arguments);
	}
	free(answer->tools);
	answer->tools = NULL;
	answer->tool_count = 0;
	qg_buf_finish(&answer->text);
	qg_buf_finish(&answer->refusal);
	qg_buf_finish(&answer->reasoning);
	qg_buf_finish(&answer->body);
	qg_buf_finish(&answer->scratch);
	qg_sse_finish(&answer->sse);
	qg_mould_finish(&answer->delta);
}

void qg_answer_begin(struct qg_answer *answer, const char *content_type)
{
	static const char sse[] = "text/event-stream";
	answer->says_sse =
		content_type != NULL && strncasecmp(content_type, sse, sizeof(sse) - 1) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void decide_frame(struct qg_answer *answer, char first)
{
	if (first == '{' || first == '[' || first == '"') {
		answer->frame = QG_FRAME_JSON;
	} else if (answer->says_sse || memchr("deir:\xef", first, 6) != NULL) {
		answer->frame =
			QG_FRAME_SSE; /* data, event, error, id, retry, a comment, the mark */
	} else {
		answer->frame = QG_FRAME_OTHER;
	}
}

static bool take_event(void *arg, const struct qg_sse_event *event)
{
	struct qg_answer *answer = arg;
	answer->reader->event(answer, event);
	return !answer->done && !answer->failed && !answer->overflow;
}

bool qg_answer_feed(struct qg_answer *answer, const char *data, size_t size)
{
	if (answer->done || answer->failed || answer->overflow) {
		return false;
	}
	while (answer->frame == QG_FRAME_UNKNOWN && size > 0 && is_blank(*data)) {
		data++; /* blank lines that keep the connection alive */
		size--;
	}
	if (answer->frame == QG_FRAME_UNKNOWN && size > 0) {
		decide_frame(answer, *data);
	}
	if (answer->frame == QG_FRAME_SSE) {
		enum qg_status status = qg_sse_feed(&answer->sse, data, size, take_event, answer);
		answer->overflow |= status != QG_OK && status != QG_CANCELLED;
	} else if (answer->frame == QG_FRAME_JSON) {
		answer->events += size > 0;
		answer->overflow |= qg_buf_add(&answer->body, data, size) != QG_OK;
	}
	return !answer->done && !answer->failed && !answer->overflow &&
	       answer->frame != QG_FRAME_OTHER;
}

/* ---- strings cut anywhere ---- */

static int hex4(const char *at)
{
	int value = 0;
	for (int i = 0; i < 4; i++) {
		char c = at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0) {
			return -1;
		}
		value = value * 16 + digit;
	}
	return value;
}

/* The unit of a \uXXXX that begins at at; 0 if there is none. */
static uint16_t unit_at(const char *at, size_t size)
{
	int unit = size >= 6 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2) : -1;
	return unit > 0 ? (uint16_t)unit : 0;
}

/* The high surrogate that ends an escaped string, with its low half still to come; 0 if none. */
static uint16_t dangling(const char *data, size_t size)
{
	if (size < 6 || (unit_at(data + size - 6, 6) & 0xfc00) != 0xd800) {
		return 0;
	}
	size_t slashes = 0; /* an odd one before it would have escaped this one */
	while (slashes < size - 6 && data[size - 7 - slashes] == '\\') {
		slashes++;
	}
	return slashes % 2 == 0 ? unit_at(data + size - 6, 6) : 0;
}

static void add_code(struct qg_buf *out, uint32_t code)
{
	char bytes[4];
	qg_buf_add(out, bytes, qg_utf8_put(code, bytes));
}

/* Appends a piece of a string that goes on over several events: an emoji's halves may be two deltas. */
static bool add_piece(struct qg_buf *out, uint16_t *high, const struct qg_piece *piece)
{
	struct qg_piece rest = *piece;
	if (*high != 0 && rest.size > 0) {
		uint16_t low = rest.escaped ? unit_at(rest.data, rest.size) : 0;
		if ((low & 0xfc00) == 0xdc00) {
			add_code(out, 0x10000u + ((uint32_t)(*high & 0x3ff) << 10) + (low & 0x3ff));
			rest.data += 6;
			rest.size -= 6;
		} else {
			add_code(out, 0xfffd);
		}
		*high = 0;
	}
	if (rest.escaped && rest.size > 0) {
		*high = dangling(rest.data, rest.size);
		rest.size -= *high != 0 ? 6 : 0;
	}
	return rest.size == 0 ? out->failed == QG_OK : qg_piece_text(&rest, out) == QG_OK;
}

static void end_piece(struct qg_buf *out, uint16_t *high)
{
	if (*high != 0) {
		add_code(out, 0xfffd);
		*high = 0;
	}
}

/* ---- <think> at the beginning of the text ---- */

static void add_hidden(struct qg_answer *answer, const char *data, size_t size)
{
	answer->reasoning_bytes += size;
	if (answer->keeps_reasoning) {
		qg_buf_add(&answer->reasoning, data, size);
	}
}

static void add_shown(struct qg_answer *answer, const char *data, size_t size)
{
	answer->text_bytes += size;
	if (answer->text_bytes > QG_ANSWER_MAX_TEXT ||
		qg_buf_add(&answer->text, data, size) != QG_OK) {
		answer->overflow = true;
	}
}

/* The bytes held for a tag were none. */
static void release_tag(struct qg_answer *answer)
{
	if (answer->think == QG_THINK_INSIDE) {
		add_hidden(answer, answer->tag, answer->tag_size);
	} else {
		answer->think = QG_THINK_NONE;
		add_shown(answer, answer->tag, answer->tag_size);
	}
	answer->tag_size = 0;
}

/* One byte while the text may still begin with thoughts. Neither tag has its '<' anywhere but in front, so
 * a byte that breaks one can only begin the next. */
static void think_byte(struct qg_answer *answer, char c)
{
	const char *tag = answer->think == QG_THINK_INSIDE ? "</think>" : "<think>";
	if (answer->tag_size > 0 && c != tag[answer->tag_size]) {
		release_tag(answer);
		if (answer->think == QG_THINK_NONE) {
			add_shown(answer, &c, 1);
			return;
		}
	}
	if (c == tag[answer->tag_size] && answer->think != QG_THINK_AFTER) {
		answer->tag[answer->tag_size++] = c;
		if (tag[answer->tag_size] == '\0') {
			answer->tag_size = 0;
			answer->think =
				answer->think == QG_THINK_START ? QG_THINK_INSIDE : QG_THINK_AFTER;
		}
	} else if (answer->think == QG_THINK_INSIDE) {
		add_hidden(answer, &c, 1);
	} else if (!is_blank(c)) { /* blanks before and behind the thoughts belong to nobody */
		answer->think = QG_THINK_NONE;
		add_shown(answer, &c, 1);
	}
}

static void show(struct qg_answer *answer, const char *data, size_t size)
{
	size_t i = 0;
	for (; answer->hides_think && answer->think != QG_THINK_NONE && i < size; i++) {
		think_byte(answer, data[i]);
	}
	if (i < size) {
		add_shown(answer, data + i, size - i);
	}
}

/* ---- for the readers ---- */

void qg_answer_add_text(struct qg_answer *answer, const struct qg_piece *piece)
{
	if (piece->kind != QG_PIECE_STRING || piece->size == 0) {
		return;
	}
	if (!piece->escaped && answer->text_high == 0) {
		show(answer, piece->data, piece->size);
		return;
	}
	qg_buf_reset(&answer->scratch);
	answer->overflow |= !add_piece(&answer->scratch, &answer->text_high, piece);
	show(answer, answer->scratch.data, answer->scratch.size);
}

void qg_answer_add_reasoning(struct qg_answer *answer, const struct qg_piece *piece)
{
	if (piece->kind != QG_PIECE_STRING) {
		return;
	}
	answer->reasoning_bytes += piece->size;
	if (answer->keeps_reasoning) {
		add_piece(&answer->reasoning, &answer->reasoning_high, piece);
	}
}

void qg_answer_add_refusal(struct qg_answer *answer, const struct qg_piece *piece)
{
	if (piece->kind == QG_PIECE_STRING) {
		answer->overflow |= !add_piece(&answer->refusal, &answer->refusal_high, piece);
	}
}

static bool is_text(const struct qg_piece *piece)
{
	return piece->kind == QG_PIECE_STRING && piece->size > 0;
}

static struct qg_answer_tool *find_tool(
	struct qg_answer *answer, int64_t index, const struct qg_piece *id)
{
	for (size_t i = answer->tool_count; i-- > 0;) {
		struct qg_answer_tool *tool = &answer->tools[i];
		if (tool->index == index) {
			bool other =
				is_text(id) && tool->id[0] != '\0' && !qg_piece_is(id, tool->id);
			return other ? NULL : tool;
		}
	}
	return NULL;
}

static struct qg_answer_tool *add_tool(struct qg_answer *answer, int64_t index)
{
	if (answer->tool_count >= QG_ANSWER_MAX_TOOLS) {
		return NULL;
	}
	struct qg_answer_tool *tools =
		realloc(answer->tools, (answer->tool_count + 1) * sizeof(*tools));
	if (tools == NULL) {
		return NULL;
	}
	answer->tools = tools;
	struct qg_answer_tool *tool = &tools[answer->tool_count];
	*tool = (struct qg_answer_tool){
		.index = index, .id = qg_str_copy(""), .name = qg_str_copy("")};
	qg_buf_init(&tool->arguments, QG_ANSWER_MAX_TEXT);
	if (tool->id == NULL || tool->name == NULL) {
		free(tool->id);
		free(tool->name);
		return NULL;
	}
	answer->tool_count++;
	return tool;
}

static bool set_copy(char **text, const struct qg_piece *piece)
{
	if (!is_text(piece) || (*text)[0] != '\0') {
		return true; /* the first that says anything */
	}
	char *copy = qg_piece_copy(piece);
	if (copy == NULL) {
		return false;
	}
	free(*text);
	*text = copy;
	return true;
}

struct qg_answer_tool *qg_answer_tool(struct qg_answer *answer, int64_t index,
	const struct qg_piece *id, const struct qg_piece *name)
{
	struct qg_answer_tool *tool = find_tool(answer, index, id);
	if (tool == NULL) {
		tool = add_tool(answer, index);
	}
	if (tool == NULL || !set_copy(&tool->id, id) || !set_copy(&tool->name, name)) {
		answer->overflow = true;
		return NULL;
	}
	return tool;
}

/* JSON without the blanks between its parts. */
static void add_compact(struct qg_buf *out, const char *data, size_t size)
{
	bool in_string = false;
	for (size_t i = 0; i < size; i++) {
		if (in_string && data[i] == '\\' && i + 1 < size) {
			qg_buf_add(out, data + i++, 2);
			continue;
		}
		in_string ^= data[i] == '"';
		if (in_string || !is_blank(data[i])) {
			qg_buf_add_char(out, data[i]);
		}
	}
}

void qg_answer_add_arguments(
	struct qg_answer *answer, struct qg_answer_tool *tool, const struct qg_piece *piece)
{
	if (piece->kind == QG_PIECE_STRING) {
		add_piece(&tool->arguments, &tool->high, piece);
	} else if (piece->kind == QG_PIECE_OBJECT) {
		add_compact(&tool->arguments, piece->data, piece->size);
	}
	answer->overflow |= tool->arguments.failed != QG_OK;
}

const char *qg_answer_arguments(const struct qg_answer_tool *tool)
{
	return tool->arguments.size > 0 ? tool->arguments.data : "{}";
}

void qg_answer_set(char *out, size_t room, const struct qg_piece *piece)
{
	QG_AUTO(qg_buf_finish) struct qg_buf text;
	qg_buf_init(&text, QG_SSE_MAX_EVENT);
	if (is_text(piece) && qg_piece_text(piece, &text) == QG_OK) {
		size_t size = qg_utf8_cut(text.data, text.size, room - 1);
		memcpy(out, text.data, size);
		out[size] = '\0';
		qg_utf8_flatten(out);
	}
}

void qg_answer_fail(struct qg_answer *answer, const char *json, size_t size)
{
	const struct qg_vendor_reply reply = {.provider = answer->provider,
		.status = 200,
		.body = json,
		.size = size < MAX_ERROR ? size : 0};
	answer->failed = true;
	qg_vendor_error_read(&reply, &answer->error);
}

static bool is_count(int64_t value)
{
	static const int64_t most = INT64_C(1000000000000);
	return value >= 0 && value <= most;
}

void qg_answer_count(int64_t *count, const struct qg_piece *piece)
{
	int64_t value = qg_piece_int(piece, -1);
	if (is_count(value)) {
		*count = value;
	}
}

bool qg_answer_is_absurd(const struct qg_piece *piece)
{
	bool said = piece->kind != QG_PIECE_NONE && piece->kind != QG_PIECE_NULL;
	return said && !is_count(qg_piece_int(piece, -1));
}

bool qg_answer_has_final_usage(const struct qg_answer *answer)
{
	return answer->has_usage && !answer->usage_grows &&
	       (answer->finish[0] != '\0' || answer->done);
}

/* ---- the end ---- */

static enum qg_outcome fail(struct qg_answer *answer, enum qg_model_error error, const char *words)
{
	answer->error = (struct qg_vendor_error){.error = error, .wait_ms = -1};
	strncpy(answer->error.message, words, sizeof(answer->error.message) - 1);
	return QG_OUTCOME_ERROR;
}

char *qg_answer_mend(struct qg_answer *answer, const char *data, size_t size)
{
	if (size == 0 || data[0] != '{') {
		return NULL;
	}
	char *clean = qg_utf8_is_valid(data, size) ? NULL : qg_utf8_clean(data, size);
	if (clean == NULL) {
		answer->failed = true;
		fail(answer, QG_MODEL_SERVER, "an event of the stream cannot be read");
	}
	return clean;
}

static void flush(struct qg_answer *answer)
{
	end_piece(&answer->refusal, &answer->refusal_high);
	end_piece(&answer->reasoning, &answer->reasoning_high);
	for (size_t i = 0; i < answer->tool_count; i++) {
		end_piece(&answer->tools[i].arguments, &answer->tools[i].high);
	}
	if (answer->text_high != 0) {
		answer->text_high = 0;
		show(answer, "\xef\xbf\xbd", 3);
	}
	if (answer->tag_size > 0) {
		release_tag(answer);
	}
}

enum qg_outcome qg_answer_end(struct qg_answer *answer, bool cleanly)
{
	bool whole = answer->frame == QG_FRAME_JSON && !answer->overflow;
	if (whole && cleanly) {
		answer->reader->whole(answer, answer->body.data, answer->body.size);
	}
	flush(answer);
	if (answer->failed) {
		return QG_OUTCOME_ERROR;
	}
	if (answer->overflow) {
		return fail(answer, QG_MODEL_SERVER, "the answer is over a limit of ours");
	}
	if (answer->frame == QG_FRAME_OTHER) {
		return fail(answer, QG_MODEL_SERVER, "the answer is neither a stream nor JSON");
	}
	if (answer->finish[0] != '\0') {
		return answer->reader->outcome(answer);
	}
	if (answer->done) {
		return QG_OUTCOME_COMPLETE;
	}
	if (whole && cleanly) {
		return fail(answer, QG_MODEL_SERVER, "the JSON holds no answer");
	}
	bool open = cleanly && qg_sse_is_open(&answer->sse);
	fail(answer, open ? QG_MODEL_SERVER : QG_MODEL_TRANSPORT,
		answer->frame == QG_FRAME_UNKNOWN ? "an empty answer" : "the answer broke off");
	return QG_OUTCOME_INCOMPLETE;
}
