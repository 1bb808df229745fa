/* wxcrypt.h - the envelope of the WeChat family: WeCom's AI bot, apps and customer service, official accounts.
 *
 * Ciphertext is AES-256-CBC of random(16) | length(4) | message | receive id, padded to 32 bytes; the signature is SHA-1
 * over four sorted strings. Padding, length and receive id are all checked, which official packages leave out.
 * Source: developer.work.weixin.qq.com, documents 90968 and 101033. */
#ifndef QG_WXCRYPT_H
#define QG_WXCRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/buf.h"
#include "qg/crypto.h"
#include "qg/status.h"

#define WXCRYPT_KEY_CHARS 43
#define WXCRYPT_SIGNATURE_SIZE 41 /* 40 hex digits and NUL */

/* Of 43 characters; the two low bits of the last one are not looked at. QG_INVALID for anything else. */
QG_MUST_CHECK enum qg_status wxcrypt_key(const char *text, uint8_t key[QG_AES256_KEY]);
void wxcrypt_sign(const char *token, const char *timestamp, const char *nonce, const char *cipher,
	size_t cipher_size, char out[WXCRYPT_SIGNATURE_SIZE]);
/* In constant time. signature may be NULL: false. */
bool wxcrypt_is_signed(const char *token, const char *timestamp, const char *nonce,
	const char *cipher, size_t cipher_size, const char *signature);
/* cipher: base64. Appends the message, a NUL behind it that does not count. receive_id: "" where none is used; the one
 * inside must be equal. QG_INVALID. */
QG_MUST_CHECK enum qg_status wxcrypt_open(const uint8_t key[QG_AES256_KEY], const char *receive_id,
	const char *cipher, size_t cipher_size, struct qg_buf *out);
/* Appends base64. random16: NULL for real randomness (tests give their own). */
QG_MUST_CHECK enum qg_status wxcrypt_seal(const uint8_t key[QG_AES256_KEY], const char *receive_id,
	const void *message, size_t size, const uint8_t *random16, struct qg_buf *out);
/* A file of the AI bot, in place: no random, length or id in front. Tells the size without padding. Slow for large ones:
 * in the pool. */
QG_MUST_CHECK enum qg_status wxcrypt_open_file(
	const uint8_t key[QG_AES256_KEY], void *data, size_t size, size_t *size_out);

#endif
