/* test_faq.c - what counts as the same question, and above all what does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faq.h"
#include "main.h"
#include "support/malloc.h"
#include "text.h"

static const char source[] = "- ask: [几点开门, 营业时间]\n  answer: \"{{hours}}\"\n"
			     "- ask: [有停车位吗, 车停哪里]\n  answer: 停车\n"
			     "- ask: [大份红烧肉多少钱]\n  answer: 大份\n"
			     "- ask: [订三号包间要提前几天]\n  answer: 包间\n"
			     "- ask: [可以自带酒水吗]\n  answer: 酒水\n"
			     "- ask: [花生过敏能吃什么菜]\n  answer: 花生\n"
			     "- ask: [iphone 15 的壳有货吗]\n  answer: 壳\n"
			     "- ask: 找张经理怎么联系\n  answer: 张\n"
			     "- ask: [满100元送货吗]\n  answer: 送货\n";

static struct qg_faq *make_faq(void)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_tree *tree =
		qg_tree_parse("faq.yaml", source, sizeof(source) - 1, false, &problems);
	ck_assert_ptr_nonnull(tree);
	qg_faq_check(tree, &problems);
	ck_assert_uint_eq(problems.errors, 0);
	json_auto_t *values = json_pack("{s:s}", "hours", "9点");
	struct qg_faq *faq = qg_faq_create(tree, values, NULL);
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
	return faq;
}

static const struct {
	const char *question;
	enum qg_faq_kind kind;
	const char *answer;
} cases[] = {
	{"几点开门", QG_FAQ_EXACT, "9点"},
	{"请问几点开门呢？？", QG_FAQ_EXACT, "9点"},
	{"几 点 开 门 啊", QG_FAQ_EXACT, "9点"},
	{"有没有停车位", QG_FAQ_EXACT, "停车"}, /* asks like 有停车位 */
	{"有停車位嗎", QG_FAQ_EXACT, "停车"},
	{"有亭车位吗", QG_FAQ_NEAR, "停车"}, /* sounds alike */
	{"可不可以自带酒水", QG_FAQ_EXACT, "酒水"},
	{"我可以自带酒水吗", QG_FAQ_NEAR, "酒水"},
	{"ＩＰＨＯＮＥ １５的壳有货吗", QG_FAQ_EXACT, "壳"},
	/* what differs in meaning never matches */
	{"小份红烧肉多少钱", QG_FAQ_HINT, NULL},
	{"大份红烧肉多少元", QG_FAQ_HINT, NULL},
	{"订四号包间要提前几天", QG_FAQ_HINT, NULL},
	{"订三号包间要提前几小时", QG_FAQ_HINT, NULL},
	{"不可以自带酒水吗", QG_FAQ_HINT, NULL},
	{"花粉过敏能吃什么菜", QG_FAQ_HINT, NULL},
	{"花生过敏不能吃什么菜", QG_FAQ_HINT, NULL},
	{"iphone 16 的壳有货吗", QG_FAQ_HINT, NULL},
	{"iphone 51 的壳有货吗", QG_FAQ_HINT, NULL},
	{"ipad 15 的壳有货吗", QG_FAQ_HINT, NULL},
	{"找李经理怎么联系", QG_FAQ_HINT, NULL},
	{"满1000元送货吗", QG_FAQ_HINT, NULL},
	{"满001元送货吗", QG_FAQ_HINT, NULL},
	{"今天天气好吗", QG_FAQ_NONE, NULL},
	{"", QG_FAQ_NONE, NULL},
	{"？！", QG_FAQ_NONE, NULL},
};

START_TEST(same_and_not_the_same)
{
	struct qg_faq *faq = make_faq();
	struct qg_faq_match match = qg_faq_find(faq, cases[_i].question);
	ck_assert_msg(match.kind == cases[_i].kind, "%s: %d (%.2f %s)", cases[_i].question,
		(int)match.kind, match.score, match.question != NULL ? match.question : "");
	if (cases[_i].answer != NULL) {
		ck_assert_str_eq(match.answer, cases[_i].answer);
	}
	qg_faq_destroy(faq);
}
END_TEST

