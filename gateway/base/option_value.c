/* option_value.c - one value of a tree into its place in a struct: types, bounds, paths, and
 * secrets in files.
 *
 * A value is named in a message only where its row is no secret. */
#include "qg/option.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "option_private.h"
#include "tree_private.h"

#define MAX_ITEMS 10000
#define FILE_PREFIX "file:"
#define BOTS_FOLDER "/bots.d"

const char *qg_option_kind(const struct qg_tree *tree)
{
	switch (tree->kind) {
	case QG_TREE_NULL:
		return "nothing";
	case QG_TREE_SCALAR:
		return "a single value";
	case QG_TREE_LIST:
		return "a list";
	case QG_TREE_MAP:
		return "keys with values";
	}
	return "something else";
}

const char *qg_option_shown(const struct qg_tree *value, bool secret, char out[QG_OPTION_SHOWN])
{
	if (secret || value->variable) {
		return "***";
	}
	size_t size = strlen(value->text);
	size_t cut = qg_utf8_cut(value->text, size, QG_OPTION_SHOWN - 4);
	snprintf(out, QG_OPTION_SHOWN, "%.*s%s", (int)cut, value->text, cut < size ? "..." : "");
	return out;
}

static const char *shown(
	const struct qg_option *row, const struct qg_tree *value, char out[QG_OPTION_SHOWN])
{
	return qg_option_shown(value, (row->flags & QG_SECRET) != 0, out);
}

static bool is_scalar(const struct qg_tree *value, const char *wanted, struct qg_problems *problems)
{
	if (value->kind == QG_TREE_SCALAR) {
		return true;
	}
	qg_problem_error(problems, value, "expected %s, found %s", wanted, qg_option_kind(value));
	return false;
}

size_t qg_option_choice(const char *choices, const char **next_out)
{
	const char *bar = strchr(choices, '|');
	*next_out = bar != NULL ? bar + 1 : NULL;
	return bar != NULL ? (size_t)(bar - choices) : strlen(choices);
}

/* Its index, or -1 with the error added. */
static int find_choice(
	const struct qg_option *row, const struct qg_tree *value, struct qg_problems *problems)
{
	QG_AUTO(qg_buf_finish) struct qg_buf all;
	qg_buf_init(&all, QG_OPTION_MAX_TEXT);
	int index = 0;
	for (const char *at = row->choices, *next; at != NULL; at = next, index++) {
		size_t size = qg_option_choice(at, &next);
		if (strlen(value->text) == size && strncmp(value->text, at, size) == 0) {
			return index;
		}
		qg_buf_printf(&all, "%s%.*s", index > 0 ? ", " : "", (int)size, at);
	}
	char text[QG_OPTION_SHOWN];
	qg_problem_error(problems, value, "'%s' is not one of: %s", shown(row, value, text),
		all.data != NULL ? all.data : "");
	return -1;
}

/* ---- texts, and the files that hold secrets ---- */

/* Paths start at the folder of the file that holds them. What a file in bots.d/ names and is not there may also lie
 * beside qungong.yaml: an owner has one folder of secrets and one of handbooks. */
char *qg_option_path(const char *dir, const char *path)
{
	if (path[0] == '/' || dir == NULL) {
		return qg_str_copy(path);
	}
	while (qg_str_starts_with(path, "./")) {
		path += 2;
	}
	if (strcmp(path, "") == 0 || strcmp(path, ".") == 0) {
		return qg_str_copy(dir);
	}
	char *beside = qg_str_printf("%s/%s", dir, path);
	size_t size = strlen(dir), tail = strlen(BOTS_FOLDER);
	if (beside == NULL || size <= tail || strcmp(dir + size - tail, BOTS_FOLDER) != 0 ||
		access(beside, F_OK) == 0) {
		return beside;
	}
	char *above = qg_str_printf("%.*s/%s", (int)(size - tail), dir, path);
	bool there = above != NULL && access(above, F_OK) == 0;
	free(there ? beside : above);
	return there ? above : beside;
}

