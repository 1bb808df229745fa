/* robot_wire.c - which addresses a group's robot posts to, and what its platform's answers mean.
 *
 * An address comes from a config file and holds the key; a slip in it must not carry the key to a stranger, so only the
 * platform's own host is taken, or this machine, where stand-ins play it. */
#include "robot.h"

#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/str.h"

#define RATE_MS 60000 /* platforms count by the minute */
#define SPREAD_MOST 20000

/* ---- the address ---- */

static bool is_this_machine(const char *url, size_t size)
{
	static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t host = strlen(hosts[i]);
		if (size < host || memcmp(url, hosts[i], host) != 0) {
			continue;
		}
		const char *port = url + host;
		size_t digits = size - host;
		return digits == 0 || (*port == ':' && digits > 1 && digits <= 6 &&
					      strspn(port + 1, "0123456789") == digits - 1);
	}
	return false;
}

static bool leads_there(const struct qg_robot_kind *kind, const char *url, size_t size)
{
	for (const char *const *host = kind->hosts; *host; host++) {
		if (size == strlen(*host) && memcmp(url, *host, size) == 0) {
			return true;
		}
	}
	return is_this_machine(url, size);
}

static bool is_key(const char *key, size_t most)
{
	static const char allowed[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	size_t size = strlen(key);
	return size > 0 && size <= most && strspn(key, allowed) == size;
}

/* rest: what stands behind the path. */
static char *read_key(const struct qg_robot_kind *kind, const char *rest)
{
	if (!kind->parameter) {
		return qg_str_copy(rest);
	}
	return *rest == '?' ? qg_query_get(rest + 1, strlen(rest + 1), kind->parameter) : NULL;
}

bool qg_robot_address(
	const struct qg_robot_kind *kind, const char *url, char **base_out, char **key_out)
{
	*base_out = *key_out = NULL;
	const char *path = url ? strstr(url, kind->path) : NULL;
	size_t size = path ? (size_t)(path - url) : 0;
	if (!path || !leads_there(kind, url, size)) {
		return false;
	}
	char *key = read_key(kind, path + strlen(kind->path));
	char *base = key && is_key(key, kind->key_most) ? qg_str_copy_n(url, size) : NULL;
	if (!base) {
		free(key);
		return false;
	}
	*base_out = base;
	*key_out = key;
	return true;
}

char *qg_robot_url(const struct qg_robot_kind *kind, const char *base, const char *path,
	const char *key, const char *secret, int64_t now)
{
	QG_AUTO(qg_buf_finish) struct qg_buf url;
	qg_buf_init(&url, 2048);
	qg_buf_printf(&url, "%s%s", base, path);
	if (kind->parameter) {
		qg_buf_printf(&url, "%c%s=", strchr(path, '?') ? '&' : '?', kind->parameter);
	}
	qg_buf_add_str(&url, key);
	if (secret && kind->sign && kind->sign(secret, now, &url) != QG_OK) {
		return NULL;
	}
	return qg_buf_steal(&url);
}

/* ---- answers ---- */

static struct qg_robot_outcome outcome(const struct qg_robot_row *row)
{
	unsigned third = row->retry_ms / 3;
	unsigned most = third < SPREAD_MOST ? third : SPREAD_MOST;
	return (struct qg_robot_outcome){.status = row->status,
		.retry_ms = row->retry_ms + (most > 0 ? (unsigned)qg_random_below(most) : 0),
		.is_there = row->is_there,
		.mutes = row->mutes,
		.words = row->words};
}

static struct qg_robot_outcome plainly(enum qg_status status, unsigned retry_ms, const char *words)
{
	return outcome(
		&(struct qg_robot_row){.status = status, .retry_ms = retry_ms, .words = words});
}

/* What surely did not reach the platform is no call of unknown outcome. */
static struct qg_robot_outcome by_error(const struct qg_fetch_end *end)
{
	switch (end->error) {
	case QG_FETCH_NO_MEMORY:
		return plainly(QG_NO_MEMORY, 0, "");
	case QG_FETCH_FIRST_BYTE_TIMEOUT:
	case QG_FETCH_IDLE_TIMEOUT:
	case QG_FETCH_TOTAL_TIMEOUT:
		return plainly(end->sent ? QG_TIMEOUT : QG_FAILED, 0, "");
	default:
		return plainly(end->sent ? QG_IO : QG_FAILED, 0, "");
	}
}

static const struct qg_robot_row *find_row(
	const struct qg_robot_kind *kind, int64_t code, const char *message)
{
	for (const struct qg_robot_row *row = kind->rows; row->words; row++) {
		if (row->code == code && (!row->part || strstr(message, row->part))) {
			return row;
		}
	}
	return NULL;
}

static struct qg_robot_outcome by_answer(const struct qg_robot_kind *kind,
	const struct qg_fetch_end *end, bool has_code, int64_t code, const char *message)
{
	/* a success that HTTP contradicts is none */
	bool believed = has_code && (code != 0 || end->status < 400);
	const struct qg_robot_row *row = believed ? find_row(kind, code, message) : NULL;
	if (row) {
		return outcome(row);
	}
	if (end->status == 429) {
		return plainly(QG_BUSY, RATE_MS, "");
	}
	if (end->status >= 500) {
		return plainly(QG_IO, 0, "");
	}
	if (has_code) {
		return plainly(
			QG_UNSUPPORTED, 0, "没见过的错误码 · a code this build does not know");
	}
	return end->status < 300
		       ? outcome(&kind->stranger)
		       : plainly(QG_FAILED, 0,
				 "应答不是平台发出的，中间有代理吗 · the answer is not the "
				 "platform's: is there a proxy in between?");
}

struct qg_robot_outcome qg_robot_judge(const struct qg_robot_kind *kind,
	const struct qg_fetch_end *end, bool has_code, int64_t code, const char *message,
	bool is_file)
{
	if (end->error != QG_FETCH_NONE) {
		return by_error(end);
	}
	struct qg_robot_outcome found = by_answer(kind, end, has_code, code, message);
	if (is_file && (found.status == QG_UNSUPPORTED || found.status == QG_TOO_LARGE)) {
		found.status = QG_DENIED;
	}
	return found;
}
