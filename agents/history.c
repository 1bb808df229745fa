/* history.c - what a conversation remembers of its talk, and how much of it a prompt holds.
 *
 * Elements are only ever appended. A prompt drops the oldest in whole blocks: between two drops
 * every prompt begins with the bytes of the one before, which is what a provider's prefix cache
 * pays for. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

#define MAX_ELEMENT 4000      /* bytes of one text that are remembered */
#define BLOCK 16	      /* elements dropped at a time */
#define MAX_ELEMENTS 64	      /* in a prompt */
#define MAX_BYTES (24 * 1024) /* in a prompt */

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
