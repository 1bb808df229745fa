/* polled.c - a bot on two gateways, and a client that polls for its answers. */
#include "polled.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define WITH_API HOOK_CREDENTIALS "api_base: 'http://%API%'\n"

struct qg_test_redis *polled_redis;
struct hook_world owner, other;

static void start_redis(void)
{
	polled_redis = qg_test_redis_start(true);
}

static void stop_redis(void)
{
	qg_test_redis_stop(polled_redis);
}

static void setup(void)
{
	qg_test_redis_do(polled_redis, "FLUSHALL", NULL);
	hook_world_open(&owner, WITH_API, polled_redis);
	hook_world_open(&other, WITH_API, polled_redis);
}

static void teardown(void)
{
	qg_clock_fix(-1, 0);
	hook_world_close(&owner);
	hook_world_close(&other);
}

void polled_add(TCase *tcase)
{
	tcase_set_timeout(tcase, 30);
	tcase_add_unchecked_fixture(tcase, start_redis, stop_redis);
	tcase_add_checked_fixture(tcase, setup, teardown);
}

void later(uint64_t ms)
{
	int64_t wall = qg_clock_wall();
	uint64_t mono = qg_clock_mono();
	qg_clock_fix(wall + (int64_t)ms, mono + ms);
}

/* ---- what happens ---- */

char *hear(struct hook_world *world, const char *msgid, bool group)
{
	char *body = hook_world_text(msgid, group, "lin.qiao", "hi");
	ck_assert_int_eq(hook_world_post(world, body), 200);
	free(body);
	json_t *said = hook_world_said(world);
	char *id = qg_str_copy(qg_json_str(json_object_get(said, "stream"), "id", ""));
	ck_assert_uint_eq(strlen(id), 32);
	json_decref(said);
	return id;
}

const char *handle_of(const struct hook_world *world, size_t at)
{
	return world->host->messages[at]->handle;
}

struct qg_reply *reply_to(const char *id, const char *handle, const char *text)
{
	struct qg_reply *reply = fake_host_reply(id, "m1", text);
	reply->handle = qg_str_copy(handle);
	return reply;
}

void settle(struct hook_world *world)
{
	expect_poll(world, "00000000000000000000000000000000", true, "");
}

void answer(struct hook_world *world, const char *id, const char *handle, unsigned part,
	const char *text)
{
	struct qg_reply *reply = reply_to(id, handle, text);
	reply->part = part;
	fake_host_send(world->host, reply);
}

void draft(struct hook_world *world, const char *handle, int64_t sequence, const char *text)
{
	struct qg_draft snapshot = {.reply = REPLY,
		.bot = "xiaoman",
		.chat = "c",
		.conversation = "xiaoman/c",
		.handle = handle,
		.sequence = sequence,
		.text = text};
	world->host->bot.adapter->draft(&world->host->bot, &snapshot);
}

json_t *poll_once(struct hook_world *world, const char *id)
{
	char *body = hook_world_refresh(id);
	ck_assert_int_eq(hook_world_post(world, body), 200);
	free(body);
	return hook_world_said(world);
}

void expect_poll(struct hook_world *world, const char *id, bool finish, const char *text)
{
	json_t *said = poll_once(world, id);
	const json_t *stream = json_object_get(said, "stream");
	ck_assert_str_eq(qg_json_str(stream, "id", ""), id);
	ck_assert_str_eq(qg_json_str(stream, "content", "?"), text);
	ck_assert(qg_json_bool(stream, "finish", !finish) == finish);
	ck_assert_ptr_null(json_object_get(stream, "feedback")); /* of first frames only */
	json_decref(said);
}

void poll_until(struct hook_world *world, const char *id, const char *text)
{
	for (;;) {
		json_t *said = poll_once(world, id);
		const char *now = qg_json_str(json_object_get(said, "stream"), "content", "");
		bool same = strcmp(now, text) == 0;
		json_decref(said);
		if (same) {
			return;
		}
	}
}

enum qg_status last_sent(struct hook_world *world, size_t count)
{
	hook_world_wait_sent(world, count);
	return world->host->sent[count - 1];
}
