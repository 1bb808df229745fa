/* test_complete.c - messages that point to others are completed by their platform before the turn begins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"
#include "told.h"

/* ---- the platform ---- */

enum { ASKED_MOST = 8 };

static struct asked {
	struct qg_bot *bot;
	struct qg_message *message;
	void (*fn)(void *arg, enum qg_status status);
	void *arg;
	bool live;
} asked[ASKED_MOST];
static size_t asked_count, forgotten;
static bool has_limit;

static enum qg_status told_init(struct qg_bot *bot)
{
	return QG_OK;
}

static void told_finish(struct qg_bot *bot)
{
	for (size_t i = 0; i < asked_count; i++) {
		ck_assert(!asked[i].live || asked[i].bot != bot);
	}
}

static void lift_limit(void *arg)
{
	QG_LIST_FOR_EACH (item, &((struct qg_worker *)arg)->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (!qg_list_is_empty(&job->completions)) { /* else it is what begins the turn */
			qg_timer_stop(job->complete_timer);
		}
	}
}

static void told_complete(struct qg_bot *bot, struct qg_message *message,
	void (*fn)(void *arg, enum qg_status status), void *arg)
{
	ck_assert_uint_lt(asked_count, ASKED_MOST);
	asked[asked_count++] = (struct asked){bot, message, fn, arg, true};
	if (!has_limit) { /* it begins once all are asked */
		struct node *asks = ben.worker != NULL ? &ben : &ann;
		ck_assert_int_eq(qg_loop_defer(loop, lift_limit, asks->worker), QG_OK);
	}
}

static void told_forget(struct qg_bot *bot, void *arg)
{
	for (size_t i = 0; i < asked_count; i++) {
		if (asked[i].live && asked[i].arg == arg) {
			asked[i].live = false;
			forgotten++;
			return;
		}
	}
	ck_abort_msg("nobody asked");
}

static void told_send(struct qg_bot *bot, struct qg_reply *reply)
{
	ck_abort_msg("never started");
}

static struct qg_adapter platform;

static void give(size_t index, const char *quote)
{
	struct asked *one = &asked[index];
	ck_assert(one->live);
	one->live = false;
	json_array_clear(one->message->attachments);
	one->message->quote = qg_str_copy(quote);
	one->fn(one->arg, quote ? QG_OK : QG_NOT_FOUND);
}

static void store_pointing(const char *id, const char *type)
{
	char key[16];
	snprintf(key, sizeof(key), "%s-key", id);
	store_attached(BOT, "c1", id, json_pack("[{s:s, s:s}]", "type", type, "key", key));
}

static bool is_asked(void *arg)
{
	return asked_count >= *(size_t *)arg;
}

static void wait_asked(size_t count)
{
	wait_until(is_asked, &count);
	ck_assert_uint_eq(asked_count, count);
}

static void begin(void)
{
	struct qg_bot_config bot = a_bot(BOT, "1");
	bot.platform = "told";
	asked_count = forgotten = 0;
	platform = (struct qg_adapter){.name = "told",
		.state_size = 1,
		.init = told_init,
		.send = told_send,
		.finish = told_finish,
		.complete = told_complete,
		.media_forget = told_forget};
	told_adapter = &platform;
	config_bots(&bot, NULL);
}

START_TEST(a_turn_waits_for_its_quotes)
{
	begin();
	store_pointing("m1", "quote");
	store(BOT, "c1", "m2", "and?");
	store_pointing("m3", "forward");
	node_start(&ann, "ann");
	wait_asked(2);
	ck_assert_uint_eq(turn_count, 0);
	give(1, "what they said");
	run_looks();
	ck_assert_uint_eq(turn_count, 0);
	give(0, NULL);
	wait_turns(1);
	ck_assert_str_eq(turns[0].quotes, "what they said");
	ck_assert_uint_eq(turns[0].attachments, 0);
	ck_assert_uint_eq(forgotten, 0);
	turn_answer(0, "so");
	wait_replies("c1", 1);
}
END_TEST

/* The adapter has a limit of its own; whatever it does, the turn begins. */
START_TEST(a_turn_does_not_wait_long)
{
	begin();
	has_limit = true;
	store_pointing("m1", "quote");
	node_start(&ann, "ann");
	wait_asked(1);
	wait_turns(1);
	ck_assert_uint_eq(forgotten, 1);
	ck_assert_uint_eq(turns[0].attachments, 0);
}
END_TEST

START_TEST(without_a_way_to_ask_it_begins_at_once)
{
	begin();
	platform.complete = NULL;
	store_pointing("m1", "quote");
	node_start(&ann, "ann");
	wait_turns(1);
	ck_assert_uint_eq(turns[0].attachments, 0);
}
END_TEST

/* What was asked for is forgotten, and the next to have the batch asks again. */
START_TEST(a_drain_gives_it_back)
{
	begin();
	store_pointing("m1", "quote");
	node_start(&ann, "ann");
	wait_asked(1);
	node_drain(&ann, 0);
	ck_assert_uint_eq(forgotten, 1);
	node_start(&ben, "ben");
	wait_asked(2);
	give(1, "again");
	wait_turns(1);
	ck_assert_str_eq(turns[0].quotes, "again");
}
END_TEST

/* A wait is no silence: its beats go on. */
START_TEST(nobody_takes_over_meanwhile)
{
	begin();
	has_limit = true;
	store_pointing("m1", "quote");
	node_start(&ann, "ann");
	wait_asked(1);
	node_start(&ben, "ben");
	wait_turns(1);
	ck_assert_uint_eq(asked_count, 1);
	ck_assert_uint_eq(turn_count, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("complete");
	TCase *tests = tcase_create("complete");
	fixture_add(tests);
	tcase_add_test(tests, a_turn_waits_for_its_quotes);
	tcase_add_test(tests, a_turn_does_not_wait_long);
	tcase_add_test(tests, without_a_way_to_ask_it_begins_at_once);
	tcase_add_test(tests, a_drain_gives_it_back);
	tcase_add_test(tests, nobody_takes_over_meanwhile);
	suite_add_tcase(suite, tests);
	return fixture_run(suite);
}
