/* test_depth.c - the figures of what waits follow the queue. */
#include "fixture.h"

#include <stdio.h>

static struct qg_metric *waiting(void)
{
	return qg_metric_gauge("queue_waiting", "bot=\"" BOT "\"", "Messages waiting or in flight");
}

static struct qg_metric *conversations(void)
{
	return qg_metric_gauge("queue_conversations", NULL, "Conversations with waiting messages");
}

static bool shows(void *arg)
{
	return qg_metric_value(waiting()) == *(int64_t *)arg;
}

START_TEST(what_waits_is_shown)
{
	static struct answer answers[3];
	int64_t count = 3;
	node_start(&ann, "ann");
	wait_owner(&ann);
	for (unsigned i = 0; i < 3; i++) {
		char id[8];
		snprintf(id, sizeof(id), "m%u", i);
		hear(&ann, &(struct say){.id = id, .chat = i < 2 ? "c1" : "c2"}, &answers[i]);
	}
	wait_until(shows, &count);
	ck_assert_int_eq(qg_metric_value(conversations()), 2);
	/* as if it was answered */
	qg_test_redis_do(server, "HSET", "qg:{0}:depth", BOT, "0", NULL);
	qg_test_redis_do(server, "DEL", "qg:{0}:age", NULL);
	count = 0;
	wait_until(shows, &count);
	ck_assert_int_eq(qg_metric_value(conversations()), 0);
}
END_TEST

START_TEST(a_look_without_an_answer_is_made_anew)
{
	static struct answer answer;
	int64_t count = 1;
	node_start(&ann, "ann");
	wait_owner(&ann);
	qg_test_redis_pause(server);
	run_looks();
	run_looks();
	qg_test_redis_kill(server);
	run_looks();
	qg_test_redis_restart(server);
	hear(&ann, &(struct say){.id = "m1"}, &answer);
	wait_until(shows, &count);
}
END_TEST

int main(void)
{
	redis_keeps_all = true;
	Suite *suite = suite_create("depth");
	TCase *tcase = tcase_create("depth");
	fixture_add(tcase);
	tcase_add_test(tcase, what_waits_is_shown);
	tcase_add_test(tcase, a_look_without_an_answer_is_made_anew);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
