/* meter.h - calls to models as the metrics show them, by endpoint. */
#ifndef AGENTS_MODELS_METER_H
#define AGENTS_MODELS_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "qg/price.h"

/* A call ended: outcome is "ok" or a word for what went wrong. */
void qg_meter_call(const char *endpoint, const char *outcome, const struct qg_tokens *tokens);
/* Its first words came so long after it was sent. */
void qg_meter_first(const char *endpoint, uint64_t microseconds);
/* It is left alone after failures, or answers again. */
void qg_meter_shut(const char *endpoint, bool shut);

#endif
