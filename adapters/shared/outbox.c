/* outbox.c - files that leave with a reply.
 *
 * What makes them names them by their bytes' digest and puts them there whole; so a link, a pipe or a half-written file
 * in that place is none of ours and does not leave. */
#include "outbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 32

bool qg_outbox_is_name(const char *file)
{
	return strlen(file) == NAME_SIZE && strspn(file, "0123456789abcdef") == NAME_SIZE;
}

static enum qg_status read_all(int fd, size_t size, struct qg_buf *out)
{
	enum qg_status status = qg_buf_reserve(out, size);
	for (size_t left = size; status == QG_OK && left > 0;) {
		ssize_t got = read(fd, out->data + out->size, left);
		if (got <= 0) {
			return QG_UNSUPPORTED;
		}
		out->size += (size_t)got;
		left -= (size_t)got;
	}
	return status;
}

enum qg_status qg_outbox_read(const char *path, size_t least, size_t most, struct qg_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		return QG_UNSUPPORTED;
	}
	struct stat info;
	bool leaves = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
		      info.st_size >= (off_t)least && info.st_size <= (off_t)most;
	enum qg_status status = leaves ? read_all(fd, (size_t)info.st_size, out) : QG_UNSUPPORTED;
	close(fd);
	return status;
}

void qg_outbox_add_name(const char *name, struct qg_buf *out)
{
	for (const char *at = name; *at; at++) {
		unsigned char byte = (unsigned char)*at;
		qg_buf_add_char(out, byte < ' ' || strchr("\"\\/", *at) ? '_' : *at);
	}
}
