/* tokens.h - how many tokens a text may be, for who must know before a service counts them. */
#ifndef AGENTS_TOKENS_H
#define AGENTS_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QG_TOKENS_PER_MESSAGE 8 /* what a service adds around each message of a prompt, at most */

/* What a text weighs, apart by what vocabularies differ in. */
struct qg_token_count {
	int64_t wide; /* hanzi, kana, hangul and full-width signs */
	int64_t rest; /* all else, in hundredths of a token */
};

/* Adds a text to the count. Any thread. */
void qg_tokens_add(struct qg_token_count *count, const char *text, size_t size);
/* Adds one count to another. */
void qg_tokens_sum(struct qg_token_count *count, const struct qg_token_count *more);
/* Is the vocabulary of this model (its name at the service; may be NULL) known to be made for Chinese? */
bool qg_tokens_is_dense(const char *model);
/* The tokens of a count, upper side. */
int64_t qg_tokens_total(const struct qg_token_count *count, bool dense);
/* The tokens of one text for any model, upper side. */
int64_t qg_tokens_estimate(const char *text, size_t size);

#endif
