/* commands.c - what is answered before anything else and never reaches a model: /help and its like.
 *
 * A slash word that is none of these is ordinary text. The full-width slash of Chinese keyboards
 * counts. */
#include "turn_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/lineup.h"
#include "qg/json.h"
#include "text.h"

#define MAX_WORD 16	 /* code points of a command's name */
#define MAX_VENDORS 4096 /* bytes of their names */

bool qg_command_is_admin(const struct qg_turn *turn, const struct qg_message *message)
{
	/* on web a name proves nothing: who is an admin there, the platform says */
	return message->sender_is_admin ||
	       (!qg_str_equal(turn->request.bot->platform, "web") &&
		       qg_strings_has(&turn->request.bot->admins, message->sender));
}

static bool is_on_duty_list(const struct qg_turn *turn, const struct qg_message *message)
{
	size_t index;
	json_t *person;
	json_array_foreach (turn->request.bot->duty, index, person) {
		if (qg_str_equal(qg_json_str(person, "id", NULL), message->sender)) {
			return true;
		}
	}
	return false;
}

static void help(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	const struct qg_role *role = turn->request.role;
	QG_AUTO(qg_str_free) char *suggested = qg_role_suggested(role);
	qg_turn_say(turn,
		qg_role_words(role, "help", "bot", role->title, "suggestions", suggested, NULL));
	if (qg_command_is_admin(turn, message)) {
		qg_turn_say(turn, qg_role_words(role, "help_admin", NULL));
	}
}

/* The first model of the chain as people know it; NULL for none. */
static const char *model_in_use(const struct qg_turn *turn)
{
	const struct qg_model_config *endpoint =
		qg_lineup_talks(turn->request.config, turn->request.bot, turn->request.endpoints);
	if (endpoint == NULL) {
		return NULL;
	}
	const char *model = qg_endpoint_model(endpoint);
	return model != NULL ? model : endpoint->name;
}

/* Where a bot's questions go, and what goes with them: "DeepSeek、自己的模型服务"; nothing where nothing leaves. NULL
 * for no memory. */
static char *said_to_whom(const struct qg_turn *turn)
{
	const struct qg_turn_request *request = &turn->request;
	QG_AUTO(qg_str_free) char *own = qg_role_words(request->role, "about_own_model", NULL);
	QG_AUTO(qg_buf_finish) struct qg_buf names;
	struct qg_strings seen = {0};
	qg_buf_init(&names, MAX_VENDORS);
	for (size_t i = 0; i < request->bot->models.count; i++) {
		const struct qg_model_config *endpoint =
			request->config != NULL ? qg_config_model(request->config, request->bot,
							  request->bot->models.items[i])
						: NULL;
		QG_AUTO(qg_str_free)
		char *vendor = endpoint != NULL ? qg_endpoint_vendor(endpoint) : NULL;
		const char *name = vendor == NULL || vendor[0] != '\0' ? vendor : own;
		if (name != NULL && !qg_strings_has(&seen, name) &&
			qg_strings_add(&seen, name) == QG_OK) {
			qg_buf_printf(&names, "%s%s", names.size > 0 ? "、" : "", name);
		}
	}
	qg_strings_finish(&seen);
	return names.size > 0
		       ? qg_role_words(request->role, "about_sent", "vendor", names.data, NULL)
		       : qg_str_copy("");
}

static void about(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	const struct qg_role *role = turn->request.role;
	const struct qg_bot_config *bot = turn->request.bot;
	QG_AUTO(qg_str_free) char *offline = qg_role_words(role, "about_offline_model", NULL);
	QG_AUTO(qg_str_free) char *kept = qg_role_words(role, "about_kept_until_reset", NULL);
	const char *model = model_in_use(turn);
	QG_AUTO(qg_str_free) char *sent = said_to_whom(turn);
	const char *shop = qg_json_str(role->values, "shop_name", "");
	const char *operator= bot->customer_name != NULL ? bot->customer_name
	: shop[0] != '\0'				 ? shop
							 : role->title;
	qg_turn_say(turn,
		qg_role_words(role, "about", "bot", role->title, "operator", operator, "model",
			model != NULL ? model : offline, "sent", sent, "kept", kept, NULL));
}

static void usage(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	if (turn->request.desk != NULL) {
		turn->wants_figures = true; /* said when the desk has answered */
	} else {
		qg_turn_say(turn, qg_role_words(turn->request.role, "usage_not_built", NULL));
	}
}

static void reset(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	turn->forget_history = true;
	json_object_del(turn->asker, "misses");
	qg_turn_say(turn, qg_role_words(turn->request.role, "reset_done", NULL));
}

