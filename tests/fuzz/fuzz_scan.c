/* fuzz_scan.c - the JSON scan: whatever bytes a platform or a model sends, it says the same as the parser. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scan_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its exact size: a sanitizer sees one byte too far. */
	char *copy = malloc(size > 0 ? size : 1);
	if (!copy) {
		return 0;
	}
	if (size > 0) {
		memcpy(copy, data, size);
	}
	const char *what = scan_oracle_differs(copy, size, NULL);
	if (what) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
	free(copy);
	return 0;
}
