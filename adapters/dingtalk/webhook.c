/* webhook.c - the HTTP transport: a request is proved, read, and answered once its message is stored.
 *
 * The signature covers the time and nothing else: whoever sees one request can send others for an hour, so the address
 * wants https, and what a body says is never used for more than a message (answers go to the platform's hosts only). The
 * platform waits 2.5 s. Below the bot's address: /cards for clicks on cards, /events for event subscriptions. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define SKEW_MS INT64_C(3600000)
#define STORE_MS 2300
#define HEADER_MOST 128
#define REFUSAL_LOG_MS 10000

struct post {		     /* a request whose message or click is on its way to the store */
	struct qg_list item; /* of core->posts, in order */
	struct qg_http_exchange *x; /* NULL once answered, or once its peer left */
	uint64_t due;
};

/* ---- is it the platform? ---- */

static bool is_near(const char *timestamp, int64_t now)
{
	int64_t at = 0;
	if (!timestamp || !qg_str_to_int64(timestamp, 0, INT64_MAX, &at)) {
		return false;
	}
	return at > now ? at - now <= SKEW_MS : now - at <= SKEW_MS;
}

/* message: what is signed with secret. */
static bool is_sign(const char *secret, const char *message, const char *sign)
{
	uint8_t digest[QG_SHA256_SIZE];
	QG_AUTO(qg_buf_finish) struct qg_buf expected;
	qg_buf_init(&expected, HEADER_MOST);
	qg_hmac_sha256(secret, strlen(secret), message, strlen(message), digest);
	return qg_base64_encode(digest, sizeof(digest), &expected) == QG_OK &&
	       qg_equal_constant_time(expected.data, sign);
}

bool dingtalk_is_signed(const char *secret, const char *timestamp, const char *sign, int64_t now)
{
	if (!secret || secret[0] == '\0' || !sign || !is_near(timestamp, now)) {
		return false;
	}
	QG_AUTO(qg_str_free) char *message = qg_str_printf("%s\n%s", timestamp, secret);
	return message && is_sign(secret, message, sign);
}

bool dingtalk_is_card_signed(
	const char *secret, const char *timestamp, const char *sign, int64_t now)
{
	return secret && secret[0] != '\0' && sign && is_near(timestamp, now) &&
	       is_sign(secret, timestamp, sign);
}

/* A header without the blanks around it; yours to free, NULL for none. */
static char *header(const struct qg_http_exchange *x, const char *name)
{
	const char *value = qg_http_header(x, name);
	char *copy = value && strlen(value) <= HEADER_MOST ? qg_str_copy(value) : NULL;
	return copy ? qg_str_trim(copy) : NULL;
}

static bool is_proved(
	const struct dingtalk_core *core, const struct qg_http_exchange *x, bool is_card)
{
	QG_AUTO(qg_str_free)
	char *timestamp = header(x, is_card ? "x-ddpaas-signature-timestamp" : "timestamp");
	QG_AUTO(qg_str_free) char *sign = header(x, is_card ? "x-ddpaas-signature" : "sign");
	const char *secret = dingtalk_options_of(core)->client_secret;
	int64_t now = qg_clock_wall();
	return is_card ? dingtalk_is_card_signed(secret, timestamp, sign, now)
		       : dingtalk_is_signed(secret, timestamp, sign, now);
}

/* Anybody may knock: a line now and then tells as much as a line each. */
void dingtalk_refuse(struct dingtalk_core *core, struct qg_http_exchange *x, const char *why)
{
	uint64_t now = qg_clock_mono();
	core->refused++;
	if (core->refused_at == 0 || now - core->refused_at >= REFUSAL_LOG_MS) {
		qg_log_warn(core->bot->name, "dingtalk: %u requests refused, the last from %s: %s",
			core->refused, qg_http_peer(x), why);
		core->refused_at = now;
		core->refused = 0;
	}
	qg_http_answer_error(x, 401, "refused");
}

/* ---- answers ---- */

static void answer_ok(struct qg_http_exchange *x)
{
	qg_http_answer(x, 200, "application/json", "{}", 2);
}

static void answer_again(struct qg_http_exchange *x, const char *why)
{
	qg_http_add_header(x, "Retry-After", "1");
	qg_http_answer_error(x, 503, why);
}

static struct qg_http_exchange *take_exchange(struct post *post)
{
	struct qg_http_exchange *x = post->x;
	post->x = NULL;
	qg_list_remove(&post->item);
	qg_list_init(&post->item);
	return x;
}

static void stored(void *arg, enum qg_status status)
{
	struct post *post = arg;
	struct qg_http_exchange *x = take_exchange(post);
	if (x && dingtalk_is_lost(status)) {
		answer_again(x, "not stored, send it again");
	} else if (x) {
		answer_ok(x);
	}
	free(post);
}

