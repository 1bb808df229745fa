/* handle.c - what leads a reply back to its message, as a text that travels with it: a JSON object of short names.
 *
 * The session's webhook in it is a secret for as long as it lives, and an address that came from outside (over HTTP the
 * body is not even signed): only the platform's own hosts are taken, here and again when it is used. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/str.h"

#define DOMAIN ".dingtalk.com"
#define PATH "/robot/sendBySession"
#define WEBHOOK_MOST 1024
#define HANDLE_MOST 4096

/* The hosts have other doors, through which a forged address could make us post to anybody's group. */
static bool is_session(const char *webhook)
{
	const char *host = strstr(webhook, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	return path && qg_str_starts_with(path, PATH) &&
	       (path[strlen(PATH)] == '?' || path[strlen(PATH)] == '\0');
}

static char *move(const struct dingtalk_options *set, const char *webhook, bool *refused)
{
	*refused = !is_session(webhook);
	return *refused ? NULL : qg_address_of_platform(webhook, DOMAIN, set->oapi_base, refused);
}

char *dingtalk_webhook_url(const struct dingtalk_core *core, const char *webhook)
{
	bool refused = false;
	return webhook ? move(dingtalk_options_of(core), webhook, &refused) : NULL;
}

/* Goes into a request line. */
static bool is_printable(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~') {
			return false;
		}
	}
	return true;
}

/* false for no memory. */
static bool add_webhook(
	json_t *out, const struct dingtalk_options *set, const struct dingtalk_handle *handle)
{
	const char *webhook = handle->webhook;
	bool refused = false;
	if (!webhook || strlen(webhook) > WEBHOOK_MOST || !is_printable(webhook)) {
		return true;
	}
	QG_AUTO(qg_str_free) char *url = move(set, webhook, &refused);
	if (!url) {
		return refused;
	}
	return json_object_set_new(out, "w", json_string(webhook)) == 0 &&
	       json_object_set_new(out, "u", json_integer(handle->webhook_until)) == 0;
}

static bool set(json_t *object, const char *name, const char *value)
{
	return !value || value[0] == '\0' || strlen(value) > 512 ||
	       json_object_set_new(object, name, json_string(value)) == 0;
}

char *dingtalk_handle_write(const struct qg_bot *bot, const struct dingtalk_handle *handle)
{
	json_auto_t *out = json_object();
	bool good = out && set(out, "r", handle->robot_code) && set(out, "s", handle->staff) &&
		    set(out, "d", handle->sender) && set(out, "n", handle->name) &&
		    json_object_set_new(
			    out, "g", json_integer(handle->type == QG_CHAT_GROUP ? 1 : 0)) == 0;
	good = good && add_webhook(out, bot->config->options, handle);
	return good ? qg_json_dump(out) : NULL;
}

/* false for no memory; a member that is absent stays NULL. */
static bool get(const json_t *object, const char *name, char **out)
{
	const char *value = qg_json_str(object, name, NULL);
	*out = value ? qg_str_copy(value) : NULL;
	return !value || *out;
}

enum qg_status dingtalk_handle_read(const char *text, struct dingtalk_handle *out)
{
	*out = (struct dingtalk_handle){0};
	size_t size = text ? strlen(text) : 0;
	json_auto_t *root =
		size > 0 && size <= HANDLE_MOST ? qg_json_parse(text, size, NULL) : NULL;
	if (!json_is_object(root)) {
		return QG_INVALID;
	}
	out->type = qg_json_int(root, "g", 0) != 0 ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	out->webhook_until = qg_json_int(root, "u", 0);
	if (!get(root, "w", &out->webhook) || !get(root, "r", &out->robot_code) ||
		!get(root, "s", &out->staff) || !get(root, "d", &out->sender) ||
		!get(root, "n", &out->name)) {
		dingtalk_handle_finish(out);
		return QG_NO_MEMORY;
	}
	return QG_OK;
}

void dingtalk_handle_finish(struct dingtalk_handle *handle)
{
	free(handle->webhook);
	free(handle->robot_code);
	free(handle->staff);
	free(handle->sender);
	free(handle->name);
	*handle = (struct dingtalk_handle){0};
}
