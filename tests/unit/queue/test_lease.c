/* test_lease.c - rows that say who owns a link: taken if unchanged, renewed by their owner, never forgotten. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	bool came, found;
	char row[128], gateway[64];
	uint64_t epoch;
	int64_t kicked_until;
	size_t count;
};

static void looked(void *arg, enum qg_status status, unsigned partition,
	const struct qg_lease_row *rows, size_t count)
{
	struct row *out = arg;
	ck_assert_int_eq(status, QG_OK);
	ck_assert_uint_eq(partition, 0);
	out->came = true;
	out->count = count;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].link, "link") == 0) {
			out->found = true;
			snprintf(out->row, sizeof(out->row), "%s", rows[i].row);
			snprintf(out->gateway, sizeof(out->gateway), "%s", rows[i].gateway);
			out->epoch = rows[i].epoch;
			out->kicked_until = rows[i].kicked_until;
		}
	}
	simple_answer(&(struct simple){0}, QG_OK); /* stops the loop */
}

static struct row look(void)
{
	struct row row = {0};
	qg_lease_look(ann, 0, looked, &row);
	wait_for(&row.came);
	return row;
}

struct taken {
	bool came;
	enum qg_status status;
	uint64_t epoch;
	int64_t kicked_until;
};

static void taken(void *arg, enum qg_status status, uint64_t epoch, int64_t kicked_until)
{
	struct taken *out = arg;
	*out = (struct taken){true, status, epoch, kicked_until};
	simple_answer(&(struct simple){0}, QG_OK);
}

static struct taken take_link(struct qg_queue *queue, const char *link, const char *row)
{
	struct taken out = {0};
	qg_lease_take(queue, link, row, taken, &out);
	wait_for(&out.came);
	return out;
}

struct lost {
	bool came;
	enum qg_status status;
	char names[256];
};

static void renewed(void *arg, enum qg_status status, const char *const *names, size_t count)
{
	struct lost *out = arg;
	out->came = true;
	out->status = status;
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(out->names);
		snprintf(out->names + used, sizeof(out->names) - used, "%s ", names[i]);
	}
	simple_answer(&(struct simple){0}, QG_OK);
}

/* Renews and asserts which were lost, each followed by a blank. */
static void renew(
	struct qg_queue *queue, const struct qg_lease *leases, size_t count, const char *names)
{
	struct lost out = {0};
	qg_lease_renew(queue, 0, leases, count, renewed, &out);
	wait_for(&out.came);
	ck_assert_int_eq(out.status, QG_OK);
	ck_assert_str_eq(out.names, names);
}

static enum qg_status release(struct qg_queue *queue, uint64_t epoch)
{
	struct simple simple = {0};
	qg_lease_release(queue, "link", epoch, simple_answer, &simple);
	return wait_simple(&simple);
}

static enum qg_status kick(struct qg_queue *queue, uint64_t epoch, int64_t until)
{
	struct simple simple = {0};
	qg_lease_kick(queue, "link", epoch, until, simple_answer, &simple);
	return wait_simple(&simple);
}

START_TEST(the_first_taker_gets_epoch_one)
{
	ck_assert(!look().found);
	struct taken out = take_link(ann, "link", NULL);
	ck_assert_int_eq(out.status, QG_OK);
	ck_assert_uint_eq(out.epoch, 1);
	ck_assert_int_eq(out.kicked_until, 0);
	struct row row = look();
	ck_assert_str_eq(row.gateway, "ann");
	ck_assert_uint_eq(row.epoch, 1);
	ck_assert_int_eq(take_link(ben, "link", NULL).status, QG_STALE);
}
END_TEST

