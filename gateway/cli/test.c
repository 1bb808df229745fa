/* test.c - `qungong test`: asks a template's golden questions, a line each. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"
#include "qg/cases.h"
#include "qg/loop.h"

enum { SHOWN_ANSWER = 240 };

struct examination {
	const struct qg_cli *cli;
	struct qg_loop *loop;
	json_t *rows;	  /* with --json */
	json_t *left_out; /* why -> how many */
	size_t ok, failed, left;
};

static const char *const outcome_names[] = {"ok", "failed", "left out"};

static void count_left_out(struct examination *exam, const char *why)
{
	json_int_t before = json_integer_value(json_object_get(exam->left_out, why));
	json_object_set_new(exam->left_out, why, json_integer(before + 1));
}

static void print_case(const struct qg_case *result)
{
	if (result->outcome == QG_CASE_OK) {
		printf("  ok    %s  (%" PRIu64 " ms)\n", result->ask, result->ms);
		return;
	}
	if (result->outcome == QG_CASE_LEFT_OUT) {
		return; /* counted by reason at the end */
	}
	printf("  FAIL  %s\n        %s\n", result->ask, result->why ? result->why : "?");
	if (result->answer) {
		size_t size = qg_utf8_cut(result->answer, strlen(result->answer), SHOWN_ANSWER);
		printf("        答 answer: %.*s%s\n", (int)size, result->answer,
			result->answer[size] ? "…" : "");
	}
}

static void each(void *arg, const struct qg_case *result)
{
	struct examination *exam = arg;
	if (result->outcome == QG_CASE_LEFT_OUT) {
		count_left_out(exam, result->why ? result->why : "?");
	}
	if (!exam->cli->json) {
		print_case(result);
		fflush(stdout);
		return;
	}
	json_array_append_new(
		exam->rows, json_pack("{s:s, s:s, s:s?, s:s?, s:I}", "ask", result->ask, "outcome",
				    outcome_names[result->outcome], "why", result->why, "answer",
				    result->answer, "ms", (json_int_t)result->ms));
}

static void ended(void *arg, size_t ok, size_t failed, size_t left_out)
{
	struct examination *exam = arg;
	exam->ok = ok;
	exam->failed = failed;
	exam->left = left_out;
	qg_loop_stop(exam->loop);
}

static int report(struct examination *exam)
{
	int code = exam->failed ? QG_CLI_FAILED : QG_CLI_DONE;
	if (exam->cli->json) {
		int printed = qg_cli_print_json(json_pack("{s:O, s:I, s:I, s:I, s:O}", "cases",
			exam->rows, "ok", (json_int_t)exam->ok, "failed", (json_int_t)exam->failed,
			"left_out", (json_int_t)exam->left, "why_left_out", exam->left_out));
		return printed == QG_CLI_DONE ? code : printed;
	}
	printf("\n%zu 通过 ok, %zu 不通过 failed, %zu 略过 left out\n", exam->ok, exam->failed,
		exam->left);
	const char *why;
	json_t *count;
	json_object_foreach (exam->left_out, why, count) {
		printf("  略过 left out: %" JSON_INTEGER_FORMAT " · %s\n",
			json_integer_value(count), why);
	}
	return code;
}

static int examine(struct examination *exam, const struct qg_cli_target *target, const char *model)
{
	static const struct qg_cases_host host = {each, ended};
	struct qg_role *role = qg_cli_open_role(exam->cli, target, exam->loop);
	if (!role) {
		return QG_CLI_FAILED;
	}
	struct qg_cli_models models = {0};
	int code = qg_cli_models_open(exam->cli, target, exam->loop, &models);
	struct qg_cases *cases = code == QG_CLI_DONE
					 ? qg_cases_run(exam->loop, target->config, target->bot,
						   role, model, &host, exam)
					 : NULL;
	if (cases) {
		qg_cases_use(cases, models.endpoints, models.desk);
		qg_loop_run(exam->loop);
		code = report(exam);
		code = qg_cli_desk_failed(models.desk) ? QG_CLI_FAILED : code;
	} else if (code == QG_CLI_DONE) {
		code = qg_cli_say(exam->cli, QG_CLI_FAILED, "out of memory");
	}
	qg_cli_models_finish(&models);
	qg_role_release(role);
	return code;
}

/* An endpoint that the bot may name. */
static int check_model(
	const struct qg_cli *cli, const struct qg_cli_target *target, const char *model)
{
	if (!model || qg_config_model(target->config, target->bot, model)) {
		return QG_CLI_DONE;
	}
	return qg_cli_say(cli, QG_CLI_WRONG,
		"--model '%s' is none of the endpoints under models: in %s", model,
		cli->config_path);
}

static int run_with(const struct qg_cli *cli, const struct qg_cli_target *target, const char *model)
{
	struct examination exam = {.cli = cli,
		.loop = qg_loop_create(1),
		.rows = json_array(),
		.left_out = json_object()};
	int code = QG_CLI_FAILED;
	if (exam.loop && exam.rows && exam.left_out) {
		code = examine(&exam, target, model);
	}
	json_decref(exam.rows);
	json_decref(exam.left_out);
	qg_loop_destroy(exam.loop);
	return code;
}

static int run(struct qg_cli *cli)
{
	const char *name = NULL, *model = NULL;
	const struct qg_flag flags[] = {{"--model", QG_FLAG_VALUE, &model}, {NULL}};
	int code = qg_cli_parse(cli, flags, &name, 1);
	if (code != QG_CLI_DONE) {
		return code;
	}
	if (!name) {
		return qg_cli_say(cli, QG_CLI_WRONG, "whom? usage: qungong test BOT");
	}
	struct qg_cli_target target;
	code = qg_cli_target_open(cli, name, &target);
	if (code != QG_CLI_DONE) {
		return code;
	}
	code = check_model(cli, &target, model);
	if (code == QG_CLI_DONE) {
		code = run_with(cli, &target, model);
	}
	qg_cli_target_finish(&target);
	return code;
}

const struct qg_verb qg_cli_test = {"test", "BOT | template:NAME [--model M]",
	"考一考：模板的考题 · the template's golden questions",
	"一题一行，有一题不通过则退出码为 1；需要模型、工具或记录的题目会略过，并说明数量和原因。\n"
	"--model  用配置里的这个模型来考，连同需要模型的题目\n\n"
	"A line each; exit 1 if any failed. Cases that need a model, a tool or a record are left "
	"out, with\n"
	"the number and the reason. --model asks them of that endpoint.\n",
	run};
