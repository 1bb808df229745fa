/* options.c - the keys of a bot's config: their table with help for people, and what the table cannot tell. */
#include "core.h"

#include <string.h>

#include "faults.h"
#include "qg/config.h"
#include "qg/log.h"
#include "qg/str.h"

#define ANY_MOST 1000000000

#define AT(member) offsetof(struct dingtalk_options, member)
const struct qg_option dingtalk_option_table[] = {
	{"client_id", QG_OPTION_STRING, NULL, AT(client_id), QG_OPTION_REQUIRED, .max = 128,
		.help = "Client ID（AppKey），开发者后台 open-dev.dingtalk.com → 应用开发 → 该应用 "
			"→ "
			"「凭证与基础信息」· from the app's page in the developer console"},
	{"client_secret", QG_OPTION_STRING, NULL, AT(client_secret), QG_OPTION_REQUIRED | QG_SECRET,
		.max = 256,
		.help = "Client Secret（AppSecret），在同一页，复制时不要带空格 · from the same "
			"page"},
	{"robot_code", QG_OPTION_STRING, NULL, AT(robot_code), .max = 128,
		.help = "机器人编码 RobotCode，应用自己的机器人就是 Client ID，一般不用填 · the "
			"robot's code; "
			"an app's own robot has the client id"},
	{"transport", QG_OPTION_ENUM, "stream", AT(transport), .choices = "stream|webhook",
		.help = "stream：长连接，不需要公网地址；webhook：HTTP 回调到 "
			"https://HOST/hook/BOT · the Stream "
			"connection, or callbacks to a public address"},
	{"card_template_id", QG_OPTION_STRING, NULL, AT(card_template_id), .max = 128,
		.help = "AI 卡片的模板 ID（卡片平台 open-dev.dingtalk.com/fe/card，场景选「AI "
			"卡片」，关联本应用），"
			"填了才有打字机效果 · of an AI card; answers then appear while they are "
			"made"},
	{"card_content_key", QG_OPTION_STRING, "content", AT(card_content_key), .max = 64,
		.help = "卡片模板里显示回答的变量名 · the template's variable that shows the "
			"answer"},
	{"monthly_calls", QG_OPTION_INT, "5000", AT(monthly_calls), .min = 1, .max = ANY_MOST,
		.help = "本企业每月的接口调用额度，过 80 % 提醒（标准版 5000，专业版 200000）· API "
			"calls a month"},
	{"monthly_uses", QG_OPTION_INT, "3000", AT(monthly_uses), .min = 1, .max = ANY_MOST,
		.help = "每月的 Webhook 与 Stream 额度（标准版 3000，专业版 50000）· messages and "
			"callbacks a "
			"month"},
	{"event_token", QG_OPTION_STRING, NULL, AT(event_token), QG_SECRET, .max = 128,
		.help = "可选：事件订阅用 HTTP 推送时的签名 token，地址为 "
			"https://HOST/hook/BOT/events · of event "
			"subscriptions over HTTP, optional"},
	{"event_aes_key", QG_OPTION_STRING, NULL, AT(event_aes_key), QG_SECRET, .max = 64,
		.help = "可选：事件订阅的加密 aes_key，43 个字符 · 43 characters, optional"},
	{"api_base", QG_OPTION_URL, NULL, AT(api_base),
		.help = "代替 https://api.dingtalk.com（海外、专有钉钉、测试）· replaces it: "
			"overseas, private "
			"deployments, tests"},
	{"oapi_base", QG_OPTION_URL, NULL, AT(oapi_base),
		.help = "代替 https://oapi.dingtalk.com（同上）· replaces it"},
	{0},
};

/* ---- options ---- */

static bool has_blank_id(const void *options)
{
	const struct dingtalk_options *set = options;
	return qg_has_blank(set->client_id);
}

static bool has_blank_secret(const void *options)
{
	const struct dingtalk_options *set = options;
	return qg_has_blank(set->client_secret);
}

static bool has_half_seal(const void *options)
{
	const struct dingtalk_options *set = options;
	return !set->event_token != !set->event_aes_key;
}

static bool has_bad_key(const void *options)
{
	const struct dingtalk_options *set = options;
	return set->event_aes_key && !qg_is_aes_key(set->event_aes_key);
}

static bool has_bad_base(const void *options)
{
	const struct dingtalk_options *set = options;
	return set->api_base && !qg_str_starts_with(set->api_base, "http");
}

static bool has_bad_oapi_base(const void *options)
{
	const struct dingtalk_options *set = options;
	return set->oapi_base && !qg_str_starts_with(set->oapi_base, "http");
}

/* What the table above cannot tell. */
static const struct qg_fault faults[] = {
	{"client_id", has_blank_id,
		"里面有空格，请重新复制 · there is a blank in it: copy it again"},
	{"client_secret", has_blank_secret,
		"里面有空格，请重新复制 · there is a blank in it: copy it again"},
	{"event_token", has_half_seal,
		"event_token 和 event_aes_key 要么都填，要么都不填 · both or none of event_token "
		"and "
		"event_aes_key"},
	{"event_aes_key", has_bad_key,
		"aes_key 应是 43 个字母和数字 · must be 43 letters and digits"},
	{"api_base", has_bad_base,
		"应以 https:// 或 http:// 开头 · must begin with https:// or http://"},
	{"oapi_base", has_bad_oapi_base,
		"应以 https:// 或 http:// 开头 · must begin with https:// or http://"},
	{0},
};

void dingtalk_check(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct dingtalk_options *set = config->options;
	if (!set) {
		return;
	}
	qg_faults_tell(faults, set, tree, problems);
	if (config->trigger != QG_TRIGGER_MENTION) {
		qg_problem_error(problems, qg_option_place(tree, "trigger"),
			"钉钉只把 @机器人 的群消息发给它，请写 trigger: mention · in groups "
			"DingTalk "
			"delivers only messages that mention the robot");
	}
}

bool dingtalk_options_are_good(const struct qg_bot *bot)
{
	const struct dingtalk_options *set = bot->config->options;
	if (!set->client_id || !set->client_secret || set->client_secret[0] == '\0') {
		qg_log_error(bot->name, "dingtalk: client_id 和 client_secret 要填 · needed");
		return false;
	}
	return qg_faults_are_none(faults, bot);
}
