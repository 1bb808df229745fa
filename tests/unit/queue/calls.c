/* calls.c - calls to models made to wait for their answers. */
#include "calls.h"

#include <stdio.h>
#include <string.h>

#include "qg/json.h"

/* Stops the loop, as any answer does. */
static void stop(void)
{
	simple_answer(&(struct simple){0}, QG_OK);
}

struct qg_call call_of(char letter)
{
	struct qg_call call = {.at = NOW,
		.day = DAY,
		.provider = "deepseek",
		.model = "deepseek-flash",
		.key = "main/ab12",
		.bot = BOT,
		.chat = CHAT,
		.user = "li",
		.role = "restaurant",
		.price = {.currency = QG_CNY},
		.estimate = {.input = 1000, .output = 200},
		.cost = 100};
	memcpy(call.id, reply_id(letter), sizeof(call.id));
	return call;
}

void reserve(struct qg_call *call, enum qg_limit limit, const char *whom, const char *period,
	int64_t amount, int64_t most)
{
	struct qg_reserve *reserve = &call->reserves[call->reserve_count++];
	*reserve = (struct qg_reserve){
		.limit = limit, .currency = QG_CNY, .whom = whom, .amount = amount, .most = most};
	snprintf(reserve->period, sizeof(reserve->period), "%s", period);
}

struct qg_call call_in_chat(char letter, int64_t most)
{
	struct qg_call call = call_of(letter);
	reserve(&call, QG_LIMIT_CHAT_DAY, CHAT, DAY, 100, most);
	return call;
}

struct qg_entry begin_turn(struct qg_queue *queue, const char *message)
{
	ck_assert_int_eq(PUT(.id = message), QG_OK);
	struct qg_entry entry = pull_one(queue);
	ck_assert_int_eq(take(queue, &entry, NULL), QG_OK);
	return entry;
}

void opening_came(void *arg, enum qg_status status, enum qg_limit limit)
{
	struct opening *opening = arg;
	ck_assert(!opening->came);
	*opening = (struct opening){true, status, limit};
	stop();
}

struct opening open_call(
	struct qg_queue *queue, const struct qg_entry *entry, const struct qg_call *call)
{
	struct opening opening = {0};
	qg_ledger_open(queue, entry, call, opening_came, &opening);
	ck_assert_msg(!opening.came, "the callback came from inside the call");
	wait_for(&opening.came);
	return opening;
}

void closing_came(void *arg, enum qg_status status, const struct qg_near *near, size_t count)
{
	struct closing *closing = arg;
	ck_assert(!closing->came);
	ck_assert_uint_le(count, QG_LIMITS);
	*closing = (struct closing){.came = true, .status = status, .count = count};
	for (size_t i = 0; i < count; i++) {
		closing->near[i] = (struct near){
			.limit = near[i].limit, .used = near[i].used, .most = near[i].most};
		snprintf(closing->near[i].key, sizeof(closing->near[i].key), "%s", near[i].key);
	}
	stop();
}

struct closing close_call(struct qg_queue *queue, const struct qg_call *call, int64_t cost)
{
	struct closing closing = {0};
	struct qg_call settled = *call;
	struct qg_call_end end = {.tokens = {.input = 900, .cached_input = 300, .output = 50},
		.cost = cost,
		.first_ms = 400,
		.total_ms = 900};
	for (size_t i = 0; i < settled.reserve_count; i++) {
		settled.reserves[i].amount = cost;
	}
	qg_ledger_close(queue, &settled, &end, closing_came, &closing);
	ck_assert_msg(!closing.came, "the callback came from inside the call");
	wait_for(&closing.came);
	return closing;
}

json_t *book(void)
{
	json_t *rows = json_array();
	struct qg_redis_reply *stream = ask("XRANGE", "ledger", "-", "+", NULL);
	for (size_t i = 0; i < stream->count; i++) {
		const struct qg_redis_reply *text = &stream->items[i].items[1].items[1];
		json_t *row = qg_json_parse(text->text, text->size, NULL);
		ck_assert_ptr_nonnull(row);
		json_array_append_new(rows, row);
	}
	qg_redis_reply_free(stream);
	return rows;
}

void expect_counter(const char *key, int64_t amount)
{
	int64_t stands = ask_int("GET", key, NULL);
	ck_assert_msg(stands == amount, "%s is %lld, not %lld", key, (long long)stands,
		(long long)amount);
}

void expect_sum(const char *scope, const char *text)
{
	expect_text(text, "HGET", "sum:" BOT ":" DAY, scope, NULL);
}

struct answer {
	bool came;
	struct qg_figures figures;
};

static void figures_came(void *arg, enum qg_status status, const struct qg_figures *got)
{
	struct answer *answer = arg;
	ck_assert_int_eq(status, QG_OK);
	*answer = (struct answer){true, *got};
	stop();
}

struct qg_figures figures(const char *day)
{
	struct answer answer = {0};
	qg_ledger_figures(ann, BOT, CHAT, "li", day, figures_came, &answer);
	wait_for(&answer.came);
	return answer.figures;
}
