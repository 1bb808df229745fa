/* test_redis.c - the pipelined connection, the listener and the synchronous question against a
 * real server. */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/clock.h"
#include "qg/redis.h"
#include "redis_server.h"

#define GUARD 40000
/* A server's silence that is none of the test's business, and one that is. */
#define PATIENCE 30000
#define IMPATIENCE 300

static const struct qg_redis_script echo_script = {"echo", "return {KEYS[1], ARGV[1]}"};
static const struct qg_redis_script set_script = {
	"set", "return redis.call('SET', KEYS[1], ARGV[1])"};
static const struct qg_redis_script broken_script = {"broken", "this is no lua"};
static const struct qg_redis_script *const scripts[] = {&echo_script, &set_script, NULL};
static const struct qg_redis_script *const bad_scripts[] = {&broken_script, NULL};

static struct qg_loop *loop;
static struct qg_timer *guard;
static struct qg_test_redis *server;
static struct qg_redis *redis;
static size_t answers, wanted, ups, downs, stop_at_ups, stop_at_downs;
static enum qg_status last_status;
static enum qg_reply_type last_type;
static char last_text[256];
static int64_t last_integer;
static size_t last_size;
static char last_why[128];
static bool in_call;

static void on_guard(void *arg)
{
	ck_abort_msg("nothing came within the test's time");
}

static void run(void)
{
	qg_timer_start(guard, GUARD);
	qg_loop_run(loop);
	qg_timer_stop(guard);
}

static void on_changed(void *arg, bool connected, const char *why)
{
	ck_assert(!in_call);
	snprintf(last_why, sizeof(last_why), "%s", why);
	ups += connected;
	downs += !connected;
	if ((stop_at_ups > 0 && ups == stop_at_ups) ||
		(stop_at_downs > 0 && downs == stop_at_downs)) {
		qg_loop_stop(loop);
	}
}

static void connect_to(
	const char *url, unsigned timeout_ms, const struct qg_redis_script *const *with)
{
	char error[128];
	struct qg_redis_options options = {
		.url = url, .timeout_ms = timeout_ms, .scripts = with, .changed = on_changed};

	redis = qg_redis_create(loop, &options, error);
	ck_assert_msg(redis != NULL, "%s", error);
}

static void wait_up(size_t count)
{
	stop_at_ups = count;
	if (ups < count) {
		run();
	}
	stop_at_ups = 0;
	ck_assert(qg_redis_is_up(redis));
}

static void wait_down(size_t count)
{
	stop_at_downs = count;
	if (downs < count) {
		run();
	}
	stop_at_downs = 0;
}

static void prepare_loop(void)
{
	loop = qg_loop_create(1);
	guard = qg_timer_create(loop, on_guard, NULL);
	ck_assert(loop != NULL && guard != NULL);
	answers = wanted = ups = downs = 0;
}

static void setup(void)
{
	prepare_loop();
	server = qg_test_redis_start(false);
	connect_to(qg_test_redis_url(server), PATIENCE, scripts);
	wait_up(1);
}

static void teardown(void)
{
	qg_redis_destroy(redis);
	redis = NULL;
	qg_timer_destroy(guard);
	qg_loop_destroy(loop);
	qg_test_redis_stop(server);
	server = NULL;
}

static void on_answer(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	ck_assert(!in_call);
	last_status = status;
	last_text[0] = '\0';
	if (reply != NULL) {
		last_type = reply->type;
		last_integer = reply->integer;
		last_size = reply->size;
		snprintf(
			last_text, sizeof(last_text), "%s", reply->text != NULL ? reply->text : "");
	}
	answers++;
	if (answers == wanted) {
		qg_loop_stop(loop);
	}
}

/* Runs until count more answers came. */
static void wait_answers(size_t count)
{
	wanted = answers + count;
	run();
}

static void ask_script(const struct qg_redis_script *script, const char *key, const char *value)
{
	const char *argv[] = {value};

	in_call = true;
	qg_redis_script(redis, script, on_answer, NULL, key, 1, argv, NULL);
	in_call = false;
}

