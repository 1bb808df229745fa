/* link.h - what the files of the Stream connection share.
 *
 * A link is what all bots of one client id in this process have in common: mostly one connection, two or more for a
 * while when the platform sends a connection away. Frames are answered on the connection they came on, for as long as it
 * lives; answers to people never travel here. */
#ifndef QG_DINGTALK_LINK_H
#define QG_DINGTALK_LINK_H

#include "core.h"

#define DINGTALK_TOPIC_MESSAGE "/v1.0/im/bot/messages/get"
#define DINGTALK_TOPIC_CARD "/v1.0/card/instances/callback"
#define DINGTALK_MESSAGE_ID 256 /* bytes of a frame's messageId, as it stands in JSON */

/* ---- frame.c: bytes <-> frames ---- */

struct dingtalk_frame { /* borrowed from the bytes */
	struct qg_piece type, topic, message_id, headers, data;
};
/* Any bytes in. QG_INVALID where it is none that can be used. */
QG_MUST_CHECK enum qg_status dingtalk_frame_read(
	const char *data, size_t size, struct dingtalk_frame *out);
/* Appends {"code","headers":{"contentType","messageId"},"message","data"}; data: JSON. message_id: as it stands between
 * the quotes of a frame. */
QG_MUST_CHECK enum qg_status dingtalk_ack_write(struct qg_buf *out, int code,
	const char *message_id, const char *message, const char *data);
/* The answer to a ping: headers and data as they came, byte for byte. */
QG_MUST_CHECK enum qg_status dingtalk_pong_write(
	struct qg_buf *out, const struct dingtalk_frame *frame);
/* Appends what data says, also where it came as an object instead of a string. */
QG_MUST_CHECK enum qg_status dingtalk_frame_data(
	const struct dingtalk_frame *frame, struct qg_buf *out);

/* ---- open.c: asks for an address and its ticket ---- */

struct dingtalk_open;
struct dingtalk_opened {       /* borrowed */
	enum qg_status status; /* QG_OK with url; QG_DENIED: these credentials will not do */
	unsigned retry_ms;     /* 0: as the backoff says */
	const char *url;       /* with the ticket: never logged; good once, for 90 s */
	const char *why;       /* for a log; never NULL */
	const char *words;     /* of QG_DENIED: what is to be done, for an operator */
};
typedef void (*dingtalk_opened_fn)(void *arg, const struct dingtalk_opened *opened);
struct dingtalk_credentials { /* borrowed for the call */
	const char *client_id, *client_secret, *api_base;
};
/* fn once unless cancelled, never from inside. NULL for no memory. */
struct dingtalk_open *dingtalk_open_start(struct qg_http_client *http,
	const struct dingtalk_credentials *credentials, dingtalk_opened_fn fn, void *arg);
/* Accepts NULL. */
void dingtalk_open_cancel(struct dingtalk_open *open);
/* The answer's endpoint and ticket as one address; yours to free. NULL: not usable, or no memory (*status). */
char *dingtalk_open_url(const char *endpoint, const char *ticket, enum qg_status *status);
/* What to do about refused credentials, naming the console's page. */
extern const char dingtalk_words_refused[];

/* ---- link.c: connections ---- */

struct dingtalk_wire { /* one of them */
	struct qg_uplink_wire up;
};

struct dingtalk_link {
	struct qg_uplink up;
	char *client_id, *client_secret, *api_base;
	struct qg_list acks; /* struct inbound of stream.c, in the order they are due */
	struct qg_buf scratch;
};

struct dingtalk_link *dingtalk_link_of(const struct dingtalk_wire *wire);
/* A bot that takes messages: best one that is not stopping. NULL: there is none. */
struct dingtalk_core *dingtalk_link_core(const struct dingtalk_link *link);
/* The platform sends this connection away: another one is opened, this one served until it closes. */
void dingtalk_wire_leaves(struct dingtalk_wire *wire);

/* ---- stream.c: what comes in ---- */

void dingtalk_stream_receive(struct dingtalk_wire *wire, const char *data, size_t size);
/* Acks that cannot wait for the store any longer; when the next is due, UINT64_MAX for never. */
uint64_t dingtalk_stream_tick(struct dingtalk_link *link, uint64_t now);
/* The connection went: what waits for an ack there is not acked. */
void dingtalk_stream_drop(struct dingtalk_wire *wire);

#endif
