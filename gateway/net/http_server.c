/* http_server.c - owns a listener and all its connections: who gets in, how it drains, how it ends.
 *
 * Closed connections go to a list of the dead and are freed by a reaper that runs after the current
 * callback, so no function up the stack loses the connection it works on. Foreign code (handlers,
 * gone, drained) may destroy the server: calls into it are counted, and the memory goes when the
 * last one returns. */
#include "http_internal.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qg/str.h"

#define ERROR_SIZE 128
#define BACKLOG 1024
/* Connections taken in one turn; the rest waits in the kernel for the next. */
#define ACCEPT_BATCH 64
/* After accept() ran out of descriptors or memory. */
#define ACCEPT_RETRY_S 0.1
/* Descriptors left for all else that a process opens. */
#define SPARE_DESCRIPTORS 128
/* Connections of one address that are told 429 at a time; more are closed without a word. */
#define MAX_REFUSED 16
#define MAX_HEAD_OUT 65536
#define MAX_HOST 256

void qg_http_limits_init(struct qg_http_limits *limits)
{
	*limits = (struct qg_http_limits){
		.body = (size_t)1 << 20,
		.head = 16384,
		.request_ms = 10000,
		.idle_ms = 60000,
		.connections_per_address = 256,
		.connections = 20000,
		.stream_backlog = (size_t)1 << 20,
	};
}

/* ---- the end of things ---- */

static void free_server(struct qg_http_server *server)
{
	QG_LIST_FOR_EACH (dead, &server->dead) {
		http_connection_free(QG_CONTAINER(dead, struct http_connection, link));
	}
	QG_LIST_FOR_EACH (spare, &server->spare) {
		http_exchange_free(QG_CONTAINER(spare, struct qg_http_exchange, link));
	}
	QG_LIST_FOR_EACH (orphan, &server->orphans) {
		/* Its handler will still answer it, and that frees it. */
		struct qg_http_exchange *x = QG_CONTAINER(orphan, struct qg_http_exchange, link);
		x->server = NULL;
		qg_list_remove(orphan);
	}
	ev_clear_pending(server->ev, &server->reaper);
	http_tls_finish(server);
	http_addresses_destroy(server->addresses);
	free(server->trusted);
	qg_buf_finish(&server->head);
	free(server);
}

void http_server_enter(struct qg_http_server *server)
{
	server->calls++;
}

bool http_server_leave(struct qg_http_server *server)
{
	server->calls--;
	if (!server->destroyed) {
		return true;
	}
	if (server->calls == 0) {
		free_server(server);
	}
	return false;
}

static void stop_listening(struct qg_http_server *server)
{
	ev_io_stop(server->ev, &server->accept_io);
	ev_timer_stop(server->ev, &server->accept_retry);
	if (server->listener >= 0) {
		close(server->listener);
		server->listener = -1;
	}
}

/* False: the server is gone. */
static bool abort_all(struct qg_http_server *server)
{
	while (!qg_list_is_empty(&server->connections)) {
		struct http_connection *first =
			QG_CONTAINER(server->connections.next, struct http_connection, link);
		if (!http_connection_abort(first)) {
			return false;
		}
	}
	return true;
}

void qg_http_server_destroy(struct qg_http_server *server)
{
	if (!server || server->closing) {
		return;
	}
	server->closing = true;
	stop_listening(server);
	ev_timer_stop(server->ev, &server->drain_timer);
	http_server_enter(server);
	bool alive = abort_all(server);
	assert(alive); /* only what follows ends it */
	server->destroyed = true;
	alive = http_server_leave(server);
	(void)alive;
}

/* ---- drain ---- */

/* Looks once at each connection: gone() calls in between may close any of them. False: the server
 * is gone. */
static bool begin_drain(struct qg_http_server *server)
{
	while (!qg_list_is_empty(&server->connections)) {
		struct http_connection *first =
			QG_CONTAINER(server->connections.next, struct http_connection, link);
		if (first->drain_looked) {
			break;
		}
		first->drain_looked = true;
		qg_list_remove(&first->link);
		qg_list_add(&server->connections, &first->link);
		if (!http_connection_drain(first)) {
			return false;
		}
	}
	return true;
}

/* False: the server is gone. */
static bool look_after_drain(struct qg_http_server *server)
{
	if (!server->drain_begun) {
		server->drain_begun = true;
		if (!begin_drain(server)) {
			return false;
		}
	}
	if (server->count > 0 || server->drain_told) {
		return true;
	}
	server->drain_told = true;
	ev_timer_stop(server->ev, &server->drain_timer);
	http_server_enter(server);
	server->drained(server->drained_arg);
	return http_server_leave(server);
}

