/* load_feed.c - the viewers: one connection a bot, which reads its feed (chunked server-sent events). */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { READ_SIZE = 65536 };
enum part { HEAD, SIZE, DATA, DATA_END };

struct viewer {
	int fd;
	enum part part;
	size_t left;	 /* of the chunk */
	char line[4096]; /* of the head, or a chunk's size */
	size_t line_size;
	char *text; /* events that are not whole yet */
	size_t size, most;
};

static struct viewer *viewers;

static void ask(struct viewer *viewer, unsigned number)
{
	char bot[64], out[512];
	bot_name(number, bot, sizeof(bot));
	int size = snprintf(out, sizeof(out),
		"GET /chat/%s/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
		"%s\r\n\r\n",
		bot, options.token);
	if (write(viewer->fd, out, (size_t)size) != size) {
		die("cannot ask for the feed of %s", bot);
	}
}

void feed_open(int epoll)
{
	unsigned count = options.bots > 0 ? options.bots : 1;
	viewers = calloc(count, sizeof(*viewers));
	if (viewers == NULL) {
		die("out of memory");
	}
	for (unsigned i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i | FEED_BIT};
		viewers[i].fd = dial();
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, viewers[i].fd, &event) != 0) {
			die("epoll_ctl: %s", strerror(errno));
		}
		ask(&viewers[i], i);
	}
}

/* Every message id in the list of answers: our own are "<salt>-<writer>-<number>". */
static void show_answers(const char *data, const char *end, bool is_reply)
{
	static const char key[] = "\"answers\":[\"";
	const char *at = memmem(data, (size_t)(end - data), key, sizeof(key) - 1);
	for (at = at != NULL ? at + sizeof(key) - 1 : NULL; at != NULL;) {
		size_t salt = strlen(options.salt);
		char *next = NULL;
		if (strncmp(at, options.salt, salt) == 0 && at[salt] == '-') {
			unsigned writer = (unsigned)strtoul(at + salt + 1, &next, 10);
			if (*next == '-') {
				post_shown(writer, strtoul(next + 1, NULL, 10), is_reply);
			}
		}
		at = memchr(at, '"', (size_t)(end - at));
		at = at != NULL && strncmp(at, "\",\"", 3) == 0 ? at + 3 : NULL;
	}
}

static void show_usage(const char *data, const char *end)
{
	static const char key[] = "\"first_ms\":";
	const char *at = memmem(data, (size_t)(end - data), key, sizeof(key) - 1);
	if (at != NULL && at[sizeof(key) - 1] != 'n') {
		sample(&seen.first_ms, strtoull(at + sizeof(key) - 1, NULL, 10) * 1000);
	}
}

static void take_event(const char *event, const char *end)
{
	const char *name = memmem(event, (size_t)(end - event), "event: ", 7);
	const char *data = memmem(event, (size_t)(end - event), "data: ", 6);
	if (name == NULL || data == NULL) {
		return;
	}
	if (strncmp(name + 7, "delta", 5) == 0) {
		seen.deltas++;
		show_answers(data, end, false);
	} else if (strncmp(name + 7, "reply", 5) == 0) {
		show_answers(data, end, true);
	} else if (strncmp(name + 7, "usage", 5) == 0) {
		show_usage(data, end);
	}
}

static void take_text(struct viewer *viewer, const char *text, size_t size)
{
	if (viewer->size + size + 1 > viewer->most) {
		viewer->most = 2 * (viewer->size + size + 1);
		viewer->text =
			viewer->most <= BUFFER_MOST ? realloc(viewer->text, viewer->most) : NULL;
		if (viewer->text == NULL) {
			die("an event is too long");
		}
	}
	memcpy(viewer->text + viewer->size, text, size);
	viewer->size += size;
	viewer->text[viewer->size] = '\0';
	char *from = viewer->text, *end;
	while ((end = strstr(from, "\n\n")) != NULL) {
		*end = '\0';
		take_event(from, end);
		from = end + 2;
	}
	viewer->size -= (size_t)(from - viewer->text);
	memmove(viewer->text, from, viewer->size + 1);
}

/* One byte of the head or of a chunk's size line. */
static void take_line_byte(struct viewer *viewer, char byte)
{
	if (viewer->line_size == sizeof(viewer->line) - 1) {
		die("a feed's head is too long");
	}
	viewer->line[viewer->line_size++] = byte;
	viewer->line[viewer->line_size] = '\0';
	if (viewer->part == HEAD && viewer->line_size >= 4 &&
		strcmp(viewer->line + viewer->line_size - 4, "\r\n\r\n") == 0) {
		if (strncmp(viewer->line, "HTTP/1.1 200", 12) != 0 ||
			strcasestr(viewer->line, "chunked") == NULL) {
			die("no feed: %s", viewer->line);
		}
		viewer->part = SIZE;
		viewer->line_size = 0;
	} else if (viewer->part == SIZE && byte == '\n') {
		viewer->left = strtoul(viewer->line, NULL, 16);
		viewer->part = DATA;
		viewer->line_size = 0;
		if (viewer->left == 0) {
			die("the server ended a feed");
		}
	}
}

static void take_bytes(struct viewer *viewer, const char *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		if (viewer->part == DATA) {
			size_t part = size - at < viewer->left ? size - at : viewer->left;
			take_text(viewer, bytes + at, part);
			at += part;
			viewer->left -= part;
			viewer->part = viewer->left == 0 ? DATA_END : DATA;
		} else if (viewer->part == DATA_END) {
			viewer->part = bytes[at++] == '\n' ? SIZE : DATA_END;
		} else {
			take_line_byte(viewer, bytes[at++]);
		}
	}
}

void feed_event(unsigned index)
{
	static char bytes[READ_SIZE];
	ssize_t size = read(viewers[index].fd, bytes, sizeof(bytes));
	if (size > 0) {
		take_bytes(&viewers[index], bytes, (size_t)size);
	} else if (size == 0 || errno != EAGAIN) {
		die("the server closed a feed");
	}
}
