/* test_loop.c - timers, deferred calls, watches and slow work come back on the loop, in order,
 * once. */
#include "qg/loop.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qg/clock.h"

#define GUARD 30000

static struct qg_loop *loop;
static struct qg_timer *guard;
static char trace[64];

static void note(char c)
{
	size_t size = strlen(trace);
	ck_assert_uint_lt(size + 1, sizeof(trace));
	trace[size] = c;
}

static void on_guard(void *arg)
{
	ck_abort_msg("nothing came within the test's time");
}

static void setup(void)
{
	loop = qg_loop_create(2);
	ck_assert_ptr_nonnull(loop);
	guard = qg_timer_create(loop, on_guard, NULL);
	qg_timer_start(guard, GUARD);
	memset(trace, 0, sizeof(trace));
}

static void teardown(void)
{
	qg_timer_destroy(guard);
	qg_loop_destroy(loop);
}

static void stop(void *arg)
{
	qg_loop_stop(loop);
}

static void note_arg(void *arg)
{
	note(*(const char *)arg);
}

START_TEST(timers_fire_in_order_of_time)
{
	struct qg_timer *late = qg_timer_create(loop, note_arg, "2");
	struct qg_timer *early = qg_timer_create(loop, note_arg, "1");
	struct qg_timer *last = qg_timer_create(loop, stop, NULL);
	qg_timer_start(last, 20);
	qg_timer_start(late, 10);
	qg_timer_start(early, 5);
	ck_assert(qg_timer_is_active(early));
	uint64_t began = qg_clock_mono();
	qg_loop_run(loop);
	ck_assert_uint_ge(qg_clock_mono() - began, 19);
	ck_assert_str_eq(trace, "12");
	ck_assert(!qg_timer_is_active(early));
	qg_timer_destroy(late);
	qg_timer_destroy(early);
	qg_timer_destroy(last);
}
END_TEST

START_TEST(a_stopped_timer_does_not_fire_and_a_restarted_one_once)
{
	struct qg_timer *stopped = qg_timer_create(loop, note_arg, "x");
	struct qg_timer *moved = qg_timer_create(loop, note_arg, "m");
	struct qg_timer *last = qg_timer_create(loop, stop, NULL);
	qg_timer_start(stopped, 1);
	qg_timer_stop(stopped);
	qg_timer_start(moved, 60000);
	qg_timer_start(moved, 2);
	qg_timer_start(last, 15);
	qg_loop_run(loop);
	ck_assert_str_eq(trace, "m");
	qg_timer_destroy(stopped);
	qg_timer_destroy(moved);
	qg_timer_destroy(last);
	qg_timer_destroy(NULL);
}
END_TEST

static struct qg_timer *self;

static void count_to_three(void *arg)
{
	note('r');
	if (strlen(trace) == 3) {
		qg_timer_destroy(self);
		stop(NULL);
	}
}

START_TEST(a_repeating_timer_may_destroy_itself)
{
	self = qg_timer_create(loop, count_to_three, NULL);
	qg_timer_repeat(self, 1);
	qg_loop_run(loop);
	ck_assert_str_eq(trace, "rrr");
}
END_TEST

static void defer_again(void *arg)
{
	note('a');
	ck_assert_int_eq(qg_loop_defer(loop, note_arg, "c"), QG_OK);
	ck_assert_int_eq(qg_loop_defer(loop, stop, NULL), QG_OK);
	note('b');
}

START_TEST(deferred_calls_run_in_order_and_not_from_inside)
{
	ck_assert_int_eq(qg_loop_defer(loop, note_arg, "0"), QG_OK);
	ck_assert_int_eq(qg_loop_defer(loop, defer_again, NULL), QG_OK);
	ck_assert_int_eq(qg_loop_defer(loop, note_arg, "1"), QG_OK);
	ck_assert_str_eq(trace, "");
	qg_loop_run(loop);
	ck_assert_str_eq(trace, "0ab1c");
}
END_TEST

static void take_back(void *arg)
{
	qg_loop_undefer(loop, note_arg, arg); /* of those that run in this very turn */
	ck_assert_int_eq(qg_loop_defer(loop, stop, NULL), QG_OK);
}

START_TEST(a_deferred_call_can_be_taken_back)
{
	static char a[] = "a", b[] = "b";
	ck_assert_int_eq(qg_loop_defer(loop, note_arg, a), QG_OK);
	ck_assert_int_eq(qg_loop_defer(loop, note_arg, b), QG_OK);
	qg_loop_undefer(loop, note_arg, a);
	qg_loop_undefer(loop, stop, a);
	ck_assert_int_eq(qg_loop_defer(loop, take_back, a), QG_OK);
	ck_assert_int_eq(qg_loop_defer(loop, note_arg, a), QG_OK);
	qg_loop_run(loop);
	ck_assert_str_eq(trace, "b");
}
END_TEST

