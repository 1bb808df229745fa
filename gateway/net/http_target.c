/* http_target.c - owns what a request may point at: the forms of the target, its decoding, and what
 * no path holds.
 *
 * A path that two readers could take for two different ones is refused, not mended: routes and
 * reverse proxies in front of us must agree on what was asked for. */
#include "http_internal.h"

#include <string.h>
#include <strings.h>

#include "qg/str.h"

#define MAX_HOST 255

bool http_target_is_host(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
	size_t size = strspn(text, allowed);
	return size > 0 && size <= MAX_HOST && text[size] == '\0';
}

/* Cuts "http://host" off an absolute target whose host is the one of the Host header: two hosts in
 * one request are a way past whoever checks only one of them. NULL where it is not such a target.
 * */
static char *cut_authority(char *target, const char *host)
{
	char *authority = strncasecmp(target, "http://", 7) == 0 ? target + 7 : NULL;
	if (strncasecmp(target, "https://", 8) == 0) {
		authority = target + 8;
	}
	if (!authority || !host) {
		return NULL;
	}
	size_t size = strcspn(authority, "/?");
	if (size != strlen(host) || strncasecmp(authority, host, size) != 0) {
		return NULL;
	}
	char *path = authority + size;
	if (*path != '/') {
		/* "http://host?query" asks for "/"; the authority's last byte has done its duty. */
		*--path = '/';
	}
	return path;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place. An encoded slash would be a slash to us and none to a proxy. */
static bool decode(char *path)
{
	char *to = path;
	for (const char *from = path; *from; from++) {
		int c = (unsigned char)*from;
		if (c == '%') {
			int high = hex_digit(from[1]);
			int low = high >= 0 ? hex_digit(from[2]) : -1;
			if (low < 0) {
				return false;
			}
			c = high << 4 | low;
			from += 2;
			if (c == '/') {
				return false;
			}
		}
		if (c < ' ' || c == 127 || c == '\\') {
			return false;
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return qg_utf8_is_valid(path, (size_t)(to - path));
}

/* No empty segment but the last, and none that is "." or "..". */
static bool has_plain_segments(const char *path)
{
	const char *segment = path + 1;
	while (true) {
		size_t size = strcspn(segment, "/");
		bool last = segment[size] == '\0';
		if ((size == 0 && !last) || (size == 1 && segment[0] == '.') ||
			(size == 2 && segment[0] == '.' && segment[1] == '.')) {
			return false;
		}
		if (last) {
			return true;
		}
		segment += size + 1;
	}
}

/* Visible ASCII without '#': all else is encoded by who asks. */
static bool is_clean(const char *target, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (target[i] <= ' ' || target[i] == 127 || target[i] == '#') {
			return false;
		}
	}
	return size > 0;
}

int http_target_set(struct http_request *request, const char *host)
{
	char *target = request->head.data + request->target;
	if (!is_clean(target, request->target_size)) {
		return 400;
	}
	target[request->target_size] = '\0';
	char *path = target[0] == '/' ? target : cut_authority(target, host);
	if (!path) {
		return 400;
	}
	char *query = strchr(path, '?');
	if (query) {
		*query++ = '\0';
	} else {
		query = target + request->target_size;
	}
	if (!decode(path) || !has_plain_segments(path)) {
		return 400;
	}
	request->path = (uint32_t)(path - request->head.data);
	request->query = (uint32_t)(query - request->head.data);
	return 0;
}
