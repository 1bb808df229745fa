/* chain.c - a question to the endpoints of a bot, in their order, until one answers.
 *
 * Every call to a service goes the same way: its gate is open, the turn's own limit allows it, the desk reserves and
 * books it, the service is asked, and its end is booked, exactly once whatever happens between. A failure nobody saw is
 * tried again where that may help, then elsewhere; once a word was shown the answer is finished as it stands and the
 * turn says that it broke off. `offline` stands last in every chain, needs nobody, and so a bot always says something;
 * only a request the service calls malformed ends the turn, because that is our own mistake and must be seen. A forced
 * model stands alone: a test of that model must not be answered by another. */
#include "chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "lineup.h"
#include "qg/backoff.h"
#include "qg/clock.h"
#include "qg/log.h"

#define OFFLINE "offline"
#define MAX_TRIES 2 /* of one endpoint */
#define MAX_CALLS 4 /* of one turn */
#define WAIT_MIN_MS 500
#define WAIT_MAX_MS 8000
#define LATE_MS 20	    /* a loop's timers may fire a little before the clock says so */
#define STATED_MAX_MS 10000 /* a longer wait is too long for who asked */
#define RATE_REST_MS 3000 /* for a key that is asked too often and does not say how long to wait */

enum state {
	OPENING, /* the desk is asked */
	ASKING,	 /* a call is under way */
	WAITING, /* before the same endpoint is asked once more */
	RESTING, /* until one may be asked that was asked too often */
	ENDING,
};

struct qg_chain {
	struct qg_chain_request request;
	const struct qg_chain_host *host;
	void *arg;
	struct qg_timer *timer; /* WAITING, ENDING */
	enum state state;
	bool starting; /* inside qg_chain_start(): nothing may be told yet */
	size_t next;   /* of the names */
	int below;     /* a limit was met: only endpoints of a lower rank; 0: any */
	bool limited, shown;
	unsigned calls;
	size_t later; /* index of an endpoint whose stated wait is short, and 1; 0: none */
	int64_t later_ms;
	bool waited;	    /* for such a one; once a turn */
	struct qg_ask bare; /* the question without its history, once that was too long */
	bool trimmed;	    /* that one is asked now */
	struct qg_bill bill;

	/* the endpoint whose turn it is */
	const struct qg_model *model;
	const struct qg_model_config *endpoint; /* NULL for offline */
	struct qg_lane lane;
	struct qg_booking booking;
	struct qg_model_call call;
	struct qg_backoff backoff;
	unsigned tries;

	/* how it stands, told at the end */
	enum qg_status status;
	struct qg_model_result outcome;
	const struct qg_model_config *failed; /* who failed last */
	char words[128];
};

/* ---- who is asked ---- */

static bool has_pictures(const struct qg_chain *chain)
{
	return chain->request.ask->image_count > 0;
}

/* Why an endpoint of the chain is passed over; NULL: it may be asked. */
static const char *obstacle(struct qg_chain *chain)
{
	const struct qg_payer *payer = &chain->request.payer;
	if (chain->below > 0 && qg_lineup_rank(chain->endpoint) >= chain->below) {
		return "not cheaper than what the budget refused";
	}
	if (!qg_lineup_may_ask(payer->bot, chain->endpoint)) {
		return "it is abroad, which `abroad: allowed` does not permit for this bot";
	}
	if (chain->calls >= MAX_CALLS) {
		return "enough was tried";
	}
	if (has_pictures(chain) && !qg_endpoint_sees(chain->endpoint)) {
		return "it does not see pictures";
	}
	return NULL;
}

/* Asked too often, by whomever: where the wait is short and nobody else is there, it is better than a quote from
 * the handbook. */
static void note_rate(struct qg_chain *chain, enum qg_model_error shut)
{
	int64_t wait = qg_lane_wait(chain->request.payer.endpoints, &chain->lane);
	if (shut == QG_MODEL_RATE && wait <= STATED_MAX_MS && chain->later == 0) {
		chain->later = chain->next;
		chain->later_ms = wait;
	}
}

