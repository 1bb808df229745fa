/* socket.c - a Feishu bot on a long connection that the test plays. */
#include "socket.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define STEP_MS 4000 /* less than what looks like a sleep */

struct sock sock;

static int a_client; /* never looked into */

/* ---- the platform ---- */

static void say(struct qg_http_exchange *x, int status, const char *text)
{
	qg_http_answer(x, status ? status : 200, "application/json", text, strlen(text));
}

static void tell_endpoint(struct qg_http_exchange *x)
{
	size_t size = 0;
	const char *body = qg_http_body(x, &size);
	const char *locale = qg_http_header(x, "locale");
	free(sock.method);
	free(sock.locale);
	free(sock.body);
	sock.method = qg_str_copy(qg_http_method(x));
	sock.locale = qg_str_copy(locale ? locale : "");
	sock.body = qg_str_copy_n(body ? body : "", size);
	sock.opens++;
	QG_AUTO(qg_str_free)
	char *text = qg_str_printf("{\"code\":0,\"msg\":\"\",\"data\":{\"URL\":"
				   "\"wss://stream.example/ws/v2?fpid=493&aid=552564&device_id="
				   "d%u&access_key=k&service_id=33554678&ticket=t-%u\"%s%s}}",
		sock.opens, sock.opens, sock.config ? ",\"ClientConfig\":" : "",
		sock.config ? sock.config : "");
	say(x, sock.status, sock.answer ? sock.answer : text);
}

static void platform(void *arg, struct qg_http_exchange *x)
{
	const char *path = qg_http_path(x);
	if (strcmp(path, "/callback/ws/endpoint") == 0) {
		tell_endpoint(x);
	} else if (strcmp(path, TOKEN_PATH) == 0) {
		say(x, 0,
			"{\"code\":0,\"msg\":\"ok\",\"tenant_access_token\":\"t-1\",\"expire\":"
			"7200}");
	} else if (strcmp(path, INFO_PATH) == 0) {
		sock.infos++;
		say(x, 0,
			"{\"code\":0,\"msg\":\"ok\",\"bot\":{\"activate_status\":2,\"app_name\":"
			"\"a\",\"open_id\":\"" OWN "\"}}");
	} else {
		say(x, 0, "{\"code\":0,\"msg\":\"success\",\"data\":{}}");
	}
}

/* ---- time ---- */

static bool has_settled(void *arg)
{
	return --*(int *)arg <= 0;
}

void sock_settle(void)
{
	int turns = 4;
	fake_host_wait(sock.loop, has_settled, &turns);
}

void sock_sleep(uint64_t ms)
{
	sock.wall += (int64_t)ms;
	sock.mono += ms;
	qg_clock_fix(sock.wall, sock.mono);
	if (sock_link()) {
		qg_uplink_tick(&sock_link()->up);
	}
}

void sock_pass(uint64_t ms)
{
	while (ms > STEP_MS) {
		sock_sleep(STEP_MS);
		ms -= STEP_MS;
	}
	sock_sleep(ms);
}

static bool has_lines(void *arg)
{
	return peer.line_count >= *(size_t *)arg;
}

void sock_wait_lines(size_t count)
{
	fake_host_wait(sock.loop, has_lines, &count);
	ck_assert_uint_eq(peer.line_count, count);
}

static bool has_opens(void *arg)
{
	return sock.opens >= *(unsigned *)arg && !(sock_link() && sock_link()->up.asking);
}

void sock_wait_opens(unsigned count)
{
	fake_host_wait(sock.loop, has_opens, &count);
	ck_assert_uint_eq(sock.opens, count);
}

/* ---- the bot ---- */

static struct fake_host *create_host(const char *app, const char *secret, const char *more)
{
	QG_AUTO(qg_str_free)
	char *options = qg_str_printf("app_id: %s\napp_secret: %s\napi_base: 'http://%s'\n%s", app,
		secret, qg_http_server_address(sock.platform), more);
	struct fake_host *host = fake_host_create_with(
		sock.loop, qg_adapter_find("feishu"), options, NULL, NULL, sock.client);
	ck_assert_str_eq(host->problems, "");
	ck_assert_int_eq(host->init, QG_OK);
	host->has_words = true;
	host->bot.ws = (struct qg_ws_client *)&a_client;
	return host;
}