START_TEST(test_command_and_reply_kinds)
{
	qg_redis_run(redis, on_answer, NULL, "SET %s %b", "k", "a\0b", (size_t)3);
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_OK);
	ck_assert_str_eq(last_text, "OK");
	qg_redis_run(redis, on_answer, NULL, "GET k");
	wait_answers(1);
	ck_assert_uint_eq(last_size, 3);
	qg_redis_run(redis, on_answer, NULL, "INCRBY n %lld", 41LL);
	wait_answers(1);
	ck_assert_int_eq(last_type, QG_REPLY_INT);
	ck_assert_int_eq(last_integer, 41);
	qg_redis_run(redis, on_answer, NULL, "GET none");
	wait_answers(1);
	ck_assert_int_eq(last_type, QG_REPLY_NIL);
	qg_redis_run(redis, on_answer, NULL, "NOSUCHCOMMAND");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_FAILED);
	ck_assert_int_eq(last_type, QG_REPLY_ERROR);
	ck_assert_uint_eq(qg_redis_outstanding(redis), 0);
}
END_TEST

static void on_nested(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	ck_assert_int_eq(reply->type, QG_REPLY_ARRAY);
	ck_assert_uint_eq(reply->count, 3);
	ck_assert_int_eq(reply->items[0].integer, 1);
	ck_assert_int_eq(reply->items[1].type, QG_REPLY_ARRAY);
	ck_assert_uint_eq(reply->items[1].count, 2);
	ck_assert_str_eq(reply->items[1].items[0].text, "in");
	ck_assert_uint_eq(reply->items[1].items[1].count, 0);
	ck_assert_str_eq(reply->items[2].text, "out");
	on_answer(arg, status, reply);
}

static void on_many(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	ck_assert_uint_eq(reply->count, 1000);
	for (size_t i = 0; i < reply->count; i++) {
		ck_assert_int_eq(reply->items[i].integer, (int64_t)i + 1);
	}
	on_answer(arg, status, reply);
}

START_TEST(test_arrays)
{
	const char *nested[] = {"EVAL", "return {1, {'in', {}}, 'out'}", "0"};
	const char *many[] = {"EVAL", "local t = {} for i = 1, 1000 do t[i] = i end return t", "0"};

	qg_redis_command(redis, on_nested, NULL, 3, nested, NULL);
	qg_redis_command(redis, on_many, NULL, 3, many, NULL);
	wait_answers(2);
}
END_TEST

static int64_t next_number;

static void on_number(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	ck_assert_int_eq(status, QG_OK);
	ck_assert_int_eq(reply->integer, ++next_number);
	on_answer(arg, status, reply);
}

START_TEST(test_ten_thousand_in_order)
{
	next_number = 0;
	for (int i = 0; i < 10000; i++) {
		qg_redis_run(redis, on_number, NULL, "INCR n");
	}
	ck_assert_uint_eq(qg_redis_outstanding(redis), 10000);
	wait_answers(10000);
	ck_assert_int_eq(next_number, 10000);
}
END_TEST

static void on_big(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	const char *big = arg;

	ck_assert_int_eq(status, QG_OK);
	ck_assert_uint_eq(reply->size, 8 << 20);
	ck_assert(memcmp(reply->text, big, reply->size) == 0);
	on_answer(arg, status, reply);
}

START_TEST(test_big_values)
{
	size_t size = 8 << 20;
	char *big = malloc(size);

	ck_assert(big != NULL);
	for (size_t i = 0; i < size; i++) {
		big[i] = (char)(i * 7 + i / 251);
	}
	qg_redis_run(redis, on_answer, NULL, "SET big %b", big, size);
	qg_redis_run(redis, on_big, big, "GET big");
	wait_answers(2);
	free(big);
}
END_TEST

START_TEST(test_killed_and_back)
{
	for (int i = 0; i < 100; i++) {
		qg_redis_run(redis, on_answer, NULL, "INCR n");
	}
	qg_test_redis_kill(server);
	wait_answers(100);
	ck_assert_int_eq(last_status, QG_AWAY);
	wait_down(1);
	ck_assert(!qg_redis_is_up(redis));
	in_call = true;
	qg_redis_run(redis, on_answer, NULL, "INCR n");
	in_call = false;
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_AWAY);
	qg_test_redis_restart(server);
	qg_redis_hurry(redis);
	wait_up(2);
	ask_script(&echo_script, "key", "value");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_OK);
}
END_TEST

