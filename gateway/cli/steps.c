/* steps.c - what a person has to click in a platform's console, in its own words, before a bot can hear anything. */
#include "hire.h"

#include <stdlib.h>
#include <string.h>

#include "qg/option.h"

struct steps {
	const char *platform, *transport;	  /* the first row of a platform is its usual way */
	const char *const *before, *const *after; /* end with NULL; @ is the bot's name */
	const char *const *one_of;		  /* at least one of them must be there */
	/* keys that are asked for although the table of options lets them be absent; NULL: all secrets */
	const char *const *needed, *const *useful;
};

static const char feishu_app[] =
	"打开 open.feishu.cn/app（Lark：open.larksuite.com/app），创建「企业自建应用」；App ID 和 "
	"App Secret 在「凭证与基础信息」。";
static const char feishu_bot[] = "「添加应用能力」：添加「机器人」。";
static const char feishu_scopes[] =
	"「权限管理」→「批量导入」，粘贴并确认：{\"scopes\":{\"tenant\":["
	"\"im:message:send_as_bot\",\"im:message\",\"im:message.p2p_msg:readonly\","
	"\"im:message.group_at_msg:readonly\",\"im:message.reactions:write_only\","
	"\"im:resource\",\"im:chat:readonly\",\"im:chat.members:bot_access\","
	"\"cardkit:card:write\"],\"user\":[]}}";
static const char feishu_events[] =
	"「添加事件」：接收消息 v2.0（im.message.receive_v1）、"
	"机器人进群（im.chat.member.bot.added_v1）、"
	"机器人被移出群（im.chat.member.bot.deleted_v1）、"
	"消息撤回（im.message.recalled_v1）、用户进入与机器人的会话"
	"（im.chat.access_event.bot_p2p_chat_entered_v1）；它提示要的权限，一并开通。";
static const char feishu_publish[] =
	"「版本管理与发布」：创建版本、设置可用范围、提交审核；通过之前以上都不生效，"
	"以后每次改动也要新版本。";
static const char feishu_group[] =
	"在群里：设置 → 群机器人 → 添加机器人，搜它的名字；外部群要先开「对外共享」。";

static const char *const feishu_before[] = {feishu_app, feishu_bot, feishu_scopes, NULL};
static const char *const feishu_after[] = {
	"启动 qungong run，长连接不需要公网地址。先让它连上，下面才保存得了。",
	"「事件与回调」→「事件配置」→「订阅方式」：选「使用长连接接收事件」，保存；提示「应用未建立"
	"长连接」，就是 qungong "
	"还没连上。扫码创建的应用，这里到「回调配置」多半已经配好，核对即可。",
	feishu_events,
	"「回调配置」（旁边的另一页）：同样选长连接，添加「卡片回传交互」（card.action.trigger）；"
	"不配，卡片上的按钮按了没反应。",
	feishu_publish, feishu_group, "同一个应用只在一处运行：别的程序连上，消息会被它随机分走。",
	NULL};
static const char *const feishu_hook_way[] = {feishu_app, feishu_bot, feishu_scopes,
	"「事件与回调」→「加密策略」：设置 Encrypt Key；它和 Verification Token 下面要填。", NULL};
static const char *const feishu_hook_after[] = {
	"启动 qungong run，并让外网的 https://你的域名/hook/@ 转到它（配置里的 listen）。",
	"「事件与回调」→「事件配置」→「订阅方式」：选「将事件发送至开发者服务器」，请求地址填 "
	"https://你的域名/hook/@，保存时平台会验证它。",
	feishu_events,
	"「回调配置」（旁边的另一页）：填同一个地址，添加「卡片回传交互」（card.action.trigger）；"
	"不配，卡片上的按钮按了没反应。",
	feishu_publish, feishu_group, NULL};
static const char *const feishu_needed[] = {"app_id", "app_secret", NULL};
static const char *const feishu_useful[] = {"domain", NULL};
static const char *const feishu_hook_useful[] = {
	"encrypt_key", "verification_token", "domain", NULL};
static const char *const feishu_one_of[] = {"encrypt_key", "verification_token", NULL};

static const char *const wecom_before[] = {
	"企业微信管理后台 work.weixin.qq.com →「管理工具」→「智能机器人」→ "
	"创建；或在客户端「工作台」→「智能机"
	"器人」→ 创建（要有权限的成员）。",
	"选「手动创建」，拉到最下面选「API 模式」。",
	"连接方式选「使用长连接」，复制 Bot ID 和 Secret：Secret 只显示一次，重置后旧的作废。",
	"填名称、头像和可见范围（不在范围里的人用不了它），保存。", NULL};
