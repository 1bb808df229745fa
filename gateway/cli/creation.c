/* creation.c - WeCom's AI bot by scanning a code: nobody has to find the page of the console and copy two secrets.
 *
 * The platform offers a link, the phone's app opens it and confirms, and meanwhile we ask how far it is. None of this is
 * in the public documents, so whatever goes otherwise than expected ends in the console's steps, never in an error. */
#include "creation.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models.h"
#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/fetch.h"
#include "qg/json.h"
#include "qr.h"

#define HOST "https://work.weixin.qq.com"
#define PAGE HOST "/ai/qc/c" /* what may be shown, and nothing else */
#define SOURCE "qungong"
#define PLATFORM 3 /* Linux, as the platform counts */

enum {
	POLL_MS = 3000,
	POLL_MOST_MS = 5 * 60 * 1000,
	URL_MOST = 800,
	SCODE_MOST = 256,
	ID_MOST = 128,
	ANSWER_MOST = 64 * 1024,
};

/* ---- what the platform says ---- */

/* Printable ASCII without blanks, not empty. */
static bool is_plain(const char *text, size_t most)
{
	size_t size = strlen(text);
	for (size_t i = 0; i < size; i++) {
		if (text[i] <= ' ' || text[i] > '~') {
			return false;
		}
	}
	return size > 0 && size <= most;
}

static bool may_be_shown(const char *url)
{
	size_t size = strlen(PAGE);
	return is_plain(url, URL_MOST) && qg_str_starts_with(url, PAGE) &&
	       (url[size] == '\0' || url[size] == '?');
}

enum qg_status qg_wecom_offer_read(
	const char *body, size_t size, char **scode_out, char **url_out, char *words)
{
	json_auto_t *root = qg_json_parse(body, size, NULL);
	const json_t *data = json_object_get(root, "data");
	const char *scode = qg_json_str(data, "scode", ""),
		   *url = qg_json_str(data, "auth_url", "");
	int64_t code = qg_json_int(root, "errcode", 0);
	if (!root || code != 0) {
		snprintf(words, 128, root ? "errcode %lld" : "no JSON", (long long)code);
		return QG_INVALID;
	}
	if (!is_plain(scode, SCODE_MOST) || !may_be_shown(url)) {
		snprintf(words, 128, "the link is not one of " PAGE);
		return QG_INVALID;
	}
	char *first = qg_str_copy(scode), *second = qg_str_copy(url);
	if (!first || !second) {
		free(first);
		free(second);
		snprintf(words, 128, "out of memory");
		return QG_NO_MEMORY;
	}
	*scode_out = first;
	*url_out = second;
	return QG_OK;
}

enum qg_wecom_answer qg_wecom_answer_read(
	const char *body, size_t size, char **id_out, char **secret_out)
{
	json_auto_t *root = qg_json_parse(body, size, NULL);
	const json_t *data = json_object_get(root, "data");
	const char *status = qg_json_str(data, "status", "");
	if (!root) {
		return QG_WECOM_WAITS; /* something on the way: the next one may be whole */
	}
	if (strcmp(status, "wait") == 0) {
		return QG_WECOM_WAITS;
	}
	if (strcmp(status, "scaned") == 0) {
		return QG_WECOM_SCANNED;
	}
	const json_t *bot = json_object_get(data, "bot_info");
	const char *id = qg_json_str(bot, "botid", ""), *secret = qg_json_str(bot, "secret", "");
	if (strcmp(status, "success") != 0 || !is_plain(id, ID_MOST) ||
		!is_plain(secret, ID_MOST)) {
		return QG_WECOM_OVER; /* expired, error, or what nobody knows */
	}
	*id_out = qg_str_copy(id);
	*secret_out = qg_str_copy(secret);
	if (!*id_out || !*secret_out) {
		free(*id_out);
		free(*secret_out);
		*id_out = *secret_out = NULL;
		return QG_WECOM_OVER;
	}
	return QG_WECOM_MADE;
}

/* ---- asking ---- */

struct creation {
	struct qg_loop *loop;
	struct qg_http_client *http;
	struct qg_timer *timer;
	struct qg_watch *interrupt;
	struct qg_fetch *fetch;
	const char *host;
	char *scode, *url, *id, *secret;
	uint64_t end;
	bool scanned, interrupted;
	char words[128];
};

/* Builds with the test clock, which no customer gets, may ask a stand-in on this machine. */
static const char *host_of_platform(void)
{
#ifdef QG_TEST_CLOCK
	const char *stand_in = getenv("QUNGONG_TEST_WECOM_QC");
	if (stand_in && qg_str_starts_with(stand_in, "http://127.0.0.1:")) {
		return stand_in;
	}
#endif
	return HOST;
}

static void ask(struct creation *creation, char *url,
	void (*ended)(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end))
{
	static struct qg_fetch_host host;
	host.ended = ended;
	struct qg_fetch_request request = {.method = "GET",
		.url = url,
		.most = ANSWER_MOST,
		.gathers = true,
		.connect_ms = 5000,
		.first_byte_ms = 10000,
		.idle_ms = 5000,
		.total_ms = 15000};
	creation->fetch = url ? qg_fetch_start(creation->http, &request, &host, creation) : NULL;
	free(url);
	if (!creation->fetch) {
		snprintf(creation->words, sizeof(creation->words), "out of memory");
		qg_loop_stop(creation->loop);
	}
}