static void on_reaper(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct qg_http_server *server = watcher->data;
	if (server->draining && !look_after_drain(server)) {
		return;
	}
	QG_LIST_FOR_EACH (dead, &server->dead) {
		http_connection_free(QG_CONTAINER(dead, struct http_connection, link));
	}
}

void http_server_wake_reaper(struct qg_http_server *server)
{
	ev_feed_event(server->ev, &server->reaper, EV_CUSTOM);
}

static void on_drain_timeout(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct qg_http_server *server = watcher->data;
	if (abort_all(server)) {
		http_server_wake_reaper(server);
	}
}

static void accept_some(struct qg_http_server *server);

void qg_http_server_drain(
	struct qg_http_server *server, unsigned timeout_ms, void (*drained)(void *arg), void *arg)
{
	if (server->draining) {
		return;
	}
	/* Who connected before now may have sent its request already: it gets its answer. */
	accept_some(server);
	stop_listening(server);
	server->draining = true;
	server->drained = drained;
	server->drained_arg = arg;
	ev_now_update(server->ev);
	ev_timer_set(&server->drain_timer, timeout_ms / 1e3, 0);
	ev_timer_start(server->ev, &server->drain_timer);
	http_server_wake_reaper(server);
}

/* ---- who gets in ---- */

