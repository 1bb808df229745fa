/* wecom-hook.c - WeCom's group robot 消息推送 (formerly 群机器人): its options and abilities; all else is robot.h's. */
#include "hook.h"

static const struct qg_option options[] = {
	{"url", QG_OPTION_STRING, NULL, offsetof(struct qg_robot_options, url),
		QG_OPTION_REQUIRED | QG_SECRET, .max = 512,
		.help = "Webhook 地址，在群设置 →「消息推送」（原群机器人）→ 添加后复制 · "
			"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=..."},
	{"secret", QG_OPTION_STRING, NULL, offsetof(struct qg_robot_options, secret),
		QG_SECRET | QG_OPTION_NO_EFFECT, .max = 128,
		.help = "企业微信的群机器人没有签名密钥，不用填 · there is none here"},
	{0},
};

QG_ROBOT_ADAPTER(qg_adapter_wecom_hook, wecom_hook_kind, "wecom-hook", options,
	.part_bytes = WECOM_HOOK_MARKDOWN_MOST, .shows_files = true, .app_minute = 20);
