/* outbox.c - files on their way to a chat.
 *
 * A copy, so that whoever made the file may change or remove it at once; named by its digest, so that the same file
 * sent twice is stored once and no name leads anywhere else. Copies over a day old are removed by the next `say`: what
 * did not leave by then is not news any more. */
#include "outbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "hire.h"
#include "qg/buf.h"
#include "qg/codec.h"
#include "qg/crypto.h"

#define FOLDER "outbox"
#define NAME_SIZE 32   /* hex digits */
#define SHOWN_MOST 200 /* bytes of a name that people see */
#define KEPT_S (24 * 60 * 60)

static int read_file(const struct qg_cli *cli, const char *path, struct qg_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	if (fd < 0 || fstat(fd, &info) != 0) {
		int why = errno;
		if (fd >= 0) {
			close(fd);
		}
		return qg_cli_say(cli, QG_CLI_WRONG, "%s: %s", path, strerror(why));
	}
	if (!S_ISREG(info.st_mode)) {
		close(fd);
		return qg_cli_say(cli, QG_CLI_WRONG, "%s: not a plain file", path);
	}
	char chunk[64 * 1024];
	ssize_t got;
	while ((got = read(fd, chunk, sizeof(chunk))) > 0 &&
		qg_buf_add(out, chunk, (size_t)got) == QG_OK) {
	}
	int why = got < 0 ? errno : 0;
	close(fd);
	if (why != 0) {
		return qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", path, strerror(why));
	}
	if (out->failed == QG_TOO_LARGE) {
		return qg_cli_say(cli, QG_CLI_WRONG,
			"%s: 文件超过 20 MB，平台不收 · a file may hold 20 MB at most", path);
	}
	if (out->failed != QG_OK) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	return out->size > 0 ? QG_CLI_DONE : qg_cli_say(cli, QG_CLI_WRONG, "%s: empty", path);
}

static bool is_picture(const struct qg_buf *bytes)
{
	static const char png[] = "\x89PNG\r\n\x1a\n", jpeg[] = "\xff\xd8\xff";
	return (bytes->size > 8 && memcmp(bytes->data, png, 8) == 0) ||
	       (bytes->size > 3 && memcmp(bytes->data, jpeg, 3) == 0);
}

/* As it is called beside its path: one line of UTF-8. Yours to free. */
static char *shown_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = qg_str_copy(slash ? slash + 1 : path);
	if (name) {
		qg_utf8_flatten(name);
		size_t size = strlen(name);
		if (size > SHOWN_MOST) { /* the end says what kind of file it is */
			size_t from = size - SHOWN_MOST;
			while (from < size && ((unsigned char)name[from] & 0xc0) == 0x80) {
				from++;
			}
			memmove(name, name + from, size - from + 1);
		}
	}
	return name;
}

/* The same bytes are there already: as if they were put there now. */
static bool is_there(const char *path)
{
	return errno == EEXIST && utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

static int store(const struct qg_cli *cli, const char *data_dir, const struct qg_buf *bytes,
	char name_out[NAME_SIZE + 1])
{
	uint8_t digest[QG_SHA256_SIZE];
	qg_sha256(bytes->data, bytes->size, digest);
	qg_hex_encode(digest, NAME_SIZE / 2, name_out);
	QG_AUTO(qg_str_free) char *folder = qg_str_printf("%s/" FOLDER, data_dir);
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/" FOLDER "/%s", data_dir, name_out);
	if (!folder || !path) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	if (!qg_app_make_folder(folder)) {
		return qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", folder, strerror(errno));
	}
	if (!qg_cli_write_whole(path, bytes->data, bytes->size) && !is_there(path)) {
		return qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", path, strerror(errno));
	}
	return QG_CLI_DONE;
}

int qg_cli_outbox_add(const struct qg_cli *cli, const char *data_dir, const char *path,
	bool as_image, json_t **file_out)
{
	QG_AUTO(qg_buf_finish) struct qg_buf bytes;
	qg_buf_init(&bytes, QG_OUTBOX_FILE_MOST);
	char name[NAME_SIZE + 1];
	int code = read_file(cli, path, &bytes);
	if (code == QG_CLI_DONE && as_image && !is_picture(&bytes)) {
		code = qg_cli_say(cli, QG_CLI_WRONG,
			"%s: 不是 PNG 或 JPG 图片；别的文件用 --file · no PNG or JPG; --file takes "
			"any",
			path);
	}
	code = code == QG_CLI_DONE ? store(cli, data_dir, &bytes, name) : code;
	if (code != QG_CLI_DONE) {
		return code;
	}
	QG_AUTO(qg_str_free) char *shown = shown_name(path);
	json_t *file =
		shown ? json_pack("{s:s, s:s, s:I, s:s}", "type", as_image ? "image" : "file",
				"name", shown, "size", (json_int_t)bytes.size, "file", name)
		      : NULL;
	if (!file) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	*file_out = file;
	return QG_CLI_DONE;
}

void qg_cli_outbox_sweep(const char *data_dir, int64_t now_s)
{
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/" FOLDER, data_dir);
	DIR *folder = path ? opendir(path) : NULL;
	if (!folder) {
		return;
	}
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		struct stat info;
		if (fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(info.st_mode) && now_s - (int64_t)info.st_mtime > KEPT_S) {
			unlinkat(dirfd(folder), entry->d_name, 0);
		}
	}
	closedir(folder);
}
