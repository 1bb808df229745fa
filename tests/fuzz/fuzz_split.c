/* fuzz_split.c - the splitter of long answers: no part over the limit, every byte of the text in its place, nothing
 * added but fences, UTF-8 stays UTF-8. The first byte of the input chooses the limit. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/adapter.h"
#include "qg/str.h"

#define INPUT_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* Whether a line is a code fence, so that the splitter may have added it. */
static bool is_fence(const char *line, size_t size)
{
	size_t at = 0;
	while (at < size && line[at] == ' ') {
		at++;
	}
	return size - at >= 3 &&
	       (memcmp(line + at, "```", 3) == 0 || memcmp(line + at, "~~~", 3) == 0);
}

/* Bytes at the head of a part that may be an added fence with its line break. */
static size_t head_size(const char *part, size_t size)
{
	const char *end = memchr(part, '\n', size);
	return end && is_fence(part, (size_t)(end - part)) ? (size_t)(end - part) + 1 : 0;
}

/* Bytes at the tail of a part that may be an added closing line, without a line break before it. */
static size_t tail_size(const char *part, size_t size)
{
	size_t start = size;
	while (start > 0 && part[start - 1] != '\n') {
		start--;
	}
	return start > 0 && is_fence(part + start, size - start) ? size - start : 0;
}

/* Marks where the text may be once this part was taken from each place marked in `from`. */
static void advance(const char *text, size_t size, const char *part, size_t part_size,
	const bool *from, bool *to)
{
	size_t heads[] = {0, head_size(part, part_size)};
	size_t tail = tail_size(part, part_size);
	size_t tails[] = {
		0, tail, tail ? tail + 1 : 0}; /* the line break before it may be added too */
	for (size_t h = 0; h < 2; h++) {
		for (size_t t = 0; t < 3; t++) {
			if (heads[h] + tails[t] > part_size) {
				continue;
			}
			size_t length = part_size - heads[h] - tails[t];
			for (size_t at = 0; at + length <= size; at++) {
				if (from[at] && memcmp(text + at, part + heads[h], length) == 0) {
					to[at + length] = true;
				}
			}
		}
	}
}

static void check_whole(const char *text, size_t size, const json_t *parts)
{
	bool *from = calloc(2 * (size + 1), sizeof(*from));
	expect(from != NULL, "no memory");
	bool *to = from + size + 1;
	from[0] = true;
	size_t index;
	json_t *part;
	json_array_foreach (parts, index, part) {
		memset(to, 0, size + 1);
		advance(text, size, json_string_value(part), json_string_length(part), from, to);
		memcpy(from, to, size + 1);
	}
	expect(from[size], "the parts do not hold the text");
	free(from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > INPUT_MAX) {
		return 0;
	}
	size_t limit = QG_SPLIT_MIN + data[0];
	const char *text = (const char *)data + 1;
	size--;
	bool valid = qg_utf8_is_valid(text, size);
	json_t *parts = json_array();
	expect(qg_split(text, size, limit, parts) == QG_OK, "no memory");
	expect((json_array_size(parts) == 0) == (size == 0), "parts of nothing");
	size_t index;
	json_t *part;
	json_array_foreach (parts, index, part) {
		const char *bytes = json_string_value(part);
		size_t length = json_string_length(part);
		expect(length > 0 && length <= limit, "a part over the limit, or empty");
		expect(!valid || qg_utf8_is_valid(bytes, length), "a code point was cut");
	}
	check_whole(text, size, parts);
	json_decref(parts);
	return 0;
}
