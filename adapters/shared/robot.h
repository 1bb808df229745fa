/* robot.h - robots of one group: what platforms call custom or group robots, which post and hear nothing.
 *
 * Their life, the calls and the meaning of what comes back are the same everywhere and stand here. A platform gives a
 * struct qg_robot_kind: where its addresses lead, how its requests look, what its codes mean; and QG_ROBOT_ADAPTER makes
 * its adapter. Address, key and secret stand in no log
 * line. */
#ifndef QG_ADAPTERS_SHARED_ROBOT_H
#define QG_ADAPTERS_SHARED_ROBOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outs.h"
#include "qg/adapter.h"
#include "qg/buf.h"
#include "qg/fetch.h"

struct qg_robot_send;

struct qg_robot_options { /* of every kind */
	char *url, *secret;
};

/* ---- what a platform gives ---- */

struct qg_robot_text {	    /* a message to be made */
	const char *text;   /* "": of a probe, which shows nothing */
	const char *called; /* the bot's title */
	const char
		*key; /* the same for each try of a part, another for all others; NULL: a probe */
	const char *secret; /* NULL without */
	int64_t now;	    /* Unix ms */
	enum qg_form form;
};

struct qg_robot_row { /* what a code means */
	int64_t code;
	enum qg_status status;
	const char
		*words; /* what an admin does about it; "" if nothing is known; NULL ends a table */
	bool is_there; /* the platform knows the robot and what secures it, whatever it had against the content */
	unsigned retry_ms; /* at least; up to a third more by chance. 0: the planner's */
	bool mutes;	   /* nothing leaves before that time */
	const char *part;  /* only where the message holds it; NULL: always */
};

struct qg_robot_file { /* on its way; read and packed away from the loop */
	const struct qg_robot_files *how;
	char *path, *name;
	bool as_image; /* wished; afterwards: body is a whole message, else an upload */
	enum qg_status status;
	struct qg_buf body;
	char type[80];		    /* of body, as a header says it */
	struct qg_robot_send *send; /* NULL once nobody waits for it */
};

struct qg_robot_files {	    /* of a kind whose robots show files */
	size_t least, most; /* bytes of one */
	/* Fills body and type, settles as_image. Any thread. */
	enum qg_status (*pack)(struct qg_robot_file *file, const struct qg_buf *bytes);
	const char
		*upload; /* where to: behind the base, up to the parameter that names the robot */
	const char *id;	 /* what an upload's answer calls the file */
	/* The message that shows what was uploaded. */
	enum qg_status (*shown)(const char *id, struct qg_buf *out);
};

struct qg_robot_kind {
	const char *name; /* the adapter's */
	/* An address is one of hosts (up to NULL), path, and the robot's key: as this parameter of the query, or as the
	 * path's last piece where parameter is NULL. */
	const char *const *hosts;
	const char *path, *parameter;
	size_t key_most;
	const char *where; /* what `check` says to any other */
	/* The request of a text, which mentions nobody. QG_TOO_LARGE, QG_NO_MEMORY, QG_INVALID. */
	enum qg_status (*text)(const struct qg_robot_text *text, struct qg_buf *out);
	/* Optional: appends to the address what proves the secret, which is never NULL or "" here. */
	enum qg_status (*sign)(const char *secret, int64_t now, struct qg_buf *url);
	const struct qg_robot_files *files; /* NULL: shows none */
	const char *code, *message;	    /* names of an answer's members */
	const struct qg_robot_row *rows;
	struct qg_robot_row stranger; /* what a success without a code means: who answers so */
};

/* ---- addresses and answers (robot_wire.c) ---- */

/* Takes an address of the console apart: scheme and host, and the key. Only https to the kind's hosts, or plain http to
 * this machine. False: it is none (or no memory); the outs are then NULL, else yours to free. */
QG_MUST_CHECK bool qg_robot_address(
	const struct qg_robot_kind *kind, const char *url, char **base_out, char **key_out);
/* Where a call goes at this time; path: the kind's, or of an upload. Yours to free; NULL for no memory. */
char *qg_robot_url(const struct qg_robot_kind *kind, const char *base, const char *path,
	const char *key, const char *secret, int64_t now);

