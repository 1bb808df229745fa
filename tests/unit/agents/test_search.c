/* test_search.c - sections, the index file, what is found and what is honestly not. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "main.h"
#include "qg/clock.h"
#include "search_parts.h"
#include "support/malloc.h"

static const char handbook[] = "# 手册\n开头的话。\n"
			       "## 花生过敏\n花生过敏的客人不能点宫保鸡丁。\n"
			       "## 健康证\n一年一办，没有健康证不能上岗。\n"
			       "## 清炒时蔬\n热菜，28元一份。\n"
			       "```\n# 不是标题\n```\n"
			       "## 退货\nWiFi 坏了的 router 七天内退。\n"
			       "### 酒\n含酒精的有酒酿圆子。\n";

static char dir[64];

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/qg-search-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	while ((entry = readdir(folder)) != NULL) {
		unlinkat(dirfd(folder), entry->d_name, 0);
	}
	closedir(folder);
	rmdir(dir);
}

static struct qg_search *open_text(const char *folder, const char *text)
{
	struct qg_sections sections = {0};
	ck_assert_int_eq(qg_sections_add(&sections, "file", text), QG_OK);
	char words[128] = "";
	struct qg_search *search = qg_search_open(folder, "bot", &sections, words);
	ck_assert_msg(search != NULL, "%s", words);
	ck_assert_ptr_null(sections.items);
	return search;
}

/* The handbook behind so many more sections. */
static char *make_longer(int sections)
{
	struct qg_buf text;
	qg_buf_init(&text, 4 * 1024 * 1024);
	qg_buf_add_str(&text, handbook);
	for (int i = 0; i < sections; i++) {
		qg_buf_printf(&text, "## 货号%d\n第%d格。\n", i, i);
	}
	return qg_buf_steal(&text);
}

/* Too long to be kept in memory. */
static struct qg_search *open_long(const char *before)
{
	QG_AUTO(qg_str_free) char *longer = make_longer(QG_SEARCH_KEPT);
	QG_AUTO(qg_str_free) char *text = qg_str_printf("%s%s", before, longer);
	return open_text(dir, text);
}

static size_t count_files(const char *suffix)
{
	DIR *folder = opendir(dir);
	size_t count = 0;
	struct dirent *entry;
	while ((entry = readdir(folder)) != NULL) {
		size_t size = strlen(entry->d_name), end = strlen(suffix);
		count += strncmp(entry->d_name, "bot-", 4) == 0 && size > end &&
			 strcmp(entry->d_name + size - end, suffix) == 0;
	}
	closedir(folder);
	return count;
}

static void check_found(struct qg_search *search, const char *question, const char *heading)
{
	struct qg_found found;
	ck_assert_int_eq(qg_search_find(search, 0, question, &found), QG_OK);
	if (heading == NULL) {
		ck_assert_msg(!found.answers, "%s: %s", question,
			found.count > 0 ? found.sections[0].heading : "");
	} else {
		ck_assert_msg(found.answers, "%s", question);
		ck_assert_str_eq(found.sections[0].heading, heading);
	}
	qg_found_finish(&found);
}

START_TEST(sections_are_cut_at_headings)
{
	struct qg_sections sections = {0};
	ck_assert_int_eq(qg_sections_add(&sections, "file", handbook), QG_OK);
	ck_assert_uint_eq(sections.count, 6);
	ck_assert_str_eq(sections.items[0].title, "手册");
	ck_assert_str_eq(sections.items[0].heading, "");
	ck_assert_str_eq(sections.items[1].heading, "花生过敏");
	ck_assert_str_eq(sections.items[1].text, "花生过敏的客人不能点宫保鸡丁。");
	ck_assert_ptr_nonnull(strstr(sections.items[3].text, "# 不是标题"));
	ck_assert_str_eq(sections.items[5].heading, "酒");
	qg_sections_finish(&sections);
}
END_TEST

START_TEST(long_sections_are_cut_at_sentences)
{
	struct qg_buf text;
	qg_buf_init(&text, 100000);
	qg_buf_add_str(&text, "## 长\n");
	for (int i = 0; i < 500; i++) {
		qg_buf_add_str(&text, "这是一句话。");
	}
	struct qg_sections sections = {0};
	ck_assert_int_eq(qg_sections_add(&sections, "名", text.data), QG_OK);
	ck_assert_uint_gt(sections.count, 3);
	size_t whole = 0;
	for (size_t i = 0; i < sections.count; i++) {
		size_t size = strlen(sections.items[i].text);
		whole += size;
		ck_assert_uint_le(size, 1800);
		ck_assert_str_eq(sections.items[i].text + size - 3, "。");
		ck_assert_str_eq(sections.items[i].heading, "长");
		ck_assert_str_eq(sections.items[i].title, "名");
	}
	ck_assert_uint_eq(whole, 500 * strlen("这是一句话。"));
	qg_sections_finish(&sections);
	qg_buf_finish(&text);
}
END_TEST

