/* test_memory.c - a message's whole way over a connection with each allocation failing in turn: nothing leaks, nothing
 * crashes, the reply has one result, and the link comes up again by itself. The platform's HTTP is played here, in place of
 * the real client. */
#include <assert.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"
#include "world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

/* ---- HTTP, played ---- */

struct qg_fetch {
	struct qg_list item;
	const struct qg_fetch_host *host;
	void *arg;
	char url[256];
};

static struct qg_list fetches = {&fetches, &fetches};

struct qg_fetch *qg_fetch_start(struct qg_http_client *client,
	const struct qg_fetch_request *request, const struct qg_fetch_host *host, void *arg)
{
	struct qg_fetch *fetch = calloc(1, sizeof(*fetch));
	if (fetch) {
		fetch->host = host;
		fetch->arg = arg;
		snprintf(fetch->url, sizeof(fetch->url), "%s", request->url);
		qg_list_add(&fetches, &fetch->item);
	}
	return fetch;
}

void qg_fetch_cancel(struct qg_fetch *fetch)
{
	if (fetch) {
		qg_list_remove(&fetch->item);
		free(fetch);
	}
}

int qg_fetch_status(const struct qg_fetch *fetch)
{
	return 200;
}

const char *qg_fetch_header(const struct qg_fetch *fetch, const char *name)
{
	return NULL;
}

const char *qg_fetch_error_text(enum qg_fetch_error error)
{
	return error == QG_FETCH_NONE ? "ok" : "no";
}

struct qg_http_client *qg_http_client_create(struct qg_loop *loop)
{
	static int nobody;
	return (struct qg_http_client *)&nobody;
}

void qg_http_client_destroy(struct qg_http_client *client)
{
}

static const char *answer_of(const char *url)
{
	return strstr(url, "/accessToken") ? "{\"accessToken\":\"t\",\"expireIn\":7200}"
	       : strstr(url, "/open")
		       ? "{\"endpoint\":\"wss://stream.example/connect\",\"ticket\":\"t-1\"}"
		       : "{\"errcode\":0,\"processQueryKey\":\"k\"}";
}

/* Whether anything was asked. */
static bool answer_all(void)
{
	bool any = false;
	while (!qg_list_is_empty(&fetches)) {
		struct qg_fetch *fetch = QG_CONTAINER(fetches.next, struct qg_fetch, item);
		const char *text = answer_of(fetch->url);
		struct qg_fetch_end end = {.status = 200,
			.body = text,
			.size = strlen(text),
			.sent = true,
			.words = ""};
		qg_list_remove(&fetch->item);
		fetch->host->ended(fetch->arg, fetch, &end);
		free(fetch);
		any = true;
	}
	return any;
}

/* ---- the host, without memory of its own ---- */

static struct qg_message *heard;
static qg_stored_fn stored;
static void *stored_arg;
static unsigned results;
static enum qg_status result;

static void receive(struct qg_bot *bot, struct qg_message *message, qg_stored_fn fn, void *arg)
{
	assert(!heard);
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
		answer_all();
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
	if (stored) {
		qg_stored_fn fn = stored;
		stored = NULL;
		fn(stored_arg, QG_OK);
	}
}

static struct qg_reply *make_reply(void)
{
	struct qg_reply *reply = qg_reply_create();
	if (!reply) {
		return NULL;
	}
	reply->id = qg_str_copy("0123456789abcdef0123456789abcdef");
	reply->chat = qg_str_copy("cid1==");
	reply->text = qg_str_copy("half and half");
	reply->handle = heard ? qg_str_copy(heard->handle) : NULL;
	if (!reply->id || !reply->chat || !reply->text) {
		qg_reply_destroy(reply);
		return NULL;
	}
	return reply;
}

static void answer(struct qg_bot *bot)
{
	struct qg_reply *reply = make_reply();
	if (!reply) {
		return;
	}
	unsigned before = results;
	bot->adapter->send(bot, reply);
	for (int i = 0; i < 6 && results == before; i++) {
		pass(bot, 6000);
	}
	assert(results == before + 1); /* no ck_assert: it allocates */
}

static bool whole_way(void *arg)
{
	struct qg_bot bot = *(const struct qg_bot *)arg;
	struct {
		struct dingtalk_core *core;
	} state = {NULL};
	bool is_heard = false;
	bot.state = &state;
	bot.host = &host;
	result = QG_STALE;
	heard = NULL;
	stored = NULL;
	enum qg_status status = bot.adapter->init(&bot);
	if (status == QG_OK && bot.adapter->start(&bot) == QG_OK && connect_bot(&bot)) {
		hear();
		is_heard = heard && peer.count == 1;
		answer(&bot);
	}
	bot.adapter->finish(&bot);
	qg_message_destroy(heard);
	assert(qg_list_is_empty(&fetches));
	peer_reset();
	return result == QG_OK && is_heard;
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
	/* What is made once and lives for ever, on both ways: a reply by its message's webhook, and one by the API. */
	dingtalk_account_spent(world_core()->account, DINGTALK_CALLS);
	dingtalk_account_spent(world_core()->account, DINGTALK_USES);
	char *text = frame_text;
	frame_text = NULL;
	whole_way(&world.host->bot);
	frame_text = text;
	whole_way(&world.host->bot);
	ck_assert_int_gt(qg_test_each_malloc(whole_way, &world.host->bot), 100);
	qg_timer_destroy(pause_timer);
	free(frame_text);
	world_close();
}
END_TEST

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

int main(void)
{
	if (qg_test_malloc_works()) {
		CRYPTO_set_mem_functions(get, change, give);
	}
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
