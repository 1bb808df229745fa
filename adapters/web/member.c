/* member.c - the members of a web work group: their secrets, the login, and the cookie it gives.
 *
 * The cookie is "<name in hex>.<expiry>.<mac>", the mac keyed by the member's own secret. So every gateway can
 * check it without a store, a restart logs nobody out, and a changed secret logs out exactly that member. */
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define COOKIE "qg_member"
#define COOKIE_DAYS 30
#define MEMBERS_MAX 1000
#define SECRET_MAX 256
#define WRONG_MAX 10		    /* refused logins of a name ... */
#define WRONG_WINDOW_MS (60 * 1000) /* ... in so long, then it waits for the end of the window */
#define STRANGERS 1024		    /* counters of refused logins under names of nobody */
#define MAC_SIZE (2 * QG_SHA256_SIZE)

/* Characters that cannot be seen or that reorder others: a name must read as it is. Sorted. */
static const struct range {
	uint32_t first, last;
} hidden[] = {{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c},
	{0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e},
	{0x2060, 0x206f}, {0x2800, 0x2800}, {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
	{0xfff0, 0xfffd}, {0xe0000, 0xe0fff}};

static bool is_hidden(uint32_t code)
{
	size_t i = 0;
	while (i < sizeof(hidden) / sizeof(hidden[0]) && hidden[i].last < code) {
		i++;
	}
	return i < sizeof(hidden) / sizeof(hidden[0]) && hidden[i].first <= code;
}

static bool is_space(uint32_t code)
{
	return code == ' ' || code == 0xa0 || code == 0x1680 ||
	       (code >= 0x2000 && code <= 0x200a) || code == 0x202f || code == 0x205f ||
	       code == 0x3000;
}

bool web_name_is_valid(const char *name)
{
	size_t size = strlen(name);
	size_t count = 0;
	uint32_t code = 0;
	for (size_t at = 0, used = 0; at < size; at += used, count++) {
		code = qg_utf8_next(name + at, size - at, &used);
		if (is_hidden(code) || count == WEB_NAME_MAX || (at == 0 && is_space(code))) {
			return false;
		}
	}
	return count > 0 && !is_space(code);
}

/* {secret, admin} and nothing else. */
static bool is_member_object(const json_t *value)
{
	const char *key;
	json_t *item;
	json_object_foreach ((json_t *)value, key, item) {
		bool known = qg_str_equal(key, "secret") ||
			     (qg_str_equal(key, "admin") && json_is_boolean(item));
		if (!known) {
			return false;
		}
	}
	return true;
}

/* Reads an element in either form into out; false where it is neither. */
static bool read_secret(const json_t *value, bool *admin_out, char out[SECRET_MAX + 1])
{
	const json_t *secret = value;
	*admin_out = false;
	if (json_is_object(value)) {
		if (!is_member_object(value)) {
			return false;
		}
		*admin_out = json_is_true(json_object_get(value, "admin"));
		secret = json_object_get(value, "secret");
	}
	if (json_is_integer(secret)) { /* a number without quotes */
		snprintf(out, SECRET_MAX + 1, "%lld", (long long)json_integer_value(secret));
		return true;
	}
	const char *text = json_string_value(secret);
	size_t size = text ? strlen(text) : 0;
	if (size == 0 || size > SECRET_MAX) {
		return false;
	}
	memcpy(out, text, size + 1);
	return true;
}

static bool is_member_map(const json_t *config)
{
	size_t count = json_object_size(config);
	return json_is_object(config) && count > 0 && count <= MEMBERS_MAX;
}

void web_members_check(
	const json_t *config, const struct qg_tree *tree, struct qg_problems *problems)
{
	if (!config || json_is_null(config)) {
		return;
	}
	if (!is_member_map(config)) {
		qg_problem_error(problems, tree,
			"expected a map of name to secret with 1 to %d entries", MEMBERS_MAX);
		return;
	}
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)config, name, value) {
		bool admin;
		char secret[SECRET_MAX + 1];
		const struct qg_tree *at = qg_tree_get(tree, name);
		if (!web_name_is_valid(name)) {
			qg_problem_error(problems, at ? at : tree,
				"a name has 1 to %d characters, none of them hidden, and no blanks "
				"at its ends",
				WEB_NAME_MAX);
		} else if (!read_secret(value, &admin, secret)) {
			qg_problem_error(problems, at ? at : tree,
				"expected a secret of 1 to %d bytes in quotes, or {secret, admin: "
				"true}",
				SECRET_MAX);
		}
	}
}

