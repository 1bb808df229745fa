/* media.c - what an attachment stands for: the resource of its message, asked for with the bot's own token.
 *
 * Only resources of messages: what stands under /images and /files is what the app itself uploaded. A file is whatever
 * comes with HTTP 200 and a name, also one that is JSON with a "code" of its own. The platform is busy now and then, so a
 * try or two more are made. What a file is called may be told only now. */
#include "media.h"

#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define TRIES 3
#define AGAIN_MS 700
#define WAIT_MOST_MS 5000 /* the asker waits */

struct job {
	struct feishu_question question;
	struct feishu_core *core;
	json_t *attachment;
	char *path; /* NULL: it names no resource */
	size_t most;
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size);
	struct feishu_call *call;
	struct qg_timer *timer;
	unsigned tries;
};

/* ---- questions ---- */

bool feishu_question_ask(struct feishu_core *core, struct feishu_question *question)
{
	qg_list_init(&question->link);
	if (!core->media) {
		struct qg_list *list = malloc(sizeof(*list));
		if (!list) {
			return false;
		}
		qg_list_init(list);
		core->media = list;
	}
	qg_list_add(core->media, &question->link);
	return true;
}

void feishu_media_forget(struct qg_bot *bot, void *arg)
{
	struct feishu_core *core = feishu_core_of(bot);
	if (!core->media) {
		return;
	}
	QG_LIST_FOR_EACH (item, (struct qg_list *)core->media) {
		struct feishu_question *one = QG_CONTAINER(item, struct feishu_question, link);
		if (one->asker == arg) {
			one->drop(one);
		}
	}
}

void feishu_media_finish(struct feishu_core *core)
{
	struct qg_list *list = core->media;
	while (list && !qg_list_is_empty(list)) {
		struct feishu_question *one =
			QG_CONTAINER(list->next, struct feishu_question, link);
		one->drop(one);
	}
	core->media = NULL;
	free(list);
}

char *feishu_message_path(const char *id, const char *behind)
{
	struct qg_buf path;
	qg_buf_init(&path, 4096);
	qg_buf_add_str(&path, "/open-apis/im/v1/messages/");
	qg_url_encode(id, strlen(id), &path);
	qg_buf_add_str(&path, behind);
	return qg_buf_steal(&path); /* NULL where something failed */
}

/* ---- the life of a job ---- */

static void destroy(struct job *job)
{
	qg_list_remove(&job->question.link);
	feishu_call_cancel(job->call);
	qg_timer_destroy(job->timer);
	json_decref(job->attachment);
	free(job->path);
	free(job);
}

static void drop(struct feishu_question *question)
{
	destroy(QG_CONTAINER(question, struct job, question));
}

/* Takes data. */
static void end(struct job *job, enum qg_status status, char *data, size_t size)
{
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size) = job->fn;
	void *arg = job->question.asker;
	destroy(job);
	fn(arg, status, data, size);
}

/* ---- what came ---- */

/* A code of the platform where a resource was asked for; QG_OK: none of these. */
static enum qg_status refusal_of(int64_t code)
{
	switch (code) {
	case 234037: /* over 100 MB */
		return QG_TOO_LARGE;
	case 234043: /* of a kind that has none: stickers, cards, forwarded messages */
		return QG_UNSUPPORTED;
	case 234001: /* a key that is none */
	case 234003: /* not of this message */
	case 234004: /* the bot is not in the chat any more */
	case 234008: /* what the app did not upload */
	case 234038: /* protected */
	case 234040: /* not visible to the bot */
	case 230002:
	case 230011:
	case 230050:
	case 230110:
	case 231003:
	case 231018:
		return QG_NOT_FOUND;
	default:
		return QG_OK;
	}
}

static enum qg_status local_status(const struct feishu_answer *answer)
{
	switch (answer->error) {
	case QG_FETCH_TOO_LARGE:
		return QG_TOO_LARGE;
	case QG_FETCH_CONNECT_TIMEOUT:
	case QG_FETCH_FIRST_BYTE_TIMEOUT:
	case QG_FETCH_IDLE_TIMEOUT:
	case QG_FETCH_TOTAL_TIMEOUT:
		return QG_TIMEOUT;
	case QG_FETCH_NO_MEMORY:
		return QG_NO_MEMORY;
	default:
		return answer->local == QG_NO_MEMORY ? QG_NO_MEMORY : QG_AWAY;
	}
}

static bool is_file(const struct feishu_answer *answer)
{
	return answer->http == 200 && (answer->file_name || !answer->has_code);
}

