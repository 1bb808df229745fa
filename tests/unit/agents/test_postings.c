/* test_postings.c - a handbook in memory ranks as SQLite's full-text index does. */
#include "postings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "main.h"
#include "qg/str.h"
#include "support/malloc.h"

#define BEST 12

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* Words of which some are rare and some are everywhere. */
static const char *draw_word(void)
{
	static const char *const words[] = {"的", "客人", "订位", "包间", "wifi", "过敏", "退货",
		"发票", "A3", "鱼", "冰箱温度", "打烊", "停车", "x"};
	uint32_t most = (uint32_t)(sizeof(words) / sizeof(words[0]));
	uint32_t a = draw(most), b = draw(most);
	return words[a < b ? a : b];
}

static char *draw_text(uint32_t most)
{
	struct qg_buf text;
	qg_buf_init(&text, 64 * 1024);
	for (uint32_t i = 1 + draw(most); i > 0; i--) {
		qg_buf_printf(&text, "%s%s", draw_word(), draw(3) == 0 ? "，" : "");
	}
	return qg_buf_steal(&text);
}

static struct qg_sections draw_sections(size_t count)
{
	struct qg_sections sections = {calloc(count, sizeof(*sections.items)), count};
	for (size_t i = 0; i < count; i++) {
		sections.items[i] =
			(struct qg_section){strdup("手册"), draw_text(3), draw_text(60)};
	}
	return sections;
}

static struct qg_postings *fill(const struct qg_sections *sections)
{
	struct qg_postings *postings = qg_postings_create(sections->count);
	enum qg_status status = postings != NULL ? QG_OK : QG_NO_MEMORY;
	for (size_t i = 0; i < sections->count && status == QG_OK; i++) {
		const struct qg_section *section = &sections->items[i];
		status = qg_postings_add(postings, section->title, section->heading, section->text);
	}
	if (status != QG_OK || qg_postings_sort(postings) != QG_OK) {
		qg_postings_destroy(postings);
		return NULL;
	}
	return postings;
}

static const char *const terms[] = {"的", "客人", "人订", "订位", "包间", "wifi", "过敏", "a3",
	"鱼", "温度", "的的", "x", "退", "没有"};
#define TERMS (sizeof(terms) / sizeof(terms[0]))

static void ck_documents(struct qg_db *db, const struct qg_postings *postings)
{
	struct qg_db_query *query = qg_db_prepare(db, "SELECT sections FROM terms WHERE term = ?");
	for (size_t i = 0; i < TERMS; i++) {
		qg_db_bind_text(query, 1, terms[i], strlen(terms[i]));
		int64_t there = qg_db_step(query) == QG_OK ? qg_db_int(query, 0) : 0;
		ck_assert_int_eq((int64_t)qg_postings_documents(postings, terms[i]), there);
		qg_db_reset(query);
	}
	qg_db_finish(query);
}

static void ck_best(struct qg_db *db, const struct qg_postings *postings)
{
	struct qg_db_query *match =
		qg_db_prepare(db, "SELECT rowid FROM tokens WHERE tokens MATCH ?"
				  " ORDER BY bm25(tokens, 4.0, 1.0), rowid LIMIT ?");
	for (int round = 0; round < 100; round++) {
		const char *wanted[4];
		size_t count = 1 + draw(4), best[BEST + 1], found = 0, rows = 0;
		struct qg_buf text;
		qg_buf_init(&text, 1024);
		for (size_t i = 0; i < count; i++) {
			wanted[i] = terms[draw(TERMS)];
			qg_buf_printf(&text, "%s\"%s\"", i > 0 ? " OR " : "", wanted[i]);
		}
		ck_assert_int_eq(
			qg_postings_best(postings, wanted, count, BEST, best, &found), QG_OK);
		qg_db_bind_text(match, 1, text.data, text.size);
		qg_db_bind_int(match, 2, BEST);
		while (qg_db_step(match) == QG_OK) {
			ck_assert_uint_lt(rows, found);
			ck_assert_msg((int64_t)best[rows] + 1 == qg_db_int(match, 0),
				"%s: place %zu", text.data, rows);
			rows++;
		}
		ck_assert_uint_eq(rows, found);
		qg_db_reset(match);
		qg_buf_finish(&text);
	}
	qg_db_finish(match);
}

START_TEST(ranks_as_the_index_does)
{
	seed = 5 + (uint32_t)_i;
	struct qg_sections sections = draw_sections(_i == 0 ? 1 : 40 * (size_t)_i);
	struct qg_postings *postings = fill(&sections);
	ck_assert_ptr_nonnull(postings);
	ck_assert_uint_eq(qg_postings_count(postings), sections.count);
	struct qg_db *db = qg_db_open(":memory:", NULL);
	ck_assert_int_eq(qg_index_fill(db, &sections), QG_OK);
	ck_documents(db, postings);
	ck_best(db, postings);
	const struct qg_posted_section *last = qg_postings_section(postings, sections.count - 1);
	ck_assert_str_eq(last->heading, sections.items[sections.count - 1].heading);
	ck_assert_str_eq(last->text, sections.items[sections.count - 1].text);
	ck_assert_ptr_nonnull(strstr(last->folded, "手册\n"));
	qg_db_close(db);
	qg_postings_destroy(postings);
	qg_sections_finish(&sections);
}
END_TEST

START_TEST(an_empty_one_finds_nothing)
{
	struct qg_postings *postings = qg_postings_create(0);
	size_t best[BEST + 1], found = 7;
	ck_assert_int_eq(qg_postings_add(postings, "a", "b", "c"), QG_FULL);
	ck_assert_int_eq(qg_postings_sort(postings), QG_OK);
	ck_assert_uint_eq(qg_postings_documents(postings, "a"), 0);
	ck_assert_int_eq(qg_postings_best(postings, terms, 2, BEST, best, &found), QG_OK);
	ck_assert_uint_eq(found, 0);
	qg_postings_destroy(postings);
	qg_postings_destroy(NULL);
}
END_TEST

static bool fill_once(void *arg)
{
	struct qg_postings *postings = fill(arg);
	size_t best[BEST + 1], found = 0;
	bool worked = postings != NULL &&
		      qg_postings_best(postings, terms, 4, BEST, best, &found) == QG_OK &&
		      found > 0;
	qg_postings_destroy(postings);
	return worked;
}

START_TEST(no_memory_is_survived)
{
	struct qg_sections sections = draw_sections(5);
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(fill_once, &sections), 20);
	}
	qg_sections_finish(&sections);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("postings");
	TCase *all = tcase_create("all");
	tcase_add_loop_test(all, ranks_as_the_index_does, 0, 5);
	tcase_add_test(all, an_empty_one_finds_nothing);
	tcase_add_test(all, no_memory_is_survived);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
