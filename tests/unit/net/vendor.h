/* vendor.h - servers for the tests of the HTTP client: they answer as the test says, byte by byte, on its loop. */
#ifndef TESTS_NET_VENDOR_H
#define TESTS_NET_VENDOR_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "peer.h"
#include "qg/list.h"

struct visitor;

struct vendor {
	int listener;
	unsigned port;
	struct qg_watch *watch;
	SSL_CTX *tls; /* NULL: plain */
	bool deaf;    /* accepts, then says nothing, not even the handshake */
	struct qg_list visitors;
	int connections; /* accepted in all */
	int requests;
	/* A whole request (head, and a body by Content-Length) came; NULL: every one gets 200 "ok". */
	void (*asked)(struct visitor *visitor);
	/* Instead: whatever bytes came, visitor->data; the function consumes them. */
	void (*bytes)(struct visitor *visitor);
	/* A visitor goes; may be NULL. */
	void (*left)(struct visitor *visitor);
};

struct visitor {
	struct qg_list link;
	struct vendor *vendor;
	int fd;
	struct qg_watch *watch;
	struct qg_timer *later; /* tries again to send what the kernel did not take */
	SSL *ssl;
	bool shaken;
	char *data; /* not consumed yet, NUL-terminated */
	size_t size;
	char *out;
	size_t out_size;
	char *request; /* the one being asked */
	int requests;
	void *own;  /* the test's; freed */
	bool *gone; /* told when the visitor leaves while it is asked */
};

void vendor_open(struct vendor *vendor);
/* With TLS; alpn such as "\x08http/1.1", may be NULL. */
void vendor_open_tls(struct vendor *vendor, const char *alpn);
void vendor_close(struct vendor *vendor);
/* "http://127.0.0.1:PORT/path"; a buffer of four in turn. */
const char *vendor_url(const struct vendor *vendor, const char *path);
/* The visitor that came last. */
struct visitor *vendor_last(const struct vendor *vendor);

void visitor_send(struct visitor *visitor, const void *data, size_t size);
void visitor_say(struct visitor *visitor, const char *text);
/* An answer with Content-Length. */
void visitor_answer(struct visitor *visitor, const char *body);
void visitor_consume(struct visitor *visitor, size_t size);
/* Closes the connection; reset: with RST. The visitor is gone. */
void visitor_leave(struct visitor *visitor, bool reset);

/* A private CA made for this run: its certificate as a file, and one for 127.0.0.1 and "localhost" signed by it. */
void authority_setup(void);
void authority_teardown(void);
const char *authority_file(void);
/* Gives a server such a certificate. */
void authority_use(SSL_CTX *tls);
/* A file with another leaf of the same CA, and its key; serial tells them apart. */
void authority_issue(const char *cert, const char *key, long serial);

#endif
