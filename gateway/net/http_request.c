/* http_request.c - owns one request while its bytes come in: nothing is believed before it was
 * checked here.
 *
 * The head is gathered until its empty line, scanned for what http_parser lets through (bare line
 * feeds, folded lines, control characters), then given to http_parser in one piece, so that every
 * name and value lies whole in one buffer and becomes a string in place. The parser's part ends
 * with the head; bodies are counted or decoded here and in http_chunked.c, which also keeps
 * `Upgrade` and trailers from meaning anything. */
#include "http_internal.h"

#include <assert.h>
#include <http_parser.h>
#include <string.h>
#include <strings.h>

/* Old clients send a line break behind a body; more than a few are not a mistake. */
#define MAX_LEADING_BREAKS 4
/* What a spare request may keep of its memory. */
#define KEEP_HEAD 4096
#define KEEP_BODY 16384
/* Offsets are 32 bit and heads are copied whole: a configured limit ends here. */
#define MAX_HEAD 65536

void http_request_init(struct http_request *request, size_t head_limit, size_t body_limit)
{
	memset(request, 0, sizeof(*request));
	request->head_limit = head_limit < MAX_HEAD ? head_limit : MAX_HEAD;
	request->body_limit = body_limit;
	qg_buf_init(&request->head, request->head_limit);
	qg_buf_init(&request->body, body_limit);
}

static void trim_memory(struct qg_buf *buf, size_t keep)
{
	if (buf->capacity > keep) {
		qg_buf_finish(buf);
	} else {
		qg_buf_reset(buf);
	}
}

void http_request_reset(struct http_request *request)
{
	trim_memory(&request->head, KEEP_HEAD);
	trim_memory(&request->body, KEEP_BODY);
	struct qg_buf head = request->head, body = request->body;
	size_t head_limit = request->head_limit, body_limit = request->body_limit;
	/* The table of fields is read only as far as field_count says. */
	memset(request, 0, offsetof(struct http_request, fields));
	request->head = head;
	request->body = body;
	request->head_limit = head_limit;
	request->body_limit = body_limit;
}

void http_request_finish(struct http_request *request)
{
	qg_buf_finish(&request->head);
	qg_buf_finish(&request->body);
}

bool http_request_has_begun(const struct http_request *request)
{
	return request->head.size > 0;
}

bool http_request_has_head(const struct http_request *request)
{
	return request->state == HTTP_IN_BODY || request->state == HTTP_IN_CHUNKS ||
	       request->state == HTTP_WHOLE;
}

enum http_step http_request_refuse(struct http_request *request, int code, const char *text)
{
	request->state = HTTP_REFUSED;
	request->error_code = code;
	request->error_text = text;
	return HTTP_BAD;
}

const struct http_field *http_request_next(
	const struct http_request *request, const char *name, const struct http_field *after)
{
	const struct http_field *end = request->fields + request->field_count;
	size_t size = strlen(name);
	for (const struct http_field *field = after ? after + 1 : request->fields; field < end;
		field++) {
		if (field->name_size == size &&
			strncasecmp(request->head.data + field->name, name, size) == 0) {
			return field;
		}
	}
	return NULL;
}

/* The only value of that name, NULL if absent; *count_out is how often it stands. */
static const char *only_value(
	const struct http_request *request, const char *name, size_t *count_out)
{
	const struct http_field *first = http_request_next(request, name, NULL);
	*count_out = 0;
	for (const struct http_field *field = first; field;
		field = http_request_next(request, name, field)) {
		(*count_out)++;
	}
	return first ? request->head.data + first->value : NULL;
}

/* ---- the parser's callbacks: the head lies in one piece, so each name and value comes in one call
 * ---- */

static int on_url(http_parser *parser, const char *at, size_t size)
{
	struct http_request *request = parser->data;
	request->target = (uint32_t)(at - request->head.data);
	request->target_size = (uint32_t)size;
	return 0;
}

static int on_field(http_parser *parser, const char *at, size_t size)
{
	struct http_request *request = parser->data;
	if (request->field_count == HTTP_MAX_FIELDS) {
		http_request_refuse(request, 431, "too many header fields");
		return -1;
	}
	/* A lenient build of the parser takes blanks in names: "Content-Length : 5" is read in two
	 * ways. */
	if (memchr(at, ' ', size) || memchr(at, '\t', size)) {
		return -1;
	}
	struct http_field *field = &request->fields[request->field_count++];
	*field = (struct http_field){
		.name = (uint32_t)(at - request->head.data), .name_size = (uint32_t)size};
	return 0;
}

