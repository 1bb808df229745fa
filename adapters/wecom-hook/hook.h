/* hook.h - what WeCom's group robot adds to robot.h. */
#ifndef QG_ADAPTERS_WECOM_HOOK_HOOK_H
#define QG_ADAPTERS_WECOM_HOOK_HOOK_H

#include "robot.h"

#define WECOM_HOOK_MARKDOWN_MOST 4096 /* bytes of markdown_v2 */
#define WECOM_HOOK_TEXT_MOST 2048     /* bytes of text */
#define WECOM_HOOK_IMAGE_MOST ((size_t)2 << 20)
#define WECOM_HOOK_FILE_LEAST 5
#define WECOM_HOOK_FILE_MOST ((size_t)20 << 20)

extern const struct qg_robot_kind wecom_hook_kind;

#endif
