/* link.h - what the files of the long connection share.
 *
 * A link is one connection of an account (bot_id and address), shared by all bots of this process that live on it. On it
 * run calls (a request with an id, and the answer that names it) and lanes (all that is shown under the id of one
 * message: its streams, in order, one frame at a time). Ids of messages die with their connection. */
#ifndef QG_WECOM_LINK_H
#define QG_WECOM_LINK_H

#include "outs.h"
#include "qg/backoff.h"
#include "qg/list.h"
#include "qg/scan.h"
#include "qg/ws.h"
#include "wecom.h"

#define WECOM_ACK_MS                                                                               \
	5000 /* a frame's answer takes 0.24 to 0.45 s; the official SDK waits as long */
#define WECOM_CONN_CHARS 16   /* of a connection's random id */
#define WECOM_REQ_ID_MOST 256 /* bytes; a longer one is not answered in place */
#define WECOM_KICKED_MS 300000
#define WECOM_ASKER_ROOM 512 /* in a part, for the name before it and a fence that goes on */
#define WECOM_PART_MOST (WECOM_TEXT_MOST - WECOM_ASKER_ROOM)

/* ---- frame.c: bytes <-> frames, and the handle of a message ---- */

struct wecom_frame { /* borrowed from the bytes or from scratch */
	struct qg_piece cmd, req_id, code, words, body;
};

/* Appends {"cmd","headers":{"req_id"},"body"}; body: JSON, NULL without. */
QG_MUST_CHECK enum qg_status wecom_frame_write(struct qg_buf *out, const char *cmd,
	const char *req_id, const char *body, size_t body_size);
/* Any bytes in. scratch is used where control characters must go first. QG_INVALID; QG_NO_MEMORY, QG_TOO_LARGE. */
QG_MUST_CHECK enum qg_status wecom_frame_read(
	const char *data, size_t size, struct qg_buf *scratch, struct wecom_frame *out);

struct wecom_handle {
	char conn[WECOM_CONN_CHARS + 1];
	enum qg_chat_type type;
	char req_id[WECOM_REQ_ID_MOST + 1];
	char user[QG_ID_MAX + 1];
};

/* Yours to free; NULL for no memory. */
char *wecom_handle_write(const struct wecom_handle *handle);
/* false where text (may be NULL) is none of ours. */
bool wecom_handle_read(const char *text, struct wecom_handle *out);

/* ---- verdict.c: what the platform's codes mean ---- */

enum wecom_act {
	WECOM_LANDED,
	WECOM_AGAIN,	 /* two updates of a stream raced: the newest again, shortly */
	WECOM_EXPIRED,	 /* the stream's life is over: go on in another one */
	WECOM_PUSH,	 /* not under this request's id: as a message of its own */
	WECOM_RECONNECT, /* this connection is none any more */
	WECOM_ENDED,	 /* status says how */
};

struct wecom_verdict {
	enum wecom_act act;
	enum qg_status status;
	unsigned retry_ms;
	const char *words; /* for the log; "" if none */
};

/* in_place: it was an answer under a message's id. */
struct wecom_verdict wecom_verdict(int64_t code, bool in_place);

/* ---- calls.c: requests that wait for their answer ---- */

struct wecom_link;

struct wecom_answer {	      /* borrowed */
	enum qg_status local; /* QG_OK: code holds. QG_TIMEOUT; QG_CANCELLED: the connection went */
	int64_t code;
	const char *words;	     /* errmsg as one safe line */
	const struct qg_piece *body; /* NULL where there is none */
	unsigned owed;		     /* answers to this id that are still to come */
};
typedef void (*wecom_answered_fn)(void *arg, const struct wecom_answer *answer);

struct wecom_call {
	struct qg_list item;
	struct wecom_link *link;
	char *req_id;
	uint64_t due;
	unsigned owed; /* earlier frames under this id, given up, whose answers come before ours */
	bool has_late, is_ping;
	int64_t late_code;
	wecom_answered_fn fn;
	void *arg;
};

struct wecom_request {
	const char *cmd;
	const char *req_id; /* NULL: one of our own making */
	const json_t *body; /* or text; both may be NULL */
	const char *text;
	size_t text_size;
	unsigned timeout_ms, owed;
	bool is_ping; /* its answer says nothing about those of frames */
};

