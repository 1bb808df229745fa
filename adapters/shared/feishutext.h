/* feishutext.h - texts that mention nobody on Feishu: shared by its app robots and its group robots. */
#ifndef QG_ADAPTERS_SHARED_FEISHUTEXT_H
#define QG_ADAPTERS_SHARED_FEISHUTEXT_H

#include "qg/buf.h"

/* Appends text so that no part of it mentions anyone on the platform, whatever kind of message it is in. At most three
 * bytes for one; out keeps a failure. */
void feishu_escape(const char *text, struct qg_buf *out);

#endif
