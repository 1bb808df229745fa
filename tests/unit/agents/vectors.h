/* vectors.h - the recorded answers in tests/vectors/models, fed to the readers in every cut. */
#ifndef TESTS_UNIT_AGENTS_VECTORS_H
#define TESTS_UNIT_AGENTS_VECTORS_H

#include <jansson.h>

#include "models/answer.h"

/* The list of a file; the test fails where it cannot be read. Yours to free. */
json_t *vectors_load(const char *name);
/* An error class of the files as ours; the test fails for one nobody knows. */
enum qg_model_error vectors_class(const char *name);

struct vectors_run {
	const struct qg_reader *reader;
	const json_t *vector;
	const char *body;
	size_t size;
	size_t first; /* bytes of the first read */
	size_t step;  /* bytes of each further one; 0: all the rest */
	bool hides_think;
};
/* Feeds the answer and holds all that came of it against the vector: expected and gateway. */
void vectors_check(const struct vectors_run *run);
/* All cases of a stream's file: whole, cut in two at every byte, byte by byte. */
void vectors_check_streams(const struct qg_reader *reader, const char *name);

#endif
