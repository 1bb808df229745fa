/* error_wait.h - how long a service asks to be left alone. */
#ifndef QG_AGENTS_MODELS_ERROR_WAIT_H
#define QG_AGENTS_MODELS_ERROR_WAIT_H

#include "errors.h"

/* Milliseconds from reply->now; -1: it does not say. */
int64_t qg_vendor_wait(const struct qg_vendor_reply *reply, const struct qg_vendor_error *error);

#endif
