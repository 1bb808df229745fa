/* queue.c - `qungong queue`: what waits, what died and why, and a check that repairs. Works beside running servers. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/queue_admin.h"
#include "table.h"

static void add_text(struct qg_cli_table *table, const json_t *row, const char *name)
{
	qg_cli_table_add(table, qg_json_str(row, name, ""));
}

static void add_number(struct qg_cli_table *table, const json_t *row, const char *name)
{
	qg_cli_table_add_number(table, qg_json_int(row, name, 0));
}

static void add_age(struct qg_cli_table *table, int64_t ms)
{
	char text[48];
	int64_t seconds = ms / 1000;
	if (ms == 0) {
		snprintf(text, sizeof(text), "-");
	} else if (seconds < 120) {
		snprintf(text, sizeof(text), "%" PRId64 " 秒", seconds);
	} else if (seconds < 7200) {
		snprintf(text, sizeof(text), "%" PRId64 " 分钟", seconds / 60);
	} else if (seconds < 48 * 3600) {
		snprintf(text, sizeof(text), "%" PRId64 " 小时", seconds / 3600);
	} else {
		snprintf(text, sizeof(text), "%" PRId64 " 天", seconds / 86400);
	}
	qg_cli_table_add(table, text);
}

static void add_time(struct qg_cli_table *table, int64_t wall)
{
	char text[48] = "";
	struct tm tm;
	qg_clock_local(wall, &tm);
	strftime(text, sizeof(text), "%m-%d %H:%M:%S", &tm);
	qg_cli_table_add(table, text);
}

static int print_rows(const struct qg_cli *cli, json_t *rows, const char *const *titles,
	size_t columns, void (*fill)(struct qg_cli_table *table, const json_t *row))
{
	struct qg_cli_table table = {.titles = titles, .columns = columns};
	size_t i;
	json_t *row;
	json_array_foreach (rows, i, row) {
		fill(&table, row);
	}
	int code = qg_cli_table_print(cli, &table);
	qg_cli_table_finish(&table);
	return code;
}

/* ---- what is printed ---- */

static void fill_depth(struct qg_cli_table *table, const json_t *row)
{
	add_text(table, row, "bot");
	add_number(table, row, "waiting");
	add_number(table, row, "conversations");
	add_number(table, row, "running");
	add_age(table, qg_json_int(row, "oldest_ms", 0));
	add_number(table, row, "dead");
}

static int say_depth(const struct qg_cli *cli, json_t *rows)
{
	static const char *const titles[] = {"机器人 bot", "等待 waiting", "会话 conversations",
		"处理中 running", "最久 oldest", "死信 dead"};
	if (json_array_size(rows) == 0) {
		puts("没有等待的消息，没有死信。Nothing waits, nothing is dead.");
		return QG_CLI_DONE;
	}
	return print_rows(cli, rows, titles, 6, fill_depth);
}

static void fill_letter(struct qg_cli_table *table, const json_t *row)
{
	bool is_reply = strcmp(qg_json_str(row, "kind", ""), "reply") == 0;
	add_text(table, row, "id");
	add_time(table, qg_json_int(row, "at", 0));
	qg_cli_table_add(table, is_reply ? "回复 reply" : "消息 message");
	add_text(table, row, "bot");
	add_text(table, row, "place");
	add_text(table, row, "reason");
	add_text(table, row, "text");
}

static int say_dead(const struct qg_cli *cli, json_t *rows)
{
	static const char *const titles[] = {"编号 id", "时间 time", "种类 kind", "机器人 bot",
		"位置 place", "原因 reason", "内容 text"};
	if (json_array_size(rows) == 0) {
		puts("没有死信。There are no dead letters.");
		return QG_CLI_DONE;
	}
	int code = print_rows(cli, rows, titles, 7, fill_letter);
	puts("\n重试 try again: qungong queue retry ID；丢弃 forget: qungong queue drop ID");
	return code;
}

static int say_check(const struct qg_cli *cli, json_t *found)
{
	const json_t *repaired = json_object_get(found, "repaired");
	size_t i;
	json_t *row;
	json_array_foreach (repaired, i, row) {
		printf("已修复 repaired: %s: %s\n", qg_json_str(row, "place", ""),
			qg_json_str(row, "problem", ""));
	}
	printf("检查了 %" PRId64 " 个会话，修复 %zu 处。%" PRId64
	       " conversations checked, %zu repairs.\n",
		qg_json_int(found, "checked", 0), json_array_size(repaired),
		qg_json_int(found, "checked", 0), json_array_size(repaired));
	return QG_CLI_DONE;
}

/* ---- what is asked for ---- */

