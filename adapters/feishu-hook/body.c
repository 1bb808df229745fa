/* body.c - Feishu's group robot on the wire: its address, what goes out as bytes, and what its answers mean.
 *
 * Three forms, the richest first. A card with one Markdown element is what the platform's documents give this robot for
 * Markdown, and the only one of the three that draws tables. A post with a Markdown node is documented for apps and only
 * believed here. Plain text is left when both were refused. Where the robot is secured by 签名校验 each body carries the
 * time and its signature, whose key and message stand the other way round than DingTalk's. Nothing tells a repeated call
 * from a new one. Source: open.feishu.cn, 自定义机器人使用指南. */
#include "hook.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "feishutext.h"
#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define SAFE_MOST (3 * (size_t)QG_REPLY_MAX)
#define BUSY_MS 3000

/* ---- texts ---- */

/* The members that prove the secret. */
static enum qg_status add_sign(const char *secret, int64_t now, struct qg_buf *out)
{
	uint8_t digest[QG_SHA256_SIZE];
	QG_AUTO(qg_str_free) char *key = qg_str_printf("%" PRId64 "\n%s", now / 1000, secret);
	if (!key) {
		return QG_NO_MEMORY;
	}
	qg_hmac_sha256(key, strlen(key), "", 0, digest);
	qg_buf_printf(out, "\"timestamp\":\"%" PRId64 "\",\"sign\":\"", now / 1000);
	qg_base64_encode(digest, sizeof(digest), out);
	return qg_buf_add_str(out, "\",");
}

static const struct form { /* what stands around the text */
	const char *before, *behind;
} forms[] = {
	[QG_FORM_RICH] = {"\"msg_type\":\"interactive\",\"card\":{\"schema\":\"2.0\",\"body\":{"
			  "\"elements\":[{\"tag\":\"markdown\",\"content\":",
		"}]}}}"},
	[QG_FORM_APART] = {"\"msg_type\":\"post\",\"content\":{\"post\":{\"zh_cn\":{\"content\":[[{"
			   "\"tag\":\"md\",\"text\":",
		"}]]}}}}"},
	[QG_FORM_PLAIN] = {"\"msg_type\":\"text\",\"content\":{\"text\":", "}}"},
};

static enum qg_status make_text(const struct qg_robot_text *text, struct qg_buf *out)
{
	const struct form *form = &forms[text->form];
	QG_AUTO(qg_buf_finish) struct qg_buf safe;
	qg_buf_init(&safe, SAFE_MOST);
	feishu_escape(text->text, &safe);
	if (safe.failed) {
		return safe.failed;
	}
	qg_buf_add_str(out, "{");
	if (text->secret && add_sign(text->secret, text->now, out) != QG_OK) {
		return QG_NO_MEMORY;
	}
	qg_buf_add_str(out, form->before);
	enum qg_status status = qg_json_quote(safe.data ? safe.data : "", safe.size, out);
	qg_buf_add_str(out, form->behind);
	if (status != QG_OK || out->failed) {
		return status != QG_OK ? status : out->failed;
	}
	return out->size > FEISHU_HOOK_BODY_MOST ? QG_TOO_LARGE : QG_OK;
}

/* ---- answers ---- */

static const char words_form[] = "飞书不收这种内容 · the form of the message is refused";
static const char words_fast[] = "发得太快，或赶上了整点、半点的限流 · too fast, or at a busy time";

/* Our bodies are well formed: 9499 is about what they say, which is looked at behind address and signature (believed). */
static const struct qg_robot_row rows[] = {
	{0, QG_OK, "", true},
	{9499, QG_UNSUPPORTED, words_form, true},
	{10002, QG_UNSUPPORTED, words_form, true},
	{19002, QG_UNSUPPORTED, words_form, true},
	{19001, QG_DENIED,
		"群机器人的地址失效了：在群设置 > 群机器人里看它还在不在，重新复制 Webhook "
		"地址填进 "
		"url · the robot was removed or its address is wrong"},
	{19021, QG_DENIED,
		"签名没有通过：重新复制「签名校验」的密钥填进 secret，并给本机对时 · the secret or "
		"this machine's clock is wrong"},
	{19022, QG_DENIED,
		"本机的出口 IP 不在机器人的「IP 白名单」里：在群设置 > 群机器人里加上 · this "
		"machine's address is not in the robot's list"},
	{19024, QG_DENIED,
		"消息里没有机器人设定的「自定义关键词」：改用「签名校验」，或让内容里有关键词 · "
		"the "
		"robot wants a keyword in each message: use 签名校验 instead",
		true},
	{11232, QG_BUSY, words_fast, true, BUSY_MS, true},
	{11233, QG_BUSY, words_fast, true, BUSY_MS, true},
	{11247, QG_BUSY, words_fast, true, BUSY_MS, true},
	{99991400, QG_BUSY, words_fast, true, BUSY_MS, true},
	{0, QG_OK, NULL},
};

static const char *const hosts[] = {"https://open.feishu.cn", "https://open.larksuite.com", NULL};

const struct qg_robot_kind feishu_hook_kind = {.name = "feishu-hook",
	.hosts = hosts,
	.path = "/open-apis/bot/v2/hook/",
	.key_most = 64,
	.where = "请填群机器人的 Webhook 地址 · must be "
		 "https://open.feishu.cn/open-apis/bot/v2/hook/... "
		 "(Lark: https://open.larksuite.com/...)",
	.text = make_text,
	.code = "code",
	.message = "msg",
	.rows = rows,
	/* what stands between may have passed it on */
	.stranger = {.status = QG_IO,
		.words =
			"应答不是飞书发出的，中间有代理吗 · the answer is not Feishu's: is there a "
			"proxy in between?"}};
