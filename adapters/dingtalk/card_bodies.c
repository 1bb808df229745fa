/* card_bodies.c - requests of AI cards: made and delivered in one call with text already in it, streamed, updated.
 *
 * All variables of a card are strings, and one that is made holds at most 1 KB of each; streaming brings the rest. Of
 * the variables only the text's name is configured. `buttons` and `notice` are set for templates that have them, others
 * ignore them. Source: open.dingtalk.com, 创建并投放卡片, AI 卡片流式更新. */
#include "out.h"

#include <stdio.h>
#include <string.h>

#include "dingtext.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define TEXT_MOST ((size_t)512 * 1024)
#define BY_HAND "msgContent"

bool dingtalk_card_by_hand(const char *key)
{
	return strcmp(key, BY_HAND) == 0;
}

void dingtalk_card_guid(const char *reply, const char *frame, char out[DINGTALK_GUID_SIZE])
{
	char id[33];
	qg_digest_id(id, reply, "frame", frame, NULL);
	snprintf(out, DINGTALK_GUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16,
		id + 20);
}

/* Bytes of so many code points at most. */
static size_t points(const char *text, size_t most)
{
	size_t at = 0, used = 0;
	for (size_t i = 0; text[at] != '\0' && i < most; i++, at += used) {
		qg_utf8_next(text + at, strlen(text + at), &used);
	}
	return at;
}

char *dingtalk_card_text(const char *text, size_t most, bool *cut_out)
{
	QG_AUTO(qg_buf_finish) struct qg_buf shown;
	qg_buf_init(&shown, TEXT_MOST);
	if (ding_markdown(text, DING_CARD, &shown) != QG_OK) {
		return NULL;
	}
	char *copy = qg_str_copy(shown.data ? shown.data : "");
	size_t size = copy && most > 0 ? points(copy, most) : copy ? strlen(copy) : 0;
	if (copy) {
		*cut_out = copy[size] != '\0';
		copy[size] = '\0';
	}
	return copy;
}

/* ---- made ---- */

/* At most 1 KB of a text, whole characters. */
static int set_text(json_t *values, const char *name, const char *text)
{
	size_t size = qg_utf8_cut(text, strlen(text), DINGTALK_VALUE_MOST);
	return json_object_set_new(values, name, json_stringn(text, size));
}

/* What a template of that family wants besides the text, to show it at all. */
static int set_by_hand(json_t *values, const char *state)
{
	return json_object_set_new(values, "flowStatus", json_string(state)) |
	       json_object_set_new(values, "staticMsgContent", json_string("")) |
	       json_object_set_new(
		       values, "sys_full_json_obj", json_string("{\"order\":[\"" BY_HAND "\"]}")) |
	       json_object_set_new(values, "config", json_string("{\"autoLayout\":true}"));
}

static int set_buttons(json_t *values, const json_t *buttons)
{
	QG_AUTO(qg_str_free) char *text = qg_json_dump(buttons);
	return text ? json_object_set_new(values, "buttons", json_string(text)) : -1;
}

static json_t *values_of(const struct dingtalk_card_make *make)
{
	json_t *values = json_object();
	if (!values || set_text(values, make->key, make->text) != 0 ||
		(dingtalk_card_by_hand(make->key) && set_by_hand(values, "2") != 0) ||
		(make->buttons && set_buttons(values, make->buttons) != 0)) {
		json_decref(values);
		return NULL;
	}
	return values;
}

/* What a group's card wants: where it goes, the line in the list of chats, whom it calls. */
static int set_group(json_t *body, const struct dingtalk_card_make *make)
{
	const struct dingtalk_whom *whom = &make->whom;
	json_t *space = json_pack(
		"{s:{s:s}, s:b}", "lastMessageI18n", "ZH_CN", make->title, "supportForward", 1);
	json_t *deliver = json_pack("{s:s}", "robotCode", whom->robot_code);
	int bad = json_object_set_new(body, "imGroupOpenSpaceModel", space) |
		  json_object_set(body, "imGroupOpenDeliverModel", deliver);
	if (bad == 0 && dingtalk_may_call(whom->staff)) {
		const char *name = make->name && make->name[0] ? make->name : whom->staff;
		bad = json_object_set_new(
			deliver, "atUserIds", json_pack("{s:s}", whom->staff, name));
	}
	json_decref(deliver);
	return bad;
}

static int set_direct(json_t *body, const struct dingtalk_card_make *make)
{
	json_t *space = json_pack("{s:b}", "supportForward", 1);
	json_t *deliver = json_pack(
		"{s:s, s:s}", "spaceType", "IM_ROBOT", "robotCode", make->whom.robot_code);
	return json_object_set_new(body, "imRobotOpenSpaceModel", space) |
	       json_object_set_new(body, "imRobotOpenDeliverModel", deliver);
}

json_t *dingtalk_card_make_body(const struct dingtalk_card_make *make)
{
	bool is_group = make->whom.type == QG_CHAT_GROUP;
	QG_AUTO(qg_str_free)
	char *space = qg_str_printf(
		"dtv1.card//%s.%s", is_group ? "IM_GROUP" : "IM_ROBOT", make->whom.chat);
	json_t *values = space ? values_of(make) : NULL;
	json_t *body =
		values ? json_pack("{s:s, s:s, s:{s:O}, s:i, s:s}", "cardTemplateId",
				 make->template_id, "outTrackId", make->track, "cardData",
				 "cardParamMap", values, "userIdType", 1, "openSpaceId", space)
		       : NULL;
	json_decref(values);
	int bad = body ? 0 : -1;
	if (bad == 0 && make->clickable) {
		bad = json_object_set_new(body, "callbackType", json_string("STREAM"));
	}
	if (bad == 0) {
		bad = is_group ? set_group(body, make) : set_direct(body, make);
	}
	if (bad != 0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

/* ---- shown ---- */

json_t *dingtalk_card_stream_body(
	const char *track, const char *guid, const char *key, const char *text, bool is_final)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b}", "outTrackId", track, "guid", guid,
		"key", key, "content", text, "isFull", 1, "isFinalize", is_final, "isError", 0);
}

json_t *dingtalk_card_update_body(const char *track, json_t *values)
{
	return json_pack("{s:s, s:{s:o}, s:{s:b, s:b}, s:i}", "outTrackId", track, "cardData",
		"cardParamMap", values, "cardUpdateOptions", "updateCardDataByKey", 1,
		"updatePrivateDataByKey", 0, "userIdType", 1);
}
