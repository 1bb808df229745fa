/* turn_faq.c - a message taken apart: what the FAQ answers, and the questions it leaves open.
 *
 * The whole is tried first, then each question of it, because what looks like two questions may
 * stand in the FAQ as one. */
#include "turn_parts.h"

#include <string.h>

#include "text.h"

#define MAX_TEXT 4096 /* bytes of a message that is taken apart */

/* Two questions of the same entry get one answer. */
static void add_faq(struct qg_turn *turn, const struct qg_faq_match *match)
{
	if (turn->faq.size > 0 && strstr(turn->faq.data, match->answer) != NULL) {
		return;
	}
	qg_buf_printf(&turn->faq, "%s%s", turn->faq.size > 0 ? "\n\n" : "", match->answer);
	json_array_append_new(
		turn->sources, json_pack("{s:s, s:s}", "title", "FAQ", "section", match->question));
}

static bool try_faq(struct qg_turn *turn, const char *question)
{
	struct qg_faq_match match = qg_faq_find(turn->request.role->faq, question);
	if (match.kind >= QG_FAQ_NEAR) {
		add_faq(turn, &match);
		return true;
	}
	if (match.kind == QG_FAQ_HINT) {
		turn->hint = match.question;
	}
	return false;
}

/* "几点开门，有停车位吗": clauses count only if the FAQ knows each of them. */
static bool try_clauses(struct qg_turn *turn, const char *question)
{
	struct qg_strings clauses = {0};
	bool all = qg_text_split(question, true, &clauses) == QG_OK && clauses.count > 1 &&
		   clauses.count <= QG_MAX_QUESTIONS;
	for (size_t i = 0; all && i < clauses.count; i++) {
		all = qg_faq_find(turn->request.role->faq, clauses.items[i]).kind >= QG_FAQ_NEAR;
	}
	for (size_t i = 0; all && i < clauses.count; i++) {
		(void)try_faq(turn, clauses.items[i]);
	}
	qg_strings_finish(&clauses);
	return all;
}

bool qg_turn_leave_open(struct qg_turn *turn, const char *text)
{
	if (turn->open.count >= QG_MAX_QUESTIONS) {
		return true;
	}
	size_t size = qg_utf8_cut(text, strlen(text), MAX_TEXT);
	QG_AUTO(qg_str_free) char *start = qg_str_copy_n(text, size);
	return start != NULL && qg_strings_add(&turn->open, start) == QG_OK;
}

/* A question of text, which itself was tried: most texts are one question, and a miss stays one. */
static bool try_question(
	struct qg_turn *turn, const char *text, const char *whole, const char *asking)
{
	if (strcmp(whole, text) != 0 && try_faq(turn, whole)) {
		return true;
	}
	if (strcmp(asking, text) == 0) {
		return false;
	}
	return (strcmp(asking, whole) != 0 && try_faq(turn, asking)) || try_clauses(turn, asking);
}

bool qg_turn_ask_faq(struct qg_turn *turn, const char *text)
{
	if (strlen(text) > MAX_TEXT) {
		/* a text of pages is no FAQ, and its beginning says what to search for; a model gets all of it */
		return qg_turn_leave_open(turn, text);
	}
	if (try_faq(turn, text) || try_clauses(turn, text)) {
		return true;
	}
	struct qg_strings whole = {0}, asking = {0};
	bool good = qg_text_questions(text, &whole, &asking) == QG_OK;
	for (size_t i = 0; good && i < whole.count; i++) {
		if (turn->open.count >= QG_MAX_QUESTIONS ||
			try_question(turn, text, whole.items[i], asking.items[i])) {
			continue;
		}
		good = qg_strings_add(&turn->open, whole.items[i]) == QG_OK;
	}
	qg_strings_finish(&whole);
	qg_strings_finish(&asking);
	return good;
}
