/* world.c - a WeCom bot on a long connection that the test plays, under a clock that the test moves. */
#include "world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

struct world world;

static int a_client; /* never looked into */

static void set_clock(void)
{
	qg_clock_fix(world.wall, world.mono);
}

void world_open(void)
{
	world = (struct world){.wall = 1763800000000, .mono = 1000000};
	set_clock();
	world.loop = qg_loop_create(1);
	ck_assert_ptr_nonnull(world.loop);
	world.host = fake_host_create(world.loop, qg_adapter_find("wecom"),
		"{bot_id: aibQ7mN2x, secret: secret-for-the-probe-only, display_name: HarborBot}",
		NULL, NULL);
	ck_assert_str_eq(world.host->problems, "");
	ck_assert_int_eq(world.host->init, QG_OK);
	world.host->has_words = true;
	world.host->bot.ws = (struct qg_ws_client *)&a_client;
}

void world_close(void)
{
	fake_host_destroy(world.host);
	qg_loop_destroy(world.loop);
	peer_reset();
	qg_clock_fix(-1, 0);
}

struct wecom_core *world_core(void)
{
	return wecom_core_of(&world.host->bot);
}

struct wecom_link *world_link(void)
{
	return world_core()->link;
}

static bool has_settled(void *arg)
{
	return --*(int *)arg <= 0;
}

void world_settle(void)
{
	int turns = 4;
	fake_host_wait(world.loop, has_settled, &turns);
}

void world_pass(uint64_t ms)
{
	world.wall += (int64_t)ms;
	world.mono += ms;
	set_clock();
	if (world_core()->link) {
		wecom_link_tick(world_core()->link);
	}
}

void world_forget(void)
{
	for (size_t i = 0; i < peer.count; i++) {
		free(peer.frames[i]);
	}
	peer.count = 0;
}

static void subscribe(void)
{
	peer_accept();
	ck_assert_str_eq(peer_str(peer.count - 1, "cmd"), "aibot_subscribe");
	peer_answer(peer.count - 1, 0, NULL);
	world_settle();
	ck_assert_int_eq(world.host->link, QG_LINK_UP);
}

void world_up(void)
{
	ck_assert_int_eq(world.host->bot.adapter->start(&world.host->bot), QG_OK);
	world_pass(0);
	subscribe();
	world_forget();
}

void world_up_again(void)
{
	world_pass(30000);
	subscribe();
}

const char *world_hear(const char *req_id, const char *msgid, bool group, const char *text)
{
	json_t *body = json_pack("{s:s, s:s, s:s, s:{s:s}, s:s, s:{s:s}}", "msgid", msgid,
		"aibotid", "aibQ7mN2x", "chattype", group ? "group" : "single", "from", "userid",
		USER, "msgtype", "text", "text", "content", text);
	if (group) {
		json_object_set_new(body, "chatid", json_string(GROUP));
	}
	peer_say_json(json_pack("{s:s, s:{s:s}, s:o}", "cmd", "aibot_msg_callback", "headers",
		"req_id", req_id, "body", body));
	world_settle();
	ck_assert_uint_gt(world.host->message_count, 0);
	return world.host->messages[world.host->message_count - 1]->handle;
}

void world_draft(const char *handle, int64_t sequence, const char *text)
{
	struct qg_draft draft = {.reply = REPLY,
		.bot = "xiaoman",
		.chat = USER,
		.conversation = "xiaoman/x",
		.handle = handle,
		.sequence = sequence,
		.text = text};
	world.host->bot.adapter->draft(&world.host->bot, &draft);
}

struct qg_reply *world_reply(const char *handle, bool group, const char *text)
{
	struct qg_reply *reply = fake_host_reply(REPLY, "m1", text);
	free(reply->chat);
	reply->chat = qg_str_copy(group ? GROUP : USER);
	reply->chat_type = group ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	reply->handle = qg_str_copy(handle);
	reply->sender = qg_str_copy(USER);
	return reply;
}

void world_send(const char *handle, bool group, const char *text)
{
	fake_host_send(world.host, world_reply(handle, group, text));
}

enum qg_status world_sent(size_t count)
{
	world_settle();
	ck_assert_uint_eq(world.host->sent_count, count);
	return count > 0 ? world.host->sent[count - 1] : QG_OK;
}

void world_expect(size_t at, const char *cmd, const char *content, bool finish)
{
	ck_assert_uint_lt(at, peer.count);
	ck_assert_str_eq(peer_str(at, "cmd"), cmd);
	ck_assert_str_eq(peer_str(at, "body.stream.content"), content);
	ck_assert_int_eq(strstr(peer.frames[at], "\"finish\":true") != NULL, finish);
}

void world_copy_id(char id[64], size_t at)
{
	snprintf(id, 64, "%s", peer_str(at, "body.stream.id"));
}

json_t *world_vectors(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), QG_VECTORS "/%s.json", name);
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	ck_assert_msg(root != NULL, "%s: %s", path, error.text);
	return root;
}
