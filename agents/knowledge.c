/* knowledge.c - handbooks: Markdown and text files, cut into sections at their headings.
 *
 * A section is what an answer quotes, so it must stand alone and be short: a long one is cut at
 * paragraphs, each piece under the same heading. Only headings of the form "# ..." count; what
 * Markdown does inside a section is left as the owner wrote it. */
#include "knowledge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (8 * 1024 * 1024)
#define MAX_DOCUMENTS 2000
#define MAX_SECTIONS 100000
#define MAX_SECTION 1800 /* bytes, 600 characters of Chinese */
#define MAX_DEPTH 6
#define MAX_HEADING 240

/* ---- files ---- */

static bool has_suffix(const char *path, const char *suffix)
{
	size_t size = strlen(path), end = strlen(suffix);
	return size > end && strcmp(path + size - end, suffix) == 0;
}

static bool is_handbook(const char *path)
{
	return has_suffix(path, ".md") || has_suffix(path, ".txt");
}

/* All bytes of an open file up to limit; false with a problem otherwise. */
static bool slurp(int fd, const char *path, struct qg_buf *out, struct qg_problems *problems)
{
	char piece[16 * 1024];
	for (;;) {
		ssize_t size = read(fd, piece, sizeof(piece));
		if (size == 0) {
			return true;
		}
		if (size < 0 && errno == EINTR) {
			continue;
		}
		if (size < 0) {
			qg_problem_error_at(
				problems, path, 0, 0, "cannot be read: %s", strerror(errno));
			return false;
		}
		if (qg_buf_add(out, piece, (size_t)size) != QG_OK) {
			qg_problem_error_at(problems, path, 0, 0, "%s",
				out->failed == QG_TOO_LARGE ? "is too large"
							    : qg_status_text(out->failed));
			return false;
		}
	}
}

char *qg_knowledge_file(const char *path, size_t limit, struct qg_problems *problems)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us */
	struct stat info;
	if (fd < 0 || fstat(fd, &info) != 0) {
		qg_problem_error_at(problems, path, 0, 0, "cannot be read: %s", strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return NULL;
	}
	struct qg_buf bytes;
	qg_buf_init(&bytes, limit);
	char *text = NULL;
	if (!S_ISREG(info.st_mode)) {
		qg_problem_error_at(problems, path, 0, 0, "is not a file");
	} else if (slurp(fd, path, &bytes, problems)) {
		if (bytes.size > 0 && !qg_utf8_is_valid(bytes.data, bytes.size)) {
			qg_problem_error_at(
				problems, path, 0, 0, "is not UTF-8 text: save it as UTF-8");
		} else {
			size_t mark = bytes.size >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0
					      ? 3
					      : 0;
			text = qg_utf8_clean(
				bytes.size > 0 ? bytes.data + mark : "", bytes.size - mark);
		}
	}
	close(fd);
	qg_buf_finish(&bytes);
	return text;
}

static void add_document(
	struct qg_knowledge *knowledge, const char *path, struct qg_problems *problems)
{
	if (knowledge->count >= MAX_DOCUMENTS) {
		qg_problem_error_at(problems, path, 0, 0, "is one of over %d files", MAX_DOCUMENTS);
		return;
	}
	char *text = qg_knowledge_file(path, MAX_FILE, problems);
	char *shown = text != NULL ? qg_str_copy(path) : NULL;
	struct qg_document *items = shown != NULL ? realloc(knowledge->documents,
							    (knowledge->count + 1) * sizeof(*items))
						  : NULL;
	if (items == NULL) {
		free(text);
		free(shown);
		return;
	}
	items[knowledge->count++] = (struct qg_document){shown, text};
	knowledge->documents = items;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_path(struct qg_knowledge *knowledge, const char *path, unsigned depth, bool named,
	struct qg_problems *problems);

static void read_folder(struct qg_knowledge *knowledge, const char *path, unsigned depth,
	struct qg_problems *problems)
{
	DIR *dir = opendir(path);
	if (dir == NULL || depth > MAX_DEPTH) {
		qg_problem_error_at(problems, path, 0, 0, "%s",
			dir == NULL ? "cannot be opened" : "lies too many folders deep");
		if (dir != NULL) {
			closedir(dir);
		}
		return;
	}
	struct qg_strings names = {0};
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL && names.count < MAX_DOCUMENTS) {
		if (entry->d_name[0] != '.' && qg_strings_add(&names, entry->d_name) != QG_OK) {
			break;
		}
	}
	closedir(dir);
	if (names.count > 1) {
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	}
	for (size_t i = 0; i < names.count; i++) {
		QG_AUTO(qg_str_free) char *inner = qg_str_printf("%s/%s", path, names.items[i]);
		if (inner != NULL) {
			read_path(knowledge, inner, depth + 1, false, problems);
		}
	}
	qg_strings_finish(&names);
}

/* named: the owner named this very path, so it must be there and be readable. */
static void read_path(struct qg_knowledge *knowledge, const char *path, unsigned depth, bool named,
	struct qg_problems *problems)
{
	struct stat info;
	if (stat(path, &info) != 0) {
		qg_problem_error_at(problems, path, 0, 0, "cannot be read: %s", strerror(errno));
	} else if (S_ISDIR(info.st_mode)) {
		read_folder(knowledge, path, depth, problems);
	} else if (is_handbook(path)) {
		add_document(knowledge, path, problems);
	} else if (named) {
		qg_problem_error_at(problems, path, 0, 0, "is neither .md nor .txt nor a folder");
	}
}

