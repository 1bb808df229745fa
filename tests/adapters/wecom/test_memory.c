/* test_memory.c - a message's whole way over the long connection with each allocation failing in turn: nothing leaks,
 * nothing crashes, and every reply has one result. */
#include <assert.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"
#include "world.h"

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

/* Digests have no way to fail but the end of the process: their library's memory is kept apart from what fails here. */
int CRYPTO_set_mem_functions(void *(*get)(size_t size, const char *file, int line),
	void *(*change)(void *memory, size_t size, const char *file, int line),
	void (*give)(void *memory, const char *file, int line));
void *__libc_malloc(size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static void *get(size_t size, const char *file, int line)
{
	return __libc_malloc(size);
}

static void *change(void *memory, size_t size, const char *file, int line)
{
	return __libc_realloc(memory, size);
}

static void give(void *memory, const char *file, int line)
{
	__libc_free(memory);
}

static struct qg_message *heard;
static qg_stored_fn stored;
static void *stored_arg;
static unsigned results;
static enum qg_status result;

static void receive(struct qg_bot *bot, struct qg_message *message, qg_stored_fn fn, void *arg)
{
	heard = message;
	stored = fn;
	stored_arg = arg;
}

static void sent(
	struct qg_bot *bot, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	results++;
	result = status;
	qg_reply_destroy(reply);
}

static void link_changed(struct qg_bot *bot, enum qg_link link, const char *why)
{
}

static void stopped(struct qg_bot *bot)
{
}

static void replay_drafts(struct qg_bot *bot)
{
}

static char *words(struct qg_bot *bot, const char *key)
{
	return qg_str_copy(key);
}

static const struct qg_host host = {
	receive, sent, link_changed, stopped, replay_drafts, NULL, words};

static struct qg_timer *pause_timer;

static void pause_over(void *arg)
{
	qg_loop_stop(world.loop);
}

static void settle(void)
{
	for (int i = 0; i < 3; i++) {
		qg_timer_start(pause_timer, 0);
		qg_loop_run(world.loop);
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
	if (stored) {
		qg_stored_fn fn = stored;
		stored = NULL;
		fn(stored_arg, QG_OK);
	}
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
	draft.handle = heard ? heard->handle : NULL;
	bot->adapter->draft(bot, &draft);
	answer_all(answered);
	struct qg_reply *reply = qg_reply_create();
	if (!reply) {
		return;
	}
	reply->id = qg_str_copy(REPLY);
	reply->chat = qg_str_copy(GROUP);
	reply->text = qg_str_copy("half and half");
	reply->handle = heard ? qg_str_copy(heard->handle) : NULL;
	if (!reply->id || !reply->chat || !reply->text) {
		qg_reply_destroy(reply);
		return;
	}
	unsigned before = results;
	bot->adapter->send(bot, reply);
	for (int i = 0; i < 4 && results == before; i++) {
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
	assert(results == before + 1); /* no ck_assert: it allocates */
}

static bool whole_way(void *arg)
{
	struct qg_bot bot = *(const struct qg_bot *)arg;
	struct {
		struct wecom_core *core;
	} state = {NULL};
	size_t answered = 0;
	bot.state = &state;
	bot.host = &host;
	result = QG_STALE;
	heard = NULL;
	stored = NULL;
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
	qg_message_destroy(heard);
	world_forget();
	assert(peer.alive == 0);
	return result == QG_OK;
}

START_TEST(test_whole_way)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	world_open();
	pause_timer = qg_timer_create(world.loop, pause_over, NULL);
	struct tm now;
	qg_clock_local(0, &now); /* a log line's clock loads its zone once */
	qg_log_set_level(QG_LOG_ERROR);
	struct qg_timer *more[16]; /* the loop's own tables reach their size */
	for (size_t i = 0; i < 16; i++) {
		more[i] = qg_timer_create(world.loop, pause_over, NULL);
		qg_timer_start(more[i], 100000);
	}
	settle();
	for (size_t i = 0; i < 16; i++) {
		qg_timer_destroy(more[i]);
	}
	whole_way(&world.host->bot);
	ck_assert_int_gt(qg_test_each_malloc(whole_way, &world.host->bot), 50);
	qg_timer_destroy(pause_timer);
	world_close();
}
END_TEST

int main(void)
{
	if (qg_test_malloc_works()) {
		CRYPTO_set_mem_functions(get, change, give);
	}
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
