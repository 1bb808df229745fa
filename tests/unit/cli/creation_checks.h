/* creation_checks.h - what holds for every platform's answers while an account is made. */
#ifndef TESTS_UNIT_CLI_CREATION_CHECKS_H
#define TESTS_UNIT_CLI_CREATION_CHECKS_H

#include "creation.h"

enum qg_creation_turn read_body(
	const struct qg_creation_way *way, struct qg_creation *creation, const char *body);
/* body, once a link was offered, comes to turn; what is made has that id and the secret "x1". */
void check_answer(const struct qg_creation_way *way, const char *body, enum qg_creation_turn turn,
	const char *id);

#endif
