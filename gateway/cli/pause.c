/* pause.c - `qungong pause`: the bot goes on receiving, says one polite line and takes no turn. */
#include "pause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/redis.h"

/* HSET <prefix>b:<bot> paused 1, or HDEL: the flag that the take script reads with every batch. */
static int write_flag(
	const struct qg_cli *cli, const struct qg_cli_store *store, const char *bot, bool paused)
{
	char *prefix = qg_cli_store_prefix(store, bot);
	char *key = prefix ? qg_str_printf("%sb:%s", prefix, bot) : NULL;
	free(prefix);
	if (!key) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	const char *argv[] = {paused ? "HSET" : "HDEL", key, "paused", "1"};
	const size_t sizes[] = {4, strlen(key), 6, 1};
	char error[128] = "";
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_cli_store_url(store), error, paused ? 4 : 3, argv, sizes);
	int code = QG_CLI_DONE;
	if (!reply || reply->type == QG_REPLY_ERROR) {
		code = qg_cli_say(cli, QG_CLI_FAILED, "Redis: %s", reply ? reply->text : error);
	}
	qg_redis_reply_free(reply);
	free(key);
	return code;
}

static int say_done(const struct qg_cli *cli, const char *bot, bool paused)
{
	if (cli->json) {
		return qg_cli_print_json(json_pack("{s:s, s:b}", "bot", bot, "paused", paused));
	}
	printf(paused ? "%s 已暂停：消息照收，只回一句说明。恢复 resume: qungong resume %s\n"
		      : "%s 已恢复。%s is back.\n",
		bot, bot);
	return QG_CLI_DONE;
}

int qg_cli_set_paused(const struct qg_cli *cli, bool paused)
{
	const char *bot = NULL;
	int code = qg_cli_parse(cli, NULL, &bot, 1);
	if (code != QG_CLI_DONE) {
		return code;
	}
	if (!bot) {
		return qg_cli_say(cli, QG_CLI_WRONG, "which bot? usage: qungong %s BOT",
			paused ? "pause" : "resume");
	}
	struct qg_config *config = qg_cli_load(cli);
	if (!config) {
		return QG_CLI_WRONG;
	}
	struct qg_cli_store *store = NULL;
	if (!qg_config_bot(config, bot)) {
		code = qg_cli_say(
			cli, QG_CLI_WRONG, "there is no bot '%s' in %s", bot, cli->config_path);
	} else if (!(store = qg_cli_store_open(cli, config))) {
		code = QG_CLI_FAILED;
	} else {
		code = write_flag(cli, store, bot, paused);
	}
	qg_cli_store_close(store);
	qg_config_release(config);
	return code == QG_CLI_DONE ? say_done(cli, bot, paused) : code;
}

static int run(struct qg_cli *cli)
{
	return qg_cli_set_paused(cli, true);
}

const struct qg_verb qg_cli_pause = {"pause", "BOT",
	"暂停一个机器人 · it listens, but takes no turn",
	"消息照收不丢，机器人只回一句说明；对所有进程立即生效，重启后仍然有效。\n\n"
	"Messages are acknowledged and get one polite line; holds over restarts until `resume`.\n",
	run};
