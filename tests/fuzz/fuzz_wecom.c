/* fuzz_wecom.c - bodies of WeCom's AI bot: whatever comes in, what is understood of it is bounded, valid, and can be
 * stored; addresses and handles, too.
 *
 * The first byte chooses how the rest is used: as a body of the webhook, of the long connection, as a text with
 * mentions, as an address, as a handle. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"

#include "qg/config.h"
#include "qg/str.h"

enum mode { WEBHOOK, WEBSOCKET, MENTION, ADDRESS, HANDLE, MODES };

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
	struct wecom_address address;
	if (wecom_address_read(text, &address)) {
		expect(strlen(address.host) > 0, "no host");
		(void)wecom_address_is_private(address.host);
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
	default:
		read_handle(text);
	}
	free(text);
	return 0;
}
