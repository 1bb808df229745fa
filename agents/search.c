/* search.c - the best sections of a handbook for a question, or the honest word that there is none.
 *
 * bm25 names the candidates, over postings in memory or, for a large handbook, in SQLite's full-text
 * index; which of them answers is decided here by coverage: how much of what the question is about stands in the section. Every character of the
 * question weighs as much as the rarest pair it is part of; what nobody wrote into the handbook
 * weighs most, so a question about something else misses although it shares common words. A typing
 * error is mended where the question holds a heading of the handbook but for one character that
 * sounds alike: so does nearly every error of a Chinese keyboard. */
#include "search_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "qg/log.h"
#include "terms.h"
#include "text.h"

#define CANDIDATES 12
#define ANSWER_COVERAGE 0.62	 /* answers whatever its heading says */
#define ANSWER_WITH_HEADING 0.45 /* answers when the heading shares HEADING_SHARE of the question */
#define HEADING_SHARE 0.15
#define NEAR_COVERAGE 0.25
#define HEADING_BONUS 0.6
#define BROKEN_CREDIT 0.4 /* of a character whose word the handbook does not have: 酒 of 啤酒 */
#define MIN_RIVAL 3
#define MAX_QUERY (16 * 1024)
#define MAX_TERMS (2 * QG_QUESTION_CODES)

/* ---- the question's terms ---- */

struct terms {
	struct qg_question question;
	struct qg_term items[MAX_TERMS];
	size_t count;
	double weights[QG_QUESTION_CODES]; /* of each character: of its rarest term */
	size_t sections;
	const struct qg_postings *memory;	 /* the handbook, or */
	struct qg_search_connection *connection; /* the file it is in */
};

static int64_t documents_with(struct terms *terms, size_t at, size_t size)
{
	char text[QG_TERM_BYTES];
	qg_term_text(&terms->question, at, size, text);
	if (terms->memory != NULL) {
		return (int64_t)qg_postings_documents(terms->memory, text);
	}
	struct qg_db_query *query = terms->connection->documents;
	qg_db_bind_text(query, 1, text, strlen(text));
	int64_t documents = qg_db_step(query) == QG_OK ? qg_db_int(query, 0) : 0;
	qg_db_reset(query);
	return documents;
}

/* How rare a term is; what nobody wrote weighs like what one section has. */
static double weight_of(const struct terms *terms, int64_t documents)
{
	double rare = documents > 0 ? (double)documents : 1;
	return log(1.0 + ((double)terms->sections + 1 - rare + 0.5) / (rare + 0.5));
}

static void add_term(struct terms *terms, size_t at, size_t size, int64_t documents, double credit)
{
	if (terms->count >= MAX_TERMS) {
		return;
	}
	double weight = weight_of(terms, documents);
	struct qg_term *term = &terms->items[terms->count++];
	*term = (struct qg_term){at, size, documents, credit, ""};
	qg_term_text(&terms->question, at, size, term->text);
	for (size_t i = at; i < at + size; i++) {
		if (!terms->question.light[i] && weight > terms->weights[i]) {
			terms->weights[i] = weight;
		}
	}
}

static bool is_pair(const struct qg_question *question, size_t at)
{
	return at + 1 < question->count && qg_text_is_cjk(question->codes[at]) &&
	       qg_text_is_cjk(question->codes[at + 1]);
}

/* Length of the Latin word that begins at at, 0 for none. */
static size_t word_at(const struct qg_question *question, size_t at)
{
	size_t end = at;
	while (end < question->count && !qg_text_is_cjk(question->codes[end]) &&
		qg_text_is_letter(question->codes[end])) {
		end++;
	}
	return end - at;
}

/* Pairs first: a character that is part of a known pair needs no term of its own. One that stands
 * only in pairs nobody wrote counts as a piece of an unknown word. */
static void find_terms(struct terms *terms)
{
	const struct qg_question *question = &terms->question;
	bool known[QG_QUESTION_CODES] = {false}, broken[QG_QUESTION_CODES] = {false};
	for (size_t i = 0; i < question->count; i++) {
		if (!is_pair(question, i) || (question->light[i] && question->light[i + 1])) {
			continue;
		}
		int64_t documents = documents_with(terms, i, 2);
		if (documents > 0) {
			known[i] = known[i + 1] = true;
			add_term(terms, i, 2, documents, 1.0);
		} else if (!question->light[i] && !question->light[i + 1]) {
			broken[i] = broken[i + 1] = true;
		}
	}
	for (size_t i = 0; i < question->count;) {
		size_t word = word_at(question, i);
		if (word > 0) {
			add_term(terms, i, word, documents_with(terms, i, word), 1.0);
		} else if (!question->light[i] && !known[i]) {
			add_term(terms, i, 1, documents_with(terms, i, 1),
				broken[i] ? BROKEN_CREDIT : 1.0);
		}
		i += word > 0 ? word : 1;
	}
}

/* ---- typing errors ---- */

