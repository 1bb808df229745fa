/* media.h - what media.c and resolve.c share: questions of turns to the platform, that can be forgotten. */
#ifndef QG_ADAPTERS_FEISHU_MEDIA_H
#define QG_ADAPTERS_FEISHU_MEDIA_H

#include "feishu.h"

struct feishu_question { /* embedded */
	struct qg_list link;
	void *asker; /* by whom it is forgotten */
	void (*drop)(
		struct feishu_question *question); /* frees it; nothing comes from it any more */
};

/* false for no memory. The question removes itself (its link) when it ends. */
QG_MUST_CHECK bool feishu_question_ask(struct feishu_core *core, struct feishu_question *question);
/* "/open-apis/im/v1/messages/" and the id, coded; yours to free, NULL for no memory. */
char *feishu_message_path(const char *id, const char *behind);

#endif
