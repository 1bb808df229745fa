/* test_api.c - calls of the API: their turns, what a refusal means for the next ones, the month's count, downloads. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/str.h"

#define A "/open-apis/im/v1/messages/om_1/reply"
#define A2 "/open-apis/im/v1/messages/om_2/reply?x=1"
#define B "/open-apis/cardkit/v1/cards/1/elements/md_main/content"

static struct world world;
static struct {
	unsigned count;
	enum qg_status local, status;
	unsigned retry_ms, reset_s;
	char body[64], name[64], words[512];
} ended;

static void setup(void)
{
	world_open(&world, "encrypt_key: k\nmonthly_calls: 10");
	memset(&ended, 0, sizeof(ended));
}

static void teardown(void)
{
	world_close(&world);
}

static void on_end(void *arg, const struct feishu_answer *answer)
{
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	ended.count++;
	ended.local = answer->local;
	ended.status = outcome.status;
	ended.retry_ms = outcome.retry_ms;
	ended.reset_s = answer->reset_s;
	snprintf(ended.body, sizeof(ended.body), "%s", answer->body);
	snprintf(ended.name, sizeof(ended.name), "%s", answer->file_name ? answer->file_name : "");
	snprintf(ended.words, sizeof(ended.words), "%s", outcome.words);
}

static bool has_ended(void *arg)
{
	return ended.count >= *(unsigned *)arg;
}

static void call(const char *path)
{
	ck_assert_ptr_nonnull(
		feishu_call_start(world_core(&world)->account, "POST", path, "{}", on_end, NULL));
}

static void wait_for(unsigned count)
{
	fake_host_wait(world.loop, has_ended, &count);
}

static void call_and_wait(const char *path)
{
	unsigned before = ended.count;
	call(path);
	ck_assert_uint_eq(ended.count, before);
	wait_for(before + 1);
}

/* Too many at once: they leave one behind the other, and all arrive. */
START_TEST(test_turns)
{
	for (int i = 0; i < 14; i++) {
		call(i % 2 ? A : A2); /* one API, whatever the message */
	}
	wait_for(14);
	ck_assert_uint_eq(world.asked_count, 14);
	ck_assert_int_eq(ended.status, QG_OK);
}
END_TEST

