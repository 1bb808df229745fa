/* trust.c - owns how the system's certificates are found.
 *
 * The system's folder is looked up by the hash of a name, so that only the few authorities in use
 * are ever read: its whole bundle is milliseconds of processor time and most of a megabyte. */
#include "trust.h"

#include <openssl/err.h>
#include <stdbool.h>
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

X509_STORE *trust_create(void)
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

enum qg_status trust_add(X509_STORE *store, const char *path)
{
	int loaded = X509_STORE_load_file(store, path);
	ERR_clear_error();
	return loaded == 1 ? QG_OK : QG_INVALID;
}
