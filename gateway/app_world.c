/* app_world.c - answers what the config asks about platforms and templates: config.c knows neither. */
#include "app.h"

#include <stdlib.h>
#include <string.h>

#include "app_parts.h"
#include "qg/adapter.h"
#include "qg/model.h"
#include "qg/role.h"
#include "qg/str.h"

static const struct qg_option *platform_options(const char *platform, size_t *struct_size_out)
{
	static const struct qg_option none[] = {{.name = NULL}};
	const struct qg_adapter *adapter = qg_adapter_find(platform);
	if (!adapter) {
		return NULL;
	}
	*struct_size_out = adapter->options ? adapter->options_size : 0;
	return adapter->options ? adapter->options : none;
}

static bool shows_drafts(const char *platform)
{
	const struct qg_adapter *adapter = qg_adapter_find(platform);
	return !adapter || adapter->can.streams;
}

/* What a platform cannot hear or show must not be promised by a config. */
static void check_bot(
	const struct qg_bot_config *bot, const struct qg_tree *tree, struct qg_problems *problems)
{
	const struct qg_adapter *adapter = bot->platform ? qg_adapter_find(bot->platform) : NULL;
	if (!adapter) {
		return;
	}
	if (bot->scope == QG_SCOPE_THREAD && !adapter->can.threads) {
		const struct qg_tree *at = qg_tree_get(tree, "scope");
		qg_problem_error(problems, at ? at : tree,
			"'thread' does not work on %s: it has no threads; allowed: chat, sender",
			adapter->name);
	}
	if (bot->trigger != QG_TRIGGER_MENTION && !adapter->can.hears_all) {
		const struct qg_tree *at = qg_tree_get(tree, "trigger");
		qg_problem_error(problems, at ? at : tree,
			"平台只把 @机器人 的群消息发来，请写 trigger: mention · in groups %s "
			"delivers only messages that mention the bot; allowed: mention",
			adapter->name);
	}
	if (adapter->check) {
		adapter->check(bot, tree, problems);
	}
}

/* An answer to a question the template does not ask is a slip of the pen; a missing one leaves a hole. */
static void check_answers(const struct qg_tree *answers, const struct qg_tree *interview,
	struct qg_problems *problems)
{
	const char **keys = calloc(interview->count + 1, sizeof(*keys));
	if (!keys) {
		return;
	}
	size_t count = 0;
	for (size_t i = 0; i < interview->count; i++) {
		const struct qg_tree *key = qg_tree_get(interview->items[i], "key");
		if (key && key->text) {
			keys[count++] = key->text;
		}
	}
	for (size_t i = 0; answers && i < answers->count; i++) {
		const char *key = answers->items[i]->key;
		bool known = false;
		for (size_t k = 0; k < count && !known; k++) {
			known = qg_str_equal(keys[k], key);
		}
		if (!known) {
			const char *nearest = qg_str_nearest(key, keys, count);
			qg_problem_error(problems, answers->items[i],
				"the template does not ask for '%s'%s%s%s", key,
				nearest ? "; did you mean '" : "", nearest ? nearest : "",
				nearest ? "'?" : "");
		}
	}
	free(keys);
}

static void check_required(const struct qg_tree *at, const struct qg_tree *answers,
	const struct qg_tree *interview, struct qg_problems *problems)
{
	for (size_t i = 0; i < interview->count; i++) {
		const struct qg_tree *key = qg_tree_get(interview->items[i], "key");
		const struct qg_tree *required = qg_tree_get(interview->items[i], "required");
		if (!key || !key->text || !required || !qg_str_equal(required->text, "true")) {
			continue;
		}
		const struct qg_tree *answer = answers ? qg_tree_get(answers, key->text) : NULL;
		if (!answer || answer->kind != QG_TREE_SCALAR || !*answer->text) {
			const struct qg_tree *ask = qg_tree_get(interview->items[i], "ask");
			qg_problem_warn(problems, answers ? answers : at,
				"the template asks for '%s' (%s): until it is answered the bot "
				"says that it does not know",
				key->text, ask && ask->text ? ask->text : "?");
		}
	}
}

static const struct qg_tree *template_defaults(const struct qg_config *config, const char *id,
	const struct qg_tree *at, const struct qg_tree *answers, struct qg_problems *problems)
{
	char *folder = qg_template_find(config->dir, id);
	if (!folder) {
		struct qg_strings known = qg_template_list(config->dir);
		const char *nearest =
			qg_str_nearest(id, (const char *const *)known.items, known.count);
		qg_problem_error(problems, at,
			"there is no template '%s'%s%s%s; `qungong templates` lists them", id,
			nearest ? "; did you mean '" : "", nearest ? nearest : "",
			nearest ? "'?" : "");
		qg_strings_finish(&known);
		return NULL;
	}
	const struct qg_tree *tree = qg_template_tree(folder, problems);
	free(folder);
	const struct qg_tree *interview = tree ? qg_tree_get(tree, "interview") : NULL;
	if (interview && interview->kind == QG_TREE_LIST) {
		check_answers(answers, interview, problems);
		check_required(at, answers, interview, problems);
	}
	return tree;
}

static char *template_folder(const struct qg_config *config, const char *id)
{
	return qg_template_find(config->dir, id);
}

const struct qg_config_world *qg_app_world(void)
{
	static struct qg_config_world world = {
		.platform_options = platform_options,
		.shows_drafts = shows_drafts,
		.check_bot = check_bot,
		.check_model = qg_endpoint_check,
		.has_provider = qg_app_has_provider,
		.check_models = qg_app_check_models,
		.account = qg_app_account,
		.template_defaults = template_defaults,
		.template_folder = template_folder,
	};
	world.platforms = qg_adapter_names();
	return &world;
}
