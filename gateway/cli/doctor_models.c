/* doctor_models.c - each endpoint: is its key taken, is its price known, does what it is asked leave the country.
 *
 * Whether a key is taken is asked by a list of models, which costs nothing. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/fetch.h"
#include "qg/json.h"
#include "qg/loop.h"
#include "qg/model.h"
#include "qg/price.h"

enum { ANSWER_MOST = 4 << 20, PATIENCE_MS = 15000 };

/* ---- the key ---- */

static bool lists(const json_t *root, const char *model)
{
	const json_t *data = json_object_get(root, "data");
	size_t i, size = strlen(model);
	json_t *row;
	json_array_foreach ((json_t *)data, i, row) {
		const char *id = qg_json_str(row, "id", "");
		/* an alias stands for the dated names behind it */
		if (strncmp(id, model, size) == 0 && (id[size] == '\0' || id[size] == '-')) {
			return true;
		}
	}
	return false;
}

enum qg_key_state qg_judge_key(int http, const char *body, size_t size, const char *model)
{
	if (http == 401 || http == 403) {
		return QG_KEY_REFUSED;
	}
	if (http == 0 || http == 429 || http >= 500) {
		return QG_KEY_BROKE;
	}
	json_auto_t *root = http == 200 ? qg_json_parse(body, size, NULL) : NULL;
	if (!json_is_array(json_object_get(root, "data"))) {
		return QG_KEY_UNKNOWN; /* there is no such list */
	}
	return !model || lists(root, model) ? QG_KEY_GOOD : QG_KEY_NO_MODEL;
}

struct question {
	struct qg_loop *loop;
	const char *model;
	enum qg_key_state state;
	char words[160];
};

static void ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct question *question = arg;
	int http = end->error == QG_FETCH_NONE ? end->status : 0;
	question->state = qg_judge_key(http, end->body, end->size, question->model);
	if (http == 0) {
		snprintf(question->words, sizeof(question->words), "%s",
			qg_fetch_error_text(end->error));
	} else {
		snprintf(question->words, sizeof(question->words), "HTTP %d", http);
	}
	qg_loop_stop(question->loop);
}

/* "/models" below a base that may end with a version or not; yours to free. */
static char *list_url(const char *base, bool is_anthropic)
{
	size_t size = strlen(base);
	while (size > 0 && base[size - 1] == '/') {
		size--;
	}
	bool versioned = size > 3 && memcmp(base + size - 3, "/v1", 3) == 0;
	return qg_str_printf("%.*s%s/models%s", (int)size, base,
		is_anthropic && !versioned ? "/v1" : "", is_anthropic ? "?limit=1000" : "");
}

/* Runs the loop. */
static void ask_list(struct qg_doctor *doctor, const struct qg_model_config *endpoint,
	const struct qg_provider *provider, struct question *question)
{
	static const struct qg_fetch_host host = {.ended = ended};
	const char *base = endpoint->base_url ? endpoint->base_url : provider->base_url;
	bool is_anthropic = strcmp(provider->wire, "anthropic") == 0;
	const char *key = endpoint->api_key;
	QG_AUTO(qg_str_free) char *url = base ? list_url(base, is_anthropic) : NULL;
	QG_AUTO(qg_str_free)
	char *header = !key	      ? NULL
		       : is_anthropic ? qg_str_printf("x-api-key: %s", key)
				      : qg_str_printf("Authorization: Bearer %s", key);
	const char *headers[] = {header ? header : "Accept: application/json",
		is_anthropic ? "anthropic-version: 2023-06-01" : NULL, NULL};
	const struct qg_fetch_request request = {.method = "GET",
		.url = url,
		.headers = headers,
		.most = ANSWER_MOST,
		.gathers = true,
		.connect_ms = PATIENCE_MS / 2,
		.first_byte_ms = PATIENCE_MS,
		.idle_ms = PATIENCE_MS,
		.total_ms = 2 * PATIENCE_MS};
	question->state = QG_KEY_BROKE;
	if (url && qg_fetch_start(doctor->http, &request, &host, question)) {
		qg_loop_run(doctor->loop);
	} else {
		snprintf(question->words, sizeof(question->words), "%s",
			base ? "out of memory" : "no base_url");
	}
}

/* Whose console it is, or whose server. */
static const char *name_of(const struct qg_model_config *endpoint, const char *vendor)
{
	return vendor && *vendor ? vendor : endpoint->base_url ? endpoint->base_url : "?";
}

/* By a bot; a key that nobody's question needs is nothing to put right at once. */
static bool is_named(const struct qg_doctor *doctor, const struct qg_model_config *endpoint)
{
	for (size_t i = 0; i < doctor->config->bot_count; i++) {
		const struct qg_bot_config *bot = &doctor->config->bots[i];
		for (size_t k = 0; k < bot->models.count; k++) {
			if (qg_config_model(doctor->config, bot, bot->models.items[k]) ==
				endpoint) {
				return true;
			}
		}
	}
	return false;
}

