/* card_bodies.c - JSON of cards (2.0) and of the calls that make, fill and send them.
 *
 * Cards are strict: a member they do not know, a picture that is not the platform's, a table too many, and nobody sees
 * anything. So a model's markdown loses its pictures (their links stay), and tables beyond the third become code. Source:
 * open.feishu.cn, 卡片 JSON 2.0 结构, 流式更新卡片. */
#include "cards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/json.h"
#include "qg/str.h"

#define TEXT_MOST ((size_t)1 << 20)
#define BODY_MOST (8 * TEXT_MOST)
#define SUMMARY_POINTS 60
#define AFTER_SIZE 128 /* of an operation's number and name */

/* ---- markdown ---- */

struct line {
	const char *text;
	size_t size; /* its end of line among it */
};

static struct line next_line(const char *at)
{
	const char *end = strchr(at, '\n');
	return (struct line){at, end ? (size_t)(end - at) + 1 : strlen(at)};
}

static size_t leading(const struct line *line, const char *set)
{
	size_t at = 0;
	while (at < line->size && strchr(set, line->text[at])) {
		at++;
	}
	return at;
}

static bool holds(const struct line *line, char c)
{
	return memchr(line->text, c, line->size) != NULL;
}

/* "|---|:-:|", in a quote, too */
static bool is_rule(const struct line *line)
{
	return leading(line, "|-: \t\r\n>") == line->size && holds(line, '-') && holds(line, '|');
}

struct fence {
	char mark; /* 0: none is open */
	size_t size;
};

/* true: the line opens or closes one. */
static bool turn_fence(struct fence *fence, const struct line *line)
{
	size_t at = leading(line, " \t>"), size = 0;
	char mark = at < line->size ? line->text[at] : '\0';
	while (at + size < line->size && line->text[at + size] == mark) {
		size++;
	}
	const struct line rest = {line->text + at + size, line->size - at - size};
	bool is_mark = (mark == '`' || mark == '~') && size >= 3;
	bool opens = is_mark && fence->mark == '\0' && !(mark == '`' && holds(&rest, '`'));
	bool closes = is_mark && fence->mark == mark && size >= fence->size &&
		      leading(&rest, " \t\r\n") == rest.size;
	if (opens) {
		*fence = (struct fence){mark, size};
	} else if (closes) {
		fence->mark = '\0';
	}
	return opens || closes;
}

/* A line as it is, but for the marks that make a picture of a link: in one pass, for a text may be nothing but marks. */
static void add_line(const struct line *line, bool is_code, struct qg_buf *out)
{
	const char *at = line->text, *end = at + line->size, *mark;
	while (!is_code && (mark = memchr(at, '!', (size_t)(end - at))) != NULL) {
		size_t marks = strspn(mark, "!");
		bool is_picture = mark[marks] == '[';
		qg_buf_add(out, at, (size_t)(mark - at) + (is_picture ? 0 : marks));
		at = mark + marks;
	}
	qg_buf_add(out, at, (size_t)(end - at));
}

static const char *add_table_as_code(const char *at, struct qg_buf *out)
{
	qg_buf_add_str(out, "```\n");
	struct line line = next_line(at);
	for (; line.size > 0 && holds(&line, '|'); line = next_line(at)) {
		add_line(&line, true, out);
		at += line.size;
	}
	bool is_open = out->size > 0 && out->data[out->size - 1] != '\n';
	qg_buf_add_str(out, is_open ? "\n```\n" : "```\n");
	return at;
}

static void add_markdown(const char *at, struct qg_buf *out)
{
	struct fence fence = {0};
	unsigned tables = 0;
	bool in_table = false;
	while (*at) {
		struct line line = next_line(at), below = next_line(at + line.size);
		bool was_code = fence.mark != '\0';
		bool is_code = turn_fence(&fence, &line) || was_code;
		bool begins = !is_code && !in_table && holds(&line, '|') && is_rule(&below);
		if (begins && ++tables > FEISHU_TABLES_MOST) {
			at = add_table_as_code(at, out);
			continue;
		}
		in_table = begins || (in_table && !is_code && holds(&line, '|'));
		add_line(&line, is_code, out);
		at += line.size;
	}
}

