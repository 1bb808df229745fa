/* calling.h - one call to a service over HTTP, against a server that says what the test wants. */
#ifndef TESTS_UNIT_AGENTS_CALLING_H
#define TESTS_UNIT_AGENTS_CALLING_H

#include "models/http_call.h"
#include "vendor.h"

#define KEY "sk-0123456789abcdef"
#define SSE "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
#define DELTA(text)                                                                                \
	"data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text        \
	"\"},\"finish_reason\":null}]}\n\n"
#define FINISH(reason)                                                                             \
	"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}\n\n"
#define USAGE                                                                                      \
	"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,"           \
	"\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\n"
#define DONE "data: [DONE]\n\n"

extern struct vendor vendor;
extern struct qg_http_client *client;
extern const char *reply;	  /* what the server says to each request */
extern bool leaves, resets;	  /* and does then */
extern char request[8192];	  /* the last one */
extern struct qg_timer *comments; /* keep-alives of a server that never answers */
extern struct qg_model_config endpoint;
extern struct qg_ask question;
extern struct qg_model_call call;
extern struct qg_buf text;
extern struct qg_model_result result; /* with copies below */
extern char words[512], model[128];
extern int ends, chunks, cancel_at;

void calling_setup(void);
void calling_teardown(void);
/* Asks without waiting; asks and waits for the end. */
void begin(void);
void ask(const char *says);
/* What came of the answer. */
const char *shown(void);
/* The endpoint asked from now on: that provider, at that path of the server. */
void use(const char *provider, const char *path);
/* Of the last request. */
const char *body(void);

#endif
