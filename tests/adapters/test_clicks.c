/* test_clicks.c - presses of buttons: what they become, what is said of them, and the seal under what a button says. */
#include "clicks.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "seal.h"

#include "qg/buf.h"
#include "qg/str.h"
#include "support/malloc.h"

static const struct qg_click press = {.card = "card1",
	.button = "yes",
	.type = QG_CHAT_GROUP,
	.chat = "group",
	.person = "li",
	.says = "好的",
	.handle = "h",
	.received_us = 7};

START_TEST(a_press_is_a_message)
{
	struct qg_message *message = qg_click_message(&press);
	ck_assert_int_eq(message->kind, QG_MESSAGE_CLICK);
	ck_assert_int_eq(message->chat_type, QG_CHAT_GROUP);
	ck_assert_str_eq(message->chat, "group");
	ck_assert_str_eq(message->sender, "li");
	ck_assert_str_eq(message->text, "好的");
	ck_assert_str_eq(message->handle, "h");
	ck_assert(message->mentions_bot);
	ck_assert_uint_eq(message->received_us, 7);
	qg_message_destroy(message);
}
END_TEST

/* Whoever presses a button again: the store knows it. Another button, or one of another card, is another press. */
START_TEST(its_id_is_the_buttons)
{
	struct qg_click again = press, other = press, elsewhere = press;
	again.person = "wang";
	again.handle = "other";
	other.button = "no";
	elsewhere.card = "card2";
	struct qg_message *first = qg_click_message(&press), *second = qg_click_message(&again);
	struct qg_message *third = qg_click_message(&other), *fourth = qg_click_message(&elsewhere);
	ck_assert_str_eq(first->id, second->id);
	ck_assert_str_ne(first->id, third->id);
	ck_assert_str_ne(first->id, fourth->id);
	qg_message_destroy(first);
	qg_message_destroy(second);
	qg_message_destroy(third);
	qg_message_destroy(fourth);
}
END_TEST

static bool make(void *arg)
{
	struct qg_message *message = qg_click_message(arg);
	qg_message_destroy(message);
	return message != NULL;
}

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		ck_assert(make((void *)&press)); /* digests are made ready once */
		ck_assert_int_ge(qg_test_each_malloc(make, (void *)&press), 6);
	}
}
END_TEST

/* Only what is stored for good is called taken. */
START_TEST(each_end_has_its_words)
{
	ck_assert_str_eq(qg_click_words(QG_OK), "click_taken");
	ck_assert_str_eq(qg_click_words(QG_DUPLICATE), "click_again");
	ck_assert_str_eq(qg_click_words(QG_FULL), "full");
	ck_assert_str_eq(qg_click_words(QG_EMPTY), "click_late");
	ck_assert_str_eq(qg_click_words(QG_INVALID), "click_late");
	ck_assert_str_eq(qg_click_words(QG_AWAY), "click_retry");
	ck_assert_str_eq(qg_click_words(QG_CANCELLED), "click_retry");
}
END_TEST

START_TEST(a_choice_is_cut_at_whole_characters)
{
	QG_AUTO(qg_str_free) char *whole = qg_click_choice("已选：", "好的");
	ck_assert_str_eq(whole, "已选：好的");
	QG_AUTO(qg_str_free)
	char *cut = qg_click_choice("", "x一二三四五六七八九十一二三四五六七八九十");
	ck_assert_uint_eq(strlen(cut), 58);
	ck_assert(qg_utf8_is_valid(cut, strlen(cut)));
	ck_assert_ptr_null(qg_click_choice(NULL, "好的"));
}
END_TEST

START_TEST(a_seal_fits_its_text_alone)
{
	const char *person = "li";
	char seal[13];
	qg_seal("app", "secret", "whose", &person, 1, seal, sizeof(seal));
	ck_assert_uint_eq(strlen(seal), 12);
	ck_assert(qg_seal_fits("app", "secret", "whose", "li", seal));
	ck_assert(!qg_seal_fits("app", "secret", "whose", "wang", seal));
	ck_assert(!qg_seal_fits("app", "secret", "where", "li", seal));
	ck_assert(!qg_seal_fits("app", "other", "whose", "li", seal));
	ck_assert(!qg_seal_fits("other", "secret", "whose", "li", seal));
	ck_assert(qg_seal_fits("app", "secret", "whose", "anybody", QG_SEAL_ANY));
	ck_assert(!qg_seal_fits("app", "secret", "whose", "li", ""));
	char longer[100];
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert(!qg_seal_fits("app", "secret", "whose", "li", longer));
}
END_TEST

int main(void)
{
	qg_test_malloc_spare_digests();
	Suite *suite = suite_create("clicks");
	TCase *tcase = tcase_create("clicks");
	tcase_add_test(tcase, a_press_is_a_message);
	tcase_add_test(tcase, its_id_is_the_buttons);
	tcase_add_test(tcase, failing_memory_is_told_and_leaks_nothing);
	tcase_add_test(tcase, each_end_has_its_words);
	tcase_add_test(tcase, a_choice_is_cut_at_whole_characters);
	tcase_add_test(tcase, a_seal_fits_its_text_alone);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