static void to_v6(const struct sockaddr_storage *from, struct in6_addr *ip_out)
{
	memset(ip_out, 0, sizeof(*ip_out));
	if (from->ss_family == AF_INET6) {
		*ip_out = ((const struct sockaddr_in6 *)from)->sin6_addr;
	} else {
		ip_out->s6_addr[10] = ip_out->s6_addr[11] = 0xff;
		memcpy(ip_out->s6_addr + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
	}
}

/* A refusal that nobody waits for. */
static void turn_away(struct qg_http_server *server, int fd)
{
	static const char text[] =
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n"
		"Retry-After: 5\r\n\r\n";
	if (!server->tls) {
		(void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	close(fd);
	server->counts.refused_limit++;
}

static void admit(struct qg_http_server *server, int fd, const struct in6_addr *ip)
{
	if (server->count >= server->limits.connections) {
		turn_away(server, fd);
		return;
	}
	struct http_address *address = NULL;
	bool refused = false;
	/* Behind a trusted proxy all have its address: there each request counts for the one it
	 * was forwarded for (http_exchange_count_peer). */
	if (!http_network_has(server->trusted, server->trusted_count, ip)) {
		address = http_addresses_get(server->addresses, ip);
		if (!address) {
			turn_away(server, fd);
			return;
		}
		refused = address->connections >= server->limits.connections_per_address;
	}
	if (refused) {
		server->counts.refused_address++;
		if (address->refused >= MAX_REFUSED) {
			close(fd);
			return;
		}
	} else {
		server->counts.connections++;
	}
	if (!http_connection_open(server, fd, ip, address, refused)) {
		http_addresses_put(address);
	}
}

static void accept_some(struct qg_http_server *server)
{
	for (int i = 0; i < ACCEPT_BATCH && server->listener >= 0; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		int fd = accept4(server->listener, (struct sockaddr *)&from, &size,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			struct in6_addr ip;
			to_v6(&from, &ip);
			admit(server, fd, &ip);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			ev_io_stop(server->ev, &server->accept_io);
			ev_timer_set(&server->accept_retry, ACCEPT_RETRY_S, 0);
			ev_timer_start(server->ev, &server->accept_retry);
			return;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		}
		/* Any other error is one of that connection alone. */
	}
}

static void on_accept(struct ev_loop *ev, ev_io *watcher, int events)
{
	accept_some(watcher->data);
}

static void on_accept_retry(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct qg_http_server *server = watcher->data;
	ev_io_start(ev, &server->accept_io);
}

/* ---- start ---- */

/* "HOST:PORT" or "[V6]:PORT" in two; false for anything else. */
static bool split_address(const char *text, char *host, const char **port_out)
{
	const char *colon = strrchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : 0;
	bool bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';
	if (bracketed) {
		text++;
		size -= 2;
	}
	int64_t port;
	if (!colon || size == 0 || size >= MAX_HOST ||
		!qg_str_to_int64(colon + 1, 0, 65535, &port) ||
		(!bracketed && memchr(text, ':', size))) {
		return false;
	}
	memcpy(host, text, size);
	host[size] = '\0';
	*port_out = colon + 1;
	return true;
}

static int bind_to(const struct addrinfo *info, char *error)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		snprintf(error, ERROR_SIZE, "no socket: %s", strerror(errno));
		return -1;
	}
	int on = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		snprintf(error, ERROR_SIZE, "cannot listen: %s", strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static int open_listener(const char *address, char *error)
{
	char host[MAX_HOST];
	const char *port;
	if (!split_address(address, host, &port)) {
		snprintf(error, ERROR_SIZE, "'%.64s' is not HOST:PORT", address);
		return -1;
	}
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	int code = getaddrinfo(host, port, &hints, &found);
	if (code != 0) {
		snprintf(error, ERROR_SIZE, "'%.64s': %s", host, gai_strerror(code));
		return -1;
	}
	int fd = bind_to(found, error);
	freeaddrinfo(found);
	return fd;
}

static void note_address(struct qg_http_server *server)
{
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	memset(&bound, 0, sizeof(bound));
	(void)getsockname(server->listener, (struct sockaddr *)&bound, &size);
	bool v6 = bound.ss_family == AF_INET6;
	/* The port stands at the same place in both. */
	server->port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
	struct in6_addr ip;
	char text[INET6_ADDRSTRLEN];
	to_v6(&bound, &ip);
	http_ip_format(&ip, text);
	snprintf(server->address, sizeof(server->address), v6 ? "[%s]:%u" : "%s:%u", text,
		server->port);
}

static unsigned connections_allowed(unsigned wanted)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
		return wanted;
	}
	rlim_t left = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS
							     : limit.rlim_cur / 2;
	return left < wanted ? (unsigned)left : wanted;
}

static void init_server(struct qg_http_server *server, const struct qg_http_limits *limits)
{
	server->limits = *limits;
	server->limits.connections = connections_allowed(limits->connections);
	qg_list_init(&server->connections);
	qg_list_init(&server->dead);
	qg_list_init(&server->spare);
	qg_list_init(&server->orphans);
	qg_buf_init(&server->head, MAX_HEAD_OUT);
	ev_io_init(&server->accept_io, on_accept, server->listener, EV_READ);
	ev_init(&server->accept_retry, on_accept_retry);
	ev_init(&server->drain_timer, on_drain_timeout);
	ev_init(&server->reaper, on_reaper);
	server->accept_io.data = server->accept_retry.data = server;
	server->drain_timer.data = server->reaper.data = server;
}

struct qg_http_server *qg_http_server_create(struct qg_loop *loop, const char *address,
	const struct qg_http_limits *limits, qg_http_handler handler, void *arg, char *error)
{
	struct qg_http_server *server = calloc(1, sizeof(*server));
	if (!server) {
		goto no_memory;
	}
	server->addresses = http_addresses_create();
	if (!server->addresses) {
		goto free_server;
	}
	server->listener = open_listener(address, error);
	if (server->listener < 0) {
		http_addresses_destroy(server->addresses);
		free(server);
		return NULL;
	}
	server->loop = loop;
	server->ev = qg_loop_ev(loop);
	server->handler = handler;
	server->handler_arg = arg;
	init_server(server, limits);
	note_address(server);
	ev_io_start(server->ev, &server->accept_io);
	return server;
free_server:
	free(server);
no_memory:
	snprintf(error, ERROR_SIZE, "out of memory");
	return NULL;
}

/* ---- what others ask ---- */

const char *qg_http_server_address(const struct qg_http_server *server)
{
	return server->address;
}

unsigned qg_http_server_port(const struct qg_http_server *server)
{
	return server->port;
}

size_t qg_http_server_connections(const struct qg_http_server *server)
{
	return server->count;
}

enum qg_status qg_http_server_trust(
	struct qg_http_server *server, const char *const *proxies, size_t count)
{
	struct http_network *networks = count > 0 ? calloc(count, sizeof(*networks)) : NULL;
	if (count > 0 && !networks) {
		return QG_NO_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		if (!http_network_parse(proxies[i], &networks[i])) {
			free(networks);
			return QG_INVALID;
		}
	}
	free(server->trusted);
	server->trusted = networks;
	server->trusted_count = count;
	return QG_OK;
}

void qg_http_server_set_connections_per_address(struct qg_http_server *server, unsigned limit)
{
	server->limits.connections_per_address = limit;
}

void qg_http_server_counts(const struct qg_http_server *server, struct qg_http_counts *counts_out)
{
	*counts_out = server->counts;
}
