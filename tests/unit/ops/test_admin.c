/* test_admin.c - who may come in: the token's file, Host and Origin, the token in its three places. */
#include "ops.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/str.h"

/* ---- a request that is only its fields ---- */

struct qg_http_exchange {
	const char *method, *path, *query;
	const char *host, *origin, *cookie, *authorization, *proto;
	int code; /* of the answer; 0: none */
	char location[256], set_cookie[512];
};

const char *qg_http_method(const struct qg_http_exchange *x)
{
	return x->method ? x->method : "GET";
}

const char *qg_http_path(const struct qg_http_exchange *x)
{
	return x->path;
}

const char *qg_http_query(const struct qg_http_exchange *x)
{
	return x->query ? x->query : "";
}

const char *qg_http_header(const struct qg_http_exchange *x, const char *name)
{
	const struct {
		const char *name, *value;
	} all[] = {{"Host", x->host}, {"Origin", x->origin}, {"Cookie", x->cookie},
		{"Authorization", x->authorization}, {"X-Forwarded-Proto", x->proto}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcasecmp(all[i].name, name) == 0) {
			return all[i].value;
		}
	}
	return NULL;
}

char *qg_http_cookie(const struct qg_http_exchange *x, const char *name)
{
	size_t size = strlen(name);
	bool ours = x->cookie && strncmp(x->cookie, name, size) == 0 && x->cookie[size] == '=';
	return ours ? qg_str_copy(x->cookie + size + 1) : NULL;
}

void qg_http_add_header(struct qg_http_exchange *x, const char *name, const char *value)
{
	if (strcmp(name, "Location") == 0) {
		snprintf(x->location, sizeof(x->location), "%s", value);
	} else if (strcmp(name, "Set-Cookie") == 0) {
		snprintf(x->set_cookie, sizeof(x->set_cookie), "%s", value);
	}
}

void qg_http_answer(
	struct qg_http_exchange *x, int code, const char *type, const void *body, size_t size)
{
	x->code = code;
}

void qg_http_answer_error(struct qg_http_exchange *x, int code, const char *text)
{
	x->code = code;
}

/* ---- the world of a test ---- */

static char folder[64];
static struct qg_admin admin;

