/* outs.c - replies that send() took: which are on their way, which ended, and which there was no memory to try. */
#include "outs.h"

#include "qg/message.h"

void qg_outs_init(struct qg_outs *outs, void (*drop)(struct qg_out *out))
{
	qg_list_init(&outs->list);
	outs->drop = drop;
	outs->spare_count = 0;
}

static void drop(struct qg_outs *outs, struct qg_out *out)
{
	qg_list_remove(&out->link);
	out->reply = NULL;
	outs->drop(out);
}

void qg_outs_finish(struct qg_outs *outs)
{
	while (!qg_list_is_empty(&outs->list)) {
		struct qg_out *out = QG_CONTAINER(outs->list.next, struct qg_out, link);
		struct qg_reply *reply = out->reply;
		drop(outs, out);
		qg_reply_destroy(reply);
	}
	while (outs->spare_count > 0) {
		qg_reply_destroy(outs->spare[--outs->spare_count]);
	}
}

void qg_outs_add(struct qg_outs *outs, struct qg_out *out, struct qg_reply *reply)
{
	*out = (struct qg_out){.reply = reply};
	qg_list_add(&outs->list, &out->link);
}

void qg_outs_add_spare(struct qg_outs *outs, struct qg_bot *bot, struct qg_reply *reply)
{
	if (outs->spare_count < QG_OUTS_SPARE) {
		outs->spare[outs->spare_count++] = reply;
	} else { /* nowhere left to put it: better early than lost */
		bot->host->sent(bot, reply, QG_NO_MEMORY, 0);
	}
}

struct qg_out *qg_outs_find(const struct qg_outs *outs, const struct qg_reply *reply)
{
	QG_LIST_FOR_EACH (item, &outs->list) {
		struct qg_out *out = QG_CONTAINER(item, struct qg_out, link);
		if (out->reply == reply && !out->ended) {
			return out;
		}
	}
	return NULL;
}

void qg_out_end(struct qg_out *out, enum qg_status status, unsigned retry_ms)
{
	out->ended = true;
	out->status = status;
	out->retry_ms = retry_ms;
}

void qg_outs_cancel(struct qg_outs *outs)
{
	QG_LIST_FOR_EACH (item, &outs->list) {
		struct qg_out *out = QG_CONTAINER(item, struct qg_out, link);
		if (!out->ended) {
			qg_out_end(out, QG_CANCELLED, 1);
		}
	}
}

bool qg_outs_is_empty(const struct qg_outs *outs)
{
	return qg_list_is_empty(&outs->list) && outs->spare_count == 0;
}

struct qg_out *qg_outs_ended(const struct qg_outs *outs)
{
	QG_LIST_FOR_EACH (item, &outs->list) {
		struct qg_out *out = QG_CONTAINER(item, struct qg_out, link);
		if (out->ended) {
			return out;
		}
	}
	return NULL;
}

bool qg_outs_is_due(const struct qg_outs *outs)
{
	return outs->spare_count > 0 || qg_outs_ended(outs);
}

/* Nothing is touched after the call of the host: all of it may be gone. */
void qg_outs_give_back(struct qg_outs *outs, struct qg_bot *bot)
{
	struct qg_out *out = qg_outs_ended(outs);
	if (out) {
		struct qg_out done = *out;
		drop(outs, out);
		bot->host->sent(bot, done.reply, done.status, done.retry_ms);
	} else {
		struct qg_reply *reply = outs->spare[--outs->spare_count];
		bot->host->sent(bot, reply, QG_NO_MEMORY, 0);
	}
}
