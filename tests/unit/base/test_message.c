/* test_message.c - messages survive the wire; what is no message is refused in words. */
#include "qg/message.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/json.h"
#include "qg/str.h"
#include "support/malloc.h"

#define STORED_AT INT64_C(1795000000123)

static struct qg_message *small(void)
{
	struct qg_message *message = qg_message_create();
	message->id = qg_str_copy("m-1");
	message->chat = qg_str_copy("web");
	message->sender = qg_str_copy("web:王");
	message->text = qg_str_copy("你好");
	return message;
}

static struct qg_message *full(void)
{
	struct qg_message *message = small();
	message->kind = QG_MESSAGE_CLICK;
	message->chat_type = QG_CHAT_DIRECT;
	message->chat_name = qg_str_copy("前台\t\"群\"");
	message->thread = qg_str_copy("t/1");
	message->sender_name = qg_str_copy("王 \\ 五");
	message->mentions_bot = true;
	message->sender_is_admin = true;
	message->handle = qg_str_copy("https://example.com/?a=b&c");
	message->quote = qg_str_copy("昨天的\n菜单");
	message->attachments = json_pack("[{s:s, s:s, s:s, s:i, s:b}]", "type", "image", "key",
		"k1", "name", "菜单.png", "size", 77, "quoted", 1);
	message->sent_at = 1795000000000;
	message->received_us = 42;
	return message;
}

static void check_same(const struct qg_message *a, const struct qg_message *b)
{
	ck_assert_str_eq(a->id, b->id);
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_int_eq(a->chat_type, b->chat_type);
	ck_assert_str_eq(a->chat, b->chat);
	ck_assert(qg_str_equal(a->chat_name, b->chat_name));
	ck_assert(qg_str_equal(a->thread, b->thread));
	ck_assert_str_eq(a->sender, b->sender);
	ck_assert(qg_str_equal(a->sender_name, b->sender_name));
	ck_assert_str_eq(a->text, b->text);
	ck_assert_int_eq(a->mentions_bot, b->mentions_bot);
	ck_assert_int_eq(a->sender_is_admin, b->sender_is_admin);
	ck_assert(qg_str_equal(a->handle, b->handle));
	ck_assert(qg_str_equal(a->quote, b->quote));
	ck_assert(qg_json_equal(a->attachments, b->attachments));
	ck_assert_int_eq(a->sent_at, b->sent_at);
	ck_assert_uint_eq(a->received_us, b->received_us);
}

static void check_round(struct qg_message *message)
{
	size_t size = 0;
	int64_t stored_at = 0;
	char error[128] = "";
	char *wire = qg_message_encode(message, STORED_AT, &size);
	ck_assert_ptr_nonnull(wire);
	ck_assert_uint_eq(size, strlen(wire));
	struct qg_message *back = qg_message_decode(wire, size, &stored_at, error);
	ck_assert_msg(back != NULL, "%s", error);
	ck_assert_int_eq(stored_at, STORED_AT);
	check_same(message, back);
	qg_message_destroy(back);
	qg_message_destroy(message);
	free(wire);
}

START_TEST(messages_survive_the_wire)
{
	check_round(small());
	check_round(full());
	struct qg_message *message = small();
	free(message->text);
	message->text = qg_str_copy("");
	check_round(message);
	message = small();
	free(message->text);
	message->text = calloc(1, QG_TEXT_MAX + 1);
	memset(message->text, '\x01', QG_TEXT_MAX);
	check_round(message);
	message = small();
	message->feed_event = qg_str_copy("{}");
	check_round(message);
}
END_TEST

/* All of it but the attachments lies in the room then, and the other one may go. */
START_TEST(messages_settle_in_one_piece)
{
	struct qg_message *messages[] = {small(), full()};
	for (size_t i = 0; i < 2; i++) {
		struct qg_message *before = full();
		json_t *attachments = json_incref(messages[i]->attachments);
		size_t size = qg_message_room(messages[i]);
		char *room = malloc(size);
		struct qg_message settled = qg_message_settle(messages[i], room);
		ck_assert(settled.text >= room && settled.text < room + size);
		ck_assert(settled.attachments == attachments);
		qg_message_destroy(messages[i]);
		if (i > 0) {
			check_same(&settled, before);
		} else {
			ck_assert_ptr_null(settled.thread);
		}
		json_decref(attachments);
		json_decref(settled.attachments);
		free(room);
		qg_message_destroy(before);
	}
}
END_TEST

