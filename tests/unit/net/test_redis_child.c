/* test_redis_child.c - the private redis-server: ready, killed, damaged, shared, and really
 * ended. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qg/clock.h"
#include "qg/redis.h"
#include "redis_server.h"

#define GUARD 40000

/* What one child object told. */
struct told {
	size_t ready;
	size_t failed;
	char words[512];
	char damaged[512];
};

static struct qg_loop *loop;
static struct qg_timer *guard;
static char dir[256];
static struct told first, second;
static size_t *awaited;
static size_t awaited_count;

static void on_guard(void *arg)
{
	ck_abort_msg(
		"nothing came within the test's time; last: %s / %s", first.words, second.words);
}

/* Runs the loop until the counter reaches count. */
static void wait_for(size_t *counter, size_t count)
{
	awaited = counter;
	awaited_count = count;
	if (*counter < count) {
		qg_timer_start(guard, GUARD);
		qg_loop_run(loop);
		qg_timer_stop(guard);
	}
	awaited = NULL;
}

static void on_changed(void *arg, bool ready, const char *words)
{
	struct told *told = arg;

	snprintf(told->words, sizeof(told->words), "%s", words);
	if (strncmp(words, "aof damaged", 11) == 0) {
		snprintf(told->damaged, sizeof(told->damaged), "%s", words);
	}
	told->ready += ready;
	told->failed += !ready;
	if (awaited != NULL && *awaited >= awaited_count) {
		qg_loop_stop(loop);
	}
}

static struct qg_redis_child *start(struct told *told)
{
	char error[128] = "";
	struct qg_redis_child_options options = {
		.data_dir = dir, .always = true, .changed = on_changed, .arg = told};
	struct qg_redis_child *child = qg_redis_child_create(loop, &options, error);

	ck_assert_msg(child != NULL, "%s", error);
	return child;
}

static struct qg_redis_child *start_ready(struct told *told)
{
	size_t before = told->ready;
	struct qg_redis_child *child = start(told);

	wait_for(&told->ready, before + 1);
	return child;
}

/* One command; the integer of its reply, or its size. */
static int64_t ask(const struct qg_redis_child *child, const char *a, const char *b, const char *c)
{
	const char *words[] = {a, b, c};
	char error[128] = "";
	struct qg_redis_reply *reply = qg_redis_ask(qg_redis_child_url(child), error,
		c != NULL   ? 3
		: b != NULL ? 2
			    : 1,
		words, NULL);

	ck_assert_msg(reply != NULL && reply->type != QG_REPLY_ERROR, "%s %s", error,
		reply != NULL ? reply->text : "");
	int64_t value = reply->type == QG_REPLY_INT ? reply->integer : (int64_t)reply->size;
	qg_redis_reply_free(reply);
	return value;
}

static pid_t server_pid(const struct qg_redis_child *child)
{
	const char *words[] = {"INFO", "server"};
	char error[128];
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_redis_child_url(child), error, 2, words, NULL);

	ck_assert_msg(reply != NULL, "%s", error);
	const char *at = strstr(reply->text, "process_id:");
	ck_assert_ptr_nonnull(at);
	pid_t pid = (pid_t)strtol(at + strlen("process_id:"), NULL, 10);
	qg_redis_reply_free(reply);
	return pid;
}

/* Waits until the process ended, also where somebody else is to reap it. */
static void wait_gone(int pid_fd)
{
	struct pollfd entry = {.fd = pid_fd, .events = POLLIN};

	ck_assert_int_eq(poll(&entry, 1, GUARD), 1);
	close(pid_fd);
}

static void write_list(const struct qg_redis_child *child, int count)
{
	char value[32];

	for (int i = 0; i < count; i++) {
		snprintf(value, sizeof(value), "value-%06d", i);
		ck_assert_int_eq(ask(child, "RPUSH", "list", value), i + 1);
	}
}

static void aof_path(char *path, size_t size, const char *end)
{
	snprintf(path, size, "%s/redis/appendonlydir/appendonly.aof.1.%s", dir, end);
}

static void overwrite(const char *path, off_t at)
{
	char bytes[40];
	int fd = open(path, O_WRONLY);

	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), at), sizeof(bytes));
	close(fd);
}

static void setup(void)
{
	char template[] = "/tmp/qg-test-child-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(template));
	snprintf(dir, sizeof(dir), "%s", template);
	loop = qg_loop_create(1);
	guard = qg_timer_create(loop, on_guard, NULL);
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
}

static void teardown(void)
{
	qg_timer_destroy(guard);
	qg_loop_destroy(loop);
	qg_test_remove_tree(dir);
}

/* It ended because it was asked to: a signal comes only to one that did not in its time. */
static void expect_no_signal(void)
{
	char path[400], text[65536];

	snprintf(path, sizeof(path), "%s/redis/redis.log", dir);
	FILE *log = fopen(path, "r");
	ck_assert_ptr_nonnull(log);
	text[fread(text, 1, sizeof(text) - 1, log)] = '\0';
	fclose(log);
	ck_assert_msg(strstr(text, "User requested shutdown") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "SIGTERM") == NULL, "%s", text);
}

