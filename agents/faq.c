/* faq.c - questions answered without any model: the same question, or nearly the same one.
 *
 * Both sides are folded and stripped (text.h). Equal is exact. Near means that at least three
 * quarters of the bigrams are shared (Dice) and that nothing which may turn the meaning differs:
 * the same numbers and Latin words in the same order, as many negations, and on either side only
 * light characters that the other has not. The last rule is what keeps names, sizes, dates and
 * units apart without a dictionary: 大份 is not 小份, 花生 is not 花粉. A typing error is forgiven
 * where it sounds like the right character; any other is a hint only. Road not taken: embeddings.
 * They would match more, need a model, and cannot promise the guards. */
#include "faq.h"

#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "shared.h"
#include "text.h"
#include "vars.h"

#define NEAR_SCORE 0.75
#define HINT_SCORE 0.5
#define MAX_PHRASE 128 /* code points; longer questions are no FAQ */
#define MAX_ENTRIES 2000

struct phrase {
	uint32_t *codes;
	uint64_t *bigrams; /* sorted */
	size_t count;
	size_t entry;
};

struct entry {
	char *question, *answer; /* shared */
};

struct qg_faq_phrases {
	struct phrase *items;
	size_t count;
};

struct qg_faq {
	struct entry *entries;
	size_t entry_count;
	struct qg_faq_phrases *own;
	const struct qg_faq_phrases *phrases; /* own, or the template's */
};

static int compare_bigrams(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* count code points make count - 1 bigrams. */
static void make_bigrams(const uint32_t *codes, size_t count, uint64_t *out)
{
	for (size_t i = 0; i + 1 < count; i++) {
		out[i] = (uint64_t)codes[i] << 32 | codes[i + 1];
	}
	qsort(out, count > 0 ? count - 1 : 0, sizeof(*out), compare_bigrams);
}

static double dice(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count)
{
	size_t i = 0, j = 0, shared = 0;
	while (i < a_count && j < b_count) {
		if (a[i] == b[j]) {
			shared++;
			i++;
			j++;
		} else if (a[i] < b[j]) {
			i++;
		} else {
			j++;
		}
	}
	return a_count + b_count > 0 ? 2.0 * (double)shared / (double)(a_count + b_count) : 0;
}

/* Are they of so different lengths that no order of characters makes them alike? */
static bool is_hopeless(size_t a_count, size_t b_count)
{
	size_t less = a_count < b_count ? a_count : b_count;
	return 2.0 * (double)less < HINT_SCORE * (double)(a_count + b_count);
}

/* ---- guards ---- */

static bool is_number_part(uint32_t code)
{
	return qg_text_is_digit(code) || code == '.' || code == ':';
}

/* The next run of letters and digits from *at on; its length, 0 at the end. */
static size_t next_run(const uint32_t *codes, size_t count, size_t *at)
{
	while (*at < count && !qg_text_is_letter(codes[*at])) {
		(*at)++;
	}
	size_t end = *at;
	while (end < count && (qg_text_is_letter(codes[end]) || is_number_part(codes[end]))) {
		end++;
	}
	return end - *at;
}

/* The same numbers and Latin words in the same order? */
static bool same_runs(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
	size_t i = 0, j = 0;
	for (;;) {
		size_t left = next_run(a, a_count, &i), right = next_run(b, b_count, &j);
		if (left != right || memcmp(a + i, b + j, left * sizeof(*a)) != 0) {
			return false;
		}
		if (left == 0) {
			return true;
		}
		i += left;
		j += right;
	}
}

static size_t negations(const uint32_t *codes, size_t count)
{
	static const char32_t words[] = U"不没别无非未勿禁";
	size_t found = 0;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; words[k] != 0; k++) {
			found += codes[i] == words[k];
		}
	}
	return found;
}

/* Does a hold a character with a meaning that b lacks? */
static bool adds_meaning(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
	bool used[MAX_PHRASE] = {false};
	for (size_t i = 0; i < a_count; i++) {
		size_t j = 0;
		while (j < b_count && (used[j] || b[j] != a[i])) {
			j++;
		}
		if (j < b_count) {
			used[j] = true;
		} else if (!qg_text_is_light(a[i]) && a[i] != ' ') {
			return true;
		}
	}
	return false;
}

static bool may_mean_the_same(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
	return same_runs(a, a_count, b, b_count) &&
	       negations(a, a_count) == negations(b, b_count) &&
	       !adds_meaning(a, a_count, b, b_count) && !adds_meaning(b, b_count, a, a_count);
}

/* ---- loading ---- */

void qg_faq_phrases_destroy(struct qg_faq_phrases *phrases)
{
	if (phrases == NULL) {
		return;
	}
	for (size_t i = 0; i < phrases->count; i++) {
		free(phrases->items[i].codes);
		free(phrases->items[i].bigrams);
	}
	free(phrases->items);
	free(phrases);
}

