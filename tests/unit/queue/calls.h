/* calls.h - calls to models over the fixture's queue: made, opened, closed, and what they left in the book. */
#ifndef TESTS_UNIT_QUEUE_CALLS_H
#define TESTS_UNIT_QUEUE_CALLS_H

#include "fixture.h"
#include "qg/ledger.h"

#define DAY "20231114"
#define CHAT_COUNTER "$" BOT ":chat_day:" CHAT ":" DAY ":CNY"
#define USER_COUNTER "$" BOT ":user_day:li:" DAY ":CNY"
#define CUSTOMER "acme"
#define CUSTOMER_COUNTER "$:customer_month:" CUSTOMER ":202311:CNY"

/* A call of 32 such letters: 1,000 tokens in and 200 out for 100 nano yuan, without reserves. */
struct qg_call call_of(char letter);
void reserve(struct qg_call *call, enum qg_limit limit, const char *whom, const char *period,
	int64_t amount, int64_t most);
/* Reserves 100 of the chat's day with such a limit. */
struct qg_call call_in_chat(char letter, int64_t most);
/* The conversation's pending entry, its batch taken. */
struct qg_entry begin_turn(struct qg_queue *queue, const char *message);

struct opening {
	bool came;
	enum qg_status status;
	enum qg_limit limit;
};
void opening_came(void *arg, enum qg_status status, enum qg_limit limit);
/* entry NULL: without a fence. */
struct opening open_call(
	struct qg_queue *queue, const struct qg_entry *entry, const struct qg_call *call);

struct near {
	enum qg_limit limit;
	char key[256];
	int64_t used, most;
};
struct closing {
	bool came;
	enum qg_status status;
	struct near near[QG_LIMITS];
	size_t count;
};
void closing_came(void *arg, enum qg_status status, const struct qg_near *near, size_t count);
/* What it was: 900 tokens in, 300 cached of them, 50 out; each reserve and the row are settled at cost. */
struct closing close_call(struct qg_queue *queue, const struct qg_call *call, int64_t cost);

/* Rows of the book, each parsed; free it. */
json_t *book(void);
/* Asserts what a counter holds; 0 also where there is none. */
void expect_counter(const char *key, int64_t amount);
void expect_sum(const char *scope, const char *figures);
struct qg_figures figures(const char *day);

#endif
