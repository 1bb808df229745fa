/* hire.h - the parts of `qungong hire`: asking, writing down, and the first steps on the platform. */
#ifndef QG_GATEWAY_CLI_HIRE_H
#define QG_GATEWAY_CLI_HIRE_H

#include <jansson.h>
#include <stdio.h>

#include "cli.h"

struct qg_adapter;
struct qg_tree;

/* ---- interview.c ---- */

/* Asks a question at the terminal or reads the next line of standard input: trimmed, yours to free; NULL at its end
 * or for no memory. */
char *qg_cli_ask(const char *format, ...) QG_PRINTF(1, 2);
/* Which of this build's platforms; "" for the usual one. Yours to free, NULL at the end of input. */
char *qg_cli_ask_platform(void);
/* Adds a sentence to what is wrong: all of it is said at once, at the end. */
void qg_cli_note(struct qg_strings *wrong, const char *format, ...) QG_PRINTF(2, 3);
/* Fills answers (an object) with what given (K=V) says and the rest asked; what it has already is not asked. again:
 * NULL, or the keys that were refused, and only what is required is asked besides. */
void qg_cli_interview(const struct qg_tree *interview, const struct qg_strings *given,
	const struct qg_strings *again, json_t *answers, struct qg_strings *wrong);

/* ---- credentials.c ---- */

/* Asks at the terminal without showing what is typed; else as qg_cli_ask(). */
char *qg_cli_ask_hidden(const char *format, ...) QG_PRINTF(1, 2);
/* Moves the keys of the platform out of given (K=V) into options, an object, and asks for the rest that is required
 * or secret; what options has already is not asked. again: as above. */
void qg_cli_credentials(const struct qg_adapter *adapter, struct qg_strings *given,
	const struct qg_strings *again, json_t *options, struct qg_strings *wrong);
/* Writes secret options to files of their own in secrets/ beside the config and puts "file:..." in their place. The
 * paths are added to made. */
QG_MUST_CHECK int qg_cli_write_secrets(const struct qg_cli *cli, const char *config_dir,
	const char *name, const struct qg_adapter *adapter, json_t *options,
	struct qg_strings *made);

/* ---- welcome.c ---- */

struct qg_welcome {
	char code[8];  /* "" where Redis could not be reached */
	int64_t until; /* wall ms */
	bool running; /* a server is: it opens the link itself, and a question would take it away */
	bool probed;
	enum qg_status probe;
	char words[1024]; /* of the probe */
};
/* Offers a code by which somebody becomes admin (an earlier one ends), and, if it probes, asks the platform whether
 * the credentials work. */
void qg_cli_welcome(const struct qg_cli *cli, struct qg_config *config, const char *bot,
	bool probes, struct qg_welcome *welcome_out);
/* What to do with the code. */
void qg_cli_say_code(const struct qg_welcome *welcome);

/* ---- arrival.c ---- */

/* Asks to write to the bot, and ticks when the first message arrived: where a server runs, at a terminal, for some
 * minutes or until Ctrl-C. shown: what a mention of it is, or NULL. */
void qg_cli_wait_for_word(const struct qg_cli *cli, const struct qg_config *config, const char *bot,
	const char *shown);

/* ---- steps.c ---- */

/* What a person does in the platform's console: before the credentials are known, and after. Lines of text, new
 * reference; NULL for a platform without. transport: as given, NULL for the platform's usual one. */
json_t *qg_cli_steps_before(const char *platform, const char *transport);
json_t *qg_cli_steps_after(const char *platform, const char *transport, const char *bot);
/* Whether messages come from there at all. */
bool qg_cli_hears(const char *platform);
/* As people call it: "企业微信"; its own name where there is no other. */
const char *qg_cli_platform_title(const char *platform);
/* Whether the platform calls us at /hook/<bot>. */
bool qg_cli_has_hook(const char *platform, const char *transport);
/* Whether an option is asked for: it must be there, it may stay empty, or it is none that people type. */
enum qg_cli_wish { QG_CLI_IDLE, QG_CLI_USEFUL, QG_CLI_NEEDED };
enum qg_cli_wish qg_cli_wish(
	const char *platform, const char *transport, const struct qg_option *row);
/* Two keys of which the adapter demands one, and NULL; NULL where it demands none. */
const char *const *qg_cli_one_of(const char *platform, const char *transport);

/* ---- bot_file.c ---- */

/* Writes beside path and links it to its name, 0600, never over anything. errno says why not. */
QG_MUST_CHECK bool qg_cli_write_whole(const char *path, const char *text, size_t size);

struct qg_new_bot {
	const char *name, *template_id, *platform;
	json_t *answers;
	json_t *options; /* of the platform */
	const struct qg_strings *models;
};

/* Writes bots.d/NAME.yaml beside the config, and the config itself where there is none; never over anything.
 * *path_out is yours to free. */
QG_MUST_CHECK int qg_cli_write_bot(const struct qg_cli *cli, const char *config_dir,
	const struct qg_new_bot *bot, char **path_out);

/* ---- hired.c ---- */

struct qg_hired {
	const struct qg_cli *cli;
	struct qg_config *config; /* with the new bot */
	const struct qg_new_bot *bot;
	const char *path; /* of its file */
};
/* Welcomes it (welcome.c), says what comes next, and waits for its first message where that makes sense. */
QG_MUST_CHECK int qg_cli_show_hired(const struct qg_hired *hired);
/* Lines of text, numbered. */
void qg_cli_say_steps(FILE *to, const json_t *steps);

#endif
