/* wire.c - what the wire forms of messages and replies share.
 *
 * Every accepted webhook is written in this form, so the text is put together in one buffer; a
 * jansson tree for it would cost more than the rest of the way. Reading is wire_read.c. */
#include "wire.h"

#include <stdio.h>
#include <string.h>

#include "qg/message.h"
#include "qg/str.h"

#define ITEM_MEMBERS_MAX 12

void wire_begin(struct wire_writer *writer, size_t limit)
{
	qg_buf_init(&writer->buf, limit);
	writer->is_bad = false;
	writer->has_member = false;
}

void wire_object(struct wire_writer *writer)
{
	qg_buf_add_char(&writer->buf, '{');
}

static void add_name(struct wire_writer *writer, const char *name)
{
	qg_buf_add_str(&writer->buf, writer->has_member ? ",\"" : "\"");
	qg_buf_add_str(&writer->buf, name);
	qg_buf_add_str(&writer->buf, "\":");
	writer->has_member = true;
}

void wire_str(struct wire_writer *writer, const char *name, const char *value, size_t max)
{
	if (!value) {
		return;
	}
	size_t size = strlen(value);
	add_name(writer, name);
	if (size > max || qg_json_quote(value, size, &writer->buf) != QG_OK) {
		writer->is_bad = true;
	}
}

void wire_int(struct wire_writer *writer, const char *name, int64_t value)
{
	if (value < 0 || value > WIRE_INT_MAX) {
		writer->is_bad = true;
	} else if (value > 0) {
		add_name(writer, name);
		qg_buf_add_int(&writer->buf, value);
	}
}

void wire_bool(struct wire_writer *writer, const char *name, bool value)
{
	if (value) {
		add_name(writer, name);
		qg_buf_add_str(&writer->buf, "true");
	}
}

static int add_chunk(const char *data, size_t size, void *arg)
{
	return qg_buf_add(arg, data, size) == QG_OK ? 0 : -1;
}

void wire_json(struct wire_writer *writer, const char *name, const json_t *value)
{
	if (!value) {
		return;
	}
	add_name(writer, name);
	if (json_dump_callback(value, add_chunk, &writer->buf, JSON_COMPACT) != 0) {
		writer->is_bad = true;
	}
}

char *wire_end(struct wire_writer *writer, size_t *size_out)
{
	qg_buf_add_char(&writer->buf, '}');
	size_t size = writer->buf.size;
	if (writer->is_bad || writer->buf.failed) {
		qg_buf_finish(&writer->buf);
		return NULL;
	}
	char *text = qg_buf_steal(&writer->buf);
	if (text && size_out) {
		*size_out = size;
	}
	return text;
}

bool wire_is_id(const char *text)
{
	size_t size = text ? strnlen(text, QG_ID_MAX + 1) : 0;
	if (size == 0 || size > QG_ID_MAX || !qg_utf8_is_valid(text, size)) {
		return false;
	}
	for (size_t at = 0, used = 0; at < size; at += used) {
		uint32_t code = qg_utf8_next(text + at, size - at, &used);
		if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
			return false;
		}
	}
	return true;
}

static bool is_short(const json_t *value)
{
	if (json_is_integer(value) || json_is_boolean(value)) {
		return true;
	}
	if (!json_is_string(value)) {
		return false;
	}
	size_t size = json_string_length(value);
	return size <= WIRE_HANDLE_MAX && strlen(json_string_value(value)) == size;
}

static bool is_item(json_t *item, const char *const *required)
{
	const char *name;
	json_t *value;
	if (!json_is_object(item) || json_object_size(item) > ITEM_MEMBERS_MAX) {
		return false;
	}
	json_object_foreach (item, name, value) {
		if (strlen(name) > QG_ID_MAX || !is_short(value)) {
			return false;
		}
	}
	for (; *required; required++) {
		if (!json_is_string(json_object_get(item, *required))) {
			return false;
		}
	}
	return true;
}

bool wire_is_list(const json_t *list, size_t count, const char *const *required)
{
	if (!list) {
		return true;
	}
	if (!json_is_array(list) || json_array_size(list) > count) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!is_item(json_array_get(list, i), required)) {
			return false;
		}
	}
	return true;
}

bool wire_copy(char **to, const char *from)
{
	*to = qg_str_copy(from);
	return *to || !from;
}

void wire_complain(char *error, const char *words)
{
	if (error) {
		snprintf(error, WIRE_ERROR_SIZE, "%s", words);
	}
}
