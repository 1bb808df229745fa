/* uplink.c - connections of an account, as uplink.h says: who shares them, dialling, and when one takes the other's place.
 *
 * Every connect asks for an address first, for it holds a ticket that is good once. All losses are tried again for ever,
 * with waits that grow until something came or a connection lasted; where a person must act they are slow ones, and what
 * is to be done is said once. Only some links open at a time, the others wait for their turn (places.c). Where one
 * connection takes the place of another the old one is served until it ends: what a platform pushes in between it may
 * not push again. */
#include "uplink.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/str.h"

#define APART_MS 1000	 /* between two dials, also where a connection is sent away at once */
#define LASTING_MS 60000 /* so long a life is a success without a frame, too */
#define LEAVING_MOST 8

static const char waiting[] = "waits for its turn to connect";

static struct qg_list all = {&all, &all};

static struct qg_uplink_wire *wire_at(struct qg_list *item)
{
	return QG_CONTAINER(item, struct qg_uplink_wire, item);
}

static struct qg_uplink_member *member_at(struct qg_list *item)
{
	return QG_CONTAINER(item, struct qg_uplink_member, item);
}

/* ---- the object ---- */

static void destroy_wire(struct qg_uplink_wire *wire)
{
	struct qg_uplink *link = wire->link;
	link->kind->gone(wire);
	if (link->wire == wire) {
		link->wire = NULL;
	}
	qg_list_remove(&wire->item);
	free(wire);
}

static void destroy(struct qg_uplink *link)
{
	qg_list_remove(&link->item);
	link->kind->unask(link->asking);
	qg_place_finish(&link->place);
	while (!qg_list_is_empty(&link->wires)) {
		struct qg_uplink_wire *wire = wire_at(link->wires.next);
		qg_ws_cancel(wire->ws);
		destroy_wire(wire);
	}
	link->kind->finish(link);
	qg_timer_destroy(link->timer);
	free(link->key);
	free(link);
}

static void fire(void *arg)
{
	qg_uplink_tick(arg);
}

/* It has a place: what waited for it is due. */
static void turn(void *arg)
{
	struct qg_uplink *link = arg;
	link->dial_at = qg_clock_mono();
	qg_uplink_tick(link);
}

static struct qg_uplink *create(
	const struct qg_uplink_kind *kind, const struct qg_bot *bot, const char *key)
{
	bool other;
	struct qg_uplink *link = calloc(1, kind->link_size);
	if (!link) {
		return NULL;
	}
	link->kind = kind;
	link->loop = bot->loop;
	link->client = bot->ws;
	link->http = bot->http;
	link->why = "connecting";
	link->dial_at = qg_clock_mono();
	qg_list_init(&link->item);
	qg_list_init(&link->members);
	qg_list_init(&link->wires);
	qg_backoff_init(&link->backoff, kind->first_ms, kind->longest_ms);
	enum qg_status status = kind->set(link, bot, &other);
	link->key = qg_str_copy(key);
	link->timer = qg_timer_create(bot->loop, fire, link);
	if (qg_place_init(&link->place, kind->places, bot->loop, turn, link) != QG_OK ||
		status != QG_OK || !link->key || !link->timer) {
		destroy(link);
		return NULL;
	}
	qg_list_add(&all, &link->item);
	qg_uplink_look(link);
	return link;
}

/* ---- who shares it ---- */

static struct qg_uplink *find(
	const struct qg_uplink_kind *kind, const struct qg_bot *bot, const char *key)
{
	QG_LIST_FOR_EACH (item, &all) {
		struct qg_uplink *link = QG_CONTAINER(item, struct qg_uplink, item);
		if (link->kind == kind && link->loop == bot->loop && !link->closing &&
			strcmp(link->key, key) == 0) {
			return link;
		}
	}
	return NULL;
}

/* Never from inside: the host may end the bot, and with it the link, while it is told. */
static void tell(void *arg)
{
	struct qg_uplink_member *member = arg;
	struct qg_uplink *link = member->link;
	enum qg_link state = qg_uplink_is_up(link) ? QG_LINK_UP : QG_LINK_DOWN;
	if (member->leaving) {
		link->kind->left(member);
	} else if (state != member->told) {
		member->told = state;
		member->bot->host->link_changed(member->bot, state, link->why);
	}
}

