/* body.c - what goes out to a group robot, where to, and what the platform's answer means.
 *
 * The address holds a token, and where the robot is secured by 加签 each request carries the time and its signature.
 * Source: open.dingtalk.com, 自定义机器人. */
#include "hook.h"

#include <stdlib.h>
#include <string.h>

#include "dingtext.h"
#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define HOST "https://oapi.dingtalk.com"
#define SEND_PATH "/robot/send?"
#define TOKEN_MOST 128
#define TEXT_MOST ((size_t)512 * 1024)
#define BUSY_MS 1000
#define BAN_MS 300000

/* ---- the address ---- */

static bool is_this_machine(const char *url, size_t size)
{
	static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t host = strlen(hosts[i]);
		if (size < host || memcmp(url, hosts[i], host) != 0) {
			continue;
		}
		const char *port = url + host;
		size_t digits = size - host;
		return digits == 0 || (*port == ':' && digits > 1 && digits <= 6 &&
					      strspn(port + 1, "0123456789") == digits - 1);
	}
	return false;
}

bool dingtalk_hook_address(const char *url, char **base_out, char **token_out)
{
	*base_out = *token_out = NULL;
	const char *path = url ? strstr(url, SEND_PATH) : NULL;
	size_t size = path ? (size_t)(path - url) : 0;
	bool is_theirs = size == strlen(HOST) && memcmp(url, HOST, size) == 0;
	if (!path || !(is_theirs || is_this_machine(url, size))) {
		return false;
	}
	const char *query = path + strlen(SEND_PATH);
	char *token = qg_query_get(query, strlen(query), "access_token");
	size_t token_size = token ? strlen(token) : 0;
	if (token_size == 0 || token_size > TOKEN_MOST ||
		strspn(token, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") !=
			token_size) {
		free(token);
		return false;
	}
	*base_out = qg_str_copy_n(url, size);
	*token_out = *base_out ? token : NULL;
	if (!*base_out) {
		free(token);
	}
	return *base_out;
}

/* Appends "&timestamp=...&sign=...". */
static enum qg_status add_sign(const char *secret, int64_t now, struct qg_buf *out)
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

char *dingtalk_hook_url(const char *base, const char *token, const char *secret, int64_t now)
{
	QG_AUTO(qg_buf_finish) struct qg_buf url;
	qg_buf_init(&url, 2048);
	qg_buf_printf(&url, "%s" SEND_PATH "access_token=%s", base, token);
	if (secret && secret[0] && add_sign(secret, now, &url) != QG_OK) {
		return NULL;
	}
	return qg_buf_steal(&url);
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

/* ---- answers ---- */

static const char words_gone[] = "群机器人的地址失效了：在群设置 > 机器人里看它还在不在，重新复制 "
				 "Webhook 地址填进 url · the robot was "
				 "removed or its token is wrong";
static const char words_content[] = "内容没有通过钉钉的安全检查 · the content was refused";
static const char words_spent[] =
	"本月的 Webhook 调用量用完了：「管理后台」→ 开放平台用量 · this month's calls are used up";

static const struct row {
	int64_t code;
	enum qg_status status;
	unsigned retry_ms;
	bool is_there;
	const char *words;
} rows[] = {
	{0, QG_OK, 0, true, ""},
	{-1, QG_BUSY, BUSY_MS, false, ""},
	{410100, QG_BUSY, DINGTALK_HOOK_MUTE_MS, true,
		"发得太快，被禁言 10 分钟 · muted for ten minutes"},
	{130101, QG_BUSY, DINGTALK_HOOK_MUTE_MS, true,
		"发得太快，被禁言 10 分钟 · muted for ten minutes"},
	{460101, QG_TOO_LARGE, 0, true, ""},
	{40035, QG_UNSUPPORTED, 0, true, "a field is refused"},
	{43004, QG_UNSUPPORTED, 0, true, "the content type is refused"},
	{400105, QG_UNSUPPORTED, 0, true, "the kind of message is refused"},
	{400013, QG_DENIED, 0, false, "群已经解散 · the group is gone"},
	{300001, QG_DENIED, 0, false, words_gone},
	{300005, QG_DENIED, 0, false, words_gone},
	{400101, QG_DENIED, 0, false, words_gone},
	{400106, QG_DENIED, 0, false, words_gone},
	{400102, QG_DENIED, 0, false,
		"群机器人被停用了：在群设置 > 机器人里启用 · the robot is disabled"},
	{430101, QG_DENIED, 0, true, words_content},
	{430102, QG_DENIED, 0, true, words_content},
	{430103, QG_DENIED, 0, true, words_content},
	{430104, QG_DENIED, 0, true, words_content},
	{90020, QG_DENIED, 0, false, words_spent},
	{90030, QG_DENIED, 0, false, words_spent},
};

/* Which of the robot's 安全设置 did not pass. */
static const struct {
	const char *part;
	bool is_there;
	const char *words;
} security[] = {
	{"keyword", true,
		"消息里没有设定的关键词：改用「加签」，或让内容里有关键词 · the robot wants a "
		"keyword in each message: use 加签 instead"},
	{"timestamp", false, "本机的时间不对，请对时 · this machine's clock is wrong"},
	{"sign", false,
		"加签密钥不对：重新复制 SEC 开头的密钥填进 secret · the secret does not match"},
	{"whitelist", false,
		"本机的出口 IP 不在机器人的白名单里 · this machine's address is not in the robot's "
		"list"},
};

static struct dingtalk_hook_outcome outcome(
	enum qg_status status, unsigned retry_ms, bool is_there, const char *words)
{
	unsigned spread =
		retry_ms > 0 ? (unsigned)qg_random_below(retry_ms < 10000 ? retry_ms : 10000) : 0;
	return (struct dingtalk_hook_outcome){.status = status,
		.retry_ms = retry_ms + spread,
		.is_there = is_there,
		.words = words};
}

static struct dingtalk_hook_outcome by_security(const char *msg)
{
	for (size_t i = 0; i < sizeof(security) / sizeof(security[0]); i++) {
		if (strstr(msg, security[i].part)) {
			return outcome(QG_DENIED, 0, security[i].is_there, security[i].words);
		}
	}
	return outcome(QG_DENIED, 0, false,
		"没有通过机器人的安全设置：关键词、加签或 IP · the robot's security settings "
		"refused it");
}

/* What surely did not reach the platform is no call of unknown outcome. */
static struct dingtalk_hook_outcome by_error(const struct qg_fetch_end *end)
{
	switch (end->error) {
	case QG_FETCH_NO_MEMORY:
		return outcome(QG_NO_MEMORY, 0, false, "");
	case QG_FETCH_FIRST_BYTE_TIMEOUT:
	case QG_FETCH_IDLE_TIMEOUT:
	case QG_FETCH_TOTAL_TIMEOUT:
		return outcome(end->sent ? QG_TIMEOUT : QG_FAILED, 0, false, "");
	default:
		return outcome(end->sent ? QG_IO : QG_FAILED, 0, false, "");
	}
}

struct dingtalk_hook_outcome dingtalk_hook_judge(
	const struct qg_fetch_end *end, bool has_code, int64_t code, const char *msg)
{
	if (end->error != QG_FETCH_NONE) {
		return by_error(end);
	}
	bool believed = has_code && (code != 0 || end->status < 400);
	if (believed && code == 310000) {
		return by_security(msg);
	}
	for (size_t i = 0; believed && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code) {
			return outcome(
				rows[i].status, rows[i].retry_ms, rows[i].is_there, rows[i].words);
		}
	}
	if (end->status == 429) {
		return outcome(QG_BUSY, 60000, false, "");
	}
	if (end->status >= 500) {
		return outcome(QG_IO, 0, false, "");
	}
	if (has_code) {
		return outcome(QG_UNSUPPORTED, 0, false, "a code this build does not know");
	}
	if (end->status == 200) { /* what the platform says to an address that called too often */
		return outcome(QG_BUSY, BAN_MS, false,
			"这不是钉钉的应答：本机 IP 被限流，或中间有代理 · not DingTalk's answer: a "
			"ban of "
			"this address, or a proxy in between");
	}
	return outcome(
		QG_FAILED, 0, false, "the answer is not DingTalk's: is there a proxy in between?");
}
