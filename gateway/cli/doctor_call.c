/* doctor_call.c - a word from a model: the one question that proves that it answers, and the one that costs something.
 * The call is booked like those of `chat` and `test`, so that the ledger stays equal to the provider's. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/model.h"
#include "qg/price.h"

#define QUESTION "{\"role\":\"user\",\"content\":\"1\"}"

enum { PATIENCE_MS = 60000 };

struct calling {
	struct qg_model_call call;
	bool ended, good;
	struct qg_model_result result;
	char words[160];
};

static void on_chunk(struct qg_model_call *call, const char *data, size_t size)
{
}

static void on_ended(struct qg_model_call *call, const struct qg_model_result *result)
{
	struct calling *calling = call->owner;
	calling->ended = true;
	calling->good = result->error == QG_MODEL_NONE;
	calling->result = *result;
	snprintf(calling->words, sizeof(calling->words), "%s", qg_model_error_text(result->error));
	calling->result.words = calling->result.model = NULL; /* borrowed */
	qg_loop_stop(call->loop);
}

static void too_late(void *arg)
{
	struct calling *calling = arg;
	snprintf(calling->words, sizeof(calling->words), "%s",
		qg_model_error_text(QG_MODEL_TIMEOUT));
	qg_loop_stop(calling->call.loop);
}

/* Runs the loop until it ended or took too long. */
static void call(
	struct qg_doctor *doctor, const struct qg_model_config *endpoint, struct calling *calling)
{
	static const struct qg_model_host host = {.chunk = on_chunk, .ended = on_ended};
	static const struct qg_ask ask = {.text = "1",
		.system = "",
		.messages = QUESTION,
		.messages_size = sizeof(QUESTION) - 1,
		.tokens = 16,
		.max_tokens = 1};
	const struct qg_model *model = qg_model_find(endpoint->provider);
	struct qg_timer *timer = qg_timer_create(doctor->loop, too_late, calling);
	calling->call = (struct qg_model_call){.model = model,
		.endpoint = endpoint,
		.ask = &ask,
		.loop = doctor->loop,
		.http = doctor->http,
		.host = &host,
		.owner = calling,
		.state = model ? calloc(1, model->state_size) : NULL};
	if (timer && calling->call.state && model->ask(&calling->call) == QG_OK) {
		qg_timer_start(timer, PATIENCE_MS);
		qg_loop_run(doctor->loop);
		if (!calling->ended) {
			model->cancel(&calling->call);
		}
	} else {
		snprintf(calling->words, sizeof(calling->words), "out of memory");
	}
	free(calling->call.state);
	qg_timer_destroy(timer);
}

/* What was used, in the ledger's file; its cost in nano of *price's currency. */
static int64_t book(struct qg_doctor *doctor, const struct qg_model_config *endpoint,
	const struct calling *calling, struct qg_price *price)
{
	char error[128];
	struct qg_prices *prices = qg_prices_load(NULL, 0, error);
	struct qg_desk *desk =
		qg_cli_desk_create(doctor->cli, doctor->loop, doctor->config->data_dir, false);
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	const struct qg_tokens *tokens = &calling->result.tokens;
	bool priced =
		prices && qg_price_find(prices, endpoint, qg_clock_wall(), tokens->input, price);
	if (!priced) {
		*price = (struct qg_price){.currency = QG_CNY};
	}
	struct tm tm;
	struct qg_call row = {.at = qg_clock_wall(),
		.provider = provider ? provider->name : endpoint->provider,
		.model = qg_endpoint_model(endpoint),
		.key = endpoint->name,
		.bot = "doctor",
		.chat = "terminal",
		.user = "terminal",
		.role = "doctor",
		.price = *price};
	struct qg_call_end end = {
		.tokens = *tokens, .cost = qg_price_cost(price, tokens), .first_ms = -1};
	qg_random_hex(row.id, sizeof(row.id) / 2);
	qg_clock_local(row.at, &tm);
	strftime(row.day, sizeof(row.day), "%Y%m%d", &tm);
	if (desk) {
		desk->close(desk, &row, &end);
	}
	qg_cli_desk_destroy(desk);
	qg_prices_destroy(prices);
	return end.cost;
}

void qg_doctor_call(
	struct qg_doctor *doctor, const struct qg_model_config *endpoint, const char *about)
{
	struct calling calling = {.ended = false};
	struct qg_price price = {.currency = QG_CNY};
	call(doctor, endpoint, &calling);
	int64_t cost = calling.ended && calling.result.has_usage
			       ? book(doctor, endpoint, &calling, &price)
			       : 0;
	char money[40];
	qg_money_text(cost, price.currency, money);
	if (calling.good) {
		qg_doctor_note(doctor, QG_GRADE_OK, about,
			"问了一句，有回答，花了 %s（已记账）· it answers, at this cost", money);
	} else {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about,
			"问了一句，没有回答：看账户余额、模型是否开通 · no answer: %s",
			calling.words);
	}
}
