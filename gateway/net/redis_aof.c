/* redis_aof.c - damaged append-only files: copied first, then cut where the damage begins, and
 * said.
 *
 * A file cut short by a crash Redis loads by itself. Damage in the middle it refuses, and its
 * own tool cuts everything behind the damage: therefore the copy comes first, and nothing
 * happens without it. */
#include "redis_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "qg/buf.h"
#include "qg/clock.h"
#include "qg/str.h"

#define AOF_DIR "appendonlydir"
#define MANIFEST AOF_DIR "/appendonly.aof.manifest"
#define CHECK_LOG "check.log"
#define COPY_CHUNK ((size_t)1 << 20)
/* Left free on the disk behind a copy. */
#define SPARE_BYTES ((uint64_t)64 << 20)

static DIR *open_directory(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

	if (directory == NULL && fd >= 0) {
		close(fd);
	}
	return directory;
}

static bool is_file(DIR *directory, const char *name, uint64_t *size_out)
{
	struct stat info;

	if (fstatat(dirfd(directory), name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
		!S_ISREG(info.st_mode)) {
		return false;
	}
	*size_out = (uint64_t)info.st_size;
	return true;
}

uint64_t qg_redis_aof_size(int dir_fd)
{
	DIR *directory = open_directory(dir_fd, AOF_DIR);
	uint64_t sum = 0;

	if (directory == NULL) {
		return 0;
	}
	for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
		uint64_t size = 0;
		sum += is_file(directory, entry->d_name, &size) ? size : 0;
	}
	closedir(directory);
	return sum;
}

static bool copy_bytes(int from, int to, char *chunk)
{
	for (;;) {
		ssize_t size = read(from, chunk, COPY_CHUNK);
		if (size == 0) {
			return fsync(to) == 0;
		}
		if (size < 0 && errno != EINTR) {
			return false;
		}
		for (ssize_t done = 0; done < size;) {
			ssize_t wrote = write(to, chunk + done, (size_t)(size - done));
			if (wrote < 0 && errno != EINTR) {
				return false;
			}
			done += wrote > 0 ? wrote : 0;
		}
	}
}

static bool copy_file(int from_dir, int to_dir, const char *name, char *chunk)
{
	int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool fine = from >= 0 && to >= 0 && copy_bytes(from, to, chunk);

	if (from >= 0) {
		close(from);
	}
	if (to >= 0) {
		close(to);
	}
	return fine;
}

static bool copy_all(DIR *directory, int to_dir)
{
	char *chunk = malloc(COPY_CHUNK);
	bool fine = chunk != NULL;

	for (struct dirent *entry = readdir(directory); fine && entry != NULL;
		entry = readdir(directory)) {
		uint64_t size;
		if (is_file(directory, entry->d_name, &size)) {
			fine = copy_file(dirfd(directory), to_dir, entry->d_name, chunk);
		}
	}
	free(chunk);
	return fine && fsync(to_dir) == 0;
}

/* Copies the append-only directory to a new one called name; what a failed copy left stays, and
 * is said. */
static bool keep_copy(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0700) != 0) {
		return false;
	}
	DIR *directory = open_directory(dir_fd, AOF_DIR);
	int to = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool fine = directory != NULL && to >= 0 && copy_all(directory, to) && fsync(dir_fd) == 0;

	if (directory != NULL) {
		closedir(directory);
	}
	if (to >= 0) {
		close(to);
	}
	return fine;
}

/* The exit code of redis-check-aof; -1 when it did not run to its end. */
static int run_check(int dir_fd, int lock_fd, const char *tool, bool fix)
{
	const char *look[] = {tool, MANIFEST, NULL};
	const char *cut[] = {tool, "--fix", MANIFEST, NULL};
	struct qg_redis_program program = {.path = tool,
		.argv = fix ? cut : look,
		.dir_fd = dir_fd,
		.lock_fd = lock_fd,
		.log = CHECK_LOG,
		.input = fix ? "y\n" : NULL};
	int status = 0;
	pid_t pid = qg_redis_spawn(&program);

	if (pid < 0) {
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return -1;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void copy_name(char *name, size_t size)
{
	time_t now = (time_t)(qg_clock_wall() / 1000);
	struct tm parts;

	gmtime_r(&now, &parts);
	snprintf(name, size, "damaged-%04d%02d%02d-%02d%02d%02d", parts.tm_year + 1900,
		parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

static bool has_room(int dir_fd, uint64_t bytes)
{
	struct statvfs disk;

	return fstatvfs(dir_fd, &disk) == 0 &&
	       (uint64_t)disk.f_bavail * disk.f_frsize >= bytes + SPARE_BYTES;
}

static enum qg_redis_repair repair(int dir_fd, int lock_fd, const char *tool, char *words)
{
	char name[64];
	uint64_t before = qg_redis_aof_size(dir_fd);

	copy_name(name, sizeof(name));
	errno = ENOSPC;
	if (!has_room(dir_fd, before) || !keep_copy(dir_fd, name)) {
		snprintf(words, QG_REDIS_WORDS_SIZE,
			"aof damaged: no copy could be made (%s), so nothing was repaired",
			strerror(errno));
		return QG_REPAIR_POSTPONED;
	}
	if (run_check(dir_fd, lock_fd, tool, true) != 0) {
		snprintf(words, QG_REDIS_WORDS_SIZE,
			"aof damaged beyond repair: restore a backup; a copy is in redis/%s, "
			"details in redis/%s",
			name, CHECK_LOG);
		return QG_REPAIR_FAILED;
	}
	uint64_t after = qg_redis_aof_size(dir_fd);
	snprintf(words, QG_REDIS_WORDS_SIZE,
		"aof damaged: the last %llu of %llu bytes were cut off, what they held is lost; "
		"a copy of all is kept in redis/%s",
		(unsigned long long)(before > after ? before - after : 0),
		(unsigned long long)before, name);
	return QG_REPAIR_DONE;
}

enum qg_redis_repair qg_redis_aof_repair(int dir_fd, int lock_fd, char *words)
{
	words[0] = '\0';
	if (faccessat(dir_fd, MANIFEST, R_OK, 0) != 0) {
		return QG_REPAIR_SOUND;
	}
	QG_AUTO(qg_str_free) char *tool = qg_redis_find_program("check-aof");
	if (tool == NULL) {
		snprintf(words, QG_REDIS_WORDS_SIZE,
			"redis-check-aof is not installed: apt install redis-tools");
		return QG_REPAIR_FAILED;
	}
	/* Its words are of the last check only. */
	unlinkat(dir_fd, CHECK_LOG, 0);
	if (run_check(dir_fd, lock_fd, tool, false) == 0) {
		return QG_REPAIR_SOUND;
	}
	return repair(dir_fd, lock_fd, tool, words);
}
