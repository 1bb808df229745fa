/* postings.c - a small handbook in memory: which sections hold a term, and their texts.
 *
 * A shop's handbook has some hundred sections and a few thousand terms: a sorted list of the terms, each with its
 * sections, is a hundred kilobytes, and a look-up a fraction of a microsecond, where SQLite's full-text index
 * takes longer to begin a statement. Ranks as that index does (bm25 with the same constants and weights), so that
 * a handbook answers alike whichever of the two holds it. A term is known by a hash of 64 bits: that two of a
 * handbook share one is not to be expected. */
#include "postings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "qg/str.h"
#include "shared.h"
#include "terms.h"
#include "text.h"

#define HEADING_WEIGHT 4.0
#define BODY_WEIGHT 1.0
#define BM25_K1 1.2
#define BM25_B 0.75
#define MAX_TOKENS (64 * 1024) /* bytes of a section's */
#define MAX_TIMES 255	       /* a term is counted in one section */
#define SPAN 32		       /* terms around a guess that are looked at first */

/* A term in a section; sorted by term, then section. */
struct entry {
	uint64_t term;
	uint16_t section;
	uint8_t heading, body; /* times it stands there */
};

struct posting {
	uint16_t section;
	uint8_t heading, body;
};

struct qg_postings {
	struct qg_posted_section *sections;
	size_t section_count, room;
	double tokens;	       /* of an average section */
	struct entry *entries; /* until sorted */
	size_t entry_count, entry_room;
	size_t term_count;
	uint64_t *terms;  /* sorted */
	uint32_t *starts; /* of each term's postings; one more than terms */
	struct posting *postings;
	void *pages; /* that hold the three; NULL: none */
	size_t page_bytes;
};

static uint64_t hash(const char *term, size_t size) /* FNV-1a */
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++) {
		sum = (sum ^ (unsigned char)term[i]) * UINT64_C(0x100000001b3);
	}
	return sum;
}

struct qg_postings *qg_postings_create(size_t sections)
{
	struct qg_postings *postings = calloc(1, sizeof(*postings));
	if (postings == NULL) {
		return NULL;
	}
	postings->room = sections < QG_POSTINGS_SECTIONS ? sections : QG_POSTINGS_SECTIONS;
	postings->sections = calloc(postings->room + 1, sizeof(*postings->sections));
	if (postings->sections == NULL) {
		free(postings);
		return NULL;
	}
	return postings;
}

static void drop_texts(struct qg_posted_section *section)
{
	qg_shared_drop(section->title);
	qg_shared_drop(section->heading);
	qg_shared_drop(section->text);
	qg_shared_drop(section->folded);
	*section = (struct qg_posted_section){0};
}

void qg_postings_destroy(struct qg_postings *postings)
{
	if (postings == NULL) {
		return;
	}
	for (size_t i = 0; i < postings->section_count; i++) {
		drop_texts(&postings->sections[i]);
	}
	free(postings->sections);
	free(postings->entries);
	if (postings->pages != NULL) {
		munmap(postings->pages, postings->page_bytes);
	}
	free(postings);
}

/* ---- filling ---- */

static bool add_entry(struct qg_postings *postings, uint64_t term, bool in_heading)
{
	if (postings->entry_count == postings->entry_room) {
		size_t room = postings->entry_room > 0 ? 2 * postings->entry_room : 1024;
		struct entry *entries = realloc(postings->entries, room * sizeof(*entries));
		if (entries == NULL) {
			return false;
		}
		postings->entries = entries;
		postings->entry_room = room;
	}
	postings->entries[postings->entry_count++] =
		(struct entry){term, (uint16_t)postings->section_count, in_heading, !in_heading};
	return true;
}

