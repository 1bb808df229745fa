/* test_document.c - documents read by children of this very program: told to misbehave by what the file begins with. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <dirent.h>

#include "qg/log.h"
#include "support/malloc.h"
#include "vectors.h"

static struct qg_loop *loop;

struct answer {
	bool came;
	enum qg_status status;
	char *text;
	size_t size;
	bool cut;
	unsigned pages;
	struct qg_document *cancel; /* another one, cancelled by this answer */
};

static void answered(void *arg, enum qg_status status, const struct qg_document_text *text)
{
	struct answer *answer = arg;
	ck_assert(!answer->came);
	ck_assert((status == QG_OK) == (text != NULL));
	answer->came = true;
	answer->status = status;
	if (text != NULL) {
		ck_assert_uint_eq(strlen(text->text), text->size);
		answer->text = strdup(text->text);
		answer->size = text->size;
		answer->cut = text->cut;
		answer->pages = text->pages;
	}
	qg_document_cancel(answer->cancel);
}

struct until {
	bool (*holds)(void *arg);
	void *arg;
	struct qg_timer *timer;
};

static unsigned looks_taken;

static void look(void *arg)
{
	struct until *until = arg;
	looks_taken++;
	if (until->holds(until->arg)) {
		qg_loop_stop(loop);
	}
}

static void wait_until(bool (*holds)(void *arg), void *arg)
{
	struct until until = {.holds = holds, .arg = arg};
	until.timer = qg_timer_create(loop, look, &until);
	qg_timer_repeat(until.timer, 2);
	qg_loop_run(loop);
	qg_timer_destroy(until.timer);
}

static bool has_come(void *arg)
{
	return ((struct answer *)arg)->came;
}

