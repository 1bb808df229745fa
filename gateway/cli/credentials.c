/* credentials.c - what a platform wants to know of its account, by its own table of options: asked, secrets hidden,
 * and kept in files that only the owner reads. */
#include "hire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "qg/adapter.h"
#include "qg/option.h"

enum { FILES_MOST = 100 };

char *qg_cli_ask_hidden(const char *format, ...)
{
	char question[512];
	va_list args;
	va_start(args, format);
	vsnprintf(question, sizeof(question), format, args);
	va_end(args);
	struct termios before, hidden;
	bool hides = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
	if (hides) {
		hidden = before;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		hides = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
	}
	char *answer = qg_cli_ask("%s", question);
	if (hides) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	return answer;
}

/* ---- given on the command line ---- */

static const struct qg_option *find(const struct qg_adapter *adapter, const char *name, size_t size)
{
	for (const struct qg_option *row = adapter->options; row && row->name; row++) {
		if (strlen(row->name) == size && memcmp(row->name, name, size) == 0) {
			return row;
		}
	}
	return NULL;
}

/* Every user of the machine sees the words of a command, so a secret is only named there by its file. */
static int take(const struct qg_cli *cli, const struct qg_option *option, const char *value,
	json_t *options)
{
	if ((option->flags & QG_SECRET) && !qg_str_starts_with(value, "file:")) {
		return qg_cli_say(cli, QG_CLI_WRONG,
			"--answers %s: a secret is not given on the command line; answer the "
			"question, or write %s=file:PATH (relative to the config file)",
			option->name, option->name);
	}
	if (json_object_set_new(options, option->name, json_string(value)) != 0) {
		return qg_cli_say(cli, QG_CLI_WRONG, "--answers %s is no UTF-8 text", option->name);
	}
	return QG_CLI_DONE;
}

static int take_given(const struct qg_cli *cli, const struct qg_adapter *adapter,
	struct qg_strings *given, json_t *options)
{
	size_t kept = 0;
	int code = QG_CLI_DONE;
	for (size_t i = 0; i < given->count; i++) {
		char *item = given->items[i];
		const char *equals = strchr(item, '=');
		const struct qg_option *option =
			equals ? find(adapter, item, (size_t)(equals - item)) : NULL;
		if (option && code == QG_CLI_DONE) {
			code = take(cli, option, equals + 1, options);
			free(item);
		} else {
			given->items[kept++] = item;
		}
	}
	given->count = kept;
	return code;
}

/* ---- asked ---- */

/* One question, until it has an answer or need not have one. */
static int ask(const struct qg_cli *cli, const struct qg_option *option, json_t *options)
{
	bool required = (option->flags & QG_OPTION_REQUIRED) != 0;
	for (;;) {
		const char *empty = required ? "" : "（可留空 may stay empty）";
		char *answer = option->flags & QG_SECRET
				       ? qg_cli_ask_hidden("%s%s\n  %s\n> ", option->name, empty,
						 option->help ? option->help : "")
				       : qg_cli_ask("%s%s\n  %s\n> ", option->name, empty,
						 option->help ? option->help : "");
		if (!answer && required) {
			return qg_cli_say(cli, QG_CLI_WRONG,
				"'%s' needs an answer, on standard input", option->name);
		}
		bool taken = answer && *answer &&
			     json_object_set_new(options, option->name, json_string(answer)) == 0;
		bool over = !answer || taken || !required;
		free(answer);
		if (over) {
			return QG_CLI_DONE;
		}
	}
}

static bool has_choice(const struct qg_option *option, const char *word)
{
	const char *at = option->choices ? strstr(option->choices, word) : NULL;
	size_t size = strlen(word);
	return at && (at == option->choices || at[-1] == '|') && (!at[size] || at[size] == '|');
}

int qg_cli_credentials(const struct qg_cli *cli, const struct qg_adapter *adapter,
	struct qg_strings *given, json_t *options)
{
	int code = take_given(cli, adapter, given, options);
	for (const struct qg_option *row = adapter->options;
		code == QG_CLI_DONE && row && row->name; row++) {
		if (json_object_get(options, row->name) || row->type == QG_OPTION_JSON) {
			continue;
		}
		if (strcmp(row->name, "transport") == 0 && has_choice(row, "webhook")) {
			json_object_set_new(options, row->name, json_string("webhook"));
		} else if (row->flags & (QG_OPTION_REQUIRED | QG_SECRET)) {
			code = ask(cli, row, options);
		}
	}
	return code;
}

/* ---- kept ---- */

/* secrets/NAME.KEY, or the first of NAME.KEY-2, ... that is free: one of a bot that was fired stays. */
static char *write_secret(const char *folder, const char *name, const char *key, const char *value)
{
	char *path = NULL;
	for (int i = 1; i < FILES_MOST; i++) {
		free(path);
		path = i == 1 ? qg_str_printf("%s/%s.%s", folder, name, key)
			      : qg_str_printf("%s/%s.%s-%d", folder, name, key, i);
		if (path && qg_cli_write_whole(path, value, strlen(value))) {
			return path;
		}
		if (!path || errno != EEXIST) {
			break;
		}
	}
	free(path);
	return NULL;
}

static int keep(const struct qg_cli *cli, const char *folder, const char *name, const char *key,
	json_t *options, struct qg_strings *made)
{
	const char *value = json_string_value(json_object_get(options, key));
	if (!value || qg_str_starts_with(value, "file:")) {
		return QG_CLI_DONE;
	}
	char *path = write_secret(folder, name, key, value);
	if (!path) {
		return qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", folder, strerror(errno));
	}
	char *reference = qg_str_printf("file:secrets/%s", strrchr(path, '/') + 1);
	bool ok = reference && qg_strings_add(made, path) == QG_OK &&
		  json_object_set_new(options, key, json_string(reference)) == 0;
	if (!ok) {
		unlink(path);
	}
	free(reference);
	free(path);
	return ok ? QG_CLI_DONE : qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
}

int qg_cli_write_secrets(const struct qg_cli *cli, const char *config_dir, const char *name,
	const struct qg_adapter *adapter, json_t *options, struct qg_strings *made)
{
	int code = QG_CLI_DONE;
	char *folder = qg_str_printf("%s/secrets", config_dir);
	if (!folder) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	for (const struct qg_option *row = adapter->options;
		code == QG_CLI_DONE && row && row->name; row++) {
		if (!(row->flags & QG_SECRET) || !json_object_get(options, row->name)) {
			continue;
		}
		if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
			code = qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", folder, strerror(errno));
		} else {
			code = keep(cli, folder, name, row->name, options, made);
		}
	}
	free(folder);
	return code;
}
