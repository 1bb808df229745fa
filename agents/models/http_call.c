/* http_call.c - one question to a service over HTTP: request, stream, clocks, and the one result.
 *
 * Two clocks watch a stream. The client's own falls silent with the connection; here one more is moved by
 * what carries something, because keep-alive comments prove that the connection lives and not that an answer
 * is coming. An answer that is over by its own word waits a moment for the end of its body, so that the
 * connection can be used again.
 *
 * Old servers of one's own may answer 400 to stream_options: one more try without, remembered by address. */
#include "http_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/clock.h"
#include "qg/fetch.h"

#define MAX_REQUEST ((size_t)16 << 20)
#define MAX_ANSWER ((size_t)32 << 20) /* with all that is around the words */
#define MAX_REFUSED ((size_t)64 << 10)
#define CONNECT_MS 8000
#define FIRST_BYTE_MS 30000
#define THINKING_MS 60000 /* the first byte of a model that always thinks */
#define SLOW_LINE 100 /* bytes a ms: pictures may take so long on their way before the first byte */
#define SILENT_MS 60000 /* between two events that carry something */
#define TOTAL_MS 600000
#define LINGER_MS 200	      /* for the end of the body behind [DONE] */
#define LINGER_FINISH_MS 3000 /* for usage and [DONE] behind the reason of the end */
#define WORDS 400
#define BYTES_A_TOKEN 3 /* of thoughts, upper side */
#define PLAIN_SERVERS 64

/* Addresses whose servers refuse stream_options; the loop's thread only. */
static uint32_t plain_servers[PLAIN_SERVERS];
static size_t plain_next;

static uint32_t address_hash(const struct qg_model_config *endpoint)
{
	uint32_t hash = 2166136261u;
	for (const char *at = qg_endpoint_base_url(endpoint); at != NULL && *at != '\0'; at++) {
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	}
	return hash | 1; /* never the mark of an empty place */
}

static bool is_plain(const struct qg_model_config *endpoint)
{
	uint32_t hash = address_hash(endpoint);
	for (size_t i = 0; i < PLAIN_SERVERS; i++) {
		if (plain_servers[i] == hash) {
			return true;
		}
	}
	return false;
}

static void remember_plain(const struct qg_model_config *endpoint)
{
	if (!is_plain(endpoint)) {
		plain_servers[plain_next++ % PLAIN_SERVERS] = address_hash(endpoint);
	}
}

/* ---- the result ---- */

static void free_parts(struct qg_http_call *s)
{
	qg_fetch_cancel(s->fetch);
	s->fetch = NULL;
	qg_timer_destroy(s->timer);
	s->timer = NULL;
	qg_answer_finish(&s->answer);
	qg_buf_finish(&s->body.text);
	qg_buf_finish(&s->refused);
}

static int64_t count(int64_t value)
{
	return value > 0 ? value : 0;
}

static void fill_tokens(const struct qg_answer *answer, struct qg_model_result *result)
{
	const struct qg_answer_usage *usage = &answer->usage;
	result->has_usage = qg_answer_has_final_usage(answer);
	if (!result->has_usage) { /* thoughts are charged too, though nobody sees them */
		result->tokens.reasoning = (int64_t)(answer->reasoning_bytes / BYTES_A_TOKEN);
		return;
	}
	result->tokens = (struct qg_tokens){.input = count(usage->input),
		.cached_input = count(usage->cached_input),
		.cache_write = count(usage->cache_write),
		.output = count(usage->output),
		.reasoning = count(usage->reasoning)};
}

/* Ends the call: nothing of it is touched behind this. */
static void end(struct qg_http_call *s, struct qg_model_result *result)
{
	struct qg_model_call *call = s->call;
	char model[sizeof(s->answer.model)];
	memcpy(model, s->answer.model, sizeof(model));
	fill_tokens(&s->answer, result);
	result->model = model[0] != '\0' ? model : NULL;
	result->generated = true;
	free_parts(s);
	call->host->ended(call, result);
}

static void end_failed(struct qg_http_call *s, enum qg_model_error error, bool sent,
	int64_t retry_after_ms, const char *words)
{
	struct qg_model_result result = {
		.error = error, .words = words, .sent = sent, .retry_after_ms = retry_after_ms};
	end(s, &result);
}

/* What was refused at the door costs nothing; what failed behind it may. */
static void end_vendor(struct qg_http_call *s, const struct qg_vendor_error *error)
{
	char words[WORDS];
	bool refused = s->status >= 400 && s->status < 500 && s->status != 408;
	qg_vendor_error_words(error, s->call->endpoint->api_key, words, sizeof(words));
	end_failed(s, error->error, !refused, error->wait_ms, words);
}

