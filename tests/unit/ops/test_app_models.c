/* test_app_models.c - a config whose bill nobody could foresee, or whose words would leave the country unasked, is
 * refused with words that say what to write. */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"

static char folder[PATH_MAX];
static struct qg_problems problems;

static void setup(void)
{
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%s/qg-models-XXXXXX", base != NULL ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	qg_problems_init(&problems);
}

static void teardown(void)
{
	char command[PATH_MAX + 32];
	qg_problems_finish(&problems);
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static struct qg_config *load(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
	qg_problems_finish(&problems);
	return qg_config_load("qungong.yaml", qg_app_world(), NULL, &problems);
}

#define MODEL(keys) "models: {m: {" keys ", api_key: x}}\n"
#define ANSWERS "answers: {shop_name: s, phone: p, hours: h}"
#define MASKED_BOT(keys)                                                                           \
	"bots:\n- {name: a, template: restaurant, platform: web, models: [m], " ANSWERS keys "}\n"
#define BOT(keys) MASKED_BOT(", mask: []" keys)
#define LIMIT ", budget: {bot_month: 10}"
#define NO_LIMIT ", budget: {at_limit: stop}"
#define PRICED(currency) ", price: {input: 1, output: 2, currency: " currency "}"

static const struct {
	const char *text, *said; /* NULL: not a word */
} cases[] = {
	{MODEL("provider: deepseek") BOT(LIMIT), NULL},
	{MODEL("provider: qwen") BOT(LIMIT), NULL}, /* an alias */
	{MODEL("provider: offline") BOT(LIMIT), NULL},
	/* abroad */
	{MODEL("provider: openai") BOT(NO_LIMIT), "stands abroad"},
	{MODEL("provider: openai") BOT(NO_LIMIT ", abroad: refused"), "`abroad: allowed`"},
	{MODEL("provider: openai") BOT(NO_LIMIT ", abroad: allowed"), NULL},
	{MODEL("provider: deepseek, region: abroad") BOT(LIMIT), "stands abroad"},
	{MODEL("provider: openai, region: mainland, base_url: \"https://h.cn/v1\", model: x")
			BOT(NO_LIMIT),
		NULL},
	/* a price that nobody knows */
	{MODEL("provider: openai, region: mainland, base_url: \"http://127.0.0.1/v1\", model: x, "
	       "price: {input: 0, output: 0}") BOT(LIMIT),
		NULL},
	{MODEL("provider: deepseek, model: nobody-knows-it") BOT(LIMIT), "write `price:`"},
	{MODEL("provider: deepseek, model: nobody-knows-it") BOT(NO_LIMIT), NULL},
	{MODEL("provider: deepseek, model: nobody-knows-it" PRICED("CNY")) BOT(LIMIT), NULL},
	/* currencies */
	{MODEL("provider: deepseek" PRICED("USD")) BOT(LIMIT),
		"priced in USD, the bot's budget in CNY; set usd_cny"},
	{MODEL("provider: deepseek" PRICED("USD")) BOT(NO_LIMIT), NULL},
	{"usd_cny: 7.2\n" MODEL("provider: deepseek" PRICED("USD")) BOT(LIMIT), NULL},
	{MODEL("provider: deepseek" PRICED("USD")) BOT(", budget: {turn: 0, currency: USD}"), NULL},
	{MODEL("provider: deepseek" PRICED("CNY")) BOT(", budget: {turn: 0, currency: USD}"),
		"priced in CNY, the bot's budget in USD"},
	/* a template's budget is one too */
	{MODEL("provider: deepseek" PRICED("USD")) BOT(""), "set usd_cny"},
	/* a mask, here the template's, that hides nothing */
	{MODEL("provider: deepseek") MASKED_BOT(""),
		"goes to DeepSeek as it stands, with phone, id_card, bank_card in it"},
	{MODEL("provider: deepseek, base_url: \"https://llm.example.com/v1\", model: x" PRICED(
		 "CNY")) MASKED_BOT(""),
		"goes to llm.example.com as it stands"},
	{MODEL("provider: deepseek, base_url: \"http://10.0.0.2/v1\", model: x" PRICED("CNY"))
			MASKED_BOT(""),
		NULL},
	{MODEL("provider: offline") MASKED_BOT(""), NULL},
	/* an endpoint nobody asks */
	{"models: {m: {provider: deepseek, api_key: x}, n: {provider: qwen, api_key: x}}\n" BOT(
		 LIMIT),
		"no bot names endpoint 'n', so it is never asked; write `models: [n]`"},
	/* providers */
	{MODEL("provider: depseek") BOT(""), "did you mean 'deepseek'?"},
};

START_TEST(says_what_is_wrong_with_a_bots_models)
{
	struct qg_config *config = load("qungong.yaml", cases[_i].text);
	const char *said = problems.text.data != NULL ? problems.text.data : "";
	if (cases[_i].said == NULL) {
		ck_assert_msg(config != NULL && said[0] == '\0', "%s: %s", cases[_i].text, said);
	} else {
		ck_assert_msg(strstr(said, cases[_i].said) != NULL, "%s: %s", cases[_i].text, said);
	}
	qg_config_release(config);
}
END_TEST

START_TEST(a_customers_budget_counts_too)
{
	ck_assert_int_eq(mkdir("bots.d", 0700), 0);
	qg_config_release(load("qungong.yaml", MODEL("provider: deepseek" PRICED("USD"))));
	struct qg_config *config = load("bots.d/a.yaml", "bots: []\n");
	ck_assert_ptr_nonnull(config);
	qg_config_release(config);
	FILE *file = fopen("bots.d/a.yaml", "w");
	fputs("customer: {id: c, budget: {month: 5}}\n" BOT(NO_LIMIT), file);
	fclose(file);
	qg_problems_finish(&problems);
	config = qg_config_load("qungong.yaml", qg_app_world(), NULL, &problems);
	ck_assert_ptr_nonnull(strstr(problems.text.data, "the customer's budget in CNY"));
	ck_assert_uint_eq(config->bot_count, 0);
	qg_config_release(config);
}
END_TEST

#define APP(name, keys)                                                                            \
	"- {name: " name                                                                           \
	", template: restaurant, platform: feishu, app_id: cli_a, app_secret: s, "                 \
	"transport: webhook, encrypt_key: k, verification_token: v, " ANSWERS keys "}\n"

START_TEST(bots_of_one_app_need_groups_of_their_own)
{
	struct qg_config *config =
		load("qungong.yaml", "bots:\n" APP("a", "") APP("b", ", chats: [oc_1]"));
	ck_assert_msg(config != NULL && problems.errors == 0, "%s", problems.text.data);
	qg_config_release(config);
	ck_assert_ptr_null(load("qungong.yaml", "bots:\n" APP("a", "") APP("b", "")));
	ck_assert_ptr_nonnull(strstr(problems.text.data, "has the same app as a: list in `chats`"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("app models");
	TCase *tcase = tcase_create("app models");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, says_what_is_wrong_with_a_bots_models, 0,
		(int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tcase, a_customers_budget_counts_too);
	tcase_add_test(tcase, bots_of_one_app_need_groups_of_their_own);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
