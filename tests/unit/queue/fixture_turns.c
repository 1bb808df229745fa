/* fixture_turns.c - messages put in and turns made of them, each call waited for. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

enum { MOST = 64 };

/* ---- in ---- */

static char *copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

const char *reply_id(char letter)
{
	static char ids[8][33];
	static size_t next;
	char *id = ids[next++ % 8];
	memset(id, letter, 32);
	id[32] = '\0';
	return id;
}

struct qg_reply *make_reply(const char *id, const char *chat, const char *text)
{
	struct qg_reply *reply = qg_reply_create();
	reply->id = copy(id);
	reply->bot = copy(BOT);
	reply->chat = copy(chat);
	reply->conversation = qg_str_printf(BOT "/%s", chat);
	reply->text = copy(text);
	reply->answers = json_array();
	reply->usage.model = copy("offline");
	reply->usage.cost = copy("{\"CNY\":0}");
	return reply;
}

enum qg_status put(const struct put *p)
{
	struct simple simple = {0};
	const char *bot = p->bot != NULL ? p->bot : BOT;
	const char *chat = p->chat != NULL ? p->chat : CHAT;
	char *name =
		p->conversation != NULL ? copy(p->conversation) : qg_str_printf("%s/%s", bot, chat);
	struct qg_message *message = qg_message_create();
	message->id = copy(p->id);
	message->kind = p->kind;
	message->chat = copy(chat);
	message->thread = copy(p->thread);
	message->sender = copy(p->sender != NULL ? p->sender : "li");
	message->text = copy(p->text != NULL ? p->text : "hi");
	message->feed_event = copy(p->event);
	struct qg_reply *refusal = p->refusal != NULL ? make_reply(p->refusal, chat, "full") : NULL;
	struct qg_ingest ingest = {.bot = bot,
		.conversation = name,
		.message = message,
		.window_ms = p->window_ms > 0 ? p->window_ms : 3600000,
		.selected = !p->unselected,
		.now = p->now != 0 ? p->now : NOW,
		.refusal = refusal};
	qg_queue_ingest(ann, &ingest, simple_answer, &simple);
	qg_message_destroy(message);
	qg_reply_destroy(refusal);
	free(name);
	return wait_simple(&simple);
}

/* ---- turns ---- */

struct entries {
	bool came;
	enum qg_status status;
	struct qg_entry *out;
	size_t count;
};

static void entries_came(void *arg, enum qg_status status, struct qg_entry *entries, size_t count)
{
	struct entries *came = arg;
	came->came = true;
	came->status = status;
	came->count = count;
	for (size_t i = 0; i < count && came->out != NULL; i++) {
		came->out[i] = entries[i];
		entries[i] = (struct qg_entry){0};
	}
	wake();
}

size_t pull(struct qg_queue *queue, unsigned most, unsigned each, const char *const *skip,
	struct qg_entry *entries_out)
{
	struct entries came = {.out = entries_out};
	qg_queue_pull(queue, 0, most, each, skip, entries_came, &came);
	wait_for(&came.came);
	ck_assert_int_eq(came.status, QG_OK);
	return came.count;
}

struct qg_entry pull_one(struct qg_queue *queue)
{
	struct qg_entry entries[MOST] = {0};
	ck_assert_uint_eq(pull(queue, MOST, MOST, NULL, entries), 1);
	return entries[0];
}

void expect_no_entry(struct qg_queue *queue)
{
	struct qg_entry entries[MOST];
	ck_assert_uint_eq(pull(queue, MOST, MOST, NULL, entries), 0);
}

struct batch {
	bool came;
	enum qg_status status;
	struct qg_batch *out;
};

static void batch_came(void *arg, enum qg_status status, struct qg_batch *batch)
{
	struct batch *came = arg;
	came->came = true;
	came->status = status;
	if (status == QG_OK && came->out != NULL) {
		*came->out = *batch;
		*batch = (struct qg_batch){0};
	}
	wake();
}

enum qg_status take(
	struct qg_queue *queue, const struct qg_entry *entry, struct qg_batch *batch_out)
{
	struct batch came = {.out = batch_out};
	qg_queue_take(queue, entry, batch_came, &came);
	wait_for(&came.came);
	return came.status;
}

void expect_batch(struct qg_queue *queue, const struct qg_entry *entry, const char *ids)
{
	struct qg_batch batch = {0};
	char joined[1024] = "";
	ck_assert_int_eq(take(queue, entry, &batch), QG_OK);
	for (size_t i = 0; i < batch.count; i++) {
		size_t used = strlen(joined);
		snprintf(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? " " : "",
			batch.messages[i]->id);
	}
	ck_assert_str_eq(joined, ids);
	qg_batch_finish(&batch);
}

