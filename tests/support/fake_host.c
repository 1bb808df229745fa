/* fake_host.c - a gateway for one bot of one platform that writes down what the adapter delivered. */
#include "fake_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

#define WAIT_MS 40000

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "fake host: %s\n", what);
	abort();
}

static struct fake_host *host_of(struct qg_bot *bot)
{
	return bot->owner;
}

static void must_be_later(const struct fake_host *host, const char *what)
{
	if (host->in_adapter) {
		give_up(what);
	}
}

static void answer_all(void *arg)
{
	struct fake_host *host = arg;
	for (size_t i = 0; i < host->message_count; i++) {
		qg_stored_fn stored = host->stored[i];
		host->stored[i] = NULL;
		if (stored) {
			stored(host->stored_args[i], host->answer);
		}
	}
	for (size_t i = 0; i < host->errand_count; i++) {
		qg_stored_fn stored = host->errands[i].stored;
		host->errands[i].stored = NULL;
		if (stored) {
			stored(host->errands[i].arg, host->answer);
		}
	}
}

void fake_host_release(struct fake_host *host)
{
	host->hold = false;
	answer_all(host);
}

static void fed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct fake_host *host = arg;
	if (status == QG_OK && !host->hold) {
		answer_all(host);
	}
}

/* As the ingest script: into the feed, then the bell. */
static void feed(struct fake_host *host, const struct qg_message *message)
{
	const struct qg_bot *bot = &host->bot;
	qg_redis_run(bot->redis, NULL, NULL, "XADD %sfeed:%s MAXLEN 1000 * e message d %b",
		bot->prefix, bot->name, message->feed_event, strlen(message->feed_event));
	qg_redis_run(bot->redis, fed, host, "PUBLISH %sfeed %s", bot->prefix, bot->name);
}

static void receive(struct qg_bot *bot, struct qg_message *message, qg_stored_fn stored, void *arg)
{
	struct fake_host *host = host_of(bot);
	if (host->message_count == FAKE_HOST_MAX) {
		give_up("too many messages");
	}
	size_t at = host->message_count++;
	host->messages[at] = message;
	host->stored[at] = stored;
	host->stored_args[at] = arg;
	if (bot->redis && qg_redis_is_up(bot->redis) && message->feed_event &&
		host->answer == QG_OK) {
		feed(host, message);
	} else if (!host->hold && qg_loop_defer(bot->loop, answer_all, host)) {
		give_up("no memory");
	}
}

static void sent(
	struct qg_bot *bot, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	struct fake_host *host = host_of(bot);
	must_be_later(host, "sent() from inside");
	if (host->sent_count == FAKE_HOST_MAX) {
		give_up("too many results");
	}
	for (size_t i = 0; i < host->sent_count; i++) {
		if (host->replies[i] == reply) {
			give_up("sent() twice for one reply");
		}
	}
	host->replies[host->sent_count] = reply;
	host->retry_ms[host->sent_count] = retry_ms;
	host->sent[host->sent_count++] = status;
}

static void link_changed(struct qg_bot *bot, enum qg_link link, const char *why)
{
	host_of(bot)->links++;
	host_of(bot)->link = link;
}

static void stopped(struct qg_bot *bot)
{
	must_be_later(host_of(bot), "stopped() from inside");
	host_of(bot)->stops++;
}

static void replay_drafts(struct qg_bot *bot)
{
	host_of(bot)->replays++;
}

static void kicked(struct qg_bot *bot, unsigned ms)
{
	must_be_later(host_of(bot), "kicked() from inside");
	host_of(bot)->kicks++;
}

static char *words(struct qg_bot *bot, const char *key)
{
	return host_of(bot)->has_words ? qg_str_copy(key) : NULL;
}

static void note(struct qg_bot *bot, const struct fake_errand *errand)
{
	struct fake_host *host = host_of(bot);
	if (host->errand_count == FAKE_HOST_MAX) {
		give_up("too many errands");
	}
	host->errands[host->errand_count++] = *errand;
	if (errand->stored && !host->hold && qg_loop_defer(bot->loop, answer_all, host)) {
		give_up("no memory");
	}
}

