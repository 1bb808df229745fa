/* fetch_client.c - owns the client: who is under way, and the order in which things end.
 *
 * Two multis, because libcurl's rules are a multi's: with HTTP/2 a new stream should wait for a
 * connection to share, and connections to a host must be few; with HTTP/1.1 neither holds. An
 * endpoint begins in the first and moves to the second when an answer came over HTTP/2. */
#include "fetch_internal.h"

#include <stdlib.h>

#include "trust.h"

/* Streams of one connection; servers commonly allow this many. */
#define MAX_STREAMS 100L
/* Idle connections kept beside those in use. */
#define SPARE_CONNECTIONS 128
#define HOST_CONNECTIONS_AT_LEAST 1

/* ---- the end of things ---- */

static void free_all(struct qg_list *list)
{
	while (!qg_list_is_empty(list)) {
		fetch_free(QG_CONTAINER(list->next, struct qg_fetch, link));
	}
}

static void free_client(struct qg_http_client *client)
{
	free_all(&client->fetches);
	free_all(&client->waiting);
	free_all(&client->doomed);
	free_all(&client->over);
	fetch_multi_finish(&client->h1);
	fetch_multi_finish(&client->h2);
	if (client->share) {
		curl_share_cleanup(client->share);
	}
	fetch_origins_finish(&client->origins);
	X509_STORE_free(client->trusted);
	ev_clear_pending(client->ev, &client->settle);
	free(client);
	curl_global_cleanup();
}

static void silence(struct qg_list *list)
{
	QG_LIST_FOR_EACH (item, list) {
		QG_CONTAINER(item, struct qg_fetch, link)->cancelled = true;
	}
}

void qg_http_client_destroy(struct qg_http_client *client)
{
	if (!client || client->destroyed) {
		return;
	}
	client->destroyed = true;
	if (client->depth > 0) {
		/* Inside data() or ended(): what is still on the stack frees it. */
		silence(&client->fetches);
		return;
	}
	free_client(client);
}

/* ---- settling ---- */

static void take_end(struct qg_fetch *fetch, CURLcode code)
{
	if (fetch->failure != QG_FETCH_NONE) {
		fetch_over(fetch, fetch->failure); /* given up by us */
		return;
	}
	/* To libcurl a connection that ends within the headers is an answer without a body. */
	if (code == CURLE_OK && !fetch->head_done) {
		code = CURLE_PARTIAL_FILE;
	}
	enum qg_fetch_error error = fetch_error_of(code, fetch->sent_ms != 0);
	fetch_over(
		fetch, error == QG_FETCH_CONNECT && fetch->turned_away ? QG_FETCH_INSIDE : error);
	if (fetch->failure != QG_FETCH_NONE) {
		fetch_error_describe(fetch, code);
	}
}

static void collect(struct fetch_multi *multi)
{
	struct qg_fetch *fetch;
	CURLcode code;
	while ((fetch = fetch_multi_take_ended(multi, &code))) {
		take_end(fetch, code);
	}
}

static struct qg_fetch *first(struct qg_list *list)
{
	return qg_list_is_empty(list) ? NULL : QG_CONTAINER(list->next, struct qg_fetch, link);
}

static void begin_waiting(struct qg_http_client *client)
{
	struct qg_fetch *fetch;
	while ((fetch = first(&client->waiting))) {
		qg_list_remove(&fetch->link);
		qg_list_add(&client->fetches, &fetch->link);
		fetch_client_begin(fetch);
	}
}

void fetch_client_settle(struct qg_http_client *client)
{
	struct qg_fetch *fetch;
	client->depth++;
	if (!client->destroyed) {
		free_all(&client->doomed);
		collect(&client->h1);
		collect(&client->h2);
		begin_waiting(client);
	}
	while (!client->destroyed && (fetch = first(&client->over))) {
		fetch_tell(fetch);
	}
	client->depth--;
	if (client->destroyed) {
		free_client(client);
	} else {
		fetch_client_fit(client);
	}
}

