/* cases.h - the golden questions of a template, asked through real turns. */
#ifndef QG_CASES_H
#define QG_CASES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/config.h"
#include "qg/loop.h"
#include "qg/role.h"

enum qg_case_outcome { QG_CASE_OK, QG_CASE_FAILED, QG_CASE_LEFT_OUT };

/* One case. Borrowed for the callback. */
struct qg_case {
	size_t index, total; /* from 0 */
	const char *ask;     /* its first question */
	enum qg_case_outcome outcome;
	const char *why;    /* failed or left out: why; else NULL */
	const char *answer; /* the last one; NULL when left out */
	uint64_t ms;	    /* all its turns */
};

struct qg_cases_host {
	void (*each)(void *arg, const struct qg_case *result);
	/* Once, unless cancelled; never from inside qg_cases_run(). The run is gone after it. */
	void (*ended)(void *arg, size_t ok, size_t failed, size_t left_out);
};

struct qg_cases;
struct qg_desk;
struct qg_endpoints;

/* Runs all cases of a role, one after the other. model NULL: those marked offline, without any
 * model; the others are left out. Else all are asked of that endpoint, but for those that need a
 * tool or a record. Takes references of config and role. NULL: no memory. */
struct qg_cases *qg_cases_run(struct qg_loop *loop, struct qg_config *config,
	const struct qg_bot_config *bot, struct qg_role *role, const char *model,
	const struct qg_cases_host *host, void *arg);
/* What models need, as a turn gets it; before the loop goes on. Borrowed until ended(); both may be NULL. */
void qg_cases_use(struct qg_cases *cases, struct qg_endpoints *endpoints, struct qg_desk *desk);
void qg_cases_cancel(struct qg_cases *cases);

/* Answers made of the examples of a template's interview, for a template nobody hired yet. tree: of
 * template.yaml. New reference; NULL for no memory. */
json_t *qg_cases_example_answers(const struct qg_tree *tree);

#endif
