/* test_media.c - what a turn asks of pictures and files, by an adapter that does as it is told; and handles that are
 * shown as open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/document.h"
#include "qg/str.h"
#include "told.h"

/* ---- the platform ---- */

enum { FETCHES = 64 };

static struct fetch {
	struct qg_bot *bot;
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size);
	void *arg;
	size_t most;
	char name[64];
	bool live;
} fetches[FETCHES];
static size_t fetch_count, forgotten;
static int bots_live;
static enum qg_status init_says;

static enum qg_status told_init(struct qg_bot *bot)
{
	ck_assert_ptr_nonnull(bot->config);
	*(int *)bot->state = 7;
	bots_live++;
	return init_says;
}

static void told_finish(struct qg_bot *bot)
{
	ck_assert_int_eq(*(int *)bot->state, 7);
	bots_live--;
	for (size_t i = 0; i < fetch_count; i++) {
		ck_assert(!fetches[i].live || fetches[i].bot != bot);
	}
}

static void told_media(struct qg_bot *bot, const json_t *attachment, size_t most,
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size), void *arg)
{
	ck_assert_uint_lt(fetch_count, FETCHES);
	struct fetch *fetch = &fetches[fetch_count++];
	*fetch = (struct fetch){.bot = bot, .fn = fn, .arg = arg, .most = most, .live = true};
	snprintf(fetch->name, sizeof(fetch->name), "%s",
		json_string_value(json_object_get(attachment, "name")));
}

static void told_forget(struct qg_bot *bot, void *arg)
{
	for (size_t i = 0; i < fetch_count; i++) {
		if (fetches[i].live && fetches[i].arg == arg) {
			ck_assert_ptr_eq(fetches[i].bot, bot);
			fetches[i].live = false;
			forgotten++;
			return;
		}
	}
	ck_abort_msg("nobody asked");
}

static void told_send(struct qg_bot *bot, struct qg_reply *reply)
{
	ck_abort_msg("never started");
}

static const struct qg_adapter platform = {.name = "told",
	.can = {.shows_open = true},
	.state_size = sizeof(int),
	.init = told_init,
	.send = told_send,
	.finish = told_finish,
	.media = told_media,
	.media_forget = told_forget};

static void give(size_t index, enum qg_status status, const char *data, size_t size)
{
	struct fetch *fetch = &fetches[index];
	char *copy = NULL;
	ck_assert(fetch->live);
	fetch->live = false;
	if (status == QG_OK) {
		copy = malloc(size + 1);
		memcpy(copy, data, size);
		copy[size] = '\0';
	}
	fetch->fn(fetch->arg, status, copy, size);
}

static size_t count_live_fetches(void)
{
	size_t count = 0;
	for (size_t i = 0; i < fetch_count; i++) {
		count += fetches[i].live ? 1 : 0;
	}
	return count;
}

static bool are_asked_for(void *arg)
{
	return fetch_count >= *(size_t *)arg;
}

static bool are_all_over(void *arg)
{
	return count_live_fetches() == 0;
}

/* ---- the asker ---- */

struct answer {
	bool came;
	enum qg_status status;
	char *text, *base64, *type, name[64];
	size_t size;
	bool cut, takes;
	/* what it does inside */
	struct qg_media *media;
	void *forget;
};

static void answered(void *arg, enum qg_status status, const struct qg_medium *medium)
{
	struct answer *answer = arg;
	ck_assert(!answer->came);
	ck_assert(status != QG_OK || medium != NULL);
	answer->came = true;
	answer->status = status;
	if (medium != NULL) {
		snprintf(answer->name, sizeof(answer->name), "%s", medium->name);
		answer->text = qg_str_copy(medium->text);
		answer->type = qg_str_copy(medium->type);
		answer->cut = medium->cut;
		answer->size = medium->text != NULL ? medium->size : medium->base64_size;
	}
	if (medium != NULL && medium->base64 != NULL && answer->takes) {
		*medium->taken = true;
		answer->base64 = (char *)medium->base64;
	} else if (medium != NULL) {
		answer->base64 = qg_str_copy(medium->base64);
	}
	if (answer->forget != NULL) {
		answer->media->forget(answer->media, answer->forget);
	}
}