START_TEST(test_ready_and_ended)
{
	uint64_t began = qg_clock_mono();
	struct qg_redis_child *child = start_ready(&first);
	uint64_t took = qg_clock_mono() - began;
	struct stat info;
	char path[400];

	ck_assert_uint_lt(took, 10000);
	ck_assert_str_eq(first.words, "ready");
	ck_assert(qg_redis_child_is_ours(child));
	snprintf(path, sizeof(path), "%s/redis", dir);
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_uint_eq(info.st_mode & 0777, 0700);
	int pid_fd = pidfd_open(server_pid(child), 0);
	ck_assert_int_ge(pid_fd, 0);
	qg_redis_child_destroy(child);
	expect_no_signal();
	struct pollfd entry = {.fd = pid_fd, .events = POLLIN};
	ck_assert_int_eq(poll(&entry, 1, 0), 1);
	close(pid_fd);
	qg_redis_child_destroy(NULL);
}
END_TEST

START_TEST(test_killed_server_comes_back_with_all)
{
	struct qg_redis_child *child = start_ready(&first);
	pid_t pid = server_pid(child);

	write_list(child, 200);
	kill(pid, SIGKILL);
	wait_for(&first.failed, 1);
	ck_assert_str_eq(first.words, "failed: redis-server was ended by signal 9");
	wait_for(&first.ready, 2);
	ck_assert_int_ne(server_pid(child), pid);
	ck_assert_int_eq(ask(child, "LLEN", "list", NULL), 200);
	qg_redis_child_destroy(child);
}
END_TEST

START_TEST(test_second_uses_the_first_and_follows_it)
{
	struct qg_redis_child *one = start_ready(&first);

	write_list(one, 3);
	struct qg_redis_child *two = start_ready(&second);
	ck_assert(!qg_redis_child_is_ours(two));
	ck_assert_str_eq(qg_redis_child_url(one), qg_redis_child_url(two));
	ck_assert_int_eq(ask(two, "LLEN", "list", NULL), 3);
	/* The break of a connection alone changes nothing. */
	qg_redis_child_check(two);
	wait_for(&second.ready, 2);
	ck_assert(!qg_redis_child_is_ours(two));
	qg_redis_child_destroy(one);
	qg_redis_child_check(two);
	wait_for(&second.ready, 3);
	ck_assert(qg_redis_child_is_ours(two));
	ck_assert_int_eq(ask(two, "LLEN", "list", NULL), 3);
	qg_redis_child_destroy(two);
}
END_TEST

/* Starts a server in a process of its own and says the server's number down the pipe, then
 * stays. */
static _Noreturn void be_starter(int pipe_end)
{
	loop = qg_loop_create(1);
	guard = qg_timer_create(loop, on_guard, NULL);
	struct qg_redis_child *child = start_ready(&first);
	write_list(child, 50);
	pid_t pid = server_pid(child);
	if (write(pipe_end, &pid, sizeof(pid)) != sizeof(pid)) {
		_exit(1);
	}
	qg_loop_run(loop);
	_exit(0);
}

START_TEST(test_server_ends_with_its_killed_starter)
{
	int ends[2];
	pid_t server = 0;

	ck_assert_int_eq(pipe(ends), 0);
	pid_t starter = fork();
	if (starter == 0) {
		be_starter(ends[1]);
	}
	ck_assert_int_eq(read(ends[0], &server, sizeof(server)), sizeof(server));
	int pid_fd = pidfd_open(server, 0);
	ck_assert_int_ge(pid_fd, 0);
	/* A stopped server cannot end yet: its lock keeps the next starter out. */
	kill(server, SIGSTOP);
	kill(starter, SIGKILL);
	waitpid(starter, NULL, 0);
	struct qg_redis_child *child = start(&second);
	ck_assert(!qg_redis_child_is_ours(child));
	kill(server, SIGCONT);
	wait_gone(pid_fd);
	wait_for(&second.ready, 1);
	/* It may have heard the old server's last answer first. */
	if (!qg_redis_child_is_ours(child)) {
		qg_redis_child_check(child);
		wait_for(&second.ready, 2);
	}
	ck_assert(qg_redis_child_is_ours(child));
	ck_assert_int_eq(ask(child, "LLEN", "list", NULL), 50);
	qg_redis_child_destroy(child);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(test_truncated_file_loads)
{
	struct qg_redis_child *child = start_ready(&first);
	struct stat info;
	char path[400];

	write_list(child, 20);
	qg_redis_child_destroy(child);
	aof_path(path, sizeof(path), "incr.aof");
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_eq(truncate(path, info.st_size - 3), 0);
	child = start_ready(&first);
	ck_assert_msg(strstr(first.words, "were dropped") != NULL, "%s", first.words);
	ck_assert_int_eq(ask(child, "LLEN", "list", NULL), 19);
	qg_redis_child_destroy(child);
}
END_TEST

/* Finds the copy that a repair keeps. */
static bool find_copy(char *path, size_t size)
{
	char redis_dir[400];

	snprintf(redis_dir, sizeof(redis_dir), "%s/redis", dir);
	DIR *directory = opendir(redis_dir);
	bool found = false;
	for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
		if (strncmp(entry->d_name, "damaged-", 8) == 0) {
			snprintf(path, size, "%s/%s/appendonly.aof.1.incr.aof", redis_dir,
				entry->d_name);
			found = true;
		}
	}
	closedir(directory);
	return found;
}

