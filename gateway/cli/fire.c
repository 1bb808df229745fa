/* fire.c - `qungong fire`: a bot leaves; its file is renamed, its data stays. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRED_MOST = 1000 };

static size_t bots_of_file(const struct qg_config *config, const char *file)
{
	size_t count = 0;
	for (size_t i = 0; i < config->bot_count; i++) {
		count += qg_str_equal(config->bots[i].file, file);
	}
	return count;
}

static bool in_bots_folder(const char *file)
{
	const char *slash = strrchr(file, '/');
	return slash && slash - file >= 6 && strncmp(slash - 6, "bots.d", 6) == 0;
}

static bool confirmed(const char *bot)
{
	char line[16];
	printf("%s 下岗？数据保留，文件改名。Fire %s? [y/N] ", bot, bot);
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* The same file under a second name: FILE.fired, or the first of FILE.fired-2, ... that is free. A link and not a
 * rename: what an earlier one left is not overwritten. NULL with errno set. */
static char *link_fired(const char *file)
{
	char *fired = NULL;
	for (int i = 1; i < FIRED_MOST; i++) {
		free(fired);
		fired = i == 1 ? qg_str_printf("%s.fired", file)
			       : qg_str_printf("%s.fired-%d", file, i);
		if (fired && link(file, fired) == 0) {
			return fired;
		}
		if (!fired || errno != EEXIST) {
			break;
		}
	}
	free(fired);
	return NULL;
}

static int rename_file(const struct qg_cli *cli, const char *bot, const char *file)
{
	char *fired = link_fired(file);
	int code = QG_CLI_DONE;
	if (!fired) {
		code = qg_cli_say(cli, QG_CLI_FAILED, "%s.fired: %s", file, strerror(errno));
	} else if (unlink(file) != 0) {
		code = qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", file, strerror(errno));
		unlink(fired);
	} else if (cli->json) {
		code = qg_cli_print_json(json_pack("{s:s, s:s}", "bot", bot, "file", fired));
	} else {
		printf("%s 已下岗：%s\n改回原名即可复职；数据没有删除。Rename the file back to "
		       "rehire; its data "
		       "stays.\n",
			bot, fired);
	}
	free(fired);
	return code;
}

static int fire(
	const struct qg_cli *cli, const struct qg_config *config, const char *name, bool yes)
{
	const struct qg_bot_config *bot = qg_config_bot(config, name);
	if (!bot) {
		return qg_cli_say(
			cli, QG_CLI_WRONG, "there is no bot '%s' in %s", name, cli->config_path);
	}
	if (!in_bots_folder(bot->file)) {
		return qg_cli_say(cli, QG_CLI_FAILED, "'%s' stands in %s itself: take it out there",
			name, bot->file);
	}
	if (bots_of_file(config, bot->file) > 1) {
		return qg_cli_say(cli, QG_CLI_FAILED,
			"%s holds other bots too: take '%s' out there", bot->file, name);
	}
	if (!yes && !confirmed(name)) {
		return qg_cli_say(cli, QG_CLI_FAILED, "nothing changed");
	}
	return rename_file(cli, name, bot->file);
}

static int run(struct qg_cli *cli)
{
	const char *name = NULL;
	bool yes = false;
	const struct qg_flag flags[] = {{"--yes", QG_FLAG_SWITCH, &yes}, {NULL}};
	int code = qg_cli_parse(cli, flags, &name, 1);
	if (code != QG_CLI_DONE) {
		return code;
	}
	if (!name) {
		return qg_cli_say(cli, QG_CLI_WRONG, "which bot? usage: qungong fire BOT");
	}
	struct qg_config *config = qg_cli_load(cli);
	if (!config) {
		return QG_CLI_WRONG;
	}
	code = fire(cli, config, name, yes);
	qg_config_release(config);
	return code;
}

const struct qg_verb qg_cli_fire = {"fire", "BOT [--yes]",
	"让一个机器人下岗 · a bot leaves, its data stays",
	"把 bots.d/NAME.yaml 改名为 NAME.yaml.fired（已有时是 "
	".fired-2、.fired-3……），数据保留；运行中的服务会自动发现。\n"
	"--yes  不再询问\n\n"
	"Asks, then renames the bot's file; a running server notices by itself. --yes does not "
	"ask.\n",
	run};
