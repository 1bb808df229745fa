/* lookup.h - a search in a role's handbook that does not hold up the loop. */
#ifndef AGENTS_LOOKUP_H
#define AGENTS_LOOKUP_H

#include "qg/loop.h"
#include "role_parts.h"

struct qg_lookup;

/* Searches each question; done(arg, status, found) follows on the loop, never from inside, with as
 * many as questions (borrowed, the callee may move sections out by zeroing). Copies questions.
 * NULL: not begun. */
typedef void (*qg_lookup_fn)(
	void *arg, enum qg_status status, struct qg_found *found, size_t count);
struct qg_lookup *qg_lookup_start(struct qg_loop *loop, struct qg_role *role,
	const struct qg_strings *questions, qg_lookup_fn done, void *arg);
/* done() does not come any more. */
void qg_lookup_cancel(struct qg_lookup *lookup);

#endif