static void say(struct qg_bot *bot, struct qg_reply *reply, qg_stored_fn stored, void *arg)
{
	note(bot, &(struct fake_errand){
			  .kind = FAKE_SAY, .reply = reply, .stored = stored, .arg = arg});
}

static void tell_admins(struct qg_bot *bot, const char *occasion, const char *key)
{
	note(bot, &(struct fake_errand){.kind = FAKE_TELL,
			  .chat = qg_str_copy(key),
			  .about = qg_str_copy(occasion)});
}

static void withdrawn(
	struct qg_bot *bot, const char *chat, const char *message, qg_stored_fn stored, void *arg)
{
	note(bot, &(struct fake_errand){.kind = FAKE_WITHDRAWN,
			  .chat = qg_str_copy(chat),
			  .about = qg_str_copy(message),
			  .stored = stored,
			  .arg = arg});
}

static void left(
	struct qg_bot *bot, const char *chat, const char *event, qg_stored_fn stored, void *arg)
{
	note(bot, &(struct fake_errand){.kind = FAKE_LEFT,
			  .chat = qg_str_copy(chat),
			  .about = qg_str_copy(event),
			  .stored = stored,
			  .arg = arg});
}

static bool may_send(const struct qg_bot *bot)
{
	const struct fake_host *host = bot->owner;
	return !host->fenced;
}

static const struct qg_host functions = {.receive = receive,
	.sent = sent,
	.link_changed = link_changed,
	.stopped = stopped,
	.replay_drafts = replay_drafts,
	.kicked = kicked,
	.words = words,
	.say = say,
	.tell_admins = tell_admins,
	.withdrawn = withdrawn,
	.left = left,
	.may_send = may_send};

static void fill_options(struct fake_host *host, const struct qg_adapter *adapter, const char *text)
{
	if (!adapter->options) {
		return;
	}
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_tree *tree = qg_tree_parse("test.yaml", text, strlen(text), false, &problems);
	const struct qg_tree *layers[] = {tree, NULL};
	host->config.options = calloc(1, adapter->options_size);
	if (!tree || !host->config.options) {
		give_up("bad test options");
	}
	qg_option_fill(adapter->options, layers, NULL, ".", host->config.options, &problems);
	if (problems.text.data) {
		snprintf(host->problems, sizeof(host->problems), "%s", problems.text.data);
	}
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
}

struct fake_host *fake_host_create(struct qg_loop *loop, const struct qg_adapter *adapter,
	const char *options, struct qg_redis *redis, const char *url)
{
	return fake_host_create_with(loop, adapter, options, redis, url, NULL);
}

struct fake_host *fake_host_create_with(struct qg_loop *loop, const struct qg_adapter *adapter,
	const char *options, struct qg_redis *redis, const char *url, struct qg_http_client *http)
{
	struct fake_host *host = calloc(1, sizeof(*host));
	if (!host) {
		give_up("no memory");
	}
	host->config.name = (char *)"xiaoman";
	host->config.platform = (char *)adapter->name;
	fill_options(host, adapter, options);
	if (qg_strings_add(&host->suggestions, "几点开门？")) {
		give_up("no memory");
	}
	host->bot = (struct qg_bot){.adapter = adapter,
		.host = &functions,
		.config = &host->config,
		.loop = loop,
		.redis = redis,
		.redis_url = url,
		.http = http,
		.name = host->config.name,
		.prefix = "qg:{7}:",
		.title = "小满",
		.greeting = "你好",
		.suggestions = &host->suggestions,
		.state = calloc(1, adapter->state_size),
		.owner = host};
	if (!host->bot.state) {
		give_up("no memory");
	}
	host->in_adapter = true;
	host->init = adapter->init(&host->bot);
	host->in_adapter = false;
	return host;
}

