/* drafts.c - answers being made: rows that workers publish, handed to the platforms that show them.
 *
 * That none overtakes an earlier answer of its chat is Redis' to see to, which alone knows what still waits (draft.lua,
 * out.lua): what comes here may be shown. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

static void show(struct bot *bot, const struct qg_draft *draft)
{
	const struct qg_adapter *adapter = bot->bot.adapter;
	bool is_open = bot->started && !bot->stopping && link_may_send(bot->link);
	if (bot->ready && adapter->draft != NULL && (adapter->can.drafts_everywhere || is_open)) {
		adapter->draft(&bot->bot, draft);
	}
}

void drafts_heard(struct qg_gateway *gateway, const char *row, size_t size)
{
	struct qg_draft draft;
	json_t *holder;
	if (qg_draft_decode(row, size, &draft, &holder) != QG_OK) {
		return;
	}
	struct bot *bot = bots_find(gateway, draft.bot);
	if (bot != NULL) {
		show(bot, &draft);
	}
	json_decref(holder);
}

struct replay {
	struct qg_gateway *gateway;
	char *bot;
};

static void replayed(void *arg, enum qg_status status, const char *const *rows, size_t count)
{
	struct replay *replay = arg;
	struct bot *bot = bots_find(replay->gateway, replay->bot);
	for (size_t i = 0; i < count && bot != NULL; i++) {
		struct qg_draft draft;
		json_t *holder;
		if (qg_draft_decode(rows[i], strlen(rows[i]), &draft, &holder) == QG_OK) {
			if (strcmp(draft.bot, replay->bot) == 0) {
				show(bot, &draft);
			}
			json_decref(holder);
		}
	}
	free(replay->bot);
	free(replay);
}

void drafts_replay(struct qg_bot *adapter_bot)
{
	struct bot *bot = bot_of(adapter_bot);
	struct replay *replay = calloc(1, sizeof(*replay));
	if (replay == NULL || (replay->bot = qg_str_copy(adapter_bot->name)) == NULL) {
		free(replay);
		return;
	}
	replay->gateway = bot->gateway;
	qg_queue_drafts(bot->gateway->core->queue, adapter_bot->name,
		!adapter_bot->adapter->can.drafts_everywhere, replayed, replay);
}
