/* test_config_models.c - money as whole numbers, endpoints as their bots see them, bots that share an account, and
 * TLS. */
#include "config_fixture.h"

#define BOT(name) "- {name: " name ", template: restaurant, platform: web}\n"
#define APP(name, keys)                                                                            \
	"- {name: " name ", template: restaurant, platform: web, token: app" keys "}\n"

/* Check's own comparison cannot print texts this long. */
static void assert_said(const char *wanted)
{
	ck_assert_msg(strcmp(said(), wanted) == 0, "said:\n%.3000s", said());
}

START_TEST(counts_money_in_nano)
{
	write_file("qungong.yaml",
		"models:\n  own: {provider: openai, price: {input: 2.5, output: 0.000001, "
		"currency: "
		"USD}}\n  whole: {provider: deepseek, tier: strong, price: {input: 3, output: "
		"1000000000, "
		"cached_input: 0, cache_write: 3.75}}\n  none: {provider: yi, tier: "
		"cheap}\nbots:\n- name: a\n  template: restaurant\n  platform: web\n  budget: "
		"{turn: 0, chat_day: 0.1, user_day: "
		"1000000000, currency: USD}\n"
		"- {name: t, template: thrifty, platform: web}\n"
		"- {name: u, template: thrifty, platform: web, budget: "
		"{user_day: 3}}\n");
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL, "%s", said());
	const struct qg_bot_config *a = qg_config_bot(config, "a"), *t = qg_config_bot(config, "t"),
				   *u = qg_config_bot(config, "u");
	ck_assert_int_eq(a->limits.turn, 0); /* nothing may be spent, which is no lack of a limit */
	ck_assert_int_eq(a->limits.chat_day, 100000000);
	ck_assert_int_eq(a->limits.user_day, INT64_C(1000000000) * QG_MONEY_ONE);
	ck_assert_int_eq(a->limits.bot_month, -1);
	ck_assert_int_eq(a->limits.currency, QG_USD);
	ck_assert_int_eq(t->limits.chat_day, 3 * QG_MONEY_ONE); /* the template's */
	ck_assert_int_eq(t->at_limit, QG_LIMIT_STOP);
	ck_assert_int_eq(
		u->limits.chat_day, -1); /* a budget of the bot's own stands for the whole */
	ck_assert_int_eq(u->limits.user_day, 3 * QG_MONEY_ONE);
	ck_assert_int_eq(u->at_limit, QG_LIMIT_CHEAPER);
	const struct qg_model_config *own = qg_config_model(config, a, "own"),
				     *whole = qg_config_model(config, a, "whole"),
				     *none = qg_config_model(config, a, "none");
	ck_assert(own->has_price && whole->has_price && !none->has_price);
	ck_assert_int_eq(own->own_price.input, 2500000000);
	ck_assert_int_eq(own->own_price.output, 1000);
	ck_assert_int_eq(own->own_price.cached_input, 2500000000);
	ck_assert_int_eq(own->own_price.cache_write, 2500000000);
	ck_assert_int_eq(own->own_price.currency, QG_USD);
	ck_assert_int_eq(whole->own_price.cached_input, 0);
	ck_assert_int_eq(whole->own_price.cache_write, 3750000000);
	ck_assert_int_eq(own->rank, 2);
	ck_assert_int_eq(whole->rank, 3);
	ck_assert_int_eq(none->rank, 1);
	qg_config_release(config);
}
END_TEST

START_TEST(reads_tls_beside_the_file)
{
	char dir[PATH_MAX], path[PATH_MAX + 16];
	write_file("qungong.yaml", "bots:\n" BOT("a"));
	struct qg_config *plain = load(NULL);
	write_file("chain.pem", "x");
	write_file("key.pem", "x");
	write_file("qungong.yaml", "tls: {cert: ./chain.pem, key: key.pem}\nbots:\n" BOT("a"));
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL && problems.text.size == 0, "%s", said());
	ck_assert_ptr_nonnull(realpath(".", dir));
	snprintf(path, sizeof(path), "%s/chain.pem", dir);
	ck_assert_str_eq(config->tls_cert, path);
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	ck_assert_str_eq(config->tls_key, path);
	ck_assert_ptr_null(qg_config_restart_keys(plain, config));
	char *keys = qg_config_restart_keys(config, plain); /* a listener stays with TLS */
	ck_assert_str_eq(keys, "tls");
	free(keys);
	struct qg_strings files = qg_config_files("qungong.yaml");
	ck_assert(qg_strings_has(&files, path) && qg_strings_has(&files, config->tls_cert));
	qg_strings_finish(&files);
	qg_config_release(plain);
	qg_config_release(config);
}
END_TEST

