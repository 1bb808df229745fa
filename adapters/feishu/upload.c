/* upload.c - a file of the outbox -> a key by which a message may name it: one call with a form.
 *
 * Nothing is shown by it, so a call whose outcome is unknown may be made again. The kind that a file is uploaded as has to
 * fit the type of message it is shown in. Source: open.feishu.cn, 上传图片 and 上传文件. */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "multipart.h"
#include "qg/json.h"
#include "qg/str.h"

#define FILE_MOST ((size_t)30 << 20)
#define KEY_MOST 512

struct feishu_upload {
	struct feishu_core *core;
	const struct feishu_shape *shape;
	struct qg_multipart *form;
	struct feishu_call *call;
	feishu_uploaded_fn fn;
	void *arg;
};

static const struct feishu_shape image = {"image", "image", "image_key", "message"};
static const struct feishu_shape shapes[] = {
	{".opus", "audio", "file_key", "opus"}, {".mp4", "media", "file_key", "mp4"},
	{".pdf", "file", "file_key", "pdf"}, {".doc", "file", "file_key", "doc"},
	{".docx", "file", "file_key", "doc"}, {".xls", "file", "file_key", "xls"},
	{".xlsx", "file", "file_key", "xls"}, {".ppt", "file", "file_key", "ppt"},
	{".pptx", "file", "file_key", "ppt"}, {"", "file", "file_key", "stream"}, /* all else */
};

const struct feishu_shape *feishu_shape_of(const json_t *file, bool as_image)
{
	const char *name = qg_json_str(file, "name", "");
	const char *extension = strrchr(name, '.');
	const struct feishu_shape *shape = shapes;
	if (as_image) {
		return &image;
	}
	while (shape->extension[0] && (!extension || strcasecmp(extension, shape->extension))) {
		shape++;
	}
	return shape;
}

static void upload_free(struct feishu_upload *upload)
{
	feishu_call_cancel(upload->call);
	qg_multipart_destroy(upload->form);
	free(upload);
}

static void tell(struct feishu_upload *upload, const struct feishu_answer *answer, const char *key)
{
	feishu_uploaded_fn fn = upload->fn;
	void *arg = upload->arg;
	struct qg_multipart *form = upload->form; /* the request's bytes are not needed any more */
	free(upload);
	qg_multipart_destroy(form);
	fn(arg, answer, key);
}

static void tell_local(struct feishu_upload *upload, enum qg_status status)
{
	struct feishu_answer answer = {.local = status,
		.msg = "",
		.log_id = "",
		.words = status == QG_UNSUPPORTED ? "the file is not in outbox/, or over 30 MB"
						  : qg_status_text(status),
		.body = ""};
	tell(upload, &answer, NULL);
}

static void answered(void *arg, const struct feishu_answer *answer)
{
	struct feishu_upload *upload = arg;
	bool is_image = upload->shape == &image;
	const char *const paths[] = {is_image ? "data.image_key" : "data.file_key"};
	struct qg_piece found = {0};
	upload->call = NULL;
	bool is_there = feishu_error_outcome(answer).status == QG_OK &&
			qg_scan(answer->body, answer->size, paths, 1, &found) == QG_OK &&
			found.kind == QG_PIECE_STRING && found.size > 0 && found.size <= KEY_MOST;
	QG_AUTO(qg_str_free) char *key = is_there ? qg_piece_copy(&found) : NULL;
	tell(upload, answer, key);
}

static void packed(void *arg, enum qg_status status)
{
	struct feishu_upload *upload = arg;
	if (status != QG_OK) {
		tell_local(upload, status);
		return;
	}
	bool is_image = upload->shape == &image;
	struct feishu_request asked = {.method = "POST",
		.path = is_image ? "/open-apis/im/v1/images" : "/open-apis/im/v1/files",
		.type = qg_multipart_type(upload->form)};
	asked.pieces = qg_multipart_pieces(upload->form, &asked.count);
	upload->call = feishu_call_begin(upload->core->account, &asked, answered, upload);
	if (!upload->call) {
		tell_local(upload, QG_NO_MEMORY);
	}
}

struct feishu_upload *feishu_upload_start(struct feishu_core *core, const json_t *file,
	bool as_image, feishu_uploaded_fn fn, void *arg)
{
	struct feishu_upload *upload = calloc(1, sizeof(*upload));
	if (!upload) {
		return NULL;
	}
	upload->core = core;
	upload->fn = fn;
	upload->arg = arg;
	upload->shape = feishu_shape_of(file, as_image);
	struct qg_multipart_file asked = {.data_dir = core->bot->data_dir,
		.file = qg_json_str(file, "file", ""),
		.name = qg_json_str(file, "name", ""),
		.field = as_image ? "image" : "file",
		.least = 1,
		.most = as_image ? FEISHU_IMAGE_MOST : FILE_MOST,
		.fields = {{as_image ? "image_type" : "file_type", upload->shape->kind}}};
	if (!as_image) {
		asked.fields[1].name = "file_name"; /* its value: what people call it */
	}
	upload->form = qg_multipart_create(core->bot->loop, &asked, packed, upload);
	if (!upload->form) {
		upload_free(upload);
		return NULL;
	}
	return upload;
}

void feishu_upload_cancel(struct feishu_upload *upload)
{
	if (upload) {
		upload_free(upload);
	}
}