static void changed(struct qg_uplink *link, const char *why)
{
	link->why = why;
	QG_LIST_FOR_EACH (item, &link->members) {
		qg_timer_start(member_at(item)->timer, 0);
	}
}

enum qg_status qg_uplink_renew(char **held, const char *text, bool *other_out)
{
	*other_out = !qg_str_equal(*held, text);
	char *copy = *other_out ? qg_str_copy(text) : NULL;
	if (*other_out && !copy) {
		return QG_NO_MEMORY;
	}
	if (copy) {
		free(*held);
		*held = copy;
	}
	return QG_OK;
}

/* Its newest bot brought other credentials: they are tried at once. */
static void dial_anew(struct qg_uplink *link)
{
	if (link->asking) {
		link->kind->unask(link->asking);
		link->asking = NULL;
	}
	if (link->wire) {
		qg_uplink_replace(link->wire, UINT64_MAX);
	}
	link->told = NULL;
	link->dial_at = qg_clock_mono();
	qg_uplink_look(link);
}

enum qg_status qg_uplink_join(const struct qg_uplink_kind *kind, struct qg_uplink_member *member,
	struct qg_bot *bot, const char *key)
{
	bool other = false;
	struct qg_uplink *link = find(kind, bot, key);
	struct qg_timer *timer = qg_timer_create(bot->loop, tell, member);
	enum qg_status status = link ? kind->set(link, bot, &other) : QG_OK;
	if (!link && timer) {
		link = create(kind, bot, key);
	}
	if (!link || !timer || status != QG_OK) {
		qg_timer_destroy(timer);
		return QG_NO_MEMORY;
	}
	*member = (struct qg_uplink_member){.link = link, .bot = bot, .timer = timer};
	qg_list_add(&link->members, &member->item);
	qg_timer_start(timer, 0); /* it may be up already */
	if (other) {
		dial_anew(link);
	}
	return QG_OK;
}

static void goodbye(struct qg_uplink_wire *wire)
{
	if (!wire->closing) {
		wire->closing = true;
		qg_ws_close(wire->ws, 1000, NULL);
	}
}

void qg_uplink_retire(struct qg_uplink_member *member)
{
	struct qg_uplink *link = member->link;
	member->leaving = true;
	if (!link) {
		return;
	}
	QG_LIST_FOR_EACH (item, &link->members) {
		if (!member_at(item)->leaving) {
			return;
		}
	}
	link->closing = true;
	link->why = "closing";
	link->dial_at = UINT64_MAX;
	link->kind->unask(link->asking);
	link->asking = NULL;
	qg_place_leave(&link->place);
	QG_LIST_FOR_EACH (item, &link->wires) {
		goodbye(wire_at(item));
	}
}

bool qg_uplink_is_over(const struct qg_uplink_member *member)
{
	const struct qg_uplink *link = member->link;
	return !link || !link->closing || qg_list_is_empty(&link->wires);
}

void qg_uplink_leave(struct qg_uplink_member *member)
{
	struct qg_uplink *link = member->link;
	if (!link) {
		return;
	}
	qg_list_remove(&member->item);
	qg_timer_destroy(member->timer);
	*member = (struct qg_uplink_member){0};
	if (qg_list_is_empty(&link->members)) {
		destroy(link);
	}
}

struct qg_uplink_member *qg_uplink_hearer(const struct qg_uplink *link)
{
	struct qg_uplink_member *found = NULL;
	QG_LIST_FOR_EACH (item, &link->members) {
		found = member_at(item);
		if (!found->leaving) {
			return found;
		}
	}
	return found;
}

const char *qg_uplink_name(const struct qg_uplink *link)
{
	const struct qg_uplink_member *member = qg_uplink_hearer(link);
	return member ? member->bot->name : NULL;
}

bool qg_uplink_is_up(const struct qg_uplink *link)
{
	QG_LIST_FOR_EACH (item, &link->wires) {
		if (wire_at(item)->is_open) {
			return true;
		}
	}
	return false;
}

