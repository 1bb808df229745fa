/* dingtext.c - markdown as models write it -> what DingTalk renders; titles; nothing that calls everyone.
 *
 * The platform documents headings, quotes, emphasis, links, pictures and lists; its clients also render code fences and,
 * behind an empty line, tables. A lone line break is none there: in a message it wants two blanks on either side, in a
 * card <br>. So the text is read line by line, and the border between two lines is chosen by what they are. */
#include "dingtext.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/str.h"

#define ZERO_WIDTH "\xe2\x80\x8b"
#define MESSAGE_BREAK "  \n  "

enum line { NO_LINE, BLANK, TEXT, HEADING, QUOTE, ITEM, TABLE, RULE, FENCE };

/* ---- nobody is called ---- */

static bool begins(const char *text, size_t size, const char *word)
{
	size_t length = strlen(word);
	return size >= length && strncasecmp(text, word, length) == 0;
}

static bool calls_everyone(const char *behind_sign, size_t size)
{
	static const char *const names[] = {"all", "所有人", "全体", "everyone"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (begins(behind_sign, size, names[i])) {
			return true;
		}
	}
	return false;
}

/* In a card <a atId=...> is a mention; its links are [text](address). */
static bool is_tag(const char *behind_sign, size_t size)
{
	return begins(behind_sign, size, "a ") || begins(behind_sign, size, "a\t") ||
	       begins(behind_sign, size, "a\n") || begins(behind_sign, size, "at");
}

static void add_harmless(const char *text, size_t size, bool is_card, struct qg_buf *out)
{
	size_t done = 0;
	for (size_t at = 0; at < size; at++) {
		const char *behind = text + at + 1;
		size_t left = size - at - 1;
		if ((text[at] == '@' && calls_everyone(behind, left)) ||
			(is_card && text[at] == '<' && is_tag(behind, left))) {
			qg_buf_add(out, text + done, at + 1 - done);
			qg_buf_add_str(out, ZERO_WIDTH);
			done = at + 1;
		}
	}
	qg_buf_add(out, text + done, size - done);
}

enum qg_status ding_plain(const char *text, struct qg_buf *out)
{
	add_harmless(text, strlen(text), false, out);
	return out->failed;
}

/* ---- lines ---- */

static size_t indent_of(const char *line, size_t size)
{
	size_t at = 0;
	while (at < size && (line[at] == ' ' || line[at] == '\t')) {
		at++;
	}
	return at;
}

/* Three or more of one mark and nothing else. */
static bool is_rule(const char *line, size_t size)
{
	size_t marks = 0;
	for (size_t i = 0; i < size; i++) {
		if (line[i] == line[0] && strchr("-*_", line[i])) {
			marks++;
		} else if (line[i] != ' ' && line[i] != '\t') {
			return false;
		}
	}
	return marks >= 3;
}

/* Bytes of "- ", "* ", "+ " or "12. " at a line's begin, 0 without. */
static size_t item_mark(const char *line, size_t size)
{
	size_t at = 0;
	if (size > 0 && strchr("-*+", line[0])) {
		at = 1;
	} else {
		while (at < size && at < 9 && line[at] >= '0' && line[at] <= '9') {
			at++;
		}
		if (at == 0 || at == size || (line[at] != '.' && line[at] != ')')) {
			return 0;
		}
		at++;
	}
	return at < size && line[at] == ' ' ? at + 1 : 0;
}

static size_t heading_mark(const char *line, size_t size)
{
	size_t at = 0;
	while (at < size && line[at] == '#') {
		at++;
	}
	return at >= 1 && at <= 6 && at < size && line[at] == ' ' ? at + 1 : 0;
}

static size_t fence_mark(const char *line, size_t size)
{
	size_t at = 0;
	while (at < size && line[at] == line[0] && strchr("`~", line[0])) {
		at++;
	}
	return at >= 3 && !(line[0] == '`' && memchr(line + at, '`', size - at)) ? at : 0;
}

