/* fuzz_ledger.c - a row of the ledger: whatever Redis holds, it is no row, or it belongs to a month, can be closed by a
 * sweep, and is summed up. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_table.h"
#include "qg/json.h"
#include "qg/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void expect_month(const char *row, size_t size, const char *wanted)
{
	char month[8] = "";
	expect(qg_ledger_row_month(row, size, month) == QG_OK, "a row without a month");
	expect(strlen(month) == 7 && strspn(month, "0123456789") == 4 && month[4] == '-' &&
			strspn(month + 5, "0123456789") == 2,
		"a month that is no file's name");
	expect(strcmp(month, wanted) == 0, "another month after the sweep");
}

static void sum_up(const char *row, size_t size, const char *day)
{
	char error[128] = "";
	struct qg_report_query query = {.data_dir = "/nowhere",
		.since = day,
		.until = day,
		.by = {"customer", "bot", "chat", "user", "model", "key", "day"},
		.rows = &row,
		.sizes = &size,
		.row_count = 1};
	json_t *all = qg_ledger_report(&query, error);
	expect(all && json_array_size(json_object_get(all, "rows")) == 1, "a row that no sum has");
	json_decref(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qg_ledger_line line;
	char *holder = NULL;
	char *row = malloc(size > 0 ? size : 1);
	char *closed = NULL, month[8] = "";
	if (!row) {
		return 0;
	}
	if (size > 0) {
		memcpy(row, data, size);
	}
	enum qg_status status = qg_ledger_line_read(row, size, &line, &holder);
	enum qg_status swept = qg_ledger_row_estimated(row, size, &closed);
	expect(qg_ledger_row_month(row, size, month) == status, "two readers differ");
	if (status == QG_OK) {
		expect_month(row, size, month);
		expect(swept == QG_OK, "a row that no sweep can close");
		expect_month(closed, strlen(closed), month);
		sum_up(row, size, line.day);
		free(holder);
	}
	free(closed);
	free(row);
	return 0;
}
