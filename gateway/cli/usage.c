/* usage.c - `qungong usage`: tokens and money from the ledger's files and from what still lies in Redis. */
#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/ledger.h"

static const char *const keys[QG_USAGE_KEYS] = {
	"customer", "bot", "chat", "user", "model", "key", "day"};

/* ---- what is asked ---- */

static int days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

/* "2026-11-22" or "20261122" (or without the day) as digits. false: no day. */
static bool read_date(const char *text, bool with_day, char out[16])
{
	size_t digits = 0, wanted = with_day ? 8 : 6;
	for (const char *at = text; *at != '\0'; at++) {
		if (*at >= '0' && *at <= '9' && digits < wanted) {
			out[digits++] = *at;
		} else if (*at != '-' || (digits != 4 && digits != 6) || at[1] == '-') {
			return false;
		}
	}
	out[digits] = '\0';
	int64_t number;
	if (digits != wanted ||
		!qg_str_to_int64(out, with_day ? 10000101 : 100001, 99991231, &number)) {
		return false;
	}
	int64_t day = with_day ? number % 100 : 1;
	int64_t month = (with_day ? number / 100 : number) % 100;
	int64_t year = number / (with_day ? 10000 : 100);
	return month >= 1 && month <= 12 && day >= 1 && day <= days_of((int)year, (int)month);
}

/* day: any of the month, or the month alone. */
static void last_day(const char *day, char out[16])
{
	char month[8];
	int64_t number = 0;
	snprintf(month, sizeof(month), "%.6s", day);
	if (qg_str_to_int64(month, 100001, 999912, &number)) {
		snprintf(out, 16, "%s%02d", month,
			days_of((int)(number / 100), (int)(number % 100)));
	}
}

static int read_range(const struct qg_cli *cli, const char *since, const char *until,
	const char *month, struct qg_usage_query *query)
{
	struct tm tm;
	char today[16], month_digits[16];
	qg_clock_local(qg_clock_wall(), &tm);
	strftime(today, sizeof(today), "%Y%m%d", &tm);
	if (month != NULL && (since != NULL || until != NULL)) {
		return qg_cli_say(cli, QG_CLI_WRONG, "--month stands without --since and --until");
	}
	if (month != NULL && !read_date(month, false, month_digits)) {
		return qg_cli_say(
			cli, QG_CLI_WRONG, "--month '%s' is no month; write 2026-11", month);
	}
	if ((since != NULL && !read_date(since, true, query->since)) ||
		(until != NULL && !read_date(until, true, query->until))) {
		return qg_cli_say(cli, QG_CLI_WRONG, "'%s' is no day; write 2026-11-22",
			since != NULL && !read_date(since, true, query->since) ? since : until);
	}
	if (until == NULL) {
		snprintf(query->until, sizeof(query->until), "%s", today);
	}
	if (since == NULL) {
		snprintf(query->since, sizeof(query->since), "%.6s01",
			month != NULL ? month_digits : query->until);
	}
	if (since == NULL && until == NULL) {
		last_day(month != NULL ? month_digits : today, query->until);
	}
	return strcmp(query->since, query->until) <= 0
		       ? QG_CLI_DONE
		       : qg_cli_say(cli, QG_CLI_WRONG, "--since is behind --until");
}

