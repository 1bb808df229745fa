/* api.c - one call of DingTalk's APIs: its turn, the account's token, the request, what came back.
 *
 * The platform takes 20 calls a second of each API and app, and answers more with 403. So each API of an account has its
 * pace: a call that comes too early waits here, in order, for a moment; after a refusal for rate all calls of that API
 * wait longer. While this machine's address is banned, or the month is used up, nothing leaves. A refused token is
 * replaced and the call made again, once. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pace.h"
#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define ANSWER_MAX ((size_t)256 * 1024)
#define WORDS_SIZE 128
#define INTERVAL_MS 55 /* between two calls of one API, in the long run */
/* So far ahead of it may a burst be: 20 in any second is the platform's limit. */
#define BURST_MS 40
#define BAN_LEAST_MS 200000 /* a wait that long is the address's ban, not a rate */
#define SPENT_MS 600000	    /* after a refusal for quota: one try in so long */
#define TELL_MS 600000	    /* the same refusal is logged once in so long */

/* ---- pace ---- */

struct dingtalk_pace {
	struct qg_pace *turns; /* of each API */
	uint64_t banned_until, spent_until;
	const char *told; /* words of the refusal logged last */
	uint64_t told_at;
};

struct dingtalk_pace *dingtalk_pace_create(void)
{
	struct dingtalk_pace *pace = calloc(1, sizeof(*pace));
	if (pace && (pace->turns = qg_pace_create(INTERVAL_MS, BURST_MS)) == NULL) {
		free(pace);
		return NULL;
	}
	return pace;
}

void dingtalk_pace_destroy(struct dingtalk_pace *pace)
{
	if (pace) {
		qg_pace_destroy(pace->turns);
		free(pace);
	}
}

/* ---- calls ---- */

struct call {
	struct qg_list item; /* of core->calls, in order */
	struct dingtalk_core *core;
	enum dingtalk_api api;
	char *method, *path, *body, *type;
	char *name; /* of the API, for its pace: method and path without a query */
	const struct qg_fetch_piece *pieces; /* instead of body; borrowed */
	size_t piece_count;
	char *token; /* it went out with */
	struct qg_fetch *fetch;
	struct qg_token_ask ask;
	struct qg_timer *timer; /* its turn, or a failure to be told from the loop */
	enum qg_status failure; /* QG_OK: it waits for its turn */
	bool repeated;
	dingtalk_answer_fn fn;
	void *arg;
};

static void destroy(struct call *call)
{
	if (!call) {
		return;
	}
	qg_list_remove(&call->item);
	qg_fetch_cancel(call->fetch);
	qg_token_unwait(&call->ask);
	qg_timer_destroy(call->timer);
	free(call->method);
	free(call->path);
	free(call->name);
	free(call->body);
	free(call->type);
	free(call->token);
	free(call);
}

/* The call is gone before its owner hears of the end: he may start the next one from there. */
static void tell(struct call *call, const struct dingtalk_answer *answer)
{
	dingtalk_answer_fn fn = call->fn;
	void *arg = call->arg;
	destroy(call);
	fn(arg, answer);
}

static void tell_local(
	struct call *call, enum qg_status status, unsigned retry_ms, const char *words)
{
	struct dingtalk_answer answer = {.status = status, .retry_ms = retry_ms, .code = words};
	tell(call, &answer);
}

/* ---- the answer ---- */

static void log_refusal(struct call *call, const struct dingtalk_verdict *verdict, const char *code)
{
	struct dingtalk_pace *pace = call->core->account->pace;
	uint64_t now = qg_clock_mono();
	if (verdict->words[0] == '\0' || verdict->token ||
		(pace->told == verdict->words && now - pace->told_at < TELL_MS)) {
		return;
	}
	pace->told = verdict->words;
	pace->told_at = now;
	qg_log_warn(call->core->bot->name, "dingtalk: %.*s: %s (%s)", (int)strcspn(call->path, "?"),
		call->path, verdict->words, code);
}

