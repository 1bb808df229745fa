/* test_steps.c - what a person is told to click and asked to type, by platform and transport. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hire.h"

#include "qg/json.h"
#include "qg/option.h"

static const struct qg_option plain = {"display_name", QG_OPTION_STRING},
			      id = {"bot_id", QG_OPTION_STRING},
			      secret = {"secret", QG_OPTION_STRING, .flags = QG_SECRET},
			      token = {"token", QG_OPTION_STRING, .flags = QG_SECRET},
			      unused = {"secret", QG_OPTION_STRING,
				      .flags = QG_SECRET | QG_OPTION_NO_EFFECT},
			      client = {"client_id", QG_OPTION_STRING},
			      key = {"encrypt_key", QG_OPTION_STRING, .flags = QG_SECRET},
			      domain = {"domain", QG_OPTION_ENUM},
			      must = {"app_id", QG_OPTION_STRING, .flags = QG_OPTION_REQUIRED};

static const struct {
	const char *platform, *transport;
	const struct qg_option *row;
	enum qg_cli_wish wish;
} wishes[] = {
	{"wecom", NULL, &id, QG_CLI_NEEDED},
	{"wecom", NULL, &secret, QG_CLI_NEEDED},
	{"wecom", NULL, &token, QG_CLI_IDLE},
	{"wecom", NULL, &plain, QG_CLI_USEFUL},
	{"wecom", "webhook", &id, QG_CLI_IDLE},
	{"wecom", "webhook", &token, QG_CLI_NEEDED},
	{"wecom-hook", NULL, &unused, QG_CLI_IDLE},
	{"dingtalk", NULL, &client, QG_CLI_NEEDED},
	{"dingtalk", "webhook", &client, QG_CLI_NEEDED},
	{"dingtalk", NULL, &token, QG_CLI_IDLE},
	{"dingtalk-hook", NULL, &secret, QG_CLI_USEFUL},
	{"feishu", "webhook", &key, QG_CLI_USEFUL},
	{"feishu", "webhook", &must, QG_CLI_NEEDED},
	{"feishu", "webhook", &plain, QG_CLI_IDLE},
	{"feishu", NULL, &must, QG_CLI_NEEDED},
	{"feishu", NULL, &key, QG_CLI_IDLE},
	{"feishu", NULL, &domain, QG_CLI_USEFUL},
	{"feishu-hook", NULL, &secret, QG_CLI_USEFUL},
	{"other", NULL, &secret, QG_CLI_USEFUL},
	{"other", NULL, &must, QG_CLI_NEEDED},
};

START_TEST(test_wishes)
{
	ck_assert_int_eq(qg_cli_wish(wishes[_i].platform, wishes[_i].transport, wishes[_i].row),
		wishes[_i].wish);
}
END_TEST

START_TEST(test_ways)
{
	ck_assert(qg_cli_has_hook("feishu", "webhook"));
	ck_assert(!qg_cli_has_hook("feishu", NULL));
	ck_assert(!qg_cli_hears("feishu-hook"));
	ck_assert_ptr_null(qg_cli_one_of("feishu", NULL));
	ck_assert_ptr_null(qg_cli_one_of("other", NULL));
	ck_assert_str_eq(qg_cli_one_of("feishu", "webhook")[0], "encrypt_key");
	ck_assert(qg_cli_has_hook("wecom", "webhook"));
	ck_assert(!qg_cli_has_hook("wecom", NULL));
	ck_assert(!qg_cli_has_hook("wecom-hook", NULL));
	ck_assert(qg_cli_hears("wecom"));
	ck_assert(qg_cli_hears("other"));
	ck_assert(!qg_cli_hears("wecom-hook"));
	ck_assert(!qg_cli_hears("dingtalk-hook"));
	ck_assert(qg_cli_has_hook("dingtalk", "webhook"));
	ck_assert(!qg_cli_has_hook("dingtalk", NULL));
}
END_TEST

static void check_steps(json_t *steps, const char *word)
{
	bool found = false;
	size_t i;
	json_t *step;
	ck_assert_uint_gt(json_array_size(steps), 0);
	json_array_foreach (steps, i, step) {
		ck_assert_str_ne(json_string_value(step), "");
		found = found || strstr(json_string_value(step), word);
	}
	ck_assert_msg(found, "%s", word);
	json_decref(steps);
}

/* The pages of the console by name, and the bot's own address where there is one. */
START_TEST(test_steps)
{
	check_steps(qg_cli_steps_before("wecom", NULL), "使用长连接");
	check_steps(qg_cli_steps_before("wecom", "webhook"), "使用URL回调");
	check_steps(qg_cli_steps_after("wecom", NULL, "xiaoman"), "智能机器人");
	check_steps(qg_cli_steps_after("wecom", "webhook", "xiaoman"), "/hook/xiaoman");
	check_steps(qg_cli_steps_before("wecom-hook", NULL), "消息推送");
	check_steps(qg_cli_steps_before("feishu", NULL), "cardkit:card:write");
	check_steps(qg_cli_steps_after("feishu", NULL, "xiaoman"), "使用长连接接收事件");
	check_steps(qg_cli_steps_after("feishu", NULL, "xiaoman"), "card.action.trigger");
	check_steps(qg_cli_steps_after("feishu", NULL, "xiaoman"), "im.chat.member.bot.deleted_v1");
	check_steps(qg_cli_steps_before("feishu", "webhook"), "Encrypt Key");
	check_steps(qg_cli_steps_after("feishu", "webhook", "xiaoman"), "/hook/xiaoman");
	check_steps(qg_cli_steps_before("feishu-hook", NULL), "签名校验");
	check_steps(qg_cli_steps_before("dingtalk", NULL), "Stream 模式");
	check_steps(qg_cli_steps_after("dingtalk", NULL, "xiaoman"), "添加机器人");
	check_steps(qg_cli_steps_after("dingtalk", "webhook", "xiaoman"), "/hook/xiaoman");
	check_steps(qg_cli_steps_before("dingtalk-hook", NULL), "加签");
	check_steps(qg_cli_steps_after("dingtalk-hook", NULL, "xiaoman"), "qungong say xiaoman");
	ck_assert_ptr_null(qg_cli_steps_before("other", NULL));
}
END_TEST

/* What is to be pasted is one JSON object, whole in one line. */
START_TEST(test_scopes)
{
	json_t *steps = qg_cli_steps_before("feishu", NULL);
	size_t i, found = 0;
	json_t *step;
	json_array_foreach (steps, i, step) {
		const char *json = strchr(json_string_value(step), '{');
		json_t *root = json ? qg_json_parse(json, strlen(json), NULL) : NULL;
		found +=
			json_array_size(json_object_get(json_object_get(root, "scopes"), "tenant"));
		json_decref(root);
	}
	ck_assert_uint_eq(found, 9);
	json_decref(steps);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli steps");
	TCase *tcase = tcase_create("all");
	tcase_add_loop_test(tcase, test_wishes, 0, sizeof(wishes) / sizeof(wishes[0]));
	tcase_add_test(tcase, test_ways);
	tcase_add_test(tcase, test_steps);
	tcase_add_test(tcase, test_scopes);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