/* fn follows exactly once unless cancelled, never from inside. NULL: it did not leave. */
struct wecom_call *wecom_call_start(struct wecom_link *link, const struct wecom_request *request,
	wecom_answered_fn fn, void *arg);
/* Accepts NULL. */
void wecom_call_cancel(struct wecom_call *call);
void wecom_calls_answer(struct wecom_link *link, const struct wecom_frame *frame);
/* Gives up what is late; returns when to look again, UINT64_MAX for never. */
uint64_t wecom_calls_tick(struct wecom_link *link, uint64_t now);
/* The connection went. */
void wecom_calls_fail(struct wecom_link *link);

/* ---- link.c: the connection ---- */

enum wecom_link_state {
	WECOM_LINK_WAITING, /* for the next try */
	WECOM_LINK_DIALING,
	WECOM_LINK_SUBSCRIBING,
	WECOM_LINK_UP,
	WECOM_LINK_CLOSED, /* kicked, or left by all */
};

struct wecom_link {
	struct qg_list item;  /* of all links */
	struct qg_list cores; /* struct wecom_core, by in_link */
	char *key, *url, *bot_id, *secret;
	struct qg_loop *loop;
	struct qg_ws_client *client;
	struct qg_ws *ws;
	enum wecom_link_state state;
	bool closing; /* nobody joins any more */
	char conn[WECOM_CONN_CHARS + 1];
	const char *why; /* of the state, for logs */
	bool refused;	 /* by its credentials: a person must act */
	struct qg_backoff backoff;
	uint64_t dial_at, ping_at, heard_at, quiet_ms;
	unsigned unanswered; /* pings */
	unsigned silent;     /* frames in a row without an answer */
	bool in_fire;	     /* the timer is being served: it is set at the end */
	uint64_t fire_at;
	struct qg_timer *timer;
	struct qg_list calls, lanes, clicks;
	size_t lane_count;
	unsigned uploads;
	struct qg_buf scratch;
};

extern const struct qg_ws_host wecom_link_host;

/* Something is due then. */
void wecom_link_due(struct wecom_link *link, uint64_t at);
/* All that is due by now; the timer calls it. */
void wecom_link_tick(struct wecom_link *link);
/* Drops the connection, and comes back. why: a literal. */
void wecom_link_drop(struct wecom_link *link, const char *why);
/* Credentials that were refused are tried again now. */
void wecom_link_retry(struct wecom_link *link);
/* Somebody else has it now: stays away. */
void wecom_link_kicked(struct wecom_link *link);
/* A bot of it that is not stopping, else NULL. */
struct wecom_core *wecom_link_core(const struct wecom_link *link);
/* The same, else one that is stopping: what comes meanwhile is stored too, or told of. NULL: nobody lives on it. */
struct wecom_core *wecom_link_hearer(const struct wecom_link *link);
/* Nobody else lives on it. */
bool wecom_link_is_last(const struct wecom_link *link);
/* A close frame; the end is awaited by wecom_link_is_closed(). */
void wecom_link_close(struct wecom_link *link);
bool wecom_link_is_closed(const struct wecom_link *link);
bool wecom_link_is_up(const struct wecom_link *link);

/* ---- lanes.c, streams.c: what is shown under one message's id ---- */

struct wecom_lane;

/* Something for a lane that must arrive, in order: the end of a stream, or a whole body. Embedded by who asks. */
struct wecom_job {
	struct qg_list item;
	struct wecom_lane *lane; /* NULL: not in one */
	char reply[33];		 /* "": nobody's, it only closes what is open */
	unsigned part;
	char *text;   /* ends the stream with it; freed by wecom_job_finish() */
	json_t *body; /* instead of text */
	unsigned conflicts, expired;
	/* The job is out of its lane. act: LANDED, PUSH, ENDED; RECONNECT: it never left and the connection is
	 * gone. May come from inside wecom_lane_put(): that is the last thing its caller does. */
	void (*ended)(struct wecom_job *job, const struct wecom_verdict *verdict);
};

