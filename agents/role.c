/* role.c - a template made ready for one bot: filled, indexed, counted.
 *
 * Reading files, parsing and indexing run in the pool on copies of what the bot says, because the
 * config it came from may be gone before they are done. A role never changes afterwards; a reload
 * makes another one, and turns keep theirs. Whoever opens a bot that is open, or being opened, gets
 * the same role: a gateway and a worker in one process have one. What does not come from the bot
 * itself is the template's, or shared with other roles of the same text. */
#include "role_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "shared.h"
#include "vars.h"
#include "words.h"

#define WORDS_SIZE 512
#define MAX_SUGGESTED 4096
#define REST_MS (10 * 60 * 1000)
#define ROWS 256
#define REST_MOST 16 /* handbooks let go in one turn of the loop */

struct opening { /* one qg_role_open() */
	char *bot, *template_id, *language, *config_dir, *data_dir;
	json_t *answers, *overrides;
	struct qg_strings knowledge;
	char *fingerprint;
	struct qg_list link;  /* among those under way */
	struct qg_role *role; /* the outcome */
	char words[WORDS_SIZE];
	struct waiter *waiters;
};

struct waiter { /* one who asked for it */
	struct waiter *next;
	void (*ready)(void *arg, struct qg_role *role, const char *words);
	void *arg;
};

/* Of the loop's thread; a thousand bots look for theirs at once, by their fingerprints. */
static struct qg_list roles[ROWS], openings[ROWS];

static struct qg_list *row_of(struct qg_list *rows, const char *fingerprint)
{
	struct qg_list *row = &rows[qg_crc16(fingerprint, strlen(fingerprint)) % ROWS];
	if (row->next == NULL) {
		qg_list_init(row);
	}
	return row;
}

static void destroy(struct qg_role *role)
{
	if (role == NULL) {
		return;
	}
	qg_list_remove(&role->link);
	qg_search_close(role->search);
	qg_faq_destroy(role->faq);
	qg_strings_finish(&role->suggestions);
	json_decref(role->values);
	json_decref(role->words);
	free(role->fingerprint);
	free(role->data_dir);
	free(role->title);
	free(role->greeting);
	qg_shared_drop(role->system);
	free(role);
}

struct qg_role *qg_role_take(struct qg_role *role)
{
	role->references++;
	return role;
}

void qg_role_release(struct qg_role *role)
{
	if (role != NULL && --role->references == 0) {
		destroy(role);
	}
}

static unsigned rest_row(const struct qg_list *row, uint64_t since, unsigned most)
{
	unsigned rested = 0;
	if (row->next == NULL) {
		return 0;
	}
	QG_LIST_FOR_EACH (item, row) {
		rested += qg_search_rest(QG_CONTAINER(item, struct qg_role, link)->search, since);
		if (rested == most) {
			break;
		}
	}
	return rested;
}

void qg_roles_rest(void)
{
	uint64_t now = qg_clock_mono(), since = now > REST_MS ? now - REST_MS : 0;
	unsigned rested = 0;
	for (size_t i = 0; i < ROWS && rested < REST_MOST; i++) {
		rested += rest_row(&roles[i], since, REST_MOST - rested);
	}
}

/* ---- filling ---- */

/* What the owner must answer and has not is said to be open: a blank would read as an answer. */
static void fill_gaps(const struct qg_template *template, const json_t *words, json_t *values)
{
	const struct qg_tree *interview = qg_tree_get(template->root, "interview");
	for (size_t i = 0; interview != NULL && i < interview->count; i++) {
		const struct qg_tree *key = qg_tree_get(interview->items[i], "key");
		const struct qg_tree *required = qg_tree_get(interview->items[i], "required");
		if (key != NULL && key->text != NULL && required != NULL &&
			qg_str_equal(required->text, "true") &&
			qg_json_str(values, key->text, "")[0] == '\0') {
			json_object_set_new(values, key->text,
				json_string(qg_json_str(words, "answer_missing", "?")));
		}
	}
}

/* Every variable has a value, so that none stays in braces; those of the interview come from the
 * owner. */
