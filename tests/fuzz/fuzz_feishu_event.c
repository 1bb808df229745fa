/* fuzz_feishu_event.c - what Feishu's messages hold, and what its API tells of messages: whatever comes, what is made of
 * it is bounded, valid, and shows no id.
 *
 * The first byte chooses how the rest is read: as an event of the long connection, as the content of a message whose type
 * the second byte chooses, or as the answer to the question for a message. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

#include "qg/str.h"

#define APP "cli_6af6b6ea90eb13e0"
#define OWN "ou_a6c25c0120a930eac755a6ab556f046b"
#define KEY "om_1"

enum mode { EVENT, CONTENT, CLOSED, RECORD, MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void check_attachments(const json_t *attachments)
{
	size_t i;
	json_t *item;
	expect(json_array_size(attachments) <= QG_ATTACHMENTS_MOST, "too many attachments");
	json_array_foreach (attachments, i, item) {
		const char *type = json_string_value(json_object_get(item, "type"));
		const char *name = json_string_value(json_object_get(item, "name"));
		expect(type && type[0], "an attachment without a type");
		expect(!name || !strpbrk(name, "/\\\n\r"), "a name that leads somewhere");
	}
}

static void read_event(const char *data, size_t size)
{
	struct feishu_envelope envelope;
	struct qg_message *message = NULL;
	if (feishu_envelope_read(APP, data, size, &envelope) != FEISHU_EVENT) {
		return;
	}
	enum feishu_kind kind = feishu_event_read(&envelope, OWN, &message);
	expect((kind == FEISHU_MESSAGE) == (message != NULL), "a kind without its message");
	if (message) {
		size_t length = strlen(message->text);
		expect(length <= QG_TEXT_MAX, "a text too long");
		expect(qg_utf8_is_valid(message->text, length), "a text that is no UTF-8");
		check_attachments(message->attachments);
		free(qg_message_encode(message, 1, NULL));
	}
	qg_message_destroy(message);
}

static void read_content(const uint8_t *data, size_t size, bool closed)
{
	static const char *const types[] = {"text", "post", "image", "file", "folder", "audio",
		"media", "sticker", "interactive", "share_chat", "share_user", "location", "todo",
		"vote", "hongbao", "system", "video_chat", "share_calendar_event", "calendar",
		"merge_forward", "new"};
	if (size == 0) {
		return;
	}
	const char *name = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	const struct qg_piece type = {.kind = QG_PIECE_STRING, .data = name, .size = strlen(name)};
	struct feishu_content content;
	feishu_content_init(&content, OWN);
	content.message = (struct qg_piece){.kind = QG_PIECE_STRING, .data = KEY, .size = 4};
	content.closed = closed;
	enum qg_status status =
		feishu_content_read(&content, &type, (const char *)data + 1, size - 1);
	expect(status == QG_OK, "a content that cannot be read");
	expect(!closed || !content.attachments, "a file of a closed content");
	expect(content.text.size <= QG_TEXT_MAX + 4096, "a text without an end");
	check_attachments(content.attachments);
	feishu_content_finish(&content);
}

static void read_record(const char *data, size_t size)
{
	struct feishu_record record;
	feishu_record_init(&record, APP);
	enum qg_status status = feishu_record_read(&record, KEY, data, size);
	expect(status == QG_OK || status == QG_INVALID || status == QG_NOT_FOUND,
		"a record that cannot be read");
	check_attachments(record.attachments);
	char *text = feishu_record_steal(&record, QG_QUOTE_MAX);
	expect(text && strlen(text) <= QG_QUOTE_MAX, "a quote too long");
	expect(qg_utf8_is_valid(text, strlen(text)), "a quote that is no UTF-8");
	free(text);
	feishu_record_finish(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	switch ((enum mode)(data[0] % MODES)) {
	case EVENT:
		read_event((const char *)data + 1, size - 1);
		break;
	case CONTENT:
	case CLOSED:
		read_content(data + 1, size - 1, data[0] % MODES == CLOSED);
		break;
	default:
		read_record((const char *)data + 1, size - 1);
	}
	return 0;
}
