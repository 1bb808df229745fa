/* quota.c - the month's calls of an account, counted in Redis for all processes and over restarts.
 *
 * What was used since the last second is added there, and what Redis answers is the truth. An addition carries the number
 * of its turn, so that one whose answer was lost is sent again and counts once. Other programs of the same account use the
 * same quota and are not seen: the platform's own word that it is used up stands above the count. */
#include "quota.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qg/adapter.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/list.h"
#include "qg/log.h"
#include "qg/loop.h"
#include "qg/metrics.h"
#include "qg/redis.h"
#include "qg/str.h"

#define FLUSH_MS 1000
#define CHINA_MS (INT64_C(8) * 3600 * 1000)
#define KINDS_MOST 4
#define NEAR 80 /* per cent */
#define PERCENT_MOST 1000

/* KEYS: the account's prefix. ARGV: the counter, who adds, his turn, how much. A turn that was there is not added again: a
 * process has one on its way at a time, and repeats it within minutes or never. */
const struct qg_redis_script qg_quota_script = {
	.name = "quota",
	.source = "local total = KEYS[1] .. ARGV[1]\n"
		  "local mark = total .. ':' .. ARGV[2]\n"
		  "if redis.call('GET', mark) == ARGV[3] then\n"
		  "	return tonumber(redis.call('GET', total) or 0)\n"
		  "end\n"
		  "redis.call('SET', mark, ARGV[3], 'EX', 3600)\n"
		  "local n = redis.call('INCRBY', total, ARGV[4])\n"
		  "redis.call('EXPIRE', total, 3456000)\n"
		  "return n\n",
};

struct count { /* of one kind in the month that runs */
	struct qg_quota *quota;
	int64_t limit, used; /* used: of all processes, as Redis last said */
	int64_t pending;     /* counted here, not yet there */
	int64_t flying;	     /* on its way there, as part of flying_month */
	int flying_month;
	uint64_t turn;
	bool is_asked; /* its answer will come */
	bool spent;    /* the platform said so */
	int logged;    /* per cent that the log was told: 0, 80, 100 */
};

struct member { /* a bot of the account */
	struct qg_list link;
	struct qg_bot *bot;
	int told[KINDS_MOST]; /* per cent that its admins were */
};

struct qg_quota {
	struct qg_list link;
	unsigned references; /* members, and answers of Redis that are to come */
	struct qg_list members;
	char *platform, *name, *prefix;
	char *bot_name; /* of who came first, for logs and metrics */
	char process[17];
	const struct qg_quota_kind *kinds;
	size_t kind_count;
	struct count counts[KINDS_MOST];
	int month; /* year * 12 + month - 1 */
	struct qg_loop *loop;
	struct qg_redis *redis; /* may be NULL, and away */
	struct qg_timer *timer; /* writes what is pending */
};

static struct qg_list all = {&all, &all};

/* ---- the month ---- */

/* Quotas begin anew with China's month. */
static int month_now(void)
{
	time_t seconds = (time_t)((qg_clock_wall() + CHINA_MS) / 1000);
	struct tm tm;
	return gmtime_r(&seconds, &tm) ? (tm.tm_year + 1900) * 12 + tm.tm_mon : 0;
}

/* What is on its way belongs to the month it was counted in, and still lands there. */
static void turn_month(struct qg_quota *quota)
{
	int month = month_now();
	if (month == quota->month) {
		return;
	}
	quota->month = month;
	for (size_t i = 0; i < quota->kind_count; i++) {
		struct count *count = &quota->counts[i];
		count->used = count->pending = 0;
		count->spent = false;
		count->logged = 0;
	}
	QG_LIST_FOR_EACH (item, &quota->members) {
		struct member *member = QG_CONTAINER(item, struct member, link);
		memset(member->told, 0, sizeof(member->told));
	}
}

static int64_t flying_now(const struct qg_quota *quota, const struct count *count)
{
	return count->flying_month == quota->month ? count->flying : 0;
}

unsigned qg_quota_used(const struct qg_quota *quota, unsigned kind)
{
	assert(kind < quota->kind_count);
	const struct count *count = &quota->counts[kind];
	int64_t used = count->used + count->pending + flying_now(quota, count);
	int64_t percent = count->limit > 0 ? used * 100 / count->limit : 0;
	percent = count->spent && percent < 100 ? 100 : percent;
	return percent > PERCENT_MOST ? PERCENT_MOST : (unsigned)percent;
}

/* ---- who is told ---- */

