/* link.h - what the files of the long connection share.
 *
 * A link is what all bots of one app in this process have in common: one connection, two for a moment where other
 * credentials take over. Events are acknowledged on the connection they came on, for as long as it lives; answers to
 * people never travel here. */
#ifndef QG_FEISHU_LINK_H
#define QG_FEISHU_LINK_H

#include "feishu.h"

#define FEISHU_FRAME_MAX                                                                           \
	((size_t)(1024 + 64) * 1024) /* a part of the largest event, and its headers */

/* ---- frame.c: bytes <-> frames ---- */

enum feishu_method { FEISHU_CONTROL = 0, FEISHU_DATA = 1 };

struct feishu_frame {
	int32_t method;
	const char *payload; /* borrowed from packed; NULL without */
	size_t payload_size;
	struct feishu_packed *packed; /* all of it, as it came */
};
/* Any bytes in. QG_INVALID; QG_TOO_LARGE: more than any frame of use has; QG_NO_MEMORY. */
QG_MUST_CHECK enum qg_status feishu_frame_read(
	const char *data, size_t size, struct feishu_frame *out);
/* Accepts a zeroed one. */
void feishu_frame_finish(struct feishu_frame *frame);
/* Its payload, which has no place in an answer: yours to free; NULL where there was none. */
char *feishu_frame_steal(struct feishu_frame *frame);
/* The first header of that name; NULL where there is none. Borrowed, and not ended by a NUL. */
const char *feishu_frame_header(
	const struct feishu_frame *frame, const char *key, size_t *size_out);
bool feishu_frame_header_is(const struct feishu_frame *frame, const char *key, const char *value);
/* A header that is a whole number of at most nine digits; fallback where it is absent, -1 where it is anything else. */
int64_t feishu_frame_number(const struct feishu_frame *frame, const char *key, int64_t fallback);
/* Appends the same frame with another payload and one header more, biz_rt. */
QG_MUST_CHECK enum qg_status feishu_frame_answer(const struct feishu_frame *frame, uint64_t took_ms,
	const char *payload, size_t size, struct qg_buf *out);
/* Appends a ping. */
QG_MUST_CHECK enum qg_status feishu_frame_ping(int32_t service, struct qg_buf *out);

/* ---- open.c: asks for an address and its ticket ---- */

struct feishu_pace { /* what the server wishes, in seconds and within bounds */
	unsigned ping, interval, nonce;
};
void feishu_pace_init(struct feishu_pace *pace);
/* The members that are there; config: ClientConfig, may be NULL or anything. */
void feishu_pace_read(struct feishu_pace *pace, const json_t *config);

struct feishu_credentials { /* borrowed for the call */
	const char *base, *app_id, *app_secret;
	bool plain; /* an address without TLS will do: the API's own is not the platform's */
};
struct feishu_opened {	 /* borrowed */
	const char *url; /* with the ticket: never logged; good once. NULL: loss says why */
	struct qg_uplink_loss loss;
	const json_t *config; /* ClientConfig or NULL */
};
struct feishu_open;
typedef void (*feishu_opened_fn)(void *arg, const struct feishu_opened *opened);
/* fn once unless cancelled, never from inside. NULL for no memory. */
struct feishu_open *feishu_open_start(struct qg_http_client *http,
	const struct feishu_credentials *credentials, feishu_opened_fn fn, void *arg);
/* Accepts NULL. */
void feishu_open_cancel(struct feishu_open *open);
/* What a refusal means; code: of the endpoint, or of a refused upgrade. Leaves why alone. */
void feishu_open_judge(int64_t code, struct qg_uplink_loss *loss);
bool feishu_open_is_address(const char *url, bool plain);

/* ---- link.c: connections ---- */

struct feishu_wire { /* one of them */
	struct qg_uplink_wire up;
	int32_t service;
	uint64_t ping_at;
	uint64_t asked_at; /* the oldest ping that nothing came after; 0: none */
};

struct feishu_link {
	struct qg_uplink up;
	char *base, *app_id, *app_secret;
	bool plain;
	struct feishu_pace pace;
	uint64_t look_at; /* when the next look is due; what a machine slept through shows here */
	struct qg_list waiting; /* struct inbound of stream.c */
	size_t waiting_count;
	struct qg_list sets; /* struct set of parts.c, oldest first */
	size_t set_bytes;
	bool hinted; /* at the callbacks' configuration */
	struct qg_buf scratch;
};

/* Something came: the connection lives. */
void feishu_wire_lives(struct feishu_wire *wire);
/* New wishes of the server. */
void feishu_link_pace(struct feishu_link *link, const json_t *config);

/* ---- stream.c: what comes in ---- */

void feishu_stream_receive(struct feishu_wire *wire, const char *data, size_t size);
/* The connection went: what waits for an ack there is not acked. */
void feishu_stream_drop(struct feishu_wire *wire);

/* ---- parts.c: events that come in several frames ---- */

enum feishu_joined {
	FEISHU_WHOLE,	/* data and size hold it */
	FEISHU_AWAITED, /* other parts are to come */
	FEISHU_MISFIT,	/* it fits nowhere */
	FEISHU_STARVED,
};
/* Takes one in. A whole one is borrowed from the frame, or from link->scratch. */
enum feishu_joined feishu_parts_take(struct feishu_link *link, const struct feishu_frame *frame,
	const char **data_out, size_t *size_out);
/* Drops sets that wait too long; when the next does, UINT64_MAX for none. */
uint64_t feishu_parts_tick(struct feishu_link *link, uint64_t now);
void feishu_parts_finish(struct feishu_link *link);

#endif