static void make_world(void)
{
	snprintf(folder, sizeof(folder), "%s", "/tmp/qg-admin-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert(qg_admin_init(&admin, folder));
}

static void end_world(void)
{
	unlink(admin.path);
	qg_admin_finish(&admin);
	rmdir(folder);
}

static bool may_enter(struct qg_http_exchange x)
{
	char *names[] = {"chat.example.cn"};
	struct qg_strings hosts = {names, 1};
	return qg_admin_may_enter(&x, &hosts);
}

START_TEST(the_token_is_made_once_and_for_its_owner_only)
{
	struct stat status;
	ck_assert_int_eq(stat(admin.path, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0600);
	ck_assert_uint_eq(strlen(admin.token), 64);
	struct qg_admin again;
	ck_assert(qg_admin_init(&again, folder));
	ck_assert_str_eq(admin.token, again.token);
	qg_admin_finish(&again);
}
END_TEST

START_TEST(a_file_open_to_others_is_closed)
{
	ck_assert_int_eq(chmod(admin.path, 0644), 0);
	struct qg_admin again;
	ck_assert(qg_admin_init(&again, folder));
	struct stat status;
	ck_assert_int_eq(stat(admin.path, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0600);
	qg_admin_finish(&again);
}
END_TEST

START_TEST(a_file_without_a_usable_token_is_refused)
{
	static const char *const bad[] = {"", "short", "0123456789abcdef0123456789abcde\nf",
		"0123456789abcdef 0123456789abcdef", "0123456789abcdef\"0123456789abcdef"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *file = fopen(admin.path, "w");
		ck_assert_ptr_nonnull(file);
		fputs(bad[i], file);
		ck_assert_int_eq(fclose(file), 0);
		struct qg_admin again;
		ck_assert_msg(!qg_admin_init(&again, folder), "'%s' passed", bad[i]);
		qg_admin_finish(&again);
	}
}
END_TEST

START_TEST(a_link_in_place_of_the_file_is_refused)
{
	char target[80];
	snprintf(target, sizeof(target), "%s/elsewhere", folder);
	ck_assert_int_eq(rename(admin.path, target), 0);
	ck_assert_int_eq(symlink(target, admin.path), 0);
	struct qg_admin again;
	ck_assert(!qg_admin_init(&again, folder));
	qg_admin_finish(&again);
	unlink(target);
}
END_TEST

START_TEST(hosts_that_may_enter)
{
	static const char *const good[] = {"127.0.0.1", "127.0.0.1:8081", "10.0.0.7:80",
		"localhost", "LOCALHOST:8081", "[::1]", "[2001:db8::1]:8081", "chat.example.cn",
		"Chat.Example.CN:443"};
	static const char *const bad[] = {"evil.example", "127.0.0.1.evil.example",
		"localhost.evil.example", "evil.example:127", "127.0.0.1:80:80", "127.0.0.1:x",
		"[::1", "[::1]x", "[]", "", ":80", "xchat.example.cn", "chat.example.cn.",
		"[chat.example.cn]x"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(may_enter((struct qg_http_exchange){.host = good[i]}),
			"'%s' kept out", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!may_enter((struct qg_http_exchange){.host = bad[i]}), "'%s' let in",
			bad[i]);
	}
	ck_assert(!may_enter((struct qg_http_exchange){.host = NULL}));
}
END_TEST

START_TEST(an_origin_must_be_this_very_host)
{
	static const char *const bad[] = {"null", "", "http://evil.example",
		"http://127.0.0.1:8082", "http://127.0.0.1", "127.0.0.1:8081",
		"ftp://127.0.0.1:8081", "http://127.0.0.1:8081.evil.example"};
	const char *host = "127.0.0.1:8081";
	ck_assert(may_enter(
		(struct qg_http_exchange){.host = host, .origin = "http://127.0.0.1:8081"}));
	ck_assert(may_enter(
		(struct qg_http_exchange){.host = host, .origin = "https://127.0.0.1:8081"}));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!may_enter((struct qg_http_exchange){.host = host, .origin = bad[i]}),
			"'%s' let in", bad[i]);
	}
}
END_TEST

START_TEST(writing_with_a_cookie_demands_an_origin)
{
	struct qg_http_exchange x = {
		.method = "POST", .host = "127.0.0.1:8081", .cookie = "any=thing"};
	ck_assert(!may_enter(x));
	x.origin = "http://127.0.0.1:8081";
	ck_assert(may_enter(x));
	x.origin = NULL;
	x.method = "GET";
	ck_assert(may_enter(x));
	x.method = "POST";
	x.cookie = NULL;
	ck_assert(may_enter(x));
}
END_TEST

START_TEST(the_token_as_bearer_and_as_cookie)
{
	char bearer[128], cookie[128];
	snprintf(bearer, sizeof(bearer), "bearer %s", admin.token);
	snprintf(cookie, sizeof(cookie), "qg_admin=%s", admin.token);
	ck_assert(qg_admin_has_token(&admin, &(struct qg_http_exchange){.authorization = bearer}));
	ck_assert(qg_admin_has_token(&admin, &(struct qg_http_exchange){.cookie = cookie}));
	bearer[strlen(bearer) - 1] ^= 1;
	cookie[strlen(cookie) - 1] = '\0';
	ck_assert(!qg_admin_has_token(&admin, &(struct qg_http_exchange){.authorization = bearer}));
	ck_assert(!qg_admin_has_token(&admin, &(struct qg_http_exchange){.cookie = cookie}));
	ck_assert(!qg_admin_has_token(
		&admin, &(struct qg_http_exchange){.authorization = admin.token}));
	ck_assert(!qg_admin_has_token(
		&admin, &(struct qg_http_exchange){.authorization = "Bearer "}));
	ck_assert(!qg_admin_has_token(&admin, &(struct qg_http_exchange){.cookie = "qg_admin="}));
}
END_TEST

START_TEST(the_link_is_traded_for_a_cookie)
{
	char query[128];
	snprintf(query, sizeof(query), "a=1&token=%s", admin.token);
	struct qg_http_exchange x = {.path = "/chat/小满", .query = query};
	ck_assert(qg_admin_trade(&admin, &x));
	ck_assert_int_eq(x.code, 303);
	ck_assert_str_eq(x.location, "/chat/%E5%B0%8F%E6%BB%A1");
	ck_assert_ptr_nonnull(strstr(x.set_cookie, admin.token));
	ck_assert_ptr_nonnull(strstr(x.set_cookie, "HttpOnly"));
	ck_assert_ptr_nonnull(strstr(x.set_cookie, "SameSite=Strict"));
	ck_assert_ptr_null(strstr(x.set_cookie, "Secure"));
	x = (struct qg_http_exchange){.path = "/chat/a", .query = query, .proto = "https"};
	ck_assert(qg_admin_trade(&admin, &x));
	ck_assert_ptr_nonnull(strstr(x.set_cookie, "; Secure"));
	x = (struct qg_http_exchange){.path = "/chat/a", .query = "token=wrong"};
	ck_assert(!qg_admin_trade(&admin, &x));
	ck_assert_int_eq(x.code, 0);
	x = (struct qg_http_exchange){.path = "/chat/a", .query = query, .method = "POST"};
	ck_assert(!qg_admin_trade(&admin, &x));
	x = (struct qg_http_exchange){.path = "/chat/a"};
	ck_assert(!qg_admin_trade(&admin, &x));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admin");
	TCase *tcase = tcase_create("admin");
	tcase_add_checked_fixture(tcase, make_world, end_world);
	tcase_add_test(tcase, the_token_is_made_once_and_for_its_owner_only);
	tcase_add_test(tcase, a_file_open_to_others_is_closed);
	tcase_add_test(tcase, a_file_without_a_usable_token_is_refused);
	tcase_add_test(tcase, a_link_in_place_of_the_file_is_refused);
	tcase_add_test(tcase, hosts_that_may_enter);
	tcase_add_test(tcase, an_origin_must_be_this_very_host);
	tcase_add_test(tcase, writing_with_a_cookie_demands_an_origin);
	tcase_add_test(tcase, the_token_as_bearer_and_as_cookie);
	tcase_add_test(tcase, the_link_is_traded_for_a_cookie);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
