/* fetch_multi.c - owns a libcurl multi on the libev loop: its sockets, its timer, its transfers.
 *
 * libcurl says which sockets it wants watched and when it wants to be woken; each event is handed
 * to it and then the client settles. A socket that cannot be watched for lack of memory costs the
 * transfer that wanted it, and nothing else. */
#include "fetch_internal.h"

#include <stdlib.h>

struct watched {
	struct qg_list link;
	struct fetch_multi *multi;
	ev_io io;
};

/* One event for libcurl. The client may be gone after it. */
static void act(struct fetch_multi *multi, curl_socket_t fd, int bits)
{
	struct qg_http_client *client = multi->client;
	int running;
	client->inside = true;
	curl_multi_socket_action(multi->curl, fd, bits, &running);
	client->inside = false;
	fetch_client_settle(client);
}

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
	struct watched *watched = io->data;
	int bits = (events & EV_READ ? CURL_CSELECT_IN : 0) |
		   (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
	act(watched->multi, io->fd, bits);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *curl, long delay_ms, void *arg)
{
	struct fetch_multi *multi = arg;
	struct ev_loop *ev = multi->client->ev;
	ev_timer_stop(ev, &multi->timer);
	if (delay_ms >= 0) {
		ev_timer_set(&multi->timer, (double)delay_ms / 1e3, 0);
		ev_timer_start(ev, &multi->timer);
	}
	return 0;
}

static void unwatch(struct watched *watched)
{
	ev_io_stop(watched->multi->client->ev, &watched->io);
	qg_list_remove(&watched->link);
	free(watched);
}

static struct watched *watch(struct fetch_multi *multi, CURL *easy, curl_socket_t fd)
{
	struct watched *watched = calloc(1, sizeof(*watched));
	if (!watched) {
		struct qg_fetch *fetch = NULL;
		if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&fetch) == CURLE_OK &&
			fetch) {
			fetch->failure = QG_FETCH_NO_MEMORY;
			fetch_arm(fetch);
		}
		return NULL;
	}
	watched->multi = multi;
	ev_init(&watched->io, on_io);
	watched->io.data = watched;
	qg_list_add(&multi->sockets, &watched->link);
	curl_multi_assign(multi->curl, fd, watched);
	return watched;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct fetch_multi *multi = arg;
	struct watched *watched = socket_arg;
	if (what == CURL_POLL_REMOVE) {
		if (watched) {
			curl_multi_assign(multi->curl, fd, NULL);
			unwatch(watched);
		}
		return 0;
	}
	if (!watched) {
		watched = watch(multi, easy, fd);
	}
	if (watched) {
		int events =
			(what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);
		ev_io_stop(multi->client->ev, &watched->io);
		ev_io_set(&watched->io, fd, events);
		ev_io_start(multi->client->ev, &watched->io);
	}
	return 0;
}

enum qg_status fetch_multi_init(struct fetch_multi *multi, struct qg_http_client *client)
{
	multi->client = client;
	qg_list_init(&multi->sockets);
	ev_init(&multi->timer, on_timer);
	multi->timer.data = multi;
	multi->curl = curl_multi_init();
	if (!multi->curl) {
		return QG_NO_MEMORY;
	}
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	return QG_OK;
}

void fetch_multi_finish(struct fetch_multi *multi)
{
	if (!multi->curl) {
		return;
	}
	curl_multi_cleanup(multi->curl);
	multi->curl = NULL;
	ev_timer_stop(multi->client->ev, &multi->timer);
	QG_LIST_FOR_EACH (item, &multi->sockets) {
		unwatch(QG_CONTAINER(item, struct watched, link));
	}
}

enum qg_status fetch_multi_add(struct fetch_multi *multi, struct qg_fetch *fetch)
{
	CURLMcode code = curl_multi_add_handle(multi->curl, fetch->easy);
	if (code != CURLM_OK) {
		return code == CURLM_OUT_OF_MEMORY ? QG_NO_MEMORY : QG_FAILED;
	}
	fetch->multi = multi;
	multi->active++;
	if (multi == &multi->client->h2) {
		fetch->origin->multiplexed++;
	}
	return QG_OK;
}

/* libcurl 7.88 only notes the reset of a stream; it leaves with the next bytes of that connection. Where
 * the stream was the last of it nobody would read these, and the server would go on working for
 * nobody: such a connection is closed instead. Streams beside it keep it open, and a transfer that
 * had ended gave it back before. */
void fetch_multi_abandon(struct qg_fetch *fetch)
{
	(void)curl_easy_setopt(fetch->easy, CURLOPT_FORBID_REUSE, 1L);
}

/* As if the socket had become readable. */
static void poke(struct fetch_multi *multi, curl_socket_t fd)
{
	QG_LIST_FOR_EACH (item, &multi->sockets) {
		struct watched *watched = QG_CONTAINER(item, struct watched, link);
		if (watched->io.fd == fd) {
			ev_feed_event(multi->client->ev, &watched->io, EV_READ);
			return;
		}
	}
}

/* libcurl 7.88 may have read bytes of other streams that it set aside because this stream had no
 * room; nothing but the next event of the socket makes it look at them again, and where these were
 * the last ones there would be none. */
static void remove_multiplexed(struct qg_fetch *fetch)
{
	struct fetch_multi *multi = fetch->multi;
	curl_socket_t fd = CURL_SOCKET_BAD;
	(void)curl_easy_getinfo(fetch->easy, CURLINFO_ACTIVESOCKET, &fd);
	curl_multi_remove_handle(multi->curl, fetch->easy);
	if (--fetch->origin->multiplexed == 0) {
		fetch->origin->extra = 0;
	} else if (fd != CURL_SOCKET_BAD) {
		poke(multi, fd);
	}
}

void fetch_multi_remove(struct qg_fetch *fetch)
{
	struct fetch_multi *multi = fetch->multi;
	if (!multi) {
		return;
	}
	fetch_multi_abandon(fetch);
	if (multi == &multi->client->h2) {
		remove_multiplexed(fetch);
	} else {
		curl_multi_remove_handle(multi->curl, fetch->easy);
	}
	multi->active--;
	fetch->multi = NULL;
}

struct qg_fetch *fetch_multi_take_ended(struct fetch_multi *multi, CURLcode *code_out)
{
	int left;
	for (;;) {
		CURLMsg *message = curl_multi_info_read(multi->curl, &left);
		if (!message) {
			return NULL;
		}
		struct qg_fetch *fetch = NULL;
		if (message->msg == CURLMSG_DONE &&
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
				(char **)&fetch) == CURLE_OK &&
			fetch) {
			/* The message dies with the removal. */
			*code_out = message->data.result;
			fetch_multi_remove(fetch);
			return fetch;
		}
	}
}
