/* hook_send.c - replies on the webhook transport: into the stream that polls fetch, else once by the one-time address.
 *
 * A reply's first part ends its message's stream and has landed when a poll, at any gateway, took that end. Where no
 * poll comes (the window was closed, the six minutes are over, an apology ended the stream before) it goes to the
 * message's response_url, which works once and for an hour; what comes then has no way left. That address is a secret:
 * it is posted to nobody but the platform, and never logged. */
#include "hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/scan.h"
#include "qg/str.h"

#define LOOK_MS 500
#define SILENCE_MS 10000	/* without a poll: the platform asks about once a second */
#define ADDRESS_MS (55 * 60000) /* it says an hour */
#define SPARE 16
#define ANSWER_MOST ((size_t)64 * 1024)
#define NOTHING_TO_SAY "✓" /* ends the bubble of a message that is answered by silence */

enum stage { ASKING, WAITING, POSTING, ENDED };

struct send {
	struct qg_list link;
	struct hook_sends *sends;
	struct qg_reply *reply;
	struct hook_handle handle;
	char part[64];
	char *text;
	enum stage stage;
	uint64_t heard; /* mono ms of the last news of a poll */
	uint64_t looked;
	int64_t polls;
	struct qg_fetch *fetch;
	enum qg_status status;
	unsigned retry_ms;
};

struct hook_sends {
	struct wecom_webhook *webhook;
	struct qg_list list;
	struct qg_reply *unsent[SPARE]; /* there was no memory for these */
	size_t unsent_count;
	bool stopping;
};

static void destroy(struct send *send)
{
	qg_list_remove(&send->link);
	qg_fetch_cancel(send->fetch);
	qg_reply_destroy(send->reply);
	hook_handle_finish(&send->handle);
	free(send->text);
	free(send);
}

/* Told from the loop, by the next tick. */
static void end(struct send *send, enum qg_status status, unsigned retry_ms)
{
	send->stage = ENDED;
	send->status = status;
	send->retry_ms = retry_ms;
	hook_hurry(send->sends->webhook, 0);
}

static struct qg_bot *bot_of(const struct send *send)
{
	return hook_bot(send->sends->webhook);
}

static struct hook_streams *streams_of(const struct send *send)
{
	return hook_streams_of(send->sends->webhook);
}

/* ---- the one-time address ---- */

/* What the platform said. Its codes: document 90313. */
static void judge_answer(struct send *send, const struct qg_fetch_end *fetched)
{
	static const char *const paths[] = {"errcode", "errmsg"};
	struct qg_piece found[2];
	bool is_json = qg_scan(fetched->body, fetched->size, paths, 2, found) == QG_OK;
	int64_t code = is_json ? qg_piece_int(&found[0], -2) : -2;
	if (code == 0) {
		end(send, QG_OK, 0);
		return;
	}
	/* Refused, but not for good: the address was not used up. */
	bool is_busy = code == -1 || code == 45009 || code == 45033;
	if (is_busy || code == 45002) {
		hook_address_release(streams_of(send), send->handle.response_url, send->part);
		end(send, is_busy ? QG_BUSY : QG_TOO_LARGE, code == 45009 ? 60000 : 0);
		return;
	}
	QG_AUTO(qg_str_free) char *words = is_json ? qg_piece_copy(&found[1]) : NULL;
	if (words) {
		words[qg_utf8_cut(words, strlen(words), 200)] = '\0';
		qg_utf8_flatten(words);
	}
	qg_log_error(bot_of(send)->name,
		"wecom: response_url was refused (HTTP %d, errcode %lld %s)", fetched->status,
		(long long)code, words ? words : "");
	end(send, QG_DENIED, 0);
}

