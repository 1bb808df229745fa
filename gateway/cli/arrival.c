/* arrival.c - "now write to it in the group": ticks when the first message of a new bot was stored.
 *
 * The server that runs counts what it stores, and its admin door shows the count: nothing is added to the way of a
 * message, and what is ticked is what was really kept. */
#include "hire.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models.h"
#include "qg/clock.h"
#include "qg/fetch.h"
#include "probe.h"
#include "running.h"

enum { LOOK_MS = 1000, LINK_MS = 15 * 1000, PATIENCE_MS = 5 * 60 * 1000 };

struct arrival {
	const struct qg_config *config;
	const char *bot;
	struct qg_loop *loop;
	struct qg_http_client *http;
	struct qg_timer *timer;
	struct qg_watch *interrupt;
	bool interrupted;
};

static void stop_loop(void *arg)
{
	qg_loop_stop(((struct arrival *)arg)->loop);
}

static void interrupted(void *arg, int signal)
{
	struct arrival *arrival = arg;
	arrival->interrupted = true;
	qg_loop_stop(arrival->loop);
}

/* Messages the server has seen of it, whether it took them up or not. False: no server answers. */
static bool count(struct arrival *arrival, double *count_out)
{
	int http;
	char *page = qg_cli_running_get(
		arrival->config, arrival->loop, arrival->http, "/metrics", &http);
	double stored = 0, unselected = 0;
	bool ok = page != NULL && http == 200;
	if (ok) { /* a bot that it has not read yet has no series */
		qg_cli_metric(page, "messages_stored_total", arrival->bot, &stored);
		qg_cli_metric(page, "messages_unselected_total", arrival->bot, &unselected);
		*count_out = stored + unselected;
	}
	free(page);
	return ok;
}

/* The server that runs reads the new file by itself and dials: false where that has not come to anything. */
static bool wait_for_link(struct arrival *arrival)
{
	uint64_t end = qg_clock_mono() + LINK_MS;
	double up = 0;
	fputs("  等服务连上平台 waiting for its link ...\n", stderr);
	while (!arrival->interrupted && qg_clock_mono() < end) {
		int http;
		char *page = qg_cli_running_get(
			arrival->config, arrival->loop, arrival->http, "/metrics", &http);
		bool known = page && qg_cli_metric(page, "link_up", arrival->bot, &up);
		free(page);
		if (known && up != 0) { /* up, or another gateway has it */
			puts("  ✓ 连上了 its link is up");
			return true;
		}
		qg_timer_start(arrival->timer, LOOK_MS);
		qg_loop_run(arrival->loop);
	}
	puts("  没连上：多半是凭据填错了，qungong doctor 说哪里不对 · its link is not up: `qungong "
	     "doctor` says why");
	return false;
}

static void wait(struct arrival *arrival, double before)
{
	uint64_t end = qg_clock_mono() + PATIENCE_MS;
	double now = before;
	while (!arrival->interrupted && qg_clock_mono() < end) {
		qg_timer_start(arrival->timer, LOOK_MS);
		qg_loop_run(arrival->loop);
		if (!arrival->interrupted && count(arrival, &now) && now > before) {
			puts("  ✓ 收到了 it arrived");
			return;
		}
	}
	puts("  还没收到；qungong doctor 说哪里不对 · nothing yet: `qungong doctor` says why");
}

static bool open_all(const struct qg_cli *cli, struct arrival *arrival)
{
	arrival->loop = qg_loop_create(1);
	arrival->http = arrival->loop ? qg_cli_http_client(cli, arrival->loop) : NULL;
	arrival->timer = arrival->http ? qg_timer_create(arrival->loop, stop_loop, arrival) : NULL;
	arrival->interrupt = arrival->timer
				     ? qg_watch_signal(arrival->loop, SIGINT, interrupted, arrival)
				     : NULL;
	return arrival->interrupt;
}

void qg_cli_wait_for_word(const struct qg_cli *cli, const struct qg_config *config, const char *bot,
	const char *shown)
{
	struct arrival arrival = {.config = config, .bot = bot};
	double before = 0;
	bool runs = open_all(cli, &arrival) && count(&arrival, &before);
	bool dead = runs && qg_cli_dials(qg_config_bot(config, bot)) && !wait_for_link(&arrival);
	printf("\n%s在群里写 in the group: @%s 你好\n",
		dead   ? "连上之后，"
		: runs ? "现在"
		       : "启动 qungong run 之后，",
		shown && *shown ? shown : "机器人");
	if (runs && !dead && isatty(STDIN_FILENO)) {
		puts("  等它收到，Ctrl-C 不等了 · waiting for it, Ctrl-C to go on");
		wait(&arrival, before);
	}
	qg_watch_destroy(arrival.interrupt);
	qg_timer_destroy(arrival.timer);
	qg_http_client_destroy(arrival.http);
	qg_loop_destroy(arrival.loop);
}
