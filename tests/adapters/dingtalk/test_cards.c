/* test_cards.c - AI cards, call by call: their order, refusals, kills and takeovers. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define OPTIONS "card_template_id: " SHOW_TEMPLATE "\n"

static struct qg_test_redis *server;

static void start_redis(void)
{
	server = qg_test_redis_start(false);
}

static void stop_redis(void)
{
	qg_test_redis_stop(server);
	server = NULL;
}

static void setup(void)
{
	qg_test_redis_do(server, "FLUSHALL", NULL);
	show_open(OPTIONS, server);
}

static void teardown(void)
{
	show_close();
}

/* ---- a card, call by call ---- */

static const char *content_of(const struct show_asked *asked)
{
	return qg_json_str(asked->body, "content", "");
}

static const char *first_text(void)
{
	return qg_json_str(
		json_object_get(
			json_object_get(show_last(SHOW_CREATE)->body, "cardData"), "cardParamMap"),
		"content", "");
}

static void assert_final(const char *text)
{
	const struct show_asked *last = show_last(SHOW_STREAM);
	ck_assert_str_eq(last->method, "PUT");
	ck_assert_str_eq(content_of(last), text);
	ck_assert(json_is_true(json_object_get(last->body, "isFinalize")));
	ck_assert(json_is_true(json_object_get(last->body, "isFull")));
	ck_assert(json_is_false(json_object_get(last->body, "isError")));
}

/* The first words make it; each snapshot is at least 800 ms behind the one before, and the newest wins. */
START_TEST(test_streams)
{
	show_draft(1, "一");
	show_wait_asked(1);
	ck_assert_str_eq(first_text(), "一");
	show_draft(2, "一二");
	show_draft(3, "一二三");
	show_settle();
	show_settle();
	ck_assert_uint_eq(show.count, 1);
	show_pass(800);
	show_wait_asked(2);
	ck_assert_str_eq(content_of(show_last(SHOW_STREAM)), "一二三");
	ck_assert(json_is_false(json_object_get(show_last(SHOW_STREAM)->body, "isFinalize")));
	show_settle();
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "一二三四")), QG_OK);
	ck_assert_uint_eq(show.count, 3);
	assert_final("一二三四");
	/* all of one card, each frame under its own name */
	const char *track = qg_json_str(show_last(SHOW_CREATE)->body, "outTrackId", "");
	for (size_t i = 1; i < 3; i++) {
		ck_assert_str_eq(qg_json_str(show.asked[i].body, "outTrackId", ""), track);
	}
	ck_assert_str_ne(qg_json_str(show.asked[1].body, "guid", ""),
		qg_json_str(show.asked[2].body, "guid", ""));
}
END_TEST

/* One call in flight: what comes meanwhile waits, and only the newest leaves. */
START_TEST(test_one_in_flight)
{
	show.mute = true;
	show_draft(1, "一");
	show_wait_asked(1);
	show_draft(2, "一二");
	show_pass(5000);
	show_draft(3, "一二三");
	show_send(show_reply(true, true, "一二三四"));
	show_settle();
	ck_assert_uint_eq(show.count, 1);
	show.mute = false;
	const char *good =
		"{\"success\":true,\"result\":{\"deliverResults\":[{\"success\":true}]}}";
	qg_http_answer(show.unanswered[--show.unanswered_count], 200, "application/json", good,
		strlen(good));
	show_wait_sent(1);
	ck_assert_uint_eq(show.count, 2);
	assert_final("一二三四");
}
END_TEST

/* An answer that was not seen being made: made with it, and ended. What was ended stays so. */
START_TEST(test_without_snapshots)
{
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "# 好\n一")), QG_OK);
	ck_assert_uint_eq(show.count, 2);
	ck_assert_str_eq(first_text(), "# 好\n\n一");
	assert_final("# 好\n\n一");
	const json_t *deliver =
		json_object_get(show_last(SHOW_CREATE)->body, "imGroupOpenDeliverModel");
	ck_assert_str_eq(
		qg_json_str(json_object_get(deliver, "atUserIds"), SHOW_STAFF, ""), "陈思远");
	struct qg_reply *again = show_reply(true, true, "# 好\n一");
	again->repeated = true;
	ck_assert_int_eq(show_send_wait(again), QG_OK);
	ck_assert_uint_eq(show.count, 2);
	show_draft(9, "zu spät"); /* a late snapshot opens nothing */
	show_settle();
	ck_assert_uint_eq(show.count, 2);
}
END_TEST

