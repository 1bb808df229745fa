/* fakes.c - a service that does as it is told and a desk that keeps count. */
#include "fakes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the service ---- */

static struct fake {
	char name[32], url[48];
	struct fake_step steps[FAKE_STEPS];
	size_t count, asked;
} fakes[FAKE_MODELS];
static size_t fake_count;
size_t fake_running;
struct qg_ask fake_last;
void (*fake_choose)(struct fake_step *step);

char *fake_text, *fake_prompt, *fake_images;

struct state {
	struct qg_timer *timer;
	struct fake_step step;
	const char *at;
	bool *gone;
};

static struct fake *find(const char *name)
{
	for (size_t i = 0; i < fake_count; i++) {
		if (strcmp(fakes[i].name, name) == 0) {
			return &fakes[i];
		}
	}
	return NULL;
}

size_t fake_asked(const char *name)
{
	return find(name)->asked;
}

static void tick(void *arg)
{
	struct qg_model_call *call = arg;
	struct state *state = call->state;
	if (state->at != NULL && *state->at != '\0') {
		bool gone = false;
		state->gone = &gone;
		call->host->chunk(call, state->at++, 1);
		if (!gone) {
			state->gone = NULL;
			qg_timer_start(state->timer, 0);
		}
		return;
	}
	const struct fake_step *step = &state->step;
	if (step->lasts) {
		return;
	}
	struct qg_model_result result = {.error = step->error,
		.has_usage = step->has_usage,
		.tokens = step->tokens,
		.sent = !step->unsent,
		.generated = true,
		.retry_after_ms = step->retry_after_ms > 0 ? step->retry_after_ms : -1};
	qg_timer_destroy(state->timer);
	fake_running--;
	call->host->ended(call, &result);
}

static void forget_prompt(void)
{
	free(fake_text);
	free(fake_prompt);
	free(fake_images);
	fake_text = fake_prompt = fake_images = NULL;
}

static void keep_prompt(const struct qg_ask *ask)
{
	struct qg_buf images;
	qg_buf_init(&images, 64 << 20);
	qg_buf_add_str(&images, "");
	for (size_t i = 0; i < ask->image_count; i++) {
		qg_buf_printf(&images, "%s:", ask->images[i].type);
		qg_buf_add(&images, ask->images[i].base64, ask->images[i].base64_size);
		qg_buf_add_char(&images, ';');
	}
	forget_prompt();
	fake_images = qg_buf_steal(&images);
	fake_text = strdup(ask->text != NULL ? ask->text : "");
	fake_prompt = strdup(ask->messages != NULL ? ask->messages : "");
}

static enum qg_status ask(struct qg_model_call *call)
{
	struct fake *fake = find(call->endpoint->name);
	struct state *state = call->state;
	size_t at = fake->asked < fake->count ? fake->asked : fake->count - 1;
	fake->asked++;
	fake_last = *call->ask;
	keep_prompt(call->ask);
	state->step = fake->steps[at];
	if (fake_choose != NULL) {
		fake_choose(&state->step);
	}
	if (state->step.refuses) {
		return QG_FAILED;
	}
	state->at = state->step.text;
	state->timer = qg_timer_create(call->loop, tick, call);
	ck_assert_ptr_nonnull(state->timer);
	if (!state->step.hangs) {
		qg_timer_start(state->timer, 0);
	}
	fake_running++;
	return QG_OK;
}

static void cancel(struct qg_model_call *call)
{
	struct state *state = call->state;
	qg_timer_destroy(state->timer);
	fake_running--;
	if (state->gone != NULL) {
		*state->gone = true;
	}
}

static enum qg_status check(const struct qg_model_config *endpoint, char *words)
{
	return QG_OK;
}

static struct qg_model fake_model = {.name = "fake",
	.talks = true,
	.state_size = sizeof(struct state),
	.check = check,
	.ask = ask,
	.cancel = cancel};

static const struct qg_model *find_service(const char *provider)
{
	return strcmp(provider, "fake") == 0 || qg_provider_find(provider) != NULL
		       ? &fake_model
		       : qg_model_find(provider);
}

void fake_read_prompts(void)
{
	fake_model.wants_prompt = true;
}

struct qg_model_config *fake_add(struct world *world, const char *name, int rank, int64_t price,
	size_t count, const struct fake_step *steps)
{
	struct fake *fake = &fakes[fake_count++];
	*fake = (struct fake){.count = count};
	snprintf(fake->name, sizeof(fake->name), "%s", name);
	snprintf(fake->url, sizeof(fake->url), "http://%s", name);
	memcpy(fake->steps, steps, count * sizeof(*steps));
	struct qg_config *config = world->config;
	config->models =
		realloc(config->models, (config->model_count + 1) * sizeof(*config->models));
	struct qg_model_config *model = &config->models[config->model_count++];
	*model = (struct qg_model_config){.name = strdup(name),
		.provider = "fake",
		.base_url = fake->url, /* an account of its own */
		.rank = rank,
		.has_price = true,
		.own_price = {price, price, price, price, QG_CNY, false}};
	ck_assert_int_eq(qg_strings_add(&world->bot->models, name), QG_OK);
	return model;
}

/* ---- the desk ---- */

