/* test_clicks.c - presses on cards' buttons: who may, when, how often, what is said, and what the card shows then. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deck.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define MESSAGE "om_new" /* the card's: what the platform answers to a send */

static json_t *values; /* of the buttons, as they stand in a card */

static void setup(void)
{
	values = json_array();
}

static void teardown(void)
{
	json_decref(values);
}

/* ---- the card ---- */

/* What stands in its buttons; counts them too. */
static size_t read_buttons(const json_t *card)
{
	size_t i, k;
	json_t *element, *column;
	json_array_clear(values);
	json_array_foreach (
		json_object_get(json_object_get(card, "body"), "elements"), i, element) {
		json_array_foreach (json_object_get(element, "columns"), k, column) {
			const json_t *button =
				json_array_get(json_object_get(column, "elements"), 0);
			const json_t *act = json_array_get(json_object_get(button, "behaviors"), 0);
			ck_assert_str_eq(qg_json_str(button, "tag", ""), "button");
			ck_assert_str_eq(qg_json_str(act, "type", ""), "callback");
			json_array_append(values, json_object_get(act, "value"));
		}
	}
	return json_array_size(values);
}

/* A card in one message. */
static void show_inline(enum qg_chat_type type)
{
	struct qg_reply *reply = deck_reply("问什么？");
	reply->chat_type = type;
	deck_add_buttons(reply);
	ck_assert_int_eq(deck_send(reply), QG_OK);
	ck_assert_uint_eq(
		read_buttons(deck_inside(deck_asked(0, "POST", DECK_SEND), "content")), 2);
	deck_settle();
}

/* ---- a press ---- */

struct heard {
	unsigned count;
	enum qg_status status;
	char *answer;
};
static struct heard heard;

static void taken(void *arg, const struct feishu_taken *said)
{
	(void)arg;
	heard.count++;
	heard.status = said->status;
	free(heard.answer);
	heard.answer = said->answer ? qg_str_copy(said->answer) : NULL;
}

static void press_raw(const char *event)
{
	struct feishu_envelope envelope;
	QG_AUTO(qg_str_free)
	char *body =
		qg_str_printf("{\"schema\":\"2.0\",\"header\":{\"event_id\":\"e\",\"token\":\"\","
			      "\"create_time\":\"1603977298000000\",\"event_type\":"
			      "\"card.action.trigger\",\"app_id\":\"" APP "\"},\"event\":%s}",
			event);
	ck_assert_int_eq(feishu_envelope_read(APP, body, strlen(body), &envelope), FEISHU_EVENT);
	heard.count = 0;
	feishu_click(deck_core(), &envelope, qg_clock_mono_us(), taken, NULL);
}

static void press_in(const char *chat, const char *user, const json_t *value)
{
	json_auto_t *event = json_pack("{s:{s:s}, s:{s:O, s:s}, s:{s:s, s:s}}", "operator",
		"open_id", user, "action", "value", value, "tag", "button", "context",
		"open_message_id", MESSAGE, "open_chat_id", chat);
	QG_AUTO(qg_str_free) char *text = qg_json_dump(event);
	press_raw(text);
}

static void press(const char *user, const json_t *value)
{
	press_in(DECK_GROUP, user, value);
}

static bool is_heard(void *arg)
{
	(void)arg;
	return heard.count > 0;
}

/* Its answer is a toast of that type and these words; no card is in it. */
static void assert_toast(const char *type, const char *words)
{
	fake_host_wait(deck.world.loop, is_heard, NULL);
	ck_assert_uint_eq(heard.count, 1);
	ck_assert_int_eq(heard.status, QG_OK);
	ck_assert_ptr_nonnull(heard.answer);
	json_auto_t *answer = qg_json_parse(heard.answer, strlen(heard.answer), NULL);
	ck_assert_uint_eq(json_object_size(answer), 1);
	const json_t *toast = json_object_get(answer, "toast");
	ck_assert_str_eq(qg_json_str(toast, "type", ""), type);
	ck_assert_str_eq(qg_json_str(toast, "content", ""), words);
}

