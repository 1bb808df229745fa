/* test_config_files.c - files beside each other: bots.d/, customers, what is kept of a bad file,
 * secrets, fingerprints, and no memory. */
#include "config_fixture.h"

#include "support/malloc.h"

#define BOT(name) "- {name: " name ", template: restaurant, platform: web}\n"

/* Check's own comparison cannot print texts this long. */
static void assert_said(const char *wanted)
{
	ck_assert_msg(strcmp(said(), wanted) == 0, "said:\n%.3000s", said());
}

START_TEST(reads_the_files_of_bots_d)
{
	write_file("qungong.yaml", "bots:\n" BOT("main"));
	write_file("bots.d/a.yaml", "customer: {id: shop, name: 小店}\ndefaults: {scope: chat, "
				    "limit: 3, platform: web}\n"
				    "bots:\n- {name: shop-a, template: restaurant}\n- {name: "
				    "shop-b, template: restaurant, limit: 4}\n");
	write_file("bots.d/b.yaml.fired", "not: read\n");
	write_file("bots.d/.c.yaml", "not: read\n");
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL && problems.text.size == 0, "%s", said());
	ck_assert_uint_eq(config->bot_count, 3);
	const struct qg_bot_config *a = qg_config_bot(config, "shop-a"),
				   *b = qg_config_bot(config, "shop-b");
	ck_assert_str_eq(a->customer, "shop");
	ck_assert_str_eq(a->customer_name, "小店");
	ck_assert_str_eq(a->file, "bots.d/a.yaml");
	ck_assert_int_eq(a->scope, QG_SCOPE_CHAT); /* of defaults, before the template's */
	ck_assert_int_eq(((struct fake_web *)a->options)->limit, 3);
	ck_assert_int_eq(((struct fake_web *)b->options)->limit, 4);
	ck_assert_int_eq(a->answer_tokens, 800); /* the template's */
	qg_config_release(config);
}
END_TEST

START_TEST(keeps_only_a_bad_files_bots_off)
{
	write_file("qungong.yaml", "bots:\n" BOT("main"));
	write_file("bots.d/a.yaml",
		"bots:\n" BOT("a") "- {name: b, template: restaurant, platform: wbe}\n");
	write_file("bots.d/b.yaml", "bots: [\n");
	write_file("bots.d/c.yaml", "bots:\n" BOT("c"));
	struct qg_config *config = load(NULL);
	ck_assert_ptr_nonnull(config);
	assert_said("bots.d/a.yaml:3:45: bots[1].platform: 'wbe' is not one of: web\n"
		    "bots.d/b.yaml:2:1: not valid YAML: did not find expected node content while "
		    "parsing a flow node "
		    "that begins at line 2\n");
	ck_assert_uint_eq(config->bot_count, 2);
	ck_assert_ptr_nonnull(qg_config_bot(config, "main"));
	ck_assert_ptr_nonnull(qg_config_bot(config, "c"));
	ck_assert_uint_eq(config->failed_files.count, 2);
	ck_assert_str_eq(config->failed_files.items[0], "bots.d/a.yaml");
	qg_config_release(config);
}
END_TEST

