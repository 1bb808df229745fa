/* ws_resolve.c - owns the way from names to addresses, off the loop.
 *
 * Links of one platform go to one name, so a name is asked for once for all that wait for it, and
 * an answer is good for half a minute. One question is asked at a time: a resolver that hangs
 * holds one thread of the pool, not all of them. The question in the pool belongs to itself, as it
 * cannot be taken back: whoever forgets it only cuts its tie to the client. */
#include "ws_internal.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/clock.h"
#include "qg/str.h"

#define MAX_NAMES 16
#define FRESH_MS 30000

struct ws_name {
	char *text;
	uint64_t at_ms;
	struct ws_addresses addresses;
};

struct ws_names {
	struct ws_name items[MAX_NAMES];
};

struct ws_job {
	struct qg_ws_client *client; /* NULL: nobody wants the answer any more */
	struct ws_addresses addresses;
	char name[]; /* to the end */
};

/* ---- what is known ---- */

static const struct ws_addresses *find(const struct qg_ws_client *client, const char *name)
{
	uint64_t now = qg_clock_mono();
	for (size_t i = 0; client->names && i < MAX_NAMES; i++) {
		const struct ws_name *item = &client->names->items[i];
		if (item->text && strcasecmp(item->text, name) == 0 &&
			now - item->at_ms < FRESH_MS) {
			return &item->addresses;
		}
	}
	return NULL;
}

/* The place of the name, else a free one, else that of the oldest. */
static struct ws_name *place_for(struct ws_names *names, const char *name)
{
	struct ws_name *best = &names->items[0];
	for (size_t i = 0; i < MAX_NAMES; i++) {
		struct ws_name *item = &names->items[i];
		if (item->text && strcasecmp(item->text, name) == 0) {
			return item;
		}
		if (best->text && (!item->text || item->at_ms < best->at_ms)) {
			best = item;
		}
	}
	return best;
}

/* Without memory it is only asked for again. */
static void keep(struct qg_ws_client *client, const struct ws_job *job)
{
	if (!client->names) {
		client->names = calloc(1, sizeof(*client->names));
	}
	char *text = client->names ? qg_str_copy(job->name) : NULL;
	if (text) {
		struct ws_name *item = place_for(client->names, job->name);
		free(item->text);
		*item = (struct ws_name){text, qg_clock_mono(), job->addresses};
	}
}

/* ---- the question ---- */

static void note_address(struct ws_addresses *addresses, const struct addrinfo *found)
{
	const void *bytes = NULL;
	if (found->ai_family == AF_INET) {
		bytes = &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr;
	} else if (found->ai_family == AF_INET6) {
		bytes = &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr;
	}
	char *to = addresses->text[addresses->count];
	if (bytes && inet_ntop(found->ai_family, bytes, to, INET6_ADDRSTRLEN)) {
		addresses->count++;
	}
}

static void run_job(void *arg, unsigned thread_index)
{
	struct ws_job *job = arg;
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	if (getaddrinfo(job->name, NULL, &hints, &found) != 0) {
		return;
	}
	for (struct addrinfo *at = found; at && job->addresses.count < WS_ADDRESSES;
		at = at->ai_next) {
		note_address(&job->addresses, at);
	}
	freeaddrinfo(found);
}

static void give(struct qg_ws *ws, const struct ws_addresses *addresses)
{
	ws->addresses = malloc(sizeof(*ws->addresses));
	if (!ws->addresses) {
		ws_over(ws, "out of memory");
		return;
	}
	*ws->addresses = *addresses;
	ws->state = WS_READY;
	ws_client_settle_soon(ws->client);
}

/* The links that wait for this name, and no other. */
static void give_all(
	struct qg_ws_client *client, const char *name, const struct ws_addresses *found)
{
	QG_LIST_FOR_EACH (item, &client->shaking) {
		struct qg_ws *ws = QG_CONTAINER(item, struct qg_ws, link);
		if (ws->state != WS_RESOLVING || strcasecmp(ws_attempt_name(ws), name) != 0) {
			continue;
		}
		if (found && found->count > 0) {
			give(ws, found);
		} else {
			ws_over(ws, "the name does not resolve");
		}
	}
}

static void job_done(void *arg)
{
	struct ws_job *job = arg;
	struct qg_ws_client *client = job->client;
	if (client) {
		client->job = NULL;
		if (job->addresses.count > 0) {
			keep(client, job);
		}
		give_all(client, job->name, &job->addresses);
		ws_client_settle_soon(client);
	}
	free(job);
}

static struct ws_job *ask(struct qg_ws_client *client, const char *name)
{
	size_t size = strlen(name) + 1;
	struct ws_job *job = calloc(1, sizeof(*job) + size);
	if (!job) {
		return NULL;
	}
	job->client = client;
	memcpy(job->name, name, size);
	if (!qg_loop_work(client->loop, run_job, job_done, job)) {
		free(job);
		return NULL;
	}
	return job;
}

/* ---- the client's side ---- */

static void resolve(struct qg_ws *ws)
{
	struct qg_ws_client *client = ws->client;
	const char *name = ws_attempt_name(ws);
	const struct ws_addresses *known = find(client, name);
	if (ws_is_literal(name)) {
		struct ws_addresses self = {.count = 1};
		strncpy(self.text[0], name, INET6_ADDRSTRLEN - 1);
		give(ws, &self);
	} else if (known) {
		give(ws, known);
	} else if (!client->job) {
		client->job = ask(client, name);
		if (!client->job) {
			ws_over(ws, "no room to ask for the name");
		}
	}
}

void ws_resolve_run(struct qg_ws_client *client)
{
	QG_LIST_FOR_EACH (item, &client->shaking) {
		struct qg_ws *ws = QG_CONTAINER(item, struct qg_ws, link);
		if (ws->state == WS_RESOLVING) {
			resolve(ws);
		}
	}
}

void ws_resolve_finish(struct qg_ws_client *client)
{
	if (client->job) {
		client->job->client = NULL;
		client->job = NULL;
	}
	for (size_t i = 0; client->names && i < MAX_NAMES; i++) {
		free(client->names->items[i].text);
	}
	free(client->names);
	client->names = NULL;
}
