/* backoff.c - waiting times between tries, as backoff.h says. */
#include "qg/backoff.h"

#include <assert.h>
#include <stddef.h>
#include <sys/random.h>

#include "qg/clock.h"

void qg_backoff_init(struct qg_backoff *backoff, uint64_t min_ms, uint64_t max_ms)
{
	assert(min_ms > 0 && min_ms <= max_ms);
	*backoff = (struct qg_backoff){.min_ms = min_ms, .max_ms = max_ms};
}

static uint64_t kernel_random(void)
{
	uint64_t value;
	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != (ssize_t)sizeof(value)) {
		/* Before the kernel has entropy; here the clock's low bits are spread enough. */
		value = qg_clock_mono_us() * 0x9e3779b97f4a7c15u >> 16;
	}
	return value;
}

static uint64_t ceiling(const struct qg_backoff *backoff)
{
	uint64_t wait = backoff->min_ms;
	for (unsigned i = 0; i < backoff->tries && wait < backoff->max_ms; i++) {
		wait = wait > backoff->max_ms / 2 ? backoff->max_ms : 2 * wait;
	}
	return wait;
}

uint64_t qg_backoff_next(struct qg_backoff *backoff)
{
	uint64_t random = backoff->random ? backoff->random() : kernel_random();
	uint64_t wait = 1 + random % ceiling(backoff);
	if (backoff->tries < UINT32_MAX) {
		backoff->tries++;
	}
	return wait;
}

void qg_backoff_reset(struct qg_backoff *backoff)
{
	backoff->tries = 0;
}
