/* test_clicks.c - presses on cards' buttons: who may, when, how often, and what the card shows then. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define TRACK "run_f41dc0c17de51c0ed5c5"

static struct qg_test_redis *server;
static json_t *buttons; /* as a card has them */

static void start_redis(void)
{
	server = qg_test_redis_start(false);
}

static void stop_redis(void)
{
	qg_test_redis_stop(server);
}

static struct dingtalk_core *core(void)
{
	return dingtalk_core_of(&show.host->bot);
}

static json_t *make_buttons(enum qg_chat_type type, const char *staff)
{
	struct dingtalk_whom whom = {.chat = SHOW_GROUP, .type = type, .staff = staff};
	json_auto_t *wanted =
		json_pack("[{s:s, s:s}, {s:s, s:s}]", "text", "几点开门", "value", "几点开门？",
			"text", "一二三四五六七八九十一二三四五六七八九十一二", "value", "+/=?😀");
	return dingtalk_card_buttons(core(), TRACK, &whom, wanted);
}

static void setup(void)
{
	show_open("card_template_id: " SHOW_TEMPLATE "\n", server);
	buttons = make_buttons(QG_CHAT_GROUP, SHOW_STAFF);
}

static void teardown(void)
{
	json_decref(buttons);
	show_settle(); /* what was handed on is told to be stored */
	show_close();
}

static const char *id_of(size_t at)
{
	return qg_json_str(json_array_get(buttons, at), "id", "");
}

/* What the platform sends: the id as action, or as a parameter. */
static char *press(const char *track, const char *user, const char *id, bool as_action)
{
	json_auto_t *content = as_action ? json_pack("{s:{s:[s], s:{}}}", "cardPrivateData",
						   "actionIds", id, "params")
					 : json_pack("{s:{s:[s], s:{s:s}}}", "cardPrivateData",
						   "actionIds", "ask", "params", "id", id);
	QG_AUTO(qg_str_free) char *text = qg_json_dump(content);
	json_auto_t *data = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "type",
		"actionCallback", "outTrackId", track, "corpId", "ding6f9bed08", "userId", user,
		"userIdType", 1, "spaceId", SHOW_GROUP, "spaceType", "im", "extension", "{}",
		"content", text);
	return qg_json_dump(data);
}

struct told {
	unsigned times;
	json_t *response; /* NULL: nothing */
};

static void clicked(void *arg, const json_t *response)
{
	struct told *told = arg;
	told->times++;
	told->response = response ? json_deep_copy(response) : NULL;
}

static bool is_told(void *arg)
{
	return ((const struct told *)arg)->times > 0;
}

static json_t *wait_told(struct told *told)
{
	fake_host_wait(show.loop, is_told, told);
	ck_assert_uint_eq(told->times, 1);
	return told->response;
}

/* What is told at once is NULL or waits in told. */
static void begin(struct told *told, const char *track, const char *user, const char *id)
{
	QG_AUTO(qg_str_free) char *data = press(track, user, id, true);
	*told = (struct told){0};
	dingtalk_click(core(), data, strlen(data), 1, clicked, told);
}

static json_t *click(const char *track, const char *user, const char *id, bool as_action)
{
	struct told told = {0};
	QG_AUTO(qg_str_free) char *data = press(track, user, id, as_action);
	dingtalk_click(core(), data, strlen(data), 1, clicked, &told);
	return wait_told(&told);
}

static const char *notice(const json_t *answer, const char *whom)
{
	return qg_json_str(
		json_object_get(json_object_get(answer, whom), "cardParamMap"), "notice", "");
}

START_TEST(test_taken)
{
	json_auto_t *answer = click(TRACK, SHOW_STAFF, id_of(0), true);
	ck_assert_str_eq(notice(answer, "cardData"), "click_taken几点开门？");
	ck_assert(json_is_true(json_object_get(
		json_object_get(answer, "cardUpdateOptions"), "updateCardDataByKey")));
	ck_assert_uint_eq(show.host->message_count, 1);
	const struct qg_message *message = show.host->messages[0];
	ck_assert_int_eq(message->kind, QG_MESSAGE_CLICK);
	ck_assert_str_eq(message->text, "几点开门？");
	ck_assert_str_eq(message->sender, SHOW_STAFF);
	ck_assert_str_eq(message->chat, SHOW_GROUP);
	ck_assert(message->mentions_bot);
	struct dingtalk_handle handle;
	ck_assert_int_eq(dingtalk_handle_read(message->handle, &handle), QG_OK);
	ck_assert_int_eq(handle.type, QG_CHAT_GROUP);
	ck_assert_str_eq(handle.staff, SHOW_STAFF);
	dingtalk_handle_finish(&handle);
}
END_TEST

