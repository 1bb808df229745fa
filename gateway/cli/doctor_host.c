/* doctor_host.c - the machine under the bots: Redis and its file, the disk, who may read data_dir, the clock, the
 * ports. The limits are those by which a server stops taking messages. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "build_info.h"
#include "qg/clock.h"
#include "qg/redis.h"
#include "running.h"

#define MB (1024ULL * 1024ULL)

enum {
	DISK_LOW_MB = 200,
	DISK_SHORT_MB = 1024,
	MEMORY_HIGH_PERCENT = 85,
	MEMORY_SHORT_PERCENT = 70,
	FSYNC_SLOW_US = 10000,
	FSYNCS = 20,
};

/* ---- Redis ---- */

/* What stands behind "name:" up to the end of its line; NULL where it is not there. */
static const char *info_value(const char *info, const char *name)
{
	size_t size = strlen(name);
	for (const char *line = info; line && *line;) {
		if (strncmp(line, name, size) == 0 && line[size] == ':') {
			return line + size + 1;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return NULL;
}

int64_t qg_info_number(const char *info, const char *name, int64_t fallback)
{
	const char *value = info_value(info, name);
	char *end;
	long long number = value ? strtoll(value, &end, 10) : 0;
	return value && end != value ? number : fallback;
}

bool qg_info_says(const char *info, const char *name, const char *value)
{
	const char *found = info_value(info, name);
	size_t size = strlen(value);
	return found && strncmp(found, value, size) == 0 &&
	       (found[size] == '\0' || found[size] == '\r' || found[size] == '\n');
}

enum qg_grade qg_judge_memory(int64_t used, int64_t most)
{
	int64_t percent = most > 0 ? used * 100 / most : 0; /* without a limit there is no alarm */
	return percent > MEMORY_HIGH_PERCENT	? QG_GRADE_FAIL
	       : percent > MEMORY_SHORT_PERCENT ? QG_GRADE_WARN
						: QG_GRADE_OK;
}

static void judge_file(struct qg_doctor *doctor, const char *info)
{
	if (!qg_info_says(info, "aof_enabled", "1")) {
		qg_doctor_note(doctor, QG_GRADE_WARN, "redis",
			"请打开 appendonly：现在断电会丢消息 · no append-only file: a power cut "
			"loses messages");
	} else if (!qg_info_says(info, "aof_last_write_status", "ok") ||
		   !qg_info_says(info, "aof_last_bgrewrite_status", "ok")) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, "redis",
			"AOF 写不进去：看磁盘是否满了、data_dir/redis 能否写 · the append-only "
			"file "
			"cannot be written");
	} else {
		qg_doctor_note(
			doctor, QG_GRADE_OK, "redis", "AOF 正常 · append-only file in order");
	}
	if (!qg_info_says(info, "maxmemory_policy", "noeviction")) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, "redis",
			"请设 maxmemory-policy noeviction：别的策略会悄悄删掉消息 · this policy "
			"deletes "
			"messages");
	}
}

static void judge_info(struct qg_doctor *doctor, const char *info)
{
	int64_t used = qg_info_number(info, "used_memory", 0);
	int64_t most = qg_info_number(info, "maxmemory", 0);
	enum qg_grade grade = qg_judge_memory(used, most);
	judge_file(doctor, info);
	qg_doctor_note(doctor, grade, "redis",
		grade == QG_GRADE_OK
			? "内存用了 %" PRId64 " MB，上限 %" PRId64 " MB（0 为不限）· memory"
			: "内存用了 %" PRId64 " MB，上限 %" PRId64
			  " MB：超过 85%% 就不收新消息，请加内存或清理死信 · memory is short",
		(int64_t)((uint64_t)used / MB), (int64_t)((uint64_t)most / MB));
}

void qg_doctor_redis(struct qg_doctor *doctor)
{
	if (!doctor->store) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, "redis",
			"连不上 Redis：检查配置里的 redis，或 data_dir 的权限和磁盘（上面有原因）· "
			"Redis "
			"is not there");
		return;
	}
	static const char *const argv[] = {"INFO"};
	static const size_t sizes[] = {4};
	char error[128] = "";
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_cli_store_url(doctor->store), error, 1, argv, sizes);
	if (reply && reply->type == QG_REPLY_STRING) {
		judge_info(doctor, reply->text);
	} else {
		qg_doctor_note(doctor, QG_GRADE_FAIL, "redis", "Redis 不回答 INFO · %s",
			reply ? reply->text : error);
	}
	qg_redis_reply_free(reply);
}

/* ---- disk ---- */

