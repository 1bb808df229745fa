/* hook.h - shared by the files of this folder: WeCom's group robot, which posts into one group and hears nothing. */
#ifndef QG_ADAPTERS_WECOM_HOOK_HOOK_H
#define QG_ADAPTERS_WECOM_HOOK_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/adapter.h"
#include "qg/buf.h"
#include "qg/fetch.h"
#include "qg/list.h"

#define WECOM_HOOK_MARKDOWN_MOST 4096 /* bytes of markdown_v2; document 99110 */
#define WECOM_HOOK_TEXT_MOST 2048     /* bytes of text */
#define WECOM_HOOK_IMAGE_MOST ((size_t)2 << 20)
#define WECOM_HOOK_FILE_LEAST 5
#define WECOM_HOOK_FILE_MOST ((size_t)20 << 20)
#define WECOM_HOOK_SPARE 8

struct wecom_hook_options {
	char *url, *secret;
};

/* ---- body.c: what goes out, and what the answer means ---- */

/* Takes an address of the console apart: scheme and host, and the key. Only https://qyapi.weixin.qq.com, or plain http
 * to this machine. False: it is none (or no memory); the outs are then NULL, else yours to free. */
QG_MUST_CHECK bool wecom_hook_address(const char *url, char **base_out, char **key_out);
/* The request of a text: markdown_v2, or plain. Nobody is mentioned by it. QG_TOO_LARGE, QG_NO_MEMORY, QG_INVALID. */
QG_MUST_CHECK enum qg_status wecom_hook_text(const char *text, bool is_plain, struct qg_buf *out);

/* A file as it leaves: read and packed away from the loop. */
struct wecom_hook_file {
	char *path, *name;
	bool as_image; /* wished; afterwards: body is a whole image message, else an upload */
	enum qg_status status;
	struct qg_buf body;
	char boundary[33];	      /* of an upload */
	struct wecom_hook_send *send; /* NULL once nobody waits for it */
};
/* Copies what it keeps. NULL for no memory. */
struct wecom_hook_file *wecom_hook_file_create(
	const char *data_dir, const char *file, const char *name, bool as_image);
/* Fills status and body. Any thread. */
void wecom_hook_file_pack(struct wecom_hook_file *file);
void wecom_hook_file_destroy(struct wecom_hook_file *file);

struct wecom_hook_outcome {
	enum qg_status status;
	unsigned retry_ms;
	const char *words; /* what an admin does about it; "" if nothing is known */
};
/* is_file: no plainer form is left to try. */
struct wecom_hook_outcome wecom_hook_judge(
	const struct qg_fetch_end *end, bool has_code, int64_t code, bool is_file);

/* ---- send.c ---- */

struct wecom_hook_core { /* of one bot */
	struct qg_bot *bot;
	char *base, *key;
	struct qg_list sends;
	struct qg_timer *timer;
	struct qg_reply *unsent[WECOM_HOOK_SPARE]; /* there was no memory to try */
	size_t unsent_count;
	bool stopping, stopped;
	struct wecom_hook_send *probing;
	void (*told)(void *arg, enum qg_status status, const char *words);
	void *told_arg;
};

struct wecom_hook_send {
	struct qg_list link;
	struct wecom_hook_core *core;
	struct qg_reply *reply; /* NULL: a probe */
	struct qg_fetch *fetch;
	struct wecom_hook_file *file;
	bool uploading, ended;
	bool is_there; /* the platform knows the key, whatever it had against the content */
	enum qg_status status;
	unsigned retry_ms;
	char words[256]; /* for a probe */
};

/* Begins; its end comes by wecom_hook_wake(), never from inside. */
void wecom_hook_send_start(struct wecom_hook_send *send);
/* Cancels what is under way and frees it, the reply too. */
void wecom_hook_send_destroy(struct wecom_hook_send *send);

/* ---- wecom-hook.c ---- */

/* Something ended: the core looks at it later, on the loop. */
void wecom_hook_wake(struct wecom_hook_core *core);

#endif
