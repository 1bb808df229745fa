/* config_watch.c - the files and folders whose change may change the config.
 *
 * Found from the trees as written, not from a snapshot: a config that is broken has none, and is
 * the one that is about to be mended. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WATCHED 20000

static void add(struct qg_strings *files, char *path)
{
	if (path != NULL && files->count < MAX_WATCHED && qg_strings_add(files, path) != QG_OK) {
		/* Not watched, then: SIGHUP still reloads. */
	}
	free(path);
}

static void add_paths(const struct qg_tree *value, const char *dir, struct qg_strings *files)
{
	if (value->kind == QG_TREE_SCALAR && value->text[0] != '\0') {
		add(files, qg_option_path(dir, value->text));
	}
	for (size_t i = 0; i < value->count; i++) {
		add_paths(value->items[i], dir, files);
	}
}

static bool is_path(const struct qg_tree *tree)
{
	if (tree->key == NULL) {
		return false;
	}
	if (strcmp(tree->key, "knowledge") == 0 || strcmp(tree->key, "script") == 0) {
		return true;
	}
	const char *above = tree->parent != NULL ? tree->parent->key : NULL;
	return above != NULL && strcmp(above, "tls") == 0 &&
	       (strcmp(tree->key, "cert") == 0 || strcmp(tree->key, "key") == 0);
}

static void collect(const struct qg_tree *tree, const char *dir, struct qg_strings *files)
{
	if (is_path(tree)) {
		add_paths(tree, dir, files);
		return;
	}
	if (tree->kind == QG_TREE_SCALAR && qg_str_starts_with(tree->text, "file:")) {
		add(files, qg_option_path(dir, tree->text + strlen("file:")));
	}
	for (size_t i = 0; i < tree->count; i++) {
		collect(tree->items[i], dir, files);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A thousand bots name one handbook once. */
static void drop_repeats(struct qg_strings *files)
{
	size_t kept = 0;
	if (files->count > 0) {
		qsort(files->items, files->count, sizeof(char *), compare);
	}
	for (size_t i = 0; i < files->count; i++) {
		if (kept > 0 && strcmp(files->items[kept - 1], files->items[i]) == 0) {
			free(files->items[i]);
		} else {
			files->items[kept++] = files->items[i];
		}
	}
	files->count = kept;
}

struct qg_strings qg_config_files(const char *path)
{
	struct qg_strings files = {NULL}, read = {NULL};
	const char *slash = strrchr(path, '/');
	QG_AUTO(qg_str_free)
	char *dir = slash != NULL ? qg_str_copy_n(path, (size_t)(slash - path) + 1) : NULL;
	QG_AUTO(qg_str_free) char *real = realpath(dir != NULL ? dir : ".", NULL);
	char *folder = NULL;
	const char *problem;
	if (qg_config_list_files(path, &read, &folder, &problem)) {
		for (size_t i = 0; i < read.count; i++) {
			struct qg_problems unheard;
			qg_problems_init(&unheard);
			add(&files, qg_str_copy(read.items[i]));
			struct qg_tree *tree =
				qg_tree_read(read.items[i], read.items[i], true, &unheard);
			QG_AUTO(qg_str_free)
			char *from = real == NULL ? NULL
				     : i == 0	  ? qg_str_copy(real)
						  : qg_str_printf("%s/bots.d", real);
			if (tree != NULL && from != NULL) {
				collect(tree, from, &files);
			}
			qg_tree_destroy(tree);
			qg_problems_finish(&unheard);
		}
		add(&files, folder);
	}
	qg_strings_finish(&read);
	drop_repeats(&files);
	return files;
}
