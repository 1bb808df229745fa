/* interview.c - asks what a template wants to know, at the terminal or from --answers. */
#include "hire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/adapter.h"
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

void qg_cli_note(struct qg_strings *wrong, const char *format, ...)
{
	char words[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	if (qg_strings_add(wrong, words) != QG_OK) {
		fprintf(stderr, "qungong: %s\n", words);
	}
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

static void note_unknown(const struct qg_tree *interview, const char *key, struct qg_strings *wrong)
{
	char names[512] = "";
	for (size_t i = 0; interview && i < interview->count; i++) {
		size_t used = strlen(names);
		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
			text_of(interview->items[i], "key"));
	}
	qg_cli_note(wrong, "--answers: the template does not ask for '%s'; it asks for: %s", key,
		names);
}

/* K=V of the command line. */
static void take_given(const struct qg_tree *interview, const struct qg_strings *given,
	json_t *answers, struct qg_strings *wrong)
{
	for (size_t i = 0; i < given->count; i++) {
		const char *equals = strchr(given->items[i], '=');
		QG_AUTO(qg_str_free)
		char *key =
			equals ? qg_str_copy_n(given->items[i], (size_t)(equals - given->items[i]))
			       : NULL;
		if (!key) {
			qg_cli_note(wrong, "--answers '%s' is not of the form key=value",
				given->items[i]);
		} else if (!asks_for(interview, key)) {
			note_unknown(interview, key, wrong);
		} else if (json_object_set_new(answers, key, json_string(equals + 1)) != 0) {
			qg_cli_note(wrong, "the answer to '%s' is no UTF-8 text", key);
		}
	}
}

/* One question, until it has an answer or need not have one. */
static void ask_one(
	const struct qg_tree *item, bool required, json_t *answers, struct qg_strings *wrong)
{
	const char *key = text_of(item, "key");
	for (;;) {
		char *answer = qg_cli_ask("%s\n  例 example: %s%s\n> ", text_of(item, "ask"),
			text_of(item, "example"), required ? "" : "（可留空 may stay empty）");
		bool ended = !answer;
		bool taken = answer && *answer &&
			     json_object_set_new(answers, key, json_string(answer)) == 0;
		free(answer);
		if (ended && required) {
			qg_cli_note(wrong, "'%s' needs an answer: --answers %s=...", key, key);
		}
		if (ended || taken || !required) {
			return;
		}
	}
}

void qg_cli_interview(const struct qg_tree *interview, const struct qg_strings *given,
	const struct qg_strings *again, json_t *answers, struct qg_strings *wrong)
{
	take_given(interview, given, answers, wrong);
	bool terminal = isatty(STDIN_FILENO);
	for (size_t i = 0; interview && i < interview->count; i++) {
		const struct qg_tree *item = interview->items[i];
		bool required = qg_str_equal(text_of(item, "required"), "true");
		const char *key = text_of(item, "key");
		/* without a terminal only what cannot be left out is worth a line */
		bool wanted = required || (again ? qg_strings_has(again, key) : terminal);
		if (wanted && !json_object_get(answers, key)) {
			ask_one(item, required, answers, wrong);
		}
	}
}

char *qg_cli_ask_platform(void)
{
	fputs("它在哪里上班？Where does it work?\n", stderr);
	for (const struct qg_adapter *const *at = qg_adapters; *at; at++) {
		fprintf(stderr, "  %-12s %s\n", (*at)->name, qg_cli_platform_title((*at)->name));
	}
	return qg_cli_ask("[web]: ");
}
