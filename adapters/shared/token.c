/* token.c - access tokens of platform accounts: one fetch at a time an account, whoever asks.
 *
 * There is no timer that renews: a token is looked at when somebody uses it, so an account without traffic costs
 * nothing. Within the last minutes of its life each use may begin a renewal beside it; answers go on with the old
 * one. After a failure the next fetch waits for a backoff, and who asks before that hears of the last failure: a
 * storm of replies must not become a storm of logins. */
#include "token.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enquiry.h"
#include "qg/backoff.h"
#include "qg/clock.h"
#include "qg/str.h"

#define RENEW_MS ((uint64_t)10 * 60 * 1000) /* a token with less to live is renewed ... */
#define RENEW_SHARE 4			    /* ... but a short-lived one in its last quarter */
#define LIFE_MAX_S ((int64_t)24 * 60 * 60)
#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 30000
#define WORDS_SIZE QG_TOKEN_WORDS

struct qg_token {
	struct qg_list link;
	unsigned references;
	struct qg_loop *loop;
	struct qg_http_client *http;
	char *key, *method, *url, *body;
	qg_token_read_fn read;
	char *value;		    /* NULL: none */
	uint64_t renew_at, ends_at; /* monotonic ms */
	struct qg_fetch *fetch;	    /* under way */
	struct qg_backoff backoff;
	uint64_t quiet_until;	/* after a failure: no fetch before */
	enum qg_status failure; /* the last one */
	char words[WORDS_SIZE]; /* and what was said about it */
	struct qg_list asks;
	struct qg_timer *timer; /* tells those who wait, from the loop */
};

static struct qg_list all = {&all, &all};

static void destroy(struct qg_token *token)
{
	if (!token) {
		return;
	}
	qg_list_remove(&token->link);
	qg_fetch_cancel(token->fetch);
	QG_LIST_FOR_EACH (item, &token->asks) {
		qg_list_remove(item);
	}
	qg_timer_destroy(token->timer);
	free(token->key);
	free(token->method);
	free(token->url);
	free(token->body);
	free(token->value);
	free(token);
}

static bool is_alive(const struct qg_token *token)
{
	return token->value && qg_clock_mono() < token->ends_at;
}

/* Calls may leave the token, start sends or wait again: one is taken at a time, and the token held. */
static void tell(void *arg)
{
	struct qg_token *token = arg;
	if (token->fetch && !is_alive(token)) {
		return; /* its end tells */
	}
	token->references++;
	struct qg_list due;
	qg_list_init(&due);
	QG_LIST_FOR_EACH (item, &token->asks) { /* those who ask meanwhile wait for the next turn */
		qg_list_remove(item);
		qg_list_add(&due, item);
	}
	while (!qg_list_is_empty(&due)) {
		struct qg_token_ask *ask = QG_CONTAINER(due.next, struct qg_token_ask, link);
		qg_list_remove(&ask->link);
		bool alive = is_alive(token);
		ask->told(ask->arg, alive ? QG_OK : token->failure, alive ? "" : token->words);
	}
	qg_token_leave(token);
}

static void fail(struct qg_token *token, enum qg_status status, const char *words)
{
	token->failure = status;
	snprintf(token->words, sizeof(token->words), "%s", words);
	token->quiet_until = qg_clock_mono() + qg_backoff_next(&token->backoff);
	qg_timer_start(token->timer, 0);
}

/* Goes into a header line. */
static bool is_sound(const char *value)
{
	size_t size = strlen(value);
	for (size_t i = 0; i < size; i++) {
		if (value[i] <= ' ' || value[i] > '~') {
			return false;
		}
	}
	return size > 0 && size <= QG_TOKEN_MAX;
}

/* Takes value. */
static void keep(struct qg_token *token, char *value, int64_t seconds)
{
	uint64_t now = qg_clock_mono();
	uint64_t life = (uint64_t)(seconds < LIFE_MAX_S ? seconds : LIFE_MAX_S) * 1000;
	uint64_t early = life / RENEW_SHARE < RENEW_MS ? life / RENEW_SHARE : RENEW_MS;
	free(token->value);
	token->value = value;
	token->ends_at = now + life;
	token->renew_at = token->ends_at - early;
	token->quiet_until = 0;
	qg_backoff_reset(&token->backoff);
	qg_timer_start(token->timer, 0);
}

