/* config_bot.c - bots: of a file, each from the bot's own keys, the file's defaults, the
 * template, the built-in. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_settings.h"

/* One bot being read. */
struct reading {
	struct qg_config_loader *loader;
	struct qg_config_source *source;
	size_t source_index;
	const struct qg_tree *tree;
	const struct qg_tree *own[3];	 /* the bot and its file's defaults */
	const struct qg_tree *layers[4]; /* and its template's */
	struct qg_bot_config *bot;
	struct qg_problems *problems;
};

void qg_config_bot_finish(struct qg_bot_config *bot)
{
	if (bot->options != NULL) {
		qg_option_finish(bot->table, bot->options);
		free(bot->options);
	}
	qg_option_finish(qg_config_identity_table, bot);
	qg_option_finish(qg_config_behaviour_table, bot);
	free(bot->file);
	free(bot->customer);
	free(bot->customer_name);
	json_decref(bot->answers);
	qg_strings_finish(&bot->keywords);
	qg_strings_finish(&bot->chats);
	memset(bot, 0, sizeof(*bot));
}

/* ---- the platform ---- */

static bool is_built(const struct reading *r, const char *platform)
{
	return qg_config_is_listed(r->loader->world->platforms, platform);
}

static void refuse_platform(const struct reading *r, const struct qg_tree *value)
{
	static const char *const known[] = {"web", "wecom", "dingtalk", "feishu", "wecom-kf",
		"wecom-app", "wechat-mp", "wechat", "wecom-hook", "dingtalk-hook", "feishu-hook"};
	size_t count = sizeof(known) / sizeof(known[0]);
	const char *platforms = r->loader->world->platforms;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(known[i], value->text) == 0) {
			qg_problem_error(r->problems, value,
				"'%s' is not one of: %s (it is not built into this version)",
				value->text, platforms);
			return;
		}
	}
	char text[QG_OPTION_SHOWN];
	qg_problem_error(r->problems, value, "'%s' is not one of: %s",
		qg_option_shown(value, false, text), platforms);
}

/* All names a bot's map may hold. Where the platform is not known any platform's keys will do:
 * one error is enough. */
static void check_names(const struct reading *r, const struct qg_option *table, bool known_platform)
{
	const struct qg_option_names names = {
		.tables = {qg_config_identity_table, qg_config_behaviour_table, table},
		.extra = qg_config_bot_extra,
		.silent = known_platform ? NULL : qg_config_platform_keys,
		.reserved = qg_config_reserved,
	};
	qg_option_check_names(&names, r->tree, r->problems);
}

static void read_platform(struct reading *r)
{
	const struct qg_tree *value = qg_option_find(r->own, "platform");
	const struct qg_option *table = NULL;
	size_t size = 0;
	bool known = value != NULL && value->kind == QG_TREE_SCALAR && is_built(r, value->text);
	if (known) {
		table = r->loader->world->platform_options(value->text, &size);
	} else if (value != NULL && value->kind == QG_TREE_SCALAR) {
		refuse_platform(r, value);
	}
	check_names(r, table, known);
	if (table == NULL || size == 0) {
		return;
	}
	r->bot->options = calloc(1, size);
	if (r->bot->options == NULL) {
		qg_problem_error(r->problems, r->tree, "out of memory");
		return;
	}
	r->bot->table = table;
	qg_option_fill_values(table, r->own, r->source->dir, r->bot->options, r->problems);
}

/* ---- keys with a form of their own ---- */

static bool add_scalars(const struct qg_tree *list, const char *what, struct qg_strings *strings,
	struct qg_problems *problems)
{
	if (list->kind != QG_TREE_LIST) {
		qg_problem_error(
			problems, list, "expected %s, found %s", what, qg_option_kind(list));
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct qg_tree *item = list->items[i];
		if (item->kind != QG_TREE_SCALAR || item->text[0] == '\0') {
			qg_problem_error(problems, item, "expected a single value, found %s",
				qg_option_kind(item));
		} else if (qg_strings_add(strings, item->text) != QG_OK) {
			qg_problem_error(problems, item, "out of memory");
		}
	}
	return true;
}

