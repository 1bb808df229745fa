/* test_random.c - thousands of steps of several workers that do anything in any order, checked all the way.
 *
 * Each worker has a few turns under way and may at any step pull, take, end a turn in any way, fall silent, be taken
 * over from and go on as a zombie, or die and come back under a new name; any call may be sent a second time, at
 * once or much later. Messages are withdrawn, whether they wait or not. A model beside it (random.c) knows what was
 * accepted and what a script may answer. In the end all faults stop, the rest is worked off, and every message must have been answered
 * once, in order, or be a dead letter, or withdrawn.
 * Each run has its own seed, fixed so that a failure repeats. */
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

enum {
	STEPS = 4000,
	CHECK_EACH = 25,
	SENDERS = 2,
	PHASE = 500, /* steps with long mailboxes, then as many with short ones */
	LONG = 150,  /* below the ceiling of one mailbox */
	SHORT = 6,
};

enum end { DONE, FAILED, GIVEN };

static int reply_count, backlog;
static struct { /* a call that ended a turn, to be sent once more */
	struct qg_queue *queue;
	struct turn turn;
	enum end end;
} late;

/* ---- steps ---- */

static void step_put(int talk)
{
	char id[16], chat[8], sender[8];
	int number = message_count;
	if (number == MESSAGES || waiting() >= backlog) {
		return;
	}
	snprintf(id, sizeof(id), "m%d", number);
	snprintf(chat, sizeof(chat), "t%d", talk);
	snprintf(sender, sizeof(sender), "s%u", any(SENDERS));
	const char *text = any(8) == 0 ? "/help" : "hi";
	ck_assert_int_eq(PUT(.id = id, .chat = chat, .sender = sender, .text = text), QG_OK);
	messages[message_count++] = (struct message){.talk = talk};
	if (any(4) == 0) {
		ck_assert_int_eq(PUT(.id = id, .chat = chat, .sender = sender), QG_DUPLICATE);
	}
}

static void withdrawn(void *arg, enum qg_status status, const struct qg_message *message,
	const char *conversation)
{
	simple_answer(arg, status);
}

/* Whether it waits behind the batch in flight. */
static bool is_waiting(int number)
{
	char key[16];
	int place = 0;
	if (messages[number].ended) {
		return false;
	}
	for (int i = 0; i < number; i++) {
		place += messages[i].talk == messages[number].talk && !messages[i].ended ? 1 : 0;
	}
	snprintf(key, sizeof(key), "c:" BOT "/t%d", messages[number].talk);
	return place >= ask_int("HGET", key, "n", NULL);
}

static void step_withdraw(void)
{
	enum { LATELY = 12 };
	char id[16], chat[8];
	if (message_count == 0) {
		return;
	}
	unsigned lately = message_count < LATELY ? (unsigned)message_count : LATELY;
	int number = message_count - 1 - (int)any(lately);
	struct message *message = &messages[number];
	snprintf(id, sizeof(id), "m%d", number);
	snprintf(chat, sizeof(chat), "t%d", message->talk);
	message->withdrawn = message->withdrawn || is_waiting(number);
	message->ended = message->ended || message->withdrawn;
	for (unsigned times = 1 + any(2); times > 0; times--) {
		struct simple simple = {0};
		const struct qg_withdrawal what = {
			.bot = BOT, .chat = chat, .message = id, .window_ms = 3600000};
		qg_queue_withdraw(ann, &what, withdrawn, &simple);
		ck_assert_int_eq(wait_simple(&simple), QG_OK);
	}
	ck_assert_int_eq(PUT(.id = id, .chat = chat), message->withdrawn ? QG_EMPTY : QG_DUPLICATE);
	ck_assert_int_eq(depth_of(BOT), waiting());
}

static void step_pull(struct worker *worker, bool lost)
{
	struct qg_entry entries[TURNS];
	size_t count = pull(worker->queue, 1 + any(TURNS), 1 + any(TURNS), NULL, entries);
	for (size_t i = 0; i < count; i++) {
		if (lost) { /* the answer never came */
			qg_entry_finish(&entries[i]);
		} else {
			begin(worker, &entries[i]);
		}
	}
}

/* A batch is the oldest messages of its conversation that have not ended, in order, of one sender. */
static void keep_batch(struct turn *turn, const struct qg_batch *batch)
{
	int number = -1;
	ck_assert(batch->count >= 1 && batch->count <= BATCH);
	ck_assert(turn->count == 0 || turn->count == (int)batch->count); /* repeatable */
	for (size_t i = 0; i < batch->count; i++) {
		number = next_of(talk_of(&turn->entry), number);
		ck_assert_int_eq(number_of(batch->messages[i]->id), number);
		ck_assert_str_eq(batch->messages[i]->sender, batch->messages[0]->sender);
		turn->ids[i] = number;
	}
	turn->count = (int)batch->count;
}

