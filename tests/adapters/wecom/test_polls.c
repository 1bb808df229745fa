/* test_polls.c - answers that the platform fetches: at any gateway, to their end, and what becomes of those that nobody
 * fetches. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook_world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define REPLY "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define WITH_API HOOK_CREDENTIALS "api_base: 'http://%API%'\n"

static struct qg_test_redis *redis;
static struct hook_world owner, other; /* two gateways */

static void start_redis(void)
{
	redis = qg_test_redis_start(false);
}

static void stop_redis(void)
{
	qg_test_redis_stop(redis);
}

static void setup(void)
{
	qg_test_redis_do(redis, "FLUSHALL", NULL);
	hook_world_open(&owner, WITH_API, redis);
	hook_world_open(&other, WITH_API, redis);
}

static void teardown(void)
{
	qg_clock_fix(-1, 0);
	hook_world_close(&owner);
	hook_world_close(&other);
}

static void later(uint64_t ms)
{
	int64_t wall = qg_clock_wall();
	uint64_t mono = qg_clock_mono();
	qg_clock_fix(wall + (int64_t)ms, mono + ms);
}

/* ---- what happens ---- */

/* A message comes to a gateway; its stream's id, yours to free. */
static char *hear(struct hook_world *world, const char *msgid, bool group)
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

static const char *handle_of(const struct hook_world *world, size_t at)
{
	return world->host->messages[at]->handle;
}

static struct qg_reply *reply_to(const char *id, const char *handle, const char *text)
{
	struct qg_reply *reply = fake_host_reply(id, "m1", text);
	reply->handle = qg_str_copy(handle);
	return reply;
}

static void expect_poll(struct hook_world *world, const char *id, bool finish, const char *text);

/* A round trip through this gateway: what it had for Redis is there. */
static void settle(struct hook_world *world)
{
	expect_poll(world, "00000000000000000000000000000000", true, "");
}

static void answer(struct hook_world *world, const char *id, const char *handle, unsigned part,
	const char *text)
{
	struct qg_reply *reply = reply_to(id, handle, text);
	reply->part = part;
	fake_host_send(world->host, reply);
}

static void draft(struct hook_world *world, const char *handle, int64_t sequence, const char *text)
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

/* One poll; the whole answer, new reference. */
static json_t *poll(struct hook_world *world, const char *id)
{
	char *body = hook_world_refresh(id);
	ck_assert_int_eq(hook_world_post(world, body), 200);
	free(body);
	return hook_world_said(world);
}

static void expect_poll(struct hook_world *world, const char *id, bool finish, const char *text)
{
	json_t *said = poll(world, id);
	const json_t *stream = json_object_get(said, "stream");
	ck_assert_str_eq(qg_json_str(stream, "id", ""), id);
	ck_assert_str_eq(qg_json_str(stream, "content", "?"), text);
	ck_assert(qg_json_bool(stream, "finish", !finish) == finish);
	ck_assert_ptr_null(json_object_get(stream, "feedback")); /* of first frames only */
	json_decref(said);
}

/* Polls until the text is this one: what a client would do. */
static void poll_until(struct hook_world *world, const char *id, const char *text)
{
	for (;;) {
		json_t *said = poll(world, id);
		const char *now = qg_json_str(json_object_get(said, "stream"), "content", "");
		bool same = strcmp(now, text) == 0;
		json_decref(said);
		if (same) {
			return;
		}
	}
}

static enum qg_status last_sent(struct hook_world *world, size_t count)
{
	hook_world_wait_sent(world, count);
	return world->host->sent[count - 1];
}

/* ---- polls ---- */

START_TEST(test_grows_and_lands)
{
	char *id = hear(&owner, "m1", true);
	expect_poll(&other, id, false, "");
	draft(&owner, handle_of(&owner, 0), 1, "第一");
	hook_world_wait_answer(&owner);
	poll_until(&owner, id, "**lin.qiao** 第一");
	expect_poll(&other, id, false, "**lin.qiao** 第一");
	later(1000);
	draft(&owner, handle_of(&owner, 0), 2, "第一句，第二");
	poll_until(&owner, id, "**lin.qiao** 第一句，第二");
	later(1000);
	draft(&owner, handle_of(&owner, 0), 3, "重来"); /* not what it began with */
	poll_until(&owner, id, "**lin.qiao** 重来");
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "重来，完");
	poll_until(&owner, id, "**lin.qiao** 重来，完");
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	expect_poll(&owner, id, true, "**lin.qiao** 重来，完"); /* its answer was lost on the way */
	ck_assert_uint_eq(owner.asked_count + other.asked_count, 0);
	free(id);
}
END_TEST

