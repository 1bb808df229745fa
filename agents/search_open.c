/* search_open.c - an index opened: the sections of a short handbook kept, those of any other in a file; at the first
 * search the postings of a small one, and for a large one a connection a pool thread.
 *
 * Most handbooks are short and for the most part their template's: kept as shared texts they cost a bot next to
 * nothing, and a thousand bots start without making a thousand files. Of the others a bot that nobody asks costs no
 * more than its headings. A connection belongs to the thread that opened it, so that searches need no lock among
 * them. Where there is no folder, or none that can be written, the sections stay in memory too, and of a large
 * handbook each thread fills an index there: slower to begin, and a bot that answers. */
#include "search_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "index.h"
#include "qg/clock.h"
#include "qg/log.h"
#include "shared.h"
#include "text.h"

#define MAX_DIGEST (12 * 1024)
#define MAX_HEADINGS 5000
#define WORDS_SIZE 128

bool qg_heading_read(struct qg_heading *heading, const char *text)
{
	uint32_t codes[QG_HEADING_CODES + 1];
	heading->count = qg_text_codes(text, codes, QG_HEADING_CODES + 1);
	if (heading->count < QG_MIN_MENDED || heading->count > QG_HEADING_CODES) {
		return false;
	}
	for (size_t i = 0; i < heading->count; i++) {
		if (!qg_text_is_cjk(codes[i])) {
			return false;
		}
	}
	memcpy(heading->codes, codes, heading->count * sizeof(*codes));
	return true;
}

/* "title: heading、heading" a document. What no longer fits is left out. */
static void add_to_digest(struct qg_buf *digest, const struct qg_sections *sections, size_t at)
{
	const struct qg_section *section = &sections->items[at],
				*before = at > 0 ? section - 1 : NULL;
	bool same_title = before != NULL && strcmp(before->title, section->title) == 0;
	if (digest->size + strlen(section->title) + strlen(section->heading) + 16 > MAX_DIGEST) {
		return;
	}
	if (!same_title) {
		qg_buf_printf(digest, "%s%s：%s", digest->size > 0 ? "\n" : "", section->title,
			section->heading);
	} else if (strcmp(before->heading, section->heading) != 0) {
		qg_buf_printf(digest, "、%s", section->heading);
	}
}

static bool read_headings(struct qg_search *search, const struct qg_sections *sections)
{
	size_t most = sections->count < MAX_HEADINGS ? sections->count : MAX_HEADINGS;
	search->headings = calloc(most + 1, sizeof(*search->headings));
	if (search->headings == NULL) {
		return false;
	}
	struct qg_buf digest;
	qg_buf_init(&digest, MAX_DIGEST);
	qg_buf_add_str(&digest, "");
	for (size_t i = 0; i < sections->count; i++) {
		struct qg_heading *heading = &search->headings[search->heading_count];
		search->heading_count +=
			i < most && qg_heading_read(heading, sections->items[i].heading);
		add_to_digest(&digest, sections, i);
	}
	search->digest = qg_shared_take(digest.data);
	qg_buf_finish(&digest);
	struct qg_heading *fitting =
		realloc(search->headings, (search->heading_count + 1) * sizeof(*search->headings));
	search->headings = fitting != NULL ? fitting : search->headings;
	return search->digest != NULL;
}

static void share(char **text, bool *shared)
{
	char *one = qg_shared_take(*text);
	free(*text);
	*text = one;
	*shared &= one != NULL;
}

/* Moves the sections here, each text shared. */
static bool keep(struct qg_search *search, struct qg_sections *sections)
{
	bool kept = true;
	for (size_t i = 0; i < sections->count; i++) {
		share(&sections->items[i].title, &kept);
		share(&sections->items[i].heading, &kept);
		share(&sections->items[i].text, &kept);
	}
	struct qg_section *fitting =
		realloc(sections->items, (sections->count + 1) * sizeof(*fitting));
	search->sections =
		(struct qg_sections){fitting != NULL ? fitting : sections->items, sections->count};
	*sections = (struct qg_sections){0};
	return kept;
}

static void drop_kept(struct qg_sections *sections)
{
	for (size_t i = 0; i < sections->count; i++) {
		qg_shared_drop(sections->items[i].title);
		qg_shared_drop(sections->items[i].heading);
		qg_shared_drop(sections->items[i].text);
	}
	free(sections->items);
	*sections = (struct qg_sections){0};
}

struct qg_search *qg_search_open(
	const char *folder, const char *name, struct qg_sections *sections, char *words)
{
	struct qg_search *search = calloc(1, sizeof(*search));
	if (search != NULL) {
		pthread_mutex_init(&search->loading, NULL);
	}
	if (search == NULL || !read_headings(search, sections)) {
		snprintf(words, WORDS_SIZE, "out of memory");
		qg_sections_finish(sections);
		qg_search_close(search);
		return NULL;
	}
	search->lock = -1;
	search->section_count = sections->count;
	search->loads = sections->count <= QG_POSTINGS_SECTIONS;
	bool files = folder != NULL && sections->count > QG_SEARCH_KEPT;
	search->path = files ? qg_index_open(folder, name, sections, &search->lock, words) : NULL;
	if (files && search->path == NULL) {
		qg_log_warn(name, "knowledge index: %s; kept in memory instead", words);
	}
	if (search->path == NULL && !keep(search, sections)) {
		snprintf(words, WORDS_SIZE, "out of memory");
		qg_search_close(search);
		return NULL;
	}
	qg_sections_finish(sections);
	return search;
}

