/* scripted.c - a model that says what a file tells it: for tests, demonstrations and benches.
 *
 * {provider: scripted, script: FILE} is a YAML list of {match, text, chunks, delay_ms, fail,
 * usage}. The first entry whose match is part of the question (case and width folded) answers, "*"
 * any. text is sent in that many chunks, delay_ms apart; with fail the call fails behind the text:
 * at once where there is none. fail is "retry", "error", the name of an error, a number of times to
 * fail that way before it answers, or {error, times}. usage: {input, cached_input, output} is
 * reported as it stands. Scripts are read in the pool and kept until the file changes; an entry's
 * failures are counted in the process. */
#include "qg/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "qg/json.h"
#include "qg/option.h"
#include "text.h"

#define MAX_CHUNKS 100000
#define MAX_DELAY_MS 600000
#define ALWAYS INT64_MAX

struct entry {
	const char *match, *text; /* of the tree's JSON */
	int64_t chunks, delay_ms;
	enum qg_model_error error; /* QG_MODEL_NONE: answers */
	int64_t times;		   /* it fails still; ALWAYS */
	bool has_usage;
	int64_t input, cached_input, output;
};

struct script {
	unsigned references; /* the cache's, and calls' */
	char *path;
	struct stat info;
	json_t *json;
	struct entry *entries;
	size_t count;
	struct script *next;
};

struct job { /* a call under way; outlives a cancelled call until the loop or the pool is done with it */
	struct qg_model_call *call; /* NULL: cancelled */
	struct script *script;
	const struct entry *entry;
	enum qg_model_error error;
	struct qg_timer *timer;
	size_t sent; /* bytes */
	int64_t chunk;
	char *path; /* while it is read */
	char words[128];
};

struct state {
	struct job *job;
};

static struct script *cache; /* loop thread only */

/* ---- scripts ---- */

static void release(struct script *script)
{
	if (script == NULL || --script->references > 0) {
		return;
	}
	json_decref(script->json);
	free(script->entries);
	free(script->path);
	free(script);
}

static enum qg_model_error error_named(const char *name)
{
	static const char *const names[] = {
#define X(word, words, other) #word,
		QG_MODEL_ERROR_MAP(X)
#undef X
	};
	if (strcmp(name, "retry") == 0) {
		return QG_MODEL_SERVER;
	}
	for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) == 0) {
			return (enum qg_model_error)i;
		}
	}
	return QG_MODEL_REQUEST; /* "error", and what nobody knows */
}

static void read_fail(struct entry *entry, const json_t *fail)
{
	if (json_is_string(fail)) {
		entry->error = error_named(json_string_value(fail));
		entry->times = ALWAYS;
	} else if (json_is_integer(fail)) {
		entry->error = QG_MODEL_SERVER;
		entry->times = json_integer_value(fail);
	} else if (json_is_object(fail)) {
		entry->error = error_named(qg_json_str(fail, "error", "retry"));
		entry->times = qg_json_int(fail, "times", ALWAYS);
	}
}

static int64_t bounded(int64_t value, int64_t min, int64_t max)
{
	return value < min ? min : value > max ? max : value;
}

static void read_entry(struct entry *entry, const json_t *json)
{
	entry->match = qg_json_str(json, "match", "*");
	entry->text = qg_json_str(json, "text", "");
	entry->chunks = bounded(qg_json_int(json, "chunks", 1), 1, MAX_CHUNKS);
	entry->delay_ms = bounded(qg_json_int(json, "delay_ms", 0), 0, MAX_DELAY_MS);
	read_fail(entry, json_object_get(json, "fail"));
	const json_t *usage = json_object_get(json, "usage");
	entry->has_usage = json_is_object(usage);
	entry->input = qg_json_int(usage, "input", 0);
	entry->cached_input = qg_json_int(usage, "cached_input", 0);
	entry->output = qg_json_int(usage, "output", 0);
}

/* In the pool. NULL with words. */
static struct script *read_script(const char *path, char *words)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct script *script = calloc(1, sizeof(*script));
	struct qg_tree *tree = script != NULL ? qg_tree_read(path, path, false, &problems) : NULL;
	bool good = false;
	if (tree != NULL && stat(path, &script->info) == 0) {
		script->references = 1;
		script->path = qg_str_copy(path);
		script->json = qg_tree_to_json(tree);
		script->count = json_array_size(script->json);
		script->entries = calloc(script->count + 1, sizeof(*script->entries));
		good = script->path != NULL && json_is_array(script->json) &&
		       script->entries != NULL;
	}
	for (size_t i = 0; good && i < script->count; i++) {
		read_entry(&script->entries[i], json_array_get(script->json, i));
	}
	if (!good) {
		snprintf(words, 128, "the script cannot be read: %.90s",
			problems.text.size > 0 ? problems.text.data : "it is no list");
		words[strcspn(words, "\n")] = '\0';
		if (script != NULL) {
			script->references = 1;
		}
		release(script);
		script = NULL;
	}
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
	return script;
}

/* The cached script of that path, if the file is still the same. An outdated one is dropped. */
static struct script *find_cached(const char *path)
{
	for (struct script **at = &cache; *at != NULL; at = &(*at)->next) {
		struct script *script = *at;
		struct stat info;
		if (strcmp(script->path, path) != 0) {
			continue;
		}
		if (stat(path, &info) == 0 && info.st_ino == script->info.st_ino &&
			info.st_size == script->info.st_size &&
			info.st_mtim.tv_sec == script->info.st_mtim.tv_sec &&
			info.st_mtim.tv_nsec == script->info.st_mtim.tv_nsec) {
			return script;
		}
		*at = script->next;
		release(script);
		return NULL;
	}
	return NULL;
}

