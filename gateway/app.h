/* app.h - the program around the roles, for the command line. */
#ifndef QG_GATEWAY_APP_H
#define QG_GATEWAY_APP_H

#include <stdbool.h>

#include "qg/config.h"

struct qg_app_options {
	const char *config_path;
	bool gateway, agents;
	const char *listen, *admin_listen; /* win over the file; NULL: what it says */
};

/* Serves until a signal; the exit code. */
int qg_app_run(const struct qg_app_options *options);

/* What the config asks about platforms and templates. */
const struct qg_config_world *qg_app_world(void);

/* Makes the folder (0700) with its parents if need be; false after logging why. */
bool qg_app_make_folder(const char *path);

#endif
