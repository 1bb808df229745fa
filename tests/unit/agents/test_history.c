/* test_history.c - what is remembered stands in prompts with the same bytes, until a block of it is dropped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "qg/json.h"
#include "support/malloc.h"
#include "turn_parts.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A turn with one message and an answer (NULL: none), as far as a history looks at it. */
struct talk {
	struct qg_message message;
	struct qg_message *messages[1];
	struct qg_turn turn;
};

static void begin(struct talk *talk, const char *history, const char *said, const char *answer)
{
	*talk = (struct talk){
		.message = {.text = (char *)said, .sender = "u1", .sender_name = "bob"}};
	talk->messages[0] = &talk->message;
	talk->turn.request = (struct qg_turn_request){
		.messages = talk->messages, .count = 1, .history = history};
	talk->turn.now = 1760000000000;
	talk->turn.history = json_array();
	qg_buf_init(&talk->turn.answer, 1024 * 1024);
	if (answer != NULL) {
		qg_buf_add_str(&talk->turn.answer, answer);
	}
}

static void end(struct talk *talk)
{
	json_decref(talk->turn.history);
	qg_buf_finish(&talk->turn.answer);
}

/* Appends what a turn remembers to *history. */
static void remember(char **history, const char *said, const char *answer)
{
	struct talk talk;
	begin(&talk, *history, said, answer);
	ck_assert(qg_history_add(&talk.turn));
	struct qg_turn_result result = {.history = talk.turn.history};
	ck_assert(qg_turn_remember(history, &result));
	end(&talk);
}

/* Yours to free. */
static char *join(const char *history)
{
	struct qg_token_count tokens = {0};
	struct qg_buf out;
	qg_buf_init(&out, 1024 * 1024);
	qg_history_join(history, &out, &tokens);
	char *text = qg_buf_steal(&out);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_le(qg_tokens_total(&tokens, false), (int64_t)strlen(text));
	ck_assert(text[0] == '\0' || qg_tokens_total(&tokens, false) > QG_TOKENS_PER_MESSAGE);
	return text;
}

static void ck_join(const char *history, const char *expected)
{
	char *text = join(history);
	ck_assert_str_eq(text, expected);
	free(text);
}

static size_t count_lines(const char *text)
{
	size_t count = text[0] != '\0';
	for (; *text != '\0'; text++) {
		count += *text == '\n';
	}
	return count;
}

/* What the done script does: over 60 elements the oldest go, 40 stay. */
static bool cut_as_stored(char **history)
{
	size_t count = count_lines(*history);
	if (count <= 60) {
		return false;
	}
	const char *at = *history;
	for (; count > 40; count--) {
		at = strchr(at, '\n') + 1;
	}
	char *rest = strdup(at);
	free(*history);
	*history = rest;
	return true;
}

START_TEST(an_element_is_a_line_ready_for_a_prompt)
{
	char *history = NULL;
	remember(&history, "早\n\"好\"", "您好\t。");
	ck_assert_uint_eq(count_lines(history), 2);
	ck_assert_int_eq(strncmp(history, "u\tu1\t1760000000000\t0\t", 21), 0);
	ck_join(history, "{\"role\":\"user\",\"content\":\"「bob」说：\\n│ 早\\n│ \\\"好\\\"\\n\"},"
			 "{\"role\":\"assistant\",\"content\":\"您好\\t。\"},");
	remember(&history, "再来", NULL);
	ck_assert_uint_eq(count_lines(history), 3);
	free(history);
	ck_join(NULL, "");
	ck_join("", "");
}
END_TEST

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* A text of up to most bytes, now and then with something that is escaped. */
static const char *make_text(char *text, uint32_t most)
{
	static const char *const parts[] = {"好的", "abc ", "\n", "\"", "你", "12", "\\", "。"};
	size_t size = 0, limit = 1 + draw(most);
	while (size < limit) {
		const char *part = parts[draw(COUNT(parts))];
		memcpy(text + size, part, strlen(part) + 1);
		size += strlen(part);
	}
	return text;
}