/* At most one write a second, whatever comes. */
START_TEST(test_drafts_are_paced)
{
	char *id = hear(&owner, "m1", false);
	later(0);
	draft(&owner, handle_of(&owner, 0), 1, "a");
	draft(&owner, handle_of(&owner, 0), 2, "ab");
	draft(&owner, handle_of(&owner, 0), 3, "abc");
	expect_poll(&owner, id, false, "a");
	later(1000);
	poll_until(&owner, id, "abc");
	free(id);
}
END_TEST

/* The owner hears of a poll that another gateway answered. */
START_TEST(test_lands_elsewhere)
{
	char *id = hear(&other, "m1", false);
	answer(&owner, REPLY, handle_of(&other, 0), 0, "done");
	settle(&owner);
	poll_until(&other, id, "done");
	expect_poll(&other, id, true, "done");
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	free(id);
}
END_TEST

/* The same part again after a crash of the owner: nothing is shown twice. */
START_TEST(test_sent_again)
{
	char *id = hear(&owner, "m1", false);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	answer(&other, REPLY, handle_of(&owner, 0), 0, "done");
	poll_until(&owner, id, "done");
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	ck_assert_int_eq(last_sent(&other, 1), QG_OK);
	answer(&other, REPLY, handle_of(&owner, 0), 0, "done");
	ck_assert_int_eq(last_sent(&other, 2), QG_OK);
	ck_assert_uint_eq(owner.asked_count + other.asked_count, 0);
	free(id);
}
END_TEST

START_TEST(test_redelivered_after_the_end)
{
	char *id = hear(&owner, "m1", false);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	owner.host->answer = QG_DUPLICATE;
	char *again = hear(&owner, "m1", false);
	ck_assert_str_eq(id, again);
	expect_poll(&owner, id, true, "done");
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	free(id);
	free(again);
}
END_TEST

START_TEST(test_buttons)
{
	char *id = hear(&owner, "m1", true);
	struct qg_reply *reply = reply_to(REPLY, handle_of(&owner, 0), "which?");
	reply->buttons = json_pack("[{s:s, s:s}, {s:s, s:s}]", "text", "菜单", "value", "看菜单",
		"text", "一个特别特别长的按钮文字", "value", "b");
	fake_host_send(owner.host, reply);
	settle(&owner);
	json_t *said = poll(&other, id);
	while (strcmp(qg_json_str(said, "msgtype", ""), "stream_with_template_card") != 0) {
		json_decref(said);
		said = poll(&other, id);
	}
	const json_t *card = json_object_get(said, "template_card");
	const json_t *buttons = json_object_get(card, "button_list");
	ck_assert_str_eq(qg_json_str(card, "card_type", ""), "button_interaction");
	ck_assert_uint_eq(json_array_size(buttons), 2);
	ck_assert_str_eq(qg_json_str(json_array_get(buttons, 0), "key", ""), "看菜单");
	ck_assert_str_eq(
		qg_json_str(json_array_get(buttons, 1), "text", ""), "一个特别特别长的按…");
	json_decref(said);
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	free(id);
}
END_TEST

/* The other messages of one answer are closed, too; a silent one closes all. */
START_TEST(test_others_are_closed)
{
	char *first = hear(&owner, "m1", false), *second = hear(&owner, "m2", false);
	struct qg_reply *reply = reply_to(REPLY, handle_of(&owner, 1), "both");
	reply->handles = json_pack("[s, s, s]", handle_of(&owner, 0), handle_of(&owner, 1), "x");
	fake_host_send(owner.host, reply);
	poll_until(&owner, second, "both");
	json_t *said = poll(&owner, first);
	ck_assert(qg_json_bool(json_object_get(said, "stream"), "finish", false));
	json_decref(said);
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	free(first);
	free(second);

	first = hear(&owner, "m3", false);
	reply = reply_to(OTHER, handle_of(&owner, 2), "");
	reply->silent = true;
	fake_host_send(owner.host, reply);
	ck_assert_int_eq(last_sent(&owner, 2), QG_OK); /* no poll has to come */
	said = poll(&owner, first);
	ck_assert(qg_json_bool(json_object_get(said, "stream"), "finish", false));
	json_decref(said);
	ck_assert_uint_eq(owner.asked_count, 0);
	free(first);
}
END_TEST

