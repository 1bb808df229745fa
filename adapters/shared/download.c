/* download.c - a file at an address that a platform's message brought.
 *
 * Such addresses live for minutes and lead to an object store: a plain GET, the query a signature to be kept byte for byte.
 * Nothing is followed elsewhere, and nothing leads inside, unless a base of the config names that host: the fetch sees
 * to that as it connects. The store is busy now and then, so a try or two more are made here, while the address is still
 * alive. */
#include "download.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "disposition.h"
#include "qg/fetch.h"
#include "qg/loop.h"
#include "qg/str.h"

#define TRIES 3
#define AGAIN_MS 700

struct qg_download {
	const struct qg_bot *bot;
	char *url;
	size_t most;
	qg_download_fn ended;
	void *arg;
	struct qg_timer *timer;
	struct qg_fetch *fetch;
	bool is_inner;
	unsigned tries;
	struct qg_buf data;
	enum qg_status status; /* told from the loop where it is not QG_OK */
};

/* ---- life ---- */

void qg_download_cancel(struct qg_download *download)
{
	if (!download) {
		return;
	}
	qg_fetch_cancel(download->fetch);
	qg_timer_destroy(download->timer);
	qg_buf_finish(&download->data);
	free(download->url);
	free(download);
}

/* It is gone before its owner hears: he may end from there. */
static void end(struct qg_download *download, enum qg_status status, const char *disposition)
{
	qg_download_fn ended = download->ended;
	void *arg = download->arg;
	struct qg_buf data = download->data;
	QG_AUTO(qg_str_free) char *name = qg_disposition_name(disposition);
	qg_buf_init(&download->data, 0);
	qg_download_cancel(download);
	if (status == QG_OK) {
		status = qg_buf_add(&data, "", 0); /* an empty file has its NUL, too */
	}
	if (status != QG_OK) {
		qg_buf_reset(&data);
	}
	ended(arg, &(struct qg_downloaded){status, &data, name});
	qg_buf_finish(&data);
}

/* ---- the bytes ---- */

/* QG_AWAY: another try may help. */
static enum qg_status judge(const struct qg_fetch_end *end)
{
	if (end->status != 0 && end->status != 200) {
		/* 5xx and 429 may pass. All else, a redirect too: it is not there for us. */
		return end->status >= 500 || end->status == 429 ? QG_AWAY : QG_NOT_FOUND;
	}
	switch (end->error) {
	case QG_FETCH_NONE:
		return QG_OK;
	case QG_FETCH_TOO_LARGE:
		return QG_TOO_LARGE;
	case QG_FETCH_NO_MEMORY:
		return QG_NO_MEMORY;
	case QG_FETCH_URL:
	case QG_FETCH_INSIDE:
		return QG_INVALID;
	case QG_FETCH_CONNECT_TIMEOUT:
	case QG_FETCH_FIRST_BYTE_TIMEOUT:
	case QG_FETCH_IDLE_TIMEOUT:
	case QG_FETCH_TOTAL_TIMEOUT:
		return QG_TIMEOUT;
	default:
		return QG_AWAY;
	}
}

static void came(void *arg, struct qg_fetch *fetch, const char *data, size_t size)
{
	struct qg_download *download = arg;
	(void)fetch;
	qg_buf_add(&download->data, data, size);
}

static void fetched(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *fetch_end)
{
	struct qg_download *download = arg;
	enum qg_status status = judge(fetch_end);
	download->fetch = NULL;
	if (status == QG_OK && download->data.failed != QG_OK) {
		status = download->data.failed;
	}
	if (status == QG_AWAY && download->tries < TRIES) {
		qg_buf_reset(&download->data);
		qg_timer_start(download->timer, AGAIN_MS * download->tries);
		return;
	}
	end(download, status, qg_fetch_header(fetch, "Content-Disposition"));
}

static void fetch(struct qg_download *download)
{
	static const struct qg_fetch_host host = {.data = came, .ended = fetched};
	struct qg_fetch_request request = {.method = "GET",
		.url = download->url,
		.most = download->most,
		.outside = !download->is_inner,
		.connect_ms = 8000,
		.first_byte_ms = 10000,
		.idle_ms = 10000,
		.total_ms = 60000};
	download->tries++;
	download->fetch = qg_fetch_start(download->bot->http, &request, &host, download);
	if (!download->fetch) {
		end(download, QG_NO_MEMORY, NULL);
	}
}

/* On the loop: at first, and for each further try. */
static void go(void *arg)
{
	struct qg_download *download = arg;
	if (download->status != QG_OK) {
		end(download, download->status, NULL);
	} else {
		fetch(download);
	}
}

/* ---- where it leads ---- */

static enum qg_status check(struct qg_download *download, const struct qg_download_request *request)
{
	struct qg_address address, base;
	bool wants_https = request->https;
	if (!qg_address_read(download->url, &address)) {
		return QG_INVALID;
	}
	for (size_t i = 0; i < sizeof(request->bases) / sizeof(request->bases[0]); i++) {
		if (request->bases[i] && qg_address_read(request->bases[i], &base) &&
			strcmp(base.host, address.host) == 0) {
			download->is_inner = true;
			wants_https = wants_https && base.is_https;
		}
	}
	return wants_https && !address.is_https ? QG_INVALID : QG_OK;
}

struct qg_download *qg_download_start(const struct qg_bot *bot,
	const struct qg_download_request *request, qg_download_fn ended, void *arg)
{
	struct qg_download *download = calloc(1, sizeof(*download));
	if (!download) {
		return NULL;
	}
	download->bot = bot;
	download->most = request->most;
	download->ended = ended;
	download->arg = arg;
	qg_buf_init(&download->data, request->most);
	download->url = qg_str_copy(request->url);
	download->timer = qg_timer_create(bot->loop, go, download);
	if (!download->url || !download->timer) {
		qg_download_cancel(download);
		return NULL;
	}
	download->status = bot->http ? check(download, request) : QG_AWAY;
	qg_timer_start(download->timer, 0);
	return download;
}
