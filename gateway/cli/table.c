/* table.c - text in aligned columns: widths as a terminal has them, and nothing in a cell that steers it. */
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_MAX = 160, COLUMNS_MAX = 32, GAP = 2 };

/* Ranges of characters two columns wide, and of those without any. */
static const uint32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf},
	{0xa960, 0xa97c}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff01, 0xff60},
	{0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
	{0x20000, 0x3fffd}};
static const uint32_t narrow[][2] = {
	{0x0300, 0x036f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

static bool is_among(const uint32_t (*ranges)[2], size_t count, uint32_t code)
{
	for (size_t i = 0; i < count; i++) {
		if (code >= ranges[i][0] && code <= ranges[i][1]) {
			return true;
		}
	}
	return false;
}

int qg_cli_width(const char *text)
{
	int width = 0;
	for (size_t at = 0, used, size = strlen(text); at < size; at += used) {
		uint32_t code = qg_utf8_next(text + at, size - at, &used);
		if (is_among(wide, sizeof(wide) / sizeof(wide[0]), code)) {
			width += 2;
		} else if (!is_among(narrow, sizeof(narrow) / sizeof(narrow[0]), code)) {
			width += 1;
		}
	}
	return width;
}

static bool make_room(struct qg_cli_table *table)
{
	if (table->count < table->room) {
		return true;
	}
	size_t room = table->room > 0 ? table->room * 2 : 64;
	char **cells = realloc(table->cells, room * sizeof(*cells));
	if (cells == NULL) {
		return false;
	}
	table->cells = cells;
	table->room = room;
	return true;
}

void qg_cli_table_add(struct qg_cli_table *table, const char *text)
{
	char *cell = qg_str_copy_n(text, qg_utf8_cut(text, strlen(text), CELL_MAX));
	if (cell == NULL || table->failed || !make_room(table)) {
		free(cell);
		table->failed = true;
		return;
	}
	qg_utf8_flatten(cell);
	table->cells[table->count++] = cell;
}

void qg_cli_table_add_number(struct qg_cli_table *table, int64_t number)
{
	char plain[32], apart[48];
	size_t digits = (size_t)snprintf(plain, sizeof(plain), "%" PRId64, number), out = 0;
	for (size_t i = 0; i < digits; i++) {
		if (i > 0 && (digits - i) % 3 == 0 && plain[i - 1] != '-') {
			apart[out++] = ',';
		}
		apart[out++] = plain[i];
	}
	apart[out] = '\0';
	qg_cli_table_add(table, apart);
}

static void measure(const struct qg_cli_table *table, int widths[COLUMNS_MAX])
{
	for (size_t c = 0; c < table->columns; c++) {
		widths[c] = qg_cli_width(table->titles[c]);
	}
	for (size_t i = 0; i < table->count; i++) {
		int width = qg_cli_width(table->cells[i]);
		size_t column = i % table->columns;
		widths[column] = width > widths[column] ? width : widths[column];
	}
}

int qg_cli_table_width(const struct qg_cli_table *table)
{
	int widths[COLUMNS_MAX], sum = 0;
	measure(table, widths);
	for (size_t c = 0; c < table->columns; c++) {
		sum += widths[c] + (c > 0 ? GAP : 0);
	}
	return sum;
}

static void print_row(const struct qg_cli_table *table, const int *widths, const char *const *cells)
{
	for (size_t c = 0; c < table->columns; c++) {
		int rest = widths[c] - qg_cli_width(cells[c]);
		bool right = (table->right >> c & 1) != 0, last = c + 1 == table->columns;
		printf("%*s%s%*s", right ? rest : 0, "", cells[c],
			last ? 0 : GAP + (right ? 0 : rest), "");
	}
	putchar('\n');
}

int qg_cli_table_print(const struct qg_cli *cli, const struct qg_cli_table *table)
{
	int widths[COLUMNS_MAX];
	if (table->failed || table->columns > COLUMNS_MAX) {
		return qg_cli_say(cli, QG_CLI_FAILED, "out of memory");
	}
	measure(table, widths);
	print_row(table, widths, table->titles);
	for (size_t i = 0; i + table->columns <= table->count; i += table->columns) {
		print_row(table, widths, (const char *const *)&table->cells[i]);
	}
	return QG_CLI_DONE;
}

void qg_cli_table_finish(struct qg_cli_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->cells[i]);
	}
	free(table->cells);
	*table = (struct qg_cli_table){0};
}
