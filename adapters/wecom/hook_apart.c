/* hook_apart.c - a part of a reply as a message of its own, by its message's one-time address.
 *
 * The address works once and for an hour; what comes then has no way left, so the last part that has one says that more
 * was cut off. It is marked before it is used. Where no answer came the same part goes there again: it is shown, or
 * refused because it was shown. The address is a secret: it is posted to nobody but the platform, and never logged. */
#include "hook.h"

#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/scan.h"
#include "qg/str.h"

#define ADDRESS_MS (55 * 60000) /* it says an hour */
#define ANSWER_MOST ((size_t)64 * 1024)

/* The address was not used; an earlier try still may have. */
static void give_back(const struct hook_apart *apart)
{
	if (!apart->was_posted) {
		hook_address_release(
			hook_streams_of(apart->webhook), apart->handle->response_url, apart->part);
	}
}

/* For good; told in the log. */
static void judge_refusal(
	struct hook_apart *apart, int status, int64_t code, const struct qg_piece *text)
{
	QG_AUTO(qg_str_free) char *words = text ? qg_piece_copy(text) : NULL;
	if (words) {
		words[qg_utf8_cut(words, strlen(words), 200)] = '\0';
		qg_utf8_flatten(words);
	}
	qg_log_error(hook_bot(apart->webhook)->name,
		"wecom: response_url was refused%s (HTTP %d, errcode %lld %s)",
		apart->was_posted ? " the second time: it took this part at the first" : "", status,
		(long long)code, words ? words : "");
	apart->ended(apart->arg, apart->was_posted ? QG_OK : QG_DENIED, 0);
}

/* What the platform said. Its codes: document 90313. */
static void judge_answer(struct hook_apart *apart, const struct qg_fetch_end *fetched)
{
	static const char *const paths[] = {"errcode", "errmsg"};
	struct qg_piece found[2];
	bool is_json = qg_scan(fetched->body, fetched->size, paths, 2, found) == QG_OK;
	int64_t code = is_json ? qg_piece_int(&found[0], -2) : -2;
	if (code == 0) {
		hook_address_used(
			hook_streams_of(apart->webhook), apart->handle->response_url, apart->part);
		apart->ended(apart->arg, QG_OK, 0);
		return;
	}
	/* Refused, but not for good: the address was not used up. */
	bool is_busy = code == -1 || code == 45009 || code == 45033;
	if (is_busy || code == 45002) {
		give_back(apart);
		apart->ended(
			apart->arg, is_busy ? QG_BUSY : QG_TOO_LARGE, code == 45009 ? 60000 : 0);
		return;
	}
	if (!is_json && fetched->status >= 500) {
		apart->ended(
			apart->arg, QG_TIMEOUT, 0); /* of something between us and the platform */
		return;
	}
	judge_refusal(apart, fetched->status, code, is_json ? &found[1] : NULL);
}

static void posted(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *fetched)
{
	struct hook_apart *apart = arg;
	apart->fetch = NULL;
	if (fetched->error == QG_FETCH_NONE) {
		judge_answer(apart, fetched);
	} else if (!fetched->sent) {
		give_back(apart);
		apart->ended(
			apart->arg, fetched->error == QG_FETCH_NO_MEMORY ? QG_NO_MEMORY : QG_IO, 0);
	} else {
		/* Whether it was shown nobody can ask. The address works once: what goes there again is shown or
		 * refused. */
		qg_log_warn(hook_bot(apart->webhook)->name,
			"wecom: no answer from response_url (%s)",
			qg_fetch_error_text(fetched->error));
		apart->ended(apart->arg, QG_TIMEOUT, 0);
	}
	(void)fetch;
}

