/* template.c - a template folder, read and checked whole.
 *
 * All files are read in one run and all their errors are said, so that whoever writes a template
 * sees everything at once. Nothing is filled here: one template serves many bots. */
#include "template.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faq.h"
#include "qg/role.h"
#include "vars.h"

#define MAX_PROMPT (64 * 1024)
#define MAX_FILES (1024 * 1024) /* bytes that name a template's */
#define MAX_DEPTH 8

/* Filled by the program and no question of the interview. */
static const char *const built_in[] = {"bot"};

static const struct qg_option options[] = {
	{"id", QG_OPTION_STRING, NULL, offsetof(struct qg_template, id), QG_OPTION_REQUIRED,
		.min = 1, .max = 40},
	{"name", QG_OPTION_STRING, NULL, offsetof(struct qg_template, name), QG_OPTION_REQUIRED,
		.min = 1, .max = 80},
	{"industry", QG_OPTION_STRING, NULL, offsetof(struct qg_template, industry),
		QG_OPTION_REQUIRED},
	{"version", QG_OPTION_STRING, NULL, offsetof(struct qg_template, version),
		QG_OPTION_REQUIRED},
	{"summary", QG_OPTION_STRING, NULL, offsetof(struct qg_template, summary),
		QG_OPTION_REQUIRED},
	{"greeting", QG_OPTION_STRING, "", offsetof(struct qg_template, greeting)},
	{"model_tier", QG_OPTION_STRING, "standard", offsetof(struct qg_template, model_tier),
		.choices = "cheap|standard|strong"},
	{"suggestions", QG_OPTION_STRINGS, NULL, offsetof(struct qg_template, suggestions)},
	{"mask", QG_OPTION_STRINGS, NULL, offsetof(struct qg_template, mask),
		.choices = "phone|id_card|bank_card"},
	{"team", QG_OPTION_STRINGS, NULL, offsetof(struct qg_template, team)},
	{NULL},
};
static const char *const parts[] = {
	"interview", "trigger", "budget", "tools", "records", "schedules", "handover", NULL};

struct handover {
	struct qg_strings keywords;
	int64_t misses;
	char *quiet;
};
static const struct qg_option handover_options[] = {
	{"keywords", QG_OPTION_STRINGS, NULL, offsetof(struct handover, keywords)},
	{"misses", QG_OPTION_INT, "2", offsetof(struct handover, misses), .min = 0, .max = 100},
	{"quiet", QG_OPTION_STRING, "30m", offsetof(struct handover, quiet)},
	{NULL},
};

void qg_template_destroy(struct qg_template *template)
{
	if (template == NULL) {
		return;
	}
	qg_option_finish(options, template);
	qg_strings_finish(&template->handover_keywords);
	qg_strings_finish(&template->variables);
	qg_knowledge_finish(&template->knowledge);
	free(template->prompt);
	qg_tree_destroy(template->root);
	qg_tree_destroy(template->faq);
	qg_faq_phrases_destroy(template->phrases);
	qg_tree_destroy(template->cases);
	free(template);
}

static void read_handover(struct qg_template *template, struct qg_problems *problems)
{
	const struct qg_tree *tree = qg_tree_get(template->root, "handover");
	const struct qg_tree *layers[] = {tree, NULL};
	struct handover handover = {0};
	if (tree != NULL && tree->kind != QG_TREE_MAP) {
		qg_problem_error(problems, tree,
			"is not of the form {keywords: [..], misses: 2, quiet: 30m}");
		layers[0] = NULL;
	}
	qg_option_fill(handover_options, layers, NULL, NULL, &handover, problems);
	template->handover_keywords = handover.keywords; /* moved */
	handover.keywords = (struct qg_strings){0};
	template->handover_misses = handover.misses;
	template->handover_quiet_ms = 30 * 60 * 1000;
	if (handover.quiet != NULL &&
		!qg_template_duration(handover.quiet, &template->handover_quiet_ms)) {
		qg_problem_error(problems, qg_tree_get(tree, "quiet"),
			"'%s' is no time like 30m, 2h or 90s", handover.quiet);
	}
	qg_option_finish(handover_options, &handover);
}