void fake_host_destroy(struct fake_host *host)
{
	if (!host) {
		return;
	}
	const struct qg_adapter *adapter = host->bot.adapter;
	host->in_adapter = true;
	adapter->finish(&host->bot);
	host->in_adapter = false;
	for (size_t i = 0; i < host->message_count; i++) {
		qg_message_destroy(host->messages[i]);
	}
	for (size_t i = 0; i < host->sent_count; i++) {
		qg_reply_destroy(host->replies[i]);
	}
	for (size_t i = 0; i < host->errand_count; i++) {
		qg_reply_destroy(host->errands[i].reply);
		free(host->errands[i].chat);
		free(host->errands[i].about);
	}
	if (adapter->options) {
		qg_option_finish(adapter->options, host->config.options);
	}
	free(host->config.options);
	free(host->bot.state);
	qg_strings_finish(&host->suggestions);
	free(host);
}

struct qg_reply *fake_host_reply(const char *id, const char *answers, const char *text)
{
	struct qg_reply *reply = qg_reply_create();
	if (!reply) {
		give_up("no memory");
	}
	reply->id = qg_str_copy(id);
	reply->bot = qg_str_copy("xiaoman");
	reply->chat = qg_str_copy("web");
	reply->conversation = qg_str_copy("xiaoman/web");
	reply->answers = json_pack("[s]", answers);
	reply->text = qg_str_copy(text);
	reply->usage.model = qg_str_copy("offline");
	reply->usage.cost = qg_str_copy("{\"CNY\":0}");
	reply->stored_at = qg_clock_wall() - 50;
	reply->first_at = reply->stored_at + 42;
	return reply;
}

void fake_host_send(struct fake_host *host, struct qg_reply *reply)
{
	host->in_adapter = true;
	host->bot.adapter->send(&host->bot, reply);
	host->in_adapter = false;
}

void fake_host_stop(struct fake_host *host)
{
	host->in_adapter = true;
	host->bot.adapter->stop(&host->bot);
	host->in_adapter = false;
}

struct wait {
	struct qg_loop *loop;
	bool (*check)(void *arg);
	void *arg;
	uint64_t end;
};

static void look(void *arg)
{
	struct wait *wait = arg;
	if (wait->check(wait->arg)) {
		qg_loop_stop(wait->loop);
	} else if (qg_clock_mono() > wait->end) {
		give_up("what the test waits for did not come");
	}
}

void fake_host_wait(struct qg_loop *loop, bool (*check)(void *arg), void *arg)
{
	struct wait wait = {loop, check, arg, qg_clock_mono() + WAIT_MS};
	struct qg_timer *timer = qg_timer_create(loop, look, &wait);
	if (!timer) {
		give_up("no memory");
	}
	qg_timer_repeat(timer, 1);
	qg_loop_run(loop);
	qg_timer_destroy(timer);
}

/* ---- beside it ---- */

static void changed(void *arg, bool connected, const char *why)
{
	(void)why;
	*(bool *)arg = connected;
}

static bool is_set(void *arg)
{
	return *(bool *)arg;
}

struct qg_redis *fake_host_redis(struct qg_loop *loop, const char *url)
{
	static bool up;
	char error[128];
	struct qg_redis_options set = {
		.url = url, .scripts = qg_adapter_scripts, .changed = changed, .arg = &up};
	up = false;
	struct qg_redis *redis = qg_redis_create(loop, &set, error);
	if (!redis) {
		give_up(error);
	}
	fake_host_wait(loop, is_set, &up);
	return redis;
}

struct qg_http_server *fake_host_serve(struct qg_loop *loop, size_t most,
	void (*handler)(void *arg, struct qg_http_exchange *x), void *arg)
{
	char error[128];
	struct qg_http_limits limits;
	qg_http_limits_init(&limits);
	if (most > 0) {
		limits.body = most;
	}
	struct qg_http_server *server =
		qg_http_server_create(loop, "127.0.0.1:0", &limits, handler, arg, error);
	if (!server) {
		give_up(error);
	}
	return server;
}

void fake_host_take(struct fake_host *host, struct qg_http_exchange *x)
{
	const char *path = qg_http_path(x);
	if (!qg_str_starts_with(path, FAKE_HOOK)) {
		give_up(path);
	}
	host->bot.adapter->on_http(&host->bot, x, path + strlen(FAKE_HOOK), false);
}
