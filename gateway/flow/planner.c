/* planner.c - the outbound planner's rules: parts, the line under the last one, forms, retries.
 *
 * Something always lands where it can: a message that a platform does not show in place becomes one of its own, that
 * one plain text, one too long several. What stands behind the text (label, footnote) is never torn from it: the last
 * part is cut once more where both do not fit. */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"

enum { FENCE_MARKS = 17 };

static const unsigned retry_ms[] = {1000, 2000, 5000, 15000, 60000, 300000};
enum { RETRIES = sizeof(retry_ms) / sizeof(retry_ms[0]) };

/* The line under the answer; NULL for none. The footnote begins with the label. */
static const char *line_under(const struct qg_reply *reply, const struct qg_ability *can)
{
	const char *line = can->shows_fields	     ? NULL
			   : reply->footnote != NULL ? reply->footnote
						     : reply->label;
	return line != NULL && line[0] != '\0' ? line : NULL;
}

/* Takes the last of parts out and puts it back in pieces that leave room bytes free. */
static bool make_room(json_t *parts, size_t limit, size_t room)
{
	size_t last = json_array_size(parts) - 1;
	json_t *part = json_incref(json_array_get(parts, last));
	bool good = true;
	if (json_string_length(part) + room > limit) {
		json_array_remove(parts, last);
		good = qg_split(json_string_value(part), json_string_length(part), limit - room,
			       parts) == QG_OK;
	}
	json_decref(part);
	return good;
}

static bool put_under(json_t *parts, const char *line)
{
	size_t last = json_array_size(parts) - 1;
	const json_t *part = json_array_get(parts, last);
	const char *text = json_string_value(part);
	char fence[FENCE_MARKS];
	qg_fence_end(text, json_string_length(part), fence);
	QG_AUTO(qg_buf_finish) struct qg_buf whole;
	qg_buf_init(&whole, QG_REPLY_MAX * 2);
	qg_buf_add(&whole, text, json_string_length(part));
	while (whole.size > 0 && whole.data[whole.size - 1] == '\n') {
		whole.size--;
	}
	qg_buf_printf(&whole, "%s%s%s%s", fence[0] != '\0' ? "\n" : "", fence,
		whole.size > 0 ? "\n\n" : "", line);
	return whole.failed == QG_OK &&
	       json_array_set_new(parts, last, json_stringn_nocheck(whole.data, whole.size)) == 0;
}

static bool add_line(json_t *parts, const char *line, size_t limit)
{
	size_t room = strlen(line) + 2 + FENCE_MARKS;
	if (room + QG_SPLIT_MIN > limit) { /* it stands alone */
		return qg_split(line, strlen(line), limit, parts) == QG_OK;
	}
	return make_room(parts, limit, room) && put_under(parts, line);
}

/* The text, and the line under it. */
static bool add_texts(json_t *parts, const struct qg_reply *reply, const struct qg_ability *can)
{
	const char *line = line_under(reply, can);
	size_t limit = can->part_bytes > 0 ? can->part_bytes : QG_REPLY_MAX;
	if (qg_split(reply->text, strlen(reply->text), limit, parts) != QG_OK) {
		return false;
	}
	if (json_array_size(parts) == 0 && json_array_append_new(parts, json_string("")) != 0) {
		return false; /* a text without a byte is one part */
	}
	return line == NULL || add_line(parts, line, limit);
}

json_t *plan_parts(const struct qg_reply *reply, const struct qg_ability *can)
{
	size_t files = can->shows_files && !reply->silent ? json_array_size(reply->files) : 0;
	json_t *parts = json_array();
	bool good = parts != NULL;
	if (reply->silent) {
		good = good && json_array_append_new(parts, json_string("")) == 0;
	} else if (files == 0 || reply->text[0] != '\0') {
		good = good && add_texts(parts, reply, can);
	}
	for (size_t i = 0; good && i < files; i++) {
		good = json_array_append_new(parts, json_integer((json_int_t)i)) == 0;
	}
	if (!good) {
		json_decref(parts);
		return NULL;
	}
	return parts;
}

const json_t *plan_file(const json_t *parts, unsigned number, const struct qg_reply *reply)
{
	const json_t *part = json_array_get(parts, number);
	json_int_t index = json_integer_value(part);
	return json_is_integer(part) && index >= 0 ? json_array_get(reply->files, (size_t)index)
						   : NULL;
}

enum qg_status plan_cut(json_t *parts, unsigned number)
{
	const json_t *part = json_array_get(parts, number);
	size_t size = json_string_length(part);
	if (size <= QG_SPLIT_MIN) {
		return QG_TOO_LARGE;
	}
	size_t half = size / 2 + size % 2;
	json_t *pieces = json_array();
	enum qg_status status =
		pieces == NULL ? QG_NO_MEMORY
			       : qg_split(json_string_value(part), size,
					 half > QG_SPLIT_MIN ? half : QG_SPLIT_MIN, pieces);
	size_t count = json_array_size(pieces);
	for (size_t i = count; i-- > 0 && status == QG_OK;) {
		/* from the end: the first piece takes the part's place only when the others stand */
		json_t *piece = json_incref(json_array_get(pieces, i));
		bool put = i > 0 ? json_array_insert_new(parts, number + 1, piece) == 0
				 : json_array_set_new(parts, number, piece) == 0;
		status = put ? QG_OK : QG_NO_MEMORY;
	}
	json_decref(pieces);
	return status;
}

enum plan_step plan_next_silent(enum qg_status status, unsigned attempts)
{
	bool again = qg_status_is_retryable(status) || status == QG_CANCELLED;
	return again && attempts < PLAN_SILENT_ATTEMPTS_MOST ? PLAN_RETRY : PLAN_LAND;
}

enum plan_step plan_next_file(enum qg_status status, unsigned attempts)
{
	return status == QG_UNSUPPORTED || status == QG_TOO_LARGE || status == QG_INVALID
		       ? PLAN_SAY
		       : plan_next(status, QG_FORM_PLAIN, attempts);
}

enum plan_step plan_next(enum qg_status status, enum qg_form form, unsigned attempts)
{
	switch (status) {
	case QG_OK:
		return PLAN_LAND;
	case QG_UNSUPPORTED:
		return form < QG_FORM_PLAIN ? PLAN_PLAINER : PLAN_TELL;
	case QG_TOO_LARGE:
		return PLAN_CUT;
	case QG_NOT_FOUND:
		return PLAN_BURY;
	default:
		/* A send that the platform's end cut short is no failure of the reply. */
		return (qg_status_is_retryable(status) || status == QG_CANCELLED) &&
				       attempts < PLAN_ATTEMPTS_MOST
			       ? PLAN_RETRY
			       : PLAN_TELL;
	}
}

unsigned plan_attempts(enum qg_status status, unsigned attempts, int64_t age_ms)
{
	bool is_rate = status == QG_BUSY && age_ms < PLAN_RATE_MS;
	return is_rate && attempts >= PLAN_RATE_ATTEMPTS_MOST ? attempts : attempts + 1;
}

unsigned plan_wait_ms(unsigned attempts)
{
	return retry_ms[attempts > RETRIES ? RETRIES - 1 : attempts > 0 ? attempts - 1 : 0];
}
