/* status.c - name, text and "worth a retry" of every status, from the one table in status.h. */
#include "qg/status.h"

#include <stddef.h>

struct row {
	const char *name;
	const char *text;
	bool retry;
};

static const struct row rows[] = {
#define X(name, text, retry) [QG_##name] = {"QG_" #name, text, retry},
	QG_STATUS_MAP(X)
#undef X
};

static const struct row unknown = {"QG_?", "unknown status", false};

/* A status may come from a cast of foreign numbers: an odd one gets a row too. */
static const struct row *find(enum qg_status status)
{
	size_t index = (size_t)status;
	return index < sizeof(rows) / sizeof(rows[0]) ? &rows[index] : &unknown;
}

const char *qg_status_name(enum qg_status status)
{
	return find(status)->name;
}

const char *qg_status_text(enum qg_status status)
{
	return find(status)->text;
}

bool qg_status_is_retryable(enum qg_status status)
{
	return find(status)->retry;
}
