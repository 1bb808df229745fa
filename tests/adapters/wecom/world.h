/* world.h - a WeCom bot on a long connection that the test plays, under a clock that the test moves. */
#ifndef QG_TESTS_ADAPTERS_WECOM_WORLD_H
#define QG_TESTS_ADAPTERS_WECOM_WORLD_H

#include "fake_host.h"
#include "fake_ws.h"
#include "link.h"

#define REPLY "0123456789abcdef0123456789abcdef"
#define USER "lin.qiao"
#define GROUP "wrA7dQFAAA0wC3xYzQh5m1kR8nT2pVbw"

struct world {
	struct qg_loop *loop;
	struct fake_host *host;
	int64_t wall;
	uint64_t mono;
};

extern struct world world;

/* Not started. */
void world_open(void);
void world_close(void);
/* Started, dialled, accepted and subscribed; peer.count is 0 after it. */
void world_up(void);
/* The same once the connection was lost. */
void world_up_again(void);
struct wecom_core *world_core(void);
struct wecom_link *world_link(void);
/* Moves both clocks and lets what is due be done. */
void world_pass(uint64_t ms);
/* Lets callbacks come that must not come from inside. */
void world_settle(void);
/* A text of USER; group: in GROUP. Stored as the host says; its handle is borrowed. */
const char *world_hear(const char *req_id, const char *msgid, bool group, const char *text);
void world_draft(const char *handle, int64_t sequence, const char *text);
/* A reply to it on its way; handle may be NULL. */
struct qg_reply *world_reply(const char *handle, bool group, const char *text);
void world_send(const char *handle, bool group, const char *text);
/* The status of the newest of count results. */
enum qg_status world_sent(size_t count);
/* Frame at is a stream's with this content, its last or not. */
void world_expect(size_t at, const char *cmd, const char *content, bool finish);
/* The id of the stream of frame at. */
void world_copy_id(char id[64], size_t at);
/* A file of tests/vectors/wecom, parsed. */
json_t *world_vectors(const char *name);
/* Forgets the frames sent so far. */
void world_forget(void);

#endif
