/* hook.h - shared by the files of this folder: DingTalk's group robot, which posts into one group and hears nothing. */
#ifndef QG_ADAPTERS_DINGTALK_HOOK_HOOK_H
#define QG_ADAPTERS_DINGTALK_HOOK_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/adapter.h"
#include "qg/buf.h"
#include "qg/fetch.h"
#include "qg/list.h"

#define DINGTALK_HOOK_BODY_MOST 20000 /* bytes of a request */
#define DINGTALK_HOOK_PART_BYTES                                                                   \
	9000 /* of a text: 3,000 Chinese characters; much longer ones lose their form */
#define DINGTALK_HOOK_MUTE_MS 600000 /* what comes too fast silences the robot for so long */
#define DINGTALK_HOOK_SPARE 8

struct dingtalk_hook_options {
	char *url, *secret;
};

/* ---- body.c: what goes out, and what the answer means ---- */

/* Takes an address of the console apart: scheme and host, and the token. Only https://oapi.dingtalk.com, or plain http
 * to this machine. False: it is none (or no memory); the outs are then NULL, else yours to free. */
QG_MUST_CHECK bool dingtalk_hook_address(const char *url, char **base_out, char **token_out);
/* Where a message goes at this time; secret: NULL where the robot has none. Yours to free; NULL for no memory. */
char *dingtalk_hook_url(const char *base, const char *token, const char *secret, int64_t now);
/* The request of a text: markdown with a title, or plain. Nobody is mentioned by it. uuid: the same request is posted once;
 * NULL without. QG_TOO_LARGE, QG_NO_MEMORY, QG_INVALID. */
QG_MUST_CHECK enum qg_status dingtalk_hook_body(
	const char *title, const char *text, bool is_plain, const char *uuid, struct qg_buf *out);

struct dingtalk_hook_outcome {
	enum qg_status status;
	unsigned retry_ms;
	bool is_there; /* the platform knows the robot and our signature, whatever it had against the content */
	const char *words; /* what an admin does about it; "" if nothing is known */
};
/* code: errcode, where has_code; msg: errmsg, never NULL. */
struct dingtalk_hook_outcome dingtalk_hook_judge(
	const struct qg_fetch_end *end, bool has_code, int64_t code, const char *msg);

/* ---- send.c ---- */

struct dingtalk_hook_core { /* of one bot */
	struct qg_bot *bot;
	char *base, *token;
	const char *secret; /* NULL without */
	struct qg_list sends;
	struct qg_timer *timer;
	uint64_t muted_until;			      /* by the platform */
	struct qg_reply *unsent[DINGTALK_HOOK_SPARE]; /* there was no memory to try */
	size_t unsent_count;
	bool stopping, stopped;
	struct dingtalk_hook_send *probing;
	void (*told)(void *arg, enum qg_status status, const char *words);
	void *told_arg;
};

struct dingtalk_hook_send {
	struct qg_list link;
	struct dingtalk_hook_core *core;
	struct qg_reply *reply; /* NULL: a probe */
	struct qg_fetch *fetch;
	bool ended, is_there;
	enum qg_status status;
	unsigned retry_ms;
	char words[256]; /* for a probe */
};

/* Begins; its end comes by dingtalk_hook_wake(), never from inside. */
void dingtalk_hook_send_start(struct dingtalk_hook_send *send);
/* Cancels what is under way and frees it, the reply too. */
void dingtalk_hook_send_destroy(struct dingtalk_hook_send *send);

/* ---- dingtalk-hook.c ---- */

/* Something ended: the core looks at it later, on the loop. */
void dingtalk_hook_wake(struct dingtalk_hook_core *core);

#endif
