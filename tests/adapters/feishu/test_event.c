/* test_event.c - what is understood of each recorded event: words, people, attachments. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"
#include "world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

static struct feishu_options set = {.app_id = (char *)APP,
	.app_secret = (char *)"s3cret",
	.transport = FEISHU_WEBHOOK,
	.verification_token = (char *)"EPTe2RR1iYWJk20LhClchH5tUrnc0vO5"};

static enum feishu_kind read_bytes(
	const char *body, size_t size, const char *own, struct qg_message **message_out)
{
	struct feishu_keys keys;
	struct feishu_proof proof = {0};
	struct feishu_envelope envelope;
	struct qg_buf scratch;
	feishu_keys_init(&keys, &set);
	qg_buf_init(&scratch, FEISHU_BODY_MAX);
	enum feishu_verdict verdict =
		feishu_envelope_open(&keys, &proof, body, size, &scratch, &envelope);
	ck_assert_msg(verdict == FEISHU_EVENT, "%s", envelope.why);
	enum feishu_kind kind = feishu_event_read(&envelope, own, message_out);
	qg_buf_finish(&scratch);
	return kind;
}

static json_t *root;

static void setup(void)
{
	root = world_vectors("events-plain");
}

static void teardown(void)
{
	json_decref(root);
}

static const json_t *find(const char *id)
{
	const json_t *vectors = json_object_get(root, "vectors");
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		const json_t *vector = json_array_get(vectors, i);
		if (strcmp(qg_json_str(vector, "id", "") + strlen("plain/"), id) == 0) {
			return vector;
		}
	}
	ck_abort_msg("no vector %s", id);
	return NULL;
}

static struct qg_message *read_vector(const char *id)
{
	struct qg_message *message = NULL;
	size_t size = 0;
	char *body = world_body(json_object_get(find(id), "request"), &size);
	ck_assert_msg(read_bytes(body, size, OWN, &message) == FEISHU_MESSAGE, "%s", id);
	free(body);
	return message;
}

/* What the vectors say of each event, and what is the same in all. */
START_TEST(test_all)
{
	const json_t *vectors = json_object_get(root, "vectors");
	size_t messages = 0;
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		const json_t *vector = json_array_get(vectors, i);
		const char *id = qg_json_str(vector, "id", "?");
		const json_t *told = json_object_get(vector, "normalized");
		const json_t *event =
			json_object_get(json_object_get(vector, "decrypted"), "event");
		const json_t *source = json_object_get(event, "message");
		bool is_message = strcmp(qg_json_str(told, "kind", ""), "message") == 0 &&
				  strcmp(qg_json_str(told, "sender_type", "user"), "user") == 0;
		struct qg_message *message = NULL;
		size_t size = 0;
		char *body = world_body(json_object_get(vector, "request"), &size);
		enum feishu_kind kind = read_bytes(body, size, OWN, &message);
		free(body);
		ck_assert_msg(kind == (is_message ? FEISHU_MESSAGE : FEISHU_IGNORED), "%s", id);
		if (!is_message) {
			continue;
		}
		messages++;
		bool is_direct = strcmp(qg_json_str(told, "chat_type", ""), "p2p") == 0;
		ck_assert_int_eq(message->chat_type, is_direct ? QG_CHAT_DIRECT : QG_CHAT_GROUP);
		ck_assert_msg(message->mentions_bot == qg_json_bool(told, "mentions_bot", false),
			"%s", id);
		ck_assert_str_eq(message->id, qg_json_str(source, "message_id", ""));
		ck_assert_str_eq(message->handle, message->id);
		ck_assert_str_eq(message->chat, qg_json_str(source, "chat_id", ""));
		ck_assert_int_eq(message->sent_at, 1763777777000);
		ck_assert(qg_str_equal(message->thread, qg_json_str(told, "thread_id", NULL)));
		ck_assert_ptr_null(message->sender_name);
		ck_assert_ptr_null(strstr(message->text, "@_"));
		char *wire = qg_message_encode(message, 1, NULL);
		ck_assert_msg(wire != NULL, "%s", id);
		free(wire);
		qg_message_destroy(message);
	}
	ck_assert_uint_ge(messages, 20);
}
END_TEST

