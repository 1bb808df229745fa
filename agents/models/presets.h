/* presets.h - what the wire forms have to know of each provider, and of single models. */
#ifndef QG_AGENTS_MODELS_PRESETS_H
#define QG_AGENTS_MODELS_PRESETS_H

#include <stdbool.h>
#include <stdint.h>

#include "qg/model.h"

/* What one kind of model wants in a request. Patterns are words; a star stands for anything. */
struct qg_model_quirk {
	const char *models; /* "deepseek-*" */
	const char *
		members; /* JSON members for the body, without braces: thinking off for chat; NULL */
	const char *max_tokens; /* the name of that member; NULL: "max_tokens" */
	bool always_thinks;	/* cannot be switched off: the first byte may take long */
};

struct qg_quirks {
	const struct qg_model_quirk
		*models;	    /* the first that fits; ends with NULL models; may be NULL */
	const char *stream_options; /* JSON object; NULL: none is sent */
	bool hides_think;	    /* thoughts may stand in the text as <think>...</think> */
	const char *retired;	    /* models it serves no longer: patterns; NULL */
	const char *abroad_hosts;   /* its own hosts outside the mainland, words; NULL */
	unsigned cache_minimum; /* tokens from which a cache mark is worth its price; 0: no marks */
	const char *sees;	/* models that take pictures: patterns; NULL */
	unsigned image_tokens;	/* a picture counts as at most so many; 0: nobody knows */
};

/* Never NULL: of the endpoint's provider, or of one that needs nothing. */
const struct qg_quirks *qg_endpoint_quirks(const struct qg_model_config *endpoint);
/* Never NULL. */
const struct qg_model_quirk *qg_endpoint_model_quirk(const struct qg_model_config *endpoint);
/* Tokens of one picture, upper side: services make large ones smaller, so there is a most. */
int64_t qg_endpoint_image_tokens(const struct qg_model_config *endpoint);
/* Own base_url or the preset's; NULL: none. */
const char *qg_endpoint_base_url(const struct qg_model_config *endpoint);
/* It stands on this machine or in this network. */
bool qg_endpoint_is_local(const struct qg_model_config *endpoint);
/* It can be asked: a key where one is needed, a model, an address. */
bool qg_endpoint_is_configured(const struct qg_model_config *endpoint);
/* Whether one of words (patterns of our own tables) is name. Accepts NULL words. */
bool qg_words_have(const char *words, const char *name);

#endif
