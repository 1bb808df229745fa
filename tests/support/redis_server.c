/* redis_server.c - starts, stops and ends a redis-server of a test's own. */
#include "redis_server.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qg/clock.h"
#include "qg/redis.h"

#define MAX_WORDS 48
#define READY_WITHIN 30000
#define ERROR_SIZE 128

struct qg_test_redis {
	char dir[64];
	char url[96];
	bool always, paused;
	const char *words[MAX_WORDS];
	pid_t pid; /* 0: not running */
};

static _Noreturn void give_up(const char *what, const char *why)
{
	fprintf(stderr, "test redis: %s: %s\n", what, why);
	abort();
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	return remove(path);
}

void qg_test_remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static _Noreturn void become_server(const struct qg_test_redis *redis, pid_t parent)
{
	const char *words[MAX_WORDS + 32] = {"redis-server", "--port", "0", "--unixsocket",
		"redis.sock", "--appendonly", "yes", "--save", "", "--appendfsync",
		redis->always ? "always" : "everysec", "--maxmemory-policy", "noeviction"};
	size_t count = 0;

	while (words[count] != NULL) {
		count++;
	}
	for (size_t i = 0; redis->words[i] != NULL; i++) {
		words[count++] = redis->words[i];
	}
	int log = open("redis.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (log >= 0 && getppid() == parent) {
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		execvp(words[0], (char *const *)words);
		execvp("valkey-server", (char *const *)words);
	}
	_exit(127);
}

static bool answers(const struct qg_test_redis *redis)
{
	static const char *const ping[] = {"PING"};
	char error[ERROR_SIZE];
	struct qg_redis_reply *reply = qg_redis_ask(redis->url, error, 1, ping, NULL);
	bool fine = reply != NULL && reply->type == QG_REPLY_STRING;

	qg_redis_reply_free(reply);
	return fine;
}

static void launch(struct qg_test_redis *redis)
{
	uint64_t deadline = qg_clock_mono() + READY_WITHIN;
	pid_t parent = getpid();

	redis->pid = fork();
	if (redis->pid == 0) {
		if (chdir(redis->dir) != 0) {
			_exit(126);
		}
		become_server(redis, parent);
	}
	if (redis->pid < 0) {
		give_up("fork", strerror(errno));
	}
	while (!answers(redis)) {
		if (waitpid(redis->pid, NULL, WNOHANG) == redis->pid) {
			give_up("redis-server ended; its words are in", redis->dir);
		}
		if (qg_clock_mono() > deadline) {
			give_up("redis-server does not answer", redis->dir);
		}
		poll(NULL, 0, 2);
	}
}

struct qg_test_redis *qg_test_redis_start_with(bool always, const char *const *words)
{
	struct qg_test_redis *redis = calloc(1, sizeof(*redis));

	if (redis == NULL) {
		give_up("start", "out of memory");
	}
	redis->always = always;
	for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
		if (i + 1 >= MAX_WORDS) {
			give_up("start", "too many words");
		}
		redis->words[i] = words[i];
	}
	snprintf(redis->dir, sizeof(redis->dir), "/tmp/qg-test-redis-XXXXXX");
	if (mkdtemp(redis->dir) == NULL) {
		give_up("mkdtemp", strerror(errno));
	}
	snprintf(redis->url, sizeof(redis->url), "unix:%s/redis.sock", redis->dir);
	launch(redis);
	return redis;
}

struct qg_test_redis *qg_test_redis_start(bool always)
{
	return qg_test_redis_start_with(always, NULL);
}

const char *qg_test_redis_url(const struct qg_test_redis *redis)
{
	return redis->url;
}

const char *qg_test_redis_dir(const struct qg_test_redis *redis)
{
	return redis->dir;
}

pid_t qg_test_redis_pid(const struct qg_test_redis *redis)
{
	return redis->pid;
}

void qg_test_redis_kill(struct qg_test_redis *redis)
{
	if (redis->pid > 0) {
		kill(redis->pid, SIGKILL);
		/* A loop under test may have reaped it already: then it is gone as well. */
		while (waitpid(redis->pid, NULL, 0) < 0 && errno == EINTR) {
		}
		redis->pid = 0;
		redis->paused = false;
	}
}

void qg_test_redis_restart(struct qg_test_redis *redis)
{
	qg_test_redis_kill(redis);
	launch(redis);
}

void qg_test_redis_pause(struct qg_test_redis *redis)
{
	int status;

	kill(redis->pid, SIGSTOP);
	waitpid(redis->pid, &status, WUNTRACED);
	redis->paused = true;
}

void qg_test_redis_resume(struct qg_test_redis *redis)
{
	kill(redis->pid, SIGCONT);
	redis->paused = false;
}

bool qg_test_redis_serves(const struct qg_test_redis *redis)
{
	return redis->pid > 0 && !redis->paused;
}

void qg_test_redis_do(struct qg_test_redis *redis, const char *word, ...)
{
	const char *words[MAX_WORDS];
	char error[ERROR_SIZE] = "error reply";
	int count = 0;
	va_list args;

	va_start(args, word);
	for (const char *at = word; at != NULL && count < MAX_WORDS;
		at = va_arg(args, const char *)) {
		words[count++] = at;
	}
	va_end(args);
	struct qg_redis_reply *reply = qg_redis_ask(redis->url, error, count, words, NULL);
	if (reply == NULL || reply->type == QG_REPLY_ERROR) {
		give_up(word, reply != NULL ? reply->text : error);
	}
	qg_redis_reply_free(reply);
}

void qg_test_redis_stop(struct qg_test_redis *redis)
{
	if (redis != NULL) {
		qg_test_redis_kill(redis);
		qg_test_remove_tree(redis->dir);
		free(redis);
	}
}
