/* redis_link.c - one non-blocking connection to a Redis server.
 *
 * Commands collect in one buffer and leave in one write() just before the loop sleeps: no write
 * event and no epoll change for them as long as the socket takes all. Only a socket that is full
 * gets a write watcher. */
#include "redis_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 16384
#define READS_A_TURN 16
#define MAX_OUT ((size_t)256 << 20)
#define MAX_UNPARSED ((size_t)256 << 20)
#define KEEP_OUT ((size_t)1 << 20)

/* A name being looked up in the pool; outlives a link that was closed meanwhile. */
struct qg_redis_lookup {
	struct qg_redis_link *link; /* NULL: nobody waits any more */
	struct qg_redis_target target;
	struct qg_redis_address address;
	unsigned turn;
	bool found;
};

static void lookup_free(struct qg_redis_lookup *lookup)
{
	qg_redis_target_finish(&lookup->target);
	free(lookup);
}

static void break_off(struct qg_redis_link *link, const char *why)
{
	qg_redis_link_close(link);
	link->broke(link->arg, why);
}

/* Hands on what was read; false when the link was closed meanwhile. */
static bool hand_on(struct qg_redis_link *link)
{
	bool gone = false;

	link->gone = &gone;
	for (;;) {
		void *reply = NULL;
		if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
			link->gone = NULL;
			break_off(link, "Redis sent what is no reply");
			return false;
		}
		if (reply == NULL) {
			break;
		}
		link->replied(link->arg, reply);
		freeReplyObject(reply);
		if (gone) {
			return false;
		}
	}
	link->gone = NULL;
	if (link->reader->len - link->reader->pos > MAX_UNPARSED) {
		break_off(link, "Redis sent too large a reply");
		return false;
	}
	return true;
}

static void on_readable(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct qg_redis_link *link = watcher->data;
	char bytes[READ_SIZE];

	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t size = read(link->fd, bytes, sizeof(bytes));
		if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (size <= 0) {
			break_off(
				link, size == 0 ? "Redis closed the connection" : strerror(errno));
			return;
		}
		if (redisReaderFeed(link->reader, bytes, (size_t)size) != REDIS_OK) {
			break_off(link, "no memory for a reply of Redis");
			return;
		}
		if (!hand_on(link) || (size_t)size < sizeof(bytes)) {
			return;
		}
	}
}

/* Writes what waits. Errors are left to the reading side: no callback may come from here. */
static void flush(struct qg_redis_link *link)
{
	while (link->sent < link->out.size) {
		ssize_t size = send(link->fd, link->out.data + link->sent,
			link->out.size - link->sent, MSG_NOSIGNAL);
		if (size < 0 && errno == EINTR) {
			continue;
		}
		if (size < 0 && errno == EAGAIN) {
			ev_io_start(link->ev, &link->writing);
			return;
		}
		if (size < 0) {
			shutdown(link->fd, SHUT_RDWR);
			break;
		}
		link->sent += (size_t)size;
	}
	ev_io_stop(link->ev, &link->writing);
	link->sent = 0;
	if (link->out.capacity > KEEP_OUT) {
		qg_buf_finish(&link->out);
		qg_buf_init(&link->out, MAX_OUT);
	} else {
		qg_buf_reset(&link->out);
	}
}

static void on_before_sleep(struct ev_loop *ev, struct ev_prepare *watcher, int events)
{
	struct qg_redis_link *link = watcher->data;

	ev_prepare_stop(link->ev, &link->flushing);
	ev_idle_stop(link->ev, &link->awake);
	if (link->is_open && !ev_is_active(&link->writing)) {
		flush(link);
	}
}

static void on_idle(struct ev_loop *ev, struct ev_idle *watcher, int events)
{
	/* It being active is all it is for. */
}

static void on_writable(struct ev_loop *ev, struct ev_io *watcher, int events)
{
	struct qg_redis_link *link = watcher->data;

	if (link->is_open) {
		flush(link);
		return;
	}
	int error = 0;
	socklen_t size = sizeof(error);
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
		break_off(link, strerror(error != 0 ? error : errno));
		return;
	}
	ev_io_stop(link->ev, &link->writing);
	link->is_open = true;
	ev_io_start(link->ev, &link->reading);
	link->opened(link->arg);
}

