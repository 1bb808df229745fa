/* fetch_answer.c - owns what happens while a transfer runs: it gets a connection, its request goes
 * out, status, headers and body come in.
 *
 * All of it is called by libcurl, so nothing here may call libcurl back except to ask. A transfer
 * that must end is given up by the value returned. */
#include "fetch_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "qg/clock.h"

/* A pooled connection that the server had closed shows it within a round trip. What broke later was
 * probably being worked on. */
#define REPEAT_WITHIN_MS 1000

/* The value that ends the transfer: it is never the size of what came. */
static size_t give_up(struct qg_fetch *fetch, enum qg_fetch_error why)
{
	if (fetch->failure == QG_FETCH_NONE) {
		fetch->failure = why;
	}
	fetch_multi_abandon(fetch);
	return SIZE_MAX;
}

/* A name is about to be resolved for this transfer: it makes a connection of its own. */
static int on_resolving(void *resolver, void *reserved, void *arg)
{
	fetch_set_connecting(arg, true);
	return 0;
}

/* libcurl's own sockets would be inherited by child processes. Without one it tries the next address of the name. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	if (!fetch_may_open(arg, &address->addr)) {
		return CURL_SOCKET_BAD;
	}
	fetch_set_connecting(arg, true);
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* libcurl sends a request again by itself where a pooled
 * connection died before any byte of an answer; that is how connections the server closed while
 * they were idle are noticed, but the same happens where a server dies over a request. So only one
 * prompt failure is taken for the first, unless the method is harmless twice; a stream of HTTP/2 goes again
 * where the server says that it was not begun. */
static bool may_go_again(const struct qg_fetch *fetch, uint64_t now)
{
	bool prompt = now - fetch->sent_ms <= REPEAT_WITHIN_MS;
	bool first = fetch->repeats == 0 || fetch->multi == &fetch->client->h2;
	return fetch->repeatable || (prompt && first);
}

/* Right before the request goes out. */
static int on_sending(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct qg_fetch *fetch = arg;
	uint64_t now = qg_clock_mono();
	fetch_set_connecting(fetch, false);
	if (fetch->cancelled) {
		return CURL_PREREQFUNC_ABORT;
	}
	if (!fetch_may_use(fetch, to)) {
		give_up(fetch, QG_FETCH_INSIDE);
		return CURL_PREREQFUNC_ABORT;
	}
	if (fetch->sent_ms && !may_go_again(fetch, now)) {
		fetch->words = "the connection closed before an answer";
		give_up(fetch, QG_FETCH_BROKEN);
		return CURL_PREREQFUNC_ABORT;
	}
	if (fetch->sent_ms) {
		fetch->repeats++;
		fetch->client->counts.repeated++;
	} else {
		fetch->sent_ms = now ? now : 1;
	}
	fetch->state = FETCH_SENT;
	fetch_arm(fetch);
	return CURL_PREREQFUNC_OK;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200"; 0 if it is neither. */
static int parse_status(const char *line, size_t size)
{
	const char *space = memchr(line, ' ', size);
	size_t left = space ? size - (size_t)(space - line) : 0;
	if (left < 4) {
		return 0;
	}
	int code = 0;
	for (int i = 1; i <= 3; i++) {
		if (space[i] < '0' || space[i] > '9') {
			return 0;
		}
		code = 10 * code + (space[i] - '0');
	}
	return code;
}

/* An interim answer (1xx) is none: the one that counts follows. */
static void take_status(struct qg_fetch *fetch, const char *line, size_t size)
{
	int code = parse_status(line, size);
	qg_buf_reset(&fetch->head);
	if (code < 200) {
		return;
	}
	fetch->status = code;
	bool before = fetch->http2;
	fetch->http2 = line[5] == '2';
	/* counted here, for many leave before the end */
	fetch->client->counts.http2 += fetch->http2 && !before;
	fetch->state = FETCH_ANSWERING;
	if (fetch->origin) {
		fetch->origin->h2 = fetch->http2;
	}
	fetch_arm(fetch);
}

/* A long answer should not hold on to a long question: once it was sent whole and an answer is
 * there, libcurl has no reason left to send it again. */
static void drop_body(struct qg_fetch *fetch)
{
	curl_off_t sent = 0;
	if (fetch->body &&
		curl_easy_getinfo(fetch->easy, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK &&
		(size_t)sent == fetch->body_size) {
		free(fetch->body);
		fetch->body = NULL;
	}
}

static size_t on_header(char *line, size_t one, size_t size, void *arg)
{
	struct qg_fetch *fetch = arg;
	if (fetch->cancelled) {
		return give_up(fetch, QG_FETCH_BROKEN);
	}
	fetch->heard_ms = qg_clock_mono();
	if (fetch->head_done) {
		return size; /* trailers say nothing we ask for */
	}
	if (size > 5 && memcmp(line, "HTTP/", 5) == 0) {
		take_status(fetch, line, size);
		return size;
	}
	size_t bare = size;
	while (bare > 0 && (line[bare - 1] == '\r' || line[bare - 1] == '\n')) {
		bare--;
	}
	if (fetch->status == 0) {
		return size; /* of an interim answer */
	}
	if (bare == 0) {
		fetch->head_done = true;
		drop_body(fetch);
		return size;
	}
	qg_buf_add(&fetch->head, line, bare);
	if (qg_buf_add_char(&fetch->head, '\0') != QG_OK) {
		return give_up(fetch, fetch->head.failed == QG_TOO_LARGE ? QG_FETCH_TOO_LARGE
									 : QG_FETCH_NO_MEMORY);
	}
	return size;
}

static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
	struct qg_fetch *fetch = arg;
	if (fetch->cancelled) {
		return give_up(fetch, QG_FETCH_BROKEN);
	}
	fetch->heard_ms = qg_clock_mono();
	if (size > fetch->most - fetch->received) {
		return give_up(fetch, QG_FETCH_TOO_LARGE);
	}
	fetch->received += size;
	if (fetch->body) {
		drop_body(fetch);
	}
	if (fetch->gathers) {
		return qg_buf_add(&fetch->answer, data, size) == QG_OK
			       ? size
			       : give_up(fetch, QG_FETCH_NO_MEMORY);
	}
	fetch->client->depth++;
	fetch->host->data(fetch->arg, fetch, data, size);
	fetch->client->depth--;
	return fetch->cancelled ? give_up(fetch, QG_FETCH_BROKEN) : size;
}

int fetch_answer_apply(struct qg_fetch *fetch)
{
	CURL *easy = fetch->easy;
	int bad = 0;
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolving);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, fetch);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_sending);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PREREQDATA, fetch);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	return bad;
}
