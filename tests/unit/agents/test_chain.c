/* test_chain.c - whom a question goes to: failures by their class, retries, parked keys, what is booked, cancels. */
#include <string.h>

#include "asking.h"
#include "main.h"
#include "qg/clock.h"
#include "qg/metrics.h"

#define GOOD(words) FAKE_GOOD(words)
#define END(i) (&asking.desk.ends[i])

static void stop(void *arg)
{
	qg_loop_stop(asking.world.loop);
}

/* Runs the loop until nothing is ready any more but timers to come: so many turns, however long they take. */
static void settle(void)
{
	for (unsigned i = 0; i < 40; i++) {
		struct qg_timer *timer = qg_timer_create(asking.world.loop, stop, NULL);
		qg_timer_start(timer, i % 10 == 0 ? 1 : 0);
		qg_loop_run(asking.world.loop);
		qg_timer_destroy(timer);
	}
}

/* ---- what is booked ---- */

START_TEST(an_answer_is_booked_as_reported)
{
	FAKE_ADD("a", 2, GOOD("yes"));
	asking.world.bot->limits.chat_day = 1000000000;
	asking_run();
	ck_assert_int_eq(asking.status, QG_OK);
	ck_assert_str_eq(asking.text, "yes");
	ck_assert_str_eq(asking.who, "a");
	ck_assert_uint_eq(asking.desk.closed, 1);
	ck_assert_int_eq(END(0)->tokens.input, 80);
	ck_assert_int_eq(END(0)->tokens.output, 20);
	ck_assert(!END(0)->estimated);
	ck_assert_str_eq(END(0)->failed, "");
	ck_assert_int_eq(END(0)->cost, 100 * 2000);
	ck_assert_int_eq(END(0)->reserved, (TOKENS + 50) * 2000);
	ck_assert_int_eq(END(0)->settled, 100 * 2000);
	ck_assert_int_eq(asking.bill.cost[QG_CNY], 100 * 2000);
	ck_assert_int_eq(asking.bill.tokens.input, 80);
	ck_assert(!asking.bill.estimated);
}
END_TEST

START_TEST(without_usage_the_estimate_is_booked)
{
	FAKE_ADD("a", 2, {.text = "12345678"});
	asking_run();
	ck_assert(END(0)->estimated);
	ck_assert_int_eq(END(0)->tokens.input, TOKENS);
	ck_assert_int_eq(END(0)->tokens.output, 4); /* half a token a digit */
	ck_assert(asking.bill.estimated);
}
END_TEST

START_TEST(thoughts_belong_to_the_estimate)
{
	FAKE_ADD("a", 2, {.text = "0123456789", .tokens = {.reasoning = 30}});
	asking_run();
	ck_assert_int_eq(END(0)->tokens.output, 35);
	ck_assert_int_eq(END(0)->tokens.reasoning, 30);
	ck_assert(END(0)->estimated);
}
END_TEST

START_TEST(a_failure_is_booked_as_far_as_it_may_be_charged)
{
	static const struct {
		struct fake_step step;
		int64_t input, output;
		const char *word;
	} cases[] = {
		{{.error = QG_MODEL_TIMEOUT}, TOKENS, 0, "timeout"},
		{{.error = QG_MODEL_TIMEOUT, .unsent = true}, 0, 0, "timeout"},
		{{.error = QG_MODEL_TRANSPORT}, TOKENS, 0, "transport"},
		{{.error = QG_MODEL_RATE}, 0, 0, "rate"}, {{.error = QG_MODEL_AUTH}, 0, 0, "auth"},
		{{.error = QG_MODEL_REQUEST}, 0, 0, "request"},
		{{.error = QG_MODEL_TRANSPORT, .text = "1234"}, TOKENS, 2, "transport"},
		{{.error = QG_MODEL_SERVER, .has_usage = true, .tokens = {.input = 7}}, 7, 0,
			"server"},
		{{.refuses = true}, 0, 0, "server"},
		{{.text = NULL}, TOKENS, 0, "server"}, /* an answer without a word */
	};
	fake_add(&asking.world, "a", 2, PRICE, 1, &cases[_i].step);
	asking_run();
	ck_assert_str_eq(END(0)->failed, cases[_i].word);
	ck_assert_int_eq(END(0)->tokens.input, cases[_i].input);
	ck_assert_int_eq(END(0)->tokens.output, cases[_i].output);
	ck_assert_uint_eq(asking.desk.opened, asking.desk.closed);
}
END_TEST