/* Asks again until the status is the wanted one: Redis notices its disk in its own time, and who waits 300 ms only may
 * give it up once more. */
static enum qg_status hoped_for;

static void on_hoping(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	if (status == hoped_for) {
		qg_loop_stop(loop);
	} else {
		qg_redis_run(redis, on_hoping, NULL, "SET k v");
	}
}

static void wait_status(enum qg_status status)
{
	hoped_for = status;
	qg_redis_run(redis, on_hoping, NULL, "SET k v");
	run();
}

START_TEST(test_stopped_server_times_out)
{
	qg_redis_destroy(redis);
	connect_to(qg_test_redis_url(server), IMPATIENCE, scripts);
	wait_up(2);
	uint64_t began = qg_clock_mono();
	size_t before = downs;
	qg_test_redis_pause(server);
	qg_redis_run(redis, on_answer, NULL, "INCR n");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_TIMEOUT);
	ck_assert_uint_ge(qg_clock_mono() - began, IMPATIENCE);
	wait_down(before + 1);
	qg_test_redis_resume(server);
	wait_status(QG_OK);
}
END_TEST

START_TEST(test_scripts_after_flush)
{
	ask_script(&echo_script, "{p}", "one");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_OK);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	for (int i = 0; i < 50; i++) {
		ask_script(&echo_script, "{p}", "two");
		ask_script(&set_script, "{p}k", "three");
	}
	wait_answers(100);
	ck_assert_int_eq(last_status, QG_OK);
	ck_assert_str_eq(last_text, "OK");
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	ask_script(&set_script, "{p}k", "four");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_OK);
	ck_assert_uint_eq(qg_redis_outstanding(redis), 0);
	ck_assert_uint_eq(downs, 0);
}
END_TEST

START_TEST(test_broken_script_keeps_it_down)
{
	qg_redis_destroy(redis);
	connect_to(qg_test_redis_url(server), PATIENCE, bad_scripts);
	wait_down(1);
	ck_assert_msg(strncmp(last_why, "broken: ERR", 11) == 0, "%s", last_why);
}
END_TEST

START_TEST(test_out_of_memory_is_full)
{
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	qg_redis_run(redis, on_answer, NULL, "SET k v");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_FULL);
	ask_script(&set_script, "{p}k", "v");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_FULL);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
	ask_script(&set_script, "{p}k", "v");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_OK);
}
END_TEST

START_TEST(test_replica_is_away_and_left)
{
	qg_test_redis_do(server, "REPLICAOF", "127.0.0.1", "1", NULL);
	qg_redis_run(redis, on_answer, NULL, "SET k v");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_AWAY);
	wait_down(1);
	qg_test_redis_do(server, "REPLICAOF", "NO", "ONE", NULL);
	wait_up(2);
	qg_redis_run(redis, on_answer, NULL, "SET k v");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_OK);
}
END_TEST

static void on_destroying(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	ck_assert_int_eq(status, QG_OK);
	qg_redis_destroy(redis);
	redis = NULL;
	ck_assert_uint_eq(answers, 5);
	ck_assert_int_eq(last_status, QG_CANCELLED);
	/* The reply is still borrowed. */
	ck_assert_str_eq(reply->text, "PONG");
	qg_loop_stop(loop);
}

START_TEST(test_destroy_inside_a_reply)
{
	qg_redis_run(redis, on_destroying, NULL, "PING");
	for (int i = 0; i < 5; i++) {
		qg_redis_run(redis, on_answer, NULL, "PING");
	}
	run();
	ck_assert_ptr_null(redis);
}
END_TEST

static void on_away_destroying(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	ck_assert_int_eq(status, QG_AWAY);
	qg_redis_destroy(redis);
	redis = NULL;
	qg_loop_stop(loop);
}

START_TEST(test_destroy_inside_a_failure)
{
	qg_redis_run(redis, on_away_destroying, NULL, "PING");
	qg_redis_run(redis, on_answer, NULL, "PING");
	qg_test_redis_kill(server);
	run();
	ck_assert_uint_eq(answers, 1);
	ck_assert_int_eq(last_status, QG_CANCELLED);
}
END_TEST

static int retries;

static void on_retrying(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	if (status != QG_AWAY) {
		qg_loop_stop(loop);
	} else if (++retries < 1000000) {
		qg_redis_run(redis, on_retrying, NULL, "PING");
	}
}

