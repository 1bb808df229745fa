/* model.h - the contract of a model service: what a turn asks, and what comes back.
 *
 * A service is one static const struct in a file of agents/models/ and one word in
 * agents/meson.build; an endpoint (struct qg_model_config) is one account of it. A call is one
 * question to one endpoint. The chain walks a bot's endpoints and is the only caller; a turn sees
 * the chain. Services never see a queue, a chat or an adapter. */
#ifndef QG_MODEL_H
#define QG_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/config.h"
#include "qg/loop.h"
#include "qg/status.h"

struct qg_role;
struct qg_model_call;

/* How a call failed. X(name, words for a log, another endpoint may answer) */
#define QG_MODEL_ERROR_MAP(X)                                                                      \
	X(NONE, "ok", false)                                                                       \
	X(AUTH, "the key was refused", true)                                                       \
	X(PERMISSION, "the model is not open to this key", true)                                   \
	X(BALANCE, "the account is empty", true)                                                   \
	X(QUOTA, "a quota of the account is used up", true)                                        \
	X(RATE, "too many requests", true)                                                         \
	X(OVERLOAD, "the service is overloaded", true)                                             \
	X(SERVER, "the service failed", true)                                                      \
	X(TIMEOUT, "no answer in time", true)                                                      \
	X(TRANSPORT, "the connection broke", true)                                                 \
	X(CONTEXT, "the question is too long for the model", true)                                 \
	X(MODEL, "no such model", true)                                                            \
	X(FILTERED, "the service refused the content", false)                                      \
	X(REQUEST, "the service refused the request", false)

enum qg_model_error {
#define X(name, words, other) QG_MODEL_##name,
	QG_MODEL_ERROR_MAP(X)
#undef X
};

/* Never NULL. Any thread. */
const char *qg_model_error_text(enum qg_model_error error);
/* Whether the next endpoint of a chain may be asked instead, as long as nothing was shown. Any
 * thread. */
bool qg_model_error_fails_over(enum qg_model_error error);

/* One question. All borrowed, and unchanged until the call ended or was cancelled. The order of the
 * prompt keeps a provider's prefix cache warm: system is the same for all turns of a bot, history
 * only grows at its end. */
struct qg_ask {
	const char *text; /* the bare question, for services that search instead of talk */
	struct qg_role *role;
	const struct qg_bot_config *bot;
	/* Only for services that want a prompt: */
	const char *system; /* template prompt, rules, knowledge digest */
	const json_t *
		messages; /* array of {"role": "user"|"assistant", "content"}; the last is the question */
	int64_t max_tokens; /* of the answer */
};

/* How a call ended. Borrowed for the callback. */
struct qg_model_result {
	enum qg_model_error error;
	const char *words; /* detail for a log, without secrets and message text; may be NULL */
	const char *model; /* as the service names it; NULL: the endpoint's */
	bool has_usage;	   /* the figures below were reported */
	int64_t input, cached_input, cache_write, output, reasoning; /* input including cached */
	bool cut;	 /* the answer stopped at max_tokens */
	bool generated;	 /* a model made the text: it gets the AI label. false: quoted */
	bool missed;	 /* nothing was found; no chunk came */
	json_t *sources; /* array of {title, section}, or NULL */
};

struct qg_model_host {
	/* More bytes of the answer, whole code points not guaranteed; never from inside ask(). The
	 * call may be cancelled inside: touch nothing after it but what you hold yourself. */
	void (*chunk)(struct qg_model_call *call, const char *data, size_t size);
	/* Exactly once for each ask() that returned QG_OK and was not cancelled; never from inside
	 * ask(). The call is gone after it: free all that hangs on state before. */
	void (*ended)(struct qg_model_call *call, const struct qg_model_result *result);
};

struct qg_model_call {
	const struct qg_model *model;
	const struct qg_model_config
		*endpoint; /* NULL for the `offline` that stands last in every chain */
	const struct qg_ask *ask;
	struct qg_loop *loop;
	const struct qg_model_host *host;
	void *owner; /* the host's */
	void *state; /* model->state_size zeroed bytes, freed by the host after ended() or cancel() */
};

struct qg_model {
	const char *name;  /* `provider` of the config */
	bool talks;	   /* its text is the answer and shown as it comes; false: it quotes */
	bool wants_prompt; /* system and messages are made for it, and the handbook is searched */
	bool is_free;	   /* costs nothing, needs no price */
	size_t state_size;
	/* Mandatory. Checks an endpoint's keys; words (128 bytes) say what is wrong. No I/O. */
	enum qg_status (*check)(const struct qg_model_config *endpoint, char *words);
	/* Mandatory. Begins; returns at once. QG_OK: ended() follows. Else nothing was begun,
	 * nothing follows. */
	enum qg_status (*ask)(struct qg_model_call *call);
	/* Mandatory. Ends a call whose ended() has not come: nothing may be called after it. Frees
	 * what hangs on state. */
	void (*cancel)(struct qg_model_call *call);
};

/* The registry: made from the list in agents/meson.build. */
extern const struct qg_model *const qg_models[]; /* ends with NULL */
/* NULL if this build has none of that name. */
const struct qg_model *qg_model_find(const char *provider);
/* "offline, scripted": for messages. */
const char *qg_model_names(void);
/* Asserts the mandatory members of all. */
void qg_models_check(void);

#endif