static int add_key(const struct qg_cli *cli, const char *name, struct qg_usage_query *query)
{
	for (size_t i = 0; i < query->by_count; i++) {
		if (strcmp(query->by[i], name) == 0) {
			return qg_cli_say(cli, QG_CLI_WRONG, "--by names '%s' twice", name);
		}
	}
	for (size_t i = 0; i < QG_USAGE_KEYS; i++) {
		if (strcmp(keys[i], name) == 0) {
			query->by[query->by_count++] = keys[i];
			return QG_CLI_DONE;
		}
	}
	const char *nearest = qg_str_nearest(name, keys, QG_USAGE_KEYS);
	return qg_cli_say(cli, QG_CLI_WRONG,
		"--by '%s' is not one of: customer, bot, chat, user, model, key, day%s%s%s", name,
		nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static int read_by(const struct qg_cli *cli, const char *by, struct qg_usage_query *query)
{
	int code = QG_CLI_DONE;
	for (const char *at = by; code == QG_CLI_DONE;) {
		size_t size = strcspn(at, ",");
		char *name = qg_str_copy_n(at, size);
		code = name != NULL ? add_key(cli, qg_str_trim(name), query)
				    : qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
		free(name);
		if (at[size] == '\0') {
			break;
		}
		at += size + 1;
	}
	return code;
}

/* ---- what is found ---- */

/* What is missing in the sums; code where nothing is. */
static int say_damaged(const struct qg_cli *cli, const json_t *damaged, int code)
{
	size_t i;
	json_t *one;
	json_array_foreach (damaged, i, one) {
		const char *why = qg_json_str(one, "why", "");
		code = qg_cli_say(cli, QG_CLI_FAILED,
			"%s 的账不全：ledger/%s 坏了，里面的没有算进去。The books of %s are "
			"incomplete: ledger/%s is damaged and not counted%s%s",
			qg_json_str(one, "month", ""), qg_json_str(one, "file", ""),
			qg_json_str(one, "month", ""), qg_json_str(one, "file", ""),
			why[0] != '\0' ? ": " : "", why);
	}
	return code;
}

static int show(const struct qg_cli *cli, const struct qg_usage_query *query, json_t *all, bool csv)
{
	json_auto_t *damaged = json_incref(json_object_get(all, "damaged"));
	if (cli->json) {
		return say_damaged(cli, damaged, qg_cli_print_json(all));
	}
	const json_t *rows = json_object_get(all, "rows");
	int code = QG_CLI_DONE;
	if (csv) {
		code = qg_usage_print_csv(cli, query, rows);
	} else if (json_array_size(rows) == 0) {
		printf("%.4s-%.2s-%.2s – %.4s-%.2s-%.2s 还没有用量。No usage in these days.\n",
			query->since, query->since + 4, query->since + 6, query->until,
			query->until + 4, query->until + 6);
	} else {
		code = qg_usage_print_table(cli, query, rows);
	}
	json_decref(all);
	return say_damaged(cli, damaged, code);
}

/* Redis first: what is moved meanwhile stands in both, and counts once. */
static int report(const struct qg_cli *cli, const struct qg_config *config,
	const struct qg_usage_query *query, bool csv)
{
	struct qg_usage_rows rows = {0};
	int code = qg_usage_read_redis(cli, config, &rows);
	if (code == QG_CLI_DONE) {
		char error[128] = "";
		struct qg_report_query question = {.data_dir = config->data_dir,
			.since = query->since,
			.until = query->until,
			.rows = (const char *const *)rows.texts,
			.sizes = rows.sizes,
			.row_count = rows.count};
		memcpy(question.by, query->by, sizeof(query->by));
		json_t *all = qg_ledger_report(&question, error);
		code = all != NULL ? show(cli, query, all, csv)
				   : qg_cli_say(cli, QG_CLI_FAILED, "%s", error);
	}
	qg_usage_rows_finish(&rows);
	return code;
}

static int run(struct qg_cli *cli)
{
	const char *since = NULL, *until = NULL, *month = NULL, *by = "bot";
	bool csv = false;
	const struct qg_flag flags[] = {{"--since", QG_FLAG_VALUE, &since},
		{"--until", QG_FLAG_VALUE, &until}, {"--month", QG_FLAG_VALUE, &month},
		{"--by", QG_FLAG_VALUE, &by}, {"--csv", QG_FLAG_SWITCH, &csv}, {NULL}};
	struct qg_usage_query query = {0};
	int code = qg_cli_parse(cli, flags, NULL, 0);
	if (code == QG_CLI_DONE && csv && cli->json) {
		code = qg_cli_say(cli, QG_CLI_WRONG, "--csv or --json, not both");
	}
	code = code == QG_CLI_DONE ? read_by(cli, by, &query) : code;
	if (code != QG_CLI_DONE) {
		return code;
	}
	struct qg_config *config = qg_cli_load(cli);
	if (config == NULL) {
		return QG_CLI_WRONG;
	}
	qg_clock_set_zone(config->timezone);
	code = read_range(cli, since, until, month, &query);
	code = code == QG_CLI_DONE ? report(cli, config, &query, csv) : code;
	qg_config_release(config);
	return code;
}

const struct qg_verb qg_cli_usage = {"usage",
	"[--since D] [--until D] [--month M] [--by KEYS] [--csv]", "用量和费用 · tokens and money",
	"默认是这个月，每个机器人一行。\n"
	"--since --until  从哪天到哪天，两头都算：2026-11-01\n"
	"--month          某个月：2026-11\n"
	"--by             按什么分：customer,bot,chat,user,model,key,day，可以几个一起\n"
	"--csv            给表格软件；--json 给程序\n"
	"输入 input "
	"含缓存命中的部分；服务没有报告用量的调用是估算的，会说明次数。服务运行或停止都可以用。\n"
	"某个月的账坏了，会说是哪个月，其余照算，退出码 1；--json 里在 damaged。\n\n"
	"This month, a line a bot, unless said otherwise. Input includes what came from a cache. "
	"Calls whose\nusage the service did not report are estimated, and counted as such. Works "
	"with the server running\nor stopped. A damaged month is named and the others are "
	"counted: exit code 1, \"damaged\" in the JSON.\n",
	run};