static void on_settle(struct ev_loop *ev, ev_timer *watcher, int events)
{
	fetch_client_settle(watcher->data);
}

void fetch_client_settle_soon(struct qg_http_client *client)
{
	ev_feed_event(client->ev, &client->settle, EV_CUSTOM);
}

/* ---- the two multis ---- */

void fetch_client_fit(struct qg_http_client *client)
{
	/* All that is in use stays, and some that is not: libcurl closes an idle connection for
	 * each one over this. */
	long keep = SPARE_CONNECTIONS + (long)(client->h1.active + client->h1.active / 4);
	curl_multi_setopt(client->h1.curl, CURLMOPT_MAXCONNECTS, keep);
	if (client->h2.active == 0 && client->h2_connections > HOST_CONNECTIONS_AT_LEAST) {
		client->h2_connections = HOST_CONNECTIONS_AT_LEAST;
		curl_multi_setopt(client->h2.curl, CURLMOPT_MAX_HOST_CONNECTIONS,
			(long)client->h2_connections);
	}
}

/* The limit is one for all hosts, so the host with most streams sets it. */
static void fit_host(struct qg_http_client *client, const struct fetch_origin *origin)
{
	size_t wanted = fetch_origin_connections(origin);
	if (wanted > client->h2_connections) {
		client->h2_connections = wanted;
		curl_multi_setopt(client->h2.curl, CURLMOPT_MAX_HOST_CONNECTIONS, (long)wanted);
	}
}

void fetch_client_begin(struct qg_fetch *fetch)
{
	struct qg_http_client *client = fetch->client;
	bool multiplexes = fetch->origin && fetch->origin->h2 && !fetch->http1;
	if (fetch_multi_add(multiplexes ? &client->h2 : &client->h1, fetch) != QG_OK) {
		fetch_over(fetch, QG_FETCH_NO_MEMORY);
		return;
	}
	if (multiplexes) {
		fit_host(client, fetch->origin);
	}
	fetch_arm(fetch);
}

static bool init_curl(struct qg_http_client *client)
{
	if (fetch_multi_init(&client->h1, client) != QG_OK ||
		fetch_multi_init(&client->h2, client) != QG_OK) {
		return false;
	}
	client->share = curl_share_init();
	client->trusted = trust_create();
	if (!client->share || !client->trusted) {
		return false;
	}
	client->h2_connections = HOST_CONNECTIONS_AT_LEAST;
	curl_multi_setopt(client->h1.curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(client->h2.curl, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(client->h2.curl, CURLMOPT_MAX_CONCURRENT_STREAMS, MAX_STREAMS);
	curl_multi_setopt(
		client->h2.curl, CURLMOPT_MAX_HOST_CONNECTIONS, (long)client->h2_connections);
	curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	return true;
}

/* A libcurl without its own threads for names would stop the loop for every one of them. */
static bool resolves_off_the_loop(void)
{
	return curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS;
}

struct qg_http_client *qg_http_client_create(struct qg_loop *loop)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		return NULL;
	}
	struct qg_http_client *client = resolves_off_the_loop() ? calloc(1, sizeof(*client)) : NULL;
	if (!client) {
		curl_global_cleanup();
		return NULL;
	}
	client->loop = loop;
	client->ev = qg_loop_ev(loop);
	qg_list_init(&client->fetches);
	qg_list_init(&client->waiting);
	qg_list_init(&client->doomed);
	qg_list_init(&client->over);
	fetch_origins_init(&client->origins);
	ev_init(&client->settle, on_settle);
	client->settle.data = client;
	if (!init_curl(client)) {
		free_client(client);
		return NULL;
	}
	return client;
}

void qg_http_client_counts(const struct qg_http_client *client, struct qg_fetch_counts *out)
{
	*out = client->counts;
}
