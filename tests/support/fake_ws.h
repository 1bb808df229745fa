/* fake_ws.h - the websocket client as a test plays it, with several connections at a time: what was sent is written down
 * with the connection it left by, what the server says is said by hand. It takes the real one's place when linked. */
#ifndef QG_TESTS_SUPPORT_FAKE_WS_H
#define QG_TESTS_SUPPORT_FAKE_WS_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/ws.h"

#define PEER_FRAMES_MAX 1024
#define PEER_LINES_MAX 64

struct peer_line {	  /* a connection, for as long as the test lasts */
	struct qg_ws *ws; /* NULL: gone */
	char *url;
	struct qg_ws_request request; /* url and headers are not to be looked at */
	bool is_open, closing;
	int close_code;
};

struct peer {
	struct peer_line lines[PEER_LINES_MAX];
	size_t line_count, alive;
	struct {
		char *text; /* a NUL behind it */
		size_t size;
		bool binary;
		size_t line;
	} frames[PEER_FRAMES_MAX];
	size_t count;
	bool full;			 /* qg_ws_send() refuses */
	const char *found[QG_WS_WANTED]; /* headers of the next refused upgrade */
};

extern struct peer peer;

/* Nothing may be alive. */
void peer_reset(void);
/* The frames so far are not looked at any more. */
void peer_forget(void);
/* The upgrade of a connection succeeds. */
void peer_accept(size_t line);
void peer_say(size_t line, const char *text);
/* The same in a binary message. */
void peer_say_bytes(size_t line, const void *data, size_t size);
/* It ends by itself; status: of a refused upgrade, 0 else. */
void peer_end(size_t line, int status);

#endif