static void step_take(size_t number, struct turn *turn, bool deadly)
{
	struct worker *worker = &workers[number];
	struct qg_batch batch = {0};
	bool current = is_current(worker, turn);
	enum qg_status status = take(worker->queue, &turn->entry, &batch);
	note_dead(talk_of(&turn->entry));
	ck_assert_int_eq(status == QG_STALE, !current);
	if (status != QG_OK) {
		forget(turn);
		return;
	}
	keep_batch(turn, &batch);
	qg_batch_finish(&batch);
	if (deadly && is_poison(turn->ids[0])) {
		die(number);
	}
}

static struct qg_reply *reply_to(const struct turn *turn)
{
	char id[33];
	snprintf(id, sizeof(id), "%032x", (unsigned)++reply_count);
	struct qg_reply *reply =
		make_reply(id, turn->entry.conversation + strlen(BOT "/"), "answer");
	for (int i = 0; i < turn->count; i++) {
		snprintf(id, sizeof(id), "m%d", turn->ids[i]);
		json_array_append_new(reply->answers, json_string(id));
	}
	return reply;
}

static enum qg_status send_end(struct qg_queue *queue, const struct turn *turn, enum end end)
{
	if (end == FAILED) {
		return fail_turn(queue, &turn->entry, NULL, NULL);
	}
	if (end == GIVEN) {
		return give(queue, &turn->entry);
	}
	struct qg_reply *reply = reply_to(turn);
	struct qg_done what = {.replies = &reply, .reply_count = 1};
	enum qg_status status = done(queue, &turn->entry, &what);
	qg_reply_destroy(reply);
	return status;
}

/* Ends a turn. Its call is kept: it may come to Redis a second time, now or much later. */
static void step_end(struct worker *worker, struct turn *turn, enum end end)
{
	bool current = is_current(worker, turn);
	ck_assert_int_eq(send_end(worker->queue, turn, end), current ? QG_OK : QG_STALE);
	if (current && end == DONE) {
		for (int i = 0; i < turn->count; i++) {
			end_message(turn->ids[i]);
		}
	}
	note_dead(talk_of(&turn->entry));
	forget(&late.turn);
	late.queue = worker->queue;
	late.end = end;
	late.turn = *turn;
	*turn = (struct turn){0};
}

static void step_late(void)
{
	if (late.turn.on) {
		ck_assert_int_eq(send_end(late.queue, &late.turn, late.end), QG_STALE);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct qg_pending *)a)->entry.conversation,
		((const struct qg_pending *)b)->entry.conversation);
}

static void step_claim(struct worker *worker)
{
	struct qg_pending rows[64];
	struct qg_entry entry = {0};
	size_t count = pending(rows);
	qsort(rows, count, sizeof(rows[0]),
		by_name); /* Redis keeps no order: a failure must repeat */
	if (count > 0) {
		struct qg_pending *row = &rows[any((unsigned)count)];
		ck_assert_int_eq(claim(worker->queue, row, &entry), QG_OK);
		ck_assert_uint_eq(entry.try, row->entry.try + 1);
		ck_assert_int_eq(claim(worker->queue, row, NULL), QG_STALE);
		begin(worker, &entry);
	}
	for (size_t i = 0; i < count; i++) {
		qg_pending_finish(&rows[i]);
	}
}

static void step_turn(size_t number, struct turn *turn)
{
	struct worker *worker = &workers[number];
	if (turn->count == 0) {
		step_take(number, turn, true);
		return;
	}
	if (any(6) == 0) { /* the take again: what came meanwhile is not in it */
		step_put(talk_of(&turn->entry));
		step_take(number, turn, true);
		return;
	}
	switch (any(8)) {
	case 0:
		step_end(worker, turn, FAILED);
		break;
	case 1:
		step_end(worker, turn, GIVEN);
		break;
	case 2:
		ck_assert_int_eq(beat(worker->queue, &turn->entry),
			is_current(worker, turn) ? QG_OK : QG_STALE);
		break;
	case 3:
		ck_assert_int_eq(draft(worker->queue, &turn->entry, 1, "half"),
			is_current(worker, turn) ? QG_OK : QG_STALE);
		break;
	default:
		step_end(worker, turn, DONE);
		break;
	}
}

static struct turn *some_turn(struct worker *worker)
{
	unsigned first = any(TURNS);
	for (unsigned i = 0; i < TURNS; i++) {
		struct turn *turn = &worker->turns[(first + i) % TURNS];
		if (turn->on) {
			return turn;
		}
	}
	return NULL;
}

