/* test_cards.c - cards call by call: their order and numbers, refusals, their ten minutes, kills and takeovers. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deck.h"

#include "qg/json.h"
#include "qg/str.h"

#define GONE "{\"code\":200740,\"msg\":\"card not found\"}"
#define REFUSED(code) "{\"code\":" #code ",\"msg\":\"no\"}"

/* ---- what a card shows ---- */

static const json_t *element(const json_t *card, const char *tag, const char *id)
{
	const json_t *elements = json_object_get(json_object_get(card, "body"), "elements");
	size_t i;
	json_t *item;
	json_array_foreach (elements, i, item) {
		if (strcmp(qg_json_str(item, "tag", ""), tag) == 0 &&
			(!id || strcmp(qg_json_str(item, "element_id", ""), id) == 0)) {
			return item;
		}
	}
	return NULL;
}

static const char *main_text(const json_t *card)
{
	return qg_json_str(element(card, "markdown", "md_main"), "content", "?");
}

static bool is_streaming(const json_t *card)
{
	const json_t *mode = json_object_get(json_object_get(card, "config"), "streaming_mode");
	ck_assert(json_is_boolean(mode));
	return json_is_true(mode);
}

static long long number_at(size_t at)
{
	const struct asked *asked = &deck.world.asked[at];
	return qg_json_int(deck_asked(at, asked->method, asked->path), "sequence", -1);
}

/* All operations on the card, from whomever, carry numbers that rise from 1. */
static void assert_numbers_rise(void)
{
	long long last = 0;
	for (size_t i = 0; i < deck.world.asked_count; i++) {
		if (qg_str_starts_with(deck.world.asked[i].path, DECK_PUT)) {
			ck_assert_int_gt(number_at(i), last);
			last = number_at(i);
		}
	}
	ck_assert_int_lt(last, INT32_MAX);
}

/* A card that shows this and is not open; ends with these two calls. */
static void assert_ended(size_t at, const char *text)
{
	const json_t *closed = deck_inside(deck_asked(at, "PATCH", DECK_SETTINGS), "settings");
	ck_assert(!is_streaming(closed));
	ck_assert_str_ne(qg_json_str(json_object_get(json_object_get(closed, "config"), "summary"),
				 "content", ""),
		"");
	const json_t *put =
		deck_inside(json_object_get(deck_asked(at + 1, "PUT", DECK_PUT), "card"), "data");
	ck_assert(!is_streaming(put));
	ck_assert_str_eq(main_text(put), text);
	assert_numbers_rise();
}

static void make(const char *text)
{
	deck_draft(1, text);
	deck_wait_asked(2);
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 2);
}

/* To the call that waits. */
static void answer_made(void)
{
	const char *good = "{\"code\":0,\"data\":{\"card_id\":\"" DECK_CARD "\"}}";
	qg_http_answer(deck.world.unanswered[--deck.world.unanswered_count], 200,
		"application/json", good, strlen(good));
}

static void answer_now(const char *text)
{
	ck_assert_int_eq(deck_send(deck_reply(text)), QG_OK);
}

/* ---- a card ---- */

/* Made as an entity, sent in place, filled; the newest snapshot wins and waits its time; the end is the whole card. */
START_TEST(test_streams)
{
	make("一");
	const json_t *made = deck_asked(0, "POST", DECK_MAKE);
	ck_assert_str_eq(qg_json_str(made, "type", ""), "card_json");
	const json_t *card = deck_inside(made, "data");
	ck_assert_str_eq(qg_json_str(card, "schema", ""), "2.0");
	ck_assert(is_streaming(card));
	ck_assert_str_eq(main_text(card), "一");
	const json_t *sent = deck_asked(1, "POST", DECK_SEND);
	ck_assert_str_eq(qg_json_str(sent, "msg_type", ""), "interactive");
	ck_assert_uint_eq(strlen(qg_json_str(sent, "uuid", "")), 32);
	const json_t *content = deck_inside(sent, "content");
	ck_assert_str_eq(qg_json_str(content, "type", ""), "card");
	ck_assert_str_eq(qg_json_str(json_object_get(content, "data"), "card_id", ""), DECK_CARD);
	deck_draft(2, "一二");
	deck_draft(3, "一二三");
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 2);
	deck_pass(300);
	deck_wait_asked(3);
	const json_t *shown = deck_asked(2, "PUT", DECK_CONTENT);
	ck_assert_str_eq(qg_json_str(shown, "content", ""), "一二三");
	ck_assert_int_eq(qg_json_int(shown, "sequence", 0), 1);
	deck_settle();
	answer_now("一二三四");
	ck_assert_uint_eq(deck.world.asked_count, 5);
	assert_ended(3, "一二三四");
	const json_t *last =
		deck_inside(json_object_get(deck_asked(4, "PUT", DECK_PUT), "card"), "data");
	ck_assert_str_eq(qg_json_str(element(last, "markdown", "md_whom"), "content", ""),
		"<at id=" DECK_PERSON "></at>");
}
END_TEST

