/* scan_oracle.h - holds the scan of a JSON text against the parse of it. */
#ifndef TESTS_SUPPORT_SCAN_ORACLE_H
#define TESTS_SUPPORT_SCAN_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/* What both say of a text, valid or not, or how they differ beyond what is known: the scan takes a value that is no
 * list or object, names twice where nobody asks for them, numbers of any size, \u0000 and lone surrogates, and
 * refuses every NUL. NULL: they agree. valid_out (may be NULL): whether the scan took it. */
const char *scan_oracle_differs(const char *data, size_t size, bool *valid_out);

#endif
