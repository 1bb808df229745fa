/* app_process.c - who this process is, and which other processes of this data_dir are dead for sure.
 *
 * Each process start has a name never used before and a file of that name in data_dir/run, on which it holds a
 * flock for as long as it lives: the kernel lets go of it however the process ends. Who can take the lock of
 * another's file therefore knows that its owner is gone, and need not wait for beats and leases to run out.
 * A name without a file says nothing: that process may live on another host. The file is locked before it gets
 * its name, so nobody can ever find it unlocked while its owner lives. Files stay behind at the end, also of a
 * good one, so that whatever was left over is taken up at once; later starts clear them away.
 */
#include "app_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/str.h"

enum {
	LOOK_MS = 1000,
	MAX_DEAD = 4096,	/* names kept; more are found again by the next look */
	BURY_AFTER_S = 10 * 60, /* claims and leases have long run out by then */
	RANDOM_BYTES = 6,
};

struct qg_processes {
	char *folder;
	char *self;
	int lock;
	bool looked;
	uint64_t looked_at;
	struct qg_strings dead;
};

/* "host-pid-random": readable in metrics, and unique by its random end. */
static char *make_name(void)
{
	char host[64] = "";
	if (gethostname(host, sizeof(host) - 1) != 0) {
		host[0] = '\0';
	}
	char *end = host;
	for (const char *from = host; *from && *from != '.' && end < host + 24; from++) {
		if ((*from >= 'a' && *from <= 'z') || (*from >= '0' && *from <= '9') ||
			*from == '-') {
			*end++ = *from;
		}
	}
	*end = '\0';
	char random[2 * RANDOM_BYTES + 1];
	qg_random_hex(random, RANDOM_BYTES);
	return qg_str_printf("%s-%d-%s", *host ? host : "host", (int)getpid(), random);
}

/* Tries the lock of an open file: true if nobody holds it. A shared lock, so that two who look do not take each
 * other for the owner. */
static bool is_free(int fd)
{
	return flock(fd, LOCK_SH | LOCK_NB) == 0;
}

static int lock_own_file(const struct qg_processes *processes)
{
	char *hidden = qg_str_printf("%s/.%s", processes->folder, processes->self);
	char *path = qg_str_printf("%s/%s", processes->folder, processes->self);
	int fd = -1;
	if (hidden && path) {
		fd = open(hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) != 0 || rename(hidden, path) != 0)) {
		unlink(hidden);
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		qg_log_error(
			NULL, "cannot make a file in %s: %s", processes->folder, strerror(errno));
	}
	free(hidden);
	free(path);
	return fd;
}

/* Calls found() for each file that nobody holds. */
static void each_unlocked(struct qg_processes *processes,
	void (*found)(struct qg_processes *processes, int fd, const char *name))
{
	DIR *folder = opendir(processes->folder);
	if (!folder) {
		return;
	}
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		/* hidden ones are not yet locked by their makers: hands off */
		if (entry->d_name[0] == '.' || qg_str_equal(entry->d_name, processes->self)) {
			continue;
		}
		int fd = openat(dirfd(folder), entry->d_name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd >= 0) {
			if (is_free(fd)) {
				found(processes, fd, entry->d_name);
			}
			close(fd);
		}
	}
	closedir(folder);
}

/* The first start that meets the file of a dead process notes the time on it (a file without the right to write
 * is a noted one); a later start removes it. */
static void bury_if_old(struct qg_processes *processes, int fd, const char *name)
{
	struct stat status;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		return;
	}
	if (status.st_mode & S_IWUSR) {
		if (fchmod(fd, 0400) != 0 || futimens(fd, NULL) != 0) {
			qg_log_debug(NULL, "cannot mark %s/%s", processes->folder, name);
		}
		return;
	}
	if (time(NULL) - status.st_mtime > BURY_AFTER_S) {
		char *path = qg_str_printf("%s/%s", processes->folder, name);
		if (path) {
			unlink(path);
		}
		free(path);
	}
}

struct qg_processes *qg_processes_create(const char *data_dir)
{
	struct qg_processes *processes = calloc(1, sizeof(*processes));
	if (!processes) {
		return NULL;
	}
	processes->lock = -1;
	processes->folder = qg_str_printf("%s/run", data_dir);
	processes->self = make_name();
	if (!processes->folder || !processes->self || !qg_app_make_folder(processes->folder)) {
		goto failed;
	}
	processes->lock = lock_own_file(processes);
	if (processes->lock < 0) {
		goto failed;
	}
	each_unlocked(processes, bury_if_old);
	return processes;
failed:
	qg_processes_destroy(processes);
	return NULL;
}

const char *qg_processes_self(const struct qg_processes *processes)
{
	return processes->self;
}

static void note_dead(struct qg_processes *processes, int fd, const char *name)
{
	if (processes->dead.count >= MAX_DEAD) {
		return;
	}
	if (qg_strings_add(&processes->dead, name) != QG_OK) {
		qg_log_debug(NULL, "no memory to note that %s is dead", name);
	}
}

bool qg_processes_is_dead(struct qg_processes *processes, const char *process)
{
	uint64_t now = qg_clock_mono();
	if (!processes->looked || now - processes->looked_at >= qg_clock_scaled(LOOK_MS)) {
		processes->looked = true;
		processes->looked_at = now;
		qg_strings_finish(&processes->dead);
		each_unlocked(processes, note_dead);
	}
	return qg_strings_has(&processes->dead, process);
}

bool qg_process_is_dead(const struct qg_core *core, const char *process)
{
	return core->processes && qg_processes_is_dead(core->processes, process);
}

void qg_processes_destroy(struct qg_processes *processes)
{
	if (!processes) {
		return;
	}
	if (processes->lock >= 0) {
		close(processes->lock);
	}
	qg_strings_finish(&processes->dead);
	free(processes->folder);
	free(processes->self);
	free(processes);
}
