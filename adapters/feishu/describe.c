/* describe.c - messages that are neither words nor files: a place, a vote, a meeting, somebody's card, as a short note.
 *
 * What they are called and when they are is told; ids, which only mean something to the platform, are not. A sticker or a
 * folder by itself asks nothing: it becomes an attachment that nobody can look at, and gets a plain word, no answer. */
#include "content.h"

#include <string.h>
#include <time.h>

#include "qg/clock.h"
#include "qg/str.h"

#define LISTED_MOST 20
#define NOTE_BYTES 500
#define MS_LEAST INT64_C(100000000000) /* times below are seconds */

/* ---- pieces of a note ---- */

static bool has_words(const struct qg_piece *piece)
{
	return piece->kind == QG_PIECE_STRING && piece->size > 0;
}

/* On one line and short. */
static enum qg_status add_note(
	struct feishu_content *content, const char *before, const struct qg_piece *piece)
{
	if (!has_words(piece)) {
		return QG_OK;
	}
	QG_AUTO(qg_str_free) char *text = qg_piece_copy(piece);
	if (!text) {
		return QG_NO_MEMORY;
	}
	qg_utf8_flatten(text);
	qg_str_trim(text);
	feishu_content_add_str(content, before);
	feishu_content_add(content, text, qg_utf8_cut(text, strlen(text), NOTE_BYTES));
	return QG_OK;
}

/* " 2026-11-22 15:30", as the bot's clock has it. */
static void add_time(
	struct feishu_content *content, const char *before, const struct qg_piece *piece)
{
	char text[32];
	struct tm tm;
	int64_t time = qg_piece_int(piece, 0);
	if (time <= 0) {
		return;
	}
	qg_clock_local(time < MS_LEAST ? time * 1000 : time, &tm);
	if (strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) > 0) {
		feishu_content_add_str(content, before);
		feishu_content_add_str(content, text);
	}
}

static enum qg_status add_list(struct feishu_content *content, const struct qg_piece *list)
{
	enum qg_status status = QG_OK;
	struct qg_scan_walk walk = {0};
	struct qg_piece item;
	for (size_t i = 0; i < LISTED_MOST && list->kind == QG_PIECE_ARRAY; i++) {
		if (status != QG_OK || !qg_scan_next(list, &walk, &item)) {
			break;
		}
		status = add_note(content, i == 0 ? "；选项：" : "、", &item);
	}
	return status;
}

/* ---- the types ---- */

enum field { NAME, SECOND, BEGIN, END, LIST, FIELDS };

static enum qg_status note_place(struct feishu_content *content, const struct qg_piece *found)
{
	enum qg_status status = add_note(content, "：", &found[NAME]);
	if (status == QG_OK && has_words(&found[BEGIN]) && has_words(&found[END])) {
		status = add_note(content, "（经度 ", &found[BEGIN]);
		if (status == QG_OK) {
			status = add_note(content, "，纬度 ", &found[END]);
		}
		feishu_content_add_str(content, "）");
	}
	return status;
}

static enum qg_status note_event(struct feishu_content *content, const struct qg_piece *found)
{
	const struct qg_piece *name = has_words(&found[NAME]) ? &found[NAME] : &found[SECOND];
	enum qg_status status = add_note(content, "：", name);
	add_time(content, "，", &found[BEGIN]);
	add_time(content, " 至 ", &found[END]);
	return status;
}

/* What is to be done is rich text itself. */
static enum qg_status note_task(struct feishu_content *content, const struct qg_piece *found)
{
	enum qg_status status = QG_OK;
	if (found[LIST].kind == QG_PIECE_ARRAY) {
		feishu_content_add_str(content, "：");
		status = feishu_post_read(content, found[SECOND].data, found[SECOND].size);
	}
	add_time(content, "，截止 ", &found[END]);
	return status;
}

static enum qg_status note_vote(struct feishu_content *content, const struct qg_piece *found)
{
	enum qg_status status = add_note(content, "：", &found[NAME]);
	return status == QG_OK ? add_list(content, &found[LIST]) : status;
}

static enum qg_status note_name(struct feishu_content *content, const struct qg_piece *found)
{
	return add_note(content, "：", &found[NAME]);
}

static const struct kind {
	const char *type, *words;
	const char *paths[FIELDS]; /* of name, second name, begin, end, list */
	enum qg_status (*note)(struct feishu_content *content, const struct qg_piece *found);
	bool says_nothing; /* by itself: no question is in it, though a quote of it may be told */
} kinds[] = {
	{"sticker", "表情", {0}, NULL, true},
	{"folder", "文件夹", {"file_name"}, note_name, true},
	{"share_chat", "群名片", {0}, NULL, false},
	{"share_user", "个人名片", {0}, NULL, false},
	{"hongbao", "红包", {0}, NULL, false},
	{"location", "位置", {"name", NULL, "longitude", "latitude"}, note_place, false},
	{"vote", "投票", {"topic", NULL, NULL, NULL, "options"}, note_vote, false},
	{"todo", "任务", {NULL, "summary", NULL, "due_time", "summary.content"}, note_task, false},
	{"video_chat", "视频会议", {"topic", NULL, "start_time"}, note_event, false},
	{"share_calendar_event", "日程", {"summary", "topic", "start_time", "end_time"}, note_event,
		false},
	{"calendar", "日程", {"summary", "topic", "start_time", "end_time"}, note_event, false},
	{"general_calendar", "日程", {"summary", "topic", "start_time", "end_time"}, note_event,
		false},
	{"system", "系统消息", {"template"}, note_name, false},
};

static const struct kind *kind_of(const struct qg_piece *type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (qg_piece_is(type, kinds[i].type)) {
			return &kinds[i];
		}
	}
	return NULL;
}

/* What is not there stays NONE, as all does where the content is broken: then only the kind is told. */
static enum qg_status find(
	const struct kind *kind, const char *data, size_t size, struct qg_piece found[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		found[i] = (struct qg_piece){0};
		enum qg_status status =
			kind->paths[i] ? qg_scan(data, size, &kind->paths[i], 1, &found[i]) : QG_OK;
		if (status == QG_NO_MEMORY) {
			return status;
		}
	}
	return QG_OK;
}

enum qg_status feishu_describe(
	struct feishu_content *content, const struct qg_piece *type, const char *data, size_t size)
{
	const struct kind *kind = kind_of(type);
	struct qg_piece found[FIELDS];
	if (!kind || (kind->says_nothing && !content->quoted)) {
		return QG_UNSUPPORTED;
	}
	enum qg_status status = find(kind, data, size, found);
	if (status != QG_OK) {
		return status;
	}
	feishu_content_add_str(content, "[");
	feishu_content_add_str(content, kind->words);
	status = kind->note ? kind->note(content, found) : QG_OK;
	feishu_content_add_str(content, "]");
	return status;
}