/* Takes the endpoint of that name as the one to ask; false: it is passed over. */
static bool choose(struct qg_chain *chain, const char *name)
{
	const struct qg_payer *payer = &chain->request.payer;
	chain->model = qg_lineup_service(
		payer->config, payer->bot, payer->endpoints, name, &chain->endpoint);
	chain->tries = 0;
	if (chain->model == NULL) {
		qg_log_warn(payer->bot->name, "model %s: not there, skipped", name);
		return false;
	}
	if (chain->endpoint == NULL) {
		return !has_pictures(chain);
	}
	const char *why = obstacle(chain);
	if (why != NULL) {
		qg_log_info(payer->bot->name, "model %s: skipped: %s", name, why);
		return false;
	}
	qg_lane_init(&chain->lane, chain->endpoint);
	enum qg_model_error shut = qg_lane_shut(payer->endpoints, &chain->lane);
	if (shut != QG_MODEL_NONE && chain->request.force == NULL) {
		note_rate(chain, shut);
		qg_log_debug(
			payer->bot->name, "model %s: skipped: %s", name, qg_model_error_text(shut));
		return false;
	}
	qg_backoff_reset(&chain->backoff);
	return true;
}

/* ---- the end ---- */

static void destroy(struct qg_chain *chain)
{
	qg_timer_destroy(chain->timer);
	free(chain);
}

static void deliver(struct qg_chain *chain)
{
	struct qg_chain_end end = {.status = chain->status,
		.endpoint = chain->failed,
		.result = &chain->outcome,
		.shown = chain->shown,
		.limited = chain->limited,
		.bill = &chain->bill};
	chain->host->ended(chain->arg, &end);
	destroy(chain);
}

static void end(struct qg_chain *chain)
{
	chain->state = ENDING;
	if (chain->starting) {
		qg_timer_start(chain->timer, 0);
	} else {
		deliver(chain);
	}
}

/* Keeps what went wrong, in case nobody else is left to ask. */
static void keep_failure(struct qg_chain *chain, enum qg_model_error error, const char *words)
{
	snprintf(chain->words, sizeof(chain->words), "%s", words != NULL ? words : "");
	chain->outcome = (struct qg_model_result){
		.error = error, .words = chain->words[0] != '\0' ? chain->words : NULL};
	chain->failed = chain->endpoint;
}

/* ---- one call ---- */

static void advance(struct qg_chain *chain);
static void on_chunk(struct qg_model_call *call, const char *data, size_t size);
static void on_ended(struct qg_model_call *call, const struct qg_model_result *result);
static const struct qg_model_host model_host = {on_chunk, on_ended};

static bool is_booked(const struct qg_chain *chain)
{
	return chain->endpoint != NULL && qg_booking_is_wanted(chain->model);
}

static const struct qg_ask *question_of(const struct qg_chain *chain)
{
	return chain->trimmed ? &chain->bare : chain->request.ask;
}

/* The service could not even be asked. */
static bool give_up(struct qg_chain *chain, const char *words)
{
	struct qg_model_result result = {.error = QG_MODEL_SERVER, .words = words};
	if (is_booked(chain)) {
		qg_booking_close(&chain->booking, &chain->lane, &result, &chain->bill);
		qg_lane_abandon(chain->request.payer.endpoints, &chain->lane);
	}
	keep_failure(chain, QG_MODEL_SERVER, words);
	return false;
}

static bool ask(struct qg_chain *chain)
{
	const struct qg_payer *payer = &chain->request.payer;
	void *state = calloc(1, chain->model->state_size + 1);
	if (state == NULL) {
		return give_up(chain, "out of memory");
	}
	chain->calls += is_booked(chain) ? 1 : 0;
	chain->state = ASKING;
	chain->call = (struct qg_model_call){chain->model, chain->endpoint, question_of(chain),
		chain->request.loop, payer->endpoints != NULL ? payer->endpoints->http : NULL,
		&model_host, chain, state};
	qg_booking_begin(&chain->booking);
	if (chain->model->ask(&chain->call) == QG_OK) {
		return true;
	}
	free(state);
	chain->call.state = NULL;
	return give_up(chain, "it could not be asked");
}

