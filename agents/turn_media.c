/* turn_media.c - what is attached to the messages of a turn: asked for, kept within bounds, and told where it failed.
 *
 * Nobody but the media of the request knows how a file is fetched and read; here is decided what a turn wants of it:
 * documents as text, pictures as they are where a model of the bot sees. What could not be had gets a sentence for the
 * asker, said before the answer, and a question beside it is answered all the same. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#include "models/lineup.h"
#include "qg/json.h"

#define LOOKS_MOST 8 /* of one turn */
#define LOOKS_AT_ONCE 3
#define TEXT_MOST (24 * 1024)			 /* bytes of all documents' text in a prompt */
#define PICTURES_MOST ((size_t)12 * 1024 * 1024) /* bytes of all pictures, in base64 */
#define NOTES_MOST (16 * 1024)
#define HEAD_MOST 300 /* bytes that are quoted of a document where no model reads it */

/* ---- what there is ---- */

static bool is_named(const json_t *attachment, const char *type)
{
	return qg_str_equal(qg_json_str(attachment, "type", ""), type);
}

/* Takes up the attachments of a message as far as there is room. */
static void collect_from(struct qg_turn *turn, size_t index)
{
	size_t i;
	json_t *attachment;
	json_array_foreach (turn->request.messages[index]->attachments, i, attachment) {
		if (turn->look_count == LOOKS_MOST) {
			turn->looks_left_out = true;
			return;
		}
		struct qg_look *look = &turn->looks[turn->look_count++];
		*look = (struct qg_look){.turn = turn,
			.attachment = attachment,
			.message = index,
			.is_picture = is_named(attachment, "image"),
			.is_quoted = qg_json_bool(attachment, "quoted", false)};
	}
}

static bool collect(struct qg_turn *turn)
{
	turn->looks = calloc(LOOKS_MOST, sizeof(*turn->looks));
	for (size_t i = 0; turn->looks != NULL && i < turn->request.count; i++) {
		if (turn->asked[i]) {
			collect_from(turn, i);
		}
	}
	return turn->looks != NULL;
}

/* What needs no look: nobody is there to do it, or it would be of no use to anybody. */
static bool is_settled(const struct qg_turn *turn, struct qg_look *look)
{
	bool is_kept = look->is_picture || is_named(look->attachment, "file");
	look->is_foreign = turn->request.media == NULL || !is_kept;
	look->is_blind = look->is_picture && !turn->sees;
	return look->is_foreign || look->is_blind;
}

/* ---- what came ---- */

static size_t picture_bytes(const struct qg_turn *turn)
{
	size_t size = 0;
	for (size_t i = 0; i < turn->look_count; i++) {
		size += turn->looks[i].base64_size;
	}
	return size;
}

static enum qg_status keep_picture(struct qg_look *look, const struct qg_medium *medium)
{
	look->is_picture = true;
	if (!look->turn->sees) {
		look->is_blind = true;
		return QG_OK;
	}
	if (medium->base64_size > PICTURES_MOST - picture_bytes(look->turn)) {
		return QG_TOO_LARGE;
	}
	look->type = qg_str_copy(medium->type);
	if (medium->taken != NULL) {
		*medium->taken = true;
		look->base64 = (char *)medium->base64;
	} else {
		look->base64 = qg_str_copy_n(medium->base64, medium->base64_size);
	}
	bool kept = look->type != NULL && look->base64 != NULL;
	look->base64_size = kept ? medium->base64_size : 0;
	return kept ? QG_OK : QG_NO_MEMORY;
}

static enum qg_status keep_text(struct qg_look *look, const struct qg_medium *medium)
{
	look->size = qg_utf8_cut(medium->text, medium->size, TEXT_MOST);
	look->characters = qg_utf8_count(medium->text, medium->size);
	look->is_cut = medium->cut || look->size < medium->size;
	look->text = qg_str_copy_n(medium->text, look->size);
	return look->text != NULL ? QG_OK : QG_NO_MEMORY;
}

static bool is_read(const struct qg_look *look)
{
	return look->state == QG_LOOK_DONE && look->status == QG_OK && !look->is_foreign &&
	       !look->is_blind;
}

bool qg_look_has_text(const struct qg_look *look)
{
	return is_read(look) && look->text != NULL;
}

bool qg_look_has_picture(const struct qg_look *look)
{
	return is_read(look) && look->base64 != NULL;
}

