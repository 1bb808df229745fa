/* ws_clock.c - owns the one timer of a link: connecting, pings, closing.
 *
 * The times are numbers; the timer behind them is only ever moved to an earlier one, and looks at
 * the numbers when it fires: a message costs no timer. Pings of idle links are due at whole steps
 * of the clock, so that not each of a thousand links wakes the loop for itself, and up to a quarter
 * early, so that a thousand links opened together do not ping together for ever. */
#include "ws_internal.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "qg/clock.h"
#include "qg/crypto.h"

#define CLOSE_MS 3000
/* Pings further apart than this need not be exact. */
#define COARSE_MS 4000
#define STEP_MS 250

static uint64_t next_ping(const struct qg_ws *ws)
{
	uint64_t at = ws->heard_ms + ws->ping_ms - ws->early_ms;
	return ws->ping_ms < COARSE_MS ? at : (at + STEP_MS - 1) / STEP_MS * STEP_MS;
}

static void draw_early(struct qg_ws *ws)
{
	if (ws->ping_ms >= COARSE_MS) {
		ws->early_ms = (unsigned)qg_random_below(ws->ping_ms / 4);
	}
}

/* The end of what is awaited now; 0: nothing is. */
static uint64_t deadline_of(const struct qg_ws *ws)
{
	switch (ws->state) {
	case WS_RESOLVING:
	case WS_READY:
		return ws->began_ms + ws->connect_ms;
	case WS_SHAKING:
		return ws->connected ? ws->began_ms + ws->connect_ms : ws->attempt_ends_ms;
	case WS_OPEN:
		return ws->ping_ms == 0 ? 0
		       : ws->pinged_ms	? ws->pinged_ms + ws->pong_ms
					: next_ping(ws);
	case WS_CLOSING:
		return ws->closing_ms + CLOSE_MS;
	case WS_WAITING:
	case WS_OVER:
		break;
	}
	return 0;
}

void ws_clock_arm(struct qg_ws *ws)
{
	struct ev_loop *ev = ws->client->ev;
	uint64_t at = deadline_of(ws);
	if (at == 0 || (ev_is_active(&ws->timer) && ws->timer_at_ms <= at)) {
		return;
	}
	uint64_t now = qg_clock_mono();
	ws->timer_at_ms = at;
	ev_timer_stop(ev, &ws->timer);
	/* The loop's idea of now is as old as this turn, or older while it does not run. */
	ev_now_update(ev);
	ev_timer_set(&ws->timer, at > now ? (double)(at - now) / 1e3 : 0, 0);
	ev_timer_start(ev, &ws->timer);
}

void ws_clock_stop(struct qg_ws *ws)
{
	ev_timer_stop(ws->client->ev, &ws->timer);
}

void ws_clock_heard(struct qg_ws *ws)
{
	ws->heard_ms = qg_clock_mono();
	if (ws->pinged_ms) {
		/* The next ping may be due before the patience with this one would have ended. */
		ws->pinged_ms = 0;
		ws_clock_arm(ws);
	}
}

/* The library keeps the peer's own pings from us; the kernel knows when the last byte came. */
static bool heard_since_ping(const struct qg_ws *ws, uint64_t now)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	int fd = lws_get_socket_fd(ws->wsi);
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       now - info.tcpi_last_data_recv > ws->pinged_ms;
}

static void look_at_pings(struct qg_ws *ws, uint64_t now)
{
	if (ws->pinged_ms == 0) {
		ws->pinged_ms = now;
		ws->wants_ping = true;
		draw_early(ws);
		ws_write_soon(ws);
		ws_clock_arm(ws);
	} else if (heard_since_ping(ws, now)) {
		ws_clock_heard(ws);
	} else {
		ws->client->counts.deaf++;
		ws_over(ws, "pings stayed unanswered");
	}
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct qg_ws *ws = timer->data;
	uint64_t now = qg_clock_mono(), deadline = deadline_of(ws);
	if (deadline == 0 || now < deadline) {
		ws_clock_arm(ws);
	} else if (ws->state == WS_OPEN) {
		look_at_pings(ws, now);
	} else if (ws->state == WS_CLOSING) {
		ws_over(ws, "closed");
	} else if (ws_attempt_again(ws)) {
		ws_drop_connection(ws);
		ws_clock_arm(ws);
	} else {
		ws->why = NULL;
		ws_over(ws, "no connection in time");
	}
}

void ws_clock_init(struct qg_ws *ws)
{
	draw_early(ws);
	ev_init(&ws->timer, on_timer);
	/* What has arrived is heard before anybody's patience ends. */
	ev_set_priority(&ws->timer, EV_MINPRI + 1);
	ws->timer.data = ws;
}
