/* redis_target.c - redis:// and unix: addresses: parsed, looked up, dialled, greeted.
 *
 * A socket path may be longer than the 107 bytes of sockaddr_un: then it is reached through its
 * directory's descriptor, so a data_dir may lie as deep as it likes. */
#include "redis_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "qg/codec.h"
#include "qg/str.h"

#define DEFAULT_PORT "6379"
#define MAX_DATABASE 65535

static bool fail(struct qg_redis_target *target, char *error, const char *words)
{
	snprintf(error, QG_REDIS_ERROR_SIZE, "%s", words);
	qg_redis_target_finish(target);
	return false;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy without %xx escapes; NULL for a bad escape, a NUL or no memory. */
static char *unescape(const char *text, size_t size)
{
	char *copy = malloc(size + 1);
	size_t at = 0;

	for (size_t i = 0; copy != NULL && i < size; i++) {
		char c = text[i];
		if (c == '%') {
			int high = i + 2 < size ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < size ? hex_value(text[i + 2]) : -1;
			c = high < 0 || low < 0 ? '\0' : (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0') {
			free(copy);
			return NULL;
		}
		copy[at++] = c;
	}
	if (copy != NULL) {
		copy[at] = '\0';
	}
	return copy;
}

/* user:pass, :pass or only a password, as redis-cli reads it. */
static bool parse_login(struct qg_redis_target *target, const char *text, size_t size)
{
	const char *colon = memchr(text, ':', size);
	size_t user_size = colon != NULL ? (size_t)(colon - text) : 0;
	size_t skip = colon != NULL ? user_size + 1 : 0;

	if (user_size > 0) {
		target->user = unescape(text, user_size);
		if (target->user == NULL) {
			return false;
		}
	}
	target->password = unescape(text + skip, size - skip);
	return target->password != NULL;
}

/* host, host:port, [v6]:port; an empty host is the local machine. */
static bool parse_host(struct qg_redis_target *target, const char *text, size_t size)
{
	const char *end = text + size;
	const char *host = text;
	const char *host_end = memchr(text, ':', size);

	if (size > 0 && *text == '[') {
		host = text + 1;
		host_end = memchr(text, ']', size);
		if (host_end == NULL) {
			return false;
		}
		text = host_end + 1;
	} else {
		host_end = host_end != NULL ? host_end : end;
		text = host_end;
	}
	int64_t port;
	target->host = host_end > host ? qg_str_copy_n(host, (size_t)(host_end - host))
				       : qg_str_copy("127.0.0.1");
	target->port = text < end && *text == ':'
			       ? qg_str_copy_n(text + 1, (size_t)(end - text - 1))
			       : qg_str_copy(DEFAULT_PORT);
	return target->host != NULL && target->port != NULL && (text == end || *text == ':') &&
	       qg_str_to_int64(target->port, 1, 65535, &port);
}

static bool parse_tcp(struct qg_redis_target *target, const char *rest, char *error)
{
	size_t size = strcspn(rest, "/?#");
	const char *at = NULL;

	/* The last @ ends the login: a password may hold one. */
	for (size_t i = 0; i < size; i++) {
		at = rest[i] == '@' ? rest + i : at;
	}
	if (at != NULL && !parse_login(target, rest, (size_t)(at - rest))) {
		return fail(target, error, "bad user or password in the Redis address");
	}
	const char *host = at != NULL ? at + 1 : rest;
	if (!parse_host(target, host, (size_t)(rest + size - host))) {
		return fail(target, error, "bad host or port in the Redis address");
	}
	const char *path = rest + size;
	if (*path == '/' && path[1] != '\0' &&
		!qg_str_to_int64(path + 1, 0, MAX_DATABASE, &target->database)) {
		return fail(target, error, "the Redis database must be a number");
	}
	if (*path == '?' || *path == '#') {
		return fail(target, error, "the Redis address takes no ? or #");
	}
	return true;
}

bool qg_redis_target_parse(struct qg_redis_target *target, const char *url, char *error)
{
	*target = (struct qg_redis_target){0};
	if (qg_str_starts_with(url, "unix:")) {
		const char *path = url + strlen("unix:");
		path += qg_str_starts_with(path, "//") ? 2 : 0;
		target->path = qg_str_copy(path);
		if (target->path == NULL || *target->path == '\0') {
			return fail(target, error, "unix: needs the path of a socket");
		}
		return true;
	}
	if (qg_str_starts_with(url, "redis://")) {
		return parse_tcp(target, url + strlen("redis://"), error);
	}
	return fail(
		target, error, "a Redis address is redis://[user:pass@]host:port/db or unix:/path");
}

void qg_redis_target_finish(struct qg_redis_target *target)
{
	free(target->path);
	free(target->host);
	free(target->port);
	free(target->user);
	free(target->password);
	*target = (struct qg_redis_target){0};
}

bool qg_redis_target_resolve(const struct qg_redis_target *target, bool numeric_only, unsigned turn,
	struct qg_redis_address *address_out)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | (numeric_only ? AI_NUMERICHOST : AI_ADDRCONFIG)};
	struct addrinfo *found = NULL;

	if (getaddrinfo(target->host, target->port, &hints, &found) != 0) {
		return false;
	}
	unsigned count = 0;
	for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
		count++;
	}
	const struct addrinfo *chosen = found;
	for (unsigned i = 0; i < turn % count; i++) {
		chosen = chosen->ai_next;
	}
	memcpy(&address_out->storage, chosen->ai_addr, chosen->ai_addrlen);
	address_out->size = chosen->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

