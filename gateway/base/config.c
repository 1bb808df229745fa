/* config.c - a snapshot of the config: who owns its parts, and what is asked of it.
 *
 * Models and bots belong to the part of the file they stand in; a snapshot holds views of them,
 * sorted. The counts of snapshots are changed by the main thread only, those of parts by any. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- parts ---- */

struct qg_config_part *qg_config_part_create(const char *file)
{
	struct qg_config_part *part = calloc(1, sizeof(*part));
	if (part == NULL) {
		return NULL;
	}
	atomic_init(&part->references, 1);
	part->file = qg_str_copy(file);
	if (part->file == NULL) {
		free(part);
		return NULL;
	}
	return part;
}

struct qg_config_part *qg_config_part_take(struct qg_config_part *part)
{
	atomic_fetch_add(&part->references, 1);
	return part;
}

void qg_config_part_release(struct qg_config_part *part)
{
	if (part == NULL || atomic_fetch_sub(&part->references, 1) > 1) {
		return;
	}
	for (size_t i = 0; i < part->model_count; i++) {
		qg_config_model_finish(&part->models[i]);
	}
	for (size_t i = 0; i < part->bot_count; i++) {
		qg_config_bot_finish(&part->bots[i]);
	}
	free(part->models);
	free(part->bots);
	free(part->file);
	free(part);
}

/* ---- snapshots ---- */

struct qg_config *qg_config_take(struct qg_config *config)
{
	config->references++;
	return config;
}

void qg_config_release(struct qg_config *config)
{
	if (config == NULL || --config->references > 0) {
		return;
	}
	for (size_t i = 0; i < config->part_count; i++) {
		qg_config_part_release(config->parts[i]);
	}
	free(config->parts);
	free(config->models); /* views, both */
	free(config->bots);
	if (config->redis != NULL) {
		explicit_bzero(config->redis, strlen(config->redis));
	}
	char *texts[] = {config->path, config->dir, config->listen, config->admin_listen,
		config->data_dir, config->redis, config->timezone, config->language,
		config->tls_cert, config->tls_key};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		free(texts[i]);
	}
	qg_strings_finish(&config->trusted_proxies);
	qg_strings_finish(&config->admin_hosts);
	qg_strings_finish(&config->failed_files);
	free(config);
}

struct view { /* a bot, and how early its part comes */
	const struct qg_bot_config *bot;
	size_t part;
};

static int compare_views(const void *left, const void *right)
{
	const struct view *a = left, *b = right;
	int order = strcmp(a->bot->name, b->bot->name);
	return order != 0 ? order : (a->part > b->part) - (a->part < b->part);
}

static bool gather_bots(struct qg_config *config, size_t count)
{
	struct view *views = calloc(count + 1, sizeof(*views));
	config->bots = calloc(count + 1, sizeof(*config->bots));
	if (views == NULL || config->bots == NULL) {
		free(views);
		return false;
	}
	size_t used = 0;
	for (size_t p = 0; p < config->part_count; p++) {
		for (size_t i = 0; i < config->parts[p]->bot_count; i++) {
			views[used++] = (struct view){&config->parts[p]->bots[i], p};
		}
	}
	qsort(views, used, sizeof(*views), compare_views);
	for (size_t i = 0; i < used; i++) {
		const struct qg_bot_config *last =
			config->bot_count > 0 ? &config->bots[config->bot_count - 1] : NULL;
		if (last == NULL || strcmp(last->name, views[i].bot->name) != 0) {
			config->bots[config->bot_count++] = *views[i].bot;
		}
	}
	free(views);
	return true;
}

bool qg_config_gather(struct qg_config *config)
{
	size_t models = 0, bots = 0;
	for (size_t i = 0; i < config->part_count; i++) {
		models += config->parts[i]->model_count;
		bots += config->parts[i]->bot_count;
	}
	config->models = calloc(models + 1, sizeof(*config->models));
	if (config->models == NULL) {
		return false;
	}
	for (size_t p = 0; p < config->part_count; p++) {
		for (size_t i = 0; i < config->parts[p]->model_count; i++) {
			config->models[config->model_count++] = config->parts[p]->models[i];
		}
	}
	return gather_bots(config, bots);
}

/* ---- questions ---- */

static int compare_name(const void *name, const void *bot)
{
	return strcmp(name, ((const struct qg_bot_config *)bot)->name);
}

const struct qg_bot_config *qg_config_bot(const struct qg_config *config, const char *name)
{
	return config->bot_count == 0 ? NULL
				      : bsearch(name, config->bots, config->bot_count,
						sizeof(*config->bots), compare_name);
}

const struct qg_model_config *qg_config_model(
	const struct qg_config *config, const struct qg_bot_config *bot, const char *name)
{
	const struct qg_model_config *common = NULL;
	for (size_t i = 0; i < config->model_count; i++) {
		const struct qg_model_config *model = &config->models[i];
		if (strcmp(model->name, name) != 0) {
			continue;
		}
		if (model->file == NULL) {
			common = model;
		} else if (strcmp(model->file, bot->file) == 0) {
			return model;
		}
	}
	return common;
}

char *qg_config_restart_keys(const struct qg_config *before, const struct qg_config *after)
{
	const struct {
		const char *name;
		bool differs;
	} keys[] = {
		{"listen", !qg_str_equal(before->listen, after->listen)},
		{"admin_listen", !qg_str_equal(before->admin_listen, after->admin_listen)},
		{"redis", !qg_str_equal(before->redis, after->redis)},
		{"data_dir", !qg_str_equal(before->data_dir, after->data_dir)},
		{"durability", before->durability_always != after->durability_always},
		{"partitions", before->partitions != after->partitions},
		/* other files are taken as they come; a listener does not go back to plain text */
		{"tls", before->tls_cert != NULL && after->tls_cert == NULL},
	};
	struct qg_buf names;
	qg_buf_init(&names, 256);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].differs) {
			qg_buf_printf(&names, "%s%s", names.size > 0 ? ", " : "", keys[i].name);
		}
	}
	char *text = names.size > 0 ? qg_buf_steal(&names) : NULL;
	qg_buf_finish(&names);
	return text;
}
