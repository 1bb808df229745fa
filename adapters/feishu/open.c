/* open.c - asks the platform where to connect: an address with a ticket, good for one connection, and the paces it wishes.
 *
 * Every connect asks anew. The secret goes with the request and the ticket stands in the answer, so of either nothing
 * reaches a log but code and log id. Where a person must act it is said which page of the console helps, and asked again
 * all the same, slowly: what was put right there takes effect without a restart. Codes: those of the platform's official
 * clients, which give up at some that pass by themselves. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enquiry.h"
#include "qg/json.h"
#include "qg/str.h"

#define ADDRESS_MOST 4096
#define WHY_MOST 128
#define ACT_MS 600000	  /* until a person put it right */
#define CROWDED_MS 180000 /* until other connections ended */
#define SLOW_MS 60000
#define PACE_MOST 600 /* seconds */

static const char refused[] =
	"飞书拒绝了 app_id 和 "
	"app_secret：请在开发者后台该应用的「凭证与基础信息」重新复制（不要带空格），Lark "
	"的应用要写 domain: lark · the credentials are refused: copy both again; an app of Lark "
	"needs domain: lark";
static const char forbidden[] =
	"飞书不许这个应用建立长连接：请在开发者后台确认它是企业自建应用、已启用，在「事件与回调」→"
	"「事件配置」选择「使用长连接接收事件」，并在「版本管理与发布」发布 · the app may not "
	"connect: it must be a custom app, enabled and published, with the long connection chosen "
	"under Events & Callbacks";
static const char crowded[] =
	"这个应用的长连接太多了：还有别的程序在用同一个 app_id，它们会分走一部分消息，请把它们停掉 "
	"· "
	"too many connections of this app: other programs use the same app_id and take part of its "
	"messages; stop them (开发者后台 →「事件与回调」)";

struct feishu_open {
	struct qg_fetch *fetch;
	bool plain;
	feishu_opened_fn fn;
	void *arg;
};

void feishu_open_cancel(struct feishu_open *open)
{
	if (open) {
		qg_fetch_cancel(open->fetch);
		free(open);
	}
}

/* ---- paces ---- */

void feishu_pace_init(struct feishu_pace *pace)
{
	*pace = (struct feishu_pace){.ping = 120, .interval = 120, .nonce = 30};
}

static void read_pace(const json_t *config, const char *name, unsigned least, unsigned *out)
{
	const json_t *value = json_object_get(config, name);
	if (json_is_integer(value)) {
		json_int_t seconds = json_integer_value(value);
		*out = seconds < (json_int_t)least ? least
		       : seconds > PACE_MOST	   ? PACE_MOST
						   : (unsigned)seconds;
	}
}

void feishu_pace_read(struct feishu_pace *pace, const json_t *config)
{
	read_pace(config, "PingInterval", 1, &pace->ping);
	read_pace(config, "ReconnectInterval", 1, &pace->interval);
	read_pace(config, "ReconnectNonce", 0, &pace->nonce);
}

/* ---- the answer ---- */

/* Printable ASCII, as it goes into a request line. */
bool feishu_open_is_address(const char *url, bool plain)
{
	size_t size = url ? strlen(url) : 0;
	for (size_t i = 0; i < size; i++) {
		if (url[i] <= ' ' || url[i] > '~' || url[i] == '#') {
			return false;
		}
	}
	return size > 0 && size <= ADDRESS_MOST &&
	       (qg_str_starts_with(url, "wss://") || (plain && qg_str_starts_with(url, "ws://")));
}

void feishu_open_judge(int64_t code, struct qg_uplink_loss *loss)
{
	static const struct {
		int64_t code;
		const char *what, *words;
		unsigned retry_ms;
	} codes[] = {
		{1, "the platform is busy", NULL, 0},
		{1000040343, "the platform failed", NULL, 0},
		{1000040345, "the platform is busy", NULL, SLOW_MS},
		{1000040350, "too many connections of this app", crowded, CROWDED_MS},
		{403, "the app may not connect", forbidden, ACT_MS},
	};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].code == code) {
			loss->what = codes[i].what;
			loss->words = codes[i].words;
			loss->retry_ms = codes[i].retry_ms;
			return;
		}
	}
	loss->what = "the credentials are refused"; /* 514, and whatever else is said of them */
	loss->words = refused;
	loss->retry_ms = ACT_MS;
}

/* The call is gone before its owner hears of the end. */
static void tell(struct feishu_open *open, const struct feishu_opened *opened)
{
	feishu_opened_fn fn = open->fn;
	void *arg = open->arg;
	free(open);
	fn(arg, opened);
}

static void read_answer(const struct feishu_open *open, const struct qg_fetch_end *end,
	const json_t *body, struct feishu_opened *opened)
{
	const json_t *code = json_object_get(body, "code");
	const json_t *data = json_object_get(body, "data");
	const char *url = qg_json_str(data, "URL", NULL);
	if (json_is_integer(code) && json_integer_value(code) != 0) {
		feishu_open_judge(json_integer_value(code), &opened->loss);
	} else if (end->status == 200 && json_is_integer(code) &&
		   feishu_open_is_address(url, open->plain)) {
		opened->url = url;
		opened->config = json_object_get(data, "ClientConfig");
	}
}

static void ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	struct feishu_open *open = arg;
	char why[WHY_MOST];
	struct feishu_opened opened = {.loss = {.what = "no address to connect to", .why = why}};
	json_auto_t *body = NULL;
	open->fetch = NULL;
	if (end->error != QG_FETCH_NONE) {
		snprintf(why, sizeof(why), "%s", qg_fetch_error_text(end->error));
	} else {
		const char *log_id = qg_fetch_header(fetch, "X-Tt-Logid");
		body = qg_json_parse(end->body, end->size, NULL);
		snprintf(why, sizeof(why), "HTTP %d, code %lld, log id %.64s", end->status,
			(long long)qg_json_int(body, "code", -1), log_id ? log_id : "none");
		qg_utf8_flatten(why);
		read_answer(open, end, body, &opened);
	}
	tell(open, &opened);
}

/* ---- the request ---- */

static char *make_body(const struct feishu_credentials *credentials)
{
	json_auto_t *body = json_pack(
		"{s:s, s:s}", "AppID", credentials->app_id, "AppSecret", credentials->app_secret);
	return body ? qg_json_dump(body) : NULL;
}

struct feishu_open *feishu_open_start(struct qg_http_client *http,
	const struct feishu_credentials *credentials, feishu_opened_fn fn, void *arg)
{
	static const struct qg_fetch_host host = {.ended = ended};
	static const char *const headers[] = {"Content-Type: application/json", "locale: zh", NULL};
	struct feishu_open *open = http ? calloc(1, sizeof(*open)) : NULL;
	QG_AUTO(qg_str_free)
	char *url = qg_str_printf("%s/callback/ws/endpoint", credentials->base);
	QG_AUTO(qg_str_free) char *body = make_body(credentials);
	if (!open || !url || !body) {
		free(open);
		return NULL;
	}
	*open = (struct feishu_open){.plain = credentials->plain, .fn = fn, .arg = arg};
	struct qg_enquiry enquiry = {"POST", url, headers, body};
	open->fetch = qg_enquire(http, &enquiry, &host, open);
	if (!open->fetch) {
		free(open);
		return NULL;
	}
	return open;
}