START_TEST(test_full_mailbox)
{
	owner.host->answer = QG_FULL;
	char *body = hook_world_text("m1", false, "lin.qiao", "hi");
	ck_assert_int_eq(hook_world_post(&owner, body), 200);
	json_t *said = hook_world_said(&owner);
	ck_assert(qg_json_bool(json_object_get(said, "stream"), "finish", false));
	json_decref(said);
	/* the refusal in the out list has nothing to add */
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "full");
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	ck_assert_uint_eq(owner.asked_count, 0);
	free(body);
}
END_TEST

/* ---- the one-time address ---- */

static void expect_asked(const struct hook_world *world, size_t at, const char *text)
{
	ck_assert_uint_gt(world->asked_count, at);
	const struct hook_asked *asked = &world->asked[at];
	ck_assert_str_eq(asked->path, "/cgi-bin/aibot/response");
	ck_assert_str_eq(asked->query, "response_code=c0de");
	json_t *body = qg_json_parse(asked->body, strlen(asked->body), NULL);
	ck_assert_str_eq(qg_json_str(body, "msgtype", ""), "markdown");
	ck_assert_str_eq(qg_json_str(json_object_get(body, "markdown"), "content", ""), text);
	json_decref(body);
}

/* Nobody polls: once by the address, and the stream says so should a poll come after all. */
START_TEST(test_nobody_polls)
{
	char *id = hear(&owner, "m1", false);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	settle(&owner);
	later(5000);
	settle(&owner);
	ck_assert_uint_eq(owner.asked_count, 0);
	later(8000);
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	expect_asked(&owner, 0, "done");
	json_t *said = poll(&owner, id);
	ck_assert(qg_json_bool(json_object_get(said, "stream"), "finish", false));
	ck_assert_ptr_null(
		strstr(qg_json_str(json_object_get(said, "stream"), "content", ""), "done"));
	json_decref(said);
	/* the second part has no way left, and neither has another reply */
	answer(&owner, REPLY, handle_of(&owner, 0), 1, "more");
	ck_assert_int_eq(last_sent(&owner, 2), QG_DENIED);
	answer(&owner, OTHER, handle_of(&owner, 0), 0, "else");
	ck_assert_int_eq(last_sent(&owner, 3), QG_DENIED);
	ck_assert_uint_eq(owner.asked_count, 1);
	free(id);
}
END_TEST

START_TEST(test_second_part)
{
	char *id = hear(&owner, "m1", true);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "one");
	poll_until(&owner, id, "**lin.qiao** one");
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	answer(&owner, REPLY, handle_of(&owner, 0), 1, "two <@ALL> two");
	ck_assert_int_eq(last_sent(&owner, 2), QG_OK);
	expect_asked(&owner, 0, "two < all> two");
	free(id);
}
END_TEST

/* An apology ended the stream; the answer of the next try is not lost. */
START_TEST(test_after_an_apology)
{
	char *id = hear(&owner, "m1", false);
	answer(&owner, OTHER, handle_of(&owner, 0), 0, "sorry");
	poll_until(&owner, id, "sorry");
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	ck_assert_int_eq(last_sent(&owner, 2), QG_OK);
	expect_asked(&owner, 0, "done");
	expect_poll(&owner, id, true, "sorry");
	free(id);
}
END_TEST

/* A turn that takes longer than the platform waits. */
START_TEST(test_long_turn)
{
	char *id = hear(&owner, "m1", false);
	draft(&owner, handle_of(&owner, 0), 1, "thinking");
	poll_until(&owner, id, "thinking");
	later(HOOK_POLL_END_MS - 2000);
	expect_poll(&owner, id, false, "thinking");
	later(3000);
	json_t *said = poll(&other, id);
	const json_t *stream = json_object_get(said, "stream");
	ck_assert(qg_json_bool(stream, "finish", false));
	ck_assert(qg_str_starts_with(qg_json_str(stream, "content", ""), "thinking"));
	json_decref(said);
	later(60000);
	draft(&owner, handle_of(&owner, 0), 2, "thinking more");
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	expect_asked(&owner, 0, "done");
	free(id);
}
END_TEST