/* One call in flight. */
START_TEST(test_one_in_flight)
{
	deck.world.mute = true;
	deck_draft(1, "一");
	deck_wait_asked(1);
	deck_draft(2, "一二");
	deck_pass(5000);
	fake_host_send(deck.world.host, deck_reply("一二三"));
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 1);
	deck.world.mute = false;
	answer_made();
	world_wait_sent(&deck.world, 1);
	ck_assert_int_eq(deck.world.host->sent[0], QG_OK);
	ck_assert_uint_eq(deck.world.asked_count, 4);
	assert_ended(2, "一二三");
}
END_TEST

/* Nobody saw it being made: a message is one call. Afterwards no late snapshot opens a card. */
START_TEST(test_unseen)
{
	answer_now("一");
	ck_assert_uint_eq(deck.world.asked_count, 1);
	ck_assert_str_eq(qg_json_str(deck_asked(0, "POST", DECK_SEND), "msg_type", ""), "post");
	deck_draft(5, "一");
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 1);
}
END_TEST

/* With buttons or a source it is a card, in one call. */
START_TEST(test_inline)
{
	struct qg_reply *reply = deck_reply("**八点**\n\n依据：手册 › 营业");
	deck_add_buttons(reply);
	reply->sources = json_pack("[{s:s, s:s}]", "title", "手册", "section", "营业");
	reply->footnote = qg_str_copy("AI 生成 · ¥0.0021");
	ck_assert_int_eq(deck_send(reply), QG_OK);
	ck_assert_uint_eq(deck.world.asked_count, 1);
	const json_t *sent = deck_asked(0, "POST", DECK_SEND);
	ck_assert_str_eq(qg_json_str(sent, "msg_type", ""), "interactive");
	const json_t *card = deck_inside(sent, "content");
	ck_assert_str_eq(main_text(card), "**八点**");
	const json_t *elements = json_object_get(json_object_get(card, "body"), "elements");
	ck_assert_uint_eq(json_array_size(elements), 5); /* whom, text, source, footnote, buttons */
	ck_assert_str_eq(qg_json_str(json_array_get(elements, 2), "content", ""),
		"<font color='grey'>依据：手册 › 营业</font>");
	ck_assert_str_eq(qg_json_str(json_array_get(elements, 3), "text_size", ""), "notation");
	ck_assert_uint_eq(
		json_array_size(json_object_get(json_array_get(elements, 4), "columns")), 2);
}
END_TEST

/* That card is refused: the same part as a message. */
START_TEST(test_inline_refused)
{
	world_answer(&deck.world, 400, NULL,
		"{\"code\":230099,\"msg\":\"Failed to create card content, ext=ErrCode: 11310; "
		"ErrMsg: card table number over limit; \"}");
	struct qg_reply *reply = deck_reply("一");
	deck_add_buttons(reply);
	ck_assert_int_eq(deck_send(reply), QG_OK);
	ck_assert_uint_eq(deck.world.asked_count, 2);
	ck_assert_str_eq(qg_json_str(deck_asked(1, "POST", DECK_SEND), "msg_type", ""), "post");
}
END_TEST

/* ---- refusals ---- */

static const struct {
	const char *body;
	bool off, for_good; /* afterwards no card is tried */
} made_refusals[] = {
	{REFUSED(99991672), true, true},
	{REFUSED(99991403), true, false},
	{REFUSED(123456), true, false},
	{REFUSED(230099), false, false},
	{REFUSED(200860), false, false},
	{"{\"code\":0,\"data\":{\"card_id\":\"../../x\"}}", true, false},
	{"{\"code\":0,\"data\":{}}", true, false},
};

