/* target.c - the config a verb works on, and whom a name means: a bot of it, or a template on its own.
 *
 * A template is tried out as a bot made here: the interview's examples for answers, the free model, no platform
 * to speak of. Without any qungong.yaml a template can still be tried: an empty config stands in for it.
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "qg/cases.h"
#include "qg/clock.h"
#include "qg/log.h"
#include "qg/loop.h"
#include "qg/role.h"

#define TEMPLATE_PREFIX "template:"

enum { ANSWER_TOKENS = 1200 };

char *qg_cli_config_dir(const struct qg_cli *cli)
{
	const char *slash = strrchr(cli->config_path, '/');
	if (!slash) {
		return qg_str_copy(".");
	}
	return qg_str_copy_n(cli->config_path,
		slash == cli->config_path ? 1 : (size_t)(slash - cli->config_path));
}

static bool config_is_there(const struct qg_cli *cli)
{
	return cli->config_given || access(cli->config_path, F_OK) == 0;
}

static struct qg_config *load(const char *path)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_config *config = qg_config_load(path, qg_app_world(), NULL, &problems);
	if (!config || problems.errors > 0) {
		fwrite(problems.text.data ? problems.text.data : "", 1, problems.text.size, stderr);
	}
	qg_problems_finish(&problems);
	return config;
}

struct qg_config *qg_cli_load(const struct qg_cli *cli)
{
	if (access(cli->config_path, R_OK) != 0) {
		qg_cli_say(cli, QG_CLI_WRONG,
			"%s: %s; 用 -c 指定配置文件，或先运行 `qungong hire` · name it with -c, or "
			"run "
			"`qungong hire` first",
			cli->config_path, strerror(errno));
		return NULL;
	}
	struct qg_config *config = load(cli->config_path);
	if (config) {
		qg_log_set_level(QG_LOG_WARN); /* a verb's own words are for people */
	}
	return config;
}

/* All defaults, from a file that says nothing. */
static struct qg_config *load_empty(void)
{
	char folder[] = "/tmp/qungong-XXXXXX";
	if (!mkdtemp(folder)) {
		return NULL;
	}
	struct qg_config *config = NULL;
	char *path = qg_str_printf("%s/qungong.yaml", folder);
	FILE *file = path ? fopen(path, "we") : NULL;
	if (file && fclose(file) == 0) {
		config = load(path);
	}
	if (path) {
		unlink(path);
	}
	free(path);
	rmdir(folder);
	return config;
}

/* ---- a template as a bot ---- */

static void destroy_made(struct qg_bot_config *bot)
{
	if (!bot) {
		return;
	}
	free(bot->name);
	free(bot->template_id);
	free(bot->platform);
	free(bot->file);
	free(bot->ai_label);
	free(bot->language);
	free(bot->timezone);
	json_decref(bot->answers);
	json_decref(bot->duty);
	json_decref(bot->people);
	qg_strings_finish(&bot->models);
	free(bot);
}

/* Every endpoint the config shows to all, so that `test --model` finds them. */
static bool take_models(struct qg_bot_config *bot, const struct qg_config *config)
{
	for (size_t i = 0; i < config->model_count; i++) {
		if (!config->models[i].file &&
			qg_strings_add(&bot->models, config->models[i].name) != QG_OK) {
			return false;
		}
	}
	return true;
}

static struct qg_bot_config *make_bot(
	const struct qg_config *config, const char *id, const struct qg_tree *tree)
{
	struct qg_bot_config *bot = calloc(1, sizeof(*bot));
	if (!bot) {
		return NULL;
	}
	bot->name = qg_str_copy(id);
	bot->template_id = qg_str_copy(id);
	bot->platform = qg_str_copy("web");
	bot->file = qg_str_copy(config->path);
	bot->ai_label = qg_str_copy("AI 生成");
	bot->language = qg_str_copy(config->language);
	bot->timezone = qg_str_copy(config->timezone);
	bot->answers = qg_cases_example_answers(tree);
	bot->duty = json_array();
	bot->people = json_object();
	bot->answer_tokens = ANSWER_TOKENS;
	bot->footnote = QG_FOOTNOTE_SHORT;
	if (!bot->name || !bot->template_id || !bot->platform || !bot->file || !bot->ai_label ||
		!bot->answers || !bot->duty || !bot->people || !take_models(bot, config)) {
		destroy_made(bot);
		return NULL;
	}
	return bot;
}

