/* seal.c - a proof that what a button says was written by us.
 *
 * The key derives from the account's secret, which every gateway has, so that any of them can judge what another wrote. */
#include "seal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/crypto.h"

static struct qg_bytes bytes_of(const char *text)
{
	const char *known = text ? text : "";
	return (struct qg_bytes){known, strlen(known) + 1};
}

void qg_seal(const char *account, const char *secret, const char *purpose, const char *const *texts,
	size_t count, char *out, size_t size)
{
	uint8_t key[QG_SHA256_SIZE], covered[QG_SHA256_SIZE], digest[QG_SHA256_SIZE];
	char hex[2 * QG_SHA256_SIZE + 1];
	struct qg_bytes pieces[QG_SEAL_TEXTS_MOST];
	assert(count <= QG_SEAL_TEXTS_MOST);
	const struct qg_bytes owner[] = {bytes_of(purpose), bytes_of(account), bytes_of(secret)};
	qg_sha256_pieces(owner, 3, key);
	for (size_t i = 0; i < count; i++) {
		pieces[i] = bytes_of(texts[i]);
	}
	qg_sha256_pieces(pieces, count, covered);
	qg_hmac_sha256(key, sizeof(key), covered, sizeof(covered), digest);
	qg_hex_encode(digest, sizeof(digest), hex);
	snprintf(out, size, "%.*s", (int)size - 1, hex);
}

bool qg_seal_fits(const char *account, const char *secret, const char *purpose, const char *text,
	const char *given)
{
	char right[2 * QG_SHA256_SIZE + 1];
	size_t size = strlen(given) + 1;
	if (strcmp(given, QG_SEAL_ANY) == 0) {
		return true;
	}
	if (size < 2 || size > sizeof(right)) {
		return false;
	}
	qg_seal(account, secret, purpose, &text, 1, right, size);
	return qg_equal_constant_time(right, given);
}