static void read_variables(struct qg_template *template)
{
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
		if (qg_strings_add(&template->variables, built_in[i]) != QG_OK) {
			return;
		}
	}
	const struct qg_tree *interview = qg_tree_get(template->root, "interview");
	for (size_t i = 0;
		interview != NULL && interview->kind == QG_TREE_LIST && i < interview->count; i++) {
		const struct qg_tree *key = qg_tree_get(interview->items[i], "key");
		if (key != NULL && key->kind == QG_TREE_SCALAR &&
			qg_strings_add(&template->variables, key->text) != QG_OK) {
			return;
		}
	}
}

static bool exists(const char *path)
{
	return path != NULL && access(path, F_OK) == 0;
}

/* An optional YAML file of the folder; NULL without, or with errors. */
static struct qg_tree *read_yaml(const char *folder, const char *name, struct qg_problems *problems)
{
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/%s", folder, name);
	return exists(path) ? qg_tree_read(path, path, false, problems) : NULL;
}

static void read_texts(
	struct qg_template *template, const char *folder, struct qg_problems *problems)
{
	QG_AUTO(qg_str_free) char *prompt = qg_str_printf("%s/prompt.md", folder);
	QG_AUTO(qg_str_free) char *knowledge = qg_str_printf("%s/knowledge", folder);
	if (prompt != NULL) {
		template->prompt = qg_knowledge_file(prompt, MAX_PROMPT, problems);
	}
	if (exists(knowledge)) {
		qg_knowledge_read(&template->knowledge, knowledge, problems);
	}
	if (template->prompt != NULL) {
		qg_vars_check(prompt, 1, 1, template->prompt, &template->variables, problems);
	}
	for (size_t i = 0; i < template->knowledge.count; i++) {
		const struct qg_document *document = &template->knowledge.documents[i];
		qg_vars_check(document->path, 1, 1, document->text, &template->variables, problems);
	}
}

/* Bots name the folder; an id that says otherwise would name two templates alike. */
static void check_id(
	const struct qg_template *template, const char *folder, struct qg_problems *problems)
{
	const char *name = strrchr(folder, '/');
	name = name != NULL ? name + 1 : folder;
	if (template->id != NULL && strcmp(template->id, name) != 0) {
		qg_problem_error(problems, qg_tree_get(template->root, "id"),
			"'%s' is not the folder's name '%s'", template->id, name);
	}
}

struct qg_template *qg_template_load(const char *folder, struct qg_problems *problems)
{
	struct qg_template *template = calloc(1, sizeof(*template));
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/template.yaml", folder);
	if (template != NULL && path != NULL) {
		template->root = qg_tree_read(path, path, false, problems);
	}
	if (template == NULL || template->root == NULL || template->root->kind != QG_TREE_MAP) {
		if (template != NULL && template->root != NULL) {
			qg_problem_error(problems, template->root, "is no map of keys");
		}
		qg_template_destroy(template);
		return NULL;
	}
	const struct qg_tree *layers[] = {template->root, NULL};
	qg_option_fill(options, layers, parts, NULL, template, problems);
	check_id(template, folder, problems);
	qg_template_check_parts(template->root, problems);
	read_handover(template, problems);
	read_variables(template);
	qg_vars_check_tree(qg_tree_get(template->root, "greeting"), &template->variables, problems);
	qg_vars_check_tree(
		qg_tree_get(template->root, "suggestions"), &template->variables, problems);
	qg_vars_check_tree(
		qg_tree_get(template->root, "schedules"), &template->variables, problems);
	template->faq = read_yaml(folder, "faq.yaml", problems);
	qg_faq_check(template->faq, problems);
	qg_vars_check_tree(template->faq, &template->variables, problems);
	template->cases = read_yaml(folder, "cases.yaml", problems);
	qg_template_check_cases(template->cases, problems);
	read_texts(template, folder, problems);
	if (problems->errors == 0 && qg_faq_asks_alike(template->faq)) {
		template->phrases = qg_faq_phrases_create(template->faq);
	}
	return template;
}

