/* words.h - the bot's own sentences, from words.<language>.yaml. */
#ifndef AGENTS_WORDS_H
#define AGENTS_WORDS_H

#include <jansson.h>

#include "qg/option.h"

/* All sentences of a language as an object of strings, not to be changed: bots share it. The folders in which
 * templates lie are asked in turn, the first that has a sentence wins, Chinese stands in for a language without a
 * file. overrides: an object of the bot's own, or NULL. New reference; NULL when no file was found or one is bad
 * (see problems). Any thread. */
json_t *qg_words_load(const char *config_dir, const char *language, const json_t *overrides,
	struct qg_problems *problems);
/* Adds an error for each sentence the program needs and the file lacks. */
void qg_words_check(const struct qg_tree *tree, struct qg_problems *problems);

#endif
