/* hook_post.c - a request of the platform that is understood: what it is answered, and when.
 *
 * A message is answered when it is stored, with the first frame of its stream; until then its request waits, 3 s at most:
 * what is not stored by then the platform sends again within its five, and dedupe gives that delivery the same stream.
 * Streams are fetched by polls, which any gateway answers from Redis. Each request gets one answer; what is still on its
 * way for a request (the host's stored(), a state from Redis) keeps its struct alive. A poll that waits for Redis is
 * told to come again as early. */
#include "hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clicks.h"

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/metrics.h"
#include "qg/str.h"
#include "wxcrypt.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define STORE_MS 3000

struct post { /* a request that is understood and not answered yet */
	struct qg_list link;
	struct wecom_webhook *webhook;
	struct qg_http_exchange *x; /* NULL once answered, or once its peer left */
	char *nonce;
	struct wecom_event event;
	char stream_id[HOOK_STREAM_ID];
	uint64_t since;
	bool is_storing; /* the host has yet to call stored() */
	bool is_first;	 /* the answer is the first frame of its stream */
};

/* ---- answers ---- */

static void post_done(struct post *post)
{
	struct wecom_webhook *webhook = post->webhook;
	if (post->x || post->is_storing) {
		return; /* somebody will come back to it */
	}
	qg_list_remove(&post->link);
	wecom_event_finish(&post->event);
	free(post->nonce);
	free(post);
	if (webhook->bot && webhook->stopping) {
		wecom_core_wake(wecom_core_of(webhook->bot));
	}
	hook_release(webhook);
}

static struct qg_http_exchange *take_exchange(struct post *post)
{
	struct qg_http_exchange *x = post->x;
	post->x = NULL;
	return x;
}

void hook_answer_again(struct qg_http_exchange *x, const char *why)
{
	qg_http_add_header(x, "Retry-After", "1");
	qg_http_answer_error(x, 503, why);
}

static void post_again(struct post *post, const char *why)
{
	struct qg_http_exchange *x = take_exchange(post);
	if (x) {
		hook_answer_again(x, why);
	}
	post_done(post);
}

/* There is nothing to say. */
static void post_empty(struct post *post)
{
	struct qg_http_exchange *x = take_exchange(post);
	if (x) {
		qg_http_answer(x, 200, "text/plain", "", 0);
	}
	post_done(post);
}

/* {"encrypt","msgsignature","timestamp","nonce"}; NULL for no memory. */
static char *envelope(const struct wecom_webhook *webhook, const char *nonce, const json_t *body)
{
	QG_AUTO(qg_str_free) char *plain = qg_json_dump(body);
	QG_AUTO(qg_buf_finish) struct qg_buf cipher;
	qg_buf_init(&cipher, ANSWER_MAX);
	if (!plain ||
		wxcrypt_seal(webhook->key, "", plain, strlen(plain), NULL, &cipher) != QG_OK) {
		return NULL;
	}
	char now[QG_INT64_SIZE], signature[WXCRYPT_SIGNATURE_SIZE];
	int64_t seconds = qg_clock_wall() / 1000; /* what is signed is what is said */
	qg_str_from_int64(seconds, now);
	wxcrypt_sign(hook_options(webhook)->token, now, nonce, cipher.data, cipher.size, signature);
	json_auto_t *out = json_pack("{s:s, s:s, s:I, s:s}", "encrypt", cipher.data, "msgsignature",
		signature, "timestamp", (json_int_t)seconds, "nonce", nonce);
	return out ? qg_json_dump(out) : NULL;
}

/* Takes body; NULL: there was no memory for it. true: the answer is on its way. */
static bool post_answer(struct post *post, json_t *body)
{
	QG_AUTO(qg_str_free)
	char *text = body && post->x ? envelope(post->webhook, post->nonce, body) : NULL;
	json_decref(body);
	if (post->x && !text) {
		post_again(post, "out of memory");
		return false;
	}
	struct qg_http_exchange *x = take_exchange(post);
	if (x) {
		qg_http_answer(x, 200, "application/json", text, strlen(text));
	}
	post_done(post);
	return x != NULL;
}

/* ---- streams ---- */

