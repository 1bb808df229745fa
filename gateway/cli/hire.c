/* hire.c - `qungong hire`: picks a template, holds its interview, writes the bot's file, says what comes next. */
#include "hire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "creation.h"
#include "qg/adapter.h"
#include "qg/buf.h"
#include "qg/log.h"
#include "qg/model.h"
#include "qg/role.h"

struct hiring {
	const struct qg_cli *cli;
	char *config_dir;
	struct qg_config *config; /* NULL where there is none yet */
	char *template_id, *name, *folder;
	const char *platform;
	char *asked_platform; /* platform points there, or to what was given */
	json_t *answers, *options;
	struct qg_strings models;  /* endpoints it shall ask, in order */
	struct qg_strings secrets; /* files made for them */
	char *refused;		   /* what the config had against the last try */
};

static bool is_name(const char *text)
{
	size_t size = strlen(text);
	return size >= 1 && size <= 40 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static int load_config(struct hiring *hiring)
{
	if (!hiring->cli->config_given && access(hiring->cli->config_path, F_OK) != 0) {
		return QG_CLI_DONE; /* the first bot makes it */
	}
	hiring->config = qg_cli_load(hiring->cli);
	return hiring->config ? QG_CLI_DONE : QG_CLI_WRONG;
}

static void list_templates(const struct hiring *hiring)
{
	struct qg_strings ids = qg_template_list(hiring->config_dir);
	for (size_t i = 0; i < ids.count; i++) {
		char *folder = qg_template_find(hiring->config_dir, ids.items[i]);
		struct qg_problems problems;
		qg_problems_init(&problems);
		const struct qg_tree *tree = folder ? qg_template_tree(folder, &problems) : NULL;
		const struct qg_tree *name = tree ? qg_tree_get(tree, "name") : NULL;
		fprintf(stderr, "  %-12s %s\n", ids.items[i], name && name->text ? name->text : "");
		qg_problems_finish(&problems);
		free(folder);
	}
	qg_strings_finish(&ids);
}

static int choose_template(struct hiring *hiring, const char *given)
{
	if (given) {
		hiring->template_id = qg_str_copy(given);
	} else {
		list_templates(hiring);
		hiring->template_id = qg_cli_ask("要哪个角色？Which role? ");
	}
	if (!hiring->template_id || !*hiring->template_id) {
		return qg_cli_say(hiring->cli, QG_CLI_WRONG,
			"which template? `qungong templates` lists them");
	}
	hiring->folder = qg_template_find(hiring->config_dir, hiring->template_id);
	if (hiring->folder) {
		return QG_CLI_DONE;
	}
	struct qg_strings ids = qg_template_list(hiring->config_dir);
	const char *nearest =
		qg_str_nearest(hiring->template_id, (const char *const *)ids.items, ids.count);
	int code = qg_cli_say(hiring->cli, QG_CLI_WRONG, "there is no template '%s'%s%s%s",
		hiring->template_id, nearest ? "; did you mean '" : "", nearest ? nearest : "",
		nearest ? "'?" : "");
	qg_strings_finish(&ids);
	return code;
}

static int choose_platform(struct hiring *hiring, const char *given)
{
	hiring->asked_platform = !given && isatty(STDIN_FILENO) ? qg_cli_ask_platform() : NULL;
	given = given ? given : hiring->asked_platform;
	hiring->platform = given && *given ? given : "web";
	if (qg_adapter_find(hiring->platform)) {
		return QG_CLI_DONE;
	}
	return qg_cli_say(hiring->cli, QG_CLI_WRONG, "--platform '%s' is not one of: %s",
		hiring->platform, qg_adapter_names());
}

static bool is_taken(const struct hiring *hiring, const char *name)
{
	return hiring->config && qg_config_bot(hiring->config, name);
}

/* The template's id, or the first of id-2, id-3 ... that is free. */
static char *free_name(const struct hiring *hiring)
{
	char *name = qg_str_copy_n(hiring->template_id, strnlen(hiring->template_id, 36));
	for (int i = 2; name && is_taken(hiring, name) && i < 100; i++) {
		free(name);
		name = qg_str_printf("%.36s-%d", hiring->template_id, i);
	}
	return name;
}

static int choose_name(struct hiring *hiring, const char *given)
{
	hiring->name = given ? qg_str_copy(given) : free_name(hiring);
	if (!given && hiring->name && isatty(STDIN_FILENO)) {
		char *answer =
			qg_cli_ask("给它起个代号（小写字母、数字和 -，用在网址里）A name [%s]: ",
				hiring->name);
		if (answer && *answer) {
			free(hiring->name);
			hiring->name = answer;
		} else {
			free(answer);
		}
	}
	if (!hiring->name) {
		return qg_cli_say(hiring->cli, QG_CLI_FAILED, "out of memory");
	}
	if (!is_name(hiring->name)) {
		return qg_cli_say(hiring->cli, QG_CLI_WRONG,
			"'%s': a name is 1 to 40 of a-z, 0-9 and '-'", hiring->name);
	}
	if (is_taken(hiring, hiring->name)) {
		return qg_cli_say(
			hiring->cli, QG_CLI_FAILED, "there is a bot '%s' already", hiring->name);
	}
	return QG_CLI_DONE;
}

static int open_template(struct hiring *hiring, const struct qg_tree **interview_out)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	const struct qg_tree *tree = qg_template_tree(hiring->folder, &problems);
	if (problems.errors > 0) {
		fwrite(problems.text.data, 1, problems.text.size, stderr);
	}
	qg_problems_finish(&problems);
	if (!tree) {
		return qg_cli_say(hiring->cli, QG_CLI_WRONG, "the template '%s' cannot be used",
			hiring->template_id);
	}
	*interview_out = qg_tree_get(tree, "interview");
	return QG_CLI_DONE;
}

