/* error.c - what an answer of DingTalk means: tables from its codes to what the gateway does.
 *
 * The newer API says it by HTTP status and a word, the older one by `errcode` under HTTP 200, webhooks like the older one.
 * QG_UNSUPPORTED lets the planner try a plainer form; a refusal that no form changes is QG_DENIED and says on which page of
 * the developer console (open-dev.dingtalk.com) it is put right. A 200 that is no JSON, or that says `punish`, is the ban
 * of this machine's address. Sources: open.dingtalk.com, 全局错误码 and the error tables of each API. */
#include "core.h"

#include <stdio.h>
#include <string.h>

#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define RATE_MS 1000 /* least wait after a rate limit; as much again by chance */
#define MINUTE_MS 60000
#define BAN_MS 300000
#define MUTE_MS 600000
#define BANNED 1111

static const char words_account[] =
	"client_id 或 client_secret "
	"不对：请在开发者后台该应用的「凭证与基础信息」重新复制（注意不要带空格），"
	"并确认应用已启用、已发布 · copy Client ID and Client Secret again (no blanks), and see "
	"that the app is "
	"enabled and published";
static const char words_scope[] = "缺少接口权限：请在开发者后台该应用的「权限管理」申请它指出的权限"
				  " · a permission is missing: add the one "
				  "it names on that page";
static const char words_address[] = "本机的出口 IP 不在应用的白名单里：「安全设置」→ 服务器出口 IP "
				    "· this machine's address is not in the app's "
				    "list";
static const char words_spent[] = "本月的接口调用量用完了：「管理后台」→ "
				  "开放平台用量，购买或等下月 · this month's API calls are used up";
static const char words_group[] = "群里没有这个机器人，或群不属于本企业：群设置 → 机器人 → 添加 · "
				  "the robot is not in that group, or the "
				  "group belongs to another organisation";
static const char words_robot[] = "机器人不可用：请在「应用能力」→ 机器人 "
				  "里启用并到「版本管理与发布」发布 · the robot is off or not "
				  "published";
static const char words_ban[] =
	"本机的 IP 被钉钉限流 5 分钟 · this machine's address is banned for five minutes";
static const char words_unknown[] =
	"发出了，但钉钉不知道结果，不再重发 · sent, outcome unknown: not repeated";
static const char words_content[] = "内容没有通过钉钉的安全检查 · the content was refused";
static const char words_sign[] = "群机器人的安全设置不通过：加签密钥、关键词或 "
				 "IP，也请核对系统时间 · the webhook's security settings refused "
				 "it: secret, keyword or address; check the clock";

enum match { WHOLE, START, PART };

static const struct word {
	const char *code;
	enum match match;
	enum qg_status status;
	unsigned retry_ms;
	const char *words;
} word_rows[] = {
	{"InvalidAuthentication", START, QG_FAILED, 0, "the access token is refused"},
	{"QpsLimit", PART, QG_BUSY, RATE_MS, ""},
	{"QpmLimit", PART, QG_BUSY, MINUTE_MS, ""},
	{"ApiCountLimit", PART, QG_DENIED, 0, words_spent},
	{"PermissionDenied", PART, QG_DENIED, 0, words_scope},
	{"IpNotInWhiteList", PART, QG_DENIED, 0, words_address},
	{"invalidClientIdOrSecret", WHOLE, QG_DENIED, 0, words_account},
	{"authFailed", WHOLE, QG_DENIED, 0, words_account},
	{"invalid.client", START, QG_DENIED, 0, words_account},
	{"unauthorized.client", START, QG_DENIED, 0, words_account},
	{"send.too.fast", WHOLE, QG_BUSY, RATE_MS, ""},
	{"send.byToken.tooFast", WHOLE, QG_BUSY, RATE_MS, ""},
	{"too.many.", START, QG_BUSY, RATE_MS, ""},
	{"system.error", WHOLE, QG_FAILED, 0, ""},
	{"system.busy", WHOLE, QG_BUSY, RATE_MS, ""},
	{"unknown.send.result", WHOLE, QG_DENIED, 0, words_unknown},
	{"invalidParameter.msgParam.tooLong", WHOLE, QG_TOO_LARGE, 0, ""},
	{"invalidParameter.robotCode.downloadCode", WHOLE, QG_NOT_FOUND, 0, ""},
	{"invalidParameter.robotCode.auth", WHOLE, QG_NOT_FOUND, 0, ""},
	{"invalidParameter.robotCode", START, QG_DENIED, 0, words_robot},
	{"resource.not.found", WHOLE, QG_DENIED, 0, words_group},
	{"bot.stopped", WHOLE, QG_DENIED, 0, words_robot},
	{"auth.error", WHOLE, QG_DENIED, 0, words_robot},
	{"conversation.org.notMatch", WHOLE, QG_DENIED, 0, words_group},
	{"group.disbanded", WHOLE, QG_NOT_FOUND, 0, ""},
	{"invalid.openConversationId", WHOLE, QG_NOT_FOUND, 0, ""},
	{"template.", START, QG_DENIED, 0, words_robot},
	{"contain.unsafe.url", WHOLE, QG_DENIED, 0, words_content},
	{"notAllowed.", START, QG_DENIED, 0, words_content},
	{"param.contentUnsafe", WHOLE, QG_DENIED, 0, words_content},
	{"staffId.notExisted", WHOLE, QG_NOT_FOUND, 0, ""},
	{"robot.oto.notExist", WHOLE, QG_NOT_FOUND, 0, ""},
	{"chatbotId.notAllow.sendOTO", WHOLE, QG_NOT_FOUND, 0, ""},
	{"param.", START, QG_UNSUPPORTED, 0, ""}, /* of cards */
	{"invalid.content", WHOLE, QG_UNSUPPORTED, 0, ""},
	{"unknownError", WHOLE, QG_UNSUPPORTED, 0, ""},
};

