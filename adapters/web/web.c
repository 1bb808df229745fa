/* web.c - the work group in the browser: options, life of a bot, and who may ask for what.
 *
 * A web bot owns no link: every gateway serves its page, its messages and its feed alike, and only sending a
 * finished reply is the owner's. What people say and what the bot answers stands in one capped stream in Redis
 * (the feed); a browser reads it from any gateway and goes on where it was at another one. */
#include "web.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "qg/config.h"
#include "qg/log.h"
#include "qg/str.h"

struct web_state {
	struct web_core *core;
};

static const struct qg_option options[] = {
	{.name = "members",
		.type = QG_OPTION_JSON,
		.offset = offsetof(struct web_options, members),
		.flags = QG_SECRET,
		.help = "{name: secret} or {name: {secret, admin: true}}: who may log in at "
			"/chat/<bot>; "
			"without it, whoever holds the admin token"},
	{0},
};

static struct web_core *core_of(const struct qg_bot *bot)
{
	return ((struct web_state *)bot->state)->core;
}

void web_core_take(struct web_core *core)
{
	core->references++;
}

void web_core_release(struct web_core *core)
{
	if (!core || --core->references > 0) {
		return;
	}
	web_members_finish(&core->members);
	qg_timer_destroy(core->timer);
	free(core);
}

static bool is_busy(const struct web_core *core)
{
	for (size_t i = 0; i < WEB_SENDS_MAX; i++) {
		if (core->sends[i].reply) {
			return true;
		}
	}
	return core->posts > 0;
}

static void report_sends(struct web_core *core)
{
	for (size_t i = 0; i < WEB_SENDS_MAX && core->bot; i++) {
		struct web_send *send = &core->sends[i];
		if (send->ended) {
			struct qg_reply *reply = send->reply;
			enum qg_status status = send->status;
			memset(send, 0, sizeof(*send));
			core->bot->host->sent(core->bot, reply, status, 0);
		}
	}
}

static void wake(void *arg)
{
	struct web_core *core = arg;
	web_core_take(core); /* the host may finish the bot from inside */
	report_sends(core);
	if (core->bot && core->stopping && !core->stopped && !is_busy(core)) {
		core->stopped = true;
		core->bot->host->stopped(core->bot);
	}
	web_core_release(core);
}

void web_core_wake(struct web_core *core)
{
	if (core->bot) {
		qg_timer_start(core->timer, 0);
	}
}

static void check(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct web_options *set = config->options;
	const struct qg_tree *at = qg_tree_get(tree, "members");
	web_members_check(set ? set->members : NULL, at ? at : tree, problems);
}

static enum qg_status init(struct qg_bot *bot)
{
	struct web_core *core = calloc(1, sizeof(*core));
	if (!core) {
		return QG_NO_MEMORY;
	}
	((struct web_state *)bot->state)->core = core;
	core->references = 1;
	core->bot = bot;
	core->was_up = true;
	qg_list_init(&core->viewers);
	qg_list_init(&core->tail_link);
	core->timer = qg_timer_create(bot->loop, wake, core);
	if (!core->timer) {
		return QG_NO_MEMORY;
	}
	const struct web_options *set = bot->config->options;
	return web_members_init(&core->members, set ? set->members : NULL, bot->name);
}

static void finish(struct qg_bot *bot)
{
	struct web_core *core = core_of(bot);
	if (!core) {
		return;
	}
	((struct web_state *)bot->state)->core = NULL;
	web_stream_end_all(core);
	web_tail_leave(core);
	core->bot = NULL;
	/* A reply that is still on its way has nobody left to take it back. */
	for (size_t i = 0; i < WEB_SENDS_MAX; i++) {
		qg_reply_destroy(core->sends[i].reply);
		core->sends[i].reply = NULL;
		core->sends[i].ended = false;
	}
	qg_timer_destroy(core->timer);
	core->timer = NULL;
	web_core_release(core);
}

static void stop(struct qg_bot *bot)
{
	struct web_core *core = core_of(bot);
	core->stopping = true;
	web_stream_end_all(core);
	web_tail_leave(core);
	web_core_wake(core);
}

static void send_reply(struct qg_bot *bot, struct qg_reply *reply)
{
	struct web_core *core = core_of(bot);
	struct web_send *send = NULL;
	for (size_t i = 0; i < WEB_SENDS_MAX && !send; i++) {
		send = core->sends[i].reply ? NULL : &core->sends[i];
	}
	assert(send); /* one at a time a chat, and there is one chat */
	*send = (struct web_send){.core = core, .reply = reply};
	web_feed_send(core, send);
}

