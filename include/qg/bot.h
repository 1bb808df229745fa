/* bot.h - one configured account of a platform, as an adapter sees it. */
#ifndef QG_BOT_H
#define QG_BOT_H

#include <stdbool.h>

struct qg_adapter;
struct qg_bot_config;
struct qg_host;
struct qg_http_client;
struct qg_loop;
struct qg_redis;
struct qg_ws_client;

struct qg_bot {
	const struct qg_adapter *adapter;
	const struct qg_host *host;
	const struct qg_bot_config *config; /* lives as long as the bot */
	struct qg_loop *loop;
	struct qg_redis *redis; /* may be away: see redis.h */
	struct qg_http_client *http;
	struct qg_ws_client *ws;
	const char *
		redis_url; /* of the same server, for a listener of one's own; NULL: look without bells */
	const char *name;   /* config->name */
	const char *prefix; /* of all its keys in Redis: "qg:{7}:" */
	const char *data_dir;
	const char *title;    /* what people call it: the template's name, filled */
	const char *greeting; /* filled; "" if none */
	const struct qg_strings *suggestions;
	void *state; /* adapter->state_size zeroed bytes */
	void *owner; /* the host's */
};

#endif