/* A limit stands before this endpoint: who may be asked instead is what the bot's at_limit says. */
static void meet_limit(struct qg_chain *chain, const char *limit)
{
	const struct qg_bot_config *bot = chain->request.payer.bot;
	qg_lane_abandon(chain->request.payer.endpoints, &chain->lane);
	qg_log_info(bot->name, "model %s: not asked, the budget %s is used up",
		chain->endpoint->name, limit);
	chain->limited = true;
	keep_failure(chain, QG_MODEL_BUDGET, "the budget is used up");
	if (chain->request.force != NULL || bot->at_limit == QG_LIMIT_STOP) {
		chain->next = SIZE_MAX;
	} else if (bot->at_limit == QG_LIMIT_OFFLINE) {
		chain->next = bot->models.count;
	} else {
		chain->below = qg_lineup_rank(chain->endpoint);
	}
}

static void opened(void *arg, enum qg_status status, enum qg_limit limit)
{
	struct qg_chain *chain = arg;
	if (status == QG_OK) {
		chain->booking.granted = true;
		if (!ask(chain)) {
			advance(chain);
		}
		return;
	}
	if (status == QG_DENIED) {
		meet_limit(chain, qg_limit_name(limit));
		advance(chain);
		return;
	}
	qg_lane_abandon(chain->request.payer.endpoints, &chain->lane);
	keep_failure(chain, QG_MODEL_NONE, qg_status_text(status));
	chain->status = status;
	end(chain);
}

/* Begins a call to the chosen endpoint; false: another one must be chosen. */
static bool begin(struct qg_chain *chain)
{
	struct qg_payer *payer = &chain->request.payer;
	chain->tries++;
	if (!is_booked(chain)) {
		return ask(chain);
	}
	if (!qg_booking_prepare(&chain->booking, payer, chain->model, chain->endpoint, &chain->lane,
		    question_of(chain))) {
		qg_log_warn(payer->bot->name,
			"model %s: skipped: no price is known and a budget is set; give it a "
			"`price`",
			chain->endpoint->name);
		return false;
	}
	double rate = payer->config != NULL ? payer->config->usd_cny : 0;
	if (!qg_budget_turn_allows(payer->bot, rate, &chain->booking.call, chain->bill.spent)) {
		meet_limit(chain, qg_limit_name(QG_LIMIT_TURN));
		return false;
	}
	qg_lane_begin(payer->endpoints, &chain->lane);
	if (payer->desk == NULL) {
		return ask(chain);
	}
	chain->state = OPENING;
	payer->desk->open(payer->desk, &chain->booking.call, opened, chain);
	return true;
}

/* Before offline answers: whether it is worth waiting for one that was asked too often. */
static bool rest(struct qg_chain *chain)
{
	bool last = chain->next == chain->request.payer.bot->models.count;
	if (!last || chain->later == 0 || chain->waited || chain->limited) {
		return false;
	}
	chain->waited = true;
	chain->next = chain->later - 1;
	chain->state = RESTING;
	qg_timer_start(chain->timer,
		(uint64_t)chain->later_ms + LATE_MS + qg_backoff_next(&chain->backoff));
	return true;
}

/* Asks the next endpoint that there is; the end where none is left. */
static void advance(struct qg_chain *chain)
{
	const struct qg_chain_request *request = &chain->request;
	const char *name;
	while ((name = qg_lineup_name(request->payer.bot, request->force, chain->next)) != NULL) {
		if (rest(chain)) {
			return;
		}
		chain->next++;
		if (choose(chain, name) && begin(chain)) {
			return;
		}
	}
	end(chain);
}