/* An entry for each token of a text. */
static enum qg_status add_tokens(struct qg_postings *postings, const char *text, bool in_heading)
{
	QG_AUTO(qg_buf_finish) struct qg_buf tokens;
	qg_buf_init(&tokens, MAX_TOKENS);
	enum qg_status status = qg_terms_index(text, &tokens);
	const char *at = tokens.data != NULL ? tokens.data : "";
	while (status == QG_OK && *(at += strspn(at, " ")) != '\0') {
		size_t size = strcspn(at, " ");
		status = add_entry(postings, hash(at, size), in_heading) ? QG_OK : QG_NO_MEMORY;
		at += size;
	}
	return status;
}

static enum qg_status add_texts(
	struct qg_posted_section *section, const char *title, const char *heading, const char *text)
{
	QG_AUTO(qg_str_free) char *whole = qg_str_printf("%s\n%s\n%s", title, heading, text);
	QG_AUTO(qg_str_free) char *folded = whole != NULL ? qg_text_folded(whole) : NULL;
	section->title = qg_shared_take(title);
	section->heading = qg_shared_take(heading);
	section->text = qg_shared_take(text);
	section->folded = qg_shared_take(folded);
	if (section->title == NULL || section->heading == NULL || section->text == NULL ||
		section->folded == NULL) {
		drop_texts(section);
		return QG_NO_MEMORY;
	}
	return QG_OK;
}

enum qg_status qg_postings_add(
	struct qg_postings *postings, const char *title, const char *heading, const char *text)
{
	if (postings->section_count == postings->room) {
		return QG_FULL;
	}
	struct qg_posted_section *section = &postings->sections[postings->section_count];
	size_t before = postings->entry_count;
	enum qg_status status = add_texts(section, title, heading, text);
	if (status != QG_OK) {
		return status;
	}
	status = add_tokens(postings, heading, true);
	status = status == QG_OK ? add_tokens(postings, title, false) : status;
	status = status == QG_OK ? add_tokens(postings, text, false) : status;
	section->tokens = postings->entry_count - before;
	postings->section_count++;
	return status;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	if (left->term != right->term) {
		return left->term < right->term ? -1 : 1;
	}
	return left->section < right->section ? -1 : left->section > right->section;
}

static uint8_t add_times(unsigned a, unsigned b)
{
	return (uint8_t)(a + b < MAX_TIMES ? a + b : MAX_TIMES);
}

/* Makes one entry of those that are the same term in the same section, and counts the terms. */
static void merge_entries(struct qg_postings *postings)
{
	struct entry *entries = postings->entries;
	size_t kept = 0;
	for (size_t i = 0; i < postings->entry_count; i++) {
		struct entry *last = kept > 0 ? &entries[kept - 1] : NULL;
		if (last != NULL && compare_entries(last, &entries[i]) == 0) {
			last->heading = add_times(last->heading, entries[i].heading);
			last->body = add_times(last->body, entries[i].body);
		} else {
			postings->term_count += last == NULL || last->term != entries[i].term;
			entries[kept++] = entries[i];
		}
	}
	postings->entry_count = kept;
}

/* Pages of its own, which the system has back when the handbook rests: between a heap's other blocks they would stay. */
static bool make_pages(struct qg_postings *postings)
{
	size_t terms = postings->term_count + 1, kept = postings->entry_count + 1;
	size_t bytes = terms * (sizeof(*postings->terms) + sizeof(*postings->starts)) +
		       kept * sizeof(*postings->postings);
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		return false;
	}
	postings->pages = pages;
	postings->page_bytes = bytes;
	postings->terms = pages;
	postings->starts = (uint32_t *)(postings->terms + terms);
	postings->postings = (struct posting *)(postings->starts + terms);
	return true;
}

static void lay_out(struct qg_postings *postings)
{
	size_t terms = 0;
	for (size_t i = 0; i < postings->entry_count; i++) {
		const struct entry *entry = &postings->entries[i];
		if (i == 0 || entry->term != entry[-1].term) {
			postings->terms[terms] = entry->term;
			postings->starts[terms++] = (uint32_t)i;
		}
		postings->postings[i] =
			(struct posting){entry->section, entry->heading, entry->body};
	}
	postings->starts[terms] = (uint32_t)postings->entry_count;
	free(postings->entries);
	postings->entries = NULL;
}

