/* chat.c - `qungong chat`: the very same agent in the terminal, without Redis.
 *
 * Lines are read between the turns, so the loop only runs while an answer is being made. What the conversation
 * remembers is kept here and forgotten at the end; what its models cost is in the ledger.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/loop.h"
#include "qg/message.h"
#include "qg/turn.h"

enum { MAX_LINE = 16 * 1024 };

struct talk {
	const struct qg_cli *cli;
	struct qg_cli_target target;
	struct qg_loop *loop;
	struct qg_role *role;
	struct qg_cli_models models;
	char *history;
	json_t *state;
	bool shows_drafts;
	char *shown; /* what of the answer stands on the screen */
	bool failed;
};

static int open_talk(struct talk *talk)
{
	talk->loop = qg_loop_create(1);
	talk->state = json_object();
	if (!talk->loop || !talk->state) {
		return qg_cli_say(talk->cli, QG_CLI_FAILED, "out of memory");
	}
	talk->role = qg_cli_open_role(talk->cli, &talk->target, talk->loop);
	return talk->role ? qg_cli_models_open(talk->cli, &talk->target, talk->loop, &talk->models)
			  : QG_CLI_FAILED;
}

/* ---- a turn ---- */

static struct qg_message *make_message(const char *text)
{
	struct qg_message *message = qg_message_create();
	if (!message) {
		return NULL;
	}
	char id[33];
	qg_random_hex(id, 16);
	const char *user = getenv("USER");
	message->id = qg_str_copy(id);
	message->chat = qg_str_copy("terminal");
	message->chat_type = QG_CHAT_DIRECT;
	message->sender = qg_str_copy("terminal");
	message->sender_name = qg_str_copy(user && *user ? user : "terminal");
	message->text = qg_utf8_clean(text, strlen(text));
	message->mentions_bot = true;
	message->sender_is_admin = true; /* who reads the config is */
	message->sent_at = qg_clock_wall();
	message->received_us = qg_clock_mono_us();
	if (!message->id || !message->chat || !message->sender || !message->sender_name ||
		!message->text) {
		qg_message_destroy(message);
		return NULL;
	}
	return message;
}

/* Prints what is new of an answer that grows; one that changed starts on a new line. */
static void show(struct talk *talk, const char *text)
{
	size_t known = talk->shown ? strlen(talk->shown) : 0;
	if (known > 0 && strncmp(text, talk->shown, known) != 0) {
		putchar('\n');
		known = 0;
	}
	fputs(text + known, stdout);
	fflush(stdout);
	char *copy = qg_str_copy(text);
	if (copy) {
		free(talk->shown);
		talk->shown = copy;
	}
}

static void on_draft(void *arg, const char *reply_id, const char *text)
{
	struct talk *talk = arg;
	/* as the finished reply is: what a model writes must not steer the terminal */
	char *clean = talk->shows_drafts ? qg_utf8_clean(text, strlen(text)) : NULL;
	if (clean) {
		show(talk, clean);
	}
	free(clean);
}

static void print_reply(struct talk *talk, const struct qg_reply *reply, const char *way)
{
	if (talk->cli->json) {
		const char *sums = reply->usage.cost ? reply->usage.cost : "{}";
		json_t *cost = qg_json_parse(sums, strlen(sums), NULL);
		json_t *sources = reply->sources ? json_incref(reply->sources) : json_array();
		qg_cli_print_json(json_pack("{s:s, s:s, s:o, s:s?, s:{s:s?, s:I, s:I, s:I, s:o}}",
			"text", reply->text, "way", way ? way : "", "sources", sources, "label",
			reply->label, "usage", "model", reply->usage.model, "input",
			(json_int_t)reply->usage.input, "cached_input",
			(json_int_t)reply->usage.cached_input, "output",
			(json_int_t)reply->usage.output, "cost", cost));
		return;
	}
	show(talk, reply->text);
	putchar('\n');
	if (reply->label) {
		printf("  %s\n", reply->label);
	}
	qg_cli_print_usage(reply->usage.model, reply->usage.input + reply->usage.output,
		reply->usage.estimated, reply->usage.cost);
}

static void remember(struct talk *talk, const struct qg_turn_result *result)
{
	if (!qg_turn_remember(&talk->history, result)) {
		talk->failed = true;
	}
	if (result->state) {
		json_decref(talk->state);
		talk->state = json_deep_copy(result->state);
	}
}

