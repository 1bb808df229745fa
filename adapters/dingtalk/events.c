/* events.c - event subscriptions over HTTP: the envelope, and the one answer that all of them get.
 *
 * The console checks the address with such an event before it saves it. No event is used: messages come by their own way.
 * The envelope is the one of the WeChat family, its receive id the client id. Source: open.dingtalk.com, 配置 HTTP 推送. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"
#include "wxcrypt.h"

#define CIPHER_MAX (DINGTALK_BODY_MAX)
#define NONCE_CHARS 16

struct signature { /* of a query; its strings are its own */
	char *sign, *timestamp, *nonce;
};

static void signature_finish(struct signature *signature)
{
	free(signature->sign);
	free(signature->timestamp);
	free(signature->nonce);
}

static void signature_read(const char *query, struct signature *out)
{
	size_t size = strlen(query);
	*out = (struct signature){.sign = qg_query_get(query, size, "msg_signature"),
		.timestamp = qg_query_get(query, size, "timestamp"),
		.nonce = qg_query_get(query, size, "nonce")};
	if (!out->sign) { /* as older pages call it */
		out->sign = qg_query_get(query, size, "signature");
	}
}

static enum qg_status read_cipher(const char *body, size_t size, struct qg_buf *out)
{
	static const char *const paths[] = {"encrypt"};
	struct qg_piece found[1];
	enum qg_status status = qg_scan(body, size, paths, 1, found);
	return status == QG_OK ? qg_piece_text(&found[0], out) : status;
}

enum qg_status dingtalk_envelope_open(const struct dingtalk_seal *seal, const char *query,
	const char *body, size_t size, struct qg_buf *plain)
{
	struct signature signature;
	uint8_t key[QG_AES256_KEY];
	QG_AUTO(qg_buf_finish) struct qg_buf cipher;
	qg_buf_init(&cipher, CIPHER_MAX);
	enum qg_status status = wxcrypt_key(seal->aes_key, key);
	if (status == QG_OK) {
		status = read_cipher(body, size, &cipher);
	}
	if (status != QG_OK) {
		return status;
	}
	const char *text = cipher.data ? cipher.data : "";
	signature_read(query, &signature);
	bool is_signed = signature.timestamp && signature.nonce &&
			 wxcrypt_is_signed(seal->token, signature.timestamp, signature.nonce, text,
				 cipher.size, signature.sign);
	signature_finish(&signature);
	return is_signed ? wxcrypt_open(key, seal->owner, text, cipher.size, plain) : QG_DENIED;
}

char *dingtalk_envelope_success(const struct dingtalk_seal *seal, const char *timestamp,
	const char *nonce, const uint8_t *random16)
{
	static const char word[] = "success";
	char sign[WXCRYPT_SIGNATURE_SIZE];
	uint8_t key[QG_AES256_KEY];
	QG_AUTO(qg_buf_finish) struct qg_buf cipher;
	qg_buf_init(&cipher, 4096);
	if (wxcrypt_key(seal->aes_key, key) != QG_OK ||
		wxcrypt_seal(key, seal->owner, word, sizeof(word) - 1, random16, &cipher) !=
			QG_OK) {
		return NULL;
	}
	wxcrypt_sign(seal->token, timestamp, nonce, cipher.data, cipher.size, sign);
	json_auto_t *out = json_pack("{s:s, s:s, s:s, s:s}", "msg_signature", sign, "encrypt",
		cipher.data, "timeStamp", timestamp, "nonce", nonce);
	return out ? qg_json_dump(out) : NULL;
}

static void answer(
	struct dingtalk_core *core, struct qg_http_exchange *x, const struct dingtalk_seal *seal)
{
	char now[QG_INT64_SIZE], nonce[NONCE_CHARS + 1];
	qg_str_from_int64(qg_clock_wall(), now);
	qg_random_hex(nonce, NONCE_CHARS / 2);
	QG_AUTO(qg_str_free) char *text = dingtalk_envelope_success(seal, now, nonce, NULL);
	if (!text) {
		qg_http_answer_error(x, 503, "out of memory");
		return;
	}
	dingtalk_account_count(core->account, DINGTALK_USES, 1);
	qg_http_answer(x, 200, "application/json", text, strlen(text));
}

void dingtalk_events(struct dingtalk_core *core, struct qg_http_exchange *x)
{
	const struct dingtalk_options *set = dingtalk_options_of(core);
	const struct dingtalk_seal seal = {set->event_token, set->event_aes_key, set->client_id};
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	QG_AUTO(qg_buf_finish) struct qg_buf plain;
	qg_buf_init(&plain, CIPHER_MAX);
	enum qg_status status =
		dingtalk_envelope_open(&seal, qg_http_query(x), body ? body : "", size, &plain);
	if (status == QG_NO_MEMORY) {
		qg_http_answer_error(x, 503, "out of memory");
	} else if (status != QG_OK) {
		dingtalk_refuse(core, x, "an event's envelope cannot be opened");
	} else {
		qg_log_debug(core->bot->name, "dingtalk: an event of %zu bytes came", plain.size);
		answer(core, x, &seal);
	}
}