/* Where question differs from heading in exactly one character, from at on; SIZE_MAX otherwise. */
static size_t one_error(
	const struct qg_question *question, size_t at, const struct qg_heading *heading)
{
	size_t error = SIZE_MAX;
	for (size_t i = 0; i < heading->count; i++) {
		if (question->codes[at + i] == heading->codes[i]) {
			continue;
		}
		if (error != SIZE_MAX) {
			return SIZE_MAX;
		}
		error = at + i;
	}
	return error;
}

/* Only a character that sounds like the right one, in no pair the handbook knows, is an error: 花粉
 * is not 花生. */
static bool is_error(struct terms *terms, size_t at, const struct qg_heading *heading, size_t start)
{
	const struct qg_question *question = &terms->question;
	if (!qg_text_sound_alike(question->codes[at], heading->codes[at - start])) {
		return false;
	}
	bool known = at > start && documents_with(terms, at - 1, 2) > 0;
	return !known && (at + 1 >= start + heading->count || documents_with(terms, at, 2) == 0);
}

static void mend(struct qg_search *search, struct terms *terms)
{
	struct qg_question *question = &terms->question;
	for (size_t i = 0; i < search->heading_count; i++) {
		const struct qg_heading *heading = &search->headings[i];
		for (size_t at = 0; at + heading->count <= question->count; at++) {
			size_t error = one_error(question, at, heading);
			if (error != SIZE_MAX && is_error(terms, error, heading, at)) {
				question->codes[error] = heading->codes[error - at];
				qg_question_mark(question);
			}
		}
	}
}

/* ---- candidates ---- */

/* The part of the question's weight that a folded text covers, 0 to 1. */
static double coverage(const struct terms *terms, const char *text)
{
	double covered[QG_QUESTION_CODES] = {0};
	for (size_t i = 0; i < terms->count; i++) {
		const struct qg_term *term = &terms->items[i];
		if (term->documents == 0 || strstr(text, term->text) == NULL) {
			continue;
		}
		for (size_t k = term->at; k < term->at + term->size; k++) {
			covered[k] = term->credit > covered[k] ? term->credit : covered[k];
		}
	}
	double all = 0, got = 0;
	for (size_t i = 0; i < terms->question.count; i++) {
		all += terms->weights[i];
		got += covered[i] * terms->weights[i];
	}
	return all > 0 ? got / all : 0;
}

/* A heading with function words is a question, not a name. */
static bool is_name(const char *heading)
{
	struct qg_question words;
	qg_question_read(&words, heading);
	for (size_t i = 0; i < words.count; i++) {
		if (words.light[i]) {
			return false;
		}
	}
	return true;
}

/* Does the question name something else that only looks related: 花粉过敏 for the section 花生过敏?
 * A name but for one character of weight, and the name itself nowhere. */
static bool names_a_rival(const struct qg_question *question, const char *text)
{
	struct qg_heading heading;
	if (!qg_heading_read(&heading, text) || heading.count < MIN_RIVAL) {
		return false;
	}
	bool rival = false;
	for (size_t at = 0; at + heading.count <= question->count; at++) {
		size_t error = one_error(question, at, &heading);
		if (memcmp(question->codes + at, heading.codes,
			    heading.count * sizeof(*heading.codes)) == 0) {
			return false;
		}
		rival |= error != SIZE_MAX && !question->light[error] &&
			 qg_text_is_cjk(question->codes[error]) &&
			 !qg_text_sound_alike(question->codes[error], heading.codes[error - at]);
	}
	return rival && is_name(text);
}

struct candidate {
	struct qg_found_section section;
	size_t rank; /* of bm25 */
	double coverage;
	bool answers;
};

static void finish_section(struct qg_found_section *section)
{
	free(section->title);
	free(section->heading);
	free(section->text);
	*section = (struct qg_found_section){0};
}

/* The texts of a section, title to folded, borrowed. false: it holds too little of the question, or no memory. */
static bool read_candidate(const struct terms *terms, const char *title, const char *heading,
	const char *text, const char *folded, struct candidate *candidate)
{
	struct qg_found_section *section = &candidate->section;
	candidate->coverage = coverage(terms, folded);
	if (candidate->coverage < NEAR_COVERAGE) {
		return false;
	}
	section->title = qg_str_copy(title);
	section->heading = qg_str_copy(heading);
	section->text = qg_str_copy(text);
	QG_AUTO(qg_str_free) char *folded_heading = qg_text_folded(heading);
	if (section->title == NULL || section->heading == NULL || section->text == NULL ||
		folded_heading == NULL) {
		finish_section(section);
		return false;
	}
	double named = coverage(terms, folded_heading);
	section->score = candidate->coverage + HEADING_BONUS * named;
	candidate->answers = candidate->coverage >= ANSWER_COVERAGE ||
			     (candidate->coverage >= ANSWER_WITH_HEADING && named >= HEADING_SHARE);
	if (names_a_rival(&terms->question, heading)) {
		candidate->answers = false;
		section->score = candidate->coverage / 2; /* another that answers comes before it */
	}
	return true;
}

