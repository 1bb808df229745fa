/* test_media.c - what attachments stand for: fetched from where they may be fetched, opened with the right key, named. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hook_world.h"

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"
#include "wxcrypt.h"

#define WITH_API HOOK_CREDENTIALS "api_base: 'http://%API%'\n"

static struct hook_world world;
static bool told;
static enum qg_status status;
static char *data;
static size_t data_size;

static void setup(void)
{
	hook_world_open(&world, WITH_API, NULL);
	told = false;
	data = NULL;
}

static void teardown(void)
{
	free(data);
	hook_world_close(&world);
}

static void came(void *arg, enum qg_status how, char *bytes, size_t size)
{
	ck_assert(!told && !world.host->in_adapter);
	ck_assert(how == QG_OK ? bytes != NULL && bytes[size] == '\0' : bytes == NULL);
	told = true;
	status = how;
	free(data);
	data = bytes;
	data_size = size;
	*(int *)arg += 1;
}

static bool is_told(void *arg)
{
	return told;
}

static int times;

static void begin(json_t *attachment, size_t most)
{
	told = false;
	world.host->in_adapter = true;
	world.host->bot.adapter->media(&world.host->bot, attachment, most, came, &times);
	world.host->in_adapter = false;
}

static enum qg_status fetch(json_t *attachment, size_t most)
{
	begin(attachment, most);
	fake_host_wait(world.loop, is_told, NULL);
	return status;
}

/* An attachment at the platform's address; key NULL: the bot's. */
static json_t *attachment(const char *key)
{
	char *url = qg_str_printf(
		"http://%s/a/b.bin?sign=q%%3D1%%3B2", qg_http_server_address(world.platform));
	json_t *item = json_pack("{s:s, s:s, s:s}", "type", "file", "name", "", "url", url);
	if (key) {
		json_object_set_new(item, "aeskey", json_string(key));
	} else {
		json_object_set_new(item, "mode", json_string("webhook"));
	}
	free(url);
	return item;
}

START_TEST(test_vectors)
{
	json_t *root = hook_world_vectors("media");
	const json_t *cases = json_object_get(root, "cases");
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *vector = json_array_get(cases, i);
		const json_t *expect = json_object_get(vector, "expect");
		const char *cipher = qg_json_str(vector, "cipher_base64", "");
		const char *plain = qg_json_str(expect, "plain_base64", "");
		bool accept = strcmp(qg_json_str(expect, "result", ""), "accept") == 0;
		struct qg_buf file, wanted;
		qg_buf_init(&file, 4096);
		qg_buf_init(&wanted, 4096);
		ck_assert_int_eq(qg_base64_decode(cipher, strlen(cipher), &file), QG_OK);
		ck_assert_int_eq(qg_base64_decode(plain, strlen(plain), &wanted), QG_OK);
		world.file = file.data ? file.data : "";
		world.file_size = file.size;
		json_t *item = attachment(qg_json_str(vector, "key", ""));
		ck_assert_msg((fetch(item, 4096) == QG_OK) == accept, "%s: %s",
			qg_json_str(vector, "name", "?"), qg_status_name(status));
		if (accept) {
			ck_assert_uint_eq(data_size, wanted.size);
			ck_assert_mem_eq(data, wanted.data, data_size);
		} else {
			ck_assert_int_eq(status, QG_INVALID);
		}
		json_decref(item);
		qg_buf_finish(&file);
		qg_buf_finish(&wanted);
	}
	ck_assert_str_eq(world.asked[0].query, "sign=q%3D1%3B2"); /* byte for byte */
	json_decref(root);
}
END_TEST

/* size bytes sealed as the platform does it, with the bot's key; yours to free. */
static char *seal(size_t size, size_t *sealed_size)
{
	uint8_t key[QG_AES256_KEY];
	size_t pad = 32 - size % 32;
	char *bytes = malloc(size + pad);
	memset(bytes, 'x', size);
	memset(bytes + size, (int)pad, pad);
	ck_assert_int_eq(wxcrypt_key(HOOK_KEY, key), QG_OK);
	ck_assert_int_eq(qg_aes256_cbc_blocks(key, key, true, bytes, size + pad), QG_OK);
	*sealed_size = size + pad;
	return bytes;
}

START_TEST(test_bots_key_and_pool)
{
	static const size_t sizes[] = {
		0, 1, 31, 32, 100000, ((size_t)1 << 20) - 1, (size_t)3 << 20};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *file = seal(sizes[i], &world.file_size);
		world.file = file;
		json_t *item = attachment(NULL);
		ck_assert_int_eq(fetch(item, sizes[i]), QG_OK); /* just enough room */
		ck_assert_uint_eq(data_size, sizes[i]);
		for (size_t at = 0; at < sizes[i]; at += 997) {
			ck_assert_int_eq(data[at], 'x');
		}
		if (sizes[i] > 0) {
			ck_assert_int_eq(fetch(item, sizes[i] - 1), QG_TOO_LARGE);
		}
		json_decref(item);
		free(file);
	}
}
END_TEST

