/* told.c - stands where roles and turns are, and does as it is told. */
#include "told.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/crypto.h"
#include "qg/model.h"
#include "qg/str.h"

struct qg_role {
	unsigned references;
};

struct qg_turn {
	size_t index;
	const struct qg_turn_host *host;
	void *arg;
	char *conversation, *chat, *last, *text;
	struct qg_role *role;
};

struct turn turns[TURNS_MOST];
size_t turn_count;
bool turns_end_alone, roles_fail;
unsigned roles_opened;

/* ---- roles ---- */

struct opening {
	void (*ready)(void *arg, struct qg_role *role, const char *words);
	void *arg;
};

static void open_now(void *arg)
{
	struct opening opening = *(struct opening *)arg;
	free(arg);
	roles_opened++;
	struct qg_role *role = roles_fail ? NULL : calloc(1, sizeof(*role));
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

void qg_roles_rest(void)
{
}

void qg_role_release(struct qg_role *role)
{
	if (role != NULL && --role->references == 0) {
		free(role);
	}
}

char *qg_role_words(const struct qg_role *role, const char *key, ...)
{
	struct qg_buf text;
	qg_buf_init(&text, 1024);
	qg_buf_add_str(&text, key);
	va_list args;
	va_start(args, key);
	if (strncmp(key, "limit_", 6) == 0) { /* with what it was made of */
		for (const char *name; (name = va_arg(args, const char *)) != NULL;) {
			qg_buf_printf(&text, " %s=%s", name, va_arg(args, const char *));
		}
	}
	va_end(args);
	return qg_buf_steal(&text);
}

/* ---- what calls share, which nothing here does; and money ---- */

struct qg_endpoints {
	int nothing;
};

struct qg_endpoints *qg_endpoints_create(struct qg_loop *on, struct qg_http_client *http)
{
	return calloc(1, sizeof(struct qg_endpoints));
}

void qg_endpoints_destroy(struct qg_endpoints *endpoints)
{
	free(endpoints);
}

void qg_money_text(int64_t nano, enum qg_currency currency, char out[40])
{
	snprintf(out, 40, "%lld nano", (long long)nano);
}

/* ---- turns ---- */

static void destroy(struct qg_turn *turn)
{
	turns[turn->index].live = false;
	turns[turn->index].handle = NULL;
	qg_role_release(turn->role);
	free(turn->conversation);
	free(turn->chat);
	free(turn->last);
	free(turn->text);
	free(turn);
}

static void end_alone(void *arg)
{
	size_t index = (size_t)((struct turn *)arg - turns);
	if (turns[index].live) {
		turn_answer(index, "ok");
	}
}

static void note(struct turn *noted, const struct qg_turn_request *request)
{
	snprintf(noted->conversation, sizeof(noted->conversation), "%s", request->conversation);
	for (size_t i = 0; i < request->count; i++) {
		size_t used = strlen(noted->messages);
		snprintf(noted->messages + used, sizeof(noted->messages) - used, "%s%s",
			i > 0 ? " " : "", request->messages[i]->id);
		const char *quote = request->messages[i]->quote;
		used = strlen(noted->quotes);
		snprintf(noted->quotes + used, sizeof(noted->quotes) - used, "%s",
			quote != NULL ? quote : "");
		noted->attachments += json_array_size(request->messages[i]->attachments);
	}
	noted->failures = request->failures;
	noted->desk = request->desk;
	noted->media = request->media;
	noted->enabled = request->enabled;
	noted->admin = request->messages[request->count - 1]->sender_is_admin;
	for (size_t i = 0; i < turn_count; i++) {
		if (turns[i].live) {
			noted->beside++;
			noted->beside_named |= strstr(turns[i].conversation, "/bad") != NULL;
		}
	}
	noted->live = true;
}

struct qg_turn *qg_turn_start(
	const struct qg_turn_request *request, const struct qg_turn_host *host, void *arg)
{
	ck_assert_uint_lt(turn_count, TURNS_MOST);
	struct qg_turn *turn = calloc(1, sizeof(*turn));
	const struct qg_message *last = request->messages[request->count - 1];
	*turn = (struct qg_turn){.index = turn_count,
		.host = host,
		.arg = arg,
		.conversation = qg_str_copy(request->conversation),
		.chat = qg_str_copy(last->chat),
		.last = qg_str_copy(last->id),
		.role = qg_role_take(request->role)};
	note(&turns[turn_count], request);
	turns[turn_count].handle = turn;
	if (turns_end_alone) {
		ck_assert_int_eq(
			qg_loop_defer(request->loop, end_alone, &turns[turn_count]), QG_OK);
	}
	turn_count++;
	return turn;
}

void qg_turn_cancel(struct qg_turn *turn)
{
	turns[turn->index].cancelled = true;
	destroy(turn);
}

const char *qg_turn_text(const struct qg_turn *turn)
{
	return turn->text;
}

static bool turns_came(void *arg)
{
	return turn_count >= *(size_t *)arg;
}

void wait_turns(size_t count)
{
	wait_until(turns_came, &count);
	ck_assert_uint_eq(turn_count, count);
}

static void reply_id(const struct qg_turn *turn, char id[33])
{
	qg_digest_id(id, turn->conversation, turn->last, "answer", NULL);
}

void turn_draft(size_t index, const char *text)
{
	char id[33];
	struct qg_turn *turn = turns[index].handle;
	ck_assert_ptr_nonnull(turn);
	reply_id(turn, id);
	free(turn->text);
	turn->text = qg_str_copy(text);
	turn->host->draft(turn->arg, id, text);
}

static struct qg_reply *make_reply(const struct qg_turn *turn, const char *text)
{
	struct qg_reply *reply = qg_reply_create();
	reply->id = malloc(33);
	reply_id(turn, reply->id);
	reply->bot = qg_str_copy_n(turn->conversation, strcspn(turn->conversation, "/"));
	reply->chat = qg_str_copy(turn->chat);
	reply->conversation = qg_str_copy(turn->conversation);
	reply->text = qg_str_copy(text);
	reply->answers = json_pack("[s]", turn->last);
	reply->usage.model = qg_str_copy("offline");
	reply->usage.cost = qg_str_copy("{\"CNY\":0}");
	return reply;
}

static void answer(size_t index, const char *text, int group)
{
	struct qg_turn *turn = turns[index].handle;
	ck_assert_ptr_nonnull(turn);
	struct qg_turn_result result = {.reply = text != NULL ? make_reply(turn, text) : NULL,
		.history =
			json_pack("[{s:s, s:s}]", "who", "bot", "text", text != NULL ? "said" : ""),
		.state = json_pack("{s:i}", "turns", 1),
		.way = "told"};
	result.group = group;
	turns[index].live = false;
	turn->host->finished(turn->arg, QG_OK, &result, NULL);
	qg_reply_destroy(result.reply);
	json_decref(result.history);
	json_decref(result.state);
	destroy(turn);
}

void turn_answer(size_t index, const char *text)
{
	answer(index, text, QG_GROUP_STAYS);
}

void turn_group(size_t index, int group)
{
	answer(index, "ok", group);
}

static void end_with(size_t index, enum qg_status status, const char *words)
{
	struct qg_turn *turn = turns[index].handle;
	ck_assert_ptr_nonnull(turn);
	turns[index].live = false;
	turn->host->finished(turn->arg, status, NULL, words);
	destroy(turn);
}

void turn_fail(size_t index)
{
	end_with(index, QG_FAILED, "told to fail");
}

void turn_stale(size_t index)
{
	end_with(index, QG_STALE, NULL);
}

unsigned count_live(void)
{
	unsigned live = 0;
	for (size_t i = 0; i < turn_count; i++) {
		live += turns[i].live ? 1 : 0;
	}
	return live;
}
