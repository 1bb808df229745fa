/* caller.h - one websocket link and what came of it, for the tests of the client. */
#ifndef TESTS_NET_CALLER_H
#define TESTS_NET_CALLER_H

#include "qg/ws.h"
#include "station.h"

struct caller {
	struct qg_ws *ws; /* NULL once it ended or was cancelled */
	int opens, messages, ends;
	char *data; /* the last message, with a NUL behind it */
	size_t size;
	bool binary;
	bool opened, rejected_tls; /* of the end, as what follows */
	int status, code;
	char why[200];
	char found[QG_WS_WANTED][160]; /* "-": absent */
	/* Called after noting; may be NULL. */
	void (*on_open)(struct caller *caller);
	void (*on_message)(struct caller *caller);
	void (*on_end)(struct caller *caller);
};

/* The client of the test, made by caller_setup(). */
extern struct qg_ws_client *client;

void caller_setup(void);
void caller_teardown(void);
/* Opens; asserts that nothing was called inside. */
void call(struct caller *caller, const struct qg_ws_request *request);
void call_url(struct caller *caller, const char *url);
/* Opens and waits until it is. */
void call_station(struct caller *caller, const struct station *station);
void caller_say(struct caller *caller, const char *text);
void caller_cancel(struct caller *caller);
/* Cancels what is open and forgets what came. */
void caller_finish(struct caller *caller);
void wait_open(struct caller *caller);
void wait_messages(struct caller *caller, int count);
void wait_end(struct caller *caller);
/* Waits; asserts opened, status and code, and that why holds words (NULL: any). */
void expect_end(struct caller *caller, bool opened, int status, int code, const char *words);
struct qg_ws_counts counts_now(void);

#endif
