/* creation.h - making an account on a platform from the terminal, where the platform offers that. */
#ifndef QG_GATEWAY_CLI_CREATION_H
#define QG_GATEWAY_CLI_CREATION_H

#include <jansson.h>

#include "cli.h"

/* Lets the person scan a code and fills options with what the platform made; false: it must be typed, or is given. Only
 * at a terminal. */
bool qg_cli_create_account(const struct qg_cli *cli, const char *platform,
	const struct qg_strings *given, json_t *options);

/* The code of a link at the terminal, and what to do with it: app is what people call the app that scans it. */
void qg_cli_show_code(const char *app, const char *english, const char *url);
/* creation_dingtalk.c: fills options; false: not made, words may say why. */
bool qg_cli_create_dingtalk(const struct qg_cli *cli, json_t *options, char *words, size_t size);

/* ---- its pure parts, for tests ---- */

/* What to show and by what to ask for it, of the platform's answer; yours to free. QG_INVALID: it is none that may be
 * shown, words say why (128 bytes). */
QG_MUST_CHECK enum qg_status qg_wecom_offer_read(
	const char *body, size_t size, char **scode_out, char **url_out, char *words);
enum qg_wecom_answer { QG_WECOM_WAITS, QG_WECOM_SCANNED, QG_WECOM_MADE, QG_WECOM_OVER };
/* An answer to the question how far it is. Of QG_WECOM_MADE id and secret are set and yours to free. */
enum qg_wecom_answer qg_wecom_answer_read(
	const char *body, size_t size, char **id_out, char **secret_out);

/* The nonce of the platform's first answer; then what to show, by what to ask and how often, of its second. Yours to
 * free; QG_INVALID: none that may be shown or sent back, words say why (128 bytes). */
QG_MUST_CHECK enum qg_status qg_dingtalk_nonce_read(
	const char *body, size_t size, char **nonce_out, char *words);
struct qg_dingtalk_offer {
	char *code, *url;
	unsigned interval_ms;
};
QG_MUST_CHECK enum qg_status qg_dingtalk_offer_read(
	const char *body, size_t size, struct qg_dingtalk_offer *out, char *words);
enum qg_dingtalk_made { QG_DINGTALK_WAITS, QG_DINGTALK_MADE, QG_DINGTALK_OVER };
/* As for WeCom. words: why it is over. */
enum qg_dingtalk_made qg_dingtalk_made_read(
	const char *body, size_t size, char **id_out, char **secret_out, char *words);

#endif
