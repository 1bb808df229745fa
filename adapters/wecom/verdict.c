/* verdict.c - what an answer of the long connection means: a table from the platform's codes to what we do.
 *
 * QG_UNSUPPORTED lets the planner try the next plainer form, which is a message of its own: so what is refused in place
 * for a reason this build does not know still lands. */
#include "link.h"

#include "qg/crypto.h"

#define MINUTE_MS 60000 /* a rate: document 101463 counts by the minute */
#define SPREAD_MS 10000

static const struct row {
	int64_t code;
	struct wecom_verdict verdict;
} rows[] = {
	{0, {WECOM_LANDED, QG_OK, 0, ""}},
	{6000, {WECOM_AGAIN, QG_BUSY, 1000, "two updates of the stream raced"}},
	{846608, {WECOM_EXPIRED, QG_UNSUPPORTED, 0, "the stream is too old"}},
	{846605, {WECOM_PUSH, QG_UNSUPPORTED, 0, "the request's id is not valid any more"}},
	{600039, {WECOM_PUSH, QG_UNSUPPORTED, 0, "not in place in this group"}},
	{846609, {WECOM_RECONNECT, QG_BUSY, 1000, "not subscribed any more"}},
	{853000, {WECOM_RECONNECT, QG_BUSY, 1000, "bot_id or secret is wrong"}},
	{45009, {WECOM_ENDED, QG_BUSY, MINUTE_MS, "too many messages a minute"}},
	{45033, {WECOM_ENDED, QG_BUSY, 2000, "too many at once"}},
	{-1, {WECOM_ENDED, QG_BUSY, 2000, "the platform is busy"}},
	{40008, {WECOM_ENDED, QG_UNSUPPORTED, 0, "this type of message is not allowed here"}},
	{40058, {WECOM_ENDED, QG_UNSUPPORTED, 0, "a field is refused"}},
	{44004, {WECOM_ENDED, QG_UNSUPPORTED, 0, "the content is empty"}},
	{45002, {WECOM_ENDED, QG_TOO_LARGE, 0, "too long"}},
	{93006, {WECOM_ENDED, QG_NOT_FOUND, 0, "nobody wrote to the bot in this chat before"}},
	{40003, {WECOM_ENDED, QG_NOT_FOUND, 0, "no such user"}},
	{40031, {WECOM_ENDED, QG_NOT_FOUND, 0, "no such user"}},
	{81013, {WECOM_ENDED, QG_NOT_FOUND, 0, "no such user"}},
	{82001, {WECOM_ENDED, QG_NOT_FOUND, 0, "nobody to send to"}},
	{86003, {WECOM_ENDED, QG_NOT_FOUND, 0, "no such chat"}},
	{48002, {WECOM_ENDED, QG_DENIED, 0, "the bot may not use this interface"}},
	{60011, {WECOM_ENDED, QG_DENIED, 0,
			"outside the bot's visible scope: widen it in 管理工具 > 智能机器人"}},
};

static const struct wecom_verdict unknown = {
	WECOM_PUSH, QG_UNSUPPORTED, 0, "a code this build does not know"};

static struct wecom_verdict find(int64_t code)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code) {
			return rows[i].verdict;
		}
	}
	return unknown;
}

struct wecom_verdict wecom_verdict(int64_t code, bool in_place)
{
	struct wecom_verdict verdict = find(code);
	if (verdict.retry_ms == MINUTE_MS) { /* spread, so that all do not come back at once */
		verdict.retry_ms += (unsigned)qg_random_below(SPREAD_MS);
	}
	if (!in_place && verdict.act != WECOM_LANDED && verdict.act != WECOM_RECONNECT) {
		verdict.act = WECOM_ENDED;
	}
	return verdict;
}
