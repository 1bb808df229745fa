/* index.c - the file of a full-text index: named by its content, made once, shared by processes.
 *
 * folder/<bot>-<digest>.db holds the sections of exactly one content, so it is never changed:
 * whoever finds it reads it. It is written aside and linked into place, which fails where another
 * process was faster. A lock file beside it is held shared by every reader; who can have it alone
 * knows that nobody reads and may remove both. (A lock on the database itself would be lost as soon
 * as SQLite closes any descriptor of that file.) */
#include "index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/codec.h"
#include "qg/crypto.h"
#include "terms.h"
#include "text.h"

#define FORMAT "3" /* of tables and tokens: another one makes other files */
#define DIGEST_HEX 32
#define MAX_CONTENT (256 * 1024 * 1024)
#define MAX_TOKENS (64 * 1024)
#define WORDS_SIZE 128

/* ---- content ---- */

static enum qg_status add_section(struct qg_db_query *plain, struct qg_db_query *tokens,
	const struct qg_section *section, int64_t id)
{
	QG_AUTO(qg_buf_finish) struct qg_buf heading;
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&heading, MAX_TOKENS);
	qg_buf_init(&body, MAX_TOKENS);
	qg_terms_index(section->heading, &heading);
	qg_buf_add_char(&body, ' ');
	qg_terms_index(section->title, &body);
	qg_buf_add_char(&body, ' ');
	QG_AUTO(qg_str_free)
	char *whole = qg_str_printf("%s\n%s\n%s", section->title, section->heading, section->text);
	QG_AUTO(qg_str_free) char *folded = whole != NULL ? qg_text_folded(whole) : NULL;
	if (qg_terms_index(section->text, &body) != QG_OK || heading.failed != QG_OK ||
		folded == NULL) {
		return QG_NO_MEMORY;
	}
	qg_db_bind_int(plain, 1, id);
	qg_db_bind_text(plain, 2, section->title, strlen(section->title));
	qg_db_bind_text(plain, 3, section->heading, strlen(section->heading));
	qg_db_bind_text(plain, 4, section->text, strlen(section->text));
	qg_db_bind_text(plain, 5, folded, strlen(folded));
	qg_db_bind_int(tokens, 1, id);
	qg_db_bind_text(tokens, 2, heading.size > 0 ? heading.data : "", heading.size);
	qg_db_bind_text(tokens, 3, body.data, body.size);
	enum qg_status status = qg_db_step(plain);
	status = status == QG_EMPTY ? qg_db_step(tokens) : status;
	qg_db_reset(plain);
	qg_db_reset(tokens);
	return status == QG_EMPTY ? QG_OK : status == QG_OK ? QG_FAILED : status;
}

static enum qg_status add_all(struct qg_db *db, const struct qg_sections *sections)
{
	struct qg_db_query *plain =
		qg_db_prepare(db, "INSERT INTO sections VALUES (?, ?, ?, ?, ?)");
	struct qg_db_query *tokens =
		qg_db_prepare(db, "INSERT INTO tokens (rowid, heading, body) VALUES (?, ?, ?)");
	enum qg_status status = plain != NULL && tokens != NULL ? QG_OK : QG_FAILED;
	for (size_t i = 0; i < sections->count && status == QG_OK; i++) {
		status = add_section(plain, tokens, &sections->items[i], (int64_t)i + 1);
	}
	qg_db_finish(plain);
	qg_db_finish(tokens);
	return status;
}

enum qg_status qg_index_fill(struct qg_db *db, const struct qg_sections *sections)
{
	static const char tables[] =
		"BEGIN;"
		"CREATE TABLE sections (id INTEGER PRIMARY KEY, title TEXT, heading TEXT, body "
		"TEXT, folded TEXT);"
		"CREATE VIRTUAL TABLE tokens USING fts5 (heading, body, content='',"
		" tokenize=\"unicode61 remove_diacritics 0\");"
		"CREATE TABLE terms (term TEXT PRIMARY KEY, sections INTEGER) WITHOUT ROWID;";
	/* A plain table of the terms: reading one from the index itself parses a statement each
	 * time. */
	static const char terms[] =
		"CREATE VIRTUAL TABLE vocabulary USING fts5vocab ('tokens', 'row');"
		"INSERT INTO terms SELECT term, doc FROM vocabulary;"
		"DROP TABLE vocabulary;"
		"COMMIT";
	enum qg_status status = qg_db_run(db, tables);
	status = status == QG_OK ? add_all(db, sections) : status;
	return status == QG_OK ? qg_db_run(db, terms) : status;
}

bool qg_index_is_whole(struct qg_db *db, size_t sections)
{
	struct qg_db_query *query = qg_db_prepare(
		db, "SELECT (SELECT count(*) FROM sections), (SELECT count(*) FROM terms)");
	bool whole = query != NULL && qg_db_step(query) == QG_OK &&
		     qg_db_int(query, 0) == (int64_t)sections &&
		     (sections == 0 || qg_db_int(query, 1) > 0);
	qg_db_finish(query);
	return whole;
}

/* ---- files ---- */

static bool digest_of(const struct qg_sections *sections, char out[DIGEST_HEX + 1])
{
	QG_AUTO(qg_buf_finish) struct qg_buf all;
	qg_buf_init(&all, MAX_CONTENT);
	qg_buf_add(&all, FORMAT, sizeof(FORMAT));
	for (size_t i = 0; i < sections->count;
		i++) { /* with their NULs: no two contents look alike */
		const struct qg_section *section = &sections->items[i];
		qg_buf_add(&all, section->title, strlen(section->title) + 1);
		qg_buf_add(&all, section->heading, strlen(section->heading) + 1);
		qg_buf_add(&all, section->text, strlen(section->text) + 1);
	}
	if (all.failed != QG_OK) {
		return false;
	}
	uint8_t hash[QG_SHA256_SIZE];
	qg_sha256(all.data, all.size, hash);
	qg_hex_encode(hash, DIGEST_HEX / 2, out);
	return true;
}

