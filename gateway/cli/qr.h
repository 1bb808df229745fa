/* qr.h - a QR code drawn with the characters of a terminal. */
#ifndef QG_GATEWAY_CLI_QR_H
#define QG_GATEWAY_CLI_QR_H

#include <stdbool.h>

#include "qg/buf.h"

#define QG_QR_QUIET 4 /* modules of margin, as the standard demands */

/* Appends lines of half blocks: two rows of modules a line. modules: width * width bytes, the lowest bit set where it is
 * dark. colours: with escapes that say black and white, whatever the terminal's own are. */
enum qg_status qg_qr_draw(
	const unsigned char *modules, int width, bool colours, struct qg_buf *out);
/* The same of a text of at most 1,000 bytes. QG_TOO_LARGE, QG_NO_MEMORY. */
QG_MUST_CHECK enum qg_status qg_qr_text(const char *text, bool colours, struct qg_buf *out);

#endif
