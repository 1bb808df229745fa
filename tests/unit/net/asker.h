/* asker.h - one fetch and what came of it, for the tests of the HTTP client. */
#ifndef TESTS_NET_ASKER_H
#define TESTS_NET_ASKER_H

#include "qg/fetch.h"
#include "vendor.h"

struct asker {
	struct qg_fetch *fetch; /* NULL once it ended or was cancelled */
	char *data;		/* what data() brought, or the gathered body */
	size_t size;
	int pieces; /* calls of data() */
	int ends;
	enum qg_fetch_error error;
	int status;
	bool sent;
	char words[128];
	char header[128]; /* the value of X-Test at the end */
	/* Called in data() and ended() after noting; may be NULL. */
	void (*on_data)(struct asker *asker);
	void (*on_end)(struct asker *asker);
};

/* The client of the test, made by asker_setup(). */
extern struct qg_http_client *client;

void asker_setup(void);
void asker_teardown(void);
/* Starts; asserts that ended() was not called inside. */
void ask(struct asker *asker, const struct qg_fetch_request *request);
/* GET or, with a body, POST; gathers. */
void ask_for(struct asker *asker, const char *url, const char *body);
/* Cancels what is under way and forgets what came. */
void asker_finish(struct asker *asker);
void wait_end(struct asker *asker);
/* Until data() brought that many bytes, all in all. */
void wait_size(struct asker *asker, size_t size);
/* Asserts error, status and body (NULL: any). */
void expect_end(struct asker *asker, enum qg_fetch_error error, int status, const char *body);

#endif
