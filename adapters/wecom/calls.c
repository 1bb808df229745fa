/* calls.c - requests on the long connection that wait for their answer, found by their id.
 *
 * An answer carries nothing but the id. Where a frame was given up and another one followed under the same id, the
 * first answer that comes is the late one's: it is swallowed. Should no second one follow shortly, it was ours. */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define LATE_MS 1500 /* between the late answer and the one that is due */
#define WORDS_MOST 160
#define FRAME_MOST ((size_t)2 << 20)

/* As the official SDK makes them: ping_1763800000123_2eb71c4a. */
static char *make_req_id(const char *cmd)
{
	char tail[9];
	qg_random_hex(tail, 4);
	return qg_str_printf("%s_%lld_%s", cmd, (long long)qg_clock_wall(), tail);
}

static enum qg_status put_on_wire(
	struct wecom_link *link, const struct wecom_request *request, const char *req_id)
{
	QG_AUTO(qg_str_free) char *dump = request->body ? qg_json_dump(request->body) : NULL;
	if (request->body && !dump) {
		return QG_NO_MEMORY;
	}
	const char *text = dump ? dump : request->text;
	QG_AUTO(qg_buf_finish) struct qg_buf frame;
	qg_buf_init(&frame, FRAME_MOST);
	enum qg_status status = wecom_frame_write(
		&frame, request->cmd, req_id, text, dump ? strlen(dump) : request->text_size);
	return status == QG_OK ? qg_ws_send(link->ws, frame.data, frame.size, false) : status;
}

static void destroy(struct wecom_call *call)
{
	qg_list_remove(&call->item);
	free(call->req_id);
	free(call);
}

struct wecom_call *wecom_call_start(struct wecom_link *link, const struct wecom_request *request,
	wecom_answered_fn fn, void *arg)
{
	struct wecom_call *call = link->ws ? calloc(1, sizeof(*call)) : NULL;
	if (!call) {
		return NULL;
	}
	*call = (struct wecom_call){.link = link,
		.due = qg_clock_mono() + request->timeout_ms,
		.owed = request->owed,
		.is_ping = request->is_ping,
		.fn = fn,
		.arg = arg};
	qg_list_init(&call->item);
	call->req_id = request->req_id ? qg_str_copy(request->req_id) : make_req_id(request->cmd);
	if (!call->req_id || put_on_wire(link, request, call->req_id) != QG_OK) {
		destroy(call);
		return NULL;
	}
	qg_list_add(&link->calls, &call->item);
	wecom_link_due(link, call->due);
	return call;
}

void wecom_call_cancel(struct wecom_call *call)
{
	if (call) {
		destroy(call);
	}
}

/* The call is gone before its owner hears of it: whatever that does, it does not meet it again. */
static void end(struct wecom_call *call, const struct wecom_answer *answer)
{
	wecom_answered_fn fn = call->fn;
	void *arg = call->arg;
	destroy(call);
	fn(arg, answer);
}

static struct wecom_call *find(struct wecom_link *link, const struct qg_piece *req_id)
{
	QG_LIST_FOR_EACH (item, &link->calls) {
		struct wecom_call *call = QG_CONTAINER(item, struct wecom_call, item);
		if (qg_piece_is(req_id, call->req_id)) {
			return call;
		}
	}
	return NULL;
}

static void read_words(const struct qg_piece *piece, char words[WORDS_MOST])
{
	QG_AUTO(qg_str_free) char *text = qg_piece_copy(piece);
	size_t size = text ? qg_utf8_cut(text, strlen(text), WORDS_MOST - 1) : 0;
	memcpy(words, text ? text : "", size);
	words[size] = '\0';
	qg_utf8_flatten(words);
}

void wecom_calls_answer(struct wecom_link *link, const struct wecom_frame *frame)
{
	struct wecom_call *call = find(link, &frame->req_id);
	if (!call) {
		return; /* one that was given up, or nobody's */
	}
	int64_t code = qg_piece_int(&frame->code, -1);
	link->silent = call->is_ping ? link->silent : 0;
	if (call->owed > 0) {
		uint64_t soon = qg_clock_mono() + LATE_MS;
		call->owed--;
		call->has_late = true;
		call->late_code = code;
		call->due = call->due < soon ? call->due : soon;
		wecom_link_due(link, call->due);
		return;
	}
	char words[WORDS_MOST];
	read_words(&frame->words, words);
	end(call, &(struct wecom_answer){.local = QG_OK,
			  .code = code,
			  .words = words,
			  .body = frame->body.kind == QG_PIECE_OBJECT ? &frame->body : NULL});
}

static void expire(struct wecom_call *call)
{
	if (call->has_late) {
		end(call, &(struct wecom_answer){.local = QG_OK,
				  .code = call->late_code,
				  .words = "",
				  .owed = call->owed});
		return;
	}
	call->link->silent += call->is_ping ? 0 : 1;
	end(call, &(struct wecom_answer){.local = QG_TIMEOUT, .words = "", .owed = call->owed + 1});
}

static struct wecom_call *next_due(struct wecom_link *link, uint64_t now, uint64_t *next_out)
{
	*next_out = UINT64_MAX;
	QG_LIST_FOR_EACH (item, &link->calls) {
		struct wecom_call *call = QG_CONTAINER(item, struct wecom_call, item);
		if (call->due <= now) {
			return call;
		}
		*next_out = call->due < *next_out ? call->due : *next_out;
	}
	return NULL;
}

uint64_t wecom_calls_tick(struct wecom_link *link, uint64_t now)
{
	uint64_t next;
	struct wecom_call *call;
	while ((call = next_due(link, now, &next)) != NULL) {
		expire(call); /* its owner may do anything to the list */
	}
	return next;
}

void wecom_calls_fail(struct wecom_link *link)
{
	while (!qg_list_is_empty(&link->calls)) {
		end(QG_CONTAINER(link->calls.next, struct wecom_call, item),
			&(struct wecom_answer){.local = QG_CANCELLED, .words = ""});
	}
}