void sock_open(const char *more)
{
	sock = (struct sock){.wall = 1767225600000, .mono = 1000000};
	qg_clock_fix(sock.wall, sock.mono);
	sock.loop = qg_loop_create(1);
	ck_assert_ptr_nonnull(sock.loop);
	sock.client = qg_http_client_create(sock.loop);
	ck_assert_ptr_nonnull(sock.client);
	sock.platform = fake_host_serve(sock.loop, 0, platform, NULL);
	sock.host = create_host(APP, SECRET, more);
}

struct fake_host *sock_other(const char *secret)
{
	return create_host(APP, secret ? secret : SECRET, "");
}

struct fake_host *sock_app(unsigned number)
{
	char app[32];
	snprintf(app, sizeof(app), "cli_%016x", number);
	return create_host(app, SECRET, "");
}

void sock_close(void)
{
	fake_host_destroy(sock.host);
	qg_http_client_destroy(sock.client);
	qg_http_server_destroy(sock.platform);
	qg_loop_destroy(sock.loop);
	free(sock.method);
	free(sock.locale);
	free(sock.body);
	peer_reset();
	qg_clock_fix(-1, 0);
}

struct feishu_core *sock_core(void)
{
	return sock.host ? *(struct feishu_core **)sock.host->bot.state : NULL;
}

struct feishu_link *sock_link(void)
{
	struct feishu_core *core = sock_core();
	return core && core->seat.link ? QG_CONTAINER(core->seat.link, struct feishu_link, up)
				       : NULL;
}

static bool is_known(void *arg)
{
	return sock_core()->account->own.open_id != NULL;
}

void sock_start(void)
{
	ck_assert_int_eq(sock.host->bot.adapter->start(&sock.host->bot), QG_OK);
}

uint64_t sock_wait_ms(void)
{
	return sock_link()->up.dial_at - sock.mono;
}

size_t sock_come_back(void)
{
	size_t next = peer.line_count;
	sock_pass(sock_wait_ms());
	sock_wait_lines(next + 1);
	peer_accept(next);
	sock_settle();
	return next;
}

void sock_up(void)
{
	sock_start();
	sock_wait_lines(1);
	peer_accept(0);
	sock_settle();
	ck_assert_int_eq(sock.host->link, QG_LINK_UP);
	fake_host_wait(sock.loop, is_known, NULL);
}

/* ---- frames ---- */

void sock_control(size_t line, const char *type, const char *payload)
{
	struct qg_buf out;
	size_t size = payload ? strlen(payload) : 0;
	ck_assert_uint_lt(size, 128); /* a length of one byte */
	qg_buf_init(&out, 1024);
	qg_buf_add(&out, "\x08\x00\x10\x00\x18\x01\x20\x00\x2a", 9);
	qg_buf_add_char(&out, (char)(8 + strlen(type)));
	qg_buf_printf(&out, "\n\x04type\x12%c%s", (char)strlen(type), type);
	if (payload) {
		qg_buf_printf(&out, "B%c", (char)size);
		qg_buf_add(&out, payload, size);
	}
	peer_say_bytes(line, out.data, out.size);
	qg_buf_finish(&out);
}

void sock_say_hex(size_t line, const char *hex)
{
	size_t size = strlen(hex) / 2;
	char *bytes = malloc(size + 1);
	ck_assert_int_eq(qg_hex_decode(hex, 2 * size, bytes), QG_OK);
	peer_say_bytes(line, bytes, size);
	free(bytes);
}

struct feishu_frame sock_frame(size_t at)
{
	struct feishu_frame frame = {0};
	ck_assert_uint_lt(at, peer.count);
	ck_assert(peer.frames[at].binary);
	ck_assert_int_eq(
		feishu_frame_read(peer.frames[at].text, peer.frames[at].size, &frame), QG_OK);
	return frame;
}

size_t sock_pings(void)
{
	size_t pings = 0;
	for (size_t i = 0; i < peer.count; i++) {
		struct feishu_frame frame = sock_frame(i);
		pings += frame.method == FEISHU_CONTROL &&
			 feishu_frame_header_is(&frame, "type", "ping");
		feishu_frame_finish(&frame);
	}
	return pings;
}

const json_t *sock_vector(const json_t *root, const char *id)
{
	size_t index;
	json_t *vector;
	json_array_foreach (json_object_get(root, "vectors"), index, vector) {
		if (strcmp(qg_json_str(vector, "id", ""), id) == 0) {
			return vector;
		}
	}
	ck_abort_msg("no vector %s", id);
	return NULL;
}
