/* test_keeper.c - a lease kept: taken when free or silent for its time, renewed, lost to a newer epoch, given back.
 *
 * Two processes with a connection of their own each, on a loop of the test's: who has the lease is seen over time. */
#include "qg/keeper.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"
#include "redis_world.h"

enum { PATIENCE_MS = 15000 };

struct process {
	struct qg_redis *redis;
	struct qg_queue *queue;
	struct qg_keeper *keeper;
	unsigned taken, lost;
};
static struct process ann, ben;
static const char *dead;

static bool is_dead(void *arg, const char *process)
{
	return qg_str_equal(dead, process);
}

static void changed(void *arg, bool held)
{
	struct process *process = arg;
	process->taken += held ? 1 : 0;
	process->lost += held ? 0 : 1;
}

static void connection(void *arg, bool connected, const char *why)
{
	struct process *process = arg;
	if (process->keeper != NULL) {
		qg_keeper_redis_changed(process->keeper, connected);
	}
}

static void begin(struct process *process, const char *name)
{
	char error[128];
	struct qg_redis_options redis = {.url = qg_test_redis_url(server),
		.scripts = qg_queue_scripts,
		.changed = connection,
		.arg = process};
	*process = (struct process){.redis = qg_redis_create(loop, &redis, error)};
	process->queue = qg_queue_create(process->redis, 1, name);
	struct qg_keeper_options options = {.loop = loop,
		.queue = process->queue,
		.lease = "duty",
		.is_dead = is_dead,
		.changed = changed,
		.arg = process};
	process->keeper = qg_keeper_create(&options);
	ck_assert_ptr_nonnull(process->keeper);
	qg_keeper_want(process->keeper, true);
}

/* Gone without a word. */
static void end(struct process *process)
{
	qg_redis_destroy(process->redis);
	qg_keeper_destroy(process->keeper);
	qg_queue_destroy(process->queue);
	*process = (struct process){0};
}

struct waiting {
	bool (*holds)(void *arg);
	void *arg;
	uint64_t since, most;
};

static bool is_over(void *arg)
{
	const struct waiting *waiting = arg;
	uint64_t passed = qg_clock_mono() - waiting->since;
	return waiting->holds(waiting->arg) || passed >= waiting->most;
}

/* Whether it came about within that time. */
static bool comes(bool (*holds)(void *arg), void *arg, uint64_t most)
{
	struct waiting waiting = {holds, arg, qg_clock_mono(), most};
	wait_until(is_over, &waiting);
	return holds(arg);
}

static bool holds(void *arg)
{
	return qg_keeper_holds(((struct process *)arg)->keeper);
}

static bool has_lost(void *arg)
{
	return ((struct process *)arg)->lost > 0;
}

static bool never(void *arg)
{
	return false;
}

static bool is_owed(void)
{
	return redis_owes(ann.redis) || redis_owes(ben.redis);
}

static void setup(void)
{
	server = qg_test_redis_start(true);
	loop = qg_loop_create(1);
	clock_count(is_owed);
}

static void teardown(void)
{
	end(&ann);
	end(&ben);
	qg_loop_destroy(loop);
	qg_test_redis_stop(server);
}

START_TEST(one_holds_it_and_keeps_it)
{
	begin(&ann, "ann");
	ck_assert(comes(holds, &ann, PATIENCE_MS));
	begin(&ben, "ben");
	ck_assert(!comes(holds, &ben, qg_clock_scaled(12000)));
	ck_assert(comes(holds, &ann, PATIENCE_MS));
	ck_assert_uint_eq(ann.taken, 1);
	ck_assert_uint_eq(ann.lost + ben.taken, 0);
}
END_TEST

START_TEST(a_silent_holder_is_followed_and_not_before_its_time)
{
	begin(&ann, "ann");
	ck_assert(comes(holds, &ann, PATIENCE_MS));
	begin(&ben, "ben");
	end(&ann);
	uint64_t since = qg_clock_mono();
	ck_assert(comes(holds, &ben, PATIENCE_MS));
	/* since the last renewal that ben saw, which was at most 2 s and a look old */
	ck_assert_uint_ge(qg_clock_mono() - since, qg_clock_scaled(8000 - 3500));
}
END_TEST

START_TEST(a_dead_holder_is_followed_at_once)
{
	begin(&ann, "ann");
	ck_assert(comes(holds, &ann, PATIENCE_MS));
	end(&ann);
	dead = "ann";
	begin(&ben, "ben");
	ck_assert(comes(holds, &ben, qg_clock_scaled(6000)));
	dead = NULL;
}
END_TEST

START_TEST(what_is_given_back_is_taken_at_once)
{
	begin(&ann, "ann");
	ck_assert(comes(holds, &ann, PATIENCE_MS));
	begin(&ben, "ben");
	qg_keeper_want(ann.keeper, false);
	ck_assert(!holds(&ann));
	ck_assert(comes(holds, &ben, qg_clock_scaled(6000)));
	comes(never, NULL, qg_clock_scaled(3000));
	ck_assert(!holds(&ann));
}
END_TEST

START_TEST(redis_away_stops_the_duty_and_loses_nothing)
{
	begin(&ann, "ann");
	ck_assert(comes(holds, &ann, PATIENCE_MS));
	qg_test_redis_pause(server);
	comes(never, NULL, qg_clock_scaled(6000)); /* no renewal was confirmed for over 5 s */
	ck_assert(!holds(&ann));
	qg_test_redis_resume(server);
	ck_assert(comes(holds, &ann, PATIENCE_MS));
	ck_assert_uint_eq(ann.lost, 0);
	ck_assert_uint_eq(ann.taken, 1);
}
END_TEST

START_TEST(a_newer_epoch_takes_it_away)
{
	begin(&ann, "ann");
	ck_assert(comes(holds, &ann, PATIENCE_MS));
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", "duty", "other 99 0 0", NULL);
	ck_assert(comes(has_lost, &ann, qg_clock_scaled(6000)));
	ck_assert(!holds(&ann));
	ck_assert(comes(holds, &ann, PATIENCE_MS)); /* the other one is silent */
	ck_assert_uint_eq(ann.taken, 2);
}
END_TEST

START_TEST(other_leases_of_the_partition_do_not_matter)
{
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", "bot:shop", "other 3 0 0", NULL);
	begin(&ann, "ann");
	ck_assert(comes(holds, &ann, qg_clock_scaled(6000)));
}
END_TEST

int main(void)
{
	setenv("QUNGONG_TEST_SCALE", "10", 1);
	Suite *suite = suite_create("keeper");
	TCase *tcase = tcase_create("keeper");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, one_holds_it_and_keeps_it);
	tcase_add_test(tcase, a_silent_holder_is_followed_and_not_before_its_time);
	tcase_add_test(tcase, a_dead_holder_is_followed_at_once);
	tcase_add_test(tcase, what_is_given_back_is_taken_at_once);
	tcase_add_test(tcase, redis_away_stops_the_duty_and_loses_nothing);
	tcase_add_test(tcase, a_newer_epoch_takes_it_away);
	tcase_add_test(tcase, other_leases_of_the_partition_do_not_matter);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
