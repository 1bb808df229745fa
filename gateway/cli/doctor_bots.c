/* doctor_bots.c - each bot: its role, whether its platform takes the credentials, its link, what died of it. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#include "hire.h"
#include "probe.h"
#include "qg/adapter.h"
#include "qg/clock.h"
#include "qg/json.h"
#include "qg/queue_admin.h"
#include "qg/role.h"
#include "running.h"

/* Where in a platform's console credentials are, links are opened, and scopes are granted. */
static const struct page {
	const char *platform, *console;
} pages[] = {
	{"feishu", "open.feishu.cn/app（Lark：open.larksuite.com/app）→ "
		   "该应用 →「凭证与基础信息」、「事件与回调」"},
	{"feishu-hook", "群设置 → 群机器人"},
	{"wecom", "企业微信管理后台 →「管理工具」→「智能机器人」→ API 模式"},
	{"wecom-hook", "群设置 →「消息推送」"},
	{"dingtalk", "open-dev.dingtalk.com → 该应用 →「凭证与基础信息」"},
	{"dingtalk-hook", "群设置 → 机器人"},
};

static const char *console_of(const char *platform)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(pages[i].platform, platform) == 0) {
			return pages[i].console;
		}
	}
	return "平台的管理后台";
}

static void check_role(struct qg_doctor *doctor, const struct qg_bot_config *bot, const char *about)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	QG_AUTO(qg_str_free) char *dir = qg_cli_config_dir(doctor->cli);
	QG_AUTO(qg_str_free) char *folder = dir ? qg_template_find(dir, bot->template_id) : NULL;
	if (folder) {
		qg_template_check(folder, &problems);
	}
	if (!folder || problems.errors > 0) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about,
			"模板 %s 有错：qungong check 列出每一处 · its template has errors",
			bot->template_id);
	} else {
		qg_doctor_note(doctor, QG_GRADE_OK, about,
			"模板 %s 正常 · its template is in order", bot->template_id);
	}
	qg_problems_finish(&problems);
}

/* ---- the account ---- */

static bool has_hook(const struct qg_bot_config *bot)
{
	const struct qg_adapter *adapter = qg_adapter_find(bot->platform);
	return adapter && adapter->on_http && strcmp(bot->platform, "web") != 0 &&
	       !qg_cli_dials(bot);
}

/* Words that say in Chinese what to do need nothing of ours before them. */
static void say_probe(struct qg_doctor *doctor, const struct qg_bot_config *bot, const char *about,
	const struct qg_cli_probe *probe)
{
	bool speaks = strstr(probe->words, "· ") != NULL;
	bool refused = probe->status == QG_DENIED || probe->status == QG_INVALID;
	const char *console = console_of(bot->platform);
	if (probe->status == QG_OK) {
		qg_doctor_note(doctor, QG_GRADE_OK, about, "凭据有效 · credentials work: %s",
			probe->words);
	} else if (probe->status == QG_NOT_FOUND) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about, "凭据有效，但%s", probe->words);
	} else if (speaks && refused) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about, "平台没有放行（凭据填在 %s）：%s",
			bot->file, probe->words);
	} else if (speaks) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about, "凭据没能核对：%s", probe->words);
	} else if (refused) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about,
			"平台不认这些凭据：到 %s 重新复制，填进 %s · refused: %s", console,
			bot->file, probe->words);
	} else {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about,
			"没能向平台核对凭据：检查网络、DNS、代理（https_proxy）；凭据在 %s · not "
			"reached: %s",
			console, probe->words);
	}
}

static void ask_platform(
	struct qg_doctor *doctor, const struct qg_bot_config *bot, const char *about)
{
	struct qg_cli_probe probe;
	qg_cli_probe(doctor->cli, doctor->config, bot, doctor->loop, doctor->http, &probe);
	if (probe.asked) {
		say_probe(doctor, bot, about, &probe);
	} else if (has_hook(bot)) {
		qg_doctor_note(doctor, QG_GRADE_OK, about,
			"回调的密钥要等平台来核对：在 %s 保存回调地址时就知道 · its keys are "
			"checked when the address is saved there",
			console_of(bot->platform));
	} else {
		qg_doctor_note(doctor, QG_GRADE_OK, about,
			"%s没有凭据要核对 · no credentials to check",
			qg_cli_platform_title(bot->platform));
	}
}