/* Bytes at the beginning of an answer that nobody sees: nothing but such is no answer. */
static size_t blanks(const struct qg_buf *text)
{
	size_t size = 0;
	while (size < text->size && (unsigned char)text->data[size] <= ' ') {
		size++;
	}
	return size;
}

/* false: the call is gone. */
static bool hand_over(struct qg_http_call *s, struct qg_buf *text)
{
	bool gone = false;
	size_t skipped = s->spoke ? 0 : blanks(text);
	if (text->size == skipped) {
		qg_buf_reset(text);
		return true;
	}
	s->spoke = true;
	s->gone = &gone;
	s->call->host->chunk(s->call, text->data + skipped, text->size - skipped);
	if (gone) {
		return false;
	}
	s->gone = NULL;
	qg_buf_reset(text);
	return true;
}

static const char *why_empty(const struct qg_answer *answer, enum qg_outcome outcome)
{
	return answer->tool_count > 0		 ? "it called a tool that was not offered"
	       : outcome == QG_OUTCOME_TRUNCATED ? "nothing but thoughts within max_tokens"
						 : "the answer is empty";
}

/* The verdict on an answer with status 200. fetch_error: how its body ended. */
static void conclude(struct qg_http_call *s, enum qg_fetch_error fetch_error)
{
	enum qg_outcome outcome = qg_answer_end(&s->answer, fetch_error == QG_FETCH_NONE);
	if (!hand_over(s, &s->answer.text) ||
		(!s->spoke && outcome != QG_OUTCOME_ERROR && !hand_over(s, &s->answer.refusal))) {
		return;
	}
	bool late = fetch_error == QG_FETCH_IDLE_TIMEOUT || fetch_error == QG_FETCH_TOTAL_TIMEOUT;
	if (outcome == QG_OUTCOME_INCOMPLETE && late) {
		end_failed(s, QG_MODEL_TIMEOUT, true, -1, qg_fetch_error_text(fetch_error));
	} else if (outcome == QG_OUTCOME_INCOMPLETE || outcome == QG_OUTCOME_ERROR ||
		   outcome == QG_OUTCOME_FILTERED) {
		struct qg_vendor_error error = s->answer.error;
		if (error.message[0] == '\0') {
			snprintf(error.message, sizeof(error.message), "%s", s->answer.finish);
		}
		end_vendor(s, &error);
	} else if (!s->spoke) {
		end_failed(s, QG_MODEL_SERVER, true, -1, why_empty(&s->answer, outcome));
	} else {
		struct qg_model_result result = {
			.sent = true, .retry_after_ms = -1, .cut = outcome == QG_OUTCOME_TRUNCATED};
		end(s, &result);
	}
}

/* ---- the stream ---- */

static bool is_good(int status)
{
	return status >= 200 && status < 300;
}

static void take_first(struct qg_http_call *s)
{
	s->began = true;
	s->status = qg_fetch_status(s->fetch);
	s->progress = qg_clock_mono();
	if (is_good(s->status)) {
		qg_answer_begin(&s->answer, qg_fetch_header(s->fetch, "content-type"));
	}
	qg_timer_start(s->timer, qg_clock_scaled(SILENT_MS));
}

static void watch_end(struct qg_http_call *s)
{
	bool done = s->answer.done, over = done || s->answer.finish[0] != '\0';
	if (over && !(done ? s->closes : s->lingers)) { /* once each, whatever still comes */
		s->lingers = true;
		s->closes = done;
		qg_timer_start(s->timer, done ? LINGER_MS : LINGER_FINISH_MS);
	}
}

static void on_data(void *arg, struct qg_fetch *fetch, const char *data, size_t size)
{
	struct qg_http_call *s = arg;
	if (!s->began) {
		take_first(s);
	}
	if (!is_good(s->status)) {
		size_t room = MAX_REFUSED - s->refused.size;
		qg_buf_add(&s->refused, data, size < room ? size : room);
		return;
	}
	bool more = qg_answer_feed(&s->answer, data, size);
	if (s->answer.events != s->events) {
		s->events = s->answer.events;
		s->progress = qg_clock_mono();
	}
	if (!hand_over(s, &s->answer.text)) {
		return;
	}
	if (!more && !s->answer.done) {
		conclude(
			s, QG_FETCH_NONE); /* an error, or over a ceiling: nothing better follows */
		return;
	}
	watch_end(s);
}