enum qg_grade qg_judge_disk(uint64_t free_mb)
{
	return free_mb < DISK_LOW_MB	 ? QG_GRADE_FAIL
	       : free_mb < DISK_SHORT_MB ? QG_GRADE_WARN
					 : QG_GRADE_OK;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* The median of some fsyncs in data_dir; 0 where it cannot be measured. */
static uint64_t measure_fsync(const char *data_dir)
{
	uint64_t times[FSYNCS];
	int done = 0;
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/.doctor-XXXXXX", data_dir);
	int fd = path ? mkostemp(path, O_CLOEXEC) : -1;
	if (fd < 0) {
		return 0;
	}
	unlink(path);
	for (; done < FSYNCS; done++) {
		uint64_t start = qg_clock_mono_us();
		if (write(fd, "0123456789abcdef", 16) != 16 || fdatasync(fd) != 0) {
			break;
		}
		times[done] = qg_clock_mono_us() - start;
	}
	close(fd);
	qsort(times, (size_t)done, sizeof(times[0]), compare_times);
	return done == FSYNCS ? times[FSYNCS / 2] : 0;
}

static void check_disk(struct qg_doctor *doctor)
{
	const char *dir = doctor->config->data_dir;
	struct statvfs fs;
	if (statvfs(dir, &fs) != 0) {
		qg_doctor_note(
			doctor, QG_GRADE_FAIL, "disk", "打不开 %s：%s", dir, strerror(errno));
		return;
	}
	uint64_t free_mb = (uint64_t)fs.f_bavail * fs.f_frsize / MB;
	enum qg_grade grade = qg_judge_disk(free_mb);
	qg_doctor_note(doctor, grade, "disk",
		grade == QG_GRADE_OK ? "还有 %" PRIu64 " MB · free where data_dir lies"
				     : "只剩 %" PRIu64
				       " MB，请清理：少于 200 MB 就不收新消息 · disk "
				       "space is short",
		free_mb);
	uint64_t us = measure_fsync(dir);
	bool slow = us > FSYNC_SLOW_US && doctor->config->durability_always;
	if (slow) {
		qg_doctor_note(doctor, QG_GRADE_WARN, "disk",
			"落盘一次要 %" PRIu64
			" 毫秒，每条消息都等它：写 durability: everysec 更合适（断电最多丢"
			"一秒）· a slow disk",
			us / 1000);
	} else if (us > 0) {
		qg_doctor_note(doctor, QG_GRADE_OK, "disk",
			"落盘一次 %" PRIu64 ".%" PRIu64 " 毫秒 · an fsync", us / 1000,
			us % 1000 / 100);
	}
}

/* ---- rights, clock ---- */

static void check_rights(struct qg_doctor *doctor)
{
	const char *dir = doctor->config->data_dir;
	struct stat info;
	if (stat(dir, &info) != 0) {
		return; /* the disk was told */
	}
	if (access(dir, R_OK | W_OK | X_OK) != 0) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, "data_dir",
			"这个用户写不了 %s：sudo chown -R %u %s · not writable", dir,
			(unsigned)geteuid(), dir);
	} else if (info.st_mode & 077) {
		qg_doctor_note(doctor, QG_GRADE_WARN, "data_dir",
			"别的用户能读 %s 里的对话：chmod 700 %s · readable by others", dir, dir);
	} else {
		qg_doctor_note(doctor, QG_GRADE_OK, "data_dir", "%s 只有本用户能读 · private", dir);
	}
}

static void check_clock(struct qg_doctor *doctor)
{
	struct timex clock = {0};
	if (qg_clock_wall() / 1000 < (int64_t)QG_BUILD_DATE) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, "clock",
			"系统时间早于本程序的编译日期，请校准：sudo timedatectl set-ntp true · the "
			"clock is "
			"wrong");
	} else if (adjtimex(&clock) == TIME_ERROR) {
		qg_doctor_note(doctor, QG_GRADE_WARN, "clock",
			"系统时间没有自动校准：sudo timedatectl set-ntp true（签名和定时都靠它）· "
			"not "
			"synchronised");
	} else {
		qg_doctor_note(doctor, QG_GRADE_OK, "clock", "时间正常 · in order");
	}
}

/* ---- ports ---- */

/* Whether somebody else listens there: 0, or the errno of a bind. -1: no address. */
static int try_port(const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t size = colon ? (size_t)(colon - address) : 0;
	bool bracketed = size > 2 && address[0] == '[' && address[size - 1] == ']';
	QG_AUTO(qg_str_free)
	char *host =
		bracketed ? qg_str_copy_n(address + 1, size - 2) : qg_str_copy_n(address, size);
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	if (!colon || !host || getaddrinfo(*host ? host : NULL, colon + 1, &hints, &found) != 0) {
		return -1;
	}
	int result = 0, one = 1;
	int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
		bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0) {
		result = errno;
	}
	if (fd >= 0) {
		close(fd);
	}
	freeaddrinfo(found);
	return result;
}

static void check_port(struct qg_doctor *doctor, const char *key, const char *address)
{
	int result = try_port(address);
	if (result == 0) {
		qg_doctor_note(doctor, QG_GRADE_OK, "ports", "%s %s 空着 · free", key, address);
	} else if (result < 0) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, "ports", "%s: %s 不是可用的地址 · no address",
			key, address);
	} else {
		qg_doctor_note(doctor, QG_GRADE_FAIL, "ports",
			"%s %s 用不了（%s）：换个端口，或停掉占着它的程序 · cannot be opened", key,
			address, strerror(result));
	}
}

static void check_ports(struct qg_doctor *doctor)
{
	const struct qg_config *config = doctor->config;
	if (!doctor->running) {
		check_port(doctor, "listen", config->listen);
		check_port(doctor, "admin_listen", config->admin_listen);
	} else if (doctor->ready) {
		qg_doctor_note(doctor, QG_GRADE_OK, "ports",
			"服务在运行，%s 有回答 · the server answers", config->admin_listen);
	} else {
		qg_doctor_note(doctor, QG_GRADE_WARN, "ports",
			"服务在运行，但 %s 没有回答：是否用 --admin-listen 换了地址，或只开了 "
			"--role agents · "
			"no answer there",
			config->admin_listen);
	}
}

void qg_doctor_host(struct qg_doctor *doctor)
{
	check_disk(doctor);
	check_rights(doctor);
	check_clock(doctor);
	check_ports(doctor);
}