struct question {
	struct fake_desk *desk;
	struct qg_timer *timer;
	enum qg_status status;
	enum qg_limit limit;
	qg_opened_fn opened;
	qg_figures_fn figures;
	qg_bound_fn bound;
	void *arg;
	struct fake_end *end;
};

static void free_question(struct question *question)
{
	question->desk->open = NULL;
	qg_timer_destroy(question->timer);
	free(question);
}

static void answer(void *arg)
{
	struct question question = *(struct question *)arg;
	struct fake_desk *desk = question.desk;
	free_question(arg);
	if (question.opened != NULL) {
		desk->granted += question.status == QG_OK;
		question.end->denied = question.status != QG_OK;
		question.opened(question.arg, question.status, question.limit);
	} else if (question.figures != NULL) {
		question.figures(question.arg, question.status, &desk->figures);
	} else {
		question.bound(question.arg, question.status);
	}
}

static struct question *put_question(struct fake_desk *desk, enum qg_status status, void *arg)
{
	struct question *question = calloc(1, sizeof(*question));
	*question = (struct question){.desk = desk, .status = status, .arg = arg};
	question->timer = qg_timer_create(desk->loop, answer, question);
	ck_assert_ptr_null(desk->open); /* a turn asks one thing at a time */
	desk->open = question;
	if (!desk->silent) {
		qg_timer_start(question->timer, 0);
	}
	return question;
}

static void desk_open(struct qg_desk *base, const struct qg_call *call, qg_opened_fn fn, void *arg)
{
	struct fake_desk *desk = (struct fake_desk *)base;
	struct fake_end *end = &desk->ends[desk->opened++ % FAKE_CALLS];
	*end = (struct fake_end){.reserves = call->reserve_count, .first = call->reserves[0]};
	memcpy(end->id, call->id, sizeof(end->id));
	snprintf(end->model, sizeof(end->model), "%s", call->key);
	end->reserved = call->reserve_count > 0 ? call->reserves[0].amount : 0;
	enum qg_limit limit = QG_LIMIT_CHAT_DAY;
	enum qg_status status = desk->judge != NULL ? desk->judge(desk, call, &limit) : QG_OK;
	struct question *question = put_question(desk, status, arg);
	question->opened = fn;
	question->limit = limit;
	question->end = end;
}

static void desk_close(
	struct qg_desk *base, const struct qg_call *call, const struct qg_call_end *how)
{
	struct fake_desk *desk = (struct fake_desk *)base;
	struct fake_end *end = NULL;
	for (size_t i = 0; i < FAKE_CALLS && end == NULL; i++) {
		end = strcmp(desk->ends[i].id, call->id) == 0 ? &desk->ends[i] : NULL;
	}
	if (end == NULL || end->closed || end->denied) {
		desk->wrong++;
		return;
	}
	end->closed = true;
	end->tokens = how->tokens;
	end->estimated = how->estimated;
	end->cost = how->cost;
	end->settled = call->reserve_count > 0 ? call->reserves[0].amount : 0;
	snprintf(end->failed, sizeof(end->failed), "%s", how->failed != NULL ? how->failed : "");
	desk->closed++;
	desk->cost += how->cost;
}

static void desk_saved(struct qg_desk *base, const struct qg_call *call, const char *way)
{
	struct fake_desk *desk = (struct fake_desk *)base;
	desk->saved++;
	snprintf(desk->saved_way, sizeof(desk->saved_way), "%s", way);
	snprintf(desk->saved_id, sizeof(desk->saved_id), "%s", call->id);
	desk->saved_tokens = call->estimate;
}

static void desk_figures(struct qg_desk *base, const char *bot, const char *chat, const char *user,
	const char *day, qg_figures_fn fn, void *arg)
{
	struct fake_desk *desk = (struct fake_desk *)base;
	snprintf(desk->day, sizeof(desk->day), "%s", day);
	put_question(desk, desk->figures_status, arg)->figures = fn;
}

static void desk_bind(struct qg_desk *base, const char *bot, const char *user, const char *code,
	const char *message, qg_bound_fn fn, void *arg)
{
	struct fake_desk *desk = (struct fake_desk *)base;
	snprintf(desk->bound, sizeof(desk->bound), "%s %s", code, user);
	put_question(desk, desk->bind_status, arg)->bound = fn;
}

static void desk_forget(struct qg_desk *base, void *arg)
{
	struct fake_desk *desk = (struct fake_desk *)base;
	struct question *question = desk->open;
	ck_assert_ptr_nonnull(question);
	ck_assert_ptr_eq(question->arg, arg);
	desk->forgotten++;
	free_question(question);
}

void fake_begin(struct world *world, struct fake_desk *desk)
{
	fake_count = fake_running = 0;
	fake_choose = NULL;
	fake_model.wants_prompt = false;
	*desk = (struct fake_desk){.loop = world->loop,
		.desk = {desk_open, desk_close, desk_saved, desk_figures, desk_bind, desk_forget}};
	world->desk = &desk->desk;
	world->endpoints->find = find_service;
}

void fake_end_all(struct world *world, struct fake_desk *desk)
{
	ck_assert_uint_eq(desk->wrong, 0);
	ck_assert_uint_eq(desk->granted, desk->closed);
	ck_assert_uint_eq(fake_running, 0);
	ck_assert_ptr_null(desk->open);
	forget_prompt();
	world->desk = NULL;
}