void qg_template_check(const char *folder, struct qg_problems *problems)
{
	qg_template_destroy(qg_template_load(folder, problems));
}

/* ---- read once ---- */

/* What lies in the folder, by name, size and time of change. */
static void describe(const char *path, unsigned depth, struct qg_buf *out)
{
	struct stat info;
	struct dirent **entries = NULL;
	if (depth > MAX_DEPTH || stat(path, &info) != 0) {
		return;
	}
	qg_buf_printf(out, "%s %lld %lld.%09ld %lld\n", path, (long long)info.st_size,
		(long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, (long long)info.st_ino);
	int count = S_ISDIR(info.st_mode) ? scandir(path, &entries, NULL, alphasort) : 0;
	for (int i = 0; i < count; i++) {
		QG_AUTO(qg_str_free) char *inner = qg_str_printf("%s/%s", path, entries[i]->d_name);
		if (inner != NULL && entries[i]->d_name[0] != '.') {
			describe(inner, depth + 1, out);
		}
		free(entries[i]);
	}
	free(entries);
}

struct cached {
	char *folder;
	char *files; /* as describe() has them */
	struct timespec changed;
	off_t size;
	struct qg_template *template;
	struct cached *next;
};

/* Templates stay for the life of the process: configs and roles borrow them, and one seldom changes. */
static struct cached *cache;
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* files NULL: it is enough that template.yaml is the same. */
static const struct qg_template *find(
	const char *folder, const char *files, const struct stat *info)
{
	for (const struct cached *item = cache; item != NULL; item = item->next) {
		if (strcmp(item->folder, folder) == 0 &&
			(files != NULL ? strcmp(item->files, files) == 0
				       : same_time(&item->changed, &info->st_mtim) &&
						 item->size == info->st_size)) {
			return item->template;
		}
	}
	return NULL;
}

static const struct qg_template *read_new(const char *folder, const char *files,
	const struct stat *info, struct qg_problems *problems)
{
	unsigned errors = problems->errors;
	struct qg_template *template = qg_template_load(folder, problems);
	struct cached *item = calloc(1, sizeof(*item));
	char *name = qg_str_copy(folder), *described = qg_str_copy(files);
	if (template == NULL || item == NULL || name == NULL || described == NULL ||
		problems->errors > errors) {
		qg_template_destroy(template);
		free(item);
		free(name);
		free(described);
		return NULL;
	}
	*item = (struct cached){name, described, info->st_mtim, info->st_size, template, cache};
	cache = item;
	return template;
}

static const struct qg_template *find_or_read(
	const char *folder, bool whole, struct qg_problems *problems)
{
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/template.yaml", folder);
	QG_AUTO(qg_buf_finish) struct qg_buf files;
	struct stat info;
	if (path == NULL || stat(path, &info) != 0) {
		qg_problem_error_at(problems, folder, 0, 0, "holds no template.yaml");
		return NULL;
	}
	qg_buf_init(&files, MAX_FILES);
	pthread_mutex_lock(&cache_lock);
	const struct qg_template *template = whole ? NULL : find(folder, NULL, &info);
	if (template == NULL) {
		describe(folder, 0, &files);
		template = files.size > 0 ? find(folder, files.data, &info) : NULL;
	}
	if (template == NULL && files.size > 0) {
		template = read_new(folder, files.data, &info, problems);
	}
	pthread_mutex_unlock(&cache_lock);
	return template;
}

const struct qg_template *qg_template_shared(const char *folder, struct qg_problems *problems)
{
	return find_or_read(folder, true, problems);
}

const struct qg_tree *qg_template_tree(const char *folder, struct qg_problems *problems)
{
	const struct qg_template *template = find_or_read(folder, false, problems);
	return template != NULL ? template->root : NULL;
}