static bool has_come(void *arg)
{
	return ((const struct answer *)arg)->came;
}

static void answer_free(struct answer *answer)
{
	free(answer->text);
	free(answer->base64);
	free(answer->type);
	*answer = (struct answer){0};
}

static void begin(void)
{
	struct qg_bot_config bot = a_bot(BOT, "1");
	bot.platform = "told";
	told_adapter = &platform;
	config_bots(&bot, NULL);
	node_start(&ann, "ann");
	store_handled(BOT, "c1", "m1", "h1");
	wait_turns(1);
	ck_assert_ptr_nonnull(turns[0].media);
}

static void ask_in(size_t turn, const char *type, const char *name, struct answer *answer)
{
	struct qg_media *media = turns[turn].media;
	json_t *attachment = json_pack("{s:s, s:s}", "type", type, "name", name);
	media->read(media, attachment, answered, answer);
	json_decref(attachment);
	ck_assert(!answer->came);
}

static void ask(const char *type, const char *name, struct answer *answer)
{
	ask_in(0, type, name, answer);
}

static void expect(const char *type, const char *name, const char *data, size_t size,
	enum qg_status status, struct answer *answer)
{
	ask(type, name, answer);
	give(fetch_count - 1, QG_OK, data, size);
	wait_until(has_come, answer);
	ck_assert_msg(answer->status == status, "%s: %s", name, qg_status_name(answer->status));
}

#define PNG "\x89PNG\r\n\x1a\n...."

START_TEST(pictures_and_documents_are_told_by_their_bytes)
{
	struct answer answer = {0};
	begin();
	expect("image", "a.jpg", PNG, 12, QG_OK, &answer);
	ck_assert_str_eq(answer.type, "image/png");
	ck_assert_str_eq(answer.base64, "iVBORw0KGgouLi4u");
	ck_assert_uint_eq(answer.size, 16);
	ck_assert_ptr_null(answer.text);
	ck_assert_uint_eq(fetches[0].most, QG_IMAGE_MOST);
	answer_free(&answer);
	answer.takes = true;
	expect("file", "../x/照\n片.png", PNG, 12, QG_OK, &answer);
	ck_assert_str_eq(answer.name, "照 片.png");
	ck_assert_str_eq(answer.base64, "iVBORw0KGgouLi4u");
	ck_assert_uint_eq(fetches[1].most, QG_DOCUMENT_MOST);
	answer_free(&answer);
	expect("file", "a.csv", "名,价\n肉,38\n", strlen("名,价\n肉,38\n"), QG_OK, &answer);
	ck_assert_str_eq(answer.text, "名,价\n肉,38");
	ck_assert_ptr_null(answer.base64);
	answer_free(&answer);
	expect("file", "a.zip", "PK\3\4....", 8, QG_UNSUPPORTED, &answer);
	answer_free(&answer);
	expect("file", "a.docx", "PK\3\4....", 8, QG_INVALID, &answer);
	answer_free(&answer);
	expect("file", "a.txt", " \n", 2, QG_EMPTY, &answer);
	answer_free(&answer);
	ck_assert_int_eq(bots_live, 1);
}
END_TEST

