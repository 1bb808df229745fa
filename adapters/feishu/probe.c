/* probe.c - do app_id and app_secret work, has the app a bot that is published, may it connect, and has it all scopes?
 *
 * Three questions, each harmless: who the bot is, where to connect (nothing connects: a second connection would take
 * every other event from whoever has the first), and what the company granted. What is wrong is told with the page of the
 * console where it is put right. */
#include "link.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/config.h"
#include "qg/str.h"

#define WORDS_MOST 1000
#define SCOPES_MOST 400
#define SAID_MOST 160

struct feishu_probe {
	struct feishu_core *core;
	struct feishu_call *call;
	struct feishu_open *open;
	char *name; /* the bot's */
};

static void destroy(struct feishu_probe *probe)
{
	if (!probe) {
		return;
	}
	feishu_call_cancel(probe->call);
	feishu_open_cancel(probe->open);
	free(probe->name);
	free(probe);
}

void feishu_probe_cancel(struct feishu_core *core)
{
	destroy(core->probe);
	core->probe = NULL;
}

/* Who is told may end the bot; words may be the probe's own. */
static void tell(struct feishu_core *core, enum qg_status status, const char *words)
{
	struct feishu_probe *probe = core->probe;
	void (*told)(void *arg, enum qg_status status, const char *words) = core->told;
	core->probe = NULL;
	core->told = NULL;
	told(core->told_arg, status, words);
	destroy(probe);
}

/* words, and the page of the app; scopes: to be asked for there, NULL without. */
static void tell_page(struct feishu_core *core, enum qg_status status, const char *words,
	const char *scopes, const char *said)
{
	QG_AUTO(qg_buf_finish) struct qg_buf text;
	qg_buf_init(&text, WORDS_MOST);
	qg_buf_printf(&text, "%s: ", words);
	feishu_scopes_page(feishu_options_of(core), scopes, &text);
	if (*said) {
		qg_buf_printf(&text, " (%s)", said);
	}
	char *line = text.failed == QG_OK && text.data ? text.data : NULL;
	if (line) {
		qg_utf8_flatten(line);
	}
	tell(core, status, line ? line : words);
}

static void tell_memory(struct feishu_core *core)
{
	tell(core, QG_NO_MEMORY, qg_status_text(QG_NO_MEMORY));
}

/* The call never reached an answer of the platform's, or it was the token that was refused. */
static void tell_unanswered(
	struct feishu_core *core, const struct feishu_answer *answer, enum qg_status status)
{
	const char *said = answer->words[0] ? answer->words : qg_status_text(status);
	char words[WORDS_MOST];
	if (status == QG_DENIED) { /* the token's refusal, with what helps */
		tell_page(core, status, said, NULL, "");
		return;
	}
	snprintf(words, sizeof(words),
		"没连上飞书，请检查这台机器的网络、DNS 和代理（https_proxy）· Feishu was not "
		"reached, check network, DNS and proxy: %s",
		said);
	qg_utf8_flatten(words);
	tell(core, status, words);
}

/* false: told. */
static bool is_good(struct feishu_core *core, const struct feishu_answer *answer)
{
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	if (answer->local != QG_OK || answer->error != QG_FETCH_NONE) {
		tell_unanswered(core, answer, outcome.status);
	} else if (answer->has_code && feishu_error_is_scope(answer->code) && answer->hint[0]) {
		tell(core, outcome.status, answer->hint); /* names its page itself */
	} else if (outcome.status != QG_OK) {
		char said[WORDS_MOST / 4];
		snprintf(said, sizeof(said), "HTTP %d, code %lld %.*s", answer->http,
			(long long)answer->code,
			(int)qg_utf8_cut(answer->msg, strlen(answer->msg), SAID_MOST), answer->msg);
		tell_page(core, outcome.status,
			outcome.words[0] ? outcome.words
					 : "飞书没有接受，请稍后再试，或看看应用的配置 · Feishu "
					   "did not take it",
			NULL, said);
	}
	return outcome.status == QG_OK;
}

/* ---- what was granted ---- */

