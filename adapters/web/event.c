/* event.c - what a browser posts -> qg_message, and the 202 once it is stored.
 *
 * A page may send a message twice (its connection broke before the answer): it then gives the id it gave the
 * first time, and the store knows it. The event that shows the message to everybody is stored by the same script
 * as the message itself, so a message is seen if and only if it was accepted. */
#include "web.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define POST_ID_MAX 64

struct post { /* what the page sent */
	const char *from, *text, *id;
	bool mention;
};

static const struct qg_json_field post_fields[] = {
	{"from", QG_JSON_STRING, true, 0, offsetof(struct post, from)},
	{"text", QG_JSON_STRING, true, 0, offsetof(struct post, text)},
	{"id", QG_JSON_STRING, false, POST_ID_MAX, offsetof(struct post, id)},
	{"mention", QG_JSON_BOOL, false, 0, offsetof(struct post, mention)},
	{0},
};

struct waiting { /* a request that is answered once its message is stored */
	struct web_core *core;
	struct qg_http_exchange *x; /* NULL once the peer left */
	uint64_t received_us;
	char id[QG_ID_MAX + 1];
};

/* "application/json", with or without parameters. */
static bool is_json(const struct qg_http_exchange *x)
{
	static const char type[] = "application/json";
	const char *given = qg_http_header(x, "Content-Type");
	if (!given || strncasecmp(given, type, sizeof(type) - 1) != 0) {
		return false;
	}
	char next = given[sizeof(type) - 1];
	return next == '\0' || next == ';' || next == ' ';
}

/* A browser says where a page came from; another site's page must not write with our cookie. */
static bool is_same_origin(const struct qg_http_exchange *x)
{
	const char *origin = qg_http_header(x, "Origin");
	const char *host = qg_http_header(x, "Host");
	if (!origin) {
		return qg_http_header(x, "Cookie") == NULL;
	}
	const char *behind = strstr(origin, "://");
	return host && behind && strcasecmp(behind + 3, host) == 0;
}

bool web_event_is_ours(struct qg_http_exchange *x)
{
	if (!is_same_origin(x)) {
		qg_http_answer_error(x, 403, "foreign origin");
		return false;
	}
	if (!is_json(x)) {
		qg_http_answer_error(x, 415, "expected application/json");
		return false;
	}
	return true;
}

static bool is_id(const char *id)
{
	size_t size = strlen(id);
	return size > 0 && size <= POST_ID_MAX &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") ==
		       size;
}

