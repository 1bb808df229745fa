/* running.c - a server that runs beside a verb, asked at its admin door with the token that lies in data_dir. */
#include "running.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qg/fetch.h"
#include "qg/loop.h"

enum { PATIENCE_MS = 3000, TOKEN_MOST = 300, PAGE_MOST = 32 << 20 };

char *qg_cli_running_address(const char *admin_listen)
{
	static const char *const everywhere[] = {"0.0.0.0:", "[::]:", "*:", ":"};
	for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++) {
		if (qg_str_starts_with(admin_listen, everywhere[i])) {
			return qg_str_printf("127.0.0.1:%s", admin_listen + strlen(everywhere[i]));
		}
	}
	return qg_str_copy(admin_listen);
}

/* "Authorization: Bearer ...", yours to free; NULL where there is no token that could stand in a header. */
static char *bearer(const char *data_dir)
{
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/admin.token", data_dir);
	char text[TOKEN_MOST + 1];
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
	ssize_t size = fd >= 0 ? read(fd, text, TOKEN_MOST) : -1;
	if (fd >= 0) {
		close(fd);
	}
	if (size <= 0) {
		return NULL;
	}
	text[size] = '\0';
	const char *token = qg_str_trim(text);
	for (const char *at = token; *at; at++) {
		if (*at <= ' ' || *at > '~') {
			return NULL;
		}
	}
	char *header = qg_str_printf("Authorization: Bearer %s", token);
	explicit_bzero(text, sizeof(text));
	return header;
}

struct question {
	struct qg_loop *loop;
	struct qg_fetch *fetch;
	char *body;
	int http;
};

static void ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct question *question = arg;
	question->fetch = NULL;
	question->http = end->error == QG_FETCH_NONE ? end->status : 0;
	question->body = question->http > 0 ? qg_str_copy_n(end->body, end->size) : NULL;
	qg_loop_stop(question->loop);
}

char *qg_cli_running_get(const struct qg_config *config, struct qg_loop *loop,
	struct qg_http_client *http, const char *path, int *http_out)
{
	static const struct qg_fetch_host host = {.ended = ended};
	QG_AUTO(qg_str_free) char *address = qg_cli_running_address(config->admin_listen);
	QG_AUTO(qg_str_free)
	char *url = address ? qg_str_printf("http://%s%s", address, path) : NULL;
	QG_AUTO(qg_str_free) char *header = bearer(config->data_dir);
	const char *headers[] = {header, NULL};
	struct question question = {.loop = loop};
	struct qg_fetch_request request = {.method = "GET",
		.url = url,
		.headers = headers,
		.most = PAGE_MOST,
		.gathers = true,
		.connect_ms = PATIENCE_MS,
		.first_byte_ms = PATIENCE_MS,
		.idle_ms = PATIENCE_MS,
		.total_ms = 2 * PATIENCE_MS};
	*http_out = 0;
	if (!url || !header) {
		return NULL;
	}
	question.fetch = qg_fetch_start(http, &request, &host, &question);
	if (question.fetch) {
		qg_loop_run(loop); /* its own clocks end it */
	}
	*http_out = question.http;
	if (question.http == 401 || question.http == 403) {
		free(question.body);
		return NULL;
	}
	return question.body;
}

bool qg_cli_is_running(const struct qg_config *config, const struct qg_cli_store *store,
	struct qg_loop *loop, struct qg_http_client *http)
{
	if (store && qg_str_equal(config->redis, "embedded")) {
		return !qg_cli_store_is_ours(store);
	}
	int status;
	free(qg_cli_running_get(config, loop, http, "/readyz", &status));
	return status != 0;
}

/* name{labels} value: the value of a line of this series. */
static bool read_line(
	const char *line, size_t size, const char *name, const char *label, double *out)
{
	size_t length = strlen(name);
	if (size <= length || memcmp(line, name, length) != 0 ||
		(line[length] != '{' && line[length] != ' ')) {
		return false;
	}
	const char *place = label ? memmem(line, size, label, strlen(label)) : line;
	const char *blank = memrchr(line, ' ', size);
	if (!place || !blank) {
		return false;
	}
	char number[40];
	snprintf(number, sizeof(number), "%.*s", (int)(line + size - blank - 1), blank + 1);
	char *end;
	*out = strtod(number, &end);
	return end != number;
}

struct series { /* of one name and label */
	bool found;
	double sum, most;
};

static struct series read_series(const char *page, const char *name, const char *label)
{
	struct series series = {0};
	double value;
	for (const char *line = page; *line;) {
		size_t size = strcspn(line, "\n");
		if (read_line(line, size, name, label, &value)) {
			series.most = series.found && series.most > value ? series.most : value;
			series.sum += value;
			series.found = true;
		}
		line += size + (line[size] == '\n');
	}
	return series;
}

bool qg_cli_metric(const char *page, const char *name, const char *bot, double *sum_out)
{
	QG_AUTO(qg_str_free) char *whole = qg_str_printf("qungong_%s", name);
	QG_AUTO(qg_str_free) char *label = bot ? qg_str_printf("bot=\"%s\"", bot) : NULL;
	if (!whole || (bot && !label)) {
		return false;
	}
	struct series series = read_series(page, whole, label);
	if (series.found) {
		*sum_out = series.sum;
	}
	return series.found;
}

bool qg_cli_metric_kind(
	const char *page, const char *name, const char *bot, const char *kind, double *most_out)
{
	QG_AUTO(qg_str_free) char *whole = qg_str_printf("qungong_%s", name);
	QG_AUTO(qg_str_free)
	char *label = qg_str_printf("bot=\"%s\",kind=\"%s\"", bot, kind);
	if (!whole || !label) {
		return false;
	}
	struct series series = read_series(page, whole, label);
	if (series.found) {
		*most_out = series.most;
	}
	return series.found;
}
