/* vectors.h - the files of tests/vectors/documents. */
#ifndef TESTS_UNIT_DOCUMENTS_VECTORS_H
#define TESTS_UNIT_DOCUMENTS_VECTORS_H

#include <check.h>
#include <stddef.h>

#include "documents.h"

/* malloc'ed, without a NUL behind it. */
char *vector_load(const char *name, size_t *size_out);
/* Reads a file where it stands; text (to be finished) holds a NUL behind it. */
enum qg_status vector_read(const char *word, const char *name, struct document_out *out);
int vectors_run(Suite *suite);

#endif
