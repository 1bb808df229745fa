/* page.c - the page of the work group, from the binary, and the door for strangers.
 *
 * The page may load nothing but its own files and runs no inline script: what a message smuggles in stays text.
 * The door is one file with its script inside, allowed by a nonce, so that not even an asset is open to
 * strangers. */
#include "web.h"

#include <stdio.h>
#include <string.h>

#include "files.h"

#include "qg/buf.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define PAGE_MAX (256 * 1024)

static const char page_policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
	"img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

static const struct web_file *find_file(const char *name)
{
	for (const struct web_file *file = web_files; file->name; file++) {
		if (qg_str_equal(file->name, name)) {
			return file;
		}
	}
	return NULL;
}

struct value { /* {{name}} in a page */
	const char *name, *text;
};

/* Replaces each {{name}}; the values are ours and need no escaping. */
static void fill(struct qg_buf *out, const struct web_file *file, const struct value *values)
{
	const char *at = (const char *)file->data;
	const char *end = at + file->size;
	while (at < end) {
		const char *open = memmem(at, (size_t)(end - at), "{{", 2);
		const char *close = open ? memmem(open, (size_t)(end - open), "}}", 2) : NULL;
		if (!close) {
			break;
		}
		qg_buf_add(out, at, (size_t)(open - at));
		size_t size = (size_t)(close - open) - 2;
		for (const struct value *value = values; value->name; value++) {
			if (strlen(value->name) == size &&
				memcmp(value->name, open + 2, size) == 0) {
				qg_buf_add_str(out, value->text);
			}
		}
		at = close + 2;
	}
	qg_buf_add(out, at, (size_t)(end - at));
}

static void answer_page(struct qg_http_exchange *x, int code, const char *name,
	const struct value *values, const char *policy)
{
	QG_AUTO(qg_buf_finish) struct qg_buf page;
	qg_buf_init(&page, PAGE_MAX);
	fill(&page, find_file(name), values);
	if (page.failed) {
		qg_http_answer_error(x, 503, "out of memory");
		return;
	}
	qg_http_add_header(x, "Content-Security-Policy", policy);
	qg_http_add_header(x, "Referrer-Policy", "no-referrer");
	qg_http_answer(x, code, "text/html; charset=utf-8", page.data, page.size);
}

void web_page_show(struct web_core *core, struct qg_http_exchange *x)
{
	const struct value values[] = {{"bot", core->bot->name}, {0}};
	answer_page(x, 200, "index.html", values, page_policy);
}

void web_page_gate(struct web_core *core, struct qg_http_exchange *x)
{
	char nonce[33];
	char policy[256];
	qg_random_hex(nonce, 16);
	snprintf(policy, sizeof(policy),
		"default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src "
		"'self'; "
		"img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		nonce, nonce);
	const struct value values[] = {{"bot", core->bot->name}, {"nonce", nonce},
		{"way", core->members.count > 0 ? "members" : "token"}, {0}};
	answer_page(x, 401, "gate.html", values, policy);
}

static const char *type_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	if (qg_str_equal(dot, ".js")) {
		return "text/javascript; charset=utf-8";
	}
	if (qg_str_equal(dot, ".css")) {
		return "text/css; charset=utf-8";
	}
	return qg_str_equal(dot, ".svg") ? "image/svg+xml" : NULL; /* pages are no assets */
}

void web_page_asset(struct qg_http_exchange *x, const char *name)
{
	const struct web_file *file = find_file(name);
	const char *type = file ? type_of(name) : NULL;
	if (!type) {
		qg_http_answer_error(x, 404, "not found");
		return;
	}
	qg_http_add_header(x, "Content-Security-Policy", page_policy);
	qg_http_answer(x, 200, type, file->data, file->size);
}

static json_t *suggestions(const struct qg_bot *bot)
{
	json_t *list = json_array();
	for (size_t i = 0; bot->suggestions && i < bot->suggestions->count; i++) {
		json_array_append_new(list, json_string(bot->suggestions->items[i]));
	}
	return list;
}

static json_t *member_names(const struct web_members *members)
{
	json_t *list = json_array();
	for (size_t i = 0; i < members->count; i++) {
		json_array_append_new(list, json_string(members->items[i].name));
	}
	return list;
}

void web_page_about(struct web_core *core, struct qg_http_exchange *x,
	const struct web_member *member, bool admin)
{
	const struct qg_bot *bot = core->bot;
	json_auto_t *about = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:i}", "bot", bot->name,
		"title", bot->title ? bot->title : bot->name, "greeting",
		bot->greeting ? bot->greeting : "", "suggestions", suggestions(bot), "members",
		member_names(&core->members), "me",
		member ? json_string(member->name) : json_null(), "admin", admin, "text_max",
		QG_TEXT_MAX);
	QG_AUTO(qg_str_free) char *text = about ? qg_json_dump(about) : NULL;
	if (!text) {
		qg_http_answer_error(x, 503, "out of memory");
		return;
	}
	qg_http_answer(x, 200, "application/json", text, strlen(text));
}
