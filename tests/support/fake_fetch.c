/* fake_fetch.c - the HTTP client as a test plays it. */
#include "fake_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/fetch.h"
#include "qg/list.h"

struct qg_fetch {
	struct qg_list item;
	const struct qg_fetch_host *host;
	void *arg;
	char url[256];
};

static struct qg_list fetches = {&fetches, &fetches};

struct qg_fetch *qg_fetch_start(struct qg_http_client *client,
	const struct qg_fetch_request *request, const struct qg_fetch_host *host, void *arg)
{
	struct qg_fetch *fetch = calloc(1, sizeof(*fetch));
	if (fetch) {
		fetch->host = host;
		fetch->arg = arg;
		snprintf(fetch->url, sizeof(fetch->url), "%s", request->url);
		qg_list_add(&fetches, &fetch->item);
	}
	return fetch;
}

void qg_fetch_cancel(struct qg_fetch *fetch)
{
	if (fetch) {
		qg_list_remove(&fetch->item);
		free(fetch);
	}
}

int qg_fetch_status(const struct qg_fetch *fetch)
{
	return 200;
}

const char *qg_fetch_header(const struct qg_fetch *fetch, const char *name)
{
	return NULL;
}

const char *qg_fetch_error_text(enum qg_fetch_error error)
{
	return error == QG_FETCH_NONE ? "ok" : "no";
}

struct qg_http_client *qg_http_client_create(struct qg_loop *loop)
{
	static int nobody;
	return (struct qg_http_client *)&nobody;
}

void qg_http_client_destroy(struct qg_http_client *client)
{
}

bool fake_fetch_is_idle(void)
{
	return qg_list_is_empty(&fetches);
}

bool fake_fetch_answer(const char *(*answer)(const char *url))
{
	bool any = false;
	while (!qg_list_is_empty(&fetches)) {
		struct qg_fetch *fetch = QG_CONTAINER(fetches.next, struct qg_fetch, item);
		const char *text = answer(fetch->url);
		struct qg_fetch_end end = {.status = 200,
			.body = text,
			.size = strlen(text),
			.sent = true,
			.words = ""};
		qg_list_remove(&fetch->item);
		fetch->host->ended(fetch->arg, fetch, &end);
		free(fetch);
		any = true;
	}
	return any;
}
