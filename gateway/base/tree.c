/* tree.c - YAML text as a tree that knows where each value and key stood. The only user of
 * libyaml.
 *
 * Built from libyaml's events rather than its documents: those have no places of keys, and
 * loading whole configs by libcyaml was tried and points at wrong lines. Variables are put in
 * after parsing, so that no value of the environment can become YAML. What a hostile file can
 * make grow (depth, nodes, aliases that repeat whole trees, expanded text) has a bound, for the
 * config may come from a customer. */
#include "qg/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "tree_private.h"

#define MAX_DEPTH 64
#define MAX_NODES 100000
#define MAX_ANCHORS 200
#define MAX_KEY 256

struct level { /* an open list or map */
	struct qg_tree *node;
	char *anchor; /* to be known once the node is whole */
	char *key;    /* a map's key whose value comes next */
	unsigned key_line, key_column;
};

struct anchor {
	char *name;
	const struct qg_tree *node;
};

struct builder {
	const char *file;
	struct qg_problems *problems;
	bool expand, failed;
	size_t expanded; /* bytes that variables brought in */
	struct qg_tree *root;
	struct level levels[MAX_DEPTH];
	size_t depth;
	size_t nodes;
	struct anchor anchors[MAX_ANCHORS];
	size_t anchor_count;
};

static void destroy_node(struct qg_tree *node)
{
	if (node == NULL) {
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		destroy_node(node->items[i]); /* as deep as MAX_DEPTH */
	}
	free(node->items);
	free(node->key);
	free(node->text);
	free(node);
}

void qg_tree_destroy(struct qg_tree *tree)
{
	if (tree == NULL) {
		return;
	}
	char *file = (char *)tree->file; /* all nodes borrow the root's */
	destroy_node(tree);
	free(file);
}

/* Says why and stops the building. */
static void give_up(struct builder *b, const yaml_mark_t *mark, const char *why)
{
	if (!b->failed) {
		qg_problem_error_at(b->problems, b->file, (unsigned)mark->line + 1,
			(unsigned)mark->column + 1, "%s", why);
	}
	b->failed = true;
}

static struct qg_tree *create_node(
	struct builder *b, enum qg_tree_kind kind, const yaml_mark_t *mark)
{
	if (++b->nodes > MAX_NODES) {
		give_up(b, mark, "the file holds more than 100,000 values; split it");
		return NULL;
	}
	struct qg_tree *node = calloc(1, sizeof(*node));
	if (node == NULL) {
		give_up(b, mark, "out of memory");
		return NULL;
	}
	node->kind = kind;
	node->file = b->file;
	node->line = (unsigned)mark->line + 1;
	node->column = (unsigned)mark->column + 1;
	return node;
}

/* Takes node. Room grows by doubling: the capacity is the next power of two. */
static bool append(
	struct builder *b, struct qg_tree *parent, struct qg_tree *node, const yaml_mark_t *mark)
{
	size_t count = parent->count;
	if ((count & (count - 1)) == 0) {
		size_t room = count == 0 ? 1 : 2 * count;
		struct qg_tree **items = realloc(parent->items, room * sizeof(struct qg_tree *));
		if (items == NULL) {
			give_up(b, mark, "out of memory");
			destroy_node(node);
			return false;
		}
		parent->items = items;
	}
	node->parent = parent;
	node->index = count;
	parent->items[parent->count++] = node;
	return true;
}

/* A scalar where a map wants its next key. Takes node. */
static void begin_pair(
	struct builder *b, struct level *top, struct qg_tree *node, const yaml_mark_t *mark)
{
	if (node->kind != QG_TREE_SCALAR && node->kind != QG_TREE_NULL) {
		give_up(b, mark, "a key must be a word, not a list or map");
	} else if (node->text == NULL || node->text[0] == '\0') {
		give_up(b, mark, "a key is empty");
	} else if (strlen(node->text) > MAX_KEY) {
		give_up(b, mark, "a key is longer than 256 bytes");
	} else {
		top->key = node->text;
		node->text = NULL;
		top->key_line = node->line;
		top->key_column = node->column;
	}
	destroy_node(node);
}

/* Puts a node where it belongs. Takes node; false where it is gone again. */
static bool attach(struct builder *b, struct qg_tree *node, const yaml_mark_t *mark)
{
	if (b->depth == 0) {
		b->root = node;
		return true;
	}
	struct level *top = &b->levels[b->depth - 1];
	if (top->node->kind == QG_TREE_MAP) {
		if (top->key == NULL) {
			begin_pair(b, top, node, mark);
			return false;
		}
		node->key = top->key;
		node->key_line = top->key_line;
		node->key_column = top->key_column;
		top->key = NULL;
	}
	return append(b, top->node, node, mark);
}

