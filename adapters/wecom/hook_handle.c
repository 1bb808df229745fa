/* handle.c - the handle of a message that came by webhook: one line of words, so that it is told from the long
 * connection's at its first word, and read without a parser.
 *
 *     hook <stream id or -> <wall ms> <g or d> <user, percent-coded> <one-time address or ->  */
#include "hook.h"

#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/config.h"
#include "qg/str.h"

#define FIELDS 6
#define HANDLE_MAX 4096

void hook_stream_id(const struct qg_bot *bot, const char *msgid, char out[HOOK_STREAM_ID])
{
	const struct wecom_options *set = bot->config->options;
	const char *token = set->token ? set->token : "";
	/* The bot's name holds no blank. */
	char text[64 + QG_ID_MAX + 2];
	size_t name_size = strnlen(bot->name, 64), id_size = strnlen(msgid, QG_ID_MAX);
	memcpy(text, bot->name, name_size);
	text[name_size] = ' ';
	memcpy(text + name_size + 1, msgid, id_size);
	uint8_t digest[QG_SHA256_SIZE];
	qg_hmac_sha256(token, strlen(token), text, name_size + 1 + id_size, digest);
	qg_hex_encode(digest, (HOOK_STREAM_ID - 1) / 2, out);
}

char *hook_handle_make(const struct qg_bot *bot, const struct wecom_event *event,
	const char *stream_id, int64_t now)
{
	const char *user = event->user ? event->user : "";
	struct qg_buf out;
	qg_buf_init(&out, HANDLE_MAX);
	qg_buf_printf(&out, "hook %s %lld %c ", stream_id[0] ? stream_id : "-", (long long)now,
		event->chat_type == QG_CHAT_GROUP ? 'g' : 'd');
	qg_url_encode(user, strlen(user), &out);
	size_t whole = out.size;
	if (qg_buf_printf(&out, " %s", event->response_url ? event->response_url : "-") ==
		QG_TOO_LARGE) {
		/* An address that fits nowhere is none. */
		out.failed = QG_OK;
		out.size = whole;
		qg_buf_add_str(&out, " -");
	}
	char *text = out.failed == QG_OK ? qg_buf_steal(&out) : NULL;
	qg_buf_finish(&out);
	return text;
}

/* Splits at single blanks; false where there are more or fewer. */
static bool split(const char *text, const char *fields[FIELDS], size_t sizes[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		fields[i] = text;
		sizes[i] = strcspn(text, " ");
		text += sizes[i];
		if ((*text == ' ') != (i + 1 < FIELDS) || sizes[i] == 0) {
			return false;
		}
		text += *text == ' ';
	}
	return true;
}

static bool is_stream_id(const char *text, size_t size)
{
	return size == HOOK_STREAM_ID - 1 && strspn(text, "0123456789abcdef") >= size;
}

static enum qg_status fill(
	struct hook_handle *handle, const char *const *fields, const size_t *sizes)
{
	QG_AUTO(qg_buf_finish) struct qg_buf user;
	qg_buf_init(&user, 3 * QG_ID_MAX); /* room is made for what is coded */
	bool has_stream = is_stream_id(fields[1], sizes[1]);
	if (!has_stream && !(sizes[1] == 1 && fields[1][0] == '-')) {
		return QG_INVALID;
	}
	if (has_stream) {
		memcpy(handle->stream_id, fields[1], sizes[1]);
	}
	handle->chat_type = fields[3][0] == 'g' ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	enum qg_status status = qg_url_decode(fields[4], sizes[4], false, &user);
	if (status != QG_OK || user.size > QG_ID_MAX) {
		return status == QG_NO_MEMORY ? status : QG_INVALID;
	}
	handle->user = qg_str_copy(user.data);
	bool has_url = !(sizes[5] == 1 && fields[5][0] == '-');
	handle->response_url = has_url ? qg_str_copy_n(fields[5], sizes[5]) : NULL;
	return handle->user && (handle->response_url || !has_url) ? QG_OK : QG_NO_MEMORY;
}

enum qg_status hook_handle_read(const char *text, struct hook_handle *out)
{
	const char *fields[FIELDS];
	size_t sizes[FIELDS];
	*out = (struct hook_handle){.chat_type = QG_CHAT_DIRECT};
	if (!text || !qg_str_starts_with(text, "hook ") || strlen(text) > HANDLE_MAX ||
		!split(text, fields, sizes)) {
		return QG_INVALID;
	}
	char digits[QG_INT64_SIZE];
	if (sizes[2] >= sizeof(digits)) {
		return QG_INVALID;
	}
	memcpy(digits, fields[2], sizes[2]);
	digits[sizes[2]] = '\0';
	if (!qg_str_to_int64(digits, 0, INT64_MAX / 2, &out->since)) {
		return QG_INVALID;
	}
	enum qg_status status = fill(out, fields, sizes);
	if (status != QG_OK) {
		hook_handle_finish(out);
	}
	return status;
}

void hook_handle_finish(struct hook_handle *handle)
{
	free(handle->user);
	free(handle->response_url);
	*handle = (struct hook_handle){.chat_type = QG_CHAT_DIRECT};
}
