/* fixture.h - a queue over a Redis of the tests' own, its calls made to wait for their answers.
 *
 * One server serves all tests of a program; each test begins with an empty database. ann and ben are consumers of
 * two processes, over one connection. All bots below stand in the one partition. */
#ifndef TESTS_UNIT_QUEUE_FIXTURE_H
#define TESTS_UNIT_QUEUE_FIXTURE_H

#include <check.h>

#include "qg/queue.h"
#include "redis_world.h"

#define BOT "shop"
#define CHAT "room"
#define TALK BOT "/" CHAT /* the conversation of most tests */
#define NOW INT64_C(1700000000000)

extern struct qg_redis *redis;
extern struct qg_queue *ann, *ben;

/* The server for the case, a clean database and both consumers for each test. */
void fixture_add(TCase *tcase);
/* Runs one program of one case; 0 where all passed. */
int fixture_run(Suite *suite);
/* A further consumer over the same connection; destroy it. */
struct qg_queue *consumer(const char *name);

/* ---- looking into Redis; keys are written without the partition's prefix ---- */

/* The answer to a command whose second word is a key; the words end with NULL. Free it. */
struct qg_redis_reply *ask(const char *verb, const char *key, ...) __attribute__((sentinel));
/* Asserts that a string answer is text; NULL: nil. */
void expect_text(const char *text, const char *verb, const char *key, ...)
	__attribute__((sentinel));
/* Waiting messages as counted. */
int64_t depth_of(const char *bot);
/* The admin script's check of all conversations and of the depth finds nothing. */
void expect_sound(void);
/* Nothing waits in this conversation, and nobody is to look at it. */
void expect_nothing_of(const char *conversation);
/* Waits until all dedupe keys have expired: for windows of a millisecond. */
void wait_for_windows(void);
/* Nothing of any conversation is left, only what is bounded: counters, histories and states that expire. */
void expect_nothing_left(void);

/* ---- in ---- */

struct put { /* what is not set: BOT, CHAT, TALK of bot and chat, sender "li", text "hi", an hour, NOW */
	const char *bot, *chat, *conversation, *id, *sender, *thread, *text, *event;
	const char *refusal; /* id of the refusal to send along */
	enum qg_message_kind kind;
	unsigned window_ms;
	bool unselected;
	int64_t now;
};
enum qg_status put(const struct put *put);
#define PUT(...) put(&(struct put){__VA_ARGS__})
/* 32 hex digits of one letter, as a reply's id; a few such live at a time. */
const char *reply_id(char letter);
/* A reply in a chat of BOT, with the least that is needed. */
struct qg_reply *make_reply(const char *id, const char *chat, const char *text);

/* ---- turns ---- */

size_t pull(struct qg_queue *queue, unsigned most, unsigned each, const char *const *skip,
	struct qg_entry *entries_out);
/* The one entry there is. */
struct qg_entry pull_one(struct qg_queue *queue);
void expect_no_entry(struct qg_queue *queue);
enum qg_status take(
	struct qg_queue *queue, const struct qg_entry *entry, struct qg_batch *batch_out);
/* Takes, and asserts that the ids of the batch, joined by blanks, are these. */
void expect_batch(struct qg_queue *queue, const struct qg_entry *entry, const char *ids);
enum qg_status done(
	struct qg_queue *queue, const struct qg_entry *entry, const struct qg_done *done);
/* Done with one reply, or with none where id is NULL. */
enum qg_status answer(struct qg_queue *queue, const struct qg_entry *entry, const char *id);
enum qg_status fail_turn(struct qg_queue *queue, const struct qg_entry *entry, const char *apology,
	const char *notice);
enum qg_status give(struct qg_queue *queue, const struct qg_entry *entry);
enum qg_status beat(struct qg_queue *queue, const struct qg_entry *entry);
enum qg_status draft(
	struct qg_queue *queue, const struct qg_entry *entry, int64_t sequence, const char *text);
/* Pending rows, at most 64; finish each. */
size_t pending(struct qg_pending *rows_out);
/* The pending row of a conversation; asserts that there is one. */
struct qg_pending pending_of(const char *conversation);
enum qg_status claim(
	struct qg_queue *queue, const struct qg_pending *seen, struct qg_entry *entry_out);
/* Sees the conversation's entry and takes it over. */
struct qg_entry claim_now(struct qg_queue *queue, const char *conversation);
size_t due(int64_t now);

/* ---- out ---- */

enum qg_status adopt(const char *bot, uint64_t epoch);
enum qg_status adopt_over(const char *bot, const char *link, uint64_t epoch, uint64_t *fence_out);
/* Heads of BOT, at most 64; finish each. */
enum qg_status heads(uint64_t epoch, int64_t now, unsigned most, struct qg_head *heads_out,
	size_t *count_out, int64_t *next_out);
/* The same, of a sender that has some chats under way. */
enum qg_status heads_beside(uint64_t epoch, int64_t now, unsigned most,
	const char *const *under_way, size_t under_way_count, struct qg_head *heads_out,
	size_t *count_out, int64_t *next_out);
/* "chat:first letter of the id chat:..." of the heads due at NOW under that epoch. */
void expect_heads(uint64_t epoch, const char *words);
enum qg_status start(const struct qg_part *part, const char *parts);
enum qg_status land(const struct qg_part *part, bool last);
enum qg_status put_off(const struct qg_part *part, int64_t until, unsigned attempts);
enum qg_status bury(const struct qg_part *part, const char *reason);
/* Lands all heads, in one part each, until the out lists of BOT are empty; how many they were. */
size_t land_all(uint64_t epoch);

/* ---- any other call ---- */

/* Give simple_answer as the callback and &simple as its argument, then wait_simple(). */
struct simple {
	bool came;
	enum qg_status status;
};
void simple_answer(void *arg, enum qg_status status);
enum qg_status wait_simple(struct simple *simple);
/* Runs the loop until *came; who sets it calls wake(). */
void wait_for(const bool *came);
void wake(void);

#endif