static int say_wrong(const struct hiring *hiring, const struct qg_strings *wrong)
{
	struct qg_buf all;
	qg_buf_init(&all, 16 * 1024);
	for (size_t i = 0; i < wrong->count; i++) {
		qg_buf_printf(&all, "%s%s", i > 0 ? "\n  " : "", wrong->items[i]);
	}
	int code = qg_cli_say(hiring->cli, QG_CLI_WRONG, "%s", all.data ? all.data : "");
	qg_buf_finish(&all);
	return code;
}

/* What the platform wants to know of its account (on the web there is none) and what the template asks. given: K=V;
 * again: see hire.h. */
static int question(struct hiring *hiring, struct qg_strings *given, const struct qg_strings *again)
{
	const struct qg_tree *questions = NULL;
	struct qg_strings wrong = {0};
	int code = open_template(hiring, &questions);
	if (code != QG_CLI_DONE) {
		return code;
	}
	if (strcmp(hiring->platform, "web") != 0) {
		qg_cli_credentials(
			qg_adapter_find(hiring->platform), given, again, hiring->options, &wrong);
	}
	qg_cli_interview(questions, given, again, hiring->answers, &wrong);
	code = wrong.count > 0 ? say_wrong(hiring, &wrong) : QG_CLI_DONE;
	qg_strings_finish(&wrong);
	return code;
}

/* NULL: the platform's own. */
static const char *given_transport(const struct qg_strings *given)
{
	static const char key[] = "transport=";
	for (size_t i = 0; i < given->count; i++) {
		if (qg_str_starts_with(given->items[i], key)) {
			return given->items[i] + strlen(key);
		}
	}
	return NULL;
}

static int ask_all(struct hiring *hiring, struct qg_strings *given)
{
	hiring->options = json_object();
	hiring->answers = json_object();
	if (!hiring->options || !hiring->answers) {
		return qg_cli_say(hiring->cli, QG_CLI_FAILED, "out of memory");
	}
	bool made = qg_cli_create_account(hiring->cli, hiring->platform, given, hiring->options);
	json_t *steps = !made && isatty(STDIN_FILENO)
				? qg_cli_steps_before(hiring->platform, given_transport(given))
				: NULL;
	qg_cli_say_steps(stderr, steps);
	json_decref(steps);
	return question(hiring, given, NULL);
}

