/* http_address.c - owns who the peers are: how many connections each address has, and which proxies
 * are trusted.
 *
 * The table is chained and keyed with a random seed, so that a peer who picks its addresses cannot
 * make one chain long; it holds only addresses that are connected, so the limit over all
 * connections bounds it. */
#include "http_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "qg/str.h"

#define BUCKETS 1024
#define MAX_NETWORK_TEXT 64

struct http_addresses {
	uint64_t seed;
	struct qg_list buckets[BUCKETS];
};

struct http_addresses *http_addresses_create(void)
{
	struct http_addresses *addresses = calloc(1, sizeof(*addresses));
	if (!addresses) {
		return NULL;
	}
	if (getrandom(&addresses->seed, sizeof(addresses->seed), GRND_NONBLOCK) < 0) {
		addresses->seed = (uint64_t)(uintptr_t)addresses;
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		qg_list_init(&addresses->buckets[i]);
	}
	return addresses;
}

void http_addresses_destroy(struct http_addresses *addresses)
{
	if (!addresses) {
		return;
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		QG_LIST_FOR_EACH (item, &addresses->buckets[i]) {
			free(QG_CONTAINER(item, struct http_address, link));
		}
	}
	free(addresses);
}

static uint64_t mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	return value ^ value >> 32;
}

static void make_key(const struct in6_addr *ip, uint64_t key_out[2])
{
	memcpy(key_out, ip, sizeof(*ip));
	if (!IN6_IS_ADDR_V4MAPPED(ip)) {
		key_out[1] = 0;
	}
}

struct http_address *http_addresses_get(struct http_addresses *addresses, const struct in6_addr *ip)
{
	uint64_t key[2];
	make_key(ip, key);
	uint64_t hash = mix(mix(key[0] ^ addresses->seed) ^ key[1]);
	struct qg_list *bucket = &addresses->buckets[hash % BUCKETS];
	QG_LIST_FOR_EACH (item, bucket) {
		struct http_address *address = QG_CONTAINER(item, struct http_address, link);
		if (memcmp(address->key, key, sizeof(key)) == 0) {
			return address;
		}
	}
	struct http_address *address = calloc(1, sizeof(*address));
	if (address) {
		memcpy(address->key, key, sizeof(key));
		qg_list_add(bucket, &address->link);
	}
	return address;
}

void http_addresses_put(struct http_address *address)
{
	if (address && address->connections == 0 && address->refused == 0) {
		qg_list_remove(&address->link);
		free(address);
	}
}

bool http_ip_parse(const char *text, struct in6_addr *ip_out)
{
	struct in_addr v4;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(ip_out, 0, sizeof(*ip_out));
		ip_out->s6_addr[10] = ip_out->s6_addr[11] = 0xff;
		memcpy(ip_out->s6_addr + 12, &v4, sizeof(v4));
		return true;
	}
	return inet_pton(AF_INET6, text, ip_out) == 1;
}

void http_ip_format(const struct in6_addr *ip, char *out)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(ip);
	const void *bytes = v4 ? ip->s6_addr + 12 : ip->s6_addr;
	inet_ntop(v4 ? AF_INET : AF_INET6, bytes, out, INET6_ADDRSTRLEN);
}

bool http_network_parse(const char *text, struct http_network *network_out)
{
	char copy[MAX_NETWORK_TEXT];
	size_t size = strcspn(text, "/");
	if (size >= sizeof(copy)) {
		return false;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';

	struct http_network network;
	if (!http_ip_parse(copy, &network.prefix)) {
		return false;
	}
	unsigned offset = strchr(copy, ':') ? 0 : 96;
	int64_t bits = 128 - offset;
	if (text[size] == '/' && !qg_str_to_int64(text + size + 1, 0, bits, &bits)) {
		return false;
	}
	network.bits = offset + (unsigned)bits;
	*network_out = network;
	return true;
}

static bool is_in(const struct http_network *network, const struct in6_addr *ip)
{
	unsigned bytes = network->bits / 8, rest = network->bits % 8;
	if (memcmp(network->prefix.s6_addr, ip->s6_addr, bytes) != 0) {
		return false;
	}
	return rest == 0 ||
	       (network->prefix.s6_addr[bytes] ^ ip->s6_addr[bytes]) >> (8 - rest) == 0;
}

bool http_network_has(const struct http_network *networks, size_t count, const struct in6_addr *ip)
{
	for (size_t i = 0; i < count; i++) {
		if (is_in(&networks[i], ip)) {
			return true;
		}
	}
	return false;
}
