/* turn_reply.c - the reply of a turn: whom it answers, what it says, and below it what it cost. */
#include "turn_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/lineup.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "text.h"

#define BUTTON_TEXT 60 /* bytes on a button */
#define BUTTON_VALUE 1000
#define SUGGESTED 4 /* buttons: a short look, not a menu */

const char *qg_turn_number(int64_t number, char out[32])
{
	char digits[24];
	int size = snprintf(digits, sizeof(digits), "%" PRId64, number < 0 ? 0 : number);
	size_t at = 0;
	for (int i = 0; i < size; i++) {
		if (i > 0 && (size - i) % 3 == 0) {
			out[at++] = ',';
		}
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

/* ---- money ---- */

/* {"CNY":0.0021}: every digit, none that a double made up. */
static char *cost_json(const struct qg_bill *bill)
{
	struct qg_buf out;
	qg_buf_init(&out, 256);
	for (size_t i = 0; i < QG_CURRENCIES; i++) {
		int64_t cost = bill->cost[i];
		if (cost <= 0) {
			continue;
		}
		char digits[16];
		snprintf(digits, sizeof(digits), ".%09" PRId64, cost % QG_MONEY_ONE);
		size_t size = strlen(digits);
		while (size > 0 && (digits[size - 1] == '0' || digits[size - 1] == '.')) {
			digits[--size] = '\0';
		}
		qg_buf_printf(&out, "%s\"%s\":%" PRId64 "%s", out.size > 0 ? "," : "{",
			qg_currency_name((enum qg_currency)i), cost / QG_MONEY_ONE, digits);
	}
	qg_buf_add_str(&out, out.size > 0 ? "}" : "{\"CNY\":0}");
	return qg_buf_steal(&out);
}

/* "¥0.0021", "¥0.0021 + $0.01". */
static void cost_text(const struct qg_bill *bill, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < QG_CURRENCIES; i++) {
		char text[40];
		bool last = i + 1 == QG_CURRENCIES && at == 0;
		if ((bill->cost[i] == 0 && !last) || at >= size) {
			continue;
		}
		enum qg_currency currency = bill->cost[i] == 0 ? QG_CNY : (enum qg_currency)i;
		qg_money_text(bill->cost[i], currency, text);
		int added = snprintf(out + at, size - at, "%s%s", at > 0 ? " + " : "", text);
		at += added > 0 ? (size_t)added : 0;
	}
}

/* The whole line, with the label in front; a bot without a label begins with the model. NULL: no memory. */
static char *footnote_text(const struct qg_turn *turn)
{
	const struct qg_tokens *tokens = &turn->bill.tokens;
	const char *about = turn->bill.estimated ? "≈" : "";
	const char *label = turn->request.bot->ai_label != NULL ? turn->request.bot->ai_label : "";
	bool full = turn->request.bot->footnote == QG_FOOTNOTE_FULL;
	char input[32], cached[32], output[32], total[32], all[48], cost[128], seconds[32];
	qg_turn_number(tokens->input, input);
	qg_turn_number(tokens->cached_input, cached);
	qg_turn_number(tokens->output, output);
	snprintf(all, sizeof(all), "%s%s", about,
		qg_turn_number(tokens->input + tokens->output, total));
	cost_text(&turn->bill, cost, sizeof(cost));
	uint64_t ms = (qg_clock_mono_us() - turn->began_us) / 1000;
	snprintf(seconds, sizeof(seconds), "%" PRIu64 ".%" PRIu64, ms / 1000, ms % 1000 / 100);
	char *line = qg_role_words(turn->request.role, full ? "footnote_full" : "footnote_tokens",
		"label", label, "model", turn->title != NULL ? turn->title : "", "tokens", all,
		"input", input, "cached", cached, "output", output, "cost", cost, "seconds",
		seconds, NULL);
	static const char gap[] = " · ";
	if (line != NULL && label[0] == '\0' && qg_str_starts_with(line, gap)) {
		memmove(line, line + strlen(gap), strlen(line) - strlen(gap) + 1);
	}
	return line;
}

/* What a model would have read and said for this answer: booked under the reply's own id, so that a repeated turn
 * books it once. */
void qg_turn_note_saved(struct qg_turn *turn, const char *way)
{
	struct qg_desk *desk = turn->request.desk;
	const struct qg_payer payer = qg_turn_payer(turn);
	const struct qg_model_config *endpoint =
		desk != NULL && turn->request.force_model == NULL
			? qg_lineup_talks(payer.config, payer.bot, payer.endpoints)
			: NULL;
	const struct qg_model_config *found;
	const struct qg_model *model = endpoint != NULL
					       ? qg_lineup_service(payer.config, payer.bot,
							 payer.endpoints, endpoint->name, &found)
					       : NULL;
	if (model == NULL) {
		return;
	}
	const struct qg_message *last = qg_turn_last(turn);
	struct qg_token_count input = turn->request.role->system_tokens;
	qg_tokens_add(&input, last->text, last->text != NULL ? strlen(last->text) : 0);
	struct qg_ask ask = {.text = "",
		.tokens = qg_tokens_total(&input, false),
		.max_tokens = qg_tokens_estimate(turn->answer.data, turn->answer.size)};
	struct qg_lane lane;
	struct qg_booking booking;
	qg_lane_init(&lane, endpoint);
	if (qg_booking_prepare(&booking, &payer, model, endpoint, &lane, &ask)) {
		booking.call.reserve_count = 0;
		qg_digest_id(booking.call.id, "saved", turn->id, NULL);
		desk->saved(desk, &booking.call, way);
	}
}

/* ---- buttons ---- */

void qg_turn_add_button(struct qg_turn *turn, const char *question)
{
	size_t size = strlen(question);
	bool fits = size <= BUTTON_TEXT;
	if (size == 0 || size > BUTTON_VALUE) {
		return;
	}
	QG_AUTO(qg_str_free)
	char *text = fits ? qg_str_copy(question)
			  : qg_str_printf("%.*s…",
				    (int)qg_utf8_cut(question, size, BUTTON_TEXT - strlen("…")),
				    question);
	if (turn->buttons == NULL) {
		turn->buttons = json_array();
	}
	json_array_append_new(
		turn->buttons, json_pack("{s:s, s:s}", "text", text, "value", question));
}

void qg_turn_add_suggestions(struct qg_turn *turn)
{
	const struct qg_strings *suggestions = &turn->request.role->suggestions;
	for (size_t i = 0; i < suggestions->count && i < SUGGESTED; i++) {
		qg_turn_add_button(turn, suggestions->items[i]);
	}
}

/* ---- the reply ---- */

/* The handles of earlier messages of the batch: where they show as open, this reply closes them. */
static bool fill_handles(const struct qg_turn *turn, struct qg_reply *reply)
{
	for (size_t i = 0; i + 1 < turn->request.count; i++) {
		const char *handle = turn->request.messages[i]->handle;
		if (handle == NULL || qg_str_equal(handle, reply->handle)) {
			continue;
		}
		reply->handles = reply->handles != NULL ? reply->handles : json_array();
		if (json_array_append_new(reply->handles, json_string(handle)) != 0) {
			return false;
		}
	}
	return true;
}

static bool fill_ids(const struct qg_turn *turn, struct qg_reply *reply)
{
	const struct qg_message *last = qg_turn_last(turn);
	reply->id = qg_str_copy(turn->id);
	reply->bot = qg_str_copy(turn->request.bot->name);
	reply->chat = qg_str_copy(last->chat);
	reply->conversation = turn->request.conversation != NULL
				      ? qg_str_copy(turn->request.conversation)
				      : qg_str_printf("%s/%s", turn->request.bot->name, last->chat);
	reply->chat_type = last->chat_type;
	reply->handle = qg_str_copy(last->handle);
	reply->sender = qg_str_copy(last->sender);
	reply->answers = json_array();
	for (size_t i = 0; reply->answers != NULL && i < turn->request.count; i++) {
		json_array_append_new(reply->answers, json_string(turn->request.messages[i]->id));
	}
	return reply->id != NULL && reply->bot != NULL && reply->chat != NULL &&
	       reply->conversation != NULL && reply->answers != NULL &&
	       json_array_size(reply->answers) == turn->request.count;
}

static bool fill_usage(const struct qg_turn *turn, struct qg_reply *reply)
{
	const struct qg_bill *bill = &turn->bill;
	reply->usage.model = qg_str_copy(turn->model != NULL ? turn->model : "offline");
	reply->usage.input = bill->tokens.input;
	reply->usage.cached_input = bill->tokens.cached_input;
	reply->usage.output = bill->tokens.output;
	reply->usage.estimated = bill->estimated;
	reply->usage.cost = cost_json(bill);
	return reply->usage.model != NULL && reply->usage.cost != NULL;
}

static bool fill_label(const struct qg_turn *turn, struct qg_reply *reply)
{
	const char *label = turn->request.bot->ai_label;
	bool labelled = turn->generated && label != NULL && label[0] != '\0';
	bool noted = turn->generated && turn->request.bot->footnote != QG_FOOTNOTE_OFF;
	reply->label = labelled ? qg_str_copy(label) : NULL;
	reply->footnote = noted ? footnote_text(turn) : NULL;
	return (!labelled || reply->label != NULL) && (!noted || reply->footnote != NULL);
}

struct qg_reply *qg_turn_make_reply(struct qg_turn *turn)
{
	struct qg_reply *reply = qg_reply_create();
	if (reply == NULL) {
		return NULL;
	}
	reply->text = qg_utf8_clean(turn->answer.data, turn->answer.size);
	reply->sources = json_array_size(turn->sources) > 0 ? json_incref(turn->sources) : NULL;
	reply->buttons = json_array_size(turn->buttons) > 0 ? json_incref(turn->buttons) : NULL;
	reply->stored_at = turn->request.stored_at != NULL
				   ? turn->request.stored_at[turn->request.count - 1]
				   : turn->now;
	reply->first_at = turn->first_at;
	if (reply->text == NULL || !fill_ids(turn, reply) || !fill_handles(turn, reply) ||
		!fill_usage(turn, reply) || !fill_label(turn, reply)) {
		qg_reply_destroy(reply);
		return NULL;
	}
	return reply;
}