START_TEST(test_too_late)
{
	char *id = hear(&owner, "m1", false);
	later(3600000);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	ck_assert_int_eq(last_sent(&owner, 1), QG_NOT_FOUND);
	ck_assert_uint_eq(owner.asked_count, 0);
	free(id);
}
END_TEST

/* Sent by a gateway that died: it goes again, and what is refused then was shown at the first time. */
START_TEST(test_claimed_by_the_dead)
{
	char *id = hear(&owner, "m1", false);
	other.mute = true;
	answer(&other, REPLY, handle_of(&owner, 0), 1, "two");
	while (other.asked_count == 0) {
		settle(&other);
	}
	answer(&owner, OTHER, handle_of(&owner, 0), 1, "else"); /* not by what comes behind it */
	ck_assert_int_eq(last_sent(&owner, 1), QG_DENIED);
	ck_assert_uint_eq(owner.asked_count, 0);
	owner.answer = _i == 0 ? NULL : "{\"errcode\":60140}";
	answer(&owner, REPLY, handle_of(&owner, 0), 1, "two");
	ck_assert_int_eq(last_sent(&owner, 2), QG_OK);
	ck_assert_uint_eq(owner.asked_count, 1);
	if (_i == 0) { /* now it is known, also to whom it is repeated */
		settle(&owner);
		answer(&owner, REPLY, handle_of(&owner, 0), 1, "two");
		ck_assert_int_eq(last_sent(&owner, 3), QG_OK);
		ck_assert_uint_eq(owner.asked_count, 1);
	}
	free(id);
}
END_TEST

/* The rest of an answer that has no way is told of, behind the line that ends a code block. */
START_TEST(test_cut_off)
{
	owner.host->has_words = other.host->has_words = true;
	char *id = hear(&owner, "m1", false);
	struct qg_reply *reply = reply_to(REPLY, handle_of(&owner, 0), "```\ntwo");
	reply->part = 1;
	reply->parts = 3;
	reply->label = qg_str_copy("AI 生成");
	fake_host_send(owner.host, reply);
	ck_assert_int_eq(last_sent(&owner, 1), QG_OK);
	expect_asked(&owner, 0, "```\ntwo\n```\n\nanswer_cut\n\nAI 生成");
	/* without an address the first part is the last one */
	char handle[128];
	free(id);
	id = hear(&owner, "m2", false);
	snprintf(handle, sizeof(handle), "hook %s %lld d lin.qiao -", id,
		(long long)qg_clock_wall());
	reply = reply_to(OTHER, handle, "one");
	reply->parts = 2;
	fake_host_send(owner.host, reply);
	poll_until(&owner, id, "one\n\nanswer_cut");
	ck_assert_int_eq(last_sent(&owner, 2), QG_OK);
	free(id);
}
END_TEST

/* The transport has no place for it: the gateway says so in words. */
START_TEST(test_file)
{
	char *id = hear(&owner, "m1", false);
	json_t *file = json_pack("{s:s, s:s}", "type", "file", "name", "a.pdf");
	struct qg_reply *reply = reply_to(REPLY, handle_of(&owner, 0), "");
	reply->file = file;
	fake_host_send(owner.host, reply);
	ck_assert_int_eq(last_sent(&owner, 1), QG_UNSUPPORTED);
	const struct qg_adapter *adapter = owner.host->bot.adapter;
	const struct qg_ability *can = qg_adapter_ability(adapter, owner.host->bot.config);
	ck_assert(!can->shows_files && !can->writes_first && can->shows_open && can->streams);
	ck_assert(adapter->can.shows_files && adapter->can.writes_first);
	expect_poll(&owner, id, false, "");
	json_decref(file);
	free(id);
}
END_TEST

static const struct {
	int http;
	const char *body;
	enum qg_status status;
	size_t asked; /* after a second try of the same part */
} verdicts[] = {
	{200, "{\"errcode\":0}", QG_OK, 1},
	{200, "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}", QG_BUSY, 2},
	{200, "{\"errcode\":-1}", QG_BUSY, 2},
	{200, "{\"errcode\":45002}", QG_TOO_LARGE, 2},
	{200, "{\"errcode\":40058}", QG_DENIED, 2},
	{200, "no json", QG_DENIED, 2},
	{302, "", QG_DENIED, 2},
	{502, "<html>", QG_TIMEOUT, 2},
};

