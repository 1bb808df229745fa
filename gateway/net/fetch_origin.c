/* fetch_origin.c - owns the memory of which servers speak HTTP/2, and how many connections their
 * streams may use.
 *
 * The table is bounded: the origin not used for the longest goes, and is simply learned again. */
#include "fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

#define MAX_ORIGINS 256
/* Servers allow 100 streams a connection or more; some room is left so that a new stream seldom
 * waits for a connection to be made. */
#define STREAMS_A_CONNECTION 80

void fetch_origins_init(struct fetch_origins *origins)
{
	qg_list_init(&origins->list);
	origins->count = 0;
}

static void origin_free(struct fetch_origin *origin)
{
	qg_list_remove(&origin->link);
	free(origin->name);
	free(origin);
}

void fetch_origins_finish(struct fetch_origins *origins)
{
	QG_LIST_FOR_EACH (item, &origins->list) {
		origin_free(QG_CONTAINER(item, struct fetch_origin, link));
	}
	origins->count = 0;
}

static void move_to_front(struct fetch_origins *origins, struct fetch_origin *origin)
{
	qg_list_remove(&origin->link);
	/* Adding before the first is adding behind the head. */
	qg_list_add(origins->list.next, &origin->link);
}

static struct fetch_origin *find(struct fetch_origins *origins, const char *name)
{
	QG_LIST_FOR_EACH (item, &origins->list) {
		struct fetch_origin *origin = QG_CONTAINER(item, struct fetch_origin, link);
		if (strcmp(origin->name, name) == 0) {
			return origin;
		}
	}
	return NULL;
}

/* False where all are in use. */
static bool make_room(struct fetch_origins *origins)
{
	if (origins->count < MAX_ORIGINS) {
		return true;
	}
	for (struct qg_list *at = origins->list.prev; at != &origins->list; at = at->prev) {
		struct fetch_origin *origin = QG_CONTAINER(at, struct fetch_origin, link);
		if (origin->active == 0) {
			origin_free(origin);
			origins->count--;
			return true;
		}
	}
	return false;
}

/* Takes name. */
static enum qg_status add(
	struct fetch_origins *origins, char *name, struct fetch_origin **origin_out)
{
	struct fetch_origin *origin = calloc(1, sizeof(*origin));
	if (!origin) {
		free(name);
		return QG_NO_MEMORY;
	}
	origin->name = name;
	qg_list_init(&origin->link);
	origins->count++;
	*origin_out = origin;
	return QG_OK;
}

/* "host:port" of an https address, yours to free; NULL with QG_OK for plain HTTP. */
static enum qg_status name_of(CURLU *parsed, char **name_out)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	enum qg_status status = QG_NO_MEMORY;
	CURLUcode code = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
	if (code == CURLUE_OK && strcmp(scheme, "http") == 0) {
		*name_out = NULL;
		status = QG_OK;
	} else if (code == CURLUE_OK && strcmp(scheme, "https") != 0) {
		status = QG_INVALID;
	} else if (code == CURLUE_OK &&
		   curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		   curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		*name_out = qg_str_printf("%s:%s", host, port);
		status = *name_out ? QG_OK : QG_NO_MEMORY;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return status;
}

static enum qg_status parse(const char *url, char **name_out)
{
	CURLU *parsed = curl_url();
	if (!parsed) {
		return QG_NO_MEMORY;
	}
	CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	enum qg_status status = QG_INVALID;
	if (code == CURLUE_OK) {
		status = name_of(parsed, name_out);
	} else if (code == CURLUE_OUT_OF_MEMORY) {
		status = QG_NO_MEMORY;
	}
	curl_url_cleanup(parsed);
	return status;
}

enum qg_status fetch_origins_get(
	struct fetch_origins *origins, const char *url, struct fetch_origin **origin_out)
{
	char *name;
	enum qg_status status = parse(url, &name);
	if (status != QG_OK || !name) {
		*origin_out = NULL;
		return status;
	}
	struct fetch_origin *origin = find(origins, name);
	if (origin || !make_room(origins)) {
		free(name);
	} else {
		status = add(origins, name, &origin);
	}
	if (status != QG_OK) {
		return status;
	}
	if (origin) {
		move_to_front(origins, origin);
		origin->active++;
	}
	*origin_out = origin;
	return QG_OK;
}

void fetch_origin_put(struct fetch_origin *origin)
{
	if (origin) {
		origin->active--;
	}
}

size_t fetch_origin_connections(const struct fetch_origin *origin)
{
	size_t rounded = origin->multiplexed + STREAMS_A_CONNECTION - 1;
	return rounded / STREAMS_A_CONNECTION + origin->extra;
}