static const char *key_in(const struct qg_message *message, const char *member, size_t nth)
{
	size_t i;
	json_t *item;
	json_array_foreach (message->attachments, i, item) {
		bool is_image = strcmp(qg_json_str(item, "type", ""), "image") == 0;
		const char *image = is_image ? qg_json_str(item, "key", NULL)
					     : qg_json_str(item, "cover", NULL);
		const char *key = is_image ? NULL : qg_json_str(item, "key", NULL);
		const char *found = strcmp(member, "image_keys") == 0 ? image : key;
		if (found && nth-- == 0) {
			return found;
		}
	}
	return NULL;
}

/* Each file that the vectors name is there, with the id of its message, by which it is fetched. */
START_TEST(test_files)
{
	static const char *const members[] = {"image_keys", "file_keys"};
	const json_t *vectors = json_object_get(root, "vectors");
	unsigned keys = 0;
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		const json_t *vector = json_array_get(vectors, i);
		const json_t *told = json_object_get(vector, "normalized");
		const char *id = qg_json_str(vector, "id", "") + strlen("plain/");
		for (size_t m = 0; m < 2; m++) {
			const json_t *list = json_object_get(told, members[m]);
			struct qg_message *message = list ? read_vector(id) : NULL;
			for (size_t k = 0; k < json_array_size(list); k++) {
				const char *key = json_string_value(json_array_get(list, k));
				ck_assert_str_eq(key_in(message, members[m], k), key);
				const json_t *item = json_array_get(message->attachments, 0);
				ck_assert_str_eq(qg_json_str(item, "message", ""), message->id);
				ck_assert_int_eq(qg_json_int(item, "duration_ms", 0),
					strcmp(id, "media-p2p") == 0
						? 3100
						: qg_json_int(told, "duration_ms", 0));
				keys++;
			}
			qg_message_destroy(message);
		}
	}
	ck_assert_uint_ge(keys, 9);
}
END_TEST

static const struct {
	const char *id, *text;
} texts[] = {
	{"text-group-mention-bot", "帮我查一下今天的构建状态"},
	{"text-group-many-mentions", "请把结论发给 @张三 和 @李四"},
	{"text-group-at-all", "@所有人 今晚八点发布，请留意"},
	{"text-group-mention-human-only", "@李四 ok"},
	{"text-p2p", "你好，请介绍一下你自己"},
	{"text-escapes",
		"第一行\n第二行\t制表 \"引号\" \\反斜杠 </at> <b>x</b> & 🚀👨\u200d👩\u200d👧"},
	{"post-group",
		"周报\n**进度如下：**[看板](https://example.com/board?id=1&x=2)\n\n[SMILE]\n---\n"
		"```PYTHON\nprint(\"hi\")\n```"},
	{"post-locale-wrapped", "周报\n进度如下："},
	{"image-p2p", ""},
	{"interactive-group", "T\nbody [link](https://example.com)[OK]\n---\nfoot"},
	{"sticker-p2p", ""},
	{"merge-forward-p2p", ""},
	{"unknown-type", ""},
	{"content-not-json", ""},
};

START_TEST(test_texts)
{
	struct qg_message *message = read_vector(texts[_i].id);
	ck_assert_str_eq(message->text, texts[_i].text);
	qg_message_destroy(message);
}
END_TEST