/* Who asks again at once from its failure does not hold the loop. */
START_TEST(test_eager_caller_does_not_spin)
{
	qg_redis_run(redis, on_retrying, NULL, "PING");
	qg_test_redis_kill(server);
	wait_down(1);
	qg_test_redis_restart(server);
	wait_up(2);
	ck_assert_int_lt(retries, 1000000);
}
END_TEST

static size_t bells, subscriptions;

static void on_message(void *arg, const char *channel, const char *data, size_t size)
{
	ck_assert_str_eq(channel, "bell");
	ck_assert_uint_eq(size, 2);
	ck_assert_str_eq(data, "hi");
	bells++;
	qg_loop_stop(loop);
}

static void on_subscribed(void *arg, bool subscribed)
{
	subscriptions += subscribed;
	if (subscribed) {
		qg_loop_stop(loop);
	}
}

START_TEST(test_listener_subscribes_again)
{
	static const char *const channels[] = {"other", "bell"};
	struct qg_redis_listener *listener = qg_redis_listen(
		loop, qg_test_redis_url(server), channels, 2, on_message, on_subscribed, NULL);

	ck_assert_ptr_nonnull(listener);
	run();
	ck_assert_uint_eq(subscriptions, 1);
	qg_test_redis_do(server, "PUBLISH", "bell", "hi", NULL);
	run();
	ck_assert_uint_eq(bells, 1);
	qg_test_redis_restart(server);
	run();
	ck_assert_uint_eq(subscriptions, 2);
	qg_test_redis_do(server, "PUBLISH", "bell", "hi", NULL);
	run();
	ck_assert_uint_eq(bells, 2);
	qg_redis_listener_destroy(listener);
}
END_TEST

START_TEST(test_login_is_demanded)
{
	qg_test_redis_do(server, "CONFIG", "SET", "requirepass", "p@ss/w", NULL);
	qg_redis_destroy(redis);
	connect_to(qg_test_redis_url(server), PATIENCE, scripts);
	wait_down(1);
	ck_assert_msg(strstr(last_why, "NOAUTH") != NULL, "%s", last_why);
}
END_TEST

/* A port that nobody listened on just now. */
static int free_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* The server listens on it from now on. Somebody else may be quicker: then on another one. */
static int listen_on_tcp(void)
{
	char port[16], error[128];
	const char *words[] = {"CONFIG", "SET", "port", port};
	for (int tries = 0; tries < 20; tries++) {
		int number = free_port();
		snprintf(port, sizeof(port), "%d", number);
		struct qg_redis_reply *reply =
			qg_redis_ask(qg_test_redis_url(server), error, 4, words, NULL);
		bool listens = reply != NULL && reply->type != QG_REPLY_ERROR;
		qg_redis_reply_free(reply);
		if (listens) {
			return number;
		}
	}
	ck_abort_msg("no port is free");
	return 0;
}

/* A bare root has no hosts file, and would ask the network for its own name. */
static const char *own_name(void)
{
	return access("/etc/hosts", R_OK) == 0 ? "localhost" : "127.0.0.1";
}

/* The name is looked up in the pool; its first address may be the one where nobody listens. */
START_TEST(test_tcp_login_and_database)
{
	char url[96], error[128];
	const char *get[] = {"GET", "k"};

	qg_test_redis_do(server, "CONFIG", "SET", "requirepass", "", NULL);
	qg_test_redis_do(server, "CONFIG", "SET", "bind", "127.0.0.1", NULL);
	int number = listen_on_tcp();
	qg_test_redis_do(
		server, "ACL", "SETUSER", "worker", "on", ">p@ss/w", "~*", "&*", "+@all", NULL);
	qg_redis_destroy(redis);
	snprintf(url, sizeof(url), "redis://worker:p%%40ss%%2fw@%s:%d/3", own_name(), number);
	connect_to(url, PATIENCE, scripts);
	wait_up(2);
	qg_redis_run(redis, on_answer, NULL, "SET k tcp");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_OK);
	qg_redis_run(redis, on_answer, NULL, "CLIENT INFO");
	wait_answers(1);
	ck_assert_msg(strstr(last_text, "db=3 ") != NULL, "%s", last_text);
	struct qg_redis_reply *reply = qg_redis_ask(url, error, 2, get, NULL);
	ck_assert_msg(reply != NULL, "%s", error);
	ck_assert_str_eq(reply->text, "tcp");
	qg_redis_reply_free(reply);
	snprintf(url, sizeof(url), "redis://worker:wrong@127.0.0.1:%d", number);
	ck_assert_ptr_null(qg_redis_ask(url, error, 2, get, NULL));
	ck_assert_msg(
		strstr(error, "WRONGPASS") != NULL && strstr(error, "wrong@") == NULL, "%s", error);
}
END_TEST

