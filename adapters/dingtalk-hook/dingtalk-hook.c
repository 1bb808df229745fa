/* dingtalk-hook.c - DingTalk's group robot 自定义机器人: its options and abilities; all else is robot.h's. */
#include "hook.h"

static const struct qg_option options[] = {
	{"url", QG_OPTION_STRING, NULL, offsetof(struct qg_robot_options, url),
		QG_OPTION_REQUIRED | QG_SECRET, .max = 512,
		.help = "Webhook 地址，在群设置 → 机器人 → 添加机器人 → 自定义，添加后复制 · "
			"https://oapi.dingtalk.com/robot/send?access_token=..."},
	{"secret", QG_OPTION_STRING, NULL, offsetof(struct qg_robot_options, secret), QG_SECRET,
		.max = 256,
		.help = "「加签」的密钥，SEC 开头；安全设置用关键词或 IP 的不用填 · of 加签, "
			"begins with SEC; leave it out where keywords or addresses secure the "
			"robot"},
	{0},
};

QG_ROBOT_ADAPTER(qg_adapter_dingtalk_hook, dingtalk_hook_kind, "dingtalk-hook", options,
	.part_bytes = DINGTALK_HOOK_PART_BYTES, .app_minute = 20);
