/* platform.c - platforms of three kinds and roles without templates, which do as they are told. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"

struct platform platform;

/* ---- roles that need no template ---- */

struct qg_role {
	unsigned references;
};

struct opening {
	void (*ready)(void *arg, struct qg_role *role, const char *words);
	void *arg;
};

static void open_now(void *arg)
{
	struct opening opening = *(struct opening *)arg;
	free(arg);
	platform.opened++;
	struct qg_role *role = platform.role_fails ? NULL : calloc(1, sizeof(*role));
	if (role != NULL) {
		role->references = 1;
	}
	opening.ready(opening.arg, role, role != NULL ? NULL : "told to fail");
}

enum qg_status qg_role_open(struct qg_loop *on, const struct qg_bot_config *bot,
	const char *config_dir, const char *data_dir,
	void (*ready)(void *arg, struct qg_role *role, const char *words), void *arg)
{
	struct opening *opening = malloc(sizeof(*opening));
	*opening = (struct opening){ready, arg};
	return qg_loop_defer(on, open_now, opening);
}

struct qg_role *qg_role_take(struct qg_role *role)
{
	role->references++;
	return role;
}

void qg_role_release(struct qg_role *role)
{
	if (role != NULL && --role->references == 0) {
		free(role);
	}
}

const char *qg_role_title(const struct qg_role *role)
{
	return "小满";
}

const char *qg_role_greeting(const struct qg_role *role)
{
	return "";
}

const struct qg_strings *qg_role_suggestions(const struct qg_role *role)
{
	static const struct qg_strings none;
	return &none;
}

char *qg_role_words(const struct qg_role *role, const char *key, ...)
{
	return qg_str_copy(key);
}

/* ---- the platform ---- */

static enum qg_status init(struct qg_bot *bot)
{
	platform.inits++;
	return platform.init_fails ? QG_INVALID : QG_OK;
}

static enum qg_status start(struct qg_bot *bot)
{
	platform.starts++;
	bot->host->link_changed(bot, QG_LINK_UP, "told so");
	return QG_OK;
}

static void tell_stopped(void *arg)
{
	stop_end(arg);
}

void stop_end(struct qg_bot *bot)
{
	bot->host->stopped(bot);
}

static void stop(struct qg_bot *bot)
{
	platform.stops++;
	if (!platform.keeps_stop) {
		ck_assert_int_eq(qg_loop_defer(loop, tell_stopped, bot), QG_OK);
	}
}

static void finish(struct qg_bot *bot)
{
	platform.finishes++;
	for (size_t i = 0; i < platform.send_count; i++) { /* nobody takes these back any more */
		if (platform.sends[i].bot == bot) {
			qg_reply_destroy(platform.sends[i].reply);
			platform.sends[i].reply = NULL;
		}
	}
}

static void land(void *arg)
{
	send_end((size_t)((struct send *)arg - platform.sends), QG_OK, 0);
}

static void send_reply(struct qg_bot *bot, struct qg_reply *reply)
{
	ck_assert_uint_lt(platform.send_count, sizeof(platform.sends) / sizeof(platform.sends[0]));
	struct send *send = &platform.sends[platform.send_count++];
	*send = (struct send){.bot = bot,
		.reply = reply,
		.part = reply->part,
		.form = reply->form,
		.repeated = reply->repeated};
	snprintf(send->id, sizeof(send->id), "%s", reply->id);
	snprintf(send->chat, sizeof(send->chat), "%s", reply->chat);
	snprintf(send->text, sizeof(send->text), "%s", reply->text);
	snprintf(send->file, sizeof(send->file), "%s", qg_json_str(reply->file, "name", ""));
	snprintf(send->process, sizeof(send->process), "%s", bot_of(bot)->gateway->core->process);
	if (!platform.keeps) {
		ck_assert_int_eq(qg_loop_defer(loop, land, send), QG_OK);
	}
}

void send_end(size_t index, enum qg_status status, unsigned retry_ms)
{
	struct send *send = &platform.sends[index];
	struct qg_reply *reply = send->reply;
	ck_assert_ptr_nonnull(reply);
	send->reply = NULL;
	send->bot->host->sent(send->bot, reply, status, retry_ms);
}

static void draft(struct qg_bot *bot, const struct qg_draft *snapshot)
{
	platform.drafts++;
}

static bool dials(const struct qg_bot *bot)
{
	return true;
}

static const struct qg_adapter push = {
	.name = "push",
	.can = {.hears_all = true,
		.redelivers = true,
		.streams = true,
		.part_bytes = PART_BYTES,
		.dedupe_ms = 3600000},
	.state_size = 1,
	.init = init,
	.start = start,
	.draft = draft,
	.send = send_reply,
	.stop = stop,
	.finish = finish,
	.dials = dials,
};
static const struct qg_adapter socket_ = {
	.name = "socket",
	.can = {.hears_all = true, .part_bytes = PART_BYTES, .dedupe_ms = 3600000},
	.state_size = 1,
	.init = init,
	.start = start,
	.send = send_reply,
	.stop = stop,
	.finish = finish,
	.dials = dials,
};
static const struct qg_adapter door = {
	.name = "door",
	.can = {.hears_all = true,
		.redelivers = true,
		.part_bytes = PART_BYTES,
		.dedupe_ms = 3600000},
	.state_size = 1,
	.init = init,
	.send = send_reply,
	.stop = stop,
	.finish = finish,
};

static char *account(const struct qg_bot *bot)
{
	return qg_str_copy(platform.account);
}

static const struct qg_adapter mail = {
	.name = "mail",
	.can = {.redelivers = true,
		.writes_first = true,
		.part_bytes = PART_BYTES,
		.dedupe_ms = 3600000},
	.state_size = 1,
	.init = init,
	.send = send_reply,
	.finish = finish,
	.account = account,
};
static const struct qg_adapter slow = {
	.name = "slow",
	.can = {.redelivers = true,
		.part_bytes = PART_BYTES,
		.dedupe_ms = 3600000,
		.chat_rate = 3,
		.app_rate = 10},
	.state_size = 1,
	.init = init,
	.send = send_reply,
	.finish = finish,
	.account = account,
};

static char *own_account(const struct qg_bot *bot)
{
	return qg_str_copy(bot->config->customer);
}

static const struct qg_adapter dial = {
	.name = "dial",
	.can = {.hears_all = true,
		.streams = true,
		.part_bytes = PART_BYTES,
		.dedupe_ms = 3600000,
		.shows_files = true,
		.shows_open = true},
	.state_size = 1,
	.init = init,
	.start = start,
	.draft = draft,
	.send = send_reply,
	.stop = stop,
	.finish = finish,
	.account = own_account,
	.dials = dials,
};

const struct qg_adapter *qg_adapter_find(const char *name)
{
	static const struct qg_adapter *const all[] = {&push, &socket_, &door, &mail, &slow, &dial};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->name, name) == 0) {
			return all[i];
		}
	}
	return NULL;
}
