/* places.h - how many accounts of one platform this process opens at a time.
 *
 * A thousand answers that come together would hold the loop for as long as it takes to read them all. So openings take a
 * place each, first come first served. All on the loop's thread. */
#ifndef QG_ADAPTERS_SHARED_PLACES_H
#define QG_ADAPTERS_SHARED_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/list.h"
#include "qg/status.h"

struct qg_loop;
struct qg_timer;

#define QG_PLACES_MOST 20

/* Of a platform each, for where one is away its places are all taken: static, made by QG_PLACES(its name). */
struct qg_places {
	struct qg_list held, waiting; /* those who came first are first */
	size_t taken;
};
#define QG_PLACES(name)                                                                            \
	{                                                                                          \
		{&(name).held, &(name).held}, {&(name).waiting, &(name).waiting}, 0                \
	}

enum qg_place_state { QG_PLACE_NONE, QG_PLACE_WAITING, QG_PLACE_HELD };

struct qg_place { /* embedded by who opens, zeroed at first */
	struct qg_list item;
	struct qg_places *places;
	enum qg_place_state state;
	uint64_t until; /* held no longer */
	struct qg_timer *timer;
	void (*turn)(void *arg);
	void *arg;
};

/* QG_NO_MEMORY; finish() works all the same. */
QG_MUST_CHECK enum qg_status qg_place_init(struct qg_place *place, struct qg_places *places,
	struct qg_loop *loop, void (*turn)(void *arg), void *arg);
/* Accepts a zeroed one. */
void qg_place_finish(struct qg_place *place);
/* true: go on. false: turn() follows, never from inside; take it again there. Who waits already keeps its turn. */
bool qg_place_take(struct qg_place *place);
/* Opened, or failed, or waits no more. Does no harm without a place. */
void qg_place_leave(struct qg_place *place);

#endif
