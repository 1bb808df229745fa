/* resolve.c - what a message only points to: the one it was written under, and records of talks that were forwarded.
 *
 * Both are one question to the platform, whose answer lists messages; those of a record name the one above them. A turn
 * waits for it, so there is little time: what fails or keeps us waiting is asked again in what is left of it, and where no
 * answer comes there are words in its place: the model shall know that something was there. Nothing of the message changes
 * before the end. */
#include "media.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define TIME_MS 5000
#define PATIENCE_MS 2000 /* with a first try: some hang, and the next one does not */
#define TRIES_MOST 3
#define AGAIN_MS 300u /* before the next try, if nobody says how long; twice that the next time */
#define AGAIN_MOST_MS 2500 /* who is to wait longer is told so at once */
#define ANSWER_MOST ((size_t)1 << 20)

enum what { QUOTE, FORWARD, KINDS };

static const struct {
	const char *type, *words;
} kinds[KINDS] = {{"quote", "引用的消息"}, {"forward", "转发的聊天记录"}};

struct job {
	struct feishu_question question;
	struct feishu_core *core;
	struct qg_message *message;
	void (*fn)(void *arg, enum qg_status status);
	struct feishu_call *call;
	struct qg_timer *timer; /* of all the questions: ... */
	uint64_t until;		/* ... by the clock, which the loop may be ahead of */
	char *keys[KINDS];	/* NULL: none, or read */
	enum what now;
	unsigned tries;		/* of this question */
	struct qg_timer *again; /* its next try */
	bool over;		/* of the time */
	enum qg_status status;	/* the first that was no success */
	struct feishu_record record;
};

/* ---- life ---- */

static void destroy(struct job *job)
{
	qg_list_remove(&job->question.link);
	feishu_call_cancel(job->call);
	qg_timer_destroy(job->timer);
	qg_timer_destroy(job->again);
	feishu_record_finish(&job->record);
	for (size_t i = 0; i < KINDS; i++) {
		free(job->keys[i]);
	}
	free(job);
}

static void drop(struct feishu_question *question)
{
	destroy(QG_CONTAINER(question, struct job, question));
}

static void fail(struct job *job, enum qg_status status)
{
	job->status = job->status == QG_OK ? status : job->status;
}

/* ---- the end ---- */

static bool is_pointer(const json_t *attachment)
{
	const char *type = qg_json_str(attachment, "type", "");
	return strcmp(type, kinds[QUOTE].type) == 0 || strcmp(type, kinds[FORWARD].type) == 0;
}

static void take_pointers_out(json_t *attachments)
{
	for (size_t i = json_array_size(attachments); i > 0; i--) {
		if (is_pointer(json_array_get(attachments, i - 1))) {
			json_array_remove(attachments, i - 1);
		}
	}
}

static bool put_attachments_in(struct qg_message *message, json_t *found)
{
	bool good = true;
	for (size_t i = 0; i < json_array_size(found) && good; i++) {
		if (json_array_size(message->attachments) < QG_ATTACHMENTS_MOST) {
			good = json_array_append(message->attachments, json_array_get(found, i)) ==
			       0;
		}
	}
	if (json_array_size(message->attachments) == 0) {
		json_decref(message->attachments);
		message->attachments = NULL;
	}
	return good;
}

static void end(struct job *job)
{
	struct qg_message *message = job->message;
	take_pointers_out(message->attachments);
	if (!put_attachments_in(message, job->record.attachments)) {
		fail(job, QG_NO_MEMORY);
	}
	char *quote = feishu_record_steal(&job->record, QG_QUOTE_MAX);
	if (quote && quote[0] != '\0') {
		free(message->quote);
		message->quote = quote;
	} else {
		free(quote);
	}
	void (*fn)(void *arg, enum qg_status status) = job->fn;
	void *arg = job->question.asker;
	enum qg_status status = job->status;
	destroy(job);
	fn(arg, status);
}

/* ---- what came ---- */

static enum qg_status judge(const struct feishu_answer *answer)
{
	switch (answer->code) {
	case 230002:
	case 230027:
	case 230050:
	case 231018:
		return QG_DENIED;
	case 230011:
	case 230110:
	case 231003:
		return QG_NOT_FOUND;
	default:
		return feishu_error_outcome(answer).status;
	}
}

static const char *words_for(enum qg_status status)
{
	switch (status) {
	case QG_NOT_FOUND:
		return "已被撤回或删除";
	case QG_DENIED:
		return "我没有权限看";
	case QG_TOO_LARGE:
		return "太长，没能读取";
	default:
		return "暂时没能读取";
	}
}

static void say_why(struct job *job, enum qg_status status)
{
	fail(job, status);
	QG_AUTO(qg_str_free)
	char *words = qg_str_printf("（%s%s）", kinds[job->now].words, words_for(status));
	feishu_record_say(&job->record, words ? words : "");
}

static void log_refusal(const struct job *job, const struct feishu_answer *answer)
{
	const char *words = feishu_error_outcome(answer).words;
	bool has_hint = answer->hint && answer->hint[0] != '\0';
	qg_log_info(job->core->bot->name,
		"feishu: a quoted or forwarded message cannot be read: %s (HTTP %d, code %lld %s) "
		"%s",
		has_hint ? answer->hint : words, answer->http, (long long)answer->code, answer->msg,
		answer->words);
}

