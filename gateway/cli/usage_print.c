/* usage_print.c - usage for people and for spreadsheets: a table with bars, or CSV. */
#include "usage.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "qg/json.h"
#include "qg/price.h"
#include "table.h"

enum { WIDTH_DEFAULT = 80, BAR_LEAST = 8, BAR_MOST = 40, EIGHTHS = 8 };

static const char *const figures[] = {"calls", "input", "cached_input", "cache_write", "output",
	"reasoning", "estimated", "saved"};
enum { FIGURES = sizeof(figures) / sizeof(figures[0]) };

static int64_t nano_of(const json_t *row, enum qg_currency currency)
{
	const json_t *cost = json_object_get(row, "cost");
	return llround(json_number_value(json_object_get(cost, qg_currency_name(currency))) *
		       (double)QG_MONEY_ONE);
}

/* ---- sums and bars ---- */

struct totals {
	int64_t figures[FIGURES], nano[QG_CURRENCIES];
	bool by_cost; /* the bars: one currency was spent; else by tokens */
	enum qg_currency currency;
	double most; /* the longest bar */
};

static double weight_of(const struct totals *totals, const json_t *row)
{
	return totals->by_cost
		       ? (double)nano_of(row, totals->currency)
		       : (double)(qg_json_int(row, "input", 0) + qg_json_int(row, "output", 0));
}

static struct totals add_up(const json_t *rows)
{
	struct totals totals = {0};
	size_t i;
	json_t *row;
	json_array_foreach (rows, i, row) {
		for (size_t f = 0; f < FIGURES; f++) {
			totals.figures[f] += qg_json_int(row, figures[f], 0);
		}
		for (int c = 0; c < QG_CURRENCIES; c++) {
			totals.nano[c] += nano_of(row, c);
		}
	}
	int spent = 0;
	for (int c = 0; c < QG_CURRENCIES; c++) {
		if (totals.nano[c] > 0) {
			spent++;
			totals.currency = c;
		}
	}
	totals.by_cost = spent == 1;
	json_array_foreach (rows, i, row) {
		totals.most = fmax(totals.most, weight_of(&totals, row));
	}
	return totals;
}

static int terminal_width(void)
{
	struct winsize size;
	int64_t columns = WIDTH_DEFAULT;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		return size.ws_col;
	}
	const char *given = getenv("COLUMNS");
	return given != NULL && qg_str_to_int64(given, 20, 1000, &columns) ? (int)columns
									   : WIDTH_DEFAULT;
}

/* In eighths of a column; whatever is more than nothing is seen. */
static void draw_bar(double share, int width, char out[BAR_MOST * 3 + 4])
{
	static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	int eighths = (int)lround(share * width * EIGHTHS);
	eighths = share > 0 && eighths == 0 ? 1 : eighths;
	size_t used = 0;
	for (int i = 0; i < eighths / EIGHTHS; i++) {
		memcpy(out + used, "█", 3);
		used += 3;
	}
	snprintf(out + used, 4, "%s", parts[eighths % EIGHTHS]);
}

/* ---- the table ---- */

static void add_money(struct qg_cli_table *table, const int64_t nano[QG_CURRENCIES])
{
	char text[QG_CURRENCIES * 48] = "";
	for (int c = 0; c < QG_CURRENCIES; c++) {
		if (nano[c] > 0) {
			char one[40];
			size_t used = strlen(text);
			qg_money_text(nano[c], c, one);
			snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " + " : "",
				one);
		}
	}
	qg_cli_table_add(table, text[0] != '\0' ? text : "0");
}

static void add_share(struct qg_cli_table *table, int64_t part, int64_t whole)
{
	char text[16];
	snprintf(text, sizeof(text), "%d%%",
		whole > 0 ? (int)lround(100.0 * (double)part / (double)whole) : 0);
	qg_cli_table_add(table, text);
}