static void quiet(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	const struct qg_role *role = turn->request.role;
	int64_t until = qg_state_quiet(turn);
	if (until > 0) {
		char time[6];
		qg_handover_time(turn, until, time);
		qg_turn_say(turn, qg_role_words(role, "quiet_until", "time", time, NULL));
		return;
	}
	char minutes[24];
	snprintf(minutes, sizeof(minutes), "%lld",
		(long long)((role->template->handover_quiet_ms + 59999) / 60000));
	qg_state_set_quiet(turn, turn->now + role->template->handover_quiet_ms);
	qg_turn_say(turn, qg_role_words(role, "quiet_on", "minutes", minutes, NULL));
}

/* Who is called on a handover says by it that the matter is settled, so theirs ends everybody's
 * quiet. */
static void resume(struct qg_turn *turn, const struct qg_message *message, const char *rest)
{
	bool was_quiet = qg_state_quiet(turn) > 0;
	if (qg_command_is_admin(turn, message) || is_on_duty_list(turn, message)) {
		was_quiet |= qg_state_end_all_quiet(turn);
	}
	json_object_del(turn->asker, "quiet");
	json_object_del(turn->asker, "told");
	qg_turn_say(turn, qg_role_words(turn->request.role,
				  was_quiet ? "resume_done" : "resume_not_quiet", NULL));
}

static const struct command {
	const char *name, *chinese;
	void (*run)(struct qg_turn *turn, const struct qg_message *message, const char *rest);
} commands[] = {
	{"help", "帮助", help},
	{"usage", "用量", usage},
	{"about", "关于", about},
	{"reset", "重置", reset},
	{"quiet", "安静", quiet},
	{"resume", "继续", resume},
	{"enable", "启用", qg_command_enable},
	{"disable", "停用", qg_command_disable},
	{"bind", "绑定", qg_command_bind},
};

static bool is_word(const uint32_t *codes, size_t count, const char *name)
{
	uint32_t expected[MAX_WORD];
	size_t size = qg_text_codes(name, expected, MAX_WORD);
	return count == size && memcmp(codes, expected, count * sizeof(*codes)) == 0;
}

static bool ends_word(uint32_t code)
{
	return code == ' ' || code == '\n' || code == '\t' || qg_text_is_digit(code);
}

/* text without its first count code points. */
static const char *behind(const char *text, size_t count)
{
	size_t size = strlen(text), at = 0;
	for (size_t i = 0; i < count && at < size; i++) {
		size_t used;
		(void)qg_utf8_next(text + at, size - at, &used);
		at += used;
	}
	return text + at;
}

/* "/绑定123456" is written without a blank; "/help2" is no command. */
static bool takes_rest(const struct command *command, const char *rest)
{
	uint32_t first;
	return command->run == qg_command_bind || qg_text_codes(rest, &first, 1) == 0 ||
	       !qg_text_is_digit(first);
}

/* rest_out: what stands behind the word; borrowed from text. */
static const struct command *find_command(const char *text, const char **rest_out)
{
	uint32_t codes[MAX_WORD + 2];
	size_t count = qg_text_codes(text, codes, MAX_WORD + 2), at = 0, end;
	while (at < count && (codes[at] == ' ' || codes[at] == '\n')) {
		at++;
	}
	if (at == count || codes[at++] != '/') {
		return NULL;
	}
	for (end = at; end < count && !ends_word(codes[end]); end++) {
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (is_word(codes + at, end - at, commands[i].name) ||
			is_word(codes + at, end - at, commands[i].chinese)) {
			*rest_out = behind(text, end);
			return takes_rest(&commands[i], *rest_out) ? &commands[i] : NULL;
		}
	}
	return NULL;
}

static const struct command *command_of(const struct qg_message *message, const char **rest_out)
{
	return message->kind == QG_MESSAGE_TEXT && message->text != NULL
		       ? find_command(message->text, rest_out)
		       : NULL;
}

bool qg_command_run(struct qg_turn *turn, const struct qg_message *message)
{
	const char *rest = "";
	const struct command *command = command_of(message, &rest);
	if (command != NULL) {
		command->run(turn, message, rest);
	}
	return command != NULL;
}

bool qg_command_run_closed(struct qg_turn *turn, const struct qg_message *message)
{
	const char *rest = "";
	const struct command *command = command_of(message, &rest);
	if (command == NULL ||
		(command->run != qg_command_enable && command->run != qg_command_bind)) {
		return false;
	}
	command->run(turn, message, rest);
	return true;
}
