/* config_fixture.h - a folder for the files of one test, and a gateway's world as small as can
 * be: the platform web, the template restaurant. */
#ifndef TESTS_UNIT_BASE_CONFIG_FIXTURE_H
#define TESTS_UNIT_BASE_CONFIG_FIXTURE_H

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/config.h"

struct fake_web { /* what the platform's keys fill */
	json_t *members;
	char *token, *api_base;
	int64_t limit;
};

static const struct qg_option fake_web_options[] = {
	{"members", QG_OPTION_JSON, NULL, offsetof(struct fake_web, members), QG_SECRET,
		.help = "who may write"},
	{"token", QG_OPTION_STRING, NULL, offsetof(struct fake_web, token), QG_SECRET,
		.help = "a secret"},
	{"api_base", QG_OPTION_URL, NULL, offsetof(struct fake_web, api_base),
		.help = "an address"},
	{"limit", QG_OPTION_INT, "7", offsetof(struct fake_web, limit), .min = 1, .max = 9,
		.help = "a number"},
	{NULL},
};

static const struct qg_option *fake_platform(const char *platform, size_t *size_out)
{
	*size_out = sizeof(struct fake_web);
	return strcmp(platform, "web") == 0 ? fake_web_options : NULL;
}

static void fake_check(
	const struct qg_bot_config *bot, const struct qg_tree *tree, struct qg_problems *problems)
{
	if (bot->scope == QG_SCOPE_THREAD) {
		qg_problem_error(problems, qg_tree_get(tree, "scope"), "web has no threads");
	}
}

/* Services of this world: "yi" is known and not built. */
static bool fake_has_provider(const char *provider)
{
	return strcmp(provider, "yi") != 0;
}

static void fake_check_model(const struct qg_model_config *model, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	static const char *const known[] = {"offline", "scripted", "deepseek", "openai", "yi"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(model->provider, known[i]) == 0) {
			return;
		}
	}
	qg_problem_error(problems, qg_tree_get(tree, "provider"), "nobody knows it");
}

/* Refuses the model "never", found as a turn will find it. */
static void fake_check_models(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_tree *tree, struct qg_problems *problems)
{
	for (size_t i = 0; i < bot->models.count; i++) {
		const struct qg_model_config *model =
			qg_config_model(config, bot, bot->models.items[i]);
		if (model != NULL && model->model != NULL && strcmp(model->model, "never") == 0) {
			qg_problem_error_key(problems, qg_tree_get(tree, "models"),
				"not '%s' at %.1f", model->name, config->usd_cny);
		}
	}
}

/* An account is called as its token. */
static char *fake_account(const struct qg_bot_config *bot)
{
	return qg_str_copy(((const struct fake_web *)bot->options)->token);
}

static struct qg_tree *fake_template, *thrifty_template; /* made by the first that asks */

static const struct qg_tree *thrifty(struct qg_problems *problems)
{
	static const char text[] = "budget: {chat_day: 3, user_day: 2, at_limit: stop}\n";
	if (thrifty_template == NULL) {
		thrifty_template =
			qg_tree_parse("thrifty.yaml", text, strlen(text), false, problems);
	}
	return thrifty_template;
}

static const struct qg_tree *fake_defaults(const struct qg_config *config, const char *id,
	const struct qg_tree *at, const struct qg_tree *answers, struct qg_problems *problems)
{
	static const char text[] =
		"name: 餐厅\nscope: sender\nanswer_tokens: 800\nai_label: 机器人\n";
	if (config->dir == NULL) {
		abort(); /* an assertion of Check would allocate, and some tests let that fail */
	}
	if (strcmp(id, "thrifty") == 0) {
		return thrifty(problems);
	}
	if (strcmp(id, "restaurant") != 0) {
		qg_problem_error(problems, at, "no template '%s'", id);
		return NULL;
	}
	if (qg_tree_get(answers, "nonsense") != NULL) {
		qg_problem_error_key(problems, qg_tree_get(answers, "nonsense"),
			"the interview does not ask that");
	}
	if (fake_template == NULL) {
		fake_template = qg_tree_parse("template.yaml", text, strlen(text), false, problems);
	}
	return fake_template;
}

static const struct qg_config_world fake_world = {
	.platform_options = fake_platform,
	.platforms = "web",
	.check_bot = fake_check,
	.check_model = fake_check_model,
	.has_provider = fake_has_provider,
	.check_models = fake_check_models,
	.account = fake_account,
	.template_defaults = fake_defaults,
};

static char folder[PATH_MAX];
static struct qg_problems problems;

static inline void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	ck_assert_msg(file != NULL, "cannot write %s", name);
	ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(name, 0600), 0);
}

/* Each test works in an empty folder of its own, with bots.d/. */
static inline void enter_folder(void)
{
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%s/qg-config-XXXXXX", base != NULL ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(mkdir("bots.d", 0700), 0);
	qg_problems_init(&problems);
}

static inline void leave_folder(void)
{
	char command[PATH_MAX + 32];
	qg_problems_finish(&problems);
	qg_tree_destroy(fake_template);
	qg_tree_destroy(thrifty_template);
	fake_template = thrifty_template = NULL;
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static inline const char *said(void)
{
	return problems.text.data != NULL ? problems.text.data : "";
}

static inline struct qg_config *load(const struct qg_config *previous)
{
	qg_problems_finish(&problems);
	return qg_config_load("qungong.yaml", &fake_world, previous, &problems);
}

#endif
