/* deck.h - a Feishu bot with a Redis and a clock of the test's own, for what cards do call by call. */
#ifndef QG_TESTS_ADAPTERS_FEISHU_DECK_H
#define QG_TESTS_ADAPTERS_FEISHU_DECK_H

#include <check.h>

#include "cards.h"
#include "redis_server.h"
#include "world.h"

#define DECK_REPLY "0123456789abcdef0123456789abcdef"
#define DECK_GROUP "oc_c963141b9d203a4b527f3dc07426565f"
#define DECK_ASKED "om_x100fe7133da125f8de7dd0195db264f"
#define DECK_PERSON "ou_4624ead94ad27a730e2fec4562dfe2c6"
#define DECK_CARD "7500034761341082566"
#define DECK_MAKE "/open-apis/cardkit/v1/cards"
#define DECK_PUT DECK_MAKE "/" DECK_CARD
#define DECK_SETTINGS DECK_PUT "/settings"
#define DECK_CONTENT DECK_PUT "/elements/md_main/content"
#define DECK_SEND "/open-apis/im/v1/messages/" DECK_ASKED "/reply"

struct deck {
	struct world world;
	int64_t wall;
	uint64_t mono;
};

extern struct deck deck;
extern struct qg_test_redis *deck_redis;

/* The tests of tcase share a Redis, and each finds it empty, with a bot of its own. */
void deck_add(TCase *tcase);
/* The bot ends as in a kill: nothing is told, nothing is ended; another one begins in the same Redis. */
void deck_kill(void);
struct feishu_core *deck_core(void);
void deck_draft(int64_t sequence, const char *text);
/* The answer to the person's question in the group, the only part of it. */
struct qg_reply *deck_reply(const char *text);
/* Two of them below it. */
void deck_add_buttons(struct qg_reply *reply);
enum qg_status deck_send(struct qg_reply *reply);
void deck_wait_asked(size_t count);
void deck_settle(void);
/* Moves both clocks, and lets what is due be done. */
void deck_pass(uint64_t ms);
/* Time passes until so many calls were made. */
void deck_pass_until(size_t count);
/* The n-th call from 0, which must be of this method and path: its body, borrowed until the next. */
const json_t *deck_asked(size_t at, const char *method, const char *path);
/* A member of it that holds JSON as a string, parsed; borrowed until the next. */
const json_t *deck_inside(const json_t *body, const char *member);

#endif
