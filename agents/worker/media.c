/* media.c - what is in the pictures and files of a turn's messages: fetched by the platform's adapter, documents read
 * in a child, pictures made base64 in the pool. Nothing is kept.
 *
 * Addresses of attachments live for minutes only and take the bot's own keys, so that the agents role has an adapter of
 * its own for each bot that was ever asked: init()ed, never started, renewed when the bot's config changes. A few are
 * fetched at once, the others wait; each question ends within 30 s. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "qg/adapter.h"
#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/document.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

enum {
	READ_MS = 30000,
	FETCHES_MOST = 16, /* 20 MB each at the most */
	NAME_MOST = 200,
};

/* A bot as its adapter sees it here. */
struct media_bot {
	struct qg_list link;
	struct qg_bot bot;
	struct qg_config *config;
	unsigned running; /* readings that stand on it */
	bool gone;
};

enum reading_step {
	READING_WAITS,
	READING_FETCHES,
	READING_PARSES, /* in a child */
	READING_CODES,	/* in the pool, which cannot be told to stop */
	READING_ANSWERS /* status is known; told from the loop */
};

/* One question. */
struct reading {
	struct qg_list link;   /* of its job */
	struct qg_list waiter; /* while it waits for others to be fetched */
	struct qg_worker *worker;
	struct media_bot *bot;
	qg_media_fn fn; /* NULL: forgotten */
	void *arg;
	json_t *attachment;
	char *name;
	size_t most; /* bytes that it may have */
	enum reading_step step;
	enum qg_status status;
	struct qg_timer *timer;
	struct qg_document *document;
	enum qg_file_kind kind;
	char *data; /* a picture's bytes */
	size_t size;
	struct qg_buf base64;
};

/* ---- the host of bots that are never started: nothing of what it is told can come ---- */

static void receive(struct qg_bot *bot, struct qg_message *message, qg_stored_fn stored, void *arg)
{
	qg_message_destroy(message);
}

static void sent(
	struct qg_bot *bot, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	qg_reply_destroy(reply);
}

static void link_changed(struct qg_bot *bot, enum qg_link link, const char *why)
{
}

static void ignore(struct qg_bot *bot)
{
}

static void kicked(struct qg_bot *bot, unsigned ms)
{
}

static char *words(struct qg_bot *bot, const char *key)
{
	return qg_str_copy("");
}

static const struct qg_host host = {.receive = receive,
	.sent = sent,
	.link_changed = link_changed,
	.stopped = ignore,
	.replay_drafts = ignore,
	.kicked = kicked,
	.words = words};

/* ---- bots ---- */

static void bot_destroy(struct media_bot *bot)
{
	qg_list_remove(&bot->link);
	if (bot->bot.state != NULL) {
		bot->bot.adapter->finish(&bot->bot);
	}
	free(bot->bot.state);
	qg_config_release(bot->config);
	free(bot);
}

static void bot_collect(struct media_bot *bot)
{
	if (bot->gone && bot->running == 0) {
		bot_destroy(bot);
	}
}

static bool bot_init(struct media_bot *bot)
{
	struct qg_bot *b = &bot->bot;
	b->state = calloc(1, b->adapter->state_size > 0 ? b->adapter->state_size : 1);
	enum qg_status status = b->state != NULL ? b->adapter->init(b) : QG_NO_MEMORY;
	if (status != QG_OK) {
		qg_log_warn(
			b->name, "what is attached cannot be fetched: %s", qg_status_text(status));
	}
	return status == QG_OK;
}

static struct media_bot *bot_create(
	struct qg_worker *worker, struct qg_config *config, const struct qg_bot_config *of)
{
	static const struct qg_strings none;
	struct qg_core *core = worker->core;
	struct media_bot *bot = calloc(1, sizeof(*bot));
	if (bot == NULL) {
		return NULL;
	}
	bot->config = qg_config_take(config);
	bot->bot = (struct qg_bot){.adapter = qg_adapter_find(of->platform),
		.host = &host,
		.config = of,
		.loop = core->loop,
		.redis = core->redis,
		.http = core->http,
		.ws = core->ws,
		.redis_url = core->redis_url,
		.name = of->name,
		.prefix = qg_queue_prefix(core->queue, qg_queue_partition(core->queue, of->name)),
		.data_dir = core->data_dir,
		.title = of->name,
		.greeting = "",
		.suggestions = &none,
		.owner = bot};
	qg_list_add(&worker->media_bots, &bot->link);
	if (!bot_init(bot)) {
		bot_destroy(bot);
		return NULL;
	}
	return bot;
}

static bool is_of(const struct media_bot *bot, const struct qg_bot_config *config)
{
	return config != NULL && strcmp(bot->bot.config->fingerprint, config->fingerprint) == 0 &&
	       strcmp(bot->bot.name, config->name) == 0;
}