/* Where a template hands the id on as a parameter, with all that its value may hold. */
START_TEST(test_as_parameter)
{
	json_auto_t *answer = click(TRACK, SHOW_STAFF, id_of(1), false);
	ck_assert_str_eq(notice(answer, "cardData"), "click_taken+/=?😀");
	ck_assert_str_eq(show.host->messages[0]->text, "+/=?😀");
	ck_assert_uint_eq(qg_utf8_count(qg_json_str(json_array_get(buttons, 1), "text", ""),
				  strlen(qg_json_str(json_array_get(buttons, 1), "text", ""))),
		20);
}
END_TEST

/* Twice, wherever heard and by whomever: the store gets one id, and what it says is told. */
START_TEST(test_twice)
{
	json_decref(buttons);
	buttons = make_buttons(QG_CHAT_GROUP, NULL);
	json_auto_t *first = click(TRACK, SHOW_STAFF, id_of(0), true);
	ck_assert_ptr_nonnull(json_object_get(first, "cardData"));
	QG_AUTO(qg_str_free) char *id = qg_str_copy(show.host->messages[0]->id);
	show_settle();
	show_kill();
	show.host->answer = QG_DUPLICATE;
	json_auto_t *second = click(TRACK, "somebody", id_of(0), false);
	ck_assert_str_eq(notice(second, "userPrivateData"), "click_again");
	ck_assert_ptr_null(json_object_get(second, "cardData"));
	ck_assert_uint_eq(show.host->message_count, 1);
	ck_assert_str_eq(show.host->messages[0]->id, id);
	json_auto_t *other = click(TRACK, SHOW_STAFF, id_of(1), true);
	ck_assert_ptr_nonnull(other);
	ck_assert_str_ne(show.host->messages[1]->id, id);
}
END_TEST

static struct told *awaited;
static int told_in_time;

/* Timers that are due come in the order of their times, however late all of them are. */
static void note_in_time(void *arg)
{
	told_in_time = awaited->times > 0;
}

/* The platform waits two seconds; what is stored later is told to nobody. */
START_TEST(test_slow_store)
{
	struct told told;
	struct qg_timer *platform = qg_timer_create(show.loop, note_in_time, NULL);
	awaited = &told;
	told_in_time = -1; /* it still waits */
	show.host->hold = true;
	begin(&told, TRACK, SHOW_STAFF, id_of(0));
	ck_assert_uint_eq(told.times, 0);
	qg_clock_fix(-1, 0);
	qg_timer_start(platform, 1900);
	json_auto_t *answer = wait_told(&told);
	ck_assert_int_ne(told_in_time, false);
	qg_timer_destroy(platform);
	ck_assert_str_eq(notice(answer, "userPrivateData"), "click_retry");
	ck_assert_ptr_null(json_object_get(answer, "cardData"));
	fake_host_release(show.host);
	show_settle();
	ck_assert_uint_eq(told.times, 1);
}
END_TEST

static const struct {
	enum qg_status status;
	const char *words;
} endings[] = {{QG_DUPLICATE, "click_again"}, {QG_FULL, "full"}, {QG_EMPTY, "click_late"},
	{QG_INVALID, "click_late"}, {QG_AWAY, "click_retry"}, {QG_CANCELLED, "click_retry"}};

START_TEST(test_endings)
{
	show.host->answer = endings[_i].status;
	json_auto_t *answer = click(TRACK, SHOW_STAFF, id_of(0), true);
	ck_assert_str_eq(notice(answer, "userPrivateData"), endings[_i].words);
	ck_assert_ptr_null(json_object_get(answer, "cardData"));
}
END_TEST

/* Nothing can be said any more, but whoever waits hears so. */
START_TEST(test_bot_ends)
{
	struct told told;
	show.host->hold = true;
	begin(&told, TRACK, SHOW_STAFF, id_of(0));
	show.host->bot.adapter->finish(&show.host->bot);
	fake_host_release(show.host); /* the store is later than the bot */
	json_auto_t *answer = wait_told(&told);
	ck_assert_uint_eq(json_object_size(answer), 0);
}
END_TEST

START_TEST(test_wrong_person)
{
	json_auto_t *answer = click(TRACK, "somebody", id_of(0), true);
	ck_assert_str_eq(notice(answer, "userPrivateData"), "click_other");
	ck_assert_ptr_null(json_object_get(answer, "cardData"));
	ck_assert_uint_eq(show.host->message_count, 0);
}
END_TEST

