/* test_wxcrypt.c - the envelope of the WeChat family against what its own packages sealed, signed and opened, and against
 * all that must not be opened. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"
#include "wxcrypt.h"

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define FILE_MAX ((size_t)1 << 20)

static json_t *root;

static const json_t *cases(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), QG_VECTORS "/wecom/%s.json", name);
	FILE *file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s", path);
	char *text = malloc(FILE_MAX);
	size_t size = fread(text, 1, FILE_MAX, file);
	fclose(file);
	json_error_t error;
	root = json_loadb(text, size, JSON_ALLOW_NUL, &error);
	ck_assert_msg(root != NULL, "%s: %s", path, error.text);
	free(text);
	const json_t *list = json_object_get(root, "cases");
	ck_assert_uint_gt(json_array_size(list), 0);
	return list;
}

static void teardown(void)
{
	json_decref(root);
	root = NULL;
}

static const char *member(const json_t *object, const char *outer, const char *name)
{
	return qg_json_str(json_object_get(object, outer), name, "");
}

static const char *signature_of(const json_t *vector)
{
	return member(vector, "params", "msg_signature");
}

/* The ciphertext, wherever the case keeps it; NULL: it has none. */
static const char *cipher_of(const json_t *vector)
{
	const char *cipher = qg_json_str(vector, "encrypt", NULL);
	return cipher ? cipher : qg_json_str(vector, "echostr", NULL);
}

/* QG_OK with the message, as a reader of requests does it: signature, key, envelope. */
static enum qg_status open_case(const json_t *vector, struct qg_buf *out)
{
	uint8_t key[QG_AES256_KEY];
	const char *cipher = cipher_of(vector);
	if (!wxcrypt_is_signed(member(vector, "credentials", "token"),
		    member(vector, "params", "timestamp"), member(vector, "params", "nonce"),
		    cipher, strlen(cipher), signature_of(vector))) {
		return QG_DENIED;
	}
	enum qg_status status = wxcrypt_key(member(vector, "credentials", "encoding_aes_key"), key);
	if (status != QG_OK) {
		return status;
	}
	return wxcrypt_open(
		key, member(vector, "credentials", "receive_id"), cipher, strlen(cipher), out);
}

static const char *const accepted[] = {
	"url-verify", "aibot-inbound", "app-xml", "kf-xml", "official-account", "padding"};
static const size_t accepted_least[] = {8, 21, 9, 2, 4, 10};

START_TEST(test_accepted)
{
	const json_t *list = cases(accepted[_i]);
	size_t opened = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *vector = json_array_get(list, i);
		const char *name = qg_json_str(vector, "name", "?");
		const json_t *expect = json_object_get(vector, "expect");
		if (!cipher_of(vector)) {
			continue; /* of a mode that encrypts nothing */
		}
		struct qg_buf out;
		qg_buf_init(&out, FILE_MAX);
		ck_assert_int_eq(qg_buf_add_str(&out, "before"), QG_OK);
		ck_assert_msg(open_case(vector, &out) == QG_OK, "%s", name);
		const json_t *plain = json_object_get(expect, "plain");
		ck_assert_msg(out.size - 6 == json_string_length(plain), "%s", name);
		ck_assert_mem_eq(out.data, "before", 6);
		ck_assert_mem_eq(out.data + 6, json_string_value(plain), out.size - 6);
		ck_assert_int_eq(out.data[out.size], '\0');
		qg_buf_finish(&out);
		opened++;
	}
	ck_assert_uint_ge(opened, accepted_least[_i]);
}
END_TEST

/* What decrypts well but holds no JSON is refused further up. */
static bool is_refused_later(const json_t *vector)
{
	return strcmp(member(vector, "expect", "stage"), "json") == 0;
}

START_TEST(test_refused)
{
	const json_t *list = cases("negative");
	size_t refused = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *vector = json_array_get(list, i);
		const char *name = qg_json_str(vector, "name", "?");
		if (!cipher_of(vector)) {
			continue; /* no envelope at all: see the webhook's test */
		}
		struct qg_buf out;
		qg_buf_init(&out, FILE_MAX);
		enum qg_status status = open_case(vector, &out);
		if (is_refused_later(vector)) {
			ck_assert_msg(status == QG_OK, "%s", name);
		} else {
			bool is_signed = qg_json_bool(
				json_object_get(vector, "expect"), "signature_ok", true);
			ck_assert_msg(status == (is_signed ? QG_INVALID : QG_DENIED), "%s: %d",
				name, status);
			ck_assert_uint_eq(out.size, 0);
			refused++;
		}
		qg_buf_finish(&out);
	}
	ck_assert_uint_ge(refused, 30);
}
END_TEST

