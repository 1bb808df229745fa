/* say.c - `qungong say`: a message of the bot's own, put into its out list like any answer, so that a cron job can
 * write to a group. It is as safe there as what the bot says by itself: the gateway that owns the bot sends it, now or
 * when it runs again. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hire.h"
#include "outbox.h"
#include "qg/adapter.h"
#include "qg/buf.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/queue.h"
#include "qg/queue_admin.h"

enum {
	PATIENCE_MS = 30 * 1000,
	LOOK_MS = 200,
	TELL_AFTER = 5, /* looks, until a person hears that it takes time */
	FILES_MOST = 8,
	SHOWN_BYTES = 120, /* of a dead letter's text, as the admin's list cuts it */
};

enum state { UNKNOWN, QUEUED, WAITING, LANDED, DEAD };

struct saying {
	const struct qg_cli *cli;
	struct qg_config *config;
	const struct qg_bot_config *bot;
	const char *name, *text, *to;
	bool direct;
	struct qg_strings images, files;
	struct qg_reply *reply;
	struct qg_cli_store *store;
	struct qg_loop *loop;
	struct qg_timer *end, *look;
	struct qg_redis *redis;
	struct qg_queue *queue;
	char *prefix;
	unsigned looks;
	bool asking; /* a look is under way */
	enum state state;
	json_t *letter; /* what became of it when it died, or NULL */
};

/* ---- what is said, and where ---- */

static int no_memory(const struct saying *saying)
{
	return qg_cli_say(saying->cli, QG_CLI_FAILED, "out of memory");
}

static const struct qg_ability *ability(const struct saying *saying)
{
	return qg_adapter_ability(qg_adapter_find(saying->bot->platform), saying->bot);
}

/* The chat of a platform on which a bot has no other; NULL where it has many. */
static const char *only_chat(const char *platform)
{
	size_t size = strlen(platform);
	if (strcmp(platform, "web") == 0) {
		return "web";
	}
	return size > 5 && strcmp(platform + size - 5, "-hook") == 0 ? "hook" : NULL;
}

static int choose_chat(struct saying *saying)
{
	const char *only = only_chat(saying->bot->platform);
	if (only) {
		if (saying->direct || (saying->to && strcmp(saying->to, only) != 0)) {
			return qg_cli_say(saying->cli, QG_CLI_WRONG,
				"'%s' 只写到一个地方，不用 --to · '%s' has one chat: leave --to "
				"out",
				saying->name, saying->name);
		}
		saying->to = only;
		return QG_CLI_DONE;
	}
	if (!saying->to || !*saying->to) {
		return qg_cli_say(saying->cli, QG_CLI_WRONG,
			"写给谁？--to 群的 id，或 --to 用户的 id --direct · to whom? --to CHAT, or "
			"--to "
			"USER --direct");
	}
	if (!ability(saying)->writes_first) {
		const char *platform = saying->bot->platform;
		bool may_dial = qg_adapter_find(platform)->dials != NULL;
		return qg_cli_say(saying->cli, QG_CLI_WRONG,
			"%s上的 %s 不能先开口，只能回答%s · it can only answer there%s",
			qg_cli_platform_title(platform), saying->name,
			may_dial ? "：要主动发，请改用长连接" : "",
			may_dial ? "; over the long connection it may" : "");
	}
	size_t size = strlen(saying->to);
	for (size_t at = 0, used = 0; at < size; at += used) {
		if (size > QG_ID_MAX ||
			qg_utf8_is_unsafe(qg_utf8_next(saying->to + at, size - at, &used))) {
			return qg_cli_say(saying->cli, QG_CLI_WRONG, "--to: that is no id");
		}
	}
	return QG_CLI_DONE;
}

/* All of standard input, yours to free; NULL after saying why. */
static char *read_input(const struct qg_cli *cli)
{
	struct qg_buf all;
	qg_buf_init(&all, QG_TEXT_MAX);
	char chunk[4096];
	size_t got;
	while ((got = fread(chunk, 1, sizeof(chunk), stdin)) > 0 &&
		qg_buf_add(&all, chunk, got) == QG_OK) {
	}
	enum qg_status status = all.failed;
	if (status == QG_OK && all.size > 0 && memchr(all.data, 0, all.size)) {
		status = QG_INVALID;
	}
	char *text = status != QG_OK ? NULL : all.size > 0 ? qg_buf_steal(&all) : qg_str_copy("");
	qg_buf_finish(&all);
	if (!text) {
		qg_cli_say(cli, QG_CLI_WRONG, "standard input: %s",
			qg_status_text(status != QG_OK ? status : QG_NO_MEMORY));
	}
	return text;
}

