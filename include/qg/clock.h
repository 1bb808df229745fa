/* clock.h - wall and monotonic time in milliseconds; both replaceable in tests.
 *
 * Monotonic is CLOCK_BOOTTIME: a suspended machine must notice that its leases ended. With the build option
 * test_clock the wall clock gets the offset (signed ms) that the file $QUNGONG_TEST_CLOCK holds, shared by all
 * processes under test and re-read at most every 50 ms. */
#ifndef QG_CLOCK_H
#define QG_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Unix milliseconds. Any thread. */
int64_t qg_clock_wall(void);
/* Milliseconds since some start, never going back. Any thread. */
uint64_t qg_clock_mono(void);
/* Microseconds of the monotonic clock, for latencies. Any thread. */
uint64_t qg_clock_mono_us(void);
/* A protocol duration (the 30, 15, 8, 5 and 2 s of leases and beats) divided by $QUNGONG_TEST_SCALE. */
uint64_t qg_clock_scaled(uint64_t milliseconds);
/* Sets the zone of qg_clock_local by name ("Asia/Shanghai"); main thread, at start or reload. */
void qg_clock_set_zone(const char *zone);
/* Broken-down local time of a wall time. Any thread. */
void qg_clock_local(int64_t wall, struct tm *tm_out);
/* Unit tests only: both clocks stand still at these values until called with (-1, 0). */
void qg_clock_fix(int64_t wall, uint64_t mono);

#endif
