/* account.c - what all bots of one client id share in a process: the token, the pace of calls, and how much of the month's
 * quota is used.
 *
 * DingTalk sells API calls and messages by the month and says nothing before they are used up. So they are counted in
 * Redis, for all processes and over restarts: what was used since the last second is added there, and what Redis answers
 * is the truth. The count is an estimate (other programs of the same app use the same quota, and a count whose answer
 * was lost is not repeated): it warns, and slows down what is optional; nothing is refused because of it. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/redis.h"
#include "qg/str.h"

#define API_HOST "https://api.dingtalk.com"
#define OAPI_HOST "https://oapi.dingtalk.com"
#define FLUSH_MS 1000
#define KEEP_S (40 * 24 * 3600)
#define CHINA_MS (INT64_C(8) * 3600 * 1000)
#define WORDS_SIZE 128

static const char *const kinds[DINGTALK_QUOTAS] = {"calls", "uses"};
static struct qg_list all = {&all, &all};

const char *dingtalk_base(const struct dingtalk_options *options, enum dingtalk_api api)
{
	const char *own = api == DINGTALK_API ? options->api_base : options->oapi_base;
	return own ? own : api == DINGTALK_API ? API_HOST : OAPI_HOST;
}

/* ---- the month ---- */

/* Quotas begin anew with China's month. */
static int month_now(void)
{
	time_t seconds = (time_t)((qg_clock_wall() + CHINA_MS) / 1000);
	struct tm tm;
	return gmtime_r(&seconds, &tm) ? (tm.tm_year + 1900) * 12 + tm.tm_mon : 0;
}

static void turn_month(struct dingtalk_account *account)
{
	int month = month_now();
	if (month == account->month) {
		return;
	}
	account->month = month;
	for (size_t i = 0; i < DINGTALK_QUOTAS; i++) {
		int64_t limit = account->counts[i].limit;
		account->counts[i] = (struct dingtalk_count){.limit = limit};
	}
}

unsigned dingtalk_account_used(const struct dingtalk_account *account, enum dingtalk_quota quota)
{
	const struct dingtalk_count *count = &account->counts[quota];
	int64_t used = count->used + count->pending + count->flying;
	int64_t percent = count->limit > 0 ? used * 100 / count->limit : 0;
	percent = count->spent && percent < 100 ? 100 : percent;
	return percent > 1000 ? 1000 : (unsigned)percent;
}

static struct qg_metric *gauge(
	const struct dingtalk_account *account, size_t quota, const char *name, const char *help)
{
	QG_AUTO(qg_str_free)
	char *labels = qg_str_printf("bot=\"%s\",kind=\"%s\"", account->bot_name, kinds[quota]);
	return labels ? qg_metric_gauge(name, labels, help) : NULL;
}

static void tell(struct dingtalk_account *account, size_t quota, int percent)
{
	static const char *const names[DINGTALK_QUOTAS] = {
		"接口调用（API calls）", "消息与回调（Webhook & Stream）"};
	const struct dingtalk_count *count = &account->counts[quota];
	account->counts[quota].warned = percent;
	if (percent >= 100) {
		qg_log_error(account->bot_name,
			"dingtalk: 本月的%s额度用完了（按 %lld "
			"次计）：请在钉钉管理后台的开放平台用量里增购，或等下月；"
			"实际额度不同就改 monthly_%s · this month's quota is used up",
			names[quota], (long long)count->limit, kinds[quota]);
		return;
	}
	qg_log_warn(account->bot_name,
		"dingtalk: 本月的%s已用 %lld 次，额度 %lld 次，过了 80%% · over 80 %% of this "
		"month's quota "
		"is used",
		names[quota], (long long)count->used, (long long)count->limit);
}

static void look(struct dingtalk_account *account, size_t quota)
{
	struct dingtalk_count *count = &account->counts[quota];
	unsigned percent = dingtalk_account_used(account, (enum dingtalk_quota)quota);
	struct qg_metric *used = gauge(account, quota, "dingtalk_month_used",
		"Of this month's quota at DingTalk, as counted here");
	struct qg_metric *limit =
		gauge(account, quota, "dingtalk_month_limit", "This month's quota at DingTalk");
	if (used && limit) {
		qg_metric_set(used, count->used);
		qg_metric_set(limit, count->limit);
	}
	if (percent >= 100 && count->warned < 100) {
		tell(account, quota, 100);
	} else if (percent >= 80 && count->warned < 80) {
		tell(account, quota, 80);
	}
}

