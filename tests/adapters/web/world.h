/* world.h - a web bot behind a real HTTP server, with a real Redis where wanted. */
#ifndef QG_TESTS_ADAPTERS_WEB_WORLD_H
#define QG_TESTS_ADAPTERS_WEB_WORLD_H

#include "client.h"
#include "fake_host.h"
#include "redis_server.h"

#define ADMIN "Authorization: Bearer admin\r\n"
#define JSON "Content-Type: application/json\r\n"
#define CHAT "/chat/xiaoman"

struct world {
	struct qg_loop *loop;
	struct qg_test_redis *server; /* NULL without */
	struct qg_redis *redis;
	struct qg_http_server *http;
	struct fake_host *host;
	unsigned port;
	bool up;    /* connected to Redis */
	bool first; /* owns the loop and the server */
};

/* options: YAML of the bot. Waits until Redis is there; without, the connection leads to nowhere. */
void world_open(struct world *world, const char *options, bool with_redis);
void world_close(struct world *world);
/* A second gateway on the same Redis, with its own server and bot; closed before the first. */
void world_join(struct world *world, const struct world *other, const char *options);
void world_wait_up(struct world *world, bool up);

#endif
