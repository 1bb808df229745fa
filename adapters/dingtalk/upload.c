/* upload.c - a file of the outbox -> the platform's media: read and packed in a pool thread, then one call.
 *
 * Nothing is shown by it, so a call whose outcome is unknown may be made again. The kind stands in the address and in the
 * form: some of the platform's machines read the one, some the other. The id that comes back keeps its leading sign.
 * Source: open.dingtalk.com, 上传媒体文件. */
#include "out.h"

#include <stdlib.h>
#include <string.h>

#include "multipart.h"
#include "qg/json.h"
#include "qg/str.h"

#define FILE_MOST ((size_t)20 << 20)
#define ID_MOST 512

struct dingtalk_upload {
	struct dingtalk_core *core;
	struct qg_multipart *form;
	const char *kind;
	dingtalk_uploaded_fn fn;
	void *arg;
};

static void upload_free(struct dingtalk_upload *upload)
{
	qg_multipart_destroy(upload->form);
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

static void packed(void *arg, enum qg_status status)
{
	struct dingtalk_upload *upload = arg;
	QG_AUTO(qg_str_free)
	char *path = qg_str_printf("/media/upload?type=%s", upload->kind);
	if (status != QG_OK || !path) {
		tell(upload, status != QG_OK ? status : QG_NO_MEMORY, 0, NULL);
		return;
	}
	size_t count = 0;
	const struct qg_fetch_piece *pieces = qg_multipart_pieces(upload->form, &count);
	dingtalk_call_bytes(upload->core, DINGTALK_OAPI, path, qg_multipart_type(upload->form),
		pieces, count, answered, upload);
}

struct dingtalk_upload *dingtalk_upload_start(struct dingtalk_core *core, const json_t *file,
	bool as_image, dingtalk_uploaded_fn fn, void *arg)
{
	struct dingtalk_upload *upload = calloc(1, sizeof(*upload));
	if (!upload) {
		return NULL;
	}
	*upload = (struct dingtalk_upload){
		.core = core, .kind = as_image ? "image" : "file", .fn = fn, .arg = arg};
	struct qg_multipart_file asked = {.data_dir = core->bot->data_dir,
		.file = qg_json_str(file, "file", ""),
		.name = qg_json_str(file, "name", ""),
		.field = "media",
		.least = 1,
		.most = FILE_MOST,
		.fields = {{"type", upload->kind}}};
	upload->form = qg_multipart_create(core->bot->loop, &asked, packed, upload);
	if (!upload->form) {
		upload_free(upload);
		return NULL;
	}
	return upload;
}

void dingtalk_upload_cancel(struct dingtalk_upload *upload)
{
	if (upload) {
		dingtalk_forget(upload->core, upload);
		upload_free(upload);
	}
}