static enum line kind_of(const char *line, size_t size)
{
	size_t indent = indent_of(line, size);
	line += indent;
	size -= indent;
	if (size == 0) {
		return BLANK;
	}
	if (fence_mark(line, size) > 0) {
		return FENCE;
	}
	if (is_rule(line, size)) {
		return RULE;
	}
	if (heading_mark(line, size) > 0) {
		return HEADING;
	}
	return line[0] == '>'		   ? QUOTE
	       : line[0] == '|'		   ? TABLE
	       : item_mark(line, size) > 0 ? ITEM
					   : TEXT;
}

/* ---- the converter ---- */

struct converter {
	enum ding_place place;
	struct qg_buf *out;
	enum line last; /* the kind of the line before; a closed fence is FENCE */
	bool in_fence;
	char mark; /* of the fence */
	size_t mark_size;
};

static bool breaks_softly(enum line before, enum line now)
{
	return (before == TEXT && now == TEXT) || (before == ITEM && now == TEXT) ||
	       (before == QUOTE && now == QUOTE);
}

/* What stands between two lines. true: the line goes on in the same one, without its own mark. */
static bool add_border(struct converter *c, enum line now)
{
	if (c->last == NO_LINE) {
		return false;
	}
	if (c->last == BLANK || now == BLANK || (c->last == now && (now == ITEM || now == TABLE))) {
		qg_buf_add_char(c->out, '\n');
		return false;
	}
	if (!breaks_softly(c->last, now)) {
		qg_buf_add_str(c->out, "\n\n");
		return false;
	}
	if (c->place == DING_CARD) {
		qg_buf_add_str(c->out, "<br>");
		return true;
	}
	qg_buf_add_str(c->out, now == QUOTE ? "  \n" : MESSAGE_BREAK);
	return false;
}

/* The same line without what only its begin needs. */
static void skip_mark(enum line kind, const char **line, size_t *size)
{
	size_t skip = indent_of(*line, *size);
	if (kind == QUOTE && skip < *size && (*line)[skip] == '>') {
		skip++;
		skip += indent_of(*line + skip, *size - skip);
	}
	*line += skip;
	*size -= skip;
}

/* <br> as models write it: a message knows no HTML. */
static size_t br_size(const char *text, size_t size)
{
	static const char *const forms[] = {"<br>", "<br/>", "<br />"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (begins(text, size, forms[i])) {
			return strlen(forms[i]);
		}
	}
	return 0;
}

static void add_words(struct converter *c, enum line kind, const char *text, size_t size)
{
	bool is_card = c->place == DING_CARD;
	size_t done = 0;
	for (size_t at = 0; at < size && !is_card; at++) {
		size_t skip = text[at] == '<' ? br_size(text + at, size - at) : 0;
		if (skip > 0) {
			add_harmless(text + done, at - done, is_card, c->out);
			qg_buf_add_str(c->out, kind == TEXT ? MESSAGE_BREAK : " ");
			done = at + skip;
			at = done - 1;
		}
	}
	add_harmless(text + done, size - done, is_card, c->out);
}

static void add_line(struct converter *c, const char *line, size_t size)
{
	enum line kind = kind_of(line, size);
	bool goes_on = add_border(c, kind);
	if (goes_on || kind == TEXT) {
		skip_mark(kind, &line, &size);
	}
	if (kind == RULE) {
		qg_buf_add_str(c->out, c->place == DING_CARD ? "***" : "---");
	} else if (kind == ITEM && c->place == DING_CARD) {
		size_t indent = indent_of(line, size);
		bool is_bullet = strchr("-+", line[indent]) != NULL;
		qg_buf_add(c->out, line, indent);
		qg_buf_add_str(c->out, is_bullet ? "*" : "");
		add_words(c, kind, line + indent + is_bullet, size - indent - is_bullet);
	} else if (kind != BLANK) {
		add_words(c, kind, line, size);
	}
	c->last = kind;
}