START_TEST(a_changed_row_is_refused)
{
	take_link(ann, "link", NULL);
	struct row seen = look();
	renew(ann, &(struct qg_lease){"link", 1}, 1, "");
	struct row now = look();
	ck_assert_str_ne(seen.row, now.row);
	ck_assert_int_eq(take_link(ben, "link", seen.row).status, QG_STALE);
	struct taken out = take_link(ben, "link", now.row);
	ck_assert_int_eq(out.status, QG_OK);
	ck_assert_uint_eq(out.epoch, 2);
	/* of two that saw the same row one gets it; and a take sent twice is refused */
	ck_assert_int_eq(take_link(ann, "link", now.row).status, QG_STALE);
	ck_assert_int_eq(take_link(ben, "link", now.row).status, QG_STALE);
	ck_assert_str_eq(look().gateway, "ben");
}
END_TEST

START_TEST(a_renewal_names_what_is_lost)
{
	take_link(ann, "one", NULL);
	take_link(ann, "two", NULL);
	take_link(ann, "link", NULL);
	take_link(ben, "link", look().row);
	struct qg_lease leases[] = {{"one", 1}, {"link", 1}, {"two", 2}, {"never", 1}};
	renew(ann, leases, 4, "link two never ");
	ck_assert_uint_eq(look().epoch, 2);
	ck_assert_uint_eq(look().count, 3); /* a link that never was is not made */
	renew(ann, NULL, 0, "");
	renew(ben, &(struct qg_lease){"link", 2}, 1, "");
}
END_TEST

START_TEST(many_are_renewed_at_once)
{
	enum { MANY = 100 };
	static char names[MANY][16];
	struct qg_lease leases[MANY];
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "link%zu", i);
		leases[i] = (struct qg_lease){names[i], 1};
		take_link(ann, names[i], NULL);
	}
	renew(ann, leases, MANY, "");
	expect_text("ann 1 1 0", "HGET", "lease", "link99", NULL);
}
END_TEST

START_TEST(a_released_link_may_be_taken_at_once)
{
	take_link(ann, "link", NULL);
	ck_assert_int_eq(release(ben, 1), QG_STALE);
	ck_assert_int_eq(release(ann, 2), QG_STALE);
	ck_assert_str_eq(look().gateway, "ann");
	ck_assert_int_eq(release(ann, 1), QG_OK);
	ck_assert_int_eq(release(ann, 1), QG_STALE);
	struct row row = look();
	ck_assert_str_eq(row.gateway, "-");
	ck_assert_uint_eq(row.epoch, 1);
	renew(ann, &(struct qg_lease){"link", 1}, 1, "link ");
	ck_assert_uint_eq(take_link(ben, "link", row.row).epoch, 2);
}
END_TEST

START_TEST(the_epoch_grows_for_ever)
{
	for (uint64_t i = 1; i <= 30; i++) {
		struct row row = look();
		struct taken out = take_link(i % 2 ? ann : ben, "link", row.found ? row.row : NULL);
		ck_assert_int_eq(out.status, QG_OK);
		ck_assert_uint_eq(out.epoch, i);
		if (i % 3 == 0) {
			ck_assert_int_eq(release(i % 2 ? ann : ben, i), QG_OK);
		}
	}
	ck_assert_int_eq(ask_int("TTL", "lease", NULL), -1);
}
END_TEST

START_TEST(large_epochs_stay_exact)
{
	qg_redis_reply_free(
		ask("HSET", "lease", "link", "ann 9007199254740000 4503599627370496 0", NULL));
	renew(ann, &(struct qg_lease){"link", UINT64_C(9007199254740000)}, 1, "");
	expect_text("ann 9007199254740000 4503599627370497 0", "HGET", "lease", "link", NULL);
	ck_assert_uint_eq(take_link(ben, "link", look().row).epoch, UINT64_C(9007199254740001));
}
END_TEST