START_TEST(warns_of_what_helps_nobody)
{
	write_file("qungong.yaml",
		"models:\n  a: {provider: deepseek, api_key: \"\"}\n  b: {provider: yi}\n"
		"  c: {provider: deepseek, api_key: x, vision: true}\n"
		"  d: {provider: deepseek, api_key: x, vision: false, base_url: "
		"\"http://h\"}\n  e: {provider: deepseek, api_key: x}\nbots:\n" BOT("a, models: [a, c, d]"));
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL, "%s", said());
	ck_assert(config->models[2].vision && !config->models[2].blind);
	ck_assert(!config->models[3].vision && config->models[3].blind);
	ck_assert(!config->models[4].vision && !config->models[4].blind);
	ck_assert_str_eq(said(),
		"qungong.yaml:2:27: warning: models.a.api_key: 'api_key' is left empty: it counts "
		"as "
		"not configured\n"
		"qungong.yaml:3:17: warning: models.b.provider: provider 'yi' is not built into "
		"this "
		"version; no bot can use this endpoint yet\n"
		"qungong.yaml:6:6: warning: models.e: no bot names endpoint 'e', so it is never "
		"asked; write `models: [e]` at a bot\n");
	qg_config_release(config);
}
END_TEST

START_TEST(sums_a_customers_budget)
{
	write_file("qungong.yaml", "bots:\n" BOT("main"));
	write_file("bots.d/a.yaml",
		"customer: {id: a, budget: {month: 50.5, currency: USD}}\nbots:\n" BOT("a"));
	write_file("bots.d/b.yaml", "customer: {id: b, budget: {}}\nbots:\n" BOT("b"));
	write_file("bots.d/c.yaml", "customer: {id: c, budget: {month: 0}}\nbots:\n" BOT("c"));
	write_file("bots.d/d.yaml", "customer: {id: d, budget: {day: 1}}\nbots:\n" BOT("d"));
	struct qg_config *config = load(NULL);
	assert_said("bots.d/d.yaml:1:28: customer.budget.day: unknown key 'day'; allowed: month, "
		    "currency\n");
	const struct qg_budget *a = &qg_config_bot(config, "a")->limits;
	ck_assert_int_eq(a->customer_month, 50500000000);
	ck_assert_int_eq(a->customer_currency, QG_USD);
	ck_assert_int_eq(a->bot_month, -1);
	ck_assert_int_eq(qg_config_bot(config, "b")->limits.customer_month, -1);
	ck_assert_int_eq(qg_config_bot(config, "c")->limits.customer_month, 0);
	ck_assert_int_eq(qg_config_bot(config, "main")->limits.customer_month, -1);
	qg_config_release(config);
}
END_TEST

START_TEST(keeps_bots_of_one_app_apart)
{
	write_file("qungong.yaml", "bots:\n" BOT("x") BOT("y") APP("a", "")
					   APP("b", ", chats: [g1, g2]") APP("c", ", chats: [g3]"));
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL && problems.text.size == 0, "%s", said());
	qg_config_release(config);
	write_file("bots.d/a.yaml", "customer: {id: a}\nbots:\n" APP("d", ", chats: any"));
	write_file("bots.d/b.yaml", "bots:\n" APP("e", ", chats: [g4, g2]"));
	write_file("bots.d/c.yaml", "bots:\n" APP("f", ", chats: [g4]"));
	config = load(NULL);
	assert_said("bots.d/a.yaml:3:69: bots[0].chats: has the same app as another bot: list in "
		    "`chats` the groups that each of them serves; one at most may do without\n"
		    "bots.d/b.yaml:2:69: bots[0].chats: has the same app as b, and both list the "
		    "chat 'g2': only one can answer there\n"
		    "bots.d/c.yaml:2:69: bots[0].chats: has the same app as e, and both list the "
		    "chat 'g4': only one can answer there\n");
	ck_assert_uint_eq(config->bot_count, 5);
	qg_config_release(config);
}
END_TEST

START_TEST(shows_a_files_bots_their_own_endpoints)
{
	write_file("qungong.yaml", "models: {m: {provider: offline}}\nbots:\n" BOT("main"));
	write_file("bots.d/a.yaml",
		"models: {m: {provider: offline, model: never}}\nbots:\n"
		"- {name: a, template: restaurant, platform: web, models: [m]}\n");
	write_file("bots.d/b.yaml", "bots:\n- {name: b, template: restaurant, platform: web, "
				    "models: [m]}\n");
	struct qg_config *config = load(NULL);
	assert_said("bots.d/a.yaml:3:50: bots[0].models: not 'm' at 0.0\n");
	ck_assert_ptr_nonnull(qg_config_bot(config, "b"));
	qg_config_release(config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config models");
	TCase *tcase = tcase_create("config models");
	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, counts_money_in_nano);
	tcase_add_test(tcase, reads_tls_beside_the_file);
	tcase_add_test(tcase, warns_of_what_helps_nobody);
	tcase_add_test(tcase, sums_a_customers_budget);
	tcase_add_test(tcase, keeps_bots_of_one_app_apart);
	tcase_add_test(tcase, shows_a_files_bots_their_own_endpoints);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
