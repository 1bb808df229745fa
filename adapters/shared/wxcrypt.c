/* wxcrypt.c - the envelope of the WeChat family, opened and sealed.
 *
 * The padding goes to 32 bytes, which no library's own check knows, so it is done by hand. A length is compared with
 * what is left, never added to: 20 + 0xFFFFFFEC is 0 in 32 bits. What is inside is bytes with a length: a NUL does not
 * end it. */
#include "wxcrypt.h"

#include <string.h>

#include "qg/codec.h"

#define PAD 32
#define RANDOM 16
#define HEAD (RANDOM + 4)
#define MESSAGE_MAX ((size_t)64 << 20)

static int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

enum qg_status wxcrypt_key(const char *text, uint8_t key[QG_AES256_KEY])
{
	if (!text || strnlen(text, WXCRYPT_KEY_CHARS + 1) != WXCRYPT_KEY_CHARS) {
		return QG_INVALID;
	}
	uint8_t bytes[QG_AES256_KEY];
	uint32_t bits = 0;
	unsigned held = 0;
	size_t size = 0;
	for (size_t i = 0; i < WXCRYPT_KEY_CHARS; i++) {
		int value = digit(text[i]);
		if (value < 0) {
			return QG_INVALID;
		}
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			bytes[size++] = (uint8_t)(bits >> held);
		}
	}
	memcpy(key, bytes, sizeof(bytes)); /* the two bits that are left mean nothing */
	return QG_OK;
}

/* ---- the signature ---- */

static int compare(const struct qg_bytes *a, const struct qg_bytes *b)
{
	size_t least = a->size < b->size ? a->size : b->size;
	int order = least > 0 ? memcmp(a->data, b->data, least) : 0;
	return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

void wxcrypt_sign(const char *token, const char *timestamp, const char *nonce, const char *cipher,
	size_t cipher_size, char out[WXCRYPT_SIGNATURE_SIZE])
{
	struct qg_bytes parts[] = {{token, strlen(token)}, {timestamp, strlen(timestamp)},
		{nonce, strlen(nonce)}, {cipher, cipher_size}};
	for (size_t i = 1; i < 4; i++) {
		struct qg_bytes part = parts[i];
		size_t at = i;
		for (; at > 0 && compare(&part, &parts[at - 1]) < 0; at--) {
			parts[at] = parts[at - 1];
		}
		parts[at] = part;
	}
	uint8_t digest[QG_SHA1_SIZE];
	qg_sha1_pieces(parts, 4, digest);
	qg_hex_encode(digest, sizeof(digest), out);
}

bool wxcrypt_is_signed(const char *token, const char *timestamp, const char *nonce,
	const char *cipher, size_t cipher_size, const char *signature)
{
	char own[WXCRYPT_SIGNATURE_SIZE];
	if (!token || !timestamp || !nonce || !cipher || !signature) {
		return false;
	}
	wxcrypt_sign(token, timestamp, nonce, cipher, cipher_size, own);
	return qg_equal_constant_time(own, signature);
}

/* ---- opening ---- */

/* Bytes of padding at the end; 0 where it is none. */
static size_t padding_of(const uint8_t *data, size_t size)
{
	size_t padding = size > 0 ? data[size - 1] : 0;
	if (padding == 0 || padding > PAD || padding > size) {
		return 0;
	}
	for (size_t i = 0; i < padding; i++) {
		if (data[size - 1 - i] != padding) {
			return 0;
		}
	}
	return padding;
}

enum qg_status wxcrypt_open_file(
	const uint8_t key[QG_AES256_KEY], void *data, size_t size, size_t *size_out)
{
	if (size == 0 || size % QG_AES_BLOCK != 0) {
		return QG_INVALID;
	}
	enum qg_status status = qg_aes256_cbc_blocks(key, key, false, data, size);
	size_t padding = status == QG_OK ? padding_of(data, size) : 0;
	if (padding == 0) {
		return status != QG_OK ? status : QG_INVALID;
	}
	*size_out = size - padding;
	return QG_OK;
}

/* Where the message stands in what was decrypted. */
static enum qg_status find_message(
	const uint8_t *plain, size_t size, const char *receive_id, size_t *size_out)
{
	if (size < HEAD) {
		return QG_INVALID;
	}
	const uint8_t *at = plain + RANDOM;
	size_t length =
		(size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | (size_t)at[3];
	size_t left = size - HEAD;
	if (length > left) {
		return QG_INVALID;
	}
	size_t id_size = strlen(receive_id);
	if (left - length != id_size || memcmp(plain + HEAD + length, receive_id, id_size) != 0) {
		return QG_INVALID;
	}
	*size_out = length;
	return QG_OK;
}

enum qg_status wxcrypt_open(const uint8_t key[QG_AES256_KEY], const char *receive_id,
	const char *cipher, size_t cipher_size, struct qg_buf *out)
{
	size_t before = out->size, size = 0, length = 0;
	enum qg_status status = qg_base64_decode(cipher, cipher_size, out);
	if (status != QG_OK) {
		return status;
	}
	uint8_t *plain = (uint8_t *)out->data + before;
	status = wxcrypt_open_file(key, plain, out->size - before, &size);
	if (status == QG_OK) {
		status = find_message(plain, size, receive_id, &length);
	}
	if (status == QG_OK) {
		memmove(plain, plain + HEAD, length);
	}
	out->size = before + length;
	out->data[out->size] = '\0';
	return status;
}

/* ---- sealing ---- */

static void put_length(uint8_t *to, size_t length)
{
	to[0] = (uint8_t)(length >> 24);
	to[1] = (uint8_t)(length >> 16);
	to[2] = (uint8_t)(length >> 8);
	to[3] = (uint8_t)length;
}

enum qg_status wxcrypt_seal(const uint8_t key[QG_AES256_KEY], const char *receive_id,
	const void *message, size_t size, const uint8_t *random16, struct qg_buf *out)
{
	uint8_t head[HEAD], padding[PAD];
	size_t id_size = strlen(receive_id);
	if (size > MESSAGE_MAX) {
		return QG_TOO_LARGE;
	}
	size_t pad = PAD - (HEAD + size + id_size) % PAD;
	if (random16) {
		memcpy(head, random16, RANDOM);
	} else {
		qg_random(head, RANDOM);
	}
	put_length(head + RANDOM, size);
	memset(padding, (int)pad, pad);
	QG_AUTO(qg_buf_finish) struct qg_buf plain;
	qg_buf_init(&plain, HEAD + size + id_size + pad);
	if (qg_buf_reserve(&plain, plain.limit) != QG_OK) {
		return plain.failed;
	}
	qg_buf_add(&plain, head, HEAD);
	qg_buf_add(&plain, message, size);
	qg_buf_add(&plain, receive_id, id_size);
	if (qg_buf_add(&plain, padding, pad) != QG_OK) {
		return plain.failed;
	}
	enum qg_status status = qg_aes256_cbc_blocks(key, key, true, plain.data, plain.size);
	return status == QG_OK ? qg_base64_encode(plain.data, plain.size, out) : status;
}
