/* fixture_out.c - an owner's calls, each waited for. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

/* ---- out ---- */

static uint64_t fence_given;

static void fence_came(void *arg, enum qg_status status, uint64_t fence)
{
	fence_given = fence;
	simple_answer(arg, status);
}

enum qg_status adopt_over(const char *bot, const char *link, uint64_t epoch, uint64_t *fence_out)
{
	struct simple simple = {0};
	qg_out_adopt(ann, bot, link, epoch, fence_came, &simple);
	enum qg_status status = wait_simple(&simple);
	*fence_out = fence_given;
	return status;
}

enum qg_status adopt(const char *bot, uint64_t epoch)
{
	uint64_t fence;
	return adopt_over(bot, "bot:shop", epoch, &fence);
}

struct heads {
	bool came;
	enum qg_status status;
	struct qg_head *out;
	size_t count;
	int64_t next;
};

static void heads_came(
	void *arg, enum qg_status status, struct qg_head *list, size_t count, int64_t next_due)
{
	struct heads *came = arg;
	ck_assert_uint_le(count, MOST);
	came->came = true;
	came->status = status;
	came->count = count;
	came->next = next_due;
	for (size_t i = 0; i < count; i++) {
		came->out[i] = list[i];
		list[i] = (struct qg_head){0};
	}
	wake();
}

enum qg_status heads_beside(uint64_t epoch, int64_t now, unsigned most,
	const char *const *under_way, size_t under_way_count, struct qg_head *heads_out,
	size_t *count_out, int64_t *next_out)
{
	struct heads came = {.out = heads_out};
	qg_out_heads(ann, BOT, epoch, now, most, under_way, under_way_count, heads_came, &came);
	wait_for(&came.came);
	*count_out = came.count;
	if (next_out != NULL) {
		*next_out = came.next;
	}
	return came.status;
}

enum qg_status heads(uint64_t epoch, int64_t now, unsigned most, struct qg_head *heads_out,
	size_t *count_out, int64_t *next_out)
{
	return heads_beside(epoch, now, most, NULL, 0, heads_out, count_out, next_out);
}

void expect_heads(uint64_t epoch, const char *words)
{
	struct qg_head list[MOST];
	char joined[1024] = "";
	size_t count;
	ck_assert_int_eq(heads(epoch, NOW, MOST, list, &count, NULL), QG_OK);
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(joined);
		snprintf(joined + used, sizeof(joined) - used, "%s%s:%c", i > 0 ? " " : "",
			list[i].chat, list[i].id[0]);
		qg_head_finish(&list[i]);
	}
	ck_assert_str_eq(joined, words);
}

enum qg_status start(const struct qg_part *part, const char *parts)
{
	struct simple simple = {0};
	qg_out_start(ann, part, parts, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status land(const struct qg_part *part, bool last)
{
	struct simple simple = {0};
	qg_out_land(ann, part, last, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status put_off(const struct qg_part *part, int64_t until, unsigned attempts)
{
	struct simple simple = {0};
	qg_out_wait(ann, part, until, attempts, false, QG_FORM_RICH, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status bury(const struct qg_part *part, const char *reason)
{
	struct simple simple = {0};
	qg_out_dead(ann, part, reason, NOW, simple_answer, &simple);
	return wait_simple(&simple);
}

size_t land_all(uint64_t epoch)
{
	struct qg_head list[MOST];
	size_t landed = 0, count;
	do {
		ck_assert_int_eq(heads(epoch, INT64_MAX / 2, MOST, list, &count, NULL), QG_OK);
		for (size_t i = 0; i < count; i++) {
			struct qg_part part = {BOT, list[i].chat, list[i].id, epoch, 0};
			ck_assert_int_eq(start(&part, NULL), QG_OK);
			ck_assert_int_eq(land(&part, true), QG_OK);
			qg_head_finish(&list[i]);
			landed++;
		}
	} while (count > 0);
	return landed;
}
