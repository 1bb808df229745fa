/* crypt.c - the cipher of Feishu's webhooks: base64 of a 16 byte IV and AES-256-CBC with PKCS#7 padding.
 *
 * Strict where samples of the platform are lenient (foreign characters, padding cut by guess): what does not decrypt
 * exactly is not the platform's. Bytes in, bytes out. */
#include "feishu.h"

#include "qg/codec.h"

enum qg_status feishu_crypt_open(const uint8_t key[QG_AES256_KEY], const char *data, size_t size,
	struct qg_buf *scratch, const char **plain_out, size_t *size_out)
{
	qg_buf_reset(scratch);
	enum qg_status status = qg_base64_decode(data, size, scratch);
	if (status != QG_OK) {
		return status;
	}
	if (scratch->size < 2 * (size_t)QG_AES_BLOCK || scratch->size % QG_AES_BLOCK != 0) {
		return QG_INVALID;
	}
	char *text = scratch->data + QG_AES_BLOCK;
	size_t length = 0;
	status = qg_aes256_cbc_open(
		key, (const uint8_t *)scratch->data, text, scratch->size - QG_AES_BLOCK, &length);
	if (status != QG_OK) {
		return status;
	}
	text[length] = '\0'; /* padding is at least one byte, so there is room */
	*plain_out = text;
	*size_out = length;
	return QG_OK;
}