static void check_key(struct qg_doctor *doctor, const struct qg_model_config *endpoint,
	const struct qg_provider *provider, const char *about)
{
	struct question question = {.loop = doctor->loop, .model = qg_endpoint_model(endpoint)};
	QG_AUTO(qg_str_free) char *vendor = qg_endpoint_vendor(endpoint);
	const char *name = name_of(endpoint, vendor);
	if (provider->needs_key && !endpoint->api_key && !endpoint->base_url) {
		qg_doctor_note(doctor, is_named(doctor, endpoint) ? QG_GRADE_FAIL : QG_GRADE_WARN,
			about,
			"没有 key：到 %s 的控制台建一个，填进 api_key（环境变量或 file:）· it has "
			"no key",
			name);
		return;
	}
	ask_list(doctor, endpoint, provider, &question);
	switch (question.state) {
	case QG_KEY_GOOD:
		qg_doctor_note(doctor, QG_GRADE_OK, about,
			"key 有效，有模型 %s（列模型，不花钱）· the key is taken",
			question.model ? question.model : "?");
		break;
	case QG_KEY_NO_MODEL:
		qg_doctor_note(doctor, QG_GRADE_WARN, about,
			"key 有效，但清单里没有 %s：核对 model 的写法，或到控制台开通它；--models "
			"问一句就知道 · "
			"not in its list",
			question.model);
		break;
	case QG_KEY_REFUSED:
		qg_doctor_note(doctor, QG_GRADE_FAIL, about,
			"%s 不认这个 key：到它的控制台的「API keys」核对或重建 · the key is "
			"refused (%s)",
			name, question.words);
		break;
	case QG_KEY_BROKE:
		qg_doctor_note(doctor, QG_GRADE_FAIL, about,
			"没连上 %s：检查网络、DNS、代理（https_proxy）和 base_url · not reached: "
			"%s",
			name, question.words);
		break;
	case QG_KEY_UNKNOWN:
		qg_doctor_note(doctor, QG_GRADE_WARN, about,
			"%s 没有列模型的接口，key 没有核对：--models 问一句（一个 token）· cannot "
			"be asked "
			"for free (%s)",
			name, question.words);
	}
}

/* ---- price and region ---- */

static void check_price(struct qg_doctor *doctor, const struct qg_model_config *endpoint,
	const struct qg_prices *prices, const char *about)
{
	struct qg_price price;
	if (!prices || !qg_price_find(prices, endpoint, qg_clock_wall(), 0, &price)) {
		qg_doctor_note(doctor, QG_GRADE_WARN, about,
			"不知道它的价格，用量里没有金额：写 price: {input: X, output: Y, currency: "
			"CNY} · no "
			"price is known");
		return;
	}
	char input[40], output[40];
	qg_money_text(price.input, price.currency, input);
	qg_money_text(price.output, price.currency, output);
	qg_doctor_note(doctor, price.guessed ? QG_GRADE_WARN : QG_GRADE_OK, about,
		price.guessed ? "价格表里没有这个模型，按它家最贵的算：每百万 token 输入 %s、输出 "
				"%s；准确的请写 "
				"price · guessed"
			      : "每百万 token 输入 %s、输出 %s · its price",
		input, output);
}

static void check_region(
	struct qg_doctor *doctor, const struct qg_model_config *endpoint, const char *about)
{
	if (!qg_endpoint_is_abroad(endpoint)) {
		return;
	}
	for (size_t i = 0; i < doctor->config->bot_count; i++) {
		const struct qg_bot_config *bot = &doctor->config->bots[i];
		if (qg_strings_has(&bot->models, endpoint->name)) {
			qg_doctor_note(doctor, QG_GRADE_WARN, about,
				"在境外：机器人 %s 的问题会发到境外（abroad: allowed）· abroad",
				bot->name);
		}
	}
}

static void check_endpoint(struct qg_doctor *doctor, const struct qg_model_config *endpoint,
	const struct qg_prices *prices)
{
	QG_AUTO(qg_str_free) char *about = qg_str_printf("model %s", endpoint->name);
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	if (!about) {
		return;
	}
	if (!provider) { /* offline, scripted */
		qg_doctor_note(doctor, QG_GRADE_OK, about, "%s 不用网络，不花钱 · needs no network",
			endpoint->provider);
		return;
	}
	check_key(doctor, endpoint, provider, about);
	check_price(doctor, endpoint, prices, about);
	check_region(doctor, endpoint, about);
	if (doctor->models) {
		qg_doctor_call(doctor, endpoint, about);
	}
}

void qg_doctor_models(struct qg_doctor *doctor)
{
	char error[128];
	struct qg_prices *prices = qg_prices_load(NULL, 0, error);
	for (size_t i = 0; i < doctor->config->model_count; i++) {
		check_endpoint(doctor, &doctor->config->models[i], prices);
	}
	qg_prices_destroy(prices);
}
