/* cards.c - the cards of a bot: which replies have one, and of which kind.
 *
 * An answer that is seen being made fills a card (livecard.h, card_calls.c). One that is not is a message, for that is one
 * call where a card is three; where there is something only a card shows - buttons, a source - it is a card sent whole, one
 * call as well. Both are one part of the reply: what stands behind goes as messages. */
#include "cards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define PATH_MAX_BYTES 1024
#define SOURCE_MOST 300 /* bytes of a last line that may be a source */

static struct feishu_card *card_of(struct qg_livecard *live)
{
	return QG_CONTAINER(live, struct feishu_card, live);
}

/* ---- where it goes ---- */

static bool place(struct qg_livecard *live, const char *chat, const char *handle, const char *whom)
{
	struct feishu_card *card = card_of(live);
	if (card->chat) {
		return true;
	}
	char *copy = handle && handle[0] ? qg_str_copy(handle) : NULL;
	card->chat = chat && chat[0] && (copy || !handle || !handle[0]) ? qg_str_copy(chat) : NULL;
	if (!card->chat) {
		free(copy);
		return false;
	}
	card->handle = copy;
	card->whom = qg_str_copy(whom); /* without memory nobody is called before the end */
	return true;
}

char *feishu_cards_path(const char *chat, const char *handle)
{
	struct qg_buf path;
	qg_buf_init(&path, PATH_MAX_BYTES);
	qg_buf_add_str(&path, "/open-apis/im/v1/messages");
	if (handle && handle[0]) {
		qg_buf_add_str(&path, "/");
		qg_url_encode(handle, strlen(handle), &path);
		qg_buf_add_str(&path, "/reply");
	} else {
		qg_buf_printf(&path, "?receive_id_type=%s", feishu_id_type(chat));
	}
	char *text = path.failed == QG_OK ? qg_buf_steal(&path) : NULL;
	qg_buf_finish(&path);
	return text;
}

/* ---- what Redis knows of one that somebody else made: "<card_id>" before it is sent, then "<card_id> <message_id>" ---- */

static bool take_id(const char **at, char out[FEISHU_CARD_ID_SIZE])
{
	size_t size = strcspn(*at, " ");
	if (size == 0 || size >= FEISHU_CARD_ID_SIZE) {
		return false;
	}
	memcpy(out, *at, size);
	out[size] = '\0';
	*at += (*at)[size] == ' ' ? size + 1 : size;
	return true;
}

static void recall(struct qg_livecard *live, const char *name)
{
	struct feishu_card *card = card_of(live);
	const char *at = name;
	bool has_card = take_id(&at, card->card_id);
	bool is_sent = has_card && take_id(&at, card->message_id);
	if (!is_sent) {
		card->message_id[0] = '\0';
	}
	live->made = is_sent;
	live->unsure =
		has_card && !is_sent; /* noted before it is sent: without that nobody saw it */
}

static void finish(struct qg_livecard *live)
{
	struct feishu_card *card = card_of(live);
	feishu_call_cancel(card->call);
	json_decref(card->last);
	free(card->text);
	free(card->chat);
	free(card->whom);
	free(card->handle);
}

/* ---- how a reply looks ---- */

/* Of its texts: files leave behind them. */
bool feishu_cards_is_last(const struct qg_reply *reply)
{
	return reply->part + json_array_size(reply->files) + 1 >= reply->parts;
}

/* The line under an answer, label and footnote, where text ends with it: the planner puts it there. */
static const char *line_of(const struct qg_reply *reply)
{
	const char *line = reply->footnote ? reply->footnote : reply->label;
	if (!line || !line[0] || !feishu_cards_is_last(reply)) {
		return NULL;
	}
	size_t whole = strlen(reply->text), size = strlen(line);
	return whole >= size && strcmp(reply->text + whole - size, line) == 0 ? line : NULL;
}

static size_t trimmed(const char *text, size_t size)
{
	while (size > 0 && strchr(" \t\r\n", text[size - 1])) {
		size--;
	}
	return size;
}

/* Whether a last line names the source of the answer. */
static bool is_source(
	const struct feishu_core *core, const struct qg_reply *reply, const char *line)
{
	const json_t *last = json_array_get(reply->sources, json_array_size(reply->sources) - 1);
	const char *title = qg_json_str(last, "title", "");
	const char *section = qg_json_str(last, "section", "");
	if (title[0] && section[0] && strstr(line, title) && strstr(line, section)) {
		return true;
	}
	QG_AUTO(qg_str_free) char *words = feishu_core_words(core, "source_faq");
	return words && strcmp(words, line) == 0;
}