enum wecom_flight { WECOM_NOTHING_FLIES, WECOM_SNAPSHOT, WECOM_TURN, WECOM_JOB };

struct wecom_lane {
	struct qg_list item;
	struct wecom_link *link;
	char *req_id, *user;
	enum qg_chat_type type;
	struct qg_list jobs;
	struct wecom_call *call; /* the one frame in flight */
	enum wecom_flight flight;
	unsigned owed;
	bool pending;	   /* its message is being stored */
	bool dead;	   /* the platform refuses its id: only pushing helps */
	uint64_t think_at; /* 0: no longer */
	uint64_t wait_until, next_at, keep_until, news_at;
	/* the stream that is open, or was last */
	char id[33];
	bool begun;	/* a frame of it left, and no end landed */
	bool confirmed; /* a snapshot of it landed */
	bool asked;	/* for feedback, by a frame that left ... */
	bool is_asking; /* ... the one in flight */
	unsigned rotation, conflicts, gap_ms;
	uint64_t begun_at, shown_at;
	int64_t begun_wall, shown_wall;
	/* the answer being made */
	char reply[33], done[33]; /* whose snapshots; whose end landed */
	int64_t sequence;
	char *prefix, *text; /* newest snapshot, whole; NULL for none */
	bool dirty;
	char *flying,
		*shown; /* how far the frame in flight, and the last one that landed, show it */
	char *settled;	/* what stands in bubbles before this one */
	char fence[17]; /* opened again at its beginning */
};

/* That of a handle of this connection: found, or made. NULL: another connection's, one without an id, no memory, or too
 * many. */
struct wecom_lane *wecom_lane_get(struct wecom_link *link, const struct wecom_handle *handle);
struct wecom_lane *wecom_lane_find(
	const struct wecom_link *link, const struct wecom_handle *handle);
/* Its message is stored: unless something is shown before, it will be seen to think. */
void wecom_lane_stored(struct wecom_lane *lane);
/* Takes prefix and text, also on failure (either NULL: no memory, nothing is shown). */
void wecom_lane_draft(struct wecom_lane *lane, const struct qg_draft *draft, char *prefix);
void wecom_lane_put(struct wecom_lane *lane, struct wecom_job *job);
/* Takes it out; nothing is called. Accepts one that is in none. */
void wecom_job_finish(struct wecom_job *job);
/* Closes what is open, if it is: with the text so far, or words where there is none; below: words behind a text too. */
void wecom_lane_close(struct wecom_lane *lane, const char *words, bool below);
/* Sends what may be sent now. */
void wecom_lane_pump(struct wecom_lane *lane);
uint64_t wecom_lanes_tick(struct wecom_link *link, uint64_t now);
void wecom_lanes_drop(struct wecom_link *link);
/* Anything in flight or waiting to be? */
bool wecom_lanes_are_busy(const struct wecom_link *link);

/* streams.c: the frames of a lane; false: it did not leave, and is tried again after wait_until */
bool wecom_stream_snapshot(struct wecom_lane *lane);
/* Ends the stream before its life does. */
bool wecom_stream_turn(struct wecom_lane *lane);
bool wecom_stream_job(struct wecom_lane *lane, struct wecom_job *job);
bool wecom_stream_is_old(const struct wecom_lane *lane);
bool wecom_stream_is_quiet(const struct wecom_lane *lane);
/* What of text does not stand in earlier bubbles; borrowed from it. */
const char *wecom_stream_rest(const struct wecom_lane *lane, const char *text);
/* The job at the head of the lane is out of it. */
void wecom_lane_end_job(struct wecom_lane *lane, const struct wecom_verdict *verdict);
/* text behind prefix, so that its first line keeps its meaning. Yours to free; NULL for no memory. */
char *wecom_with_prefix(const char *prefix, const char *text, size_t size);
/* A sentence of a bot of this link. */
char *wecom_link_words(const struct wecom_link *link, const char *key);

/* ---- events.c: what comes in; clicks.c ---- */

void wecom_events_receive(struct wecom_link *link, const struct wecom_frame *frame);

struct wecom_inbound {	     /* a message between the platform and the store */
	struct qg_list item; /* clicks: of link->clicks, until answered */
	struct wecom_core *core;
	struct wecom_event event;
	struct wecom_handle handle;
	uint64_t due; /* of a click's answer */
	bool answered;
};

