/* templates.c - `qungong templates`: the roles on offer, one in detail, or a skeleton of one's own. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/role.h"

/* The text under key, "" if there is none. */
static const char *text_of(const struct qg_tree *tree, const char *key)
{
	const struct qg_tree *value = tree ? qg_tree_get(tree, key) : NULL;
	return value && value->text ? value->text : "";
}

/* The tree of a template, or NULL after printing what is wrong with it. */
static const struct qg_tree *read_template(const char *folder)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	const struct qg_tree *tree = qg_template_tree(folder, &problems);
	if (problems.errors > 0) {
		fwrite(problems.text.data, 1, problems.text.size, stderr);
	}
	qg_problems_finish(&problems);
	return tree;
}

/* ---- the list ---- */

static void add_to_list(const struct qg_cli *cli, const char *id, const char *folder, json_t *list)
{
	const struct qg_tree *tree = read_template(folder);
	if (!tree) {
		return;
	}
	if (cli->json) {
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", id, "name",
				      text_of(tree, "name"), "industry", text_of(tree, "industry"),
				      "summary", text_of(tree, "summary"), "folder", folder));
		return;
	}
	printf("%-12s %s（%s）\n             %s\n", id, text_of(tree, "name"),
		text_of(tree, "industry"), text_of(tree, "summary"));
}

static int print_list(const struct qg_cli *cli, const char *config_dir)
{
	struct qg_strings ids = qg_template_list(config_dir);
	json_t *list = json_array();
	for (size_t i = 0; i < ids.count; i++) {
		char *folder = qg_template_find(config_dir, ids.items[i]);
		if (folder) {
			add_to_list(cli, ids.items[i], folder, list);
		}
		free(folder);
	}
	size_t count = ids.count;
	qg_strings_finish(&ids);
	if (cli->json) {
		return qg_cli_print_json(list);
	}
	json_decref(list);
	if (count == 0) {
		return qg_cli_say(cli, QG_CLI_FAILED,
			"no templates found; $QUNGONG_TEMPLATES may name their folder");
	}
	puts("\n详情 more: qungong templates NAME    试用 try: qungong chat template:NAME    上岗 "
	     "hire: qungong hire NAME");
	return QG_CLI_DONE;
}

/* ---- one ---- */

static void print_interview(const struct qg_tree *interview)
{
	puts("\n需要回答的问题 the interview:");
	for (size_t i = 0; interview && i < interview->count; i++) {
		const struct qg_tree *item = interview->items[i];
		bool required = qg_str_equal(text_of(item, "required"), "true");
		printf("  %-12s %s%s\n               例 example: %s\n", text_of(item, "key"),
			text_of(item, "ask"), required ? "（必填 required）" : "",
			text_of(item, "example"));
	}
}

static void print_strings(const char *title, const struct qg_tree *list)
{
	if (!list || list->count == 0) {
		return;
	}
	printf("\n%s\n", title);
	for (size_t i = 0; i < list->count; i++) {
		const char *text = list->items[i]->text ? list->items[i]->text
							: text_of(list->items[i], "name");
		printf("  %s\n", text);
	}
}

static int print_one(const struct qg_cli *cli, const char *config_dir, const char *id)
{
	char *folder = qg_template_find(config_dir, id);
	const struct qg_tree *tree = folder ? read_template(folder) : NULL;
	if (!tree) {
		int code = folder ? QG_CLI_WRONG
				  : qg_cli_say(cli, QG_CLI_WRONG,
					    "there is no template '%s'; `qungong templates` lists "
					    "them",
					    id);
		free(folder);
		return code;
	}
	int code = QG_CLI_DONE;
	if (cli->json) {
		json_t *json = qg_tree_to_json(tree);
		json_object_set_new(json, "folder", json_string(folder));
		code = qg_cli_print_json(json);
	} else {
		printf("%s %s（%s）版本 %s\n%s\n%s\n", id, text_of(tree, "name"),
			text_of(tree, "industry"), text_of(tree, "version"),
			text_of(tree, "summary"), folder);
		print_interview(qg_tree_get(tree, "interview"));
		print_strings("可以这样问 ask it:", qg_tree_get(tree, "suggestions"));
		print_strings("工具 tools:", qg_tree_get(tree, "tools"));
		const struct qg_tree *handover = qg_tree_get(tree, "handover");
		print_strings("听到这些词就找人 calls a person at:",
			handover ? qg_tree_get(handover, "keywords") : NULL);
	}
	free(folder);
	return code;
}

/* ---- the verb ---- */

static int run(struct qg_cli *cli)
{
	const char *name = NULL, *fresh = NULL;
	const struct qg_flag flags[] = {{"--new", QG_FLAG_VALUE, &fresh}, {NULL}};
	int code = qg_cli_parse(cli, flags, &name, 1);
	if (code != QG_CLI_DONE) {
		return code;
	}
	if (name && fresh) {
		return qg_cli_say(cli, QG_CLI_WRONG, "either a NAME or --new NAME");
	}
	char *config_dir = qg_cli_config_dir(cli);
	if (!config_dir) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	if (fresh) {
		code = qg_cli_write_skeleton(cli, config_dir, fresh);
	} else if (name) {
		code = print_one(cli, config_dir, name);
	} else {
		code = print_list(cli, config_dir);
	}
	free(config_dir);
	return code;
}

const struct qg_verb qg_cli_templates = {"templates", "[NAME] [--new NAME]",
	"可以上岗的角色 · the roles on offer",
	"不带参数列出全部；带 NAME 显示一个的细节；--new NAME 在配置旁的 templates/ "
	"里生成一份自己的骨架。\n\n"
	"Lists all; NAME shows one in detail; --new NAME makes a skeleton under templates/ beside "
	"the config.\n",
	run};
