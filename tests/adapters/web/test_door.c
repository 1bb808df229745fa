/* test_door.c - who may come in, what they get to see, and which messages are taken. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define MEMBERS "members: {小明: s1, 小红: {secret: s2, admin: true}}"
#define HELLO "{\"from\":\"小明\",\"text\":\"你好\"}"

static struct world world;
static struct client client;

static void open_free(void)
{
	world_open(&world, "", false);
}

static void open_members(void)
{
	world_open(&world, MEMBERS, false);
}

static void close_world(void)
{
	world_close(&world);
}

static int get(const char *path, const char *headers)
{
	return client_get(&client, world.loop, world.port, path, headers);
}

static int post(const char *path, const char *headers, const char *body)
{
	return client_post(&client, world.loop, world.port, path, headers, body);
}

/* A post whose answer is all that matters. */
static int post_code(const char *headers, const char *body)
{
	int code = post(CHAT "/messages", headers, body);
	client_close(&client);
	return code;
}

static const char *head_value(const char *name)
{
	const char *at = strcasestr(client.in.data, name);
	return at ? at : "";
}

START_TEST(test_strangers)
{
	static const char *const paths[] = {CHAT "/", CHAT "/about", CHAT "/events",
		CHAT "/messages", CHAT "/assets/app.js", CHAT "/nothing"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ck_assert_int_eq(get(paths[i], NULL), 401);
		ck_assert_ptr_nonnull(strstr(client_body(&client), "\"error\""));
		client_close(&client);
	}
	ck_assert_int_eq(post_code(JSON, HELLO), 401);
	ck_assert_int_eq(get(CHAT, NULL), 401);
	ck_assert_ptr_nonnull(strstr(client_body(&client), "data-way=\"token\""));
	ck_assert_ptr_null(strstr(client_body(&client), "{{"));
	ck_assert_ptr_null(strstr(client_body(&client), "小满"));
	client_close(&client);
	ck_assert_uint_eq(world.host->message_count, 0);
}
END_TEST

START_TEST(test_page)
{
	ck_assert_int_eq(get(CHAT, ADMIN), 200);
	ck_assert_ptr_nonnull(strstr(client_body(&client), "src=\"xiaoman/assets/app.js\""));
	ck_assert_ptr_null(strstr(client_body(&client), "{{"));
	const char *policy = head_value("Content-Security-Policy:");
	ck_assert_ptr_nonnull(
		strstr(policy, "default-src 'none'; script-src 'self'; style-src 'self'"));
	ck_assert_ptr_nonnull(strstr(policy, "frame-ancestors 'none'"));
	client_close(&client);
	static const char *const assets[] = {"app.js", "compose.js", "link.js", "markdown.js",
		"talk.js", "style.css", "icon.svg"};
	for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++) {
		QG_AUTO(qg_str_free) char *path = qg_str_printf(CHAT "/assets/%s", assets[i]);
		ck_assert_int_eq(get(path, ADMIN), 200);
		ck_assert_int_gt(strlen(client_body(&client)), 100);
		client_close(&client);
	}
	static const char *const missing[] = {CHAT "/assets/index.html", CHAT "/assets/gate.html",
		CHAT "/assets/", CHAT "/assets/x.js", CHAT "/x"};
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		ck_assert_int_eq(get(missing[i], ADMIN), 404);
		client_close(&client);
	}
	ck_assert_int_eq(get(CHAT "/", ADMIN), 308);
	ck_assert_ptr_nonnull(strstr(client.in.data, "Location: ../xiaoman\r\n"));
	client_close(&client);
	ck_assert_int_eq(get(CHAT "/messages", ADMIN), 405);
	client_close(&client);
	ck_assert_int_eq(post(CHAT "/events", ADMIN JSON, "{}"), 405);
	client_close(&client);
}
END_TEST

START_TEST(test_about)
{
	ck_assert_int_eq(get(CHAT "/about", ADMIN), 200);
	const char *body = client_body(&client);
	json_t *about = qg_json_parse(body, strlen(body), NULL);
	ck_assert_ptr_nonnull(about);
	ck_assert_str_eq(qg_json_str(about, "title", ""), "小满");
	ck_assert_str_eq(qg_json_str(about, "greeting", ""), "你好");
	ck_assert_uint_eq(json_array_size(json_object_get(about, "suggestions")), 1);
	ck_assert(json_is_null(json_object_get(about, "me")));
	json_decref(about);
	client_close(&client);
}
END_TEST