static void open_fence(struct converter *c, const char *line, size_t size)
{
	size_t indent = indent_of(line, size);
	add_border(c, FENCE);
	c->in_fence = true;
	c->mark = line[indent];
	c->mark_size = fence_mark(line + indent, size - indent);
	qg_buf_add_str(c->out, "```");
	add_words(c, FENCE, line + indent + c->mark_size, size - indent - c->mark_size);
	c->last = FENCE;
}

static void in_fence(struct converter *c, const char *line, size_t size)
{
	size_t indent = indent_of(line, size);
	size_t marks = size > indent ? fence_mark(line + indent, size - indent) : 0;
	bool closes =
		marks >= c->mark_size && line[indent] == c->mark &&
		indent_of(line + indent + marks, size - indent - marks) == size - indent - marks;
	qg_buf_add_char(c->out, '\n');
	if (closes) {
		qg_buf_add_str(c->out, "```");
		c->in_fence = false;
	} else {
		add_harmless(line, size, c->place == DING_CARD, c->out);
	}
}

enum qg_status ding_markdown(const char *text, enum ding_place place, struct qg_buf *out)
{
	struct converter c = {.place = place, .out = out};
	size_t size = strlen(text);
	while (size > 0 && strchr(" \t\r\n", text[size - 1])) {
		size--;
	}
	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;
		size_t next = at + length + 1;
		while (length > 0 && strchr(" \t\r", text[at + length - 1])) {
			length--;
		}
		if (c.in_fence) {
			in_fence(&c, text + at, length);
		} else if (kind_of(text + at, length) == FENCE) {
			open_fence(&c, text + at, length);
		} else if (length > 0 || c.last != NO_LINE) {
			add_line(&c, text + at, length);
		}
		at = next;
	}
	return out->failed;
}

/* ---- titles ---- */

/* The words of a line without its mark; *size 0 where it has none. */
static const char *words_of(const char *line, size_t *size)
{
	enum line kind = kind_of(line, *size);
	size_t skip = indent_of(line, *size);
	if (kind == FENCE || kind == RULE || kind == BLANK) {
		skip = *size;
	} else if (kind == HEADING) {
		skip += heading_mark(line + skip, *size - skip);
	} else if (kind == ITEM) {
		skip += item_mark(line + skip, *size - skip);
	}
	*size -= skip;
	return line + skip;
}

/* Emphasis, code marks, cells' borders, and all of a link but its text. */
static char *without_marks(const char *text, size_t size)
{
	char *copy = malloc(size + 1);
	size_t to = 0;
	if (!copy) {
		return NULL;
	}
	for (size_t at = 0; at < size; at++) {
		if (text[at] == ']' && at + 1 < size && text[at + 1] == '(') {
			const char *end = memchr(text + at, ')', size - at);
			at = end ? (size_t)(end - text) : at;
		} else if (!strchr("*`>|[]", text[at]) &&
			   !(text[at] == '!' && at + 1 < size && text[at + 1] == '[')) {
			copy[to++] = text[at];
		}
	}
	copy[to] = '\0';
	qg_utf8_flatten(copy);
	return qg_str_trim(copy);
}

static void shorten(char *text)
{
	size_t at = 0, used = 0;
	for (unsigned i = 0; text[at] != '\0' && i < DING_TITLE_MOST; i++, at += used) {
		qg_utf8_next(text + at, strlen(text + at), &used);
	}
	text[at] = '\0';
}

char *ding_title(const char *text, const char *fallback)
{
	char *title = NULL;
	for (const char *at = text; *at;) {
		const char *end = strchr(at, '\n');
		size_t size = end ? (size_t)(end - at) : strlen(at);
		size_t left = size;
		const char *words = words_of(at, &left);
		title = without_marks(words, left);
		if (!title || title[0] != '\0') {
			break;
		}
		free(title);
		title = NULL;
		at += size + (end != NULL);
		if (*at == '\0') {
			break;
		}
	}
	if (!title) {
		title = qg_str_copy(fallback);
	}
	if (title) {
		shorten(title);
	}
	return title;
}