/* The documents share the room: what short ones leave, long ones get. */
static void share_room(struct qg_turn *turn)
{
	size_t count = 0, large = 0, spare = 0;
	for (size_t i = 0; i < turn->look_count; i++) {
		count += qg_look_has_text(&turn->looks[i]) ? 1 : 0;
	}
	size_t share = count > 0 ? TEXT_MOST / count : 0;
	for (size_t i = 0; i < turn->look_count; i++) {
		const struct qg_look *look = &turn->looks[i];
		bool fits = look->size <= share;
		large += qg_look_has_text(look) && !fits ? 1 : 0;
		spare += qg_look_has_text(look) && fits ? share - look->size : 0;
	}
	for (size_t i = 0; large > 0 && i < turn->look_count; i++) {
		struct qg_look *look = &turn->looks[i];
		size_t most = share + spare / large;
		if (qg_look_has_text(look) && look->size > most) {
			look->size = qg_utf8_cut(look->text, look->size, most);
			look->is_cut = true;
		}
	}
}

static void list_images(struct qg_turn *turn)
{
	turn->image_count = 0;
	for (size_t i = 0; i < turn->look_count && turn->image_count < QG_IMAGES_MOST; i++) {
		const struct qg_look *look = &turn->looks[i];
		if (qg_look_has_picture(look)) {
			turn->images[turn->image_count++] =
				(struct qg_image){look->type, look->base64, look->base64_size};
		}
	}
}

/* ---- what is said of it ---- */

void qg_turn_note(struct qg_turn *turn, char *text)
{
	if (text == NULL) {
		turn->answer.failed = QG_NO_MEMORY;
	} else if (turn->notes.size == 0 || strstr(turn->notes.data, text) == NULL) {
		qg_buf_printf(&turn->notes, "%s%s", turn->notes.size > 0 ? "\n" : "", text);
	}
	free(text);
}

/* "文件「合同.pdf」", "这张图片". */
static char *title_of(const struct qg_look *look)
{
	const struct qg_role *role = look->turn->request.role;
	const char *name = qg_look_name(look);
	if (name[0] != '\0') {
		QG_AUTO(qg_buf_finish) struct qg_buf clean;
		qg_buf_init(&clean, 1024);
		qg_prompt_add_name(&clean, name, QG_FILE_NAME_SHOWN);
		return qg_role_words(role, "media_file", "name", clean.data, NULL);
	}
	return qg_role_words(
		role, look->is_picture ? "media_this_picture" : "media_this_file", NULL);
}

static const char *words_for(enum qg_status status)
{
	switch (status) {
	case QG_NOT_FOUND:
		return "media_expired";
	case QG_TOO_LARGE:
		return "media_too_large";
	case QG_UNSUPPORTED:
		return "media_unsupported";
	case QG_INVALID:
		return "media_damaged";
	case QG_EMPTY:
		return "media_no_text";
	case QG_TIMEOUT:
		return "media_timeout";
	default:
		return "media_away";
	}
}

static void note_look(struct qg_turn *turn, const struct qg_look *look)
{
	const struct qg_role *role = turn->request.role;
	if (look->is_foreign) {
		bool is_voice = is_named(look->attachment, "audio");
		qg_turn_note(turn, qg_role_words(role, is_voice ? "not_voice" : "not_text", NULL));
		return;
	}
	if (look->is_blind) {
		qg_turn_note(turn, qg_role_words(role, "picture_blind", NULL));
		return;
	}
	char count[32];
	QG_AUTO(qg_str_free) char *title = title_of(look);
	if (look->status != QG_OK) {
		qg_turn_note(
			turn, qg_role_words(role, words_for(look->status), "what", title, NULL));
	} else if (look->is_cut && look->text != NULL && qg_turn_has_model(turn)) {
		size_t seen = qg_utf8_count(look->text, look->size);
		qg_turn_note(turn, qg_role_words(role, "media_cut", "what", title, "count",
					   qg_turn_number((int64_t)seen, count), NULL));
	}
}

static void note_all(struct qg_turn *turn)
{
	char most[32];
	for (size_t i = 0; i < turn->look_count; i++) {
		note_look(turn, &turn->looks[i]);
	}
	if (turn->looks_left_out) {
		qg_turn_note(turn, qg_role_words(turn->request.role, "media_too_many", "most",
					   qg_turn_number(LOOKS_MOST, most), NULL));
	}
}

