/* fuzz_config.c - any bytes as a config: the tree, a table filled from it, and the whole of
 * qungong.yaml. What is refused is refused with words, and a snapshot is only made of what was
 * without error. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "qg/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct thing {
	char *text, *url;
	int64_t number;
	bool flag;
	int choice;
	double share;
	struct qg_strings list;
	json_t *any;
};

static const struct qg_option table[] = {
	{"name", QG_OPTION_STRING, "x", offsetof(struct thing, text), QG_OPTION_PATH, .max = 100},
	{"url", QG_OPTION_URL, NULL, offsetof(struct thing, url), QG_SECRET},
	{"partitions", QG_OPTION_INT, "3", offsetof(struct thing, number), .min = 1, .max = 1024},
	{"ledger", QG_OPTION_BOOL, NULL, offsetof(struct thing, flag)},
	{"language", QG_OPTION_ENUM, "zh", offsetof(struct thing, choice), .choices = "zh|en"},
	{"usd_cny", QG_OPTION_NUMBER, NULL, offsetof(struct thing, share), .max = 100},
	{"trusted_proxies", QG_OPTION_STRINGS, NULL, offsetof(struct thing, list),
		QG_OPTION_NO_EFFECT},
	{"bots", QG_OPTION_JSON, NULL, offsetof(struct thing, any)},
	{NULL},
};

static const struct qg_option *platform(const char *name, size_t *size_out)
{
	*size_out = sizeof(struct thing);
	return strcmp(name, "web") == 0 ? table + 1 : NULL;
}

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* What the world is shown is whole: it looks endpoints up as a turn will. */
static void check_models(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_tree *tree, struct qg_problems *problems)
{
	for (size_t i = 0; i < bot->models.count; i++) {
		expect(qg_config_model(config, bot, bot->models.items[i]) != NULL,
			"an endpoint in view");
	}
}

static bool has_provider(const char *provider)
{
	return strcmp(provider, "yi") != 0;
}

static char *account(const struct qg_bot_config *bot)
{
	return qg_str_copy(((const struct thing *)bot->options)->url);
}

static const struct qg_config_world world = {.platform_options = platform,
	.platforms = "web, other",
	.has_provider = has_provider,
	.check_models = check_models,
	.account = account};

static void expect_money(const struct qg_budget *limits)
{
	const int64_t all[] = {limits->turn, limits->chat_day, limits->user_day, limits->bot_month,
		limits->customer_month};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		expect(all[i] >= -1 && all[i] <= INT64_C(1000000000) * QG_MONEY_ONE, "a limit");
	}
	expect(limits->currency < QG_CURRENCIES, "a currency");
}

/* Whether it was YAML. */
static bool try_tree(const char *data, size_t size)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_tree *tree = qg_tree_parse("f", data, size, true, &problems);
	expect(tree != NULL || problems.errors > 0, "no tree, and no word why");
	if (tree != NULL) {
		struct thing thing;
		memset(&thing, 0, sizeof(thing));
		const struct qg_tree *layers[] = {tree, tree, NULL};
		struct qg_buf digest;
		qg_buf_init(&digest, 4 * 1024 * 1024);
		json_t *json = qg_tree_to_json(tree);
		expect(json != NULL, "no JSON of a tree");
		qg_option_fill(table, layers, NULL, "/dir", &thing, &problems);
		qg_option_digest(table, &thing, &digest);
		qg_buf_finish(&digest);
		qg_option_finish(table, &thing);
		json_decref(json);
	}
	qg_problems_sort(&problems);
	expect(problems.count == 0 || problems.text.size > 0, "problems without words");
	bool parsed = tree != NULL;
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
	return parsed;
}

/* By way of a file in memory: its folder is that of the descriptors, which holds no bots.d. */
static void try_config(const char *data, size_t size)
{
	static int file = -1;
	static char path[64];
	if (file < 0) {
		file = memfd_create("config", MFD_CLOEXEC);
		expect(file >= 0, "no file in memory");
		snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	}
	expect(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size, "writing");
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_config *config = qg_config_load(path, &world, NULL, &problems);
	expect((config == NULL) == (problems.errors > 0), "errors and a snapshot, or neither");
	for (size_t i = 0; config != NULL && i < config->bot_count; i++) {
		const struct qg_bot_config *bot = &config->bots[i];
		expect(qg_config_bot(config, bot->name) == bot, "a bot under its name");
		expect(strlen(bot->fingerprint) == 32 && bot->language != NULL &&
				bot->timezone != NULL,
			"a whole bot");
		expect_money(&bot->limits);
		for (size_t m = 0; m < bot->models.count; m++) {
			expect(qg_config_model(config, bot, bot->models.items[m]) != NULL,
				"an endpoint it names");
		}
	}
	for (size_t i = 0; config != NULL && i < config->model_count; i++) {
		const struct qg_model_config *model = &config->models[i];
		expect(model->rank >= 1 && model->rank <= 3, "a rank");
		expect(model->own_price.input >= 0 && model->own_price.cached_input >= 0,
			"a price");
	}
	qg_config_release(config);
	qg_problems_finish(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	setenv("A", "value: [x", 1);
	if (try_tree((const char *)data, size)) {
		try_config((const char *)data, size);
	}
	return 0;
}
