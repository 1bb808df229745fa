/* redis_sync.c - one question to Redis, waited for: verbs of the command line, tests, the
 * child's shutdown.
 *
 * The reply is a tree in one block: the nodes first, then the texts. */
#include "qg/redis.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "redis_wire.h"
#include "qg/clock.h"

#define DEADLINE 5000
#define MAX_COMMAND ((size_t)64 << 20)
#define READ_SIZE 16384
/* Of one host name that are tried. */
#define MAX_ADDRESSES 4

struct talk {
	int fd;
	uint64_t deadline;
	redisReader *reader;
};

static bool wait_for(const struct talk *talk, short events)
{
	uint64_t now = qg_clock_mono();
	struct pollfd entry = {.fd = talk->fd, .events = events};

	while (now < talk->deadline) {
		int count = poll(&entry, 1, (int)(talk->deadline - now));
		if (count > 0) {
			return true;
		}
		if (count < 0 && errno != EINTR) {
			return false;
		}
		now = qg_clock_mono();
	}
	errno = ETIMEDOUT;
	return false;
}

static bool send_all(const struct talk *talk, const struct qg_buf *out)
{
	size_t sent = 0;

	while (sent < out->size) {
		ssize_t size = send(talk->fd, out->data + sent, out->size - sent, MSG_NOSIGNAL);
		if (size >= 0) {
			sent += (size_t)size;
		} else if (errno != EAGAIN && errno != EINTR) {
			return false;
		} else if (!wait_for(talk, POLLOUT)) {
			return false;
		}
	}
	return true;
}

/* The next reply, or NULL with errno. */
static redisReply *read_reply(const struct talk *talk)
{
	for (;;) {
		void *reply = NULL;
		char bytes[READ_SIZE];
		if (redisReaderGetReply(talk->reader, &reply) != REDIS_OK) {
			errno = EPROTO;
			return NULL;
		}
		if (reply != NULL) {
			return reply;
		}
		ssize_t size = read(talk->fd, bytes, sizeof(bytes));
		if (size == 0) {
			errno = ECONNRESET;
			return NULL;
		}
		if (size < 0 && errno != EAGAIN && errno != EINTR) {
			return NULL;
		}
		if (size < 0 && !wait_for(talk, POLLIN)) {
			return NULL;
		}
		if (size > 0 && redisReaderFeed(talk->reader, bytes, (size_t)size) != REDIS_OK) {
			errno = ENOMEM;
			return NULL;
		}
	}
}

/* Sends out, passes the greetings' replies over and returns the last; NULL with words in error. */
static redisReply *exchange(
	const struct talk *talk, const struct qg_buf *out, int greetings, char *error)
{
	redisReply *reply = NULL;

	if (!send_all(talk, out)) {
		snprintf(error, QG_REDIS_ERROR_SIZE, "Redis: %s", strerror(errno));
		return NULL;
	}
	for (int i = 0; i <= greetings; i++) {
		reply = read_reply(talk);
		if (reply == NULL) {
			snprintf(error, QG_REDIS_ERROR_SIZE, "Redis: %s", strerror(errno));
			return NULL;
		}
		if (i < greetings && reply->type == REDIS_REPLY_ERROR) {
			snprintf(error, QG_REDIS_ERROR_SIZE, "Redis: %.100s", reply->str);
			freeReplyObject(reply);
			return NULL;
		}
		if (i < greetings) {
			freeReplyObject(reply);
		}
	}
	return reply;
}

static size_t text_bytes(const struct qg_redis_reply *nodes, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		bytes += nodes[i].size + 1;
	}
	return bytes;
}

/* A copy that outlives the reader's reply, in one block. */
static struct qg_redis_reply *copy_reply(const redisReply *reply)
{
	size_t count = qg_redis_reply_nodes(reply);
	struct qg_redis_reply *nodes = calloc(count, sizeof(*nodes));

	if (nodes == NULL) {
		return NULL;
	}
	qg_redis_reply_fill(reply, nodes);
	size_t head = count * sizeof(*nodes);
	char *block = malloc(head + text_bytes(nodes, count));
	if (block != NULL) {
		struct qg_redis_reply *copy = (struct qg_redis_reply *)block;
		char *to = block + head;
		qg_redis_reply_fill(reply, copy);
		for (size_t i = 0; i < count; i++) {
			memcpy(to, nodes[i].text, nodes[i].size);
			to[nodes[i].size] = '\0';
			copy[i].text = to;
			to += nodes[i].size + 1;
		}
	}
	free(nodes);
	return (struct qg_redis_reply *)block;
}

static bool is_connected(const struct talk *talk)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (!wait_for(talk, POLLOUT) ||
		getsockopt(talk->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
		return false;
	}
	errno = error;
	return error == 0;
}

/* Tries the addresses of the host in turn. False with words in error. */
static bool connect_to(struct talk *talk, const struct qg_redis_target *target, char *error)
{
	for (unsigned turn = 0; turn < MAX_ADDRESSES; turn++) {
		struct qg_redis_address address = {.size = 0};
		if (target->path == NULL &&
			!qg_redis_target_resolve(target, false, turn, &address)) {
			snprintf(error, QG_REDIS_ERROR_SIZE, "the host of Redis has no address");
			return false;
		}
		talk->fd = qg_redis_target_dial(target, &address);
		if (talk->fd >= 0 && is_connected(talk)) {
			return true;
		}
		snprintf(error, QG_REDIS_ERROR_SIZE, "Redis: %s", strerror(errno));
		if (talk->fd >= 0) {
			close(talk->fd);
			talk->fd = -1;
		}
		if (target->path != NULL) {
			break;
		}
	}
	return false;
}

static struct qg_redis_reply *ask(const struct qg_redis_target *target, char *error, int argc,
	const char *const *argv, const size_t *sizes)
{
	struct talk talk = {.fd = -1, .deadline = qg_clock_mono() + DEADLINE};
	struct qg_redis_reply *answer = NULL;
	QG_AUTO(qg_buf_finish) struct qg_buf out;

	qg_buf_init(&out, MAX_COMMAND);
	if (!connect_to(&talk, target, error)) {
		return NULL;
	}
	talk.reader = redisReaderCreate();
	int greetings = qg_redis_target_greet(target, &out);
	if (qg_redis_encode(&out, 0, NULL, argc, argv, sizes) == QG_OK && talk.reader != NULL) {
		redisReply *reply = exchange(&talk, &out, greetings, error);
		answer = reply != NULL ? copy_reply(reply) : NULL;
		if (reply != NULL && answer == NULL) {
			snprintf(error, QG_REDIS_ERROR_SIZE, "out of memory");
		}
		freeReplyObject(reply);
	} else {
		snprintf(error, QG_REDIS_ERROR_SIZE, "no room for the command");
	}
	if (talk.reader != NULL) {
		redisReaderFree(talk.reader);
	}
	close(talk.fd);
	return answer;
}

struct qg_redis_reply *qg_redis_ask(
	const char *url, char *error, int argc, const char *const *argv, const size_t *sizes)
{
	struct qg_redis_target target;

	if (!qg_redis_target_parse(&target, url, error)) {
		return NULL;
	}
	struct qg_redis_reply *reply = ask(&target, error, argc, argv, sizes);
	qg_redis_target_finish(&target);
	return reply;
}

void qg_redis_reply_free(struct qg_redis_reply *reply)
{
	free(reply);
}
