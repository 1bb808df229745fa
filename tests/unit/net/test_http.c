/* test_http.c - what the HTTP front makes of raw bytes: a table of requests with answer, body and
 * what becomes of the connection; each also split at every byte, so that no answer hangs on how the
 * bytes arrived. */
#include "qg/http.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "qg/buf.h"

#define BODY_LIMIT 1000
#define HEAD_LIMIT 2000

static struct qg_http_server *server;

/* Says what it was asked: "METHOD path?query|body". */
static void echo(void *arg, struct qg_http_exchange *x)
{
	size_t size;
	const char *body = qg_http_body(x, &size);
	struct qg_buf text;
	qg_buf_init(&text, 10000);
	qg_buf_printf(&text, "%s %s?%s|", qg_http_method(x), qg_http_path(x), qg_http_query(x));
	qg_buf_add(&text, body, size);
	const char *wanted = qg_http_header(x, "x-show");
	if (wanted) {
		qg_buf_printf(&text, "|%s", wanted);
	}
	qg_http_answer(x, 200, "text/plain", text.data, text.size);
	qg_buf_finish(&text);
}

static void setup(void)
{
	peer_setup();
	struct qg_http_limits limits;
	qg_http_limits_init(&limits);
	limits.body = BODY_LIMIT;
	limits.head = HEAD_LIMIT;
	char error[128];
	server = qg_http_server_create(loop, "127.0.0.1:0", &limits, echo, NULL, error);
	ck_assert_msg(server != NULL, "%s", error);
}

static void teardown(void)
{
	qg_http_server_destroy(server);
	peer_teardown();
}

enum after { KEEPS, CLOSES };

struct row {
	const char *name, *request;
	int code;
	enum after after;
	const char *body; /* part of what comes back; NULL: whatever */
};

