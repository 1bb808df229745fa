/* filedesk.c - the desk of a turn in the terminal: no budget holds it back, but what it spends is in the ledger.
 *
 * Rows go straight into the file of their month, beside the process that moves rows there: a call stands in it once
 * whoever writes. The verb's loop may wait for the disk: nobody else is on it. */
#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "qg/json.h"
#include "qg/ledger.h"
#include "qg/list.h"

#define TERMINAL "terminal"

struct file_desk {
	struct qg_desk desk;
	const struct qg_cli *cli;
	struct qg_loop *loop;
	struct qg_list answers;
	char *data_dir;
	bool only_tried, failed;
};

/* An answer on its way: no question is answered from inside the call. */
struct answer {
	struct qg_list link;
	enum { TELL_OPENED, TELL_FIGURES, TELL_BOUND, TELL_NOBODY } kind;
	union {
		qg_opened_fn opened;
		qg_figures_fn figures;
		qg_bound_fn bound;
	} fn;
	void *arg;
	enum qg_status status;
	struct qg_figures figures;
};

static struct file_desk *of(struct qg_desk *desk)
{
	return QG_CONTAINER(desk, struct file_desk, desk);
}

/* ---- answers ---- */

static void tell(void *arg)
{
	struct answer answer = *(struct answer *)arg;
	qg_list_remove(&((struct answer *)arg)->link);
	free(arg);
	switch (answer.kind) {
	case TELL_OPENED:
		answer.fn.opened(answer.arg, answer.status, QG_LIMIT_TURN);
		break;
	case TELL_FIGURES:
		answer.fn.figures(answer.arg, answer.status, &answer.figures);
		break;
	case TELL_BOUND:
		answer.fn.bound(answer.arg, answer.status);
		break;
	case TELL_NOBODY:
		break;
	}
}

static void answer_later(struct file_desk *desk, const struct answer *answer)
{
	struct answer *kept = malloc(sizeof(*kept));
	if (kept) {
		*kept = *answer;
		qg_list_add(&desk->answers, &kept->link);
	}
	if (!kept || qg_loop_defer(desk->loop, tell, kept) != QG_OK) {
		qg_cli_say(desk->cli, QG_CLI_FAILED, "out of memory");
		_exit(QG_CLI_FAILED); /* the turn would wait for ever */
	}
}

/* ---- booking ---- */

static bool write_row(const struct file_desk *desk, const char *row, char *error)
{
	char month[8];
	size_t size = strlen(row), bad = 0;
	if (qg_ledger_row_month(row, size, month) != QG_OK) {
		snprintf(error, 128, "a call without a day");
		return false;
	}
	struct qg_ledger_file *file = qg_ledger_file_open(desk->data_dir, month, error);
	if (!file) {
		return false;
	}
	enum qg_status status = qg_ledger_file_add(file, &row, &size, 1, &bad);
	if (status != QG_OK) {
		snprintf(error, 128, "%s", qg_ledger_file_error(file));
	}
	qg_ledger_file_close(file);
	return status == QG_OK && bad == 0;
}

static void book(struct file_desk *desk, const struct qg_call *call, const struct qg_call_end *end,
	const char *way)
{
	struct qg_call own = *call;
	own.chat = own.user = TERMINAL;
	char error[128] = "out of memory";
	char *row = qg_ledger_row(&own, end, way);
	/* a second try: a damaged file was kept aside by the first */
	bool ok = row && qg_app_make_folder(desk->data_dir) &&
		  (write_row(desk, row, error) || write_row(desk, row, error));
	if (!ok && !desk->failed) {
		qg_cli_say(desk->cli, QG_CLI_FAILED, "the ledger: %s", error);
	}
	desk->failed = desk->failed || !ok;
	free(row);
}

static void on_close(
	struct qg_desk *desk, const struct qg_call *call, const struct qg_call_end *end)
{
	book(of(desk), call, end, NULL);
}

static void on_saved(struct qg_desk *desk, const struct qg_call *call, const char *way)
{
	if (!of(desk)->only_tried) {
		book(of(desk), call, NULL, way);
	}
}

/* ---- questions ---- */

static void on_open(struct qg_desk *desk, const struct qg_call *call, qg_opened_fn fn, void *arg)
{
	answer_later(of(desk), &(struct answer){.kind = TELL_OPENED, .fn.opened = fn, .arg = arg});
}

