/* log.h - one line an event: time, level, bot, message id, words. No secrets; no message text above debug. */
#ifndef QG_LOG_H
#define QG_LOG_H

#include <stdbool.h>

#include "qg/status.h"

enum qg_log_level { QG_LOG_ERROR, QG_LOG_WARN, QG_LOG_INFO, QG_LOG_DEBUG };

/* Process-wide settings; the defaults are info, text, standard error. Main thread, before threads start
 * or at a reload. */
void qg_log_set_level(enum qg_log_level level);
void qg_log_set_json(bool json);
/* false where text is none of error, warn, info, debug. */
QG_MUST_CHECK bool qg_log_parse_level(const char *text, enum qg_log_level *level_out);
bool qg_log_is_on(enum qg_log_level level);
/* bot and message may be NULL. Any thread; one write() a line. Never fails, never blocks for long. */
void qg_log_write(enum qg_log_level level, const char *bot, const char *message, const char *format,
	...) QG_PRINTF(4, 5);

/* error: lost something; warn: retrying; info: state changed; debug: everything else. */
#define qg_log_error(bot, ...) qg_log_write(QG_LOG_ERROR, bot, NULL, __VA_ARGS__)
#define qg_log_warn(bot, ...) qg_log_write(QG_LOG_WARN, bot, NULL, __VA_ARGS__)
#define qg_log_info(bot, ...) qg_log_write(QG_LOG_INFO, bot, NULL, __VA_ARGS__)
#define qg_log_debug(bot, ...)                                                                     \
	do {                                                                                       \
		if (qg_log_is_on(QG_LOG_DEBUG)) {                                                  \
			qg_log_write(QG_LOG_DEBUG, bot, NULL, __VA_ARGS__);                        \
		}                                                                                  \
	} while (0)

#endif
