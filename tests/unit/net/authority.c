/* authority.c - a certificate authority that lives as long as a test, as vendor.h says. */
#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vendor.h"

static char folder[64], ca_path[128];
static EVP_PKEY *ca_key;
static X509 *ca;

static void extend(X509 *cert, X509 *issuer, int what, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
	ck_assert_ptr_nonnull(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *make(EVP_PKEY *key, const char *name, long serial)
{
	X509 *cert = X509_new();
	ck_assert_ptr_nonnull(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	return cert;
}

static X509 *make_leaf(EVP_PKEY *key, long serial)
{
	X509 *leaf = make(key, "127.0.0.1", serial);
	X509_set_issuer_name(leaf, X509_get_subject_name(ca));
	extend(leaf, ca, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
	ck_assert_int_gt(X509_sign(leaf, ca_key, EVP_sha256()), 0);
	return leaf;
}

void authority_setup(void)
{
	snprintf(folder, sizeof(folder), "%s/qg-authority-XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", folder);
	ca_key = EVP_EC_gen("P-256");
	ca = make(ca_key, "qungong test authority", 1);
	X509_set_issuer_name(ca, X509_get_subject_name(ca));
	extend(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
	extend(ca, ca, NID_key_usage, "critical,keyCertSign");
	ck_assert_int_gt(X509_sign(ca, ca_key, EVP_sha256()), 0);
	FILE *file = fopen(ca_path, "w");
	ck_assert_ptr_nonnull(file);
	PEM_write_X509(file, ca);
	fclose(file);
}

void authority_teardown(void)
{
	unlink(ca_path);
	rmdir(folder);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	ca = NULL;
	ca_key = NULL;
}

const char *authority_file(void)
{
	return ca_path;
}

void authority_use(SSL_CTX *tls)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *leaf = make_leaf(key, 2);
	ck_assert_int_eq(SSL_CTX_use_certificate(tls, leaf), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(tls, key), 1);
	X509_free(leaf);
	EVP_PKEY_free(key);
}

void authority_issue(const char *cert, const char *key, long serial)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *leaf = make_leaf(pair, serial);
	FILE *file = fopen(cert, "w");
	ck_assert_ptr_nonnull(file);
	PEM_write_X509(file, leaf);
	fclose(file);
	file = fopen(key, "w");
	ck_assert_ptr_nonnull(file);
	PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(leaf);
	EVP_PKEY_free(pair);
}
