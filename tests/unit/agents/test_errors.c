/* test_errors.c - every recorded refusal gets its class and its wait; logs hold no key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "models/error_wait.h"
#include "qg/json.h"
#include "vectors.h"

/* 2026-11-22 04:00:00 UTC, noon in China. */
#define NOW INT64_C(1795320000000)

static const char *header(void *arg, const char *name)
{
	return qg_json_str(arg, name, NULL);
}

static void check_wait(const char *id, const json_t *expected, int64_t wait)
{
	const json_t *wanted = json_object_get(expected, "wait_ms");
	/* Two name a point in time, which the file leaves to the reader's clock. */
	int64_t ms = json_is_integer(wanted)		   ? json_integer_value(wanted)
		     : strcmp(id, "rate-date-header") == 0 ? 30000
		     : strcmp(id, "zhipu-1308") == 0	   ? 6 * 3600000
							   : -1;
	ck_assert_msg(wait == ms, "%s: waits %lld, not %lld", id, (long long)wait, (long long)ms);
}

START_TEST(every_refusal_has_its_class)
{
	json_t *vectors = vectors_load("errors"), *vector;
	size_t index;
	ck_assert_uint_eq(json_array_size(vectors), 66);
	json_array_foreach (vectors, index, vector) {
		json_t *response = json_object_get(vector, "response");
		const json_t *expected = json_object_get(vector, "expected");
		const char *id = qg_json_str(vector, "id", ""),
			   *body = qg_json_str(response, "body", ""),
			   *name = qg_json_str(vector, "provider", "");
		const struct qg_provider *provider =
			qg_provider_find(strcmp(name, "tencent-tokenhub") == 0 ? "tokenhub" : name);
		ck_assert_msg(provider != NULL || strcmp(name, "proxy") == 0, "%s", name);
		const struct qg_vendor_reply reply = {
			.provider = provider != NULL ? provider->name : NULL,
			.status = (int)qg_json_int(response, "status", 0),
			.body = body,
			.size = strlen(body),
			.now = NOW,
			.header = header,
			.arg = json_object_get(response, "headers")};
		struct qg_vendor_error error;
		qg_vendor_error_read(&reply, &error);
		ck_assert_msg(error.error == vectors_class(qg_json_str(expected, "class", "")),
			"%s: '%s'", id, qg_model_error_text(error.error));
		ck_assert_msg(
			error.parks_key == qg_json_bool(expected, "park_key", false), "%s", id);
		ck_assert_msg(qg_model_error_fails_over(error.error) ==
				      qg_json_bool(expected, "failover", false),
			"%s: failover", id);
		check_wait(id, expected, error.wait_ms);
	}
	json_decref(vectors);
}
END_TEST

static struct qg_vendor_error read_one(const char *provider, int status, const char *body)
{
	const struct qg_vendor_reply reply = {.provider = provider,
		.status = status,
		.body = body,
		.size = strlen(body),
		.now = NOW};
	struct qg_vendor_error error;
	qg_vendor_error_read(&reply, &error);
	return error;
}

START_TEST(one_word_means_different_things)
{
	static const char body[] =
		"{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"x\"}}";
	ck_assert_int_eq(read_one("dashscope", 429, body).error, QG_MODEL_RATE);
	ck_assert_int_eq(read_one("openai", 429, body).error, QG_MODEL_BALANCE);
	ck_assert_int_eq(read_one("hunyuan", 402, "{}").error, QG_MODEL_PERMISSION);
	ck_assert_int_eq(read_one("stepfun", 402, "{}").error, QG_MODEL_BALANCE);
	ck_assert_int_eq(read_one("minimax", 200, "{\"base_resp\":{\"status_code\":1001}}").error,
		QG_MODEL_TIMEOUT);
}
END_TEST

START_TEST(any_body_has_a_class)
{
	static const char *const bodies[] = {"", "x", "{", "[]", "null", "1", "{\"error\":null}",
		"{\"error\":[1]}", "{\"error\":{\"code\":{}}}", "\"\"", "\xff\xfe",
		"{\"error\":{\"message\":\"a\\u0000\\ud800\"}}"};
	struct qg_vendor_error error = read_one(NULL, 500, bodies[_i]);
	ck_assert_int_eq(error.error, QG_MODEL_SERVER);
	ck_assert(qg_utf8_is_valid(error.message, strlen(error.message)));
	ck_assert_int_eq(read_one(NULL, 400, bodies[_i]).error, QG_MODEL_REQUEST);
	ck_assert_int_eq(read_one(NULL, 302, bodies[_i]).error, QG_MODEL_SERVER);
}
END_TEST

