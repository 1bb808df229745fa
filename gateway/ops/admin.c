/* admin.c - who may come in at admin_listen.
 *
 * One random token in data_dir/admin.token opens everything; a browser gets it once in the link that `run`
 * prints and trades it for a cookie that scripts cannot read and other sites cannot send. The Host check keeps
 * out pages that point a name of theirs at this address (DNS rebinding), the Origin check those that post from
 * elsewhere. Loopback is no privilege: a browser on this machine runs other people's pages.
 */
#include "ops.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/str.h"

#define COOKIE "qg_admin"

enum { TOKEN_BYTES = 32, TOKEN_MIN = 32, TOKEN_MAX = 256, HOST_MAX = 255 };

/* ---- the token's file ---- */

/* Writes a new token to a hidden file and links it to its name: when several processes start at once, the first
 * one's counts and nobody reads half of it. */
static bool make_file(const char *path)
{
	char token[2 * TOKEN_BYTES + 2];
	char tail[17];
	qg_random_hex(token, TOKEN_BYTES);
	token[2 * TOKEN_BYTES] = '\n';
	token[2 * TOKEN_BYTES + 1] = '\0';
	qg_random_hex(tail, 8);
	char *hidden = qg_str_printf("%s.%s", path, tail);
	if (!hidden) {
		return false;
	}
	int fd = open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, token, 2 * TOKEN_BYTES + 1) == 2 * TOKEN_BYTES + 1 &&
		  fsync(fd) == 0;
	ok = ok && (link(hidden, path) == 0 || errno == EEXIST);
	if (!ok) {
		qg_log_error(NULL, "cannot make %s: %s", path, strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
		unlink(hidden);
	}
	free(hidden);
	return ok;
}

static bool is_token(const char *text)
{
	size_t size = strlen(text);
	for (size_t i = 0; i < size; i++) {
		if (text[i] <= ' ' || text[i] > '~' || strchr("\";,\\&#%+", text[i])) {
			return false; /* could not travel in a cookie or a link */
		}
	}
	return size >= TOKEN_MIN && size <= TOKEN_MAX;
}

/* The token of a file that is open; NULL if it holds none. */
static char *read_token(int fd)
{
	char text[TOKEN_MAX + 16];
	ssize_t size = read(fd, text, sizeof(text) - 1);
	if (size <= 0) {
		return NULL;
	}
	text[size] = '\0';
	char *trimmed = qg_str_trim(text);
	return is_token(trimmed) ? qg_str_copy(trimmed) : NULL;
}

