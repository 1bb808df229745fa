/* fuzz_ws.c - a hostile server: bytes that a websocket client gets behind a good handshake, or as the answer to it.
 *
 * The first byte chooses: whether the rest is the answer itself, and how many bytes come in one segment with the 101.
 * What is handed out must be what a reader of RFC 6455 makes of the same bytes, in order and of no other kind, up to
 * the first frame that no server may send; all of it no longer than asked for, with a NUL behind it; and each link ends
 * once. Each message is sent back, so that frames leave between those that come. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qg/buf.h"
#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/loop.h"
#include "qg/ws.h"

enum { MOST = 2048, REQUEST_MOST = 4096, CONTROL_MOST = 125 };
enum { FRAME_MORE, FRAME_TEXT, FRAME_BINARY, FRAME_CLOSE = 8, FRAME_PONG = 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct qg_loop *loop;
static struct qg_ws_client *client;
static struct qg_timer *second, *patience;
static struct qg_watch *knock, *visit;
static int door = -1, visitor = -1;
static char url[64];

/* ---- one execution ---- */

static const char *bytes; /* of the server */
static size_t bytes_size, at_once;
static bool is_answer, is_nonsense, opened, ended_once;
static char request[REQUEST_MOST];
static size_t request_size;
static size_t seen; /* bytes that the reader of the same has taken */
static struct qg_buf expected;
static bool is_binary;