static bool no_children(void *arg)
{
	siginfo_t info;
	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

static struct qg_document *ask(
	const char *name, const char *data, size_t size, struct answer *answer)
{
	char *copy = malloc(size > 0 ? size : 1);
	memcpy(copy, data, size);
	*answer = (struct answer){0};
	struct qg_document *document = qg_document_read(loop, name, copy, size, answered, answer);
	ck_assert_ptr_nonnull(document);
	ck_assert(!answer->came);
	return document;
}

static void ask_vector(const char *name, struct answer *answer)
{
	size_t size;
	char *data = vector_load(name, &size);
	ask(name, data, size, answer);
	free(data);
	wait_until(has_come, answer);
}

static void expect_vector(const char *name, enum qg_status status, const char *text, unsigned pages)
{
	struct answer answer;
	ask_vector(name, &answer);
	ck_assert_msg(answer.status == status, "%s: %s", name, qg_status_name(answer.status));
	if (text != NULL) {
		ck_assert_str_eq(answer.text, text);
		ck_assert_uint_eq(answer.pages, pages);
		ck_assert(!answer.cut);
	}
	free(answer.text);
}

static unsigned count_descriptors(void)
{
	unsigned count = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count;
}

static unsigned descriptors;

static void setup(void)
{
	loop = qg_loop_create(2);
	/* the first signal and the first work open what stays */
	struct answer answer;
	ask("a.txt", "hello", 5, &answer);
	wait_until(has_come, &answer);
	ck_assert_str_eq(answer.text, "hello");
	free(answer.text);
	descriptors = count_descriptors();
}

static void teardown(void)
{
	wait_until(no_children, NULL);
	ck_assert_uint_eq(count_descriptors(), descriptors);
	qg_documents_finish(loop);
	qg_loop_destroy(loop);
}

/* Each test is a process of its own, and the scale is read when it is first asked for. */
static void setup_quick(void)
{
	setenv("QUNGONG_TEST_SCALE", "10", 1);
	loop = qg_loop_create(2);
}

static void teardown_quick(void)
{
	wait_until(no_children, NULL);
	qg_documents_finish(loop);
	qg_loop_destroy(loop);
}

static bool has_pdftotext(void)
{
	return access("/usr/bin/pdftotext", X_OK) == 0;
}

START_TEST(each_format_is_read)
{
	expect_vector("handbook.docx", QG_OK,
		"小满餐厅 员工手册\n# 第一章 排班\n早班\t九点 到 <十七点>\n- "
		"不要迟到\n第一行\n第二行\n框里\n"
		"姓名\t电话\n张 三\t021-5555\n内 表\t\n完",
		0);
	expect_vector("slides.pptx", QG_OK, "第一页\n收入\n\n第二页\n利润", 2);
	expect_vector("blank.xlsx", QG_EMPTY, NULL, 0);
	expect_vector("empty.docx", QG_EMPTY, NULL, 0);
	expect_vector("locked.xlsx", QG_INVALID, NULL, 0);
	expect_vector("laughs.docx", QG_INVALID, NULL, 0);
	expect_vector("bomb.docx", QG_TOO_LARGE, NULL, 0);
}
END_TEST

START_TEST(chinese_pdfs_are_read)
{
	if (!has_pdftotext()) {
		expect_vector("menu.pdf", QG_UNSUPPORTED, NULL, 0);
		return;
	}
	expect_vector("menu.pdf", QG_OK, "红烧肉\t38元\n清蒸鱼\t66元\n\n营业时间\t九点到廿一点", 2);
	expect_vector("scan.pdf", QG_EMPTY, NULL, 0);
	expect_vector("locked.pdf", QG_INVALID, NULL, 0);
}
END_TEST

static void expect(const char *name, const char *data, size_t size, enum qg_status status)
{
	struct answer answer;
	ask(name, data, size, &answer);
	wait_until(has_come, &answer);
	ck_assert_msg(answer.status == status, "%s: %s", data, qg_status_name(answer.status));
	free(answer.text);
}

START_TEST(what_is_not_read_is_refused_without_a_child)
{
	expect("a.zip", "PK\3\4....", 8, QG_UNSUPPORTED);
	expect("a.png", "\x89PNG\r\n\x1a\n", 8, QG_UNSUPPORTED);
	expect("a.txt", "", 0, QG_EMPTY);
	char *large = calloc(1, QG_DOCUMENT_MOST + 1);
	memset(large, 'a', 100);
	expect("a.pdf", large, QG_DOCUMENT_MOST + 1, QG_TOO_LARGE);
	free(large);
}
END_TEST

START_TEST(a_child_that_hangs_is_ended)
{
	looks_taken = 0;
	expect("a.txt", "TEST hang", 9, QG_TIMEOUT); /* 10 s, scaled */
	ck_assert_uint_gt(looks_taken, 20);	     /* the loop went on meanwhile */
}
END_TEST

START_TEST(a_child_that_misbehaves_is_ended)
{
	if (qg_test_malloc_works()) { /* a sanitizer cannot live within a limit */
		expect("a.txt", "TEST memory", 11, QG_TOO_LARGE);
	}
	expect("a.txt", "TEST crash", 10, QG_INVALID);
	expect("a.txt", "TEST silent", 11, QG_EMPTY);
	expect("a.txt", "TEST blanks", 11, QG_EMPTY);
	expect("a.txt", "TEST odd", 8, QG_UNSUPPORTED);
}
END_TEST

START_TEST(endless_output_is_cut)
{
	struct answer answer;
	ask("a.txt", "TEST flood", 10, &answer);
	wait_until(has_come, &answer);
	ck_assert_int_eq(answer.status, QG_OK);
	ck_assert(answer.cut);
	ck_assert_uint_le(answer.size, QG_DOCUMENT_TEXT_MOST);
	ck_assert_uint_gt(answer.size, QG_DOCUMENT_TEXT_MOST - 4);
	free(answer.text);
	size_t size = 2 * QG_DOCUMENT_TEXT_MOST;
	char *text = malloc(size);
	memset(text, 'x', size);
	ask("a.txt", text, size, &answer);
	wait_until(has_come, &answer);
	ck_assert(answer.cut);
	ck_assert_uint_eq(answer.size, QG_DOCUMENT_TEXT_MOST);
	free(answer.text);
	ask("a.txt", text, QG_DOCUMENT_TEXT_MOST, &answer);
	wait_until(has_come, &answer);
	ck_assert(!answer.cut);
	ck_assert_uint_eq(answer.size, QG_DOCUMENT_TEXT_MOST);
	free(answer.text);
	free(text);
}
END_TEST

enum { MANY = 12 };

struct many {
	struct answer answers[MANY];
	unsigned most;
};

static bool all_came(void *arg)
{
	struct many *many = arg;
	unsigned came = 0, children = 0;
	char line[256];
	snprintf(line, sizeof(line), "/proc/%d/task/%d/children", getpid(), getpid());
	FILE *file = fopen(line, "r");
	for (int pid; file != NULL && fscanf(file, "%d", &pid) == 1;) {
		children++;
	}
	if (file != NULL) {
		fclose(file);
	}
	many->most = children > many->most ? children : many->most;
	for (size_t i = 0; i < MANY; i++) {
		came += many->answers[i].came ? 1 : 0;
	}
	return came == MANY;
}

START_TEST(four_are_read_at_once)
{
	struct many many = {0};
	for (size_t i = 0; i < MANY; i++) {
		ask("a.txt", i < 4 ? "TEST wait" : "TEST blanks", i < 4 ? 9 : 11, &many.answers[i]);
	}
	wait_until(all_came, &many);
	ck_assert_uint_le(many.most, 4);
	for (size_t i = 0; i < MANY; i++) {
		free(many.answers[i].text);
	}
}
END_TEST

START_TEST(the_largest_is_read)
{
	struct answer answer = {0};
	char *data = malloc(QG_DOCUMENT_MOST);
	memset(data, 'x', QG_DOCUMENT_MOST);
	ck_assert_ptr_nonnull(
		qg_document_read(loop, "a.txt", data, QG_DOCUMENT_MOST, answered, &answer));
	wait_until(has_come, &answer);
	ck_assert_int_eq(answer.status, QG_OK);
	ck_assert(answer.cut);
	free(answer.text);
}
END_TEST

static bool looks_over(void *arg)
{
	return (*(unsigned *)arg)-- == 0;
}

/* After 0, 1, 2, ... looks of 2 ms: while it is copied, started, read, ended. */
START_TEST(it_may_be_cancelled_at_any_time)
{
	static struct answer answers[2];
	for (unsigned looks = 0; looks < 20; looks++) {
		unsigned left = looks;
		struct qg_document *document = ask("a.txt", looks % 2 ? "TEST hang" : "TEST flood",
			looks % 2 ? 9 : 10, &answers[0]);
		wait_until(looks_over, &left);
		if (!answers[0].came) {
			qg_document_cancel(document);
		}
		free(answers[0].text);
		answers[0] = (struct answer){0};
	}
	wait_until(no_children, NULL);
	/* those that wait, and one by another's answer */
	struct answer waiting[8];
	struct qg_document *documents[8];
	for (size_t i = 0; i < 8; i++) {
		documents[i] = ask("a.txt", i == 0 ? "TEST blanks" : "TEST hang", i == 0 ? 11 : 9,
			&waiting[i]);
	}
	waiting[0].cancel = documents[1];
	for (size_t i = 2; i < 8; i++) {
		qg_document_cancel(documents[i]);
	}
	wait_until(has_come, &waiting[0]);
	qg_document_cancel(NULL);
}
END_TEST

START_TEST(an_end_of_the_process_ends_them)
{
	static struct answer answers[8];
	for (size_t i = 0; i < 8; i++) {
		ask("a.txt", "TEST hang", 9, &answers[i]);
	}
	unsigned looks = 10;
	wait_until(looks_over, &looks);
	qg_documents_finish(loop);
	ck_assert(no_children(NULL));
	struct answer again;
	ask("a.txt", "again", 5, &again);
	wait_until(has_come, &again);
	ck_assert_int_eq(again.status, QG_OK);
	free(again.text);
}
END_TEST

START_TEST(the_queue_has_an_end)
{
	static struct answer answers[80];
	unsigned refused = 0;
	struct qg_document *documents[80];
	for (size_t i = 0; i < 80; i++) {
		documents[i] = ask("a.txt", "TEST hang", 9, &answers[i]);
	}
	unsigned looks = 3;
	wait_until(looks_over, &looks);
	for (size_t i = 0; i < 80; i++) {
		refused += answers[i].came ? 1 : 0;
		ck_assert(!answers[i].came || answers[i].status == QG_NO_MEMORY);
		if (!answers[i].came) {
			qg_document_cancel(documents[i]);
		}
	}
	ck_assert_uint_eq(refused, 80 - 64 - 4);
}
END_TEST

/* ---- what a child is told to do ---- */

static void flood(void)
{
	static const char text[] = "肉肉肉肉肉肉肉肉";
	while (write(STDOUT_FILENO, text, sizeof(text) - 1) > 0) {
	}
}

static void eat(void)
{
	for (;;) {
		char *more = malloc(1 << 20);
		if (more == NULL) {
			_exit(DOCUMENT_EXIT + QG_NO_MEMORY);
		}
		memset(more, 1, 1 << 20);
	}
}

static void misbehave(const char *how)
{
	if (strcmp(how, "crash") == 0) {
		abort();
	}
	if (strcmp(how, "odd") == 0) {
		_exit(77);
	}
	if (!document_confine(NULL)) {
		_exit(1);
	}
	if (strcmp(how, "hang") == 0) {
		for (;;) {
			pause(); /* refused or not: it goes on */
		}
	} else if (strcmp(how, "flood") == 0) {
		flood();
	} else if (strcmp(how, "memory") == 0) {
		eat();
	} else if (strcmp(how, "blanks") == 0) {
		_exit(write(STDOUT_FILENO, " \n\f\t\n", 5) == 5 ? DOCUMENT_EXIT : 1);
	} else if (strcmp(how, "wait") == 0) {
		for (volatile unsigned i = 0; i < 30000000; i++) {
		}
	}
	_exit(DOCUMENT_EXIT);
}

static int child(int argc, char **argv)
{
	char head[32] = "";
	ssize_t got = pread(STDIN_FILENO, head, sizeof(head) - 1, 0);
	if (got > 5 && strncmp(head, "TEST ", 5) == 0) {
		misbehave(head + 5);
	}
	return qg_document_child(argc, argv);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], QG_DOCUMENT_CHILD) == 0) {
		return child(argc, argv);
	}
	Suite *suite = suite_create("document");
	TCase *tcase = tcase_create("document");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, each_format_is_read);
	tcase_add_test(tcase, chinese_pdfs_are_read);
	tcase_add_test(tcase, what_is_not_read_is_refused_without_a_child);
	tcase_add_test(tcase, a_child_that_misbehaves_is_ended);
	tcase_add_test(tcase, endless_output_is_cut);
	tcase_add_test(tcase, four_are_read_at_once);
	tcase_add_test(tcase, the_largest_is_read);
	tcase_add_test(tcase, it_may_be_cancelled_at_any_time);
	tcase_add_test(tcase, an_end_of_the_process_ends_them);
	tcase_add_test(tcase, the_queue_has_an_end);
	TCase *quick = tcase_create("quick");
	tcase_add_checked_fixture(quick, setup_quick, teardown_quick);
	tcase_set_timeout(quick, 60);
	suite_add_tcase(suite, quick);
	tcase_add_test(quick, a_child_that_hangs_is_ended);
	return vectors_run(suite);
}