/* A snapshot cannot be written over a directory: MISCONF, as with a full disk. */
START_TEST(test_disk_trouble_is_full_and_recovers)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/dump.rdb", qg_test_redis_dir(server));
	ck_assert_int_eq(mkdir(path, 0700), 0);
	qg_test_redis_do(server, "CONFIG", "SET", "save", "3600 1", NULL);
	qg_test_redis_do(server, "BGSAVE", NULL);
	wait_status(QG_FULL);
	ask_script(&set_script, "{p}k", "v");
	wait_answers(1);
	ck_assert_int_eq(last_status, QG_FULL);
	/* Even PING is refused then; a new connection counts as up all the same. */
	qg_redis_destroy(redis);
	connect_to(qg_test_redis_url(server), PATIENCE, scripts);
	wait_up(2);
	ck_assert_int_eq(rmdir(path), 0);
	qg_test_redis_do(server, "BGSAVE", NULL);
	wait_status(QG_OK);
}
END_TEST

START_TEST(test_bad_urls)
{
	static const char *const bad[] = {"", "http://x", "unix:", "redis://h:0", "redis://h:1x",
		"redis://h/abc", "redis://[::1", "redis://u:%zz@h", "redis://h?x=1",
		"redis://h:1/99999"};
	char error[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct qg_redis_options options = {.url = bad[i]};
		error[0] = '\0';
		ck_assert_msg(qg_redis_create(loop, &options, error) == NULL, "%s", bad[i]);
		ck_assert_str_ne(error, "");
	}
}
END_TEST

START_TEST(test_ask)
{
	const char *url = qg_test_redis_url(server);
	const char *set[] = {"RPUSH", "l", "a", "bb"};
	const char *get[] = {"LRANGE", "l", "0", "-1"};
	char error[128];
	struct qg_redis_reply *reply = qg_redis_ask(url, error, 4, set, NULL);

	ck_assert_ptr_nonnull(reply);
	ck_assert_int_eq(reply->integer, 2);
	qg_redis_reply_free(reply);
	reply = qg_redis_ask(url, error, 4, get, NULL);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->count, 2);
	ck_assert_str_eq(reply->items[1].text, "bb");
	qg_redis_reply_free(reply);
	qg_redis_reply_free(NULL);
	qg_test_redis_kill(server);
	ck_assert_ptr_null(qg_redis_ask(url, error, 4, get, NULL));
	ck_assert_str_ne(error, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis");
	TCase *tests = tcase_create("redis");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_command_and_reply_kinds);
	tcase_add_test(tests, test_arrays);
	tcase_add_test(tests, test_ten_thousand_in_order);
	tcase_add_test(tests, test_big_values);
	tcase_add_test(tests, test_killed_and_back);
	tcase_add_test(tests, test_stopped_server_times_out);
	tcase_add_test(tests, test_scripts_after_flush);
	tcase_add_test(tests, test_broken_script_keeps_it_down);
	tcase_add_test(tests, test_out_of_memory_is_full);
	tcase_add_test(tests, test_replica_is_away_and_left);
	tcase_add_test(tests, test_destroy_inside_a_reply);
	tcase_add_test(tests, test_destroy_inside_a_failure);
	tcase_add_test(tests, test_eager_caller_does_not_spin);
	tcase_add_test(tests, test_listener_subscribes_again);
	tcase_add_test(tests, test_login_is_demanded);
	tcase_add_test(tests, test_tcp_login_and_database);
	tcase_add_test(tests, test_disk_trouble_is_full_and_recovers);
	tcase_add_test(tests, test_bad_urls);
	tcase_add_test(tests, test_ask);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
