/* errors.c - the class of a service's refusal: by provider and code first, then by what the words say, and
 * by the HTTP status only where nothing else speaks.
 *
 * The status alone misleads: 429 is also an empty account, 400 also arrears, 402 also a model that was never
 * opened, and with 200 there may be any of them. The same code means different things at two services, so
 * rows that name a provider stand before those that hold for all. */
#include "errors.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error_wait.h"
#include "qg/scan.h"
#include "qg/str.h"

#define MAX_BODY ((size_t)64 << 10)
#define LOGGED 200 /* bytes of a service's message */
#define KEY_PART 8

struct rule {
	const char *provider; /* NULL: any */
	int status;	      /* 0: any */
	const char *
		codes; /* words, one of them the code or the type; a star at the end: a beginning. NULL: any */
	const char
		*says; /* parts between bars, one of them in the message, case ignored. NULL: any */
	enum qg_model_error error;
};

/* The first that fits. */
static const struct rule rules[] = {
	{"dashscope", 0, "Arrearage AllocationQuota.FreeTierOnly", NULL, QG_MODEL_BALANCE},
	{"dashscope", 0,
		"limit_requests limit_burst_rate insufficient_quota Throttling Throttling.*", NULL,
		QG_MODEL_RATE},
	{"dashscope", 0, "Model.AccessDenied", NULL, QG_MODEL_PERMISSION},
	{"dashscope", 0, "data_inspection_failed DataInspectionFailed", NULL, QG_MODEL_FILTERED},
	{"zhipu", 0, "1000 1001 1002 1003 1004 1005 1110 1111 1112 1121", NULL, QG_MODEL_AUTH},
	{"zhipu", 0, "1113", NULL, QG_MODEL_BALANCE},
	{"zhipu", 0, "1302 1303", NULL, QG_MODEL_RATE},
	{"zhipu", 0, "1304 1308 1310", NULL, QG_MODEL_QUOTA},
	{"zhipu", 0, "1305 1312", NULL, QG_MODEL_OVERLOAD},
	{"zhipu", 0, "1301", NULL, QG_MODEL_FILTERED},
	{"zhipu", 0, "1261", NULL, QG_MODEL_CONTEXT},
	{"zhipu", 0, "1211 1221 1222", NULL, QG_MODEL_MODEL},
	{"zhipu", 0, "1220 1311", NULL, QG_MODEL_PERMISSION},
	{"zhipu", 0, "1210 1212 1213 1214 1215", NULL, QG_MODEL_REQUEST},
	{"zhipu", 0, "500 1200 1230 1234", NULL, QG_MODEL_SERVER},
	{"minimax", 0, "1000 1024 1033", NULL, QG_MODEL_SERVER},
	{"minimax", 0, "1001", NULL, QG_MODEL_TIMEOUT},
	{"minimax", 0, "1002 1039 1041", NULL, QG_MODEL_RATE},
	{"minimax", 0, "1004", NULL, QG_MODEL_AUTH},
	{"minimax", 0, "1008", NULL, QG_MODEL_BALANCE},
	{"minimax", 0, "1026 1027", NULL, QG_MODEL_FILTERED},
	{"minimax", 0, "1042 2013", NULL, QG_MODEL_REQUEST},
	{"siliconflow", 0, "20012", NULL, QG_MODEL_MODEL},
	{"siliconflow", 0, "30001", NULL, QG_MODEL_BALANCE},
	{"siliconflow", 0, "50505", NULL, QG_MODEL_OVERLOAD},
	{"siliconflow", 429, NULL, "RPD|TPD|IPD", QG_MODEL_QUOTA},
	{"siliconflow", 504, NULL, NULL, QG_MODEL_OVERLOAD},
	{"moonshot", 429, NULL, "TPD", QG_MODEL_QUOTA},
	{"hunyuan", 402, NULL, NULL, QG_MODEL_PERMISSION}, /* the model was not opened */

	{NULL, 0,
		"invalid_api_key authentication_error invalid_authentication_error "
		"AuthenticationError",
		NULL, QG_MODEL_AUTH},
	{NULL, 0, "incorrect_api_key_error InvalidApiKey", NULL, QG_MODEL_AUTH},
	{NULL, 0, "credit_balance_exhausted insufficient_quota insufficient_balance billing_error",
		NULL, QG_MODEL_BALANCE},
	{NULL, 0, "organization_spend_limit_exceeded project_spend_limit_exceeded", NULL,
		QG_MODEL_BALANCE},
	{NULL, 0, "organization_usage_limit_exceeded enforced_spend_limit_reached", NULL,
		QG_MODEL_BALANCE},
	{NULL, 0, "exceeded_current_quota_error AccountOverdueError BILLING_INSUFFICIENT_BALANCE",
		NULL, QG_MODEL_BALANCE},
	{NULL, 0, "content_policy_violation content_filter SensitiveContentDetected*", NULL,
		QG_MODEL_FILTERED},
	{NULL, 0, "InputTextRiskDetection InputImageRiskDetection OutputTextRiskDetection", NULL,
		QG_MODEL_FILTERED},
	{NULL, 0, "context_length_exceeded exceed_context_size_error tokens_too_long", NULL,
		QG_MODEL_CONTEXT},
	{NULL, 0, "characters_too_long", NULL, QG_MODEL_CONTEXT},
	{NULL, 0, "ModelNotOpen model_not_activated AccessDenied permission_error", NULL,
		QG_MODEL_PERMISSION},
	{NULL, 0, "model_not_found invalid_model InvalidEndpointOrModel.NotFound", NULL,
		QG_MODEL_MODEL},
	{NULL, 0, "InvalidEndpoint.ClosedEndpoint not_found_error", NULL, QG_MODEL_MODEL},
	{NULL, 0, "QuotaExceeded SetLimitExceeded", NULL, QG_MODEL_QUOTA},
	{NULL, 503, "slow_down", NULL, QG_MODEL_OVERLOAD},
	{NULL, 0, "ServerOverloaded engine_overloaded_error overloaded_error unavailable_error",
		NULL, QG_MODEL_OVERLOAD},
	{NULL, 0, "service_unavailable_error", NULL, QG_MODEL_OVERLOAD},
	{NULL, 0, NULL, "usage limits|regain access", QG_MODEL_QUOTA},
	{NULL, 0, "rate_limit_exceeded slow_down rate_limit_error rate_limit_reached", NULL,
		QG_MODEL_RATE},
	{NULL, 0, "rate_limit_reached_error rpm_rate_limit_exceeded tpm_rate_limit_exceeded", NULL,
		QG_MODEL_RATE},
	{NULL, 0, "RateLimitExceeded RateLimitExceeded.*", NULL, QG_MODEL_RATE},
	{NULL, 0, "timeout_error", NULL, QG_MODEL_TIMEOUT},
	{NULL, 0, "server_error api_error InternalServiceError", NULL, QG_MODEL_SERVER},

	{NULL, 0, NULL,
		"maximum context length|prompt is too long|available context size|range of input "
		"length",
		QG_MODEL_CONTEXT},
	{NULL, 0, NULL, "token length too long|exceeded model token limit|context window",
		QG_MODEL_CONTEXT},
	{NULL, 0, NULL, "content exists risk|inappropriate content|considered high risk",
		QG_MODEL_FILTERED},
	{NULL, 0, NULL,
		"insufficient balance|balance is insufficient|credit balance is too low|欠费",
		QG_MODEL_BALANCE},
	{NULL, 0, NULL, "overdue balance|account balance|insufficient_quota", QG_MODEL_BALANCE},
	{NULL, 0, NULL, "overloaded|too busy|loading model", QG_MODEL_OVERLOAD},
	{NULL, 0, NULL, "rate limit|rate-limit|too many requests", QG_MODEL_RATE},
	{NULL, 404, NULL, "not activated", QG_MODEL_PERMISSION},
	{NULL, 400, NULL, "model not found|model does not exist|unknown model", QG_MODEL_MODEL},

	{NULL, 401, NULL, NULL, QG_MODEL_AUTH},
	{NULL, 402, NULL, NULL, QG_MODEL_BALANCE},
	{NULL, 403, NULL, NULL, QG_MODEL_PERMISSION},
	{NULL, 404, NULL, NULL, QG_MODEL_MODEL},
	{NULL, 407, NULL, NULL, QG_MODEL_TRANSPORT},
	{NULL, 408, NULL, NULL, QG_MODEL_TIMEOUT},
	{NULL, 409, NULL, NULL, QG_MODEL_SERVER},
	{NULL, 429, NULL, NULL, QG_MODEL_RATE},
	{NULL, 503, NULL, NULL, QG_MODEL_OVERLOAD},
	{NULL, 529, NULL, NULL, QG_MODEL_OVERLOAD},
	{NULL, 0, "invalid_request_error BadRequest BadRequestError invalid_parameter_error", NULL,
		QG_MODEL_REQUEST},
};