static int on_value(http_parser *parser, const char *at, size_t size)
{
	struct http_request *request = parser->data;
	if (request->field_count == 0 || request->fields[request->field_count - 1].value_size > 0) {
		return -1;
	}
	struct http_field *field = &request->fields[request->field_count - 1];
	while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t')) {
		size--;
	}
	field->value = (uint32_t)(at - request->head.data);
	field->value_size = (uint32_t)size;
	return 0;
}

/* The head is all that the parser is for: no body, no other protocol. */
static int on_head(http_parser *parser)
{
	parser->upgrade = 0;
	return 1;
}

static const http_parser_settings settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
};

/* ---- the head ---- */

/* Looks at the next bytes of the head: 1 it is whole, 0 more to come, -1 no head of HTTP/1. */
static int scan_head(struct http_request *request, const char *data, size_t size, size_t *used_out)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];
		if (request->after_cr) {
			request->after_cr = false;
			if (c != '\n') {
				return -1;
			}
			if (request->line_has_text) {
				request->line_has_text = false;
				request->first_line_done = true;
			} else if (request->first_line_done) {
				*used_out = i + 1;
				return 1;
			} else if (++request->leading_breaks > MAX_LEADING_BREAKS) {
				return -1;
			}
		} else if (c > ' ' && c != 127) {
			request->line_has_text = true;
		} else if (c == '\r') {
			request->after_cr = true;
		} else if ((c != ' ' && c != '\t') || !request->line_has_text) {
			return -1; /* a control character, or a folded line */
		}
	}
	*used_out = size;
	return 0;
}

/* A parser's error as an answer. A method that is a word but unknown is 405, not nonsense. */
static enum http_step refuse_parsed(struct http_request *request, enum http_errno error)
{
	if (request->state == HTTP_REFUSED) {
		return HTTP_BAD;
	}
	const char *line = request->head.data + strspn(request->head.data, "\r\n");
	size_t word = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_");
	if (error == HPE_INVALID_METHOD && word > 0 && line[word] == ' ') {
		return http_request_refuse(request, 405, "method not allowed");
	}
	return http_request_refuse(request, 400, "not a well-formed request");
}

/* Ends every name and value with a NUL; what stood there was ':' and the blank or CR behind the
 * value. */
static void end_strings(struct http_request *request)
{
	for (size_t i = 0; i < request->field_count; i++) {
		struct http_field *field = &request->fields[i];
		request->head.data[field->name + field->name_size] = '\0';
		if (field->value_size == 0) {
			field->value = field->name + field->name_size;
		} else {
			request->head.data[field->value + field->value_size] = '\0';
		}
	}
}

static enum http_step check_host_and_target(struct http_request *request)
{
	size_t count;
	const char *host = only_value(request, "Host", &count);
	if (count > 1 || (count == 0 && request->minor >= 1) ||
		(host && !http_target_is_host(host))) {
		return http_request_refuse(request, 400, "exactly one valid Host is needed");
	}
	if (request->method == HTTP_CONNECT || request->method == HTTP_TRACE) {
		return http_request_refuse(request, 405, "method not allowed");
	}
	int code = http_target_set(request, host);
	return code ? http_request_refuse(request, code, "bad request target") : HTTP_MORE;
}

/* A length that is only digits and fits; -1 otherwise. */
static int64_t parse_length(const char *text)
{
	int64_t length = 0;
	if (!*text) {
		return -1;
	}
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || length > INT64_MAX / 10 - 10) {
			return -1;
		}
		length = 10 * length + (*text - '0');
	}
	return length;
}

static bool needs_length(const struct http_request *request)
{
	return request->method == HTTP_POST || request->method == HTTP_PUT ||
	       request->method == HTTP_PATCH;
}

/* How the body is framed. Two ways to say it, or one way said twice, is how requests are smuggled.
 * */
static enum http_step check_framing(struct http_request *request)
{
	size_t lengths, codings;
	const char *length = only_value(request, "Content-Length", &lengths);
	const char *coding = only_value(request, "Transfer-Encoding", &codings);
	if (lengths + codings > 1 || (coding && request->minor == 0)) {
		return http_request_refuse(request, 400, "the length of the body is ambiguous");
	}
	if (coding) {
		if (strcasecmp(coding, "chunked") != 0) {
			return http_request_refuse(request, 501, "transfer coding not known");
		}
		http_chunked_init(&request->chunked);
		request->state = HTTP_IN_CHUNKS;
		return HTTP_MORE;
	}
	if (!length && needs_length(request)) {
		return http_request_refuse(request, 411, "a length is needed");
	}
	int64_t size = length ? parse_length(length) : 0;
	if (size < 0) {
		return http_request_refuse(request, 400, "bad Content-Length");
	}
	if ((uint64_t)size > request->body_limit) {
		return http_request_refuse(request, 413, "the body is too large");
	}
	request->length = (uint64_t)size;
	request->state = size > 0 ? HTTP_IN_BODY : HTTP_WHOLE;
	return HTTP_MORE;
}

