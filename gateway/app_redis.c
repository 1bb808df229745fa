/* app_redis.c - the Redis of this process: the private server or an external one, the one connection all share,
 * and the check that this Redis was made with the same number of partitions.
 *
 * The number of partitions decides which keys hold a bot's messages, so the first start writes it down and any
 * other number is refused: with it messages would be stored where nobody looks.
 */
#include "app_parts.h"

#include <stdlib.h>
#include <string.h>

#include "qg/adapter.h"
#include "qg/log.h"
#include "qg/str.h"

#define PARTITIONS_KEY "qg:partitions"

struct qg_app_redis {
	struct qg_core *core;
	struct qg_redis_child *child; /* NULL with an external server */
	struct qg_redis *redis;
	unsigned partitions; /* as at the start: a changed config has to wait for a restart */
	char *url;	     /* of an external server: the config may be replaced */
	const struct qg_redis_script **scripts;
	void (*changed)(void *arg, bool up);
	void (*wrong)(void *arg);
	void *arg;
};

static void on_partitions(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	if (status == QG_CANCELLED) {
		return;
	}
	struct qg_app_redis *redis = arg;
	unsigned wanted = redis->partitions;
	int64_t found = 0;
	if (status != QG_OK || reply->type != QG_REPLY_STRING) {
		if (status != QG_AWAY) {
			qg_log_error(NULL, "Redis does not tell its partitions: %s",
				reply && reply->type == QG_REPLY_ERROR ? reply->text
								       : qg_status_text(status));
		}
		return; /* with a broken connection, the next one asks again */
	}
	if (!qg_str_to_int64(reply->text, 1, INT32_MAX, &found) || (unsigned)found != wanted) {
		qg_log_error(NULL,
			"the config says `partitions: %u`, but this Redis was first used with %s: "
			"messages would be "
			"lost from sight. Set partitions back, or use another Redis",
			wanted, reply->text);
		redis->wrong(redis->arg);
		return;
	}
	if (!redis->core->redis_up && qg_redis_is_up(redis->redis)) {
		redis->core->redis_up = true;
		redis->changed(redis->arg, true);
	}
}

static void connection_changed(void *arg, bool connected, const char *why)
{
	struct qg_app_redis *redis = arg;
	if (connected) {
		qg_log_info(NULL, "Redis is there");
		qg_redis_run(redis->redis, NULL, NULL, "SET " PARTITIONS_KEY " %lld NX",
			(long long)redis->partitions);
		qg_redis_run(redis->redis, on_partitions, redis, "GET " PARTITIONS_KEY);
		return;
	}
	if (redis->core->redis_up) {
		qg_log_warn(NULL, "Redis is away (%s): nothing is acknowledged until it is back",
			why ? why : "?");
		redis->core->redis_up = false;
		redis->changed(redis->arg, false);
	}
	if (redis->child) {
		qg_redis_child_check(redis->child);
	}
}

static void child_changed(void *arg, bool ready, const char *words)
{
	struct qg_app_redis *redis = arg;
	if (ready) {
		qg_log_info(NULL, "private Redis: %s", words ? words : "ready");
		qg_redis_hurry(redis->redis);
	} else {
		qg_log_warn(NULL, "private Redis: %s", words ? words : "not ready");
	}
}

static bool start_child(struct qg_app_redis *redis)
{
	char error[128] = "";
	struct qg_redis_child_options options = {
		.data_dir = redis->core->data_dir,
		.always = redis->core->config->durability_always,
		.changed = child_changed,
		.arg = redis,
	};
	redis->child = qg_redis_child_create(redis->core->loop, &options, error);
	if (!redis->child) {
		qg_log_error(NULL, "private Redis: %s", error);
		return false;
	}
	redis->core->redis_url = qg_redis_child_url(redis->child);
	return true;
}

/* One list of all scripts: the queue's and the platforms'. */
static const struct qg_redis_script **all_scripts(void)
{
	const struct qg_redis_script *const *lists[] = {qg_queue_scripts, qg_adapter_scripts};
	size_t count = 0;
	for (size_t list = 0; list < 2; list++) {
		for (size_t i = 0; lists[list][i]; i++) {
			count++;
		}
	}
	const struct qg_redis_script **all = calloc(count + 1, sizeof(*all));
	for (size_t list = 0, at = 0; all && list < 2; list++) {
		for (size_t i = 0; lists[list][i]; i++) {
			all[at++] = lists[list][i];
		}
	}
	return all;
}

static bool connect_redis(struct qg_app_redis *redis, const char *url)
{
	char error[128] = "";
	struct qg_redis_options options = {
		.url = url,
		.scripts = redis->scripts,
		.changed = connection_changed,
		.arg = redis,
	};
	redis->redis = qg_redis_create(redis->core->loop, &options, error);
	if (!redis->redis) {
		qg_log_error(NULL, "redis: %s", error);
		return false;
	}
	redis->core->redis = redis->redis;
	return true;
}

struct qg_app_redis *qg_app_redis_create(struct qg_core *core, void (*changed)(void *arg, bool up),
	void (*wrong)(void *arg), void *arg)
{
	struct qg_app_redis *redis = calloc(1, sizeof(*redis));
	if (!redis) {
		return NULL;
	}
	redis->core = core;
	redis->partitions = core->config->partitions;
	redis->changed = changed;
	redis->wrong = wrong;
	redis->arg = arg;
	redis->url = qg_str_copy(core->config->redis);
	redis->scripts = all_scripts();
	if (!redis->url || !redis->scripts) {
		goto failed;
	}
	core->redis_url = redis->url;
	if (qg_str_equal(redis->url, "embedded") && !start_child(redis)) {
		goto failed;
	}
	if (!connect_redis(redis, core->redis_url)) {
		goto failed;
	}
	return redis;
failed:
	qg_app_redis_destroy(redis);
	return NULL;
}

void qg_app_redis_disconnect(struct qg_app_redis *redis)
{
	if (redis) {
		qg_redis_destroy(redis->redis);
		redis->redis = NULL;
		redis->core->redis = NULL;
		redis->core->redis_up = false;
	}
}

void qg_app_redis_destroy(struct qg_app_redis *redis)
{
	if (!redis) {
		return;
	}
	qg_app_redis_disconnect(redis);
	qg_redis_child_destroy(redis->child);
	redis->core->redis_url = NULL;
	free(redis->scripts);
	free(redis->url);
	free(redis);
}
