/* http_connection.c - owns one connection: its bytes in and out, its deadlines, its end.
 *
 * Requests of a connection are handed out one at a time. What arrives meanwhile is read ahead up to
 * a limit, so that a peer who leaves is noticed; beyond it the connection is not read. An end is
 * always a lingering one: our side is shut and what the peer still sends is dropped for a moment,
 * because closing with unread bytes makes the kernel reset the connection and the peer may lose the
 * answer that told it what was wrong.
 */
#include "http_internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qg/clock.h"

#define LINGER_MS 2000
#define LINGER_BYTES ((size_t)16 << 20)
/* A peer that shut its side may be gone, or may still wait for its answer: it gets this long. */
#define HALF_SHUT_MS 1000
#define MAX_PIECES 4

/* Whether the next bytes of the peer may be looked at. */
static bool is_ready(const struct http_connection *c)
{
	return c->state == HTTP_OPEN && !c->broken && http_connection_backlog(c) == 0 &&
	       (!c->x || c->x->phase == HTTP_X_READING);
}

static void feed_turn(struct http_connection *c)
{
	ev_feed_event(c->server->ev, &c->turn, EV_CUSTOM);
}

void http_connection_break(struct http_connection *c)
{
	c->broken = true;
	feed_turn(c);
}

/* ---- the end ---- */

void http_connection_close(struct http_connection *c)
{
	struct qg_http_server *server = c->server;
	if (c->state == HTTP_CLOSED) {
		return;
	}
	c->state = HTTP_CLOSED;
	ev_io_stop(server->ev, &c->io);
	ev_timer_stop(server->ev, &c->timer);
	ev_clear_pending(server->ev, &c->turn);
	close(c->io.fd);
	if (c->address) {
		unsigned *count = c->refused ? &c->address->refused : &c->address->connections;
		(*count)--;
		http_addresses_put(c->address);
		c->address = NULL;
	}
	qg_list_remove(&c->link);
	qg_list_add(&server->dead, &c->link);
	server->count--;
	http_server_wake_reaper(server);
}

void http_connection_free(struct http_connection *c)
{
	qg_list_remove(&c->link);
	http_tls_close(c);
	qg_buf_finish(&c->in);
	qg_buf_finish(&c->out);
	free(c);
}

bool http_connection_abort(struct http_connection *c)
{
	struct qg_http_exchange *x = c->x;
	http_connection_close(c);
	return x ? http_exchange_lose(x) : true;
}

/* The last answer has left. */
static void end(struct http_connection *c)
{
	if (c->tls) {
		http_tls_bye(c);
	}
	if (c->peer_shut || shutdown(c->io.fd, SHUT_WR) != 0) {
		http_connection_close(c);
		return;
	}
	c->state = HTTP_LINGER;
	http_tls_close(c); /* what still comes is not even decrypted */
	c->read_waits_write = c->write_waits_read = false;
	qg_buf_finish(&c->in);
	c->in_used = 0;
	http_connection_watch(c);
	http_connection_deadline(c, LINGER_MS);
}

static void linger(struct http_connection *c)
{
	ssize_t got = recv(c->io.fd, c->server->scratch, HTTP_SCRATCH, 0);
	if (got > 0) {
		c->lingered += (size_t)got;
	}
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
		c->lingered > LINGER_BYTES) {
		http_connection_close(c);
	}
}

/* ---- out ---- */

/* Sends what the kernel takes now; -1 for a broken connection. */
static ssize_t send_now(struct http_connection *c, struct iovec *pieces, size_t count)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
	ssize_t sent = c->tls	    ? http_tls_send(c, pieces, count)
		       : count == 1 ? send(c->io.fd, pieces->iov_base, pieces->iov_len, flags)
				    : sendmsg(c->io.fd, &message, flags);
	if (sent < 0 &&
		(errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS)) {
		sent = 0;
	}
	return sent;
}

