/* ws_proxy.c - owns the parts of the address of the proxy that a link takes. */
#include "ws_internal.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proxy.h"
#include "qg/str.h"

/* As in libcurl, where a proxy is given without one. */
#define PROXY_PORT 1080

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
	const char *text = NULL;
	enum qg_status status = proxy_find(target->host, target->tls, &text);
	return status == QG_OK && text ? parse(proxy, text) : status;
}

void ws_proxy_finish(struct ws_proxy *proxy)
{
	free(proxy->host);
	free(proxy->user);
	*proxy = (struct ws_proxy){0};
}
