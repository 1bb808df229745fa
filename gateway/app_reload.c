/* app_reload.c - reads the config again on SIGHUP or when one of its files changed.
 *
 * inotify watches the folders of the files and not the files: editors and deployments replace them. After the
 * last event there must be 500 ms of quiet, since a change is often several files; then the files are compared by
 * name, time and size with those read last, because a folder sees much that is none of ours. A bad qungong.yaml
 * changes nothing, and a bad file of bots.d/ keeps what it had: qg_config_load() sees to both.
 *
 * Looking and reading are done in the pool, once at a time: the files of a thousand bots are a tenth of a second of
 * computing. What happens meanwhile is looked at afterwards.
 */
#include "app_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

enum { QUIET_MS = 500, PATIENCE_MS = 5000, MAX_FOLDERS = 1000, MAX_PROBLEM_BYTES = 4000 };

struct qg_app_reload {
	struct qg_core *core;
	char *config_path;
	char *folder; /* bots.d/, which may yet come */
	char *state; /* names, times and sizes of the files read last; the pool's while one reads */
	int inotify;
	struct qg_watch *events, *hangup;
	struct qg_timer *quiet;
	uint64_t
		first_event; /* since the last look; a folder that is never quiet is looked at too */
	bool asked;	     /* by SIGHUP, since the last reading began */
	bool reading, again; /* again: something happened while it was read */
	bool gone;	     /* destroyed while it was read */
	/* of the reading under way */
	const struct qg_config_world *world;
	struct qg_config *before, *next;
	struct qg_problems problems;
	bool whatever; /* also where no file changed */
	bool read;
	void (*changed)(void *arg, struct qg_config *next);
	void *arg;
};

/* Names, times and sizes of all files as one text; NULL for no memory. */
static char *describe_files(const struct qg_strings *files)
{
	struct qg_buf out;
	qg_buf_init(&out, 4 << 20);
	for (size_t i = 0; i < files->count; i++) {
		struct stat status;
		if (stat(files->items[i], &status) == 0) {
			qg_buf_printf(&out, "%s %" PRId64 ".%09ld %" PRId64 " %" PRIu64 "\n",
				files->items[i], (int64_t)status.st_mtim.tv_sec,
				status.st_mtim.tv_nsec, (int64_t)status.st_size,
				(uint64_t)status.st_ino);
		} else {
			qg_buf_printf(&out, "%s -\n", files->items[i]);
		}
	}
	return qg_buf_steal(&out);
}

static void watch_folder(struct qg_app_reload *reload, const char *folder)
{
	/* watching one twice is one watch */
	if (inotify_add_watch(reload->inotify, folder,
		    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE) < 0 &&
		errno != ENOENT) {
		qg_log_warn(NULL, "cannot watch %s: %s; SIGHUP reloads", folder, strerror(errno));
	}
}

/* All folders that hold a file, and bots.d/ which may yet come. */
static void watch_folders(struct qg_app_reload *reload, const struct qg_strings *files)
{
	if (reload->inotify < 0) {
		return;
	}
	struct qg_strings folders = {0};
	if (qg_strings_add(&folders, reload->folder) == QG_OK) {
		watch_folder(reload, reload->folder);
	}
	for (size_t i = 0; i < files->count && folders.count < MAX_FOLDERS; i++) {
		const char *slash = strrchr(files->items[i], '/');
		char *folder = slash ? qg_str_copy_n(files->items[i],
					       slash == files->items[i]
						       ? 1
						       : (size_t)(slash - files->items[i]))
				     : qg_str_copy(".");
		if (folder && !qg_strings_has(&folders, folder) &&
			qg_strings_add(&folders, folder) == QG_OK) {
			watch_folder(reload, folder);
		}
		free(folder);
	}
	qg_strings_finish(&folders);
}

/* Remembers the files as they are, watches their folders; true if they differ from what was remembered. */
static bool look_at_files(struct qg_app_reload *reload)
{
	struct qg_strings files = qg_config_files(reload->config_path);
	char *state = describe_files(&files);
	bool differs = !state || !qg_str_equal(state, reload->state);
	watch_folders(reload, &files);
	qg_strings_finish(&files);
	free(reload->state);
	reload->state = state;
	return differs;
}

/* One log line a problem. */
static void log_problems(const struct qg_problems *problems)
{
	for (const char *line = problems->text.data; line && *line;) {
		size_t size = strcspn(line, "\n");
		qg_log_warn(NULL, "%.*s",
			(int)(size < MAX_PROBLEM_BYTES ? size : MAX_PROBLEM_BYTES), line);
		line += size;
		line += *line == '\n';
	}
}

