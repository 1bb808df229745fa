/* fuzz_history.c - what a prompt is made of: a history that somebody may have written into Redis, and what people say.
 *
 * Whatever stands there, the history joins to messages of a JSON array and nothing else; those of one role in a row
 * become one without losing a word; and no text leaves its fence: each of its lines bears the mark. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/http_call.h"
#include "qg/json.h"
#include "qg/message.h"
#include "qg/str.h"
#include "turn_parts.h"

#define MARK "│ "
#define ROOM ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void expect_message(const json_t *message)
{
	const char *role = qg_json_str(message, "role", "");
	expect(json_object_size(message) == 2 && json_object_get(message, "content"),
		"a member more");
	expect(strcmp(role, "user") == 0 || strcmp(role, "assistant") == 0, "another role");
	expect(json_is_string(json_object_get(message, "content")), "a content that is no text");
}

static json_t *parse_list(const char *elements, size_t size)
{
	struct qg_buf array;
	qg_buf_init(&array, ROOM);
	qg_buf_printf(&array, "[%.*s]", (int)size, elements);
	json_t *all = qg_json_parse(array.data, array.size, NULL);
	expect(json_array_size(all) > 0, "no JSON");
	for (size_t i = 0; i < json_array_size(all); i++) {
		expect_message(json_array_get(all, i));
	}
	qg_buf_finish(&array);
	return all;
}

/* messages as they stand, sent: what the services' forms make of them. */
static void expect_sent(const json_t *messages, const json_t *sent)
{
	struct qg_buf said;
	size_t next = 0, count = json_array_size(messages);
	const char *before = "";
	qg_buf_init(&said, ROOM);
	for (size_t i = 0; i < json_array_size(sent); i++) {
		const json_t *message = json_array_get(sent, i);
		const char *role = qg_json_str(message, "role", "");
		expect(strcmp(role, before) != 0, "two of one role in a row");
		before = role;
		qg_buf_reset(&said);
		for (bool more = false; next < count; more = true, next++) {
			const json_t *one = json_array_get(messages, next);
			if (strcmp(qg_json_str(one, "role", ""), role) != 0) {
				break;
			}
			qg_buf_printf(
				&said, "%s%s", more ? "\n\n" : "", qg_json_str(one, "content", ""));
		}
		expect(strcmp(qg_json_str(message, "content", "?"), said.data ? said.data : "") ==
				0,
			"other words");
	}
	expect(next == count, "a message was lost");
	qg_buf_finish(&said);
}

/* With a picture the last one is a list, which begins with its words; all others are as without. */
static void send_picture(const char *messages, size_t size, const json_t *sent)
{
	static const struct qg_wire_image form = {",{\"a\":\"", "\",\"b\":\"", "\"}"};
	static const struct qg_image image = {"t", "", 0};
	const struct qg_ask ask = {
		.messages = messages, .messages_size = size, .images = &image, .image_count = 1};
	struct qg_wire_body body = {.cut_count = 0};
	qg_buf_init(&body.text, ROOM);
	qg_wire_add_messages(&ask, &form, &body);
	expect(body.text.failed == QG_OK && body.cut_count == 1, "a picture that cannot be sent");
	struct qg_buf array;
	qg_buf_init(&array, ROOM + 2);
	qg_buf_add_char(&array, '[');
	qg_buf_add(&array, body.text.data, body.text.size);
	qg_buf_add_char(&array, ']');
	json_t *all = qg_json_parse(array.data, array.size, NULL);
	size_t last = json_array_size(sent) - 1;
	expect(json_array_size(all) == last + 1, "another number of messages");
	for (size_t i = 0; i < last; i++) {
		expect(json_equal(json_array_get(all, i), json_array_get(sent, i)) == 1,
			"another message before the picture");
	}
	const json_t *parts = json_object_get(json_array_get(all, last), "content");
	expect(json_array_size(parts) == 2, "not the words and the picture");
	expect(strcmp(qg_json_str(json_array_get(parts, 0), "text", "?"),
		       qg_json_str(json_array_get(sent, last), "content", "")) == 0,
		"other words beside the picture");
	json_decref(all);
	qg_buf_finish(&array);
	qg_buf_finish(&body.text);
}

static void send(const char *messages, size_t size)
{
	const struct qg_ask ask = {.messages = messages, .messages_size = size};
	struct qg_wire_body body = {.cut_count = 0};
	struct qg_buf *out = &body.text;
	qg_buf_init(out, ROOM);
	qg_wire_add_messages(&ask, NULL, &body);
	expect(out->failed == QG_OK, "messages that cannot be sent");
	json_t *before = parse_list(messages, size), *after = parse_list(out->data, out->size);
	expect_sent(before, after);
	send_picture(messages, size, after);
	json_decref(before);
	json_decref(after);
	qg_buf_finish(out);
}

static void join(const char *history)
{
	struct qg_token_count tokens = {0};
	struct qg_buf out;
	qg_buf_init(&out, ROOM);
	qg_history_join(history, &out, &tokens);
	expect(tokens.wide >= 0 && tokens.rest >= 0, "a weight below nothing");
	if (out.size > 0) {
		expect(out.data[out.size - 1] == ',', "no comma behind the last");
		send(out.data, out.size - 1);
	}
	qg_buf_finish(&out);
}

static void speak(char *text, size_t size)
{
	struct qg_message message = {.sender = text, .text = text};
	struct qg_buf out, json;
	qg_buf_init(&out, ROOM);
	qg_buf_init(&json, ROOM);
	qg_prompt_add_speech(&out, &message, text, size);
	expect(out.failed == QG_OK && out.data[out.size - 1] == '\n', "a speech without an end");
	for (const char *line = strchr(out.data, '\n'); line[1] != '\0';
		line = strchr(line + 1, '\n')) {
		expect(qg_str_starts_with(line + 1, MARK), "a line without its mark");
	}
	expect(!strpbrk(out.data, "\r\v\f") && !strstr(out.data, "\xc2\x85") &&
			!strstr(out.data, "\xe2\x80\xa8") && !strstr(out.data, "\xe2\x80\xa9"),
		"an end of line that only some readers see");
	qg_prompt_add_message(&json, "user", &out);
	json_t *parsed = qg_json_parse(json.data, json.size, NULL);
	expect_message(parsed);
	expect(strcmp(qg_json_str(parsed, "content", ""), out.data) == 0, "another text");
	json_decref(parsed);
	qg_buf_finish(&out);
	qg_buf_finish(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	if (text) {
		size_t length = strlen(text);
		join(text);
		if (qg_utf8_is_valid(text, length)) {
			speak(text, length);
		}
		free(text);
	}
	return 0;
}
