/* hook_send.c - replies on the webhook transport: into the stream that polls fetch, else once by the one-time address.
 *
 * A reply's first part ends its message's stream and has landed when a poll, at any gateway, took that end. Where no
 * poll comes (the window was closed, the six minutes are over, an apology ended the stream before), and for the parts
 * behind, there is hook_apart.c. */
#include "hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

#define LOOK_MS 500
#define SILENCE_MS 10000 /* without a poll: the platform asks about once a second */

enum stage { ASKING, WAITING, APART, ENDED };

struct send {
	struct qg_out out;
	struct hook_sends *sends;
	struct hook_handle handle;
	char part[64];
	char *text;
	enum stage stage;
	uint64_t heard; /* mono ms of the last news of a poll */
	uint64_t looked;
	int64_t polls;
	struct hook_apart apart;
};

struct hook_sends {
	struct wecom_webhook *webhook;
	struct qg_outs outs; /* of struct send */
	bool stopping;
};

static void drop(struct qg_out *out)
{
	struct send *send = QG_CONTAINER(out, struct send, out);
	hook_apart_cancel(&send->apart);
	hook_handle_finish(&send->handle);
	free(send->text);
	free(send);
}

/* Told from the loop, by the next tick. */
static void end(struct send *send, enum qg_status status, unsigned retry_ms)
{
	send->stage = ENDED;
	qg_out_end(&send->out, status, retry_ms);
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

static void went_apart(void *arg, enum qg_status status, unsigned retry_ms)
{
	end(arg, status, retry_ms);
}

static void go_apart(struct send *send)
{
	send->stage = APART;
	hook_apart_begin(&send->apart);
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
	} else if (send->out.reply->silent ||
		   (state->is_ours && state->shown == HOOK_SHOWN_LANDED)) {
		end(send, QG_OK, 0);
	} else if (state->is_ours && state->shown == HOOK_SHOWN_FINAL) {
		begin_to_wait(send, state->polls);
	} else {
		go_apart(send);
	}
}

static char *card_of(const struct send *send)
{
	const struct qg_reply *reply = send->out.reply;
	const char *asker = send->handle.chat_type == QG_CHAT_GROUP ? send->handle.user : NULL;
	json_auto_t *card = reply->buttons ? wecom_buttons_card(bot_of(send), NULL, reply->buttons,
						     asker, qg_clock_wall())
					   : NULL;
	return card ? qg_json_dump(card) : NULL;
}

/* The other messages of this answer are shown as open, too: their bubbles say where it is. */
static void close_others(struct send *send)
{
	const json_t *handles = send->out.reply->handles;
	QG_AUTO(qg_str_free)
	char *below = hook_words(
		send->sends->webhook, send->out.reply->silent ? "nothing_to_say" : "see_below");
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

static char *last_text(const struct send *send)
{
	if (send->out.reply->silent) {
		return hook_words(send->sends->webhook, "nothing_to_say");
	}
	bool is_cut = hook_apart_has_more(&send->apart) && !send->handle.response_url;
	return is_cut ? hook_apart_cut_off(&send->apart) : qg_str_copy(send->text);
}

static void end_stream(struct send *send)
{
	QG_AUTO(qg_str_free) char *text = last_text(send);
	QG_AUTO(qg_str_free) char *card = send->out.reply->silent ? NULL : card_of(send);
	if (!text) {
		end(send, QG_NO_MEMORY, 0);
		return;
	}
	send->stage = ASKING;
	hook_stream_end(streams_of(send), send->handle.stream_id, send->part, text, card,
		stream_ended, send);
}

static void begin(struct send *send)
{
	const struct qg_reply *reply = send->out.reply;
	enum qg_status status = hook_handle_read(reply->handle, &send->handle);
	if (status != QG_OK) { /* nobody asked: this transport cannot write first */
		end(send, status == QG_INVALID ? QG_NOT_FOUND : status, 0);
		return;
	}
	if (reply->file) { /* this transport has no place for one */
		end(send, QG_UNSUPPORTED, 0);
		return;
	}
	bool is_first = reply->part == 0;
	send->text = is_first ? hook_text(send->sends->webhook, &send->handle, reply->text)
			      : qg_str_copy(reply->text);
	if (!send->text || strlen(send->text) > WECOM_TEXT_MOST) {
		end(send, send->text ? QG_TOO_LARGE : QG_NO_MEMORY, 0);
		return;
	}
	send->apart = (struct hook_apart){.webhook = send->sends->webhook,
		.reply = reply,
		.handle = &send->handle,
		.part = send->part,
		.text = send->text,
		.ended = went_apart,
		.arg = send};
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
	if (!send) {
		hook_hurry(sends->webhook, 0);
		qg_outs_add_spare(&sends->outs, hook_bot(sends->webhook), reply);
		return;
	}
	send->sends = sends;
	snprintf(send->part, sizeof(send->part), "%.40s:%u", reply->id, reply->part);
	qg_outs_add(&sends->outs, &send->out, reply);
	begin(send);
}

void hook_sends_polled(struct hook_sends *sends, const char *stream_id)
{
	QG_LIST_FOR_EACH (item, &sends->outs.list) {
		struct send *send = QG_CONTAINER(item, struct send, out.link);
		if (send->stage == WAITING && strcmp(send->handle.stream_id, stream_id) == 0) {
			end(send, QG_OK, 0);
		}
	}
}

/* ---- time and life ---- */

/* The bot may end from inside a call of the host, and sends with it. */
static void report(struct hook_sends *sends)
{
	const struct wecom_webhook *webhook = sends->webhook;
	struct qg_bot *bot;
	while ((bot = hook_bot(webhook)) != NULL && qg_outs_is_due(&sends->outs)) {
		qg_outs_give_back(&sends->outs, bot);
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
	QG_LIST_FOR_EACH (item, &sends->outs.list) {
		struct send *send = QG_CONTAINER(item, struct send, out.link);
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
	return qg_outs_is_empty(&sends->outs);
}

void hook_sends_stop(struct hook_sends *sends)
{
	sends->stopping = true;
	QG_LIST_FOR_EACH (item, &sends->outs.list) {
		struct send *send = QG_CONTAINER(item, struct send, out.link);
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
		qg_outs_init(&sends->outs, drop);
	}
	return sends;
}

void hook_sends_destroy(struct hook_sends *sends)
{
	if (!sends) {
		return;
	}
	qg_outs_finish(&sends->outs);
	free(sends);
}
