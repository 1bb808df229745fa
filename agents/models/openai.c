/* openai.c - the OpenAI chat completions form, as most services speak it: how it is asked.
 *
 * The body is written as bytes with its members always in one order: model, system prompt, history, and
 * behind them all that may change between two turns. So what a provider has in its prefix cache is met again
 * byte for byte. No temperature and no user are sent: the one is refused by some, the other divides the
 * cache by its value. */
#include "http_call.h"

static void url(const char *base_url, struct qg_buf *out)
{
	qg_wire_join(base_url, "/chat/completions", out);
}

static const struct qg_wire_image image = {
	",{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:", ";base64,", "\"}}"};

static void body(const struct qg_model_call *call, bool plain, struct qg_wire_body *whole)
{
	const struct qg_ask *ask = call->ask;
	struct qg_buf *out = &whole->text;
	const struct qg_quirks *quirks = qg_endpoint_quirks(call->endpoint);
	qg_buf_add_str(out, "{\"model\":");
	qg_wire_add_string(out, qg_endpoint_model(call->endpoint));
	qg_buf_add_str(out, ",\"messages\":[");
	if (ask->system != NULL) {
		qg_buf_add_str(out, "{\"role\":\"system\",\"content\":");
		qg_buf_add_str(out, ask->system);
		qg_buf_add_str(out, "},");
	}
	qg_wire_add_messages(ask, &image, whole);
	qg_buf_add_str(out, "],\"stream\":true");
	if (quirks->stream_options != NULL && !plain) {
		qg_buf_printf(out, ",\"stream_options\":%s", quirks->stream_options);
	}
	qg_wire_add_quirks(call, out);
	qg_buf_add_char(out, '}');
}

static void headers(const struct qg_model_config *endpoint, struct qg_buf *out)
{
	if (endpoint->api_key != NULL) {
		qg_buf_printf(out, "Authorization: Bearer %s", endpoint->api_key);
		qg_buf_add(out, "", 1);
	}
}

static const struct qg_wire wire = {&qg_openai_reader, url, body, headers};

static enum qg_status ask(struct qg_model_call *call)
{
	return qg_http_call_ask(call, &wire);
}

const struct qg_model qg_model_openai = {
	.name = "openai",
	.talks = true,
	.wants_prompt = true,
	.state_size = sizeof(struct qg_http_call),
	.check = qg_http_call_check,
	.ask = ask,
	.cancel = qg_http_call_cancel,
};
