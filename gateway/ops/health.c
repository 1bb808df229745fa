/* health.c - what /readyz says: whether this process can do its work, in a word for strangers and with the
 * reasons for who has the token. */
#include "ops.h"

#include "build_info.h"
#include "qg/json.h"

struct qg_health qg_health_judge(
	bool redis_up, bool draining, bool refusing, unsigned links_owned, unsigned links_up)
{
	if (draining) {
		return (struct qg_health){"draining", 503};
	}
	if (!redis_up) {
		return (struct qg_health){"redis away", 503};
	}
	if (links_owned > 0 && links_up == 0) {
		return (struct qg_health){"links down", 503};
	}
	if (links_up < links_owned || refusing) {
		return (struct qg_health){"degraded", 200};
	}
	return (struct qg_health){"ready", 200};
}

struct qg_health qg_health_now(const struct qg_core *core, const struct qg_gateway *gateway)
{
	unsigned owned = 0, up = 0;
	if (gateway) {
		qg_gateway_links(gateway, &owned, &up);
	}
	/* a door that would answer "the bot is starting" is not ready; a reload does not count, the former serves */
	if (gateway && core->redis_up && !core->draining && qg_gateway_is_opening(gateway)) {
		return (struct qg_health){"starting", 503};
	}
	return qg_health_judge(core->redis_up, core->draining, core->refuse, owned, up);
}

/* Process -> its health, of what others published. */
static json_t *health_of_others(const json_t *others)
{
	json_t *all = json_object();
	const char *name;
	json_t *entry;
	json_object_foreach ((json_t *)others, name, entry) {
		json_t *health = json_object_get(entry, "health");
		if (all && json_is_object(health) && json_object_set(all, name, health) != 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *failed_files(const struct qg_config *config)
{
	json_t *files = json_array();
	for (size_t i = 0; files && i < config->failed_files.count; i++) {
		if (json_array_append_new(files, json_string(config->failed_files.items[i])) != 0) {
			json_decref(files);
			return NULL;
		}
	}
	return files;
}

json_t *qg_health_json(
	const struct qg_core *core, const struct qg_gateway *gateway, const json_t *others)
{
	unsigned owned = 0, up = 0;
	if (gateway) {
		qg_gateway_links(gateway, &owned, &up);
	}
	struct qg_health health = qg_health_now(core, gateway);
	json_t *out = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:{s:i, s:i}, s:i, s:o}", "status",
		health.status, "process", core->process, "version", QG_VERSION, "redis",
		core->redis_up, "draining", core->draining, "refusing", core->refuse, "links",
		"owned", (int)owned, "up", (int)up, "bots", (int)core->config->bot_count,
		"failed_files", failed_files(core->config));
	if (out && others && json_object_set_new(out, "processes", health_of_others(others)) != 0) {
		json_decref(out);
		return NULL;
	}
	return out;
}
