/* shared.c - texts that many roles hold, kept once.
 *
 * A thousand bots of one template differ in a shop's name and its telephone; the sections of their handbooks, and
 * most answers of their FAQ, are the same bytes. They are found by content and not by where they come from, so it
 * does not matter which template, handbook or answer made them alike. */
#include "shared.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "qg/list.h"

#define FIRST_ROOM 256

struct shared {
	struct shared *next; /* in its row */
	uint32_t hash;
	unsigned references;
	char text[];
};

static struct {
	pthread_mutex_t lock;
	struct shared **rows;
	size_t room, count;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint32_t hash_of(const char *text) /* FNV-1a */
{
	uint32_t sum = UINT32_C(0x811c9dc5);
	for (; *text != '\0'; text++) {
		sum = (sum ^ (unsigned char)*text) * UINT32_C(0x01000193);
	}
	return sum;
}

/* Room for one more; without memory for a longer table its rows only get longer. */
static bool make_room(void)
{
	size_t room = all.room > 0 ? 2 * all.room : FIRST_ROOM;
	struct shared **rows = all.count < all.room ? NULL : calloc(room, sizeof(struct shared *));
	if (rows == NULL) {
		return all.rows != NULL;
	}
	for (size_t i = 0; i < all.room; i++) {
		while (all.rows[i] != NULL) {
			struct shared *moved = all.rows[i];
			all.rows[i] = moved->next;
			moved->next = rows[moved->hash & (room - 1)];
			rows[moved->hash & (room - 1)] = moved;
		}
	}
	free(all.rows);
	all.rows = rows;
	all.room = room;
	return true;
}

static struct shared *find(const char *text, uint32_t hash)
{
	struct shared *at = all.rows[hash & (all.room - 1)];
	while (at != NULL && (at->hash != hash || strcmp(at->text, text) != 0)) {
		at = at->next;
	}
	return at;
}

static struct shared *add(const char *text, uint32_t hash)
{
	size_t size = strlen(text) + 1;
	struct shared *added = malloc(sizeof(*added) + size);
	if (added == NULL) {
		return NULL;
	}
	struct shared **row = &all.rows[hash & (all.room - 1)];
	*added = (struct shared){.next = *row, .hash = hash};
	memcpy(added->text, text, size);
	*row = added;
	all.count++;
	return added;
}

/* The last text takes the table with it. */
static void drop_empty(void)
{
	if (all.count == 0) {
		free(all.rows);
		all.rows = NULL;
		all.room = 0;
	}
}

static void remove_shared(struct shared *gone)
{
	struct shared **at = &all.rows[gone->hash & (all.room - 1)];
	while (*at != gone) {
		at = &(*at)->next;
	}
	*at = gone->next;
	free(gone);
	all.count--;
}

char *qg_shared_take(const char *text)
{
	if (text == NULL) {
		return NULL;
	}
	uint32_t hash = hash_of(text);
	pthread_mutex_lock(&all.lock);
	struct shared *found = all.rows != NULL ? find(text, hash) : NULL;
	if (found == NULL && make_room()) {
		found = add(text, hash);
	}
	if (found != NULL) {
		found->references++;
	} else {
		drop_empty();
	}
	pthread_mutex_unlock(&all.lock);
	return found != NULL ? found->text : NULL;
}

void qg_shared_drop(char *text)
{
	if (text == NULL) {
		return;
	}
	struct shared *shared = QG_CONTAINER(text, struct shared, text);
	pthread_mutex_lock(&all.lock);
	if (--shared->references == 0) {
		remove_shared(shared);
		drop_empty();
	}
	pthread_mutex_unlock(&all.lock);
}
