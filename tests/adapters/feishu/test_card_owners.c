/* test_card_owners.c - cards over several owners: who may go on, whose card and whose numbers hold, what a Redis that lost
 * something does to them, and any order of all that. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deck.h"

#include "qg/json.h"
#include "qg/str.h"

#define ROW "qg:{7}:card:xiaoman:" DECK_REPLY
#define OPEN_ROWS "qg:{7}:cards:xiaoman"
#define OTHER "7500034761341089999"
#define REFUSED(code) "{\"code\":" #code ",\"msg\":\"no\"}"

static void make(const char *text)
{
	deck_draft(1, text);
	deck_wait_asked(2);
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 2);
}

static void answer_last(const char *text)
{
	struct world *world = &deck.world;
	qg_http_answer(world->unanswered[--world->unanswered_count], 200, "application/json", text,
		strlen(text));
}

static void answer_now(const char *text)
{
	ck_assert_int_eq(deck_send(deck_reply(text)), QG_OK);
}

static long long number_at(size_t at)
{
	const struct asked *asked = &deck.world.asked[at];
	return qg_json_int(deck_asked(at, asked->method, asked->path), "sequence", -1);
}

static const char *card_sent_at(size_t at)
{
	const json_t *content = deck_inside(deck_asked(at, "POST", DECK_SEND), "content");
	return qg_json_str(json_object_get(content, "data"), "card_id", "");
}

/* ---- who may go on ---- */

/* Another one may own the bot by now: nothing begins here, not even a farewell, and an answer goes back. */
START_TEST(test_fenced)
{
	make("一");
	deck_draft(2, "一二");
	deck.world.host->fenced = true;
	deck_pass(300);
	deck_pass(QG_LIVECARDS_IDLE_MS + 1000);
	ck_assert_uint_eq(deck.world.asked_count, 2);
	fake_host_send(deck.world.host, deck_reply("一二三"));
	deck_pass(1000);
	world_wait_sent(&deck.world, 1);
	ck_assert_int_eq(deck.world.host->sent[0], QG_AWAY);
	ck_assert_uint_eq(deck.world.asked_count, 2);
	deck.world.host->fenced = false;
	deck_pass(1000);
	fake_host_send(deck.world.host, deck_reply("一二三"));
	world_wait_sent(&deck.world, 2);
	ck_assert_int_eq(deck.world.host->sent[1], QG_OK);
	ck_assert_uint_eq(deck.world.asked_count, 5);
	deck_asked(2, "PUT", DECK_CONTENT);
	deck_asked(3, "PATCH", DECK_SETTINGS);
	deck_asked(4, "PUT", DECK_PUT);
}
END_TEST

/* In the middle of an end: the other owner puts what is missing. */
START_TEST(test_fenced_in_the_middle)
{
	make("一");
	deck.world.mute = true;
	fake_host_send(deck.world.host, deck_reply("一二"));
	deck_wait_asked(3);
	deck.world.host->fenced = true;
	answer_last("{\"code\":0}");
	world_wait_sent(&deck.world, 1);
	ck_assert_int_eq(deck.world.host->sent[0], QG_AWAY);
	deck_pass(5000);
	ck_assert_uint_eq(deck.world.asked_count, 3);
}
END_TEST

/* While Redis was asked about its card: one without a card goes back, too. */
START_TEST(test_fenced_while_asked)
{
	fake_host_send(deck.world.host, deck_reply("一"));
	deck.world.host->fenced = true;
	world_wait_sent(&deck.world, 1);
	ck_assert_int_eq(deck.world.host->sent[0], QG_AWAY);
	deck_pass(1000);
	ck_assert_uint_eq(deck.world.asked_count, 0);
	deck.world.host->fenced = false;
	answer_now("一");
	ck_assert_uint_eq(deck.world.asked_count, 1);
}
END_TEST

/* What a former time left here is forgotten when the bot comes back: the card was ended elsewhere meanwhile. */
START_TEST(test_owner_again)
{
	make("一");
	deck.world.host->fenced = true;
	deck_draft(2, "一二");
	deck_pass(1000);
	qg_test_redis_do(deck_redis, "HSET", ROW, "s", "done", NULL);
	qg_test_redis_do(deck_redis, "ZREM", OPEN_ROWS, DECK_REPLY, NULL);
	deck.world.host->fenced = false;
	feishu_cards_recover(deck_core());
	deck_pass(QG_LIVECARDS_IDLE_MS + 1000);
	ck_assert_uint_eq(deck.world.asked_count, 2);
	ck_assert_uint_eq(((struct feishu_cards *)deck_core()->cards)->live->count, 0);
}
END_TEST

