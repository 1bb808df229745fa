/* content.c - what a Feishu message holds: its words, and what came with them.
 *
 * `content` is JSON inside a JSON string, another form for each type of message. Words are put together with names in
 * place of the placeholders for people (@_user_1); pictures and files are named as attachments and not fetched. Rich text
 * is post.c's, what is neither words nor a file describe.c's. Whatever is broken or unknown becomes an attachment of its
 * type: the bot then says that it cannot read such a thing, which is better than silence. */
#include "content.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

#define NAME_MAX_BYTES 200
#define KEY_MAX_BYTES 200
#define TYPE_MAX 40
#define MENTIONS_SEEN_MOST 4096 /* of a list that no client can send */
/* Beyond what a message may hold, so that there is something to cut. */
#define TEXT_LIMIT (QG_TEXT_MAX + 4096)

void feishu_content_init(struct feishu_content *content, const char *own)
{
	content->mention_count = 0;
	content->own = own;
	content->message = (struct qg_piece){0};
	content->quoted = content->closed = content->cut = false;
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
	content->mention_count = 0;
	if (mentions->kind != QG_PIECE_ARRAY) {
		return;
	}
	struct qg_scan_walk walk = {0};
	struct qg_piece item;
	for (size_t i = 0; i < MENTIONS_SEEN_MOST && qg_scan_next(mentions, &walk, &item); i++) {
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

bool feishu_content_knows(const struct feishu_content *content, const struct qg_piece *key)
{
	for (size_t i = 0; i < content->mention_count; i++) {
		const struct qg_piece *known = &content->mentions[i].key;
		if (key->kind == QG_PIECE_STRING && key->size == known->size &&
			memcmp(key->data, known->data, key->size) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- words ---- */

void feishu_content_add(struct feishu_content *content, const char *data, size_t size)
{
	size_t room = TEXT_LIMIT - content->text.size;
	if (size > room) {
		content->cut = true;
		size = qg_utf8_cut(data, size, room);
	}
	qg_buf_add(&content->text, data, size);
}

void feishu_content_add_str(struct feishu_content *content, const char *text)
{
	feishu_content_add(content, text, strlen(text));
}

void feishu_content_add_name(struct feishu_content *content, const struct qg_piece *name)
{
	char *text = qg_piece_copy(name);
	if (text) {
		qg_utf8_flatten(text);
		feishu_content_add_str(content, "@");
		feishu_content_add(content, text, qg_utf8_cut(text, strlen(text), NAME_MAX_BYTES));
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
			feishu_content_add_name(content, &mention->name);
		}
		return;
	}
	feishu_content_add(content, key, size);
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

void feishu_content_add_words(struct feishu_content *content, const char *text, size_t size)
{
	static const char all[] = "@_all";
	while (size > 0 && !content->cut) {
		const char *sign = memchr(text, '@', size);
		size_t plain = sign ? (size_t)(sign - text) : size;
		feishu_content_add(content, text, plain);
		text += plain;
		size -= plain;
		size_t used = placeholder_size(text, size);
		if (used > 0) {
			add_person(content, text, used);
		} else if (size >= sizeof(all) - 1 && memcmp(text, all, sizeof(all) - 1) == 0) {
			used = sizeof(all) - 1;
			feishu_content_add_str(content, "@所有人");
		} else if (size > 0) {
			used = 1;
			feishu_content_add(content, text, used);
		}
		text += used;
		size -= used;
	}
}

enum qg_status feishu_content_add_piece(
	struct feishu_content *content, const struct qg_piece *piece)
{
	if (piece->kind != QG_PIECE_STRING) {
		return QG_OK;
	}
	if (!piece->escaped) {
		feishu_content_add_words(content, piece->data, piece->size);
		return QG_OK;
	}
	struct qg_buf text;
	qg_buf_init(&text, FEISHU_BODY_MAX);
	enum qg_status status = qg_piece_text(piece, &text);
	if (status == QG_OK && text.size > 0) {
		feishu_content_add_words(content, text.data, text.size);
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

/* A string, as far as it is one and short. */
static bool set_string(json_t *item, const char *name, const struct qg_piece *piece)
{
	bool is_short = piece && piece->kind == QG_PIECE_STRING && piece->size > 0 &&
			piece->size <= KEY_MAX_BYTES;
	QG_AUTO(qg_str_free) char *text = is_short ? qg_piece_copy(piece) : NULL;
	if (!text) {
		return !is_short;
	}
	json_t *value = json_string(text); /* NULL also where it is no UTF-8 */
	return value && json_object_set_new(item, name, value) == 0;
}

static bool set_name(json_t *item, const struct qg_piece *piece)
{
	if (!piece || piece->kind != QG_PIECE_STRING) {
		return true;
	}
	QG_AUTO(qg_str_free) char *name = clean_name(piece);
	return !name || json_object_set_new(item, "name", json_string(name)) == 0;
}

static json_t *make_attachment(
	const struct feishu_content *content, const struct feishu_attachment *attachment)
{
	json_t *item = json_pack("{s:s, s:s}", "type", attachment->type, "key", "");
	int64_t duration = attachment->duration ? qg_piece_int(attachment->duration, 0) : 0;
	bool good = item && set_string(item, "key", attachment->key) &&
		    set_string(item, "message", &content->message) &&
		    set_string(item, "cover", attachment->cover) &&
		    set_name(item, attachment->name);
	if (good && duration > 0) {
		good = json_object_set_new(item, "duration_ms", json_integer(duration)) == 0;
	}
	if (good && content->quoted) {
		good = json_object_set_new(item, "quoted", json_true()) == 0;
	}
	if (!good) {
		json_decref(item);
		return NULL;
	}
	return item;
}

/* "[文件：合同.pdf]" */
static void name_in_text(struct feishu_content *content, const struct feishu_attachment *attachment)
{
	static const struct {
		const char *type, *words;
	} kinds[] = {{"image", "[图片"}, {"file", "[文件"}, {"audio", "[语音"}, {"video", "[视频"}};
	const char *words = "[附件";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		words = strcmp(kinds[i].type, attachment->type) == 0 ? kinds[i].words : words;
	}
	const struct qg_piece *given = attachment->name;
	bool is_named = given && given->kind == QG_PIECE_STRING;
	QG_AUTO(qg_str_free) char *name = is_named ? clean_name(given) : NULL;
	feishu_content_add_str(content, words);
	feishu_content_add_str(content, name ? "：" : "");
	feishu_content_add_str(content, name ? name : "");
	feishu_content_add_str(content, "]");
}

enum qg_status feishu_content_attach(
	struct feishu_content *content, const struct feishu_attachment *attachment)
{
	if (content->closed) {
		name_in_text(content, attachment);
		return QG_OK;
	}
	if (!content->attachments) {
		content->attachments = json_array();
	}
	if (json_array_size(content->attachments) >= QG_ATTACHMENTS_MOST) {
		return QG_OK;
	}
	json_t *item = make_attachment(content, attachment);
	bool kept = item && json_array_append_new(content->attachments, item) == 0;
	return kept ? QG_OK : QG_NO_MEMORY;
}

/* ---- types of messages ---- */

static enum qg_status read_text(struct feishu_content *content, const char *data, size_t size)
{
	static const char *const paths[] = {"text"};
	struct qg_piece text;
	enum qg_status status = qg_scan(data, size, paths, 1, &text);
	if (status != QG_OK || text.kind != QG_PIECE_STRING) {
		return status == QG_NO_MEMORY ? status : QG_INVALID;
	}
	return feishu_content_add_piece(content, &text);
}

static const struct type {
	const char *name;
	const char *key;  /* member of its content */
	const char *kind; /* of attachment */
} types[] = {
	{"image", "image_key", "image"},
	{"file", "file_key", "file"},
	{"audio", "file_key", "audio"},
	{"media", "file_key", "video"},
};

static enum qg_status read_media(
	struct feishu_content *content, const struct type *type, const char *data, size_t size)
{
	enum { KEY, NAME, DURATION, COVER, COUNT };
	bool has_cover = strcmp(type->key, "image_key") != 0; /* else that is the key itself */
	const char *const paths[COUNT] = {type->key, "file_name", "duration", "image_key"};
	struct qg_piece found[COUNT] = {{0}};
	enum qg_status status = qg_scan(data, size, paths, has_cover ? COUNT : COVER, found);
	if (status != QG_OK || found[KEY].size == 0) {
		return status == QG_NO_MEMORY ? status : QG_INVALID;
	}
	return feishu_content_attach(content, &(struct feishu_attachment){.type = type->kind,
						      .key = &found[KEY],
						      .name = &found[NAME],
						      .duration = &found[DURATION],
						      .cover = &found[COVER]});
}

/* Where it leads only the platform knows: complete() asks it. */
static enum qg_status read_forward(struct feishu_content *content)
{
	return feishu_content_attach(
		content, &(struct feishu_attachment){.type = "forward", .key = &content->message});
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
	return feishu_content_attach(content, &(struct feishu_attachment){.type = name});
}

static enum qg_status read_any(
	struct feishu_content *content, const struct qg_piece *type, const char *data, size_t size)
{
	if (qg_piece_is(type, "text")) {
		return read_text(content, data, size);
	}
	if (qg_piece_is(type, "post")) {
		return feishu_post_read(content, data, size);
	}
	if (qg_piece_is(type, "interactive")) {
		return feishu_card_read(content, data, size);
	}
	if (qg_piece_is(type, "merge_forward")) {
		return read_forward(content);
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (qg_piece_is(type, types[i].name)) {
			return read_media(content, &types[i], data, size);
		}
	}
	return feishu_describe(content, type, data, size);
}

enum qg_status feishu_content_read(
	struct feishu_content *content, const struct qg_piece *type, const char *data, size_t size)
{
	enum qg_status status = read_any(content, type, data, size);
	if (status != QG_OK && status != QG_NO_MEMORY) {
		status = name_only(content, type);
	}
	return status == QG_OK && content->text.failed ? content->text.failed : status;
}

void feishu_content_finish(struct feishu_content *content)
{
	qg_buf_finish(&content->text);
	json_decref(content->attachments);
	content->attachments = NULL;
}
