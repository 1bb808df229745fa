/* desk.c - what turns ask of Redis and what they leave to be booked: questions, and ends of calls.
 *
 * A question lives as long as its job wants the answer. Where Redis goes away meanwhile its outcome is unknown and
 * it is asked again: every script may be sent twice, and a turn that waited a second is better than one that
 * failed. The end of a call outlives the job: it is kept until Redis confirmed it, in a list with a ceiling, and
 * beyond that (or where the process dies) the sweep closes the call at its estimate. An opening that nobody waits
 * for any more is closed as a call that was never sent, whether it came about or not. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

struct question {
	struct qg_list link;
	struct qg_worker *worker;
	struct job *job; /* NULL: forgotten */
	enum { ASK_OPEN, ASK_FIGURES, ASK_BIND } kind;
	struct qg_call call;		    /* of an opening */
	char *chat, *user, *word, *message; /* of the others; word: the day, or the code's digest */
	union {
		qg_opened_fn opened;
		qg_figures_fn figures;
		qg_bound_fn bound;
	} fn;
	void *arg;
	bool in_flight;
};

/* The end of a call, or an answer that saved one. */
struct closing {
	struct qg_list link;
	struct qg_worker *worker;
	struct qg_call call;
	struct qg_call_end end;
	char *way; /* of a saved one */
	bool in_flight;
};

/* ---- ends of calls ---- */

static void free_closing(struct closing *closing)
{
	if (closing == NULL) {
		return;
	}
	call_free(&closing->call);
	free((char *)closing->end.failed);
	free((char *)closing->end.model);
	free(closing->way);
	free(closing);
}

static void count_closings(struct qg_worker *worker, int more)
{
	worker->closing_count = (unsigned)((int)worker->closing_count + more);
	qg_metric_set(worker->calls_waiting, worker->closing_count);
}

static void remove_closing(struct closing *closing)
{
	struct qg_worker *worker = closing->worker;
	qg_list_remove(&closing->link);
	free_closing(closing);
	count_closings(worker, -1);
	if (worker->closing_count == 0) {
		worker_settle(worker); /* a drain may have waited for it */
	}
}

static void lose(struct qg_worker *worker, const char *bot, const char *id, const char *why)
{
	qg_metric_add(worker->calls_lost, 1);
	qg_log_error(bot, "the end of call %s cannot be booked (%s): it will stand as estimated",
		id, why);
}

static void closed(void *arg, enum qg_status status, const struct qg_near *near, size_t count)
{
	struct closing *closing = arg;
	closing->in_flight = false;
	if (worker_repeats(status) || status == QG_FULL) {
		return;
	}
	if (status != QG_OK) {
		lose(closing->worker, closing->call.bot, closing->call.id, qg_status_text(status));
	}
	for (size_t i = 0; status == QG_OK && i < count; i++) {
		notice_near(closing->worker, &closing->call, &near[i]);
	}
	remove_closing(closing);
}

static void counted(void *arg, enum qg_status status)
{
	closed(arg, status, NULL, 0);
}

static void send_closing(struct closing *closing)
{
	struct qg_queue *queue = closing->worker->core->queue;
	if (closing->in_flight) {
		return;
	}
	closing->in_flight = true;
	if (closing->way != NULL) {
		qg_ledger_saved(queue, &closing->call, closing->way, counted, closing);
	} else {
		qg_ledger_close(queue, &closing->call, &closing->end, closed, closing);
	}
}

static char *copy_or_null(const char *text, bool *ok)
{
	char *copy = text != NULL ? qg_str_copy(text) : NULL;
	*ok = *ok && (copy != NULL || text == NULL);
	return copy;
}

