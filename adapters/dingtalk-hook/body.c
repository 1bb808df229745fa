/* body.c - DingTalk's group robot on the wire: its address, what goes out as bytes, and what its answers mean.
 *
 * Where the robot is secured by 加签 each address carries the time and its signature. Each part carries a msgUuid: made
 * again under it, a call shows once. Source: open.dingtalk.com, 自定义机器人. */
#include "hook.h"

#include <string.h>

#include "dingtext.h"
#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define TEXT_MOST ((size_t)512 * 1024)
#define MUTE_MS 600000 /* what comes too fast silences the robot for so long */
#define BUSY_MS 1000
#define BAN_MS 300000

/* ---- the address ---- */

/* Appends "&timestamp=...&sign=...". */
static enum qg_status sign_url(const char *secret, int64_t now, struct qg_buf *out)
{
	uint8_t digest[QG_SHA256_SIZE];
	QG_AUTO(qg_str_free) char *text = qg_str_printf("%lld\n%s", (long long)now, secret);
	QG_AUTO(qg_buf_finish) struct qg_buf sign;
	qg_buf_init(&sign, 64);
	if (!text) {
		return QG_NO_MEMORY;
	}
	qg_hmac_sha256(secret, strlen(secret), text, strlen(text), digest);
	if (qg_base64_encode(digest, sizeof(digest), &sign) != QG_OK) {
		return sign.failed;
	}
	qg_buf_printf(out, "&timestamp=%lld&sign=", (long long)now);
	return qg_url_encode(sign.data, sign.size, out);
}

/* ---- texts ---- */

enum qg_status dingtalk_hook_body(
	const char *title, const char *text, bool is_plain, const char *uuid, struct qg_buf *out)
{
	QG_AUTO(qg_buf_finish) struct qg_buf shown;
	qg_buf_init(&shown, TEXT_MOST);
	enum qg_status status =
		is_plain ? ding_plain(text, &shown) : ding_markdown(text, DING_MESSAGE, &shown);
	if (status != QG_OK) {
		return status;
	}
	const char *content = shown.data ? shown.data : "";
	json_auto_t *body = is_plain ? json_pack("{s:s, s:{s:s}}", "msgtype", "text", "text",
					       "content", content)
				     : json_pack("{s:s, s:{s:s, s:s}}", "msgtype", "markdown",
					       "markdown", "title", title, "text", content);
	if (body && uuid && json_object_set_new(body, "msgUuid", json_string(uuid)) != 0) {
		return QG_NO_MEMORY;
	}
	QG_AUTO(qg_str_free) char *bytes = body ? qg_json_dump(body) : NULL;
	if (!bytes) {
		return qg_utf8_is_valid(content, shown.size) ? QG_NO_MEMORY : QG_INVALID;
	}
	return strlen(bytes) > DINGTALK_HOOK_BODY_MOST ? QG_TOO_LARGE : qg_buf_add_str(out, bytes);
}

static enum qg_status make_text(const struct qg_robot_text *text, struct qg_buf *out)
{
	QG_AUTO(qg_str_free) char *title = ding_title(text->text, text->called);
	/* it has one place only: a new message would be the same again */
	bool is_plain = text->form != QG_FORM_RICH;
	return title ? dingtalk_hook_body(title, text->text, is_plain, text->key, out)
		     : QG_NO_MEMORY;
}

/* ---- answers ---- */

static const char words_gone[] =
	"群机器人的地址失效了：在群设置 > 机器人里看它还在不在，重新复制 "
	"Webhook 地址填进 url · the robot was removed or its token is wrong";
static const char words_content[] = "内容没有通过钉钉的安全检查 · the content was refused";
static const char words_spent[] =
	"本月的 Webhook 调用量用完了：「管理后台」→ 开放平台用量 · this month's calls are used up";
static const char words_muted[] = "发得太快，被禁言 10 分钟 · muted for ten minutes";

static const struct qg_robot_row rows[] = {
	{0, QG_OK, "", true},
	{-1, QG_BUSY, "", false, BUSY_MS},
	{410100, QG_BUSY, words_muted, true, MUTE_MS, true},
	{130101, QG_BUSY, words_muted, true, MUTE_MS, true},
	{460101, QG_TOO_LARGE, "", true},
	{40035, QG_UNSUPPORTED, "有一项内容钉钉不收 · a field is refused", true},
	{43004, QG_UNSUPPORTED, "内容类型钉钉不收 · the content type is refused", true},
	{400105, QG_UNSUPPORTED, "消息类型钉钉不收 · the kind of message is refused", true},
	{400013, QG_DENIED, "群已经解散 · the group is gone"},
	{300001, QG_DENIED, words_gone},
	{300005, QG_DENIED, words_gone},
	{400101, QG_DENIED, words_gone},
	{400106, QG_DENIED, words_gone},
	{400102, QG_DENIED, "群机器人被停用了：在群设置 > 机器人里启用 · the robot is disabled"},
	{430101, QG_DENIED, words_content, true},
	{430102, QG_DENIED, words_content, true},
	{430103, QG_DENIED, words_content, true},
	{430104, QG_DENIED, words_content, true},
	{90020, QG_DENIED, words_spent},
	{90030, QG_DENIED, words_spent},
	/* one code for all of the robot's 安全设置: the message tells which of them did not pass */
	{310000, QG_DENIED,
		"消息里没有设定的关键词：改用「加签」，或让内容里有关键词 · the robot wants a "
		"keyword in each message: use 加签 instead",
		true, .part = "keyword"},
	{310000, QG_DENIED, "本机的时间不对，请对时 · this machine's clock is wrong",
		.part = "timestamp"},
	{310000, QG_DENIED,
		"加签密钥不对：重新复制 SEC 开头的密钥填进 secret · the secret does not match",
		.part = "sign"},
	{310000, QG_DENIED,
		"本机的出口 IP 不在机器人的白名单里 · this machine's address is not in the robot's "
		"list",
		.part = "whitelist"},
	{310000, QG_DENIED,
		"没有通过机器人的安全设置：关键词、加签或 IP · the robot's security settings "
		"refused it"},
	{0, QG_OK, NULL},
};

static const char *const hosts[] = {"https://oapi.dingtalk.com", NULL};

const struct qg_robot_kind dingtalk_hook_kind = {.name = "dingtalk-hook",
	.hosts = hosts,
	.path = "/robot/send",
	.parameter = "access_token",
	.key_most = 128,
	.where = "请填群机器人的 Webhook 地址 · must be "
		 "https://oapi.dingtalk.com/robot/send?access_token=...",
	.text = make_text,
	.sign = sign_url,
	.code = "errcode",
	.message = "errmsg",
	.rows = rows,
	/* what the platform says to an address that called too often */
	.stranger = {.status = QG_BUSY,
		.retry_ms = BAN_MS,
		.words =
			"这不是钉钉的应答：本机 IP 被限流，或中间有代理 · not DingTalk's answer: a "
			"ban of this address, or a proxy in between"}};
