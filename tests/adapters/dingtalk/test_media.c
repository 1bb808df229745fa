/* test_media.c - pictures and files of messages: codes that become addresses, what is fetched there, what is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

static void setup(void)
{
	world_open("monthly_calls: 10\nmonthly_uses: 5\n", NULL);
}

static void teardown(void)
{
	world_close();
}

static bool told;
static enum qg_status media_status;
static char *media;
static size_t media_size;

static void came(void *arg, enum qg_status status, char *data, size_t size)
{
	ck_assert(!told && (status == QG_OK) == (data != NULL));
	ck_assert(!data || data[size] == '\0');
	told = true;
	media_status = status;
	free(media);
	media = data;
	media_size = size;
}

static bool is_told(void *arg)
{
	return told;
}

static enum qg_status fetch_media(const char *second, size_t most)
{
	json_t *attachment = json_pack("{s:s, s:s, s:s, s:s}", "type", "image", "name", "", "code",
		"code-1", "robot_code", "ding-robot");
	if (second) {
		json_object_set_new(attachment, "second_code", json_string(second));
	}
	told = false;
	world.host->bot.adapter->media(&world.host->bot, attachment, most, came, NULL);
	json_decref(attachment);
	ck_assert(!told);
	world_wait(is_told, NULL);
	return media_status;
}

static char *download_answer(const char *path)
{
	return qg_str_printf(
		"{\"downloadUrl\":\"http://%s%s\"}", qg_http_server_address(world.platform), path);
}

static void drop_media(void)
{
	free(media);
	media = NULL;
}

START_TEST(test_media)
{
	char *answer = download_answer("/file/a.file?sign=q%3D1%3B2");
	world.answer = answer;
	world.file = "a picture";
	world.file_size = 9;
	ck_assert_int_eq(fetch_media(NULL, 100), QG_OK);
	ck_assert_str_eq(media, "a picture");
	ck_assert_uint_eq(media_size, 9);
	const struct asked *call_of = &world.asked[1], *get = &world.asked[2];
	ck_assert_str_eq(call_of->path, "/v1.0/robot/messageFiles/download");
	json_t *body = qg_json_parse(call_of->body, strlen(call_of->body), NULL);
	ck_assert_str_eq(qg_json_str(body, "downloadCode", ""), "code-1");
	ck_assert_str_eq(qg_json_str(body, "robotCode", ""), "ding-robot");
	json_decref(body);
	ck_assert_str_eq(get->method, "GET");
	ck_assert_str_eq(get->query, "sign=q%3D1%3B2"); /* byte for byte */
	ck_assert_str_eq(get->token, "");
	ck_assert_int_eq(fetch_media(NULL, 9), QG_OK);
	ck_assert_int_eq(fetch_media(NULL, 8), QG_TOO_LARGE);
	world.file_size = 0;
	ck_assert_int_eq(fetch_media(NULL, 8), QG_OK);
	ck_assert_uint_eq(media_size, 0);
	drop_media();
	free(answer);
}
END_TEST

START_TEST(test_media_second_code)
{
	world.answer_status = 500;
	world.answer = "{\"code\":\"unknownError\"}";
	ck_assert_int_eq(fetch_media("code-2", 100), QG_NOT_FOUND);
	size_t found = 0;
	for (size_t i = 0; i < world.asked_count; i++) {
		found += strstr(world.asked[i].body, "code-2") != NULL;
	}
	ck_assert_uint_eq(found, 1);
	world.answer_status = 400;
	world.answer = "{\"code\":\"invalidParameter.robotCode.downloadCode\"}";
	ck_assert_int_eq(fetch_media(NULL, 100), QG_NOT_FOUND);
}
END_TEST

static const struct {
	int http;
	enum qg_status status;
	size_t gets;
} file_answers[] = {
	{403, QG_NOT_FOUND, 1}, {404, QG_NOT_FOUND, 1}, {302, QG_NOT_FOUND, 1}, {503, QG_AWAY, 3}};

START_TEST(test_media_answers)
{
	char *answer = download_answer("/file/x");
	world.answer = answer;
	world.file_status = file_answers[_i].http;
	ck_assert_int_eq(fetch_media(NULL, 100), file_answers[_i].status);
	size_t gets = 0;
	for (size_t i = 0; i < world.asked_count; i++) {
		gets += strcmp(world.asked[i].path, "/file/x") == 0;
	}
	ck_assert_uint_eq(gets, file_answers[_i].gets);
	free(answer);
}
END_TEST

/* An exchange of the code that had to be repeated leaves the download all of its tries. */
START_TEST(test_media_tries)
{
	json_t *attachment = json_pack("{s:s, s:s}", "type", "image", "code", "c");
	char *answer = download_answer("/file/x");
	world.answer_status = 503;
	told = false;
	world.host->bot.adapter->media(&world.host->bot, attachment, 100, came, NULL);
	world_wait_asked(2); /* a token, and the code in vain */
	world.answer_status = 0;
	world.answer = answer;
	world.file_status = 503;
	world_wait(is_told, NULL);
	ck_assert_int_eq(media_status, QG_AWAY);
	size_t gets = 0;
	for (size_t i = 0; i < world.asked_count; i++) {
		gets += strcmp(world.asked[i].path, "/file/x") == 0;
	}
	ck_assert_uint_eq(gets, 3);
	json_decref(attachment);
	free(answer);
}
END_TEST

static const char *const forbidden[] = {"http://127.0.0.2/x", "https://localhost/x",
	"http://10.0.0.1/x", "http://192.168.1.176/x", "http://169.254.169.254/x", "http://[::1]/x",
	"ftp://h.example/x", "file:///etc/passwd", "x", "http://2130706433/x",
	"http://a@b.example/x"};

START_TEST(test_media_forbidden)
{
	char *answer = qg_str_printf("{\"downloadUrl\":\"%s\"}", forbidden[_i]);
	world.answer = answer;
	ck_assert_int_eq(fetch_media(NULL, 100), QG_INVALID);
	free(answer);
}
END_TEST

START_TEST(test_media_forget)
{
	json_t *attachment = json_pack("{s:s, s:s}", "type", "image", "code", "c");
	told = false;
	world.mute = true;
	world.host->bot.adapter->media(&world.host->bot, attachment, 10, came, &told);
	world.host->bot.adapter->media_forget(&world.host->bot, &told);
	world.host->bot.adapter->media(&world.host->bot, attachment, 10, came, &told);
	world_wait_asked(2);
	world.host->bot.adapter->media_forget(&world.host->bot, &told);
	world.host->bot.adapter->media(&world.host->bot, attachment, 10, came, &told);
	world_settle(); /* and one that the bot's end meets */
	ck_assert(!told);
	json_decref(attachment);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk media");
	TCase *tcase = tcase_create("all");
	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_media);
	tcase_add_test(tcase, test_media_second_code);
	tcase_add_loop_test(tcase, test_media_answers, 0,
		(int)(sizeof(file_answers) / sizeof(file_answers[0])));
	tcase_add_loop_test(
		tcase, test_media_forbidden, 0, (int)(sizeof(forbidden) / sizeof(forbidden[0])));
	tcase_add_test(tcase, test_media_tries);
	tcase_add_test(tcase, test_media_forget);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