void wecom_inbound_destroy(struct wecom_inbound *inbound);
/* Whether a message that ended so is gone: the platform does not deliver it again ... */
bool wecom_inbound_is_lost(enum qg_status status);
/* ... so that its chat is told. */
void wecom_inbound_ask_again(const struct wecom_inbound *inbound);
/* Takes inbound. */
void wecom_click_receive(struct wecom_link *link, struct wecom_inbound *inbound);
uint64_t wecom_clicks_tick(struct wecom_link *link, uint64_t now);
void wecom_clicks_drop(struct wecom_link *link);

/* ---- sends.c: replies ---- */

struct wecom_upload;

struct wecom_send { /* a reply on its way */
	struct qg_out out;
	struct wecom_core *core;
	bool in_place; /* under handle's id, while its connection lives */
	struct wecom_handle handle;
	unsigned piece;	 /* 0 text or file, 1 buttons */
	bool is_waiting; /* for the connection */
	uint64_t wait_until;
	struct wecom_job job;
	struct wecom_call *call;
	struct wecom_upload *upload;
	char *media_type, *media_id;
};

void wecom_send_go(struct wecom_send *send);
/* Cancels what it is waiting for; it ends with status unless it has ended. */
void wecom_send_end(struct wecom_send *send, enum qg_status status, unsigned retry_ms);
/* Cancels the same, its memory goes. */
void wecom_send_drop(struct qg_out *out);
/* The connection came up: what waited goes. */
void wecom_sends_resume(struct wecom_core *core);
uint64_t wecom_sends_tick(struct wecom_core *core, uint64_t now);
/* A sentence to a chat by itself: in place where that is possible (handle may be NULL: it is not), else pushed; nobody
 * hears how it ends. */
void wecom_say(struct wecom_link *link, const struct wecom_handle *handle, const char *chat,
	enum qg_chat_type type, const char *words);

/* ---- upload.c ---- */

struct wecom_file {			/* borrowed */
	const char *path, *name, *type; /* type: "image" or "file" */
};
typedef void (*wecom_uploaded_fn)(
	void *arg, const struct wecom_verdict *verdict, const char *type, const char *media_id);

/* type given back may be "file" where an image cannot go as one. fn follows once unless cancelled, never from inside.
 * NULL for no memory. */
struct wecom_upload *wecom_upload_start(
	struct wecom_link *link, const struct wecom_file *file, wecom_uploaded_fn fn, void *arg);
/* Accepts NULL. */
void wecom_upload_cancel(struct wecom_upload *upload);

/* ---- probe.c ---- */

struct wecom_probe;
/* Accepts NULL. Nothing is told. */
void wecom_probe_cancel(struct wecom_probe *probe);
/* Words for an operator, naming the console's page. */
extern const char wecom_words_refused[];

/* ---- wecom.c ---- */

#define WECOM_LANDED_MOST 64

struct wecom_landed { /* pieces of a part that are out, should the part come again */
	char reply[33];
	unsigned part, pieces;
};

struct wecom_core {
	unsigned references; /* messages on their way to the store may outlive the bot */
	struct qg_bot *bot;  /* NULL from finish() on */
	struct wecom_webhook *webhook;
	struct wecom_link *link;
	struct qg_list in_link;
	struct qg_outs outs; /* of struct wecom_send */
	struct wecom_landed landed[WECOM_LANDED_MOST];
	unsigned landed_next;
	unsigned inbound; /* messages on their way to the store */
	bool started, stopping, closing, kicked;
	uint64_t stop_until;
	enum qg_link told;
	struct qg_timer *timer; /* calls what must not be called from inside */
	/* probe() */
	struct wecom_probe *probe;
	bool probe_failed;
	void (*probed)(void *arg, enum qg_status status, const char *words);
	void *probed_arg;
};

void wecom_core_take(struct wecom_core *core);
/* Accepts NULL. */
void wecom_core_release(struct wecom_core *core);
/* One of the bot's sentences; yours to free, NULL for no memory. */
char *wecom_core_words(const struct wecom_core *core, const char *key);

#endif
