/* loop.h - the one event loop of a process, its timers, signals, children, and the pool for slow work.
 *
 * Everything runs on the thread that runs the loop except the run() of a work item. Nothing on the loop may
 * take over 5 ms. */
#ifndef QG_LOOP_H
#define QG_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "qg/status.h"

struct qg_loop;
struct qg_timer;
struct qg_watch;
struct qg_work;

/* NULL for no memory. pool_threads: 1 to 8. */
struct qg_loop *qg_loop_create(unsigned pool_threads);
/* Waits for running work (its done() is not called any more), then frees. Accepts NULL. */
void qg_loop_destroy(struct qg_loop *loop);
/* Before the owners of work end: waits for all of it and calls its done(). Blocks. */
void qg_loop_finish_work(struct qg_loop *loop);
/* Runs until qg_loop_stop(). */
void qg_loop_run(struct qg_loop *loop);
void qg_loop_stop(struct qg_loop *loop);
/* The libev loop, for files inside net/ only. */
struct ev_loop *qg_loop_ev(struct qg_loop *loop);

/* Timers. fire(arg) may start, stop or destroy its own timer. */
struct qg_timer *qg_timer_create(struct qg_loop *loop, void (*fire)(void *arg), void *arg);
/* Once after delay_ms, replacing what was set. */
void qg_timer_start(struct qg_timer *timer, uint64_t delay_ms);
/* Every interval_ms. */
void qg_timer_repeat(struct qg_timer *timer, uint64_t interval_ms);
void qg_timer_stop(struct qg_timer *timer);
bool qg_timer_is_active(const struct qg_timer *timer);
void qg_timer_destroy(struct qg_timer *timer);
/* Runs call(arg) in the next turn of the loop, in order of the calls; QG_NO_MEMORY means that it will not run. */
QG_MUST_CHECK enum qg_status qg_loop_defer(
	struct qg_loop *loop, void (*call)(void *arg), void *arg);
/* Takes back what was deferred with just these, for who ends before it runs. A look at all that wait. */
void qg_loop_undefer(struct qg_loop *loop, void (*call)(void *arg), void *arg);

/* Signals and child processes. */
struct qg_watch *qg_watch_signal(
	struct qg_loop *loop, int signal, void (*caught)(void *arg, int signal), void *arg);
struct qg_watch *qg_watch_child(
	struct qg_loop *loop, pid_t pid, void (*ended)(void *arg, int status), void *arg);
/* A descriptor that became readable. */
struct qg_watch *qg_watch_readable(
	struct qg_loop *loop, int fd, void (*ready)(void *arg, int fd), void *arg);
void qg_watch_destroy(struct qg_watch *watch);

/* Slow work: run(arg) in a pool thread, then done(arg) on the loop. thread_index (0..pool_threads-1) lets an
 * owner keep a SQLite connection a thread. NULL for no memory or over 10,000 waiting. */
struct qg_work *qg_loop_work(struct qg_loop *loop, void (*run)(void *arg, unsigned thread_index),
	void (*done)(void *arg), void *arg);
/* Waiting items of the pool, for the metrics. */
size_t qg_loop_work_waiting(const struct qg_loop *loop);
/* How late the loop was, in microseconds, since the last call: the greatest of its turns. */
uint64_t qg_loop_lag_us(struct qg_loop *loop);
/* Called after each turn of the loop with the microseconds its callbacks took; for the histogram. */
void qg_loop_on_turn(struct qg_loop *loop, void (*turn)(void *arg, uint64_t busy_us), void *arg);

#endif
