/* interview.c - asks what a template wants to know, at the terminal or from --answers. */
#include "hire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/option.h"

enum { MAX_ANSWER = 4000 };

char *qg_cli_ask(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args); /* standard output is for what is asked of the verb */
	va_end(args);
	char line[MAX_ANSWER + 2];
	if (!fgets(line, sizeof(line), stdin)) {
		return NULL;
	}
	return qg_utf8_is_valid(line, strlen(line)) ? qg_str_copy(qg_str_trim(line))
						    : qg_str_copy("");
}

static const char *text_of(const struct qg_tree *tree, const char *key)
{
	const struct qg_tree *value = qg_tree_get(tree, key);
	return value && value->text ? value->text : "";
}

static bool asks_for(const struct qg_tree *interview, const char *key)
{
	for (size_t i = 0; interview && i < interview->count; i++) {
		if (qg_str_equal(text_of(interview->items[i], "key"), key)) {
			return true;
		}
	}
	return false;
}

static int say_unknown(const struct qg_cli *cli, const struct qg_tree *interview, const char *key)
{
	char names[512] = "";
	for (size_t i = 0; interview && i < interview->count; i++) {
		size_t used = strlen(names);
		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
			text_of(interview->items[i], "key"));
	}
	return qg_cli_say(cli, QG_CLI_WRONG,
		"--answers: the template does not ask for '%s'; it asks for: %s", key, names);
}

/* K=V of the command line. */
static int take_given(const struct qg_cli *cli, const struct qg_tree *interview,
	const struct qg_strings *given, json_t *answers)
{
	for (size_t i = 0; i < given->count; i++) {
		const char *equals = strchr(given->items[i], '=');
		char *key =
			equals ? qg_str_copy_n(given->items[i], (size_t)(equals - given->items[i]))
			       : NULL;
		int code = QG_CLI_DONE;
		if (!key) {
			code = qg_cli_say(cli, QG_CLI_WRONG,
				"--answers '%s' is not of the form key=value", given->items[i]);
		} else if (!asks_for(interview, key)) {
			code = say_unknown(cli, interview, key);
		} else if (json_object_set_new(answers, key, json_string(equals + 1)) != 0) {
			code = qg_cli_say(
				cli, QG_CLI_WRONG, "the answer to '%s' is no UTF-8 text", key);
		}
		free(key);
		if (code != QG_CLI_DONE) {
			return code;
		}
	}
	return QG_CLI_DONE;
}

/* One question, until it has an answer or need not have one. */
static int ask_one(
	const struct qg_cli *cli, const struct qg_tree *item, bool required, json_t *answers)
{
	const char *key = text_of(item, "key");
	for (;;) {
		char *answer = qg_cli_ask("%s\n  例 example: %s%s\n> ", text_of(item, "ask"),
			text_of(item, "example"), required ? "" : "（可留空 may stay empty）");
		if (!answer) {
			return required
				       ? qg_cli_say(cli, QG_CLI_WRONG,
						 "'%s' needs an answer: --answers %s=...", key, key)
				       : QG_CLI_DONE;
		}
		bool empty = !*answer;
		if (!empty && json_object_set_new(answers, key, json_string(answer)) != 0) {
			empty = true;
		}
		free(answer);
		if (!empty || !required) {
			return QG_CLI_DONE;
		}
	}
}

int qg_cli_interview(const struct qg_cli *cli, const struct qg_tree *interview,
	const struct qg_strings *given, json_t *answers)
{
	int code = take_given(cli, interview, given, answers);
	bool terminal = isatty(STDIN_FILENO);
	for (size_t i = 0; code == QG_CLI_DONE && interview && i < interview->count; i++) {
		const struct qg_tree *item = interview->items[i];
		bool required = qg_str_equal(text_of(item, "required"), "true");
		/* without a terminal only what cannot be left out is worth a line */
		if (!json_object_get(answers, text_of(item, "key")) && (required || terminal)) {
			code = ask_one(cli, item, required, answers);
		}
	}
	return code;
}
