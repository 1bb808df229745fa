/* record.c - messages as the API lists them, put into words.
 *
 * The list begins with the message that was asked for; those of a forwarded talk follow and name the one above them. Each
 * becomes "name: words". Names are known where one of the messages mentions the person, all others get the same alias that
 * their own messages have. Files of a forwarded talk cannot be fetched, so they are named; a talk within a talk is shown,
 * one further in is named. Everything here was written by strangers: it is bounded and ends up fenced, as a quote. */
#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

#define ITEMS_MOST 101	/* the platform's hundred, and the one above them */
#define ITEMS_SEEN 1000 /* with such as are none */
#define NAMES_MOST 100
#define TEXT_MOST (32 * 1024)
#define LEVELS_MOST 2
#define NAME_BYTES 100

enum field { ID, TYPE, DELETED, UPPER, SENDER, SENDER_TYPE, CONTENT, MENTIONS, FIELDS };

static const char *const paths[FIELDS] = {[ID] = "message_id",
	[TYPE] = "msg_type",
	[DELETED] = "deleted",
	[UPPER] = "upper_message_id",
	[SENDER] = "sender.id",
	[SENDER_TYPE] = "sender.sender_type",
	[CONTENT] = "body.content",
	[MENTIONS] = "mentions"};

struct item {
	struct qg_piece fields[FIELDS];
};

struct name {
	struct qg_piece id, name;
};

struct list { /* an answer being read */
	struct feishu_record *record;
	struct item *items;
	size_t count;
	struct name names[NAMES_MOST];
	size_t name_count;
	size_t shown;
};

void feishu_record_init(struct feishu_record *record, const char *app_id)
{
	*record = (struct feishu_record){.app_id = app_id};
	qg_buf_init(&record->text, TEXT_MOST);
}

void feishu_record_finish(struct feishu_record *record)
{
	qg_buf_finish(&record->text);
	json_decref(record->attachments);
	record->attachments = NULL;
}

/* ---- text ---- */

static void add(struct feishu_record *record, const char *data, size_t size)
{
	size_t room = TEXT_MOST - record->text.size;
	if (size > room) {
		record->cut = true;
		size = qg_utf8_cut(data, size, room);
	}
	qg_buf_add(&record->text, data, size);
}

static void add_str(struct feishu_record *record, const char *text)
{
	add(record, text, strlen(text));
}

/* Of the first line, with what ends it: some readers begin a new one behind U+2028 and U+2029 as well. */
static size_t line_size(const char *text, size_t size)
{
	for (size_t at = 0; at < size; at++) {
		if (text[at] == '\n') {
			return at + 1;
		}
		if (size - at >= 3 && (memcmp(text + at, "\u2028", 3) == 0 ||
					      memcmp(text + at, "\u2029", 3) == 0)) {
			return at + 3;
		}
	}
	return size;
}

/* What is below the first line, or deeper in, is indented: so no line of anybody's looks like the next speaker's. */
static void add_lines(struct feishu_record *record, const char *text, size_t size, unsigned indent)
{
	for (size_t at = 0; at < size;) {
		size_t line = line_size(text + at, size - at);
		add(record, text + at, line);
		at += line;
		for (unsigned i = 0; i < indent && at < size; i++) {
			add_str(record, "  ");
		}
	}
}

void feishu_record_say(struct feishu_record *record, const char *words)
{
	add_str(record, record->text.size > 0 ? "\n" : "");
	add_str(record, words);
}

char *feishu_record_steal(struct feishu_record *record, size_t most)
{
	static const char more[] = "\n（后文过长，已截去）";
	const struct qg_buf *buf = &record->text;
	if (buf->failed) {
		return NULL;
	}
	char *text = qg_utf8_clean(buf->size > 0 ? buf->data : "", buf->size);
	if (!text) {
		return NULL;
	}
	qg_str_trim(text);
	size_t size = strlen(text);
	if (!record->cut && size <= most) {
		return text;
	}
	text[qg_utf8_cut(text, size, most - sizeof(more))] = '\0';
	char *whole = qg_str_printf("%s%s", text, more);
	free(text);
	return whole;
}

