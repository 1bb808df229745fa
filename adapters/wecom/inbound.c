/* inbound.c - a body of either transport -> what it means: a message, a poll, a click, an event.
 *
 * The tree is walked by hand: ids come as strings or as numbers, members are missing now and then, and one bad member
 * must not cost the message. What a message's media need to be opened travels with each attachment: its own key over the
 * long connection, a word that the bot's key opens it over the webhook (that key itself is stored nowhere). */
#include "wecom.h"

#include <stdlib.h>
#include <string.h>

#include "loose.h"
#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

#define BODY_MAX ((size_t)1 << 20)
#define URL_MAX 4000
#define KEY_MAX 64
#define NAME_MAX_BYTES 255
#define QUOTE_BYTES 4000
#define TEXT_GATHERED_MAX (2 * QG_TEXT_MAX)
#define ATTACHMENTS_BYTES (48 * 1024)
#define VALUE_MAX 1024 /* bytes of what a button sends; document 101032 */
#define SECONDS_MAX INT64_C(100000000000)

struct reading {
	const struct qg_bot *bot;
	const char *aes_key;
	json_t *root;
	struct wecom_event *event;
	bool starved;
};

/* ---- members ---- */

/* A copy of a string or a whole number, of 1 to most bytes; NULL for anything else. */
static char *text_of(struct reading *reading, const json_t *value, size_t most)
{
	char digits[QG_INT64_SIZE];
	const char *text = json_string_value(value);
	if (json_is_integer(value)) {
		qg_str_from_int64(json_integer_value(value), digits);
		text = digits;
	}
	if (!text || text[0] == '\0' || strlen(text) > most) {
		return NULL;
	}
	char *copy = qg_str_copy(text);
	reading->starved = reading->starved || !copy;
	return copy;
}

/* Without control characters: what keys in Redis may hold. */
static bool is_clean(const char *text)
{
	size_t size = strlen(text), used = 0;
	for (size_t at = 0; at < size; at += used) {
		uint32_t code = qg_utf8_next(text + at, size - at, &used);
		if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
			return false;
		}
	}
	return true;
}

static char *id_of(struct reading *reading, const json_t *value)
{
	char *id = text_of(reading, value, QG_ID_MAX);
	if (id && !is_clean(id)) {
		free(id);
		return NULL;
	}
	return id;
}

/* A URL goes into requests and handles: no blanks, no control characters. */
static bool is_url(const char *text)
{
	size_t size = text ? strlen(text) : 0;
	if (size == 0 || size > URL_MAX) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		if ((uint8_t)text[i] <= ' ' || text[i] == 0x7f) {
			return false;
		}
	}
	return qg_str_starts_with(text, "https://") || qg_str_starts_with(text, "http://");
}

/* ---- words and media of a content: of the message, of what it quotes ---- */

struct content {
	struct qg_buf text;
	json_t *attachments; /* NULL without */
	size_t attachment_bytes;
	bool quoted;
};

static void add_text(struct content *content, const json_t *value)
{
	const char *text = json_string_value(value);
	if (!text || text[0] == '\0') {
		return;
	}
	if (content->text.size > 0) {
		qg_buf_add_char(&content->text, '\n');
	}
	size_t room = content->text.limit - content->text.size;
	qg_buf_add(&content->text, text, qg_utf8_cut(text, strlen(text), room > 0 ? room - 1 : 0));
}

/* What the platform tells of a file's name: a member, or the address where its last step looks like one. */
static char *name_of(const json_t *media, const char *url)
{
	const char *told = qg_json_str(media, "filename", qg_json_str(media, "name", NULL));
	struct qg_buf name;
	qg_buf_init(&name, URL_MAX);
	const char *end = url + strcspn(url, "?#");
	const char *start = end;
	while (start > url && start[-1] != '/') {
		start--;
	}
	if (told && told[0] != '\0') {
		qg_buf_add_str(&name, told);
	} else if (memchr(start, '.', (size_t)(end - start)) &&
		   qg_url_decode(start, (size_t)(end - start), false, &name) != QG_OK) {
		qg_buf_reset(&name);
	}
	char *clean = qg_utf8_clean(name.data ? name.data : "", name.size);
	qg_buf_finish(&name);
	if (clean) {
		qg_utf8_flatten(clean);
		clean[qg_utf8_cut(clean, strlen(clean), NAME_MAX_BYTES)] = '\0';
	}
	return clean;
}