/* The bot of the job, in the config that its turn began with. NULL: it cannot be made. */
static struct media_bot *bot_of(struct job *job)
{
	struct qg_worker *worker = job->worker;
	const struct qg_bot_config *config = qg_config_bot(job->config, job->entry.bot);
	QG_LIST_FOR_EACH (item, &worker->media_bots) {
		struct media_bot *bot = QG_CONTAINER(item, struct media_bot, link);
		if (is_of(bot, config)) {
			return bot;
		}
	}
	return config != NULL ? bot_create(worker, job->config, config) : NULL;
}

void media_sync(struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->media_bots) {
		struct media_bot *bot = QG_CONTAINER(item, struct media_bot, link);
		bot->gone = !is_of(bot, qg_config_bot(worker->core->config, bot->bot.name));
		bot_collect(bot);
	}
}

/* ---- the life of a question ---- */

static void start_next(struct qg_worker *worker);

/* The adapter owes it nothing any more. */
static void end_fetch(struct reading *reading)
{
	reading->worker->media_fetches--;
	reading->step = READING_ANSWERS;
}

/* Nobody waits for it any more, and nothing comes to it; but the pool may still have it. */
static void stop(struct reading *reading)
{
	qg_list_remove(&reading->link);
	qg_list_remove(&reading->waiter);
	qg_timer_stop(reading->timer);
	reading->fn = NULL;
	if (reading->step == READING_FETCHES) {
		reading->bot->bot.adapter->media_forget(&reading->bot->bot, reading);
		end_fetch(reading);
	}
	qg_document_cancel(reading->document);
	reading->document = NULL;
	if (reading->bot != NULL) {
		reading->bot->running--;
		bot_collect(reading->bot);
		reading->bot = NULL;
	}
}

static void destroy(struct reading *reading)
{
	qg_timer_destroy(reading->timer);
	json_decref(reading->attachment);
	qg_buf_finish(&reading->base64);
	free(reading->name);
	free(reading->data);
	free(reading);
}

static void drop(struct reading *reading)
{
	stop(reading);
	if (reading->step != READING_CODES) {
		destroy(reading);
	}
}

/* What others may know of why it failed. */
static enum qg_status told_status(enum qg_status status)
{
	switch (status) {
	case QG_OK:
	case QG_NOT_FOUND:
	case QG_TOO_LARGE:
	case QG_UNSUPPORTED:
	case QG_INVALID:
	case QG_EMPTY:
	case QG_TIMEOUT:
		return status;
	default:
		return QG_AWAY;
	}
}

/* The question is gone after it, and whoever asked may be. */
static void answer(struct reading *reading, enum qg_status status, const struct qg_medium *medium)
{
	struct qg_worker *worker = reading->worker;
	qg_media_fn fn = reading->fn;
	void *arg = reading->arg;
	stop(reading);
	status = told_status(status);
	fn(arg, status, status == QG_OK ? medium : NULL);
	if (reading->step != READING_CODES) {
		destroy(reading);
	}
	start_next(worker);
}

/* Its time is over, or there is nothing to wait for. */
static void time_over(void *arg)
{
	struct reading *reading = arg;
	answer(reading, reading->status != QG_OK ? reading->status : QG_TIMEOUT, NULL);
}

/* ---- what it is ---- */

static void code(void *arg, unsigned thread_index)
{
	struct reading *reading = arg;
	qg_base64_encode(reading->data, reading->size, &reading->base64);
}

static void coded(void *arg)
{
	struct reading *reading = arg;
	reading->step = READING_ANSWERS;
	if (reading->fn == NULL) {
		destroy(reading);
		return;
	}
	bool failed = reading->base64.failed != QG_OK, taken = false;
	size_t size = reading->base64.size;
	char *base64 = qg_buf_steal(&reading->base64);
	struct qg_medium medium = {.name = reading->name,
		.type = qg_file_type(reading->kind),
		.base64 = base64,
		.base64_size = size,
		.taken = &taken};
	answer(reading, failed ? QG_TIMEOUT : QG_OK, &medium);
	if (!taken) {
		free(base64);
	}
}

static void take_picture(struct reading *reading, char *data, size_t size)
{
	reading->data = data;
	reading->size = size;
	if (size > QG_IMAGE_MOST) {
		answer(reading, QG_TOO_LARGE, NULL);
		return;
	}
	qg_buf_init(&reading->base64, (size_t)QG_IMAGE_MOST / 3 * 4 + 4);
	reading->step = READING_CODES;
	if (qg_loop_work(reading->worker->core->loop, code, coded, reading) == NULL) {
		reading->step = READING_ANSWERS;
		answer(reading, QG_TIMEOUT, NULL);
	}
}

static void document_read(void *arg, enum qg_status status, const struct qg_document_text *document)
{
	struct reading *reading = arg;
	struct qg_medium medium = {.name = reading->name};
	reading->document = NULL;
	if (status == QG_OK) {
		medium.text = document->text;
		medium.size = document->size;
		medium.cut = document->cut;
	}
	/* no room here: the sender may try again later */
	answer(reading, status == QG_NO_MEMORY ? QG_TIMEOUT : status, &medium);
}