START_TEST(test_make_refused)
{
	world_answer(&deck.world, 400, NULL, made_refusals[_i].body);
	if (strstr(made_refusals[_i].body, "\"code\":0")) {
		deck.world.script[0].http = 200;
	}
	deck_draft(1, "一");
	deck_wait_asked(1);
	deck_settle();
	answer_now("一二");
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 2);
	ck_assert_str_eq(qg_json_str(deck_asked(1, "POST", DECK_SEND), "msg_type", ""), "post");
	const struct feishu_cards *cards = deck_core()->cards;
	ck_assert(cards->live->off == made_refusals[_i].for_good);
	ck_assert((cards->live->off_until > 0) == made_refusals[_i].off);
	ck_assert_uint_eq(cards->live->count, 0);
}
END_TEST

/* The question was withdrawn: there is no card, and none is looked for later. */
START_TEST(test_withdrawn)
{
	static const char *const codes[] = {REFUSED(230011), REFUSED(231003), REFUSED(230110)};
	world_answer(
		&deck.world, 200, NULL, "{\"code\":0,\"data\":{\"card_id\":\"" DECK_CARD "\"}}");
	world_answer(&deck.world, 400, NULL, codes[_i]);
	deck_draft(1, "一");
	deck_wait_asked(2);
	deck_settle();
	deck_draft(2, "一二");
	deck_pass(QG_LIVECARDS_IDLE_MS + 1000);
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 2);
}
END_TEST

/* The card is gone: the answer is a new message. */
START_TEST(test_gone)
{
	make("一");
	world_answer(&deck.world, 400, NULL, GONE);
	answer_now("一二");
	ck_assert_uint_eq(deck.world.asked_count, 4);
	deck_asked(2, "PATCH", DECK_SETTINGS);
	ck_assert_str_eq(qg_json_str(deck_asked(3, "POST", DECK_SEND), "msg_type", ""), "post");
	const char *uuid = qg_json_str(deck_asked(1, "POST", DECK_SEND), "uuid", "");
	char of_card[64];
	snprintf(of_card, sizeof(of_card), "%s", uuid);
	ck_assert_str_ne(qg_json_str(deck_asked(3, "POST", DECK_SEND), "uuid", ""), of_card);
}
END_TEST

/* Its last layout is refused: the answer is a message, and the card says so and is closed. */
START_TEST(test_end_refused)
{
	make("一");
	world_answer(&deck.world, 200, NULL, "{\"code\":0}");
	world_answer(&deck.world, 400, NULL, REFUSED(230099));
	answer_now("一二");
	deck_wait_asked(7);
	ck_assert_str_eq(qg_json_str(deck_asked(4, "POST", DECK_SEND), "msg_type", ""), "post");
	assert_ended(5, "一\n\nsee_below");
}
END_TEST

/* Somebody is using it: the same again, a little later, and the answer is not lost. */
START_TEST(test_in_use)
{
	make("一");
	world_answer(&deck.world, 400, NULL, REFUSED(200810));
	fake_host_send(deck.world.host, deck_reply("一二"));
	deck_wait_asked(3);
	deck_pass_until(5);
	world_wait_sent(&deck.world, 1);
	ck_assert_uint_eq(deck.world.asked_count, 5);
	assert_ended(3, "一二");
}
END_TEST

/* Its numbers were not above the last: it goes on above the block. */
START_TEST(test_numbers_behind)
{
	make("一");
	world_answer(&deck.world, 400, NULL, REFUSED(300317));
	fake_host_send(deck.world.host, deck_reply("一二"));
	deck_wait_asked(3);
	deck_pass_until(5);
	world_wait_sent(&deck.world, 1);
	ck_assert_int_gt(number_at(3), QG_LIVECARD_NUMBERS);
	assert_ended(3, "一二");
}
END_TEST

/* One more try, then as a refusal. */
START_TEST(test_odd)
{
	make("一");
	world_answer(&deck.world, 200, NULL, "{\"code\":0}");
	world_answer(&deck.world, 400, NULL, REFUSED(300313));
	world_answer(&deck.world, 200, NULL, "{\"code\":0}");
	world_answer(&deck.world, 400, NULL, REFUSED(300313));
	fake_host_send(deck.world.host, deck_reply("一二"));
	deck_pass_until(7); /* the second try, then a message */
	world_wait_sent(&deck.world, 1);
	assert_numbers_rise();
	ck_assert_uint_ge(deck.world.host->sent_count, 1);
	ck_assert_int_eq(deck.world.host->sent[0], QG_OK);
}
END_TEST