/* ---- counting ---- */

struct flight { /* a count on its way; the account may be gone, or in another month, when it lands */
	uint64_t account; /* its number */
	int month;
	size_t quota;
	int64_t n;
};

static struct dingtalk_account *account_by_number(uint64_t number)
{
	QG_LIST_FOR_EACH (item, &all) {
		struct dingtalk_account *account =
			QG_CONTAINER(item, struct dingtalk_account, link);
		if (account->number == number) {
			return account;
		}
	}
	return NULL;
}

static void landed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight *flight = arg;
	struct dingtalk_account *account = account_by_number(flight->account);
	if (account && account->month == flight->month) {
		struct dingtalk_count *count = &account->counts[flight->quota];
		count->flying -= flight->n;
		if (status == QG_OK && reply->type == QG_REPLY_INT) {
			count->used = reply->integer;
			look(account, flight->quota);
		} else {
			count->used += flight->n;
		}
	}
	free(flight);
}

static void fly(struct dingtalk_account *account, size_t quota)
{
	struct dingtalk_count *count = &account->counts[quota];
	struct flight *flight = calloc(1, sizeof(*flight));
	if (!flight) {
		return; /* it stays pending */
	}
	*flight = (struct flight){.account = account->number,
		.month = account->month,
		.quota = quota,
		.n = count->pending};
	count->flying += count->pending;
	count->pending = 0;
	qg_redis_run(account->redis, landed, flight, "INCRBY %s%s:%d %lld", account->count_key,
		kinds[quota], account->month, (long long)flight->n);
	qg_redis_run(account->redis, NULL, NULL, "EXPIRE %s%s:%d %d", account->count_key,
		kinds[quota], account->month, KEEP_S);
}

static void flush(void *arg)
{
	struct dingtalk_account *account = arg;
	bool is_up = account->redis && qg_redis_is_up(account->redis);
	turn_month(account);
	for (size_t i = 0; i < DINGTALK_QUOTAS; i++) {
		struct dingtalk_count *count = &account->counts[i];
		if (count->pending == 0) {
			continue;
		}
		if (is_up) {
			fly(account, i);
		} else if (!account->redis) {
			count->used += count->pending;
			count->pending = 0;
			look(account, i);
		}
	}
}

void dingtalk_account_count(struct dingtalk_account *account, enum dingtalk_quota quota, int64_t n)
{
	turn_month(account);
	account->counts[quota].pending += n;
	if (!qg_timer_is_active(account->timer)) {
		qg_timer_start(account->timer, FLUSH_MS);
	}
}

void dingtalk_account_spent(struct dingtalk_account *account, enum dingtalk_quota quota)
{
	turn_month(account);
	account->counts[quota].spent = true;
	look(account, quota);
}

/* ---- the token ---- */

static enum qg_status token_read(
	const struct qg_fetch_end *end, char **token_out, int64_t *seconds_out, char *words)
{
	json_auto_t *body = qg_json_parse(end->body, end->size, NULL);
	char code[DINGTALK_CODE_MAX];
	struct dingtalk_verdict verdict = dingtalk_verdict(DINGTALK_API, end->status, body, code);
	if (verdict.status == QG_OK) {
		const char *token = qg_json_str(body, "accessToken", NULL);
		*token_out = token ? qg_str_copy(token) : NULL;
		*seconds_out = qg_json_int(body, "expireIn", 0);
		return *token_out || !token ? QG_OK : QG_NO_MEMORY;
	}
	/* An unknown refusal of the token is no reason to give a reply up. */
	bool is_final = verdict.status == QG_DENIED || verdict.status == QG_BUSY;
	/* What the other side says beyond a code is not repeated: it was just told the secret. */
	snprintf(words, WORDS_SIZE, "no token: %.*s", (int)qg_utf8_cut(code, strlen(code), 100),
		code);
	return is_final ? verdict.status : QG_IO;
}

