/* deliver.c - a message from either transport on its way to the store, and what the chat is told when it is lost.
 *
 * DingTalk promises no second delivery, so the host holds what is not stored yet. What is lost in spite of it (too much,
 * or this process ends) the chat is asked to say again, by the message's own webhook. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/metrics.h"
#include "qg/str.h"

#define SAYS_MOST 16
#define SAY_APART_MS 10000 /* the same words into the same chat */

struct delivery {
	struct qg_list item; /* of core->deliveries */
	struct dingtalk_core *core;
	char *handle;
	qg_stored_fn stored;
	void *arg;
};

/* ---- sentences ---- */

struct say {
	struct qg_list item; /* of core->says */
	struct qg_fetch *fetch;
};

static void destroy_say(struct say *say)
{
	qg_list_remove(&say->item);
	qg_fetch_cancel(say->fetch);
	free(say);
}

static void said(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct say *say = arg;
	(void)fetch;
	(void)end;
	say->fetch = NULL;
	destroy_say(say);
}

static size_t count_says(const struct dingtalk_core *core)
{
	size_t count = 0;
	QG_LIST_FOR_EACH (item, &core->says) {
		count++;
	}
	return count;
}

static void post(struct dingtalk_core *core, const char *url, const char *words)
{
	static const struct qg_fetch_host host = {.ended = said};
	static const char *const headers[] = {
		"Content-Type: application/json; charset=utf-8", NULL};
	json_auto_t *body =
		json_pack("{s:s, s:{s:s}}", "msgtype", "text", "text", "content", words);
	QG_AUTO(qg_str_free) char *text = body ? qg_json_dump(body) : NULL;
	struct say *say = text ? calloc(1, sizeof(*say)) : NULL;
	if (!say) {
		return;
	}
	struct qg_fetch_request request = {.method = "POST",
		.url = url,
		.headers = headers,
		.body = text,
		.body_size = strlen(text),
		.most = 65536,
		.gathers = true,
		.connect_ms = 5000,
		.first_byte_ms = 5000,
		.total_ms = 10000};
	qg_list_add(&core->says, &say->item);
	say->fetch = qg_fetch_start(core->bot->http, &request, &host, say);
	if (!say->fetch) {
		destroy_say(say);
		return;
	}
	dingtalk_account_count(core->account, DINGTALK_USES, 1);
}

/* A burst of lost messages is one sentence in its chat. */
static bool was_just_said(struct dingtalk_core *core, const char *url)
{
	char digest[33];
	uint64_t now = qg_clock_mono();
	qg_digest_id(digest, url, NULL);
	bool was = strcmp(core->said_to, digest) == 0 && now - core->said_at < SAY_APART_MS;
	memcpy(core->said_to, digest, sizeof(digest));
	core->said_at = now;
	return was;
}

void dingtalk_say(struct dingtalk_core *core, const char *handle, const char *words)
{
	struct dingtalk_handle to;
	if (!core->bot || !core->bot->http || !words || !handle || count_says(core) >= SAYS_MOST ||
		dingtalk_handle_read(handle, &to) != QG_OK) {
		return;
	}
	QG_AUTO(qg_str_free)
	char *url = to.webhook && qg_clock_wall() < to.webhook_until
			    ? dingtalk_webhook_url(core, to.webhook)
			    : NULL;
	if (url && !was_just_said(core, url)) {
		post(core, url, words);
	}
	dingtalk_handle_finish(&to);
}

void dingtalk_say_unsupported(struct dingtalk_core *core, const struct qg_message *message)
{
	QG_AUTO(qg_str_free) char *words = dingtalk_core_words(core, "not_text");
	dingtalk_say(core, message->handle, words);
}

void dingtalk_says_finish(struct dingtalk_core *core)
{
	while (!qg_list_is_empty(&core->says)) {
		destroy_say(QG_CONTAINER(core->says.next, struct say, item));
	}
}

/* ---- deliveries ---- */

bool dingtalk_is_lost(enum qg_status status)
{
	return status == QG_BUSY || status == QG_AWAY || status == QG_NO_MEMORY ||
	       status == QG_CANCELLED;
}

static void ask_again(const struct delivery *delivery)
{
	QG_AUTO(qg_str_free)
	char *words = dingtalk_core_words(delivery->core, "overflow_say_again");
	qg_metric_add(
		qg_metric_counter("dingtalk_say_again_total", NULL,
			"DingTalk messages that could not be stored; the chat was asked to say "
			"them again"),
		1);
	dingtalk_say(delivery->core, delivery->handle, words);
}

static void stored(void *arg, enum qg_status status)
{
	struct delivery *delivery = arg;
	struct dingtalk_core *core = delivery->core;
	if (dingtalk_is_lost(status)) {
		ask_again(delivery);
	}
	delivery->stored(delivery->arg, status);
	qg_list_remove(&delivery->item);
	free(delivery->handle);
	free(delivery);
	dingtalk_core_wake(core);
	dingtalk_core_release(core);
}

void dingtalk_deliver(struct dingtalk_core *core, struct qg_message *message, uint64_t received_us,
	qg_stored_fn told, void *arg)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	char *handle = qg_str_copy(message->handle);
	if (!delivery || (message->handle && !handle)) {
		free(delivery);
		free(handle);
		qg_message_destroy(message);
		told(arg, QG_NO_MEMORY);
		return;
	}
	*delivery = (struct delivery){.core = core, .handle = handle, .stored = told, .arg = arg};
	dingtalk_core_take(core);
	qg_list_add(&core->deliveries, &delivery->item);
	message->received_us = received_us;
	core->bot->host->receive(core->bot, message, stored, delivery);
}
