/* callback.c - webhooks of Feishu: what comes in over HTTP, and the answer once it is stored.
 *
 * Whatever is wrong with a request, its sender hears the same 401: the reasons are for our log. An event that is no
 * message is acknowledged, or it would come again for seven hours. A message is acknowledged when it is stored; 503
 * makes the platform deliver it again, after 15 s, 5 min, 1 h and 6 h. Those 15 s are long for a person, so a message
 * that only waits for the bot's own id is held here while that is fetched, a little less long than the platform waits. */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/log.h"
#include "qg/str.h"

#define SCRATCH_KEPT (16 * 1024) /* bytes: what a larger event needed is given back */
#define CHALLENGE_MAX 1024
#define REFUSAL_LOG_MS 10000
#define HOLD_MS 2000 /* the platform waits for 3 s */
#define HELD_MAX 64  /* requests of a bot */

struct waiting { /* a request that is answered once its message is stored */
	struct feishu_core *core;
	struct qg_http_exchange *x; /* NULL once the peer left */
};

struct held { /* a request that waits for the bot's own id */
	struct qg_list link;
	struct feishu_core *core;
	struct qg_http_exchange *x;
	uint64_t since;
};

static void answer_ok(struct qg_http_exchange *x)
{
	static const char body[] = "{}"; /* the safe answer to a click, too */
	qg_http_answer(x, 200, "application/json", body, sizeof(body) - 1);
}

static void answer_again(struct qg_http_exchange *x, const char *why)
{
	qg_http_add_header(x, "Retry-After", "1");
	qg_http_answer_error(x, 503, why);
}

/* The string goes back as it stands in the JSON text: it was checked, and needs no quoting. */
static void answer_challenge(struct qg_http_exchange *x, const struct qg_piece *challenge)
{
	QG_AUTO(qg_str_free)
	char *body = challenge->size <= CHALLENGE_MAX
			     ? qg_str_printf("{\"challenge\":\"%.*s\"}", (int)challenge->size,
				       challenge->data)
			     : NULL;
	if (body) {
		qg_http_answer(x, 200, "application/json", body, strlen(body));
	} else {
		qg_http_answer_error(x, 401, "refused");
	}
}

static void peer_left(void *arg)
{
	struct waiting *waiting = arg;
	waiting->x = NULL;
}

static void stored(void *arg, enum qg_status status)
{
	struct waiting *waiting = arg;
	struct feishu_core *core = waiting->core;
	if (waiting->x) {
		if (qg_stored_is_success(status) || status == QG_INVALID || status == QG_TOO_LARGE) {
			answer_ok(waiting->x); /* what never will be need not be sent again */
		} else {
			answer_again(waiting->x, "not stored, send it again");
		}
	}
	free(waiting);
	core->posts--;
	feishu_core_wake(core);
	feishu_core_release(core);
}

/* Takes message. */
static void deliver(
	struct feishu_core *core, struct qg_http_exchange *x, struct qg_message *message)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	if (!waiting) {
		qg_message_destroy(message);
		answer_again(x, "out of memory");
		return;
	}
	*waiting = (struct waiting){core, x};
	message->received_us = qg_http_received_us(x);
	feishu_core_take(core);
	core->posts++;
	qg_http_on_gone(x, peer_left, waiting);
	core->bot->host->receive(core->bot, message, stored, waiting);
}

/* ---- requests that wait for the own id ---- */

static struct qg_http_exchange *let_go(struct held *held)
{
	struct qg_http_exchange *x = held->x;
	qg_list_remove(&held->link);
	held->core->held_count--;
	free(held);
	return x;
}

static void held_left(void *arg)
{
	let_go(arg);
}

static void hold(struct feishu_core *core, struct qg_http_exchange *x)
{
	struct held *held = NULL;
	if (feishu_identity_is_coming(core->account) && core->held_count < HELD_MAX) {
		held = calloc(1, sizeof(*held));
	}
	if (!held) {
		answer_again(x, "starting, send it again");
		return;
	}
	*held = (struct held){.core = core, .x = x, .since = qg_clock_mono()};
	qg_list_add(&core->held, &held->link);
	core->held_count++;
	qg_http_on_gone(x, held_left, held);
	if (!qg_timer_is_active(core->hold_timer)) {
		qg_timer_start(core->hold_timer, HOLD_MS);
	}
}