/* The last line of the first size bytes, if it names the source: yours to free. */
static char *source_of(
	const struct feishu_core *core, const struct qg_reply *reply, const char *text, size_t size)
{
	size_t from = size;
	while (from > 0 && text[from - 1] != '\n') {
		from--;
	}
	if (json_array_size(reply->sources) == 0 || from == 0 || size - from > SOURCE_MOST ||
		!feishu_cards_is_last(reply)) {
		return NULL;
	}
	char *line = qg_str_copy_n(text + from, size - from);
	if (line && !is_source(core, reply, line)) {
		free(line);
		return NULL;
	}
	return line;
}

json_t *feishu_cards_layout(const struct feishu_core *core, const struct qg_reply *reply)
{
	bool shows_fields = qg_adapter_ability(core->bot->adapter, core->bot->config)->shows_fields;
	const char *own = reply->footnote ? reply->footnote : reply->label;
	const char *line = line_of(reply);
	size_t size = trimmed(reply->text, strlen(reply->text) - (line ? strlen(line) : 0));
	QG_AUTO(qg_str_free) char *source = source_of(core, reply, reply->text, size);
	size = trimmed(reply->text, size - (source ? strlen(source) : 0));
	QG_AUTO(qg_str_free) char *rest = qg_str_copy_n(reply->text, size);
	QG_AUTO(qg_str_free) char *text = rest ? feishu_card_text(rest, 0) : NULL;
	json_auto_t *buttons =
		feishu_cards_is_last(reply) ? feishu_card_buttons(core, reply) : NULL;
	if (!text) {
		return NULL;
	}
	bool calls = reply->chat_type == QG_CHAT_GROUP && reply->part == 0; /* the asker, once */
	struct feishu_layout layout = {.text = text[0] ? text : " ",
		.whom = calls ? reply->sender : NULL,
		.source = source,
		.line = line					      ? line
			: shows_fields && feishu_cards_is_last(reply) ? own
								      : NULL,
		.buttons = buttons,
		.title = core->bot->title};
	return feishu_card_json(&layout);
}

/* ---- cards that are one message ---- */

struct inline_card {
	struct qg_list link;
	struct feishu_cards *cards;
	struct qg_reply *reply; /* feishu.c's */
	json_t *card;
	struct feishu_call *call;
};

static void inline_destroy(struct inline_card *post)
{
	qg_list_remove(&post->link);
	feishu_call_cancel(post->call);
	json_decref(post->card);
	free(post);
}

/* As a message: send.c's. */
static void post_message(struct feishu_core *core, struct qg_reply *reply)
{
	struct qg_out *out = qg_outs_find(&core->outs, reply);
	if (out) {
		feishu_send_start(QG_CONTAINER(out, struct feishu_send, out));
	}
}

/* What its buttons will need when one is pressed. */
static void keep_inline(const struct inline_card *post, const struct feishu_answer *answer)
{
	static const char *const paths[] = {"data.message_id"};
	struct qg_piece found;
	QG_AUTO(qg_str_free) char *last = qg_json_dump(post->card);
	if (!post->cards->live || !post->reply->buttons || !last ||
		qg_scan(answer->body, answer->size, paths, 1, &found) != QG_OK) {
		return;
	}
	QG_AUTO(qg_str_free) char *id = qg_piece_copy(&found);
	QG_AUTO(qg_str_free) char *name = id ? qg_str_printf("- %s", id) : NULL;
	if (name) {
		qg_livecard_rows_keep(post->cards->live->rows, post->reply->id, last, name);
	}
}

/* What was refused may be this card alone: as a message the same part may be taken, and send.c knows all other reasons. */
static void inline_ended(void *arg, const struct feishu_answer *answer)
{
	struct inline_card *post = arg;
	struct feishu_core *core = post->cards->core;
	struct qg_reply *reply = post->reply;
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	post->call = NULL;
	if (outcome.status == QG_OK) {
		keep_inline(post, answer);
	} else {
		qg_log_write(QG_LOG_INFO, core->bot->name, reply->id,
			"feishu: a card was not sent: code %lld %s%s (%s)", (long long)answer->code,
			answer->msg, answer->words, qg_status_text(outcome.status));
	}
	inline_destroy(post);
	if (outcome.status == QG_OK || qg_status_is_retryable(outcome.status)) {
		feishu_core_sent(core, reply, outcome.status, outcome.retry_ms);
	} else {
		post_message(core, reply);
	}
}

