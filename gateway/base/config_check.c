/* config_check.c - values of the config whose form a table cannot tell: addresses, zones, hours,
 * names. */
#include "config_private.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HOST 255
#define MAX_ZONE 64
#define ID_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define HOST_CHARACTERS ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ._"
#define ID_MAX 40

static bool has_text(const struct qg_tree *value)
{
	return value != NULL && value->kind == QG_TREE_SCALAR && value->text[0] != '\0';
}

bool qg_config_is_listed(const char *list, const char *name)
{
	size_t size = strlen(name);
	while (list != NULL && *list != '\0') {
		list += strspn(list, ", ");
		size_t length = strcspn(list, ", ");
		if (length == size && length > 0 && strncmp(list, name, size) == 0) {
			return true;
		}
		list += length;
	}
	return false;
}

static bool is_ip(int family, const char *text, size_t size)
{
	char copy[INET6_ADDRSTRLEN + 1];
	uint8_t parsed[sizeof(struct in6_addr)];
	if (size >= sizeof(copy)) {
		return false;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';
	return inet_pton(family, copy, parsed) == 1;
}

static bool is_port(const char *text)
{
	int64_t port;
	return isdigit((unsigned char)text[0]) && qg_str_to_int64(text, 0, 65535, &port);
}

static bool is_listen_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	if (colon == NULL || !is_port(colon + 1)) {
		return false;
	}
	size_t size = (size_t)(colon - text);
	if (text[0] == '[') {
		return size > 2 && text[size - 1] == ']' && is_ip(AF_INET6, text + 1, size - 2);
	}
	return is_ip(AF_INET, text, size) ||
	       (size == strlen("localhost") && strncmp(text, "localhost", size) == 0);
}

void qg_config_check_address(const struct qg_tree *value, struct qg_problems *problems)
{
	char text[QG_OPTION_SHOWN];
	if (has_text(value) && !is_listen_address(value->text)) {
		qg_problem_error(problems, value,
			"'%s' is no address to listen on; write 127.0.0.1:8080, 0.0.0.0:8080 or "
			"[::1]:8080",
			qg_option_shown(value, false, text));
	}
}

static bool is_network(const char *text)
{
	const char *slash = strchr(text, '/');
	size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
	int64_t bits = 0;
	bool v4 = is_ip(AF_INET, text, size);
	if (!v4 && !is_ip(AF_INET6, text, size)) {
		return false;
	}
	return slash == NULL || (isdigit((unsigned char)slash[1]) &&
					qg_str_to_int64(slash + 1, 0, v4 ? 32 : 128, &bits));
}

static bool is_host(const char *text)
{
	size_t size = strlen(text);
	return size <= MAX_HOST && size > 0 && strspn(text, HOST_CHARACTERS) == size &&
	       text[0] != '.' && text[0] != '-';
}

/* Runs over a list, or one value in its place. */
static void check_each(const struct qg_tree *value, bool (*is_good)(const char *),
	const char *words, struct qg_problems *problems)
{
	bool list = value != NULL && value->kind == QG_TREE_LIST;
	size_t count = list ? value->count : 1;
	for (size_t i = 0; i < count; i++) {
		const struct qg_tree *item = list ? value->items[i] : value;
		char text[QG_OPTION_SHOWN];
		if (has_text(item) && !is_good(item->text)) {
			qg_problem_error(problems, item, "'%s' %s",
				qg_option_shown(item, false, text), words);
		}
	}
}

void qg_config_check_networks(const struct qg_tree *value, struct qg_problems *problems)
{
	check_each(value, is_network, "is no address or network; write 10.0.0.5 or 10.0.0.0/8",
		problems);
}

void qg_config_check_hosts(const struct qg_tree *value, struct qg_problems *problems)
{
	check_each(
		value, is_host, "is no host name; write it without scheme, port or path", problems);
}

static bool is_redis_url(const char *url)
{
	static const char scheme[] = "redis://";
	if (!qg_str_starts_with(url, scheme)) {
		return false;
	}
	const char *host = url + strlen(scheme);
	const char *at = strrchr(host, '@');
	host = at != NULL ? at + 1 : host;
	const char *slash = strchr(host, '/');
	size_t size = slash != NULL ? (size_t)(slash - host) : strlen(host);
	int64_t database;
	if (slash != NULL && slash[1] != '\0' &&
		(!isdigit((unsigned char)slash[1]) ||
			!qg_str_to_int64(slash + 1, 0, 1000000, &database))) {
		return false;
	}
	char place[MAX_HOST + 16];
	if (size == 0 || size >= sizeof(place)) {
		return false;
	}
	memcpy(place, host, size);
	place[size] = '\0';
	char *colon = strrchr(place, ':');
	if (place[0] == '[') {
		char *end = strchr(place, ']');
		return end != NULL && is_ip(AF_INET6, place + 1, (size_t)(end - place) - 1) &&
		       (end[1] == '\0' || (end[1] == ':' && is_port(end + 2)));
	}
	if (colon != NULL) {
		*colon = '\0';
	}
	return is_host(place) && (colon == NULL || is_port(colon + 1));
}

