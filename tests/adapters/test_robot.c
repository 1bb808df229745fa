/* test_robot.c - what holds for the group robots of all platforms: one life, one way of posting, one account a robot. */
#include <stdlib.h>
#include <string.h>

#include "robot_world.h"
#include "support/malloc.h"

#include "qg/clock.h"

#define KEY "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"

#define ERRCODE(code, msg) "{\"errcode\":" #code ",\"errmsg\":\"" msg "\"}"
#define CODE(code, msg) "{\"code\":" #code ",\"msg\":\"" msg "\",\"data\":{}}"

enum { WECOM, DINGTALK, FEISHU };

static const struct {
	const char *name, *path, *fine, *gone; /* gone: an answer that repeats the key */
	const char *probe;		       /* an empty text */
	unsigned longest_ms;		       /* that it is to wait */
} robots[] = {
	[WECOM] = {"wecom-hook", "/cgi-bin/webhook/send?key=" KEY, ERRCODE(0, "ok"),
		ERRCODE(93000, "invalid webhook url " KEY),
		"{\"msgtype\":\"text\",\"text\":{\"content\":\"\"}}", 90000},
	[DINGTALK] = {"dingtalk-hook", "/robot/send?access_token=" KEY, ERRCODE(0, "ok"),
		ERRCODE(300001, "token is not exist " KEY),
		"{\"msgtype\":\"text\",\"text\":{\"content\":\"\"}}", 620000},
	[FEISHU] = {"feishu-hook", "/open-apis/bot/v2/hook/" KEY, CODE(0, "success"),
		CODE(19001, "param invalid: " KEY),
		"{\"msg_type\":\"text\",\"content\":{\"text\":\"\"}}", 5000},
};
#define ROBOTS (int)(sizeof(robots) / sizeof(robots[0]))

static struct robot_world world;

static void make(int robot)
{
	robot_world_init(&world, robots[robot].name, robots[robot].path, robots[robot].fine);
}

/* None is forgotten here. */
START_TEST(test_rows)
{
	int found = 0;
	for (size_t i = 0; qg_adapters[i]; i++) {
		size_t size = strlen(qg_adapters[i]->name);
		found += size > 5 && strcmp(qg_adapters[i]->name + size - 5, "-hook") == 0;
	}
	ck_assert_int_eq(found, ROBOTS);
}
END_TEST

/* Nothing to say, and no open handle to close: landed without a call. */
START_TEST(test_silent)
{
	make(_i);
	struct qg_reply *reply = fake_host_reply(ROBOT_FILE, "m", "");
	reply->silent = true;
	ck_assert_int_eq(robot_world_send(&world, reply), QG_OK);
	ck_assert_uint_eq(world.asked_count, 0);
	robot_world_finish(&world);
}
END_TEST

static const struct {
	int http;
	const char *body;
	enum qg_status
		status; /* QG_OK: either of QG_IO and QG_BUSY, as the platform is known to answer */
} strange[] = {
	{429, "", QG_BUSY},
	{502, "<html>bad gateway</html>", QG_IO},
	{503, NULL, QG_IO},
	{404, "<html></html>", QG_FAILED},
	{200, "", QG_OK},
	{200, "{}", QG_OK},
	{200, "{\"errcode\":0", QG_OK},
	{200, "<html>a login page</html>", QG_OK},
};

/* Whatever answers instead of the platform, nothing has landed. */
START_TEST(test_strange)
{
	make(_i);
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		robot_world_answers(&world, strange[i].http,
			strange[i].body ? strange[i].body : robots[_i].fine);
		enum qg_status status = robot_world_say(&world, "x", QG_FORM_RICH);
		bool fits = strange[i].status == QG_OK ? status == QG_IO || status == QG_BUSY
						       : status == strange[i].status;
		ck_assert_msg(fits, "%zu: %s", i, qg_status_name(status));
	}
	robot_world_finish(&world);
}
END_TEST

