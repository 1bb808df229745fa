/* words.c - the bot's own sentences, from words.<language>.yaml.
 *
 * The file beside the templates holds all of them; a folder of the user's own may hold a file with
 * only those that shall sound different. */
#include "words.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/role.h"

#define READ_ONCE 4 /* languages, and folders of tests */
#define MAX_FILES (64 * 1024)

/* What the agents say; the gateway's own sentences are in the same files. */
static const char *const needed[] = {"help", "help_admin", "about", "about_offline_model",
	"about_kept_until_reset", "about_own_model", "about_sent", "reset_done", "quiet_on",
	"quiet_already", "quiet_until", "resume_done", "resume_not_quiet", "usage_not_built",
	"miss", "miss_again", "did_you_mean", "source_line", "source_faq", "handover_asker",
	"handover_no_hours", "handover_no_phone", "not_text", "not_voice", "paused", "interrupted",
	"cut_short", "withdrawn", "empty_message", "greeting", "busy", "admin_only",
	"group_not_enabled", "group_enabled", "group_disabled", "group_by_config", "group_only",
	"bind_done", "bind_wrong", "bind_not_here", "stopped_at_limit", "limit_simpler",
	"footnote_tokens", "footnote_full", "usage_line", "usage_user_day", "usage_user_month",
	"usage_chat_day", "usage_chat_month", "usage_bot_month", "usage_saved", "media_file",
	"media_this_file", "media_this_picture", "media_expired", "media_too_large",
	"media_unsupported", "media_damaged", "media_no_text", "media_timeout", "media_away",
	"media_cut", "media_too_many", "file_read", "picture_blind", "picture_failed"};

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

static char *words_path(const char *folder, const char *language)
{
	return qg_str_printf("%s/words.%s.yaml", folder, language);
}

static void load_language(json_t *words, const struct qg_strings *folders, const char *language,
	struct qg_problems *problems)
{
	for (size_t i = 0; i < folders->count; i++) {
		QG_AUTO(qg_str_free) char *path = words_path(folders->items[i], language);
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

static json_t *load(
	const struct qg_strings *folders, const char *language, struct qg_problems *problems)
{
	json_auto_t *words = json_object();
	if (words == NULL) {
		return NULL;
	}
	load_language(words, folders, language, problems);
	load_language(words, folders, "zh", problems);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (json_object_get(words, needed[i]) == NULL) {
			qg_problem_error(problems, NULL,
				"words.%s.yaml: no sentence '%s' in any folder of templates",
				language, needed[i]);
			return NULL;
		}
	}
	return json_incref(words);
}

/* ---- read once ---- */

static struct {
	pthread_mutex_t lock;
	char *files[READ_ONCE]; /* which, and as they were */
	json_t *words[READ_ONCE];
	size_t next;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void describe(const struct qg_strings *folders, const char *language, struct qg_buf *out)
{
	for (size_t i = 0; i < folders->count; i++) {
		QG_AUTO(qg_str_free) char *path = words_path(folders->items[i], language);
		struct stat info;
		if (path != NULL && stat(path, &info) == 0) {
			qg_buf_printf(out, "%s %lld %lld.%09ld %lld\n", path,
				(long long)info.st_size, (long long)info.st_mtim.tv_sec,
				info.st_mtim.tv_nsec, (long long)info.st_ino);
		}
	}
}

/* As load() has them. What had no problem is kept for whoever comes next. */
static json_t *load_once(
	const struct qg_strings *folders, const char *language, struct qg_problems *problems)
{
	QG_AUTO(qg_buf_finish) struct qg_buf files;
	qg_buf_init(&files, MAX_FILES);
	qg_buf_printf(&files, "%s\n", language);
	describe(folders, language, &files);
	describe(folders, "zh", &files);
	for (size_t i = 0; i < READ_ONCE && files.failed == QG_OK; i++) {
		if (qg_str_equal(cache.files[i], files.data)) {
			return json_incref(cache.words[i]);
		}
	}
	unsigned errors = problems->errors;
	json_t *words = load(folders, language, problems);
	if (words != NULL && problems->errors == errors && files.failed == QG_OK) {
		size_t at = cache.next++ % READ_ONCE;
		free(cache.files[at]);
		json_decref(cache.words[at]);
		cache.files[at] = qg_buf_steal(&files);
		cache.words[at] = json_incref(words);
	}
	return words;
}

json_t *qg_words_load(const char *config_dir, const char *language, const json_t *overrides,
	struct qg_problems *problems)
{
	struct qg_strings folders = qg_template_folders(config_dir);
	pthread_mutex_lock(&cache.lock);
	json_t *words = load_once(&folders, language != NULL ? language : "zh", problems);
	pthread_mutex_unlock(&cache.lock);
	qg_strings_finish(&folders);
	if (words == NULL || json_object_size(overrides) == 0) {
		return words;
	}
	json_t *own = json_copy(words);
	json_decref(words);
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)overrides, key, value) {
		if (json_is_string(value)) {
			json_object_set(own, key, value);
		}
	}
	return own;
}
