/* terms.h - what a text is indexed under, and what a question is searched by. */
#ifndef AGENTS_TERMS_H
#define AGENTS_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/buf.h"

#define QG_TERM_BYTES 64      /* of one term, with its NUL */
#define QG_QUESTION_CODES 160 /* code points of a question that are searched for */

/* Appends the tokens of a text, blanks between: each CJK character, each pair of neighbours, each
 * Latin word. */
enum qg_status qg_terms_index(const char *text, struct qg_buf *out);

/* A folded question with its function words marked. */
struct qg_question {
	uint32_t codes[QG_QUESTION_CODES];
	bool light[QG_QUESTION_CODES];
	size_t count;
};
void qg_question_read(struct qg_question *question, const char *text);
/* Marks the function words again, after codes were changed. */
void qg_question_mark(struct qg_question *question);

/* A pair, a single character or a word of a question; [at, at + size) in its codes. */
struct qg_term {
	size_t at, size;
	int64_t documents; /* sections that hold it */
	double credit;	   /* how much finding it proves, 0 to 1 */
	char text[QG_TERM_BYTES];
};
/* As it stands in the index. */
void qg_term_text(
	const struct qg_question *question, size_t at, size_t size, char out[QG_TERM_BYTES]);

#endif