/* Two made a card at once: the one that Redis heard of first is sent, whoever sends it. */
START_TEST(test_two_makers)
{
	deck.world.mute = true;
	deck_draft(1, "一");
	deck_wait_asked(1);
	qg_test_redis_do(deck_redis, "HSET", ROW, "m", OTHER, NULL);
	deck.world.mute = false;
	answer_last("{\"code\":0,\"data\":{\"card_id\":\"" DECK_CARD "\"}}");
	deck_wait_asked(2);
	ck_assert_str_eq(card_sent_at(1), OTHER);
}
END_TEST

/* It was even sent by then: it is filled, and there is one. */
START_TEST(test_two_senders)
{
	deck.world.mute = true;
	deck_draft(1, "一");
	deck_wait_asked(1);
	qg_test_redis_do(deck_redis, "HSET", ROW, "m", OTHER " om_other", NULL);
	deck.world.mute = false;
	answer_last("{\"code\":0,\"data\":{\"card_id\":\"" DECK_CARD "\"}}");
	deck_settle();
	answer_now("一二");
	for (size_t i = 1; i < deck.world.asked_count; i++) {
		ck_assert_ptr_nonnull(strstr(deck.world.asked[i].path, OTHER));
	}
	ck_assert_str_eq(deck.world.asked[deck.world.asked_count - 1].path, DECK_MAKE "/" OTHER);
}
END_TEST

/* ---- an answer that goes as a message ---- */

/* The card takes no more: its answer is a message, whose outcome its owner does not live to hear. */
static void die_behind_message(void)
{
	make("一");
	world_answer(&deck.world, 400, NULL, REFUSED(230099));
	deck_draft(2, "一二");
	deck_pass_until(3);
	deck_settle();
	deck.world.mute = true;
	fake_host_send(deck.world.host, deck_reply("一二三"));
	deck_wait_asked(4);
	ck_assert_str_eq(qg_json_str(deck_asked(3, "POST", DECK_SEND), "msg_type", ""), "post");
	deck_settle();
	deck_kill();
	deck.world.mute = false;
}

static size_t count_of(const char *method, const char *path, const char *words)
{
	size_t count = 0;
	for (size_t i = 0; i < deck.world.asked_count; i++) {
		const struct asked *asked = &deck.world.asked[i];
		count += strcmp(asked->method, method) == 0 && strcmp(asked->path, path) == 0 &&
			 strstr(asked->body, words) != NULL;
	}
	return count;
}

/* Whoever comes next repeats it where it was written first, and the card is ended without it: by the repeat, or by the list
 * of open cards before that. */
START_TEST(test_given)
{
	die_behind_message();
	if (_i == 1) {
		feishu_cards_recover(deck_core());
		deck_settle();
	}
	struct qg_reply *reply = deck_reply("一二三");
	reply->repeated = true;
	ck_assert_int_eq(deck_send(reply), QG_OK);
	for (int i = 0; i < 100 && count_of("PUT", DECK_PUT, "see_below") == 0; i++) {
		deck_pass(100);
	}
	ck_assert_uint_eq(count_of("PUT", DECK_PUT, "see_below"), 1);
	ck_assert_uint_eq(count_of("PUT", DECK_PUT, "一二三"), 0);
	ck_assert_uint_eq(count_of("POST", DECK_SEND, "一二三"), 2);
	deck_settle();
	ck_assert_uint_eq(((struct feishu_cards *)deck_core()->cards)->live->count, 0);
}
END_TEST

/* Redis does not hear of it: no message leaves, and the answer goes back. */
START_TEST(test_given_unheard)
{
	make("一");
	world_answer(&deck.world, 400, NULL, REFUSED(230099));
	deck_draft(2, "一二");
	deck_pass_until(3);
	deck_settle();
	qg_test_redis_do(deck_redis, "RENAME", ROW, "aside", NULL);
	qg_test_redis_do(deck_redis, "SET", ROW, "nothing of ours", NULL);
	ck_assert_int_eq(deck_send(deck_reply("一二三")), QG_AWAY);
	ck_assert_uint_eq(count_of("POST", DECK_SEND, "一二三"), 0);
	qg_test_redis_do(deck_redis, "RENAME", "aside", ROW, NULL);
	ck_assert_int_eq(deck_send(deck_reply("一二三")), QG_OK);
	ck_assert_uint_eq(count_of("POST", DECK_SEND, "一二三"), 1);
}
END_TEST

