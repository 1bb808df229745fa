/* outside.h - which addresses are of the public internet. */
#ifndef QG_NET_OUTSIDE_H
#define QG_NET_OUTSIDE_H

#include <stdbool.h>
#include <sys/socket.h>

bool outside_has_address(const struct sockaddr *address);
/* A literal address (without brackets) by what it is; a name unless it never leads outside (localhost). Where a name
 * leads else is not asked. */
bool outside_has_host(const char *host);

#endif
