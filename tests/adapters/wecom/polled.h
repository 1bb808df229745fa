/* polled.h - a bot on two gateways, and a client that polls for its answers. */
#ifndef QG_TESTS_ADAPTERS_WECOM_POLLED_H
#define QG_TESTS_ADAPTERS_WECOM_POLLED_H

#include <check.h>

#include "hook_world.h"

#define REPLY "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

extern struct hook_world owner, other; /* two gateways on one Redis */
extern struct qg_test_redis *polled_redis;

/* Makes both for each test. */
void polled_add(TCase *tcase);
/* Both clocks go on by so much, and stand. */
void later(uint64_t ms);
/* A message comes to a gateway; its stream's id, yours to free. */
char *hear(struct hook_world *world, const char *msgid, bool group);
const char *handle_of(const struct hook_world *world, size_t at);
struct qg_reply *reply_to(const char *id, const char *handle, const char *text);
/* A round trip through this gateway: what it had for Redis is there. */
void settle(struct hook_world *world);
void answer(struct hook_world *world, const char *id, const char *handle, unsigned part,
	const char *text);
void draft(struct hook_world *world, const char *handle, int64_t sequence, const char *text);
/* The whole answer, new reference. */
json_t *poll_once(struct hook_world *world, const char *id);
void expect_poll(struct hook_world *world, const char *id, bool finish, const char *text);
/* Until the text is this one: what a client would do. */
void poll_until(struct hook_world *world, const char *id, const char *text);
/* How that many-th send ended. */
enum qg_status last_sent(struct hook_world *world, size_t count);

#endif
