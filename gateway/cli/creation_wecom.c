/* creation_wecom.c - WeCom's AI bot by scanning a code: nobody has to find the page of the console and copy two secrets.
 *
 * None of this is in the public documents, so whatever goes otherwise than expected ends in the console's steps, never
 * in an error. */
#include "creation.h"

#include <stdio.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define HOST "https://work.weixin.qq.com"
#define PAGE HOST "/ai/qc/c" /* what may be shown, and nothing else */
#define SOURCE "qungong"
#define PLATFORM 3 /* Linux, as the platform counts */

enum { POLL_MS = 3000, PATIENCE_MS = 5 * 60 * 1000, SCODE_MOST = 256 };

static bool ask(const struct qg_creation *creation, struct qg_creation_question *out)
{
	struct qg_buf coded;
	out->method = "GET";
	if (!creation->url) {
		out->url = qg_str_printf(
			"%s/ai/qc/generate?source=" SOURCE "&plat=%d", creation->host, PLATFORM);
		return out->url;
	}
	qg_buf_init(&coded, 3 * SCODE_MOST + 1);
	qg_url_encode(creation->ticket, strlen(creation->ticket), &coded);
	if (coded.failed == QG_OK) {
		out->url =
			qg_str_printf("%s/ai/qc/query_result?scode=%s", creation->host, coded.data);
	}
	qg_buf_finish(&coded);
	return out->url;
}

static bool may_be_shown(const char *url)
{
	size_t size = strlen(PAGE);
	return qg_creation_is_plain(url, QG_CREATION_URL_MOST) && qg_str_starts_with(url, PAGE) &&
	       (url[size] == '\0' || url[size] == '?');
}

static enum qg_creation_turn read_offer(struct qg_creation *creation, const json_t *root)
{
	const json_t *data = json_object_get(root, "data");
	const char *scode = qg_json_str(data, "scode", ""),
		   *url = qg_json_str(data, "auth_url", "");
	int64_t code = qg_json_int(root, "errcode", 0);
	if (!root || code != 0) {
		char words[64];
		snprintf(words, sizeof(words), root ? "errcode %lld" : "no JSON", (long long)code);
		return qg_creation_over(creation, words);
	}
	if (!qg_creation_is_plain(scode, SCODE_MOST) || !may_be_shown(url)) {
		return qg_creation_over(creation, "the link is not one of " PAGE);
	}
	creation->interval_ms = POLL_MS;
	creation->patience_ms = PATIENCE_MS;
	return qg_creation_offer(creation, scode, url);
}

static enum qg_creation_turn read_answer(struct qg_creation *creation, const json_t *root)
{
	const json_t *data = json_object_get(root, "data");
	const json_t *bot = json_object_get(data, "bot_info");
	const char *status = qg_json_str(data, "status", "");
	if (!root || strcmp(status, "wait") == 0) {
		return QG_CREATION_WAITS; /* no JSON: something on the way, the next one may be whole */
	}
	if (strcmp(status, "scaned") == 0) {
		return QG_CREATION_SCANNED;
	}
	return strcmp(status, "success") == 0
		       ? qg_creation_made(creation, qg_json_str(bot, "botid", ""),
				 qg_json_str(bot, "secret", ""))
		       : qg_creation_over(creation, ""); /* expired, error, or what nobody knows */
}

static enum qg_creation_turn read_any(struct qg_creation *creation, const char *body, size_t size)
{
	json_auto_t *root = qg_json_parse(body, size, NULL);
	return creation->url ? read_answer(creation, root) : read_offer(creation, root);
}

const struct qg_creation_way qg_creation_wecom = {.platform = "wecom",
	.app = "企业微信",
	.english = "WeCom",
	.hosts = {{HOST, "QUNGONG_TEST_WECOM_QC", NULL}},
	.id_key = "bot_id",
	.secret_key = "secret",
	.ask = ask,
	.read = read_any};