START_TEST(test_signatures)
{
	const json_t *list = cases("signature");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *vector = json_array_get(list, i);
		const char *cipher = member(vector, "input", "encrypt");
		const char *token = member(vector, "input", "token");
		const char *timestamp = member(vector, "input", "timestamp");
		const char *nonce = member(vector, "input", "nonce");
		char made[WXCRYPT_SIGNATURE_SIZE], cut[WXCRYPT_SIGNATURE_SIZE + 1];
		wxcrypt_sign(token, timestamp, nonce, cipher, strlen(cipher), made);
		ck_assert_str_eq(made, member(vector, "expect", "signature"));
		ck_assert(wxcrypt_is_signed(token, timestamp, nonce, cipher, strlen(cipher), made));
		for (size_t at = 0; at < strlen(made); at++) { /* every character counts */
			memcpy(cut, made, sizeof(made));
			cut[at] = cut[at] == '0' ? '1' : '0';
			ck_assert(!wxcrypt_is_signed(
				token, timestamp, nonce, cipher, strlen(cipher), cut));
			memcpy(cut, made, sizeof(made));
			cut[at] = '\0';
			ck_assert(!wxcrypt_is_signed(
				token, timestamp, nonce, cipher, strlen(cipher), cut));
		}
		snprintf(cut, sizeof(cut), "%s0", made);
		ck_assert(!wxcrypt_is_signed(token, timestamp, nonce, cipher, strlen(cipher), cut));
		ck_assert(
			!wxcrypt_is_signed(token, timestamp, nonce, cipher, strlen(cipher), NULL));
		ck_assert(!wxcrypt_is_signed(token, NULL, nonce, cipher, strlen(cipher), made));
	}
}
END_TEST

START_TEST(test_replies_byte_for_byte)
{
	const json_t *list = cases("aibot-reply");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *vector = json_array_get(list, i);
		const char *plain = member(vector, "input", "plain");
		const char *hex = member(vector, "input", "random_hex");
		uint8_t key[QG_AES256_KEY], random16[16];
		char made[WXCRYPT_SIGNATURE_SIZE];
		struct qg_buf out;
		qg_buf_init(&out, FILE_MAX);
		ck_assert_int_eq(
			wxcrypt_key(member(vector, "credentials", "encoding_aes_key"), key), QG_OK);
		ck_assert_int_eq(qg_hex_decode(hex, strlen(hex), random16), QG_OK);
		ck_assert_int_eq(wxcrypt_seal(key, member(vector, "credentials", "receive_id"),
					 plain, strlen(plain), random16, &out),
			QG_OK);
		ck_assert_str_eq(out.data, member(vector, "expect", "encrypt"));
		wxcrypt_sign(member(vector, "credentials", "token"),
			member(vector, "input", "timestamp"), member(vector, "input", "nonce"),
			out.data, out.size, made);
		ck_assert_str_eq(made, member(vector, "expect", "signature"));
		qg_buf_finish(&out);
	}
}
END_TEST

/* Every length of a message opens again, with an id and without; randomness is real. */
START_TEST(test_round_trips)
{
	static const char key_text[] = "Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6w";
	uint8_t key[QG_AES256_KEY];
	char message[100], *before = NULL;
	memset(message, 'x', sizeof(message));
	message[3] = '\0'; /* does not end it */
	ck_assert_int_eq(wxcrypt_key(key_text, key), QG_OK);
	for (size_t size = 0; size <= sizeof(message); size++) {
		const char *id = size % 2 ? "ww1f0a6c3b9d2e7754" : "";
		struct qg_buf cipher, plain;
		qg_buf_init(&cipher, FILE_MAX);
		qg_buf_init(&plain, FILE_MAX);
		ck_assert_int_eq(wxcrypt_seal(key, id, message, size, NULL, &cipher), QG_OK);
		ck_assert_int_eq(wxcrypt_open(key, id, cipher.data, cipher.size, &plain), QG_OK);
		ck_assert_uint_eq(plain.size, size);
		ck_assert_mem_eq(plain.data, message, size);
		ck_assert_int_eq(
			wxcrypt_open(key, "another", cipher.data, cipher.size, &plain), QG_INVALID);
		ck_assert_uint_eq(plain.size, size);
		ck_assert(!before || strcmp(before, cipher.data) != 0);
		free(before);
		before = qg_buf_steal(&cipher);
		qg_buf_finish(&plain);
	}
	free(before);
}
END_TEST

