/* post.c - rich text as Markdown: paragraphs of nodes, each with a tag.
 *
 * Nodes are read one by one where they stand, no tree is made: this is on the way of every webhook. Lists come as text
 * with their marks in it. Pictures and videos become attachments, and leave a line without words. */
#include "content.h"

#include <string.h>

#include "qg/str.h"

#define PARAGRAPHS_MAX 2000
#define NODES_MAX 10000
#define STYLES_MAX 8
#define FENCE_LEAST 3
#define FENCE_MOST 16

enum node_field {
	TAG,
	TEXT,
	HREF,
	USER,
	USER_NAME,
	IMAGE,
	FILE_KEY,
	FILE_NAME,
	EMOJI,
	LANGUAGE,
	STYLE,
	NODE_FIELDS
};

static const char *const node_paths[NODE_FIELDS] = {[TAG] = "tag",
	[TEXT] = "text",
	[HREF] = "href",
	[USER] = "user_id",
	[USER_NAME] = "user_name",
	[IMAGE] = "image_key",
	[FILE_KEY] = "file_key",
	[FILE_NAME] = "file_name",
	[EMOJI] = "emoji_type",
	[LANGUAGE] = "language",
	[STYLE] = "style"};

struct post { /* being read */
	struct feishu_content *content;
	size_t nodes;
	bool at_line; /* a block ended with its own line break */
};

/* ---- styled text ---- */

static const struct style {
	const char *name, *begin, *end;
} styles[] = {
	{"bold", "**", "**"},
	{"italic", "*", "*"},
	{"lineThrough", "~~", "~~"},
	{"underline", "<u>", "</u>"},
};

static bool has_style(const struct qg_piece *list, const char *name)
{
	struct qg_scan_walk walk = {0};
	struct qg_piece item;
	for (size_t i = 0; i < STYLES_MAX && list->kind == QG_PIECE_ARRAY; i++) {
		if (!qg_scan_next(list, &walk, &item)) {
			break;
		}
		if (qg_piece_is(&item, name)) {
			return true;
		}
	}
	return false;
}

static size_t blanks_before(const char *text, size_t size)
{
	size_t count = 0;
	while (count < size && strchr(" \t\n", text[count])) {
		count++;
	}
	return count;
}

static size_t blanks_behind(const char *text, size_t size)
{
	size_t count = 0;
	while (count < size && strchr(" \t\n", text[size - 1 - count])) {
		count++;
	}
	return count;
}

/* Marks stand at the words themselves: with a blank between they mean nothing. */
static void add_styled(
	struct feishu_content *content, const struct qg_piece *list, const char *text, size_t size)
{
	enum { COUNT = sizeof(styles) / sizeof(styles[0]) };
	size_t before = blanks_before(text, size);
	size_t behind = before < size ? blanks_behind(text, size) : 0;
	feishu_content_add(content, text, before);
	for (size_t i = 0; i < COUNT && before < size; i++) {
		feishu_content_add_str(
			content, has_style(list, styles[i].name) ? styles[i].begin : "");
	}
	feishu_content_add_words(content, text + before, size - before - behind);
	for (size_t i = COUNT; i > 0 && before < size; i--) {
		feishu_content_add_str(
			content, has_style(list, styles[i - 1].name) ? styles[i - 1].end : "");
	}
	feishu_content_add(content, text + size - behind, behind);
}

static enum qg_status add_text(struct feishu_content *content, const struct qg_piece *node)
{
	bool is_plain = node[STYLE].kind != QG_PIECE_ARRAY || node[STYLE].size <= 2;
	if (is_plain || node[TEXT].kind != QG_PIECE_STRING) {
		return feishu_content_add_piece(content, &node[TEXT]);
	}
	QG_AUTO(qg_str_free) char *text = qg_piece_copy(&node[TEXT]);
	if (!text) {
		return QG_NO_MEMORY;
	}
	add_styled(content, &node[STYLE], text, strlen(text));
	return QG_OK;
}

/* ---- other nodes ---- */

static enum qg_status add_link(struct feishu_content *content, const struct qg_piece *node)
{
	feishu_content_add_str(content, "[");
	enum qg_status status = feishu_content_add_piece(content, &node[TEXT]);
	feishu_content_add_str(content, "](");
	if (status == QG_OK) {
		status = feishu_content_add_piece(content, &node[HREF]);
	}
	feishu_content_add_str(content, ")");
	return status;
}

