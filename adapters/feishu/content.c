/* content.c - what a Feishu message holds: its words, and what came with them.
 *
 * `content` is JSON inside a JSON string, another form for each type of message. Words are put together with names in
 * place of the placeholders for people (@_user_1); pictures, files and all that is not words are named as attachments
 * and not fetched. Whatever is broken or unknown becomes an attachment of its type: the bot then says that it cannot
 * read such a thing, which is better than silence. */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

#define NAME_MAX_BYTES 200
#define TYPE_MAX 40
#define PARAGRAPHS_MAX 2000
#define NODES_MAX 10000
/* Beyond what a message may hold, so that there is something to cut. */
#define TEXT_LIMIT (QG_TEXT_MAX + 4096)

void feishu_content_init(struct feishu_content *content, const char *own)
{
	content->mention_count = 0;
	content->own = own;
	content->cut = false;
	content->attachments = NULL;
	qg_buf_init(&content->text, TEXT_LIMIT);
}

/* ---- people ---- */

/* Exactly this bot: another bot's id, an empty one or a like name is somebody else. */
static bool is_own(const struct feishu_content *content, const struct feishu_mention *mention)
{
	return content->own && content->own[0] && mention->open_id.kind == QG_PIECE_STRING &&
	       qg_piece_is(&mention->open_id, content->own);
}

/* However many are named, this bot is not missed among them: then it takes the last one's place. */
static void keep(struct feishu_content *content, const struct feishu_mention *mention)
{
	if (content->mention_count < FEISHU_MENTIONS_MAX) {
		content->mentions[content->mention_count++] = *mention;
	} else if (is_own(content, mention)) {
		content->mentions[FEISHU_MENTIONS_MAX - 1] = *mention;
	}
}

void feishu_content_mentions(struct feishu_content *content, const struct qg_piece *mentions)
{
	static const char *const paths[] = {"key", "id.open_id", "name"};
	if (mentions->kind != QG_PIECE_ARRAY) {
		return;
	}
	struct qg_scan_walk walk = {0};
	struct qg_piece item;
	while (qg_scan_next(mentions, &walk, &item)) {
		struct qg_piece found[3];
		if (qg_scan(item.data, item.size, paths, 3, found) == QG_OK &&
			found[0].kind == QG_PIECE_STRING) {
			keep(content, &(struct feishu_mention){found[0], found[1], found[2]});
		}
	}
}

bool feishu_content_mentions_own(const struct feishu_content *content)
{
	for (size_t i = 0; i < content->mention_count; i++) {
		if (is_own(content, &content->mentions[i])) {
			return true;
		}
	}
	return false;
}

/* ---- words ---- */

static void add(struct feishu_content *content, const char *data, size_t size)
{
	size_t room = TEXT_LIMIT - content->text.size;
	if (size > room) {
		content->cut = true;
		size = qg_utf8_cut(data, size, room);
	}
	qg_buf_add(&content->text, data, size);
}

static void add_str(struct feishu_content *content, const char *text)
{
	add(content, text, strlen(text));
}

static void add_name(struct feishu_content *content, const struct qg_piece *name)
{
	char *text = qg_piece_copy(name);
	if (text) {
		qg_utf8_flatten(text);
		add_str(content, "@");
		add(content, text, qg_utf8_cut(text, strlen(text), NAME_MAX_BYTES));
	}
	free(text);
}

/* Writes who key stands for: nothing for this bot, a name for others. */
static void add_person(struct feishu_content *content, const char *key, size_t size)
{
	char text[32] = "";
	if (size < sizeof(text)) {
		memcpy(text, key, size);
	}
	for (size_t i = 0; i < content->mention_count && text[0]; i++) {
		const struct feishu_mention *mention = &content->mentions[i];
		if (!qg_piece_is(&mention->key, text)) {
			continue;
		}
		if (!is_own(content, mention)) {
			add_name(content, &mention->name);
		}
		return;
	}
	add(content, key, size);
}

/* Bytes of a placeholder at text, 0 where there is none: "@_user_" and all digits behind it. */
static size_t placeholder_size(const char *text, size_t size)
{
	static const char head[] = "@_user_";
	size_t at = sizeof(head) - 1;
	if (size <= at || memcmp(text, head, at) != 0) {
		return 0;
	}
	while (at < size && text[at] >= '0' && text[at] <= '9') {
		at++;
	}
	return at > sizeof(head) - 1 ? at : 0;
}

static void add_words(struct feishu_content *content, const char *text, size_t size)
{
	static const char all[] = "@_all";
	while (size > 0) {
		const char *sign = memchr(text, '@', size);
		size_t plain = sign ? (size_t)(sign - text) : size;
		add(content, text, plain);
		text += plain;
		size -= plain;
		size_t used = placeholder_size(text, size);
		if (used > 0) {
			add_person(content, text, used);
		} else if (size >= sizeof(all) - 1 && memcmp(text, all, sizeof(all) - 1) == 0) {
			used = sizeof(all) - 1;
			add_str(content, "@所有人");
		} else if (size > 0) {
			used = 1;
			add(content, text, used);
		}
		text += used;
		size -= used;
	}
}

