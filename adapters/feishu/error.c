/* error.c - what an answer of Feishu's API means: a table from its codes to what the gateway does.
 *
 * The code decides, whatever the HTTP status: failures come with 200 too. QG_UNSUPPORTED lets the planner try the next
 * plainer form, so a refused form still lands something; a refusal that no form changes is QG_DENIED and says on which
 * page of the developer console it is put right. */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/crypto.h"
#include "qg/str.h"

#define RATE_MS 1000 /* least wait after a rate limit; as much again by chance */
#define SENDING_MS 2000
#define RESET_MAX_S 3600
#define MSG_MOST 4096 /* bytes of what the platform says about scopes */
#define SCOPES_MOST 512
#define PAGE_MOST 2048

static const char refused_token[] = "飞书不认访问令牌 · the access token is refused";
static const char not_installed[] =
	"应用停用了，或没有安装：到「版本管理与发布」发布，再请管理员在管理后台的「工作台」→「应用"
	"管理」启用 · the app is disabled or not installed";
/* Who asks for a token is told the first two; 10003 where the id does not look like one. */
static const char wrong_credentials[] =
	"飞书不认 app_id 和 app_secret：到「凭证与基础信息」重新复制，Lark 的应用要写 domain: lark "
	"· the credentials are refused";
static const char no_app[] =
	"飞书没有这个应用，或应用停用了：到「凭证与基础信息」核对 app_id，Lark 的应用要写 domain: "
	"lark；都没错，就请管理员在管理后台的「工作台」→「应用管理」启用 · no such app, or it is "
	"disabled";
static const char no_bot[] =
	"应用没有机器人能力：在「添加应用能力」里添加「机器人」，再到「版本管理与发布」发布 · the "
	"app has no bot";
static const char not_available[] =
	"这个人不在应用的可用范围里，或已离职：在「版本管理与发布」里放宽可用范围，再发布 · the "
	"person is outside the app's availability, or left";
static const char not_in_group[] =
	"机器人已经不在这个群里：群设置 → 群机器人 → 添加机器人 · the bot is not in the group any "
	"more";
static const char withdrawn[] = "原消息已撤回或删除 · the message answered is gone";
static const char no_topics[] = "这里不能按话题回复 · no topics here";
static const char no_media[] = "附件取不到 · the attachment is unavailable";
static const char no_message[] = "机器人看不到这条消息 · the message is not visible to the bot";

