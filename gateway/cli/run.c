/* run.c - `qungong run`: reads the flags and hands over to the program around the roles. */
#include "cli.h"

#include <string.h>

#include "app.h"

static int set_role(const struct qg_cli *cli, const char *role, struct qg_app_options *options)
{
	bool all = !role || strcmp(role, "all") == 0;
	options->gateway = all || strcmp(role, "gateway") == 0;
	options->agents = all || strcmp(role, "agents") == 0;
	if (!options->gateway && !options->agents) {
		return qg_cli_say(
			cli, QG_CLI_WRONG, "--role '%s' is not one of: all, gateway, agents", role);
	}
	return QG_CLI_DONE;
}

static int run(struct qg_cli *cli)
{
	struct qg_app_options options = {.config_path = cli->config_path};
	const char *role = NULL;
	const struct qg_flag flags[] = {
		{"--role", QG_FLAG_VALUE, &role},
		{"--listen", QG_FLAG_VALUE, &options.listen},
		{"--admin-listen", QG_FLAG_VALUE, &options.admin_listen},
		{NULL},
	};
	int code = qg_cli_parse(cli, flags, NULL, 0);
	if (code == QG_CLI_DONE) {
		code = set_role(cli, role, &options);
	}
	return code == QG_CLI_DONE ? qg_app_run(&options) : code;
}

const struct qg_verb qg_cli_run = {"run",
	"[--role all|gateway|agents] [--listen HOST:PORT] [--admin-listen HOST:PORT]",
	"启动服务，直到收到 SIGTERM · serves until SIGTERM",
	"--role          "
	"all：两个角色在一个进程（默认）；gateway：收发消息；agents：回答，不开端口\n"
	"--listen        平台回调地址，优先于配置文件\n"
	"--admin-listen  网页工作群、监控、就绪检查的地址，优先于配置文件\n"
	"SIGHUP 或配置文件变化时重新读取配置；SIGTERM 后收尾退出（10 秒内），再来一次立即退出。\n\n"
	"Flags win over the file. SIGHUP or a changed file reloads the config. SIGTERM drains and "
	"exits 0\n"
	"within 10 s; a second signal exits at once.\n",
	run};
