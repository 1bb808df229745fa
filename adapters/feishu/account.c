/* account.c - what all bots of one Feishu app share in a process: the token, and the bot's own open_id.
 *
 * Whether a group's message speaks to the bot is told by its open_id alone, and only the platform knows it. It is asked
 * for once and then known for good; until then the platform is told to deliver such messages again. */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 60000

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
	feishu_call_cancel(account->asking);
	qg_timer_destroy(account->again);
	qg_token_leave(account->token);
	free(account->key);
	free(account->base);
	free(account->app_id);
	free(account->open_id);
	free(account);
}

/* ---- the own open_id ---- */

static void complain(struct feishu_account *account, const struct feishu_answer *answer)
{
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	const char *words = outcome.status == QG_OK
				    ? "the app has no bot: add 机器人 under 添加应用能力"
				    : outcome.words;
	if (!account->complained) { /* it goes on for as long as it fails */
		qg_log_warn(NULL,
			"feishu %s: the bot's own id is not known, so messages of groups wait: "
			"HTTP "
			"%d, code %lld %s %s %s",
			account->app_id, answer->http, (long long)answer->code, answer->msg,
			answer->words, words);
	}
	account->complained = true;
}

static void informed(void *arg, const struct feishu_answer *answer)
{
	static const char *const paths[] = {"bot.open_id"};
	struct feishu_account *account = arg;
	account->asking = NULL;
	struct qg_piece found = {0};
	if (feishu_error_outcome(answer).status == QG_OK &&
		qg_scan(answer->body, answer->size, paths, 1, &found) == QG_OK &&
		found.kind == QG_PIECE_STRING && found.size > 0) {
		account->open_id = qg_piece_copy(&found);
	}
	if (!account->open_id) {
		complain(account, answer);
		qg_timer_start(account->again, qg_backoff_next(&account->backoff));
	}
}

static void ask(void *arg)
{
	struct feishu_account *account = arg;
	account->asking = feishu_call_start(
		account, "GET", "/open-apis/bot/v3/info", NULL, informed, account);
	if (!account->asking) {
		qg_timer_start(account->again, qg_backoff_next(&account->backoff));
	}
}

const char *feishu_account_open_id(struct feishu_account *account)
{
	if (!account->open_id && !account->asking && !qg_timer_is_active(account->again)) {
		ask(account);
	}
	return account->open_id;
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
	account->key = key;
	account->base = base;
	account->loop = bot->loop;
	account->http = bot->http;
	account->app_id = qg_str_copy(options->app_id);
	qg_backoff_init(&account->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	account->again = qg_timer_create(bot->loop, ask, account);
	account->token = account->app_id ? join_token(account, options) : NULL;
	if (!account->again || !account->token) {
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