static const struct row {
	int64_t code;
	enum qg_status status;
	unsigned retry_ms;
	const char *words;
} rows[] = {
	/* rates: of the app, and of a chat or a person */
	{99991400, QG_BUSY, RATE_MS, ""},
	{11232, QG_BUSY, RATE_MS, ""},
	{11233, QG_BUSY, RATE_MS, ""},
	{11247, QG_BUSY, RATE_MS, ""},
	{230020, QG_BUSY, RATE_MS, ""},
	{230049, QG_BUSY, SENDING_MS, ""},
	/* the token, after it was replaced once; or an API that takes none of ours */
	{99991661, QG_FAILED, 0, refused_token},
	{99991663, QG_FAILED, 0, refused_token},
	{99991664, QG_FAILED, 0, refused_token},
	{99991665, QG_FAILED, 0, refused_token},
	{99991671, QG_FAILED, 0, refused_token},
	/* the app */
	{10003, QG_DENIED, 0, wrong_credentials},
	{10014, QG_DENIED, 0, no_app},
	{10015, QG_DENIED, 0, wrong_credentials},
	{212100, QG_DENIED, 0, not_installed},
	{99991662, QG_DENIED, 0, not_installed},
	{99991673, QG_DENIED, 0, not_installed},
	{99991672, QG_DENIED, 0,
		"缺少权限：在「权限管理」里开通它点名的权限，再到「版本管理与发布」发布新版本 · a "
		"scope is missing"},
	{99991401, QG_DENIED, 0,
		"本机的地址不在应用的 IP 白名单里：在「安全设置」→「IP 白名单」里加上 · this "
		"address is not in the app's allow-list"},
	{99991403, QG_DENIED, 0,
		"本企业这个月的接口调用额度用完了：在管理后台的费用中心增购，或等下月 · this "
		"month's calls of the tenant are used up"},
	{99992361, QG_DENIED, 0,
		"这个 open_id 是别的应用看到的，不能用：让他给这个机器人发一条消息，再用新的 · the "
		"open_id belongs to another app"},
	{230006, QG_DENIED, 0, no_bot},
	{234007, QG_DENIED, 0, no_bot},
	{230013, QG_DENIED, 0, not_available},
	{231022, QG_DENIED, 0, not_available},
	{230027, QG_DENIED, 0,
		"这里不许发：外部群要在「版本管理与发布」里开启「对外共享」· not allowed here: an "
		"external group needs external sharing of the app"},
	{230101, QG_DENIED, 0,
		"个人账号的应用只能回复，不能主动发消息 · apps of personal accounts may only "
		"reply"},
	/* the chat */
	{230002, QG_NOT_FOUND, 0, not_in_group},
	{10002, QG_NOT_FOUND, 0, not_in_group},
	{10030, QG_NOT_FOUND, 0, not_in_group},
	{232009, QG_NOT_FOUND, 0, "群已解散 · the group is dissolved"},
	{230050, QG_NOT_FOUND, 0, no_message},
	{231018, QG_NOT_FOUND, 0, no_message},
	{230053, QG_NOT_FOUND, 0, "对方不接收机器人的消息 · the person muted the bot"},
	{230018, QG_DENIED, 0,
		"群里不许机器人发言：群设置 → 发言权限 · the group does not let the bot speak"},
	{230035, QG_DENIED, 0, "机器人在这个会话里被禁言或屏蔽 · the bot is muted or blocked"},
	{230022, QG_DENIED, 0, "内容含敏感词，被拒绝 · refused for sensitive words"},
	{230028, QG_DENIED, 0,
		"内容没有通过本企业的防泄漏审核 · refused by the tenant's leak audit"},
	/* this form: another one may do */
	{230001, QG_UNSUPPORTED, 0, "请求的参数不对 · a parameter is refused"},
	{230011, QG_UNSUPPORTED, 0, withdrawn},
	{231003, QG_UNSUPPORTED, 0, withdrawn},
	{230110, QG_UNSUPPORTED, 0, withdrawn},
	{230019, QG_UNSUPPORTED, 0, "话题不在了 · the topic is gone"},
	{230071, QG_UNSUPPORTED, 0, no_topics},
	{230072, QG_UNSUPPORTED, 0, no_topics},
	{230075, QG_UNSUPPORTED, 0, "过了可以修改的时间 · too late to change the message"},
	{230031, QG_UNSUPPORTED, 0, "卡片超过 14 天，不能再更新 · the card is too old"},
	{230054, QG_UNSUPPORTED, 0,
		"这里不能发这种消息 · this type of message is not allowed here"},
	{230055, QG_UNSUPPORTED, 0,
		"文件和消息类型对不上 · the file does not fit the type of message"},
	{230099, QG_UNSUPPORTED, 0, "卡片或富文本的内容被拒绝 · the content is refused"},
	{230025, QG_TOO_LARGE, 0, ""},
	/* media */
	{234001, QG_UNSUPPORTED, 0, no_media},
	{234003, QG_UNSUPPORTED, 0, no_media},
	{234004, QG_UNSUPPORTED, 0, no_media},
	{234008, QG_UNSUPPORTED, 0, no_media},
	{234037, QG_UNSUPPORTED, 0, no_media},
	{234038, QG_UNSUPPORTED, 0, no_media},
	{234040, QG_UNSUPPORTED, 0, no_media},
	{234043, QG_UNSUPPORTED, 0, no_media},
	{234006, QG_UNSUPPORTED, 0, "文件太大 · the upload is too large"},
	{234010, QG_UNSUPPORTED, 0, "文件是空的 · the upload is empty"},
	{234011, QG_UNSUPPORTED, 0, "图片格式不支持 · the picture's format is refused"},
	{234039, QG_UNSUPPORTED, 0, "图片像素太大 · the picture has too many pixels"},
	/* reactions: there already, or an emoji this tenant does not know */
	{231001, QG_OK, 0, ""},
	{231015, QG_OK, 0, ""},
};

bool feishu_error_is_token(int64_t code)
{
	return code == 99991661 || code == 99991663 || code == 99991664 || code == 99991665 ||
	       code == 99991671;
}

bool feishu_error_is_scope(int64_t code)
{
	return code == 99991672;
}

bool feishu_error_is_rate(int64_t code)
{
	return code == 99991400;
}

bool feishu_error_is_spent(int64_t code)
{
	return code == 99991403;
}

bool feishu_error_is_withdrawn(int64_t code)
{
	return code == 230011 || code == 231003 || code == 230110;
}

bool feishu_error_is_left(int64_t code)
{
	return code == 230002 || code == 10002 || code == 10030 || code == 232009;
}

/* ---- scopes that are missing ---- */

/* Letters that scopes are made of, and what stands between two of them. */
static const char scope_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789:._-, ";