START_TEST(keeps_the_last_good_state_of_a_bad_file)
{
	write_file("qungong.yaml", "models: {m: {provider: offline}}\nbots:\n" BOT("main"));
	write_file("bots.d/a.yaml",
		"bots:\n- {name: a, template: restaurant, platform: web, models: [m]}\n");
	struct qg_config *first = load(NULL);
	ck_assert_msg(first != NULL && first->bot_count == 2, "%s", said());
	char before[33];
	snprintf(before, sizeof(before), "%s", qg_config_bot(first, "a")->fingerprint);

	write_file("bots.d/a.yaml", "bots: 5\n");
	struct qg_config *second = load(first);
	qg_config_release(first); /* the kept bots outlive the snapshot they came with */
	ck_assert_ptr_nonnull(second);
	assert_said(
		"bots.d/a.yaml:1:7: bots: expected a list (- name: ...), found a single value\n");
	ck_assert_str_eq(qg_config_bot(second, "a")->fingerprint, before);
	ck_assert_str_eq(qg_config_bot(second, "a")->models.items[0], "m");

	write_file("qungong.yaml",
		"bots:\n" BOT("main")); /* the endpoint goes: said, and nothing restarts */
	struct qg_config *third = load(second);
	qg_config_release(second);
	ck_assert_ptr_nonnull(third);
	ck_assert_ptr_nonnull(
		strstr(said(), "bot 'a' runs on as before, but its endpoint 'm' is gone"));
	ck_assert_str_eq(qg_config_bot(third, "a")->fingerprint, before);

	write_file("bots.d/a.yaml", "bots: []\n");
	struct qg_config *fourth = load(third);
	qg_config_release(third);
	ck_assert_uint_eq(fourth->bot_count, 1);
	ck_assert_uint_eq(fourth->failed_files.count, 0);
	qg_config_release(fourth);
}
END_TEST

START_TEST(changes_nothing_when_the_main_file_is_bad)
{
	write_file("qungong.yaml", "bots:\n" BOT("main") "  oops\n");
	write_file("bots.d/a.yaml", "bots:\n- {name: a, template: restaurant, platform: web, "
				    "models: [unseen], scop: x}\n");
	ck_assert_ptr_null(load(NULL));
	ck_assert_uint_eq(problems.errors,
		2); /* the other file's mistakes are said too, its models not guessed */
	ck_assert_msg(strstr(said(), "bots.d/a.yaml:2:68: bots[0].scop: unknown key 'scop'; did "
				     "you mean 'scope'?") != NULL,
		"%s", said());
	ck_assert_ptr_nonnull(strstr(said(), "qungong.yaml:3:"));
	unlink("qungong.yaml");
	ck_assert_ptr_null(load(NULL));
	ck_assert_ptr_nonnull(
		strstr(said(), "qungong.yaml: cannot be read: No such file or directory\n"));
}
END_TEST

START_TEST(gives_a_name_to_one_bot_only)
{
	write_file("qungong.yaml", "bots:\n" BOT("x"));
	write_file("bots.d/a.yaml", "bots:\n" BOT("x"));
	write_file("bots.d/b.yaml", "bots:\n" BOT("y"));
	write_file("bots.d/c.yaml", "bots:\n" BOT("y"));
	struct qg_config *config = load(NULL);
	assert_said(
		"bots.d/a.yaml:2:10: bots[0].name: another bot is called 'x' at qungong.yaml:2:10; "
		"names are unique over all files\n"
		"bots.d/c.yaml:2:10: bots[0].name: another bot is called 'y' at "
		"bots.d/b.yaml:2:10; "
		"names are unique over all files\n");
	ck_assert_str_eq(qg_config_bot(config, "y")->file, "bots.d/b.yaml");

	write_file("bots.d/0.yaml", "bots:\n" BOT("y")); /* who has the name keeps it */
	unlink("bots.d/c.yaml");
	struct qg_config *next = load(config);
	ck_assert_str_eq(qg_config_bot(next, "y")->file, "bots.d/b.yaml");
	ck_assert_ptr_nonnull(strstr(said(), "bots.d/0.yaml:2:10: "));
	qg_config_release(config);
	qg_config_release(next);
}
END_TEST

START_TEST(lets_a_bot_move_out_of_a_broken_file)
{
	write_file("qungong.yaml", "bots: []\n");
	write_file("bots.d/a.yaml", "bots:\n" BOT("x") BOT("y"));
	struct qg_config *first = load(NULL);
	write_file("bots.d/a.yaml", "bots: [\n");
	write_file("bots.d/b.yaml", "bots:\n" BOT("y"));
	struct qg_config *second = load(first);
	ck_assert_uint_eq(second->bot_count, 2);
	ck_assert_str_eq(qg_config_bot(second, "x")->file, "bots.d/a.yaml");
	ck_assert_str_eq(qg_config_bot(second, "y")->file, "bots.d/b.yaml");
	qg_config_release(first);
	qg_config_release(second);
}
END_TEST