void qg_config_check_redis(
	const struct qg_tree *value, const char *redis, struct qg_problems *problems)
{
	if (redis == NULL || strcmp(redis, "embedded") == 0 || is_redis_url(redis)) {
		return;
	}
	if (qg_str_starts_with(redis, "unix:/") && redis[strlen("unix:/")] != '\0') {
		return;
	}
	/* Not shown: it may hold a password. */
	qg_problem_error(problems, value, "%s",
		qg_str_starts_with(redis, "rediss:")
			? "Redis over TLS is not built into this version"
			: "write embedded, redis://[user:password@]host:port/db or unix:/path");
}

void qg_config_check_zone(const struct qg_tree *value, struct qg_problems *problems)
{
	if (!has_text(value) || strcmp(value->text, "UTC") == 0) {
		return;
	}
	const char *name = value->text;
	const char *base = getenv("TZDIR");
	base = base != NULL && base[0] == '/' ? base : "/usr/share/zoneinfo";
	struct stat info;
	if (access(base, R_OK) != 0) {
		qg_problem_warn(problems, value,
			"cannot be checked: this machine has no time zones; install tzdata");
		return;
	}
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/%s", base, name);
	bool plain = strlen(name) <= MAX_ZONE && isalpha((unsigned char)name[0]) &&
		     strstr(name, "..") == NULL;
	if (!plain || path == NULL || stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
		char text[QG_OPTION_SHOWN];
		qg_problem_error(problems, value,
			"'%s' is no time zone; write one as Asia/Shanghai or UTC",
			qg_option_shown(value, false, text));
	}
}

void qg_config_check_id(const struct qg_tree *value, struct qg_problems *problems)
{
	if (!has_text(value)) {
		return;
	}
	size_t size = strlen(value->text);
	if (size > ID_MAX || strspn(value->text, ID_CHARACTERS) != size) {
		char text[QG_OPTION_SHOWN];
		qg_problem_error(problems, value,
			"'%s' may hold only a-z, 0-9 and -, at most %d of them",
			qg_option_shown(value, false, text), ID_MAX);
	}
}

/* "09:00"; 24:00 is an end. */
static bool is_time(const char *text)
{
	for (size_t i = 0; i < 5; i++) {
		if (i == 2 ? text[i] != ':' : !isdigit((unsigned char)text[i])) {
			return false;
		}
	}
	int hour = (text[0] - '0') * 10 + text[1] - '0';
	int minute = (text[3] - '0') * 10 + text[4] - '0';
	return minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
}

void qg_config_check_hours(const struct qg_tree *value, struct qg_problems *problems)
{
	if (has_text(value) &&
		!(strlen(value->text) == strlen("09:00-18:00") && is_time(value->text) &&
			value->text[5] == '-' && is_time(value->text + 6))) {
		char text[QG_OPTION_SHOWN];
		qg_problem_error(problems, value,
			"'%s' are no hours; write them as \"09:00-18:00\"",
			qg_option_shown(value, false, text));
	}
}

static bool is_day(const char *text)
{
	static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		if (strncasecmp(text, days[i], 3) == 0) {
			return true;
		}
	}
	return false;
}

/* "mon-fri", "mon,wed,sat-sun". */
static bool are_days(const char *text)
{
	for (;;) {
		if (!is_day(text)) {
			return false;
		}
		text += 3;
		if (*text == '-') {
			if (!is_day(text + 1)) {
				return false;
			}
			text += 4;
		}
		if (*text == '\0') {
			return true;
		}
		if (*text++ != ',') {
			return false;
		}
		text += strspn(text, " ");
	}
}

void qg_config_check_days(const struct qg_tree *value, struct qg_problems *problems)
{
	if (has_text(value) && !are_days(value->text)) {
		char text[QG_OPTION_SHOWN];
		qg_problem_error(problems, value, "'%s' are no days; write mon-fri or mon,wed,sat",
			qg_option_shown(value, false, text));
	}
}
