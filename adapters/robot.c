/* robot.c - the life of a group's robot, whatever the platform: sends under way, their ends told from the loop, probes.
 *
 * No turn ever begins here. What leaves was put there by `qungong say`, by schedules and reports; the chat is called
 * `hook`, whatever the group's name is. */
#include "robot.h"

#include <assert.h>
#include <stdlib.h>

#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/str.h"

/* ---- options ---- */

void qg_robot_check(const struct qg_robot_kind *kind, const struct qg_bot_config *config,
	const struct qg_tree *tree, struct qg_problems *problems)
{
	const struct qg_robot_options *set = config->options;
	char *base = NULL, *key = NULL;
	if (set && set->url && !qg_robot_address(kind, set->url, &base, &key)) {
		const struct qg_tree *at = qg_tree_get(tree, "url");
		/* not what it says: it may be a good key at a wrong place */
		qg_problem_error(problems, at ? at : tree, "%s", kind->where);
	}
	free(base);
	free(key);
}

/* Bots of one robot share its rate. The key itself is a secret, and this name is not. */
char *qg_robot_account(const struct qg_robot_kind *kind, const struct qg_bot *bot)
{
	const struct qg_robot_options *set = bot->config->options;
	char *base = NULL, *key = NULL;
	if (!set || !qg_robot_address(kind, set->url, &base, &key)) {
		return NULL;
	}
	char digest[33];
	qg_digest_id(digest, base, key, NULL);
	free(base);
	free(key);
	return qg_str_copy(digest);
}

/* ---- what ended is told ---- */

static struct qg_robot *robot_of(const struct qg_bot *bot)
{
	return ((struct qg_robot_state *)bot->state)->robot;
}

static struct qg_robot_send *next_ended(const struct qg_robot *robot)
{
	QG_LIST_FOR_EACH (item, &robot->sends) {
		struct qg_robot_send *send = QG_CONTAINER(item, struct qg_robot_send, link);
		if (send->ended) {
			return send;
		}
	}
	return NULL;
}

/* send: how the question ended; NULL where there was no memory to ask. */
static void tell_probe(struct qg_robot *robot, struct qg_robot_send *send)
{
	void (*told)(void *arg, enum qg_status status, const char *words) = robot->told;
	void *arg = robot->told_arg;
	struct qg_robot_send done = {.status = QG_NO_MEMORY, .words = "out of memory"};
	if (send) {
		done = *send;
	}
	robot->told = NULL;
	robot->probing = NULL;
	qg_robot_send_destroy(send);
	/* a code nobody knows is an answer to this question too, and no good one */
	enum qg_status status = done.status == QG_UNSUPPORTED ? QG_FAILED : done.status;
	told(arg, done.is_there ? QG_OK : status,
		done.is_there ? "群机器人的地址有效 · the robot is there" : done.words);
}

/* The host may finish the bot from inside each call: one thing a turn of the loop, then nothing is touched. */
static void wake(void *arg)
{
	struct qg_robot *robot = arg;
	struct qg_bot *bot = robot->bot;
	struct qg_robot_send *send = next_ended(robot);
	if (send || robot->unsent_count > 0) {
		qg_timer_start(robot->timer, 0); /* perhaps there is more */
	}
	if (robot->told && (!robot->probing || robot->probing == send)) {
		tell_probe(robot, send == robot->probing ? send : NULL);
	} else if (send) {
		struct qg_robot_send done = *send;
		send->reply = NULL;
		qg_robot_send_destroy(send);
		bot->host->sent(bot, done.reply, done.status, done.retry_ms);
	} else if (robot->unsent_count > 0) {
		bot->host->sent(bot, robot->unsent[--robot->unsent_count], QG_NO_MEMORY, 0);
	} else if (robot->stopping && !robot->stopped && qg_list_is_empty(&robot->sends)) {
		robot->stopped = true;
		bot->host->stopped(bot);
	}
}

void qg_robot_wake(struct qg_robot *robot)
{
	qg_timer_start(robot->timer, 0);
}

/* ---- life ---- */

enum qg_status qg_robot_init(struct qg_bot *bot, const struct qg_robot_kind *kind)
{
	const struct qg_robot_options *set = bot->config->options;
	struct qg_robot *robot = calloc(1, sizeof(*robot));
	if (!robot) {
		return QG_NO_MEMORY;
	}
	((struct qg_robot_state *)bot->state)->robot = robot;
	robot->kind = kind;
	robot->bot = bot;
	qg_list_init(&robot->sends);
	robot->timer = qg_timer_create(bot->loop, wake, robot);
	if (!robot->timer) {
		return QG_NO_MEMORY;
	}
	robot->secret = set->secret && set->secret[0] ? set->secret : NULL;
	return qg_robot_address(kind, set->url, &robot->base, &robot->key) ? QG_OK : QG_INVALID;
}

void qg_robot_finish(struct qg_bot *bot)
{
	struct qg_robot *robot = robot_of(bot);
	if (!robot) {
		return;
	}
	((struct qg_robot_state *)bot->state)->robot = NULL;
	while (!qg_list_is_empty(&robot->sends)) { /* nobody is left to take them back */
		qg_robot_send_destroy(QG_CONTAINER(robot->sends.next, struct qg_robot_send, link));
	}
	while (robot->unsent_count > 0) {
		qg_reply_destroy(robot->unsent[--robot->unsent_count]);
	}
	qg_timer_destroy(robot->timer);
	free(robot->base);
	free(robot->key);
	free(robot);
}

void qg_robot_stop(struct qg_bot *bot)
{
	robot_of(bot)->stopping = true;
	qg_robot_wake(robot_of(bot));
}

static struct qg_robot_send *make_send(struct qg_robot *robot, struct qg_reply *reply)
{
	struct qg_robot_send *send = calloc(1, sizeof(*send));
	if (send) {
		*send = (struct qg_robot_send){.robot = robot, .reply = reply};
		qg_list_add(&robot->sends, &send->link);
	}
	return send;
}

void qg_robot_send(struct qg_bot *bot, struct qg_reply *reply)
{
	struct qg_robot *robot = robot_of(bot);
	struct qg_robot_send *send = make_send(robot, reply);
	if (send) {
		qg_robot_send_start(send);
	} else if (robot->unsent_count < QG_ROBOT_SPARE) {
		robot->unsent[robot->unsent_count++] = reply;
		qg_robot_wake(robot);
	} else { /* nowhere left to put it: better early than lost */
		bot->host->sent(bot, reply, QG_NO_MEMORY, 0);
	}
}

void qg_robot_probe(struct qg_bot *bot,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	struct qg_robot *robot = robot_of(bot);
	assert(!robot->told); /* one at a time */
	robot->told = told;
	robot->told_arg = arg;
	robot->probing = make_send(robot, NULL);
	if (robot->probing) {
		qg_robot_send_start(robot->probing);
	} else {
		qg_robot_wake(robot);
	}
}