static void read_answers(struct reading *r)
{
	const struct qg_tree *answers = qg_option_find(r->own, "answers");
	r->bot->answers = json_object();
	if (r->bot->answers == NULL) {
		qg_problem_error(r->problems, r->tree, "out of memory");
		return;
	}
	if (answers != NULL && answers->kind != QG_TREE_MAP) {
		qg_problem_error(r->problems, answers, "expected {question: answer}, found %s",
			qg_option_kind(answers));
		return;
	}
	for (size_t i = 0; answers != NULL && i < answers->count; i++) {
		const struct qg_tree *item = answers->items[i];
		if (qg_tree_is_empty(item)) {
			qg_problem_warn_key(r->problems, item,
				"'%s' is left empty: it counts as not configured", item->key);
		} else if (item->kind != QG_TREE_SCALAR) {
			qg_problem_error(r->problems, item, "expected a text, found %s",
				qg_option_kind(item));
		} else if (json_object_set_new(
				   r->bot->answers, item->key, json_string(item->text)) != 0) {
			qg_problem_error(r->problems, item, "is no text a bot can say");
		}
	}
}

static void read_trigger(struct reading *r)
{
	const struct qg_tree *value = qg_option_find(r->layers, "trigger");
	static const struct qg_option word = {
		"trigger", QG_OPTION_ENUM, .choices = "mention|always"};
	int choice = 0;
	if (value == NULL) {
		return;
	}
	if (value->kind == QG_TREE_SCALAR) {
		if (strcmp(value->text, "keywords") == 0) {
			qg_problem_error(r->problems, value,
				"write the words with it: trigger: {keywords: [a, b]}");
		} else if (qg_option_take(&word, value, NULL, &choice, r->problems)) {
			r->bot->trigger = choice == 0 ? QG_TRIGGER_MENTION : QG_TRIGGER_ALWAYS;
		}
		return;
	}
	const struct qg_tree *keywords = qg_tree_get(value, "keywords");
	if (keywords == NULL || value->count != 1) {
		qg_problem_error(r->problems, value, "write mention, always or {keywords: [a, b]}");
		return;
	}
	r->bot->trigger = QG_TRIGGER_KEYWORDS;
	if (add_scalars(keywords, "a list of words", &r->bot->keywords, r->problems) &&
		keywords->count == 0) {
		qg_problem_error(r->problems, keywords, "needs at least one word");
	}
}

static void read_chats(struct reading *r)
{
	const struct qg_tree *value = qg_option_find(r->own, "chats");
	if (value == NULL) {
		return;
	}
	if (value->kind == QG_TREE_SCALAR) {
		r->bot->any_chat = strcmp(value->text, "any") == 0;
		if (!r->bot->any_chat) {
			char text[QG_OPTION_SHOWN];
			qg_problem_error(r->problems, value,
				"'%s' is no list: write any, [] or [id, id]",
				qg_option_shown(value, false, text));
		}
		return;
	}
	add_scalars(value, "any, [] or [id, id]", &r->bot->chats, r->problems);
}

/* A bare id becomes {id}. NULL with an error, or for no memory without. */
static json_t *read_shift(struct reading *r, const struct qg_tree *item)
{
	if (item->kind == QG_TREE_SCALAR && item->text[0] != '\0') {
		return json_pack("{s:s}", "id", item->text);
	}
	if (item->kind != QG_TREE_MAP) {
		qg_problem_error(r->problems, item, "expected an id or {id, hours, days}, found %s",
			qg_option_kind(item));
		return NULL;
	}
	struct qg_config_shift shift = {NULL};
	const struct qg_tree *layers[] = {item, NULL};
	qg_option_fill(qg_config_duty_table, layers, NULL, NULL, &shift, r->problems);
	qg_config_check_hours(qg_tree_get(item, "hours"), r->problems);
	qg_config_check_days(qg_tree_get(item, "days"), r->problems);
	json_t *json = json_pack(
		"{s:s*, s:s*, s:s*}", "id", shift.id, "hours", shift.hours, "days", shift.days);
	qg_option_finish(qg_config_duty_table, &shift);
	return json;
}

static void read_duty(struct reading *r)
{
	const struct qg_tree *value = qg_option_find(r->own, "duty");
	json_decref(r->bot->duty); /* as written; made anew in one form */
	r->bot->duty = json_array();
	if (value != NULL && value->kind != QG_TREE_LIST) {
		qg_problem_error(r->problems, value,
			"expected a list of ids or {id, hours, days}, found %s",
			qg_option_kind(value));
		return;
	}
	for (size_t i = 0; value != NULL && i < value->count; i++) {
		unsigned before = r->problems->errors;
		int failed = json_array_append_new(r->bot->duty, read_shift(r, value->items[i]));
		if (failed != 0 && r->problems->errors == before) {
			qg_problem_error(r->problems, value->items[i], "out of memory");
		}
	}
}

static void read_people(struct reading *r)
{
	const struct qg_tree *value = qg_option_find(r->own, "people");
	if (r->bot->people == NULL) {
		r->bot->people = json_object();
	}
	if (value != NULL && value->kind != QG_TREE_MAP) {
		qg_problem_error(r->problems, value, "expected id: {name, group, hours}, found %s",
			qg_option_kind(value));
		return;
	}
	for (size_t i = 0; value != NULL && i < value->count; i++) {
		qg_option_check(qg_config_person_table, value->items[i], NULL, NULL, r->problems);
		qg_config_check_hours(qg_tree_get(value->items[i], "hours"), r->problems);
	}
}

