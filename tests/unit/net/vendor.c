/* vendor.c - servers that answer as a test says, as vendor.h says. */
#include "vendor.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- bytes out ---- */

static ssize_t put(struct visitor *visitor, const void *data, size_t size)
{
	if (!visitor->ssl) {
		return send(visitor->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	size_t taken = 0;
	ERR_clear_error(); /* what another connection left is none of this one's */
	return SSL_write_ex(visitor->ssl, data, size, &taken) == 1 ? (ssize_t)taken : -1;
}

static void flush(void *arg)
{
	struct visitor *visitor = arg;
	while (visitor->out_size > 0) {
		ssize_t sent = put(visitor, visitor->out, visitor->out_size);
		if (sent <= 0) {
			qg_timer_start(visitor->later, 1);
			return;
		}
		visitor->out_size -= (size_t)sent;
		memmove(visitor->out, visitor->out + sent, visitor->out_size);
	}
}

void visitor_send(struct visitor *visitor, const void *data, size_t size)
{
	if (size == 0) {
		return;
	}
	visitor->out = realloc(visitor->out, visitor->out_size + size + 1);
	ck_assert_ptr_nonnull(visitor->out);
	memcpy(visitor->out + visitor->out_size, data, size);
	visitor->out_size += size;
	if (!visitor->ssl || visitor->shaken) {
		flush(visitor);
	}
}

void visitor_say(struct visitor *visitor, const char *text)
{
	visitor_send(visitor, text, strlen(text));
}

void visitor_answer(struct visitor *visitor, const char *body)
{
	char head[128];
	snprintf(
		head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(body));
	visitor_say(visitor, head);
	visitor_say(visitor, body);
}

/* ---- bytes in ---- */

void visitor_leave(struct visitor *visitor, bool reset)
{
	if (reset) {
		struct linger hard = {.l_onoff = 1, .l_linger = 0};
		setsockopt(visitor->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	}
	if (visitor->vendor->left) {
		visitor->vendor->left(visitor);
	}
	if (visitor->gone) {
		*visitor->gone = true;
	}
	qg_list_remove(&visitor->link);
	qg_watch_destroy(visitor->watch);
	qg_timer_destroy(visitor->later);
	if (visitor->ssl && visitor->shaken && !reset) {
		SSL_shutdown(visitor->ssl);
	}
	SSL_free(visitor->ssl);
	close(visitor->fd);
	free(visitor->data);
	free(visitor->out);
	free(visitor->request);
	free(visitor->own);
	free(visitor);
}

void visitor_consume(struct visitor *visitor, size_t size)
{
	visitor->size -= size;
	memmove(visitor->data, visitor->data + size, visitor->size);
	visitor->data[visitor->size] = '\0';
}

/* The size of the whole request at the front; 0 while it is not whole. */
static size_t whole(const struct visitor *visitor)
{
	const char *end = strstr(visitor->data, "\r\n\r\n");
	if (!end) {
		return 0;
	}
	const char *length = strcasestr(visitor->data, "\r\nContent-Length:");
	size_t size = (size_t)(end - visitor->data) + 4;
	size += length && length < end ? strtoul(length + 17, NULL, 10) : 0;
	return visitor->size >= size ? size : 0;
}

/* False: the visitor has gone. */
static bool ask_one(struct visitor *visitor, size_t size)
{
	struct vendor *vendor = visitor->vendor;
	free(visitor->request);
	visitor->request = strndup(visitor->data, size);
	visitor_consume(visitor, size);
	visitor->requests++;
	vendor->requests++;
	if (!vendor->asked) {
		visitor_answer(visitor, "ok");
		return true;
	}
	bool gone = false;
	visitor->gone = &gone;
	vendor->asked(visitor);
	if (!gone) {
		visitor->gone = NULL;
	}
	return !gone;
}

static void look(struct visitor *visitor)
{
	size_t size;
	if (visitor->vendor->bytes) {
		visitor->vendor->bytes(visitor);
		return;
	}
	while ((size = whole(visitor)) > 0) {
		if (!ask_one(visitor, size)) {
			return;
		}
	}
}

static ssize_t get(struct visitor *visitor, char *bytes, size_t size)
{
	if (!visitor->ssl) {
		return recv(visitor->fd, bytes, size, MSG_DONTWAIT);
	}
	size_t got = 0;
	ERR_clear_error();
	int result = SSL_read_ex(visitor->ssl, bytes, size, &got);
	if (result == 1) {
		return (ssize_t)got;
	}
	int why = SSL_get_error(visitor->ssl, result);
	errno = EAGAIN;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

static bool shake(struct visitor *visitor)
{
	if (!visitor->ssl || visitor->shaken) {
		return true;
	}
	ERR_clear_error();
	int result = SSL_accept(visitor->ssl);
	if (result == 1) {
		visitor->shaken = true;
		flush(visitor);
		return true;
	}
	int why = SSL_get_error(visitor->ssl, result);
	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
		visitor_leave(visitor, false);
	}
	return false;
}

static void on_bytes(void *arg, int fd)
{
	struct visitor *visitor = arg;
	char bytes[65536];
	if (!shake(visitor)) {
		return;
	}
	ssize_t got;
	size_t before = visitor->size;
	while ((got = get(visitor, bytes, sizeof(bytes))) > 0) {
		visitor->data = realloc(visitor->data, visitor->size + (size_t)got + 1);
		ck_assert_ptr_nonnull(visitor->data);
		memcpy(visitor->data + visitor->size, bytes, (size_t)got);
		visitor->size += (size_t)got;
		visitor->data[visitor->size] = '\0';
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		visitor_leave(visitor, false);
	} else if (visitor->size > before) {
		look(visitor);
	}
}

static void on_visit(void *arg, int fd)
{
	struct vendor *vendor = arg;
	struct visitor *visitor = calloc(1, sizeof(*visitor));
	ck_assert_ptr_nonnull(visitor);
	visitor->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(visitor->fd, 0);
	int on = 1;
	setsockopt(visitor->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	visitor->vendor = vendor;
	visitor->data = calloc(1, 1);
	visitor->later = qg_timer_create(loop, flush, visitor);
	vendor->connections++;
	if (vendor->tls) {
		visitor->ssl = SSL_new(vendor->tls);
		SSL_set_fd(visitor->ssl, visitor->fd);
	}
	qg_list_init(&visitor->link);
	qg_list_add(&vendor->visitors, &visitor->link);
	if (!vendor->deaf) {
		visitor->watch = qg_watch_readable(loop, visitor->fd, on_bytes, visitor);
	}
}

/* ---- the vendor ---- */

void vendor_open(struct vendor *vendor)
{
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without asking */
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_ANY);
	qg_list_init(&vendor->visitors);
	vendor->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(vendor->listener, 0);
	ck_assert_int_eq(bind(vendor->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(vendor->listener, 1024), 0);
	getsockname(vendor->listener, (struct sockaddr *)&address, &size);
	vendor->port = ntohs(address.sin_port);
	vendor->watch = qg_watch_readable(loop, vendor->listener, on_visit, vendor);
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
	const unsigned char *in, unsigned in_size, void *arg)
{
	const unsigned char *wanted = arg;
	unsigned char *chosen;
	int result = SSL_select_next_proto(
		&chosen, out_size, wanted, (unsigned)strlen((const char *)wanted), in, in_size);
	*out = chosen;
	return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void vendor_open_tls(struct vendor *vendor, const char *alpn)
{
	vendor_open(vendor);
	vendor->tls = SSL_CTX_new(TLS_server_method());
	ck_assert_ptr_nonnull(vendor->tls);
	SSL_CTX_set_mode(
		vendor->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (alpn) {
		SSL_CTX_set_alpn_select_cb(vendor->tls, choose_alpn, (void *)alpn);
	}
	authority_use(vendor->tls);
}

void vendor_close(struct vendor *vendor)
{
	qg_watch_destroy(vendor->watch);
	vendor->watch = NULL;
	if (vendor->listener > 0) {
		close(vendor->listener);
	}
	vendor->listener = 0;
	while (vendor->visitors.next && !qg_list_is_empty(&vendor->visitors)) {
		visitor_leave(QG_CONTAINER(vendor->visitors.next, struct visitor, link), false);
	}
	SSL_CTX_free(vendor->tls);
	vendor->tls = NULL;
}

const char *vendor_url(const struct vendor *vendor, const char *path)
{
	static char urls[4][160];
	static int turn;
	char *url = urls[turn++ % 4];
	snprintf(url, sizeof(urls[0]), "%s://127.0.0.1:%u%s", vendor->tls ? "https" : "http",
		vendor->port, path);
	return url;
}

struct visitor *vendor_last(const struct vendor *vendor)
{
	ck_assert(!qg_list_is_empty(&vendor->visitors));
	return QG_CONTAINER(vendor->visitors.prev, struct visitor, link);
}
