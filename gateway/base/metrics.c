/* metrics.c - the series of this process, and the text that Prometheus reads.
 *
 * A family is a name with its kind and help; its series hang below it in the order of their birth. Families
 * are few (tens) and series are asked for once and kept by their users, so plain lists are quick enough.
 * Processes without a port hand their series over as JSON and not as text: the format wants all series of a
 * name in one group, which finished texts of several processes cannot give.
 */
#include "qg/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

/* Upper bounds in microseconds; one more bucket holds what is over the last. */
static const uint64_t bounds[] = {100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000,
	200000, 500000, 1000000, 2000000, 5000000, 10000000, 30000000, 60000000};
static const char *const bound_texts[] = {"0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005",
	"0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "30", "60"};

enum {
	BOUNDS = sizeof(bounds) / sizeof(bounds[0]),
	NAME_MAX_BYTES = 80,
	LABELS_MAX_BYTES = 400,
	HELP_MAX_BYTES = 300,
	FOREIGN_FAMILIES = 500, /* of one other process */
	FOREIGN_SERIES = 5000,	/* of one family of another process */
};

struct family;

struct qg_metric {
	struct qg_metric *next, *next_in_row;
	const struct family *family;
	uint32_t hash; /* of the labels */
	char *labels;  /* "" without */
	int64_t value;
	uint64_t sum_us;
	uint64_t counts[BOUNDS + 1]; /* of histograms, not cumulative */
};

struct family {
	struct family *next;
	char *name, *help;
	enum kind kind;
	struct qg_metric *series, **tail;
	struct qg_metric **rows; /* the same series by their hash: a thousand bots have one each */
	size_t room, count;
};

static struct family *families;
static struct family **families_tail = &families;

static void *must(void *memory)
{
	if (!memory) {
		abort();
	}
	return memory;
}

static struct family *find_family(const char *name)
{
	for (struct family *family = families; family; family = family->next) {
		if (strcmp(family->name, name) == 0) {
			return family;
		}
	}
	return NULL;
}

static struct family *get_family(const char *name, enum kind kind, const char *help)
{
	struct family *family = find_family(name);
	if (family) {
		return family;
	}
	family = must(calloc(1, sizeof(*family)));
	family->name = must(strdup(name));
	family->help = must(strdup(help));
	family->kind = kind;
	family->tail = &family->series;
	*families_tail = family;
	families_tail = &family->next;
	return family;
}

static uint32_t hash_of(const char *text) /* FNV-1a */
{
	uint32_t sum = UINT32_C(0x811c9dc5);
	for (; *text != '\0'; text++) {
		sum = (sum ^ (unsigned char)*text) * UINT32_C(0x01000193);
	}
	return sum;
}

static void put_in_row(struct family *family, struct qg_metric *metric)
{
	struct qg_metric **row = &family->rows[metric->hash & (family->room - 1)];
	metric->next_in_row = *row;
	*row = metric;
}

static void make_room(struct family *family)
{
	if (family->count < family->room) {
		return;
	}
	free(family->rows);
	family->room = family->room > 0 ? 2 * family->room : 1;
	family->rows = must(calloc(family->room, sizeof(struct qg_metric *)));
	for (struct qg_metric *metric = family->series; metric; metric = metric->next) {
		put_in_row(family, metric);
	}
}

static struct qg_metric *find_series(const struct family *family, const char *labels, uint32_t hash)
{
	struct qg_metric *metric =
		family->room > 0 ? family->rows[hash & (family->room - 1)] : NULL;
	while (metric && (metric->hash != hash || strcmp(metric->labels, labels) != 0)) {
		metric = metric->next_in_row;
	}
	return metric;
}

static struct qg_metric *get(const char *name, const char *labels, enum kind kind, const char *help)
{
	struct family *family = get_family(name, kind, help);
	if (family->kind != kind) {
		abort(); /* our own mistake: one name, two kinds */
	}
	const char *wanted = labels ? labels : "";
	uint32_t hash = hash_of(wanted);
	struct qg_metric *metric = find_series(family, wanted, hash);
	if (metric) {
		return metric;
	}
	make_room(family);
	metric = must(calloc(1, sizeof(*metric)));
	metric->family = family;
	metric->hash = hash;
	metric->labels = must(strdup(wanted));
	*family->tail = metric;
	family->tail = &metric->next;
	family->count++;
	put_in_row(family, metric);
	return metric;
}

struct qg_metric *qg_metric_counter(const char *name, const char *labels, const char *help)
{
	return get(name, labels, KIND_COUNTER, help);
}

struct qg_metric *qg_metric_gauge(const char *name, const char *labels, const char *help)
{
	return get(name, labels, KIND_GAUGE, help);
}

struct qg_metric *qg_metric_histogram(const char *name, const char *labels, const char *help)
{
	return get(name, labels, KIND_HISTOGRAM, help);
}

void qg_metric_add(struct qg_metric *metric, int64_t n)
{
	metric->value += n;
}

void qg_metric_set(struct qg_metric *metric, int64_t value)
{
	metric->value = value;
}

void qg_metric_observe_us(struct qg_metric *metric, uint64_t microseconds)
{
	size_t bucket = 0;
	while (bucket < BOUNDS && microseconds > bounds[bucket]) {
		bucket++;
	}
	metric->counts[bucket]++;
	metric->sum_us += microseconds;
	metric->value++;
}

int64_t qg_metric_value(const struct qg_metric *metric)
{
	return metric->value;
}

/* ---- as JSON, to another process ---- */

static json_t *export_series(const struct qg_metric *metric)
{
	json_t *series = json_pack(
		"{s:s, s:I}", "labels", metric->labels, "value", (json_int_t)metric->value);
	if (!series || metric->family->kind != KIND_HISTOGRAM) {
		return series;
	}
	json_t *counts = json_array();
	for (size_t i = 0; counts && i <= BOUNDS; i++) {
		if (json_array_append_new(counts, json_integer((json_int_t)metric->counts[i])) !=
			0) {
			json_decref(counts);
			counts = NULL;
		}
	}
	if (json_object_set_new(series, "counts", counts) != 0 ||
		json_object_set_new(series, "sum_us", json_integer((json_int_t)metric->sum_us)) !=
			0) {
		json_decref(series);
		return NULL;
	}
	return series;
}

static json_t *export_family(const struct family *family)
{
	json_t *all = json_array();
	if (!all) {
		return NULL;
	}
	for (const struct qg_metric *metric = family->series; metric; metric = metric->next) {
		if (json_array_append_new(all, export_series(metric)) != 0) {
			json_decref(all);
			return NULL;
		}
	}
	return json_pack("{s:s, s:s, s:o}", "kind", kind_names[family->kind], "help", family->help,
		"series", all);
}

json_t *qg_metrics_export(void)
{
	json_t *out = json_object();
	if (!out) {
		return NULL;
	}
	for (const struct family *family = families; family; family = family->next) {
		if (json_object_set_new(out, family->name, export_family(family)) != 0) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

/* ---- as text ---- */

/* One line "qungong_<name><suffix>{labels,process,le} "; the value follows. */
static void add_head(struct qg_buf *out, const char *name, const char *suffix, const char *labels,
	const char *process, const char *le)
{
	const char *comma = "";
	qg_buf_printf(out, "qungong_%s%s", name, suffix);
	if (!*labels && !process && !le) {
		qg_buf_add_char(out, ' ');
		return;
	}
	qg_buf_printf(out, "{%s", labels);
	if (*labels) {
		comma = ",";
	}
	if (process) {
		qg_buf_printf(out, "%sprocess=\"%s\"", comma, process);
		comma = ",";
	}
	if (le) {
		qg_buf_printf(out, "%sle=\"%s\"", comma, le);
	}
	qg_buf_add_str(out, "} ");
}

static void add_histogram(
	struct qg_buf *out, const char *name, const struct qg_metric *metric, const char *process)
{
	uint64_t below = 0;
	for (size_t i = 0; i <= BOUNDS; i++) {
		below += metric->counts[i];
		add_head(out, name, "_bucket", metric->labels, process,
			i < BOUNDS ? bound_texts[i] : "+Inf");
		qg_buf_printf(out, "%" PRIu64 "\n", below);
	}
	add_head(out, name, "_sum", metric->labels, process, NULL);
	qg_buf_printf(out, "%" PRIu64 ".%06" PRIu64 "\n", metric->sum_us / 1000000,
		metric->sum_us % 1000000);
	add_head(out, name, "_count", metric->labels, process, NULL);
	qg_buf_printf(out, "%" PRIu64 "\n", below);
}

static void add_series(struct qg_buf *out, const char *name, enum kind kind,
	const struct qg_metric *metric, const char *process)
{
	if (kind == KIND_HISTOGRAM) {
		add_histogram(out, name, metric, process);
		return;
	}
	add_head(out, name, "", metric->labels, process, NULL);
	qg_buf_printf(out, "%" PRId64 "\n", metric->value);
}

/* ---- series of other processes ---- */

static bool is_name(const char *text, size_t limit)
{
	size_t size = text ? strlen(text) : 0;
	return size > 0 && size <= limit &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

static bool is_line(const char *text, size_t limit)
{
	return text && strlen(text) <= limit && !strpbrk(text, "\r\n\\{}");
}

static bool find_kind(const char *text, enum kind *kind_out)
{
	for (enum kind kind = KIND_COUNTER; kind <= KIND_HISTOGRAM; kind++) {
		if (qg_str_equal(text, kind_names[kind])) {
			*kind_out = kind;
			return true;
		}
	}
	return false;
}

/* The labels are borrowed from the JSON. */
static bool read_series(const json_t *from, enum kind kind, struct qg_metric *metric)
{
	*metric = (struct qg_metric){.value = qg_json_int(from, "value", 0)};
	metric->labels = (char *)qg_json_str(from, "labels", NULL);
	if (!is_line(metric->labels, LABELS_MAX_BYTES)) {
		return false;
	}
	if (kind != KIND_HISTOGRAM) {
		return true;
	}
	const json_t *counts = json_object_get(from, "counts");
	if (json_array_size(counts) != BOUNDS + 1) {
		return false;
	}
	for (size_t i = 0; i <= BOUNDS; i++) {
		metric->counts[i] = (uint64_t)json_integer_value(json_array_get(counts, i));
	}
	metric->sum_us = (uint64_t)qg_json_int(from, "sum_us", 0);
	return true;
}

static void add_foreign_family(struct qg_buf *out, const char *name, enum kind kind,
	const char *process, const json_t *family)
{
	enum kind theirs;
	if (!find_kind(qg_json_str(family, "kind", NULL), &theirs) || theirs != kind) {
		return;
	}
	const json_t *all = json_object_get(family, "series");
	for (size_t i = 0; i < json_array_size(all) && i < FOREIGN_SERIES; i++) {
		struct qg_metric metric;
		if (read_series(json_array_get(all, i), kind, &metric)) {
			add_series(out, name, kind, &metric, process);
		}
	}
}

static bool is_process(const char *text)
{
	return is_line(text, NAME_MAX_BYTES) && !strchr(text, '"');
}

/* The group of one name: its two head lines, our own series if any, then everybody's. */
static void add_group(struct qg_buf *out, const char *name, enum kind kind, const char *help,
	const char *process, const json_t *others)
{
	qg_buf_printf(out, "# HELP qungong_%s %s\n# TYPE qungong_%s %s\n", name, help, name,
		kind_names[kind]);
	const struct family *own = find_family(name);
	for (struct qg_metric *metric = own ? own->series : NULL; metric; metric = metric->next) {
		add_series(out, name, kind, metric, process);
	}
	const char *other;
	json_t *export;
	json_object_foreach ((json_t *)others, other, export) {
		if (is_process(other)) {
			add_foreign_family(out, name, kind, other, json_object_get(export, name));
		}
	}
}

/* Names that only others have; done holds what stands already. */
static void add_foreign_only(struct qg_buf *out, const json_t *export, const char *process,
	const json_t *others, json_t *done)
{
	size_t seen = 0;
	const char *name;
	json_t *family;
	json_object_foreach ((json_t *)export, name, family) {
		enum kind kind;
		const char *help = qg_json_str(family, "help", NULL);
		if (++seen > FOREIGN_FAMILIES || !is_name(name, NAME_MAX_BYTES) ||
			find_family(name) || json_object_get(done, name) ||
			!is_line(help, HELP_MAX_BYTES) ||
			!find_kind(qg_json_str(family, "kind", NULL), &kind) ||
			json_object_set_new(done, name, json_true()) != 0) {
			continue;
		}
		add_group(out, name, kind, help, process, others);
	}
}

void qg_metrics_render(struct qg_buf *out, const char *process, const json_t *others)
{
	for (const struct family *family = families; family; family = family->next) {
		add_group(out, family->name, family->kind, family->help, process, others);
	}
	json_t *done = json_object();
	const char *other;
	json_t *export;
	json_object_foreach ((json_t *)others, other, export) {
		add_foreign_only(out, export, process, others, done);
	}
	json_decref(done);
}
