/* config_schema.c - the JSON Schema (draft 2020-12) of the config, made from its tables, for
 * editors.
 *
 * It helps while typing; what counts is `qungong check`, which sees more than a schema can say. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

/* An object of exactly these properties. Takes properties. */
static json_t *closed(json_t *properties, const struct qg_option *required)
{
	json_t *schema = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
		"additionalProperties", 0);
	json_t *names = json_array();
	for (; required != NULL && required->name != NULL; required++) {
		if (required->flags & QG_OPTION_REQUIRED) {
			json_array_append_new(names, json_string(required->name));
		}
	}
	if (json_array_size(names) > 0) {
		json_object_set(schema, "required", names);
	}
	json_decref(names);
	return schema;
}

static json_t *table(const struct qg_option *rows)
{
	return closed(qg_option_schema(rows), rows);
}

static json_t *list_of(json_t *items)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *map_of(json_t *values)
{
	return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", values);
}

static json_t *reference(const char *name)
{
	return json_pack("{s:s+}", "$ref", "#/$defs/", name);
}

/* Puts sub-schemas where a table says only "any value". Takes both. */
static void set(json_t *properties, const char *name, json_t *schema)
{
	json_t *before = json_object_get(properties, name);
	json_t *help = json_object_get(before, "description");
	if (help != NULL && schema != NULL) {
		json_object_set(schema, "description", help);
	}
	json_object_set_new(properties, name, schema);
}

/* All keys of a bot but those of its platform. */
static json_t *bot_properties(void)
{
	json_t *properties = qg_option_schema(qg_config_identity_table);
	json_t *behaviour = qg_option_schema(qg_config_behaviour_table);
	json_object_update(properties, behaviour);
	json_decref(behaviour);
	json_t *name = json_object_get(properties, "name");
	json_object_del(name, "type");
	json_object_set_new(name, "type", json_string("string"));
	json_object_set_new(name, "pattern", json_string("^[a-z0-9-]{1,40}$"));
	set(properties, "answers",
		json_pack(
			"{s:s, s:s}", "type", "object", "description", "the template's interview"));
	set(properties, "budget", table(qg_config_budget_table));
	set(properties, "people", map_of(table(qg_config_person_table)));
	set(properties, "duty",
		list_of(json_pack("{s:[{s:[s,s]},o]}", "anyOf", "type", "string", "number",
			table(qg_config_duty_table))));
	set(properties, "chats",
		json_pack("{s:[{s:s},{s:s,s:{s:[s,s]}}], s:s}", "anyOf", "const", "any", "type",
			"array", "items", "type", "string", "number", "description",
			"groups it serves: [], [id, id] or any"));
	set(properties, "trigger",
		json_pack("{s:[{s:[s,s]},{s:s,s:{s:{s:s}},s:[s],s:b}], s:s}", "anyOf", "enum",
			"mention", "always", "type", "object", "properties", "keywords", "type",
			"array", "required", "keywords", "additionalProperties", 0, "description",
			"mention, always or {keywords: [..]}"));
	return properties;
}

/* if platform is this one, then these keys too. */
static json_t *platform_rule(const struct qg_config_world *world, const char *platform)
{
	size_t size = 0;
	const struct qg_option *options = world->platform_options(platform, &size);
	json_t *properties = options != NULL ? qg_option_schema(options) : json_object();
	json_t *required = json_array();
	for (const struct qg_option *row = options; row != NULL && row->name != NULL; row++) {
		if (row->flags & QG_OPTION_REQUIRED) {
			json_array_append_new(required, json_string(row->name));
		}
	}
	return json_pack("{s:{s:{s:{s:s}},s:[s]}, s:{s:o,s:o}}", "if", "properties", "platform",
		"const", platform, "required", "platform", "then", "properties", properties,
		"required", required);
}

static json_t *bot_schema(const struct qg_config_world *world, const char *const *platforms)
{
	json_t *properties = bot_properties();
	json_t *rules = json_array(), *names = json_array();
	for (size_t i = 0; platforms[i] != NULL; i++) {
		json_array_append_new(names, json_string(platforms[i]));
		json_array_append_new(rules, platform_rule(world, platforms[i]));
	}
	set(properties, "platform", json_pack("{s:o}", "enum", names));
	json_t *schema = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
		"unevaluatedProperties", 0);
	if (json_array_size(rules) > 0) {
		json_object_set(schema, "allOf", rules);
	}
	json_decref(rules);
	return schema;
}

/* A bot's keys with those of all platforms, none demanded. */
static json_t *defaults_schema(const struct qg_config_world *world, const char *const *platforms)
{
	json_t *properties = bot_properties();
	for (size_t i = 0; platforms[i] != NULL; i++) {
		size_t size = 0;
		const struct qg_option *options = world->platform_options(platforms[i], &size);
		for (const struct qg_option *row = options; row != NULL && row->name != NULL;
			row++) {
			json_object_set_new(properties, row->name, json_object());
		}
	}
	return closed(properties, NULL);
}

static json_t *model_schema(void)
{
	json_t *properties = qg_option_schema(qg_config_model_table);
	set(properties, "price", table(qg_config_price_table));
	return closed(properties, qg_config_model_table);
}

static json_t *file_schema(void)
{
	json_t *customer = qg_option_schema(qg_config_customer_table);
	set(customer, "budget", table(qg_config_month_table));
	return closed(json_pack("{s:o, s:o, s:o, s:o}", "customer",
			      closed(customer, qg_config_customer_table), "defaults",
			      reference("defaults"), "models", map_of(reference("model")), "bots",
			      list_of(reference("bot"))),
		NULL);
}

char *qg_config_schema(const struct qg_config_world *world, const char *const *platforms)
{
	json_t *properties = qg_option_schema(qg_config_main_table);
	set(properties, "log", table(qg_config_log_table));
	set(properties, "tls",
		json_pack("{s:s, s:o, s:b, s:[s,s], s:s}", "type", "object", "properties",
			qg_option_schema(qg_config_tls_table), "additionalProperties", 0,
			"required", "cert", "key", "description",
			"serves listen over TLS with these two PEM files"));
	set(properties, "models", map_of(reference("model")));
	set(properties, "bots", list_of(reference("bot")));
	json_t *schema = closed(properties, NULL);
	json_object_set_new(
		schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(schema, "title", json_string("qungong.yaml"));
	json_t *definitions = json_pack("{s:o, s:o, s:o, s:o}", "bot", bot_schema(world, platforms),
		"defaults", defaults_schema(world, platforms), "model", model_schema(), "bots.d",
		file_schema());
	json_object_set_new(schema, "$defs", definitions);
	char *text = json_dumps(schema, JSON_INDENT(2));
	json_decref(schema);
	return text;
}