/* How a document begins, as a quote: its own marks shall not be taken for ours. */
static char *head_of(const struct qg_look *look)
{
	size_t size = qg_utf8_cut(look->text, look->size, HEAD_MOST);
	struct qg_buf head;
	qg_buf_init(&head, 4 * HEAD_MOST);
	qg_buf_add_str(&head, "> ");
	for (size_t i = 0; i < size; i++) {
		qg_buf_add_char(&head, look->text[i]);
		qg_buf_add_str(&head, look->text[i] == '\n' ? "> " : "");
	}
	qg_buf_add_str(&head, size < look->size ? "……" : "");
	return qg_buf_steal(&head);
}

void qg_turn_note_documents(struct qg_turn *turn)
{
	for (size_t i = 0; i < turn->look_count; i++) {
		const struct qg_look *look = &turn->looks[i];
		if (!qg_look_has_text(look)) {
			continue;
		}
		char count[32];
		QG_AUTO(qg_str_free) char *title = title_of(look);
		QG_AUTO(qg_str_free) char *head = head_of(look);
		qg_turn_note(
			turn, qg_role_words(turn->request.role, "file_read", "what", title, "count",
				      qg_turn_number((int64_t)look->characters, count), "head",
				      head, NULL));
	}
}

/* ---- one after the other, a few at a time ---- */

static void look_on(struct qg_turn *turn);

static void have_medium(void *arg, enum qg_status status, const struct qg_medium *medium)
{
	struct qg_look *look = arg;
	struct qg_turn *turn = look->turn;
	look->state = QG_LOOK_DONE;
	look->status = status;
	turn->looks_open--;
	if (medium != NULL) {
		look->name = qg_str_copy(medium->name != NULL ? medium->name : "");
	}
	if (status == QG_OK && medium != NULL) {
		look->status =
			medium->text != NULL ? keep_text(look, medium) : keep_picture(look, medium);
	} else if (status == QG_OK) {
		look->status = QG_INVALID;
	}
	look_on(turn);
}

/* Asks for the next ones; when none is left the turn goes on. */
static void look_on(struct qg_turn *turn)
{
	struct qg_media *media = turn->request.media;
	while (turn->look_next < turn->look_count && turn->looks_open < LOOKS_AT_ONCE) {
		struct qg_look *look = &turn->looks[turn->look_next++];
		if (is_settled(turn, look)) {
			look->state = QG_LOOK_DONE;
			continue;
		}
		look->state = QG_LOOK_OPEN;
		turn->looks_open++;
		media->read(media, look->attachment, have_medium, look);
	}
	if (turn->looks_open == 0) {
		share_room(turn);
		list_images(turn);
		note_all(turn);
		qg_turn_answer(turn);
	}
}

void qg_turn_look(struct qg_turn *turn)
{
	if (!collect(turn)) {
		qg_turn_fail(turn, QG_NO_MEMORY, "out of memory");
		return;
	}
	qg_buf_init(&turn->notes, NOTES_MOST);
	turn->sees = qg_lineup_sees(turn->request.config, turn->request.bot,
		turn->request.endpoints, turn->request.force_model);
	if (turn->look_count > 0 && turn->request.media != NULL) {
		qg_turn_watch_the_clock(turn);
	}
	look_on(turn);
}

/* ---- for the other steps ---- */

const char *qg_look_name(const struct qg_look *look)
{
	return look->name != NULL && look->name[0] != '\0'
		       ? look->name
		       : qg_json_str(look->attachment, "name", "");
}

bool qg_turn_has_documents(const struct qg_turn *turn)
{
	for (size_t i = 0; i < turn->look_count; i++) {
		if (qg_look_has_text(&turn->looks[i])) {
			return true;
		}
	}
	return false;
}

void qg_turn_drop_pictures(struct qg_turn *turn)
{
	turn->image_count = 0;
	for (size_t i = 0; i < turn->look_count; i++) {
		struct qg_look *look = &turn->looks[i];
		free(look->base64);
		look->base64 = NULL;
		look->base64_size = 0;
	}
}

void qg_turn_end_looks(struct qg_turn *turn)
{
	struct qg_media *media = turn->request.media;
	for (size_t i = 0; i < turn->look_count; i++) {
		struct qg_look *look = &turn->looks[i];
		if (look->state == QG_LOOK_OPEN) {
			media->forget(media, look);
		}
		free(look->name);
		free(look->text);
		free(look->type);
		free(look->base64);
	}
	free(turn->looks);
	qg_buf_finish(&turn->notes);
}