enum qg_link_state qg_judge_link(const char *metrics, const char *ready, const char *bot)
{
	double up;
	if (metrics && qg_cli_metric(metrics, "link_up", bot, &up)) {
		return up > 0 ? QG_LINK_IS_UP : up < 0 ? QG_LINK_IS_ELSEWHERE : QG_LINK_IS_DOWN;
	}
	json_auto_t *root = ready ? qg_json_parse(ready, strlen(ready), NULL) : NULL;
	const json_t *links = json_object_get(root, "links");
	int64_t owned = qg_json_int(links, "owned", 0), links_up = qg_json_int(links, "up", 0);
	if (owned > 0 && links_up == owned) {
		return QG_LINK_IS_UP;
	}
	return owned > 0 && links_up == 0 ? QG_LINK_IS_DOWN : QG_LINK_IS_UNKNOWN;
}

/* Who was thrown out by another program has nothing to put right in the credentials. */
static void say_down(struct qg_doctor *doctor, const struct qg_bot_config *bot, const char *about)
{
	double kicks;
	if (doctor->metrics && qg_cli_metric(doctor->metrics, "links_kicked_total", NULL, &kicks) &&
		kicks > 0) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about,
			"长连接断着，很可能被顶掉了：停掉另一个用同一个机器人的程序，5 "
			"分钟内自动重连；"
			"不知道是谁，就到 %s 重置 Secret，再填进 %s · its link is down: another "
			"program logged in with its credentials",
			console_of(bot->platform), bot->file);
		return;
	}
	qg_doctor_note(doctor, QG_GRADE_FAIL, about,
		"长连接断着：多半是凭据不对或网络不通，服务的日志里有原因；凭据到 %s 核对 · its "
		"link is down, the server's log says why",
		console_of(bot->platform));
}

/* The server has the link: nobody else knows whether it is up. */
static void ask_server(struct qg_doctor *doctor, const struct qg_bot_config *bot, const char *about)
{
	switch (qg_judge_link(doctor->metrics, doctor->ready, bot->name)) {
	case QG_LINK_IS_UP:
		qg_doctor_note(doctor, QG_GRADE_OK, about,
			"长连接正常（看的是正在运行的服务）· its link is up, says the server");
		break;
	case QG_LINK_IS_DOWN:
		say_down(doctor, bot, about);
		break;
	case QG_LINK_IS_ELSEWHERE:
		qg_doctor_note(doctor, QG_GRADE_OK, about,
			"长连接在另一个进程手里（多个 gateway 分担），它的好坏看那一个的 link_up · "
			"another "
			"gateway has its link");
		break;
	default:
		qg_doctor_note(doctor, QG_GRADE_WARN, about,
			"服务在运行，看不出这个机器人的长连接：--probe "
			"直接问平台（会短暂顶掉服务的连接）· "
			"unknown; --probe asks the platform and takes the link for a while");
	}
}

/* A webhook cannot be called from here as the platform calls it; but whether it ever did since the start is counted. */
static void check_hook(struct qg_doctor *doctor, const struct qg_bot_config *bot, const char *about)
{
	static const char *const counters[] = {"messages_stored_total", "messages_duplicate_total",
		"messages_unselected_total", "messages_refused_total"};
	double all = 0;
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		double count;
		if (qg_cli_metric(doctor->metrics, counters[i], bot->name, &count)) {
			all += count;
		}
	}
	if (all > 0) {
		qg_doctor_note(doctor, QG_GRADE_OK, about,
			"启动以来收到 %.0f 条消息 · messages since the start", all);
	} else {
		qg_doctor_note(doctor, QG_GRADE_WARN, about,
			"启动以来还没收到过消息：后台的回调地址要填 "
			"https://你的域名/hook/%s，外网要能打开它 · "
			"nothing came since the start",
			bot->name);
	}
}

