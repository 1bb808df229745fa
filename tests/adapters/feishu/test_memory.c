/* test_memory.c - a message's way over the long connection, from asking where to connect to the ack, with each allocation
 * failing in turn: nothing leaks, nothing crashes, what is not stored is not acknowledged, and the link comes up again by
 * itself. The platform's HTTP is played here, in place of the real client. */
#include <assert.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fake_fetch.h"
#include "frugal_host.h"
#include "socket.h"
#include "support/malloc.h"

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/json.h"

static const char *answer_of(const char *url)
{
	return strstr(url, "/ws/endpoint")
		       ? "{\"code\":0,\"data\":{\"URL\":\"wss://stream.example/ws/v2?device_id=d&"
			 "service_id=1&ticket=t\",\"ClientConfig\":{\"PingInterval\":600}}}"
	       : strstr(url, TOKEN_PATH)
		       ? "{\"code\":0,\"tenant_access_token\":\"t-1\",\"expire\":7200}"
	       : strstr(url, INFO_PATH) ? "{\"code\":0,\"bot\":{\"open_id\":\"" OWN "\"}}"
					: "{\"code\":0,\"data\":{\"reaction_id\":\"r\"}}";
}

/* ---- time ---- */

static void settle(void)
{
	for (int i = 0; i < 3; i++) {
		frugal_turn();
		fake_fetch_answer(answer_of);
	}
}

static struct qg_uplink *link_of(const struct qg_bot *bot)
{
	return (*(struct feishu_core **)bot->state)->seat.link;
}

static void pass(const struct qg_bot *bot, uint64_t ms)
{
	sock.mono += ms;
	sock.wall += (int64_t)ms;
	qg_clock_fix(sock.wall, sock.mono);
	if (link_of(bot)) {
		qg_uplink_tick(link_of(bot));
	}
	settle();
}

/* ---- the way ---- */

/* For as long as the backoff and one failure need. */
static bool connect_bot(const struct qg_bot *bot)
{
	for (int i = 0; i < 8; i++) {
		pass(bot, 4000);
		size_t last = peer.line_count;
		if (last > 0 && peer.lines[last - 1].ws) {
			peer_accept(last - 1);
			settle();
			return true;
		}
	}
	return false;
}

static char *bytes; /* of a frame with a message; NULL: nothing comes */
static size_t bytes_size;

/* Whether it was acknowledged as stored. */
static bool hear(void)
{
	size_t before = peer.count;
	if (!bytes) {
		return true;
	}
	peer_say_bytes(peer.line_count - 1, bytes, bytes_size);
	assert(peer.count == before || !frugal.stored); /* no ck_assert: it allocates */
	frugal_store();
	if (peer.count == before) {
		return false;
	}
	return memmem(peer.frames[before].text, peer.frames[before].size, "{\"code\":200}", 12);
}

static bool whole_way(void *arg)
{
	struct qg_bot bot = *(const struct qg_bot *)arg;
	struct {
		struct feishu_core *core;
	} state = {NULL};
	bool is_acked = false;
	bot.state = &state;
	bot.host = &frugal_host;
	frugal_begin();
	if (bot.adapter->init(&bot) == QG_OK && bot.adapter->start(&bot) == QG_OK) {
		bool is_up = connect_bot(&bot);
		assert(is_up || !qg_test_malloc_failed() || !link_of(&bot) || !bytes);
		is_acked = is_up && hear();
		assert(!is_acked || !bytes || frugal.heard);
	}
	bot.adapter->finish(&bot);
	(void)frugal_over();
	assert(fake_fetch_is_idle());
	peer_reset();
	return is_acked;
}

START_TEST(test_whole_way)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	sock_open("");
	json_t *root = world_vectors("ws-acks");
	const char *hex = qg_json_str(
		json_array_get(json_object_get(sock_vector(root, "ws/event"), "sent"), 0), "hex",
		"");
	bytes_size = strlen(hex) / 2;
	char *frame = malloc(bytes_size + 1);
	ck_assert_int_eq(qg_hex_decode(hex, 2 * bytes_size, frame), QG_OK);
	json_decref(root);
	frugal_prepare(sock.loop);
	settle();
	whole_way(&sock.host->bot); /* what is made once and lives for ever */
	bytes = frame;
	ck_assert(whole_way(&sock.host->bot));
	ck_assert_int_gt(qg_test_each_malloc(whole_way, &sock.host->bot), 60);
	bytes = NULL;
	free(frame);
	frugal_end();
	sock_close();
}
END_TEST

int main(void)
{
	qg_test_malloc_spare_digests();
	Suite *suite = suite_create("feishu memory");
	TCase *tests = tcase_create("memory");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_whole_way);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
