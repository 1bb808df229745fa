/* webhook.c - the webhook transport of a bot: requests verified and opened, its life and its clock.
 *
 * Whatever is wrong with a request, its sender hears the same 401: the reasons are for our log. Content types are not
 * looked at: JSON comes as text/xml too. What is understood goes to hook_post.c. */
#include "hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/config.h"
#include "qg/log.h"
#include "qg/scan.h"
#include "qg/str.h"
#include "wxcrypt.h"

#define PLAIN_MAX ((size_t)1 << 20)
#define REFUSAL_LOG_MS 10000

struct qg_bot *hook_bot(const struct wecom_webhook *webhook)
{
	return webhook->bot;
}

struct hook_streams *hook_streams_of(const struct wecom_webhook *webhook)
{
	return webhook->streams;
}

const struct wecom_options *hook_options(const struct wecom_webhook *webhook)
{
	return webhook->bot->config->options;
}

void hook_release(struct wecom_webhook *webhook)
{
	if (--webhook->references > 0) {
		return;
	}
	qg_timer_destroy(webhook->tick);
	explicit_bzero(webhook->key, sizeof(webhook->key));
	free(webhook);
}

void hook_hurry(struct wecom_webhook *webhook, unsigned delay_ms)
{
	if (webhook->bot && (delay_ms == 0 || !qg_timer_is_active(webhook->tick))) {
		qg_timer_start(webhook->tick, delay_ms);
	}
}

/* ---- words ---- */

char *hook_words(const struct wecom_webhook *webhook, const char *key)
{
	const struct qg_host *host = webhook->bot->host;
	char *words = host->words ? host->words(webhook->bot, key) : NULL;
	return words ? words : qg_str_copy("");
}

char *hook_text(
	const struct wecom_webhook *webhook, const struct hook_handle *handle, const char *text)
{
	QG_AUTO(qg_str_free)
	char *asker = wecom_asker(webhook->bot, handle->chat_type, handle->user);
	return asker ? qg_str_printf("%s%s", asker, text) : NULL;
}

/* ---- requests ---- */

struct query { /* all but echostr are never NULL in one that is signed */
	char *signature, *timestamp, *nonce, *echo;
};

static void query_finish(struct query *query)
{
	free(query->signature);
	free(query->timestamp);
	free(query->nonce);
	free(query->echo);
}

static void query_read(const struct qg_http_exchange *x, struct query *out)
{
	/* The documented name, and those that have been seen. */
	static const char *const names[] = {"msg_signature", "msgsignature", "signature"};
	const char *text = qg_http_query(x);
	size_t size = strlen(text);
	*out = (struct query){0};
	for (size_t i = 0; i < 3 && !out->signature; i++) {
		out->signature = qg_query_get(text, size, names[i]);
	}
	out->timestamp = qg_query_get(text, size, "timestamp");
	out->nonce = qg_query_get(text, size, "nonce");
	out->echo = qg_query_get(text, size, "echostr");
	for (char *c = out->echo; c && *c != '\0'; c++) {
		*c = *c == ' ' ? '+' : *c; /* a plus that nobody coded */
	}
}

static void refuse(struct wecom_webhook *webhook, struct qg_http_exchange *x, const char *why)
{
	/* Anybody may knock: a line now and then tells as much as a line each. */
	uint64_t now = qg_clock_mono();
	webhook->refused++;
	if (webhook->refused_at == 0 || now - webhook->refused_at >= REFUSAL_LOG_MS) {
		qg_log_warn(webhook->bot->name, "wecom: %u requests refused, the last from %s: %s",
			webhook->refused, qg_http_peer(x), why);
		webhook->refused_at = now;
		webhook->refused = 0;
	}
	qg_http_answer_error(x, 401, "refused");
}

static void verify_url(struct wecom_webhook *webhook, struct qg_http_exchange *x)
{
	struct query query;
	QG_AUTO(qg_buf_finish) struct qg_buf plain;
	qg_buf_init(&plain, PLAIN_MAX);
	query_read(x, &query);
	size_t size = query.echo ? strlen(query.echo) : 0;
	if (!wxcrypt_is_signed(hook_options(webhook)->token, query.timestamp, query.nonce,
		    query.echo, size, query.signature)) {
		refuse(webhook, x, "the signature is wrong");
	} else if (wxcrypt_open(webhook->key, "", query.echo, size, &plain) != QG_OK) {
		refuse(webhook, x, "the check text cannot be decrypted");
	} else {
		qg_log_info(webhook->bot->name,
			"wecom: the console's check of this address is answered");
		qg_http_answer(x, 200, "text/plain", plain.data, plain.size);
	}
	query_finish(&query);
}

/* Appends the base64 of the body's `encrypt`. */
static enum qg_status read_cipher(const struct qg_http_exchange *x, struct qg_buf *out)
{
	static const char *const paths[] = {"encrypt", "Encrypt"};
	struct qg_piece found[2];
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	if (!body || qg_scan(body, size, paths, 2, found) != QG_OK) {
		return QG_INVALID;
	}
	const struct qg_piece *piece = found[0].kind == QG_PIECE_STRING ? &found[0] : &found[1];
	return piece->kind == QG_PIECE_STRING ? qg_piece_text(piece, out) : QG_INVALID;
}