static void expect(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* ---- the reader beside it ---- */

struct frame {
	unsigned opcode;
	bool final;
	const char *data;
	size_t size;
};

/* false: no whole frame, or one that no server may send. */
static bool next_frame(struct frame *frame)
{
	const uint8_t *at = (const uint8_t *)bytes + seen;
	size_t left = bytes_size - seen, head = 2;
	if (left < 2 || (at[0] & 0x70) != 0 || (at[1] & 0x80) != 0) {
		return false;
	}
	uint64_t size = at[1];
	if (size >= 126) {
		head = size == 126 ? 4 : 10;
		size = 0;
		for (size_t i = 2; i < head && head <= left; i++) {
			size = size << 8 | at[i];
		}
	}
	if (head > left || size > left - head) {
		return false;
	}
	*frame = (struct frame){at[0] & 0xf, at[0] >> 7, (const char *)at + head, (size_t)size};
	seen += head + (size_t)size;
	return true;
}

/* The next whole message into expected; false: none follows that a good server sends. */
static bool next_message(void)
{
	struct frame frame;
	bool begun = false;
	qg_buf_reset(&expected);
	while (next_frame(&frame)) {
		if (frame.opcode > FRAME_CLOSE && frame.opcode <= FRAME_PONG && frame.final &&
			frame.size <= CONTROL_MOST) {
			continue;
		}
		if (frame.opcode > FRAME_BINARY || begun != (frame.opcode == FRAME_MORE)) {
			return false;
		}
		is_binary = begun ? is_binary : frame.opcode == FRAME_BINARY;
		begun = true;
		expect(qg_buf_add(&expected, frame.data, frame.size) == QG_OK, "memory");
		if (frame.final) {
			return true;
		}
	}
	return false;
}

/* ---- the client ---- */

static void on_opened(void *arg, struct qg_ws *ws)
{
	expect(!opened && !ended_once, "opened twice");
	expect(!is_answer || bytes_size > 0, "opened by nothing");
	opened = true;
}

static void on_message(void *arg, struct qg_ws *ws, const char *data, size_t size, bool binary)
{
	expect(opened && !ended_once, "a message at no time");
	expect(size <= MOST, "a message too long");
	expect(data[size] == '\0', "no NUL behind a message");
	is_nonsense = is_nonsense || !next_message();
	if (!is_nonsense) {
		expect(size == expected.size &&
				(size == 0 || memcmp(data, expected.data, size) == 0),
			"another message");
		expect(binary == is_binary, "another kind of message");
	}
	(void)!qg_ws_send(ws, data, size, binary);
}

static void on_ended(void *arg, struct qg_ws *ws, const struct qg_ws_end *end)
{
	expect(!ended_once, "ended twice");
	expect(end->opened == opened, "opened or not");
	for (const char *c = end->why; *c != '\0'; c++) {
		expect((unsigned char)*c >= ' ' && *c != 0x7f, "words that break a line");
	}
	ended_once = true;
	qg_loop_stop(loop);
}

/* ---- the server ---- */

static void leave(void)
{
	qg_watch_destroy(visit);
	visit = NULL;
	if (visitor >= 0) {
		close(visitor);
	}
	visitor = -1;
}

static void say(const void *data, size_t size)
{
	(void)!send(visitor, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What did not come in the first segment; nothing follows it. */
static void say_rest(void *arg)
{
	if (visitor >= 0) {
		say(bytes + at_once, bytes_size - at_once);
		shutdown(visitor, SHUT_WR);
	}
}

static void answer(void)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	const char *key = strstr(request, name);
	uint8_t digest[QG_SHA1_SIZE];
	struct qg_buf out;
	expect(key != NULL, "a request without a key");
	key += strlen(name);
	qg_buf_init(&out, 256 * 1024);
	if (!is_answer) {
		const struct qg_bytes pieces[] = {
			{key, strcspn(key, "\r")}, {guid, sizeof(guid) - 1}};
		qg_sha1_pieces(pieces, 2, digest);
		qg_buf_add_str(&out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				     "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
		expect(qg_base64_encode(digest, sizeof(digest), &out) == QG_OK, "memory");
		qg_buf_add_str(&out, "\r\n\r\n");
	}
	qg_buf_add(&out, bytes, at_once);
	if (out.size > 0) {
		say(out.data, out.size);
	}
	qg_buf_finish(&out);
	qg_timer_start(second, 0);
}

/* The request; what comes behind it is thrown away, until the client has gone. */
static void on_bytes(void *arg, int fd)
{
	char room[REQUEST_MOST];
	ssize_t got = recv(fd, room, sizeof(room), MSG_DONTWAIT);
	if (got <= 0) {
		leave();
		return;
	}
	bool was_whole = strstr(request, "\r\n\r\n") != NULL;
	size_t left = sizeof(request) - 1 - request_size;
	size_t more = (size_t)got < left ? (size_t)got : left;
	memcpy(request + request_size, room, was_whole ? 0 : more);
	request_size += was_whole ? 0 : more;
	request[request_size] = '\0';
	if (!was_whole && strstr(request, "\r\n\r\n") != NULL) {
		answer();
	}
}

static void on_knock(void *arg, int fd)
{
	leave();
	visitor = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	visit = visitor >= 0 ? qg_watch_readable(loop, visitor, on_bytes, NULL) : NULL;
}

static void too_long(void *arg)
{
	expect(false, "a link that does not end");
}

static void open_all(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	signal(SIGPIPE, SIG_IGN);
	setenv("no_proxy", "*", 1);
	loop = qg_loop_create(1);
	client = qg_ws_client_create(loop);
	second = qg_timer_create(loop, say_rest, NULL);
	patience = qg_timer_create(loop, too_long, NULL);
	door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	expect(bind(door, (struct sockaddr *)&address, size) == 0 && listen(door, 16) == 0 &&
			getsockname(door, (struct sockaddr *)&address, &size) == 0,
		"no door");
	knock = qg_watch_readable(loop, door, on_knock, NULL);
	snprintf(url, sizeof(url), "ws://127.0.0.1:%u/", ntohs(address.sin_port));
	qg_buf_init(&expected, 256 * 1024);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qg_ws_host host = {on_opened, on_message, on_ended};
	if (size == 0 || size > 64 * 1024) {
		return 0;
	}
	if (!loop) {
		open_all();
	}
	bytes = (const char *)data + 1;
	bytes_size = size - 1;
	is_answer = is_nonsense = data[0] & 1;
	at_once = data[0] >> 1 < bytes_size ? data[0] >> 1 : bytes_size;
	opened = ended_once = false;
	request_size = seen = 0;
	request[0] = '\0';
	const struct qg_ws_request wanted = {.url = url, .most = MOST};
	qg_timer_start(patience, 8000);
	expect(qg_ws_open(client, &wanted, &host, NULL) != NULL, "memory");
	qg_loop_run(loop);
	qg_timer_stop(second);
	leave();
	return 0;
}
