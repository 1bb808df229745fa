/* world.c - a loop, a template of a small shop, a bot of it, and turns to run. */
#include "world.h"

#include <check.h>
#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/endpoints.h"
#include "qg/clock.h"

#define MAX_TEXTS 8
#define THREADS 2 /* of the pool */

static const char template_yaml[] =
	"id: shop\nname: 小店助手\nindustry: 零售\nversion: 1\nsummary: 一家小店。\n"
	"greeting: 大家好，我是{{shop_name}}的助手。\nsuggestions: [几点开门, 怎么退货]\n"
	"interview:\n"
	"  - {key: shop_name, ask: 店名, example: 小满, required: true}\n"
	"  - {key: phone, ask: 电话, example: 021-1, required: true}\n"
	"  - {key: hours, ask: 时间, example: 9点, required: true}\n"
	"  - {key: parking, ask: 停车, example: B1, required: false}\n"
	"handover: {keywords: [投诉, 人工], misses: 2, quiet: 30m}\n";
static const char faq_yaml[] = "- ask: [几点开门, 营业时间, 你们几点开门]\n  answer: "
			       "\"营业时间：{{hours}}。{{parking}}\"\n"
			       "- ask: [可以自带酒水吗, 能带酒吗]\n  answer: 可以，不收开瓶费。\n"
			       "- ask: [大份多少钱]\n  answer: 大份30元。\n"
			       "- ask: [有停车位吗, 停车]\n  answer: 停车免费。\n";
static const char handbook[] = "# 手册\n\n## 退货\n七天内凭小票退货，拆封的不退。问 {{phone}}。\n\n"
			       "## 会员积分\n一元积一分，积分当年有效。\n\n"
			       "## 送货上门\n满一百元送货上门，三公里以内，两小时送到。\n\n"
			       "## 冰柜温度\n冷冻零下十八度，每天早晚各看一次。\n";

