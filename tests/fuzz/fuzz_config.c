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

static const struct qg_config_world world = {
	.platform_options = platform, .platforms = "web, other"};

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
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
		for (size_t m = 0; m < bot->models.count; m++) {
			expect(qg_config_model(config, bot, bot->models.items[m]) != NULL,
				"an endpoint it names");
		}
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