static void close_connection(struct qg_search_connection *connection)
{
	qg_db_finish(connection->begin);
	qg_db_finish(connection->commit);
	qg_db_finish(connection->match);
	qg_db_finish(connection->documents);
	qg_db_close(connection->db);
	*connection = (struct qg_search_connection){0};
}

void qg_search_close(struct qg_search *search)
{
	if (search == NULL) {
		return;
	}
	for (size_t i = 0; i < QG_SEARCH_THREADS; i++) {
		close_connection(&search->threads[i]);
	}
	if (search->path != NULL) {
		close(search->lock);
	}
	drop_kept(&search->sections);
	qg_postings_destroy(search->memory);
	pthread_mutex_destroy(&search->loading);
	free(search->path);
	free(search->headings);
	qg_shared_drop(search->digest);
	free(search);
}

const char *qg_search_digest(const struct qg_search *search)
{
	return search->digest;
}

/* ---- a small handbook in memory ---- */

static enum qg_status add_from_file(struct qg_postings *postings, const char *path)
{
	char words[WORDS_SIZE];
	struct qg_db *db = access(path, R_OK) == 0 ? qg_db_open(path, words) : NULL;
	struct qg_db_query *rows =
		db != NULL
			? qg_db_prepare(db, "SELECT title, heading, body FROM sections ORDER BY id")
			: NULL;
	enum qg_status status = rows != NULL ? QG_OK : QG_IO;
	while (status == QG_OK && (status = qg_db_step(rows)) == QG_OK) {
		status = qg_postings_add(
			postings, qg_db_text(rows, 0), qg_db_text(rows, 1), qg_db_text(rows, 2));
	}
	qg_db_finish(rows);
	qg_db_close(db);
	return status == QG_EMPTY ? QG_OK : status;
}

static enum qg_status add_sections(struct qg_postings *postings, const struct qg_sections *sections)
{
	enum qg_status status = QG_OK;
	for (size_t i = 0; i < sections->count && status == QG_OK; i++) {
		const struct qg_section *section = &sections->items[i];
		status = qg_postings_add(postings, section->title, section->heading, section->text);
	}
	return status;
}

static struct qg_postings *load(const struct qg_search *search)
{
	struct qg_postings *postings = qg_postings_create(search->section_count);
	if (postings == NULL) {
		return NULL;
	}
	enum qg_status status = search->path != NULL ? add_from_file(postings, search->path)
						     : add_sections(postings, &search->sections);
	status = status == QG_OK ? qg_postings_sort(postings) : status;
	if (status != QG_OK || qg_postings_count(postings) != search->section_count) {
		qg_postings_destroy(postings);
		return NULL;
	}
	return postings;
}

const struct qg_postings *qg_search_load(struct qg_search *search)
{
	pthread_mutex_lock(&search->loading);
	if (search->memory == NULL && search->loads) {
		search->memory = load(search);
		search->loads =
			search->memory != NULL; /* once: the file answers, or fails, instead */
	}
	const struct qg_postings *memory = search->memory;
	search->readers += memory != NULL;
	search->read_at = qg_clock_mono();
	pthread_mutex_unlock(&search->loading);
	return memory;
}

void qg_search_unload(struct qg_search *search)
{
	pthread_mutex_lock(&search->loading);
	search->readers--;
	pthread_mutex_unlock(&search->loading);
}

bool qg_search_rest(struct qg_search *search, uint64_t since)
{
	struct qg_postings *gone = NULL;
	if (search->memory == NULL || pthread_mutex_trylock(&search->loading) != 0) {
		return false;
	}
	if (search->readers == 0 && search->read_at < since) {
		gone = search->memory;
		search->memory = NULL;
	}
	pthread_mutex_unlock(&search->loading);
	qg_postings_destroy(gone);
	return gone != NULL;
}

bool qg_search_is_quick(struct qg_search *search)
{
	return search->section_count <= QG_SEARCH_KEPT && search->memory != NULL;
}

/* ---- a large one in its file ---- */

static bool open_connection(struct qg_search *search, struct qg_search_connection *connection)
{
	char words[WORDS_SIZE];
	/* SQLite would make a missing file anew, and empty. */
	if (search->path != NULL && access(search->path, R_OK) != 0) {
		return false;
	}
	connection->db = qg_db_open(search->path != NULL ? search->path : ":memory:", words);
	if (connection->db == NULL ||
		(search->path == NULL &&
			qg_index_fill(connection->db, &search->sections) != QG_OK)) {
		return false;
	}
	connection->documents =
		qg_db_prepare(connection->db, "SELECT sections FROM terms WHERE term = ?");
	connection->begin = qg_db_prepare(connection->db, "BEGIN");
	connection->commit = qg_db_prepare(connection->db, "COMMIT");
	connection->match = qg_db_prepare(connection->db,
		"SELECT title, heading, body, folded FROM (SELECT rowid AS found,"
		" bm25(tokens, 4.0, 1.0) AS score FROM tokens WHERE tokens MATCH ?"
		" ORDER BY score LIMIT ?) JOIN sections ON id = found ORDER BY score, found");
	return connection->documents != NULL && connection->match != NULL &&
	       connection->begin != NULL && connection->commit != NULL;
}

struct qg_search_connection *qg_search_connect(struct qg_search *search, unsigned thread_index)
{
	struct qg_search_connection *connection =
		&search->threads[thread_index % QG_SEARCH_THREADS];
	if (connection->db == NULL && !open_connection(search, connection)) {
		close_connection(connection);
		return NULL;
	}
	return connection;
}
