/* redis_child.c - the private redis-server: who runs it, that it runs, and what people hear of
 * it.
 *
 * The flock on DIR/redis/lock decides who runs it. The server inherits the descriptor, so the
 * lock lasts until the old server has really ended, also where its starter was killed. Who does
 * not get the lock uses the server that is there, and tries the lock again whenever nobody
 * answers.
 *
 * A server that runs but does not answer (stopped, a slow disk, loading) is reported and left
 * alone. One that ended is started again, for ever. */
#include "qg/redis.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "redis_private.h"
#include "redis_wire.h"
#include "qg/backoff.h"
#include "qg/clock.h"
#include "qg/str.h"

/* Waiting between tries to start a server that ends. */
#define RESTART_MIN 20
#define RESTART_MAX 5000
#define STEADY 10000
/* Asking whether it is ready: every few ms at first, for it takes about ten. */
#define PROBE_EAGER 2
#define LOOK_MS 200
#define PROBE_CALM 50
#define PROBES_EAGER 250
#define PROBE_TIMEOUT 1000
/* After so long without an answer people hear of it: one that answered before has no loading to
 * do. */
#define TELL_START 10000
#define TELL_STALL 1000

struct qg_redis_child {
	struct qg_loop *loop;
	char *dir;
	char *url;
	void (*changed)(void *arg, bool ready, const char *words);
	void *arg;
	struct qg_redis_process server; /* its lock_fd is -1 while the lock is another's */
	struct qg_watch *ended;
	struct qg_timer *look_timer; /* in its place without pidfd */
	struct qg_timer *timer;	     /* next start, or next probe, or the probe's deadline */
	struct qg_backoff backoff;
	struct qg_redis_target target;
	struct qg_redis_link probe;
	bool probing;	 /* a probe is on its way */
	bool restarting; /* the timer means a start */
	bool ready;
	char told[QG_REDIS_WORDS_SIZE]; /* last */
	bool told_silence;
	bool was_ready; /* this server, once */
	bool repaired;	/* tried once for this object: a second try would find the same */
	unsigned probes;
	uint64_t asking_since;
	uint64_t started_at;
	uint64_t aof_before;
	struct repair_job *repairing;
};

/* Runs in the pool; outlives a child that is destroyed meanwhile. */
struct repair_job {
	struct qg_redis_child *child;
	int dir_fd;
	int lock_fd;
	enum qg_redis_repair result;
	char words[QG_REDIS_WORDS_SIZE];
};

static void launch_or_wait(struct qg_redis_child *child);

static void tell(struct qg_redis_child *child, bool ready, const char *words)
{
	/* A server that ends again and again for the same reason is said once. */
	bool again = !ready && strcmp(child->told, words) == 0;

	snprintf(child->told, sizeof(child->told), "%s", words);
	if (child->changed != NULL && !again) {
		child->changed(child->arg, ready, words);
	}
}

/* -- the lock -- */

static bool take_lock(struct qg_redis_child *child)
{
	if (child->server.lock_fd >= 0) {
		return true;
	}
	int fd = openat(
		child->server.dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return false;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return false;
	}
	child->server.lock_fd = fd;
	return true;
}

/* -- asking whether it answers -- */

static void ask_later(struct qg_redis_child *child)
{
	child->probing = false;
	qg_timer_start(child->timer, child->probes++ < PROBES_EAGER ? PROBE_EAGER : PROBE_CALM);
}

static void start_asking(struct qg_redis_child *child)
{
	qg_redis_link_close(&child->probe);
	child->restarting = false;
	child->told_silence = false;
	child->asking_since = qg_clock_mono();
	child->probes = 0;
	ask_later(child);
}

static void tell_silence(struct qg_redis_child *child)
{
	char words[QG_REDIS_WORDS_SIZE];

	uint64_t patience = child->was_ready && child->server.pid > 0 ? TELL_STALL : TELL_START;
	if (child->told_silence || qg_clock_mono() - child->asking_since < patience) {
		return;
	}
	child->told_silence = true;
	if (child->server.pid > 0) {
		snprintf(words, sizeof(words),
			"failed: redis-server (pid %d) runs and does not answer; it is left alone",
			(int)child->server.pid);
	} else {
		snprintf(words, sizeof(words),
			"failed: another process holds %s/lock, and its redis-server does not "
			"answer",
			child->dir);
	}
	tell(child, false, words);
}

/* Nobody listens. Where that is not our server, it may be ours to start now. */
static void on_silence(struct qg_redis_child *child)
{
	if (child->server.lock_fd < 0 && take_lock(child)) {
		launch_or_wait(child);
		return;
	}
	ask_later(child);
	tell_silence(child);
}

static void probe(struct qg_redis_child *child)
{
	child->probing = true;
	qg_timer_start(child->timer, PROBE_TIMEOUT);
	if (!qg_redis_link_open(&child->probe)) {
		on_silence(child);
	}
}

static void on_probe_opened(void *arg)
{
	struct qg_redis_child *child = arg;
	static const char *const ping[] = {"PING"};

	qg_redis_encode(&child->probe.out, 0, NULL, 1, ping, NULL);
	qg_redis_link_wake(&child->probe);
}

