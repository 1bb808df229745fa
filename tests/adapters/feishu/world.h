/* world.h - a Feishu bot between a webhook's door and a platform that answers from a script. */
#ifndef QG_TESTS_ADAPTERS_FEISHU_WORLD_H
#define QG_TESTS_ADAPTERS_FEISHU_WORLD_H

#include "fake_host.h"
#include "feishu.h"

#define APP "cli_6af6b6ea90eb13e0"
#define OWN "ou_a6c25c0120a930eac755a6ab556f046b"
#define TOKEN_PATH "/open-apis/auth/v3/tenant_access_token/internal"
#define INFO_PATH "/open-apis/bot/v3/info"
#define ASKED_MAX 64
#define SCRIPT_MAX 16

struct asked { /* what came to the platform */
	char *method, *path, *query, *bearer, *body;
};

struct answer { /* what it says to a call, in order */
	int http;
	const char *reset; /* of x-ogw-ratelimit-reset, or NULL */
	const char *body;
	const char *disposition; /* of a file: Content-Disposition, or NULL */
	size_t size;		 /* of a file's body; 0: as long as the string is */
};

struct world {
	struct qg_loop *loop;
	struct qg_http_client *client;
	struct qg_http_server *front, *platform;
	struct fake_host *host;
	struct asked asked[ASKED_MAX]; /* all but token and info */
	size_t asked_count;
	struct answer script[SCRIPT_MAX];
	size_t script_count, script_at;
	unsigned tokens, infos;	  /* asked for */
	const char *token_answer; /* instead of a token; NULL: one */
	const char *info_answer;  /* instead of OWN */
	bool mute;		  /* calls are not answered */
	bool silent;		  /* nor is the question for the own id */
	struct qg_redis *redis;	  /* the test's own; NULL: none */
	struct qg_http_exchange *unanswered[ASKED_MAX];
	size_t unanswered_count;
	/* the last post */
	bool posted;
	int status;
	char *answered;
};

/* more: further options, "" for none. Does not start the bot. */
void world_open(struct world *world, const char *more);
/* The same with a Redis. */
void world_open_with(struct world *world, const char *more, const char *redis_url);
void world_close(struct world *world);
/* start(), and waits until the own id is known. */
void world_start(struct world *world);
/* Posts a webhook: posted is set once there is an answer, status and answered hold it. headers end with NULL. */
void world_begin_post(struct world *world, const char *method, const char *const *headers,
	const char *body, size_t size);
/* The same, and waits for its answer. */
int world_post(struct world *world, const char *method, const char *const *headers,
	const char *body, size_t size);
void world_answer(struct world *world, int http, const char *reset, const char *body);
/* A file; disposition: its header, or NULL. */
void world_answer_file(struct world *world, const char *disposition, const char *data, size_t size);
/* The core of its bot. */
struct feishu_core *world_core(const struct world *world);
/* Sends a reply and waits for its result. form and handle as given. */
enum qg_status world_send(
	struct world *world, enum qg_form form, const char *handle, const char *text);
void world_wait_sent(struct world *world, size_t count);
/* A file below tests/vectors/feishu/, parsed. */
json_t *world_vectors(const char *name);
/* The bytes of a vector's request; yours to free. */
char *world_body(const json_t *request, size_t *size_out);
/* "Name: value" lines of a vector's headers, ended by NULL; freed by world_free_headers(). */
char **world_headers(const json_t *headers);
void world_free_headers(char **headers);

#endif