static struct qg_token *join_token(
	const struct dingtalk_account *account, const struct dingtalk_options *options)
{
	QG_AUTO(qg_str_free)
	char *url = qg_str_printf("%s/v1.0/oauth2/accessToken", account->api_base);
	json_auto_t *body = json_pack(
		"{s:s, s:s}", "appKey", options->client_id, "appSecret", options->client_secret);
	QG_AUTO(qg_str_free) char *text = body ? qg_json_dump(body) : NULL;
	if (!url || !text) {
		return NULL;
	}
	struct qg_token_account asked = {.key = account->key,
		.method = "POST",
		.url = url,
		.body = text,
		.read = token_read};
	return qg_token_join(account->loop, account->http, &asked);
}

/* ---- who shares it ---- */

static void destroy(struct dingtalk_account *account)
{
	if (!account) {
		return;
	}
	qg_list_remove(&account->link);
	if (account->timer && qg_timer_is_active(account->timer)) {
		flush(account);
	}
	qg_timer_destroy(account->timer);
	qg_token_leave(account->token);
	dingtalk_pace_destroy(account->pace);
	free(account->key);
	free(account->client_id);
	free(account->api_base);
	free(account->oapi_base);
	free(account->count_key);
	free(account->bot_name);
	free(account);
}

/* "qg:{dingtalk <digest>}:": counters of an account belong to no partition, and have a tag of their own. */
static char *make_count_key(const struct qg_bot *bot, const char *client_id)
{
	const char *prefix = bot->prefix ? bot->prefix : "";
	char digest[33];
	qg_digest_id(digest, "dingtalk", client_id, NULL);
	return qg_str_printf("%.*s{dingtalk:%s}:", (int)strcspn(prefix, "{"), prefix, digest);
}

/* The secret is part of it: bots with another one must not live on this one's token. Never logged. */
static char *make_key(const struct dingtalk_options *options)
{
	return qg_str_printf("dingtalk %s %s %s %s", dingtalk_base(options, DINGTALK_API),
		dingtalk_base(options, DINGTALK_OAPI), options->client_id, options->client_secret);
}

static struct dingtalk_account *create(const struct qg_bot *bot, char *key)
{
	const struct dingtalk_options *options = bot->config->options;
	struct dingtalk_account *account = calloc(1, sizeof(*account));
	if (!account) {
		free(key);
		return NULL;
	}
	static uint64_t made;
	*account = (struct dingtalk_account){.references = 1,
		.number = ++made,
		.key = key,
		.loop = bot->loop,
		.http = bot->http,
		.redis = bot->redis,
		.month = month_now(),
		.client_id = qg_str_copy(options->client_id),
		.api_base = qg_str_copy(dingtalk_base(options, DINGTALK_API)),
		.oapi_base = qg_str_copy(dingtalk_base(options, DINGTALK_OAPI)),
		.bot_name = qg_str_copy(bot->name),
		.count_key = make_count_key(bot, options->client_id),
		.pace = dingtalk_pace_create()};
	qg_list_init(&account->link);
	account->counts[DINGTALK_CALLS].limit = options->monthly_calls;
	account->counts[DINGTALK_USES].limit = options->monthly_uses;
	bool is_whole = account->client_id && account->api_base && account->oapi_base &&
			account->bot_name && account->count_key && account->pace;
	account->token = is_whole ? join_token(account, options) : NULL;
	account->timer = account->token ? qg_timer_create(bot->loop, flush, account) : NULL;
	if (!account->timer) {
		destroy(account);
		return NULL;
	}
	qg_list_add(&all, &account->link);
	return account;
}

struct dingtalk_account *dingtalk_account_join(const struct qg_bot *bot)
{
	char *key = make_key(bot->config->options);
	if (!key) {
		return NULL;
	}
	QG_LIST_FOR_EACH (item, &all) {
		struct dingtalk_account *account =
			QG_CONTAINER(item, struct dingtalk_account, link);
		if (account->loop == bot->loop && strcmp(account->key, key) == 0) {
			free(key);
			account->references++;
			return account;
		}
	}
	return create(bot, key);
}

void dingtalk_account_leave(struct dingtalk_account *account)
{
	if (account && --account->references == 0) {
		destroy(account);
	}
}