/* Too many calls: all cards wait, then the end comes. */
START_TEST(test_rate)
{
	make("一");
	world_answer(&deck.world, 429, "3", REFUSED(99991400));
	fake_host_send(deck.world.host, deck_reply("一二"));
	deck_wait_asked(3);
	deck_settle();
	deck_pass(1000);
	ck_assert_uint_eq(deck.world.asked_count, 3);
	deck_pass_until(5);
	world_wait_sent(&deck.world, 1);
	assert_ended(3, "一二");
}
END_TEST

/* A group where the bot may not speak is no reason to do without cards elsewhere. */
START_TEST(test_muted)
{
	world_answer(
		&deck.world, 200, NULL, "{\"code\":0,\"data\":{\"card_id\":\"" DECK_CARD "\"}}");
	world_answer(&deck.world, 400, NULL, REFUSED(230018));
	deck_draft(1, "一");
	deck_wait_asked(2);
	deck_settle();
	const struct feishu_cards *cards = deck_core()->cards;
	ck_assert_uint_eq(cards->live->off_until, 0);
}
END_TEST

/* The server failed: whether the card stands there nobody knows, so it is sent again under the same name. */
START_TEST(test_send_unknown)
{
	world_answer(
		&deck.world, 200, NULL, "{\"code\":0,\"data\":{\"card_id\":\"" DECK_CARD "\"}}");
	world_answer(&deck.world, 502, NULL, "bad gateway");
	deck_draft(1, "一");
	deck_pass_until(3);
	char uuid[64];
	snprintf(uuid, sizeof(uuid), "%s",
		qg_json_str(deck_asked(1, "POST", DECK_SEND), "uuid", "a"));
	ck_assert_str_eq(qg_json_str(deck_asked(2, "POST", DECK_SEND), "uuid", "b"), uuid);
	deck_settle();
	answer_now("一二");
	assert_ended(3, "一二");
}
END_TEST

/* ---- its ten minutes ---- */

/* Opened anew at nine. */
START_TEST(test_opened_anew)
{
	make("一");
	for (int i = 0; i < 4; i++) { /* snapshots that keep it alive */
		char text[32];
		snprintf(text, sizeof(text), "一%d", i);
		deck_draft(2 + i, text);
		deck_pass(150000);
		deck_settle();
	}
	size_t at = deck.world.asked_count;
	ck_assert_uint_ge(at, 6);
	bool was_opened = false;
	for (size_t i = 2; i < at; i++) {
		if (strcmp(deck.world.asked[i].path, DECK_SETTINGS) == 0) {
			was_opened = is_streaming(
				deck_inside(deck_asked(i, "PATCH", DECK_SETTINGS), "settings"));
			ck_assert_str_eq(deck.world.asked[i + 1].path, DECK_CONTENT);
		}
	}
	ck_assert(was_opened);
	assert_numbers_rise();
}
END_TEST

/* The platform closed it: opened once, and then the whole card is put in its place. */
START_TEST(test_closed)
{
	static const char *const closed[] = {
		"{\"code\":200850,\"msg\":\"ErrMsg: card streaming timeout;\"}", REFUSED(300309)};
	make("一");
	world_answer(&deck.world, 400, NULL, closed[_i]);
	deck_draft(2, "一二");
	deck_pass(300);
	deck_wait_asked(5);
	ck_assert(is_streaming(deck_inside(deck_asked(3, "PATCH", DECK_SETTINGS), "settings")));
	ck_assert_str_eq(qg_json_str(deck_asked(4, "PUT", DECK_CONTENT), "content", ""), "一二");
	deck_settle();
	world_answer(&deck.world, 400, NULL, closed[_i]);
	world_answer(&deck.world, 200, NULL, "{\"code\":0}");
	world_answer(&deck.world, 400, NULL, closed[_i]);
	deck_draft(3, "一二三");
	deck_pass(300);
	deck_wait_asked(9);
	const json_t *put =
		deck_inside(json_object_get(deck_asked(8, "PUT", DECK_PUT), "card"), "data");
	ck_assert_str_eq(main_text(put), "一二三");
	deck_settle();
	deck_draft(4, "一二三四");
	deck_pass(300);
	deck_wait_asked(10);
	deck_asked(9, "PUT", DECK_PUT);
	deck_settle();
	answer_now("一二三四五");
	assert_ended(10, "一二三四五");
}
END_TEST