static void log_level(const struct qg_quota *quota, unsigned kind, int level)
{
	const struct qg_quota_kind *row = &quota->kinds[kind];
	const struct count *count = &quota->counts[kind];
	if (level >= 100) {
		qg_log_error(quota->bot_name,
			"%s: 本月的%s额度用完了（按 %lld 次计，已用 %lld "
			"次）：请在%s增购，或等下月；"
			"实际额度不同就改 %s · this month's quota is used up",
			quota->platform, row->title, (long long)count->limit,
			(long long)count->used, row->page, row->option);
		return;
	}
	qg_log_warn(quota->bot_name,
		"%s: 本月的%s已用 %lld 次，额度 %lld 次，过了 %d%% · over %d %% of this month's "
		"quota is used",
		quota->platform, row->title, (long long)count->used, (long long)count->limit, NEAR,
		NEAR);
}

static void tell_admins(struct qg_quota *quota, unsigned kind, int level)
{
	const struct qg_quota_kind *row = &quota->kinds[kind];
	const char *key = level >= 100 ? row->words_spent : row->words_near;
	char occasion[64];
	snprintf(occasion, sizeof(occasion), "%s %04d-%02d %d", row->name, quota->month / 12,
		quota->month % 12 + 1, level);
	QG_LIST_FOR_EACH (item, &quota->members) {
		struct member *member = QG_CONTAINER(item, struct member, link);
		const struct qg_host *host = member->bot->host;
		if (member->told[kind] < level) {
			member->told[kind] = level;
			if (host && host->tell_admins) {
				host->tell_admins(member->bot, occasion, key);
			}
		}
	}
}

static void set_gauge(const struct qg_quota *quota, unsigned kind, const char *what,
	const char *help, int64_t value)
{
	QG_AUTO(qg_str_free) char *name = qg_str_printf("%s_month_%s", quota->platform, what);
	QG_AUTO(qg_str_free)
	char *labels =
		qg_str_printf("bot=\"%s\",kind=\"%s\"", quota->bot_name, quota->kinds[kind].name);
	if (name && labels) {
		qg_metric_set(qg_metric_gauge(name, labels, help), value);
	}
}

static void look(struct qg_quota *quota, unsigned kind)
{
	struct count *count = &quota->counts[kind];
	unsigned percent = qg_quota_used(quota, kind);
	set_gauge(quota, kind, "used", "Of this month's quota at the platform, as counted here",
		count->used);
	set_gauge(quota, kind, "limit", "This month's quota at the platform; 0: not known",
		count->limit);
	int level = percent >= 100 ? 100 : percent >= NEAR ? NEAR : 0;
	if (level > count->logged) {
		count->logged = level;
		log_level(quota, kind, level);
	}
	if (level > 0) {
		tell_admins(quota, kind, level);
	}
}

/* ---- counting ---- */

static void leave(struct qg_quota *quota);

static void landed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct count *count = arg;
	struct qg_quota *quota = count->quota;
	bool is_now = count->flying_month == quota->month;
	bool comes_again = status == QG_AWAY || status == QG_TIMEOUT || status == QG_FULL;
	count->is_asked = false;
	if (!comes_again) {
		if (is_now && status == QG_OK && reply->type == QG_REPLY_INT) {
			count->used = reply->integer;
			count->flying = 0;
			look(quota, (unsigned)(count - quota->counts));
		} else if (is_now) {
			count->used += count->flying;
		}
		count->flying = 0;
	}
	bool waits = comes_again || count->pending > 0;
	if (waits && !qg_list_is_empty(&quota->members) && !qg_timer_is_active(quota->timer)) {
		qg_timer_start(quota->timer, FLUSH_MS);
	}
	leave(quota);
}

/* What is pending, or once more what had no answer. */
static void fly(struct qg_quota *quota, unsigned kind)
{
	struct count *count = &quota->counts[kind];
	if (count->flying == 0) {
		count->flying = count->pending;
		count->flying_month = quota->month;
		count->pending = 0;
		count->turn++;
	}
	QG_AUTO(qg_str_free)
	char *counter = qg_str_printf("%s:%d", quota->kinds[kind].name, count->flying_month);
	char turn[24];
	char n[24];
	snprintf(turn, sizeof(turn), "%llu", (unsigned long long)count->turn);
	snprintf(n, sizeof(n), "%lld", (long long)count->flying);
	if (!counter) {
		return; /* the next time */
	}
	const char *argv[] = {counter, quota->process, turn, n};
	count->is_asked = true;
	quota->references++;
	qg_redis_script(
		quota->redis, &qg_quota_script, landed, count, quota->prefix, 4, argv, NULL);
}

static void flush(void *arg)
{
	struct qg_quota *quota = arg;
	bool is_up = quota->redis && qg_redis_is_up(quota->redis);
	bool waits = false;
	turn_month(quota);
	for (unsigned i = 0; i < quota->kind_count; i++) {
		struct count *count = &quota->counts[i];
		if (count->is_asked || (count->pending == 0 && count->flying == 0)) {
			continue;
		}
		if (is_up) {
			fly(quota, i);
		} else if (!quota->redis) {
			count->used += count->pending;
			count->pending = 0;
			look(quota, i);
		} else {
			waits = true;
		}
	}
	if (waits) {
		qg_timer_start(quota->timer, FLUSH_MS);
	}
}

