/* hook.h - what Feishu's group robot adds to robot.h. */
#ifndef QG_ADAPTERS_FEISHU_HOOK_HOOK_H
#define QG_ADAPTERS_FEISHU_HOOK_HOOK_H

#include "robot.h"

#define FEISHU_HOOK_BODY_MOST 20000 /* bytes of a request: 20 KB, whichever K is meant */
/* Of a text. Quotes and line breaks take two bytes in a request: a listing fits; what does not is cut again. */
#define FEISHU_HOOK_PART_BYTES (10 * 1024)

extern const struct qg_robot_kind feishu_hook_kind;

#endif