static const struct number {
	int64_t code;
	enum qg_status status;
	unsigned retry_ms;
	const char *words;
} number_rows[] = {
	{40014, QG_FAILED, 0, "the access token is refused"},
	{42001, QG_FAILED, 0, "the access token is refused"},
	{40001, QG_FAILED, 0, "the access token is refused"},
	{41001, QG_DENIED, 0, "a request went without its token"},
	{-1, QG_BUSY, RATE_MS, ""},
	{15, QG_FAILED, 0, ""},
	{88, QG_FAILED, 0, ""},
	{90018, QG_BUSY, RATE_MS, ""},
	{90002, QG_BUSY, RATE_MS, ""},
	{90020, QG_DENIED, 0, words_spent},
	{90030, QG_DENIED, 0, words_spent},
	{40035, QG_UNSUPPORTED, 0, ""},
	{43004, QG_UNSUPPORTED, 0, ""},
	{300001, QG_NOT_FOUND, 0, ""},
	{300005, QG_NOT_FOUND, 0, ""},
	{310000, QG_DENIED, 0, words_sign},
	{400013, QG_NOT_FOUND, 0, ""},
	{400101, QG_NOT_FOUND, 0, ""},
	{400102, QG_DENIED, 0, words_robot},
	{400105, QG_UNSUPPORTED, 0, ""},
	{400106, QG_NOT_FOUND, 0, ""},
	{410100, QG_BUSY, MUTE_MS, ""},
	{130101, QG_BUSY, MUTE_MS, ""},
	{430101, QG_DENIED, 0, words_content},
	{430102, QG_DENIED, 0, words_content},
	{430103, QG_DENIED, 0, words_content},
	{430104, QG_DENIED, 0, words_content},
	{460101, QG_TOO_LARGE, 0, ""},
};

static unsigned spread(unsigned wait_ms)
{
	return wait_ms == 0
		       ? 0
		       : wait_ms + (unsigned)qg_random_below(wait_ms < 10000 ? wait_ms : 10000);
}

/* As a line that is safe in a log. */
static void say_code(char out[DINGTALK_CODE_MAX], const char *text, const char *more)
{
	char line[4 * DINGTALK_CODE_MAX];
	snprintf(line, sizeof(line), "%s%s%s", text, more[0] ? ": " : "", more);
	qg_utf8_flatten(line);
	size_t size = qg_utf8_cut(line, strlen(line), DINGTALK_CODE_MAX - 1);
	memcpy(out, line, size);
	out[size] = '\0';
}

/* ---- the older API, and webhooks ---- */

