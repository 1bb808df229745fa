/* api.c - one call of Feishu's API: its turn, the account's token, the request, what came back.
 *
 * The platform takes 50 calls a second of each API and app. A call that comes too early waits here for a moment, one that
 * would wait longer comes back as busy, and after a refusal for rate all calls of that API wait as long as the answer said.
 *
 * A token may be refused although its time is not over, with HTTP 400 or 200; it is then replaced and the call made
 * again, once. The same code may also say that an API takes no such token, hence no more than once. */
#include "feishu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disposition.h"
#include "qg/str.h"

#define ANSWER_MAX ((size_t)256 * 1024)
#define MSG_MAX 300
#define WORDS_SIZE QG_TOKEN_WORDS
#define TOKEN_CODES 64	  /* bytes of " (token: code ..., HTTP ...)" */
#define WAIT_MOST_MS 5000 /* for a turn */
#define HOLD_MOST_S 3600  /* of an API that was refused for its rate */
#define HEADERS_MOST 3

struct feishu_call {
	struct feishu_account *account;
	char *api;		/* names it for its pace: method, and the path without ids */
	struct qg_timer *timer; /* its turn; NULL: it need not wait */
	unsigned wait_s;	/* too long: told as busy. 0: not so */
	char *method, *url, *body, *type;
	const struct qg_fetch_piece *pieces; /* instead of body; borrowed */
	size_t piece_count, most;
	char *bearer; /* the token it went out with */
	struct qg_fetch *fetch;
	struct qg_token_ask ask;
	bool repeated;
	feishu_called_fn ended;
	void *arg;
};

static void destroy(struct feishu_call *call)
{
	if (!call) {
		return;
	}
	qg_fetch_cancel(call->fetch);
	qg_token_unwait(&call->ask);
	qg_timer_destroy(call->timer);
	free(call->api);
	free(call->method);
	free(call->url);
	free(call->body);
	free(call->type);
	free(call->bearer);
	free(call);
}

void feishu_call_cancel(struct feishu_call *call)
{
	destroy(call);
}

/* The call is gone before its owner hears of the end: he may start the next one from there. */
static void tell(struct feishu_call *call, const struct feishu_answer *answer)
{
	feishu_called_fn ended = call->ended;
	void *arg = call->arg;
	destroy(call);
	ended(arg, answer);
}

static void tell_local(struct feishu_call *call, enum qg_status status, const char *words)
{
	struct feishu_answer answer = {.local = status,
		.msg = "",
		.log_id = "",
		.words = words,
		.hint = "",
		.reset_s = call->wait_s,
		.body = ""};
	tell(call, &answer);
}

/* ---- the answer ---- */

/* Digits of a header, 0 for anything else. */
static unsigned seconds_of(const char *text)
{
	int64_t seconds = 0;
	return text && qg_str_to_int64(text, 0, 24 * 60 * 60, &seconds) ? (unsigned)seconds : 0;
}

static char *one_line(const struct qg_piece *piece)
{
	char *text = piece->kind == QG_PIECE_STRING ? qg_piece_copy(piece) : NULL;
	if (text) {
		text[qg_utf8_cut(text, strlen(text), MSG_MAX)] = '\0';
		qg_utf8_flatten(text);
	}
	return text;
}

static char *safe_copy(const char *text)
{
	char *copy = qg_str_copy(text ? text : "");
	if (copy) {
		copy[qg_utf8_cut(copy, strlen(copy), MSG_MAX)] = '\0';
		qg_utf8_flatten(copy);
	}
	return copy;
}

static void go(struct feishu_call *call);

/* What surely did not reach the platform is no call of unknown outcome. */
static enum qg_status never_left(const struct qg_fetch_end *end)
{
	if (end->error == QG_FETCH_NONE || end->sent) {
		return QG_OK;
	}
	return end->error == QG_FETCH_NO_MEMORY ? QG_NO_MEMORY : QG_FAILED;
}

/* What an answer means for the calls that come after it. Those refused for their rate are not counted. */
static void learn(struct feishu_call *call, const struct feishu_answer *answer)
{
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	if (answer->has_code && feishu_error_is_rate(answer->code)) {
		unsigned most = HOLD_MOST_S * 1000;
		qg_pace_hold(call->account->pace, call->api,
			outcome.retry_ms < most ? outcome.retry_ms : most);
	} else if (answer->local == QG_OK) {
		feishu_account_count(
			call->account, answer->has_code && feishu_error_is_spent(answer->code));
	}
}

enum { CODE, MSG, LOG_ID, FIELDS };

