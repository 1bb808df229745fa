/* body.c - WeCom's group robot on the wire: its address, what goes out as bytes, and what its answers mean.
 *
 * A picture leaves inside its message, with a digest; all else, and what calls itself a picture and is none that the robot
 * takes, is uploaded first. Source: developer.work.weixin.qq.com, document 99110. */
#include "hook.h"

#include <stdio.h>
#include <string.h>

#include "outbox.h"
#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/json.h"

/* Breaking up each mention makes five bytes of two. */
#define SAFE_MOST (3 * (size_t)QG_REPLY_MAX)
#define RATE_MS 60000 /* the platform counts by the minute */

/* ---- texts ---- */

/* "<@" calls people in some of the platform's forms: a blank without width between the two lets it be read, and calls
 * nobody. */
static enum qg_status add_safe(const char *text, struct qg_buf *out)
{
	const char *at = text;
	for (const char *mark; (mark = strstr(at, "<@")) != NULL; at = mark + 1) {
		qg_buf_add(out, at, (size_t)(mark - at) + 1);
		qg_buf_add_str(out, "\xe2\x80\x8b");
	}
	return qg_buf_add_str(out, at);
}

static enum qg_status make_text(const struct qg_robot_text *text, struct qg_buf *out)
{
	bool is_plain =
		text->form !=
		QG_FORM_RICH; /* it has one place only: a new message would be the same again */
	QG_AUTO(qg_buf_finish) struct qg_buf safe;
	qg_buf_init(&safe, SAFE_MOST);
	if (add_safe(text->text, &safe) != QG_OK) {
		return safe.failed;
	}
	if (safe.size > (is_plain ? WECOM_HOOK_TEXT_MOST : WECOM_HOOK_MARKDOWN_MOST)) {
		return QG_TOO_LARGE;
	}
	const char *type = is_plain ? "text" : "markdown_v2";
	qg_buf_printf(out, "{\"msgtype\":\"%s\",\"%s\":{\"content\":", type, type);
	enum qg_status status = qg_json_quote(safe.data ? safe.data : "", safe.size, out);
	qg_buf_add_str(out, "}}");
	return status != QG_OK ? status : out->failed;
}

/* ---- files ---- */

static bool is_picture(const struct qg_buf *bytes)
{
	static const char png[] = "\x89PNG\r\n\x1a\n", jpeg[] = "\xff\xd8\xff";
	return (bytes->size > 8 && memcmp(bytes->data, png, 8) == 0) ||
	       (bytes->size > 3 && memcmp(bytes->data, jpeg, 3) == 0);
}

static enum qg_status pack_image(struct qg_robot_file *file, const struct qg_buf *bytes)
{
	uint8_t digest[QG_MD5_SIZE];
	char md5[2 * QG_MD5_SIZE + 1];
	snprintf(file->type, sizeof(file->type), "application/json");
	qg_md5(bytes->data, bytes->size, digest);
	qg_hex_encode(digest, sizeof(digest), md5);
	qg_buf_add_str(&file->body, "{\"msgtype\":\"image\",\"image\":{\"base64\":\"");
	qg_base64_encode(bytes->data, bytes->size, &file->body);
	return qg_buf_printf(&file->body, "\",\"md5\":\"%s\"}}", md5);
}

static enum qg_status pack_upload(struct qg_robot_file *file, const struct qg_buf *bytes)
{
	char boundary[33];
	struct qg_buf *out = &file->body;
	qg_random_hex(boundary, sizeof(boundary) / 2);
	snprintf(file->type, sizeof(file->type), "multipart/form-data; boundary=%s", boundary);
	qg_buf_printf(out, "--%s\r\nContent-Disposition: form-data; name=\"media\"; filename=\"",
		boundary);
	qg_outbox_add_name(file->name, out);
	qg_buf_printf(out, "\"; filelength=%zu\r\nContent-Type: application/octet-stream\r\n\r\n",
		bytes->size);
	qg_buf_add(out, bytes->data, bytes->size);
	return qg_buf_printf(out, "\r\n--%s--\r\n", boundary);
}

static enum qg_status pack(struct qg_robot_file *file, const struct qg_buf *bytes)
{
	file->as_image =
		file->as_image && bytes->size <= WECOM_HOOK_IMAGE_MOST && is_picture(bytes);
	return file->as_image ? pack_image(file, bytes) : pack_upload(file, bytes);
}

static enum qg_status show_upload(const char *id, struct qg_buf *out)
{
	qg_buf_add_str(out, "{\"msgtype\":\"file\",\"file\":{\"media_id\":");
	enum qg_status status = qg_json_quote(id, strlen(id), out);
	qg_buf_add_str(out, "}}");
	return status != QG_OK ? status : out->failed;
}

static const struct qg_robot_files files = {.least = WECOM_HOOK_FILE_LEAST,
	.most = WECOM_HOOK_FILE_MOST,
	.pack = pack,
	.upload = "/cgi-bin/webhook/upload_media?type=file",
	.id = "media_id",
	.shown = show_upload};

/* ---- answers ---- */

static const struct qg_robot_row rows[] = {
	{0, QG_OK, "", true},
	{-1, QG_BUSY, ""},
	{45009, QG_BUSY, "", false, RATE_MS}, /* 20 a minute are over */
	{45033, QG_BUSY, ""},
	{45002, QG_TOO_LARGE, ""},
	{40058, QG_UNSUPPORTED, "有一项内容企业微信不收 · a field is refused", true},
	{44004, QG_UNSUPPORTED, "内容是空的 · the content is empty", true},
	{93000, QG_DENIED,
		"群机器人的地址失效了：在群设置 > 消息推送里看它还在不在，重新复制 Webhook "
		"地址填进 url · the robot was removed or its key is wrong"},
	{93004, QG_DENIED, "群机器人被停用了：在群设置 > 消息推送里启用 · the robot is disabled"},
	{93008, QG_DENIED,
		"群机器人不在群里了：在群设置 > 消息推送里重新添加 · the robot left the group"},
	{0, QG_OK, NULL},
};

static const char *const hosts[] = {"https://qyapi.weixin.qq.com", NULL};

const struct qg_robot_kind wecom_hook_kind = {.name = "wecom-hook",
	.hosts = hosts,
	.path = "/cgi-bin/webhook/send",
	.parameter = "key",
	.key_most = 64,
	.where = "请填群机器人的 Webhook 地址 · must be "
		 "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=...",
	.text = make_text,
	.files = &files,
	.code = "errcode",
	.message = "errmsg",
	.rows = rows,
	/* what stands between may have passed it on */
	.stranger = {.status = QG_IO,
		.words = "应答不是企业微信发出的，中间有代理吗 · the answer is not WeCom's: is "
			 "there "
			 "a proxy in between?"}};
