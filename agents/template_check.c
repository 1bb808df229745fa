/* template_check.c - the parts of template.yaml and cases.yaml that have a form of their own.
 *
 * Everything of the contract is checked from the first day, also what has no effect yet: a template
 * that passes now must not break later. Each row of a list goes through an option table, which
 * names unknown keys with a did-you-mean and wrong types with their place. */
#include "template.h"

#include <stdlib.h>
#include <string.h>

struct any { /* what the tables fill here is only checked, never used */
	char *text[4];
	struct qg_strings strings[3];
	bool flag;
	double number[5];
};

#define TEXT(i) offsetof(struct any, text[i])
#define STRINGS(i) offsetof(struct any, strings[i])
#define NUMBER(i) offsetof(struct any, number[i])

static const struct qg_option interview_row[] = {
	{"key", QG_OPTION_STRING, NULL, TEXT(0), QG_OPTION_REQUIRED, .min = 1, .max = 40},
	{"ask", QG_OPTION_STRING, NULL, TEXT(1), QG_OPTION_REQUIRED},
	{"example", QG_OPTION_STRING, NULL, TEXT(2), QG_OPTION_REQUIRED},
	{"required", QG_OPTION_BOOL, "false", offsetof(struct any, flag)},
	{NULL},
};
static const struct qg_option tool_row[] = {
	{"name", QG_OPTION_STRING, NULL, TEXT(0), QG_OPTION_REQUIRED, .min = 1, .max = 64},
	{"allow", QG_OPTION_STRING, "anyone", TEXT(1), .choices = "anyone|duty|admin"},
	{"approval", QG_OPTION_BOOL, "false", offsetof(struct any, flag)},
	{NULL},
};
static const struct qg_option schedule_row[] = {
	{"cron", QG_OPTION_STRING, NULL, TEXT(0), QG_OPTION_REQUIRED},
	{"do", QG_OPTION_STRING, NULL, TEXT(1), QG_OPTION_REQUIRED},
	{NULL},
};
static const struct qg_option budget_keys[] = {
	{"turn", QG_OPTION_NUMBER, NULL, NUMBER(0), .min = 0, .max = 1000000},
	{"chat_day", QG_OPTION_NUMBER, NULL, NUMBER(1), .min = 0, .max = 1000000},
	{"user_day", QG_OPTION_NUMBER, NULL, NUMBER(2), .min = 0, .max = 1000000},
	{"bot_month", QG_OPTION_NUMBER, NULL, NUMBER(3), .min = 0, .max = 100000000},
	{"currency", QG_OPTION_STRING, "CNY", TEXT(0), .choices = "CNY|USD"},
	{"at_limit", QG_OPTION_STRING, "cheaper", TEXT(1), .choices = "cheaper|offline|stop"},
	{NULL},
};
static const struct qg_option record_keys[] = {
	{"read_back", QG_OPTION_BOOL, "false", offsetof(struct any, flag)},
	{NULL},
};
static const struct qg_option field_keys[] = {
	{"type", QG_OPTION_STRING, "text", TEXT(0),
		.choices = "text|int|number|money|date|time|phone|bool"},
	{"required", QG_OPTION_BOOL, "false", offsetof(struct any, flag)},
	{NULL},
};
static const struct qg_option case_keys[] = {
	{"ask", QG_OPTION_STRINGS, NULL, STRINGS(0), QG_OPTION_REQUIRED},
	{"expect", QG_OPTION_STRINGS, NULL, STRINGS(1)},
	{"never", QG_OPTION_STRINGS, NULL, STRINGS(2)},
	{"tool", QG_OPTION_STRING, NULL, TEXT(0)},
	{"record", QG_OPTION_STRING, NULL, TEXT(1)},
	{"handover", QG_OPTION_STRING, NULL, TEXT(2), .choices = "true|false"},
	{"offline", QG_OPTION_BOOL, "false", offsetof(struct any, flag)},
	{NULL},
};

static void check_map(const struct qg_option *table, const struct qg_tree *map,
	const char *const *extra, struct qg_problems *problems)
{
	if (map->kind != QG_TREE_MAP) {
		qg_problem_error(problems, map, "is not a map of keys");
		return;
	}
	const struct qg_tree *layers[] = {map, NULL};
	struct any any = {0};
	qg_option_fill(table, layers, extra, NULL, &any, problems);
	qg_option_finish(table, &any);
}

/* rows may be NULL. */
static void check_rows(
	const struct qg_option *table, const struct qg_tree *rows, struct qg_problems *problems)
{
	if (rows == NULL || rows->kind == QG_TREE_NULL) {
		return;
	}
	if (rows->kind != QG_TREE_LIST) {
		qg_problem_error(problems, rows, "is not a list");
		return;
	}
	for (size_t i = 0; i < rows->count; i++) {
		check_map(table, rows->items[i], NULL, problems);
	}
}

