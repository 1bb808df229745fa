/* test_scopes.c - which scopes an app lacks, and the page of the console that grants them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "feishu.h"

#define GRANTED(name) "{\"scope_name\":\"" name "\",\"grant_status\":1}"
#define REFUSED(name) "{\"scope_name\":\"" name "\",\"grant_status\":2}"
#define LIST(scopes) "{\"code\":0,\"data\":{\"scopes\":[" scopes "]}}"
#define MOST                                                                                       \
	GRANTED("im:message")                                                                      \
	"," GRANTED("im:message.p2p_msg:readonly") "," GRANTED("im:message.group_at_msg:readonly")

static const struct {
	const char *body;
	bool hears_all;
	const char *missing; /* NULL: no list */
} lists[] = {
	{LIST(MOST "," GRANTED("im:resource") "," GRANTED("im:chat") "," GRANTED(
		 "cardkit:card:write")),
		false, ""},
	{LIST(MOST "," GRANTED("im:resource") "," GRANTED("im:chat") "," GRANTED(
		 "cardkit:card:write")),
		true, "im:message.group_msg"},
	{LIST(MOST "," REFUSED("im:resource") "," GRANTED("im:chat")), false,
		"im:resource,cardkit:card:write"},
	{LIST(GRANTED("im:message.group_msg")), true,
		"im:message:send_as_bot,im:message,im:message.p2p_msg:readonly,"
		"im:message.reactions:write_only,im:resource,im:chat.members:bot_access,"
		"cardkit:card:write"},
	{LIST(MOST ",7,null,{\"scope_name\":5,\"grant_status\":1},{}"), false,
		"im:resource,im:chat.members:bot_access,cardkit:card:write"},
	{"{\"code\":0,\"data\":{\"scopes\":{}}}", false, NULL},
	{"{\"code\":0,\"data\":[]}", false, NULL},
	{"[]", false, NULL},
	{"{", false, NULL},
	{"", false, NULL},
};

START_TEST(test_missing)
{
	QG_AUTO(qg_buf_finish) struct qg_buf missing;
	qg_buf_init(&missing, 400);
	bool known = feishu_scopes_missing(
		lists[_i].body, strlen(lists[_i].body), lists[_i].hears_all, &missing);
	ck_assert_msg(known == (lists[_i].missing != NULL), "%s", lists[_i].body);
	if (known) {
		ck_assert_str_eq(missing.data ? missing.data : "", lists[_i].missing);
	}
}
END_TEST

/* The longest list fits where probe() puts it; more than fits is none. */
START_TEST(test_bounds)
{
	struct qg_buf missing;
	qg_buf_init(&missing, 400);
	ck_assert(feishu_scopes_missing(LIST(""), strlen(LIST("")), true, &missing));
	qg_buf_finish(&missing);
	qg_buf_init(&missing, 20);
	ck_assert(!feishu_scopes_missing(LIST(""), strlen(LIST("")), true, &missing));
	qg_buf_finish(&missing);
}
END_TEST

static const struct {
	const char *app_id, *scopes, *page;
	int domain;
} pages[] = {
	{"cli_1", NULL, "https://open.feishu.cn/app/cli_1", FEISHU_CHINA},
	{"cli_1", "a:b,c",
		"https://open.feishu.cn/app/cli_1/auth?q=a:b,c&op_from=openapi&token_type=tenant",
		FEISHU_CHINA},
	{"cli_1", NULL, "https://open.larksuite.com/app/cli_1", FEISHU_LARK},
	{"cli/../1", "a:b", "https://open.feishu.cn/app", FEISHU_CHINA},
	{"cli 1", NULL, "https://open.feishu.cn/app", FEISHU_CHINA},
};

START_TEST(test_pages)
{
	QG_AUTO(qg_buf_finish) struct qg_buf page;
	qg_buf_init(&page, 1000);
	const struct feishu_options options = {
		.app_id = (char *)pages[_i].app_id, .domain = pages[_i].domain};
	feishu_scopes_page(&options, pages[_i].scopes, &page);
	ck_assert_str_eq(page.data, pages[_i].page);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu scopes");
	TCase *tcase = tcase_create("all");
	tcase_add_loop_test(tcase, test_missing, 0, sizeof(lists) / sizeof(lists[0]));
	tcase_add_test(tcase, test_bounds);
	tcase_add_loop_test(tcase, test_pages, 0, sizeof(pages) / sizeof(pages[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