static void ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct qg_token *token = arg;
	token->fetch = NULL;
	if (end->error != QG_FETCH_NONE) {
		fail(token, QG_IO, qg_fetch_error_text(end->error));
		return;
	}
	char *value = NULL;
	int64_t seconds = 0;
	char words[WORDS_SIZE] = "";
	enum qg_status status = token->read(end, &value, &seconds, words);
	if (status == QG_OK && seconds > 0 && is_sound(value)) {
		keep(token, value, seconds);
		return;
	}
	free(value);
	fail(token, status == QG_OK ? QG_IO : status,
		status == QG_OK ? "the token's answer makes no sense" : words);
}

static void begin(struct qg_token *token)
{
	static const struct qg_fetch_host host = {.ended = ended};
	static const char *const headers[] = {
		"Content-Type: application/json; charset=utf-8", NULL};
	if (token->fetch || qg_clock_mono() < token->quiet_until) {
		return;
	}
	if (!token->http) {
		fail(token, QG_IO, "no HTTP client");
		return;
	}
	struct qg_enquiry enquiry = {token->method, token->url, headers, token->body};
	token->fetch = qg_enquire(token->http, &enquiry, &host, token);
	if (!token->fetch) {
		fail(token, QG_NO_MEMORY, "out of memory");
	}
}

static struct qg_token *find(const struct qg_loop *loop, const char *key)
{
	QG_LIST_FOR_EACH (item, &all) {
		struct qg_token *token = QG_CONTAINER(item, struct qg_token, link);
		if (token->loop == loop && strcmp(token->key, key) == 0) {
			return token;
		}
	}
	return NULL;
}

struct qg_token *qg_token_join(
	struct qg_loop *loop, struct qg_http_client *http, const struct qg_token_account *account)
{
	struct qg_token *token = find(loop, account->key);
	if (token) {
		token->references++;
		return token;
	}
	token = calloc(1, sizeof(*token));
	if (!token) {
		return NULL;
	}
	*token = (struct qg_token){.references = 1,
		.loop = loop,
		.http = http,
		.key = qg_str_copy(account->key),
		.method = qg_str_copy(account->method),
		.url = qg_str_copy(account->url),
		.body = qg_str_copy(account->body),
		.read = account->read};
	qg_list_init(&token->link);
	qg_list_init(&token->asks);
	qg_backoff_init(&token->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	token->timer = qg_timer_create(loop, tell, token);
	if (!token->key || !token->method || !token->url || (account->body && !token->body) ||
		!token->timer) {
		destroy(token);
		return NULL;
	}
	qg_list_add(&all, &token->link);
	return token;
}

void qg_token_leave(struct qg_token *token)
{
	if (token && --token->references == 0) {
		destroy(token);
	}
}

const char *qg_token_now(struct qg_token *token)
{
	if (!is_alive(token)) {
		return NULL;
	}
	if (qg_clock_mono() >= token->renew_at) {
		begin(token);
	}
	return token->value;
}

void qg_token_wait(struct qg_token *token, struct qg_token_ask *ask)
{
	assert(!ask->link.next || qg_list_is_empty(&ask->link));
	qg_list_init(&ask->link);
	qg_list_add(&token->asks, &ask->link);
	if (!is_alive(token)) {
		begin(token);
	}
	if (is_alive(token) || !token->fetch) { /* no fetch: too soon after a failure */
		qg_timer_start(token->timer, 0);
	}
}

void qg_token_unwait(struct qg_token_ask *ask)
{
	if (ask->link.next) {
		qg_list_remove(&ask->link);
	}
}

void qg_token_refuse(struct qg_token *token, const char *value)
{
	if (token->value && value && strcmp(token->value, value) == 0) {
		free(token->value);
		token->value = NULL;
	}
}