START_TEST(experience_corrects_the_estimate)
{
	FAKE_ADD("a", 2, {.text = "x", .has_usage = true, .tokens = {.input = 50, .output = 1}});
	asking.world.bot->limits.chat_day = INT64_MAX;
	asking_run();
	ck_assert_int_eq(END(0)->reserved, (TOKENS + 50) * 2000);
	asking_run();
	ck_assert_int_eq(END(1)->reserved, (90 + 50) * 2000); /* 0.8 * 1 + 0.2 * 0.5 */
	for (int i = 0; i < 40; i++) {
		asking_run();
	}
	ck_assert_int_ge(END(41)->reserved, (50 + 50) * 2000);
	ck_assert_int_le(END(41)->reserved, (52 + 50) * 2000);
}
END_TEST

static int64_t counted(const char *labels)
{
	return qg_metric_value(qg_metric_counter("model_calls_total", labels, "?"));
}

START_TEST(the_metrics_show_calls)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_AUTH}, GOOD("a"));
	FAKE_ADD("\"b\\", 2, GOOD("b"));
	asking_run();
	struct qg_metric *shut = qg_metric_gauge("model_shut", "model=\"a\"", "?");
	ck_assert_int_eq(counted("outcome=\"auth\",model=\"a\""), 1);
	ck_assert_int_eq(counted("outcome=\"ok\",model=\"_b_\""), 1);
	ck_assert_int_eq(qg_metric_value(shut), 1);
	qg_clock_fix(WORLD_NOW, 1000000 + 15 * 60000);
	asking_run();
	ck_assert_int_eq(qg_metric_value(shut), 0);
	ck_assert_int_eq(qg_metric_value(qg_metric_counter(
				 "model_tokens_total", "kind=\"input\",model=\"a\"", "?")),
		80);
}
END_TEST

START_TEST(without_a_desk_nothing_is_booked)
{
	FAKE_ADD("a", 2, GOOD("yes"));
	asking.world.desk = NULL;
	asking_run();
	ck_assert_str_eq(asking.text, "yes");
	ck_assert_uint_eq(asking.desk.opened, 0);
	ck_assert_int_eq(asking.bill.cost[QG_CNY], 100 * 2000);
}
END_TEST

/* ---- failures nobody saw ---- */

START_TEST(each_class_goes_its_way)
{
	static const struct {
		enum qg_model_error error;
		size_t asked; /* how often the same endpoint is */
		const char *who;
	} cases[] = {
		{QG_MODEL_AUTH, 1, "b"},
		{QG_MODEL_PERMISSION, 1, "b"},
		{QG_MODEL_BALANCE, 1, "b"},
		{QG_MODEL_QUOTA, 1, "b"},
		{QG_MODEL_RATE, 2, "b"},
		{QG_MODEL_OVERLOAD, 2, "b"},
		{QG_MODEL_SERVER, 2, "b"},
		{QG_MODEL_TIMEOUT, 1, "b"},
		{QG_MODEL_TRANSPORT, 2, "b"},
		{QG_MODEL_CONTEXT, 1, "b"},
		{QG_MODEL_MODEL, 1, "b"},
		{QG_MODEL_FILTERED, 1, "offline"},
		{QG_MODEL_REQUEST, 1, "a"},
	};
	FAKE_ADD("a", 2, {.error = cases[_i].error});
	FAKE_ADD("b", 2, GOOD("b"));
	asking_run();
	ck_assert_uint_eq(fake_asked("a"), cases[_i].asked);
	ck_assert_str_eq(asking.who, cases[_i].who);
	ck_assert_uint_eq(fake_asked("b"), strcmp(cases[_i].who, "b") == 0);
	ck_assert_int_eq(asking.error == QG_MODEL_REQUEST, cases[_i].error == QG_MODEL_REQUEST);
	ck_assert_uint_eq(asking.bill.calls, asking.desk.opened);
}
END_TEST