static const json_t *value_of(size_t at)
{
	return json_array_get(values, at);
}

/* ---- */

/* Stored, then said; then the card shows what was chosen, by a call of its own. */
START_TEST(test_taken)
{
	show_inline(QG_CHAT_GROUP);
	press(DECK_PERSON, value_of(0));
	ck_assert_uint_eq(heard.count, 0); /* not before it is stored */
	assert_toast("success", "click_taken几点开门？");
	ck_assert_uint_eq(deck.world.host->message_count, 1);
	const struct qg_message *message = deck.world.host->messages[0];
	ck_assert_int_eq(message->kind, QG_MESSAGE_CLICK);
	ck_assert_int_eq(message->chat_type, QG_CHAT_GROUP);
	ck_assert_str_eq(message->text, "几点开门？");
	ck_assert_str_eq(message->sender, DECK_PERSON);
	ck_assert_str_eq(message->chat, DECK_GROUP);
	ck_assert_str_eq(message->handle, MESSAGE);
	ck_assert(message->mentions_bot);
	deck_wait_asked(2);
	const json_t *card = deck_inside(
		deck_asked(1, "PATCH", "/open-apis/im/v1/messages/" MESSAGE), "content");
	ck_assert_uint_eq(read_buttons(card), 0);
	QG_AUTO(qg_str_free) char *text = qg_json_dump(card);
	ck_assert_ptr_nonnull(strstr(text, "click_taken几点开门？"));
	ck_assert_ptr_nonnull(strstr(text, "问什么？"));
	ck_assert_ptr_nonnull(strstr(text, "\"update_multi\":true"));
}
END_TEST

/* One that filled is put anew, above all its numbers, by whichever gateway heard the press. */
START_TEST(test_filled)
{
	deck_draft(1, "一");
	deck_wait_asked(2);
	deck_settle();
	struct qg_reply *reply = deck_reply("一二");
	deck_add_buttons(reply);
	ck_assert_int_eq(deck_send(reply), QG_OK);
	ck_assert_uint_eq(read_buttons(deck_inside(
				  json_object_get(deck_asked(3, "PUT", DECK_PUT), "card"), "data")),
		2);
	deck_settle();
	deck_kill();
	press(DECK_PERSON, value_of(1));
	assert_toast("success", "click_taken有停车位吗？");
	deck_wait_asked(5);
	const json_t *put = deck_asked(4, "PUT", DECK_PUT);
	ck_assert_int_gt(qg_json_int(put, "sequence", 0), 2);
	ck_assert_uint_eq(read_buttons(deck_inside(json_object_get(put, "card"), "data")), 0);
}
END_TEST

/* The card is in use for a moment: the same again. */
START_TEST(test_in_use)
{
	show_inline(QG_CHAT_GROUP);
	world_answer(&deck.world, 400, NULL, "{\"code\":200810,\"msg\":\"in interaction\"}");
	press(DECK_PERSON, value_of(0));
	assert_toast("success", "click_taken几点开门？");
	deck_wait_asked(2);
	deck_wait_asked(3);
	ck_assert_str_eq(deck.world.asked[2].path, "/open-apis/im/v1/messages/" MESSAGE);
}
END_TEST

/* Once: the same press is the same message, whoever hears it. */
START_TEST(test_twice)
{
	show_inline(QG_CHAT_GROUP);
	press(DECK_PERSON, value_of(0));
	assert_toast("success", "click_taken几点开门？");
	deck_wait_asked(2);
	deck_settle();
	deck.world.host->answer = QG_DUPLICATE;
	press(DECK_PERSON, value_of(0));
	assert_toast("info", "click_again");
	ck_assert_uint_eq(deck.world.host->message_count, 2);
	ck_assert_str_eq(deck.world.host->messages[0]->id, deck.world.host->messages[1]->id);
	press(DECK_PERSON, value_of(1));
	fake_host_wait(deck.world.loop, is_heard, NULL);
	ck_assert_str_ne(deck.world.host->messages[0]->id, deck.world.host->messages[2]->id);
	ck_assert_uint_eq(deck.world.asked_count, 2);
}
END_TEST

