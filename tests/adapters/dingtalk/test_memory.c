/* test_memory.c - a message's whole way over a connection with each allocation failing in turn: nothing leaks, nothing
 * crashes, the reply has one result, and the link comes up again by itself. The platform's HTTP is played here, in place of
 * the real client. */
#include <assert.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_fetch.h"
#include "frugal_host.h"
#include "support/malloc.h"
#include "world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

/* ---- HTTP, played ---- */

static const char *answer_of(const char *url)
{
	return strstr(url, "/accessToken") ? "{\"accessToken\":\"t\",\"expireIn\":7200}"
	       : strstr(url, "/open")
		       ? "{\"endpoint\":\"wss://stream.example/connect\",\"ticket\":\"t-1\"}"
		       : "{\"errcode\":0,\"processQueryKey\":\"k\"}";
}

static void settle(void)
{
	for (int i = 0; i < 3; i++) {
		frugal_turn();
		fake_fetch_answer(answer_of);
	}
}

static void pass(struct qg_bot *bot, uint64_t ms)
{
	world.mono += ms;
	world.wall += (int64_t)ms;
	qg_clock_fix(world.wall, world.mono);
	if (dingtalk_core_of(bot)->seat.link) {
		qg_uplink_tick(dingtalk_core_of(bot)->seat.link);
	}
	settle();
}

/* For as long as the backoff and one failure need. */
static bool connect_bot(struct qg_bot *bot)
{
	for (int i = 0; i < 6; i++) {
		pass(bot, 2000);
		size_t last = peer.line_count;
		if (last > 0 && peer.lines[last - 1].ws) {
			peer_accept(last - 1);
			return true;
		}
	}
	return false;
}

static char *frame_text; /* NULL: nothing is heard */

static void hear(void)
{
	size_t last = peer.line_count - 1;
	if (frame_text) {
		peer_say(last, frame_text);
	}
	frugal_store();
}

static void answer(struct qg_bot *bot)
{
	struct qg_reply *reply =
		frugal_reply("0123456789abcdef0123456789abcdef", "cid1==", "half and half");
	if (!reply) {
		return;
	}
	unsigned before = frugal.results;
	bot->adapter->send(bot, reply);
	for (int i = 0; i < 6 && frugal.results == before; i++) {
		pass(bot, 6000);
	}
	assert(frugal.results == before + 1); /* no ck_assert: it allocates */
}

static bool whole_way(void *arg)
{
	struct qg_bot bot = *(const struct qg_bot *)arg;
	struct {
		struct dingtalk_core *core;
	} state = {NULL};
	bool is_heard = false;
	bot.state = &state;
	bot.host = &frugal_host;
	frugal_begin();
	enum qg_status status = bot.adapter->init(&bot);
	if (status == QG_OK && bot.adapter->start(&bot) == QG_OK && connect_bot(&bot)) {
		hear();
		is_heard = frugal.heard && peer.count == 1;
		answer(&bot);
	}
	bot.adapter->finish(&bot);
	assert(fake_fetch_is_idle());
	peer_reset();
	return frugal_over() && is_heard;
}

START_TEST(test_whole_way)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	world_open("", NULL);
	json_t *root = world_vectors("stream_frames");
	frame_text = qg_str_copy(
		qg_json_str(world_named(json_object_get(root, "frames"), "callback_bot_group_text"),
			"inbound_raw", ""));
	json_decref(root);
	frugal_prepare(world.loop);
	settle();
	/* What is made once and lives for ever, on both ways: a reply by its message's webhook, and one by the API. */
	dingtalk_account_spent(world_core()->account, DINGTALK_CALLS);
	dingtalk_account_spent(world_core()->account, DINGTALK_USES);
	char *text = frame_text;
	frame_text = NULL;
	whole_way(&world.host->bot);
	frame_text = text;
	whole_way(&world.host->bot);
	ck_assert_int_gt(qg_test_each_malloc(whole_way, &world.host->bot), 100);
	frugal_end();
	free(frame_text);
	world_close();
}
END_TEST

int main(void)
{
	qg_test_malloc_spare_digests();
	Suite *suite = suite_create("dingtalk memory");
	TCase *tests = tcase_create("memory");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_whole_way);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
