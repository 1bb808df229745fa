/* load_requests.c - requests that somebody else made: signed and encrypted webhooks, one file of them.
 *
 * Each stands as "<bytes>\n<request>". The file is mapped, so that making them costs nothing while it is measured. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct piece {
	const char *data;
	size_t size;
};

static struct piece *pieces;
static size_t count;

static void add(const char *data, size_t size)
{
	static size_t most;
	if (count == most) {
		most = most > 0 ? 2 * most : 4096;
		pieces = realloc(pieces, most * sizeof(*pieces));
		if (pieces == NULL) {
			die("out of memory");
		}
	}
	pieces[count++] = (struct piece){data, size};
}

void requests_open(const char *path)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &info) != 0 || info.st_size == 0) {
		die("%s: %s", path, strerror(errno));
	}
	const char *at =
		mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED) {
		die("%s: %s", path, strerror(errno));
	}
	close(fd);
	for (const char *end = at + info.st_size; at < end;) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		size_t size = strtoul(at, NULL, 10);
		if (line == NULL || size == 0 || size > (size_t)(end - line - 1)) {
			die("%s holds no requests", path);
		}
		add(line + 1, size);
		at = line + 1 + size;
	}
}

const char *requests_get(unsigned long number, size_t *size_out)
{
	if (number >= count) {
		die("only %zu requests were made", count);
	}
	*size_out = pieces[number].size;
	return pieces[number].data;
}