/* Why it is not believed; NULL: it is, plain has what it says. *status tells no memory from the rest. */
static const char *open_request(const struct wecom_webhook *webhook,
	const struct qg_http_exchange *x, const struct query *query, struct qg_buf *plain,
	enum qg_status *status)
{
	QG_AUTO(qg_buf_finish) struct qg_buf cipher;
	qg_buf_init(&cipher, PLAIN_MAX);
	*status = read_cipher(x, &cipher);
	if (*status != QG_OK) {
		return "the body is no envelope";
	}
	if (!wxcrypt_is_signed(hook_options(webhook)->token, query->timestamp, query->nonce,
		    cipher.data ? cipher.data : "", cipher.size, query->signature)) {
		*status = QG_DENIED;
		return "the signature is wrong";
	}
	*status =
		wxcrypt_open(webhook->key, "", cipher.data ? cipher.data : "", cipher.size, plain);
	return *status == QG_OK ? NULL : "it cannot be decrypted: is encoding_aes_key right?";
}

static void take_post(struct wecom_webhook *webhook, struct qg_http_exchange *x)
{
	struct query query;
	struct wecom_event event;
	QG_AUTO(qg_buf_finish) struct qg_buf plain;
	qg_buf_init(&plain, PLAIN_MAX);
	query_read(x, &query);
	enum qg_status status = QG_OK;
	const char *why = open_request(webhook, x, &query, &plain, &status);
	if (!why) {
		why = "what it says is no event";
		status = wecom_event_read(webhook->bot, plain.data, plain.size,
			hook_options(webhook)->encoding_aes_key, &event);
	}
	if (status == QG_OK) {
		char *nonce = query.nonce;
		query.nonce = NULL;
		hook_post_begin(webhook, x, &event, nonce);
	} else if (status == QG_NO_MEMORY) {
		hook_answer_again(x, "out of memory");
	} else {
		refuse(webhook, x, why);
	}
	query_finish(&query);
}

void wecom_webhook_request(
	struct wecom_webhook *webhook, struct qg_http_exchange *x, const char *rest)
{
	const char *method = qg_http_method(x);
	if (rest[0] != '\0' && !qg_str_equal(rest, "/")) {
		qg_http_answer_error(x, 404, "not found");
	} else if (webhook->stopping) {
		hook_answer_again(x, "restarting");
	} else if (!webhook->has_key) {
		refuse(webhook, x, "token or encoding_aes_key is not usable");
	} else if (qg_str_equal(method, "GET")) {
		verify_url(webhook, x);
	} else if (qg_str_equal(method, "POST")) {
		take_post(webhook, x);
	} else {
		qg_http_add_header(x, "Allow", "GET, POST");
		qg_http_answer_error(x, 405, "method not allowed");
	}
}

/* ---- drafts, sends, time ---- */

void wecom_webhook_draft(struct wecom_webhook *webhook, const struct qg_draft *draft)
{
	struct hook_handle handle;
	if (!draft->handle || hook_handle_read(draft->handle, &handle) != QG_OK) {
		return;
	}
	QG_AUTO(qg_str_free)
	char *text = draft->text[0] != '\0' ? hook_text(webhook, &handle, draft->text) : NULL;
	if (text && handle.stream_id[0] != '\0') {
		text[qg_utf8_cut(text, strlen(text), WECOM_TEXT_MOST)] = '\0';
		hook_stream_draft(webhook->streams, handle.stream_id, text);
		if (hook_streams_tick(webhook->streams)) {
			hook_hurry(webhook, HOOK_TICK_MS);
		}
	}
	hook_handle_finish(&handle);
}

void wecom_webhook_send(struct wecom_webhook *webhook, struct qg_reply *reply)
{
	hook_sends_take(webhook->sends, reply);
}

static void tick(void *arg)
{
	struct wecom_webhook *webhook = arg;
	bool more = hook_posts_expire(webhook);
	more = hook_streams_tick(webhook->streams) || more;
	webhook->references++; /* the host may end the bot from inside */
	more = hook_sends_tick(webhook->sends) || more;
	if (webhook->bot && more) {
		hook_hurry(webhook, HOOK_TICK_MS);
	}
	hook_release(webhook);
}

/* ---- life ---- */

struct wecom_webhook *wecom_webhook_create(struct qg_bot *bot)
{
	struct wecom_webhook *webhook = calloc(1, sizeof(*webhook));
	if (!webhook) {
		return NULL;
	}
	const struct wecom_options *set = bot->config->options;
	webhook->references = 1;
	webhook->bot = bot;
	qg_list_init(&webhook->posts);
	webhook->has_key = set->token && set->token[0] != '\0' && set->encoding_aes_key &&
			   wxcrypt_key(set->encoding_aes_key, webhook->key) == QG_OK;
	webhook->tick = qg_timer_create(bot->loop, tick, webhook);
	webhook->streams = hook_streams_create(bot);
	webhook->sends = hook_sends_create(webhook);
	if (!webhook->tick || !webhook->streams || !webhook->sends) {
		wecom_webhook_destroy(webhook);
		return NULL;
	}
	return webhook;
}

bool wecom_webhook_stop(struct wecom_webhook *webhook)
{
	webhook->stopping = true;
	hook_sends_stop(webhook->sends);
	return qg_list_is_empty(&webhook->posts) && hook_sends_is_idle(webhook->sends);
}

void wecom_webhook_destroy(struct wecom_webhook *webhook)
{
	if (!webhook) {
		return;
	}
	hook_sends_destroy(webhook->sends);
	hook_streams_destroy(webhook->streams);
	webhook->sends = NULL;
	webhook->streams = NULL;
	webhook->bot = NULL;
	qg_timer_destroy(webhook->tick);
	webhook->tick = NULL;
	hook_posts_end(webhook);
	hook_release(webhook);
}
