/* test_log.c - the two forms of a line, levels, and that nothing in it can forge another one. */
#include "qg/log.h"

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/clock.h"

static char lines[1 << 20];
static FILE *caught;
static int stderr_before;

static void catch (void)
{
	qg_clock_set_zone("Asia/Shanghai");
	qg_clock_fix(INT64_C(1795327391042), 1);
	caught = tmpfile();
	ck_assert_ptr_nonnull(caught);
	stderr_before = dup(STDERR_FILENO);
	dup2(fileno(caught), STDERR_FILENO);
}

/* What was logged since catch(). */
static const char *release(void)
{
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	rewind(caught);
	size_t size = fread(lines, 1, sizeof(lines) - 1, caught);
	lines[size] = '\0';
	fclose(caught);
	qg_clock_fix(-1, 0);
	return lines;
}

START_TEST(text_lines_name_time_level_bot_and_message)
{
	catch ();
	qg_log_write(QG_LOG_WARN, "xiaoman", "m-123", "token %s: %d", "refused", 7);
	qg_log_error("xiaoman", "lost");
	qg_log_info(NULL, "ready");
	qg_log_write(QG_LOG_INFO, NULL, "m-1", "alone");
	ck_assert_str_eq(release(), "2026-11-22 14:03:11.042 warn xiaoman m-123: token refused: 7\n"
				    "2026-11-22 14:03:11.042 error xiaoman: lost\n"
				    "2026-11-22 14:03:11.042 info: ready\n"
				    "2026-11-22 14:03:11.042 info - m-1: alone\n");
}
END_TEST

START_TEST(json_lines_are_objects_in_utc)
{
	catch ();
	qg_log_set_json(true);
	qg_log_write(QG_LOG_WARN, "xiaoman", "m\"1", "a \"b\" \\ c\n群\xff\x1b");
	qg_log_info(NULL, "ready");
	qg_log_set_json(false);
	const char *text = release();
	const char *second = strchr(text, '\n') + 1;
	json_t *json = json_loadb(text, (size_t)(second - text), 0, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(
		json_string_value(json_object_get(json, "time")), "2026-11-22T06:03:11.042Z");
	ck_assert_str_eq(json_string_value(json_object_get(json, "level")), "warn");
	ck_assert_str_eq(json_string_value(json_object_get(json, "bot")), "xiaoman");
	ck_assert_str_eq(json_string_value(json_object_get(json, "message")), "m\"1");
	ck_assert_str_eq(json_string_value(json_object_get(json, "text")),
		"a \"b\" \\ c\n群\xef\xbf\xbd\x1b");
	json_decref(json);
	ck_assert_str_eq(second,
		"{\"time\":\"2026-11-22T06:03:11.042Z\",\"level\":\"info\",\"text\":\"ready\"}\n");
}
END_TEST

START_TEST(control_characters_cannot_forge_a_line)
{
	catch ();
	qg_log_write(
		QG_LOG_WARN, "b\no", "m\r\x1b[2K", "one\ntwo\t\x7f\xc2\x9b\xe2\x80\xae\xff end");
	ck_assert_str_eq(release(), "2026-11-22 14:03:11.042 warn b\\no m\\r\\u001b[2K: "
				    "one\\ntwo\\t\\u007f\\u009b\\u202e\\xff end\n");
}
END_TEST

START_TEST(levels_below_the_set_one_are_silent)
{
	enum qg_log_level level = QG_LOG_ERROR;
	catch ();
	qg_log_debug("b", "no");
	qg_log_set_level(QG_LOG_ERROR);
	qg_log_warn("b", "no");
	ck_assert(!qg_log_is_on(QG_LOG_WARN));
	qg_log_set_level(QG_LOG_DEBUG);
	qg_log_debug("b", "yes");
	ck_assert_str_eq(release(), "2026-11-22 14:03:11.042 debug b: yes\n");
	ck_assert(qg_log_parse_level("debug", &level));
	ck_assert_int_eq(level, QG_LOG_DEBUG);
	ck_assert(!qg_log_parse_level("loud", &level));
	ck_assert(!qg_log_parse_level(NULL, &level));
	ck_assert_int_eq(level, QG_LOG_DEBUG);
}
END_TEST

START_TEST(long_words_are_cut_and_stay_one_line)
{
	static char words[20000];
	for (size_t i = 0; i + 3 < sizeof(words); i += 3) {
		memcpy(words + i, "群", 3);
	}
	catch ();
	qg_log_error("b", "%s", words);
	memset(words, 1, sizeof(words) - 1);
	qg_log_set_json(true);
	qg_log_error("b", "%s", words);
	qg_log_set_json(false);
	const char *text = release();
	const char *second = strchr(text, '\n') + 1;
	ck_assert_int_lt(second - text, 8192);
	ck_assert_int_eq(strncmp(second - 7, "群…\n", 7), 0);
	json_t *json = json_loads(second, 0, NULL);
	ck_assert_ptr_nonnull(json);
	json_decref(json);
	ck_assert_ptr_eq(strchr(second, '\n'), second + strlen(second) - 1);
	ck_assert_uint_le(strlen(second), 8192);
}
END_TEST

static void *talk(void *arg)
{
	for (int i = 0; i < 200; i++) {
		qg_log_info(
			"bot", "%s %s %s", (const char *)arg, (const char *)arg, (const char *)arg);
	}
	return NULL;
}

START_TEST(lines_of_threads_never_mix)
{
	pthread_t threads[4];
	static const char *const words[] = {"aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"};
	catch ();
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, talk, (void *)words[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	size_t count = 0;
	for (char *line = (char *)release(), *end; (end = strchr(line, '\n'));
		line = end + 1, count++) {
		*end = '\0';
		const char *said = strrchr(line, ' ') + 1;
		char expected[100];
		snprintf(expected, sizeof(expected), "2026-11-22 14:03:11.042 info bot: %s %s %s",
			said, said, said);
		ck_assert_str_eq(line, expected);
	}
	ck_assert_uint_eq(count, 800);
}
END_TEST

START_TEST(logging_leaves_errno_alone_and_survives_a_closed_end)
{
	catch ();
	close(STDERR_FILENO);
	errno = ENOENT;
	qg_log_error("b", "nobody hears");
	int after = errno;
	ck_assert_str_eq(release(), "");
	ck_assert_int_eq(after, ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	tcase_add_test(tcase, text_lines_name_time_level_bot_and_message);
	tcase_add_test(tcase, json_lines_are_objects_in_utc);
	tcase_add_test(tcase, control_characters_cannot_forge_a_line);
	tcase_add_test(tcase, levels_below_the_set_one_are_silent);
	tcase_add_test(tcase, long_words_are_cut_and_stay_one_line);
	tcase_add_test(tcase, lines_of_threads_never_mix);
	tcase_add_test(tcase, logging_leaves_errno_alone_and_survives_a_closed_end);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