START_TEST(the_head_is_as_scripts_read_it)
{
	struct qg_message *message = full();
	char *wire = qg_message_encode(message, STORED_AT, NULL);
	ck_assert_int_eq(
		strncmp(wire, "1\t1\tm-1\tweb:王\tt/1\t1795000000123\n{\"chat\":\"web\",", 47), 0);
	free(wire);
	free(message->thread);
	message->thread = NULL;
	message->kind = QG_MESSAGE_DUE;
	wire = qg_message_encode(message, QG_STORED_AT_RUN, NULL);
	ck_assert_int_eq(strncmp(wire, "1\t2\tm-1\tweb:王\t\t%TIME%\n{", 25), 0);
	/* Only the script that runs it knows the time: until then it is no message. */
	ck_assert_ptr_null(qg_message_decode(wire, strlen(wire), NULL, NULL));
	free(wire);
	qg_message_destroy(message);
}
END_TEST

static const struct {
	const char *text;
	char kind;
} kinds[] = {
	{"你好", '0'}, {"/help", '3'}, {" \n/重置", '3'}, {"／帮助", '3'}, {"a/b", '0'}, {"", '0'}};

START_TEST(slash_words_travel_alone)
{
	struct qg_message *message = small();
	free(message->text);
	message->text = qg_str_copy(kinds[_i].text);
	char *wire = qg_message_encode(message, STORED_AT, NULL);
	ck_assert_int_eq(wire[2], kinds[_i].kind);
	free(wire);
	check_round(message);
}
END_TEST

static void set(char **field, const char *value)
{
	free(*field);
	*field = qg_str_copy(value);
}

static void check_not_encoded(struct qg_message *message)
{
	ck_assert_ptr_null(qg_message_encode(message, STORED_AT, NULL));
	qg_message_destroy(message);
}

START_TEST(fields_out_of_bounds_are_not_encoded)
{
	static const char *const bad_ids[] = {"", "a\tb", "a\nb", "\x7f", "\xc2\x85", "\xff"};
	for (size_t i = 0; i < sizeof(bad_ids) / sizeof(bad_ids[0]); i++) {
		struct qg_message *message = small();
		set(&message->id, bad_ids[i]);
		check_not_encoded(message);
		message = small();
		set(&message->sender, bad_ids[i]);
		check_not_encoded(message);
		message = small();
		set(&message->thread, bad_ids[i]);
		check_not_encoded(message);
		message = small();
		set(&message->chat, bad_ids[i]);
		check_not_encoded(message);
	}
	struct qg_message *message = small();
	free(message->id);
	message->id = calloc(1, QG_ID_MAX + 2);
	memset(message->id, 'i', QG_ID_MAX);
	char *wire = qg_message_encode(message, STORED_AT, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
	message->id[QG_ID_MAX] = 'i';
	check_not_encoded(message);
	message = small();
	free(message->text);
	message->text = calloc(1, QG_TEXT_MAX + 2);
	memset(message->text, 't', QG_TEXT_MAX + 1);
	check_not_encoded(message);
	message = small();
	set(&message->text, "bad \xff text");
	check_not_encoded(message);
	message = small();
	set(&message->text, NULL);
	check_not_encoded(message);
	message = small();
	message->sent_at = -1;
	check_not_encoded(message);
	message = small();
	message->attachments = json_pack("[{s:s}]", "key", "without a type");
	check_not_encoded(message);
	message = small();
	ck_assert_ptr_null(qg_message_encode(message, -2, NULL));
	ck_assert_ptr_null(qg_message_encode(message, INT64_MAX, NULL));
	qg_message_destroy(message);
	check_not_encoded(qg_message_create());
}
END_TEST

static const struct {
	const char *wire;
	const char *error;
} no_messages[] = {
	{"", "the head is no message's"},
	{"1\t0\tm\ts\t\t5", "the head is no message's"},
	{"2\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t4\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t-1\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\t\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\t\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t5\t\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t-5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t5x\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t9007199254740993\n{\"chat\":\"c\",\"text\":\"\"}",
		"the head is no message's"},
	{"1\t0\tm\xff\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}", "the head is no message's"},
	{"1\t0\tm\ts\t\t5\n", "ends too early (byte 0)"},
	{"1\t0\tm\ts\t\t5\n[]", "is not an object"},
	{"1\t0\tm\ts\t\t5\n{\"text\":\"\"}", "chat is missing"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\"}", "text is missing"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"\",\"text\":\"\"}", "chat is no id"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"sent_at\":-1}",
		"a time is out of range"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"received_us\":-1}",
		"a time is out of range"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"attachments\":[1]}",
		"attachments are not a list of {type, ...}"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"attachments\":[{\"type\":\"a\",\"key\":["
	 "]}]}",
		"attachments are not a list of {type, ...}"},
	{"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\",\"mention\":1}",
		"mention is not true or false"},
};

START_TEST(what_is_no_message_is_refused_in_words)
{
	char error[128] = "";
	int64_t stored_at = 77;
	const char *wire = no_messages[_i].wire;
	ck_assert_ptr_null(qg_message_decode(wire, strlen(wire), &stored_at, NULL));
	ck_assert_ptr_null(qg_message_decode(wire, strlen(wire), &stored_at, error));
	ck_assert_str_eq(error, no_messages[_i].error);
	ck_assert_int_eq(stored_at, 77);
}
END_TEST

START_TEST(nul_bytes_and_oversize_are_refused)
{
	char error[128] = "";
	static const char nul[] = "1\t0\tm\0m\ts\t\t5\n{\"chat\":\"c\",\"text\":\"\"}";
	ck_assert_ptr_null(qg_message_decode(nul, sizeof(nul) - 1, NULL, error));
	size_t size = 4 * 1024 * 1024;
	char *large = malloc(size);
	memset(large, ' ', size);
	ck_assert_ptr_null(qg_message_decode(large, size, NULL, error));
	ck_assert_str_eq(error, "too large");
	free(large);
}
END_TEST

/* size: bytes of a value in each. */
static json_t *pictures(size_t count, size_t size)
{
	char value[4097];
	memset(value, 'v', size);
	value[size] = '\0';
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(list, json_pack("{s:s, s:s}", "type", "image", "url", value));
	}
	return list;
}

