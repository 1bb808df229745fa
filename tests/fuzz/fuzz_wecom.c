/* fuzz_wecom.c - bodies of WeCom's AI bot: whatever comes in, what is understood of it is bounded, valid, and can be
 * stored; addresses and handles, too.
 *
 * The first byte chooses how the rest is used: as a body of the webhook, of the long connection, as a text with
 * mentions, as an address, as a handle of either transport, as a frame. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "link.h"

#include "qg/config.h"
#include "qg/str.h"

enum mode { WEBHOOK, WEBSOCKET, MENTION, ADDRESS, HANDLE, FRAME, LINK_HANDLE, MODES };
enum { SCRATCH_MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static struct wecom_options options = {
	.bot_id = (char *)"aib", .token = (char *)"token", .display_name = (char *)"Front Desk"};
static struct qg_bot_config config = {.options = &options};
static struct qg_bot bot = {.config = &config, .name = "xiaoman"};

static void check_message(struct wecom_event *event)
{
	struct qg_message *message = event->message;
	char stream_id[HOOK_STREAM_ID];
	struct hook_handle handle;
	expect(strlen(message->text) <= QG_TEXT_MAX, "a text too long");
	expect(qg_utf8_is_valid(message->text, strlen(message->text)), "a text that is no UTF-8");
	expect(!message->quote || strlen(message->quote) <= QG_QUOTE_MAX, "a quote too long");
	hook_stream_id(&bot, message->id, stream_id);
	message->handle = hook_handle_make(&bot, event, stream_id, 1763800000000);
	expect(message->handle != NULL, "no handle");
	expect(hook_handle_read(message->handle, &handle) == QG_OK, "a handle that does not read");
	expect(strcmp(handle.user, event->user) == 0, "another user");
	hook_handle_finish(&handle);
	char *wire = qg_message_encode(message, 1, NULL);
	expect(wire != NULL, "a message that cannot be stored");
	free(wire);
}

static void read_body(const char *data, size_t size, const char *key)
{
	struct wecom_event event;
	enum qg_status status = wecom_event_read(&bot, data, size, key, &event);
	bool has_message = event.kind == WECOM_MESSAGE || event.kind == WECOM_CLICK;
	expect(status == QG_OK || !event.message, "a message of nothing");
	if (status == QG_OK) {
		expect(has_message == (event.message != NULL), "a kind without its message");
		expect(event.kind != WECOM_REFRESH || event.stream_id, "a poll of nothing");
		expect(event.kind != WECOM_ENTER || event.user, "nobody came in");
		if (event.message) {
			check_message(&event);
		}
		expect(wecom_click_judge(&bot, &event, 1763800000000) == WECOM_CLICK_FOREIGN,
			"a card that nobody signed");
	}
	wecom_event_finish(&event);
}

static void cut_mention(const char *text)
{
	static const char *const names[] = {NULL, "Front Desk", "x", "@", "小满"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *rest = wecom_without_mention(text, names[i]);
		expect(rest && strlen(rest) <= strlen(text), "a text that grows");
		expect(!qg_utf8_is_valid(text, strlen(text)) ||
				qg_utf8_is_valid(rest, strlen(rest)),
			"cutting broke a character");
		free(rest);
	}
}

static void read_address(const char *text)
{
	static const char *const bases[] = {NULL, "http://127.0.0.1:9000"};
	struct qg_address address;
	if (qg_address_read(text, &address)) {
		expect(strlen(address.host) > 0, "no host");
	}
	for (size_t i = 0; i < 2; i++) {
		bool refused = false;
		char *url = wecom_response_address(text, bases[i], &refused);
		expect(!url == refused, "refused and told");
		expect(!url || !bases[i] || qg_str_starts_with(url, bases[i]), "not moved");
		expect(!url || bases[i] ||
				strcmp(address.host + strlen(address.host) - 14,
					".weixin.qq.com") == 0,
			"a stranger's host");
		free(url);
	}
}

static void read_handle(const char *text)
{
	struct hook_handle handle;
	if (hook_handle_read(text, &handle) == QG_OK) {
		expect(handle.user != NULL, "no user");
		hook_handle_finish(&handle);
	}
}

/* The id that a frame is answered under, told to the store and back. */
static void check_request(const struct wecom_frame *frame)
{
	struct wecom_handle handle = {.type = QG_CHAT_GROUP, .user = "lin"}, again;
	memset(handle.conn, 'c', WECOM_CONN_CHARS);
	char *id = qg_piece_copy(&frame->req_id);
	if (id && id[0] != '\0' && strlen(id) <= WECOM_REQ_ID_MOST) {
		snprintf(handle.req_id, sizeof(handle.req_id), "%s", id);
		char *text = wecom_handle_write(&handle);
		expect(text && wecom_handle_read(text, &again), "a handle that does not read");
		expect(strcmp(again.req_id, id) == 0 && strcmp(again.user, "lin") == 0 &&
				again.type == QG_CHAT_GROUP,
			"another handle");
		free(text);
	}
	free(id);
}

static void read_frame(const char *data, size_t size)
{
	struct wecom_frame frame;
	struct qg_buf scratch;
	qg_buf_init(&scratch, SCRATCH_MOST);
	if (wecom_frame_read(data, size, &scratch, &frame) == QG_OK) {
		char *words = qg_piece_copy(&frame.words);
		free(words);
		(void)qg_piece_int(&frame.code, -1);
		check_request(&frame);
		if (frame.body.kind == QG_PIECE_OBJECT) {
			read_body(frame.body.data, frame.body.size, NULL);
		}
	}
	qg_buf_finish(&scratch);
}

static void read_link_handle(const char *text)
{
	struct wecom_handle handle, again;
	if (wecom_handle_read(text, &handle)) {
		char *same = wecom_handle_write(&handle);
		expect(same && wecom_handle_read(same, &again), "a handle that does not read");
		expect(strcmp(handle.req_id, again.req_id) == 0 &&
				strcmp(handle.user, again.user) == 0,
			"another handle");
		free(same);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	char *text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch ((enum mode)(data[0] % MODES)) {
	case WEBHOOK:
		read_body(text, size - 1, "key");
		break;
	case WEBSOCKET:
		read_body(text, size - 1, NULL);
		break;
	case MENTION:
		cut_mention(text);
		break;
	case ADDRESS:
		read_address(text);
		break;
	case HANDLE:
		read_handle(text);
		break;
	case FRAME:
		read_frame(text, size - 1);
		break;
	default:
		read_link_handle(text);
	}
	free(text);
	return 0;
}
