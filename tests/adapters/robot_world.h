/* robot_world.h - a group's robot of any platform and the platform's side of it, which answers from a script. */
#ifndef QG_TESTS_ADAPTERS_ROBOT_WORLD_H
#define QG_TESTS_ADAPTERS_ROBOT_WORLD_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#include "fake_host.h"
#include "robot.h"

#define ROBOT_ASKED_MOST 16
#define ROBOT_FILE "0123456789abcdef0123456789abcdef" /* a reply's id, and a name in outbox/ */

struct robot_world {
	struct qg_loop *loop;
	struct qg_http_client *client;
	struct qg_http_server *platform;
	struct fake_host *host;
	const char *fine; /* what is answered where nothing is scripted */
	struct {
		char *path, *query, *type, *body;
	} asked[ROBOT_ASKED_MOST];
	size_t asked_count;
	struct {
		int http;
		const char *body;
	} script[ROBOT_ASKED_MOST];
	size_t script_count, script_at;
	struct qg_http_exchange *unanswered;
	bool mute; /* answers nothing */
	char dir[32];
	enum qg_status told; /* by a probe */
	char words[256];
	bool has_told;
};

/* path: of the robot's address, its key included; fine: what the platform says when all is well. */
void robot_world_init(
	struct robot_world *world, const char *adapter, const char *path, const char *fine);
void robot_world_finish(struct robot_world *world);
/* The same bot anew, with more options: "secret: x". */
void robot_world_again(
	struct robot_world *world, const char *adapter, const char *path, const char *more);
/* What the next call is answered. body is borrowed. */
void robot_world_answers(struct robot_world *world, int http, const char *body);
/* How the send ended. */
enum qg_status robot_world_send(struct robot_world *world, struct qg_reply *reply);
enum qg_status robot_world_say(struct robot_world *world, const char *text, enum qg_form form);
/* Asks the platform whether the robot is there: see told and words. */
void robot_world_probe(struct robot_world *world);
/* What a reply comes to where the platform answers so, and how long it waits at least. */
struct robot_answer {
	int http;
	const char *body;
	enum qg_status status;
	unsigned least_ms;
};
void robot_world_check_answer(
	struct robot_world *world, const struct robot_answer *answer, unsigned most_ms);
/* What a probe comes to; asked: the request it makes, but for a signature or a key. */
struct robot_probe {
	const char *body;
	enum qg_status status;
};
void robot_world_check_probe(
	struct robot_world *world, const struct robot_probe *probe, const char *asked);
/* ROBOT_FILE in the bot's outbox, and a reply whose part it is. */
void robot_world_put_file(struct robot_world *world, const char *data, size_t size);
struct qg_reply *robot_world_file_reply(const char *type, const char *file, enum qg_form form);

/* ---- without a world ---- */

/* base: NULL where url is refused. */
void robot_check_address(
	const struct qg_robot_kind *kind, const char *url, const char *base, const char *key);
/* All that every kind takes and refuses. path: from the host up to the key. */
void robot_check_addresses(
	const struct qg_robot_kind *kind, const char *host, const char *path, const char *key);
/* Transfers without any answer, and answers that are not the platform's. */
void robot_check_transfers(const struct qg_robot_kind *kind, enum qg_status stranger);

#endif
