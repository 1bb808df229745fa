/* fuzz_sse.c - an answer of a service, from its first byte to the verdict, in both wire forms.
 *
 * The first byte says: which form, whether thoughts are hidden, how the bytes are cut, how the body ends. The
 * answer is read twice, whole and in pieces: what was said and how it ended must be the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct said {
	struct qg_answer answer;
	struct qg_buf text;
	enum qg_outcome outcome;
};

static void read_in(struct said *said, uint8_t how, const uint8_t *data, size_t size, size_t step)
{
	qg_answer_init(&said->answer, how & 1 ? &qg_anthropic_reader : &qg_openai_reader);
	qg_buf_init(&said->text, QG_ANSWER_MAX_TEXT);
	said->answer.hides_think = how & 2;
	said->answer.keeps_reasoning = true;
	said->answer.provider = how & 4 ? "zhipu" : NULL;
	qg_answer_begin(&said->answer, how & 8 ? "text/event-stream" : NULL);
	bool more = true;
	for (size_t at = 0; more && at < size;) {
		size_t part = step < size - at ? step : size - at;
		char *copy = malloc(part);
		assert(copy != NULL);
		memcpy(copy, data + at, part);
		more = qg_answer_feed(&said->answer, copy, part);
		free(copy);
		at += part;
		qg_buf_add(&said->text, said->answer.text.data, said->answer.text.size);
		qg_buf_reset(&said->answer.text);
	}
	said->outcome = qg_answer_end(&said->answer, (how & 16) == 0);
	qg_buf_add(&said->text, said->answer.text.data, said->answer.text.size);
	assert(qg_utf8_is_valid(said->text.data, said->text.size));
	assert(qg_utf8_is_valid(said->answer.error.message, strlen(said->answer.error.message)));
	assert(said->outcome != QG_OUTCOME_ERROR || said->answer.error.error != QG_MODEL_NONE);
}

static void compare(const struct said *a, const struct said *b)
{
	assert(a->outcome == b->outcome);
	assert(a->text.size == b->text.size);
	assert(a->text.size == 0 || memcmp(a->text.data, b->text.data, a->text.size) == 0);
	assert(a->answer.reasoning.size == b->answer.reasoning.size);
	assert(a->answer.tool_count == b->answer.tool_count);
	assert(strcmp(a->answer.finish, b->answer.finish) == 0);
	assert(memcmp(&a->answer.usage, &b->answer.usage, sizeof(a->answer.usage)) == 0);
}

static void finish(struct said *said)
{
	qg_buf_finish(&said->text);
	qg_answer_finish(&said->answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct said whole, pieces;
	if (size == 0) {
		return 0;
	}
	read_in(&whole, data[0], data + 1, size - 1, size);
	read_in(&pieces, data[0], data + 1, size - 1, 1 + (data[0] >> 5));
	compare(&whole, &pieces);
	finish(&whole);
	finish(&pieces);
	return 0;
}