static void posted(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *fetched)
{
	struct send *send = arg;
	send->fetch = NULL;
	if (fetched->error == QG_FETCH_NONE) {
		judge_answer(send, fetched);
	} else if (!fetched->sent) {
		hook_address_release(streams_of(send), send->handle.response_url, send->part);
		end(send, fetched->error == QG_FETCH_NO_MEMORY ? QG_NO_MEMORY : QG_FAILED, 0);
	} else {
		/* It works once: whether it was shown nobody can ask, and a second try shows nothing. */
		qg_log_error(bot_of(send)->name,
			"wecom: no answer from response_url (%s): whether the reply was shown is "
			"not known",
			qg_fetch_error_text(fetched->error));
		end(send, QG_DENIED, 0);
	}
	(void)fetch;
}

static char *markdown_body(const char *given)
{
	QG_AUTO(qg_str_free) char *text = wecom_harmless(given);
	json_auto_t *body = text ? json_pack("{s:s, s:{s:s}}", "msgtype", "markdown", "markdown",
					   "content", text)
				 : NULL;
	return body ? qg_json_dump(body) : NULL;
}

/* The address is marked as ours. */
static void post(struct send *send, const char *url)
{
	static const struct qg_fetch_host host = {.ended = posted};
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	QG_AUTO(qg_str_free) char *body = markdown_body(send->text);
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
	send->stage = POSTING;
	send->fetch = body ? qg_fetch_start(bot_of(send)->http, &request, &host, send) : NULL;
	if (!send->fetch) {
		hook_address_release(streams_of(send), send->handle.response_url, send->part);
		end(send, QG_NO_MEMORY, 0);
	}
}

static char *response_address(const struct send *send, bool *refused)
{
	const struct wecom_options *set = bot_of(send)->config->options;
	return wecom_response_address(send->handle.response_url, set->api_base, refused);
}

static void claimed(void *arg, enum qg_status status)
{
	struct send *send = arg;
	bool refused = false;
	if (status == QG_OK) {
		QG_AUTO(qg_str_free) char *url = response_address(send, &refused);
		if (url) {
			post(send, url);
			return;
		}
		hook_address_release(streams_of(send), send->handle.response_url, send->part);
		status = QG_NO_MEMORY;
	} else if (status == QG_STALE || status == QG_DENIED) {
		qg_log_error(bot_of(send)->name, "wecom: a part of a reply has no way left: %s",
			status == QG_STALE ? "it was sent before, with what result is not known"
					   : "the message's response_url is used up");
		status = QG_DENIED;
	}
	end(send, status, 0);
}

/* Not in the stream: as a message of its own. */
static void go_apart(struct send *send)
{
	bool refused = false;
	bool is_late = qg_clock_wall() - send->handle.since > ADDRESS_MS;
	if (!send->handle.response_url || is_late || !bot_of(send)->http) {
		end(send, QG_NOT_FOUND, 0);
		return;
	}
	QG_AUTO(qg_str_free) char *url = response_address(send, &refused);
	if (refused) {
		qg_log_error(bot_of(send)->name,
			"wecom: a message's response_url is not of the platform, nothing is sent "
			"there");
		end(send, QG_DENIED, 0);
	} else if (!url) {
		end(send, QG_NO_MEMORY, 0);
	} else {
		send->stage = ASKING;
		hook_address_claim(
			streams_of(send), send->handle.response_url, send->part, claimed, send);
	}
}

/* ---- the stream ---- */

static bool is_over(const struct send *send)
{
	return qg_clock_wall() - send->handle.since > WECOM_STREAM_MS;
}

static void looked(void *arg, enum qg_status status, const struct hook_state *state)
{
	struct send *send = arg;
	if (send->stage == ENDED) {
		return; /* a poll of this gateway was quicker */
	}
	send->stage = WAITING;
	if (status != QG_OK) {
		if (send->sends->stopping) {
			end(send, QG_CANCELLED, 0);
		}
		return;
	}
	if (state->is_ours && state->shown == HOOK_SHOWN_LANDED) {
		end(send, QG_OK, 0);
	} else if (!state->is_ours || state->shown != HOOK_SHOWN_FINAL) {
		go_apart(send);
	} else if (send->sends->stopping) {
		end(send, QG_CANCELLED, 0);
	} else if (state->polls != send->polls) {
		send->polls = state->polls;
		send->heard = qg_clock_mono();
	}
}

