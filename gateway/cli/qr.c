/* qr.c - a QR code drawn with the characters of a terminal; the one file that knows libqrencode.
 *
 * What is drawn is the light: on a dark terminal the code is right even where no colours are understood. With colours
 * black and white are named by their numbers, which no theme changes, so it is right on a light terminal too. */
#include "qr.h"

#include <errno.h>
#include <qrencode.h>
#include <string.h>

#define TEXT_MOST 1000
#define WHITE_ON_BLACK "\033[38;5;231;48;5;16m"
#define PLAIN "\033[0m"

/* Outside of the code is light: the margin, and the half line below an odd number of rows too. */
static bool is_light(const unsigned char *modules, int width, int x, int y)
{
	bool inside = x >= 0 && y >= 0 && x < width && y < width;
	return !inside || !(modules[y * width + x] & 1);
}

static void draw_line(
	const unsigned char *modules, int width, int y, bool colours, struct qg_buf *out)
{
	qg_buf_add_str(out, colours ? WHITE_ON_BLACK : "");
	for (int x = -QG_QR_QUIET; x < width + QG_QR_QUIET; x++) {
		bool upper = is_light(modules, width, x, y);
		bool lower = is_light(modules, width, x, y + 1);
		qg_buf_add_str(out, upper && lower ? "█" : upper ? "▀" : lower ? "▄" : " ");
	}
	qg_buf_add_str(out, colours ? PLAIN "\n" : "\n");
}

enum qg_status qg_qr_draw(const unsigned char *modules, int width, bool colours, struct qg_buf *out)
{
	for (int y = -QG_QR_QUIET; y < width + QG_QR_QUIET; y += 2) {
		draw_line(modules, width, y, colours, out);
	}
	return out->failed;
}

enum qg_status qg_qr_text(const char *text, bool colours, struct qg_buf *out)
{
	if (strlen(text) > TEXT_MOST) {
		return QG_TOO_LARGE;
	}
	/* The weakest correction makes the smallest picture, and a screen has no stains. */
	QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
	if (!code) {
		return errno == ENOMEM ? QG_NO_MEMORY : QG_TOO_LARGE;
	}
	enum qg_status status = qg_qr_draw(code->data, code->width, colours, out);
	QRcode_free(code);
	return status;
}