static void take_document(struct reading *reading, char *data, size_t size)
{
	reading->step = READING_PARSES;
	reading->document = qg_document_read(
		reading->worker->core->loop, reading->name, data, size, document_read, reading);
	if (reading->document == NULL) {
		answer(reading, QG_TIMEOUT, NULL);
	}
}

static void fetched(void *arg, enum qg_status status, char *data, size_t size)
{
	struct reading *reading = arg;
	struct qg_worker *worker = reading->worker;
	end_fetch(reading);
	if (status != QG_OK) {
		qg_log_info(reading->bot->bot.name, "what is attached cannot be fetched: %s",
			qg_status_text(status));
		answer(reading, status, NULL);
		return;
	}
	reading->kind = qg_file_kind(reading->name, data, size);
	if (qg_file_is_image(reading->kind)) {
		take_picture(reading, data, size);
	} else {
		take_document(reading, data, size);
	}
	start_next(worker);
}

/* ---- the question ---- */

static void start_next(struct qg_worker *worker)
{
	while (worker->media_fetches < FETCHES_MOST && !qg_list_is_empty(&worker->media_waiting)) {
		struct reading *reading =
			QG_CONTAINER(worker->media_waiting.next, struct reading, waiter);
		struct qg_bot *bot = &reading->bot->bot;
		qg_list_remove(&reading->waiter);
		worker->media_fetches++;
		reading->step = READING_FETCHES;
		bot->adapter->media(bot, reading->attachment, reading->most, fetched, reading);
	}
}

/* The last part of the name that the sender's system gave it, on one line. Yours to free. */
static char *clean_name(const char *name)
{
	const char *slash = strrchr(name, '/'), *back = strrchr(name, '\\');
	const char *begin = slash > back ? slash : back;
	begin = begin != NULL ? begin + 1 : name;
	size_t size = strlen(begin);
	/* its end tells its kind */
	size_t from = size > NAME_MOST ? qg_utf8_cut(begin, size, size - NAME_MOST) : 0;
	char *clean = qg_str_copy(begin + from);
	if (clean != NULL) {
		qg_utf8_flatten(clean);
		qg_str_trim(clean);
	}
	return clean;
}

static struct reading *create(struct job *job, const json_t *attachment)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	if (reading == NULL) {
		return NULL;
	}
	qg_list_init(&reading->link);
	qg_list_init(&reading->waiter);
	reading->worker = job->worker;
	reading->timer = qg_timer_create(job->worker->core->loop, time_over, reading);
	reading->name = clean_name(qg_json_str(attachment, "name", ""));
	reading->attachment = json_deep_copy(attachment);
	if (reading->timer == NULL || reading->name == NULL || reading->attachment == NULL) {
		destroy(reading);
		return NULL;
	}
	return reading;
}

/* Bytes of that type that are of any use; 0: none. */
static size_t most_of(const char *type)
{
	if (strcmp(type, "image") == 0) {
		return QG_IMAGE_MOST;
	}
	return strcmp(type, "file") == 0 ? QG_DOCUMENT_MOST : 0;
}

static void read_medium(struct qg_media *media, const json_t *attachment, qg_media_fn fn, void *arg)
{
	struct job *job = QG_CONTAINER(media, struct job, media);
	struct qg_worker *worker = job->worker;
	struct reading *reading = create(job, attachment);
	if (reading == NULL) {
		job->starved = true; /* no answer will come: somebody with memory takes it over */
		return;
	}
	reading->fn = fn;
	reading->arg = arg;
	reading->most = most_of(qg_json_str(attachment, "type", ""));
	qg_list_add(&job->readings, &reading->link);
	reading->bot = reading->most > 0 ? bot_of(job) : NULL;
	if (reading->bot == NULL) {
		reading->status = QG_UNSUPPORTED;
		reading->step = READING_ANSWERS;
		qg_timer_start(reading->timer, 0);
		return;
	}
	reading->bot->running++;
	qg_list_add(&worker->media_waiting, &reading->waiter);
	qg_timer_start(reading->timer, qg_clock_scaled(READ_MS));
	start_next(worker);
}

static void forget(struct qg_media *media, void *arg)
{
	struct job *job = QG_CONTAINER(media, struct job, media);
	QG_LIST_FOR_EACH (item, &job->readings) {
		struct reading *reading = QG_CONTAINER(item, struct reading, link);
		if (reading->arg == arg) {
			drop(reading);
		}
	}
	start_next(job->worker);
}

void media_open(struct job *job)
{
	job->media = (struct qg_media){.read = read_medium, .forget = forget};
	qg_list_init(&job->readings);
}

void media_leave(struct job *job)
{
	while (!qg_list_is_empty(&job->readings)) {
		drop(QG_CONTAINER(job->readings.next, struct reading, link));
	}
	start_next(job->worker);
}

/* Jobs are gone, and with them all questions but those that the pool still has. */
void media_finish(struct qg_worker *worker)
{
	qg_documents_finish(worker->core->loop);
	QG_LIST_FOR_EACH (item, &worker->media_bots) {
		bot_destroy(QG_CONTAINER(item, struct media_bot, link));
	}
}