/* ---- reading the body ---- */

enum {
	CODE,
	TYPE,
	MESSAGE,
	TEXT, /* error itself, where it is a string */
	FLAT_CODE,
	FLAT_TYPE,
	FLAT_MESSAGE,
	BASE_CODE,
	BASE_MESSAGE,
	OLD_CODE,
	OLD_MESSAGE,
	WHOLE, /* the body, where it is a string */
	PATHS
};

static const char *const paths[PATHS] = {
	[CODE] = "error.code",
	[TYPE] = "error.type",
	[MESSAGE] = "error.message",
	[TEXT] = "error",
	[FLAT_CODE] = "code",
	[FLAT_TYPE] = "type",
	[FLAT_MESSAGE] = "message",
	[BASE_CODE] = "base_resp.status_code",
	[BASE_MESSAGE] = "base_resp.status_msg",
	[OLD_CODE] = "error_code",
	[OLD_MESSAGE] = "error_msg",
	[WHOLE] = "",
};

/* A string or a number as one line; false where it says nothing. */
static bool take(char *out, size_t room, const struct qg_piece *piece)
{
	QG_AUTO(qg_buf_finish) struct qg_buf text;
	qg_buf_init(&text, MAX_BODY);
	if (piece->kind == QG_PIECE_NUMBER) {
		qg_buf_add(&text, piece->data, piece->size);
	} else if (piece->kind != QG_PIECE_STRING || qg_piece_text(piece, &text) != QG_OK) {
		return false;
	}
	size_t size = text.size > 0 ? qg_utf8_cut(text.data, text.size, room - 1) : 0;
	memcpy(out, text.size > 0 ? text.data : "", size);
	out[size] = '\0';
	qg_utf8_flatten(out);
	return size > 0;
}

