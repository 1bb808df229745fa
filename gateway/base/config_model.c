/* config_model.c - models: the named endpoints of a file.
 *
 * An endpoint whose provider this version does not have is an error only where a bot names it:
 * the shipped example lists some, and has to run on a machine without any key. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_settings.h"

#define MAX_NAME 64
#define MAX_ENDPOINTS 1000

static const char *const built[] = {"offline", "scripted"};
/* Names and aliases of services that exist; the price list shares them. */
static const char *const known[] = {"offline", "scripted", "deepseek", "dashscope", "qwen",
	"qianfan", "ernie", "ark", "doubao", "moonshot", "kimi", "zhipu", "glm", "hunyuan",
	"minimax", "stepfun", "siliconflow", "yi", "openai", "anthropic", "vllm", "ollama",
	"llamacpp"};

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

static bool is_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static bool check_provider(const struct qg_model_config *model, const struct qg_tree *value,
	struct qg_problems *problems)
{
	if (model->provider == NULL) {
		return true; /* said already */
	}
	size_t count = sizeof(known) / sizeof(known[0]);
	if (!is_among(known, count, model->provider)) {
		const char *nearest = qg_str_nearest(model->provider, known, count);
		char text[QG_OPTION_SHOWN];
		qg_problem_error(problems, value,
			"unknown provider '%s'%s%s%s; this version has offline and scripted",
			qg_option_shown(value, false, text),
			nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
			nearest != NULL ? "'?" : "");
		return true;
	}
	return is_among(built, sizeof(built) / sizeof(built[0]), model->provider);
}

static void check_script(const struct qg_model_config *model, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct qg_tree *value = qg_tree_get(tree, "script");
	bool scripted = qg_str_equal(model->provider, "scripted");
	if (scripted && qg_tree_is_empty(value)) {
		qg_problem_error(
			problems, tree, "provider scripted needs 'script', a file of answers");
	} else if (!scripted && model->script != NULL) {
		qg_problem_error_key(problems, value, "'script' belongs to provider scripted only");
	} else if (scripted && model->script != NULL && access(model->script, R_OK) != 0) {
		qg_problem_error(problems, value, "the script '%s' cannot be read", value->text);
	}
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

/* What has no effect is said of endpoints in use only: of the others everything is without
 * effect. */
static void check_names(const struct qg_tree *tree, bool is_built, struct qg_problems *problems)
{
	const struct qg_option_names names = {
		.tables = {qg_config_model_table}, .quiet = !is_built};
	qg_option_check_names(&names, tree, problems);
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
	qg_option_fill_values(qg_config_model_table, layers, loader->config->dir, model, problems);
	endpoint->tree = tree;
	endpoint->built = check_provider(model, qg_tree_get(tree, "provider"), problems);
	check_names(tree, endpoint->built, problems);
	check_script(model, tree, problems);
	qg_option_check(qg_config_price_table, qg_tree_get(tree, "price"), NULL,
		loader->config->dir, problems);
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

void qg_config_warn_models(struct qg_config_loader *loader, struct qg_config_source *source)
{
	for (size_t i = 0; source->part != NULL && i < source->part->model_count; i++) {
		const struct qg_config_endpoint *endpoint = &source->endpoints[i];
		if (!endpoint->built && !endpoint->named) {
			qg_problem_warn(loader->problems, qg_tree_get(endpoint->tree, "provider"),
				"provider '%s' is not built into this version; no bot can use this "
				"endpoint yet",
				source->part->models[i].provider);
		}
	}
}