static void on_probe_broke(void *arg, const char *why)
{
	on_silence(arg);
}

static void became_ready(struct qg_redis_child *child)
{
	char words[QG_REDIS_WORDS_SIZE] = "ready";
	uint64_t now = child->server.pid > 0 && !child->was_ready
			       ? qg_redis_aof_size(child->server.dir_fd)
			       : child->aof_before;

	qg_timer_stop(child->timer);
	child->probing = false;
	child->ready = true;
	child->was_ready = true;
	if (now < child->aof_before) {
		snprintf(words, sizeof(words),
			"ready; the last %llu bytes, a command cut short by a crash, were dropped",
			(unsigned long long)(child->aof_before - now));
	}
	tell(child, true, words);
}

static void on_probe_replied(void *arg, redisReply *reply)
{
	struct qg_redis_child *child = arg;
	/* Out of disk it answers MISCONF: it is there, and its callers hear it from their
	 * commands. */
	bool loading =
		reply->type == REDIS_REPLY_ERROR && qg_redis_error_class(reply->str) != QG_FULL;

	qg_redis_link_close(&child->probe);
	if (loading) {
		ask_later(child);
		tell_silence(child);
	} else {
		became_ready(child);
	}
}

static void on_timer(void *arg)
{
	struct qg_redis_child *child = arg;

	if (child->restarting) {
		child->restarting = false;
		launch_or_wait(child);
	} else if (child->probing) {
		qg_redis_link_close(&child->probe);
		on_silence(child);
	} else {
		probe(child);
	}
}

/* -- its end -- */

static void restart_later(struct qg_redis_child *child)
{
	child->restarting = true;
	qg_timer_start(child->timer, qg_backoff_next(&child->backoff));
}

static void run_repair(void *arg, unsigned thread_index)
{
	struct repair_job *job = arg;

	job->result = qg_redis_aof_repair(job->dir_fd, job->lock_fd, job->words);
}

static void free_job(struct repair_job *job)
{
	close(job->dir_fd);
	close(job->lock_fd);
	free(job);
}

static void repair_done(void *arg)
{
	struct repair_job *job = arg;
	struct qg_redis_child *child = job->child;
	char words[QG_REDIS_WORDS_SIZE];

	memcpy(words, job->words, sizeof(words));
	bool tried = job->result != QG_REPAIR_POSTPONED;
	free_job(job);
	if (child == NULL) {
		return;
	}
	child->repairing = NULL;
	child->repaired = tried;
	restart_later(child);
	if (words[0] != '\0') {
		tell(child, false, words);
	}
}

/* Its own descriptors: the lock then lasts until the repair ended, whatever becomes of child. */
static bool begin_repair(struct qg_redis_child *child)
{
	struct repair_job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		return false;
	}
	job->child = child;
	job->dir_fd = fcntl(child->server.dir_fd, F_DUPFD_CLOEXEC, 0);
	job->lock_fd = fcntl(child->server.lock_fd, F_DUPFD_CLOEXEC, 0);
	if (job->dir_fd < 0 || job->lock_fd < 0 ||
		qg_loop_work(child->loop, run_repair, repair_done, job) == NULL) {
		free_job(job);
		return false;
	}
	child->repairing = job;
	return true;
}

static void stop_watching(struct qg_redis_child *child)
{
	qg_watch_destroy(child->ended);
	child->ended = NULL;
	qg_timer_destroy(child->look_timer);
	child->look_timer = NULL;
}

static void on_ended(void *arg, int fd)
{
	struct qg_redis_child *child = arg;
	char words[QG_REDIS_WORDS_SIZE];

	stop_watching(child);
	bool refused = qg_redis_process_reap(&child->server, words);
	if (child->was_ready && qg_clock_mono() - child->started_at >= STEADY) {
		qg_backoff_reset(&child->backoff);
	}
	qg_redis_link_close(&child->probe);
	child->probing = false;
	child->ready = false;
	/* It gave up before it was ready: damaged files are the one reason that waiting does not
	 * cure. */
	bool damaged = refused && !child->was_ready && !child->repaired;
	if (!damaged || !begin_repair(child)) {
		restart_later(child);
	}
	tell(child, false, words);
}

static void on_look(void *arg)
{
	struct qg_redis_child *child = arg;
	if (qg_redis_process_has_ended(&child->server)) {
		on_ended(child, -1);
	}
}

/* Where the kernel has no pidfd (before 5.3, or kept from a container) its end is looked for instead. */
static bool watch_end(struct qg_redis_child *child)
{
	if (child->server.pid_fd >= 0) {
		child->ended =
			qg_watch_readable(child->loop, child->server.pid_fd, on_ended, child);
		return child->ended != NULL;
	}
	child->look_timer = qg_timer_create(child->loop, on_look, child);
	if (child->look_timer != NULL) {
		qg_timer_repeat(child->look_timer, LOOK_MS);
	}
	return child->look_timer != NULL;
}

