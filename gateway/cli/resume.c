/* resume.c - `qungong resume`: ends a pause. */
#include "pause.h"

static int run(struct qg_cli *cli)
{
	return qg_cli_set_paused(cli, false);
}

const struct qg_verb qg_cli_resume = {
	"resume", "BOT", "恢复暂停的机器人 · ends a pause", NULL, run};