static const struct {
	const char *name, *value, *message;
	int64_t wait;
} waits[] = {
	{"retry-after", "3", "", 3000},
	{"retry-after", "0.5", "", 500},
	{"retry-after", "soon", "", -1},
	{"retry-after", "-5", "", -1},
	{"retry-after", "99999999999999", "", -1},
	{"retry-after", "Sat, 21 Nov 2026 04:00:00 GMT", "", 0},
	{"retry-after-ms", "120", "try again in 9s", 120},
	{"x", "", "Please try again in 1m12s.", 72000},
	{"x", "", "please try again in 120ms", 120},
	{"x", "", "Try again after 2 seconds", 2000},
	{"x", "", "try again in a while", -1},
	{"x", "", "try again later", -1},
	{"x", "", "reset at 2026-11-22 12:00:01", 1000},
	{"x", "", "reset at 2026-99-99", -1},
};

START_TEST(how_long_to_wait)
{
	json_t *headers = json_pack("{s:s}", waits[_i].name, waits[_i].value);
	const struct qg_vendor_reply reply = {.now = NOW, .header = header, .arg = headers};
	struct qg_vendor_error error = {.error = QG_MODEL_RATE};
	snprintf(error.message, sizeof(error.message), "%s", waits[_i].message);
	ck_assert_int_eq(qg_vendor_wait(&reply, &error), waits[_i].wait);
	json_decref(headers);
}
END_TEST

START_TEST(the_reset_of_a_used_up_limit)
{
	json_t *headers =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "x-ratelimit-remaining-requests", "0",
			"x-ratelimit-reset-requests", "120ms", "x-ratelimit-remaining-tokens", "0",
			"x-ratelimit-reset-tokens", "1m2s", "anthropic-ratelimit-tokens-remaining",
			"5", "anthropic-ratelimit-tokens-reset", "2026-11-22T05:00:00Z");
	const struct qg_vendor_reply reply = {.now = NOW, .header = header, .arg = headers};
	const struct qg_vendor_error error = {.error = QG_MODEL_RATE};
	ck_assert_int_eq(qg_vendor_wait(&reply, &error), 62000);
	json_object_set_new(headers, "anthropic-ratelimit-tokens-remaining", json_string("0"));
	ck_assert_int_eq(qg_vendor_wait(&reply, &error), 3600000);
	json_decref(headers);
}
END_TEST

START_TEST(words_hold_no_key_and_are_short)
{
	static const char key[] = "sk-0123456789abcdef";
	char body[2048], words[400];
	snprintf(body, sizeof(body),
		"{\"error\":{\"code\":\"%s\",\"message\":\"bad key \\u0073k-0123456789abcdef, or "
		"3456789abc\\n%0*d\"}}",
		key, 900, 0);
	struct qg_vendor_error error = read_one("openai", 401, body);
	qg_vendor_error_words(&error, key, words, sizeof(words));
	ck_assert_ptr_null(strstr(words, "0123456"));
	ck_assert_ptr_null(strstr(words, "3456789"));
	ck_assert_ptr_null(strchr(words, '\n'));
	ck_assert_ptr_nonnull(strstr(words, "HTTP 401"));
	ck_assert_ptr_nonnull(strstr(words, "bad key ***"));
	ck_assert_uint_lt(strlen(words), 320);
}
END_TEST

START_TEST(a_key_is_blotted_out)
{
	static const struct {
		const char *text, *key, *left;
	} cases[] = {
		{"a secret-key b", "secret-key", "a ********** b"},
		{"secret-k", "secret-key", "********"},
		{"secret", "secret-key", "secret"},
		{"ret-key1 x", "secret-key1", "******** x"},
		{"abc", "abc", "***"},
		{"x", NULL, "x"},
		{"x", "", "x"},
		{"secret-secret-key", "secret-key", "*****************"},
	};
	char text[64];
	snprintf(text, sizeof(text), "%s", cases[_i].text);
	qg_vendor_mask(text, cases[_i].key);
	if (_i < 7) {
		ck_assert_str_eq(text, cases[_i].left);
	} else {
		ck_assert_ptr_null(strstr(text, "secret-key"));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("errors");
	TCase *all = tcase_create("all");
	tcase_add_test(all, every_refusal_has_its_class);
	tcase_add_test(all, one_word_means_different_things);
	tcase_add_loop_test(all, any_body_has_a_class, 0, 12);
	tcase_add_loop_test(all, how_long_to_wait, 0, sizeof(waits) / sizeof(waits[0]));
	tcase_add_test(all, the_reset_of_a_used_up_limit);
	tcase_add_test(all, words_hold_no_key_and_are_short);
	tcase_add_loop_test(all, a_key_is_blotted_out, 0, 8);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
