/* running.h - a server that runs beside a verb, asked at its admin door. */
#ifndef QG_GATEWAY_CLI_RUNNING_H
#define QG_GATEWAY_CLI_RUNNING_H

#include "cli.h"

struct qg_http_client;
struct qg_loop;

/* Runs the loop until the answer to GET path is there, or some seconds are over. The body, yours to free; NULL where
 * nobody answers there, or not for our token. *http_out: the status, 0 for none. */
char *qg_cli_running_get(const struct qg_config *config, struct qg_loop *loop,
	struct qg_http_client *http, const char *path, int *http_out);
/* Whether a server of this data_dir runs: the private Redis is somebody else's, or, over an external one, its admin
 * door answers. store: may be NULL. */
bool qg_cli_is_running(const struct qg_config *config, const struct qg_cli_store *store,
	struct qg_loop *loop, struct qg_http_client *http);
/* Where the admin door of this config is reached from this machine: "127.0.0.1:8081". Yours to free. */
char *qg_cli_running_address(const char *admin_listen);
/* The sum of a metric's series over all processes, those with bot="..." in their labels (NULL: all). False: none. */
bool qg_cli_metric(const char *page, const char *name, const char *bot, double *sum_out);
/* The same of bot="...",kind="...", and the greatest of all processes: of a figure that each of them knows whole. */
bool qg_cli_metric_kind(
	const char *page, const char *name, const char *bot, const char *kind, double *most_out);

#endif
