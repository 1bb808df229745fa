/* client.c - a browser of a test: one connection, driven by the test's own loop. */
#include "client.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_host.h"

#define IN_MAX (8 * 1024 * 1024)

void client_open(struct client *client, struct qg_loop *loop, unsigned port)
{
	*client =
		(struct client){.loop = loop, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	qg_buf_init(&client->in, IN_MAX);
	struct sockaddr_in there = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_ge(client->fd, 0);
	/* The kernel completes it: the server need not run yet. */
	ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&there, sizeof(there)), 0);
}

void client_close(struct client *client)
{
	close(client->fd);
	qg_buf_finish(&client->in);
}

void client_ask(struct client *client, const char *method, const char *path, const char *headers,
	const char *body)
{
	struct qg_buf out;
	qg_buf_init(&out, IN_MAX);
	qg_buf_printf(&out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", method, path,
		headers ? headers : "");
	if (body) {
		qg_buf_printf(&out, "Content-Length: %zu\r\n", strlen(body));
	}
	qg_buf_add_str(&out, "\r\n");
	qg_buf_add_str(&out, body ? body : "");
	ck_assert_int_eq(out.failed, QG_OK);
	ck_assert_int_eq(send(client->fd, out.data, out.size, MSG_NOSIGNAL), (ssize_t)out.size);
	qg_buf_finish(&out);
}

static void read_some(struct client *client)
{
	char chunk[65536];
	ssize_t got = 0;
	while ((got = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0) {
		ck_assert_int_eq(qg_buf_add(&client->in, chunk, (size_t)got), QG_OK);
	}
	client->closed = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static bool has_answer(void *arg)
{
	struct client *client = arg;
	read_some(client);
	const char *end = client->in.data ? strstr(client->in.data, "\r\n\r\n") : NULL;
	const char *length = end ? strcasestr(client->in.data, "content-length:") : NULL;
	if (!end) {
		return client->closed;
	}
	size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
	return client->in.size >= (size_t)(end + 4 - client->in.data) + body;
}

int client_answer(struct client *client)
{
	fake_host_wait(client->loop, has_answer, client);
	ck_assert_ptr_nonnull(client->in.data);
	return (int)strtol(client->in.data + strlen("HTTP/1.1 "), NULL, 10);
}

const char *client_body(const struct client *client)
{
	const char *end = client->in.data ? strstr(client->in.data, "\r\n\r\n") : NULL;
	return end ? end + 4 : "";
}

int client_get(struct client *client, struct qg_loop *loop, unsigned port, const char *path,
	const char *headers)
{
	client_open(client, loop, port);
	client_ask(client, "GET", path, headers, NULL);
	return client_answer(client);
}

int client_post(struct client *client, struct qg_loop *loop, unsigned port, const char *path,
	const char *headers, const char *body)
{
	client_open(client, loop, port);
	client_ask(client, "POST", path, headers, body);
	return client_answer(client);
}

size_t client_count(const struct client *client, const char *text)
{
	size_t count = 0;
	for (const char *at = client->in.data; at && (at = strstr(at, text)); at++) {
		count++;
	}
	return count;
}

struct wanted {
	struct client *client;
	const char *text;
	size_t times;
};

static bool has_text(void *arg)
{
	struct wanted *wanted = arg;
	read_some(wanted->client);
	return client_count(wanted->client, wanted->text) >= wanted->times;
}

void client_expect(struct client *client, const char *text, size_t times)
{
	struct wanted wanted = {client, text, times};
	fake_host_wait(client->loop, has_text, &wanted);
	ck_assert_uint_eq(client_count(client, text), times);
}
