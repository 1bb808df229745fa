/* clean.c - makes what came out of a child fit for people and prompts.
 *
 * A child is not trusted even where it meant well: its bytes may be no UTF-8, steer a terminal or turn the direction
 * of writing. */
#include "documents.h"

#include "qg/str.h"

struct cleaning {
	struct qg_buf *text;
	bool squeeze, cut;
	unsigned blanks;    /* seen, and not written yet */
	unsigned line_ends; /* likewise */
	unsigned pages;
	bool any; /* something other than blanks was written */
};

static void put(struct cleaning *cleaning, const char *bytes, size_t size)
{
	cleaning->cut = cleaning->cut || qg_buf_add(cleaning->text, bytes, size) != QG_OK;
}

/* Blanks at the end of a line and empty lines at either end of the text are never written. */
static void put_waiting(struct cleaning *cleaning)
{
	for (unsigned i = 0; cleaning->any && i < cleaning->line_ends && i < 2; i++) {
		put(cleaning, "\n", 1);
	}
	bool begins = !cleaning->any || cleaning->line_ends > 0;
	if (cleaning->squeeze && cleaning->blanks > 1) {
		put(cleaning, "\t", begins ? 0 : 1);
	} else if (!(cleaning->squeeze && begins)) {
		for (unsigned i = 0; i < cleaning->blanks && !cleaning->cut; i++) {
			put(cleaning, " ", 1);
		}
	}
	cleaning->blanks = cleaning->line_ends = 0;
	cleaning->any = true;
}

static void end_line(struct cleaning *cleaning)
{
	cleaning->line_ends++;
	cleaning->blanks = 0;
}

static bool is_dropped(uint32_t code)
{
	return code != '\t' && (qg_utf8_is_unsafe(code) || code == 0xFEFF);
}

static void take(struct cleaning *cleaning, uint32_t code)
{
	char bytes[4];
	if (code == '\n' || code == 0x2028 || code == 0x2029) {
		end_line(cleaning);
	} else if (code == '\f') {
		cleaning->pages++;
		end_line(cleaning);
	} else if (code == ' ' || (code == 0xA0 && cleaning->squeeze)) {
		cleaning->blanks++;
	} else if (!is_dropped(code)) {
		put_waiting(cleaning);
		put(cleaning, bytes, qg_utf8_put(code, bytes));
	}
}

bool document_clean(
	const char *raw, size_t size, bool squeeze, struct qg_buf *text, unsigned *pages_out)
{
	struct cleaning cleaning = {.text = text, .squeeze = squeeze};
	for (size_t at = 0; at < size && !cleaning.cut;) {
		size_t used = 0;
		uint32_t code = qg_utf8_next(raw + at, size - at, &used);
		bool ends_line = code == '\r';
		at += used;
		if (ends_line && at < size && raw[at] == '\n') {
			at++;
		}
		take(&cleaning, ends_line ? '\n' : code);
	}
	*pages_out = cleaning.pages;
	return cleaning.cut;
}