bool qg_admin_init(struct qg_admin *admin, const char *data_dir)
{
	*admin = (struct qg_admin){0};
	admin->path = qg_str_printf("%s/admin.token", data_dir);
	if (!admin->path) {
		return false;
	}
	int fd = open(admin->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && make_file(admin->path)) {
		fd = open(admin->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0) {
		qg_log_error(NULL, "cannot read %s: %s", admin->path, strerror(errno));
		return false;
	}
	struct stat status;
	if (fstat(fd, &status) == 0 && (status.st_mode & 077) && fchmod(fd, 0600) == 0) {
		qg_log_warn(NULL, "%s could be read by others: now it cannot", admin->path);
	}
	admin->token = read_token(fd);
	close(fd);
	if (!admin->token) {
		qg_log_error(NULL,
			"%s holds no token of %d to %d plain characters: delete it, the next start "
			"makes one",
			admin->path, TOKEN_MIN, TOKEN_MAX);
	}
	return admin->token;
}

void qg_admin_finish(struct qg_admin *admin)
{
	free(admin->token);
	free(admin->path);
	*admin = (struct qg_admin){0};
}

/* ---- Host and Origin ---- */

/* [2001:db8::1]:8081 */
static bool cut_bracketed(const char *header, char *out)
{
	const char *end = strchr(header, ']');
	if (!end || end - header > INET6_ADDRSTRLEN || (end[1] != '\0' && end[1] != ':')) {
		return false;
	}
	memcpy(out, header + 1, (size_t)(end - header - 1));
	out[end - header - 1] = '\0';
	return true;
}

bool qg_admin_host_name(const char *header, char *out)
{
	if (header[0] == '[') {
		return cut_bracketed(header, out);
	}
	size_t size = strcspn(header, ":");
	if (size == 0 || size > HOST_MAX) {
		return false;
	}
	if (header[size] == ':' &&
		strspn(header + size + 1, "0123456789") != strlen(header + size + 1)) {
		return false;
	}
	memcpy(out, header, size);
	out[size] = '\0';
	return true;
}

static bool is_address(const char *host)
{
	struct in6_addr address; /* room for both kinds */
	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool is_our_host(const char *header, const struct qg_strings *hosts)
{
	char host[HOST_MAX + 1];
	if (!header || !qg_admin_host_name(header, host)) {
		return false;
	}
	if (is_address(host) || strcasecmp(host, "localhost") == 0) {
		return true;
	}
	for (size_t i = 0; i < hosts->count; i++) {
		if (strcasecmp(host, hosts->items[i]) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_same_origin(const char *origin, const char *host)
{
	static const char *const schemes[] = {"http://", "https://"};
	for (size_t i = 0; i < 2; i++) {
		if (qg_str_starts_with(origin, schemes[i])) {
			return strcasecmp(origin + strlen(schemes[i]), host) == 0;
		}
	}
	return false; /* "null" and whatever else */
}

static bool is_writing(const struct qg_http_exchange *x)
{
	const char *method = qg_http_method(x);
	return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

bool qg_admin_may_enter(const struct qg_http_exchange *x, const struct qg_strings *hosts)
{
	const char *host = qg_http_header(x, "Host");
	const char *origin = qg_http_header(x, "Origin");
	if (!is_our_host(host, hosts)) {
		return false;
	}
	if (origin) {
		return is_same_origin(origin, host);
	}
	return !(is_writing(x) && qg_http_header(x, "Cookie"));
}

/* ---- the token ---- */

bool qg_admin_has_token(const struct qg_admin *admin, const struct qg_http_exchange *x)
{
	const char *given = qg_http_header(x, "Authorization");
	if (given && strncasecmp(given, "Bearer ", 7) == 0 &&
		qg_equal_constant_time(admin->token, given + 7)) {
		return true;
	}
	char *cookie = qg_http_cookie(x, COOKIE);
	bool equal = cookie && qg_equal_constant_time(admin->token, cookie);
	free(cookie);
	return equal;
}

/* The path again, as it may stand in a header. */
static char *encode_path(const char *path)
{
	struct qg_buf out;
	qg_buf_init(&out, 8192);
	for (const char *at = path; *at;) {
		size_t size = strcspn(at, "/");
		qg_url_encode(at, size, &out);
		at += size;
		if (*at == '/') {
			qg_buf_add_char(&out, *at++);
		}
	}
	char *text = qg_buf_steal(&out);
	qg_buf_finish(&out);
	return text;
}

static void set_cookie_and_redirect(const struct qg_admin *admin, struct qg_http_exchange *x)
{
	/* Behind a proxy that speaks TLS the cookie must never travel without. */
	bool secure = qg_str_equal(qg_http_header(x, "X-Forwarded-Proto"), "https");
	char *cookie =
		qg_str_printf(COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000%s",
			admin->token, secure ? "; Secure" : "");
	char *path = encode_path(qg_http_path(x));
	if (cookie && path) {
		qg_http_add_header(x, "Set-Cookie", cookie);
		qg_http_add_header(x, "Location", path);
		qg_http_add_header(x, "Referrer-Policy", "no-referrer");
		qg_http_answer(x, 303, NULL, NULL, 0);
	} else {
		qg_http_answer_error(x, 503, "out of memory");
	}
	free(cookie);
	free(path);
}

bool qg_admin_trade(const struct qg_admin *admin, struct qg_http_exchange *x)
{
	const char *query = qg_http_query(x);
	if (strcmp(qg_http_method(x), "GET") != 0 || !*query) {
		return false;
	}
	char *given = qg_query_get(query, strlen(query), "token");
	bool equal = given && qg_equal_constant_time(admin->token, given);
	free(given);
	if (equal) {
		set_cookie_and_redirect(admin, x);
	}
	return equal;
}
