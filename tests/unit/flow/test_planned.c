/* test_planned.c - what a platform shows only plainer, smaller or later, and who hears of what it never shows. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

static void begin(void)
{
	node_start(&ann, "ann");
	wait_owner(&ann);
}

static bool is_empty(void *arg)
{
	return ask_int("EXISTS", "w:" BOT, NULL) == 0;
}

static void wait_empty(void)
{
	wait_until(is_empty, NULL);
}

static void expect_send(size_t index, const char *chat, char id, unsigned part, bool repeated)
{
	const struct send *send = &platform.sends[index];
	ck_assert_str_eq(send->chat, chat);
	ck_assert_int_eq(send->id[0], id);
	ck_assert_uint_eq(send->part, part);
	ck_assert_int_eq(send->repeated, repeated);
}

/* ---- forms, sizes, rates ---- */

static void begin_on(const char *platform_name)
{
	static char *admins[] = {"boss"};
	struct qg_bot_config bot = a_bot(BOT, platform_name, "1");
	bot.admins = (struct qg_strings){admins, 1};
	config_bot(&bot);
	begin();
}

START_TEST(what_is_not_shown_in_place_goes_in_a_plainer_form)
{
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	ck_assert_int_eq(platform.sends[0].form, QG_FORM_RICH);
	send_end(0, QG_UNSUPPORTED, 0);
	wait_sends(2);
	expect_send(1, "c1", 'a', 0, false);
	ck_assert_int_eq(platform.sends[1].form, QG_FORM_APART);
	ck_assert_uint_eq(platform.sends[1].reply->attempts, 0);
	send_end(1, QG_BUSY, 1); /* the form is kept with what waits */
	wait_sends(3);
	ck_assert_int_eq(platform.sends[2].form, QG_FORM_APART);
	send_end(2, QG_UNSUPPORTED, 0);
	wait_sends(4);
	ck_assert_int_eq(platform.sends[3].form, QG_FORM_PLAIN);
	send_end(3, QG_UNSUPPORTED, 0); /* nothing is plainer */
	wait_empty();
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
}
END_TEST

START_TEST(a_part_that_is_too_large_goes_in_pieces)
{
	char text[2 * PART_BYTES];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', text); /* of two parts */
	wait_sends(1);
	send_end(0, QG_OK, 0);
	wait_sends(2);
	send_end(1, QG_TOO_LARGE, 0);
	wait_sends(3);
	expect_send(2, "c1", 'a', 1, false); /* under the same key: that one was never taken */
	node_crash(&ann);		     /* who comes next finds the pieces */
	dead_process = "ann";
	node_start(&ben, "ben");
	wait_sends(4);
	expect_send(3, "c1", 'a', 1, true);
	ck_assert_str_eq(platform.sends[3].text, platform.sends[2].text);
	send_end(3, QG_OK, 0);
	wait_sends(5);
	expect_send(4, "c1", 'a', 2, false);
	char *whole = qg_str_printf(
		"%s%s%s", platform.sends[0].text, platform.sends[3].text, platform.sends[4].text);
	ck_assert_str_eq(whole, text);
	free(whole);
	send_end(4, QG_OK, 0);
	wait_empty();
}
END_TEST

START_TEST(what_no_size_helps_becomes_a_dead_letter)
{
	enum { CUTS = 3 }; /* 64, 32, 16 bytes */
	char text[PART_BYTES + 1];
	memset(text, 'x', PART_BYTES);
	text[PART_BYTES] = '\0';
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', text);
	for (size_t i = 0; i < CUTS; i++) {
		wait_sends(i + 1);
		ck_assert_uint_eq(strlen(platform.sends[i].text), (size_t)PART_BYTES >> i);
		send_end(i, QG_TOO_LARGE, 0);
	}
	wait_empty();
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
}
END_TEST

START_TEST(a_chat_hears_no_more_than_its_platform_lets_it)
{
	platform.account = "app";
	begin_on("slow");
	clock_stop();
	put_reply("c1", 'a', "one");
	put_reply("c1", 'b', "two");
	put_reply("c2", 'c', "other");
	wait_sends(2);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 2); /* the other chat is not held up */
	expect_send(0, "c1", 'a', 0, false);
	expect_send(1, "c2", 'c', 0, false);
	clock_move(499, 499);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 2);
	ck_assert_int_eq(ask_int("HGET", "q:" BOT ":c1", "attempts", NULL), 0);
	clock_move(1, 1);
	wait_sends(3);
	expect_send(2, "c1", 'b', 0, false);
	wait_empty();
	ck_assert_int_ge(qg_metric_value(bot_at(&ann)->paced), 1);
}
END_TEST

