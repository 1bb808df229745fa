/* test_quota.c - the month's calls: one count for all processes, each once, and who hears of its end. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "qg/clock.h"
#include "qg/metrics.h"
#include "qg/str.h"
#include "quota.h"
#include "redis_server.h"

#define NEW_YEAR INT64_C(1767225600000) /* 2026-01-01 08:00 in China */
#define KINDS 2
#define TOLD_MOST 16

static const struct qg_quota_kind kinds[KINDS + 1] = {
	{"calls", "接口调用", "monthly_calls", "管理后台", "quota_near", "quota_spent"},
	{"uses", "消息", "monthly_uses", "管理后台", "quota_near", "quota_spent"},
	{0},
};

static struct {
	struct qg_loop *loop;
	struct qg_test_redis *server;
	struct qg_redis *redis;
	char *told[TOLD_MOST];
	size_t told_count;
} world;

static void tell_admins(struct qg_bot *bot, const char *occasion, const char *key)
{
	ck_assert_uint_lt(world.told_count, TOLD_MOST);
	world.told[world.told_count++] = qg_str_printf("%s: %s, %s", bot->name, occasion, key);
}

static const struct qg_host host = {.tell_admins = tell_admins};

static struct qg_bot make_bot(const char *name)
{
	return (struct qg_bot){.name = name,
		.loop = world.loop,
		.redis = world.redis,
		.prefix = "qg:{7}:",
		.host = &host};
}

static struct qg_quota *join_as(struct qg_bot *bot, const char *account, int64_t calls)
{
	const int64_t limits[KINDS] = {calls, 0};
	struct qg_quota_account asked = {
		.platform = "test", .name = account, .kinds = kinds, .limits = limits};
	struct qg_quota *quota = qg_quota_join(bot, &asked);
	ck_assert_ptr_nonnull(quota);
	return quota;
}

static void setup_alone(void)
{
	memset(&world, 0, sizeof(world));
	qg_clock_fix(NEW_YEAR, 1000000);
	world.loop = qg_loop_create(1);
	ck_assert_ptr_nonnull(world.loop);
}

static void setup(void)
{
	setup_alone();
	world.server = qg_test_redis_start(true);
	world.redis = fake_host_redis(world.loop, qg_test_redis_url(world.server));
}

static void teardown(void)
{
	qg_redis_destroy(world.redis);
	qg_loop_destroy(world.loop);
	qg_test_redis_stop(world.server);
	for (size_t i = 0; i < world.told_count; i++) {
		free(world.told[i]);
	}
	qg_clock_fix(-1, 0);
}

/* ---- what Redis has ---- */

static struct qg_redis_reply *do_ask(const char *verb, const char *key)
{
	char error[128];
	const char *argv[] = {verb, key};
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_test_redis_url(world.server), error, 2, argv, NULL);
	ck_assert_msg(reply != NULL, "%s", error);
	return reply;
}

/* The only key that ends so. */
static char *key_of(const char *end)
{
	QG_AUTO(qg_str_free) char *pattern = qg_str_printf("*%s", end);
	struct qg_redis_reply *keys = do_ask("KEYS", pattern);
	char *key = keys->count == 1 ? qg_str_copy(keys->items[0].text) : NULL;
	qg_redis_reply_free(keys);
	return key;
}

static int64_t counted(const char *end)
{
	QG_AUTO(qg_str_free) char *key = key_of(end);
	if (!key) {
		return 0;
	}
	struct qg_redis_reply *reply = do_ask("GET", key);
	int64_t n = 0;
	ck_assert(qg_str_to_int64(reply->text, 0, INT64_MAX, &n));
	qg_redis_reply_free(reply);
	return n;
}

#define JANUARY ":calls:24312"
#define FEBRUARY ":calls:24313"

struct expected {
	const char *key;
	int64_t n;
};

static bool has_counted(void *arg)
{
	const struct expected *expected = arg;
	return counted(expected->key) == expected->n;
}

static void wait_counted(const char *key, int64_t n)
{
	struct expected expected = {key, n};
	fake_host_wait(world.loop, has_counted, &expected);
}

static int64_t gauge(const char *name, const char *labels, const char *help)
{
	return qg_metric_value(qg_metric_gauge(name, labels, help));
}

static bool has_gauge(void *arg)
{
	return gauge("test_month_used", "bot=\"a\",kind=\"calls\"",
		       "Of this month's quota at the platform, as counted here") == *(int64_t *)arg;
}

static bool has_told(void *arg)
{
	return world.told_count >= *(size_t *)arg;
}

static void wait_told(size_t count)
{
	fake_host_wait(world.loop, has_told, &count);
}

/* ---- ---- */

/* At 80 per cent and at the end every bot of the account says so to its admins, once. */
START_TEST(test_admins)
{
	struct qg_bot first = make_bot("a");
	struct qg_bot second = make_bot("b");
	struct qg_quota *quota = join_as(&first, "app", 10);
	ck_assert_ptr_eq(join_as(&second, "app", 10), quota);
	qg_quota_count(quota, 0, 7);
	qg_quota_count(quota, 1, 1000); /* nobody knows how many there are */
	ck_assert_uint_eq(qg_quota_used(quota, 0), 70);
	ck_assert_uint_eq(qg_quota_used(quota, 1), 0);
	wait_counted(JANUARY, 7);
	int64_t seven = 7;
	fake_host_wait(world.loop, has_gauge, &seven);
	ck_assert_uint_eq(world.told_count, 0);
	qg_quota_count(quota, 0, 1);
	wait_told(2);
	ck_assert_str_eq(world.told[0], "a: calls 2026-01 80, quota_near");
	ck_assert_str_eq(world.told[1], "b: calls 2026-01 80, quota_near");
	qg_quota_spent(quota, 0); /* the platform knows better */
	ck_assert_uint_eq(qg_quota_used(quota, 0), 100);
	ck_assert_uint_eq(world.told_count, 4);
	ck_assert_str_eq(world.told[3], "b: calls 2026-01 100, quota_spent");
	qg_quota_spent(quota, 0);
	ck_assert_uint_eq(world.told_count, 4);
	qg_quota_leave(quota, &first);
	qg_quota_spent(quota, 1);
	ck_assert_uint_eq(world.told_count, 5);
	ck_assert_str_eq(world.told[4], "b: uses 2026-01 100, quota_spent");
	qg_quota_leave(quota, &second);
}
END_TEST

