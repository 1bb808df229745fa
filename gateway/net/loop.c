/* loop.c - owns the one libev loop of a process, its timers and watches, and the way of slow work
 * off and back on it.
 *
 * A turn begins when the wait for events ends (ev_check, first of all callbacks) and ends when the
 * loop is about to wait again (ev_prepare, last of all): the time between the two is what callbacks
 * took. Deferred calls run at the end of the turn that made them, so a call deferred from a
 * callback costs no wait of its own; what they defer themselves waits for the next turn.
 *
 * Children are reaped one by one on SIGCHLD rather than with ev_child: libev's way belongs to its
 * default loop and reaps children that are not ours to reap. */
#include <assert.h>
#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "qg/clock.h"
#include "qg/list.h"
#include "qg/loop.h"
#include "pool.h"

/* What finished work may take of one turn. */
#define COLLECT_US 3000

struct deferred {
	void (*call)(void *arg);
	void *arg;
};

struct calls {
	struct deferred *items;
	size_t count, capacity;
};

struct qg_loop {
	struct ev_loop *ev;
	ev_prepare before_wait;
	ev_check after_wait;
	ev_idle no_wait; /* active while deferred calls wait for the next turn */
	ev_async work_done;
	ev_signal child_ended;
	struct pool *pool;
	struct calls deferred, running;
	struct qg_list children, ended;
	uint64_t turn_began_us, lag_us;
	void (*turn)(void *arg, uint64_t busy_us);
	void *turn_arg;
};

struct qg_timer {
	ev_timer ev;
	struct qg_loop *loop;
	void (*fire)(void *arg);
	void *arg;
};

enum watch_kind { WATCH_SIGNAL, WATCH_CHILD, WATCH_READABLE };

struct qg_watch {
	enum watch_kind kind;
	struct qg_loop *loop;
	union {
		ev_signal signal;
		ev_io io;
	};
	struct qg_list link; /* children and ended */
	pid_t pid;
	int status;
	void (*call)(void *arg, int value);
	void *arg;
};

static void run_deferred(struct qg_loop *loop)
{
	struct calls now = loop->deferred;
	loop->deferred = loop->running;
	loop->deferred.count = 0;
	loop->running = now;
	for (size_t i = 0; i < now.count; i++) {
		now.items[i].call(now.items[i].arg);
	}
}

static void on_before_wait(struct ev_loop *ev, ev_prepare *watcher, int events)
{
	struct qg_loop *loop = watcher->data;
	if (loop->deferred.count > 0) {
		run_deferred(loop);
	}
	uint64_t now = qg_clock_mono_us();
	uint64_t busy =
		loop->turn_began_us && now > loop->turn_began_us ? now - loop->turn_began_us : 0;
	if (busy > loop->lag_us) {
		loop->lag_us = busy;
	}
	if (loop->turn && loop->turn_began_us) {
		loop->turn(loop->turn_arg, busy);
	}
	if (loop->deferred.count > 0) {
		ev_idle_start(loop->ev, &loop->no_wait);
	} else {
		ev_idle_stop(loop->ev, &loop->no_wait);
	}
}

static void on_after_wait(struct ev_loop *ev, ev_check *watcher, int events)
{
	struct qg_loop *loop = watcher->data;
	loop->turn_began_us = qg_clock_mono_us();
}

static void on_no_wait(struct ev_loop *ev, ev_idle *watcher, int events)
{
	/* Its presence alone keeps the loop from waiting. */
}

static void on_work_done(struct ev_loop *ev, ev_async *watcher, int events)
{
	struct qg_loop *loop = watcher->data;
	if (pool_collect(loop->pool, COLLECT_US)) {
		ev_async_send(ev, watcher); /* a thousand bots open at once: others come between */
	}
}

/* Any thread. */
static void wake(void *arg)
{
	struct qg_loop *loop = arg;
	ev_async_send(loop->ev, &loop->work_done);
}

static void on_child_ended(struct ev_loop *ev, ev_signal *watcher, int events);

static void init_watchers(struct qg_loop *loop)
{
	ev_prepare_init(&loop->before_wait, on_before_wait);
	ev_set_priority(&loop->before_wait, EV_MINPRI);
	ev_check_init(&loop->after_wait, on_after_wait);
	ev_set_priority(&loop->after_wait, EV_MAXPRI);
	ev_idle_init(&loop->no_wait, on_no_wait);
	ev_async_init(&loop->work_done, on_work_done);
	ev_signal_init(&loop->child_ended, on_child_ended, SIGCHLD);
	loop->before_wait.data = loop->after_wait.data = loop->work_done.data =
		loop->child_ended.data = loop;
	ev_prepare_start(loop->ev, &loop->before_wait);
	ev_check_start(loop->ev, &loop->after_wait);
	ev_async_start(loop->ev, &loop->work_done);
}

