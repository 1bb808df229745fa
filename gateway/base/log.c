/* log.c - one line an event, in text for people or in JSON for machines.
 *
 * Ids and words may hold what strangers sent: nothing in them can end the line, forge another
 * one or drive a terminal. A line is built on the stack and leaves in one write(), so lines of
 * several threads and processes never mix, and a failing allocation can still be logged. */
#include "qg/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "qg/clock.h"
#include "qg/str.h"

#define WORDS_MAX 4096
#define LINE_MAX_BYTES 8192
#define ID_SHOWN 128
/* Bytes of the longest UTF-8 sequence. */
#define SEQUENCE_MAX 4
/* Kept free at the end of a line for what closes it. */
#define TAIL_ROOM 16
#define CUT_MARK "…"

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static atomic_int current_level = QG_LOG_INFO;
static atomic_bool as_json;

struct line {
	size_t size;
	bool cut;
	char bytes[LINE_MAX_BYTES];
};

void qg_log_set_level(enum qg_log_level level)
{
	atomic_store(&current_level, (int)level);
}

void qg_log_set_json(bool json)
{
	atomic_store(&as_json, json);
}

bool qg_log_parse_level(const char *text, enum qg_log_level *level_out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (qg_str_equal(text, level_names[i])) {
			*level_out = (enum qg_log_level)i;
			return true;
		}
	}
	return false;
}

bool qg_log_is_on(enum qg_log_level level)
{
	return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

static void add(struct line *line, const char *bytes, size_t size)
{
	if (line->cut || size > sizeof(line->bytes) - TAIL_ROOM - line->size) {
		line->cut = true;
		return;
	}
	memcpy(line->bytes + line->size, bytes, size);
	line->size += size;
}

static void add_str(struct line *line, const char *text)
{
	add(line, text, strlen(text));
}

/* What closes a line uses the room kept for it. */
static void close_line(struct line *line, const char *tail)
{
	size_t size = strlen(tail);
	memcpy(line->bytes + line->size, tail, size);
	line->size += size;
}

static void add_code(struct line *line, uint32_t code, const char *bytes, size_t size, bool json)
{
	char text[16];
	bool invalid = code == 0xfffd && size == 1;
	if (invalid && !json) {
		snprintf(text, sizeof(text), "\\x%02x", (unsigned)(uint8_t)bytes[0]);
	} else if (invalid) {
		snprintf(text, sizeof(text), "\\ufffd");
	} else if (code == '\n' || code == '\t' || code == '\r') {
		snprintf(text, sizeof(text), "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
	} else if (qg_utf8_is_unsafe(code)) {
		snprintf(text, sizeof(text), "\\u%04x", (unsigned)code);
	} else if (json && (code == '"' || code == '\\')) {
		snprintf(text, sizeof(text), "\\%c", (char)code);
	} else {
		add(line, bytes, size);
		return;
	}
	add_str(line, text);
}

static void add_escaped(struct line *line, const char *text, size_t limit, bool json)
{
	size_t size = strnlen(text, limit + SEQUENCE_MAX);
	size_t shown = qg_utf8_cut(text, size, limit);
	for (size_t at = 0, used = 0; at < shown; at += used) {
		uint32_t code = qg_utf8_next(text + at, shown - at, &used);
		add_code(line, code, text + at, used, json);
	}
	if (shown < size) {
		add_str(line, CUT_MARK);
	}
}

static void add_time(struct line *line, int64_t wall, bool json)
{
	struct tm tm;
	char text[96];
	int millis = (int)(wall % 1000);
	if (json) {
		time_t seconds = (time_t)(wall / 1000);
		gmtime_r(&seconds, &tm);
	} else {
		qg_clock_local(wall, &tm);
	}
	snprintf(text, sizeof(text),
		json ? "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" : "%04d-%02d-%02d %02d:%02d:%02d.%03d",
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		millis);
	add_str(line, text);
}

static void build_text(struct line *line, const char *level, const char *bot, const char *message,
	const char *words)
{
	add_time(line, qg_clock_wall(), false);
	add_str(line, " ");
	add_str(line, level);
	if (bot || message) {
		add_str(line, " ");
		add_escaped(line, bot ? bot : "-", ID_SHOWN, false);
	}
	if (message) {
		add_str(line, " ");
		add_escaped(line, message, ID_SHOWN, false);
	}
	add_str(line, ": ");
	add_escaped(line, words, WORDS_MAX, false);
	close_line(line, line->cut ? CUT_MARK "\n" : "\n");
}

static void add_member(struct line *line, const char *name, const char *value, size_t limit)
{
	add_str(line, ",\"");
	add_str(line, name);
	add_str(line, "\":\"");
	add_escaped(line, value, limit, true);
	add_str(line, "\"");
}

static void build_json(struct line *line, const char *level, const char *bot, const char *message,
	const char *words)
{
	add_str(line, "{\"time\":\"");
	add_time(line, qg_clock_wall(), true);
	add_str(line, "\"");
	add_member(line, "level", level, ID_SHOWN);
	if (bot) {
		add_member(line, "bot", bot, ID_SHOWN);
	}
	if (message) {
		add_member(line, "message", message, ID_SHOWN);
	}
	add_str(line, ",\"text\":\"");
	add_escaped(line, words, WORDS_MAX, true);
	close_line(line, line->cut ? CUT_MARK "\"}\n" : "\"}\n");
}

/* A full pipe or disk loses the rest of the line: the log is never a reason to stop. */
static void put(const struct line *line)
{
	size_t done = 0;
	while (done < line->size) {
		ssize_t n = write(STDERR_FILENO, line->bytes + done, line->size - done);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return;
		}
		done += (size_t)n;
	}
}

void qg_log_write(
	enum qg_log_level level, const char *bot, const char *message, const char *format, ...)
{
	if (!qg_log_is_on(level)) {
		return;
	}
	int saved_errno = errno;
	/* A sequence more than is shown, so that the cut sees the one it must not split. */
	char words[WORDS_MAX + SEQUENCE_MAX + 1];
	va_list args;
	va_start(args, format);
	if (vsnprintf(words, sizeof(words), format, args) < 0) {
		words[0] = '\0';
	}
	va_end(args);
	struct line line;
	line.size = 0;
	line.cut = false;
	if (atomic_load(&as_json)) {
		build_json(&line, level_names[level], bot, message, words);
	} else {
		build_text(&line, level_names[level], bot, message, words);
	}
	put(&line);
	errno = saved_errno;
}