START_TEST(test_late)
{
	qg_clock_fix(show.wall + 2 * 60 * 60 * 1000 + 1, show.mono);
	json_auto_t *answer = click(TRACK, SHOW_STAFF, id_of(0), true);
	ck_assert_str_eq(notice(answer, "cardData"), "click_late");
	qg_clock_fix(show.wall - 120000, show.mono); /* from a clock far ahead */
	json_auto_t *early = click(TRACK, SHOW_STAFF, id_of(0), true);
	ck_assert_str_eq(notice(early, "cardData"), "click_late");
	ck_assert_uint_eq(show.host->message_count, 0);
}
END_TEST

START_TEST(test_direct)
{
	json_decref(buttons);
	buttons = make_buttons(QG_CHAT_DIRECT, SHOW_STAFF);
	json_auto_t *answer = click(TRACK, SHOW_STAFF, id_of(0), true);
	ck_assert_str_ne(notice(answer, "cardData"), "");
	ck_assert_str_eq(show.host->messages[0]->chat, SHOW_STAFF);
	ck_assert_int_eq(show.host->messages[0]->chat_type, QG_CHAT_DIRECT);
}
END_TEST

/* Whatever is changed in an id, or in whose card it stands, makes it nobody's. */
START_TEST(test_forged)
{
	QG_AUTO(qg_str_free) char *id = qg_str_copy(id_of(0));
	for (size_t i = 0; id[i]; i++) {
		char was = id[i];
		id[i] = was == 'a' ? 'b' : 'a';
		json_auto_t *answer = click(TRACK, SHOW_STAFF, id, true);
		ck_assert_msg(answer == NULL, "%s", id);
		id[i] = was;
	}
	ck_assert_ptr_null(click("run_other", SHOW_STAFF, id, true));
	ck_assert_uint_eq(show.host->message_count, 0);
}
END_TEST

static const char *const broken[] = {"", "{", "[]", "null", "{\"content\":\"{\"}",
	"{\"outTrackId\":\"" TRACK "\",\"userId\":\"u\",\"content\":7}",
	"{\"outTrackId\":\"" TRACK "\",\"userId\":\"u\",\"content\":\"{\\\"cardPrivateData\\\":{"
	"\\\"actionIds\\\":[\\\"q1.\\\"]}}\"}",
	"{\"outTrackId\":\"" TRACK "\",\"userId\":\"u\",\"content\":\"{\\\"cardPrivateData\\\":{"
	"\\\"actionIds\\\":[\\\"q1.ffffffffffffffff.0.g.00000000000000000000.\\\"]}}\"}"};

START_TEST(test_broken)
{
	struct told told = {0};
	dingtalk_click(core(), broken[_i], strlen(broken[_i]), 1, clicked, &told);
	ck_assert_uint_eq(told.times, 1);
	ck_assert_ptr_null(told.response);
}
END_TEST

/* All of a card's buttons fit into one of its variables. */
START_TEST(test_room)
{
	json_auto_t *wanted = json_array();
	char value[301];
	memset(value, 'v', sizeof(value) - 1);
	value[300] = '\0';
	for (int i = 0; i < 10; i++) {
		json_array_append_new(wanted, json_pack("{s:s, s:s}", "text", "t", "value", value));
	}
	struct dingtalk_whom whom = {.chat = SHOW_GROUP, .type = QG_CHAT_GROUP};
	json_auto_t *made = dingtalk_card_buttons(core(), TRACK, &whom, wanted);
	QG_AUTO(qg_str_free) char *text = qg_json_dump(made);
	ck_assert_uint_ge(json_array_size(made), 1);
	ck_assert_uint_le(strlen(text), DINGTALK_VALUE_MOST);
	ck_assert_ptr_null(dingtalk_card_buttons(core(), TRACK, &whom, NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk clicks");
	TCase *tcase = tcase_create("all");
	tcase_add_unchecked_fixture(tcase, start_redis, stop_redis);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_taken);
	tcase_add_test(tcase, test_as_parameter);
	tcase_add_test(tcase, test_twice);
	tcase_add_test(tcase, test_slow_store);
	tcase_add_loop_test(tcase, test_endings, 0, sizeof(endings) / sizeof(endings[0]));
	tcase_add_test(tcase, test_bot_ends);
	tcase_add_test(tcase, test_wrong_person);
	tcase_add_test(tcase, test_late);
	tcase_add_test(tcase, test_direct);
	tcase_add_test(tcase, test_forged);
	tcase_add_loop_test(tcase, test_broken, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(tcase, test_room);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
