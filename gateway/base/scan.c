/* scan.c - finds members of a JSON text without making a tree of it.
 *
 * One walk over the bytes with a stack of open brackets: what it meets is checked as strictly as a parser
 * would, and only what stands on a wanted path is noted. The wanted paths are a small tree of names and
 * indexes; beside each open bracket stands the branch of that tree it belongs to, so text nobody asked for
 * costs no comparison at all. UTF-8 is checked once for the whole text, by the one decoder of the program:
 * behind it a string's body has only three kinds of byte to look for, eight bytes at a time. */
#include "qg/scan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "piece.h"
#include "qg/str.h"

#define DEPTH_MAX 64 /* as qg_json_parse() has it */
#define PATHS_MAX 32
#define NODES_MAX 128 /* names and indexes of all paths together */
#define UNWANTED 255  /* no node */
#define NO_SLOT 255

/* ---- the plan ---- */

/* A step of a path: a member by name, or an element by index where name is NULL. */
struct node {
	const char *name;
	size_t size;  /* of the name */
	size_t index; /* of the element */
	uint8_t child, sibling, slot;
};

struct qg_scan_plan {
	size_t count, nodes_count;
	struct node nodes[NODES_MAX]; /* the first is the top */
};

static bool is_step(const struct node *a, const struct node *b)
{
	if (a->name == NULL || b->name == NULL) {
		return a->name == b->name && a->index == b->index;
	}
	return a->size == b->size && memcmp(a->name, b->name, a->size) == 0;
}

static uint8_t add_node(struct qg_scan_plan *plan, const struct node *step)
{
	assert(plan->nodes_count < NODES_MAX);
	struct node *node = &plan->nodes[plan->nodes_count];
	*node = *step;
	node->child = node->sibling = UNWANTED;
	node->slot = NO_SLOT;
	return (uint8_t)plan->nodes_count++;
}

/* The child of parent that is this step, made where there is none. */
static uint8_t take_step(struct qg_scan_plan *plan, uint8_t parent, const struct node *step)
{
	for (uint8_t n = plan->nodes[parent].child; n != UNWANTED; n = plan->nodes[n].sibling) {
		if (is_step(&plan->nodes[n], step)) {
			return n;
		}
	}
	uint8_t made = add_node(plan, step);
	plan->nodes[made].sibling = plan->nodes[parent].child;
	plan->nodes[parent].child = made;
	return made;
}

/* The first step of a path; returns what is behind it. Paths are written in our own code: a wrong one is a
 * mistake of ours. */
static const char *read_step(const char *path, struct node *step)
{
	memset(step, 0, sizeof(*step));
	if (path[0] != '[') {
		step->name = path;
		step->size = strcspn(path, ".[");
		assert(step->size > 0);
		path += step->size;
	} else {
		char *end = NULL;
		step->index = (size_t)strtoul(path + 1, &end, 10);
		assert(end > path + 1 && end[0] == ']');
		path = end + 1;
	}
	return path[0] == '.' ? path + 1 : path;
}

static void plan_init(struct qg_scan_plan *plan, const char *const *paths, size_t count)
{
	static const struct node top = {.name = ""};
	assert(count <= PATHS_MAX);
	plan->count = count;
	plan->nodes_count = 0;
	add_node(plan, &top);
	for (size_t i = 0; i < count; i++) {
		uint8_t node = 0;
		for (const char *at = paths[i]; at[0] != '\0';) {
			struct node step;
			at = read_step(at, &step);
			node = take_step(plan, node, &step);
		}
		assert(plan->nodes[node].slot == NO_SLOT);
		plan->nodes[node].slot = (uint8_t)i;
	}
}

struct qg_scan_plan *qg_scan_plan_create(const char *const *paths, size_t count)
{
	struct qg_scan_plan *plan = malloc(sizeof(*plan));
	if (plan != NULL) {
		plan_init(plan, paths, count);
	}
	return plan;
}

void qg_scan_plan_destroy(struct qg_scan_plan *plan)
{
	free(plan);
}

/* ---- the walk ---- */

