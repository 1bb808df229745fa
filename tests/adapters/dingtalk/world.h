/* world.h - a DingTalk bot between a platform that answers its calls, connections that the test plays, and a door that sees
 * what the platform posts; under a clock that the test moves. */
#ifndef QG_TESTS_ADAPTERS_DINGTALK_WORLD_H
#define QG_TESTS_ADAPTERS_DINGTALK_WORLD_H

#include "fake_host.h"
#include "fake_ws.h"
#include "link.h"
#include "redis_server.h"

#define CLIENT_ID "dinge5376fed04c24e28"
#define CLIENT_SECRET "mQ7v_EXAMPLE-only-k2Zp0nRtY4sWc8uHb1LdXa6GfJe3oViTqN5rMy9B"
#define ASKED_MAX 512

struct asked { /* what came to the platform */
	char *method, *path, *query, *body, *token, *accept;
};

struct world {
	struct qg_loop *loop;
	struct qg_http_client *client;
	struct qg_http_server *platform, *front;
	struct qg_redis *redis;
	struct fake_host *host;
	int64_t wall;
	uint64_t mono;
	struct asked asked[ASKED_MAX];
	size_t asked_count;
	unsigned opens, tokens;
	/* what the platform says; NULL and 0: all is well */
	const char *open_answer, *token_answer, *answer, *file;
	int open_status, token_status, answer_status, file_status;
	size_t file_size;
	bool refuses_token; /* the calls' token, once */
	bool mute;	    /* calls get no answer before world_close() */
	struct qg_http_exchange *unanswered[ASKED_MAX];
	size_t unanswered_count;
	/* the last request to the bot */
	bool has_answer;
	int status;
	char *answered;
};

extern struct world world;

/* more: options besides the credentials and bases, as lines of YAML; not started. redis may be NULL. */
void world_open(const char *more, struct qg_test_redis *redis);
void world_close(void);
struct dingtalk_core *world_core(void);
struct qg_uplink *world_link(void);
/* Moves both clocks and lets what is due be done. */
void world_pass(uint64_t ms);
/* Lets callbacks come that must not come from inside. */
void world_settle(void);
/* Waits for real until check(arg) holds. */
void world_wait(bool (*check)(void *arg), void *arg);
/* Until so many connections were tried, so many requests came. */
void world_wait_lines(size_t count);
void world_wait_opens(unsigned count);
void world_wait_asked(size_t count);
/* Started, dialled and accepted: connection 0 is open. */
void world_up(void);
/* A request below /hook/<bot>; headers end with NULL. Waits for its answer: the status. */
int world_request(const char *method, const char *path, const char *const *headers,
	const char *body, size_t size);
/* The same, not waited for. */
void world_begin(const char *method, const char *path, const char *const *headers, const char *body,
	size_t size);
void world_wait_answer(void);
/* A press of the first button of that card, as the platform tells it; yours to free. */
char *world_press(const char *track);
/* A file of tests/vectors/dingtalk, parsed. */
json_t *world_vectors(const char *name);
/* Of the frames or messages of a file: the one of that name; borrowed. */
const json_t *world_named(const json_t *list, const char *name);

#endif