/* Small texts, where the store drops; large ones, where the prompt does; both. */
static const struct {
	uint32_t most;
	bool stored;
	size_t breaks; /* prefixes that may be lost in 200 turns */
} kinds[] = {{60, true, 20}, {60, false, 8}, {600, true, 40}, {3000, true, 80}, {6000, false, 140}};

/* Something was dropped: what stays is the end of what was there, from some element on. */
static void ck_dropped(const char *before, const char *now, bool may_be_all)
{
	size_t kept = 0;
	for (const char *at = before; (at = strstr(at, "{\"role\"")) != NULL; at++) {
		size_t size = strlen(at);
		kept = kept == 0 && strncmp(now, at, size) == 0 ? size : kept;
	}
	ck_assert_uint_lt(kept, strlen(before));
	ck_assert(kept > 0 || may_be_all);
}

START_TEST(a_prompt_begins_as_the_one_before)
{
	char *history = strdup(""), *before = strdup(""), said[8192], answer[8192];
	size_t breaks = 0, largest = 0;
	seed = 7 + (uint32_t)_i;
	for (int turn = 0; turn < 200; turn++) {
		remember(&history, make_text(said, kinds[_i].most),
			make_text(answer, kinds[_i].most));
		bool cut = kinds[_i].stored && cut_as_stored(&history);
		char *now = join(history);
		bool begins = strncmp(now, before, strlen(before)) == 0;
		if (!begins) {
			ck_dropped(before, now, kinds[_i].most > 3000);
		}
		breaks += !begins;
		ck_assert(begins || cut || strlen(now) > 4 * 1024);
		largest = strlen(now) > largest ? strlen(now) : largest;
		free(before);
		before = now;
	}
	ck_assert_uint_le(breaks, kinds[_i].breaks);
	ck_assert_uint_ge(breaks, 1);
	ck_assert_uint_le(largest, 28 * 1024);
	free(before);
	free(history);
}
END_TEST

START_TEST(what_the_store_drops_moves_no_mark)
{
	char *history = NULL, said[8192];
	seed = 3;
	for (int turn = 0; turn < 40; turn++) {
		remember(&history, make_text(said, 1500), make_text(said + 4096, 1500));
	}
	char *all = join(history);
	ck_assert_uint_gt(strlen(all), 12 * 1024);
	ck_assert(cut_as_stored(&history));
	ck_join(history, all);
	free(all);
	free(history);
}
END_TEST

static const char *const broken[] = {
	"",
	"{\"who\":\"user\",\"name\":\"al\",\"text\":\"早\",\"at\":1}", /* an older form */
	"u",
	"u\t",
	"x\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\"}",
	"u\tu1\t1\t0\t1\t{\"role\":\"user\",\"content\":\"a\"}",
	"u\tu1\t-1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\"}",
	"u\tu1\t1\t0\t1\t1\t",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\"",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\"},{}",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\",\"x\":\"b\"}",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\",\"content\":\"b\"}",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\",\"role\":\"system\"}",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"system\",\"content\":\"a\"}",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":[\"a\"]}",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\\\"}",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"\xff\"}",
	"u\tu1\t1\t0\t1\t1\t{\"role\":\"user\",\"content\":\"a\tb\"}",
	"u\tu1\t1\t0\t999999999\t1\t{\"role\":\"user\",\"content\":\"a\"}",
	"u\tu1\t1\t0\t1\t99999999999\t{\"role\":\"user\",\"content\":\"a\"}",
	"u\tu1\t1\t0\t99999999999999999999\t1\t{\"role\":\"user\",\"content\":\"a\"}",
};