/* ---- kills ---- */

/* The next owner goes on with the same card, above all numbers that the first may have used. */
START_TEST(test_takeover)
{
	make("一");
	deck_draft(2, "一二");
	deck_pass(300);
	deck_wait_asked(3);
	deck_settle();
	deck_kill();
	answer_now("一二三");
	ck_assert_uint_eq(deck.world.asked_count, 5);
	ck_assert_int_gt(number_at(3), QG_LIVECARD_NUMBERS);
	assert_ended(3, "一二三");
}
END_TEST

/* Killed while it was sent: sent again under the same name, which the platform shows once. */
START_TEST(test_killed_while_sent)
{
	deck.world.mute = true;
	deck_draft(1, "一");
	deck_wait_asked(1);
	answer_made();
	deck_wait_asked(2);
	deck_kill();
	deck.world.mute = false;
	answer_now("一二");
	ck_assert_uint_eq(deck.world.asked_count, 5);
	char uuid[64];
	snprintf(uuid, sizeof(uuid), "%s",
		qg_json_str(deck_asked(1, "POST", DECK_SEND), "uuid", "a"));
	ck_assert_str_eq(qg_json_str(deck_asked(2, "POST", DECK_SEND), "uuid", "b"), uuid);
	assert_ended(3, "一二");
}
END_TEST

/* Killed before it was sent: nobody saw it, the answer is a message. */
START_TEST(test_killed_while_made)
{
	deck.world.mute = true;
	deck_draft(1, "一");
	deck_wait_asked(1);
	deck_kill();
	deck.world.mute = false;
	answer_now("一二");
	ck_assert_uint_eq(deck.world.asked_count, 2);
	ck_assert_str_eq(qg_json_str(deck_asked(1, "POST", DECK_SEND), "msg_type", ""), "post");
}
END_TEST

/* Its worker died with its owner: who starts next ends what Redis tells of, with what it shows. */
START_TEST(test_recovered)
{
	make("一");
	deck_draft(2, "一二");
	deck_pass(300);
	deck_wait_asked(3);
	deck_settle();
	deck_kill();
	feishu_cards_recover(deck_core());
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 3);
	ck_assert_uint_eq(deck.world.host->replays, 1);
	deck_pass(QG_LIVECARDS_IDLE_MS);
	deck_wait_asked(5);
	deck_settle();
	assert_ended(3, "一二\n\ninterrupted");
	deck_kill();
	feishu_cards_recover(deck_core());
	deck_settle();
	deck_pass(QG_LIVECARDS_IDLE_MS);
	ck_assert_uint_eq(deck.world.asked_count, 5); /* it is told as ended */
}
END_TEST

/* What was answered is not answered once more. */
START_TEST(test_repeated)
{
	make("一");
	answer_now("一二");
	deck_kill();
	struct qg_reply *reply = deck_reply("一二");
	reply->repeated = true;
	ck_assert_int_eq(deck_send(reply), QG_OK);
	ck_assert_uint_eq(deck.world.asked_count, 4);
}
END_TEST

/* More frames than a block holds. */
START_TEST(test_many_frames)
{
	make("零");
	char text[16];
	size_t shown = 2;
	for (int i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "%d", i);
		deck_draft(2 + i, text);
		deck_pass(1000);
		deck_wait_asked(++shown);
		deck_settle();
	}
	deck_kill();
	answer_now("完");
	ck_assert_int_gt(number_at(shown), 2 * QG_LIVECARD_NUMBERS - QG_LIVECARD_STEP);
	assert_ended(shown, "完");
}
END_TEST

/* ---- long ones ---- */

/* More than a card may hold comes again in smaller parts. */
START_TEST(test_too_long)
{
	char *text = malloc(20001);
	memset(text, '"', 20000);
	text[20000] = '\0';
	make("一");
	ck_assert_int_eq(deck_send(deck_reply(text)), QG_TOO_LARGE);
	ck_assert_uint_eq(deck.world.asked_count, 2);
	text[2000] = '\0';
	answer_now(text);
	assert_ended(2, text);
	free(text);
}
END_TEST