struct qg_loop *qg_loop_create(unsigned pool_threads)
{
	struct qg_loop *loop = calloc(1, sizeof(*loop));
	if (!loop) {
		return NULL;
	}
	qg_list_init(&loop->children);
	qg_list_init(&loop->ended);
	loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!loop->ev) {
		goto free_loop;
	}
	loop->pool = pool_create(pool_threads, wake, loop);
	if (!loop->pool) {
		goto free_ev;
	}
	init_watchers(loop);
	return loop;
free_ev:
	ev_loop_destroy(loop->ev);
free_loop:
	free(loop);
	return NULL;
}

void qg_loop_destroy(struct qg_loop *loop)
{
	if (!loop) {
		return;
	}
	pool_destroy(loop->pool);
	/* A signal stays bound to its loop until the watcher stops; another loop may want it. */
	ev_signal_stop(loop->ev, &loop->child_ended);
	ev_loop_destroy(loop->ev);
	free(loop->deferred.items);
	free(loop->running.items);
	free(loop);
}

void qg_loop_finish_work(struct qg_loop *loop)
{
	pool_finish(loop->pool);
}

void qg_loop_run(struct qg_loop *loop)
{
	loop->turn_began_us = 0;
	ev_run(loop->ev, 0);
}

void qg_loop_stop(struct qg_loop *loop)
{
	ev_break(loop->ev, EVBREAK_ALL);
}

struct ev_loop *qg_loop_ev(struct qg_loop *loop)
{
	return loop->ev;
}

static void on_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct qg_timer *timer = watcher->data;
	timer->fire(timer->arg);
}

struct qg_timer *qg_timer_create(struct qg_loop *loop, void (*fire)(void *arg), void *arg)
{
	struct qg_timer *timer = calloc(1, sizeof(*timer));
	if (!timer) {
		return NULL;
	}
	timer->loop = loop;
	timer->fire = fire;
	timer->arg = arg;
	ev_init(&timer->ev, on_timer);
	/* What has arrived is heard before anybody's patience ends: a process that stood still finds both at once. */
	ev_set_priority(&timer->ev, EV_MINPRI + 1);
	timer->ev.data = timer;
	return timer;
}

static void set_timer(struct qg_timer *timer, uint64_t delay_ms, uint64_t repeat_ms)
{
	struct ev_loop *ev = timer->loop->ev;
	ev_timer_stop(ev, &timer->ev);
	/* The loop's idea of now is as old as this turn, or older while it does not run. */
	ev_now_update(ev);
	ev_timer_set(&timer->ev, (double)delay_ms / 1e3, (double)repeat_ms / 1e3);
	ev_timer_start(ev, &timer->ev);
}

void qg_timer_start(struct qg_timer *timer, uint64_t delay_ms)
{
	set_timer(timer, delay_ms, 0);
}

void qg_timer_repeat(struct qg_timer *timer, uint64_t interval_ms)
{
	assert(interval_ms > 0);
	set_timer(timer, interval_ms, interval_ms);
}

void qg_timer_stop(struct qg_timer *timer)
{
	ev_timer_stop(timer->loop->ev, &timer->ev);
}

bool qg_timer_is_active(const struct qg_timer *timer)
{
	return ev_is_active(&timer->ev);
}

void qg_timer_destroy(struct qg_timer *timer)
{
	if (timer) {
		ev_timer_stop(timer->loop->ev, &timer->ev);
		free(timer);
	}
}

enum qg_status qg_loop_defer(struct qg_loop *loop, void (*call)(void *arg), void *arg)
{
	struct calls *calls = &loop->deferred;
	if (calls->count == calls->capacity) {
		size_t capacity = calls->capacity ? 2 * calls->capacity : 16;
		struct deferred *items = realloc(calls->items, capacity * sizeof(*items));
		if (!items) {
			return QG_NO_MEMORY;
		}
		calls->items = items;
		calls->capacity = capacity;
	}
	calls->items[calls->count++] = (struct deferred){call, arg};
	return QG_OK;
}

static void nothing(void *arg)
{
}

