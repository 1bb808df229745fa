/* mould.c - JSON texts that are alike but for one string, as the events of a stream are: the second is not scanned.
 *
 * What stands around the string is compared byte by byte, so the text says just what the one before said; only the
 * string itself is looked at. Its quotes belong to what is compared: a string that ends elsewhere never fits. */
#include "qg/scan.h"

#include <string.h>

#include "piece.h"
#include "qg/str.h"

#define AROUND_MAX 4096 /* bytes; what is longer is scanned each time */

void qg_mould_init(struct qg_mould *mould)
{
	qg_buf_init(&mould->around, AROUND_MAX);
	mould->head = 0;
}

void qg_mould_finish(struct qg_mould *mould)
{
	qg_buf_finish(&mould->around);
}

void qg_mould_take(
	struct qg_mould *mould, const char *data, size_t size, const struct qg_piece *string)
{
	const char *behind = string->data + string->size;
	qg_buf_reset(&mould->around);
	mould->head = (size_t)(string->data - data);
	qg_buf_add(&mould->around, data, mould->head);
	if (qg_buf_add(&mould->around, behind, size - (size_t)(behind - data)) != QG_OK) {
		qg_buf_reset(&mould->around);
	}
}

bool qg_mould_fits(
	const struct qg_mould *mould, const char *data, size_t size, struct qg_piece *string_out)
{
	const struct qg_buf *around = &mould->around;
	if (around->size == 0 || size < around->size ||
		memcmp(data, around->data, mould->head) != 0) {
		return false;
	}
	const char *start = data + mould->head, *end = start + (size - around->size);
	if (memcmp(end, around->data + mould->head, around->size - mould->head) != 0 ||
		qg_piece_skip_plain(start, end) != end ||
		!qg_utf8_is_valid(start, (size_t)(end - start))) {
		return false;
	}
	*string_out = (struct qg_piece){
		.kind = QG_PIECE_STRING, .data = start, .size = (size_t)(end - start)};
	return true;
}
