/* table.h - rows of text in aligned columns, for verbs that print to people. */
#ifndef QG_GATEWAY_CLI_TABLE_H
#define QG_GATEWAY_CLI_TABLE_H

#include "cli.h"

struct qg_cli_table {
	const char *const *titles;
	size_t columns;
	unsigned right; /* bits of columns that are aligned to the right */
	char **cells;	/* columns of them a row */
	size_t count, room;
	bool failed; /* out of memory: printing says so */
};

/* Columns of a terminal that a text takes: Chinese takes two a character. */
int qg_cli_width(const char *text);
/* The next cell, from left to right: one line, cut to a sensible length, and nothing that steers a terminal. */
void qg_cli_table_add(struct qg_cli_table *table, const char *text);
/* The same with a number, its thousands apart. */
void qg_cli_table_add_number(struct qg_cli_table *table, int64_t number);
/* Columns of the terminal that the widest row takes. */
int qg_cli_table_width(const struct qg_cli_table *table);
/* QG_CLI_DONE, or QG_CLI_FAILED after saying why. */
int qg_cli_table_print(const struct qg_cli *cli, const struct qg_cli_table *table);
/* Accepts a zeroed one. */
void qg_cli_table_finish(struct qg_cli_table *table);

#endif
