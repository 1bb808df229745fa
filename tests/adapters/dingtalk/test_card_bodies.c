/* test_card_bodies.c - requests of AI cards, against the recorded ones member by member. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "support/malloc.h"

#include "qg/json.h"
#include "qg/str.h"

/* ---- requests, as recorded ---- */

static const json_t *recorded(const json_t *root, const char *name)
{
	const json_t *calls = json_object_get(root, "calls");
	for (size_t i = 0; i < json_array_size(calls); i++) {
		const json_t *one = json_array_get(calls, i);
		if (strcmp(qg_json_str(one, "name", ""), name) == 0) {
			return json_object_get(json_object_get(one, "request"), "body");
		}
	}
	ck_abort_msg("no vector %s", name);
	return NULL;
}

static void assert_same(const json_t *made, const json_t *wanted)
{
	QG_AUTO(qg_str_free) char *words = qg_json_dump(made);
	ck_assert_msg(qg_json_equal(made, wanted), "%s", words);
}

START_TEST(test_recorded_make)
{
	json_t *root = show_vectors("openapi_requests.json");
	for (int i = 0; i < 2; i++) {
		const json_t *wanted = recorded(root, i == 0 ? "card_create_and_deliver_group"
							     : "card_create_and_deliver_direct");
		struct dingtalk_card_make make = {.template_id = SHOW_TEMPLATE,
			.key = "content",
			.track = qg_json_str(wanted, "outTrackId", ""),
			.text = "",
			.title = "处理中",
			.clickable = true,
			.whom = {.robot_code = SHOW_CODE,
				.chat = i == 0 ? SHOW_GROUP : SHOW_STAFF,
				.type = i == 0 ? QG_CHAT_GROUP : QG_CHAT_DIRECT,
				.staff = SHOW_STAFF},
			.name = "陈思远"};
		json_auto_t *made = dingtalk_card_make_body(&make);
		/* the recorded template has two variables more */
		json_auto_t *plain = json_deep_copy(wanted);
		json_t *values =
			json_object_get(json_object_get(plain, "cardData"), "cardParamMap");
		json_object_del(values, "flag");
		json_object_del(values, "obj");
		assert_same(made, plain);
	}
	json_decref(root);
}
END_TEST

START_TEST(test_recorded_frames)
{
	static const char *const names[] = {"card_stream_middle", "card_stream_finalize"};
	json_t *root = show_vectors("openapi_requests.json");
	for (size_t i = 0; i < 2; i++) {
		const json_t *wanted = recorded(root, names[i]);
		json_auto_t *made = dingtalk_card_stream_body(qg_json_str(wanted, "outTrackId", ""),
			qg_json_str(wanted, "guid", ""), qg_json_str(wanted, "key", ""),
			qg_json_str(wanted, "content", ""), i == 1);
		assert_same(made, wanted);
	}
	const json_t *wanted = recorded(root, "card_update_by_key");
	json_auto_t *made = dingtalk_card_update_body(qg_json_str(wanted, "outTrackId", ""),
		json_pack("{s:s, s:s}", "flowStatus", "3", "note", "数据库主从延迟 12 秒"));
	assert_same(made, wanted);
	json_decref(root);
}
END_TEST

START_TEST(test_guid)
{
	char one[DINGTALK_GUID_SIZE], same[DINGTALK_GUID_SIZE], other[DINGTALK_GUID_SIZE];
	dingtalk_card_guid(SHOW_REPLY, "1", one);
	dingtalk_card_guid(SHOW_REPLY, "1", same);
	dingtalk_card_guid(SHOW_REPLY, "2", other);
	ck_assert_uint_eq(strlen(one), 36);
	ck_assert_str_eq(one, same);
	ck_assert_str_ne(one, other);
}
END_TEST

static bool make_bodies(void *arg)
{
	bool is_cut;
	struct dingtalk_card_make make = {.template_id = "t",
		.key = "msgContent",
		.track = "k",
		.text = "x",
		.title = "x",
		.clickable = true,
		.whom = {.robot_code = "r", .chat = "c", .type = QG_CHAT_GROUP, .staff = "s"}};
	(void)arg;
	json_auto_t *one = dingtalk_card_make_body(&make);
	make.whom.type = QG_CHAT_DIRECT;
	json_auto_t *two = dingtalk_card_make_body(&make);
	json_auto_t *three = dingtalk_card_stream_body("k", "g", "content", "x", true);
	json_t *values = json_pack("{s:s}", "a", "b");
	json_auto_t *four = values ? dingtalk_card_update_body("k", values) : NULL;
	char *text = dingtalk_card_text("一\n二", 10, &is_cut);
	bool good = one && two && three && four && text;
	free(text);
	return good;
}

START_TEST(test_no_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(make_bodies, NULL), 50);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk card bodies");
	TCase *tcase = tcase_create("all");
	tcase_add_test(tcase, test_recorded_make);
	tcase_add_test(tcase, test_recorded_frames);
	tcase_add_test(tcase, test_guid);
	tcase_add_test(tcase, test_no_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
