/* load_post.c - the writers: one keep-alive connection each, one message on the way at a time.
 *
 * A message's id is "<salt>-<writer>-<number>", so that the feed tells whose reply it shows. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { OUT_MOST = 8192, IN_MOST = 4096 };

struct writer {
	int fd, epoll;
	bool waits_to_write;
	bool stored, first, replied; /* of the message on its way */
	unsigned long number;
	uint64_t posted;
	size_t out_size, sent, in_size;
	char out[OUT_MOST], in[IN_MOST];
};

static struct writer *writers;
static unsigned long quota;    /* messages of this run */
static unsigned begun_writers; /* of this run: those behind wait for their time */
static uint64_t run_began;
static unsigned run_ramp_ms;
static unsigned long made; /* ids are never used twice */

static void watch(struct writer *writer, bool to_write)
{
	struct epoll_event event = {.events = EPOLLIN | (to_write ? EPOLLOUT : 0u),
		.data.u32 = (uint32_t)(writer - writers)};
	if (epoll_ctl(writer->epoll, EPOLL_CTL_MOD, writer->fd, &event) != 0) {
		die("epoll_ctl: %s", strerror(errno));
	}
	writer->waits_to_write = to_write;
}

static void push(struct writer *writer)
{
	ssize_t size =
		write(writer->fd, writer->out + writer->sent, writer->out_size - writer->sent);
	if (size < 0 && errno != EAGAIN) {
		die("a connection broke: %s", strerror(errno));
	}
	writer->sent += size > 0 ? (size_t)size : 0;
	bool more = writer->sent < writer->out_size;
	if (more != writer->waits_to_write) {
		watch(writer, more);
	}
}

static void copy(struct writer *writer)
{
	const char *data = requests_get(writer->number, &writer->out_size);
	if (writer->out_size > sizeof(writer->out)) {
		die("a request is too long");
	}
	memcpy(writer->out, data, writer->out_size);
}

static void build(struct writer *writer)
{
	unsigned index = (unsigned)(writer - writers);
	char bot[64], body[OUT_MOST - 512];
	/* In a talk a connection is one sender; else the senders take turns. */
	unsigned long sender = options.talk ? index : writer->number % options.senders;
	bot_name((unsigned)sender, bot, sizeof(bot));
	int size = snprintf(body, sizeof(body),
		"{\"id\":\"%s-%u-%lu\",\"from\":\"member%lu\",\"text\":\"%s\",\"mention\":%s}",
		options.salt, index, writer->number, sender,
		options.texts[writer->number % options.text_count],
		options.mention ? "true" : "false");
	int all = snprintf(writer->out, sizeof(writer->out),
		"POST /chat/%s/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		bot, options.token, size, body);
	if (size >= (int)sizeof(body) || all >= (int)sizeof(writer->out)) {
		die("a text is too long");
	}
	writer->out_size = (size_t)all;
}

static void post(struct writer *writer)
{
	if (seen.begun >= quota) {
		return;
	}
	seen.begun++;
	writer->number = made++;
	writer->stored = writer->first = writer->replied = false;
	writer->sent = 0;
	if (options.requests != NULL) {
		copy(writer);
	} else {
		build(writer);
	}
	writer->posted = now_us();
	push(writer);
}

void post_open(int epoll)
{
	writers = calloc(options.connections, sizeof(*writers));
	if (writers == NULL) {
		die("out of memory");
	}
	for (unsigned i = 0; i < options.connections; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
		writers[i].fd = dial();
		writers[i].epoll = epoll;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, writers[i].fd, &event) != 0) {
			die("epoll_ctl: %s", strerror(errno));
		}
	}
}

void post_begin(unsigned long messages, unsigned ramp_ms)
{
	quota = messages;
	begun_writers = 0;
	run_began = now_us();
	run_ramp_ms = ramp_ms;
}

int post_ramp(void)
{
	uint64_t passed = (now_us() - run_began) / 1000;
	for (; begun_writers < options.connections; begun_writers++) {
		uint64_t due = (uint64_t)run_ramp_ms * begun_writers / options.connections;
		if (due > passed) {
			return (int)(due - passed);
		}
		post(&writers[begun_writers]);
	}
	return -1;
}

bool post_is_over(void)
{
	return (options.talk ? seen.answered : seen.accepted + seen.refused) >= quota;
}

/* The size of the whole answer at the front of in, 0 while it is not all there. */
static size_t answer_size(const struct writer *writer)
{
	const char *end = memmem(writer->in, writer->in_size, "\r\n\r\n", 4);
	if (end == NULL) {
		return 0;
	}
	size_t head = (size_t)(end - writer->in) + 4, body = 0;
	for (const char *line = writer->in; line < end; line = strstr(line, "\r\n") + 2) {
		if (strncasecmp(line, "content-length:", 15) == 0) {
			body = strtoul(line + 15, NULL, 10);
		}
	}
	return writer->in_size >= head + body ? head + body : 0;
}

static void answered(struct writer *writer, bool accepted)
{
	if (accepted) {
		seen.accepted++;
		sample(&seen.stored, now_us() - writer->posted);
	} else {
		if (seen.refused++ == 0) {
			fprintf(stderr, "load: refused: %.*s\n", (int)writer->in_size, writer->in);
		}
		if (options.talk) {
			die("a talk cannot go on behind a refusal");
		}
	}
	writer->stored = true;
	if (!options.talk || writer->replied) {
		post(writer);
	}
}

void post_event(unsigned index)
{
	struct writer *writer = &writers[index];
	if (writer->waits_to_write) {
		push(writer);
	}
	ssize_t size =
		read(writer->fd, writer->in + writer->in_size, IN_MOST - 1 - writer->in_size);
	if (size == 0 || (size < 0 && errno != EAGAIN)) {
		die("the server closed a connection (or let it go after a long silence)");
	}
	writer->in_size += size > 0 ? (size_t)size : 0;
	writer->in[writer->in_size] = '\0';
	size_t whole = answer_size(writer);
	if (whole == 0) {
		if (writer->in_size == IN_MOST - 1) {
			die("an answer is too long");
		}
		return;
	}
	bool accepted = strncmp(writer->in, "HTTP/1.1 20", 11) ==
			0; /* a webhook's 200, the web door's 202 */
	answered(writer, accepted);
	memmove(writer->in, writer->in + whole, writer->in_size - whole);
	writer->in_size -= whole;
}

void post_shown(unsigned index, unsigned long number, bool is_reply)
{
	struct writer *writer = index < options.connections ? &writers[index] : NULL;
	if (writer == NULL || writer->number != number || writer->posted == 0 || writer->replied) {
		return;
	}
	uint64_t us = now_us() - writer->posted;
	if (!writer->first) {
		writer->first = true;
		sample(&seen.first, us);
	}
	if (is_reply) {
		writer->replied = true;
		seen.answered++;
		sample(&seen.replied, us);
		if (writer->stored) {
			post(writer);
		}
	}
}