static enum qg_status add_piece(struct feishu_content *content, const struct qg_piece *piece)
{
	if (piece->kind != QG_PIECE_STRING) {
		return QG_OK;
	}
	if (!piece->escaped) {
		add_words(content, piece->data, piece->size);
		return QG_OK;
	}
	struct qg_buf text;
	qg_buf_init(&text, FEISHU_BODY_MAX);
	enum qg_status status = qg_piece_text(piece, &text);
	if (status == QG_OK && text.size > 0) {
		add_words(content, text.data, text.size);
	}
	qg_buf_finish(&text);
	return status == QG_NO_MEMORY ? status : QG_OK;
}

/* ---- what is not words ---- */

/* A file's name as its sender wrote it, made harmless: its last part, on one line. Yours to free; NULL for none. */
static char *clean_name(const struct qg_piece *piece)
{
	char *text = qg_piece_copy(piece);
	if (!text) {
		return NULL;
	}
	const char *last = text;
	for (const char *at = text; *at; at++) {
		last = *at == '/' || *at == '\\' ? at + 1 : last;
	}
	size_t size = qg_utf8_cut(last, strlen(last), NAME_MAX_BYTES);
	char *name = size > 0 ? qg_str_copy_n(last, size) : NULL;
	free(text);
	if (name) {
		qg_utf8_flatten(name);
	}
	return name;
}

static enum qg_status attach(struct feishu_content *content, const char *type,
	const struct qg_piece *key, const struct qg_piece *name)
{
	if (!content->attachments) {
		content->attachments = json_array();
	}
	if (json_array_size(content->attachments) >= QG_ATTACHMENTS_MOST) {
		return QG_OK;
	}
	bool has_key = key && key->kind == QG_PIECE_STRING && key->size <= NAME_MAX_BYTES;
	char *given = has_key ? qg_piece_copy(key) : qg_str_copy("");
	char *called = name && name->kind == QG_PIECE_STRING ? clean_name(name) : NULL;
	json_t *item = given ? json_pack("{s:s, s:s}", "type", type, "key", given) : NULL;
	int failed = !item || !content->attachments;
	if (item && called) {
		failed |= json_object_set_new(item, "name", json_string(called));
	}
	free(given);
	free(called);
	if (failed) {
		json_decref(item);
		return QG_NO_MEMORY;
	}
	return json_array_append_new(content->attachments, item) == 0 ? QG_OK : QG_NO_MEMORY;
}

/* ---- types of messages ---- */

static enum qg_status read_text(struct feishu_content *content, const char *data, size_t size)
{
	static const char *const paths[] = {"text"};
	struct qg_piece text;
	enum qg_status status = qg_scan(data, size, paths, 1, &text);
	if (status != QG_OK || text.kind != QG_PIECE_STRING) {
		return status == QG_NO_MEMORY ? status : attach(content, "text", NULL, NULL);
	}
	return add_piece(content, &text);
}

static const struct type {
	const char *name;
	const char *key, *file_name; /* members of its content */
} types[] = {
	{"image", "image_key", NULL},
	{"file", "file_key", "file_name"},
	{"folder", "file_key", "file_name"},
	{"audio", "file_key", NULL},
	{"media", "file_key", "file_name"},
	{"sticker", "file_key", NULL},
};

static enum qg_status read_media(
	struct feishu_content *content, const struct type *type, const char *data, size_t size)
{
	const char *const paths[] = {type->key, type->file_name};
	struct qg_piece found[2] = {{0}};
	enum qg_status status = qg_scan(data, size, paths, type->file_name ? 2 : 1, found);
	return status == QG_NO_MEMORY ? status : attach(content, type->name, &found[0], &found[1]);
}

enum node_field { TAG, TEXT, HREF, USER, IMAGE, FILE_KEY, FILE_NAME, EMOJI, LANGUAGE, NODE_FIELDS };

static const char *const node_paths[NODE_FIELDS] = {[TAG] = "tag",
	[TEXT] = "text",
	[HREF] = "href",
	[USER] = "user_id",
	[IMAGE] = "image_key",
	[FILE_KEY] = "file_key",
	[FILE_NAME] = "file_name",
	[EMOJI] = "emoji_type",
	[LANGUAGE] = "language"};

static enum qg_status add_link(struct feishu_content *content, const struct qg_piece *node)
{
	add_str(content, "[");
	enum qg_status status = add_piece(content, &node[TEXT]);
	add_str(content, "](");
	if (status == QG_OK) {
		status = add_piece(content, &node[HREF]);
	}
	add_str(content, ")");
	return status;
}

