/* callback.c - webhooks of Feishu: what comes in over HTTP, and the answer once it is stored.
 *
 * Whatever is wrong with a request, its sender hears the same 401: the reasons are for our log. What an event is, and when
 * it is acknowledged, take.c says; 503 makes the platform deliver it again. */
#include "feishu.h"

#include <string.h>
#include <strings.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/log.h"
#include "qg/str.h"

#define SCRATCH_KEPT (16 * 1024) /* bytes: what a larger event needed is given back */
#define CHALLENGE_MAX 1024
#define REFUSAL_LOG_MS 10000

static void answer_ok(struct qg_http_exchange *x, const char *body)
{
	body = body ? body : "{}"; /* the safe answer to a click, too */
	qg_http_answer(x, 200, "application/json", body, strlen(body));
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

/* Its event is taken. A peer that left meanwhile is answered too: its exchange waits for that. */
static void taken(void *arg, const struct feishu_taken *taken)
{
	struct qg_http_exchange *x = arg;
	if (taken->status == QG_OK) {
		answer_ok(x, taken->answer);
	} else {
		answer_again(x, "not stored, send it again");
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
		feishu_take(core, &envelope, qg_http_received_us(x), taken, x);
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