START_TEST(what_fails_is_told)
{
	static const struct {
		enum qg_status fetched, told;
	} rows[] = {{QG_NOT_FOUND, QG_NOT_FOUND}, {QG_TOO_LARGE, QG_TOO_LARGE},
		{QG_INVALID, QG_INVALID}, {QG_TIMEOUT, QG_TIMEOUT}, {QG_AWAY, QG_AWAY},
		{QG_DENIED, QG_AWAY}, {QG_NO_MEMORY, QG_AWAY}};
	struct answer answer = {0};
	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask("image", "a.jpg", &answer);
		give(i, rows[i].fetched, NULL, 0);
		wait_until(has_come, &answer);
		ck_assert_int_eq(answer.status, rows[i].told);
		answer_free(&answer);
	}
	ask("video", "a.mp4", &answer);
	wait_until(has_come, &answer);
	ck_assert_int_eq(answer.status, QG_UNSUPPORTED);
	answer_free(&answer);
	char *large = calloc(1, QG_IMAGE_MOST + 1);
	memcpy(large, PNG, 12);
	expect("file", "a.png", large, QG_IMAGE_MOST + 1, QG_TOO_LARGE, &answer);
	free(large);
}
END_TEST

START_TEST(a_silent_platform_is_not_waited_for)
{
	struct answer answer = {0};
	begin();
	ask("image", "a.jpg", &answer);
	wait_until(has_come, &answer); /* 30 s, scaled */
	ck_assert_int_eq(answer.status, QG_TIMEOUT);
	ck_assert_uint_eq(forgotten, 1);
}
END_TEST

START_TEST(a_few_of_one_bot_are_in_hand_at_once)
{
	static struct answer answers[20];
	begin();
	for (size_t i = 0; i < 20; i++) {
		ask("file", "a.txt", &answers[i]);
	}
	ck_assert_uint_eq(count_live_fetches(), 4);
	give(3, QG_NOT_FOUND, NULL, 0);
	ck_assert_uint_eq(fetch_count, 5);
	give(0, QG_OK, "hello", 5); /* which is read now: it keeps its place */
	ck_assert_uint_eq(fetch_count, 5);
	wait_until(has_come, &answers[0]);
	ck_assert_uint_eq(fetch_count, 6);
	turns[0].media->forget(turns[0].media, &answers[19]); /* it waits */
	turns[0].media->forget(turns[0].media, &answers[5]);
	ck_assert_uint_eq(fetch_count, 7);
	ck_assert_uint_eq(forgotten, 1);
	turn_answer(0, "ok"); /* without a word about the others */
	wait_replies("c1", 1);
	wait_until(are_all_over, NULL); /* once the worker has heard that it stands there */
	ck_assert(!answers[19].came && !answers[5].came);
	answer_free(&answers[0]);
}
END_TEST

/* Nobody waits for a customer who sends a hundred files, unless several do. */
START_TEST(customers_share)
{
	static const char *const names[] = {BOT, "shop2", "show", "third"};
	static struct answer answers[4][8];
	struct qg_bot_config bots[4];
	for (size_t i = 0; i < 4; i++) {
		bots[i] = a_bot(names[i], "1");
		bots[i].platform = "told";
		bots[i].customer = i < 2 ? (char *)"acme" : NULL;
	}
	told_adapter = &platform;
	config_bots(&bots[0], &bots[1], &bots[2], &bots[3], NULL);
	node_start(&ann, "ann");
	for (size_t i = 0; i < 4; i++) {
		store_handled(names[i], "c1", "m1", "h1");
		wait_turns(i + 1);
		for (size_t k = 0; k < 8; k++) {
			ask_in(i, "image", names[i], &answers[i][k]);
		}
	}
	ck_assert_uint_eq(count_live_fetches(), 12); /* of acme, of show, of third */
	ck_assert_str_eq(fetches[3].name, BOT);
	ck_assert_str_eq(fetches[4].name, "show");
	give(4, QG_NOT_FOUND, NULL, 0);
	ck_assert_str_eq(fetches[12].name, "show"); /* who asked first */
	give(0, QG_NOT_FOUND, NULL, 0);
	ck_assert_str_eq(fetches[13].name, BOT);
	turn_answer(0, "ok");
	wait_until(are_asked_for, &(size_t){15});
	ck_assert_uint_eq(count_live_fetches(), 12);
	ck_assert_str_eq(fetches[14].name, "shop2");
}
END_TEST