START_TEST(the_second_try_may_answer)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_OVERLOAD}, GOOD("now"));
	FAKE_ADD("b", 2, GOOD("b"));
	asking_run();
	ck_assert_str_eq(asking.text, "now");
	ck_assert_uint_eq(asking.desk.closed, 2);
	ck_assert_str_eq(END(0)->failed, "overload");
}
END_TEST

/* A window too small for the history may hold the question; if it does not, others are asked so too. */
START_TEST(a_history_too_long_is_left_out)
{
	static const char messages[] = "{history},{question}";
	FAKE_ADD("a", 2, {.error = QG_MODEL_CONTEXT}, FAKE_GOOD("short"),
		{.error = QG_MODEL_CONTEXT});
	FAKE_ADD("b", 2, FAKE_GOOD("b"));
	asking.ask.messages = messages;
	asking.ask.messages_size = strlen(messages);
	asking.ask.history_size = strlen("{history},");
	asking.ask.history_tokens = 60;
	asking_run();
	ck_assert_str_eq(asking.text, "short");
	ck_assert_str_eq(fake_last.messages, "{question}");
	ck_assert_uint_eq(fake_last.messages_size, strlen("{question}"));
	ck_assert_int_eq(fake_last.tokens, TOKENS - 60);
	ck_assert_int_eq(asking.ask.tokens, TOKENS);
	asking_run();
	ck_assert_str_eq(asking.text, "b");
	ck_assert_str_eq(fake_last.messages, "{question}");
	ck_assert_uint_eq(fake_asked("a"), 4);
}
END_TEST

/* Who waited out a silence is not made to wait for another one there, unless nobody else is left. */
START_TEST(a_silence_is_not_waited_for_twice)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_TIMEOUT});
	FAKE_ADD("b", 2, {.error = QG_MODEL_TIMEOUT});
	asking_run();
	ck_assert_uint_eq(fake_asked("a"), 1);
	ck_assert_uint_eq(fake_asked("b"), 2);
	ck_assert_str_eq(asking.who, "offline");
}
END_TEST

START_TEST(four_calls_are_enough)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_SERVER});
	FAKE_ADD("b", 2, {.error = QG_MODEL_SERVER});
	FAKE_ADD("c", 2, GOOD("c"));
	asking_run();
	ck_assert_uint_eq(asking.desk.opened, 4);
	ck_assert_uint_eq(fake_asked("c"), 0);
	ck_assert_str_eq(asking.who, "offline");
	ck_assert(strlen(asking.text) > 0);
}
END_TEST

START_TEST(a_short_stated_wait_is_waited)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_RATE, .retry_after_ms = 20}, GOOD("a"));
	FAKE_ADD("b", 2, GOOD("b"));
	qg_clock_fix(-1, 0);
	uint64_t before = qg_clock_mono();
	asking_run();
	ck_assert_str_eq(asking.text, "a");
	ck_assert_uint_ge(qg_clock_mono() - before, 20);
}
END_TEST

START_TEST(a_long_one_is_not)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_RATE, .retry_after_ms = 10001}, GOOD("a"));
	FAKE_ADD("b", 2, GOOD("b"));
	asking_run();
	ck_assert_str_eq(asking.text, "b");
	asking_run(); /* others leave it alone meanwhile */
	ck_assert_uint_eq(fake_asked("a"), 1);
	qg_clock_fix(WORLD_NOW, 1000000 + 10001);
	asking_run();
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

/* Nobody hammers at a limit: after two refusals the key has its rest. */
START_TEST(a_limit_without_a_stated_wait_is_left_alone)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_RATE}, {.error = QG_MODEL_RATE}, GOOD("a"));
	FAKE_ADD("b", 2, GOOD("b"));
	asking_run();
	asking_run();
	ck_assert_str_eq(asking.text, "b");
	ck_assert_uint_eq(fake_asked("a"), 2);
	qg_clock_fix(WORLD_NOW, 1000000 + 3001);
	asking_run();
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

START_TEST(who_comes_later_waits_for_the_only_endpoint)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_RATE, .retry_after_ms = 10000000}, GOOD("a"));
	asking_run();
	ck_assert_str_eq(asking.who, "offline");
	qg_clock_fix(WORLD_NOW, 1000000 + 3600000 - 20); /* an hour at most, 20 ms are left */
	asking_start(NULL);
	qg_clock_fix(WORLD_NOW, 1000000 + 3600000);
	qg_loop_run(asking.world.loop);
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