START_TEST(finds_what_is_there)
{
	struct qg_search *search = open_text(_i == 0 ? NULL : dir, handbook);
	check_found(search, "花生过敏能吃什么", "花生过敏");
	check_found(search, "花生过闵能吃什么", "花生过敏"); /* typed alike */
	check_found(search, "健康正过期了", "健康证");
	check_found(search, "清炒時蔬幾元", "清炒时蔬");
	check_found(search, "水果和清炒时蔬多少钱", "清炒时蔬");
	check_found(search, "wifi router", "退货");
	check_found(search, "有没有酒", "酒");
	qg_search_close(search);
}
END_TEST

START_TEST(misses_what_is_not)
{
	struct qg_search *search = open_text(NULL, handbook);
	check_found(search, "花粉过敏能吃什么", NULL); /* another allergy */
	check_found(search, "健康码过期了", NULL);
	check_found(search, "比特币", NULL);
	check_found(search, "啤酒多少钱", NULL);
	check_found(search, "iphone", NULL);
	check_found(search, "的了吗", NULL);
	check_found(search, "", NULL);
	check_found(search, "\" OR * NEAR(", NULL);
	check_found(search, "heading: body", NULL);
	qg_search_close(search);
}
END_TEST

START_TEST(an_empty_handbook_finds_nothing)
{
	struct qg_search *search = open_text(dir, "");
	check_found(search, "花生过敏", NULL);
	ck_assert_str_eq(qg_search_digest(search), "");
	qg_search_close(search);
}
END_TEST

START_TEST(the_digest_names_the_headings)
{
	struct qg_search *search = open_text(NULL, handbook);
	ck_assert_ptr_nonnull(strstr(qg_search_digest(search), "花生过敏、健康证"));
	qg_search_close(search);
}
END_TEST

START_TEST(the_same_content_is_one_file)
{
	struct qg_search *first = open_long(""), *second = open_long("");
	check_found(first, "花生过敏", "花生过敏");
	check_found(second, "花生过敏", "花生过敏");
	ck_assert_uint_eq(count_files(".db"), 1);
	qg_search_close(first);
	check_found(second, "健康证", "健康证");
	qg_search_close(second);
	ck_assert_uint_eq(count_files(".new"), 0);
}
END_TEST

START_TEST(an_older_index_goes_when_nobody_reads_it)
{
	struct qg_search *first = open_long("## 旧\n旧的内容\n");
	struct qg_search *second = open_long("");
	ck_assert_uint_eq(count_files(".db"), 2); /* still read */
	check_found(first, "旧的内容", "旧");
	qg_search_close(first);
	struct qg_search *third = open_long("");
	ck_assert_uint_eq(count_files(".db"), 1);
	qg_search_close(second);
	qg_search_close(third);
}
END_TEST

START_TEST(a_damaged_index_is_made_again)
{
	qg_search_close(open_long(""));
	DIR *folder = opendir(dir);
	struct dirent *entry;
	while ((entry = readdir(folder)) != NULL) {
		if (strlen(entry->d_name) > 3 &&
			strcmp(entry->d_name + strlen(entry->d_name) - 3, ".db") == 0) {
			int fd = openat(dirfd(folder), entry->d_name, O_WRONLY | O_TRUNC);
			ck_assert_int_eq(write(fd, "no database", 11), 11);
			close(fd);
		}
	}
	closedir(folder);
	struct qg_search *search = open_long("");
	check_found(search, "花生过敏", "花生过敏");
	ck_assert_uint_eq(count_files(".db"), 1);
	qg_search_close(search);
}
END_TEST

START_TEST(without_a_folder_it_is_kept_in_memory)
{
	struct qg_search *search = open_text("/proc/nowhere", handbook);
	check_found(search, "花生过敏", "花生过敏");
	qg_search_close(search);
}
END_TEST