static const struct {
	const char *id;
	size_t at;
	const char *type, *key, *name;
} attachments[] = {
	{"image-p2p", 0, "image", "img_v3_02ab_3c288902-a65b-0f51-f7ee-6b3e2af0a9eg", NULL},
	{"file-p2p", 0, "file", "file_v3_00ab_af3d25e2-d9f8-799b-882b-ce5e1c702fdg",
		"需求说明.pdf"},
	{"file-traversal-name", 0, "file", "file_v3_00ab_91d3dc27-c364-6d9a-3e43-3847bebc7d3g",
		"x\uFFFD.txt"},
	{"audio-p2p", 0, "audio", "file_v3_00ab_ef0f1e64-6348-4c19-83c2-697ff5dbfb0g", NULL},
	{"media-p2p", 0, "video", "file_v3_00ab_277f6f05-47ad-d34b-0817-43c7eeb17cfg", "a.mp4"},
	{"text-reply", 0, "quote", "om_x100a6e422b54f812be794b48e811015", NULL},
	{"text-thread", 0, "quote", "om_x1000a47e02ec0e75b0aeaf883987617", NULL},
	{"post-group", 0, "image", "img_v3_02ab_4723b007-c047-f1f6-0238-586cadf05eeg", NULL},
	{"post-group", 1, "video", "file_v3_00ab_73e9b087-5567-f77a-a738-0006a6a79a2g", NULL},
	{"merge-forward-p2p", 0, "forward", "om_x10057d7febf913511638548c3809e56", NULL},
	{"unknown-type", 0, "hologram", "", NULL},
	{"sticker-p2p", 0, "sticker", "", NULL},
	{"content-not-json", 0, "text", "", NULL},
};

static void check_member(const json_t *item, const char *name, const char *expected)
{
	const char *value = qg_json_str(item, name, NULL);
	if (expected && strcmp(expected, "*") == 0) {
		ck_assert(value && value[0]);
	} else {
		ck_assert_msg(
			qg_str_equal(value, expected), "%s: %s", name, value ? value : "none");
	}
}

START_TEST(test_attachments)
{
	struct qg_message *message = read_vector(attachments[_i].id);
	const json_t *item = json_array_get(message->attachments, attachments[_i].at);
	ck_assert_ptr_nonnull(item);
	check_member(item, "type", attachments[_i].type);
	check_member(item, "key", attachments[_i].key);
	check_member(item, "name", attachments[_i].name);
	qg_message_destroy(message);
}
END_TEST

/* A type that is no text is no reason to be sent the message again and again. */
START_TEST(test_type_that_is_none)
{
	const struct qg_piece type = {.kind = QG_PIECE_NUMBER, .data = "7", .size = 1};
	struct feishu_content content;
	feishu_content_init(&content, OWN);
	ck_assert_int_eq(feishu_content_read(&content, &type, "{}", 2), QG_OK);
	check_member(json_array_get(content.attachments, 0), "type", "unknown");
	feishu_content_finish(&content);
}
END_TEST

/* A group message made of these. content: JSON text that goes quoted into the event. */
static char *make_event(
	const char *type, const char *content, const char *mentions, size_t *size_out)
{
	struct qg_buf quoted;
	qg_buf_init(&quoted, FEISHU_BODY_MAX);
	ck_assert_int_eq(qg_json_quote(content, strlen(content), &quoted), QG_OK);
	char *body = qg_str_printf(
		"{\"header\":{\"event_type\":\"im.message.receive_v1\",\"token\":\"%s\","
		"\"app_id\":\"" APP
		"\"},\"event\":{\"sender\":{\"sender_id\":{\"open_id\":\"ou_a\"},"
		"\"sender_type\":\"user\"},\"message\":{\"message_id\":\"om_1\",\"chat_id\":\"oc_"
		"1\","
		"\"create_time\":\"1763777777000000\",\"chat_type\":\"group\",\"message_type\":\"%"
		"s\","
		"\"mentions\":%s,\"content\":%s}}}",
		set.verification_token, type, mentions, quoted.data);
	ck_assert_ptr_nonnull(body);
	*size_out = strlen(body);
	qg_buf_finish(&quoted);
	return body;
}

static struct qg_message *read_made(const char *type, const char *content, const char *mentions)
{
	size_t size = 0;
	struct qg_message *message = NULL;
	char *body = make_event(type, content, mentions, &size);
	ck_assert_int_eq(read_bytes(body, size, OWN, &message), FEISHU_MESSAGE);
	free(body);
	return message;
}

