/* faults.c - walks the faults that platforms know of in their options. */
#include "faults.h"

#include <ctype.h>
#include <string.h>

#include "qg/config.h"
#include "qg/log.h"

#define AES_KEY_LETTERS 43

const struct qg_tree *qg_option_place(const struct qg_tree *tree, const char *key)
{
	const struct qg_tree *at = qg_tree_get(tree, key);
	return at ? at : tree;
}

bool qg_has_blank(const char *text)
{
	for (const char *c = text ? text : ""; *c != '\0'; c++) {
		if (isspace((unsigned char)*c)) {
			return true;
		}
	}
	return false;
}

bool qg_is_aes_key(const char *text)
{
	size_t letters =
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	return letters == AES_KEY_LETTERS && text[letters] == '\0';
}

void qg_faults_tell(const struct qg_fault *faults, const void *options, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	for (const struct qg_fault *fault = faults; fault->key; fault++) {
		if (fault->is_there(options)) {
			qg_problem_error(
				problems, qg_option_place(tree, fault->key), "%s", fault->words);
		}
	}
}

bool qg_faults_are_none(const struct qg_fault *faults, const struct qg_bot *bot)
{
	for (const struct qg_fault *fault = faults; fault->key; fault++) {
		if (fault->is_there(bot->config->options)) {
			qg_log_error(bot->name, "%s: %s: %s", bot->adapter->name, fault->key,
				fault->words);
			return false;
		}
	}
	return true;
}
