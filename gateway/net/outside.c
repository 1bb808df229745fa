/* outside.c - owns which addresses are of the public internet, and which lead inside: to this machine, its neighbours,
 * a cloud's metadata. */
#include "outside.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MOST 256

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

static uint32_t read_v4(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* Of the rest only 2000::/3 is given out to the public. */
static bool is_private_v6(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
	if (memcmp(ip, mapped, 12) == 0 || memcmp(ip, nat64, 12) == 0) {
		return is_private_v4(read_v4(ip + 12));
	}
	if (ip[0] == 0x20 && ip[1] == 0x02) { /* 6to4 */
		return is_private_v4(read_v4(ip + 2));
	}
	return (ip[0] & 0xe0) != 0x20;
}

bool outside_has_address(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)address;
		return !is_private_v4(ntohl(v4->sin_addr.s_addr));
	}
	const struct sockaddr_in6 *v6 = (const void *)address;
	return address->sa_family == AF_INET6 && !is_private_v6(v6->sin6_addr.s6_addr);
}

static bool is_below(const char *name, const char *domain)
{
	size_t size = strlen(name), domain_size = strlen(domain);
	return size > domain_size && strcasecmp(name + size - domain_size, domain) == 0;
}

static bool is_private_name(const char *name)
{
	return !strchr(name, '.') || strchr(name, ':') || is_below(name, ".localhost") ||
	       is_below(name, ".local") || is_below(name, ".internal");
}

/* Also 127.1, 0x7f.0.0.1 and 2130706433: inet_aton() reads what a resolver would. */
bool outside_has_host(const char *host)
{
	char name[HOST_MOST];
	struct in_addr v4;
	struct in6_addr v6;
	size_t size = strlen(host);
	if (size == 0 || size >= sizeof(name)) {
		return false;
	}
	/* "localhost." is localhost. */
	snprintf(name, sizeof(name), "%.*s", (int)(size - (host[size - 1] == '.')), host);
	if (inet_pton(AF_INET6, name, &v6) == 1) {
		return !is_private_v6(v6.s6_addr);
	}
	if (inet_aton(name, &v4) != 0) {
		return !is_private_v4(ntohl(v4.s_addr));
	}
	return !is_private_name(name);
}
