/* words.c - the bot's own sentences, from words.<language>.yaml.
 *
 * The file beside the templates holds all of them; a folder of the user's own may hold a file with
 * only those that shall sound different. */
#include "words.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/role.h"

/* What the agents say; the gateway's own sentences are in the same files. */
static const char *const needed[] = {"help", "help_admin", "about", "about_offline_model",
	"about_kept_until_reset", "about_own_model", "about_sent", "reset_done", "quiet_on",
	"quiet_already", "quiet_until", "resume_done", "resume_not_quiet", "usage_not_built",
	"miss", "miss_again", "did_you_mean", "source_line", "source_faq", "handover_asker",
	"handover_no_hours", "handover_no_phone", "not_text", "paused", "interrupted", "cut_short",
	"withdrawn", "empty_message", "greeting", "busy", "admin_only", "group_not_enabled",
	"group_enabled", "group_disabled", "group_by_config", "group_only", "bind_done",
	"bind_wrong", "bind_not_here", "stopped_at_limit", "limit_simpler", "footnote_tokens",
	"footnote_full", "usage_line", "usage_user_day", "usage_user_month", "usage_chat_day",
	"usage_chat_month", "usage_bot_month", "usage_saved", "media_file", "media_this_file",
	"media_this_picture", "media_expired", "media_too_large", "media_unsupported",
	"media_damaged", "media_no_text", "media_timeout", "media_away", "media_cut",
	"media_too_many", "file_read", "picture_blind", "picture_failed"};

void qg_words_check(const struct qg_tree *tree, struct qg_problems *problems)
{
	if (tree == NULL || tree->kind != QG_TREE_MAP) {
		qg_problem_error(problems, tree, "is not a map of sentences");
		return;
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (qg_tree_get(tree, needed[i]) == NULL) {
			qg_problem_error(problems, tree, "lacks the sentence '%s'", needed[i]);
		}
	}
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->items[i]->kind != QG_TREE_SCALAR) {
			qg_problem_error(problems, tree->items[i], "is not a sentence");
		}
	}
}

/* Adds what words does not have yet. */
static void merge(json_t *words, const struct qg_tree *tree)
{
	for (size_t i = 0; tree->kind == QG_TREE_MAP && i < tree->count; i++) {
		const struct qg_tree *item = tree->items[i];
		if (item->kind == QG_TREE_SCALAR && json_object_get(words, item->key) == NULL) {
			json_object_set_new(words, item->key, json_string(item->text));
		}
	}
}

static void load_language(json_t *words, const struct qg_strings *folders, const char *language,
	struct qg_problems *problems)
{
	for (size_t i = 0; i < folders->count; i++) {
		QG_AUTO(qg_str_free)
		char *path = qg_str_printf("%s/words.%s.yaml", folders->items[i], language);
		if (path == NULL || access(path, R_OK) != 0) {
			continue;
		}
		struct qg_tree *tree = qg_tree_read(path, path, false, problems);
		if (tree != NULL) {
			merge(words, tree);
		}
		qg_tree_destroy(tree);
	}
}

json_t *qg_words_load(const char *config_dir, const char *language, const json_t *overrides,
	struct qg_problems *problems)
{
	json_auto_t *words = json_object();
	if (words == NULL) {
		return NULL;
	}
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)overrides, key, value) {
		if (json_is_string(value)) {
			json_object_set_new(words, key, json_string(json_string_value(value)));
		}
	}
	struct qg_strings folders = qg_template_folders(config_dir);
	load_language(words, &folders, language != NULL ? language : "zh", problems);
	load_language(words, &folders, "zh", problems);
	qg_strings_finish(&folders);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (json_object_get(words, needed[i]) == NULL) {
			qg_problem_error(problems, NULL,
				"words.%s.yaml: no sentence '%s' in any folder of templates",
				language != NULL ? language : "zh", needed[i]);
			return NULL;
		}
	}
	return json_incref(words);
}
