/* ledger.h - the book of calls: open rows, budgets and running sums in Redis, closed rows in a file a month.
 *
 * In Redis, beside the keys of queue.h, all in the bot's partition:
 *   calls              hash: call -> "<fence>\n<reserves>\n<row JSON>" while it is open
 *   closed:<call>      what a close said of a customer's part, in case it came no further; expires
 *   swept:<call>       what a sweep closed at its estimate, in case the true figures still come; expires
 *   saved:<call>       that an answer without a model was booked; expires
 *   $<bot>:<limit>:<whom>:<period>:<currency>   what was spent and is reserved of a budget, nano
 *   sum:<bot>:<day>    hash: "bot", "c:<chat>", "u:<user>" -> "calls input cached_input output saved CNY USD"
 *   ledger             stream of closed rows that are in no file yet, each in its field "r"
 *   told:<counter>     that a notice about a budget stands in the out lists
 * and in the partition of a customer, whose counter is $:customer_month:<customer>:<period>:<currency>:
 *   holds              hash: call -> "<bot>\t<counter>\t<amount>" until it is settled or released
 *   spent:<call>       what is counted of a hold that a sweep ended, in case the call is closed after all; expires
 *
 * A row is a JSON object:
 * {"id","at","day","provider","model","key","customer","bot","chat","user","role","input","cached_input",
 *  "cache_write","output","reasoning","estimated","saved","failed","currency","cost","first_ms","total_ms","way"};
 * customer, failed and way are absent where there is none, estimated is a bool, cost nano.
 * A true row replaces one closed at its estimate; else the first one of an id stands. */
#ifndef QG_LEDGER_H
#define QG_LEDGER_H

#include "qg/buf.h"
#include "qg/desk.h"
#include "qg/queue.h"

/* ---- rows (any thread) ---- */

/* The row of a call as JSON text, yours to free; end NULL: an open one, with the estimate. saved_way: an answer that
 * needed no model ("faq"), its tokens are saved ones. NULL for no memory. */
char *qg_ledger_row(
	const struct qg_call *call, const struct qg_call_end *end, const char *saved_way);
/* An open row closed at its estimate, for a sweep; *closed_out is yours to free. QG_INVALID: a damaged row. */
QG_MUST_CHECK enum qg_status qg_ledger_row_estimated(
	const char *row, size_t size, char **closed_out);

/* ---- in Redis (gateway/queue; the loop's thread) ---- */

/* entry: the turn's fence; NULL: none (QG_STALE cannot be). Reserves the customer's budget first, in its own
 * partition, and releases it where the bot's refuse. May be sent twice. */
void qg_ledger_open(struct qg_queue *queue, const struct qg_entry *entry, const struct qg_call *call,
	qg_opened_fn fn, void *arg);
/* A limit of which 80 % are used and nobody was told yet. Borrowed for the call. */
struct qg_near {
	enum qg_limit limit;
	const char *key; /* for qg_ledger_tell; opaque */
	int64_t used, most;
	enum qg_currency currency;
};
typedef void (*qg_closed_fn)(
	void *arg, enum qg_status status, const struct qg_near *near, size_t count);
/* call: as it was opened, but each reserve's amount is what it really was. QG_OK also where it was closed before.
 * Must be sent again until QG_OK (or QG_FAILED: never will be). A limit is near until it is told. Of a call that was
 * refused nothing is booked, and the limit that cannot hold its amounts is near. */
void qg_ledger_close(struct qg_queue *queue, const struct qg_call *call,
	const struct qg_call_end *end, qg_closed_fn fn, void *arg);
/* Once an id, however often it is sent within three days. */
void qg_ledger_saved(struct qg_queue *queue, const struct qg_call *call, const char *way,
	qg_queue_fn fn, void *arg);
/* Puts notices about a near limit into the out lists of its bot and notes that they are; once a key. A customer's
 * limit is near for no other bot then. QG_OK also where it was told before. */
void qg_ledger_tell(struct qg_queue *queue, const char *bot, const char *key,
	struct qg_reply *const *notices, size_t count, qg_queue_fn fn, void *arg);
void qg_ledger_figures(struct qg_queue *queue, const char *bot, const char *chat, const char *user,
	const char *day, qg_figures_fn fn, void *arg);

/* Open calls of a partition whose turn is no longer held by who opened them; call it each half minute: what stands
 * so in two looks, 30 s of our own clock apart, is closed at its estimate; holds without a call are released. A call
 * opened without a fence is given 15 minutes. Counted are the calls closed. */
struct qg_sweep; /* what was seen */
struct qg_sweep *qg_sweep_create(struct qg_queue *queue);
void qg_sweep_destroy(struct qg_sweep *sweep);
void qg_sweep_look(struct qg_sweep *sweep, unsigned partition, qg_count_fn closed, void *arg);

/* Closed rows of a partition, oldest first, at most most; ids and rows are borrowed for the call. */
struct qg_ledger_entry {
	const char *id; /* of the stream */
	const char *row;
	size_t size;
};
typedef void (*qg_ledger_fn)(
	void *arg, enum qg_status status, const struct qg_ledger_entry *entries, size_t count);
void qg_ledger_read(
	struct qg_queue *queue, unsigned partition, unsigned most, qg_ledger_fn fn, void *arg);
/* They are in a file: ids as read. */
void qg_ledger_drop(struct qg_queue *queue, unsigned partition, const char *const *ids, size_t count,
	qg_queue_fn fn, void *arg);

/* ---- files: data_dir/ledger/YYYY-MM.db (gateway/base; pool threads and reading verbs) ---- */

struct qg_ledger_file;
/* month: "2026-11". Makes folder and file where missing. NULL and words in error (128 bytes). */
struct qg_ledger_file *qg_ledger_file_open(const char *data_dir, const char *month, char *error);
void qg_ledger_file_close(struct qg_ledger_file *file);
/* All rows or none. A row that is no row is left out and counted. After a failure close the file and open it
 * again: a damaged one was kept aside under another name, and opening begins a new one. */
QG_MUST_CHECK enum qg_status qg_ledger_file_add(struct qg_ledger_file *file,
	const char *const *rows, const size_t *sizes, size_t count, size_t *bad_out);
/* Why the last addition failed; borrowed. */
const char *qg_ledger_file_error(const struct qg_ledger_file *file);
/* The month a row belongs to, from its day: "2026-11". QG_INVALID: no row; QG_NO_MEMORY: that is not known now. */
QG_MUST_CHECK enum qg_status qg_ledger_row_month(const char *row, size_t size, char out[8]);

/* Sums of rows of files and of rows given beside them, grouped. */
struct qg_report_query {
	const char *data_dir;
	const char *since, *until; /* days "20261101", both included */
	const char *by[8];	   /* of customer bot chat user model key day; ends with NULL */
	const char *bot;	   /* only this one's; NULL: all */
	const char *const *rows;   /* not in a file yet; may be there too */
	const size_t *sizes;
	size_t row_count;
};
/* {"rows":[{keys of by, "calls", "input", ...}]} as the contract of `qungong usage --json` says, new reference; where
 * files of these months are damaged, and so not in the sums, also "damaged":[{"month", "file", "why"}]. NULL and words
 * in error (128 bytes). */
json_t *qg_ledger_report(const struct qg_report_query *query, char *error);

#endif
