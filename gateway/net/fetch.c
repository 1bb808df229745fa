/* fetch.c - owns one fetch: how it begins, its clocks, how it ends.
 *
 * The clocks are numbers. One timer stands behind them that is only ever moved to an earlier time;
 * when it fires too early it looks at the numbers and goes to sleep again, so a chunk of a stream
 * costs no timer. */
#include "fetch_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/clock.h"

#define MOST_DEFAULT ((size_t)4 << 20)
#define CONNECT_MS 8000
#define FIRST_BYTE_MS 30000
#define IDLE_MS 60000
#define TOTAL_MS 600000
#define MAX_HEAD 32768
/* How often a stream that waits in libcurl's queue is looked at. */
#define QUEUE_LOOK_MS 250

/* ---- clocks ---- */

/* In libcurl's queue, with nobody making the connection it waits for. */
static bool is_stuck(const struct qg_fetch *fetch, uint64_t now)
{
	return fetch->state == FETCH_WAITING && fetch->multi == &fetch->client->h2 &&
	       fetch->origin->connecting == 0 &&
	       now - fetch->origin->pushed_ms >= QUEUE_LOOK_MS / 2;
}

/* The end of what is awaited now; *error_out: what it means to reach it. */
static uint64_t deadline_of(const struct qg_fetch *fetch, enum qg_fetch_error *error_out)
{
	uint64_t total = fetch->began_ms + fetch->total_ms;
	uint64_t phase;
	switch (fetch->state) {
	case FETCH_WAITING:
		phase = fetch->began_ms + fetch->connect_ms;
		*error_out = QG_FETCH_CONNECT_TIMEOUT;
		break;
	case FETCH_SENT:
		phase = fetch->sent_ms + fetch->first_byte_ms;
		*error_out = QG_FETCH_FIRST_BYTE_TIMEOUT;
		break;
	default:
		phase = fetch->heard_ms + fetch->idle_ms;
		*error_out = QG_FETCH_IDLE_TIMEOUT;
		break;
	}
	if (total < phase) {
		*error_out = QG_FETCH_TOTAL_TIMEOUT;
		return total;
	}
	return phase;
}

/* When to look next. */
static uint64_t next_look(const struct qg_fetch *fetch, uint64_t now)
{
	enum qg_fetch_error error;
	uint64_t at = deadline_of(fetch, &error);
	if (fetch->failure != QG_FETCH_NONE) {
		return now;
	}
	bool queued = fetch->state == FETCH_WAITING && fetch->multi == &fetch->client->h2;
	return queued && at > now + QUEUE_LOOK_MS ? now + QUEUE_LOOK_MS : at;
}

void fetch_arm(struct qg_fetch *fetch)
{
	struct ev_loop *ev = fetch->client->ev;
	uint64_t now = qg_clock_mono();
	uint64_t at = next_look(fetch, now);
	if (ev_is_active(&fetch->timer) && fetch->timer_at_ms <= at) {
		return;
	}
	fetch->timer_at_ms = at;
	ev_timer_stop(ev, &fetch->timer);
	ev_timer_set(&fetch->timer, at > now ? (double)(at - now) / 1e3 : 0, 0);
	ev_timer_start(ev, &fetch->timer);
}

/* A server that takes fewer streams a connection than expected needs more connections; libcurl
 * looks at its queue again only when something moves, so the stream is put in anew. */
static void push(struct qg_fetch *fetch, uint64_t now)
{
	struct fetch_origin *origin = fetch->origin;
	origin->pushed_ms = now;
	origin->extra += origin->extra < origin->multiplexed;
	fetch_multi_remove(fetch);
	(void)curl_easy_setopt(fetch->easy, CURLOPT_FORBID_REUSE, 0L);
	fetch_client_begin(fetch);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct qg_fetch *fetch = timer->data;
	enum qg_fetch_error error;
	uint64_t now = qg_clock_mono();
	uint64_t deadline = deadline_of(fetch, &error);
	if (fetch->failure != QG_FETCH_NONE) {
		fetch_over(fetch, fetch->failure);
	} else if (now >= deadline) {
		fetch_over(fetch, error);
	} else if (is_stuck(fetch, now)) {
		push(fetch, now);
	} else {
		fetch_arm(fetch);
	}
}

void fetch_set_connecting(struct qg_fetch *fetch, bool connecting)
{
	if (fetch->connecting == connecting) {
		return;
	}
	fetch->connecting = connecting;
	if (fetch->origin && connecting) {
		fetch->origin->connecting++;
	} else if (fetch->origin) {
		fetch->origin->connecting--;
	}
}

/* ---- the end ---- */

/* Out of its multi and off the clocks: libcurl and libev know it no more. */
static void detach(struct qg_fetch *fetch)
{
	ev_timer_stop(fetch->client->ev, &fetch->timer);
	fetch_multi_remove(fetch);
	fetch_set_connecting(fetch, false);
}

