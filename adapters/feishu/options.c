/* options.c - the keys of a bot's config: their table with help for people, and what the table cannot tell.
 *
 * Over the long connection app_id and app_secret are all it takes; a webhook needs a proof besides. */
#include "feishu.h"

#include <stddef.h>

#include "faults.h"
#include "qg/config.h"
#include "qg/log.h"
#include "qg/str.h"

#define ANY_MOST 1000000000

#define AT(member) offsetof(struct feishu_options, member)
const struct qg_option feishu_option_table[] = {
	{"app_id", QG_OPTION_STRING, NULL, AT(app_id), QG_OPTION_REQUIRED, .max = 64,
		.help = "App ID，在开发者后台的「凭证与基础信息」· cli_ and 16 characters, from "
			"the developer console"},
	{"app_secret", QG_OPTION_STRING, NULL, AT(app_secret), QG_OPTION_REQUIRED | QG_SECRET,
		.max = 128, .help = "App Secret，也在「凭证与基础信息」· from the same page"},
	{"transport", QG_OPTION_ENUM, "websocket", AT(transport), .choices = "websocket|webhook",
		.help = "websocket：长连接，不需要公网地址；webhook：回调到 "
			"https://HOST/hook/BOT · the long connection, or callbacks to a public "
			"address"},
	{"encrypt_key", QG_OPTION_STRING, NULL, AT(encrypt_key), QG_SECRET, .max = 256,
		.help = "只有 webhook 要填：Encrypt "
			"Key，在「事件与回调」→「加密策略」里设置；有了它，飞书发来的消息才有签名 "
			"· of webhooks, which are signed with it"},
	{"verification_token", QG_OPTION_STRING, NULL, AT(verification_token), QG_SECRET,
		.max = 255,
		.help = "只有 webhook 要填：Verification Token，在同一页 · of webhooks, from the "
			"same page"},
	{"domain", QG_OPTION_ENUM, "feishu", AT(domain), .choices = "feishu|lark",
		.help = "feishu（默认）：open.feishu.cn；lark：open.larksuite.com · on which the "
			"app was "
			"made"},
	{"monthly_calls", QG_OPTION_INT, NULL, AT(monthly_calls), .min = 1, .max = ANY_MOST,
		.help = "本企业每月的接口调用额度，过 80 % "
			"提醒管理员（免费版有限额，在「管理后台 › 费用中心 › 权益数据」里看）· API "
			"calls a "
			"month, as the tenant's plan allows"},
	{"api_base", QG_OPTION_URL, NULL, AT(api_base),
		.help = "replaces scheme, host and port of the API: private deployments, tests"},
	{0},
};

/* ---- what the table cannot tell ---- */

static bool has_blank_id(const void *options)
{
	const struct feishu_options *set = options;
	return qg_has_blank(set->app_id);
}

static bool has_blank_secret(const void *options)
{
	const struct feishu_options *set = options;
	return qg_has_blank(set->app_secret);
}

static bool has_no_proof(const void *options)
{
	const struct feishu_options *set = options;
	return set->transport == FEISHU_WEBHOOK && !set->encrypt_key && !set->verification_token;
}

static const struct qg_fault faults[] = {
	{"app_id", has_blank_id, "里面有空格，请重新复制 · there is a blank in it: copy it again"},
	{"app_secret", has_blank_secret,
		"里面有空格，请重新复制 · there is a blank in it: copy it again"},
	{"transport", has_no_proof,
		"请把「事件与回调」→「加密策略」里的 Encrypt Key 和 Verification "
		"Token 填进 encrypt_key 和 verification_token · "
		"without both anybody could write in others' names"},
	{0},
};

/* Ids are the platform's, not names: one of another form meets nobody, and nobody would be told. */
static void warn_of_ids(const struct qg_strings *ids, const char *head, const struct qg_tree *at,
	const char *words, struct qg_problems *problems)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (!qg_str_starts_with(ids->items[i], head)) {
			qg_problem_warn(problems, at, "'%s': %s", ids->items[i], words);
		}
	}
}

static void warn(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct feishu_options *set = config->options;
	bool is_webhook = set->transport == FEISHU_WEBHOOK;
	if (is_webhook && !set->encrypt_key && set->verification_token) {
		qg_problem_warn(problems, qg_option_place(tree, "verification_token"),
			"请在「事件与回调」→「加密策略」里设置 Encrypt Key 并填进 encrypt_key · "
			"without it nothing is signed: whoever learns this token can write in "
			"anybody's name");
	}
	if (set->app_id && !qg_str_starts_with(set->app_id, "cli_")) {
		qg_problem_warn(problems, qg_option_place(tree, "app_id"),
			"App ID 以 cli_ 开头，请到「凭证与基础信息」核对 · an App ID begins with "
			"cli_");
	}
	warn_of_ids(&config->admins, "ou_", qg_option_place(tree, "admins"),
		"这里要写 ou_ 开头的 open_id，在 qungong usage --by user "
		"里看；也可以不写，用 qungong bind 绑定 · an admin is named by the open_id",
		problems);
	warn_of_ids(&config->chats, "oc_", qg_option_place(tree, "chats"),
		"这里要写 oc_ 开头的群 id；也可以不写，由管理员在群里发 /启用 · a group is named "
		"by its chat_id",
		problems);
	if (config->trigger != QG_TRIGGER_MENTION) {
		qg_problem_warn(problems, qg_option_place(tree, "trigger"),
			"没有 @ 机器人的群消息，要在「权限管理」里申请 "
			"im:message.group_msg（需审核）才收得到 "
			"· messages of groups that do not mention the bot arrive only with that "
			"scope");
	}
}

void feishu_check(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct feishu_options *set = config->options;
	if (!set) {
		return;
	}
	qg_faults_tell(faults, set, tree, problems);
	warn(config, tree, problems);
}

bool feishu_options_are_good(const struct qg_bot *bot)
{
	const struct feishu_options *set = bot->config->options;
	if (!set->app_id || !set->app_secret || set->app_secret[0] == '\0') {
		qg_log_error(bot->name, "feishu: app_id 和 app_secret 要填 · needed");
		return false;
	}
	return qg_faults_are_none(faults, bot);
}