static const struct {
	int robot;
	struct robot_answer answer;
} answers[] = {
	{WECOM, {200, ERRCODE(0, "ok"), QG_OK, 0}},
	{WECOM, {200, "{\"errcode\":\"0\"}", QG_OK, 0}},
	{WECOM, {200, ERRCODE(45009, "api freq out of limit"), QG_BUSY, 60000}},
	{WECOM, {200, ERRCODE(-1, "system busy"), QG_BUSY, 0}},
	{WECOM, {200, ERRCODE(45002, "too long"), QG_TOO_LARGE, 0}},
	{WECOM, {200, ERRCODE(40058, "invalid"), QG_UNSUPPORTED, 0}},
	{WECOM, {200, ERRCODE(4711, "new"), QG_UNSUPPORTED, 0}},
	{WECOM, {429, "", QG_BUSY, 60000}},
	{WECOM, {200, "", QG_IO, 0}},
	{WECOM, {200, "{}", QG_IO, 0}},
	{WECOM, {200, "{\"errcode\":0", QG_IO, 0}},
	{DINGTALK, {200, ERRCODE(0, "ok"), QG_OK, 0}},
	{DINGTALK, {200, ERRCODE("0", "ok"), QG_OK, 0}},
	{DINGTALK, {200, ERRCODE(130101, "send too fast"), QG_BUSY, 600000}},
	{DINGTALK, {200, ERRCODE(-1, "system busy"), QG_BUSY, 1000}},
	{DINGTALK, {200, ERRCODE(460101, "too long"), QG_TOO_LARGE, 0}},
	{DINGTALK, {200, ERRCODE(400105, "invalid"), QG_UNSUPPORTED, 0}},
	{DINGTALK, {200, ERRCODE(430101, "unsafe link"), QG_DENIED, 0}},
	{DINGTALK, {200, ERRCODE(4711, "new"), QG_UNSUPPORTED, 0}},
	{DINGTALK, {200, "{\"status\":1111,\"punish\":\"deny\"}", QG_BUSY, 300000}},
	{DINGTALK, {429, "", QG_BUSY, 60000}},
	{FEISHU, {200, CODE(0, "success"), QG_OK, 0}},
	{FEISHU, {200, CODE(19021, "sign match fail"), QG_DENIED, 0}},
	{FEISHU, {200, CODE(19022, "Ip Not Allowed"), QG_DENIED, 0}},
	{FEISHU, {200, CODE(19024, "Key Words Not Found"), QG_DENIED, 0}},
	{FEISHU, {200, CODE(9499, "Bad Request"), QG_UNSUPPORTED, 0}},
	{FEISHU, {400, CODE(9499, "Bad Request"), QG_UNSUPPORTED, 0}},
	{FEISHU, {200, CODE(11232, "frequency limited"), QG_BUSY, 3000}},
	{FEISHU, {429, CODE(99991400, "frequency limited"), QG_BUSY, 3000}},
	{FEISHU, {200, CODE(4711, "new"), QG_UNSUPPORTED, 0}},
};

START_TEST(test_answers)
{
	int robot = answers[_i].robot;
	make(robot);
	robot_world_check_answer(&world, &answers[_i].answer, robots[robot].longest_ms);
	robot_world_finish(&world);
}
END_TEST

static const struct {
	int robot;
	const char *body;
	unsigned least_ms;
} mutes[] = {
	{DINGTALK, ERRCODE(410100, "too fast"), 600000},
	{FEISHU, CODE(11232, "frequency limited"), 3000},
};