/* The endpoints of qungong.yaml that a new bot may ask without being told so by its owner: none abroad. */
static bool choose_models(struct hiring *hiring)
{
	for (size_t i = 0; hiring->config && i < hiring->config->model_count; i++) {
		const struct qg_model_config *endpoint = &hiring->config->models[i];
		const struct qg_model *model = !endpoint->file && endpoint->provider
						       ? qg_model_find(endpoint->provider)
						       : NULL;
		if (model && model->talks && !qg_endpoint_is_abroad(endpoint) &&
			qg_strings_add(&hiring->models, endpoint->name) != QG_OK) {
			return false;
		}
	}
	return true;
}

static void take_back(struct hiring *hiring)
{
	for (size_t i = 0; i < hiring->secrets.count; i++) {
		unlink(hiring->secrets.items[i]);
	}
	qg_strings_finish(&hiring->secrets);
}

/* A file that the config refuses is taken away again: no half-hired bot stays behind. */
static int validate(struct hiring *hiring, const char *path)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_config *after =
		qg_config_load(hiring->cli->config_path, qg_app_world(), NULL, &problems);
	bool ok = after && qg_config_bot(after, hiring->name);
	if (!ok) {
		unlink(path);
		free(hiring->refused);
		hiring->refused = qg_str_copy(problems.text.data ? problems.text.data : "");
		fwrite(problems.text.data ? problems.text.data : "", 1, problems.text.size, stderr);
	}
	qg_problems_finish(&problems);
	if (!ok) {
		qg_config_release(after);
	} else {
		qg_config_release(hiring->config);
		hiring->config = after;
	}
	return ok ? QG_CLI_DONE : qg_cli_say(hiring->cli, QG_CLI_WRONG, "nothing was hired");
}

static int try_hire(struct hiring *hiring)
{
	struct qg_new_bot bot = {hiring->name, hiring->template_id, hiring->platform,
		hiring->answers, json_deep_copy(hiring->options), &hiring->models};
	char *path = NULL;
	if (!bot.options) {
		return qg_cli_say(hiring->cli, QG_CLI_FAILED, "out of memory");
	}
	int code = qg_cli_write_secrets(hiring->cli, hiring->config_dir, hiring->name,
		qg_adapter_find(hiring->platform), bot.options, &hiring->secrets);
	if (code == QG_CLI_DONE) {
		code = qg_cli_write_bot(hiring->cli, hiring->config_dir, &bot, &path);
	}
	if (code == QG_CLI_DONE) {
		code = validate(hiring, path);
	}
	if (code != QG_CLI_DONE) {
		take_back(hiring);
	} else {
		const struct qg_hired hired = {hiring->cli, hiring->config, &bot, path};
		code = qg_cli_show_hired(&hired);
	}
	json_decref(bot.options);
	free(path);
	return code;
}

/* Takes out of values what the config refused by name (NULL: all of it); the keys are added to again. */
static void forget_refused(const char *refused, json_t *values, struct qg_strings *again)
{
	void *next;
	const char *key;
	json_t *value;
	json_object_foreach_safe(values, next, key, value)
	{
		QG_AUTO(qg_str_free) char *place = qg_str_printf(".%s:", key);
		if (place && (!refused || strstr(refused, place)) &&
			qg_strings_add(again, key) == QG_OK) {
			json_object_del(values, key);
		}
	}
}

/* What was refused is asked again, and all else is kept. Where no answer is to blame by name, it is the account as a
 * whole: an app that another bot has. */
static int ask_again(struct hiring *hiring)
{
	struct qg_strings again = {0}, given = {0};
	fputs("配置没有通过，请把有问题的再填一遍（Ctrl-C 放弃）。Please answer again what was "
	      "refused.\n",
		stderr);
	forget_refused(hiring->refused, hiring->options, &again);
	forget_refused(hiring->refused, hiring->answers, &again);
	if (again.count == 0) {
		forget_refused(NULL, hiring->options, &again);
	}
	int code = question(hiring, &given, &again);
	qg_strings_finish(&again);
	return code;
}

/* An endpoint that this bot may not ask (no price and a budget, say) is no reason not to hire it. */
static bool blames_models(const struct hiring *hiring)
{
	return hiring->models.count > 0 && strstr(hiring->refused, ".models") != NULL;
}

