/* usage_redis.c - calls that are booked in Redis and in no file yet: what just ended, or waits for who moves it. */
#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/redis.h"

enum { PAGE = 1000, ROWS_MOST = 1000000 };

static bool add_row(struct qg_usage_rows *rows, const struct qg_redis_reply *text)
{
	if (rows->count == rows->room) {
		size_t room = rows->room > 0 ? rows->room * 2 : 256;
		char **texts = realloc(rows->texts, room * sizeof(*texts));
		rows->texts = texts != NULL ? texts : rows->texts;
		size_t *sizes = realloc(rows->sizes, room * sizeof(*sizes));
		rows->sizes = sizes != NULL ? sizes : rows->sizes;
		if (texts == NULL || sizes == NULL) {
			return false;
		}
		rows->room = room;
	}
	char *copy = qg_str_copy_n(text->text, text->size);
	if (copy == NULL) {
		return false;
	}
	rows->sizes[rows->count] = text->size;
	rows->texts[rows->count++] = copy;
	return true;
}

/* An element of the stream is [id, ["r", row]]. */
static const struct qg_redis_reply *row_of(const struct qg_redis_reply *element)
{
	bool ok = element->type == QG_REPLY_ARRAY && element->count == 2 &&
		  element->items[0].type == QG_REPLY_STRING &&
		  element->items[1].type == QG_REPLY_ARRAY && element->items[1].count == 2 &&
		  element->items[1].items[1].type == QG_REPLY_STRING;
	return ok ? &element->items[1].items[1] : NULL;
}

/* Takes the rows of a page; the id behind which the next one begins goes to from. */
static int take_page(const struct qg_cli *cli, const struct qg_redis_reply *page,
	struct qg_usage_rows *rows, char from[64])
{
	for (size_t i = 0; i < page->count; i++) {
		const struct qg_redis_reply *element = &page->items[i], *row = row_of(element);
		if (element->count > 0 && element->items[0].type == QG_REPLY_STRING) {
			snprintf(from, 64, "(%s", element->items[0].text);
		}
		if (row == NULL) {
			continue; /* not ours, but passed: the next page begins behind it */
		}
		if (rows->count >= ROWS_MOST || !add_row(rows, row)) {
			return qg_cli_say(cli, QG_CLI_FAILED, "%s",
				rows->count >= ROWS_MOST
					? "too many calls wait in Redis: no process moves them "
					  "into the ledger's files; see `ledger: true`"
					: "out of memory");
		}
	}
	return QG_CLI_DONE;
}

static int read_partition(const struct qg_cli *cli, const struct qg_cli_store *store,
	unsigned partition, struct qg_usage_rows *rows)
{
	char key[64], from[64] = "-", page_size[16], error[128] = "";
	snprintf(key, sizeof(key), "qg:{%u}:ledger", partition);
	snprintf(page_size, sizeof(page_size), "%d", PAGE);
	for (size_t found = PAGE; found == PAGE;) {
		const char *argv[] = {"XRANGE", key, from, "+", "COUNT", page_size};
		struct qg_redis_reply *page =
			qg_redis_ask(qg_cli_store_url(store), error, 6, argv, NULL);
		if (page == NULL || page->type != QG_REPLY_ARRAY) {
			int code = qg_cli_say(cli, QG_CLI_FAILED, "Redis: %s",
				page == NULL		       ? error
				: page->type == QG_REPLY_ERROR ? page->text
							       : "no list");
			qg_redis_reply_free(page);
			return code;
		}
		found = page->count;
		int code = take_page(cli, page, rows, from);
		qg_redis_reply_free(page);
		if (code != QG_CLI_DONE) {
			return code;
		}
	}
	return QG_CLI_DONE;
}

/* A private Redis that never ran holds nothing, and looking must not make it. */
static bool has_run(const struct qg_config *config)
{
	if (!qg_str_equal(config->redis, "embedded")) {
		return true;
	}
	char *folder = qg_str_printf("%s/redis", config->data_dir);
	bool there = folder != NULL && access(folder, F_OK) == 0;
	free(folder);
	return there;
}

int qg_usage_read_redis(
	const struct qg_cli *cli, const struct qg_config *config, struct qg_usage_rows *rows_out)
{
	if (!has_run(config)) {
		return QG_CLI_DONE;
	}
	struct qg_cli_store *store = qg_cli_store_open(cli, config);
	int code = store != NULL ? QG_CLI_DONE : QG_CLI_FAILED;
	unsigned partitions = store != NULL ? qg_cli_store_partitions(store) : 0;
	for (unsigned p = 0; code == QG_CLI_DONE && p < partitions; p++) {
		code = read_partition(cli, store, p, rows_out);
	}
	qg_cli_store_close(store);
	return code;
}

void qg_usage_rows_finish(struct qg_usage_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->texts[i]);
	}
	free(rows->texts);
	free(rows->sizes);
	*rows = (struct qg_usage_rows){0};
}