START_TEST(test_post)
{
	world.host->hold = true;
	client_open(&client, world.loop, world.port);
	client_ask(&client, "POST", CHAT "/messages", ADMIN JSON,
		"{\"from\":\"小明\",\"text\":\"@小满 "
		"几点开门？\",\"mention\":true,\"id\":\"abc-1\"}");
	struct client other;
	ck_assert_int_eq(client_get(&other, world.loop, world.port, CHAT "/about", ADMIN), 200);
	client_close(&other);
	ck_assert_uint_eq(client_count(&client, "HTTP/1.1"), 0); /* not before it is stored */
	fake_host_release(world.host);
	ck_assert_int_eq(client_answer(&client), 202);
	ck_assert_str_eq(client_body(&client), "{\"id\":\"abc-1\"}");
	client_close(&client);
	ck_assert_uint_eq(world.host->message_count, 1);
	const struct qg_message *message = world.host->messages[0];
	ck_assert_str_eq(message->id, "abc-1");
	ck_assert_str_eq(message->chat, "web");
	ck_assert_str_eq(message->sender, "web:小明");
	ck_assert_str_eq(message->sender_name, "小明");
	ck_assert_str_eq(message->text, "几点开门？");
	ck_assert(message->mentions_bot);
	ck_assert(!message->sender_is_admin);
	ck_assert_uint_gt(message->received_us, 0);
	json_t *event = qg_json_parse(message->feed_event, strlen(message->feed_event), NULL);
	ck_assert_str_eq(qg_json_str(event, "id", ""), "abc-1");
	ck_assert_str_eq(qg_json_str(event, "from", ""), "小明");
	ck_assert_str_eq(qg_json_str(event, "text", ""), "@小满 几点开门？");
	ck_assert_int_eq(qg_json_int(event, "time", 0), message->sent_at);
	json_decref(event);
}
END_TEST

START_TEST(test_post_without_id)
{
	ck_assert_int_eq(post(CHAT "/messages", ADMIN JSON, HELLO), 202);
	const struct qg_message *message = world.host->messages[0];
	ck_assert_uint_eq(strlen(message->id), 32);
	ck_assert_ptr_nonnull(strstr(client_body(&client), message->id));
	ck_assert(!message->mentions_bot);
	ck_assert_str_eq(message->text, "你好");
	client_close(&client);
}
END_TEST

static const struct outcome {
	enum qg_status status;
	int code;
} outcomes[] = {{QG_OK, 202}, {QG_DUPLICATE, 202}, {QG_FULL, 202}, {QG_AWAY, 503}, {QG_BUSY, 503},
	{QG_TIMEOUT, 503}, {QG_INVALID, 400}};

START_TEST(test_outcomes)
{
	world.host->answer = outcomes[_i].status;
	ck_assert_int_eq(post(CHAT "/messages", ADMIN JSON, HELLO), outcomes[_i].code);
	if (outcomes[_i].code == 503) {
		ck_assert_str_ne(head_value("Retry-After: "), "");
	}
	client_close(&client);
}
END_TEST

#define TEN "一二三四五六七八九十"

static const struct refusal {
	const char *headers, *body;
	int code;
} refusals[] = {
	{ADMIN JSON, "", 400},
	{ADMIN JSON, "[]", 400},
	{ADMIN JSON, "{", 400},
	{ADMIN JSON, "{\"from\":\"a\"}", 400},
	{ADMIN JSON, "{\"text\":\"a\"}", 400},
	{ADMIN JSON, "{\"from\":1,\"text\":\"a\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\",\"text\":\"b\",\"mention\":\"yes\"}", 400},
	{ADMIN JSON, "{\"from\":\"\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\" a\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\\nb\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\\u202eb\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\\u200bb\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\\u00adb\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\\u061cb\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"\\u3164\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\\udb40\\udc41\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"小明\\u2003\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"小满\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"xiaoman\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"" TEN TEN TEN TEN "一\",\"text\":\"b\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\",\"text\":\"\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\",\"text\":\" \\u3000\\n\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\",\"text\":\"\xff\xfe\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\",\"text\":\"b\\u0000c\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\",\"text\":\"b\",\"id\":\"\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\",\"text\":\"b\",\"id\":\"x y\"}", 400},
	{ADMIN JSON, "{\"from\":\"a\",\"text\":\"b\",\"id\":\"x:y\"}", 400},
	{ADMIN, HELLO, 415},
	{ADMIN "Content-Type: text/plain\r\n", HELLO, 415},
	{ADMIN "Content-Type: application/jsonx\r\n", HELLO, 415},
	{ADMIN JSON "Origin: http://evil.example\r\n", HELLO, 403},
	{ADMIN JSON "Origin: http://127.0.0.1.evil.example\r\n", HELLO, 403},
	{ADMIN JSON "Origin: null\r\n", HELLO, 403},
	{ADMIN JSON "Cookie: a=b\r\n", HELLO, 403},
};

