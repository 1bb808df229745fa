/* config_model.c - models: the named endpoints of a file.
 *
 * What a provider needs is the world's to know. An endpoint whose provider this version does not
 * have is an error only where a bot names it. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAME 64
#define MAX_ENDPOINTS 1000

void qg_config_model_finish(struct qg_model_config *model)
{
	qg_option_finish(qg_config_model_table, model);
	free(model->name);
	free(model->file);
	memset(model, 0, sizeof(*model));
}

size_t qg_config_model_index(const struct qg_config_part *part, const char *name)
{
	size_t i = 0;
	while (i < part->model_count && strcmp(part->models[i].name, name) != 0) {
		i++;
	}
	return i;
}

bool qg_config_has_provider(const struct qg_config_world *world, const char *provider)
{
	return world->has_provider == NULL || world->has_provider(provider);
}

static int rank_of(const char *tier)
{
	return tier == NULL || strcmp(tier, "standard") == 0 ? 2
	       : strcmp(tier, "strong") == 0		     ? 3
							     : 1;
}

static bool is_good_name(const struct qg_tree *tree, struct qg_problems *problems)
{
	size_t size = strlen(tree->key);
	if (size > MAX_NAME || !qg_utf8_is_valid(tree->key, size)) {
		qg_problem_error_key(
			problems, tree, "an endpoint's name has at most %d bytes", MAX_NAME);
		return false;
	}
	if (strcmp(tree->key, "offline") == 0) {
		qg_problem_error_key(problems, tree,
			"'offline' is always there; give this endpoint another name");
		return false;
	}
	if (tree->kind != QG_TREE_MAP) {
		qg_problem_error(problems, tree, "expected {provider: ..., model: ...}, found %s",
			qg_option_kind(tree));
		return false;
	}
	return true;
}

/* Of an endpoint that cannot be used everything is without effect: that is said in one line. */
static void check_names(const struct qg_tree *tree, bool is_built, struct qg_problems *problems)
{
	const struct qg_option_names names = {
		.tables = {qg_config_model_table}, .quiet = !is_built};
	qg_option_check_names(&names, tree, problems);
}

/* The world knows services and their keys. Only of what is whole: it may rely on all it reads. */
static void check_endpoint(struct qg_config_loader *loader, struct qg_config_endpoint *endpoint,
	const struct qg_model_config *model)
{
	const struct qg_config_world *world = loader->world;
	struct qg_problems *problems = loader->problems;
	unsigned before = problems->errors;
	if (model->provider != NULL && world->check_model != NULL) {
		world->check_model(model, endpoint->tree, problems);
	}
	endpoint->built = model->provider == NULL || problems->errors > before ||
			  qg_config_has_provider(world, model->provider);
	check_names(endpoint->tree, endpoint->built, problems);
}

static void read_model(struct qg_config_loader *loader, struct qg_config_source *source,
	const struct qg_tree *tree)
{
	struct qg_problems *problems = loader->problems;
	if (!is_good_name(tree, problems)) {
		return;
	}
	struct qg_config_part *part = source->part;
	struct qg_model_config *model = &part->models[part->model_count];
	struct qg_config_endpoint *endpoint = &source->endpoints[part->model_count];
	const struct qg_tree *layers[] = {tree, NULL};
	bool is_main = source == loader->sources;
	model->name = qg_str_copy(tree->key);
	model->file = is_main ? NULL : qg_str_copy(source->file);
	if (model->name == NULL || (!is_main && model->file == NULL)) {
		qg_problem_error(problems, tree, "out of memory");
		qg_config_model_finish(model);
		return;
	}
	part->model_count++; /* from here on it has a name to be found by */
	qg_option_fill_values(qg_config_model_table, layers, source->dir, model, problems);
	endpoint->tree = tree;
	model->rank = rank_of(model->tier);
	model->blind = qg_tree_get(tree, "vision") != NULL && !model->vision;
	model->has_price =
		qg_config_read_price(qg_tree_get(tree, "price"), &model->own_price, problems);
	check_endpoint(loader, endpoint, model);
}

void qg_config_read_models(struct qg_config_loader *loader, struct qg_config_source *source)
{
	const struct qg_tree *models =
		source->part != NULL ? qg_tree_get(source->tree, "models") : NULL;
	if (qg_tree_is_empty(models)) {
		return;
	}
	if (models->kind != QG_TREE_MAP) {
		qg_problem_error(loader->problems, models,
			"expected names with endpoints, found %s", qg_option_kind(models));
		return;
	}
	if (models->count > MAX_ENDPOINTS) {
		qg_problem_error(loader->problems, models, "more than %d endpoints", MAX_ENDPOINTS);
		return;
	}
	source->part->models = calloc(models->count + 1, sizeof(*source->part->models));
	source->endpoints = calloc(models->count + 1, sizeof(*source->endpoints));
	if (source->part->models == NULL || source->endpoints == NULL) {
		qg_problem_error(loader->problems, models, "out of memory");
		return;
	}
	for (size_t i = 0; i < models->count; i++) {
		read_model(loader, source, models->items[i]);
	}
}

/* What bots name is only known where every file could be read. */
static bool knows_all_names(const struct qg_config_loader *loader)
{
	size_t bots = 0;
	for (size_t i = 0; i < loader->source_count; i++) {
		const struct qg_config_source *source = &loader->sources[i];
		if (source->failed) {
			return false;
		}
		bots += source->part != NULL ? source->part->bot_count : 0;
	}
	return bots > 0;
}

void qg_config_warn_models(struct qg_config_loader *loader, struct qg_config_source *source)
{
	bool unnamed = knows_all_names(loader);
	for (size_t i = 0; source->part != NULL && i < source->part->model_count; i++) {
		const struct qg_config_endpoint *endpoint = &source->endpoints[i];
		if (!endpoint->built && !endpoint->named) {
			qg_problem_warn(loader->problems, qg_tree_get(endpoint->tree, "provider"),
				"provider '%s' is not built into this version; no bot can use this "
				"endpoint yet",
				source->part->models[i].provider);
		} else if (unnamed && !endpoint->named) {
			const char *name = source->part->models[i].name;
			qg_problem_warn(loader->problems, endpoint->tree,
				"no bot names endpoint '%s', so it is never asked; write "
				"`models: [%s]` at a bot",
				name, name);
		}
	}
}
