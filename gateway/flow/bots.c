/* bots.c - the bots of the config as running objects: opened, started by their owner, replaced when they change.
 *
 * Every gateway has every bot, for webhooks may arrive at any; only the owner of its link starts it and sends. A
 * changed bot runs beside its successor until what it was sending has ended. */
#include "sending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/log.h"
#include "qg/str.h"

struct bot *bot_of(struct qg_bot *bot)
{
	return bot->owner;
}

/* Every message asks for its bot by name. */
static struct qg_list *row_of(struct qg_gateway *gateway, const char *name)
{
	return &gateway->named[qg_crc16(name, strlen(name)) % NAME_ROWS];
}

static struct bot *find(struct qg_gateway *gateway, const char *name, bool opening)
{
	QG_LIST_FOR_EACH (item, row_of(gateway, name)) {
		struct bot *bot = QG_CONTAINER(item, struct bot, named);
		if (!bot->gone && bot->opening == opening && strcmp(bot->bot.name, name) == 0) {
			return bot;
		}
	}
	return NULL;
}

struct bot *bots_find(struct qg_gateway *gateway, const char *name)
{
	return find(gateway, name, false);
}

struct bot *bots_opening(struct qg_gateway *gateway, const char *name)
{
	return find(gateway, name, true);
}

/* ---- what is told of a link ---- */

static void set_link_up(const char *name, int value)
{
	char labels[96];
	snprintf(labels, sizeof(labels), "bot=\"%s\"", name);
	qg_metric_set(qg_metric_gauge("link_up", labels,
			      "Long connection of a bot: 1 up, 0 down, -1 another process has it"),
		value);
}

/* Only of bots that dial, and of the one in force where two bear the name. */
static void count_link(const struct bot *bot)
{
	if (bot->link != NULL && bot->link->dials && !bot->gone) {
		set_link_up(bot->bot.name, bot->link->owned ? bot->state == QG_LINK_UP : -1);
	}
}

/* ---- what the adapter calls ---- */

/* Answers that were begun, by a former owner or over a connection that broke, go on here. */
static void go_on_drafting(struct bot *bot)
{
	const struct qg_adapter *adapter = bot->bot.adapter;
	if (adapter->draft != NULL && !adapter->can.drafts_everywhere) {
		drafts_replay(&bot->bot);
	}
}

static void link_changed(struct qg_bot *adapter_bot, enum qg_link state, const char *why)
{
	struct bot *bot = bot_of(adapter_bot);
	if (bot->state == state) {
		return;
	}
	bot->state = state;
	count_link(bot);
	qg_log_info(adapter_bot->name, "link %s: %s", state == QG_LINK_UP ? "up" : "down",
		why != NULL ? why : "");
	if (state == QG_LINK_UP) {
		go_on_drafting(bot);
	}
}

static void stopped(struct qg_bot *adapter_bot)
{
	struct bot *bot = bot_of(adapter_bot);
	bot->started = bot->stopping = false;
	bot->state = QG_LINK_NONE;
	count_link(bot);
	if (!bot->gone && !bot->gateway->draining) {
		/* its link came back while it was closing, or waits for this to leave */
		qg_timer_start(bot->gateway->settle_timer, 0);
	}
	bot_collect(bot);
}

static char *words(struct qg_bot *adapter_bot, const char *key)
{
	return qg_role_words(bot_of(adapter_bot)->role, key, NULL);
}

/* A bot that its successor waits for has no link any more, but the same lease. */
static bool may_send(const struct qg_bot *adapter_bot)
{
	const struct bot *bot = adapter_bot->owner;
	const struct bot *now = bot->link ? bot : bots_find(bot->gateway, adapter_bot->name);
	return now != NULL && link_may_send(now->link);
}

static const struct qg_host host = {
	.receive = inbound_receive,
	.sent = outbound_sent,
	.link_changed = link_changed,
	.stopped = stopped,
	.replay_drafts = drafts_replay,
	.kicked = kicks_note,
	.words = words,
	.say = errands_say,
	.tell_admins = errands_tell_admins,
	.withdrawn = errands_withdrawn,
	.left = errands_left,
	.may_send = may_send,
};

/* ---- owning ---- */