static void draft(struct qg_bot *bot, const struct qg_draft *snapshot)
{
	web_stream_draft(core_of(bot), snapshot);
}

enum method { GET = 1, POST = 2 };

struct visitor {
	struct web_core *core;
	struct qg_http_exchange *x;
	const struct web_member *member;
	bool admin;
	const char *rest; /* of the path, behind the route's */
};

static void show_page(const struct visitor *v)
{
	web_page_show(v->core, v->x);
}

static void to_page(const struct visitor *v)
{
	QG_AUTO(qg_str_free) char *there = qg_str_printf("../%s", v->core->bot->name);
	qg_http_add_header(v->x, "Location", there ? there : "..");
	qg_http_answer(v->x, 308, NULL, NULL, 0);
}

static void asset(const struct visitor *v)
{
	web_page_asset(v->x, v->rest);
}

static void about(const struct visitor *v)
{
	web_page_about(v->core, v->x, v->member, v->admin);
}

static void events(const struct visitor *v)
{
	web_stream_open(v->core, v->x);
}

static void messages(const struct visitor *v)
{
	web_event_post(v->core, v->x, v->member, v->admin);
}

static void login(const struct visitor *v)
{
	web_member_login(v->core, v->x);
}

static void logout(const struct visitor *v)
{
	web_member_logout(v->core, v->x);
}

static const struct route {
	const char *path;
	enum method method;
	bool prefix; /* what follows belongs to the route */
	bool open;   /* for strangers too */
	void (*serve)(const struct visitor *v);
} routes[] = {
	{"", GET, false, false, show_page},
	{"/", GET, false, false, to_page},
	{"/about", GET, false, false, about},
	{"/events", GET, false, false, events},
	{"/messages", POST, false, false, messages},
	{"/login", POST, false, true, login},
	{"/logout", POST, false, true, logout},
	{"/assets/", GET, true, false, asset},
};

static const struct route *find_route(const char *rest)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct route *route = &routes[i];
		if (route->prefix ? qg_str_starts_with(rest, route->path)
				  : qg_str_equal(rest, route->path)) {
			return route;
		}
	}
	return NULL;
}

static bool is_method(const struct qg_http_exchange *x, const struct route *route)
{
	const char *method = qg_http_method(x);
	if (route->method == POST) {
		return qg_str_equal(method, "POST");
	}
	return qg_str_equal(method, "GET") ||
	       (qg_str_equal(method, "HEAD") && route->serve != events);
}

static void on_http(struct qg_bot *bot, struct qg_http_exchange *x, const char *rest, bool admin)
{
	struct web_core *core = core_of(bot);
	struct visitor v = {.core = core, .x = x, .admin = admin, .rest = rest};
	const struct route *route = find_route(rest);
	v.member = web_member_of(core, x);
	bool known = v.admin || v.member;
	if (core->stopping) {
		qg_http_add_header(x, "Retry-After", "1");
		qg_http_answer_error(x, 503, "restarting");
	} else if (!known && !(route && route->open)) {
		/* A stranger learns nothing of what exists below. */
		if (route && route->serve == show_page && is_method(x, route)) {
			web_page_gate(core, x);
		} else {
			qg_http_answer_error(x, 401, "log in first");
		}
	} else if (!route) {
		qg_http_answer_error(x, 404, "not found");
	} else if (!is_method(x, route)) {
		qg_http_add_header(x, "Allow", route->method == POST ? "POST" : "GET");
		qg_http_answer_error(x, 405, "method not allowed");
	} else {
		v.rest = rest + strlen(route->path);
		route->serve(&v);
	}
}

const struct qg_adapter qg_adapter_web = {
	.name = "web",
	.can = {.hears_all = true,
		.streams = true,
		.drafts_everywhere = true,
		.shows_fields = true, /* events of their own */
		.redelivers = true, /* the page keeps what was not accepted and sends it again */
		.part_bytes = QG_REPLY_MAX,
		.dedupe_ms = 60 * 60 * 1000,
		.draft_ms = 100},
	.state_size = sizeof(struct web_state),
	.options = options,
	.options_size = sizeof(struct web_options),
	.check = check,
	.init = init,
	.on_http = on_http,
	.draft = draft,
	.send = send_reply,
	.stop = stop,
	.finish = finish,
};
