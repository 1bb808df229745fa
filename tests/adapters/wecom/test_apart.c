/* test_apart.c - answers that nobody fetches: once by the message's one-time address, or said to be cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "polled.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

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
	json_t *said = poll_once(&owner, id);
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
	json_t *said = poll_once(&other, id);
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

int main(void)
{
	Suite *suite = suite_create("wecom apart");
	TCase *tcase = tcase_create("all");
	polled_add(tcase);
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
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
