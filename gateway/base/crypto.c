/* crypto.c - digests, HMAC, AES, randomness and constant-time comparison over OpenSSL.
 *
 * Every webhook is verified here, so algorithms are fetched once a process and contexts made once a
 * thread: a one-shot HMAC() spends more time on looking its digest up than on hashing. */
#include "qg/crypto.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "qg/codec.h"

/* RAND_bytes takes an int. */
#define RANDOM_STEP (1 << 20)

struct contexts {
	EVP_MD_CTX *digest;	/* SHA-256 for ever: a change of algorithm throws its memory away */
	EVP_MD_CTX *old_digest; /* whichever of the others came last */
	EVP_MAC_CTX *hmac;
	EVP_CIPHER_CTX *cipher;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static EVP_MD *sha256, *sha1, *md5;
static EVP_MAC *hmac;
static EVP_CIPHER *aes256_cbc;
static _Thread_local struct contexts *mine;

_Noreturn static void give_up(const char *what)
{
	fprintf(stderr, "qungong: %s failed in the cryptographic library\n", what);
	abort();
}

static void expect(int worked, const char *what)
{
	if (worked != 1) {
		give_up(what);
	}
}

static void free_contexts(void *arg)
{
	struct contexts *contexts = arg;
	EVP_MD_CTX_free(contexts->digest);
	EVP_MD_CTX_free(contexts->old_digest);
	EVP_MAC_CTX_free(contexts->hmac);
	EVP_CIPHER_CTX_free(contexts->cipher);
	free(contexts);
}

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	md5 = EVP_MD_fetch(NULL, "MD5", NULL); /* some systems forbid it to all */
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	aes256_cbc = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (!sha256 || !sha1 || !hmac || !aes256_cbc ||
		pthread_key_create(&key, free_contexts) != 0) {
		give_up("fetching the algorithms");
	}
}

static EVP_MAC_CTX *new_hmac(void)
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac);
	if (!context || EVP_MAC_CTX_set_params(context, params) != 1) {
		give_up("making a context");
	}
	return context;
}