static json_t *make_values(
	const struct qg_template *template, const json_t *words, const json_t *answers)
{
	json_t *values = json_object();
	for (size_t i = 0; values != NULL && i < template->variables.count; i++) {
		const char *name = template->variables.items[i];
		json_object_set_new(values, name, json_string(qg_json_str(answers, name, "")));
	}
	fill_gaps(template, words, values);
	return values;
}

static bool fill_strings(
	const struct qg_strings *from, const json_t *values, struct qg_strings *out)
{
	for (size_t i = 0; i < from->count; i++) {
		QG_AUTO(qg_str_free) char *filled = qg_vars_fill(from->items[i], values);
		if (filled == NULL || qg_strings_add(out, filled) != QG_OK) {
			return false;
		}
	}
	return true;
}

static bool fill_texts(struct qg_role *role)
{
	const struct qg_template *template = role->template;
	role->title = qg_vars_fill(template->name, role->values);
	if (role->title == NULL ||
		json_object_set_new(role->values, "bot", json_string(role->title)) != 0) {
		return false;
	}
	role->greeting = qg_vars_fill(template->greeting, role->values);
	role->faq = qg_faq_create(template->faq, role->values, template->phrases);
	return role->greeting != NULL && role->faq != NULL &&
	       fill_strings(&template->suggestions, role->values, &role->suggestions);
}

/* "menu" of ".../menu.md" */
static char *document_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	return qg_str_copy_n(name, dot != NULL ? (size_t)(dot - name) : strlen(name));
}

static enum qg_status add_documents(
	struct qg_sections *sections, const struct qg_knowledge *knowledge, const json_t *values)
{
	enum qg_status status = QG_OK;
	for (size_t i = 0; i < knowledge->count && status == QG_OK; i++) {
		QG_AUTO(qg_str_free) char *name = document_name(knowledge->documents[i].path);
		QG_AUTO(qg_str_free)
		char *text = qg_vars_fill(knowledge->documents[i].text, values);
		status = name != NULL && text != NULL ? qg_sections_add(sections, name, text)
						      : QG_NO_MEMORY;
	}
	return status;
}

static bool make_search(struct opening *opening, struct qg_role *role, struct qg_problems *problems)
{
	struct qg_knowledge own = {0};
	for (size_t i = 0; i < opening->knowledge.count; i++) {
		qg_knowledge_read(&own, opening->knowledge.items[i], problems);
	}
	struct qg_sections sections = {0};
	/* The owner's handbook first: between equals it wins. */
	enum qg_status status = add_documents(&sections, &own, role->values);
	status = status == QG_OK
			 ? add_documents(&sections, &role->template->knowledge, role->values)
			 : status;
	qg_knowledge_finish(&own);
	if (status != QG_OK || problems->errors > 0) {
		snprintf(opening->words, WORDS_SIZE, "the knowledge: %s", qg_status_text(status));
		qg_sections_finish(&sections);
		return false;
	}
	QG_AUTO(qg_str_free)
	char *folder =
		opening->data_dir != NULL ? qg_str_printf("%s/knowledge", opening->data_dir) : NULL;
	role->search = qg_search_open(folder, opening->bot, &sections, opening->words);
	return role->search != NULL;
}

/* ---- opening, in the pool ---- */

static bool make_prompt(struct qg_role *role)
{
	const char *written = role->template->prompt;
	QG_AUTO(qg_str_free)
	char *prompt = qg_vars_fill(written != NULL ? written : "", role->values);
	QG_AUTO(qg_str_free)
	char *system = prompt != NULL ? qg_prompt_system(prompt, qg_search_digest(role->search),
						&role->system_tokens)
				      : NULL;
	role->system = qg_shared_take(system);
	return role->system != NULL;
}

static struct qg_role *make_role(
	struct opening *opening, const struct qg_template *template, struct qg_problems *problems)
{
	struct qg_role *role = calloc(1, sizeof(*role));
	if (role == NULL) {
		return NULL;
	}
	role->references = 1; /* the opening's */
	qg_list_init(&role->link);
	role->template = template;
	role->words =
		qg_words_load(opening->config_dir, opening->language, opening->overrides, problems);
	role->values = make_values(template, role->words, opening->answers);
	if (role->values == NULL || role->words == NULL || !fill_texts(role) ||
		!make_search(opening, role, problems) || !make_prompt(role)) {
		destroy(role);
		return NULL;
	}
	return role;
}