static void fetched(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	static const char *const paths[FIELDS] = {"code", "msg", "error.log_id"};
	struct feishu_call *call = arg;
	call->fetch = NULL;
	QG_AUTO(qg_str_free)
	char *file_name = qg_disposition_name(qg_fetch_header(fetch, "Content-Disposition"));
	struct qg_piece found[FIELDS] = {{0}};
	/* A file may be JSON, too: what somebody wrote into it is not the platform's word. */
	bool is_file = end->status == 200 && file_name;
	if (is_file || end->size > ANSWER_MAX ||
		qg_scan(end->body, end->size, paths, FIELDS, found) != QG_OK) {
		memset(found, 0, sizeof(found));
	}
	struct feishu_answer answer = {.local = never_left(end),
		.error = end->error,
		.http = end->status,
		.has_code = found[CODE].kind == QG_PIECE_NUMBER,
		.code = qg_piece_int(&found[CODE], -1),
		.words = end->error == QG_FETCH_NONE ? "" : qg_fetch_error_text(end->error),
		.reset_s = seconds_of(qg_fetch_header(fetch, "x-ogw-ratelimit-reset")),
		.file_name = file_name,
		.body = end->body,
		.size = end->size};
	if (answer.has_code && feishu_error_is_token(answer.code) && !call->repeated) {
		call->repeated = true;
		qg_token_refuse(call->account->token, call->bearer);
		go(call);
		return;
	}
	const char *header = qg_fetch_header(fetch, "X-Tt-Logid");
	QG_AUTO(qg_str_free) char *msg = one_line(&found[MSG]);
	QG_AUTO(qg_str_free) char *log_id = header ? safe_copy(header) : one_line(&found[LOG_ID]);
	QG_AUTO(qg_str_free)
	char *hint = feishu_error_hint(call->account, answer.code, &found[MSG]);
	/* It stands in logs: who repeats our token to us is not repeated. */
	answer.msg = msg && !(call->bearer && strstr(msg, call->bearer)) ? msg : "";
	answer.log_id = log_id ? log_id : "";
	answer.hint = hint ? hint : "";
	learn(call, &answer);
	tell(call, &answer);
}

/* ---- the request ---- */

static enum qg_status request(struct feishu_call *call, const char *token)
{
	static const struct qg_fetch_host host = {.ended = fetched};
	free(call->bearer);
	call->bearer = qg_str_copy(token);
	QG_AUTO(qg_str_free) char *bearer = qg_str_printf("Authorization: Bearer %s", token);
	if (!call->bearer || !bearer) {
		return QG_NO_MEMORY;
	}
	QG_AUTO(qg_str_free)
	char *type = call->type	  ? qg_str_printf("Content-Type: %s", call->type)
		     : call->body ? qg_str_copy("Content-Type: application/json; charset=utf-8")
				  : NULL;
	if ((call->type || call->body) && !type) {
		return QG_NO_MEMORY;
	}
	bool is_large = call->pieces || call->most > ANSWER_MAX;
	const char *headers[HEADERS_MOST] = {bearer, type};
	struct qg_fetch_request asked = {.method = call->method,
		.url = call->url,
		.headers = headers,
		.body = call->body,
		.body_size = call->body ? strlen(call->body) : 0,
		.pieces = call->pieces,
		.piece_count = call->piece_count,
		.most = call->most,
		.gathers = true,
		.connect_ms = 5000,
		.first_byte_ms = is_large ? 60000 : 15000,
		.idle_ms = 10000,
		.total_ms = is_large ? 120000 : 30000};
	call->fetch = qg_fetch_start(call->account->http, &asked, &host, call);
	return call->fetch ? QG_OK : QG_NO_MEMORY;
}

static void told(void *arg, enum qg_status status, const char *words)
{
	struct feishu_call *call = arg;
	const char *token = status == QG_OK ? qg_token_now(call->account->token) : NULL;
	if (token) {
		status = request(call, token);
		words = "out of memory";
	} else if (status == QG_OK) {
		status = QG_FAILED; /* its life was over before it was here */
	}
	if (status != QG_OK) {
		status = status == QG_IO ? QG_FAILED
					 : status; /* of the token: this call never left */
		char copy[WORDS_SIZE];
		snprintf(copy, sizeof(copy), "%s", words);
		tell_local(call, status, copy);
	}
}

/* With the token there is, or the next one. Anything that fails at once is told later, by the token's wait. */
static void go(struct feishu_call *call)
{
	const char *token = qg_token_now(call->account->token);
	if (!token || request(call, token) != QG_OK) {
		call->ask.told = told;
		call->ask.arg = call;
		qg_token_wait(call->account->token, &call->ask);
	}
}

/* ---- its turn ---- */

