/* download.h - a file at an address that a platform's message brought: fetched, unless it leads inside. */
#ifndef QG_DOWNLOAD_H
#define QG_DOWNLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/bot.h"
#include "qg/buf.h"
#include "qg/status.h"

struct qg_download;

struct qg_download_request { /* borrowed for the call */
	const char *url;
	size_t most; /* bytes; more is QG_TOO_LARGE */
	const char
		*bases[2]; /* of the config, or NULL: their hosts may lead inside, all others not */
	bool https;	   /* is demanded, but where a base is in the clear itself */
};

struct qg_downloaded {	       /* for the call of ended() */
	enum qg_status status; /* as an adapter's media() has it */
	struct qg_buf *data;   /* may be taken; empty where not QG_OK */
	const char *name;      /* that the server gave it, hostile; NULL: none */
};
typedef void (*qg_download_fn)(void *arg, const struct qg_downloaded *got);

/* NULL for no memory. ended(arg, got) once, never from inside, unless cancelled. */
struct qg_download *qg_download_start(const struct qg_bot *bot,
	const struct qg_download_request *request, qg_download_fn ended, void *arg);
/* Accepts NULL. */
void qg_download_cancel(struct qg_download *download);

#endif