static int open_template(const struct qg_cli *cli, const char *id, struct qg_cli_target *target)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	const struct qg_tree *tree = qg_template_tree(target->folder, &problems);
	if (!tree || problems.errors > 0) {
		fwrite(problems.text.data ? problems.text.data : "", 1, problems.text.size, stderr);
		qg_problems_finish(&problems);
		return qg_cli_say(cli, QG_CLI_WRONG, "the template '%s' has errors", id);
	}
	qg_problems_finish(&problems);
	target->made = make_bot(target->config, id, tree);
	target->bot = target->made;
	return target->bot ? QG_CLI_DONE : qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
}

/* ---- a name ---- */

static int say_nobody(
	const struct qg_cli *cli, const struct qg_cli_target *target, const char *name)
{
	struct qg_strings known = qg_template_list(target->config_dir);
	for (size_t i = 0; i < target->config->bot_count; i++) {
		if (qg_strings_add(&known, target->config->bots[i].name) != QG_OK) {
			break;
		}
	}
	const char *nearest = qg_str_nearest(name, (const char *const *)known.items, known.count);
	int code = qg_cli_say(cli, QG_CLI_WRONG, "there is no bot and no template '%s'%s%s%s", name,
		nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	qg_strings_finish(&known);
	return code;
}

static int find(const struct qg_cli *cli, const char *name, struct qg_cli_target *target)
{
	bool forced = qg_str_starts_with(name, TEMPLATE_PREFIX);
	if (!forced) {
		target->bot = qg_config_bot(target->config, name);
	}
	const char *id = target->bot ? target->bot->template_id
				     : name + (forced ? strlen(TEMPLATE_PREFIX) : 0);
	target->folder = qg_template_find(target->config_dir, id);
	if (!target->folder) {
		return say_nobody(cli, target, id);
	}
	return target->bot ? QG_CLI_DONE : open_template(cli, id, target);
}

int qg_cli_target_open(const struct qg_cli *cli, const char *name, struct qg_cli_target *target_out)
{
	struct qg_cli_target target = {0};
	bool there = config_is_there(cli);
	target.config = there ? qg_cli_load(cli) : load_empty();
	if (!target.config) {
		return there ? QG_CLI_WRONG
			     : qg_cli_say(cli, QG_CLI_FAILED, "no room for a config in /tmp");
	}
	target.config_dir = qg_cli_config_dir(cli);
	int code = target.config_dir ? find(cli, name, &target) : QG_CLI_FAILED;
	if (code != QG_CLI_DONE) {
		qg_cli_target_finish(&target);
		return code;
	}
	*target_out = target;
	return QG_CLI_DONE;
}

void qg_cli_target_finish(struct qg_cli_target *target)
{
	destroy_made(target->made);
	qg_config_release(target->config);
	free(target->folder);
	free(target->config_dir);
	*target = (struct qg_cli_target){0};
}

/* ---- its role ---- */

struct opening {
	struct qg_loop *loop;
	struct qg_role *role;
	char words[256];
};

static void role_ready(void *arg, struct qg_role *role, const char *words)
{
	struct opening *opening = arg;
	opening->role = role;
	snprintf(opening->words, sizeof(opening->words), "%s", words ? words : "");
	qg_loop_stop(opening->loop);
}

struct qg_role *qg_cli_open_role(
	const struct qg_cli *cli, const struct qg_cli_target *target, struct qg_loop *loop)
{
	/* a template that is only tried leaves nothing behind */
	const char *data_dir = target->made ? NULL : target->config->data_dir;
	if (data_dir && !qg_app_make_folder(data_dir)) {
		return NULL;
	}
	qg_clock_set_zone(target->bot->timezone);
	struct opening opening = {.loop = loop};
	enum qg_status status =
		qg_role_open(loop, target->bot, target->config_dir, data_dir, role_ready, &opening);
	if (status == QG_OK) {
		qg_loop_run(loop);
	}
	if (!opening.role) {
		qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", target->bot->name,
			status == QG_OK ? opening.words : qg_status_text(status));
	}
	return opening.role;
}