static void read_plain(const struct qg_vendor_reply *reply, struct qg_vendor_error *out)
{
	size_t size = reply->size < sizeof(out->message) ? reply->size : sizeof(out->message) - 1;
	memcpy(out->message, size > 0 ? reply->body : "", size);
	out->message[size] = '\0';
	qg_utf8_flatten(out->message);
}

/* Whose codes they are: base_resp is MiniMax', whoever passes it on. */
static const char *read_body(const struct qg_vendor_reply *reply, struct qg_vendor_error *out)
{
	struct qg_piece found[PATHS];
	size_t size = reply->size < MAX_BODY ? reply->size : 0;
	if (qg_scan(size > 0 ? reply->body : "", size, paths, PATHS, found) != QG_OK) {
		read_plain(reply, out);
		return reply->provider;
	}
	bool wrapped = found[TEXT].kind == QG_PIECE_OBJECT;
	if (found[BASE_CODE].kind != QG_PIECE_NONE && qg_piece_int(&found[BASE_CODE], 0) != 0) {
		take(out->code, sizeof(out->code), &found[BASE_CODE]);
		take(out->message, sizeof(out->message), &found[BASE_MESSAGE]);
		return "minimax";
	}
	if (!take(out->code, sizeof(out->code), &found[wrapped ? CODE : FLAT_CODE])) {
		take(out->code, sizeof(out->code), &found[OLD_CODE]);
	}
	take(out->type, sizeof(out->type), &found[wrapped ? TYPE : FLAT_TYPE]);
	if (!take(out->message, sizeof(out->message), &found[wrapped ? MESSAGE : FLAT_MESSAGE]) &&
		!take(out->message, sizeof(out->message), &found[TEXT]) &&
		!take(out->message, sizeof(out->message), &found[OLD_MESSAGE])) {
		take(out->message, sizeof(out->message), &found[WHOLE]);
	}
	return reply->provider;
}