static void polled(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct creation *creation = arg;
	creation->fetch = NULL;
	enum qg_wecom_answer answer = end->error == QG_FETCH_NONE
					      ? qg_wecom_answer_read(end->body, end->size,
							&creation->id, &creation->secret)
					      : QG_WECOM_WAITS;
	if (answer == QG_WECOM_SCANNED && !creation->scanned) {
		creation->scanned = true;
		fputs("已扫码，请在手机上确认。Scanned: confirm on the phone.\n", stderr);
	}
	if (answer == QG_WECOM_OVER || qg_clock_mono() >= creation->end) {
		snprintf(creation->words, sizeof(creation->words), "二维码过期了 the code expired");
		qg_loop_stop(creation->loop);
	} else if (answer == QG_WECOM_MADE) {
		qg_loop_stop(creation->loop);
	} else {
		qg_timer_start(creation->timer, qg_clock_scaled(POLL_MS));
	}
}

static void poll(void *arg)
{
	struct creation *creation = arg;
	struct qg_buf coded;
	qg_buf_init(&coded, 3 * SCODE_MOST);
	qg_url_encode(creation->scode, strlen(creation->scode), &coded);
	ask(creation, qg_str_printf("%s/ai/qc/query_result?scode=%s", creation->host, coded.data),
		polled);
	qg_buf_finish(&coded);
}

void qg_cli_show_code(const char *app, const char *english, const char *url)
{
	const char *term = getenv("TERM");
	bool colours = term && *term && strcmp(term, "dumb") != 0;
	struct qg_buf picture;
	qg_buf_init(&picture, 256 * 1024);
	fprintf(stderr, "\n用手机上的「%s」扫码，创建机器人 · scan with the %s app:\n\n", app,
		english);
	if (qg_qr_text(url, colours, &picture) == QG_OK) {
		fwrite(picture.data, 1, picture.size, stderr);
	}
	qg_buf_finish(&picture);
	fprintf(stderr,
		"\n或者在手机的%s里打开 or open it there: %s\n五分钟内有效；按 Ctrl-C "
		"改为手工填写 · Ctrl-C to type the credentials instead\n",
		app, url);
}

static void offered(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct creation *creation = arg;
	creation->fetch = NULL;
	if (end->error != QG_FETCH_NONE) {
		snprintf(creation->words, sizeof(creation->words), "%s",
			qg_fetch_error_text(end->error));
		qg_loop_stop(creation->loop);
	} else if (qg_wecom_offer_read(end->body, end->size, &creation->scode, &creation->url,
			   creation->words) != QG_OK) {
		qg_loop_stop(creation->loop);
	} else {
		qg_cli_show_code("企业微信", "WeCom", creation->url);
		creation->end = qg_clock_mono() + qg_clock_scaled(POLL_MOST_MS);
		qg_timer_start(creation->timer, qg_clock_scaled(POLL_MS));
	}
}

static void interrupted(void *arg, int signal)
{
	struct creation *creation = arg;
	creation->interrupted = true;
	qg_loop_stop(creation->loop);
}

static void create(const struct qg_cli *cli, struct creation *creation)
{
	creation->loop = qg_loop_create(1);
	creation->http = creation->loop ? qg_cli_http_client(cli, creation->loop) : NULL;
	creation->timer = creation->http ? qg_timer_create(creation->loop, poll, creation) : NULL;
	creation->interrupt =
		creation->timer ? qg_watch_signal(creation->loop, SIGINT, interrupted, creation)
				: NULL;
	creation->host = host_of_platform();
	if (creation->interrupt) {
		ask(creation,
			qg_str_printf("%s/ai/qc/generate?source=" SOURCE "&plat=%d", creation->host,
				PLATFORM),
			offered);
		if (creation->fetch) {
			qg_loop_run(creation->loop);
		}
	}
	qg_fetch_cancel(creation->fetch);
	qg_watch_destroy(creation->interrupt);
	qg_timer_destroy(creation->timer);
	qg_http_client_destroy(creation->http);
	qg_loop_destroy(creation->loop);
}

/* ---- */

/* Somebody who gives credentials, or wants a webhook, has an account already. */
static bool has_account(const struct qg_strings *given)
{
	static const char *const keys[] = {"bot_id=", "secret=", "transport=webhook",
		"token=", "encoding_aes_key=", "client_id=", "client_secret="};
	for (size_t i = 0; i < given->count; i++) {
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			if (qg_str_starts_with(given->items[i], keys[k])) {
				return true;
			}
		}
	}
	return false;
}

static bool create_wecom(const struct qg_cli *cli, json_t *options, char *words, size_t size)
{
	struct creation creation = {0};
	create(cli, &creation);
	bool made = creation.id && creation.secret &&
		    json_object_set_new(options, "bot_id", json_string(creation.id)) == 0 &&
		    json_object_set_new(options, "secret", json_string(creation.secret)) == 0;
	snprintf(words, size, "%s", creation.words);
	free(creation.scode);
	free(creation.url);
	free(creation.id);
	free(creation.secret);
	return made;
}

bool qg_cli_create_account(const struct qg_cli *cli, const char *platform,
	const struct qg_strings *given, json_t *options)
{
	char words[128] = "";
	bool is_dingtalk = strcmp(platform, "dingtalk") == 0;
	if ((!is_dingtalk && strcmp(platform, "wecom") != 0) || !isatty(STDIN_FILENO) ||
		!isatty(STDERR_FILENO) || has_account(given)) {
		return false;
	}
	bool made = is_dingtalk ? qg_cli_create_dingtalk(cli, options, words, sizeof(words))
				: create_wecom(cli, options, words, sizeof(words));
	if (made) {
		fputs("机器人创建好了。The bot is made.\n", stderr);
	} else {
		fprintf(stderr, "\n没有扫码创建%s%s%s，改为手工填写 · to be made by hand:\n",
			words[0] ? "（" : "", words, words[0] ? "）" : "");
	}
	return made;
}
