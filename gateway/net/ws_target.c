/* ws_target.c - owns how an address and headers become the parts of a request. */
#include "ws_internal.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/str.h"

/* The library writes the request line into 2 KiB and the Host header into 128 bytes, and cuts what is longer. */
#define MAX_PATH 2000
#define MAX_AUTHORITY 112
#define MAX_HEADERS 8192
#define AGENT "User-Agent: qungong\r\n"

bool ws_is_literal(const char *host)
{
	struct in6_addr address;
	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static enum qg_status of_curl(CURLUcode code)
{
	return code == CURLUE_OUT_OF_MEMORY ? QG_NO_MEMORY : QG_INVALID;
}

static enum qg_status read_scheme(struct ws_target *target, CURLU *url)
{
	char *scheme = NULL;
	CURLUcode code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
	if (code != CURLUE_OK) {
		return of_curl(code);
	}
	target->tls = strcasecmp(scheme, "wss") == 0;
	bool known = target->tls || strcasecmp(scheme, "ws") == 0;
	curl_free(scheme);
	return known ? QG_OK : QG_INVALID;
}

/* A copy without the brackets of an IPv6 address. */
static char *bare(const char *host)
{
	size_t size = strlen(host);
	bool brackets = size > 2 && host[0] == '[';
	return brackets ? qg_str_copy_n(host + 1, size - 2) : qg_str_copy(host);
}

static enum qg_status read_host(struct ws_target *target, CURLU *url)
{
	char *host = NULL, *port = NULL;
	unsigned usual = target->tls ? 443 : 80;
	CURLUcode code = curl_url_get(url, CURLUPART_HOST, &host, 0);
	if (code != CURLUE_OK) {
		return of_curl(code);
	}
	code = curl_url_get(url, CURLUPART_PORT, &port, 0);
	target->port = code == CURLUE_OK ? (unsigned)strtoul(port, NULL, 10) : usual;
	target->host = bare(host);
	target->authority = target->port == usual ? qg_str_copy(host)
						  : qg_str_printf("%s:%u", host, target->port);
	curl_free(host);
	curl_free(port);
	if (!target->host || !target->authority) {
		return QG_NO_MEMORY;
	}
	bool usable = target->port > 0 && *target->host && *target->host != '+' &&
		      strlen(target->authority) <= MAX_AUTHORITY;
	return usable ? QG_OK : QG_INVALID;
}

static enum qg_status read_path(struct ws_target *target, CURLU *url)
{
	char *path = NULL, *query = NULL;
	CURLUcode code = curl_url_get(url, CURLUPART_PATH, &path, 0);
	if (code != CURLUE_OK) {
		return of_curl(code);
	}
	code = curl_url_get(url, CURLUPART_QUERY, &query, 0);
	if (code == CURLUE_OK) {
		target->path = qg_str_printf("%s?%s", path, query);
	} else if (code != CURLUE_OUT_OF_MEMORY) {
		target->path = qg_str_copy(path);
	}
	curl_free(path);
	curl_free(query);
	if (!target->path) {
		return QG_NO_MEMORY;
	}
	return strlen(target->path) <= MAX_PATH ? QG_OK : QG_INVALID;
}

static enum qg_status read_parts(struct ws_target *target, CURLU *url)
{
	char *user = NULL;
	CURLUcode code = curl_url_get(url, CURLUPART_USER, &user, 0);
	curl_free(user);
	if (code != CURLUE_NO_USER) {
		return of_curl(code);
	}
	enum qg_status status = read_scheme(target, url);
	if (status == QG_OK) {
		status = read_host(target, url);
	}
	return status == QG_OK ? read_path(target, url) : status;
}

static enum qg_status read_url(struct ws_target *target, const char *text)
{
	CURLU *url = curl_url();
	if (!url) {
		return QG_NO_MEMORY;
	}
	CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	enum qg_status status = code == CURLUE_OK ? read_parts(target, url) : of_curl(code);
	curl_url_cleanup(url);
	return status;
}

static enum qg_status read_headers(struct ws_target *target, const char *const *headers)
{
	struct qg_buf lines;
	bool has_agent = false;
	qg_buf_init(&lines, MAX_HEADERS);
	for (const char *const *at = headers; at && *at; at++) {
		/* A value out of a config file must not become another header. */
		if (strpbrk(*at, "\r\n") || !strchr(*at, ':')) {
			qg_buf_finish(&lines);
			return QG_INVALID;
		}
		has_agent |= strncasecmp(*at, "User-Agent:", 11) == 0;
		qg_buf_add_str(&lines, *at);
		qg_buf_add_str(&lines, "\r\n");
	}
	enum qg_status status = qg_buf_add_str(&lines, has_agent ? "" : AGENT);
	target->headers = qg_buf_steal(&lines);
	return status == QG_TOO_LARGE ? QG_INVALID : status;
}

enum qg_status ws_target_init(struct ws_target *target, const struct qg_ws_request *request)
{
	enum qg_status status = read_url(target, request->url);
	return status == QG_OK ? read_headers(target, request->headers) : status;
}

void ws_target_finish(struct ws_target *target)
{
	free(target->host);
	free(target->authority);
	free(target->path);
	free(target->headers);
	*target = (struct ws_target){0};
}
