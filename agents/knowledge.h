/* knowledge.h - handbooks: Markdown and text files, cut into sections at their headings. */
#ifndef AGENTS_KNOWLEDGE_H
#define AGENTS_KNOWLEDGE_H

#include <stddef.h>

#include "qg/option.h"
#include "qg/str.h"

/* A part of a handbook small enough to be quoted whole. */
struct qg_section {
	char *title;   /* of the document: its first-level heading, else the file's name */
	char *heading; /* of the section; "" before the first */
	char *text;
};

struct qg_document {
	char *path; /* as shown in errors */
	char *text; /* UTF-8, cleaned */
};

struct qg_knowledge {
	struct qg_document *documents;
	size_t count;
};

struct qg_sections {
	struct qg_section *items;
	size_t count;
};

/* Reads a .md or .txt file, or all of them below a folder, sorted by name. Errors (missing, too
 * large, not UTF-8, another kind of file) go to problems. Any thread. */
void qg_knowledge_read(
	struct qg_knowledge *knowledge, const char *path, struct qg_problems *problems);
void qg_knowledge_finish(struct qg_knowledge *knowledge);
/* Appends the sections of a text. name stands in for a missing title. QG_NO_MEMORY,
 * QG_TOO_LARGE. */
QG_MUST_CHECK enum qg_status qg_sections_add(
	struct qg_sections *sections, const char *name, const char *text);
void qg_sections_finish(struct qg_sections *sections);
/* Reads a file whole, cleaned to UTF-8; NULL with the error added. Yours to free. */
char *qg_knowledge_file(const char *path, size_t limit, struct qg_problems *problems);

#endif
