/* registry.c - the model services of this build, from the list in meson.build. */
#include "qg/model.h"

#include <assert.h>
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

const struct qg_model *qg_model_find(const char *provider)
{
	for (size_t i = 0; provider != NULL && qg_models[i] != NULL; i++) {
		if (strcmp(qg_models[i]->name, provider) == 0) {
			return qg_models[i];
		}
	}
	return NULL;
}

const char *qg_model_names(void)
{
	return QG_MODEL_NAMES;
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
