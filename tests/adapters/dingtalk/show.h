/* show.h - a DingTalk bot with a platform that answers what it shows from a script: messages, uploads, cards. */
#ifndef QG_TESTS_ADAPTERS_DINGTALK_SHOW_H
#define QG_TESTS_ADAPTERS_DINGTALK_SHOW_H

#include "cards.h"
#include "fake_host.h"
#include "redis_server.h"

#define SHOW_MOST 128
#define SHOW_REPLY "0123456789abcdef0123456789abcdef"
#define SHOW_GROUP "ciddA2L+upBq25u0lMfYAHd/+=="
#define SHOW_STAFF "321868276507874970"
#define SHOW_CODE "dinge5376fed04c24e28"
#define SHOW_TEMPLATE "50c540b6-0000-4000-8000-540ca02e1570.schema"
#define SHOW_CREATE "/v1.0/card/instances/createAndDeliver"
#define SHOW_STREAM "/v1.0/card/streaming"
#define SHOW_UPDATE "/v1.0/card/instances"
#define SHOW_SEND_GROUP "/v1.0/robot/groupMessages/send"
#define SHOW_SEND_PERSON "/v1.0/robot/oToMessages/batchSend"
#define SHOW_WEBHOOK "/robot/sendBySession"
#define SHOW_UPLOAD "/media/upload"

struct show_asked {
	char *method, *path, *query, *raw;
	json_t *body; /* NULL: no JSON */
};

struct show {
	struct qg_loop *loop;
	struct qg_http_client *client;
	struct qg_http_server *platform;
	struct qg_redis *redis;
	struct fake_host *host;
	int64_t wall;
	uint64_t mono;
	struct show_asked asked[SHOW_MOST]; /* but for tokens */
	size_t count;
	struct {
		char *path;
		int http;
		char *body;
	} script[SHOW_MOST]; /* taken in order, each by the next call of its path */
	size_t scripted;
	bool mute; /* answers nothing */
	struct qg_http_exchange *unanswered[SHOW_MOST];
	size_t unanswered_count;
};

extern struct show show;

/* more: further options as lines of YAML. redis may be NULL. */
void show_open(const char *more, struct qg_test_redis *redis);
void show_close(void);
/* The bot ends as in a kill: nothing is told, nothing is ended; another one begins in the same Redis. */
void show_kill(void);
void show_script(const char *path, int http, const char *body);
/* What a group's message, or a person's, brought; with_webhook: it still lives. Yours to free. */
char *show_handle(bool is_group, bool with_webhook);
struct qg_reply *show_reply(bool is_group, bool with_webhook, const char *text);
/* Begins; the result is host->sent[]. */
void show_send(struct qg_reply *reply);
enum qg_status show_send_wait(struct qg_reply *reply);
void show_draft(int64_t sequence, const char *text);
void show_wait_sent(size_t count);
void show_wait_asked(size_t count);
/* Moves both clocks, and lets what is due be done. */
void show_pass(uint64_t ms);
/* Some turns of the loop, with what Redis has to say in them. */
void show_settle(void);
/* Of the last call of a path, or the n-th of all. */
const struct show_asked *show_last(const char *path);
size_t show_count(const char *path);
json_t *show_vectors(const char *name);

#endif
