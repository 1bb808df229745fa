/* http_internal.h - what the files of the HTTP front know of each other; nobody else includes it.
 *
 *   http_server.c      listener, limits over all connections, drain, destroy
 *   http_connection.c  bytes in and out of one connection, its deadlines, its end
 *   http_request.c     bytes -> one checked request; knows no socket, so that it can be fuzzed
 *   http_target.c      the request target: forms, decoding, what a path may not hold
 *   http_chunked.c     the chunked coding of bodies
 *   http_exchange.c    what a handler reads of a request
 *   http_answer.c      answers and streams
 *   http_address.c     connections per address, trusted proxies
 *   http_watch.c       what a connection waits for: events, a deadline
 *   http_tls.c         the certificate in force, the bytes of an encrypted connection
 */
#ifndef QG_NET_HTTP_INTERNAL_H
#define QG_NET_HTTP_INTERNAL_H

#include <ev.h>
#include <netinet/in.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "qg/buf.h"
#include "qg/http.h"
#include "qg/list.h"

/* ---- http_request.c: one request ---- */

#define HTTP_MAX_FIELDS 100

enum http_step {
	HTTP_MORE,     /* all bytes taken, the request is not whole yet */
	HTTP_CONTINUE, /* the peer waits for 100 before it sends the body */
	HTTP_DONE,     /* whole; bytes after it are not taken */
	HTTP_BAD       /* refused: error_code and error_text; nothing after it can be believed */
};

enum http_request_state { HTTP_IN_HEAD, HTTP_IN_BODY, HTTP_IN_CHUNKS, HTTP_WHOLE, HTTP_REFUSED };

struct http_field {
	uint32_t name, name_size, value, value_size; /* in the head, each ended by a NUL */
};

struct http_chunked {
	int state;
	unsigned digits;   /* of the size line so far */
	uint64_t left;	   /* bytes of this chunk still to come */
	size_t ignored;	   /* bytes of extensions and trailers */
	bool trailer_text; /* the trailer line is not empty */
};

struct http_request {
	enum http_request_state state;
	size_t head_limit, body_limit;
	struct qg_buf head; /* as received until it is whole; then cut into strings in place */
	struct qg_buf body;

	/* Scanning the head. */
	unsigned leading_breaks; /* empty lines before it */
	bool after_cr, line_has_text, first_line_done;

	/* The head, once whole. */
	unsigned method; /* enum http_method */
	unsigned minor;	 /* HTTP/1.minor */
	bool keep_alive;
	uint32_t target, target_size;
	uint32_t path, query;
	size_t field_count;

	/* The body. */
	uint64_t length; /* of the identity body */
	struct http_chunked chunked;
	bool wants_continue;

	int error_code;
	const char *error_text;
	struct http_field fields[HTTP_MAX_FIELDS]; /* last: a reset leaves them alone */
};

/* limits are kept as numbers. Allocates nothing. */
void http_request_init(struct http_request *request, size_t head_limit, size_t body_limit);
/* Ready for the next request; keeps modest memory, gives back the rest. */
void http_request_reset(struct http_request *request);
void http_request_finish(struct http_request *request);
/* Takes bytes; *used_out of them. Not to be called again after HTTP_DONE or HTTP_BAD before a
 * reset. */
enum http_step http_request_feed(
	struct http_request *request, const char *data, size_t size, size_t *used_out);
/* Whether any byte of a request was taken since the reset. */
bool http_request_has_begun(const struct http_request *request);
/* The value of the first field of that name after the given one (NULL: from the start), or NULL. */
const struct http_field *http_request_next(
	const struct http_request *request, const char *name, const struct http_field *after);
/* Only the request line and headers are in; false before. */
bool http_request_has_head(const struct http_request *request);
/* Notes the refusal; returns HTTP_BAD. text is a constant. */
enum http_step http_request_refuse(struct http_request *request, int code, const char *text);

/* ---- http_target.c ---- */

/* Sets path and query from the target in the head, in place. Returns 0, or the code of the refusal.
 * host is the value of the Host header, NULL if absent. */
int http_target_set(struct http_request *request, const char *host);
/* Whether text may stand as the value of a Host header. */
bool http_target_is_host(const char *text);

/* ---- http_chunked.c ---- */

void http_chunked_init(struct http_chunked *chunked);
/* Takes coded bytes, appends decoded ones to body: 1 whole, 0 more to come, -1 not well formed. A
 * full body shows in body->failed. */
int http_chunked_feed(struct http_chunked *chunked, const char *data, size_t size, size_t *used_out,
	struct qg_buf *body);

/* ---- http_address.c ---- */

struct http_addresses;

/* A peer as one counts it: IPv6 by /64, because one customer gets no less. */
struct http_address {
	struct qg_list link;
	uint64_t key[2];
	unsigned connections; /* served */
	unsigned refused;     /* being told 429 */
};