static int hire(struct hiring *hiring)
{
	for (;;) {
		int code = try_hire(hiring);
		if (code != QG_CLI_WRONG || !hiring->refused) {
			return code;
		}
		if (blames_models(hiring)) {
			qg_strings_finish(&hiring->models);
			fputs("不写 models 再试一次：它先只查问答和手册。Trying without models.\n",
				stderr);
		} else if (!isatty(STDIN_FILENO) || strcmp(hiring->platform, "web") == 0) {
			return code;
		} else if ((code = ask_again(hiring)) != QG_CLI_DONE) {
			return code;
		}
		free(hiring->refused);
		hiring->refused = NULL;
	}
}

static int run(struct qg_cli *cli)
{
	const char *template_id = NULL, *name = NULL, *platform = NULL;
	struct qg_strings answers = {0};
	const struct qg_flag flags[] = {
		{"--name", QG_FLAG_VALUE, &name},
		{"--platform", QG_FLAG_VALUE, &platform},
		{"--answers", QG_FLAG_LIST, &answers},
		{NULL},
	};
	struct hiring hiring = {.cli = cli, .config_dir = qg_cli_config_dir(cli)};
	int code = qg_cli_parse(cli, flags, &template_id, 1);
	if (code == QG_CLI_DONE && !hiring.config_dir) {
		code = qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	code = code == QG_CLI_DONE ? load_config(&hiring) : code;
	code = code == QG_CLI_DONE ? choose_platform(&hiring, platform) : code;
	code = code == QG_CLI_DONE ? choose_template(&hiring, template_id) : code;
	code = code == QG_CLI_DONE ? choose_name(&hiring, name) : code;
	code = code == QG_CLI_DONE ? ask_all(&hiring, &answers) : code;
	if (code == QG_CLI_DONE && !choose_models(&hiring)) {
		code = qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	code = code == QG_CLI_DONE ? hire(&hiring) : code;
	qg_config_release(hiring.config);
	qg_strings_finish(&answers);
	qg_strings_finish(&hiring.secrets);
	qg_strings_finish(&hiring.models);
	free(hiring.refused);
	json_decref(hiring.answers);
	json_decref(hiring.options);
	free(hiring.config_dir);
	free(hiring.template_id);
	free(hiring.folder);
	free(hiring.name);
	free(hiring.asked_platform);
	return code;
}

const struct qg_verb qg_cli_hire = {"hire",
	"[TEMPLATE] [--name N] [--platform P] [--answers KEY=VALUE]...",
	"让一个角色上岗 · picks a template and holds its interview",
	"选模板、回答几个问题，写出 bots.d/NAME.yaml；已有的文件不会被覆盖。\n"
	"--name      代号，用在网址和日志里，默认与模板同名\n"
	"--platform  默认 "
	"web：浏览器里的工作群；wecom：企业微信智能机器人；dingtalk：钉钉应用机器人；\n"
	"            feishu：飞书（Lark）应用机器人；这三个在终端扫码创建，或手工填凭据；\n"
	"            wecom-hook、dingtalk-hook、feishu-hook：群机器人，只发不收。密钥存入 "
	"secrets/\n"
	"--answers   KEY=VALUE，可重复，代替提问；没有终端时用它。密钥只收 "
	"KEY=file:路径，或从标准输入读\n"
	"最后打印一个六位绑定码：15 分钟内谁在单聊里把它发给机器人，谁就是管理员；过期了用 "
	"qungong bind 再要一个。\nqungong.yaml 里的模型按顺序写进它的 models（境外的除外）。\n\n"
	"--platform is web (the default), wecom, dingtalk or feishu (made by scanning a code, or "
	"by "
	"hand),\nwecom-hook, dingtalk-hook or feishu-hook (a group's robot, which only speaks).\n"
	"Writes bots.d/NAME.yaml and never over one that is there. --answers stands in for the "
	"questions; a\nsecret is read from standard input, or named as KEY=file:PATH. Ends with a "
	"code: who sends it to the\nbot in a direct chat within 15 minutes becomes its admin; "
	"`qungong bind` makes another. The endpoints of\nqungong.yaml (but those abroad) become "
	"its models.\n",
	run};
