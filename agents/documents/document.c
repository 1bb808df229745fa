/* document.c - the parent of the children that read documents: a few at once, the others wait.
 *
 * A document's bytes go into a memory file in the pool (a child reads them when it likes, and nobody waits for it to),
 * a child is started on that file, its text is taken from a pipe as it comes. When a child and its pipe have both
 * ended, or its time is over, the answer is given. A child that nobody waits for any more is killed, and stays here
 * until it was reaped. */
#include "documents.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qg/clock.h"
#include "qg/list.h"
#include "qg/log.h"
#include "qg/str.h"

enum {
	AT_ONCE = 4,
	WAITING_MOST = 64,
	WAITING_BYTES_MOST = 128 * 1024 * 1024,
	CHILD_MS = 10000,
	PIECE = 16 * 1024,
	PIECES = 8 /* a turn of the loop */
};

enum step { STEP_WAITING, STEP_COPYING, STEP_READING, STEP_ENDED };

struct qg_document {
	struct qg_list link; /* of those that wait, or of those that run */
	struct qg_loop *loop;
	qg_document_fn fn; /* NULL: nobody waits for it */
	void *arg;
	enum step step;
	enum qg_status status; /* why it ends, where that is known before its child's end */
	const char *word;
	char *data; /* until it is in the file */
	size_t size;
	int file, pipe;
	pid_t pid; /* 0: none, or reaped */
	int exit;  /* as waitpid() tells */
	struct qg_watch *child, *readable;
	struct qg_timer *timer;
	struct qg_buf raw;
	bool more; /* the child had more to say than anybody wants */
};

/* One loop and one thread a process: so is the count of children. */
static struct qg_list waiting = {&waiting, &waiting}, running = {&running, &running};
static unsigned waiting_count, running_count;
static size_t waiting_bytes;

static void start_next(void);

/* ---- life ---- */

static void close_file(int *file)
{
	if (*file >= 0) {
		close(*file);
	}
	*file = -1;
}

static void leave(struct qg_document *document)
{
	if (document->step == STEP_WAITING) {
		waiting_count--;
		waiting_bytes -= document->size;
	} else if (document->step < STEP_ENDED) {
		running_count--;
	}
	document->step = STEP_ENDED;
	qg_list_remove(&document->link);
}

static void destroy(struct qg_document *document)
{
	leave(document);
	qg_watch_destroy(document->child);
	qg_watch_destroy(document->readable);
	qg_timer_destroy(document->timer);
	close_file(&document->file);
	close_file(&document->pipe);
	qg_buf_finish(&document->raw);
	free(document->data);
	free(document);
}

static bool is_pdf(const struct qg_document *document)
{
	return document->word != NULL && strcmp(document->word, "pdf") == 0;
}

/* ---- the answer ---- */

/* Once for each. */
static void say_missing(bool *said, const char *words)
{
	if (!*said) {
		*said = true;
		qg_log_warn(NULL, "%s", words);
	}
}

/* What this kind cannot be read without. */
static void say_what_misses(const struct qg_document *document)
{
	static bool said_pdf, said_zip;
	if (is_pdf(document)) {
		say_missing(
			&said_pdf, "PDFs are not read: pdftotext (poppler-utils) is not installed");
	} else if (document_is_zipped(document->word)) {
		say_missing(&said_zip, "docx, xlsx and pptx are not read: libarchive is not there");
	}
}

/* Of a child that ended by itself. */
static enum qg_status exit_status(const struct qg_document *document)
{
	if (WIFSIGNALED(document->exit)) {
		/* a limit of the kernel's, or a reader that breaks: what it read broke it */
		int by = WTERMSIG(document->exit);
		return by == SIGXCPU || by == SIGKILL ? QG_TIMEOUT : QG_INVALID;
	}
	int code = WEXITSTATUS(document->exit);
	if (is_pdf(document) && code < DOCUMENT_EXIT) {
		return code == 0 ? QG_OK : QG_INVALID;
	}
	switch (code - DOCUMENT_EXIT) {
	case QG_OK:
	case QG_EMPTY:
	case QG_INVALID:
	case QG_TOO_LARGE:
	case QG_UNSUPPORTED:
		return (enum qg_status)(code - DOCUMENT_EXIT);
	case QG_NO_MEMORY: /* of the child's share: another try would need as much */
		return QG_TOO_LARGE;
	default: /* it could not lock itself in, or become pdftotext */
		return QG_UNSUPPORTED;
	}
}