static void on_timer(void *arg)
{
	struct qg_http_call *s = arg;
	uint64_t silent = qg_clock_mono() - s->progress, limit = qg_clock_scaled(SILENT_MS);
	if (s->lingers) {
		conclude(s, QG_FETCH_NONE);
	} else if (silent < limit) {
		qg_timer_start(s->timer, limit - silent);
	} else if (is_good(s->status)) {
		conclude(s, QG_FETCH_IDLE_TIMEOUT);
	} else {
		end_failed(
			s, QG_MODEL_TIMEOUT, true, -1, qg_fetch_error_text(QG_FETCH_IDLE_TIMEOUT));
	}
}

static enum qg_model_error class_of(enum qg_fetch_error error)
{
	switch (error) {
	case QG_FETCH_CONNECT_TIMEOUT:
	case QG_FETCH_FIRST_BYTE_TIMEOUT:
	case QG_FETCH_IDLE_TIMEOUT:
	case QG_FETCH_TOTAL_TIMEOUT:
		return QG_MODEL_TIMEOUT;
	case QG_FETCH_TOO_LARGE:
	case QG_FETCH_NO_MEMORY:
		return QG_MODEL_SERVER;
	default:
		return QG_MODEL_TRANSPORT;
	}
}

static const char *header_of(void *arg, const char *name)
{
	return qg_fetch_header(arg, name);
}

static bool start(struct qg_http_call *s);

/* Whether the refusal may be of stream_options, and one more try was begun. */
static bool try_plain(struct qg_http_call *s, const struct qg_vendor_error *error)
{
	const struct qg_model_config *endpoint = s->call->endpoint;
	bool named =
		s->refused.data != NULL && strcasestr(s->refused.data, "stream_options") != NULL;
	bool own = endpoint->base_url != NULL && error->error == QG_MODEL_REQUEST;
	if (s->plain || qg_endpoint_quirks(endpoint)->stream_options == NULL ||
		(s->status != 400 && s->status != 422) || (!named && !own)) {
		return false;
	}
	if (named) {
		remember_plain(endpoint);
	}
	s->plain = true;
	s->began = false;
	s->status = 0;
	qg_buf_reset(&s->refused);
	qg_timer_stop(s->timer);
	return start(s);
}

static void conclude_refused(struct qg_http_call *s, struct qg_fetch *fetch)
{
	const struct qg_provider *provider = qg_provider_find(s->call->endpoint->provider);
	const struct qg_vendor_reply reply = {.provider = provider != NULL ? provider->name : NULL,
		.status = s->status,
		.body = s->refused.data,
		.size = s->refused.size,
		.now = qg_clock_wall(),
		.header = header_of,
		.arg = fetch};
	struct qg_vendor_error error;
	qg_vendor_error_read(&reply, &error);
	if (!try_plain(s, &error)) {
		end_vendor(s, &error);
	}
}

static void on_ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *ended)
{
	struct qg_http_call *s = arg;
	s->fetch = NULL;
	s->status = ended->status;
	if (ended->status != 0 && !is_good(ended->status)) {
		conclude_refused(s, fetch);
	} else if (is_good(ended->status) && (s->began || ended->error == QG_FETCH_NONE)) {
		if (s->plain) {
			remember_plain(s->call->endpoint);
		}
		conclude(s, ended->error);
	} else {
		char words[WORDS];
		snprintf(words, sizeof(words), "%s%s%.200s", qg_fetch_error_text(ended->error),
			ended->words[0] != '\0' ? ": " : "", ended->words);
		qg_utf8_flatten(words);
		qg_vendor_mask(words, s->call->endpoint->api_key);
		end_failed(s, class_of(ended->error), ended->sent, -1, words);
	}
}

static const struct qg_fetch_host fetch_host = {on_data, on_ended};

/* ---- the request ---- */

static void list_headers(const struct qg_buf *lines, const char *headers[QG_HTTP_CALL_HEADERS + 1])
{
	size_t number = 0;
	for (size_t at = 0; at < lines->size && number < QG_HTTP_CALL_HEADERS;) {
		headers[number++] = lines->data + at;
		at += strlen(lines->data + at) + 1;
	}
	headers[number] = NULL;
}