START_TEST(test_refusals)
{
	ck_assert_int_eq(post_code(refusals[_i].headers, refusals[_i].body), refusals[_i].code);
	ck_assert_uint_eq(world.host->message_count, 0);
}
END_TEST

static const struct mention {
	const char *text, *read;
} mentions[] = {{"@小满 几点", "几点"}, {"@xiaoman@小满几点@小满", "几点"},
	{"几点@小满？", "几点？"}, {"@@小满 a@小 @", "@ a@小 @"}, {"@小满", ""}};

START_TEST(test_mention_is_cut)
{
	QG_AUTO(qg_str_free)
	char *body = qg_str_printf(
		"{\"from\":\"a\",\"text\":\"%s\",\"mention\":true}", mentions[_i].text);
	ck_assert_int_eq(post_code(ADMIN JSON, body), 202);
	ck_assert_str_eq(world.host->messages[0]->text, mentions[_i].read);
}
END_TEST

START_TEST(test_accepted_forms)
{
	ck_assert_int_eq(
		post_code(ADMIN "Content-Type: application/json; charset=utf-8\r\n", HELLO), 202);
	ck_assert_int_eq(
		post_code(ADMIN JSON "Origin: http://127.0.0.1\r\nCookie: a=b\r\n", HELLO), 202);
	ck_assert_int_eq(
		post_code(ADMIN JSON, "{\"from\":\"" TEN TEN TEN TEN "\",\"text\":\"b\"}"), 202);
	ck_assert_uint_eq(world.host->message_count, 3);
}
END_TEST

START_TEST(test_long_text)
{
	struct qg_buf body;
	qg_buf_init(&body, 1 << 20);
	qg_buf_add_str(&body, "{\"from\":\"a\",\"text\":\"");
	size_t head = body.size;
	while (body.size < head + QG_TEXT_MAX) {
		qg_buf_add_char(&body, 'x');
	}
	size_t full = body.size;
	qg_buf_add_str(&body, "\"}");
	ck_assert_int_eq(post_code(ADMIN JSON, body.data), 202);
	body.size = full;
	qg_buf_add_str(&body, "y\"}");
	ck_assert_int_eq(post_code(ADMIN JSON, body.data), 413);
	qg_buf_finish(&body);
}
END_TEST

/* ---- members ---- */

/* Logs in; the cookie as a request header, yours to free. */
static char *login(const char *name, const char *secret)
{
	QG_AUTO(qg_str_free)
	char *body = qg_str_printf("{\"name\":\"%s\",\"secret\":\"%s\"}", name, secret);
	ck_assert_int_eq(post(CHAT "/login", JSON, body), 200);
	const char *cookie = head_value("Set-Cookie: ");
	ck_assert_ptr_nonnull(strstr(cookie, "; Path=/chat/xiaoman; "));
	ck_assert_ptr_nonnull(strstr(cookie, "; HttpOnly; SameSite=Strict"));
	cookie += strlen("Set-Cookie: ");
	char *header = qg_str_printf(
		"Origin: http://127.0.0.1\r\nContent-Type: application/json\r\nCookie: %.*s\r\n",
		(int)strcspn(cookie, ";"), cookie);
	client_close(&client);
	return header;
}

