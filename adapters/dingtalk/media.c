/* media.c - what an attachment stands for: its code is exchanged for an address, the address fetched while it lives.
 *
 * The address leads to an object store outside the platform, plain http at times. A picture has two codes: the second is
 * tried where the first will not do. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

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
	struct qg_bot *bot;
	json_t *attachment;
	size_t most;
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size);
	void *arg;
	struct qg_timer *timer;
	struct qg_download *download;
	bool is_second;
	unsigned asks;
	enum qg_status status; /* told from the loop where it is not QG_OK */
};

static struct qg_list jobs = {&jobs, &jobs}; /* of all bots; loop thread only */

/* ---- life ---- */

static void destroy(struct job *job)
{
	qg_list_remove(&job->link);
	dingtalk_forget(dingtalk_core_of(job->bot), job);
	qg_download_cancel(job->download);
	qg_timer_destroy(job->timer);
	json_decref(job->attachment);
	free(job);
}

/* Takes data. */
static void end(struct job *job, enum qg_status status, char *data, size_t size)
{
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size) = job->fn;
	void *arg = job->arg;
	destroy(job);
	fn(arg, status, data, size);
}

/* ---- the file ---- */

static void came(void *arg, const struct qg_downloaded *got)
{
	struct job *job = arg;
	size_t size = got->data->size;
	char *data = got->status == QG_OK ? qg_buf_steal(got->data) : NULL;
	enum qg_status status = got->status == QG_OK && !data ? QG_NO_MEMORY : got->status;
	job->download = NULL;
	end(job, status, data, data ? size : 0);
}

static void follow(struct job *job, const char *url)
{
	const struct dingtalk_options *set = job->bot->config->options;
	const struct qg_download_request request = {
		.url = url, .most = job->most, .bases = {set->api_base, set->oapi_base}};
	job->download = qg_download_start(job->bot, &request, came, job);
	if (!job->download) {
		end(job, QG_NO_MEMORY, NULL, 0);
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
		follow(job, url);
		return;
	}
	enum qg_status status = answer->status == QG_OK ? QG_INVALID : verdict_of(answer);
	bool may_pass = answer->status == QG_BUSY || (answer->http >= 500 && !has_second);
	if (may_pass && job->asks < TRIES) {
		uint64_t wait = answer->retry_ms > AGAIN_MS ? answer->retry_ms : AGAIN_MS;
		if (wait <= WAIT_MOST_MS) {
			qg_timer_start(job->timer, wait);
			return;
		}
	}
	if (has_second && !job->is_second && answer->http != 0 && answer->status != QG_BUSY) {
		job->is_second = true;
		ask(job);
		return;
	}
	end(job, status, NULL, 0);
}

static void ask(struct job *job)
{
	struct dingtalk_core *core = dingtalk_core_of(job->bot);
	const char *second = qg_json_str(job->attachment, "second_code", "");
	const char *code = job->is_second ? second : qg_json_str(job->attachment, "code", second);
	const char *robot = qg_json_str(job->attachment, "robot_code", dingtalk_robot_code(core));
	json_t *body = json_pack("{s:s, s:s}", "downloadCode", code, "robotCode", robot);
	if (!body) {
		end(job, QG_NO_MEMORY, NULL, 0);
		return;
	}
	job->asks++;
	dingtalk_call(core, DINGTALK_API, "POST", "/v1.0/robot/messageFiles/download", body,
		answered, job);
}

/* ---- the vtable's ---- */

/* On the loop: at first, and for each further try. */
static void go(void *arg)
{
	struct job *job = arg;
	if (job->status != QG_OK) {
		end(job, job->status, NULL, 0);
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
			destroy(job);
		}
	}
}

void dingtalk_media_finish(struct qg_bot *bot)
{
	QG_LIST_FOR_EACH (item, &jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->bot == bot) {
			destroy(job);
		}
	}
}