#define H "Host: a\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" H "\r\n"
#define POST(fields, body) "POST /p HTTP/1.1\r\n" H fields "\r\n" body
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static const struct row rows[] = {
	/* Plain requests. */
	{"get", GET("/"), 200, KEEPS, "GET /?|"},
	{"query", GET("/a?b=c%20d"), 200, KEEPS, "GET /a?b=c%20d|"},
	{"empty query", GET("/a?"), 200, KEEPS, "GET /a?|"},
	{"second question mark", GET("/a?b?c"), 200, KEEPS, "GET /a?b?c|"},
	{"decoded path", GET("/%E7%BE%A4/b%20c"), 200, KEEPS, "GET /\xe7\xbe\xa4/b c?|"},
	{"trailing slash", GET("/a/"), 200, KEEPS, "GET /a/?|"},
	{"dots in names", GET("/a..b/.c"), 200, KEEPS, "GET /a..b/.c?|"},
	{"post", POST("Content-Length: 5\r\n", "hello"), 200, KEEPS, "POST /p?|hello"},
	{"empty post", POST("Content-Length: 0\r\n", ""), 200, KEEPS, "POST /p?|"},
	{"body with zero bytes is counted", POST("Content-Length: 3\r\n", "a\tb"), 200, KEEPS,
		"|a\tb"},
	{"get with body", "GET /g HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nxy", 200, KEEPS,
		"GET /g?|xy"},
	{"put", "PUT /x HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", 200, KEEPS, "PUT /x?|x"},
	{"delete without length", "DELETE /x HTTP/1.1\r\n" H "\r\n", 200, KEEPS, "DELETE /x?|"},
	{"options", "OPTIONS /x HTTP/1.1\r\n" H "\r\n", 200, KEEPS, "OPTIONS /x?|"},
	{"field names of any case", "GET / HTTP/1.1\r\nhOsT: a\r\nX-SHOW: yes\r\n\r\n", 200, KEEPS,
		"|yes"},
	{"blanks round a value", "GET / HTTP/1.1\r\n" H "X-Show: \t yes \t\r\n\r\n", 200, KEEPS,
		"|yes"},
	{"empty value", "GET / HTTP/1.1\r\n" H "X-Show:\r\nX-B: 1\r\n\r\n", 200, KEEPS, "GET /?||"},
	{"first of several", "GET / HTTP/1.1\r\n" H "X-Show: 1\r\nX-Show: 2\r\n\r\n", 200, KEEPS,
		"|1"},
	{"value in utf-8", "GET / HTTP/1.1\r\n" H "X-Show: \xe7\xbe\xa4\r\n\r\n", 200, KEEPS,
		"|\xe7\xbe\xa4"},
	{"empty lines before it", "\r\n\r\n" GET("/"), 200, KEEPS, "GET /?|"},
	{"host with port", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, KEEPS, NULL},

	/* The connection afterwards. */
	{"asks to close", "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", 200, CLOSES,
		"Connection: close\r\n"},
	{"1.0 closes", "GET / HTTP/1.0\r\n\r\n", 200, CLOSES, "Connection: close\r\n"},
	{"1.0 keeps alive when asked", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200,
		KEEPS, "Connection: keep-alive\r\n"},
	{"1.0 with host", "GET / HTTP/1.0\r\n" H "\r\n", 200, CLOSES, NULL},
	{"close among several", "GET / HTTP/1.1\r\n" H "Connection: foo, close\r\n\r\n", 200,
		CLOSES, NULL},

	/* Other protocols are not spoken. */
	{"upgrade to h2c",
		"GET / HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
		"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		200, KEEPS, "GET /?|"},
	{"upgrade to h2c with a body",
		POST("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n", "abc"), 200,
		KEEPS, "|abc"},
	{"upgrade with chunks",
		POST("Connection: Upgrade\r\nUpgrade: websocket\r\n" CHUNKED,
			"3\r\nabc\r\n0\r\n\r\n"),
		200, KEEPS, "|abc"},
	{"http/2 preface", "PRI * HTTP/2.0\r\n\r\n", 405, CLOSES, NULL},
	{"http/2 version", "GET / HTTP/2.0\r\n" H "\r\n", 505, CLOSES, NULL},
	{"http/0.9", "GET /\r\n\r\n", 400, CLOSES, NULL},
	{"http/1.10", "GET / HTTP/1.10\r\n" H "\r\n", 400, CLOSES, NULL},
	{"a tls hello", "\x16\x03\x01\x02", 400, CLOSES, NULL},
	{"connect", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", 405, CLOSES,
		"Allow: GET, HEAD, POST\r\n"},
	{"trace", "TRACE / HTTP/1.1\r\n" H "\r\n", 405, CLOSES, NULL},
	{"unknown method", "BREW / HTTP/1.1\r\n" H "\r\n", 405, CLOSES,
		"Allow: GET, HEAD, POST\r\n"},
	{"no method", " / HTTP/1.1\r\n" H "\r\n", 400, CLOSES, NULL},
	{"nonsense", "!!!\r\n\r\n", 400, CLOSES, "{\"error\":"},

	/* Lines. */
	{"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 400, CLOSES, NULL},
	{"one bare line feed", "GET / HTTP/1.1\r\n" H "X: 1\nY: 2\r\n\r\n", 400, CLOSES, NULL},
	{"bare carriage return", "GET / HTTP/1.1\r\n" H "X: 1\rY: 2\r\n\r\n", 400, CLOSES, NULL},
	{"folded field", "GET / HTTP/1.1\r\n" H "X: 1\r\n 2\r\n\r\n", 400, CLOSES, NULL},
	{"field folded by a tab", "GET / HTTP/1.1\r\n" H "X: 1\r\n\t2\r\n\r\n", 400, CLOSES, NULL},
	{"blank before the colon", "GET / HTTP/1.1\r\n" H "X : 1\r\n\r\n", 400, CLOSES, NULL},
	{"no colon", "GET / HTTP/1.1\r\n" H "nothing\r\n\r\n", 400, CLOSES, NULL},
	{"empty name", "GET / HTTP/1.1\r\n" H ": 1\r\n\r\n", 400, CLOSES, NULL},
	{"control character in a value", "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", 400, CLOSES,
		NULL},
	{"delete character in a value", "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", 400, CLOSES,
		NULL},
	{"too many empty lines", "\r\n\r\n\r\n\r\n\r\n\r\n" GET("/"), 400, CLOSES, NULL},

	/* Host. */
	{"no host", "GET / HTTP/1.1\r\n\r\n", 400, CLOSES, NULL},
	{"two hosts", "GET / HTTP/1.1\r\n" H H "\r\n", 400, CLOSES, NULL},
	{"two different hosts", "GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n", 400, CLOSES, NULL},
	{"two hosts in 1.0", "GET / HTTP/1.0\r\n" H "Host: b\r\n\r\n", 400, CLOSES, NULL},
	{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, CLOSES, NULL},
	{"list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, CLOSES, NULL},
	{"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, CLOSES, NULL},

	/* Targets. */
	{"absolute target", "GET http://a/x?y HTTP/1.1\r\n" H "\r\n", 200, KEEPS, "GET /x?y|"},
	{"absolute target without path", "GET http://a?y HTTP/1.1\r\n" H "\r\n", 200, KEEPS,
		"GET /?y|"},
	{"bare absolute target", "GET HTTP://A HTTP/1.1\r\n" H "\r\n", 200, KEEPS, "GET /?|"},
	{"absolute target of another host", "GET http://b/ HTTP/1.1\r\n" H "\r\n", 400, CLOSES,
		NULL},
	{"absolute target with user", "GET http://u@a/ HTTP/1.1\r\n" H "\r\n", 400, CLOSES, NULL},
	{"absolute target in 1.0 without host", "GET http://a/ HTTP/1.0\r\n\r\n", 400, CLOSES,
		NULL},
	{"star", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 400, CLOSES, NULL},
	{"relative target", "GET x HTTP/1.1\r\n" H "\r\n", 400, CLOSES, NULL},
	{"dot dot", GET("/a/../b"), 400, CLOSES, NULL},
	{"dot dot at the end", GET("/a/.."), 400, CLOSES, NULL},
	{"dot", GET("/./a"), 400, CLOSES, NULL},
	{"encoded dot dot", GET("/a/%2e%2E/b"), 400, CLOSES, NULL},
	{"half encoded dot dot", GET("/.%2e/b"), 400, CLOSES, NULL},
	{"double slash", GET("//a"), 400, CLOSES, NULL},
	{"double slash inside", GET("/a//b"), 400, CLOSES, NULL},
	{"encoded slash", GET("/a%2fb"), 400, CLOSES, NULL},
	{"backslash", GET("/a\\b"), 400, CLOSES, NULL},
	{"encoded backslash", GET("/a%5cb"), 400, CLOSES, NULL},
	{"encoded zero", GET("/a%00"), 400, CLOSES, NULL},
	{"encoded line break", GET("/a%0d%0aX:1"), 400, CLOSES, NULL},
	{"encoded delete", GET("/a%7f"), 400, CLOSES, NULL},
	{"broken escape", GET("/a%4"), 400, CLOSES, NULL},
	{"escape that is none", GET("/a%zz"), 400, CLOSES, NULL},
	{"path that is no utf-8", GET("/%ff"), 400, CLOSES, NULL},
	{"overlong slash", GET("/%c0%af"), 400, CLOSES, NULL},
	{"raw utf-8 in the target", GET("/\xe7\xbe\xa4"), 400, CLOSES, NULL},
	{"fragment", GET("/a#b"), 400, CLOSES, NULL},
	{"blank in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", 400, CLOSES, NULL},
	{"percent in the query stays", GET("/a?%00%zz"), 200, KEEPS, "GET /a?%00%zz|"},

	/* Lengths. */
	{"post without length", POST("", ""), 411, CLOSES, NULL},
	{"put without length", "PUT / HTTP/1.1\r\n" H "\r\n", 411, CLOSES, NULL},
	{"two lengths", POST("Content-Length: 1\r\nContent-Length: 1\r\n", "x"), 400, CLOSES, NULL},
	{"two different lengths", POST("Content-Length: 1\r\nContent-Length: 2\r\n", "xx"), 400,
		CLOSES, NULL},
	{"list of lengths", POST("Content-Length: 1, 1\r\n", "x"), 400, CLOSES, NULL},
	{"negative length", POST("Content-Length: -1\r\n", "x"), 400, CLOSES, NULL},
	{"signed length", POST("Content-Length: +1\r\n", "x"), 400, CLOSES, NULL},
	{"length with blanks inside", POST("Content-Length: 1 1\r\n", "x"), 400, CLOSES, NULL},
	{"hex length", POST("Content-Length: 0x1\r\n", "x"), 400, CLOSES, NULL},
	{"empty length", POST("Content-Length:\r\n", "x"), 400, CLOSES, NULL},
	{"length that wraps", POST("Content-Length: 18446744073709551617\r\n", "x"), 400, CLOSES,
		NULL},
	{"length over the limit", POST("Content-Length: 1001\r\n", ""), 413, CLOSES, NULL},
	{"huge length", POST("Content-Length: 999999999999\r\n", ""), 413, CLOSES, NULL},
	{"length and coding", POST("Content-Length: 3\r\n" CHUNKED, "0\r\n\r\n"), 400, CLOSES,
		NULL},
	{"coding and length", POST(CHUNKED "Content-Length: 3\r\n", "0\r\n\r\n"), 400, CLOSES,
		NULL},

	/* Codings. */
	{"chunks", POST(CHUNKED, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), 200, KEEPS, "|abcde"},
	{"no chunks", POST(CHUNKED, "0\r\n\r\n"), 200, KEEPS, "POST /p?|"},
	{"sizes in hex", POST(CHUNKED, "0A\r\n0123456789\r\n00\r\n\r\n"), 200, KEEPS,
		"|0123456789"},
	{"coding of any case", POST("Transfer-Encoding: Chunked\r\n", "1\r\nx\r\n0\r\n\r\n"), 200,
		KEEPS, "|x"},
	{"extensions are dropped", POST(CHUNKED, "3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n"), 200, KEEPS,
		"|abc"},
	{"trailers are dropped", POST(CHUNKED, "1\r\nx\r\n0\r\nX-Show: forged\r\nHost: b\r\n\r\n"),
		200, KEEPS, "?|x\n"},
	{"bare line feed behind a size", POST(CHUNKED, "3\nabc\r\n0\r\n\r\n"), 400, CLOSES, NULL},
	{"bare line feed in an extension", POST(CHUNKED, "3;a\nabc\r\n0\r\n\r\n"), 400, CLOSES,
		NULL},
	{"bare carriage return in an extension", POST(CHUNKED, "3;a\rb\r\nabc\r\n0\r\n\r\n"), 400,
		CLOSES, NULL},
	{"bare line feed in a trailer", POST(CHUNKED, "0\r\nX: 1\n\r\n"), 400, CLOSES, NULL},
	{"folded trailer", POST(CHUNKED, "0\r\nX: 1\r\n 2\r\n\r\n"), 400, CLOSES, NULL},
	{"control character in a trailer", POST(CHUNKED, "0\r\nX: \x02\r\n\r\n"), 400, CLOSES,
		NULL},
	{"size that is none", POST(CHUNKED, "x\r\n"), 400, CLOSES, NULL},
	{"empty size", POST(CHUNKED, "\r\n"), 400, CLOSES, NULL},
	{"negative size", POST(CHUNKED, "-1\r\n"), 400, CLOSES, NULL},
	{"size with 0x", POST(CHUNKED, "0x1\r\nx\r\n0\r\n\r\n"), 400, CLOSES, NULL},
	{"size that wraps", POST(CHUNKED, "10000000000000001\r\n"), 400, CLOSES, NULL},
	{"chunk longer than its size", POST(CHUNKED, "1\r\nxx\r\n0\r\n\r\n"), 400, CLOSES, NULL},
	{"chunk over the limit", POST(CHUNKED, "3e9\r\n"), 413, CLOSES, NULL},
	{"chunks over the limit together", POST(CHUNKED, "1\r\nx\r\n3e8\r\n"), 413, CLOSES, NULL},
	{"unknown coding", POST("Transfer-Encoding: gzip\r\n", ""), 501, CLOSES, NULL},
	{"two codings", POST("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501, CLOSES,
		NULL},
	{"coding twice", POST(CHUNKED CHUNKED, "0\r\n\r\n"), 400, CLOSES, NULL},
	{"chunked is not last", POST("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 501,
		CLOSES, NULL},
	{"coding in 1.0", "POST / HTTP/1.0\r\n" H CHUNKED "\r\n0\r\n\r\n", 400, CLOSES, NULL},

	/* Expectations. */
	{"expects what nobody knows", POST("Content-Length: 1\r\nExpect: a-pony\r\n", "x"), 417,
		CLOSES, NULL},
	{"expects twice",
		POST("Content-Length: 1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n", "x"),
		417, CLOSES, NULL},
	{"expects in 1.0", "POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx",
		200, CLOSES, "|x"},
	{"expects without a body", POST("Content-Length: 0\r\nExpect: 100-continue\r\n", ""), 200,
		KEEPS, NULL},
	{"expects with too large a body",
		POST("Content-Length: 2000\r\nExpect: 100-continue\r\n", ""), 413, CLOSES, NULL},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What came for a row, and whether the connection then did what it should. */
static void check_row(const struct row *row, struct peer *peer)
{
	peer_wait_answers(peer, 1);
	ck_assert_msg(peer_code(peer) == row->code, "%s: %.300s", row->name, peer->data);
	ck_assert_msg(
		strstr(peer->data, "X-Content-Type-Options: nosniff\r\n") != NULL, "%s", row->name);
	ck_assert_msg(strstr(peer->data, "Cache-Control: no-store\r\n") != NULL, "%s", row->name);
	/* Bodies that must end somewhere are given with a line end in the table. */
	if (row->body && row->body[strlen(row->body) - 1] == '\n' &&
		row->body[strlen(row->body) - 2] != '\r') {
		size_t size = strlen(row->body) - 1;
		ck_assert_msg(peer->size >= size &&
				      memcmp(peer->data + peer->size - size, row->body, size) == 0,
			"%s: %.300s", row->name, peer->data);
	} else if (row->body) {
		ck_assert_msg(
			strstr(peer->data, row->body) != NULL, "%s: %.300s", row->name, peer->data);
	}
	peer_forget(peer);
	if (row->after == CLOSES) {
		peer_wait_end(peer);
		ck_assert_msg(peer->eof && peer->size == 0, "%s: more than one answer: %s",
			row->name, peer->data);
		return;
	}
	peer_say(peer, GET("/again"));
	peer_wait_answers(peer, 1);
	ck_assert_msg(strstr(peer->data, "GET /again?|") != NULL, "%s: %s", row->name, peer->data);
}

START_TEST(each_row_in_one_piece)
{
	struct peer *peer = peer_open(server);
	peer_say(peer, rows[_i].request);
	check_row(&rows[_i], peer);
	peer_close(peer);
}
END_TEST

START_TEST(each_row_byte_by_byte)
{
	struct peer *peer = peer_open(server);
	for (const char *byte = rows[_i].request; *byte && !peer->eof; byte++) {
		peer_send(peer, byte, 1);
		run_turns(1);
	}
	check_row(&rows[_i], peer);
	peer_close(peer);
}
END_TEST

/* One after the other on one connection, in one segment: what one leaves behind shows in the next.
 * */
START_TEST(all_good_rows_pipelined)
{
	struct qg_buf all;
	qg_buf_init(&all, 1 << 20);
	int count = 0;
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].code == 200 && rows[i].after == KEEPS) {
			qg_buf_add_str(&all, rows[i].request);
			count++;
		}
	}
	struct peer *peer = peer_open(server);
	peer_send(peer, all.data, all.size);
	peer_wait_answers(peer, count);
	struct qg_http_counts counts;
	qg_http_server_counts(server, &counts);
	ck_assert_uint_eq(counts.answers[2], count);
	peer_close(peer);
	qg_buf_finish(&all);
}
END_TEST

START_TEST(zero_bytes_are_no_text)
{
	static const char in_target[] = "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char in_value[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
	struct peer *peer = peer_open(server);
	peer_send(peer, in_target, sizeof(in_target) - 1);
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 400);
	peer_close(peer);
	peer = peer_open(server);
	peer_send(peer, in_value, sizeof(in_value) - 1);
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 400);
	peer_close(peer);
}
END_TEST

START_TEST(zero_bytes_in_a_body_are_kept)
{
	static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na\0b";
	struct peer *peer = peer_open(server);
	peer_send(peer, request, sizeof(request) - 1);
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 200);
	ck_assert_mem_eq(peer->data + peer->size - 4, "|a\0b", 4);
	peer_close(peer);
}
END_TEST

/* A request with a filler of that many bytes in its target, or in a field. */
static struct peer *send_filled(const char *before, size_t filler, const char *after)
{
	struct qg_buf request;
	qg_buf_init(&request, 1 << 20);
	qg_buf_add_str(&request, before);
	for (size_t i = 0; i < filler; i++) {
		qg_buf_add_char(&request, 'a');
	}
	qg_buf_add_str(&request, after);
	struct peer *peer = peer_open(server);
	peer_send(peer, request.data, request.size);
	qg_buf_finish(&request);
	peer_wait_answers(peer, 1);
	return peer;
}

static void expect_filled(const char *before, size_t filler, const char *after, int code)
{
	struct peer *peer = send_filled(before, filler, after);
	ck_assert_msg(peer_code(peer) == code, "%zu: %.200s", filler, peer->data);
	peer_close(peer);
}

START_TEST(the_head_has_a_limit)
{
	static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
	size_t room = HEAD_LIMIT - (sizeof(start) - 1) - 4;
	expect_filled(start, room, "\r\n\r\n", 200);
	expect_filled(start, room + 1, "\r\n\r\n", 431);
	expect_filled(start, 5 * HEAD_LIMIT, "", 431);
	expect_filled("GET /", 5 * HEAD_LIMIT, " HTTP/1.1\r\nHost: a\r\n\r\n", 414);
	expect_filled("GET /", 5 * HEAD_LIMIT, "", 414);
}
END_TEST

START_TEST(fields_are_counted)
{
	struct qg_buf request;
	qg_buf_init(&request, 10000);
	qg_buf_add_str(&request, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 99; i++) {
		qg_buf_add_str(&request, "a:\r\n");
	}
	struct peer *peer = peer_open(server);
	peer_send(peer, request.data, request.size);
	peer_say(peer, "\r\n");
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 200);
	peer_forget(peer);
	peer_send(peer, request.data, request.size);
	peer_say(peer, "a:\r\n\r\n");
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 431);
	peer_close(peer);
	qg_buf_finish(&request);
}
END_TEST

