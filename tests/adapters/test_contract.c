/* test_contract.c - what every platform owes the gateway, whatever it is. */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "support/malloc.h"

#include "qg/clock.h"
#include "qg/str.h"

/* Options to try each platform with: a platform without a row here fails the test. */
static const struct sample {
	const char *platform, *good, *bad[8];
} samples[] = {
	{"web", "members: {小明: s1, 小红: {secret: s2, admin: true}}",
		{"members: []", "members: 小明", "members: {小明: {secret: 1, rank: 2}}",
			"members: {小明: ''}", "members: {' 小明': s1}"}},
	{"feishu", "{app_id: cli_1, app_secret: s}",
		{"{app_id: cli_1}", "{app_id: cli_1, app_secret: s, transport: webhook}",
			"{app_id: 'cli_1 ', app_secret: s}",
			"{app_id: cli_1, app_secret: s, transport: carrier-pigeon, encrypt_key: k}",
			"{app_id: cli_1, app_secret: s, domain: slack}",
			"{app_id: cli_1, app_secret: s, monthly_calls: 0}",
			"{app_id: cli_1, app_secret: s, api_base: x}"}},
	{"wecom", "{bot_id: aib1, secret: s}",
		{"{}", "{bot_id: aib1}", "{bot_id: aib1, transport: webhook}",
			"{bot_id: aib1, secret: s, transport: pigeon}",
			"{bot_id: aib1, secret: s, ws_url: x}"}},
	{"dingtalk", "{client_id: dinge5376fed04c24e28, client_secret: s}",
		{"{}", "{client_id: ding1}", "{client_id: ding1, client_secret: 's s'}",
			"{client_id: ding1, client_secret: s, transport: pigeon}",
			"{client_id: ding1, client_secret: s, event_token: t}",
			"{client_id: ding1, client_secret: s, api_base: x}"}},
	{"wecom-hook", "url: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc-1'",
		{"{}", "url: 'https://example.com/cgi-bin/webhook/send?key=abc-1'",
			"url: 'http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc-1'",
			"url: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key='",
			"url: abc-1"}},
	{"dingtalk-hook",
		"{url: 'https://oapi.dingtalk.com/robot/send?access_token=abc1', secret: SEC1}",
		{"{}", "{secret: SEC1}", "url: 'https://example.com/robot/send?access_token=abc1'",
			"url: 'http://oapi.dingtalk.com/robot/send?access_token=abc1'",
			"url: 'https://oapi.dingtalk.com/robot/send?access_token='", "url: abc1"}},
	{"feishu-hook",
		"{url: 'https://open.larksuite.com/open-apis/bot/v2/hook/abc-1', secret: s}",
		{"{}", "{secret: s}", "url: 'https://example.com/open-apis/bot/v2/hook/abc-1'",
			"url: 'http://open.feishu.cn/open-apis/bot/v2/hook/abc-1'",
			"url: 'https://open.feishu.cn/open-apis/bot/v2/hook/'", "url: abc-1"}},
};

static const struct sample *sample_of(const char *platform)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		if (qg_str_equal(samples[i].platform, platform)) {
			return &samples[i];
		}
	}
	ck_abort_msg("no options to try %s with", platform);
	return NULL;
}

static struct qg_loop *loop;

static void setup(void)
{
	loop = qg_loop_create(1);
	ck_assert_ptr_nonnull(loop);
}

static void teardown(void)
{
	qg_loop_destroy(loop);
}

static void drop(struct fake_host *host, const struct qg_redis *redis)
{
	fake_host_destroy(host);
	qg_redis_destroy((struct qg_redis *)redis);
}

/* A connection to nowhere: every command ends with QG_AWAY. */
static struct qg_redis *redis_away(void)
{
	char error[128];
	struct qg_redis_options options = {
		.url = "unix:/nowhere/redis.sock", .scripts = qg_adapter_scripts};
	struct qg_redis *redis = qg_redis_create(loop, &options, error);
	ck_assert_msg(redis != NULL, "%s", error);
	return redis;
}

START_TEST(test_registry)
{
	qg_adapters_check();
	size_t count = 0;
	for (; qg_adapters[count]; count++) {
		const struct qg_adapter *adapter = qg_adapters[count];
		ck_assert_ptr_eq(qg_adapter_find(adapter->name), adapter);
		ck_assert_ptr_nonnull(strstr(qg_adapter_names(), adapter->name));
		sample_of(adapter->name);
	}
	ck_assert_uint_gt(count, 0);
	ck_assert_ptr_null(qg_adapter_find("slack"));
	ck_assert_ptr_null(qg_adapter_find(""));
	ck_assert_ptr_null(qg_adapter_find(NULL));
	ck_assert_int_ne(qg_adapter_names()[0], ',');
	for (size_t i = 0; qg_adapter_scripts[i]; i++) {
		ck_assert_ptr_nonnull(qg_adapter_scripts[i]->source);
	}
}
END_TEST

START_TEST(test_good_options)
{
	const struct qg_adapter *adapter = qg_adapters[_i];
	struct fake_host *host =
		fake_host_create(loop, adapter, sample_of(adapter->name)->good, NULL, NULL);
	ck_assert_str_eq(host->problems, "");
	ck_assert_int_eq(host->init, QG_OK);
	fake_host_destroy(host);
}
END_TEST