START_TEST(hides_a_customers_models_from_others)
{
	write_file("qungong.yaml", "models: {common: {provider: offline}, twice: {provider: "
				   "offline, tier: cheap}}\nbots:\n" BOT("m"));
	write_file("bots.d/a.yaml", "customer: {id: a}\nmodels: {secretmodel: {provider: offline}, "
				    "twice: {provider: offline, tier: strong}}\n"
				    "bots:\n- {name: a, template: restaurant, platform: web, "
				    "models: [common, secretmodel, twice]}\n");
	write_file("bots.d/b.yaml",
		"customer: {id: b}\nbots:\n- {name: b, template: restaurant, platform: web, "
		"models: [secretmodel]}\n"
		"- {name: c, template: restaurant, platform: web, models: [secretmodle]}\n");
	struct qg_config *config = load(NULL);
	ck_assert_ptr_nonnull(strstr(said(), "bots.d/b.yaml:3:59: bots[0].models[0]: no endpoint "
					     "'secretmodel' stands under models:\n"
					     "bots.d/b.yaml:4:59: bots[1].models[0]: no endpoint "
					     "'secretmodle' stands under models:\n"));
	const struct qg_bot_config *a = qg_config_bot(config, "a"), *m = qg_config_bot(config, "m");
	ck_assert_str_eq(qg_config_model(config, a, "twice")->tier, "strong");
	ck_assert_str_eq(qg_config_model(config, m, "twice")->tier, "cheap");
	ck_assert_ptr_nonnull(qg_config_model(config, a, "secretmodel"));
	ck_assert_ptr_null(qg_config_model(config, m, "secretmodel"));
	qg_config_release(config);
}
END_TEST

START_TEST(hides_a_customers_knowledge_from_others)
{
	ck_assert_int_eq(mkdir("a", 0700), 0);
	write_file("a/menu.md", "x");
	write_file("common.md", "x");
	write_file("qungong.yaml", "bots:\n- {name: m, template: restaurant, platform: web, "
				   "knowledge: [a, common.md]}\n");
	write_file("bots.d/a.yaml",
		"customer: {id: a}\nbots:\n"
		"- {name: a1, template: restaurant, platform: web, knowledge: [../a]}\n"
		"- {name: a2, template: restaurant, platform: web, knowledge: ./a/menu.md}\n");
	write_file("bots.d/b.yaml", "customer: {id: b}\nbots:\n"
				    "- {name: b, template: restaurant, platform: web, knowledge: "
				    "[./a/../a/menu.md]}\n");
	struct qg_config *config = load(NULL);
	assert_said("bots.d/b.yaml:3:62: bots[0].knowledge[0]: './a/../a/menu.md' is another "
		    "customer's knowledge\n");
	ck_assert_ptr_null(qg_config_bot(config, "b"));
	ck_assert_ptr_nonnull(qg_config_bot(config, "a2"));
	qg_config_release(config);
}
END_TEST