/* A card is made with 1 KB at most; what is longer than one holds comes again in smaller parts. */
START_TEST(test_long_texts)
{
	char text[DINGTALK_PART_BYTES + 1] = "";
	for (size_t i = 0; i < 2400; i++) {
		memcpy(text + 3 * i, "字", 4);
	}
	ck_assert_int_eq(show_send_wait(show_reply(true, true, text)), QG_OK);
	ck_assert_uint_le(strlen(first_text()), DINGTALK_VALUE_MOST);
	ck_assert_uint_gt(strlen(first_text()), DINGTALK_VALUE_MOST - 4);
	assert_final(text);
	memset(text, 'x', sizeof(text) - 1);
	struct qg_reply *reply = show_reply(true, true, text);
	memset(reply->id, 'a', 32);
	ck_assert_int_eq(show_send_wait(reply), QG_TOO_LARGE);
	text[2400] = '\0';
	reply = show_reply(true, true, text);
	memset(reply->id, 'a', 32);
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	assert_final(text);
	ck_assert_uint_eq(show_count(SHOW_CREATE), 2);
}
END_TEST

/* Behind the card all is messages. */
START_TEST(test_later_parts)
{
	struct qg_reply *reply = show_reply(true, true, "二");
	reply->part = 1;
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
	ck_assert_uint_eq(show.count, 1);
}
END_TEST

/* ---- refusals ---- */

static const struct {
	int http;
	const char *body;
	bool off; /* afterwards no card is tried */
} refusals[] = {
	{400, "{\"code\":\"param.templateNotExist\"}", true},
	{400, "{\"code\":\"param.templateUnpublished\"}", true},
	{403, "{\"code\":\"Forbidden.AccessDenied.AccessTokenPermissionDenied\"}", true},
	{500, "{\"code\":\"unknownError\"}", true},
	{400, "{\"code\":\"param.contentUnsafe\"}", false},
	{200,
		"{\"success\":true,\"result\":{\"deliverResults\":[{\"success\":false,\"errorMsg\":"
		"\"x\"}]}}",
		false},
};

START_TEST(test_make_refused)
{
	show_script(SHOW_CREATE, refusals[_i].http, refusals[_i].body);
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "一")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_CREATE), 1);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
	struct qg_reply *reply = show_reply(true, true, "二");
	memset(reply->id, 'b', 32);
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_CREATE), refusals[_i].off ? 1 : 2);
	/* half an hour later again, but for a template that is not there */
	show_pass(31 * 60000);
	reply = show_reply(true, false, "三");
	memset(reply->id, 'c', 32);
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	bool for_good = strstr(refusals[_i].body, "template") != NULL;
	ck_assert_uint_eq(show_count(SHOW_CREATE), for_good ? 1 : refusals[_i].off ? 2 : 3);
}
END_TEST

/* A repeat asks for its card also while cards are off, and finds none: a message. */
START_TEST(test_repeat_while_off)
{
	qg_livecards_refused(
		dingtalk_cards_get(dingtalk_core_of(&show.host->bot))->live, true, "", "");
	struct qg_reply *reply = show_reply(true, true, "一");
	reply->repeated = true;
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_uint_eq(show.count, 1);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
}
END_TEST

/* The key is wrong: the card stands there, the answer goes as a message, and its end is tried all the same. */
START_TEST(test_stream_refused)
{
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	show_script(SHOW_STREAM, 400, "{\"code\":\"invalid.content\",\"message\":\"key invalid\"}");
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "一二")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
	show_wait_asked(4);
	assert_final("一\n\nsee_below");
}
END_TEST

/* Too many calls: all cards wait two seconds, then the same end under the same name. */
START_TEST(test_rate)
{
	show_script(
		SHOW_STREAM, 403, "{\"code\":\"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi\"}");
	show_send(show_reply(true, true, "一"));
	show_wait_asked(2);
	show_settle();
	show_pass(1000);
	ck_assert_uint_eq(show.count, 2);
	show_pass(3000);
	show_wait_sent(1);
	ck_assert_int_eq(show.host->sent[0], QG_OK);
	ck_assert_uint_eq(show.count, 3);
	ck_assert_str_eq(qg_json_str(show.asked[1].body, "guid", "a"),
		qg_json_str(show.asked[2].body, "guid", "b"));
}
END_TEST

