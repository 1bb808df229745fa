/* tokens.c - how many tokens a text may be, without any vendor's vocabulary.
 *
 * Rates by kind of character, on the upper side of what published ratios and measured vocabularies give (1.0 to
 * 1.6 times the real number). A budget reserves by this and settles by the vendor's own count, so an estimate
 * must be cheap and seldom too low, not exact; who sees both learns the ratio. One look at each byte: of a
 * character beyond ASCII only the first byte counts, which tells its kind. */
#include "tokens.h"

#include <string.h>

#include "text.h"

#define LONG_RUN 40 /* ASCII without a blank from here on is a key, a link or base64 */
#define RUN_RATE 75 /* of each byte of such a run */
#define WIDE_DENSE                                                                                 \
	70 /* hundredths of a token for a wide character in a vocabulary made for Chinese */

/* Hundredths of a token of an ASCII byte: letter 30, digit 50, blank 15, other signs 60. */
static unsigned ascii_rate(unsigned char byte)
{
	unsigned char lower = byte | 0x20;
	if (lower >= 'a' && lower <= 'z') {
		return 30;
	}
	if (byte >= '0' && byte <= '9') {
		return 50;
	}
	return byte <= ' ' ? 15 : 60;
}

/* U+3000 to U+DFFF begin with e3 to ed, the full-width forms with ef bc to ef bf. */
static bool is_wide(const unsigned char *at, const unsigned char *end)
{
	return (at[0] >= 0xe3 && at[0] <= 0xed) || (at[0] == 0xef && at + 1 < end && at[1] >= 0xbc);
}

/* Over ASCII up to a blank or the end of ASCII. */
static const unsigned char *add_run(
	struct qg_token_count *count, const unsigned char *at, const unsigned char *end)
{
	const unsigned char *start = at;
	int64_t rate = 0;
	for (; at < end && at[0] > ' ' && at[0] < 0x80; at++) {
		rate += ascii_rate(at[0]);
	}
	count->rest += at - start > LONG_RUN ? (at - start) * RUN_RATE : rate;
	return at;
}

void qg_tokens_add(struct qg_token_count *count, const char *text, size_t size)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + size;
	while (at < end) {
		unsigned char byte = at[0];
		if (byte > ' ' && byte < 0x80) {
			at = add_run(count, at, end);
			continue;
		}
		if (byte >= 0xf0) {
			count->rest += 300;
		} else if (byte >= 0xc0 && is_wide(at, end)) {
			count->wide++;
		} else if (byte >= 0xc0) {
			count->rest += 100;
		} else if (byte < 0x80) {
			count->rest += ascii_rate(byte);
		}
		at++;
	}
}

void qg_tokens_sum(struct qg_token_count *count, const struct qg_token_count *more)
{
	count->wide += more->wide;
	count->rest += more->rest;
}

bool qg_tokens_is_dense(const char *model)
{
	static const char *const families[] = {"deepseek", "qwen", "qwq", "glm", "doubao", "kimi",
		"moonshot", "gpt-4o", "gpt-4.1", "gpt-5", "o200k"};
	for (size_t i = 0; model != NULL && i < sizeof(families) / sizeof(families[0]); i++) {
		if (qg_text_has(model, families[i])) {
			return true;
		}
	}
	return false;
}

int64_t qg_tokens_total(const struct qg_token_count *count, bool dense)
{
	return (count->wide * (dense ? WIDE_DENSE : 100) + count->rest + 99) / 100;
}

int64_t qg_tokens_estimate(const char *text, size_t size)
{
	struct qg_token_count count = {0};
	qg_tokens_add(&count, text, size);
	return qg_tokens_total(&count, false);
}
