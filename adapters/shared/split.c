/* split.c - a long answer cut into parts of a platform's size.
 *
 * A part ends behind a paragraph, else a sentence, else a line, else a blank, else between two code points;
 * inside a code fence behind a line. Only the last three quarters of a part are searched: better an ugly border
 * than many tiny messages. A fence open at a border is closed there and opened again, with its language, in the
 * next part; nothing else is added and no byte is dropped, so that whoever joins the parts has the text. */
#include "qg/adapter.h"

#include <assert.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/str.h"

#define FENCE_LINE_MAX                                                                             \
	64 /* bytes of an opening line that is repeated; longer ones are repeated bare */
#define FENCE_MARK_MAX 16

struct fence {
	bool open;
	char mark;
	size_t length;	  /* of the run of marks */
	const char *line; /* the opening line, in the text */
	size_t line_size; /* without its line break */
};

struct splitter {
	const char *text;
	size_t size, limit;
	size_t at;	    /* first byte not in a part yet */
	struct fence fence; /* as it stands at `at` */
	size_t line_start;  /* of the line that holds `at` */
	json_t *parts;
};

/* The run of fence marks that begins a line, after at most three blanks; 0 where there is none. */
static size_t mark_run(const char *line, size_t size, char *mark_out, size_t *behind_out)
{
	size_t indent = 0;
	while (indent < size && indent < 3 && line[indent] == ' ') {
		indent++;
	}
	if (indent == size || (line[indent] != '`' && line[indent] != '~')) {
		return 0;
	}
	size_t end = indent;
	while (end < size && line[end] == line[indent]) {
		end++;
	}
	if (end - indent < 3) {
		return 0;
	}
	*mark_out = line[indent];
	*behind_out = end;
	return end - indent;
}

static bool is_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
			return false;
		}
	}
	return true;
}

/* Changes the state by one whole line (without its line break). */
static void fence_line(struct fence *fence, const char *line, size_t size)
{
	char mark = 0;
	size_t behind = 0;
	size_t length = mark_run(line, size, &mark, &behind);
	if (length == 0) {
		return;
	}
	if (fence->open) {
		bool closes = mark == fence->mark && length >= fence->length &&
			      is_blank(line + behind, size - behind);
		fence->open = !closes;
		return;
	}
	/* `` ```a```b `` is inline code, not a fence. */
	if (mark == '`' && memchr(line + behind, '`', size - behind)) {
		return;
	}
	*fence = (struct fence){
		.open = true, .mark = mark, .length = length, .line = line, .line_size = size};
}

/* How many marks close and reopen this fence; 0 where it is too long to be repeated at all. */
static size_t repeat_length(const struct fence *fence)
{
	return fence->open && fence->length <= FENCE_MARK_MAX ? fence->length : 0;
}

static bool is_sentence_end(const char *text, size_t size, size_t at)
{
	static const char *const ends[] = {"。", "！", "？", "；", "…", "”", "』", "」"};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t n = strlen(ends[i]);
		if (at >= n && memcmp(text + at - n, ends[i], n) == 0) {
			return true;
		}
	}
	/* Latin sentences end with a blank behind: 3.50 and a.b.c do not. */
	return at >= 2 && at <= size && text[at - 1] == ' ' && strchr(".!?;", text[at - 2]) &&
	       text[at - 2] != '\0';
}

/* A closing quote or another end must stay with its sentence. */
static bool continues_sentence(const char *text, size_t size, size_t at)
{
	static const char *const tails[] = {"。", "！", "？", "…", "”", "』", "」", "）"};
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		size_t n = strlen(tails[i]);
		if (size - at >= n && memcmp(text + at, tails[i], n) == 0) {
			return true;
		}
	}
	return false;
}

enum border { BORDER_PARAGRAPH, BORDER_SENTENCE, BORDER_LINE, BORDER_BLANK, BORDER_KINDS };

static bool is_border(const char *text, size_t size, size_t at, enum border kind)
{
	switch (kind) {
	case BORDER_PARAGRAPH:
		return at >= 2 && text[at - 1] == '\n' && text[at - 2] == '\n';
	case BORDER_SENTENCE:
		return is_sentence_end(text, size, at) && !continues_sentence(text, size, at);
	case BORDER_LINE:
		return text[at - 1] == '\n';
	default:
		return text[at - 1] == ' ' || text[at - 1] == '\t';
	}
}

struct cut {
	size_t at;
	struct fence fence;
	size_t line_start;
};

/* Walks over the next `last` bytes once and notes the latest border of each kind. In code only whole lines are
 * borders. The last element is where the walk ended: a border of the lowest kind. */