static enum qg_status judge(const struct job *job, const struct feishu_answer *answer)
{
	if (answer->local != QG_OK || answer->error != QG_FETCH_NONE) {
		return local_status(answer);
	}
	if (is_file(answer)) {
		return QG_OK;
	}
	enum qg_status refused = answer->has_code ? refusal_of(answer->code) : QG_OK;
	if (refused != QG_OK) {
		return refused;
	}
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	if (outcome.status == QG_DENIED) {
		bool has_hint = answer->hint && answer->hint[0] != '\0';
		qg_log_warn(job->core->bot->name,
			"feishu: a file cannot be fetched: %s (code %lld %s)",
			has_hint ? answer->hint : outcome.words, (long long)answer->code,
			answer->msg);
		return QG_NOT_FOUND;
	}
	return answer->http == 404 ? QG_NOT_FOUND : QG_AWAY;
}

/* Without memory the attachment keeps the name it had. */
static void learn_name(struct job *job, const char *given)
{
	bool has_name = qg_json_str(job->attachment, "name", "")[0] != '\0';
	json_t *value = given && !has_name ? json_string(given) : NULL;
	if (value) {
		(void)json_object_set_new(job->attachment, "name", value);
	}
}

static void answered(void *arg, const struct feishu_answer *answer)
{
	struct job *job = arg;
	job->call = NULL;
	enum qg_status status = judge(job, answer);
	uint64_t wait = answer->reset_s > 0 ? answer->reset_s * UINT64_C(1000)
					    : AGAIN_MS * (uint64_t)job->tries;
	if (status == QG_AWAY && job->tries < TRIES && wait <= WAIT_MOST_MS) {
		qg_timer_start(job->timer, wait);
		return;
	}
	char *data = NULL;
	if (status == QG_OK) {
		learn_name(job, answer->file_name);
		data = qg_str_copy_n(answer->body ? answer->body : "", answer->size);
		status = data ? QG_OK : QG_NO_MEMORY;
	}
	end(job, status, data, data ? answer->size : 0);
}

/* ---- the question ---- */

/* From the loop: at first, and for each further try. */
static void go(void *arg)
{
	struct job *job = arg;
	if (!job->path || !job->core->bot->http) {
		end(job, job->path ? QG_AWAY : QG_NOT_FOUND, NULL, 0);
		return;
	}
	struct feishu_request request = {.method = "GET", .path = job->path, .most = job->most};
	job->tries++;
	job->call = feishu_call_begin(job->core->account, &request, answered, job);
	if (!job->call) {
		end(job, QG_NO_MEMORY, NULL, 0);
	}
}

/* Pictures, also those in rich text, are asked for as images, all else as files. */
static bool find_path(struct job *job)
{
	const char *message = qg_json_str(job->attachment, "message", "");
	const char *key = qg_json_str(job->attachment, "key", "");
	bool is_image = strcmp(qg_json_str(job->attachment, "type", ""), "image") == 0;
	if (message[0] == '\0' || key[0] == '\0') {
		return true;
	}
	struct qg_buf behind;
	qg_buf_init(&behind, 4096);
	qg_buf_add_str(&behind, "/resources/");
	qg_url_encode(key, strlen(key), &behind);
	qg_buf_add_str(&behind, is_image ? "?type=image" : "?type=file");
	job->path = behind.failed ? NULL : feishu_message_path(message, behind.data);
	qg_buf_finish(&behind);
	return job->path != NULL;
}

static struct job *create(struct feishu_core *core, const json_t *attachment, void *asker)
{
	struct job *job = calloc(1, sizeof(*job));
	if (!job) {
		return NULL;
	}
	qg_list_init(&job->question.link);
	job->question.asker = asker;
	job->question.drop = drop;
	job->core = core;
	job->attachment = json_incref((json_t *)attachment);
	job->timer = qg_timer_create(core->bot->loop, go, job);
	if (!job->timer || !find_path(job) || !feishu_question_ask(core, &job->question)) {
		destroy(job);
		return NULL;
	}
	return job;
}

void feishu_media(struct qg_bot *bot, const json_t *attachment, size_t most,
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size), void *arg)
{
	struct job *job = create(feishu_core_of(bot), attachment, arg);
	if (!job) { /* nothing is left to wait with */
		fn(arg, QG_NO_MEMORY, NULL, 0);
		return;
	}
	job->most = most;
	job->fn = fn;
	qg_timer_start(job->timer, 0);
}