/* The first part is the card, the others are messages. */
START_TEST(test_parts)
{
	make("一");
	struct qg_reply *reply = deck_reply("一二");
	reply->parts = 2;
	deck_add_buttons(reply); /* which leave with the last */
	ck_assert_int_eq(deck_send(reply), QG_OK);
	assert_ended(2, "一二");
	const json_t *put =
		deck_inside(json_object_get(deck_asked(3, "PUT", DECK_PUT), "card"), "data");
	ck_assert_ptr_null(element(put, "column_set", NULL));
	reply = deck_reply("三");
	reply->parts = 2;
	reply->part = 1;
	ck_assert_int_eq(deck_send(reply), QG_OK);
	ck_assert_str_eq(qg_json_str(deck_asked(4, "POST", DECK_SEND), "msg_type", ""), "post");
}
END_TEST

/* Files leave behind the last text, which has all that stands below an answer. */
START_TEST(test_files_behind)
{
	make("一");
	struct qg_reply *reply = deck_reply("一二");
	reply->parts = 2;
	reply->files = json_pack(
		"[{s:s, s:s, s:i, s:s}]", "type", "file", "name", "a.pdf", "size", 3, "file", "a");
	reply->label = qg_str_copy("AI 生成");
	deck_add_buttons(reply);
	ck_assert_int_eq(deck_send(reply), QG_OK);
	assert_ended(2, "一二");
	const json_t *put =
		deck_inside(json_object_get(deck_asked(3, "PUT", DECK_PUT), "card"), "data");
	ck_assert_ptr_nonnull(element(put, "column_set", NULL));
	QG_AUTO(qg_str_free) char *text = qg_json_dump(put);
	ck_assert_ptr_nonnull(strstr(text, "<font color='grey'>AI 生成</font>"));
}
END_TEST

/* The source of a frequent question. */
START_TEST(test_source_faq)
{
	struct qg_reply *reply = deck_reply("八点\n\nsource_faq");
	reply->sources = json_pack("[{s:s, s:s}]", "title", "FAQ", "section", "几点开门");
	ck_assert_int_eq(deck_send(reply), QG_OK);
	const json_t *card = deck_inside(deck_asked(0, "POST", DECK_SEND), "content");
	ck_assert_str_eq(main_text(card), "八点");
	QG_AUTO(qg_str_free) char *text = qg_json_dump(card);
	ck_assert_ptr_nonnull(strstr(text, "<font color='grey'>source_faq</font>"));
}
END_TEST

/* A stop waits for the answer that is under way, and leaves to Redis what has none. */
START_TEST(test_stop)
{
	make("一");
	ck_assert(feishu_cards_stop(deck_core()));
	feishu_cards_recover(deck_core());
	deck_settle();
	fake_host_send(deck.world.host, deck_reply("一二"));
	ck_assert(!feishu_cards_stop(deck_core()));
	world_wait_sent(&deck.world, 1);
	deck_settle();
	ck_assert(feishu_cards_stop(deck_core()));
	assert_ended(2, "一二");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu cards");
	TCase *tcase = tcase_create("cards");
	deck_add(tcase);
	tcase_add_test(tcase, test_streams);
	tcase_add_test(tcase, test_one_in_flight);
	tcase_add_test(tcase, test_unseen);
	tcase_add_test(tcase, test_inline);
	tcase_add_test(tcase, test_inline_refused);
	tcase_add_loop_test(
		tcase, test_make_refused, 0, sizeof(made_refusals) / sizeof(made_refusals[0]));
	tcase_add_loop_test(tcase, test_withdrawn, 0, 3);
	tcase_add_test(tcase, test_gone);
	tcase_add_test(tcase, test_end_refused);
	tcase_add_test(tcase, test_in_use);
	tcase_add_test(tcase, test_numbers_behind);
	tcase_add_test(tcase, test_odd);
	tcase_add_test(tcase, test_rate);
	tcase_add_test(tcase, test_muted);
	tcase_add_test(tcase, test_send_unknown);
	tcase_add_test(tcase, test_opened_anew);
	tcase_add_loop_test(tcase, test_closed, 0, 2);
	tcase_add_test(tcase, test_takeover);
	tcase_add_test(tcase, test_killed_while_sent);
	tcase_add_test(tcase, test_killed_while_made);
	tcase_add_test(tcase, test_recovered);
	tcase_add_test(tcase, test_repeated);
	tcase_add_test(tcase, test_many_frames);
	tcase_add_test(tcase, test_too_long);
	tcase_add_test(tcase, test_parts);
	tcase_add_test(tcase, test_files_behind);
	tcase_add_test(tcase, test_source_faq);
	tcase_add_test(tcase, test_stop);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