char *feishu_card_text(const char *text, size_t most)
{
	QG_AUTO(qg_buf_finish) struct qg_buf plain;
	QG_AUTO(qg_buf_finish) struct qg_buf shown;
	qg_buf_init(&plain, TEXT_MOST);
	qg_buf_init(&shown, 3 * TEXT_MOST);
	add_markdown(text, &plain);
	feishu_escape(plain.data ? plain.data : "", &shown);
	if (plain.failed != QG_OK || shown.failed != QG_OK) {
		return NULL;
	}
	const char *data = shown.data ? shown.data : "";
	size_t size = most > 0 ? qg_utf8_cut(data, shown.size, most) : shown.size;
	return qg_str_copy_n(data, size);
}

char *feishu_card_summary(const char *text, const char *otherwise)
{
	QG_AUTO(qg_buf_finish) struct qg_buf line;
	qg_buf_init(&line, TEXT_MOST);
	const char *at = text + strspn(text, "\r\n\t #>*-`|~");
	for (unsigned points = 0; *at && *at != '\n' && points < SUMMARY_POINTS; points++) {
		size_t used = 0;
		qg_utf8_next(at, strlen(at), &used);
		if (!strchr("*`|", *at)) {
			qg_buf_add(&line, at, used);
		}
		at += used;
	}
	QG_AUTO(qg_str_free)
	char *flat =
		line.failed != QG_OK ? NULL : qg_str_copy(line.size > 0 ? line.data : otherwise);
	if (!flat) {
		return NULL;
	}
	qg_utf8_flatten(flat);
	/* Again: without those marks it may have become a tag. */
	QG_AUTO(qg_buf_finish) struct qg_buf safe;
	qg_buf_init(&safe, TEXT_MOST);
	feishu_escape(flat, &safe);
	return safe.failed != QG_OK ? NULL : qg_str_copy(safe.data ? safe.data : "");
}

bool feishu_is_person(const char *id)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t size = id && qg_str_starts_with(id, "ou_") ? strlen(id) : 0;
	return size > 3 && size <= QG_ID_MAX && strspn(id, letters) == size;
}

/* ---- cards ---- */

static json_t *config_of(const struct feishu_layout *layout)
{
	QG_AUTO(qg_str_free)
	char *summary = feishu_card_summary(layout->text, layout->title ? layout->title : "");
	json_t *config =
		summary ? json_pack("{s:b, s:b, s:{s:s}}", "update_multi", 1, "streaming_mode",
				  layout->streaming, "summary", "content", summary)
			: NULL;
	if (config && layout->streaming &&
		json_object_set_new(config, "streaming_config",
			json_pack("{s:{s:i}, s:{s:i}, s:s}", "print_frequency_ms", "default", 70,
				"print_step", "default", 2, "print_strategy", "fast")) != 0) {
		json_decref(config);
		return NULL;
	}
	return config;
}

static int add_element(json_t *elements, json_t *element)
{
	return json_array_append_new(elements, element);
}

static json_t *small_element(const char *words)
{
	QG_AUTO(qg_str_free) char *safe = feishu_card_text(words, 0);
	QG_AUTO(qg_str_free)
	char *text = safe ? qg_str_printf("<font color='grey'>%s</font>", safe) : NULL;
	return text ? json_pack("{s:s, s:s, s:s}", "tag", "markdown", "content", text, "text_size",
			      "notation")
		    : NULL;
}

static json_t *elements_of(const struct feishu_layout *layout)
{
	json_t *elements = json_array();
	int bad = elements ? 0 : -1;
	if (bad == 0 && feishu_is_person(layout->whom)) {
		char call[QG_ID_MAX + 32];
		snprintf(call, sizeof(call), "<at id=%s></at>", layout->whom);
		bad |= add_element(elements, json_pack("{s:s, s:s, s:s}", "tag", "markdown",
						     "element_id", "md_whom", "content", call));
	}
	if (bad == 0) {
		bad |= add_element(
			elements, json_pack("{s:s, s:s, s:s}", "tag", "markdown", "element_id",
					  "md_main", "content", layout->text));
	}
	const char *small[] = {layout->source, layout->line};
	for (size_t i = 0; bad == 0 && i < 2; i++) {
		bad |= small[i] ? add_element(elements, small_element(small[i])) : 0;
	}
	for (size_t i = 0; bad == 0 && i < json_array_size(layout->buttons); i++) {
		bad |= json_array_append(elements, json_array_get(layout->buttons, i));
	}
	if (bad != 0) {
		json_decref(elements);
		return NULL;
	}
	return elements;
}

