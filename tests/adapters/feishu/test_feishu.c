/* test_feishu.c - the life of a bot: its options by transport, who may call it, how it stops and starts again. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/config.h"
#include "qg/str.h"

static struct world world;

static const struct qg_adapter *feishu(void)
{
	return qg_adapter_find("feishu");
}

/* ---- options ---- */

static const struct {
	const char *options;
	const char *problem; /* NULL: there is none */
	bool runs, dials;
} options[] = {
	{"{app_id: cli_1, app_secret: s}", NULL, true, true},
	{"{app_id: cli_1, app_secret: s, domain: lark, monthly_calls: 10000}", NULL, true, true},
	{"{app_id: cli_1, app_secret: s, encrypt_key: k}", NULL, true, true},
	{"{app_id: cli_1, app_secret: s, transport: webhook, encrypt_key: k}", NULL, true, false},
	{"{app_id: cli_1, app_secret: s, transport: webhook, verification_token: t}",
		"在「事件与回调」→「加密策略」里设置 Encrypt Key", true, false},
	{"{app_id: cli_1, app_secret: s, transport: webhook}", "Encrypt Key 和 Verification Token",
		false, false},
	{"{app_id: 'cli 1', app_secret: s}", "空格", false, true},
	{"{app_id: cli_1, app_secret: 's '}", "空格", false, true},
};

/* What `check` says of them. */
static void check_problem(const struct fake_host *host, const char *text, const char *expected)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_tree *tree = qg_tree_parse("test.yaml", text, strlen(text), false, &problems);
	feishu()->check(&host->config, tree, &problems);
	const char *said = problems.text.data ? problems.text.data : "";
	ck_assert_msg(expected ? strstr(said, expected) != NULL : !said[0], "%s", said);
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
}

START_TEST(test_options)
{
	struct qg_loop *loop = qg_loop_create(1);
	struct fake_host *host = fake_host_create(loop, feishu(), options[_i].options, NULL, NULL);
	ck_assert_str_eq(host->problems, "");
	check_problem(host, options[_i].options, options[_i].problem);
	ck_assert_int_eq(host->init == QG_OK, options[_i].runs);
	ck_assert_int_eq(feishu()->dials(&host->bot), options[_i].dials);
	fake_host_destroy(host);
	qg_loop_destroy(loop);
}
END_TEST

/* ---- webhooks ---- */

/* Who speaks over the connection hears nothing here, however it is signed. */
START_TEST(test_no_webhook)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	static const char body[] =
		"{\"challenge\":\"c\",\"token\":\"t\",\"type\":\"url_verification\"}";
	world_open(&world, "transport: websocket\nverification_token: t");
	ck_assert_int_eq(world_post(&world, "POST", headers, body, strlen(body)), 404);
	ck_assert_ptr_nonnull(strstr(world.answered, "websocket"));
	ck_assert_ptr_null(strstr(world.answered, "challenge"));
	ck_assert_uint_eq(world.host->message_count, 0);
	world_close(&world);
}
END_TEST

/* ---- stop and start ---- */

static void setup(void)
{
	world_open(&world, "encrypt_key: k");
	world_start(&world);
}

static void teardown(void)
{
	world_close(&world);
}

static bool has_call(void *arg)
{
	return world.unanswered_count > 0;
}

static bool has_stopped(void *arg)
{
	return world.host->stops > 0;
}

static int stopped_in_time;

/* Timers that are due come in the order of their times, however late all of them are. */
static void note_in_time(void *arg)
{
	stopped_in_time = has_stopped(NULL);
}

/* What has no answer for too long is given back: another owner sends it again, with the same uuid. */
START_TEST(test_stop_does_not_wait_for_ever)
{
	world.mute = true;
	fake_host_send(
		world.host, fake_host_reply("0123456789abcdef0123456789abcdef", "m", "在路上"));
	fake_host_wait(world.loop, has_call, NULL);
	struct qg_timer *limit = qg_timer_create(world.loop, note_in_time, NULL);
	stopped_in_time = -1; /* it is not over */
	fake_host_stop(world.host);
	qg_timer_start(limit, 2500);
	fake_host_wait(world.loop, has_stopped, NULL);
	ck_assert_int_ne(stopped_in_time, false);
	qg_timer_destroy(limit);
	ck_assert_uint_eq(world.host->sent_count, 1);
	ck_assert_int_eq(world.host->sent[0], QG_CANCELLED);
	ck_assert_uint_eq(world.host->stops, 1);
}
END_TEST

START_TEST(test_starts_again)
{
	fake_host_stop(world.host);
	fake_host_wait(world.loop, has_stopped, NULL);
	ck_assert_int_eq(feishu()->start(&world.host->bot), QG_OK);
	ck_assert_int_eq(world_send(&world, QG_FORM_RICH, "om_1", "又来了"), QG_OK);
	world.host->stops = 0;
	fake_host_stop(world.host);
	fake_host_wait(world.loop, has_stopped, NULL);
	ck_assert_uint_eq(world.host->stops, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu");
	TCase *alone = tcase_create("alone");
	tcase_set_timeout(alone, 30);
	tcase_add_loop_test(alone, test_options, 0, sizeof(options) / sizeof(options[0]));
	tcase_add_test(alone, test_no_webhook);
	suite_add_tcase(suite, alone);
	TCase *tests = tcase_create("life");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_stop_does_not_wait_for_ever);
	tcase_add_test(tests, test_starts_again);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
