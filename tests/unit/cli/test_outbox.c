/* test_outbox.c - files on their way: copied once, private, bounded, removed after a day. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "outbox.h"

#include "qg/json.h"

static char dir[] = "/tmp/qg-outbox-XXXXXX";
static struct qg_cli cli = {.config_path = "qungong.yaml"};

static void setup(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(path_of(name), "wb");
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	fclose(file);
}

START_TEST(test_copy)
{
	struct stat info;
	char stored[300];
	json_t *file = NULL, *again = NULL;
	put("销售.csv", "hello", 5);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("销售.csv"), false, &file), 0);
	ck_assert_str_eq(qg_json_str(file, "type", ""), "file");
	ck_assert_str_eq(qg_json_str(file, "name", ""), "销售.csv");
	ck_assert_int_eq(qg_json_int(file, "size", 0), 5);
	/* printf hello | sha256sum */
	ck_assert_str_eq(qg_json_str(file, "file", ""), "2cf24dba5fb0a30e26e83b2ac5b9e29e");
	snprintf(stored, sizeof(stored), "%s/outbox/2cf24dba5fb0a30e26e83b2ac5b9e29e", dir);
	ck_assert_int_eq(stat(stored, &info), 0);
	ck_assert_uint_eq(info.st_mode & 07777, 0600);
	ck_assert_int_eq(info.st_size, 5);
	/* the same again: as if it were put there now */
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	ck_assert_int_eq(utimensat(AT_FDCWD, stored, old, 0), 0);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("销售.csv"), false, &again), 0);
	ck_assert_int_eq(stat(stored, &info), 0);
	ck_assert_int_gt(info.st_mtime, 1000);
	ck_assert(qg_json_equal(file, again));
	json_decref(file);
	json_decref(again);
}
END_TEST

START_TEST(test_refused)
{
	json_t *file = NULL;
	char *large = calloc(1, QG_OUTBOX_FILE_MOST + 1);
	put("large", large, QG_OUTBOX_FILE_MOST + 1);
	put("most", large, QG_OUTBOX_FILE_MOST);
	put("empty", "", 0);
	put("text", "hello", 5);
	free(large);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("large"), false, &file), 2);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("empty"), false, &file), 2);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("gone"), false, &file), 2);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, dir, false, &file), 2);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("text"), true, &file), 2);
	ck_assert_ptr_null(file);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("most"), false, &file), 0);
	json_decref(file);
}
END_TEST

START_TEST(test_picture)
{
	json_t *file = NULL;
	put("p", "\x89PNG\r\n\x1a\n...", 11);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("p"), true, &file), 0);
	ck_assert_str_eq(qg_json_str(file, "type", ""), "image");
	json_decref(file);
}
END_TEST

START_TEST(test_sweep)
{
	json_t *file = NULL;
	struct stat info;
	put("x", "hello", 5);
	ck_assert_int_eq(qg_cli_outbox_add(&cli, dir, path_of("x"), false, &file), 0);
	char stored[300];
	snprintf(stored, sizeof(stored), "%s/outbox/%s", dir, qg_json_str(file, "file", ""));
	json_decref(file);
	ck_assert_int_eq(stat(stored, &info), 0);
	int64_t day = 24 * 60 * 60;
	qg_cli_outbox_sweep(dir, (int64_t)info.st_mtime + day);
	ck_assert_int_eq(stat(stored, &info), 0);
	qg_cli_outbox_sweep(dir, (int64_t)info.st_mtime + day + 1);
	ck_assert_int_ne(stat(stored, &info), 0);
	qg_cli_outbox_sweep("/nowhere", 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli outbox");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_copy);
	tcase_add_test(tcase, test_refused);
	tcase_add_test(tcase, test_picture);
	tcase_add_test(tcase, test_sweep);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
