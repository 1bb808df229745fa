/* test_body.c - addresses that are taken and refused, signatures, the bytes that leave, and what answers mean. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "robot_world.h"
#include "support/malloc.h"

#include "qg/json.h"
#include "qg/str.h"

#define KEY "ec2e9683-fec0-4169-a235-41e814fc1fce"
#define PATH "/open-apis/bot/v2/hook/"
#define BODY_LIMIT ((size_t)64 * 1024)

static json_t *vectors;

static void setup(void)
{
	char path[512];
	json_error_t error;
	/* those of both platforms stand together */
	int size = (int)(strlen(QG_VECTORS) - strlen("-hook"));
	snprintf(path, sizeof(path), "%.*s/custom-bot.json", size, QG_VECTORS);
	vectors = json_load_file(path, 0, &error);
	ck_assert_msg(vectors != NULL, "%s: %s", path, error.text);
}

static void teardown(void)
{
	json_decref(vectors);
}

START_TEST(test_addresses)
{
	static const char lark[] = "https://open.larksuite.com" PATH KEY;
	robot_check_addresses(&feishu_hook_kind, "open.feishu.cn", PATH, KEY);
	robot_check_address(&feishu_hook_kind, lark, "https://open.larksuite.com", KEY);
	static const char *const refused[] = {
		"https://open.feishu.cn/open-apis/bot/hook/" KEY, /* of the first kind of robots */
		"https://open.feishu.cn" PATH KEY "/",
		"https://open.feishu.cn" PATH KEY "?x=1",
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		robot_check_address(&feishu_hook_kind, refused[i], NULL, NULL);
	}
	/* what is signed is the body */
	char *url = qg_robot_url(
		&feishu_hook_kind, "https://open.larksuite.com", PATH, KEY, "a secret", 1);
	ck_assert_str_eq(url, lark);
	free(url);
}
END_TEST

static enum qg_status make(
	const char *text, enum qg_form form, const char *secret, int64_t now, struct qg_buf *out)
{
	struct qg_robot_text made = {
		.text = text, .called = "小满", .secret = secret, .now = now, .form = form};
	return feishu_hook_kind.text(&made, out);
}

static json_t *made(const char *text, enum qg_form form, const char *secret, int64_t now)
{
	struct qg_buf body;
	qg_buf_init(&body, BODY_LIMIT);
	ck_assert_int_eq(make(text, form, secret, now, &body), QG_OK);
	json_t *root = qg_json_parse(body.data, body.size, NULL);
	ck_assert_msg(root != NULL, "%s", body.data);
	qg_buf_finish(&body);
	return root;
}

/* Every recorded signature. */
START_TEST(test_signs)
{
	const json_t *cases = json_object_get(vectors, "signatures");
	ck_assert_uint_ge(json_array_size(cases), 4);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *one = json_array_get(cases, i);
		const char *seconds = qg_json_str(one, "timestamp", "");
		json_t *root = made("x", QG_FORM_PLAIN, qg_json_str(one, "secret", NULL),
			strtoll(seconds, NULL, 10) * 1000 + 999);
		ck_assert_str_eq(qg_json_str(root, "timestamp", ""), seconds);
		ck_assert_str_eq(
			qg_json_str(root, "sign", ""), qg_json_str(one, "sign", "missing"));
		json_decref(root);
	}
}
END_TEST

static const json_t *request(const char *id)
{
	const json_t *cases = json_object_get(vectors, "requests");
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *one = json_array_get(cases, i);
		if (qg_str_equal(qg_json_str(one, "id", ""), id)) {
			return json_object_get(one, "json_body");
		}
	}
	ck_abort_msg("no request %s", id);
	return NULL;
}

/* What is recorded leaves in the same form, signed. */
START_TEST(test_requests)
{
	const char *secret = qg_json_str(
		json_array_get(json_object_get(vectors, "signatures"), 0), "secret", NULL);
	json_t *text = made("大家下午三点开会", QG_FORM_PLAIN, secret, 1763777777000);
	ck_assert(qg_json_equal(text, request("custombot/text")));
	json_t *card = made("**hi**", QG_FORM_RICH, secret, 1763777777000);
	ck_assert(qg_json_equal(card, request("custombot/card")));
	json_decref(text);
	json_decref(card);
}
END_TEST

START_TEST(test_post)
{
	struct qg_buf body;
	qg_buf_init(&body, BODY_LIMIT);
	ck_assert_int_eq(make("# 日报\n\"a\"", QG_FORM_APART, NULL, 0, &body), QG_OK);
	ck_assert_str_eq(body.data,
		"{\"msg_type\":\"post\",\"content\":{\"post\":{\"zh_cn\":{\"content\":[[{\"tag\":"
		"\"md\",\"text\":\"# 日报\\n\\\"a\\\"\"}]]}}}}");
	qg_buf_finish(&body);
}
END_TEST

