/* test_frame.c - frames as bytes: what the official client's server sent is understood, pings and acks are the bytes it saw,
 * and what is damaged or too much is refused without harm. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "malloc.h"
#include "world.h"

#include "qg/codec.h"
#include "qg/json.h"

#define BYTES_MAX ((size_t)2 << 20)

/* ---- bytes ---- */

static void add_hex(struct qg_buf *out, const char *hex)
{
	size_t size = strlen(hex) / 2;
	ck_assert_int_eq(qg_buf_reserve(out, size), QG_OK);
	ck_assert_int_eq(qg_hex_decode(hex, 2 * size, out->data + out->size), QG_OK);
	out->size += size;
}

static enum qg_status read_hex(const char *hex, struct feishu_frame *frame)
{
	struct qg_buf bytes;
	qg_buf_init(&bytes, BYTES_MAX);
	add_hex(&bytes, hex);
	/* Of exactly this size, so that whoever reads behind it is found out. */
	char *exact = malloc(bytes.size > 0 ? bytes.size : 1);
	if (bytes.size > 0) {
		memcpy(exact, bytes.data, bytes.size);
	}
	enum qg_status status = feishu_frame_read(exact, bytes.size, frame);
	free(exact);
	qg_buf_finish(&bytes);
	return status;
}

static void check_hex(const struct qg_buf *bytes, const char *hex, const char *what)
{
	char *got = malloc(2 * bytes->size + 1);
	qg_hex_encode(bytes->data, bytes->size, got);
	ck_assert_msg(strcmp(got, hex) == 0, "%s:\n%s\n%s", what, got, hex);
	free(got);
}

static const char *id_of(const json_t *vector)
{
	return qg_json_str(vector, "id", "?");
}

/* ---- pings ---- */

START_TEST(test_pings)
{
	json_t *root = world_vectors("ws-connect-ping");
	size_t index, compared = 0;
	json_t *vector;
	json_array_foreach (json_object_get(root, "vectors"), index, vector) {
		const json_t *wanted = json_object_get(vector, "required");
		const char *hex = qg_json_str(wanted, "hex", NULL);
		const json_t *frame = json_object_get(wanted, "frame");
		struct qg_buf out;
		if (!hex) {
			continue;
		}
		qg_buf_init(&out, 64);
		ck_assert_int_eq(
			feishu_frame_ping((int32_t)qg_json_int(frame, "service", 0), &out), QG_OK);
		check_hex(&out, hex, id_of(vector));
		qg_buf_finish(&out);
		compared++;
	}
	ck_assert_uint_ge(compared, 4);
	json_decref(root);
}
END_TEST

/* ---- reading ---- */

static void check_frame(const struct feishu_frame *frame, const json_t *wanted)
{
	const char *payload = qg_json_str(wanted, "payload_utf8", NULL);
	size_t index;
	json_t *pair;
	ck_assert_int_eq(frame->method, qg_json_int(wanted, "method", -1));
	json_array_foreach (json_object_get(wanted, "headers"), index, pair) {
		const char *key = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));
		ck_assert_msg(feishu_frame_header_is(frame, key, value), "%s: %s", key, value);
	}
	if (payload && !strstr(payload, "\xef\xbf\xbd")) { /* not cut inside a character */
		ck_assert_uint_eq(frame->payload_size, strlen(payload));
		ck_assert_int_eq(memcmp(frame->payload, payload, frame->payload_size), 0);
	}
}

/* The official client's ack to this frame, where it is one to be like. */
static void check_ack(const struct feishu_frame *frame, const json_t *vector)
{
	const json_t *ack = json_array_get(json_object_get(vector, "sdk_acks"), 0);
	const char *payload = qg_json_str(json_object_get(ack, "frame"), "payload_utf8", NULL);
	bool is_rounded = strcmp(id_of(vector), "ws/event-big-ids") == 0;
	struct qg_buf out;
	if (!ack || is_rounded || strcmp(qg_json_str(ack, "biz_rt_observed", ""), "0") != 0) {
		return;
	}
	qg_buf_init(&out, BYTES_MAX);
	ck_assert_int_eq(feishu_frame_answer(frame, 0, payload, strlen(payload), &out), QG_OK);
	check_hex(&out, qg_json_str(ack, "raw_hex", ""), id_of(vector));
	qg_buf_finish(&out);
}