START_TEST(test_member)
{
	ck_assert_int_eq(get(CHAT, NULL), 401);
	ck_assert_ptr_nonnull(strstr(client_body(&client), "data-way=\"members\""));
	client_close(&client);
	QG_AUTO(qg_str_free) char *ming = login("小明", "s1");
	ck_assert_int_eq(get(CHAT, ming), 200);
	client_close(&client);
	ck_assert_int_eq(get(CHAT "/about", ming), 200);
	ck_assert_ptr_nonnull(strstr(client_body(&client), "\"me\":\"小明\""));
	ck_assert_ptr_nonnull(strstr(client_body(&client), "\"admin\":false"));
	client_close(&client);
	ck_assert_int_eq(post_code(ming, HELLO), 202);
	ck_assert_int_eq(post_code(ming, "{\"from\":\"小红\",\"text\":\"b\"}"), 403);
	ck_assert_int_eq(post_code(ADMIN JSON, "{\"from\":\"谁都行\",\"text\":\"b\"}"), 202);
	ck_assert_uint_eq(world.host->message_count, 2);
	ck_assert(!world.host->messages[0]->sender_is_admin);
}
END_TEST

START_TEST(test_member_admin)
{
	QG_AUTO(qg_str_free) char *hong = login("小红", "s2");
	ck_assert_int_eq(post_code(hong, "{\"from\":\"小红\",\"text\":\"b\"}"), 202);
	ck_assert(world.host->messages[0]->sender_is_admin);
}
END_TEST

START_TEST(test_wrong_login)
{
	static const char *const bodies[] = {"{\"name\":\"小明\",\"secret\":\"s2\"}",
		"{\"name\":\"nobody\",\"secret\":\"s1\"}", "{\"name\":\"小明\",\"secret\":\"\"}"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		ck_assert_int_eq(post(CHAT "/login", JSON, bodies[i]), 401);
		ck_assert_str_eq(head_value("Set-Cookie"), "");
		client_close(&client);
	}
	ck_assert_int_eq(post(CHAT "/login", JSON, "{}"), 400);
	client_close(&client);
	ck_assert_int_eq(post(CHAT "/login", JSON "Origin: http://evil.example\r\n", "{}"), 403);
	client_close(&client);
}
END_TEST

/* Guessing is slow, and a right guess while locked is not told from a wrong one. */
START_TEST(test_guessing)
{
	int code = 0;
	for (int i = 0; i < 11; i++) {
		code = post(CHAT "/login", JSON, "{\"name\":\"小明\",\"secret\":\"guess\"}");
		client_close(&client);
	}
	ck_assert_int_eq(code, 429);
	ck_assert_int_eq(post(CHAT "/login", JSON, "{\"name\":\"小明\",\"secret\":\"s1\"}"), 429);
	client_close(&client);
	QG_AUTO(qg_str_free) char *hong = login("小红", "s2"); /* the others are not locked out */
	ck_assert_ptr_nonnull(hong);
}
END_TEST

/* How guessing is refused does not tell whether there is such a member. */
START_TEST(test_guessing_at_nobody)
{
	int code = 0;
	for (int i = 0; i < 11; i++) {
		code = post(CHAT "/login", JSON, "{\"name\":\"nobody\",\"secret\":\"guess\"}");
		client_close(&client);
		ck_assert_int_eq(code, i < 10 ? 401 : 429);
	}
	QG_AUTO(qg_str_free) char *ming = login("小明", "s1");
	ck_assert_ptr_nonnull(ming);
}
END_TEST

/* Any changed byte of the cookie makes it nobody's; another secret too. */
START_TEST(test_forged_cookie)
{
	QG_AUTO(qg_str_free) char *ming = login("小明", "s1");
	char *value = strstr(ming, "qg_member=") + strlen("qg_member=");
	size_t size = strcspn(value, "\r");
	for (size_t i = 0; i < size; i += 7) {
		char kept = value[i];
		value[i] = kept == '1' ? '2' : '1';
		ck_assert_int_eq(get(CHAT "/about", ming), 401);
		client_close(&client);
		value[i] = kept;
	}
	ck_assert_int_eq(get(CHAT "/about", ming), 200);
	client_close(&client);
	static const char *const others[] = {"Cookie: qg_member=\r\n", "Cookie: qg_member=..\r\n",
		"Cookie: qg_member=zz.1.2\r\n", "Cookie: qg_member=e5.99999999999999999999.a\r\n"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_int_eq(get(CHAT "/about", others[i]), 401);
		client_close(&client);
	}
	/* The same member with another secret, as after a reload. */
	fake_host_destroy(world.host);
	world.host = fake_host_create(
		world.loop, qg_adapter_find("web"), "members: {小明: changed}", NULL, NULL);
	ck_assert_int_eq(get(CHAT "/about", ming), 401);
	client_close(&client);
}
END_TEST

