/* event.c - an event of Feishu -> qg_message.
 *
 * Only messages of people become one. Other bots are not answered: two bots that answer each other would never end.
 * The platform says that messages are known by message_id, not by the event's id, so that is the message's id; it is
 * also what a reply in place needs. */
#include "content.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

#define MS_MAX INT64_C(100000000000000) /* times above are microseconds */

static bool is_message(const struct feishu_envelope *envelope)
{
	const struct qg_piece *f = envelope->fields;
	return qg_piece_is(&f[FEISHU_EVENT_TYPE], "im.message.receive_v1") &&
	       f[FEISHU_MESSAGE_ID].size > 0 && f[FEISHU_CHAT_ID].size > 0 &&
	       f[FEISHU_SENDER].size > 0 && f[FEISHU_MESSAGE_ID].kind == QG_PIECE_STRING &&
	       f[FEISHU_CHAT_ID].kind == QG_PIECE_STRING &&
	       f[FEISHU_SENDER].kind == QG_PIECE_STRING;
}

/* Said by a person, and not by the platform about itself (somebody joined, the name changed). */
static bool is_said(const struct feishu_envelope *envelope)
{
	return !qg_piece_is(&envelope->fields[FEISHU_SENDER_TYPE], "bot") &&
	       !qg_piece_is(&envelope->fields[FEISHU_SENDER_TYPE], "app") &&
	       !qg_piece_is(&envelope->fields[FEISHU_MESSAGE_TYPE], "system");
}

static int64_t time_of(const struct qg_piece *piece)
{
	int64_t time = qg_piece_int(piece, 0);
	return time > MS_MAX ? time / 1000 : time;
}

/* The words, at most QG_TEXT_MAX bytes of them, without characters that nobody sees. NULL for no memory. */
static char *make_text(const struct feishu_content *content)
{
	static const char more[] = "\n（后文过长，已截去）";
	const struct qg_buf *buf = &content->text;
	char *text = qg_utf8_clean(buf->size > 0 ? buf->data : "", buf->size);
	if (!text) {
		return NULL;
	}
	qg_str_trim(text);
	size_t size = strlen(text);
	if (!content->cut && size <= QG_TEXT_MAX) {
		return text;
	}
	text[qg_utf8_cut(text, size, QG_TEXT_MAX - sizeof(more))] = '\0';
	char *whole = qg_str_printf("%s%s", text, more);
	free(text);
	return whole;
}

/* What it was written under comes first: however much is attached, that is not left out. */
static enum qg_status point_to_quote(
	const struct feishu_envelope *envelope, struct feishu_content *content)
{
	const struct qg_piece *parent = &envelope->fields[FEISHU_PARENT_ID];
	bool is_one =
		parent->kind == QG_PIECE_STRING && parent->size > 0 && parent->size <= QG_ID_MAX;
	return is_one ? feishu_content_attach(content,
				&(struct feishu_attachment){.type = "quote", .key = parent})
		      : QG_OK;
}

/* The string inside `content`, read by its type. */
static enum qg_status read_content(
	const struct feishu_envelope *envelope, struct feishu_content *content)
{
	if (point_to_quote(envelope, content) != QG_OK) {
		return QG_NO_MEMORY;
	}
	struct qg_buf text;
	qg_buf_init(&text, FEISHU_BODY_MAX);
	enum qg_status status = QG_OK;
	if (envelope->fields[FEISHU_CONTENT].kind == QG_PIECE_STRING) {
		status = qg_piece_text(&envelope->fields[FEISHU_CONTENT], &text);
	}
	if (status != QG_NO_MEMORY) {
		status = feishu_content_read(content, &envelope->fields[FEISHU_MESSAGE_TYPE],
			text.data ? text.data : "", text.size);
	}
	qg_buf_finish(&text);
	return status;
}

static struct qg_message *make_message(
	const struct feishu_envelope *envelope, struct feishu_content *content, bool is_group)
{
	const struct qg_piece *f = envelope->fields;
	struct qg_message *message = qg_message_create();
	if (!message) {
		return NULL;
	}
	bool in_thread =
		f[FEISHU_THREAD_ID].kind == QG_PIECE_STRING && f[FEISHU_THREAD_ID].size > 0;
	message->id = qg_piece_copy(&f[FEISHU_MESSAGE_ID]);
	message->handle = message->id ? qg_str_copy(message->id) : NULL;
	message->kind = QG_MESSAGE_TEXT;
	message->chat_type = is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	message->chat = qg_piece_copy(&f[FEISHU_CHAT_ID]);
	message->thread = in_thread ? qg_piece_copy(&f[FEISHU_THREAD_ID]) : NULL;
	message->sender = qg_piece_copy(&f[FEISHU_SENDER]);
	message->mentions_bot = feishu_content_mentions_own(content);
	message->text = make_text(content);
	message->attachments = content->attachments;
	content->attachments = NULL;
	message->sent_at = time_of(&f[FEISHU_CREATE_TIME]);
	if (!message->id || !message->handle || !message->chat || !message->sender ||
		!message->text || (in_thread && !message->thread)) {
		qg_message_destroy(message);
		return NULL;
	}
	return message;
}

enum feishu_kind feishu_event_read(
	const struct feishu_envelope *envelope, const char *own, struct qg_message **message_out)
{
	if (!is_message(envelope) || !is_said(envelope)) {
		return FEISHU_IGNORED;
	}
	struct feishu_content content;
	feishu_content_init(&content, own);
	content.message = envelope->fields[FEISHU_MESSAGE_ID];
	feishu_content_mentions(&content, &envelope->fields[FEISHU_MENTIONS]);
	bool is_group = !qg_piece_is(&envelope->fields[FEISHU_CHAT_TYPE], "p2p");
	if (is_group && content.mention_count > 0 && (!own || !own[0])) {
		return FEISHU_UNSURE;
	}
	struct qg_message *message = NULL;
	if (read_content(envelope, &content) == QG_OK) {
		message = make_message(envelope, &content, is_group);
	}
	feishu_content_finish(&content);
	if (!message) {
		return FEISHU_FAILED;
	}
	*message_out = message;
	return FEISHU_MESSAGE;
}
