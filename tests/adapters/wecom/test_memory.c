/* test_memory.c - a message's whole way over the long connection with each allocation failing in turn: nothing leaks,
 * nothing crashes, and every reply has one result. */
#include <assert.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frugal_host.h"
#include "support/malloc.h"
#include "world.h"

#include "qg/clock.h"
#include "qg/str.h"

static void settle(void)
{
	for (int i = 0; i < 3; i++) {
		frugal_turn();
	}
}

/* Answers every frame that has no answer yet. */
static void answer_all(size_t *answered)
{
	while (peer.now && *answered < peer.count) {
		const char *frame = peer.frames[(*answered)++];
		const char *id = strstr(frame, "\"req_id\":\"") + strlen("\"req_id\":\"");
		char text[512];
		snprintf(text, sizeof(text),
			"{\"headers\":{\"req_id\":\"%.*s\"},\"errcode\":0,\"errmsg\":\"ok\"}",
			(int)strcspn(id, "\""), id);
		peer_say(text);
	}
}

static void hear(void)
{
	peer_say("{\"cmd\":\"aibot_msg_callback\",\"headers\":{\"req_id\":\"r1\"},\"body\":{"
		 "\"msgid\":\"m1\",\"aibotid\":\"a\",\"chatid\":\"" GROUP
		 "\",\"chattype\":\"group\",\"from\":{\"userid\":\"" USER
		 "\"},\"msgtype\":\"text\",\"text\":{\"content\":\"@HarborBot hi\"}}}");
	frugal_store();
}

static void converse(struct qg_bot *bot, size_t *answered)
{
	struct qg_draft draft = {.reply = REPLY,
		.bot = "xiaoman",
		.chat = GROUP,
		.conversation = "x",
		.sequence = 1,
		.text = "half"};
	hear();
	world.mono += 500;
	world.wall += 500;
	qg_clock_fix(world.wall, world.mono);
	wecom_link_tick(wecom_core_of(bot)->link);
	draft.handle = frugal.heard ? frugal.heard->handle : NULL;
	bot->adapter->draft(bot, &draft);
	answer_all(answered);
	struct qg_reply *reply = frugal_reply(REPLY, GROUP, "half and half");
	if (!reply) {
		return;
	}
	unsigned before = frugal.results;
	bot->adapter->send(bot, reply);
	for (int i = 0; i < 4 && frugal.results == before; i++) {
		answer_all(answered);
		settle();
		world.mono += 6000;
		qg_clock_fix(world.wall, world.mono);
		if (wecom_core_of(bot)->link) {
			wecom_link_tick(wecom_core_of(bot)->link);
		}
		if (peer.now && !peer.now_is_open) {
			peer_accept();
		}
	}
	assert(frugal.results == before + 1); /* no ck_assert: it allocates */
}

static bool whole_way(void *arg)
{
	struct qg_bot bot = *(const struct qg_bot *)arg;
	struct {
		struct wecom_core *core;
	} state = {NULL};
	size_t answered = 0;
	bot.state = &state;
	bot.host = &frugal_host;
	frugal_begin();
	enum qg_status status = bot.adapter->init(&bot);
	if (status == QG_OK) {
		status = bot.adapter->start(&bot);
	}
	if (status == QG_OK && state.core->link) {
		wecom_link_tick(state.core->link);
		if (peer.now) {
			peer_accept();
			answer_all(&answered);
		}
		if (peer.now) {
			converse(&bot, &answered);
		}
	}
	bot.adapter->finish(&bot);
	world_forget();
	assert(peer.alive == 0);
	return frugal_over();
}

START_TEST(test_whole_way)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	world_open();
	frugal_prepare(world.loop);
	whole_way(&world.host->bot);
	ck_assert_int_gt(qg_test_each_malloc(whole_way, &world.host->bot), 50);
	frugal_end();
	world_close();
}
END_TEST

int main(void)
{
	qg_test_malloc_spare_digests();
	Suite *suite = suite_create("wecom memory");
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