START_TEST(a_body_of_just_the_limit_is_taken)
{
	char body[BODY_LIMIT + 1];
	memset(body, 'b', BODY_LIMIT);
	body[BODY_LIMIT] = '\0';
	struct peer *peer = peer_open(server);
	peer_say(peer, POST("Content-Length: 1000\r\n", ""));
	peer_say(peer, body);
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 200);
	peer_forget(peer);
	peer_say(peer, POST(CHUNKED, "3e8\r\n"));
	peer_say(peer, body);
	peer_say(peer, "\r\n0\r\n\r\n");
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 200);
	peer_close(peer);
}
END_TEST

/* Extensions and trailers without end cost a bounded number of bytes. */
START_TEST(what_is_ignored_has_a_limit)
{
	expect_filled(POST(CHUNKED, "1;"), 4000, "\r\nx\r\n0\r\n\r\n", 200);
	expect_filled(POST(CHUNKED, "1;"), 5000, "\r\nx\r\n0\r\n\r\n", 400);
	expect_filled(POST(CHUNKED, "0\r\nX: "), 5000, "\r\n\r\n", 400);
}
END_TEST

/* The peer sends megabytes before it reads: the refusal must still reach it. */
START_TEST(a_refusal_is_not_lost_to_a_reset)
{
	struct peer *peer = peer_open(server);
	peer_deafen(peer);
	peer_say(peer, POST("Content-Length: 4000000\r\n", ""));
	char piece[10000];
	memset(piece, 'p', sizeof(piece));
	for (int i = 0; i < 400; i++) {
		peer_send(peer, piece, sizeof(piece));
	}
	peer_listen(peer);
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 413);
	peer_wait_end(peer);
	ck_assert(peer->eof);
	peer_close(peer);
}
END_TEST