/* What an answer means for the calls that come after it. */
static void learn(struct call *call, const struct dingtalk_verdict *verdict)
{
	struct dingtalk_account *account = call->core->account;
	struct dingtalk_pace *pace = account->pace;
	uint64_t now = qg_clock_mono();
	if (verdict->spent) {
		pace->spent_until = now + SPENT_MS;
		dingtalk_account_spent(account, DINGTALK_CALLS);
		return;
	}
	if (verdict->status != QG_BUSY) { /* those refused for rate are not counted */
		dingtalk_account_count(account, DINGTALK_CALLS, 1);
		return;
	}
	if (verdict->retry_ms >= BAN_LEAST_MS) {
		pace->banned_until = now + verdict->retry_ms;
		return;
	}
	qg_pace_hold(pace->turns, call->name, verdict->retry_ms);
}

static void go(struct call *call);

static enum qg_status judge_transfer(const struct qg_fetch_end *end)
{
	if (end->error == QG_FETCH_NONE) {
		return QG_OK;
	}
	if (end->error == QG_FETCH_NO_MEMORY) {
		return QG_NO_MEMORY;
	}
	/* What surely did not reach the platform is no call of unknown outcome. */
	return end->sent ? QG_IO : QG_FAILED;
}

static void fetched(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct call *call = arg;
	char code[DINGTALK_CODE_MAX];
	(void)fetch;
	call->fetch = NULL;
	enum qg_status local = judge_transfer(end);
	if (local != QG_OK) {
		struct dingtalk_answer answer = {.status = local,
			.code = qg_fetch_error_text(end->error),
			.http = end->status,
			.sent = end->sent};
		tell(call, &answer);
		return;
	}
	json_auto_t *body = qg_json_parse(end->body, end->size, NULL);
	struct dingtalk_verdict verdict = dingtalk_verdict(call->api, end->status, body, code);
	if (verdict.token && !call->repeated) {
		call->repeated = true;
		qg_token_refuse(call->core->account->token, call->token);
		go(call);
		return;
	}
	learn(call, &verdict);
	log_refusal(call, &verdict, code);
	struct dingtalk_answer answer = {.status = verdict.status,
		.retry_ms = verdict.retry_ms,
		.code = code,
		.body = body,
		.http = end->status,
		.sent = true};
	tell(call, &answer);
}

/* ---- the request ---- */

/* The older API wants the token in its address. */
static char *address(const struct call *call, const char *token)
{
	const struct dingtalk_account *account = call->core->account;
	if (call->api == DINGTALK_API) {
		return qg_str_printf("%s%s", account->api_base, call->path);
	}
	QG_AUTO(qg_buf_finish) struct qg_buf coded;
	qg_buf_init(&coded, (size_t)3 * QG_TOKEN_MAX);
	if (qg_url_encode(token, strlen(token), &coded) != QG_OK) {
		return NULL;
	}
	return qg_str_printf("%s%s%caccess_token=%s", account->oapi_base, call->path,
		strchr(call->path, '?') ? '&' : '?', coded.data);
}

static enum qg_status request(struct call *call, const char *token)
{
	static const struct qg_fetch_host host = {.ended = fetched};
	free(call->token);
	call->token = qg_str_copy(token);
	QG_AUTO(qg_str_free) char *url = address(call, token);
	QG_AUTO(qg_str_free)
	char *bearer = call->api == DINGTALK_API
			       ? qg_str_printf("x-acs-dingtalk-access-token: %s", token)
			       : qg_str_copy("Accept-Language: zh");
	QG_AUTO(qg_str_free) char *type = qg_str_printf("Content-Type: %s", call->type);
	if (!call->token || !url || !bearer || !type) {
		return QG_NO_MEMORY;
	}
	const char *headers[] = {"Accept: application/json", bearer, type, NULL};
	struct qg_fetch_request asked = {.method = call->method,
		.url = url,
		.headers = headers,
		.body = call->body,
		.body_size = call->body ? strlen(call->body) : 0,
		.pieces = call->pieces,
		.piece_count = call->piece_count,
		.most = ANSWER_MAX,
		.gathers = true,
		.connect_ms = 5000,
		.first_byte_ms = call->pieces ? 60000 : 10000,
		.idle_ms = 10000,
		.total_ms = call->pieces ? 120000 : 20000};
	call->fetch = qg_fetch_start(call->core->account->http, &asked, &host, call);
	return call->fetch ? QG_OK : QG_NO_MEMORY;
}