START_TEST(a_broken_line_is_left_out)
{
	char *history = NULL;
	remember(&history, "一", NULL);
	char *with = qg_str_printf("%s\n%s", history, broken[_i]);
	static const char one[] = "{\"role\":\"user\",\"content\":\"「bob」说：\\n│ 一\\n\"},";
	ck_join(broken[_i], "");
	ck_join(with, one);
	free(history);
	history = with;
	remember(&history, "二", NULL);
	char *both =
		qg_str_printf("%s{\"role\":\"user\",\"content\":\"「bob」说：\\n│ 二\\n\"},", one);
	ck_join(history, both);
	free(both);
	free(history);
}
END_TEST

START_TEST(texts_are_bounded_and_clean)
{
	char big[20000];
	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	char *history = NULL;
	remember(&history, big, big);
	char *text = join(history);
	ck_assert_uint_le(strlen(text), 36000); /* 4000 marks, and 4000 escapes */
	free(text);
	free(history);
	history = NULL;
	remember(&history,
		"a\xff"
		"b",
		"c\xe4"
		"d\x01");
	ck_join(history, "{\"role\":\"user\",\"content\":\"「bob」说：\\n│ a\xef\xbf\xbd"
			 "b\\n\"},"
			 "{\"role\":\"assistant\",\"content\":\"c\xef\xbf\xbd"
			 "d\"},");
	free(history);
}
END_TEST

START_TEST(an_id_cannot_end_its_field)
{
	struct talk talk;
	begin(&talk, NULL, "早", NULL);
	talk.message.sender = "a\tb\nc\x01";
	ck_assert(qg_history_add(&talk.turn));
	const char *line = json_string_value(json_array_get(talk.turn.history, 0));
	ck_assert_int_eq(strncmp(line, "u\ta b c \t", 9), 0);
	end(&talk);
}
END_TEST

START_TEST(a_terminal_keeps_lines)
{
	char *text = NULL;
	json_auto_t *first = json_pack("[s,s]", "a", "b"), *second = json_pack("[s]", "c");
	struct qg_turn_result result = {.history = first};
	ck_assert(qg_turn_remember(&text, &result));
	result.history = second;
	ck_assert(qg_turn_remember(&text, &result));
	ck_assert_str_eq(text, "a\nb\nc");
	result.forget_history = true;
	ck_assert(qg_turn_remember(&text, &result));
	ck_assert_str_eq(text, "c");
	free(text);
}
END_TEST

static bool remember_once(void *arg)
{
	struct talk talk;
	begin(&talk, arg, "早上好", "您好");
	bool worked = talk.turn.history != NULL && talk.turn.answer.failed == QG_OK &&
		      talk.turn.answer.data != NULL && qg_history_add(&talk.turn);
	char *kept = NULL;
	struct qg_turn_result result = {.history = talk.turn.history};
	worked = worked && qg_turn_remember(&kept, &result);
	struct qg_buf out;
	qg_buf_init(&out, 1024 * 1024);
	struct qg_token_count tokens = {0};
	if (worked) {
		qg_history_join(kept, &out, &tokens);
		worked = out.failed == QG_OK && strstr(out.data, "您好") != NULL;
	}
	qg_buf_finish(&out);
	free(kept);
	end(&talk);
	return worked;
}

START_TEST(no_memory_is_survived)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(remember_once, NULL), 8);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("history");
	TCase *all = tcase_create("all");
	tcase_add_test(all, an_element_is_a_line_ready_for_a_prompt);
	tcase_add_loop_test(all, a_prompt_begins_as_the_one_before, 0, COUNT(kinds));
	tcase_add_test(all, what_the_store_drops_moves_no_mark);
	tcase_add_loop_test(all, a_broken_line_is_left_out, 0, COUNT(broken));
	tcase_add_test(all, texts_are_bounded_and_clean);
	tcase_add_test(all, an_id_cannot_end_its_field);
	tcase_add_test(all, a_terminal_keeps_lines);
	tcase_add_test(all, no_memory_is_survived);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
