/* probe.c - do bot_id and secret work? One connection of its own: subscribe, tell, close. Whoever has the bot's
 * connection at that moment is kicked by it. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define PROBE_MS 20000
#define REQ_ID "aibot_subscribe_probe"
#define WORDS_MOST 512

struct wecom_probe {
	struct wecom_core *core;
	struct qg_ws *ws;
	struct qg_timer *timer;
	struct qg_buf scratch;
};

void wecom_probe_cancel(struct wecom_probe *probe)
{
	if (!probe) {
		return;
	}
	if (probe->core->probe == probe) {
		probe->core->probe = NULL;
	}
	qg_ws_cancel(probe->ws);
	qg_timer_destroy(probe->timer);
	qg_buf_finish(&probe->scratch);
	free(probe);
}

static void tell(struct wecom_probe *probe, enum qg_status status, const char *words)
{
	struct wecom_core *core = probe->core;
	void (*told)(void *arg, enum qg_status status, const char *words) = core->probed;
	core->probed = NULL;
	wecom_probe_cancel(probe);
	told(core->probed_arg, status, words);
}

static void opened(void *arg, struct qg_ws *ws)
{
	struct wecom_probe *probe = arg;
	const struct wecom_options *set = probe->core->bot->config->options;
	json_auto_t *body = json_pack("{s:s, s:s}", "bot_id", set->bot_id, "secret", set->secret);
	QG_AUTO(qg_str_free) char *text = body ? qg_json_dump(body) : NULL;
	QG_AUTO(qg_buf_finish) struct qg_buf frame;
	qg_buf_init(&frame, 4096);
	bool good =
		text &&
		wecom_frame_write(&frame, "aibot_subscribe", REQ_ID, text, strlen(text)) == QG_OK &&
		qg_ws_send(ws, frame.data, frame.size, false) == QG_OK;
	if (!good) {
		qg_timer_start(probe->timer, 0); /* nothing will come */
	}
}

static void message(void *arg, struct qg_ws *ws, const char *data, size_t size, bool binary)
{
	struct wecom_probe *probe = arg;
	struct wecom_frame frame;
	if (wecom_frame_read(data, size, &probe->scratch, &frame) != QG_OK ||
		!qg_piece_is(&frame.req_id, REQ_ID)) {
		return;
	}
	int64_t code = qg_piece_int(&frame.code, -1);
	char words[WORDS_MOST];
	if (code == 0) {
		tell(probe, QG_OK, "长连接已订阅 · subscribed over the long connection");
	} else if (code == 853000) {
		tell(probe, QG_DENIED, wecom_words_refused);
	} else {
		QG_AUTO(qg_str_free) char *said = qg_piece_copy(&frame.words);
		snprintf(words, sizeof(words),
			"企业微信拒绝了订阅 · the subscription was refused: code %lld %s",
			(long long)code, said ? said : "");
		qg_utf8_flatten(words);
		tell(probe, code == -1 || code == 45009 ? QG_BUSY : QG_FAILED, words);
	}
}

static void ended(void *arg, struct qg_ws *ws, const struct qg_ws_end *end)
{
	struct wecom_probe *probe = arg;
	char words[WORDS_MOST];
	snprintf(words, sizeof(words),
		"没连上企业微信，请检查这台机器的网络、DNS 和代理（https_proxy）%s · WeCom was not "
		"reached, check network, DNS and proxy: %s",
		end->rejected_tls ? "，以及系统时间和证书" : "", end->why);
	qg_utf8_flatten(words);
	probe->ws = NULL;
	tell(probe, QG_IO, words);
}

static void late(void *arg)
{
	tell(arg, QG_TIMEOUT,
		"企业微信没有回应，请稍后再试 · no answer from WeCom, try again later");
}

static const struct qg_ws_host host = {opened, message, ended};

void wecom_link_probe(struct wecom_core *core,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	const struct wecom_options *set = core->bot->config->options;
	struct wecom_probe *probe = core->bot->ws ? calloc(1, sizeof(*probe)) : NULL;
	core->probed = told;
	core->probed_arg = arg;
	core->probe = probe;
	if (probe) {
		struct qg_ws_request request = {.url = set->ws_url ? set->ws_url : WECOM_WS_URL};
		probe->core = core;
		qg_buf_init(&probe->scratch, (size_t)1 << 20);
		probe->timer = qg_timer_create(core->bot->loop, late, probe);
		probe->ws = probe->timer ? qg_ws_open(core->bot->ws, &request, &host, probe) : NULL;
	}
	if (!probe || !probe->ws) {
		wecom_probe_cancel(probe);
		core->probe_failed = true;
		wecom_core_wake(core);
		return;
	}
	qg_timer_start(probe->timer, PROBE_MS);
}
