/* cli.h - what the verbs of the command line share: how one is called, its flags, the config it works on. */
#ifndef QG_GATEWAY_CLI_H
#define QG_GATEWAY_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/config.h"
#include "qg/option.h"
#include "qg/role.h"
#include "qg/str.h"

/* Exit codes: a contract. */
enum { QG_CLI_DONE = 0, QG_CLI_FAILED = 1, QG_CLI_WRONG = 2 };

struct qg_cli {
	const char *config_path; /* -c, or qungong.yaml */
	bool config_given;
	bool json;
	int argc; /* what follows the verb, without -c and --json */
	char **argv;
};

struct qg_verb {
	const char *name;
	const char *usage;   /* what follows "qungong <name> " */
	const char *summary; /* one line for the list */
	const char *help;    /* more lines for `qungong help <name>`; may be NULL */
	int (*run)(struct qg_cli
			*cli); /* NULL: a verb of the contract that this build does not have */
};

/* A file a verb. */
extern const struct qg_verb qg_cli_run, qg_cli_check, qg_cli_templates, qg_cli_hire, qg_cli_fire,
	qg_cli_pause, qg_cli_resume, qg_cli_chat, qg_cli_test, qg_cli_usage, qg_cli_queue,
	qg_cli_version, qg_cli_bind, qg_cli_say_verb, qg_cli_doctor;

/* ---- flags (args.c) ---- */

enum qg_flag_kind { QG_FLAG_SWITCH, QG_FLAG_VALUE, QG_FLAG_LIST };

struct qg_flag {
	const char *name; /* with the dashes; a table ends with a NULL name */
	enum qg_flag_kind kind;
	void *target; /* bool *, const char ** or struct qg_strings * */
};

/* Sorts argv into flags and at most max_words words (written to words, NULL where absent). QG_CLI_DONE, or
 * QG_CLI_WRONG after saying what is wrong. */
QG_MUST_CHECK int qg_cli_parse(const struct qg_cli *cli, const struct qg_flag *flags,
	const char **words, size_t max_words);
/* "qungong: words" to standard error, with --json as {"error": words}. Returns code. */
int qg_cli_say(const struct qg_cli *cli, int code, const char *format, ...) QG_PRINTF(3, 4);
/* Prints a JSON value and a line break to standard output; takes it. QG_CLI_DONE, or QG_CLI_FAILED. */
int qg_cli_print_json(json_t *value);

/* ---- a template of one's own (skeleton.c) ---- */

/* Makes templates/<id>/ beside the config, never over one that is there; says where, or why not. */
int qg_cli_write_skeleton(const struct qg_cli *cli, const char *config_dir, const char *id);

/* ---- the config a verb works on (target.c) ---- */

/* Loads the config; problems to standard error. NULL where qungong.yaml is bad or missing (said). */
struct qg_config *qg_cli_load(const struct qg_cli *cli);
/* The folder of the config file ("." for qungong.yaml); yours to free, NULL for no memory. */
char *qg_cli_config_dir(const struct qg_cli *cli);

/* A bot to talk to: one of the config, or a template with the interview's examples for answers. */
struct qg_cli_target {
	struct qg_config *config;
	const struct qg_bot_config *bot;
	struct qg_bot_config *made; /* where it is a template: ours */
	char *folder;		    /* of its template */
	char *config_dir;
};

/* A bot's name wins, then a template's; template:NAME forces. QG_CLI_DONE or the exit code, after saying why. */
QG_MUST_CHECK int qg_cli_target_open(
	const struct qg_cli *cli, const char *name, struct qg_cli_target *target_out);
/* Accepts a zeroed one. */
void qg_cli_target_finish(struct qg_cli_target *target);
/* Its template made ready, running the loop meanwhile; NULL after saying why. */
struct qg_role *qg_cli_open_role(
	const struct qg_cli *cli, const struct qg_cli_target *target, struct qg_loop *loop);

/* ---- Redis for the time of a verb (store.c) ---- */

struct qg_cli_store;

/* The server of the config: that of a running process, an external one, or a private one started for the time
 * of the verb. NULL after saying why. */
struct qg_cli_store *qg_cli_store_open(const struct qg_cli *cli, const struct qg_config *config);
const char *qg_cli_store_url(const struct qg_cli_store *store);
/* It was started for this verb: no process of this data_dir runs. False for an external one, whoever uses it. */
bool qg_cli_store_is_ours(const struct qg_cli_store *store);
/* As this Redis was made with. */
unsigned qg_cli_store_partitions(const struct qg_cli_store *store);
/* "qg:{7}:" of a bot, by the partitions this Redis was made with; yours to free. */
char *qg_cli_store_prefix(const struct qg_cli_store *store, const char *bot);
/* Accepts NULL. */
void qg_cli_store_close(struct qg_cli_store *store);

#endif
