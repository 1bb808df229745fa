/* sending.h - one reply on its way out: the steps between its place in the out list and the platform. */
#ifndef QG_FLOW_SENDING_H
#define QG_FLOW_SENDING_H

#include "gateway.h"

enum stage {
	STARTING, /* the mark is being stored */
	CALLING,  /* the adapter has it */
	LANDING,
	WAITING, /* is being put off */
	ASKING,	 /* it is hopeless: who is to be told */
	TELLING, /* notices are being stored */
	BURYING,
};

struct sending {
	struct qg_list item;
	struct bot *bot;
	struct qg_reply
		*reply; /* at the adapter while CALLING; NULL where what Redis holds is none */
	char *chat;
	char id[33];
	json_t *parts;
	unsigned number, attempts;
	enum qg_form form;
	uint64_t fence;
	enum stage stage;
	bool in_flight, lost, repeated, store_parts;
	int64_t until;
	const char *reason;
	struct notices notices; /* while TELLING */
};

/* Takes what head holds. It runs until the adapter has it, or Redis must answer. */
void sending_begin(struct bot *bot, struct qg_head *head);
/* Sends the script of its stage, now or when Redis is back. */
void sending_run(struct sending *sending);
/* Its bot may end with it. */
void sending_destroy(struct sending *sending);
/* The same without looking at the bot, which is ending itself. */
void sending_free(struct sending *sending);

/* notice.c: makes the notices about a reply that cannot be delivered; false for none or no memory. bound: users who
 * became admins by a code. */
bool notice_make(struct sending *sending, const char *const *bound, size_t count);
/* Whether anybody is to be told: not of a notice, only where the platform lets a bot write first, and of a chat not
 * again and again. True is given once: it counts as told. */
bool notice_is_due(const struct sending *sending);
/* At the bot's end: what it was told of. */
void notice_forget(struct bot *bot);
/* It is a notice, and its platform lets no bot write first. */
bool notice_has_no_way(const struct sending *sending);

#endif