static void note_anchor(
	struct builder *b, const char *name, const struct qg_tree *node, const yaml_mark_t *mark)
{
	struct anchor *anchor = NULL;
	for (size_t i = 0; i < b->anchor_count; i++) {
		if (strcmp(b->anchors[i].name, name) == 0) {
			anchor = &b->anchors[i]; /* the later one counts, as YAML has it */
		}
	}
	if (anchor == NULL) {
		char *copy = b->anchor_count < MAX_ANCHORS ? qg_str_copy(name) : NULL;
		if (copy == NULL) {
			give_up(b, mark,
				b->anchor_count < MAX_ANCHORS ? "out of memory"
							      : "more than 200 anchors (&name)");
			return;
		}
		anchor = &b->anchors[b->anchor_count++];
		anchor->name = copy;
	}
	anchor->node = node;
}

/* Whether the next node will be a map's key. */
static bool awaits_key(const struct builder *b)
{
	const struct level *top = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
	return top != NULL && top->node->kind == QG_TREE_MAP && top->key == NULL;
}

static bool is_plain_null(const struct qg_tree *node)
{
	return !node->quoted && (strcmp(node->text, "") == 0 || strcmp(node->text, "~") == 0 ||
					strcmp(node->text, "null") == 0);
}

/* Fills the text of a scalar node from its event. */
static void set_text(
	struct builder *b, struct qg_tree *node, const yaml_event_t *event, bool is_key)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	const yaml_mark_t *mark = &event->start_mark;
	if (memchr(value, '\0', size) != NULL) {
		give_up(b, mark, "a value holds a NUL character");
		return;
	}
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
		       event->data.scalar.tag != NULL;
	if (b->expand && !is_key && memchr(value, '$', size) != NULL) {
		node->text = qg_tree_expand(value, &b->expanded, node, b->problems);
	} else {
		node->text = qg_str_copy_n(value, size);
	}
	if (node->text == NULL) {
		give_up(b, mark, "out of memory");
	} else if (is_plain_null(node) && !is_key) {
		node->kind = QG_TREE_NULL;
		free(node->text);
		node->text = NULL;
	}
}

static void take_scalar(struct builder *b, const yaml_event_t *event)
{
	const yaml_mark_t *mark = &event->start_mark;
	const char *tag = (const char *)event->data.scalar.tag;
	if (tag != NULL && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0) {
		give_up(b, mark, "tags (!name) are not supported");
		return;
	}
	bool is_key = awaits_key(b);
	struct qg_tree *node = create_node(b, QG_TREE_SCALAR, mark);
	if (node == NULL) {
		return;
	}
	/* Linked in before its text is made: a problem in it can name its path. */
	if (is_key) {
		set_text(b, node, event, true);
		if (b->failed) {
			destroy_node(node);
		} else {
			attach(b, node, mark);
		}
		return;
	}
	if (attach(b, node, mark)) {
		set_text(b, node, event, false);
		if (!b->failed && event->data.scalar.anchor != NULL) {
			note_anchor(b, (const char *)event->data.scalar.anchor, node, mark);
		}
	}
}

static void open_level(struct builder *b, enum qg_tree_kind kind, const yaml_event_t *event,
	const char *anchor, const char *tag)
{
	const yaml_mark_t *mark = &event->start_mark;
	if (tag != NULL) {
		give_up(b, mark, "tags (!name) are not supported");
		return;
	}
	if (b->depth == MAX_DEPTH) {
		give_up(b, mark, "lists and maps are nested more than 64 deep");
		return;
	}
	struct qg_tree *node = create_node(b, kind, mark);
	if (node == NULL || !attach(b, node, mark)) {
		return;
	}
	struct level *level = &b->levels[b->depth++];
	*level = (struct level){.node = node};
	if (anchor != NULL) {
		level->anchor = qg_str_copy(anchor);
		if (level->anchor == NULL) {
			give_up(b, mark, "out of memory");
		}
	}
}

static void close_level(struct builder *b, const yaml_mark_t *mark)
{
	struct level *level = &b->levels[--b->depth];
	const struct qg_tree *merge =
		level->node->kind == QG_TREE_MAP ? qg_tree_get(level->node, "<<") : NULL;
	if (merge != NULL) {
		qg_problem_error_key(b->problems, merge,
			"merging maps by '<<' is not supported; write the keys out");
	}
	if (level->node->kind == QG_TREE_MAP &&
		!qg_tree_find_duplicates(level->node, b->problems)) {
		give_up(b, mark, "out of memory");
	}
	if (level->anchor != NULL && !b->failed) {
		note_anchor(b, level->anchor, level->node, mark);
	}
	free(level->anchor);
	free(level->key);
	*level = (struct level){NULL};
}

/* A copy for an alias, each node counted against the bound. It keeps the places where its values
 * were written. */