/* ---- the month ---- */

enum { MONTH_NEAR = 80 }; /* per cent */

static void say_month(
	struct qg_doctor *doctor, const char *about, const char *what, double used, double limit)
{
	if (used >= limit) {
		qg_doctor_note(doctor, QG_GRADE_FAIL, about,
			"本月的%s数到 %.0f 次，额度 %.0f "
			"次，用完了：在平台的管理后台增购，或等下月；"
			"实际额度不同就改配置 · this month's quota is used up",
			what, used, limit);
	} else if (used * 100 >= limit * MONTH_NEAR) {
		qg_doctor_note(doctor, QG_GRADE_WARN, about,
			"本月的%s数到 %.0f 次，额度 %.0f "
			"次，快用完了：在平台的管理后台看看，必要时增购 · "
			"this month's quota is nearly used up",
			what, used, limit);
	}
}

/* What the platform sells by the month, as the running server counts it. */
static void check_month(
	struct qg_doctor *doctor, const struct qg_bot_config *bot, const char *about)
{
	static const struct {
		const char *kind, *title;
	} kinds[] = {{"calls", "接口调用"}, {"uses", "消息"}};
	QG_AUTO(qg_str_free) char *used_name = qg_str_printf("%s_month_used", bot->platform);
	QG_AUTO(qg_str_free) char *limit_name = qg_str_printf("%s_month_limit", bot->platform);
	for (size_t i = 0; used_name && limit_name && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		double used, limit;
		if (qg_cli_metric_kind(
			    doctor->metrics, used_name, bot->name, kinds[i].kind, &used) &&
			qg_cli_metric_kind(
				doctor->metrics, limit_name, bot->name, kinds[i].kind, &limit) &&
			limit > 0) {
			say_month(doctor, about, kinds[i].title, used, limit);
		}
	}
}

/* ---- what died ---- */

static void check_letters(struct qg_doctor *doctor, const struct qg_bot_config *bot,
	const json_t *depth, const char *about)
{
	size_t i;
	json_t *row;
	json_array_foreach ((json_t *)depth, i, row) {
		int64_t dead = qg_json_int(row, "dead", 0);
		if (dead > 0 && strcmp(qg_json_str(row, "bot", ""), bot->name) == 0) {
			qg_doctor_note(doctor, QG_GRADE_WARN, about,
				"有 %lld 条死信：qungong queue dead 看原因 · dead letters",
				(long long)dead);
		}
	}
}

static json_t *read_depth(const struct qg_doctor *doctor)
{
	char error[QG_QUEUE_ADMIN_ERROR] = "";
	if (!doctor->store) {
		return NULL;
	}
	const struct qg_queue_admin admin = {.url = qg_cli_store_url(doctor->store),
		.partitions = qg_cli_store_partitions(doctor->store),
		.now = qg_clock_wall()};
	return qg_queue_admin_depth(&admin, error);
}

void qg_doctor_bots(struct qg_doctor *doctor)
{
	json_auto_t *depth = read_depth(doctor);
	if (doctor->config->bot_count == 0) {
		qg_doctor_note(doctor, QG_GRADE_WARN, "bots",
			"还没有机器人：qungong hire · there is no bot yet");
	}
	for (size_t i = 0; i < doctor->config->bot_count; i++) {
		const struct qg_bot_config *bot = &doctor->config->bots[i];
		QG_AUTO(qg_str_free) char *about = qg_str_printf("bot %s", bot->name);
		if (!about) {
			return;
		}
		check_role(doctor, bot, about);
		bool has_server = doctor->running && !doctor->probe && qg_cli_dials(bot);
		if (has_server) {
			ask_server(doctor, bot, about);
		}
		if (!has_server || !qg_cli_probe_kicks(bot)) {
			ask_platform(doctor, bot, about);
		}
		if (doctor->metrics && has_hook(bot)) {
			check_hook(doctor, bot, about);
		}
		if (doctor->metrics) {
			check_month(doctor, bot, about);
		}
		check_letters(doctor, bot, depth, about);
	}
}