/* An open bracket. */
struct level {
	const char *start;
	size_t index; /* of the element being read */
	uint8_t node;
	bool is_object;
};

struct reader {
	const struct qg_scan_plan *plan;
	struct qg_piece *out;
	const char *at, *end;
	size_t depth;
	uint8_t node; /* of the value that comes next */
	bool seen[NODES_MAX];
	struct level levels[DEPTH_MAX];
};

/* What a step of the walk found, and so what must follow. */
enum next { NEXT_BAD, NEXT_VALUE, NEXT_END };

static char peek(const struct reader *r)
{
	return r->at < r->end ? r->at[0] : '\0';
}

static void skip_blanks(struct reader *r)
{
	if (peek(r) <= ' ') { /* seldom: services send none */
		r->at = qg_piece_skip_blanks(r->at, r->end);
	}
}

static void note(struct reader *r, uint8_t node, enum qg_piece_kind kind, const char *start)
{
	if (node != UNWANTED && r->plan->nodes[node].slot != NO_SLOT) {
		r->out[r->plan->nodes[node].slot] = (struct qg_piece){
			.kind = kind, .data = start, .size = (size_t)(r->at - start)};
	}
}

/* Over an escape; false where there is no such. */
static bool skip_escape(struct reader *r)
{
	if (r->end - r->at < 2) {
		return false;
	}
	char c = r->at[1];
	r->at += 2;
	if (c != 'u') {
		return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
	}
	for (int i = 0; i < 4; i++, r->at++) {
		if (r->at >= r->end || qg_piece_hex(r->at[0]) < 0) {
			return false;
		}
	}
	return true;
}

/* At a quote: over the string. out: what is between the quotes. */
static bool read_string(struct reader *r, struct qg_piece *out)
{
	const char *start = ++r->at;
	bool escaped = false;
	for (;;) {
		r->at = qg_piece_skip_plain(r->at, r->end);
		char c = peek(r);
		if (c == '"') {
			break;
		}
		if (c != '\\' || !skip_escape(r)) {
			return false;
		}
		escaped = true;
	}
	*out = (struct qg_piece){.kind = QG_PIECE_STRING,
		.data = start,
		.size = (size_t)(r->at - start),
		.escaped = escaped};
	r->at++;
	return true;
}

/* The node of a member beneath parent. */
static uint8_t find_member(const struct reader *r, uint8_t parent, const struct qg_piece *name)
{
	const struct node *nodes = r->plan->nodes;
	uint8_t n = parent != UNWANTED ? nodes[parent].child : UNWANTED;
	for (; n != UNWANTED; n = nodes[n].sibling) {
		bool may = name->escaped || name->size == nodes[n].size; /* most have other sizes */
		if (may && nodes[n].name != NULL &&
			qg_piece_equals(name, nodes[n].name, nodes[n].size)) {
			break;
		}
	}
	return n;
}

static uint8_t find_element(const struct reader *r, const struct level *level)
{
	const struct node *nodes = r->plan->nodes;
	uint8_t n = level->node != UNWANTED ? nodes[level->node].child : UNWANTED;
	while (n != UNWANTED && (nodes[n].name != NULL || nodes[n].index != level->index)) {
		n = nodes[n].sibling;
	}
	return n;
}

/* Up to the colon of a member. A name that is wanted, or leads to something wanted, may come only once. */
static enum next read_name(struct reader *r)
{
	struct qg_piece name;
	skip_blanks(r);
	if (peek(r) != '"' || !read_string(r, &name)) {
		return NEXT_BAD;
	}
	skip_blanks(r);
	if (peek(r) != ':') {
		return NEXT_BAD;
	}
	r->at++;
	r->node = find_member(r, r->levels[r->depth - 1].node, &name);
	if (r->node != UNWANTED) {
		if (r->seen[r->node]) {
			return NEXT_BAD;
		}
		r->seen[r->node] = true;
	}
	return NEXT_VALUE;
}

static enum next close_bracket(struct reader *r)
{
	const struct level *level = &r->levels[--r->depth];
	r->at++;
	note(r, level->node, level->is_object ? QG_PIECE_OBJECT : QG_PIECE_ARRAY, level->start);
	return NEXT_END;
}