void fetch_free(struct qg_fetch *fetch)
{
	detach(fetch);
	qg_list_remove(&fetch->link);
	fetch_origin_put(fetch->origin);
	curl_easy_cleanup(fetch->easy);
	curl_slist_free_all(fetch->headers);
	free(fetch->body);
	free(fetch->pieces);
	qg_buf_finish(&fetch->head);
	qg_buf_finish(&fetch->answer);
	free(fetch);
}

void fetch_over(struct qg_fetch *fetch, enum qg_fetch_error error)
{
	fetch->failure = error;
	detach(fetch);
	qg_list_remove(&fetch->link);
	qg_list_add(&fetch->client->over, &fetch->link);
	fetch_client_settle_soon(fetch->client);
}

static void count(struct qg_fetch *fetch)
{
	struct qg_fetch_counts *counts = &fetch->client->counts;
	long made = 0;
	counts->failures += fetch->failure != QG_FETCH_NONE;
	if (fetch->sent_ms &&
		curl_easy_getinfo(fetch->easy, CURLINFO_NUM_CONNECTS, &made) == CURLE_OK) {
		counts->connections += (uint64_t)made;
		counts->reused += made == 0;
	}
}

void fetch_tell(struct qg_fetch *fetch)
{
	const struct qg_fetch_end end = {
		.error = fetch->failure,
		.status = fetch->status,
		.body = fetch->answer.data ? fetch->answer.data : "",
		.size = fetch->answer.size,
		.sent = fetch->sent_ms != 0,
		.words = fetch->failure != QG_FETCH_NONE && fetch->words ? fetch->words : "",
	};
	count(fetch);
	fetch->told = true;
	qg_list_remove(&fetch->link);
	fetch->host->ended(fetch->arg, fetch, &end);
	fetch_free(fetch);
}

/* ---- what the owner asks ---- */

static unsigned or_default(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

static struct qg_fetch *create(struct qg_http_client *client,
	const struct qg_fetch_request *request, const struct qg_fetch_host *host, void *arg)
{
	struct qg_fetch *fetch = calloc(1, sizeof(*fetch));
	if (!fetch) {
		return NULL;
	}
	fetch->client = client;
	fetch->host = host;
	fetch->arg = arg;
	fetch->gathers = request->gathers;
	fetch->http1 = request->http1;
	fetch->most = request->most ? request->most : MOST_DEFAULT;
	fetch->connect_ms = or_default(request->connect_ms, CONNECT_MS);
	fetch->first_byte_ms = or_default(request->first_byte_ms, FIRST_BYTE_MS);
	fetch->idle_ms = or_default(request->idle_ms, IDLE_MS);
	fetch->total_ms = or_default(request->total_ms, TOTAL_MS);
	fetch->began_ms = qg_clock_mono();
	qg_buf_init(&fetch->head, MAX_HEAD);
	qg_buf_init(&fetch->answer, fetch->most);
	ev_init(&fetch->timer, on_timer);
	fetch->timer.data = fetch;
	qg_list_init(&fetch->link);
	qg_list_add(&client->fetches, &fetch->link);
	return fetch;
}

struct qg_fetch *qg_fetch_start(struct qg_http_client *client,
	const struct qg_fetch_request *request, const struct qg_fetch_host *host, void *arg)
{
	assert(host->ended && (request->gathers || host->data));
	struct qg_fetch *fetch = create(client, request, host, arg);
	if (!fetch) {
		return NULL;
	}
	enum qg_status status = fetch_origins_get(&client->origins, request->url, &fetch->origin);
	if (status == QG_OK) {
		status = fetch_request_apply(fetch, request);
	}
	if (status == QG_NO_MEMORY) {
		fetch_free(fetch);
		return NULL;
	}
	client->counts.requests++;
	if (status != QG_OK) {
		fetch_over(fetch, fetch->turned_away ? QG_FETCH_INSIDE : QG_FETCH_URL);
	} else if (client->inside) {
		qg_list_remove(&fetch->link);
		qg_list_add(&client->waiting, &fetch->link);
	} else {
		fetch_client_begin(fetch);
	}
	return fetch;
}

void qg_fetch_cancel(struct qg_fetch *fetch)
{
	if (!fetch || fetch->told) {
		return;
	}
	if (!fetch->client->inside) {
		fetch_free(fetch);
		return;
	}
	fetch->cancelled = true;
	qg_list_remove(&fetch->link);
	qg_list_add(&fetch->client->doomed, &fetch->link);
}

int qg_fetch_status(const struct qg_fetch *fetch)
{
	return fetch->status;
}

const char *qg_fetch_header(const struct qg_fetch *fetch, const char *name)
{
	size_t name_size = strlen(name);
	const char *line = fetch->head.data;
	if (!line) {
		return NULL;
	}
	const char *end = line + fetch->head.size;
	for (; line < end; line += strlen(line) + 1) {
		if (strncasecmp(line, name, name_size) == 0 && line[name_size] == ':') {
			const char *value = line + name_size + 1;
			return value + strspn(value, " \t");
		}
	}
	return NULL;
}