static struct entry *find_entry(struct script *script, const char *text)
{
	for (size_t i = 0; i < script->count; i++) {
		struct entry *entry = &script->entries[i];
		if (strcmp(entry->match, "*") == 0 || qg_text_has(text, entry->match)) {
			return entry;
		}
	}
	return NULL;
}

/* ---- calls ---- */

static void free_job(struct job *job)
{
	qg_timer_destroy(job->timer);
	release(job->script);
	free(job->path);
	free(job);
}

static void end(struct job *job, enum qg_model_error error, const char *words)
{
	struct qg_model_call *call = job->call;
	const struct entry *entry = job->entry;
	struct qg_model_result result = {.error = error,
		.words = words,
		.generated = true,
		.sent = true,
		.retry_after_ms = -1};
	if (entry != NULL && entry->has_usage && error == QG_MODEL_NONE) {
		result.has_usage = true;
		result.tokens.input = entry->input;
		result.tokens.cached_input = entry->cached_input;
		result.tokens.output = entry->output;
	}
	((struct state *)call->state)->job = NULL;
	job->call = NULL;
	call->host->ended(call, &result);
	free_job(job);
}

/* Sends the next chunk: the text is cut evenly, at code points. false: the call was cancelled
 * meanwhile. */
static bool send_chunk(struct job *job, size_t size)
{
	const char *text = job->entry->text;
	job->chunk++;
	size_t until = job->chunk >= job->entry->chunks
			       ? size
			       : qg_utf8_cut(text, size,
					 size * (size_t)job->chunk / (size_t)job->entry->chunks);
	size_t from = job->sent;
	job->sent = until;
	if (until > from) {
		job->call->host->chunk(job->call, text + from, until - from);
	}
	return job->call != NULL;
}

static void proceed(void *arg)
{
	struct job *job = arg;
	if (job->call == NULL) {
		free_job(job);
		return;
	}
	size_t size = strlen(job->entry->text);
	while (job->sent < size) {
		if (!send_chunk(job, size)) {
			free_job(job);
			return;
		}
		if (job->entry->delay_ms > 0 && job->sent < size) {
			qg_timer_start(job->timer, (uint64_t)job->entry->delay_ms);
			return;
		}
	}
	end(job, job->error, "as the script says");
}

/* On the loop, with the script at hand, never from inside ask(). */
static void begin(struct job *job)
{
	struct entry *entry = find_entry(job->script, job->call->ask->text);
	job->entry = entry;
	if (entry == NULL) {
		end(job, QG_MODEL_REQUEST, "no entry of the script matches");
		return;
	}
	if (entry->error != QG_MODEL_NONE && entry->times > 0) {
		job->error = entry->error;
		entry->times -= entry->times != ALWAYS;
	}
	bool answers_later = job->error != QG_MODEL_NONE && entry->times != ALWAYS;
	if (answers_later) { /* its text is for when it no longer fails */
		end(job, job->error, "as the script says");
		return;
	}
	proceed(job);
}

static void begin_cached(void *arg)
{
	struct job *job = arg;
	if (job->call == NULL) {
		free_job(job);
		return;
	}
	begin(job);
}

static void read_run(void *arg, unsigned thread_index)
{
	struct job *job = arg;
	job->script = read_script(job->path, job->words);
}

static void read_done(void *arg)
{
	struct job *job = arg;
	if (job->script != NULL) {
		struct script *known = find_cached(job->path);
		if (known == NULL) {
			job->script->next = cache;
			cache = job->script;
			job->script->references++;
		} else { /* another call was faster: its counters count */
			release(job->script);
			job->script = known;
			known->references++;
		}
	}
	if (job->call == NULL) {
		free_job(job);
	} else if (job->script == NULL) {
		end(job, QG_MODEL_REQUEST, job->words);
	} else {
		begin(job);
	}
}

static enum qg_status check(const struct qg_model_config *endpoint, char *words)
{
	if (endpoint->script == NULL) {
		snprintf(words, 128, "needs 'script': a file with the answers");
		return QG_INVALID;
	}
	return QG_OK;
}

static void tick(void *arg)
{
	proceed(arg);
}

static enum qg_status ask(struct qg_model_call *call)
{
	const char *path = call->endpoint != NULL ? call->endpoint->script : NULL;
	struct job *job = path != NULL ? calloc(1, sizeof(*job)) : NULL;
	if (job == NULL) {
		return path == NULL ? QG_INVALID : QG_NO_MEMORY;
	}
	job->call = call;
	job->path = qg_str_copy(path);
	job->timer = qg_timer_create(call->loop, tick, job);
	job->script = find_cached(path);
	bool cached = job->script != NULL;
	bool begun = job->path != NULL && job->timer != NULL;
	if (cached) {
		job->script->references++;
		begun = begun && qg_loop_defer(call->loop, begin_cached, job) == QG_OK;
	} else {
		begun = begun && qg_loop_work(call->loop, read_run, read_done, job) != NULL;
	}
	if (!begun) {
		free_job(job);
		return QG_NO_MEMORY;
	}
	((struct state *)call->state)->job = job;
	return QG_OK;
}

/* A job that waits for its timer is freed here; one that the loop or the pool will come back to,
 * there. */
static void cancel(struct qg_model_call *call)
{
	struct job *job = ((struct state *)call->state)->job;
	if (job == NULL) {
		return;
	}
	job->call = NULL;
	if (qg_timer_is_active(job->timer)) {
		free_job(job);
	}
}

const struct qg_model qg_model_scripted = {
	.name = "scripted",
	.talks = true, /* by the bare question: a prompt would be made for nobody */
	.is_free = true,
	.state_size = sizeof(struct state),
	.check = check,
	.ask = ask,
	.cancel = cancel,
};
