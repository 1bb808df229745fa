/* app_pressure.c - sees in time that disk or Redis memory runs out, and what the disk's fsync costs.
 *
 * Below 200 MB of free disk or above 85 % of Redis' memory new messages are refused at the door (503), where the
 * platform keeps them, instead of failing halfway: what is stored already must still be answered. It recovers by
 * itself, at marks a little better than the alarm so that it does not flutter.
 */
#include "app_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

#define MB (1024ULL * 1024ULL)

enum {
	LOOK_MS = 2000,
	DISK_LOW_MB = 200,
	DISK_FINE_MB = 250,
	MEMORY_HIGH_PERCENT = 85,
	MEMORY_FINE_PERCENT = 80,
	FSYNCS = 50,
	FSYNC_SLOW_US = 10000,
};

struct qg_app_pressure {
	struct qg_core *core;
	struct qg_timer *timer;
	bool asked; /* INFO is under way */
	bool disk_low, memory_high;
	struct qg_metric *disk_free, *memory_percent, *refusing;
};

static void settle(struct qg_app_pressure *pressure)
{
	pressure->core->refuse = pressure->disk_low || pressure->memory_high;
	qg_metric_set(pressure->refusing, pressure->core->refuse);
}

static void look_at_disk(struct qg_app_pressure *pressure)
{
	struct statvfs fs;
	if (statvfs(pressure->core->data_dir, &fs) != 0) {
		return;
	}
	uint64_t free_mb = (uint64_t)fs.f_bavail * fs.f_frsize / MB;
	qg_metric_set(pressure->disk_free, (int64_t)(free_mb * MB));
	if (!pressure->disk_low && free_mb < DISK_LOW_MB) {
		pressure->disk_low = true;
		qg_log_error(NULL,
			"only %" PRIu64
			" MB free in %s: new messages wait at the platform until there are %d",
			free_mb, pressure->core->data_dir, DISK_FINE_MB);
	} else if (pressure->disk_low && free_mb >= DISK_FINE_MB) {
		pressure->disk_low = false;
		qg_log_info(NULL, "%" PRIu64 " MB free in %s: new messages are taken again",
			free_mb, pressure->core->data_dir);
	}
	settle(pressure);
}

/* The number behind "name:" in the text of INFO; 0 if absent. */
static uint64_t info_number(const char *text, const char *name)
{
	for (const char *line = text; line && *line;) {
		size_t size = strlen(name);
		if (strncmp(line, name, size) == 0 && line[size] == ':') {
			return strtoull(line + size + 1, NULL, 10);
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return 0;
}

static void judge_memory(struct qg_app_pressure *pressure, uint64_t used, uint64_t most)
{
	uint64_t percent = most ? used * 100 / most : 0; /* without a limit there is no alarm */
	qg_metric_set(pressure->memory_percent, (int64_t)percent);
	if (!pressure->memory_high && percent > MEMORY_HIGH_PERCENT) {
		pressure->memory_high = true;
		qg_log_error(NULL,
			"Redis uses %" PRIu64
			" %% of its memory: new messages wait at the platform until it is "
			"under %d %%",
			percent, MEMORY_FINE_PERCENT);
	} else if (pressure->memory_high && percent < MEMORY_FINE_PERCENT) {
		pressure->memory_high = false;
		qg_log_info(NULL,
			"Redis uses %" PRIu64 " %% of its memory: new messages are taken again",
			percent);
	}
	settle(pressure);
}

static void on_info(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	if (status == QG_CANCELLED) {
		return; /* the connection object is going, and perhaps we with it */
	}
	struct qg_app_pressure *pressure = arg;
	pressure->asked = false;
	if (status == QG_OK && reply->type == QG_REPLY_STRING) {
		judge_memory(pressure, info_number(reply->text, "used_memory"),
			info_number(reply->text, "maxmemory"));
	}
}

static void look(void *arg)
{
	struct qg_app_pressure *pressure = arg;
	look_at_disk(pressure);
	if (!pressure->asked && qg_redis_is_up(pressure->core->redis)) {
		pressure->asked = true;
		qg_redis_run(pressure->core->redis, on_info, pressure, "INFO memory");
	}
}

struct qg_app_pressure *qg_app_pressure_create(struct qg_core *core)
{
	struct qg_app_pressure *pressure = calloc(1, sizeof(*pressure));
	if (!pressure) {
		return NULL;
	}
	pressure->core = core;
	pressure->disk_free =
		qg_metric_gauge("disk_free_bytes", NULL, "Free bytes where data_dir lies.");
	pressure->memory_percent = qg_metric_gauge("redis_memory_percent", NULL,
		"Part of Redis' maxmemory in use; 0 where it has no limit.");
	pressure->refusing = qg_metric_gauge("refusing", NULL,
		"1 while new messages wait at the platform: disk or memory nearly full.");
	pressure->timer = qg_timer_create(core->loop, look, pressure);
	if (!pressure->timer) {
		free(pressure);
		return NULL;
	}
	look_at_disk(pressure);
	qg_timer_repeat(pressure->timer, LOOK_MS);
	return pressure;
}

/* Redis is destroyed first, which answers what is under way. */
void qg_app_pressure_destroy(struct qg_app_pressure *pressure)
{
	if (!pressure) {
		return;
	}
	qg_timer_destroy(pressure->timer);
	free(pressure);
}

/* ---- what an fsync costs ---- */

struct measure {
	char *path;
	uint64_t median_us;
};

static int compare_times(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static void run_measure(void *arg, unsigned thread_index)
{
	struct measure *measure = arg;
	uint64_t times[FSYNCS];
	char block[512] = {0};
	int fd = open(measure->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		return;
	}
	int done = 0;
	for (; done < FSYNCS; done++) {
		uint64_t start = qg_clock_mono_us();
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block) ||
			fdatasync(fd) != 0) {
			break;
		}
		times[done] = qg_clock_mono_us() - start;
	}
	close(fd);
	unlink(measure->path);
	if (done == FSYNCS) {
		qsort(times, FSYNCS, sizeof(times[0]), compare_times);
		measure->median_us = times[FSYNCS / 2];
	}
}

static void measured(void *arg)
{
	struct measure *measure = arg;
	uint64_t us = measure->median_us;
	qg_metric_set(qg_metric_gauge("fsync_microseconds", NULL,
			      "Median of 50 fsyncs in data_dir at start."),
		(int64_t)us);
	if (us > FSYNC_SLOW_US) {
		qg_log_warn(NULL,
			"an fsync takes %" PRIu64
			" ms on this disk and every message waits for one: "
			"`durability: everysec` is wiser here (a power cut then costs up to a "
			"second)",
			us / 1000);
	} else if (us) {
		qg_log_debug(NULL, "an fsync takes %" PRIu64 " us on this disk", us);
	}
	free(measure->path);
	free(measure);
}

void qg_app_measure_fsync(struct qg_core *core)
{
	struct measure *measure = calloc(1, sizeof(*measure));
	if (!measure) {
		return;
	}
	measure->path = qg_str_printf("%s/run/.fsync-%s", core->data_dir, core->process);
	if (!measure->path || !qg_loop_work(core->loop, run_measure, measured, measure)) {
		free(measure->path);
		free(measure);
	}
}