static void say_problem(struct opening *opening, const struct qg_problems *problems)
{
	const char *text = problems->text.data != NULL ? problems->text.data : "";
	int first = (int)strcspn(text, "\n");
	if (problems->errors > 1) {
		snprintf(opening->words, WORDS_SIZE, "%.*s (and %u more)", first, text,
			problems->errors - 1);
	} else if (problems->errors == 1) {
		snprintf(opening->words, WORDS_SIZE, "%.*s", first, text);
	}
}

static void run(void *arg, unsigned thread_index)
{
	struct opening *opening = arg;
	if (opening->role != NULL) {
		return; /* it is there already */
	}
	snprintf(opening->words, WORDS_SIZE, "out of memory");
	QG_AUTO(qg_str_free)
	char *folder = qg_template_find(opening->config_dir, opening->template_id);
	if (folder == NULL) {
		snprintf(opening->words, WORDS_SIZE, "there is no template '%s'",
			opening->template_id);
		return;
	}
	struct qg_problems problems;
	qg_problems_init(&problems);
	const struct qg_template *template = qg_template_shared(folder, &problems);
	if (template != NULL) {
		opening->role = make_role(opening, template, &problems);
	}
	say_problem(opening, &problems);
	qg_problems_finish(&problems);
}

static void finish(struct opening *opening)
{
	qg_list_remove(&opening->link);
	while (opening->waiters != NULL) {
		struct waiter *told = opening->waiters;
		opening->waiters = told->next;
		free(told);
	}
	free(opening->bot);
	free(opening->fingerprint);
	free(opening->template_id);
	free(opening->language);
	free(opening->config_dir);
	free(opening->data_dir);
	json_decref(opening->answers);
	json_decref(opening->overrides);
	qg_strings_finish(&opening->knowledge);
	qg_role_release(opening->role);
	free(opening);
}

/* Where others look for it. */
static void enter(struct opening *opening)
{
	struct qg_role *role = opening->role;
	role->fingerprint = opening->fingerprint; /* moved */
	role->data_dir = opening->data_dir;
	opening->fingerprint = opening->data_dir = NULL;
	qg_list_add(row_of(roles, role->fingerprint), &role->link);
}

/* Back on the loop. From here on nobody joins: who asks later finds the role itself. */
static void done(void *arg)
{
	struct opening *opening = arg;
	struct qg_role *role = opening->role;
	qg_list_remove(&opening->link);
	if (role != NULL && role->fingerprint == NULL) {
		enter(opening);
	}
	for (struct waiter *waiter = opening->waiters; waiter != NULL; waiter = waiter->next) {
		waiter->ready(waiter->arg, role != NULL ? qg_role_take(role) : NULL,
			role != NULL ? NULL : opening->words);
	}
	finish(opening);
}

/* ---- opening, on the loop ---- */

static bool is_of(const char *fingerprint, const char *data_dir, const struct qg_bot_config *bot,
	const char *wanted_dir)
{
	return bot->fingerprint[0] != '\0' && strcmp(fingerprint, bot->fingerprint) == 0 &&
	       qg_str_equal(data_dir, wanted_dir);
}

static struct opening *find_opening(const struct qg_bot_config *bot, const char *data_dir)
{
	QG_LIST_FOR_EACH (item, row_of(openings, bot->fingerprint)) {
		struct opening *opening = QG_CONTAINER(item, struct opening, link);
		if (is_of(opening->fingerprint, opening->data_dir, bot, data_dir)) {
			return opening;
		}
	}
	return NULL;
}

static struct qg_role *find_role(const struct qg_bot_config *bot, const char *data_dir)
{
	QG_LIST_FOR_EACH (item, row_of(roles, bot->fingerprint)) {
		struct qg_role *role = QG_CONTAINER(item, struct qg_role, link);
		if (is_of(role->fingerprint, role->data_dir, bot, data_dir)) {
			return role;
		}
	}
	return NULL;
}