/* ---- the list ---- */

/* In answers of the API the id of who is mentioned is a plain string. */
static void learn_names(struct list *list, const struct qg_piece *mentions)
{
	static const char *const parts[] = {"id", "name"};
	struct qg_scan_walk walk = {0};
	struct qg_piece one, found[2];
	if (mentions->kind != QG_PIECE_ARRAY) {
		return;
	}
	for (size_t i = 0; i < NAMES_MOST && list->name_count < NAMES_MOST; i++) {
		if (!qg_scan_next(mentions, &walk, &one)) {
			return;
		}
		if (qg_scan(one.data, one.size, parts, 2, found) == QG_OK &&
			found[0].kind == QG_PIECE_STRING && found[0].size > 0 &&
			found[1].kind == QG_PIECE_STRING && found[1].size > 0) {
			list->names[list->name_count++] = (struct name){found[0], found[1]};
		}
	}
}

static enum qg_status read_items(struct list *list, const struct qg_piece *array)
{
	struct qg_scan_walk walk = {0};
	struct qg_piece one;
	for (size_t i = 0; i < ITEMS_SEEN && qg_scan_next(array, &walk, &one); i++) {
		if (list->count == ITEMS_MOST) {
			list->record->cut = true;
			break;
		}
		struct item *item = &list->items[list->count];
		enum qg_status status = qg_scan(one.data, one.size, paths, FIELDS, item->fields);
		if (status == QG_NO_MEMORY) {
			return status;
		}
		if (status == QG_OK && item->fields[ID].kind == QG_PIECE_STRING) {
			list->count++;
			learn_names(list, &item->fields[MENTIONS]);
		}
	}
	return QG_OK;
}

static bool is_same(const struct qg_piece *a, const struct qg_piece *b)
{
	return a->kind == QG_PIECE_STRING && b->kind == QG_PIECE_STRING && a->size == b->size &&
	       a->size > 0 && memcmp(a->data, b->data, a->size) == 0;
}

/* ---- one message ---- */

static const struct qg_piece *name_of(const struct list *list, const struct qg_piece *id)
{
	for (size_t i = 0; i < list->name_count; i++) {
		if (is_same(&list->names[i].id, id)) {
			return &list->names[i].name;
		}
	}
	return NULL;
}

static enum qg_status add_sender(struct list *list, const struct item *item)
{
	const struct qg_piece *id = &item->fields[SENDER];
	const struct qg_piece *known = name_of(list, id);
	bool is_known = known || id->kind == QG_PIECE_STRING;
	QG_AUTO(qg_str_free)
	char *text = is_known ? qg_piece_copy(known ? known : id) : qg_str_copy("");
	char alias[QG_ALIAS_SIZE];
	if (!text) {
		return QG_NO_MEMORY;
	}
	if (known) {
		qg_utf8_flatten(text);
		add(list->record, text, qg_utf8_cut(text, strlen(text), NAME_BYTES));
	} else if (qg_piece_is(&item->fields[SENDER_TYPE], "app")) {
		bool is_own = qg_str_equal(text, list->record->app_id);
		add_str(list->record, is_own ? "机器人（我）" : "机器人");
	} else {
		const struct qg_message message = {.sender = text};
		add_str(list->record, qg_message_name(&message, alias));
	}
	add_str(list->record, ": ");
	return QG_OK;
}