/* Cards are to wait for a minute: an answer does not, nor that of a card that was not refused itself. */
START_TEST(test_patience)
{
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	show_script(SHOW_STREAM, 403, "{\"code\":\"Forbidden.AccessDenied.QpmLimitForAppkey\"}");
	show_draft(2, "一二");
	show_pass(800);
	show_wait_asked(2);
	show_settle();
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "一二三")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
	show_pass(80000);
	show_wait_asked(4);
	assert_final("一\n\nsee_below");
}
END_TEST

/* What stands behind the part that a card shows changes nothing in it. */
START_TEST(test_more_than_shown)
{
	char text[3 * DINGTALK_CARD_MOST + 64] = "";
	for (size_t i = 0; i < DINGTALK_CARD_MOST; i++) {
		memcpy(text + 3 * i, "字", 4);
	}
	show_draft(1, text);
	show_wait_asked(1);
	show_settle();
	show_pass(800);
	show_wait_asked(2); /* it was made with 1 KB */
	ck_assert_str_eq(content_of(show_last(SHOW_STREAM)), text);
	show_settle();
	strncat(text, "后面", 16);
	show_draft(2, text);
	show_pass(800);
	show_settle();
	ck_assert_uint_eq(show.count, 2);
}
END_TEST

/* The end is never dropped for a server that fails now. */
START_TEST(test_end_again)
{
	for (int i = 0; i < 3; i++) {
		show_script(SHOW_STREAM, 502, "{}");
	}
	show_send(show_reply(true, true, "一"));
	for (size_t i = 0; i < 3; i++) {
		show_wait_asked(2 + i);
		show_settle();
		show_pass(10000);
	}
	show_wait_sent(1);
	ck_assert_int_eq(show.host->sent[0], QG_OK);
	ck_assert_uint_eq(show_count(SHOW_STREAM), 4);
	assert_final("一");
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 0);
}
END_TEST

/* ---- ends without an answer ---- */

START_TEST(test_idle)
{
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	show_pass(QG_LIVECARDS_IDLE_MS);
	show_wait_asked(2);
	assert_final("一\n\ninterrupted");
	show_settle();
	/* the answer that comes after all is a message */
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "一二")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_CREATE), 1);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
}
END_TEST

/* Its answer goes in another form: the card says so. */
START_TEST(test_other_form)
{
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	struct qg_reply *reply = show_reply(true, true, "一二");
	reply->form = QG_FORM_PLAIN;
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	show_wait_asked(3);
	assert_final("一\n\nsee_below");
}
END_TEST

/* Killed in the middle: the next owner goes on with the same card, under new frames, and ends it. */
START_TEST(test_takeover)
{
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	show_draft(2, "一二");
	show_pass(800);
	show_wait_asked(2);
	show_settle();
	show_kill();
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "一二三")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_CREATE), 1);
	ck_assert_uint_eq(show_count(SHOW_STREAM), 2);
	assert_final("一二三");
	ck_assert_str_eq(qg_json_str(show.asked[2].body, "outTrackId", "a"),
		qg_json_str(show.asked[0].body, "outTrackId", "b"));
}
END_TEST

/* Killed behind the message that its answer became: that is repeated as a message, and the card is ended without it. */
START_TEST(test_killed_behind_message)
{
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	show_script(SHOW_STREAM, 400, "{\"code\":\"invalid.content\",\"message\":\"key invalid\"}");
	show_draft(2, "一二");
	show_pass(800);
	show_wait_asked(2);
	show_settle();
	show.mute = true;
	show_send(show_reply(true, true, "一二三"));
	show_wait_asked(3);
	show_settle();
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 1);
	show_kill();
	show.mute = false;
	struct qg_reply *reply = show_reply(true, true, "一二三");
	reply->repeated = true;
	size_t before = show.count;
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	show_wait_asked(before + 2);
	ck_assert_uint_eq(show_count(SHOW_WEBHOOK), 2);
	assert_final("一二\n\nsee_below");
}
END_TEST