START_TEST(continue_is_said_when_the_peer_waits)
{
	struct peer *peer = peer_open(server);
	peer_say(peer, POST("Content-Length: 3\r\nExpect: 100-Continue\r\n", ""));
	peer_wait_text(peer, "HTTP/1.1 100 Continue\r\n\r\n");
	ck_assert_str_eq(peer->data, "HTTP/1.1 100 Continue\r\n\r\n");
	peer_forget(peer);
	peer_say(peer, "abc");
	peer_wait_answers(peer, 1);
	ck_assert_ptr_nonnull(strstr(peer->data, "|abc"));
	/* Who sends the body at once is not waiting. */
	peer_forget(peer);
	peer_say(peer, POST("Content-Length: 3\r\nExpect: 100-continue\r\n", "def"));
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 200);
	/* With chunks as well. */
	peer_forget(peer);
	peer_say(peer, POST(CHUNKED "Expect: 100-continue\r\n", ""));
	peer_wait_text(peer, "100 Continue");
	peer_forget(peer);
	peer_say(peer, "1\r\nz\r\n0\r\n\r\n");
	peer_wait_answers(peer, 1);
	ck_assert_ptr_nonnull(strstr(peer->data, "|z"));
	peer_close(peer);
}
END_TEST

START_TEST(head_sends_no_body_and_keeps_the_connection)
{
	struct peer *peer = peer_open(server);
	peer_say(peer, "HEAD /x HTTP/1.1\r\n" H "\r\n");
	peer_wait_text(peer, "\r\n\r\n");
	peer_say(peer, GET("/next"));
	peer_wait_text(peer, "GET /next?|");
	const char *end = strstr(peer->data, "\r\n\r\n");
	ck_assert(strncmp(end + 4, "HTTP/1.1 200 ", 13) == 0);
	peer_close(peer);
}
END_TEST