START_TEST(checks_the_head_of_a_file)
{
	write_file("qungong.yaml", "bots:\n" BOT("m"));
	write_file("bots.d/a.yaml",
		"customer: {id: Big Shop, budget: {month: lots}, phone: 1}\n"
		"listen: 0.0.0.0:1\n"
		"defaults: {scope: world, knowlege: x, api_base: \"http://x\", timezone: Mars}\n"
		"wordz: {}\nwords: {}\n");
	struct qg_config *config = load(NULL);
	assert_said(
		"bots.d/a.yaml:1:16: customer.id: 'Big Shop' may hold only a-z, 0-9 and -, at most "
		"40 of them\n"
		"bots.d/a.yaml:1:42: customer.budget.month: 'lots' is not a number\n"
		"bots.d/a.yaml:1:49: customer.phone: unknown key 'phone'; allowed: id, name, "
		"budget\n"
		"bots.d/a.yaml:2:1: listen: 'listen' belongs into qungong.yaml, for it concerns "
		"all bots\n"
		"bots.d/a.yaml:3:19: defaults.scope: 'world' is not one of: chat, sender, thread\n"
		"bots.d/a.yaml:3:26: defaults.knowlege: unknown key 'knowlege'; did you mean "
		"'knowledge'?; allowed: name, "
		"template, platform, knowledge, models, admins, duty, people, abroad, language, "
		"timezone, scope, "
		"answer_tokens, budget, usage_footnote, ai_label, mask, members, token, api_base, "
		"limit, answers, trigger, "
		"chats\n"
		"bots.d/a.yaml:3:71: defaults.timezone: 'Mars' is no time zone; write one as "
		"Asia/Shanghai or UTC\n"
		"bots.d/a.yaml:4:1: wordz: unknown key 'wordz'; allowed: customer, defaults, "
		"models, bots\n"
		"bots.d/a.yaml:5:1: words: 'words' is reserved for a later version and not built "
		"into this one\n");
	qg_config_release(config);
}
END_TEST

/* ---- secrets ---- */

START_TEST(reads_secrets_from_files)
{
	ck_assert_int_eq(mkdir("secrets", 0700), 0);
	write_file("secrets/token", "hunter2\r\n");
	write_file("secrets/ann", "hunter3");
	ck_assert_int_eq(chmod("secrets/ann", 0644), 0);
	write_file("secrets/empty", "\n");
	write_file("secrets/binary", "\xff\xfe");
	write_file("qungong.yaml", "bots:\n- {name: a, template: restaurant, platform: web, token: "
				   "\"file:secrets/token\",\n"
				   "  members: {ann: file:secrets/ann, bob: {secret: plain}}}\n");
	struct qg_config *config = load(NULL);
	ck_assert_ptr_nonnull(config);
	assert_said("qungong.yaml:3:18: warning: bots[0].members.ann: every user of this machine "
		    "can read "
		    "'secrets/ann'; do: chmod 600 'secrets/ann'\n");
	const struct fake_web *web = config->bots[0].options;
	ck_assert_str_eq(web->token, "hunter2");
	ck_assert_str_eq(json_string_value(json_object_get(web->members, "ann")), "hunter3");
	qg_config_release(config);
	write_file("qungong.yaml",
		"bots:\n- {name: a, template: restaurant, platform: web, token: "
		"\"file:secrets/empty\",\n"
		"  members: {a: file:secrets/binary, b: file:secrets, c: file:no}}\n");
	ck_assert_ptr_null(load(NULL));
	assert_said("qungong.yaml:2:57: bots[0].token: the secret's file 'secrets/empty' is empty\n"
		    "qungong.yaml:3:16: bots[0].members.a: the secret's file 'secrets/binary' is "
		    "no text\n"
		    "qungong.yaml:3:40: bots[0].members.b: the secret's file 'secrets' is not a "
		    "plain file\n"
		    "qungong.yaml:3:57: bots[0].members.c: the secret's file 'no' cannot be read: "
		    "No such file or directory\n");
}
END_TEST

