/* load.c - the load generator of the benchmarks: writes messages at the web door of 127.0.0.1 and counts.
 *
 * Two ways: plain (a connection posts its next message when the last one was acknowledged; --requests FILE sends whole
 * requests made beforehand) and --talk (a connection is a sender, who waits for the reply in the bot's feed before
 * writing again). It first warms up with one message a
 * connection, says "ready", waits for a line on its input, and then does the measured run of exactly --messages. So
 * whoever reads the CPU of the server between the two measures messages and not the opening of connections.
 * Each tenth of the run is told by a line "tenth N"; the last line is a JSON object. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SILENCE_MS 60000 /* nothing happened for so long: the run has failed */

struct options options = {
	.bot = "bench", .salt = "m", .connections = 64, .senders = 64, .messages = 1000};
struct seen seen;

uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void die(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(1);
}

void sample(struct samples *samples, uint64_t us)
{
	if (samples->count == samples->most) {
		samples->most = samples->most > 0 ? 2 * samples->most : 4096;
		samples->values =
			realloc(samples->values, samples->most * sizeof(*samples->values));
		if (samples->values == NULL) {
			die("out of memory");
		}
	}
	samples->values[samples->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* A connection to the door; it does not block any more. */
int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		die("cannot connect to port %u: %s", options.port, strerror(errno));
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		die("fcntl: %s", strerror(errno));
	}
	return fd;
}

void bot_name(unsigned number, char *out, size_t size)
{
	if (options.bots == 0) {
		snprintf(out, size, "%s", options.bot);
	} else {
		snprintf(out, size, "%s%u", options.bot, number % options.bots);
	}
}

/* ---- the run ---- */

static unsigned long done(void)
{
	return options.talk ? seen.answered : seen.accepted + seen.refused;
}

static void tell_tenth(unsigned long messages)
{
	static unsigned told;
	unsigned tenth = (unsigned)(done() * 10 / messages);
	for (; told < tenth; told++) {
		printf("tenth %u\n", told + 1);
		fflush(stdout);
	}
}

/* Until all messages are through. False: nothing came for too long. */
static bool run(int epoll, unsigned long messages, unsigned ramp_ms, bool tells)
{
	struct epoll_event events[256];
	uint64_t last = now_us();
	post_begin(messages, ramp_ms);
	while (!post_is_over()) {
		int wait = post_ramp();
		int count = epoll_wait(epoll, events, sizeof(events) / sizeof(events[0]),
			wait < 0 ? SILENCE_MS : wait);
		if (count < 0 && errno != EINTR) {
			die("epoll_wait: %s", strerror(errno));
		}
		for (int i = 0; i < count; i++) {
			uint32_t index = events[i].data.u32;
			if (index & FEED_BIT) {
				feed_event(index & ~FEED_BIT);
			} else {
				post_event(index);
			}
		}
		if (count > 0 || wait >= 0) {
			last = now_us();
		} else if (now_us() - last > SILENCE_MS * 1000ull) {
			return false;
		}
		if (tells) {
			tell_tenth(messages);
		}
	}
	return true;
}

/* ---- what it saw ---- */

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void print_samples(const char *name, struct samples *samples)
{
	size_t n = samples->count;
	if (n == 0) {
		printf(", \"%s\": null", name);
		return;
	}
	qsort(samples->values, n, sizeof(*samples->values), compare);
	printf(", \"%s\": {\"count\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}",
		name, n, samples->values[n / 2] / 1000.0, samples->values[n - 1 - n / 100] / 1000.0,
		samples->values[n - 1] / 1000.0);
}

static void report(bool whole, uint64_t us)
{
	printf("{\"whole\": %s, \"messages\": %lu, \"accepted\": %lu, \"refused\": %lu, "
	       "\"answered\": %lu, "
	       "\"deltas\": %lu, \"seconds\": %.3f, \"rate\": %.1f",
		whole ? "true" : "false", options.messages, seen.accepted, seen.refused,
		seen.answered, seen.deltas, (double)us / 1e6,
		(double)done() * 1e6 / (double)(us > 0 ? us : 1));
	print_samples("stored", &seen.stored);
	print_samples("first", &seen.first);
	print_samples("replied", &seen.replied);
	print_samples("usage_first", &seen.first_ms);
	puts("}");
}