/* ---- how it went ---- */

static void on_chunk(struct qg_model_call *call, const char *data, size_t size)
{
	struct qg_chain *chain = call->owner;
	if (size == 0) {
		return;
	}
	chain->shown = true;
	if (is_booked(chain)) {
		qg_lane_speaks(chain->request.payer.endpoints, &chain->lane);
		qg_booking_chunk(&chain->booking, data, size);
	}
	chain->host->chunk(chain->arg, data, size, call->model->talks);
}

/* The wait before the same endpoint is asked once more; -1: it is not. After a silence somebody has waited long
 * already: who else is there is asked first. */
static int64_t retry_wait(struct qg_chain *chain, const struct qg_model_result *result)
{
	const struct qg_chain_request *request = &chain->request;
	bool others = request->force == NULL && chain->next < request->payer.bot->models.count;
	bool again = result->error == QG_MODEL_TIMEOUT ? !others
						       : qg_model_error_is_outage(result->error) ||
								 result->error == QG_MODEL_RATE;
	if (!again || chain->endpoint == NULL || chain->tries >= MAX_TRIES ||
		chain->calls >= MAX_CALLS || result->retry_after_ms > STATED_MAX_MS) {
		return -1;
	}
	int64_t jitter = (int64_t)qg_backoff_next(&chain->backoff);
	return result->retry_after_ms > 0 ? result->retry_after_ms + LATE_MS + jitter / 2 : jitter;
}

static void wait_is_over(struct qg_chain *chain)
{
	const struct qg_chain_request *request = &chain->request;
	enum qg_model_error shut = qg_lane_shut(request->payer.endpoints, &chain->lane);
	bool open = shut == QG_MODEL_NONE || request->force != NULL;
	if (!open || !begin(chain)) {
		advance(chain);
	}
}

/* A window too small for the history may hold the question alone: it is asked once without. */
static bool trim(struct qg_chain *chain, enum qg_model_error error)
{
	const struct qg_ask *ask = chain->request.ask;
	if (error != QG_MODEL_CONTEXT || chain->endpoint == NULL || chain->trimmed ||
		ask->history_size == 0 || chain->calls >= MAX_CALLS) {
		return false;
	}
	chain->bare = *ask;
	chain->bare.messages += ask->history_size;
	chain->bare.messages_size -= ask->history_size;
	chain->bare.tokens -= ask->history_tokens;
	chain->bare.history_size = 0;
	chain->bare.history_tokens = 0;
	chain->trimmed = true;
	qg_log_info(chain->request.payer.bot->name, "model %s: asked once more without the history",
		chain->endpoint->name);
	return true;
}

/* Where to go on after a failure nobody saw. */
static void go_on(struct qg_chain *chain, const struct qg_model_result *result)
{
	const struct qg_chain_request *request = &chain->request;
	const struct qg_bot_config *bot = request->payer.bot;
	int64_t wait = retry_wait(chain, result);
	if (trim(chain, result->error)) {
		if (!begin(chain)) {
			advance(chain);
		}
	} else if (wait >= 0) {
		qg_log_debug(bot->name, "model %s: once more in %" PRId64 " ms",
			chain->endpoint->name, wait);
		chain->state = WAITING;
		qg_timer_start(chain->timer, (uint64_t)wait);
	} else if (result->error == QG_MODEL_FILTERED && chain->endpoint != NULL &&
		   request->force == NULL) {
		chain->next =
			bot->models.count; /* no other service gets what one refused; ours may */
		advance(chain);
	} else if (qg_model_error_fails_over(result->error) ||
		   (has_pictures(chain) && result->error == QG_MODEL_REQUEST)) {
		/* what one service refuses of a picture (its size, its kind) another may take */
		advance(chain);
	} else {
		end(chain);
	}
}

