/* calling.c - one call to a service over HTTP, against a server that says what the test wants. */
#include "calling.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vendor vendor;
struct qg_http_client *client;
const char *reply;
bool leaves, resets;
char request[8192];
struct qg_timer *comments;

struct qg_model_config endpoint;
struct qg_ask question;
struct qg_model_call call;
struct qg_buf text;
struct qg_model_result result;
char words[512], model[128];
int ends, chunks, cancel_at;
static bool asking;

static void answer(struct visitor *visitor)
{
	snprintf(request, sizeof(request), "%s", visitor->request);
	visitor_say(visitor, reply);
	if (leaves) {
		visitor_leave(visitor, resets);
	}
}

static void on_chunk(struct qg_model_call *of, const char *data, size_t size)
{
	ck_assert(!asking && of == &call && ends == 0);
	qg_buf_add(&text, data, size);
	if (++chunks == cancel_at) {
		call.model->cancel(&call);
		memset(call.state, 0xee, call.model->state_size); /* whoever looks again will see */
		free(call.state);
		call.state = NULL;
	}
}

static void on_ended(struct qg_model_call *of, const struct qg_model_result *end)
{
	ck_assert(!asking && of == &call);
	ends++;
	result = *end;
	snprintf(words, sizeof(words), "%s", end->words != NULL ? end->words : "");
	snprintf(model, sizeof(model), "%s", end->model != NULL ? end->model : "");
	memset(call.state, 0xee, call.model->state_size);
	free(call.state);
	call.state = NULL;
}

static const struct qg_model_host host = {on_chunk, on_ended};

void begin(void)
{
	const struct qg_model *service = qg_model_find(endpoint.provider);
	ends = chunks = 0;
	qg_buf_reset(&text);
	call = (struct qg_model_call){.model = service,
		.endpoint = &endpoint,
		.ask = &question,
		.loop = loop,
		.http = client,
		.host = &host,
		.state = calloc(1, service->state_size)};
	asking = true;
	ck_assert_int_eq(service->ask(&call), QG_OK);
	asking = false;
}

static bool has_ended(void *arg)
{
	return ends > 0;
}

void ask(const char *says)
{
	reply = says;
	begin();
	run_until(has_ended, NULL);
	ck_assert_int_eq(ends, 1);
	ck_assert(result.generated);
	ck_assert_ptr_null(strstr(words, "0123456789"));
}

const char *shown(void)
{
	return text.size > 0 ? text.data : "";
}

void use(const char *provider, const char *path)
{
	static char url[128];
	snprintf(url, sizeof(url), "%s", vendor_url(&vendor, path));
	endpoint = (struct qg_model_config){.name = "main",
		.provider = (char *)provider,
		.model = "m",
		.base_url = url,
		.api_key = KEY};
}

void calling_setup(void)
{
	static const char history[] = "{\"role\":\"user\",\"content\":\"你好\"}";
	unsetenv("http_proxy");
	unsetenv("no_proxy");
	setenv("QUNGONG_TEST_SCALE", "200", 1);
	peer_setup();
	client = qg_http_client_create(loop);
	vendor_open(&vendor);
	vendor.asked = answer;
	qg_buf_init(&text, 1 << 20);
	question = (struct qg_ask){.text = "你好",
		.system = "\"你是\\\"小满\\\"\"",
		.messages = history,
		.messages_size = sizeof(history) - 1,
		.max_tokens = 1200};
	leaves = true;
	resets = false;
	cancel_at = 0;
	use("deepseek", "/v1");
}

void calling_teardown(void)
{
	qg_timer_destroy(comments);
	comments = NULL;
	qg_http_client_destroy(client);
	vendor_close(&vendor);
	qg_buf_finish(&text);
	peer_teardown();
}

const char *body(void)
{
	return strstr(request, "\r\n\r\n") + 4;
}