static void next(struct job *job);

/* What may be otherwise in a moment. */
static bool is_asked_again(struct job *job, const struct feishu_answer *answer)
{
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	unsigned wait = outcome.retry_ms ? outcome.retry_ms : AGAIN_MS << (job->tries - 1);
	if (!qg_status_is_retryable(judge(answer)) || job->tries >= TRIES_MOST ||
		wait > AGAIN_MOST_MS) {
		return false;
	}
	qg_timer_start(job->again, wait);
	return true;
}

static void answered(void *arg, const struct feishu_answer *answer)
{
	struct job *job = arg;
	job->call = NULL;
	qg_timer_stop(job->again);
	bool is_long = answer->error == QG_FETCH_TOO_LARGE;
	enum qg_status status = is_long ? QG_TOO_LARGE : judge(answer);
	if (status == QG_OK) {
		status = feishu_record_read(
			&job->record, job->keys[job->now], answer->body, answer->size);
	} else {
		log_refusal(job, answer);
		if (!is_long && is_asked_again(job, answer)) {
			return;
		}
	}
	if (status != QG_OK) {
		say_why(job, status);
	}
	next(job);
}

/* ---- the questions ---- */

/* Cards as they were made: flattened ones of the newer form only ask people to update their client. */
static bool ask(struct job *job)
{
	QG_AUTO(qg_str_free)
	char *path = feishu_message_path(
		job->keys[job->now], "?card_msg_content_type=user_card_content");
	struct feishu_request request = {.method = "GET", .path = path, .most = ANSWER_MOST};
	if (path) {
		job->call = feishu_call_begin(job->core->account, &request, answered, job);
	}
	if (job->call && job->tries++ == 0) {
		qg_timer_start(job->again, PATIENCE_MS);
	}
	return job->call != NULL;
}

/* The one that is due, or the end. */
static void go(struct job *job)
{
	while (job->now < KINDS) {
		if (job->keys[job->now] && job->over) {
			say_why(job, QG_TIMEOUT);
		} else if (job->keys[job->now] && ask(job)) {
			return;
		} else if (job->keys[job->now]) {
			say_why(job, QG_NO_MEMORY);
		}
		job->now++;
	}
	end(job);
}

static void next(struct job *job)
{
	job->now++;
	job->tries = 0;
	go(job);
}

static void ask_again(void *arg)
{
	struct job *job = arg;
	feishu_call_cancel(job->call);
	job->call = NULL;
	go(job);
}

static void time_over(void *arg)
{
	struct job *job = arg;
	uint64_t now = qg_clock_mono();
	if (now < job->until) {
		qg_timer_start(job->timer, job->until - now);
		return;
	}
	feishu_call_cancel(job->call);
	job->call = NULL;
	qg_timer_stop(job->again);
	job->over = true;
	go(job);
}

/* false for no memory. */
static bool find_keys(struct job *job)
{
	size_t i;
	json_t *attachment;
	json_array_foreach (job->message->attachments, i, attachment) {
		const char *type = qg_json_str(attachment, "type", "");
		const char *key = qg_json_str(attachment, "key", "");
		for (size_t k = 0; k < KINDS; k++) {
			bool is_it = strcmp(type, kinds[k].type) == 0 && key[0] != '\0';
			if (is_it && !job->keys[k] && !(job->keys[k] = qg_str_copy(key))) {
				return false;
			}
		}
	}
	return true;
}

static struct job *create(struct feishu_core *core, struct qg_message *message, void *asker)
{
	struct job *job = calloc(1, sizeof(*job));
	if (!job) {
		return NULL;
	}
	qg_list_init(&job->question.link);
	job->question.asker = asker;
	job->question.drop = drop;
	job->core = core;
	job->message = message;
	feishu_record_init(&job->record, core->account->app_id);
	job->timer = qg_timer_create(core->bot->loop, time_over, job);
	job->again = qg_timer_create(core->bot->loop, ask_again, job);
	if (!job->timer || !job->again || !find_keys(job) ||
		!feishu_question_ask(core, &job->question)) {
		destroy(job);
		return NULL;
	}
	return job;
}

void feishu_complete(struct qg_bot *bot, struct qg_message *message,
	void (*fn)(void *arg, enum qg_status status), void *arg)
{
	struct feishu_core *core = feishu_core_of(bot);
	struct job *job = create(core, message, arg);
	if (!job) { /* nothing is left to wait with */
		take_pointers_out(message->attachments);
		fn(arg, QG_NO_MEMORY);
		return;
	}
	job->fn = fn;
	bool asks = (job->keys[QUOTE] || job->keys[FORWARD]) && bot->http;
	if (!asks) {
		job->over = true; /* all that is left is to say so, but not from inside */
		qg_timer_start(job->timer, 0);
		return;
	}
	job->until = qg_clock_mono() + TIME_MS;
	qg_timer_start(job->timer, TIME_MS);
	job->now = job->keys[QUOTE] ? QUOTE : FORWARD;
	if (!ask(job)) {
		say_why(job, QG_NO_MEMORY);
		job->now++;
		job->over = true;
		job->until = 0;
		qg_timer_start(job->timer, 0);
	}
}