START_TEST(bots_of_an_account_share_its_rate)
{
	enum { BURST = 2 };
	platform.account = "app";
	begin_on("slow");
	clock_stop();
	put_silently("c1", 'a', "x");
	put_silently("c2", 'b', "x");
	put_silently("c3", 'c', "x");
	put_reply("c4", 'd', "x");
	wait_sends(BURST);
	run_looks();
	ck_assert_uint_eq(platform.send_count, BURST);
	clock_move(125, 125);
	wait_sends(BURST + 1);
	clock_move(250, 250);
	wait_sends(BURST + 2);
	wait_empty();
}
END_TEST

/* ---- dead letters and who hears of them ---- */

START_TEST(admins_hear_of_what_cannot_be_delivered)
{
	begin_on("mail");
	platform.keeps = true;
	qg_test_redis_do(server, "SADD", "qg:{0}:a:" BOT, "anna", NULL);
	qg_test_redis_do(server, "SADD", "qg:{0}:a:" BOT, "boss", NULL); /* once only */
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	send_end(0, QG_DENIED, 0);
	wait_sends(3);
	for (size_t i = 1; i < 3; i++) {
		const struct qg_reply *notice = platform.sends[i].reply;
		ck_assert_str_eq(notice->text, "undelivered_admin");
		ck_assert_int_eq(notice->chat_type, QG_CHAT_DIRECT);
		ck_assert_uint_eq(json_array_size(notice->answers), 0);
	}
	ck_assert_str_ne(platform.sends[1].chat, platform.sends[2].chat);
	ck_assert_str_ne(platform.sends[1].id, platform.sends[2].id);
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	send_end(1, QG_DENIED, 0); /* of a notice nobody hears */
	send_end(2, QG_OK, 0);
	wait_empty();
	ck_assert_uint_eq(platform.send_count, 3);
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 2);
}
END_TEST

START_TEST(no_notice_comes_out_where_a_bot_may_not_write_first)
{
	begin();
	put_notice("boss", 'a', "80 %");
	put_reply("boss", 'b', "an answer");
	wait_sends(1);
	expect_send(0, "boss", 'b', 0, false);
	wait_empty();
	ck_assert_int_eq(ask_int("EXISTS", "dead", NULL), 0);
}
END_TEST

START_TEST(a_chat_that_is_gone_is_no_news)
{
	begin_on("mail");
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	send_end(0, QG_NOT_FOUND, 0);
	wait_empty();
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1);
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
}
END_TEST

START_TEST(admins_are_told_before_it_is_buried)
{
	begin_on("mail");
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	/* writes are refused while the connection stands: nothing may be forgotten meanwhile */
	qg_test_redis_do(server, "CONFIG", "SET", "min-replicas-to-write", "1", NULL);
	send_end(0, QG_INVALID, 0);
	run_looks();
	ck_assert_int_eq(ask_int("EXISTS", "dead", NULL), 0);
	qg_test_redis_do(server, "CONFIG", "SET", "min-replicas-to-write", "0", NULL);
	wait_sends(2);
	ck_assert_str_eq(platform.sends[1].chat, "boss");
	send_end(1, QG_OK, 0);
	wait_empty();
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
}
END_TEST

/* ---- silent replies and files ---- */

static void make_silent(struct qg_reply *reply)
{
	free(reply->text);
	reply->text = qg_str_copy("");
	reply->label = qg_str_copy("AI 生成");
	reply->silent = true;
}

START_TEST(a_silent_reply_goes_only_where_something_is_open)
{
	begin_on("dial");
	put_changed("c1", 'a', make_silent);
	wait_sends(1);
	expect_send(0, "c1", 'a', 0, false);
	ck_assert_str_eq(platform.sends[0].text, "");
	wait_empty();
}
END_TEST

START_TEST(elsewhere_it_leaves_its_list_unseen)
{
	begin_on("door");
	put_changed("c1", 'a', make_silent);
	put_reply("c1", 'b', "hi");
	wait_sends(1);
	expect_send(0, "c1", 'b', 0, false);
	wait_empty();
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->sent), 1);
}
END_TEST

