/* fetch_trust.c - owns which certificates the client believes.
 *
 * Left alone, libcurl reads the system's whole bundle anew for every connection. Here one store
 * serves all of them. */
#include "fetch_internal.h"

#include <openssl/ssl.h>

#include "trust.h"

enum qg_status qg_http_client_trust(struct qg_http_client *client, const char *path)
{
	return trust_add(client->trusted, path);
}

CURLcode fetch_trust_apply(CURL *easy, void *context, void *arg)
{
	struct qg_http_client *client = arg;
	SSL_CTX *tls = context;
	SSL_CTX_set1_cert_store(tls, client->trusted);
	/* A stream waits most of its life: its two buffers of 16 KiB go while it does. */
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	return CURLE_OK;
}
