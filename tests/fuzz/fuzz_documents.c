/* fuzz_documents.c - files of strangers, by every reader, where it stands: the first byte chooses.
 *
 * Whatever comes, a reader ends, writes no more than it may, and what is made of its text is fit for people. Zips are
 * not easily mutated into other zips: the parts that they hold are read alone too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documents.h"
#include "qg/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void expect_clean(const struct document_out *out, bool squeeze)
{
	struct qg_buf text;
	unsigned pages;
	qg_buf_init(&text, QG_DOCUMENT_TEXT_MOST);
	document_clean(out->text.data, out->text.size, squeeze, &text, &pages);
	expect(text.size <= QG_DOCUMENT_TEXT_MOST, "too much text");
	expect(text.size == 0 || qg_utf8_is_valid(text.data, text.size), "no UTF-8");
	for (size_t at = 0, used; at < text.size; at += used) {
		uint32_t code = qg_utf8_next(text.data + at, text.size - at, &used);
		expect(code == '\n' || code == '\t' || !qg_utf8_is_unsafe(code), "not clean");
	}
	qg_buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = {"text", "html", "docx", "xlsx", "pptx"};
	enum { WORDS = sizeof(words) / sizeof(words[0]), FLOW = WORDS, RAW, CHOICES };
	if (size == 0) {
		return 0;
	}
	unsigned choice = data[0] % CHOICES;
	const char *bytes = (const char *)data + 1;
	struct document_out out;
	size--;
	document_out_init(&out);
	document_word(NULL, bytes, size);
	if (choice < WORDS) {
		document_read_as(words[choice], bytes, size, &out);
	} else if (choice == FLOW) {
		document_read_flow(bytes, size, &out);
	} else if (choice == RAW) {
		document_out_add(&out, bytes, size);
	}
	expect(out.text.size <= QG_DOCUMENT_TEXT_MOST + 1, "too much of it");
	expect_clean(&out, size % 2 == 0);
	document_out_finish(&out);
	return 0;
}