START_TEST(a_word_that_was_shown_stands)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_TRANSPORT, .text = "half"});
	FAKE_ADD("b", 2, GOOD("b"));
	asking_run();
	ck_assert_str_eq(asking.text, "half");
	ck_assert(asking.shown);
	ck_assert_int_eq(asking.error, QG_MODEL_TRANSPORT);
	ck_assert_uint_eq(asking.desk.opened, 1);
}
END_TEST

START_TEST(a_forced_model_stands_alone)
{
	FAKE_ADD("a", 2, GOOD("a"));
	FAKE_ADD("b", 2, {.error = QG_MODEL_AUTH});
	for (int i = 0; i < 2; i++) { /* a parked one is asked all the same */
		asking_start("b");
		qg_loop_run(asking.world.loop);
		ck_assert_int_eq(asking.error, QG_MODEL_AUTH);
		ck_assert_uint_eq(fake_asked("b"), (size_t)i + 1);
	}
}
END_TEST

/* ---- gates ---- */

START_TEST(a_parked_key_is_passed_over)
{
	static const enum qg_model_error errors[] = {QG_MODEL_AUTH, QG_MODEL_PERMISSION,
		QG_MODEL_BALANCE, QG_MODEL_QUOTA, QG_MODEL_MODEL};
	FAKE_ADD("a", 2, {.error = errors[_i]}, GOOD("a"));
	FAKE_ADD("b", 2, GOOD("b"));
	asking_run();
	asking_run();
	ck_assert_uint_eq(fake_asked("a"), 1);
	ck_assert_str_eq(asking.text, "b");
	qg_clock_fix(WORLD_NOW, 1000000 + 15 * 60000);
	asking_run();
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

START_TEST(a_key_is_parked_for_all_its_models_a_model_alone)
{
	struct qg_model_config *a =
		FAKE_ADD("a", 2, {.error = _i == 0 ? QG_MODEL_BALANCE : QG_MODEL_PERMISSION});
	char *url = a->base_url;
	struct qg_model_config *b = FAKE_ADD("b", 2, GOOD("b"));
	b->base_url = url;
	b->model = "other";
	asking_run();
	ck_assert_str_eq(asking.who, _i == 0 ? "offline" : "b");
	asking_run();
	ck_assert_uint_eq(fake_asked("a"), 1);
	ck_assert_uint_eq(fake_asked("b"), _i == 0 ? 0 : 2);
}
END_TEST

START_TEST(a_new_key_is_another_account)
{
	struct qg_model_config *a = FAKE_ADD("a", 2, {.error = QG_MODEL_AUTH}, GOOD("a"));
	a->api_key = "old";
	asking_run();
	asking_run();
	ck_assert_uint_eq(fake_asked("a"), 1);
	a->api_key = "new";
	asking_run();
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

START_TEST(an_outage_opens_the_breaker_and_one_call_probes)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_SERVER}, {.error = QG_MODEL_SERVER},
		{.error = QG_MODEL_TIMEOUT}, {.error = QG_MODEL_TRANSPORT},
		{.error = QG_MODEL_OVERLOAD}, {.error = QG_MODEL_SERVER}, GOOD("a"));
	FAKE_ADD("b", 2, GOOD("b"));
	for (int i = 0; i < 4; i++) {
		asking_run();
		ck_assert_str_eq(asking.who, "b");
	}
	ck_assert_uint_eq(fake_asked("a"), 5); /* no second try behind an open breaker */
	qg_clock_fix(WORLD_NOW, 1000000 + 20000);
	asking_run();
	ck_assert_uint_eq(fake_asked("a"), 6);
	ck_assert_str_eq(asking.who, "b");
	qg_clock_fix(WORLD_NOW, 1000000 + 20000 + 40000 - 1);
	asking_run();
	ck_assert_uint_eq(fake_asked("a"), 6);
	qg_clock_fix(WORLD_NOW, 1000000 + 20000 + 40000);
	asking_run();
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

