/* files.h - the page's files as they lie in the binary; the table is made by embed.c. */
#ifndef QG_ADAPTERS_WEB_FILES_H
#define QG_ADAPTERS_WEB_FILES_H

#include <stddef.h>

struct web_file {
	const char *name; /* without its folder */
	const unsigned char *data;
	size_t size;
};

extern const struct web_file web_files[]; /* ends with a NULL name */

#endif
