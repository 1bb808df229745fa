/* body.c - what goes out to a group robot, as bytes, and what the platform's answer means.
 *
 * A file is read and packed in a pool thread: base64 and digest of a picture, or the multipart body of an upload. What
 * calls itself a picture and is none that the robot takes leaves as a file. */
#include "hook.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define HOST "https://qyapi.weixin.qq.com"
#define SEND_PATH "/cgi-bin/webhook/send?"
#define KEY_MOST 64
/* Breaking up each mention makes five bytes of two, quoting at most six of one. */
#define SAFE_MOST (3 * (size_t)QG_REPLY_MAX)
#define BODY_MOST (6 * SAFE_MOST)
#define RATE_MS 60000 /* the platform counts by the minute; as much as a third more by chance */

/* ---- the address ---- */

static bool is_this_machine(const char *url, size_t size)
{
	static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t host = strlen(hosts[i]);
		if (size < host || memcmp(url, hosts[i], host) != 0) {
			continue;
		}
		const char *port = url + host;
		size_t digits = size - host;
		return digits == 0 || (*port == ':' && digits > 1 && digits <= 6 &&
					      strspn(port + 1, "0123456789") == digits - 1);
	}
	return false;
}

bool wecom_hook_address(const char *url, char **base_out, char **key_out)
{
	*base_out = *key_out = NULL;
	const char *path = url ? strstr(url, SEND_PATH) : NULL;
	size_t size = path ? (size_t)(path - url) : 0;
	bool is_theirs = size == strlen(HOST) && memcmp(url, HOST, size) == 0;
	if (!path || !(is_theirs || is_this_machine(url, size))) {
		return false;
	}
	const char *query = path + strlen(SEND_PATH);
	char *key = qg_query_get(query, strlen(query), "key");
	size_t key_size = key ? strlen(key) : 0;
	if (key_size == 0 || key_size > KEY_MOST ||
		strspn(key, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") !=
			key_size) {
		free(key);
		return false;
	}
	*base_out = qg_str_copy_n(url, size);
	*key_out = *base_out ? key : NULL;
	if (!*base_out) {
		free(key);
	}
	return *base_out;
}

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

enum qg_status wecom_hook_text(const char *text, bool is_plain, struct qg_buf *out)
{
	QG_AUTO(qg_buf_finish) struct qg_buf safe;
	qg_buf_init(&safe, SAFE_MOST);
	if (add_safe(text, &safe) != QG_OK) {
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

struct wecom_hook_file *wecom_hook_file_create(
	const char *data_dir, const char *file, const char *name, bool as_image)
{
	struct wecom_hook_file *made = calloc(1, sizeof(*made));
	if (!made) {
		return NULL;
	}
	qg_buf_init(&made->body, WECOM_HOOK_FILE_MOST + 4096);
	made->as_image = as_image;
	made->path = qg_str_printf("%s/outbox/%s", data_dir, file);
	made->name = qg_str_copy(name && *name ? name : file);
	if (!made->path || !made->name) {
		wecom_hook_file_destroy(made);
		return NULL;
	}
	return made;
}

void wecom_hook_file_destroy(struct wecom_hook_file *file)
{
	if (!file) {
		return;
	}
	qg_buf_finish(&file->body);
	free(file->path);
	free(file->name);
	free(file);
}

/* All of the file, as it was when it was opened. QG_DENIED: it cannot leave, now or later. */
static enum qg_status read_all(const char *path, struct qg_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat info;
	if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
		info.st_size < WECOM_HOOK_FILE_LEAST ||
		info.st_size > (off_t)WECOM_HOOK_FILE_MOST) {
		if (fd >= 0) {
			close(fd);
		}
		return QG_DENIED;
	}
	size_t size = (size_t)info.st_size;
	enum qg_status status = qg_buf_reserve(out, size);
	while (status == QG_OK && out->size < size) {
		ssize_t got = read(fd, out->data + out->size, size - out->size);
		if (got <= 0) {
			status = QG_DENIED;
		} else {
			out->size += (size_t)got;
		}
	}
	close(fd);
	return status;
}

static bool is_picture(const struct qg_buf *bytes)
{
	static const char png[] = "\x89PNG\r\n\x1a\n", jpeg[] = "\xff\xd8\xff";
	return (bytes->size > 8 && memcmp(bytes->data, png, 8) == 0) ||
	       (bytes->size > 3 && memcmp(bytes->data, jpeg, 3) == 0);
}

static enum qg_status pack_image(const struct qg_buf *bytes, struct qg_buf *out)
{
	uint8_t digest[QG_MD5_SIZE];
	char md5[2 * QG_MD5_SIZE + 1];
	qg_md5(bytes->data, bytes->size, digest);
	qg_hex_encode(digest, sizeof(digest), md5);
	qg_buf_add_str(out, "{\"msgtype\":\"image\",\"image\":{\"base64\":\"");
	qg_base64_encode(bytes->data, bytes->size, out);
	return qg_buf_printf(out, "\",\"md5\":\"%s\"}}", md5);
}

static enum qg_status pack_upload(
	struct wecom_hook_file *file, const struct qg_buf *bytes, struct qg_buf *out)
{
	qg_random_hex(file->boundary, sizeof(file->boundary) / 2);
	qg_buf_printf(out, "--%s\r\nContent-Disposition: form-data; name=\"media\"; filename=\"",
		file->boundary);
	for (const char *at = file->name; *at; at++) { /* it must not end its own header */
		unsigned char byte = (unsigned char)*at;
		qg_buf_add_char(out, byte < ' ' || strchr("\"\\/", *at) ? '_' : *at);
	}
	qg_buf_printf(out, "\"; filelength=%zu\r\nContent-Type: application/octet-stream\r\n\r\n",
		bytes->size);
	qg_buf_add(out, bytes->data, bytes->size);
	return qg_buf_printf(out, "\r\n--%s--\r\n", file->boundary);
}

void wecom_hook_file_pack(struct wecom_hook_file *file)
{
	QG_AUTO(qg_buf_finish) struct qg_buf bytes;
	qg_buf_init(&bytes, WECOM_HOOK_FILE_MOST);
	file->status = read_all(file->path, &bytes);
	if (file->status != QG_OK) {
		return;
	}
	file->as_image =
		file->as_image && bytes.size <= WECOM_HOOK_IMAGE_MOST && is_picture(&bytes);
	file->status = file->as_image ? pack_image(&bytes, &file->body)
				      : pack_upload(file, &bytes, &file->body);
}

/* ---- answers ---- */

static const struct row {
	int64_t code;
	enum qg_status status;
	const char *words;
} rows[] = {
	{0, QG_OK, ""},
	{-1, QG_BUSY, ""},
	{45009, QG_BUSY, ""}, /* 20 a minute are over: waits out the minute */
	{45033, QG_BUSY, ""},
	{45002, QG_TOO_LARGE, ""},
	{40058, QG_UNSUPPORTED, "a field is refused"},
	{44004, QG_UNSUPPORTED, "the content is empty"},
	{93000, QG_DENIED,
		"群机器人的地址失效了：在群设置 > 消息推送里看它还在不在，重新复制 Webhook "
		"地址填进 "
		"url · the robot was removed or its key is wrong"},
	{93004, QG_DENIED, "群机器人被停用了：在群设置 > 消息推送里启用 · the robot is disabled"},
	{93008, QG_DENIED,
		"群机器人不在群里了：在群设置 > 消息推送里重新添加 · the robot left the group"},
};

static struct wecom_hook_outcome outcome(
	enum qg_status status, unsigned retry_ms, const char *words)
{
	return (struct wecom_hook_outcome){.status = status, .retry_ms = retry_ms, .words = words};
}

/* What surely did not reach the platform is no call of unknown outcome. */
static struct wecom_hook_outcome by_error(const struct qg_fetch_end *end)
{
	switch (end->error) {
	case QG_FETCH_NO_MEMORY:
		return outcome(QG_NO_MEMORY, 0, "");
	case QG_FETCH_FIRST_BYTE_TIMEOUT:
	case QG_FETCH_IDLE_TIMEOUT:
	case QG_FETCH_TOTAL_TIMEOUT:
		return outcome(end->sent ? QG_TIMEOUT : QG_FAILED, 0, "");
	default:
		return outcome(end->sent ? QG_IO : QG_FAILED, 0, "");
	}
}

static struct wecom_hook_outcome by_row(const struct row *row, bool is_file)
{
	if (row->status == QG_BUSY && row->code == 45009) {
		return outcome(QG_BUSY, RATE_MS + (unsigned)qg_random_below(RATE_MS / 3), "");
	}
	bool is_form = row->status == QG_UNSUPPORTED || row->status == QG_TOO_LARGE;
	return outcome(is_file && is_form ? QG_DENIED : row->status, 0, row->words);
}

struct wecom_hook_outcome wecom_hook_judge(
	const struct qg_fetch_end *end, bool has_code, int64_t code, bool is_file)
{
	if (end->error != QG_FETCH_NONE) {
		return by_error(end);
	}
	bool believed = has_code && (code != 0 || end->status < 400);
	for (size_t i = 0; believed && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code) {
			return by_row(&rows[i], is_file);
		}
	}
	if (end->status == 429) {
		return outcome(QG_BUSY, RATE_MS + (unsigned)qg_random_below(RATE_MS / 3), "");
	}
	if (end->status >= 500) {
		return outcome(QG_IO, 0, "");
	}
	if (!has_code) { /* not the platform's words: something stands between, and may have passed it on */
		return outcome(end->status < 300 ? QG_IO : QG_FAILED, 0,
			"the answer is not WeCom's: is there a proxy in between?");
	}
	return outcome(is_file ? QG_DENIED : QG_UNSUPPORTED, 0, "a code this build does not know");
}
