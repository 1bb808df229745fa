/* fetch_outside.c - owns what keeps a request from leading inside, where strangers wrote its address.
 *
 * A look at a name proves nothing: its owner may let it lead elsewhere a moment later. So every address that libcurl
 * opens a socket to is looked at, whichever of a name's it tries, and then the peer of the connection that the request
 * is about to use, as another request may have opened it.
 * By a proxy the socket leads to that, and where names lead is seen by the proxy alone: its operator decides what it may
 * reach. Refused even then is what says itself that it leads inside: a literal address, "localhost". Which proxy it is
 * gets settled here, so that libcurl cannot go directly where the checks were left to a proxy. */
#include "fetch_internal.h"

#include <string.h>

#include "outside.h"
#include "proxy.h"

bool fetch_may_open(struct qg_fetch *fetch, const struct sockaddr *address)
{
	bool may = !fetch->outside || outside_has_address(address);
	fetch->turned_away |= !may;
	return may;
}

bool fetch_may_use(const struct qg_fetch *fetch, const char *peer)
{
	return !fetch->outside || outside_has_host(peer);
}

static enum qg_status apply_to_host(struct qg_fetch *fetch, const char *host, bool tls)
{
	const char *proxy = NULL;
	if (!outside_has_host(host)) {
		fetch->turned_away = true;
		return QG_INVALID;
	}
	if (proxy_find(host, tls, &proxy) != QG_OK) {
		return QG_NO_MEMORY;
	}
	fetch->outside = !proxy;
	/* Said, even as "", neither is taken from the environment. */
	int bad = (int)curl_easy_setopt(fetch->easy, CURLOPT_PROXY, proxy ? proxy : "");
	bad |= (int)curl_easy_setopt(fetch->easy, CURLOPT_NOPROXY, "");
	return bad ? QG_NO_MEMORY : QG_OK;
}

enum qg_status fetch_outside_apply(struct qg_fetch *fetch, const char *url)
{
	char *scheme = NULL, *host = NULL;
	CURLU *parsed = curl_url();
	/* The address was usable when its origin was read: what fails here is memory. */
	enum qg_status status = QG_NO_MEMORY;
	if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		bool brackets = host[0] == '[';
		host[strcspn(host, "]")] = '\0';
		status = apply_to_host(fetch, host + brackets, strcmp(scheme, "https") == 0);
	}
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parsed);
	return status;
}
