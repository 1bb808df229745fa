/* piece.h - the grammar of JSON's smallest parts, shared by the scan and by the readers of what it found. */
#ifndef GATEWAY_BASE_PIECE_H
#define GATEWAY_BASE_PIECE_H

#include "qg/scan.h"

const char *qg_piece_skip_blanks(const char *at, const char *end);
/* Over the bytes that a string holds as they are: all but the quote, the backslash and controls. */
const char *qg_piece_skip_plain(const char *at, const char *end);
/* Behind the number at at, or NULL where none stands. */
const char *qg_piece_skip_number(const char *at, const char *end);
/* Value of a hex digit, or -1. */
int qg_piece_hex(char c);
/* Is the string piece, unescaped, just these bytes? */
bool qg_piece_equals(const struct qg_piece *piece, const char *text, size_t size);

#endif
