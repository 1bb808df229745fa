/* booking.h - one call as the ledger sees it, from its estimate to its end; and what a turn's calls sum up to. */
#ifndef AGENTS_MODELS_BOOKING_H
#define AGENTS_MODELS_BOOKING_H

#include "endpoints.h"
#include "qg/desk.h"

/* All calls of a turn. */
struct qg_bill {
	struct qg_tokens tokens;
	int64_t cost[QG_CURRENCIES];
	int64_t spent; /* the same in the currency of the bot's budget */
	bool estimated;
	size_t calls;
};

/* Whose calls they are; borrowed for the bookings' life. */
struct qg_payer {
	const struct qg_config *config; /* may be NULL */
	const struct qg_bot_config *bot;
	struct qg_endpoints *endpoints; /* may be NULL */
	struct qg_desk *desk;		/* may be NULL */
	const char *chat, *user;
};

struct qg_booking {
	const struct qg_payer *payer;
	const struct qg_model *model;
	const struct qg_model_config *endpoint;
	struct qg_call call;
	char key[80];
	int64_t raw;  /* the estimate of its text before experience corrected it */
	bool sees;    /* pictures go with it */
	int64_t seen; /* thousandths of a token of what came */
	uint64_t begun_us, first_us;
	bool granted; /* the desk wrote its row: it must be closed */
};

/* The call before it is sent: id, estimate, price, reserves. false: it has no price, and a limit stands that it could
 * break. */
QG_MUST_CHECK bool qg_booking_prepare(struct qg_booking *booking, const struct qg_payer *payer,
	const struct qg_model *model, const struct qg_model_config *endpoint,
	const struct qg_lane *lane, const struct qg_ask *ask);
/* It is sent; more of its answer came. */
void qg_booking_begin(struct qg_booking *booking);
void qg_booking_chunk(struct qg_booking *booking, const char *data, size_t size);
/* It ended (NULL: it was cancelled): books it where it was granted, and adds it to the bill. */
void qg_booking_close(struct qg_booking *booking, const struct qg_lane *lane,
	const struct qg_model_result *result, struct qg_bill *bill);

/* Whether a call of that name would be booked: who talks is, the search in the handbook is not. */
bool qg_booking_is_wanted(const struct qg_model *model);
/* "timeout": as rows and metrics say it. */
const char *qg_model_error_word(enum qg_model_error error, char out[16]);

#endif
