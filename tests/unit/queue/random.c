/* random.c - see random.h: the workers of test_random.c, and the model that stands beside them. */
#include "random.h"

#include <stdio.h>
#include <string.h>

#include "qg/str.h"

struct worker workers[WORKERS];
struct message messages[MESSAGES];
int message_count;
static struct qg_queue *queues[LIVES]; /* of all lives: late calls still name them */
static size_t queue_count;
static int64_t dead_count;
static uint64_t state;

void seed(uint64_t number)
{
	state = number;
}

/* xorshift64*: the same on every machine. */
unsigned any(unsigned below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * UINT64_C(2685821657736338717)) >> 33) % below;
}

int talk_of(const struct qg_entry *entry)
{
	return entry->conversation[strlen(BOT "/t")] - '0';
}

int number_of(const char *id)
{
	int64_t number;
	ck_assert(id[0] == 'm' && qg_str_to_int64(id + 1, 0, message_count - 1, &number));
	return (int)number;
}

bool is_poison(int number)
{
	return number % 60 == 7;
}

/* ---- the workers ---- */

void live(size_t number)
{
	char name[32];
	struct worker *worker = &workers[number];
	snprintf(name, sizeof(name), "w%zu.%d", number, ++worker->life);
	ck_assert_uint_lt(queue_count, LIVES);
	worker->queue = consumer(name);
	queues[queue_count++] = worker->queue;
}

void forget(struct turn *turn)
{
	qg_entry_finish(&turn->entry);
	*turn = (struct turn){0};
}

void die(size_t number)
{
	for (size_t t = 0; t < TURNS; t++) {
		forget(&workers[number].turns[t]);
	}
	live(number);
}

void begin(struct worker *worker, struct qg_entry *entry)
{
	for (size_t t = 0; t < TURNS; t++) {
		if (!worker->turns[t].on) {
			worker->turns[t] = (struct turn){.on = true, .entry = *entry};
			return;
		}
	}
	qg_entry_finish(entry);
}

bool is_current(const struct worker *worker, const struct turn *turn)
{
	char key[64], id[24], try[24];
	snprintf(key, sizeof(key), "c:%s", turn->entry.conversation);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)turn->entry.id);
	snprintf(try, sizeof(try), "%u", turn->entry.try);
	struct qg_redis_reply *row = ask("HMGET", key, "id", "state", "own", "try", NULL);
	bool same = qg_str_equal(row->items[0].text, id) && qg_str_equal(row->items[1].text, "P") &&
		    qg_str_equal(row->items[2].text, qg_queue_consumer(worker->queue)) &&
		    qg_str_equal(row->items[3].text, try);
	qg_redis_reply_free(row);
	return same;
}

/* ---- what the model knows ---- */

void end_message(int number)
{
	ck_assert_msg(!messages[number].ended, "m%d ended twice", number);
	messages[number].ended = true;
}

int next_of(int talk, int after)
{
	for (int i = after + 1; i < message_count; i++) {
		if (messages[i].talk == talk && !messages[i].ended) {
			return i;
		}
	}
	return -1;
}

void note_dead(int talk)
{
	int64_t now = ask_int("HLEN", "dead", NULL);
	for (; dead_count < now; dead_count++) {
		end_message(next_of(talk, -1));
	}
}

int waiting(void)
{
	int count = 0;
	for (int i = 0; i < message_count; i++) {
		count += messages[i].ended ? 0 : 1;
	}
	return count;
}

void check_all(void)
{
	struct qg_pending rows[64];
	size_t count = pending(rows);
	ck_assert_uint_le(count, TALKS);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			ck_assert_str_ne(rows[i].entry.conversation, rows[j].entry.conversation);
		}
	}
	for (size_t i = 0; i < count; i++) {
		qg_pending_finish(&rows[i]);
	}
	ck_assert_int_eq(depth_of(BOT), waiting());
	expect_sound();
}

void end_lives(void)
{
	for (size_t i = 0; i < WORKERS; i++) {
		for (size_t t = 0; t < TURNS; t++) {
			forget(&workers[i].turns[t]);
		}
	}
	while (queue_count > 0) {
		qg_queue_destroy(queues[--queue_count]);
	}
}