static size_t deferred_left;

static void defer_chain(void *arg)
{
	if (--deferred_left == 0) {
		stop(NULL);
		return;
	}
	ck_assert_int_eq(qg_loop_defer(loop, defer_chain, NULL), QG_OK);
}

START_TEST(a_chain_of_deferred_calls_does_not_wait_for_events)
{
	deferred_left = 1000;
	ck_assert_int_eq(qg_loop_defer(loop, defer_chain, NULL), QG_OK);
	uint64_t began = qg_clock_mono();
	qg_loop_run(loop);
	ck_assert_uint_lt(qg_clock_mono() - began, GUARD / 2);
}
END_TEST

static void on_signal(void *arg, int signal)
{
	note(signal == SIGUSR1 ? 's' : '?');
	stop(NULL);
}

START_TEST(a_signal_comes_on_the_loop)
{
	struct qg_watch *watch = qg_watch_signal(loop, SIGUSR1, on_signal, NULL);
	raise(SIGUSR1);
	ck_assert_str_eq(trace, "");
	qg_loop_run(loop);
	ck_assert_str_eq(trace, "s");
	qg_watch_destroy(watch);
	qg_watch_destroy(NULL);
}
END_TEST

static struct qg_watch *children[3];
static int ended_statuses[3];
static unsigned ended_count;

static void on_child(void *arg, int status)
{
	struct qg_watch **watch = arg;
	ended_statuses[watch - children] = status;
	qg_watch_destroy(*watch);
	if (++ended_count == 3) {
		stop(NULL);
	}
}

