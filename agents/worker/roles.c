/* roles.c - the role of each bot of the config in force, opened in the pool and swapped when it is ready. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "qg/log.h"
#include "qg/str.h"

/* Every turn asks for its bot by name. */
static struct qg_list *row_of(struct qg_worker *worker, const char *bot)
{
	return &worker->named[qg_crc16(bot, strlen(bot)) % NAME_ROWS];
}

struct bot_role *roles_find(struct qg_worker *worker, const char *bot)
{
	QG_LIST_FOR_EACH (item, row_of(worker, bot)) {
		struct bot_role *role = QG_CONTAINER(item, struct bot_role, named);
		if (!role->gone && strcmp(role->bot, bot) == 0) {
			return role;
		}
	}
	return NULL;
}

/* Frees a bot that left the config once nothing of it runs or opens. */
void roles_collect(struct bot_role *bot)
{
	if (!bot->gone || bot->running > 0 || bot->opening) {
		return;
	}
	qg_list_remove(&bot->link);
	qg_list_remove(&bot->named);
	qg_role_release(bot->role);
	free(bot->bot);
	free(bot->fingerprint);
	free(bot);
}

static struct bot_role *add(struct qg_worker *worker, const char *name)
{
	struct bot_role *bot = calloc(1, sizeof(*bot));
	if (bot == NULL || (bot->bot = qg_str_copy(name)) == NULL) {
		free(bot);
		return NULL;
	}
	bot->worker = worker;
	bot->partition = qg_queue_partition(worker->core->queue, name);
	qg_list_add(&worker->bots, &bot->link);
	qg_list_add(row_of(worker, name), &bot->named);
	return bot;
}

struct bot_role *roles_strange(struct qg_worker *worker, const char *name)
{
	struct bot_role *bot = add(worker, name);
	if (bot != NULL) {
		bot->strange = true;
		qg_log_warn(
			name, "messages wait for this bot, but it is not in this process' config");
	}
	return bot;
}

static void sync_bot(struct qg_worker *worker, const struct qg_bot_config *config);

static void opened(void *arg, struct qg_role *role, const char *words)
{
	struct bot_role *bot = arg;
	struct qg_worker *worker = bot->worker;
	bot->opening = false;
	if (bot->gone) {
		qg_role_release(role);
		roles_collect(bot);
		return;
	}
	if (role == NULL) {
		qg_log_error(bot->bot, "its role cannot be used: %s",
			words != NULL ? words : "unknown reason");
		/* the former one, if any, stays in force */
	} else {
		qg_role_release(bot->role);
		bot->role = role;
		worker_ring(worker, bot->partition);
	}
	const struct qg_bot_config *config = qg_config_bot(worker->core->config, bot->bot);
	if (config != NULL) {
		sync_bot(worker, config); /* it may have changed again meanwhile */
	}
}

static void sync_bot(struct qg_worker *worker, const struct qg_bot_config *config)
{
	struct bot_role *bot = roles_find(worker, config->name);
	if (bot == NULL) {
		bot = add(worker, config->name);
	}
	if (bot == NULL || bot->opening || qg_str_equal(bot->fingerprint, config->fingerprint)) {
		return;
	}
	char *fingerprint = qg_str_copy(config->fingerprint);
	if (fingerprint == NULL) {
		return;
	}
	free(bot->fingerprint);
	bot->fingerprint = fingerprint;
	bot->strange = false;
	enum qg_status status = qg_role_open(worker->core->loop, config, worker->core->config->dir,
		worker->core->data_dir, opened, bot);
	bot->opening = status == QG_OK;
	if (status != QG_OK) {
		qg_log_error(bot->bot, "its role is not read: %s; the next reload tries again",
			qg_status_text(status));
		free(bot->fingerprint);
		bot->fingerprint = NULL;
	}
}

void roles_sync(struct qg_worker *worker)
{
	const struct qg_config *config = worker->core->config;
	QG_LIST_FOR_EACH (item, &worker->bots) {
		struct bot_role *bot = QG_CONTAINER(item, struct bot_role, link);
		if (qg_config_bot(config, bot->bot) == NULL) {
			bot->gone = true;
			roles_collect(bot);
		}
	}
	for (size_t i = 0; i < config->bot_count; i++) {
		sync_bot(worker, &config->bots[i]);
	}
}

void roles_finish(struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->bots) {
		struct bot_role *bot = QG_CONTAINER(item, struct bot_role, link);
		bot->gone = true;
		bot->opening = false;
		roles_collect(bot);
	}
}
