/* zone.h - the calendar of a bot's own timezone. */
#ifndef AGENTS_ZONE_H
#define AGENTS_ZONE_H

#include <stdint.h>
#include <time.h>

/* Broken-down time of a wall time (ms) in a zone by name ("Asia/Shanghai"); NULL, and a zone nobody knows: the
 * process's. Loop thread only. */
void qg_zone_local(const char *zone, int64_t wall, struct tm *tm_out);

#endif
