/* bot_file.c - writes the file of a new bot: whole or not at all, and never over one that is there. */
#include "hire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/buf.h"
#include "qg/crypto.h"

enum { MAX_FILE = 256 * 1024 };

static const char first_config[] =
	"# qungong.yaml: every key and its meaning is printed by `qungong check --schema`.\n"
	"# Bots stand in bots.d/, a file each.\n"
	"listen: 127.0.0.1:8080         # webhooks of the platforms\n"
	"admin_listen: 127.0.0.1:8081   # work groups in the browser, metrics\n"
	"data_dir: ./data\n";

/* A YAML string in double quotes: JSON's form is one, and `$` is doubled since the config expands ${...}. */
static void add_quoted(struct qg_buf *out, const char *text)
{
	json_auto_t *value = json_string(text);
	char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
	if (!quoted) {
		out->failed = QG_NO_MEMORY;
		return;
	}
	for (const char *at = quoted; *at; at++) {
		qg_buf_add_char(out, *at);
		if (*at == '$') {
			qg_buf_add_char(out, '$');
		}
	}
	free(quoted);
}

static void describe_models(const struct qg_strings *models, struct qg_buf *out)
{
	for (size_t i = 0; i < models->count; i++) {
		qg_buf_add_str(out, i == 0 ? "    models: [" : ", ");
		add_quoted(out, models->items[i]);
	}
	qg_buf_add_str(out, models->count > 0 ? "]  # 按顺序问；写 [] 就只查问答和手册\n" : "");
}

static void describe(const struct qg_new_bot *bot, struct qg_buf *out)
{
	qg_buf_printf(out,
		"# 由 qungong hire 生成，可以修改；运行中的服务会自动重新读取。\n"
		"bots:\n  - name: %s\n    template: %s\n    platform: %s\n",
		bot->name, bot->template_id, bot->platform);
	describe_models(bot->models, out);
	const char *key;
	json_t *value;
	json_object_foreach (bot->options, key, value) {
		qg_buf_printf(out, "    %s: ", key);
		add_quoted(out, json_string_value(value));
		qg_buf_add_char(out, '\n');
	}
	if (json_object_size(bot->answers) == 0) {
		return;
	}
	qg_buf_add_str(out, "    answers:\n");
	json_object_foreach (bot->answers, key, value) {
		qg_buf_printf(out, "      %s: ", key);
		add_quoted(out, json_string_value(value));
		qg_buf_add_char(out, '\n');
	}
}

bool qg_cli_write_whole(const char *path, const char *text, size_t size)
{
	char tail[17];
	qg_random_hex(tail, 8);
	char *hidden = qg_str_printf("%s.%s.new", path, tail);
	if (!hidden) {
		errno = ENOMEM;
		return false;
	}
	int fd = open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0 &&
		  link(hidden, path) == 0;
	int saved = errno;
	if (fd >= 0) {
		close(fd);
		unlink(hidden);
	}
	free(hidden);
	errno = saved;
	return ok;
}

static int say_errno(const struct qg_cli *cli, const char *path)
{
	if (errno == EEXIST) {
		return qg_cli_say(
			cli, QG_CLI_FAILED, "%s is there already and stays as it is", path);
	}
	return qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", path, strerror(errno));
}

static int write_config(const struct qg_cli *cli)
{
	if (access(cli->config_path, F_OK) == 0) {
		return QG_CLI_DONE;
	}
	if (!qg_cli_write_whole(cli->config_path, first_config, sizeof(first_config) - 1)) {
		return say_errno(cli, cli->config_path);
	}
	if (!cli->json) {
		printf("已生成 made: %s\n", cli->config_path);
	}
	return QG_CLI_DONE;
}

static int write_in_folder(const struct qg_cli *cli, const char *folder, const char *path,
	const struct qg_new_bot *bot)
{
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
		return say_errno(cli, folder);
	}
	struct qg_buf text;
	qg_buf_init(&text, MAX_FILE);
	describe(bot, &text);
	int code = QG_CLI_DONE;
	if (text.failed != QG_OK) {
		code = qg_cli_say(
			cli, QG_CLI_FAILED, "the answers are %s", qg_status_text(text.failed));
	} else if (!qg_cli_write_whole(path, text.data, text.size)) {
		code = say_errno(cli, path);
	}
	qg_buf_finish(&text);
	return code;
}

int qg_cli_write_bot(const struct qg_cli *cli, const char *config_dir, const struct qg_new_bot *bot,
	char **path_out)
{
	char *folder = qg_str_printf("%s/bots.d", config_dir);
	char *path = folder ? qg_str_printf("%s/%s.yaml", folder, bot->name) : NULL;
	int code = path ? write_config(cli) : qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	if (code == QG_CLI_DONE) {
		code = write_in_folder(cli, folder, path, bot);
	}
	free(folder);
	if (code != QG_CLI_DONE) {
		free(path);
		return code;
	}
	*path_out = path;
	return code;
}
