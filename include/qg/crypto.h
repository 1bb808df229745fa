/* crypto.h - digests, HMAC, AES, randomness and constant-time comparison. crypto.c is the only user of OpenSSL
 * besides net/. */
#ifndef QG_CRYPTO_H
#define QG_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/status.h"

#define QG_SHA256_SIZE 32
#define QG_AES_BLOCK 16
#define QG_AES256_KEY 32

struct qg_bytes { /* borrowed */
	const void *data;
	size_t size;
};

/* Aborts the process if the library cannot (no memory): a digest has no other way to fail. Any thread. */
void qg_sha256(const void *data, size_t size, uint8_t out[QG_SHA256_SIZE]);
/* Of several pieces one behind the other, without joining them. */
void qg_sha256_pieces(const struct qg_bytes *pieces, size_t count, uint8_t out[QG_SHA256_SIZE]);
void qg_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
	uint8_t out[QG_SHA256_SIZE]);
/* Decrypts AES-256-CBC in place and tells the size without its PKCS#7 padding. QG_INVALID, with nothing to be used in
 * data, unless size is one block or more of whole blocks and the padding is 1 to 16 equal bytes. Any thread. */
QG_MUST_CHECK enum qg_status qg_aes256_cbc_open(const uint8_t key[QG_AES256_KEY],
	const uint8_t iv[QG_AES_BLOCK], void *data, size_t size, size_t *size_out);
/* AES-256-CBC over whole blocks, in place, no padding added, taken or looked at: for formats that pad in their own way.
 * QG_INVALID where size is no multiple of a block. Any thread. */
QG_MUST_CHECK enum qg_status qg_aes256_cbc_blocks(const uint8_t key[QG_AES256_KEY],
	const uint8_t iv[QG_AES_BLOCK], bool encrypts, void *data, size_t size);
#define QG_SHA1_SIZE 20
#define QG_MD5_SIZE 16
/* For platforms that still sign with it; of several pieces one behind the other. */
void qg_sha1_pieces(const struct qg_bytes *pieces, size_t count, uint8_t out[QG_SHA1_SIZE]);
/* For platforms that name uploads by it. */
void qg_md5(const void *data, size_t size, uint8_t out[QG_MD5_SIZE]);
/* Hex of the first 16 bytes of SHA-256 over the parts joined by NUL, a NULL ends the list; out: 33 bytes.
 * The idempotency keys of the outbound planner and all derived ids are made so. */
void qg_digest_id(char out[33], const char *part, ...) __attribute__((sentinel));
/* Random bytes; aborts if the system has none. */
void qg_random(void *out, size_t size);
/* 2 * bytes hex characters and NUL. */
void qg_random_hex(char *out, size_t bytes);
uint64_t qg_random_below(uint64_t bound);
/* Whether two strings are equal, in a time that depends on the length of given only. */
bool qg_equal_constant_time(const char *secret, const char *given);

#endif
