/* media.c - what is in the pictures and files of a turn's messages: fetched by the platform's adapter, documents read
 * in a child, pictures made base64 in the pool. Nothing is kept.
 *
 * A few are in hand at once, from the fetch to the answer, and fewer of one customer, for files that take all their time
 * must not keep those of others waiting; the rest wait. Each question ends within 30 s. */
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
	IN_HAND_MOST = 12,		  /* 20 MB each at the most */
	OF_ONE_MOST = 4,		  /* of one customer */
	PICTURES_MOST = 96 * 1024 * 1024, /* bytes of all that live turns have, as base64 */
	NAME_MOST = 200,
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
	struct qg_list link;  /* of its job */
	struct qg_list place; /* of those that wait, or of those in hand */
	struct qg_worker *worker;
	struct job *job; /* until it is forgotten */
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

/* ---- the life of a question ---- */

static void start_next(struct qg_worker *worker);

/* Nobody waits for it any more, and nothing comes to it; but the pool may still have it. */
static void stop(struct reading *reading)
{
	qg_list_remove(&reading->link);
	qg_list_remove(&reading->place);
	qg_timer_stop(reading->timer);
	reading->fn = NULL;
	reading->job = NULL;
	if (reading->step == READING_FETCHES) {
		reading->bot->bot.adapter->media_forget(&reading->bot->bot, reading);
		reading->step = READING_ANSWERS;
	}
	qg_document_cancel(reading->document);
	reading->document = NULL;
	if (reading->bot != NULL) {
		media_bot_leave(reading->bot);
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
	const struct qg_medium only_name = {.name = reading->name};
	fn(arg, status, status == QG_OK ? medium : &only_name);
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

/* A turn keeps its pictures while models are asked, which takes a while: all together must leave room for the rest of
 * the process. What is counted for a job is counted until it goes. */
static bool has_room(struct reading *reading, size_t bytes)
{
	if (bytes > PICTURES_MOST - reading->worker->picture_bytes) {
		return false;
	}
	reading->worker->picture_bytes += bytes;
	reading->job->picture_bytes += bytes;
	return true;
}

static void take_picture(struct reading *reading, char *data, size_t size)
{
	reading->data = data;
	reading->size = size;
	if (size > QG_IMAGE_MOST) {
		answer(reading, QG_TOO_LARGE, NULL);
		return;
	}
	if (!has_room(reading, size / 3 * 4 + 4)) {
		answer(reading, QG_AWAY, NULL);
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

/* Some platforms tell a file's name only with the file. Without memory it keeps the one it had. */
static void learn_name(struct reading *reading)
{
	char *name = clean_name(qg_json_str(reading->attachment, "name", ""));
	if (name != NULL) {
		free(reading->name);
		reading->name = name;
	}
}

static void fetched(void *arg, enum qg_status status, char *data, size_t size)
{
	struct reading *reading = arg;
	reading->step = READING_ANSWERS; /* the adapter owes it nothing any more */
	learn_name(reading);
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
}

/* ---- the question ---- */

/* Who has to share: the bots of a customer do, and a bot without one is its own. */
static const char *sharer(const struct reading *reading)
{
	const struct qg_bot_config *config = reading->bot->bot.config;
	return config->customer != NULL ? config->customer : config->name;
}

static bool has_place(const struct qg_worker *worker, const struct reading *reading)
{
	unsigned all = 0, own = 0;
	QG_LIST_FOR_EACH (item, &worker->media_in_hand) {
		const struct reading *other = QG_CONTAINER(item, struct reading, place);
		all++;
		own += strcmp(sharer(other), sharer(reading)) == 0 ? 1 : 0;
	}
	return all < IN_HAND_MOST && own < OF_ONE_MOST;
}

/* NULL: none may begin now. */
static struct reading *next_in_line(const struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->media_waiting) {
		struct reading *reading = QG_CONTAINER(item, struct reading, place);
		if (has_place(worker, reading)) {
			return reading;
		}
	}
	return NULL;
}

static void start_next(struct qg_worker *worker)
{
	struct reading *reading;
	while ((reading = next_in_line(worker)) != NULL) {
		struct qg_bot *bot = &reading->bot->bot;
		qg_list_remove(&reading->place);
		qg_list_add(&worker->media_in_hand, &reading->place);
		reading->step = READING_FETCHES;
		bot->adapter->media(bot, reading->attachment, reading->most, fetched, reading);
	}
}

static struct reading *create(struct job *job, const json_t *attachment)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	if (reading == NULL) {
		return NULL;
	}
	qg_list_init(&reading->link);
	qg_list_init(&reading->place);
	reading->worker = job->worker;
	reading->job = job;
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
	reading->bot = reading->most > 0 ? media_bot_of(job) : NULL;
	if (reading->bot == NULL) {
		reading->status = QG_UNSUPPORTED;
		reading->step = READING_ANSWERS;
		qg_timer_start(reading->timer, 0);
		return;
	}
	reading->bot->running++;
	qg_list_add(&worker->media_waiting, &reading->place);
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
	job->worker->picture_bytes -= job->picture_bytes;
	job->picture_bytes = 0;
	start_next(job->worker);
}

/* Jobs are gone, and with them all questions but those that the pool still has. */
void media_finish(struct qg_worker *worker)
{
	qg_documents_finish(worker->core->loop);
	media_bots_finish(worker);
}
