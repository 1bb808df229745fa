/* pool.c - owns the threads that do slow work off the loop, and the queue in front of them.
 *
 * One queue for all threads, in order of arrival. A thread is started only when work finds none
 * idle, so a process that never needs the pool pays nothing for it. Threads block every signal:
 * those belong to the loop. The road not taken is libeio: it brings its own queue limits and knows
 * no thread index, which the owners of SQLite connections need. */
#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "qg/clock.h"
#include "qg/list.h"

#define MAX_THREADS 8
#define MAX_WAITING 10000

struct qg_work {
	struct qg_list link;
	void (*run)(void *arg, unsigned thread_index);
	void (*done)(void *arg);
	void *arg;
};

struct worker {
	struct pool *pool;
	pthread_t thread;
	unsigned index;
};

struct pool {
	pthread_mutex_t lock; /* guards all below but wake and arg */
	pthread_cond_t work_came, work_ended;
	struct qg_list waiting, finished;
	size_t waiting_count;
	unsigned idle, running, started, max;
	bool stopping;
	struct worker workers[MAX_THREADS];
	void (*wake)(void *arg);
	void *arg;
};

struct pool *pool_create(unsigned threads, void (*wake)(void *arg), void *arg)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	if (!pool) {
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work_came, NULL);
	pthread_cond_init(&pool->work_ended, NULL);
	qg_list_init(&pool->waiting);
	qg_list_init(&pool->finished);
	pool->max = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads;
	pool->wake = wake;
	pool->arg = arg;
	return pool;
}

/* The oldest waiting item, or NULL when the pool stops. Called with the lock held. */
static struct qg_work *wait_for_work(struct pool *pool)
{
	while (!pool->stopping && qg_list_is_empty(&pool->waiting)) {
		pool->idle++;
		pthread_cond_wait(&pool->work_came, &pool->lock);
		pool->idle--;
	}
	if (pool->stopping) {
		return NULL;
	}
	struct qg_work *work = QG_CONTAINER(pool->waiting.next, struct qg_work, link);
	qg_list_remove(&work->link);
	pool->waiting_count--;
	return work;
}

static void *serve(void *arg)
{
	struct worker *worker = arg;
	struct pool *pool = worker->pool;
	struct qg_work *work;

	pthread_mutex_lock(&pool->lock);
	while ((work = wait_for_work(pool))) {
		pool->running++;
		pthread_mutex_unlock(&pool->lock);
		work->run(work->arg, worker->index);
		pthread_mutex_lock(&pool->lock);
		pool->running--;
		pthread_cond_signal(&pool->work_ended);
		bool first = qg_list_is_empty(&pool->finished);
		qg_list_add(&pool->finished, &work->link);
		if (first && !pool->stopping) {
			pool->wake(pool->arg);
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Called with the lock held. Without a further thread the ones that run will come to the work
 * later. */
static void start_thread(struct pool *pool)
{
	struct worker *worker = &pool->workers[pool->started];
	*worker = (struct worker){.pool = pool, .index = pool->started};

	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&worker->thread, NULL, serve, worker) == 0) {
		pool->started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct qg_work *pool_put(struct pool *pool, void (*run)(void *arg, unsigned thread_index),
	void (*done)(void *arg), void *arg)
{
	struct qg_work *work = calloc(1, sizeof(*work));
	if (!work) {
		return NULL;
	}
	*work = (struct qg_work){.run = run, .done = done, .arg = arg};

	pthread_mutex_lock(&pool->lock);
	if (pool->idle <= pool->waiting_count && pool->started < pool->max) {
		start_thread(pool);
	}
	bool accepted = pool->started > 0 && pool->waiting_count < MAX_WAITING;
	if (accepted) {
		qg_list_add(&pool->waiting, &work->link);
		pool->waiting_count++;
		pthread_cond_signal(&pool->work_came);
	}
	pthread_mutex_unlock(&pool->lock);
	if (!accepted) {
		free(work);
		return NULL;
	}
	return work;
}

/* The first of a list taken under the lock, or NULL. */
static struct qg_work *take_finished(struct pool *pool)
{
	struct qg_work *work = NULL;
	pthread_mutex_lock(&pool->lock);
	if (!qg_list_is_empty(&pool->finished)) {
		work = QG_CONTAINER(pool->finished.next, struct qg_work, link);
		qg_list_remove(&work->link);
	}
	pthread_mutex_unlock(&pool->lock);
	return work;
}

bool pool_collect(struct pool *pool, uint64_t most_us)
{
	uint64_t began = qg_clock_mono_us();
	struct qg_work *work;
	while ((work = take_finished(pool))) {
		void (*done)(void *arg) = work->done;
		void *arg = work->arg;
		free(work);
		done(arg);
		if (qg_clock_mono_us() - began >= most_us) {
			return true;
		}
	}
	return false;
}

void pool_finish(struct pool *pool)
{
	bool more = true;
	while (more) {
		pthread_mutex_lock(&pool->lock);
		while (pool->running > 0 || pool->waiting_count > 0) {
			pthread_cond_wait(&pool->work_ended, &pool->lock);
		}
		more = !qg_list_is_empty(&pool->finished);
		pthread_mutex_unlock(&pool->lock);
		pool_collect(pool, UINT64_MAX); /* which may put in more */
	}
}

size_t pool_waiting(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	size_t count = pool->waiting_count;
	pthread_mutex_unlock(&pool->lock);
	return count;
}

static void free_all(struct qg_list *list)
{
	QG_LIST_FOR_EACH (item, list) {
		free(QG_CONTAINER(item, struct qg_work, link));
	}
}

void pool_destroy(struct pool *pool)
{
	if (!pool) {
		return;
	}
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->work_came);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->started; i++) {
		pthread_join(pool->workers[i].thread, NULL);
	}
	free_all(&pool->waiting);
	free_all(&pool->finished);
	pthread_cond_destroy(&pool->work_came);
	pthread_cond_destroy(&pool->work_ended);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
