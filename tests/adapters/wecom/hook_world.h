/* hook_world.h - a WeCom bot on the webhook transport, between a door that sees what the platform posts and a platform
 * that answers what is posted to it. */
#ifndef QG_TESTS_ADAPTERS_WECOM_HOOK_WORLD_H
#define QG_TESTS_ADAPTERS_WECOM_HOOK_WORLD_H

#include "fake_host.h"
#include "hook.h"
#include "redis_server.h"

#define HOOK_TOKEN "Bu7ZOnoQKxBMKXdIH4"
#define HOOK_KEY "Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6w"
#define HOOK_CREDENTIALS                                                                           \
	"bot_id: aibQ7mN2x\ntransport: webhook\ntoken: " HOOK_TOKEN                                \
	"\nencoding_aes_key: " HOOK_KEY "\n"
#define HOOK_ASKED_MAX 64

struct hook_asked { /* what came to the platform's API */
	char *path, *query, *body;
};

struct hook_world {
	struct qg_loop *loop;
	struct qg_http_client *client;
	struct qg_http_server *front, *platform;
	struct qg_redis *redis;
	struct fake_host *host;
	struct hook_asked asked[HOOK_ASKED_MAX];
	size_t asked_count;
	const char *answer; /* of the API; NULL: errcode 0 */
	int answer_status;  /* 0: 200 */
	const void *file;   /* instead of JSON: an object of the store */
	size_t file_size;
	const char *disposition, *location; /* headers of it; NULL without */
	bool mute;			    /* the API never answers */
	struct qg_http_exchange *unanswered[HOOK_ASKED_MAX];
	size_t unanswered_count;
	/* the last request to the bot */
	bool has_answer;
	int status;
	char *answered;
	size_t answered_size;
};

/* more: further options, "" for none; "%API%" in it is the platform's address. redis may be NULL. */
void hook_world_open(struct hook_world *world, const char *options, struct qg_test_redis *redis);
void hook_world_close(struct hook_world *world);
/* A request below /hook/<bot>; waits for its answer. path: "?query" with what stands before it. type may be NULL. */
int hook_world_request(struct hook_world *world, const char *method, const char *path,
	const char *type, const char *body, size_t size);
/* The same, not waited for. */
void hook_world_begin(struct hook_world *world, const char *method, const char *path,
	const char *type, const char *body, size_t size);
void hook_world_wait_answer(struct hook_world *world);
/* A body as the platform sends it: sealed, signed, posted. */
void hook_world_begin_post(struct hook_world *world, const char *plain);
int hook_world_post(struct hook_world *world, const char *plain);
/* What the last answer says, decrypted, its signature checked; NULL where it is empty. New reference. */
json_t *hook_world_said(struct hook_world *world);
/* A message as the platform posts it: text of user, in a group or alone. */
char *hook_world_text(const char *msgid, bool group, const char *user, const char *text);
char *hook_world_refresh(const char *stream_id);
/* Waits until so many replies are back. */
void hook_world_wait_sent(struct hook_world *world, size_t count);
/* A file of tests/vectors/wecom/, parsed. */
json_t *hook_world_vectors(const char *name);

#endif
