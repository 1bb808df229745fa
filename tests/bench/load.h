/* load.h - shared by the files of the load generator: what it was asked for, what it saw. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_BIT 0x80000000u /* in what epoll gives back: a viewer, not a writer */

enum { TEXTS_MOST = 16, BUFFER_MOST = 8 * 1024 * 1024 };

struct options {
	unsigned port;
	const char *token, *bot,
		*salt; /* bot: its name, or with bots > 0 what its number follows */
	unsigned bots; /* 0: one bot of exactly that name */
	unsigned connections, senders;
	unsigned long messages;
	bool talk, mention;
	const char *
		requests; /* a file of whole HTTP requests to send instead, each behind its size and a line end */
	unsigned ramp_ms;
	const char *texts[TEXTS_MOST]; /* as they stand in JSON */
	unsigned text_count;
};

struct samples {
	uint32_t *values; /* microseconds */
	size_t count, most;
};

/* What the measured run saw; all zero again after the warm-up. */
struct seen {
	unsigned long begun, accepted, refused, answered, deltas;
	struct samples stored;	 /* from a POST to its 202 */
	struct samples first;	 /* ... to the first text anybody sees */
	struct samples replied;	 /* ... to its reply in the feed */
	struct samples first_ms; /* as the usage events say */
};

extern struct options options;
extern struct seen seen;

/* load.c */
uint64_t now_us(void);
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sample(struct samples *samples, uint64_t us);
int dial(void);
void bot_name(unsigned number, char *out, size_t size);

/* load_post.c: the writers, one connection each. What epoll gave for one is handled by post_event(). */
void post_open(int epoll);
/* Begins the run of so many messages. */
void post_begin(unsigned long messages, unsigned ramp_ms);
/* Lets those writers begin whose time has come; milliseconds until the next one, -1 for none. */
int post_ramp(void);
void post_event(unsigned index);
/* The feed showed text for this message of a writer; is_reply: the last of it. */
void post_shown(unsigned index, unsigned long number, bool is_reply);
bool post_is_over(void);

/* load_requests.c: ready-made requests. */
void requests_open(const char *path);
/* The request of that number, borrowed; dies behind the last. */
const char *requests_get(unsigned long number, size_t *size_out);

/* load_feed.c: one viewer a bot. */
void feed_open(int epoll);
void feed_event(unsigned index);

#endif