void world_write(struct world *world, const char *path, const char *text)
{
	char whole[512];
	snprintf(whole, sizeof(whole), "%s/%s", world->dir, path);
	for (char *slash = strchr(whole + strlen(world->dir) + 1, '/'); slash != NULL;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0700);
		*slash = '/';
	}
	FILE *file = fopen(whole, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static uint64_t shortest(void)
{
	return 0; /* a retry waits a millisecond */
}

void world_begin(struct world *world)
{
	*world = (struct world){.sender = "alice", .mentions = true, .group = true};
	setenv("QUNGONG_TEMPLATES", QG_TEMPLATES, 1); /* for the words */
	snprintf(world->dir, sizeof(world->dir), "/tmp/qg-agents-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world->dir));
	world_write(world, "templates/shop/template.yaml", template_yaml);
	world_write(world, "templates/shop/prompt.md", "你是{{shop_name}}的助手。\n");
	world_write(world, "templates/shop/faq.yaml", faq_yaml);
	world_write(world, "templates/shop/knowledge/handbook.md", handbook);
	qg_clock_fix(WORLD_NOW, 1000000);
	world->loop = qg_loop_create(THREADS);
	world->endpoints = qg_endpoints_create(world->loop, NULL);
	world->endpoints->random = shortest;
	world->history = json_array();
	world->state = json_object();
	world->config = calloc(1, sizeof(*world->config));
	world->bot = calloc(1, sizeof(*world->bot));
	world->config->references = 1000; /* never freed by a release */
	world->bot->name = "xiaoman";
	world->bot->template_id = "shop";
	world->bot->language = "zh";
	world->bot->ai_label = "AI 生成";
	world->bot->answer_tokens = 1200;
	world->bot->answers = json_pack(
		"{s:s, s:s, s:s}", "shop_name", "小满", "phone", "021-5555", "hours", "9点到21点");
	world->bot->limits = (struct qg_budget){-1, -1, -1, -1, QG_CNY, -1, QG_CNY};
	world->bot->duty = json_array();
	world->bot->people = json_object();
}

static void ready(void *arg, struct qg_role *role, const char *words)
{
	struct world *world = arg;
	world->role = role;
	snprintf(world->words, sizeof(world->words), "%s", words != NULL ? words : "");
	qg_loop_stop(world->loop);
}

void world_open(struct world *world, const char *data_dir)
{
	qg_role_release(world->role);
	world->role = NULL;
	ck_assert_int_eq(
		qg_role_open(world->loop, world->bot, world->dir, data_dir, ready, world), QG_OK);
	qg_loop_run(world->loop);
}

void world_add_script(struct world *world, const char *name, const char *script)
{
	char file[64];
	snprintf(file, sizeof(file), "%s.yaml", name);
	world_write(world, file, script);
	struct qg_config *config = world->config;
	config->models =
		realloc(config->models, (config->model_count + 1) * sizeof(*config->models));
	struct qg_model_config *model = &config->models[config->model_count++];
	*model = (struct qg_model_config){.name = strdup(name), .provider = "scripted"};
	model->script = qg_str_printf("%s/%s", world->dir, file);
	ck_assert_int_eq(qg_strings_add(&world->bot->models, name), QG_OK);
}

static void forget_last(struct world *world)
{
	free(world->text);
	free(world->label);
	free(world->way);
	free(world->id);
	free(world->model);
	free(world->draft);
	free(world->cost);
	free(world->footnote);
	world->cost = world->footnote = NULL;
	json_decref(world->sources);
	json_decref(world->answers);
	json_decref(world->buttons);
	json_decref(world->handles);
	world->buttons = world->handles = NULL;
	world->text = world->label = world->way = world->id = world->model = world->draft = NULL;
	world->sources = world->answers = NULL;
	world->replies = world->drafts = 0;
	world->missed = world->handed_over = world->finished = false;
	world->status = QG_OK;
	world->first_at = world->input = world->output = 0;
}

static void stop(void *arg)
{
	qg_loop_stop(((struct world *)arg)->loop);
}

static void draft(void *arg, const char *reply, const char *text)
{
	struct world *world = arg;
	world->drafts++;
	free(world->draft);
	world->draft = strdup(text);
	free(world->id);
	world->id = strdup(reply);
	if (world->drafts == world->cancel_at) {
		qg_turn_cancel(world->turn);
		world->turn = NULL;
		ck_assert_int_eq(qg_loop_defer(world->loop, stop, world), QG_OK);
	}
}

static void keep_reply(struct world *world, const struct qg_reply *reply)
{
	world->text = strdup(reply->text);
	world->label = reply->label != NULL ? strdup(reply->label) : NULL;
	free(world->id);
	world->id = strdup(reply->id);
	world->model = strdup(reply->usage.model);
	world->input = reply->usage.input;
	world->output = reply->usage.output;
	world->first_at = reply->first_at;
	world->sources = json_incref(reply->sources);
	world->answers = json_incref(reply->answers);
	world->buttons = json_incref(reply->buttons);
	world->handles = json_incref(reply->handles);
	world->cost = strdup(reply->usage.cost);
	world->footnote = reply->footnote != NULL ? strdup(reply->footnote) : NULL;
	world->estimated = reply->usage.estimated;
	ck_assert_str_eq(reply->conversation, "xiaoman/web");
	ck_assert_str_eq(reply->sender, world->sender);
}

static void finished(
	void *arg, enum qg_status status, struct qg_turn_result *result, const char *words)
{
	struct world *world = arg;
	world->turn = NULL;
	world->finished = true;
	world->status = status;
	if (status == QG_OK) {
		world->way = strdup(result->way);
		world->replies = result->reply != NULL ? 1 : 0;
		world->missed = result->missed;
		world->group_change = result->group;
		world->handed_over = result->handed_over;
		if (result->reply != NULL) {
			keep_reply(world, result->reply);
		}
		if (result->forget_history) {
			json_array_clear(world->history);
		}
		json_array_extend(world->history, result->history);
		json_decref(world->state);
		world->state = json_deep_copy(result->state);
	}
	qg_loop_stop(world->loop);
}

static struct qg_message *make_message(const struct world *world, const char *text, size_t index)
{
	struct qg_message *message = qg_message_create();
	message->id = qg_str_printf("m%zu-%s", index, text);
	message->chat_type = world->group ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	message->chat = strdup("web");
	message->thread = world->thread != NULL ? strdup(world->thread) : NULL;
	message->sender = strdup(world->sender);
	message->sender_name = strdup(world->sender);
	message->text = strdup(text);
	message->mentions_bot = world->mentions;
	message->sender_is_admin = world->admin;
	message->quote = world->quote != NULL ? strdup(world->quote) : NULL;
	message->handle = world->handled ? qg_str_printf("h%zu", index) : NULL;
	message->kind = world->clicks ? QG_MESSAGE_CLICK : QG_MESSAGE_TEXT;
	return message;
}

void world_say(struct world *world, const char *text, ...)
{
	struct qg_message *messages[MAX_TEXTS];
	int64_t stored[MAX_TEXTS];
	size_t count = 0;
	va_list args;
	va_start(args, text);
	for (const char *next = text; next != NULL && count < MAX_TEXTS;
		next = va_arg(args, const char *)) {
		messages[count] = make_message(world, next, count);
		stored[count] = WORLD_NOW;
		count++;
	}
	va_end(args);
	messages[count - 1]->attachments = world->attachments;
	world->attachments = NULL;
	forget_last(world);
	char *history = NULL;
	struct qg_turn_result before = {.history = world->history};
	ck_assert(qg_turn_remember(&history, &before));
	struct qg_turn_request request = {
		.loop = world->loop,
		.config = world->config,
		.bot = world->bot,
		.role = world->role,
		.conversation = "xiaoman/web",
		.messages = messages,
		.stored_at = stored,
		.count = count,
		.history = history,
		.state = world->state,
		.desk = world->desk,
		.media = world->media,
		.endpoints = world->endpoints,
		.paused = world->paused,
		.enabled = !world->closed,
		.force_model = world->force,
	};
	static const struct qg_turn_host host = {draft, finished};
	world->turn = qg_turn_start(&request, &host, world);
	ck_assert_ptr_nonnull(world->turn);
	ck_assert(!world->finished); /* never from inside */
	qg_loop_run(world->loop);
	for (size_t i = 0; i < count; i++) {
		qg_message_destroy(messages[i]);
	}
	free(history);
}

struct meeting {
	struct world *world;
	pthread_barrier_t *barrier;
};

static void met(void *arg, unsigned thread_index)
{
	pthread_barrier_wait(((struct meeting *)arg)->barrier);
}

static void left(void *arg)
{
	struct world *world = ((struct meeting *)arg)->world;
	if (--world->draining == 0) {
		qg_loop_stop(world->loop);
	}
}

/* Threads that all meet have nothing else to do any more, and what they did before was told
 * before. */
void world_drain(struct world *world)
{
	pthread_barrier_t barrier;
	pthread_barrier_init(&barrier, NULL, THREADS);
	struct meeting meeting = {world, &barrier};
	for (int round = 0; round < 2; round++) {
		world->draining = THREADS;
		for (int i = 0; i < THREADS; i++) {
			ck_assert_ptr_nonnull(qg_loop_work(world->loop, met, left, &meeting));
		}
		qg_loop_run(world->loop);
	}
	pthread_barrier_destroy(&barrier);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	return remove(path);
}

void world_end(struct world *world)
{
	forget_last(world);
	qg_role_release(world->role);
	qg_endpoints_destroy(world->endpoints);
	qg_loop_destroy(world->loop);
	json_decref(world->history);
	json_decref(world->state);
	json_decref(world->bot->answers);
	json_decref(world->bot->duty);
	json_decref(world->bot->people);
	qg_strings_finish(&world->bot->models);
	qg_strings_finish(&world->bot->knowledge);
	for (size_t i = 0; i < world->config->model_count; i++) {
		free(world->config->models[i].name);
		free(world->config->models[i].script);
	}
	free(world->config->models);
	free(world->config);
	free(world->bot);
	nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	qg_clock_fix(-1, 0);
}
