/* terms.c - what a text is indexed under, and what a question is searched by.
 *
 * Chinese is cut into overlapping pairs, so that no dictionary is needed; single characters are
 * indexed too, for words of one character (鱼, 酒) and for questions with a typing error in every
 * pair. Function words of a question are marked, not removed: 到 is nothing in "到几点" and half of
 * the subject in "迟到". */
#include "terms.h"

#include <string.h>
#include <uchar.h>

#include "text.h"

/* They ask, point or are polite. Longer ones first where one begins another. */
static const char32_t *const function_words[] = {U"什么时候", U"多长时间", U"多久", U"多长",
	U"为什么", U"有没有", U"能不能", U"可不可以", U"是不是", U"要不要", U"行不行", U"怎么办",
	U"怎么样", U"怎么", U"什么", U"多少", U"哪些", U"哪个", U"哪里", U"哪儿", U"可以", U"请问",
	U"一下", U"告诉", U"知道", U"如何", U"怎样", U"麻烦", U"帮我", U"帮忙", U"我想", U"想问",
	U"我们", U"你们", U"他们", U"咱们", U"这个", U"那个", U"这里", U"那里", U"这些", U"那些",
	U"现在", U"如果", U"还是", U"或者", U"以及", U"关于", U"应该", U"需要", U"谢谢", U"您好",
	U"你好", U"时候"};
static const char32_t function_characters[] =
	U"的了吗呢啊呀吧嘛哦嗯哈我你您他她它们这那是在有到和跟与或就都也还又很能会要想"
	U"给把被谁哪几么个些让请问说";

/* ---- indexing ---- */

static enum qg_status add_code(struct qg_buf *out, uint32_t code)
{
	char bytes[4];
	return qg_buf_add(out, bytes, qg_utf8_put(code, bytes));
}

enum qg_status qg_terms_index(const char *text, struct qg_buf *out)
{
	size_t size = strlen(text), at = 0, word = 0;
	uint32_t before = 0; /* the CJK character right before, 0 without */
	while (at < size) {
		size_t used;
		uint32_t code = qg_text_fold(qg_utf8_next(text + at, size - at, &used));
		at += used;
		bool cjk = qg_text_is_cjk(code), letter = !cjk && qg_text_is_letter(code);
		if (letter && word < QG_TERM_BYTES / 4) {
			add_code(out, code);
			word++;
			before = 0;
			continue;
		}
		if (word > 0) {
			qg_buf_add_char(out, ' ');
		}
		word = 0;
		if (cjk && before != 0) {
			add_code(out, before);
			add_code(out, code);
			qg_buf_add_char(out, ' ');
		}
		if (cjk) {
			add_code(out, code);
			qg_buf_add_char(out, ' ');
		} else if (letter) { /* a word longer than a term goes on as another */
			add_code(out, code);
			word = 1;
		}
		before = cjk ? code : 0;
	}
	return out->failed;
}

/* ---- questions ---- */

static size_t function_word_at(const struct qg_question *question, size_t at)
{
	for (size_t i = 0; i < sizeof(function_words) / sizeof(function_words[0]); i++) {
		const char32_t *word = function_words[i];
		size_t size = 0;
		while (word[size] != 0 && at + size < question->count &&
			word[size] == question->codes[at + size]) {
			size++;
		}
		if (word[size] == 0) {
			return size;
		}
	}
	return 0;
}

static bool is_function_character(uint32_t code)
{
	for (size_t i = 0; function_characters[i] != 0; i++) {
		if (function_characters[i] == code) {
			return true;
		}
	}
	return false;
}

void qg_question_mark(struct qg_question *question)
{
	for (size_t i = 0; i < question->count;) {
		size_t size = function_word_at(question, i);
		if (size == 0) {
			uint32_t code = question->codes[i];
			question->light[i++] = is_function_character(code) ||
					       !(qg_text_is_cjk(code) || qg_text_is_letter(code));
		}
		for (; size > 0; size--) {
			question->light[i++] = true;
		}
	}
}

void qg_question_read(struct qg_question *question, const char *text)
{
	question->count = qg_text_codes(text, question->codes, QG_QUESTION_CODES);
	qg_question_mark(question);
}

void qg_term_text(
	const struct qg_question *question, size_t at, size_t size, char out[QG_TERM_BYTES])
{
	size_t used = 0;
	for (size_t i = 0; i < size && used + 4 < QG_TERM_BYTES; i++) {
		used += qg_utf8_put(question->codes[at + i], out + used);
	}
	out[used] = '\0';
}