/* end: or way. */
static void book(struct qg_worker *worker, const struct qg_call *call,
	const struct qg_call_end *end, const char *way)
{
	bool ok = worker->closing_count < CLOSINGS_MOST;
	struct closing *closing = ok ? calloc(1, sizeof(*closing)) : NULL;
	if (closing != NULL) {
		ok = call_copy(call, &closing->call);
		closing->way = copy_or_null(way, &ok);
		if (end != NULL) {
			closing->end = *end;
			closing->end.failed = copy_or_null(end->failed, &ok);
			closing->end.model = copy_or_null(end->model, &ok);
		}
	}
	if (closing == NULL || !ok) {
		free_closing(closing);
		lose(worker, call->bot, call->id, ok ? "out of memory" : "too many wait");
		return;
	}
	closing->worker = worker;
	qg_list_add(&worker->closings, &closing->link);
	count_closings(worker, 1);
	if (worker->up) {
		send_closing(closing);
	}
}

static struct job *job_of(struct qg_desk *desk)
{
	return QG_CONTAINER(desk, struct job, desk);
}

static void desk_close(
	struct qg_desk *desk, const struct qg_call *call, const struct qg_call_end *end)
{
	book(job_of(desk)->worker, call, end, NULL);
}

static void desk_saved(struct qg_desk *desk, const struct qg_call *call, const char *way)
{
	book(job_of(desk)->worker, call, NULL, way);
}

/* ---- questions ---- */

static void free_question(struct question *question)
{
	if (question == NULL) {
		return;
	}
	call_free(&question->call);
	free(question->chat);
	free(question->user);
	free(question->word);
	free(question->message);
	free(question);
}

static void remove_question(struct question *question)
{
	qg_list_remove(&question->link);
	free_question(question);
}

/* Says to admins what a limit refused, where nobody was told yet: the close that used it up may have died with its
 * worker, and none may ever come where each call is too dear. */
static void tell_refused(struct question *question)
{
	const struct qg_call_end never_sent = {.failed = "budget", .first_ms = -1};
	book(question->worker, &question->call, &never_sent, NULL);
}

/* What it reserved is given back, if it did. */
static void release(struct question *question)
{
	const struct qg_call_end never_sent = {.failed = "cancelled", .first_ms = -1};
	for (size_t i = 0; i < question->call.reserve_count; i++) {
		question->call.reserves[i].amount = 0;
	}
	book(question->worker, &question->call, &never_sent, NULL);
}

/* Whether the answer that just came is one that somebody waits for. */
static bool is_awaited(struct question *question, enum qg_status status)
{
	question->in_flight = false;
	if (question->job != NULL) {
		return !worker_repeats(status); /* else it is asked again */
	}
	bool denied = status == QG_DENIED || status == QG_STALE;
	if (question->kind == ASK_OPEN && !denied) {
		release(question);
	}
	remove_question(question);
	return false;
}

static void opened(void *arg, enum qg_status status, enum qg_limit limit)
{
	struct question *question = arg;
	if (is_awaited(question, status)) {
		qg_opened_fn fn = question->fn.opened;
		void *whose = question->arg;
		if (status == QG_DENIED) {
			tell_refused(question);
		}
		remove_question(question);
		fn(whose, status, limit);
	}
}

static void figured(void *arg, enum qg_status status, const struct qg_figures *figures)
{
	struct question *question = arg;
	if (is_awaited(question, status)) {
		qg_figures_fn fn = question->fn.figures;
		void *whose = question->arg;
		remove_question(question);
		fn(whose, status, figures);
	}
}

static void bound(void *arg, enum qg_status status)
{
	struct question *question = arg;
	if (is_awaited(question, status)) {
		qg_bound_fn fn = question->fn.bound;
		void *whose = question->arg;
		remove_question(question);
		fn(whose, status);
	}
}

static void ask(struct question *question)
{
	struct qg_queue *queue = question->worker->core->queue;
	if (question->in_flight || question->job == NULL) {
		return;
	}
	const struct qg_entry *entry = &question->job->entry;
	question->in_flight = true;
	switch (question->kind) {
	case ASK_OPEN:
		qg_ledger_open(queue, entry, &question->call, opened, question);
		break;
	case ASK_FIGURES:
		qg_ledger_figures(queue, entry->bot, question->chat, question->user, question->word,
			figured, question);
		break;
	case ASK_BIND:
		qg_bind_try(queue, entry->bot, question->user, question->word, question->message,
			qg_clock_wall(), bound, question);
		break;
	}
}

