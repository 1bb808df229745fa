/* vendor.c - a model vendor that costs nothing: the OpenAI wire form with its first chunk at once, for benchmarks.
 *
 * HTTP/1.1 on 127.0.0.1, keep-alive, any POST is a question. It answers in chunks of the same text, --delay ms apart
 * (0: all in one write), then usage and [DONE]. A vendor in Node would be the slowest part of what is measured.
 * Prints "listening PORT"; ends with its parent or at SIGTERM. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, INPUT = 256 * 1024, ANSWER = 256 * 1024 };

struct peer {
	int fd;
	char *input;
	size_t size;
	unsigned chunk;	   /* the next one of an answer; 0: none is under way */
	uint64_t due;	   /* ms */
	struct peer *next; /* of those that stream */
};

static unsigned chunks = 50, delay_ms;
static const char *piece = "好的，都记下来了。";
static struct peer *streaming;

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
		if (sent <= 0) {
			return; /* gone, or a reader so slow that its answer may as well break */
		}
		data += sent;
		size -= (size_t)sent;
	}
}

/* A line of the stream as an HTTP chunk of its own. */
static size_t put(char *out, size_t room, const char *data)
{
	size_t size = strlen(data);
	return (size_t)snprintf(out, room, "%zx\r\n%s\r\n", size, data);
}

static size_t put_chunk(char *out, size_t room, unsigned number)
{
	char line[512];
	snprintf(line, sizeof(line),
		"data: "
		"{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1793300000,"
		"\"model\":\"house\","
		"\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"%s\"},\"finish_reason\":null}"
		"],"
		"\"usage\":null}\n\n",
		number == 0 ? "\"role\":\"assistant\"," : "", piece);
	return put(out, room, line);
}

static size_t put_end(char *out, size_t room)
{
	char line[512];
	snprintf(line, sizeof(line),
		"data: "
		"{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"house\","
		"\"choices\":[{\"index\":0,"
		"\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
		"data: "
		"{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"house\","
		"\"choices\":[],"
		"\"usage\":{\"prompt_tokens\":2000,\"completion_tokens\":%u,\"total_tokens\":%u}}"
		"\n\n"
		"data: [DONE]\n\n",
		chunks, 2000 + chunks);
	size_t size = put(out, room, line);
	return size + (size_t)snprintf(out + size, room - size, "0\r\n\r\n");
}

static void answer(struct peer *peer)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	static char out[ANSWER];
	size_t size = sizeof(head) - 1;
	memcpy(out, head, size);
	size += put_chunk(out + size, sizeof(out) - size, 0);
	for (unsigned i = 1; delay_ms == 0 && i < chunks; i++) {
		size += put_chunk(out + size, sizeof(out) - size, i);
	}
	if (delay_ms == 0) {
		size += put_end(out + size, sizeof(out) - size);
	} else {
		peer->chunk = 1;
		peer->due = now_ms() + delay_ms;
		peer->next = streaming;
		streaming = peer;
	}
	send_all(peer->fd, out, size);
}

static void go_on(uint64_t now)
{
	for (struct peer **at = &streaming; *at != NULL;) {
		struct peer *peer = *at;
		char out[2048];
		if (peer->due > now) {
			at = &peer->next;
			continue;
		}
		bool last = peer->chunk >= chunks;
		send_all(peer->fd, out,
			last ? put_end(out, sizeof(out))
			     : put_chunk(out, sizeof(out), peer->chunk));
		peer->chunk = last ? 0 : peer->chunk + 1;
		peer->due += delay_ms;
		if (last) {
			*at = peer->next;
		} else {
			at = &peer->next;
		}
	}
}

static void drop(struct peer *peer)
{
	for (struct peer **at = &streaming; *at != NULL; at = &(*at)->next) {
		if (*at == peer) {
			*at = peer->next;
			break;
		}
	}
	close(peer->fd);
	free(peer->input);
	free(peer);
}

/* Bytes of a whole request at the front of the input; 0: not whole yet. */
static size_t request_size(const struct peer *peer)
{
	const char *end = memmem(peer->input, peer->size, "\r\n\r\n", 4);
	if (end == NULL) {
		return 0;
	}
	size_t head = (size_t)(end - peer->input) + 4;
	for (const char *line = peer->input; line < end;
		line = (const char *)memchr(line, '\n', (size_t)(end + 2 - line)) + 1) {
		if (strncasecmp(line, "content-length:", 15) == 0) {
			return head + strtoul(line + 15, NULL, 10) <= peer->size
				       ? head + strtoul(line + 15, NULL, 10)
				       : 0;
		}
	}
	return head;
}

static bool read_peer(struct peer *peer)
{
	if (peer->input == NULL) {
		peer->input = malloc(INPUT + 1);
		if (peer->input == NULL) {
			return false;
		}
	}
	ssize_t got = recv(peer->fd, peer->input + peer->size, INPUT - peer->size, MSG_DONTWAIT);
	if (got <= 0) {
		return got < 0 && errno == EAGAIN;
	}
	peer->size += (size_t)got;
	peer->input[peer->size] = '\0';
	size_t whole;
	while ((whole = request_size(peer)) > 0) {
		memmove(peer->input, peer->input + whole, peer->size - whole);
		peer->size -= whole;
		answer(peer);
	}
	if (peer->size == 0) { /* thousands of them wait: their memory is the machine's */
		free(peer->input);
		peer->input = NULL;
	}
	return peer->size < INPUT;
}

static int listen_any(unsigned *port_out)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 16384) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
		perror("listen");
		exit(1);
	}
	*port_out = ntohs(at.sin_port);
	return fd;
}

static void accept_all(int epoll, int listener)
{
	int one = 1, fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct peer *peer = calloc(1, sizeof(*peer));
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (peer == NULL || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
			close(fd);
			free(peer);
			continue;
		}
		peer->fd = fd;
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned value = (unsigned)strtoul(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--chunks") == 0) {
			chunks = value > 0 && value < 400 ? value : chunks;
		} else if (strcmp(argv[i], "--delay") == 0) {
			delay_ms = value;
		}
	}
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	unsigned port;
	int listener = listen_any(&port), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	printf("listening %u\n", port);
	fflush(stdout);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, streaming != NULL ? 2 : -1);
		for (int i = 0; i < count; i++) {
			struct peer *peer = events[i].data.ptr;
			if (peer == NULL) {
				accept_all(epoll, listener);
			} else if (!read_peer(peer)) {
				drop(peer);
			}
		}
		go_on(now_ms());
	}
}