START_TEST(eight_posts_in_one_segment)
{
	struct peer *peer = peer_open(server);
	struct qg_buf all;
	qg_buf_init(&all, 100000);
	for (int i = 0; i < 8; i++) {
		qg_buf_printf(&all,
			"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nbody%d", i, i);
	}
	peer_send(peer, all.data, all.size);
	peer_wait_answers(peer, 8);
	const char *at = peer->data;
	for (int i = 0; i < 8; i++) {
		char expected[32];
		snprintf(expected, sizeof(expected), "POST /%d?|body%d", i, i);
		at = strstr(at, expected);
		ck_assert_msg(at != NULL, "%s", expected);
	}
	peer_close(peer);
	qg_buf_finish(&all);
}
END_TEST

START_TEST(a_bad_request_behind_a_good_one)
{
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/good") "BAD\r\n\r\n" GET("/never"));
	peer_wait_end(peer);
	ck_assert(peer->eof);
	ck_assert_ptr_nonnull(strstr(peer->data, "GET /good?|"));
	ck_assert_ptr_nonnull(strstr(peer->data, "HTTP/1.1 400 "));
	ck_assert_ptr_null(strstr(peer->data, "/never"));
	peer_close(peer);
}
END_TEST

START_TEST(an_unfinished_request_of_a_peer_that_shut_is_refused)
{
	struct peer *peer = peer_open(server);
	peer_say(peer, POST("Content-Length: 5\r\n", "abc"));
	peer_shut(peer);
	peer_wait_end(peer);
	ck_assert_int_eq(peer_code(peer), 400);
	peer_close(peer);
	peer = peer_open(server);
	peer_say(peer, GET("/one") GET("/two"));
	peer_shut(peer);
	peer_wait_end(peer);
	ck_assert_int_eq(peer_answers(peer), 2);
	peer_close(peer);
}
END_TEST

