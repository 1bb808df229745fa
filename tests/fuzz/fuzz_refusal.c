/* fuzz_refusal.c - what a service says when it refuses: head lines and a body, of any service with any status.
 *
 * Two bytes choose service and status; "name: value" lines follow, an empty line, and the body. Whatever it says, the
 * wait is bounded, the words are one line of valid text, and the key that was sent does not come back in them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "models/errors.h"
#include "qg/str.h"

#define KEY "sk-7f3kQ2m9ZxT4vB8n"
#define PART 8
#define MONTH_MS INT64_C(2678400000)
#define HEADERS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct head {
	char *lines[HEADERS];
	size_t count;
};

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static const char *header(void *arg, const char *name)
{
	const struct head *head = arg;
	size_t size = strlen(name);
	for (size_t i = 0; i < head->count; i++) {
		const char *line = head->lines[i];
		if (strncasecmp(line, name, size) == 0 && line[size] == ':') {
			return line + size + 1 + strspn(line + size + 1, " \t");
		}
	}
	return NULL;
}

/* Takes the head lines; returns the body. */
static const uint8_t *take_head(const uint8_t *at, const uint8_t *end, struct head *head)
{
	while (at < end && head->count < HEADERS) {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
		if (!stop) {
			break;
		}
		size_t size = (size_t)(stop - at);
		char *line = size > 0 ? strndup((const char *)at, size) : NULL;
		at = stop + 1;
		if (!line) {
			break;
		}
		head->lines[head->count++] = line;
	}
	return at;
}

static void expect_no_key(const char *words)
{
	for (size_t i = 0; i + PART <= strlen(KEY); i++) {
		char part[PART + 1] = {0};
		memcpy(part, &KEY[i], PART);
		expect(!strstr(words, part), "the key came back");
	}
}

static void judge(const struct qg_vendor_reply *reply)
{
	struct qg_vendor_error error;
	char words[400];
	qg_vendor_error_read(reply, &error);
	qg_vendor_error_words(&error, KEY, words, sizeof(words));
	expect(error.error != QG_MODEL_NONE, "a refusal that is none");
	expect(error.wait_ms >= -1 && error.wait_ms <= MONTH_MS, "a wait without bounds");
	expect(qg_utf8_is_valid(words, strlen(words)), "words that are no UTF-8");
	expect(!strpbrk(words, "\r\n\t\x1b"), "words of two lines");
	expect_no_key(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const providers[] = {NULL, "dashscope", "zhipu", "minimax",
		"siliconflow", "moonshot", "hunyuan", "deepseek"};
	static const int statuses[] = {200, 400, 401, 402, 403, 404, 408, 429, 500, 503, 504, 529};
	if (size < 2) {
		return 0;
	}
	struct head head = {.count = 0};
	const uint8_t *body = take_head(data + 2, data + size, &head);
	size_t left = (size_t)(data + size - body);
	char *copy = malloc(left > 0 ? left : 1);
	if (copy) {
		memcpy(copy, body, left);
		judge(&(struct qg_vendor_reply){
			.provider = providers[data[0] % (sizeof(providers) / sizeof(providers[0]))],
			.status = statuses[data[1] % (sizeof(statuses) / sizeof(statuses[0]))],
			.body = copy,
			.size = left,
			.now = INT64_C(1795305600000),
			.header = header,
			.arg = &head});
	}
	free(copy);
	for (size_t i = 0; i < head.count; i++) {
		free(head.lines[i]);
	}
	return 0;
}