/* Too fast is too fast for the whole robot: until that is over nothing leaves, and each send says how long. */
START_TEST(test_mute)
{
	make(mutes[_i].robot);
	robot_world_answers(&world, 200, mutes[_i].body);
	ck_assert_int_eq(robot_world_say(&world, "x", QG_FORM_RICH), QG_BUSY);
	ck_assert_uint_ge(world.host->retry_ms[0], mutes[_i].least_ms);
	ck_assert_int_eq(robot_world_say(&world, "y", QG_FORM_RICH), QG_BUSY);
	ck_assert_uint_gt(world.host->retry_ms[1], mutes[_i].least_ms - 1000);
	ck_assert_uint_eq(world.asked_count, 1);
	unsigned later = robots[mutes[_i].robot].longest_ms + 1000;
	qg_clock_fix(qg_clock_wall() + later, qg_clock_mono() + later);
	ck_assert_int_eq(robot_world_say(&world, "z", QG_FORM_RICH), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	robot_world_finish(&world);
}
END_TEST

static const struct {
	int robot;
	struct robot_probe probe;
} probes[] = {
	{WECOM, {ERRCODE(44004, "empty content"), QG_OK}},
	{WECOM, {ERRCODE(40058, "invalid Request Parameter"), QG_OK}},
	{WECOM, {ERRCODE(0, "ok"), QG_OK}},
	{WECOM, {ERRCODE(4711, "new"), QG_FAILED}},
	{WECOM, {"<html>", QG_IO}},
	{DINGTALK, {ERRCODE(40035, "missing"), QG_OK}},
	{DINGTALK, {ERRCODE(310000, "keywords not in content"), QG_OK}},
	{DINGTALK, {ERRCODE(0, "ok"), QG_OK}},
	{DINGTALK, {ERRCODE(310000, "sign not match, more"), QG_DENIED}},
	{DINGTALK, {ERRCODE(4711, "new"), QG_FAILED}},
	{FEISHU, {CODE(9499, "Bad Request"), QG_OK}},
	{FEISHU, {CODE(19002, "params error, text need"), QG_OK}},
	{FEISHU, {CODE(19024, "Key Words Not Found"), QG_OK}},
	{FEISHU, {CODE(0, "success"), QG_OK}},
	{FEISHU, {CODE(19021, "sign match fail"), QG_DENIED}},
	{FEISHU, {CODE(19022, "Ip Not Allowed"), QG_DENIED}},
	{FEISHU, {CODE(4711, "new"), QG_FAILED}},
	{FEISHU, {"<html>", QG_IO}},
};

/* An empty text asks without showing anything. */
START_TEST(test_probe)
{
	int robot = probes[_i].robot;
	make(robot);
	robot_world_check_probe(&world, &probes[_i].probe, robots[robot].probe);
	robot_world_finish(&world);
}
END_TEST

/* Nobody listens there: the part surely did not leave. */
START_TEST(test_never_left)
{
	make(_i);
	qg_http_server_destroy(world.platform);
	world.platform = NULL;
	ck_assert_int_eq(robot_world_say(&world, "x", QG_FORM_RICH), QG_FAILED);
	robot_world_finish(&world);
}
END_TEST

/* The bot ends while a call is under way: nothing comes afterwards, and nothing leaks. */
START_TEST(test_finish_while_sending)
{
	make(_i);
	world.mute = true;
	fake_host_send(world.host, fake_host_reply(ROBOT_FILE, "m", "x"));
	fake_host_destroy(world.host);
	world.host = NULL;
	robot_world_finish(&world);
}
END_TEST

static bool has_stopped(void *arg)
{
	return world.host->stops > 0;
}

START_TEST(test_stop_waits)
{
	make(_i);
	fake_host_send(world.host, fake_host_reply(ROBOT_FILE, "m", "x"));
	fake_host_stop(world.host);
	fake_host_wait(world.loop, has_stopped, NULL);
	ck_assert_uint_eq(world.host->sent_count, 1);
	ck_assert_int_eq(world.host->sent[0], QG_OK);
	ck_assert_uint_eq(world.host->stops, 1);
	robot_world_finish(&world);
}
END_TEST

/* A robot that is gone is told at once, to an admin too, and its key is repeated to nobody. */
START_TEST(test_gone)
{
	make(_i);
	robot_world_answers(&world, 200, robots[_i].gone);
	ck_assert_int_eq(robot_world_say(&world, "x", QG_FORM_RICH), QG_DENIED);
	robot_world_answers(&world, 200, robots[_i].gone);
	robot_world_probe(&world);
	ck_assert_int_eq(world.told, QG_DENIED);
	ck_assert_ptr_null(strstr(world.words, KEY));
	ck_assert_ptr_nonnull(strstr(world.words, "群设置"));
	ck_assert_uint_eq(world.host->sent_count, 1);
	robot_world_finish(&world);
}
END_TEST

/* Two bots of one robot have one account, and it does not tell the key. */
START_TEST(test_account)
{
	make(_i);
	const struct qg_adapter *adapter = world.host->bot.adapter;
	char *account = adapter->account(&world.host->bot);
	ck_assert_ptr_nonnull(account);
	ck_assert_ptr_null(strstr(account, KEY));
	robot_world_again(&world, robots[_i].name, robots[_i].path, "");
	char *again = adapter->account(&world.host->bot);
	ck_assert_str_eq(account, again);
	free(account);
	free(again);
	ck_assert_uint_gt(adapter->can.app_minute, 0);
	robot_world_finish(&world);
}
END_TEST

#define FAILURES_MOST 40

static bool is_back(void *arg)
{
	return world.host->sent_count >= *(const size_t *)arg;
}

/* One allocation after another fails in a send: each reply comes back once all the same, and the next one leaves. */
START_TEST(test_no_memory)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	make(_i);
	bool failed = true;
	size_t starved = 0;
	for (long nth = 1; failed && nth < FAILURES_MOST; nth++) {
		struct qg_reply *reply = fake_host_reply(ROBOT_FILE, "m", "x");
		size_t before = world.host->sent_count, wanted = before + 1;
		qg_test_fail_malloc(nth);
		fake_host_send(world.host, reply);
		failed = qg_test_malloc_failed();
		qg_test_fail_malloc(0);
		fake_host_wait(world.loop, is_back, &wanted);
		ck_assert_uint_eq(world.host->sent_count, wanted);
		starved += world.host->sent[before] == QG_NO_MEMORY;
	}
	ck_assert_uint_ge(starved, 5);
	ck_assert_int_eq(robot_world_say(&world, "x", QG_FORM_RICH), QG_OK);
	robot_world_finish(&world);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("robot");
	TCase *tcase = tcase_create("all");
	tcase_add_test(tcase, test_rows);
	tcase_add_loop_test(tcase, test_silent, 0, ROBOTS);
	tcase_add_loop_test(tcase, test_strange, 0, ROBOTS);
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(tcase, test_mute, 0, sizeof(mutes) / sizeof(mutes[0]));
	tcase_add_loop_test(tcase, test_probe, 0, sizeof(probes) / sizeof(probes[0]));
	tcase_add_loop_test(tcase, test_never_left, 0, ROBOTS);
	tcase_add_loop_test(tcase, test_finish_while_sending, 0, ROBOTS);
	tcase_add_loop_test(tcase, test_stop_waits, 0, ROBOTS);
	tcase_add_loop_test(tcase, test_gone, 0, ROBOTS);
	tcase_add_loop_test(tcase, test_account, 0, ROBOTS);
	tcase_add_loop_test(tcase, test_no_memory, 0, ROBOTS);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
