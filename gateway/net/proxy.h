/* proxy.h - the proxies of the environment, as every client of the folder takes them. */
#ifndef QG_NET_PROXY_H
#define QG_NET_PROXY_H

#include <stdbool.h>

#include "qg/status.h"

/* The address of the proxy to host (a name, or an address without brackets), as the environment spells it and as long
 * as that stays; NULL where there is none. */
QG_MUST_CHECK enum qg_status proxy_find(const char *host, bool tls, const char **proxy_out);

#endif
