/* test_upload.c - files of the outbox: begin, pieces, end, and the message that names the file; against the recording
 * of the official SDK. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#include "qg/buf.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define CHUNK 524288

static char dir[] = "/tmp/qg-wecom-upload-XXXXXX";
static char path[128];

static void open_world(void)
{
	world_open();
	world_up();
	snprintf(dir, sizeof(dir), "/tmp/qg-wecom-upload-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/outbox", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	world.host->bot.data_dir = dir;
}

static void close_world(void)
{
	world_close();
	snprintf(path, sizeof(path), "%s/outbox/f", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/outbox", dir);
	rmdir(path);
	rmdir(dir);
}

static void write_file(const char *head, size_t size)
{
	snprintf(path, sizeof(path), "%s/outbox/f", dir);
	FILE *file = fopen(path, "wb");
	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < size; i++) {
		fputc(i < strlen(head) ? head[i] : (int)(i % 251), file);
	}
	ck_assert_int_eq(fclose(file), 0);
}

static bool has_frames(void *arg)
{
	return peer.count >= *(size_t *)arg;
}

static void wait_frames(size_t count)
{
	fake_host_wait(world.loop, has_frames, &count);
	ck_assert_uint_eq(peer.count, count);
}

/* As the planner gives it: a part of its own behind the text. */
static void send_file(const char *type, const char *name, const char *file)
{
	struct qg_reply *reply = world_reply(NULL, false, "");
	reply->files = json_pack("[{s:s, s:s, s:s}]", "type", type, "name", name, "file", file);
	reply->file = json_array_get(reply->files, 0);
	reply->part = 1;
	reply->parts = 2;
	fake_host_send(world.host, reply);
}

static void say_id(size_t at, const char *name, const char *id)
{
	peer_answer(at, 0, json_pack("{s:s}", name, id));
}

START_TEST(test_small_file)
{
	write_file("hello\n", 220);
	send_file("file", "../notes.txt", "f");
	wait_frames(1);
	ck_assert_ptr_nonnull(strstr(peer.frames[0],
		"\"body\":{\"type\":\"file\",\"filename\":\"notes.txt\",\"total_size\":220,"
		"\"total_chunks\":1,\"md5\":\""));
	ck_assert_ptr_nonnull(strstr(peer.frames[0], "{\"cmd\":\"aibot_upload_media_init\","));
	say_id(0, "upload_id", "UPLOAD-1");
	wait_frames(2);
	ck_assert_ptr_nonnull(strstr(peer.frames[1], "\"body\":{\"upload_id\":\"UPLOAD-1\",\"chunk_"
						     "index\":0,\"base64_data\":\"aGVsbG8K"));
	peer_answer(1, 0, NULL);
	wait_frames(3);
	ck_assert_ptr_nonnull(strstr(peer.frames[2], "\"body\":{\"upload_id\":\"UPLOAD-1\"}}"));
	peer_answer(2, 0,
		json_pack("{s:s, s:s, s:s}", "type", "file", "media_id", "MEDIA-1", "created_at",
			"1763800100"));
	ck_assert_ptr_nonnull(strstr(peer.frames[3],
		"\"body\":{\"chatid\":\"" USER "\",\"chat_type\":1,\"msgtype\":\"file\",\"file\":"
		"{\"media_id\":\"MEDIA-1\"}}}"));
	peer_answer(3, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
	ck_assert_uint_eq(world_link()->uploads, 0);
}
END_TEST

/* Three pieces at once, the second refused once; as the recording has it. */
START_TEST(test_pieces)
{
	write_file("\x89PNG", 2 * CHUNK + 1000);
	send_file("image", "图表.png", "f");
	wait_frames(1);
	ck_assert_ptr_nonnull(strstr(peer.frames[0],
		"\"type\":\"image\",\"filename\":\"图表.png\",\"total_size\":1049576,"
		"\"total_chunks\":3,"));
	say_id(0, "upload_id", "U");
	wait_frames(4);
	size_t sizes[] = {699052, 699052, 1336};
	for (size_t i = 0; i < 3; i++) {
		json_t *frame = peer_frame(1 + i);
		const json_t *body = json_object_get(frame, "body");
		ck_assert_int_eq(qg_json_int(body, "chunk_index", -1), (int64_t)i);
		ck_assert_uint_eq(
			json_string_length(json_object_get(body, "base64_data")), sizes[i]);
		json_decref(frame);
	}
	peer_answer(1, 0, NULL);
	peer_answer(2, -1, NULL);
	peer_answer(3, 0, NULL);
	wait_frames(5); /* half a second later */
	json_t *frame = peer_frame(4);
	ck_assert_int_eq(qg_json_int(json_object_get(frame, "body"), "chunk_index", -1), 1);
	json_decref(frame);
	peer_answer(4, 0, NULL);
	wait_frames(6);
	say_id(5, "media_id", "M");
	ck_assert_str_eq(peer_str(6, "body.image.media_id"), "M");
	peer_answer(6, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
}
END_TEST

/* A file that is not there, or is none of the outbox: something else is shown in its place. */
START_TEST(test_failures)
{
	static const char *const names[] = {"none", "../f", "", ".", "a/b"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		send_file("file", "x", names[i]);
		while (world.host->sent_count <= i) {
			world_settle();
		}
		ck_assert_int_eq(world.host->sent[i], QG_UNSUPPORTED);
		ck_assert_uint_eq(peer.count, 0);
	}
	write_file("x", 4); /* the platform takes none under five bytes */
	send_file("file", "x", "f");
	while (world.host->sent_count < 6) {
		world_settle();
	}
	ck_assert_int_eq(world.host->sent[5], QG_UNSUPPORTED);
}
END_TEST

START_TEST(test_no_image)
{
	write_file("BM no picture that goes as one", 1000);
	send_file("image", "a.bmp", "f");
	wait_frames(1);
	ck_assert_str_eq(peer_str(0, "body.type"), "file");
	peer_answer(0, 45009, NULL);
	ck_assert_int_eq(world_sent(1), QG_BUSY);
}
END_TEST

/* The connection goes in the middle: all anew on the next one. */
START_TEST(test_loss)
{
	write_file("hello\n", 220);
	send_file("file", "notes.txt", "f");
	wait_frames(1);
	say_id(0, "upload_id", "U");
	wait_frames(2);
	peer_end();
	world_pass(1000);
	peer_accept();
	peer_answer(2, 0, NULL);
	wait_frames(4);
	ck_assert_str_eq(peer_str(3, "cmd"), "aibot_upload_media_init");
	ck_assert_int_eq(world_sent(0), QG_OK);
}
END_TEST

/* The bot ends while the pool reads. */
START_TEST(test_finish)
{
	write_file("hello\n", CHUNK);
	send_file("file", "notes.txt", "f");
	fake_host_destroy(world.host);
	world.host = NULL;
	qg_loop_finish_work(world.loop);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom upload");
	TCase *tests = tcase_create("upload");
	tcase_add_checked_fixture(tests, open_world, close_world);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_small_file);
	tcase_add_test(tests, test_pieces);
	tcase_add_test(tests, test_failures);
	tcase_add_test(tests, test_no_image);
	tcase_add_test(tests, test_loss);
	tcase_add_test(tests, test_finish);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
