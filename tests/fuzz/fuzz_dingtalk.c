/* fuzz_dingtalk.c - what DingTalk sends: whatever comes in, what is understood of it is bounded, valid, and can be stored.
 *
 * The first byte chooses how the rest is used: as a robot message, a frame, a handle, an event's envelope, an answer of the
 * API, an address to connect to. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "link.h"

#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

enum mode { MESSAGE, FRAME, HANDLE, ENVELOPE, ANSWER, ADDRESS, MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static struct dingtalk_options options = {
	.client_id = (char *)"ding1", .client_secret = (char *)"secret"};
static struct qg_bot_config config = {.options = &options};
static struct qg_bot bot = {.config = &config, .name = "xiaoman"};

static void check_handle(const char *text)
{
	struct dingtalk_handle handle;
	expect(dingtalk_handle_read(text, &handle) == QG_OK, "a handle that does not read");
	expect(handle.robot_code != NULL, "no robot");
	if (handle.webhook) {
		bool is_platform = qg_str_starts_with(handle.webhook, "https://") ||
				   qg_str_starts_with(handle.webhook, "HTTPS://") ||
				   strncasecmp(handle.webhook, "https://", 8) == 0;
		expect(is_platform, "a webhook without TLS");
	}
	dingtalk_handle_finish(&handle);
}

static void check_message(const struct qg_message *message)
{
	expect(strlen(message->text) <= QG_TEXT_MAX, "a text too long");
	expect(qg_utf8_is_valid(message->text, strlen(message->text)), "a text that is no UTF-8");
	expect(!message->quote || strlen(message->quote) <= QG_QUOTE_MAX, "a quote too long");
	check_handle(message->handle);
	char *wire = qg_message_encode(message, 1, NULL);
	expect(wire != NULL, "a message that cannot be stored");
	free(wire);
}

static void read_message(const char *data, size_t size)
{
	struct dingtalk_event event;
	enum qg_status status = dingtalk_event_read(&bot, data, size, &event);
	expect(status == QG_OK || !event.message, "a message of nothing");
	if (event.message) {
		check_message(event.message);
	}
	dingtalk_event_finish(&event);
}

/* What goes back is one JSON object, whatever came. (A pong may repeat a member that came twice.) */
static void check_json(const struct qg_buf *out)
{
	static const char *const paths[] = {"", "code", "headers", "message", "data"};
	struct qg_piece found[5];
	expect(qg_scan(out->data, out->size, paths, 5, found) == QG_OK, "an ack that is no JSON");
	expect(found[0].kind == QG_PIECE_OBJECT && found[1].kind == QG_PIECE_NUMBER &&
			found[2].kind == QG_PIECE_OBJECT && found[4].kind == QG_PIECE_STRING,
		"an ack of another shape");
}

static void read_frame(const char *data, size_t size)
{
	struct dingtalk_frame frame;
	struct qg_buf out;
	char id[DINGTALK_MESSAGE_ID] = "";
	if (dingtalk_frame_read(data, size, &frame) != QG_OK) {
		return;
	}
	qg_buf_init(&out, 4 * size + 4096);
	expect(frame.message_id.size < sizeof(id), "an id too long");
	memcpy(id, frame.message_id.data ? frame.message_id.data : "", frame.message_id.size);
	expect(dingtalk_ack_write(&out, 200, id, "OK", "{\"response\":null}") == QG_OK, "no ack");
	check_json(&out);
	qg_buf_reset(&out);
	expect(dingtalk_pong_write(&out, &frame) == QG_OK, "no pong");
	check_json(&out);
	qg_buf_reset(&out);
	if (dingtalk_frame_data(&frame, &out) == QG_OK && out.size > 0) {
		read_message(out.data, out.size);
	}
	qg_buf_finish(&out);
}

static void read_handle(const char *text)
{
	struct dingtalk_handle handle;
	if (dingtalk_handle_read(text, &handle) == QG_OK) {
		dingtalk_handle_finish(&handle);
	}
}

/* "query\nbody" */
static void read_envelope(const char *text)
{
	static const struct dingtalk_seal seal = {
		"token", "q7Zx2Lm9Vt4Rk8Yb1Nd6Hc3Wf5Gs0Jp7Ua2Ei9Oo4Qz", "ding1"};
	const char *body = strchr(text, '\n');
	struct qg_buf plain;
	char *query = qg_str_copy_n(text, strcspn(text, "\n"));
	qg_buf_init(&plain, 65536);
	body = body ? body + 1 : "";
	(void)!dingtalk_envelope_open(&seal, query, body, strlen(body), &plain);
	qg_buf_finish(&plain);
	free(query);
}

static void read_answer(const char *data, size_t size)
{
	static const int statuses[] = {0, 200, 400, 401, 403, 404, 429, 500, 504};
	json_t *body = qg_json_parse(data, size, NULL);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		char code[DINGTALK_CODE_MAX];
		struct dingtalk_verdict verdict = dingtalk_verdict(
			i % 2 ? DINGTALK_API : DINGTALK_OAPI, statuses[i], body, code);
		expect(verdict.words != NULL && code[0] != '\0', "no words");
		expect(memchr(code, '\0', sizeof(code)) != NULL, "a code without end");
		expect(verdict.status != QG_OK || statuses[i] == 200 ||
				json_object_get(body, "errcode"),
			"good though it failed");
	}
	json_decref(body);
}

/* "endpoint\nticket" */
static void read_address(const char *text)
{
	enum qg_status status;
	char *endpoint = qg_str_copy_n(text, strcspn(text, "\n"));
	const char *ticket = strchr(text, '\n');
	char *url = dingtalk_open_url(endpoint, ticket ? ticket + 1 : "", &status);
	expect((url != NULL) == (status == QG_OK), "refused and told");
	for (const char *c = url ? url : ""; *c != '\0'; c++) {
		expect(*c > ' ' && *c <= '~', "an address with a blank");
	}
	free(url);
	free(endpoint);
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
	case MESSAGE:
		read_message(text, size - 1);
		break;
	case FRAME:
		read_frame(text, size - 1);
		break;
	case HANDLE:
		read_handle(text);
		break;
	case ENVELOPE:
		read_envelope(text);
		break;
	case ANSWER:
		read_answer(text, size - 1);
		break;
	default:
		read_address(text);
	}
	free(text);
	return 0;
}