static enum qg_status judge(struct qg_document *document)
{
	if (document->status != QG_OK) {
		return document->status;
	}
	enum qg_status status = document->more ? QG_OK : exit_status(document);
	if (status == QG_UNSUPPORTED) {
		say_what_misses(document);
	}
	return status;
}

static bool has_words(const char *text, size_t size)
{
	return size > 0 && strspn(text, " \t\n") < size;
}

/* Gives the answer, if anybody waits for it; the document is gone after it. */
static void finish(struct qg_document *document)
{
	struct qg_buf text;
	struct qg_document_text told = {0};
	qg_document_fn fn = document->fn;
	void *arg = document->arg;
	enum qg_status status = fn != NULL ? judge(document) : QG_CANCELLED;
	qg_buf_init(&text, QG_DOCUMENT_TEXT_MOST);
	if (status == QG_OK) {
		bool cut = document_clean(document->raw.data, document->raw.size, is_pdf(document),
			&text, &told.pages);
		told.cut = cut || document->more ||
			   (!is_pdf(document) && document->raw.size > QG_DOCUMENT_TEXT_MOST);
		bool paged = is_pdf(document) || strcmp(document->word, "pptx") == 0;
		told.pages = paged && !told.cut ? told.pages : 0;
		told.text = text.data;
		told.size = text.size;
		status = text.failed == QG_NO_MEMORY	   ? QG_NO_MEMORY
			 : has_words(text.data, text.size) ? QG_OK
							   : QG_EMPTY;
	}
	destroy(document);
	if (fn != NULL) {
		fn(arg, status, status == QG_OK ? &told : NULL);
	}
	qg_buf_finish(&text);
	start_next();
}

/* ---- the child ---- */

static void stop_child(struct qg_document *document)
{
	if (document->pid > 0) {
		kill(document->pid, SIGKILL);
	}
	qg_watch_destroy(document->readable);
	document->readable = NULL;
	close_file(&document->pipe);
}

static void look_for_end(struct qg_document *document)
{
	if (document->pid == 0 && document->pipe < 0) {
		finish(document);
	}
}

static void child_ended(void *arg, int status)
{
	struct qg_document *document = arg;
	document->pid = 0;
	document->exit = status;
	look_for_end(document);
}

/* Its time is over, or it has an answer already and only waited to give it from the loop. */
static void time_over(void *arg)
{
	struct qg_document *document = arg;
	document->status = document->status != QG_OK ? document->status : QG_TIMEOUT;
	stop_child(document);
	look_for_end(document);
}

/* Keeps what fits; true: there was more. */
static bool keep(struct qg_document *document, const char *piece, size_t size)
{
	size_t room = document->raw.limit - document->raw.size;
	if (qg_buf_add(&document->raw, piece, size < room ? size : room) != QG_OK) {
		document->status = QG_NO_MEMORY;
	}
	return size > room || document->status != QG_OK;
}

static void pipe_readable(void *arg, int fd)
{
	struct qg_document *document = arg;
	char piece[PIECE];
	for (unsigned i = 0; i < PIECES; i++) {
		ssize_t got = read(fd, piece, sizeof(piece));
		if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		document->more = got > 0 && keep(document, piece, (size_t)got);
		if (got > 0 && !document->more) {
			continue;
		}
		if (got > 0) {
			stop_child(document);
		} else {
			qg_watch_destroy(document->readable);
			document->readable = NULL;
			close_file(&document->pipe);
		}
		look_for_end(document);
		return;
	}
}

static bool start_child(struct qg_document *document)
{
	pid_t pid = document_spawn(document->word, document->file, &document->pipe);
	close_file(&document->file);
	if (pid < 0) {
		return false;
	}
	document->pid = pid;
	document->child = qg_watch_child(document->loop, pid, child_ended, document);
	document->readable =
		qg_watch_readable(document->loop, document->pipe, pipe_readable, document);
	if (document->child == NULL) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0); /* dead already, but for its last steps */
		document->pid = 0;
		return false;
	}
	if (document->readable == NULL) {
		document->status = QG_NO_MEMORY;
		stop_child(document); /* its end brings the answer */
	}
	qg_timer_start(document->timer, qg_clock_scaled(CHILD_MS));
	return true;
}