void qg_faq_destroy(struct qg_faq *faq)
{
	if (faq == NULL) {
		return;
	}
	for (size_t i = 0; i < faq->entry_count; i++) {
		qg_shared_drop(faq->entries[i].question);
		qg_shared_drop(faq->entries[i].answer);
	}
	qg_faq_phrases_destroy(faq->own);
	free(faq->entries);
	free(faq);
}

static bool add_phrase(struct qg_faq_phrases *phrases, const char *text, size_t entry)
{
	uint32_t codes[MAX_PHRASE];
	size_t count = qg_text_strip(codes, qg_text_codes(text, codes, MAX_PHRASE));
	if (count == 0) {
		return true;
	}
	struct phrase *phrase = &phrases->items[phrases->count];
	phrase->codes = malloc(count * sizeof(*codes));
	phrase->bigrams = malloc(count * sizeof(*phrase->bigrams));
	phrases->count++; /* half-made ones are freed with the rest */
	if (phrase->codes == NULL || phrase->bigrams == NULL) {
		return false;
	}
	memcpy(phrase->codes, codes, count * sizeof(*codes));
	make_bigrams(codes, count, phrase->bigrams);
	phrase->count = count;
	phrase->entry = entry;
	return true;
}

/* The phrasings of an entry are a list, or one text in its place. */
static size_t phrasings(const struct qg_tree *ask)
{
	return ask->kind == QG_TREE_LIST ? ask->count : 1;
}

static const char *phrasing(const struct qg_tree *ask, size_t at)
{
	return ask->kind == QG_TREE_LIST ? ask->items[at]->text : ask->text;
}

static bool add_phrases(struct qg_faq_phrases *phrases, const struct qg_tree *ask,
	const json_t *values, size_t entry)
{
	bool added = true;
	for (size_t i = 0; added && i < phrasings(ask); i++) {
		QG_AUTO(qg_str_free) char *filled = qg_vars_fill(phrasing(ask, i), values);
		added = filled != NULL && add_phrase(phrases, filled, entry);
	}
	return added;
}

static bool is_list(const struct qg_tree *tree)
{
	return tree != NULL && tree->kind == QG_TREE_LIST;
}

static struct qg_faq_phrases *make_phrases(const struct qg_tree *tree, const json_t *values)
{
	size_t count = 0;
	for (size_t i = 0; is_list(tree) && i < tree->count; i++) {
		count += phrasings(qg_tree_get(tree->items[i], "ask"));
	}
	struct qg_faq_phrases *phrases = calloc(1, sizeof(*phrases));
	if (phrases == NULL) {
		return NULL;
	}
	phrases->items = calloc(count + 1, sizeof(*phrases->items));
	bool made = phrases->items != NULL;
	for (size_t i = 0; made && is_list(tree) && i < tree->count; i++) {
		made = add_phrases(phrases, qg_tree_get(tree->items[i], "ask"), values, i);
	}
	if (!made) {
		qg_faq_phrases_destroy(phrases);
		return NULL;
	}
	return phrases;
}

struct qg_faq_phrases *qg_faq_phrases_create(const struct qg_tree *tree)
{
	return make_phrases(tree, NULL);
}

bool qg_faq_asks_alike(const struct qg_tree *tree)
{
	bool alike = true;
	for (size_t i = 0; is_list(tree) && i < tree->count; i++) {
		const struct qg_tree *ask = qg_tree_get(tree->items[i], "ask");
		for (size_t k = 0; k < phrasings(ask); k++) {
			alike &= strstr(phrasing(ask, k), "{{") == NULL;
		}
	}
	return alike;
}

static char *share_filled(const char *text, const json_t *values)
{
	QG_AUTO(qg_str_free) char *filled = qg_vars_fill(text, values);
	return filled != NULL ? qg_shared_take(qg_str_trim(filled)) : NULL;
}

static bool add_entry(struct qg_faq *faq, const struct qg_tree *tree, const json_t *values)
{
	struct entry *entry = &faq->entries[faq->entry_count++];
	entry->question = share_filled(phrasing(qg_tree_get(tree, "ask"), 0), values);
	entry->answer = share_filled(qg_tree_get(tree, "answer")->text, values);
	return entry->question != NULL && entry->answer != NULL;
}

static bool fill(struct qg_faq *faq, const struct qg_tree *tree, const json_t *values)
{
	size_t count = is_list(tree) ? tree->count : 0;
	faq->entries = calloc(count + 1, sizeof(*faq->entries));
	bool filled = faq->entries != NULL;
	for (size_t i = 0; filled && i < count; i++) {
		filled = add_entry(faq, tree->items[i], values);
	}
	return filled;
}

