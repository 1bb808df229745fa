/* redis_process.c - the private redis-server as a process: its command line, its last words, its
 * end. */
#include "redis_private.h"

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

#include "redis_wire.h"
#include "qg/str.h"

#define LOG_LIMIT (10 << 20)
#define LOG_TAIL 2048
#define MIN_MAXMEMORY ((uint64_t)32 << 20)
/* The end: asked, told after the first wait, killed after the second. */
#define TERM_AFTER 1500
#define KILL_AFTER 3500

static void rotate_log(const struct qg_redis_process *process)
{
	struct stat info;

	if (fstatat(process->dir_fd, QG_REDIS_LOG, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
		info.st_size > LOG_LIMIT) {
		renameat(process->dir_fd, QG_REDIS_LOG, process->dir_fd, QG_REDIS_LOG ".1");
	}
}

static void forget(struct qg_redis_process *process)
{
	if (process->pid_fd >= 0) {
		close(process->pid_fd);
	}
	process->pid_fd = -1;
	process->pid = 0;
}

static pid_t spawn_server(const struct qg_redis_process *process)
{
	char memory[24];
	const char *const argv[] = {process->program, "--port", "0", "--unixsocket",
		QG_REDIS_SOCKET, "--unixsocketperm", "700", "--daemonize", "no", "--protected-mode",
		"yes", "--enable-debug-command", "no", "--enable-module-command", "no",
		"--databases", "1", "--appendonly", "yes", "--appendfsync",
		process->always ? "always" : "everysec", "--aof-load-truncated", "yes", "--save",
		"", "--maxmemory", memory, "--maxmemory-policy", "noeviction", "--always-show-logo",
		"no", NULL};
	struct qg_redis_program program = {.path = process->program,
		.argv = argv,
		.dir_fd = process->dir_fd,
		.lock_fd = process->lock_fd,
		.log = QG_REDIS_LOG,
		.dies_with_us = true};

	snprintf(memory, sizeof(memory), "%llu", (unsigned long long)process->maxmemory);
	return qg_redis_spawn(&program);
}

bool qg_redis_process_start(struct qg_redis_process *process)
{
	free(process->program);
	process->program = qg_redis_find_program("server");
	if (process->program == NULL) {
		errno = ENOENT;
		return false;
	}
	rotate_log(process);
	pid_t pid = spawn_server(process);
	if (pid < 0) {
		return false;
	}
	process->pid = pid;
	process->pid_fd = pidfd_open(pid, 0); /* -1: has_ended() tells */
	return true;
}

bool qg_redis_process_has_ended(const struct qg_redis_process *process)
{
	siginfo_t info = {0};
	/* seen, not taken away: reap() does that */
	return waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == process->pid;
}

/* The last line of its log: nearly always the reason. */
static void last_words(const struct qg_redis_process *process, char *words, size_t size)
{
	char tail[LOG_TAIL + 1];
	int fd = openat(process->dir_fd, QG_REDIS_LOG, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
	ssize_t got = end > 0 ? pread(fd, tail, LOG_TAIL, end > LOG_TAIL ? end - LOG_TAIL : 0) : 0;

	if (fd >= 0) {
		close(fd);
	}
	while (got > 0 && (tail[got - 1] == '\n' || tail[got - 1] == '\r')) {
		got--;
	}
	tail[got > 0 ? got : 0] = '\0';
	const char *line = strrchr(tail, '\n');
	line = line != NULL ? line + 1 : tail;
	/* "15261:M 22 Nov 2026 06:28:00.700 # words": without number and time the same end reads
	 * the same. */
	const char *mark = strstr(line, " # ");
	mark = mark != NULL ? mark : strstr(line, " * ");
	line = mark != NULL ? mark + 3 : line;
	char *clean = qg_utf8_clean(line, strlen(line));
	snprintf(words, size, "%.160s", clean != NULL ? clean : "");
	free(clean);
}

static void describe_end(
	const struct qg_redis_process *process, int status, char *words, size_t size)
{
	char last[192];

	last_words(process, last, sizeof(last));
	if (WIFSIGNALED(status)) {
		snprintf(words, size, "failed: redis-server was ended by signal %d",
			WTERMSIG(status));
	} else {
		snprintf(words, size, "failed: redis-server ended with code %d: %s",
			WEXITSTATUS(status), last);
	}
}

bool qg_redis_process_reap(struct qg_redis_process *process, char *words)
{
	int status = 0;

	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
	}
	describe_end(process, status, words, QG_REDIS_WORDS_SIZE);
	forget(process);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static uint64_t read_number(const char *path)
{
	char text[32] = "";
	int64_t number;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0) {
		close(fd);
	}
	while (size > 0 && text[size - 1] == '\n') {
		text[--size] = '\0';
	}
	return qg_str_to_int64(text, 1, INT64_MAX, &number) ? (uint64_t)number : 0;
}

/* Half of the machine's memory, or of what a container may use. */
uint64_t qg_redis_default_memory(void)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t allowed = read_number("/sys/fs/cgroup/memory.max");
	uint64_t half = (allowed > 0 && allowed < machine ? allowed : machine) / 2;

	return half > MIN_MAXMEMORY ? half : MIN_MAXMEMORY;
}

static bool wait_end(const struct qg_redis_process *process, int milliseconds)
{
	enum { STEP = 20 };
	struct pollfd entry = {.fd = process->pid_fd, .events = POLLIN};

	/* in steps, for the process that has no descriptor: poll() passes over a negative one */
	for (int waited = 0; waited <= milliseconds; waited += STEP) {
		if (poll(&entry, 1, STEP) > 0 || qg_redis_process_has_ended(process)) {
			return true;
		}
	}
	return false;
}

/* SHUTDOWN acts at once where SIGTERM waits for a tick of Redis; the answer is its end. */
static bool ask_to_end(const struct qg_redis_target *target)
{
	static const char command[] = "*1\r\n$8\r\nSHUTDOWN\r\n";
	int fd = qg_redis_target_dial(target, NULL);

	if (fd < 0) {
		return false;
	}
	/* Closed at once, what was sent is read all the same. */
	bool sent = send(fd, command, sizeof(command) - 1, MSG_NOSIGNAL) > 0;
	close(fd);
	return sent;
}

void qg_redis_process_end(struct qg_redis_process *process, const struct qg_redis_target *target)
{
	if (!ask_to_end(target) || !wait_end(process, TERM_AFTER)) {
		kill(process->pid, SIGTERM); /* not reaped yet, its number is its own */
		if (!wait_end(process, KILL_AFTER)) {
			kill(process->pid, SIGKILL);
		}
	}
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	forget(process);
}