START_TEST(a_silent_reply_that_fails_is_no_dead_letter)
{
	begin_on("dial");
	platform.keeps = true;
	put_changed("c1", 'a', make_silent);
	put_reply("c1", 'b', "hi");
	wait_sends(1);
	send_end(0, QG_UNSUPPORTED, 0); /* its handle is gone: there is nothing to close */
	wait_sends(2);
	expect_send(1, "c1", 'b', 0, false);
	send_end(1, QG_OK, 0);
	wait_empty();
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 0);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->sent), 1);
}
END_TEST

static void add_files(struct qg_reply *reply)
{
	reply->files = json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "type", "image", "name",
		"chart", "file", "1.png", "type", "file", "name", "table", "file", "2.xlsx");
}

START_TEST(files_leave_behind_the_text_each_by_itself)
{
	begin_on("dial");
	put_changed("c1", 'a', add_files);
	wait_sends(3);
	static const char *const names[] = {"", "chart", "table"};
	for (unsigned i = 0; i < 3; i++) {
		expect_send(i, "c1", 'a', i, false);
		ck_assert_str_eq(platform.sends[i].text, i == 0 ? "text" : "");
		ck_assert_str_eq(platform.sends[i].file, names[i]);
	}
	wait_empty();
}
END_TEST

START_TEST(a_crash_between_files_repeats_one_of_them)
{
	begin_on("dial");
	platform.keeps = true;
	put_changed("c1", 'a', add_files);
	wait_sends(1);
	send_end(0, QG_OK, 0);
	wait_sends(2);
	node_crash(&ann);
	dead_process = "ann";
	node_start(&ben, "ben");
	wait_sends(3);
	expect_send(2, "c1", 'a', 1, true);
	ck_assert_str_eq(platform.sends[2].file, "chart");
	send_end(2, QG_OK, 0);
	wait_sends(4);
	ck_assert_str_eq(platform.sends[3].file, "table");
	send_end(3, QG_OK, 0);
	wait_empty();
}
END_TEST

START_TEST(a_file_that_is_refused_becomes_a_sentence)
{
	begin_on("dial");
	platform.keeps = true;
	put_changed("c1", 'a', add_files);
	wait_sends(1);
	send_end(0, QG_OK, 0);
	wait_sends(2);
	send_end(1, QG_TOO_LARGE, 0);
	wait_sends(3);
	expect_send(2, "c1", 'a', 1, false);
	ck_assert_str_eq(platform.sends[2].text, "file_not_shown");
	ck_assert_str_eq(platform.sends[2].file, "");
	send_end(2, QG_OK, 0);
	wait_sends(4);
	ck_assert_str_eq(platform.sends[3].file, "table");
	send_end(3, QG_OK, 0);
	wait_empty();
}
END_TEST

START_TEST(a_platform_without_files_names_them)
{
	begin_on("door");
	put_changed("c1", 'a', add_files);
	wait_sends(1);
	ck_assert_str_eq(platform.sends[0].text, "text\n\nfile_not_shown\n\nfile_not_shown");
	ck_assert_str_eq(platform.sends[0].file, "");
	wait_empty();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("planned");
	TCase *tcase = tcase_create("planned");
	fixture_add(tcase);
	tcase_add_test(tcase, what_is_not_shown_in_place_goes_in_a_plainer_form);
	tcase_add_test(tcase, a_part_that_is_too_large_goes_in_pieces);
	tcase_add_test(tcase, what_no_size_helps_becomes_a_dead_letter);
	tcase_add_test(tcase, a_chat_hears_no_more_than_its_platform_lets_it);
	tcase_add_test(tcase, bots_of_an_account_share_its_rate);
	tcase_add_test(tcase, admins_hear_of_what_cannot_be_delivered);
	tcase_add_test(tcase, no_notice_comes_out_where_a_bot_may_not_write_first);
	tcase_add_test(tcase, a_chat_that_is_gone_is_no_news);
	tcase_add_test(tcase, admins_are_told_before_it_is_buried);
	tcase_add_test(tcase, a_silent_reply_goes_only_where_something_is_open);
	tcase_add_test(tcase, elsewhere_it_leaves_its_list_unseen);
	tcase_add_test(tcase, a_silent_reply_that_fails_is_no_dead_letter);
	tcase_add_test(tcase, files_leave_behind_the_text_each_by_itself);
	tcase_add_test(tcase, a_crash_between_files_repeats_one_of_them);
	tcase_add_test(tcase, a_file_that_is_refused_becomes_a_sentence);
	tcase_add_test(tcase, a_platform_without_files_names_them);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
