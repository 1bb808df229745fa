/* http_call.h - one question to a service over HTTP, whatever its wire form. */
#ifndef QG_AGENTS_MODELS_HTTP_CALL_H
#define QG_AGENTS_MODELS_HTTP_CALL_H

#include "answer.h"
#include "presets.h"
#include "qg/buf.h"
#include "qg/fetch.h"
#include "qg/model.h"

#define QG_HTTP_CALL_HEADERS 8

/* A request's body: its text, and the places where pictures of the question stand, whose bytes are sent from where
 * they are. */
struct qg_wire_body {
	struct qg_buf text;
	size_t cuts[QG_IMAGES_MOST]; /* bytes of text before picture i */
	size_t cut_count;
};

/* What stands around a picture beside the text of the question: head, type, middle, base64, tail. */
struct qg_wire_image {
	const char *head, *middle, *tail;
};

/* How a wire form asks. */
struct qg_wire {
	const struct qg_reader *reader;
	/* The address behind a base URL: what must stand at its end. */
	void (*url)(const char *base_url, struct qg_buf *out);
	/* The request's body. plain: without the options old servers refuse. Failure is in out's text. */
	void (*body)(const struct qg_model_call *call, bool plain, struct qg_wire_body *out);
	/* Adds the lines that carry the key and the form's version, each with a NUL behind it. */
	void (*headers)(const struct qg_model_config *endpoint, struct qg_buf *out);
};

/* The state of a call; only http_call.c looks into it. */
struct qg_http_call {
	struct qg_model_call *call;
	const struct qg_wire *wire;
	struct qg_fetch *fetch;
	struct qg_timer *timer;
	struct qg_answer answer;
	struct qg_wire_body body; /* while it is sent in pieces: of a question with pictures */
	struct qg_buf refused;	  /* the body of what is no success */
	uint64_t events, progress;
	int status; /* HTTP */
	bool began, plain;
	bool lingers, closes; /* the end is near: the reason of it came, the last event did */
	bool spoke;	      /* something that can be seen was handed over */
	bool *gone;	      /* set by cancel() while a chunk is handed over */
};

/* The three members of struct qg_model. */
enum qg_status qg_http_call_check(const struct qg_model_config *endpoint, char *words);
enum qg_status qg_http_call_ask(struct qg_model_call *call, const struct qg_wire *wire);
void qg_http_call_cancel(struct qg_model_call *call);

/* ---- wire.c: for the wire forms ---- */

/* What remains of a URL when text stands at its end: for url(). Appends base_url and what is missing of
 * path. */
void qg_wire_join(const char *base_url, const char *path, struct qg_buf *out);
/* Appends text as a JSON string; what is none spoils the body. */
void qg_wire_add_string(struct qg_buf *out, const char *text);
/* Appends ,"name":value pieces of the preset for this endpoint's model, max_tokens with them. */
void qg_wire_add_quirks(const struct qg_model_call *call, struct qg_buf *out);
/* Appends the messages of the question without brackets, those of one role in a row as one; pictures beside the text of
 * the last. */
void qg_wire_add_messages(
	const struct qg_ask *ask, const struct qg_wire_image *form, struct qg_wire_body *out);

#endif
