/* meter.c - calls to models as the metrics show them, by endpoint.
 *
 * An endpoint's name is what the owner wrote, so it is made safe for a label. */
#include "meter.h"

#include <stdio.h>
#include <string.h>

#include "qg/metrics.h"
#include "qg/str.h"

#define NAME_MAX_BYTES 80
#define LABELS 192

/* head stands before the name's label, with its comma; may be "". */
static const char *label(const char *head, const char *endpoint, char out[LABELS])
{
	char name[NAME_MAX_BYTES + 1];
	size_t size = qg_utf8_cut(endpoint, strlen(endpoint), NAME_MAX_BYTES);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)endpoint[i];
		bool bad = c < ' ' || c == 0x7f || c == '"' || c == '\\';
		name[i] = bad ? '_' : endpoint[i];
	}
	name[size] = '\0';
	snprintf(out, LABELS, "%smodel=\"%s\"", head, name);
	return out;
}

static void add_tokens(const char *endpoint, const char *head, int64_t n)
{
	char labels[LABELS];
	if (n > 0) {
		qg_metric_add(qg_metric_counter("model_tokens_total", label(head, endpoint, labels),
				      "Tokens of calls, input including cached"),
			n);
	}
}

void qg_meter_call(const char *endpoint, const char *outcome, const struct qg_tokens *tokens)
{
	char labels[LABELS], head[48];
	snprintf(head, sizeof(head), "outcome=\"%.20s\",", outcome);
	qg_metric_add(qg_metric_counter("model_calls_total", label(head, endpoint, labels),
			      "Calls to models by how they ended"),
		1);
	add_tokens(endpoint, "kind=\"input\",", tokens->input);
	add_tokens(endpoint, "kind=\"cached_input\",", tokens->cached_input);
	add_tokens(endpoint, "kind=\"output\",", tokens->output);
}

void qg_meter_first(const char *endpoint, uint64_t microseconds)
{
	char labels[LABELS];
	qg_metric_observe_us(
		qg_metric_histogram("model_first_chunk_seconds", label("", endpoint, labels),
			"From sending a call to the first words of its answer"),
		microseconds);
}

void qg_meter_shut(const char *endpoint, bool shut)
{
	char labels[LABELS];
	qg_metric_set(qg_metric_gauge("model_shut", label("", endpoint, labels),
			      "1: left alone after failures, until a call finds it well"),
		shut ? 1 : 0);
}