static const struct {
	const char *type, *content, *text;
} kinds[] = {
	{"share_chat", "{\"chat_id\":\"oc_secret\"}", "[群名片]"},
	{"share_user", "{\"user_id\":\"ou_secret\"}", "[个人名片]"},
	{"location", "{\"name\":\"一号楼\",\"longitude\":\"121.4\",\"latitude\":\"31.2\"}",
		"[位置：一号楼（经度 121.4，纬度 31.2）]"},
	{"location", "{}", "[位置]"},
	{"location", "[", "[位置]"},
	{"todo",
		"{\"task_id\":\"t\",\"summary\":{\"title\":\"\",\"content\":[[{\"tag\":"
		"\"text\",\"text\":\"交表\"}]]},\"due_time\":\"1763777777000\"}",
		"[任务：交表，截止 2025-11-22 10:16]"},
	{"vote", "{\"topic\":\"吃什么\",\"options\":[\"面\",\"饭\",7]}",
		"[投票：吃什么；选项：面、饭]"},
	{"hongbao", "{\"text\":\"[红包]\"}", "[红包]"},
	{"video_chat", "{\"topic\":\"例\\n会\",\"start_time\":\"1763777777000\"}",
		"[视频会议：例 会，2025-11-22 10:16]"},
	{"calendar",
		"{\"summary\":\"周会\",\"start_time\":\"1763777777\",\"end_time\":"
		"\"1763781377\"}",
		"[日程：周会，2025-11-22 10:16 至 2025-11-22 11:16]"},
	{"general_calendar", "{\"start_time\":7e99}", "[日程]"},
	{"post",
		"{\"content\":[[{\"tag\":\"text\",\"text\":\" 重 \",\"style\":[\"bold\","
		"\"italic\"]},{\"tag\":\"text\",\"text\":\"旧\",\"style\":[\"lineThrough\"]},"
		"{\"tag\":\"text\",\"text\":\"下\",\"style\":[\"underline\"]},{\"tag\":\"text\","
		"\"text\":\" \",\"style\":[\"bold\"]},{\"tag\":\"at\",\"user_id\":\"ou_secret\","
		"\"user_name\":\"李四\"}],[{\"tag\":\"at\",\"user_id\":\"all\"}]]}",
		"***重*** ~~旧~~<u>下</u> @李四\n@所有人"},
	{"post",
		"{\"content\":[[{\"tag\":\"text\",\"text\":\"看\"},{\"tag\":\"code_block\","
		"\"text\":\"a\\n```\\nb\"}],[{\"tag\":\"text\",\"text\":\"完\"}]]}",
		"看\n````\na\n```\nb\n````\n完"},
	{"interactive",
		"{\"header\":{\"title\":{\"tag\":\"plain_text\",\"content\":\"题\"}},\"body\":{"
		"\"elements\":[{\"tag\":\"markdown\",\"content\":\"文\"},{\"tag\":\"img\","
		"\"img_key\":\"k\"},{\"tag\":\"column_set\",\"columns\":[{\"tag\":\"column\","
		"\"elements\":[{\"tag\":\"button\",\"text\":{\"tag\":\"plain_text\",\"content\":"
		"\"好\"}}]}]}]}}",
		"题\n文\n[图片]\n[好]"},
};

START_TEST(test_kinds)
{
	qg_clock_set_zone("Asia/Shanghai");
	struct qg_message *message = read_made(kinds[_i].type, kinds[_i].content, "[]");
	ck_assert_str_eq(message->text, kinds[_i].text);
	ck_assert_ptr_null(message->attachments);
	qg_message_destroy(message);
}
END_TEST

/* By itself, that is: a quote of it is told. */
START_TEST(test_what_asks_nothing)
{
	static const char *const types[] = {"sticker", "folder"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct qg_message *message =
			read_made(types[i], "{\"file_key\":\"f\",\"file_name\":\"资料\"}", "[]");
		ck_assert_str_eq(message->text, "");
		check_member(json_array_get(message->attachments, 0), "type", types[i]);
		qg_message_destroy(message);
	}
}
END_TEST

#define OWN_MENTION "{\"key\":\"@_user_1\",\"id\":{\"open_id\":\"" OWN "\"},\"name\":\"小助手\"}"

