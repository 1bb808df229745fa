/* envelope.c - from the bytes of either transport to an event that is proved to be the platform's.
 *
 * Over the long connection TLS is the proof: nothing is signed there, and the token is empty. By webhook it is this:
 * the order matters. A signature covers the bytes as received, so it is checked before they are parsed; but the
 * request by which the console checks an address carries none, so what has no signature headers is decrypted first and
 * refused afterwards unless it is that request. Whoever can encrypt knows the key, so this gives nothing away. With
 * an Encrypt Key nothing in the clear is taken, however well signed: a second way in is one too many. Only what was
 * encrypted counts, members beside it are ignored. No age is demanded of a signature: a delivery may be repeated after
 * hours, and the store knows what it has seen.
 *
 * No tree is made: one pass over the text checks it and finds the fields. Pure functions of bytes. */
#include "feishu.h"

#include <string.h>

#include "qg/codec.h"

#define TOKEN_SIZE 256
#define NONCE_MAX 128
#define TIMESTAMP_MAX 20

static const char *const paths[FEISHU_FIELDS] = {
	[FEISHU_ENCRYPT] = "encrypt",
	[FEISHU_TYPE] = "type",
	[FEISHU_CHALLENGE] = "challenge",
	[FEISHU_TOKEN] = "token",
	[FEISHU_EVENT_TYPE] = "header.event_type",
	[FEISHU_HEADER_TOKEN] = "header.token",
	[FEISHU_APP_ID] = "header.app_id",
	[FEISHU_SENDER] = "event.sender.sender_id.open_id",
	[FEISHU_SENDER_TYPE] = "event.sender.sender_type",
	[FEISHU_MESSAGE_ID] = "event.message.message_id",
	[FEISHU_THREAD_ID] = "event.message.thread_id",
	[FEISHU_CREATE_TIME] = "event.message.create_time",
	[FEISHU_CHAT_ID] = "event.message.chat_id",
	[FEISHU_CHAT_TYPE] = "event.message.chat_type",
	[FEISHU_MESSAGE_TYPE] = "event.message.message_type",
	[FEISHU_CONTENT] = "event.message.content",
	[FEISHU_MENTIONS] = "event.message.mentions",
	[FEISHU_EVENT_ID] = "header.event_id",
	[FEISHU_PARENT_ID] = "event.message.parent_id",
	[FEISHU_EVENT_CHAT] = "event.chat_id",
	[FEISHU_EVENT_MESSAGE] = "event.message_id",
	[FEISHU_EVENT_OPERATOR] = "event.operator_id.open_id",
	[FEISHU_OPERATOR] = "event.operator.open_id",
	[FEISHU_ACTION] = "event.action",
	[FEISHU_CONTEXT] = "event.context",
};

void feishu_keys_init(struct feishu_keys *keys, const struct feishu_options *options)
{
	*keys = (struct feishu_keys){.app_id = options->app_id,
		.encrypt_key = options->encrypt_key,
		.verification_token = options->verification_token};
	if (keys->encrypt_key) {
		qg_sha256(keys->encrypt_key, strlen(keys->encrypt_key), keys->cipher_key);
	}
}

static bool is_signed(const struct feishu_proof *proof)
{
	return proof->timestamp || proof->nonce || proof->signature;
}

/* A number and a bounded nonce: else characters could move from one to the other and mean another request. */
static bool has_form(const struct feishu_proof *proof)
{
	if (!proof->timestamp || !proof->nonce || !proof->signature) {
		return false;
	}
	size_t digits = strspn(proof->timestamp, "0123456789");
	return digits > 0 && digits <= TIMESTAMP_MAX && proof->timestamp[digits] == '\0' &&
	       strlen(proof->nonce) <= NONCE_MAX;
}

static bool is_signature_right(const struct feishu_keys *keys, const struct feishu_proof *proof,
	const char *body, size_t size)
{
	if (!has_form(proof)) {
		return false;
	}
	const struct qg_bytes pieces[] = {{proof->timestamp, strlen(proof->timestamp)},
		{proof->nonce, strlen(proof->nonce)},
		{keys->encrypt_key, strlen(keys->encrypt_key)}, {body, size}};
	uint8_t digest[QG_SHA256_SIZE];
	char hex[2 * QG_SHA256_SIZE + 1];
	qg_sha256_pieces(pieces, sizeof(pieces) / sizeof(pieces[0]), digest);
	qg_hex_encode(digest, sizeof(digest), hex);
	return qg_equal_constant_time(hex, proof->signature);
}

static enum qg_status scan(const char *data, size_t size, struct feishu_envelope *out)
{
	static struct qg_scan_plan *plan;
	if (!plan) { /* made once a process, on the loop's thread */
		plan = qg_scan_plan_create(paths, FEISHU_FIELDS);
	}
	return plan ? qg_scan_run(plan, data, size, out->fields) : QG_NO_MEMORY;
}

/* The value of `encrypt`, whatever its spelling in the JSON text. */
static enum qg_status decrypt(const struct feishu_keys *keys, const struct qg_piece *given,
	struct qg_buf *scratch, const char **plain_out, size_t *size_out)
{
	if (!given->escaped) {
		return feishu_crypt_open(
			keys->cipher_key, given->data, given->size, scratch, plain_out, size_out);
	}
	struct qg_buf text;
	qg_buf_init(&text, FEISHU_BODY_MAX);
	enum qg_status status = qg_piece_text(given, &text);
	if (status == QG_OK) {
		status = feishu_crypt_open(keys->cipher_key, text.data ? text.data : "", text.size,
			scratch, plain_out, size_out);
	}
	qg_buf_finish(&text);
	return status;
}