void qg_quota_count(struct qg_quota *quota, unsigned kind, int64_t n)
{
	assert(kind < quota->kind_count);
	turn_month(quota);
	quota->counts[kind].pending += n;
	if (!qg_timer_is_active(quota->timer)) {
		qg_timer_start(quota->timer, FLUSH_MS);
	}
}

void qg_quota_spent(struct qg_quota *quota, unsigned kind)
{
	assert(kind < quota->kind_count);
	turn_month(quota);
	quota->counts[kind].spent = true;
	look(quota, kind);
}

/* ---- who shares it ---- */

static void destroy(struct qg_quota *quota)
{
	qg_list_remove(&quota->link);
	qg_timer_destroy(quota->timer);
	free(quota->platform);
	free(quota->name);
	free(quota->prefix);
	free(quota->bot_name);
	free(quota);
}

static void leave(struct qg_quota *quota)
{
	if (--quota->references == 0) {
		destroy(quota);
	}
}

/* "qg:{dingtalk:<digest>}:": counters of an account belong to no partition, and have a tag of their own. */
static char *make_prefix(const struct qg_bot *bot, const struct qg_quota_account *account)
{
	const char *prefix = bot->prefix ? bot->prefix : "";
	char digest[33];
	qg_digest_id(digest, account->platform, account->name, NULL);
	return qg_str_printf(
		"%.*s{%s:%s}:", (int)strcspn(prefix, "{"), prefix, account->platform, digest);
}

const char *qg_quota_prefix(const struct qg_quota *quota)
{
	return quota->prefix;
}

static struct qg_quota *create(const struct qg_bot *bot, const struct qg_quota_account *account)
{
	struct qg_quota *quota = calloc(1, sizeof(*quota));
	if (!quota) {
		return NULL;
	}
	qg_list_init(&quota->link);
	qg_list_init(&quota->members);
	qg_random_hex(quota->process, sizeof(quota->process) / 2);
	quota->loop = bot->loop;
	quota->redis = bot->redis;
	quota->kinds = account->kinds;
	quota->month = month_now();
	for (; quota->kinds[quota->kind_count].name; quota->kind_count++) {
		assert(quota->kind_count < KINDS_MOST);
		quota->counts[quota->kind_count].quota = quota;
	}
	quota->platform = qg_str_copy(account->platform);
	quota->name = qg_str_copy(account->name);
	quota->prefix = make_prefix(bot, account);
	quota->bot_name = qg_str_copy(bot->name);
	quota->timer = qg_timer_create(bot->loop, flush, quota);
	if (!quota->platform || !quota->name || !quota->prefix || !quota->bot_name ||
		!quota->timer) {
		destroy(quota);
		return NULL;
	}
	qg_list_add(&all, &quota->link);
	return quota;
}

static struct qg_quota *find(const struct qg_bot *bot, const struct qg_quota_account *account)
{
	QG_LIST_FOR_EACH (item, &all) {
		struct qg_quota *quota = QG_CONTAINER(item, struct qg_quota, link);
		if (quota->loop == bot->loop && quota->redis == bot->redis &&
			strcmp(quota->platform, account->platform) == 0 &&
			strcmp(quota->name, account->name) == 0) {
			return quota;
		}
	}
	return NULL;
}

struct qg_quota *qg_quota_join(struct qg_bot *bot, const struct qg_quota_account *account)
{
	struct member *member = calloc(1, sizeof(*member));
	struct qg_quota *quota = member ? find(bot, account) : NULL;
	if (member && !quota) {
		quota = create(bot, account);
	}
	if (!quota) {
		free(member);
		return NULL;
	}
	member->bot = bot;
	qg_list_add(&quota->members, &member->link);
	quota->references++;
	for (size_t i = 0; i < quota->kind_count; i++) { /* who changed it joins last */
		quota->counts[i].limit =
			account->limits[i] > 0 ? account->limits[i] : quota->counts[i].limit;
	}
	return quota;
}

void qg_quota_leave(struct qg_quota *quota, const struct qg_bot *bot)
{
	if (!quota) {
		return;
	}
	QG_LIST_FOR_EACH (item, &quota->members) {
		struct member *member = QG_CONTAINER(item, struct member, link);
		if (member->bot != bot) {
			continue;
		}
		qg_list_remove(&member->link);
		free(member);
		if (qg_list_is_empty(&quota->members) && qg_timer_is_active(quota->timer)) {
			qg_timer_stop(quota->timer);
			flush(quota);
			qg_timer_stop(quota->timer);
		}
		leave(quota);
		return;
	}
}
