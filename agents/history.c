/* history.c - what a conversation remembers of its talk, and how much of it a prompt holds.
 *
 * Elements are only ever appended. A prompt drops the oldest in whole blocks: between two drops
 * every prompt begins with the bytes of the one before, which is what a provider's prefix cache
 * pays for.
 *
 * Until a prompt is made a history stays the text it is stored as, an element a line: most turns need
 * none, and parsing forty elements costs as much as all the rest of such a turn. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

#define MAX_ELEMENT 4000      /* bytes of one text that are remembered */
#define BLOCK 16	      /* elements dropped at a time */
#define MAX_ELEMENTS 64	      /* in a prompt */
#define MAX_BYTES (24 * 1024) /* in a prompt */
#define MAX_REMEMBERED (64 * 1024 * 1024)

static json_t *make_element(const char *who, const char *name, const char *text, int64_t at)
{
	size_t size = strlen(text);
	return json_pack("{s:s, s:s, s:s%, s:I}", "who", who, "name", name != NULL ? name : "",
		"text", text, qg_utf8_cut(text, size, MAX_ELEMENT), "at", (json_int_t)at);
}

bool qg_history_add(struct qg_turn *turn)
{
	bool added = true;
	for (size_t i = 0; i < turn->request.count; i++) {
		const struct qg_message *message = turn->request.messages[i];
		int64_t at =
			turn->request.stored_at != NULL ? turn->request.stored_at[i] : turn->now;
		const char *name =
			message->sender_name != NULL ? message->sender_name : message->sender;
		json_t *element =
			make_element("user", name, message->text != NULL ? message->text : "", at);
		added = json_array_append_new(turn->history, element) == 0 && added;
	}
	if (turn->answer.size > 0) {
		json_t *element = make_element(
			"bot", turn->request.role->title, turn->answer.data, turn->now);
		added = json_array_append_new(turn->history, element) == 0 && added;
	}
	return added;
}

json_t *qg_history_read(const char *text)
{
	json_t *history = json_array();
	while (history != NULL && text != NULL && text[0] != '\0') {
		size_t size = strcspn(text, "\n");
		json_t *element = qg_json_parse(text, size, NULL);
		if (element != NULL) {
			json_array_append_new(history, element);
		}
		text += size + (text[size] == '\n');
	}
	return history;
}

bool qg_turn_remember(char **history, const struct qg_turn_result *result)
{
	struct qg_buf text;
	qg_buf_init(&text, MAX_REMEMBERED);
	qg_buf_add_str(&text, *history != NULL && !result->forget_history ? *history : "");
	size_t i;
	json_t *element;
	json_array_foreach (result->history, i, element) {
		QG_AUTO(qg_str_free) char *line = qg_json_dump(element);
		text.failed = line == NULL && text.failed == QG_OK ? QG_NO_MEMORY : text.failed;
		qg_buf_printf(&text, "%s%s", text.size > 0 ? "\n" : "", line != NULL ? line : "");
	}
	char *kept = qg_buf_steal(&text);
	if (kept != NULL) {
		free(*history);
		*history = kept;
	}
	return kept != NULL;
}

size_t qg_history_start(const json_t *history)
{
	size_t count = json_array_size(history), start = 0, bytes = 0;
	for (size_t i = 0; i < count; i++) {
		bytes += strlen(qg_json_str(json_array_get(history, i), "text", ""));
	}
	while (start < count && (count - start > MAX_ELEMENTS || bytes > MAX_BYTES)) {
		size_t end = start + BLOCK < count ? start + BLOCK : count;
		for (; start < end; start++) {
			bytes -= strlen(qg_json_str(json_array_get(history, start), "text", ""));
		}
	}
	return start;
}