START_TEST(test_damaged_file_is_copied_cut_and_told)
{
	struct qg_redis_child *child = start_ready(&first);
	struct stat before, copy, after;
	char path[400], kept[800], expected[64];

	write_list(child, 100);
	qg_redis_child_destroy(child);
	aof_path(path, sizeof(path), "incr.aof");
	ck_assert_int_eq(stat(path, &before), 0);
	overwrite(path, before.st_size / 2);
	child = start_ready(&first);
	ck_assert_str_ne(first.damaged, "");
	ck_assert(find_copy(kept, sizeof(kept)));
	ck_assert_int_eq(stat(kept, &copy), 0);
	ck_assert_int_eq(copy.st_size, before.st_size);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_lt(after.st_size, before.st_size);
	snprintf(expected, sizeof(expected), "the last %lld of ",
		(long long)(before.st_size - after.st_size));
	ck_assert_msg(strstr(first.damaged, expected) != NULL, "%s", first.damaged);
	int64_t left = ask(child, "LLEN", "list", NULL);
	ck_assert_int_gt(left, 30);
	ck_assert_int_lt(left, 60);
	qg_redis_child_destroy(child);
}
END_TEST

START_TEST(test_hopeless_file_stays_as_it_is)
{
	struct qg_redis_child *child = start_ready(&first);
	struct stat before, after;
	char path[400], kept[800];

	write_list(child, 5);
	qg_redis_child_destroy(child);
	aof_path(path, sizeof(path), "base.rdb");
	ck_assert_int_eq(stat(path, &before), 0);
	overwrite(path, 40);
	child = start(&first);
	wait_for(&first.failed, 2);
	ck_assert_msg(strstr(first.words, "beyond repair") != NULL, "%s", first.words);
	ck_assert(find_copy(kept, sizeof(kept)));
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_eq(before.st_size, after.st_size);
	qg_redis_child_destroy(child);
}
END_TEST

START_TEST(test_stopped_server_is_left_alone)
{
	struct qg_redis_child *child = start_ready(&first);
	pid_t pid = server_pid(child);

	kill(pid, SIGSTOP);
	qg_redis_child_check(child);
	wait_for(&first.failed, 1);
	ck_assert_msg(strstr(first.words, "left alone") != NULL, "%s", first.words);
	kill(pid, SIGCONT);
	wait_for(&first.ready, 2);
	ck_assert_int_eq(server_pid(child), pid);
	qg_redis_child_destroy(child);
}
END_TEST

START_TEST(test_deep_directory)
{
	char deeper[sizeof(dir) * 2];

	snprintf(deeper, sizeof(deeper), "%s/%0120d", dir, 0);
	ck_assert_int_eq(mkdir(deeper, 0700), 0);
	char base[sizeof(dir)];
	snprintf(base, sizeof(base), "%s", dir);
	snprintf(dir, sizeof(dir), "%.250s", deeper);
	struct qg_redis_child *child = start_ready(&first);
	ck_assert_int_eq(ask(child, "DBSIZE", NULL, NULL), 0);
	qg_redis_child_destroy(child);
	snprintf(dir, sizeof(dir), "%s", base);
}
END_TEST

START_TEST(test_long_log_is_put_aside)
{
	char path[400], old[420];
	struct stat info;

	snprintf(path, sizeof(path), "%s/redis", dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/redis/redis.log", dir);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(ftruncate(fd, 11 << 20), 0);
	close(fd);
	struct qg_redis_child *child = start_ready(&first);
	snprintf(old, sizeof(old), "%s.1", path);
	ck_assert_int_eq(stat(old, &info), 0);
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_lt(info.st_size, 1 << 20);
	qg_redis_child_destroy(child);
}
END_TEST

START_TEST(test_bad_directory)
{
	char error[128] = "";
	struct qg_redis_child_options options = {.data_dir = "/nowhere/at/all"};

	ck_assert_ptr_null(qg_redis_child_create(loop, &options, error));
	ck_assert_str_ne(error, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis_child");
	TCase *tests = tcase_create("redis_child");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_ready_and_ended);
	tcase_add_test(tests, test_killed_server_comes_back_with_all);
	tcase_add_test(tests, test_second_uses_the_first_and_follows_it);
	tcase_add_test(tests, test_server_ends_with_its_killed_starter);
	tcase_add_test(tests, test_truncated_file_loads);
	tcase_add_test(tests, test_damaged_file_is_copied_cut_and_told);
	tcase_add_test(tests, test_hopeless_file_stays_as_it_is);
	tcase_add_test(tests, test_stopped_server_is_left_alone);
	tcase_add_test(tests, test_deep_directory);
	tcase_add_test(tests, test_long_log_is_put_aside);
	tcase_add_test(tests, test_bad_directory);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