json_t *feishu_card_json(const struct feishu_layout *layout)
{
	json_t *config = config_of(layout);
	json_t *elements = elements_of(layout);
	return json_pack("{s:s, s:o, s:{s:o}}", "schema", "2.0", "config", config, "body",
		"elements", elements);
}

bool feishu_card_choose(json_t *card, const char *words)
{
	json_t *elements = json_object_get(json_object_get(card, "body"), "elements");
	bool has_any = false;
	for (size_t i = json_array_size(elements); i-- > 0;) {
		if (strcmp(qg_json_str(json_array_get(elements, i), "tag", ""), "column_set") ==
			0) {
			json_array_remove(elements, i);
			has_any = true;
		}
	}
	return has_any && add_element(elements, small_element(words)) == 0;
}

/* ---- calls ---- */

/* Takes value. */
static char *dump(json_t *value)
{
	char *text = value ? qg_json_dump(value) : NULL;
	json_decref(value);
	return text;
}

/* A request around one long string, without a tree of it. Accepts a text that is NULL. */
static char *around(const char *before, const char *text, const char *after)
{
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, BODY_MOST);
	qg_buf_add_str(&body, before);
	bool is_good = text && qg_json_quote(text, strlen(text), &body) == QG_OK;
	qg_buf_add_str(&body, after);
	return is_good && body.failed == QG_OK ? qg_buf_steal(&body) : NULL;
}

/* Behind it: the number and name of an operation. */
static char *around_operation(const char *before, const char *text, const char *between,
	unsigned sequence, const char *uuid)
{
	char after[AFTER_SIZE];
	snprintf(after, sizeof(after), "%s,\"sequence\":%u,\"uuid\":\"%s\"}", between, sequence,
		uuid);
	return around(before, text, after);
}

char *feishu_card_make_body(const json_t *card)
{
	QG_AUTO(qg_str_free) char *data = qg_json_dump(card);
	return around("{\"type\":\"card_json\",\"data\":", data, "}");
}

char *feishu_card_content_body(const char *text, unsigned sequence, const char *uuid)
{
	return around_operation("{\"content\":", text, "", sequence, uuid);
}

char *feishu_card_settings_body(
	bool streaming, const char *summary, unsigned sequence, const char *uuid)
{
	QG_AUTO(qg_str_free)
	char *settings =
		dump(summary ? json_pack("{s:{s:b, s:{s:s}}}", "config", "streaming_mode",
				       streaming, "summary", "content", summary)
			     : json_pack("{s:{s:b}}", "config", "streaming_mode", streaming));
	return settings ? dump(json_pack("{s:s, s:i, s:s}", "settings", settings, "sequence",
				  (int)sequence, "uuid", uuid))
			: NULL;
}

char *feishu_card_put_body(const json_t *card, unsigned sequence, const char *uuid)
{
	QG_AUTO(qg_str_free) char *data = qg_json_dump(card);
	return around_operation(
		"{\"card\":{\"type\":\"card_json\",\"data\":", data, "}", sequence, uuid);
}

char *feishu_card_message_body(
	const char *card_id, const json_t *card, const char *chat, const char *uuid)
{
	QG_AUTO(qg_str_free)
	char *content = card ? qg_json_dump(card)
			     : dump(json_pack("{s:s, s:{s:s}}", "type", "card", "data", "card_id",
				       card_id));
	QG_AUTO(qg_str_free)
	char *receiver = chat ? around(",\"receive_id\":", chat, "") : qg_str_copy("");
	QG_AUTO(qg_str_free)
	char *after = receiver ? qg_str_printf(",\"uuid\":\"%s\"%s}", uuid, receiver) : NULL;
	return after ? around("{\"msg_type\":\"interactive\",\"content\":", content, after) : NULL;
}
