/* mention.c - the mention of the bot cut out of a group's text.
 *
 * A mention is plain text: @, the name that the client shows, then a blank (often U+2005) or the end. Nothing tells where
 * it stands, and the name may hold blanks of any kind, so the configured name is looked for everywhere; others' mentions
 * stay, also those whose name only begins like ours. */
#include "wecom.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

/* What stands at text, which is not at its end. A long text is walked many times: its rest is not measured each time. */
static uint32_t next(const char *text, size_t *used_out)
{
	return qg_utf8_next(text, strnlen(text, 4), used_out);
}

/* Blanks that do not end a line. */
static bool is_blank(uint32_t code)
{
	return code == ' ' || code == '\t' || code == 0xa0 || (code >= 0x2000 && code <= 0x200b) ||
	       code == 0x202f || code == 0x205f || code == 0x3000;
}

static bool ends_word(uint32_t code)
{
	return is_blank(code) || code == '\n' || code == '\r';
}

/* What cannot be part of a name's continuation: ASCII and CJK punctuation. */
static bool ends_name(uint32_t code)
{
	bool is_ascii_sign = code > ' ' && code < 0x7f && !(code >= '0' && code <= '9') &&
			     !(code >= 'A' && code <= 'Z') && !(code >= 'a' && code <= 'z') &&
			     code != '_' && code != '-' && code != '.';
	return ends_word(code) || is_ascii_sign || (code >= 0x3001 && code <= 0x303f) ||
	       (code >= 0xff01 && code <= 0xff0f) || (code >= 0xff1a && code <= 0xff1f);
}

/* Bytes of @name at text; 0 where it does not stand there. A blank of the name may be any blank. */
static size_t match(const char *text, const char *name)
{
	if (text[0] != '@') {
		return 0;
	}
	const char *at = text + 1;
	while (name[0] != '\0') {
		size_t used = 0, name_used = 0;
		if (at[0] == '\0') {
			return 0;
		}
		uint32_t code = next(at, &used);
		uint32_t wanted = next(name, &name_used);
		if (code != wanted && !(is_blank(code) && is_blank(wanted))) {
			return 0;
		}
		at += used;
		name += name_used;
	}
	return (size_t)(at - text);
}

static bool ends_here(const char *text)
{
	size_t used = 0;
	return text[0] == '\0' || ends_name(next(text, &used));
}

static size_t skip_blanks(const char *text)
{
	const char *at = text;
	size_t used = 0;
	while (at[0] != '\0' && is_blank(next(at, &used))) {
		at += used;
	}
	return (size_t)(at - text);
}

static size_t skip_word(const char *text)
{
	const char *at = text;
	size_t used = 0;
	while (at[0] != '\0' && !ends_word(next(at, &used))) {
		at += used;
	}
	return (size_t)(at - text);
}

/* In place; whether any was there. */
static bool cut_all(char *text, const char *name)
{
	char *to = text;
	bool found = false;
	for (const char *at = text; at[0] != '\0';) {
		size_t size = match(at, name);
		if (size > 0 && ends_here(at + size)) {
			found = true;
			at += size;
			at += skip_blanks(at);
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
	return found;
}

static void trim(char *text)
{
	size_t lead = 0, used = 0;
	while (text[lead] != '\0' && ends_word(next(text + lead, &used))) {
		lead += used;
	}
	memmove(text, text + lead, strlen(text + lead) + 1);
	size_t end = 0;
	for (size_t at = 0; text[at] != '\0'; at += used) {
		if (!ends_word(next(text + at, &used))) {
			end = at + used;
		}
	}
	text[end] = '\0';
}

char *wecom_without_mention(const char *text, const char *display_name)
{
	char *copy = qg_str_copy(text);
	if (!copy) {
		return NULL;
	}
	bool is_known = display_name && display_name[0] != '\0';
	if (is_known && cut_all(copy, display_name)) {
		trim(copy);
		return copy;
	}
	/* Without a name, or a wrong one (the bot was renamed): what is mentioned first. */
	trim(copy);
	size_t size = is_known ? match(copy, display_name) : 0; /* typed without a blank behind */
	if (size == 0 && copy[0] == '@' && copy[1] != '\0') {
		size = skip_word(copy);
	}
	memmove(copy, copy + size, strlen(copy + size) + 1);
	trim(copy);
	return copy;
}
