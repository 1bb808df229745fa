/* fuzz_message.c - the wire forms of messages and replies: whatever bytes Redis holds,
 * decoding is safe, and what was decoded is written and read back as the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/message.h"
#include "qg/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void expect_same_message(const struct qg_message *a, const struct qg_message *b)
{
	expect(qg_str_equal(a->id, b->id), "id");
	expect(qg_str_equal(a->chat, b->chat), "chat");
	expect(qg_str_equal(a->chat_name, b->chat_name), "chat_name");
	expect(qg_str_equal(a->thread, b->thread), "thread");
	expect(qg_str_equal(a->sender, b->sender), "sender");
	expect(qg_str_equal(a->sender_name, b->sender_name), "sender_name");
	expect(qg_str_equal(a->text, b->text), "text");
	expect(qg_str_equal(a->handle, b->handle), "handle");
	expect(a->kind == b->kind && a->chat_type == b->chat_type, "kind");
	expect(a->mentions_bot == b->mentions_bot && a->sender_is_admin == b->sender_is_admin,
		"flags");
	expect(a->sent_at == b->sent_at && a->received_us == b->received_us, "times");
	expect(qg_str_equal(a->quote, b->quote), "quote");
	expect(qg_json_equal(a->attachments, b->attachments), "attachments");
}

static void try_message(const char *data, size_t size)
{
	char error[128] = "";
	int64_t stored_at = -1, again_at = -1;
	struct qg_message *message = qg_message_decode(data, size, &stored_at, error);
	if (!message) {
		expect(error[0] != '\0', "a refusal without words");
		return;
	}
	size_t wire_size = 0;
	char *wire = qg_message_encode(message, stored_at, &wire_size);
	expect(wire && strlen(wire) == wire_size, "a decoded message does not encode");
	struct qg_message *again = qg_message_decode(wire, wire_size, &again_at, error);
	expect(again && again_at == stored_at, "an encoded message does not decode");
	expect_same_message(message, again);
	free(wire);
	qg_message_destroy(again);
	qg_message_destroy(message);
}

/* Every field of a reply is in its wire form: equal forms are equal replies. */
static void try_reply(const char *data, size_t size)
{
	char error[128] = "";
	struct qg_reply *reply = qg_reply_decode(data, size, error);
	if (!reply) {
		expect(error[0] != '\0', "a refusal without words");
		return;
	}
	expect(reply->usage.cost && json_is_array(reply->answers),
		"a reply without cost or answers");
	char *wire = qg_reply_encode(reply);
	expect(wire, "a decoded reply does not encode");
	struct qg_reply *again = qg_reply_decode(wire, strlen(wire), error);
	expect(again, "an encoded reply does not decode");
	char *wire_again = qg_reply_encode(again);
	expect(qg_str_equal(wire, wire_again), "a reply changed on its way");
	expect(qg_str_equal(reply->text, again->text), "text");
	free(wire);
	free(wire_again);
	qg_reply_destroy(again);
	qg_reply_destroy(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its exact size: a sanitizer sees one byte too far. */
	char *copy = malloc(size > 0 ? size : 1);
	if (!copy) {
		return 0;
	}
	if (size > 0) {
		memcpy(copy, data, size);
	}
	try_message(copy, size);
	try_reply(copy, size);
	free(copy);
	return 0;
}
