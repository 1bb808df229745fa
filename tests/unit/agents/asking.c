/* asking.c - one question to the chain of a world's bot, and what came of it. */
#include "asking.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

struct asking asking;

static void chunk(void *arg, const char *data, size_t size, bool streams)
{
	size_t at = strlen(asking.text);
	snprintf(asking.text + at, sizeof(asking.text) - at, "%.*s", (int)size, data);
	asking.chunks++;
	if (asking.chunks == asking.cancel_at) {
		qg_chain_cancel(asking.chain);
		asking.chain = NULL;
		qg_loop_stop(asking.world.loop);
	}
}

static void ended(void *arg, const struct qg_chain_end *end)
{
	ck_assert(!asking.ended);
	asking.ended = true;
	asking.chain = NULL;
	asking.status = end->status;
	asking.error = end->result->error;
	asking.shown = end->shown;
	asking.limited = end->limited;
	asking.missed = end->result->missed;
	asking.bill = *end->bill;
	snprintf(asking.who, sizeof(asking.who), "%s",
		end->endpoint != NULL ? end->endpoint->name : "offline");
	qg_loop_stop(asking.world.loop);
}

static const struct qg_chain_host host = {chunk, ended};

void asking_setup(void)
{
	memset(&asking, 0, sizeof(asking));
	world_begin(&asking.world);
	world_open(&asking.world, NULL);
	fake_begin(&asking.world, &asking.desk);
	asking.ask = (struct qg_ask){.text = "拆封了能退货吗",
		.role = asking.world.role,
		.bot = asking.world.bot,
		.tokens = TOKENS,
		.max_tokens = 50};
}

void asking_teardown(void)
{
	world_drain(&asking.world);
	fake_end_all(&asking.world, &asking.desk);
	world_end(&asking.world);
}

void asking_start(const char *force)
{
	struct qg_chain_request request = {.loop = asking.world.loop,
		.payer = {.config = asking.world.config,
			.bot = asking.world.bot,
			.endpoints = asking.world.endpoints,
			.desk = asking.world.desk,
			.chat = "web",
			.user = "alice"},
		.force = force,
		.ask = &asking.ask};
	asking.ended = false;
	asking.text[0] = '\0';
	asking.chunks = 0;
	asking.chain = qg_chain_start(&request, &host, NULL);
	ck_assert_ptr_nonnull(asking.chain);
	ck_assert(!asking.ended);
}

void asking_run(void)
{
	asking_start(NULL);
	qg_loop_run(asking.world.loop);
}
