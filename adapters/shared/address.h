/* address.h - URLs that a platform's message brought: where they lead, and whether we go there.
 *
 * They are signed for, but a forged or careless one must not carry a one-time secret to strangers. (That it reaches none
 * of this machine's neighbours is for the fetch to see to: only a connection shows where a name leads.) Whoever replaces
 * the platform by a base address (a private deployment, a test) says by that which inner host is meant. */
#ifndef QG_ADAPTERS_SHARED_ADDRESS_H
#define QG_ADAPTERS_SHARED_ADDRESS_H

#include <stdbool.h>

#define QG_ADDRESS_HOST 256

struct qg_address {
	bool is_https;
	char host[QG_ADDRESS_HOST]; /* lower case, without port and brackets */
	const char *rest; /* path and query as they stand, borrowed from the URL; "" possible */
};

/* false: not http(s), a name or password in it, a bad host. */
bool qg_address_read(const char *url, struct qg_address *out);
/* Where a request goes that may leave only for hosts below domain (".weixin.qq.com") over https, or for base's host;
 * moved to base where there is one (may be NULL). Yours to free; NULL for no memory or another host (*refused). */
char *qg_address_of_platform(const char *url, const char *domain, const char *base, bool *refused);

#endif