START_TEST(answers_that_break_off_open_it_too)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_TRANSPORT, .text = "half"});
	for (int i = 0; i < 5; i++) {
		asking_run();
		ck_assert_str_eq(asking.text, "half");
	}
	asking_run();
	ck_assert_str_eq(asking.who, "offline");
	ck_assert_uint_eq(fake_asked("a"), 5);
}
END_TEST

START_TEST(a_probe_that_speaks_lets_all_in)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_AUTH}, {.text = "x", .lasts = true}, GOOD("a"));
	asking_run();
	qg_clock_fix(WORLD_NOW, 1000000 + 15 * 60000);
	asking_start(NULL);
	settle();
	struct qg_chain *probe = asking.chain;
	asking_run();
	ck_assert_str_eq(asking.text, "a");
	qg_chain_cancel(probe);
}
END_TEST

START_TEST(a_refused_question_says_that_the_service_lives)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_SERVER}, {.error = QG_MODEL_CONTEXT},
		{.error = QG_MODEL_SERVER}, {.error = QG_MODEL_SERVER}, {.error = QG_MODEL_SERVER},
		{.error = QG_MODEL_SERVER}, {.error = QG_MODEL_CONTEXT});
	for (int i = 0; i < 4; i++) {
		asking_run();
	}
	ck_assert_uint_eq(fake_asked("a"), 7);
}
END_TEST

START_TEST(the_table_of_services_is_bounded)
{
	struct qg_model_config *a = FAKE_ADD("a", 2, {.error = QG_MODEL_AUTH});
	char key[16];
	a->api_key = key;
	for (int i = 0; i < 600; i++) {
		snprintf(key, sizeof(key), "%d", i);
		qg_clock_fix(WORLD_NOW, 1000000 + (uint64_t)i);
		asking_run();
	}
	ck_assert_uint_eq(asking.world.endpoints->count, 512);
	asking_run();
	ck_assert_uint_eq(fake_asked("a"), 600); /* the newest is still known */
}
END_TEST

START_TEST(abroad_wants_to_be_allowed)
{
	FAKE_ADD("a", 2, GOOD("a"))->region = "abroad";
	FAKE_ADD("b", 2, GOOD("b"));
	asking_run();
	ck_assert_str_eq(asking.text, "b");
	asking.world.bot->abroad = 1;
	asking_run();
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

/* ---- the desk, and cancels ---- */

static enum qg_status verdict;
static enum qg_status judge(
	struct fake_desk *desk, const struct qg_call *call, enum qg_limit *limit)
{
	return verdict;
}

START_TEST(a_desk_that_says_no_ends_the_turn)
{
	static const enum qg_status statuses[] = {QG_STALE, QG_AWAY, QG_TIMEOUT, QG_NO_MEMORY};
	FAKE_ADD("a", 2, GOOD("a"));
	asking.desk.judge = judge;
	verdict = statuses[_i];
	asking_run();
	ck_assert_int_eq(asking.status, statuses[_i]);
	ck_assert_uint_eq(fake_asked("a"), 0);
	ck_assert_uint_eq(asking.desk.closed, 0);
}
END_TEST

START_TEST(a_cancel_while_the_desk_is_asked)
{
	FAKE_ADD("a", 2, GOOD("a"));
	asking.desk.silent = true;
	asking_start(NULL);
	settle();
	qg_chain_cancel(asking.chain);
	ck_assert_uint_eq(asking.desk.forgotten, 1);
	ck_assert_uint_eq(asking.desk.closed, 0);
}
END_TEST

START_TEST(a_cancel_while_the_service_is_asked_books_the_estimate)
{
	FAKE_ADD("a", 2, {.hangs = true});
	asking_start(NULL);
	settle();
	ck_assert_uint_eq(fake_running, 1);
	qg_chain_cancel(asking.chain);
	ck_assert_uint_eq(asking.desk.closed, 1);
	ck_assert_str_eq(END(0)->failed, "cancelled");
	ck_assert_int_eq(END(0)->tokens.input, TOKENS);
	ck_assert(END(0)->estimated);
}
END_TEST

static uint64_t longest(void)
{
	return 499;
}

START_TEST(a_cancel_while_it_waits)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_SERVER});
	asking.world.endpoints->random = longest;
	asking_start(NULL);
	settle();
	ck_assert_uint_eq(asking.desk.closed, 1);
	ck_assert_uint_eq(fake_running, 0);
	qg_chain_cancel(asking.chain);
}
END_TEST

