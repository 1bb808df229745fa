/* html.c - a page without its tags: what a reader would see, in lines.
 *
 * No parser of HTML, and none is needed: text is what stands outside of tags, comments, scripts and styles. Tags that
 * begin a block end a line, cells are told apart by tabs, and blanks count once but in <pre>. */
#include "documents.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/str.h"

enum { TAG_MOST = 12, ENTITY_MOST = 12, DECODED_MOST = 8 * 1024 * 1024 };

struct page {
	const char *at, *end;
	struct document_out *out;
	bool blank;   /* one is due before the next word */
	bool line;    /* something stands on this line */
	unsigned pre; /* open <pre> */
};

static const char *const blocks[] = {"address", "article", "blockquote", "br", "caption", "dd",
	"div", "dl", "dt", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
	"hr", "li", "main", "nav", "ol", "option", "p", "pre", "section", "table", "title", "tr",
	"ul", NULL};
static const char *const hidden[] = {"script", "style", "noscript", "template", "svg", NULL};

static const struct {
	const char *name, *text;
} entities[] = {{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"},
	{"nbsp", " "}, {"ensp", " "}, {"emsp", " "}, {"copy", "©"}, {"reg", "®"}, {"trade", "™"},
	{"yen", "¥"}, {"euro", "€"}, {"pound", "£"}, {"hellip", "…"}, {"mdash", "—"},
	{"ndash", "–"}, {"lsquo", "‘"}, {"rsquo", "’"}, {"ldquo", "“"}, {"rdquo", "”"},
	{"middot", "·"}, {"bull", "•"}, {"times", "×"}, {"divide", "÷"}, {"deg", "°"}};

static bool is_one_of(const char *const *names, const char *name)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void end_line(struct page *page)
{
	if (page->line) {
		document_out_add(page->out, "\n", 1);
	}
	page->line = page->blank = false;
}

static void put(struct page *page, const char *bytes, size_t size)
{
	if (page->blank && page->line) {
		document_out_add(page->out, " ", 1);
	}
	page->blank = false;
	page->line = true;
	document_out_add(page->out, bytes, size);
}

/* Behind the next occurrence of text, or at the end. */
static void skip_past(struct page *page, const char *text)
{
	size_t size = strlen(text);
	const char *found = memmem(page->at, (size_t)(page->end - page->at), text, size);
	page->at = found != NULL ? found + size : page->end;
}

/* Behind the closing tag of that name. */
static void skip_hidden(struct page *page, const char *name)
{
	size_t size = strlen(name);
	while (page->at < page->end) {
		skip_past(page, "</");
		if ((size_t)(page->end - page->at) >= size &&
			strncasecmp(page->at, name, size) == 0) {
			skip_past(page, ">");
			return;
		}
	}
}

/* A tag's end is outside of its values' quotes. */
static void skip_tag(struct page *page)
{
	char quote = '\0';
	for (; page->at < page->end; page->at++) {
		char c = *page->at;
		if (quote != '\0') {
			quote = c == quote ? '\0' : quote;
		} else if (c == '>') {
			page->at++;
			return;
		} else if ((c == '"' || c == '\'') && page->at[-1] == '=') {
			quote = c;
		}
	}
}

static size_t read_name(const struct page *page, const char *at, char name[TAG_MOST])
{
	size_t size = 0;
	while (at + size < page->end && size < TAG_MOST - 1) {
		char c = at[size];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(size > 0 && c >= '0' && c <= '9')) {
			break;
		}
		name[size++] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
	}
	name[size] = '\0';
	return size;
}

static void take_tag(struct page *page, const char *name, bool closes)
{
	bool cell = strcmp(name, "td") == 0 || strcmp(name, "th") == 0;
	skip_tag(page);
	if (strcmp(name, "pre") == 0) {
		page->pre = closes ? 0 : 1;
	}
	if (cell && closes) {
		document_out_add(page->out, "\t", 1);
		page->blank = false;
		page->line = true;
	} else if (is_one_of(blocks, name)) {
		end_line(page);
	} else if (!closes && is_one_of(hidden, name)) {
		skip_hidden(page, name);
	}
}

/* At a '<'. */
static void take_markup(struct page *page)
{
	char name[TAG_MOST];
	size_t left = (size_t)(page->end - page->at);
	if (left >= 4 && memcmp(page->at, "<!--", 4) == 0) {
		page->at += 4;
		skip_past(page, "-->");
		return;
	}
	if (left >= 2 && (page->at[1] == '!' || page->at[1] == '?')) {
		skip_past(page, ">");
		return;
	}
	bool closes = left >= 2 && page->at[1] == '/';
	if (read_name(page, page->at + (closes ? 2 : 1), name) == 0) {
		put(page, "<", 1); /* a sign, no tag */
		page->at++;
		return;
	}
	page->at++;
	take_tag(page, name, closes);
}

static size_t put_entity(struct page *page, const char *name, size_t size)
{
	char text[ENTITY_MOST + 1], bytes[4];
	memcpy(text, name, size);
	text[size] = '\0';
	if (text[0] == '#') {
		bool hex = text[1] == 'x' || text[1] == 'X';
		unsigned long code = strtoul(text + (hex ? 2 : 1), NULL, hex ? 16 : 10);
		put(page, bytes, qg_utf8_put(code <= 0x10FFFF ? (uint32_t)code : 0xFFFD, bytes));
		return size + 2;
	}
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (strcmp(entities[i].name, text) == 0) {
			put(page, entities[i].text, strlen(entities[i].text));
			return size + 2;
		}
	}
	return 0;
}

/* At an '&'. */
static void take_entity(struct page *page)
{
	size_t left = (size_t)(page->end - page->at) - 1;
	const char *end = memchr(page->at + 1, ';', left < ENTITY_MOST ? left : ENTITY_MOST);
	size_t used =
		end != NULL ? put_entity(page, page->at + 1, (size_t)(end - page->at) - 1) : 0;
	if (used == 0) {
		put(page, "&", 1);
		used = 1;
	}
	page->at += used;
}

static void take_words(struct page *page)
{
	const char *begin = page->at;
	while (page->at < page->end && *page->at != '<' && *page->at != '&' &&
		(page->pre > 0 || !is_blank(*page->at))) {
		page->at++;
	}
	put(page, begin, (size_t)(page->at - begin));
}

void document_strip_html(const char *text, size_t size, struct document_out *out)
{
	struct page page = {.at = text, .end = text + size, .out = out};
	while (page.at < page.end && !out->full && out->text.failed == QG_OK) {
		if (*page.at == '<') {
			take_markup(&page);
		} else if (*page.at == '&') {
			take_entity(&page);
		} else if (page.pre == 0 && is_blank(*page.at)) {
			page.blank = true;
			page.at++;
		} else {
			take_words(&page);
		}
	}
}

enum qg_status document_read_html(const char *data, size_t size, struct document_out *out)
{
	struct qg_buf utf8;
	qg_buf_init(&utf8, (size_t)DECODED_MOST * 3);
	enum qg_status status = document_decode(data, size, DECODED_MOST, &utf8);
	if (status == QG_OK && utf8.size > 0) {
		document_strip_html(utf8.data, utf8.size, out);
	}
	qg_buf_finish(&utf8);
	return status == QG_OK ? document_out_status(out) : status;
}