START_TEST(test_whole_placeholders)
{
	struct qg_message *message = read_made("text",
		"{\"text\":\"@_user_10@_user_1 看 @_user_2，@_user_ 和 @_allin a@b @_user_99\"}",
		"[" OWN_MENTION
		",{\"key\":\"@_user_10\",\"id\":{\"open_id\":\"ou_x\"},\"name\":\"十\"},"
		"{\"key\":\"@_user_2\",\"id\":{\"open_id\":\"ou_y\"},\"name\":\"二\\n@_user_1\"}]");
	ck_assert_str_eq(message->text, "@十 看 @二 @_user_1，@_user_ 和 @所有人in a@b @_user_99");
	ck_assert(message->mentions_bot);
	ck_assert_int_eq(message->sent_at, 1763777777000); /* came in microseconds */
	qg_message_destroy(message);
}
END_TEST

/* Neither an empty id nor a like one is this bot. */
START_TEST(test_others_are_not_me)
{
	static const char *const mentions[] = {"[]", "null", "[7,null,\"x\",{}]",
		"[{\"key\":\"@_user_1\",\"id\":{\"open_id\":\"\"},\"name\":\"小助手\"}]",
		"[{\"key\":\"@_user_1\",\"id\":{\"open_id\":\"" OWN "0\"},\"name\":\"小助手\"}]",
		"[{\"key\":\"@_user_1\",\"id\":\"" OWN "\",\"name\":\"小助手\"}]"};
	for (size_t i = 0; i < sizeof(mentions) / sizeof(mentions[0]); i++) {
		struct qg_message *message =
			read_made("text", "{\"text\":\"@_user_1 好\"}", mentions[i]);
		ck_assert_msg(!message->mentions_bot, "%s", mentions[i]);
		qg_message_destroy(message);
	}
	struct qg_message *message = NULL;
	size_t size = 0;
	char *body = make_event("text", "{\"text\":\"@_all 好\"}",
		"[{\"key\":\"@_all\",\"id\":{\"open_id\":\"\"},\"name\":\"所有人\"}]", &size);
	ck_assert_int_eq(read_bytes(body, size, "", &message), FEISHU_UNSURE);
	ck_assert_int_eq(read_bytes(body, size, NULL, &message), FEISHU_UNSURE);
	free(body);
}
END_TEST

/* Whatever a text grows to by the names in it, what comes out is bounded and says that it was cut. */
/* However many are named before it. */
/* No tree is made of what no client sends: it is named, and that is all. */
START_TEST(test_giant_card)
{
	QG_AUTO(qg_buf_finish) struct qg_buf card;
	qg_buf_init(&card, FEISHU_BODY_MAX);
	qg_buf_add_str(&card, "{\"title\":\"T\",\"elements\":[");
	while (card.size < 200 * 1024) {
		qg_buf_add_str(&card, "{},");
	}
	qg_buf_add_str(&card, "{}]}");
	struct qg_message *message = read_made("interactive", card.data, "[]");
	ck_assert_str_eq(message->text, "");
	ck_assert_str_eq(
		qg_json_str(json_array_get(message->attachments, 0), "type", ""), "interactive");
	qg_message_destroy(message);
}
END_TEST

START_TEST(test_mention_among_many)
{
	struct qg_buf mentions;
	qg_buf_init(&mentions, FEISHU_BODY_MAX);
	for (unsigned i = 1; i <= 500; i++) {
		qg_buf_printf(&mentions,
			"%s{\"key\":\"@_user_%u\",\"id\":{\"open_id\":\"%s\"},\"name\":\"某人\"}",
			i == 1 ? "[" : ",", i, i == 500 ? OWN : "ou_other");
	}
	qg_buf_add_str(&mentions, "]");
	struct qg_message *message =
		read_made("text", "{\"text\":\"@_user_1 @_user_500 几点开门\"}", mentions.data);
	ck_assert(message->mentions_bot);
	ck_assert_str_eq(message->text, "@某人  几点开门");
	qg_message_destroy(message);
	qg_buf_finish(&mentions);
}
END_TEST