static void log_failure(const struct qg_chain *chain, const struct qg_model_result *result)
{
	qg_log_warn(chain->request.payer.bot->name, "model %s: %s%s%s",
		chain->endpoint != NULL ? chain->endpoint->name : OFFLINE,
		qg_model_error_text(result->error), result->words != NULL ? ": " : "",
		result->words != NULL ? result->words : "");
}

/* Ms for which the service wants to be left alone; -1: it did not say. Where the second try met the limit as well, more
 * askers would only keep it up. */
static int64_t rest_of(const struct qg_chain *chain, const struct qg_model_result *result)
{
	bool unsaid = result->error == QG_MODEL_RATE && result->retry_after_ms < 0;
	return unsaid && chain->tries >= MAX_TRIES ? RATE_REST_MS : result->retry_after_ms;
}

/* Books the end and tells the gates. */
static void settle(struct qg_chain *chain, const struct qg_model_result *result)
{
	const struct qg_payer *payer = &chain->request.payer;
	if (!is_booked(chain)) {
		return;
	}
	qg_booking_close(&chain->booking, &chain->lane, result, &chain->bill);
	if (result->error == QG_MODEL_NONE) {
		qg_lane_worked(payer->endpoints, &chain->lane);
	} else {
		qg_lane_failed(payer->endpoints, &chain->lane, payer->bot->name, result->error,
			rest_of(chain, result));
	}
}

static void on_ended(struct qg_model_call *call, const struct qg_model_result *result)
{
	struct qg_chain *chain = call->owner;
	free(call->state);
	call->state = NULL;
	struct qg_model_result outcome = *result;
	if (outcome.error == QG_MODEL_NONE && !chain->shown && !outcome.missed) {
		outcome.error = QG_MODEL_SERVER; /* an answer without a word is none */
		outcome.words = "an empty answer";
	}
	settle(chain, &outcome);
	if (outcome.error != QG_MODEL_NONE) {
		log_failure(chain, &outcome);
		if (!chain->shown) {
			keep_failure(chain, outcome.error, outcome.words);
			go_on(chain, &outcome);
			return;
		}
	}
	chain->outcome = outcome;
	chain->failed = chain->endpoint;
	end(chain);
}

static void fire(void *arg)
{
	struct qg_chain *chain = arg;
	if (chain->state == WAITING) {
		wait_is_over(chain);
	} else if (chain->state == RESTING) {
		advance(chain);
	} else {
		deliver(chain);
	}
}

/* ---- life ---- */

struct qg_chain *qg_chain_start(
	const struct qg_chain_request *request, const struct qg_chain_host *host, void *arg)
{
	struct qg_chain *chain = calloc(1, sizeof(*chain));
	if (chain == NULL) {
		return NULL;
	}
	chain->request = *request;
	chain->host = host;
	chain->arg = arg;
	chain->bill = request->spent;
	chain->outcome = (struct qg_model_result){
		.error = QG_MODEL_MODEL, .words = "no model could be asked"};
	chain->timer = qg_timer_create(request->loop, fire, chain);
	if (chain->timer == NULL) {
		free(chain);
		return NULL;
	}
	qg_backoff_init(&chain->backoff, WAIT_MIN_MS, WAIT_MAX_MS);
	chain->backoff.random =
		request->payer.endpoints != NULL ? request->payer.endpoints->random : NULL;
	chain->starting = true;
	advance(chain);
	chain->starting = false;
	return chain;
}

void qg_chain_cancel(struct qg_chain *chain)
{
	if (chain == NULL) {
		return;
	}
	const struct qg_payer *payer = &chain->request.payer;
	if (chain->state == OPENING) {
		payer->desk->forget(payer->desk, chain);
	} else if (chain->state == ASKING) {
		chain->call.model->cancel(&chain->call);
		free(chain->call.state);
		if (is_booked(chain)) {
			qg_booking_close(&chain->booking, &chain->lane, NULL, &chain->bill);
		}
	}
	if (chain->endpoint != NULL) {
		qg_lane_abandon(payer->endpoints, &chain->lane);
	}
	destroy(chain);
}