/* Removes every "@name" in place, in one pass however many there are. */
static void cut_name(char *text, const char *name)
{
	size_t size = strlen(name);
	char *to = text;
	for (const char *from = text; *from;) {
		if (size > 0 && *from == '@' && strncmp(from + 1, name, size) == 0) {
			from += 1 + size;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* What the bot reads: the text without the mention of itself. */
static char *cut_mention(const struct qg_bot *bot, const char *text)
{
	char *copy = qg_str_copy(text);
	if (copy) {
		cut_name(copy, bot->title ? bot->title : "");
		cut_name(copy, bot->name);
		qg_str_trim(copy);
	}
	return copy;
}

static char *feed_event(const struct post *post, const char *id, const char *text, int64_t now)
{
	json_auto_t *event = json_pack("{s:s, s:s, s:s, s:I, s:b}", "id", id, "from", post->from,
		"text", text, "time", (json_int_t)now, "mention", post->mention);
	return event ? qg_json_dump(event) : NULL;
}

/* The message of a post whose fields were checked; NULL for no memory. text: cleaned. */
static struct qg_message *make_message(
	const struct web_core *core, const struct post *post, const char *text, const char *id)
{
	struct qg_message *message = qg_message_create();
	if (!message) {
		return NULL;
	}
	int64_t now = qg_clock_wall();
	const struct web_member *member = web_members_find(&core->members, post->from);
	message->id = qg_str_copy(id);
	message->kind = QG_MESSAGE_TEXT;
	message->chat_type = QG_CHAT_GROUP;
	message->chat = qg_str_copy(WEB_CHAT);
	message->sender = qg_str_printf("web:%s", post->from);
	message->sender_name = qg_str_copy(post->from);
	message->text = post->mention ? cut_mention(core->bot, text) : qg_str_copy(text);
	message->mentions_bot = post->mention;
	message->sender_is_admin = member && member->admin;
	message->sent_at = now;
	message->feed_event = feed_event(post, id, text, now);
	if (!message->id || !message->chat || !message->sender || !message->sender_name ||
		!message->text || !message->feed_event) {
		qg_message_destroy(message);
		return NULL;
	}
	return message;
}

static void answer_away(struct qg_http_exchange *x, const char *why)
{
	qg_http_add_header(x, "Retry-After", "1");
	qg_http_answer_error(x, 503, why);
}

static void answer_accepted(struct qg_http_exchange *x, const char *id)
{
	QG_AUTO(qg_str_free) char *body = qg_str_printf("{\"id\":\"%s\"}", id);
	if (!body) {
		answer_away(x, "out of memory");
		return;
	}
	qg_http_answer(x, 202, "application/json", body, strlen(body));
}

static void peer_left(void *arg)
{
	struct waiting *waiting = arg;
	waiting->x = NULL;
}

static void stored(void *arg, enum qg_status status)
{
	struct waiting *waiting = arg;
	struct web_core *core = waiting->core;
	if ((status == QG_OK || status == QG_EMPTY) && core->bot) {
		web_feed_note(core, waiting->id, qg_clock_mono_us() - waiting->received_us);
	}
	if (waiting->x) {
		if (qg_stored_is_success(status)) {
			answer_accepted(waiting->x, waiting->id);
		} else if (status == QG_INVALID || status == QG_TOO_LARGE) {
			qg_http_answer_error(waiting->x, 400, "refused");
		} else {
			answer_away(waiting->x, "not stored, send it again");
		}
	}
	free(waiting);
	core->posts--;
	web_core_wake(core);
	web_core_release(core);
}

static void deliver(struct web_core *core, struct qg_http_exchange *x, const struct post *post,
	const char *text)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	if (!waiting) {
		answer_away(x, "out of memory");
		return;
	}
	if (post->id) {
		memcpy(waiting->id, post->id, strlen(post->id) + 1);
	} else {
		qg_random_hex(waiting->id, 16);
	}
	struct qg_message *message = make_message(core, post, text, waiting->id);
	if (!message) {
		free(waiting);
		answer_away(x, "out of memory");
		return;
	}
	message->received_us = waiting->received_us = qg_http_received_us(x);
	waiting->core = core;
	waiting->x = x;
	web_core_take(core);
	core->posts++;
	qg_http_on_gone(x, peer_left, waiting);
	core->bot->host->receive(core->bot, message, stored, waiting);
}

/* Nobody speaks in the bot's name. */
static bool is_bots_name(const struct qg_bot *bot, const char *name)
{
	return qg_str_equal(name, bot->name) || qg_str_equal(name, bot->title);
}

/* 0, or the code of the answer that refuses this post. */
static int refuse(const struct web_core *core, const struct post *post,
	const struct web_member *member, bool admin, const char **why_out)
{
	*why_out = "from: 1 to 40 characters without control characters";
	if (!web_name_is_valid(post->from)) {
		return 400;
	}
	*why_out = "from: this is the bot's name";
	if (is_bots_name(core->bot, post->from) && !web_members_find(&core->members, post->from)) {
		return 400;
	}
	*why_out = "id: 1 to 64 of A-Z a-z 0-9 -";
	if (post->id && !is_id(post->id)) {
		return 400;
	}
	*why_out = "text is too long";
	if (strlen(post->text) > QG_TEXT_MAX) {
		return 413;
	}
	*why_out = "from must be the member logged in";
	if (core->members.count > 0 && !admin &&
		!(member && qg_str_equal(member->name, post->from))) {
		return 403;
	}
	return 0;
}

void web_event_post(struct web_core *core, struct qg_http_exchange *x,
	const struct web_member *member, bool admin)
{
	if (!web_event_is_ours(x)) {
		return;
	}
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	char error[128] = "not JSON";
	json_auto_t *root = qg_json_parse(body, size, error);
	struct post post = {0};
	if (!root || qg_json_read(root, post_fields, &post, error)) {
		qg_http_answer_error(x, 400, error);
		return;
	}
	const char *why = NULL;
	int code = refuse(core, &post, member, admin, &why);
	if (code) {
		qg_http_answer_error(x, code, why);
		return;
	}
	QG_AUTO(qg_str_free) char *text = qg_utf8_clean(post.text, strlen(post.text));
	if (!text) {
		answer_away(x, "out of memory");
	} else if (qg_str_trim(text)[0] == '\0') {
		qg_http_answer_error(x, 400, "text is empty");
	} else {
		deliver(core, x, &post, text);
	}
}
