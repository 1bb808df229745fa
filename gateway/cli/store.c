/* store.c - Redis for the time of a verb: what a running process serves, or a private server started and stopped
 * again, so that every verb works with the server stopped. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "qg/loop.h"
#include "qg/redis.h"

enum { PATIENCE_MS = 15000 };

struct qg_cli_store {
	struct qg_loop *loop;
	struct qg_redis_child *child;
	struct qg_timer *timer;
	char *url;
	bool ready;
	char words[160];
	unsigned partitions;
};

static void on_child(void *arg, bool ready, const char *words)
{
	struct qg_cli_store *store = arg;
	snprintf(store->words, sizeof(store->words), "%s", words ? words : "");
	store->ready = ready;
	if (ready) {
		qg_loop_stop(store->loop);
	}
}

static void on_timeout(void *arg)
{
	qg_loop_stop(((struct qg_cli_store *)arg)->loop);
}

/* Runs the loop until the server answers; false after saying why. */
static bool start_private(
	const struct qg_cli *cli, const struct qg_config *config, struct qg_cli_store *store)
{
	char error[128] = "";
	struct qg_redis_child_options options = {
		.data_dir = config->data_dir,
		.always = config->durability_always,
		.changed = on_child,
		.arg = store,
	};
	if (!qg_app_make_folder(config->data_dir)) {
		return false;
	}
	store->loop = qg_loop_create(1);
	store->timer = store->loop ? qg_timer_create(store->loop, on_timeout, store) : NULL;
	store->child = store->timer ? qg_redis_child_create(store->loop, &options, error) : NULL;
	if (!store->child) {
		qg_cli_say(
			cli, QG_CLI_FAILED, "private Redis: %s", *error ? error : "out of memory");
		return false;
	}
	qg_timer_start(store->timer, PATIENCE_MS);
	qg_loop_run(store->loop);
	if (!store->ready) {
		qg_cli_say(cli, QG_CLI_FAILED, "private Redis: %s",
			*store->words ? store->words : "no answer");
		return false;
	}
	store->url = qg_str_copy(qg_redis_child_url(store->child));
	return store->url;
}

/* What the first start wrote down wins; before it, what the config says. */
static bool read_partitions(
	const struct qg_cli *cli, const struct qg_config *config, struct qg_cli_store *store)
{
	static const char *const argv[] = {"GET", "qg:partitions"};
	static const size_t sizes[] = {3, 13};
	char error[128] = "";
	struct qg_redis_reply *reply = qg_redis_ask(store->url, error, 2, argv, sizes);
	if (!reply || reply->type == QG_REPLY_ERROR) {
		qg_cli_say(cli, QG_CLI_FAILED, "Redis: %s", reply ? reply->text : error);
		qg_redis_reply_free(reply);
		return false;
	}
	int64_t found = 0;
	store->partitions = config->partitions;
	if (reply->type == QG_REPLY_STRING && qg_str_to_int64(reply->text, 1, UINT16_MAX, &found)) {
		store->partitions = (unsigned)found;
	}
	qg_redis_reply_free(reply);
	return true;
}

struct qg_cli_store *qg_cli_store_open(const struct qg_cli *cli, const struct qg_config *config)
{
	struct qg_cli_store *store = calloc(1, sizeof(*store));
	if (!store) {
		return NULL;
	}
	bool ok;
	if (qg_str_equal(config->redis, "embedded")) {
		ok = start_private(cli, config, store);
	} else {
		store->url = qg_str_copy(config->redis);
		ok = store->url;
	}
	if (!ok || !read_partitions(cli, config, store)) {
		qg_cli_store_close(store);
		return NULL;
	}
	return store;
}

const char *qg_cli_store_url(const struct qg_cli_store *store)
{
	return store->url;
}

bool qg_cli_store_is_ours(const struct qg_cli_store *store)
{
	return store->child && qg_redis_child_is_ours(store->child);
}

char *qg_cli_store_prefix(const struct qg_cli_store *store, const char *bot)
{
	return qg_str_printf("qg:{%u}:", qg_crc16(bot, strlen(bot)) % store->partitions);
}

unsigned qg_cli_store_partitions(const struct qg_cli_store *store)
{
	return store->partitions;
}

void qg_cli_store_close(struct qg_cli_store *store)
{
	if (!store) {
		return;
	}
	qg_redis_child_destroy(store->child);
	qg_timer_destroy(store->timer);
	qg_loop_destroy(store->loop);
	free(store->url);
	free(store);
}
