/* robot.c - the life of a group's robot, whatever the platform: sends under way, their ends told from the loop, probes.
 *
 * No turn ever begins here. What leaves was put there by `qungong say`, by schedules and reports; the chat is called
 * `hook`, whatever the group's name is. */
#include "robot.h"

#include <assert.h>
#include <stdlib.h>

#include "faults.h"
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
		/* not what it says: it may be a good key at a wrong place */
		qg_problem_error(problems, qg_option_place(tree, "url"), "%s", kind->where);
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

static void tell_probe(struct qg_robot *robot)
{
	void (*told)(void *arg, enum qg_status status, const char *words) = robot->told;
	void *arg = robot->told_arg;
	struct qg_robot_send done = {.out.status = QG_NO_MEMORY, .words = "out of memory"};
	if (robot->probing) {
		done = *robot->probing;
		qg_robot_send_drop(&robot->probing->out);
	}
	robot->told = NULL;
	robot->probing = NULL;
	/* a code nobody knows is an answer to this question too, and no good one */
	enum qg_status status = done.out.status == QG_UNSUPPORTED ? QG_FAILED : done.out.status;
	told(arg, done.is_there ? QG_OK : status,
		done.is_there ? "群机器人的地址有效 · the robot is there" : done.words);
}

/* The host may finish the bot from inside each call: one thing a turn of the loop, then nothing is touched. */
static void wake(void *arg)
{
	struct qg_robot *robot = arg;
	struct qg_bot *bot = robot->bot;
	bool has_asked = robot->told && (!robot->probing || robot->probing->out.ended);
	if (has_asked || qg_outs_is_due(&robot->outs)) {
		qg_timer_start(robot->timer, 0); /* perhaps there is more */
	}
	if (has_asked) {
		tell_probe(robot);
	} else if (qg_outs_is_due(&robot->outs)) {
		qg_outs_give_back(&robot->outs, bot);
	} else if (robot->stopping && !robot->stopped && !robot->probing &&
		   qg_outs_is_empty(&robot->outs)) {
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
	qg_outs_init(&robot->outs, qg_robot_send_drop);
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
	qg_outs_finish(&robot->outs);
	if (robot->probing) {
		qg_robot_send_drop(&robot->probing->out);
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

static struct qg_robot_send *make_send(struct qg_robot *robot)
{
	struct qg_robot_send *send = calloc(1, sizeof(*send));
	if (send) {
		send->robot = robot;
	}
	return send;
}

void qg_robot_send(struct qg_bot *bot, struct qg_reply *reply)
{
	struct qg_robot *robot = robot_of(bot);
	struct qg_robot_send *send = make_send(robot);
	if (!send) {
		qg_robot_wake(robot);
		qg_outs_add_spare(&robot->outs, bot, reply);
		return;
	}
	qg_outs_add(&robot->outs, &send->out, reply);
	qg_robot_send_start(send);
}

void qg_robot_probe(struct qg_bot *bot,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	struct qg_robot *robot = robot_of(bot);
	assert(!robot->told); /* one at a time */
	robot->told = told;
	robot->told_arg = arg;
	robot->probing = make_send(robot);
	if (robot->probing) {
		qg_robot_send_start(robot->probing);
	} else {
		qg_robot_wake(robot);
	}
}
