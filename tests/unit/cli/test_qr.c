/* test_qr.c - a QR code as characters: read back module by module. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "qr.h"

#include "qg/str.h"

#define SIDE_MOST 200

struct picture {
	int width, height; /* of all that is drawn, margin included */
	bool light[SIDE_MOST][SIDE_MOST];
};

/* Takes the escapes out, and each character apart into the two modules it shows. */
static void read_back(const char *text, struct picture *picture)
{
	*picture = (struct picture){0};
	int x = 0;
	for (const char *at = text; *at;) {
		if (*at == '\033') {
			at = strchr(at, 'm') + 1;
			continue;
		}
		if (*at == '\n') {
			ck_assert(picture->width == 0 || picture->width == x);
			picture->width = x;
			picture->height += 2;
			x = 0;
			at++;
			continue;
		}
		size_t used;
		uint32_t code = qg_utf8_next(at, strlen(at), &used);
		ck_assert(code == 0x2588 || code == 0x2580 || code == 0x2584 || code == ' ');
		ck_assert_int_lt(x, SIDE_MOST);
		ck_assert_int_lt(picture->height + 1, SIDE_MOST);
		picture->light[picture->height][x] = code == 0x2588 || code == 0x2580;
		picture->light[picture->height + 1][x++] = code == 0x2588 || code == 0x2584;
		at += used;
	}
	ck_assert_int_eq(x, 0); /* the last line ends */
}

static void check_same(const struct picture *picture, const unsigned char *modules, int width)
{
	ck_assert_int_eq(picture->width, width + 2 * QG_QR_QUIET);
	ck_assert_int_ge(picture->height, picture->width);
	for (int y = 0; y < picture->height; y++) {
		for (int x = 0; x < picture->width; x++) {
			int row = y - QG_QR_QUIET, column = x - QG_QR_QUIET;
			bool inside = row >= 0 && column >= 0 && row < width && column < width;
			bool dark = inside && (modules[row * width + column] & 1);
			ck_assert_msg(picture->light[y][x] != dark, "at %d, %d", column, row);
		}
	}
}

/* An odd number of rows, as all codes have, and bits beside the one that counts. */
START_TEST(test_modules)
{
	static unsigned char modules[21 * 21];
	unsigned state = 1;
	for (size_t i = 0; i < sizeof(modules); i++) {
		state = state * 1103515245 + 12345;
		modules[i] = (unsigned char)(state >> 16);
	}
	for (int colours = 0; colours < 2; colours++) {
		struct qg_buf out;
		qg_buf_init(&out, 64 * 1024);
		ck_assert_int_eq(qg_qr_draw(modules, 21, colours, &out), QG_OK);
		ck_assert_int_eq(strchr(out.data, '\033') != NULL, colours);
		static struct picture picture;
		read_back(out.data, &picture);
		check_same(&picture, modules, 21);
		qg_buf_finish(&out);
	}
}
END_TEST

/* Black and white by number on each line, and nothing left behind for the next one. */
START_TEST(test_colours)
{
	static const unsigned char modules[1] = {1};
	struct qg_buf out;
	qg_buf_init(&out, 4096);
	ck_assert_int_eq(qg_qr_draw(modules, 1, true, &out), QG_OK);
	for (const char *line = out.data; *line; line = strchr(line, '\n') + 1) {
		ck_assert(qg_str_starts_with(line, "\033[38;5;231;48;5;16m"));
		ck_assert(qg_str_starts_with(strchr(line, '\n') - 4, "\033[0m"));
	}
	qg_buf_finish(&out);
}
END_TEST

static bool is_finder(const struct picture *picture, int left, int top)
{
	for (int y = 0; y < 7; y++) {
		for (int x = 0; x < 7; x++) {
			bool ring = x == 0 || y == 0 || x == 6 || y == 6;
			bool core = x >= 2 && x <= 4 && y >= 2 && y <= 4;
			bool dark = ring || core;
			if (picture->light[top + y][left + x] == dark) {
				return false;
			}
		}
	}
	return true;
}

START_TEST(test_text)
{
	struct qg_buf out;
	qg_buf_init(&out, 256 * 1024);
	ck_assert_int_eq(
		qg_qr_text("https://work.weixin.qq.com/ai/qc/c?s=0123456789abcdef", false, &out),
		QG_OK);
	static struct picture picture;
	read_back(out.data, &picture);
	int width = picture.width - 2 * QG_QR_QUIET;
	ck_assert_int_eq((width - 21) % 4, 0);
	ck_assert_int_le(picture.width, 60); /* fits a window of 80 columns */
	ck_assert(is_finder(&picture, QG_QR_QUIET, QG_QR_QUIET));
	ck_assert(is_finder(&picture, QG_QR_QUIET + width - 7, QG_QR_QUIET));
	ck_assert(is_finder(&picture, QG_QR_QUIET, QG_QR_QUIET + width - 7));
	ck_assert(!is_finder(&picture, QG_QR_QUIET + width - 7, QG_QR_QUIET + width - 7));
	qg_buf_finish(&out);
}
END_TEST

START_TEST(test_too_much)
{
	char *text = malloc(4001);
	memset(text, 'x', 4000);
	text[4000] = '\0';
	struct qg_buf out;
	qg_buf_init(&out, 256 * 1024);
	ck_assert_int_eq(qg_qr_text(text, false, &out), QG_TOO_LARGE);
	qg_buf_finish(&out);
	qg_buf_init(&out, 100); /* no room for the picture */
	ck_assert_int_eq(qg_qr_text("x", false, &out), QG_TOO_LARGE);
	qg_buf_finish(&out);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli qr");
	TCase *tcase = tcase_create("all");
	tcase_add_test(tcase, test_modules);
	tcase_add_test(tcase, test_colours);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_too_much);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
