/* config_source.c - which files make up the config, and their trees. */
#include "config_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENDING ".yaml"

static bool ends_with(const char *name, const char *ending)
{
	size_t size = strlen(name), tail = strlen(ending);
	return size > tail && strcmp(name + size - tail, ending) == 0;
}

/* Hidden files are editors' own; NAME.yaml.fired is a bot that left. */
static int is_config_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && ends_with(entry->d_name, ENDING);
}

/* Not alphasort, whose order hangs on the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

bool qg_config_list_files(
	const char *path, struct qg_strings *files, char **folder_out, const char **problem_out)
{
	const char *slash = strrchr(path, '/');
	*problem_out = "out of memory";
	char *folder =
		qg_str_printf("%.*sbots.d", slash != NULL ? (int)(slash - path + 1) : 0, path);
	if (folder == NULL || qg_strings_add(files, path) != QG_OK) {
		free(folder);
		return false;
	}
	struct dirent **entries = NULL;
	errno = 0;
	int count = scandir(folder, &entries, is_config_file, compare_names);
	bool good = count >= 0 || errno == ENOENT;
	if (!good) {
		*problem_out = errno == ENOMEM ? *problem_out : "bots.d beside it cannot be read";
	} else if (count > QG_CONFIG_MAX_FILES) {
		*problem_out = "more than 10,000 files in bots.d";
		good = false;
	}
	for (int i = 0; i < count; i++) {
		char *name = good ? qg_str_printf("%s/%s", folder, entries[i]->d_name) : NULL;
		good = good && name != NULL && qg_strings_add(files, name) == QG_OK;
		free(name);
		free(entries[i]);
	}
	free(entries);
	if (folder_out != NULL && good && count >= 0) {
		*folder_out = folder;
	} else {
		free(folder);
	}
	return good;
}

bool qg_config_open_sources(struct qg_config_loader *loader, const char *path)
{
	struct qg_strings files = {NULL};
	const char *problem;
	bool good = qg_config_list_files(path, &files, NULL, &problem);
	if (good) {
		loader->sources = calloc(files.count, sizeof(*loader->sources));
		good = loader->sources != NULL;
	}
	if (!good) {
		qg_problem_error_at(loader->problems, path, 0, 0, "%s", problem);
	}
	for (size_t i = 0; good && i < files.count; i++) {
		struct qg_config_source *source = &loader->sources[loader->source_count++];
		source->file = files.items[i]; /* moved */
		files.items[i] = NULL;
		source->dir = i == 0 ? qg_str_copy(loader->config->dir)
				     : qg_str_printf("%s/bots.d", loader->config->dir);
		if (source->dir == NULL) {
			qg_problem_error_at(loader->problems, source->file, 0, 0, "out of memory");
			good = false;
			break;
		}
		source->customer_limits.customer_month = -1;
		unsigned before = loader->problems->errors;
		source->tree = qg_tree_read(source->file, source->file, true, loader->problems);
		source->failed = loader->problems->errors > before;
	}
	qg_strings_finish(&files);
	return good;
}

void qg_config_close_sources(struct qg_config_loader *loader)
{
	for (size_t i = 0; i < loader->source_count; i++) {
		struct qg_config_source *source = &loader->sources[i];
		free(source->file);
		free(source->dir);
		qg_tree_destroy(source->tree);
		free(source->customer_id);
		free(source->customer_name);
		qg_config_part_release(source->part);
		free(source->endpoints);
		free(source->bot_trees);
	}
	free(loader->sources);
	for (size_t i = 0; i < loader->claim_count; i++) {
		free(loader->claims[i].path);
	}
	free(loader->claims);
	free(loader->view.models);
}
