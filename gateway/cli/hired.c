/* hired.c - what `qungong hire` says in the end: what was written, what comes next, and the first steps on the platform. */
#include "hire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

static const char *transport_of(const struct qg_hired *hired)
{
	return json_string_value(json_object_get(hired->bot->options, "transport"));
}

void qg_cli_say_steps(FILE *to, const json_t *steps)
{
	size_t i;
	json_t *step;
	json_array_foreach (steps, i, step) {
		fprintf(to, "  %zu. %s\n", i + 1, json_string_value(step));
	}
}

static int print_next(const struct qg_hired *hired, const struct qg_welcome *welcome, json_t *steps)
{
	json_t *models = json_array();
	for (size_t i = 0; i < hired->bot->models->count; i++) {
		json_array_append_new(models, json_string(hired->bot->models->items[i]));
	}
	json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:o}", "bot", hired->bot->name, "template",
		hired->bot->template_id, "platform", hired->bot->platform, "file", hired->path,
		"models", models);
	if (all && welcome) {
		const char *transport = transport_of(hired);
		char *hook = qg_cli_has_hook(hired->bot->platform, transport)
				     ? qg_str_printf("/hook/%s", hired->bot->name)
				     : NULL;
		char *say = *welcome->code ? qg_str_printf("/绑定 %s", welcome->code) : NULL;
		json_t *before = qg_cli_steps_before(hired->bot->platform, transport);
		json_t *more = json_pack("{s:s?, s:s?, s:s?, s:I, s:o?, s:O?}", "webhook", hook,
			"code", *welcome->code ? welcome->code : NULL, "say", say, "code_until",
			(json_int_t)welcome->until, "steps_before", before, "steps", steps);
		json_t *probe = welcome->probed
					? json_pack("{s:b, s:s}", "ok", welcome->probe == QG_OK,
						  "words", welcome->words)
					: json_null();
		json_object_update(all, more);
		json_object_set_new(all, "probe", probe);
		json_decref(more);
		free(hook);
		free(say);
	}
	return qg_cli_print_json(all);
}

/* The first steps on a platform that has a console. */
static void say_welcome(
	const struct qg_hired *hired, const struct qg_welcome *welcome, const json_t *steps)
{
	const char *name = hired->bot->name;
	bool refused = welcome->probe == QG_DENIED || welcome->probe == QG_INVALID;
	bool works = welcome->probe == QG_OK || welcome->probe == QG_NOT_FOUND;
	if (welcome->probed && works) {
		printf("凭据有效%s the credentials work: %s\n",
			welcome->probe == QG_OK ? "" : "，但", welcome->words);
	} else if (welcome->probed) {
		printf("%s: %s\n  需要改的话 to change them: bots.d/%s.yaml, secrets/\n",
			refused ? "平台没有放行 the platform refused"
				: "没能向平台核对凭据 the platform could not be asked",
			welcome->words, name);
	} else if (welcome->running &&
		   !qg_cli_has_hook(hired->bot->platform, transport_of(hired))) {
		puts("正在运行的服务会自己连上它 the server that runs opens its link: qungong "
		     "doctor");
	}
	if (qg_cli_has_hook(hired->bot->platform, transport_of(hired))) {
		printf("回调地址 webhook: /hook/%s（服务监听 listening on %s）\n", name,
			hired->config->listen);
	}
	if (json_array_size(steps) > 0) {
		puts("在平台的开发者后台 in the platform's console:");
		qg_cli_say_steps(stdout, steps);
	}
	if (*welcome->code) {
		qg_cli_say_code(welcome);
		printf("过期了用 expired? qungong bind %s\n", name);
	}
}

static void say_models(const struct qg_hired *hired)
{
	if (hired->bot->models->count == 0) {
		return;
	}
	fputs("用的模型 models: ", stdout);
	for (size_t i = 0; i < hired->bot->models->count; i++) {
		printf("%s%s", i > 0 ? " → " : "", hired->bot->models->items[i]);
	}
	printf("（前面的答不了才问后面的；问题会发给它们，要改就改 bots.d/%s.yaml 里的 models，写 "
	       "[] "
	       "就只查问答和手册。asked in this order; `models: []` in its file for none）\n",
		hired->bot->name);
}

static void say_next(
	const struct qg_hired *hired, const struct qg_welcome *welcome, const json_t *steps)
{
	const struct qg_config *config = hired->config;
	printf("\n%s 已写入 %s\n", hired->bot->name, hired->path);
	say_models(hired);
	printf("下一步 next:\n"
	       "  qungong test %s      先考一考它 its golden questions\n"
	       "  qungong chat %s      在终端里聊 talk to it here\n"
	       "  qungong run          启动；已在运行的服务会自动发现它 a running server notices "
	       "by itself\n",
		hired->bot->name, hired->bot->name);
	if (welcome) {
		say_welcome(hired, welcome, steps);
	} else {
		printf("  http://%s/chat/%s      网页工作群，令牌在 the token is in "
		       "%s/admin.token\n",
			config->admin_listen, hired->bot->name, config->data_dir);
	}
}

/* Whoever may write on the web has the admin token: there nobody has to be bound. */
int qg_cli_show_hired(const struct qg_hired *hired)
{
	bool web = strcmp(hired->bot->platform, "web") == 0;
	struct qg_welcome welcome;
	const char *transport = transport_of(hired);
	json_t *steps =
		web ? NULL : qg_cli_steps_after(hired->bot->platform, transport, hired->bot->name);
	if (!web) {
		qg_cli_welcome(hired->cli, hired->config, hired->bot->name, true, &welcome);
	}
	int code = QG_CLI_DONE;
	if (hired->cli->json) {
		code = print_next(hired, web ? NULL : &welcome, steps);
	} else {
		say_next(hired, web ? NULL : &welcome, steps);
		if (!web && qg_cli_hears(hired->bot->platform)) {
			qg_cli_wait_for_word(hired->cli, hired->config, hired->bot->name,
				json_string_value(
					json_object_get(hired->bot->options, "display_name")));
		}
	}
	json_decref(steps);
	return code;
}
