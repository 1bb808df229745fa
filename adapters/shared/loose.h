/* loose.h - members of JSON that a platform writes now this way, now that. */
#ifndef QG_ADAPTERS_SHARED_LOOSE_H
#define QG_ADAPTERS_SHARED_LOOSE_H

#include <jansson.h>
#include <stdint.h>

/* A whole number, also one with a fraction (cut) or in quotes; 0: it is none. */
int64_t qg_loose_int(const json_t *value);

#endif