static const struct {
	const char *header, *name;
} names[] = {
	{"attachment; filename=\"report.pdf\"", "report.pdf"},
	{"attachment; filename=plain.txt; x=y", "plain.txt"},
	{"attachment; filename=\"x.pdf\"; filename*=UTF-8''%E6%8A%A5%E8%A1%A8.xlsx", "报表.xlsx"},
	{"attachment; FILENAME=%E6%8A%A5.csv", "报.csv"},
	{"attachment; filename=\"../../etc/passwd\"", "passwd"},
	{"attachment; filename=\"..%2f..\\etc\\passwd%0d%0a\"", "passwd "},
	{"attachment; filename=\"100%.txt\"", "100%.txt"},
	{"attachment", "before"},
	{"attachment; filename=\"\"", "before"},
};

START_TEST(test_names)
{
	char *file = seal(10, &world.file_size);
	world.file = file;
	world.disposition = names[_i].header;
	json_t *item = attachment(NULL);
	json_object_set_new(item, "name", json_string("before"));
	ck_assert_int_eq(fetch(item, 100), QG_OK);
	ck_assert_str_eq(qg_json_str(item, "name", ""), names[_i].name);
	json_decref(item);
	free(file);
}
END_TEST

static const struct {
	int http;
	enum qg_status status;
	size_t asked;
} answers[] = {{403, QG_NOT_FOUND, 1}, {404, QG_NOT_FOUND, 1}, {410, QG_NOT_FOUND, 1},
	{302, QG_NOT_FOUND, 1}, {400, QG_NOT_FOUND, 1}, {503, QG_AWAY, 3}};

START_TEST(test_answers)
{
	world.answer_status = answers[_i].http;
	world.location = answers[_i].http == 302 ? "/elsewhere" : NULL;
	json_t *item = attachment(NULL);
	ck_assert_int_eq(fetch(item, 10), answers[_i].status);
	ck_assert_uint_eq(world.asked_count, answers[_i].asked);
	json_decref(item);
}
END_TEST

static const char *const forbidden[] = {"", "x", "ftp://h.example/x", "http://h.example/x",
	"https://127.0.0.2/x", "https://localhost/x", "https://localhost./x",
	"https://a.localhost/x", "https://10.0.0.1/x", "https://172.31.255.1/x",
	"https://192.168.1.1/x", "https://169.254.169.254/latest", "https://[::1]/x",
	"https://[fe80::1]/x", "https://[fd00::1]/x", "https://[::ffff:10.0.0.1]/x",
	"https://0x7f.1/x", "https://2130706433/x", "https://0/x", "https://intranet/x",
	"https://printer.local/x", "https://user@h.example/x", "https://h.example\\@x/",
	"https:///x", "https://h.example:x/", "https://100.64.0.1/x", "https://[::]/x",
	"https://224.0.0.1/x"};

START_TEST(test_forbidden)
{
	json_t *item = json_pack(
		"{s:s, s:s, s:s}", "type", "image", "url", forbidden[_i], "mode", "webhook");
	ck_assert_int_eq(fetch(item, 10), QG_INVALID);
	ck_assert_uint_eq(world.asked_count, 0);
	json_decref(item);
}
END_TEST

START_TEST(test_keys)
{
	static const char *const bad[] = {"", "short",
		"Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6w==",
		"Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6w=Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFF"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *item = attachment(bad[i]);
		ck_assert_int_eq(fetch(item, 10), QG_INVALID);
		json_decref(item);
	}
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

static bool is_asked(void *arg)
{
	return world.asked_count > 0;
}

START_TEST(test_forgotten)
{
	world.mute = true;
	times = 0;
	json_t *item = attachment(NULL);
	begin(item, 10);
	fake_host_wait(world.loop, is_asked, NULL);
	world.host->bot.adapter->media_forget(&world.host->bot, &times);
	world.host->bot.adapter->media_forget(&world.host->bot, &times);
	begin(item, 10); /* and one that ends with its bot */
	json_decref(item);
	ck_assert_int_eq(times, 0);
}
END_TEST

/* Forgotten, and the bot finished, while the pool is at it. */
START_TEST(test_forgotten_in_the_pool)
{
	char *file = seal((size_t)8 << 20, &world.file_size);
	world.file = file;
	json_t *item = attachment(NULL);
	times = 0;
	begin(item, (size_t)8 << 20);
	fake_host_wait(world.loop, is_asked, NULL);
	json_decref(item);
	wecom_media_finish(&world.host->bot);
	qg_loop_finish_work(world.loop);
	ck_assert_int_eq(times, 0);
	free(file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom media");
	TCase *tcase = tcase_create("all");
	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_vectors);
	tcase_add_test(tcase, test_bots_key_and_pool);
	tcase_add_loop_test(tcase, test_names, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(tcase, test_forbidden, 0, sizeof(forbidden) / sizeof(forbidden[0]));
	tcase_add_test(tcase, test_keys);
	tcase_add_test(tcase, test_forgotten);
	tcase_add_test(tcase, test_forgotten_in_the_pool);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