START_TEST(a_large_handbook_is_searched_in_its_file)
{
	char *large = make_longer(QG_POSTINGS_SECTIONS + 1);
	struct qg_search *search = open_text(_i == 0 ? dir : "/proc/nowhere", large);
	for (int round = 0; round < 2; round++) {
		check_found(search, "花生过敏", "花生过敏");
		check_found(search, "货号1234", "货号1234");
		check_found(search, "量子力学", NULL);
		ck_assert(!qg_search_is_quick(search));
	}
	qg_search_close(search);
	free(large);
}
END_TEST

START_TEST(a_small_one_is_quick_from_its_second_search_on)
{
	struct qg_search *search = open_text(dir, handbook);
	ck_assert(!qg_search_is_quick(search));
	check_found(search, "花生过敏", "花生过敏");
	ck_assert(qg_search_is_quick(search));
	check_found(search, "花生过敏", "花生过敏");
	qg_search_close(search);
}
END_TEST

START_TEST(a_short_one_needs_no_file)
{
	struct qg_search *first = open_text(dir, handbook);
	check_found(first, "花生过敏", "花生过敏");
	ck_assert_uint_eq(count_files(""), 0);
	struct qg_search *second = open_text(dir, handbook);
	ck_assert_ptr_eq(second->sections.items[1].text, first->sections.items[1].text);
	qg_search_close(first);
	check_found(second, "花生过敏", "花生过敏");
	qg_search_close(second);
}
END_TEST

START_TEST(a_handbook_that_nobody_asks_rests)
{
	struct qg_search *search = open_text(NULL, handbook);
	uint64_t later = qg_clock_mono() + 1;
	ck_assert(!qg_search_rest(search, later));
	ck_assert_ptr_nonnull(qg_search_load(search));
	ck_assert(!qg_search_rest(search, later + 1000)); /* it is being read */
	qg_search_unload(search);
	ck_assert(!qg_search_rest(search, 1)); /* it was read just now */
	ck_assert(qg_search_is_quick(search));
	ck_assert(qg_search_rest(search, later + 1000));
	ck_assert(!qg_search_is_quick(search));
	check_found(search, "花生过敏", "花生过敏");
	qg_search_close(search);
}
END_TEST

START_TEST(an_index_that_is_gone_is_told)
{
	struct qg_search *search = open_long("");
	teardown();
	setup();
	struct qg_found found;
	ck_assert_int_eq(qg_search_find(search, 0, "花生过敏", &found), QG_IO);
	ck_assert(!qg_search_is_quick(search));
	qg_search_close(search);
}
END_TEST

static bool search_once(void *arg)
{
	struct qg_sections sections = {0};
	char words[128];
	enum qg_status status = qg_sections_add(&sections, "file", handbook);
	struct qg_search *search =
		status == QG_OK ? qg_search_open(NULL, "bot", &sections, words) : NULL;
	struct qg_found found = {0};
	bool loaded = search != NULL && qg_search_load(search) != NULL;
	bool worked =
		loaded && qg_search_find(search, 0, "花生过敏", &found) == QG_OK && found.answers;
	qg_found_finish(&found);
	qg_search_close(search);
	qg_sections_finish(&sections);
	return worked;
}

static bool cut_once(void *arg)
{
	struct qg_sections sections = {0};
	enum qg_status status = qg_sections_add(&sections, "file", handbook);
	qg_sections_finish(&sections);
	return status == QG_OK;
}

START_TEST(failing_allocations_leak_nothing)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(cut_once, NULL), 10);
		ck_assert_int_gt(qg_test_each_malloc(search_once, NULL), 30);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("search");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, sections_are_cut_at_headings);
	tcase_add_test(all, long_sections_are_cut_at_sentences);
	tcase_add_loop_test(all, finds_what_is_there, 0, 2);
	tcase_add_test(all, misses_what_is_not);
	tcase_add_test(all, an_empty_handbook_finds_nothing);
	tcase_add_test(all, the_digest_names_the_headings);
	tcase_add_test(all, the_same_content_is_one_file);
	tcase_add_test(all, an_older_index_goes_when_nobody_reads_it);
	tcase_add_test(all, a_damaged_index_is_made_again);
	tcase_add_test(all, without_a_folder_it_is_kept_in_memory);
	tcase_add_loop_test(all, a_large_handbook_is_searched_in_its_file, 0, 2);
	tcase_add_test(all, a_small_one_is_quick_from_its_second_search_on);
	tcase_add_test(all, a_short_one_needs_no_file);
	tcase_add_test(all, a_handbook_that_nobody_asks_rests);
	tcase_add_test(all, an_index_that_is_gone_is_told);
	tcase_add_test(all, failing_allocations_leak_nothing);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
