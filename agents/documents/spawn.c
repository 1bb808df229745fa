/* spawn.c - starts the child: this very program, with a file, a pipe and nothing else of ours. */
#include "documents.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

enum { FIRST_CLOSED = 3, OUT_OF_THE_WAY = 8 };

/* What was ignored or blocked here must not be so there. */
static bool forget_signals(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	sigfillset(&all);
	sigemptyset(&none);
	return posix_spawnattr_setsigdefault(attributes, &all) == 0 &&
	       posix_spawnattr_setsigmask(attributes, &none) == 0 &&
	       posix_spawnattr_setflags(
		       attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) == 0;
}

static bool arrange(posix_spawn_file_actions_t *actions, int file, int text)
{
	return posix_spawn_file_actions_adddup2(actions, file, STDIN_FILENO) == 0 &&
	       posix_spawn_file_actions_adddup2(actions, text, STDOUT_FILENO) == 0 &&
	       posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) ==
		       0 &&
	       posix_spawn_file_actions_addclosefrom_np(actions, FIRST_CLOSED) == 0;
}

static pid_t start(const char *word, int file, int text)
{
	static char *const environment[] = {NULL};
	char *const words[] = {"qungong", QG_DOCUMENT_CHILD, (char *)word, NULL};
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	if (posix_spawnattr_init(&attributes) != 0) {
		return -1;
	}
	if (posix_spawn_file_actions_init(&actions) == 0) {
		if (!forget_signals(&attributes) || !arrange(&actions, file, text) ||
			posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, words,
				environment) != 0) {
			pid = -1;
		}
		posix_spawn_file_actions_destroy(&actions);
	}
	posix_spawnattr_destroy(&attributes);
	return pid;
}

pid_t document_spawn(const char *word, int file, int *text_out)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return -1;
	}
	/* where this process has no standard streams, the pipe must not lie in their places */
	int text = fcntl(ends[1], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	int safe_file = fcntl(file, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	pid_t pid = -1;
	close(ends[1]);
	if (text >= 0 && safe_file >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) {
		pid = start(word, safe_file, text);
	}
	if (text >= 0) {
		close(text);
	}
	if (safe_file >= 0) {
		close(safe_file);
	}
	if (pid < 0) {
		close(ends[0]);
		return -1;
	}
	*text_out = ends[0];
	return pid;
}