bool http_connection_send(struct http_connection *c, const struct iovec *pieces, size_t count)
{
	if (c->broken || c->state == HTTP_CLOSED) {
		return false;
	}
	struct iovec copy[MAX_PIECES];
	memcpy(copy, pieces, count * sizeof(*pieces));
	ssize_t sent = http_connection_backlog(c) > 0 ? 0 : send_now(c, copy, count);
	if (sent < 0) {
		http_connection_break(c);
		return false;
	}
	size_t skip = (size_t)sent;
	for (size_t i = 0; i < count; i++) {
		size_t gone = skip < pieces[i].iov_len ? skip : pieces[i].iov_len;
		skip -= gone;
		if (gone < pieces[i].iov_len) {
			qg_buf_add(&c->out, (char *)pieces[i].iov_base + gone,
				pieces[i].iov_len - gone);
		}
	}
	if (c->out.failed != QG_OK) {
		http_connection_break(c);
		return false;
	}
	if (http_connection_backlog(c) > 0) {
		http_connection_watch(c);
		http_connection_deadline(c, c->server->limits.idle_ms);
	}
	return true;
}

/* What comes once nothing waits to be written. */
static void rest(struct http_connection *c)
{
	if (c->state == HTTP_ENDING) {
		end(c);
		return;
	}
	if (c->x && c->x->phase == HTTP_X_READING) {
		http_connection_deadline(c, c->server->limits.request_ms);
	} else if (c->x) {
		c->deadline_ms = 0; /* a stream may be silent as long as it likes */
	} else {
		c->timed = false;
		http_connection_deadline(c, c->server->limits.idle_ms);
	}
	http_connection_watch(c);
	if (!c->processing && !c->x && (http_connection_has_ahead(c) || c->peer_shut)) {
		feed_turn(c);
	}
}

void http_connection_answered(struct http_connection *c, bool keep)
{
	if (!keep) {
		c->state = HTTP_ENDING;
	}
	if (c->broken || c->state == HTTP_CLOSED) {
		return;
	}
	if (http_connection_backlog(c) > 0) {
		http_connection_watch(c);
	} else {
		rest(c);
	}
}

/* False: broken. */
static bool flush(struct http_connection *c)
{
	struct iovec piece = {c->out.data + c->out_sent, http_connection_backlog(c)};
	ssize_t sent = send_now(c, &piece, 1);
	if (sent < 0) {
		return false;
	}
	c->out_sent += (size_t)sent;
	if (c->out_sent == c->out.size) {
		qg_buf_finish(&c->out);
		c->out_sent = 0;
		rest(c);
		return true;
	}
	if (c->out_sent > c->out.size / 2) {
		qg_buf_consume(&c->out, c->out_sent);
		c->out_sent = 0;
	}
	if (sent > 0) {
		http_connection_deadline(c, c->server->limits.idle_ms);
	}
	return true;
}

/* ---- in ---- */

/* False: the server is gone. */
static bool hand_out(struct http_connection *c)
{
	struct qg_http_server *server = c->server;
	struct qg_http_exchange *x = c->x;
	x->phase = HTTP_X_HANDED;
	x->received_us = qg_clock_mono_us();
	c->deadline_ms = 0;
	c->timed = false;
	server->counts.requests++;
	if (!c->address && !http_exchange_count_peer(x)) {
		server->counts.refused_address++;
		qg_http_answer_error(x, 429, "too many connections from this address");
		return true;
	}
	http_server_enter(server);
	server->handler(server->handler_arg, x);
	return http_server_leave(server);
}

static void send_continue(struct http_connection *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct iovec piece = {(char *)text, sizeof(text) - 1};
	/* Broken or not, the turn that follows deals with it. */
	(void)http_connection_send(c, &piece, 1);
}

