/* world.c - a web bot behind a real HTTP server, with a real Redis where wanted. */
#include "world.h"

#include <check.h>
#include <string.h>

#include "qg/str.h"

/* What the gateway's router does: cuts the path, looks at the token. */
static void route(void *arg, struct qg_http_exchange *x)
{
	struct world *world = arg;
	const char *path = qg_http_path(x);
	bool admin = qg_str_equal(qg_http_header(x, "Authorization"), "Bearer admin");
	ck_assert(qg_str_starts_with(path, CHAT));
	world->host->bot.adapter->on_http(&world->host->bot, x, path + strlen(CHAT), admin);
}

static void changed(void *arg, bool connected, const char *why)
{
	struct world *world = arg;
	world->up = connected;
}

static bool is_up(void *arg)
{
	return ((struct world *)arg)->up;
}

static bool is_down(void *arg)
{
	return !((struct world *)arg)->up;
}

void world_wait_up(struct world *world, bool up)
{
	fake_host_wait(world->loop, up ? is_up : is_down, world);
}

static void open_rest(struct world *world, const char *url, const char *options)
{
	char error[128];
	struct qg_redis_options set = {.url = url ? url : "unix:/nowhere/redis.sock",
		.scripts = qg_adapter_scripts,
		.changed = changed,
		.arg = world};
	world->redis = qg_redis_create(world->loop, &set, error);
	ck_assert_msg(world->redis != NULL, "%s", error);
	struct qg_http_limits limits;
	qg_http_limits_init(&limits);
	world->http =
		qg_http_server_create(world->loop, "127.0.0.1:0", &limits, route, world, error);
	ck_assert_msg(world->http != NULL, "%s", error);
	world->port = qg_http_server_port(world->http);
	world->host =
		fake_host_create(world->loop, qg_adapter_find("web"), options, world->redis, url);
	ck_assert_int_eq(world->host->init, QG_OK);
	if (url) {
		world_wait_up(world, true);
	}
}

void world_open(struct world *world, const char *options, bool with_redis)
{
	*world = (struct world){.loop = qg_loop_create(1), .first = true};
	ck_assert_ptr_nonnull(world->loop);
	world->server = with_redis ? qg_test_redis_start(true) : NULL;
	open_rest(world, with_redis ? qg_test_redis_url(world->server) : NULL, options);
}

void world_join(struct world *world, const struct world *other, const char *options)
{
	*world = (struct world){.loop = other->loop};
	open_rest(world, qg_test_redis_url(other->server), options);
}

void world_close(struct world *world)
{
	fake_host_destroy(world->host);
	qg_http_server_destroy(world->http);
	qg_redis_destroy(world->redis);
	if (world->first) {
		qg_test_redis_stop(world->server);
		qg_loop_destroy(world->loop);
	}
}
