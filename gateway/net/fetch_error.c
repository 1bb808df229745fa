/* fetch_error.c - owns how libcurl's errors are said in ours.
 *
 * libcurl's own error text names hosts and ports; what is said here never does, so that the words
 * may stand in any log. */
#include "fetch_internal.h"

#include <stdio.h>
#include <string.h>

#include "qg/str.h"

const char *qg_fetch_error_text(enum qg_fetch_error error)
{
	static const char *const texts[] = {
#define X(name, words) words,
		QG_FETCH_ERROR_MAP(X)
#undef X
	};
	return (size_t)error < sizeof(texts) / sizeof(*texts) ? texts[error] : "unknown error";
}

enum qg_fetch_error fetch_error_of(CURLcode code, bool sent)
{
	switch (code) {
	case CURLE_OK:
		return QG_FETCH_NONE;
	case CURLE_UNSUPPORTED_PROTOCOL: /* once sent: what came is no HTTP */
	case CURLE_URL_MALFORMAT:
		return sent ? QG_FETCH_BROKEN : QG_FETCH_URL;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return QG_FETCH_RESOLVE;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return QG_FETCH_TLS;
	case CURLE_OUT_OF_MEMORY:
		return QG_FETCH_NO_MEMORY;
	case CURLE_FILESIZE_EXCEEDED:
		return QG_FETCH_TOO_LARGE;
	case CURLE_OPERATION_TIMEDOUT:
		return sent ? QG_FETCH_TOTAL_TIMEOUT : QG_FETCH_CONNECT_TIMEOUT;
	default:
		/* Whatever broke before the request had a connection was the making of one. */
		return sent ? QG_FETCH_BROKEN : QG_FETCH_CONNECT;
	}
}

static void describe_tls(struct qg_fetch *fetch, CURLcode code)
{
	long verdict = X509_V_OK;
	if (curl_easy_getinfo(fetch->easy, CURLINFO_SSL_VERIFYRESULT, &verdict) == CURLE_OK &&
		verdict != X509_V_OK && verdict != X509_V_ERR_UNSPECIFIED) {
		fetch->words = X509_verify_cert_error_string(verdict);
	} else if (code == CURLE_PEER_FAILED_VERIFICATION) {
		fetch->words = "the certificate is one of another name";
	}
}

void fetch_error_describe(struct qg_fetch *fetch, CURLcode code)
{
	long number = 0;
	fetch->words = curl_easy_strerror(code);
	if (fetch->failure == QG_FETCH_TLS) {
		describe_tls(fetch, code);
	} else if (fetch->failure == QG_FETCH_CONNECT &&
		   curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK &&
		   number != 0) {
		snprintf(fetch->words_made, sizeof(fetch->words_made), "%s", strerror((int)number));
		fetch->words = fetch->words_made;
	}
}