/* ---- the class ---- */

static bool is_word(const char *words, const char *code)
{
	size_t size = strlen(code);
	for (const char *at = words; size > 0 && *at != '\0';) {
		size_t length = strcspn(at, " ");
		bool begins = at[length - 1] == '*';
		if (begins ? size >= length - 1 && strncasecmp(at, code, length - 1) == 0
			   : size == length && strncasecmp(at, code, length) == 0) {
			return true;
		}
		at += length + (at[length] == ' ');
	}
	return false;
}

static bool says(const char *message, const char *parts)
{
	for (const char *at = parts; *at != '\0';) {
		char part[64];
		size_t length = strcspn(at, "|");
		snprintf(part, sizeof(part), "%.*s", (int)length, at);
		if (strcasestr(message, part) != NULL) {
			return true;
		}
		at += length + (at[length] == '|');
	}
	return false;
}

static bool fits(const struct rule *rule, const char *provider, const struct qg_vendor_error *error)
{
	return (rule->provider == NULL || qg_str_equal(rule->provider, provider)) &&
	       (rule->status == 0 || rule->status == error->status) &&
	       (rule->codes == NULL || is_word(rule->codes, error->code) ||
		       is_word(rule->codes, error->type)) &&
	       (rule->says == NULL || says(error->message, rule->says));
}

static enum qg_model_error class_of(const char *provider, const struct qg_vendor_error *error)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (fits(&rules[i], provider, error)) {
			return rules[i].error;
		}
	}
	return error->status >= 400 && error->status < 500 ? QG_MODEL_REQUEST : QG_MODEL_SERVER;
}

/* Inside an answer with status 200 the code may be the status that could no longer be sent. */
static int status_of(const struct qg_vendor_reply *reply, const struct qg_vendor_error *error)
{
	int64_t code;
	if (reply->status >= 200 && reply->status < 300 &&
		qg_str_to_int64(error->code, 400, 599, &code)) {
		return (int)code;
	}
	return reply->status;
}

static bool parks(enum qg_model_error error)
{
	return error == QG_MODEL_AUTH || error == QG_MODEL_BALANCE || error == QG_MODEL_QUOTA;
}

void qg_vendor_error_read(const struct qg_vendor_reply *reply, struct qg_vendor_error *out)
{
	*out = (struct qg_vendor_error){.wait_ms = -1};
	const char *provider = read_body(reply, out);
	out->status = status_of(reply, out);
	out->error = class_of(provider, out);
	out->parks_key = parks(out->error);
	bool waits = out->error == QG_MODEL_RATE || out->error == QG_MODEL_OVERLOAD ||
		     out->error == QG_MODEL_QUOTA || out->error == QG_MODEL_SERVER;
	out->wait_ms = waits ? qg_vendor_wait(reply, out) : -1;
}

/* ---- words for a log ---- */

void qg_vendor_mask(char *text, const char *key)
{
	size_t key_size = key != NULL ? strlen(key) : 0;
	size_t part = key_size < KEY_PART ? key_size : KEY_PART;
	for (char *at = text; part > 0 && *at != '\0'; at++) {
		for (size_t i = 0; i + part <= key_size; i++) {
			size_t same = 0;
			while (i + same < key_size &&
				(at[same] == key[i + same] || at[same] == '*')) {
				same++;
			}
			if (same >= part) {
				memset(at, '*', same);
			}
		}
	}
}

void qg_vendor_error_words(
	const struct qg_vendor_error *error, const char *key, char *out, size_t room)
{
	char message[sizeof(error->message)], code[sizeof(error->code)];
	memcpy(message, error->message, sizeof(message));
	memcpy(code, error->code[0] != '\0' ? error->code : error->type, sizeof(code));
	qg_vendor_mask(message, key);
	qg_vendor_mask(code, key);
	message[qg_utf8_cut(message, strlen(message), LOGGED)] = '\0';
	char status[24] = "";
	if (error->status != 0) {
		snprintf(status, sizeof(status), ", HTTP %d", error->status);
	}
	snprintf(out, room, "%s%s%s%s%s%s", qg_model_error_text(error->error), status,
		code[0] != '\0' ? ", code " : "", code, message[0] != '\0' ? ": " : "", message);
}