/* Looks at bytes while requests can be handed out; *used_out of them. False: the server is gone. */
static bool process(struct http_connection *c, const char *data, size_t size, size_t *used_out)
{
	size_t at = 0;
	c->processing = true;
	while (at < size && is_ready(c)) {
		size_t used = 0;
		if (!c->x) {
			c->x = http_exchange_take(c);
		}
		if (!c->x) {
			http_answer_refusal(c, 503, "out of memory");
			break;
		}
		struct http_request *request = &c->x->request;
		enum http_step step = http_request_feed(request, data + at, size - at, &used);
		at += used;
		if (!http_exchange_count_body(c->x)) {
			http_answer_refusal(c, 503, "too many large requests at a time");
		} else if (step == HTTP_CONTINUE) {
			send_continue(c);
		} else if (step == HTTP_BAD) {
			c->server->counts.bad_requests++;
			http_answer_refusal(c, request->error_code, request->error_text);
		} else if (step == HTTP_DONE && !hand_out(c)) {
			return false;
		}
	}
	c->processing = false;
	*used_out = at;
	if (c->x && c->x->phase == HTTP_X_READING && !c->timed && c->state == HTTP_OPEN) {
		c->timed = true;
		http_connection_deadline(c, c->server->limits.request_ms);
	}
	return true;
}

/* The peer has shut its side and all it sent was looked at: an unfinished request will never be
 * one. */
static void finish_shut(struct http_connection *c)
{
	if (c->x) {
		c->server->counts.bad_requests++;
		http_answer_refusal(c, 400, "the request is not complete");
	} else {
		http_connection_close(c);
	}
}

static void process_ahead(struct http_connection *c)
{
	size_t used = 0;
	if (http_connection_has_ahead(c) &&
		!process(c, c->in.data + c->in_used, c->in.size - c->in_used, &used)) {
		return;
	}
	c->in_used += used;
	if (!http_connection_has_ahead(c)) {
		qg_buf_finish(&c->in);
		c->in_used = 0;
	}
	if (c->state != HTTP_OPEN) {
		return;
	}
	if (c->peer_shut && is_ready(c) && !http_connection_has_ahead(c)) {
		finish_shut(c);
		return;
	}
	http_connection_watch(c);
}

static void keep_ahead(struct http_connection *c, const char *data, size_t size)
{
	if (size == 0 || c->state != HTTP_OPEN) {
		return;
	}
	if (c->in_used > 0) {
		qg_buf_consume(&c->in, c->in_used);
		c->in_used = 0;
	}
	if (qg_buf_add(&c->in, data, size) != QG_OK) {
		http_connection_break(c);
		return;
	}
	http_connection_watch(c);
}

static void on_peer_shut(struct http_connection *c)
{
	c->peer_shut = true;
	http_connection_watch(c);
	if (c->x && c->x->phase == HTTP_X_STREAMING) {
		http_connection_break(c);
	} else if (c->x && c->x->phase == HTTP_X_HANDED) {
		unsigned limit = c->server->limits.request_ms;
		http_connection_deadline(c, limit < HALF_SHUT_MS ? limit : HALF_SHUT_MS);
	} else if (is_ready(c) && !http_connection_has_ahead(c)) {
		finish_shut(c);
	}
}

static ssize_t receive(struct http_connection *c, char *data, size_t size)
{
	return c->tls ? http_tls_receive(c, data, size) : recv(c->io.fd, data, size, MSG_DONTWAIT);
}

static void on_readable(struct http_connection *c)
{
	bool direct = is_ready(c) && !http_connection_has_ahead(c);
	size_t room = direct ? HTTP_SCRATCH : HTTP_READ_AHEAD - (c->in.size - c->in_used);
	char *scratch = c->server->scratch;
	ssize_t got = room > 0 ? receive(c, scratch, room) : -1;
	if (room == 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))) {
		if (c->tls) {
			http_connection_watch(c);
		}
		return;
	}
	if (got < 0) {
		http_connection_break(c);
	} else if (got == 0) {
		on_peer_shut(c);
	} else if (direct) {
		size_t used;
		if (process(c, scratch, (size_t)got, &used)) {
			keep_ahead(c, scratch + used, (size_t)got - used);
			if (c->tls && c->state == HTTP_OPEN) {
				http_connection_watch(c);
			}
		}
	} else {
		keep_ahead(c, scratch, (size_t)got);
	}
}

/* ---- events ---- */

static void refuse_address(struct http_connection *c)
{
	http_answer_refusal(c, 429, "too many connections from this address");
}

