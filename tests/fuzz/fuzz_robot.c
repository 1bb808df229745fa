/* fuzz_robot.c - what group robots are given and told: an address of a config file, what a platform answers, and what a
 * download says that its file is called.
 *
 * The first byte chooses which of these, the second the platform. Whatever comes, the key goes to the platform's own host
 * alone, a wait is bounded, and a name is one line that leads nowhere. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dingtalk-hook/hook.h"
#include "disposition.h"
#include "feishu-hook/hook.h"
#include "wecom-hook/hook.h"

#include "qg/scan.h"
#include "qg/str.h"

enum mode { ADDRESS, ANSWER, NAME, MODES };

#define WAIT_MOST_MS 86400000
#define NAME_MOST 255
#define NOW INT64_C(1763777777000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static bool is_host_of(const struct qg_robot_kind *kind, const char *base)
{
	for (const char *const *host = kind->hosts; *host; host++) {
		if (strcmp(*host, base) == 0) {
			return true;
		}
	}
	return qg_str_starts_with(base, "http://127.0.0.1") ||
	       qg_str_starts_with(base, "http://localhost") ||
	       qg_str_starts_with(base, "http://[::1]");
}

static void read_address(const struct qg_robot_kind *kind, const char *text)
{
	char *base = NULL, *key = NULL;
	if (!qg_robot_address(kind, text, &base, &key)) {
		expect(!base && !key, "parts of no address");
		return;
	}
	expect(is_host_of(kind, base), "another host gets the key");
	expect(!strpbrk(base + strlen("https://"), "/?#@"), "a base with more than a host");
	char *url = qg_robot_url(kind, base, kind->path, key, "secret", NOW);
	expect(url && qg_str_starts_with(url, base), "an address elsewhere");
	expect(!strpbrk(url, " \r\n\t#"), "an address of odd letters");
	free(url);
	free(base);
	free(key);
}

static void read_answer(const struct qg_robot_kind *kind, const char *body, size_t size)
{
	static const int statuses[] = {200, 204, 302, 400, 429, 500};
	const char *const paths[] = {kind->code, kind->message};
	struct qg_piece found[2] = {{0}};
	if (qg_scan(body, size, paths, 2, found) != QG_OK) {
		memset(found, 0, sizeof(found));
	}
	char *message = qg_piece_copy(&found[1]);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		const struct qg_fetch_end end = {
			.status = statuses[i], .body = body, .size = size, .sent = true};
		bool has_code = found[0].kind == QG_PIECE_NUMBER;
		struct qg_robot_outcome outcome = qg_robot_judge(kind, &end, has_code,
			qg_piece_int(&found[0], -1), message ? message : "", i % 2 == 0);
		expect(outcome.words != NULL, "an outcome without words");
		expect(outcome.retry_ms <= WAIT_MOST_MS, "a wait without an end");
		expect(outcome.status != QG_OK || statuses[i] < 400, "a success that HTTP denies");
	}
	free(message);
}

static void read_name(const char *header)
{
	char *name = qg_disposition_name(header);
	if (name) {
		expect(name[0] && strlen(name) <= NAME_MOST, "a name of no size");
		expect(qg_utf8_is_valid(name, strlen(name)), "a name that is no UTF-8");
		expect(!strpbrk(name, "/\\\r\n\t\x1b"), "a name that leads somewhere");
	}
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qg_robot_kind *const kinds[] = {
		&wecom_hook_kind, &dingtalk_hook_kind, &feishu_hook_kind};
	if (size < 2) {
		return 0;
	}
	const struct qg_robot_kind *kind = kinds[data[1] % 3];
	char *text = qg_str_copy_n((const char *)data + 2, size - 2);
	switch ((enum mode)(data[0] % MODES)) {
	case ADDRESS:
		read_address(kind, text);
		break;
	case ANSWER:
		read_answer(kind, text, size - 2);
		break;
	default:
		read_name(text);
	}
	free(text);
	return 0;
}