/* What the platform said binds the next owner too, and carries the epoch. */
START_TEST(a_kick_outlives_its_owner)
{
	take_link(ann, "link", NULL);
	ck_assert_int_eq(kick(ben, 1, NOW + 300000), QG_STALE);
	ck_assert_int_eq(kick(ann, 2, NOW + 300000), QG_STALE);
	ck_assert_int_eq(look().kicked_until, 0);
	ck_assert_int_eq(kick(ann, 1, NOW + 300000), QG_OK);
	ck_assert_int_eq(look().kicked_until, NOW + 300000);
	renew(ann, &(struct qg_lease){"link", 1}, 1, "");
	ck_assert_int_eq(release(ann, 1), QG_OK);
	struct taken out = take_link(ben, "link", look().row);
	ck_assert_int_eq(out.kicked_until, NOW + 300000);
	ck_assert_int_eq(kick(ben, 2, 0), QG_OK);
	ck_assert_int_eq(look().kicked_until, 0);
}
END_TEST

START_TEST(scripts_come_back)
{
	take_link(ann, "link", NULL);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	renew(ann, &(struct qg_lease){"link", 1}, 1, "");
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	ck_assert_int_eq(release(ann, 1), QG_OK);
}
END_TEST

/* Redis full: a lease is renewed all the same, or nothing would be sent and no room made. */
START_TEST(a_full_redis_keeps_its_owner)
{
	take_link(ann, "link", NULL);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	renew(ann, &(struct qg_lease){"link", 1}, 1, "");
	ck_assert_int_eq(take_link(ben, "link", look().row).status, QG_OK);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
}
END_TEST

static char shown[256];

static void here(void *arg, enum qg_status status, const char *const *rows, size_t count)
{
	size_t at = 0;
	ck_assert_int_eq(status, QG_OK);
	shown[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		at += (size_t)snprintf(shown + at, sizeof(shown) - at, "%s ", rows[i]);
	}
	simple_answer(arg, QG_OK);
}

/* A beat, and who is there by it. */
static const char *count_beat(
	struct qg_queue *queue, const struct qg_present *gone, size_t count, struct simple *simple)
{
	*simple = (struct simple){0};
	qg_lease_present(queue, gone, count, here, simple);
	wait_simple(simple);
	return shown;
}

START_TEST(gateways_see_each_others_beats)
{
	struct simple simple;
	ck_assert_str_eq(count_beat(ann, NULL, 0, &simple), "ann 1 ");
	ck_assert_str_eq(count_beat(ann, NULL, 0, &simple), "ann 2 ");
	ck_assert_ptr_nonnull(strstr(count_beat(ben, NULL, 0, &simple), "ann 2 "));
	ck_assert_ptr_nonnull(strstr(shown, "ben 1 "));
	const struct qg_present late = {"ann", "1"}, dead = {"ann", "2"};
	ck_assert_ptr_nonnull(
		strstr(count_beat(ben, &late, 1, &simple), "ann 2 ")); /* it moved on */
	ck_assert_str_eq(count_beat(ben, &dead, 1, &simple), "ben 3 ");
	count_beat(ann, NULL, 0, &simple);
	qg_lease_leave(ben);
	ck_assert_str_eq(count_beat(ann, NULL, 0, &simple), "ann 2 ");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("lease");
	fixture_add(tcase);
	tcase_add_test(tcase, the_first_taker_gets_epoch_one);
	tcase_add_test(tcase, a_changed_row_is_refused);
	tcase_add_test(tcase, a_renewal_names_what_is_lost);
	tcase_add_test(tcase, many_are_renewed_at_once);
	tcase_add_test(tcase, a_released_link_may_be_taken_at_once);
	tcase_add_test(tcase, the_epoch_grows_for_ever);
	tcase_add_test(tcase, large_epochs_stay_exact);
	tcase_add_test(tcase, a_kick_outlives_its_owner);
	tcase_add_test(tcase, scripts_come_back);
	tcase_add_test(tcase, a_full_redis_keeps_its_owner);
	tcase_add_test(tcase, gateways_see_each_others_beats);
	Suite *suite = suite_create("queue/lease");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