/* It was being ended as forgotten when its answer came: that is a message, and the next owner knows it. */
START_TEST(test_given_while_ended)
{
	make("一");
	deck.world.mute = true;
	deck_pass(QG_LIVECARDS_IDLE_MS + 1000);
	deck_wait_asked(3);
	deck_asked(2, "PATCH", DECK_SETTINGS);
	fake_host_send(deck.world.host, deck_reply("一二"));
	deck_settle();
	answer_last("{\"code\":0}");
	deck_wait_asked(4);
	deck_asked(3, "PUT", DECK_PUT);
	answer_last("{\"code\":0}");
	deck_wait_asked(5);
	deck_asked(4, "POST", DECK_SEND);
	deck_settle();
	deck_kill();
	deck.world.mute = false;
	struct qg_reply *reply = deck_reply("一二");
	reply->repeated = true;
	ck_assert_int_eq(deck_send(reply), QG_OK);
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 6);
	deck_asked(5, "POST", DECK_SEND);
}
END_TEST

/* ---- numbers ---- */

/* The other owner has the next block: its numbers are not ours as well. */
START_TEST(test_blocks_apart)
{
	make("一");
	qg_test_redis_do(deck_redis, "HINCRBY", ROW, "n", "64", NULL); /* it opened the card */
	world_answer(&deck.world, 400, NULL, REFUSED(300317));
	fake_host_send(deck.world.host, deck_reply("一二"));
	deck_pass_until(5);
	world_wait_sent(&deck.world, 1);
	ck_assert_int_eq(deck.world.host->sent[0], QG_OK);
	ck_assert_int_gt(number_at(3), 2 * QG_LIVECARD_NUMBERS);
}
END_TEST

/* Redis lost its last second, and with it the row: who goes on brings it back, and its end is noted. */
static void lose_number(void)
{
	qg_test_redis_do(deck_redis, "HSET", ROW, "n", "0", NULL);
}

static void lose_row(void)
{
	qg_test_redis_do(deck_redis, "FLUSHALL", NULL);
}

START_TEST(test_lost)
{
	make("零");
	(_i == 0 ? lose_number : lose_row)();
	char text[16];
	for (int i = 0; i < 59; i++) {
		snprintf(text, sizeof(text), "%d", i);
		deck_draft(2 + i, text);
		deck_pass(1000);
		deck_wait_asked((size_t)i + 3);
		deck_settle();
	}
	deck_kill();
	struct qg_reply *reply = deck_reply("完");
	reply->repeated = true;
	size_t at = deck.world.asked_count;
	ck_assert_int_eq(deck_send(reply), QG_OK);
	if (_i == 0) { /* the same card, further on */
		ck_assert_int_gt(number_at(at), 59);
		deck_asked(at + 1, "PUT", DECK_PUT);
	} else { /* nobody knows which it was: at least the answer is there */
		deck_asked(at, "POST", DECK_SEND);
	}
}
END_TEST

START_TEST(test_lost_and_ended)
{
	make("零");
	lose_row();
	char text[16];
	for (int i = 0; i < 58; i++) {
		snprintf(text, sizeof(text), "%d", i);
		deck_draft(2 + i, text);
		deck_pass(1000);
		deck_wait_asked((size_t)i + 3);
		deck_settle();
	}
	size_t at = deck.world.asked_count;
	answer_now("完");
	deck_asked(at, "PATCH", DECK_SETTINGS);
	deck_asked(at + 1, "PUT", DECK_PUT);
	deck_settle();
	deck_kill();
	struct qg_reply *reply = deck_reply("完");
	reply->repeated = true;
	ck_assert_int_eq(deck_send(reply), QG_OK);
	ck_assert_uint_eq(deck.world.asked_count, at + 2); /* it is told as done */
}
END_TEST

/* A silent answer leaves no card behind that is being written. */
START_TEST(test_silent)
{
	make("一");
	struct qg_reply *reply = deck_reply("");
	reply->silent = true;
	ck_assert_int_eq(deck_send(reply), QG_OK);
	deck_wait_asked(4);
	deck_asked(2, "PATCH", DECK_SETTINGS);
	const json_t *put =
		deck_inside(json_object_get(deck_asked(3, "PUT", DECK_PUT), "card"), "data");
	QG_AUTO(qg_str_free) char *text = qg_json_dump(put);
	ck_assert_ptr_nonnull(strstr(text, "interrupted"));
}
END_TEST

/* A snapshot that the platform did not take after its card was opened anew comes again. */
START_TEST(test_shown_after_all)
{
	make("一");
	deck_kill();
	world_answer(&deck.world, 200, NULL, "{\"code\":0}");
	world_answer(&deck.world, 502, NULL, "bad gateway");
	deck_draft(2, "一二");
	deck_wait_asked(4);
	deck_pass_until(5);
	ck_assert_str_eq(qg_json_str(deck_asked(4, "PUT", DECK_CONTENT), "content", ""), "一二");
}
END_TEST

/* ---- any order ---- */

#define ROUNDS 24
#define STEPS 40

static unsigned state;

static unsigned chance(unsigned below)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 12) % below;
}

