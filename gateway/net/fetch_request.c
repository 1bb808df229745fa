/* fetch_request.c - owns how a request becomes a transfer: every option that libcurl is given. */
#include "fetch_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What one read takes from a socket, and what every open stream holds. Events of a stream are a few
 * hundred bytes. */
#define READ_BYTES 4096L
/* The least that libcurl takes; only touched as far as a body fills it. */
#define SEND_BYTES 16384L
#define KEEPALIVE_IDLE_S 45L
#define KEEPALIVE_EVERY_S 15L
#define AGENT "qungong"

/* True where adding worked. */
static bool add_header(struct qg_fetch *fetch, const char *line)
{
	struct curl_slist *longer = curl_slist_append(fetch->headers, line);
	if (longer) {
		fetch->headers = longer;
	}
	return longer != NULL;
}

static enum qg_status apply_headers(struct qg_fetch *fetch, const struct qg_fetch_request *request)
{
	bool has_type = false;
	for (const char *const *at = request->headers; at && *at; at++) {
		/* A value out of a config file must not become another header. */
		if (strpbrk(*at, "\r\n")) {
			fetch->words = "a header holds a line break";
			return QG_INVALID;
		}
		has_type |= strncasecmp(*at, "Content-Type:", 13) == 0;
		if (!add_header(fetch, *at)) {
			return QG_NO_MEMORY;
		}
	}
	/* Named without a value, a header of libcurl's own stays away: no wait for 100 before a
	 * large body, no type that nobody chose. */
	if (!add_header(fetch, "Expect:") || (!has_type && !add_header(fetch, "Content-Type:"))) {
		return QG_NO_MEMORY;
	}
	return curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers) == CURLE_OK
		       ? QG_OK
		       : QG_NO_MEMORY;
}

static bool copy_body(struct qg_fetch *fetch, const struct qg_fetch_request *request)
{
	/* One byte more: a body of none is still one. */
	fetch->body = malloc(request->body_size + 1);
	if (!fetch->body) {
		return false;
	}
	if (request->body_size > 0) {
		memcpy(fetch->body, request->body, request->body_size);
	}
	fetch->body_size = request->body_size;
	return true;
}

/* ---- a body in pieces: copied by libcurl as it leaves, a buffer at a time ---- */

static size_t read_pieces(char *out, size_t one, size_t room, void *arg)
{
	struct qg_fetch *fetch = arg;
	size_t size = 0;
	if (fetch->cancelled) { /* the bytes may be gone already */
		return CURL_READFUNC_ABORT;
	}
	while (size < room && fetch->piece < fetch->piece_count) {
		const struct qg_fetch_piece *piece = &fetch->pieces[fetch->piece];
		size_t rest = piece->size - fetch->piece_at;
		size_t part = rest < room - size ? rest : room - size;
		memcpy(out + size, piece->data + fetch->piece_at, part);
		size += part;
		fetch->piece_at += part;
		if (fetch->piece_at == piece->size) {
			fetch->piece++;
			fetch->piece_at = 0;
		}
	}
	return size;
}

/* Before a request is sent again libcurl wants its body from the beginning. */
static int rewind_pieces(void *arg, curl_off_t offset, int origin)
{
	struct qg_fetch *fetch = arg;
	if (offset != 0 || origin != SEEK_SET) {
		return CURL_SEEKFUNC_CANTSEEK;
	}
	fetch->piece = fetch->piece_at = 0;
	return CURL_SEEKFUNC_OK;
}

static enum qg_status apply_pieces(struct qg_fetch *fetch, const struct qg_fetch_request *request)
{
	CURL *easy = fetch->easy;
	fetch->pieces = malloc(request->piece_count * sizeof(*fetch->pieces));
	if (!fetch->pieces) {
		return QG_NO_MEMORY;
	}
	memcpy(fetch->pieces, request->pieces, request->piece_count * sizeof(*fetch->pieces));
	fetch->piece_count = request->piece_count;
	curl_off_t size = 0;
	for (size_t i = 0; i < fetch->piece_count; i++) {
		size += (curl_off_t)fetch->pieces[i].size;
	}
	int bad = (int)curl_easy_setopt(easy, CURLOPT_POST, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, size);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_pieces);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_READDATA, fetch);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_pieces);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_SEEKDATA, fetch);
	return bad ? QG_NO_MEMORY : QG_OK;
}

static enum qg_status apply_method(struct qg_fetch *fetch, const struct qg_fetch_request *request)
{
	CURL *easy = fetch->easy;
	const char *method = request->method;
	bool is_post = strcmp(method, "POST") == 0;
	int bad = 0;
	fetch->repeatable = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (is_post && request->piece_count > 0) {
		return apply_pieces(fetch, request);
	}
	if (request->body || is_post) {
		if (!copy_body(fetch, request)) {
			return QG_NO_MEMORY;
		}
		bad |= (int)curl_easy_setopt(
			easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->body_size);
		bad |= (int)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, fetch->body);
	}
	if (strcmp(method, "HEAD") == 0) {
		bad |= (int)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (!is_post && (request->body || strcmp(method, "GET") != 0)) {
		bad |= (int)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	}
	return bad ? QG_NO_MEMORY : QG_OK;
}

static int apply_way(struct qg_fetch *fetch, const struct qg_fetch_request *request)
{
	CURL *easy = fetch->easy;
	/* HTTP/2 only where TLS negotiates it. */
	long version = request->http1 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
	int bad = (int)curl_easy_setopt(easy, CURLOPT_URL, request->url);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= (int)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_USERAGENT, AGENT);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->most);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_BYTES);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
	/* The clock is ours, but libcurl divides this time among the addresses of a name. */
	bad |= (int)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)fetch->connect_ms);
	/* No signals, and no waiting for a resolver that is no longer needed. */
	bad |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
	return bad;
}

static int apply_tls(struct qg_fetch *fetch)
{
	CURL *easy = fetch->easy;
	int bad = (int)curl_easy_setopt(easy, CURLOPT_SHARE, fetch->client->share);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* The store that fetch_trust_apply() hands over stands in for these. */
	bad |= (int)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, fetch_trust_apply);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, fetch->client);
	return bad;
}

enum qg_status fetch_request_apply(struct qg_fetch *fetch, const struct qg_fetch_request *request)
{
	fetch->easy = curl_easy_init();
	if (!fetch->easy) {
		return QG_NO_MEMORY;
	}
	if (fetch_answer_apply(fetch) || apply_way(fetch, request) || apply_tls(fetch)) {
		return QG_NO_MEMORY;
	}
	enum qg_status status = request->outside ? fetch_outside_apply(fetch, request->url) : QG_OK;
	if (status == QG_OK) {
		status = apply_method(fetch, request);
	}
	return status == QG_OK ? apply_headers(fetch, request) : status;
}
