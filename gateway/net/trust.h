/* trust.h - the certificates of the system, as every client of the folder believes them. */
#ifndef QG_NET_TRUST_H
#define QG_NET_TRUST_H

#include <openssl/x509.h>

#include "qg/status.h"

/* Yours to free; NULL for no memory. */
X509_STORE *trust_create(void);
/* Adds a PEM file's. QG_INVALID where it holds none. */
QG_MUST_CHECK enum qg_status trust_add(X509_STORE *store, const char *path);

#endif