/* What other processes counted is there too; what was not written yet is when the last bot leaves. */
START_TEST(test_shared)
{
	struct qg_bot bot = make_bot("a");
	struct qg_quota *quota = join_as(&bot, "app", 100);
	qg_quota_count(quota, 0, 1);
	wait_counted(JANUARY, 1);
	QG_AUTO(qg_str_free) char *key = key_of(JANUARY);
	qg_test_redis_do(world.server, "INCRBY", key, "84", NULL);
	qg_quota_count(quota, 0, 1);
	wait_told(1);
	ck_assert_uint_eq(qg_quota_used(quota, 0), 86);
	struct qg_redis_reply *ttl = do_ask("TTL", key);
	ck_assert_int_gt(ttl->integer, 31 * 24 * 3600);
	qg_redis_reply_free(ttl);
	qg_quota_count(quota, 0, 4);
	qg_quota_leave(quota, &bot);
	wait_counted(JANUARY, 90);
}
END_TEST

/* Accounts count apart, and so do platforms. */
START_TEST(test_apart)
{
	struct qg_bot bot = make_bot("a");
	struct qg_quota *one = join_as(&bot, "app", 10);
	struct qg_quota *other = join_as(&bot, "another", 10);
	ck_assert_ptr_ne(one, other);
	qg_quota_count(one, 0, 5);
	ck_assert_uint_eq(qg_quota_used(one, 0), 50);
	ck_assert_uint_eq(qg_quota_used(other, 0), 0);
	qg_quota_leave(one, &bot);
	qg_quota_leave(other, &bot);
}
END_TEST

/* An addition whose answer was lost is sent again and counts once. */
START_TEST(test_twice)
{
	const char *argv[] = {"calls:24312", "process", "1", "5"};
	for (size_t i = 0; i < 2; i++) {
		qg_redis_script(
			world.redis, &qg_quota_script, NULL, NULL, "qg:{test:x}:", 4, argv, NULL);
	}
	wait_counted(JANUARY, 5);
	argv[2] = "2";
	qg_redis_script(world.redis, &qg_quota_script, NULL, NULL, "qg:{test:x}:", 4, argv, NULL);
	wait_counted(JANUARY, 10);
}
END_TEST

/* Redis is away for a while: nothing is lost, and nothing counted twice. */
START_TEST(test_away)
{
	struct qg_bot bot = make_bot("a");
	struct qg_quota *quota = join_as(&bot, "app", 100);
	qg_test_redis_kill(world.server);
	qg_quota_count(quota, 0, 9);
	ck_assert_uint_eq(qg_quota_used(quota, 0), 9);
	qg_test_redis_restart(world.server);
	wait_counted(JANUARY, 9);
	qg_quota_count(quota, 0, 1);
	wait_counted(JANUARY, 10);
	ck_assert_uint_eq(qg_quota_used(quota, 0), 10);
	qg_quota_leave(quota, &bot);
}
END_TEST

/* A month of China ends at 16:00 UTC; the next one has a count and warnings of its own. */
START_TEST(test_month)
{
	struct qg_bot bot = make_bot("a");
	struct qg_quota *quota = join_as(&bot, "app", 5);
	qg_quota_count(quota, 0, 5);
	wait_told(1);
	int64_t end = NEW_YEAR + (INT64_C(31) * 24 - 8) * 3600 * 1000;
	qg_clock_fix(end - 1, 1000000);
	qg_quota_count(quota, 0, 0);
	ck_assert_uint_eq(qg_quota_used(quota, 0), 100);
	qg_clock_fix(end, 1000000);
	qg_quota_count(quota, 0, 4);
	ck_assert_uint_eq(qg_quota_used(quota, 0), 80);
	wait_told(2);
	ck_assert_str_eq(world.told[1], "a: calls 2026-02 80, quota_near");
	ck_assert_int_eq(counted(FEBRUARY), 4);
	ck_assert_int_eq(counted(JANUARY), 5);
	qg_quota_leave(quota, &bot);
}
END_TEST

/* Without Redis a process counts for itself. */
START_TEST(test_alone)
{
	struct qg_bot bot = make_bot("a");
	bot.prefix = NULL;
	struct qg_quota *quota = join_as(&bot, "app", 10);
	qg_quota_count(quota, 0, 10);
	wait_told(1);
	ck_assert_str_eq(world.told[0], "a: calls 2026-01 100, quota_spent");
	qg_quota_leave(quota, &bot);
	qg_quota_leave(NULL, &bot);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *counts = tcase_create("counts");
	tcase_add_checked_fixture(counts, setup, teardown);
	tcase_set_timeout(counts, 30);
	tcase_add_test(counts, test_admins);
	tcase_add_test(counts, test_shared);
	tcase_add_test(counts, test_apart);
	tcase_add_test(counts, test_twice);
	tcase_add_test(counts, test_away);
	tcase_add_test(counts, test_month);
	suite_add_tcase(suite, counts);
	TCase *alone = tcase_create("alone");
	tcase_add_checked_fixture(alone, setup_alone, teardown);
	tcase_add_test(alone, test_alone);
	suite_add_tcase(suite, alone);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