static void told(void *arg, enum qg_status status, const char *words)
{
	struct call *call = arg;
	const char *token = status == QG_OK ? qg_token_now(call->core->account->token) : NULL;
	if (token) {
		status = request(call, token);
		words = "out of memory";
	} else if (status == QG_OK) {
		status = QG_FAILED; /* its life was over before it was here */
		words = "the token ended at once";
	}
	if (status != QG_OK) {
		char copy[WORDS_SIZE];
		snprintf(copy, sizeof(copy), "%s", words);
		/* Of the token: this call never left. */
		tell_local(call, status == QG_IO ? QG_FAILED : status, 0, copy);
	}
}

/* With the token there is, or the next one. Anything that fails at once is told later, by the token's wait. */
static void go(struct call *call)
{
	struct qg_token *token = call->core->account->token;
	const char *value = call->core->account->http ? qg_token_now(token) : NULL;
	if (!value || request(call, value) != QG_OK) {
		call->ask.told = told;
		call->ask.arg = call;
		qg_token_wait(token, &call->ask);
	}
}

/* ---- its turn ---- */

static void due(void *arg)
{
	struct call *call = arg;
	const struct dingtalk_pace *pace = call->core->account->pace;
	uint64_t now = qg_clock_mono();
	if (call->failure != QG_OK) {
		tell_local(call, call->failure, 0, qg_status_text(call->failure));
	} else if (now < pace->banned_until) {
		tell_local(call, QG_BUSY, (unsigned)(pace->banned_until - now), "address banned");
	} else if (now < pace->spent_until) {
		tell_local(call, QG_DENIED, 0, "this month's calls are used up");
	} else {
		go(call);
	}
}

static void wait_turn(struct call *call)
{
	struct dingtalk_pace *pace = call->core->account->pace;
	uint64_t now = qg_clock_mono();
	bool is_refused =
		call->failure != QG_OK || now < pace->banned_until || now < pace->spent_until;
	uint64_t wait = 0;
	if (!is_refused) {
		(void)qg_pace_take(pace->turns, call->name, UINT64_MAX, &wait);
	}
	if (is_refused || wait > 0) {
		qg_timer_start(call->timer, wait);
	} else {
		go(call);
	}
}

static struct call *create(struct dingtalk_core *core, enum dingtalk_api api, const char *method,
	const char *path, const char *type)
{
	struct call *call = calloc(1, sizeof(*call));
	if (!call) {
		return NULL;
	}
	qg_list_init(&call->item);
	call->core = core;
	call->api = api;
	call->method = qg_str_copy(method);
	call->path = qg_str_copy(path);
	call->name = qg_str_printf("%s %.*s", method, (int)strcspn(path, "?"), path);
	call->type = qg_str_copy(type);
	call->timer = qg_timer_create(core->bot->loop, due, call);
	if (!call->method || !call->path || !call->name || !call->type || !call->timer) {
		destroy(call);
		return NULL;
	}
	qg_list_add(&core->calls, &call->item);
	return call;
}

void dingtalk_call(struct dingtalk_core *core, enum dingtalk_api api, const char *method,
	const char *path, json_t *body, dingtalk_answer_fn fn, void *arg)
{
	struct call *call = create(core, api, method, path, "application/json; charset=utf-8");
	if (!call) {
		json_decref(body);
		dingtalk_core_starved(core, fn, arg);
		return;
	}
	call->fn = fn;
	call->arg = arg;
	call->body = body ? qg_json_dump(body) : NULL;
	call->failure = body && !call->body ? QG_NO_MEMORY : QG_OK;
	json_decref(body);
	wait_turn(call);
}

void dingtalk_call_bytes(struct dingtalk_core *core, enum dingtalk_api api, const char *path,
	const char *type, const struct qg_fetch_piece *pieces, size_t count, dingtalk_answer_fn fn,
	void *arg)
{
	struct call *call = create(core, api, "POST", path, type);
	if (!call) {
		dingtalk_core_starved(core, fn, arg);
		return;
	}
	call->fn = fn;
	call->arg = arg;
	call->pieces = pieces;
	call->piece_count = count;
	wait_turn(call);
}

void dingtalk_forget(struct dingtalk_core *core, void *arg)
{
	QG_LIST_FOR_EACH (item, &core->calls) {
		struct call *call = QG_CONTAINER(item, struct call, item);
		if (call->arg == arg) {
			destroy(call);
		}
	}
	dingtalk_core_forget(core, arg);
}

void dingtalk_calls_finish(struct dingtalk_core *core)
{
	while (!qg_list_is_empty(&core->calls)) {
		destroy(QG_CONTAINER(core->calls.next, struct call, item));
	}
}