/* In the pool. */
static void read_files(void *arg, unsigned thread_index)
{
	struct qg_app_reload *reload = arg;
	bool differs = look_at_files(reload);
	reload->read = differs || reload->whatever;
	if (reload->read) {
		reload->next = qg_config_load(
			reload->config_path, reload->world, reload->before, &reload->problems);
	}
}

static void begin(struct qg_app_reload *reload);

static void put_in_force(struct qg_app_reload *reload)
{
	log_problems(&reload->problems);
	if (reload->next) {
		struct qg_config *next = reload->next;
		reload->next = NULL;
		reload->changed(reload->arg, next);
	} else if (reload->read) {
		qg_log_error(NULL, "%s is bad: everything stays as it was", reload->config_path);
	}
}

static void finish_reading(struct qg_app_reload *reload)
{
	qg_config_release(reload->before);
	qg_config_release(reload->next);
	qg_problems_finish(&reload->problems);
	reload->before = reload->next = NULL;
	reload->reading = false;
}

static void destroy(struct qg_app_reload *reload)
{
	if (reload->inotify >= 0) {
		close(reload->inotify);
	}
	free(reload->config_path);
	free(reload->folder);
	free(reload->state);
	free(reload);
}

/* Back on the loop. */
static void files_read(void *arg)
{
	struct qg_app_reload *reload = arg;
	if (!reload->gone) {
		put_in_force(reload);
	}
	finish_reading(reload);
	if (reload->gone) {
		destroy(reload);
	} else if (reload->again) {
		begin(reload);
	}
}

static void begin(struct qg_app_reload *reload)
{
	reload->again = reload->reading;
	if (reload->reading) {
		return;
	}
	reload->world = qg_app_world();
	reload->before = qg_config_take(reload->core->config);
	qg_problems_init(&reload->problems);
	reload->whatever = reload->asked;
	reload->reading = true;
	if (qg_loop_work(reload->core->loop, read_files, files_read, reload)) {
		reload->asked = false;
		return;
	}
	finish_reading(reload);
	qg_log_warn(NULL, "the config is read later: too much waits for the pool");
	qg_timer_start(reload->quiet, PATIENCE_MS);
}

static void on_quiet(void *arg)
{
	begin(arg);
}

static void on_events(void *arg, int fd)
{
	struct qg_app_reload *reload = arg;
	char events[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	while (read(fd, events, sizeof(events)) > 0) {
		/* which file it was is seen by look_at_files() */
	}
	if (!qg_timer_is_active(reload->quiet)) {
		reload->first_event = qg_clock_mono();
	}
	if (qg_clock_mono() - reload->first_event < PATIENCE_MS) {
		qg_timer_start(reload->quiet, QUIET_MS);
	}
}

static void on_hangup(void *arg, int number)
{
	struct qg_app_reload *reload = arg;
	qg_log_info(NULL, "SIGHUP: reading the config again");
	qg_timer_stop(reload->quiet);
	reload->asked = true;
	begin(reload);
}

struct qg_app_reload *qg_app_reload_create(struct qg_core *core, const char *config_path,
	void (*changed)(void *arg, struct qg_config *next), void *arg)
{
	struct qg_app_reload *reload = calloc(1, sizeof(*reload));
	if (!reload) {
		return NULL;
	}
	reload->core = core;
	reload->changed = changed;
	reload->arg = arg;
	reload->config_path = qg_str_copy(config_path);
	reload->folder = qg_str_printf("%s/bots.d", core->config->dir);
	reload->quiet = qg_timer_create(core->loop, on_quiet, reload);
	reload->hangup = qg_watch_signal(core->loop, SIGHUP, on_hangup, reload);
	reload->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (reload->inotify >= 0) {
		reload->events = qg_watch_readable(core->loop, reload->inotify, on_events, reload);
	} else {
		qg_log_warn(NULL, "no inotify (%s): changed files are read on SIGHUP only",
			strerror(errno));
	}
	if (!reload->config_path || !reload->folder || !reload->quiet || !reload->hangup ||
		(reload->inotify >= 0 && !reload->events)) {
		qg_app_reload_destroy(reload);
		return NULL;
	}
	look_at_files(reload);
	return reload;
}

void qg_app_reload_destroy(struct qg_app_reload *reload)
{
	if (!reload) {
		return;
	}
	qg_watch_destroy(reload->events);
	qg_watch_destroy(reload->hangup);
	qg_timer_destroy(reload->quiet);
	reload->gone = reload->reading;
	if (!reload->reading) {
		destroy(reload);
	}
}
