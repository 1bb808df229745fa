/* disposition.c - the header Content-Disposition of a download, read leniently: servers percent-code either form, and one
 * with a bare per cent sign is taken as it stands. */
#include "disposition.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qg/buf.h"
#include "qg/codec.h"
#include "qg/str.h"

#define NAME_MOST 255

/* The value of a parameter of Content-Disposition into out, without its quotes. */
static bool parameter(const char *header, const char *name, struct qg_buf *out)
{
	size_t name_size = strlen(name);
	for (const char *at = strchr(header, ';'); at; at = strchr(at, ';')) {
		at += 1 + strspn(at + 1, " \t");
		if (strncasecmp(at, name, name_size) != 0 || at[name_size] != '=') {
			continue;
		}
		at += name_size + 1;
		bool is_quoted = *at == '"';
		at += is_quoted;
		return qg_buf_add(out, at, strcspn(at, is_quoted ? "\"" : "; \t")) == QG_OK &&
		       out->size > 0;
	}
	return false;
}

/* Behind whatever any system takes for the end of a folder's name. */
static const char *last_part(const char *path)
{
	const char *last = path;
	for (const char *at = path; *at; at++) {
		last = *at == '/' || *at == '\\' ? at + 1 : last;
	}
	return last;
}

char *qg_disposition_name(const char *header)
{
	if (!header) {
		return NULL;
	}
	QG_AUTO(qg_buf_finish) struct qg_buf raw;
	QG_AUTO(qg_buf_finish) struct qg_buf name;
	qg_buf_init(&raw, 4 * NAME_MOST);
	qg_buf_init(&name, 4 * NAME_MOST);
	const char *text = "";
	if (parameter(header, "filename*", &raw)) {
		const char *quote = strchr(raw.data, '\'');
		quote = quote ? strchr(quote + 1, '\'') : NULL;
		text = quote ? quote + 1 : "";
	} else {
		qg_buf_reset(&raw);
		text = parameter(header, "filename", &raw) ? raw.data : "";
	}
	if (qg_url_decode(text, strlen(text), false, &name) != QG_OK) {
		qg_buf_reset(&name); /* a bare per cent sign */
		qg_buf_add_str(&name, text);
	}
	const char *last = last_part(name.data ? name.data : "");
	char *clean = qg_utf8_clean(last, strlen(last));
	if (clean) {
		qg_utf8_flatten(clean);
		clean[qg_utf8_cut(clean, strlen(clean), NAME_MOST)] = '\0';
	}
	if (clean && clean[0] == '\0') {
		free(clean);
		return NULL;
	}
	return clean;
}