/* false: it is no card, or there is no memory for one. */
static bool post_inline(struct feishu_cards *cards, struct qg_reply *reply)
{
	struct feishu_core *core = cards->core;
	bool has_more = json_array_size(reply->buttons) > 0 || json_array_size(reply->sources) > 0;
	if (reply->form != QG_FORM_RICH || reply->file || reply->silent || !reply->text[0] ||
		!has_more || !feishu_cards_is_last(reply)) {
		return false;
	}
	struct inline_card *post = calloc(1, sizeof(*post));
	if (!post) {
		return false;
	}
	char part[16], uuid[33];
	snprintf(part, sizeof(part), "%u", reply->part);
	qg_digest_id(uuid, reply->id, part,
		NULL); /* the part's own, as send.c has it: shown once in either form */
	*post = (struct inline_card){.cards = cards, .reply = reply};
	qg_list_init(&post->link);
	bool in_place = reply->handle && reply->handle[0];
	post->card = feishu_cards_layout(core, reply);
	QG_AUTO(qg_str_free) char *path = feishu_cards_path(reply->chat, reply->handle);
	QG_AUTO(qg_str_free)
	char *body = post->card ? feishu_card_message_body(
					  NULL, post->card, in_place ? NULL : reply->chat, uuid)
				: NULL;
	bool fits = body && path && strlen(body) <= FEISHU_CARD_MOST;
	post->call = fits ? feishu_call_start(core->account, "POST", path, body, inline_ended, post)
			  : NULL;
	if (!post->call) {
		inline_destroy(post);
		return false;
	}
	qg_list_add(&cards->inlines, &post->link);
	return true;
}

/* ---- what the life of a card asks of the bot ---- */

static unsigned used(const void *core)
{
	return feishu_account_used(((const struct feishu_core *)core)->account);
}

static void post(void *arg, struct qg_reply *reply)
{
	struct feishu_core *core = arg;
	if (!post_inline(core->cards, reply)) {
		post_message(core, reply);
	}
}

static void sent(void *core, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	feishu_core_sent(core, reply, status, retry_ms);
}

static char *words(const void *core, const char *key)
{
	return feishu_core_words(core, key);
}

static void wake(void *core)
{
	feishu_core_wake(core);
}

static const struct qg_livecard_platform platform = {
	.name = "feishu",
	.card_size = sizeof(struct feishu_card),
	.make = feishu_card_make,
	.show = feishu_card_show,
	.end = feishu_card_end,
	.farewell = feishu_card_end,
	.refused = feishu_card_refused,
	.place = place,
	.recall = recall,
	.finish = finish,
	.used = used,
	.post = post,
	.sent = sent,
	.words = words,
	.wake = wake,
};

/* ---- all of a bot ---- */

struct feishu_cards *feishu_cards_get(struct feishu_core *core)
{
	if (core->cards) {
		return core->cards;
	}
	struct feishu_cards *cards = calloc(1, sizeof(*cards));
	if (!cards) {
		return NULL;
	}
	cards->core = core;
	qg_list_init(&cards->inlines);
	qg_list_init(&cards->presses);
	cards->live = core->bot->redis ? qg_livecards_create(&platform, core, core->bot) : NULL;
	if (core->bot->redis && !cards->live) {
		free(cards);
		return NULL;
	}
	core->cards = cards;
	return cards;
}

bool feishu_cards_draft(struct feishu_core *core, const struct qg_draft *draft)
{
	struct feishu_cards *cards = feishu_cards_get(core);
	return cards && cards->live && qg_livecards_draft(cards->live, draft);
}

bool feishu_cards_send(struct feishu_core *core, struct qg_reply *reply)
{
	struct feishu_cards *cards = feishu_cards_get(core);
	if (!cards) {
		return false;
	}
	return (cards->live && qg_livecards_send(cards->live, reply)) || post_inline(cards, reply);
}

void feishu_cards_recover(struct feishu_core *core)
{
	struct feishu_cards *cards = feishu_cards_get(core);
	if (cards && cards->live) {
		qg_livecards_recover(cards->live);
	}
}

bool feishu_cards_stop(struct feishu_core *core)
{
	struct feishu_cards *cards = core->cards;
	return !cards || ((!cards->live || qg_livecards_stop(cards->live)) &&
				 qg_list_is_empty(&cards->inlines));
}

void feishu_cards_finish(struct feishu_core *core)
{
	struct feishu_cards *cards = core->cards;
	if (!cards) {
		return;
	}
	core->cards = NULL;
	QG_LIST_FOR_EACH (item, &cards->inlines) {
		inline_destroy(QG_CONTAINER(item, struct inline_card, link));
	}
	feishu_clicks_finish(cards);
	qg_livecards_destroy(cards->live);
	free(cards);
}