static enum http_step check_expect(struct http_request *request)
{
	size_t count;
	const char *expect = only_value(request, "Expect", &count);
	if (!expect || request->minor == 0) {
		return HTTP_MORE;
	}
	if (count > 1 || strcasecmp(expect, "100-continue") != 0) {
		return http_request_refuse(request, 417, "expectation not known");
	}
	request->wants_continue = request->state != HTTP_WHOLE;
	return HTTP_MORE;
}

static enum http_step parse_head(struct http_request *request)
{
	http_parser parser;
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = request;
	size_t parsed =
		http_parser_execute(&parser, &settings, request->head.data, request->head.size);
	if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || parsed != request->head.size) {
		return refuse_parsed(request, HTTP_PARSER_ERRNO(&parser));
	}
	if (parser.http_major != 1) {
		int code = parser.http_major > 1 ? 505 : 400;
		return http_request_refuse(request, code, "HTTP version not supported");
	}
	request->method = parser.method;
	request->minor = parser.http_minor;
	request->keep_alive = http_should_keep_alive(&parser);
	end_strings(request);

	enum http_step step = check_host_and_target(request);
	if (step == HTTP_MORE) {
		step = check_framing(request);
	}
	if (step == HTTP_MORE) {
		step = check_expect(request);
	}
	return step;
}

static enum http_step feed_head(
	struct http_request *request, const char *data, size_t size, size_t *used_out)
{
	size_t room = request->head_limit - request->head.size;
	int scanned = scan_head(request, data, size < room ? size : room, used_out);
	if (scanned < 0) {
		return http_request_refuse(request, 400, "not a well-formed request");
	}
	if (scanned == 0 && size > room) {
		return request->first_line_done
			       ? http_request_refuse(request, 431, "the header is too large")
			       : http_request_refuse(
					 request, 414, "the request target is too long");
	}
	if (qg_buf_add(&request->head, data, *used_out) != QG_OK) {
		return http_request_refuse(request, 503, "out of memory");
	}
	return scanned > 0 ? parse_head(request) : HTTP_MORE;
}

/* ---- the body ---- */

static enum http_step refuse_body(struct http_request *request)
{
	if (request->body.failed == QG_TOO_LARGE) {
		return http_request_refuse(request, 413, "the body is too large");
	}
	if (request->body.failed != QG_OK) {
		return http_request_refuse(request, 503, "out of memory");
	}
	return http_request_refuse(request, 400, "bad chunked coding");
}

static enum http_step feed_body(
	struct http_request *request, const char *data, size_t size, size_t *used_out)
{
	uint64_t left = request->length - request->body.size;
	*used_out = size < left ? size : (size_t)left;
	if (qg_buf_add(&request->body, data, *used_out) != QG_OK) {
		return refuse_body(request);
	}
	if (request->body.size == request->length) {
		request->state = HTTP_WHOLE;
	}
	return HTTP_MORE;
}

static enum http_step feed_chunks(
	struct http_request *request, const char *data, size_t size, size_t *used_out)
{
	int result = http_chunked_feed(&request->chunked, data, size, used_out, &request->body);
	if (result < 0) {
		return refuse_body(request);
	}
	if (result > 0) {
		request->state = HTTP_WHOLE;
	}
	return HTTP_MORE;
}

static enum http_step feed_part(
	struct http_request *request, const char *data, size_t size, size_t *used_out)
{
	switch (request->state) {
	case HTTP_IN_HEAD:
		return feed_head(request, data, size, used_out);
	case HTTP_IN_BODY:
		return feed_body(request, data, size, used_out);
	default:
		return feed_chunks(request, data, size, used_out);
	}
}

enum http_step http_request_feed(
	struct http_request *request, const char *data, size_t size, size_t *used_out)
{
	assert(request->state != HTTP_WHOLE && request->state != HTTP_REFUSED);
	size_t at = 0;
	enum http_step step = HTTP_MORE;
	while (at < size && step == HTTP_MORE && request->state != HTTP_WHOLE) {
		size_t used = 0;
		step = feed_part(request, data + at, size - at, &used);
		at += used;
	}
	*used_out = at;
	if (step != HTTP_MORE) {
		return step;
	}
	if (request->state == HTTP_WHOLE) {
		return HTTP_DONE;
	}
	bool waits = request->wants_continue && request->body.size == 0;
	request->wants_continue = false;
	return waits ? HTTP_CONTINUE : HTTP_MORE;
}
