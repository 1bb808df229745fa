/* creation_dingtalk.c - DingTalk's app by scanning a code, in place of five pages of the developer console.
 *
 * Three calls: a nonce, an offer, and the question how far it is. None of this is in the public documents, and which
 * names of a source are taken is not known: whatever goes otherwise than expected ends in the console's steps, never in
 * an error. */
#include "creation.h"

#include <stdio.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"

#define DOMAIN ".dingtalk.com"
#define SOURCE "qungong"

enum { POLL_MS = 3000, POLL_LEAST_MS = 1000, POLL_MOST_MS = 10000, PATIENCE_MS = 5 * 60 * 1000 };

/* The nonce is the first ticket, the code of the offer the second. */
static bool ask(const struct qg_creation *creation, struct qg_creation_question *out)
{
	const char *call = creation->url ? "poll" : creation->ticket ? "begin" : "init";
	const char *name = creation->url ? "device_code" : creation->ticket ? "nonce" : "source";
	json_auto_t *body = json_pack("{s:s}", name, creation->ticket ? creation->ticket : SOURCE);
	out->method = "POST";
	out->type = "application/json";
	out->url = qg_str_printf("%s/app/registration/%s", creation->host, call);
	out->body = body ? qg_json_dump(body) : NULL;
	return out->url && out->body;
}

static enum qg_creation_turn read_nonce(struct qg_creation *creation, const json_t *root)
{
	const char *nonce = qg_json_str(root, "nonce", "");
	if (!qg_creation_is_plain(nonce, QG_CREATION_TICKET_MOST)) {
		return qg_creation_over(creation, "no nonce");
	}
	creation->ticket = qg_str_copy(nonce);
	return creation->ticket ? QG_CREATION_ON : qg_creation_over(creation, "out of memory");
}

static enum qg_creation_turn read_offer(struct qg_creation *creation, const json_t *root)
{
	const char *code = qg_json_str(root, "device_code", "");
	const char *url = qg_json_str(
		root, "verification_uri_complete", qg_json_str(root, "verification_uri", ""));
	if (!qg_creation_is_plain(code, QG_CREATION_TICKET_MOST) ||
		!qg_creation_is_page(url, DOMAIN)) {
		return qg_creation_over(creation, "the link is none of " DOMAIN);
	}
	creation->interval_ms = qg_creation_ms(
		qg_json_int(root, "interval", -1), POLL_MS, POLL_LEAST_MS, POLL_MOST_MS);
	creation->patience_ms = PATIENCE_MS;
	return qg_creation_offer(creation, code, url);
}

static enum qg_creation_turn read_answer(struct qg_creation *creation, const json_t *root)
{
	const char *status = qg_json_str(root, "status", "");
	if (!root || strcmp(status, "WAITING") == 0) {
		return QG_CREATION_WAITS; /* no JSON: something on the way, the next one may be whole */
	}
	return strcmp(status, "SUCCESS") == 0
		       ? qg_creation_made(creation, qg_json_str(root, "client_id", ""),
				 qg_json_str(root, "client_secret", ""))
		       : qg_creation_over(creation, qg_json_str(root, "fail_reason", ""));
}

static enum qg_creation_turn read_any(struct qg_creation *creation, const char *body, size_t size)
{
	json_auto_t *root = qg_json_parse(body, size, NULL);
	int64_t code = qg_json_int(root, "errcode", 0);
	if (creation->url) {
		return read_answer(creation, root);
	}
	if (!root || code != 0) {
		char words[64];
		snprintf(words, sizeof(words), root ? "errcode %lld" : "no JSON", (long long)code);
		return qg_creation_over(creation, words);
	}
	return creation->ticket ? read_offer(creation, root) : read_nonce(creation, root);
}

const struct qg_creation_way qg_creation_dingtalk = {.platform = "dingtalk",
	.app = "钉钉",
	.english = "DingTalk",
	.hosts = {{"https://oapi.dingtalk.com", "QUNGONG_TEST_DINGTALK_QR", NULL}},
	.id_key = "client_id",
	.secret_key = "client_secret",
	.ask = ask,
	.read = read_any};