static json_t *attachment(const struct reading *reading, const json_t *media, const char *type,
	const char *url, bool quoted)
{
	QG_AUTO(qg_str_free) char *name = name_of(media, url);
	json_t *item =
		name ? json_pack("{s:s, s:s, s:s}", "type", type, "name", name, "url", url) : NULL;
	if (!item) {
		return NULL;
	}
	int bad = 0;
	const char *key = qg_json_str(media, "aeskey", "");
	int64_t size = qg_loose_int(json_object_get(media, "size"));
	if (size > 0) {
		bad |= json_object_set_new(item, "size", json_integer(size));
	}
	if (key[0] != '\0' && strlen(key) <= KEY_MAX) {
		bad |= json_object_set_new(item, "aeskey", json_string(key));
	} else if (reading->aes_key) {
		bad |= json_object_set_new(item, "mode", json_string("webhook"));
	}
	if (quoted) {
		bad |= json_object_set_new(item, "quoted", json_true());
	}
	if (bad != 0) {
		json_decref(item);
		return NULL;
	}
	return item;
}

static void add_media(
	struct reading *reading, struct content *content, const json_t *media, const char *type)
{
	const char *url = qg_json_str(media, "url", NULL);
	if (!is_url(url) || json_array_size(content->attachments) >= QG_ATTACHMENTS_MOST) {
		return;
	}
	if (!content->attachments) {
		content->attachments = json_array();
	}
	json_t *item = attachment(reading, media, type, url, content->quoted);
	if (!item || !content->attachments) {
		reading->starved = true;
		json_decref(item);
		return;
	}
	size_t bytes = json_dumpb(item, NULL, 0, JSON_COMPACT);
	if (content->attachment_bytes + bytes > ATTACHMENTS_BYTES) {
		json_decref(item);
		return;
	}
	content->attachment_bytes += bytes;
	if (json_array_append_new(content->attachments, item) != 0) {
		reading->starved = true;
	}
}

/* false where the kind is not known. */
static bool add_part(struct reading *reading, struct content *content, const json_t *part)
{
	static const struct {
		const char *msgtype, *type;
	} media[] = {{"image", "image"}, {"file", "file"}, {"video", "video"}};
	const char *msgtype = qg_json_str(part, "msgtype", "");
	const json_t *inner = json_object_get(part, msgtype);
	if (strcmp(msgtype, "text") == 0 || strcmp(msgtype, "voice") == 0) {
		add_text(content, json_object_get(inner, "content"));
		return true;
	}
	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++) {
		if (strcmp(msgtype, media[i].msgtype) == 0) {
			add_media(reading, content, inner, media[i].type);
			return true;
		}
	}
	return false;
}

static bool read_content(struct reading *reading, struct content *content, const json_t *part)
{
	if (strcmp(qg_json_str(part, "msgtype", ""), "mixed") != 0) {
		return add_part(reading, content, part);
	}
	const json_t *items = json_object_get(json_object_get(part, "mixed"), "msg_item");
	for (size_t i = 0; i < json_array_size(items); i++) {
		add_part(reading, content, json_array_get(items, i));
	}
	return true;
}

/* ---- the message ---- */

static const char *display_name(const struct qg_bot *bot)
{
	const struct wecom_options *set = bot->config ? bot->config->options : NULL;
	return set ? set->display_name : NULL;
}

/* The words, at most most bytes of them, without characters that nobody sees; more stands behind what was cut. NULL for
 * no memory. */
static char *bounded(const char *text, size_t most, const char *more)
{
	char *clean = qg_utf8_clean(text, strlen(text));
	if (!clean) {
		return NULL;
	}
	qg_str_trim(clean);
	size_t size = strlen(clean);
	if (size <= most) {
		return clean;
	}
	clean[qg_utf8_cut(clean, size, most - strlen(more))] = '\0';
	char *whole = qg_str_printf("%s%s", clean, more);
	free(clean);
	return whole;
}

static char *make_text(const struct reading *reading, const struct content *content)
{
	const char *text = content->text.data ? content->text.data : "";
	QG_AUTO(qg_str_free)
	char *cut = reading->event->chat_type == QG_CHAT_GROUP
			    ? wecom_without_mention(text, display_name(reading->bot))
			    : qg_str_copy(text);
	return cut ? bounded(cut, QG_TEXT_MAX, "\n（后文过长，已截去）") : NULL;
}

static void add_quote(struct reading *reading, struct qg_message *message, struct content *content)
{
	const json_t *quote = json_object_get(reading->root, "quote");
	struct qg_buf own = content->text;
	qg_buf_init(&content->text, TEXT_GATHERED_MAX);
	content->quoted = true;
	if (json_is_object(quote)) {
		read_content(reading, content, quote);
	}
	if (content->text.size > 0) {
		message->quote = bounded(content->text.data, QUOTE_BYTES, "…");
		reading->starved = reading->starved || !message->quote;
	}
	reading->starved = reading->starved || content->text.failed == QG_NO_MEMORY;
	qg_buf_finish(&content->text);
	content->text = own;
}

