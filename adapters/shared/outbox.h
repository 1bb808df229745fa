/* outbox.h - files that leave with a reply: where they lie, their bytes, and their names in a request. */
#ifndef QG_ADAPTERS_SHARED_OUTBOX_H
#define QG_ADAPTERS_SHARED_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/buf.h"
#include "qg/status.h"

/* A name in data_dir/outbox/: 32 hex digits, so it leads nowhere else. */
bool qg_outbox_is_name(const char *file);
/* All of a file, as it was when it was opened, appended. QG_UNSUPPORTED: it is not there, no plain file, or not of least
 * to most bytes: it cannot leave, now or later. QG_NO_MEMORY. Blocks: in the pool. */
QG_MUST_CHECK enum qg_status qg_outbox_read(
	const char *path, size_t least, size_t most, struct qg_buf *out);
/* Appends a file's name for between the quotes of a multipart header, which it cannot end. out keeps a failure. */
void qg_outbox_add_name(const char *name, struct qg_buf *out);

#endif
