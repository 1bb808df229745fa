/* socket.h - a Feishu bot on a long connection that the test plays, beside a platform that says where to connect; under a
 * clock that the test moves. One at a time. */
#ifndef QG_TESTS_ADAPTERS_FEISHU_SOCKET_H
#define QG_TESTS_ADAPTERS_FEISHU_SOCKET_H

#include "fake_ws.h"
#include "link.h"
#include "world.h"

#define SECRET "LJ6Bghx6A60Ly2u9G90dC5sq1OsCTLyx"

struct sock {
	struct qg_loop *loop;
	struct qg_http_client *client;
	struct qg_http_server *platform;
	struct fake_host *host;
	int64_t wall;
	uint64_t mono;
	unsigned opens;		      /* calls of the endpoint */
	unsigned infos;		      /* questions for the own id */
	char *method, *locale, *body; /* of the last one */
	/* what it says; NULL and 0: all is well */
	const char *answer, *config;
	int status;
};

extern struct sock sock;

/* more: options besides the credentials and base, as lines of YAML; not started. */
void sock_open(const char *more);
void sock_close(void);
/* Another bot of the same app, with a secret of its own or NULL; not started. */
struct fake_host *sock_other(const char *secret);
/* The bot of another app; not started. */
struct fake_host *sock_app(unsigned number);
struct feishu_core *sock_core(void);
struct feishu_link *sock_link(void);
/* Moves both clocks by ms, 4 s at a time at the most, and does what is due. */
void sock_pass(uint64_t ms);
/* The same in one leap: the machine slept. */
void sock_sleep(uint64_t ms);
/* Lets callbacks come that must not come from inside. */
void sock_settle(void);
/* Until so many connections were tried, so many calls of the endpoint answered. */
void sock_wait_lines(size_t count);
void sock_wait_opens(unsigned count);
void sock_start(void);
/* Until the next try; then the next connection, and the upgrade of it: its number. */
uint64_t sock_wait_ms(void);
size_t sock_come_back(void);
/* Started, connection 0 open, the own id known. */
void sock_up(void);
/* A control frame from the server; payload may be NULL. */
void sock_control(size_t line, const char *type, const char *payload);
void sock_say_hex(size_t line, const char *hex);
/* Frame at of what the bot sent; finish it. */
struct feishu_frame sock_frame(size_t at);
/* Frames that are pings, of all that were sent. */
size_t sock_pings(void);
/* A vector of a file by its id, borrowed from root. */
const json_t *sock_vector(const json_t *root, const char *id);

#endif