/* False with errno. */
static bool launch(struct qg_redis_child *child)
{
	child->aof_before = qg_redis_aof_size(child->server.dir_fd);
	if (!qg_redis_process_start(&child->server)) {
		return false;
	}
	if (!watch_end(child)) {
		qg_redis_process_end(&child->server, &child->target);
		errno = ENOMEM;
		return false;
	}
	child->started_at = qg_clock_mono();
	child->was_ready = false;
	start_asking(child);
	return true;
}

static const char *launch_error(int error)
{
	return error == ENOENT ? "没有安装 redis-server (not installed): apt install redis-server"
			       : strerror(error);
}

static void launch_or_wait(struct qg_redis_child *child)
{
	char words[QG_REDIS_WORDS_SIZE];

	if (launch(child)) {
		return;
	}
	snprintf(words, sizeof(words), "failed: %s", launch_error(errno));
	restart_later(child);
	tell(child, false, words);
}

/* -- making and ending -- */

static bool open_dir(struct qg_redis_child *child, const char *data_dir, char *error)
{
	char *real = realpath(data_dir, NULL);

	child->dir = real != NULL ? qg_str_printf("%s/redis", real) : NULL;
	free(real);
	if (child->dir == NULL || (mkdir(child->dir, 0700) != 0 && errno != EEXIST)) {
		snprintf(error, QG_REDIS_ERROR_SIZE, "%.60s: %s", data_dir, strerror(errno));
		return false;
	}
	child->server.dir_fd = open(child->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (child->server.dir_fd < 0 || fchmod(child->server.dir_fd, 0700) != 0) {
		snprintf(error, QG_REDIS_ERROR_SIZE, "%.60s/redis: %s", data_dir, strerror(errno));
		return false;
	}
	child->url = qg_str_printf("unix:%s/" QG_REDIS_SOCKET, child->dir);
	return child->url != NULL && qg_redis_target_parse(&child->target, child->url, error);
}

static bool prepare(
	struct qg_redis_child *child, const struct qg_redis_child_options *options, char *error)
{
	if (!open_dir(child, options->data_dir, error)) {
		return false;
	}
	qg_redis_link_init(&child->probe, child->loop, &child->target);
	child->probe.opened = on_probe_opened;
	child->probe.replied = on_probe_replied;
	child->probe.broke = on_probe_broke;
	child->probe.arg = child;
	child->timer = qg_timer_create(child->loop, on_timer, child);
	return child->timer != NULL;
}

/* The first start, or the first look at another's server. */
static bool begin(struct qg_redis_child *child, char *error)
{
	if (!take_lock(child)) {
		if (errno != EWOULDBLOCK) {
			snprintf(error, QG_REDIS_ERROR_SIZE, "redis/lock: %s", strerror(errno));
			return false;
		}
		start_asking(child);
		return true;
	}
	if (!launch(child)) {
		snprintf(error, QG_REDIS_ERROR_SIZE, "%s", launch_error(errno));
		return false;
	}
	return true;
}

struct qg_redis_child *qg_redis_child_create(
	struct qg_loop *loop, const struct qg_redis_child_options *options, char *error)
{
	struct qg_redis_child *child = calloc(1, sizeof(*child));

	snprintf(error, QG_REDIS_ERROR_SIZE, "out of memory");
	if (child == NULL) {
		return NULL;
	}
	child->loop = loop;
	child->server.always = options->always;
	child->server.maxmemory =
		options->maxmemory > 0 ? options->maxmemory : qg_redis_default_memory();
	child->changed = options->changed;
	child->arg = options->arg;
	child->server.dir_fd = child->server.lock_fd = child->server.pid_fd = -1;
	qg_backoff_init(&child->backoff, RESTART_MIN, RESTART_MAX);
	if (!prepare(child, options, error) || !begin(child, error)) {
		qg_redis_child_destroy(child);
		return NULL;
	}
	return child;
}

const char *qg_redis_child_url(const struct qg_redis_child *child)
{
	return child->url;
}

bool qg_redis_child_is_ours(const struct qg_redis_child *child)
{
	return child->server.lock_fd >= 0;
}

void qg_redis_child_check(struct qg_redis_child *child)
{
	/* Starting, restarting or asking already: the answer comes by itself. */
	if (!child->ready) {
		return;
	}
	child->ready = false;
	start_asking(child);
}

void qg_redis_child_destroy(struct qg_redis_child *child)
{
	if (child == NULL) {
		return;
	}
	qg_redis_link_finish(&child->probe);
	qg_timer_destroy(child->timer);
	if (child->repairing != NULL) {
		child->repairing->child = NULL;
	}
	stop_watching(child);
	if (child->server.pid > 0) {
		qg_redis_process_end(&child->server, &child->target);
	}
	if (child->server.lock_fd >= 0) {
		close(child->server.lock_fd);
	}
	if (child->server.dir_fd >= 0) {
		close(child->server.dir_fd);
	}
	qg_redis_target_finish(&child->target);
	free(child->server.program);
	free(child->dir);
	free(child->url);
	free(child);
}
