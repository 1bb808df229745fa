/* enquiry.c - how long a platform may take for a short question, and how much it may say. */
#include "enquiry.h"

#include <string.h>

#define ANSWER_MOST 65536

struct qg_fetch *qg_enquire(struct qg_http_client *http, const struct qg_enquiry *enquiry,
	const struct qg_fetch_host *host, void *arg)
{
	struct qg_fetch_request request = {.method = enquiry->method,
		.url = enquiry->url,
		.headers = enquiry->headers,
		.body = enquiry->body,
		.body_size = enquiry->body ? strlen(enquiry->body) : 0,
		.most = ANSWER_MOST,
		.gathers = true,
		.connect_ms = 5000,
		.first_byte_ms = 10000,
		.idle_ms = 10000,
		.total_ms = 15000};
	return qg_fetch_start(http, &request, host, arg);
}
