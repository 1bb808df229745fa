/* zone.c - the calendar of a bot's own timezone: which day it is where the bot works.
 *
 * The C library knows one zone a process, and to change it for a moment would change it for the threads of the pool as
 * well. So the files that library itself reads are read here: the list of moments at which a zone's offset changes.
 * They reach to 2037 as Debian ships them; behind the last one its offset stays. A zone is read once and kept. */
#include "zone.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/buf.h"
#include "qg/clock.h"
#include "qg/str.h"

#define MAX_FILE (256 * 1024)
#define MAX_ZONES 32 /* the rest uses the process's */
#define MAX_OFFSET (26 * 3600)

struct zone {
	char *name;
	int64_t *changes; /* Unix seconds, rising */
	int32_t *offsets; /* seconds east, from each on */
	size_t count;	  /* 0 with a first offset: it never changed */
	int32_t first;	  /* before all of them */
	bool good;
};

static struct zone zones[MAX_ZONES]; /* loop thread only */
static size_t zone_count;

static int64_t read_number(const unsigned char *at, size_t size)
{
	uint64_t value = (at[0] & 0x80) != 0 ? UINT64_MAX : 0;
	for (size_t i = 0; i < size; i++) {
		value = value << 8 | at[i];
	}
	return (int64_t)value;
}

struct head {
	size_t utc, standard, leaps, times, types, chars; /* counts */
	size_t body;					  /* bytes behind the head */
};

#define HEAD 44

/* wide: bytes of a time. false: no head of such a file. */
static bool read_head(const unsigned char *data, size_t size, size_t wide, struct head *out)
{
	if (size < HEAD || memcmp(data, "TZif", 4) != 0) {
		return false;
	}
	size_t counts[6];
	for (size_t i = 0; i < 6; i++) {
		int64_t value = read_number(data + 20 + 4 * i, 4);
		if (value < 0 || value > MAX_FILE) {
			return false;
		}
		counts[i] = (size_t)value;
	}
	*out = (struct head){counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], 0};
	out->body = out->times * (wide + 1) + out->types * 6 + out->chars +
		    out->leaps * (wide + 4) + out->standard + out->utc;
	return out->types > 0 && out->body <= size - HEAD;
}

static bool is_offset(int64_t seconds)
{
	return seconds > -MAX_OFFSET && seconds < MAX_OFFSET;
}

static enum qg_status read_body(
	struct zone *zone, const unsigned char *body, const struct head *head)
{
	const unsigned char *index = body + head->times * 8;
	const unsigned char *types = index + head->times;
	zone->changes = calloc(head->times + 1, sizeof(*zone->changes));
	zone->offsets = calloc(head->times + 1, sizeof(*zone->offsets));
	if (zone->changes == NULL || zone->offsets == NULL) {
		return QG_NO_MEMORY;
	}
	zone->count = head->times;
	zone->first = (int32_t)read_number(types, 4);
	bool good = is_offset(zone->first);
	for (size_t i = 0; i < head->times && good; i++) {
		good = index[i] < head->types;
		zone->changes[i] = read_number(body + 8 * i, 8);
		zone->offsets[i] = good ? (int32_t)read_number(types + 6 * (size_t)index[i], 4) : 0;
		good = good && is_offset(zone->offsets[i]) &&
		       (i == 0 || zone->changes[i] > zone->changes[i - 1]);
	}
	return good ? QG_OK : QG_INVALID;
}

/* The file holds everything twice, with times of four bytes first and then of eight. */
static enum qg_status parse(struct zone *zone, const unsigned char *data, size_t size)
{
	struct head narrow, head;
	if (!read_head(data, size, 4, &narrow) || data[4] < '2') {
		return QG_INVALID;
	}
	size_t second = HEAD + narrow.body;
	if (!read_head(data + second, size - second, 8, &head)) {
		return QG_INVALID;
	}
	return read_body(zone, data + second + HEAD, &head);
}

/* A file that is not there reads as an empty one. */
static size_t read_file(const char *path, unsigned char *data, size_t most)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got = fd >= 0 ? read(fd, data, most) : 0;
	while (got > 0) {
		size += (size_t)got;
		got = read(fd, data + size, most - size);
	}
	if (fd >= 0) {
		close(fd);
	}
	return size;
}

static enum qg_status read_zone(struct zone *zone, const char *name)
{
	const char *base = getenv("TZDIR");
	base = base != NULL && base[0] == '/' ? base : "/usr/share/zoneinfo";
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/%s", base, name);
	unsigned char *data = path != NULL ? malloc(MAX_FILE) : NULL;
	enum qg_status status = QG_NO_MEMORY;
	if (data != NULL) {
		bool plain = strstr(name, "..") == NULL;
		status = parse(zone, data, plain ? read_file(path, data, MAX_FILE) : 0);
	}
	free(data);
	return status;
}

static void forget(struct zone *zone)
{
	free(zone->changes);
	free(zone->offsets);
	zone->changes = NULL;
	zone->offsets = NULL;
	zone->count = 0;
}

/* NULL: use the process's. One that is no zone is remembered as such, one there was no memory for is not. */
static const struct zone *find(const char *name)
{
	for (size_t i = 0; i < zone_count; i++) {
		if (strcmp(zones[i].name, name) == 0) {
			return zones[i].good ? &zones[i] : NULL;
		}
	}
	struct zone *zone = zone_count < MAX_ZONES ? &zones[zone_count] : NULL;
	char *copy = zone != NULL ? qg_str_copy(name) : NULL;
	if (copy == NULL) {
		return NULL;
	}
	*zone = (struct zone){.name = copy};
	enum qg_status status = read_zone(zone, name);
	if (status != QG_OK) {
		forget(zone);
	}
	if (status == QG_NO_MEMORY) {
		free(copy);
		return NULL;
	}
	zone->good = status == QG_OK;
	zone_count++;
	return zone->good ? zone : NULL;
}

static int32_t offset_at(const struct zone *zone, int64_t seconds)
{
	size_t low = 0, high = zone->count; /* changes before low are past, from high on to come */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (zone->changes[middle] <= seconds) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low == 0 ? zone->first : zone->offsets[low - 1];
}

void qg_zone_local(const char *name, int64_t wall, struct tm *tm_out)
{
	bool own = name != NULL && name[0] != '\0' && !qg_str_equal(name, getenv("TZ"));
	const struct zone *zone = own ? find(name) : NULL;
	int64_t seconds = wall / 1000 - (wall % 1000 < 0);
	time_t local = zone != NULL ? (time_t)(seconds + offset_at(zone, seconds)) : 0;
	if (zone == NULL || gmtime_r(&local, tm_out) == NULL) {
		qg_clock_local(wall, tm_out);
	}
}