struct request {
	const char *action, *id; /* NULL: the depth */
	bool check;
};

/* Prints value as JSON, or by say; takes it. */
static int show(const struct qg_cli *cli, json_t *value, const char *error,
	int (*say)(const struct qg_cli *cli, json_t *value))
{
	if (!value) {
		return qg_cli_say(cli, QG_CLI_FAILED, "%s", error);
	}
	if (cli->json) {
		return qg_cli_print_json(value);
	}
	int code = say(cli, value);
	json_decref(value);
	return code;
}

static int act(
	const struct qg_cli *cli, const struct qg_queue_admin *admin, const struct request *request)
{
	char error[QG_QUEUE_ADMIN_ERROR] = "";
	bool retry = strcmp(request->action, "retry") == 0;
	enum qg_status status = retry ? qg_queue_admin_retry(admin, request->id, error)
				      : qg_queue_admin_drop(admin, request->id, error);
	if (status != QG_OK) {
		return qg_cli_say(
			cli, status == QG_INVALID ? QG_CLI_WRONG : QG_CLI_FAILED, "%s", error);
	}
	if (cli->json) {
		return qg_cli_print_json(
			json_pack("{s:s, s:s}", "id", request->id, "done", request->action));
	}
	printf(retry ? "%s 已放回队列。It is back in the queue.\n" : "%s 已丢弃。It is gone.\n",
		request->id);
	return QG_CLI_DONE;
}

static int answer(
	const struct qg_cli *cli, const struct qg_queue_admin *admin, const struct request *request)
{
	char error[QG_QUEUE_ADMIN_ERROR] = "";
	if (request->check) {
		return show(cli, qg_queue_admin_check(admin, error), error, say_check);
	}
	if (!request->action) {
		return show(cli, qg_queue_admin_depth(admin, error), error, say_depth);
	}
	if (strcmp(request->action, "dead") == 0) {
		return show(cli, qg_queue_admin_dead(admin, error), error, say_dead);
	}
	return act(cli, admin, request);
}

static int read_request(const struct qg_cli *cli, struct request *request)
{
	const char *words[2];
	const struct qg_flag flags[] = {
		{"--check", QG_FLAG_SWITCH, &request->check}, {NULL, 0, NULL}};
	int code = qg_cli_parse(cli, flags, words, 2);
	if (code != QG_CLI_DONE) {
		return code;
	}
	request->action = words[0];
	request->id = words[1];
	bool acts = words[0] && (strcmp(words[0], "retry") == 0 || strcmp(words[0], "drop") == 0);
	if (words[0] && !acts && strcmp(words[0], "dead") != 0) {
		return qg_cli_say(
			cli, QG_CLI_WRONG, "'%s' is not one of: dead, retry, drop", words[0]);
	}
	if (acts != (words[1] != NULL)) {
		return qg_cli_say(cli, QG_CLI_WRONG,
			acts ? "which dead letter? usage: qungong queue %s ID, as `qungong queue "
			       "dead` lists them"
			     : "'%s' takes no more words",
			words[0]);
	}
	if (request->check && words[0]) {
		return qg_cli_say(cli, QG_CLI_WRONG, "--check stands alone");
	}
	return QG_CLI_DONE;
}

static int run(struct qg_cli *cli)
{
	struct request request = {0};
	int code = read_request(cli, &request);
	if (code != QG_CLI_DONE) {
		return code;
	}
	struct qg_config *config = qg_cli_load(cli);
	if (!config) {
		return QG_CLI_WRONG;
	}
	qg_clock_set_zone(config->timezone);
	struct qg_cli_store *store = qg_cli_store_open(cli, config);
	code = QG_CLI_FAILED;
	if (store) {
		struct qg_queue_admin admin = {.url = qg_cli_store_url(store),
			.partitions = qg_cli_store_partitions(store),
			.now = qg_clock_wall()};
		code = answer(cli, &admin, &request);
	}
	qg_cli_store_close(store);
	qg_config_release(config);
	return code;
}

const struct qg_verb qg_cli_queue = {"queue", "[dead | retry ID | drop ID] [--check]",
	"队列深度、死信，检查修复 · what waits, what died; checks and repairs",
	"queue            每个机器人等待的消息和最久的一条 · what waits, a line a bot\n"
	"queue dead       死信：多次失败后不再重试的消息和回复 · what will not be tried again, and "
	"why\n"
	"queue retry ID   放回队列末尾 · back into its queue, behind what waits\n"
	"queue drop ID    永久丢弃 · forgets it for good\n"
	"queue --check    检查每个会话并修复 · looks at every conversation and repairs what is "
	"wrong\n\n"
	"服务运行时也可以用。Works while the servers run.\n",
	run};
