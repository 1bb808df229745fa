/* upload.c - a file of the outbox -> the platform's media: read and packed in a pool thread, then one call.
 *
 * Nothing is shown by it, so a call whose outcome is unknown may be made again. The kind stands in the address and in the
 * form: some of the platform's machines read the one, some the other. The id that comes back keeps its leading sign.
 * Source: open.dingtalk.com, 上传媒体文件. */
#include "out.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define FILE_MOST ((size_t)20 << 20)
#define FORM_MOST 4096
#define ID_MOST 512

struct pack { /* what a thread works on; it outlives an upload that is cancelled meanwhile */
	struct dingtalk_upload *upload; /* NULL: nobody waits for it */
	char *path, *name;
	const char *kind;
	char boundary[33];
	enum qg_status status;
	struct qg_buf head, bytes, tail;
};

struct dingtalk_upload {
	struct dingtalk_core *core;
	struct pack *pack;
	struct qg_fetch_piece pieces[3];
	bool is_packing;
	dingtalk_uploaded_fn fn;
	void *arg;
};

static void pack_destroy(struct pack *pack)
{
	if (!pack) {
		return;
	}
	qg_buf_finish(&pack->head);
	qg_buf_finish(&pack->bytes);
	qg_buf_finish(&pack->tail);
	free(pack->path);
	free(pack->name);
	free(pack);
}

/* ---- in a pool thread ---- */

/* All of it, as it was when it was opened. QG_UNSUPPORTED: it cannot leave, now or later. */
static enum qg_status read_file(const char *path, struct qg_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat info;
	if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 1 ||
		info.st_size > (off_t)FILE_MOST) {
		if (fd >= 0) {
			close(fd);
		}
		return QG_UNSUPPORTED;
	}
	size_t size = (size_t)info.st_size;
	enum qg_status status = qg_buf_reserve(out, size);
	while (status == QG_OK && out->size < size) {
		ssize_t got = read(fd, out->data + out->size, size - out->size);
		if (got <= 0) {
			status = QG_UNSUPPORTED;
		} else {
			out->size += (size_t)got;
		}
	}
	close(fd);
	return status;
}

static void run(void *arg, unsigned thread_index)
{
	struct pack *pack = arg;
	(void)thread_index;
	pack->status = read_file(pack->path, &pack->bytes);
	qg_buf_printf(&pack->head,
		"--%s\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\n%s\r\n"
		"--%s\r\nContent-Disposition: form-data; name=\"media\"; filename=\"",
		pack->boundary, pack->kind, pack->boundary);
	for (const char *at = pack->name; *at; at++) { /* it must not end its own header */
		unsigned char byte = (unsigned char)*at;
		qg_buf_add_char(&pack->head, byte < ' ' || strchr("\"\\/", *at) ? '_' : *at);
	}
	qg_buf_add_str(&pack->head, "\"\r\nContent-Type: application/octet-stream\r\n\r\n");
	qg_buf_printf(&pack->tail, "\r\n--%s--\r\n", pack->boundary);
	if (pack->status == QG_OK && (pack->head.failed || pack->tail.failed)) {
		pack->status = QG_NO_MEMORY;
	}
}

/* ---- on the loop ---- */

static void upload_free(struct dingtalk_upload *upload)
{
	pack_destroy(upload->pack);
	free(upload);
}

static void tell(struct dingtalk_upload *upload, enum qg_status status, unsigned retry_ms,
	const char *media_id)
{
	dingtalk_uploaded_fn fn = upload->fn;
	void *arg = upload->arg;
	QG_AUTO(qg_str_free) char *id = qg_str_copy(media_id);
	upload_free(upload);
	fn(arg, status == QG_OK && !id ? QG_NO_MEMORY : status, retry_ms, id);
}

static void answered(void *arg, const struct dingtalk_answer *answer)
{
	const char *id = answer->status == QG_OK ? qg_json_str(answer->body, "media_id", "") : NULL;
	enum qg_status status = answer->status;
	if (id && (id[0] == '\0' || strlen(id) > ID_MOST)) {
		id = NULL;
		status = QG_UNSUPPORTED;
	} else if (status == QG_IO || status == QG_TIMEOUT) {
		status = QG_FAILED; /* nothing was shown: no outcome is unknown */
	}
	tell(arg, status, answer->retry_ms, id);
}

static void packed(void *arg)
{
	struct pack *pack = arg;
	struct dingtalk_upload *upload = pack->upload;
	if (!upload) {
		pack_destroy(pack);
		return;
	}
	upload->is_packing = false;
	if (pack->status != QG_OK) {
		tell(upload, pack->status, 0, NULL);
		return;
	}
	QG_AUTO(qg_str_free)
	char *path = qg_str_printf("/media/upload?type=%s", pack->kind);
	QG_AUTO(qg_str_free)
	char *type = qg_str_printf("multipart/form-data; boundary=%s", pack->boundary);
	if (!path || !type) {
		tell(upload, QG_NO_MEMORY, 0, NULL);
		return;
	}
	const struct qg_buf *bufs[] = {&pack->head, &pack->bytes, &pack->tail};
	for (size_t i = 0; i < 3; i++) {
		upload->pieces[i] = (struct qg_fetch_piece){bufs[i]->data, bufs[i]->size};
	}
	dingtalk_call_bytes(
		upload->core, DINGTALK_OAPI, path, type, upload->pieces, 3, answered, upload);
}

static struct pack *make_pack(const char *data_dir, const json_t *file, bool as_image)
{
	struct pack *pack = calloc(1, sizeof(*pack));
	if (!pack) {
		return NULL;
	}
	const char *stored = qg_json_str(file, "file", "");
	const char *name = qg_json_str(file, "name", "");
	qg_buf_init(&pack->head, FORM_MOST);
	qg_buf_init(&pack->bytes, FILE_MOST);
	qg_buf_init(&pack->tail, FORM_MOST);
	qg_random_hex(pack->boundary, sizeof(pack->boundary) / 2);
	pack->kind = as_image ? "image" : "file";
	pack->path = qg_str_printf("%s/outbox/%s", data_dir, stored);
	pack->name = qg_str_copy(name[0] ? name : stored);
	if (!pack->path || !pack->name) {
		pack_destroy(pack);
		return NULL;
	}
	return pack;
}

struct dingtalk_upload *dingtalk_upload_start(struct dingtalk_core *core, const json_t *file,
	bool as_image, dingtalk_uploaded_fn fn, void *arg)
{
	struct dingtalk_upload *upload = calloc(1, sizeof(*upload));
	if (!upload) {
		return NULL;
	}
	*upload = (struct dingtalk_upload){.core = core, .fn = fn, .arg = arg};
	upload->pack = make_pack(core->bot->data_dir, file, as_image);
	if (!upload->pack || !qg_loop_work(core->bot->loop, run, packed, upload->pack)) {
		upload_free(upload);
		return NULL;
	}
	upload->pack->upload = upload;
	upload->is_packing = true;
	return upload;
}

void dingtalk_upload_cancel(struct dingtalk_upload *upload)
{
	if (!upload) {
		return;
	}
	if (upload->is_packing) {
		upload->pack->upload = NULL; /* a thread has it: packed() frees it */
		upload->pack = NULL;
	} else {
		dingtalk_forget(upload->core, upload);
	}
	upload_free(upload);
}