/* With the card, where the end brings one. */
static json_t *end_body(const char *id, const char *text, const char *card)
{
	json_t *body = wecom_stream_body(id, true, text, NULL);
	json_t *shown = card[0] != '\0' ? qg_json_parse(card, strlen(card), NULL) : NULL;
	if (!body || !shown) {
		json_decref(shown);
		return body;
	}
	if (json_object_set_new(body, "template_card", shown) != 0 ||
		json_object_set_new(body, "msgtype", json_string("stream_with_template_card")) !=
			0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

/* The bot's words behind what is shown so far, which is cut where both do not fit. */
static json_t *words_body(struct post *post, const char *before, const char *key)
{
	char fence[17];
	QG_AUTO(qg_str_free) char *words = hook_words(post->webhook, key);
	size_t behind = (words ? strlen(words) : 0) + sizeof(fence) + 2;
	size_t room = behind < WECOM_TEXT_MOST ? WECOM_TEXT_MOST - behind : 0;
	size_t size = qg_utf8_cut(before, strlen(before), room);
	qg_fence_end(before, size, fence);
	QG_AUTO(qg_str_free)
	char *text = words ? qg_str_printf("%.*s%s%s%s%s", (int)size, before, fence[0] ? "\n" : "",
				     fence, size > 0 ? "\n\n" : "", words)
			   : NULL;
	return text ? wecom_stream_body(post->stream_id, true, text, NULL) : NULL;
}

static json_t *open_body(const struct post *post, const char *text)
{
	char feedback[sizeof("trace_") + HOOK_STREAM_ID];
	snprintf(feedback, sizeof(feedback), "trace_%s", post->stream_id);
	return wecom_stream_body(post->stream_id, false, text, post->is_first ? feedback : NULL);
}

/* What its peer, gone by now, did not get waits for the next poll, or goes another way. */
static void show_end(struct post *post, const struct hook_state *state)
{
	struct wecom_webhook *webhook = post->webhook;
	char id[HOOK_STREAM_ID];
	memcpy(id, post->stream_id, sizeof(id));
	webhook->references++;
	bool is_shown = post_answer(post, end_body(id, state->text, state->card));
	if (is_shown && webhook->bot) {
		hook_stream_landed(webhook->streams, id);
		hook_sends_polled(webhook->sends, id);
	}
	hook_release(webhook);
}

static void show(void *arg, enum qg_status status, const struct hook_state *state)
{
	struct post *post = arg;
	if (status != QG_OK) {
		post_again(post, "not ready, send it again");
		return;
	}
	switch (state->shown) {
	case HOOK_SHOWN_OPEN:
		post_answer(post, open_body(post, state->text));
		break;
	case HOOK_SHOWN_FINAL:
	case HOOK_SHOWN_LANDED:
		show_end(post, state);
		break;
	case HOOK_SHOWN_MOVED:
		post_answer(post, words_body(post, state->text, "see_below"));
		break;
	case HOOK_SHOWN_VOID:
		post_empty(post);
		break;
	case HOOK_SHOWN_NONE:
		post_answer(post, words_body(post, "", "stream_lost"));
		break;
	}
}

/* ---- messages and clicks ---- */

/* Its answer is the refusal: the stream ends with it, at once. */
static void show_full(struct post *post)
{
	struct wecom_webhook *webhook = post->webhook;
	QG_AUTO(qg_str_free) char *words = hook_words(webhook, "full");
	hook_stream_open(webhook->streams, post->stream_id, NULL, NULL);
	hook_stream_end(webhook->streams, post->stream_id, HOOK_PART_FULL, words ? words : "", NULL,
		NULL, NULL);
	hook_stream_poll(webhook->streams, post->stream_id, show, post);
}

static void message_stored(struct post *post, enum qg_status status)
{
	struct hook_streams *streams = post->webhook->streams;
	switch (status) {
	case QG_OK:
	case QG_DUPLICATE:
		hook_stream_open(streams, post->stream_id, show, post);
		break;
	case QG_FULL:
		show_full(post);
		break;
	case QG_EMPTY:
		hook_stream_void(streams, post->stream_id);
		post_empty(post);
		break;
	case QG_INVALID: /* never will be: no reason to send it again */
	case QG_TOO_LARGE:
		post_empty(post);
		break;
	default:
		post_again(post, "not stored, send it again");
	}
}

static void answer_click(struct post *post, const char *key, const char *more)
{
	QG_AUTO(qg_str_free) char *words = hook_words(post->webhook, key);
	QG_AUTO(qg_str_free) char *text = qg_click_choice(words, more);
	post_answer(post, text ? wecom_click_answer(post->webhook->bot, &post->event, text) : NULL);
}

static void click_stored(struct post *post, enum qg_status status)
{
	const char *clicked = post->event.event_key ? post->event.event_key : "";
	if (status == QG_OK || status == QG_DUPLICATE || status == QG_FULL) {
		answer_click(post, qg_click_words(status), status == QG_OK ? clicked : "");
	} else {
		post_empty(post); /* the card stays, to be clicked again */
	}
}

static void stored(void *arg, enum qg_status status)
{
	struct post *post = arg;
	post->is_storing = false;
	if (!post->webhook->bot) {
		post_done(post); /* its peer was answered when the bot ended */
	} else if (post->event.kind == WECOM_CLICK) {
		click_stored(post, status);
	} else {
		message_stored(post, status);
	}
}

static void store(struct post *post, uint64_t received_us)
{
	struct wecom_webhook *webhook = post->webhook;
	struct qg_message *message = post->event.message;
	if (post->event.kind == WECOM_MESSAGE) {
		hook_stream_id(webhook->bot, message->id, post->stream_id);
	}
	message->handle =
		hook_handle_make(webhook->bot, &post->event, post->stream_id, qg_clock_wall());
	if (!message->handle) {
		post_again(post, "out of memory");
		return;
	}
	message->received_us = received_us;
	post->event.message = NULL;
	post->is_storing = post->is_first = true;
	webhook->bot->host->receive(webhook->bot, message, stored, post);
}

static void take_click(struct post *post, uint64_t received_us)
{
	switch (wecom_click_judge(post->webhook->bot, &post->event, qg_clock_wall())) {
	case WECOM_CLICK_GOOD:
		store(post, received_us);
		break;
	case WECOM_CLICK_WRONG_PERSON:
		answer_click(post, "click_other", "");
		break;
	case WECOM_CLICK_LATE:
		answer_click(post, "click_late", "");
		break;
	case WECOM_CLICK_FOREIGN:
		post_empty(post);
		break;
	}
}

static void count_feedback(const struct post *post)
{
	static const char *const kinds[] = {"other", "accurate", "inaccurate", "withdrawn"};
	int kind = post->event.feedback;
	char labels[128];
	snprintf(labels, sizeof(labels), "bot=\"%s\",kind=\"%s\"", post->webhook->bot->name,
		kinds[kind >= 1 && kind <= 3 ? kind : 0]);
	qg_metric_add(
		qg_metric_counter("feedback_total", labels, "What people said of answers."), 1);
}

static void dispatch(struct post *post, uint64_t received_us)
{
	struct wecom_webhook *webhook = post->webhook;
	switch (post->event.kind) {
	case WECOM_MESSAGE:
		store(post, received_us);
		break;
	case WECOM_CLICK:
		take_click(post, received_us);
		break;
	case WECOM_REFRESH:
		snprintf(post->stream_id, sizeof(post->stream_id), "%s", post->event.stream_id);
		if (strcmp(post->stream_id, post->event.stream_id) != 0) {
			post_empty(post); /* too long to be one of ours */
			break;
		}
		hook_stream_poll(webhook->streams, post->stream_id, show, post);
		break;
	case WECOM_ENTER:
		post_answer(post, wecom_welcome(webhook->bot, qg_clock_wall()));
		break;
	case WECOM_FEEDBACK:
		count_feedback(post);
		post_empty(post);
		break;
	case WECOM_KICKED:
	case WECOM_NOTHING:
		post_empty(post);
		break;
	}
}

/* ---- life ---- */

static void post_left(void *arg)
{
	struct post *post = arg;
	post->x = NULL; /* what is on its way comes back to it; nothing else is lost */
	if (!post->is_storing && !post->webhook->bot) {
		post_done(post);
	}
}

/* Takes event and nonce. */
void hook_post_begin(struct wecom_webhook *webhook, struct qg_http_exchange *x,
	struct wecom_event *event, char *nonce)
{
	struct post *post = calloc(1, sizeof(*post));
	if (!post) {
		wecom_event_finish(event);
		free(nonce);
		hook_answer_again(x, "out of memory");
		return;
	}
	*post = (struct post){.webhook = webhook,
		.x = x,
		.nonce = nonce,
		.event = *event,
		.since = qg_clock_mono()};
	webhook->references++;
	qg_list_add(&webhook->posts, &post->link);
	qg_http_on_gone(x, post_left, post);
	hook_hurry(webhook, HOOK_TICK_MS);
	dispatch(post, qg_http_received_us(x));
}

/* Requests whose message is not stored, or whose stream is not read, in time; true: some still have some. */
bool hook_posts_expire(struct wecom_webhook *webhook)
{
	uint64_t now = qg_clock_mono();
	bool more = false;
	QG_LIST_FOR_EACH (item, &webhook->posts) {
		struct post *post = QG_CONTAINER(item, struct post, link);
		if (!post->x) {
			continue; /* answered, or nobody is there any more */
		}
		if (now - post->since >= STORE_MS) {
			hook_answer_again(take_exchange(post), "not ready, send it again");
		} else {
			more = true;
		}
	}
	return more;
}

void hook_posts_end(struct wecom_webhook *webhook)
{
	QG_LIST_FOR_EACH (item, &webhook->posts) {
		post_again(QG_CONTAINER(item, struct post, link), "restarting");
	}
}