static void read_budget(struct reading *r)
{
	struct qg_budget *limits = &r->bot->limits;
	*limits = r->source->customer_limits;
	qg_config_read_budget(
		qg_option_find(r->layers, "budget"), limits, &r->bot->at_limit, r->problems);
}

/* ---- what the bot knows ---- */

/* Later compared with other customers' (config_across.c). */
static void claim(struct reading *r, const char *path, const struct qg_tree *value)
{
	struct qg_config_loader *loader = r->loader;
	struct qg_config_claim *claims =
		realloc(loader->claims, (loader->claim_count + 1) * sizeof(*claims));
	if (claims == NULL) {
		qg_problem_error(r->problems, value, "out of memory");
		return;
	}
	loader->claims = claims;
	QG_AUTO(qg_str_free) char *real = realpath(path, NULL);
	char *whole = real != NULL ? qg_str_printf("%s/", real) : NULL;
	if (whole == NULL) {
		qg_problem_error(r->problems, value, "cannot be read");
		return;
	}
	claims[loader->claim_count++] = (struct qg_config_claim){whole, value, r->source_index};
}

static void check_knowledge(struct reading *r)
{
	const struct qg_tree *value = qg_option_find(r->own, "knowledge");
	if (value == NULL || value->kind == QG_TREE_MAP) {
		return;
	}
	size_t count = value->kind == QG_TREE_LIST ? value->count : 1;
	for (size_t i = 0, path = 0; i < count && path < r->bot->knowledge.count; i++) {
		const struct qg_tree *item = value->kind == QG_TREE_LIST ? value->items[i] : value;
		if (item->kind != QG_TREE_SCALAR || item->text[0] == '\0') {
			continue; /* said already, and not among the paths */
		}
		const char *full = r->bot->knowledge.items[path++];
		if (access(full, R_OK) != 0) {
			qg_problem_warn(r->problems, item,
				"'%s' cannot be read: the bot does not know it yet", item->text);
		} else if (r->source->customer_id != NULL) {
			claim(r, full, item);
		}
	}
}

/* ---- one bot ---- */

static const struct qg_tree *template_of(struct reading *r)
{
	const struct qg_tree *at = qg_option_find(r->own, "template");
	const struct qg_config_world *world = r->loader->world;
	if (at == NULL || at->kind != QG_TREE_SCALAR || world->template_defaults == NULL) {
		return NULL;
	}
	const struct qg_tree *answers = qg_option_find(r->own, "answers");
	return world->template_defaults(r->loader->config, at->text, at,
		answers != NULL && answers->kind == QG_TREE_MAP ? answers : NULL, r->problems);
}

static bool inherit(char **slot, const char *value)
{
	if (*slot == NULL && value != NULL) {
		*slot = qg_str_copy(value);
		return *slot != NULL;
	}
	return true;
}

/* What stands above the bot: its file, its customer, the language of the house. */
static void read_surroundings(struct reading *r)
{
	struct qg_bot_config *bot = r->bot;
	const struct qg_config *config = r->loader->config;
	if (!inherit(&bot->file, r->source->file) ||
		!inherit(&bot->customer, r->source->customer_id) ||
		!inherit(&bot->customer_name, r->source->customer_name) ||
		!inherit(&bot->language, config->language) ||
		!inherit(&bot->timezone, config->timezone)) {
		qg_problem_error(r->problems, r->tree, "out of memory");
	}
}

static void read_bot(struct reading *r)
{
	struct qg_bot_config *bot = r->bot;
	const char *dir = r->source->dir;
	r->layers[r->layers[1] != NULL ? 2 : 1] = template_of(r);
	qg_option_fill_values(qg_config_identity_table, r->own, dir, bot, r->problems);
	qg_option_fill_values(qg_config_behaviour_table, r->layers, dir, bot, r->problems);
	if (qg_option_find(r->layers, "usage_footnote") == NULL) {
		bot->footnote = QG_FOOTNOTE_SHORT;
	}
	qg_config_check_id(qg_option_find(r->own, "name"), r->problems);
	qg_config_check_zone(qg_option_find(r->own, "timezone"), r->problems);
	read_platform(r);
	read_answers(r);
	read_trigger(r);
	read_chats(r);
	read_duty(r);
	read_people(r);
	read_budget(r);
	check_knowledge(r);
	read_surroundings(r);
	if (bot->duty == NULL || bot->people == NULL) {
		qg_problem_error(r->problems, r->tree, "out of memory");
	}
	qg_config_resolve_models(r->loader, r->source, bot, r->own);
}

