/* media.c - what an attachment stands for: fetched while its address lives, decrypted, handed over.
 *
 * Addresses live for five minutes and are served by an object store: a plain GET, its query a signature to be kept byte
 * for byte. Nothing is followed elsewhere, nothing leads inside, unless api_base names that host. The store is busy now
 * and then (503), so a try or two more are made here, where the address is still alive. A large file is decrypted in the
 * pool. What a file is called is told only now: its name is put into the attachment that was asked for. */
#include "hook.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "download.h"
#include "qg/codec.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"
#include "wxcrypt.h"

#define PADDING_MOST 32
#define POOL_BYTES ((size_t)1 << 20)
#define TRIES 3
#define AGAIN_MS 700
#define KEY_TEXT_MOST 64
#define NAME_MOST 255

struct job {
	struct qg_list link;
	struct qg_bot *bot; /* NULL: nobody wants it any more, the pool still works on it */
	json_t *attachment;
	char *url;
	struct qg_address address;
	uint8_t key[QG_AES256_KEY];
	size_t most;
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size);
	void *arg;
	struct qg_timer *timer;
	struct qg_fetch *fetch;
	bool in_pool, leads_inside, is_inner;
	unsigned tries;
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
	qg_fetch_cancel(job->fetch);
	qg_timer_destroy(job->timer);
	json_decref(job->attachment);
	qg_buf_finish(&job->data);
	explicit_bzero(job->key, sizeof(job->key));
	free(job->url);
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

/* The value of a parameter of Content-Disposition into out, without its quotes. */
static bool parameter(const char *header, const char *name, struct qg_buf *out)
{
	size_t name_size = strlen(name);
	for (const char *at = strchr(header, ';'); at; at = strchr(at, ';')) {
		at += 1 + strspn(at + 1, " \t");
		if (strncasecmp(at, name, name_size) != 0 || at[name_size] != '=') {
			continue;
		}
		at += name_size + 1;
		bool is_quoted = *at == '"';
		at += is_quoted;
		return qg_buf_add(out, at, strcspn(at, is_quoted ? "\"" : "; \t")) == QG_OK &&
		       out->size > 0;
	}
	return false;
}

/* filename*=UTF-8''.. first, then filename=, percent-coded either. Yours to free; NULL: none. */
static char *name_in(const char *header)
{
	QG_AUTO(qg_buf_finish) struct qg_buf raw;
	QG_AUTO(qg_buf_finish) struct qg_buf name;
	qg_buf_init(&raw, 4 * NAME_MOST);
	qg_buf_init(&name, 4 * NAME_MOST);
	const char *text = "";
	if (parameter(header, "filename*", &raw)) {
		const char *quote = strchr(raw.data, '\'');
		quote = quote ? strchr(quote + 1, '\'') : NULL;
		text = quote ? quote + 1 : "";
	} else {
		qg_buf_reset(&raw);
		text = parameter(header, "filename", &raw) ? raw.data : "";
	}
	if (qg_url_decode(text, strlen(text), false, &name) != QG_OK) {
		qg_buf_reset(&name); /* a bare per cent sign */
		qg_buf_add_str(&name, text);
	}
	const char *whole = name.data ? name.data : "";
	const char *last = strrchr(whole, '/');
	char *clean = qg_utf8_clean(last ? last + 1 : whole, strlen(last ? last + 1 : whole));
	if (clean) {
		qg_utf8_flatten(clean);
		clean[qg_utf8_cut(clean, strlen(clean), NAME_MOST)] = '\0';
	}
	return clean;
}

/* Without memory the attachment keeps the name it had. */
static void note_name(struct job *job, const struct qg_fetch *fetch)
{
	const char *header = qg_fetch_header(fetch, "Content-Disposition");
	QG_AUTO(qg_str_free) char *name = header ? name_in(header) : NULL;
	json_t *value = name && name[0] != '\0' ? json_string(name) : NULL;
	if (value) {
		(void)json_object_set_new(job->attachment, "name", value);
	}
}

/* ---- the fetch ---- */

static void came(void *arg, struct qg_fetch *fetch, const char *data, size_t size)
{
	struct job *job = arg;
	qg_buf_add(&job->data, data, size);
	(void)fetch;
}

static void ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *fetched)
{
	struct job *job = arg;
	enum qg_status status = qg_download_judge(fetched);
	if (status == QG_OK) {
		note_name(job, fetch);
	}
	job->fetch = NULL;
	if (status == QG_OK && job->data.failed != QG_OK) {
		status = job->data.failed;
	}
	if (status == QG_AWAY && job->tries < TRIES) {
		qg_buf_reset(&job->data);
		qg_timer_start(job->timer, AGAIN_MS * job->tries);
	} else if (status != QG_OK) {
		end(job, status);
	} else {
		open_data(job);
	}
}

static void start(struct job *job)
{
	static const struct qg_fetch_host host = {.data = came, .ended = ended};
	struct qg_fetch_request request = {.method = "GET",
		.url = job->url,
		.most = job->most + PADDING_MOST,
		.connect_ms = 8000,
		.first_byte_ms = 10000,
		.idle_ms = 10000,
		.total_ms = 60000};
	job->tries++;
	job->fetch = qg_fetch_start(job->bot->http, &request, &host, job);
	if (!job->fetch) {
		end(job, QG_NO_MEMORY);
	}
}

/* ---- where it leads ---- */

static void resolve(void *arg, unsigned thread)
{
	struct job *job = arg;
	job->leads_inside = qg_address_leads_inside(job->address.host);
	(void)thread;
}

static void resolved(void *arg)
{
	struct job *job = arg;
	job->in_pool = false;
	if (!job->bot) {
		destroy(job);
	} else if (job->leads_inside) {
		end(job, QG_INVALID);
	} else {
		start(job);
	}
}

/* On the loop, for the first try and each further one. */
static void go(void *arg)
{
	struct job *job = arg;
	if (job->status != QG_OK) {
		finish(job);
	} else if (job->is_inner || job->tries > 0) {
		start(job);
	} else {
		job->in_pool = qg_loop_work(job->bot->loop, resolve, resolved, job) != NULL;
		if (!job->in_pool) {
			end(job, QG_NO_MEMORY);
		}
	}
}

static enum qg_status check_address(struct job *job)
{
	const struct wecom_options *set = job->bot->config->options;
	struct qg_address base;
	if (!qg_address_read(job->url, &job->address)) {
		return QG_INVALID;
	}
	bool has_base = set->api_base && qg_address_read(set->api_base, &base);
	job->is_inner = has_base && strcmp(base.host, job->address.host) == 0;
	if (job->is_inner) {
		return job->address.is_https || !base.is_https ? QG_OK : QG_INVALID;
	}
	bool is_private = qg_address_is_private(job->address.host);
	return job->address.is_https && !is_private ? QG_OK : QG_INVALID;
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
	job->url = qg_str_copy(qg_json_str(attachment, "url", ""));
	job->timer = qg_timer_create(bot->loop, go, job);
	if (!job->url || !job->timer) {
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
	qg_buf_init(&job->data, most + PADDING_MOST);
	job->status = bot->http ? check_address(job) : QG_AWAY;
	if (job->status == QG_OK) {
		job->status = read_key(job);
	}
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
