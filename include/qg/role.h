/* role.h - templates on disk, and a template made ready for one bot. */
#ifndef QG_ROLE_H
#define QG_ROLE_H

#include "qg/config.h"
#include "qg/loop.h"
#include "qg/option.h"

/* Folders in which templates are looked for, in order: <config dir>/templates, $QUNGONG_TEMPLATES, the installed
 * data folder, and the source tree for a binary run from its build folder. */
struct qg_strings qg_template_folders(const char *config_dir);
/* The template's folder, yours to free; NULL if there is none of that id. */
char *qg_template_find(const char *config_dir, const char *id);
/* Ids found in all folders, sorted, each once. */
struct qg_strings qg_template_list(const char *config_dir);
/* Parses and checks all files of a template folder; errors to problems. The tree of template.yaml or NULL; borrowed
 * from a cache that notices changed files. */
const struct qg_tree *qg_template_tree(const char *folder, struct qg_problems *problems);
/* The checks for `qungong check`: every file, every variable used is of the interview. */
void qg_template_check(const char *folder, struct qg_problems *problems);

struct qg_role;

/* Loads the template of a bot and indexes its knowledge in the pool; ready(arg, role or NULL, words) follows on
 * the loop, never from inside. The index of a long handbook is a file under data_dir/knowledge (":memory:" where
 * data_dir is NULL), made once for the same content. Who opens a bot of the same fingerprint again gets the same role.
 * bot is copied. QG_NO_MEMORY, QG_BUSY: not begun, ready does not come. */
QG_MUST_CHECK enum qg_status qg_role_open(struct qg_loop *loop, const struct qg_bot_config *bot,
	const char *config_dir, const char *data_dir,
	void (*ready)(void *arg, struct qg_role *role, const char *words), void *arg);
struct qg_role *qg_role_take(struct qg_role *role);
void qg_role_release(struct qg_role *role);
/* To be called now and then: roles that nobody asked for ten minutes forget what they can make again, a few a call. */
void qg_roles_rest(void);

/* Borrowed while the role lives. */
const char *qg_role_title(const struct qg_role *role);	  /* the template's name */
const char *qg_role_greeting(const struct qg_role *role); /* filled */
const struct qg_strings *qg_role_suggestions(const struct qg_role *role);
/* A sentence of the bot's own (words.<language>.yaml), {{name}}s replaced from pairs of name, value, NULL.
 * Yours to free; never NULL but for no memory. */
char *qg_role_words(const struct qg_role *role, const char *key, ...) __attribute__((sentinel));

#endif