START_TEST(test_recorded)
{
	json_t *root = world_vectors("ws-acks");
	size_t index, at, read = 0;
	json_t *vector, *sent;
	json_array_foreach (json_object_get(root, "vectors"), index, vector) {
		json_array_foreach (json_object_get(vector, "sent"), at, sent) {
			const char *hex = qg_json_str(sent, "hex", NULL);
			struct feishu_frame frame = {0};
			if (!hex) {
				continue;
			}
			ck_assert_msg(read_hex(hex, &frame) == QG_OK, "%s", id_of(vector));
			check_frame(&frame, json_object_get(sent, "frame"));
			if (json_array_size(json_object_get(vector, "sent")) == 1) {
				check_ack(&frame, vector);
			}
			feishu_frame_finish(&frame);
			read++;
		}
	}
	ck_assert_uint_ge(read, 25);
	json_decref(root);
}
END_TEST

static const char *hex_of(const char *id)
{
	static json_t *root;
	size_t index;
	json_t *vector;
	json_decref(root);
	root = world_vectors("ws-negative");
	json_array_foreach (json_object_get(root, "vectors"), index, vector) {
		if (strcmp(id_of(vector), id) == 0) {
			return qg_json_str(vector, "sent_hex", "");
		}
	}
	ck_abort_msg("no vector %s", id);
	return NULL;
}

START_TEST(test_damaged)
{
	static const char *const ids[] = {"ws-neg/empty-message", "ws-neg/garbage",
		"ws-neg/text-message", "ws-neg/missing-required", "ws-neg/truncated",
		"ws-neg/overlong-length"};
	struct feishu_frame frame = {0};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		ck_assert_msg(read_hex(hex_of(ids[i]), &frame) == QG_INVALID, "%s", ids[i]);
		ck_assert_ptr_null(frame.packed);
	}
}
END_TEST

/* Each prefix of a good frame is one that is not there yet, or is damaged; none is taken for the whole. */
START_TEST(test_prefixes)
{
	const char *hex = "0801100018f681801020012a0d0a047479706512056576656e74";
	char cut[64];
	struct feishu_frame frame = {0};
	for (size_t size = 0; size < strlen(hex); size += 2) {
		memcpy(cut, hex, size);
		cut[size] = '\0';
		enum qg_status status = read_hex(cut, &frame);
		/* behind the four numbers only the header is missing */
		ck_assert_int_eq(status, size == 22 ? QG_OK : QG_INVALID);
		feishu_frame_finish(&frame);
	}
}
END_TEST

/* ---- what goes back ---- */

/* All 64 bits, fields that are there though empty, a header that holds a NUL, one that is no UTF-8; unknown fields do not. */
START_TEST(test_echo)
{
	static const char numbers[] = "08ffffffffffffffffff01"
				      "10818080808080801018ffffffffffffffffff012001";
	static const char first[] = "2a0a0a0374797012036100ff";
	static const char fields[] = "32003a00";
	static const char unknown[] = "7805820103616263";
	static const char header_with_unknown[] = "2a080a016b12017a7801";
	static const char log[] = "4a00";
	struct feishu_frame frame = {0};
	struct qg_buf text, out;
	qg_buf_init(&text, BYTES_MAX);
	qg_buf_init(&out, BYTES_MAX);
	qg_buf_printf(
		&text, "%s%s%s%s%s%s", numbers, first, fields, unknown, header_with_unknown, log);
	ck_assert_int_eq(read_hex(text.data, &frame), QG_OK);
	ck_assert_int_eq(feishu_frame_answer(&frame, 17, "{}", 2, &out), QG_OK);
	qg_buf_reset(&text);
	qg_buf_printf(&text, "%s%s%s%s%s%s%s", numbers, first, "2a060a016b12017a",
		"2a0c0a0662697a5f727412023137", fields, "42027b7d", log);
	check_hex(&out, text.data, "echo");
	feishu_frame_finish(&frame);
	qg_buf_finish(&text);
	qg_buf_finish(&out);
}
END_TEST