/* Killed while it was being made: made again under the same name, which the platform knows or not. */
START_TEST(test_killed_while_made)
{
	show.mute = true;
	show_draft(1, "一");
	show_wait_asked(1);
	show_kill();
	show.mute = false;
	show_script(SHOW_CREATE, 400, "{\"code\":\"param.cardAlreadyExist\"}");
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "一二")), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_CREATE), 2);
	ck_assert_str_eq(qg_json_str(show.asked[0].body, "outTrackId", "a"),
		qg_json_str(show.asked[1].body, "outTrackId", "b"));
	assert_final("一二");
}
END_TEST

/* Its worker died with its owner: who starts next ends what Redis tells of, with what it shows. */
START_TEST(test_recovered)
{
	show_draft(1, "一\n二");
	show_wait_asked(1);
	show_settle();
	show_kill();
	dingtalk_cards_recover(dingtalk_core_of(&show.host->bot));
	show_settle();
	ck_assert_uint_eq(show.count, 1);
	ck_assert_uint_eq(show.host->replays, 1);
	show_pass(QG_LIVECARDS_IDLE_MS);
	show_wait_asked(2);
	assert_final("一<br>二\n\ninterrupted");
	show_settle();
	show_kill();
	dingtalk_cards_recover(dingtalk_core_of(&show.host->bot));
	show_settle();
	show_pass(QG_LIVECARDS_IDLE_MS);
	ck_assert_uint_eq(show.count, 2); /* it is told as ended */
}
END_TEST

/* What Redis cannot tell now it is asked again a little later: the list, or one card of it. */
static void recover_from_broken(const char *key, unsigned replays)
{
	char *name = qg_str_printf("%s%s", show.host->bot.prefix, key);
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	show_kill();
	qg_test_redis_do(server, "RENAME", name, "aside", NULL);
	qg_test_redis_do(server, "SET", name, "nothing of ours", NULL);
	dingtalk_cards_recover(dingtalk_core_of(&show.host->bot));
	show_settle();
	show_settle();
	ck_assert_uint_eq(show.host->replays, replays);
	ck_assert(dingtalk_cards_get(dingtalk_core_of(&show.host->bot))->live->must_list);
	qg_test_redis_do(server, "RENAME", "aside", name, NULL);
	show_settle();
	ck_assert_uint_eq(show.host->replays, replays); /* not at once: that would be without end */
	show_pass(2000);
	show_settle();
	ck_assert_uint_eq(show.host->replays, replays + 1);
	show_pass(QG_LIVECARDS_IDLE_MS);
	show_wait_asked(2);
	assert_final("一\n\ninterrupted");
	free(name);
}

START_TEST(test_broken_list)
{
	char *key = qg_str_printf("cards:%s", show.host->bot.name);
	recover_from_broken(key, 0);
	free(key);
}
END_TEST

START_TEST(test_broken_row)
{
	char *key = qg_str_printf("card:%s:%s", show.host->bot.name, SHOW_REPLY);
	recover_from_broken(key, 1);
	free(key);
}
END_TEST

/* The answer is out and Redis cannot note it: told once all the same, and noted later, so that nobody ends it again. */
START_TEST(test_end_noted_later)
{
	char *name = qg_str_printf(
		"%scard:%s:%s", show.host->bot.prefix, show.host->bot.name, SHOW_REPLY);
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	qg_test_redis_do(server, "RENAME", name, "aside", NULL);
	qg_test_redis_do(server, "SET", name, "nothing of ours", NULL);
	ck_assert_int_eq(show_send_wait(show_reply(true, true, "一二")), QG_OK);
	show_settle();
	qg_test_redis_do(server, "RENAME", "aside", name, NULL);
	show_pass(10000);
	show_settle();
	ck_assert_uint_eq(show.host->sent_count, 1);
	show_kill();
	dingtalk_cards_recover(dingtalk_core_of(&show.host->bot));
	show_settle();
	show_pass(QG_LIVECARDS_IDLE_MS);
	show_settle();
	ck_assert_uint_eq(show.count, 2);
	free(name);
}
END_TEST

/* A stop waits for the answer that is under way, and leaves to Redis what has none. */
START_TEST(test_stop)
{
	struct dingtalk_core *core = dingtalk_core_of(&show.host->bot);
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	ck_assert(dingtalk_cards_stop(core));
	dingtalk_cards_recover(core);
	show_settle();
	show_send(show_reply(true, true, "一二"));
	ck_assert(!dingtalk_cards_stop(core));
	show_wait_sent(1);
	show_settle();
	ck_assert(dingtalk_cards_stop(core));
	assert_final("一二");
}
END_TEST

