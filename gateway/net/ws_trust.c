/* ws_trust.c - owns the one TLS context of all links, and whose name a certificate must bear.
 *
 * The library cuts the name it verifies at the first colon and at 127 bytes, and offers an address
 * as a server's name. So the name is set anew by us when a handshake begins, and a handshake where
 * that did not happen is refused. */
#include "ws_internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "trust.h"

static bool expect_name(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (ws_is_literal(host)) {
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 &&
		       X509_VERIFY_PARAM_set1_host(param, NULL, 0) == 1 &&
		       SSL_set_tlsext_host_name(ssl, NULL) == 1;
	}
	return X509_VERIFY_PARAM_set1_host(param, host, strlen(host)) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* The only way to an SSL of the library's before its first byte leaves. */
static void on_tls(const SSL *ssl, int where, int result)
{
	if (!(where & SSL_CB_HANDSHAKE_START)) {
		return;
	}
	struct qg_ws_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct qg_ws *ws = ws_client_find(client, SSL_get_fd(ssl));
	if (ws) {
		ws->named = expect_name((SSL *)ssl, ws->target.host);
	}
}

bool ws_trust_verdict(struct qg_ws *ws, X509_STORE_CTX *context, bool believed)
{
	if (!believed) {
		const char *words =
			X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
		ws->rejected_tls = true;
		ws_note(ws, "the certificate was refused", words, strlen(words));
	}
	return believed && ws->named;
}

static enum qg_status need_store(struct qg_ws_client *client)
{
	if (!client->trusted) {
		client->trusted = trust_create();
	}
	return client->trusted ? QG_OK : QG_NO_MEMORY;
}

enum qg_status ws_trust_need(struct qg_ws_client *client)
{
	if (need_store(client) != QG_OK) {
		return QG_NO_MEMORY;
	}
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	if (!tls || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1) {
		SSL_CTX_free(tls);
		ERR_clear_error();
		return QG_NO_MEMORY;
	}
	SSL_CTX_set1_cert_store(tls, client->trusted);
	SSL_CTX_set_app_data(tls, client);
	SSL_CTX_set_info_callback(tls, on_tls);
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	/* A link waits most of its life: its two buffers of 16 KiB go while it does. */
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	client->tls = tls;
	return QG_OK;
}

void ws_trust_finish(struct qg_ws_client *client)
{
	SSL_CTX_free(client->tls);
	client->tls = NULL;
	X509_STORE_free(client->trusted);
	client->trusted = NULL;
}

enum qg_status qg_ws_client_trust(struct qg_ws_client *client, const char *path)
{
	enum qg_status status = need_store(client);
	return status == QG_OK ? trust_add(client->trusted, path) : status;
}