static void add_figures(struct qg_cli_table *table, const int64_t *numbers, const int64_t *nano)
{
	qg_cli_table_add_number(table, numbers[0]);
	qg_cli_table_add_number(table, numbers[1]);
	add_share(table, numbers[2], numbers[1]);
	qg_cli_table_add_number(table, numbers[4]);
	add_money(table, nano);
}

static void add_row(
	struct qg_cli_table *table, const struct qg_usage_query *query, const json_t *row)
{
	int64_t numbers[FIGURES], nano[QG_CURRENCIES];
	for (size_t f = 0; f < FIGURES; f++) {
		numbers[f] = qg_json_int(row, figures[f], 0);
	}
	for (int c = 0; c < QG_CURRENCIES; c++) {
		nano[c] = nano_of(row, c);
	}
	for (size_t i = 0; i < query->by_count; i++) {
		const char *value = qg_json_str(row, query->by[i], "");
		qg_cli_table_add(table, value[0] != '\0' ? value : "-");
	}
	add_figures(table, numbers, nano);
}

/* The dearest first; days as they came. */
static size_t *order_of(
	const struct qg_usage_query *query, const json_t *rows, const struct totals *totals)
{
	size_t count = json_array_size(rows);
	size_t *order = calloc(count + 1, sizeof(*order));
	for (size_t i = 0; order != NULL && i < count; i++) {
		order[i] = i;
	}
	if (order == NULL || query->by_count == 0 || strcmp(query->by[0], "day") == 0) {
		return order;
	}
	for (size_t gap = count / 2; gap > 0; gap /= 2) {
		for (size_t i = gap; i < count; i++) {
			size_t moved = order[i], at = i;
			double weight = weight_of(totals, json_array_get(rows, moved));
			while (at >= gap &&
				weight_of(totals, json_array_get(rows, order[at - gap])) < weight) {
				order[at] = order[at - gap];
				at -= gap;
			}
			order[at] = moved;
		}
	}
	return order;
}

static const char *title_of(const char *key)
{
	static const char *const titles[][2] = {{"customer", "客户 customer"},
		{"bot", "机器人 bot"}, {"chat", "会话 chat"}, {"user", "用户 user"},
		{"model", "模型 model"}, {"key", "密钥 key"}, {"day", "日期 day"}};
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (strcmp(titles[i][0], key) == 0) {
			return titles[i][1];
		}
	}
	return key;
}

/* What people would take for exact and is not, and what they would not see. */
static void say_notes(const struct totals *totals, bool bars)
{
	if (bars) {
		puts(totals->by_cost ? "条形按费用。Bars by cost."
				     : "条形按 token 数。Bars by tokens.");
	}
	if (totals->figures[6] > 0) {
		printf("其中 %" PRId64 " 次的用量是估算的：服务没有报告。%" PRId64
		       " calls are estimated: the service reported nothing.\n",
			totals->figures[6], totals->figures[6]);
	}
	if (totals->figures[7] > 0) {
		printf("问答直接回答，省下约 %" PRId64 " tokens。Saved by answers without a "
		       "model: about %" PRId64 " tokens.\n",
			totals->figures[7], totals->figures[7]);
	}
}

static void fill(struct qg_cli_table *table, const struct qg_usage_query *query, const json_t *rows,
	const size_t *order, const struct totals *totals, int bar)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, order[i]);
		add_row(table, query, row);
		if (bar > 0) {
			char drawn[BAR_MOST * 3 + 4] = "";
			double most = totals->most > 0 ? totals->most : 1;
			draw_bar(weight_of(totals, row) / most, bar, drawn);
			qg_cli_table_add(table, drawn);
		}
	}
	if (json_array_size(rows) < 2 || query->by_count == 0) {
		return;
	}
	for (size_t i = 0; i < query->by_count; i++) {
		qg_cli_table_add(table, i == 0 ? "合计 total" : "");
	}
	add_figures(table, totals->figures, totals->nano);
	if (bar > 0) {
		qg_cli_table_add(table, "");
	}
}

