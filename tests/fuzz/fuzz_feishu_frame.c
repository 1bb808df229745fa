/* fuzz_feishu_frame.c - frames of Feishu's long connection: whatever comes in, what is read back from an answer is the frame
 * with another payload and one header more, and parts are joined within their bounds.
 *
 * The input is a row of frames, each behind two bytes that say how long it is; all go to one link. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

#include "qg/clock.h"

#define OUT_MAX ((size_t)2 << 20)
#define ANSWER "{\"code\":200}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* An answer to the answer takes the same way: only biz_rt and the payload differ, so their sizes tell all. */
static void check_answer(const struct feishu_frame *frame)
{
	struct feishu_frame back = {0};
	struct qg_buf first, second;
	qg_buf_init(&first, OUT_MAX);
	qg_buf_init(&second, OUT_MAX);
	enum qg_status status = feishu_frame_answer(frame, 7, ANSWER, strlen(ANSWER), &first);
	expect(status == QG_OK, "no answer");
	status = feishu_frame_read(first.data, first.size, &back);
	/* the one header more may be the one too many */
	expect(status == QG_OK || status == QG_TOO_LARGE, "an answer that cannot be read");
	if (status == QG_OK) {
		expect(back.method == frame->method, "another method");
		expect(back.payload_size == strlen(ANSWER) &&
				memcmp(back.payload, ANSWER, strlen(ANSWER)) == 0,
			"another payload");
		expect(feishu_frame_number(frame, "sum", 1) == feishu_frame_number(&back, "sum", 1),
			"another header");
		expect(feishu_frame_number(&back, "biz_rt", -2) != -2, "no biz_rt");
		expect(feishu_frame_answer(&back, 7, ANSWER, strlen(ANSWER), &second) == QG_OK &&
				second.size > first.size,
			"no second answer");
	}
	feishu_frame_finish(&back);
	qg_buf_finish(&first);
	qg_buf_finish(&second);
}

static void take(struct feishu_link *link, const uint8_t *data, size_t size)
{
	struct feishu_frame frame = {0};
	const char *whole = NULL;
	size_t whole_size = 0;
	if (feishu_frame_read((const char *)data, size, &frame) != QG_OK) {
		expect(!frame.packed, "a refused frame holds something");
		return;
	}
	check_answer(&frame);
	if (feishu_parts_take(link, &frame, &whole, &whole_size) == FEISHU_WHOLE) {
		expect(whole && whole_size <= FEISHU_FRAME_MAX, "a whole of no size");
		struct feishu_envelope envelope;
		(void)feishu_envelope_read("cli_a", whole, whole_size, &envelope);
	}
	expect(link->set_bytes <= (size_t)5 << 20, "too much is kept");
	free(feishu_frame_steal(&frame));
	check_answer(&frame);
	feishu_frame_finish(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feishu_link link = {0};
	qg_list_init(&link.sets);
	qg_buf_init(&link.scratch, FEISHU_BODY_MAX);
	while (size >= 2) {
		size_t length = (size_t)data[0] << 8 | data[1];
		length = length < size - 2 ? length : size - 2;
		/* Of exactly this size, so that whoever reads behind it is found out. */
		uint8_t *exact = malloc(length > 0 ? length : 1);
		if (length > 0) {
			memcpy(exact, data + 2, length);
		}
		take(&link, exact, length);
		free(exact);
		data += 2 + length;
		size -= 2 + length;
	}
	feishu_parts_finish(&link);
	expect(link.set_bytes == 0, "bytes that nobody has");
	qg_buf_finish(&link.scratch);
	return 0;
}