struct http_network {
	struct in6_addr prefix;
	unsigned bits;
};

struct http_addresses *http_addresses_create(void);
void http_addresses_destroy(struct http_addresses *addresses);
/* The entry of that address, made if needed; NULL for no memory. */
struct http_address *http_addresses_get(
	struct http_addresses *addresses, const struct in6_addr *ip);
/* Frees an entry that counts nobody any more. Accepts NULL. */
void http_addresses_put(struct http_address *address);
/* "10.0.0.1", "10.0.0.0/8", "fd00::/8"; IPv4 becomes its IPv6-mapped form. */
QG_MUST_CHECK bool http_network_parse(const char *text, struct http_network *network_out);
bool http_network_has(const struct http_network *networks, size_t count, const struct in6_addr *ip);
QG_MUST_CHECK bool http_ip_parse(const char *text, struct in6_addr *ip_out);
/* out: INET6_ADDRSTRLEN bytes; IPv4-mapped ones in IPv4's form. */
void http_ip_format(const struct in6_addr *ip, char *out);

/* ---- the objects of a server ---- */

struct http_connection;

enum http_phase {
	HTTP_X_READING,	 /* the request is not whole */
	HTTP_X_HANDED,	 /* the handler has it */
	HTTP_X_STREAMING /* the handler writes a stream */
};

struct qg_http_exchange {
	struct qg_list link; /* in the server's spare ones */
	struct qg_http_server *server;
	struct http_connection *connection; /* NULL once the peer left and nobody wanted to know */
	enum http_phase phase;
	bool chunked; /* the stream's coding */
	bool silent;  /* the stream answers HEAD */
	struct http_request request;
	struct in6_addr ip;
	struct http_address *address; /* whom a trusted proxy forwards for, while it is counted */
	uint64_t received_us;
	size_t counted;	     /* of the body's memory, in server->body_memory */
	struct qg_buf extra; /* headers of the coming answer */
	void (*gone)(void *arg);
	void *gone_arg;
	char peer[INET6_ADDRSTRLEN]; /* "" until asked for */
};

enum http_connection_state {
	HTTP_OPEN,
	HTTP_ENDING, /* the answer in out is the last; then lingering */
	HTTP_LINGER, /* our side is shut; what the peer still sends is dropped for a moment */
	HTTP_CLOSED  /* on the server's dead list; memory goes when no callback can hold it */
};

struct http_connection {
	struct qg_list link;
	struct qg_http_server *server;
	ev_io io;
	ev_timer timer;	      /* armed lazily: fires at or before the deadline, then looks */
	ev_watcher turn;      /* never started: fed, to go on after the current callback */
	uint64_t deadline_ms; /* 0: none */
	uint64_t timer_at_ms;
	struct qg_http_exchange *x;
	struct qg_buf in; /* read while an answer was pending */
	size_t in_used;
	struct qg_buf out; /* not yet taken by the kernel */
	size_t out_sent;
	struct http_address *address; /* NULL for a trusted proxy */
	struct in6_addr ip;
	size_t lingered;
	enum http_connection_state state;
	bool refused;	 /* counts in address->refused */
	bool processing; /* its bytes are being looked at further up the stack */
	bool timed;	 /* the deadline is the one of the request being read */
	bool peer_shut;	 /* the peer will send no more */
	bool broken;	 /* a write failed or the backlog is full: to be aborted in its next turn */
	bool drain_looked;			 /* the drain has dealt with it */
	bool shaken;				 /* the handshake of TLS is over */
	bool read_waits_write, write_waits_read; /* what TLS waits for is the other direction */
	SSL *tls;				 /* NULL: plain */
};

/* Bytes taken from a socket at once; one buffer a server. */
#define HTTP_SCRATCH 32768
/* Bytes of requests that wait behind an answer. */
#define HTTP_READ_AHEAD 32768

struct qg_http_server {
	struct qg_loop *loop;
	struct ev_loop *ev;
	qg_http_handler handler;
	void *handler_arg;
	struct qg_http_limits limits;
	int listener;
	ev_io accept_io;
	ev_timer accept_retry, drain_timer;
	ev_timer reaper; /* never started: fed, to run after the current callback */
	char address[80];
	unsigned port;
	SSL_CTX *tls; /* NULL: plain */

	struct qg_list connections, dead;
	size_t count;
	struct http_addresses *addresses;
	struct http_network *trusted;
	size_t trusted_count;

	struct qg_list spare; /* exchanges to use again */
	size_t spare_count;
	struct qg_list orphans; /* exchanges whose peer left, unanswered and nobody told */
	size_t body_memory;	/* of all bodies not answered yet */
	struct qg_buf head;	/* where the head of an answer is written */
	char date[40];		/* "Date: ...\r\n" of date_second */
	int64_t date_second;
	struct qg_http_counts counts;

