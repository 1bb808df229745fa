/* fake_host.h - a gateway for one bot of one platform that writes down what the adapter delivered.
 *
 * receive() keeps the message, and where there is a Redis does what the ingest script does for the feed, then
 * answers with `answer`. All callbacks that the contract says are never made from inside come from the loop. */
#ifndef QG_TESTS_SUPPORT_FAKE_HOST_H
#define QG_TESTS_SUPPORT_FAKE_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/adapter.h"
#include "qg/config.h"
#include "qg/http.h"
#include "qg/redis.h"

#define FAKE_HOST_MAX 64

enum fake_errand_kind { FAKE_SAY, FAKE_TELL, FAKE_WITHDRAWN, FAKE_LEFT };

struct fake_errand { /* what an adapter asked for besides messages */
	enum fake_errand_kind kind;
	char *chat, *about; /* about: a message, an event, an occasion */
	struct qg_reply *reply;
	qg_stored_fn stored; /* not called yet, else NULL */
	void *arg;
};

struct fake_host {
	struct qg_bot bot;
	struct qg_bot_config config;
	struct qg_strings suggestions;
	enum qg_status init; /* what init() said */
	bool in_adapter; /* while one of its functions runs: callbacks that must come later are refused */

	enum qg_status answer; /* of storing; QG_OK by default */
	bool hold;	       /* do not answer until fake_host_release() */
	struct qg_message *messages[FAKE_HOST_MAX];
	qg_stored_fn stored[FAKE_HOST_MAX]; /* not called yet, else NULL */
	void *stored_args[FAKE_HOST_MAX];
	size_t message_count;

	struct fake_errand errands[FAKE_HOST_MAX];
	size_t errand_count;

	struct qg_reply *replies[FAKE_HOST_MAX]; /* given back by sent() */
	enum qg_status sent[FAKE_HOST_MAX];
	unsigned retry_ms[FAKE_HOST_MAX];
	size_t sent_count;

	size_t links, stops, replays, kicks;
	enum qg_link link;   /* as last told */
	bool has_words;	     /* then a sentence reads as its key */
	bool fenced;	     /* somebody else may own the bot by now */
	char problems[2048]; /* of the options, as a person would see them */
};

/* A bot "xiaoman" titled 小满 of the platform; options: YAML of the platform's keys, "" for none. redis and url may
 * be NULL. Runs init(); see init. */
struct fake_host *fake_host_create(struct qg_loop *loop, const struct qg_adapter *adapter,
	const char *options, struct qg_redis *redis, const char *url);
/* The same with an HTTP client, which may be NULL and must outlive the host. */
struct fake_host *fake_host_create_with(struct qg_loop *loop, const struct qg_adapter *adapter,
	const char *options, struct qg_redis *redis, const char *url, struct qg_http_client *http);
/* finish()es the bot and frees all. Accepts NULL. */
void fake_host_destroy(struct fake_host *host);
/* Answers what was held. */
void fake_host_release(struct fake_host *host);
/* A reply with all that must be in one, as the gateway makes it. */
struct qg_reply *fake_host_reply(const char *id, const char *answers, const char *text);
void fake_host_send(struct fake_host *host, struct qg_reply *reply);
void fake_host_stop(struct fake_host *host);
/* What stands beside it: a connection to that Redis, with the platforms' scripts, once it is up; and a server of the
 * test's on a free port, which takes bodies of so many bytes at most (0: as many as the gateway). */
struct qg_redis *fake_host_redis(struct qg_loop *loop, const char *url);
struct qg_http_server *fake_host_serve(struct qg_loop *loop, size_t most,
	void (*handler)(void *arg, struct qg_http_exchange *x), void *arg);
/* A request that came to FAKE_HOOK, or below it, is given to the bot. */
#define FAKE_HOOK "/hook/xiaoman"
void fake_host_take(struct fake_host *host, struct qg_http_exchange *x);
/* Runs the loop until check(arg) holds; ends the test after some seconds without. */
void fake_host_wait(struct qg_loop *loop, bool (*check)(void *arg), void *arg);

#endif
