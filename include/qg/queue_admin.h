/* queue_admin.h - what people do to the queue by hand: its depth, its dead letters, and a check that repairs.
 *
 * Synchronous, for verbs of the command line; a running process is not disturbed: every step is one script or one
 * read. Results are rows of JSON, as --json prints them. Errors: NULL or a status, and words in error (128 bytes). */
#ifndef QG_QUEUE_ADMIN_H
#define QG_QUEUE_ADMIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "qg/status.h"

struct qg_queue_admin {
	const char *url;     /* of Redis; borrowed */
	unsigned partitions; /* as this Redis was made with */
	int64_t now;	     /* Unix ms: ages are counted up to it */
};

#define QG_QUEUE_ADMIN_ERROR 128

/* One row a bot of which something waits or is dead, by name: {"bot", "waiting" messages, "conversations", "running"
 * (those a worker has), "oldest_ms" (age of the oldest head, 0 where nothing waits), "dead" letters kept}. */
json_t *qg_queue_admin_depth(const struct qg_queue_admin *admin, char *error);
/* One row a dead letter, oldest first: {"id": "<partition>-<number>", "kind": "message" or "reply", "bot", "place"
 * (conversation or chat), "reason", "at" (Unix ms), "text" (its beginning)}. */
json_t *qg_queue_admin_dead(const struct qg_queue_admin *admin, char *error);
/* Puts a dead letter back where it was, behind what waits there now. QG_NOT_FOUND; QG_INVALID: that is no id. */
QG_MUST_CHECK enum qg_status qg_queue_admin_retry(
	const struct qg_queue_admin *admin, const char *id, char *error);
/* Forgets it for good. */
QG_MUST_CHECK enum qg_status qg_queue_admin_drop(
	const struct qg_queue_admin *admin, const char *id, char *error);
/* Looks at every conversation and the counted depth, and repairs what is wrong by scheduling it anew:
 * {"checked": conversations, "repaired": [{"place", "problem"}]}. */
json_t *qg_queue_admin_check(const struct qg_queue_admin *admin, char *error);

#endif
