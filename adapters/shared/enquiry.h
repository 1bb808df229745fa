/* enquiry.h - short questions to a platform whose whole answer is read: for a token, for where to connect. */
#ifndef QG_ADAPTERS_SHARED_ENQUIRY_H
#define QG_ADAPTERS_SHARED_ENQUIRY_H

#include "qg/fetch.h"

struct qg_enquiry { /* borrowed for the call */
	const char *method, *url;
	const char *const *headers; /* up to NULL */
	const char *body;	    /* NULL without */
};

/* host->ended() comes unless it is cancelled, never from inside. NULL for no memory. */
struct qg_fetch *qg_enquire(struct qg_http_client *http, const struct qg_enquiry *enquiry,
	const struct qg_fetch_host *host, void *arg);

#endif
