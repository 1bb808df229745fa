/* fake_ws.h - the websocket client as a test plays it: what was sent is written down, what the server says is said by
 * hand. It takes the real one's place when the test is linked. */
#ifndef QG_TESTS_ADAPTERS_WECOM_FAKE_WS_H
#define QG_TESTS_ADAPTERS_WECOM_FAKE_WS_H

#include <jansson.h>

#include "qg/ws.h"

#define PEER_FRAMES_MAX 512

struct peer {
	struct qg_ws *now;		/* the newest connection that lives; NULL: none */
	unsigned opened, alive, closed; /* all told; not gone yet; by a close frame */
	char *frames[PEER_FRAMES_MAX];	/* as sent, over all connections */
	size_t count;
	bool now_is_open;
	bool full; /* qg_ws_send() refuses */
};

extern struct peer peer;

void peer_reset(void);
/* The upgrade succeeds. */
void peer_accept(void);
void peer_say(const char *text);
/* Takes frame. */
void peer_say_json(json_t *frame);
/* {"headers":{"req_id":that of frame at},"errcode","errmsg"[,"body"]}; takes body. */
void peer_answer(size_t at, int64_t code, json_t *body);
/* It ends by itself. */
void peer_end(void);
/* Frame at, parsed; decref it. */
json_t *peer_frame(size_t at);
/* A string of frame at by path "body.stream.content", valid until the next call; "" where there is none. */
const char *peer_str(size_t at, const char *path);

#endif