enum qg_status qg_postings_sort(struct qg_postings *postings)
{
	size_t all = postings->entry_count;
	postings->tokens =
		postings->section_count > 0 ? (double)all / (double)postings->section_count : 0;
	if (all > 0) {
		qsort(postings->entries, all, sizeof(*postings->entries), compare_entries);
	}
	merge_entries(postings);
	if (!make_pages(postings)) {
		return QG_NO_MEMORY;
	}
	lay_out(postings);
	return QG_OK;
}

/* ---- reading ---- */

size_t qg_postings_count(const struct qg_postings *postings)
{
	return postings->section_count;
}

const struct qg_posted_section *qg_postings_section(const struct qg_postings *postings, size_t at)
{
	return &postings->sections[at];
}

/* The first term that is not below wanted. Hashes are spread evenly, so a term stands near where its value would
 * put it: two or three lines of the cache are read instead of ten. */
static size_t lower_bound(const struct qg_postings *postings, uint64_t wanted)
{
	const uint64_t *terms = postings->terms;
	size_t count = postings->term_count, span = SPAN;
	size_t guess = (size_t)((wanted >> 32) * count >> 32);
	size_t low = guess > span ? guess - span : 0;
	size_t high = count - guess > span ? guess + span : count;
	while (low > 0 && terms[low - 1] >= wanted) {
		low -= low < span ? low : span;
		span *= 2;
	}
	while (high < count && terms[high] < wanted) {
		high += count - high < span ? count - high : span;
		span *= 2;
	}
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (terms[middle] < wanted) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* A term's postings; *count_out of them. */
static const struct posting *find(
	const struct qg_postings *postings, const char *term, size_t *count_out)
{
	uint64_t wanted = hash(term, strlen(term));
	size_t at = lower_bound(postings, wanted);
	bool found = at < postings->term_count && postings->terms[at] == wanted;
	*count_out = found ? postings->starts[at + 1] - postings->starts[at] : 0;
	return postings->postings + (found ? postings->starts[at] : 0);
}

size_t qg_postings_documents(const struct qg_postings *postings, const char *term)
{
	size_t count;
	find(postings, term, &count);
	return count;
}

static void add_scores(const struct qg_postings *postings, const char *term, double *scores)
{
	size_t count;
	const struct posting *at = find(postings, term, &count);
	double others = (double)(postings->section_count - count);
	double rare = log((others + 0.5) / ((double)count + 0.5));
	rare = rare > 0 ? rare
			: 1e-6; /* as FTS5 has it: a term of most sections counts next to nothing */
	for (const struct posting *end = at + count; at < end; at++) {
		double times = HEADING_WEIGHT * at->heading + BODY_WEIGHT * at->body;
		double length = (double)postings->sections[at->section].tokens / postings->tokens;
		scores[at->section] += rare * times * (BM25_K1 + 1) /
				       (times + BM25_K1 * (1 - BM25_B + BM25_B * length));
	}
}

enum qg_status qg_postings_best(const struct qg_postings *postings, const char *const *terms,
	size_t count, size_t limit, size_t *out, size_t *count_out)
{
	double *scores = calloc(postings->section_count + 1, sizeof(*scores));
	if (scores == NULL) {
		return QG_NO_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		add_scores(postings, terms[i], scores);
	}
	size_t best = 0;
	for (size_t i = 0; i < postings->section_count; i++) {
		size_t at = best < limit ? best : limit;
		while (at > 0 && scores[out[at - 1]] < scores[i]) {
			at--; /* among equals the earlier section comes first */
		}
		if (scores[i] > 0 && at < limit) {
			best += best < limit;
			memmove(out + at + 1, out + at, (best - 1 - at) * sizeof(*out));
			out[at] = i;
		}
	}
	free(scores);
	*count_out = best;
	return QG_OK;
}