static void due(void *arg)
{
	struct feishu_call *call = arg;
	if (call->wait_s > 0) {
		tell_local(call, QG_BUSY, "too many calls of this kind");
	} else {
		go(call);
	}
}

/* false: no memory. */
static bool wait_turn(struct feishu_call *call)
{
	uint64_t wait = 0;
	bool has_turn = qg_pace_take(call->account->pace, call->api, WAIT_MOST_MS, &wait);
	if (has_turn && wait == 0) {
		go(call);
		return true;
	}
	call->timer = qg_timer_create(call->account->loop, due, call);
	if (!call->timer) {
		return false;
	}
	call->wait_s = has_turn ? 0 : (unsigned)((wait + 999) / 1000);
	qg_timer_start(call->timer, has_turn ? wait : 0);
	return true;
}

/* "PUT /open-apis/cardkit/v1/cards/elements/content": what follows a plural is an id. */
static char *api_of(const char *method, const char *path)
{
	QG_AUTO(qg_buf_finish) struct qg_buf name;
	qg_buf_init(&name, 1024);
	qg_buf_add_str(&name, method);
	bool is_id = false;
	while (*path == '/') {
		size_t size = 1 + strcspn(path + 1, "/?");
		bool is_root = size == strlen("/open-apis") && !strncmp(path, "/open-apis", size);
		if (!is_id) {
			qg_buf_add(&name, path, size);
		}
		is_id = !is_id && !is_root && path[size - 1] == 's';
		path += size;
	}
	return name.failed == QG_OK ? qg_buf_steal(&name) : NULL;
}

static struct feishu_call *create(
	struct feishu_account *account, const struct feishu_request *asked)
{
	struct feishu_call *call = calloc(1, sizeof(*call));
	if (!call) {
		return NULL;
	}
	call->account = account;
	call->method = qg_str_copy(asked->method);
	call->url = qg_str_printf("%s%s", account->base, asked->path);
	call->api = api_of(asked->method, asked->path);
	call->body = qg_str_copy(asked->body);
	call->type = qg_str_copy(asked->type);
	call->pieces = asked->pieces;
	call->piece_count = asked->count;
	call->most = asked->most ? asked->most : ANSWER_MAX;
	if (!call->method || !call->url || !call->api || (asked->body && !call->body) ||
		(asked->type && !call->type)) {
		destroy(call);
		return NULL;
	}
	return call;
}

struct feishu_call *feishu_call_begin(struct feishu_account *account,
	const struct feishu_request *asked, feishu_called_fn ended, void *arg)
{
	struct feishu_call *call = create(account, asked);
	if (!call) {
		return NULL;
	}
	call->ended = ended;
	call->arg = arg;
	if (!wait_turn(call)) {
		destroy(call);
		return NULL;
	}
	return call;
}

struct feishu_call *feishu_call_start(struct feishu_account *account, const char *method,
	const char *path, const char *body, feishu_called_fn ended, void *arg)
{
	struct feishu_request asked = {.method = method, .path = path, .body = body};
	return feishu_call_begin(account, &asked, ended, arg);
}

/* ---- the token ---- */

enum qg_status feishu_token_read(
	const struct qg_fetch_end *end, char **token_out, int64_t *seconds_out, char *words)
{
	static const char *const paths[] = {"code", "tenant_access_token", "expire"};
	struct qg_piece found[3] = {{0}};
	if (qg_scan(end->body, end->size, paths, 3, found) != QG_OK) {
		memset(found, 0, sizeof(found));
	}
	struct feishu_answer answer = {.http = end->status,
		.has_code = found[0].kind == QG_PIECE_NUMBER,
		.code = qg_piece_int(&found[0], -1)};
	struct feishu_outcome outcome = feishu_error_outcome(&answer);
	if (outcome.status == QG_OK) {
		*token_out = qg_piece_copy(&found[1]);
		*seconds_out = qg_piece_int(&found[2], 0);
		return *token_out || found[1].kind != QG_PIECE_STRING ? QG_OK : QG_NO_MEMORY;
	}
	/* An unknown refusal of the token is no reason to give a reply up. */
	bool is_final = outcome.status == QG_DENIED || outcome.status == QG_BUSY;
	/* What the other side says is not repeated: it was just told the secret, and these words go into logs. */
	const char *why = outcome.words[0] ? outcome.words : qg_status_text(outcome.status);
	snprintf(words, WORDS_SIZE, "%.*s (token: code %lld, HTTP %d)",
		(int)qg_utf8_cut(why, strlen(why), WORDS_SIZE - TOKEN_CODES), why,
		(long long)answer.code, end->status);
	return is_final ? outcome.status : QG_IO;
}