START_TEST(the_date_is_said)
{
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/"));
	peer_wait_answers(peer, 1);
	const char *date = strstr(peer->data, "\r\nDate: ");
	ck_assert_ptr_nonnull(date);
	ck_assert_ptr_nonnull(strstr(date, " GMT\r\n"));
	peer_close(peer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http");
	TCase *tcase = tcase_create("http");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, each_row_in_one_piece, 0, (int)ROWS);
	tcase_add_loop_test(tcase, each_row_byte_by_byte, 0, (int)ROWS);
	tcase_add_test(tcase, all_good_rows_pipelined);
	tcase_add_test(tcase, zero_bytes_are_no_text);
	tcase_add_test(tcase, zero_bytes_in_a_body_are_kept);
	tcase_add_test(tcase, the_head_has_a_limit);
	tcase_add_test(tcase, fields_are_counted);
	tcase_add_test(tcase, a_body_of_just_the_limit_is_taken);
	tcase_add_test(tcase, what_is_ignored_has_a_limit);
	tcase_add_test(tcase, a_refusal_is_not_lost_to_a_reset);
	tcase_add_test(tcase, continue_is_said_when_the_peer_waits);
	tcase_add_test(tcase, head_sends_no_body_and_keeps_the_connection);
	tcase_add_test(tcase, eight_posts_in_one_segment);
	tcase_add_test(tcase, a_bad_request_behind_a_good_one);
	tcase_add_test(tcase, an_unfinished_request_of_a_peer_that_shut_is_refused);
	tcase_add_test(tcase, the_date_is_said);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
