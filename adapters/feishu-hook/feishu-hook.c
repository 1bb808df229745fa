/* feishu-hook.c - Feishu's group robot 自定义机器人: its options and abilities; all else is robot.h's. */
#include "hook.h"

static const struct qg_option options[] = {
	{"url", QG_OPTION_STRING, NULL, offsetof(struct qg_robot_options, url),
		QG_OPTION_REQUIRED | QG_SECRET, .max = 512,
		.help = "Webhook 地址，在群设置 → 群机器人 → 添加机器人 → 自定义机器人，添加后复制 "
			"· "
			"https://open.feishu.cn/open-apis/bot/v2/hook/..., Lark: "
			"open.larksuite.com"},
	{"secret", QG_OPTION_STRING, NULL, offsetof(struct qg_robot_options, secret), QG_SECRET,
		.max = 256,
		.help = "「签名校验」的密钥；安全设置用关键词或 IP 的不用填 · of 签名校验; leave "
			"it "
			"out where keywords or addresses secure the robot"},
	{0},
};

QG_ROBOT_ADAPTER(qg_adapter_feishu_hook, feishu_hook_kind, "feishu-hook", options,
	.part_bytes = FEISHU_HOOK_PART_BYTES, .app_rate = 5, .app_minute = 100);