void feishu_callback_resume(struct feishu_core *core)
{
	bool known = core->account->own.open_id != NULL; /* and no new question */
	if (!known && feishu_identity_is_coming(core->account)) {
		return;
	}
	QG_LIST_FOR_EACH (item, &core->held) {
		struct qg_http_exchange *x = let_go(QG_CONTAINER(item, struct held, link));
		if (known) {
			feishu_callback(core, x);
		} else {
			answer_again(x, "starting, send it again");
		}
	}
}

void feishu_callback_expire(struct feishu_core *core, bool all)
{
	uint64_t now = qg_clock_mono();
	QG_LIST_FOR_EACH (item, &core->held) {
		struct held *held = QG_CONTAINER(item, struct held, link);
		uint64_t waited = now - held->since;
		if (!all && waited < HOLD_MS) { /* and all behind it came later */
			qg_timer_start(core->hold_timer, HOLD_MS - waited);
			return;
		}
		answer_again(let_go(held), "starting, send it again");
	}
}

static void take_event(struct feishu_core *core, struct qg_http_exchange *x,
	const struct feishu_envelope *envelope)
{
	struct qg_message *message = NULL;
	const char *own = feishu_identity_get(core->account);
	switch (feishu_event_read(envelope, own, &message)) {
	case FEISHU_MESSAGE:
		deliver(core, x, message);
		break;
	case FEISHU_IGNORED:
		answer_ok(x);
		break;
	case FEISHU_UNSURE:
		hold(core, x);
		break;
	case FEISHU_FAILED:
		answer_again(x, "out of memory");
		break;
	}
}

static bool is_json(const struct qg_http_exchange *x)
{
	static const char type[] = "application/json";
	const char *given = qg_http_header(x, "Content-Type");
	if (!given || strncasecmp(given, type, sizeof(type) - 1) != 0) {
		return false;
	}
	char next = given[sizeof(type) - 1];
	return next == '\0' || next == ';' || next == ' ';
}

/* Whether it has the form of a webhook; answered where not. */
static bool is_webhook(struct qg_http_exchange *x)
{
	if (!qg_str_equal(qg_http_method(x), "POST")) {
		qg_http_add_header(x, "Allow", "POST");
		qg_http_answer_error(x, 405, "method not allowed");
		return false;
	}
	if (!is_json(x)) {
		qg_http_answer_error(x, 415, "expected application/json");
		return false;
	}
	return true;
}

/* Made by the first webhook: init() must bear that there is no memory, a digest cannot. */
static const struct feishu_keys *keys_of(struct feishu_core *core)
{
	if (!core->keys.app_id) {
		feishu_keys_init(&core->keys, core->bot->config->options);
	}
	return &core->keys;
}

static void log_refusal(struct feishu_core *core, const struct qg_http_exchange *x, const char *why)
{
	/* Anybody may knock: a line now and then tells as much as a line each. */
	uint64_t now = qg_clock_mono();
	bool is_quiet = core->refused_at != 0 && now - core->refused_at < REFUSAL_LOG_MS;
	core->refused++;
	if (is_quiet) {
		return;
	}
	qg_log_warn(core->bot->name, "feishu: %u webhooks refused, the last from %s: %s",
		core->refused, qg_http_peer(x), why);
	core->refused_at = now;
	core->refused = 0;
}

static void drop_scratch(struct feishu_core *core)
{
	if (core->scratch.capacity > SCRATCH_KEPT) {
		qg_buf_finish(&core->scratch);
	}
}

void feishu_callback(struct feishu_core *core, struct qg_http_exchange *x)
{
	if (!is_webhook(x)) {
		return;
	}
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	const struct feishu_proof proof = {
		.timestamp = qg_http_header(x, "X-Lark-Request-Timestamp"),
		.nonce = qg_http_header(x, "X-Lark-Request-Nonce"),
		.signature = qg_http_header(x, "X-Lark-Signature")};
	struct feishu_envelope envelope;
	enum feishu_verdict verdict =
		feishu_envelope_open(keys_of(core), &proof, body, size, &core->scratch, &envelope);
	switch (verdict) {
	case FEISHU_EVENT:
		take_event(core, x, &envelope);
		break;
	case FEISHU_VERIFY:
		qg_log_info(
			core->bot->name, "feishu: the console's check of this address is answered");
		answer_challenge(x, &envelope.fields[FEISHU_CHALLENGE]);
		break;
	case FEISHU_NO_ROOM:
		answer_again(x, "out of memory");
		break;
	case FEISHU_REFUSED:
		log_refusal(core, x, envelope.why);
		qg_http_answer_error(x, 401, "refused");
		break;
	}
	drop_scratch(core);
}
