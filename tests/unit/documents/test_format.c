/* test_format.c - numbers of sheets as people write them. */
#include "vectors.h"

static void expect(const char *value, enum document_format format, const char *text)
{
	char out[DOCUMENT_NUMBER_SIZE];
	document_format_number(value, format, false, out);
	ck_assert_str_eq(out, text);
}

START_TEST(numbers_are_rounded_as_sheets_do)
{
	expect("38", FORMAT_PLAIN, "38");
	expect("0.30000000000000004", FORMAT_PLAIN, "0.3");
	expect("1E+3", FORMAT_PLAIN, "1000");
	expect("-12.50", FORMAT_PLAIN, "-12.5");
	expect("6222021234567890123", FORMAT_PLAIN, "6.22202123456789e+18");
	expect("0.1234", FORMAT_PERCENT, "12.34%");
	expect("nan", FORMAT_PLAIN, "nan");
	expect("3 4", FORMAT_DATE, "3 4");
	expect("", FORMAT_DATE, "");
}
END_TEST

START_TEST(days_are_dates)
{
	expect("1", FORMAT_DATE, "1900-01-01");
	expect("59", FORMAT_DATE, "1900-02-28");
	expect("61", FORMAT_DATE, "1900-03-01");
	expect("45292", FORMAT_DATE, "2024-01-01");
	expect("45351", FORMAT_DATE, "2024-02-29");
	expect("45657", FORMAT_DATE, "2024-12-31");
	expect("2958465", FORMAT_DATE, "9999-12-31");
	expect("2958466", FORMAT_DATE, "2958466");
	expect("-1", FORMAT_DATE, "-1");
	expect("45292.5", FORMAT_DATE_TIME, "2024-01-01 12:00");
	expect("45292.999994", FORMAT_DATE_TIME, "2024-01-01 23:59:59");
	expect("45292", FORMAT_DATE_TIME, "2024-01-01");
	expect("0.375", FORMAT_TIME, "09:00");
	expect("45292.25", FORMAT_TIME, "2024-01-01 06:00");
	expect("1.5", FORMAT_ELAPSED, "36:00:00");
	char out[DOCUMENT_NUMBER_SIZE];
	document_format_number("43830", FORMAT_DATE, true, out);
	ck_assert_str_eq(out, "2024-01-01");
	document_format_number("0", FORMAT_DATE, true, out);
	ck_assert_str_eq(out, "1904-01-01");
}
END_TEST

START_TEST(codes_tell_dates_from_numbers)
{
	static const struct {
		const char *code;
		enum document_format format;
	} codes[] = {
		{"General", FORMAT_PLAIN},
		{"0.00E+00", FORMAT_PLAIN},
		{"#,##0.00_);[Red](#,##0.00)", FORMAT_PLAIN},
		{"\"days\"0", FORMAT_PLAIN},
		{"0\\d", FORMAT_PLAIN},
		{"[$¥-804]#,##0", FORMAT_PLAIN},
		{"0.0%", FORMAT_PERCENT},
		{"yyyy-mm-dd", FORMAT_DATE},
		{"[$-804]yyyy\"年\"m\"月\";@", FORMAT_DATE},
		{"mmm", FORMAT_DATE},
		{"m/d/yy h:mm", FORMAT_DATE_TIME},
		{"h:mm AM/PM", FORMAT_TIME},
		{"mm:ss", FORMAT_TIME},
		{"[h]:mm:ss", FORMAT_ELAPSED},
		{"\"", FORMAT_PLAIN},
		{"\\", FORMAT_PLAIN},
		{"[", FORMAT_PLAIN},
	};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		ck_assert_msg(document_format_of(164, codes[i].code) == codes[i].format, "%s",
			codes[i].code);
	}
	ck_assert_int_eq(document_format_of(14, NULL), FORMAT_DATE);
	ck_assert_int_eq(document_format_of(22, NULL), FORMAT_DATE_TIME);
	ck_assert_int_eq(document_format_of(0, NULL), FORMAT_PLAIN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("format");
	TCase *tcase = tcase_create("format");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, numbers_are_rounded_as_sheets_do);
	tcase_add_test(tcase, days_are_dates);
	tcase_add_test(tcase, codes_tell_dates_from_numbers);
	return vectors_run(suite);
}