/* Opens and locks the lock file; one that was removed meanwhile is opened again. */
static int lock_file(const char *path, int how)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		struct stat info;
		if (fd < 0 || flock(fd, how) != 0 || fstat(fd, &info) != 0) {
			if (fd >= 0) {
				close(fd);
			}
			return -1;
		}
		if (info.st_nlink > 0) {
			return fd;
		}
		close(fd);
	}
}

static void remove_db(const char *path)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		QG_AUTO(qg_str_free) char *file = qg_str_printf("%s%s", path, tails[i]);
		if (file != NULL) {
			unlink(file);
		}
	}
}

static bool file_is_whole(const char *path, size_t sections)
{
	char words[WORDS_SIZE];
	struct qg_db *db = access(path, R_OK) == 0 ? qg_db_open(path, words) : NULL;
	bool whole = db != NULL && qg_index_is_whole(db, sections);
	qg_db_close(db);
	return whole;
}

static enum qg_status write_file(const char *path, const struct qg_sections *sections, char *words)
{
	remove_db(path);
	struct qg_db *db = qg_db_open(path, words);
	if (db == NULL) {
		return QG_IO;
	}
	enum qg_status status = qg_index_fill(db, sections);
	if (status != QG_OK) {
		snprintf(words, WORDS_SIZE, "%s", qg_db_error(db));
	}
	qg_db_close(db);
	return status;
}

/* Makes path unless it is there already. */
static enum qg_status make_file(const char *path, const struct qg_sections *sections, char *words)
{
	QG_AUTO(qg_str_free) char *aside = qg_str_printf("%s.%ld.new", path, (long)getpid());
	if (aside == NULL) {
		return QG_NO_MEMORY;
	}
	enum qg_status status = write_file(aside, sections, words);
	if (status == QG_OK && link(aside, path) != 0 && errno != EEXIST &&
		rename(aside, path) != 0) {
		snprintf(words, WORDS_SIZE, "%s", strerror(errno));
		status = QG_IO;
	}
	remove_db(aside);
	return status;
}

/* "<name>-<digest>.lock" of another digest: its file goes if nobody holds the lock. */
static void remove_unused(const char *folder, const char *name, const char *digest)
{
	size_t size = strlen(name), whole = size + 1 + DIGEST_HEX + sizeof(".lock") - 1;
	DIR *dir = opendir(folder);
	struct dirent *entry;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const char *file = entry->d_name;
		if (strlen(file) != whole || strncmp(file, name, size) != 0 || file[size] != '-' ||
			strspn(file + size + 1, "0123456789abcdef") != DIGEST_HEX ||
			strcmp(file + whole - 5, ".lock") != 0 ||
			strncmp(file + size + 1, digest, DIGEST_HEX) == 0) {
			continue;
		}
		QG_AUTO(qg_str_free) char *lock = qg_str_printf("%s/%s", folder, file);
		QG_AUTO(qg_str_free)
		char *path = qg_str_printf("%s/%.*s.db", folder, (int)(whole - 5), file);
		int fd = lock != NULL && path != NULL ? open(lock, O_RDWR | O_CLOEXEC) : -1;
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
			remove_db(path);
			unlink(lock);
		}
		if (fd >= 0) {
			close(fd);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
}

/* Under the folder's own lock: two processes that start together make it once, and neither removes
 * what the other has just put there. */
static bool ensure_file(const char *folder, const char *name, const char *digest, const char *path,
	const struct qg_sections *sections, char *words)
{
	QG_AUTO(qg_str_free) char *making = qg_str_printf("%s/making.lock", folder);
	int lock = making != NULL ? lock_file(making, LOCK_EX) : -1;
	if (lock < 0) {
		snprintf(words, WORDS_SIZE, "cannot lock the folder");
		return false;
	}
	bool whole = file_is_whole(path, sections->count);
	if (!whole) { /* not there, or damaged */
		remove_db(path);
		whole = make_file(path, sections, words) == QG_OK;
	}
	if (whole) {
		remove_unused(folder, name, digest);
	}
	close(lock);
	return whole;
}

char *qg_index_open(const char *folder, const char *name, const struct qg_sections *sections,
	int *lock_out, char *words)
{
	char digest[DIGEST_HEX + 1];
	snprintf(words, WORDS_SIZE, "out of memory");
	if (!digest_of(sections, digest)) {
		return NULL;
	}
	char *path = qg_str_printf("%s/%s-%s.db", folder, name, digest);
	QG_AUTO(qg_str_free) char *lock_path = qg_str_printf("%s/%s-%s.lock", folder, name, digest);
	int lock = -1;
	if (path != NULL && lock_path != NULL) {
		bool there = mkdir(folder, 0700) == 0 || errno == EEXIST;
		lock = there ? lock_file(lock_path, LOCK_SH) : -1;
		snprintf(words, WORDS_SIZE, "%s: %s", folder, strerror(errno));
	}
	if (lock < 0 || !ensure_file(folder, name, digest, path, sections, words)) {
		if (lock >= 0) {
			close(lock);
		}
		free(path);
		return NULL;
	}
	*lock_out = lock;
	return path;
}