static void find_borders(const struct splitter *s, size_t last, struct cut best[BORDER_KINDS + 1])
{
	const char *text = s->text + s->at;
	struct cut now = {.at = s->at, .fence = s->fence, .line_start = s->line_start};
	for (size_t at = 1; at <= last; at++) {
		now.at = s->at + at;
		if (text[at - 1] == '\n') {
			fence_line(
				&now.fence, s->text + now.line_start, now.at - 1 - now.line_start);
			now.line_start = now.at;
		}
		for (enum border kind = BORDER_PARAGRAPH; kind < BORDER_KINDS; kind++) {
			if ((!now.fence.open || text[at - 1] == '\n') &&
				is_border(text, s->size - s->at, at, kind)) {
				best[kind] = now;
			}
		}
	}
	best[BORDER_KINDS] = now;
}

/* The best place to cut so that at most room bytes are taken; always behind s->at. */
static struct cut choose_cut(const struct splitter *s, size_t room)
{
	size_t left = s->size - s->at;
	size_t last = qg_utf8_cut(s->text + s->at, left, room);
	if (last == 0) {
		last = room < left ? room : left; /* no UTF-8: any byte will do */
	}
	struct cut best[BORDER_KINDS + 1] = {0};
	find_borders(s, last, best);
	enum border kind = BORDER_PARAGRAPH;
	while (kind < BORDER_KINDS && best[kind].at <= s->at + last / 4) {
		kind++;
	}
	return best[kind];
}

static enum qg_status add_part(struct splitter *s, const struct qg_buf *part)
{
	/* Not checked for UTF-8 here: a text that is none was not made so by the cut. */
	if (part->failed ||
		json_array_append_new(s->parts, json_stringn_nocheck(part->data, part->size))) {
		return QG_NO_MEMORY;
	}
	return QG_OK;
}

/* What a part begins with where a fence is open at s->at. */
static enum qg_status reopen(const struct splitter *s, struct qg_buf *part)
{
	size_t length = repeat_length(&s->fence);
	if (length == 0) {
		return QG_OK;
	}
	if (s->fence.line_size <= FENCE_LINE_MAX &&
		s->fence.line_size + length + 4 <= s->limit / 2) {
		qg_buf_add(part, s->fence.line, s->fence.line_size);
	} else if (2 * length + 4 <= s->limit / 2) {
		for (size_t i = 0; i < length; i++) {
			qg_buf_add_char(part, s->fence.mark);
		}
	} else {
		return QG_OK; /* no room for repeated fences in parts so small */
	}
	return qg_buf_add_char(part, '\n');
}

static bool may_close(const struct splitter *s, const struct fence *fence)
{
	size_t length = repeat_length(fence);
	return length > 0 && 2 * length + 4 <= s->limit / 2;
}

static void close_fence(const struct fence *fence, struct qg_buf *part)
{
	if (part->size > 0 && part->data[part->size - 1] != '\n') {
		qg_buf_add_char(part, '\n');
	}
	for (size_t i = 0; i < fence->length; i++) {
		qg_buf_add_char(part, fence->mark);
	}
}

static enum qg_status next_part(struct splitter *s)
{
	QG_AUTO(qg_buf_finish) struct qg_buf part;
	qg_buf_init(&part, s->limit);
	if (reopen(s, &part)) {
		return QG_NO_MEMORY;
	}
	size_t room = s->limit - part.size;
	if (s->size - s->at <= room) {
		qg_buf_add(&part, s->text + s->at, s->size - s->at);
		s->at = s->size;
		return add_part(s, &part);
	}
	struct cut cut = choose_cut(s, room);
	if (may_close(s, &cut.fence) && cut.at - s->at + cut.fence.length + 1 > room) {
		/* Again, with room for the closing line; the new border may lie before the fence. */
		cut = choose_cut(s, room - cut.fence.length - 1);
	}
	qg_buf_add(&part, s->text + s->at, cut.at - s->at);
	if (may_close(s, &cut.fence) && part.size + cut.fence.length + 1 <= s->limit) {
		close_fence(&cut.fence, &part);
	}
	s->at = cut.at;
	s->fence = cut.fence;
	s->line_start = cut.line_start;
	return add_part(s, &part);
}

enum qg_status qg_split(const char *text, size_t size, size_t limit, json_t *parts)
{
	assert(limit >= QG_SPLIT_MIN);
	size_t before = json_array_size(parts);
	struct splitter s = {.text = text, .size = size, .limit = limit, .parts = parts};
	while (s.at < size) {
		if (next_part(&s)) {
			while (json_array_size(parts) > before) {
				json_array_remove(parts, json_array_size(parts) - 1);
			}
			return QG_NO_MEMORY;
		}
	}
	return QG_OK;
}

void qg_fence_end(const char *text, size_t size, char out[17])
{
	struct fence fence = {0};
	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end != NULL ? (size_t)(end - text) - at : size - at;
		fence_line(&fence, text + at, length);
		at += length + 1;
	}
	size_t marks = repeat_length(&fence);
	memset(out, fence.mark, marks);
	out[marks] = '\0';
}
