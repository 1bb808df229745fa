/* creation_feishu.c - Feishu's and Lark's app by scanning a code: it comes with the bot, the long connection and the
 * usual scopes and events, in place of eight pages of the developer console.
 *
 * A device grant as RFC 8628 has it, with answers of its own: two calls of one address, refusals with HTTP 400 and a name.
 * It begins at Feishu, since nobody knows yet where the person is at home; whose company is at Lark is asked for there,
 * by the same code, and so is the app. Whatever goes otherwise than expected ends in the console's steps, never in an
 * error. */
#include "creation.h"

#include <string.h>

#include "qg/buf.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define FEISHU ".feishu.cn"
#define LARK ".larksuite.com"
#define CALL "%s/oauth/v1/app/registration"
#define BEGIN                                                                                      \
	"action=begin&archetype=PersonalAgent&auth_method=client_secret&request_user_info=open_id"

enum {
	POLL_MS = 5000,
	POLL_LEAST_MS = 1000,
	POLL_MOST_MS = 60000,
	SLOWER_MS = 5000,
	PATIENCE_MS = 10 * 60 * 1000,
	PATIENCE_LEAST_MS = 60 * 1000,
	PATIENCE_MOST_MS = 15 * 60 * 1000,
};

static char *poll_of(const char *ticket)
{
	struct qg_buf coded;
	qg_buf_init(&coded, 3 * QG_CREATION_TICKET_MOST + 1);
	qg_url_encode(ticket, strlen(ticket), &coded);
	char *body = coded.failed == QG_OK ? qg_str_printf("action=poll&device_code=%s", coded.data)
					   : NULL;
	qg_buf_finish(&coded);
	return body;
}

static bool ask(const struct qg_creation *creation, struct qg_creation_question *out)
{
	out->method = "POST";
	out->type = "application/x-www-form-urlencoded";
	out->url = qg_str_printf(CALL, creation->host);
	out->body = creation->url ? poll_of(creation->ticket) : qg_str_copy(BEGIN);
	return out->url && out->body;
}

/* Its own description, else the name of the error. */
static enum qg_creation_turn refuse(struct qg_creation *creation, const json_t *root)
{
	const char *error = qg_json_str(root, "error", "");
	if (strcmp(error, "expired_token") == 0) {
		return qg_creation_over(creation, "");
	}
	if (strcmp(error, "access_denied") == 0) {
		return qg_creation_over(creation, "在手机上被拒绝 refused on the phone");
	}
	const char *words = qg_json_str(root, "error_description", "");
	return qg_creation_over(creation, *words ? words : error);
}

static enum qg_creation_turn read_offer(struct qg_creation *creation, const json_t *root)
{
	const char *code = qg_json_str(root, "device_code", "");
	const char *url = qg_json_str(root, "verification_uri_complete", "");
	if (!root || json_object_get(root, "error")) {
		return root ? refuse(creation, root) : qg_creation_over(creation, "no JSON");
	}
	if (!qg_creation_is_plain(code, QG_CREATION_TICKET_MOST) ||
		(!qg_creation_is_page(url, FEISHU) && !qg_creation_is_page(url, LARK))) {
		return qg_creation_over(creation, "the link is none of " FEISHU " or " LARK);
	}
	creation->interval_ms = qg_creation_ms(
		qg_json_int(root, "interval", -1), POLL_MS, POLL_LEAST_MS, POLL_MOST_MS);
	int64_t life = qg_json_int(root, "expires_in", qg_json_int(root, "expire_in", -1));
	creation->patience_ms =
		qg_creation_ms(life, PATIENCE_MS, PATIENCE_LEAST_MS, PATIENCE_MOST_MS);
	return qg_creation_offer(creation, code, url);
}

static bool is_of_lark(const json_t *root)
{
	return strcmp(qg_json_str(json_object_get(root, "user_info"), "tenant_brand", ""),
		       "lark") == 0;
}

static enum qg_creation_turn read_answer(struct qg_creation *creation, const json_t *root)
{
	const char *id = qg_json_str(root, "client_id", "");
	const char *secret = qg_json_str(root, "client_secret", "");
	const char *error = qg_json_str(root, "error", "");
	if (is_of_lark(root) && !creation->is_abroad) {
		creation->is_abroad =
			true; /* its app is made there: what else this says is not meant */
		return QG_CREATION_ON;
	}
	if (*id && *secret) {
		return qg_creation_made(creation, id, secret);
	}
	if (strcmp(error, "slow_down") == 0) {
		unsigned slower = creation->interval_ms + SLOWER_MS;
		creation->interval_ms = slower < POLL_MOST_MS ? slower : POLL_MOST_MS;
		return QG_CREATION_WAITS;
	}
	if (*error && strcmp(error, "authorization_pending") != 0) {
		return refuse(creation, root);
	}
	return QG_CREATION_WAITS; /* also what cannot be read: something on the way */
}

static enum qg_creation_turn read_any(struct qg_creation *creation, const char *body, size_t size)
{
	json_auto_t *root = qg_json_parse(body, size, NULL);
	return creation->url ? read_answer(creation, root) : read_offer(creation, root);
}

const struct qg_creation_way qg_creation_feishu = {.platform = "feishu",
	.app = "飞书",
	.english = "Feishu or Lark",
	.hosts = {{"https://accounts.feishu.cn", "QUNGONG_TEST_FEISHU_QR", "feishu"},
		{"https://accounts.larksuite.com", "QUNGONG_TEST_LARK_QR", "lark"}},
	.id_key = "app_id",
	.secret_key = "app_secret",
	.place_key = "domain",
	.ask = ask,
	.read = read_any};