static void check_interview(const struct qg_tree *rows, struct qg_problems *problems)
{
	check_rows(interview_row, rows, problems);
	for (size_t i = 0; rows != NULL && rows->kind == QG_TREE_LIST && i < rows->count; i++) {
		const struct qg_tree *key = qg_tree_get(rows->items[i], "key");
		if (key == NULL || key->kind != QG_TREE_SCALAR) {
			continue;
		}
		if (strspn(key->text, "abcdefghijklmnopqrstuvwxyz0123456789_") !=
			strlen(key->text)) {
			qg_problem_error(
				problems, key, "'%s' is no name of a-z, 0-9 and _", key->text);
		}
		for (size_t j = 0; j < i; j++) {
			const struct qg_tree *other = qg_tree_get(rows->items[j], "key");
			if (other != NULL && other->kind == QG_TREE_SCALAR &&
				strcmp(other->text, key->text) == 0) {
				qg_problem_error(problems, key, "'%s' was asked in line %u",
					key->text, other->line);
			}
		}
	}
}

static void check_trigger(const struct qg_tree *trigger, struct qg_problems *problems)
{
	if (trigger == NULL || trigger->kind == QG_TREE_NULL) {
		return;
	}
	if (trigger->kind == QG_TREE_SCALAR &&
		(strcmp(trigger->text, "mention") == 0 || strcmp(trigger->text, "always") == 0)) {
		return;
	}
	const struct qg_tree *keywords =
		trigger->kind == QG_TREE_MAP ? qg_tree_get(trigger, "keywords") : NULL;
	if (keywords == NULL || keywords->kind != QG_TREE_LIST || trigger->count != 1) {
		qg_problem_error(problems, trigger, "is not mention, always or {keywords: [..]}");
	}
}

/* ---- cron ---- */

static bool number_in(const char **text, long min, long max)
{
	char *end;
	long value = **text >= '0' && **text <= '9' ? strtol(*text, &end, 10) : -1;
	if (value < min || value > max) {
		return false;
	}
	*text = end;
	return true;
}

/* One field: "*", "5", "1-5", with "/n", several with ",". */
static bool is_cron_field(const char *text, size_t size, long min, long max)
{
	const char *end = text + size;
	for (;;) {
		if (*text == '*') {
			text++;
		} else if (!number_in(&text, min, max) ||
			   (*text == '-' && (text++, !number_in(&text, min, max)))) {
			return false;
		}
		if (*text == '/' && (text++, !number_in(&text, 1, max))) {
			return false;
		}
		if (text == end) {
			return true;
		}
		if (*text++ != ',') {
			return false;
		}
	}
}

static bool is_cron(const char *text)
{
	static const long bounds[5][2] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};
	for (unsigned i = 0; i < 5; i++) {
		text += strspn(text, " ");
		size_t size = strcspn(text, " ");
		if (size == 0 || !is_cron_field(text, size, bounds[i][0], bounds[i][1])) {
			return false;
		}
		text += size;
	}
	return text[strspn(text, " ")] == '\0';
}

static void check_schedules(const struct qg_tree *rows, struct qg_problems *problems)
{
	check_rows(schedule_row, rows, problems);
	for (size_t i = 0; rows != NULL && rows->kind == QG_TREE_LIST && i < rows->count; i++) {
		const struct qg_tree *cron = qg_tree_get(rows->items[i], "cron");
		if (cron != NULL && cron->kind == QG_TREE_SCALAR && !is_cron(cron->text)) {
			qg_problem_error(problems, cron,
				"'%s' is no cron time like \"0 9 * * 1-5\"", cron->text);
		}
	}
}

static void check_records(const struct qg_tree *records, struct qg_problems *problems)
{
	static const char *const extra[] = {"fields", NULL};
	if (records == NULL || records->kind == QG_TREE_NULL) {
		return;
	}
	if (records->kind != QG_TREE_MAP) {
		qg_problem_error(problems, records, "is not a map of record types");
		return;
	}
	for (size_t i = 0; i < records->count; i++) {
		const struct qg_tree *type = records->items[i];
		check_map(record_keys, type, extra, problems);
		const struct qg_tree *fields = qg_tree_get(type, "fields");
		if (fields == NULL || fields->kind != QG_TREE_MAP || fields->count == 0) {
			qg_problem_error(problems, type, "needs 'fields': a map of them");
			continue;
		}
		for (size_t k = 0; k < fields->count; k++) {
			check_map(field_keys, fields->items[k], NULL, problems);
		}
	}
}

void qg_template_check_parts(const struct qg_tree *root, struct qg_problems *problems)
{
	const struct qg_tree *budget = qg_tree_get(root, "budget");
	check_interview(qg_tree_get(root, "interview"), problems);
	check_trigger(qg_tree_get(root, "trigger"), problems);
	check_rows(tool_row, qg_tree_get(root, "tools"), problems);
	check_records(qg_tree_get(root, "records"), problems);
	check_schedules(qg_tree_get(root, "schedules"), problems);
	if (budget != NULL && budget->kind != QG_TREE_NULL) {
		check_map(budget_keys, budget, NULL, problems);
	}
}

void qg_template_check_cases(const struct qg_tree *cases, struct qg_problems *problems)
{
	check_rows(case_keys, cases, problems);
}

bool qg_template_duration(const char *text, int64_t *ms_out)
{
	static const int64_t week = 7 * 24 * 3600;
	char *end;
	long value = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : 0;
	if (value <= 0 || value > week || end[0] == '\0' || end[1] != '\0') {
		return false;
	}
	int64_t unit = *end == 's'   ? 1
		       : *end == 'm' ? 60
		       : *end == 'h' ? 3600
		       : *end == 'd' ? 24 * 3600
				     : 0;
	if (unit == 0 || value * unit > week) {
		return false;
	}
	*ms_out = value * unit * 1000;
	return true;
}