/* What is missing is said, and behind it the line that all of the answer would end with. */
char *hook_apart_cut_off(const struct hook_apart *apart)
{
	const struct qg_reply *reply = apart->reply;
	const char *line = reply->footnote ? reply->footnote : reply->label;
	char fence[17];
	QG_AUTO(qg_str_free) char *words = hook_words(apart->webhook, "answer_cut");
	QG_AUTO(qg_buf_finish) struct qg_buf out;
	qg_buf_init(&out, 2 * WECOM_TEXT_MOST);
	if (!words) {
		return NULL;
	}
	size_t behind = sizeof(fence) + strlen(words) + (line ? strlen(line) : 0) + 8;
	size_t room = behind < WECOM_TEXT_MOST ? WECOM_TEXT_MOST - behind : 0;
	size_t size = qg_utf8_cut(apart->text, strlen(apart->text), room);
	qg_fence_end(apart->text, size, fence);
	qg_buf_add(&out, apart->text, size);
	qg_buf_printf(&out, "%s%s\n\n%s%s%s", fence[0] ? "\n" : "", fence, words,
		line ? "\n\n" : "", line ? line : "");
	return out.failed == QG_OK ? qg_buf_steal(&out) : NULL;
}

bool hook_apart_has_more(const struct hook_apart *apart)
{
	return apart->reply->part + 1 < apart->reply->parts;
}

static char *markdown_body(const struct hook_apart *apart)
{
	QG_AUTO(qg_str_free)
	char *cut =
		hook_apart_has_more(apart) ? hook_apart_cut_off(apart) : qg_str_copy(apart->text);
	QG_AUTO(qg_str_free) char *text = cut ? wecom_harmless(cut) : NULL;
	json_auto_t *body = text ? json_pack("{s:s, s:{s:s}}", "msgtype", "markdown", "markdown",
					   "content", text)
				 : NULL;
	return body ? qg_json_dump(body) : NULL;
}

/* The address is marked as ours. */
static void post(struct hook_apart *apart, const char *url)
{
	static const struct qg_fetch_host host = {.ended = posted};
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	QG_AUTO(qg_str_free) char *body = markdown_body(apart);
	struct qg_fetch_request request = {.method = "POST",
		.url = url,
		.headers = headers,
		.body = body,
		.body_size = body ? strlen(body) : 0,
		.most = ANSWER_MOST,
		.gathers = true,
		.connect_ms = 4000,
		.first_byte_ms = 6000,
		.idle_ms = 4000,
		.total_ms = 8000};
	apart->fetch = body ? qg_fetch_start(hook_bot(apart->webhook)->http, &request, &host, apart)
			    : NULL;
	if (!apart->fetch) {
		give_back(apart);
		apart->ended(apart->arg, QG_NO_MEMORY, 0);
	}
}

static char *response_address(const struct hook_apart *apart, bool *refused)
{
	const struct wecom_options *set = hook_bot(apart->webhook)->config->options;
	return wecom_response_address(apart->handle->response_url, set->api_base, refused);
}

static void claimed(void *arg, enum qg_status status)
{
	struct hook_apart *apart = arg;
	bool refused = false;
	apart->was_posted = status == QG_STALE;
	if (status == QG_OK || status == QG_STALE) {
		QG_AUTO(qg_str_free) char *url = response_address(apart, &refused);
		if (url) {
			post(apart, url);
			return;
		}
		give_back(apart);
		status = QG_NO_MEMORY;
	} else if (status == QG_DUPLICATE) {
		status = QG_OK; /* by who had this bot before */
	} else if (status == QG_DENIED) {
		qg_log_error(hook_bot(apart->webhook)->name,
			"wecom: a part of a reply has no way left: the "
			"message's response_url is used up");
	}
	apart->ended(apart->arg, status, 0);
}

void hook_apart_begin(struct hook_apart *apart)
{
	bool refused = false;
	bool is_late = qg_clock_wall() - apart->handle->since > ADDRESS_MS;
	if (!apart->handle->response_url || is_late || !hook_bot(apart->webhook)->http) {
		apart->ended(apart->arg, QG_NOT_FOUND, 0);
		return;
	}
	QG_AUTO(qg_str_free) char *url = response_address(apart, &refused);
	if (refused) {
		qg_log_error(hook_bot(apart->webhook)->name,
			"wecom: a message's response_url is not of the platform, nothing is sent "
			"there");
		apart->ended(apart->arg, QG_DENIED, 0);
	} else if (!url) {
		apart->ended(apart->arg, QG_NO_MEMORY, 0);
	} else {
		hook_address_claim(hook_streams_of(apart->webhook), apart->handle->response_url,
			apart->part, claimed, apart);
	}
}

void hook_apart_cancel(struct hook_apart *apart)
{
	qg_fetch_cancel(apart->fetch);
	apart->fetch = NULL;
}
