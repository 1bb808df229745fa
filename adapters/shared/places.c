/* places.c - the places of places.h: who has one, and who waits.
 *
 * A place is lent for some seconds: an opening that takes longer goes on without one, so that an endpoint that answers
 * nobody delays others, but never keeps them waiting until it gives up. What is under way stays bounded: so many more
 * begin in that time and no more. The first who waits watches the clock for all. */
#include "places.h"

#include "qg/clock.h"
#include "qg/loop.h"

/* Several times what a token, an address and a handshake take; with 15 s of patience 100 are under way at the most. */
#define LENT_MS 3000

static struct qg_place *first(struct qg_list *list)
{
	return qg_list_is_empty(list) ? NULL : QG_CONTAINER(list->next, struct qg_place, item);
}

static void release(struct qg_place *place)
{
	qg_list_remove(&place->item);
	place->places->taken -= place->state == QG_PLACE_HELD;
	place->state = QG_PLACE_NONE;
}

static void give(struct qg_place *place, uint64_t now)
{
	qg_list_remove(&place->item);
	qg_list_add(&place->places->held, &place->item);
	place->places->taken++;
	place->state = QG_PLACE_HELD;
	place->until = now + LENT_MS;
	qg_timer_start(place->timer, 0);
}

static void serve(struct qg_places *places)
{
	uint64_t now = qg_clock_mono();
	struct qg_place *place;
	while ((place = first(&places->held)) && now >= place->until) {
		release(place);
	}
	while (places->taken < QG_PLACES_MOST && (place = first(&places->waiting))) {
		give(place, now);
	}
	if ((place = first(&places->waiting))) {
		qg_timer_start(place->timer, first(&places->held)->until - now);
	}
}

static void fire(void *arg)
{
	struct qg_place *place = arg;
	serve(place->places);
	if (place->state != QG_PLACE_WAITING) {
		qg_timer_stop(place->timer);
		place->turn(place->arg);
	}
}

enum qg_status qg_place_init(struct qg_place *place, struct qg_places *places, struct qg_loop *loop,
	void (*turn)(void *arg), void *arg)
{
	*place = (struct qg_place){.places = places, .turn = turn, .arg = arg};
	qg_list_init(&place->item);
	place->timer = qg_timer_create(loop, fire, place);
	return place->timer ? QG_OK : QG_NO_MEMORY;
}

void qg_place_finish(struct qg_place *place)
{
	qg_place_leave(place);
	qg_timer_destroy(place->timer);
	place->timer = NULL;
}

bool qg_place_take(struct qg_place *place)
{
	if (place->state == QG_PLACE_NONE) {
		place->state = QG_PLACE_WAITING;
		qg_list_add(&place->places->waiting, &place->item);
	}
	serve(place->places);
	if (place->state == QG_PLACE_WAITING) {
		return false;
	}
	qg_timer_stop(place->timer); /* it is told by this */
	return true;
}

void qg_place_leave(struct qg_place *place)
{
	if (!place->timer) {
		return;
	}
	qg_timer_stop(place->timer);
	if (place->state != QG_PLACE_NONE) {
		release(place);
		serve(place->places);
	}
}