static enum qg_status add_code(struct feishu_content *content, const struct qg_piece *node)
{
	add_str(content, "\n```");
	enum qg_status status = add_piece(content, &node[LANGUAGE]);
	add_str(content, "\n");
	if (status == QG_OK) {
		status = add_piece(content, &node[TEXT]);
	}
	add_str(content, "\n```\n");
	return status;
}

static enum qg_status add_node(struct feishu_content *content, const struct qg_piece *node)
{
	const struct qg_piece *tag = &node[TAG];
	if (qg_piece_is(tag, "a")) {
		return add_link(content, node);
	}
	if (qg_piece_is(tag, "at")) {
		return add_piece(content, &node[USER]); /* a placeholder, as in a text */
	}
	if (qg_piece_is(tag, "img")) {
		return attach(content, "image", &node[IMAGE], NULL);
	}
	if (qg_piece_is(tag, "media")) {
		return attach(content, "media", &node[FILE_KEY], &node[FILE_NAME]);
	}
	if (qg_piece_is(tag, "emotion")) {
		add_str(content, "[");
		enum qg_status status = add_piece(content, &node[EMOJI]);
		add_str(content, "]");
		return status;
	}
	if (qg_piece_is(tag, "code_block")) {
		return add_code(content, node);
	}
	if (qg_piece_is(tag, "hr")) {
		add_str(content, "---");
		return QG_OK;
	}
	return add_piece(content, &node[TEXT]);
}

static enum qg_status add_paragraph(
	struct feishu_content *content, const struct qg_piece *paragraph, size_t *nodes)
{
	if (paragraph->kind != QG_PIECE_ARRAY) {
		return QG_OK;
	}
	struct qg_scan_walk walk = {0};
	struct qg_piece item;
	while (*nodes < NODES_MAX && qg_scan_next(paragraph, &walk, &item)) {
		struct qg_piece node[NODE_FIELDS];
		++*nodes;
		enum qg_status status =
			qg_scan(item.data, item.size, node_paths, NODE_FIELDS, node);
		if (status == QG_OK) {
			status = add_node(content, node);
		}
		if (status == QG_NO_MEMORY) {
			return status;
		}
	}
	return QG_OK;
}

static enum qg_status add_post(struct feishu_content *content, const struct qg_piece *title,
	const struct qg_piece *paragraphs)
{
	enum qg_status status = add_piece(content, title);
	struct qg_scan_walk walk = {0};
	struct qg_piece item;
	size_t nodes = 0;
	for (size_t i = 0;
		status == QG_OK && i < PARAGRAPHS_MAX && qg_scan_next(paragraphs, &walk, &item);
		i++) {
		add_str(content, content->text.size > 0 ? "\n" : "");
		status = add_paragraph(content, &item, &nodes);
	}
	return status;
}

/* Rich text comes bare; some clients wrap it in a language. */
static enum qg_status read_post(struct feishu_content *content, const char *data, size_t size)
{
	static const char *const paths[] = {"title", "content", "zh_cn.title", "zh_cn.content",
		"en_us.title", "en_us.content", "ja_jp.title", "ja_jp.content"};
	enum { COUNT = sizeof(paths) / sizeof(paths[0]) };
	struct qg_piece found[COUNT];
	enum qg_status status = qg_scan(data, size, paths, COUNT, found);
	for (size_t i = 0; status == QG_OK && i < COUNT; i += 2) {
		if (found[i + 1].kind == QG_PIECE_ARRAY) {
			return add_post(content, &found[i], &found[i + 1]);
		}
	}
	return status == QG_NO_MEMORY ? status : attach(content, "post", NULL, NULL);
}

/* An attachment that tells no more than what it is. */
static enum qg_status name_only(struct feishu_content *content, const struct qg_piece *type)
{
	bool is_named = type->kind == QG_PIECE_STRING && type->size > 0;
	QG_AUTO(qg_str_free) char *name = is_named ? qg_piece_copy(type) : qg_str_copy("unknown");
	if (!name) {
		return QG_NO_MEMORY;
	}
	name[qg_utf8_cut(name, strlen(name), TYPE_MAX)] = '\0';
	qg_utf8_flatten(name);
	return attach(content, name, NULL, NULL);
}

static enum qg_status read_any(
	struct feishu_content *content, const struct qg_piece *type, const char *data, size_t size)
{
	if (qg_piece_is(type, "text")) {
		return read_text(content, data, size);
	}
	if (qg_piece_is(type, "post")) {
		return read_post(content, data, size);
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (qg_piece_is(type, types[i].name)) {
			return read_media(content, &types[i], data, size);
		}
	}
	return name_only(content, type);
}

enum qg_status feishu_content_read(
	struct feishu_content *content, const struct qg_piece *type, const char *data, size_t size)
{
	enum qg_status status = read_any(content, type, data, size);
	return status == QG_OK && content->text.failed ? content->text.failed : status;
}

void feishu_content_finish(struct feishu_content *content)
{
	qg_buf_finish(&content->text);
	json_decref(content->attachments);
	content->attachments = NULL;
}
