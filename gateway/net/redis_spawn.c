/* redis_spawn.c - starts a program of Redis with nothing of ours but the lock.
 *
 * Between fork() and exec the child of a process with threads may call only what is safe in a
 * signal handler: everything else is made ready before. */
#include "redis_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/buf.h"
#include "qg/str.h"

/* The lock's number in the child; everything above is closed. */
#define CHILD_LOCK 3
#define PLACES "/usr/bin:/usr/local/bin:/usr/sbin:/usr/local/sbin"

static char *find_in(const char *places, const char *program)
{
	while (places != NULL && *places != '\0') {
		size_t size = strcspn(places, ":");
		char *path = qg_str_printf("%.*s/%s", (int)size, places, program);
		if (path != NULL && *path == '/' && access(path, X_OK) == 0) {
			return path;
		}
		free(path);
		places += size;
		places += *places == ':';
	}
	return NULL;
}

char *qg_redis_find_program(const char *name)
{
	static const char *const families[] = {"redis", "valkey"};
	const char *places[] = {getenv("PATH"), PLACES};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		QG_AUTO(qg_str_free) char *program = qg_str_printf("%s-%s", families[i], name);
		for (size_t k = 0; program != NULL && k < sizeof(places) / sizeof(*places); k++) {
			char *path = find_in(places[k], program);
			if (path != NULL) {
				return path;
			}
		}
	}
	return NULL;
}

static void forget_signals(void)
{
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++) {
		sigaction(number, &standard, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts input, log and lock at 0, 1, 2 and 3 and closes the rest. All are first moved out of each
 * other's way. */
static bool arrange_descriptors(int input, int log, int lock)
{
	input = fcntl(input, F_DUPFD, 64);
	log = fcntl(log, F_DUPFD, 64);
	lock = fcntl(lock, F_DUPFD, 64);
	if (input < 0 || log < 0 || lock < 0) {
		return false;
	}
	if (dup2(input, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
		dup2(log, STDERR_FILENO) < 0 || dup2(lock, CHILD_LOCK) < 0) {
		return false;
	}
	closefrom(CHILD_LOCK + 1); /* works on kernels without close_range() too */
	return true;
}

static _Noreturn void become(const struct qg_redis_program *program, pid_t parent, int input,
	int log, char *const *environment)
{
	if (program->dies_with_us) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		/* The parent may have ended before the line above. */
		if (getppid() != parent) {
			_exit(1);
		}
	}
	setpgid(0, 0);
	forget_signals();
	umask(077);
	if (fchdir(program->dir_fd) == 0 && arrange_descriptors(input, log, program->lock_fd)) {
		execve(program->path, (char *const *)program->argv, environment);
	}
	_exit(127);
}

/* A descriptor that reads text and then the end of file, or /dev/null. */
static int open_input(const char *text)
{
	int ends[2];

	if (text == NULL) {
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return -1;
	}
	ssize_t size = write(ends[1], text, strlen(text));
	close(ends[1]);
	if (size != (ssize_t)strlen(text)) {
		close(ends[0]);
		return -1;
	}
	return ends[0];
}

pid_t qg_redis_spawn(const struct qg_redis_program *program)
{
	/* Redis needs neither our secrets nor our locale. */
	static char path[] = "PATH=" PLACES ":/bin:/sbin";
	static char zone[] = "TZ=UTC";
	char *const environment[] = {path, zone, NULL};
	int log = openat(
		program->dir_fd, program->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int input = open_input(program->input);
	pid_t parent = getpid();
	pid_t pid = -1;

	if (log >= 0 && input >= 0) {
		/* No handler of ours may run in the child before it has forgotten them: libev's
		 * would write into the pipe of our loop. */
		sigset_t all, before;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		pid = fork();
		if (pid == 0) {
			become(program, parent, input, log, environment);
		}
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	int saved = errno;
	if (log >= 0) {
		close(log);
	}
	if (input >= 0) {
		close(input);
	}
	errno = saved;
	return pid;
}