/* ---- what stands behind the end ---- */

static void add_buttons(struct qg_reply *reply)
{
	reply->buttons = json_pack("[{s:s, s:s}, {s:s, s:s}]", "text", "几点开门", "value",
		"几点开门？", "text", "停车", "value", "有停车位吗？");
	reply->parts = 1;
}

START_TEST(test_buttons)
{
	show_draft(1, "一");
	show_wait_asked(1);
	show_settle();
	struct qg_reply *reply = show_reply(true, true, "一二");
	add_buttons(reply);
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_UPDATE), 1);
	const json_t *body = show_last(SHOW_UPDATE)->body;
	ck_assert(json_is_true(json_object_get(
		json_object_get(body, "cardUpdateOptions"), "updateCardDataByKey")));
	ck_assert_ptr_nonnull(strstr(
		qg_json_str(json_object_get(json_object_get(body, "cardData"), "cardParamMap"),
			"buttons", ""),
		"几点开门"));
	/* those of an answer that was not seen being made are there from the start */
	reply = show_reply(true, true, "二");
	add_buttons(reply);
	memset(reply->id, 'd', 32);
	ck_assert_int_eq(show_send_wait(reply), QG_OK);
	ck_assert_uint_eq(show_count(SHOW_UPDATE), 1);
	ck_assert_ptr_nonnull(strstr(show_last(SHOW_CREATE)->raw, "buttons"));
}
END_TEST

static void setup_by_hand(void)
{
	qg_test_redis_do(server, "FLUSHALL", NULL);
	show_open(OPTIONS "card_content_key: msgContent\n", server);
}

/* Templates of that family have their state set by hand, with the text once more. */
START_TEST(test_by_hand)
{
	ck_assert_int_eq(show_send_wait(show_reply(false, true, "一")), QG_OK);
	ck_assert_uint_eq(show.count, 3);
	ck_assert_ptr_nonnull(strstr(show.asked[0].raw, "\"flowStatus\":\"2\""));
	ck_assert_str_eq(qg_json_str(show.asked[1].body, "key", ""), "msgContent");
	const json_t *values = json_object_get(
		json_object_get(show_last(SHOW_UPDATE)->body, "cardData"), "cardParamMap");
	ck_assert_str_eq(qg_json_str(values, "flowStatus", ""), "3");
	ck_assert_str_eq(qg_json_str(values, "msgContent", ""), "一");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk cards");
	TCase *tcase = tcase_create("cards");
	tcase_add_unchecked_fixture(tcase, start_redis, stop_redis);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_streams);
	tcase_add_test(tcase, test_one_in_flight);
	tcase_add_test(tcase, test_without_snapshots);
	tcase_add_test(tcase, test_long_texts);
	tcase_add_test(tcase, test_more_than_shown);
	tcase_add_test(tcase, test_later_parts);
	tcase_add_loop_test(tcase, test_make_refused, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tcase, test_repeat_while_off);
	tcase_add_test(tcase, test_stream_refused);
	tcase_add_test(tcase, test_rate);
	tcase_add_test(tcase, test_patience);
	tcase_add_test(tcase, test_end_again);
	tcase_add_test(tcase, test_idle);
	tcase_add_test(tcase, test_other_form);
	tcase_add_test(tcase, test_takeover);
	tcase_add_test(tcase, test_killed_behind_message);
	tcase_add_test(tcase, test_killed_while_made);
	tcase_add_test(tcase, test_recovered);
	tcase_add_test(tcase, test_end_noted_later);
	tcase_add_test(tcase, test_broken_list);
	tcase_add_test(tcase, test_broken_row);
	tcase_add_test(tcase, test_stop);
	tcase_add_test(tcase, test_buttons);
	suite_add_tcase(suite, tcase);
	TCase *by_hand = tcase_create("by hand");
	tcase_add_unchecked_fixture(by_hand, start_redis, stop_redis);
	tcase_add_checked_fixture(by_hand, setup_by_hand, teardown);
	tcase_add_test(by_hand, test_by_hand);
	suite_add_tcase(suite, by_hand);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
