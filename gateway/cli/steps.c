/* steps.c - what a person has to click in a platform's console, in its own words, before a bot can hear anything. */
#include "hire.h"

#include <stdlib.h>
#include <string.h>

struct steps {
	const char *platform;
	const char *const *before, *const *after; /* end with NULL; @ is the bot's name */
	const char *const *one_of;		  /* at least one of them must be there */
};

static const char *const feishu_before[] = {
	"打开 open.feishu.cn/app（Lark：open.larksuite.com/app），创建「企业自建应用」；App ID 和 "
	"App "
	"Secret 在「凭证与基础信息」。",
	"「添加应用能力」：添加「机器人」。",
	"「权限管理」→「批量导入」，粘贴并确认：{\"scopes\":{\"tenant\":[\"im:message:send_as_"
	"bot\","
	"\"im:message\",\"im:message.p2p_msg:readonly\",\"im:message.group_at_msg:readonly\"],"
	"\"user\":[]}}",
	"「事件与回调」→「加密策略」：设置 Encrypt Key；它和 Verification Token 下面要填。", NULL};
static const char *const feishu_after[] = {
	"启动 qungong run，并让外网的 https://你的域名/hook/@ 转到它（配置里的 listen）。",
	"「事件与回调」→「事件配置」→「订阅方式」：选「将事件发送至开发者服务器」，请求地址填 "
	"https://你的域名/hook/@，保存时平台会验证它。",
	"「添加事件」：接收消息 v2.0（im.message.receive_v1）。",
	"「版本管理与发布」：创建版本、设置可用范围、提交审核；通过之前以上都不生效，以后每次改动也"
	"要新版本。",
	"在群里：设置 → 群机器人 → 添加机器人，搜它的名字。", NULL};

static const char *const feishu_one_of[] = {"encrypt_key", "verification_token", NULL};

static const struct steps all[] = {{"feishu", feishu_before, feishu_after, feishu_one_of}};

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

static const struct steps *find(const char *platform)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].platform, platform) == 0) {
			return &all[i];
		}
	}
	return NULL;
}

json_t *qg_cli_steps_before(const char *platform)
{
	const struct steps *steps = find(platform);
	return steps ? fill(steps->before, NULL) : NULL;
}

json_t *qg_cli_steps_after(const char *platform, const char *bot)
{
	const struct steps *steps = find(platform);
	return steps ? fill(steps->after, bot) : NULL;
}

const char *const *qg_cli_one_of(const char *platform)
{
	const struct steps *steps = find(platform);
	return steps ? steps->one_of : NULL;
}