START_TEST(test_long_text)
{
	struct qg_buf text;
	qg_buf_init(&text, FEISHU_BODY_MAX);
	qg_buf_add_str(&text, "{\"text\":\"");
	for (size_t i = 0; i < 20000; i++) {
		qg_buf_add_str(&text, "@_user_7");
	}
	ck_assert_int_eq(qg_buf_add_str(&text, "\"}"), QG_OK);
	struct qg_message *message = read_made("text", text.data,
		"[{\"key\":\"@_user_7\",\"id\":{\"open_id\":\"ou_x\"},\"name\":"
		"\"某某某某某某某某\"}]");
	size_t size = strlen(message->text);
	ck_assert_uint_le(size, QG_TEXT_MAX);
	ck_assert_uint_gt(size, QG_TEXT_MAX - 64);
	ck_assert(qg_utf8_is_valid(message->text, size));
	ck_assert_ptr_nonnull(strstr(message->text, "（后文过长，已截去）"));
	qg_message_destroy(message);
	qg_buf_finish(&text);
}
END_TEST

START_TEST(test_many_attachments)
{
	struct qg_buf text;
	qg_buf_init(&text, FEISHU_BODY_MAX);
	qg_buf_add_str(&text, "{\"content\":[[");
	for (size_t i = 0; i < 100; i++) {
		qg_buf_add_str(&text, "{\"tag\":\"img\",\"image_key\":\"k\"},");
	}
	ck_assert_int_eq(
		qg_buf_add_str(&text, "7,null,{\"tag\":\"text\",\"text\":\"完\"}],9,[]]}"), QG_OK);
	struct qg_message *message = read_made("post", text.data, "[]");
	ck_assert_uint_eq(json_array_size(message->attachments), QG_ATTACHMENTS_MOST);
	ck_assert_str_eq(message->text, "完");
	char *wire = qg_message_encode(message, 1, NULL);
	ck_assert_ptr_nonnull(wire);
	free(wire);
	qg_message_destroy(message);
	qg_buf_finish(&text);
}
END_TEST

struct torture {
	char *body;
	size_t size;
};

/* Nothing of the test's own may allocate here. */
static bool read_once(void *arg)
{
	const struct torture *torture = arg;
	struct qg_message *message = NULL;
	struct feishu_envelope envelope;
	struct feishu_proof proof = {0};
	struct feishu_keys keys;
	struct qg_buf scratch;
	feishu_keys_init(&keys, &set);
	qg_buf_init(&scratch, FEISHU_BODY_MAX);
	enum feishu_verdict verdict = feishu_envelope_open(
		&keys, &proof, torture->body, torture->size, &scratch, &envelope);
	bool read = verdict == FEISHU_EVENT &&
		    feishu_event_read(&envelope, OWN, &message) == FEISHU_MESSAGE;
	if (read) {
		qg_message_destroy(message);
	}
	qg_buf_finish(&scratch);
	return read;
}

START_TEST(test_without_memory)
{
	static const char *const ids[] = {"text-group-many-mentions", "post-group", "file-p2p",
		"unknown-type", "media-p2p", "text-reply", "interactive-group", "merge-forward-p2p",
		"sticker-p2p"};
	if (!qg_test_malloc_works()) {
		return;
	}
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct torture torture;
		torture.body = world_body(json_object_get(find(ids[i]), "request"), &torture.size);
		read_once(&torture); /* the plan of the scan is made once a process */
		ck_assert_int_gt(qg_test_each_malloc(read_once, &torture), 0);
		free(torture.body);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu event");
	TCase *tests = tcase_create("event");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_all);
	tcase_add_test(tests, test_files);
	tcase_add_loop_test(tests, test_kinds, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(tests, test_what_asks_nothing);
	tcase_add_loop_test(tests, test_texts, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_loop_test(
		tests, test_attachments, 0, sizeof(attachments) / sizeof(attachments[0]));
	tcase_add_test(tests, test_type_that_is_none);
	tcase_add_test(tests, test_whole_placeholders);
	tcase_add_test(tests, test_others_are_not_me);
	tcase_add_test(tests, test_giant_card);
	tcase_add_test(tests, test_mention_among_many);
	tcase_add_test(tests, test_long_text);
	tcase_add_test(tests, test_many_attachments);
	tcase_add_test(tests, test_without_memory);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
