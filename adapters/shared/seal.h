/* seal.h - a proof that what a button says was written by us: short, and bound to the account whose secret we hold. */
#ifndef QG_ADAPTERS_SHARED_SEAL_H
#define QG_ADAPTERS_SHARED_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#define QG_SEAL_TEXTS_MOST 8
#define QG_SEAL_ANY "0" /* stands in a place of a proof where anything fits */

/* size - 1 hex digits (64 at the most) over texts, each with its end, so that no two lists of them read alike. purpose
 * tells proofs of one account apart. account and secret may be NULL. Compare in constant time. */
void qg_seal(const char *account, const char *secret, const char *purpose, const char *const *texts,
	size_t count, char *out, size_t size);
/* Whether given is the proof over that one text, as long as it is, or QG_SEAL_ANY. For what stands under a seal itself. */
bool qg_seal_fits(const char *account, const char *secret, const char *purpose, const char *text,
	const char *given);

#endif