/* ---- losses ---- */

static void dial_later(struct qg_uplink *link, uint64_t wait)
{
	uint64_t apart = link->dialled_at + APART_MS;
	link->dial_at = qg_clock_mono() + wait;
	if (link->dialled_at > 0 && link->dial_at < apart) {
		link->dial_at = apart;
	}
	qg_uplink_look(link);
}

static uint64_t wait_of(struct qg_uplink *link, const struct qg_uplink_loss *loss)
{
	if (loss->words) { /* a person must act: that takes its time */
		return loss->retry_ms + qg_random_below(loss->retry_ms / 2 + 1);
	}
	uint64_t wait = qg_backoff_next(&link->backoff);
	return loss->retry_ms > wait ? loss->retry_ms : wait;
}

static void lost(struct qg_uplink *link, const struct qg_uplink_loss *loss)
{
	const struct qg_uplink_kind *kind = link->kind;
	uint64_t wait = wait_of(link, loss);
	qg_place_leave(&link->place);
	if (loss->words && link->told != loss->words) { /* once, not at every try */
		link->told = loss->words;
		qg_log_error(qg_uplink_name(link), "%s: %s (%s)", kind->platform, loss->words,
			loss->why);
	}
	qg_log_warn(qg_uplink_name(link), "%s: %s: %s%s%s; next try in %llu ms", kind->platform,
		kind->what, loss->what, loss->why[0] ? ": " : "", loss->why,
		(unsigned long long)wait);
	changed(link, loss->what);
	dial_later(link, wait);
}

void qg_uplink_retry(struct qg_uplink_member *member)
{
	struct qg_uplink *link = member->link;
	if (link && !link->closing && link->told && !link->asking && !link->wire) {
		link->told = NULL; /* said again, where it is no better */
		dial_later(link, 0);
	}
}

void qg_uplink_lost(struct qg_uplink *link, const struct qg_uplink_loss *loss)
{
	link->asking = NULL;
	lost(link, loss);
}

static void starved(struct qg_uplink *link)
{
	lost(link, &(struct qg_uplink_loss){.what = "out of memory", .why = ""});
}

/* ---- a connection ---- */

void qg_uplink_works(struct qg_uplink_wire *wire)
{
	if (!wire->is_leaving) {
		qg_backoff_reset(&wire->link->backoff);
	}
}

/* Those it was opened for have their time now. */
static void relieve(struct qg_uplink *link, uint64_t now)
{
	QG_LIST_FOR_EACH (item, &link->wires) {
		struct qg_uplink_wire *wire = wire_at(item);
		if (wire->is_leaving && wire->leave_at == UINT64_MAX) {
			wire->leave_at = now + link->kind->goodbye_ms;
		}
	}
	qg_uplink_look(link);
}

static void opened(void *arg, struct qg_ws *ws)
{
	struct qg_uplink_wire *wire = arg;
	struct qg_uplink *link = wire->link;
	(void)ws;
	wire->is_open = true;
	wire->opened_at = qg_clock_mono();
	if (!wire->is_leaving) {
		link->told = NULL;
		qg_place_leave(&link->place);
		relieve(link, wire->opened_at);
	}
	changed(link, "connected");
	if (link->kind->opened) {
		link->kind->opened(wire);
	}
}

static void message(void *arg, struct qg_ws *ws, const char *data, size_t size, bool binary)
{
	struct qg_uplink_wire *wire = arg;
	(void)ws;
	wire->link->kind->message(wire, data, size, binary);
}

/* The connection is gone: what that means for the link. */
static void end_wire(struct qg_uplink_wire *wire, const struct qg_uplink_loss *loss)
{
	struct qg_uplink *link = wire->link;
	bool was_hoped_on = link->wire == wire;
	if (was_hoped_on && wire->is_open && qg_clock_mono() - wire->opened_at >= LASTING_MS) {
		qg_backoff_reset(&link->backoff);
	}
	destroy_wire(wire);
	if (was_hoped_on && !link->closing) {
		lost(link, loss);
		return;
	}
	changed(link, link->why); /* somebody may wait for just this */
	qg_uplink_look(link);
}

