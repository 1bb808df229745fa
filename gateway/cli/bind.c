/* bind.c - `qungong bind`: a new code by which somebody becomes a bot's admin. The one before it ends. */
#include "hire.h"

static int print_code(const struct qg_cli *cli, const char *bot, const struct qg_welcome *welcome)
{
	if (!cli->json) {
		qg_cli_say_code(welcome);
		return QG_CLI_DONE;
	}
	char *say = qg_str_printf("/绑定 %s", welcome->code);
	json_t *made = json_pack("{s:s, s:s, s:s?, s:I}", "bot", bot, "code", welcome->code, "say",
		say, "code_until", (json_int_t)welcome->until);
	qg_str_free(&say);
	return qg_cli_print_json(made);
}

static int bind_admin(const struct qg_cli *cli, struct qg_config *config, const char *name)
{
	const struct qg_bot_config *bot = qg_config_bot(config, name);
	if (!bot) {
		return qg_cli_say(
			cli, QG_CLI_WRONG, "there is no bot '%s' in %s", name, cli->config_path);
	}
	if (qg_str_equal(bot->platform, "web")) { /* there a name proves nothing */
		return qg_cli_say(cli, QG_CLI_WRONG,
			"'%s' 在网页上，管理员写在 members 里 · is on the web: write "
			"`members: {NAME: {secret: ..., admin: true}}` in %s",
			name, bot->file);
	}
	if (!qg_cli_hears(bot->platform)) {
		return qg_cli_say(cli, QG_CLI_WRONG,
			"'%s' 只发不收，没有管理员可绑定 · it hears nothing, so nobody can be "
			"bound",
			name);
	}
	struct qg_welcome welcome;
	qg_cli_welcome(cli, config, name, false, &welcome);
	return *welcome.code ? print_code(cli, name, &welcome)
			     : qg_cli_say(cli, QG_CLI_FAILED, "no code was made");
}

static int run(struct qg_cli *cli)
{
	const char *name = NULL;
	int code = qg_cli_parse(cli, NULL, &name, 1);
	if (code != QG_CLI_DONE) {
		return code;
	}
	if (!name) {
		return qg_cli_say(cli, QG_CLI_WRONG, "which bot? usage: qungong bind BOT");
	}
	struct qg_config *config = qg_cli_load(cli);
	if (!config) {
		return QG_CLI_WRONG;
	}
	code = bind_admin(cli, config, name);
	qg_config_release(config);
	return code;
}

const struct qg_verb qg_cli_bind = {"bind", "BOT", "新的管理员绑定码 · a new code for an admin",
	"打印一个新的六位绑定码：15 "
	"分钟内谁在单聊里把它发给机器人，谁就是管理员；用一次就作废，输错 5 "
	"次也作废。\n以前没用的绑定码随之作废，已有的管理员不变。网页上的机器人不用它。\n\n"
	"Prints a six-digit code: who sends it to the bot in a direct chat within 15 minutes "
	"becomes "
	"its admin.\nGood for one use and five wrong tries; an earlier code ends, earlier admins "
	"stay.\n",
	run};