START_TEST(a_cancel_before_the_end_was_told)
{
	asking.world.bot->at_limit = QG_LIMIT_STOP;
	asking.world.bot->limits.turn = 0;
	FAKE_ADD("a", 2, GOOD("a"));
	asking_start(NULL);
	qg_chain_cancel(asking.chain);
	settle();
	ck_assert(!asking.ended);
	ck_assert_uint_eq(asking.desk.opened, 0);
}
END_TEST

START_TEST(a_cancel_inside_a_chunk)
{
	FAKE_ADD("a", 2, GOOD("abc"));
	asking.cancel_at = 2;
	asking_run();
	ck_assert(!asking.ended);
	ck_assert_uint_eq(asking.desk.closed, 1);
	ck_assert_str_eq(END(0)->failed, "cancelled");
	ck_assert_str_eq(asking.text, "ab");
}
END_TEST

START_TEST(a_cancelled_probe_lets_the_next_one_probe)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_AUTH}, {.hangs = true}, GOOD("a"));
	asking_run();
	qg_clock_fix(WORLD_NOW, 1000000 + 15 * 60000);
	asking_start(NULL);
	settle();
	struct qg_chain *probe = asking.chain;
	asking_run();
	ck_assert_str_eq(asking.who, "offline"); /* one probe at a time */
	qg_chain_cancel(probe);
	asking_run();
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("chain");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, asking_setup, asking_teardown);
	tcase_add_test(all, an_answer_is_booked_as_reported);
	tcase_add_test(all, without_usage_the_estimate_is_booked);
	tcase_add_loop_test(all, a_failure_is_booked_as_far_as_it_may_be_charged, 0, 10);
	tcase_add_test(all, experience_corrects_the_estimate);
	tcase_add_test(all, the_metrics_show_calls);
	tcase_add_test(all, without_a_desk_nothing_is_booked);
	tcase_add_loop_test(all, each_class_goes_its_way, 0, 13);
	tcase_add_test(all, the_second_try_may_answer);
	tcase_add_test(all, thoughts_belong_to_the_estimate);
	tcase_add_test(all, a_limit_without_a_stated_wait_is_left_alone);
	tcase_add_test(all, a_history_too_long_is_left_out);
	tcase_add_test(all, a_silence_is_not_waited_for_twice);
	tcase_add_test(all, four_calls_are_enough);
	tcase_add_test(all, a_short_stated_wait_is_waited);
	tcase_add_test(all, a_long_one_is_not);
	tcase_add_test(all, who_comes_later_waits_for_the_only_endpoint);
	tcase_add_test(all, a_word_that_was_shown_stands);
	tcase_add_test(all, a_forced_model_stands_alone);
	tcase_add_loop_test(all, a_parked_key_is_passed_over, 0, 5);
	tcase_add_loop_test(all, a_key_is_parked_for_all_its_models_a_model_alone, 0, 2);
	tcase_add_test(all, a_new_key_is_another_account);
	tcase_add_test(all, an_outage_opens_the_breaker_and_one_call_probes);
	tcase_add_test(all, answers_that_break_off_open_it_too);
	tcase_add_test(all, a_probe_that_speaks_lets_all_in);
	tcase_add_test(all, a_refused_question_says_that_the_service_lives);
	tcase_add_test(all, the_table_of_services_is_bounded);
	tcase_add_test(all, abroad_wants_to_be_allowed);
	tcase_add_loop_test(all, a_desk_that_says_no_ends_the_turn, 0, 4);
	tcase_add_test(all, a_cancel_while_the_desk_is_asked);
	tcase_add_test(all, a_cancel_while_the_service_is_asked_books_the_estimate);
	tcase_add_test(all, a_cancel_while_it_waits);
	tcase_add_test(all, a_cancel_before_the_end_was_told);
	tcase_add_test(all, a_cancel_inside_a_chunk);
	tcase_add_test(all, a_cancelled_probe_lets_the_next_one_probe);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
