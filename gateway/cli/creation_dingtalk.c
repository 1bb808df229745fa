/* creation_dingtalk.c - DingTalk's app by scanning a code, in place of five pages of the developer console.
 *
 * Three calls: a nonce, an offer (a link for the phone and a code to ask by), and the question how far it is. None of this
 * is in the public documents, and which names of a source are taken is not known: whatever goes otherwise than expected
 * ends in the console's steps, never in an error. */
#include "creation.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"
#include "qg/clock.h"
#include "qg/fetch.h"
#include "qg/json.h"

#define HOST "https://oapi.dingtalk.com"
#define DOMAIN ".dingtalk.com"
#define SOURCE "qungong"

enum {
	POLL_MS = 3000,
	POLL_LEAST_MS = 1000,
	POLL_MOST_MS = 10000,
	PATIENCE_MS = 5 * 60 * 1000,
	URL_MOST = 800,
	CODE_MOST = 512,
	ID_MOST = 256,
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

/* A page of the platform, and nothing else: no other host, port or user before it. */
static bool may_be_shown(const char *url)
{
	static const char scheme[] = "https://";
	if (!is_plain(url, URL_MOST) || !qg_str_starts_with(url, scheme)) {
		return false;
	}
	const char *host = url + strlen(scheme);
	size_t size = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.");
	bool ends = host[size] == '/' || host[size] == '?' || host[size] == '\0';
	return ends && size > strlen(DOMAIN) &&
	       memcmp(host + size - strlen(DOMAIN), DOMAIN, strlen(DOMAIN)) == 0;
}

/* NULL and words where it is a refusal, or nothing that can be read. */
static json_t *read_answer(const char *body, size_t size, char *words)
{
	json_t *root = qg_json_parse(body, size, NULL);
	int64_t code = qg_json_int(root, "errcode", 0);
	if (!root || code != 0) {
		snprintf(words, 128, root ? "errcode %lld" : "no JSON", (long long)code);
		json_decref(root);
		return NULL;
	}
	return root;
}

static enum qg_status take(const char *text, char **out, char *words)
{
	*out = qg_str_copy(text);
	if (!*out) {
		snprintf(words, 128, "out of memory");
		return QG_NO_MEMORY;
	}
	return QG_OK;
}

enum qg_status qg_dingtalk_nonce_read(const char *body, size_t size, char **nonce_out, char *words)
{
	json_auto_t *root = read_answer(body, size, words);
	const char *nonce = qg_json_str(root, "nonce", "");
	if (!root) {
		return QG_INVALID;
	}
	if (!is_plain(nonce, CODE_MOST)) {
		snprintf(words, 128, "no nonce");
		return QG_INVALID;
	}
	char *copy = NULL;
	enum qg_status status = take(nonce, &copy, words);
	if (status == QG_OK) {
		*nonce_out = copy;
	}
	return status;
}

enum qg_status qg_dingtalk_offer_read(
	const char *body, size_t size, struct qg_dingtalk_offer *out, char *words)
{
	json_auto_t *root = read_answer(body, size, words);
	const char *code = qg_json_str(root, "device_code", "");
	const char *url = qg_json_str(
		root, "verification_uri_complete", qg_json_str(root, "verification_uri", ""));
	if (!root) {
		return QG_INVALID;
	}
	if (!is_plain(code, CODE_MOST) || !may_be_shown(url)) {
		snprintf(words, 128, "the link is none of " DOMAIN);
		return QG_INVALID;
	}
	int64_t wait = qg_json_int(root, "interval", POLL_MS / 1000);
	struct qg_dingtalk_offer offer = {.interval_ms = wait < 1 ? POLL_LEAST_MS
							 : wait > POLL_MOST_MS / 1000
								 ? POLL_MOST_MS
								 : (unsigned)wait * 1000};
	if (take(code, &offer.code, words) != QG_OK || take(url, &offer.url, words) != QG_OK) {
		free(offer.code);
		return QG_NO_MEMORY;
	}
	*out = offer;
	return QG_OK;
}

static void say_why(const json_t *root, char *words)
{
	char why[512];
	snprintf(why, sizeof(why), "%s", qg_json_str(root, "fail_reason", ""));
	qg_utf8_flatten(why);
	why[qg_utf8_cut(why, strlen(why), 100)] = '\0';
	snprintf(words, 128, "%.100s", why[0] ? why : "二维码过期了 the code expired");
}

enum qg_dingtalk_made qg_dingtalk_made_read(
	const char *body, size_t size, char **id_out, char **secret_out, char *words)
{
	json_auto_t *root = qg_json_parse(body, size, NULL);
	const char *status = qg_json_str(root, "status", "");
	if (!root || strcmp(status, "WAITING") == 0) {
		return QG_DINGTALK_WAITS; /* something on the way: the next one may be whole */
	}
	const char *id = qg_json_str(root, "client_id", "");
	const char *secret = qg_json_str(root, "client_secret", "");
	if (strcmp(status, "SUCCESS") != 0 || !is_plain(id, ID_MOST) ||
		!is_plain(secret, ID_MOST)) {
		say_why(root, words);
		return QG_DINGTALK_OVER; /* failed, expired, or what nobody knows */
	}
	char *first = qg_str_copy(id), *second = qg_str_copy(secret);
	if (!first || !second) {
		free(first);
		free(second);
		snprintf(words, 128, "out of memory");
		return QG_DINGTALK_OVER;
	}
	*id_out = first;
	*secret_out = second;
	return QG_DINGTALK_MADE;
}

/* ---- asking ---- */

struct creation {
	struct qg_loop *loop;
	struct qg_http_client *http;
	struct qg_timer *timer;
	struct qg_watch *interrupt;
	struct qg_fetch *fetch;
	struct qg_dingtalk_offer offer;
	char *id, *secret;
	uint64_t end;
	char words[128];
};

/* Builds with the test clock, which no customer gets, may ask a stand-in on this machine. */
static const char *host_of_platform(void)
{
#ifdef QG_TEST_CLOCK
	const char *stand_in = getenv("QUNGONG_TEST_DINGTALK_QR");
	if (stand_in && qg_str_starts_with(stand_in, "http://127.0.0.1:")) {
		return stand_in;
	}
#endif
	return HOST;
}

/* {name: value} to one of the three calls. */
static void ask(struct creation *creation, const char *call, const char *name, const char *value,
	const struct qg_fetch_host *host)
{
	static const char *const headers[] = {
		"Content-Type: application/json", "Accept: application/json", NULL};
	json_auto_t *body = json_pack("{s:s}", name, value);
	QG_AUTO(qg_str_free) char *text = body ? qg_json_dump(body) : NULL;
	QG_AUTO(qg_str_free)
	char *url = qg_str_printf("%s/app/registration/%s", host_of_platform(), call);
	struct qg_fetch_request request = {.method = "POST",
		.url = url,
		.headers = headers,
		.body = text,
		.body_size = text ? strlen(text) : 0,
		.most = ANSWER_MOST,
		.gathers = true,
		.connect_ms = 5000,
		.first_byte_ms = 10000,
		.idle_ms = 5000,
		.total_ms = 15000};
	creation->fetch =
		text && url ? qg_fetch_start(creation->http, &request, host, creation) : NULL;
	if (!creation->fetch) {
		snprintf(creation->words, sizeof(creation->words), "out of memory");
		qg_loop_stop(creation->loop);
	}
}

/* false: no answer came; that is the end. */
static bool has_answer(struct creation *creation, const struct qg_fetch_end *end)
{
	creation->fetch = NULL;
	if (end->error != QG_FETCH_NONE) {
		snprintf(creation->words, sizeof(creation->words), "%s",
			qg_fetch_error_text(end->error));
		qg_loop_stop(creation->loop);
	}
	return end->error == QG_FETCH_NONE;
}

static void polled(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct creation *creation = arg;
	(void)fetch;
	creation->fetch = NULL;
	enum qg_dingtalk_made made =
		end->error == QG_FETCH_NONE
			? qg_dingtalk_made_read(end->body, end->size, &creation->id,
				  &creation->secret, creation->words)
			: QG_DINGTALK_WAITS;
	bool is_late = qg_clock_mono() >= creation->end;
	if (made == QG_DINGTALK_WAITS && !is_late) {
		qg_timer_start(creation->timer, qg_clock_scaled(creation->offer.interval_ms));
		return;
	}
	if (made == QG_DINGTALK_WAITS) {
		snprintf(creation->words, sizeof(creation->words), "二维码过期了 the code expired");
	}
	qg_loop_stop(creation->loop);
}

static void poll(void *arg)
{
	static const struct qg_fetch_host host = {.ended = polled};
	struct creation *creation = arg;
	ask(creation, "poll", "device_code", creation->offer.code, &host);
}

static void offered(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct creation *creation = arg;
	(void)fetch;
	if (!has_answer(creation, end)) {
		return;
	}
	if (qg_dingtalk_offer_read(end->body, end->size, &creation->offer, creation->words) !=
		QG_OK) {
		qg_loop_stop(creation->loop);
		return;
	}
	qg_cli_show_code("钉钉", "DingTalk", creation->offer.url);
	creation->end = qg_clock_mono() + qg_clock_scaled(PATIENCE_MS);
	qg_timer_start(creation->timer, qg_clock_scaled(creation->offer.interval_ms));
}

static void begun(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	static const struct qg_fetch_host host = {.ended = offered};
	struct creation *creation = arg;
	QG_AUTO(qg_str_free) char *nonce = NULL;
	(void)fetch;
	if (!has_answer(creation, end)) {
		return;
	}
	if (qg_dingtalk_nonce_read(end->body, end->size, &nonce, creation->words) != QG_OK) {
		qg_loop_stop(creation->loop);
		return;
	}
	ask(creation, "begin", "nonce", nonce, &host);
}

static void interrupted(void *arg, int signal)
{
	struct creation *creation = arg;
	(void)signal;
	qg_loop_stop(creation->loop);
}

static void create(const struct qg_cli *cli, struct creation *creation)
{
	static const struct qg_fetch_host host = {.ended = begun};
	creation->loop = qg_loop_create(1);
	creation->http = creation->loop ? qg_cli_http_client(cli, creation->loop) : NULL;
	creation->timer = creation->http ? qg_timer_create(creation->loop, poll, creation) : NULL;
	creation->interrupt =
		creation->timer ? qg_watch_signal(creation->loop, SIGINT, interrupted, creation)
				: NULL;
	if (creation->interrupt) {
		ask(creation, "init", "source", SOURCE, &host);
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

bool qg_cli_create_dingtalk(const struct qg_cli *cli, json_t *options, char *words, size_t size)
{
	struct creation creation = {0};
	create(cli, &creation);
	bool made =
		creation.id && creation.secret &&
		json_object_set_new(options, "client_id", json_string(creation.id)) == 0 &&
		json_object_set_new(options, "client_secret", json_string(creation.secret)) == 0;
	snprintf(words, size, "%s", creation.words);
	free(creation.offer.code);
	free(creation.offer.url);
	free(creation.id);
	free(creation.secret);
	return made;
}