int qg_usage_print_table(
	const struct qg_cli *cli, const struct qg_usage_query *query, const json_t *rows)
{
	static const char *const of_figures[] = {
		"次 calls", "输入 in", "缓存 hit", "输出 out", "费用 cost"};
	enum { OF_FIGURES = 5 };
	struct totals totals = add_up(rows);
	const char *titles[QG_USAGE_KEYS + OF_FIGURES + 1];
	size_t columns = 0;
	for (size_t i = 0; i < query->by_count; i++) {
		titles[columns++] = title_of(query->by[i]);
	}
	for (size_t i = 0; i < OF_FIGURES; i++) {
		titles[columns++] = of_figures[i];
	}
	struct qg_cli_table table = {.titles = titles,
		.columns = columns,
		.right = ((1u << OF_FIGURES) - 1) << query->by_count};
	size_t *order = order_of(query, rows, &totals);
	if (order == NULL) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	fill(&table, query, rows, order, &totals, 0);
	titles[columns] = "";
	int bar = terminal_width() - qg_cli_table_width(&table) - 2;
	bar = bar > BAR_MOST ? BAR_MOST : bar;
	if (bar >= BAR_LEAST) {
		unsigned right = table.right;
		qg_cli_table_finish(&table);
		table = (struct qg_cli_table){
			.titles = titles, .columns = columns + 1, .right = right};
		fill(&table, query, rows, order, &totals, bar);
	}
	printf("用量 usage %.4s-%.2s-%.2s – %.4s-%.2s-%.2s\n\n", query->since, query->since + 4,
		query->since + 6, query->until, query->until + 4, query->until + 6);
	int code = qg_cli_table_print(cli, &table);
	putchar('\n');
	say_notes(&totals, bar >= BAR_LEAST);
	qg_cli_table_finish(&table);
	free(order);
	return code;
}

/* ---- CSV ---- */

/* A spreadsheet takes what begins so for a formula, and a terminal what begins with ESC for an order; ids come from
 * outside. */
static void print_field(const char *value)
{
	QG_AUTO(qg_str_free) char *safe = qg_str_copy(value);
	const char *text = safe != NULL ? safe : "";
	if (safe != NULL) {
		qg_utf8_flatten(safe);
	}
	bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
	if (!formula && strpbrk(text, ",\"\r\n") == NULL) {
		fputs(text, stdout);
		return;
	}
	fputs(formula ? "\"'" : "\"", stdout);
	for (; *text != '\0'; text++) {
		fputs(*text == '"' ? "\"\"" : (char[]){*text, '\0'}, stdout);
	}
	putchar('"');
}

static void print_money(int64_t nano)
{
	char text[48];
	int size = snprintf(text, sizeof(text), "%" PRId64 ".%09" PRId64, nano / QG_MONEY_ONE,
		nano % QG_MONEY_ONE);
	while (size > 0 && text[size - 1] == '0') {
		text[--size] = '\0';
	}
	if (size > 0 && text[size - 1] == '.') {
		text[--size] = '\0';
	}
	fputs(text, stdout);
}

int qg_usage_print_csv(
	const struct qg_cli *cli, const struct qg_usage_query *query, const json_t *rows)
{
	for (size_t i = 0; i < query->by_count; i++) {
		printf("%s,", query->by[i]);
	}
	for (size_t i = 0; i < FIGURES; i++) {
		printf("%s,", figures[i]);
	}
	puts("cost_CNY,cost_USD");
	size_t r;
	json_t *row;
	json_array_foreach (rows, r, row) {
		for (size_t i = 0; i < query->by_count; i++) {
			print_field(qg_json_str(row, query->by[i], ""));
			putchar(',');
		}
		for (size_t i = 0; i < FIGURES; i++) {
			printf("%" PRId64 ",", qg_json_int(row, figures[i], 0));
		}
		print_money(nano_of(row, QG_CNY));
		putchar(',');
		print_money(nano_of(row, QG_USD));
		putchar('\n');
	}
	return ferror(stdout) ? qg_cli_say(cli, QG_CLI_FAILED, "standard output failed")
			      : QG_CLI_DONE;
}