static void close_one(struct bot *bot)
{
	if (!bot->started || bot->stopping) {
		return;
	}
	if (bot->bot.adapter->stop == NULL) {
		bot->started = false;
		return;
	}
	bot->stopping = true;
	bot->bot.adapter->stop(&bot->bot);
}

/* Those that went on hearing until their successor does: see replace_formers(). */
static void close_formers(const struct bot *bot)
{
	QG_LIST_FOR_EACH (item, row_of(bot->gateway, bot->bot.name)) {
		struct bot *former = QG_CONTAINER(item, struct bot, named);
		if (former != bot && former->gone && strcmp(former->bot.name, bot->bot.name) == 0) {
			close_one(former);
		}
	}
}

static void start(struct bot *bot)
{
	const struct qg_adapter *adapter = bot->bot.adapter;
	if (bot->started || bot->stopping || bot->gone || !bot->ready ||
		!link_may_open(bot->link)) {
		return;
	}
	bot->started = true;
	enum qg_status status = adapter->start != NULL ? adapter->start(&bot->bot) : QG_OK;
	if (status != QG_OK) {
		qg_log_error(bot->bot.name, "cannot start: %s", qg_status_text(status));
	}
	close_formers(bot);
	if (bot->state == QG_LINK_NONE) { /* else once the link is up */
		go_on_drafting(bot);
	}
}

struct adopting {
	struct qg_gateway *gateway;
	char *bot, *link;
	uint64_t epoch;
};

static void forget(struct adopting *adopting)
{
	if (adopting != NULL) {
		free(adopting->bot);
		free(adopting->link);
		free(adopting);
	}
}

/* A greater fence for the same epoch: in between somebody adopted who owns another link. */
static void note_fence(struct bot *bot, uint64_t fence)
{
	if (bot->fence_epoch == bot->link->epoch && bot->fence != fence) {
		qg_log_warn(bot->bot.name,
			"another gateway sends for it too, over another link: its config has other "
			"credentials for this bot than ours");
	}
	bot->fence = fence;
	bot->fence_epoch = bot->link->epoch;
}

static void adopted(void *arg, enum qg_status status, uint64_t fence)
{
	struct adopting *adopting = arg;
	struct bot *bot = bots_find(adopting->gateway, adopting->bot);
	if (bot != NULL && strcmp(bot->link->id, adopting->link) == 0) {
		bot->adopting = false; /* without success the next look asks again */
		bot->adopted =
			status == QG_OK && bot->link->owned && bot->link->epoch == adopting->epoch;
		if (bot->adopted) {
			note_fence(bot, fence);
			start(bot);
			outbound_look(bot);
		}
	}
	forget(adopting);
}

/* A former bot of the name ends on a link of its own: what it sends now is noted under its own fence, or twice sent. */
static bool has_sending_former(const struct bot *bot)
{
	QG_LIST_FOR_EACH (item, row_of(bot->gateway, bot->bot.name)) {
		const struct bot *other = QG_CONTAINER(item, struct bot, named);
		if (other->link != NULL && other->link != bot->link &&
			!qg_list_is_empty(&other->sendings) &&
			strcmp(other->bot.name, bot->bot.name) == 0) {
			return true;
		}
	}
	return false;
}

void bot_owned(struct bot *bot)
{
	if (bot->gone) {
		return;
	}
	bot->adopted = bot->adopting = false;
	count_link(bot);
	struct adopting *adopting = calloc(1, sizeof(*adopting));
	if (adopting != NULL) {
		adopting->bot = qg_str_copy(bot->bot.name);
		adopting->link = qg_str_copy(bot->link->id);
	}
	if (adopting == NULL || adopting->bot == NULL || adopting->link == NULL ||
		has_sending_former(bot)) {
		forget(adopting);
		return; /* the next look asks again */
	}
	bot->adopting = true;
	adopting->gateway = bot->gateway;
	adopting->epoch = bot->link->epoch;
	qg_out_adopt(bot->gateway->core->queue, bot->bot.name, bot->link->id, bot->link->epoch,
		adopted, adopting);
}

void bot_open_link(struct bot *bot)
{
	if (!bot->adopted && !bot->adopting) {
		bot_owned(bot);
	} else if (bot->adopted && !bot->started && !bot->stopping) {
		start(bot);
		outbound_look(bot);
	}
}

void bot_close_link(struct bot *bot)
{
	close_formers(bot);
	close_one(bot);
}

