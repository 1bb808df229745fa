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
#include "qg/fetch.h"
#include "qg/loop.h"
#include "qg/price.h"
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
	X(REQUEST, "the service refused the request", false)                                       \
	X(BUDGET, "the budget is used up", false)

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

#define QG_IMAGES_MOST 8
/* A picture of the question, for a model that sees. type and base64 are our own: nothing of them needs an escape. */
struct qg_image {
	const char *type; /* "image/jpeg" */
	const char *base64;
	size_t base64_size;
};

/* One question. All borrowed, and unchanged until the call ended or was cancelled. The order of the
 * prompt keeps a provider's prefix cache warm: system is the same for all turns of a bot, history
 * only grows at its end. */
struct qg_ask {
	const char *text; /* the bare question, for services that search instead of talk */
	struct qg_role *role;
	const struct qg_bot_config *bot;
	/* Only for services that want a prompt: */
	const char *
		system; /* template prompt, rules, knowledge digest, as a JSON string with its quotes */
	/* The elements of a JSON array as text: {"role":"user"|"assistant","content":"..."},{...}; the last
	 * is the question. Text, so that what stood in the prompt before stands there with the same bytes. */
	const char *messages;
	size_t messages_size;
	size_t history_size; /* of messages: what stands before the question, its comma included */
	int64_t tokens;	     /* estimate of system and messages, upper side */
	int64_t history_tokens; /* of tokens: what leaving the history out would save */
	int64_t max_tokens;	/* of the answer */
	const struct qg_image
		*images; /* they belong to the question, which names them; for endpoints that see */
	size_t image_count; /* at most QG_IMAGES_MOST */
};

/* How a call ended. Borrowed for the callback. */
struct qg_model_result {
	enum qg_model_error error;
	const char *words; /* detail for a log, without secrets and message text; may be NULL */
	const char *model; /* as the service names it; NULL: the endpoint's */
	bool has_usage; /* tokens were reported; else they are what the service can tell, 0 for unknown */
	struct qg_tokens tokens;
	bool sent;		/* the service may have seen the request, and may charge for it */
	int64_t retry_after_ms; /* the wait the service stated; -1: none */
	bool cut;		/* the answer stopped at max_tokens */
	bool generated;		/* a model made the text: it gets the AI label. false: quoted */
	bool missed;		/* nothing was found; no chunk came */
	json_t *sources;	/* array of {title, section}, or NULL */
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
	struct qg_http_client *http; /* NULL only where no endpoint needs one (tests) */
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
/* NULL if this build has none of that name: a service, or the wire form of a provider's preset. */
const struct qg_model *qg_model_find(const char *provider);
/* "offline, scripted, deepseek, ...": for messages. */
const char *qg_model_names(void);

/* ---- providers: presets over the wire forms; one table, agents/models/presets.c ---- */

struct qg_quirks; /* what a wire form has to know of it: agents/models/presets.h */

struct qg_provider {
	const char *name;	    /* canonical; the price list has the same */
	const char *const *aliases; /* ends with NULL */
	const char *title;	    /* for people: "DeepSeek" */
	const char *wire;	    /* "openai" or "anthropic": the service that speaks it */
	const char *base_url;	    /* NULL: must be given */
	const char *default_model;  /* NULL: must be given */
	bool abroad;
	bool needs_key;
	bool is_free; /* runs on one's own machine: costs nothing unless the endpoint has a price */
	const struct qg_quirks *quirks;
};
extern const struct qg_provider qg_providers[]; /* ends with a NULL name */
/* By name or alias; NULL if there is none. */
const struct qg_provider *qg_provider_find(const char *name);
/* An endpoint abroad: its own region, else its provider's. */
bool qg_endpoint_is_abroad(const struct qg_model_config *endpoint);
/* It takes pictures: `vision` of the config, else its provider's preset for that model. */
bool qg_endpoint_sees(const struct qg_model_config *endpoint);
/* Who gets to read what it is asked, for people: "DeepSeek", or the host of a base_url of one's own; "" where that is
 * a server of one's own network. Yours to free; NULL where nothing is sent to anybody, or for no memory. */
char *qg_endpoint_vendor(const struct qg_model_config *endpoint);
/* The model it asks for: its own, else its provider's default; may be NULL. */
const char *qg_endpoint_model(const struct qg_model_config *endpoint);
/* Checks one endpoint of a config: adds errors (unknown provider with a did-you-mean, a key that is missing is a
 * warning) at its places below tree, the endpoint's map. */
void qg_endpoint_check(const struct qg_model_config *endpoint, const struct qg_tree *tree,
	struct qg_problems *problems);

/* ---- what calls share in a process ---- */

/* Breakers, parked keys, learned estimates, prices and the HTTP client. One a process; lives longer than its turns.
 * http may be NULL (then only local services answer). NULL for no memory. */
struct qg_endpoints;
struct qg_endpoints *qg_endpoints_create(struct qg_loop *loop, struct qg_http_client *http);
void qg_endpoints_destroy(struct qg_endpoints *endpoints);
/* Asserts the mandatory members of all. */
void qg_models_check(void);

#endif
