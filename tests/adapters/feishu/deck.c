/* deck.c - a Feishu bot with a Redis and a clock of the test's own. */
#include "deck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

struct deck deck;
struct qg_test_redis *deck_redis;
static json_t *body, *inside;
static const char *redis_url;

#define MORE "encrypt_key: k3y\nverification_token: t0ken\n"

static void start_redis(void)
{
	deck_redis = qg_test_redis_start(false);
}

static void stop_redis(void)
{
	qg_test_redis_stop(deck_redis);
	deck_redis = NULL;
}

static void begin(void)
{
	qg_test_redis_do(deck_redis, "FLUSHALL", NULL);
	redis_url = qg_test_redis_url(deck_redis);
	deck.wall = 1767225600000;
	deck.mono = 100000000;
	qg_clock_fix(deck.wall, deck.mono);
	world_open_with(&deck.world, MORE, redis_url);
	deck.world.host->has_words = true;
}

static void end(void)
{
	deck_settle();
	world_close(&deck.world);
	json_decref(body);
	json_decref(inside);
	body = inside = NULL;
	qg_clock_fix(-1, 0);
}

void deck_add(TCase *tcase)
{
	tcase_add_unchecked_fixture(tcase, start_redis, stop_redis);
	tcase_add_checked_fixture(tcase, begin, end);
}

void deck_kill(void)
{
	struct world *world = &deck.world;
	char options[256];
	snprintf(options, sizeof(options),
		"app_id: " APP
		"\napp_secret: s3cret\ntransport: webhook\napi_base: 'http://%s'\n" MORE,
		qg_http_server_address(world->platform));
	fake_host_destroy(world->host);
	world->host = fake_host_create_with(world->loop, qg_adapter_find("feishu"), options,
		world->redis, redis_url, world->client);
	ck_assert_int_eq(world->host->init, QG_OK);
	world->host->has_words = true;
}

struct feishu_core *deck_core(void)
{
	return world_core(&deck.world);
}

void deck_draft(int64_t sequence, const char *text)
{
	json_auto_t *answers = json_pack("[s]", DECK_ASKED);
	struct qg_draft draft = {.reply = DECK_REPLY,
		.bot = "xiaoman",
		.chat = DECK_GROUP,
		.conversation = "c",
		.handle = DECK_ASKED,
		.answers = answers,
		.sequence = sequence,
		.text = text};
	deck.world.host->bot.adapter->draft(&deck.world.host->bot, &draft);
}

struct qg_reply *deck_reply(const char *text)
{
	struct qg_reply *reply = fake_host_reply(DECK_REPLY, DECK_ASKED, text);
	free(reply->chat);
	free(reply->handle);
	free(reply->sender);
	reply->chat = qg_str_copy(DECK_GROUP);
	reply->chat_type = QG_CHAT_GROUP;
	reply->handle = qg_str_copy(DECK_ASKED);
	reply->sender = qg_str_copy(DECK_PERSON);
	reply->parts = 1;
	return reply;
}

void deck_add_buttons(struct qg_reply *reply)
{
	reply->buttons = json_pack("[{s:s, s:s}, {s:s, s:s}]", "text", "几点开门", "value",
		"几点开门？", "text", "停车", "value", "有停车位吗？");
}

static bool is_sent(void *arg)
{
	return deck.world.host->sent_count >= *(size_t *)arg;
}

enum qg_status deck_send(struct qg_reply *reply)
{
	size_t wanted = deck.world.host->sent_count + 1;
	fake_host_send(deck.world.host, reply);
	fake_host_wait(deck.world.loop, is_sent, &wanted);
	return deck.world.host->sent[wanted - 1];
}

static bool is_asked(void *arg)
{
	return deck.world.asked_count >= *(size_t *)arg;
}

void deck_wait_asked(size_t count)
{
	fake_host_wait(deck.world.loop, is_asked, &count);
}

struct turns {
	bool is_turned, is_answered;
};

static void ponged(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	(void)status;
	(void)reply;
	((struct turns *)arg)->is_answered = true;
}

static void turned(void *arg)
{
	((struct turns *)arg)->is_turned = true;
}

static bool has_turned(void *arg)
{
	const struct turns *turns = arg;
	return turns->is_turned && turns->is_answered;
}

void deck_settle(void)
{
	struct world *world = &deck.world;
	for (unsigned i = 0; i < 4; i++) {
		struct turns turns = {.is_answered = world->redis == NULL};
		ck_assert_int_eq(qg_loop_defer(world->loop, turned, &turns), QG_OK);
		if (world->redis) {
			qg_redis_run(world->redis, ponged, &turns, "PING");
		}
		fake_host_wait(world->loop, has_turned, &turns);
	}
}

void deck_pass(uint64_t ms)
{
	deck.wall += (int64_t)ms;
	deck.mono += ms;
	qg_clock_fix(deck.wall, deck.mono);
	struct feishu_cards *cards = deck_core()->cards;
	if (cards && cards->live) {
		qg_livecards_wake(cards->live);
	}
	deck_settle();
}

void deck_pass_until(size_t count)
{
	for (int i = 0; i < 400 && deck.world.asked_count < count; i++) {
		deck_pass(100);
	}
	ck_assert_uint_ge(deck.world.asked_count, count);
}

const json_t *deck_asked(size_t at, const char *method, const char *path)
{
	ck_assert_uint_lt(at, deck.world.asked_count);
	const struct asked *asked = &deck.world.asked[at];
	ck_assert_str_eq(asked->path, path);
	ck_assert_str_eq(asked->method, method);
	json_decref(body);
	body = qg_json_parse(asked->body, strlen(asked->body), NULL);
	ck_assert_msg(body != NULL, "%s", asked->body);
	return body;
}

const json_t *deck_inside(const json_t *object, const char *member)
{
	const char *text = qg_json_str(object, member, "");
	json_decref(inside);
	inside = qg_json_parse(text, strlen(text), NULL);
	ck_assert_msg(inside != NULL, "%s", text);
	return inside;
}