static void add(struct qg_figure *figure, const json_t *row)
{
	const json_t *cost = json_object_get(row, "cost");
	figure->calls += qg_json_int(row, "calls", 0);
	figure->input += qg_json_int(row, "input", 0);
	figure->cached_input += qg_json_int(row, "cached_input", 0);
	figure->output += qg_json_int(row, "output", 0);
	figure->saved += qg_json_int(row, "saved", 0);
	for (int c = 0; c < QG_CURRENCIES; c++) {
		const json_t *sum = json_object_get(cost, qg_currency_name(c));
		figure->cost[c] += llround(json_number_value(sum) * (double)QG_MONEY_ONE);
	}
}

/* day: "2026-11-22", as the report writes it. */
static void add_row(struct qg_figures *figures, const json_t *row, const char *day)
{
	bool today = strcmp(qg_json_str(row, "day", ""), day) == 0;
	add(&figures->bot_month, row);
	if (strcmp(qg_json_str(row, "chat", ""), TERMINAL) == 0) {
		add(&figures->chat_month, row);
		if (today) {
			add(&figures->chat_day, row);
		}
	}
	if (strcmp(qg_json_str(row, "user", ""), TERMINAL) == 0) {
		add(&figures->user_month, row);
		if (today) {
			add(&figures->user_day, row);
		}
	}
}

static void on_figures(struct qg_desk *desk, const char *bot, const char *chat, const char *user,
	const char *day, qg_figures_fn fn, void *arg)
{
	char error[128] = "", first[16], iso[16];
	snprintf(first, sizeof(first), "%.6s01", day);
	snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2s", day, day + 4, day + 6);
	struct answer answer = {.kind = TELL_FIGURES, .fn.figures = fn, .arg = arg};
	struct qg_report_query query = {.data_dir = of(desk)->data_dir,
		.since = first,
		.until = day,
		.by = {"chat", "user", "day"},
		.bot = bot};
	json_auto_t *all = qg_ledger_report(&query, error);
	bool is_whole = all && !json_object_get(all, "damaged");
	answer.status = is_whole ? QG_OK : QG_FAILED;
	size_t i;
	json_t *row;
	json_array_foreach (json_object_get(all, "rows"), i, row) {
		add_row(&answer.figures, row, iso);
	}
	answer_later(of(desk), &answer);
}

/* Who sits at the terminal is an admin already, and codes are for chats. */
static void on_bind(struct qg_desk *desk, const char *bot, const char *user, const char *code,
	const char *message, qg_bound_fn fn, void *arg)
{
	answer_later(of(desk),
		&(struct answer){
			.kind = TELL_BOUND, .fn.bound = fn, .arg = arg, .status = QG_DENIED});
}

static void on_forget(struct qg_desk *desk, void *arg)
{
	QG_LIST_FOR_EACH (item, &of(desk)->answers) {
		struct answer *answer = QG_CONTAINER(item, struct answer, link);
		if (answer->arg == arg) {
			answer->kind = TELL_NOBODY;
		}
	}
}

/* ---- life ---- */

struct qg_desk *qg_cli_desk_create(
	const struct qg_cli *cli, struct qg_loop *loop, const char *data_dir, bool only_tried)
{
	struct file_desk *desk = calloc(1, sizeof(*desk));
	if (!desk || !(desk->data_dir = qg_str_copy(data_dir))) {
		free(desk);
		return NULL;
	}
	desk->desk = (struct qg_desk){.open = on_open,
		.close = on_close,
		.saved = on_saved,
		.figures = on_figures,
		.bind = on_bind,
		.forget = on_forget};
	desk->cli = cli;
	desk->loop = loop;
	desk->only_tried = only_tried;
	qg_list_init(&desk->answers);
	return &desk->desk;
}

bool qg_cli_desk_failed(const struct qg_desk *desk)
{
	return desk && QG_CONTAINER(desk, const struct file_desk, desk)->failed;
}

void qg_cli_desk_destroy(struct qg_desk *desk)
{
	if (!desk) {
		return;
	}
	QG_LIST_FOR_EACH (item, &of(desk)->answers) {
		free(QG_CONTAINER(item, struct answer, link));
	}
	free(of(desk)->data_dir);
	free(of(desk));
}
