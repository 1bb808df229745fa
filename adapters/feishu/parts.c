/* parts.c - events that come in several frames, joined.
 *
 * Parts of one message_id are counted by a flag each, for one may be empty and one may come twice; they are joined as bytes,
 * for the cuts go through characters. A set that is not complete in time is dropped: the platform delivers the event again.
 * How many sets, parts and bytes there may be is bounded, and the oldest set makes room. */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"

#define PARTS_MOST 1024
#define SETS_MOST 32
#define ALL_BYTES_MOST ((size_t)4 << 20) /* of all sets of a link */
#define AWAIT_MS 20000

struct part {
	char *data;
	size_t size;
	bool has_come;
};

struct set {
	struct qg_list item;
	char *id; /* of size bytes */
	size_t id_size;
	unsigned sum, come;
	size_t bytes;
	uint64_t until;
	struct part parts[];
};

static struct set *first_set(const struct feishu_link *link)
{
	return QG_CONTAINER(link->sets.next, struct set, item);
}

static void destroy(struct feishu_link *link, struct set *set)
{
	qg_list_remove(&set->item);
	link->set_bytes -= set->bytes;
	for (unsigned i = 0; i < set->sum; i++) {
		free(set->parts[i].data);
	}
	free(set->id);
	free(set);
}

static struct set *find(const struct feishu_link *link, const char *id, size_t size)
{
	QG_LIST_FOR_EACH (item, &link->sets) {
		struct set *set = QG_CONTAINER(item, struct set, item);
		if (set->id_size == size && memcmp(set->id, id, size) == 0) {
			return set;
		}
	}
	return NULL;
}

static struct set *create(struct feishu_link *link, const char *id, size_t size, unsigned sum)
{
	struct set *set = calloc(1, sizeof(*set) + sum * sizeof(set->parts[0]));
	char *copy = malloc(size);
	if (!set || !copy) {
		free(set);
		free(copy);
		return NULL;
	}
	memcpy(copy, id, size);
	set->id = copy;
	set->id_size = size;
	set->sum = sum;
	set->until = qg_clock_mono() + AWAIT_MS;
	qg_list_add(&link->sets, &set->item);
	return set;
}

static void make_room(struct feishu_link *link, const struct set *kept)
{
	size_t count = 0;
	QG_LIST_FOR_EACH (item, &link->sets) {
		count++;
	}
	QG_LIST_FOR_EACH (item, &link->sets) {
		struct set *set = QG_CONTAINER(item, struct set, item);
		if (count <= SETS_MOST && link->set_bytes <= ALL_BYTES_MOST) {
			return;
		}
		if (set != kept) {
			destroy(link, set);
			count--;
		}
	}
}

/* The newest copy of a part holds. */
static enum feishu_joined put(
	struct feishu_link *link, struct set *set, unsigned seq, const struct feishu_frame *frame)
{
	struct part *part = &set->parts[seq];
	size_t size = frame->payload_size;
	if (set->bytes - part->size + size > FEISHU_BODY_MAX) {
		destroy(link, set);
		return FEISHU_MISFIT;
	}
	char *data = malloc(size > 0 ? size : 1);
	if (!data) {
		return FEISHU_STARVED;
	}
	if (size > 0) {
		memcpy(data, frame->payload, size);
	}
	free(part->data);
	set->bytes += size - part->size;
	link->set_bytes += size - part->size;
	set->come += !part->has_come;
	*part = (struct part){data, size, true};
	make_room(link, set);
	return set->come == set->sum ? FEISHU_WHOLE : FEISHU_AWAITED;
}

static enum feishu_joined join(struct feishu_link *link, struct set *set)
{
	qg_buf_reset(&link->scratch);
	for (unsigned i = 0; i < set->sum; i++) {
		qg_buf_add(&link->scratch, set->parts[i].data, set->parts[i].size);
	}
	destroy(link, set);
	return link->scratch.failed == QG_OK && link->scratch.data ? FEISHU_WHOLE : FEISHU_STARVED;
}

enum feishu_joined feishu_parts_take(struct feishu_link *link, const struct feishu_frame *frame,
	const char **data_out, size_t *size_out)
{
	int64_t sum = feishu_frame_number(frame, "sum", 1);
	int64_t seq = feishu_frame_number(frame, "seq", 0);
	size_t id_size = 0;
	const char *id = feishu_frame_header(frame, "message_id", &id_size);
	if (sum < 1 || sum > PARTS_MOST || seq < 0 || seq >= sum) {
		return FEISHU_MISFIT;
	}
	if (sum == 1) {
		*data_out = frame->payload ? frame->payload : "";
		*size_out = frame->payload_size;
		return FEISHU_WHOLE;
	}
	if (!id || id_size == 0) {
		return FEISHU_MISFIT;
	}
	struct set *set = find(link, id, id_size);
	if (set && set->sum != sum) {
		return FEISHU_MISFIT;
	}
	if (!set) {
		set = create(link, id, id_size, (unsigned)sum);
	}
	enum feishu_joined joined = set ? put(link, set, (unsigned)seq, frame) : FEISHU_STARVED;
	if (joined == FEISHU_WHOLE) {
		joined = join(link, set);
		*data_out = link->scratch.data;
		*size_out = link->scratch.size;
	}
	return joined;
}

uint64_t feishu_parts_tick(struct feishu_link *link, uint64_t now)
{
	while (!qg_list_is_empty(&link->sets)) {
		struct set *set = first_set(link);
		if (set->until > now) {
			return set->until;
		}
		destroy(link, set);
	}
	return UINT64_MAX;
}

void feishu_parts_finish(struct feishu_link *link)
{
	while (link->sets.next && !qg_list_is_empty(&link->sets)) {
		destroy(link, first_set(link));
	}
}