enum qg_status done(
	struct qg_queue *queue, const struct qg_entry *entry, const struct qg_done *what)
{
	struct simple simple = {0};
	qg_queue_done(queue, entry, what, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status answer(struct qg_queue *queue, const struct qg_entry *entry, const char *id)
{
	struct qg_reply *reply =
		id != NULL ? make_reply(id, entry->conversation + strlen(entry->bot) + 1, "answer")
			   : NULL;
	enum qg_status status =
		done(queue, entry, &(struct qg_done){.replies = &reply, .reply_count = id != NULL});
	qg_reply_destroy(reply);
	return status;
}

enum qg_status fail_turn(struct qg_queue *queue, const struct qg_entry *entry, const char *apology,
	const char *notice)
{
	struct simple simple = {0};
	struct qg_reply *sorry = apology != NULL ? make_reply(apology, CHAT, "sorry") : NULL;
	struct qg_reply *gave_up = notice != NULL ? make_reply(notice, CHAT, "gave up") : NULL;
	qg_queue_fail(queue, entry, "broken", NOW + 1000, sorry, gave_up, simple_answer, &simple);
	qg_reply_destroy(sorry);
	qg_reply_destroy(gave_up);
	return wait_simple(&simple);
}

enum qg_status give(struct qg_queue *queue, const struct qg_entry *entry)
{
	struct simple simple = {0};
	qg_queue_give_back(queue, entry, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status beat(struct qg_queue *queue, const struct qg_entry *entry)
{
	struct simple simple = {0};
	qg_queue_beat(queue, entry, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status draft(
	struct qg_queue *queue, const struct qg_entry *entry, int64_t sequence, const char *text)
{
	struct simple simple = {0};
	json_t *answers = json_pack("[s]", "m1");
	struct qg_draft snapshot = {.reply = reply_id('d'),
		.bot = BOT,
		.chat = entry->conversation + strlen(entry->bot) + 1,
		.conversation = entry->conversation,
		.answers = answers,
		.sequence = sequence,
		.text = text};
	qg_queue_draft(queue, entry, &snapshot, simple_answer, &simple);
	json_decref(answers);
	return wait_simple(&simple);
}

struct rows {
	bool came;
	struct qg_pending *out;
	size_t count;
};

static void rows_came(void *arg, enum qg_status status, struct qg_pending *rows, size_t count)
{
	struct rows *came = arg;
	ck_assert_int_eq(status, QG_OK);
	ck_assert_uint_le(count, MOST);
	came->came = true;
	came->count = count;
	for (size_t i = 0; i < count; i++) {
		came->out[i] = rows[i];
		rows[i] = (struct qg_pending){0};
	}
	wake();
}

size_t pending(struct qg_pending *rows_out)
{
	struct rows came = {.out = rows_out};
	qg_queue_pending(ann, 0, rows_came, &came);
	wait_for(&came.came);
	return came.count;
}

struct qg_pending pending_of(const char *conversation)
{
	struct qg_pending rows[MOST], found = {0};
	size_t count = pending(rows);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].entry.conversation, conversation) == 0) {
			found = rows[i];
		} else {
			qg_pending_finish(&rows[i]);
		}
	}
	ck_assert_msg(found.owner != NULL, "%s is not pending", conversation);
	return found;
}

enum qg_status claim(
	struct qg_queue *queue, const struct qg_pending *seen, struct qg_entry *entry_out)
{
	struct entries came = {.out = entry_out};
	qg_queue_claim(queue, seen, entries_came, &came);
	wait_for(&came.came);
	ck_assert_uint_eq(came.count, came.status == QG_OK ? 1 : 0);
	return came.status;
}

struct qg_entry claim_now(struct qg_queue *queue, const char *conversation)
{
	struct qg_pending seen = pending_of(conversation);
	struct qg_entry entry = {0};
	ck_assert_int_eq(claim(queue, &seen, &entry), QG_OK);
	qg_pending_finish(&seen);
	return entry;
}

struct moved {
	bool came;
	size_t count;
};

static void moved(void *arg, enum qg_status status, size_t count)
{
	struct moved *came = arg;
	ck_assert_int_eq(status, QG_OK);
	came->came = true;
	came->count = count;
	wake();
}

size_t due(int64_t now)
{
	struct moved came = {0};
	qg_queue_due(ann, 0, now, moved, &came);
	wait_for(&came.came);
	return came.count;
}