/* ---- the memory file ---- */

static void copy(void *arg, unsigned thread_index)
{
	struct qg_document *document = arg;
	size_t done = 0;
	document->file = memfd_create("document", MFD_CLOEXEC);
	while (document->file >= 0 && done < document->size) {
		ssize_t written =
			write(document->file, document->data + done, document->size - done);
		if (written <= 0) {
			close_file(&document->file);
			return;
		}
		done += (size_t)written;
	}
	if (document->file >= 0 && lseek(document->file, 0, SEEK_SET) != 0) {
		close_file(&document->file);
	}
}

static void copied(void *arg)
{
	struct qg_document *document = arg;
	free(document->data);
	document->data = NULL;
	document->step = STEP_READING;
	if (document->fn == NULL) { /* cancelled meanwhile */
		finish(document);
	} else if (document->file < 0 || !start_child(document)) {
		document->status = QG_NO_MEMORY;
		finish(document);
	}
}

static void start(struct qg_document *document)
{
	leave(document);
	document->step = STEP_COPYING;
	running_count++;
	qg_list_add(&running, &document->link);
	if (qg_loop_work(document->loop, copy, copied, document) == NULL) {
		document->status = QG_NO_MEMORY;
		document->step = STEP_READING;
		qg_timer_start(document->timer, 0);
	}
}

static void start_next(void)
{
	while (running_count < AT_ONCE && !qg_list_is_empty(&waiting)) {
		start(QG_CONTAINER(waiting.next, struct qg_document, link));
	}
}

/* ---- what others call ---- */

static struct qg_document *create(struct qg_loop *loop, const char *name, void *data, size_t size)
{
	struct qg_document *document = calloc(1, sizeof(*document));
	if (document == NULL ||
		(document->timer = qg_timer_create(loop, time_over, document)) == NULL) {
		free(document);
		free(data);
		return NULL;
	}
	qg_list_init(&document->link);
	document->loop = loop;
	document->data = data;
	document->size = size;
	document->step = STEP_ENDED;
	document->file = document->pipe = -1;
	document->word = document_word(name, data, size);
	qg_buf_init(
		&document->raw, is_pdf(document) ? DOCUMENT_RAW_MOST : QG_DOCUMENT_TEXT_MOST + 1);
	return document;
}

/* An answer that needs no child. */
static enum qg_status refusal(const struct qg_document *document)
{
	if (document->size > QG_DOCUMENT_MOST) {
		return QG_TOO_LARGE;
	}
	if (document->size == 0) {
		return QG_EMPTY;
	}
	if (document->word == NULL) {
		return QG_UNSUPPORTED;
	}
	bool full = waiting_count >= WAITING_MOST ||
		    waiting_bytes + document->size > WAITING_BYTES_MOST;
	return full ? QG_NO_MEMORY : QG_OK;
}

struct qg_document *qg_document_read(struct qg_loop *loop, const char *name, void *data,
	size_t size, qg_document_fn fn, void *arg)
{
	struct qg_document *document = create(loop, name, data, size);
	if (document == NULL) {
		return NULL;
	}
	document->fn = fn;
	document->arg = arg;
	document->status = refusal(document);
	if (document->status == QG_OK) {
		document->step = STEP_WAITING;
		waiting_count++;
		waiting_bytes += size;
		qg_list_add(&waiting, &document->link);
		start_next();
	} else {
		qg_timer_start(document->timer, 0);
	}
	return document;
}

void qg_document_cancel(struct qg_document *document)
{
	if (document == NULL) {
		return;
	}
	document->fn = NULL;
	if (document->step == STEP_COPYING) {
		return; /* the pool has it; copied() ends it */
	}
	if (document->pid == 0) {
		destroy(document);
		start_next();
		return;
	}
	stop_child(document);
}

void qg_documents_finish(struct qg_loop *loop)
{
	QG_LIST_FOR_EACH (item, &waiting) {
		destroy(QG_CONTAINER(item, struct qg_document, link));
	}
	qg_loop_finish_work(loop);
	QG_LIST_FOR_EACH (child, &running) {
		struct qg_document *document = QG_CONTAINER(child, struct qg_document, link);
		stop_child(document);
		if (document->pid > 0) {
			waitpid(document->pid, NULL, 0);
		}
		destroy(document);
	}
}