	bool draining, drain_begun, drain_told;
	bool closing;	/* destroy is under way */
	bool destroyed; /* the memory goes when calls is 0 */
	unsigned calls; /* handler, gone and drained calls on the stack */
	void (*drained)(void *arg);
	void *drained_arg;
	char scratch[HTTP_SCRATCH];
};

/* http_server.c */

/* Runs the reaper after the current callback. */
void http_server_wake_reaper(struct qg_http_server *server);
/* Around every call of foreign code. leave returns false if that code destroyed the server: it is
 * freed then. */
void http_server_enter(struct qg_http_server *server);
QG_MUST_CHECK bool http_server_leave(struct qg_http_server *server);
/* http_exchange.c */

/* An exchange for a new request; NULL for no memory. */
struct qg_http_exchange *http_exchange_take(struct http_connection *connection);
/* Gives it back, whoever held it. */
void http_exchange_put(struct qg_http_exchange *x);
/* Counts what the body has grown by; false where all bodies together take too much and this one is
 * not small. */
QG_MUST_CHECK bool http_exchange_count_body(struct qg_http_exchange *x);
/* Frees one that serves no connection. */
void http_exchange_free(struct qg_http_exchange *x);
/* Calls gone() if there is one and gives x back, else leaves x to its handler as an orphan. False:
 * the server is gone. */
QG_MUST_CHECK bool http_exchange_lose(struct qg_http_exchange *x);

/* Who really asks behind a trusted proxy is counted from here until the exchange is given back.
 * False: that address has too many already. */
QG_MUST_CHECK bool http_exchange_count_peer(struct qg_http_exchange *x);

/* http_tls.c */

enum http_tls_step {
	HTTP_TLS_MORE,	/* waits for the peer */
	HTTP_TLS_DONE,	/* shaken */
	HTTP_TLS_PLAIN, /* the peer does not speak TLS but HTTP */
	HTTP_TLS_BROKEN
};

void http_tls_finish(struct qg_http_server *server);
/* False for no memory. */
QG_MUST_CHECK bool http_tls_open(struct http_connection *connection);
/* Forgets TLS of the connection. Accepts a plain one. */
void http_tls_close(struct http_connection *connection);
enum http_tls_step http_tls_shake(struct http_connection *connection);
/* As recv() and sendmsg(): -1 with EAGAIN or another errno. */
ssize_t http_tls_receive(struct http_connection *connection, char *data, size_t size);
ssize_t http_tls_send(struct http_connection *connection, const struct iovec *pieces, size_t count);
/* Bytes decrypted and not yet received: the socket will not tell of them. */
size_t http_tls_pending(const struct http_connection *connection);
/* Tells the peer that nothing follows. */
void http_tls_bye(struct http_connection *connection);

/* http_connection.c */

/* Takes fd. refused: only to be told 429. False: no memory, fd closed. */
QG_MUST_CHECK bool http_connection_open(struct qg_http_server *server, int fd,
	const struct in6_addr *ip, struct http_address *address, bool refused);
/* Closes at once: off the lists, the memory goes with the reaper. The exchange must have been dealt
 * with. */
void http_connection_close(struct http_connection *connection);
/* For the reaper: the memory of a closed connection. */
void http_connection_free(struct http_connection *connection);
/* Sends pieces now or, where the kernel takes no more, later. False: broken, it will be aborted in
 * its next turn. */
bool http_connection_send(
	struct http_connection *connection, const struct iovec *pieces, size_t count);
/* Bytes that wait for the kernel. */
size_t http_connection_backlog(const struct http_connection *connection);
/* Whether bytes read ahead wait to be looked at. */
bool http_connection_has_ahead(const struct http_connection *connection);
/* Watches for what the connection can use now. */
void http_connection_watch(struct http_connection *connection);
void http_connection_deadline(struct http_connection *connection, uint64_t delay_ms);
/* For the timer: whether the deadline has come; it is cleared then. */
QG_MUST_CHECK bool http_connection_is_due(struct http_connection *connection);
/* Gives the connection up in its next turn. */
void http_connection_break(struct http_connection *connection);
/* The answer is complete and its exchange given back: the next request, or the end. */
void http_connection_answered(struct http_connection *connection, bool keep);
/* For a drain: an idle connection closes, a stream ends, others close after their answer. False:
 * the server is gone. */
QG_MUST_CHECK bool http_connection_drain(struct http_connection *connection);
/* Closes it now, telling its handler. False: the server is gone. */
QG_MUST_CHECK bool http_connection_abort(struct http_connection *connection);

/* http_answer.c */

/* Refuses the request being read, if any, and ends the connection. */
void http_answer_refusal(struct http_connection *connection, int code, const char *text);
/* A stream that ends without its handler: the last bytes of it. */
bool http_answer_end_stream(struct qg_http_exchange *x);

#endif
