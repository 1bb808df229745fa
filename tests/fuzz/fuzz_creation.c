/* fuzz_creation.c - what platforms answer while an account is made by scanning a code: whatever comes, what is printed to
 * the owner's terminal is harmless there, and nobody is sent anywhere but to the platform's own pages.
 *
 * The first byte chooses the platform; answers follow, each behind two bytes that say how long it is, until one ends it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "creation.h"

#include "qg/str.h"

#define ANSWERS_MOST 16
#define HOST "https://platform.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* A host of the platforms, with nothing before it and nothing of an address but a path behind it. */
static bool leads_home(const char *url)
{
	static const char *const homes[] = {
		"work.weixin.qq.com", ".dingtalk.com", ".feishu.cn", ".larksuite.com"};
	const char *host = url + strlen("https://");
	size_t size = strcspn(host, "/?");
	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		size_t home = strlen(homes[i]);
		if (size >= home && memcmp(host + size - home, homes[i], home) == 0) {
			return memchr(host, '@', size) == NULL;
		}
	}
	return false;
}

static void check_question(const struct qg_creation_way *way, const struct qg_creation *creation)
{
	struct qg_creation_question question = {0};
	expect(way->ask(creation, &question), "a question that cannot be asked");
	expect(qg_creation_is_plain(question.url, 8192), "an address of odd letters");
	expect(qg_str_starts_with(question.url, HOST "/"), "another host is asked");
	expect(!question.body || !strpbrk(question.body, "\r\n"), "a body of two lines");
	free(question.url);
	free(question.body);
}

/* false: it is over. */
static bool check_turn(const struct qg_creation *creation, enum qg_creation_turn turn)
{
	expect(!creation->url || (qg_str_starts_with(creation->url, "https://") &&
					 leads_home(creation->url) &&
					 qg_creation_is_plain(creation->url, QG_CREATION_URL_MOST)),
		"a link that leads elsewhere");
	if (turn == QG_CREATION_MADE) {
		expect(qg_creation_is_plain(creation->id, QG_CREATION_ID_MOST), "an odd id");
		expect(qg_creation_is_plain(creation->secret, QG_CREATION_ID_MOST),
			"an odd secret");
	}
	if (turn == QG_CREATION_OVER) {
		expect(creation->words[0] != '\0', "an end without a word");
		expect(qg_utf8_is_valid(creation->words, strlen(creation->words)), "no UTF-8");
		expect(!strpbrk(creation->words, "\r\n\t\x1b\x7f"), "words that do something");
	}
	if (turn == QG_CREATION_OFFERED || turn == QG_CREATION_WAITS) {
		expect(creation->interval_ms >= 1000 && creation->interval_ms <= 60000, "a haste");
		expect(creation->patience_ms <= 60 * 60 * 1000, "a patience without an end");
	}
	return turn != QG_CREATION_MADE && turn != QG_CREATION_OVER;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qg_creation_way *const ways[] = {
		&qg_creation_wecom, &qg_creation_dingtalk, &qg_creation_feishu};
	if (size < 1) {
		return 0;
	}
	const struct qg_creation_way *way = ways[data[0] % 3];
	struct qg_creation creation = {.host = HOST};
	const uint8_t *at = data + 1, *end = data + size;
	for (unsigned i = 0; i < ANSWERS_MOST && end - at >= 2; i++) {
		size_t length = (size_t)at[0] << 8 | at[1], left = (size_t)(end - at) - 2;
		length = length < left ? length : left;
		check_question(way, &creation);
		char *answer = qg_str_copy_n((const char *)at + 2, length);
		enum qg_creation_turn turn = way->read(&creation, answer, length);
		free(answer);
		if (!check_turn(&creation, turn)) {
			break;
		}
		at += 2 + length;
	}
	qg_creation_finish(&creation);
	return 0;
}
