/* media.c - what an attachment stands for: its code is exchanged for an address, the address fetched while it lives.
 *
 * The address leads to an object store outside the platform, plain http at times, its query a signature to be kept byte
 * for byte. Nothing is followed elsewhere, and nothing leads inside, unless api_base or oapi_base names that host. A
 * picture has two codes: the second is tried where the first will not do. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "download.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

#define URL_MAX 8192
#define TRIES 3
#define AGAIN_MS 700
#define WAIT_MOST_MS 5000 /* the asker waits */

struct job {
	struct qg_list link;
	struct qg_bot *bot; /* NULL: nobody wants it any more, the pool still works on it */
	json_t *attachment;
	char *url;
	struct qg_address address; /* of url */
	size_t most;
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size);
	void *arg;
	struct qg_timer *timer;
	struct qg_fetch *fetch;
	bool in_pool, leads_inside, is_inner, is_second;
	unsigned tries;
	struct qg_buf data;
	enum qg_status status; /* told from the loop where it is not QG_OK */
};

static struct qg_list jobs = {&jobs, &jobs}; /* of all bots; loop thread only */

/* ---- life ---- */

static void destroy(struct job *job)
{
	qg_list_remove(&job->link);
	if (job->bot) {
		dingtalk_forget(dingtalk_core_of(job->bot), job);
	}
	qg_fetch_cancel(job->fetch);
	qg_timer_destroy(job->timer);
	json_decref(job->attachment);
	qg_buf_finish(&job->data);
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

static void end(struct job *job, enum qg_status status)
{
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size) = job->fn;
	void *arg = job->arg;
	size_t size = job->data.size;
	char *data = NULL;
	if (status == QG_OK) {
		status = qg_buf_add(&job->data, "", 0); /* an empty file has its NUL, too */
		data = status == QG_OK ? qg_buf_steal(&job->data) : NULL;
		status = data ? QG_OK : QG_NO_MEMORY;
	}
	destroy(job);
	fn(arg, status, data, data ? size : 0);
}

/* ---- the bytes ---- */

static void came(void *arg, struct qg_fetch *fetch, const char *data, size_t size)
{
	struct job *job = arg;
	(void)fetch;
	qg_buf_add(&job->data, data, size);
}

static void ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *fetched)
{
	struct job *job = arg;
	enum qg_status status = qg_download_judge(fetched);
	(void)fetch;
	job->fetch = NULL;
	if (status == QG_OK && job->data.failed != QG_OK) {
		status = job->data.failed;
	}
	if (status == QG_AWAY && job->tries < TRIES) {
		qg_buf_reset(&job->data);
		qg_timer_start(job->timer, AGAIN_MS * job->tries);
		return;
	}
	end(job, status);
}

static void download(struct job *job)
{
	static const struct qg_fetch_host host = {.data = came, .ended = ended};
	struct qg_fetch_request request = {.method = "GET",
		.url = job->url,
		.most = job->most,
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
	(void)thread;
	job->leads_inside = qg_address_leads_inside(job->address.host);
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
		download(job);
	}
}

static bool is_host_of(const char *base, const struct qg_address *address)
{
	struct qg_address own;
	return base && qg_address_read(base, &own) && strcmp(own.host, address->host) == 0;
}

static enum qg_status check_address(struct job *job)
{
	const struct dingtalk_options *set = job->bot->config->options;
	if (!qg_address_read(job->url, &job->address)) {
		return QG_INVALID;
	}
	job->is_inner = is_host_of(set->api_base, &job->address) ||
			is_host_of(set->oapi_base, &job->address);
	return job->is_inner || !qg_address_is_private(job->address.host) ? QG_OK : QG_INVALID;
}

static void follow(struct job *job)
{
	enum qg_status status = check_address(job);
	if (status != QG_OK) {
		end(job, status);
	} else if (job->is_inner) {
		download(job);
	} else {
		job->in_pool = qg_loop_work(job->bot->loop, resolve, resolved, job) != NULL;
		if (!job->in_pool) {
			end(job, QG_NO_MEMORY);
		}
	}
}

