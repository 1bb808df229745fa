/* template.h - a template folder, read and checked, not yet filled for a bot. */
#ifndef AGENTS_TEMPLATE_H
#define AGENTS_TEMPLATE_H

#include <stdint.h>

#include "knowledge.h"
#include "qg/option.h"

/* All borrowed from the trees inside, or owned. */
struct qg_template {
	struct qg_tree *root;		/* template.yaml */
	struct qg_tree *faq;		/* faq.yaml; NULL without */
	struct qg_faq_phrases *phrases; /* its questions; NULL where bots differ in them */
	struct qg_tree *cases;		/* cases.yaml; NULL without */
	char *prompt;			/* prompt.md */
	struct qg_knowledge knowledge;	/* knowledge, one entry a file */
	struct qg_strings variables;	/* keys of the interview, and built-ins */
	/* template.yaml, scalars and lists */
	char *id, *name, *industry, *version, *summary, *greeting, *model_tier;
	struct qg_strings suggestions, mask, team;
	struct qg_strings handover_keywords;
	int64_t handover_misses; /* 0: never */
	int64_t handover_quiet_ms;
};

/* Reads and checks all files; every error goes to problems. What could be read, even with errors;
 * never NULL but for no memory or no template.yaml. Any thread. */
struct qg_template *qg_template_load(const char *folder, struct qg_problems *problems);
void qg_template_destroy(struct qg_template *template);
/* The template as it is on disk now, read once for all its bots; NULL with its errors added. Borrowed for the life
 * of the process. Any thread. */
const struct qg_template *qg_template_shared(const char *folder, struct qg_problems *problems);

/* template_check.c: the parts of template.yaml and cases.yaml with an own form. */
void qg_template_check_parts(const struct qg_tree *root, struct qg_problems *problems);
void qg_template_check_cases(const struct qg_tree *cases, struct qg_problems *problems);
/* "30m", "2h", "90s" in milliseconds; false if it is none or over a week. */
bool qg_template_duration(const char *text, int64_t *ms_out);

#endif
