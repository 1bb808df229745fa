/* fetch_trust.c - owns the certificates that the client believes.
 *
 * Left alone, libcurl reads the system's whole bundle anew for every connection: milliseconds of
 * processor time and most of a megabyte each. Here one store serves all of them; the system's
 * folder is looked up by the hash of a name, so that only the few authorities in use are ever
 * read. */
#include "fetch_internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

/* The folder is enough; a file is read only where the operator names one, as it is read whole. */
static bool load_system(X509_STORE *store)
{
	const char *file = getenv(X509_get_default_cert_file_env());
	const char *folder = getenv(X509_get_default_cert_dir_env());
	if (file && *file) {
		(void)X509_STORE_load_file(store, file);
	}
	return X509_STORE_load_path(store, folder ? folder : X509_get_default_cert_dir()) == 1;
}

X509_STORE *fetch_trust_create(void)
{
	X509_STORE *store = X509_STORE_new();
	if (store && !load_system(store)) {
		X509_STORE_free(store);
		store = NULL;
	}
	/* A file or folder that does not exist is no failure, but leaves its note. */
	ERR_clear_error();
	return store;
}

enum qg_status qg_http_client_trust(struct qg_http_client *client, const char *path)
{
	int loaded = X509_STORE_load_file(client->trusted, path);
	ERR_clear_error();
	return loaded == 1 ? QG_OK : QG_INVALID;
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
