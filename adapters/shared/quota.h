/* quota.h - how much of a month's quota an account of a platform has used, counted in Redis for all processes.
 *
 * Platforms sell calls by the month and say nothing before they are used up. The count is an estimate: it warns (log,
 * metrics, once to the admins of its bots), and slows down what is optional; nothing is refused because of it. */
#ifndef QG_ADAPTERS_SHARED_QUOTA_H
#define QG_ADAPTERS_SHARED_QUOTA_H

#include <stdint.h>

#include "qg/bot.h"

struct qg_quota;

struct qg_quota_kind {	    /* static */
	const char *name;   /* in keys, metrics and occasions: "calls" */
	const char *title;  /* for people: "接口调用（API calls）" */
	const char *option; /* of the config, that says how many there are */
	const char *page; /* where more are bought: "钉钉管理后台的开放平台用量里" */
	const char *words_near, *words_spent; /* sentences to the admins, at 80 % and at the end */
};
struct qg_quota_account {		   /* copied but for kinds */
	const char *platform;		   /* "dingtalk" */
	const char *name;		   /* of the account, for keys */
	const struct qg_quota_kind *kinds; /* up to a row without a name */
	const int64_t *
		limits; /* of each kind; 0: not known, it is counted all the same. The last who joins is right */
};

/* The counters of an account, made or shared by all bots of it in the process; bot is one that may speak to its admins.
 * NULL for no memory. */
struct qg_quota *qg_quota_join(struct qg_bot *bot, const struct qg_quota_account *account);
/* Accepts NULL. */
void qg_quota_leave(struct qg_quota *quota, const struct qg_bot *bot);
/* Of keys in Redis that belong to the account, whichever of its bots asks in whichever process. Borrowed. */
const char *qg_quota_prefix(const struct qg_quota *quota);
/* n more of that kind (its place in kinds) were used. */
void qg_quota_count(struct qg_quota *quota, unsigned kind, int64_t n);
/* The platform says that this month's are used up. */
void qg_quota_spent(struct qg_quota *quota, unsigned kind);
/* Per cent of the month's, as far as it is known; 100 and more: used up. */
unsigned qg_quota_used(const struct qg_quota *quota, unsigned kind);

struct qg_redis_script;
extern const struct qg_redis_script qg_quota_script;

#endif
