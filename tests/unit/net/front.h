/* front.h - an HTTP front whose answers hang on what is asked for, for the tests of its connections. */
#ifndef TESTS_NET_FRONT_H
#define TESTS_NET_FRONT_H

#include "peer.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define MAX_HELD 16

/* The server of the test, and the limits that front_start() gives it. */
extern struct qg_http_server *server;
extern struct qg_http_limits limits;

/* Exchanges of /hold and /stream, in order: the test answers them. */
extern struct qg_http_exchange *held[MAX_HELD];
extern size_t held_count, gone_count;
/* Whether held ones are told that their peer left, and whether that destroys the server. */
extern bool watch_gone, destroy_in_gone;
/* The path asked for last. */
extern char last_path[64];

void front_setup(void);
void front_teardown(void);
void front_start(void);
/* The handler of front_start(), for servers of a test's own. */
void front_handle(void *arg, struct qg_http_exchange *x);

void wait_held(size_t count);
/* Until just that many were told. */
void wait_gone(size_t count);
void wait_connections(size_t count);
/* Answers a held exchange. */
void answer(size_t index, const char *text);
/* Waits for that many answers, and for text among them. */
void expect(struct peer *peer, int answers, const char *text);

#endif