static void forget_calls(struct calls *calls, void (*call)(void *arg), void *arg)
{
	for (size_t i = 0; i < calls->count; i++) {
		if (calls->items[i].call == call && calls->items[i].arg == arg) {
			calls->items[i].call = nothing;
		}
	}
}

void qg_loop_undefer(struct qg_loop *loop, void (*call)(void *arg), void *arg)
{
	forget_calls(&loop->deferred, call, arg);
	forget_calls(&loop->running, call, arg);
}

static struct qg_watch *watch_create(
	struct qg_loop *loop, enum watch_kind kind, void (*call)(void *arg, int value), void *arg)
{
	struct qg_watch *watch = calloc(1, sizeof(*watch));
	if (!watch) {
		return NULL;
	}
	watch->kind = kind;
	watch->loop = loop;
	watch->call = call;
	watch->arg = arg;
	qg_list_init(&watch->link);
	return watch;
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct qg_watch *watch = watcher->data;
	watch->call(watch->arg, watcher->signum);
}

struct qg_watch *qg_watch_signal(
	struct qg_loop *loop, int signal, void (*caught)(void *arg, int signal), void *arg)
{
	assert(signal != SIGCHLD); /* qg_watch_child needs it */
	struct qg_watch *watch = watch_create(loop, WATCH_SIGNAL, caught, arg);
	if (watch) {
		ev_signal_init(&watch->signal, on_signal, signal);
		watch->signal.data = watch;
		ev_signal_start(loop->ev, &watch->signal);
	}
	return watch;
}

/* Moves the watches of children that ended from one list to the other, without calling anybody. */
static void reap_children(struct qg_loop *loop)
{
	QG_LIST_FOR_EACH (item, &loop->children) {
		struct qg_watch *watch = QG_CONTAINER(item, struct qg_watch, link);
		if (waitpid(watch->pid, &watch->status, WNOHANG) != 0) {
			qg_list_remove(item);
			qg_list_add(&loop->ended, item);
		}
	}
}

static void on_child_ended(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct qg_loop *loop = watcher->data;
	reap_children(loop);
	while (!qg_list_is_empty(&loop->ended)) {
		struct qg_watch *watch = QG_CONTAINER(loop->ended.next, struct qg_watch, link);
		qg_list_remove(&watch->link);
		watch->call(watch->arg, watch->status);
	}
}

struct qg_watch *qg_watch_child(
	struct qg_loop *loop, pid_t pid, void (*ended)(void *arg, int status), void *arg)
{
	assert(pid > 0);
	struct qg_watch *watch = watch_create(loop, WATCH_CHILD, ended, arg);
	if (watch) {
		watch->pid = pid;
		qg_list_add(&loop->children, &watch->link);
		ev_signal_start(loop->ev, &loop->child_ended);
		/* The child may have ended before anybody listened. */
		ev_feed_event(loop->ev, &loop->child_ended, EV_CUSTOM);
	}
	return watch;
}

static void on_readable(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct qg_watch *watch = watcher->data;
	watch->call(watch->arg, watcher->fd);
}

struct qg_watch *qg_watch_readable(
	struct qg_loop *loop, int fd, void (*ready)(void *arg, int fd), void *arg)
{
	struct qg_watch *watch = watch_create(loop, WATCH_READABLE, ready, arg);
	if (watch) {
		ev_io_init(&watch->io, on_readable, fd, EV_READ);
		watch->io.data = watch;
		ev_io_start(loop->ev, &watch->io);
	}
	return watch;
}

void qg_watch_destroy(struct qg_watch *watch)
{
	if (!watch) {
		return;
	}
	if (watch->kind == WATCH_SIGNAL) {
		ev_signal_stop(watch->loop->ev, &watch->signal);
	} else if (watch->kind == WATCH_READABLE) {
		ev_io_stop(watch->loop->ev, &watch->io);
	}
	qg_list_remove(&watch->link);
	free(watch);
}

struct qg_work *qg_loop_work(struct qg_loop *loop, void (*run)(void *arg, unsigned thread_index),
	void (*done)(void *arg), void *arg)
{
	return pool_put(loop->pool, run, done, arg);
}

size_t qg_loop_work_waiting(const struct qg_loop *loop)
{
	return pool_waiting(loop->pool);
}

uint64_t qg_loop_lag_us(struct qg_loop *loop)
{
	uint64_t lag = loop->lag_us;
	loop->lag_us = 0;
	return lag;
}

void qg_loop_on_turn(struct qg_loop *loop, void (*turn)(void *arg, uint64_t busy_us), void *arg)
{
	loop->turn = turn;
	loop->turn_arg = arg;
}
