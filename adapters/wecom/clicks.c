/* clicks.c - a click on a card: judged, stored as a message of its own, and answered on the card within five seconds.
 *
 * The platform delivers a click once and lets its id be answered once, by an update of the card. The message's id derives
 * from the card (inbound.c), so that a second click is a duplicate to the store, whichever gateway hears it. The
 * bot's answer follows as a message of its own: a click's id takes none. */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "clicks.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define ANSWER_MS 4000 /* of the five seconds, to have the answer there in time */
#define UPDATE_MS 5000

static void updated(void *arg, const struct wecom_answer *answer)
{
	const struct wecom_link *link = arg;
	const struct wecom_core *core = wecom_link_core(link);
	if (answer->local == QG_OK && answer->code != 0) {
		qg_log_info(core ? core->bot->name : NULL,
			"wecom: a card was not updated: code %lld %s", (long long)answer->code,
			answer->words);
	}
}

/* Says on the card what happened; once. */
static void answer(struct wecom_link *link, struct wecom_inbound *inbound, const char *key)
{
	const struct wecom_core *core = inbound->core;
	const char *clicked = inbound->event.event_key ? inbound->event.event_key : "";
	bool is_taken = strcmp(key, "click_taken") == 0;
	QG_AUTO(qg_str_free) char *before = wecom_core_words(core, key);
	QG_AUTO(qg_str_free) char *words = qg_click_choice(before, is_taken ? clicked : "");
	json_auto_t *body = core->bot && words && !inbound->answered
				    ? wecom_click_answer(core->bot, &inbound->event, words)
				    : NULL;
	inbound->answered = true;
	qg_list_remove(&inbound->item);
	if (!body || strcmp(link->conn, inbound->handle.conn) != 0) {
		return;
	}
	struct wecom_request request = {.cmd = "aibot_respond_update_msg",
		.req_id = inbound->handle.req_id,
		.body = body,
		.timeout_ms = UPDATE_MS};
	struct wecom_call *call = wecom_call_start(link, &request, updated, link);
	(void)call; /* it ends with the connection */
}

static void stored(void *arg, enum qg_status status)
{
	struct wecom_inbound *inbound = arg;
	struct wecom_link *link = inbound->core->link;
	if (wecom_inbound_is_lost(status)) { /* the card stays, to be clicked again */
		qg_list_remove(&inbound->item);
		wecom_inbound_ask_again(inbound);
	} else if (link) {
		answer(link, inbound, qg_click_words(status));
	}
	wecom_inbound_destroy(inbound);
}

static const char *refusal(const struct wecom_inbound *inbound)
{
	switch (wecom_click_judge(inbound->core->bot, &inbound->event, qg_clock_wall())) {
	case WECOM_CLICK_GOOD:
		return NULL;
	case WECOM_CLICK_WRONG_PERSON:
		return "click_other";
	default:
		return "click_late";
	}
}

void wecom_click_receive(struct wecom_link *link, struct wecom_inbound *inbound)
{
	struct wecom_event *event = &inbound->event;
	struct qg_bot *bot = inbound->core->bot;
	bool is_whole = event->message && event->task_id && event->user;
	const char *refused = is_whole ? refusal(inbound) : "click_late";
	if (refused) {
		answer(link, inbound, refused);
		wecom_inbound_destroy(inbound);
		return;
	}
	struct qg_message *message = event->message;
	event->message = NULL;
	inbound->due = qg_clock_mono() + ANSWER_MS;
	qg_list_add(&link->clicks, &inbound->item);
	wecom_link_due(link, inbound->due);
	bot->host->receive(bot, message, stored, inbound);
}

uint64_t wecom_clicks_tick(struct wecom_link *link, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	QG_LIST_FOR_EACH (item, &link->clicks) {
		struct wecom_inbound *inbound = QG_CONTAINER(item, struct wecom_inbound, item);
		if (now >= inbound->due) {
			answer(link, inbound, "busy"); /* the store is slow; it still may have it */
		} else if (inbound->due < next) {
			next = inbound->due;
		}
	}
	return next;
}

/* The ids are void; what is on its way to the store goes on. */
void wecom_clicks_drop(struct wecom_link *link)
{
	while (!qg_list_is_empty(&link->clicks)) {
		qg_list_remove(link->clicks.next);
	}
}