/* Keeps a prepared question and asks it. Where there was no memory for it no answer will come, so the job goes:
 * somebody with memory takes it over. */
static void keep(struct job *job, struct question *question, bool ok, void *arg)
{
	if (question == NULL || !ok) {
		free_question(question);
		job->starved = true;
		return;
	}
	question->worker = job->worker;
	question->job = job;
	question->arg = arg;
	qg_list_add(&job->worker->questions, &question->link);
	ask(question);
}

static void ask_open(struct qg_desk *desk, const struct qg_call *call, qg_opened_fn fn, void *arg)
{
	struct question *question = calloc(1, sizeof(*question));
	bool ok = question != NULL && call_copy(call, &question->call);
	if (ok) {
		question->kind = ASK_OPEN;
		question->fn.opened = fn;
	}
	keep(job_of(desk), question, ok, arg);
}

/* A job asks for its own bot only. */
static void ask_figures(struct qg_desk *desk, const char *bot, const char *chat, const char *user,
	const char *day, qg_figures_fn fn, void *arg)
{
	struct question *question = calloc(1, sizeof(*question));
	bool ok = question != NULL;
	if (ok) {
		question->kind = ASK_FIGURES;
		question->fn.figures = fn;
		question->chat = copy_or_null(chat, &ok);
		question->user = copy_or_null(user, &ok);
		question->word = copy_or_null(day, &ok);
	}
	keep(job_of(desk), question, ok, arg);
}

static void ask_bind(struct qg_desk *desk, const char *bot, const char *user, const char *code,
	const char *message, qg_bound_fn fn, void *arg)
{
	struct question *question = calloc(1, sizeof(*question));
	bool ok = question != NULL;
	if (ok) {
		char digest[33];
		qg_bind_digest(bot, code, digest);
		question->kind = ASK_BIND;
		question->fn.bound = fn;
		question->user = copy_or_null(user, &ok);
		question->word = copy_or_null(digest, &ok);
		question->message = copy_or_null(message, &ok);
	}
	keep(job_of(desk), question, ok, arg);
}

/* ---- forgetting ---- */

static void forget_one(struct question *question)
{
	question->job = NULL;
	if (question->in_flight) {
		return; /* its answer still comes */
	}
	if (question->kind == ASK_OPEN) {
		release(question); /* it may have come about before Redis went away */
	}
	remove_question(question);
}

static void desk_forget(struct qg_desk *desk, void *arg)
{
	struct job *job = job_of(desk);
	QG_LIST_FOR_EACH (item, &job->worker->questions) {
		struct question *question = QG_CONTAINER(item, struct question, link);
		if (question->job == job && question->arg == arg) {
			forget_one(question);
		}
	}
}

void desk_open(struct job *job)
{
	job->desk = (struct qg_desk){.open = ask_open,
		.close = desk_close,
		.saved = desk_saved,
		.figures = ask_figures,
		.bind = ask_bind,
		.forget = desk_forget};
}

void desk_leave(struct job *job)
{
	QG_LIST_FOR_EACH (item, &job->worker->questions) {
		struct question *question = QG_CONTAINER(item, struct question, link);
		if (question->job == job) {
			forget_one(question);
		}
	}
}

void desk_look(struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->closings) {
		send_closing(QG_CONTAINER(item, struct closing, link));
	}
	QG_LIST_FOR_EACH (item, &worker->questions) {
		ask(QG_CONTAINER(item, struct question, link));
	}
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->starved) {
			job_drop(job, "out of memory");
		}
	}
}

void desk_finish(struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->questions) {
		remove_question(QG_CONTAINER(item, struct question, link));
	}
	if (worker->closing_count > 0) {
		qg_log_error(NULL,
			"%u ends of model calls were not booked: they will stand as estimated",
			worker->closing_count);
	}
	QG_LIST_FOR_EACH (item, &worker->closings) {
		struct closing *closing = QG_CONTAINER(item, struct closing, link);
		qg_list_remove(&closing->link);
		free_closing(closing);
	}
}
