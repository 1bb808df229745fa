/* ws_proxy.c - owns which proxy the environment names for a target.
 *
 * The rules are libcurl's, so that links go the way that requests go: http_proxy (in small letters
 * only: a CGI's HTTP_PROXY is a header of its client), https_proxy, then all_proxy; no_proxy holds
 * names with all below them, addresses, CIDR blocks or an asterisk. */
#include "ws_internal.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/str.h"

/* As in libcurl, where a proxy is given without one. */
#define PROXY_PORT 1080
#define BLANKS " ,\t"

/* ---- no_proxy ---- */

/* Whether the first bits of two addresses are equal. */
static bool share_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8;
	unsigned rest = bits % 8;
	if (memcmp(a, b, whole) != 0) {
		return false;
	}
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool is_in_block(const char *host, int family, const char *block, unsigned bits)
{
	uint8_t ours[sizeof(struct in6_addr)], theirs[sizeof(struct in6_addr)];
	return inet_pton(family, host, ours) == 1 && inet_pton(family, block, theirs) == 1 &&
	       share_prefix(ours, theirs, bits);
}

/* entry is "10.0.0.0/8" or one address; it is cut at its slash. */
static bool matches_address(const char *host, char *entry)
{
	int family = strchr(host, ':') ? AF_INET6 : AF_INET;
	int64_t bits = family == AF_INET6 ? 128 : 32;
	char *slash = strchr(entry, '/');
	if (slash) {
		*slash = '\0';
		if (!qg_str_to_int64(slash + 1, 0, bits, &bits)) {
			return false;
		}
	}
	return is_in_block(host, family, entry, (unsigned)bits);
}

static bool matches_name(const char *host, const char *entry)
{
	entry += *entry == '.';
	size_t size = strlen(entry);
	size_t host_size = strlen(host);
	if (size == 0 || size > host_size || strcasecmp(host + host_size - size, entry) != 0) {
		return false;
	}
	return size == host_size || host[host_size - size - 1] == '.';
}

static bool is_exempt(const char *host, char *list)
{
	char *rest = NULL;
	bool literal = ws_is_literal(host);
	for (char *entry = strtok_r(list, BLANKS, &rest); entry;
		entry = strtok_r(NULL, BLANKS, &rest)) {
		if (strcmp(entry, "*") == 0 || (literal && matches_address(host, entry)) ||
			(!literal && matches_name(host, entry))) {
			return true;
		}
	}
	return false;
}

/* ---- the environment ---- */

/* The first of the variables that holds something, or NULL. */
static const char *first_of(const char *const *names)
{
	for (; *names; names++) {
		const char *value = getenv(*names);
		if (value && *value) {
			return value;
		}
	}
	return NULL;
}

static const char *named_proxy(bool tls)
{
	static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
	static const char *const secure[] = {
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
	return first_of(tls ? secure : plain);
}

static enum qg_status look_for_exemption(const struct ws_target *target, bool *exempt_out)
{
	static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
	const char *list = first_of(names);
	if (!list) {
		*exempt_out = false;
		return QG_OK;
	}
	char *copy = qg_str_copy(list);
	if (!copy) {
		return QG_NO_MEMORY;
	}
	*exempt_out = is_exempt(target->host, copy);
	free(copy);
	return QG_OK;
}

/* ---- the proxy's address ---- */

static char *part_of(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	return curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static enum qg_status take_parts(struct ws_proxy *proxy, CURLU *url)
{
	char *host = part_of(url, CURLUPART_HOST, 0);
	char *port = part_of(url, CURLUPART_PORT, 0);
	char *user = part_of(url, CURLUPART_USER, CURLU_URLDECODE);
	char *password = part_of(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
	size_t size = host ? strlen(host) : 0;
	bool brackets = size > 2 && host[0] == '[';
	proxy->port = port ? (unsigned)strtoul(port, NULL, 10) : PROXY_PORT;
	proxy->host = brackets ? qg_str_copy_n(host + 1, size - 2) : qg_str_copy(host);
	proxy->user = user ? qg_str_printf("%s:%s", user, password ? password : "") : NULL;
	bool whole = proxy->host && (!user || proxy->user);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_free(password);
	return whole ? QG_OK : QG_NO_MEMORY;
}

static enum qg_status parse(struct ws_proxy *proxy, const char *text)
{
	CURLU *url = curl_url();
	if (!url) {
		return QG_NO_MEMORY;
	}
	/* "host:3128" is one of plain HTTP. */
	CURLUcode code = curl_url_set(url, CURLUPART_URL, text,
		strstr(text, "://") ? CURLU_NON_SUPPORT_SCHEME : CURLU_DEFAULT_SCHEME);
	if (code == CURLUE_OK && !strstr(text, "://")) {
		code = curl_url_set(url, CURLUPART_SCHEME, "http", 0);
	}
	char *scheme = code == CURLUE_OK ? part_of(url, CURLUPART_SCHEME, 0) : NULL;
	enum qg_status status = QG_UNSUPPORTED;
	if (code == CURLUE_OUT_OF_MEMORY) {
		status = QG_NO_MEMORY;
	} else if (scheme && strcasecmp(scheme, "http") == 0) {
		status = take_parts(proxy, url);
	}
	curl_free(scheme);
	curl_url_cleanup(url);
	return status;
}

enum qg_status ws_proxy_init(struct ws_proxy *proxy, const struct ws_target *target)
{
	bool exempt = false;
	const char *text = named_proxy(target->tls);
	if (!text) {
		return QG_OK;
	}
	enum qg_status status = look_for_exemption(target, &exempt);
	return status == QG_OK && !exempt ? parse(proxy, text) : status;
}

void ws_proxy_finish(struct ws_proxy *proxy)
{
	free(proxy->host);
	free(proxy->user);
	*proxy = (struct ws_proxy){0};
}
