/* creation.c - an account made by scanning a code: the way that all platforms go which offer one.
 *
 * Whatever goes otherwise than expected, an answer that cannot be read, a link that leads elsewhere, a code that
 * expires, ends in the console's steps and never in an error. */
#include "creation.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models.h"
#include "qg/adapter.h"
#include "qg/clock.h"
#include "qg/fetch.h"
#include "qg/loop.h"
#include "qr.h"

#define EXPIRED "二维码过期了 the code expired"

enum { ANSWER_MOST = 64 * 1024 };

static const struct qg_creation_way *const ways[] = {
	&qg_creation_wecom, &qg_creation_dingtalk, &qg_creation_feishu};

/* ---- what the platforms share ---- */

void qg_creation_finish(struct qg_creation *creation)
{
	free(creation->ticket);
	free(creation->url);
	free(creation->id);
	free(creation->secret);
	creation->ticket = creation->url = creation->id = creation->secret = NULL;
}

bool qg_creation_is_plain(const char *text, size_t most)
{
	size_t size = strlen(text);
	for (size_t i = 0; i < size; i++) {
		if (text[i] <= ' ' || text[i] > '~') {
			return false;
		}
	}
	return size > 0 && size <= most;
}

bool qg_creation_is_page(const char *url, const char *domain)
{
	static const char scheme[] = "https://";
	if (!qg_creation_is_plain(url, QG_CREATION_URL_MOST) || !qg_str_starts_with(url, scheme)) {
		return false;
	}
	const char *host = url + strlen(scheme);
	size_t size = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.");
	bool ends = host[size] == '/' || host[size] == '?' || host[size] == '\0';
	return ends && size > strlen(domain) &&
	       memcmp(host + size - strlen(domain), domain, strlen(domain)) == 0;
}

enum qg_creation_turn qg_creation_over(struct qg_creation *creation, const char *words)
{
	char why[512];
	snprintf(why, sizeof(why), "%s", *words ? words : EXPIRED);
	why[qg_utf8_cut(why, strlen(why), 100)] = '\0'; /* first: half a letter is no UTF-8 */
	qg_utf8_flatten(why);
	snprintf(creation->words, sizeof(creation->words), "%.120s", why);
	return QG_CREATION_OVER;
}

enum qg_creation_turn qg_creation_offer(
	struct qg_creation *creation, const char *ticket, const char *url)
{
	free(creation->ticket);
	creation->ticket = qg_str_copy(ticket);
	creation->url = qg_str_copy(url);
	return creation->ticket && creation->url ? QG_CREATION_OFFERED
						 : qg_creation_over(creation, "out of memory");
}

enum qg_creation_turn qg_creation_made(
	struct qg_creation *creation, const char *id, const char *secret)
{
	if (!qg_creation_is_plain(id, QG_CREATION_ID_MOST) ||
		!qg_creation_is_plain(secret, QG_CREATION_ID_MOST)) {
		return qg_creation_over(creation, "no credentials came");
	}
	creation->id = qg_str_copy(id);
	creation->secret = qg_str_copy(secret);
	return creation->id && creation->secret ? QG_CREATION_MADE
						: qg_creation_over(creation, "out of memory");
}

unsigned qg_creation_ms(int64_t seconds, unsigned fallback, unsigned least, unsigned most)
{
	if (seconds < 0) {
		return fallback;
	}
	return seconds < least / 1000  ? least
	       : seconds > most / 1000 ? most
				       : (unsigned)seconds * 1000;
}

/* ---- the code ---- */

static void show_code(const struct qg_creation_way *way, const struct qg_creation *creation)
{
	const char *term = getenv("TERM");
	bool colours = term && *term && strcmp(term, "dumb") != 0;
	struct qg_buf picture;
	qg_buf_init(&picture, 256 * 1024);
	fprintf(stderr, "\n用手机上的「%s」扫码，创建机器人 · scan with the %s app:\n\n", way->app,
		way->english);
	if (qg_qr_text(creation->url, colours, &picture) == QG_OK) {
		fwrite(picture.data, 1, picture.size, stderr);
	}
	qg_buf_finish(&picture);
	fprintf(stderr,
		"\n或者在手机的%s里打开 or open it there: %s\n%u 分钟内有效；按 Ctrl-C "
		"改为手工填写 · good for %u minutes, Ctrl-C to type the credentials instead\n",
		way->app, creation->url, creation->patience_ms / 60000,
		creation->patience_ms / 60000);
}

/* ---- asking ---- */

struct asking {
	const struct qg_creation_way *way;
	struct qg_creation creation;
	struct qg_loop *loop;
	struct qg_http_client *http;
	struct qg_timer *timer;
	struct qg_watch *interrupt;
	struct qg_fetch *fetch;
	uint64_t end;
	bool scanned, made;
};

/* Builds with the test clock, which no customer gets, may ask a stand-in on this machine. */
static const char *host_of(const struct asking *asking)
{
	const struct qg_creation_host *host = &asking->way->hosts[asking->creation.is_abroad];
#ifdef QG_TEST_CLOCK
	const char *stand_in = getenv(host->stand_in);
	if (stand_in && qg_str_starts_with(stand_in, "http://127.0.0.1:")) {
		return stand_in;
	}
#endif
	return host->address;
}

static void give_up(struct asking *asking, const char *words)
{
	qg_creation_over(&asking->creation, words);
	qg_loop_stop(asking->loop);
}

static void answered(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end);