START_TEST(long_and_broken_questions_are_bounded)
{
	struct qg_faq *faq = make_faq();
	size_t size = 100000;
	char *text = malloc(size + 1);
	memset(text, 'a', size);
	text[size] = '\0';
	ck_assert_int_eq(qg_faq_find(faq, text).kind, QG_FAQ_NONE);
	ck_assert_int_eq(qg_faq_find(faq, "\xff\xfe\xe5").kind, QG_FAQ_NONE);
	free(text);
	qg_faq_destroy(faq);
}
END_TEST

START_TEST(a_bad_file_is_told_with_its_places)
{
	static const char bad[] = "- ask: []\n  answer: x\n- {aks: [a], answer: y}\n- ask: a\n- "
				  "[b]\n- ask: [a]\n  answer: [c]\n";
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_tree *tree = qg_tree_parse("faq.yaml", bad, sizeof(bad) - 1, false, &problems);
	qg_faq_check(tree, &problems);
	ck_assert_uint_eq(problems.errors, 6);
	ck_assert_ptr_nonnull(strstr(problems.text.data, "faq.yaml:3:4: "));
	ck_assert_ptr_nonnull(strstr(problems.text.data, "did you mean 'ask'?"));
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
}
END_TEST

struct questions {
	const char *text;
	const char *whole[3], *asking[3];
};

START_TEST(a_message_is_cut_into_its_questions)
{
	static const struct questions all[] = {
		{"几点开门", {"几点开门"}, {"几点开门"}},
		{"几点开门？有车位吗", {"几点开门？", "有车位吗"}, {"几点开门？", "有车位吗"}},
		{"我带了狗。能进吗？谢谢！", {"我带了狗。 能进吗？ 谢谢！"}, {"能进吗？"}},
		{"停车。", {"停车。"}, {"停车。"}},
		{"？？！", {NULL}, {NULL}},
	};
	struct qg_strings whole = {0}, asking = {0};
	ck_assert_int_eq(qg_text_questions(all[_i].text, &whole, &asking), QG_OK);
	ck_assert_uint_eq(whole.count, asking.count);
	for (size_t i = 0; i < 3 && all[_i].whole[i] != NULL; i++) {
		ck_assert_uint_gt(whole.count, i);
		ck_assert_str_eq(whole.items[i], all[_i].whole[i]);
		ck_assert_str_eq(asking.items[i], all[_i].asking[i]);
	}
	qg_strings_finish(&whole);
	qg_strings_finish(&asking);
}
END_TEST

START_TEST(substrings_are_folded)
{
	ck_assert(qg_text_has("Hello ＷＯＲＬＤ", "world"));
	ck_assert(qg_text_has("有停車位", "停车"));
	ck_assert(!qg_text_has("abc", "abcd"));
	ck_assert(!qg_text_has("abc", ""));
	ck_assert(qg_text_has("aab", "ab"));
}
END_TEST

static bool make_once(void *arg)
{
	struct qg_faq *faq = qg_faq_create(arg, NULL, NULL);
	bool made = faq != NULL;
	qg_faq_destroy(faq);
	return made;
}

START_TEST(failing_allocations_leak_nothing)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_tree *tree =
		qg_tree_parse("faq.yaml", source, sizeof(source) - 1, false, &problems);
	ck_assert_int_gt(qg_test_each_malloc(make_once, tree), 20);
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("faq");
	TCase *all = tcase_create("all");
	tcase_add_loop_test(all, same_and_not_the_same, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(all, long_and_broken_questions_are_bounded);
	tcase_add_test(all, a_bad_file_is_told_with_its_places);
	tcase_add_loop_test(all, a_message_is_cut_into_its_questions, 0, 5);
	tcase_add_test(all, substrings_are_folded);
	tcase_add_test(all, failing_allocations_leak_nothing);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