START_TEST(test_verdicts)
{
	char *id = hear(&owner, "m1", false);
	owner.answer = verdicts[_i].body;
	owner.answer_status = verdicts[_i].http;
	owner.location = verdicts[_i].http == 302 ? "/elsewhere" : NULL;
	answer(&owner, REPLY, handle_of(&owner, 0), 1, "two");
	ck_assert_int_eq(last_sent(&owner, 1), verdicts[_i].status);
	ck_assert_uint_eq(owner.asked_count, 1);
	if (owner.host->retry_ms[0] != 0) {
		ck_assert_int_eq(verdicts[_i].status, QG_BUSY);
	}
	free(id);
}
END_TEST

/* Refused for now: the address is free for the next try. */
START_TEST(test_busy_platform)
{
	char *id = hear(&owner, "m1", false);
	owner.answer = "{\"errcode\":45009}";
	answer(&owner, REPLY, handle_of(&owner, 0), 1, "two");
	ck_assert_int_eq(last_sent(&owner, 1), QG_BUSY);
	ck_assert_uint_ge(owner.host->retry_ms[0], 30000);
	owner.answer = NULL;
	answer(&other, REPLY, handle_of(&owner, 0), 1, "two");
	ck_assert_int_eq(last_sent(&other, 1), QG_OK);
	free(id);
}
END_TEST

static const char *const strangers[] = {"https://evil.example/x", "http://127.0.0.2:1/x",
	"https://qyapi.weixin.qq.com@evil.example/x", "https://qyapi.weixin.qq.com.evil.example/x",
	"https://evilweixin.qq.com/x", "http://qyapi.weixin.qq.com/x",
	"https://evil.example\\.weixin.qq.com/x"};

START_TEST(test_strange_addresses)
{
	bool refused = false;
	char *url = wecom_response_address(strangers[_i], NULL, &refused);
	ck_assert_ptr_null(url);
	ck_assert(refused);
	url = wecom_response_address(strangers[_i], "http://10.1.2.3:9000", &refused);
	ck_assert_ptr_null(url);
	ck_assert(refused);
	/* and the whole way */
	char *handle = qg_str_printf(
		"hook - %lld d lin.qiao %s", (long long)qg_clock_wall(), strangers[_i]);
	answer(&owner, REPLY, handle, 0, "done");
	ck_assert_int_eq(last_sent(&owner, 1), QG_DENIED);
	free(handle);
}
END_TEST

START_TEST(test_known_addresses)
{
	bool refused = true;
	static const char url[] = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?a=%2B&b=/";
	char *to = wecom_response_address(url, NULL, &refused);
	ck_assert_str_eq(to, url);
	free(to);
	to = wecom_response_address(url, "http://127.0.0.1:9000", &refused);
	ck_assert_str_eq(to, "http://127.0.0.1:9000/cgi-bin/aibot/response?a=%2B&b=/");
	free(to);
	to = wecom_response_address("http://127.0.0.1:9001/x?y", "http://127.0.0.1:9000", &refused);
	ck_assert_str_eq(to, "http://127.0.0.1:9000/x?y");
	ck_assert(!refused);
	free(to);
}
END_TEST

/* ---- handles, sizes, ends ---- */

START_TEST(test_no_handle)
{
	static const char *const handles[] = {NULL, "", "hook", "hook x 1 d u -", "hook - x d u -",
		"hook - 1 d u", "ws something", "hook 00000000000000000000000000000000 1 d  -"};
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
		answer(&owner, REPLY, handles[i], 0, "done");
		ck_assert_int_eq(last_sent(&owner, i + 1), QG_NOT_FOUND);
	}
	draft(&owner, NULL, 1, "x");
	draft(&owner, "hook", 1, "x");
}
END_TEST

START_TEST(test_too_large)
{
	char *id = hear(&owner, "m1", true);
	char *text = malloc(WECOM_TEXT_MOST + 1);
	memset(text, 'x', WECOM_TEXT_MOST);
	text[WECOM_TEXT_MOST] = '\0';
	answer(&owner, REPLY, handle_of(&owner, 0), 0, text); /* with the name before it */
	ck_assert_int_eq(last_sent(&owner, 1), QG_TOO_LARGE);
	answer(&owner, REPLY, handle_of(&owner, 0), 1, text);
	ck_assert_int_eq(last_sent(&owner, 2), QG_OK);
	free(text);
	free(id);
}
END_TEST

