/* told.c - what the platform tells of chats: the bot was added to a group, somebody opened the direct chat, the bot was
 * removed or the group is gone, a message was withdrawn.
 *
 * Each is acknowledged once the host has stored what follows from it. An app may be several bots: each offers its
 * greeting, and the host takes that of the one which answers in that chat. The host knows a greeting again as long as the
 * platform may repeat the event. People open a direct chat many times: that they were greeted Redis remembers for a day,
 * noted after the greeting is stored, for one that is noted and never said would be missed. */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/redis.h"
#include "qg/str.h"

#define GREETED_S (24 * 60 * 60)
#define SUGGESTIONS_MOST 6

struct telling { /* an event, until all that follows from it has ended */
	struct feishu_core *core;
	feishu_taken_fn taken;
	void *arg;
	unsigned open;
	enum qg_status status; /* the first that was no success */
};

struct greeting { /* of one bot, not stored yet */
	struct telling *telling;
	struct feishu_core *core;
	struct qg_reply *reply;
	char *key; /* in Redis; NULL without */
};

/* ---- the life of an event ---- */

static struct telling *begin(struct feishu_core *core, feishu_taken_fn taken, void *arg)
{
	struct telling *telling = calloc(1, sizeof(*telling));
	if (telling) {
		*telling = (struct telling){core, taken, arg, 1, QG_OK};
		feishu_core_take(core);
	}
	return telling;
}

static void stored(void *arg, enum qg_status status)
{
	struct telling *telling = arg;
	/* what never will be need not be told again */
	bool is_settled = qg_stored_is_success(status) || status == QG_INVALID ||
			  status == QG_TOO_LARGE || status == QG_NOT_FOUND;
	if (!is_settled && telling->status == QG_OK) {
		telling->status = status;
	}
	if (--telling->open > 0) {
		return;
	}
	struct feishu_core *core = telling->core;
	const struct feishu_taken told = {.status = telling->status};
	telling->taken(telling->arg, &told);
	free(telling);
	feishu_core_release(core);
}

/* ---- greetings ---- */

static void end_greeting(struct greeting *greeting, enum qg_status status)
{
	struct feishu_core *core = greeting->core;
	stored(greeting->telling, status);
	qg_reply_destroy(greeting->reply);
	free(greeting->key);
	free(greeting);
	feishu_core_release(core);
}

static void said(void *arg, enum qg_status status)
{
	struct greeting *greeting = arg;
	const struct qg_bot *bot = greeting->core->bot;
	bool is_said = status == QG_OK || status == QG_DUPLICATE;
	if (is_said && bot && greeting->key) {
		qg_redis_run(bot->redis, NULL, NULL, "SET %s 1 NX EX %lld", greeting->key,
			(long long)GREETED_S);
	}
	end_greeting(greeting, status);
}

static void say(struct greeting *greeting)
{
	struct qg_bot *bot = greeting->core->bot;
	struct qg_reply *reply = greeting->reply;
	greeting->reply = NULL;
	bot->host->say(bot, reply, said, greeting);
}

static void looked(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct greeting *greeting = arg;
	if (status != QG_OK || !greeting->core->bot) {
		end_greeting(greeting, status != QG_OK ? status : QG_CANCELLED);
	} else if (reply->type == QG_REPLY_STRING) {
		end_greeting(greeting, QG_DUPLICATE); /* today, already */
	} else {
		say(greeting);
	}
}

/* The template's suggestions: who presses one sends it. NULL without any. */
static json_t *make_buttons(const struct qg_bot *bot)
{
	json_t *buttons = json_array();
	for (size_t i = 0; buttons && i < bot->suggestions->count && i < SUGGESTIONS_MOST; i++) {
		const char *text = bot->suggestions->items[i];
		json_array_append_new(
			buttons, json_pack("{s:s, s:s}", "text", text, "value", text));
	}
	if (json_array_size(buttons) == 0) {
		json_decref(buttons);
		return NULL;
	}
	return buttons;
}

/* In a group that the config does not name an admin has a say first. NULL for no memory. */
static char *make_text(const struct feishu_core *core, enum qg_chat_type type, const char *chat)
{
	const struct qg_bot *bot = core->bot;
	bool greets = bot->greeting && bot->greeting[0];
	const char *text = greets ? bot->greeting : bot->title;
	bool is_open = type == QG_CHAT_DIRECT || bot->config->any_chat ||
		       qg_strings_has(&bot->config->chats, chat);
	QG_AUTO(qg_str_free)
	char *more = is_open ? NULL : feishu_core_words(core, "group_greeting");
	return more ? qg_str_printf("%s\n\n%s", text, more) : qg_str_copy(text);
}

/* once: what tells it from other greetings in that chat. */
static struct qg_reply *make_reply(
	const struct feishu_core *core, enum qg_chat_type type, const char *chat, const char *once)
{
	struct qg_reply *reply = qg_reply_tell(core->bot->name, type, chat, once, "greeting",
		make_text(core, type, chat), qg_clock_wall());
	if (reply) {
		reply->buttons = make_buttons(core->bot);
	}
	return reply;
}

