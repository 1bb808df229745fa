/* breaker.h - whether an account or a model of it may be asked now, after what went wrong before. */
#ifndef AGENTS_MODELS_BREAKER_H
#define AGENTS_MODELS_BREAKER_H

#include "qg/model.h"

#define QG_BREAKER_FAILURES 5 /* in 30 s, without an answer between them, open it */

/* Zeroed: open to all. Times are monotonic ms, given by the caller. */
struct qg_gate {
	uint64_t shut_until; /* 0: nothing is wrong */
	uint64_t
		wait_ms; /* of the breaker's next opening; 0: it was never open, or has recovered */
	enum qg_model_error why; /* it is shut */
	bool probing;		 /* one call finds out, the others go elsewhere meanwhile */
	uint64_t failed_at[QG_BREAKER_FAILURES];
	size_t failures; /* since it worked; the ring's next place is that modulo its size */
};

/* QG_MODEL_NONE: ask. Else why not. */
enum qg_model_error qg_gate_shut(const struct qg_gate *gate, uint64_t now);
/* A call begins: where the gate was shut it is the probe. Whether it is. */
bool qg_gate_begin(struct qg_gate *gate);
/* The service answered: earlier failures are forgotten. Whether that opened the gate, which only its probe can. */
bool qg_gate_worked(struct qg_gate *gate, bool probe);
/* The call ended in a way that says nothing about the service. */
void qg_gate_abandon(struct qg_gate *gate);
/* A failure of the service itself: opens the breaker at the fifth in 30 s, and at once where it was the probe.
 * Whether it did. */
bool qg_gate_failed(struct qg_gate *gate, uint64_t now, enum qg_model_error why);
/* Shut for so long. Whether that is news: the same reason again is none. */
bool qg_gate_park(struct qg_gate *gate, uint64_t now, uint64_t wait_ms, enum qg_model_error why);

/* Failures that count towards the breaker. */
bool qg_model_error_is_outage(enum qg_model_error error);

#endif