START_TEST(test_steal)
{
	struct feishu_frame frame = {0};
	struct qg_buf out;
	qg_buf_init(&out, BYTES_MAX);
	ck_assert_int_eq(read_hex("0801100018012001420368656c", &frame), QG_OK);
	const char *before = frame.payload;
	char *payload = feishu_frame_steal(&frame);
	ck_assert_ptr_eq(payload, before);
	ck_assert_uint_eq(frame.payload_size, 0);
	ck_assert_int_eq(feishu_frame_answer(&frame, 0, "x", 1, &out), QG_OK);
	check_hex(&out,
		"08011000180120012a0b0a0662697a5f72741201304201"
		"78",
		"stolen");
	free(payload);
	ck_assert_ptr_null(feishu_frame_steal(&frame));
	feishu_frame_finish(&frame);
	feishu_frame_finish(&frame);
	qg_buf_finish(&out);
}
END_TEST

START_TEST(test_numbers)
{
	/* sum=12, seq=-1, big: ten digits, empty, and one that is there twice: the first counts */
	const char *hex = "0801100018012001"
			  "2a090a0373756d12023132"
			  "2a090a0373657112022d31"
			  "2a110a03626967120a31303030303030303030"
			  "2a050a01651200"
			  "2a060a017412013"
			  "1"
			  "2a060a017412013"
			  "2";
	struct feishu_frame frame = {0};
	ck_assert_int_eq(read_hex(hex, &frame), QG_OK);
	ck_assert_int_eq(feishu_frame_number(&frame, "sum", 1), 12);
	ck_assert_int_eq(feishu_frame_number(&frame, "seq", 0), -1);
	ck_assert_int_eq(feishu_frame_number(&frame, "big", 1), -1);
	ck_assert_int_eq(feishu_frame_number(&frame, "e", 1), -1);
	ck_assert_int_eq(feishu_frame_number(&frame, "t", 0), 1);
	ck_assert_int_eq(feishu_frame_number(&frame, "absent", 7), 7);
	feishu_frame_finish(&frame);
}
END_TEST

/* ---- too much ---- */

static const struct {
	const char *repeated;
	unsigned times;
	enum qg_status status;
} floods[] = {
	{"2a060a016112016"
	 "2",
		64, QG_OK},
	{"2a060a016112016"
	 "2",
		65, QG_TOO_LARGE},
	{"2a060a016112016"
	 "2",
		100000, QG_TOO_LARGE},
	{"7801", 400000, QG_TOO_LARGE},	  /* unknown fields */
	{"820100", 300000, QG_TOO_LARGE}, /* empty ones */
	{"0801", 400000, QG_TOO_LARGE},	  /* the same number again */
	{"420161", 300000, QG_TOO_LARGE}, /* the same payload again */
	{"2a00", 1, QG_INVALID},	  /* a header without key and value */
	{"7b7c", 1, QG_INVALID},	  /* a group */
	{"7b", 100000, QG_INVALID},	  /* nested ones */
};

START_TEST(test_floods)
{
	struct qg_buf bytes;
	struct feishu_frame frame = {0};
	qg_buf_init(&bytes, BYTES_MAX);
	add_hex(&bytes, "0801100018012001");
	for (unsigned i = 0; i < floods[_i].times; i++) {
		add_hex(&bytes, floods[_i].repeated);
	}
	enum qg_status status = feishu_frame_read(bytes.data, bytes.size, &frame);
	ck_assert_msg(
		status == floods[_i].status, "%s: %s", floods[_i].repeated, qg_status_name(status));
	feishu_frame_finish(&frame);
	qg_buf_finish(&bytes);
}
END_TEST

