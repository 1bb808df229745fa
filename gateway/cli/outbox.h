/* outbox.h - files on their way to a chat: copied into data_dir/outbox, where the gateway reads them. */
#ifndef QG_GATEWAY_CLI_OUTBOX_H
#define QG_GATEWAY_CLI_OUTBOX_H

#include "cli.h"

#define QG_OUTBOX_FILE_MOST ((size_t)20 << 20)

/* Copies path there, under the digest of what it holds, 0600. An element of qg_reply's files in *file_out, yours to
 * decref. QG_CLI_DONE, or the exit code after saying why. */
QG_MUST_CHECK int qg_cli_outbox_add(const struct qg_cli *cli, const char *data_dir,
	const char *path, bool as_image, json_t **file_out);
/* Removes what was put there over a day ago: what did not leave by then is not news any more. */
void qg_cli_outbox_sweep(const char *data_dir, int64_t now_s);

#endif
