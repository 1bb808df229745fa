/* app_folder.c - makes the folders this program keeps its data in: nobody else may look into them. */
#include "app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "qg/log.h"
#include "qg/str.h"

bool qg_app_make_folder(const char *path)
{
	char *copy = qg_str_copy(path);
	if (!copy) {
		return false;
	}
	bool ok = true;
	for (char *slash = strchr(copy + 1, '/'); slash && ok; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ok = mkdir(copy, 0700) == 0 || errno == EEXIST;
		*slash = '/';
	}
	ok = ok && (mkdir(copy, 0700) == 0 || errno == EEXIST);
	if (!ok) {
		qg_log_error(NULL, "cannot make %s: %s", path, strerror(errno));
	}
	free(copy);
	return ok;
}
