/* clock.c - wall and monotonic time, and the one place where tests may bend them.
 *
 * Times that stand still (qg_clock_fix) serve unit tests of one process. The shared offset
 * file serves flow tests of several processes and moves the wall clock only: the product must
 * not care how the wall clock jumps, and leases and beats live on the monotonic one. */
#include "qg/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/str.h"

#define SCALE_MAX 1000

static atomic_bool fixed;
static _Atomic int64_t fixed_wall;
static _Atomic uint64_t fixed_mono;

void qg_clock_fix(int64_t wall, uint64_t mono)
{
	atomic_store(&fixed_wall, wall);
	atomic_store(&fixed_mono, mono);
	atomic_store(&fixed, wall != -1 || mono != 0);
}

static uint64_t boot_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

#ifdef QG_TEST_CLOCK

#define OFFSET_LIFE_US 50000

/* The offset in path; before, where the file is being rewritten just now; 0, where there is
 * none. */
static int64_t read_offset(const char *path, int64_t before)
{
	char text[32];
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0) {
		return 0;
	}
	ssize_t size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	int64_t offset = before;
	bool whole = qg_str_to_int64(qg_str_trim(text), -INT64_MAX / 2, INT64_MAX / 2, &offset);
	return whole ? offset : before;
}

static int64_t wall_offset(void)
{
	static _Atomic int64_t offset;
	static _Atomic uint64_t next_read;
	uint64_t now = boot_us(), due = atomic_load(&next_read);
	/* One thread reads the file, the others go on with the old offset meanwhile. */
	if (now >= due && atomic_compare_exchange_strong(&next_read, &due, now + OFFSET_LIFE_US)) {
		const char *path = getenv("QUNGONG_TEST_CLOCK");
		atomic_store(&offset, read_offset(path, atomic_load(&offset)));
	}
	return atomic_load(&offset);
}

#else

static int64_t wall_offset(void)
{
	return 0;
}

#endif

int64_t qg_clock_wall(void)
{
	if (atomic_load_explicit(&fixed, memory_order_relaxed)) {
		return atomic_load(&fixed_wall);
	}
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + wall_offset();
}

uint64_t qg_clock_mono(void)
{
	return qg_clock_mono_us() / 1000;
}

uint64_t qg_clock_mono_us(void)
{
	if (atomic_load_explicit(&fixed, memory_order_relaxed)) {
		return atomic_load(&fixed_mono) * 1000;
	}
	return boot_us();
}

static int64_t scale;

static void read_scale(void)
{
	const char *text = getenv("QUNGONG_TEST_SCALE");
	if (!text || !qg_str_to_int64(text, 1, SCALE_MAX, &scale)) {
		scale = 1;
	}
}

uint64_t qg_clock_scaled(uint64_t milliseconds)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, read_scale);
	uint64_t scaled = milliseconds / (uint64_t)scale;
	/* A timer of 0 would spin. */
	return scaled == 0 && milliseconds > 0 ? 1 : scaled;
}

void qg_clock_set_zone(const char *zone)
{
	/* setenv may move the environment under another thread's getenv: a reload that changes
	 * nothing must not touch it. */
	if (!qg_str_equal(getenv("TZ"), zone)) {
		setenv("TZ", zone, 1);
	}
	tzset();
}

void qg_clock_local(int64_t wall, struct tm *tm_out)
{
	/* Division rounds towards zero, seconds must round down. */
	time_t seconds = (time_t)(wall / 1000 - (wall % 1000 < 0));
	if (!localtime_r(&seconds, tm_out)) {
		/* A year beyond int: nothing we store, but the caller gets a date in any case. */
		memset(tm_out, 0, sizeof(*tm_out));
		tm_out->tm_mday = 1;
	}
}
