/* feed.c - the bot's side of the feed: a finished reply and what it cost, shown exactly once.
 *
 * The feed is one stream a bot, "<prefix>feed:<bot>", its entries {e: name of the event, d: its JSON}; the script
 * that stores a message adds its "message" event there, the script below adds "reply" and "usage". A reply is
 * sent again when its outcome is unknown, so the script remembers for an hour what it has shown. */
#include "web.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

/* ARGV: bot, "<reply>:<part>", reply event, usage event without its last brace or "", message id or "". */
const struct qg_redis_script qg_web_feed_script = {
	.name = "web_feed",
	.source = "local p, bot = KEYS[1], ARGV[1]\n"
		  "if not redis.call('SET', p .. 'fd:' .. bot .. ':' .. ARGV[2], '1', 'EX', 3600, "
		  "'NX') then\n"
		  "	return 0\n"
		  "end\n"
		  "local feed = p .. 'feed:' .. bot\n"
		  "redis.call('XADD', feed, 'MAXLEN', 1000, '*', 'e', 'reply', 'd', ARGV[3])\n"
		  "if ARGV[4] ~= '' then\n"
		  "	local ms = ARGV[5] ~= '' and redis.call('GET', p .. 'ms:' .. bot .. ':' .. "
		  "ARGV[5])\n"
		  "	if not ms or not string.match(ms, '^%d+%.?%d*$') then\n"
		  "		ms = 'null'\n"
		  "	end\n"
		  "	redis.call('XADD', feed, 'MAXLEN', 1000, '*', 'e', 'usage', 'd',\n"
		  "		ARGV[4] .. ',\"stored_ms\":' .. ms .. '}')\n"
		  "end\n"
		  "redis.call('PUBLISH', p .. 'feed', bot)\n"
		  "return 1\n",
};

static json_t *or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static char *reply_event(const struct qg_reply *reply)
{
	json_t *answers = reply->answers ? json_incref(reply->answers) : json_array();
	json_t *sources = reply->sources ? json_incref(reply->sources) : json_array();
	json_auto_t *event = json_pack("{s:s, s:o, s:s, s:o, s:o, s:I}", "id", reply->id, "answers",
		answers, "text", reply->text ? reply->text : "", "label", or_null(reply->label),
		"sources", sources, "time", (json_int_t)qg_clock_wall());
	if (event && reply->part > 0) {
		json_object_set_new(event, "part", json_integer(reply->part));
	}
	return event ? qg_json_dump(event) : NULL;
}

/* The usage event without its closing brace: the script adds stored_ms, which only Redis knows. */
static char *usage_event(const struct qg_reply *reply)
{
	int64_t first_at = reply->first_at ? reply->first_at : qg_clock_wall();
	int64_t first_ms = first_at > reply->stored_at ? first_at - reply->stored_at : 0;
	const struct qg_usage *usage = &reply->usage;
	json_t *cost = usage->cost ? qg_json_parse(usage->cost, strlen(usage->cost), NULL) : NULL;
	json_auto_t *event = json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "reply", reply->id,
		"model", usage->model ? usage->model : "offline", "input", (json_int_t)usage->input,
		"cached_input", (json_int_t)usage->cached_input, "output",
		(json_int_t)usage->output, "cost", cost ? cost : json_pack("{s:i}", "CNY", 0));
	if (!event) {
		return NULL;
	}
	/* A reply to nobody's message (an apology after a restart) has no such time. */
	json_object_set_new(
		event, "first_ms", reply->stored_at > 0 ? json_integer(first_ms) : json_null());
	char *text = qg_json_dump(event);
	if (text) {
		text[strlen(text) - 1] = '\0';
	}
	return text;
}

static enum qg_status outcome(enum qg_status status)
{
	/* Redis is out of memory or disk: room may come back. */
	return status == QG_FULL ? QG_BUSY : status;
}

static void shown(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct web_send *send = arg;
	struct web_core *core = send->core;
	if (send->reply) { /* else the bot was finished meanwhile */
		send->status = outcome(status);
		send->ended = true;
		web_core_wake(core);
	}
	web_core_release(core);
}

static void fail(struct web_send *send, enum qg_status status)
{
	send->status = status;
	send->ended = true;
	web_core_wake(send->core);
}

void web_feed_send(struct web_core *core, struct web_send *send)
{
	const struct qg_reply *reply = send->reply;
	QG_AUTO(qg_str_free) char *event = reply_event(reply);
	QG_AUTO(qg_str_free) char *usage = reply->part == 0 ? usage_event(reply) : qg_str_copy("");
	QG_AUTO(qg_str_free) char *part = qg_str_printf("%s:%u", reply->id, reply->part);
	if (!event || !usage || !part) {
		fail(send, QG_NO_MEMORY);
		return;
	}
	size_t count = json_array_size(reply->answers);
	const char *last =
		count > 0 ? json_string_value(json_array_get(reply->answers, count - 1)) : NULL;
	const char *argv[] = {core->bot->name, part, event, usage, last ? last : ""};
	size_t sizes[sizeof(argv) / sizeof(argv[0])];
	for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++) {
		sizes[i] = strlen(argv[i]);
	}
	web_core_take(core);
	qg_redis_script(core->bot->redis, &qg_web_feed_script, shown, send, core->bot->prefix,
		(int)(sizeof(argv) / sizeof(argv[0])), argv, sizes);
}

void web_feed_note(struct web_core *core, const char *message, uint64_t microseconds)
{
	const struct qg_bot *bot = core->bot;
	QG_AUTO(qg_str_free)
	char *key = qg_str_printf("%sms:%s:%s", bot->prefix, bot->name, message);
	QG_AUTO(qg_str_free)
	char *value = qg_str_printf("%llu.%llu", (unsigned long long)(microseconds / 1000),
		(unsigned long long)(microseconds % 1000 / 100));
	if (key && value) {
		qg_redis_run(bot->redis, NULL, NULL, "SET %s %s EX 3600", key, value);
	}
}