/* Its words, and, unless it is one of a forwarded talk, its files. */
static enum qg_status add_content(
	struct list *list, const struct item *item, bool in_talk, unsigned indent)
{
	const struct qg_piece *given = &item->fields[CONTENT];
	struct feishu_content content;
	feishu_content_init(&content, NULL);
	content.message = item->fields[ID];
	content.quoted = true;
	content.closed = in_talk;
	feishu_content_mentions(&content, &item->fields[MENTIONS]);
	struct qg_buf text;
	qg_buf_init(&text, FEISHU_BODY_MAX);
	enum qg_status status = QG_OK;
	if (given->kind == QG_PIECE_STRING && qg_piece_text(given, &text) == QG_NO_MEMORY) {
		status = QG_NO_MEMORY;
	}
	if (status == QG_OK) {
		status = feishu_content_read(
			&content, &item->fields[TYPE], text.data ? text.data : "", text.size);
	}
	if (status == QG_OK) {
		list->record->cut |= content.cut;
		add_lines(list->record, content.text.data ? content.text.data : "",
			content.text.size, indent);
	}
	if (status == QG_OK && !list->record->attachments) {
		list->record->attachments = content.attachments;
		content.attachments = NULL;
	}
	qg_buf_finish(&text);
	feishu_content_finish(&content);
	return status;
}

static enum qg_status add_talk(struct list *list, const struct item *above, unsigned level);

/* A line of a forwarded talk. */
static enum qg_status add_line(struct list *list, const struct item *item, unsigned level)
{
	add_str(list->record, list->record->text.size > 0 ? "\n" : "");
	for (unsigned i = 1; i < level; i++) {
		add_str(list->record, "  ");
	}
	if (add_sender(list, item) != QG_OK) {
		return QG_NO_MEMORY;
	}
	if (qg_piece_bool(&item->fields[DELETED], false)) {
		add_str(list->record, "（已撤回）");
		return QG_OK;
	}
	if (!qg_piece_is(&item->fields[TYPE], "merge_forward")) {
		return add_content(list, item, true, level + 1); /* deeper than a talk within */
	}
	add_str(list->record, "[转发的聊天记录]");
	return level < LEVELS_MOST ? add_talk(list, item, level + 1) : QG_OK;
}

static enum qg_status add_talk(struct list *list, const struct item *above, unsigned level)
{
	enum qg_status status = QG_OK;
	for (size_t i = 0; i < list->count && status == QG_OK; i++) {
		const struct item *item = &list->items[i];
		bool is_below = is_same(&item->fields[UPPER], &above->fields[ID]) &&
				!is_same(&item->fields[ID], &above->fields[ID]);
		if (is_below && list->shown < ITEMS_MOST) {
			list->shown++;
			status = add_line(list, item, level);
		}
	}
	return status;
}

static enum qg_status add_all(struct list *list, const char *key)
{
	const struct item *top = NULL;
	for (size_t i = 0; i < list->count && !top; i++) {
		top = qg_piece_is(&list->items[i].fields[ID], key) ? &list->items[i] : NULL;
	}
	if (!top || qg_piece_bool(&top->fields[DELETED], false)) {
		return QG_NOT_FOUND;
	}
	struct feishu_record *record = list->record;
	if (!qg_piece_is(&top->fields[TYPE], "merge_forward")) {
		add_str(record, record->text.size > 0 ? "\n" : "");
		return add_content(list, top, false, 0);
	}
	feishu_record_say(record, "[转发的聊天记录]");
	return add_talk(list, top, 1);
}

enum qg_status feishu_record_read(
	struct feishu_record *record, const char *key, const char *body, size_t size)
{
	static const char *const path[] = {"data.items"};
	struct qg_piece array;
	enum qg_status status = qg_scan(body, size, path, 1, &array);
	if (status != QG_OK || array.kind != QG_PIECE_ARRAY) {
		return status == QG_OK ? QG_INVALID : status;
	}
	struct list *list = calloc(1, sizeof(*list));
	struct item *items = calloc(ITEMS_MOST, sizeof(*items));
	if (list && items) {
		list->record = record;
		list->items = items;
		status = read_items(list, &array);
		status = status == QG_OK ? add_all(list, key) : status;
	} else {
		status = QG_NO_MEMORY;
	}
	free(items);
	free(list);
	return status == QG_OK && record->text.failed ? QG_NO_MEMORY : status;
}
