/* version.c - `qungong version`: what this binary is and what is built in. */
#include "cli.h"

#include <stdio.h>
#include <time.h>

#include "build_info.h"
#include "qg/adapter.h"

static int run(struct qg_cli *cli)
{
	int code = qg_cli_parse(cli, NULL, NULL, 0);
	if (code != QG_CLI_DONE) {
		return code;
	}
	time_t built = QG_BUILD_DATE;
	struct tm tm;
	char date[16];
	gmtime_r(&built, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	if (cli->json) {
		return qg_cli_print_json(json_pack("{s:s, s:s, s:s}", "version", QG_VERSION,
			"built", date, "platforms", qg_adapter_names()));
	}
	printf("qungong 群工 %s (%s)\nplatforms: %s\n", QG_VERSION, date, qg_adapter_names());
	return QG_CLI_DONE;
}

const struct qg_verb qg_cli_version = {
	"version", "", "版本 · version, build date, platforms", NULL, run};