static const struct {
	int http;
	const char *body;
} any_answers[] = {{400, REFUSED(99991400)}, {429, REFUSED(230020)}, {400, REFUSED(300317)},
	{400, REFUSED(300309)}, {400, REFUSED(200850)}, {502, "bad"}, {200, "{}"}, {200, "[}"},
	{400, REFUSED(200740)}, {400, REFUSED(230099)}, {400, REFUSED(200810)},
	{400, REFUSED(300313)}, {400, REFUSED(230011)}, {400, REFUSED(99991663)},
	{400, REFUSED(200860)}, {200, "{\"code\":0}"}};

static void forget_asked(void)
{
	struct world *world = &deck.world;
	for (size_t i = 0; i < world->asked_count; i++) {
		free(world->asked[i].method);
		free(world->asked[i].path);
		free(world->asked[i].query);
		free(world->asked[i].bearer);
		free(world->asked[i].body);
	}
	world->asked_count = 0;
	world->script_count = world->script_at = 0;
}

static void answer_any(void)
{
	struct world *world = &deck.world;
	while (world->unanswered_count > 0) {
		unsigned i = chance(2 * sizeof(any_answers) / sizeof(any_answers[0]));
		bool is_bad = i < sizeof(any_answers) / sizeof(any_answers[0]);
		const char *body = is_bad ? any_answers[i].body
					  : "{\"code\":0,\"data\":{\"message_id\":\"om_new\","
					    "\"card_id\":\"" DECK_CARD "\"}}";
		qg_http_answer(world->unanswered[--world->unanswered_count],
			is_bad ? any_answers[i].http : 200, "application/json", body, strlen(body));
	}
}

static void send_any(unsigned *pending)
{
	struct qg_reply *reply = deck_reply(chance(2) ? "答" : "回答");
	reply->repeated = chance(2) == 0;
	reply->silent = chance(8) == 0;
	reply->parts = 1 + chance(2);
	if (chance(3) == 0) {
		deck_add_buttons(reply);
	}
	fake_host_send(deck.world.host, reply);
	(*pending)++;
}

/* One thing that may happen at any time. */
static void step(int at, unsigned *pending)
{
	char text[32];
	snprintf(text, sizeof(text), "第%d句", at);
	switch (chance(12)) {
	case 0:
		if (*pending == deck.world.host->sent_count) {
			send_any(pending);
		}
		break;
	case 1:
		deck.world.host->fenced = chance(2) == 0;
		break;
	case 2:
		qg_test_redis_do(deck_redis, "FLUSHALL", NULL);
		break;
	case 3:
		feishu_cards_recover(deck_core());
		break;
	case 4:
		deck_pass(QG_LIVECARDS_IDLE_MS);
		break;
	case 5:
		if (chance(4) == 0) {
			feishu_cards_finish(deck_core());
			feishu_cards_recover(deck_core());
		}
		break;
	case 6:
		(void)feishu_cards_stop(deck_core());
		break;
	case 7:
	case 8:
		answer_any();
		break;
	default:
		deck_draft(at + 2, text);
	}
	chance(2) ? deck_settle() : deck_pass(chance(3000));
}

/* Whatever comes when: each answer's end is told once, no memory is used that is gone, and nothing turns in circles. */
START_TEST(test_any_order)
{
	state = 77u + (unsigned)_i;
	unsigned pending = 0;
	deck.world.mute = true;
	for (int at = 0; at < STEPS; at++) {
		step(at, &pending);
		if (deck.world.asked_count > ASKED_MAX / 2) {
			deck_settle();
			forget_asked();
		}
	}
	ck_assert_uint_le(deck.world.host->sent_count, pending);
	if (_i % 2 == 0) { /* half of them end with calls in the air */
		deck.world.host->fenced = false;
		deck.world.mute = false;
		answer_any();
		deck_settle();
		for (int i = 0; i < 40; i++) {
			deck_pass(5000);
			forget_asked();
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu card owners");
	TCase *tcase = tcase_create("owners");
	deck_add(tcase);
	tcase_add_test(tcase, test_fenced);
	tcase_add_test(tcase, test_fenced_in_the_middle);
	tcase_add_test(tcase, test_fenced_while_asked);
	tcase_add_test(tcase, test_owner_again);
	tcase_add_test(tcase, test_two_makers);
	tcase_add_test(tcase, test_two_senders);
	tcase_add_loop_test(tcase, test_given, 0, 2);
	tcase_add_test(tcase, test_given_unheard);
	tcase_add_test(tcase, test_given_while_ended);
	tcase_add_test(tcase, test_blocks_apart);
	tcase_add_loop_test(tcase, test_lost, 0, 2);
	tcase_add_test(tcase, test_lost_and_ended);
	tcase_add_test(tcase, test_silent);
	tcase_add_test(tcase, test_shown_after_all);
	tcase_add_loop_test(tcase, test_any_order, 0, ROUNDS);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
