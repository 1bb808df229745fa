/* test_metrics.c - series are found again, rendered in groups, and what others sent is not trusted. */
#include "qg/metrics.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"

static char *render(const char *process, const json_t *others)
{
	struct qg_buf out;
	qg_buf_init(&out, 1 << 20);
	qg_metrics_render(&out, process, others);
	ck_assert_int_eq(out.failed, QG_OK);
	return qg_buf_steal(&out);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
		n++;
	}
	return n;
}

START_TEST(asking_twice_gives_the_same_series)
{
	struct qg_metric *a = qg_metric_counter("asked_total", "bot=\"a\"", "Asked.");
	qg_metric_add(a, 2);
	ck_assert_ptr_eq(a, qg_metric_counter("asked_total", "bot=\"a\"", "Asked."));
	ck_assert_ptr_ne(a, qg_metric_counter("asked_total", "bot=\"b\"", "Asked."));
	ck_assert_int_eq(qg_metric_value(a), 2);
	char *text = render("p1", NULL);
	ck_assert_ptr_nonnull(strstr(text, "qungong_asked_total{bot=\"a\",process=\"p1\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "qungong_asked_total{bot=\"b\",process=\"p1\"} 0\n"));
	ck_assert_uint_eq(count(text, "# TYPE qungong_asked_total counter\n"), 1);
	free(text);
}
END_TEST

START_TEST(labels_and_process_may_be_absent)
{
	qg_metric_set(qg_metric_gauge("depth", NULL, "Depth."), -3);
	char *text = render(NULL, NULL);
	ck_assert_ptr_nonnull(strstr(text, "\nqungong_depth -3\n"));
	free(text);
	text = render("p", NULL);
	ck_assert_ptr_nonnull(strstr(text, "\nqungong_depth{process=\"p\"} -3\n"));
	free(text);
}
END_TEST

START_TEST(histogram_buckets_are_cumulative_and_their_bounds_inclusive)
{
	struct qg_metric *lag = qg_metric_histogram("lag_seconds", NULL, "Lag.");
	qg_metric_observe_us(lag, 100);
	qg_metric_observe_us(lag, 101);
	qg_metric_observe_us(lag, 61000000);
	char *text = render(NULL, NULL);
	ck_assert_ptr_nonnull(strstr(text, "qungong_lag_seconds_bucket{le=\"0.0001\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(text, "qungong_lag_seconds_bucket{le=\"0.0002\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "qungong_lag_seconds_bucket{le=\"60\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "qungong_lag_seconds_bucket{le=\"+Inf\"} 3\n"));
	ck_assert_ptr_nonnull(strstr(text, "qungong_lag_seconds_sum 61.000201\n"));
	ck_assert_ptr_nonnull(strstr(text, "qungong_lag_seconds_count 3\n"));
	ck_assert_int_eq(qg_metric_value(lag), 3);
	free(text);
}
END_TEST

START_TEST(others_stand_in_the_group_of_their_name)
{
	qg_metric_add(qg_metric_counter("turns_total", NULL, "Turns."), 1);
	qg_metric_observe_us(qg_metric_histogram("turn_seconds", "way=\"faq\"", "Turn."), 150);
	json_t *export = qg_metrics_export();
	ck_assert_ptr_nonnull(export);
	/* a name that we do not have ourselves, from two processes */
	json_t *theirs = json_pack("{s:s, s:s, s:[{s:s, s:i}]}", "kind", "gauge", "help", "Theirs.",
		"series", "labels", "x=\"1\"", "value", 7);
	json_object_set_new(export, "only_theirs", theirs);
	json_t *others = json_pack("{s:O, s:o}", "w1", export, "w2", export);
	char *text = render("g1", others);
	ck_assert_uint_eq(count(text, "# TYPE qungong_turns_total counter\n"), 1);
	ck_assert_ptr_nonnull(strstr(text, "qungong_turns_total{process=\"g1\"} 1\n"
					   "qungong_turns_total{process=\"w1\"} 1\n"
					   "qungong_turns_total{process=\"w2\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(
		text, "qungong_turn_seconds_bucket{way=\"faq\",process=\"w2\",le=\"0.0002\"} 1\n"));
	ck_assert_uint_eq(count(text, "# TYPE qungong_only_theirs gauge\n"), 1);
	ck_assert_ptr_nonnull(strstr(text, "qungong_only_theirs{x=\"1\",process=\"w1\"} 7\n"
					   "qungong_only_theirs{x=\"1\",process=\"w2\"} 7\n"));
	free(text);
	json_decref(others);
}
END_TEST

START_TEST(what_is_no_export_is_left_out)
{
	static const char *const bad[] = {
		"{\"p\": 1}",
		"{\"p\": {\"a b\": {\"kind\": \"gauge\", \"help\": \"h\", \"series\": []}}}",
		"{\"p\": {\"bad_a\": {\"kind\": \"summary\", \"help\": \"h\", \"series\": []}}}",
		"{\"p\": {\"bad_b\": {\"kind\": \"gauge\", \"help\": \"h\\nevil 1\", \"series\": "
		"[]}}}",
		"{\"p\": {\"bad_c\": {\"kind\": \"gauge\", \"series\": [{\"labels\": \"\", "
		"\"value\": 1}]}}}",
		"{\"evil\\np\": {\"bad_d\": {\"kind\": \"gauge\", \"help\": \"h\","
		" \"series\": [{\"labels\": \"\", \"value\": 1}]}}}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *others = json_loads(bad[i], 0, NULL);
		ck_assert_ptr_nonnull(others);
		char *text = render("g", others);
		ck_assert_ptr_null(strstr(text, "evil"));
		ck_assert_ptr_null(strstr(text, "qungong_a b"));
		ck_assert_msg(!strstr(text, "qungong_bad_a") && !strstr(text, "qungong_bad_b") &&
				      !strstr(text, "qungong_bad_c"),
			"%s", bad[i]);
		free(text);
		json_decref(others);
	}
}
END_TEST

START_TEST(a_bad_series_of_another_process_does_not_hide_its_neighbours)
{
	json_t *others = json_loads(
		"{\"p\": {\"mixed\": {\"kind\": \"histogram\", \"help\": \"h\", \"series\": ["
		"{\"labels\": \"a=\\\"1\\\"\", \"value\": 1, \"counts\": [1, 2], \"sum_us\": 3},"
		"{\"labels\": \"}\\nevil 1\", \"value\": 1}]},"
		"\"fine\": {\"kind\": \"counter\", \"help\": \"h\", \"series\": ["
		"{\"labels\": \"x} 1\\n\", \"value\": 1}, {\"labels\": \"\", \"value\": 5}]}}}",
		0, NULL);
	ck_assert_ptr_nonnull(others);
	char *text = render(NULL, others);
	ck_assert_ptr_null(strstr(text, "qungong_mixed_bucket"));
	ck_assert_ptr_null(strstr(text, "evil"));
	ck_assert_ptr_nonnull(strstr(text, "qungong_fine{process=\"p\"} 5\n"));
	free(text);
	json_decref(others);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tcase = tcase_create("metrics");
	tcase_add_test(tcase, asking_twice_gives_the_same_series);
	tcase_add_test(tcase, labels_and_process_may_be_absent);
	tcase_add_test(tcase, histogram_buckets_are_cumulative_and_their_bounds_inclusive);
	tcase_add_test(tcase, others_stand_in_the_group_of_their_name);
	tcase_add_test(tcase, what_is_no_export_is_left_out);
	tcase_add_test(tcase, a_bad_series_of_another_process_does_not_hide_its_neighbours);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