/* A placeholder, as in a text. An id that stands there instead is for nobody's eyes. */
static enum qg_status add_person(struct feishu_content *content, const struct qg_piece *node)
{
	bool is_all = qg_piece_is(&node[USER], "all") || qg_piece_is(&node[USER], "@_all");
	if (is_all) {
		feishu_content_add_str(content, "@所有人");
	} else if (feishu_content_knows(content, &node[USER])) {
		return feishu_content_add_piece(content, &node[USER]);
	} else if (node[USER_NAME].size > 0) {
		feishu_content_add_name(content, &node[USER_NAME]);
	}
	return QG_OK;
}

/* One mark more than the code itself has in a row. */
static size_t fence_for(const char *code)
{
	size_t longest = 0, run = 0;
	for (; *code; code++) {
		run = *code == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	size_t size = longest < FENCE_LEAST ? FENCE_LEAST : longest + 1;
	return size < FENCE_MOST ? size : FENCE_MOST;
}

static enum qg_status add_code(struct post *post, const struct qg_piece *node)
{
	static const char marks[FENCE_MOST + 1] = "````````````````";
	struct feishu_content *content = post->content;
	QG_AUTO(qg_str_free) char *code = qg_piece_copy(&node[TEXT]);
	if (!code) {
		return node[TEXT].kind == QG_PIECE_STRING ? QG_NO_MEMORY : QG_OK;
	}
	size_t size = strlen(code), fence = fence_for(code);
	const struct qg_buf *text = &content->text;
	bool at_line = text->size == 0 || text->data[text->size - 1] == '\n';
	feishu_content_add_str(content, at_line ? "" : "\n");
	feishu_content_add(content, marks, fence);
	enum qg_status status = feishu_content_add_piece(content, &node[LANGUAGE]);
	feishu_content_add_str(content, "\n");
	feishu_content_add(content, code, size);
	feishu_content_add_str(content, size > 0 && code[size - 1] != '\n' ? "\n" : "");
	feishu_content_add(content, marks, fence);
	feishu_content_add_str(content, "\n");
	post->at_line = true;
	return status;
}

static enum qg_status add_emoji(struct feishu_content *content, const struct qg_piece *node)
{
	feishu_content_add_str(content, "[");
	enum qg_status status = feishu_content_add_piece(content, &node[EMOJI]);
	feishu_content_add_str(content, "]");
	return status;
}

static enum qg_status add_node(struct post *post, const struct qg_piece *node)
{
	struct feishu_content *content = post->content;
	const struct qg_piece *tag = &node[TAG];
	post->at_line = false;
	if (qg_piece_is(tag, "a")) {
		return add_link(content, node);
	}
	if (qg_piece_is(tag, "at")) {
		return add_person(content, node);
	}
	if (qg_piece_is(tag, "img")) {
		return feishu_content_attach(
			content, &(struct feishu_attachment){.type = "image", .key = &node[IMAGE]});
	}
	if (qg_piece_is(tag, "media")) {
		return feishu_content_attach(content, &(struct feishu_attachment){.type = "video",
							      .key = &node[FILE_KEY],
							      .cover = &node[IMAGE],
							      .name = &node[FILE_NAME]});
	}
	if (qg_piece_is(tag, "emotion")) {
		return add_emoji(content, node);
	}
	if (qg_piece_is(tag, "code_block")) {
		return add_code(post, node);
	}
	if (qg_piece_is(tag, "hr")) {
		feishu_content_add_str(content, "---");
		return QG_OK;
	}
	return add_text(content, node);
}

/* ---- paragraphs ---- */

static enum qg_status add_paragraph(struct post *post, const struct qg_piece *paragraph)
{
	if (paragraph->kind != QG_PIECE_ARRAY) {
		return QG_OK;
	}
	struct qg_scan_walk walk = {0};
	struct qg_piece item;
	while (post->nodes < NODES_MAX && qg_scan_next(paragraph, &walk, &item)) {
		struct qg_piece node[NODE_FIELDS];
		post->nodes++;
		enum qg_status status =
			qg_scan(item.data, item.size, node_paths, NODE_FIELDS, node);
		if (status == QG_OK) {
			status = add_node(post, node);
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
	struct post post = {.content = content};
	size_t before = content->text.size;
	enum qg_status status = feishu_content_add_piece(content, title);
	struct qg_scan_walk walk = {0};
	struct qg_piece item;
	for (size_t i = 0;
		status == QG_OK && i < PARAGRAPHS_MAX && qg_scan_next(paragraphs, &walk, &item);
		i++) {
		bool needs_line = content->text.size > before && !post.at_line;
		feishu_content_add_str(content, needs_line ? "\n" : "");
		post.at_line = false;
		status = add_paragraph(&post, &item);
	}
	return status;
}

/* Rich text comes bare; some clients wrap it in a language. */
enum qg_status feishu_post_read(struct feishu_content *content, const char *data, size_t size)
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
	return status == QG_NO_MEMORY ? status : QG_INVALID;
}