START_TEST(test_keys)
{
	uint8_t key[QG_AES256_KEY], same[QG_AES256_KEY];
	/* The last character's two low bits mean nothing. */
	ck_assert_int_eq(wxcrypt_key("Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6w", key), QG_OK);
	ck_assert_int_eq(wxcrypt_key("Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6z", same), QG_OK);
	ck_assert_mem_eq(key, same, sizeof(key));
	static const char *const bad[] = {NULL, "", "Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6",
		"Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6wA",
		"Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6=",
		"Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6 ",
		"Kn3swhegxTF9uGPAISg0gYuKj2rn-U8LFFFcpOhFO6w"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(wxcrypt_key(bad[i], key), QG_INVALID);
	}
	ck_assert_mem_eq(key, same, sizeof(key)); /* a refused one changes nothing */
}
END_TEST

START_TEST(test_files)
{
	const json_t *list = cases("media");
	size_t opened = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *vector = json_array_get(list, i);
		const json_t *expect = json_object_get(vector, "expect");
		const char *cipher = qg_json_str(vector, "cipher_base64", "");
		const char *plain = qg_json_str(expect, "plain_base64", "");
		const char *name = qg_json_str(vector, "name", "?");
		bool accept = strcmp(qg_json_str(expect, "result", ""), "accept") == 0;
		uint8_t key[QG_AES256_KEY];
		char text[64];
		snprintf(text, sizeof(text), "%s", qg_json_str(vector, "key", ""));
		text[strcspn(text, "=")] = '\0';
		struct qg_buf data, wanted;
		qg_buf_init(&data, FILE_MAX);
		qg_buf_init(&wanted, FILE_MAX);
		ck_assert_int_eq(qg_base64_decode(cipher, strlen(cipher), &data), QG_OK);
		ck_assert_int_eq(qg_base64_decode(plain, strlen(plain), &wanted), QG_OK);
		size_t size = 0;
		enum qg_status status = wxcrypt_key(text, key);
		if (status == QG_OK) {
			status = wxcrypt_open_file(key, data.data, data.size, &size);
		}
		ck_assert_msg((status == QG_OK) == accept, "%s: %d", name, status);
		ck_assert_msg(!accept || size == wanted.size, "%s: %zu", name, size);
		ck_assert_mem_eq(data.data, accept ? wanted.data : data.data, accept ? size : 0);
		opened += accept;
		qg_buf_finish(&data);
		qg_buf_finish(&wanted);
	}
	ck_assert_uint_ge(opened, 7);
}
END_TEST

static bool seal_and_open(void *arg)
{
	const uint8_t *key = arg;
	struct qg_buf cipher, plain;
	qg_buf_init(&cipher, FILE_MAX);
	qg_buf_init(&plain, FILE_MAX);
	bool good = wxcrypt_seal(key, "id", "words", 5, NULL, &cipher) == QG_OK &&
		    wxcrypt_open(key, "id", cipher.data, cipher.size, &plain) == QG_OK;
	qg_buf_finish(&cipher);
	qg_buf_finish(&plain);
	return good;
}

START_TEST(test_failing_malloc)
{
	uint8_t key[QG_AES256_KEY];
	ck_assert_int_eq(wxcrypt_key("Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6w", key), QG_OK);
	ck_assert(seal_and_open(key)); /* contexts of the thread are made */
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(seal_and_open, key), 3);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wxcrypt");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, test_accepted, 0, sizeof(accepted) / sizeof(accepted[0]));
	tcase_add_test(tcase, test_refused);
	tcase_add_test(tcase, test_signatures);
	tcase_add_test(tcase, test_replies_byte_for_byte);
	tcase_add_test(tcase, test_round_trips);
	tcase_add_test(tcase, test_keys);
	tcase_add_test(tcase, test_files);
	tcase_add_test(tcase, test_failing_malloc);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
