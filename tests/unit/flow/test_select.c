/* test_select.c - which messages a bot takes up. */
#include "fixture.h"

static char *groups[] = {"g1", "g2"};
static char *words[] = {"发票"};

enum { NONE, MENTION = 1, DIRECT = 2, CLICK = 4, LISTED = 8, OTHER_WORDS = 16 };

static const struct {
	const char *platform, *chats; /* "any", "some", "none" */
	enum qg_trigger trigger;
	unsigned message;
	bool selected;
} cases[] = {
	/* a direct chat is always served */
	{"feishu", "none", QG_TRIGGER_MENTION, DIRECT, true},
	{"feishu", "some", QG_TRIGGER_MENTION, DIRECT, true},
	{"feishu", "any", QG_TRIGGER_KEYWORDS, DIRECT, true},
	/* no group is named: which one is enabled the turn knows */
	{"feishu", "none", QG_TRIGGER_MENTION, NONE, false},
	{"feishu", "none", QG_TRIGGER_MENTION, MENTION, true},
	{"feishu", "none", QG_TRIGGER_ALWAYS, NONE, true},
	{"feishu", "none", QG_TRIGGER_MENTION, CLICK, true},
	/* every group */
	{"feishu", "any", QG_TRIGGER_MENTION, NONE, false},
	{"feishu", "any", QG_TRIGGER_MENTION, MENTION, true},
	{"feishu", "any", QG_TRIGGER_KEYWORDS, NONE, true},
	{"feishu", "any", QG_TRIGGER_KEYWORDS, OTHER_WORDS, false},
	/* those listed, and no other whatever it says */
	{"feishu", "some", QG_TRIGGER_MENTION, LISTED, false},
	{"feishu", "some", QG_TRIGGER_MENTION, LISTED | MENTION, true},
	{"feishu", "some", QG_TRIGGER_ALWAYS, LISTED, true},
	{"feishu", "some", QG_TRIGGER_MENTION, MENTION, false},
	{"feishu", "some", QG_TRIGGER_ALWAYS, NONE, false},
	{"feishu", "some", QG_TRIGGER_KEYWORDS, NONE, false},
	{"feishu", "some", QG_TRIGGER_MENTION, CLICK, false},
	/* on web there is one chat, and it is served */
	{"web", "some", QG_TRIGGER_MENTION, MENTION, true},
	{"web", "none", QG_TRIGGER_ALWAYS, NONE, true},
};

START_TEST(selects)
{
	unsigned said = cases[_i].message;
	const struct qg_bot_config config = {.platform = (char *)cases[_i].platform,
		.trigger = cases[_i].trigger,
		.any_chat = cases[_i].chats[0] == 'a',
		.chats = {groups, cases[_i].chats[0] == 's' ? 2 : 0},
		.keywords = {words, 1}};
	const struct qg_message message = {.chat = said & LISTED ? "g2" : "g3",
		.chat_type = said & DIRECT ? QG_CHAT_DIRECT : QG_CHAT_GROUP,
		.kind = said & CLICK ? QG_MESSAGE_CLICK : QG_MESSAGE_TEXT,
		.text = said & OTHER_WORDS ? "早" : "开发票",
		.mentions_bot = (said & MENTION) != 0};
	ck_assert_int_eq(select_message(&config, &message), cases[_i].selected);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("select");
	TCase *tcase = tcase_create("select");
	tcase_add_loop_test(tcase, selects, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
