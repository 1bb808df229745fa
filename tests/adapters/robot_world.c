/* robot_world.c - a platform that answers from a script, and a robot's bot before it. */
#include "robot_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/fetch.h"
#include "qg/str.h"

static void platform(void *arg, struct qg_http_exchange *x)
{
	struct robot_world *world = arg;
	ck_assert_uint_lt(world->asked_count, ROBOT_ASKED_MOST);
	size_t size = 0, at = world->asked_count++;
	const char *body = qg_http_body(x, &size);
	ck_assert_str_eq(qg_http_method(x), "POST");
	world->asked[at].path = qg_str_copy(qg_http_path(x));
	world->asked[at].query = qg_str_copy(qg_http_query(x));
	world->asked[at].type = qg_str_copy(qg_http_header(x, "Content-Type"));
	world->asked[at].body = qg_str_copy_n(body ? body : "", size);
	if (world->mute) {
		world->unanswered = x;
		return;
	}
	bool scripted = world->script_at < world->script_count;
	const char *text = scripted ? world->script[world->script_at].body : world->fine;
	qg_http_answer(x, scripted ? world->script[world->script_at].http : 200, "application/json",
		text, strlen(text));
	world->script_at += scripted;
}

static void make_host(
	struct robot_world *world, const char *adapter, const char *path, const char *more)
{
	char options[512];
	snprintf(options, sizeof(options), "{url: 'http://%s%s'%s%s}",
		qg_http_server_address(world->platform), path, more[0] ? ", " : "", more);
	world->host = fake_host_create_with(
		world->loop, qg_adapter_find(adapter), options, NULL, NULL, world->client);
	ck_assert_str_eq(world->host->problems, "");
	ck_assert_int_eq(world->host->init, QG_OK);
	world->host->bot.data_dir = world->dir;
}

void robot_world_init(
	struct robot_world *world, const char *adapter, const char *path, const char *fine)
{
	qg_clock_fix(-1, 0);
	*world = (struct robot_world){.fine = fine, .dir = "/tmp/qg-robot-XXXXXX"};
	ck_assert_ptr_nonnull(mkdtemp(world->dir));
	world->loop = qg_loop_create(1);
	world->client = qg_http_client_create(world->loop);
	world->platform = fake_host_serve(world->loop, 21 << 20, platform, world);
	make_host(world, adapter, path, "");
}

void robot_world_again(
	struct robot_world *world, const char *adapter, const char *path, const char *more)
{
	fake_host_destroy(world->host);
	make_host(world, adapter, path, more);
}

void robot_world_finish(struct robot_world *world)
{
	fake_host_destroy(world->host);
	qg_loop_finish_work(world->loop);
	if (world->unanswered) {
		qg_http_answer_error(world->unanswered, 503, "late");
	}
	qg_http_client_destroy(world->client);
	qg_http_server_destroy(world->platform);
	qg_loop_destroy(world->loop);
	for (size_t i = 0; i < world->asked_count; i++) {
		free(world->asked[i].path);
		free(world->asked[i].query);
		free(world->asked[i].type);
		free(world->asked[i].body);
	}
	char command[64];
	snprintf(command, sizeof(command), "rm -r %s", world->dir);
	ck_assert_int_eq(system(command), 0);
}

void robot_world_answers(struct robot_world *world, int http, const char *body)
{
	ck_assert_uint_lt(world->script_count, ROBOT_ASKED_MOST);
	world->script[world->script_count].http = http;
	world->script[world->script_count++].body = body;
}

struct sending {
	const struct fake_host *host;
	size_t before;
};

static bool is_sent(void *arg)
{
	const struct sending *sending = arg;
	return sending->host->sent_count > sending->before;
}

enum qg_status robot_world_send(struct robot_world *world, struct qg_reply *reply)
{
	struct sending sending = {world->host, world->host->sent_count};
	fake_host_send(world->host, reply);
	fake_host_wait(world->loop, is_sent, &sending);
	return world->host->sent[sending.before];
}

enum qg_status robot_world_say(struct robot_world *world, const char *text, enum qg_form form)
{
	struct qg_reply *reply = fake_host_reply(ROBOT_FILE, "m", text);
	reply->form = form;
	return robot_world_send(world, reply);
}

static void told(void *arg, enum qg_status status, const char *words)
{
	struct robot_world *world = arg;
	world->told = status;
	snprintf(world->words, sizeof(world->words), "%s", words);
	world->has_told = true;
}

static bool is_told(void *arg)
{
	return ((const struct robot_world *)arg)->has_told;
}

void robot_world_probe(struct robot_world *world)
{
	world->has_told = false;
	world->host->bot.adapter->probe(&world->host->bot, told, world);
	ck_assert(!world->has_told);
	fake_host_wait(world->loop, is_told, world);
}

void robot_world_check_answer(
	struct robot_world *world, const struct robot_answer *answer, unsigned most_ms)
{
	size_t at = world->host->sent_count;
	robot_world_answers(world, answer->http, answer->body);
	enum qg_status status = robot_world_say(world, "x", QG_FORM_RICH);
	ck_assert_msg(status == answer->status, "%s: %s", answer->body, qg_status_name(status));
	ck_assert_uint_ge(world->host->retry_ms[at], answer->least_ms);
	ck_assert_uint_le(world->host->retry_ms[at], most_ms);
}