static void granted(void *arg, const struct feishu_answer *answer)
{
	struct feishu_probe *probe = arg;
	struct feishu_core *core = probe->core;
	QG_AUTO(qg_buf_finish) struct qg_buf missing;
	qg_buf_init(&missing, SCOPES_MOST);
	probe->call = NULL;
	/* A deployment that does not know this question is no worse for it. */
	bool known = feishu_error_outcome(answer).status == QG_OK &&
		     feishu_scopes_missing(answer->body, answer->size,
			     core->bot->config->trigger != QG_TRIGGER_MENTION, &missing);
	if (known && missing.size > 0) {
		char words[WORDS_MOST / 2];
		snprintf(words, sizeof(words),
			"还缺权限 %s：打开下面的页面开通，再到「版本管理与发布」发布新版本 · "
			"scopes "
			"are missing",
			missing.data);
		tell_page(core, QG_NOT_FOUND, words, missing.data, "");
		return;
	}
	tell(core, QG_OK, probe->name ? probe->name : "");
}

static void ask_for_scopes(struct feishu_probe *probe)
{
	struct feishu_core *core = probe->core;
	probe->call = feishu_call_start(
		core->account, "GET", "/open-apis/application/v6/scopes", NULL, granted, probe);
	if (!probe->call) {
		tell_memory(core);
	}
}

/* ---- the long connection ---- */

static void opened(void *arg, const struct feishu_opened *answer)
{
	struct feishu_probe *probe = arg;
	const struct qg_uplink_loss *loss = &answer->loss;
	probe->open = NULL;
	if (answer->url) {
		ask_for_scopes(probe);
	} else if (loss->words) {
		tell_page(probe->core, QG_DENIED, loss->words, NULL, loss->why ? loss->why : "");
	} else {
		tell_page(probe->core, QG_IO,
			"现在要不到长连接的地址，请稍后再试 · there is no address to connect to "
			"just now",
			NULL, loss->why && *loss->why ? loss->why : loss->what);
	}
}

static void ask_for_address(struct feishu_probe *probe)
{
	struct feishu_core *core = probe->core;
	const struct feishu_options *set = feishu_options_of(core);
	const struct feishu_credentials credentials = {.base = core->account->base,
		.app_id = set->app_id,
		.app_secret = set->app_secret,
		.plain = set->api_base != NULL};
	probe->open = feishu_open_start(core->bot->http, &credentials, opened, probe);
	if (!probe->open) {
		tell_memory(core);
	}
}

/* ---- who the bot is ---- */

static void introduced(void *arg, const struct feishu_answer *answer)
{
	static const char *const paths[] = {"bot.app_name", "bot.open_id", "bot.activate_status"};
	struct feishu_probe *probe = arg;
	struct feishu_core *core = probe->core;
	struct qg_piece found[3];
	probe->call = NULL;
	if (!is_good(core, answer)) {
		return;
	}
	if (qg_scan(answer->body, answer->size, paths, 3, found) != QG_OK || found[1].size == 0) {
		tell_page(core, QG_DENIED,
			"应用还没有机器人：在「添加应用能力」里添加「机器人」，再到「版本管理与发布"
			"」"
			"发布 · the app has no bot",
			NULL, "");
	} else if (qg_piece_int(&found[2], 2) != 2) {
		tell_page(core, QG_DENIED,
			"机器人还没有启用：在「版本管理与发布」发布版本，并请企业管理员通过 · the "
			"bot is not active",
			NULL, "");
	} else {
		probe->name = qg_piece_copy(&found[0]);
		if (feishu_options_of(core)->transport == FEISHU_WEBSOCKET) {
			ask_for_address(probe);
		} else {
			ask_for_scopes(probe);
		}
	}
}

/* ---- */

void feishu_probe_report(struct feishu_core *core)
{
	if (core->bot && core->told && !core->probe) {
		tell_memory(core);
	}
}

void feishu_probe_start(struct feishu_core *core,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	assert(!core->told); /* one at a time */
	core->told = told;
	core->told_arg = arg;
	core->probe = calloc(1, sizeof(*core->probe));
	if (core->probe) {
		core->probe->core = core;
		core->probe->call = feishu_call_start(core->account, "GET",
			"/open-apis/bot/v3/info", NULL, introduced, core->probe);
	}
	if (!core->probe || !core->probe->call) {
		feishu_probe_cancel(core);
		feishu_core_wake(core);
	}
}
