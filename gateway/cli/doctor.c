/* doctor.c - `qungong doctor`: is everything in order, and what to do where it is not. A line a finding, the sentence
 * that helps first; nothing is repaired and nothing is kept. */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "models.h"
#include "qg/clock.h"
#include "qg/fetch.h"
#include "qg/loop.h"
#include "running.h"

void qg_doctor_note(
	struct qg_doctor *doctor, enum qg_grade grade, const char *about, const char *format, ...)
{
	static const char *const names[] = {"ok", "warn", "fail"};
	char words[1536];
	va_list args;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	qg_utf8_flatten(words);
	doctor->fails += grade == QG_GRADE_FAIL;
	json_array_append_new(doctor->findings, json_pack("{s:s, s:s, s:s}", "level", names[grade],
							"about", about, "words", words));
	if (!doctor->cli->json) {
		printf("%-4s  %s  %s\n", names[grade], about, words);
		fflush(stdout); /* the next one may take seconds */
	}
}

/* Each mistake of the files is a finding; without qungong.yaml there is nothing else to look at. */
static void check_config(struct qg_doctor *doctor)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	doctor->config = qg_config_load(doctor->cli->config_path, qg_app_world(), NULL, &problems);
	for (const char *at = problems.text.data; at && *at;) {
		size_t size = strcspn(at, "\n");
		QG_AUTO(qg_str_free) char *line = qg_str_copy_n(at, size);
		bool warns = line && strstr(line, ": warning: ");
		qg_doctor_note(doctor, warns ? QG_GRADE_WARN : QG_GRADE_FAIL, "config", "%s",
			line ? line : "");
		at += size + (at[size] == '\n');
	}
	if (doctor->config && problems.errors == 0) {
		qg_doctor_note(doctor, QG_GRADE_OK, "config", "%s：%zu 个机器人，%zu 个模型 · read",
			doctor->cli->config_path, doctor->config->bot_count,
			doctor->config->model_count);
	}
	qg_problems_finish(&problems);
}

/* What a server that runs says of itself. */
static void ask_server(struct qg_doctor *doctor)
{
	int http;
	doctor->running =
		qg_cli_is_running(doctor->config, doctor->store, doctor->loop, doctor->http);
	if (doctor->running) {
		doctor->ready = qg_cli_running_get(
			doctor->config, doctor->loop, doctor->http, "/readyz", &http);
		doctor->metrics = qg_cli_running_get(
			doctor->config, doctor->loop, doctor->http, "/metrics", &http);
	}
	qg_doctor_note(doctor, QG_GRADE_OK, "server",
		doctor->running ? "服务在运行 · a server runs"
				: "服务没在运行（qungong run 启动）· no server runs");
}

static int examine(struct qg_doctor *doctor)
{
	doctor->loop = qg_loop_create(1);
	doctor->http = doctor->loop ? qg_cli_http_client(doctor->cli, doctor->loop) : NULL;
	if (!doctor->http) {
		return QG_CLI_FAILED;
	}
	qg_clock_set_zone(doctor->config->timezone);
	doctor->store = qg_cli_store_open(doctor->cli, doctor->config);
	ask_server(doctor);
	qg_doctor_redis(doctor);
	qg_doctor_host(doctor);
	qg_doctor_models(doctor);
	qg_doctor_bots(doctor);
	return QG_CLI_DONE;
}

static int report(struct qg_doctor *doctor)
{
	int code = doctor->fails > 0 ? QG_CLI_FAILED : QG_CLI_DONE;
	if (doctor->cli->json) {
		int printed =
			qg_cli_print_json(json_pack("{s:b, s:b, s:O}", "ok", code == QG_CLI_DONE,
				"running", doctor->running, "findings", doctor->findings));
		return printed == QG_CLI_DONE ? code : printed;
	}
	if (code == QG_CLI_DONE) {
		puts("\n没有要马上处理的 · nothing has to be done at once");
	} else {
		printf("\n%u 处要处理 · to be put right\n", doctor->fails);
	}
	return code;
}

static void finish(struct qg_doctor *doctor)
{
	qg_http_client_destroy(doctor->http);
	qg_loop_destroy(doctor->loop);
	qg_cli_store_close(doctor->store);
	qg_config_release(doctor->config);
	json_decref(doctor->findings);
	free(doctor->ready);
	free(doctor->metrics);
}

static int run(struct qg_cli *cli)
{
	struct qg_doctor doctor = {.cli = cli};
	bool data = false;
	const struct qg_flag flags[] = {
		{"--data", QG_FLAG_SWITCH, &data},
		{"--probe", QG_FLAG_SWITCH, &doctor.probe},
		{"--models", QG_FLAG_SWITCH, &doctor.models},
		{NULL},
	};
	int code = qg_cli_parse(cli, flags, NULL, 0);
	if (code != QG_CLI_DONE) {
		return code;
	}
	if (data) {
		doctor.config = qg_cli_load(cli);
		code = doctor.config ? qg_doctor_data(cli, doctor.config) : QG_CLI_WRONG;
		finish(&doctor);
		return code;
	}
	doctor.findings = json_array();
	check_config(&doctor);
	code = doctor.config ? examine(&doctor) : QG_CLI_DONE;
	code = code == QG_CLI_DONE ? report(&doctor) : code;
	code = doctor.config ? code : QG_CLI_WRONG;
	finish(&doctor);
	return code;
}

const struct qg_verb qg_cli_doctor = {"doctor", "[--data] [--probe] [--models]",
	"体检凭据、连接、模型、Redis、磁盘 · checks credentials, links, models, Redis, disk",
	"每项一行：ok 正常、warn 留意、fail 要处理，先说怎么办、去哪个页面；有 fail 时退出码为 "
	"1。服务开着停着都能"
	"用。\n"
	"--data    每个机器人的数据存在哪里、保存多久、发给谁\n"
	"--probe   企业微信长连接的机器人也直接问平台：会短暂顶掉正在运行的服务的连接\n"
	"--models  每个模型真的问一句（一个 token，会花一点钱并记账）；平时只列模型，不花钱\n\n"
	"A line a finding, ok, warn or fail, with what to do; exit 1 if anything failed. Works "
	"with the "
	"server\nrunning or stopped. Whether a long connection is up says the server that holds "
	"it; "
	"WeCom, which\nwould give it to whoever asks, is not asked meanwhile, but with --probe. "
	"--data: where each bot's data goes. --models asks each "
	"model for "
	"one token, at its price.\n",
	run};
