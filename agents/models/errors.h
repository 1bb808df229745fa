/* errors.h - what a service's refusal means: class, wait, and words that may stand in a log. */
#ifndef QG_AGENTS_MODELS_ERRORS_H
#define QG_AGENTS_MODELS_ERRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/model.h"

struct qg_vendor_reply {
	const char *provider; /* canonical, or NULL: only the rules that hold for all */
	int status;	      /* HTTP */
	const char *body;
	size_t size;
	int64_t now; /* wall time */
	/* A header of the reply, or NULL; may be NULL itself. */
	const char *(*header)(void *arg, const char *name);
	void *arg;
};

struct qg_vendor_error {
	enum qg_model_error error;
	bool parks_key;	 /* the key is of no use until a person acts, or the named time */
	int64_t wait_ms; /* the wait the service stated; -1: none */
	int status;
	char code[64], type[64]; /* as the service says it; "" where it does not */
	char message[512];	 /* one line; may hold what the caller sent */
};

void qg_vendor_error_read(const struct qg_vendor_reply *reply, struct qg_vendor_error *out);
/* "rate limit: HTTP 429, code x: message": at most 200 bytes of the message, nothing of the key. */
void qg_vendor_error_words(
	const struct qg_vendor_error *error, const char *key, char *out, size_t room);
/* Blots out each part of text that is 8 bytes or more of the key. key may be NULL. */
void qg_vendor_mask(char *text, const char *key);

#endif