void robot_world_check_probe(
	struct robot_world *world, const struct robot_probe *probe, const char *asked)
{
	robot_world_answers(world, 200, probe->body);
	robot_world_probe(world);
	ck_assert_msg(
		world->told == probe->status, "%s: %s", probe->body, qg_status_name(world->told));
	ck_assert_str_eq(world->asked[world->asked_count - 1].body, asked);
	ck_assert_str_ne(world->words, "");
	ck_assert_uint_eq(world->host->sent_count, 0);
}

void robot_world_put_file(struct robot_world *world, const char *data, size_t size)
{
	char path[128];
	snprintf(path, sizeof(path), "mkdir -p %s/outbox", world->dir);
	ck_assert_int_eq(system(path), 0);
	snprintf(path, sizeof(path), "%s/outbox/" ROBOT_FILE, world->dir);
	FILE *file = fopen(path, "wb");
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	fclose(file);
}

struct qg_reply *robot_world_file_reply(const char *type, const char *file, enum qg_form form)
{
	struct qg_reply *reply = fake_host_reply(ROBOT_FILE, "m", "");
	reply->form = form;
	reply->files = json_pack("[{s:s, s:s, s:i, s:s}]", "type", type, "name", "日报.png", "size",
		12, "file", file);
	reply->file = json_array_get(reply->files, 0);
	reply->part = 1;
	return reply;
}

/* ---- without a world ---- */

void robot_check_address(
	const struct qg_robot_kind *kind, const char *url, const char *wanted, const char *key)
{
	char *base, *found;
	bool taken = qg_robot_address(kind, url, &base, &found);
	ck_assert_msg(taken == (wanted != NULL), "%s", url);
	if (taken) {
		ck_assert_str_eq(base, wanted);
		ck_assert_str_eq(found, key);
	} else {
		ck_assert_ptr_null(base);
		ck_assert_ptr_null(found);
	}
	free(base);
	free(found);
}

/* HOST in a place stands for the platform's own. */
static char *fill(const char *place, const char *host)
{
	const char *at = strstr(place, "HOST");
	return at ? qg_str_printf("%.*s%s%s", (int)(at - place), place, host, at + strlen("HOST"))
		  : qg_str_copy(place);
}

void robot_check_addresses(
	const struct qg_robot_kind *kind, const char *host, const char *path, const char *key)
{
	static const struct {
		const char *place;
		bool is_taken;
	} places[] = {
		{"https://HOST", true},
		{"http://127.0.0.1:9000", true},
		{"http://[::1]:9000", true},
		{"http://localhost", true},
		{"http://HOST", false},
		{"https://HOST.example.com", false},
		{"https://example.com/https://HOST", false},
		{"https://HOST@example.com", false},
		{"https://HOST:444", false},
		{"http://127.0.0.1@example.com", false},
		{"http://127.0.0.1:80@example.com", false},
		{"http://127.0.0.1.example.com", false},
		{"http://localhost:", false},
		{"http://10.0.0.1", false},
		{"", false},
	};
	static const char *const keys[] = {"", "a/../b", "a%0d%0aX", "a b", "a#b"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *base = fill(places[i].place, host);
		char *url = qg_str_printf("%s%s%s", base, path, key);
		robot_check_address(kind, url, places[i].is_taken ? base : NULL, key);
		free(url);
		free(base);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char *url = qg_str_printf("https://%s%s%s", host, path, keys[i]);
		robot_check_address(kind, url, NULL, NULL);
		free(url);
	}
	char long_key[256];
	memset(long_key, 'k', kind->key_most + 1);
	long_key[kind->key_most + 1] = '\0';
	char *url = qg_str_printf("https://%s%s%s", host, path, long_key);
	robot_check_address(kind, url, NULL, NULL);
	url[strlen(url) - 1] = '\0';
	long_key[kind->key_most] = '\0';
	char *base = fill("https://HOST", host);
	robot_check_address(kind, url, base, long_key);
	free(base);
	free(url);
	robot_check_address(kind, key, NULL, NULL);
	robot_check_address(kind, "", NULL, NULL);
	robot_check_address(kind, NULL, NULL, NULL);
}

void robot_check_transfers(const struct qg_robot_kind *kind, enum qg_status stranger)
{
	const struct {
		enum qg_fetch_error error;
		bool sent;
		int http;
		enum qg_status status;
	} transfers[] = {
		{QG_FETCH_CONNECT, false, 0, QG_FAILED},
		{QG_FETCH_CONNECT_TIMEOUT, false, 0, QG_FAILED},
		{QG_FETCH_BROKEN, true, 0, QG_IO},
		{QG_FETCH_TOTAL_TIMEOUT, true, 0, QG_TIMEOUT},
		{QG_FETCH_NO_MEMORY, false, 0, QG_NO_MEMORY},
		{QG_FETCH_NONE, true, 429, QG_BUSY},
		{QG_FETCH_NONE, true, 502, QG_IO},
		{QG_FETCH_NONE, true, 404, QG_FAILED},
		{QG_FETCH_NONE, true, 200, stranger},
	};
	for (size_t i = 0; i < sizeof(transfers) / sizeof(transfers[0]); i++) {
		struct qg_fetch_end end = {.error = transfers[i].error,
			.sent = transfers[i].sent,
			.status = transfers[i].http};
		struct qg_robot_outcome outcome = qg_robot_judge(kind, &end, false, -1, "", false);
		ck_assert_msg(outcome.status == transfers[i].status, "%zu: %s", i,
			qg_status_name(outcome.status));
	}
}