static struct qg_message *with_pictures(size_t count, size_t size)
{
	struct qg_message *message = small();
	message->attachments = pictures(count, size);
	return message;
}

START_TEST(quotes_and_attachments_have_ceilings)
{
	struct qg_message *message = small();
	message->quote = calloc(1, QG_QUOTE_MAX + 2);
	memset(message->quote, 'q', QG_QUOTE_MAX);
	char *wire = qg_message_encode(message, STORED_AT, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
	message->quote[QG_QUOTE_MAX] = 'q';
	check_not_encoded(message);
	check_round(with_pictures(QG_ATTACHMENTS_MOST, 4000));
	check_not_encoded(with_pictures(QG_ATTACHMENTS_MOST, 4096)); /* over 64 KiB */
	check_not_encoded(with_pictures(QG_ATTACHMENTS_MOST + 1, 1));
}
END_TEST

START_TEST(messages_of_earlier_versions_are_read)
{
	char error[128] = "";
	static const char bare[] = "1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"t\"}";
	struct qg_message *message = qg_message_decode(bare, strlen(bare), NULL, error);
	ck_assert_msg(message != NULL, "%s", error);
	ck_assert_ptr_null(message->quote);
	ck_assert_ptr_null(message->attachments);
	qg_message_destroy(message);
	json_t *many = pictures(32, 1); /* they took twice as many */
	char *list = qg_json_dump(many);
	char *wire = qg_str_printf(
		"1\t0\tm\ts\t\t5\n{\"chat\":\"c\",\"text\":\"t\",\"attachments\":%s}", list);
	message = qg_message_decode(wire, strlen(wire), NULL, error);
	ck_assert_msg(message != NULL, "%s", error);
	ck_assert_uint_eq(json_array_size(message->attachments), QG_ATTACHMENTS_MOST);
	qg_message_destroy(message);
	free(wire);
	free(list);
	json_decref(many);
}
END_TEST

static bool round_message(void *arg)
{
	size_t size = 0;
	char error[128];
	char *wire = qg_message_encode(arg, STORED_AT, &size);
	struct qg_message *back = wire ? qg_message_decode(wire, size, NULL, error) : NULL;
	free(wire);
	qg_message_destroy(back);
	return back != NULL;
}

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		struct qg_message *message = full();
		ck_assert_int_ge(qg_test_each_malloc(round_message, message), 20);
		qg_message_destroy(message);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *tcase = tcase_create("message");
	tcase_add_test(tcase, messages_survive_the_wire);
	tcase_add_test(tcase, messages_settle_in_one_piece);
	tcase_add_test(tcase, the_head_is_as_scripts_read_it);
	tcase_add_loop_test(tcase, slash_words_travel_alone, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(tcase, fields_out_of_bounds_are_not_encoded);
	tcase_add_loop_test(tcase, what_is_no_message_is_refused_in_words, 0,
		sizeof(no_messages) / sizeof(no_messages[0]));
	tcase_add_test(tcase, nul_bytes_and_oversize_are_refused);
	tcase_add_test(tcase, quotes_and_attachments_have_ceilings);
	tcase_add_test(tcase, messages_of_earlier_versions_are_read);
	tcase_add_test(tcase, failing_memory_is_told_and_leaks_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