/* In a group they are the asker's, in a direct chat whoever sees them is the asker. */
START_TEST(test_other_person)
{
	show_inline(_i == 0 ? QG_CHAT_GROUP : QG_CHAT_DIRECT);
	press("ou_somebody", value_of(0));
	if (_i == 0) {
		assert_toast("warning", "click_other");
		ck_assert_uint_eq(deck.world.host->message_count, 0);
	} else {
		assert_toast("success", "click_taken几点开门？");
		ck_assert_int_eq(deck.world.host->messages[0]->chat_type, QG_CHAT_DIRECT);
		deck_wait_asked(2);
	}
}
END_TEST

/* Whoever forwards a card takes its buttons along: they count in their own chat alone, or no group would be safe from what
 * was answered in a direct one. */
START_TEST(test_forwarded)
{
	show_inline(_i == 0 ? QG_CHAT_GROUP : QG_CHAT_DIRECT);
	press_in("oc_another", DECK_PERSON, value_of(0));
	assert_toast("warning", "click_late");
	ck_assert_uint_eq(deck.world.host->message_count, 0);
}
END_TEST

/* What is sent to a person by his own id is his, for the chat it lands in is not known before. */
START_TEST(test_to_a_person)
{
	struct qg_reply reply = {
		.id = (char *)DECK_REPLY, .chat_type = QG_CHAT_DIRECT, .chat = (char *)DECK_PERSON};
	json_auto_t *value = feishu_button_value(deck_core(), &reply, "好");
	press_in("oc_another", "ou_somebody", value);
	assert_toast("warning", "click_other");
	press_in("oc_direct", DECK_PERSON, value);
	assert_toast("success", "click_taken好");
	ck_assert_uint_eq(deck.world.host->message_count, 1);
}
END_TEST

START_TEST(test_late)
{
	show_inline(QG_CHAT_GROUP);
	qg_clock_fix(deck.wall + INT64_C(14) * 24 * 60 * 60 * 1000 - 1, deck.mono);
	deck.world.host->answer = QG_DUPLICATE;
	press(DECK_PERSON, value_of(0));
	assert_toast("info", "click_again");
	qg_clock_fix(deck.wall + INT64_C(14) * 24 * 60 * 60 * 1000 + 1, deck.mono);
	press(DECK_PERSON, value_of(0));
	assert_toast("warning", "click_late");
	ck_assert_uint_eq(deck.world.host->message_count, 1);
}
END_TEST

/* Whatever is changed in a value makes it nobody's. */
START_TEST(test_forged)
{
	show_inline(QG_CHAT_GROUP);
	const char *name;
	json_t *member;
	json_object_foreach ((json_t *)value_of(0), name, member) {
		json_auto_t *forged = json_deep_copy(value_of(0));
		QG_AUTO(qg_str_free)
		char *text = qg_str_printf("%s1", json_string_value(member));
		json_object_set_new(forged, name, json_string(text));
		press(DECK_PERSON, forged);
		assert_toast("error", "click_late");
		json_object_del(forged, name);
		press(DECK_PERSON, forged);
		assert_toast("error", "click_late");
	}
	ck_assert_uint_eq(deck.world.host->message_count, 0);
	ck_assert_uint_eq(deck.world.asked_count, 1);
}
END_TEST

static const char *const broken[] = {"{}", "null", "[]", "{\"action\":7}",
	"{\"action\":{\"value\":\"{\"},\"context\":{}}",
	"{\"operator\":{\"open_id\":\"ou_a\"},\"action\":{\"value\":{\"v\":\"x\"}},\"context\":{"
	"\"open_message_id\":\"om_a\",\"open_chat_id\":\"oc_a\"}}",
	"{\"operator\":{\"open_id\":\"ou_a\"},\"action\":{\"value\":{\"v\":7,\"s\":null,\"r\":[]}},"
	"\"context\":{\"open_message_id\":\"om_a\",\"open_chat_id\":\"oc_a\"}}"};

START_TEST(test_broken)
{
	press_raw(broken[_i]);
	assert_toast("error", "click_late");
	ck_assert_uint_eq(deck.world.host->message_count, 0);
}
END_TEST

