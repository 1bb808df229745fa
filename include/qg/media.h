/* media.h - what a turn asks when a message carries a picture or a file: give me what is in it.
 *
 * The worker fetches by the platform's adapter (addresses live for minutes only), reads documents in a child process
 * and keeps nothing. The terminal has none. Every question gets one answer, on the loop, never from inside the call,
 * unless it was forgotten. */
#ifndef QG_MEDIA_H
#define QG_MEDIA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "qg/status.h"

#define QG_IMAGE_MOST (8 * 1024 * 1024) /* bytes of a picture for a model */

struct qg_medium {	  /* borrowed for the call */
	const char *name; /* the file's, cleaned; "" for none */
	/* a document: */
	const char *text; /* NULL for a picture */
	size_t size;
	bool cut;
	/* a picture: */
	const char *type;   /* "image/jpeg"; NULL for a document */
	const char *base64; /* of its bytes */
	size_t base64_size;
	/* Megabytes need not be copied: where this is not NULL, who sets it to true keeps base64 and frees it. */
	bool *taken;
};
/* QG_OK with it. Else NULL, or nothing but its name, and why: QG_NOT_FOUND (the address has expired, or it was withdrawn), QG_TOO_LARGE,
 * QG_UNSUPPORTED (a kind that is not read), QG_INVALID (damaged, or it cannot be decrypted), QG_EMPTY (no text in it),
 * QG_TIMEOUT, QG_AWAY (the platform could not be reached). */
typedef void (*qg_media_fn)(void *arg, enum qg_status status, const struct qg_medium *medium);

struct qg_media {
	/* attachment: one element of message->attachments; borrowed for the call. */
	void (*read)(struct qg_media *media, const json_t *attachment, qg_media_fn fn, void *arg);
	/* No answer will be given to arg any more. */
	void (*forget)(struct qg_media *media, void *arg);
};

#endif
