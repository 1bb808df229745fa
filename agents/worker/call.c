/* call.c - a call to a model as the desk keeps it: a deep copy, since what a turn holds goes with the turn. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

static const size_t strings[] = {offsetof(struct qg_call, provider),
	offsetof(struct qg_call, model), offsetof(struct qg_call, key),
	offsetof(struct qg_call, bot), offsetof(struct qg_call, customer),
	offsetof(struct qg_call, chat), offsetof(struct qg_call, user),
	offsetof(struct qg_call, role)};
enum { STRINGS = sizeof(strings) / sizeof(strings[0]) };

/* Replaces the borrowed string by a copy; NULL stays NULL. */
static bool own(const char **string)
{
	const char *borrowed = *string;
	*string = borrowed != NULL ? qg_str_copy(borrowed) : NULL;
	return *string != NULL || borrowed == NULL;
}

static const char **string_at(struct qg_call *call, size_t index)
{
	return (const char **)((char *)call + strings[index]);
}

bool call_copy(const struct qg_call *call, struct qg_call *copy_out)
{
	struct qg_call copy = *call;
	bool ok = true;
	for (size_t i = 0; i < STRINGS; i++) {
		ok = own(string_at(&copy, i)) && ok;
	}
	for (size_t i = 0; i < copy.reserve_count; i++) {
		ok = own(&copy.reserves[i].whom) && ok;
	}
	if (!ok) {
		call_free(&copy);
		return false;
	}
	*copy_out = copy;
	return true;
}

void call_free(struct qg_call *copy)
{
	for (size_t i = 0; i < STRINGS; i++) {
		free((char *)*string_at(copy, i));
	}
	for (size_t i = 0; i < copy->reserve_count; i++) {
		free((char *)copy->reserves[i].whom);
	}
	*copy = (struct qg_call){0};
}