/* A path starts at the file that holds it; what lies beside qungong.yaml only is found there. */
START_TEST(paths_start_at_the_file_that_holds_them)
{
	ck_assert_int_eq(mkdir("bots.d/own", 0700), 0);
	write_file("bots.d/own/token", "near");
	write_file("far-token", "far");
	write_file("menu.md", "x");
	write_file("bots.d/menu.md", "x");
	write_file("qungong.yaml", "bots:\n" BOT("m"));
	write_file("bots.d/a.yaml",
		"bots:\n- {name: a, template: restaurant, platform: web, knowledge: [menu.md, "
		"../menu.md], token: \"file:own/token\", members: {b: \"file:../far-token\", c: "
		"\"file:far-token\"}}\n");
	struct qg_config *config = load(NULL);
	const struct qg_bot_config *bot = qg_config_bot(config, "a");
	ck_assert_msg(bot != NULL, "%s", said());
	const struct fake_web *web = bot->options;
	ck_assert_str_eq(web->token, "near");
	ck_assert_str_eq(json_string_value(json_object_get(web->members, "b")), "far");
	ck_assert_str_eq(json_string_value(json_object_get(web->members, "c")), "far");
	ck_assert_ptr_nonnull(strstr(bot->knowledge.items[0], "/bots.d/menu.md"));
	ck_assert_ptr_nonnull(strstr(bot->knowledge.items[1], "/bots.d/../menu.md"));
	struct qg_strings files = qg_config_files("qungong.yaml");
	ck_assert(qg_strings_has(&files, bot->knowledge.items[0]));
	qg_strings_finish(&files);
	qg_config_release(config);
}
END_TEST

/* The secret put in for % wherever a value may stand: each message names the place, none the
 * secret. */
static const char *const slots[] = {"listen: %\n", "redis: redis://u:%@\n", "redis: [\"%\"]\n",
	"language: %\n", "timezone: %\n", "partitions: %\n", "ledger: %\n", "usd_cny: %\n",
	"trusted_proxies: %\n", "admin_hosts: [\"/%\"]\n", "models: %\n",
	"models: {a: {provider: \"%\"}}\n", "models: {a: {provider: deepseek, api_kye: \"%\"}}\n",
	"models: {a: {provider: deepseek, base_url: \"http://% x\"}}\n",
	"models: {a: {provider: deepseek, tier: \"%\"}}\n", "bots: %\n", "bots: [\"%\"]\n",
	"bots:\n- {name: \"A%\", template: restaurant, platform: web}\n",
	"bots:\n- {name: a, template: restaurant, platform: \"%\"}\n",
	"bots:\n- {name: a, template: restaurant, platform: web, chats: \"%\"}\n",
	"bots:\n- {name: a, template: restaurant, platform: web, token: [\"%\"]}\n",
	"bots:\n- {name: a, template: restaurant, platform: web, trigger: \"%\"}\n",
	"bots:\n- {name: a, template: restaurant, platform: web, models: \"%\"}\n",
	("bots:\n- {name: a, template: restaurant, platform: web, duty: [{id: x, hours: \"%\", "
	 "days: \"%\"}]}\n"),
	"bots:\n- {name: a, template: restaurant, platform: web, token: \"%\n"};

START_TEST(never_shows_a_secret)
{
	char text[512] = "";
	setenv("QG_TEST_SECRET", "hunter2", 1);
	for (const char *at = slots[_i]; *at != '\0'; at++) {
		size_t used = strlen(text);
		if (*at == '%') {
			snprintf(text + used, sizeof(text) - used, "${QG_TEST_SECRET}");
		} else {
			snprintf(text + used, sizeof(text) - used, "%c", *at);
		}
	}
	write_file("qungong.yaml", text);
	ck_assert_msg(load(NULL) == NULL, "%s", text);
	ck_assert_uint_gt(problems.errors, 0);
	ck_assert_msg(strstr(said(), "hunter2") == NULL, "%s", said());
}
END_TEST

/* ---- fingerprints ---- */

static void fingerprint_of(const char *name, char out[33])
{
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL, "%s", said());
	snprintf(out, 33, "%s", qg_config_bot(config, name)->fingerprint);
	qg_config_release(config);
}

#define FULL(models, tail)                                                                         \
	"models: {m: {provider: scripted, script: s.yaml" models                                   \
	"}}\nbots:\n" BOT("other") "- {name: a, template: restaurant, platform: web, knowledge: "  \
				   "[k], models: [m]" tail "}\n"

