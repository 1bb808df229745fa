/* wire.c - what the wire forms share when they write a request: the address, the messages, the preset's members.
 *
 * Somebody may say several things before we answer, and an answer may be missing; some services, and the templates of
 * many models of one's own, refuse two messages of one role in a row. So these become one, an empty line between them.
 * The messages are text of our own making with its bytes in one order, in which the border of two messages cannot stand
 * inside a string, where each quote has its backslash. So they are joined without a parse, and what stood in a prompt
 * before still begins the next one. */
#include <string.h>

#include "http_call.h"
#include "qg/json.h"

#define BORDER "\"},{\"role\":\""
#define CONTENT "\",\"content\":\""
#define GAP "\\n\\n"

void qg_wire_join(const char *base_url, const char *path, struct qg_buf *out)
{
	size_t size = strlen(base_url), path_size = strlen(path);
	while (size > 0 && base_url[size - 1] == '/') {
		size--;
	}
	qg_buf_add(out, base_url, size);
	if (size < path_size || memcmp(base_url + size - path_size, path, path_size) != 0) {
		qg_buf_add_str(out, path);
	}
}

void qg_wire_add_string(struct qg_buf *out, const char *text)
{
	if (qg_json_quote(text, strlen(text), out) != QG_OK && out->failed == QG_OK) {
		out->failed = QG_INVALID;
	}
}

void qg_wire_add_quirks(const struct qg_model_call *call, struct qg_buf *out)
{
	const struct qg_model_quirk *quirk = qg_endpoint_model_quirk(call->endpoint);
	if (call->ask->max_tokens > 0) {
		qg_buf_printf(out, ",\"%s\":%lld",
			quirk->max_tokens != NULL ? quirk->max_tokens : "max_tokens",
			(long long)call->ask->max_tokens);
	}
	if (quirk->members != NULL) {
		qg_buf_printf(out, ",%s", quirk->members);
	}
}

/* Whose message begins at at: 'u' of user, 'a' of assistant; 0 at the end. */
static char role_at(const char *at, const char *end)
{
	static const char head[] = "{\"role\":\"";
	return (size_t)(end - at) >= sizeof(head) ? at[sizeof(head) - 1] : '\0';
}

/* The text of the message whose role stands at role; end where it has another form. */
static const char *content_of(const char *role, const char *end)
{
	const char *found = memmem(role, (size_t)(end - role), CONTENT, strlen(CONTENT));
	return found != NULL ? found + strlen(CONTENT) : end;
}

/* Returns where in out the text of the last message begins; behind the end of out where it has another form. */
static size_t add_joined(const char *at, const char *end, struct qg_buf *out)
{
	char role = role_at(at, end);
	size_t last = out->size + (size_t)(content_of(at, end) - at);
	const char *border;
	while ((border = memmem(at, (size_t)(end - at), BORDER, strlen(BORDER))) != NULL) {
		const char *next = border + strlen(BORDER);
		bool same = next < end && *next == role;
		role = next < end ? *next : '\0';
		qg_buf_add(out, at, (size_t)((same ? border : next) - at));
		qg_buf_add_str(out, same ? GAP : "");
		at = same ? content_of(next, end) : next;
		last = same ? last : out->size + (size_t)(content_of(next, end) - next);
	}
	qg_buf_add(out, at, (size_t)(end - at));
	return last;
}

/* Puts text before what stands at at. */
static void insert(struct qg_buf *out, size_t at, const char *text)
{
	size_t size = strlen(text);
	if (qg_buf_reserve(out, size) == QG_OK) {
		memmove(out->data + at + size, out->data + at, out->size - at + 1);
		memcpy(out->data + at, text, size);
		out->size += size;
	}
}

/* Makes the content of the last message, whose text begins at text, a list: that text, and the pictures. The brace at
 * its end closes the part with the text instead. */
static void add_images(const struct qg_ask *ask, const struct qg_wire_image *form, size_t text,
	struct qg_wire_body *body)
{
	struct qg_buf *out = &body->text;
	if (ask->image_count > QG_IMAGES_MOST || text >= out->size) {
		out->failed = out->failed == QG_OK ? QG_INVALID : out->failed;
		return;
	}
	insert(out, text - 1, "[{\"type\":\"text\",\"text\":");
	for (size_t i = 0; i < ask->image_count; i++) {
		qg_buf_printf(out, "%s%s%s", form->head, ask->images[i].type, form->middle);
		body->cuts[body->cut_count++] = out->size;
		qg_buf_add_str(out, form->tail);
	}
	qg_buf_add_str(out, "]}");
}

void qg_wire_add_messages(
	const struct qg_ask *ask, const struct qg_wire_image *form, struct qg_wire_body *body)
{
	struct qg_buf *out = &body->text;
	size_t last;
	if (ask->messages != NULL) {
		last = add_joined(ask->messages, ask->messages + ask->messages_size, out);
	} else {
		qg_buf_add_str(out, "{\"role\":\"user\",\"content\":");
		last = out->size + 1;
		qg_wire_add_string(out, ask->text != NULL ? ask->text : "");
		qg_buf_add_char(out, '}');
	}
	if (ask->image_count > 0) {
		add_images(ask, form, last, body);
	}
}