START_TEST(test_too_large)
{
	char *bytes = calloc(1, FEISHU_FRAME_MAX + 1);
	struct feishu_frame frame = {0};
	ck_assert_int_eq(feishu_frame_read(bytes, FEISHU_FRAME_MAX + 1, &frame), QG_TOO_LARGE);
	/* 1 MiB of payload is a part like any other; the same as a header is not */
	memcpy(bytes, "\x08\x01\x10\x00\x18\x01\x20\x01\x42\x80\x80\x40", 12);
	ck_assert_int_eq(feishu_frame_read(bytes, 12 + ((size_t)1 << 20), &frame), QG_OK);
	ck_assert_uint_eq(frame.payload_size, (size_t)1 << 20);
	feishu_frame_finish(&frame);
	bytes[8] = 0x4a;
	ck_assert_int_eq(feishu_frame_read(bytes, 12 + ((size_t)1 << 20), &frame), QG_TOO_LARGE);
	free(bytes);
}
END_TEST

/* ---- without memory ---- */

static bool read_and_answer(void *arg)
{
	struct feishu_frame frame = {0};
	const struct qg_buf *bytes = arg;
	struct qg_buf out;
	qg_buf_init(&out, BYTES_MAX);
	enum qg_status status = feishu_frame_read(bytes->data, bytes->size, &frame);
	if (status == QG_OK) {
		status = feishu_frame_answer(&frame, 1, "{}", 2, &out);
	}
	if (status != QG_OK && status != QG_NO_MEMORY) { /* no ck_assert: it allocates */
		abort();
	}
	feishu_frame_finish(&frame);
	qg_buf_finish(&out);
	return status == QG_OK;
}

START_TEST(test_memory)
{
	struct qg_buf bytes;
	if (!qg_test_malloc_works()) {
		return;
	}
	qg_buf_init(&bytes, BYTES_MAX);
	add_hex(&bytes, hex_of("ws-neg/unknown-field"));
	ck_assert_int_ge(qg_test_each_malloc(read_and_answer, &bytes), 10);
	qg_buf_finish(&bytes);
}
END_TEST

/* Two parts and one of another set: what was begun is gone with the link, joined or not. */
static bool join_parts(void *arg)
{
	static const char *const parts[] = {
		"08011000180120012a0a0a0373756d1203"
		"303032"
		"2a080a037365711201302a0f0a0a6d6573736167655f69641201614201"
		"7b",
		"08011000180120012a0a0a0373756d1203"
		"303033"
		"2a080a037365711201302a0f0a0a6d6573736167655f69641201624201"
		"7b",
		"08011000180120012a0a0a0373756d1203"
		"303032"
		"2a080a037365711201312a0f0a0a6d6573736167655f69641201614201"
		"7d"};
	struct feishu_link link = {0};
	const char *data = NULL;
	size_t size = 0;
	enum feishu_joined joined = FEISHU_STARVED;
	(void)arg;
	qg_list_init(&link.sets);
	qg_buf_init(&link.scratch, BYTES_MAX);
	for (size_t i = 0; i < 3; i++) {
		char bytes[128];
		struct feishu_frame frame = {0};
		size_t length = strlen(parts[i]) / 2;
		joined = FEISHU_STARVED;
		if (qg_hex_decode(parts[i], 2 * length, bytes) == QG_OK &&
			feishu_frame_read(bytes, length, &frame) == QG_OK) {
			joined = feishu_parts_take(&link, &frame, &data, &size);
		}
		feishu_frame_finish(&frame);
		if (joined == FEISHU_STARVED) {
			break;
		}
	}
	bool whole = joined == FEISHU_WHOLE && size == 2 && memcmp(data, "{}", 2) == 0;
	feishu_parts_finish(&link);
	qg_buf_finish(&link.scratch);
	return whole;
}

START_TEST(test_parts_memory)
{
	ck_assert(join_parts(NULL));
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(join_parts, NULL), 20);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu frame");
	TCase *tests = tcase_create("frame");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_pings);
	tcase_add_test(tests, test_recorded);
	tcase_add_test(tests, test_damaged);
	tcase_add_test(tests, test_prefixes);
	tcase_add_test(tests, test_echo);
	tcase_add_test(tests, test_steal);
	tcase_add_test(tests, test_numbers);
	tcase_add_loop_test(tests, test_floods, 0, (int)(sizeof(floods) / sizeof(floods[0])));
	tcase_add_test(tests, test_too_large);
	tcase_add_test(tests, test_memory);
	tcase_add_test(tests, test_parts_memory);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