static struct dingtalk_verdict judge_number(int64_t code)
{
	struct dingtalk_verdict verdict = {.status = QG_UNSUPPORTED, .words = ""};
	if (code == 0) {
		verdict.status = QG_OK;
		return verdict;
	}
	for (size_t i = 0; i < sizeof(number_rows) / sizeof(number_rows[0]); i++) {
		const struct number *row = &number_rows[i];
		if (row->code == code) {
			verdict.status = row->status;
			verdict.retry_ms = spread(row->retry_ms);
			verdict.words = row->words;
			break;
		}
	}
	verdict.token = code == 40014 || code == 42001 || code == 40001;
	verdict.spent = verdict.words == words_spent;
	return verdict;
}

/* A number, also as a string; false where there is none. */
static bool errcode_of(const json_t *body, int64_t *out)
{
	const json_t *value = json_object_get(body, "errcode");
	if (json_is_integer(value)) {
		*out = json_integer_value(value);
		return true;
	}
	const char *text = json_string_value(value);
	return text && qg_str_to_int64(text, INT64_MIN, INT64_MAX, out);
}

/* ---- the newer API ---- */

static bool matches(const struct word *row, const char *code)
{
	switch (row->match) {
	case WHOLE:
		return strcmp(code, row->code) == 0;
	case START:
		return qg_str_starts_with(code, row->code);
	default:
		return strstr(code, row->code) != NULL;
	}
}

static struct dingtalk_verdict judge_word(const char *code)
{
	struct dingtalk_verdict verdict = {.status = QG_UNSUPPORTED, .words = ""};
	for (size_t i = 0; i < sizeof(word_rows) / sizeof(word_rows[0]); i++) {
		const struct word *row = &word_rows[i];
		if (matches(row, code)) {
			verdict.status = row->status;
			verdict.retry_ms = spread(row->retry_ms);
			verdict.words = row->words;
			verdict.token = i == 0;
			verdict.spent = row->words == words_spent;
			return verdict;
		}
	}
	return verdict;
}

static bool is_known_word(const char *code)
{
	for (size_t i = 0; i < sizeof(word_rows) / sizeof(word_rows[0]); i++) {
		if (matches(&word_rows[i], code)) {
			return true;
		}
	}
	return false;
}

static struct dingtalk_verdict judge_status(int http)
{
	struct dingtalk_verdict verdict = {.status = QG_FAILED, .words = ""};
	if (http == 429) {
		verdict.status = QG_BUSY;
		verdict.retry_ms = spread(RATE_MS);
	} else if (http == 401 || http == 403) {
		verdict.status = QG_DENIED;
	} else if (http == 400 || http == 413) {
		verdict.status = http == 400 ? QG_UNSUPPORTED : QG_TOO_LARGE;
	}
	return verdict;
}

/* What a missing permission is called. */
static const char *scope_of(const json_t *body)
{
	const json_t *scopes =
		json_object_get(json_object_get(body, "accessdenieddetail"), "requiredScopes");
	const char *scope = json_string_value(json_array_get(scopes, 0));
	return scope ? scope : "";
}

static bool is_ban(int http, const json_t *body)
{
	if (http != 200) {
		return false;
	}
	return !json_is_object(body) || json_object_get(body, "punish") ||
	       qg_json_int(body, "status", 0) == BANNED;
}

struct dingtalk_verdict dingtalk_verdict(
	enum dingtalk_api api, int http, const json_t *body, char code[DINGTALK_CODE_MAX])
{
	int64_t number = 0;
	char digits[32];
	const char *word = qg_json_str(body, "code", NULL);
	if (is_ban(http, body)) {
		say_code(code, "address banned", "");
		return (struct dingtalk_verdict){
			.status = QG_BUSY, .retry_ms = spread(BAN_MS), .words = words_ban};
	}
	if (errcode_of(body, &number) && (http == 200 || !word)) {
		snprintf(digits, sizeof(digits), "%lld", (long long)number);
		say_code(code, digits, "");
		return judge_number(number);
	}
	if (http == 200 && api == DINGTALK_API) {
		say_code(code, "ok", "");
		return (struct dingtalk_verdict){.status = QG_OK, .words = ""};
	}
	snprintf(digits, sizeof(digits), "HTTP %d", http);
	bool is_known = word && word[0] != '\0' && is_known_word(word);
	say_code(code, word && word[0] != '\0' ? word : digits, scope_of(body));
	return is_known ? judge_word(word) : judge_status(http);
}
