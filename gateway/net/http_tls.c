/* http_tls.c - owns TLS of the front: the certificate in force, and the bytes of a connection that
 * is encrypted.
 *
 * A new certificate is a new context; each connection holds on to the one it began with, so nothing
 * open notices. Sessions are resumed by tickets, which cost the server no memory. Whoever reads
 * may have to write and the other way round (a key update answers itself): what an operation waits
 * for is noted in the connection, and it watches that.
 *
 * The error queue of OpenSSL is the thread's, not the connection's: it is emptied before every
 * operation, or one peer's mistake would be read as another's. A socket that breaks raises SIGPIPE
 * inside OpenSSL, which the process ignores. */
#include "http_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ERROR_SIZE 128
/* Answers up to this size leave as one record, head and body together. */
#define RECORD 16384
#define RECORDS_A_TURN 8

/* ---- the certificate ---- */

static int choose_protocol(SSL *tls, const unsigned char **out, unsigned char *out_size,
	const unsigned char *offered, unsigned size, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;
	int result =
		SSL_select_next_proto(&chosen, out_size, ours, sizeof(ours) - 1, offered, size);
	*out = chosen;
	return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A key behind a password: nobody is there to type it. */
static int no_password(char *out, int size, int writing, void *arg)
{
	return 0;
}

static bool load(SSL_CTX *context, const char *cert, const char *key, char *error)
{
	if (SSL_CTX_use_certificate_chain_file(context, cert) != 1) {
		snprintf(error, ERROR_SIZE, "the file of the certificate holds none");
	} else if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
		snprintf(error, ERROR_SIZE, "the file of the key holds none for this certificate");
	} else if (SSL_CTX_check_private_key(context) != 1) {
		snprintf(error, ERROR_SIZE, "the key is not the one of the certificate");
	} else {
		return true;
	}
	ERR_clear_error();
	return false;
}

enum qg_status qg_http_server_tls(
	struct qg_http_server *server, const char *cert, const char *key, char *error)
{
	ERR_clear_error();
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
		SSL_CTX_free(context);
		snprintf(error, ERROR_SIZE, "out of memory");
		return QG_NO_MEMORY;
	}
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Idle connections hold no buffers; what a write did not take lies elsewhere when it is
	 * tried again. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_default_passwd_cb(context, no_password);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	if (!load(context, cert, key, error)) {
		SSL_CTX_free(context);
		return QG_INVALID;
	}
	SSL_CTX_free(server->tls);
	server->tls = context;
	return QG_OK;
}

void http_tls_finish(struct qg_http_server *server)
{
	SSL_CTX_free(server->tls);
	server->tls = NULL;
}

/* ---- a connection ---- */

bool http_tls_open(struct http_connection *c)
{
	c->tls = SSL_new(c->server->tls);
	if (!c->tls || SSL_set_fd(c->tls, c->io.fd) != 1) {
		http_tls_close(c);
		return false;
	}
	SSL_set_accept_state(c->tls);
	return true;
}

void http_tls_close(struct http_connection *c)
{
	SSL_free(c->tls);
	c->tls = NULL;
}

/* EAGAIN and what it waits for, or EIO. */
static ssize_t fail(struct http_connection *c, int result, bool *crossed, int crossing)
{
	int why = SSL_get_error(c->tls, result);
	*crossed = why == crossing;
	errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
	return -1;
}

enum http_tls_step http_tls_shake(struct http_connection *c)
{
	ERR_clear_error();
	int result = SSL_do_handshake(c->tls);
	if (result == 1) {
		c->shaken = true;
		c->read_waits_write = false;
		return HTTP_TLS_DONE;
	}
	bool is_plain = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
	(void)fail(c, result, &c->read_waits_write, SSL_ERROR_WANT_WRITE);
	if (errno == EAGAIN) {
		return HTTP_TLS_MORE;
	}
	return is_plain ? HTTP_TLS_PLAIN : HTTP_TLS_BROKEN;
}

ssize_t http_tls_receive(struct http_connection *c, char *data, size_t size)
{
	size_t got = 0;
	ERR_clear_error();
	int result = SSL_read_ex(c->tls, data, size, &got);
	c->read_waits_write = false;
	if (result == 1) {
		return (ssize_t)got;
	}
	if (SSL_get_error(c->tls, result) == SSL_ERROR_ZERO_RETURN) {
		return 0;
	}
	return fail(c, result, &c->read_waits_write, SSL_ERROR_WANT_WRITE);
}

static ssize_t send_some(struct http_connection *c, const char *data, size_t size)
{
	size_t all = 0;
	ERR_clear_error();
	c->write_waits_read = false;
	/* A call takes one record; some more, but not all of a large answer, go in one turn. */
	while (all < size && all < RECORDS_A_TURN * RECORD) {
		size_t sent = 0;
		int result = SSL_write_ex(c->tls, data + all, size - all, &sent);
		if (result != 1) {
			(void)fail(c, result, &c->write_waits_read, SSL_ERROR_WANT_READ);
			return all > 0 && errno == EAGAIN ? (ssize_t)all : -1;
		}
		all += sent;
	}
	return (ssize_t)all;
}

/* The pieces that fit, one behind the other; the bytes taken. */
static size_t gather(const struct iovec *pieces, size_t count, char *out)
{
	size_t size = 0;
	for (size_t i = 0; i < count; i++) {
		size_t room = RECORD - size;
		size_t taken = pieces[i].iov_len < room ? pieces[i].iov_len : room;
		if (taken > 0) {
			memcpy(out + size, pieces[i].iov_base, taken);
			size += taken;
		}
	}
	return size;
}

/* The first record's worth together; of what is longer the rest waits for the next writable event:
 * large answers are written from one piece. */
ssize_t http_tls_send(struct http_connection *c, const struct iovec *pieces, size_t count)
{
	char record[RECORD];
	if (count == 1) {
		return send_some(c, pieces[0].iov_base, pieces[0].iov_len);
	}
	return send_some(c, record, gather(pieces, count, record));
}

size_t http_tls_pending(const struct http_connection *c)
{
	return c->shaken ? (size_t)SSL_pending(c->tls) : 0;
}

void http_tls_bye(struct http_connection *c)
{
	if (c->shaken) {
		ERR_clear_error();
		/* Said once; whether the peer says it back is no matter. */
		(void)SSL_shutdown(c->tls);
	}
}
