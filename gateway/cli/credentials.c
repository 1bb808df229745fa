/* credentials.c - what a platform wants to know of its account, by its own table of options: asked, secrets hidden,
 * and kept in files that only the owner reads. */
#include "hire.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "qg/adapter.h"
#include "qg/option.h"

#define FILE_PREFIX "file:"

enum { FILES_MOST = 100 };

/* ---- hidden answers ---- */

/* Signals by which people leave a question; the terminal outlives us and must show again what is typed. */
static const int leaving[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { LEAVING = sizeof(leaving) / sizeof(leaving[0]) };
static struct termios shown;

static void leave(int number)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	raise(number); /* its handler was reset: this ends the process as if nothing had been in between */
}

static bool hide(struct sigaction before[LEAVING])
{
	const struct sigaction restore = {.sa_handler = leave, .sa_flags = (int)SA_RESETHAND};
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &shown) != 0) {
		return false;
	}
	for (size_t i = 0; i < LEAVING; i++) {
		sigaction(leaving[i], &restore, &before[i]);
	}
	struct termios hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	return true;
}

static void show(const struct sigaction before[LEAVING])
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	for (size_t i = 0; i < LEAVING; i++) {
		sigaction(leaving[i], &before[i], NULL);
	}
	fputc('\n', stderr);
}

char *qg_cli_ask_hidden(const char *format, ...)
{
	char question[512];
	va_list args;
	va_start(args, format);
	vsnprintf(question, sizeof(question), format, args);
	va_end(args);
	struct sigaction before[LEAVING];
	bool hides = hide(before);
	char *answer = qg_cli_ask("%s", question);
	if (hides) {
		show(before);
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

/* A path is given as from the config's folder; the bot's file stands one below it, in bots.d/. */
static char *as_seen_from_bots(const char *value)
{
	const char *path = value + strlen(FILE_PREFIX);
	return *path == '/' ? qg_str_copy(value) : qg_str_printf(FILE_PREFIX "../%s", path);
}

/* Every user of the machine sees the words of a command, so a secret is only named there by its file. */
static void take(const struct qg_option *option, const char *value, json_t *options,
	struct qg_strings *wrong)
{
	if ((option->flags & QG_SECRET) && !qg_str_starts_with(value, FILE_PREFIX)) {
		qg_cli_note(wrong,
			"--answers %s: a secret is not given on the command line; answer the "
			"question, or write %s=file:PATH (relative to the config file)",
			option->name, option->name);
		return;
	}
	QG_AUTO(qg_str_free)
	char *text = option->flags & QG_SECRET ? as_seen_from_bots(value) : qg_str_copy(value);
	if (!text || json_object_set_new(options, option->name, json_string(text)) != 0) {
		qg_cli_note(wrong, "--answers %s is no UTF-8 text", option->name);
	}
}

static void take_given(const struct qg_adapter *adapter, struct qg_strings *given, json_t *options,
	struct qg_strings *wrong)
{
	size_t kept = 0;
	for (size_t i = 0; i < given->count; i++) {
		char *item = given->items[i];
		const char *equals = strchr(item, '=');
		const struct qg_option *option =
			equals ? find(adapter, item, (size_t)(equals - item)) : NULL;
		if (option) {
			take(option, equals + 1, options, wrong);
			free(item);
		} else {
			given->items[kept++] = item;
		}
	}
	given->count = kept;
}

/* ---- asked ---- */

static char *put_question(const struct qg_option *option, bool required)
{
	const char *help = option->help ? option->help : "";
	const char *empty = required ? "" : "（可留空 may stay empty）";
	return option->flags & QG_SECRET
		       ? qg_cli_ask_hidden("%s%s\n  %s\n> ", option->name, empty, help)
		       : qg_cli_ask("%s%s\n  %s\n> ", option->name, empty, help);
}

/* One question, until it has an answer or need not have one. */
static void ask(
	const struct qg_option *option, bool required, json_t *options, struct qg_strings *wrong)
{
	bool secret = (option->flags & QG_SECRET) != 0;
	for (;;) {
		char *answer = put_question(option, required);
		bool ended = !answer;
		bool taken = answer && *answer &&
			     json_object_set_new(options, option->name, json_string(answer)) == 0;
		free(answer);
		if (ended && required) {
			qg_cli_note(wrong,
				"'%s' needs an answer: on standard input, or --answers %s=%s",
				option->name, option->name, secret ? "file:PATH" : "...");
		}
		if (ended || taken || !required) {
			return;
		}
	}
}

static bool has_one(const char *const *keys, const json_t *options)
{
	for (; *keys; keys++) {
		if (json_object_get(options, *keys)) {
			return true;
		}
	}
	return false;
}

/* Some keys may each be left empty, but not all of them: said now, not when the whole interview is over. */
static void demand_one(const struct qg_adapter *adapter, const char *transport, json_t *options,
	struct qg_strings *wrong)
{
	const char *const *keys = qg_cli_one_of(adapter->name, transport);
	while (keys && !has_one(keys, options)) {
		if (!isatty(STDIN_FILENO) || feof(stdin)) {
			qg_cli_note(wrong,
				"at least one of %s and %s is needed, best both: on standard "
				"input, or --answers %s=file:PATH",
				keys[0], keys[1], keys[0]);
			return;
		}
		fprintf(stderr, "两样至少要填一样，最好都填：没有它们，谁都能冒充别人给机器人发消息"
				"。At least "
				"one of the two is needed.\n");
		for (size_t i = 0; keys[i]; i++) {
			ask(find(adapter, keys[i], strlen(keys[i])), false, options, wrong);
		}
	}
}

void qg_cli_credentials(const struct qg_adapter *adapter, struct qg_strings *given,
	const struct qg_strings *again, json_t *options, struct qg_strings *wrong)
{
	take_given(adapter, given, options, wrong);
	const char *transport = json_string_value(json_object_get(options, "transport"));
	for (const struct qg_option *row = adapter->options; row && row->name; row++) {
		enum qg_cli_wish wish = qg_cli_wish(adapter->name, transport, row);
		/* without a terminal a secret is a line of its own, other things that may be absent are none */
		bool useful =
			wish == QG_CLI_USEFUL && ((row->flags & QG_SECRET) || isatty(STDIN_FILENO));
		bool wanted = again ? qg_strings_has(again, row->name) : useful;
		if (!json_object_get(options, row->name) && (wish == QG_CLI_NEEDED || wanted)) {
			ask(row, wish == QG_CLI_NEEDED, options, wrong);
		}
	}
	demand_one(adapter, transport, options, wrong);
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
	if (!value || qg_str_starts_with(value, FILE_PREFIX)) {
		return QG_CLI_DONE;
	}
	char *path = write_secret(folder, name, key, value);
	if (!path) {
		return qg_cli_say(cli, QG_CLI_FAILED, "%s: %s", folder, strerror(errno));
	}
	char *reference = qg_str_printf(FILE_PREFIX "../secrets/%s", strrchr(path, '/') + 1);
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
