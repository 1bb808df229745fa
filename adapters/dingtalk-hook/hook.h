/* hook.h - what DingTalk's group robot adds to robot.h. */
#ifndef QG_ADAPTERS_DINGTALK_HOOK_HOOK_H
#define QG_ADAPTERS_DINGTALK_HOOK_HOOK_H

#include "robot.h"

#define DINGTALK_HOOK_BODY_MOST 20000 /* bytes of a request */
#define DINGTALK_HOOK_PART_BYTES                                                                   \
	9000 /* of a text: 3,000 Chinese characters; much longer ones lose their form */

/* The request of a text: markdown with a title, or plain. uuid: the same request is posted once; NULL without.
 * QG_TOO_LARGE, QG_NO_MEMORY, QG_INVALID. */
QG_MUST_CHECK enum qg_status dingtalk_hook_body(
	const char *title, const char *text, bool is_plain, const char *uuid, struct qg_buf *out);

extern const struct qg_robot_kind dingtalk_hook_kind;

#endif
