/* fuzz_wxcrypt.c - the envelope of the WeChat family: what was not sealed with the key is not opened, what was is opened
 * as it was.
 *
 * The first byte chooses how the rest is used: as base64 of a ciphertext, as a ciphertext, as a plaintext with its head
 * and padding (which reaches behind the padding's check), as a message to seal and open, as a key, as a file. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wxcrypt.h"

#include "qg/codec.h"

#define ROOM ((size_t)4 << 20)
#define ID "ww1f0a6c3b9d2e7754"

enum mode { TEXT, CIPHER, PLAIN, MESSAGE, KEY, WHOLE_FILE, MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[QG_AES256_KEY] = "0123456789abcdef0123456789abcde";

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void open_text(const char *text, size_t size, const char *id)
{
	struct qg_buf out;
	qg_buf_init(&out, ROOM);
	qg_buf_add_str(&out, "before");
	enum qg_status status = wxcrypt_open(key, id, text, size, &out);
	expect(status == QG_OK || out.size == 6, "a refusal that leaves something");
	expect(memcmp(out.data, "before", 6) == 0 && out.data[out.size] == '\0',
		"what stood before");
	expect(status != QG_OK || out.size - 6 + 20 + strlen(id) < size,
		"a message out of nothing");
	qg_buf_finish(&out);
}

static void open_bytes(const void *data, size_t size, bool seals)
{
	struct qg_buf text;
	qg_buf_init(&text, ROOM);
	char *copy = malloc(size + 1);
	memcpy(copy, data, size);
	if (seals && qg_aes256_cbc_blocks(key, key, true, copy, size) != QG_OK) {
		free(copy);
		return;
	}
	if (qg_base64_encode(copy, size, &text) == QG_OK) {
		open_text(text.data, text.size, "");
		open_text(text.data, text.size, ID);
	}
	free(copy);
	qg_buf_finish(&text);
}

static void round_trip(const void *data, size_t size)
{
	struct qg_buf cipher, plain;
	qg_buf_init(&cipher, ROOM);
	qg_buf_init(&plain, ROOM);
	if (wxcrypt_seal(key, ID, data, size, NULL, &cipher) == QG_OK) {
		expect(wxcrypt_open(key, ID, cipher.data, cipher.size, &plain) == QG_OK,
			"what was sealed does not open");
		expect(plain.size == size && (size == 0 || memcmp(plain.data, data, size) == 0),
			"another message than was sealed");
		expect(wxcrypt_open(key, "", cipher.data, cipher.size, &plain) == QG_INVALID,
			"another's id");
		char signature[WXCRYPT_SIGNATURE_SIZE];
		wxcrypt_sign("t", "1", "n", cipher.data, cipher.size, signature);
		expect(wxcrypt_is_signed("t", "1", "n", cipher.data, cipher.size, signature),
			"an own signature");
		signature[size % 40] ^= 1;
		expect(!wxcrypt_is_signed("t", "1", "n", cipher.data, cipher.size, signature),
			"a forged signature");
	}
	qg_buf_finish(&cipher);
	qg_buf_finish(&plain);
}

static void open_file(const void *data, size_t size)
{
	size_t left = 0;
	char *copy = malloc(size + 1);
	memcpy(copy, data, size);
	if (wxcrypt_open_file(key, copy, size, &left) == QG_OK) {
		expect(left < size && size - left <= 32 && size % 16 == 0, "padding out of bounds");
	}
	free(copy);
}

static void read_key(const void *data, size_t size)
{
	uint8_t read[QG_AES256_KEY];
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	expect(wxcrypt_key(text, read) != QG_OK || strlen(text) == WXCRYPT_KEY_CHARS,
		"a key of another length");
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	const char *rest = (const char *)data + 1;
	switch ((enum mode)(data[0] % MODES)) {
	case TEXT:
		open_text(rest, size - 1, ID);
		break;
	case CIPHER:
		open_bytes(rest, size - 1, false);
		break;
	case PLAIN:
		open_bytes(rest, size - 1, true);
		break;
	case MESSAGE:
		round_trip(rest, size - 1);
		break;
	case KEY:
		read_key(rest, size - 1);
		break;
	default:
		open_file(rest, size - 1);
	}
	return 0;
}
