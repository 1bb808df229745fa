/* probe.c - do client_id and client_secret work? A token is asked for, and over Stream an address to connect to, which
 * also tells whether the robot is in Stream mode. Nothing connects: a second connection would take every other message
 * from whoever has the first. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>

#include "qg/config.h"
#include "qg/str.h"

#define WORDS_MOST 640

struct dingtalk_probe {
	struct dingtalk_core *core;
	struct qg_token_ask ask;
	struct dingtalk_open *open;
};

void dingtalk_probe_cancel(struct dingtalk_probe *probe)
{
	if (!probe) {
		return;
	}
	if (probe->core->probe == probe) {
		probe->core->probe = NULL;
	}
	qg_token_unwait(&probe->ask);
	dingtalk_open_cancel(probe->open);
	free(probe);
}

static void tell(struct dingtalk_probe *probe, enum qg_status status, const char *words)
{
	struct dingtalk_core *core = probe->core;
	void (*told)(void *arg, enum qg_status status, const char *words) = core->probed;
	void *arg = core->probed_arg;
	core->probed = NULL;
	dingtalk_probe_cancel(probe);
	told(arg, status, words);
}

/* Why not (refused: what to do about a refusal), with what the platform or the network said. */
static void tell_failure(
	struct dingtalk_probe *probe, enum qg_status status, const char *refused, const char *said)
{
	char words[WORDS_MOST];
	if (status == QG_DENIED) {
		snprintf(words, sizeof(words), "%s (%s)", refused, said);
	} else if (status != QG_IO) {
		snprintf(words, sizeof(words),
			"钉钉没有接受，请稍后再试 · DingTalk did not take it, try again later: %s",
			said);
	} else {
		snprintf(words, sizeof(words),
			"没连上钉钉，请检查这台机器的网络、DNS 和代理（https_proxy）· DingTalk was "
			"not "
			"reached, check network, DNS and proxy: %s",
			said);
	}
	qg_utf8_flatten(words);
	tell(probe, status, words);
}

static void opened(void *arg, const struct dingtalk_opened *answer)
{
	struct dingtalk_probe *probe = arg;
	probe->open = NULL;
	if (answer->status == QG_OK) {
		tell(probe, QG_OK,
			"凭证有效，可以建立 Stream 连接 · the credentials work, in Stream mode");
	} else {
		tell_failure(probe, answer->status, answer->words, answer->why);
	}
}

static void has_token(void *arg, enum qg_status status, const char *words)
{
	struct dingtalk_probe *probe = arg;
	const struct dingtalk_options *set = dingtalk_options_of(probe->core);
	const struct dingtalk_credentials credentials = {
		set->client_id, set->client_secret, dingtalk_base(set, DINGTALK_API)};
	if (status != QG_OK) {
		tell_failure(probe, status, dingtalk_words_refused, words);
		return;
	}
	if (set->transport != DINGTALK_STREAM) {
		tell(probe, QG_OK, "凭证有效 · the credentials work");
		return;
	}
	probe->open = dingtalk_open_start(probe->core->bot->http, &credentials, opened, probe);
	if (!probe->open) {
		tell(probe, QG_NO_MEMORY, qg_status_text(QG_NO_MEMORY));
	}
}

void dingtalk_probe_start(struct dingtalk_core *core,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	struct dingtalk_probe *probe = calloc(1, sizeof(*probe));
	core->probed = told;
	core->probed_arg = arg;
	core->probe = probe;
	if (!probe) {
		core->probe_failed = true;
		dingtalk_core_wake(core);
		return;
	}
	probe->core = core;
	probe->ask.told = has_token;
	probe->ask.arg = probe;
	qg_token_wait(core->account->token, &probe->ask);
}