START_TEST(tells_changed_bots_by_their_fingerprint)
{
	static const char *const changes[] = {FULL("", ", budget: {turn: 1}"),
		FULL("", ", token: x"), FULL("", ", limit: 8"), FULL("", ", answers: {x: y}"),
		FULL("", ", trigger: {keywords: [a]}"), FULL("", ", chats: any"),
		FULL("", ", chats: [x]"), FULL("", ", members: {a: b}"), FULL("", ", scope: chat"),
		FULL("", ", mask: phone"), "language: en\n" FULL("", "")};
	char first[33], second[33], other[33], other_now[33];
	ck_assert_int_eq(mkdir("k", 0700), 0);
	write_file("k/one.md", "1");
	write_file("s.yaml", "[]");
	write_file("qungong.yaml", FULL("", ""));
	fingerprint_of("a", first);
	fingerprint_of("other", other);
	/* a turn looks up what is behind an endpoint's name: that needs no restart */
	write_file("qungong.yaml", "# a comment\npartitions: 9\nusd_cny: 7\n" FULL(
					   ", model: x, price: {input: 1, output: 2}", ""));
	write_file("s.yaml", "[ ]");
	fingerprint_of("a", second);
	ck_assert_str_eq(first, second);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		write_file("qungong.yaml", changes[i]);
		fingerprint_of("a", second);
		ck_assert_msg(strcmp(first, second) != 0, "unchanged by: %s", changes[i]);
		fingerprint_of("other", other_now);
		ck_assert_msg(i >= 10 || strcmp(other, other_now) == 0,
			"the other one changed by: %s", changes[i]);
	}
	write_file("qungong.yaml", FULL("", ""));
	write_file("k/two.md", "22");
	fingerprint_of("a", second);
	ck_assert_str_ne(first, second);
	fingerprint_of("other", other_now);
	ck_assert_str_eq(other, other_now);
}
END_TEST

START_TEST(lists_what_to_watch)
{
	write_file("qungong.yaml", FULL(", api_key: file:key", ", token: \"file:/x/token\""));
	write_file("bots.d/a.yaml", "bots: [\n"); /* broken, and watched for that */
	struct qg_strings files = qg_config_files("qungong.yaml");
	char path[PATH_MAX + 32];
	static const char *const wanted[] = {"k", "s.yaml", "key"};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char real[PATH_MAX];
		ck_assert_ptr_nonnull(realpath(".", real));
		snprintf(path, sizeof(path), "%s/%s", real, wanted[i]);
		ck_assert_msg(qg_strings_has(&files, path), "%s is missing", path);
	}
	ck_assert(qg_strings_has(&files, "qungong.yaml") && qg_strings_has(&files, "bots.d"));
	ck_assert(qg_strings_has(&files, "bots.d/a.yaml") && qg_strings_has(&files, "/x/token"));
	ck_assert_uint_eq(files.count, 7);
	qg_strings_finish(&files);
}
END_TEST

START_TEST(holds_many_bots)
{
	FILE *file = fopen("bots.d/many.yaml", "w");
	fprintf(file, "bots:\n");
	for (int i = 0; i < 3000; i++) {
		fprintf(file, "- {name: bot-%d, template: restaurant, platform: web}\n", i);
	}
	fclose(file);
	write_file("qungong.yaml", "language: zh\n");
	struct qg_config *config = load(NULL);
	ck_assert_msg(config != NULL, "%s", said());
	ck_assert_uint_eq(config->bot_count, 3000);
	ck_assert_str_eq(qg_config_bot(config, "bot-2999")->name, "bot-2999");
	qg_config_release(config);
}
END_TEST

/* ---- no memory ---- */

/* Refused at the very end, so that no bot comes to its fingerprint: a digest without memory ends
 * the process. */
