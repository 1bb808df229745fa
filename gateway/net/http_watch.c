/* http_watch.c - owns what a connection waits for: events of its socket, and a deadline.
 *
 * Deadlines cost nothing a request: they are numbers, and the timer that stands behind them is
 * moved only to an earlier time; when it fires too early it looks at the number and goes to sleep
 * again. */
#include "http_internal.h"

#include "qg/clock.h"

static void arm(struct http_connection *c, uint64_t delay_ms)
{
	ev_timer_stop(c->server->ev, &c->timer);
	ev_timer_set(&c->timer, (double)delay_ms / 1e3, 0);
	ev_timer_start(c->server->ev, &c->timer);
}

void http_connection_deadline(struct http_connection *c, uint64_t delay_ms)
{
	c->deadline_ms = qg_clock_mono() + delay_ms;
	if (!ev_is_active(&c->timer) || c->timer_at_ms > c->deadline_ms) {
		c->timer_at_ms = c->deadline_ms;
		arm(c, delay_ms);
	}
}

/* Stopping drops what libev has noted for the watcher, so nothing is touched without need. */
static void set_events(struct http_connection *c, int events)
{
	if ((c->io.events & (EV_READ | EV_WRITE)) == events &&
		ev_is_active(&c->io) == (events != 0)) {
		return;
	}
	ev_io_stop(c->server->ev, &c->io);
	ev_io_set(&c->io, c->io.fd, events);
	if (events) {
		ev_io_start(c->server->ev, &c->io);
	}
}

size_t http_connection_backlog(const struct http_connection *c)
{
	return c->out.size - c->out_sent;
}

bool http_connection_has_ahead(const struct http_connection *c)
{
	return c->in.size > c->in_used;
}

/* Watches for what the connection can use now. */
void http_connection_watch(struct http_connection *c)
{
	int reading = c->read_waits_write ? EV_WRITE : EV_READ;
	int writing = c->write_waits_read ? EV_READ : EV_WRITE;
	int events = http_connection_backlog(c) > 0 ? writing : 0;
	bool room = c->in.size - c->in_used < HTTP_READ_AHEAD;
	if (c->state == HTTP_LINGER || (c->state == HTTP_OPEN && !c->peer_shut && room)) {
		events |= reading;
	}
	set_events(c, events);
	if (c->tls && events & EV_READ && http_tls_pending(c) > 0) {
		ev_feed_event(c->server->ev, &c->io, EV_READ);
	}
}

bool http_connection_is_due(struct http_connection *c)
{
	if (c->deadline_ms == 0) {
		return false;
	}
	uint64_t now = qg_clock_mono();
	if (now < c->deadline_ms) {
		c->timer_at_ms = c->deadline_ms;
		arm(c, c->deadline_ms - now);
		return false;
	}
	c->deadline_ms = 0;
	return true;
}
