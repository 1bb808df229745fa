/* config_names.c - the endpoints a bot names, seen from its file: that file's and those of
 * qungong.yaml.
 *
 * Another customer's endpoints do not exist here: they are neither found nor suggested. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SUGGESTED 128

struct found {
	struct qg_config_source *source; /* NULL: no such endpoint */
	size_t index;
};

static struct found find(
	struct qg_config_loader *loader, struct qg_config_source *source, const char *name)
{
	struct qg_config_source *places[] = {source, loader->sources};
	for (size_t i = 0; i < 2; i++) {
		const struct qg_config_part *part = places[i]->part;
		size_t index = part != NULL ? qg_config_model_index(part, name) : 0;
		if (part != NULL && index < part->model_count) {
			return (struct found){places[i], index};
		}
	}
	return (struct found){NULL, 0};
}

static void refuse(struct qg_config_loader *loader, const struct qg_config_source *source,
	const struct qg_tree *value)
{
	const char *names[MAX_SUGGESTED] = {"offline"};
	size_t count = 1;
	const struct qg_config_source *places[] = {source, loader->sources};
	for (size_t p = 0; p < (source == loader->sources ? 1u : 2u); p++) {
		const struct qg_config_part *part = places[p]->part;
		for (size_t i = 0; part != NULL && i < part->model_count && count < MAX_SUGGESTED;
			i++) {
			names[count++] = part->models[i].name;
		}
	}
	const char *nearest = qg_str_nearest(value->text, names, count);
	char text[QG_OPTION_SHOWN];
	qg_problem_error(loader->problems, value, "no endpoint '%s' stands under models:%s%s%s",
		qg_option_shown(value, false, text), nearest != NULL ? "; did you mean '" : "",
		nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

/* True where the name stays in the list. */
static bool resolve(struct qg_config_loader *loader, struct qg_config_source *source,
	const struct qg_tree *value, bool last)
{
	if (strcmp(value->text, "offline") == 0) {
		if (!last) {
			qg_problem_error(loader->problems, value,
				"'offline' always stands last, for it always answers");
		}
		return false;
	}
	struct found found = find(loader, source, value->text);
	if (found.source == NULL) {
		if (loader->sources->part !=
			NULL) { /* else it may be one of a file that could not be read */
			refuse(loader, source, value);
		}
		return true;
	}
	struct qg_config_endpoint *endpoint = &found.source->endpoints[found.index];
	const struct qg_model_config *model = &found.source->part->models[found.index];
	endpoint->named = true;
	if (!endpoint->built) {
		qg_problem_error(loader->problems, value,
			"endpoint '%s': provider '%s' is not built into this version", model->name,
			model->provider);
	}
	return true;
}

void qg_config_resolve_models(struct qg_config_loader *loader, struct qg_config_source *source,
	struct qg_bot_config *bot, const struct qg_tree *const *own)
{
	const struct qg_tree *models = qg_option_find(own, "models");
	if (models == NULL || bot->models.count == 0) {
		return;
	}
	struct qg_strings kept = {NULL};
	bool list = models->kind == QG_TREE_LIST;
	size_t count = list ? models->count : 1;
	for (size_t i = 0; i < count; i++) {
		const struct qg_tree *value = list ? models->items[i] : models;
		if (value->kind != QG_TREE_SCALAR || value->text[0] == '\0') {
			continue; /* said already */
		}
		if (qg_strings_has(&kept, value->text)) {
			char text[QG_OPTION_SHOWN];
			qg_problem_error(loader->problems, value, "endpoint '%s' is named twice",
				qg_option_shown(value, false, text));
		} else if (resolve(loader, source, value, i + 1 == count) &&
			   qg_strings_add(&kept, value->text) != QG_OK) {
			qg_problem_error(loader->problems, value, "out of memory");
		}
	}
	qg_strings_finish(&bot->models);
	bot->models = kept;
}