static void shake(struct http_connection *c)
{
	switch (http_tls_shake(c)) {
	case HTTP_TLS_DONE:
		if (c->refused) {
			refuse_address(c);
			return;
		}
		break;
	case HTTP_TLS_MORE:
		break;
	case HTTP_TLS_PLAIN:
		http_tls_close(c);
		c->server->counts.bad_requests++;
		http_answer_refusal(c, 400, "this port speaks TLS");
		return;
	case HTTP_TLS_BROKEN:
		http_connection_break(c);
		return;
	}
	http_connection_watch(c);
}

static void on_io(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct http_connection *c = watcher->data;
	if (c->state == HTTP_LINGER) {
		linger(c);
		return;
	}
	if (c->tls) {
		if (!c->shaken) {
			shake(c);
			return;
		}
		/* What either direction waits for may be the other. */
		events = EV_READ | EV_WRITE;
	}
	if (events & EV_WRITE && http_connection_backlog(c) > 0 && !flush(c)) {
		http_connection_break(c);
		return;
	}
	if (events & EV_READ && (c->state == HTTP_OPEN) && !c->peer_shut && !c->broken) {
		on_readable(c);
	}
}

static void on_turn(struct ev_loop *ev, ev_watcher *watcher, int events)
{
	struct http_connection *c = watcher->data;
	if (c->broken) {
		bool alive = http_connection_abort(c);
		(void)alive; /* nothing is touched after it, gone or not */
	} else if (c->state == HTTP_OPEN && is_ready(c)) {
		process_ahead(c);
	}
}

static void on_deadline(struct http_connection *c)
{
	bool reading = c->x && c->x->phase == HTTP_X_READING;
	if (c->state == HTTP_OPEN && http_connection_backlog(c) == 0 && reading) {
		c->server->counts.timeouts++;
		http_answer_refusal(c, 408, "the request took too long");
	} else {
		/* Idle, lingering, stalled, or shut by the peer while its answer was made. */
		http_connection_break(c);
	}
}

static void on_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct http_connection *c = watcher->data;
	if (http_connection_is_due(c)) {
		on_deadline(c);
	}
}

static void init(struct http_connection *c, int fd)
{
	qg_buf_init(&c->in, HTTP_READ_AHEAD + HTTP_SCRATCH);
	qg_buf_init(&c->out, SIZE_MAX);
	ev_io_init(&c->io, on_io, fd, EV_READ);
	ev_init(&c->timer, on_timer);
	ev_init(&c->turn, on_turn);
	qg_list_init(&c->link);
	c->io.data = c->timer.data = c->turn.data = c;
}

bool http_connection_open(struct qg_http_server *server, int fd, const struct in6_addr *ip,
	struct http_address *address, bool refused)
{
	struct http_connection *c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return false;
	}
	init(c, fd);
	c->server = server;
	if (server->tls && !http_tls_open(c)) {
		close(fd);
		http_connection_free(c);
		return false;
	}
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->ip = *ip;
	c->address = address;
	c->refused = refused;
	qg_list_add(&server->connections, &c->link);
	server->count++;
	if (address) {
		unsigned *count = refused ? &address->refused : &address->connections;
		(*count)++;
	}
	if (refused && !c->tls) {
		refuse_address(c);
		return true;
	}
	ev_io_start(server->ev, &c->io);
	http_connection_deadline(c, server->limits.request_ms);
	return true;
}

static bool is_silent(const struct http_connection *c)
{
	char byte;
	return !http_connection_has_ahead(c) && (!c->tls || http_tls_pending(c) == 0) &&
	       recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

bool http_connection_drain(struct http_connection *c)
{
	struct qg_http_exchange *x = c->x;
	if (c->state != HTTP_OPEN || c->broken || (x && x->phase != HTTP_X_STREAMING)) {
		return true;
	}
	if (x) {
		c->state = HTTP_ENDING;
		bool whole = http_answer_end_stream(x);
		bool alive = http_exchange_lose(x);
		if (alive && whole) {
			http_connection_answered(c, false);
		}
		return alive;
	}
	if (http_connection_backlog(c) > 0) {
		c->state = HTTP_ENDING;
	} else if (is_silent(c)) {
		http_connection_close(c);
	}
	return true;
}
