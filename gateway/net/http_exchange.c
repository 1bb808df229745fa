/* http_exchange.c - owns what a handler can read of a request, and the spare exchanges of a server.
 *
 * An exchange and its buffers serve one request after the other: a busy server allocates nothing a
 * request, and an idle connection holds none. */
#include "http_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/str.h"

/* Spare exchanges a server keeps, each with up to 20 KB of buffers. */
#define MAX_SPARE 256
/* All bodies of a server together may take as much memory as this many of the largest. Small ones,
 * and with them nearly every webhook, are taken even then: the limit over all connections bounds
 * them. */
#define MAX_LARGE_BODIES 128
#define SMALL_BODY 16384
/* Headers a handler may add to an answer. */
#define MAX_EXTRA 16384

struct qg_http_exchange *http_exchange_take(struct http_connection *connection)
{
	struct qg_http_server *server = connection->server;
	struct qg_http_exchange *x;
	if (!qg_list_is_empty(&server->spare)) {
		x = QG_CONTAINER(server->spare.next, struct qg_http_exchange, link);
		qg_list_remove(&x->link);
		server->spare_count--;
	} else {
		x = malloc(sizeof(*x));
		if (!x) {
			return NULL;
		}
		qg_list_init(&x->link);
		http_request_init(&x->request, server->limits.head, server->limits.body);
		qg_buf_init(&x->extra, MAX_EXTRA);
	}
	x->server = server;
	x->connection = connection;
	x->phase = HTTP_X_READING;
	x->ip = connection->ip;
	x->address = NULL;
	x->received_us = 0;
	x->counted = 0;
	x->gone = NULL;
	x->gone_arg = NULL;
	x->peer[0] = '\0';
	return x;
}

bool http_exchange_count_body(struct qg_http_exchange *x)
{
	struct qg_http_server *server = x->server;
	size_t now = x->request.body.capacity;
	server->body_memory += now - x->counted;
	x->counted = now;
	return now <= SMALL_BODY || server->body_memory / MAX_LARGE_BODIES <= server->limits.body;
}

void http_exchange_free(struct qg_http_exchange *x)
{
	qg_list_remove(&x->link);
	http_request_finish(&x->request);
	qg_buf_finish(&x->extra);
	free(x);
}

/* The one it was forwarded for asks no more. */
static void uncount_peer(struct qg_http_exchange *x)
{
	if (x->address) {
		x->address->connections--;
		http_addresses_put(x->address);
		x->address = NULL;
	}
}

void http_exchange_put(struct qg_http_exchange *x)
{
	struct qg_http_server *server = x->server;
	uncount_peer(x);
	if (x->connection) {
		x->connection->x = NULL;
		x->connection = NULL;
	}
	if (server) {
		server->body_memory -= x->counted;
		x->counted = 0;
	}
	if (!server || server->destroyed || server->spare_count >= MAX_SPARE) {
		http_exchange_free(x);
		return;
	}
	http_request_reset(&x->request);
	if (x->extra.capacity > 0) {
		qg_buf_finish(&x->extra);
	}
	qg_list_remove(&x->link);
	/* The last used is the next: its memory is still in the processor's cache. */
	x->link.prev = &server->spare;
	x->link.next = server->spare.next;
	server->spare.next->prev = &x->link;
	server->spare.next = &x->link;
	server->spare_count++;
}

bool http_exchange_lose(struct qg_http_exchange *x)
{
	struct qg_http_server *server = x->server;
	void (*gone)(void *arg) = x->gone;
	void *arg = x->gone_arg;

	x->connection->x = NULL;
	x->connection = NULL;
	if (!gone && x->phase != HTTP_X_READING) {
		/* Nobody is told, so the handler will still answer: x must wait for that. */
		uncount_peer(x);
		qg_list_add(&server->orphans, &x->link);
		return true;
	}
	bool told = gone && x->phase != HTTP_X_READING;
	http_exchange_put(x);
	if (!told) {
		return true;
	}
	http_server_enter(server);
	gone(arg);
	return http_server_leave(server);
}

void qg_http_on_gone(struct qg_http_exchange *x, void (*gone)(void *arg), void *arg)
{
	x->gone = gone;
	x->gone_arg = arg;
}

const char *qg_http_method(const struct qg_http_exchange *x)
{
	return http_method_str((enum http_method)x->request.method);
}

const char *qg_http_path(const struct qg_http_exchange *x)
{
	return x->request.head.data + x->request.path;
}

