/* open.c - asks the platform where to connect: an address and a ticket, good for one connection within 90 s.
 *
 * Every connect asks anew. The secret goes with the request, so nothing of what the other side says about it reaches a
 * log but its code. Source: open.dingtalk.com, Stream 模式 protocol notes. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enquiry.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define ENDPOINT_MOST 1024
#define TICKET_MOST 1024

const char dingtalk_words_refused[] =
	"钉钉拒绝了 client_id 和 "
	"client_secret：请在开发者后台该应用的「凭证与基础信息」重新复制（不要带空格），"
	"在「机器人」页把消息接收模式设为 Stream，并在「版本管理与发布」发布 · the credentials are "
	"refused: copy both "
	"again, set the robot to Stream mode and publish a version";

struct dingtalk_open {
	struct qg_fetch *fetch;
	dingtalk_opened_fn fn;
	void *arg;
};

void dingtalk_open_cancel(struct dingtalk_open *open)
{
	if (open) {
		qg_fetch_cancel(open->fetch);
		free(open);
	}
}

/* ---- the answer ---- */

/* Printable ASCII, as it goes into a request line. */
static bool is_address(const char *text)
{
	size_t size = strlen(text);
	for (size_t i = 0; i < size; i++) {
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '#') {
			return false;
		}
	}
	return size <= ENDPOINT_MOST &&
	       (qg_str_starts_with(text, "wss://") || qg_str_starts_with(text, "ws://"));
}

char *dingtalk_open_url(const char *endpoint, const char *ticket, enum qg_status *status)
{
	*status = QG_INVALID;
	if (!endpoint || !ticket || !is_address(endpoint) || ticket[0] == '\0' ||
		strlen(ticket) > TICKET_MOST) {
		return NULL;
	}
	QG_AUTO(qg_buf_finish) struct qg_buf coded;
	qg_buf_init(&coded, (size_t)3 * TICKET_MOST);
	char *url = NULL;
	if (qg_url_encode(ticket, strlen(ticket), &coded) == QG_OK) {
		url = qg_str_printf(
			"%s%cticket=%s", endpoint, strchr(endpoint, '?') ? '&' : '?', coded.data);
	}
	*status = url ? QG_OK : QG_NO_MEMORY;
	return url;
}

/* The call is gone before its owner hears of the end. */
static void tell(struct dingtalk_open *open, const struct dingtalk_opened *opened)
{
	dingtalk_opened_fn fn = open->fn;
	void *arg = open->arg;
	free(open);
	fn(arg, opened);
}

static void refused(struct dingtalk_open *open, const json_t *body, int http)
{
	char code[DINGTALK_CODE_MAX];
	struct dingtalk_verdict verdict = dingtalk_verdict(DINGTALK_API, http, body, code);
	/* 403 also says that calls came too fast, or what else than the credentials is in the way. */
	bool is_denied = verdict.status == QG_DENIED ||
			 ((http == 401 || http == 403) && verdict.status != QG_BUSY);
	bool has_words = http != 401 && verdict.words[0] != '\0';
	/* A page instead of JSON may be a proxy's: only what says that it is a ban is one. */
	bool is_ban = verdict.status == QG_BUSY && json_is_object(body);
	struct dingtalk_opened opened = {.status = is_denied ? QG_DENIED : QG_FAILED,
		.retry_ms = is_ban ? verdict.retry_ms : 0,
		.why = code,
		.words = has_words ? verdict.words : dingtalk_words_refused};
	tell(open, &opened);
}

static void ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct dingtalk_open *open = arg;
	struct dingtalk_opened opened = {.status = QG_IO, .why = qg_fetch_error_text(end->error)};
	open->fetch = NULL;
	(void)fetch;
	if (end->error != QG_FETCH_NONE) {
		tell(open, &opened);
		return;
	}
	json_auto_t *body = qg_json_parse(end->body, end->size, NULL);
	const char *endpoint = qg_json_str(body, "endpoint", NULL);
	if (end->status != 200 || !endpoint) {
		refused(open, body, end->status);
		return;
	}
	QG_AUTO(qg_str_free)
	char *url = dingtalk_open_url(endpoint, qg_json_str(body, "ticket", NULL), &opened.status);
	opened.url = url;
	opened.why = url ? "ok" : "no address that can be used came";
	tell(open, &opened);
}

/* ---- the request ---- */

static char *make_body(const struct dingtalk_credentials *credentials)
{
	json_auto_t *body = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "clientId",
		credentials->client_id, "clientSecret", credentials->client_secret, "ua",
		"qungong-sdk-c/1.0.0", "subscriptions", "type", "CALLBACK", "topic",
		DINGTALK_TOPIC_MESSAGE, "type", "CALLBACK", "topic", DINGTALK_TOPIC_CARD);
	return body ? qg_json_dump(body) : NULL;
}

struct dingtalk_open *dingtalk_open_start(struct qg_http_client *http,
	const struct dingtalk_credentials *credentials, dingtalk_opened_fn fn, void *arg)
{
	static const struct qg_fetch_host host = {.ended = ended};
	/* Without Accept the answer is XML. */
	static const char *const headers[] = {
		"Content-Type: application/json", "Accept: application/json", NULL};
	struct dingtalk_open *open = http ? calloc(1, sizeof(*open)) : NULL;
	QG_AUTO(qg_str_free)
	char *url = qg_str_printf("%s/v1.0/gateway/connections/open", credentials->api_base);
	QG_AUTO(qg_str_free) char *body = make_body(credentials);
	if (!open || !url || !body) {
		free(open);
		return NULL;
	}
	open->fn = fn;
	open->arg = arg;
	struct qg_enquiry enquiry = {"POST", url, headers, body};
	open->fetch = qg_enquire(http, &enquiry, &host, open);
	if (!open->fetch) {
		free(open);
		return NULL;
	}
	return open;
}