struct qg_faq *qg_faq_create(
	const struct qg_tree *tree, const json_t *values, const struct qg_faq_phrases *phrases)
{
	struct qg_faq *faq = calloc(1, sizeof(*faq));
	if (faq == NULL) {
		return NULL;
	}
	faq->own = phrases == NULL ? make_phrases(tree, values) : NULL;
	faq->phrases = phrases != NULL ? phrases : faq->own;
	if (faq->phrases == NULL || !fill(faq, tree, values)) {
		qg_faq_destroy(faq);
		return NULL;
	}
	return faq;
}

static void check_ask(
	const struct qg_tree *entry, const struct qg_tree *ask, struct qg_problems *problems)
{
	if (ask == NULL || qg_tree_is_empty(ask) ||
		(ask->kind == QG_TREE_LIST && ask->count == 0)) {
		qg_problem_error(problems, ask != NULL ? ask : entry,
			"needs 'ask': a question or a list of them");
	} else if (ask->kind == QG_TREE_MAP) {
		qg_problem_error(problems, ask, "is a question or a list of them");
	}
	for (size_t i = 0; ask != NULL && ask->kind == QG_TREE_LIST && i < ask->count; i++) {
		if (ask->items[i]->kind != QG_TREE_SCALAR || ask->items[i]->text[0] == '\0') {
			qg_problem_error(problems, ask->items[i], "is a question");
		}
	}
}

static void check_entry(const struct qg_tree *entry, struct qg_problems *problems)
{
	static const char *const keys[] = {"ask", "answer"};
	if (entry->kind != QG_TREE_MAP) {
		qg_problem_error(problems, entry, "is not of the form {ask: [..], answer: ..}");
		return;
	}
	for (size_t i = 0; i < entry->count; i++) {
		const char *key = entry->items[i]->key;
		if (!qg_str_equal(key, keys[0]) && !qg_str_equal(key, keys[1])) {
			const char *near = qg_str_nearest(key, keys, 2);
			qg_problem_error_key(problems, entry->items[i],
				"unknown key '%s'%s%s%s; allowed: ask, answer", key,
				near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
				near != NULL ? "'?" : "");
		}
	}
	check_ask(entry, qg_tree_get(entry, "ask"), problems);
	const struct qg_tree *answer = qg_tree_get(entry, "answer");
	if (answer == NULL || answer->kind != QG_TREE_SCALAR || answer->text[0] == '\0') {
		qg_problem_error(
			problems, answer != NULL ? answer : entry, "needs 'answer': a text");
	}
}

void qg_faq_check(const struct qg_tree *tree, struct qg_problems *problems)
{
	if (tree == NULL || tree->kind == QG_TREE_NULL) {
		return;
	}
	if (tree->kind != QG_TREE_LIST || tree->count > MAX_ENTRIES) {
		qg_problem_error(problems, tree,
			"is not a list of at most %d questions with answers", MAX_ENTRIES);
		return;
	}
	for (size_t i = 0; i < tree->count; i++) {
		check_entry(tree->items[i], problems);
	}
}

/* ---- asking ---- */

struct qg_faq_match qg_faq_find(const struct qg_faq *faq, const char *question)
{
	struct qg_faq_match best = {.kind = QG_FAQ_NONE};
	uint32_t raw[QG_TEXT_CODES];
	size_t count = qg_text_strip(raw, qg_text_codes(question, raw, QG_TEXT_CODES));
	if (count == 0 || count > MAX_PHRASE) {
		return best;
	}
	uint64_t bigrams[MAX_PHRASE];
	make_bigrams(raw, count, bigrams);
	for (size_t i = 0; i < faq->phrases->count; i++) {
		const struct phrase *phrase = &faq->phrases->items[i];
		if (is_hopeless(count - 1, phrase->count - 1)) {
			continue;
		}
		bool equal = phrase->count == count &&
			     memcmp(phrase->codes, raw, count * sizeof(*raw)) == 0;
		double score =
			equal ? 1.0 : dice(bigrams, count - 1, phrase->bigrams, phrase->count - 1);
		enum qg_faq_kind kind = score >= HINT_SCORE ? QG_FAQ_HINT : QG_FAQ_NONE;
		if (equal) {
			kind = QG_FAQ_EXACT;
		} else if (phrase->count == count &&
			   qg_text_sounds_equal(raw, phrase->codes, count)) {
			kind = QG_FAQ_NEAR;
			score = NEAR_SCORE;
		} else if (score >= NEAR_SCORE &&
			   may_mean_the_same(raw, count, phrase->codes, phrase->count)) {
			kind = QG_FAQ_NEAR;
		}
		if (kind > best.kind || (kind == best.kind && score > best.score)) {
			const struct entry *entry = &faq->entries[phrase->entry];
			best = (struct qg_faq_match){kind, score, entry->question, entry->answer};
		}
		if (equal) {
			break;
		}
	}
	return best;
}

size_t qg_faq_count(const struct qg_faq *faq)
{
	return faq->entry_count;
}