/* In no form anyone is mentioned. */
START_TEST(test_mentions)
{
	static const char *const calls[] = {"<at user_id=\"all\">all</at>", "<at id=all></at>",
		"< AT ids=all>", "@_all", "@_user_1", "@所有人", "@all"};
	for (int form = QG_FORM_RICH; form <= QG_FORM_PLAIN; form++) {
		for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
			struct qg_buf body;
			qg_buf_init(&body, BODY_LIMIT);
			ck_assert_int_eq(make(calls[i], (enum qg_form)form, NULL, 0, &body), QG_OK);
			ck_assert_msg(!strchr(body.data, '<') && !strchr(body.data, '@'), "%s",
				body.data);
			qg_buf_finish(&body);
		}
	}
}
END_TEST

START_TEST(test_limits)
{
	struct qg_buf body;
	qg_buf_init(&body, BODY_LIMIT);
	char *text = malloc(FEISHU_HOOK_BODY_MOST + 1);
	memset(text, 'x', FEISHU_HOOK_BODY_MOST);
	text[FEISHU_HOOK_BODY_MOST] = '\0';
	ck_assert_int_eq(make(text, (enum qg_form)_i, "s", 0, &body), QG_TOO_LARGE);
	qg_buf_reset(&body);
	text[FEISHU_HOOK_PART_BYTES] = '\0';
	ck_assert_int_eq(make(text, (enum qg_form)_i, "s", 0, &body), QG_OK);
	ck_assert_uint_le(body.size, FEISHU_HOOK_BODY_MOST);
	qg_buf_reset(&body);
	memset(text, '"', FEISHU_HOOK_PART_BYTES);
	ck_assert_int_eq(make(text, (enum qg_form)_i, "s", 0, &body), QG_TOO_LARGE);
	qg_buf_reset(&body);
	ck_assert_int_eq(make("\xff", (enum qg_form)_i, "s", 0, &body), QG_INVALID);
	qg_buf_finish(&body);
	free(text);
}
END_TEST

/* ---- what answers mean ---- */

static enum qg_status status_of(const char *action)
{
	return action[0] == '\0'			       ? QG_OK
	       : strcmp(action, "retry with backoff") == 0     ? QG_BUSY
	       : strcmp(action, "bug: malformed body") == 0    ? QG_UNSUPPORTED
	       : strcmp(action, "tell admin") == 0	       ? QG_DENIED
	       : strcmp(action, "check secret and clock") == 0 ? QG_DENIED
							       : QG_INVALID;
}

START_TEST(test_answers_of_vectors)
{
	const json_t *cases = json_object_get(vectors, "answers");
	ck_assert_uint_ge(json_array_size(cases), 6);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *one = json_array_get(cases, i);
		const json_t *body = json_object_get(one, "json_body");
		const json_t *required = json_object_get(one, "required");
		struct qg_fetch_end end = {.status = (int)qg_json_int(one, "http_status", 0)};
		struct qg_robot_outcome outcome = qg_robot_judge(&feishu_hook_kind, &end, true,
			qg_json_int(body, "code", -1), qg_json_str(body, "msg", ""), false);
		ck_assert_msg(outcome.status == status_of(qg_json_str(required, "action", "")),
			"%s: %s", qg_json_str(one, "id", ""), qg_status_name(outcome.status));
		if (outcome.status != QG_OK) {
			ck_assert_str_ne(outcome.words, "");
		}
	}
}
END_TEST

START_TEST(test_transfers)
{
	robot_check_transfers(&feishu_hook_kind, QG_IO);
}
END_TEST

/* ---- memory ---- */

/* Without a secret: a signature has no way to fail but to end the process. */
static bool make_all(void *arg)
{
	char *base, *key;
	struct qg_buf body;
	qg_buf_init(&body, BODY_LIMIT);
	bool taken =
		qg_robot_address(&feishu_hook_kind, "https://open.feishu.cn" PATH KEY, &base, &key);
	char *url = taken ? qg_robot_url(&feishu_hook_kind, base, PATH, key, NULL, 0) : NULL;
	bool good = url && make("# 一\n<at id=all>", QG_FORM_RICH, NULL, 0, &body) == QG_OK;
	free(base);
	free(key);
	free(url);
	qg_buf_finish(&body);
	return good;
}

START_TEST(test_no_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(make_all, NULL), 4);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu-hook body");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_addresses);
	tcase_add_test(tcase, test_signs);
	tcase_add_test(tcase, test_requests);
	tcase_add_test(tcase, test_post);
	tcase_add_test(tcase, test_mentions);
	tcase_add_loop_test(tcase, test_limits, QG_FORM_RICH, QG_FORM_PLAIN + 1);
	tcase_add_test(tcase, test_answers_of_vectors);
	tcase_add_test(tcase, test_transfers);
	tcase_add_test(tcase, test_no_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