static const struct {
	enum qg_status status;
	const char *type, *words;
} ends[] = {
	{QG_AWAY, "warning", "click_retry"},
	{QG_BUSY, "warning", "click_retry"},
	{QG_CANCELLED, "warning", "click_retry"},
	{QG_FULL, "warning", "full"},
	{QG_EMPTY, "error", "click_late"},
};

/* It was not stored: that is said, and the card stays as it is. */
START_TEST(test_not_stored)
{
	show_inline(QG_CHAT_GROUP);
	deck.world.host->answer = ends[_i].status;
	press(DECK_PERSON, value_of(0));
	assert_toast(ends[_i].type, ends[_i].words);
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 1);
}
END_TEST

/* The store takes longer than the platform waits: press again. What is stored later still shows. */
START_TEST(test_slow_store)
{
	show_inline(QG_CHAT_GROUP);
	deck.world.host->hold = true;
	press(DECK_PERSON, value_of(0));
	deck_settle();
	ck_assert_uint_eq(heard.count, 0);
	deck_pass(FEISHU_TAKE_MS);
	assert_toast("warning", "click_retry");
	fake_host_release(deck.world.host);
	deck_wait_asked(2);
	ck_assert_uint_eq(heard.count, 1);
}
END_TEST

/* The cards of the bot end while a press waits for the store: it is answered all the same. */
START_TEST(test_end_meanwhile)
{
	show_inline(QG_CHAT_GROUP);
	deck.world.host->hold = true;
	press(DECK_PERSON, value_of(0));
	deck_settle();
	feishu_cards_finish(deck_core());
	fake_host_release(deck.world.host);
	assert_toast("success", "click_taken几点开门？");
}
END_TEST

/* What was kept is older than a day: the toast is all. */
START_TEST(test_nothing_kept)
{
	show_inline(QG_CHAT_GROUP);
	qg_test_redis_do(deck_redis, "FLUSHALL", NULL);
	press(DECK_PERSON, value_of(0));
	assert_toast("success", "click_taken几点开门？");
	deck_settle();
	ck_assert_uint_eq(deck.world.asked_count, 1);
}
END_TEST

/* No more buttons, and no longer ones, than people can use. */
START_TEST(test_room)
{
	struct qg_reply *reply = deck_reply("x");
	char value[601 + 1];
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	reply->buttons = json_array();
	json_array_append_new(reply->buttons, json_pack("{s:s, s:s}", "text", "t", "value", value));
	json_array_append_new(reply->buttons, json_pack("{s:s}", "text", ""));
	for (int i = 0; i < 10; i++) {
		json_array_append_new(reply->buttons, json_pack("{s:s}", "text",
							      "一二三四五六七八九十一二三四五六七八"
							      "九十一二三四五六七八九十一二"));
	}
	ck_assert_int_eq(deck_send(reply), QG_OK);
	const json_t *card = deck_inside(deck_asked(0, "POST", DECK_SEND), "content");
	ck_assert_uint_eq(read_buttons(card), FEISHU_BUTTONS_MOST);
	QG_AUTO(qg_str_free) char *text = qg_json_dump(card);
	ck_assert_ptr_null(strstr(text, "vvvv"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu clicks");
	TCase *tcase = tcase_create("all");
	deck_add(tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_taken);
	tcase_add_test(tcase, test_filled);
	tcase_add_test(tcase, test_in_use);
	tcase_add_test(tcase, test_twice);
	tcase_add_loop_test(tcase, test_other_person, 0, 2);
	tcase_add_loop_test(tcase, test_forwarded, 0, 2);
	tcase_add_test(tcase, test_to_a_person);
	tcase_add_test(tcase, test_late);
	tcase_add_test(tcase, test_forged);
	tcase_add_loop_test(tcase, test_broken, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_loop_test(tcase, test_not_stored, 0, sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(tcase, test_slow_store);
	tcase_add_test(tcase, test_end_meanwhile);
	tcase_add_test(tcase, test_nothing_kept);
	tcase_add_test(tcase, test_room);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