/* ---- the code ---- */

static void ask(struct job *job);

static enum qg_status verdict_of(const struct dingtalk_answer *answer)
{
	switch (answer->status) {
	case QG_NO_MEMORY:
	case QG_TIMEOUT:
	case QG_NOT_FOUND:
		return answer->status;
	case QG_UNSUPPORTED: /* an unknown refusal of just this code */
	case QG_DENIED:
		return QG_NOT_FOUND;
	default:
		return QG_AWAY;
	}
}

static void answered(void *arg, const struct dingtalk_answer *answer)
{
	struct job *job = arg;
	const char *url = qg_json_str(answer->body, "downloadUrl", NULL);
	bool has_second = qg_json_str(job->attachment, "second_code", NULL) != NULL &&
			  qg_json_str(job->attachment, "code", NULL) != NULL;
	if (answer->status == QG_OK && url && strlen(url) <= URL_MAX) {
		job->url = qg_str_copy(url);
		if (job->url) {
			follow(job);
		} else {
			end(job, QG_NO_MEMORY);
		}
		return;
	}
	enum qg_status status = answer->status == QG_OK ? QG_INVALID : verdict_of(answer);
	bool may_pass = answer->status == QG_BUSY || (answer->http >= 500 && !has_second);
	if (may_pass && job->tries + 1 < TRIES) {
		uint64_t wait = answer->retry_ms > AGAIN_MS ? answer->retry_ms : AGAIN_MS;
		if (wait <= WAIT_MOST_MS) {
			job->tries++;
			qg_timer_start(job->timer, wait);
			return;
		}
	}
	if (has_second && !job->is_second && answer->http != 0 && answer->status != QG_BUSY) {
		job->is_second = true;
		ask(job);
		return;
	}
	end(job, status);
}

static void ask(struct job *job)
{
	struct dingtalk_core *core = dingtalk_core_of(job->bot);
	const char *second = qg_json_str(job->attachment, "second_code", "");
	const char *code = job->is_second ? second : qg_json_str(job->attachment, "code", second);
	const char *robot = qg_json_str(job->attachment, "robot_code", dingtalk_robot_code(core));
	json_t *body = json_pack("{s:s, s:s}", "downloadCode", code, "robotCode", robot);
	if (!body) {
		end(job, QG_NO_MEMORY);
		return;
	}
	dingtalk_call(core, DINGTALK_API, "POST", "/v1.0/robot/messageFiles/download", body,
		answered, job);
}

/* ---- the vtable's ---- */

/* On the loop: at first, and for each further try. */
static void go(void *arg)
{
	struct job *job = arg;
	if (job->status != QG_OK) {
		end(job, job->status);
	} else if (job->url) {
		download(job);
	} else {
		ask(job);
	}
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

void dingtalk_media(struct qg_bot *bot, const json_t *attachment, size_t most,
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size), void *arg)
{
	struct job *job = create(bot, attachment);
	if (!job) { /* nothing is left to wait with */
		fn(arg, QG_NO_MEMORY, NULL, 0);
		return;
	}
	qg_list_add(&jobs, &job->link);
	job->most = most;
	job->fn = fn;
	job->arg = arg;
	qg_buf_init(&job->data, most);
	bool has_code = qg_json_str(attachment, "code", NULL) != NULL ||
			qg_json_str(attachment, "second_code", NULL) != NULL;
	job->status = !bot->http ? QG_AWAY : has_code ? QG_OK : QG_NOT_FOUND;
	qg_timer_start(job->timer, 0);
}

void dingtalk_media_forget(struct qg_bot *bot, void *arg)
{
	QG_LIST_FOR_EACH (item, &jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->bot == bot && job->arg == arg) {
			abandon(job);
		}
	}
}

void dingtalk_media_finish(struct qg_bot *bot)
{
	QG_LIST_FOR_EACH (item, &jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->bot == bot) {
			abandon(job);
		}
	}
}