/* A bad account is refused before anything is opened, and what was made of it can be freed. */
START_TEST(test_bad_options)
{
	const struct qg_adapter *adapter = qg_adapters[_i];
	const struct sample *sample = sample_of(adapter->name);
	for (size_t i = 0; sample->bad[i]; i++) {
		struct fake_host *host =
			fake_host_create(loop, adapter, sample->bad[i], NULL, NULL);
		ck_assert_msg(
			host->problems[0] || host->init != QG_OK, "accepted: %s", sample->bad[i]);
		fake_host_destroy(host);
	}
}
END_TEST

/* finish() on zeroed state: init() was never called. */
START_TEST(test_finish_without_init)
{
	const struct qg_adapter *adapter = qg_adapters[_i];
	void *state = calloc(1, adapter->state_size);
	struct qg_bot bot = {.adapter = adapter, .loop = loop, .state = state, .name = "x"};
	adapter->finish(&bot);
	free(state);
}
END_TEST

#define STATE_MAX 4096

static bool init_and_finish(void *arg)
{
	const struct fake_host *like = arg;
	struct qg_bot bot = like->bot;
	static _Alignas(max_align_t) char state[STATE_MAX];
	memset(state, 0, sizeof(state));
	bot.state = state;
	enum qg_status status = bot.adapter->init(&bot);
	bot.adapter->finish(&bot);
	return status == QG_OK;
}

START_TEST(test_init_without_memory)
{
	const struct qg_adapter *adapter = qg_adapters[_i];
	if (!qg_test_malloc_works()) {
		return;
	}
	struct fake_host *host =
		fake_host_create(loop, adapter, sample_of(adapter->name)->good, NULL, NULL);
	ck_assert_uint_le(adapter->state_size, STATE_MAX);
	struct tm now;
	qg_clock_local(0, &now); /* a log line's clock loads its zone once */
	ck_assert_int_gt(qg_test_each_malloc(init_and_finish, host), 0);
	fake_host_destroy(host);
}
END_TEST

static bool all_sent(void *arg)
{
	const struct fake_host *host = arg;
	return host->sent_count >= 3;
}

/* Exactly one result a reply, never from inside, and a failure that is worth a retry says so. */
START_TEST(test_sent_once)
{
	const struct qg_adapter *adapter = qg_adapters[_i];
	struct qg_redis *redis = redis_away();
	struct fake_host *host =
		fake_host_create(loop, adapter, sample_of(adapter->name)->good, redis, NULL);
	for (int i = 0; i < 3; i++) {
		fake_host_send(
			host, fake_host_reply("0123456789abcdef0123456789abcdef", "m1", "你好"));
	}
	fake_host_wait(loop, all_sent, host);
	ck_assert_uint_eq(host->sent_count, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert(qg_status_is_retryable(host->sent[i]));
	}
	drop(host, redis);
}
END_TEST

static bool has_stopped(void *arg)
{
	const struct fake_host *host = arg;
	return host->stops > 0;
}

/* stop() waits for what is on its way, says so once, and finish() leaves nothing. */
START_TEST(test_stop)
{
	const struct qg_adapter *adapter = qg_adapters[_i];
	struct qg_redis *redis = redis_away();
	struct fake_host *host =
		fake_host_create(loop, adapter, sample_of(adapter->name)->good, redis, NULL);
	if (adapter->start) {
		ck_assert_int_eq(adapter->start(&host->bot), QG_OK);
	}
	fake_host_send(host, fake_host_reply("0123456789abcdef0123456789abcdef", "m1", "你好"));
	if (adapter->stop) {
		fake_host_stop(host);
		fake_host_wait(loop, has_stopped, host);
		ck_assert_uint_eq(host->stops, 1);
		ck_assert_uint_eq(host->sent_count, 1);
	}
	drop(host, redis);
}
END_TEST

/* finish() at once, with a reply on its way: no callback may come any more. */
START_TEST(test_finish_at_once)
{
	const struct qg_adapter *adapter = qg_adapters[_i];
	struct qg_redis *redis = redis_away();
	struct fake_host *host =
		fake_host_create(loop, adapter, sample_of(adapter->name)->good, redis, NULL);
	fake_host_send(host, fake_host_reply("0123456789abcdef0123456789abcdef", "m1", "你好"));
	fake_host_destroy(host);
	qg_redis_destroy(redis);
}
END_TEST

int main(void)
{
	int count = 0;
	while (qg_adapters[count]) {
		count++;
	}
	Suite *suite = suite_create("contract");
	TCase *tests = tcase_create("contract");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_registry);
	tcase_add_loop_test(tests, test_good_options, 0, count);
	tcase_add_loop_test(tests, test_bad_options, 0, count);
	tcase_add_loop_test(tests, test_finish_without_init, 0, count);
	tcase_add_loop_test(tests, test_init_without_memory, 0, count);
	tcase_add_loop_test(tests, test_sent_once, 0, count);
	tcase_add_loop_test(tests, test_stop, 0, count);
	tcase_add_loop_test(tests, test_finish_at_once, 0, count);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
