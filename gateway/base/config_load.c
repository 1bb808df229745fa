/* config_load.c - reads all files of the config into a new snapshot, finding every mistake in one
 * run.
 *
 * Each file is read into a part of its own. A bad file in bots.d/ is replaced by the part the
 * running snapshot had of it, so one customer's slip never touches another; a bad qungong.yaml
 * gives no snapshot at all. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

/* The folder that relative paths start from, absolute. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL) {
		return realpath(".", NULL);
	}
	QG_AUTO(qg_str_free)
	char *folder = qg_str_copy_n(path, slash == path ? 1 : (size_t)(slash - path));
	return folder != NULL ? realpath(folder, NULL) : NULL;
}

static bool begin(struct qg_config_loader *loader, const char *path)
{
	loader->config = calloc(1, sizeof(*loader->config));
	if (loader->config == NULL) {
		qg_problem_error(loader->problems, NULL, "out of memory");
		return false;
	}
	loader->config->references = 1;
	loader->config->path = qg_str_copy(path);
	loader->config->dir = folder_of(path);
	if (loader->config->path == NULL || loader->config->dir == NULL) {
		qg_problem_error_at(loader->problems, path, 0, 0, "its folder cannot be found");
		return false;
	}
	return qg_config_open_sources(loader, path);
}

/* The endpoints that bots of this file can name, as the world looks them up. */
static bool open_view(struct qg_config_loader *loader, const struct qg_config_source *source)
{
	const struct qg_config_part *places[] = {loader->sources->part, source->part};
	size_t last = source == loader->sources ? 1 : 2, room = 0;
	for (size_t p = 0; p < last; p++) {
		room += places[p] != NULL ? places[p]->model_count : 0;
	}
	struct qg_model_config *models = calloc(room + 1, sizeof(*models));
	if (models == NULL) {
		qg_problem_error(loader->problems, NULL, "out of memory");
		return false;
	}
	free(loader->view.models);
	loader->view = *loader->config;
	loader->view.models = models;
	loader->view.model_count = room;
	for (size_t p = 0, used = 0; p < last; p++) {
		size_t count = places[p] != NULL ? places[p]->model_count : 0;
		if (count > 0) {
			memcpy(models + used, places[p]->models, count * sizeof(*models));
			used += count;
		}
	}
	return true;
}

/* The main file first: the others' bots may name its endpoints. */
static void read_source(struct qg_config_loader *loader, size_t index)
{
	struct qg_config_source *source = &loader->sources[index];
	unsigned before = loader->problems->errors;
	if (index == 0) {
		qg_config_read_main(loader, source);
	} else {
		qg_config_read_head(loader, source);
	}
	qg_config_read_models(loader, source);
	if (open_view(loader, source)) {
		qg_config_read_bots(loader, index);
	}
	source->failed =
		source->failed || source->part == NULL || loader->problems->errors > before;
}

static struct qg_config_part *find_part(const struct qg_config *config, const char *file)
{
	for (size_t i = 0; config != NULL && i < config->part_count; i++) {
		if (strcmp(config->parts[i]->file, file) == 0) {
			return config->parts[i];
		}
	}
	return NULL;
}

/* The new parts, then what is kept of the failed files: where both have a bot, the new one
 * counts. */
static bool choose_parts(struct qg_config_loader *loader)
{
	struct qg_config *config = loader->config;
	config->parts = calloc(loader->source_count, sizeof(struct qg_config_part *));
	bool good = config->parts != NULL;
	for (size_t i = 0; good && i < loader->source_count; i++) {
		if (!loader->sources[i].failed) {
			config->parts[config->part_count++] =
				qg_config_part_take(loader->sources[i].part);
		}
	}
	for (size_t i = 0; good && i < loader->source_count; i++) {
		if (loader->sources[i].failed) {
			struct qg_config_part *kept =
				find_part(loader->previous, loader->sources[i].file);
			if (kept != NULL) {
				config->parts[config->part_count++] = qg_config_part_take(kept);
			}
			good = qg_strings_add(&config->failed_files, loader->sources[i].file) ==
			       QG_OK;
		}
	}
	return good;
}

/* A kept bot leans on the endpoints of today's qungong.yaml: its owner is told when they are gone. */
static void refresh_kept(struct qg_config_loader *loader)
{
	struct qg_config *config = loader->config;
	for (size_t i = 0; i < config->bot_count; i++) {
		struct qg_bot_config *bot = &config->bots[i];
		if (!qg_strings_has(&config->failed_files, bot->file)) {
			continue;
		}
		for (size_t m = 0; m < bot->models.count; m++) {
			if (qg_config_model(config, bot, bot->models.items[m]) == NULL) {
				qg_problem_warn(loader->problems, NULL,
					"%s: bot '%s' runs on as before, but its endpoint '%s' is "
					"gone",
					bot->file, bot->name, bot->models.items[m]);
			}
		}
		qg_config_fingerprint(loader, bot);
	}
}

static bool join(struct qg_config_loader *loader)
{
	struct qg_config *config = loader->config;
	if (!choose_parts(loader) || !qg_config_gather(config)) {
		qg_problem_error(loader->problems, NULL, "out of memory");
		return false;
	}
	refresh_kept(loader);
	if (config->bot_count > QG_CONFIG_MAX_BOTS) {
		qg_problem_error_at(loader->problems, config->path, 0, 0,
			"more than %d bots in all files", QG_CONFIG_MAX_BOTS);
		return false;
	}
	if (config->bot_count == 0 && config->failed_files.count == 0) {
		qg_problem_warn(loader->problems, loader->sources[0].tree,
			"no bots yet: add one under bots: or with 'qungong hire'");
	}
	return true;
}

static bool load(struct qg_config_loader *loader, const char *path)
{
	if (!begin(loader, path)) {
		return false;
	}
	for (size_t i = 0; i < loader->source_count; i++) {
		read_source(loader, i);
	}
	for (size_t i = 0; i < loader->source_count; i++) {
		qg_config_warn_models(loader, &loader->sources[i]);
	}
	qg_config_check_across(loader);
	return !loader->sources[0].failed && join(loader);
}

struct qg_config *qg_config_load(const char *path, const struct qg_config_world *world,
	const struct qg_config *previous, struct qg_problems *problems)
{
	struct qg_config_loader loader = {
		.world = world, .previous = previous, .problems = problems};
	bool good = load(&loader, path);
	qg_config_close_sources(&loader);
	qg_problems_sort(problems);
	if (!good) {
		qg_config_release(loader.config);
		return NULL;
	}
	return loader.config;
}
