/* commands_group.c - where the bot works and whose word counts: /启用, /停用, /绑定, and a group that is closed.
 *
 * A group is open where the config says so, or where an admin said so there. To strangers' groups the bot says one line
 * a day, and only to who mentions it: whoever adds it to a group must not make it spend the owner's money. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#define CODE_DIGITS 6

static void say(struct qg_turn *turn, const char *words)
{
	qg_turn_say(turn, qg_role_words(turn->request.role, words, NULL));
}

/* The config names this group, or all of them, and no command can say otherwise. */
static bool is_configured(const struct qg_turn *turn, const struct qg_message *message)
{
	const struct qg_bot_config *bot = turn->request.bot;
	return bot->any_chat || qg_strings_has(&bot->chats, message->chat) ||
	       qg_str_equal(bot->platform, "web");
}

/* Whether an admin says it in a group; else the answer was said. */
static bool may_decide(struct qg_turn *turn, const struct qg_message *message)
{
	if (message->chat_type != QG_CHAT_GROUP) {
		say(turn, "group_only");
		return false;
	}
	if (!qg_command_is_admin(turn, message)) {
		say(turn, "admin_only");
		return false;
	}
	return true;
}

void qg_command_enable(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	if (may_decide(turn, message)) {
		turn->group = is_configured(turn, message) ? turn->group : QG_GROUP_ENABLED;
		say(turn, "group_enabled");
	}
}

void qg_command_disable(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	if (!may_decide(turn, message)) {
		return;
	}
	if (is_configured(turn, message)) {
		say(turn, "group_by_config");
		return;
	}
	turn->group = QG_GROUP_DISABLED;
	say(turn, "group_disabled");
}

/* Six digits, also full-width ones and with blanks between them; false: it is no code. */
static bool read_code(const char *text, char code[CODE_DIGITS + 1])
{
	QG_AUTO(qg_str_free) char *folded = qg_str_fold(text);
	size_t count = 0;
	for (const char *at = folded; at != NULL && *at != '\0'; at++) {
		if (*at >= '0' && *at <= '9' && count < CODE_DIGITS) {
			code[count++] = *at;
		} else if (*at != ' ' && *at != '\n' && *at != '\t') {
			return false;
		}
	}
	code[count] = '\0';
	return count == CODE_DIGITS;
}

void qg_command_bind(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	if (message->chat_type != QG_CHAT_DIRECT) {
		say(turn, "bind_not_here");
		return;
	}
	char code[CODE_DIGITS + 1];
	if (turn->request.desk == NULL || !read_code(rest, code)) {
		say(turn, "bind_wrong");
		return;
	}
	memcpy(turn->code, code, sizeof(code)); /* the desk is asked when all commands are done */
}

void qg_group_closed(struct qg_turn *turn)
{
	bool mentioned = false;
	for (size_t i = 0; i < turn->request.count; i++) {
		const struct qg_message *message = turn->request.messages[i];
		if (qg_command_run_closed(turn, message)) {
			return;
		}
		mentioned |= message->mentions_bot;
	}
	if (mentioned && qg_state_first_today(turn, "closed_told")) {
		say(turn, "group_not_enabled");
	}
}