/* Whoever comes when the room is full is told to come again; what a turn had is given back with it. */
START_TEST(pictures_of_all_turns_share_the_room)
{
	static char large[QG_IMAGE_MOST];
	struct answer answer = {.takes = true};
	memcpy(large, PNG, 12);
	begin();
	for (size_t i = 0; i < 8; i++) {
		expect("image", "a.png", large, sizeof(large), QG_OK, &answer);
		answer_free(&answer);
		answer.takes = true;
	}
	expect("image", "a.png", large, sizeof(large), QG_AWAY, &answer);
	answer_free(&answer);
	expect("image", "small.png", PNG, 12, QG_OK, &answer);
	answer_free(&answer);
	turn_answer(0, "ok");
	store_handled(BOT, "c1", "m2", "h2");
	wait_turns(2);
	turns[0].media = turns[1].media;
	answer.takes = true;
	expect("image", "a.png", large, sizeof(large), QG_OK, &answer);
	answer_free(&answer);
}
END_TEST

/* While it waits, is fetched, coded in the pool or read in a child. */
START_TEST(it_may_be_forgotten_at_any_time)
{
	static struct answer answers[4];
	begin();
	struct qg_media *media = turns[0].media;
	ask("image", "a.jpg", &answers[0]);
	media->forget(media, &answers[0]);
	ask("image", "a.jpg", &answers[1]);
	give(1, QG_OK, PNG, 12);
	media->forget(media, &answers[1]);
	ask("file", "a.txt", &answers[2]);
	give(2, QG_OK, "hello", 5);
	media->forget(media, &answers[2]);
	ask("video", "a.mp4", &answers[3]);
	media->forget(media, &answers[3]);
	media->forget(media, &answers[3]);
	run_looks();
	for (size_t i = 0; i < 4; i++) {
		ck_assert(!answers[i].came);
	}
	/* one by the answer of another; then the process ends beneath the rest */
	struct answer first = {.media = media, .forget = &answers[0]};
	ask("image", "a.jpg", &first);
	ask("image", "b.jpg", &answers[0]);
	ask("file", "c.txt", &answers[1]);
	ask("file", "d.txt", &answers[2]);
	ask("image", "e.jpg", &answers[3]);
	give(3, QG_OK, PNG, 12);
	wait_until(has_come, &first);
	answer_free(&first);
	give(5, QG_OK, "hello", 5);
	give(7, QG_OK, PNG, 12);
	node_crash(&ann);
	ck_assert_int_eq(bots_live, 0);
	ck_assert_uint_eq(count_live_fetches(), 0);
	for (size_t i = 0; i < 4; i++) {
		ck_assert(!answers[i].came);
	}
}
END_TEST

START_TEST(a_changed_bot_has_another_adapter)
{
	struct answer answer = {0};
	begin();
	ask("image", "a.jpg", &answer);
	struct qg_bot_config bot = a_bot(BOT, "2");
	bot.platform = "told";
	config_bots(&bot, NULL);
	node_reload(&ann);
	ck_assert_int_eq(bots_live, 1); /* the former one is asked still */
	give(0, QG_OK, PNG, 12);
	wait_until(has_come, &answer);
	answer_free(&answer);
	ck_assert_int_eq(bots_live, 0);
	turn_answer(0, "ok");
	store_handled(BOT, "c1", "m2", "h2");
	wait_turns(2);
	turns[0].media = turns[1].media;
	expect("image", "a.jpg", PNG, 12, QG_OK, &answer);
	answer_free(&answer);
	ck_assert_int_eq(bots_live, 1);
	ck_assert_str_eq(fetches[1].bot->config->fingerprint, "2");
}
END_TEST

START_TEST(an_adapter_that_refuses_reads_nothing)
{
	struct answer answer = {0};
	init_says = QG_INVALID;
	begin();
	ask("image", "a.jpg", &answer);
	wait_until(has_come, &answer);
	ck_assert_int_eq(answer.status, QG_UNSUPPORTED);
	ck_assert_int_eq(bots_live, 0);
}
END_TEST

