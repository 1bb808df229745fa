/* creation_checks.c - what holds for every platform's answers while an account is made. */
#include "creation_checks.h"

#include <check.h>
#include <string.h>

enum qg_creation_turn read_body(
	const struct qg_creation_way *way, struct qg_creation *creation, const char *body)
{
	return way->read(creation, body, strlen(body));
}

void check_answer(const struct qg_creation_way *way, const char *body, enum qg_creation_turn turn,
	const char *id)
{
	struct qg_creation creation = {.ticket = strdup("d1"), .url = strdup("https://offered")};
	ck_assert_msg(read_body(way, &creation, body) == turn, "%s", body);
	if (turn == QG_CREATION_MADE) {
		ck_assert_str_eq(creation.id, id);
		ck_assert_str_eq(creation.secret, "x1");
	} else {
		ck_assert_ptr_null(creation.id);
		ck_assert_ptr_null(creation.secret);
		ck_assert(turn != QG_CREATION_OVER || creation.words[0]);
		ck_assert_ptr_null(strchr(creation.words, '\x1b'));
	}
	ck_assert(!creation.is_abroad);
	qg_creation_finish(&creation);
}
