/* account.c - what all bots of one Feishu app share in a process: the token, the pace and the month's count of calls, and the
 * bot's own open_id (identity.c). */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

/* The platform takes 50 calls of one API in a second: so many in the long run, and a burst that never makes it more. */
#define INTERVAL_MS 25
#define BURST_MS 200

static struct qg_list all = {&all, &all};

char *feishu_base(const struct feishu_options *options)
{
	if (options->api_base) {
		return qg_str_copy(options->api_base);
	}
	return qg_str_copy(options->domain == FEISHU_LARK ? "https://open.larksuite.com"
							  : "https://open.feishu.cn");
}

static void destroy(struct feishu_account *account)
{
	if (!account) {
		return;
	}
	qg_list_remove(&account->link);
	feishu_identity_finish(account);
	qg_token_leave(account->token);
	qg_pace_destroy(account->pace);
	free(account->key);
	free(account->base);
	free(account->app_id);
	free(account);
}

/* ---- the month ---- */

static const struct qg_quota_kind kinds[] = {
	{"calls", "接口调用（API calls）", "monthly_calls", "飞书管理后台的费用中心", "quota_near",
		"quota_spent"},
	{0},
};

static struct qg_quota *join_quota(const struct feishu_account *account, struct qg_bot *bot)
{
	const struct feishu_options *options = bot->config->options;
	QG_AUTO(qg_str_free)
	char *name = qg_str_printf("%s %s", account->base, account->app_id);
	struct qg_quota_account asked = {.platform = "feishu",
		.name = name,
		.kinds = kinds,
		.limits = &options->monthly_calls};
	return name ? qg_quota_join(bot, &asked) : NULL;
}

void feishu_account_count(struct feishu_account *account, bool is_spent)
{
	if (account->bots == 0) {
		return;
	}
	if (is_spent) {
		qg_quota_spent(account->quota, 0);
	} else {
		qg_quota_count(account->quota, 0, 1);
	}
}

unsigned feishu_account_used(const struct feishu_account *account)
{
	return account->bots > 0 ? qg_quota_used(account->quota, 0) : 0;
}

/* ---- who shares it ---- */

/* Names host, app and secret: bots with another secret must not live on this one's token. Never logged. */
static char *make_key(const struct feishu_options *options, const char *base)
{
	return qg_str_printf("feishu %s %s %s", base, options->app_id, options->app_secret);
}

static struct qg_token *join_token(
	const struct feishu_account *account, const struct feishu_options *options)
{
	QG_AUTO(qg_str_free)
	char *url =
		qg_str_printf("%s/open-apis/auth/v3/tenant_access_token/internal", account->base);
	json_auto_t *body = json_pack(
		"{s:s, s:s}", "app_id", options->app_id, "app_secret", options->app_secret);
	QG_AUTO(qg_str_free) char *text = body ? qg_json_dump(body) : NULL;
	if (!url || !text) {
		return NULL;
	}
	struct qg_token_account asked = {.key = account->key,
		.method = "POST",
		.url = url,
		.body = text,
		.read = feishu_token_read};
	return qg_token_join(account->loop, account->http, &asked);
}

static struct feishu_account *create(const struct qg_bot *bot, char *key, char *base)
{
	const struct feishu_options *options = bot->config->options;
	struct feishu_account *account = calloc(1, sizeof(*account));
	if (!account) {
		free(key);
		free(base);
		return NULL;
	}
	qg_list_init(&account->link);
	qg_list_init(&account->watchers);
	account->key = key;
	account->base = base;
	account->domain = options->domain;
	account->loop = bot->loop;
	account->http = bot->http;
	account->app_id = qg_str_copy(options->app_id);
	account->pace = qg_pace_create(INTERVAL_MS, BURST_MS);
	account->token = account->app_id && account->pace ? join_token(account, options) : NULL;
	if (!account->token || feishu_identity_init(account, bot) != QG_OK) {
		destroy(account);
		return NULL;
	}
	qg_list_add(&all, &account->link);
	return account;
}

/* Takes key and base. */
static struct feishu_account *find(const struct qg_bot *bot, char *key, char *base)
{
	QG_LIST_FOR_EACH (item, &all) {
		struct feishu_account *account = QG_CONTAINER(item, struct feishu_account, link);
		if (account->loop == bot->loop && strcmp(account->key, key) == 0) {
			free(key);
			free(base);
			return account;
		}
	}
	return create(bot, key, base);
}

struct feishu_account *feishu_account_join(struct qg_bot *bot)
{
	const struct feishu_options *options = bot->config->options;
	char *base = feishu_base(options);
	char *key = base ? make_key(options, base) : NULL;
	if (!key) {
		free(base);
		return NULL;
	}
	struct feishu_account *account = find(bot, key, base);
	struct qg_quota *quota = account ? join_quota(account, bot) : NULL;
	if (!quota) {
		if (account && account->references == 0) {
			destroy(account);
		}
		return NULL;
	}
	account->quota = quota;
	account->bots++;
	account->references++;
	return account;
}

void feishu_account_leave(struct feishu_account *account, const struct qg_bot *bot)
{
	if (!account) {
		return;
	}
	if (bot) {
		account->bots--;
		qg_quota_leave(account->quota, bot);
	}
	if (--account->references == 0) {
		destroy(account);
	}
}
