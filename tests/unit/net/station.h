/* station.h - websocket servers for the tests of the client: RFC 6455 by hand over the raw servers of vendor.h. */
#ifndef TESTS_NET_STATION_H
#define TESTS_NET_STATION_H

#include <stdint.h>

#include "vendor.h"

enum {
	FRAME_MORE = 0x0,
	FRAME_TEXT = 0x1,
	FRAME_BINARY = 0x2,
	FRAME_CLOSE = 0x8,
	FRAME_PING = 0x9,
	FRAME_PONG = 0xa,
	FRAME_FIN = 0x80
};

struct station {
	struct vendor vendor;
	const char *answer; /* instead of the 101; NULL: the upgrade succeeds */
	const char *extra;  /* a header line of the 101, with its end */
	const void *behind; /* bytes in the same segment as the 101 */
	size_t behind_size;
	bool silent; /* reads requests, answers none */
	bool ignores_pings, ignores_messages, ignores_close;
	/* A whole frame came, unmasked; NULL: messages are echoed. */
	void (*frame)(struct visitor *visitor, int first, const char *data, size_t size);
	char request[4096]; /* the last one */
	int upgrades, pings, closes, frames;
	size_t largest; /* frame */
	int code;	/* of the last close frame */
	char reason[128];
	bool unmasked; /* a frame came without a mask, which no client may send */
};

void station_open(struct station *station);
void station_open_tls(struct station *station);
void station_close(struct station *station);
/* "ws://127.0.0.1:PORT/path?q"; a buffer of four in turn. */
const char *station_url(const struct station *station, const char *path);
struct visitor *station_last(const struct station *station);

/* first: FRAME_FIN | opcode, or anything else. */
void station_send(struct visitor *visitor, int first, const void *data, size_t size);
void station_say(struct visitor *visitor, const char *text);
/* A masked frame, which no server may send. */
void station_send_masked(struct visitor *visitor, const char *text);
/* The bytes of a frame's head; how many. */
size_t station_head(uint8_t out[14], int first, uint64_t size);
void station_send_close(struct visitor *visitor, int code, const char *reason);

#endif
