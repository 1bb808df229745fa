/* folders.c - where templates lie on this machine.
 *
 * The user's own come first, so that a copy under the same id replaces ours. The source tree is
 * looked at only from a binary inside a build folder: an installed binary must not depend on where
 * it was built. */
#include "qg/role.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef QG_DATA_TEMPLATES
#error "QG_DATA_TEMPLATES: the installed folder of templates"
#endif
#ifndef QG_SOURCE_TEMPLATES
#error "QG_SOURCE_TEMPLATES: templates/ of the source tree"
#endif
#ifndef QG_BUILD_ROOT
#error "QG_BUILD_ROOT: the build folder"
#endif

#define MAX_ID 40
#define MAX_LISTED 1000

static bool is_folder(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void add_folder(struct qg_strings *folders, const char *path)
{
	if (is_folder(path) && !qg_strings_has(folders, path) &&
		qg_strings_add(folders, path) != QG_OK) {
		return; /* no memory: a folder less, and the template is said to be missing */
	}
}

static bool runs_from_build(void)
{
	char path[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (size <= 0) {
		return false;
	}
	path[size] = '\0';
	size_t root = strlen(QG_BUILD_ROOT);
	return strncmp(path, QG_BUILD_ROOT, root) == 0 && path[root] == '/';
}

struct qg_strings qg_template_folders(const char *config_dir)
{
	struct qg_strings folders = {0};
	if (config_dir != NULL) {
		QG_AUTO(qg_str_free) char *own = qg_str_printf("%s/templates", config_dir);
		if (own != NULL) {
			add_folder(&folders, own);
		}
	}
	const char *named = getenv("QUNGONG_TEMPLATES");
	if (named != NULL && named[0] != '\0') {
		add_folder(&folders, named);
	}
	add_folder(&folders, QG_DATA_TEMPLATES);
	if (runs_from_build()) {
		add_folder(&folders, QG_SOURCE_TEMPLATES);
	}
	return folders;
}

/* Ids come from configs: they must not lead out of the folder. */
static bool is_id(const char *id)
{
	size_t size = strlen(id);
	if (size == 0 || size > MAX_ID) {
		return false;
	}
	return strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == size;
}

static bool holds_template(const char *folder)
{
	QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/template.yaml", folder);
	return path != NULL && access(path, R_OK) == 0;
}

char *qg_template_find(const char *config_dir, const char *id)
{
	if (!is_id(id)) {
		return NULL;
	}
	struct qg_strings folders = qg_template_folders(config_dir);
	char *found = NULL;
	for (size_t i = 0; i < folders.count && found == NULL; i++) {
		found = qg_str_printf("%s/%s", folders.items[i], id);
		if (found != NULL && !holds_template(found)) {
			free(found);
			found = NULL;
		}
	}
	qg_strings_finish(&folders);
	return found;
}

static void list_folder(const char *folder, struct qg_strings *ids)
{
	DIR *dir = opendir(folder);
	if (dir == NULL) {
		return;
	}
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL && ids->count < MAX_LISTED) {
		QG_AUTO(qg_str_free) char *path = qg_str_printf("%s/%s", folder, entry->d_name);
		if (path == NULL || !is_id(entry->d_name) || !holds_template(path) ||
			qg_strings_has(ids, entry->d_name)) {
			continue;
		}
		if (qg_strings_add(ids, entry->d_name) != QG_OK) {
			break;
		}
	}
	closedir(dir);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct qg_strings qg_template_list(const char *config_dir)
{
	struct qg_strings folders = qg_template_folders(config_dir), ids = {0};
	for (size_t i = 0; i < folders.count; i++) {
		list_folder(folders.items[i], &ids);
	}
	qg_strings_finish(&folders);
	if (ids.count > 1) {
		qsort(ids.items, ids.count, sizeof(*ids.items), compare);
	}
	return ids;
}