static bool start(struct qg_redis_link *link, const struct qg_redis_address *address)
{
	link->reader = redisReaderCreate();
	link->fd = link->reader != NULL ? qg_redis_target_dial(link->target, address) : -1;
	if (link->fd < 0) {
		int saved = errno;
		qg_redis_link_close(link);
		errno = saved;
		return false;
	}
	ev_io_set(&link->reading, link->fd, EV_READ);
	ev_io_set(&link->writing, link->fd, EV_WRITE);
	ev_io_start(link->ev, &link->writing);
	return true;
}

static void look_up(void *arg, unsigned thread_index)
{
	struct qg_redis_lookup *lookup = arg;

	lookup->found =
		qg_redis_target_resolve(&lookup->target, false, lookup->turn, &lookup->address);
}

static void looked_up(void *arg)
{
	struct qg_redis_lookup *lookup = arg;
	struct qg_redis_link *link = lookup->link;

	if (link == NULL) {
		lookup_free(lookup);
		return;
	}
	link->lookup = NULL;
	struct qg_redis_address address = lookup->address;
	bool found = lookup->found;
	lookup_free(lookup);
	if (!found) {
		break_off(link, "the host of Redis has no address");
	} else if (!start(link, &address)) {
		break_off(link, strerror(errno));
	}
}

static bool start_lookup(struct qg_redis_link *link)
{
	struct qg_redis_lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL) {
		return false;
	}
	lookup->link = link;
	lookup->turn = link->turns++;
	lookup->target.host = strdup(link->target->host);
	lookup->target.port = strdup(link->target->port);
	if (lookup->target.host == NULL || lookup->target.port == NULL ||
		qg_loop_work(link->loop, look_up, looked_up, lookup) == NULL) {
		lookup_free(lookup);
		errno = ENOMEM;
		return false;
	}
	link->lookup = lookup;
	return true;
}

void qg_redis_link_init(
	struct qg_redis_link *link, struct qg_loop *loop, const struct qg_redis_target *target)
{
	link->loop = loop;
	link->ev = qg_loop_ev(loop);
	link->target = target;
	link->fd = -1;
	qg_buf_init(&link->out, MAX_OUT);
	ev_io_init(&link->reading, on_readable, -1, EV_READ);
	ev_io_init(&link->writing, on_writable, -1, EV_WRITE);
	ev_prepare_init(&link->flushing, on_before_sleep);
	ev_set_priority(&link->flushing, EV_MINPRI);
	ev_idle_init(&link->awake, on_idle);
	link->reading.data = link->writing.data = link->flushing.data = link;
}

bool qg_redis_link_open(struct qg_redis_link *link)
{
	struct qg_redis_address address = {.size = 0};

	if (link->target->path == NULL &&
		!qg_redis_target_resolve(link->target, true, 0, &address)) {
		return start_lookup(link);
	}
	return start(link, &address);
}

void qg_redis_link_wake(struct qg_redis_link *link)
{
	if (!ev_is_active(&link->flushing)) {
		ev_prepare_start(link->ev, &link->flushing);
		/* Asked for by another watcher of this very kind, the flush comes a turn later,
		 * not a sleep. */
		ev_idle_start(link->ev, &link->awake);
	}
}

void qg_redis_link_close(struct qg_redis_link *link)
{
	if (link->gone != NULL) {
		*link->gone = true;
		link->gone = NULL;
	}
	if (link->lookup != NULL) {
		link->lookup->link = NULL;
		link->lookup = NULL;
	}
	if (link->ev != NULL) {
		ev_io_stop(link->ev, &link->reading);
		ev_io_stop(link->ev, &link->writing);
		ev_prepare_stop(link->ev, &link->flushing);
		ev_idle_stop(link->ev, &link->awake);
		if (link->fd >= 0) {
			close(link->fd);
		}
		link->fd = -1;
	}
	if (link->reader != NULL) {
		redisReaderFree(link->reader);
		link->reader = NULL;
	}
	link->is_open = false;
	link->sent = 0;
	qg_buf_finish(&link->out);
}

void qg_redis_link_finish(struct qg_redis_link *link)
{
	qg_redis_link_close(link);
	link->ev = NULL;
}
