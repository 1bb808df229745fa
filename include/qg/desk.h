/* desk.h - what a turn asks of the world around it: may I spend this, what was spent, is this the code.
 *
 * The worker answers from Redis, under the fence of the turn; the terminal from the ledger's files. A turn knows
 * neither. Every question gets one answer, on the loop, never from inside the call, unless it was forgotten. */
#ifndef QG_DESK_H
#define QG_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/price.h"
#include "qg/status.h"

/* X(name, word in keys) */
#define QG_LIMIT_MAP(X)                                                                            \
	X(TURN, "turn")                                                                            \
	X(CHAT_DAY, "chat_day")                                                                    \
	X(USER_DAY, "user_day")                                                                    \
	X(BOT_MONTH, "bot_month")                                                                  \
	X(CUSTOMER_MONTH, "customer_month")

enum qg_limit {
#define X(name, word) QG_LIMIT_##name,
	QG_LIMIT_MAP(X)
#undef X
	QG_LIMITS,
};
const char *qg_limit_name(enum qg_limit limit);

/* A budget that a call draws on. The same period is settled as was reserved from, also over midnight. */
struct qg_reserve {
	enum qg_limit limit;
	enum qg_currency currency;
	char period[12];  /* "20261122" or "202611", by the bot's clock */
	const char *whom; /* chat, user, bot or customer id */
	int64_t most;	  /* nano; the limit */
	int64_t amount;	  /* nano reserved; at the close: what it really was */
};

/* One call to a model, before it is sent. Strings are borrowed for the call of open(). */
struct qg_call {
	char id[33];
	int64_t at; /* wall ms it is sent: day and price follow */
	char day[12]; /* of the bot's clock: "20261122" */
	const char *provider, *model; /* canonical provider; the model as asked for */
	const char *key;	      /* whose account: endpoint's name and a few digits of the key's digest */
	const char *bot, *customer, *chat, *user, *role; /* customer may be NULL; role: the template */
	struct qg_price price;
	struct qg_tokens estimate; /* upper side: prompt's estimate, answer_tokens */
	int64_t cost;		   /* of the estimate, nano of price.currency */
	struct qg_reserve reserves[QG_LIMITS]; /* all but TURN, which the turn itself watches */
	size_t reserve_count;
};

/* How it ended. */
struct qg_call_end {
	struct qg_tokens tokens; /* as reported, or the estimate of what went over the wire */
	bool estimated;		 /* not reported by the service */
	const char *failed; /* a word where it gave no answer ("timeout"), else NULL */
	const char *model;  /* as the service named it; NULL: as asked */
	int64_t cost;	    /* nano of the call's price.currency */
	int64_t first_ms, total_ms; /* until the first chunk (-1: none came) and the end */
};

struct qg_figure { /* what somebody used */
	int64_t calls, input, cached_input, output, saved;
	int64_t cost[QG_CURRENCIES];
};
struct qg_figures {
	struct qg_figure user_day, user_month, chat_day, chat_month, bot_month;
};

/* QG_OK: go. QG_DENIED: over that limit. QG_STALE: the turn is somebody else's. Else Redis is away. */
typedef void (*qg_opened_fn)(void *arg, enum qg_status status, enum qg_limit limit);
typedef void (*qg_figures_fn)(void *arg, enum qg_status status, const struct qg_figures *figures);
/* QG_OK: the sender is an admin now. QG_DENIED: wrong or too late. */
typedef void (*qg_bound_fn)(void *arg, enum qg_status status);

struct qg_desk {
	/* Reserves and writes the open row. */
	void (*open)(struct qg_desk *desk, const struct qg_call *call, qg_opened_fn fn, void *arg);
	/* Settles and books; the desk keeps it until it is stored, whatever becomes of the turn. Copies all. Each
	 * call whose opening was granted is closed once. */
	void (*close)(struct qg_desk *desk, const struct qg_call *call, const struct qg_call_end *end);
	/* An answer that needed no model: tokens (estimated) that a model would have taken. */
	void (*saved)(struct qg_desk *desk, const struct qg_call *call, const char *way);
	/* What the user, the chat and the bot used; day and month of the bot's clock ("20261122"). */
	void (*figures)(struct qg_desk *desk, const char *bot, const char *chat, const char *user,
		const char *day, qg_figures_fn fn, void *arg);
	/* A code of `qungong hire`; message: the same again gets the same answer. */
	void (*bind)(struct qg_desk *desk, const char *bot, const char *user, const char *code,
		const char *message, qg_bound_fn fn, void *arg);
	/* No answer will be given to arg any more; what an opening under way reserved is released. */
	void (*forget)(struct qg_desk *desk, void *arg);
};

#endif
