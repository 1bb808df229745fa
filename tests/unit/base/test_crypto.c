/* test_crypto.c - published vectors of digests, HMAC and AES, derived ids, randomness, comparison. */
#include "qg/crypto.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"

static const char *hex(const uint8_t digest[QG_SHA256_SIZE])
{
	static char text[2 * QG_SHA256_SIZE + 1];
	qg_hex_encode(digest, QG_SHA256_SIZE, text);
	return text;
}

static const char *sha256(const char *text)
{
	uint8_t digest[QG_SHA256_SIZE];
	qg_sha256(text, strlen(text), digest);
	return hex(digest);
}

/* FIPS 180-4 examples. */
START_TEST(sha256_vectors)
{
	ck_assert_str_eq(
		sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	ck_assert_str_eq(
		sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ck_assert_str_eq(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	static char million[1000001];
	memset(million, 'a', 1000000);
	ck_assert_str_eq(sha256(million),
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

static const char *hmac(const void *key, size_t key_size, const char *data, size_t size)
{
	uint8_t digest[QG_SHA256_SIZE];
	qg_hmac_sha256(key, key_size, data, size, digest);
	return hex(digest);
}

/* RFC 4231, test cases 1, 2, 3, 4, 6 and 7. */
START_TEST(hmac_vectors)
{
	uint8_t key[131];
	char data[152];
	memset(key, 0x0b, 20);
	ck_assert_str_eq(hmac(key, 20, "Hi There", 8),
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	ck_assert_str_eq(hmac("Jefe", 4, "what do ya want for nothing?", 28),
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, 50);
	ck_assert_str_eq(hmac(key, 20, data, 50),
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	ck_assert_str_eq(
		hmac(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54),
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	static const char text[] = "This is a test using a larger than block-size key and a larger "
				   "than block-size data. The key "
				   "needs to be hashed before being used by the HMAC algorithm.";
	ck_assert_str_eq(hmac(key, 131, text, sizeof(text) - 1),
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
	for (size_t i = 0; i < 25; i++) {
		key[i] = (uint8_t)(i + 1);
	}
	memset(data, 0xcd, 50);
	ck_assert_str_eq(hmac(key, 25, data, 50),
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}
END_TEST

START_TEST(hmac_with_an_empty_key_does_not_reuse_the_last_one)
{
	hmac("Jefe", 4, "x", 1);
	ck_assert_str_eq(hmac("", 0, "", 0),
		"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	hmac("Jefe", 4, "x", 1);
	ck_assert_str_eq(hmac(NULL, 0, "", 0),
		"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
END_TEST

START_TEST(derived_ids_keep_their_parts_apart)
{
	char id[33], other[33];
	qg_digest_id(id, "abc", NULL);
	ck_assert_str_eq(id, "ba7816bf8f01cfea414140de5dae2223");
	/* SHA-256 over "a\0b". */
	uint8_t digest[QG_SHA256_SIZE];
	qg_sha256("a\0b", 3, digest);
	qg_digest_id(id, "a", "b", NULL);
	ck_assert_int_eq(strncmp(id, hex(digest), 32), 0);
	ck_assert_uint_eq(strlen(id), 32);
	qg_digest_id(other, "ab", "", NULL);
	ck_assert_str_ne(id, other);
	qg_digest_id(id, "ab", NULL);
	ck_assert_str_ne(id, other);
}
END_TEST

START_TEST(random_values_differ_and_stay_below)
{
	char a[33], b[33];
	unsigned char bytes[16];
	unsigned seen[7] = {0};
	qg_random_hex(a, 16);
	qg_random_hex(b, 16);
	ck_assert_uint_eq(strlen(a), 32);
	ck_assert_int_eq(qg_hex_decode(a, 32, bytes), QG_OK);
	ck_assert_str_ne(a, b);
	for (int i = 0; i < 7000; i++) {
		uint64_t number = qg_random_below(7);
		ck_assert_uint_lt(number, 7);
		seen[number]++;
	}
	for (int i = 0; i < 7; i++) {
		/* 1,000 expected; ten standard deviations to either side. */
		ck_assert_uint_gt(seen[i], 700);
		ck_assert_uint_lt(seen[i], 1300);
	}
	ck_assert_uint_eq(qg_random_below(1), 0);
}
END_TEST

START_TEST(constant_time_comparison_compares)
{
	ck_assert(qg_equal_constant_time("secret", "secret"));
	ck_assert(qg_equal_constant_time("", ""));
	ck_assert(!qg_equal_constant_time("secret", "secreT"));
	ck_assert(!qg_equal_constant_time("secret", "Secret"));
	ck_assert(!qg_equal_constant_time("secret", "secre"));
	ck_assert(!qg_equal_constant_time("secret", "secrets"));
	ck_assert(!qg_equal_constant_time("secret", ""));
	ck_assert(!qg_equal_constant_time("", "secret"));
	ck_assert(!qg_equal_constant_time(NULL, ""));
	ck_assert(!qg_equal_constant_time("", NULL));
}
END_TEST

static void *digest_often(void *arg)
{
	uint8_t *digest = arg;
	for (int i = 0; i < 500; i++) {
		qg_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
		qg_sha256(digest, QG_SHA256_SIZE, digest);
	}
	return NULL;
}

START_TEST(pieces_are_hashed_as_one)
{
	uint8_t whole[QG_SHA256_SIZE], joined[QG_SHA256_SIZE];
	const struct qg_bytes pieces[] = {{"ab", 2}, {"", 0}, {"c", 1}};
	qg_sha256("abc", 3, whole);
	qg_sha256_pieces(pieces, 3, joined);
	ck_assert_mem_eq(whole, joined, QG_SHA256_SIZE);
	qg_sha256("", 0, whole);
	qg_sha256_pieces(NULL, 0, joined);
	ck_assert_mem_eq(whole, joined, QG_SHA256_SIZE);
}
END_TEST

/* The case of NIST SP 800-38A F.2.5 : what it decrypts to is right, and has no padding.
 * Texts that have one are in the platforms' vectors. */
START_TEST(aes_opens_only_what_is_padded)
{
	uint8_t key[QG_AES256_KEY], iv[QG_AES_BLOCK], data[2 * QG_AES_BLOCK];
	size_t size = 0;
	const char *key_hex = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
	const char *iv_hex = "000102030405060708090a0b0c0d0e0f";
	ck_assert_int_eq(qg_hex_decode(key_hex, 64, key), QG_OK);
	ck_assert_int_eq(qg_hex_decode(iv_hex, 32, iv), QG_OK);
	const char *block = "f58c4c04d6e5f1ba779eabfb5f7bfbd6";
	ck_assert_int_eq(qg_hex_decode(block, 32, data), QG_OK);
	ck_assert_int_eq(qg_aes256_cbc_open(key, iv, data, QG_AES_BLOCK, &size), QG_INVALID);
	char plain[33];
	qg_hex_encode(data, QG_AES_BLOCK, plain);
	ck_assert_str_eq(plain, "6bc1bee22e409f96e93d7e117393172a");
	ck_assert_int_eq(qg_aes256_cbc_open(key, iv, data, 0, &size), QG_INVALID);
	ck_assert_int_eq(qg_aes256_cbc_open(key, iv, data, QG_AES_BLOCK + 1, &size), QG_INVALID);
	ck_assert_uint_eq(size, 0);
}
END_TEST

static void decode(const char *text, uint8_t *out)
{
	ck_assert_int_eq(qg_hex_decode(text, strlen(text), out), QG_OK);
}

/* NIST SP 800-38A, F.2.5 and F.2.6, all four blocks. */
START_TEST(aes_blocks_both_ways)
{
	uint8_t key[QG_AES256_KEY], iv[QG_AES_BLOCK], data[64], plain[64], cipher[64];
	decode("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", key);
	decode("000102030405060708090a0b0c0d0e0f", iv);
	decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
	       "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
		plain);
	decode("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
	       "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
		cipher);
	memcpy(data, plain, 64);
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(qg_aes256_cbc_blocks(key, iv, true, data, 64), QG_OK);
		ck_assert_mem_eq(data, cipher, 64);
		ck_assert_int_eq(qg_aes256_cbc_blocks(key, iv, false, data, 64), QG_OK);
		ck_assert_mem_eq(data, plain, 64);
	}
	ck_assert_int_eq(qg_aes256_cbc_blocks(key, iv, true, data, 0), QG_OK);
	ck_assert_int_eq(qg_aes256_cbc_blocks(key, iv, true, data, 17), QG_INVALID);
	ck_assert_int_eq(qg_aes256_cbc_blocks(key, iv, false, data, 15), QG_INVALID);
	ck_assert_mem_eq(data, plain, 64);
}
END_TEST

START_TEST(aes_opens_what_it_closed)
{
	uint8_t key[QG_AES256_KEY] = {1}, iv[QG_AES_BLOCK] = {2}, data[2 * QG_AES_BLOCK];
	size_t size = 0;
	for (uint8_t padding = 0; padding <= QG_AES_BLOCK + 1; padding++) {
		memset(data, 'x', sizeof(data));
		memset(data + sizeof(data) - padding, padding, padding);
		ck_assert_int_eq(qg_aes256_cbc_blocks(key, iv, true, data, sizeof(data)), QG_OK);
		enum qg_status status = qg_aes256_cbc_open(key, iv, data, sizeof(data), &size);
		bool good = padding >= 1 && padding <= QG_AES_BLOCK;
		ck_assert_int_eq(status, good ? QG_OK : QG_INVALID);
		ck_assert(!good || size == sizeof(data) - padding);
	}
}
END_TEST

static const char *sha1(const struct qg_bytes *pieces, size_t count)
{
	static char text[2 * QG_SHA1_SIZE + 1];
	uint8_t digest[QG_SHA1_SIZE];
	qg_sha1_pieces(pieces, count, digest);
	qg_hex_encode(digest, QG_SHA1_SIZE, text);
	return text;
}

static const char *md5(const char *data)
{
	static char text[2 * QG_MD5_SIZE + 1];
	uint8_t digest[QG_MD5_SIZE];
	qg_md5(data, strlen(data), digest);
	qg_hex_encode(digest, QG_MD5_SIZE, text);
	return text;
}

/* FIPS 180-4 and RFC 1321; one does not disturb the other, nor SHA-256 beside them. */
START_TEST(sha1_and_md5_vectors)
{
	const struct qg_bytes whole = {"abc", 3};
	const struct qg_bytes pieces[] = {{"", 0}, {"a", 1}, {"bc", 2}};
	ck_assert_str_eq(sha1(NULL, 0), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	ck_assert_str_eq(sha1(&whole, 1), "a9993e364706816aba3e25717850c26c9cd0d89d");
	ck_assert_str_eq(md5(""), "d41d8cd98f00b204e9800998ecf8427e");
	ck_assert_str_eq(md5("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
	ck_assert_str_eq(sha1(pieces, 3), "a9993e364706816aba3e25717850c26c9cd0d89d");
	ck_assert_str_eq(
		sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(threads_have_contexts_of_their_own)
{
	pthread_t threads[4];
	uint8_t digests[4][QG_SHA256_SIZE], mine[QG_SHA256_SIZE];
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, digest_often, digests[i]), 0);
	}
	digest_often(mine);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_mem_eq(digests[i], mine, QG_SHA256_SIZE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crypto");
	TCase *tcase = tcase_create("crypto");
	tcase_add_test(tcase, sha256_vectors);
	tcase_add_test(tcase, hmac_vectors);
	tcase_add_test(tcase, hmac_with_an_empty_key_does_not_reuse_the_last_one);
	tcase_add_test(tcase, derived_ids_keep_their_parts_apart);
	tcase_add_test(tcase, random_values_differ_and_stay_below);
	tcase_add_test(tcase, constant_time_comparison_compares);
	tcase_add_test(tcase, pieces_are_hashed_as_one);
	tcase_add_test(tcase, aes_opens_only_what_is_padded);
	tcase_add_test(tcase, aes_blocks_both_ways);
	tcase_add_test(tcase, aes_opens_what_it_closed);
	tcase_add_test(tcase, sha1_and_md5_vectors);
	tcase_add_test(tcase, threads_have_contexts_of_their_own);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