static bool is_secret(const char *secret, const struct qg_piece *given)
{
	char text[TOKEN_SIZE];
	if (given->kind != QG_PIECE_STRING || given->escaped || given->size >= sizeof(text)) {
		return false;
	}
	memcpy(text, given->data, given->size);
	text[given->size] = '\0';
	return qg_equal_constant_time(secret, text);
}

static enum feishu_verdict refuse(struct feishu_envelope *out, const char *why)
{
	memset(out->fields, 0, sizeof(out->fields));
	out->why = why;
	return FEISHU_REFUSED;
}

/* Reads the fields of an event, out of its wrapping where there is a key. */
static enum feishu_verdict unwrap(const struct feishu_keys *keys, const char *body, size_t size,
	struct qg_buf *scratch, struct feishu_envelope *out)
{
	enum qg_status status = scan(body, size, out);
	const struct qg_piece wrapped = out->fields[FEISHU_ENCRYPT];
	if (status != QG_OK) {
		return status == QG_NO_MEMORY ? FEISHU_NO_ROOM : refuse(out, "no JSON");
	}
	if (!keys->encrypt_key) {
		return wrapped.kind == QG_PIECE_NONE
			       ? FEISHU_EVENT
			       : refuse(out, "it is encrypted, and no encrypt_key is configured");
	}
	if (wrapped.kind != QG_PIECE_STRING) {
		return refuse(out, "it is not encrypted, but an encrypt_key is configured");
	}
	const char *plain = NULL;
	size_t length = 0;
	status = decrypt(keys, &wrapped, scratch, &plain, &length);
	if (status == QG_OK) {
		status = scan(plain, length, out);
	}
	if (status == QG_NO_MEMORY) {
		return FEISHU_NO_ROOM;
	}
	return status == QG_OK
		       ? FEISHU_EVENT
		       : refuse(out, "it does not decrypt: is the encrypt_key the console's?");
}

/* The earlier form of events does not tell. */
static enum feishu_verdict judge_app(const char *app_id, struct feishu_envelope *out)
{
	const struct qg_piece *fields = out->fields;
	bool is_newer = fields[FEISHU_EVENT_TYPE].kind == QG_PIECE_STRING;
	return !is_newer || qg_piece_is(&fields[FEISHU_APP_ID], app_id)
		       ? FEISHU_EVENT
		       : refuse(out, "it is another app's: is this the address of that bot?");
}

static enum feishu_verdict judge(
	const struct feishu_keys *keys, bool is_proved, struct feishu_envelope *out)
{
	const struct qg_piece *fields = out->fields;
	bool is_newer = fields[FEISHU_EVENT_TYPE].kind == QG_PIECE_STRING;
	bool is_verify = qg_piece_is(&fields[FEISHU_TYPE], "url_verification");
	if (!is_newer && fields[FEISHU_TYPE].kind != QG_PIECE_STRING) {
		return refuse(out, "it is no event");
	}
	const struct qg_piece *token =
		&fields[is_newer && !is_verify ? FEISHU_HEADER_TOKEN : FEISHU_TOKEN];
	if (keys->verification_token && !is_secret(keys->verification_token, token)) {
		return refuse(out, "its verification token is not the configured one");
	}
	if (is_verify) {
		return fields[FEISHU_CHALLENGE].kind == QG_PIECE_STRING
			       ? FEISHU_VERIFY
			       : refuse(out, "a verification without a challenge");
	}
	if (!is_proved) {
		return refuse(out, "it is not signed");
	}
	return judge_app(keys->app_id, out);
}

enum feishu_verdict feishu_envelope_open(const struct feishu_keys *keys,
	const struct feishu_proof *proof, const char *body, size_t size, struct qg_buf *scratch,
	struct feishu_envelope *out)
{
	memset(out, 0, sizeof(*out));
	qg_buf_reset(scratch);
	out->why = "";
	/* Without a key nothing is signed, and the token is all the proof there is. */
	bool is_proved = !keys->encrypt_key;
	if (keys->encrypt_key && is_signed(proof)) {
		if (!is_signature_right(keys, proof, body, size)) {
			return refuse(out, "its signature is wrong");
		}
		is_proved = true;
	}
	enum feishu_verdict verdict = unwrap(keys, body, size, scratch, out);
	return verdict == FEISHU_EVENT ? judge(keys, is_proved, out) : verdict;
}

enum feishu_verdict feishu_envelope_read(
	const char *app_id, const char *body, size_t size, struct feishu_envelope *out)
{
	memset(out, 0, sizeof(*out));
	out->why = "";
	enum qg_status status = scan(body, size, out);
	if (status != QG_OK) {
		return status == QG_NO_MEMORY ? FEISHU_NO_ROOM : refuse(out, "no JSON");
	}
	bool is_event = out->fields[FEISHU_EVENT_TYPE].kind == QG_PIECE_STRING ||
			out->fields[FEISHU_TYPE].kind == QG_PIECE_STRING;
	if (!is_event || qg_piece_is(&out->fields[FEISHU_TYPE], "url_verification")) {
		return refuse(out, "it is no event");
	}
	return judge_app(app_id, out);
}