/* The platform's id; one that is too long or unclean is known by its digest. NULL without any. */
static char *message_id(struct reading *reading)
{
	const json_t *value = json_object_get(reading->root, "msgid");
	const char *text = json_string_value(value);
	char *id = id_of(reading, value);
	if (id || !text || text[0] == '\0' || reading->starved) {
		return id;
	}
	char digest[33];
	qg_digest_id(digest, "msgid", text, NULL);
	id = qg_str_copy(digest);
	reading->starved = !id;
	return id;
}

static int64_t sent_at(const struct reading *reading)
{
	int64_t seconds = qg_loose_int(json_object_get(reading->root, "create_time"));
	return seconds > 0 && seconds < SECONDS_MAX ? seconds * 1000 : qg_clock_wall();
}

static struct qg_message *create_message(struct reading *reading, enum qg_message_kind kind)
{
	const struct wecom_event *event = reading->event;
	struct qg_message *message = qg_message_create();
	if (!message) {
		reading->starved = true;
		return NULL;
	}
	message->kind = kind;
	message->chat_type = event->chat_type;
	message->id = message_id(reading);
	message->chat = qg_str_copy(event->chat);
	message->sender = qg_str_copy(event->user);
	message->mentions_bot = true; /* nothing else arrives from groups */
	message->sent_at = sent_at(reading);
	reading->starved = reading->starved || (event->chat && !message->chat) ||
			   (event->user && !message->sender);
	return message;
}

static enum qg_status finish_message(struct reading *reading, struct qg_message *message)
{
	if (!reading->starved && message->id && message->chat && message->sender && message->text) {
		reading->event->message = message;
		return QG_OK;
	}
	qg_message_destroy(message);
	return reading->starved ? QG_NO_MEMORY : QG_INVALID;
}

static enum qg_status read_message(struct reading *reading)
{
	struct content content = {0};
	qg_buf_init(&content.text, TEXT_GATHERED_MAX);
	if (!read_content(reading, &content, reading->root)) {
		reading->event->kind = WECOM_NOTHING;
		return QG_OK;
	}
	struct qg_message *message = create_message(reading, QG_MESSAGE_TEXT);
	if (message) {
		message->text = make_text(reading, &content);
		reading->starved =
			reading->starved || !message->text || content.text.failed == QG_NO_MEMORY;
		add_quote(reading, message, &content);
		message->attachments = content.attachments;
		content.attachments = NULL;
	}
	qg_buf_finish(&content.text);
	json_decref(content.attachments);
	reading->event->kind = WECOM_MESSAGE;
	return message ? finish_message(reading, message) : QG_NO_MEMORY;
}

/* ---- events ---- */

/* A card is answered once, so its click is known by the card: who clicks twice is a duplicate. */
static enum qg_status read_click(struct reading *reading, const json_t *inner)
{
	struct wecom_event *event = reading->event;
	event->kind = WECOM_CLICK;
	event->task_id = text_of(reading, json_object_get(inner, "task_id"), QG_ID_MAX);
	event->event_key = text_of(reading, json_object_get(inner, "event_key"), VALUE_MAX);
	event->card_type = text_of(reading, json_object_get(inner, "card_type"), QG_ID_MAX);
	struct qg_message *message = create_message(reading, QG_MESSAGE_CLICK);
	if (!message) {
		return QG_NO_MEMORY;
	}
	const char *key = event->event_key ? event->event_key : "";
	message->text = bounded(key, VALUE_MAX, "");
	if (event->task_id) {
		char digest[33];
		qg_digest_id(digest, "click", event->task_id, NULL);
		free(message->id);
		message->id = qg_str_copy(digest);
	}
	reading->starved = reading->starved || !message->text || (event->task_id && !message->id);
	return finish_message(reading, message);
}