/* This thread's contexts; the key's destructor frees them when the thread ends. */
static struct contexts *ours(void)
{
	if (mine) {
		return mine;
	}
	pthread_once(&once, fetch);
	struct contexts *contexts = calloc(1, sizeof(*contexts));
	if (!contexts) {
		give_up("making a context");
	}
	contexts->digest = EVP_MD_CTX_new();
	contexts->old_digest = EVP_MD_CTX_new();
	contexts->hmac = new_hmac();
	contexts->cipher = EVP_CIPHER_CTX_new();
	if (!contexts->digest || !contexts->old_digest || !contexts->cipher ||
		EVP_DecryptInit_ex2(contexts->cipher, aes256_cbc, NULL, NULL, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(contexts->cipher, 0) != 1 || /* stays so */
		pthread_setspecific(key, contexts) != 0) {
		give_up("making a context");
	}
	mine = contexts;
	return mine;
}

static void digest_begin(EVP_MD_CTX *context)
{
	expect(EVP_DigestInit_ex2(context, sha256, NULL), "SHA-256");
}

static void digest_add(EVP_MD_CTX *context, const void *data, size_t size)
{
	expect(EVP_DigestUpdate(context, data, size), "a digest");
}

static void digest_end(EVP_MD_CTX *context, uint8_t *out)
{
	expect(EVP_DigestFinal_ex(context, out, NULL), "a digest");
}

static void digest_pieces(
	EVP_MD_CTX *context, const struct qg_bytes *pieces, size_t count, uint8_t *out)
{
	for (size_t i = 0; i < count; i++) {
		digest_add(context, pieces[i].data, pieces[i].size);
	}
	digest_end(context, out);
}

void qg_sha256(const void *data, size_t size, uint8_t out[QG_SHA256_SIZE])
{
	EVP_MD_CTX *context = ours()->digest;
	digest_begin(context);
	digest_add(context, data, size);
	digest_end(context, out);
}

void qg_sha256_pieces(const struct qg_bytes *pieces, size_t count, uint8_t out[QG_SHA256_SIZE])
{
	EVP_MD_CTX *context = ours()->digest;
	digest_begin(context);
	digest_pieces(context, pieces, count, out);
}

static void old_digest(
	const EVP_MD *kind, const struct qg_bytes *pieces, size_t count, uint8_t *out)
{
	EVP_MD_CTX *context = ours()->old_digest;
	expect(EVP_DigestInit_ex2(context, kind, NULL), "a digest");
	digest_pieces(context, pieces, count, out);
}

void qg_sha1_pieces(const struct qg_bytes *pieces, size_t count, uint8_t out[QG_SHA1_SIZE])
{
	(void)ours(); /* who asks first fetches the algorithm */
	old_digest(sha1, pieces, count, out);
}

void qg_md5(const void *data, size_t size, uint8_t out[QG_MD5_SIZE])
{
	const struct qg_bytes whole = {data, size};
	(void)ours();
	expect(md5 != NULL, "MD5");
	old_digest(md5, &whole, 1, out);
}

void qg_hmac_sha256(const void *secret, size_t secret_size, const void *data, size_t size,
	uint8_t out[QG_SHA256_SIZE])
{
	EVP_MAC_CTX *context = ours()->hmac;
	size_t written = 0;
	/* A NULL key means "the one before" to the library, never to us. */
	const unsigned char *bytes = secret_size > 0 ? secret : (const void *)"";
	expect(EVP_MAC_init(context, bytes, secret_size, NULL), "HMAC");
	expect(EVP_MAC_update(context, data, size), "HMAC");
	expect(EVP_MAC_final(context, out, &written, QG_SHA256_SIZE), "HMAC");
	assert(written == QG_SHA256_SIZE);
}

/* Bytes of padding at the end of whole blocks; 0 where it is none. Looks at the whole last block whatever it says. */
static size_t padding_size(const uint8_t *data, size_t size)
{
	uint8_t padding = data[size - 1];
	unsigned wrong = padding == 0 || padding > QG_AES_BLOCK;
	for (unsigned i = 0; i < QG_AES_BLOCK; i++) {
		unsigned counts = i < padding;
		wrong |= counts & (unsigned)(data[size - 1 - i] != padding);
	}
	return wrong ? 0 : padding;
}

enum qg_status qg_aes256_cbc_blocks(const uint8_t secret[QG_AES256_KEY],
	const uint8_t iv[QG_AES_BLOCK], bool encrypts, void *data, size_t size)
{
	if (size % QG_AES_BLOCK != 0 || size > INT_MAX / 2) {
		return QG_INVALID;
	}
	EVP_CIPHER_CTX *context = ours()->cipher;
	int written = 0;
	/* The cipher is not named again: that would throw the context's memory away and allocate it anew. */
	expect(EVP_CipherInit_ex2(context, NULL, secret, iv, encrypts, NULL), "AES");
	expect(EVP_CipherUpdate(context, data, &written, data, (int)size), "AES");
	assert((size_t)written == size);
	return QG_OK;
}

enum qg_status qg_aes256_cbc_open(const uint8_t secret[QG_AES256_KEY],
	const uint8_t iv[QG_AES_BLOCK], void *data, size_t size, size_t *size_out)
{
	if (size == 0) {
		return QG_INVALID;
	}
	/* The library's own unpadding would hold the last block back. */
	if (qg_aes256_cbc_blocks(secret, iv, false, data, size) != QG_OK) {
		return QG_INVALID;
	}
	size_t padding = padding_size(data, size);
	if (padding == 0) {
		return QG_INVALID;
	}
	*size_out = size - padding;
	return QG_OK;
}

void qg_digest_id(char out[33], const char *part, ...)
{
	uint8_t digest[QG_SHA256_SIZE];
	EVP_MD_CTX *context = ours()->digest;
	va_list args;
	digest_begin(context);
	va_start(args, part);
	for (const char *next = part; next;) {
		digest_add(context, next, strlen(next));
		next = va_arg(args, const char *);
		if (next) {
			digest_add(context, "", 1);
		}
	}
	va_end(args);
	digest_end(context, digest);
	qg_hex_encode(digest, 16, out);
}

void qg_random(void *out, size_t size)
{
	unsigned char *to = out;
	while (size > 0) {
		int step = size < RANDOM_STEP ? (int)size : RANDOM_STEP;
		expect(RAND_bytes(to, step), "the random generator");
		to += step;
		size -= (size_t)step;
	}
}

void qg_random_hex(char *out, size_t bytes)
{
	/* The random bytes sit in the upper half; encoding reads each before it writes over it. */
	qg_random(out + bytes, bytes);
	for (size_t i = 0; i < bytes; i++) {
		char pair[3];
		qg_hex_encode(out + bytes + i, 1, pair);
		memcpy(out + 2 * i, pair, 2);
	}
	out[2 * bytes] = '\0';
}

uint64_t qg_random_below(uint64_t bound)
{
	assert(bound > 0);
	/* Numbers under 2^64 mod bound would make small results likelier. */
	uint64_t odd = -bound % bound;
	uint64_t number = 0;
	do {
		qg_random(&number, sizeof(number));
	} while (number < odd);
	return number % bound;
}

bool qg_equal_constant_time(const char *secret, const char *given)
{
	if (!secret || !given) {
		return false;
	}
	/* Steps are counted by given alone: the walk over secret waits at its NUL, without a
	 * branch. */
	size_t at = 0;
	volatile uint8_t difference = 0;
	for (size_t i = 0; given[i] != '\0'; i++) {
		difference |= (uint8_t)(secret[at] ^ given[i]);
		at += secret[at] != '\0';
	}
	difference |= (uint8_t)secret[at];
	return difference == 0;
}