static void step(void)
{
	size_t number = any(WORKERS);
	struct worker *worker = &workers[number];
	struct turn *turn = some_turn(worker);
	unsigned what = any(200);
	if (what < 50) {
		step_put((int)any(TALKS));
	} else if (what < 80) {
		step_pull(worker, any(10) == 0);
	} else if (what < 87) {
		step_claim(worker);
	} else if (what < 97) {
		due(any(4) == 0 ? NOW : NOW + 1000);
	} else if (what < 103) {
		step_late();
	} else if (what < 104) {
		die(number);
	} else if (what < 105) {
		qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	} else if (what < 117) {
		step_withdraw();
	} else if (turn != NULL) {
		step_turn(number, turn);
	}
}

/* ---- the end ---- */

static void run_turns(size_t number)
{
	for (size_t t = 0; t < TURNS; t++) {
		struct turn *turn = &workers[number].turns[t];
		if (turn->on) {
			step_take(number, turn, false);
		}
		if (turn->on) {
			step_end(&workers[number], turn, DONE);
		}
	}
}

/* Faults stop, and one worker works off what is left. */
static void work_off(void)
{
	for (size_t i = 0; i < WORKERS; i++) {
		die(i);
	}
	for (int round = 0; waiting() > 0; round++) {
		ck_assert_msg(round < MESSAGES, "%d messages wait for ever", waiting());
		due(NOW + 1000);
		step_pull(&workers[0], false);
		run_turns(0);
		step_claim(&workers[0]);
		run_turns(0);
	}
}

/* Counts the answers to each message, and asserts that those of a chat stand in order of acceptance. */
static void count_answers(int *ends)
{
	for (int talk = 0; talk < TALKS; talk++) {
		char key[32];
		int last = -1;
		snprintf(key, sizeof(key), "o:" BOT ":t%d", talk);
		struct qg_redis_reply *list = ask("LRANGE", key, "0", "-1", NULL);
		for (size_t i = 0; i < list->count; i++) {
			struct qg_reply *reply =
				qg_reply_decode(list->items[i].text, list->items[i].size, NULL);
			ck_assert_ptr_nonnull(reply);
			size_t j;
			json_t *id;
			json_array_foreach (reply->answers, j, id) {
				int number = number_of(json_string_value(id));
				ck_assert_int_gt(number, last);
				ck_assert_int_eq(messages[number].talk, talk);
				last = number;
				ends[number]++;
			}
			qg_reply_destroy(reply);
		}
		qg_redis_reply_free(list);
	}
}

static void count_dead_letters(int *ends)
{
	struct qg_redis_reply *letters = ask("HVALS", "dead", NULL);
	for (size_t i = 0; i < letters->count; i++) {
		int64_t stored_at;
		json_t *letter = json_loads(letters->items[i].text, 0, NULL);
		const json_t *data = json_object_get(letter, "data");
		struct qg_message *message = qg_message_decode(
			json_string_value(data), json_string_length(data), &stored_at, NULL);
		ck_assert_ptr_nonnull(message);
		ends[number_of(message->id)]++;
		qg_message_destroy(message);
		json_decref(letter);
	}
	qg_redis_reply_free(letters);
}

static void forget_windows(void)
{
	char key[32];
	for (int i = 0; i < message_count; i++) {
		snprintf(key, sizeof(key), "d:" BOT ":m%d", i);
		ck_assert_int_gt(ask_int("PTTL", key, NULL), 0);
		qg_redis_reply_free(ask("DEL", key, NULL));
	}
}

static const uint64_t seeds[] = {1, 20240229, 0xfeedface, 0x9e3779b97f4a7c15};

START_TEST(anything_in_any_order)
{
	static int ends[MESSAGES];
	seed(seeds[_i]);
	for (size_t i = 0; i < WORKERS; i++) {
		live(i);
	}
	for (int i = 0; i < STEPS; i++) {
		backlog = i / PHASE % 2 == 0 ? LONG : SHORT;
		step();
		if (i % CHECK_EACH == 0) {
			check_all();
		}
	}
	work_off();
	check_all();
	count_answers(ends);
	count_dead_letters(ends);
	int taken_back = 0;
	for (int i = 0; i < message_count; i++) {
		taken_back += messages[i].withdrawn ? 1 : 0;
		ck_assert_msg(
			ends[i] + messages[i].withdrawn == 1, "m%d ended %d times", i, ends[i]);
	}
	ck_assert_int_gt(taken_back, 20);
	ck_assert_int_gt(message_count, STEPS / 20);
	ck_assert_int_gt(ask_int("HLEN", "dead", NULL), 0);

	ck_assert_int_eq(adopt(BOT, 1), QG_OK);
	ck_assert_uint_gt(land_all(1), 0);
	forget_windows();
	qg_redis_reply_free(ask("DEL", "dead", NULL));
	expect_nothing_left();
	forget(&late.turn);
	end_lives();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("random");
	fixture_add(tcase);
	tcase_add_loop_test(tcase, anything_in_any_order, 0, sizeof(seeds) / sizeof(seeds[0]));
	Suite *suite = suite_create("queue/random");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