static int take_text(struct saying *saying, char **text_out)
{
	bool is_input = qg_str_equal(saying->text, "-");
	char *text =
		is_input ? read_input(saying->cli) : qg_str_copy(saying->text ? saying->text : "");
	if (!text) {
		return is_input ? QG_CLI_WRONG : no_memory(saying);
	}
	int code = QG_CLI_DONE;
	size_t size = strlen(text);
	if (size > QG_TEXT_MAX) {
		code = qg_cli_say(
			saying->cli, QG_CLI_WRONG, "the text: %s", qg_status_text(QG_TOO_LARGE));
	} else if (!qg_utf8_is_valid(text, size)) {
		code = qg_cli_say(saying->cli, QG_CLI_WRONG, "the text is no UTF-8");
	} else if (*qg_str_trim(text) == '\0' && saying->images.count + saying->files.count == 0) {
		code = qg_cli_say(saying->cli, QG_CLI_WRONG,
			"说什么？usage: qungong say BOT TEXT, or - for standard input");
	}
	if (code != QG_CLI_DONE) {
		free(text);
		return code;
	}
	*text_out = text;
	return QG_CLI_DONE;
}

/* Pictures first, then files, each in the order given. */
static int take_files(struct saying *saying)
{
	size_t count = saying->images.count + saying->files.count;
	if (count == 0) {
		return QG_CLI_DONE;
	}
	if (count > FILES_MOST) {
		return qg_cli_say(
			saying->cli, QG_CLI_WRONG, "at most %d files at once", FILES_MOST);
	}
	if (!ability(saying)->shows_files) {
		return qg_cli_say(saying->cli, QG_CLI_WRONG,
			"%s 上还不能发文件 · files do not leave on %s yet", saying->bot->platform,
			saying->bot->platform);
	}
	saying->reply->files = json_array();
	for (size_t i = 0; i < count; i++) {
		bool is_image = i < saying->images.count;
		json_t *file = NULL;
		int code = qg_cli_outbox_add(saying->cli, saying->config->data_dir,
			is_image ? saying->images.items[i]
				 : saying->files.items[i - saying->images.count],
			is_image, &file);
		if (code != QG_CLI_DONE) {
			return code;
		}
		if (json_array_append_new(saying->reply->files, file) != 0) {
			return no_memory(saying);
		}
	}
	return QG_CLI_DONE;
}

/* A reply that answers nobody: each call is one of its own. */
static int make_reply(struct saying *saying)
{
	char *text = NULL, id[33];
	int code = take_text(saying, &text);
	if (code != QG_CLI_DONE) {
		return code;
	}
	qg_random_hex(id, sizeof(id) / 2);
	saying->reply = qg_reply_tell(saying->name, saying->direct ? QG_CHAT_DIRECT : QG_CHAT_GROUP,
		saying->to, id, "say", text, qg_clock_wall());
	return saying->reply ? take_files(saying) : no_memory(saying);
}

/* ---- into the list, and out of it ---- */

static void stop(struct saying *saying, enum state state)
{
	saying->state = state;
	qg_loop_stop(saying->loop);
}

static void too_late(void *arg)
{
	struct saying *saying = arg;
	stop(saying, saying->state);
}

/* The note of a posted reply runs out from the moment it left its list, whether it landed or died (queue.h). */
static void on_life(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct saying *saying = arg;
	saying->asking = false;
	if (status == QG_OK && reply->type == QG_REPLY_INT && reply->integer != -1) {
		stop(saying, LANDED);
	}
}

static void look(void *arg)
{
	struct saying *saying = arg;
	if (++saying->looks == TELL_AFTER && !saying->cli->json && isatty(STDERR_FILENO)) {
		fputs("等它发出去…… waiting until it left\n", stderr);
	}
	if (!saying->asking && qg_redis_is_up(saying->redis)) {
		saying->asking = true;
		qg_redis_run(saying->redis, on_life, saying, "TTL %sp:%s:%s", saying->prefix,
			saying->name, saying->reply->id);
	}
}