static enum qg_status add_member(
	struct web_members *members, const char *name, const json_t *value, const char *bot)
{
	char secret[SECRET_MAX + 1];
	struct web_member *member = &members->items[members->count];
	if (!web_name_is_valid(name) || !read_secret(value, &member->admin, secret)) {
		qg_log_error(bot,
			"members: %s: expected a name of 1 to %d characters and a secret of 1 to "
			"%d bytes "
			"(in quotes), or {secret, admin}",
			name, WEB_NAME_MAX, SECRET_MAX);
		return QG_INVALID;
	}
	members->count++;
	member->name = qg_str_copy(name);
	member->secret = qg_str_copy(secret);
	return member->name && member->secret ? QG_OK : QG_NO_MEMORY;
}

enum qg_status web_members_init(struct web_members *members, const json_t *config, const char *bot)
{
	if (!config || json_is_null(config)) {
		return QG_OK;
	}
	if (!is_member_map(config)) {
		qg_log_error(bot, "members: expected a map of name to secret with 1 to %d entries",
			MEMBERS_MAX);
		return QG_INVALID;
	}
	members->items = calloc(json_object_size(config), sizeof(*members->items));
	if (!members->items) {
		return QG_NO_MEMORY;
	}
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)config, name, value) {
		enum qg_status status = add_member(members, name, value, bot);
		if (status) {
			return status;
		}
	}
	return QG_OK;
}

void web_members_finish(struct web_members *members)
{
	for (size_t i = 0; i < members->count; i++) {
		free(members->items[i].name);
		free(members->items[i].secret);
	}
	free(members->items);
	*members = (struct web_members){0};
}

const struct web_member *web_members_find(const struct web_members *members, const char *name)
{
	for (size_t i = 0; i < members->count; i++) {
		if (qg_str_equal(members->items[i].name, name)) {
			return &members->items[i];
		}
	}
	return NULL;
}

static bool make_mac(
	const char *bot, const struct web_member *member, int64_t expiry, char out[MAC_SIZE + 1])
{
	QG_AUTO(qg_str_free)
	char *data =
		qg_str_printf("qungong web 1\n%s\n%s\n%lld", bot, member->name, (long long)expiry);
	if (!data) {
		return false;
	}
	uint8_t mac[QG_SHA256_SIZE];
	qg_hmac_sha256(member->secret, strlen(member->secret), data, strlen(data), mac);
	qg_hex_encode(mac, sizeof(mac), out);
	return true;
}

/* Finds the member that the cookie names; its proof is still to be checked. Cuts the cookie at its dots. */
static const struct web_member *cookie_member(
	const struct web_core *core, char *cookie, int64_t *expiry_out, const char **mac_out)
{
	char *dot = strchr(cookie, '.');
	char *dot2 = dot ? strchr(dot + 1, '.') : NULL;
	if (!dot2) {
		return NULL;
	}
	*dot = *dot2 = '\0';
	char name[WEB_NAME_BYTES + 1] = {0};
	size_t size = strlen(cookie);
	if (size > 2 * WEB_NAME_BYTES || qg_hex_decode(cookie, size, name) ||
		!qg_str_to_int64(dot + 1, 0, INT64_MAX, expiry_out)) {
		return NULL;
	}
	*mac_out = dot2 + 1;
	return web_members_find(&core->members, name);
}

const struct web_member *web_member_of(
	const struct web_core *core, const struct qg_http_exchange *x)
{
	if (core->members.count == 0) {
		return NULL;
	}
	QG_AUTO(qg_str_free) char *cookie = qg_http_cookie(x, COOKIE);
	if (!cookie) {
		return NULL;
	}
	int64_t expiry = 0;
	const char *given = NULL;
	const struct web_member *member = cookie_member(core, cookie, &expiry, &given);
	char mac[MAC_SIZE + 1];
	if (!member || expiry < qg_clock_wall() ||
		!make_mac(core->bot->name, member, expiry, mac)) {
		return NULL;
	}
	return qg_equal_constant_time(mac, given) ? member : NULL;
}