static void ended(void *arg, struct qg_ws *ws, const struct qg_ws_end *end)
{
	struct qg_uplink_wire *wire = arg;
	struct qg_uplink_loss loss = {
		.what = end->opened ? "it ended" : "it was not opened", .why = end->why};
	(void)ws;
	if (wire->link->kind->judge) {
		wire->link->kind->judge(end, &loss);
	}
	end_wire(wire, &loss);
}

void qg_uplink_drop(struct qg_uplink_wire *wire, const char *why)
{
	qg_ws_cancel(wire->ws);
	end_wire(wire, &(struct qg_uplink_loss){.what = why, .why = ""});
}

static const struct qg_ws_host host = {opened, message, ended};

static struct qg_uplink_wire *connect_to(struct qg_uplink *link, const char *url)
{
	const struct qg_uplink_kind *kind = link->kind;
	struct qg_uplink_wire *wire = link->client ? calloc(1, kind->wire_size) : NULL;
	if (!wire) {
		return NULL;
	}
	wire->link = link;
	struct qg_ws_request request = kind->request;
	request.url = url;
	wire->ws = qg_ws_open(link->client, &request, &host, wire);
	if (!wire->ws) {
		free(wire);
		return NULL;
	}
	qg_list_add(&link->wires, &wire->item);
	if (kind->made) {
		kind->made(wire, url);
	}
	return wire;
}

void qg_uplink_asked(struct qg_uplink *link, const char *url)
{
	link->asking = NULL;
	link->wire = connect_to(link, url);
	if (!link->wire) {
		starved(link);
	}
}

static void dial(struct qg_uplink *link, uint64_t now)
{
	link->dial_at = UINT64_MAX;
	if (!qg_place_take(&link->place)) {
		link->why = qg_uplink_is_up(link) ? link->why : waiting;
		return;
	}
	link->why = link->why == waiting ? "connecting" : link->why;
	link->dialled_at = now;
	link->asking = link->kind->ask(link);
	if (!link->asking) {
		starved(link);
	}
}

void qg_uplink_replace(struct qg_uplink_wire *wire, uint64_t ms)
{
	struct qg_uplink *link = wire->link;
	uint64_t now = qg_clock_mono();
	size_t leaving = 0;
	if (wire->is_leaving) {
		return;
	}
	wire->is_leaving = true;
	wire->leave_at = ms == UINT64_MAX ? ms : now + ms;
	QG_LIST_FOR_EACH (item, &link->wires) {
		leaving += wire_at(item)->is_leaving ? 1 : 0;
	}
	if (leaving > LEAVING_MOST) {
		goodbye(wire_at(link->wires.next));
	}
	if (link->wire == wire) {
		link->wire = NULL;
		if (!link->closing) {
			qg_log_info(qg_uplink_name(link),
				"%s: %s: another one is opened in its place", link->kind->platform,
				link->kind->what);
			dial_later(link, 0);
		}
	}
	qg_uplink_look(link);
}

/* ---- what is due ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Says goodbye to who had its time and never went; when the next one is due. */
static uint64_t see_off(struct qg_uplink *link, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	QG_LIST_FOR_EACH (item, &link->wires) {
		struct qg_uplink_wire *wire = wire_at(item);
		if (!wire->is_leaving || wire->closing) {
			continue;
		}
		if (now >= wire->leave_at) {
			goodbye(wire);
		} else {
			next = earlier(next, wire->leave_at);
		}
	}
	return next;
}

void qg_uplink_tick(struct qg_uplink *link)
{
	uint64_t now = qg_clock_mono();
	uint64_t next = link->kind->tick(link, now);
	next = earlier(next, see_off(link, now));
	if (now >= link->dial_at && !link->asking && !link->wire) {
		dial(link, now);
	}
	next = earlier(next, link->dial_at);
	if (next == UINT64_MAX) {
		qg_timer_stop(link->timer);
	} else {
		qg_timer_start(link->timer, next > now ? next - now : 0);
	}
}

void qg_uplink_look(struct qg_uplink *link)
{
	qg_timer_start(link->timer, 0);
}