static enum qg_status read_event(struct reading *reading)
{
	struct wecom_event *event = reading->event;
	const json_t *inner = json_object_get(reading->root, "event");
	const char *type = qg_json_str(inner, "eventtype", "");
	event->kind = WECOM_NOTHING;
	if (strcmp(type, "enter_chat") == 0) {
		event->kind = event->user ? WECOM_ENTER : WECOM_NOTHING;
	} else if (strcmp(type, "template_card_event") == 0) {
		return read_click(reading, json_object_get(inner, type));
	} else if (strcmp(type, "feedback_event") == 0) {
		const json_t *feedback = json_object_get(inner, type);
		event->kind = WECOM_FEEDBACK;
		event->feedback = (int)(qg_loose_int(json_object_get(feedback, "type")) & 0xff);
		event->feedback_id = text_of(reading, json_object_get(feedback, "id"), 256);
	} else if (strcmp(type, "disconnected_event") == 0) {
		event->kind = WECOM_KICKED;
	}
	return QG_OK;
}

static enum qg_status read_refresh(struct reading *reading)
{
	const json_t *stream = json_object_get(reading->root, "stream");
	reading->event->kind = WECOM_REFRESH;
	reading->event->stream_id = id_of(reading, json_object_get(stream, "id"));
	return reading->event->stream_id || reading->starved ? QG_OK : QG_INVALID;
}

static void read_place(struct reading *reading)
{
	struct wecom_event *event = reading->event;
	const json_t *root = reading->root;
	const char *type = qg_json_str(root, "chattype", NULL);
	const json_t *chat = json_object_get(root, "chatid");
	bool is_group = type ? strcmp(type, "group") == 0 : chat != NULL;
	event->chat_type = is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	event->user = id_of(reading, json_object_get(json_object_get(root, "from"), "userid"));
	event->chat = is_group ? id_of(reading, chat) : qg_str_copy(event->user);
	reading->starved = reading->starved || (!is_group && event->user && !event->chat);
	if (is_url(qg_json_str(root, "response_url", NULL))) {
		event->response_url =
			text_of(reading, json_object_get(root, "response_url"), URL_MAX);
	}
}

static enum qg_status read_root(struct reading *reading)
{
	const char *type = qg_json_str(reading->root, "msgtype", "");
	read_place(reading);
	enum qg_status status = QG_OK;
	if (strcmp(type, "event") == 0) {
		status = read_event(reading);
	} else if (strcmp(type, "stream") == 0) {
		status = read_refresh(reading);
	} else {
		status = read_message(reading);
	}
	return reading->starved ? QG_NO_MEMORY : status;
}

/* The server has sent raw control characters inside of strings; its own SDK drops them. A NUL is left for the parser to
 * refuse. NULL: none are there, or no memory (then starved). */
static char *without_controls(const char *body, size_t *size, bool *starved)
{
	size_t kept = 0;
	for (size_t i = 0; i < *size; i++) {
		uint8_t c = (uint8_t)body[i];
		kept += c >= 0x20 || c == '\t' || c == '\n' || c == '\0';
	}
	if (kept == *size) {
		return NULL;
	}
	char *clean = malloc(kept + 1);
	*starved = !clean;
	if (!clean) {
		return NULL;
	}
	char *to = clean;
	for (size_t i = 0; i < *size; i++) {
		uint8_t c = (uint8_t)body[i];
		if (c >= 0x20 || c == '\t' || c == '\n' || c == '\0') {
			*to++ = body[i];
		}
	}
	*to = '\0';
	*size = kept;
	return clean;
}

enum qg_status wecom_event_read(const struct qg_bot *bot, const char *body, size_t size,
	const char *aes_key, struct wecom_event *out)
{
	static const char starved_words[] = "out of memory";
	*out = (struct wecom_event){.kind = WECOM_NOTHING};
	if (size > BODY_MAX) {
		return QG_INVALID;
	}
	char error[128] = "";
	struct reading reading = {.bot = bot, .aes_key = aes_key, .event = out};
	QG_AUTO(qg_str_free) char *clean = without_controls(body, &size, &reading.starved);
	if (reading.starved) {
		return QG_NO_MEMORY;
	}
	reading.root = qg_json_parse(clean ? clean : body, size, error);
	if (!json_is_object(reading.root)) {
		json_decref(reading.root);
		bool starved = strncmp(error, starved_words, sizeof(starved_words) - 1) == 0;
		return starved ? QG_NO_MEMORY : QG_INVALID;
	}
	enum qg_status status = read_root(&reading);
	json_decref(reading.root);
	if (status != QG_OK) {
		wecom_event_finish(out);
	}
	return status;
}

void wecom_event_finish(struct wecom_event *event)
{
	if (!event) {
		return;
	}
	qg_message_destroy(event->message);
	free(event->chat);
	free(event->user);
	free(event->response_url);
	free(event->stream_id);
	free(event->task_id);
	free(event->event_key);
	free(event->card_type);
	free(event->feedback_id);
	*event = (struct wecom_event){.kind = WECOM_NOTHING};
}
