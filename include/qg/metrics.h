/* metrics.h - counters, gauges and latency histograms of this process, by name and labels; rendered for
 * Prometheus. A series lives until the process ends; asking twice gives the same one. Loop thread only. */
#ifndef QG_METRICS_H
#define QG_METRICS_H

#include <jansson.h>
#include <stdint.h>

#include "qg/buf.h"

struct qg_metric;

/* name without the prefix qungong_, of [a-z0-9_]; labels as "bot=\"a\",way=\"faq\"" or NULL, with values of our
 * own choice (no quotes, backslashes or line breaks in them). A name has one kind and one help. Aborts for no
 * memory. */
struct qg_metric *qg_metric_counter(const char *name, const char *labels, const char *help);
struct qg_metric *qg_metric_gauge(const char *name, const char *labels, const char *help);
/* Seconds, buckets 0.1 ms to 60 s. */
struct qg_metric *qg_metric_histogram(const char *name, const char *labels, const char *help);
void qg_metric_add(struct qg_metric *metric, int64_t n);
void qg_metric_set(struct qg_metric *metric, int64_t value);
void qg_metric_observe_us(struct qg_metric *metric, uint64_t microseconds);
/* Of a histogram: the number of observations. */
int64_t qg_metric_value(const struct qg_metric *metric);

/* All series as JSON, for another process to render: new reference, NULL for no memory. */
json_t *qg_metrics_export(void);
/* Appends the text format: our own series with the label process="..." (NULL: without), and those of others, an
 * object of process name -> what its qg_metrics_export() gave (NULL: none). All series of one name stand together
 * under one HELP and TYPE line, as the format demands. others is not trusted: what is no export is left out. */
void qg_metrics_render(struct qg_buf *out, const char *process, const json_t *others);

#endif