static void on_posted(void *arg, enum qg_status status)
{
	struct saying *saying = arg;
	if (status != QG_OK || saying->state != UNKNOWN) {
		return; /* again when the connection is back */
	}
	if (qg_cli_store_is_ours(saying->store)) {
		stop(saying, QUEUED); /* nobody else is there who could send it */
		return;
	}
	saying->state = WAITING;
	qg_timer_repeat(saying->look, LOOK_MS);
}

static void on_redis(void *arg, bool connected, const char *why)
{
	struct saying *saying = arg;
	if (connected && saying->state == UNKNOWN) {
		qg_out_post(saying->queue, saying->name, &saying->reply, 1, QG_POST_KEEP_S,
			on_posted, saying);
	}
}

static bool is_our_letter(const struct saying *saying, const json_t *row)
{
	const char *text = saying->reply->text;
	size_t size = qg_utf8_cut(text, strlen(text), SHOWN_BYTES);
	const char *shown = qg_json_str(row, "text", "");
	return strcmp(qg_json_str(row, "kind", ""), "reply") == 0 &&
	       strcmp(qg_json_str(row, "bot", ""), saying->name) == 0 &&
	       strcmp(qg_json_str(row, "place", ""), saying->to) == 0 &&
	       qg_json_int(row, "at", 0) >= saying->reply->stored_at && strlen(shown) == size &&
	       memcmp(shown, text, size) == 0;
}

/* What left the list may lie with the dead letters. */
static void find_letter(struct saying *saying)
{
	char error[QG_QUEUE_ADMIN_ERROR] = "";
	const struct qg_queue_admin admin = {.url = qg_cli_store_url(saying->store),
		.partitions = qg_cli_store_partitions(saying->store),
		.now = qg_clock_wall()};
	json_auto_t *rows = qg_queue_admin_dead(&admin, error);
	size_t i;
	json_t *row;
	json_array_foreach (rows, i, row) {
		if (is_our_letter(saying, row)) {
			json_decref(saying->letter);
			saying->letter = json_incref(row);
			saying->state = DEAD;
		}
	}
}

static int post(struct saying *saying)
{
	char error[128] = "", consumer[40] = "say-";
	qg_random_hex(consumer + strlen(consumer), 8);
	saying->store = qg_cli_store_open(saying->cli, saying->config);
	if (!saying->store) {
		return QG_CLI_FAILED;
	}
	struct qg_redis_options options = {.url = qg_cli_store_url(saying->store),
		.scripts = qg_queue_scripts,
		.changed = on_redis,
		.arg = saying};
	saying->prefix = qg_cli_store_prefix(saying->store, saying->name);
	saying->loop = qg_loop_create(1);
	saying->end = saying->loop ? qg_timer_create(saying->loop, too_late, saying) : NULL;
	saying->look = saying->end ? qg_timer_create(saying->loop, look, saying) : NULL;
	saying->redis = saying->look && saying->prefix
				? qg_redis_create(saying->loop, &options, error)
				: NULL;
	saying->queue = saying->redis ? qg_queue_create(saying->redis,
						qg_cli_store_partitions(saying->store), consumer)
				      : NULL;
	if (!saying->queue) {
		return qg_cli_say(
			saying->cli, QG_CLI_FAILED, "Redis: %s", *error ? error : "out of memory");
	}
	qg_timer_start(saying->end, PATIENCE_MS);
	qg_loop_run(saying->loop);
	if (saying->state == UNKNOWN) {
		return qg_cli_say(saying->cli, QG_CLI_FAILED,
			"Redis 没有回答，不知道存下了没有 · Redis gave no answer: it may or may "
			"not be "
			"stored");
	}
	if (saying->state == LANDED) {
		find_letter(saying);
	}
	return QG_CLI_DONE;
}

/* ---- */

static const char nobody_there[] = "没发出去：平台找不到这个会话。核对 "
				   "id（大小写也要一样），并先在那边给它发过一句话。There is no "
				   "such chat, or nobody has written to the bot there.";

