/* text.h - how questions are read: folded, without what carries no meaning. */
#ifndef AGENTS_TEXT_H
#define AGENTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/str.h"

#define QG_TEXT_CODES 1024 /* code points of a question that are looked at */

/* Case, width and the usual traditional characters folded to one form. Any thread. */
uint32_t qg_text_fold(uint32_t code);
/* Folded code points of text, at most max; returns how many. */
size_t qg_text_codes(const char *text, uint32_t *out, size_t max);
/* The folded text. Yours to free; NULL for no memory. */
char *qg_text_folded(const char *text);
bool qg_text_is_cjk(uint32_t code);
/* A letter or digit of a word written with blanks between (Latin and the like). */
bool qg_text_is_letter(uint32_t code);
bool qg_text_is_digit(uint32_t code);
/* A CJK character that says nothing about the subject: 我 们 的 吗 怎 么 ... */
bool qg_text_is_light(uint32_t code);
/* Whether two characters are typed alike on a Chinese keyboard (敏 闵): the usual confusions only,
 * none that would turn a meaning (买 卖). */
bool qg_text_sound_alike(uint32_t a, uint32_t b);
/* The same for whole texts of one length, which may have several. */
bool qg_text_sounds_equal(const uint32_t *a, const uint32_t *b, size_t count);
/* Whether part occurs in text, case and width folded. Blank differences count. */
bool qg_text_has(const char *text, const char *part);
/* Removes fillers (请问 一下 吗 呢 啊 呀 吧 了 的 ...) and all that is neither letter, digit nor
 * CJK, in place. A blank between two Latin words stays. A-not-A questions become plain ones (有没有
 * -> 有). Returns the new count. */
size_t qg_text_strip(uint32_t *codes, size_t count);
/* Splits a message into its questions at ? ？ 。 ! ！ ; ； and line ends; parts keep their closing
 * mark. clauses: also at commas and blanks between CJK. */
QG_MUST_CHECK enum qg_status qg_text_split(
	const char *text, bool clauses, struct qg_strings *parts);
/* The questions of a message: each with the sentences around it that belong to it (in whole), and
 * the sentence that asks alone (in asking, same index). A message that asks nothing is one
 * question. */
QG_MUST_CHECK enum qg_status qg_text_questions(
	const char *text, struct qg_strings *whole, struct qg_strings *asking);
/* Does this part ask or want something? Exclamations and mere context do not. */
bool qg_text_asks(const char *text);

#endif
