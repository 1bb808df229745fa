/* account.c - what all bots of one Feishu app share in a process: the token, and the bot's own open_id (identity.c). */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

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
	free(account->key);
	free(account->base);
	free(account->app_id);
	free(account);
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
	account->references = 1;
	qg_list_init(&account->link);
	qg_list_init(&account->watchers);
	account->key = key;
	account->base = base;
	account->loop = bot->loop;
	account->http = bot->http;
	account->app_id = qg_str_copy(options->app_id);
	account->token = account->app_id ? join_token(account, options) : NULL;
	if (!account->token || feishu_identity_init(account, bot) != QG_OK) {
		destroy(account);
		return NULL;
	}
	qg_list_add(&all, &account->link);
	return account;
}

struct feishu_account *feishu_account_join(const struct qg_bot *bot)
{
	const struct feishu_options *options = bot->config->options;
	char *base = feishu_base(options);
	char *key = base ? make_key(options, base) : NULL;
	if (!key) {
		free(base);
		return NULL;
	}
	QG_LIST_FOR_EACH (item, &all) {
		struct feishu_account *account = QG_CONTAINER(item, struct feishu_account, link);
		if (account->loop == bot->loop && strcmp(account->key, key) == 0) {
			free(key);
			free(base);
			account->references++;
			return account;
		}
	}
	return create(bot, key, base);
}

void feishu_account_leave(struct feishu_account *account)
{
	if (account && --account->references == 0) {
		destroy(account);
	}
}
