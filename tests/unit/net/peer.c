/* peer.c - raw TCP peers for the tests of the HTTP front, as peer.h says. */
#include "peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "qg/clock.h"

#define GUARD_MS 30000
#define STEP_MS 2
#define STEP_MOST_US 20000

struct qg_loop *loop;
static struct qg_timer *guard, *tick, *step;
static bool (*until)(void *arg);
static void *until_arg;
static int turns_left;

static void on_guard(void *arg)
{
	ck_abort_msg("nothing came within the test's time");
}

/* The clock of these tests goes while their loop does: of a long absence, of ours or of the whole machine, it counts
 * but a step, so that no time ends while what would have come in time lies unread. */
static uint64_t real_us, clock_us;
static int64_t clock_ahead;

static uint64_t real_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void count_time(void)
{
	uint64_t now = real_now(), passed = now - real_us;
	real_us = now;
	clock_us += passed < STEP_MOST_US ? passed : STEP_MOST_US;
	qg_clock_fix((int64_t)(clock_us / 1000) + clock_ahead, clock_us / 1000);
}

static void begin_time(void)
{
	real_us = real_now();
	clock_us = qg_clock_mono_us();
	clock_ahead = qg_clock_wall() - (int64_t)(clock_us / 1000);
	count_time();
}

/* So that the loop turns while nothing comes. */
static void on_step(void *arg)
{
}

static void on_turn(void *arg, uint64_t busy_us)
{
	count_time();
	if (until && until(until_arg)) {
		qg_loop_stop(loop);
	}
}

static void on_tick(void *arg)
{
	if (--turns_left > 0) {
		qg_timer_start(tick, 0);
	} else if (!until) {
		qg_loop_stop(loop);
	}
}

void peer_setup(void)
{
	loop = qg_loop_create(1);
	ck_assert_ptr_nonnull(loop);
	qg_loop_on_turn(loop, on_turn, NULL);
	begin_time();
	guard = qg_timer_create(loop, on_guard, NULL);
	step = qg_timer_create(loop, on_step, NULL);
	tick = qg_timer_create(loop, on_tick, NULL);
}

void peer_teardown(void)
{
	qg_timer_destroy(guard);
	qg_timer_destroy(tick);
	qg_timer_destroy(step);
	qg_loop_destroy(loop);
	qg_clock_fix(-1, 0);
}

void run_until(bool (*is)(void *arg), void *arg)
{
	if (is(arg)) {
		return;
	}
	until = is;
	until_arg = arg;
	/* What was noted while the loop did not run happens before its first turn. */
	turns_left = 1;
	qg_timer_start(tick, 0);
	qg_timer_start(guard, GUARD_MS);
	qg_timer_repeat(step, STEP_MS);
	qg_loop_run(loop);
	qg_timer_stop(step);
	qg_timer_stop(guard);
	until = NULL;
}

void run_turns(int turns)
{
	turns_left = turns;
	qg_timer_start(tick, 0);
	qg_loop_run(loop);
}

static void on_bytes(void *arg, int fd)
{
	struct peer *peer = arg;
	char bytes[65536];
	ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (got > 0) {
		peer->data = realloc(peer->data, peer->size + (size_t)got + 1);
		ck_assert_ptr_nonnull(peer->data);
		memcpy(peer->data + peer->size, bytes, (size_t)got);
		peer->size += (size_t)got;
		peer->data[peer->size] = '\0';
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		peer->eof = got == 0;
		peer->reset = got < 0;
		peer_deafen(peer);
	}
}

struct peer *peer_open_from(const struct qg_http_server *server, const char *source)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	ck_assert_ptr_nonnull(peer);
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(peer->fd, 0);
	struct sockaddr_in address = {.sin_family = AF_INET};
	if (source) {
		ck_assert_int_eq(inet_pton(AF_INET, source, &address.sin_addr), 1);
		ck_assert_int_eq(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	}
	address.sin_port = htons((uint16_t)qg_http_server_port(server));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* The kernel completes it from the backlog; the loop need not run. */
	ck_assert_int_eq(connect(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	int on = 1;
	setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(peer->fd, F_SETFL, O_NONBLOCK);
	peer->data = calloc(1, 1);
	peer_listen(peer);
	return peer;
}

struct peer *peer_open(const struct qg_http_server *server)
{
	return peer_open_from(server, NULL);
}

void peer_close(struct peer *peer)
{
	if (peer) {
		qg_watch_destroy(peer->watch);
		close(peer->fd);
		free(peer->data);
		free(peer);
	}
}

void peer_send(struct peer *peer, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(peer->fd, data, size, MSG_NOSIGNAL);
		if (sent < 0) {
			/* Full: let the server read. Broken: the test will see it where it looks.
			 * */
			if (errno != EAGAIN) {
				return;
			}
			run_turns(2);
			sent = 0;
		}
		data += sent;
		size -= (size_t)sent;
	}
}

void peer_say(struct peer *peer, const char *text)
{
	peer_send(peer, text, strlen(text));
}

void peer_shut(struct peer *peer)
{
	shutdown(peer->fd, SHUT_WR);
}

void peer_deafen(struct peer *peer)
{
	qg_watch_destroy(peer->watch);
	peer->watch = NULL;
}

void peer_listen(struct peer *peer)
{
	peer->watch = qg_watch_readable(loop, peer->fd, on_bytes, peer);
	ck_assert_ptr_nonnull(peer->watch);
}

void peer_forget(struct peer *peer)
{
	peer->size = 0;
	peer->data[0] = '\0';
}

/* Behind the whole answer at text, or NULL. */
static const char *after_answer(const char *text, const char *end)
{
	const char *head_end = strstr(text, "\r\n\r\n");
	if (!head_end) {
		return NULL;
	}
	const char *length = strcasestr(text, "\r\nContent-Length:");
	size_t size = length && length < head_end ? strtoul(length + 17, NULL, 10) : 0;
	const char *body = head_end + 4;
	return (size_t)(end - body) >= size ? body + size : NULL;
}

int peer_answers(const struct peer *peer)
{
	int count = 0;
	const char *at = peer->data;
	const char *end = peer->data + peer->size;
	while (at && at < end) {
		at = after_answer(at, end);
		count += at != NULL;
	}
	return count;
}

struct wish {
	struct peer *peer;
	int answers;
	const char *text;
};

static bool has_answers(void *arg)
{
	struct wish *wish = arg;
	return wish->peer->eof || wish->peer->reset || peer_answers(wish->peer) >= wish->answers;
}

static bool has_text(void *arg)
{
	struct wish *wish = arg;
	return wish->peer->eof || wish->peer->reset || strstr(wish->peer->data, wish->text);
}

static bool has_ended(void *arg)
{
	struct peer *peer = arg;
	return peer->eof || peer->reset;
}

void peer_wait_answers(struct peer *peer, int count)
{
	struct wish wish = {.peer = peer, .answers = count};
	run_until(has_answers, &wish);
	ck_assert_int_ge(peer_answers(peer), count);
}

void peer_wait_text(struct peer *peer, const char *text)
{
	struct wish wish = {.peer = peer, .text = text};
	run_until(has_text, &wish);
	ck_assert_msg(strstr(peer->data, text) != NULL, "'%s' is not in '%s'", text, peer->data);
}

void peer_wait_end(struct peer *peer)
{
	run_until(has_ended, peer);
}

int peer_code(const struct peer *peer)
{
	return strncmp(peer->data, "HTTP/1.1 ", 9) == 0 ? (int)strtol(peer->data + 9, NULL, 10) : 0;
}
