/* asking.h - one question to the chain of a world's bot, and what came of it. */
#ifndef TESTS_UNIT_AGENTS_ASKING_H
#define TESTS_UNIT_AGENTS_ASKING_H

#include "fakes.h"
#include "models/chain.h"

#define PRICE 2000000000 /* 2 a million tokens: 2,000 nano a token */
#define TOKENS 100	 /* the estimate of the prompt; an answer has 50 */

struct asking {
	struct world world;
	struct fake_desk desk;
	struct qg_ask ask;
	struct qg_chain *chain;
	size_t cancel_at; /* chunks; 0: never */
	/* how it ended */
	bool ended, shown, limited, missed;
	enum qg_status status;
	enum qg_model_error error;
	char who[32], text[64];
	struct qg_bill bill;
	size_t chunks;
};

extern struct asking asking;

void asking_setup(void);
void asking_teardown(void);
/* Starts without running the loop. */
void asking_start(const char *force);
/* Asks and waits for the end. */
void asking_run(void);
/* An answer of that text with its usage. */
#define FAKE_GOOD(words)                                                                           \
	{                                                                                          \
		.text = words, .has_usage = true, .tokens = {.input = 80, .output = 20 }           \
	}
#define FAKE_ADD(name, rank, ...)                                                                  \
	fake_add(&asking.world, name, rank, PRICE,                                                 \
		sizeof((struct fake_step[]){__VA_ARGS__}) / sizeof(struct fake_step),              \
		(struct fake_step[]){__VA_ARGS__})

#endif
