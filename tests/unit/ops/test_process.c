/* test_process.c - who is alive: names are unique, a held file is alive, a free one dead, a missing one unknown. */
#include "app_parts.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qg/clock.h"

static char folder[64];

static void make_world(void)
{
	snprintf(folder, sizeof(folder), "%s", "/tmp/qg-process-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	qg_clock_fix(1000000, 1000000);
}

static void end_world(void)
{
	char run[80], path[400];
	snprintf(run, sizeof(run), "%s/run", folder);
	DIR *dir = opendir(run);
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		snprintf(path, sizeof(path), "%s/%s", run, entry->d_name);
		unlink(path);
	}
	closedir(dir);
	rmdir(run);
	rmdir(folder);
	qg_clock_fix(-1, 0);
}

static void path_of(const char *name, char path[200])
{
	snprintf(path, 200, "%s/run/%s", folder, name);
}

/* The cache is a second old. */
static void later(void)
{
	qg_clock_fix(1000000, qg_clock_mono() + 1000);
}

START_TEST(a_living_one_is_not_dead_and_a_gone_one_is)
{
	struct qg_processes *one = qg_processes_create(folder), *two = qg_processes_create(folder);
	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_nonnull(two);
	ck_assert_str_ne(qg_processes_self(one), qg_processes_self(two));
	char name[100];
	snprintf(name, sizeof(name), "%s", qg_processes_self(two));
	ck_assert(!qg_processes_is_dead(one, name));
	ck_assert(!qg_processes_is_dead(one, qg_processes_self(one)));
	qg_processes_destroy(two);
	ck_assert(!qg_processes_is_dead(one, name)); /* looked less than a second ago */
	later();
	ck_assert(qg_processes_is_dead(one, name));
	ck_assert(!qg_processes_is_dead(one, "never-heard-of"));
	qg_processes_destroy(one);
}
END_TEST

START_TEST(a_killed_process_is_dead)
{
	int ready[2];
	ck_assert_int_eq(pipe(ready), 0);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct qg_processes *own = qg_processes_create(folder);
		const char *self = own ? qg_processes_self(own) : "";
		if (write(ready[1], self, strlen(self)) < 0) {
			_exit(1);
		}
		for (;;) {
			pause();
		}
	}
	char name[100] = "";
	ck_assert_int_gt(read(ready[0], name, sizeof(name) - 1), 0);
	struct qg_processes *one = qg_processes_create(folder);
	ck_assert_ptr_nonnull(one);
	ck_assert(!qg_processes_is_dead(one, name));
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	later();
	ck_assert(qg_processes_is_dead(one, name));
	qg_processes_destroy(one);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

START_TEST(the_dead_are_buried_only_after_a_while)
{
	struct qg_processes *one = qg_processes_create(folder);
	ck_assert_ptr_nonnull(one);
	char name[100], path[200];
	snprintf(name, sizeof(name), "%s", qg_processes_self(one));
	path_of(name, path);
	qg_processes_destroy(one);
	/* its process ran for a day before it died: it was found dead only now */
	struct timespec old[2] = {{.tv_sec = time(NULL) - 86400}, {.tv_sec = time(NULL) - 86400}};
	ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	qg_processes_destroy(qg_processes_create(folder));
	ck_assert_int_eq(access(path, F_OK), 0);
	struct qg_processes *two = qg_processes_create(folder);
	ck_assert_ptr_nonnull(two);
	ck_assert(qg_processes_is_dead(two, name));
	qg_processes_destroy(two);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	qg_processes_destroy(qg_processes_create(folder));
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_said)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/run", folder);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_ptr_null(qg_processes_create(folder));
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("process");
	TCase *tcase = tcase_create("process");
	tcase_add_checked_fixture(tcase, make_world, end_world);
	tcase_add_test(tcase, a_living_one_is_not_dead_and_a_gone_one_is);
	tcase_add_test(tcase, a_killed_process_is_dead);
	tcase_add_test(tcase, the_dead_are_buried_only_after_a_while);
	tcase_add_test(tcase, a_folder_that_cannot_be_made_is_said);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
