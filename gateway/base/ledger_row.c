/* ledger_row.c - a call as a row of the book: JSON text as it travels through Redis into a file.
 *
 * Written by hand instead of through a tree: it is written twice for each call. Whatever a service told, a row
 * comes about: a figure without sense is bounded and a text that is none becomes "?", for a call that cannot be
 * booked would be a call that nobody pays. */
#include "qg/ledger.h"

#include <string.h>

#include "qg/json.h"
#include "qg/scan.h"
#include "qg/str.h"

enum { MAX_ROW = 16 * 1024, MAX_TEXT = 256 };

/* More than any service counts, and far from what sums of whole numbers lose digits at. */
#define MAX_TOKENS INT64_C(1000000000000)
#define MAX_COST INT64_C(1000000000000000)

const char *qg_limit_name(enum qg_limit limit)
{
	static const char *const names[] = {
#define X(name, word) word,
		QG_LIMIT_MAP(X)
#undef X
	};
	return limit < QG_LIMITS ? names[limit] : "?";
}

static int64_t bounded(int64_t number, int64_t most)
{
	return number < 0 ? 0 : number > most ? most : number;
}

static void add_text(struct qg_buf *row, const char *name, const char *text)
{
	if (text == NULL) {
		return;
	}
	qg_buf_add_str(row, row->size > 1 ? ",\"" : "\"");
	qg_buf_add_str(row, name);
	qg_buf_add_str(row, "\":");
	if (qg_json_quote(text, qg_utf8_cut(text, strlen(text), MAX_TEXT), row) == QG_INVALID) {
		qg_buf_add_str(row, "\"?\"");
	}
}

static void add_number(struct qg_buf *row, const char *name, int64_t number)
{
	qg_buf_add_str(row, ",\"");
	qg_buf_add_str(row, name);
	qg_buf_add_str(row, "\":");
	qg_buf_add_int(row, number);
}

static void add_tokens(struct qg_buf *row, const struct qg_tokens *tokens)
{
	add_number(row, "input", bounded(tokens->input, MAX_TOKENS));
	add_number(row, "cached_input", bounded(tokens->cached_input, MAX_TOKENS));
	add_number(row, "cache_write", bounded(tokens->cache_write, MAX_TOKENS));
	add_number(row, "output", bounded(tokens->output, MAX_TOKENS));
	add_number(row, "reasoning", bounded(tokens->reasoning, MAX_TOKENS));
}

static void add_names(struct qg_buf *row, const struct qg_call *call, const char *model)
{
	add_text(row, "id", call->id);
	add_number(row, "at", call->at);
	add_text(row, "day", call->day);
	add_text(row, "provider", call->provider);
	add_text(row, "model", model);
	add_text(row, "key", call->key);
	add_text(row, "customer", call->customer);
	add_text(row, "bot", call->bot);
	add_text(row, "chat", call->chat);
	add_text(row, "user", call->user);
	add_text(row, "role", call->role);
}

char *qg_ledger_row(
	const struct qg_call *call, const struct qg_call_end *end, const char *saved_way)
{
	static const struct qg_tokens none = {0};
	const struct qg_tokens *estimate = &call->estimate;
	bool saved = saved_way != NULL;
	int64_t tokens_saved =
		bounded(estimate->input, MAX_TOKENS) + bounded(estimate->output, MAX_TOKENS);
	int64_t cost = saved ? 0 : end != NULL ? end->cost : call->cost;
	struct qg_buf row;
	qg_buf_init(&row, MAX_ROW);
	qg_buf_add_char(&row, '{');
	add_names(&row, call, end != NULL && end->model != NULL ? end->model : call->model);
	add_tokens(&row, saved ? &none : end != NULL ? &end->tokens : estimate);
	qg_buf_printf(&row, ",\"estimated\":%s", end != NULL && end->estimated ? "true" : "false");
	add_number(&row, "saved", saved ? tokens_saved : 0);
	add_text(&row, "failed", end != NULL ? end->failed : NULL);
	add_text(&row, "currency", qg_currency_name(call->price.currency));
	add_number(&row, "cost", bounded(cost, MAX_COST));
	add_number(&row, "first_ms", end != NULL ? end->first_ms : -1);
	add_number(&row, "total_ms", end != NULL ? end->total_ms : -1);
	add_text(&row, "way", saved_way);
	qg_buf_add_char(&row, '}');
	return qg_buf_steal(&row);
}

enum qg_status qg_ledger_row_estimated(const char *row, size_t size, char **closed_out)
{
	/* The scan needs no memory: what it takes and the parser does not is sound, and waits for a better time. */
	static const char *const members[] = {"id", "day", "bot"};
	struct qg_piece pieces[3];
	if (qg_scan(row, size, members, 3, pieces) != QG_OK) {
		return QG_INVALID;
	}
	for (size_t i = 0; i < 3; i++) {
		if (pieces[i].kind != QG_PIECE_STRING) {
			return QG_INVALID;
		}
	}
	json_auto_t *json = qg_json_parse(row, size, NULL);
	bool good = json != NULL && json_object_set_new(json, "estimated", json_true()) == 0;
	char *closed = good ? qg_json_dump(json) : NULL;
	if (closed == NULL) {
		return QG_NO_MEMORY;
	}
	*closed_out = closed;
	return QG_OK;
}