static struct qg_fetch *fetch(struct asking *asking, const struct qg_creation_question *question)
{
	static const struct qg_fetch_host host = {.ended = answered};
	QG_AUTO(qg_str_free)
	char *type = qg_str_printf("Content-Type: %s", question->type ? question->type : "");
	const char *headers[] = {"Accept: application/json", question->body ? type : NULL, NULL};
	const struct qg_fetch_request request = {.method = question->method,
		.url = question->url,
		.headers = headers,
		.body = question->body,
		.body_size = question->body ? strlen(question->body) : 0,
		.most = ANSWER_MOST,
		.gathers = true,
		.connect_ms = 5000,
		.first_byte_ms = 10000,
		.idle_ms = 5000,
		.total_ms = 15000};
	return type ? qg_fetch_start(asking->http, &request, &host, asking) : NULL;
}

static void ask(void *arg)
{
	struct asking *asking = arg;
	struct qg_creation_question question = {0};
	asking->creation.host = host_of(asking);
	if (asking->way->ask(&asking->creation, &question)) {
		asking->fetch = fetch(asking, &question);
	}
	free(question.url);
	free(question.body);
	if (!asking->fetch) {
		give_up(asking, "out of memory");
	}
}

static void ask_later(struct asking *asking)
{
	if (qg_clock_mono() >= asking->end) {
		give_up(asking, EXPIRED);
	} else {
		qg_timer_start(asking->timer, qg_clock_scaled(asking->creation.interval_ms));
	}
}

static void act(struct asking *asking, enum qg_creation_turn turn)
{
	switch (turn) {
	case QG_CREATION_ON:
		ask(asking);
		return;
	case QG_CREATION_OFFERED:
		show_code(asking->way, &asking->creation);
		asking->end = qg_clock_mono() + qg_clock_scaled(asking->creation.patience_ms);
		ask_later(asking);
		return;
	case QG_CREATION_SCANNED:
		if (!asking->scanned) {
			asking->scanned = true;
			fputs("已扫码，请在手机上确认。Scanned: confirm on the phone.\n", stderr);
		}
		ask_later(asking);
		return;
	case QG_CREATION_WAITS:
		ask_later(asking);
		return;
	case QG_CREATION_MADE:
	case QG_CREATION_OVER:
		asking->made = turn == QG_CREATION_MADE;
		qg_loop_stop(asking->loop);
		return;
	}
}

/* Once there is a code, one answer that does not come is no reason to give it up. */
static void answered(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct asking *asking = arg;
	(void)fetch;
	asking->fetch = NULL;
	if (end->error == QG_FETCH_NONE) {
		act(asking, asking->way->read(&asking->creation, end->body, end->size));
	} else if (asking->creation.url) {
		ask_later(asking);
	} else {
		char words[160];
		snprintf(words, sizeof(words), "没连上平台 not reached: %s",
			qg_fetch_error_text(end->error));
		give_up(asking, words);
	}
}

static void interrupted(void *arg, int signal)
{
	struct asking *asking = arg;
	(void)signal;
	qg_loop_stop(asking->loop);
}

static void create(const struct qg_cli *cli, struct asking *asking)
{
	asking->loop = qg_loop_create(1);
	asking->http = asking->loop ? qg_cli_http_client(cli, asking->loop) : NULL;
	asking->timer = asking->http ? qg_timer_create(asking->loop, ask, asking) : NULL;
	asking->interrupt =
		asking->timer ? qg_watch_signal(asking->loop, SIGINT, interrupted, asking) : NULL;
	if (asking->interrupt) {
		qg_timer_start(asking->timer, 0);
		qg_loop_run(asking->loop);
	}
	qg_fetch_cancel(asking->fetch);
	qg_watch_destroy(asking->interrupt);
	qg_timer_destroy(asking->timer);
	qg_http_client_destroy(asking->http);
	qg_loop_destroy(asking->loop);
}

/* ---- */

static const struct qg_creation_way *way_of(const char *platform)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i]->platform, platform) == 0) {
			return ways[i];
		}
	}
	return NULL;
}

static bool is_given(const struct qg_strings *given, const char *key)
{
	size_t size = strlen(key);
	for (size_t i = 0; i < given->count; i++) {
		if (qg_str_starts_with(given->items[i], key) && given->items[i][size] == '=') {
			return true;
		}
	}
	return false;
}

/* Somebody who gives credentials, or wants a webhook, has an account already. */
static bool has_account(const struct qg_creation_way *way, const struct qg_strings *given)
{
	const struct qg_adapter *adapter = qg_adapter_find(way->platform);
	for (const struct qg_option *row = adapter ? adapter->options : NULL; row && row->name;
		row++) {
		if ((row->flags & QG_SECRET) && is_given(given, row->name)) {
			return true;
		}
	}
	return is_given(given, way->id_key) || qg_strings_has(given, "transport=webhook");
}

static bool keep(const struct asking *asking, json_t *options)
{
	const struct qg_creation_way *way = asking->way;
	const struct qg_creation *creation = &asking->creation;
	const char *place = way->hosts[creation->is_abroad].place;
	if (place && json_object_set_new(options, way->place_key, json_string(place)) != 0) {
		return false;
	}
	return json_object_set_new(options, way->id_key, json_string(creation->id)) == 0 &&
	       json_object_set_new(options, way->secret_key, json_string(creation->secret)) == 0;
}

bool qg_cli_create_account(const struct qg_cli *cli, const char *platform,
	const struct qg_strings *given, json_t *options)
{
	struct asking asking = {.way = way_of(platform)};
	if (!asking.way || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) ||
		has_account(asking.way, given)) {
		return false;
	}
	create(cli, &asking);
	bool made = asking.made && keep(&asking, options);
	const char *words = asking.creation.words;
	if (made) {
		fputs("机器人创建好了。The bot is made.\n", stderr);
	} else {
		fprintf(stderr, "\n没有扫码创建%s%s%s，改为手工填写 · to be made by hand:\n",
			words[0] ? "（" : "", words, words[0] ? "）" : "");
	}
	qg_creation_finish(&asking.creation);
	return made;
}
