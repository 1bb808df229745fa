/* test_redis_memory.c - the constructors of the Redis side with each of their allocations
 * failing in turn. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "qg/redis.h"
#include "support/malloc.h"
#include "support/redis_server.h"

static struct qg_loop *loop;
/* Failures without a word; asserted afterwards, as Check itself allocates. */
static int said_nothing;

static const struct qg_redis_script script = {"one", "return 1"};
static const struct qg_redis_script *const scripts[] = {&script, NULL};

static bool make_client(void *arg)
{
	char error[128] = "";
	struct qg_redis_options options = {.url = arg, .scripts = scripts};
	struct qg_redis *redis = qg_redis_create(loop, &options, error);

	said_nothing += redis == NULL && error[0] == '\0';
	qg_redis_destroy(redis);
	return redis != NULL;
}

static void on_message(void *arg, const char *channel, const char *data, size_t size)
{
}

static void on_subscribed(void *arg, bool subscribed)
{
}

static bool make_listener(void *arg)
{
	static const char *const channels[] = {"a", "b"};
	struct qg_redis_listener *listener =
		qg_redis_listen(loop, arg, channels, 2, on_message, on_subscribed, NULL);

	qg_redis_listener_destroy(listener);
	return listener != NULL;
}

static bool make_child(void *arg)
{
	char error[128] = "";
	struct qg_redis_child_options options = {.data_dir = arg};
	struct qg_redis_child *child = qg_redis_child_create(loop, &options, error);

	said_nothing += child == NULL && error[0] == '\0';
	qg_redis_child_destroy(child);
	return child != NULL;
}

START_TEST(test_client)
{
	ck_assert_int_ge(qg_test_each_malloc(make_client, "unix:/nowhere/redis.sock"), 5);
	ck_assert_int_ge(qg_test_each_malloc(make_client, "redis://u:p@127.0.0.1:1/1"), 8);
}
END_TEST

START_TEST(test_listener)
{
	ck_assert_int_ge(qg_test_each_malloc(make_listener, "unix:/nowhere/redis.sock"), 5);
}
END_TEST

START_TEST(test_child)
{
	char dir[] = "/tmp/qg-test-memory-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_ge(qg_test_each_malloc(make_child, dir), 8);
	qg_test_remove_tree(dir);
}
END_TEST

static void setup(void)
{
	loop = qg_loop_create(1);
	/* libev keeps what its watchers needed: let it have that before anything is counted. */
	make_client("unix:/nowhere/redis.sock");
}

static void teardown(void)
{
	ck_assert_int_eq(said_nothing, 0);
	qg_loop_destroy(loop);
}

int main(void)
{
	if (!qg_test_malloc_works()) {
		return 77;
	}
	Suite *suite = suite_create("redis_memory");
	TCase *tests = tcase_create("redis_memory");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_client);
	tcase_add_test(tests, test_listener);
	tcase_add_test(tests, test_child);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