/* "... scopes is required: [im:message, im:chat]", or the page it names: "/auth?q=im:message,im:chat&op_from=...". */
static char *find_scopes(const char *msg)
{
	const char *list = strchr(msg, '[');
	const char *page = strstr(msg, "/auth?q=");
	const char *from = list ? list + 1 : page ? page + strlen("/auth?q=") : NULL;
	size_t size = from ? strspn(from, scope_letters) : 0;
	if (size == 0 || size > SCOPES_MOST) {
		return NULL;
	}
	char *scopes = qg_str_copy_n(from, size);
	if (scopes) { /* the same without blanks */
		char *to = scopes;
		for (const char *at = scopes; *at; at++) {
			if (*at != ' ') {
				*to++ = *at;
			}
		}
		*to = '\0';
	}
	return scopes;
}

char *feishu_error_hint(
	const struct feishu_account *account, int64_t code, const struct qg_piece *msg)
{
	if (!feishu_error_is_scope(code) || msg->kind != QG_PIECE_STRING || msg->size > MSG_MOST) {
		return NULL;
	}
	QG_AUTO(qg_str_free) char *text = qg_piece_copy(msg);
	QG_AUTO(qg_str_free) char *scopes = text ? find_scopes(text) : NULL;
	if (!scopes || scopes[0] == '\0') {
		return NULL;
	}
	const struct feishu_options app = {.app_id = account->app_id, .domain = account->domain};
	QG_AUTO(qg_buf_finish) struct qg_buf page;
	qg_buf_init(&page, PAGE_MOST);
	feishu_scopes_page(&app, scopes, &page);
	if (page.failed != QG_OK) {
		return NULL;
	}
	bool is_choice = strchr(scopes, ',') != NULL;
	return qg_str_printf("缺少权限 %s%s：打开 %s 开通，再到「版本管理与发布」发布新版本 · a "
			     "scope is missing",
		scopes, is_choice ? "（其中之一）" : "", page.data);
}

/* ---- */

static struct feishu_outcome outcome(enum qg_status status, unsigned retry_ms, const char *words)
{
	return (struct feishu_outcome){.status = status, .retry_ms = retry_ms, .words = words};
}

/* Spread, so that those an outage made wait alike do not come back alike. */
static unsigned spread(unsigned wait_ms)
{
	return wait_ms + (unsigned)qg_random_below(RATE_MS);
}

static struct feishu_outcome rate(const struct feishu_answer *answer, unsigned least_ms)
{
	unsigned seconds = answer->reset_s < RESET_MAX_S ? answer->reset_s : RESET_MAX_S;
	return outcome(QG_BUSY, spread(seconds > 0 ? seconds * 1000 : least_ms), "");
}

static struct feishu_outcome by_error(enum qg_fetch_error error)
{
	switch (error) {
	case QG_FETCH_CONNECT_TIMEOUT:
	case QG_FETCH_FIRST_BYTE_TIMEOUT:
	case QG_FETCH_IDLE_TIMEOUT:
	case QG_FETCH_TOTAL_TIMEOUT:
		return outcome(QG_TIMEOUT, 0, "");
	case QG_FETCH_NO_MEMORY:
		return outcome(QG_NO_MEMORY, 0, "");
	default:
		return outcome(QG_IO, 0, "");
	}
}

static struct feishu_outcome by_status(const struct feishu_answer *answer)
{
	if (answer->http == 429) {
		return rate(answer, RATE_MS);
	}
	if (answer->http >= 500) {
		return outcome(QG_IO, 0, "");
	}
	if (!answer->has_code) { /* not the platform's words: something stands between, and may have passed it on */
		return outcome(answer->http < 300 ? QG_IO : QG_FAILED, 0,
			"回答的不是飞书：api_base 对吗？· the answer is not Feishu's");
	}
	return outcome(QG_UNSUPPORTED, 0, "没见过的错误码 · a code this build does not know");
}

struct feishu_outcome feishu_error_outcome(const struct feishu_answer *answer)
{
	if (answer->local == QG_BUSY) {
		return rate(answer, RATE_MS); /* its turn would have been too long to wait for */
	}
	if (answer->local != QG_OK) {
		return outcome(answer->local, 0, "");
	}
	if (answer->error != QG_FETCH_NONE) {
		return by_error(answer->error);
	}
	if (answer->has_code && answer->code == 0) {
		return answer->http < 400 ? outcome(QG_OK, 0, "") : by_status(answer);
	}
	for (size_t i = 0; answer->has_code && i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		if (row->code != answer->code) {
			continue;
		}
		if (row->status == QG_BUSY) {
			return rate(answer, row->retry_ms);
		}
		bool has_hint = answer->hint && answer->hint[0];
		return outcome(row->status, row->retry_ms, has_hint ? answer->hint : row->words);
	}
	return by_status(answer);
}