/* ---- handles ---- */

static struct qg_reply *next_reply(int64_t place)
{
	char index[16];
	snprintf(index, sizeof(index), "%lld", (long long)place - 1);
	wait_replies("c1", place);
	return reply_at("c1", index);
}

START_TEST(a_quiet_turn_closes_what_is_open)
{
	begin();
	store_handled(BOT, "c1", "m2", "h2");
	store_handled(BOT, "c1", "m3", "h3");
	store(BOT, "c1", "m4", "no handle");
	turn_answer(0, NULL);
	struct qg_reply *reply = next_reply(1);
	ck_assert(reply->silent);
	ck_assert_str_eq(reply->text, "");
	ck_assert_str_eq(reply->handle, "h1");
	ck_assert_ptr_null(reply->handles);
	qg_reply_destroy(reply);
	wait_turns(2);
	ck_assert_str_eq(turns[1].messages, "m2 m3 m4");
	turn_answer(1, "said");
	reply = next_reply(2);
	ck_assert(!reply->silent);
	ck_assert_uint_eq(json_array_size(reply->handles), 2);
	ck_assert_str_eq(json_string_value(json_array_get(reply->handles, 1)), "h3");
	qg_reply_destroy(reply);
}
END_TEST

START_TEST(an_apology_closes_it_too)
{
	begin();
	turn_answer(0, "ok");
	store_handled(BOT, "c1", "m2", "h2");
	store_handled(BOT, "c1", "m3", "h3");
	wait_turns(2);
	if (strcmp(turns[1].messages, "m2") == 0) {
		turn_answer(1, NULL);
		wait_turns(3);
	}
	size_t last = turn_count - 1;
	turn_fail(last);
	wait_replies("c1", (int64_t)last + 1);
	char index[16];
	snprintf(index, sizeof(index), "%zu", last);
	struct qg_reply *reply = reply_at("c1", index);
	ck_assert_str_eq(reply->text, "apology");
	ck_assert_str_eq(reply->handle, "h3");
	qg_reply_destroy(reply);
}
END_TEST

START_TEST(other_platforms_are_left_alone)
{
	node_start(&ann, "ann");
	store_handled(BOT, "c1", "m1", "h1");
	wait_turns(1);
	ck_assert_ptr_null(turns[0].media);
	turn_answer(0, NULL);
	store_handled(BOT, "c1", "m2", "h2");
	wait_turns(2);
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":c1", NULL), 0);
}
END_TEST

/* A child that reads a file has the whole of its ten seconds: the machine may do much else beside. */
static void take_time(void)
{
	setenv("QUNGONG_TEST_SCALE", "1", 1);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], QG_DOCUMENT_CHILD) == 0) {
		return qg_document_child(argc, argv);
	}
	Suite *suite = suite_create("media");
	TCase *tcase = tcase_create("media");
	fixture_add(tcase);
	tcase_add_checked_fixture(tcase, take_time, NULL);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, pictures_and_documents_are_told_by_their_bytes);
	tcase_add_test(tcase, what_fails_is_told);
	tcase_add_test(tcase, a_few_of_one_bot_are_in_hand_at_once);
	tcase_add_test(tcase, customers_share);
	tcase_add_test(tcase, pictures_of_all_turns_share_the_room);
	tcase_add_test(tcase, it_may_be_forgotten_at_any_time);
	tcase_add_test(tcase, a_changed_bot_has_another_adapter);
	tcase_add_test(tcase, an_adapter_that_refuses_reads_nothing);
	tcase_add_test(tcase, a_quiet_turn_closes_what_is_open);
	tcase_add_test(tcase, an_apology_closes_it_too);
	tcase_add_test(tcase, other_platforms_are_left_alone);
	TCase *quick = tcase_create("quick");
	fixture_add(quick);
	suite_add_tcase(suite, quick);
	tcase_add_test(quick, a_silent_platform_is_not_waited_for);
	return fixture_run(suite);
}
