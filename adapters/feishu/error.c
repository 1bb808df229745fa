/* error.c - what an answer of Feishu's API means: a table from its codes to what the gateway does.
 *
 * The code decides, whatever the HTTP status: failures come with 200 too. QG_UNSUPPORTED lets the planner try the next
 * plainer form, so a refused form still lands something; a refusal that no form changes is QG_DENIED and says on which
 * page of the developer console it is put right. */
#include "feishu.h"

#include <stdlib.h>

#include "qg/crypto.h"

#define RATE_MS 1000 /* least wait after a rate limit; as much again by chance */
#define SENDING_MS 2000
#define RESET_MAX_S 3600

static const struct row {
	int64_t code;
	enum qg_status status;
	unsigned retry_ms;
	const char *words;
} rows[] = {
	/* rates */
	{99991400, QG_BUSY, RATE_MS, ""}, {11232, QG_BUSY, RATE_MS, ""},
	{11233, QG_BUSY, RATE_MS, ""}, {11247, QG_BUSY, RATE_MS, ""},
	{230020, QG_BUSY, RATE_MS, ""}, {230049, QG_BUSY, SENDING_MS, ""},
	/* the token, after it was replaced once; or an API that takes none of ours */
	{99991661, QG_FAILED, 0, "the access token is refused"},
	{99991663, QG_FAILED, 0, "the access token is refused"},
	{99991664, QG_FAILED, 0, "the access token is refused"},
	{99991665, QG_FAILED, 0, "the access token is refused"},
	{99991671, QG_FAILED, 0, "the access token is refused"},
	/* the app */
	{10014, QG_DENIED, 0,
		"the app is disabled: enable it in the admin console (工作台 > 应用管理)"},
	{10015, QG_DENIED, 0,
		"app_id or app_secret is wrong: copy both from 凭证与基础信息 of the developer "
		"console"},
	{99991662, QG_DENIED, 0,
		"the app is disabled or not installed: publish it under 版本管理与发布"},
	{99991673, QG_DENIED, 0,
		"the app is disabled or not installed: publish it under 版本管理与发布"},
	{99991672, QG_DENIED, 0,
		"a scope is missing: add the one it names under 权限管理, then publish a version "
		"under "
		"版本管理与发布"},
	{99991401, QG_DENIED, 0,
		"this address is not in the app's IP allow-list: 安全设置 > IP 白名单"},
	{99991403, QG_DENIED, 0, "the tenant's monthly API quota is used up"},
	{230006, QG_DENIED, 0,
		"the app has no bot: add 机器人 under 添加应用能力 and publish a version"},
	{234007, QG_DENIED, 0,
		"the app has no bot: add 机器人 under 添加应用能力 and publish a version"},
	{230013, QG_DENIED, 0,
		"the person is outside the app's 可用范围: widen it under 版本管理与发布"},
	{231022, QG_DENIED, 0, "the person is outside the app's 可用范围, or left"},
	{230027, QG_DENIED, 0, "not allowed here: an external group needs 对外共享 of the app"},
	{230101, QG_DENIED, 0, "apps of personal accounts may only reply, not write first"},
	/* the chat */
	{230002, QG_NOT_FOUND, 0, "the bot is not in the group any more"},
	{10002, QG_NOT_FOUND, 0, "the bot is not in the group any more"},
	{10030, QG_NOT_FOUND, 0, "the bot is not in the group any more"},
	{232009, QG_NOT_FOUND, 0, "the group is dissolved"},
	{230050, QG_NOT_FOUND, 0, "the message is not visible to the bot"},
	{231018, QG_NOT_FOUND, 0, "the message is not visible to the bot"},
	{230053, QG_NOT_FOUND, 0, "the person does not want messages of the bot"},
	{230018, QG_DENIED, 0, "the group does not let the bot speak: 群设置 > 发言权限"},
	{230035, QG_DENIED, 0, "the bot is muted or blocked in the chat"},
	{230022, QG_DENIED, 0, "the text was refused for sensitive words"},
	{230028, QG_DENIED, 0, "the text was refused by the tenant's leak audit"},
	/* this form: another one may do */
	{230001, QG_UNSUPPORTED, 0, "a parameter is refused"},
	{230011, QG_UNSUPPORTED, 0, "the message answered was withdrawn"},
	{231003, QG_UNSUPPORTED, 0, "the message answered is gone"},
	{230110, QG_UNSUPPORTED, 0, "the message answered was deleted"},
	{230019, QG_UNSUPPORTED, 0, "the topic is gone"},
	{230071, QG_UNSUPPORTED, 0, "no topics here"},
	{230072, QG_UNSUPPORTED, 0, "no topics here, or changed too often"},
	{230075, QG_UNSUPPORTED, 0, "too late to change the message"},
	{230031, QG_UNSUPPORTED, 0, "the card is too old"},
	{230054, QG_UNSUPPORTED, 0, "this type of message is not allowed here"},
	{230055, QG_UNSUPPORTED, 0, "the file does not fit the type of message"},
	{230099, QG_UNSUPPORTED, 0, "the content is refused"}, {230025, QG_TOO_LARGE, 0, ""},
	/* media: nothing is up- or downloaded, so these speak of a content that cannot be */
	{234001, QG_UNSUPPORTED, 0, "the attachment is unavailable"},
	{234003, QG_UNSUPPORTED, 0, "the attachment is unavailable"},
	{234004, QG_UNSUPPORTED, 0, "the attachment is unavailable"},
	{234008, QG_UNSUPPORTED, 0, "the attachment is unavailable"},
	{234037, QG_UNSUPPORTED, 0, "the attachment is unavailable"},
	{234038, QG_UNSUPPORTED, 0, "the attachment is unavailable"},
	{234040, QG_UNSUPPORTED, 0, "the attachment is unavailable"},
	{234043, QG_UNSUPPORTED, 0, "the attachment is unavailable"},
	{234006, QG_UNSUPPORTED, 0, "the upload is too large"},
	{234010, QG_UNSUPPORTED, 0, "the upload is empty"},
	{234011, QG_UNSUPPORTED, 0, "the upload's format is refused"},
	{234039, QG_UNSUPPORTED, 0, "the picture has too many pixels"},
	{231001, QG_UNSUPPORTED, 0, "no such emoji"},
	{231015, QG_OK, 0, ""}, /* the reaction is there already */
};

bool feishu_error_is_token(int64_t code)
{
	return code == 99991661 || code == 99991663 || code == 99991664 || code == 99991665 ||
	       code == 99991671;
}

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
			"the answer is not Feishu's: is api_base right?");
	}
	return outcome(QG_UNSUPPORTED, 0, "a code this build does not know");
}

struct feishu_outcome feishu_error_outcome(const struct feishu_answer *answer)
{
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
		return outcome(row->status, row->retry_ms, row->words);
	}
	return by_status(answer);
}
