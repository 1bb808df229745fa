/* scopes.c - which scopes of the app a bot needs, and which of them its company has not granted.
 *
 * The platform itself names a missing scope only to who needs it, in the middle of work, so the list stands here as well.
 * Where several scopes allow the same, one of them will do; the first is the one to ask for. */
#include "feishu.h"

#include <string.h>

#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

#define GRANTED 1
#define ALTERNATIVES 4

static const struct need {
	const char *scopes[ALTERNATIVES + 1];
	bool hears_all; /* only of bots that hear what does not mention them */
} needs[] = {
	{{"im:message:send_as_bot", "im:message", "im:message:send"}, false},
	{{"im:message", "im:message:readonly"}, false}, /* quotes, forwarded messages */
	{{"im:message.p2p_msg:readonly", "im:message.p2p_msg"}, false},
	{{"im:message.group_at_msg:readonly", "im:message.group_at_msg", "im:message.group_msg"},
		false},
	{{"im:message.group_msg"}, true},
	{{"im:message.reactions:write_only", "im:message"}, false},
	{{"im:resource"}, false},
	{{"im:chat.members:bot_access", "im:chat.members:read", "im:chat", "im:chat:readonly"},
		false}, /* being added to groups and removed */
	{{"cardkit:card:write"}, false},
};

static bool is_granted(const json_t *scopes, const char *name)
{
	size_t i;
	json_t *scope;
	json_array_foreach ((json_t *)scopes, i, scope) {
		if (qg_json_int(scope, "grant_status", 0) == GRANTED &&
			strcmp(qg_json_str(scope, "scope_name", ""), name) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_met(const struct need *need, const json_t *scopes)
{
	for (size_t i = 0; need->scopes[i]; i++) {
		if (is_granted(scopes, need->scopes[i])) {
			return true;
		}
	}
	return false;
}

bool feishu_scopes_missing(
	const char *body, size_t size, bool hears_all, struct qg_buf *missing_out)
{
	json_auto_t *root = qg_json_parse(body, size, NULL);
	const json_t *scopes = json_object_get(json_object_get(root, "data"), "scopes");
	if (!json_is_array(scopes)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if ((hears_all || !needs[i].hears_all) && !is_met(&needs[i], scopes)) {
			qg_buf_printf(missing_out, "%s%s", missing_out->size > 0 ? "," : "",
				needs[i].scopes[0]);
		}
	}
	return missing_out->failed == QG_OK;
}

void feishu_scopes_page(
	const struct feishu_options *options, const char *scopes, struct qg_buf *out)
{
	const char *host = options->domain == FEISHU_LARK ? "open.larksuite.com" : "open.feishu.cn";
	bool is_plain =
		strspn(options->app_id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789_-") == strlen(options->app_id);
	qg_buf_printf(out, "https://%s/app", host);
	if (is_plain) {
		qg_buf_printf(out, "/%s", options->app_id);
	}
	if (is_plain && scopes) {
		qg_buf_printf(out, "/auth?q=%s&op_from=openapi&token_type=tenant", scopes);
	}
}