static pid_t child_that_exits(int code)
{
	pid_t pid = fork();
	if (pid == 0) {
		_exit(code);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

START_TEST(children_are_reaped_each_with_its_status)
{
	ended_count = 0;
	for (int i = 0; i < 2; i++) {
		children[i] = qg_watch_child(loop, child_that_exits(i + 1), on_child, &children[i]);
	}
	/* One that has certainly ended before anybody watches it. */
	pid_t pid = child_that_exits(7);
	siginfo_t info;
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	children[2] = qg_watch_child(loop, pid, on_child, &children[2]);
	qg_loop_run(loop);
	for (int i = 0; i < 3; i++) {
		ck_assert(WIFEXITED(ended_statuses[i]));
		ck_assert_int_eq(WEXITSTATUS(ended_statuses[i]), i == 2 ? 7 : i + 1);
	}
}
END_TEST

START_TEST(children_of_others_are_left_alone)
{
	pid_t other = child_that_exits(9);
	ended_count = 2;
	children[0] = qg_watch_child(loop, child_that_exits(1), on_child, &children[0]);
	qg_loop_run(loop);
	int status;
	ck_assert_int_eq(waitpid(other, &status, 0), other);
	ck_assert_int_eq(WEXITSTATUS(status), 9);
}
END_TEST

static void on_pipe(void *arg, int fd)
{
	char c;
	ck_assert_int_eq(read(fd, &c, 1), 1);
	note(c);
	if (c == '.') {
		stop(NULL);
	}
}

START_TEST(a_readable_descriptor_calls_until_it_is_empty)
{
	int pipe_ends[2];
	ck_assert_int_eq(pipe(pipe_ends), 0);
	struct qg_watch *watch = qg_watch_readable(loop, pipe_ends[0], on_pipe, NULL);
	ck_assert_int_eq(write(pipe_ends[1], "ab.", 3), 3);
	qg_loop_run(loop);
	ck_assert_str_eq(trace, "ab.");
	qg_watch_destroy(watch);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}
END_TEST

struct job {
	pthread_t ran_on;
	unsigned index;
	int *left;
};

static void run_job(void *arg, unsigned thread_index)
{
	struct job *job = arg;
	job->ran_on = pthread_self();
	job->index = thread_index;
}

static void job_done(void *arg)
{
	struct job *job = arg;
	ck_assert(!pthread_equal(job->ran_on, pthread_self()));
	ck_assert_uint_lt(job->index, 2);
	if (--*job->left == 0) {
		stop(NULL);
	}
}

START_TEST(work_runs_off_the_loop_and_comes_back)
{
	struct job jobs[100];
	int left = 100;
	for (int i = 0; i < 100; i++) {
		jobs[i] = (struct job){.left = &left};
		ck_assert_ptr_nonnull(qg_loop_work(loop, run_job, job_done, &jobs[i]));
	}
	qg_loop_run(loop);
	ck_assert_int_eq(left, 0);
	ck_assert_uint_eq(qg_loop_work_waiting(loop), 0);
}
END_TEST

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int entered;

static void wait_at_gate(void *arg, unsigned thread_index)
{
	atomic_fetch_add(&entered, 1);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

static void open_gate(void *arg)
{
	pthread_mutex_unlock(&gate);
}

static void count_done(void *arg)
{
	(*(int *)arg)++;
}

START_TEST(the_queue_of_work_has_an_end)
{
	int done = 0;
	int taken = 0;
	pthread_mutex_lock(&gate);
	while (taken < 20000 && qg_loop_work(loop, wait_at_gate, count_done, &done)) {
		taken++;
	}
	ck_assert_int_ge(taken, 10000);
	ck_assert_int_le(taken, 10002);
	ck_assert_uint_le(qg_loop_work_waiting(loop), 10000);
	pthread_mutex_unlock(&gate);
}
END_TEST

START_TEST(destroy_waits_for_what_runs_and_calls_nobody)
{
	int done = 0;
	atomic_store(&entered, 0);
	pthread_mutex_lock(&gate);
	struct qg_loop *other = qg_loop_create(1);
	ck_assert_ptr_nonnull(qg_loop_work(other, wait_at_gate, count_done, &done));
	ck_assert_ptr_nonnull(qg_loop_work(other, wait_at_gate, count_done, &done));
	while (atomic_load(&entered) == 0) {
		sched_yield();
	}
	open_gate(NULL);
	qg_loop_destroy(other);
	ck_assert_int_eq(done, 0);
	ck_assert_int_le(atomic_load(&entered), 2);
}
END_TEST

static uint64_t longest_turn;

static void on_turn(void *arg, uint64_t busy_us)
{
	if (busy_us > longest_turn) {
		longest_turn = busy_us;
	}
}

static int busy_left;

static void be_busy(void *arg)
{
	uint64_t began = qg_clock_mono_us();
	while (qg_clock_mono_us() - began < 3000) {
	}
	if (--busy_left == 0) {
		stop(NULL);
	}
}

START_TEST(a_busy_turn_shows_in_hook_and_lag)
{
	longest_turn = 0;
	busy_left = 2;
	qg_loop_on_turn(loop, on_turn, NULL);
	struct qg_timer *timer = qg_timer_create(loop, be_busy, NULL);
	qg_timer_repeat(timer, 5);
	qg_loop_run(loop);
	ck_assert_uint_ge(longest_turn, 3000);
	ck_assert_uint_ge(qg_loop_lag_us(loop), 3000);
	ck_assert_uint_eq(qg_loop_lag_us(loop), 0);
	qg_timer_destroy(timer);
}
END_TEST

static unsigned turns, seen[2], seen_count;

static void count_turn(void *arg, uint64_t busy_us)
{
	turns++;
}

static void do_nothing(void *arg, unsigned thread_index)
{
}

static void be_busy_once(void *arg)
{
	seen[seen_count++] = turns;
	be_busy(NULL);
}

START_TEST(what_comes_back_slowly_does_not_come_all_in_one_turn)
{
	busy_left = 2;
	qg_loop_on_turn(loop, count_turn, NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(qg_loop_work(loop, do_nothing, be_busy_once, NULL));
	}
	qg_loop_run(loop);
	ck_assert_uint_gt(seen[1], seen[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tcase = tcase_create("loop");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, timers_fire_in_order_of_time);
	tcase_add_test(tcase, a_stopped_timer_does_not_fire_and_a_restarted_one_once);
	tcase_add_test(tcase, a_repeating_timer_may_destroy_itself);
	tcase_add_test(tcase, deferred_calls_run_in_order_and_not_from_inside);
	tcase_add_test(tcase, a_deferred_call_can_be_taken_back);
	tcase_add_test(tcase, a_chain_of_deferred_calls_does_not_wait_for_events);
	tcase_add_test(tcase, a_signal_comes_on_the_loop);
	tcase_add_test(tcase, children_are_reaped_each_with_its_status);
	tcase_add_test(tcase, children_of_others_are_left_alone);
	tcase_add_test(tcase, a_readable_descriptor_calls_until_it_is_empty);
	tcase_add_test(tcase, work_runs_off_the_loop_and_comes_back);
	tcase_add_test(tcase, the_queue_of_work_has_an_end);
	tcase_add_test(tcase, destroy_waits_for_what_runs_and_calls_nobody);
	tcase_add_test(tcase, a_busy_turn_shows_in_hook_and_lag);
	tcase_add_test(tcase, what_comes_back_slowly_does_not_come_all_in_one_turn);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