static struct qg_tree *copy_node(
	struct builder *b, const struct qg_tree *from, size_t depth, const yaml_mark_t *mark)
{
	if (depth > MAX_DEPTH) {
		give_up(b, mark, "lists and maps are nested more than 64 deep");
		return NULL;
	}
	struct qg_tree *node = create_node(b, from->kind, mark);
	if (node == NULL) {
		return NULL;
	}
	node->line = from->line;
	node->column = from->column;
	node->quoted = from->quoted;
	node->variable = from->variable;
	if (from->text != NULL && (node->text = qg_str_copy(from->text)) == NULL) {
		give_up(b, mark, "out of memory");
	}
	b->expanded += from->text != NULL ? strlen(from->text) : 0;
	if (b->expanded > QG_TREE_MAX_EXPANDED) {
		give_up(b, mark, "variables and aliases bring in more than 4 MiB");
	}
	for (size_t i = 0; i < from->count && !b->failed; i++) {
		const struct qg_tree *item = from->items[i];
		struct qg_tree *copy = copy_node(b, item, depth + 1, mark);
		if (copy == NULL || !append(b, node, copy, mark)) {
			break;
		}
		copy->key_line = item->key_line;
		copy->key_column = item->key_column;
		if (item->key != NULL && (copy->key = qg_str_copy(item->key)) == NULL) {
			give_up(b, mark, "out of memory");
		}
	}
	return node;
}

static void take_alias(struct builder *b, const yaml_event_t *event)
{
	const yaml_mark_t *mark = &event->start_mark;
	const char *name = (const char *)event->data.alias.anchor;
	const struct qg_tree *from = NULL;
	for (size_t i = 0; i < b->anchor_count; i++) {
		if (strcmp(b->anchors[i].name, name) == 0) {
			from = b->anchors[i].node;
		}
	}
	if (from == NULL) {
		give_up(b, mark, "an alias (*name) of which no anchor (&name) stands before it");
		return;
	}
	struct qg_tree *copy = copy_node(b, from, b->depth, mark);
	if (copy != NULL) {
		attach(b, copy, mark);
	}
}

static void take_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->root != NULL) {
			give_up(b, &event->start_mark, "a second document ('---') in one file");
		}
		break;
	case YAML_SCALAR_EVENT:
		take_scalar(b, event);
		break;
	case YAML_ALIAS_EVENT:
		take_alias(b, event);
		break;
	case YAML_SEQUENCE_START_EVENT:
		open_level(b, QG_TREE_LIST, event, (const char *)event->data.sequence_start.anchor,
			(const char *)event->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		open_level(b, QG_TREE_MAP, event, (const char *)event->data.mapping_start.anchor,
			(const char *)event->data.mapping_start.tag);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_level(b, &event->start_mark);
		break;
	default: /* begin and end of the stream and of documents */
		break;
	}
}

/* libyaml's words, with what it was doing; a tab gets a hint, being what people do not see. */
static void explain(struct builder *b, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR) {
		give_up(b, &parser->mark, "out of memory");
		return;
	}
	const char *problem = parser->problem != NULL ? parser->problem : "unreadable";
	const yaml_mark_t *mark = &parser->problem_mark;
	if (parser->error == YAML_READER_ERROR) { /* it has a byte offset only */
		mark = &parser->mark;
	}
	bool tab = strstr(problem, "cannot start any token") != NULL;
	char words[256], context[128] = "";
	if (parser->context != NULL && !tab) {
		snprintf(context, sizeof(context), " %s that begins at line %zu", parser->context,
			parser->context_mark.line + 1);
	}
	snprintf(words, sizeof(words), "not valid YAML: %s%s%s", problem, context,
		tab ? " (indent with blanks, not tabs)" : "");
	give_up(b, mark, words);
}

static void build(struct builder *b, const char *data, size_t size)
{
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser)) {
		give_up(b, &(yaml_mark_t){0}, "out of memory");
		return;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)data, size);
	for (bool done = false; !done && !b->failed;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&parser, &event)) {
			explain(b, &parser);
			break;
		}
		take_event(b, &event);
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

static struct qg_tree *finish_build(struct builder *b)
{
	for (size_t i = 0; i < b->depth; i++) {
		free(b->levels[i].anchor);
		free(b->levels[i].key);
	}
	for (size_t i = 0; i < b->anchor_count; i++) {
		free(b->anchors[i].name);
	}
	if (!b->failed && b->root == NULL) {
		b->root = create_node(b, QG_TREE_NULL, &(yaml_mark_t){0});
	}
	if (b->failed) {
		destroy_node(b->root);
		return NULL;
	}
	return b->root;
}

struct qg_tree *qg_tree_parse(
	const char *file, const char *data, size_t size, bool expand, struct qg_problems *problems)
{
	if (size > QG_TREE_MAX_FILE) {
		qg_problem_error_at(problems, file, 0, 0, "larger than 1 MiB; split it");
		return NULL;
	}
	char *name = qg_str_copy(file);
	struct builder *b = calloc(1, sizeof(*b));
	struct qg_tree *root = NULL;
	if (name == NULL || b == NULL) {
		qg_problem_error_at(problems, file, 0, 0, "out of memory");
	} else {
		*b = (struct builder){.file = name, .problems = problems, .expand = expand};
		build(b, data, size);
		root = finish_build(b);
	}
	free(b);
	if (root == NULL) {
		free(name);
	}
	return root;
}