static void on_finished(
	void *arg, enum qg_status status, struct qg_turn_result *result, const char *words)
{
	struct talk *talk = arg;
	qg_loop_stop(talk->loop);
	if (status != QG_OK) {
		talk->failed = true;
		qg_cli_say(talk->cli, QG_CLI_FAILED, "%s",
			words && *words ? words : qg_status_text(status));
		return;
	}
	if (result->reply != NULL) {
		print_reply(talk, result->reply, result->way);
	} else if (!talk->cli->json) {
		puts("  （没有回答 no answer）");
	}
	remember(talk, result);
}

/* False when there is no use in going on. */
static bool take_turn(struct talk *talk, const char *text)
{
	static const struct qg_turn_host host = {on_draft, on_finished};
	struct qg_message *message = make_message(text);
	if (!message) {
		return false;
	}
	int64_t stored_at = qg_clock_wall();
	struct qg_turn_request request = {
		.loop = talk->loop,
		.endpoints = talk->models.endpoints,
		.desk = talk->models.desk,
		.config = talk->target.config,
		.bot = talk->target.bot,
		.role = talk->role,
		.messages = &message,
		.stored_at = &stored_at,
		.count = 1,
		.history = talk->history,
		.state = talk->state,
		.enabled = true,
	};
	free(talk->shown);
	talk->shown = NULL;
	struct qg_turn *turn = qg_turn_start(&request, &host, talk);
	if (turn) {
		qg_loop_run(talk->loop);
	}
	qg_message_destroy(message);
	return turn && talk->state;
}

/* ---- the verb ---- */

static void greet(const struct talk *talk)
{
	if (!isatty(STDIN_FILENO) || talk->cli->json) {
		return;
	}
	printf("%s（%s）\n%s\n", qg_role_title(talk->role), talk->target.bot->name,
		qg_role_greeting(talk->role));
	const struct qg_strings *suggestions = qg_role_suggestions(talk->role);
	for (size_t i = 0; suggestions && i < suggestions->count; i++) {
		printf("  · %s\n", suggestions->items[i]);
	}
	puts("（Ctrl-D 结束 to end）");
}

static void read_lines(struct talk *talk)
{
	char line[MAX_LINE];
	for (;;) {
		if (isatty(STDIN_FILENO)) {
			fputs("> ", stdout);
			fflush(stdout);
		}
		if (!fgets(line, sizeof(line), stdin)) {
			return;
		}
		char *text = qg_str_trim(line);
		if (*text && !take_turn(talk, text)) {
			return;
		}
	}
}

static int run(struct qg_cli *cli)
{
	const char *name = NULL;
	int code = qg_cli_parse(cli, NULL, &name, 1);
	if (code == QG_CLI_DONE && !name) {
		code = qg_cli_say(cli, QG_CLI_WRONG, "with whom? usage: qungong chat BOT");
	}
	struct talk talk = {.cli = cli, .shows_drafts = isatty(STDOUT_FILENO) && !cli->json};
	code = code == QG_CLI_DONE ? qg_cli_target_open(cli, name, &talk.target) : code;
	code = code == QG_CLI_DONE ? open_talk(&talk) : code;
	if (code == QG_CLI_DONE) {
		greet(&talk);
		read_lines(&talk);
		bool failed = talk.failed || qg_cli_desk_failed(talk.models.desk);
		code = failed ? QG_CLI_FAILED : QG_CLI_DONE;
	}
	qg_cli_models_finish(&talk.models);
	qg_role_release(talk.role);
	qg_loop_destroy(talk.loop);
	qg_cli_target_finish(&talk.target);
	free(talk.history);
	json_decref(talk.state);
	free(talk.shown);
	return code;
}

const struct qg_verb qg_cli_chat = {"chat", "BOT | template:NAME",
	"在终端里和它聊 · the same agent in the terminal",
	"一行一句；每次回答后显示来源和用量。/help 列出命令，Ctrl-D 结束。不需要 "
	"Redis，也不影响群里的对话；模型的费用记入账本（会话 terminal）。\n"
	"template:NAME  用例子里的答案试用一个模板\n\n"
	"A line is a message; sources and usage follow each answer. Needs no Redis and touches no "
	"group;\nwhat models cost is in the ledger, under the chat terminal.\n",
	run};
