/* peer.h - raw TCP peers of an HTTP server on one loop: bytes out as given, bytes in as they come.
 * */
#ifndef TESTS_NET_PEER_H
#define TESTS_NET_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/http.h"
#include "qg/loop.h"

struct peer {
	int fd;
	struct qg_watch *watch; /* NULL while the peer does not read */
	char *data;		/* all that came, NUL-terminated */
	size_t size;
	bool eof;   /* the server shut its side */
	bool reset; /* the connection broke */
};

extern struct qg_loop *loop;

/* A loop with a guard that fails the test when nothing came for some seconds. */
void peer_setup(void);
void peer_teardown(void);

/* Runs the loop until is(arg); the question is asked after every turn. */
void run_until(bool (*is)(void *arg), void *arg);
/* Runs the loop for a few turns, so that whatever can happen now happens. */
void run_turns(int turns);

struct peer *peer_open(const struct qg_http_server *server);
/* From another address of the loopback net, such as "127.0.0.2". */
struct peer *peer_open_from(const struct qg_http_server *server, const char *source);
void peer_close(struct peer *peer);
void peer_send(struct peer *peer, const char *data, size_t size);
void peer_say(struct peer *peer, const char *text);
/* No more from us; we still read. */
void peer_shut(struct peer *peer);
/* Stops and resumes reading. */
void peer_deafen(struct peer *peer);
void peer_listen(struct peer *peer);
/* Forgets what came. */
void peer_forget(struct peer *peer);

/* Whole answers (with Content-Length or without body) among what came. */
int peer_answers(const struct peer *peer);
void peer_wait_answers(struct peer *peer, int count);
void peer_wait_text(struct peer *peer, const char *text);
void peer_wait_end(struct peer *peer);
/* The code of the first answer; 0 while there is none. */
int peer_code(const struct peer *peer);

#endif
