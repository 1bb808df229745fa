/* address.c - URLs that a platform's message brought: where they lead, and whether we go there. */
#include "address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

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

/* ---- inside or outside ---- */

static bool is_private_v4(uint32_t ip)
{
	static const struct {
		uint32_t net;
		unsigned bits;
	} inside[] = {
		{0x00000000, 8},  /* this network */
		{0x0a000000, 8},  /* private */
		{0x64400000, 10}, /* carriers */
		{0x7f000000, 8},  /* this machine */
		{0xa9fe0000, 16}, /* the link, clouds' metadata */
		{0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16},
		{0xc6120000, 15}, /* benchmarks */
		{0xe0000000, 3},  /* groups, reserved, broadcast */
	};
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		if ((ip ^ inside[i].net) >> (32 - inside[i].bits) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_private_v6(const uint8_t ip[16])
{
	static const uint8_t zeros[12];
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
	if (memcmp(ip, zeros, 12) == 0 || memcmp(ip, mapped, 12) == 0 ||
		memcmp(ip, nat64, 12) == 0) {
		uint32_t v4 = (uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 |
			      (uint32_t)ip[14] << 8 | ip[15];
		return memcmp(ip, zeros, 12) == 0 || is_private_v4(v4);
	}
	return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && ip[1] >= 0x80) || ip[0] == 0xff;
}

static bool is_private_address(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)address;
		return is_private_v4(ntohl(v4->sin_addr.s_addr));
	}
	const struct sockaddr_in6 *v6 = (const void *)address;
	return address->sa_family != AF_INET6 || is_private_v6(v6->sin6_addr.s6_addr);
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t size = strlen(text), suffix_size = strlen(suffix);
	return size > suffix_size && strcmp(text + size - suffix_size, suffix) == 0;
}

/* Also 127.1, 0x7f.0.0.1 and 2130706433: inet_aton() reads what a resolver would. */
bool qg_address_is_private(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET6, host, &v6) == 1) {
		return is_private_v6(v6.s6_addr);
	}
	if (inet_aton(host, &v4) != 0) {
		return is_private_v4(ntohl(v4.s_addr));
	}
	return strchr(host, ':') != NULL || strcmp(host, "localhost") == 0 ||
	       has_suffix(host, ".localhost") || has_suffix(host, ".local") ||
	       has_suffix(host, ".internal") || !strchr(host, '.');
}

bool qg_address_leads_inside(const char *host)
{
	struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
	if (getaddrinfo(host, NULL, &hints, &found) != 0) {
		return false;
	}
	bool inside = false;
	for (const struct addrinfo *at = found; at; at = at->ai_next) {
		inside = inside || is_private_address(at->ai_addr);
	}
	freeaddrinfo(found);
	return inside;
}

/* ---- the platform's own ---- */

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
