/* lookup.c - a search in a role's handbook, off the loop unless it is over sooner than a thread wakes.
 *
 * Work in the pool cannot be called back, so a cancelled lookup runs on, keeps its role until then,
 * and tells nobody. */
#include "lookup.h"

#include <stdlib.h>

struct qg_lookup {
	struct qg_role *role;
	struct qg_strings questions;
	struct qg_found *found;
	enum qg_status status;
	qg_lookup_fn done; /* NULL: cancelled */
	void *arg;
};

static void finish(struct qg_lookup *lookup)
{
	for (size_t i = 0; lookup->found != NULL && i < lookup->questions.count; i++) {
		qg_found_finish(&lookup->found[i]);
	}
	free(lookup->found);
	qg_strings_finish(&lookup->questions);
	qg_role_release(lookup->role);
	free(lookup);
}

static void run(void *arg, unsigned thread_index)
{
	struct qg_lookup *lookup = arg;
	for (size_t i = 0; i < lookup->questions.count && lookup->status == QG_OK; i++) {
		lookup->status = qg_search_find(lookup->role->search, thread_index,
			lookup->questions.items[i], &lookup->found[i]);
	}
}

static void done(void *arg)
{
	struct qg_lookup *lookup = arg;
	if (lookup->done != NULL) {
		lookup->done(lookup->arg, lookup->status, lookup->found, lookup->questions.count);
	}
	finish(lookup);
}

/* On the loop. */
static void run_here(void *arg)
{
	struct qg_lookup *lookup = arg;
	if (lookup->done != NULL) {
		run(lookup, 0);
	}
	done(lookup);
}

static bool begin(struct qg_loop *loop, struct qg_lookup *lookup)
{
	if (qg_search_is_quick(lookup->role->search)) {
		return qg_loop_defer(loop, run_here, lookup) == QG_OK;
	}
	return qg_loop_work(loop, run, done, lookup) != NULL;
}

struct qg_lookup *qg_lookup_start(struct qg_loop *loop, struct qg_role *role,
	const struct qg_strings *questions, qg_lookup_fn fn, void *arg)
{
	struct qg_lookup *lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL) {
		return NULL;
	}
	*lookup = (struct qg_lookup){.role = qg_role_take(role), .done = fn, .arg = arg};
	bool copied = true;
	for (size_t i = 0; i < questions->count && copied; i++) {
		copied = qg_strings_add(&lookup->questions, questions->items[i]) == QG_OK;
	}
	lookup->found = calloc(questions->count + 1, sizeof(*lookup->found));
	if (!copied || lookup->found == NULL || !begin(loop, lookup)) {
		finish(lookup);
		return NULL;
	}
	return lookup;
}

void qg_lookup_cancel(struct qg_lookup *lookup)
{
	if (lookup != NULL) {
		lookup->done = NULL;
	}
}
