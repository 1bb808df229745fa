/* registry.c - the model services of this build, from the list in meson.build. */
#include "qg/model.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define X(word) extern const struct qg_model qg_model_##word;
QG_MODEL_LIST(X)
#undef X

const struct qg_model *const qg_models[] = {
#define X(word) &qg_model_##word,
	QG_MODEL_LIST(X)
#undef X
		NULL,
};

static const struct qg_model *find_service(const char *name)
{
	for (size_t i = 0; name != NULL && qg_models[i] != NULL; i++) {
		if (strcmp(qg_models[i]->name, name) == 0) {
			return qg_models[i];
		}
	}
	return NULL;
}

const struct qg_model *qg_model_find(const char *provider)
{
	const struct qg_provider *preset = qg_provider_find(provider);
	return find_service(preset != NULL ? preset->wire : provider);
}

static char names[512];

/* The services that need no preset, then the providers. */
static void make_names(void)
{
	size_t size = 0;
	for (size_t i = 0; qg_models[i] != NULL; i++) {
		if (qg_provider_find(qg_models[i]->name) == NULL) {
			size += (size_t)snprintf(names + size, sizeof(names) - size, "%s%s",
				size > 0 ? ", " : "", qg_models[i]->name);
		}
	}
	for (const struct qg_provider *p = qg_providers; p->name != NULL; p++) {
		size += (size_t)snprintf(names + size, sizeof(names) - size, ", %s", p->name);
	}
	assert(size < sizeof(names));
}

const char *qg_model_names(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_names);
	return names;
}

void qg_models_check(void)
{
	for (size_t i = 0; qg_models[i] != NULL; i++) {
		const struct qg_model *model = qg_models[i];
		assert(model->name != NULL && model->check != NULL && model->ask != NULL &&
			model->cancel != NULL);
		assert(qg_model_find(model->name) == model); /* no name twice */
		(void)model;
	}
}

const char *qg_model_error_text(enum qg_model_error error)
{
	static const char *const texts[] = {
#define X(name, words, other) words,
		QG_MODEL_ERROR_MAP(X)
#undef X
	};
	return (size_t)error < sizeof(texts) / sizeof(texts[0]) ? texts[error] : "unknown";
}

bool qg_model_error_fails_over(enum qg_model_error error)
{
	static const bool others[] = {
#define X(name, words, other) other,
		QG_MODEL_ERROR_MAP(X)
#undef X
	};
	return (size_t)error < sizeof(others) && others[error];
}