static void greet(struct telling *telling, struct feishu_core *core, enum qg_chat_type type,
	const char *chat, const char *once)
{
	const struct qg_bot *bot = core->bot;
	bool remembers = type == QG_CHAT_DIRECT && bot->redis && bot->prefix;
	struct greeting *greeting = calloc(1, sizeof(*greeting));
	telling->open++;
	if (!greeting) {
		stored(telling, QG_NO_MEMORY);
		return;
	}
	*greeting = (struct greeting){.telling = telling, .core = core};
	feishu_core_take(core);
	greeting->reply = make_reply(core, type, chat, once);
	if (remembers) {
		greeting->key =
			qg_str_printf("%sfeishu:greeted:%s:%s", bot->prefix, bot->name, once);
	}
	if (!greeting->reply || (remembers && !greeting->key)) {
		end_greeting(greeting, QG_NO_MEMORY);
	} else if (remembers) {
		qg_redis_run(bot->redis, looked, greeting, "GET %s", greeting->key);
	} else {
		say(greeting);
	}
}

/* The bots of the app at this gateway. Those that only fetch files for turns have another host, and say nothing. */
static void greet_all(
	struct telling *telling, enum qg_chat_type type, const char *chat, const char *once)
{
	const struct qg_host *host = telling->core->bot->host;
	QG_LIST_FOR_EACH (item, &telling->core->account->watchers) {
		struct feishu_watcher *one = QG_CONTAINER(item, struct feishu_watcher, link);
		struct feishu_core *core = QG_CONTAINER(one, struct feishu_core, watcher);
		if (core->bot && core->bot->host == host) {
			greet(telling, core, type, chat, once);
		}
	}
}

/* ---- what follows from each ---- */

enum tale { OTHER, ADDED, OPENED, LEFT, WITHDRAWN };

/* Of each tale: which chat is in all of them, this is what else it names. */
static enum feishu_field subject_of(enum tale tale)
{
	switch (tale) {
	case OPENED:
		return FEISHU_EVENT_OPERATOR;
	case WITHDRAWN:
		return FEISHU_EVENT_MESSAGE;
	default:
		return FEISHU_EVENT_ID;
	}
}

static void act(struct telling *telling, enum tale tale, const char *chat, const char *subject)
{
	struct qg_bot *bot = telling->core->bot;
	if (tale == LEFT || tale == WITHDRAWN) {
		telling->open++;
	}
	if (tale == LEFT) {
		bot->host->left(bot, chat, subject, stored, telling);
	} else if (tale == WITHDRAWN) {
		bot->host->withdrawn(bot, chat, subject, stored, telling);
	} else {
		greet_all(telling, tale == ADDED ? QG_CHAT_GROUP : QG_CHAT_DIRECT, chat, subject);
	}
}

/* ---- which it is ---- */

static enum tale tale_of(const struct qg_piece *type)
{
	static const struct {
		const char *type;
		enum tale tale;
	} tales[] = {
		{"im.chat.member.bot.added_v1", ADDED},
		{"im.chat.access_event.bot_p2p_chat_entered_v1", OPENED},
		{"im.chat.member.bot.deleted_v1", LEFT},
		{"im.chat.disbanded_v1", LEFT},
		{"im.message.recalled_v1", WITHDRAWN},
	};
	for (size_t i = 0; i < sizeof(tales) / sizeof(tales[0]); i++) {
		if (qg_piece_is(type, tales[i].type)) {
			return tales[i].tale;
		}
	}
	return OTHER;
}

static bool is_id(const struct qg_piece *piece)
{
	return piece->kind == QG_PIECE_STRING && piece->size > 0 && piece->size <= QG_ID_MAX &&
	       !piece->escaped;
}

bool feishu_told(struct feishu_core *core, const struct feishu_envelope *envelope,
	feishu_taken_fn taken, void *arg)
{
	enum tale tale = tale_of(&envelope->fields[FEISHU_EVENT_TYPE]);
	if (tale == OTHER) {
		return false;
	}
	struct telling *telling = begin(core, taken, arg);
	if (!telling) {
		taken(arg, &(struct feishu_taken){.status = QG_NO_MEMORY});
		return true;
	}
	const struct qg_piece *place = &envelope->fields[FEISHU_EVENT_CHAT];
	const struct qg_piece *which = &envelope->fields[subject_of(tale)];
	bool names_both = is_id(place) && is_id(which); /* else it is acknowledged, and no more */
	QG_AUTO(qg_str_free) char *chat = qg_piece_copy(place);
	QG_AUTO(qg_str_free) char *subject = qg_piece_copy(which);
	if (names_both && chat && subject) {
		act(telling, tale, chat, subject);
	}
	stored(telling, names_both && (!chat || !subject) ? QG_NO_MEMORY : QG_OK);
	return true;
}