/* A platform without a link to open goes on hearing here: only the sending is somebody else's now. */
void bot_lost(struct bot *bot)
{
	bot_pin(bot);
	bot->adopted = false;
	count_link(bot);
	outbound_lost(bot);
	if (bot->link->dials) {
		bot_close_link(bot);
	} else if (!bot->stopping) {
		bot->started = false;
	}
	bot_unpin(bot);
}

/* ---- life ---- */

static void destroy(struct bot *bot)
{
	qg_list_remove(&bot->item);
	qg_list_remove(&bot->named);
	if (bot->link != NULL && bot->link->dials &&
		bots_find(bot->gateway, bot->bot.name) == NULL) {
		set_link_up(bot->bot.name, -1); /* it was fired; a series cannot be taken back */
	}
	inbound_finish(bot);
	outbound_finish(bot);
	if (bot->bot.adapter != NULL && bot->bot.state != NULL) {
		bot->bot.adapter->finish(&bot->bot);
	}
	link_leave(bot);
	notice_forget(bot);
	free(bot->bot.state);
	free(bot->account);
	qg_role_release(bot->role);
	qg_config_release(bot->config);
	free(bot);
}

void bot_collect(struct bot *bot)
{
	if (bot->gone && !bot->started && !bot->opening && !bot->looking && bot->pins == 0 &&
		qg_list_is_empty(&bot->sendings) && qg_list_is_empty(&bot->unconfirmed)) {
		destroy(bot);
	}
}

void bot_pin(struct bot *bot)
{
	bot->pins++;
}

void bot_unpin(struct bot *bot)
{
	bot->pins--;
	bot_collect(bot);
}

void bot_stop(struct bot *bot)
{
	bot->gone = true;
	bot_close_link(bot);
	bot_collect(bot);
}

static bool init(struct bot *bot)
{
	struct qg_bot *b = &bot->bot;
	b->title = qg_role_title(bot->role);
	b->greeting = qg_role_greeting(bot->role);
	b->suggestions = qg_role_suggestions(bot->role);
	b->state = calloc(1, b->adapter->state_size > 0 ? b->adapter->state_size : 1);
	enum qg_status status = b->state != NULL ? b->adapter->init(b) : QG_NO_MEMORY;
	if (status == QG_OK && b->adapter->account != NULL) {
		bot->account = b->adapter->account(b);
	}
	if (status != QG_OK) {
		qg_log_error(
			b->name, "its platform refuses the settings: %s", qg_status_text(status));
	}
	return status == QG_OK;
}

/* Former bots of the name end. Where one had the same link its place is given to the successor, and with it the
 * lease; another link, of other credentials, ends with it. Who holds a connection goes on until the successor has started
 * on it: a platform may deliver once only, and closes what is shown as open with the connection. */
static void replace_formers(struct bot *bot)
{
	QG_LIST_FOR_EACH (item, row_of(bot->gateway, bot->bot.name)) {
		struct bot *former = QG_CONTAINER(item, struct bot, named);
		if (former == bot || former->link == NULL ||
			strcmp(former->bot.name, bot->bot.name) != 0) {
			continue;
		}
		bool hands_over = former->link == bot->link && bot->link->dials &&
				  bot->link->owned && former->started && !former->stopping;
		if (former->link == bot->link) {
			link_leave(former);
		}
		if (!former->gone && hands_over) {
			former->gone = true;
		} else if (!former->gone) {
			bot_stop(former);
		}
	}
}

static void put_in_force(struct bot *bot)
{
	bot->ready = true;
	count_link(bot);
	if (bot->link->owned) {
		bot_owned(bot);
	} else if (bot->gateway->up) {
		link_look(bot->link);
	}
}

static void opened(void *arg, struct qg_role *role, const char *words)
{
	struct bot *bot = arg;
	struct bot *former = bots_find(bot->gateway, bot->bot.name);
	bot->role = role;
	if (role == NULL && !bot->gone) {
		qg_log_error(bot->bot.name, "its role cannot be used: %s",
			words != NULL ? words : "unknown reason");
	}
	bool ok = role != NULL && !bot->gone && init(bot);
	bot->opening = false;
	if (ok && link_join(bot)) {
		replace_formers(bot);
		put_in_force(bot);
		return;
	}
	if (!bot->gone) {
		qg_log_error(bot->bot.name, former != NULL ? "stays as it was" : "is off");
	}
	bot->gone = true;
	bot_collect(bot);
}

