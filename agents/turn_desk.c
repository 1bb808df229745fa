/* turn_desk.c - what commands ask of the desk: figures for /usage, and whether a code is the right one.
 *
 * The answers come later, so a command only notes what it wants to know; when all of a batch were carried out the desk
 * is asked, one question at a time, and then the turn goes on. */
#include "turn_parts.h"

#include <stdio.h>
#include <string.h>

/* ---- /usage ---- */

/* All that was spent as "¥1.20 + $0.03"; nothing is ¥0.00. */
static void money_text(const int64_t cost[QG_CURRENCIES], char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < QG_CURRENCIES && at < size; i++) {
		char text[40];
		if (cost[i] != 0 || (i == QG_CNY && cost[QG_USD] == 0)) {
			qg_money_text(cost[i], (enum qg_currency)i, text);
			int added =
				snprintf(out + at, size - at, "%s%s", at > 0 ? " + " : "", text);
			at += added > 0 ? (size_t)added : 0;
		}
	}
}

static void add_line(const struct qg_turn *turn, struct qg_buf *out, const char *name,
	const struct qg_figure *figure)
{
	const struct qg_role *role = turn->request.role;
	char calls[32], tokens[32], cost[128];
	money_text(figure->cost, cost, sizeof(cost));
	QG_AUTO(qg_str_free) char *who = qg_role_words(role, name, NULL);
	QG_AUTO(qg_str_free)
	char *line = qg_role_words(role, "usage_line", "name", who != NULL ? who : "", "calls",
		qg_turn_number(figure->calls, calls), "tokens",
		qg_turn_number(figure->input + figure->output, tokens), "cost", cost, NULL);
	qg_buf_printf(out, "%s%s", out->size > 0 ? "\n" : "", line != NULL ? line : "");
}

static void add_saved(const struct qg_turn *turn, struct qg_buf *out, int64_t saved)
{
	char tokens[32];
	QG_AUTO(qg_str_free)
	char *line = qg_role_words(
		turn->request.role, "usage_saved", "tokens", qg_turn_number(saved, tokens), NULL);
	qg_buf_printf(out, "%s%s", out->size > 0 ? "\n" : "", line != NULL ? line : "");
}

static void say_figures(struct qg_turn *turn, const struct qg_figures *figures)
{
	const struct qg_message *last = qg_turn_last(turn);
	bool admin = qg_command_is_admin(turn, last);
	struct qg_buf out;
	qg_buf_init(&out, 16 * 1024);
	add_line(turn, &out, "usage_user_day", &figures->user_day);
	add_line(turn, &out, "usage_user_month", &figures->user_month);
	/* what all groups together cost is no business of everybody in one of them */
	bool alone = last->chat_type == QG_CHAT_DIRECT;
	if (admin && !alone) {
		add_line(turn, &out, "usage_chat_day", &figures->chat_day);
		add_line(turn, &out, "usage_chat_month", &figures->chat_month);
	} else if (admin) {
		add_line(turn, &out, "usage_bot_month", &figures->bot_month);
	}
	int64_t saved = !admin	? figures->user_month.saved
			: alone ? figures->bot_month.saved
				: figures->chat_month.saved;
	if (saved > 0) {
		add_saved(turn, &out, saved);
	}
	qg_turn_say(turn, qg_buf_steal(&out));
}

static void go_on(struct qg_turn *turn)
{
	if (!qg_turn_ask_desk(turn)) {
		qg_turn_proceed(turn);
	}
}

static void have_figures(void *arg, enum qg_status status, const struct qg_figures *figures)
{
	struct qg_turn *turn = arg;
	turn->at_desk = false;
	if (status != QG_OK) {
		qg_turn_fail(turn, status, qg_status_text(status));
		return;
	}
	say_figures(turn, figures);
	go_on(turn);
}

/* ---- /绑定 ---- */

static void have_bound(void *arg, enum qg_status status)
{
	struct qg_turn *turn = arg;
	const struct qg_role *role = turn->request.role;
	turn->at_desk = false;
	if (status != QG_OK && status != QG_DENIED) {
		qg_turn_fail(turn, status, qg_status_text(status));
		return;
	}
	qg_turn_say(turn, status == QG_OK
				  ? qg_role_words(role, "bind_done", "bot", role->title, NULL)
				  : qg_role_words(role, "bind_wrong", NULL));
	go_on(turn);
}

/* ---- one question at a time ---- */

static void ask_figures(struct qg_turn *turn)
{
	struct qg_desk *desk = turn->request.desk;
	const struct qg_message *last = qg_turn_last(turn);
	char day[12];
	qg_state_day(turn, day);
	desk->figures(
		desk, turn->request.bot->name, last->chat, last->sender, day, have_figures, turn);
}

static void ask_bind(struct qg_turn *turn)
{
	struct qg_desk *desk = turn->request.desk;
	const struct qg_message *last = qg_turn_last(turn);
	char code[sizeof(turn->code)];
	memcpy(code, turn->code, sizeof(code));
	memset(turn->code, 0, sizeof(turn->code));
	desk->bind(desk, turn->request.bot->name, last->sender, code, last->id, have_bound, turn);
}

bool qg_turn_ask_desk(struct qg_turn *turn)
{
	if (turn->wants_figures) {
		turn->wants_figures = false;
		turn->at_desk = true;
		ask_figures(turn);
		return true;
	}
	if (turn->code[0] != '\0') {
		turn->at_desk = true;
		ask_bind(turn);
		return true;
	}
	return false;
}