/* The text with the pictures between: their bytes, megabytes, are sent from where they are. */
static size_t list_pieces(const struct qg_http_call *s, struct qg_fetch_piece *pieces)
{
	const struct qg_ask *ask = s->call->ask;
	const struct qg_buf *text = &s->body.text;
	size_t count = 0, from = 0;
	for (size_t i = 0; i < s->body.cut_count; i++) {
		const struct qg_image *image = &ask->images[i];
		pieces[count++] =
			(struct qg_fetch_piece){text->data + from, s->body.cuts[i] - from};
		pieces[count++] = (struct qg_fetch_piece){image->base64, image->base64_size};
		from = s->body.cuts[i];
	}
	pieces[count++] = (struct qg_fetch_piece){text->data + from, text->size - from};
	return count;
}

static unsigned first_byte_ms(const struct qg_http_call *s)
{
	const struct qg_ask *ask = s->call->ask;
	bool thinks = qg_endpoint_model_quirk(s->call->endpoint)->always_thinks;
	size_t ms = thinks ? THINKING_MS : FIRST_BYTE_MS;
	for (size_t i = 0; i < ask->image_count; i++) {
		ms += ask->images[i].base64_size / SLOW_LINE;
	}
	return (unsigned)(ms < TOTAL_MS ? ms : TOTAL_MS);
}

/* The text of a body without pictures is copied by the client; of one with them it stays until the end. */
static bool start(struct qg_http_call *s)
{
	struct qg_model_call *call = s->call;
	const struct qg_model_config *endpoint = call->endpoint;
	QG_AUTO(qg_buf_finish) struct qg_buf url, lines;
	qg_buf_init(&url, 4096);
	qg_buf_init(&lines, 16384);
	qg_buf_finish(&s->body.text);
	s->body = (struct qg_wire_body){.cut_count = 0};
	qg_buf_init(&s->body.text, MAX_REQUEST);
	s->wire->url(qg_endpoint_base_url(endpoint), &url);
	static const char common[] = "Content-Type: application/json\0Accept: text/event-stream";
	qg_buf_add(&lines, common, sizeof(common));
	s->wire->headers(endpoint, &lines);
	s->wire->body(call, s->plain, &s->body);
	if (url.failed != QG_OK || lines.failed != QG_OK || s->body.text.failed != QG_OK) {
		return false;
	}
	const char *headers[QG_HTTP_CALL_HEADERS + 1];
	list_headers(&lines, headers);
	struct qg_fetch_piece pieces[2 * QG_IMAGES_MOST + 1];
	bool split = s->body.cut_count > 0;
	const struct qg_fetch_request request = {.method = "POST",
		.url = url.data,
		.headers = headers,
		.body = split ? NULL : s->body.text.data,
		.body_size = split ? 0 : s->body.text.size,
		.pieces = split ? pieces : NULL,
		.piece_count = split ? list_pieces(s, pieces) : 0,
		.most = MAX_ANSWER,
		.http1 = qg_str_equal(endpoint->http_version, "1.1"),
		.connect_ms = CONNECT_MS,
		.first_byte_ms = first_byte_ms(s),
		.idle_ms = SILENT_MS,
		.total_ms = TOTAL_MS};
	s->fetch = qg_fetch_start(call->http, &request, &fetch_host, s);
	if (!split) {
		qg_buf_finish(&s->body.text);
	}
	return s->fetch != NULL;
}

enum qg_status qg_http_call_check(const struct qg_model_config *endpoint, char *words)
{
	if (!qg_endpoint_is_configured(endpoint)) {
		snprintf(words, 128, "not configured: key, model or address is missing");
		return QG_INVALID;
	}
	return QG_OK;
}

enum qg_status qg_http_call_ask(struct qg_model_call *call, const struct qg_wire *wire)
{
	struct qg_http_call *s = call->state;
	const struct qg_model_config *endpoint = call->endpoint;
	if (endpoint == NULL || call->http == NULL || !qg_endpoint_is_configured(endpoint)) {
		return QG_INVALID;
	}
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	s->call = call;
	s->wire = wire;
	s->plain = is_plain(endpoint);
	qg_answer_init(&s->answer, wire->reader);
	s->answer.provider = provider != NULL ? provider->name : NULL;
	s->answer.hides_think = qg_endpoint_quirks(endpoint)->hides_think;
	qg_buf_init(&s->refused, MAX_REFUSED);
	s->timer = qg_timer_create(call->loop, on_timer, s);
	if (s->timer == NULL || !start(s)) {
		free_parts(s);
		return QG_NO_MEMORY;
	}
	return QG_OK;
}

void qg_http_call_cancel(struct qg_model_call *call)
{
	struct qg_http_call *s = call->state;
	if (s->gone != NULL) {
		*s->gone = true;
	}
	free_parts(s);
}