struct qg_robot_outcome {
	enum qg_status status;
	unsigned retry_ms;
	bool is_there, mutes;
	const char *words; /* never NULL */
};
/* code, where has_code, and message (never NULL) are what the answer says. is_file: no plainer form is left to try. */
struct qg_robot_outcome qg_robot_judge(const struct qg_robot_kind *kind,
	const struct qg_fetch_end *end, bool has_code, int64_t code, const char *message,
	bool is_file);

/* ---- the adapter's functions (robot.c) ---- */

struct qg_robot_state { /* state_size of the adapter */
	struct qg_robot *robot;
};

enum qg_status qg_robot_init(struct qg_bot *bot, const struct qg_robot_kind *kind);
void qg_robot_check(const struct qg_robot_kind *kind, const struct qg_bot_config *config,
	const struct qg_tree *tree, struct qg_problems *problems);
char *qg_robot_account(const struct qg_robot_kind *kind, const struct qg_bot *bot);
void qg_robot_send(struct qg_bot *bot, struct qg_reply *reply);
void qg_robot_probe(struct qg_bot *bot,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg);
void qg_robot_stop(struct qg_bot *bot);
void qg_robot_finish(struct qg_bot *bot);

/* The adapter of a kind: its symbol, its kind, its options up to an empty row, and its abilities besides what all robots
 * have: nothing comes to them, so nothing is lost. */
#define QG_ROBOT_ADAPTER(symbol, its_kind, its_name, its_options, ...)                             \
	static enum qg_status init(struct qg_bot *bot)                                             \
	{                                                                                          \
		return qg_robot_init(bot, &(its_kind));                                            \
	}                                                                                          \
	static void check(const struct qg_bot_config *config, const struct qg_tree *tree,          \
		struct qg_problems *problems)                                                      \
	{                                                                                          \
		qg_robot_check(&(its_kind), config, tree, problems);                               \
	}                                                                                          \
	static char *account(const struct qg_bot *bot)                                             \
	{                                                                                          \
		return qg_robot_account(&(its_kind), bot);                                         \
	}                                                                                          \
	const struct qg_adapter symbol = {.name = (its_name),                                      \
		.can = {.redelivers = true, .dedupe_ms = 1000, __VA_ARGS__},                       \
		.state_size = sizeof(struct qg_robot_state),                                       \
		.options = (its_options),                                                          \
		.options_size = sizeof(struct qg_robot_options),                                   \
		.check = check,                                                                    \
		.init = init,                                                                      \
		.send = qg_robot_send,                                                             \
		.stop = qg_robot_stop,                                                             \
		.finish = qg_robot_finish,                                                         \
		.account = account,                                                                \
		.probe = qg_robot_probe}

/* ---- between robot.c and robot_post.c ---- */

struct qg_robot { /* of one bot */
	const struct qg_robot_kind *kind;
	struct qg_bot *bot;
	char *base, *key;
	const char *secret;  /* NULL without */
	struct qg_outs outs; /* of struct qg_robot_send */
	struct qg_timer *timer;
	uint64_t muted_until; /* by the platform */
	bool stopping, stopped;
	struct qg_robot_send *probing;
	void (*told)(void *arg, enum qg_status status, const char *words);
	void *told_arg;
};

struct qg_robot_send {
	struct qg_out out; /* without a reply: a probe, on no list */
	struct qg_robot *robot;
	struct qg_fetch *fetch;
	struct qg_robot_file *file;
	bool uploading, is_there;
	char words[256]; /* for a probe */
};

/* Begins; its end comes by qg_robot_wake(), never from inside. */
void qg_robot_send_start(struct qg_robot_send *send);
/* Cancels what is under way and frees it. */
void qg_robot_send_drop(struct qg_out *out);
/* Something ended: the robot looks at it later, on the loop. */
void qg_robot_wake(struct qg_robot *robot);
/* Reads and packs a file. Any thread. */
void qg_robot_file_pack(struct qg_robot_file *file);
/* Copies what it keeps. NULL for no memory. */
struct qg_robot_file *qg_robot_file_create(const struct qg_robot_files *how, const char *data_dir,
	const char *file, const char *name, bool as_image);
/* Accepts NULL. */
void qg_robot_file_destroy(struct qg_robot_file *file);

#endif