/* The samples' memory is kept for the measured run. */
static void forget(void)
{
	struct seen none = {0};
	struct samples *from[] = {&seen.stored, &seen.first, &seen.replied, &seen.first_ms};
	struct samples *to[] = {&none.stored, &none.first, &none.replied, &none.first_ms};
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		*to[i] = (struct samples){.values = from[i]->values, .most = from[i]->most};
	}
	seen = none;
}

/* ---- options ---- */

static unsigned long number(const char *text, unsigned long most)
{
	char *end = NULL;
	unsigned long value = strtoul(text, &end, 10);
	if (*text == '\0' || *end != '\0' || value > most) {
		die("'%s' is no number up to %lu", text, most);
	}
	return value;
}

static void read_option(int letter, const char *value)
{
	switch (letter) {
	case 'p':
		options.port = (unsigned)number(value, 65535);
		break;
	case 'k':
		options.token = value;
		break;
	case 'b':
		options.bot = value;
		break;
	case 'B':
		options.bots = (unsigned)number(value, 1000);
		break;
	case 'i':
		options.salt = value;
		break;
	case 'c':
		options.connections = (unsigned)number(value, 20000);
		break;
	case 's':
		options.senders = (unsigned)number(value, 1000000);
		break;
	case 'n':
		options.messages = number(value, 10000000);
		break;
	case 'r':
		options.ramp_ms = (unsigned)number(value, 600000);
		break;
	case 'q':
		options.requests = value;
		break;
	case 't':
		options.talk = options.mention = true;
		break;
	case 'm':
		options.mention = true;
		break;
	case 'x':
		if (options.text_count == TEXTS_MOST) {
			die("at most %d texts", TEXTS_MOST);
		}
		options.texts[options.text_count++] = value;
		break;
	default:
		die("see the top of tests/bench/load.c for its options");
	}
}

static void read_options(int argc, char **argv)
{
	static const struct option table[] = {{"port", 1, NULL, 'p'}, {"token", 1, NULL, 'k'},
		{"bot", 1, NULL, 'b'}, {"bots", 1, NULL, 'B'}, {"salt", 1, NULL, 'i'},
		{"connections", 1, NULL, 'c'}, {"senders", 1, NULL, 's'},
		{"messages", 1, NULL, 'n'}, {"ramp", 1, NULL, 'r'}, {"talk", 0, NULL, 't'},
		{"mention", 0, NULL, 'm'}, {"text", 1, NULL, 'x'}, {"requests", 1, NULL, 'q'}, {0}};
	for (int letter; (letter = getopt_long(argc, argv, "", table, NULL)) != -1;) {
		read_option(letter, optarg);
	}
	bool posts = options.token != NULL && options.text_count > 0;
	if (options.port == 0 || (options.requests == NULL && !posts) || options.connections == 0 ||
		options.senders == 0 || options.messages == 0) {
		die("needs --port, --token and --text, and something to do");
	}
}

static void raise_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	char line[16];
	read_options(argc, argv);
	raise_files();
	if (options.requests != NULL) {
		requests_open(options.requests);
	}
	signal(SIGPIPE, SIG_IGN);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (options.talk) {
		feed_open(epoll);
	}
	post_open(epoll);
	if (!run(epoll, options.connections, 0, false)) {
		die("the warm-up stands still: %lu of %u messages", done(), options.connections);
	}
	forget();
	puts("ready");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL) {
		return 1;
	}
	uint64_t began = now_us();
	bool whole = run(epoll, options.messages, options.ramp_ms, true);
	report(whole, now_us() - began);
	return whole ? 0 : 1;
}