const char *qg_http_query(const struct qg_http_exchange *x)
{
	return x->request.head.data + x->request.query;
}

const char *qg_http_header(const struct qg_http_exchange *x, const char *name)
{
	const struct http_field *field = http_request_next(&x->request, name, NULL);
	return field ? x->request.head.data + field->value : NULL;
}

const char *qg_http_body(const struct qg_http_exchange *x, size_t *size_out)
{
	*size_out = x->request.body.size;
	return x->request.body.data ? x->request.body.data : "";
}

uint64_t qg_http_received_us(const struct qg_http_exchange *x)
{
	return x->received_us;
}

/* The value of name in one Cookie header; NULL if absent. */
static const char *find_cookie(const char *text, const char *name, size_t *size_out)
{
	size_t name_size = strlen(name);
	while (*text) {
		text += strspn(text, "; \t");
		size_t size = strcspn(text, ";");
		if (size > name_size && strncmp(text, name, name_size) == 0 &&
			text[name_size] == '=') {
			const char *value = text + name_size + 1;
			size -= name_size + 1;
			while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
				size--;
			}
			*size_out = size;
			return value;
		}
		text += size;
	}
	return NULL;
}

char *qg_http_cookie(const struct qg_http_exchange *x, const char *name)
{
	const struct http_field *field = NULL;
	while ((field = http_request_next(&x->request, "Cookie", field))) {
		size_t size;
		const char *value = find_cookie(x->request.head.data + field->value, name, &size);
		if (value) {
			return qg_str_copy_n(value, size);
		}
	}
	return NULL;
}

/* The address before the last comma of list[0..*size], blanks cut; shortens *size to what stands
 * before it. */
static bool last_address(const char *list, size_t *size, struct in6_addr *ip_out)
{
	size_t start = *size;
	while (start > 0 && list[start - 1] != ',') {
		start--;
	}
	size_t end = *size;
	*size = start > 0 ? start - 1 : 0;
	while (start < end && (list[start] == ' ' || list[start] == '\t')) {
		start++;
	}
	while (end > start && (list[end - 1] == ' ' || list[end - 1] == '\t')) {
		end--;
	}
	char text[INET6_ADDRSTRLEN];
	if (end - start >= sizeof(text)) {
		return false;
	}
	memcpy(text, list + start, end - start);
	text[end - start] = '\0';
	return http_ip_parse(text, ip_out);
}

/* Walks one X-Forwarded-For from its end: each trusted address vouches for the one before it. False
 * once an address that nobody vouches further for was found, or the list makes no sense. */
static bool walk_forwarded(
	const struct qg_http_server *server, const char *list, struct in6_addr *ip)
{
	size_t size = strlen(list);
	while (size > 0) {
		struct in6_addr next;
		if (!last_address(list, &size, &next)) {
			return false;
		}
		*ip = next;
		if (!http_network_has(server->trusted, server->trusted_count, ip)) {
			return false;
		}
	}
	return true;
}

static struct in6_addr find_ip(const struct qg_http_exchange *x)
{
	const struct qg_http_server *server = x->server;
	struct in6_addr ip = x->ip;
	if (server && http_network_has(server->trusted, server->trusted_count, &ip)) {
		/* Several such headers are one list: begin with the last. */
		for (size_t i = x->request.field_count; i-- > 0;) {
			const struct http_field *field = &x->request.fields[i];
			const char *name = x->request.head.data + field->name;
			if (strcasecmp(name, "X-Forwarded-For") == 0 &&
				!walk_forwarded(server, x->request.head.data + field->value, &ip)) {
				break;
			}
		}
	}
	return ip;
}

bool http_exchange_count_peer(struct qg_http_exchange *x)
{
	struct qg_http_server *server = x->server;
	struct in6_addr ip = find_ip(x);
	http_ip_format(&ip, x->peer);
	if (memcmp(&ip, &x->ip, sizeof(ip)) == 0) {
		return true; /* the proxy itself, asking about our health */
	}
	struct http_address *address = http_addresses_get(server->addresses, &ip);
	if (!address || address->connections >= server->limits.connections_per_address) {
		http_addresses_put(address);
		return false;
	}
	address->connections++;
	x->address = address;
	return true;
}

const char *qg_http_peer(const struct qg_http_exchange *x)
{
	if (!x->peer[0]) {
		/* Found on demand: most requests never ask. */
		struct in6_addr ip = find_ip(x);
		http_ip_format(&ip, ((struct qg_http_exchange *)x)->peer);
	}
	return x->peer;
}