static void refuse(
	const struct qg_bot_config *bot, const struct qg_tree *tree, struct qg_problems *found)
{
	bool whole = bot->name != NULL && bot->customer != NULL && bot->models.count == 1 &&
		     bot->keywords.count == 1 && bot->chats.count == 1 &&
		     json_array_size(bot->duty) == 2 && json_object_size(bot->answers) == 1 &&
		     json_object_size(bot->people) == 1 && bot->options != NULL &&
		     ((struct fake_web *)bot->options)->members != NULL &&
		     bot->limits.turn == QG_MONEY_ONE && bot->limits.chat_day == -1 &&
		     bot->limits.customer_month == 5 * QG_MONEY_ONE;
	qg_problem_error(found, tree, "%s", whole ? "refused" : "torn");
}

static bool load_and_release(void *arg)
{
	struct qg_config_world world = fake_world;
	world.check_bot = refuse;
	struct qg_problems found;
	qg_problems_init(&found);
	struct qg_config *config = qg_config_load("qungong.yaml", &world, arg, &found);
	/* Whatever was lost on the way must have been said: with the two refusals alone all else
	 * is there. */
	bool whole = config != NULL && found.errors == 2;
	if (whole && (config->model_count != 1 || !config->models[0].has_price ||
			     config->tls_cert == NULL || config->tls_key == NULL ||
			     config->listen == NULL || config->admin_hosts.count != 2 ||
			     config->failed_files.count != 1)) {
		abort();
	}
	if (found.errors == 2 && found.text.data != NULL &&
		strstr(found.text.data, "torn") != NULL) {
		abort();
	}
	qg_config_release(config);
	qg_problems_finish(&found);
	return whole;
}

START_TEST(survives_without_memory)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	write_file("s.yaml", "[]");
	write_file("k.md", "x");
	write_file("key", "x");
	write_file("qungong.yaml",
		"log: {level: info}\nadmin_hosts: [a, b]\ntls: {cert: key, key: key}\n"
		"models: {m: {provider: scripted, script: s.yaml, api_key: file:key, price: "
		"{input: 1, "
		"output: 2}}}\n");
	write_file("bots.d/a.yaml",
		"customer: {id: c, name: d, budget: {month: 5}}\ndefaults: {budget: {turn: 1}, "
		"people: {a: {name: b}}, models: [m], "
		"duty: [x, {id: y}], trigger: {keywords: [k]}}\nbots:\n"
		"- {name: b, template: restaurant, platform: web, knowledge: [k.md], "
		"members: {a: file:key}, answers: {q: w}, chats: [c]}\n"
		"- {name: c, template: restaurant, platform: web, knowledge: [k.md], "
		"members: {a: \"b${HOME}$$\"}, answers: {q: w}, chats: [c]}\n");
	ck_assert(load_and_release(NULL)); /* the fake template is made, and stays */
	ck_assert_int_gt(qg_test_each_malloc(load_and_release, NULL), 300);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config files");
	TCase *files = tcase_create("files");
	tcase_add_checked_fixture(files, enter_folder, leave_folder);
	tcase_set_timeout(files, 60);
	tcase_add_test(files, reads_the_files_of_bots_d);
	tcase_add_test(files, keeps_only_a_bad_files_bots_off);
	tcase_add_test(files, keeps_the_last_good_state_of_a_bad_file);
	tcase_add_test(files, changes_nothing_when_the_main_file_is_bad);
	tcase_add_test(files, gives_a_name_to_one_bot_only);
	tcase_add_test(files, lets_a_bot_move_out_of_a_broken_file);
	tcase_add_test(files, hides_a_customers_models_from_others);
	tcase_add_test(files, hides_a_customers_knowledge_from_others);
	tcase_add_test(files, checks_the_head_of_a_file);
	tcase_add_test(files, paths_start_at_the_file_that_holds_them);
	tcase_add_test(files, reads_secrets_from_files);
	tcase_add_loop_test(
		files, never_shows_a_secret, 0, (int)(sizeof(slots) / sizeof(slots[0])));
	tcase_add_test(files, tells_changed_bots_by_their_fingerprint);
	tcase_add_test(files, lists_what_to_watch);
	tcase_add_test(files, holds_many_bots);
	tcase_add_test(files, survives_without_memory);
	suite_add_tcase(suite, files);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
