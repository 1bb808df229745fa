/* anthropic.c - the Anthropic messages form: how it is asked.
 *
 * The system prompt stands outside the messages. Where it is long enough to be kept, a cache mark stands
 * behind it: the same for all turns of a bot, so one write serves all its groups. No mark stands in the
 * history: it would move with each turn, and be paid for each time. */
#include <string.h>

#include "http_call.h"

#define VERSION "2023-06-01"
#define DEFAULT_TOKENS 1024
#define BYTES_A_TOKEN 4 /* lower side: rather no mark than one that is of no use */

static void url(const char *base_url, struct qg_buf *out)
{
	size_t size = strlen(base_url);
	while (size > 0 && base_url[size - 1] == '/') {
		size--;
	}
	bool versioned = size >= 3 && memcmp(base_url + size - 3, "/v1", 3) == 0;
	bool whole = size >= 9 && memcmp(base_url + size - 9, "/messages", 9) == 0;
	qg_wire_join(base_url, versioned || whole ? "/messages" : "/v1/messages", out);
}

static void add_system(const struct qg_model_call *call, struct qg_buf *out)
{
	const char *text = call->ask->system;
	unsigned minimum = qg_endpoint_quirks(call->endpoint)->cache_minimum;
	if (text == NULL) {
		return;
	}
	qg_buf_add_str(out, ",\"system\":[{\"type\":\"text\",\"text\":");
	qg_buf_add_str(out, text);
	if (minimum > 0 && strlen(text) / BYTES_A_TOKEN >= minimum) {
		qg_buf_add_str(out, ",\"cache_control\":{\"type\":\"ephemeral\"}");
	}
	qg_buf_add_str(out, "}]");
}

static const struct qg_wire_image image = {
	",{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"", "\",\"data\":\"",
	"\"}}"};

static void body(const struct qg_model_call *call, bool plain, struct qg_wire_body *whole)
{
	struct qg_buf *out = &whole->text;
	qg_buf_add_str(out, "{\"model\":");
	qg_wire_add_string(out, qg_endpoint_model(call->endpoint));
	add_system(call, out);
	qg_buf_add_str(out, ",\"messages\":[");
	qg_wire_add_messages(call->ask, &image, whole);
	qg_buf_add_str(out, "],\"stream\":true");
	if (call->ask->max_tokens <= 0) { /* this form demands one */
		qg_buf_printf(out, ",\"max_tokens\":%d", DEFAULT_TOKENS);
	}
	qg_wire_add_quirks(call, out);
	qg_buf_add_char(out, '}');
}

static void headers(const struct qg_model_config *endpoint, struct qg_buf *out)
{
	static const char version[] = "anthropic-version: " VERSION;
	qg_buf_add(out, version, sizeof(version));
	if (endpoint->api_key != NULL) {
		qg_buf_printf(out, "x-api-key: %s", endpoint->api_key);
		qg_buf_add(out, "", 1);
	}
}

static const struct qg_wire wire = {&qg_anthropic_reader, url, body, headers};

static enum qg_status ask(struct qg_model_call *call)
{
	return qg_http_call_ask(call, &wire);
}

const struct qg_model qg_model_anthropic = {
	.name = "anthropic",
	.talks = true,
	.wants_prompt = true,
	.state_size = sizeof(struct qg_http_call),
	.check = qg_http_call_check,
	.ask = ask,
	.cancel = qg_http_call_cancel,
};