/* The platform says how long: until then this API is busy and all others are not. */
START_TEST(test_hold)
{
	world_answer(&world, 429, "52", "{\"code\":99991400,\"msg\":\"frequency limit\"}");
	call_and_wait(A);
	ck_assert_int_eq(ended.status, QG_BUSY);
	ck_assert_uint_ge(ended.retry_ms, 52000);
	call_and_wait(A2);
	ck_assert_int_eq(ended.local, QG_BUSY);
	ck_assert_int_eq(ended.status, QG_BUSY);
	ck_assert_uint_ge(ended.retry_ms, 51000);
	ck_assert_uint_eq(world.asked_count, 1); /* it never left */
	call_and_wait(B);
	ck_assert_int_eq(ended.status, QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
}
END_TEST

/* A chat that is too fast is that chat's affair. */
START_TEST(test_no_hold)
{
	world_answer(&world, 400, NULL, "{\"code\":230020,\"msg\":\"frequency\"}");
	call_and_wait(A);
	ck_assert_int_eq(ended.status, QG_BUSY);
	ck_assert_uint_ge(ended.retry_ms, 1000);
	call_and_wait(A);
	ck_assert_int_eq(ended.status, QG_OK);
}
END_TEST

START_TEST(test_month)
{
	struct feishu_account *account = world_core(&world)->account;
	unsigned before = feishu_account_used(account);
	call_and_wait(A);
	ck_assert_uint_eq(feishu_account_used(account), before + 10);
	world_answer(&world, 400, "1", "{\"code\":99991400,\"msg\":\"frequency\"}");
	call_and_wait(B); /* refused for its rate: not counted */
	ck_assert_uint_eq(feishu_account_used(account), before + 10);
	ck_assert_uint_eq(world.host->errand_count, 0);
	world_answer(&world, 400, NULL, "{\"code\":99991403,\"msg\":\"quota\"}");
	call_and_wait(A);
	ck_assert_int_eq(ended.status, QG_DENIED);
	ck_assert_uint_ge(feishu_account_used(account), 100);
	ck_assert_uint_eq(world.host->errand_count, 1);
	ck_assert_int_eq(world.host->errands[0].kind, FAKE_TELL);
}
END_TEST

static const struct {
	const char *answer, *words;
} scopes[] = {
	{"Access denied. One of the following scopes is required: [im:message, im:chat:readonly]",
		"im:message,im:chat:readonly（其中之一）：打开 "
		"https://open.feishu.cn/app/" APP "/auth?q=im:message,im:chat:readonly&"},
	{"申请 https://open.feishu.cn/app/cli_x/auth?q=im:resource&op_from=x",
		"缺少权限 im:resource：打开 https://open.feishu.cn/app/" APP
		"/auth?q=im:resource&op_from=openapi&token_type=tenant 开通"},
	{"no list", "权限管理"},
	{"required: []", "权限管理"},
	{"required: [<script>]", "权限管理"},
};

START_TEST(test_scopes)
{
	char *body = qg_str_printf("{\"code\":99991672,\"msg\":\"%s\"}", scopes[_i].answer);
	world_answer(&world, 400, NULL, body);
	call_and_wait(A);
	ck_assert_int_eq(ended.status, QG_DENIED);
	ck_assert_msg(strstr(ended.words, scopes[_i].words) != NULL, "%s", ended.words);
	free(body);
}
END_TEST

START_TEST(test_lark)
{
	const struct feishu_account account = {.app_id = (char *)"cli_1", .domain = FEISHU_LARK};
	const struct qg_piece msg = {
		.kind = QG_PIECE_STRING, .data = "[im:message]", .size = strlen("[im:message]")};
	char *hint = feishu_error_hint(&account, 99991672, &msg);
	ck_assert_ptr_nonnull(
		strstr(hint, "https://open.larksuite.com/app/cli_1/auth?q=im:message&"));
	free(hint);
	ck_assert_ptr_null(feishu_error_hint(&account, 230001, &msg));
}
END_TEST

START_TEST(test_download)
{
	world_answer_file(&world, "attachment; filename*=UTF-8''%E4%B8%83%E6%9C%88.pdf", "%PDF", 4);
	struct feishu_request request = {.method = "GET", .path = A, .most = 4};
	ck_assert_ptr_nonnull(
		feishu_call_begin(world_core(&world)->account, &request, on_end, NULL));
	wait_for(1);
	ck_assert_str_eq(ended.body, "%PDF");
	ck_assert_str_eq(ended.name, "七月.pdf");
	world_answer_file(&world, NULL, "%PDF-", 5);
	ck_assert_ptr_nonnull(
		feishu_call_begin(world_core(&world)->account, &request, on_end, NULL));
	wait_for(2);
	ck_assert_str_eq(ended.body, ""); /* more than was wanted */
	ck_assert_str_eq(ended.name, "");
}
END_TEST

/* Who waits for its turn, and who is on the way, may be cancelled. */
START_TEST(test_cancel)
{
	struct feishu_call *calls[12];
	for (size_t i = 0; i < 12; i++) {
		calls[i] = feishu_call_start(
			world_core(&world)->account, "POST", A, "{}", on_end, NULL);
	}
	for (size_t i = 0; i < 12; i++) {
		feishu_call_cancel(calls[i]);
	}
	call_and_wait(B);
	ck_assert_uint_eq(ended.count, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu api");
	TCase *tests = tcase_create("api");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_turns);
	tcase_add_test(tests, test_hold);
	tcase_add_test(tests, test_no_hold);
	tcase_add_test(tests, test_month);
	tcase_add_loop_test(tests, test_scopes, 0, sizeof(scopes) / sizeof(scopes[0]));
	tcase_add_test(tests, test_lark);
	tcase_add_test(tests, test_download);
	tcase_add_test(tests, test_cancel);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