/* Reads at most a text's bytes; -1 with errno set, or EFBIG. */
static ssize_t read_small(int fd, char *data, size_t room)
{
	size_t size = 0;
	while (size < room) {
		ssize_t got = read(fd, data + size, room - size);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return -1;
		}
		if (got == 0) {
			return (ssize_t)size;
		}
		size += (size_t)got;
	}
	errno = EFBIG;
	return -1;
}

static char *check_secret(char *data, size_t size, const char *path, const struct qg_tree *at,
	struct qg_problems *problems)
{
	while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == '\r')) {
		size--;
	}
	if (size == 0) {
		qg_problem_error(problems, at, "the secret's file '%s' is empty", path);
		return NULL;
	}
	if (!qg_utf8_is_valid(data, size)) {
		qg_problem_error(problems, at, "the secret's file '%s' is no text", path);
		return NULL;
	}
	char *secret = qg_str_copy_n(data, size);
	if (secret == NULL) {
		qg_problem_error(problems, at, "out of memory");
	}
	return secret;
}

char *qg_option_secret(
	const char *dir, const char *path, const struct qg_tree *at, struct qg_problems *problems)
{
	QG_AUTO(qg_str_free) char *full = qg_option_path(dir, path);
	if (full == NULL) {
		qg_problem_error(problems, at, "out of memory");
		return NULL;
	}
	int fd = open(
		full, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold the start up */
	struct stat info;
	if (fd < 0 || fstat(fd, &info) != 0) {
		qg_problem_error(problems, at, "the secret's file '%s' cannot be read: %s", path,
			strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return NULL;
	}
	char *secret = NULL;
	char *data = S_ISREG(info.st_mode) ? malloc(QG_OPTION_MAX_TEXT) : NULL;
	ssize_t size = data != NULL ? read_small(fd, data, QG_OPTION_MAX_TEXT) : -1;
	if (!S_ISREG(info.st_mode)) {
		qg_problem_error(problems, at, "the secret's file '%s' is not a plain file", path);
	} else if (data == NULL) {
		qg_problem_error(problems, at, "out of memory");
	} else if (size < 0) {
		qg_problem_error(problems, at, "the secret's file '%s' cannot be read: %s", path,
			strerror(errno));
	} else {
		secret = check_secret(data, (size_t)size, path, at, problems);
	}
	if (data != NULL) {
		explicit_bzero(data, QG_OPTION_MAX_TEXT);
	}
	free(data);
	close(fd);
	if (secret != NULL && (info.st_mode & S_IROTH)) {
		qg_problem_warn(problems, at,
			"every user of this machine can read '%s'; do: chmod 600 '%s'", path, path);
	}
	return secret;
}

/* A scalar as text of the row: secrets read, paths made whole, bounds checked. Yours; NULL: an
 * error was added. */
static char *take_text(const struct qg_option *row, const struct qg_tree *value, const char *dir,
	struct qg_problems *problems)
{
	if (!is_scalar(value, "a single value", problems)) {
		return NULL;
	}
	if ((row->flags & QG_SECRET) && qg_str_starts_with(value->text, FILE_PREFIX)) {
		return qg_option_secret(dir, value->text + strlen(FILE_PREFIX), value, problems);
	}
	if (row->choices != NULL && find_choice(row, value, problems) < 0) {
		return NULL;
	}
	size_t size = strlen(value->text);
	size_t most = row->max > 0 ? (size_t)row->max : QG_OPTION_MAX_TEXT;
	if (size > most || size < (size_t)row->min) {
		qg_problem_error(problems, value, "has %zu bytes, must have %lld to %zu", size,
			(long long)row->min, most);
		return NULL;
	}
	char *text = row->flags & QG_OPTION_PATH ? qg_option_path(dir, value->text)
						 : qg_str_copy(value->text);
	if (text == NULL) {
		qg_problem_error(problems, value, "out of memory");
	}
	return text;
}

static bool take_string(const struct qg_option *row, const struct qg_tree *value, const char *dir,
	char **slot, struct qg_problems *problems)
{
	*slot = take_text(row, value, dir, problems);
	return *slot != NULL;
}

/* The host's first character in a URL with one of our schemes; NULL if it is none. */
static const char *host_of(const char *url)
{
	static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (qg_str_starts_with(url, schemes[i])) {
			return url + strlen(schemes[i]);
		}
	}
	return NULL;
}

static bool take_url(const struct qg_option *row, const struct qg_tree *value, const char *dir,
	char **slot, struct qg_problems *problems)
{
	char *url = take_text(row, value, dir, problems);
	if (url == NULL) {
		return false;
	}
	const char *host = host_of(url);
	bool good = host != NULL && host[strcspn(host, "/?#")] != '?' && strcspn(host, "/:?#") > 0;
	for (const char *at = url; good && *at != '\0'; at++) {
		good = (unsigned char)*at > 0x20 && (unsigned char)*at < 0x7f;
	}
	if (!good) { /* never shown: it may hold a password */
		qg_problem_error(problems, value,
			"is no address; write https://host or http://host:port/path");
		free(url);
		return false;
	}
	for (size_t size = strlen(url); size > 0 && url[size - 1] == '/'; size--) {
		url[size - 1] = '\0';
	}
	*slot = url;
	return true;
}

/* ---- numbers and choices ---- */

static bool take_int(const struct qg_option *row, const struct qg_tree *value, int64_t *slot,
	struct qg_problems *problems)
{
	int64_t number = 0;
	char text[QG_OPTION_SHOWN];
	if (!is_scalar(value, "a whole number", problems)) {
		return false;
	}
	if (!qg_str_to_int64(value->text, INT64_MIN, INT64_MAX, &number)) {
		qg_problem_error(
			problems, value, "'%s' is not a whole number", shown(row, value, text));
		return false;
	}
	bool bounded = row->min != 0 || row->max != 0;
	if (bounded && (number < row->min || number > row->max)) {
		qg_problem_error(problems, value, "%s is not between %lld and %lld",
			shown(row, value, text), (long long)row->min, (long long)row->max);
		return false;
	}
	*slot = number;
	return true;
}

static bool take_number(const struct qg_option *row, const struct qg_tree *value, double *slot,
	struct qg_problems *problems)
{
	char text[QG_OPTION_SHOWN];
	if (!is_scalar(value, "a number", problems)) {
		return false;
	}
	json_t *number = qg_tree_number(value->text);
	if (number == NULL) {
		qg_problem_error(problems, value, "'%s' is not a number", shown(row, value, text));
		return false;
	}
	double decimal = json_number_value(number);
	json_decref(number);
	bool bounded = row->min != 0 || row->max != 0;
	if (bounded && !(decimal >= (double)row->min && decimal <= (double)row->max)) {
		qg_problem_error(problems, value, "%s is not between %lld and %lld",
			shown(row, value, text), (long long)row->min, (long long)row->max);
		return false;
	}
	*slot = decimal;
	return true;
}

static bool take_bool(const struct qg_option *row, const struct qg_tree *value, bool *slot,
	struct qg_problems *problems)
{
	char text[QG_OPTION_SHOWN];
	if (!is_scalar(value, "true or false", problems)) {
		return false;
	}
	bool yes = strcmp(value->text, "true") == 0;
	if (!yes && strcmp(value->text, "false") != 0) {
		qg_problem_error(
			problems, value, "'%s' is neither true nor false", shown(row, value, text));
		return false;
	}
	*slot = yes;
	return true;
}

static bool take_enum(const struct qg_option *row, const struct qg_tree *value, int *slot,
	struct qg_problems *problems)
{
	if (!is_scalar(value, "a single value", problems)) {
		return false;
	}
	int index = find_choice(row, value, problems);
	if (index >= 0) {
		*slot = index;
	}
	return index >= 0;
}

/* ---- lists and trees ---- */

static bool take_strings(const struct qg_option *row, const struct qg_tree *value, const char *dir,
	struct qg_strings *slot, struct qg_problems *problems)
{
	if (value->kind == QG_TREE_MAP) {
		qg_problem_error(
			problems, value, "expected a list as [a, b], found keys with values");
		return false;
	}
	bool single = value->kind == QG_TREE_SCALAR;
	size_t count = single ? 1 : value->count;
	bool good = count <= MAX_ITEMS;
	if (!good) {
		qg_problem_error(problems, value, "has more than %d items", MAX_ITEMS);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const struct qg_tree *item = single ? value : value->items[i];
		if (qg_tree_is_empty(item)) {
			qg_problem_error(problems, item, "an item is empty");
			good = false;
			continue;
		}
		char *text = take_text(row, item, dir, problems);
		bool added = text != NULL && qg_strings_add(slot, text) == QG_OK;
		if (text != NULL && !added) {
			qg_problem_error(problems, item, "out of memory");
		}
		good = good && added;
		free(text);
	}
	return good;
}

/* As qg_tree_to_json, but what "file:" names is read. NULL: an error was added. */
static json_t *secret_json(
	const struct qg_tree *value, const char *dir, struct qg_problems *problems)
{
	if (value->kind == QG_TREE_NULL) {
		return json_null();
	}
	if (value->kind == QG_TREE_SCALAR && qg_str_starts_with(value->text, FILE_PREFIX)) {
		char *secret =
			qg_option_secret(dir, value->text + strlen(FILE_PREFIX), value, problems);
		json_t *json = secret != NULL ? json_string(secret) : NULL;
		free(secret);
		return json;
	}
	if (value->kind == QG_TREE_SCALAR) {
		return qg_tree_to_json(value);
	}
	json_t *json = value->kind == QG_TREE_LIST ? json_array() : json_object();
	bool good = json != NULL;
	for (size_t i = 0; json != NULL && i < value->count; i++) {
		const struct qg_tree *item = value->items[i];
		json_t *part = secret_json(item, dir, problems);
		int failed = json_is_array(json) ? json_array_append_new(json, part)
						 : json_object_set_new(json, item->key, part);
		good = good && failed == 0;
	}
	if (!good) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static bool take_json(const struct qg_option *row, const struct qg_tree *value, const char *dir,
	json_t **slot, struct qg_problems *problems)
{
	unsigned before = problems->errors;
	*slot = row->flags & QG_SECRET ? secret_json(value, dir, problems) : qg_tree_to_json(value);
	if (*slot == NULL && problems->errors == before) {
		qg_problem_error(problems, value, "out of memory");
	}
	return *slot != NULL;
}

bool qg_option_take(const struct qg_option *row, const struct qg_tree *value, const char *dir,
	void *slot, struct qg_problems *problems)
{
	switch (row->type) {
	case QG_OPTION_STRING:
		return take_string(row, value, dir, slot, problems);
	case QG_OPTION_INT:
		return take_int(row, value, slot, problems);
	case QG_OPTION_BOOL:
		return take_bool(row, value, slot, problems);
	case QG_OPTION_ENUM:
		return take_enum(row, value, slot, problems);
	case QG_OPTION_NUMBER:
		return take_number(row, value, slot, problems);
	case QG_OPTION_URL:
		return take_url(row, value, dir, slot, problems);
	case QG_OPTION_STRINGS:
		return take_strings(row, value, dir, slot, problems);
	case QG_OPTION_JSON:
		return take_json(row, value, dir, slot, problems);
	}
	return false;
}

void qg_option_drop(const struct qg_option *row, void *slot)
{
	switch (row->type) {
	case QG_OPTION_STRING:
	case QG_OPTION_URL: {
		char **text = slot;
		if (*text != NULL && (row->flags & QG_SECRET)) {
			explicit_bzero(*text, strlen(*text));
		}
		free(*text);
		*text = NULL;
		break;
	}
	case QG_OPTION_INT:
		*(int64_t *)slot = 0;
		break;
	case QG_OPTION_BOOL:
		*(bool *)slot = false;
		break;
	case QG_OPTION_ENUM:
		*(int *)slot = 0;
		break;
	case QG_OPTION_NUMBER:
		*(double *)slot = 0;
		break;
	case QG_OPTION_STRINGS:
		qg_strings_finish(slot);
		break;
	case QG_OPTION_JSON:
		json_decref(*(json_t **)slot);
		*(json_t **)slot = NULL;
		break;
	}
}
