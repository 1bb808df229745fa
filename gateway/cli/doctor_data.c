/* doctor_data.c - `qungong doctor --data`: for each bot what is kept where and for how long, and who outside gets to
 * read what. Said from the config, so that it holds whether a server runs or not. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hire.h"
#include "qg/adapter.h"
#include "qg/model.h"

enum { HEARING = 1, SAYING = 2, WITH_FILES = 4, ON_THE_WEB = 8 }; /* bots that have such a row */

/* How long things stay is decided elsewhere: the Redis scripts, the web's feed, outbox.c. */
static const struct row {
	unsigned whose;
	const char *what, *place, *kept;
} kept[] = {
	{HEARING, "没回答完的消息和没发出的回答", "Redis",
		"回答、发出为止；死信到您丢弃为止（qungong queue）"},
	{SAYING, "没发出的话", "Redis", "发出为止；死信到您丢弃为止（qungong queue）"},
	{HEARING, "每个会话最近的对话和状态", "Redis",
		"最多 60 条；30 天没人说话就删，/reset 马上删"},
	{HEARING, "管理员、启用的群", "Redis", "一直，直到改动"},
	{HEARING, "用量账：谁、哪个群、哪个模型、多少 token 和钱，没有对话内容", "ledger/",
		"一直，一个月一个文件"},
	{HEARING, "问答和手册的索引", "knowledge/", "内容变了就重建"},
	{WITH_FILES, "qungong say 要发的文件", "outbox/", "一天"},
	{ON_THE_WEB, "网页工作群的消息", "Redis", "最近 1000 条"},
};

static json_t *row_json(const struct row *row, const struct qg_config *config)
{
	bool in_redis = strcmp(row->place, "Redis") == 0;
	bool is_outside = in_redis && strcmp(config->redis, "embedded") != 0;
	QG_AUTO(qg_str_free)
	char *place = is_outside ? qg_str_copy("外部的 Redis（配置里的 redis）")
				 : qg_str_printf("%s/%s", config->data_dir,
					   in_redis ? "redis/" : row->place);
	return place ? json_pack("{s:s, s:s, s:s}", "what", row->what, "where", place, "kept",
			       row->kept)
		     : NULL;
}

static bool hears_files(const struct qg_adapter *adapter)
{
	return adapter && (adapter->can.hears_media || adapter->can.hears_media_direct);
}

static json_t *stored(const struct qg_config *config, const struct qg_bot_config *bot)
{
	json_t *rows = json_array();
	const struct qg_adapter *adapter = qg_adapter_find(bot->platform);
	unsigned is = (qg_cli_hears(bot->platform) ? HEARING : SAYING) |
		      (adapter && adapter->can.shows_files ? WITH_FILES : 0) |
		      (strcmp(bot->platform, "web") == 0 ? ON_THE_WEB : 0);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i].whose & is) {
			json_array_append_new(rows, row_json(&kept[i], config));
		}
	}
	if (hears_files(adapter)) {
		json_array_append_new(
			rows, json_pack("{s:s, s:s, s:s}", "what", "别人发来的文件和图片", "where",
				      "不存", "kept", "取来看完就丢；读出来的文字算在那段对话里"));
	}
	return rows;
}

static json_t *leaving(const char *to, const char *what)
{
	return json_pack("{s:s, s:s}", "to", to, "what", what);
}

/* What a question to a model takes along. */
static char *question_parts(
	const struct qg_model_config *endpoint, const struct qg_adapter *adapter)
{
	bool files = hears_files(adapter);
	return qg_str_printf("没有现成答案的问题和称呼、这里最近的对话、手册里有关的段落%s%s",
		files ? "、问题里的文件的文字" : "",
		files && qg_endpoint_sees(endpoint) ? "、图片" : "");
}

/* The platform first, then the models in the order they are asked. */
static json_t *leaves(const struct qg_config *config, const struct qg_bot_config *bot)
{
	json_t *rows = json_array();
	if (strcmp(bot->platform, "web") != 0) {
		json_array_append_new(
			rows, leaving(qg_cli_platform_title(bot->platform),
				      qg_cli_hears(bot->platform)
					      ? "消息从它来，回答发回给它；它怎么保存由平台决定"
					      : "只有要它发的话和文件；它怎么保存由平台决定"));
	}
	for (size_t i = 0; qg_cli_hears(bot->platform) && i < bot->models.count; i++) {
		const struct qg_model_config *endpoint =
			qg_config_model(config, bot, bot->models.items[i]);
		QG_AUTO(qg_str_free)
		char *vendor = endpoint ? qg_endpoint_vendor(endpoint) : NULL;
		if (!vendor) {
			continue; /* nothing is sent to anybody */
		}
		QG_AUTO(qg_str_free)
		char *to =
			qg_str_printf("%s%s（模型 %s）", *vendor ? vendor : "自己网络里的模型服务",
				qg_endpoint_is_abroad(endpoint) ? "，境外" : "", endpoint->name);
		QG_AUTO(qg_str_free)
		char *what = question_parts(endpoint, qg_adapter_find(bot->platform));
		json_array_append_new(rows, leaving(to ? to : vendor, what ? what : ""));
	}
	return rows;
}

static void print_rows(const json_t *rows, const char *title, const char *none, bool is_stored)
{
	printf("  %s\n", title);
	size_t i;
	json_t *row;
	json_array_foreach ((json_t *)rows, i, row) {
		const char *first =
			json_string_value(json_object_get(row, is_stored ? "what" : "to"));
		const char *second =
			json_string_value(json_object_get(row, is_stored ? "where" : "what"));
		const char *third = json_string_value(json_object_get(row, "kept"));
		printf("    - %s：%s%s%s\n", first ? first : "", second ? second : "",
			third ? "；保存：" : "", third ? third : "");
	}
	if (json_array_size(rows) == 0) {
		printf("    - %s\n", none);
	}
}

int qg_doctor_data(const struct qg_cli *cli, const struct qg_config *config)
{
	json_t *bots = json_array();
	for (size_t i = 0; i < config->bot_count; i++) {
		const struct qg_bot_config *bot = &config->bots[i];
		json_array_append_new(
			bots, json_pack("{s:s, s:s, s:s?, s:o, s:o}", "bot", bot->name, "platform",
				      bot->platform, "customer", bot->customer, "stored",
				      stored(config, bot), "leaves", leaves(config, bot)));
	}
	if (cli->json) {
		return qg_cli_print_json(json_pack("{s:o}", "bots", bots));
	}
	size_t i;
	json_t *row;
	json_array_foreach (bots, i, row) {
		printf("%s（%s）\n", json_string_value(json_object_get(row, "bot")),
			qg_cli_platform_title(json_string_value(json_object_get(row, "platform"))));
		print_rows(json_object_get(row, "stored"), "存在这里 kept here", "", true);
		print_rows(json_object_get(row, "leaves"), "发出去的 what leaves",
			"没有：内容不出这台机器 nothing leaves this machine", false);
	}
	json_decref(bots);
	return QG_CLI_DONE;
}