void qg_knowledge_read(
	struct qg_knowledge *knowledge, const char *path, struct qg_problems *problems)
{
	read_path(knowledge, path, 0, true, problems);
}

void qg_knowledge_finish(struct qg_knowledge *knowledge)
{
	for (size_t i = 0; i < knowledge->count; i++) {
		free(knowledge->documents[i].path);
		free(knowledge->documents[i].text);
	}
	free(knowledge->documents);
	*knowledge = (struct qg_knowledge){0};
}

/* ---- sections ---- */

void qg_sections_finish(struct qg_sections *sections)
{
	for (size_t i = 0; i < sections->count; i++) {
		free(sections->items[i].title);
		free(sections->items[i].heading);
		free(sections->items[i].text);
	}
	free(sections->items);
	*sections = (struct qg_sections){0};
}

static enum qg_status add_section(struct qg_sections *sections, const char *title,
	const char *heading, const char *text, size_t size)
{
	if (sections->count >= MAX_SECTIONS) {
		return QG_TOO_LARGE;
	}
	if ((sections->count & (sections->count - 1)) == 0) { /* full at each power of two */
		size_t room = sections->count > 0 ? 2 * sections->count : 1;
		struct qg_section *items = realloc(sections->items, room * sizeof(*items));
		if (items == NULL) {
			return QG_NO_MEMORY;
		}
		sections->items = items;
	}
	struct qg_section *section = &sections->items[sections->count++];
	section->title = qg_str_copy(title);
	section->heading = qg_str_copy(heading);
	section->text = qg_str_copy_n(text, size);
	bool made = section->title != NULL && section->heading != NULL && section->text != NULL;
	if (made) {
		qg_str_trim(section->text);
	}
	return made ? QG_OK : QG_NO_MEMORY;
}

static bool is_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r') {
			return false;
		}
	}
	return true;
}

/* Where to cut a text longer than a section: behind a paragraph, a line, a sentence, or at a code
 * point. */
static size_t cut_at(const char *text, size_t size)
{
	size_t limit = qg_utf8_cut(text, size, MAX_SECTION);
	size_t line = 0, sentence = 0;
	for (size_t i = limit; i > limit / 2; i--) {
		if (text[i - 1] == '\n' && i > 1 && text[i - 2] == '\n') {
			return i;
		}
		if (line == 0 && text[i - 1] == '\n') {
			line = i;
		}
		if (sentence == 0 && i >= 3 &&
			memcmp(text + i - 3, "\xe3\x80\x82", 3) == 0) { /* 。 */
			sentence = i;
		}
	}
	return line > 0 ? line : sentence > 0 ? sentence : limit;
}

static enum qg_status add_sections(struct qg_sections *sections, const char *title,
	const char *heading, const char *text, size_t size)
{
	enum qg_status status = QG_OK;
	while (status == QG_OK && !is_blank(text, size)) {
		size_t part = size > MAX_SECTION ? cut_at(text, size) : size;
		status = is_blank(text, part) ? QG_OK
					      : add_section(sections, title, heading, text, part);
		text += part;
		size -= part;
	}
	return status;
}

/* The level of a heading line, 0 for none; the words behind the marks begin at *start. */
static unsigned heading_level(const char *line, size_t size, size_t *start)
{
	unsigned level = 0;
	while (level < size && level < 7 && line[level] == '#') {
		level++;
	}
	if (level == 0 || level > 6 || level >= size ||
		(line[level] != ' ' && line[level] != '\t')) {
		return 0;
	}
	*start = level;
	return level;
}

static void set_heading(char *out, const char *line, size_t size)
{
	size_t shown = qg_utf8_cut(line, size, MAX_HEADING - 1);
	memcpy(out, line, shown);
	out[shown] = '\0';
	qg_str_trim(out);
}

enum qg_status qg_sections_add(struct qg_sections *sections, const char *name, const char *text)
{
	char title[MAX_HEADING], heading[MAX_HEADING] = "";
	set_heading(title, name, strlen(name));
	const char *body = text;
	bool titled = false, fenced = false;
	enum qg_status status = QG_OK;
	for (const char *line = text; *line != '\0' && status == QG_OK;) {
		const char *end = strchr(line, '\n');
		end = end != NULL ? end : line + strlen(line);
		fenced ^= strncmp(line, "```", 3) == 0;
		size_t start = 0;
		unsigned level = fenced ? 0 : heading_level(line, (size_t)(end - line), &start);
		const char *next = *end == '\n' ? end + 1 : end;
		if (level > 0) {
			status =
				add_sections(sections, title, heading, body, (size_t)(line - body));
			bool is_title = level == 1 && !titled;
			set_heading(is_title ? title : heading, line + start,
				(size_t)(end - line) - start);
			heading[is_title ? 0 : strlen(heading)] = '\0';
			titled |= is_title;
			body = next;
		}
		line = next;
	}
	return status == QG_OK ? add_sections(sections, title, heading, body, strlen(body))
			       : status;
}
