/* test_polls.c - answers that the platform fetches: at any gateway, and to their end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "polled.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

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
	json_t *said = poll_once(&other, id);
	while (strcmp(qg_json_str(said, "msgtype", ""), "stream_with_template_card") != 0) {
		json_decref(said);
		said = poll_once(&other, id);
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
	json_t *said = poll_once(&owner, first);
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
	said = poll_once(&owner, first);
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
	qg_test_redis_kill(polled_redis);
	answer(&owner, REPLY, handle_of(&owner, 0), 0, "done");
	enum qg_status status = last_sent(&owner, 1);
	ck_assert(qg_status_is_retryable(status));
	char *body = hook_world_refresh(id);
	ck_assert_int_eq(hook_world_post(&owner, body), 503);
	free(body);
	draft(&owner, handle_of(&owner, 0), 1, "x");
	qg_test_redis_restart(polled_redis);
	free(id);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom polls");
	TCase *tcase = tcase_create("all");
	polled_add(tcase);
	tcase_add_test(tcase, test_grows_and_lands);
	tcase_add_test(tcase, test_drafts_are_paced);
	tcase_add_test(tcase, test_lands_elsewhere);
	tcase_add_test(tcase, test_sent_again);
	tcase_add_test(tcase, test_redelivered_after_the_end);
	tcase_add_test(tcase, test_buttons);
	tcase_add_test(tcase, test_others_are_closed);
	tcase_add_test(tcase, test_full_mailbox);
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
