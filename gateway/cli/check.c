/* check.c - `qungong check`: all errors of the config and of the templates it uses; or the schema for editors. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "qg/adapter.h"
#include "qg/json.h"
#include "qg/role.h"

static int print_schema(const struct qg_cli *cli)
{
	const char *names[64];
	size_t count = 0;
	for (; qg_adapters[count] && count < 63; count++) {
		names[count] = qg_adapters[count]->name;
	}
	names[count] = NULL;
	char *schema = qg_config_schema(qg_app_world(), names);
	if (!schema) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	puts(schema);
	free(schema);
	return QG_CLI_DONE;
}

/* The whole of each template that a bot uses, and of all that lie beside the config: those are the user's own. */
static void check_templates(
	const struct qg_cli *cli, const struct qg_config *config, struct qg_problems *problems)
{
	char *dir = qg_cli_config_dir(cli);
	struct qg_strings done = {0};
	for (size_t i = 0; dir && i < config->bot_count; i++) {
		const char *id = config->bots[i].template_id;
		if (qg_strings_has(&done, id) || qg_strings_add(&done, id) != QG_OK) {
			continue;
		}
		char *folder = qg_template_find(dir, id);
		if (folder) {
			qg_template_check(folder, problems);
		}
		free(folder);
	}
	char *own = dir ? qg_str_printf("%s/templates/", dir) : NULL;
	struct qg_strings all = qg_template_list(dir ? dir : ".");
	for (size_t i = 0; own && i < all.count; i++) {
		char *folder = qg_template_find(dir, all.items[i]);
		if (folder && qg_str_starts_with(folder, own) &&
			!qg_strings_has(&done, all.items[i])) {
			qg_template_check(folder, problems);
		}
		free(folder);
	}
	qg_strings_finish(&all);
	qg_strings_finish(&done);
	free(own);
	free(dir);
}

/* Each line once, in the order found: a template's errors are met by the config and by the check of it. */
static json_t *lines_of(const struct qg_problems *problems)
{
	json_t *seen = json_object(), *lines = json_array();
	for (const char *at = problems->text.data; at && *at && seen && lines;) {
		size_t size = strcspn(at, "\n");
		char *line = qg_str_copy_n(at, size);
		if (line && *line && !json_object_get(seen, line) &&
			json_object_set_new(seen, line, json_true()) == 0) {
			json_array_append_new(lines, json_string(line));
		}
		free(line);
		at += size;
		at += *at == '\n';
	}
	json_decref(seen);
	return lines;
}

static int report(const struct qg_cli *cli, const struct qg_config *config,
	const struct qg_problems *problems)
{
	int code = problems->errors > 0 || !config ? QG_CLI_WRONG : QG_CLI_DONE;
	json_t *lines = lines_of(problems);
	if (cli->json) {
		int printed = qg_cli_print_json(
			json_pack("{s:b, s:o}", "ok", code == QG_CLI_DONE, "problems", lines));
		return printed == QG_CLI_DONE ? code : printed;
	}
	for (size_t i = 0; i < json_array_size(lines); i++) {
		printf("%s\n", json_string_value(json_array_get(lines, i)));
	}
	json_decref(lines);
	if (code == QG_CLI_DONE) {
		printf("%s: ok, %zu bot%s%s\n", cli->config_path, config->bot_count,
			config->bot_count == 1 ? "" : "s",
			problems->warnings ? ", with warnings" : "");
	}
	return code;
}

static int run(struct qg_cli *cli)
{
	bool schema = false;
	const struct qg_flag flags[] = {{"--schema", QG_FLAG_SWITCH, &schema}, {NULL}};
	int code = qg_cli_parse(cli, flags, NULL, 0);
	if (code != QG_CLI_DONE) {
		return code;
	}
	if (schema) {
		return print_schema(cli);
	}
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_config *config =
		qg_config_load(cli->config_path, qg_app_world(), NULL, &problems);
	if (config) {
		check_templates(cli, config, &problems);
	}
	code = report(cli, config, &problems);
	qg_config_release(config);
	qg_problems_finish(&problems);
	return code;
}

const struct qg_verb qg_cli_check = {"check", "[--schema]",
	"检查配置和模板 · all errors of config and templates",
	"一次列出全部错误，格式为「文件:行:列: 键: 说明」；有错误时退出码为 2。\n"
	"--schema  输出配置文件的 JSON Schema，供编辑器提示\n\n"
	"Prints every error in one run as file:line:column: key: words; exit 2 if there is any.\n",
	run};