/* Writes the socket's address; *directory_out is a descriptor to close after connect(), or -1. */
static bool unix_address(const char *path, struct sockaddr_un *address, int *directory_out)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	*directory_out = -1;
	if (strlen(path) < sizeof(address->sun_path)) {
		memcpy(address->sun_path, path, strlen(path) + 1);
		return true;
	}
	const char *slash = strrchr(path, '/');
	char *directory = slash != NULL ? qg_str_copy_n(path, (size_t)(slash - path)) : NULL;
	int fd = directory != NULL ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	free(directory);
	if (fd < 0) {
		return false;
	}
	int size = snprintf(
		address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d%s", fd, slash);
	if (size < 0 || (size_t)size >= sizeof(address->sun_path)) {
		close(fd);
		errno = ENAMETOOLONG;
		return false;
	}
	*directory_out = fd;
	return true;
}

static int dial(const struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -1;
	}
	if (address->sa_family != AF_UNIX) {
		int on = 1;
		/* An idle peer that vanished is noticed within a minute, also where nothing is
		 * asked. */
		int idle = 20, gap = 10, probes = 3;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &gap, sizeof(gap));
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	}
	if (connect(fd, address, size) != 0 && errno != EINPROGRESS) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int qg_redis_target_dial(
	const struct qg_redis_target *target, const struct qg_redis_address *address)
{
	if (target->path == NULL) {
		return dial((const struct sockaddr *)&address->storage, address->size);
	}
	struct sockaddr_un local;
	int directory;
	if (!unix_address(target->path, &local, &directory)) {
		return -1;
	}
	int fd = dial((const struct sockaddr *)&local, sizeof(local));
	if (directory >= 0) {
		int saved = errno;
		close(directory);
		errno = saved;
	}
	return fd;
}

int qg_redis_target_greet(const struct qg_redis_target *target, struct qg_buf *out)
{
	int count = 0;

	if (target->password != NULL) {
		const char *words[] = {"AUTH", target->user, target->password};
		const char *short_words[] = {"AUTH", target->password};
		bool named = target->user != NULL;
		qg_redis_encode(out, 0, NULL, named ? 3 : 2, named ? words : short_words, NULL);
		count++;
	}
	if (target->database != 0) {
		char number[24];
		snprintf(number, sizeof(number), "%lld", (long long)target->database);
		const char *words[] = {"SELECT", number};
		qg_redis_encode(out, 0, NULL, 2, words, NULL);
		count++;
	}
	return count;
}