static const char *const wecom_after[] = {"启动 qungong run。长连接不需要公网地址。",
	"在企业内部群里：群设置 → 添加成员 →「智能机器人」→ 选它。",
	"同一个机器人只能有一个长连接：别的程序不要再用这个 Bot ID。", NULL};
static const char *const wecom_hook_way[] = {
	"企业微信管理后台 →「管理工具」→「智能机器人」→ 创建 →「手动创建」→「API 模式」。",
	"连接方式选「使用URL回调」，随机生成 Token 和 EncodingAESKey，先不要保存；它们下面要填。",
	NULL};
static const char *const wecom_hook_after[] = {
	"启动 qungong run，并让外网的 https://你的域名/hook/@ 转到它（配置里的 listen）。",
	"回到创建页面，URL 填 https://你的域名/hook/@，保存时企业微信会验证它。",
	"在企业内部群里：群设置 → 添加成员 →「智能机器人」→ 选它。", NULL};
static const char *const wecom_needed[] = {"bot_id", "secret", NULL};
static const char *const wecom_hook_needed[] = {"token", "encoding_aes_key", NULL};
static const char *const wecom_useful[] = {"display_name", NULL};

static const char *const robot_before[] = {"在群里：群设置 →「消息推送」（原「群机器人」）→ 添加 → "
					   "新建，复制 Webhook 地址。它就是钥匙：谁有它，谁就能"
					   "往群里发。",
	NULL};
static const char *const robot_after[] = {
	"它只发不收。试一下：qungong say @ 你好（服务在运行时马上发出）。", NULL};

static const char *const dingtalk_before[] = {
	"钉钉开发者后台 open-dev.dingtalk.com → 应用开发 → 钉钉应用 → "
	"创建应用（要有开发者权限；不要用旧的「机器人」类型）。",
	"「凭证与基础信息」：复制 Client ID 和 Client Secret，注意不要带上空格。",
	"「添加应用能力」→ 机器人：打开，填名称、简介、图标，消息接收模式选「Stream 模式」，发布。",
	"「权限管理」：申请「企业内机器人发送消息权限」（qyapi_robot_sendmsg）；要用 AI 卡片再加 "
	"Card.Instance.Write 和 Card.Streaming.Write。",
	"「版本管理与发布」：创建新版本，勾选机器人，设可见范围，直接发布。不发布，别人搜不到它，也"
	"认不出"
	"是谁在说话。",
	NULL};
static const char *const dingtalk_after[] = {"启动 qungong run。Stream 模式不需要公网地址。",
	"在企业内部群里（不是外部群）：群设置 → 群管理 → 机器人 → 添加机器人 → 选它。",
	"群里点名叫它（输入时从名单里选它）它才听得见；文件、语音请在和它的单聊里发，或在群里回复那"
	"条"
	"消息时再点名叫它。",
	"同一个 Client ID 只在一处运行：别的程序连上，消息会被它随机分走。", NULL};
static const char *const dingtalk_hook_way[] = {
	"钉钉开发者后台 open-dev.dingtalk.com → 应用开发 → 钉钉应用 → 创建应用。",
	"「凭证与基础信息」：复制 Client ID 和 Client Secret，注意不要带上空格。",
	"「权限管理」：申请「企业内机器人发送消息权限」（qyapi_robot_sendmsg）。", NULL};
static const char *const dingtalk_hook_after[] = {
	"启动 qungong run，并让外网的 https://你的域名/hook/@ 转到它（配置里的 listen）。",
	"「添加应用能力」→ 机器人：消息接收模式选「HTTP 模式」，地址填 "
	"https://你的域名/hook/@，发布。",
	"「版本管理与发布」：创建新版本，勾选机器人，设可见范围，直接发布。",
	"在企业内部群里：群设置 → 群管理 → 机器人 → 添加机器人 → 选它。", NULL};
static const char *const dingtalk_needed[] = {"client_id", "client_secret", NULL};
static const char *const dingtalk_useful[] = {"card_template_id", NULL};

static const char *const dingtalk_robot_before[] = {
	"在群里：群设置 → 机器人 → 添加机器人 → 自定义（通过 Webhook 接入）。",
	"安全设置选「加签」，复制 SEC 开头的密钥；完成后复制 Webhook "
	"地址。有这两样的人就能往群里发。",
	NULL};
static const char *const signed_robot_needed[] = {"url", NULL};
static const char *const signed_robot_useful[] = {"secret", NULL};

static const char *const feishu_robot_before[] = {
	"在群里：设置 → 群机器人 → 添加机器人 → 自定义机器人。",
	"安全设置选「签名校验」，复制密钥；完成后复制 Webhook 地址。有这两样的人就能往群里发。",
	NULL};

