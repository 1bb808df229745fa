/* option_schema.c - the rows of an option table as properties of a JSON Schema, for editors.
 *
 * Each value may also be a text with ${VAR}, which only the reader of the config can put in. */
#include "qg/option.h"

#include <string.h>

#include "option_private.h"

static json_t *choices_of(const char *choices)
{
	json_t *list = json_array();
	for (const char *at = choices, *next; at != NULL && list != NULL; at = next) {
		size_t size = qg_option_choice(at, &next);
		json_array_append_new(list, json_stringn(at, size));
	}
	return list;
}

static json_t *text_of(const struct qg_option *row)
{
	json_t *schema = json_pack("{s:s}", "type", "string");
	if (row->choices != NULL) {
		json_object_set_new(schema, "enum", choices_of(row->choices));
	}
	if (row->max > 0) {
		json_object_set_new(schema, "maxLength", json_integer(row->max));
	}
	return schema;
}

static json_t *number_of(const struct qg_option *row, const char *type)
{
	json_t *schema = json_pack("{s:s}", "type", type);
	if (row->min != 0 || row->max != 0) {
		json_object_set_new(schema, "minimum", json_integer(row->min));
		json_object_set_new(schema, "maximum", json_integer(row->max));
	}
	return schema;
}

static json_t *or_variable(json_t *schema)
{
	return json_pack("{s:[o,{s:s,s:s},{s:s}]}", "anyOf", schema, "type", "string", "pattern",
		"\\$\\{", "type", "null");
}

static json_t *schema_of(const struct qg_option *row)
{
	switch (row->type) {
	case QG_OPTION_INT:
		return or_variable(number_of(row, "integer"));
	case QG_OPTION_NUMBER:
		return or_variable(number_of(row, "number"));
	case QG_OPTION_BOOL:
		return or_variable(json_pack("{s:s}", "type", "boolean"));
	case QG_OPTION_ENUM:
		return or_variable(text_of(row));
	case QG_OPTION_STRINGS:
		return json_pack("{s:[{s:s,s:o},o]}", "anyOf", "type", "array", "items",
			text_of(row), text_of(row));
	case QG_OPTION_JSON:
		return json_object();
	case QG_OPTION_STRING:
	case QG_OPTION_URL:
		/* An unquoted 123456 is a number to an editor, and a fine id to us. */
		return row->choices != NULL
			       ? or_variable(text_of(row))
			       : json_pack("{s:[s,s,s]}", "type", "string", "number", "null");
	}
	return NULL;
}

json_t *qg_option_schema(const struct qg_option *table)
{
	json_t *properties = json_object();
	for (const struct qg_option *row = table; row != NULL && row->name != NULL; row++) {
		json_t *schema = schema_of(row);
		if (schema != NULL && row->help != NULL) {
			json_object_set_new(schema, "description", json_string(row->help));
		}
		if (schema != NULL && row->fallback != NULL && (row->flags & QG_SECRET) == 0) {
			json_object_set_new(schema, "default", json_string(row->fallback));
		}
		if (schema == NULL || json_object_set_new(properties, row->name, schema) != 0) {
			json_decref(properties);
			return NULL;
		}
	}
	return properties;
}
