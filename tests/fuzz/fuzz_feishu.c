/* fuzz_feishu.c - webhooks of Feishu: whatever comes in, nothing unsigned is believed, and what is understood of a
 * message is bounded, valid and mentions nobody when it is said again.
 *
 * The first byte chooses how the rest is used: as a body in the clear, signed, or unsigned where a key is set; as
 * the bytes behind `encrypt`, signed; or as the content of a message, of a type that the second byte chooses. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feishu.h"

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define KEY "shared-Encrypt-Key-2026"
#define TOKEN "EPTe2RR1iYWJk20LhClchH5tUrnc0vO5"
#define APP "cli_6af6b6ea90eb13e0"
#define OWN "ou_a6c25c0120a930eac755a6ab556f046b"
#define TIME "1763777777"
#define NONCE "n"

enum mode { CLEAR, SIGNED, UNSIGNED, WRAPPED, CONTENT, MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* ---- what was understood ---- */

static void check_text(const char *text)
{
	struct qg_buf out;
	qg_buf_init(&out, 3 * (size_t)QG_TEXT_MAX);
	feishu_escape(text, &out);
	expect(out.failed == QG_OK, "a text that grows beyond its triple");
	const char *safe = out.data ? out.data : "";
	expect(qg_utf8_is_valid(safe, out.size), "escaping broke a character");
	expect(!strcasestr(safe, "<at ") && !strcasestr(safe, "<at>"), "an at-tag survived");
	expect(!strstr(safe, "@_all") && !strstr(safe, "@_user_"), "a placeholder survived");
	qg_buf_finish(&out);
}

static void check_message(struct qg_message *message)
{
	size_t size = strlen(message->text);
	expect(size <= QG_TEXT_MAX, "a text too long");
	expect(qg_utf8_is_valid(message->text, size), "a text that is no UTF-8");
	expect(message->id[0] && message->chat[0] && message->sender[0], "an empty id");
	expect(json_array_size(message->attachments) <= 32, "too many attachments");
	check_text(message->text);
	free(qg_message_encode(message, 1, NULL));
	qg_message_destroy(message);
}

static void check_event(const struct feishu_envelope *envelope)
{
	static const char *const owns[] = {OWN, NULL};
	for (size_t i = 0; i < 2; i++) {
		struct qg_message *message = NULL;
		enum feishu_kind kind = feishu_event_read(envelope, owns[i], &message);
		expect((kind == FEISHU_MESSAGE) == (message != NULL), "a kind without its message");
		expect(kind != FEISHU_UNSURE || !owns[i], "unsure with a known id");
		if (message) {
			expect(owns[i] || !message->mentions_bot, "nobody was mentioned");
			check_message(message);
		}
	}
}

/* ---- the envelope ---- */

static void sign(const char *body, size_t size, char hex[2 * QG_SHA256_SIZE + 1])
{
	const struct qg_bytes pieces[] = {
		{TIME, strlen(TIME)}, {NONCE, strlen(NONCE)}, {KEY, strlen(KEY)}, {body, size}};
	uint8_t digest[QG_SHA256_SIZE];
	qg_sha256_pieces(pieces, 4, digest);
	qg_hex_encode(digest, sizeof(digest), hex);
}

static void open_body(const char *body, size_t size, bool has_key, bool is_signed)
{
	struct feishu_options set = {.app_id = (char *)APP,
		.encrypt_key = (char *)(has_key ? KEY : NULL),
		.verification_token = (char *)TOKEN};
	struct feishu_keys keys;
	struct feishu_envelope envelope;
	struct feishu_proof proof = {0};
	struct qg_buf scratch;
	char signature[2 * QG_SHA256_SIZE + 1];
	feishu_keys_init(&keys, &set);
	qg_buf_init(&scratch, FEISHU_BODY_MAX);
	sign(body, size, signature);
	if (is_signed) {
		proof = (struct feishu_proof){TIME, NONCE, signature};
	}
	enum feishu_verdict verdict =
		feishu_envelope_open(&keys, &proof, body, size, &scratch, &envelope);
	expect(verdict != FEISHU_EVENT || !has_key || is_signed, "an unsigned event was believed");
	if (verdict == FEISHU_EVENT) {
		check_event(&envelope);
	}
	qg_buf_finish(&scratch);
}

static void wrap(const uint8_t *data, size_t size)
{
	struct qg_buf body;
	qg_buf_init(&body, FEISHU_BODY_MAX);
	qg_buf_add_str(&body, "{\"encrypt\":\"");
	qg_base64_encode(data, size, &body);
	if (qg_buf_add_str(&body, "\"}") == QG_OK) {
		open_body(body.data, body.size, true, true);
	}
	qg_buf_finish(&body);
}

static void fill_content(const uint8_t *data, size_t size)
{
	static const char *const types[] = {
		"text", "post", "image", "file", "media", "sticker", "interactive", "new"};
	if (size == 0) {
		return;
	}
	struct qg_buf body;
	qg_buf_init(&body, FEISHU_BODY_MAX);
	qg_buf_printf(&body,
		"{\"header\":{\"event_type\":\"im.message.receive_v1\",\"token\":\"" TOKEN
		"\",\"app_id\":\"" APP
		"\"},\"event\":{\"sender\":{\"sender_id\":{\"open_id\":\"ou_a\"}},"
		"\"message\":{\"message_id\":\"om_1\",\"chat_id\":\"oc_1\",\"chat_type\":\"group\","
		"\"message_type\":\"%s\",\"mentions\":[{\"key\":\"@_user_1\",\"id\":{\"open_id\":"
		"\"" OWN "\"},\"name\":\"a\"},{\"key\":\"@_user_2\",\"id\":{\"open_id\":\"ou_b\"},"
		"\"name\":\"<at "
		"id=all>@_all\"}],\"content\":",
		types[data[0] % (sizeof(types) / sizeof(types[0]))]);
	if (qg_json_quote((const char *)data + 1, size - 1, &body) == QG_OK &&
		qg_buf_add_str(&body, "}}}") == QG_OK) {
		open_body(body.data, body.size, false, false);
	}
	qg_buf_finish(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	enum mode mode = data[0] % MODES;
	const char *body = (const char *)data + 1;
	switch (mode) {
	case CLEAR:
		open_body(body, size - 1, false, false);
		break;
	case SIGNED:
		open_body(body, size - 1, true, true);
		break;
	case UNSIGNED:
		open_body(body, size - 1, true, false);
		break;
	case WRAPPED:
		wrap(data + 1, size - 1);
		break;
	default:
		fill_content(data + 1, size - 1);
	}
	return 0;
}