static void gone(void *arg)
{
	take_exchange(arg);
}

void dingtalk_posts_expire(struct dingtalk_core *core)
{
	uint64_t now = qg_clock_mono();
	while (!qg_list_is_empty(&core->posts)) {
		struct post *post = QG_CONTAINER(core->posts.next, struct post, item);
		if (post->due > now) {
			qg_timer_start(core->post_timer, post->due - now);
			return;
		}
		answer_again(take_exchange(post), "not stored yet, send it again");
	}
}

void dingtalk_posts_end(struct dingtalk_core *core)
{
	while (!qg_list_is_empty(&core->posts)) {
		struct post *post = QG_CONTAINER(core->posts.next, struct post, item);
		answer_again(take_exchange(post), "restarting");
	}
}

/* ---- requests ---- */

/* The answer waits from now on. NULL for no memory: that is answered. */
static struct post *hold_answer(struct dingtalk_core *core, struct qg_http_exchange *x)
{
	struct post *post = calloc(1, sizeof(*post));
	if (!post) {
		answer_again(x, "out of memory");
		return NULL;
	}
	post->x = x;
	post->due = qg_clock_mono() + STORE_MS;
	qg_list_add(&core->posts, &post->item);
	qg_http_on_gone(x, gone, post);
	if (!qg_timer_is_active(core->post_timer)) {
		qg_timer_start(core->post_timer, STORE_MS);
	}
	return post;
}

/* Takes message. */
static void store(
	struct dingtalk_core *core, struct qg_http_exchange *x, struct qg_message *message)
{
	struct post *post = hold_answer(core, x);
	if (!post) {
		qg_message_destroy(message);
		return;
	}
	dingtalk_deliver(core, message, qg_http_received_us(x), stored, post);
}

static void take_event(
	struct dingtalk_core *core, struct qg_http_exchange *x, struct dingtalk_event *event)
{
	dingtalk_account_count(core->account, DINGTALK_USES, 1);
	if (event->kind == DINGTALK_MESSAGE) {
		struct qg_message *message = event->message;
		event->message = NULL;
		store(core, x, message);
		return;
	}
	if (event->kind == DINGTALK_QUOTA) {
		dingtalk_core_quota(core);
	} else if (event->kind == DINGTALK_UNSUPPORTED) {
		dingtalk_say_unsupported(core, event->message);
	}
	answer_ok(x);
}

static void take_message(struct dingtalk_core *core, struct qg_http_exchange *x)
{
	struct dingtalk_event event;
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	if (!is_proved(core, x, false)) {
		dingtalk_refuse(core, x, "the sign is wrong or too old");
		return;
	}
	enum qg_status status = dingtalk_event_read(core->bot, body ? body : "", size, &event);
	if (status == QG_OK) {
		take_event(core, x, &event);
	} else if (status == QG_NO_MEMORY) {
		answer_again(x, "out of memory");
	} else {
		qg_http_answer_error(x, 400, "no message");
	}
	dingtalk_event_finish(&event);
}

static void clicked(void *arg, const json_t *response)
{
	struct post *post = arg;
	struct qg_http_exchange *x = take_exchange(post);
	QG_AUTO(qg_str_free) char *text = response ? qg_json_dump(response) : NULL;
	if (x) {
		qg_http_answer(
			x, 200, "application/json", text ? text : "{}", text ? strlen(text) : 2);
	}
	free(post);
}

static void take_click(struct dingtalk_core *core, struct qg_http_exchange *x)
{
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	if (!is_proved(core, x, true)) {
		dingtalk_refuse(core, x, "the card's signature is wrong or too old");
		return;
	}
	dingtalk_account_count(core->account, DINGTALK_USES, 1);
	struct post *post = hold_answer(core, x);
	if (post) {
		dingtalk_click(core, body ? body : "", size, qg_http_received_us(x), clicked, post);
	}
}

void dingtalk_webhook(struct dingtalk_core *core, struct qg_http_exchange *x, const char *rest)
{
	const struct dingtalk_options *set = dingtalk_options_of(core);
	bool is_own =
		(rest[0] == '\0' || qg_str_equal(rest, "/")) && set->transport == DINGTALK_WEBHOOK;
	bool is_card = qg_str_equal(rest, "/cards");
	bool is_event = qg_str_equal(rest, "/events") && set->event_token && set->event_aes_key;
	if (!is_own && !is_card && !is_event) {
		qg_http_answer_error(x, 404, "not found");
	} else if (!qg_str_equal(qg_http_method(x), "POST")) {
		qg_http_add_header(x, "Allow", "POST");
		qg_http_answer_error(x, 405, "method not allowed");
	} else if (core->stopping) {
		answer_again(x, "restarting");
	} else if (is_card) {
		take_click(core, x);
	} else if (is_event) {
		dingtalk_events(core, x);
	} else {
		take_message(core, x);
	}
}