static enum next open_bracket(struct reader *r)
{
	if (r->depth == DEPTH_MAX) {
		return NEXT_BAD;
	}
	struct level *level = &r->levels[r->depth++];
	*level = (struct level){.start = r->at, .node = r->node, .is_object = r->at[0] == '{'};
	r->at++;
	skip_blanks(r);
	if (peek(r) == (level->is_object ? '}' : ']')) {
		return close_bracket(r);
	}
	if (level->is_object) {
		return read_name(r);
	}
	r->node = find_element(r, level);
	return NEXT_VALUE;
}

static enum next read_word(struct reader *r, const char *word, enum qg_piece_kind kind)
{
	size_t size = strlen(word);
	const char *start = r->at;
	if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) {
		return NEXT_BAD;
	}
	r->at += size;
	note(r, r->node, kind, start);
	return NEXT_END;
}

static enum next read_number(struct reader *r)
{
	const char *start = r->at, *behind = qg_piece_skip_number(start, r->end);
	if (behind == NULL) {
		return NEXT_BAD;
	}
	r->at = behind;
	note(r, r->node, QG_PIECE_NUMBER, start);
	return NEXT_END;
}

static enum next read_text(struct reader *r)
{
	struct qg_piece text;
	if (!read_string(r, &text)) {
		return NEXT_BAD;
	}
	if (r->node != UNWANTED && r->plan->nodes[r->node].slot != NO_SLOT) {
		r->out[r->plan->nodes[r->node].slot] = text;
	}
	return NEXT_END;
}

/* A whole value, or the beginning of one up to its first inner value. */
static enum next read_value(struct reader *r)
{
	skip_blanks(r);
	switch (peek(r)) {
	case '{':
	case '[':
		return open_bracket(r);
	case '"':
		return read_text(r);
	case 't':
		return read_word(r, "true", QG_PIECE_BOOL);
	case 'f':
		return read_word(r, "false", QG_PIECE_BOOL);
	case 'n':
		return read_word(r, "null", QG_PIECE_NULL);
	default:
		return read_number(r);
	}
}

/* Behind a value inside of brackets. */
static enum next read_behind(struct reader *r)
{
	struct level *level = &r->levels[r->depth - 1];
	skip_blanks(r);
	char c = peek(r);
	if (c == (level->is_object ? '}' : ']')) {
		return close_bracket(r);
	}
	if (c != ',') {
		return NEXT_BAD;
	}
	r->at++;
	if (level->is_object) {
		return read_name(r);
	}
	level->index++;
	r->node = find_element(r, level);
	return NEXT_VALUE;
}

static bool read_all(struct reader *r)
{
	enum next next = NEXT_VALUE;
	while (next == NEXT_VALUE) {
		next = read_value(r);
		while (next == NEXT_END && r->depth > 0) {
			next = read_behind(r);
		}
	}
	skip_blanks(r);
	return next == NEXT_END && r->at == r->end;
}

enum qg_status qg_scan_run(
	const struct qg_scan_plan *plan, const char *data, size_t size, struct qg_piece *out)
{
	memset(out, 0, plan->count * sizeof(*out));
	if (size == 0 || !qg_utf8_is_valid(data, size)) {
		return QG_INVALID;
	}
	struct reader
		reader; /* not zeroed as a whole: the levels are written before they are read */
	reader.plan = plan;
	reader.out = out;
	reader.at = data;
	reader.end = data + size;
	reader.depth = 0;
	reader.node = 0;
	memset(reader.seen, 0, plan->nodes_count * sizeof(reader.seen[0]));
	if (!read_all(&reader)) {
		memset(out, 0, plan->count * sizeof(*out));
		return QG_INVALID;
	}
	return QG_OK;
}

enum qg_status qg_scan(
	const char *data, size_t size, const char *const *paths, size_t count, struct qg_piece *out)
{
	struct qg_scan_plan plan;
	plan_init(&plan, paths, count);
	return qg_scan_run(&plan, data, size, out);
}