static void look(struct send *send, uint64_t now)
{
	bool gives_up = is_over(send) || now - send->heard >= SILENCE_MS;
	send->looked = now;
	send->stage = ASKING;
	hook_stream_look(
		streams_of(send), send->handle.stream_id, send->part, gives_up, looked, send);
}

static void begin_to_wait(struct send *send, int64_t polls)
{
	if (send->sends->stopping) {
		end(send, QG_CANCELLED, 0);
		return;
	}
	send->stage = WAITING;
	send->polls = polls;
	send->heard = send->looked = qg_clock_mono();
	if (is_over(send)) {
		look(send, send->looked); /* nobody asks any more */
	} else {
		hook_hurry(send->sends->webhook, LOOK_MS);
	}
}

static void stream_ended(void *arg, enum qg_status status, const struct hook_state *state)
{
	struct send *send = arg;
	if (status != QG_OK) {
		end(send, status, 0);
	} else if (send->reply->silent || (state->is_ours && state->shown == HOOK_SHOWN_LANDED)) {
		end(send, QG_OK, 0);
	} else if (state->is_ours && state->shown == HOOK_SHOWN_FINAL) {
		begin_to_wait(send, state->polls);
	} else {
		go_apart(send);
	}
}

static char *card_of(const struct send *send)
{
	const struct qg_reply *reply = send->reply;
	const char *asker = send->handle.chat_type == QG_CHAT_GROUP ? send->handle.user : NULL;
	json_auto_t *card = reply->buttons ? wecom_buttons_card(bot_of(send), NULL, reply->buttons,
						     asker, qg_clock_wall())
					   : NULL;
	return card ? qg_json_dump(card) : NULL;
}

/* The other messages of this answer are shown as open, too: their bubbles say where it is. */
static void close_others(struct send *send)
{
	const json_t *handles = send->reply->handles;
	QG_AUTO(qg_str_free)
	char *below = send->reply->silent ? qg_str_copy(NOTHING_TO_SAY)
					  : hook_words(send->sends->webhook, "see_below");
	for (size_t i = 0; below && i < json_array_size(handles); i++) {
		struct hook_handle other;
		const char *text = json_string_value(json_array_get(handles, i));
		if (!text || hook_handle_read(text, &other) != QG_OK) {
			continue;
		}
		if (other.stream_id[0] != '\0' &&
			strcmp(other.stream_id, send->handle.stream_id) != 0) {
			hook_stream_end(streams_of(send), other.stream_id, send->part, below, NULL,
				NULL, NULL);
		}
		hook_handle_finish(&other);
	}
}

static void end_stream(struct send *send)
{
	const char *text = send->reply->silent ? NOTHING_TO_SAY : send->text;
	QG_AUTO(qg_str_free) char *card = send->reply->silent ? NULL : card_of(send);
	send->stage = ASKING;
	hook_stream_end(streams_of(send), send->handle.stream_id, send->part, text, card,
		stream_ended, send);
}

static void begin(struct send *send)
{
	const struct qg_reply *reply = send->reply;
	enum qg_status status = hook_handle_read(reply->handle, &send->handle);
	if (status != QG_OK) { /* nobody asked: this transport cannot write first */
		end(send, status == QG_INVALID ? QG_NOT_FOUND : status, 0);
		return;
	}
	bool is_first = reply->part == 0;
	send->text = is_first ? hook_text(send->sends->webhook, &send->handle, reply->text)
			      : qg_str_copy(reply->text);
	if (!send->text || strlen(send->text) > WECOM_TEXT_MOST) {
		end(send, send->text ? QG_TOO_LARGE : QG_NO_MEMORY, 0);
		return;
	}
	if (is_first) {
		close_others(send);
	}
	bool has_stream = send->handle.stream_id[0] != '\0';
	if (has_stream && is_first && (reply->silent || reply->form == QG_FORM_RICH)) {
		end_stream(send);
	} else if (reply->silent) {
		end(send, QG_OK, 0);
	} else {
		go_apart(send);
	}
}

