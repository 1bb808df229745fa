/* handover.c - when a person must take over: who asks for one is told how to reach one, and the bot
 * keeps quiet.
 *
 * The quiet is bound to the asker (or the thread) and to time, and lies in the conversation's
 * state: others in the group are still answered, and a restart changes nothing. */
#include "turn_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"
#include "text.h"
#include "zone.h"

#define TELL_AGAIN_MS (5 * 60 * 1000) /* between two lines "I am quiet" */

/* Where keyword begins in codes from start on; SIZE_MAX for nowhere. */
static size_t find(
	const uint32_t *codes, size_t count, const uint32_t *keyword, size_t size, size_t start)
{
	for (size_t i = start; size > 0 && i + size <= count; i++) {
		if (memcmp(codes + i, keyword, size * sizeof(*codes)) == 0) {
			return i;
		}
	}
	return SIZE_MAX;
}

/* "不用转人工", "别找店长": nobody wants a person there. */
static bool is_denied(const uint32_t *codes, size_t at)
{
	for (size_t back = 1; back <= 3 && back <= at; back++) {
		uint32_t code = codes[at - back];
		if (code == U'不' || code == U'别') {
			return true;
		}
		if (code != U'用' && code != U'要' && code != U'想' && code != U'必' &&
			code != U'转' && code != U'找') {
			return false;
		}
	}
	return false;
}

/* 人工智能 is a subject, no call for a person. */
static bool is_part_of_word(const uint32_t *codes, size_t count, size_t end)
{
	return end + 2 <= count && codes[end] == U'智' && codes[end + 1] == U'能';
}

static bool asks_for(const uint32_t *codes, size_t count, const char *keyword)
{
	uint32_t word[64];
	size_t size = qg_text_codes(keyword, word, 64);
	for (size_t at = find(codes, count, word, size, 0); at != SIZE_MAX;
		at = find(codes, count, word, size, at + 1)) {
		if (!is_denied(codes, at) && !is_part_of_word(codes, count, at + size)) {
			return true;
		}
	}
	return false;
}

bool qg_handover_wanted(const struct qg_turn *turn)
{
	const struct qg_strings *keywords = &turn->request.role->template->handover_keywords;
	for (size_t i = 0; i < turn->request.count; i++) {
		const char *text = turn->request.messages[i]->text;
		uint32_t codes[QG_TEXT_CODES];
		size_t count = text != NULL ? qg_text_codes(text, codes, QG_TEXT_CODES) : 0;
		for (size_t k = 0; k < keywords->count; k++) {
			if (asks_for(codes, count, keywords->items[k])) {
				return true;
			}
		}
	}
	return false;
}

/* The owner has answered that question of the interview. */
static bool is_known(const struct qg_role *role, const char *name)
{
	const char *value = qg_json_str(role->values, name, "");
	return value[0] != '\0' &&
	       !qg_str_equal(value, qg_json_str(role->words, "answer_missing", ""));
}

void qg_handover_do(struct qg_turn *turn)
{
	const struct qg_role *role = turn->request.role;
	const char *words = !is_known(role, "phone")   ? "handover_no_phone"
			    : !is_known(role, "hours") ? "handover_no_hours"
						       : "handover_asker";
	char minutes[24];
	snprintf(minutes, sizeof(minutes), "%lld",
		(long long)((role->template->handover_quiet_ms + 59999) / 60000));
	qg_turn_say(turn, qg_role_words(role, words, "minutes", minutes, NULL));
	qg_state_set_quiet(turn, turn->now + role->template->handover_quiet_ms);
	turn->handed_over = true;
}

void qg_handover_miss(struct qg_turn *turn, bool counts)
{
	const struct qg_role *role = turn->request.role;
	int64_t misses = qg_json_int(turn->asker, "misses", 0) + (counts ? 1 : 0);
	turn->missed = true;
	if (counts && role->template->handover_misses > 0 &&
		misses >= role->template->handover_misses) {
		if (misses > 1) {
			qg_turn_say(turn, qg_role_words(role, "miss_again", NULL));
		}
		qg_handover_do(turn);
		return;
	}
	if (counts) {
		json_object_set_new(turn->asker, "misses", json_integer(misses));
	}
	if (turn->hint != NULL) {
		qg_turn_say(
			turn, qg_role_words(role, "did_you_mean", "question", turn->hint, NULL));
		qg_turn_add_button(turn, turn->hint);
		return;
	}
	QG_AUTO(qg_str_free) char *suggested = qg_role_suggested(role);
	qg_turn_say(turn, qg_role_words(role, "miss", "suggestions", suggested, NULL));
	qg_turn_add_suggestions(turn);
}

void qg_handover_time(const struct qg_turn *turn, int64_t wall, char out[6])
{
	struct tm tm;
	qg_zone_local(turn->request.bot->timezone, wall, &tm);
	snprintf(out, 6, "%02u:%02u", (unsigned)tm.tm_hour % 24, (unsigned)tm.tm_min % 60);
}

void qg_handover_keep_quiet(struct qg_turn *turn, int64_t until)
{
	bool addressed = false;
	for (size_t i = 0; i < turn->request.count; i++) {
		const struct qg_message *message = turn->request.messages[i];
		addressed |= message->mentions_bot || message->chat_type == QG_CHAT_DIRECT;
	}
	int64_t told = qg_json_int(turn->asker, "told", 0);
	if (!addressed || (told > 0 && turn->now < told + TELL_AGAIN_MS)) {
		return;
	}
	char time[6];
	qg_handover_time(turn, until, time);
	json_object_set_new(turn->asker, "told", json_integer(turn->now));
	qg_turn_say(turn, qg_role_words(turn->request.role, "quiet_already", "time", time, NULL));
}
