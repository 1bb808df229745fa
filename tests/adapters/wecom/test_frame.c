/* test_frame.c - frames and handles as bytes; what the platform's codes mean; and all of it without memory. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "support/malloc.h"

#include "qg/str.h"

#define SCRATCH 4096

START_TEST(test_write)
{
	struct qg_buf out;
	qg_buf_init(&out, SCRATCH);
	ck_assert_int_eq(wecom_frame_write(&out, "ping", "ping_1", NULL, 0), QG_OK);
	ck_assert_str_eq(out.data, "{\"cmd\":\"ping\",\"headers\":{\"req_id\":\"ping_1\"}}");
	qg_buf_reset(&out);
	ck_assert_int_eq(wecom_frame_write(&out, "x", "a\"b", "{\"c\":1}", 7), QG_OK);
	ck_assert_str_eq(
		out.data, "{\"cmd\":\"x\",\"headers\":{\"req_id\":\"a\\\"b\"},\"body\":{\"c\":1}}");
	qg_buf_reset(&out);
	ck_assert_int_eq(wecom_frame_write(&out, "x", "\xff", NULL, 0), QG_INVALID);
	qg_buf_finish(&out);
}
END_TEST

START_TEST(test_read)
{
	static const char answer[] =
		"{\"headers\":{\"req_id\":\"r\"},\"errcode\":-1,\"errmsg\":\"no\",\"body\":{}}";
	static const char raw[] = "{\"cmd\":\"c\",\"headers\":{\"req_id\":\"a\x01\x1f\x0d"
				  "b\tc\"},\"body\":{\"x\":\"\x0b\"}}";
	struct qg_buf scratch;
	struct wecom_frame frame;
	qg_buf_init(&scratch, SCRATCH);
	ck_assert_int_eq(wecom_frame_read(answer, strlen(answer), &scratch, &frame), QG_OK);
	ck_assert(qg_piece_is(&frame.req_id, "r"));
	ck_assert_int_eq(frame.cmd.kind, QG_PIECE_NONE);
	ck_assert_int_eq(qg_piece_int(&frame.code, 0), -1);
	ck_assert_uint_eq(scratch.size, 0);
	/* a tab stays, and makes it no JSON: nothing is guessed */
	ck_assert_int_eq(wecom_frame_read(raw, strlen(raw), &scratch, &frame), QG_INVALID);
	static const char clean[] = "{\"cmd\":\"c\",\"headers\":{\"req_id\":\"a\x01\x1f\x0d"
				    "b\"},\"body\":{\"x\":\"\x0b\"}}";
	ck_assert_int_eq(wecom_frame_read(clean, strlen(clean), &scratch, &frame), QG_OK);
	ck_assert(qg_piece_is(&frame.req_id, "ab"));
	ck_assert_uint_eq(frame.body.size, strlen("{\"x\":\"\"}"));
	static const char *const bad[] = {"", "{}", "{\"headers\":{\"req_id\":7}}",
		"{\"headers\":7}", "{\"headers\":{\"req_id\":\"a\",\"req_id\":\"b\"}}", "\x01\x02",
		"{\"headers\":{\"req_id\":\"a\"}} x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(
			wecom_frame_read(bad[i], strlen(bad[i]), &scratch, &frame), QG_INVALID);
	}
	qg_buf_finish(&scratch);
}
END_TEST

START_TEST(test_handle)
{
	struct wecom_handle handle = {.conn = "0123456789abcdef",
		.type = QG_CHAT_GROUP,
		.req_id = "a/7/b c",
		.user = "lin/qiao"};
	struct wecom_handle back;
	QG_AUTO(qg_str_free) char *text = wecom_handle_write(&handle);
	ck_assert_str_eq(text, "0123456789abcdef/g/7/a/7/b clin/qiao");
	ck_assert(wecom_handle_read(text, &back));
	ck_assert_str_eq(back.conn, handle.conn);
	ck_assert_str_eq(back.req_id, handle.req_id);
	ck_assert_str_eq(back.user, handle.user);
	ck_assert_int_eq(back.type, QG_CHAT_GROUP);
	static const char *const bad[] = {NULL, "", "0123456789abcdef", "0123456789abcdef/x/1/a",
		"0123456789abcdef/g/0/a", "0123456789abcdef/g/-1/a", "0123456789abcdef/g/2/a",
		"0123456789abcdef/g/99999999999/a", "0123456789abcdef/g//a",
		"0123456789abcdef/g/257/a", "0123456789abcdef/g/1", "short/g/1/a"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert(!wecom_handle_read(bad[i], &back));
	}
	char longest[WECOM_CONN_CHARS + 8 + 129 + 1];
	memset(longest, 'u', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "0123456789abcdef/d/1/", 21);
	ck_assert(!wecom_handle_read(longest, &back));
}
END_TEST

START_TEST(test_verdict)
{
	ck_assert_int_eq(wecom_verdict(0, true).act, WECOM_LANDED);
	ck_assert_int_eq(wecom_verdict(6000, true).act, WECOM_AGAIN);
	ck_assert_int_eq(wecom_verdict(846608, true).act, WECOM_EXPIRED);
	ck_assert_int_eq(wecom_verdict(846605, true).act, WECOM_PUSH);
	ck_assert_int_eq(wecom_verdict(1234567, true).act, WECOM_PUSH);
	ck_assert_int_eq(wecom_verdict(846609, false).act, WECOM_RECONNECT);
	/* what was pushed has no other way in place */
	ck_assert_int_eq(wecom_verdict(846605, false).act, WECOM_ENDED);
	ck_assert_int_eq(wecom_verdict(1234567, false).status, QG_UNSUPPORTED);
	ck_assert_int_eq(wecom_verdict(93006, false).status, QG_NOT_FOUND);
	unsigned wait = wecom_verdict(45009, false).retry_ms;
	ck_assert_uint_ge(wait, 60000);
	ck_assert_uint_lt(wait, 70000);
}
END_TEST

static bool frames(void *arg)
{
	static const char raw[] = "{\"cmd\":\"c\",\"headers\":{\"req_id\":\"a\x01\"}}";
	struct wecom_handle handle = {
		.conn = "0123456789abcdef", .type = QG_CHAT_DIRECT, .req_id = "r", .user = "u"};
	struct wecom_frame frame;
	struct qg_buf out;
	struct qg_buf scratch;
	qg_buf_init(&out, SCRATCH);
	qg_buf_init(&scratch, SCRATCH);
	char *text = wecom_handle_write(&handle);
	enum qg_status written = wecom_frame_write(&out, "ping", "p", NULL, 0);
	enum qg_status read = wecom_frame_read(raw, strlen(raw), &scratch, &frame);
	free(text);
	qg_buf_finish(&out);
	qg_buf_finish(&scratch);
	return text && written == QG_OK && read == QG_OK;
}

START_TEST(test_without_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(frames, NULL), 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom frame");
	TCase *tests = tcase_create("frame");
	tcase_add_test(tests, test_write);
	tcase_add_test(tests, test_read);
	tcase_add_test(tests, test_handle);
	tcase_add_test(tests, test_verdict);
	tcase_add_test(tests, test_without_memory);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
