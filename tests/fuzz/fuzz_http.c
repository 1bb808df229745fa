/* fuzz_http.c - a connection's bytes to the HTTP parser, twice: as one piece and cut small. Both
 * must hand out the same requests and refusals, and what is handed out must hold what the front
 * promises its handlers.
 *
 * The first byte says how the second time is cut; the rest is what a peer sends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"
#include "qg/buf.h"

#define HEAD_LIMIT 2048
#define BODY_LIMIT 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
	if (!held) {
		abort();
	}
}

static void check_path(const char *path)
{
	must(path[0] == '/' && !strstr(path, "//") && !strstr(path, "/../") &&
		!strstr(path, "/./"));
	size_t size = strlen(path);
	must(size < 3 || strcmp(path + size - 3, "/..") != 0);
	for (const char *c = path; *c; c++) {
		must((unsigned char)*c >= ' ' && *c != 127 && *c != '\\');
	}
}

static void check_fields(const struct http_request *request)
{
	size_t hosts = 0, lengths = 0, codings = 0;
	for (size_t i = 0; i < request->field_count; i++) {
		const char *name = request->head.data + request->fields[i].name;
		const char *value = request->head.data + request->fields[i].value;
		must(name[0] != '\0' && !strpbrk(name, "\r\n :\t") && !strpbrk(value, "\r\n"));
		must(strlen(name) == request->fields[i].name_size &&
			strlen(value) == request->fields[i].value_size);
		hosts += strcasecmp(name, "Host") == 0;
		lengths += strcasecmp(name, "Content-Length") == 0;
		codings += strcasecmp(name, "Transfer-Encoding") == 0;
	}
	must(hosts <= 1 && (hosts == 1 || request->minor == 0) && lengths + codings <= 1);
}

/* Writes down what a request was handed out as, or why it was refused. */
static void record(const struct http_request *request, enum http_step step, struct qg_buf *out)
{
	if (step == HTTP_BAD) {
		must(request->error_code >= 400 && request->error_code <= 599 &&
			request->error_text);
		qg_buf_printf(out, "refused %d %s\n", request->error_code, request->error_text);
		return;
	}
	const char *path = request->head.data + request->path;
	check_path(path);
	check_fields(request);
	must(request->body.size <= BODY_LIMIT && request->head.size <= HEAD_LIMIT);
	qg_buf_printf(out, "%u %u %d %s?%s %zu:", request->method, request->minor,
		request->keep_alive, path, request->head.data + request->query, request->body.size);
	qg_buf_add(out, request->body.data ? request->body.data : "", request->body.size);
}

/* All requests of a connection, in pieces of at most that many bytes. */
static void run(const char *data, size_t size, size_t piece, struct qg_buf *out)
{
	struct http_request request;
	http_request_init(&request, HEAD_LIMIT, BODY_LIMIT);
	size_t at = 0;
	enum http_step step = HTTP_MORE;
	while (at < size && step != HTTP_BAD) {
		size_t used, length = size - at < piece ? size - at : piece;
		step = http_request_feed(&request, data + at, length, &used);
		must(used <= length && (step != HTTP_MORE || used == length));
		at += used;
		if (step == HTTP_DONE || step == HTTP_BAD) {
			record(&request, step, out);
		}
		if (step == HTTP_DONE) {
			http_request_reset(&request);
		}
	}
	http_request_finish(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	size_t piece = (size_t)data[0] % 32 + 1;
	struct qg_buf whole, cut;
	qg_buf_init(&whole, (size_t)1 << 24);
	qg_buf_init(&cut, (size_t)1 << 24);
	run((const char *)data + 1, size - 1, size, &whole);
	run((const char *)data + 1, size - 1, piece, &cut);
	must(whole.size == cut.size &&
		(whole.size == 0 || memcmp(whole.data, cut.data, whole.size) == 0));
	qg_buf_finish(&whole);
	qg_buf_finish(&cut);
	return 0;
}