static struct qg_metric *counter(const struct bot *bot, const char *name, const char *help)
{
	char labels[96];
	snprintf(labels, sizeof(labels), "bot=\"%s\"", bot->bot.name);
	return qg_metric_counter(name, labels, help);
}

static void make_metrics(struct bot *bot)
{
	bot->received = counter(bot, "messages_stored_total", "Messages stored");
	bot->duplicates = counter(bot, "messages_duplicate_total", "Messages delivered again");
	bot->unselected =
		counter(bot, "messages_unselected_total", "Messages the trigger did not select");
	bot->refused = counter(
		bot, "messages_refused_total", "Messages refused: mailbox full, Redis away");
	bot->sent = counter(bot, "parts_sent_total", "Parts of replies sent");
	bot->repeated = counter(bot, "parts_repeated_total", "Parts sent again, outcome unknown");
	bot->paced = counter(bot, "parts_paced_total", "Parts put off by a rate of the platform");
	bot->buried = counter(bot, "replies_dead_total", "Replies that became dead letters");
}

static struct bot *create(struct qg_gateway *gateway, const struct qg_bot_config *config)
{
	struct bot *bot = calloc(1, sizeof(*bot));
	if (bot == NULL) {
		return NULL;
	}
	struct qg_core *core = gateway->core;
	bot->gateway = gateway;
	bot->config = qg_config_take(core->config);
	bot->bot = (struct qg_bot){.adapter = qg_adapter_find(config->platform),
		.host = &host,
		.config = config,
		.loop = core->loop,
		.redis = core->redis,
		.http = core->http,
		.ws = core->ws,
		.redis_url = core->redis_url,
		.name = config->name,
		.prefix =
			qg_queue_prefix(core->queue, qg_queue_partition(core->queue, config->name)),
		.data_dir = core->data_dir,
		.owner = bot};
	qg_list_init(&bot->item);
	qg_list_init(&bot->named);
	qg_list_init(&bot->on_link);
	qg_list_init(&bot->unconfirmed);
	qg_list_init(&bot->sendings);
	qg_list_init(&bot->errands);
	if (bot->bot.adapter == NULL) {
		destroy(bot);
		return NULL;
	}
	make_metrics(bot);
	return bot;
}

static bool is_current(const struct bot *bot, const struct qg_bot_config *config)
{
	return bot != NULL && strcmp(bot->bot.config->fingerprint, config->fingerprint) == 0;
}

static void sync_bot(struct qg_gateway *gateway, const struct qg_bot_config *config)
{
	struct bot *coming = bots_opening(gateway, config->name);
	if (is_current(coming, config)) {
		return;
	}
	if (coming != NULL) {
		coming->gone = true; /* changed again before it was ready */
	}
	if (is_current(bots_find(gateway, config->name), config)) {
		return;
	}
	struct bot *bot = create(gateway, config);
	if (bot == NULL) {
		qg_log_error(config->name,
			"is off: out of memory, or platform '%s' is not built in",
			config->platform);
		return;
	}
	qg_list_add(&gateway->bots, &bot->item);
	qg_list_add(row_of(gateway, config->name), &bot->named);
	enum qg_status status = qg_role_open(gateway->core->loop, config,
		gateway->core->config->dir, gateway->core->data_dir, opened, bot);
	bot->opening = status == QG_OK;
	if (status != QG_OK) {
		qg_log_error(config->name, "is not read: %s; the next reload tries again",
			qg_status_text(status));
		bot_stop(bot);
	}
}

void bots_sync(struct qg_gateway *gateway)
{
	const struct qg_config *config = gateway->core->config;
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		if (!bot->gone && qg_config_bot(config, bot->bot.name) == NULL) {
			bot_stop(bot);
		}
	}
	for (size_t i = 0; i < config->bot_count; i++) {
		sync_bot(gateway, &config->bots[i]);
	}
}

void bots_finish(struct qg_gateway *gateway)
{
	/* first what they heard for each other */
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		inbound_finish(bot);
		errands_finish(bot);
	}
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		destroy(QG_CONTAINER(item, struct bot, item));
	}
}