static char *query_text(const struct terms *terms)
{
	struct qg_buf query;
	qg_buf_init(&query, MAX_QUERY);
	for (size_t i = 0; i < terms->count; i++) {
		if (terms->items[i].documents > 0) {
			qg_buf_printf(&query, "%s\"%s\"", query.size > 0 ? " OR " : "",
				terms->items[i].text);
		}
	}
	if (query.size == 0) { /* nothing the handbook knows */
		qg_buf_finish(&query);
		return NULL;
	}
	return qg_buf_steal(&query);
}

static enum qg_status read_from_file(
	const struct terms *terms, struct candidate *out, size_t *count_out)
{
	QG_AUTO(qg_str_free) char *query = query_text(terms);
	if (query == NULL) {
		return QG_OK;
	}
	struct qg_db_query *match = terms->connection->match;
	qg_db_bind_text(match, 1, query, strlen(query));
	qg_db_bind_int(match, 2, CANDIDATES);
	size_t count = 0;
	enum qg_status step = QG_OK;
	while (count < CANDIDATES && (step = qg_db_step(match)) == QG_OK) {
		out[count].rank = count;
		count += read_candidate(terms, qg_db_text(match, 0), qg_db_text(match, 1),
			qg_db_text(match, 2), qg_db_text(match, 3), &out[count]);
	}
	qg_db_reset(match);
	*count_out = count;
	return step == QG_OK || step == QG_EMPTY ? QG_OK : QG_IO;
}

static enum qg_status read_from_memory(
	const struct terms *terms, struct candidate *out, size_t *count_out)
{
	const char *texts[MAX_TERMS];
	size_t known = 0, best[CANDIDATES + 1], found = 0, count = 0;
	for (size_t i = 0; i < terms->count; i++) {
		texts[known] = terms->items[i].text;
		known += terms->items[i].documents > 0;
	}
	enum qg_status status =
		qg_postings_best(terms->memory, texts, known, CANDIDATES, best, &found);
	for (size_t i = 0; status == QG_OK && i < found; i++) {
		const struct qg_posted_section *section =
			qg_postings_section(terms->memory, best[i]);
		out[count].rank = count;
		count += read_candidate(terms, section->title, section->heading, section->text,
			section->folded, &out[count]);
	}
	*count_out = count;
	return status;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;
	if (left->section.score != right->section.score) {
		return left->section.score > right->section.score ? -1 : 1;
	}
	return left->rank < right->rank ? -1 : left->rank > right->rank; /* as bm25 has them */
}

/* All lookups of a question in one transaction: SQLite locks once, not for each. */
static void run_once(struct qg_db_query *query)
{
	if (qg_db_step(query) != QG_EMPTY) {
		qg_log_debug(NULL, "knowledge index: no transaction"); /* slower, not wrong */
	}
	qg_db_reset(query);
}

static enum qg_status read_candidates(struct qg_search *search, struct terms *terms,
	const char *question, struct candidate *out, size_t *count_out)
{
	if (terms->connection != NULL) {
		run_once(terms->connection->begin);
	}
	qg_question_read(&terms->question, question);
	mend(search, terms);
	find_terms(terms);
	enum qg_status status = terms->memory != NULL ? read_from_memory(terms, out, count_out)
						      : read_from_file(terms, out, count_out);
	if (terms->connection != NULL) {
		run_once(terms->connection->commit);
	}
	qsort(out, *count_out, sizeof(*out), compare_candidates);
	return status;
}

enum qg_status qg_search_find(struct qg_search *search, unsigned thread_index, const char *question,
	struct qg_found *found_out)
{
	struct qg_found found = {.count = 0};
	struct terms terms; /* large: only what is added to is cleared */
	terms.count = 0;
	terms.sections = search->section_count;
	memset(terms.weights, 0, sizeof(terms.weights));
	terms.connection = NULL;
	terms.memory = qg_search_load(search);
	if (terms.memory == NULL) {
		terms.connection = qg_search_connect(search, thread_index);
	}
	if (terms.memory == NULL && terms.connection == NULL) {
		return QG_IO;
	}
	struct candidate candidates[CANDIDATES] = {0};
	size_t count = 0;
	enum qg_status status = read_candidates(search, &terms, question, candidates, &count);
	if (terms.memory != NULL) {
		qg_search_unload(search);
	}
	for (size_t i = 0; i < count; i++) {
		if (found.count < QG_FOUND_MAX) {
			found.answers |= found.count == 0 && candidates[i].answers;
			found.sections[found.count++] = candidates[i].section;
		} else {
			finish_section(&candidates[i].section);
		}
	}
	if (status == QG_OK) {
		*found_out = found;
	} else {
		qg_found_finish(&found);
	}
	return status;
}

void qg_found_finish(struct qg_found *found)
{
	for (size_t i = 0; i < found->count; i++) {
		finish_section(&found->sections[i]);
	}
	*found = (struct qg_found){.count = 0};
}