static void read_one(struct qg_config_loader *loader, size_t index, const struct qg_tree *tree)
{
	struct qg_config_source *source = &loader->sources[index];
	unsigned before = loader->problems->errors;
	if (tree->kind != QG_TREE_MAP) {
		qg_problem_error(loader->problems, tree,
			"expected {name: ..., template: ..., platform: ...}, found %s",
			qg_option_kind(tree));
		return;
	}
	source->bot_trees[source->part->bot_count] = tree;
	struct reading r = {.loader = loader,
		.source = source,
		.source_index = index,
		.tree = tree,
		.own = {tree, source->defaults},
		.layers = {tree, source->defaults},
		.bot = &source->part->bots[source->part->bot_count++],
		.problems = loader->problems};
	read_bot(&r);
	r.bot->no_drafts = loader->world->shows_drafts != NULL && r.bot->platform != NULL &&
			   !loader->world->shows_drafts(r.bot->platform);
	/* Only of what is whole: a platform may rely on all it reads. */
	if (loader->problems->errors == before && loader->world->check_bot != NULL) {
		loader->world->check_bot(r.bot, tree, loader->problems);
	}
	if (loader->problems->errors == before && loader->world->check_models != NULL) {
		loader->world->check_models(&loader->view, r.bot, tree, loader->problems);
	}
	if (loader->problems->errors == before) {
		qg_config_fingerprint(loader, r.bot);
	}
}

/* The tables of all platforms built, behind the two that are there. */
static void add_platforms(const struct qg_config_world *world, struct qg_option_names *names)
{
	size_t count = 2, most = sizeof(names->tables) / sizeof(names->tables[0]) - 1;
	for (const char *at = world->platforms; at != NULL && *at != '\0' && count < most;) {
		char name[64];
		at += strspn(at, ", ");
		size_t length = strcspn(at, ", "), size;
		if (length > 0 && length < sizeof(name)) {
			memcpy(name, at, length);
			name[length] = '\0';
			names->tables[count] = world->platform_options(name, &size);
			count += names->tables[count] != NULL ? 1 : 0;
		}
		at += length;
	}
}

/* The keys of defaults:, whatever platform its bots will have. */
static void check_defaults(struct qg_config_loader *loader, struct qg_config_source *source)
{
	const struct qg_tree *defaults = source->defaults;
	if (qg_tree_is_empty(defaults)) {
		source->defaults = NULL;
		return;
	}
	if (defaults->kind != QG_TREE_MAP) {
		qg_problem_error(loader->problems, defaults, "expected a bot's keys, found %s",
			qg_option_kind(defaults));
		source->defaults = NULL;
		return;
	}
	struct qg_option_names names = {
		.tables = {qg_config_identity_table, qg_config_behaviour_table},
		.extra = qg_config_bot_extra,
		.silent = qg_config_platform_keys,
		.reserved = qg_config_reserved,
	};
	add_platforms(loader->world, &names);
	const char *dir = source->dir;
	qg_option_check_names(&names, defaults, loader->problems);
	qg_option_check_values(qg_config_identity_table, defaults, dir, loader->problems);
	qg_option_check_values(qg_config_behaviour_table, defaults, dir, loader->problems);
	qg_config_check_zone(qg_tree_get(defaults, "timezone"), loader->problems);
}

void qg_config_read_bots(struct qg_config_loader *loader, size_t index)
{
	struct qg_config_source *source = &loader->sources[index];
	if (source->part == NULL) {
		return;
	}
	check_defaults(loader, source);
	const struct qg_tree *bots = qg_tree_get(source->tree, "bots");
	if (qg_tree_is_empty(bots)) {
		return;
	}
	if (bots->kind != QG_TREE_LIST) {
		qg_problem_error(loader->problems, bots, "expected a list (- name: ...), found %s",
			qg_option_kind(bots));
		return;
	}
	if (bots->count > QG_CONFIG_MAX_BOTS) {
		qg_problem_error(loader->problems, bots, "more than %d bots", QG_CONFIG_MAX_BOTS);
		return;
	}
	source->part->bots = calloc(bots->count + 1, sizeof(*source->part->bots));
	source->bot_trees = calloc(bots->count + 1, sizeof(*source->bot_trees));
	if (source->part->bots == NULL || source->bot_trees == NULL) {
		qg_problem_error(loader->problems, bots, "out of memory");
		return;
	}
	for (size_t i = 0; i < bots->count; i++) {
		read_one(loader, index, bots->items[i]);
	}
}
