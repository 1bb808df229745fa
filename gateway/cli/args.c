/* args.c - the flags and words behind a verb, and how a verb says what is wrong. */
#include "cli.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

enum { MAX_FLAGS = 16 };

int qg_cli_say(const struct qg_cli *cli, int code, const char *format, ...)
{
	char words[4096];
	va_list args;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	if (!cli->json) {
		fprintf(stderr, "qungong: %s\n", words);
		return code;
	}
	json_auto_t *error = json_pack("{s:s}", "error", words);
	char *text = error ? qg_json_dump(error) : NULL;
	fprintf(stderr, "%s\n", text ? text : "{\"error\":\"out of memory\"}");
	free(text);
	return code;
}

int qg_cli_print_json(json_t *value)
{
	/* 15 digits: money is shown as it was meant, not as its binary neighbour */
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(value);
	if (!text) {
		return QG_CLI_FAILED;
	}
	puts(text);
	free(text);
	return QG_CLI_DONE;
}

static int unknown_flag(const struct qg_cli *cli, const struct qg_flag *flags, const char *given)
{
	const char *names[MAX_FLAGS];
	size_t count = 0;
	for (; flags && flags[count].name && count < MAX_FLAGS; count++) {
		names[count] = flags[count].name;
	}
	const char *nearest = qg_str_nearest(given, names, count);
	if (nearest) {
		return qg_cli_say(
			cli, QG_CLI_WRONG, "unknown flag '%s'; did you mean '%s'?", given, nearest);
	}
	return qg_cli_say(cli, QG_CLI_WRONG, "unknown flag '%s'; see `qungong help`", given);
}

/* The flag that arg names, with the value behind '=' in *value_out where there is one. */
static const struct qg_flag *find_flag(
	const struct qg_flag *flags, const char *arg, const char **value_out)
{
	for (const struct qg_flag *flag = flags; flag && flag->name; flag++) {
		size_t size = strlen(flag->name);
		if (strcmp(arg, flag->name) == 0) {
			*value_out = NULL;
			return flag;
		}
		if (strncmp(arg, flag->name, size) == 0 && arg[size] == '=') {
			*value_out = arg + size + 1;
			return flag;
		}
	}
	return NULL;
}

static int set_value(const struct qg_cli *cli, const struct qg_flag *flag, const char *value)
{
	if (flag->kind == QG_FLAG_VALUE) {
		*(const char **)flag->target = value;
		return QG_CLI_DONE;
	}
	if (qg_strings_add(flag->target, value) != QG_OK) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	return QG_CLI_DONE;
}

/* Handles argv[*at], moving *at past a value that stands in an argument of its own. */
static int take_flag(const struct qg_cli *cli, const struct qg_flag *flags, int *at)
{
	const char *arg = cli->argv[*at], *value = NULL;
	const struct qg_flag *flag = find_flag(flags, arg, &value);
	if (!flag) {
		return unknown_flag(cli, flags, arg);
	}
	if (flag->kind == QG_FLAG_SWITCH) {
		if (value) {
			return qg_cli_say(cli, QG_CLI_WRONG, "%s takes no value", flag->name);
		}
		*(bool *)flag->target = true;
		return QG_CLI_DONE;
	}
	if (!value) {
		if (*at + 1 >= cli->argc) {
			return qg_cli_say(cli, QG_CLI_WRONG, "%s needs a value", flag->name);
		}
		value = cli->argv[++*at];
	}
	return set_value(cli, flag, value);
}

int qg_cli_parse(
	const struct qg_cli *cli, const struct qg_flag *flags, const char **words, size_t max_words)
{
	size_t count = 0;
	bool only_words = false;
	for (size_t i = 0; i < max_words; i++) {
		words[i] = NULL;
	}
	for (int i = 0; i < cli->argc; i++) {
		const char *arg = cli->argv[i];
		if (!only_words && strcmp(arg, "--") == 0) {
			only_words = true;
		} else if (!only_words && arg[0] == '-' && arg[1]) {
			int code = take_flag(cli, flags, &i);
			if (code != QG_CLI_DONE) {
				return code;
			}
		} else if (count < max_words) {
			words[count++] = arg;
		} else {
			return qg_cli_say(cli, QG_CLI_WRONG, "'%s' is one word too many", arg);
		}
	}
	return QG_CLI_DONE;
}
