/* proxy.c - owns which proxy the environment names for a host.
 *
 * The rules are libcurl's, so that links go the way that requests go: http_proxy (in small letters
 * only: a CGI's HTTP_PROXY is a header of its client), https_proxy, then all_proxy; no_proxy holds
 * names with all below them, addresses, CIDR blocks or an asterisk. */
#include "proxy.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/str.h"

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

/* AF_UNSPEC: a name. */
static int family_of(const char *host)
{
	struct in6_addr address;
	if (inet_pton(AF_INET, host, &address) == 1) {
		return AF_INET;
	}
	return inet_pton(AF_INET6, host, &address) == 1 ? AF_INET6 : AF_UNSPEC;
}

/* entry is "10.0.0.0/8" or one address; it is cut at its slash. */
static bool matches_address(const char *host, int family, char *entry)
{
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
	int family = family_of(host);
	bool literal = family != AF_UNSPEC;
	for (char *entry = strtok_r(list, BLANKS, &rest); entry;
		entry = strtok_r(NULL, BLANKS, &rest)) {
		if (strcmp(entry, "*") == 0 || (literal && matches_address(host, family, entry)) ||
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

enum qg_status proxy_find(const char *host, bool tls, const char **proxy_out)
{
	static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
	const char *proxy = named_proxy(tls);
	const char *list = proxy ? first_of(names) : NULL;
	if (list) {
		char *copy = qg_str_copy(list);
		if (!copy) {
			return QG_NO_MEMORY;
		}
		proxy = is_exempt(host, copy) ? NULL : proxy;
		free(copy);
	}
	*proxy_out = proxy;
	return QG_OK;
}