void hook_sends_take(struct hook_sends *sends, struct qg_reply *reply)
{
	struct send *send = calloc(1, sizeof(*send));
	if (!send && sends->unsent_count < SPARE) {
		sends->unsent[sends->unsent_count++] = reply;
		hook_hurry(sends->webhook, 0);
		return;
	}
	if (!send) { /* nowhere left to put it: better early than lost */
		struct qg_bot *bot = hook_bot(sends->webhook);
		bot->host->sent(bot, reply, QG_NO_MEMORY, 0);
		return;
	}
	send->sends = sends;
	send->reply = reply;
	snprintf(send->part, sizeof(send->part), "%.40s:%u", reply->id, reply->part);
	qg_list_add(&sends->list, &send->link);
	begin(send);
}

void hook_sends_polled(struct hook_sends *sends, const char *stream_id)
{
	QG_LIST_FOR_EACH (item, &sends->list) {
		struct send *send = QG_CONTAINER(item, struct send, link);
		if (send->stage == WAITING && strcmp(send->handle.stream_id, stream_id) == 0) {
			end(send, QG_OK, 0);
		}
	}
}

/* ---- time and life ---- */

static struct send *next_ended(const struct hook_sends *sends)
{
	QG_LIST_FOR_EACH (item, &sends->list) {
		struct send *send = QG_CONTAINER(item, struct send, link);
		if (send->stage == ENDED) {
			return send;
		}
	}
	return NULL;
}

/* The host may end the bot, or send anew, from inside: nothing is remembered over a call. */
static void report(struct hook_sends *sends)
{
	struct wecom_webhook *webhook = sends->webhook;
	struct qg_bot *bot;
	struct send *send;
	while ((bot = hook_bot(webhook)) != NULL && (send = next_ended(sends)) != NULL) {
		struct qg_reply *reply = send->reply;
		enum qg_status status = send->status;
		unsigned retry_ms = send->retry_ms;
		send->reply = NULL;
		destroy(send);
		bot->host->sent(bot, reply, status, retry_ms);
	}
	while ((bot = hook_bot(webhook)) != NULL && sends->unsent_count > 0) {
		struct qg_reply *reply = sends->unsent[--sends->unsent_count];
		bot->host->sent(bot, reply, QG_NO_MEMORY, 0);
	}
}

bool hook_sends_tick(struct hook_sends *sends)
{
	struct wecom_webhook *webhook = sends->webhook;
	report(sends);
	struct qg_bot *bot = hook_bot(webhook);
	if (!bot) {
		return false;
	}
	uint64_t now = qg_clock_mono();
	bool more = false;
	QG_LIST_FOR_EACH (item, &sends->list) {
		struct send *send = QG_CONTAINER(item, struct send, link);
		if (send->stage == WAITING && now - send->looked >= LOOK_MS) {
			look(send, now);
		}
		more = true;
	}
	if (sends->stopping && !more) {
		wecom_core_wake(wecom_core_of(bot));
	}
	return more;
}

bool hook_sends_is_idle(const struct hook_sends *sends)
{
	return qg_list_is_empty(&sends->list) && sends->unsent_count == 0;
}

void hook_sends_stop(struct hook_sends *sends)
{
	sends->stopping = true;
	QG_LIST_FOR_EACH (item, &sends->list) {
		struct send *send = QG_CONTAINER(item, struct send, link);
		if (send->stage == WAITING) {
			end(send, QG_CANCELLED, 0);
		}
	}
}

struct hook_sends *hook_sends_create(struct wecom_webhook *webhook)
{
	struct hook_sends *sends = calloc(1, sizeof(*sends));
	if (sends) {
		sends->webhook = webhook;
		qg_list_init(&sends->list);
	}
	return sends;
}

void hook_sends_destroy(struct hook_sends *sends)
{
	if (!sends) {
		return;
	}
	QG_LIST_FOR_EACH (item, &sends->list) {
		destroy(QG_CONTAINER(item, struct send, link));
	}
	while (sends->unsent_count > 0) {
		qg_reply_destroy(sends->unsent[--sends->unsent_count]);
	}
	free(sends);
}
