/* multipart.h - a file of the outbox as a form that is posted: read and packed in a pool thread. */
#ifndef QG_ADAPTERS_SHARED_MULTIPART_H
#define QG_ADAPTERS_SHARED_MULTIPART_H

#include <stddef.h>

#include "qg/fetch.h"
#include "qg/loop.h"
#include "qg/status.h"

#define QG_MULTIPART_FIELDS_MOST 4

struct qg_multipart;

struct qg_multipart_file {    /* borrowed for the call */
	const char *data_dir; /* the file lies in its outbox/ */
	const char *file;     /* its name there: qg_outbox_is_name() */
	const char *name;     /* what people call it; "": file */
	const char *field;    /* of the form, that holds it */
	size_t least, most;   /* bytes of it */
	struct {
		const char *name, *value;   /* a value NULL: what people call it */
	} fields[QG_MULTIPART_FIELDS_MOST]; /* that come before it, up to one without a name */
};

/* told(arg, status) once, unless destroyed before, never from inside: QG_OK, QG_UNSUPPORTED: the file cannot leave, now or
 * later; QG_NO_MEMORY. NULL for no memory. */
struct qg_multipart *qg_multipart_create(struct qg_loop *loop, const struct qg_multipart_file *file,
	void (*told)(void *arg, enum qg_status status), void *arg);
/* Accepts NULL. */
void qg_multipart_destroy(struct qg_multipart *form);
/* Once packed: what the request says of its content, and the content, there until the form is destroyed. */
const char *qg_multipart_type(const struct qg_multipart *form);
const struct qg_fetch_piece *qg_multipart_pieces(
	const struct qg_multipart *form, size_t *count_out);

#endif