static bool copy_bot(struct opening *opening, const struct qg_bot_config *bot)
{
	opening->bot = qg_str_copy(bot->name);
	opening->fingerprint = qg_str_copy(bot->fingerprint);
	opening->template_id = qg_str_copy(bot->template_id);
	opening->language = qg_str_copy(bot->language);
	opening->answers = bot->answers != NULL ? json_deep_copy(bot->answers) : json_object();
	opening->overrides = bot->words != NULL ? json_deep_copy(bot->words) : NULL;
	for (size_t i = 0; i < bot->knowledge.count; i++) {
		if (qg_strings_add(&opening->knowledge, bot->knowledge.items[i]) != QG_OK) {
			return false;
		}
	}
	return opening->bot != NULL && opening->fingerprint != NULL &&
	       opening->template_id != NULL && opening->answers != NULL;
}

/* there: the role it is about, where it is open. */
static struct opening *create(const struct qg_bot_config *bot, const char *config_dir,
	const char *data_dir, struct qg_role *there)
{
	struct opening *opening = calloc(1, sizeof(*opening));
	if (opening == NULL) {
		return NULL;
	}
	qg_list_init(&opening->link);
	opening->role = there != NULL ? qg_role_take(there) : NULL;
	opening->config_dir = qg_str_copy(config_dir);
	opening->data_dir = qg_str_copy(data_dir);
	if (!copy_bot(opening, bot) || (opening->config_dir == NULL && config_dir != NULL) ||
		(opening->data_dir == NULL && data_dir != NULL)) {
		finish(opening);
		return NULL;
	}
	return opening;
}

static void add_waiter(struct opening *opening, struct waiter *added)
{
	struct waiter **last = &opening->waiters;
	while (*last != NULL) {
		last = &(*last)->next;
	}
	*last = added;
}

enum qg_status qg_role_open(struct qg_loop *loop, const struct qg_bot_config *bot,
	const char *config_dir, const char *data_dir,
	void (*ready)(void *arg, struct qg_role *role, const char *words), void *arg)
{
	struct opening *opening = find_opening(bot, data_dir);
	struct waiter *waiter = malloc(sizeof(*waiter));
	bool joins = opening != NULL;
	if (waiter != NULL && !joins) {
		opening = create(bot, config_dir, data_dir, find_role(bot, data_dir));
	}
	if (waiter == NULL || opening == NULL) {
		free(waiter);
		return QG_NO_MEMORY;
	}
	*waiter = (struct waiter){.ready = ready, .arg = arg};
	add_waiter(opening, waiter);
	if (!joins && qg_loop_work(loop, run, done, opening) == NULL) {
		finish(opening);
		return QG_BUSY;
	}
	if (!joins) {
		qg_list_add(row_of(openings, opening->fingerprint), &opening->link);
	}
	return QG_OK;
}

/* ---- asking ---- */

const char *qg_role_title(const struct qg_role *role)
{
	return role->title;
}

const char *qg_role_greeting(const struct qg_role *role)
{
	return role->greeting;
}

const struct qg_strings *qg_role_suggestions(const struct qg_role *role)
{
	return &role->suggestions;
}

char *qg_role_suggested(const struct qg_role *role)
{
	struct qg_buf out;
	qg_buf_init(&out, MAX_SUGGESTED);
	qg_buf_add_str(&out, "");
	for (size_t i = 0; i < role->suggestions.count; i++) {
		qg_buf_printf(&out, "%s%s", i > 0 ? "、" : "", role->suggestions.items[i]);
	}
	return qg_buf_steal(&out);
}

/* The variables of a sentence that nobody gave a value leave nothing behind. */
static json_t *sentence_values(const struct qg_role *role, va_list args)
{
	json_t *values = json_copy(role->values);
	const char *name;
	while (values != NULL && (name = va_arg(args, const char *)) != NULL) {
		const char *value = va_arg(args, const char *);
		json_object_set_new(values, name, json_string(value != NULL ? value : ""));
	}
	static const char *const optional[] = {"phone", "hours"};
	for (size_t i = 0; values != NULL && i < sizeof(optional) / sizeof(optional[0]); i++) {
		if (json_object_get(values, optional[i]) == NULL) {
			json_object_set_new(values, optional[i], json_string(""));
		}
	}
	return values;
}

char *qg_role_words(const struct qg_role *role, const char *key, ...)
{
	const char *sentence = qg_json_str(role->words, key, "");
	va_list args;
	va_start(args, key);
	json_auto_t *values = sentence_values(role, args);
	va_end(args);
	return values != NULL ? qg_vars_fill(sentence, values) : NULL;
}