static bool has_stopped(void *arg)
{
	return ((struct hook_world *)arg)->host->stops > 0;
}

/* What waits for polls goes back, and its next sender finds it as it was. */
START_TEST(test_stop)
{
	char *id = hear(&owner, "m1", false);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	settle(&owner);
	fake_host_stop(owner.host);
	fake_host_wait(owner.loop, has_stopped, &owner);
	ck_assert_int_eq(last_sent(&owner, 1), QG_CANCELLED);
	char *body = hook_world_text("m2", false, "lin.qiao", "hi");
	ck_assert_int_eq(hook_world_post(&owner, body), 503);
	free(body);
	answer(&other, REPLY, handle_of(&owner, 0), 0, "done");
	poll_until(&other, id, "done");
	ck_assert_int_eq(last_sent(&other, 1), QG_OK);
	free(id);
}
END_TEST

static bool is_busy(void *arg)
{
	const struct hook_world *world = arg;
	return world->asked_count > 0 && world->host->message_count == 2;
}

/* All at once in the middle of everything. */
START_TEST(test_finish_in_the_middle)
{
	char *id = hear(&owner, "m1", false);
	owner.mute = true;
	draft(&owner, handle_of(&owner, 0), 1, "x");
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	answer(&owner, OTHER, handle_of(&owner, 0), 1, "done");
	owner.host->hold = true;
	char *body = hook_world_text("m2", false, "lin.qiao", "hi");
	hook_world_begin_post(&owner, body);
	fake_host_wait(owner.loop, is_busy, &owner);
	owner.host->bot.adapter->finish(&owner.host->bot);
	fake_host_release(owner.host); /* the gateway's answer comes to nobody */
	ck_assert_uint_eq(owner.host->sent_count, 0);
	free(body);
	free(id);
}
END_TEST

START_TEST(test_redis_away)
{
	char *id = hear(&owner, "m1", false);
	qg_test_redis_kill(redis);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	enum qg_status status = last_sent(&owner, 1);
	ck_assert(qg_status_is_retryable(status));
	char *body = hook_world_refresh(id);
	ck_assert_int_eq(hook_world_post(&owner, body), 503);
	free(body);
	draft(&owner, handle_of(&owner, 0), 1, "x");
	qg_test_redis_restart(redis);
	free(id);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom polls");
	TCase *tcase = tcase_create("all");
	tcase_set_timeout(tcase, 30);
	tcase_add_unchecked_fixture(tcase, start_redis, stop_redis);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_grows_and_lands);
	tcase_add_test(tcase, test_drafts_are_paced);
	tcase_add_test(tcase, test_lands_elsewhere);
	tcase_add_test(tcase, test_sent_again);
	tcase_add_test(tcase, test_redelivered_after_the_end);
	tcase_add_test(tcase, test_buttons);
	tcase_add_test(tcase, test_others_are_closed);
	tcase_add_test(tcase, test_full_mailbox);
	tcase_add_test(tcase, test_nobody_polls);
	tcase_add_test(tcase, test_second_part);
	tcase_add_test(tcase, test_after_an_apology);
	tcase_add_test(tcase, test_long_turn);
	tcase_add_test(tcase, test_too_late);
	tcase_add_loop_test(tcase, test_claimed_by_the_dead, 0, 2);
	tcase_add_test(tcase, test_cut_off);
	tcase_add_test(tcase, test_file);
	tcase_add_loop_test(tcase, test_verdicts, 0, sizeof(verdicts) / sizeof(verdicts[0]));
	tcase_add_test(tcase, test_busy_platform);
	tcase_add_loop_test(
		tcase, test_strange_addresses, 0, sizeof(strangers) / sizeof(strangers[0]));
	tcase_add_test(tcase, test_known_addresses);
	tcase_add_test(tcase, test_no_handle);
	tcase_add_test(tcase, test_too_large);
	tcase_add_test(tcase, test_stop);
	tcase_add_test(tcase, test_finish_in_the_middle);
	tcase_add_test(tcase, test_redis_away);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