static int report(const struct saying *saying)
{
	static const char *const names[] = {"unknown", "queued", "waiting", "landed", "dead"};
	static const char *const words[] = {"",
		"已放进队列：服务没在运行，qungong run 启动后发出。Queued: it leaves when the "
		"server runs.",
		"还没发出：它在队列里，发得出去时就发（qungong queue、qungong doctor 看原因）。It "
		"waits in the queue.",
		"已发出。It landed.",
		"没发出去，平台拒收了（日志里有原因）。It was refused, see the log."};
	const char *reason = qg_json_str(saying->letter, "reason", NULL);
	int code = saying->state == DEAD ? QG_CLI_FAILED : QG_CLI_DONE;
	if (saying->cli->json) {
		int printed = qg_cli_print_json(json_pack("{s:s, s:s, s:s, s:s, s:b, s:s?}", "bot",
			saying->name, "chat", saying->to, "reply", saying->reply->id, "state",
			names[saying->state], "landed", saying->state == LANDED, "reason", reason));
		return printed == QG_CLI_DONE ? code : printed;
	}
	bool is_lost = saying->state == DEAD && qg_str_equal(reason, qg_status_text(QG_NOT_FOUND));
	printf("%s → %s: %s%s%s%s\n", saying->name, saying->to,
		is_lost ? nobody_there : words[saying->state], reason ? "（" : "",
		reason ? reason : "", reason ? "）" : "");
	return code;
}

static int say(struct saying *saying)
{
	saying->config = qg_cli_load(saying->cli);
	if (!saying->config) {
		return QG_CLI_WRONG;
	}
	saying->bot = qg_config_bot(saying->config, saying->name);
	if (!saying->bot) {
		return qg_cli_say(saying->cli, QG_CLI_WRONG, "there is no bot '%s' in %s",
			saying->name, saying->cli->config_path);
	}
	qg_cli_outbox_sweep(saying->config->data_dir, qg_clock_wall() / 1000);
	int code = choose_chat(saying);
	code = code == QG_CLI_DONE ? make_reply(saying) : code;
	code = code == QG_CLI_DONE ? post(saying) : code;
	return code == QG_CLI_DONE ? report(saying) : code;
}

static void finish(struct saying *saying)
{
	qg_redis_destroy(saying->redis);
	qg_queue_destroy(saying->queue);
	qg_timer_destroy(saying->look);
	qg_timer_destroy(saying->end);
	qg_loop_destroy(saying->loop);
	qg_cli_store_close(saying->store);
	free(saying->prefix);
	json_decref(saying->letter);
	qg_reply_destroy(saying->reply);
	qg_strings_finish(&saying->images);
	qg_strings_finish(&saying->files);
	qg_config_release(saying->config);
}

static int run(struct qg_cli *cli)
{
	struct saying saying = {.cli = cli};
	const char *words[2];
	const struct qg_flag flags[] = {
		{"--to", QG_FLAG_VALUE, &saying.to},
		{"--direct", QG_FLAG_SWITCH, &saying.direct},
		{"--image", QG_FLAG_LIST, &saying.images},
		{"--file", QG_FLAG_LIST, &saying.files},
		{NULL},
	};
	int code = qg_cli_parse(cli, flags, words, 2);
	saying.name = words[0];
	saying.text = words[1];
	if (code == QG_CLI_DONE && !saying.name) {
		code = qg_cli_say(
			cli, QG_CLI_WRONG, "which bot? usage: qungong say BOT TEXT [--to CHAT]");
	}
	code = code == QG_CLI_DONE ? say(&saying) : code;
	finish(&saying);
	return code;
}

const struct qg_verb qg_cli_say_verb = {"say",
	"BOT TEXT|- [--to CHAT] [--direct] [--image FILE]... [--file FILE]...",
	"以机器人的名义往群里说一句 · a message of the bot's own, for cron jobs",
	"TEXT 写 - 就从标准输入读。群机器人（wecom-hook、dingtalk-hook）和网页只有一个群，不用 "
	"--to。\n"
	"--to      群的 id；加 --direct 时是用户的 id\n"
	"--image   PNG 或 JPG；--file 任意文件，各不超过 20 "
	"MB；先文字，后图片，再文件；能发文件的是 "
	"wecom（长连接）、\n          dingtalk 和 wecom-hook\n"
	"等到真的发出才返回，最多 30 秒；没有服务在运行时留在队列里，启动后发出。被平台拒收时退出"
	"码为 1。\n\n"
	"TEXT of - is read from standard input. Robots of one group (wecom-hook, dingtalk-hook) "
	"and the web need no\n--to. Files and pictures are shown by wecom over its long "
	"connection, "
	"dingtalk and wecom-hook. Returns when\nit landed, after 30 s at most; without a running "
	"server it leaves when one runs. Exit 1 when the platform\nrefused it. Files go through "
	"data_dir/outbox and stay there for a day.\n",
	run};
