/* feishutext.c - text of models, tools and people, so that it mentions nobody on Feishu.
 *
 * Three spellings of a mention exist (texts and rich texts: <at user_id="...">, cards: <at id=...>, placeholders:
 * @_user_1, @_all), and no documented way to quote them. So the one character that begins such a tag is written in
 * its full width: people read the same, the platform reads no tag. Whether the platform looks for tags before or after it
 * reads &lt; as a character is not documented, so that counts as one. */
#include "feishutext.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What else could follow a name, a blank of any script, ends it. */
static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* What may stand before a tag's name, and what nobody sees there. */
static bool is_blank(char c)
{
	return (c > '\0' && c <= ' ') || c == '\x7f' || c == '/';
}

/* Bytes of what stands for '<' at text, 0 for none: itself, "&lt;", "&#60;", "&#x3c;", also without the semicolon. */
static size_t opening_size(const char *text)
{
	if (*text == '<') {
		return 1;
	}
	if (strncasecmp(text, "&lt", 3) == 0) {
		return text[3] == ';' ? 4 : 3;
	}
	if (text[0] != '&' || text[1] != '#') {
		return 0;
	}
	bool is_hex = text[2] == 'x' || text[2] == 'X';
	const char *digits = text + (is_hex ? 3 : 2);
	char *end = NULL;
	if (!isxdigit((unsigned char)*digits) || strtoul(digits, &end, is_hex ? 16 : 10) != '<') {
		return 0;
	}
	return (size_t)(end - text) + (*end == ';' ? 1 : 0);
}

/* "<at", "< AT", "</at", and "<person", which shows somebody and gets a card refused where the id is none. */
static bool is_tag(const char *text)
{
	static const char *const names[] = {"at", "person"};
	size_t opening = opening_size(text);
	const char *at = text + opening;
	while (is_blank(*at)) {
		at++;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t size = strlen(names[i]);
		if (opening > 0 && strncasecmp(at, names[i], size) == 0 && !is_word(at[size])) {
			return true;
		}
	}
	return false;
}

/* The words "@all" and "@everyone", and whatever begins with "@_all", "@_user_" or "@所有人": text stands at '@'. */
static bool is_call(const char *text)
{
	static const char *const words[] = {"all", "everyone"};
	static const char *const heads[] = {"_all", "_user_", "所有人", "全体成员"};
	const char *name = text + 1;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t size = strlen(words[i]);
		if (strncasecmp(name, words[i], size) == 0 && !is_word(name[size])) {
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (strncasecmp(name, heads[i], strlen(heads[i])) == 0) {
			return true;
		}
	}
	return false;
}

void feishu_escape(const char *text, struct qg_buf *out)
{
	const char *from = text;
	for (const char *at = text; *at; at++) {
		const char *instead = NULL;
		if ((*at == '<' || *at == '&') && is_tag(at)) {
			instead = *at == '<' ? "＜" : "＆";
		} else if (*at == '@' && is_call(at)) {
			instead = "＠";
		}
		if (instead) {
			qg_buf_add(out, from, (size_t)(at - from));
			qg_buf_add_str(out, instead);
			from = at + 1;
		}
	}
	qg_buf_add_str(out, from);
}
