/* identity.c - the open_id by which groups mention this bot: asked of the platform, remembered in Redis.
 *
 * Whether a group's message speaks to the bot is told by its open_id alone, and only the platform knows it. It is asked
 * once in each process, when few others open (places.c) or by the first who needs it, and written down, so that a process
 * that just started knows it before that answer is there, also while the platform's API is away. What was written down is
 * only believed until the platform says it anew. */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/log.h"
#include "qg/redis.h"
#include "qg/str.h"

#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 60000

struct qg_places feishu_places = QG_PLACES(feishu_places);

static void tell(struct feishu_account *account)
{
	QG_LIST_FOR_EACH (item, &account->watchers) {
		struct feishu_watcher *watcher = QG_CONTAINER(item, struct feishu_watcher, link);
		watcher->told(watcher);
	}
}

/* ---- the platform's word ---- */

static void complain(struct feishu_account *account, const struct feishu_answer *answer)
{
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	const char *words = outcome.status == QG_OK
				    ? "the app has no bot: add 机器人 under 添加应用能力"
				    : outcome.words;
	if (!account->own.complained && !account->own.open_id) { /* it goes on while it fails */
		qg_log_warn(NULL,
			"feishu %s: the bot's own id is not known, so messages of groups wait: "
			"HTTP %d, code %lld %s %s %s",
			account->app_id, answer->http, (long long)answer->code, answer->msg,
			answer->words, words);
		account->own.complained = true;
	}
}

static void remember(const struct feishu_account *account)
{
	const struct feishu_identity *own = &account->own;
	if (own->redis) {
		qg_redis_run(own->redis, NULL, NULL, "SET %s %s", own->key, own->open_id);
	}
}

/* Takes given, which may be NULL. */
static void learn(struct feishu_account *account, char *given)
{
	struct feishu_identity *own = &account->own;
	if (given && (!own->open_id || strcmp(given, own->open_id) != 0)) {
		free(own->open_id);
		own->open_id = given;
		remember(account);
	} else {
		free(given);
	}
}

static void ask_later(struct feishu_identity *own)
{
	qg_place_leave(&own->place);
	qg_timer_start(own->again, qg_backoff_next(&own->backoff));
}

static void informed(void *arg, const struct feishu_answer *answer)
{
	static const char *const paths[] = {"bot.open_id"};
	struct feishu_account *account = arg;
	struct qg_piece found = {0};
	char *given = NULL;
	account->own.asking = NULL;
	qg_place_leave(&account->own.place);
	if (feishu_error_outcome(answer).status == QG_OK &&
		qg_scan(answer->body, answer->size, paths, 1, &found) == QG_OK &&
		found.kind == QG_PIECE_STRING && found.size > 0 && found.size <= QG_ID_MAX) {
		given = qg_piece_copy(&found);
	}
	account->own.sure = given != NULL;
	if (given) {
		learn(account, given);
	} else {
		complain(account, answer);
		ask_later(&account->own);
	}
	tell(account);
}

static void ask(struct feishu_account *account)
{
	account->own.asking = feishu_call_start(
		account, "GET", "/open-apis/bot/v3/info", NULL, informed, account);
	if (!account->own.asking) {
		ask_later(&account->own);
	}
}

static bool is_to_ask(const struct feishu_identity *own)
{
	return !own->sure && !own->asking && !qg_timer_is_active(own->again);
}

static void ask_in_turn(void *arg)
{
	struct feishu_account *account = arg;
	if (is_to_ask(&account->own) && qg_place_take(&account->own.place)) {
		ask(account);
	}
}

/* ---- what was written down ---- */

static void recalled(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct feishu_account *account = arg;
	struct feishu_identity *own = &account->own;
	own->recalling = false;
	own->recalled = status == QG_OK; /* else it is looked for again */
	if (status == QG_OK && !own->open_id && reply->type == QG_REPLY_STRING && reply->size > 0 &&
		reply->size <= QG_ID_MAX && strlen(reply->text) == reply->size) {
		own->open_id = qg_str_copy(reply->text);
	}
	if (status != QG_CANCELLED) {
		tell(account);
	}
	feishu_account_leave(account, NULL);
}

/* Redis cannot be told to forget a question: the account stays until it is answered. */
static void recall(struct feishu_account *account)
{
	struct feishu_identity *own = &account->own;
	if (own->open_id || !own->redis || own->recalling || own->recalled) {
		return;
	}
	own->recalling = true;
	account->references++;
	qg_redis_run(own->redis, recalled, account, "GET %s", own->key);
}

/* ---- its life ---- */

enum qg_status feishu_identity_init(struct feishu_account *account, const struct qg_bot *bot)
{
	struct feishu_identity *own = &account->own;
	qg_backoff_init(&own->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	own->again = qg_timer_create(bot->loop, ask_in_turn, account);
	own->redis = bot->prefix ? bot->redis : NULL;
	own->key =
		qg_str_printf("%sfeishu:own:%s", bot->prefix ? bot->prefix : "", account->app_id);
	if (!own->again || !own->key) {
		return QG_NO_MEMORY;
	}
	return qg_place_init(&own->place, &feishu_places, bot->loop, ask_in_turn, account);
}

void feishu_identity_finish(struct feishu_account *account)
{
	struct feishu_identity *own = &account->own;
	feishu_call_cancel(own->asking);
	qg_place_finish(&own->place);
	qg_timer_destroy(own->again);
	free(own->open_id);
	free(own->key);
}

void feishu_identity_prepare(struct feishu_account *account)
{
	ask_in_turn(account);
	recall(account);
}

const char *feishu_identity_get(struct feishu_account *account)
{
	struct feishu_identity *own = &account->own;
	if (is_to_ask(own)) {
		qg_place_leave(&own->place); /* somebody waits: this is urgent */
		ask(account);
	}
	recall(account);
	return own->open_id;
}

bool feishu_identity_is_coming(const struct feishu_account *account)
{
	return account->own.asking || account->own.recalling;
}
