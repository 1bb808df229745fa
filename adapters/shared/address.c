/* address.c - URLs that a platform's message brought: where they lead, and whether we go there. */
#include "address.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/str.h"

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == ':';
}

static bool copy_host(const char *from, size_t size, char out[QG_ADDRESS_HOST])
{
	if (size == 0 || size >= QG_ADDRESS_HOST) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		char c = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + 32) : from[i];
		if (!is_host_char(c)) {
			return false;
		}
		out[i] = c;
	}
	/* "localhost." is localhost. */
	out[size > 1 && out[size - 1] == '.' ? size - 1 : size] = '\0';
	return true;
}

/* host, host:port or [v6]:port. */
static bool read_authority(const char *text, size_t size, struct qg_address *out)
{
	const char *end = text + size;
	const char *host = text, *host_end = memchr(text, ':', size);
	if (size > 0 && text[0] == '[') {
		host = text + 1;
		host_end = memchr(text, ']', size);
		if (!host_end || (host_end + 1 < end && host_end[1] != ':')) {
			return false;
		}
		text = host_end + 1;
	} else {
		host_end = host_end ? host_end : end;
		text = host_end;
	}
	for (const char *c = text < end ? text + 1 : end; c < end; c++) {
		if (*c < '0' || *c > '9') {
			return false;
		}
	}
	return copy_host(host, (size_t)(host_end - host), out->host);
}

bool qg_address_read(const char *url, struct qg_address *out)
{
	bool is_https = url && strncasecmp(url, "https://", 8) == 0;
	if (!is_https && (!url || strncasecmp(url, "http://", 7) != 0)) {
		return false;
	}
	const char *authority = url + (is_https ? 8 : 7);
	size_t size = strcspn(authority, "/?#");
	/* A backslash or a name before @ is where readers of URLs differ. */
	if (memchr(authority, '@', size) || memchr(authority, '\\', size)) {
		return false;
	}
	out->is_https = is_https;
	out->rest = authority + size;
	return read_authority(authority, size, out);
}

/* ---- the platform's own ---- */

static bool has_suffix(const char *text, const char *suffix)
{
	size_t size = strlen(text), suffix_size = strlen(suffix);
	return size > suffix_size && strcmp(text + size - suffix_size, suffix) == 0;
}

char *qg_address_of_platform(const char *url, const char *domain, const char *base, bool *refused)
{
	struct qg_address to, moved;
	*refused = !qg_address_read(url, &to);
	if (*refused) {
		return NULL;
	}
	bool has_base = base && base[0] != '\0' && qg_address_read(base, &moved);
	bool is_platform = to.is_https && has_suffix(to.host, domain);
	bool is_base = has_base && strcmp(to.host, moved.host) == 0;
	if ((!is_platform && !is_base) || to.rest[0] != '/') {
		*refused = true;
		return NULL;
	}
	return has_base ? qg_str_printf("%s%s", base, to.rest) : qg_str_copy(url);
}
