/* breaker.c - a gate before an account or a model: shut for a while after what went wrong, then tried by one call.
 *
 * Two things shut it. A breaker opens when a service fails again and again, so that askers do not wait for what
 * will fail; and a key is parked when the service said that nothing will help for a while (no money, wrong key,
 * quota). Behind both stands one probe at a time: a crowd that comes back at once is what broke many a service. A
 * stated rate limit is the exception, for there the service itself said when all may come. */
#include "breaker.h"

#include <string.h>

#define FAILURES_WITHIN_MS 30000
#define FIRST_WAIT_MS 20000
#define LAST_WAIT_MS (5 * 60 * 1000)

bool qg_model_error_is_outage(enum qg_model_error error)
{
	return error == QG_MODEL_SERVER || error == QG_MODEL_OVERLOAD ||
	       error == QG_MODEL_TIMEOUT || error == QG_MODEL_TRANSPORT;
}

enum qg_model_error qg_gate_shut(const struct qg_gate *gate, uint64_t now)
{
	if (gate->shut_until == 0) {
		return QG_MODEL_NONE;
	}
	bool waits = now < gate->shut_until || (gate->probing && gate->why != QG_MODEL_RATE);
	return waits ? gate->why : QG_MODEL_NONE;
}

bool qg_gate_begin(struct qg_gate *gate)
{
	bool probe = gate->shut_until != 0 && !gate->probing;
	gate->probing |= probe;
	return probe;
}

bool qg_gate_worked(struct qg_gate *gate, bool probe)
{
	bool is_shut = gate->shut_until != 0;
	if (is_shut && !probe) {
		return false; /* it began before the gate was shut, and proves nothing about now */
	}
	memset(gate, 0, sizeof(*gate));
	return is_shut;
}

void qg_gate_abandon(struct qg_gate *gate)
{
	gate->probing = false;
}

static void shut(struct qg_gate *gate, uint64_t until, enum qg_model_error why)
{
	gate->shut_until = until;
	gate->why = why;
	gate->probing = false;
}

/* The ring's oldest entry is the one the next failure would overwrite. */
static bool are_many(const struct qg_gate *gate, uint64_t now)
{
	uint64_t oldest = gate->failed_at[gate->failures % QG_BREAKER_FAILURES];
	return gate->failures >= QG_BREAKER_FAILURES && now - oldest <= FAILURES_WITHIN_MS;
}

bool qg_gate_failed(struct qg_gate *gate, uint64_t now, enum qg_model_error why)
{
	gate->failed_at[gate->failures++ % QG_BREAKER_FAILURES] = now;
	bool is_open = gate->shut_until != 0;
	if (is_open && now < gate->shut_until) {
		return false; /* began before it opened: no news */
	}
	if (!is_open && !are_many(gate, now)) {
		return false;
	}
	uint64_t doubled = gate->wait_ms > LAST_WAIT_MS / 2 ? LAST_WAIT_MS : 2 * gate->wait_ms;
	gate->wait_ms = gate->wait_ms == 0 ? FIRST_WAIT_MS : doubled;
	shut(gate, now + gate->wait_ms, why);
	return true;
}

bool qg_gate_park(struct qg_gate *gate, uint64_t now, uint64_t wait_ms, enum qg_model_error why)
{
	bool news = gate->shut_until == 0 || gate->why != why;
	uint64_t until = now + wait_ms;
	shut(gate, until > gate->shut_until ? until : gate->shut_until, why);
	return news;
}
