/* child.c - the main of a child that reads one document and ends: closes all doors, then looks at the bytes.
 *
 * For a PDF it becomes poppler's pdftotext, behind the same doors. It ends by _exit(): nothing of the program that it
 * was started from is to run any more. */
#include "documents.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE 10 /* of nice(2) */

static const struct reader {
	const char *word;
	enum qg_status (*read)(const char *data, size_t size, struct document_out *out);
	bool zipped;
} readers[] = {
	{"text", document_read_text, false},
	{"html", document_read_html, false},
	{"docx", document_read_docx, true},
	{"xlsx", document_read_xlsx, true},
	{"pptx", document_read_pptx, true},
};

static const struct reader *find_reader(const char *word)
{
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (strcmp(readers[i].word, word) == 0) {
			return &readers[i];
		}
	}
	return NULL;
}

bool document_is_zipped(const char *word)
{
	const struct reader *reader = find_reader(word);
	return reader != NULL && reader->zipped;
}

enum qg_status document_read_as(
	const char *word, const char *data, size_t size, struct document_out *out)
{
	const struct reader *reader = find_reader(word);
	return reader != NULL ? reader->read(data, size, out) : QG_UNSUPPORTED;
}

/* Rows of a table stay rows (-layout): prices beside their names. */
static enum qg_status become_pdftotext(void)
{
	static const char *const places[] = {"/usr/bin/pdftotext", "/usr/local/bin/pdftotext"};
	static char *const words[] = {
		"pdftotext", "-q", "-layout", "-enc", "UTF-8", "-eol", "unix", "-", "-", NULL};
	static char *const environment[] = {NULL};
	const char *program = access(places[0], X_OK) == 0 ? places[0] : places[1];
	if (access(program, X_OK) != 0) {
		return QG_UNSUPPORTED;
	}
	if (document_confine(program)) {
		execve(program, words, environment);
	}
	return QG_FAILED;
}

static bool write_all(const char *data, size_t size)
{
	while (size > 0) {
		ssize_t done = write(STDOUT_FILENO, data, size);
		if (done <= 0) {
			return false;
		}
		data += done;
		size -= (size_t)done;
	}
	return true;
}

/* Opens what lies in files of the system's, before the doors close. */
static bool prepare(const char *word)
{
	document_text_prepare();
	return !document_is_zipped(word) || document_zip_prepare();
}

static enum qg_status read_input(const char *word)
{
	struct stat about;
	struct document_out out;
	if (fstat(STDIN_FILENO, &about) != 0 || about.st_size > QG_DOCUMENT_MOST) {
		return QG_INVALID;
	}
	if (about.st_size == 0) {
		return QG_EMPTY;
	}
	size_t size = (size_t)about.st_size;
	const char *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
	if (data == MAP_FAILED) {
		return QG_NO_MEMORY;
	}
	if (!prepare(word)) {
		return QG_UNSUPPORTED;
	}
	if (!document_confine(NULL)) {
		return QG_FAILED;
	}
	document_out_init(&out);
	enum qg_status status = document_read_as(word, data, size, &out);
	if (status == QG_OK && !write_all(out.text.data, out.text.size)) {
		status = QG_IO;
	}
	return status;
}

/* A file that takes all it can get shall not hold up those who answer: where the processor is busy it waits, and where
 * memory ends it goes first. Where neither can be asked for, its limits hold all the same. */
static void step_back(void)
{
	int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (score >= 0) {
		(void)!write(score, "1000", 4);
		close(score);
	}
	(void)setpriority(PRIO_PROCESS, 0, PATIENCE);
}

int qg_document_child(int argc, char **argv)
{
	const char *word = argc > 2 ? argv[2] : "";
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	step_back();
	enum qg_status status = strcmp(word, "pdf") == 0 ? become_pdftotext() : read_input(word);
	_exit(DOCUMENT_EXIT + (int)status);
}
