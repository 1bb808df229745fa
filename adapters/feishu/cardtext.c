/* cardtext.c - what a card says, as words.
 *
 * Cards come flattened ({"title","elements":[[node]]}), as their maker wrote them ({"header","body"}), or that once more
 * inside a string. All are read by one walk that knows the tags with words in them and looks into all others. Pictures
 * of cards cannot be fetched: they are named. */
#include "content.h"

#include <string.h>

#include "qg/json.h"
#include "qg/str.h"

#define DEPTH_MAX 12
#define NODES_MAX 3000
#define CARD_MOST                                                                                  \
	((size_t)128 * 1024) /* the platform takes 30 KB; a tree is made of it, on the loop */

struct card { /* being read */
	struct feishu_content *content;
	size_t nodes;
};

static void add_item(struct card *card, const json_t *item, unsigned depth);

static void add_line(struct card *card)
{
	const struct qg_buf *text = &card->content->text;
	if (text->size > 0 && text->data[text->size - 1] != '\n') {
		feishu_content_add_str(card->content, "\n");
	}
}

static void add_words(struct card *card, const char *words)
{
	feishu_content_add_words(card->content, words, strlen(words));
}

/* A string, or an object that holds it. */
static const char *words_of(const json_t *value)
{
	return json_is_string(value) ? json_string_value(value) : qg_json_str(value, "content", "");
}

static bool is_one_of(const char *tag, const char *const *tags)
{
	while (*tags && strcmp(*tags, tag) != 0) {
		tags++;
	}
	return *tags != NULL;
}

static void add_person(struct card *card, const json_t *node)
{
	const char *name = qg_json_str(node, "user_name", "");
	if (name[0] != '\0') {
		feishu_content_add_str(card->content, "@");
		add_words(card, name);
	}
}

/* true: the tag is one with a form of its own. */
static bool add_tagged(struct card *card, const char *tag, const json_t *node)
{
	static const char *const texts[] = {
		"text", "plain_text", "lark_md", "markdown", "md", NULL};
	static const char *const pictures[] = {"img", "image", "img_combination", NULL};
	if (is_one_of(tag, texts)) {
		const char *content = qg_json_str(node, "content", "");
		add_words(card, qg_json_str(node, "text", content));
	} else if (strcmp(tag, "a") == 0) {
		feishu_content_add_str(card->content, "[");
		add_words(card, words_of(json_object_get(node, "text")));
		feishu_content_add_str(card->content, "](");
		add_words(card, qg_json_str(node, "href", ""));
		feishu_content_add_str(card->content, ")");
	} else if (strcmp(tag, "at") == 0) {
		add_person(card, node);
	} else if (is_one_of(tag, pictures)) {
		feishu_content_add_str(card->content, "[图片]");
	} else if (strcmp(tag, "button") == 0) {
		feishu_content_add_str(card->content, "[");
		add_words(card, words_of(json_object_get(node, "text")));
		feishu_content_add_str(card->content, "]");
	} else if (strcmp(tag, "hr") == 0) {
		feishu_content_add_str(card->content, "---");
	} else if (strcmp(tag, "table") == 0) {
		feishu_content_add_str(card->content, "[表格]");
	} else {
		return false;
	}
	return true;
}

/* Each of these on a line of its own. */
static void add_lines(struct card *card, const json_t *list, unsigned depth)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		add_line(card);
		add_item(card, json_array_get(list, i), depth);
	}
}

static void add_members(struct card *card, const json_t *node, unsigned depth)
{
	static const char *const members[] = {"header", "title", "subtitle", "text", "body",
		"elements", "fields", "columns", "actions"};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *member = json_object_get(node, members[i]);
		if (json_is_string(member)) {
			add_words(card, json_string_value(member));
		} else if (json_is_array(member)) {
			add_lines(card, member, depth);
		} else {
			add_item(card, member, depth);
		}
	}
}

/* Nodes of one line stand in an array. */
static void add_item(struct card *card, const json_t *item, unsigned depth)
{
	if (depth >= DEPTH_MAX || card->nodes >= NODES_MAX) {
		return;
	}
	card->nodes++;
	for (size_t i = 0; i < json_array_size(item); i++) {
		add_item(card, json_array_get(item, i), depth + 1);
	}
	if (json_is_object(item) && !add_tagged(card, qg_json_str(item, "tag", ""), item)) {
		add_members(card, item, depth + 1);
	}
}

enum qg_status feishu_card_read(struct feishu_content *content, const char *data, size_t size)
{
	static const char *const wrappings[] = {"user_dsl", "json_card"};
	struct card card = {.content = content};
	json_auto_t *root = size <= CARD_MOST ? qg_json_parse(data, size, NULL) : NULL;
	json_auto_t *inner = NULL;
	for (size_t i = 0; i < 2 && !inner; i++) {
		const char *text = qg_json_str(root, wrappings[i], NULL);
		inner = text ? qg_json_parse(text, strlen(text), NULL) : NULL;
	}
	if (!json_is_object(root)) {
		return QG_INVALID;
	}
	size_t before = content->text.size;
	add_item(&card, inner ? inner : root, 0);
	return content->text.size > before ? QG_OK : QG_INVALID;
}
