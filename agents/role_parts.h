/* role_parts.h - what a role is made of, for the files that make turns of it. */
#ifndef AGENTS_ROLE_PARTS_H
#define AGENTS_ROLE_PARTS_H

#include <jansson.h>
#include <stdint.h>

#include "faq.h"
#include "qg/list.h"
#include "qg/role.h"
#include "search.h"
#include "template.h"
#include "tokens.h"

struct qg_role {
	unsigned
		references; /* counted on the loop's thread; all else never changes after opening */
	struct qg_list link;	      /* among those that are open */
	char *fingerprint, *data_dir; /* what it was made of, and where; "": nobody knows */
	const struct qg_template *template;
	char *title, *greeting;
	struct qg_strings suggestions;
	json_t *values; /* of the interview: "" where the owner left one empty; and "bot" */
	json_t *words;
	struct qg_faq *faq;
	struct qg_search *search;
	char *system; /* how a prompt begins, as a JSON string: the same bytes for every turn; shared */
	struct qg_token_count system_tokens;
};

/* "a、b、c" of the suggestions, as sentences show them. Yours to free. */
char *qg_role_suggested(const struct qg_role *role);

/* prompt.c: the part that is the same for all turns of a role, as a JSON string, and its estimated tokens. Yours to free;
 * NULL for no memory. */
char *qg_prompt_system(
	const char *template_prompt, const char *digest, struct qg_token_count *tokens_out);

#endif
