/* account.c - what all bots of one client id share in a process: the token, the pace of calls, and how much of the month's
 * quota is used (quota.h): DingTalk sells API calls, and messages, by the month. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

#define API_HOST "https://api.dingtalk.com"
#define OAPI_HOST "https://oapi.dingtalk.com"
#define WORDS_SIZE 128

static struct qg_list all = {&all, &all};

const char *dingtalk_base(const struct dingtalk_options *options, enum dingtalk_api api)
{
	const char *own = api == DINGTALK_API ? options->api_base : options->oapi_base;
	return own ? own : api == DINGTALK_API ? API_HOST : OAPI_HOST;
}

/* ---- the month ---- */

static const struct qg_quota_kind kinds[] = {
	{"calls", "接口调用（API calls）", "monthly_calls", "钉钉管理后台的开放平台用量里",
		"quota_near", "quota_spent"},
	{"uses", "消息与回调（Webhook & Stream）", "monthly_uses", "钉钉管理后台的开放平台用量里",
		"quota_near", "quota_spent"},
	{0},
};

static struct qg_quota *join_quota(struct qg_bot *bot)
{
	const struct dingtalk_options *options = bot->config->options;
	const int64_t limits[DINGTALK_QUOTAS] = {
		[DINGTALK_CALLS] = options->monthly_calls, [DINGTALK_USES] = options->monthly_uses};
	struct qg_quota_account account = {.platform = "dingtalk",
		.name = options->client_id,
		.kinds = kinds,
		.limits = limits};
	return qg_quota_join(bot, &account);
}

void dingtalk_account_count(struct dingtalk_account *account, enum dingtalk_quota quota, int64_t n)
{
	qg_quota_count(account->quota, quota, n);
}

void dingtalk_account_spent(struct dingtalk_account *account, enum dingtalk_quota quota)
{
	qg_quota_spent(account->quota, quota);
}

unsigned dingtalk_account_used(const struct dingtalk_account *account, enum dingtalk_quota quota)
{
	return qg_quota_used(account->quota, quota);
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
	qg_token_leave(account->token);
	dingtalk_pace_destroy(account->pace);
	free(account->key);
	free(account->client_id);
	free(account->api_base);
	free(account->oapi_base);
	free(account);
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
	*account = (struct dingtalk_account){.key = key,
		.loop = bot->loop,
		.http = bot->http,
		.client_id = qg_str_copy(options->client_id),
		.api_base = qg_str_copy(dingtalk_base(options, DINGTALK_API)),
		.oapi_base = qg_str_copy(dingtalk_base(options, DINGTALK_OAPI)),
		.pace = dingtalk_pace_create()};
	qg_list_init(&account->link);
	bool is_whole =
		account->client_id && account->api_base && account->oapi_base && account->pace;
	account->token = is_whole ? join_token(account, options) : NULL;
	if (!account->token) {
		destroy(account);
		return NULL;
	}
	qg_list_add(&all, &account->link);
	return account;
}

static struct dingtalk_account *find(const struct qg_bot *bot, const char *key)
{
	QG_LIST_FOR_EACH (item, &all) {
		struct dingtalk_account *account =
			QG_CONTAINER(item, struct dingtalk_account, link);
		if (account->loop == bot->loop && strcmp(account->key, key) == 0) {
			return account;
		}
	}
	return NULL;
}

struct dingtalk_account *dingtalk_account_join(struct qg_bot *bot)
{
	char *key = make_key(bot->config->options);
	if (!key) {
		return NULL;
	}
	struct dingtalk_account *account = find(bot, key);
	if (account) {
		free(key);
	} else {
		account = create(bot, key);
	}
	struct qg_quota *quota = account ? join_quota(bot) : NULL;
	if (!quota) {
		if (account && account->references == 0) {
			destroy(account);
		}
		return NULL;
	}
	account->quota = quota;
	account->references++;
	return account;
}

void dingtalk_account_leave(struct dingtalk_account *account, const struct qg_bot *bot)
{
	if (!account) {
		return;
	}
	qg_quota_leave(account->quota, bot);
	if (--account->references == 0) {
		destroy(account);
	}
}
