/* media.c - what an attachment stands for: fetched while its address lives, decrypted, handed over.
 *
 * A large file is decrypted in the pool. What a file is called is told only now: its name is put into the attachment that
 * was asked for. */
#include "hook.h"

#include <stdlib.h>
#include <string.h>

#include "download.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"
#include "wxcrypt.h"

#define PADDING_MOST 32
#define POOL_BYTES ((size_t)1 << 20)
#define KEY_TEXT_MOST 64

struct job {
	struct qg_list link;
	struct qg_bot *bot; /* NULL: nobody wants it any more, the pool still works on it */
	json_t *attachment;
	uint8_t key[QG_AES256_KEY];
	size_t most;
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size);
	void *arg;
	struct qg_timer *timer;
	struct qg_download *download;
	bool in_pool;
	struct qg_buf data;
	enum qg_status status;
	size_t size; /* decrypted */
};

static struct qg_list jobs; /* of all bots; loop thread only */

static struct qg_list *all_jobs(void)
{
	if (!jobs.next) {
		qg_list_init(&jobs);
	}
	return &jobs;
}

/* ---- life ---- */

static void destroy(struct job *job)
{
	qg_list_remove(&job->link);
	qg_download_cancel(job->download);
	qg_timer_destroy(job->timer);
	json_decref(job->attachment);
	qg_buf_finish(&job->data);
	explicit_bzero(job->key, sizeof(job->key));
	free(job);
}

/* The pool's thread holds on to it: it goes when that comes back. */
static void abandon(struct job *job)
{
	if (!job->in_pool) {
		destroy(job);
		return;
	}
	job->bot = NULL;
}

static void finish(struct job *job)
{
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size) = job->fn;
	void *arg = job->arg;
	enum qg_status status = job->status;
	size_t size = status == QG_OK ? job->size : 0;
	char *data = NULL;
	if (status == QG_OK) {
		job->data.data[size] = '\0';
		data = qg_buf_steal(&job->data);
		status = data ? QG_OK : QG_NO_MEMORY;
	}
	destroy(job);
	fn(arg, status, data, data ? size : 0);
}

static void end(struct job *job, enum qg_status status)
{
	job->status = status;
	finish(job);
}

/* ---- the bytes ---- */

static void decrypt(void *arg, unsigned thread)
{
	struct job *job = arg;
	job->status = wxcrypt_open_file(job->key, job->data.data, job->data.size, &job->size);
	(void)thread;
}

static void decrypted(void *arg)
{
	struct job *job = arg;
	job->in_pool = false;
	if (!job->bot) {
		destroy(job);
		return;
	}
	end(job, job->status == QG_OK && job->size > job->most ? QG_TOO_LARGE : job->status);
}

static void open_data(struct job *job)
{
	if (job->data.size < POOL_BYTES) {
		decrypt(job, 0);
		decrypted(job);
		return;
	}
	job->in_pool = qg_loop_work(job->bot->loop, decrypt, decrypted, job) != NULL;
	if (!job->in_pool) {
		end(job, QG_NO_MEMORY);
	}
}

/* ---- the name ---- */

/* Without memory the attachment keeps the name it had. */
static void note_name(struct job *job, const char *name)
{
	json_t *value = name ? json_string(name) : NULL;
	if (value) {
		(void)json_object_set_new(job->attachment, "name", value);
	}
}

/* ---- the fetch ---- */

static void came(void *arg, const struct qg_downloaded *got)
{
	struct job *job = arg;
	job->download = NULL;
	if (got->status != QG_OK) {
		end(job, got->status);
		return;
	}
	note_name(job, got->name);
	qg_buf_finish(&job->data);
	job->data = *got->data;
	qg_buf_init(got->data, 0);
	open_data(job);
}

/* On the loop. */
static void go(void *arg)
{
	struct job *job = arg;
	const struct wecom_options *set = job->bot->config->options;
	const struct qg_download_request request = {.url = qg_json_str(job->attachment, "url", ""),
		.most = job->most + PADDING_MOST,
		.bases = {set->api_base},
		.https = true};
	if (job->status != QG_OK) {
		finish(job);
		return;
	}
	job->download = qg_download_start(job->bot, &request, came, job);
	if (!job->download) {
		end(job, QG_NO_MEMORY);
	}
}

static enum qg_status read_key(struct job *job)
{
	const struct wecom_options *set = job->bot->config->options;
	const char *own = qg_json_str(job->attachment, "aeskey", NULL);
	char text[KEY_TEXT_MOST + 1];
	if (!own) {
		return set->encoding_aes_key ? wxcrypt_key(set->encoding_aes_key, job->key)
					     : QG_INVALID;
	}
	size_t size = strnlen(own, KEY_TEXT_MOST + 1);
	if (size > KEY_TEXT_MOST) {
		return QG_INVALID;
	}
	memcpy(text, own, size + 1);
	if (size == WXCRYPT_KEY_CHARS + 1 && text[size - 1] == '=') {
		text[size - 1] = '\0';
	}
	return wxcrypt_key(text, job->key);
}

static struct job *create(struct qg_bot *bot, const json_t *attachment)
{
	struct job *job = calloc(1, sizeof(*job));
	if (!job) {
		return NULL;
	}
	qg_list_init(&job->link);
	job->bot = bot;
	job->attachment = json_incref((json_t *)attachment);
	job->timer = qg_timer_create(bot->loop, go, job);
	if (!job->timer) {
		destroy(job);
		return NULL;
	}
	return job;
}

void wecom_media(struct qg_bot *bot, const json_t *attachment, size_t most,
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size), void *arg)
{
	struct job *job = create(bot, attachment);
	if (!job) { /* nothing is left to wait with */
		fn(arg, QG_NO_MEMORY, NULL, 0);
		return;
	}
	qg_list_add(all_jobs(), &job->link);
	job->most = most;
	job->fn = fn;
	job->arg = arg;
	qg_buf_init(&job->data, 0);
	job->status = read_key(job);
	qg_timer_start(job->timer, 0);
}

void wecom_media_forget(struct qg_bot *bot, void *arg)
{
	QG_LIST_FOR_EACH (item, all_jobs()) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->bot == bot && job->arg == arg) {
			abandon(job);
		}
	}
}

void wecom_media_finish(struct qg_bot *bot)
{
	QG_LIST_FOR_EACH (item, all_jobs()) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->bot == bot) {
			abandon(job);
		}
	}
}
