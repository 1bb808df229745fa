/* main.c - the verbs of the command line: finds the one that is meant, and ends with its exit code.
 *
 * -c FILE and --json are taken out wherever they stand; the rest belongs to the verb. A new verb is a file in
 * cli/ and a line in the table below.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "qg/document.h"

/* Verbs of the contract that come with later parts: refused by name, with their place in the list. */
static const struct qg_verb records_verb = {
	"records", "BOT [TYPE] [--csv]", "机器人记下的内容 · what the bot wrote down"};
static const struct qg_verb backup_verb = {"backup", "FILE", "备份数据 · saves all data"};
static const struct qg_verb restore_verb = {"restore", "FILE", "恢复备份 · brings a backup back"};
static const struct qg_verb export_verb = {
	"export", "--customer ID | --user ID", "导出某人的数据 · one person's data"};
static const struct qg_verb erase_verb = {
	"erase", "--customer ID | --user ID", "删除某人的数据 · deletes one person's data"};
static const struct qg_verb login_verb = {
	"login", "BOT", "扫码绑定账号 · binds an account by QR code"};
static const struct qg_verb audit_verb = {
	"audit", "verify", "校验审计链 · checks the audit's chain"};

static const struct qg_verb *const verbs[] = {
	&qg_cli_run,
	&qg_cli_check,
	&qg_cli_templates,
	&qg_cli_hire,
	&qg_cli_bind,
	&qg_cli_fire,
	&qg_cli_pause,
	&qg_cli_resume,
	&qg_cli_chat,
	&qg_cli_test,
	&qg_cli_usage,
	&qg_cli_say_verb,
	&qg_cli_queue,
	&qg_cli_doctor,
	&qg_cli_version,
	&records_verb,
	&backup_verb,
	&restore_verb,
	&export_verb,
	&erase_verb,
	&login_verb,
	&audit_verb,
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static const struct qg_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i]->name, name) == 0) {
			return verbs[i];
		}
	}
	return NULL;
}

static void print_list(FILE *to)
{
	fputs("用法 usage: qungong VERB [-c qungong.yaml] [--json] ...\n\n", to);
	for (size_t i = 0; i < VERBS; i++) {
		if (verbs[i]->run) {
			fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
		}
	}
	fputs("\n  qungong help VERB    某个命令的说明 · more about one verb\n"
	      "退出码 exit code: 0 完成 done, 1 失败 failed, 2 用法或配置有误 wrong use or "
	      "config\n",
		to);
}

static int print_help(const struct qg_verb *verb)
{
	printf("用法 usage: qungong %s %s\n\n%s\n", verb->name, verb->usage, verb->summary);
	if (verb->help) {
		printf("\n%s", verb->help);
	}
	if (!verb->run) {
		puts("\n此版本尚未提供 · not built into this version");
	}
	return QG_CLI_DONE;
}

static int say_unknown(const struct qg_cli *cli, const char *name)
{
	const char *names[VERBS];
	for (size_t i = 0; i < VERBS; i++) {
		names[i] = verbs[i]->name;
	}
	const char *nearest = qg_str_nearest(name, names, VERBS);
	if (nearest) {
		return qg_cli_say(
			cli, QG_CLI_WRONG, "unknown verb '%s'; did you mean '%s'?", name, nearest);
	}
	return qg_cli_say(cli, QG_CLI_WRONG, "unknown verb '%s'; `qungong help` lists them", name);
}

/* Takes -c FILE and --json out of args, wherever they stand before a "--". */
static int take_common(struct qg_cli *cli, int argc, char **argv)
{
	bool only_words = false;
	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i];
		only_words = only_words || strcmp(arg, "--") == 0;
		if (!only_words && strcmp(arg, "--json") == 0) {
			cli->json = true;
		} else if (!only_words && strcmp(arg, "-c") == 0) {
			if (++i >= argc) {
				return qg_cli_say(cli, QG_CLI_WRONG, "-c needs a file");
			}
			cli->config_path = argv[i];
			cli->config_given = true;
		} else {
			cli->argv[cli->argc++] = argv[i];
		}
	}
	return QG_CLI_DONE;
}

static bool asks_for_help(const struct qg_cli *cli)
{
	for (int i = 0; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
		if (strcmp(cli->argv[i], "--help") == 0 || strcmp(cli->argv[i], "-h") == 0) {
			return true;
		}
	}
	return false;
}

static int run_help(struct qg_cli *cli, const char *name)
{
	if (!name || name[0] == '-') {
		print_list(stdout);
		return QG_CLI_DONE;
	}
	const struct qg_verb *verb = find_verb(name);
	return verb ? print_help(verb) : say_unknown(cli, name);
}

/* argv[0] of cli is the verb. */
static int dispatch(struct qg_cli *cli)
{
	if (cli->argc == 0) {
		print_list(stderr);
		return QG_CLI_WRONG;
	}
	const char *name = cli->argv[0];
	cli->argv++;
	cli->argc--;
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		return run_help(cli, cli->argc > 0 ? cli->argv[0] : NULL);
	}
	const struct qg_verb *verb = find_verb(strcmp(name, "--version") == 0 ? "version" : name);
	if (!verb) {
		return say_unknown(cli, name);
	}
	if (asks_for_help(cli)) {
		return print_help(verb);
	}
	if (!verb->run) {
		return qg_cli_say(cli, QG_CLI_WRONG,
			"'%s' 此版本尚未提供 · is not built into this version", verb->name);
	}
	return verb->run(cli);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], QG_DOCUMENT_CHILD) == 0) {
		return qg_document_child(argc, argv);
	}
	signal(SIGPIPE, SIG_IGN);
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	if (!words) {
		return QG_CLI_FAILED;
	}
	struct qg_cli cli = {.config_path = "qungong.yaml", .argv = words};
	int code = take_common(&cli, argc - 1, argv + 1);
	if (code == QG_CLI_DONE) {
		code = dispatch(&cli);
	}
	free(words);
	if (fflush(stdout) != 0 && code == QG_CLI_DONE) {
		code = QG_CLI_FAILED; /* a full disk under `> file` is no success */
	}
	return code;
}