static const struct steps all[] = {
	{"feishu", "websocket", feishu_before, feishu_after, .needed = feishu_needed,
		.useful = feishu_useful},
	{"feishu", "webhook", feishu_hook_way, feishu_hook_after, .one_of = feishu_one_of,
		.needed = feishu_needed, .useful = feishu_hook_useful},
	{"wecom", "websocket", wecom_before, wecom_after, .needed = wecom_needed,
		.useful = wecom_useful},
	{"wecom", "webhook", wecom_hook_way, wecom_hook_after, .needed = wecom_hook_needed,
		.useful = wecom_useful},
	{"wecom-hook", "none", robot_before, robot_after},
	{"dingtalk", "stream", dingtalk_before, dingtalk_after, .needed = dingtalk_needed,
		.useful = dingtalk_useful},
	{"dingtalk", "webhook", dingtalk_hook_way, dingtalk_hook_after, .needed = dingtalk_needed,
		.useful = dingtalk_useful},
	{"dingtalk-hook", "none", dingtalk_robot_before, robot_after, .needed = signed_robot_needed,
		.useful = signed_robot_useful},
	{"feishu-hook", "none", feishu_robot_before, robot_after, .needed = signed_robot_needed,
		.useful = signed_robot_useful},
};

/* What people call a platform. */
static const struct title {
	const char *platform, *title;
} titles[] = {
	{"web", "网页工作群"},
	{"wecom", "企业微信"},
	{"wecom-hook", "企业微信群机器人"},
	{"dingtalk", "钉钉"},
	{"dingtalk-hook", "钉钉群机器人"},
	{"feishu", "飞书"},
	{"feishu-hook", "飞书群机器人"},
};

const char *qg_cli_platform_title(const char *platform)
{
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (strcmp(titles[i].platform, platform) == 0) {
			return titles[i].title;
		}
	}
	return platform;
}

static json_t *fill(const char *const *lines, const char *bot)
{
	json_t *filled = json_array();
	for (; filled && *lines; lines++) {
		QG_AUTO(qg_buf_finish) struct qg_buf line;
		qg_buf_init(&line, 4096);
		for (const char *at = *lines; *at; at++) {
			if (*at == '@' && bot) {
				qg_buf_add_str(&line, bot);
			} else {
				qg_buf_add_char(&line, *at);
			}
		}
		json_array_append_new(filled, json_string(line.data ? line.data : ""));
	}
	return filled;
}

/* transport NULL: the platform's usual one. */
static const struct steps *find(const char *platform, const char *transport)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].platform, platform) == 0 &&
			(!transport || strcmp(all[i].transport, transport) == 0)) {
			return &all[i];
		}
	}
	return NULL;
}

json_t *qg_cli_steps_before(const char *platform, const char *transport)
{
	const struct steps *steps = find(platform, transport);
	return steps ? fill(steps->before, NULL) : NULL;
}

json_t *qg_cli_steps_after(const char *platform, const char *transport, const char *bot)
{
	const struct steps *steps = find(platform, transport);
	return steps ? fill(steps->after, bot) : NULL;
}

const char *const *qg_cli_one_of(const char *platform, const char *transport)
{
	const struct steps *steps = find(platform, transport);
	return steps ? steps->one_of : NULL;
}

bool qg_cli_hears(const char *platform)
{
	const struct steps *steps = find(platform, NULL);
	return !steps || strcmp(steps->transport, "none") != 0;
}

bool qg_cli_has_hook(const char *platform, const char *transport)
{
	const struct steps *steps = find(platform, transport);
	return steps && strcmp(steps->transport, "webhook") == 0;
}

static bool is_among(const char *const *keys, const char *key)
{
	for (; keys && *keys; keys++) {
		if (strcmp(*keys, key) == 0) {
			return true;
		}
	}
	return false;
}

enum qg_cli_wish qg_cli_wish(
	const char *platform, const char *transport, const struct qg_option *row)
{
	const struct steps *steps = find(platform, transport);
	const char *const *needed = steps ? steps->needed : NULL;
	bool required = (row->flags & QG_OPTION_REQUIRED) || is_among(needed, row->name);
	if (row->type == QG_OPTION_JSON || (row->flags & QG_OPTION_NO_EFFECT)) {
		return QG_CLI_IDLE;
	}
	if (required) {
		return QG_CLI_NEEDED;
	}
	bool useful = needed ? is_among(steps->useful, row->name) : (row->flags & QG_SECRET) != 0;
	return useful ? QG_CLI_USEFUL : QG_CLI_IDLE;
}
