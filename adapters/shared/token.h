/* token.h - access tokens of platform accounts: fetched once for all bots of the process that share an account.
 *
 * A platform says how its token is asked for (a request) and how the answer reads; when to ask, whom to let wait and
 * what to keep is decided here. A token is renewed while it still works, an old one is kept when renewing fails, and
 * one that the platform refused is dropped. All calls on the loop's thread. */
#ifndef QG_ADAPTERS_SHARED_TOKEN_H
#define QG_ADAPTERS_SHARED_TOKEN_H

#include "qg/fetch.h"
#include "qg/list.h"
#include "qg/loop.h"

#define QG_TOKEN_MAX 2048  /* bytes of a token */
#define QG_TOKEN_WORDS 384 /* of what is said where there is none: a sentence in two languages */

struct qg_token;

/* Reads the platform's answer: QG_OK with the token (a copy, its keeper frees it) and how long it lives from now on,
 * in seconds; else why not, and words for a log (QG_TOKEN_WORDS bytes at most, no secrets). */
typedef enum qg_status (*qg_token_read_fn)(
	const struct qg_fetch_end *end, char **token_out, int64_t *seconds_out, char *words);

struct qg_token_account { /* all copied */
	const char *key;  /* names the account and its secret: equal keys share one token */
	const char *method, *url, *body; /* body: NULL without */
	qg_token_read_fn read;
};

/* The token of an account, made or shared; NULL for no memory. http may be NULL: then every ask fails. */
struct qg_token *qg_token_join(
	struct qg_loop *loop, struct qg_http_client *http, const struct qg_token_account *account);
/* Every join has its leave. Who still waits is not told any more. Accepts NULL. */
void qg_token_leave(struct qg_token *token);

/* A token that works now, borrowed until the next turn of the loop; NULL: none, ask for it. Begins to renew one that
 * soon ends. */
const char *qg_token_now(struct qg_token *token);

struct qg_token_ask { /* somebody who waits; embedded by the caller, zeroed before its first use */
	struct qg_list link;
	void (*told)(void *arg, enum qg_status status, const char *words);
	void *arg;
};
/* told(arg, QG_OK, "") once there is a token, or why there is none; exactly once, never from inside. */
void qg_token_wait(struct qg_token *token, struct qg_token_ask *ask);
/* It is not told any more. Does no harm to one that does not wait. */
void qg_token_unwait(struct qg_token_ask *ask);
/* The platform refused this value: it is dropped, unless another one took its place meanwhile. */
void qg_token_refuse(struct qg_token *token, const char *value);

#endif
