/* notice.c - tells a bot's admins, once, that most of a budget is used.
 *
 * Each close that finds a budget nearly used says so until somebody was told, and one script puts the notices into
 * the out lists and notes that they are there: whatever is lost on the way here is begun again by the next close.
 * Each admin is written to as in a direct chat; platforms where a bot may not write first drop it on the way out. */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/price.h"
#include "qg/str.h"

enum { ADMINS_MOST = 50, ID_READABLE = 16, ID_END = 4 };

struct notice {
	struct qg_list link;
	struct qg_worker *worker;
	enum qg_limit limit;
	enum qg_currency currency;
	int64_t used, most;
	char *key, *bot, *whom;
};

static void destroy(struct notice *notice)
{
	qg_list_remove(&notice->link);
	free(notice->key);
	free(notice->bot);
	free(notice->whom);
	free(notice);
}

static void told(void *arg, enum qg_status status)
{
	struct notice *notice = arg;
	if (status != QG_OK && !worker_repeats(status)) {
		qg_log_warn(notice->bot, "the notice about a budget cannot be stored: %s",
			qg_status_text(status));
	}
	destroy(notice);
}

/* People know themselves and each other by name; of a group's id, which no platform shows, the end is enough to find it
 * in `qungong usage --by chat`. */
static const char *shown_whom(const struct notice *notice, char alias[QG_ALIAS_SIZE])
{
	const struct qg_message user = {.sender = notice->whom}; /* as groups and models know him */
	size_t size = strlen(notice->whom);
	if (notice->limit == QG_LIMIT_USER_DAY) {
		return qg_message_name(&user, alias);
	}
	if (notice->limit == QG_LIMIT_CHAT_DAY && size > ID_READABLE) {
		size_t from = qg_utf8_cut(notice->whom, size, size - ID_END);
		snprintf(alias, QG_ALIAS_SIZE, "…%s", notice->whom + from);
		return alias;
	}
	return notice->whom;
}

static bool will_stop(const struct notice *notice)
{
	const struct qg_bot_config *bot = qg_config_bot(notice->worker->core->config, notice->bot);
	return bot != NULL && bot->at_limit == QG_LIMIT_STOP;
}

static char *words_of(const struct notice *notice, const struct qg_role *role)
{
	char used[40], most[40], key[40], alias[QG_ALIAS_SIZE];
	qg_money_text(notice->used, notice->currency, used);
	qg_money_text(notice->most, notice->currency, most);
	snprintf(key, sizeof(key), "limit_name_%s", qg_limit_name(notice->limit));
	char *name = qg_role_words(role, key, "whom", shown_whom(notice, alias), NULL);
	char *words = name == NULL ? NULL
				   : qg_role_words(role,
					     will_stop(notice) ? "limit_near_stop" : "limit_near",
					     "name", name, "used", used, "limit", most, NULL);
	free(name);
	return words;
}

/* A direct reply to nobody's message: the admin's id is the chat. NULL for no memory. */
static struct qg_reply *make_reply(
	const struct notice *notice, const struct qg_role *role, const char *admin)
{
	struct qg_reply *reply = qg_reply_create();
	if (reply == NULL) {
		return NULL;
	}
	char id[33];
	qg_digest_id(id, notice->bot, notice->key, admin, NULL);
	reply->id = qg_str_copy(id);
	reply->bot = qg_str_copy(notice->bot);
	reply->chat = qg_str_copy(admin);
	reply->conversation = qg_str_printf("%s/%s", notice->bot, admin);
	reply->chat_type = QG_CHAT_DIRECT;
	reply->answers = json_array();
	reply->text = words_of(notice, role);
	reply->usage.model = qg_str_copy("offline");
	reply->usage.cost = qg_str_copy("{\"CNY\":0}");
	if (reply->id == NULL || reply->bot == NULL || reply->chat == NULL ||
		reply->conversation == NULL || reply->answers == NULL || reply->text == NULL ||
		reply->usage.model == NULL || reply->usage.cost == NULL) {
		qg_reply_destroy(reply);
		return NULL;
	}
	return reply;
}

/* Those of the config and those bound by a code, each once. */
static struct qg_strings all_admins(
	const struct notice *notice, const char *const *bound, size_t count)
{
	struct qg_strings all = {0};
	const struct qg_bot_config *bot = qg_config_bot(notice->worker->core->config, notice->bot);
	size_t named = bot != NULL ? bot->admins.count : 0;
	for (size_t i = 0; i < named + count && all.count < ADMINS_MOST; i++) {
		const char *admin = i < named ? bot->admins.items[i] : bound[i - named];
		if (!qg_strings_has(&all, admin) && qg_strings_add(&all, admin) != QG_OK) {
			break;
		}
	}
	return all;
}

static void found(void *arg, enum qg_status status, const char *const *admins, size_t admin_count,
	const char *const *chats, size_t chat_count)
{
	struct notice *notice = arg;
	struct bot_role *bot = roles_find(notice->worker, notice->bot);
	if (status != QG_OK || bot == NULL || bot->role == NULL) {
		destroy(notice); /* the next close tells it again */
		return;
	}
	struct qg_reply *replies[ADMINS_MOST];
	struct qg_strings all = all_admins(notice, admins, admin_count);
	size_t count = 0;
	for (size_t i = 0; i < all.count; i++) {
		replies[count] = make_reply(notice, bot->role, all.items[i]);
		count += replies[count] != NULL ? 1 : 0;
	}
	char used[40], most[40];
	qg_money_text(notice->used, notice->currency, used);
	qg_money_text(notice->most, notice->currency, most);
	qg_log_warn(notice->bot, "budget %s of %s: %s of %s are used", qg_limit_name(notice->limit),
		notice->whom, used, most);
	qg_ledger_tell(notice->worker->core->queue, notice->bot, notice->key, replies, count, told,
		notice);
	for (size_t i = 0; i < count; i++) {
		qg_reply_destroy(replies[i]);
	}
	qg_strings_finish(&all);
}

static bool is_being_told(const struct qg_worker *worker, const char *key)
{
	QG_LIST_FOR_EACH (item, &worker->notices) {
		if (strcmp(QG_CONTAINER(item, struct notice, link)->key, key) == 0) {
			return true;
		}
	}
	return false;
}

static const char *whom_of(const struct qg_call *call, enum qg_limit limit)
{
	for (size_t i = 0; i < call->reserve_count; i++) {
		if (call->reserves[i].limit == limit && call->reserves[i].whom != NULL) {
			return call->reserves[i].whom;
		}
	}
	return "";
}

void notice_near(struct qg_worker *worker, const struct qg_call *call, const struct qg_near *near)
{
	struct notice *notice =
		is_being_told(worker, near->key) ? NULL : calloc(1, sizeof(*notice));
	if (notice == NULL) {
		return;
	}
	qg_list_init(&notice->link);
	notice->worker = worker;
	notice->limit = near->limit;
	notice->currency = near->currency;
	notice->used = near->used;
	notice->most = near->most;
	notice->key = qg_str_copy(near->key);
	notice->bot = qg_str_copy(call->bot);
	notice->whom = qg_str_copy(whom_of(call, near->limit));
	if (notice->key == NULL || notice->bot == NULL || notice->whom == NULL) {
		destroy(notice);
		return;
	}
	qg_list_add(&worker->notices, &notice->link);
	qg_queue_people(worker->core->queue, notice->bot, found, notice);
}

void notices_finish(struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->notices) {
		destroy(QG_CONTAINER(item, struct notice, link));
	}
}