static void set_cookie(
	struct web_core *core, struct qg_http_exchange *x, const char *value, int64_t seconds)
{
	/* Behind a proxy that speaks TLS the cookie must never travel without. */
	bool secure = qg_str_equal(qg_http_header(x, "X-Forwarded-Proto"), "https");
	QG_AUTO(qg_str_free)
	char *header = qg_str_printf(COOKIE
		"=%s; Path=/chat/%s; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
		value, core->bot->name, (long long)seconds, secure ? "; Secure" : "");
	if (header) {
		qg_http_add_header(x, "Set-Cookie", header);
	}
}

static void give_cookie(
	struct web_core *core, struct qg_http_exchange *x, const struct web_member *member)
{
	int64_t seconds = (int64_t)COOKIE_DAYS * 24 * 60 * 60;
	int64_t expiry = qg_clock_wall() + seconds * 1000;
	char name[2 * WEB_NAME_BYTES + 1];
	char mac[MAC_SIZE + 1];
	qg_hex_encode(member->name, strlen(member->name), name);
	if (!make_mac(core->bot->name, member, expiry, mac)) {
		qg_http_answer_error(x, 503, "out of memory");
		return;
	}
	QG_AUTO(qg_str_free)
	char *value = qg_str_printf("%s.%lld.%s", name, (long long)expiry, mac);
	set_cookie(core, x, value ? value : "", seconds);
	static const char ok[] = "{\"ok\":true}";
	qg_http_answer(x, 200, "application/json", ok, sizeof(ok) - 1);
}

/* What was guessed at names that no member has, several names to a counter. They are counted like the members': else
 * who is refused for guessing would know that he guesses at somebody. The key keeps him from picking names that
 * share a counter. */
static struct web_guesses *stranger_guesses(const char *bot, const char *name)
{
	static struct web_guesses counters[STRANGERS];
	static char key[33];
	if (!key[0]) {
		qg_random_hex(key, 16);
	}
	QG_AUTO(qg_str_free) char *whole = qg_str_printf("%s\n%s", bot, name);
	uint8_t mac[QG_SHA256_SIZE] = {0};
	if (whole) {
		qg_hmac_sha256(key, strlen(key), whole, strlen(whole), mac);
	}
	return &counters[(mac[0] << 8 | mac[1]) % STRANGERS];
}

/* Whether that was too often; a right secret is then refused as well, or guessing would pay. */
static bool is_locked(struct web_guesses *guesses)
{
	uint64_t now = qg_clock_mono();
	if (now - guesses->since >= WRONG_WINDOW_MS) {
		*guesses = (struct web_guesses){.since = now};
	}
	return guesses->wrong >= WRONG_MAX;
}

struct login {
	const char *name, *secret;
};

static const struct qg_json_field login_fields[] = {
	{"name", QG_JSON_STRING, true, WEB_NAME_BYTES, offsetof(struct login, name)},
	{"secret", QG_JSON_STRING, true, SECRET_MAX, offsetof(struct login, secret)},
	{0},
};

void web_member_login(struct web_core *core, struct qg_http_exchange *x)
{
	if (!web_event_is_ours(x)) {
		return;
	}
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	json_auto_t *root = qg_json_parse(body, size, NULL);
	struct login login = {0};
	if (!root || qg_json_read(root, login_fields, &login, NULL)) {
		qg_http_answer_error(x, 400, "expected {name, secret}");
		return;
	}
	struct web_member *member =
		(struct web_member *)web_members_find(&core->members, login.name);
	struct web_guesses *guesses =
		member ? &member->guesses : stranger_guesses(core->bot->name, login.name);
	if (is_locked(guesses)) {
		qg_http_add_header(x, "Retry-After", "60");
		qg_http_answer_error(x, 429, "too many tries");
	} else if (member && qg_equal_constant_time(member->secret, login.secret)) {
		guesses->wrong = 0;
		give_cookie(core, x, member);
	} else {
		guesses->wrong++;
		qg_http_answer_error(x, 401, "name or secret is wrong");
	}
}

void web_member_logout(struct web_core *core, struct qg_http_exchange *x)
{
	if (!web_event_is_ours(x)) {
		return;
	}
	set_cookie(core, x, "", 0);
	static const char ok[] = "{\"ok\":true}";
	qg_http_answer(x, 200, "application/json", ok, sizeof(ok) - 1);
}