START_TEST(test_cookie_expires)
{
	QG_AUTO(qg_str_free) char *ming = login("小明", "s1");
	qg_clock_fix(qg_clock_wall() + 31LL * 24 * 60 * 60 * 1000, qg_clock_mono());
	client_open(&client, world.loop, world.port);
	client_ask(&client, "GET", CHAT "/about", ming, NULL);
	ck_assert_int_eq(client_answer(&client), 401);
	client_close(&client);
	qg_clock_fix(-1, 0);
}
END_TEST

START_TEST(test_logout)
{
	QG_AUTO(qg_str_free) char *ming = login("小明", "s1");
	ck_assert_int_eq(post(CHAT "/logout", ming, "{}"), 200);
	ck_assert_ptr_nonnull(strstr(client.in.data, "qg_member=; "));
	ck_assert_ptr_nonnull(strstr(client.in.data, "Max-Age=0"));
	client_close(&client);
}
END_TEST

/* The peer leaves before its message is stored; the answer then has nowhere to go. */
START_TEST(test_peer_leaves)
{
	world.host->hold = true;
	client_open(&client, world.loop, world.port);
	client_ask(&client, "POST", CHAT "/messages", ADMIN JSON, HELLO);
	struct client other;
	ck_assert_int_eq(client_get(&other, world.loop, world.port, CHAT "/about", ADMIN), 200);
	client_close(&other);
	ck_assert_uint_eq(world.host->message_count, 1);
	client_close(&client);
	ck_assert_int_eq(client_get(&other, world.loop, world.port, CHAT "/about", ADMIN), 200);
	client_close(&other);
	fake_host_release(world.host);
}
END_TEST

static bool has_stopped(void *arg)
{
	return world.host->stops > 0;
}

/* A message on its way is answered before stopped() comes; new ones are sent elsewhere. */
START_TEST(test_stop)
{
	world.host->hold = true;
	client_open(&client, world.loop, world.port);
	client_ask(&client, "POST", CHAT "/messages", ADMIN JSON, HELLO);
	struct client other;
	ck_assert_int_eq(client_get(&other, world.loop, world.port, CHAT "/about", ADMIN), 200);
	client_close(&other);
	fake_host_stop(world.host);
	ck_assert_int_eq(client_get(&other, world.loop, world.port, CHAT "/about", ADMIN), 503);
	client_close(&other);
	ck_assert_uint_eq(world.host->stops, 0);
	fake_host_release(world.host);
	ck_assert_int_eq(client_answer(&client), 202);
	client_close(&client);
	fake_host_wait(world.loop, has_stopped, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("door");
	TCase *open = tcase_create("without members");
	tcase_add_checked_fixture(open, open_free, close_world);
	tcase_add_test(open, test_strangers);
	tcase_add_test(open, test_page);
	tcase_add_test(open, test_about);
	tcase_add_test(open, test_post);
	tcase_add_test(open, test_post_without_id);
	tcase_add_loop_test(open, test_outcomes, 0, sizeof(outcomes) / sizeof(outcomes[0]));
	tcase_add_loop_test(open, test_refusals, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_loop_test(open, test_mention_is_cut, 0, sizeof(mentions) / sizeof(mentions[0]));
	tcase_add_test(open, test_accepted_forms);
	tcase_add_test(open, test_long_text);
	tcase_add_test(open, test_peer_leaves);
	tcase_add_test(open, test_stop);
	suite_add_tcase(suite, open);
	TCase *members = tcase_create("with members");
	tcase_add_checked_fixture(members, open_members, close_world);
	tcase_add_test(members, test_member);
	tcase_add_test(members, test_member_admin);
	tcase_add_test(members, test_wrong_login);
	tcase_add_test(members, test_guessing);
	tcase_add_test(members, test_guessing_at_nobody);
	tcase_add_test(members, test_forged_cookie);
	tcase_add_test(members, test_cookie_expires);
	tcase_add_test(members, test_logout);
	suite_add_tcase(suite, members);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
